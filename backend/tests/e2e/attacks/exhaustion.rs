//! The agent uses up what there is: the disk, `/tmp`, processes, the gate, the relay. Memory is in `reasons`.

use api::{
    event::EventBody,
    rpc::{instances::InstancesApiClient, runs::RunsApiClient},
    run::Reason,
};

use super::network::is_at_work;
use crate::harness::{World, docker, ends, events_of, launch, step};

/// Work that is committed before the attack.
const COMMIT: &str = "echo kept > kept.txt && git add kept.txt && git commit -qm Kept\n";
/// What a gate may grow by while it is flooded, in kB.
const GROWTH: u64 = 16 << 10;
const FLOOD: &str = include_str!("flood.py");

async fn full_disk(attack: &str) {
    let world = World::start(&["--disk=64m"]).await;
    let client = world.client().await;
    let repository = world.repository("sample");
    world.commit("sample", "probe.sh", &format!("{COMMIT}{attack}\n(sleep 300 & wait)"));
    let run = launch(&client, vec![step("[[probe]]", &[])], &repository).await;
    let run = ends(&client, run.id, Reason::DiskFull).await;
    let detail = run.detail.unwrap();
    assert!(detail.contains("disk"), "{detail}");
    assert_eq!(
        world.git("sample", &["show", &format!("{}:kept.txt", run.branch)]),
        "kept",
        "its work is saved"
    );
    world.emptied().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn large_files_fill_no_disk() {
    full_disk("for i in $(seq 12); do head -c 16M /dev/zero > ~/large$i; done").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_without_content_fill_no_disk_either() {
    full_disk("python3 -c \"for i in range(60_000): open(f'/home/agent/empty{i}', 'w').close()\"").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_tmp_is_the_agents_own_trouble() {
    let world = World::start(&["--tmp=16m"]).await;
    let client = world.client().await;
    let repository = world.repository("sample");
    let attack = "for place in /tmp /var/tmp; do head -c 64M /dev/zero > $place/large && echo $place=got\nrm $place/large; done; head -c 128M /dev/zero > /dev/shm/large && echo shm=got; head -c 64M /dev/zero > /run/large && echo run=got; echo done";
    world.commit("sample", "probe.sh", attack);
    let run = launch(&client, vec![step("[[probe]]", &[])], &repository).await;
    let run = ends(&client, run.id, Reason::Completed).await;
    let said = world.git("sample", &["show", &format!("{}:probe.txt", run.branch)]);
    assert!(said.contains("No space left") && said.contains("done") && !said.contains("=got"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fork_bomb_is_cancelled_and_leaves_no_process() {
    let world = World::start(&["--pids=96"]).await;
    let client = world.client().await;
    let repository = world.repository("sample");
    let bomb = format!("{COMMIT}bomb() {{ bomb | bomb & }}\ntouch begun\nbomb\n(sleep 300 & wait)");
    world.commit("sample", "probe.sh", &bomb);
    let run = launch(&client, vec![step("[[probe]]", &[])], &repository).await;
    is_at_work(&client, run.id).await;
    let (begun, container) = ("until test -e /workspace/begun; do sleep 0.1; done", world.container());
    docker(&["exec", &container, "bash", "-c", begun]);
    RunsApiClient::cancel(&client, run.id).await.unwrap();
    let run = ends(&client, run.id, Reason::CancelledByUser).await;
    world.emptied().await;
    assert_eq!(
        world.git("sample", &["show", &format!("{}:kept.txt", run.branch)]),
        "kept",
        "its work is saved"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_is_counted_and_takes_no_memory_and_the_relay_goes_on() {
    let world = World::start(&[]).await;
    let client = world.client().await;
    let repository = world.repository("sample");
    world.commit("sample", "flood.py", FLOOD);
    world.commit("sample", "probe.sh", "python3 flood.py");
    let run = launch(&client, vec![step("[[probe]]", &[])], &repository).await;
    is_at_work(&client, run.id).await;
    let container = world.container();
    let first = docker(&["inspect", "--format", "{{.State.Pid}}", &container]);
    let resident = || {
        let status = std::fs::read_to_string(format!("/proc/{first}/status")).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap().to_owned();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
    };
    let before = resident();
    docker(&["exec", &container, "bash", "-c", "until test -e /workspace/flooded; do sleep 0.1; done"]);
    let after = resident();
    docker(&["exec", "--user", "1000", &container, "touch", "/workspace/go"]);
    assert!(after < before + GROWTH, "the gate has grown from {before} kB to {after} kB");

    // The model's next answer came over the relay that was flooded.
    let run = ends(&client, run.id, Reason::Completed).await;
    let said = world.git("sample", &["show", &format!("{}:probe.txt", run.branch)]);
    assert!(said.contains("names=10000") && said.contains("connections=10000"), "{said}");
    let events = events_of(&client, run.id).await;
    let told = events.iter().filter(|event| matches!(event.body, EventBody::Egress(_))).count();
    assert!((1..=500).contains(&told), "counted, not flooded: {told}");
    let instance = InstancesApiClient::get(&client, run.instance_id.unwrap()).await.unwrap();
    assert!((1..=300).contains(&instance.egress.denied.len()), "{}", instance.egress.denied.len());
}
