#!/usr/bin/env bash
# plan.sh LEADBUS_PLAN LEADBUS_CA PLAN_FOLDER DOCS: the commands of leadbus-plan over the shipped plan, over changed
# copies of it and over a bundle, in both languages; exit codes and JSON as the manual page says; the picture in DOCS.
set -euo pipefail
plan=$1
ca=$2
tables=$3
docs=$4
unset LC_ALL LC_MESSAGES LANG
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

fail() {
    echo "FAILED: $*" >&2
    exit 1
}
# runs CODE ARGUMENT...: leadbus-plan ends with that exit code; its output is in out and err.
runs() {
    local code=$1 got=0
    shift
    "$plan" "$@" >out 2>err || got=$?
    [ "$got" -eq "$code" ] || fail "exit $got, not $code: leadbus-plan $* ($(head -c 2000 out err))"
}
# says TEXT...: each stands in the output.
says() {
    local text
    for text in "$@"; do grep -qF -- "$text" out || fail "no '$text' in: $(head -c 3000 out)"; done
}
silent_on() { if grep -qF -- "$1" out; then fail "'$1' in: $(head -c 3000 out)"; fi; }
complains() { grep -qF -- "$1" err || fail "no '$1' in: $(cat err)"; }
# json EXPRESSION: Python, true of the output as j.
json() {
    python3 -c 'import json, sys
j = json.load(open("out", encoding="utf-8"))
if not eval(sys.argv[1]): sys.exit(1)' "$1" || fail "not so: $1 of $(head -c 3000 out)"
}
# counts EXPRESSION NUMBER: a number out of the output, and what it must be.
counts() {
    local got
    got=$(python3 -c 'import json, sys
j = json.load(open("out", encoding="utf-8"))
print(eval(sys.argv[1]))' "$1") || fail "cannot be counted: $1"
    [ "$got" = "$2" ] || fail "$got instead of $2: $1"
}
# changed NAME FILE OLD NEW: a copy of the tables with the only occurrence of OLD replaced; \t and \n count.
changed() {
    rm -rf "$1"
    cp -r "$tables" "$1"
    python3 -c 'import sys
path, old, new = sys.argv[1], *(text.replace("\\t", "\t").replace("\\n", "\n") for text in sys.argv[2:])
text = open(path, encoding="utf-8").read()
if text.count(old) != 1: sys.exit(f"{old!r} stands {text.count(old)} times in {path}")
open(path, "w", encoding="utf-8").write(text.replace(old, new))' "$1/$2" "$3" "$4"
}

# ---- the ways to name a plan
runs 0 lint
says '（内置）' '严重 0，提示 0'
LANG=en_US.UTF-8 runs 0 lint
says '(shipped)' '0 grave, 0 notes'
runs 0 lint --lang en "$tables"
says '0 grave, 0 notes' "$tables"
runs 64 lint --lang de
runs 64 lint a b
complains '多余的参数：b'
runs 64 lint --html
complains '--to-confirm'
runs 64 lint --nonsense
runs 66 lint nowhere
complains 'nowhere'
# The help is in the language that is named, wherever it is named.
for order in '--lang en --help' '--help --lang en' '--lang=en help' 'lint --help --lang en' 'lint --lang en --help'; do
    # shellcheck disable=SC2086 # words
    runs 0 $order
    says 'Usage: leadbus-plan'
done
runs 64 --lang de --help
# The slip that is made most often is told in the reader's language.
changed short units.tsv '\nst-dongxin\t' '\nst-dongxin '
runs 1 lint short
says '[bad-table]' '应为 9 列（以制表符分隔）：缺'
LANG=en runs 1 lint short
says 'instead of 9, separated by tabs: nothing for'
echo text >text
runs 65 lint text
complains '既不是方案数据表目录，也不是方案包'
runs 64 nonsense
complains '没有命令 nonsense'
runs 0 --version
for command in lint explain diff graph lifecycle chains stats derive; do
    runs 0 "$command" --help
    says '用法'
    LANG=en runs 0 "$command" --help
    says 'Usage'
done

# ---- lint
runs 0 lint --all
says 'waivers.tsv:' '[to-confirm]' '理由'
runs 0 lint --json
json 'j["grave"] == 0 and j["note"] == 0 and j["waived"] > 0 and len(j["plan"]["digest"]) == 64'
json 'all(f["line"] > 0 and f["text_zh"] and f["text_en"] for f in j["findings"])'
json 'all(f["waiver"]["reason_zh"] for f in j["findings"] if f["class"] == "waived")'

changed broken routes.tsv '\nhandoff.victim\t*\talways\tlead:2.2.4=civil-affairs' \
    '\nhandoff.victim\t*\talways\tlead:2.2.4=court'
line=$(grep -n -m 1 '^handoff.victim' broken/routes.tsv | cut -d: -f1)
runs 1 lint broken
says "routes.tsv:$line" '严重' '选择符不匹配任何单位' '[selector-empty]'
LANG=en runs 1 lint broken
says 'grave' 'the selector matches nobody' '[selector-empty]'
runs 1 lint --json broken
json "any(f['code'] == 'selector-empty' and f['line'] == $line for f in j['findings'])"

changed noted topics.tsv '\t入学就学\tSchooling\t' '\t入学就学\t-\t'
runs 0 lint noted
says '提示 1' '[english-missing]'
runs 1 lint --strict noted

changed circle units.tsv '天津市河东区人民法院\tcourt\t-\t-\t-\t-' '天津市河东区人民法院\tcourt\t-\t-\tcourt\t-'
runs 1 lint circle
says 'units.tsv:10' '[bad-table]' '承继单位相互循环'
runs 1 lint --json circle
json 'j["findings"][0]["code"] == "bad-table" and j["findings"][0]["line"] == 10'
runs 65 lint --to-confirm circle
complains 'bad_table'

# ---- the sheet
runs 0 lint --to-confirm
says '待确认事项' '办公室设在何单位：联席会议办公室（joint-conference-office）' 'units.tsv:33' '□ 照此'
LANG=en runs 0 lint --to-confirm
says 'Host of the office' 'units.tsv:33'
runs 0 lint --to-confirm --tsv
[ "$(awk -F'\t' 'NF != 7' out | wc -l)" -eq 0 ] || fail "a row without seven fields"
rows=$(($(wc -l <out) - 1))
runs 0 lint --to-confirm --json
json "len(j['items']) == $rows > 40 and len(j['digest']) == 64"
changed marked units.tsv '\t区法院\t' '\t区<法>院&\t'
sed -i "s|^court\t\(.*\)\t-\$|court\t\1\tfull_zh|" marked/units.tsv
runs 0 lint --to-confirm --html marked
says '<html lang="zh-CN">' '@page { size: A4' '区&lt;法&gt;院&amp;' "units.tsv:10"
silent_on '<script'
python3 -c 'import html.parser
open_tags, void = [], {"meta", "br"}
class Check(html.parser.HTMLParser):
    def handle_starttag(self, tag, attrs):
        if tag not in void: open_tags.append(tag)
    def handle_endtag(self, tag):
        assert open_tags and open_tags.pop() == tag, tag
Check().feed(open("out", encoding="utf-8").read())
assert not open_tags' || fail "the sheet's tags do not match"
runs 0 lint --to-confirm --html --lang en
says '<html lang="en">' 'To be confirmed, and signed for'

# ---- explain
runs 0 explain 婚姻登记 --from 民政局 --area 大直沽 --at 2022-03-10
says '婚姻登记疑似情形（anomaly.marriage）' '区民政局（civil-affairs）' '120102002  大直沽街道' '2022-03-10' \
    '公安河东分局（police-hedong）  须签收，主责' 'coop:2.1.3.1=police-hedong  routes.tsv:' '摘要、全文' \
    '公安河东分局、区妇联配合' '民政牵头登记，公安须到场处置' '条款列名而未发送'
LANG=en runs 0 explain anomaly.marriage --from civil-affairs
says 'must sign, primary unit' 'Named by the clauses, not addressed' 'civil affairs leads and is the sender: the police must act'
runs 0 explain --json lead.street-minor --from health --at 2022-03-10
json '[r["unit"] for r in j["recipients"]] == ["civil-affairs", "police-hedong"]'
json 'j["recipients"][0]["primary"] and j["recipients"][0]["act"] == "sign" and j["at"] == "2022-03-10"'
json 'all(r["line"] > 0 and r["reason_zh"] and r["citation_en"] for r in j["recipients"])'
runs 0 explain --json anomaly.marriage --from civil-affairs
json '[s["reason"] for s in j["skipped"]] == ["origin"]'
runs 0 explain --json lead.street-minor --from health --at 2022-03-10
json 'any(s["unit"] == "education" and s["reason"] == "no-row" for s in j["skipped"])'
runs 0 explain --json missing-child --topic issue --from police-hedong
json 'j["flags"] == ["area-unknown"]'
runs 0 explain missing-child --topic issue --from police-hedong
says '区划不明：未发送任何街道'
runs 0 explain --json lead.suspected-trafficking --from police-hedong
json 'j["flags"] == ["only-origin-left"] and j["recipients"][0]["unit"] == "joint-conference-office"'
runs 0 explain 签收 --from 区教育局 --parent-from 卫健委
says '区卫健委（health）  须签收'
runs 0 explain --json alert.missing-child-cancel --from police-hedong --parent-from police-hedong --thread court \
    --thread 大直沽
json '[r["unit"] for r in j["recipients"]] == ["court", "st-dazhigu"]'
runs 64 explain anomaly.marriage
complains '须给出 --from'
runs 64 explain --from court
runs 65 explain 婚烟登记 --from 民政局
complains '是否指：婚姻登记疑似情形（anomaly.marriage）'
LANG=en runs 65 explain anomaly.marriage --from civil-afairs
complains 'did you mean: District Civil Affairs Bureau (civil-affairs)'
runs 65 explain handoff.service-referral --from civil-affairs
complains 'legal-aid'
runs 65 explain handoff.service-referral --from civil-affairs --topic leagl-aid
complains '法律援助（legal-aid）'
runs 77 explain anomaly.marriage --from education
complains '可发送：区民政局'
runs 77 explain 签收 --from education
complains '--parent-from'
runs 65 explain anomaly.marriage --from civil-affairs --area 1201
runs 65 explain anomaly.marriage --from civil-affairs --at yesterday
runs 0 explain --json handoff.victim --from police-hedong --plan broken
json 'j["flags"] == ["readdressed"]'

# ---- diff
runs 0 diff "$tables"
says '效力相同'
runs 0 diff --json "$tables" "$tables"
json 'j["same"] and j["tables"] == [] and j["routes"] == []'
changed signs routes.tsv 'coop:2.1.3.1=womens-federation\tone\tcopy\tsummary' \
    'coop:2.1.3.1=womens-federation\tone\tsign\tsummary,full'
runs 1 diff "$tables" signs
says '婚姻登记疑似情形（anomaly.marriage）' '所有发送单位：' '~ 区妇联  抄送；可读摘要 → 须签收；可读摘要、全文' '（路由行）'
LANG=en runs 1 diff "$tables" signs
says 'for all senders:' "~ District Women's Federation  copy; reads summary → must sign; reads summary, full"
runs 1 diff --json "$tables" signs
json 'len(j["routes"]) == 1 and j["tables"] == [] and j["routes"][0]["who"] == ["womens-federation"]'
json 'j["routes"][0]["before"]["act"] == "copy" and j["routes"][0]["after"]["act"] == "sign"'
json 'j["routes"][0]["senders"] == {"scope": "all"} and j["routes"][0]["cause"] == "row"'
changed merged units.tsv '天津市河东区城市管理委员会\tbureau\t-\t-\t-' '天津市河东区城市管理委员会\tbureau\t-\t-\thousing'
runs 1 diff "$tables" merged
says '区城管委（urban-management）  并入 housing' '没有接收单位改变'
changed brackets tasks.tsv '2.1.3.1\tcivil-affairs\tpolice-hedong,womens-federation' \
    '2.1.3.1\tcivil-affairs\tpolice-hedong'
runs 1 diff "$tables" brackets
says '2.1.3.1）  coop：police-hedong,womens-federation → police-hedong' '- 区妇联  抄送；可读摘要' '（条款括号改动）'
runs 64 diff
runs 66 diff "$tables" nowhere
runs 65 diff "$tables" circle

# ---- stats
runs 0 stats
says '条款 73（有配合单位的 55），负责 138 处，配合 180 处' '从不负责的单位 11：区财政局' '没有种类的条款 0'
LANG=en runs 0 stats "$tables"
says '73 clauses (55 with cooperating units): 138 leading and 180 cooperating mentions' '11 units never lead'
runs 0 stats --json
json 'j["clauses"] == 73 and j["lead_mentions"] == sum(n["lead"] for n in j["named"])'
json 'sum(j["families"].values()) == len(j["kinds"]) and j["clauses_without_kind"] == []'
json 'next(k for k in j["kinds"] if k["kind"] == "anomaly.marriage")["sign"]["units"] == 1'

# ---- graph
kinds=$(($(grep -vc '^#' "$tables/kinds.tsv") - 1))
# drawn KINDS: the SVG of `out` is well formed, accessible, without script, and nothing lies on anything else.
drawn() {
    python3 - "$1" <<'CHECK' || fail "the picture: $(head -c 300 out)"
import sys
import xml.etree.ElementTree as tree

SVG = "{http://www.w3.org/2000/svg}"
root = tree.parse("out").getroot()
width, height = int(root.get("width")), int(root.get("height"))
assert root.get("role") == "img" and root.get("aria-labelledby") == "title desc"
assert root.find(SVG + "title").text and root.find(SVG + "desc").text
assert not root.findall(f".//{SVG}script") and not root.findall(f".//{SVG}image")
kinds = [e for e in root.iter(SVG + "text") if e.get("class") == "kind"]
assert len(kinds) >= int(sys.argv[1]), len(kinds)
boxes = [e for e in root.iter(SVG + "rect") if "y" in e.attrib and int(e.get("y")) > 190]
for x in {e.get("x") for e in boxes if e.get("class")}:
    column = sorted((int(e.get("y")), int(e.get("height"))) for e in boxes if e.get("x") == x and e.get("class"))
    for (y, h), (below, _) in zip(column, column[1:]):
        assert y + h < below, (x, y, h, below)
lines = [e for e in root.iter(SVG + "g") if e.get("class") == "line"]
assert lines and all(e.find(SVG + "title").text for e in lines)
for e in root.iter(SVG + "text"):
    assert 0 <= int(e.get("x")) <= width and 0 <= int(e.get("y")) <= height and e.text
CHECK
}
runs 0 graph
drawn "$kinds"
says 'lang="zh-CN"' '区民政局 → 婚姻登记疑似情形' '婚姻登记疑似情形 → 区妇联：抄送' 'coop:2.1.3.1=womens-federation' '各街道办事处（13）' \
    '事发地街道办事处（13 选 1）' '方案日期 2022-03-10' '单位 42' "种类 $kinds"
silent_on '大直沽街道办事处'
cp out first
runs 0 graph "$tables"
cmp -s out first || fail "two runs draw differently"
runs 0 graph --lang en
drawn "$kinds"
says 'lang="en"' "Doubt at a marriage registration → District Women&#39;s Federation: copy" 'Any unit'
runs 0 graph --streets
drawn "$kinds"
says '大直沽街道办事处' '仅事发地的街道'
runs 0 graph --kind 服务转介
drawn 10
says '服务转介（handoff.service-referral）' 'legal-aid' 'coop:2.3.3.5'
silent_on '婚姻'
runs 0 graph --kind missing-child --streets --lang en
drawn 3
runs 0 graph marked
drawn "$kinds"
says '区&lt;法&gt;院&amp;'
runs 65 graph --kind 婚烟登记
complains '是否指'
for lang in zh en; do
    runs 0 graph --lang "$lang" "$tables"
    cmp -s out "$docs/plan-graph.$lang.svg" ||
        fail "docs/plan-graph.$lang.svg is of other tables; mend: cmake --build BUILD --target plan_graph"
done

# ---- lifecycle: the picture in docs is of the table that the programs decide by
runs 0 lifecycle --lang en
python3 - <<'CHECK' || fail "the picture of the lifecycle: $(head -c 300 out)"
import xml.etree.ElementTree as tree

SVG = "{http://www.w3.org/2000/svg}"
root = tree.parse("out").getroot()
width, height = int(root.get("width")), int(root.get("height"))
rows = [e for e in root.iter(SVG + "g") if e.get("class") == "row"]
titles = [e.find(SVG + "title").text for e in rows]
assert len(titles) == len(set(titles)) > 30, titles
assert "sign for (a unit that must sign for it): submitted → signed for; needs SIGNS" in titles
assert any(t.startswith("reopen (the joint-conference office): ") and t.endswith("→ reopened") for t in titles)
assert len([e for e in root.iter(SVG + "rect") if (e.get("class") or "").startswith("box")]) == 15
for e in root.iter(SVG + "text"):
    assert 0 <= int(e.get("x")) <= width and 0 <= int(e.get("y")) <= height and e.text
CHECK
for lang in zh en; do
    runs 0 lifecycle --lang "$lang"
    cmp -s out "$docs/lifecycle.$lang.svg" ||
        fail "docs/lifecycle.$lang.svg is of another table; mend: cmake --build BUILD --target plan_graph"
done
runs 64 lifecycle nonsense

# ---- chains: likewise, of the plan's table
runs 0 chains --lang en "$tables"
python3 - "$tables/chains.tsv" <<'CHECK' || fail "the picture of the chains: $(head -c 300 out)"
import sys
import xml.etree.ElementTree as tree

SVG = "{http://www.w3.org/2000/svg}"
lines = [l.rstrip("\n").split("\t") for l in open(sys.argv[1], encoding="utf-8") if l[0] != "#"]
table = [dict(zip(lines[0], line)) for line in lines[1:]]
root = tree.parse("out").getroot()
width, height = int(root.get("width")), int(root.get("height"))
titles = [e.find(SVG + "title").text for e in root.iter(SVG + "g") if e.get("class") == "row"]
assert len(titles) == len([r for r in table if r["after"] != "-" or r["bars"] != "-"]), titles
assert "Handover to civil affairs needs The police take over + Conclusion of the blood match" in titles, titles
steps = {(r["chain"], r["step"]) for r in table}
assert len([e for e in root.iter(SVG + "rect") if e.get("class") == "box"]) == len(steps)
for e in root.iter(SVG + "text"):
    assert 0 <= int(e.get("x")) <= width and 0 <= int(e.get("y")) <= height and e.text
CHECK
for lang in zh en; do
    runs 0 chains --lang "$lang" "$tables"
    cmp -s out "$docs/chains.$lang.svg" ||
        fail "docs/chains.$lang.svg is of another table; mend: cmake --build BUILD --target plan_graph"
done

# ---- a bundle: its tables and its directory
printf '\376%.0s' {1..32} >key
chmod 600 key
request() { # UNIT ROLE EPOCHS
    "$ca" request --unit "$1" --role "$2" --epochs "$3" --keyring "keys/$1.keyring" --out "$1.request" --key-file key
}
{
    "$ca" init --bus hedong.leadbus --out auth --key-file key
    request police-hedong unit 2
    request health unit 0
    request broker-1 broker 0
    "$ca" issue --plan "$tables" --directory d police-hedong.request health.request broker-1.request
    "$ca" bundle --plan "$tables" --directory d --root auth/root.note --broker broker-1=tcp://127.0.0.1:5555 --out b
} >log
# Two units have certificates; the others of the table have none.
units=$(grep -vc -e '^#' -e '^key' "$tables/units.tsv")
without='sum(f["code"] == "unit-without-certificate" for f in j["findings"])'
runs 1 lint --json b
json 'j["note"] == 0 and j["waived"] > 0'
json '[f["subject"] for f in j["findings"] if f["code"] == "unit-without-key"] == ["health"]'
counts "$without" $((units - 2))
runs 1 lint --json --directory d
counts "$without" $((units - 2))
runs 1 lint --json --at 2001-01-01 b
counts "$without" "$units"
runs 65 lint --at 2001-02-29 b
runs 0 diff b
says '效力相同'
runs 0 explain anomaly.marriage --from civil-affairs --plan b
runs 65 lint --directory key
runs 66 lint --directory nowhere
runs 0 lint --to-confirm --json b
digest=$(python3 -c 'import json; print(json.load(open("out"))["digest"])')
runs 0 lint --to-confirm
says "$digest"

# ---- what is no file: nobody waits for a pipe that nobody writes to
for kind in pipe folder device; do
    rm -rf odd
    cp -r "$tables" odd
    rm odd/units.tsv
    case $kind in
    pipe) mkfifo odd/units.tsv ;;
    folder) mkdir odd/units.tsv ;;
    device) ln -s /dev/zero odd/units.tsv ;;
    esac
    for command in lint stats graph; do
        LANG=en_US.UTF-8 runs 74 "$command" odd
        complains odd/units.tsv
    done
    LANG=en_US.UTF-8 runs 74 derive - --keys --units odd/units.tsv <<<'a text'
    complains odd/units.tsv
done
mkfifo pipe
LANG=en_US.UTF-8 runs 74 lint pipe
complains 'is not a regular file'
LANG=en_US.UTF-8 runs 74 lint --directory pipe
# A text may come from anywhere.
printf '一、区民政局负责登记。\n' >text
runs 0 derive text --json
cp out first
runs 0 derive - --json <text
cmp -s out first || fail 'derive - differs'
runs 0 derive --json <(cat text)
cmp -s out first || fail 'derive <(...) differs'
