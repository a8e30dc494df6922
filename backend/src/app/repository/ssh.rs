//! Repositories behind SSH, in the two ways people write them. Their parts end up in a command line on
//! another machine, so they are made of plain characters only.

use url::Url;

/// `user@host:path`; `None` when it is not of this form.
pub(super) fn parse_short(repository: &str) -> Option<Result<Url, String>> {
    let (place, path) = repository.split_once(':')?;
    if !place.contains('@') || place.contains('/') {
        return None;
    }
    // A path that does not begin at the root begins where the server puts the user.
    let path = if path.starts_with(['/', '~']) { path.to_owned() } else { format!("~/{path}") };
    Some(join(place, None, path.trim_start_matches('/')))
}

/// What follows `ssh://`.
pub(super) fn parse(rest: &str) -> Result<Url, String> {
    let (place, path) = rest.split_once('/').unwrap_or((rest, ""));
    // Only what follows the user can be a port.
    let host = place.rsplit_once('@').map_or(place, |(_, host)| host);
    match host.rsplit_once(':') {
        Some((_, port)) if !port.ends_with(']') => {
            let place = &place[..place.len() - port.len() - 1];
            let port = port.parse::<u16>().ok().filter(|&port| port != 0);
            join(place, Some(port.ok_or("has a port that is not a number from 1 to 65535")?), path)
        }
        _ => join(place, None, path),
    }
}

fn join(place: &str, port: Option<u16>, path: &str) -> Result<Url, String> {
    let (user, host) = place.rsplit_once('@').map_or((None, place), |(user, host)| (Some(user), host));
    if user.is_some_and(|user| user.contains(':')) {
        return Err(
            "must not contain a password: the operator sets a key on the server, in CAISSON_GIT_CREDENTIALS"
                .to_owned(),
        );
    }
    if user.is_some_and(|user| !is_word(user, "._-+") || 64 < user.len()) {
        return Err("has a user that is not a plain name".to_owned());
    }
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let is_address = address.is_some_and(|address| address.parse::<std::net::Ipv6Addr>().is_ok());
    if !is_address && (!is_word(host, ".-") || 255 < host.len()) {
        return Err("has a host that is not a plain name or address".to_owned());
    }
    check_path(path)?;
    let user = user.map(|user| format!("{user}@")).unwrap_or_default();
    let port = port.filter(|&port| port != 22).map(|port| format!(":{port}")).unwrap_or_default();
    let host = host.to_ascii_lowercase();
    Url::parse(&format!("ssh://{user}{host}{port}/{path}")).map_err(|error| format!("is not a URL: {error}"))
}

fn check_path(path: &str) -> Result<(), String> {
    let parts = path.strip_suffix('/').unwrap_or(path).split('/');
    if path.trim_matches(['/', '~']).is_empty() {
        return Err("needs a path: ssh://git@host/owner/repo".to_owned());
    }
    for part in parts {
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-+@~".contains(c);
        if part.is_empty() || part == "." || part == ".." || part.starts_with('-') || !part.chars().all(plain)
        {
            return Err(
                "has a path that is not made of plain names: use the https:// address if it needs others"
                    .to_owned(),
            );
        }
    }
    Ok(())
}

/// Letters, digits and these; nothing that a command line takes for an option, or a path for a way up.
fn is_word(text: &str, more: &str) -> bool {
    !text.is_empty()
        && !text.starts_with(['-', '.'])
        && text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c))
}

#[cfg(test)]
mod tests {
    use crate::app::repository::parse;

    #[test]
    fn a_repository_behind_ssh_is_written_in_two_ways() {
        for (written, url) in [
            ("ssh://git@Example.org/o/r.git", "ssh://git@example.org/o/r.git"),
            ("ssh://example.org:2222/srv/git/r.git", "ssh://example.org:2222/srv/git/r.git"),
            ("git+ssh://git@example.org:22/o/r", "ssh://git@example.org/o/r"),
            ("git@example.org:o/r.git", "ssh://git@example.org/~/o/r.git"),
            ("git@example.org:/srv/r.git", "ssh://git@example.org/srv/r.git"),
            ("me@example.org:~me/r", "ssh://me@example.org/~me/r"),
            ("ssh://git@[2001:db8::1]/o/r", "ssh://git@[2001:db8::1]/o/r"),
            ("ssh://git@[2001:db8::1]:2222/o/r", "ssh://git@[2001:db8::1]:2222/o/r"),
        ] {
            assert_eq!(parse(written).unwrap().as_str(), url, "{written}");
            // What was read once is read the same again.
            assert_eq!(parse(url).unwrap().as_str(), url);
        }
    }

    #[test]
    fn what_a_command_line_could_take_for_something_else_is_refused() {
        for written in [
            "ssh://-oProxyCommand=id/x",
            "ssh://-oProxyCommand=id@example.org/x",
            "ssh://git@-example.org/x",
            "ssh://git@.example.org/x",
            "ssh://../x",
            "ssh://.git@example.org/x",
            "ssh://git@example.org/-x",
            "ssh://git@example.org/o/--upload",
            "git@-oProxyCommand:x",
            "git@example.org:-x",
            "git@example.org:--x/y",
            "git@example.org:x;id",
            "git@example.org:$(id)",
            "git@example.org:`id`",
            "git@example.org:x'y",
            "git@example.org:x|y",
            "git@example.org:../x",
            "ssh://git@example.org/o/../x",
            "ssh://git@example.org/o/%2e%2e/x",
            "ssh://git@example.org//x",
            "ssh://git@example.org/./x",
            "ssh://git@example.org/x?y",
            "ssh://git@example.org/x#y",
            "ssh://git@example.org/",
            "ssh://git@example.org/~",
            "ssh://git@example.org",
            "ssh://git@/x",
            "ssh:///x",
            "ssh://git@example.org:0/x",
            "ssh://git@example.org:99999/x",
            "ssh://git@exa_mple.org/x",
            "ssh://git@example.org:22:22/x",
            "ssh://git@ex%61mple.org/x",
            "ssh://gi%74@example.org/x",
            "ssh://a@b@example.org/x",
            "ssh://git:pw@example.org/x",
            "git:pw@example.org:x",
            "git@example.org:",
            "SSH://git@example.org/x",
        ] {
            let refusal = parse(written).expect_err(written).to_string();
            assert!(refusal.starts_with("repository: ") && !refusal.contains("pw"), "{refusal}");
        }
    }
}
