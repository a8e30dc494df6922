//! The first page of a list, with one page's worth of rows in the tables and with a million.

use std::time::Instant;

use api::{id::RunId, rpc::runs::RunsApiClient};
use jsonrpsee::ws_client::WsClient;

use crate::{
    database::Kind,
    databases::insert_run,
    harness::World,
    report::{Report, Samples, Target},
    scale::Scale,
};

/// The rows of a page, and the rows there are at first.
const PAGE: u32 = 50;
/// How many times slower a page may be among a million rows.
const GROWTH: Target = Target::AtMost(2.0);

/// Reads the pages over a WebSocket of a real server, before and after the tables grow.
pub async fn measure(kind: &Kind, scale: Scale, report: &mut Report) {
    // How often each page is read, and the rows there are in the end.
    let (reads, rows) = (scale.of(40, 2), scale.of(1_000_000, 1_000));
    let name = kind.name();
    eprintln!("paging on {name}: {PAGE} rows, then {rows}");
    let fresh = kind.fresh().await;
    let mut runs = Vec::new();
    for _ in 0..PAGE {
        runs.push(insert_run(&fresh.store).await);
    }
    fresh.execute("UPDATE runs SET state = 'ended'").await;
    fresh.execute(&events(kind, "(SELECT id FROM runs ORDER BY id DESC LIMIT 1)", "n", PAGE)).await;
    let newest = runs[runs.len() - 1];
    let world = World::start(&[&format!("--database-url={}", fresh.url)]).await;
    let client = world.client().await;
    let few = pages(&client, newest, reads, rows / 2).await;
    fresh.execute(&more_runs(kind, rows)).await;
    fresh.execute(&events(kind, &id(kind, "n"), "1", rows)).await;
    fresh.execute("ANALYZE").await;
    let many = pages(&client, newest, reads, rows / 2).await;
    let label = ["runs.list", "runs.list from the middle", "runs.messages"];
    for ((label, few), many) in label.iter().zip(&few).zip(&many) {
        let few = samples(format!("{label}, {PAGE} rows, {name}"), few);
        let many = samples(format!("{label}, {rows} rows, {name}"), many);
        report.add(&few);
        report.add(&many);
        report.add_ratio(format!("{label}, growth, {name}"), &many, &few, Some(GROWTH));
    }
    drop(world);
    fresh.remove().await;
}

/// A statement that makes so many runs that are over, older than all others.
fn more_runs(kind: &Kind, count: u32) -> String {
    let columns = "task_id, task, repository, branch, state, usage, created_at";
    let (id, series) = (id(kind, "n"), series(kind, count));
    format!(
        "{series} INSERT INTO runs (id, {columns}) SELECT {id}, {columns} FROM series \
         CROSS JOIN (SELECT * FROM runs LIMIT 1) AS template"
    )
}

/// A statement that makes so many events.
fn events(kind: &Kind, run: &str, seq: &str, count: u32) -> String {
    let series = series(kind, count);
    format!(
        "{series} INSERT INTO run_events (run_id, seq, at, kind, data) \
         SELECT {run}, {seq}, 0, 'notice', '{{\"about\":\"test\",\"text\":\"x\"}}' FROM series"
    )
}

/// Numbers from 1 in the column `n`.
fn series(kind: &Kind, count: u32) -> String {
    match kind {
        Kind::Sqlite => format!(
            "WITH RECURSIVE series (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM series WHERE n < {count})"
        ),
        Kind::Postgres(_) => format!("WITH series (n) AS (SELECT generate_series(1, {count}))"),
    }
}

/// A run's id made of a number.
fn id(kind: &Kind, number: &str) -> String {
    match kind {
        Kind::Sqlite => format!("unhex(printf('%032x', {number}))"),
        Kind::Postgres(_) => format!("CAST(lpad(to_hex({number}), 32, '0') AS uuid)"),
    }
}

/// Milliseconds of each reading of each page; one begins at the run with this number.
async fn pages(client: &WsClient, newest: RunId, reads: usize, middle: u32) -> [Vec<f64>; 3] {
    let mut times = [const { Vec::new() }; 3];
    // Before the tables grow there is nothing in the middle, so that is the first page, too.
    let middle = RunId(uuid::Uuid::from_u128(u128::from(middle)));
    let rows =
        RunsApiClient::list(client, None, None, None, None, None, Some(middle.to_string()), Some(PAGE));
    let middle = (!rows.await.expect("a page").items.is_empty()).then(|| middle.to_string());
    for _ in 0..reads {
        for (cursor, times) in [None, middle.clone()].into_iter().zip(&mut times) {
            let begun = Instant::now();
            let page = RunsApiClient::list(client, None, None, None, None, None, cursor, Some(PAGE)).await;
            times.push(begun.elapsed().as_secs_f64() * 1e3);
            assert_eq!(page.expect("a page").items.len(), PAGE as usize);
        }
        let begun = Instant::now();
        let page = RunsApiClient::messages(client, newest, None, Some(PAGE)).await.expect("a page");
        times[2].push(begun.elapsed().as_secs_f64() * 1e3);
        assert_eq!(page.items.len(), PAGE as usize);
    }
    times
}

fn samples(name: String, values: &[f64]) -> Samples {
    let mut samples = Samples::new(name, "ms");
    values.iter().for_each(|&value| samples.push(value));
    samples
}
