# bash completion for leadbus-plan; installed as share/bash-completion/completions/leadbus-plan.
_leadbus_plan() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
    local command=${COMP_WORDS[1]:-} keys="" own="--lang --help"
    if [[ $COMP_CWORD -eq 1 ]]; then
        mapfile -t COMPREPLY < <(compgen -W "lint explain diff graph lifecycle chains stats derive --help --version" -- "$current")
        return
    fi
    case $previous in
    --lang)
        mapfile -t COMPREPLY < <(compgen -W "zh en" -- "$current")
        return
        ;;
    --from | --parent-from | --thread)
        # Of a group's line the key is "group", of a unit's "unit".
        keys=$(leadbus-plan stats --json 2>/dev/null | sed -n 's/^ *"unit": "\(.*\)",$/\1/p')
        ;;
    --kind) keys=$(leadbus-plan stats --json 2>/dev/null | sed -n 's/^ *"kind": "\(.*\)",$/\1/p') ;;
    --plan | --directory)
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
        return
        ;;
    esac
    if [[ -n $keys ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$keys" -- "$current")
        return
    fi
    case $command in
    lint) own+=" --to-confirm --html --tsv --all --strict --directory --at --json" ;;
    explain)
        own+=" --from --topic --area --at --parent-from --thread --plan --json"
        if [[ $current != -* ]]; then
            keys=$(leadbus-plan stats --json 2>/dev/null | sed -n 's/^ *"kind": "\(.*\)",$/\1/p')
            mapfile -t COMPREPLY < <(compgen -W "$keys" -- "$current")
            return
        fi
        ;;
    diff) own+=" --at --json" ;;
    graph) own+=" --kind --streets" ;;
    stats) own+=" --json" ;;
    esac
    if [[ $current == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$own" -- "$current")
    else
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
    fi
}
complete -F _leadbus_plan leadbus-plan
