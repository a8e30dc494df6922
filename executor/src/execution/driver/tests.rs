//! What needs a disk or a line that no test can have for real.

use std::{path::Path, process::Stdio};

use tokio_util::sync::CancellationToken;

use super::*;
use crate::config::tests::config;

fn request() -> Execute {
    let request = serde_json::json!({
        "executionId": "a", "prompt": "p", "model": "m", "timeoutSeconds": 60, "modelToken": "t",
    });
    serde_json::from_value(request).unwrap()
}

fn driver(folder: &Path, spool: Spool) -> (Driver, Execution) {
    let config = config(folder);
    let account = Account::of(&config);
    let disk = Disk::of(&config, account.clone());
    Driver::new(account, spool, &request(), &config, disk)
}

#[tokio::test]
async fn a_full_disk_kills_the_agent_and_the_end_still_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let (driver, execution) = driver(folder.path(), Spool::on_a_full_disk());
    let mut command = driver.account.command("sh", "a");
    command.args(["-c", "while :; do echo line; done"]).stdout(Stdio::piped());
    let child = command.spawn().unwrap();
    driver.drive(child, "p".to_owned(), Tasks::new(CancellationToken::new())).await;
    assert!(!execution.runs());
    let body = axum::body::to_bytes(execution.follow(), usize::MAX).await.unwrap();
    let ExecutionLine::End { n: 1, exit, .. } = serde_json::from_slice(&body).unwrap() else {
        panic!("{body:?}");
    };
    assert_eq!(exit.cause, ExitCause::DiskFull);
}

#[tokio::test]
async fn a_line_that_was_cut_says_so_in_its_text_and_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.ndjson");
    let (mut driver, _execution) = driver(folder.path(), Spool::create(&path).unwrap());
    driver.stdout_line(Some(Line { text: "begun".to_owned(), dropped: 7 })).await;
    let text = std::fs::read_to_string(path).unwrap();
    let lines: Vec<ExecutionLine> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [ExecutionLine::Agent { line, .. }, ExecutionLine::Stderr { text, .. }] = &lines[..] else {
        panic!("{lines:?}");
    };
    assert_eq!(line.raw, "begun… [7 bytes cut]");
    assert_eq!(text, "a line of 12 bytes was cut after 5 bytes");
}

#[test]
fn a_tail_is_cut_at_a_character() {
    for (text, tail) in [("abc", "abc"), ("abcdef", "def"), ("abé€", "€"), ("€€", "€")] {
        let mut text = text.to_owned();
        keep_tail(&mut text, 3);
        assert_eq!(text, tail);
    }
}
