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
    for what in environ cmdline; do
        read=0
        for file in /proc/[0-9]*/"$what"; do
            cat "$file" > /dev/null 2>&1 && read=$((read + 1))
        done
        echo "read $read $what"
        cat /proc/[0-9]*/"$what" 2> /dev/null | look "$what"
    done ;;
settings)
    cd /workspace && git config --list --show-origin | tee /dev/stderr | look settings
    git remote --verbose 2>&1 | tee /dev/stderr | look settings
    ls -la ~ ~/.ssh ~/.config ~/.claude 2>&1 | tee /dev/stderr | look listings
    # What git was told for this host, if anybody told it.
    printf 'protocol=http\nhost=127.0.0.1\n\n' | GIT_TERMINAL_PROMPT=0 git credential fill 2>&1 | look credential ;;
files)
    places=$(find / -maxdepth 1 -mindepth 1 -not -name proc -not -name sys)
    LC_ALL=C timeout 200 grep --recursive --text --only-matching --fixed-strings --with-filename --null \
        --file=<(needles_as_lines) $places 2> /tmp/unreadable > >(
        while IFS= read -r -d '' file && IFS= read -r found; do
            echo "found ${needles[$found]} in $file"
        done | sort -u | head -n 200)
    status=$?
    wait
    test $status = 124 && echo 'not in time' || echo "searched $(echo $places | wc -w) folders" ;;
esac
