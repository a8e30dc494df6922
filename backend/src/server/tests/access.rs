//! Who gets in: tokens, sessions, hosts and origins.

use super::*;

async fn error(response: Response) -> Value {
    response.json::<Value>().await.unwrap()["error"].clone()
}

async fn login(world: &World) -> String {
    let answer =
        world.post("/api/login").json(&json!({ "token": world.token.expose() })).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::NO_CONTENT);
    let cookie = answer.headers()["set-cookie"].to_str().unwrap().to_owned();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    cookie.split(';').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_call_without_a_token_is_refused_in_the_shape_of_json_rpc() {
    let world = World::start().await;
    for request in [world.post("/rpc"), world.post("/rpc").bearer_auth("caisson_wrong")] {
        let answer =
            request.json(&json!({ "jsonrpc": "2.0", "id": 7, "method": "add" })).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(answer.headers()["www-authenticate"], "Bearer");
        let body: Value = answer.json().await.unwrap();
        assert_eq!((&body["jsonrpc"], &body["id"]), (&json!("2.0"), &Value::Null));
        assert_eq!(body["error"]["code"], -32001);
        assert_eq!(body["error"]["data"]["kind"], "unauthenticated");
    }
}

#[tokio::test]
async fn rest_is_behind_the_same_gate() {
    let world = World::start().await;
    for path in ["/api/hello", "/api/session", "/api/no/such"] {
        assert_eq!(world.get(path).send().await.unwrap().status(), StatusCode::UNAUTHORIZED, "{path}");
    }
    let signed_in = |path| world.get(path).bearer_auth(world.token.expose()).send();
    assert_eq!(signed_in("/api/hello").await.unwrap().text().await.unwrap(), "hello");
    let session: Value = signed_in("/api/session").await.unwrap().json().await.unwrap();
    assert_eq!(session, json!({ "signedInBy": "token", "name": "admin", "role": "admin" }));
    let missing = signed_in("/api/no/such").await.unwrap();
    assert_eq!(missing.status(), StatusCode::NOT_FOUND);
    assert_eq!(error(missing).await["data"]["kind"], "not_found");
}

#[tokio::test]
async fn a_session_works_from_our_pages_until_it_is_ended() {
    let world = World::start().await;
    let cookie = login(&world).await;
    let origin = format!("http://{}", world.address);
    let call = |path: &str| {
        world.post(path).header("cookie", &cookie).json(&json!({
            "jsonrpc": "2.0", "id": 1, "method": "add", "params": [1, 2]
        }))
    };
    let unmeant = call("/rpc").send().await.unwrap();
    assert_eq!(unmeant.status(), StatusCode::FORBIDDEN, "no page of ours has sent this");
    let meant = call("/rpc").header("origin", &origin).send().await.unwrap();
    assert_eq!(meant.json::<Value>().await.unwrap()["result"], 3);
    let socket = world.socket(&[("cookie", &cookie), ("origin", &origin)]).await.unwrap();
    assert_eq!(socket.request::<u32, _>("add", rpc_params![2, 2]).await.unwrap(), 4);

    let logout = call("/api/logout").header("sec-fetch-site", "same-origin").send().await.unwrap();
    assert_eq!(logout.status(), StatusCode::NO_CONTENT);
    assert!(logout.headers()["set-cookie"].to_str().unwrap().contains("Max-Age=0"));
    let session = world.get("/api/session").header("cookie", &cookie).send().await.unwrap();
    assert_eq!(session.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn the_cookie_travels_over_tls_only_where_there_is_tls() {
    let world = World::start_with(|http| http.trusted_proxy = true).await;
    let answer =
        world.post("/api/login").json(&json!({ "token": world.token.expose() })).send().await.unwrap();
    let cookie = answer.headers()["set-cookie"].to_str().unwrap();
    assert!(cookie.starts_with("__Host-") && cookie.ends_with("; Secure"), "{cookie}");
    let value = cookie.split([';', '=']).nth(1).unwrap();
    let session = |name: &str| world.get("/api/session").header("cookie", format!("{name}={value}")).send();
    assert_eq!(session("__Host-caisson_session").await.unwrap().status(), StatusCode::OK);
    let planted = session("caisson_session").await.unwrap();
    assert_eq!(planted.status(), StatusCode::UNAUTHORIZED, "one that a neighbour may have set");
}

#[tokio::test]
async fn a_login_with_an_unknown_field_or_no_json_is_refused() {
    let world = World::start().await;
    let unknown = world.post("/api/login").json(&json!({ "token": "t", "user": "me" })).send().await.unwrap();
    assert_eq!(unknown.status(), StatusCode::BAD_REQUEST);
    assert!(error(unknown).await["message"].as_str().unwrap().contains("unknown field `user`"));
    let form = world.post("/api/login").body("token=t").send().await.unwrap();
    assert_eq!(form.status(), StatusCode::BAD_REQUEST, "what a foreign form can send is no login");
}

#[tokio::test]
async fn an_address_that_guesses_tokens_is_made_to_wait_and_the_right_token_is_not() {
    let world = World::start().await;
    let guess = || world.post("/api/login").json(&json!({ "token": "guess" })).send();
    for _ in 0..3 {
        assert_eq!(guess().await.unwrap().status(), StatusCode::UNAUTHORIZED);
    }
    let refused = guess().await.unwrap();
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(error(refused).await["data"]["value"], 3);
    let bearer = world.post("/rpc").bearer_auth("guess").send().await.unwrap();
    assert_eq!(bearer.status(), StatusCode::TOO_MANY_REQUESTS, "the other door is shut too");

    assert_eq!(world.call("add", json!([1, 2])).await["result"], 3, "the right token is let in");
    let cookie = login(&world).await;
    let session = world.get("/api/session").header("cookie", cookie).send().await.unwrap();
    assert_eq!(session.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_flood_of_wrong_tokens_and_cookies_shuts_nobody_out() {
    let world = World::start_with(|http| (http.calls_per_second, http.calls_burst) = (1, 5)).await;
    for n in 0..20 {
        let cookie = format!("caisson_session={n}");
        let refused = [
            world.post("/rpc").bearer_auth(format!("wrong{n}")).send().await.unwrap().status(),
            world.get("/api/session").header("cookie", cookie).send().await.unwrap().status(),
            world.get("/api/session").send().await.unwrap().status(),
        ];
        let is_refused =
            |it: &StatusCode| [StatusCode::UNAUTHORIZED, StatusCode::TOO_MANY_REQUESTS].contains(it);
        assert!(refused.iter().all(is_refused), "{refused:?}");
        world.get("/health").send().await.unwrap();
    }
    login(&world).await;
    assert_eq!(world.call("add", json!([1, 2])).await["result"], 3);
}

#[tokio::test]
async fn a_socket_from_another_origin_is_refused_even_with_a_token() {
    let world = World::start().await;
    let bearer = world.bearer();
    for origin in ["https://evil.example", "http://localhost:3000", "null"] {
        let refused = world.socket(&[("authorization", &bearer), ("origin", origin)]).await;
        assert!(refused.unwrap_err().to_string().contains("403"), "{origin}");
    }
    let strangers = world.socket(&[]).await;
    assert!(strangers.unwrap_err().to_string().contains("401"));
    let programs = world.socket(&[("authorization", &bearer)]).await.unwrap();
    assert_eq!(programs.request::<u32, _>("add", rpc_params![1, 1]).await.unwrap(), 2);
}

#[tokio::test]
async fn a_rebound_name_is_refused_everywhere() {
    let world = World::start().await;
    for path in ["/", "/health", "/rpc", "/api/session"] {
        let answer = world.get(path).header("host", "evil.example").send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{path}");
        assert_eq!(error(answer).await["data"]["kind"], "forbidden");
        let allowed = world.get(path).header("host", "caisson.example").send().await.unwrap();
        assert_ne!(allowed.status(), StatusCode::FORBIDDEN, "{path}");
    }
}
