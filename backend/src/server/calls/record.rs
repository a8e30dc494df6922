//! What the parameters of a refused call say for the audit log: which object it was about, and nothing else, for they
//! may be private.

use serde::Deserialize;
use uuid::Uuid;

use crate::secrets::is_name;

/// What names the object of a call.
#[derive(Default, Deserialize)]
struct Named {
    id: Option<serde_json::Value>,
    name: Option<serde_json::Value>,
}

/// The object that the parameters name: an id, or the name of a secret.
pub(super) fn target(method: &str, params: Option<&str>) -> Option<String> {
    let named: Named = serde_json::from_str(params?).ok()?;
    match method.starts_with("secrets.") {
        true => named.name?.as_str().filter(|name| is_name(name)).map(str::to_owned),
        false => id_of(&named),
    }
}

fn id_of(named: &Named) -> Option<String> {
    named.id.as_ref()?.as_str()?.parse::<Uuid>().ok().map(|id| id.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_object_is_an_id_or_a_name_and_nothing_else_of_the_parameters() {
        let id = "019b7c1e-3a2e-7000-8000-000000000001";
        let of_id = format!(r#"{{"id":"{id}","text":"private"}}"#);
        assert_eq!(target("runs.send", Some(&of_id)).as_deref(), Some(id));
        assert_eq!(target("tasks.create", Some(r#"{"name":"A private name"}"#)), None);
        assert_eq!(target("secrets.set", Some(r#"{"name":"NPM","value":"v"}"#)).as_deref(), Some("NPM"));
        assert_eq!(target("secrets.set", Some(r#"{"name":"the value by mistake!"}"#)), None);
        assert_eq!(target("runs.send", Some(r#"{"id":"what ever"}"#)), None);
    }
}
