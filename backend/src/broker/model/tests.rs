mod restricted;

use axum::body::{self, Body};
use serde_json::Value;
use tower::ServiceExt;

use super::*;
use crate::{
    broker::{Settings, meter::recorder::Recorder},
    tasks::Tasks,
};

/// The rights of a run with this token.
pub(in crate::broker) fn access(token: &str, meter: Arc<dyn Meter>) -> Access {
    Access {
        run: RunId::mint(),
        model_token: token.to_owned(),
        models: Vec::new(),
        readable: Vec::new(),
        repository: "https://example.com/a/b".parse().unwrap(),
        branch: "work".to_owned(),
        meter,
    }
}

/// The answer to a call, to a broker without any model credential.
async fn ask(method: &str, path: &str, headers: &[(&str, &str)]) -> (u16, Value) {
    let broker = Broker::new(&Settings::default(), Tasks::default()).unwrap();
    let router = router(broker, &access("token-of-this-run", Recorder::open()));
    let request = Request::builder().method(method).uri(path);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let answer = router.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let status = answer.status().as_u16();
    let body = body::to_bytes(answer.into_body(), usize::MAX).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

#[tokio::test]
async fn a_call_must_show_the_token_of_the_run() {
    for headers in [
        &[][..],
        &[("x-api-key", "token-of-another-run")],
        &[("x-api-key", "")],
        &[("authorization", "token-of-this-run")],
        &[("authorization", "Basic token-of-this-run")],
        &[("cookie", "token-of-this-run")],
    ] {
        for path in ["/v1/messages?beta=true", "/v1/messages/count_tokens", "/v1/anything"] {
            let (status, error) = ask("POST", path, headers).await;
            assert_eq!((status, &error["type"]), (401, &"error".into()), "{headers:?}");
            assert_eq!(error["error"]["type"], "authentication_error");
            assert_eq!(error["error"]["message"], "this is not the model token of this run");
        }
    }
}

#[tokio::test]
async fn without_a_credential_every_call_says_what_to_set() {
    for headers in [[("x-api-key", "token-of-this-run")], [("authorization", "Bearer token-of-this-run")]] {
        let (status, error) = ask("POST", "/v1/messages", &headers).await;
        assert_eq!((status, &error["error"]["type"]), (401, &"authentication_error".into()));
        assert!(error["error"]["message"].as_str().unwrap().contains("ANTHROPIC_API_KEY"), "{error}");
    }
}

#[tokio::test]
async fn only_the_known_calls_are_let_through() {
    for (method, path) in [
        ("GET", "/v1/messages"),
        ("POST", "/v1/models"),
        ("POST", "/v1/messages/"),
        ("POST", "/v1/messages/../files"),
        ("POST", "/v1/messages%2Fcount_tokens"),
        ("POST", "/v1/messages/batches"),
        ("GET", "/v1/organizations/api_keys"),
        ("GET", "/elsewhere"),
    ] {
        let (status, error) = ask(method, path, &[("x-api-key", "token-of-this-run")]).await;
        assert_eq!((status, &error["error"]["type"]), (404, &"not_found_error".into()), "{method} {path}");
    }
}

#[tokio::test]
async fn the_agent_may_ask_whether_there_is_a_way_out() {
    for path in ["/", "/api/hello"] {
        assert_eq!(ask("GET", path, &[]).await, (200, json!({"ok": true})));
        assert_eq!(ask("HEAD", path, &[]).await.0, 200);
    }
}

#[test]
fn a_run_without_a_token_has_no_access() {
    let headers = HeaderMap::from_iter([("x-api-key".parse().unwrap(), "".parse().unwrap())]);
    assert!(!shows(&headers, ""));
    assert!(!shows(&HeaderMap::new(), ""));
}
