//! Workers: this program once more, as the agent's uid, for what the executor's own uid must not or cannot touch.
//! One JSON question on standard input, one JSON answer on standard output. What a worker says is as hostile as
//! what it has read.

use std::{
    io::{self, Read, Write},
    time::Duration,
};

use serde::{Serialize, de::DeserializeOwned};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{account::Account, disk, egress, fresh, workspace};

/// The longest question or answer, in bytes: that of the home's worker has all files of the home. Git's worker has
/// more to say, and says it by itself.
const LONGEST: u64 = 128 << 20;

/// Does a worker's work, when this is the name of one.
pub fn worker(name: &str) -> Option<io::Result<()>> {
    match name {
        "git" => Some(workspace::worker()),
        "git-raw" => Some(workspace::raw_worker()),
        "git-take" => Some(workspace::take_worker()),
        "owner" => Some(answer(egress::owner_of)),
        "disk" => Some(answer(disk::count)),
        "fresh" => Some(answer(fresh::work)),
        _ => None,
    }
}

fn answer<Q: DeserializeOwned, A: Serialize>(work: impl FnOnce(Q) -> A) -> io::Result<()> {
    // No other process of this user can look into this one, or change what it says.
    nix::sys::prctl::set_dumpable(false)?;
    let mut question = String::new();
    io::stdin().take(LONGEST).read_to_string(&mut question)?;
    let answer = work(serde_json::from_str(&question)?);
    io::stdout().lock().write_all(&serde_json::to_vec(&answer)?)
}

/// Asks a worker; kills it when it takes longer than `time`.
///
/// # Errors
/// When it could not be started, took too long, or gave no answer.
pub(crate) async fn ask<Q: Serialize + Sync, A: DeserializeOwned>(
    account: &Account,
    name: &str,
    question: &Q,
    time: Duration,
) -> io::Result<A> {
    let mut child = account.worker(name).spawn()?;
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let (Some(mut stdin), Some(stdout)) = (stdin, stdout) else {
        return Err(io::ErrorKind::BrokenPipe.into());
    };
    let asked = async {
        stdin.write_all(&serde_json::to_vec(question)?).await?;
        drop(stdin);
        let mut answer = Vec::new();
        stdout.take(LONGEST).read_to_end(&mut answer).await?;
        Ok(serde_json::from_slice(&answer)?)
    };
    tokio::time::timeout(time, asked).await?
}
