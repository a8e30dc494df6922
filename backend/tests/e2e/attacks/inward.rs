//! Repositories and submodules as a way into the operator's network: by whoever may start runs, and by the agent.

use std::{
    io::{Read, Write},
    net::TcpListener,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use api::{error::ApiError, rpc::runs::RunsApiClient, run::Reason};

use super::tools;
use crate::harness::{World, create_task, ended, ends, events_of, launch, launch_with, output, step};

const CANARY: &str = "canary-of-an-internal-service";
/// Where services are that nobody named.
const UNNAMED: &str = "127.0.0.2";
/// The same in other spellings, and what no setting opens.
const SPELLINGS: [&str; 6] =
    [UNNAMED, "127.0.2", "2130706434", "0x7f.2", "[::ffff:127.0.0.2]", "169.254.169.254"];

/// A service of the operator's that gives this answer to whoever asks, and counts them.
struct Inner {
    port: u16,
    asked: Arc<AtomicUsize>,
}

impl Inner {
    fn start(ip: &str, head: &str, body: &str) -> Self {
        let listener = TcpListener::bind((ip, 0)).unwrap();
        let (port, asked) = (listener.local_addr().unwrap().port(), Arc::<AtomicUsize>::default());
        let answer =
            format!("HTTP/1.1 {head}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
        let counted = Arc::clone(&asked);
        std::thread::spawn(move || {
            for mut socket in listener.incoming().flatten() {
                counted.fetch_add(1, Ordering::SeqCst);
                // What is asked does not matter, nor whether the answer is waited for.
                let _ = socket.read(&mut [0; 4096]);
                let _ = socket.write_all(answer.as_bytes());
            }
        });
        Self { port, asked }
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_an_internal_service_is_read_through_a_repository() {
    let world = World::start(&["--git-private=127.0.0.1"]).await;
    let client = world.client().await;
    let json = format!("{{\"AccessKeyId\": \"{CANARY}\"}}");
    let unnamed = Inner::start(UNNAMED, "200 OK\r\nContent-Type: application/json", &json);
    let task = create_task(&client, vec![step("Do it.", &[])]).await;
    for host in SPELLINGS {
        let address = format!("http://{host}:{}/o/r", unnamed.port);
        let refused = RunsApiClient::create(&client, task.id, address, None, None, None).await;
        let refused = ApiError::of(&refused.expect_err(host)).expect("an ApiError");
        assert!(matches!(&refused, ApiError::Invalid { field, .. } if field == "repository"), "{refused:?}");
    }
    // A server that is named is asked; what is not git's stays there, and it leads nowhere else.
    let moved = format!("302 Found\r\nLocation: http://{UNNAMED}:{}/o/r", unnamed.port);
    for (head, body) in [
        ("200 OK\r\nContent-Type: application/json", json.as_str()),
        ("200 OK\r\nContent-Type: text/html", CANARY),
        ("200 OK\r\nContent-Type: application/x-git-upload-pack-advertisement", json.as_str()),
        (&moved, CANARY),
    ] {
        let named = Inner::start("127.0.0.1", head, body);
        let run =
            launch(&client, vec![step("Do it.", &[])], &format!("http://127.0.0.1:{}/o/r", named.port)).await;
        let run = ends(&client, run.id, Reason::CloneFailed).await;
        assert_eq!((run.instance_id, 0 < named.asked()), (None, true), "{head}");
        let told = format!("{run:?} {:?}", events_of(&client, run.id).await);
        assert!(!told.contains(CANARY), "{head}: {told}");
    }
    assert_eq!(unnamed.asked(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_agent_finds_no_way_into_the_operators_network() {
    let unnamed = Inner::start(UNNAMED, "200 OK\r\nContent-Type: text/plain", CANARY);
    let relay = "url=$(git config --get-regexp '^url\\..*\\.insteadof$' | head -n 1 | sed 's/^url\\.//; s/\\.insteadof .*//'); \
                 relay=${url%%/git/*}; ";
    let mut commands = vec!["cat lib/README.md".to_owned()];
    for host in SPELLINGS {
        let place = format!("{host}:{}/o/r", unnamed.port);
        let path = format!("$relay/git/http/{place}");
        commands.push(format!(
            "{relay} git ls-remote {path} 2>&1; git -c protocol.allow=always submodule add --force {path} taken 2>&1; \
             git fetch http://{place} main 2>&1; \
             curl -gsS \"{path}/info/refs?service=git-upload-pack\" 2>&1; echo tried"
        ));
    }
    let folder = tempfile::TempDir::new().unwrap();
    let script = tools::script(folder.path(), &commands);
    let world = World::start(&["--git-private=127.0.0.1", &format!("--model=scripted:{script}")]).await;
    let (own, lib) = (world.repository("own"), world.repository("lib"));
    let work = world.dir().join("work-own");
    for git in [
        &["submodule", "--quiet", "add", &lib, "lib"][..],
        &["-c", "user.name=T", "-c", "user.email=t@localhost", "commit", "--quiet", "-m", "With a submodule"],
        &["push", "--quiet", "origin", "HEAD:main"],
    ] {
        output(Command::new("git").args(git).current_dir(&work));
    }
    let client = world.client().await;
    let run = launch_with(&client, "Try.", &own, |task| task.submodules = vec![lib]).await;
    let run = ended(&client, run.id).await;
    let events = events_of(&client, run.id).await;
    let answers = tools::answers(&events);
    assert_eq!(answers.len(), commands.len(), "{:?} {answers:?}", run.detail);
    assert!(answers[0].contains("# Sample"), "the submodule that is named is there: {}", answers[0]);
    for (host, said) in SPELLINGS.iter().zip(&answers[1..]) {
        let refusals = said.matches("Caisson: this run may use the repository").count();
        assert!(3 <= refusals && said.contains("tried") && !said.contains(CANARY), "{host}: {said}");
    }
    assert_eq!(unnamed.asked(), 0);
}
