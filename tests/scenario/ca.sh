#!/usr/bin/env bash
# ca.sh LEADBUS_CA PLAN_FOLDER: a ceremony of 2 of 3 and what leadbus-ca refuses, with the program itself.
set -euo pipefail
ca=$1
plan=$2
unset LC_ALL LC_MESSAGES LANG CREDENTIALS_DIRECTORY
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
umask 000

fail() {
    echo "FAILED: $*" >&2
    exit 1
}
# refused CODE WORD ARGUMENT...: the program ends with that exit code and names the error.
refused() {
    local code=$1 word=$2 got=0
    shift 2
    "$ca" "$@" >out 2>err || got=$?
    [ "$got" -eq "$code" ] || fail "exit $got, not $code: leadbus-ca $* ($(cat err))"
    grep -q "$word" err || fail "no $word: leadbus-ca $* ($(cat err))"
}
shows() { # FILE TEXT: the JSON of `show` has the text
    "$ca" show --json --key-file key "$1" | grep -F "$2" >/dev/null || fail "show $1: no $2"
}
mode() { stat -c %a "$1"; }

# A raw key is 32 bytes that are no text: 0xfe never is.
printf '\376%.0s' {1..32} >key
chmod 600 key

# ---- root
"$ca" init --bus hedong.leadbus --out auth --key-file key >out
[ "$(mode auth)" = 700 ] || fail "mode of the folder"
for i in 1 2 3; do [ "$(mode "auth/authority-$i.key")" = 600 ] || fail "mode of a key"; done
shows auth/root.note '"threshold_bundle":2'
shows auth/root.note '"in_force":true'
refused 75 '\[exists\]' init --bus hedong.leadbus --out auth --key-file key
refused 65 '\[bad_value\]' init --bus hedong.leadbus --out other --threshold 4 --key-file key

# A folder of an earlier ceremony is left as it is, and a ceremony that is broken off leaves no key.
cp auth/authority-1.key kept
refused 75 '\[exists\]' init --bus hedong.leadbus --out auth --authority new --key-file key
[ ! -e auth/new.key ] || fail "a key beside another ceremony's root"
cmp -s kept auth/authority-1.key || fail "a key was replaced"
printf 'short\n' >short
chmod 600 short
printf 'a passphrase of some length\n' >long
chmod 600 long
refused 65 '\[bad_value\]' init --bus hedong.leadbus --out off --passphrase-file long --passphrase-file long \
    --passphrase-file short
if ls off/*.key >/dev/null 2>&1; then fail "keys of a broken-off ceremony"; fi

# ---- requests
units="police-hedong civil-affairs health"
for unit in $units; do
    "$ca" request --unit "$unit" --keyring "keys/$unit.keyring" --out "$unit.request" --key-file key >>out
done
"$ca" request --unit broker-1 --role broker --epochs 0 --keyring keys/broker-1.keyring \
    --out broker-1.request --key-file key >>out
[ "$(mode keys)" = 700 ] || fail "mode of the keyrings' folder"
[ "$(mode keys/health.keyring)" = 600 ] || fail "mode of a keyring"
refused 75 '\[exists\]' request --unit health --keyring keys/health.keyring --out x --key-file key
refused 65 '\[bad_value\]' request --unit 'Not A Slug' --keyring keys/x --out x --key-file key
[ ! -e keys/x ] || fail "a keyring of a refused request"
printf '%.32s' 'thirty-two letters are no raw key' >text
chmod 600 text
refused 65 '\[bad_value\]' show --key-file text keys/health.keyring
printf '\375%.0s' {1..32} >wrong
chmod 600 wrong
refused 65 '\[keyring_sealed\]' show --key-file wrong keys/health.keyring
chmod 644 keys/health.keyring
refused 77 '\[keyring_permissions\]' show --key-file key keys/health.keyring
chmod 600 keys/health.keyring

# ---- certificates: all or nothing
"$ca" issue --plan "$plan" --directory d broker-1.request police-hedong.request >>out
cp d before
cp health.request changed.request
printf '\000' | dd of=changed.request bs=1 seek=100 conv=notrunc status=none
if cmp -s health.request changed.request; then
    printf '\001' | dd of=changed.request bs=1 seek=100 conv=notrunc status=none
fi
got=0
"$ca" issue --plan "$plan" --directory d civil-affairs.request changed.request >out 2>err || got=$?
[ "$got" -ne 0 ] || fail "a changed request was issued"
cmp -s d before || fail "the draft was written although a request failed"
"$ca" request --unit nowhere --keyring keys/n.keyring --out n.request --key-file key >out
refused 65 '\[unit_unknown\]' issue --plan "$plan" --directory d n.request
"$ca" request --unit police-hedong --role broker --keyring keys/p.keyring --out p.request --key-file key >out
refused 77 '\[role_not_allowed\]' issue --plan "$plan" --directory d p.request
"$ca" request --unit court --role office --keyring keys/o.keyring --out o.request --key-file key >out
refused 77 '\[role_not_allowed\]' issue --plan "$plan" --directory d o.request
refused 75 '\[exists\]' issue --plan "$plan" --directory d police-hedong.request
"$ca" issue --plan "$plan" --directory d civil-affairs.request health.request >>out
shows d '"serial":4,"role":"unit","unit":"health"'
grep -qF "$(sha256sum <health.request | cut -d' ' -f1)" out || fail "issue does not show the request's fingerprint"

# ---- bundle
make=(bundle --plan "$plan" --directory d --root auth/root.note)
"$ca" "${make[@]}" --broker broker-1=tcp://127.0.0.1:5555,ipc:///run/x --out b1 >out
grep -q '^leadbus/bundle/v1$' out || fail "the manifest is not shown"
shows b1 '"in_force":false'
shows b1 '"opens":true'
refused 65 '\[bad_value\]' "${make[@]}" --broker nobody=tcp://127.0.0.1:5555 --out bad
broker="broker-1=tcp://127.0.0.1:5555"
refused 65 '\[missing_field\]' "${make[@]}" --out bad
refused 65 '\[bad_value\]' "${make[@]}" --broker broker-1=127.0.0.1:5555 --out bad
refused 65 '\[bad_value\]' "${make[@]}" --broker 'broker-1=tcp://*:5555' --out bad
make+=(--broker "$broker")
refused 65 '\[bad_value\]' "${make[@]}" --revoke 99 --reason key-lost --out bad
refused 65 '\[missing_field\]' "${make[@]}" --revoke 4 --out bad
[ ! -e bad ] || fail "a refused draft was written"

# ---- signatures: apart and combined
refused 76 '\[threshold_not_met\|note_invalid\]' adopt --root auth/root.note --bundle b1 --key-file key \
    keys/health.keyring
cp b1 copy
"$ca" sign --key auth/authority-1.key --key-file key b1 >out 2>err
shows b1 '"in_force":false'
cp b1 once
"$ca" sign --key auth/authority-1.key --key-file key b1 >out 2>err
cmp -s b1 once || fail "a second signature of one key"
refused 76 '\[threshold_not_met\]' adopt --root auth/root.note --bundle b1 --key-file key keys/health.keyring
"$ca" sign --key auth/authority-3.key --key-file key copy >out 2>err
"$ca" combine --out whole b1 copy >out
shows whole '"signed_by":["hedong.leadbus/authority-1","hedong.leadbus/authority-3"]'
shows whole '"in_force":true'
refused 77 '\[role_not_allowed\]' sign --key keys/health.keyring --key-file key b1
"$ca" init --bus hedong.leadbus --out strangers --key-file key >out
refused 77 '\[role_not_allowed\]' sign --key strangers/authority-1.key --key-file key b1
# Another root of the same version is no successor of the one that is held.
refused 77 '\[bundle_rollback\]' adopt --root strangers/root.note --bundle whole --key-file key \
    keys/health.keyring

# ---- nobody signs what no agent would open
cp whole broken
at=$(grep -abo 'civil-affairs' broken | tail -1 | cut -d: -f1)
printf 'X' | dd of=broken bs=1 seek="$at" conv=notrunc status=none
got=0
"$ca" sign --key auth/authority-2.key --key-file key broken >out 2>err || got=$?
[ "$got" -ne 0 ] || fail "a broken bundle was signed"

# ---- serials come home
"$ca" adopt --root auth/root.note --bundle whole --key-file key keys/{health,police-hedong,broker-1}.keyring >out
shows keys/health.keyring '"serial":4'
[ "$(mode keys/health.keyring)" = 600 ] || fail "mode after adopting"
refused 66 '\[not_found\]' adopt --root auth/root.note --bundle whole --key-file key keys/n.keyring

# ---- the next version: a revocation, carried on
"$ca" bundle --plan "$plan" --directory d --previous whole --revoke 4 --reason key-lost --out b2 >out
shows b2 '"version":2'
shows b2 '"revocation":1'
shows b2 '"serial":4,"reason":"key-lost"'
"$ca" bundle --plan "$plan" --directory d --previous b2 --out b3 >out
shows b3 '"version":3'
shows b3 '"serial":4,"reason":"key-lost"'
refused 75 '\[duplicate\]' bundle --plan "$plan" --directory d --previous b2 --revoke 4 --reason key-lost --out b4
"$ca" sign --key auth/authority-1.key --key-file key b2 >out 2>err
"$ca" sign --key auth/authority-2.key --key-file key --previous whole b2 >out 2>err
grep -q 'key-lost' err || fail "sign does not show the revocation"
grep -q '~ revocations' err || fail "sign does not show what differs"
# What broker and agents would refuse after the bundle in force is not signed: an older version, the same one from
# another draft, one that follows another and takes a revocation back.
"$ca" bundle --plan "$plan" --directory d --previous whole --revoke 3 --reason key-lost --out other2 >out
"$ca" bundle --plan "$plan" --directory d --previous other2 --out other3 >out
for bad in whole other2 other3; do
    cp "$bad" bad.signed
    refused 77 '\[bundle_rollback\]' sign --key auth/authority-2.key --key-file key --previous b2 bad.signed
    cmp -s "$bad" bad.signed || fail "$bad was signed after b2"
done
refused 65 '\[bad_value\]' sign --key auth/authority-2.key --key-file key --previous auth/root.note b3
"$ca" sign --key auth/authority-2.key --key-file key other3 >out 2>err # nobody says what is in force
shows b3 'tcp://127.0.0.1:5555'
cp b3 b3.signed
"$ca" sign --key auth/authority-1.key --key-file key --previous b2 b3.signed >out 2>err
[ "$(grep -c '^    无$' err)" -eq 2 ] || fail "sign does not say that nothing differs: $(cat err)"
refused 66 '\[not_found\]' adopt --root auth/root.note --bundle b2 --key-file key keys/health.keyring
refused 65 '\[bad_value\]' combine --out x whole b2

# ---- another certificate for the same unit
"$ca" request --unit health --keyring keys/health2.keyring --out health2.request --key-file key >out
"$ca" issue --replace --plan "$plan" --directory d health2.request >out
shows d '"serial":5,"role":"unit","unit":"health"'
if "$ca" show --json d | grep '"serial":4,' >/dev/null; then fail "the replaced certificate is still there"; fi

# ---- a lost keyring: its certificate leaves the directory and is revoked all the same
"$ca" request --unit police-hedong --keyring keys/police2.keyring --out police2.request --key-file key >out
"$ca" issue --replace --plan "$plan" --directory d police2.request >out
shows d '"serial":6,"role":"unit","unit":"police-hedong"'
refused 65 '\[bad_value\]' "${make[@]}" --revoke 2 --reason key-lost --out bad
"$ca" bundle --plan "$plan" --directory d --previous whole --revoke 2 --reason key-lost --out b5 >out
shows b5 '"serial":2,"reason":"key-lost"'
"$ca" sign --key auth/authority-1.key --key-file key b5 >out 2>err
"$ca" sign --key auth/authority-2.key --key-file key b5 >out 2>err
"$ca" adopt --root auth/root.note --bundle b5 --key-file key keys/police2.keyring >out
shows keys/police2.keyring '"serial":6'
refused 66 '\[not_found\]' adopt --root auth/root.note --bundle b5 --key-file key keys/police-hedong.keyring

# ---- a passphrase, stretched
printf 'a long passphrase\n' >pass
chmod 600 pass
"$ca" request --unit court --keyring keys/court.keyring --out court.request --passphrase-file pass >out
"$ca" show --passphrase-file pass keys/court.keyring >out
printf 'another passphrase\n' >pass
refused 65 '\[keyring_sealed\]' show --passphrase-file pass keys/court.keyring

# ---- secrets and languages
if grep -aqF "$(printf '\376\376\376\376\376\376\376\376')" ./*.request auth/* keys/* d b1 whole out err; then
    fail "the raw key stands in a file"
fi
"$ca" --help | grep '信任根' >/dev/null || fail "Chinese without a locale"
LANG=C "$ca" --help | grep '信任根' >/dev/null || fail "Chinese under C"
LC_ALL=en_US.UTF-8 "$ca" issue --help | grep 'Usage: leadbus-ca issue' >/dev/null || fail "English under en_US"
# The language is an option, before the command or after it.
"$ca" --lang en --help | grep '^Usage: leadbus-ca' >/dev/null || fail "--lang en before the command"
"$ca" issue --lang en --help | grep '^Usage: leadbus-ca issue' >/dev/null || fail "--lang en behind the command"
LC_ALL=en_US.UTF-8 "$ca" issue --lang zh --help | grep '^用法：leadbus-ca issue' >/dev/null || fail "--lang zh"
refused 64 '\-\-lang 应为 zh 或 en' issue --lang fr --help
# What is wrong with a command line is said, not only how it should be.
refused 64 '没有命令 nonsense' nonsense
refused 64 '须给出 --directory' issue --plan "$plan"
refused 64 '须给出 --plan' bundle --directory d --root auth/root.note --out b9
refused 64 '须给出 --root（首版）或 --previous' bundle --plan "$plan" --directory d --out b9
refused 64 '缺少参数' issue --plan "$plan" --directory d
refused 64 '多余的参数：surplus' request --unit health --keyring keys/x --out x surplus
refused 64 'role 应为' request --unit health --role king --keyring keys/x --out x
refused 64 '须给出 --key' sign b1
refused 64 '缺少参数' show
refused 64 nonsense issue --nonsense
# An option has its whole name, with and without its value in the same word, and as a flag.
refused 64 '选项无效：--dir；' issue --plan "$plan" --dir d x
refused 64 '选项无效：--dir=d；' issue --plan "$plan" --dir=d x
refused 64 '选项无效：--ye；' sign --ye --key k b1
refused 64 '选项无效：--hel；' sign --hel
refused 66 '\[not_found\]' issue --plan "$plan" --directory=d nothing.request
# And in which file the fault is.
echo text >notes.txt
refused 65 'notes.txt.*不是信任根' show notes.txt
refused 76 'b3.signed）：note: 有效签名 1 个，需要 2 个' adopt --root auth/root.note --bundle b3.signed keys/health.keyring
refused 76 'notes.txt' adopt --root notes.txt --bundle b1 keys/health.keyring
refused 65 'notes.txt' adopt --root auth/root.note --bundle notes.txt keys/health.keyring
echo "ca: passed"
