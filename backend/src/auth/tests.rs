//! The first token, and what of it reaches the disk.

use std::time::Duration;

use super::*;
use crate::tasks::Tasks;

async fn store() -> Store {
    Store::open("sqlite::memory:", &Tasks::default()).await.unwrap()
}

#[tokio::test]
async fn the_first_start_makes_a_token_and_shows_it_once() {
    let store = store().await;
    let shown = first_start(&store, None).await.unwrap().unwrap();
    assert!(shown.expose().starts_with("caisson_"));
    assert_eq!(shown.expose().len(), "caisson_".len() + 64);
    assert!(store.token_name(hash(&shown)).await.unwrap().is_some());
    assert_eq!(first_start(&store, None).await.unwrap(), None);
    assert_eq!(store.token_count().await.unwrap(), 1);
}

#[tokio::test]
async fn a_given_token_is_taken_at_every_start_and_stored_once() {
    let store = store().await;
    let given = Secret::new("0123456789abcdef");
    for _ in 0..2 {
        assert_eq!(first_start(&store, Some(&given)).await.unwrap(), None);
    }
    assert_eq!(store.token_count().await.unwrap(), 1);
    let another = Secret::new("fedcba9876543210");
    first_start(&store, Some(&another)).await.unwrap();
    assert!(store.token_name(hash(&another)).await.unwrap().is_some(), "a new one is added");
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
