//! Work that belongs on the branch gets there, whatever has become of the agent's own repository.

use api::run::Reason;

use super::script::work;

const FILES: &[(&str, &str)] = &[("src/a.txt", "a\n"), ("docs/b.txt", "b\n"), ("c.txt", "c\n")];
const ALL: [&str; 4] = ["README.md", "c.txt", "docs/b.txt", "src/a.txt"];

#[tokio::test(flavor = "multi_thread")]
async fn a_sparse_checkout_deletes_nothing() {
    let done = work("git sparse-checkout set src && echo changed > src/a.txt", FILES).await;
    done.ended(Reason::Completed);
    assert_eq!(done.files(), ALL);
    assert_eq!(done.file("src/a.txt"), "changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_nobody_may_read_is_not_deleted() {
    let done = work("chmod 000 docs && echo changed > src/a.txt", FILES).await;
    done.ended(Reason::Completed);
    assert_eq!(done.files(), ALL);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_that_is_gone_loses_nothing() {
    let done = work("rm -rf .git && echo changed > src/a.txt && rm c.txt", FILES).await;
    done.ended(Reason::Completed);
    assert_eq!(done.files(), ["README.md", "docs/b.txt", "src/a.txt"]);
    assert_eq!(done.file("src/a.txt"), "changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_that_was_begun_afresh_loses_nothing() {
    let command = "rm -rf .git && git init -q && git add -A && git -c user.name=A -c user.email=a@localhost \
                   commit -qm Afresh && echo changed > src/a.txt";
    let done = work(command, FILES).await;
    done.ended(Reason::Completed);
    assert_eq!(done.files(), ALL);
    assert_eq!(done.file("src/a.txt"), "changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_index_and_a_broken_config_lose_nothing() {
    let done = work("echo junk > .git/index; echo '[[' > .git/config; echo changed > src/a.txt", FILES).await;
    done.ended(Reason::Completed);
    assert_eq!(done.files(), ALL);
    assert_eq!(done.file("src/a.txt"), "changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_with_a_repository_of_its_own_is_added_as_files() {
    let command = "mkdir app && cd app && git init -q && echo 1 > main.txt && git add -A && \
                   git -c user.name=A -c user.email=a@localhost commit -qm Scaffold && echo 2 > new.txt";
    let done = work(command, &[]).await;
    done.ended(Reason::Completed);
    assert_eq!(done.files(), ["README.md", "app/main.txt", "app/new.txt"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_recorded_costs_no_other() {
    let done = work("mkfifo pipe; echo x > locked; chmod 000 locked; echo good > good.txt", &[]).await;
    let detail = done.ended(Reason::Completed).to_owned();
    let (on_branch, named) = (done.files(), &done.run.not_committed);
    assert!(on_branch.iter().any(|file| file == "good.txt"), "{on_branch:?}");
    for file in ["locked", "pipe"] {
        let is_named =
            named.iter().any(|it| it.path == file) && detail.contains(&format!("{file} is in no commit"));
        assert!(is_named || on_branch.iter().any(|it| it == file), "{file}: {detail}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_too_large_is_left_out_named_and_kept() {
    let done = work("head -c 60000000 /dev/zero > core && echo good > good.txt", &[]).await;
    let detail = done.ended(Reason::Completed).to_owned();
    assert_eq!(done.files(), ["README.md", "good.txt"]);
    assert!(detail.contains("core is in no commit"), "{detail}");
    let left_out = &done.run.not_committed[0];
    assert_eq!((left_out.path.as_str(), left_out.bytes), ("core", 60_000_000));
    let told = done.notices().iter().filter(|text| text.contains("core (60000000 bytes)")).count();
    assert_eq!(told, 1, "once a run: {:?}", done.notices());
    assert!(done.keeps("left-out.tar.gz"), "{:?}", done.run.artifacts);
}
