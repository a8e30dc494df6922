//! A repository in any state: its work is pushed, and the agent has a repository again that it can work in.

use super::run::Run;

/// What the agent left uncommitted before it broke its repository.
const EDITS: &str = "echo edited > src/main.rs; mkdir -p new; echo new > new/file; rm docs/deep/page.md";
const CHANGES: [&str; 3] = ["D docs/deep/page.md", "A new/file", "M src/main.rs"];

/// Uncommitted edits go out, and what the agent does next as well.
async fn edits_go_out(broken: &str) {
    let run = Run::after(&format!("{EDITS}\n{broken}")).await;
    let out = run.out().await;
    assert_eq!(out.changes(), CHANGES);
    goes_on(&run, &out.head).await;
}

/// Committed edits go out, on whatever commits there are.
async fn commits_go_out(broken: &str) {
    let run = Run::after(&format!("{EDITS}\ngit add -A; git commit -qm mine; {broken}")).await;
    let out = run.out().await;
    assert_eq!(out.changes(), CHANGES);
    goes_on(&run, &out.head).await;
}

/// The agent's repository is clean, on the branch of the run, and good for another commit.
async fn goes_on(run: &Run, head: &str) {
    assert_eq!(run.agent("git status --porcelain; git rev-parse HEAD"), head);
    run.agent("echo later > later; git add later; git commit -qm later");
    let out = run.out().await;
    assert_eq!(out.text("later"), "later\n");
    assert_eq!(out.head, run.agent("git rev-parse HEAD"));
    assert!(out.has(head), "what was pushed first is still there");
}

mod edits_go_out {
    use super::edits_go_out;

    forms! { edits_go_out:
        without_a_repository => "rm -rf .git";
        with_a_new_repository => "rm -rf .git; git init -q";
        with_a_new_repository_that_has_everything_staged => "rm -rf .git; git init -q; git add -A";
        with_a_new_repository_that_has_one_commit => "rm -rf .git; git init -q; git add -A; git commit -qm all";
        with_a_new_repository_on_a_branch_of_the_same_name =>
            "rm -rf .git; git init -q -b caisson/run; git add -A; git commit -qm all";
        with_a_new_repository_that_has_some_of_it =>
            "rm -rf .git; git init -q; git add new; git commit -qm some";
        with_a_new_repository_of_sha256 =>
            "rm -rf .git; git init -q --object-format=sha256; git add -A; git commit -qm all";
        with_a_new_repository_with_reftables =>
            "rm -rf .git; git init -q --ref-format=reftable 2>/dev/null || git init -q; git add -A; git commit -qm all";
        with_a_bare_repository_in_its_place => "rm -rf .git; git init -q --bare .git";
        with_an_empty_folder_in_its_place => "rm -rf .git; mkdir .git";
        with_a_file_in_its_place => "rm -rf .git; echo garbage > .git";
        with_an_empty_file_in_its_place => "rm -rf .git; : > .git";
        with_a_file_that_names_nothing_in_its_place => "rm -rf .git; echo 'gitdir: /nowhere/at/all' > .git";
        with_a_file_that_names_itself_in_its_place => "rm -rf .git; echo 'gitdir: .git' > .git";
        with_a_link_to_nothing_in_its_place => "rm -rf .git; ln -s /nowhere/at/all .git";
        with_a_link_to_itself_in_its_place => "rm -rf .git; ln -s .git .git";
        with_a_pipe_in_its_place => "rm -rf .git; mkfifo .git";
        with_the_repository_moved_behind_a_link => "mv .git \"$OUTSIDE/git\"; ln -s \"$OUTSIDE/git\" .git";
        with_the_repository_moved_behind_a_file => "git init -q --separate-git-dir \"$OUTSIDE/git\"";
        with_the_repository_moved_away => "mv .git \"$OUTSIDE/git\"";
    }

    mod with_an_index {
        use super::super::edits_go_out;

        forms! { edits_go_out:
            of_garbage => "echo garbage > .git/index";
            of_nothing => ": > .git/index";
            that_is_cut => "git add -A; head -c 100 .git/index > cut; mv cut .git/index";
            with_a_flipped_byte => "printf X | dd of=.git/index bs=1 seek=40 conv=notrunc status=none";
            of_zeros => "truncate -s 0 .git/index; truncate -s 4096 .git/index";
            that_is_gone => "rm .git/index";
            that_is_a_folder => "rm .git/index; mkdir .git/index";
            that_is_a_pipe => "rm .git/index; mkfifo .git/index";
            that_is_a_link_to_nothing => "rm .git/index; ln -s /nowhere/at/all .git/index";
            that_is_closed => "chmod 000 .git/index";
            that_is_locked => "touch .git/index.lock";
            that_is_split => "git update-index --split-index";
            that_is_split_and_half_gone => "git update-index --split-index; git add new; rm .git/sharedindex.*";
            of_version_4 => "git update-index --index-version 4";
            with_an_untracked_cache => "git update-index --untracked-cache; git status >/dev/null";
            without_a_checksum => "git config index.skipHash true; git add -A";
            that_names_objects_that_are_gone =>
                "git update-index --add --cacheinfo 100644,1111111111111111111111111111111111111111,ghost
                 rm -f ghost; git update-index --force-remove ghost";
            with_paths_that_were_only_intended => "git add -N new/file";
            of_another_time => "cp .git/index old; git add -A; mv old .git/index";
        }
    }

    mod with_a_head {
        use super::super::edits_go_out;

        forms! { edits_go_out:
            of_garbage => "echo garbage > .git/HEAD";
            of_nothing => ": > .git/HEAD";
            of_zeros => "printf '\\0\\0\\0\\0\\0\\0\\0\\0' > .git/HEAD";
            that_is_gone => "rm .git/HEAD";
            that_is_a_folder => "rm .git/HEAD; mkdir .git/HEAD";
            that_is_locked => "touch .git/HEAD.lock";
            that_names_a_path_upwards => "echo 'ref: ../../../etc/passwd' > .git/HEAD";
            that_names_itself => "echo 'ref: HEAD' > .git/HEAD";
            that_names_a_commit_that_is_not_there => "printf '1%.0s' {1..40} > .git/HEAD";
            whose_branch_is_gone => "git update-ref -d refs/heads/caisson/run";
            whose_branch_is_garbage => "echo garbage > .git/refs/heads/caisson/run";
            whose_branch_is_empty => ": > .git/refs/heads/caisson/run";
            whose_branch_is_zeros => "printf '0%.0s' {1..40} > .git/refs/heads/caisson/run";
            whose_branch_names_itself => "echo 'ref: refs/heads/caisson/run' > .git/refs/heads/caisson/run";
            whose_branch_is_a_tree => "tree=$(git rev-parse HEAD^{tree}); echo $tree > .git/refs/heads/caisson/run";
            whose_branch_is_locked => "touch .git/refs/heads/caisson/run.lock .git/packed-refs.lock";
            whose_branch_is_packed => "git pack-refs --all";
            whose_branches_are_gone => "rm -rf .git/refs .git/packed-refs";
            whose_packed_branches_are_garbage => "git pack-refs --all; echo garbage > .git/packed-refs";
            in_reftables => "rm -rf .git/logs; git refs migrate --ref-format=reftable 2>/dev/null || git --version | grep -q ' 2[.]39'";
            whose_log_is_garbage => "rm -rf .git/logs; mkdir .git/logs; echo garbage > .git/logs/HEAD; : > .git/logs/refs";
        }
    }

    mod with_settings {
        use super::super::edits_go_out;

        forms! { edits_go_out:
            of_garbage => "echo '[core' > .git/config";
            of_nothing => ": > .git/config";
            of_zeros => "head -c 512 /dev/zero > .git/config";
            that_are_gone => "rm .git/config";
            that_are_a_folder => "rm .git/config; mkdir .git/config";
            that_are_a_pipe => "rm .git/config; mkfifo .git/config";
            that_are_closed => "chmod 000 .git/config";
            that_are_locked => "touch .git/config.lock";
            that_include_themselves => "git config include.path config";
            that_say_bare => "git config core.bare true";
            that_name_another_work_tree => "git config core.worktree \"$OUTSIDE\"";
            that_name_no_work_tree => "git config core.worktree /nowhere/at/all";
            of_a_format_nobody_knows => "git config core.repositoryFormatVersion 99";
            with_an_extension_nobody_knows =>
                "git config core.repositoryFormatVersion 1; git config extensions.fromTheFuture true";
            with_another_hash =>
                "git config core.repositoryFormatVersion 1; git config extensions.objectFormat sha256";
            with_another_kind_of_references =>
                "git config core.repositoryFormatVersion 1; git config extensions.refStorage reftable";
            with_a_promise_of_objects =>
                "git config core.repositoryFormatVersion 1; git config extensions.partialClone origin
                 git config remote.origin.promisor true";
            with_precious_objects =>
                "git config core.repositoryFormatVersion 1; git config extensions.preciousObjects true";
            with_settings_for_each_worktree =>
                "git config core.repositoryFormatVersion 1; git config extensions.worktreeConfig true
                 echo '[core] bare = true' > .git/config.worktree";
            with_values_of_the_wrong_kind => "git config core.fileMode banana; git config core.autocrlf banana";
            that_hide_untracked_files => "git config status.showUntrackedFiles no";
            for_many_files => "git config feature.manyFiles true; git status >/dev/null";
            that_convert_line_ends => "git config core.autocrlf true";
        }
    }

    mod with_objects {
        use super::super::edits_go_out;

        forms! { edits_go_out:
            that_are_gone => "rm -rf .git/objects";
            that_are_a_file => "rm -rf .git/objects; : > .git/objects";
            that_cannot_be_written => "chmod -R a-w .git/objects";
            that_cannot_be_read => "chmod 000 .git/objects";
            in_a_repository_that_cannot_be_written => "chmod -R a-w .git";
            in_a_repository_that_is_closed => "chmod 000 .git";
            that_were_collected => "git add -A; git gc -q --prune=now";
            in_a_cut_pack => "git repack -qad; for pack in .git/objects/pack/*.pack; do chmod u+w $pack
                              truncate -s 100 $pack; done";
            in_packs_without_an_index => "git repack -qad; rm -f .git/objects/pack/*.idx";
            in_a_pack_whose_index_is_garbage =>
                "git repack -qad; for index in .git/objects/pack/*.idx; do chmod u+w $index; echo x > $index; done";
            of_which_all_loose_ones_are_cut =>
                "for pack in .git/objects/pack/*.pack; do mv $pack \"$OUTSIDE\"; git unpack-objects -q < \"$OUTSIDE/${pack##*/}\"
                 done; rm -f .git/objects/pack/*; find .git/objects -type f -exec chmod u+w {} + -exec truncate -s 3 {} +";
            that_are_borrowed_from_nowhere => "echo /nowhere/at/all > .git/objects/info/alternates";
            that_are_borrowed_from_themselves => "echo \"$PWD/.git/objects\" > .git/objects/info/alternates";
            that_were_moved_away_and_are_borrowed =>
                "cp -r .git/objects \"$OUTSIDE/objects\"; rm -rf .git/objects; mkdir -p .git/objects/info
                 echo \"$OUTSIDE/objects\" > .git/objects/info/alternates";
            with_a_graph_of_garbage => "echo garbage > .git/objects/info/commit-graph";
            with_a_list_of_packs_of_garbage => "echo garbage > .git/objects/pack/multi-pack-index";
            with_a_shallow_file_of_garbage => "echo garbage > .git/shallow";
            with_a_history_cut_by_hand => "git rev-parse HEAD > .git/shallow";
            with_grafts => "mkdir -p .git/info; git rev-parse HEAD > .git/info/grafts";
            of_which_the_newest_commit_is_replaced =>
                "git replace HEAD $(git commit-tree -m other HEAD^{tree}); git status >/dev/null";
        }
    }
}

mod commits_go_out {
    use super::commits_go_out;

    forms! { commits_go_out:
        without_a_repository => "rm -rf .git";
        with_a_new_repository => "rm -rf .git; git init -q; git add -A; git commit -qm all";
        without_an_index => "rm .git/index";
        with_an_index_of_garbage => "echo garbage > .git/index";
        with_a_head_of_garbage => "echo garbage > .git/HEAD";
        without_objects => "rm -rf .git/objects";
        without_references => "rm -rf .git/refs .git/packed-refs";
        with_a_branch_of_garbage => "echo garbage > .git/refs/heads/caisson/run";
        with_settings_of_garbage => "echo '[core' > .git/config";
        with_settings_that_say_bare => "git config core.bare true";
        with_the_newest_commit_gone =>
            "id=$(git rev-parse HEAD); rm -f .git/objects/${id:0:2}/${id:2}";
        with_the_newest_commit_cut =>
            "id=$(git rev-parse HEAD); chmod u+w .git/objects/${id:0:2}/${id:2}; : > .git/objects/${id:0:2}/${id:2}";
        with_the_newest_tree_gone =>
            "id=$(git rev-parse HEAD^{tree}); rm -f .git/objects/${id:0:2}/${id:2}";
        with_one_file_of_the_newest_commit_gone =>
            "id=$(git rev-parse HEAD:new/file); rm -f .git/objects/${id:0:2}/${id:2}";
        with_one_file_of_the_newest_commit_of_garbage =>
            "id=$(git rev-parse HEAD:new/file); file=.git/objects/${id:0:2}/${id:2}; chmod u+w $file; echo x > $file";
        with_the_base_gone => "for pack in .git/objects/pack/*; do rm -f $pack; done";
        with_all_objects_packed => "git gc -q --prune=now";
        in_reftables => "rm -rf .git/logs; git refs migrate --ref-format=reftable 2>/dev/null || git --version | grep -q ' 2[.]39'";
        in_a_shallow_history => "git rev-parse HEAD > .git/shallow";
        in_a_repository_that_cannot_be_written => "chmod -R a-w .git";
        in_a_repository_behind_a_file => "git init -q --separate-git-dir \"$OUTSIDE/git\"";
    }
}

#[tokio::test]
async fn commits_that_can_be_read_keep_their_ids_and_messages() {
    for broken in ["rm .git/index", "echo '[core' > .git/config", "git config core.bare true", "rm .git/HEAD"]
    {
        let run = Run::after("echo a > a; git add a; git commit -qm 'My own words'").await;
        let mine = run.agent("git rev-parse HEAD");
        run.agent(&format!("echo b > b; {broken}"));
        let out = run.out().await;
        assert_eq!(out.changes(), ["A a", "A b"], "{broken}");
        assert!(out.has(&mine), "{broken}");
    }
}
