# bash completion for leadbus; installed as share/bash-completion/completions/leadbus.
# Kinds, topics, outcomes, reasons and fields are asked of the agent that the line names.
_leadbus_ask() {
    local -a agent=()
    local i
    for ((i = 1; i + 1 < ${#COMP_WORDS[@]}; i++)); do
        case ${COMP_WORDS[i]} in
        --agent | -a) agent+=(--agent "${COMP_WORDS[i + 1]}") ;;
        --token-file) agent+=(--token-file "${COMP_WORDS[i + 1]}") ;;
        esac
    done
    "${COMP_WORDS[0]}" "${agent[@]}" complete "$@" 2>/dev/null
}

_leadbus() {
    local line=${COMP_LINE:0:COMP_POINT} current="" previous="" word command="" kind=""
    local -a words
    read -r -a words <<<"$line"
    [[ $line == *[[:space:]] ]] || current=${words[-1]}
    previous=${words[-1]}
    [[ -n $current && ${#words[@]} -gt 1 ]] && previous=${words[-2]}
    local commands="kinds preview send inbox outbox threads show thread sign accept return progress close urge stand-down extend pause resume transfer ask-release release
        go-out withdraw object uphold reopen supervise hand-in review confirm-deletion inform end-access link attachment receipt print roster file stats status confirm-restored doctor"
    local global="--agent --token-file --officer --json --lang --help"
    local own=""
    for word in "${words[@]:1}"; do
        if [[ -z $command && " ${commands//$'\n'/ } " == *" $word "* ]]; then
            command=$word
        elif [[ -n $command && -z $kind && $word == *.* && $word != *=* && $word != */* ]]; then
            kind=$word
        fi
    done
    [[ $kind == "$current" ]] && kind=""
    case $command in
    sign) kind=receipt.signed ;;
    accept) kind=receipt.accepted ;;
    return) kind=receipt.returned ;;
    progress) kind=receipt.progress ;;
    close) kind=receipt.closed ;;
    extend) kind=receipt.extended ;;
    pause) kind=supervision.pausing ;;
    resume) kind=supervision.resuming ;;
    go-out) kind=notice.gone-out ;;
    supervise) kind=supervision.listing ;;
    hand-in) kind=supervision.assessment ;;
    review) kind=supervision.review ;;
    inform) kind=file.update ;;
    end-access) kind=file.end ;;
    stand-down) kind=alert.missing-child-cancel ;;
    confirm-deletion) kind=receipt.deleted ;;
    esac
    case $previous in
    --agent | -a | --token-file | --file | -f | --attach | -A | --output)
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
        return
        ;;
    --lang)
        mapfile -t COMPREPLY < <(compgen -W "zh en" -- "$current")
        return
        ;;
    --by)
        mapfile -t COMPREPLY < <(compgen -W "unit task kind task,kind" -- "$current")
        return
        ;;
    --kind)
        mapfile -t COMPREPLY < <(compgen -W "$(_leadbus_ask kinds)" -- "$current")
        return
        ;;
    --why)
        mapfile -t COMPREPLY < <(compgen -W "all received signed signed_in_time overdue missed_deliver missed_sign missed_accept
            missed_progress missed_close returned transferred closed ended_otherwise open open_overdue extended" -- "$current")
        return
        ;;
    --state)
        mapfile -t COMPREPLY < <(compgen -W "queued sent receipted refused" -- "$current")
        return
        ;;
    --topic | -t)
        mapfile -t COMPREPLY < <(compgen -W "$(_leadbus_ask topics "$kind")" -- "$current")
        return
        ;;
    --outcome)
        mapfile -t COMPREPLY < <(compgen -W "$(_leadbus_ask outcomes)" -- "$current")
        return
        ;;
    --reason | -r)
        mapfile -t COMPREPLY < <(compgen -W "$(_leadbus_ask reasons "$command")" -- "$current")
        return
        ;;
    --set | -s)
        mapfile -t COMPREPLY < <(compgen -W "$(_leadbus_ask fields "$kind" "$current")" -- "$current")
        # What stands before "=" is a word of its own to readline.
        [[ $current == *=* ]] && COMPREPLY=("${COMPREPLY[@]#*=}")
        [[ ${COMPREPLY[0]-} == *= ]] && compopt -o nospace 2>/dev/null
        return
        ;;
    esac
    if [[ -z $command ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$commands $global" -- "$current")
        return
    fi
    case $command in
    send | preview | kinds)
        own="--topic"
        [[ $command == kinds ]] && own+=" --example"
        [[ $command != kinds ]] && own+=" --file --set --area --to --thread --parent --template --key"
        [[ $command == send ]] && own+=" --wait --preview --attach --confirm-no-dna"
        if [[ $current != -* ]]; then
            mapfile -t COMPREPLY < <(compgen -W "$(_leadbus_ask kinds)" -- "$current")
            return
        fi
        ;;
    print)
        own="--output"
        if [[ $current != -* ]]; then
            mapfile -t COMPREPLY < <(compgen -W "receipt handover" -- "$current")
            return
        fi
        ;;
    inbox) own="--due --page --after --before --limit --wait" ;;
    outbox) own="--limit --state" ;;
    threads) own="--limit" ;;
    file)
        own="--purpose --thread --to --reason --on --visited-on --next-on --delete-on --text"
        if [[ $current != -* ]]; then
            mapfile -t COMPREPLY < <(compgen -W "open list show add grant revoke visit end" -- "$current")
            return
        fi
        ;;
    stats) own="--period --from --until --by --task --kind --why --limit --csv" ;;
    attachment) own="--output --wait" ;;
    sign | accept) own="--set --wait --message" ;;
    return) own="--set --wait --message --reason --text" ;;
    progress) own="--set --wait --message --outcome --text" ;;
    close) own="--set --wait --message --outcome --text --other" ;;
    urge | stand-down) own="--set --wait --message --reason" ;;
    transfer) own="--set --wait --message --reason --text --to" ;;
    ask-release) own="--set --wait --message --text --to" ;;
    release) own="--set --wait --message --outcome --text" ;;
    go-out) own="--set --wait --message --file" ;;
    supervise) own="--set --wait --message --topic --reason" ;;
    hand-in) own="--set --wait --message --text --file" ;;
    review | end-access) own="--set --wait --message --outcome --text" ;;
    inform) own="--set --wait --message --text --file" ;;
    extend | pause | resume | withdraw | uphold | reopen) own="--set --wait --message --reason --text" ;;
    object) own="--set --wait --message --text" ;;
    confirm-deletion) own="--set --wait --message" ;;
    link) own="--set --wait --message --reason --text --other" ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$own $global" -- "$current")
}
complete -F _leadbus leadbus
