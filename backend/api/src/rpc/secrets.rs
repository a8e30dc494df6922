//! `secrets.*`: values that runs are given by name.

use crate::secret::{SecretDeleted, SecretInfo, SecretsRotated};

namespace! {
    #[cfg_attr(feature = "server", jsonrpsee::proc_macros::rpc(server, client, namespace = "secrets", namespace_separator = "."))]
    #[cfg_attr(not(feature = "server"), jsonrpsee::proc_macros::rpc(client, namespace = "secrets", namespace_separator = "."))]
    /// Values that runs are given by name.
    SecretsApi = "secrets"
    methods {
        /// Stores a secret, or replaces its value. The value has 8 to 65,536 bytes and is never answered again.
        "set" fn set(&self, name as "name": String, value as "value": String) -> SecretInfo;
        /// All secrets by name, without their values.
        "list" fn list(&self) -> Vec<SecretInfo>;
        /// Deletes a secret. Idempotent.
        "delete" fn delete(&self, name as "name": String) -> SecretDeleted;
        /// Encrypts every secret again with the newest key.
        "rotate" fn rotate(&self) -> SecretsRotated;
    }
    subscriptions {}
}
