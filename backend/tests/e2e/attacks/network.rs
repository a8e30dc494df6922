//! The agent tries every way out there is; only what was allowed by name leads anywhere.

use std::{collections::BTreeSet, net::Ipv4Addr};

use api::{
    event::EventBody,
    id::RunId,
    rpc::{instances::InstancesApiClient, tasks::TasksApiClient},
    run::{Reason, RunState},
};
use jsonrpsee::ws_client::WsClient;
use tokio::{io::AsyncWriteExt, net::TcpListener};
use tokio_util::task::AbortOnDropHandle;

use super::range::{self, Range};
use crate::{
    door::Door,
    harness::{World, client_run, docker, ended, ends, events_of, follow, image, launch, launch_with, step},
};

const SCRIPT: &str = include_str!("network.sh");
/// What the task of these tests may reach.
const EGRESS: [&str; 8] = [
    "allowed.example",
    "ssh.example:22",
    "*.wild.example",
    "rotating.example",
    "rebind.example",
    "nothing.example",
    "203.0.113.11:5432",
    "2001:db8:ffff::/48",
];
/// The lines of the script that name something allowed.
const REACHED: [&str; 10] = [
    "allowed_https",
    "allowed_http",
    "allowed_ipv6",
    "rotating_1",
    "rotating_2",
    "rotating_3",
    "rotating_4",
    "wildcard",
    "ssh_by_name",
    "named_network",
];
/// What nobody stops without the firewall: proof that the range sees an attack that gets through.
const REACHED_WITHOUT: [&str; 30] = [
    "literal_https",
    "literal_http",
    "literal_other_port",
    "literal_ipv6",
    "metadata",
    "rebinding",
    "dns_forbidden_name",
    "dns_foreign",
    "dns_foreign_ipv6",
    "dns_tcp",
    "dns_data",
    "dns_data_foreign",
    "dns_over_tls",
    "dns_over_https",
    "forbidden_name",
    "forbidden_sni",
    "no_sni",
    "forbidden_host_header",
    "second_request",
    "late_hello",
    "ssh_out",
    "smtp_out",
    "udp",
    "udp_ipv6",
    "icmp",
    "leading_line_ends",
    "two_host_headers",
    "mapped_ipv6",
    "nameless",
    "nameless_ipv6",
];

#[tokio::test(flavor = "multi_thread")]
async fn the_agent_reaches_what_is_allowed_by_name_and_nothing_else() {
    let range = Range::set_up().await;
    let world = World::start(&[range::DNS]).await;
    world.network(&["--ipv6", "--subnet", "2001:db8:beef::/64"]);
    let client = world.client().await;
    let repository = world.repository("sample");
    let neighbour = launch(&client, vec![step("[[hang]]", &[])], &repository).await;
    is_at_work(&client, neighbour.id).await;
    let beside = world.container();
    let [address, gateway] = ["IPAddress", "Gateway"].map(|field| {
        docker(&[
            "inspect",
            "--format",
            &format!("{{{{range .NetworkSettings.Networks}}}}{{{{.{field}}}}}{{{{end}}}}"),
            &beside,
        ])
    });
    let (host_port, _host) = host(gateway.parse().unwrap()).await;
    let (backend_port, _door) = backend_at(&world, &gateway).await;
    let script = format!(
        "HOST={gateway}\nHOST_PORT={host_port}\nBACKEND={}\nBACKEND_PORT={backend_port}\nNEIGHBOUR={address}\n{SCRIPT}",
        world.address
    );
    world.commit("sample", "probe.sh", &script);

    let without = outcomes(&range.unsealed(&script), "reached");
    let expected: BTreeSet<String> = REACHED_WITHOUT.iter().map(|&name| name.to_owned()).collect();
    assert!(expected.is_subset(&without), "the range sees an attack: {:?}", expected.difference(&without));
    let before = range.contacts();
    assert!(before.contains("tls forbidden.example") && before.contains("udp 9999"), "{before:?}");
    drop(range);
    let range = Range::set_up().await;

    let run = launch_with(&client, "[[probe]]", &repository, |task| {
        task.egress = EGRESS.map(str::to_owned).to_vec()
    });
    let run = run.await;
    is_at_work(&client, run.id).await;
    for container in world.containers().iter().filter(|container| **container != beside) {
        range.admit(container);
    }
    let run = ended(&client, run.id).await;
    let said = world.git("sample", &["show", &format!("{}:probe.txt", run.branch)]);
    assert!(said.contains("interface=203.0.113.") && said.contains("interface=169.254.169."), "{said}");
    let reached = outcomes(&said, "reached");
    assert_eq!(reached, REACHED.iter().map(|&name| name.to_owned()).collect(), "{said}");
    assert!(30 < outcomes(&said, "refused").len(), "everything was tried: {said}");

    only_allowed(&range.contacts());
    told(&client, run.id, &gateway, [host_port, backend_port], &address).await;
    let other = ended_after_cancel(&client, neighbour.id).await;
    assert_eq!(other, Some(Reason::CancelledByUser), "the neighbour went on until then");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_allows_a_host_while_the_run_goes_on() {
    let range = Range::set_up().await;
    let world = World::start(&[range::DNS]).await;
    let client = world.client().await;
    let repository = world.repository("sample");
    let retried = "until curl --silent --max-time 5 http://later.example/ | grep reached; do sleep 0.2; done; echo through";
    world.commit("sample", "probe.sh", retried);
    let run = launch(&client, vec![step("[[probe]]", &[])], &repository).await;
    is_at_work(&client, run.id).await;
    range.admit(&world.container());
    let refused = |event: &api::event::Event| matches!(&event.body, EventBody::Egress(it) if it.host == "later.example" && !it.allowed);
    assert!(follow(&client, run.id, refused).await, "the refusal is an event");
    let instance = api::rpc::runs::RunsApiClient::by_id(&client, run.id).await.unwrap().instance_id.unwrap();
    let no_registry =
        InstancesApiClient::allow(&client, instance, "tool:cargo".into(), None).await.unwrap_err();
    assert!(no_registry.to_string().contains("host: "), "{no_registry}");
    // What the container refuses is not allowed; what it takes has one spelling.
    let egress = InstancesApiClient::allow(&client, instance, "Later.example".into(), None).await.unwrap();
    assert_eq!(egress.allowed, ["later.example"]);
    assert!(egress.denied.iter().any(|denied| denied.host == "later.example" && 0 < denied.count));

    let run = ends(&client, run.id, Reason::Completed).await;
    let said = world.git("sample", &["show", &format!("{}:probe.txt", run.branch)]);
    assert!(said.contains("through"), "{said}");
    let events = events_of(&client, run.id).await;
    let told: Vec<bool> = events
        .iter()
        .filter_map(|event| match &event.body {
            EventBody::Egress(it) if it.host == "later.example" => Some(it.allowed),
            _ => None,
        })
        .collect();
    assert!(
        told.starts_with(&[false]) && told.contains(&true) && told.len() < 8,
        "counted, not flooded: {told:?}"
    );
    let task = TasksApiClient::by_id(&client, run.task_id).await.unwrap();
    assert!(task.spec.egress.is_empty(), "for this run alone");
    let gone =
        InstancesApiClient::allow(&client, instance, "too-late.example".into(), None).await.unwrap_err();
    assert!(gone.to_string().contains("gone"), "{gone}");
    let wrong =
        InstancesApiClient::allow(&client, instance, "https://later.example".into(), None).await.unwrap_err();
    assert!(wrong.to_string().contains("host"), "{wrong}");
}

/// The agent works, so the container is closed and its policy is in force.
pub(super) async fn is_at_work(client: &WsClient, run: RunId) {
    let begun = |event: &api::event::Event| matches!(&event.body, EventBody::State(it) if it.state == RunState::Running);
    if !follow(client, run, begun).await {
        panic!("the run does not begin to work: {:?}", client_run(client, run).await.detail);
    }
}

/// A service of the host on the containers' own gateway. Whoever connects hears that they got through.
async fn host(gateway: Ipv4Addr) -> (u16, AbortOnDropHandle<()>) {
    let listener = TcpListener::bind((gateway, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving = tokio_util::task::TaskTracker::new().spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.write_all(b"reached").await;
        }
    });
    (port, AbortOnDropHandle::new(serving))
}

/// The server's own port within the containers' reach, as it is where an operator has it listen on every address.
/// A container that nobody seals gets its answer.
async fn backend_at(world: &World, gateway: &str) -> (u16, Door) {
    let door = Door::open_at(gateway, &format!("http://{}", world.address)).await;
    let (host, health) = (format!("Host: {}", world.address), format!("{}health", door.url));
    let arguments =
        ["run", "--rm", "--entrypoint=curl", &image(), "--silent", "--fail", "--header", &host, &health];
    assert!(!docker(&arguments).is_empty(), "the server answers whoever reaches it");
    (url::Url::parse(&door.url).unwrap().port().unwrap(), door)
}

pub(super) fn outcomes(said: &str, outcome: &str) -> BTreeSet<String> {
    let lines = said.lines().filter_map(|line| line.split_once('='));
    lines.filter(|(_, found)| *found == outcome).map(|(name, _)| name.to_owned()).collect()
}

/// Every contact of the range was with something that was allowed.
fn only_allowed(contacts: &BTreeSet<String>) {
    let allowed = |contact: &str| match contact.split_once(' ') {
        Some(("dns", name)) => {
            name.ends_with(".wild.example") || EGRESS.contains(&name) || name == "ssh.example"
        }
        Some(("http" | "https" | "tls", name)) => {
            ["allowed.example", "rotating.example", "deep.below.wild.example"].contains(&name)
        }
        Some(("tcp", to)) => {
            let (address, port) = to.split_once(' ').unwrap_or_default();
            match port {
                "80" | "443" => ["203.0.113.10", "203.0.113.11", "2001:db8:cafe::10"].contains(&address),
                "22" | "5432" => address == "203.0.113.11",
                _ => false,
            }
        }
        _ => false,
    };
    let holes: Vec<&String> = contacts.iter().filter(|contact| !allowed(contact)).collect();
    assert!(holes.is_empty(), "reached although nobody allowed it: {holes:?}");
    assert!(contacts.contains("tls allowed.example"), "the range was there: {contacts:?}");
}

/// Each refusal is in the run's log and part of the instance.
async fn told(client: &WsClient, run: RunId, gateway: &str, ports: [u16; 2], neighbour: &str) {
    let events = events_of(client, run).await;
    let refused: BTreeSet<(String, Option<u16>)> = events
        .iter()
        .filter_map(|event| match &event.body {
            EventBody::Egress(it) if !it.allowed => Some((it.host.clone(), it.port)),
            _ => None,
        })
        .collect();
    for (host, port) in [
        ("203.0.113.12", Some(443)),
        ("2001:db8:cafe::12", Some(80)),
        ("169.254.169.254", Some(80)),
        (gateway, Some(ports[0])),
        (gateway, Some(ports[1])),
        (neighbour, Some(7335)),
        ("forbidden.example", None),
        ("forbidden.example", Some(443)),
        ("forbidden.example", Some(80)),
        ("c2vjcmv0lwrhdge.forbidden.example", None),
        ("wild.example", None),
        ("203.0.113.53", Some(853)),
        ("203.0.113.53", Some(443)),
    ] {
        assert!(refused.contains(&(host.to_owned(), port)), "{host} {port:?} is not in {refused:?}");
    }
    assert!(events.iter().any(|event| matches!(&event.body,
        EventBody::Notice(notice) if notice.about == "egress" && notice.text.contains("nothing.example"))));
    let run = api::rpc::runs::RunsApiClient::by_id(client, run).await.unwrap();
    let instance = InstancesApiClient::get(client, run.instance_id.unwrap()).await.unwrap();
    let known: BTreeSet<_> = instance.egress.denied.iter().map(|it| (it.host.clone(), it.port)).collect();
    assert_eq!(known, refused, "the instance and the log tell the same");
    assert!(instance.egress.denied.iter().all(|it| !it.why.is_empty()));
    assert!(
        instance
            .egress
            .denied
            .iter()
            .any(|it| it.process.as_deref().is_some_and(|name| name.contains("curl"))),
        "{:?}",
        instance.egress.denied
    );
    assert_eq!(instance.egress.allowed, EGRESS);
}

async fn ended_after_cancel(client: &WsClient, run: RunId) -> Option<Reason> {
    api::rpc::runs::RunsApiClient::cancel(client, run).await.unwrap();
    ended(client, run).await.reason
}
