"""The leads of the day: what each unit's own system would send to its agent. All persons are invented."""
import datetime
import json
import pathlib
import zlib

CHINA = datetime.timezone(datetime.timedelta(hours=8))
NOW = datetime.datetime.now(CHINA)
TODAY = NOW.date().isoformat()
PLANTED = "陌生男子自称表哥全程代答"  # in a sealed section; the broker must never hold it


def ago(minutes):
    return (NOW - datetime.timedelta(minutes=minutes)).isoformat(timespec="seconds")


def later(hours):
    return (NOW + datetime.timedelta(hours=hours)).isoformat(timespec="seconds")


MARRIAGE = {
    "kind": "anomaly.marriage", "area": "120102007", "officer": "ca-0312",
    "sections": {
        "summary": {"pseudonym": "V1", "signs": ["spoken-for", "afraid"],
                    "counter_action": "suspended", "present_now": "yes", "noticed_on": TODAY,
                    "street": "120102007"},
        "full": {"what": f"女方约二十岁，{PLANTED}，问及年龄时发抖。", "office": "婚姻登记处3号窗口",
                 "noticed_at": ago(20),
                 "persons": [{"role": "party", "name": "阿依古丽·买买提", "sex": "2"},
                             {"role": "companion", "features": "左手缺小指"}],
                 "actions_taken": "以系统故障为由请其等候。", "contact_name": "值班室",
                 "contact_phone": "022-12345678"}}}

MANDATORY = {
    "kind": "lead.mandatory-report", "area": "120102006", "officer": "edu-17",
    "sections": {
        "summary": {"pseudonym": "V1", "signs": ["4", "7"], "age_band": "6-13", "sex": "2",
                    "danger": "likely", "care_needed": "unknown", "noticed_on": TODAY,
                    "street": "120102006"},
        "full": {"what": "学生近日由陌生人接送，称呼不清，身上有新伤。", "noticed_at": ago(90),
                 "place": "学校医务室", "area": "120102006",
                 "persons": [{"role": "minor", "name": "小雨", "sex": "2", "age_years": 9}],
                 "institution": "某小学", "institution_type": "school",
                 "actions_taken": "班主任陪同留校。", "contact_name": "德育处",
                 "contact_phone": "022-12345678"},
        "reporter": {"role": "teacher", "pseudonym": "R1", "wants_anonymity": True, "name": "王某",
                     "phone": "022-12345678", "channel": "in-person"}}}

BIRTH = {
    "kind": "anomaly.birth", "topic": "assumed-identity", "area": "120102004", "officer": "h-8",
    "sections": {
        "summary": {"pseudonym": "V1", "doubt": "assumed-identity", "institution_type": "maternity",
                    "mother_present": "yes", "child_present": "yes", "noticed_on": TODAY,
                    "street": "120102004"},
        "full": {"what": "产妇所持证件照片与本人不符，血型与既往档案不同。", "institution": "某妇产医院",
                 "record_number": "ZY2026030017", "noticed_at": ago(60),
                 "persons": [{"role": "presented", "name": "李某", "sex": "2"}],
                 "contact_name": "医务科", "contact_phone": "022-12345678"}}}

def readme_example():
    """lead.json of the README: what it shows is what is sent here."""
    text = (pathlib.Path(__file__).resolve().parents[2] / "README.md").read_text("utf-8")
    lines = text[text.index("with `lead.json`:"):].split("\n")[2:]
    taken = []
    for line in lines:
        if not line.startswith("    "):
            break
        taken.append(line)
    return json.loads("\n".join(taken))


STREET_MINOR = readme_example()

MISSING = {
    "kind": "alert.missing-child", "topic": "issue", "area": "120102005", "officer": "p-1101",
    "sections": {
        "alert": {"revision": 1, "name": "小明", "sex": "1", "age_years": 6, "height_cm": 118,
                  "features": "左眉有疤", "clothing": "蓝色外套，黄色书包", "place": "河滨公园北门",
                  "area": "120102005", "lost_at": ago(50), "radius_m": 3000, "contact": "指挥中心",
                  "contact_phone": "110", "valid_until": later(48)}}}

PHOTO_SAYS = b"39.1253N 117.2271E 2026:03:02 16:40:11 PhoneCam"  # what a telephone writes beside a picture


def photo():
    """A boy in a blue coat with a yellow bag, as a PNG, with what a telephone writes into its pictures."""
    wide, high = 120, 160
    rows = bytearray()
    for y in range(high):
        rows.append(0)
        for x in range(wide):
            if (x - 60) ** 2 + (y - 45) ** 2 < 22 ** 2:
                rows += b"\xf0\xc8\xa8"  # face
            elif y > 70 and abs(x - 60) < 14 + (y - 70) // 5:
                rows += b"\xf5\xd0\x30" if x > 76 and y < 120 else b"\x30\x60\xc0"  # bag, coat
            else:
                rows += bytes((150 + y // 3, 190 + y // 4, 200))

    def chunk(kind, body):
        return len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")

    head = wide.to_bytes(4, "big") + high.to_bytes(4, "big") + bytes((8, 2, 0, 0, 0))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"tEXt", b"Comment\0" + PHOTO_SAYS)
            + chunk(b"IDAT", zlib.compress(bytes(rows), 9)) + chunk(b"IEND", b""))


SIGHTING = {
    "kind": "lead.suspected-trafficking", "area": "120102003", "officer": "wl-2",
    "sections": {
        "summary": {"pseudonym": "V1", "suspicion": "sighting", "person_class": "child",
                    "age_band": "6-13", "person_count": 1, "danger": "likely", "present_now": "yes",
                    "seen_on": TODAY, "street": "120102003", "place_type": "hotel"},
        "full": {"what": "旅店前台见一男童，衣着与警报相符，随行男子不出示证件。", "place": "某旅店前台",
                 "area": "120102003", "seen_at": ago(5), "contact_name": "值班经理",
                 "contact_phone": "022-12345678"},
        "reporter": {"role": "hotel", "wants_anonymity": True, "channel": "phone"}}}

CANCEL = {
    "kind": "alert.missing-child-cancel", "officer": "p-1101",
    "sections": {"alert": {"revision": 2, "reason": "found-safe", "stood_down_at": ago(0)}}}

HANDOFF = {
    "kind": "handoff.victim", "area": "120102007", "officer": "p-2207",
    "sections": {
        "summary": {"pseudonym": "V1", "person_class": "woman", "age_band": "18-59", "sex": "2",
                    "medical_need": "check", "rescued_on": TODAY, "street": "120102007"},
        "full": {"persons": [{"role": "victim", "name": "阿依古丽·买买提", "sex": "2"}],
                 "rescued_at": ago(15), "handover_at": ago(1), "place": "区救助站",
                 "circumstances": "解救时无人受伤。",
                 "materials": [{"title": "询问笔录", "pages": 4}], "guardian_state": "adult",
                 "handing_officer": "张警官", "contact_phone": "022-12345678"}}}


def medical(topic, **more):
    return {
        "kind": "handoff.medical", "topic": topic, "area": "120102007", "officer": "ca-0319",
        "sections": {
            "summary": {"pseudonym": "V1", "tests": ["general", "infection"], "age_band": "18-59", "sex": "2"},
            "full": {"person": {"role": "victim", "name": "阿依古丽·买买提", "sex": "2"},
                     "tests": ["general", "infection"], "needs": "需女性医护陪同。", **more}}}


CONCLUSION = {
    "kind": "handoff.dna-conclusion", "officer": "p-2207",
    "sections": {
        "summary": {"pseudonym": "V1", "concluded_on": TODAY},
        "full": {"sample_number": "HD-2026-0017", "taken_on": TODAY, "conclusion": "pending",
                 "concluded_on": TODAY, "reviewed_by": "张警官"}}}


def referral(service, area, officer="ca-0319"):
    return {
        "kind": "handoff.service-referral", "topic": service, "area": area, "officer": officer,
        "sections": {
            "summary": {"pseudonym": "V1", "service": service, "age_band": "18-59",
                        "consent": "given", "street": area},
            "full": {"service": service, "person": {"role": "client", "name": "阿依古丽·买买提"},
                     "need": "本人提出的服务需求，详见约谈记录。", "contact_name": "李社工",
                     "contact_phone": "022-12345678"}}}


VERIFY = {
    "kind": "notice.verify", "topic": "staff-vetting", "officer": "edu-21",
    "sections": {
        "full": {"purpose": "staff-vetting", "legal_basis": "minors-law-62",
                 "subject": {"role": "subject", "name": "赵某", "id_number": "11010519491231002X"},
                 "post": "保育员"}}}

BULLETIN = {
    "kind": "notice.bulletin", "officer": "wf-6",
    "sections": {
        "notice": {"topic": "method", "title": "关于防范虚假招工的提示",
                   "text": "近期出现以高薪招工为名诱骗青年外出的情况，请各单位加强宣传。"}}}


def quick(number, area="120102009"):
    """A short lead, several of which cross the broker's death."""
    return {
        "kind": "lead.suspected-trafficking", "area": area, "officer": "cd-3",
        "sections": {
            "summary": {"suspicion": "forced-labour", "danger": "unknown", "seen_on": TODAY},
            "full": {"what": f"群众反映某作坊夜间有人被锁在屋内（第{number}次反映）。"}}}


# What a hospital must not send: a DNA result, here typed into the words of an ordinary lead.
DNA = {
    "kind": "lead.suspected-trafficking", "area": "120102004", "officer": "h-8",
    "sections": {
        "summary": {"suspicion": "child-trafficking", "danger": "none-seen"},
        "full": {"what": "亲子鉴定结果：D3S1358 15,16；vWA 14,17；FGA 21,24；TH01 7,9；D8S1179 12,13，"
                         "支持亲缘关系。"}}}
