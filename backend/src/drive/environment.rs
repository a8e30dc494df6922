//! The environment of a run: what its task says, with the values of the secrets it names.

use std::collections::BTreeMap;

use api::{run::Reason, task::EnvValue};

use super::{Driver, End};

impl Driver {
    /// The variables for the agent and the checks.
    pub(super) fn environment(&self) -> Result<BTreeMap<String, String>, End> {
        let value = |(name, value): (&String, &EnvValue)| match value {
            EnvValue::Plain(text) => Ok((name.clone(), text.clone())),
            EnvValue::Secret(secret) => {
                let why = format!("env.{name}: there is no secret `{secret}`.");
                Err(End::new(Reason::InvalidConfiguration, why))
            }
        };
        self.record.run.task.env.iter().map(value).collect()
    }
}
