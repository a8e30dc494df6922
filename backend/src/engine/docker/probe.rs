//! Whether an image can hold a run: a container of it is looked at from inside, without a network or a right.

use std::collections::HashMap;

use bollard::{
    Docker,
    container::LogOutput,
    errors::Error as Cause,
    models::{ContainerCreateBody, HostConfig, ImageInspect},
    query_parameters::{
        CreateContainerOptions, LogsOptionsBuilder, RemoveContainerOptionsBuilder, WaitContainerOptions,
    },
};
use futures::{StreamExt, TryStreamExt};

use super::{
    Error,
    address::Address,
    connection::{Connection, status},
    spec,
};

/// What looks.
const SCRIPT: &str = include_str!("probe.sh");
/// What the first process of a container must be.
const ENTRY_POINT: [&str; 3] = ["caisson-firewall", "--", "caisson-executor"];
/// A container that only looks needs no more, in bytes.
const MEMORY: i64 = 512 << 20;
const PIDS: i64 = 64;
/// The most that is read of what it says, in bytes.
const MOST: usize = 64 << 10;

/// Looks at images on one engine.
pub struct Probe(Connection);

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    /// What.
    pub name: String,
    /// Whether it is as it must be.
    pub ok: bool,
    /// What was found, and what would be right.
    pub detail: String,
}

impl Probe {
    /// For the engine at this address.
    #[must_use]
    pub fn new(address: Address) -> Self {
        Self(Connection::new(address))
    }

    /// Everything an image must have, and whether it has it.
    ///
    /// # Errors
    /// `ImageMissing`, or the engine's own.
    pub async fn look(&self, image: &str) -> Result<Vec<Finding>, Error> {
        let docker = self.0.client().await?;
        let inspected = docker.inspect_image(image).await.map_err(|cause| match status(&cause) {
            Some(404) => Error::ImageMissing { image: image.to_owned() },
            _ => self.0.error(cause),
        })?;
        let mut findings = outside(&inspected);
        match self.inside(docker, image).await {
            Ok(said) => findings.extend(said.lines().filter_map(finding)),
            // Most likely there is no shell in it.
            Err(Error::Refused { why }) => {
                findings.push(Finding { name: "shell".to_owned(), ok: false, detail: why });
            }
            Err(error) => return Err(error),
        }
        Ok(findings)
    }

    async fn inside(&self, docker: &Docker, image: &str) -> Result<String, Error> {
        let body = ContainerCreateBody {
            image: Some(image.to_owned()),
            user: Some("0".to_owned()),
            entrypoint: Some(["/bin/sh", "-c", SCRIPT].map(str::to_owned).to_vec()),
            cmd: Some(Vec::new()),
            host_config: Some(HostConfig {
                network_mode: Some("none".to_owned()),
                readonly_rootfs: Some(true),
                tmpfs: Some(HashMap::from([("/tmp".to_owned(), String::new())])),
                cap_drop: Some(vec!["ALL".to_owned()]),
                security_opt: Some(vec!["no-new-privileges".to_owned()]),
                memory: Some(MEMORY),
                pids_limit: Some(PIDS),
                ..Default::default()
            }),
            ..Default::default()
        };
        let created = docker.create_container(None::<CreateContainerOptions>, body).await;
        let id = created.map_err(|cause| self.0.error(cause))?.id;
        let said = said(docker, &id).await.map_err(|cause| self.0.error(cause));
        let options = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
        docker.remove_container(&id, Some(options)).await.map_err(|cause| self.0.error(cause))?;
        said
    }
}

async fn said(docker: &Docker, id: &str) -> Result<String, Cause> {
    docker.start_container(id, None).await?;
    let ended = docker.wait_container(id, None::<WaitContainerOptions>).next().await;
    if let Some(Err(cause)) = ended
        && !matches!(cause, Cause::DockerContainerWaitError { .. })
    {
        return Err(cause);
    }
    let options = LogsOptionsBuilder::default().stdout(true).build();
    let mut lines = docker.logs(id, Some(options));
    let mut said = Vec::new();
    while let Some(LogOutput::StdOut { message } | LogOutput::Console { message }) = lines.try_next().await?
        && said.len() < MOST
    {
        said.extend_from_slice(&message);
    }
    Ok(String::from_utf8_lossy(&said).into_owned())
}

/// What the engine knows of an image.
fn outside(image: &ImageInspect) -> Vec<Finding> {
    let config = image.config.clone().unwrap_or_default();
    let entry = config.entrypoint.unwrap_or_default();
    let ok = entry == ENTRY_POINT;
    let detail = if ok {
        entry.join(" ")
    } else {
        format!(
            "is {entry:?}; write ENTRYPOINT {ENTRY_POINT:?}, so that nothing starts before the network is closed"
        )
    };
    let mut findings = vec![Finding { name: "entry point".to_owned(), ok, detail }];
    let user = config.user.unwrap_or_default();
    let ok = matches!(user.as_str(), "" | "0" | "root" | "0:0");
    let detail = if ok {
        "root, until the network is closed"
    } else {
        "write USER root: only root can close the network"
    };
    findings.push(Finding { name: "user".to_owned(), ok, detail: detail.to_owned() });
    let writable = config.labels.unwrap_or_default().get(spec::ROOT).is_some_and(|root| root == "writable");
    let root = if writable { "writable: the image asks for it" } else { "read-only" };
    findings.push(Finding { name: "root".to_owned(), ok: true, detail: root.to_owned() });
    findings
}

/// A line of the script.
fn finding(line: &str) -> Option<Finding> {
    let (verdict, rest) = line.split_once(' ')?;
    let (name, detail) = rest.split_once(": ")?;
    let ok = matches!(verdict, "ok" | "note");
    (ok || verdict == "bad").then(|| Finding { name: name.to_owned(), ok, detail: detail.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_script_is_a_finding_and_anything_else_is_none() {
        let found = finding("bad user agent: does not exist; useradd agent").unwrap();
        assert_eq!((found.name.as_str(), found.ok), ("user agent", false));
        assert!(finding("ok git: /usr/bin/git").unwrap().ok && finding("note setuid: /bin/su").unwrap().ok);
        assert_eq!(finding("sh: 1: nft: not found"), None);
    }

    #[test]
    fn an_image_whose_own_program_would_start_first_is_found_out() {
        let config = |entrypoint: &[&str], user: &str| ImageInspect {
            config: Some(bollard::models::ImageConfig {
                entrypoint: Some(entrypoint.iter().map(|&word| word.to_owned()).collect()),
                user: Some(user.to_owned()),
                ..Default::default()
            }),
            ..Default::default()
        };
        assert!(outside(&config(&ENTRY_POINT, "")).iter().all(|finding| finding.ok));
        assert!(!outside(&config(&["/bin/bash"], "")).iter().all(|finding| finding.ok));
        assert!(!outside(&config(&ENTRY_POINT, "agent")).iter().all(|finding| finding.ok));
    }
}
