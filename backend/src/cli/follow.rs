//! Following a run: its events in order, each once, whatever happens to the connection.

use std::time::Duration;

use api::{
    event::Event,
    id::RunId,
    rpc::runs::RunsApiClient,
    run::Run,
    stream::{Cursor, Frame, Parts},
};
use futures::Stream;

use super::{
    client::{Client, Server},
    failure::Failure,
};

const FIRST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// What comes while a run is followed.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Followed {
    /// The next event.
    Event(Event),
    /// Tokens on their way; `block` is `text` or `thinking`.
    Partial { text: String, block: String },
    /// The connection is lost and is being made again; the next event will have this number.
    Lost { next: i64 },
}

/// How the stream of one connection ended.
enum Cut {
    /// The run is over.
    End,
    /// The server asks to subscribe again at once.
    Resync,
    /// The connection broke.
    Lost,
}

/// Follows a run from the event after `after` to its end, over as many connections as it takes.
///
/// Fails only when the first connection refuses, or when trying again is of no use.
pub(super) fn follow(client: Client, id: RunId, after: i64) -> impl Stream<Item = Result<Followed, Failure>> {
    async_stream::try_stream! {
        let server = client.server.clone();
        let mut connection = Some(client);
        let mut cursor = Cursor { after };
        let mut wait = Backoff::default();
        let mut told = false;
        let mut first = true;
        loop {
            let opened = match connection.take() {
                Some(client) => subscribe(client, id, cursor.after).await,
                None => match server.connect().await {
                    Ok(client) => subscribe(client, id, cursor.after).await,
                    Err(failure) => Err(failure),
                },
            };
            let mut cut = Cut::Lost;
            match opened {
                Ok((client, mut frames)) => {
                    first = false;
                    let mut parts = Parts::default();
                    while let Some(frame) = frames.next().await {
                        let frame = frame.map_err(|error| Failure::Protocol(error.to_string()))?;
                        wait = Backoff::default();
                        told = false;
                        let Some(frame) = parts.whole(frame) else { continue };
                        match frame {
                            Frame::Item { event } => match cursor.accept(event.seq) {
                                Ok(true) => yield Followed::Event(event),
                                Ok(false) => {}
                                // Something was skipped on the way: the server has it still.
                                Err(_) => { cut = Cut::Resync; break }
                            },
                            Frame::Partial { text, block } => yield Followed::Partial { text, block },
                            Frame::CaughtUp { .. } | Frame::Part { .. } => {}
                            Frame::End => { cut = Cut::End; break }
                            Frame::Resync { .. } => { cut = Cut::Resync; break }
                        }
                    }
                    // A resync needs no new connection.
                    if matches!(cut, Cut::Resync) {
                        connection = Some(client);
                    }
                }
                Err(failure) if first || failure.is_permanent() => Err(failure)?,
                Err(_) => {}
            }
            match cut {
                Cut::End => return,
                Cut::Resync => {}
                Cut::Lost => {
                    if !told {
                        told = true;
                        yield Followed::Lost { next: cursor.after + 1 };
                    }
                }
            }
            tokio::time::sleep(wait.next()).await;
        }
    }
}

/// The run after its last event, asked for as patiently as it was followed.
pub(super) async fn after_all(server: &Server, id: RunId) -> Result<Run, Failure> {
    let mut wait = Backoff::default();
    loop {
        let asked = async { Ok::<_, Failure>(RunsApiClient::by_id(&server.connect().await?.rpc, id).await?) };
        match asked.await {
            Err(failure) if failure.is_permanent() => return Err(failure),
            Err(_) => tokio::time::sleep(wait.next()).await,
            Ok(run) => return Ok(run),
        }
    }
}

type Frames = jsonrpsee::core::client::Subscription<Frame>;

/// Hands the client back, because dropping it would close the subscription.
async fn subscribe(client: Client, id: RunId, after: i64) -> Result<(Client, Frames), Failure> {
    let frames = RunsApiClient::on_message(&client.rpc, id, Some(after)).await?;
    Ok((client, frames))
}

/// Ever longer waits between attempts to connect.
#[derive(Debug)]
pub(super) struct Backoff(Duration);

impl Default for Backoff {
    fn default() -> Self {
        Self(FIRST_WAIT)
    }
}

impl Backoff {
    /// How long to wait before the next try.
    pub(super) fn next(&mut self) -> Duration {
        let wait = self.0;
        self.0 = (wait * 2).min(LONGEST_WAIT);
        wait
    }
}

#[cfg(test)]
mod tests;
