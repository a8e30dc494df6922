//! The executor's end of the line to the gate: one question at a time, and what the gate says by itself.

use std::{io, time::Duration};

use api::executor::Refused;
use futures::StreamExt;
use tokio::{
    io::AsyncWriteExt,
    net::{
        UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{mpsc, watch},
};
use tokio_util::codec::{FramedRead, LinesCodec};

use firewall::line::{FromGate, RefusedEntry, ToGate};

use super::{owners::Owners, table::Table};
use crate::tasks::Tasks;

/// The longest line, in bytes; a longer one is no gate's.
const LONGEST: usize = 1 << 20;
/// How long the gate may take to answer.
const ANSWER: Duration = Duration::from_secs(10);

/// What is in force, and what was refused.
type Policy = (Vec<String>, Vec<Refused>);

/// The line. What is asked in one order is answered in that order.
pub(super) struct Gate {
    writer: OwnedWriteHalf,
    policies: mpsc::Receiver<Policy>,
    table: watch::Sender<Table>,
}

impl Gate {
    /// Takes the line over and listens to it until the stop.
    ///
    /// # Errors
    /// When the system refuses.
    pub(super) fn open(
        stream: std::os::unix::net::UnixStream,
        table: watch::Sender<Table>,
        owners: Owners,
        tasks: &Tasks,
    ) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        let (reader, writer) = UnixStream::from_std(stream)?.into_split();
        let (answers, policies) = mpsc::channel(1);
        let (stop, listening) = (tasks.stop().clone(), listen(reader, answers, table.clone(), owners));
        tasks.spawn("egress gate", async move {
            tokio::select! {
                () = listening => {}
                () = stop.cancelled() => {}
            }
        });
        Ok(Self { writer, policies, table })
    }

    /// Replaces the policy. Must not be dropped before it ends: the next question would get this answer.
    ///
    /// # Errors
    /// Why there is no gate any more: without an answer nobody knows what is in force.
    pub(super) async fn set(&mut self, allow: &[String]) -> Result<Policy, String> {
        if let Some(why) = self.table.borrow().broken.clone() {
            return Err(why);
        }
        match tokio::time::timeout(ANSWER, self.ask(allow)).await {
            Ok(Ok(Some(policy))) => Ok(policy),
            Ok(Ok(None)) => Err("the gate has hung up".to_owned()),
            Ok(Err(error)) => Err(self.give_up(error.to_string())),
            Err(_) => Err(self.give_up("the gate does not answer".to_owned())),
        }
    }

    async fn ask(&mut self, allow: &[String]) -> io::Result<Option<Policy>> {
        let mut line = serde_json::to_vec(&ToGate::Allow(allow.to_vec()))?;
        line.push(b'\n');
        self.writer.write_all(&line).await?;
        Ok(self.policies.recv().await)
    }

    fn give_up(&self, why: String) -> String {
        give_up(&self.table, &why);
        why
    }
}

fn give_up(table: &watch::Sender<Table>, why: &str) {
    tracing::error!(why, "the line to the gate is broken");
    table.send_modify(|table| table.broken = Some(why.to_owned()));
}

async fn listen(
    reader: OwnedReadHalf,
    answers: mpsc::Sender<Policy>,
    table: watch::Sender<Table>,
    owners: Owners,
) {
    let mut lines = FramedRead::new(reader, LinesCodec::new_with_max_length(LONGEST));
    let why = loop {
        let line = match lines.next().await {
            Some(Ok(line)) => line,
            Some(Err(error)) => break error.to_string(),
            None => break "the gate has hung up".to_owned(),
        };
        match serde_json::from_str(&line) {
            // Nobody asked, or what was asked is not waited for any more.
            Ok(FromGate::Policy { allowed, refused }) => {
                let refused = refused.into_iter().map(|RefusedEntry { entry, why }| Refused { entry, why });
                drop(answers.try_send((allowed, refused.collect())));
            }
            Ok(FromGate::Denied { denied }) => {
                let mut new = false;
                table.send_modify(|table| new = table.deny(&denied));
                if new {
                    owners.find(denied.source_port, denied.host, denied.port);
                }
            }
            Ok(FromGate::Notice { notice }) => {
                table.send_if_modified(|table| table.notice(&notice.text));
            }
            Err(error) => break format!("the gate says something else: {error}"),
        }
    };
    give_up(&table, &why);
}
