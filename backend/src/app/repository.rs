//! Which repositories a run may be asked to work on; pure.

mod pasted;
pub(crate) mod refs;
mod ssh;

use api::error::ApiError;
use url::Url;

const OPTION: &str = "looks like a command line option, not like a repository";
const TOO_LONG: &str = "is longer than 2,000 characters";

/// A repository, and where to start in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The repository, as [`parse`] reads it; as it was given, unless that was the address of a page.
    pub repository: String,
    /// The branch, tag or commit.
    pub r#ref: Option<String>,
}

/// Reads a repository as people write or paste it, and the ref they give beside it: the address of a page names
/// one as well.
///
/// # Errors
/// `Invalid`, for the field `repository` or `ref`, with what is wrong and what would be right.
pub fn place(repository: &str, r#ref: Option<&str>) -> Result<Place, ApiError> {
    let refuse = |why: String| ApiError::invalid("repository", why);
    let pasted = pasted::read(repository).map_err(refuse)?;
    parse(&pasted.address)?;
    r#ref.map(check_ref).transpose()?;
    if let Some(shown) = &pasted.r#ref {
        check_ref(shown)
            .map_err(|_| refuse(format!("names {shown:?}, which no branch, tag or commit is called")))?;
        if r#ref.is_some_and(|given| given != shown) {
            return Err(ApiError::invalid(
                "ref",
                format!("is not {shown}, which the repository's address names: leave one of them out"),
            ));
        }
    }
    Ok(Place { repository: pasted.address, r#ref: r#ref.map(str::to_owned).or(pasted.r#ref) })
}

/// Reads a repository as people write it and answers the URL to clone: `https://…`, `http://…`, or
/// `ssh://user@host/path`, where a path from the user's own place begins with `/~/`.
///
/// # Errors
/// `Invalid`, for the field `repository`, with what is wrong and what would be right.
pub fn parse(repository: &str) -> Result<Url, ApiError> {
    let refuse = |why: &str| Err(ApiError::invalid("repository", why));
    let pasted = pasted::read(repository).map_err(|why| ApiError::invalid("repository", why))?;
    let repository = pasted.address.as_str();
    if repository.trim().is_empty() {
        return refuse("is blank: give `owner/repo` or an https:// URL");
    }
    if 2_000 < repository.len() {
        return refuse(TOO_LONG);
    }
    if repository.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return refuse("must not contain white space or control characters");
    }
    if is_option(repository) {
        return refuse(OPTION);
    }
    if is_owner_and_name(repository) {
        let name = repository.trim_end_matches('/').trim_end_matches(".git");
        return parse(&format!("https://github.com/{name}.git"));
    }
    if !repository.contains("://") {
        return match ssh::parse_short(repository) {
            Some(parsed) => parsed.and_then(written_out).or_else(|why| refuse(&why)),
            None => refuse(
                "is neither `owner/repo` nor a URL: use for example https://github.com/owner/repo, or user@host:path",
            ),
        };
    }
    if let Some(("ssh" | "git+ssh" | "ssh+git", rest)) = repository.split_once("://") {
        return ssh::parse(rest).and_then(written_out).or_else(|why| refuse(&why));
    }
    let url = match Url::parse(repository) {
        Ok(url) => url,
        Err(error) => return refuse(&format!("is not a URL: {error}")),
    };
    match url.scheme() {
        "http" | "https" => {}
        "file" => return refuse("file:// repositories are not allowed by the operator of this server"),
        other => return refuse(&format!("`{other}://` is not supported: use https://")),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return refuse(
            "must not contain credentials: the operator sets them on the server, in GITHUB_TOKEN or CAISSON_GIT_CREDENTIALS",
        );
    }
    if url.query().is_some() || url.fragment().is_some() {
        return refuse("must not have a query or a fragment: leave out what follows `?` or `#`");
    }
    let bad_host = |host: &str| host.is_empty() || host.starts_with('-');
    if url.host_str().is_none_or(bad_host) || url.path().trim_matches('/').is_empty() {
        return refuse("needs a host and a path: https://host/owner/repo");
    }
    written_out(url).or_else(|why| refuse(&why))
}

/// Checks once more as it is written out: a host is in lower case then, and letters beyond ASCII are longer.
fn written_out(url: Url) -> Result<Url, String> {
    if is_option(url.as_str()) {
        return Err(OPTION.to_owned());
    }
    if 2_000 < url.as_str().len() {
        return Err(TOO_LONG.to_owned());
    }
    Ok(url)
}

/// Checks the name of a branch, tag or commit.
///
/// # Errors
/// `Invalid`, for the field `ref`.
pub fn check_ref(name: &str) -> Result<(), ApiError> {
    let bad = name.trim().is_empty()
        || 255 < name.len()
        || name.starts_with(['-', '/'])
        || name.ends_with(['/', '.'])
        || name.contains("..")
        || name.contains("@{")
        || name.chars().any(|c| c.is_whitespace() || c.is_control() || "~^:?*[\\".contains(c));
    if bad {
        return Err(ApiError::invalid("ref", "is not the name of a branch, a tag or a commit"));
    }
    Ok(())
}

fn is_option(text: &str) -> bool {
    text.starts_with('-') || text.contains("--upload-pack") || text.contains("--receive-pack")
}

fn is_owner_and_name(text: &str) -> bool {
    let word = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
    };
    text.split_once('/').is_some_and(|(owner, name)| word(owner) && word(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(repository: &str) -> String {
        parse(repository).expect_err(repository).to_string()
    }

    #[test]
    fn a_github_repository_may_be_abbreviated() {
        assert_eq!(parse("acme/web").unwrap().as_str(), "https://github.com/acme/web.git");
        assert_eq!(parse("acme/web.git").unwrap().as_str(), "https://github.com/acme/web.git");
        assert_eq!(
            parse("http://127.0.0.1:8080/demo.git").unwrap().as_str(),
            "http://127.0.0.1:8080/demo.git"
        );
    }

    #[test]
    fn what_cannot_be_cloned_is_refused_with_the_remedy() {
        for (repository, why) in [
            ("", "blank"),
            ("acme", "neither"),
            ("https://me:secret@example.org/x", "credentials"),
            ("https://me@example.org/x", "credentials"),
            ("file:///etc", "not allowed"),
            ("--upload-pack=touch /tmp/x", "white space"),
            ("--upload-pack=id", "option"),
            ("https://example.org/x?--upload-pack=id", "option"),
            ("ssh://git:secret@example.org/x", "password"),
            ("-oProxyCommand=id@example.org:x", "option"),
            ("ext::sh -c id", "white space"),
            ("ext::sh", "neither"),
            ("javascript://x/y", "not supported"),
            ("https://example.org/", "path"),
            ("https://example.org/x#y", "fragment"),
            ("https://-x.example/y", "host"),
            ("https://x--Upload-PACK.example/y", "option"),
            ("git@x--Upload-PACK.example:y", "option"),
            ("ssh://git@x--Upload-PACK.example/y", "option"),
        ] {
            let refusal = refusal(repository);
            assert!(refusal.starts_with("repository: ") && refusal.contains(why), "{repository}: {refusal}");
        }
        assert!(!refusal("https://me:secret@example.org/x").contains("secret"));
    }

    #[test]
    fn a_ref_is_a_name_and_nothing_else() {
        for name in ["main", "release/1.2", "v1.0.0", "0a1b2c3"] {
            assert_eq!(check_ref(name), Ok(()));
        }
        for name in ["", " ", "-x", "a b", "a..b", "a:b", "HEAD~1", "x@{1}", "a\nb"] {
            assert!(check_ref(name).is_err(), "{name:?}");
        }
    }
}
