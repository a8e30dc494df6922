//! The first token, and what of it reaches the disk.

use std::time::Duration;

use super::*;
use crate::{store::AuditFilter, tasks::Tasks};

async fn store() -> Store {
    Store::open("sqlite::memory:", &Tasks::default()).await.unwrap()
}

#[tokio::test]
async fn the_first_start_makes_a_token_and_shows_it_once() {
    let store = store().await;
    let shown = first_start(&store, None).await.unwrap().unwrap();
    assert!(shown.expose().starts_with("caisson_"));
    assert_eq!(shown.expose().len(), "caisson_".len() + 64);
    assert!(store.token_fetch(hash(&shown), Timestamp::now()).await.unwrap().is_some());
    assert_eq!(first_start(&store, None).await.unwrap(), None);
    assert_eq!(store.token_count().await.unwrap(), 1);
}

#[tokio::test]
async fn a_given_token_is_taken_at_every_start_and_a_changed_one_replaces_it() {
    let store = store().await;
    let given = Secret::new("0123456789abcdef");
    for _ in 0..2 {
        assert_eq!(first_start(&store, Some(&given)).await.unwrap(), None);
    }
    assert_eq!(store.token_count().await.unwrap(), 1);
    let another = Secret::new("fedcba9876543210");
    first_start(&store, Some(&another)).await.unwrap();
    let known = async |token: &Secret| store.token_fetch(hash(token), Timestamp::now()).await.unwrap();
    let admin = known(&another).await.unwrap();
    assert_eq!((admin.name.as_str(), admin.role), ("admin", Role::Admin));
    assert_eq!(known(&given).await, None, "the one before is worth nothing any more");
    assert_eq!(actions(&store).await, ["token.replace", "token.new"]);
    // Known by another name, and with an end: it is the admin's from now on.
    let hour = jiff::SignedDuration::from_hours(1);
    store.token_insert("ci", Role::Viewer, hash(&given), Some(Timestamp::now() + hour)).await.unwrap();
    first_start(&store, Some(&given)).await.unwrap();
    let stored = store.token_list().await.unwrap();
    assert_eq!(stored.len(), 1);
    assert_eq!((stored[0].name.as_str(), stored[0].role, stored[0].expires_at), ("admin", Role::Admin, None));
}

async fn actions(store: &Store) -> Vec<String> {
    let log = store.audit_list(&AuditFilter::default(), None, 10).await.unwrap().items;
    log.into_iter().map(|entry| entry.action).collect()
}

#[tokio::test]
async fn a_token_ends_when_it_expires_or_is_revoked_and_its_sessions_end_with_it() {
    let store = store().await;
    let server = Caller::server();
    let (now, hour) = (Timestamp::now(), jiff::SignedDuration::from_hours(1));
    let short = create(&store, &server, "short", Role::Viewer, Some(now + hour)).await.unwrap();
    let long = create(&store, &server, "long", Role::Member, None).await.unwrap();
    for (n, token) in [(1, &short), (2, &long)] {
        store.session_insert([n; 32], "anybody", hash(token), now + hour * 9).await.unwrap();
    }
    let lives = async |n: u8, token: &Secret, at: Timestamp| {
        let known = store.token_fetch(hash(token), at).await.unwrap().is_some();
        let session = store.session_token([n; 32], at).await.unwrap();
        known && session == Some(hash(token))
    };
    assert!(lives(1, &short, now).await && lives(2, &long, now).await);
    assert!(!lives(1, &short, now + hour).await && lives(2, &long, now + hour).await);

    let stored = list(&store, &server).await.unwrap();
    let named: Vec<_> = stored.iter().map(|it| (&*it.name, it.role)).collect();
    assert_eq!(named, [("short", Role::Viewer), ("long", Role::Member)]);
    revoke(&store, &server, &stored[1]).await.unwrap();
    assert_eq!(store.session_token([2; 32], now).await.unwrap(), None, "its session is gone with it");
    assert!(!lives(2, &long, now).await && lives(1, &short, now).await);
    assert_eq!(actions(&store).await, ["token.revoke", "token.new", "token.new"]);
}

#[tokio::test]
async fn a_token_that_can_be_guessed_or_not_be_sent_is_refused() {
    let store = store().await;
    for weak in ["", "short", "0123456789abcde", "with space 0123456789", "umlaut-ü-0123456789"] {
        let refused = first_start(&store, Some(&Secret::new(weak))).await.unwrap_err().to_string();
        assert!(refused.contains("at least 16 characters"), "{refused}");
    }
    assert_eq!(store.token_count().await.unwrap(), 0);
}

#[tokio::test]
async fn no_token_reaches_the_disk_in_clear() {
    let folder = tempfile::tempdir().unwrap();
    let tasks = Tasks::default();
    let url = format!("sqlite://{}?mode=rwc", folder.path().join("caisson.db").display());
    let store = Store::open(&url, &tasks).await.unwrap();
    let token = first_start(&store, None).await.unwrap().unwrap();
    assert!(tasks.drain(Duration::from_secs(5)).await);
    let files =
        std::fs::read_dir(folder.path()).unwrap().map(|file| std::fs::read(file.unwrap().path()).unwrap());
    let disk = files.collect::<Vec<_>>().concat();
    let holds = |text: &[u8]| disk.windows(text.len()).any(|window| window == text);
    assert!(holds(&hash(&token)), "the hash is there, so this looked in the right place");
    assert!(!holds(token.expose().trim_start_matches("caisson_").as_bytes()));
}

#[tokio::test]
async fn only_an_admin_manages_tokens() {
    let store = store().await;
    for role in [Role::Viewer, Role::Member] {
        let caller = Caller { role, ..Caller::server() };
        let refused = create(&store, &caller, "mine", Role::Admin, None).await.unwrap_err();
        assert!(matches!(refused, Error::Refused(api::error::ApiError::Forbidden { .. })), "{refused}");
        assert!(list(&store, &caller).await.is_err());
    }
    assert_eq!(store.token_count().await.unwrap(), 0);
}
