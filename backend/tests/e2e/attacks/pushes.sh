# pushes.sh NAME: something with git that a run may not do. Run by the agent; and, to see that it would be
# done, by a host that nobody stops. `origin` is the run's repository, `other.git` beside it another one.
url=$(git config remote.origin.url)
other=${url%/*}/other.git
# How the relay is asked for the two; a host has none.
relayed=$(git config --get-regexp '^url\..*\.insteadof$' | head -n 1 | sed 's/^url\.//; s/\.insteadof .*//')
relayed=${relayed:-$url}
relayed_other=${relayed%/*}/other.git
own=$(git branch --show-current)

commit() { git commit --quiet --allow-empty --message "$1"; }
by_hand() { # URL OLD REFERENCE: a push as bytes, without git's own client
    local line="$2 $(git rev-parse HEAD) $3" can=' report-status'
    { printf '%04x%s\0%s0000' $((5 + ${#line} + ${#can})) "$line" "$can"
      git rev-list --objects HEAD | git pack-objects --quiet --stdout
    } | curl --silent --show-error --data-binary @- \
        --header 'Content-Type: application/x-git-receive-pack-request' "$1/git-receive-pack" | tr '\0' ' '
}

case $1 in
own) commit Own; git push origin "HEAD:refs/heads/$own" ;;
main) git push origin HEAD:main ;;
tag) git push origin HEAD:refs/tags/v1 ;;
review) git push origin HEAD:refs/for/main ;;
force) git push --force origin "$(git commit-tree -m Alone 'HEAD^{tree}'):refs/heads/main" ;;
delete_main) git push origin --delete main ;;
delete_other) git push origin :refs/heads/other ;;
delete_own) git push origin --delete "$own" ;;
mirror) git push --mirror origin ;;
both) commit Both; git push origin "HEAD:refs/heads/$own" HEAD:refs/heads/main ;;
options) commit Options; git push --push-option merge_request.create origin "HEAD:refs/heads/$own" ;;
by_hand) by_hand "$relayed" "$(git rev-parse origin/main)" refs/heads/main ;;
by_hand_other) by_hand "$relayed_other" 0000000000000000000000000000000000000000 refs/heads/planted ;;
other) git push "$other" HEAD:refs/heads/planted ;;
other_relayed) git push "$relayed_other" HEAD:refs/heads/planted ;;
fetch_other) git fetch "$other" main && echo fetched ;;
fetch_relayed) git fetch "$relayed_other" main && echo fetched ;;
esac 2>&1
