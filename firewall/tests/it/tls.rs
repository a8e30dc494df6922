//! Connections that say who they are for in a TLS hello, and such that do not say it at all.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{
    wire::{ALERT, echo, exchange, handshake, hello, rest},
    world::World,
};

const CDN: &str = "192.0.2.10:443";

async fn cdn(policy: &[&str]) -> World {
    let mut world = World::new(policy).await;
    world.resolves("allowed.example", &["192.0.2.10", "2001:db8::10"]);
    world.host(CDN, echo).await;
    world
}

#[tokio::test]
async fn an_allowed_name_is_relayed_byte_for_byte() {
    let world = cdn(&["allowed.example"]).await;
    world.look_up("allowed.example").await;
    let mut stream = world.connect(CDN).await;
    let hello = hello(Some("allowed.example"), &[]);
    // In pieces, as networks may.
    stream.write_all(&hello[..7]).await.unwrap();
    stream.flush().await.unwrap();
    exchange(&mut stream, &hello[7..], &hello).await;
    exchange(&mut stream, b"more", b"more").await;
    stream.shutdown().await.unwrap();
    assert_eq!(rest(&mut stream).await, b"");
}

#[tokio::test]
async fn an_allowed_address_is_no_way_to_a_forbidden_name() {
    let world = cdn(&["allowed.example"]).await;
    world.look_up("allowed.example").await;
    for (hello, host) in [
        (hello(Some("forbidden.example"), &[]), "forbidden.example"),
        (hello(Some("allowed.example"), &[0xfe0d]), "allowed.example"),
        (hello(None, &[]), "allowed.example"),
    ] {
        let mut stream = world.connect(CDN).await;
        stream.write_all(&hello).await.unwrap();
        assert_eq!(rest(&mut stream).await, ALERT);
        assert_eq!(world.denied().await.host, host);
    }
}

#[tokio::test]
async fn a_second_hello_that_a_server_asks_for_is_judged_as_well() {
    let mut world = cdn(&["allowed.example"]).await;
    world.look_up("allowed.example").await;
    world
        .host(CDN, |mut stream| async move {
            let mut first = vec![0; hello(Some("allowed.example"), &[]).len()];
            stream.read_exact(&mut first).await.unwrap();
            let retry = [
                0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8,
                0x91, 0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8,
                0x33, 0x9c,
            ];
            let retry = [&[3, 3][..], &retry, &[0, 0x13, 0x01, 0]].concat();
            stream.write_all(&handshake(2, &retry)).await.unwrap();
            echo(stream).await;
        })
        .await;
    // The second hello may even come at once with the first.
    let change = [20, 3, 3, 0, 1, 1];
    let twice =
        |second| [hello(Some("allowed.example"), &[]), change.to_vec(), hello(Some(second), &[])].concat();
    let mut stream = world.connect(CDN).await;
    stream.write_all(&twice("forbidden.example")).await.unwrap();
    let answer = rest(&mut stream).await;
    assert!(answer.ends_with(&ALERT), "{}", answer.escape_ascii());
    assert_eq!(world.denied().await.host, "forbidden.example");

    let mut stream = world.connect(CDN).await;
    stream.write_all(&twice("allowed.example")).await.unwrap();
    stream.shutdown().await.unwrap();
    let answer = rest(&mut stream).await;
    assert!(answer.ends_with(&[&change[..], &hello(Some("allowed.example"), &[])].concat()));
}

#[tokio::test]
async fn a_protocol_without_names_goes_by_the_address_and_port_but_not_at_the_ports_of_the_web() {
    let mut world = World::new(&["allowed.example:22", "allowed.example"]).await;
    world.resolves("allowed.example", &["192.0.2.10"]);
    world.look_up("allowed.example").await;
    for port in [22, 443] {
        world
            .host(&format!("192.0.2.10:{port}"), |mut stream| async move {
                stream.write_all(b"SSH-2.0-server\r\n").await.unwrap();
                echo(stream).await;
            })
            .await;
    }
    let mut stream = world.connect("192.0.2.10:22").await;
    exchange(&mut stream, b"", b"SSH-2.0-server\r\n").await;
    exchange(&mut stream, b"SSH-2.0-client\r\n", b"SSH-2.0-client\r\n").await;

    let mut stream = world.connect(CDN).await;
    assert_eq!(rest(&mut stream).await, b"", "nothing of the server is seen");
    assert_eq!(world.denied().await.port, Some(443));
}

#[tokio::test]
async fn an_address_entry_is_relayed_whatever_is_said() {
    let mut world = World::new(&["10.1.2.3:5432"]).await;
    world.host("10.1.2.3:5432", echo).await;
    let mut stream = world.connect("10.1.2.3:5432").await;
    exchange(&mut stream, b"\0\0\0\x08", b"\0\0\0\x08").await;
}

#[tokio::test]
async fn an_address_nobody_looked_up_is_refused_in_the_clients_own_protocol_and_counted() {
    let world = cdn(&["allowed.example"]).await;
    let mut stream = world.connect(CDN).await;
    stream.write_all(&hello(Some("allowed.example"), &[])).await.unwrap();
    assert_eq!(rest(&mut stream).await, ALERT);
    let denied = world.denied().await;
    assert_eq!((denied.host.as_str(), denied.port, denied.count), ("192.0.2.10", Some(443), 1));
    assert_eq!(denied.source_port, stream.local_addr().unwrap().port());

    let mut stream = world.connect(CDN).await;
    stream.write_all(b"\x01\x02").await.unwrap();
    let error = stream.read_u8().await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    assert_eq!(world.denied().await.count, 2);
}
