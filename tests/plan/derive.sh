#!/usr/bin/env bash
# derive.sh LEADBUS_PLAN DOCUMENTS: the command around the analysis: forms of output, keys, exit codes.
set -euo pipefail
plan=$1
documents=$2
unset LC_ALL LC_MESSAGES
export LANG=en_US.UTF-8
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

die() {
    echo "$*" >&2
    exit 1
}

# wants CODE COMMAND...: runs it, output in $folder/out and $folder/err.
wants() {
    local want=$1 code=0
    shift
    "$@" >"$folder/out" 2>"$folder/err" </dev/null || code=$?
    [ "$code" -eq "$want" ] || die "exit $code instead of $want: $*: $(cat "$folder/err")"
}
said() { grep -qF -- "$1" "$folder/$2" || die "no «$1» in $2: $(cat "$folder/$2")"; }

# A table with a row of names; the same from standard input.
wants 0 "$plan" derive "$documents/mixed.txt"
said "$(printf 'id\tlead\tcoop\tline\tform\tflags\ttitle')" out
said "$(printf '1.1.1\t市民政局\t各县（区）政府\t5-5\tbracket\tgroup,nested\t摸清底数，建立台账')" out
said "6 rows, 0 undecided" err
cp "$folder/out" "$folder/table"
"$plan" derive - <"$documents/mixed.txt" 2>/dev/null | cmp - "$folder/table"

# What is undecided is told in the reader's language and is an error only where that was asked for.
wants 0 "$plan" derive "$documents/misprints.txt"
said "misprints.txt:2: undecided: a bracket that names units is never closed" err
said "[bracket-open]" err
wants 65 "$plan" derive --strict "$documents/misprints.txt"
wants 0 "$plan" derive --strict "$documents/mixed.txt"
wants 0 "$plan" derive --lang zh "$documents/misprints.txt"
said "misprints.txt:2：待定：责任括号没有合上" err
wants 0 "$plan" derive --notes "$documents/prose-only.txt"
said ": note: running text speaks of duties" err

# Keys, of the shipped plan and of a table of one's own.
printf '一、甲（区民政局、公安河东分局负责，区某办配合）\n' >"$folder/plan.txt"
wants 0 "$plan" derive --keys "$folder/plan.txt"
said "$(printf '1\tcivil-affairs,police-hedong\t?区某办\t')" out
said "plan.txt:1: undecided: no unit of the table has this name: 区某办 [key-unknown]" err
printf 'key\tname_zh\naffairs\t区民政局\n' >"$folder/units.tsv"
wants 65 "$plan" derive --strict --units "$folder/units.tsv" "$folder/plan.txt"
said "$(printf '1\taffairs,?公安河东分局\t?区某办\t')" out
printf 'name_zh\n区民政局\n' >"$folder/units.tsv"
wants 65 "$plan" derive --units "$folder/units.tsv" "$folder/plan.txt"
said "units.tsv:1" err
wants 66 "$plan" derive --units "$folder/none.tsv" "$folder/plan.txt"

# JSON has rows, and findings in both languages.
wants 0 "$plan" derive --json --keys "$folder/plan.txt"
python3 - "$folder/out" <<'CHECK' || die "the JSON is not as documented"
import json, sys
result = json.load(open(sys.argv[1], encoding="utf-8"))
row, = result["rows"]
assert row["id"] == "1" and row["lead"] == ["civil-affairs", "police-hedong"] and row["coop"] == ["?区某办"]
assert row["line"] == [1, 1] and row["form"] == "bracket" and row["title"] == "甲"
finding, = [f for f in result["findings"] if f["undecided"]]
assert finding["code"] == "key-unknown" and finding["line"] == 1 and finding["detail"] == "区某办"
assert finding["text_zh"] and finding["text_en"] and result["undecided"] == 1
CHECK

# What cannot be read.
printf '\xc7\xf8\xc3\xf1\xd5\xfe\xbe\xd6' >"$folder/gbk.txt"
wants 65 "$plan" derive "$folder/gbk.txt"
said "gbk.txt:1" err
said "GB18030" err
wants 66 "$plan" derive "$folder/none.txt"
wants 64 "$plan" derive
wants 64 "$plan" derive --what "$folder/plan.txt"
wants 0 "$plan" derive --help
said "--strict" out
if [ -w /dev/full ]; then
    code=0
    "$plan" derive "$documents/mixed.txt" >/dev/full 2>/dev/null || code=$?
    [ "$code" -eq 74 ] || die "a full disk gave exit $code"
fi
echo "derive does as documented"
