//! Line ends, encodings and filters: files that nobody touched stay byte for byte, others are converted as git does.

use super::run::Run;

/// A repository with files that git would convert if it added them again.
const BASE: &str = r"
    printf 'a\r\nb\r\n' > crlf.txt; printf 'a\r\nb\r\n' > mixed.bat; echo x > x; echo unix > unix.sh
    printf '\xff\xfea\0\n\0' > wide.txt; printf 'id $Id$\n' > ident.c; echo secret > vault.key
    printf 'version https://git-lfs.github.com/spec/v1\noid sha256:%064d\nsize 12345\n' 1 > art.psd
    printf '\0GITCRYPT\0 sealed' > sealed.key
    git add -A; git commit -qm contents
    printf '* text=auto\n*.sh text eol=lf\n*.bat text eol=crlf\nwide.txt working-tree-encoding=UTF-16LE-BOM text\n*.c ident\n*.psd filter=lfs diff=lfs merge=lfs -text\n*.key filter=git-crypt diff=git-crypt\n' > .gitattributes
    git add .gitattributes; git commit -qm attributes";

async fn after(script: &str) -> Run {
    let run = Run::of(BASE).await;
    run.agent(script);
    run
}

#[tokio::test]
async fn files_that_nobody_touched_do_not_change() {
    for script in [
        "true",
        "touch *",
        "rm .git/index",
        "rm -rf .git",
        "rm -rf .git; git init -q",
        "git config core.autocrlf true",
        "git config core.autocrlf input; git config core.eol crlf",
        "git -c filter.lfs.required=false status >/dev/null",
        "for file in *; do cp -p $file copy; mv copy $file; done",
    ] {
        let run = after(&format!("{script}; echo edited > x")).await;
        let out = run.out().await;
        assert_eq!((out.changes(), out.not_committed()), (vec!["M x".to_owned()], vec![]), "{script}");
    }
}

#[tokio::test]
async fn a_run_that_did_nothing_has_nothing_to_commit() {
    let out = after("true").await.out().await;
    assert_eq!((out.commits, out.result.commit), (0, None));
}

#[tokio::test]
async fn changed_files_are_converted_as_git_does() {
    let run = after(
        r"printf 'a\r\nc\r\n' > unix.sh; printf 'new\r\n' > new.bat; printf 'new\n' > other.bat
          printf 'id $Id: 0123456789012345678901234567890123456789 $ more\n' > ident.c",
    )
    .await;
    let out = run.out().await;
    assert_eq!(out.changes(), ["M ident.c", "A new.bat", "A other.bat", "M unix.sh"]);
    assert_eq!(out.text("unix.sh"), "a\nc\n");
    assert_eq!((out.text("new.bat"), out.text("other.bat")), ("new\n".to_owned(), "new\n".to_owned()));
    assert_eq!(out.text("ident.c"), "id $Id$ more\n");
}

#[tokio::test]
async fn rules_that_the_agent_adds_change_no_other_file() {
    let run = Run::of(r"printf 'a\r\nb\r\n' > crlf.txt; echo x > x; git add -A; git commit -qm one").await;
    run.agent("printf '* text=auto eol=lf\\n*.txt ident\\n' > .gitattributes");
    let out = run.out().await;
    assert_eq!(out.changes(), ["A .gitattributes"]);
}

#[tokio::test]
async fn a_large_file_of_lfs_is_never_committed_itself() {
    for script in [
        "echo painted > art.psd",
        "echo painted > new.psd",
        "echo painted > new.psd; git -c filter.lfs.clean=cat add new.psd",
        "mkdir deep; echo painted > deep/new.psd",
    ] {
        let run = after(&format!("{script}; echo edited > x")).await;
        let out = run.out().await;
        assert_eq!(out.changes(), ["M x"], "{script}");
        let left = &out.result.not_committed;
        assert!(left.len() == 1 && left[0].path.ends_with(".psd"), "{left:?}");
        assert!(left[0].why.contains("LFS"), "{left:?}");
        assert_eq!(
            super::saved::Saved::of(&run).await.left_out(&left[0].path),
            Some(b"painted\n".as_slice())
        );
    }
}

#[tokio::test]
async fn a_rule_for_lfs_that_the_agent_adds_holds_for_its_files() {
    let run = Run::after("echo '*.bin filter=lfs -text' > .gitattributes; echo painted > a.bin").await;
    let out = run.out().await;
    assert_eq!((out.changes(), out.not_committed()), (vec!["A .gitattributes".to_owned()], vec!["a.bin"]));
}

#[tokio::test]
async fn a_pointer_of_lfs_that_the_agent_moved_is_moved() {
    let run = after("git mv art.psd moved.psd").await;
    assert_eq!(run.out().await.changes(), ["D art.psd", "A moved.psd"]);
}

#[tokio::test]
async fn a_sealed_file_is_never_committed_in_the_open() {
    for script in ["echo open > sealed.key", "echo open > new.key", "echo open > new.key; git add new.key"] {
        let run = after(&format!("{script}; echo edited > x")).await;
        let out = run.out().await;
        assert_eq!(out.changes(), ["M x"], "{script}");
        let left = &out.result.not_committed;
        assert!(left.len() == 1 && left[0].path.ends_with(".key"), "{left:?}");
        assert!(left[0].why.contains("encrypt"), "{left:?}");
    }
}

#[tokio::test]
async fn files_of_another_filter_are_committed_as_they_are() {
    let run =
        Run::after("echo '* filter=mine' > .gitattributes; echo plain > plain; echo edited > src/main.rs")
            .await;
    let out = run.out().await;
    assert_eq!(out.changes(), ["A .gitattributes", "A plain", "M src/main.rs"]);
    assert_eq!(out.text("plain"), "plain\n");
}

#[tokio::test]
async fn a_file_in_another_encoding_is_converted_or_named() {
    let run = after(r"printf '\xff\xfeb\0\n\0' > wide.txt").await;
    assert_eq!(run.out().await.text("wide.txt"), "b\n");
    let run = after(r"printf 'not wide' > wide.txt; echo edited > x").await;
    let out = run.out().await;
    assert!(out.changes().contains(&"M x".to_owned()));
    let named = out.not_committed().contains(&"wide.txt");
    assert!(named || super::saved::Saved::of(&run).await.has("not wide"), "{:#?}", out.result);
    let run = Run::after(
        "echo '*.odd working-tree-encoding=nonsense' > .gitattributes; echo x > x.odd; echo y > y",
    )
    .await;
    let out = run.out().await;
    assert!(out.changes().contains(&"A y".to_owned()) && super::saved::Saved::of(&run).await.has("x\n"));
}
