//! REST beside RPC: streams, downloads and figures, as `curl`, browsers and Prometheus see them.

use api::{event::Event, id::RunId, rpc::runs::RunsApiClient, stream::Frame};
use reqwest::{RequestBuilder, StatusCode, header};

use crate::served::{Served, TOKEN, create_run, ended};

/// A server and a run that is over.
async fn with_run() -> (Served, RunId, i64) {
    let server = Served::start(&[]).await;
    let client = server.client().await;
    let run = create_run(&client).await;
    let over = ended(&client, run.id).await;
    (server, run.id, over.last_seq)
}

/// One event of a stream: its name, its id and its data.
#[derive(Debug)]
struct Sent {
    name: String,
    id: Option<i64>,
    data: Frame,
}

/// Reads a stream to its end.
async fn sent(request: RequestBuilder) -> Vec<Sent> {
    let answer = request.bearer_auth(TOKEN).send().await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()[header::CONTENT_TYPE], "text/event-stream");
    let text = answer.text().await.expect("a whole stream");
    let field = |block: &str, name: &str| {
        let prefix = format!("{name}: ");
        block.lines().find_map(|line| line.strip_prefix(&prefix)).map(str::to_owned)
    };
    let blocks = text.split("\n\n").filter(|block| block.contains("data: "));
    let whole = |block: &str| Sent {
        name: field(block, "event").expect("a name"),
        id: field(block, "id").map(|id| id.parse().expect("a number")),
        data: serde_json::from_str(&field(block, "data").expect("data")).expect("a frame"),
    };
    blocks.map(whole).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_streamed_from_any_number_to_its_end() {
    let (server, run, last) = with_run().await;
    for after in 0..=last {
        let path = format!("/api/runs/{run}/events?after={after}");
        // What a browser has seen wins over the address it began with.
        for request in
            [server.get(&path), server.get(&format!("/api/runs/{run}/events")).header("last-event-id", after)]
        {
            if request.try_clone().expect("a request").build().expect("one").url().query().is_none()
                && after == last
            {
                let answer = request.bearer_auth(TOKEN).send().await.expect("an answer");
                assert_eq!(answer.status(), StatusCode::NO_CONTENT, "a browser stops here");
                continue;
            }
            let sent = sent(request).await;
            let ids: Vec<i64> = sent.iter().filter_map(|event| event.id).collect();
            assert_eq!(ids, (after + 1..=last).collect::<Vec<_>>(), "after {after}");
            let [.., caught_up, end] = sent.as_slice() else { panic!("{sent:?}") };
            assert_eq!((caught_up.name.as_str(), end.name.as_str()), ("caughtUp", "end"));
            assert_eq!((&caught_up.data, &end.data), (&Frame::CaughtUp { seq: last }, &Frame::End));
            for event in &sent[..sent.len() - 2] {
                let Frame::Item { event: item } = &event.data else { panic!("{event:?}") };
                assert_eq!((event.name.as_str(), event.id), ("item", Some(item.seq)));
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_streamed_is_refused() {
    let (server, run, _) = with_run().await;
    let nobody = "019b7c1e-3a2e-7000-8000-000000000001";
    let (events, log) = (format!("/api/runs/{run}/events"), format!("/api/runs/{nobody}/log"));
    for (path, status) in [
        (format!("{events}?after=-1"), StatusCode::BAD_REQUEST),
        (format!("{events}?after=1000000"), StatusCode::BAD_REQUEST),
        (format!("{events}?after=x"), StatusCode::BAD_REQUEST),
        (format!("{events}?before=1"), StatusCode::BAD_REQUEST),
        ("/api/runs/7/events".to_owned(), StatusCode::BAD_REQUEST),
        (log, StatusCode::NOT_FOUND),
        (format!("/api/runs/{run}/artifacts/changes.patch"), StatusCode::NOT_FOUND),
    ] {
        let answer = server.get(&path).bearer_auth(TOKEN).send().await.expect("an answer");
        assert_eq!(answer.status(), status, "{path}");
    }
    for path in
        [&events, "/metrics", &format!("/api/runs/{run}/log"), &format!("/api/runs/{run}/artifacts/x")]
    {
        let answer = server.get(path).send().await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_downloaded_whole() {
    let (server, run, _) = with_run().await;
    let answer =
        server.get(&format!("/api/runs/{run}/log")).bearer_auth(TOKEN).send().await.expect("an answer");
    assert_eq!(answer.headers()[header::CONTENT_TYPE], "application/x-ndjson");
    let name = format!("attachment; filename=\"run-{run}.ndjson\"");
    assert_eq!(answer.headers()[header::CONTENT_DISPOSITION], name);
    let text = answer.text().await.expect("a body");
    let events: Vec<Event> = text.lines().map(|line| serde_json::from_str(line).expect("an event")).collect();
    let page = RunsApiClient::messages(&server.client().await, run, None, None).await.expect("events");
    assert_eq!(events, page.items);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_artifact_is_downloaded_byte_for_byte_and_by_its_exact_name() {
    let (server, run, _) = with_run().await;
    let bytes: Vec<u8> = (0..=255).collect();
    server.store().await.artifact_put(run, "uncommitted.patch", bytes.clone()).await.expect("kept");
    let get = async |name: &str| {
        let path = format!("/api/runs/{run}/artifacts/{name}");
        server.get(&path).bearer_auth(TOKEN).send().await.expect("an answer")
    };
    let answer = get("uncommitted.patch").await;
    assert_eq!(answer.headers()[header::CONTENT_TYPE], "text/x-diff; charset=utf-8");
    assert_eq!(answer.headers()[header::CONTENT_DISPOSITION], "attachment; filename=\"uncommitted.patch\"");
    assert_eq!(answer.headers()[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
    assert_eq!(answer.bytes().await.expect("a body"), bytes);
    for other in ["Uncommitted.patch", "uncommitted", "..%2Funcommitted.patch", "%25"] {
        assert_eq!(get(other).await.status(), StatusCode::NOT_FOUND, "{other}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn prometheus_is_told_what_there_is() {
    let (server, _, last) = with_run().await;
    server.call("system.version", serde_json::Value::Null).await;
    server.call("no.such", serde_json::Value::Null).await;
    let answer = server.get("/metrics").bearer_auth(TOKEN).send().await.expect("an answer");
    let kind = answer.headers()[header::CONTENT_TYPE].to_str().expect("text").to_owned();
    assert!(kind.starts_with("application/openmetrics-text"), "{kind}");
    let text = answer.text().await.expect("a body");
    for line in [
        "caisson_runs{state=\"ended\"} 1",
        "caisson_runs{state=\"queued\"} 0",
        "caisson_runs_ended_total{outcome=\"failed\",reason=\"image_missing\"} 1",
        "caisson_slots 4.0",
        "caisson_queue_length 0.0",
        "caisson_database_up 1.0",
        &format!("caisson_events_stored_total {last}"),
        "caisson_rpc_calls_total{method=\"system.version\",code=\"0\"}",
        "caisson_rpc_calls_total{method=\"unknown\",code=\"-32601\"}",
        "caisson_rpc_call_duration_seconds_count{method=\"system.version\"}",
        "caisson_build_info{version=",
        "process_start_time_seconds ",
        "process_resident_memory_bytes ",
    ] {
        assert!(text.lines().any(|known| known.starts_with(line)), "{line} is not in\n{text}");
    }
    assert!(text.ends_with("# EOF\n") && text.matches("# EOF").count() == 1);
}
