//! The verbs: what each needs of its caller. Authorisation and the audit log are here, once for every door.

use api::{error::ApiError, role::Role};

use uuid::Uuid;

use super::{App, Error};
use crate::{audit, caller::Caller};

/// Makes the table of verbs: by role, each with its name, which is that of its RPC method where it has one.
macro_rules! verbs {
    ($($role:ident { $($verb:ident = $name:literal,)* })*) => {
        /// Something a caller can ask for.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Verb { $($(#[doc = $name] $verb,)*)* }

        impl Verb {
            /// Every verb.
            const ALL: &[Self] = &[$($(Self::$verb,)*)*];

            /// Its name in the audit log and in errors.
            const fn name(self) -> &'static str {
                match self { $($(Self::$verb => $name,)*)* }
            }

            /// The weakest role that may do it.
            const fn needs(self) -> Role {
                match self { $($(Self::$verb => Role::$role,)*)* }
            }
        }
    };
}

verbs! {
    Viewer {
        AuditList = "audit.list",
        BatchesById = "batches.byId",
        BatchesList = "batches.list",
        BatchesOnChange = "batches.onChange",
        InstancesGet = "instances.get",
        InstancesList = "instances.list",
        Metrics = "metrics",
        RunsArtifact = "runs.artifact",
        RunsById = "runs.byId",
        RunsDiff = "runs.diff",
        RunsList = "runs.list",
        RunsLog = "runs.log",
        RunsMessages = "runs.messages",
        RunsOnChange = "runs.onChange",
        RunsOnMessage = "runs.onMessage",
        SecretsList = "secrets.list",
        SystemStatus = "system.status",
        SystemVersion = "system.version",
        TasksById = "tasks.byId",
        TasksList = "tasks.list",
    }
    Member {
        BatchesCancel = "batches.cancel",
        BatchesCreate = "batches.create",
        BatchesRetryFailed = "batches.retryFailed",
        InstancesAllow = "instances.allow",
        InstancesRemove = "instances.remove",
        RunsAnswer = "runs.answer",
        RunsCancel = "runs.cancel",
        RunsCreate = "runs.create",
        RunsRetry = "runs.retry",
        RunsSend = "runs.send",
        TasksAllow = "tasks.allow",
        TasksCreate = "tasks.create",
        TasksDelete = "tasks.delete",
        TasksUpdate = "tasks.update",
    }
    Admin {
        SecretsDelete = "secrets.delete",
        SecretsRotate = "secrets.rotate",
        SecretsSet = "secrets.set",
        TokensList = "token.list",
        TokensNew = "token.new",
        TokensRevoke = "token.revoke",
    }
}

/// Methods of RPC that need no verb: they end a subscription of the connection itself, or describe the methods.
const WITHOUT: [&str; 4] = ["batches.offChange", "rpc.discover", "runs.offChange", "runs.offMessage"];
/// Whether a method of RPC changes something, so that also a refused try of it is noted. One that is not known
/// counts as a change, so that a new one cannot be forgotten.
pub(crate) fn is_change(method: &str) -> bool {
    let verb = Verb::ALL.iter().find(|verb| verb.name() == method);
    !WITHOUT.contains(&method) && verb.is_none_or(|verb| verb.needs() != Role::Viewer)
}

impl Verb {
    /// Refuses a caller who may not do this.
    ///
    /// # Errors
    /// `Forbidden`.
    pub(super) fn check(self, caller: &Caller) -> Result<(), ApiError> {
        caller.check(self.needs(), self.name())
    }
}

impl App {
    /// Does what changes something: refuses a caller who may not, works to the end also when the caller goes away in
    /// the middle, and notes in the audit log what came of it before the result is returned.
    ///
    /// # Errors
    /// `Forbidden`, those of the work, or `Unavailable` when the process stops first.
    pub(super) async fn change<T, F>(
        &self,
        caller: &Caller,
        verb: Verb,
        target: impl Into<Target<T>>,
        work: impl FnOnce(Self) -> F,
    ) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        let (target, audit) = (target.into(), self.audit.clone());
        let allowed = verb.check(caller);
        let (caller, work) = (caller.clone(), work(self.clone()));
        let noted = async move {
            let result = match allowed {
                Ok(()) => work.await.map_err(ApiError::from),
                Err(refused) => Err(refused),
            };
            let entry =
                audit::entry(Some(&caller), verb.name(), target.name(&result), result.as_ref().map(drop));
            audit.record(entry).await;
            result
        };
        Ok(self.detached(noted).await??)
    }
}

/// What a verb is done to: known before, or the thing that it makes.
pub(super) enum Target<T> {
    /// Its id or name.
    Known(Option<String>),
    /// The id of what was made.
    Made(fn(&T) -> String),
}

impl<T> From<&str> for Target<T> {
    fn from(name: &str) -> Self {
        Self::Known(Some(name.to_owned()))
    }
}

impl<T> From<Uuid> for Target<T> {
    fn from(id: Uuid) -> Self {
        Self::Known(Some(id.to_string()))
    }
}

impl<T> Target<T> {
    fn name(&self, result: &Result<T, ApiError>) -> Option<String> {
        match self {
            Self::Known(target) => target.clone(),
            Self::Made(id) => result.as_ref().ok().map(id),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_is_a_verb_with_a_role() {
        let document = api::rpc::openrpc("0");
        let methods = document["methods"].as_array().unwrap();
        let names = methods.iter().filter_map(|method| method["name"].as_str());
        let ends = methods.iter().filter_map(|method| method["x-subscription"]["unsubscribe"].as_str());
        let names: Vec<&str> = names.chain(ends).collect();
        for name in &names {
            let verb = Verb::ALL.iter().any(|verb| verb.name() == *name);
            assert!(verb != WITHOUT.contains(name), "{name}");
        }
        let changes: Vec<&str> = names.into_iter().filter(|name| is_change(name)).collect();
        insta::assert_snapshot!(changes.join("\n"));
        assert!(is_change("new.method"));
    }

    #[test]
    fn a_role_may_do_what_those_before_it_may() {
        let caller = |role| Caller { role, ..Caller::server() };
        let allowed = |role, verb: Verb| verb.check(&caller(role)).is_ok();
        for (verb, may) in [
            (Verb::RunsList, [true, true, true]),
            (Verb::RunsCreate, [false, true, true]),
            (Verb::SecretsSet, [false, false, true]),
        ] {
            assert_eq!(Role::ALL.map(|role| allowed(role, verb)), may, "{verb:?}");
        }
        let ApiError::Forbidden { why } = Verb::SecretsSet.check(&caller(Role::Viewer)).unwrap_err() else {
            panic!("it is forbidden");
        };
        assert!(why.contains("role admin") && why.contains("role viewer"), "{why}");
    }
}
