//! The storm: what is killed and cut, one thing after the other, each chosen by the seed.

use std::collections::{BTreeMap, BTreeSet};

use api::id::RunId;
use futures::{StreamExt, stream::FuturesUnordered};
use rand::{Rng, rngs::StdRng, seq::IndexedRandom};

use super::Follower;
use crate::{
    door::Door,
    harness::{World, within},
    socket::Socket,
};

/// The most containers that are killed, by either way: what is killed learns nothing about going on.
const MOST_KILLED: usize = 6;

/// Everything that can be hurt.
pub(super) struct Storm {
    pub(super) rng: StdRng,
    pub(super) world: World,
    pub(super) database: Door,
    pub(super) engine: Socket,
}

/// What can happen.
#[derive(Clone, Copy, Debug)]
enum Blow {
    /// The server dies and is started again.
    Server,
    /// The database is away for a while.
    Database,
    /// Every connection to the engine is cut.
    Engine,
    /// A container dies.
    Container,
    /// The executor in a container dies.
    Executor,
    /// Every connection to the executors is cut.
    Network,
}

const BLOWS: [Blow; 6] =
    [Blow::Server, Blow::Database, Blow::Engine, Blow::Container, Blow::Executor, Blow::Network];

impl Storm {
    /// Strikes again and again until every run is over; answers which runs lost their container.
    pub(super) async fn rage(&mut self, followers: &mut BTreeMap<RunId, Follower>) -> BTreeSet<RunId> {
        let mut killed = BTreeSet::new();
        loop {
            let calm = self.rng.random_range(30..90);
            if !progress(followers, calm).await {
                return killed;
            }
            let blow = *BLOWS.choose(&mut self.rng).expect("there are some");
            println!("chaos: {blow:?}");
            match blow {
                Blow::Server => {
                    self.world.kill().await;
                    self.world.resume_apart().await;
                }
                Blow::Database => {
                    self.database.shut();
                    self.database.refused(self.rng.random_range(1..4)).await;
                    self.database.let_in();
                }
                Blow::Engine => self.engine.cut(),
                Blow::Network => self.cut_network(),
                Blow::Container if killed.len() < MOST_KILLED => {
                    killed.extend(self.kill_container(&["kill"]))
                }
                Blow::Executor if killed.len() < MOST_KILLED => {
                    killed.extend(self.kill_container(&["exec", "--user", "0"]));
                }
                Blow::Container | Blow::Executor => {}
            }
        }
    }

    fn kill_container(&mut self, how: &[&str]) -> Option<RunId> {
        let container = self.world.containers().choose(&mut self.rng)?.clone();
        let run =
            says("docker", &["inspect", "--format", "{{index .Config.Labels \"caisson.run\"}}", &container])?;
        let mut arguments = how.to_vec();
        arguments.push(&container);
        if how[0] == "exec" {
            arguments.extend(["pkill", "-KILL", "-x", "caisson-executo"]);
        }
        // It may have gone by itself in this very moment; then its run was over.
        says("docker", &arguments);
        Some(run.parse().expect("an id"))
    }

    /// The kernel ends the connections at once, on both sides.
    fn cut_network(&self) {
        for container in self.world.containers() {
            let Some(published) = says("docker", &["port", &container, "7335"]) else { continue };
            let port = published.rsplit(':').next().unwrap_or_default();
            says("ss", &["--kill", "dst", "127.0.0.1", "dport", "=", port]);
        }
    }
}

/// What a program answers, if it does what it is told.
fn says(program: &str, arguments: &[&str]) -> Option<String> {
    let done = std::process::Command::new(program).args(arguments).output().expect("it can be run");
    done.status.success().then(|| String::from_utf8_lossy(&done.stdout).trim().to_owned())
}

/// Waits until so many more events were read by all readers together. `false` when all have read their end.
async fn progress(followers: &BTreeMap<RunId, Follower>, more: u64) -> bool {
    let mut readers: Vec<_> = followers.values().map(Follower::seen).collect();
    let sum = |readers: &[tokio::sync::watch::Receiver<u64>]| {
        readers.iter().map(|reader| *reader.borrow()).sum::<u64>()
    };
    let goal = sum(&readers) + more;
    while sum(&readers) < goal {
        let mut changes: FuturesUnordered<_> = readers
            .iter_mut()
            .filter(|reader| reader.has_changed().is_ok())
            .map(|reader| reader.changed())
            .collect();
        if within("progress of any run", changes.next()).await.is_none() {
            return false;
        }
    }
    true
}
