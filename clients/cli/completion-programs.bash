# bash completion for leadbus-agent, leadbusd, leadbus-ca, leadbus-plan and leadbus-replay: commands and options as the
# program's own help has them; files everywhere else. Installed under each of their names.
_leadbus_program() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} word help
    local -a asked=("$1")
    case $previous in
    --lang)
        mapfile -t COMPREPLY < <(compgen -W "zh en" -- "$current")
        return
        ;;
    esac
    # "leadbus-ca sign --<TAB>": the help of the command, where there is one.
    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        if [[ $word =~ ^[a-z]+$ ]]; then
            asked+=("$word")
            break
        fi
    done
    help=$(LC_ALL=en_US.UTF-8 "${asked[@]}" --help 2>/dev/null </dev/null)
    if [[ $current == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(grep -oE -e '--[a-z-]+' <<<"$help" | sort -u)" -- "$current")
    elif [[ ${#asked[@]} -eq 1 && $COMP_CWORD -eq 1 ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(sed -nE 's/^  ([a-z]+) .*/\1/p' <<<"$help")" -- "$current")
        [[ ${#COMPREPLY[@]} -gt 0 ]] || mapfile -t COMPREPLY < <(compgen -f -- "$current")
    else
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
    fi
}
complete -o filenames -F _leadbus_program leadbus-agent leadbusd leadbus-ca leadbus-plan leadbus-replay
