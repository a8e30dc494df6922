//! `system.*`: the server itself.

use crate::system::{Status, Version};

namespace! {
    #[cfg_attr(feature = "server", jsonrpsee::proc_macros::rpc(server, client, namespace = "system", namespace_separator = "."))]
    #[cfg_attr(not(feature = "server"), jsonrpsee::proc_macros::rpc(client, namespace = "system", namespace_separator = "."))]
    /// The server itself.
    SystemApi = "system"
    methods {
        /// The versions of the server and of this API.
        "version" fn version(&self) -> Version;
        /// Counts of runs and instances, and whether everything the server needs is well.
        "status" fn status(&self) -> Status;
    }
    subscriptions {}
}
