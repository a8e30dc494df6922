//! The environment of a run: what its task says, with the values of the secrets it names.

use std::collections::BTreeMap;

use api::{run::Reason, task::EnvValue};

use super::{Driver, End};
use crate::secrets::MAX_OF_RUN;

impl Driver {
    /// The variables for the agent and the checks. They go into the bodies of `/execute` and `/checks` and
    /// nowhere else.
    ///
    /// # Errors
    /// `InvalidConfiguration`, naming the variable and the secret that is not there.
    pub(super) fn environment(&self) -> Result<BTreeMap<String, String>, End> {
        let mut bytes = 0;
        let value = |(name, value): (&String, &EnvValue)| match value {
            EnvValue::Plain(text) => Ok((name.clone(), text.clone())),
            EnvValue::Secret(secret) => {
                let why = match self.given.get(secret) {
                    Some(Ok(value)) => {
                        bytes += value.expose().len();
                        return Ok((name.clone(), value.expose().to_owned()));
                    }
                    Some(Err(error)) => format!("the secret `{secret}` cannot be opened: {error}"),
                    None => format!(
                        "there is no secret `{secret}`; store it with `caisson secrets set {secret}` and retry"
                    ),
                };
                Err(End::new(Reason::InvalidConfiguration, format!("env.{name}: {why}.")))
            }
        };
        let variables = self.record.run.task.env.iter().map(value).collect::<Result<_, End>>()?;
        if MAX_OF_RUN < bytes {
            let why = format!("env: the secrets of a run may have {MAX_OF_RUN} bytes together, not {bytes}.");
            return Err(End::new(Reason::InvalidConfiguration, why));
        }
        Ok(variables)
    }
}
