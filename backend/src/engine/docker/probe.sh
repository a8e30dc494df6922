# Looks from inside whether an image can hold a run; each line is `ok|bad|note NAME: DETAIL`.
# Run as root without any capability, without a network, with a read-only root.
say() { printf '%s %s: %s\n' "$1" "$2" "$3"; }

for program in bash git ip nft setpriv prlimit; do
    if path=$(command -v "$program"); then say ok "$program" "$path"
    else say bad "$program" "is not in PATH; on Debian: apt-get install bash git iproute2 nftables util-linux"; fi
done
for program in caisson-firewall caisson-executor; do
    if path=$(command -v "$program"); then
        version=$("$program" --version 2>&1)
        case $? in
            0) say ok "$program" "$version" ;;
            # The firewall knows one order only, and says so.
            78) say ok "$program" "$path" ;;
            *) say bad "$program" "does not run here ($(printf %s "$version" | head -n 1)); the image's C library may be older than the build machine's" ;;
        esac
        case $path in /usr/*|/bin/*|/sbin/*) ;; *) say bad "$program" "is in $path, where firewalls do not look; put it into /usr/local/bin" ;; esac
    else say bad "$program" "is not in PATH; copy it from caisson-executor:dev to /usr/local/bin"; fi
done
if version=$(HOME=/tmp claude --version 2>/dev/null); then say ok agent "$version"
else say bad agent "claude does not run; install Claude Code into /usr/local/bin"; fi

user() { # NAME HOME
    if ! id=$(id -u "$1" 2>/dev/null); then say bad "user $1" "does not exist; useradd --home-dir $2 $1"; return; fi
    if [ "$id" = 0 ]; then say bad "user $1" "is root"; return; fi
    owner=$(stat -c %U "$2" 2>/dev/null)
    if [ "$owner" = "$1" ]; then say ok "user $1" "uid $id, home $2"
    else say bad "user $1" "does not own $2; install --directory --owner $1 --group $1 $2"; fi
}
user executor /var/lib/caisson
user agent /home/agent
if same=$(id -u executor 2>/dev/null) && [ "$same" = "$(id -u agent 2>/dev/null)" ]; then say bad users "executor and agent are the same user"; fi
if [ "$(stat -c %U /workspace 2>/dev/null)" = agent ]; then say ok /workspace "owned by agent"
else say bad /workspace "is not a folder of the user agent; install --directory --owner agent --group agent /workspace"; fi
case $(stat -c %a /var/lib/caisson 2>/dev/null) in
    700) say ok /var/lib/caisson "closed to others" ;;
    *) say bad /var/lib/caisson "can be entered by others; chmod 0700 /var/lib/caisson" ;;
esac
marked=$(find / -xdev -type f -perm /6000 2>/dev/null | head -n 5 | tr '\n' ' ')
if [ -n "$marked" ]; then say note setuid "$marked: no use to the agent (no_new_privs), but better removed"; fi
