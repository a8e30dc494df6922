//! Repositories as people copy them from a browser or a forge's page: what is around the address, the address of
//! a page instead of the repository, a user's name in it. Pure.

use url::{Url, form_urlencoded};

/// Forges whose addresses hold no port, no query and no other scheme.
const FORGES: [&str; 5] = ["github.com", "gitlab.com", "bitbucket.org", "codeberg.org", "dev.azure.com"];
/// Those that keep each repository below its owner, and nothing but pages below that.
const TWO_LEVELS: [&str; 3] = ["github.com", "bitbucket.org", "codeberg.org"];
/// Those that put the user's name in the addresses they give out. It is no credential.
const WITH_USER: [&str; 2] = ["dev.azure.com", "bitbucket.org"];

/// What was pasted.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Pasted {
    /// The repository's address; as it was given where nothing had to be changed.
    pub(super) address: String,
    /// What the page shows of it.
    pub(super) r#ref: Option<String>,
}

/// A page below a repository: how many parts of the path are the repository's, and what is shown.
struct Page {
    parts: usize,
    r#ref: Option<String>,
    /// Whether `.git` may stand behind the repository's name.
    has_suffix: bool,
}

/// Reads what was pasted.
///
/// # Errors
/// What is wrong with it and what to give instead, for a page that names no one state of the repository.
pub(super) fn read(text: &str) -> Result<Pasted, String> {
    let text = bare(text);
    let plain = |address: &str| Pasted { address: single_suffix(address), r#ref: None };
    let with_scheme = match text.split_once('/') {
        Some((place, _)) if !text.contains("://") && is_host(place) => format!("https://{text}"),
        _ => text.to_owned(),
    };
    let Ok(mut url) = Url::parse(&with_scheme) else { return Ok(plain(text.trim_end_matches('/'))) };
    if !matches!(url.scheme(), "http" | "https") {
        return Ok(plain(if url.has_host() { text } else { text.trim_end_matches('/') }));
    }
    let before = url.clone();
    let host = before.host_str().unwrap_or_default();
    let forge = host.strip_prefix("www.").unwrap_or(host).to_owned();
    let is_forge = FORGES.contains(&forge.as_str());
    if url.password().is_none()
        && (WITH_USER.contains(&forge.as_str()) || forge.ends_with(".visualstudio.com"))
    {
        // It cannot fail: there is a host.
        let _ = url.set_username("");
    }
    if is_forge {
        let _ = url.set_host(Some(&forge));
        let _ = url.set_scheme("https");
    }
    let parts: Vec<String> =
        url.path().split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let two_levels = TWO_LEVELS.contains(&forge.as_str());
    if two_levels && parts.len() < 2 {
        return Err(format!("names no repository: give https://{forge}/owner/repo"));
    }
    let page = page(&url, &parts, two_levels)?;
    if page.is_some() || is_forge {
        url.set_query(None);
        url.set_fragment(None);
    }
    let r#ref = match page {
        Some(Page { parts: count, r#ref, has_suffix }) => {
            url.set_path(&address(&parts[..count], has_suffix));
            r#ref
        }
        None => None,
    };
    if url == before && with_scheme == text {
        return Ok(plain(text));
    }
    Ok(Pasted { address: single_suffix(url.as_str()), r#ref })
}

/// Without what is copied along.
fn bare(text: &str) -> &str {
    let text = text.trim();
    let pairs = [('"', '"'), ('\'', '\''), ('`', '`'), ('<', '>')];
    let inside = |(open, close): &(char, char)| text.strip_prefix(*open)?.strip_suffix(*close);
    pairs.iter().find_map(inside).map_or(text, str::trim)
}

/// Whether this can only be a host, with or without a user: an owner's name has no dot.
fn is_host(place: &str) -> bool {
    let (user, host) = place.rsplit_once('@').unwrap_or(("", place));
    let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
    host.contains('.')
        && !host.starts_with(['.', '-'])
        && host.chars().all(fine)
        && user != "git"
        && !user.contains(':')
}

/// `.git` at the end at most once.
fn single_suffix(address: &str) -> String {
    let bare = address.trim_end_matches('/');
    if !bare.ends_with(".git.git") {
        return address.to_owned();
    }
    format!("{}.git", bare.trim_end_matches(".git"))
}

/// The path of a repository. Some servers answer under the name with `.git` only, and all know it.
fn address(parts: &[&str], has_suffix: bool) -> String {
    let path = parts.join("/");
    if has_suffix { format!("{}.git", path.trim_end_matches(".git")) } else { path }
}

/// The page that this is, if it is one.
fn page(url: &Url, parts: &[&str], two_levels: bool) -> Result<Option<Page>, String> {
    let repository = |count: usize| {
        let mut shown = url.clone();
        shown.set_path(&parts[..count].join("/"));
        shown.set_query(None);
        shown.set_fragment(None);
        shown
    };
    let below = |count: usize, rest: &[&str]| {
        let is_known = two_levels || parts.get(count) == Some(&"-");
        match shown(rest) {
            Some(Ok(r#ref)) => Ok(Some(Page { parts: count, r#ref, has_suffix: true })),
            Some(Err(what)) => {
                Err(format!("is the page of {what}: give {} and the branch in `ref`", repository(count)))
            }
            None if is_known && !rest.is_empty() => Err(format!("is a page: give {}", repository(count))),
            None => Ok(None),
        }
    };
    if let Some(at) = parts.iter().position(|part| *part == "-").filter(|at| 2 <= *at) {
        return below(at, &parts[at + 1..]);
    }
    if let Some(at) = parts.iter().position(|part| *part == "_git").filter(|at| at + 1 < parts.len()) {
        let rest = &parts[at + 2..];
        let r#ref = match rest {
            ["pullrequest", number, ..] if is_number(number) => Some(format!("refs/pull/{number}/merge")),
            ["commit", id, ..] => Some((*id).to_owned()),
            _ => version(url),
        };
        let has_more = !rest.is_empty() || url.query().is_some() || url.fragment().is_some();
        return Ok(has_more.then_some(Page { parts: at + 2, r#ref, has_suffix: false }));
    }
    if parts.len() < 3 { Ok(None) } else { below(2, &parts[2..]) }
}

/// What is shown below a repository's page. `None` for what is no page of a kind that is known; an error, with
/// what it is, where it cannot be told what the branch is.
fn shown(rest: &[&str]) -> Option<Result<Option<String>, &'static str>> {
    let decoded: Vec<String> = rest.iter().map(|part| decoded(part)).collect();
    let one = |name: &str| Some(Ok(Some(name.to_owned())));
    let whole = |from: usize| decoded[from..].join("/");
    match rest {
        ["tree" | "commits"] => Some(Ok(None)),
        ["tree" | "commits" | "blob" | "raw" | "blame" | "edit", "refs", "heads" | "tags", _] => {
            one(&whole(1))
        }
        ["tree" | "commits" | "blob" | "raw" | "blame" | "edit" | "tags", _] => one(&decoded[1]),
        ["tree" | "commits" | "blob" | "raw" | "blame" | "edit", id, ..] if is_id(id) => one(id),
        ["blob" | "raw" | "blame" | "edit", _, _] => one(&decoded[1]),
        ["tree" | "commits", ..] => Some(Err("a folder, or of a branch with a slash in its name")),
        ["blob" | "raw" | "blame" | "edit", ..] => Some(Err("a file")),
        ["commit", id, ..] | ["src", "commit", id, ..] if is_hex(id) => one(id),
        ["pull" | "pulls", number, ..] if is_number(number) => one(&format!("refs/pull/{number}/head")),
        ["merge_requests", number, ..] if is_number(number) => {
            one(&format!("refs/merge-requests/{number}/head"))
        }
        ["releases", "tag", _] | ["src", "branch" | "tag", _] => one(&decoded[2]),
        ["src", "branch" | "tag", ..] => {
            Some(Err("a file or folder, or of a branch with a slash in its name"))
        }
        _ => None,
    }
}

/// What `?version=GBmain` names: a branch, a tag (`GT`) or a commit (`GC`).
fn version(url: &Url) -> Option<String> {
    let (_, version) = url.query_pairs().find(|(key, _)| key == "version")?;
    ["GB", "GT", "GC"].iter().find_map(|kind| version.strip_prefix(kind)).map(str::to_owned)
}

fn decoded(part: &str) -> String {
    let part = part.replace('+', "%2B");
    form_urlencoded::parse(part.as_bytes()).next().map_or_else(String::new, |(key, _)| key.into_owned())
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_hex(text: &str) -> bool {
    (4..=40).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_id(text: &str) -> bool {
    text.len() == 40 && is_hex(text)
}

#[cfg(test)]
mod tests;
