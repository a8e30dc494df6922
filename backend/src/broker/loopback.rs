//! A server on loopback, for the broker's tests.

use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use url::Url;

use crate::tasks::Tasks;

/// Serves a router on a port of its own for as long as it is kept.
pub(super) struct Loopback {
    url: Url,
    tasks: Tasks,
}

impl Loopback {
    pub(super) async fn serve(router: Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let tasks = Tasks::default();
        tasks.spawn("loopback", |stop| async move {
            let served = axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned());
            served.await.unwrap();
        });
        Self { url, tasks }
    }

    /// The address of this path.
    pub(super) fn at(&self, path: &str) -> Url {
        self.url.join(path).unwrap()
    }

    /// Stops; answers whether every connection came to its end.
    pub(super) async fn stop(self) -> bool {
        self.tasks.clone().drain(Duration::from_secs(10)).await
    }
}

impl Drop for Loopback {
    fn drop(&mut self) {
        self.tasks.stopping().cancel();
    }
}
