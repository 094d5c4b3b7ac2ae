"""A realistic day in the district, told as it happens, then audited. Exit 0 only if it all holds."""
import datetime
import hashlib
import json
import os
import pathlib
import shutil
import signal
import sqlite3
import sys
import time

import ceremony
import leads
from district import BIN, District, Failed, Refused, TOP, run
from words import BOLD, DIM, GREEN, LANG, RED, RESET, Stage, of, say, t

ACT_KINDS = {"sign": "receipt.signed", "accept": "receipt.accepted", "return": "receipt.returned",
             "progress": "receipt.progress", "close": "receipt.closed",
             "urge": "supervision.urge"}


class Day:
    def __init__(self, district, tour):
        self.district = district
        self.short = False  # in the tour the rest of the day is told without the clauses' words
        self.tour = tour
        self.expected = {}  # message id -> set of units, as previewed before sending
        self.sent = 0

    def agent(self, key):
        return self.district.agents[key]

    def name(self, key):
        return of(self.agent(key).unit, "name")

    # ---- sending --------------------------------------------------------------------------------
    def tell_route(self, preview, brief=False):
        """Who receives it by which clause, and whom the clauses name without its being sent there."""
        groups = {}
        for one in preview["recipients"]:
            groups.setdefault((one["act"], one["citation"]), []).append(one)
        for (act, citation), units in groups.items():
            one = units[0]
            must = t("须签收", "must sign") if act == "sign" else t("抄送", "copy")
            reads = t("、", ", ").join(section(name) for name in one["sections"])
            reads = reads or t("仅信头", "header only")
            print(t(f"    → {names(units)}（{must}，可读 {reads}）",
                    f"    → {names(units)} ({must}, reads {reads})"))
            if not (brief or self.short):
                why = of(one, "reason")
                print(f"{DIM}       {citation}  {of(one, 'citation')}{t('；', '; ')}{why}{RESET}")
        skipped = {}
        for one in preview["not_addressed"]:
            skipped.setdefault(of(one, "reason"), []).append(one)
        for reason, units in skipped.items():
            print(t(f"{DIM}    × 未发给 {names(units)}：{reason}{RESET}",
                    f"{DIM}    × not to {names(units)}: {reason}{RESET}"))

    def note(self, answer, preview):
        self.expected[answer["id"]] = {one["unit"] for one in preview["recipients"]}
        self.sent += 1

    def send(self, unit, draft, brief=False, receipt=True, quiet=False):
        agent = self.agent(unit)
        preview = agent.call("POST", "/v1/preview", draft)
        if not quiet:
            self.tell_route(preview, brief)
        path = "/v1/messages" + ("?wait=receipt&timeout=30" if receipt else "")
        answer = agent.call("POST", path, draft)
        self.note(answer, preview)
        if receipt:
            if answer["state"] != "receipted":
                raise Failed(f"no receipt: {answer}")
            if not quiet:
                print(t(f"    回执：日志第 {answer['index']} 条，包含证明已验证",
                        f"    receipt: record {answer['index']} of the journal, proof verified"))
        return answer

    def act(self, unit, answer, act, quiet=False, **more):
        """One step of the lifecycle, on the message that `answer` is about."""
        agent = self.agent(unit)
        if act != "urge":
            agent.wait_for([answer["id"]])
        draft = {"kind": ACT_KINDS[act], "thread": answer["thread"], "parent": answer["id"]}
        topic = more.get("reason") if act == "return" else more.get("outcome")
        if topic:
            draft["topic"] = topic
        preview = agent.call("POST", "/v1/preview", draft)
        body = {"act": act, "message": answer["id"], **more}
        done = agent.call("POST", f"/v1/threads/{answer['thread']}/acts?wait=receipt&timeout=30",
                          body)
        if done["state"] != "receipted":
            raise Failed(f"no receipt: {done}")
        self.note(done, preview)
        if not quiet:
            to = t("、", "; ").join(of(one, "name") for one in preview["recipients"])
            words = {"sign": t("签收", "signs for it"), "accept": t("受理", "accepts"),
                     "return": t("退回", "returns it"), "progress": t("反馈", "reports progress"),
                     "close": t("办结", "closes"), "urge": t("催办", "urges")}[act]
            print(f"    {self.name(unit)}{t('', ' ')}{words}  {DIM}→ {to}{RESET}")
        return done

    def refused(self, unit, draft):
        try:
            self.agent(unit).call("POST", "/v1/messages?wait=receipt&timeout=30", draft)
        except Refused as refusal:
            problem = refusal.problem
            print(f"    {RED}{t('拒绝', 'refused')}{RESET} {of(problem, 'title')}"
                  + t(f"（{problem['code']}）", f" ({problem['code']})"))
            print(f"{DIM}      {problem.get('field', '')} {problem.get(t('detail_zh', 'detail'), problem.get('detail', ''))}{RESET}")
            return problem["code"]
        raise Failed("what must be refused was taken")

    # ---- reading --------------------------------------------------------------------------------
    def read(self, unit, answer):
        """Shows what a unit can open, in the words of the kind's schema."""
        agent = self.agent(unit)
        agent.wait_for([answer["id"]])
        message = agent.call("GET", f"/v1/inbox/{answer['id']}")
        schema = agent.call("GET", f"/v1/kinds/{message['kind']}")["schema"]["properties"]
        for name, content in message["sections"].items():
            show(content, schema[name])
        return message

    def everything_arrived(self):
        """Each unit's inbox against what was previewed for it: nothing missing, nothing twice."""
        for key, agent in self.district.agents.items():
            wanted = {i for i, units in self.expected.items() if key in units}
            agent.wait_for(wanted)
            agent.fetch()
            got = [item["id"] for item in agent.messages()]
            if len(got) != len(set(got)):
                raise Failed(f"{key}: a message arrived twice")
            if set(got) != wanted:
                raise Failed(f"{key}: got what was not for it: {set(got) - wanted}")
            for item in agent.inbox:
                if item["type"] == "exception":
                    raise Failed(f"{key}: could not open {item}")
        return sum(len(units) for units in self.expected.values())


def show(content, schema):
    print(f"      [{title(schema)}]")
    for key, value in content.items():
        field = schema["properties"][key]
        print(f"        {title(field)}: {plain(value, field)}")


def title(schema):
    both = schema.get("title", "").split(" / ")
    return both[-1] if LANG == "en" else both[0]


def plain(value, schema):
    if isinstance(value, list):
        return t("；", "; ").join(plain(one, schema.get("items", {})) for one in value)
    if isinstance(value, dict):
        fields = schema.get("properties", {})
        return t("，", ", ").join(f"{title(fields.get(k, {})) or k} {plain(v, fields.get(k, {}))}"
                                 for k, v in value.items())
    label = schema.get("x-labels", {}).get(str(value))
    if label:
        return label.get(LANG, value) if isinstance(label, dict) else label
    return clock(value) if isinstance(value, str) and value.endswith("Z") else str(value)


def clock(text):
    """A time of the API, as the clock on the wall shows it."""
    moment = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    return moment.astimezone().strftime("%H:%M:%S")


def section(name):
    """A section, as people call it."""
    words = {"summary": "摘要", "full": "全文", "reporter": "报告人", "alert": "警报"}
    return t(words.get(name, name), name)


def names(units, most=4):
    text = t("、", "; ").join(of(unit, "name") for unit in units[:most])
    if len(units) > most:
        text += t(f" 等 {len(units)} 个单位", f" and {len(units) - most} more")
    return text


# ---- the scenes ---------------------------------------------------------------------------------
def marriage(day):
    say("  民政窗口的系统把一件疑似情形交给本单位代理（一次调用）。代理按方案推导接收单位：",
        "  The civil affairs counter's system hands a doubtful registration to its agent (one call). The "
        "agent derives the recipients from the plan:")
    lead = day.send("civil-affairs", leads.MARRIAGE)
    say(f"  {BOLD}公安河东分局读到：{RESET}", f"  {BOLD}What the police read:{RESET}")
    day.read("police-hedong", lead)
    say(f"  {BOLD}区妇联读到（只有摘要，没有姓名）：{RESET}",
        f"  {BOLD}What the women's federation reads (the summary, no name):{RESET}")
    message = day.read("womens-federation", lead)
    if "full" in message["sections"]:
        raise Failed("the women's federation can read the full section")
    say(f"  {BOLD}总线持有：{RESET}信头（谁、何时、依据哪条）与密文：",
        f"  {BOLD}What the broker holds:{RESET} the header (who, when, by which clause) and ciphertext:")
    for name, cipher in ciphertexts(day.district, lead["index"]):
        print(f"      {section(name)}: {DIM}{cipher[:40].hex()}…{RESET} ({len(cipher)} {t('字节', 'bytes')})")
    say("    在它的日志库与运行日志中查找正文原句：",
        "    looking for a sentence of the text in its database and its log:")
    found = search_broker(day.district, leads.PLANTED)
    if found:
        raise Failed(f"plaintext at the broker: {found}")
    say(f"    {GREEN}没有{RESET}", f"    {GREEN}not there{RESET}")
    return lead


def ciphertexts(district, index):
    """The sealed sections of a record, straight out of the broker's database."""
    path = district.folder / "broker" / "state" / "journal.db"
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    rows = db.execute("SELECT id % 64, bytes FROM blobs WHERE id / 64 = ? ORDER BY id", (index,))
    found = [(("summary", "full", "reporter")[ordinal], cipher) for ordinal, cipher in rows]
    db.close()
    return found


def search_broker(district, what):
    needles = [what] if isinstance(what, bytes) else [what.encode(), what.encode("utf-16-le")]
    return [str(path) for path in (district.folder / "broker").rglob("*")
            if path.is_file() and any(needle in path.read_bytes() for needle in needles)]


def handled(day, lead):
    started = time.monotonic()
    day.act("police-hedong", lead, "sign", officer="p-1101", officer_name="张警官")
    accepted = day.act("police-hedong", lead, "accept", officer="p-1101",
                       reference_number="河公受〔2026〕88号", decision="case-accepted")
    day.agent("civil-affairs").wait_for([accepted["id"]])
    seconds = time.monotonic() - started
    thread = day.agent("civil-affairs").call("GET", f"/v1/threads/{lead['thread']}")
    for leg in thread["legs"]:
        print(f"    {t('发送单位看到', 'the sender sees')}: {of(leg, 'name')} {of(leg, 'state')} "
              f"{clock(leg['changed_at']) if 'changed_at' in leg else ''}")
    say(f"    每一步都是签名并入账的消息，带时间（两步共 {seconds:.2f} 秒）",
        f"    each step is a signed, journaled message with its time (both took {seconds:.2f} s)")


def the_day(day):
    say("  学校强制报告（报告人一段只有公安能读）：", "  A school's mandatory report (the reporter section opens "
        "for the police alone):")
    mandatory = day.send("education", leads.MANDATORY)
    say("  妇产医院经卫健委报告冒名入院：", "  A maternity hospital reports an admission under another's name:")
    birth = day.send("health", leads.BIRTH)
    say("  大直沽街道网格员发现乞讨男孩：", "  A grid worker of Dazhigu street finds a boy begging:")
    minor = day.send("st-dazhigu", leads.STREET_MINOR)
    for unit in ("police-hedong", "civil-affairs"):
        day.act(unit, minor, "sign", officer="duty-1")
    day.act("police-hedong", mandatory, "sign", officer="p-1102")
    day.act("police-hedong", mandatory, "accept", officer="p-1102", decision="handled")
    day.act("police-hedong", birth, "sign", officer="p-1102")
    day.act("st-dazhigu", minor, "urge", officer="dzg-4", reason="accept")
    for unit in ("police-hedong", "civil-affairs"):
        day.act(unit, minor, "accept", officer="duty-1", decision="handled")
    say("  教育局查询拟聘保育员：", "  Education asks about a nursery worker before hiring:")
    verify = day.send("education", leads.VERIFY, brief=True)
    day.act("procuratorate", verify, "sign", officer="jc-9")
    day.act("procuratorate", verify, "close", officer="jc-9", outcome="not-confirmed")


def offline_and_alert(day):
    say("  区司法局的代理停机（断网、断电都一样）。", "  The justice bureau's agent goes down (network or power, it "
        "is the same).")
    day.agent("justice").stop()
    say("  公安发布儿童失踪警报，先到失踪地街道：", "  The police issue a missing-child alert, to the street where it happened "
        "first:")
    first = day.send("police-hedong", leads.MISSING)
    say("  第二版扩大到全区，附家长手机里的照片：", "  A revision widens it to the whole district, with the photo from the "
        "parents' telephone:")
    photo = day.agent("police-hedong").upload("alert.missing-child", "小明.png", leads.photo())
    named = [{"id": photo["id"], "confirm_no_dna": True}]
    wider = {"alert": dict(leads.MISSING["sections"]["alert"], revision=2)}
    alert = day.send("police-hedong", dict(leads.MISSING, topic="district", sections=wider, thread=first["thread"],
                                           parent=first["id"], attachments=named), brief=True)
    say(f"    照片去除了拍摄地点、时间、设备（{photo['removed_bytes']} 字节）后才加密",
        f"    of the photo, place, time and device ({photo['removed_bytes']} bytes) were taken out before it was sealed")
    seen(day, "culture-tourism", alert, photo)
    say("  旅店前台认出孩子，经文旅局代理报告：", "  A hotel desk recognises the child and reports through its unit's agent:")
    sighting = day.send("culture-tourism", leads.SIGHTING)
    day.act("police-hedong", sighting, "sign", officer="p-1101")
    day.act("police-hedong", sighting, "accept", officer="p-1101", decision="handled")
    day.act("police-hedong", sighting, "progress", officer="p-1101", step="found",
            text="孩子已找到。")
    say("  孩子平安，警报解除，送达收到过警报的每一单位。", "  The child is safe; the stand-down goes to everybody who "
        "had the alert.")
    cancel = dict(leads.CANCEL, thread=alert["thread"], parent=alert["id"])
    day.send("police-hedong", cancel, brief=True, quiet=True)
    say("  区妇联发通报，民政转介法律援助（两件都含停机的司法局）：", "  The women's federation sends a bulletin, civil "
        "affairs refers somebody to legal aid (both concern the justice bureau, which is down):")
    day.send("womens-federation", leads.BULLETIN, quiet=True)
    aid = day.send("civil-affairs", leads.referral("legal-aid", "120102007"))
    waiting = sum("justice" in units for units in day.expected.values())
    say(f"  司法局的代理恢复，补收排队的 {waiting} 件：", f"  The justice bureau's agent is back and catches up with {waiting} "
        "messages:")
    agent = day.agent("justice").start()
    agent.ready()
    agent.wait_for([i for i, units in day.expected.items() if "justice" in units])
    say(f"    {GREEN}全部收到，顺序不变{RESET}", f"    {GREEN}all there, in order{RESET}")
    day.act("justice", aid, "sign", officer="sf-5")
    day.act("justice", aid, "accept", officer="sf-5", decision="assigned")


def seen(day, unit, alert, photo):
    """The photo as a recipient gets it; what the broker has of it."""
    agent = day.agent(unit)
    agent.wait_for([alert["id"]])
    content = agent.call("GET", f"/v1/messages/{alert['id']}/attachments/1?wait=30")
    if hashlib.sha256(content).hexdigest() != photo["sha256"] or leads.PHOTO_SAYS in content:
        raise Failed("not the photo that was sent, or with what it should not tell")
    if search_broker(day.district, content[-64:-16]):
        raise Failed("the photo lies readable at the broker")
    print(t(f"    {day.name(unit)}收到照片，{len(content)} 字节，与发送方签名的摘要一致；总线上只有密文",
            f"    {day.name(unit)} has the photo, {len(content)} bytes, the digest that its sender signed; the broker "
            "has ciphertext"))


def rescue(day, lead):
    day.act("police-hedong", lead, "close", officer="p-1101", outcome="case-opened",
            text="已立案侦查。")
    say("  解救后移交民政：", "  After the rescue, the handover to civil affairs:")
    say("  血样比对结论只由公安发出，只有编号与结论；有了它才能移交：", "  The blood sample's conclusion comes from the police "
        "alone, as a number and a code; nothing is handed over before it:")
    sample = day.send("police-hedong", leads.CONCLUSION)
    handoff = day.send("police-hedong", dict(leads.HANDOFF, thread=sample["thread"], parent=sample["id"]))
    day.act("civil-affairs", handoff, "sign", officer="ca-0319")
    day.act("civil-affairs", handoff, "accept", officer="ca-0319", decision="handled")
    say("  体检：委托与结果各是一件，病历留在医院：", "  A medical check: request and result; the record stays at the hospital:")
    asked = day.send("civil-affairs", leads.medical("request"), brief=True)
    day.act("health", asked, "sign", officer="h-8")
    day.act("health", asked, "accept", officer="h-8", decision="assigned")
    day.send("health", dict(leads.medical("result", result="fit", report_number="TJ-0302-7"),
                            thread=asked["thread"], parent=asked["id"]), brief=True, quiet=True)
    day.act("health", asked, "close", officer="h-8", outcome="done")
    say("  转介街道救助，填错了街道，被退回后重发：", "  Referred to a street for relief, to the wrong one; returned and sent "
        "again:")
    wrong = day.send("civil-affairs", leads.referral("relief", "120102011"))
    day.act("st-dongxin", wrong, "sign", officer="dx-2")
    day.act("st-dongxin", wrong, "return", officer="dx-2", reason="other-area",
            text="该对象居住地不在本街道。", proposed_unit="st-tangjiakou")
    right = day.send("civil-affairs", leads.referral("relief", "120102007"), brief=True)
    day.act("st-tangjiakou", right, "sign", officer="tj-1")
    day.act("st-tangjiakou", right, "accept", officer="tj-1", decision="handled")
    day.act("st-tangjiakou", right, "progress", officer="tj-1", step="served", text="已落实。")
    day.act("st-tangjiakou", right, "close", officer="tj-1", outcome="done")
    day.act("civil-affairs", handoff, "close", officer="ca-0319", outcome="settled")


def refusals(day):
    say("  医院把 DNA 分型结果写进普通线索：", "  A hospital types a DNA result into an ordinary lead:")
    if day.refused("health", leads.DNA) != "forbidden_content":
        raise Failed("refused for another reason")
    say("  医院自行发布儿童失踪警报：", "  A hospital issues a missing-child alert itself:")
    if day.refused("health", leads.MISSING) != "sender_not_allowed":
        raise Failed("refused for another reason")


def killed(day):
    district = day.district
    say("  四条线索正在途中，服务端被 kill -9：", "  Four leads are on their way when the broker is killed with -9:")
    answers = [day.send("st-changzhoudao", leads.quick(n), receipt=False, quiet=True)
               for n in (1, 2)]
    district.broker.stop(signal.SIGKILL)
    answers += [day.send("st-changzhoudao", leads.quick(n), receipt=False, quiet=True)
                for n in (3, 4)]
    say("    服务端已死；代理照常受理（已落盘），提交方拿到编号",
        "    the broker is dead; the agents go on taking leads (durably) and giving ids")
    started = time.monotonic()
    district.start_broker()
    police = day.agent("police-hedong")
    police.wait_for([answer["id"] for answer in answers])
    seconds = time.monotonic() - started
    say(f"    重启后 {seconds:.1f} 秒，四条全部到达公安，{GREEN}一条不少，一条不重{RESET}",
        f"    {seconds:.1f} s after the restart all four are with the police, "
        f"{GREEN}none lost, none twice{RESET}")
    for answer in answers:
        state = day.agent("st-changzhoudao").call("GET", f"/v1/messages/{answer['id']}")
        if state["outbox"]["state"] != "receipted":
            raise Failed(f"no receipt after the restart: {state['outbox']}")


# ---- the audit ----------------------------------------------------------------------------------
def take_journal(district):
    """The broker is stopped cleanly; what is left is one file."""
    source = district.folder / "broker" / "state" / "journal.db"
    wal = pathlib.Path(f"{source}-wal")
    if wal.exists() and wal.stat().st_size:
        with sqlite3.connect(source) as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    copy = district.folder / "hedong-journal.db"
    shutil.copyfile(source, copy)
    return copy


def audit(day, lead, journal):
    root = day.district.folder / "root.note"
    say("  leadbus-replay：不联网、不用任何密钥，只凭日志副本、信任根的公钥和公安留存的一张回执",
        "  leadbus-replay: no network, no keys, only a copy of the journal, the root's public keys and a "
        "receipt that the police kept")
    run("leadbus-replay", "verify", "--root", root, "--chunks", day.district.folder / "broker" / "state" / "chunks",
        journal)
    replayed = json.loads(run("leadbus-replay", "replay", "--json", "--root", root, "--checkpoint",
                              day.district.folder / "kept.tlog-proof", journal).out)
    print(t(f"    {replayed['record_count']} 条记录、{replayed['signature_count']} 个签名全部成立；"
            f"每条重新裁决，逐字节相同；各单位总账平衡",
            f"    {replayed['record_count']} records and {replayed['signature_count']} signatures hold; "
            f"every record decided again, byte for byte; every unit's account adds up"))
    for unit in replayed["units"]:
        if unit["waiting"] or unit["undeliverable"] or unit["expired"]:
            raise Failed(f"the journal says that something was not delivered: {unit}")
    listed = json.loads(run("leadbus-replay", "list", "--json", "--root", root, journal).out)
    told = {one["id"]: {r["unit"] for r in one["recipients"]} for one in listed}
    if told != day.expected:
        raise Failed("the journal's recipients are not those that were previewed")
    delivered = sum(unit["delivered"] for unit in replayed["units"])
    if delivered != sum(len(units) for units in day.expected.values()):
        raise Failed(f"the journal says {delivered} deliveries")
    print(t(f"    代理预览、各单位收件箱、日志三方一致：{len(told)} 件消息，{delivered} 次送达",
            f"    previews, inboxes and journal agree: {len(told)} messages, {delivered} deliveries"))
    explained = run("leadbus-replay", "explain", "--root", root, journal, lead["id"]).out
    print(DIM + "".join(f"    {line}\n" for line in explained.splitlines()[:16]) + RESET, end="")
    evidence = day.district.folder / "evidence.json"
    run("leadbus-replay", "prove", "--root", root, "-o", evidence, journal, lead["id"])
    proved = run("leadbus-replay", "check", "--root", root, evidence).out
    print("".join(f"    {line}\n" for line in proved.splitlines()), end="")


def tamper(day, journal):
    root = day.district.folder / "root.note"
    changed = day.district.folder / "changed-journal.db"
    shutil.copyfile(journal, changed)
    with sqlite3.connect(changed) as db:
        db.execute("PRAGMA journal_mode = DELETE")
        (row, data), = db.execute("SELECT seq, bytes FROM records ORDER BY seq LIMIT 1 OFFSET "
                                  "(SELECT count(*) / 2 FROM records)")
        data = bytearray(data)
        data[len(data) // 2] ^= 1
        db.execute("UPDATE records SET bytes = ? WHERE seq = ?", (bytes(data), row))
    db.close()
    say(f"  有人在日志副本第 {row} 条里改了一个比特：", f"  Somebody changes one bit in record {row} of a copy:")
    done = run("leadbus-replay", "verify", "--root", root, changed, ok=(1,))
    print("".join(f"    {RED}{line}{RESET}\n" for line in done.err.splitlines()[:2]), end="")
    if f"records[{row}]" not in done.err:
        raise Failed("the changed record was not named")
    changed.unlink()


def tell(day, stage):
    started = time.monotonic()
    district = day.district
    stage.scene("仪式：三把授权密钥，两把签字才算数；42 个单位各自生成密钥",
                "The ceremony: three authority keys of which two must sign; 42 units make their own keys")
    ceremony.hold(district)
    district.write_configs()
    district.start_broker()
    district.start_agents()
    say(f"  总线与 {len(district.agents)} 个单位的代理已就绪（{time.monotonic() - started:.0f} 秒）",
        f"  the broker and the agents of {len(district.agents)} units are up "
        f"({time.monotonic() - started:.0f} s)")
    stage.scene("婚姻登记窗口", "The marriage counter")
    lead = marriage(day)
    stage.scene("签收，计时", "Signed for, and timed")
    handled(day, lead)
    stage.scene("这一天的其他事", "The rest of the day")
    day.short = day.tour
    the_day(day)
    stage.scene("一个代理停机，一个孩子走失", "One agent down, one child missing")
    offline_and_alert(day)
    stage.scene("解救、移交、转介、退回", "Rescue, handover, referral, return")
    rescue(day, lead)
    stage.scene("拒绝，用人话说", "Refused, in plain words")
    refusals(day)
    stage.scene("kill -9", "kill -9")
    killed(day)
    stage.scene("清点", "The count")
    count = day.everything_arrived()
    say(f"  {day.sent} 件消息，{count} 次送达：应收者各一次，不应收者一次也没有",
        f"  {day.sent} messages, {count} deliveries: once to each who should, never to anybody else")
    if search_broker(district, leads.PLANTED):
        raise Failed("plaintext at the broker")
    # A receipt that the police keep, of their last message: with it the auditor sees a cut journal.
    last = day.agent("police-hedong").call("GET", "/v1/messages?state=receipted&limit=500")["items"]
    newest = max(last, key=lambda one: one["index"])
    receipt = day.agent("police-hedong").call("GET", f"/v1/messages/{newest['id']}/receipt")
    (district.folder / "kept.tlog-proof").write_bytes(receipt)
    return lead


def forget_old_runs(folder, keep=3):
    """The newest few runs stay to be looked at; each takes some 10 MB."""
    runs = sorted((one for one in folder.glob("*-*") if one.is_dir()),
                  key=lambda one: one.stat().st_mtime)
    for one in runs[:-keep]:
        shutil.rmtree(one, ignore_errors=True)


def options_of(arguments):
    usage = t("用法：./run demo [--tour | --district]\n  --tour      逐幕讲解，按回车继续\n"
              "  --district  只建起全区并保持运行，供自己动手；按 Ctrl-C 停止",
              "usage: ./run demo [--tour | --district]\n  --tour      scene by scene, Enter between scenes\n"
              "  --district  only the district, which keeps running for you to try it; Ctrl-C stops it")
    if arguments in (["-h"], ["--help"]):
        print(usage)
        sys.exit(0)
    if arguments not in ([], ["--tour"], ["--district"]):
        print(usage, file=sys.stderr)
        sys.exit(64)
    return arguments[0] if arguments else ""


def keep_running(district):
    """Every unit is up and nothing has happened yet: the reader is who acts, from another terminal."""
    say("全区建立中（密钥仪式、全部单位）……", "the district is being set up: key ceremony, every unit ...")
    ceremony.hold(district)
    district.write_configs()
    district.start_broker()
    district.start_agents()
    at = district.sockets
    say(f"\n{GREEN}全区已在运行{RESET}：{len(district.agents)} 个单位，各有一个套接字 {at}/单位代码.sock"
        f"（单位代码见 proto/hedong-2022/units.tsv）。另开一个终端，例如：",
        f"\n{GREEN}The district is running{RESET}: {len(district.agents)} units, each with its socket {at}/UNIT.sock "
        f"(the units: proto/hedong-2022/units.tsv). In another terminal, for instance:")
    print(f"\n  export PATH={BIN}:$PATH MANPATH={TOP}/docs/man:\n"
          f"  export LEADBUS_AGENT={at}/civil-affairs.sock LEADBUS_OFFICER=ca-0312\n"
          f"  leadbus kinds\n"
          f"  leadbus kinds anomaly.marriage --example > lead.json\n"
          f"  leadbus send anomaly.marriage --file lead.json --wait 10\n"
          f"  leadbus -a {at}/police-hedong.sock inbox --due\n"
          f"  curl --unix-socket {at}/civil-affairs.sock http://localhost/v1/status\n")
    say(f"日志副本（供 leadbus-replay）：", "A copy of the journal, for leadbus-replay:")
    print(f"\n  leadbusd --config {district.folder}/broker/leadbusd.conf --backup {district.folder}/journal.db\n"
          f"  leadbus-replay list --root {district.folder}/root.note {district.folder}/journal.db\n")
    say("Ctrl-C 停止；文件留在 " f"{district.folder}", f"Ctrl-C stops it; the files stay in {district.folder}")
    sys.stdout.flush()
    while True:
        signal.pause()


def main():
    os.environ.setdefault("TZ", "CST-8")  # the district's clock, also where no zone data is
    time.tzset()
    mode = options_of(sys.argv[1:])
    tour = mode == "--tour"
    for program in ("leadbusd", "leadbus-agent", "leadbus-ca", "leadbus-replay"):
        if not (BIN / program).exists():
            raise Failed(f"{BIN / program}: not built")
    # Ends like an interrupt, so that every child is stopped on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGHUP, lambda *_: sys.exit(129))
    forget_old_runs(TOP / "build" / "demo")
    stamp = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    district = District(TOP / "build" / "demo" / f"{stamp}-{os.getpid()}")
    stage = Stage(tour)
    day = Day(district, tour)
    started = time.monotonic()
    try:
        if mode == "--district":
            keep_running(district)
        lead = tell(day, stage)
        district.close()
        stage.scene("审计", "The audit")
        journal = take_journal(district)
        audit(day, lead, journal)
        stage.scene("改一个字节", "One byte changed")
        tamper(day, journal)
    finally:
        district.close()
    print()
    say(f"{GREEN}全部成立{RESET}（{time.monotonic() - started:.0f} 秒）。日志：{journal}",
        f"{GREEN}Everything holds{RESET} ({time.monotonic() - started:.0f} s). The journal: {journal}")
    say(f"旁边：证据文件 evidence.json，信任根 root.note，公安留存的回执 kept.tlog-proof。可再审计一次：",
        "Beside it: evidence.json, root.note, and kept.tlog-proof, a receipt that the police kept. To audit it again:")
    print(f"  cd {district.folder}\n  {BIN / 'leadbus-replay'} replay --root root.note "
          f"--checkpoint kept.tlog-proof {journal.name}")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
    except (Failed, Refused, OSError) as trouble:
        print(f"\n{RED}{t('演示未通过', 'the demo does not hold')}{RESET}: {trouble}", file=sys.stderr)
        sys.exit(1)
