# canaries.sh PLACE: says which needles are in a place. Run by the agent; lines `needle NAME FIRST SECOND` are put
# in front of this, with `needle` itself.
needles_as_lines() { printf '%s\n' "${!needles[@]}"; }
named() { # PLACE: reads what was found
    while IFS= read -r found; do echo "found ${needles[$found]} in $1"; done | sort -u
}
# Through a pipe, because files and arguments are searched as well.
look() { tr '\0' '\n' | LC_ALL=C grep --text --only-matching --fixed-strings --file=<(needles_as_lines) | named "$1"; }

case $1 in
environment) env | look environment ;;
processes)
    # Known to be there, so that the search of arguments is seen to find.
    (exec -a "$MARKER" sleep 61) & beside=$!
    until grep --text --quiet 61 "/proc/$beside/cmdline"; do sleep 0.05; done
    for what in environ cmdline; do
        cat /proc/[0-9]*/"$what" 2> /dev/null | look "$what"
    done
    kill "$beside" ;;
settings)
    # Not by `tee /dev/stderr`: that is a file here, and would be emptied each time.
    said=$(cd /workspace; git config --list --show-origin; git remote --verbose)
    echo "$said"; echo "$said" | look settings
    said=$(ls -la ~ ~/.ssh ~/.config ~/.claude 2>&1)
    echo "$said"; echo "$said" | look listings
    # What git would show this host, if anybody has told it.
    said=$(printf 'protocol=http\nhost=127.0.0.1\n\n' | GIT_TERMINAL_PROMPT=0 git credential fill 2>&1)
    echo "$said"; echo "$said" | look credential ;;
files)
    places=$(find / -maxdepth 1 -mindepth 1 -not -name proc -not -name sys)
    LC_ALL=C timeout 200 grep --recursive --text --only-matching --fixed-strings --with-filename --null \
        --file=<(needles_as_lines) $places 2> /tmp/unreadable > >(
        while IFS= read -r -d '' file && IFS= read -r found; do
            echo "found ${needles[$found]} in $file"
        done | sort -u)
    status=$?
    wait
    test $status = 124 && echo 'not in time' || echo "searched $(echo $places | wc -w) folders" ;;
esac
