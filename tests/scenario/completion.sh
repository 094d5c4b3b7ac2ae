#!/usr/bin/env bash
# completion.sh FOLDER LEADBUS SOCKET: the completion of bash asks the agent that the line names, and the other programs.
set -euo pipefail
folder=$1 leadbus=$2 socket=$3
unset LEADBUS_AGENT
# shellcheck source=/dev/null
. "$folder/completion.bash"
# shellcheck source=/dev/null
. "$folder/completion-programs.bash"
failed=0

# expect LINE WORD...: the words are among the candidates behind LINE; "!WORD" is not.
expect() {
    COMP_LINE="$leadbus $1"
    COMP_POINT=${#COMP_LINE}
    read -r -a COMP_WORDS <<<"$COMP_LINE"
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    COMPREPLY=()
    _leadbus || true # what it returns is of no meaning
    local word all=" ${COMPREPLY[*]} "
    for word in "${@:2}"; do
        if [[ $word == !* ]]; then
            [[ $all != *" ${word#!} "* ]] || { echo "after '$1': $word among$all" >&2; failed=1; }
        else
            [[ $all == *" $word "* ]] || { echo "after '$1': no $word in$all" >&2; failed=1; }
        fi
    done
}

# The same for another program of the same folder.
expect_program() {
    read -r -a COMP_WORDS <<<"$(dirname "$leadbus")/$1"
    [[ $1 != *" " ]] || COMP_WORDS+=("")
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    COMPREPLY=()
    _leadbus_program "${COMP_WORDS[0]}" || true
    local word all=" ${COMPREPLY[*]} "
    for word in "${@:2}"; do
        [[ $all == *" $word "* ]] || { echo "after '$1': no $word in$all" >&2; failed=1; }
    done
}

expect_program "leadbus-replay " verify replay list stats explain prove check
expect_program "leadbus-replay prove --" --root --output
expect_program "leadbus-ca " init sign bundle
expect_program "leadbus-ca sign --p" --previous --passphrase-file
expect_program "leadbus-agent --check" --check-config
expect "" kinds send inbox outbox threads doctor --agent
expect "in" inbox '!send'
expect "--lang " zh en
expect "--agent $socket send " lead.mandatory-report handoff.victim
expect "--agent $socket send lead.man" lead.mandatory-report '!handoff.victim'
expect "--agent $socket send anomaly.birth --topic " mother-unknown '!lead.mandatory-report'
expect "--agent $socket send anomaly.birth --topic m" mother-unknown '!record-mismatch'
expect "--agent $socket send lead.mandatory-report --set summ" summary.danger= '!full.what='
expect "--agent $socket send lead.mandatory-report --set summary.danger=" immediate likely
expect "--agent $socket close 1 --outcome " unfounded solved
expect "--agent $socket return 1 --reason " not-competent '!sign'
expect "--agent $socket urge 1 --reason " sign supervised
expect "--agent $socket print " receipt handover
expect "--agent $socket inbox --d" --due
expect "--agent $socket extend 1 --reason " complex '!sign'
expect "--agent $socket link 1 --reason " same-matter
expect "--agent $socket supervise 1 --topic " lift-case
expect "--agent $socket go-out 1 --set summary.ch" summary.channel=
expect "--agent $socket progress 1 --set step=" found contacted
expect "--agent $socket outbox --state " refused
expect "--agent /nowhere.sock send " '!lead.mandatory-report'
exit "$failed"
