//! Secrets: set, list, delete, seal again. No verb returns a value.

use api::{
    error::ApiError,
    secret::{SecretDeleted, SecretInfo, SecretsRotated},
    task::{EnvValue, TaskSpec},
};

use super::{
    App, Error,
    verbs::{Target, Verb},
};
use crate::{
    caller::Caller,
    secret::Secret,
    secrets::{MAX_COUNT, Sealed, check_name, check_value, is_name, label},
    store::StoredSecret,
};

impl App {
    /// Stores a secret, or replaces its value. A run that is at work keeps the value it was given.
    ///
    /// # Errors
    /// `Invalid` for a name or a value that cannot be, `Limit` when there are too many.
    pub async fn secret_set(
        &self,
        caller: &Caller,
        name: String,
        value: Secret,
    ) -> Result<SecretInfo, Error> {
        let target = named(&name);
        self.change(
            caller,
            Verb::SecretsSet,
            target,
            |app| async move { app.store_secret(&name, value).await },
        )
        .await
    }

    async fn store_secret(&self, name: &str, value: Secret) -> Result<SecretInfo, Error> {
        check_name("name", name)?;
        check_value(&value)?;
        if MAX_COUNT <= self.store.secret_count_others(name).await? {
            return Err(ApiError::Limit { limit: "secrets".to_owned(), value: MAX_COUNT }.into());
        }
        let sealed = self.secrets.seal(&label(name), value.expose());
        let sealed = sealed.map_err(|why| Error::Sealed { name: name.to_owned(), why })?;
        Ok(self.store.secret_put(name, sealed).await?)
    }

    /// What is known of all secrets, by name.
    ///
    /// # Errors
    /// The store's.
    pub async fn secret_list(&self, caller: &Caller) -> Result<Vec<SecretInfo>, Error> {
        Verb::SecretsList.check(caller)?;
        Ok(self.store.secret_list().await?)
    }

    /// Deletes a secret. A task may still name it: its next run ends `invalid_configuration`.
    ///
    /// # Errors
    /// `Invalid` for what is no name.
    pub async fn secret_delete(&self, caller: &Caller, name: String) -> Result<SecretDeleted, Error> {
        let target = named(&name);
        let delete = |app: Self| async move {
            check_name("name", &name)?;
            let deleted = app.store.secret_delete(&name).await?;
            Ok(SecretDeleted { name, deleted })
        };
        self.change(caller, Verb::SecretsDelete, target, delete).await
    }

    /// Seals every secret again with the newest key. May be interrupted and repeated: each is replaced at once,
    /// and only when it is still as it was read.
    ///
    /// # Errors
    /// `Conflict`, naming the first secret that no key opens; those before it are done.
    pub async fn secret_rotate(&self, caller: &Caller) -> Result<SecretsRotated, Error> {
        let target = Target::Known(None);
        self.change(caller, Verb::SecretsRotate, target, |app| async move { app.reseal_all().await }).await
    }

    async fn reseal_all(&self) -> Result<SecretsRotated, Error> {
        let names = self.store.secret_list().await?;
        let mut rotated = 0;
        for info in &names {
            // Another call may replace or delete it meanwhile; what it writes is sealed with the newest key.
            while let Some(stored) = self.store.secret_fetch(&info.name).await? {
                let old = |sealed: &Sealed| !self.secrets.is_newest(sealed);
                if !old(&stored.sealed) && !stored.previous.as_ref().is_some_and(old) {
                    break;
                }
                if self.reseal(&stored).await? {
                    rotated += 1;
                    break;
                }
            }
        }
        Ok(SecretsRotated { rotated, total: names.len() as u64 })
    }

    /// Returns whether it was still as it was read.
    async fn reseal(&self, stored: &StoredSecret) -> Result<bool, Error> {
        let name = &stored.info.name;
        let reseal = |sealed: &Sealed| {
            let value = self.secrets.open(&label(name), sealed)?;
            self.secrets.seal(&label(name), value.expose())
        };
        let sealed = reseal(&stored.sealed).map_err(|why| Error::Sealed { name: name.clone(), why })?;
        // The value before, which nobody is given any more, is forgotten rather than in the way.
        let previous = stored.previous.as_ref().and_then(|sealed| reseal(sealed).ok());
        Ok(self.store.secret_reseal(stored, sealed, previous).await?)
    }

    /// Refuses a task that names a secret which is not there.
    ///
    /// # Errors
    /// `Invalid` for the field `env.X`.
    pub(super) async fn check_secrets(&self, spec: &TaskSpec) -> Result<(), Error> {
        for (variable, value) in &spec.env {
            let EnvValue::Secret(name) = value else { continue };
            if !self.store.secret_exists(name).await? {
                let why = format!("there is no secret `{name}`; store it with `caisson secrets set {name}`");
                return Err(ApiError::invalid(format!("env.{variable}"), why).into());
            }
        }
        Ok(())
    }
}

/// The name of a secret for the audit log, unless it is none: a value may have been given by mistake.
fn named<T>(name: &str) -> Target<T> {
    Target::Known(Some(name).filter(|name| is_name(name)).map(str::to_owned))
}
