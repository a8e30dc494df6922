use crate::app::repository::{parse, place};

fn read(text: &str) -> (String, Option<String>) {
    let place = place(text, None).unwrap_or_else(|error| panic!("{text}: {error}"));
    (parse(&place.repository).unwrap().to_string(), place.r#ref)
}

#[test]
fn the_address_of_a_page_is_that_of_its_repository_and_what_it_shows() {
    let id = "0123456789abcdef0123456789abcdef01234567";
    for (page, url, shown) in [
        ("https://github.com/o/r/tree/main", "https://github.com/o/r.git", "main"),
        ("https://github.com/o/r/tree/main/", "https://github.com/o/r.git", "main"),
        ("https://github.com/o/r/tree/fix%231", "https://github.com/o/r.git", "fix#1"),
        ("https://github.com/o/r/tree/refs/heads/main", "https://github.com/o/r.git", "refs/heads/main"),
        ("https://github.com/o/r/blob/main/README.md#L3", "https://github.com/o/r.git", "main"),
        (&format!("https://github.com/o/r/blob/{id}/src/a.rs"), "https://github.com/o/r.git", id),
        ("https://github.com/o/r/pull/3", "https://github.com/o/r.git", "refs/pull/3/head"),
        ("https://github.com/o/r/pull/3/files?w=1", "https://github.com/o/r.git", "refs/pull/3/head"),
        ("github.com/o/r/pull/3", "https://github.com/o/r.git", "refs/pull/3/head"),
        ("https://github.com/o/r/commit/0a1b2c3", "https://github.com/o/r.git", "0a1b2c3"),
        ("https://github.com/o/r/releases/tag/v1.0", "https://github.com/o/r.git", "v1.0"),
        ("https://ghe.example.com/o/r/tree/main", "https://ghe.example.com/o/r.git", "main"),
        ("https://gitlab.com/g/s/r/-/tree/main?ref_type=heads", "https://gitlab.com/g/s/r.git", "main"),
        (
            "https://git.example/g/r/-/merge_requests/4/diffs",
            "https://git.example/g/r.git",
            "refs/merge-requests/4/head",
        ),
        ("https://git.example/g/r/-/tags/v2", "https://git.example/g/r.git", "v2"),
        ("https://codeberg.org/o/r/src/branch/x", "https://codeberg.org/o/r.git", "x"),
        ("https://gitea.example/o/r/pulls/5", "https://gitea.example/o/r.git", "refs/pull/5/head"),
        ("http://127.0.0.1:8080/o/r.git/tree/dev", "http://127.0.0.1:8080/o/r.git", "dev"),
        (
            "https://dev.azure.com/org/my%20project/_git/r?path=/x&version=GBdev",
            "https://dev.azure.com/org/my%20project/_git/r",
            "dev",
        ),
        (
            "https://dev.azure.com/org/p/_git/r/pullrequest/9",
            "https://dev.azure.com/org/p/_git/r",
            "refs/pull/9/merge",
        ),
    ] {
        assert_eq!(read(page), (url.to_owned(), Some(shown.to_owned())), "{page}");
        // Without the shown state it is a repository's address as well.
        assert_eq!(parse(page).unwrap().as_str(), url, "{page}");
    }
}

#[test]
fn what_is_copied_along_is_left_out() {
    for (text, url) in [
        ("  https://github.com/o/r \n", "https://github.com/o/r"),
        ("\"https://github.com/o/r\"", "https://github.com/o/r"),
        ("`o/r`", "https://github.com/o/r.git"),
        ("<https://github.com/o/r>", "https://github.com/o/r"),
        ("o/r/", "https://github.com/o/r.git"),
        ("o/r.git.git", "https://github.com/o/r.git"),
        ("https://github.com/o/r.git.git", "https://github.com/o/r.git"),
        ("https://github.com/o/r.git/", "https://github.com/o/r.git/"),
        ("git@github.com:o/r.git.git", "ssh://git@github.com/~/o/r.git"),
        ("git@github.com:o/r.git/", "ssh://git@github.com/~/o/r.git"),
        ("www.github.com/o/r", "https://github.com/o/r"),
        ("http://www.github.com/o/r", "https://github.com/o/r"),
        ("github.com/o/r", "https://github.com/o/r"),
        ("git.example.org/o/r.git", "https://git.example.org/o/r.git"),
        ("https://github.com/o/r?tab=readme-ov-file", "https://github.com/o/r"),
        ("https://github.com/o/r#readme", "https://github.com/o/r"),
        ("https://github.com/o/r/tree", "https://github.com/o/r.git"),
        (
            "https://org@dev.azure.com/org/my%20project/_git/r",
            "https://dev.azure.com/org/my%20project/_git/r",
        ),
        ("org@dev.azure.com/org/my%20project/_git/r", "https://dev.azure.com/org/my%20project/_git/r"),
        ("https://dev.azure.com/org/p/_git/r#", "https://dev.azure.com/org/p/_git/r"),
        ("https://me@bitbucket.org/team/r.git", "https://bitbucket.org/team/r.git"),
        ("https://org.visualstudio.com/p/_git/r", "https://org.visualstudio.com/p/_git/r"),
        ("https://gitlab.com/g/s/t/r", "https://gitlab.com/g/s/t/r"),
        ("http://127.0.0.1:8080/a/b/c", "http://127.0.0.1:8080/a/b/c"),
    ] {
        assert_eq!(read(text), (url.to_owned(), None), "{text}");
    }
}

#[test]
fn what_names_no_one_state_is_refused_with_the_remedy() {
    for (text, remedy) in [
        ("https://github.com/o/r/tree/feature/login", "give https://github.com/o/r and the branch in `ref`"),
        (
            "https://github.com/o/r/blob/feature/x/README.md",
            "give https://github.com/o/r and the branch in `ref`",
        ),
        ("https://github.com/o/r/issues/5", "is a page: give https://github.com/o/r"),
        ("https://git.example/g/r/-/issues", "is a page: give https://git.example/g/r"),
        ("https://bitbucket.org/o/r/pull-requests/5", "is a page: give https://bitbucket.org/o/r"),
        ("https://github.com/o", "names no repository: give https://github.com/owner/repo"),
        ("github.com/o", "names no repository"),
        ("https://example.org/o/r?x=1", "leave out"),
        ("https://me@example.org/o/r", "credentials"),
        ("https://me:pw@dev.azure.com/org/p/_git/r", "credentials"),
        ("git@github.com/o/r", "user@host:path"),
    ] {
        let refused = place(text, None).expect_err(text).to_string();
        assert!(refused.starts_with("repository: ") && refused.contains(remedy), "{text}: {refused}");
        assert!(!refused.contains("pw"));
    }
}

#[test]
fn a_page_and_a_ref_must_name_the_same() {
    let page = "https://github.com/o/r/tree/main";
    assert_eq!(place(page, Some("main")).unwrap().r#ref.as_deref(), Some("main"));
    let refused = place(page, Some("dev")).unwrap_err().to_string();
    assert!(refused.starts_with("ref: ") && refused.contains("main"), "{refused}");
    let plain = place("acme/web", Some("dev")).unwrap();
    assert_eq!((plain.repository.as_str(), plain.r#ref.as_deref()), ("acme/web", Some("dev")));
}
