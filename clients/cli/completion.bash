# bash completion for leadbus; installed as share/bash-completion/completions/leadbus.
_leadbus() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} word command=""
    local commands="send preview inbox show sign accept return progress close urge attachment thread receipt status kinds"
    local global="--agent --token-file --officer --json --lang --help"
    local own=""
    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        if [[ " $commands " == *" $word "* ]]; then
            command=$word
            break
        fi
    done
    case $previous in
    --agent | -a | --token-file | --file | -f | --attach | -A | --output)
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
        return
        ;;
    --lang)
        mapfile -t COMPREPLY < <(compgen -W "zh en" -- "$current")
        return
        ;;
    esac
    if [[ -z $command ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$commands $global" -- "$current")
        return
    fi
    case $command in
    send | preview)
        own="--file --set --topic --area --thread --parent --template --key"
        [[ $command == send ]] && own+=" --wait --attach --confirm-no-dna"
        if [[ $current != -* ]]; then
            mapfile -t COMPREPLY < <(compgen -W "$(leadbus kinds --json 2>/dev/null |
                sed -n 's/^ *"kind": "\(.*\)",$/\1/p')" -- "$current")
            return
        fi
        ;;
    inbox) own="--after --limit --wait" ;;
    attachment) own="--output --wait" ;;
    sign | accept) own="--set --wait" ;;
    return) own="--set --wait --reason --text" ;;
    progress) own="--set --wait --text" ;;
    close) own="--set --wait --outcome --text" ;;
    urge) own="--set --wait --reason" ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$own $global" -- "$current")
}
complete -F _leadbus leadbus
