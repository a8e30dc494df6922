//! What happens around a call: its parameters, its errors, its limits.

use super::*;

#[tokio::test]
async fn a_wrong_parameter_is_named() {
    let world = World::start().await;
    let answer = world.call("system.version", json!({ "verbose": true })).await;
    assert_eq!(answer["error"]["code"], -32602);
    assert_eq!(answer["error"]["data"]["kind"], "invalid");
    assert_eq!(answer["error"]["data"]["field"], "verbose");
    let positional = world.call("system.version", json!([1])).await;
    assert_eq!(positional["error"]["data"]["field"], "params");
    assert_eq!(world.call("system.version", json!({})).await["result"], "the version");
}

#[tokio::test]
async fn every_call_of_a_batch_is_checked_like_a_single_one() {
    let world = World::start().await;
    let call = |id: u32, params: Value| json!({ "jsonrpc": "2.0", "id": id, "method": "system.version", "params": params });
    let answers = world.rpc(json!([call(1, json!({ "x": 1 })), call(2, json!({})), 3])).await;
    assert_eq!(answers[0]["error"]["data"]["field"], "x");
    assert_eq!(answers[1]["result"], "the version");
    assert_eq!(answers[2]["error"]["code"], -32600);
    let many = world.rpc(Value::Array((0..101).map(|id| call(id, json!({}))).collect())).await;
    assert_eq!(many["error"]["code"], -32010, "{many}");
}

#[tokio::test]
async fn errors_of_the_rpc_library_have_our_shape() {
    let world = World::start().await;
    let invalid = world.call("add", json!(["one", "two"])).await;
    assert_eq!(invalid["error"]["code"], -32602);
    assert_eq!(invalid["error"]["data"]["field"], "params");
    let unknown = world.call("no.such", json!({})).await;
    assert_eq!(unknown["error"]["code"], -32601);
    let broken = world.call("fail", json!({})).await;
    assert_eq!(broken["error"]["data"]["kind"], "internal");
    assert!(!broken.to_string().contains("/secret"), "details stay in the log: {broken}");
}

#[tokio::test]
async fn a_subscription_over_plain_http_says_what_it_needs() {
    let world = World::start().await;
    let answer = world.call("ticks", json!({})).await;
    assert_eq!(answer["error"]["code"], -32602);
    assert!(answer["error"]["message"].as_str().unwrap().contains("WebSocket"), "{answer}");
}

#[tokio::test]
async fn one_subscription_too_many_is_refused_with_the_limit() {
    let world = World::start().await;
    let socket = world.socket(&[("authorization", &world.bearer())]).await.unwrap();
    let subscribe = || socket.subscribe::<u32, _>("ticks", rpc_params![], "ticksOff");
    let (_first, _second) = (subscribe().await.unwrap(), subscribe().await.unwrap());
    let refused = api::error::ApiError::of(&subscribe().await.err().unwrap());
    let limit = api::error::ApiError::Limit { limit: "CAISSON_MAX_SUBSCRIPTIONS".to_owned(), value: 2 };
    assert_eq!(refused, Some(limit));
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_refused_with_the_limit() {
    let world = World::start().await;
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "add", "params": ["x".repeat(70_000)] });
    let answer = world.post("/rpc").bearer_auth(world.token.expose()).json(&body).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
    let answer: Value = answer.json().await.unwrap();
    assert_eq!(answer["error"]["data"]["limit"], "CAISSON_MAX_BODY");
    assert_eq!(answer["error"]["data"]["value"], 64 << 10);
}

#[tokio::test]
async fn the_document_describes_every_method_of_the_wire() {
    let world = World::start().await;
    let answer = world.call("rpc.discover", json!({})).await;
    let methods = answer["result"]["methods"].as_array().unwrap();
    let names: Vec<_> = methods.iter().filter_map(|method| method["name"].as_str()).collect();
    for name in ["system.version", "runs.create", "runs.onMessage", "rpc.discover"] {
        assert!(names.contains(&name), "{name}");
    }
}
