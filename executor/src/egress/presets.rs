//! `tool:npm` and the like: the hosts that a package manager is configured for in the image.
//!
//! Never what the workspace or the agent's home says, and nothing that the agent could have written or could
//! change on its way: only programs and files that are closed to it count, and the programs run as nobody.

mod image;
mod read;

use std::{collections::BTreeMap, process::Stdio, time::Duration};

use api::executor::Refused;
use tokio::{io::AsyncReadExt, sync::OnceCell};

use crate::account::Account;
use image::Image;

/// How an entry that is none of a host begins.
const PREFIX: &str = "tool:";
/// How long a tool may take, and how much it may say, in bytes.
const TIME: Duration = Duration::from_secs(10);
const LONGEST: u64 = 256 << 10;

/// The hosts of each tool, as `host:port`, once they were asked for; or why there are none.
type Found = Result<Vec<String>, String>;

/// Finds the tools' hosts, each once.
pub(super) struct Presets {
    account: Account,
    image: Image,
    npm: OnceCell<Found>,
    pip: OnceCell<Found>,
    apt: OnceCell<Found>,
    cargo: OnceCell<Found>,
}

/// Entries with hosts in the place of tools.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Expanded {
    pub(super) allow: Vec<String>,
    pub(super) refused: Vec<Refused>,
}

impl Presets {
    /// Tools with what the image's environment says to them.
    pub(super) fn new(account: Account, env: BTreeMap<String, String>) -> Self {
        let image = Image::new(account.path(), env, "/".into());
        let [npm, pip, apt, cargo] = std::array::from_fn(|_| OnceCell::new());
        Self { account, image, npm, pip, apt, cargo }
    }

    /// Puts hosts in the place of tools.
    pub(super) async fn expand(&self, entries: &[String]) -> Expanded {
        let mut expanded = Expanded::default();
        for entry in entries {
            let Some(tool) = entry.strip_prefix(PREFIX) else {
                expanded.allow.push(entry.clone());
                continue;
            };
            match self.hosts(tool).await {
                Ok(hosts) => {
                    let new = hosts.into_iter().filter(|host| !entries.contains(host));
                    expanded.allow.extend(new.collect::<Vec<_>>());
                }
                Err(why) => expanded.refused.push(Refused { entry: entry.clone(), why }),
            }
        }
        expanded
    }

    async fn hosts(&self, tool: &str) -> Found {
        let found = match tool {
            "npm" => self.npm.get_or_init(|| self.npm()).await,
            "pip" => self.pip.get_or_init(|| self.pip()).await,
            "apt" => self.apt.get_or_init(|| async { hosts("apt", read::apt(&self.image)) }).await,
            "cargo" => self.cargo.get_or_init(|| async { hosts("cargo", read::cargo(&self.image)) }).await,
            _ => return Err("there is tool:npm, tool:pip, tool:apt and tool:cargo".to_owned()),
        };
        found.clone()
    }

    async fn npm(&self) -> Found {
        let said = self.say("npm", &["config", "get", "registry"]).await;
        said.map_or_else(|| missing("npm"), |said| hosts("npm", read::npm(&said)))
    }

    async fn pip(&self) -> Found {
        for program in ["pip", "pip3"] {
            let Some(list) = self.say(program, &["config", "list"]).await else { continue };
            let mut urls = read::pip(&list);
            if !urls.iter().any(|(index, _)| *index) {
                let help = self.say(program, &["install", "--help"]).await.unwrap_or_default();
                urls.extend(read::pip_default(&help).map(|url| (true, url)));
            }
            return hosts("pip", urls.into_iter().map(|(_, url)| url).collect());
        }
        missing("pip")
    }

    /// What a program of the image says; `None` when it is not there, takes too long or fails.
    async fn say(&self, program: &str, arguments: &[&str]) -> Option<String> {
        let mut command = self.account.aside(self.image.program(program)?);
        command.args(arguments).env("PATH", self.image.path()).envs(self.image.env());
        command.stdout(Stdio::piped());
        let said = async {
            let mut child = command.spawn().ok()?;
            let mut said = Vec::new();
            child.stdout.take()?.take(LONGEST).read_to_end(&mut said).await.ok()?;
            let status = child.wait().await.ok()?;
            status.success().then(|| String::from_utf8_lossy(&said).into_owned())
        };
        tokio::time::timeout(TIME, said).await.ok().flatten()
    }
}

fn missing(tool: &str) -> Found {
    Err(format!(
        "there is no {tool} in the image that could say its registry: allow the registry's hosts by name"
    ))
}

/// The hosts and ports of these addresses, each once.
fn hosts(tool: &str, urls: Vec<String>) -> Found {
    let mut hosts: Vec<String> = urls.iter().filter_map(|url| read::host(url)).collect();
    hosts.sort();
    hosts.dedup();
    if hosts.is_empty() {
        return Err(format!(
            "{tool} is not configured for a registry in the image: allow the registry's hosts by name"
        ));
    }
    Ok(hosts)
}

#[cfg(test)]
mod tests;
