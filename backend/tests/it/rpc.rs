//! What a caller may get wrong on `/rpc`, and what it is told; raw HTTP, because a typed client cannot be wrong.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::served::{Served, TOKEN, create_run, create_task};

/// An id that nothing has.
const NOBODY: &str = "019b7c1e-3a2e-7000-8000-000000000001";

/// Asserts that the call is refused as invalid, for this field.
async fn refused_for(server: &Served, method: &str, params: Value, field: &str) {
    let (code, data) = server.refusal(method, params).await;
    assert_eq!((code, &data["kind"], &data["field"]), (-32602, &json!("invalid"), &json!(field)), "{data}");
}

fn step(instructions: &str) -> Value {
    json!({ "instructions": instructions })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_call_is_told_what_is_wrong() {
    let server = Served::start(&[]).await;
    let (code, _) = server.refusal("tasks.destroy", json!({})).await;
    assert_eq!(code, -32601, "there is no such method");
    for (method, params, field) in [
        ("tasks.create", json!({ "name": 7, "steps": [step("x")] }), "name"),
        ("tasks.create", json!({ "name": "A", "steps": "x" }), "steps"),
        (
            "tasks.create",
            json!({ "name": "A", "steps": [{ "instructions": "x", "checks": [7] }] }),
            "steps[0].checks[0]",
        ),
        ("tasks.create", json!({ "name": "A", "steps": [step("x")], "surplus": 1 }), "surplus"),
        (
            "tasks.create",
            json!({ "name": "A", "steps": [{ "instructions": "x", "surplus": 1 }] }),
            "steps[0].surplus",
        ),
        ("tasks.create", json!({ "steps": [step("x")] }), "name"),
        ("tasks.create", Value::Null, "name"),
        ("runs.byId", json!({ "id": "7" }), "id"),
        ("runs.byId", json!([NOBODY]), "params"),
        ("runs.list", json!({ "state": "paused" }), "state"),
        ("system.status", json!({ "verbose": true }), "verbose"),
    ] {
        refused_for(&server, method, params, field).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn parameters_that_are_all_optional_may_be_absent() {
    let server = Served::start(&[]).await;
    let empty = json!({ "items": [], "next": null });
    for method in ["tasks.list", "runs.list", "instances.list"] {
        for params in [Value::Null, json!({}), json!([])] {
            assert_eq!(server.call(method, params.clone()).await["result"], empty, "{method} {params}");
        }
    }
    let null = r#"{"jsonrpc":"2.0","id":1,"method":"tasks.list","params":null}"#;
    assert_eq!(server.send(null).await.json::<Value>().await.expect("JSON")["result"], empty);
    assert_eq!(server.call("system.version", Value::Null).await["result"]["api"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_cannot_be_is_refused_and_not_stored() {
    let server = Served::start(&[]).await;
    let task = |steps: Vec<Value>| json!({ "name": "A", "steps": steps });
    for (params, field) in [
        (json!({ "name": " \t", "steps": [step("x")] }), "name"),
        (task(vec![]), "steps"),
        (task(vec![step("x"); 101]), "steps"),
        (task(vec![step("x"), step(" \n\t ")]), "steps[1].instructions"),
        (task(vec![step(&"x".repeat(1 << 20))]), "steps[0].instructions"),
        (task(vec![json!({ "instructions": "x", "checks": ["true", " "] })]), "steps[0].checks[1].run"),
    ] {
        refused_for(&server, "tasks.create", params, field).await;
    }
    assert_eq!(server.call("tasks.list", Value::Null).await["result"]["items"], json!([]));
    let most = server.call("tasks.create", task(vec![step("x"); 100])).await;
    assert_eq!(most["result"]["steps"].as_array().map(Vec::len), Some(100), "100 are allowed");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_call_is_answered_all_the_same() {
    let server = Served::start(&["--max-body=64k"]).await;
    for (body, code) in [
        ("{", -32700),
        ("", -32700),
        ("\u{0}", -32700),
        ("[]", -32600),
        (r#"{"jsonrpc":"2.0","id":1}"#, -32600),
        (r#"{"id":1,"method":"system.version"}"#, -32600),
    ] {
        let answer: Value = server.send(body).await.json().await.expect("JSON");
        assert_eq!(answer["error"]["code"], code, "{body:?}: {answer}");
    }
    let large = server.send("x".repeat(65 << 10)).await;
    assert_eq!(large.status(), StatusCode::PAYLOAD_TOO_LARGE);
    let large: Value = large.json().await.expect("JSON");
    assert_eq!(large["error"]["code"], -32008);
    assert_eq!(
        large["error"]["data"],
        json!({ "kind": "limit", "limit": "CAISSON_MAX_BODY", "value": 64 << 10 })
    );
    assert_eq!(server.call("system.version", Value::Null).await["result"]["api"], 1, "it goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_in_without_the_token() {
    let server = Served::start(&[]).await;
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"system.version"}"#;
    for request in
        [server.post(call), server.post(call).bearer_auth("caisson_wrong"), server.post(call).bearer_auth("")]
    {
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
        let answer: Value = answer.json().await.expect("JSON");
        assert_eq!((&answer["jsonrpc"], &answer["error"]["code"]), (&json!("2.0"), &json!(-32001)));
        assert!(!answer.to_string().contains("caisson_wrong"), "{answer}");
    }
    let bearer = format!("Bearer {TOKEN}");
    let strangers: [&[(&str, &str)]; 2] = [&[], &[("authorization", "Bearer caisson_wrong")]];
    for headers in strangers {
        let error = server.socket(headers).await.expect_err("no socket").to_string();
        assert!(error.contains("401"), "{error}");
    }
    let error = server.socket(&[("authorization", &bearer), ("origin", "https://evil.example")]).await;
    assert!(error.expect_err("a foreign page").to_string().contains("403"));
    let rebound = server.post(call).bearer_auth(TOKEN).header("host", "evil.example").send().await;
    assert_eq!(rebound.expect("an answer").status(), StatusCode::FORBIDDEN);
    let own = format!("http://{}", server.address);
    server.socket(&[("authorization", &bearer), ("origin", &own)]).await.expect("our own page");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_not_found() {
    let server = Served::start(&[]).await;
    let id = || json!({ "id": NOBODY });
    for (method, params, what) in [
        ("tasks.byId", id(), "task"),
        ("tasks.delete", id(), "task"),
        ("tasks.update", json!({ "id": NOBODY, "version": 1 }), "task"),
        ("tasks.allow", json!({ "id": NOBODY, "host": "git.example" }), "task"),
        ("runs.create", json!({ "taskId": NOBODY, "repository": "acme/web" }), "task"),
        ("runs.byId", id(), "run"),
        ("runs.messages", id(), "run"),
        ("runs.cancel", id(), "run"),
        ("runs.retry", id(), "run"),
        ("instances.get", id(), "instance"),
        ("instances.remove", id(), "instance"),
    ] {
        let (code, data) = server.refusal(method, params).await;
        assert_eq!(code, -32004, "{method}");
        assert_eq!(data, json!({ "kind": "not_found", "what": what, "id": NOBODY }), "{method}");
    }
    assert_eq!(server.call("runs.list", json!({ "taskId": NOBODY })).await["result"]["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_version_is_a_conflict() {
    let server = Served::start(&[]).await;
    let task = create_task(&server.client().await, "A task").await;
    for stale in [0, 2, -1] {
        let params = json!({ "id": task.id, "version": stale, "name": "Another" });
        let (code, data) = server.refusal("tasks.update", params).await;
        assert_eq!((code, &data["kind"]), (-32009, &json!("conflict")), "version {stale}");
    }
    let unchanged = server.call("tasks.byId", json!({ "id": task.id })).await;
    assert_eq!(
        (&unchanged["result"]["name"], &unchanged["result"]["version"]),
        (&json!("A task"), &json!(1))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_is_added_to_a_task_once_whoever_adds_others_beside_it() {
    let server = Served::start(&[]).await;
    let task = create_task(&server.client().await, "A task").await;
    let allow = |host: &str| server.call("tasks.allow", json!({ "id": task.id, "host": host }));
    let hosts: Vec<String> = (0..8).map(|n| format!("host-{n}.example")).collect();
    // All at once: each meets changes of the others.
    for answer in futures::future::join_all(hosts.iter().map(|host| allow(host))).await {
        assert!(answer["result"]["egress"].is_array(), "{answer}");
    }
    let again = allow(" HOST-3.example ").await;
    let mut egress: Vec<String> = serde_json::from_value(again["result"]["egress"].clone()).expect("hosts");
    egress.sort();
    assert_eq!(egress, hosts);
    assert_eq!(again["result"]["version"], 9, "what is there already changes nothing");
    let with_port = json!({ "id": task.id, "host": "2001:db8::1", "port": 8443 });
    let with_port = server.call("tasks.allow", with_port).await;
    assert_eq!(with_port["result"]["egress"][8], "[2001:db8::1]:8443");
    refused_for(&server, "tasks.allow", json!({ "id": task.id, "host": "https://a.example" }), "host").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_cannot_be_is_refused() {
    let server = Served::start(&[]).await;
    for method in ["tasks.list", "runs.list", "instances.list"] {
        for cursor in ["", "7", "../etc", "null"] {
            refused_for(&server, method, json!({ "cursor": cursor }), "cursor").await;
        }
        for limit in [json!(0), json!(501), json!(-1), json!(1.5), json!(4_294_967_296_u64)] {
            refused_for(&server, method, json!({ "limit": limit }), "limit").await;
        }
        let page = server.call(method, json!({ "limit": 500, "cursor": NOBODY })).await;
        assert_eq!(page["result"]["items"], json!([]), "{method}");
    }
    let run = create_run(&server.client().await).await;
    for (params, field) in [
        (json!({ "id": run.id, "limit": 0 }), "limit"),
        (json!({ "id": run.id, "limit": 1_001 }), "limit"),
        (json!({ "id": run.id, "after": -1 }), "after"),
        (json!({ "id": run.id, "after": 1_000_000 }), "after"),
        (json!({ "id": run.id, "after": i64::MAX }), "after"),
    ] {
        refused_for(&server, "runs.messages", params, field).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_is_that_of_the_wire() {
    let server = Served::start(&[]).await;
    let document = server.call("rpc.discover", Value::Null).await["result"].clone();
    let version = document["info"]["version"].as_str().expect("a version");
    assert_eq!(document, api::rpc::openrpc(version));
    assert_eq!(server.call("system.version", Value::Null).await["result"]["version"], version);
    for method in document["methods"].as_array().expect("methods") {
        // No parameters at all: each method of the document is there, whatever it then says.
        let name = method["name"].as_str().expect("a name");
        let answer = server.call(name, Value::Null).await;
        assert_ne!(answer["error"]["code"], -32601, "{name}");
    }
}
