//! An agent that runs one command of its shell for each prompt, and runs whose work is looked at.

use std::process::Command;

use api::{
    event::{Event, EventBody},
    rpc::runs::RunsApiClient,
    run::{Reason, Run},
};
use jsonrpsee::ws_client::WsClient;
use serde_json::{Value, json};

use crate::harness::{TOKEN, World, client_of, ended, events_of, launch, output, step};

/// A world whose agent runs `first` for the task, and `then` when its work comes back. Both are bash.
pub(super) async fn world(first: &str, then: &str, settings: &[&str]) -> World {
    let folder = tempfile::TempDir::new().unwrap();
    let conversation = |prompt: &str, command: &str| {
        let input = json!({ "command": command, "description": "Work", "timeout": 60_000 });
        let turns = json!([{ "tools": [{ "name": "Bash", "input": input }] }, { "text": "Done." }]);
        json!({ "match": { "prompt": prompt }, "count_from": "prompt", "turns": turns })
    };
    let all: Vec<Value> = vec![conversation("^Your work cannot be pushed", then), conversation(".", first)];
    let file = folder.path().join("script.json");
    std::fs::write(&file, json!({ "conversations": all }).to_string()).unwrap();
    let model = format!("--model=scripted:{}", file.display());
    // The script is read when the server starts.
    World::start(&[&[model.as_str()], settings].concat()).await
}

/// A run of a world: how it ended, what it said, and the world to look at.
pub(super) struct Done {
    pub(super) world: World,
    pub(super) client: WsClient,
    pub(super) run: Run,
    pub(super) events: Vec<Event>,
}

/// Runs the agent of a world on a repository with these files beside its README.
pub(super) async fn done(world: World, files: &[(&str, &str)]) -> Done {
    let repository = world.repository("sample");
    for (file, content) in files {
        world.commit("sample", file, content);
    }
    let client = client_of(&world.address).await;
    let run = launch(&client, vec![step("Do it.", &[])], &repository).await;
    let events = events_of(&client, run.id).await;
    let run = ended(&client, run.id).await;
    Done { world, client, run, events }
}

/// Runs this command of the agent on a repository with these files.
pub(super) async fn work(command: &str, files: &[(&str, &str)]) -> Done {
    done(world(command, "true", &[]).await, files).await
}

impl Done {
    pub(super) fn ended(&self, reason: Reason) -> &str {
        let detail = self.run.detail.as_deref().unwrap_or_default();
        assert_eq!(self.run.reason, Some(reason), "{detail}\n{}", self.notices().join("\n"));
        assert_eq!(self.run.outcome, Some(reason.outcome()));
        detail
    }

    /// The files on the run's branch.
    pub(super) fn files(&self) -> Vec<String> {
        let listed = self.world.git("sample", &["ls-tree", "-r", "--name-only", &self.run.branch]);
        listed.lines().map(str::to_owned).collect()
    }

    /// A file on the run's branch.
    pub(super) fn file(&self, name: &str) -> String {
        self.world.git("sample", &["show", &format!("{}:{name}", self.run.branch)])
    }

    /// Every notice, in order.
    pub(super) fn notices(&self) -> Vec<String> {
        let notices = self.events.iter().filter_map(|event| match &event.body {
            EventBody::Notice(notice) => Some(notice.text.clone()),
            _ => None,
        });
        notices.collect()
    }

    /// Whether this is kept.
    pub(super) fn keeps(&self, name: &str) -> bool {
        self.run.artifacts.iter().any(|artifact| artifact.name == name)
    }

    /// Downloads an artifact as a person does, and answers its file.
    pub(super) async fn artifact(&self, name: &str) -> std::path::PathBuf {
        let known = self.run.artifacts.iter().find(|artifact| artifact.name == name);
        let known = known.unwrap_or_else(|| panic!("{name} is kept: {:?}", self.run.artifacts));
        assert!(!known.what.is_empty(), "it says what is in it: {known:?}");
        let url = format!("http://{}/api/runs/{}/artifacts/{name}", self.world.address, self.run.id);
        let answer = reqwest::Client::new().get(url).bearer_auth(TOKEN).send().await.unwrap();
        let bytes = answer.error_for_status().unwrap().bytes().await.unwrap();
        assert_eq!(bytes.len() as u64, known.bytes);
        let file = self.world.dir().join(name);
        std::fs::write(&file, bytes).unwrap();
        file
    }

    /// Fetches a bundle into a fresh clone, as its help says, and answers what git says to this there.
    pub(super) async fn in_bundle(&self, name: &str, arguments: &[&str]) -> String {
        let file = self.artifact(name).await;
        let clone = self.world.dir().join("work-sample");
        let git = |arguments: &[&str]| output(Command::new("git").arg("-C").arg(&clone).args(arguments));
        git(&["fetch", "--quiet", &file.display().to_string(), "refs/*:refs/caisson/*"]);
        git(arguments)
    }

    /// What `runs.diff` shows once the container is gone.
    pub(super) async fn patch(&self) -> String {
        self.client.diff(self.run.id).await.expect("a diff").patch
    }
}
