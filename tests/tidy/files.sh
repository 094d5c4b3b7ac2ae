# shellcheck shell=bash
# Sourced by the checks: the files of the project. A git checkout lists what is tracked; an unpacked
# archive has nothing else in it.

# files_of PATTERN...: tracked files whose path matches one of the shell patterns, one a line.
files_of() {
    local pattern arguments=()
    if git -c safe.directory='*' rev-parse --git-dir >/dev/null 2>&1; then
        git -c safe.directory='*' ls-files --deduplicate -- "$@" |
            while IFS= read -r file; do if [ -f "$file" ]; then printf '%s\n' "$file"; fi; done
        return
    fi
    for pattern in "$@"; do arguments+=(-o -path "./$pattern"); done
    find . -path ./build -prune -o -type f \( "${arguments[@]:1}" \) -print | sed 's|^\./||' | sort
}
