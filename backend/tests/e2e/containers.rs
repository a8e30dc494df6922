//! The module that talks to the Docker engine, against the real one.

mod place;

use std::{collections::HashSet, process::Command, time::Duration};

use api::id::{InstanceId, RunId};
use backend::engine::{
    Engine, Error, Live,
    docker::{Address, Finding, Probe},
};

use place::{MEBIBYTE, Place, docker, engine, engine_at, hello, wanted};

/// Answers on the executor's port with a line, like a very small executor.
const LISTEN: &str = r#"exec perl -MIO::Socket::INET -e '$s = IO::Socket::INET->new(Listen => 5, LocalPort => 7335) or die;
print STDERR "listening\n"; while ($c = $s->accept) { print $c "hello\n"; close $c }'"#;

#[tokio::test]
async fn a_missing_image_is_told() {
    let place = Place::new();
    let image = "caisson-test:never-built";
    assert!(!place.engine.image_exists(image).await.unwrap());
    let error = place.engine.start(&wanted(image)).await.unwrap_err();
    assert!(matches!(&error, Error::ImageMissing { image: missing } if missing == image), "{error}");
    assert_eq!(place.engine.list().await.unwrap(), []);
}

#[tokio::test]
async fn an_engine_that_is_away_is_told_and_found_when_it_comes() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("docker.sock");
    let address = format!("unix://{}", socket.display());
    let engine = engine_at(Some(&address), "test");
    let error = engine.ping().await.unwrap_err();
    assert!(matches!(error, Error::EngineAway { .. }), "{error}");

    // A socket that nobody listens on.
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    let error = engine.start(&wanted("any")).await.unwrap_err();
    assert!(matches!(error, Error::EngineAway { .. }), "{error}");

    std::fs::remove_file(&socket).unwrap();
    std::os::unix::fs::symlink("/var/run/docker.sock", &socket).unwrap();
    let version = engine.ping().await.unwrap();
    assert_eq!(version, docker(&["version", "--format", "Docker {{.Server.Version}}"]));
}

#[tokio::test]
async fn an_engine_that_accepts_and_says_nothing_is_away() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("docker.sock");
    let _deaf = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let address = format!("unix://{}", socket.display());
    let engine = engine_at(Some(&address), "test");
    let error = engine.ping().await.unwrap_err();
    assert!(matches!(&error, Error::EngineAway { why } if why.contains("does not answer")), "{error}");
}

#[tokio::test]
async fn networks_and_volumes_without_a_run_go_and_the_others_stay() {
    let place = Place::new();
    let (live, over) = (RunId::mint(), RunId::mint());
    let ours = format!("caisson.server={}", place.server);
    let name = |what: &str| format!("{}-{what}", place.server);
    let make = |kind: &str, what: &str, run: RunId| {
        docker(&[kind, "create", "--label", &ours, "--label", &format!("caisson.run={run}"), &name(what)]);
    };
    make("network", "left", over);
    make("volume", "left", over);
    make("volume", "live", live);
    let foreign = format!("foreign-{}", name("volume"));
    docker(&["volume", "create", "--label", "caisson.server=another", &foreign]);
    let removed = place.engine.remove_leftovers(&HashSet::from([live])).await.unwrap();
    assert_eq!(removed, [name("left"), name("left")]);
    let volumes = docker(&["volume", "ls", "--quiet", "--filter", &format!("label={ours}")]);
    assert_eq!(volumes, name("live"));
    assert!(docker(&["volume", "ls", "--quiet"]).lines().any(|volume| volume == foreign));
    assert_eq!(place.engine.remove_leftovers(&HashSet::new()).await.unwrap(), [name("live")]);
    docker(&["volume", "rm", &foreign]);
}

#[tokio::test]
async fn a_container_is_found_again_by_its_labels() {
    let mut place = Place::new();
    let image = place.image("exec sleep 600");
    let wanted = wanted(&image);
    let live = place.engine.start(&wanted).await.unwrap();
    assert_eq!((live.instance, live.run, live.running), (wanted.instance, Some(wanted.run), true));
    assert!(live.endpoint.is_some());

    // As another process of the same server would.
    let other = engine(&place.server);
    assert_eq!(other.find(wanted.instance).await.unwrap().as_ref(), Some(&live));
    assert_eq!(other.list().await.unwrap(), std::slice::from_ref(&live));
    assert_eq!(other.find(InstanceId::mint()).await.unwrap(), None);
    let stranger = engine("test-stranger");
    assert_eq!(stranger.find(wanted.instance).await.unwrap(), None);

    docker(&["kill", &live.container_id]);
    place.engine.wait(&live.container_id).await.unwrap();
    let found = other.find(wanted.instance).await.unwrap().unwrap();
    assert_eq!(found, Live { running: false, endpoint: None, ..live });
}

#[tokio::test]
async fn limits_and_privileges_are_really_set() {
    let mut place = Place::new();
    let live = place.start("exec sleep 600").await;
    let host = docker(&[
        "inspect",
        "--format",
        "{{.HostConfig.Memory}} {{.HostConfig.MemorySwap}} {{.HostConfig.NanoCpus}} {{.HostConfig.PidsLimit}} \
         {{.HostConfig.RestartPolicy.Name}} {{.HostConfig.Privileged}}",
        &live.container_id,
    ]);
    let memory = 64 * MEBIBYTE;
    assert_eq!(host, format!("{memory} {memory} 500000000 40 no false"));

    let status = docker(&["exec", &live.container_id, "cat", "/proc/1/status"]);
    // KILL 5, SETGID 6, SETUID 7, SETPCAP 8, NET_ADMIN 12, and no other.
    assert!(status.contains("CapBnd:\t00000000000011e0"), "{status}");
    assert!(status.contains("NoNewPrivs:\t1"), "{status}");
    let environment =
        docker(&["exec", &live.container_id, "sh", "-c", "echo $CAISSON_TOKEN $CAISSON_DISK_BYTES"]);
    assert_eq!(environment, "t0ken 1073741824");
    let write = |path: &str| {
        let script = format!("touch {path}/x && echo written");
        Command::new("docker").args(["exec", &live.container_id, "sh", "-c", &script]).output().unwrap()
    };
    for path in ["/", "/etc", "/usr/local/bin", "/opt"] {
        let refused = write(path);
        assert!(
            String::from_utf8_lossy(&refused.stderr).contains("Read-only file system"),
            "{path}: {refused:?}"
        );
    }
    for path in ["/tmp", "/run", "/var/tmp"] {
        assert_eq!(write(path).stdout, b"written\n", "{path}");
    }
    let seccomp = docker(&["exec", &live.container_id, "grep", "Seccomp:", "/proc/1/status"]);
    assert_eq!(seccomp, "Seccomp:\t2", "the engine's profile is in force");

    let forks = "for i in $(seq 60); do sleep 5 & done; wait";
    let refused =
        Command::new("docker").args(["exec", &live.container_id, "sh", "-c", forks]).output().unwrap();
    assert!(String::from_utf8_lossy(&refused.stderr).contains("fork"), "{refused:?}");
}

#[tokio::test]
async fn a_container_is_reached_on_loopback_only_and_not_by_its_neighbours() {
    let mut place = Place::new();
    let image = place.image(LISTEN);
    let (one, two) = (wanted(&image), wanted(&image));
    let (one, two) = tokio::try_join!(place.engine.start(&one), place.engine.start(&two)).unwrap();
    assert_ne!(one.endpoint, two.endpoint);
    assert_eq!(hello(&one).await, "hello\n");
    assert_eq!(hello(&two).await, "hello\n");
    let published = docker(&["port", &one.container_id]);
    assert_eq!(published, format!("7335/tcp -> {}", one.endpoint.unwrap()));

    let format = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
    let address = docker(&["inspect", "--format", format, &two.container_id]);
    let reaches = |host: &str| {
        let script =
            format!("exit !IO::Socket::INET->new(PeerAddr => '{host}', PeerPort => 7335, Timeout => 2)");
        let perl = ["exec", &one.container_id, "perl", "-MIO::Socket::INET", "-e", &script];
        Command::new("docker").args(perl).status().unwrap().success()
    };
    assert!(reaches("127.0.0.1"), "a port that is open is reached");
    assert!(!reaches(&address), "a container reached its neighbour");
}

#[tokio::test]
async fn a_removal_is_idempotent_and_ends_the_waiting() {
    let mut place = Place::new();
    let live = place.start("exec sleep 600").await;
    let id = live.container_id.as_str();
    let engine = &place.engine;
    assert_eq!(engine.exit(id).await.unwrap(), None, "it still runs");
    let (waited, one, two) = tokio::join!(engine.wait(id), engine.remove(id), engine.remove(id));
    waited.unwrap();
    one.unwrap();
    two.unwrap();
    assert_eq!(engine.find(live.instance).await.unwrap(), None);
    engine.remove(id).await.unwrap();
    engine.wait(id).await.unwrap();
    assert_eq!(engine.exit(id).await.unwrap(), None);
}

#[tokio::test]
async fn an_exit_is_told_with_its_code_and_the_end_of_its_output() {
    let mut place = Place::new();
    // All on one stream: the engine does not keep the order between two.
    let script = "exec >&2; for i in $(seq 1000); do echo line $i; done; echo why it ended; exit 3";
    let live = place.start(script).await;
    let exit = place.end_of(&live).await;
    assert_eq!((exit.code, exit.out_of_memory), (Some(3), false));
    assert!(
        exit.log_tail.contains("line 1000\n") && exit.log_tail.contains("why it ended\n"),
        "{}",
        exit.log_tail
    );
    assert!(!exit.log_tail.contains("line 100\n") && exit.log_tail.len() <= 4096);
}

#[tokio::test]
async fn out_of_memory_is_told() {
    let mut place = Place::new();
    let live = place.start("exec tail /dev/zero").await;
    let exit = place.end_of(&live).await;
    assert_eq!((exit.code, exit.out_of_memory), (Some(137), true));
}

#[tokio::test]
async fn out_of_memory_is_told_when_only_a_child_was_killed() {
    let mut place = Place::new();
    let script = "tail /dev/zero; echo gone; exec sleep 600";
    let (bad, good) = (place.start(script).await, place.start("exec sleep 600").await);
    let killed = async {
        while !docker(&["logs", &bad.container_id]).contains("gone") {
            tokio::task::yield_now().await;
        }
        place.engine.killed_for_memory(&bad.container_id).await.unwrap()
    };
    assert!(tokio::time::timeout(Duration::from_secs(20), killed).await.unwrap());
    assert!(!place.engine.killed_for_memory(&good.container_id).await.unwrap());
}

#[tokio::test]
async fn a_kill_is_not_taken_for_out_of_memory() {
    let mut place = Place::new();
    let live = place.start("exec sleep 600").await;
    docker(&["kill", &live.container_id]);
    let exit = place.end_of(&live).await;
    assert_eq!((exit.code, exit.out_of_memory), (Some(137), false));
}

#[tokio::test]
async fn a_container_that_cannot_start_leaves_nothing() {
    let mut place = Place::new();
    let base = place.image("true");
    let image = place.derive(&base, r#"ENTRYPOINT ["/no/such/program"]"#);
    let error = place.engine.start(&wanted(&image)).await.unwrap_err();
    assert!(matches!(&error, Error::Refused { why } if why.contains("/no/such/program")), "{error}");
    assert_eq!(place.engine.list().await.unwrap(), []);
}

#[tokio::test]
async fn a_network_that_was_taken_away_is_made_again() {
    let mut place = Place::new();
    let image = place.image("exec sleep 600");
    let live = place.engine.start(&wanted(&image)).await.unwrap();
    place.engine.remove(&live.container_id).await.unwrap();
    docker(&["network", "rm", &format!("caisson-{}", place.server)]);
    let live = place.engine.start(&wanted(&image)).await.unwrap();
    assert!(live.running && live.endpoint.is_some());
}

#[tokio::test]
async fn usage_is_told_at_once_and_knows_a_busy_processor() {
    let mut place = Place::new();
    let live = place.start("while :; do :; done").await;
    let first = place.engine.usage(&live.container_id).await.unwrap();
    assert_eq!((first.cpu_percent, first.memory_limit_bytes), (None, Some(64 * MEBIBYTE)));
    assert!(first.memory_bytes.is_some_and(|bytes| 0 < bytes && bytes < 64 * MEBIBYTE), "{first:?}");
    let busy = async {
        loop {
            let usage = place.engine.usage(&live.container_id).await.unwrap();
            match usage.cpu_percent {
                Some(percent) if 10.0 < percent => return percent,
                _ => tokio::task::yield_now().await,
            }
        }
    };
    let percent = tokio::time::timeout(Duration::from_secs(20), busy).await.unwrap();
    assert!(percent < 200.0, "half a core is {percent} per cent");
}

#[tokio::test]
async fn an_image_is_told_what_it_lacks() {
    let probe = Probe::new(Address::read(std::env::var("DOCKER_HOST").ok().as_deref(), None).unwrap());
    let lacking = |findings: Vec<Finding>| -> Vec<String> {
        findings.into_iter().filter(|finding| !finding.ok).map(|finding| finding.name).collect()
    };
    let whole = probe.look(&crate::harness::image()).await.unwrap();
    assert!(10 < whole.len(), "{whole:?}");
    assert_eq!(lacking(whole), Vec::<String>::new());
    let lines = "RUN rm /usr/sbin/nft && chmod 755 /var/lib/caisson\nENTRYPOINT [\"bash\"]";
    let image = crate::harness::image_with("lacking", lines);
    assert_eq!(lacking(probe.look(&image).await.unwrap()), ["entry point", "nft", "/var/lib/caisson"]);
    let missing = probe.look("caisson-test-no-such-image:e2e").await.unwrap_err();
    assert!(matches!(missing, Error::ImageMissing { .. }), "{missing}");
}
