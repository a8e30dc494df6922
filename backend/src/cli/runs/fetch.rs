//! What a run has left: its changes, its log as JSON, its artifacts.

use std::io::{self, Write};

use api::{
    id::RunId,
    rpc::runs::RunsApiClient,
    run::{FileChange, RunDiff},
};
use base64::Engine;
use serde_json::json;

use super::super::{
    client::Client,
    failure::Failure,
    ids,
    output::Output,
    render::{
        line::{Line, Tone},
        text,
    },
};

/// Prints what a run has changed: for people with colours, for a file as the patch itself.
pub(super) async fn diff(client: &Client, id: RunId, output: &Output) -> Result<(), Failure> {
    let diff = RunsApiClient::diff(&client.rpc, id).await?;
    if !output.is_json() && 0 < diff.left_out {
        output.note(&format!("{} files are not shown: the patch would be too large", diff.left_out));
    }
    if output.is_json() || output.is_watched() {
        return output.answer(&diff, lines);
    }
    raw(diff.patch.as_bytes())
}

fn lines(diff: &RunDiff) -> Vec<Line> {
    if diff.files.is_empty() {
        return vec![Line::flush().span(Tone::Dim, "no changes")];
    }
    let files = diff.files.iter().map(|file| {
        let FileChange { path, status, additions, deletions } = file;
        Line::flush().span(Tone::Bold, format!("{status:<11} {path}  +{additions} -{deletions}"))
    });
    let patch = diff.patch.lines().map(|line| {
        let tone = match line.as_bytes() {
            [b'+', b'+', b'+', ..] | [b'-', b'-', b'-', ..] => Tone::Bold,
            [b'+', ..] => Tone::Good,
            [b'-', ..] => Tone::Bad,
            [b'@', ..] => Tone::Accent,
            _ => Tone::Plain,
        };
        Line::flush().span(tone, line)
    });
    files.chain([Line::flush()]).chain(patch).collect()
}

/// Prints all events of a run so far, one JSON object a line.
pub(super) async fn log(client: &Client, id: RunId, output: &Output) -> Result<(), Failure> {
    let mut after = 0;
    loop {
        let page = RunsApiClient::messages(&client.rpc, id, Some(after), Some(ids::NEWEST)).await?;
        for event in &page.items {
            output.json_line(event)?;
        }
        match page.items.last() {
            Some(last) => after = last.seq,
            None => return Ok(()),
        }
    }
}

/// Prints what is kept of a run under this name: the bytes as they are, unless a person would see them.
pub(super) async fn artifact(client: &Client, id: RunId, name: &str, output: &Output) -> Result<(), Failure> {
    let mut answer = client.server.get(&["api", "runs", &id.to_string(), "artifacts", name]).await?;
    if !output.is_json() && !output.is_watched() {
        while let Some(chunk) = answer.chunk().await.map_err(|error| Failure::Cut(error.to_string()))? {
            raw(&chunk)?;
        }
        return Ok(());
    }
    let bytes = answer.bytes().await.map_err(|error| Failure::Cut(error.to_string()))?;
    if output.is_watched() && str::from_utf8(&bytes).is_err() {
        let why =
            format!("{name} is no text; write it to a file: caisson runs artifact {id} {name} > {name}");
        return Err(Failure::Usage(why));
    }
    let base64 = base64::prelude::BASE64_STANDARD.encode(&bytes);
    output.answer(&json!({ "name": name, "bytes": bytes.len(), "base64": base64 }), |_| {
        text::lines(&String::from_utf8_lossy(&bytes))
            .map(|row| Line::flush().span(Tone::Plain, row))
            .collect()
    })
}

fn raw(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    Ok(out.write_all(bytes).and_then(|()| out.flush())?)
}
