//! What the gate answers, and what it asks others.

use std::sync::atomic::Ordering;

use firewall::line::FromGate;
use hickory_proto::{
    op::ResponseCode,
    rr::{RData, RecordType, rdata::A},
};
use tokio::io::AsyncWriteExt;

use crate::{wire::rest, world::World};

#[tokio::test]
async fn a_name_that_is_not_allowed_is_refused_at_once_and_nobody_else_is_asked() {
    let world = World::new(&["allowed.example"]).await;
    for name in ["c2VjcmV0.forbidden.example.", "allowed.example.evil.example.", "sub.allowed.example.", "."]
    {
        assert_eq!(world.ask(name, RecordType::A).await, (ResponseCode::NXDomain, vec![]), "{name}");
    }
    assert_eq!(world.names.asked.load(Ordering::SeqCst), 0);
    let lines = world.border.told().await;
    let hosts =
        lines.iter().filter(|line| matches!(line, FromGate::Denied { denied } if denied.port.is_none()));
    assert_eq!(hosts.count(), 4);
}

#[tokio::test]
async fn an_allowed_name_has_addresses_and_nothing_else() {
    let world = World::new(&["allowed.example"]).await;
    world.resolves("allowed.example", &["192.0.2.10", "2001:db8::10"]);
    let (code, answers) = world.ask("Allowed.Example.", RecordType::A).await;
    assert_eq!((code, answers), (ResponseCode::NoError, vec![RData::A(A([192, 0, 2, 10].into()))]));
    assert_eq!(world.ask("allowed.example.", RecordType::AAAA).await.1.len(), 1);
    let asked = world.names.asked.load(Ordering::SeqCst);
    for kind in [RecordType::HTTPS, RecordType::SVCB, RecordType::TXT, RecordType::ANY, RecordType::MX] {
        assert_eq!(world.ask("allowed.example.", kind).await, (ResponseCode::NoError, vec![]), "{kind}");
    }
    assert_eq!(world.names.asked.load(Ordering::SeqCst), asked);
}

#[tokio::test]
async fn a_name_that_turns_to_a_closed_address_opens_nothing_unless_that_is_named_too() {
    let world = World::new(&["rebind.example"]).await;
    for closed in ["169.254.169.254", "127.0.0.1", "172.18.0.1", "10.0.0.1"] {
        world.resolves("rebind.example", &[closed]);
        assert_eq!(
            world.ask("rebind.example.", RecordType::A).await,
            (ResponseCode::NoError, vec![]),
            "{closed}"
        );
        let mut stream = world.connect(&format!("{closed}:80")).await;
        stream.write_all(b"GET / HTTP/1.1\r\nHost: rebind.example\r\n\r\n").await.unwrap();
        assert!(rest(&mut stream).await.starts_with(b"HTTP/1.1 403"), "{closed}");
    }
    let lines = world.border.told().await;
    let why = |line: &FromGate| match line {
        FromGate::Denied { denied } if denied.host == "rebind.example" => Some(denied.why.clone()),
        _ => None,
    };
    assert!(lines.iter().find_map(why).unwrap().contains("allow 10.0.0.1 as well"));

    world.allow(&["rebind.example", "10.0.0.1:5432"]);
    assert_eq!(world.ask("rebind.example.", RecordType::A).await.1.len(), 1);
}

#[tokio::test]
async fn an_allowed_name_that_does_not_resolve_is_a_notice_and_no_denial() {
    let world = World::new(&["gone.example"]).await;
    assert_eq!(world.ask("gone.example.", RecordType::A).await.0, ResponseCode::NXDomain);
    let lines = world.border.told().await;
    assert!(
        matches!(&lines[..], [FromGate::Notice { notice }] if notice.text.contains("gone.example")),
        "{lines:?}"
    );
}

#[tokio::test]
async fn what_resolvers_try_behind_a_name_is_told_as_the_name_that_was_meant() {
    let world = World::new(&["allowed.example"]).await;
    for name in ["allowed.example.corp.example.", "db.corp.example.", "forbidden.example.corp.example."] {
        assert_eq!(world.ask(name, RecordType::A).await.0, ResponseCode::NXDomain);
    }
    let mut told: Vec<String> = Vec::new();
    for line in world.border.told().await {
        let FromGate::Denied { denied } = line else { panic!("{line:?}") };
        told.push(denied.host);
    }
    told.sort();
    assert_eq!(told, ["db.corp.example", "forbidden.example"]);
}
