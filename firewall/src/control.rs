//! The control line: the executor sets the policy, the gate answers and tells what it refused.

use std::{io::Result, sync::Arc};

use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader},
    sync::mpsc,
};

use crate::{
    border::Border,
    line::{FromGate, Notice, ToGate},
};

/// The longest line, in bytes. A policy of the most entries is shorter.
const LONGEST: u64 = 1 << 20;

/// Speaks with the executor until it closes its end. The policy stays as it is then.
///
/// # Errors
/// When the socket fails or a line has no end.
pub async fn serve(socket: impl AsyncRead + AsyncWrite, border: Arc<Border>) -> Result<()> {
    let (reader, mut writer) = tokio::io::split(socket);
    let (answers, mut answered) = mpsc::channel(1);
    border.denials.are_heard();
    let listen = listen(BufReader::new(reader), &border, answers);
    let speak = async {
        loop {
            let lines = tokio::select! {
                biased;
                answer = answered.recv() => match answer {
                    Some(answer) => vec![answer],
                    None => return Ok(()),
                },
                lines = border.denials.next() => lines,
            };
            for line in lines {
                let mut text = serde_json::to_vec(&line)?;
                text.push(b'\n');
                writer.write_all(&text).await?;
            }
        }
    };
    tokio::try_join!(listen, speak).map(drop)
}

async fn listen(
    mut reader: impl AsyncBufReadExt + Unpin,
    border: &Border,
    answers: mpsc::Sender<FromGate>,
) -> Result<()> {
    let mut line = Vec::new();
    loop {
        line.clear();
        (&mut reader).take(LONGEST).read_until(b'\n', &mut line).await?;
        if line.last() != Some(&b'\n') {
            // The executor's end is closed, or this is not the executor speaking.
            return Ok(());
        }
        let answer = match serde_json::from_slice(&line) {
            Ok(ToGate::Allow(entries)) => border.allow(&entries),
            Err(error) => FromGate::Notice {
                notice: Notice { text: format!("the firewall does not understand a line: {error}") },
            },
        };
        if answers.send(answer).await.is_err() {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::duplex;

    use super::*;
    use crate::own::Own;

    #[tokio::test]
    async fn a_policy_is_replaced_as_a_whole_and_answered_and_refusals_are_told() {
        let border = Arc::new(Border::new(Own::default()));
        let (ours, theirs) = duplex(1 << 16);
        let (reader, mut writer) = tokio::io::split(ours);
        let mut lines = BufReader::new(reader).lines();
        let talk = async {
            writer.write_all(b"{\"allow\":[\"Example.org\",\"tool:npm\",\"*\"]}\nrubbish\n").await.unwrap();
            let answer: serde_json::Value =
                serde_json::from_str(&lines.next_line().await.unwrap().unwrap()).unwrap();
            assert_eq!(answer["allowed"], serde_json::json!(["example.org"]));
            assert_eq!(answer["refused"][0]["entry"], "tool:npm");
            assert_eq!(answer["refused"][1]["entry"], "*");
            assert!(lines.next_line().await.unwrap().unwrap().contains("not understand"));
            let _ = border.denials.record("evil.example", Some(443), "not allowed", 4711);
            let denied: FromGate = serde_json::from_str(&lines.next_line().await.unwrap().unwrap()).unwrap();
            assert!(
                matches!(denied, FromGate::Denied { denied } if denied.count == 1 && denied.source_port == 4711)
            );
            writer.shutdown().await.unwrap();
        };
        let (served, ()) = tokio::join!(serve(theirs, Arc::clone(&border)), talk);
        served.unwrap();
        assert_eq!(border.policy().entries().len(), 1, "it stays in force");
    }
}
