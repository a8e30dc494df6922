//! A task's environment as text, a variable a line: `NAME=value` or `NAME=secret:SECRETNAME`.

use std::collections::BTreeMap;

use api::task::EnvValue;

use crate::state::failure::Failure;

/// What stands before the name of a secret.
const SECRET: &str = "secret:";

/// The variables by name.
pub(crate) type Env = BTreeMap<String, EnvValue>;

/// The text for an environment.
pub(super) fn text(env: &Env) -> String {
    env.iter().map(|(name, value)| format!("{name}={}\n", shown(value))).collect()
}

/// A value in one line.
fn shown(value: &EnvValue) -> String {
    match value {
        EnvValue::Plain(text) => text.replace('\r', "\\r").replace('\n', "\\n"),
        EnvValue::Secret(name) => format!("{SECRET}{name}"),
    }
}

/// The environment that a text says. A line that is as it was `stored` keeps its value, also one that no line can
/// say: of several lines, or a text that begins like a reference.
///
/// # Errors
/// A line that is none, or a name that is there twice, at the field `env`.
pub(super) fn read(text: &str, stored: Option<&Env>) -> Result<Env, Failure> {
    let mut env = Env::new();
    for (place, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let wrong = |why: &str| Failure {
            field: Some("env".to_owned()),
            ..Failure::new(format!("line {} {why}", place + 1))
        };
        let (name, said) = line.split_once('=').ok_or_else(|| wrong("is not NAME=value"))?;
        let name = name.trim();
        let kept = stored.and_then(|stored| stored.get(name)).filter(|value| shown(value) == said);
        let value = match (kept, said.trim().strip_prefix(SECRET)) {
            (Some(value), _) => value.clone(),
            (None, Some(secret)) => EnvValue::Secret(secret.trim().to_owned()),
            (None, None) => EnvValue::Plain(said.to_owned()),
        };
        if env.insert(name.to_owned(), value).is_some() {
            return Err(wrong("names a variable that stands above it"));
        }
    }
    Ok(env)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> EnvValue {
        EnvValue::Plain(text.to_owned())
    }

    #[test]
    fn a_line_is_a_value_or_the_name_of_a_secret() {
        let env = read("\nMODE=fast = good\n TOKEN = secret: npm \nEMPTY=\n", None).unwrap();
        let secret = EnvValue::Secret("npm".to_owned());
        let expected = [("EMPTY", plain("")), ("MODE", plain("fast = good")), ("TOKEN", secret)];
        assert_eq!(env, expected.map(|(name, value)| (name.to_owned(), value)).into());
        assert_eq!(text(&env), "EMPTY=\nMODE=fast = good\nTOKEN=secret:npm\n");
    }

    #[test]
    fn what_no_line_can_say_is_kept_until_its_line_is_changed() {
        let stored = Env::from([
            ("KEY".to_owned(), plain("one\ntwo\r")),
            ("ODD".to_owned(), plain("secret:not")),
            ("PAD".to_owned(), plain(" x ")),
        ]);
        assert_eq!(read(&text(&stored), Some(&stored)), Ok(stored.clone()));
        let changed = read("ODD=secret:other", Some(&stored)).unwrap();
        assert_eq!(changed["ODD"], EnvValue::Secret("other".to_owned()));
    }

    #[test]
    fn a_line_that_is_none_is_named() {
        let why = |text| read(text, None).unwrap_err();
        assert_eq!(why("A=1\n\nB").at("env").as_deref(), Some("line 3 is not NAME=value"));
        assert!(why("A=1\nA=2").text.starts_with("line 2 names"));
    }
}
