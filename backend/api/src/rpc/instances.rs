//! `instances.*`: the containers runs work in.

use crate::{
    id::InstanceId,
    instance::{Egress, Instance, InstanceRemoved, InstanceState},
    page::Page,
};

namespace! {
    #[cfg_attr(feature = "server", jsonrpsee::proc_macros::rpc(server, client, namespace = "instances", namespace_separator = "."))]
    #[cfg_attr(not(feature = "server"), jsonrpsee::proc_macros::rpc(client, namespace = "instances", namespace_separator = "."))]
    /// The containers runs work in.
    InstancesApi = "instances"
    methods {
        /// One instance, with what it uses now.
        "get" fn get(&self, id as "id": InstanceId) -> Instance;
        /// All instances, newest first.
        "list" fn list(
            &self,
            state as "state": Option<InstanceState>,
            cursor as "cursor": Option<String>,
            limit as "limit": Option<u32>,
        ) -> Page<Instance>;
        /// Stops and removes an instance; its run, if any, ends `cancelled`. Idempotent.
        "remove" fn remove(&self, id as "id": InstanceId) -> InstanceRemoved;
        /// Lets a container reach one more host, from now on. Answers what it may reach after the change, and what
        /// it was refused so far. `host` is written as in a task's `egress`; `port` may stand beside it.
        "allow" fn allow(
            &self,
            id as "id": InstanceId,
            host as "host": String,
            port as "port": Option<u16>,
        ) -> Egress;
    }
    subscriptions {}
}
