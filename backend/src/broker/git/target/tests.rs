use super::*;

const FETCH: &str = "info/refs?service=git-upload-pack";

fn read(method: Method, path: &str) -> Option<Target> {
    Target::read(&method, &path.parse().unwrap())
}

fn url(text: &str) -> Url {
    text.parse().unwrap()
}

#[test]
fn the_three_requests_of_smart_http_are_known() {
    let ask = |method, last: &str| {
        let target = read(method, &format!("/git/https/github.com/o/r.git/{last}"))?;
        Some((target.service, target.part))
    };
    assert_eq!(ask(Method::GET, FETCH), Some((Service::UploadPack, Part::References)));
    let push = "info/refs?service=git-receive-pack";
    assert_eq!(ask(Method::GET, push), Some((Service::ReceivePack, Part::References)));
    assert_eq!(ask(Method::POST, "git-upload-pack"), Some((Service::UploadPack, Part::Exchange)));
    assert_eq!(ask(Method::POST, "git-receive-pack"), Some((Service::ReceivePack, Part::Exchange)));
}

#[test]
fn nothing_else_is() {
    for (method, path) in [
        (Method::GET, "/git/https/github.com/o/r/info/refs"),
        (Method::GET, "/git/https/github.com/o/r/info/refs?service=git-upload-archive"),
        (Method::GET, "/git/https/github.com/o/r/info/refs?service=git-upload-pack&x=1"),
        (Method::GET, "/git/https/github.com/o/r/HEAD"),
        (Method::GET, "/git/https/github.com/o/r/git-receive-pack"),
        (Method::PUT, "/git/https/github.com/o/r/git-receive-pack"),
        (Method::POST, "/git/https/github.com/o/r/git-receive-pack?x=1"),
        (Method::POST, "/git/https/github.com/o/r/info/refs?service=git-receive-pack"),
        (Method::GET, "/git/file//etc/info/refs?service=git-upload-pack"),
        (Method::GET, "/git/ssh//o/r/info/refs?service=git-upload-pack"),
        (Method::GET, "/git/git+ssh/github.com/o/r/info/refs?service=git-upload-pack"),
        (Method::GET, "/git/https/github.com/o/r/info/refs?service=git-upload-pack&service=git-receive-pack"),
        (Method::GET, "/git/https/github.com/o/r/info/refs?x=1&service=git-upload-pack"),
        (Method::GET, "/git/https/github.com/o/r/info/refs?service=git%2Dupload-pack"),
        (Method::GET, "/git/https/github.com/o/r/info%2Frefs?service=git-upload-pack"),
        (Method::POST, "/git/https/github.com/o/r/git-upload-archive"),
        (Method::POST, "/git/https/github.com/o/r/objects/batch"),
        (Method::POST, "/git/https/github.com/o/r.git/info/lfs/objects/batch"),
        (Method::GET, "/git/https//info/refs?service=git-upload-pack"),
        (Method::GET, "/other/https/github.com/o/r/info/refs?service=git-upload-pack"),
    ] {
        assert_eq!(read(method, path), None, "{path}");
    }
}

#[test]
fn the_runs_own_repository_is_known_in_its_usual_spellings() {
    for (asked, own) in [
        ("https/github.com/o/r.git", "https://github.com/o/r.git"),
        ("https/github.com/o/r", "https://github.com/o/r.git"),
        ("https/github.com/o/r.git", "https://github.com/o/r/"),
        ("https/github.com/o/r/", "https://github.com/o/r"),
        ("https/GitHub.com:443/o/r", "https://github.com/o/r"),
        ("http/127.0.0.1:3000/r", "http://127.0.0.1:3000/r.git/"),
        ("ssh/git@Example.org/o/r", "ssh://git@example.org/o/r.git"),
        ("ssh/git@example.org:22/~/o/r.git", "ssh://git@example.org/~/o/r.git"),
        ("ssh/example.org:2222/o/r", "ssh://example.org:2222/o/r"),
    ] {
        let target = read(Method::GET, &format!("/git/{asked}/{FETCH}")).unwrap();
        assert!(target.is_in(&url(own)), "{asked} {own}");
    }
}

#[test]
fn another_repository_is_not_the_runs_own() {
    let own = url("https://github.com/o/r");
    for asked in [
        "https/github.com/o/other",
        "https/github.com/o/r2",
        "https/github.com/o/r/../other",
        "https/github.com/o/%2e%2e/o/other",
        "https/github.com/o",
        "https/github.com/o/r/x",
        "http/github.com/o/r",
        "https/github.com:8443/o/r",
        "https/example.com/o/r",
        "https/github.com.example.com/o/r",
        "https/user@github.com/o/r",
        "https/github.com@example.com/o/r",
        "https/github.com/o/r.git.git",
        "https/github.com/o//r",
        "https/github.com//o/r",
        "https/github.com/o/r.git/../../o/other.git",
        "https/github.com/o/r%2f..%2f..%2fo%2fother",
        "https/github.com/o/r/.%2e/other",
        "https/github.com/o/r%00",
        "https/github.com/o/r;x",
        "https/github.com/O/R",
        "https/github.com/o/%72",
        "https/gith%75b.com.example.com/o/r",
        "https/github.com./o/r",
        "https/github.com%2f@example.com/o/r",
        "ssh/github.com/o/r",
        "ssh/git@github.com/o/r",
    ] {
        let target = read(Method::GET, &format!("/git/{asked}/{FETCH}"));
        assert!(!target.is_some_and(|target| target.is_in(&own)), "{asked}");
    }
}

#[test]
fn the_upstream_address_is_made_of_the_repositorys_own() {
    let target = read(Method::GET, &format!("/git/https/github.com/o/r/{FETCH}")).unwrap();
    let upstream = |own| target.upstream(&url(own)).to_string();
    assert_eq!(upstream("https://github.com/o/r.git/"), format!("https://github.com/o/r.git/{FETCH}"));
    assert_eq!(upstream("https://github.com/o/r#x"), format!("https://github.com/o/r/{FETCH}"));
    let target = read(Method::POST, "/git/https/github.com/o/r/git-receive-pack").unwrap();
    assert_eq!(target.upstream(&url("https://github.com/o/r")).path(), "/o/r/git-receive-pack");
}

#[test]
fn a_repository_behind_ssh_is_one_users_on_one_port() {
    let own = url("ssh://git@example.org/o/r");
    for asked in [
        "ssh/example.org/o/r",
        "ssh/root@example.org/o/r",
        "ssh/git:pw@example.org/o/r",
        "ssh/git@example.org:2222/o/r",
        "ssh/git@example.org/~/o/r",
        "ssh/git@example.org/o/../other",
        "ssh/git@example.org/o/%2e%2e/other",
        "ssh/git@example.org//o/r",
        "ssh/git@example.org/o/r'",
        "https/example.org/o/r",
    ] {
        let target = read(Method::GET, &format!("/git/{asked}/{FETCH}"));
        assert!(!target.is_some_and(|target| target.is_in(&own)), "{asked}");
    }
}
