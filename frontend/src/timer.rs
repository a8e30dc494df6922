//! Waiting in the browser: for time, for the next frame, for a notification.

use std::{sync::Arc, sync::Mutex, time::Duration};

use futures::{
    channel::oneshot,
    future::{Either, abortable, select},
};
use leptos::prelude::*;

/// Waits this long.
pub(crate) async fn sleep(duration: Duration) {
    let (done, wait) = oneshot::channel();
    set_timeout(move || notify(done), duration);
    let _ = wait.await;
}

/// Wakes a listener; one that has left needs nothing.
fn notify(listener: oneshot::Sender<()>) {
    let _ = listener.send(());
}

/// Waits until the browser is about to draw; a hidden page does not draw, so there it is a moment only.
pub(crate) async fn next_frame() {
    if document().hidden() {
        return sleep(Duration::ZERO).await;
    }
    let (done, wait) = oneshot::channel();
    request_animation_frame(move || notify(done));
    // A page that is hidden meanwhile gets no frame.
    let _ = select(wait, Box::pin(sleep(Duration::from_millis(250)))).await;
}

/// The result of a future, or `None` when it takes longer than this.
pub(crate) async fn within<T>(limit: Duration, future: impl Future<Output = T>) -> Option<T> {
    match select(Box::pin(future), Box::pin(sleep(limit))).await {
        Either::Left((value, _)) => Some(value),
        Either::Right(_) => None,
    }
}

/// Runs a future until it ends or the component that started it is gone.
pub(crate) fn spawn_scoped(future: impl Future<Output = ()> + 'static) {
    let (future, handle) = abortable(future);
    on_cleanup(move || handle.abort());
    leptos::task::spawn_local(async move {
        let _ = future.await;
    });
}

/// Wakes everyone who listens.
#[derive(Clone, Default)]
pub(crate) struct Notifier {
    listeners: Arc<Mutex<Vec<oneshot::Sender<()>>>>,
}

impl Notifier {
    /// Wakes those who listen now.
    pub(crate) fn notify(&self) {
        if let Ok(mut listeners) = self.listeners.lock() {
            listeners.drain(..).for_each(notify);
        }
    }

    /// Waits for the next notification.
    pub(crate) async fn notified(&self) {
        let (done, wait) = oneshot::channel();
        if let Ok(mut listeners) = self.listeners.lock() {
            listeners.push(done);
        }
        let _ = wait.await;
    }
}
