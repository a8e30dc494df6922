//! Canaries: values that look like credentials, one for each that the server holds. The agent searches its
//! container for them, and this side everything that is kept or shown.

mod needles;
mod upstreams;

use std::{
    collections::BTreeSet,
    fs::Permissions,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::Command,
    sync::{Arc, OnceLock},
};

use api::{
    event::EventBody,
    id::RunId,
    rpc::{
        audit::AuditApiClient, instances::InstancesApiClient, runs::RunsApiClient, secrets::SecretsApiClient,
        system::SystemApiClient, tasks::TasksApiClient,
    },
    run::{Reason, Run},
    task::EnvValue,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use jsonrpsee::ws_client::WsClient;
use serde_json::json;

use self::{needles::Needles, upstreams::Upstream};
use super::tools;
use crate::harness::{TOKEN, World, client_run, docker, ends, events_of, follow, image, launch_with, output};

const SEARCH: &str = include_str!("canaries.sh");
/// Defines what the lines of needles say.
const NEEDLE: &str = "declare -A needles\nneedle() { needles[\"$2$3\"]=$1; }\n";

const MODEL_KEY: &str = "sk-ant-api03-c4nary/0f+the=m0del_upstream-AA";
const GIT_USER: &str = "caisson-bot";
const GIT_PASSWORD: &str = "glpat-c4nary/0f+the=g1t_server";
/// What stands in the place of the task's secret.
const MASKED: &str = "[secret given]";
const STORED: &str = "c4nary 0f/a+secret=that no task names #1";
const GIVEN: &str = "c4nary 0f/a+secret=that this task names #2";
/// 32 bytes; the file has them in base64.
const SECRETS_KEY: &str = "c4nary-k3y/th4t+seals=all secrets";
/// No secret: what shows that the searches find.
const MARKER: &str = "marker 0f/a+value=for everybody to read";

/// What the agent runs. The last one waits until this side has looked at the living container.
const COMMANDS: [&str; 9] = [
    "echo \"$MARKER\" > marker.txt; cp marker.txt ~/marker.txt; printf %s \"$MARKER\" | base64 -w0 > ~/marker.b64; (echo -n xx; cat marker.txt) | base64 -w0 > ~/marker2.b64; printf %s \"$MARKER\" | od -An -v -tx1 | tr -d ' \\n' > ~/marker.hex; mkdir -p ~/.config && touch ~/.config/$(cat ~/marker.hex); git config --global marker.value \"$MARKER\"",
    "bash canaries.sh environment; env",
    "bash canaries.sh processes",
    "bash canaries.sh settings",
    "bash canaries.sh files",
    "curl --silent --include --header \"x-api-key: $ANTHROPIC_API_KEY\" \"$ANTHROPIC_BASE_URL/v1/models\"",
    "echo \"it is $GIVEN\"; printf %s \"$GIVEN\" | base64; printf x%s \"$GIVEN\" | base64 -w0; echo; printf xx%s \"$GIVEN\" | base64 -w0; echo; printf %s \"$GIVEN\" | od -An -v -tx1 | tr -d ' \\n'; python3 -c 'import os, urllib.parse; print(urllib.parse.quote(os.environ[\"GIVEN\"], safe=\"\"), os.environ[\"GIVEN\"].encode().hex().upper())'",
    "echo \"$GIVEN\" > given.txt; echo \"$GIVEN\" | tee /proc/1/fd/1 /proc/1/fd/2 2>&1",
    "until test -e /workspace/go; do sleep 0.1; done; rm /workspace/go",
];

#[tokio::test(flavor = "multi_thread")]
async fn no_credential_is_in_the_container_and_none_is_kept_or_shown() {
    let folder = tempfile::TempDir::new().unwrap();
    let script = tools::script(folder.path(), &COMMANDS.map(str::to_owned));
    let model = Upstream::model(&script, MODEL_KEY).await;
    let (behind, basic) =
        (Arc::new(OnceLock::new()), BASE64_STANDARD.encode(format!("{GIT_USER}:{GIT_PASSWORD}")));
    let git = Upstream::git(format!("Basic {basic}"), Arc::clone(&behind)).await;
    let world =
        World::start_apart(&settings(folder.path(), &model, &git).each_ref().map(String::as_str)).await;
    let server_key = std::fs::read_to_string(world.dir().join("data/server.key")).unwrap();

    let mut needles = Needles::default();
    for (name, value) in [
        ("model_key", MODEL_KEY),
        ("git_password", GIT_PASSWORD),
        ("git_header", &basic),
        ("stored", STORED),
        ("given", GIVEN),
        ("secrets_key", &SECRETS_KEY[..32]),
        ("secrets_key_file", &BASE64_STANDARD.encode(&SECRETS_KEY[..32])),
        ("server_key", server_key.trim()),
        ("master_token", TOKEN),
        ("marker", MARKER),
    ] {
        needles.add(name, value);
    }

    let client = world.client().await;
    for (name, value) in [("stored", STORED), ("given", GIVEN)] {
        SecretsApiClient::set(&client, name.into(), value.into()).await.expect("stored");
    }
    let inner = url::Url::parse(&world.repository("sample")).unwrap();
    behind.set(inner.origin().ascii_serialization()).unwrap();
    world.commit("sample", "canaries.sh", &format!("{NEEDLE}{}{SEARCH}", needles.lines()));
    let repository = format!("http://{}{}", git.address, inner.path());
    let run = launch_with(&client, "Search.", &repository, |task| {
        task.env.insert("MARKER".into(), EnvValue::Plain(MARKER.into()));
        task.env.insert("GIVEN".into(), EnvValue::Secret("given".into()));
    })
    .await;

    let waits = |event: &api::event::Event| matches!(&event.body, EventBody::Agent(line) if line.raw.contains("/workspace/go") && line.raw.contains("tool_use"));
    assert!(follow(&client, run.id, waits).await, "it comes to its last command");
    let host = Host { needles: &needles, world: &world };
    host.looks_at_the_container(run.id);
    host.looks_at_the_data();
    docker(&["exec", "--user", "1000", &world.container(), "touch", "/workspace/go"]);
    let run = ends(&client, run.id, Reason::Completed).await;

    let answers = tools::answers(&events_of(&client, run.id).await);
    assert_eq!(answers.len(), COMMANDS.len(), "{answers:?}");
    found_inside(&answers);
    assert!(answers[3].contains(&repository), "git's settings are seen: {}", answers[3]);
    assert!(answers[3].contains("terminal prompts disabled"), "git is given no credential: {}", answers[3]);
    assert!(answers[5].contains("418") && answers[5].contains("you showed ****"), "{}", answers[5]);
    host.looks_at_what_is_told(&client, &run).await;
    let kept = host.looks_at_the_data();
    assert!(8 < String::from_utf8_lossy(&kept).matches(MASKED).count(), "what is kept can be searched");
}

/// Where everything is, as an operator writes it who keeps credentials in files.
fn settings(folder: &Path, model: &Upstream, git: &Upstream) -> [String; 6] {
    let kept = |name: &str, content: String| {
        let file = folder.join(name);
        std::fs::write(&file, content).unwrap();
        std::fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
        file.display().to_string()
    };
    let credential = json!({ "host": git.address, "username": GIT_USER, "password": GIT_PASSWORD });
    let credentials = json!({ "credentials": [credential] }).to_string();
    [
        "--model=anthropic".to_owned(),
        format!("--anthropic-base-url=http://{}", model.address),
        format!("--anthropic-api-key-file={}", kept("model.key", MODEL_KEY.to_owned())),
        format!("--git-credentials={}", kept("git.json", credentials)),
        format!("--secrets-key-file={}", kept("secrets.key", BASE64_STANDARD.encode(&SECRETS_KEY[..32]))),
        "--log=debug".to_owned(),
    ]
}

/// The agent has found what everybody may know and what its task names, and nothing else.
fn found_inside(answers: &[String]) {
    let all = answers.join("\n");
    let found: BTreeSet<&str> = all.lines().filter_map(|line| line.strip_prefix("found ")).collect();
    let strange: Vec<_> =
        found.iter().filter(|found| !found.starts_with("marker:") && !found.starts_with("given:")).collect();
    assert!(strange.is_empty(), "the container holds {strange:?}");
    for known in [
        "marker:exact in environment",
        "marker:exact in environ",
        "given:exact in environment",
        "given:exact in environ",
        "marker:exact in cmdline",
        "marker:exact in settings",
        "marker:hex in listings",
        "marker:exact in /home/agent/marker.txt",
        "marker:exact in /workspace/marker.txt",
        "marker:base64 in /home/agent/marker.b64",
        "marker:base64 in /home/agent/marker2.b64",
        "marker:hex in /home/agent/marker.hex",
    ] {
        assert!(found.contains(known), "the search finds `{known}`: {all}");
    }
    assert!(all.contains("searched ") && !all.contains("not in time"), "{all}");
}

/// The search of this side.
struct Host<'a> {
    needles: &'a Needles,
    world: &'a World,
}

impl Host<'_> {
    /// Nothing but the marker may be there, and `known` must.
    fn looks(&self, place: &str, bytes: &[u8], known: &str) {
        let bad: Vec<_> =
            self.needles.found_in(bytes).into_iter().filter(|name| !name.starts_with("marker:")).collect();
        assert!(bad.is_empty(), "{place} holds {bad:?}");
        assert!(bytes.windows(known.len()).any(|at| at == known.as_bytes()), "{place} is without {known}");
    }

    /// What the engine tells of the container and of its image.
    fn looks_at_the_container(&self, run: RunId) {
        let (container, image) = (self.world.container(), image());
        self.looks("inspect", docker(&["inspect", &container]).as_bytes(), &run.to_string());
        self.looks(
            "processes",
            docker(&["top", &container, "-eo", "pid,args"]).as_bytes(),
            "caisson-executor",
        );
        // The harness gives a server its token on the command line. Nobody else may show it.
        let processes = output(Command::new("ps").args(["-e", "-ww", "-o", "args"]));
        let others: Vec<_> = processes.lines().filter(|line| !line.contains("--admin-token=")).collect();
        self.looks("the machine's processes", others.join("\n").as_bytes(), "caisson-executor");
        self.looks("image", docker(&["image", "inspect", &image]).as_bytes(), "caisson-firewall");
        self.looks("history", docker(&["history", "--no-trunc", &image]).as_bytes(), "caisson-firewall");
        let logs = Command::new("docker").args(["logs", &container]).output().unwrap();
        self.looks("logs", &[logs.stdout, logs.stderr].concat(), "caisson");
    }

    /// The database's files, which it answers, and what else lies there; and the log.
    fn looks_at_the_data(&self) -> Vec<u8> {
        let mut database = Vec::new();
        for entry in std::fs::read_dir(self.world.dir().join("data")).unwrap() {
            let entry = entry.unwrap();
            // The one place of the server's key.
            if entry.file_type().unwrap().is_file() && entry.file_name() != "server.key" {
                database.extend(std::fs::read(entry.path()).unwrap());
            }
        }
        self.looks("the database", &database, MARKER);
        let log = std::fs::read(self.world.log_file()).unwrap();
        self.looks("the log", &log, "DEBUG");
        database
    }

    /// Every answer about the run, and every download.
    async fn looks_at_what_is_told(&self, client: &WsClient, run: &Run) {
        let told = json!([
            events_of(client, run.id).await,
            client_run(client, run.id).await,
            TasksApiClient::by_id(client, run.task_id).await.unwrap(),
            InstancesApiClient::get(client, run.instance_id.unwrap()).await.unwrap(),
            RunsApiClient::diff(client, run.id).await.unwrap(),
            SecretsApiClient::list(client).await.unwrap(),
            AuditApiClient::list(client, None, None, None, None).await.unwrap(),
            SystemApiClient::status(client).await.unwrap(),
        ]);
        self.looks("what is told", told.to_string().as_bytes(), MARKER);
        assert!(8 < told.to_string().matches(MASKED).count(), "{told}");
        assert!(!run.artifacts.is_empty(), "{run:?}");
        let names = run.artifacts.iter().map(|artifact| format!("artifacts/{}", artifact.name));
        for path in names.chain(["log".to_owned(), "events".to_owned()]) {
            let url = format!("http://{}/api/runs/{}/{path}", self.world.address, run.id);
            let client = reqwest::Client::builder().no_proxy().build().unwrap();
            let answer = client.get(url).bearer_auth(TOKEN).send().await.unwrap().error_for_status().unwrap();
            self.looks(&path, &answer.bytes().await.unwrap(), MARKER);
        }
    }
}
