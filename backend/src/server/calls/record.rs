//! Which calls are noted in the audit log, and what of them: who, from where, what, on which object, how it went.
//! Neither parameters nor texts, for they may be private.

use api::{Timestamp, audit::AuditEntry, error::ApiError, id::AuditId};
use axum::http::Extensions;
use jsonrpsee::server::middleware::rpc::MethodResponse;
use serde::Deserialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::{auth::Identity, secrets::is_name, server::Client};

/// The methods that change nothing. Whatever is not here is noted, so that a new method cannot be forgotten.
const READS: [&str; 21] = [
    "audit.list",
    "batches.byId",
    "batches.list",
    "batches.offChange",
    "batches.onChange",
    "instances.get",
    "instances.list",
    "rpc.discover",
    "runs.byId",
    "runs.diff",
    "runs.list",
    "runs.messages",
    "runs.offChange",
    "runs.offMessage",
    "runs.onChange",
    "runs.onMessage",
    "secrets.list",
    "system.status",
    "system.version",
    "tasks.byId",
    "tasks.list",
];
/// The longest sentence of an error that is kept, in characters.
const MAX_ERROR: usize = 300;

/// Whether calls of this method are noted.
pub(super) fn is_noted(method: &str) -> bool {
    !READS.contains(&method)
}

/// What names the object of a call.
#[derive(Default, Deserialize)]
struct Named {
    id: Option<serde_json::Value>,
    name: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Result<'a> {
    #[serde(borrow)]
    result: &'a RawValue,
}

/// The object that the parameters name: an id, or the name of a secret.
pub(super) fn target(method: &str, params: Option<&str>) -> Option<String> {
    let named: Named = serde_json::from_str(params?).ok()?;
    match method.starts_with("secrets.") {
        true => named.name?.as_str().filter(|name| is_name(name)).map(str::to_owned),
        false => id_of(&named),
    }
}

/// The object that was made.
fn made(answer: &str) -> Option<String> {
    let Result { result } = serde_json::from_str(answer).ok()?;
    id_of(&serde_json::from_str(result.get()).ok()?)
}

fn id_of(named: &Named) -> Option<String> {
    named.id.as_ref()?.as_str()?.parse::<Uuid>().ok().map(|id| id.to_string())
}

/// The entry for a call that was answered.
pub(super) fn entry(
    method: &str,
    target: Option<String>,
    who: &Extensions,
    answer: &MethodResponse,
) -> AuditEntry {
    let error = answer.is_error().then(|| why(answer.as_ref()));
    AuditEntry {
        id: AuditId::mint(),
        at: Timestamp::now(),
        actor: who.get::<Identity>().map_or_else(|| "nobody".to_owned(), |known| known.actor.to_string()),
        origin: who.get::<Client>().map(|client| client.0.to_string()),
        action: method.to_owned(),
        target: target.or_else(|| error.is_none().then(|| made(answer.as_ref())).flatten()),
        ok: error.is_none(),
        error,
    }
}

/// Why a call was refused; of a wrong parameter only which one, for the sentence may repeat it.
fn why(answer: &str) -> String {
    let answer = serde_json::from_str::<super::Answer>(answer).ok();
    let error = answer.as_ref().and_then(|it| ApiError::deserialize(it.error.data.as_ref()?).ok());
    let text = match error {
        Some(ApiError::Invalid { field, .. }) => format!("{field}: is not valid"),
        Some(error) => error.to_string(),
        None => answer.map_or_else(|| "it failed".to_owned(), |it| it.error.message),
    };
    text.chars().take(MAX_ERROR).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_is_a_read_or_known_to_change_something() {
        let document = api::rpc::openrpc("0");
        let methods = document["methods"].as_array().unwrap();
        let mut names: Vec<&str> = methods.iter().filter_map(|method| method["name"].as_str()).collect();
        names.extend(methods.iter().filter_map(|method| method["x-subscription"]["unsubscribe"].as_str()));
        for read in READS {
            assert!(names.contains(&read), "{read}");
        }
        names.retain(|name| is_noted(name));
        names.sort_unstable();
        let changes = [
            "batches.cancel",
            "batches.create",
            "batches.retryFailed",
            "instances.allow",
            "instances.remove",
            "runs.answer",
            "runs.cancel",
            "runs.create",
            "runs.retry",
            "runs.send",
            "secrets.delete",
            "secrets.rotate",
            "secrets.set",
            "tasks.allow",
            "tasks.create",
            "tasks.delete",
            "tasks.update",
        ];
        assert_eq!(names, changes);
    }

    #[test]
    fn the_object_is_an_id_or_a_name_and_nothing_else_of_the_parameters() {
        let id = "019b7c1e-3a2e-7000-8000-000000000001";
        let of_id = format!(r#"{{"id":"{id}","text":"private"}}"#);
        assert_eq!(target("runs.send", Some(&of_id)).as_deref(), Some(id));
        assert_eq!(target("tasks.create", Some(r#"{"name":"A private name"}"#)), None);
        assert_eq!(target("secrets.set", Some(r#"{"name":"NPM","value":"v"}"#)).as_deref(), Some("NPM"));
        assert_eq!(target("secrets.set", Some(r#"{"name":"the value by mistake!"}"#)), None);
        assert_eq!(target("runs.send", Some(r#"{"id":"what ever"}"#)), None);
        assert_eq!(made(&format!(r#"{{"jsonrpc":"2.0","id":1,"result":{of_id}}}"#)).as_deref(), Some(id));
    }
}
