//! One file that cannot be recorded costs no other, and every file that can be recorded is.

use std::{ffi::OsStr, os::unix::ffi::OsStrExt, os::unix::net::UnixListener};

use super::{
    out::Out,
    run::Run,
    saved::{Saved, bytes},
};

/// The script makes something at `odd` that no commit can hold: it is named, and the rest goes out.
async fn is_named(script: &str) {
    let run = Run::after(&format!("{script}\necho edited > src/main.rs; echo new > new")).await;
    let out = run.out().await;
    assert_eq!(out.changes(), ["A new", "M src/main.rs"]);
    assert_eq!(out.not_committed().len(), 1, "{:#?}", out.result);
    let left = &out.result.not_committed[0];
    assert!(left.path.contains("odd") && !left.why.is_empty(), "{left:?}");
}

/// What the script makes goes out as these changes beside an edit.
async fn goes_out(script: &str, changes: &[&str]) -> (Run, Out) {
    let run = Run::after(&format!("{script}\necho edited > src/main.rs")).await;
    let out = run.out().await;
    let mut all: Vec<_> = changes.iter().map(|change| (*change).to_owned()).collect();
    all.push("M src/main.rs".to_owned());
    all.sort_by(|a, b| a[2..].cmp(&b[2..]));
    assert_eq!(out.changes(), all);
    assert_eq!(out.not_committed(), [""; 0]);
    assert_eq!(run.agent("git status --porcelain"), "");
    (run, out)
}

mod is_named {
    use super::is_named;

    forms! { is_named:
        when_it_is_a_pipe => "mkfifo odd";
        when_it_is_a_pipe_in_a_new_folder => "mkdir deep; mkfifo deep/odd";
        when_its_name_is_one_that_git_refuses => "mkdir -p odd/.GIT; echo x > odd/.GIT/config";
        when_it_is_a_pipe_that_is_ignored_nowhere_and_has_an_odd_name => "mkfifo $'odd\\nname\\xff'";
    }
}

#[tokio::test]
async fn a_socket_is_named() {
    let run = Run::after("echo edited > src/main.rs").await;
    let _socket = UnixListener::bind(run.workspace().join("odd.sock")).unwrap();
    let out = run.out().await;
    assert_eq!((out.changes(), out.not_committed()), (vec!["M src/main.rs".to_owned()], vec!["odd.sock"]));
}

#[tokio::test]
async fn a_tracked_file_that_became_a_pipe_or_a_socket_is_not_removed_in_silence() {
    let run = Run::after("rm docs/guide.md run.sh; mkfifo docs/guide.md; echo edited > src/main.rs").await;
    let _socket = UnixListener::bind(run.workspace().join("run.sh")).unwrap();
    let out = run.out().await;
    assert!(out.changes().contains(&"M src/main.rs".to_owned()));
    for path in ["docs/guide.md", "run.sh"] {
        assert!(out.not_committed().contains(&path), "{:#?}", out.result);
    }
}

#[tokio::test]
async fn pipes_where_git_looks_for_rules_stop_nothing() {
    for place in [".gitattributes", "src/.gitignore", "src/.gitattributes", ".gitmodules", ".mailmap"] {
        let run = Run::after(&format!("mkfifo {place}; echo edited > src/main.rs; echo new > src/new")).await;
        let out = run.out().await;
        assert_eq!(out.changes(), ["M src/main.rs", "A src/new"], "{place}");
        assert_eq!(out.not_committed(), [place]);
    }
}

#[tokio::test]
async fn folders_and_links_where_git_looks_for_rules_stop_nothing() {
    let script = "mkdir .gitattributes src/.gitignore; echo a > .gitattributes/a; echo b > src/.gitignore/b
                  ln -s docs/.gitignore docs/.gitignore; ln -s /dev/zero docs/.gitattributes";
    let changes = ["A .gitattributes/a", "A docs/.gitattributes", "A docs/.gitignore", "A src/.gitignore/b"];
    goes_out(script, &changes).await;
}

#[tokio::test]
async fn names_beyond_utf_8_go_out_byte_for_byte() {
    let run = Run::after(
        r"echo 1 > $'caf\xe9'; mkdir $'dir\xff'; echo 2 > $'dir\xff/x'; echo 3 > $'\xf0\x9f\xa6\x80'
          echo 4 > $'e\xcc\x81'; echo 5 > $'\xc3\xa9'; ln -s $'to\xe9' $'link\xe9'",
    )
    .await;
    let out = run.out().await;
    assert_eq!(out.not_committed(), [""; 0]);
    let list = bytes(&run.bare(), &["ls-tree", "-r", "-z", "--name-only", &out.head]);
    let names: Vec<_> = list.split(|byte| *byte == 0).collect();
    for name in
        [b"caf\xe9".as_slice(), b"dir\xff/x", "\u{1f980}".as_bytes(), b"e\xcc\x81", b"\xc3\xa9", b"link\xe9"]
    {
        assert!(names.contains(&name), "{:?}", OsStr::from_bytes(name));
    }
    assert!(Saved::of(&run).await.has(b"to\xe9"));
    assert_eq!(run.agent("git status --porcelain"), "");
}

#[tokio::test]
async fn names_with_meaning_to_git_or_a_shell_are_only_names() {
    let script = r#"for name in -rf --all ':(exclude)*' ':!src' '*' '?' '[a]' 'a b' ' ' '"q"' "it's" 'back\slash' \
        $'tab\t' $'line\nend' '#comment' '!not' '~' '$HOME' '%s' 'a:b' 'HEAD' 'con' 'aux.txt' 'trailing.' \
        'trailing ' '@{0}' 'refs' '...' '.gitx' 'git~2'; do echo x > ./"$name"; done"#;
    let run = Run::after(script).await;
    let out = run.out().await;
    assert_eq!(out.not_committed(), [""; 0]);
    assert_eq!(out.changes().len(), 30, "{:#?}", out.changes());
    assert!(out.changes().iter().all(|change| change.starts_with("A ")), "{:#?}", out.changes());
}

#[tokio::test]
async fn edits_and_removals_of_odd_names_are_taken_as_well() {
    let run =
        Run::after(r"echo 1 > $'caf\xe9'; echo 1 > ':!x'; echo 1 > '*'; echo 1 > $'a\nb'; echo 1 > '-x'")
            .await;
    run.out().await;
    run.agent(r"echo 2 > $'caf\xe9'; rm -- ':!x' '*'; echo 2 > $'a\nb'; echo 2 > ./-x");
    let changes = run.out().await.changes();
    assert_eq!(changes, ["A -x", "A a\nb", "A caf\u{fffd}"]);
    assert!(Saved::of(&run).await.has("2\n"));
}

#[tokio::test]
async fn links_of_every_kind_are_links() {
    let (_run, out) = goes_out(
        "ln -s nowhere broken; ln -s self self; ln -s / root; ln -s .. up; ln -s .git/config settings
         ln -s \"$(printf 'x%.0s' {1..4000})\" long; ln -s src folder; ln README.md hard",
        &["A broken", "A self", "A root", "A up", "A settings", "A long", "A folder", "A hard"],
    )
    .await;
    for (path, target) in
        [("broken", "nowhere"), ("self", "self"), ("root", "/"), ("settings", ".git/config")]
    {
        assert_eq!(out.text(path), target);
        assert!(out.tree()[path].starts_with("120000 "), "{path}");
    }
    assert_eq!(out.file("hard"), out.file("README.md"));
}

#[tokio::test]
async fn contents_of_every_kind_go_out_byte_for_byte() {
    let script = r"printf 'a\0b\n' > nul; printf 'a\r\nb\n' > mixed; printf 'no end' > noend; : > empty
                   printf '\xff\xfea\0' > utf16; head -c 3000000 /dev/zero > zeros; truncate -s 9M holes
                   printf '\xef\xbb\xbfbom\n' > bom; printf '$Id$\n' > ident; seq 300000 > lines";
    let run = Run::after(script).await;
    let out = run.out().await;
    for name in ["nul", "mixed", "noend", "empty", "utf16", "zeros", "holes", "bom", "ident", "lines"] {
        assert!(out.file(name) == std::fs::read(run.workspace().join(name)).unwrap(), "{name}");
    }
}

#[tokio::test]
async fn folders_a_hundred_deep_go_out() {
    for depth in [100, 300] {
        let run = Run::after(&format!("mkdir -p $(printf 'd/%.0s' {{1..{depth}}}); cd $(printf 'd/%.0s' {{1..{depth}}}); echo deep > file")).await;
        let out = run.out().await;
        assert_eq!(out.text(&format!("{}file", "d/".repeat(depth))), "deep\n");
    }
}

#[tokio::test]
async fn a_path_longer_than_the_system_takes_costs_no_other_file() {
    let run = Run::after(
        "echo edited > src/main.rs; name=$(printf 'n%.0s' {1..200}); mkdir odd; cd odd
         for n in {1..30}; do mkdir $name; cd $name; done; echo deep > file",
    )
    .await;
    let out = run.out().await;
    assert!(out.changes().contains(&"M src/main.rs".to_owned()), "{:?}", out.changes());
    let named = out.not_committed().iter().any(|path| path.starts_with("odd/"));
    assert!(named || Saved::of(&run).await.has("deep\n"), "{:#?}", out.result);
}

#[tokio::test]
async fn names_as_long_as_they_may_be_go_out() {
    let name = "n".repeat(255);
    goes_out(&format!("echo x > {name}"), &[&format!("A {name}")]).await;
}

#[tokio::test]
async fn special_modes_are_no_reason_to_leave_a_file_out() {
    goes_out(
        "echo a > set; chmod 6755 set; mkdir sticky; chmod 1777 sticky; echo b > sticky/b",
        &["A set", "A sticky/b"],
    )
    .await;
}

#[tokio::test]
async fn many_small_files_go_out() {
    let run = Run::after("mkdir many; cd many; for n in $(seq 3000); do echo $n > file-$n; done").await;
    assert_eq!(run.out().await.changes().len(), 3000);
}

#[tokio::test]
async fn ignored_files_stay_and_are_not_named() {
    let run = Run::after("mkdir ignored; echo x > ignored/x; echo y > build.log; mkfifo ignored/pipe").await;
    let out = run.out().await;
    assert_eq!((out.commits, out.not_committed()), (0, vec![]));
    assert!(run.workspace().join("ignored/x").exists() && run.workspace().join("build.log").exists());
}

#[tokio::test]
async fn tracked_files_that_match_an_ignore_rule_are_still_tracked() {
    let run = Run::after("echo 'src/' >> .gitignore; echo edited > src/main.rs; echo new > src/new").await;
    assert_eq!(run.out().await.changes(), ["M .gitignore", "M src/main.rs"]);
    let run = Run::after("echo x > forced.log; git add -f forced.log").await;
    run.out().await;
    assert!(Saved::of(&run).await.has("x\n"), "what the agent added in spite of the rule is its work");
}
