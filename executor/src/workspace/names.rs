//! The references a remote has. Their names are bytes on the remote, and git2 panics on one that is not UTF-8.

use std::panic;

use git2::{Error, Oid, RemoteConnection};

/// Those whose names are UTF-8: nobody can ask for another.
pub(super) fn references(connection: &RemoteConnection<'_, '_, '_>) -> Result<Vec<(String, Oid)>, Error> {
    let heads = connection.list()?;
    let named = heads.iter().filter_map(|head| Some((quietly(|| head.name().to_owned())?, head.oid())));
    Ok(named.collect())
}

/// `None` when it panics, and then nothing is written: with many such names the pipe for it would fill up.
pub(super) fn quietly<T>(ask: impl FnOnce() -> T) -> Option<T> {
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let asked = panic::catch_unwind(panic::AssertUnwindSafe(ask));
    panic::set_hook(hook);
    asked.ok()
}
