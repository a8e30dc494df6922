use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::PathBuf,
    sync::Mutex as Shared,
    time::SystemTime,
};

use api::Timestamp;
use axum::{
    Json, Router,
    extract::Request,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::post,
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinSet;

use super::*;
use crate::broker::{
    Broker, Settings,
    loopback::Loopback,
    meter::recorder::{Note, Recorder},
    model::tests::access,
};

const HOUR: i64 = 3_600_000;

/// The CLI's folder, a token server, and a model that takes the newest token only.
struct World {
    folder: TempDir,
    asked: Arc<Shared<Vec<Value>>>,
    tokens: Loopback,
}

impl World {
    /// A login that ends in so many milliseconds, and what the token server answers.
    async fn start(ends_in: i64, answer: fn(usize) -> Response) -> Self {
        let asked = Arc::new(Shared::new(Vec::new()));
        let keep = Arc::clone(&asked);
        let token = post(move |Json(body): Json<Value>| async move {
            let count = {
                let mut asked = keep.lock().unwrap();
                asked.push(body);
                asked.len()
            };
            // Long enough for others to ask meanwhile.
            tokio::time::sleep(Duration::from_millis(50)).await;
            answer(count)
        });
        let tokens = Loopback::serve(Router::new().route("/v1/oauth/token", token)).await;
        let world = Self { folder: tempfile::tempdir().unwrap(), asked, tokens };
        world.write("access-0", "refresh-0", ends_in);
        world
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join(".credentials.json")
    }

    fn write(&self, access: &str, refresh: &str, ends_in: i64) {
        let ends = Timestamp::now().as_millisecond() + ends_in;
        let login = json!({"accessToken": access, "refreshToken": refresh, "expiresAt": ends,
            "scopes": ["user:inference", "user:profile"], "subscriptionType": "max", "new": [1]});
        let all = json!({"mcpOAuth": {"x": 1}, "claudeAiOauth": login});
        fs::write(self.file(), all.to_string()).unwrap();
        fs::set_permissions(self.file(), fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn read(&self) -> Value {
        serde_json::from_slice(&fs::read(self.file()).unwrap()).unwrap()
    }

    fn open(&self) -> Login {
        let url = self.tokens.at("/v1/oauth/token");
        Login::open(self.folder.path(), url, reqwest::Client::new(), Tasks::default()).unwrap()
    }

    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

fn renewed(count: usize) -> Response {
    let (access, refresh) = (format!("access-{count}"), format!("refresh-{count}"));
    Json(json!({"access_token": access, "refresh_token": refresh, "expires_in": 28800, "token_type": "Bearer"}))
        .into_response()
}

fn dead(_: usize) -> Response {
    let why = json!({"error": "invalid_grant", "error_description": "refresh-0 is not known"});
    (StatusCode::BAD_REQUEST, Json(why)).into_response()
}

fn away(_: usize) -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, "refresh-0").into_response()
}

async fn shown(login: &Login) -> String {
    login.bearer().await.unwrap().to_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_login_that_is_good_is_shown_and_left_alone() {
    let world = World::start(HOUR, renewed).await;
    let before = world.read();
    assert_eq!(shown(&world.open()).await, "Bearer access-0");
    assert_eq!((world.asked(), world.read()), (0, before));
}

#[tokio::test]
async fn a_login_that_is_about_to_expire_is_renewed_once_and_written_back() {
    let world = World::start(60_000, renewed).await;
    let login = world.open();
    let mut all = JoinSet::new();
    for _ in 0..20 {
        let login = login.clone();
        all.spawn(async move { shown(&login).await });
    }
    assert!(all.join_all().await.iter().all(|bearer| bearer == "Bearer access-1"));
    assert_eq!(world.asked(), 1, "whoever else asked waited for it");
    let asked = world.asked.lock().unwrap()[0].clone();
    assert_eq!(asked["grant_type"], "refresh_token");
    assert_eq!(asked["refresh_token"], "refresh-0");
    assert_eq!(asked["scope"], "user:inference user:profile");
    let file = world.read();
    let written = &file["claudeAiOauth"];
    assert_eq!(
        (&written["accessToken"], &written["refreshToken"]),
        (&json!("access-1"), &json!("refresh-1"))
    );
    assert!(7 * HOUR < written["expiresAt"].as_i64().unwrap() - Timestamp::now().as_millisecond());
    assert_eq!(
        (&file["mcpOAuth"]["x"], &written["subscriptionType"], &written["new"]),
        (&json!(1), &json!("max"), &json!([1]))
    );
    assert_eq!(fs::metadata(world.file()).unwrap().permissions().mode() & 0o777, 0o600);
    let left = fs::read_dir(world.folder.path()).unwrap().count();
    assert_eq!(left, 1, "no lock and no draft stays behind");
}

#[tokio::test]
async fn two_servers_of_one_host_do_not_knock_each_other_out() {
    let world = World::start(60_000, renewed).await;
    let (one, other) = (world.open(), world.open());
    let (one, other) = tokio::join!(shown(&one), shown(&other));
    assert_eq!((one.as_str(), other.as_str(), world.asked()), ("Bearer access-1", "Bearer access-1", 1));
}

#[tokio::test]
async fn what_the_cli_has_renewed_itself_is_used() {
    let world = World::start(60_000, renewed).await;
    let login = world.open();
    world.write("access-of-cli", "refresh-of-cli", HOUR);
    assert_eq!(shown(&login).await, "Bearer access-of-cli");
    assert_eq!(world.asked(), 0);
}

#[tokio::test]
async fn a_renewal_waits_for_the_cli_and_takes_over_a_lock_that_was_left_behind() {
    let world = World::start(60_000, renewed).await;
    let lock = world.folder.path().join(".oauth_refresh.lock");
    fs::create_dir(&lock).unwrap();
    let login = world.open();
    let (bearer, ()) = tokio::join!(shown(&login), async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(world.asked(), 0, "the lock is held");
        world.write("access-of-cli", "refresh-of-cli", HOUR);
        fs::remove_dir(&lock).unwrap();
    });
    assert_eq!((bearer.as_str(), world.asked()), ("Bearer access-of-cli", 0));

    world.write("access-0", "refresh-0", 60_000);
    fs::create_dir(&lock).unwrap();
    let long_ago = SystemTime::now() - Duration::from_secs(120);
    fs::File::open(&lock).unwrap().set_modified(long_ago).unwrap();
    let login = world.open();
    assert_eq!(shown(&login).await, "Bearer access-1");
    assert!(!lock.exists());
}

#[tokio::test]
async fn a_file_behind_a_link_is_replaced_and_the_link_stays() {
    let world = World::start(60_000, renewed).await;
    let real = world.folder.path().join("real.json");
    fs::rename(world.file(), &real).unwrap();
    symlink(&real, world.file()).unwrap();
    assert_eq!(shown(&world.open()).await, "Bearer access-1");
    assert!(fs::symlink_metadata(world.file()).unwrap().is_symlink());
    assert!(fs::read_to_string(real).unwrap().contains("refresh-1"));
}

#[tokio::test]
async fn a_login_that_has_ended_says_so_once_and_holds_no_token() {
    let world = World::start(-1, dead).await;
    let login = world.open();
    for _ in 0..3 {
        let error = login.bearer().await.unwrap_err();
        assert!(matches!(error, Error::LoggedOut(_)));
        let text = format!("{error} {error:?} {:?}", login.current());
        assert!(text.contains("log in again with the CLI on the host"), "{text}");
        assert!(!text.contains("access-0") && !text.contains("refresh-0"), "{text}");
    }
    assert_eq!(world.asked(), 1, "a dead token is not shown again");
    world.write("access-new", "refresh-new", HOUR);
    assert_eq!(shown(&login).await, "Bearer access-new", "the person has logged in again");
}

#[tokio::test]
async fn a_token_server_that_is_away_does_not_end_a_token_that_is_good() {
    let world = World::start(60_000, away).await;
    assert_eq!(shown(&world.open()).await, "Bearer access-0");
    let world = World::start(-1, away).await;
    let error = world.open().bearer().await.unwrap_err();
    assert!(matches!(&error, Error::Unavailable(why) if why.contains("503") && !why.contains("refresh-0")));
}

#[tokio::test]
async fn a_folder_without_a_login_is_refused() {
    let world = World::start(HOUR, renewed).await;
    let url = || world.tokens.at("/");
    let open = || Login::open(world.folder.path(), url(), reqwest::Client::new(), Tasks::default());
    for content in ["", "{}", "[]", r#"{"claudeAiOauth": {"accessToken": ""}}"#, r#"{"claudeAiOauth": 1}"#] {
        fs::write(world.file(), content).unwrap();
        assert!(matches!(open(), Err(Error::LoggedOut(_))), "{content}");
    }
    fs::remove_file(world.file()).unwrap();
    assert!(matches!(open(), Err(Error::LoggedOut(_))));
}

/// A model that takes this token only, and repeats what it is shown.
async fn model(takes: &'static str) -> Loopback {
    let answer = move |request: Request| async move {
        let shown = request.headers()["authorization"].to_str().unwrap().to_owned();
        let status = if shown == takes { StatusCode::OK } else { StatusCode::UNAUTHORIZED };
        (status, Json(json!({"type": "error", "error": {"message": format!("you showed {shown}")}})))
    };
    Loopback::serve(Router::new().fallback(answer)).await
}

/// Asks a model through a broker with this login.
async fn ask(world: &World, takes: &'static str) -> (Vec<(u16, String)>, Vec<Note>) {
    let model = model(takes).await;
    let settings = Settings {
        claude_login: Some(world.folder.path().to_owned()),
        claude_login_token_url: Some(world.tokens.at("/v1/oauth/token")),
        base_url: Some(model.at("").to_string()),
        ..Settings::default()
    };
    let (broker, meter) = (Broker::new(&settings, Tasks::default()).unwrap(), Recorder::open());
    assert!(broker.describe().ends_with("with the login of the host's CLI"), "{}", broker.describe());
    let broker = Loopback::serve(broker.router(access("token", meter.clone()))).await;
    let mut answers = Vec::new();
    for _ in 0..2 {
        let call = reqwest::Client::new().post(broker.at("/v1/messages")).header("x-api-key", "token");
        let answer = call.body("{}").send().await.unwrap();
        answers.push((answer.status().as_u16(), answer.text().await.unwrap()));
    }
    (answers, meter.notes(0).await)
}

#[tokio::test]
async fn a_token_that_the_model_refuses_is_renewed_once_and_the_agent_tries_again() {
    let world = World::start(HOUR, renewed).await;
    let (answers, _) = ask(&world, "Bearer access-1").await;
    assert_eq!(answers[0].0, 503, "{answers:?}");
    assert!(answers[0].1.contains("try again"), "{answers:?}");
    assert_eq!(answers[1].0, 200, "{answers:?}");
    assert_eq!(world.asked(), 1);
}

#[tokio::test]
async fn a_model_that_refuses_every_token_ends_the_run() {
    let world = World::start(HOUR, renewed).await;
    let (answers, notes) = ask(&world, "Bearer nothing").await;
    assert_eq!((answers[0].0, answers[1].0), (503, 401), "{answers:?}");
    assert!(answers[1].1.contains("you showed Bearer ********"), "{answers:?}");
    assert_eq!(world.asked(), 1, "it was fresh");
    assert!(
        notes.iter().any(|note| matches!(note, Note::Refused(401, why) if !why.contains("access-1"))),
        "{notes:?}"
    );
}

#[tokio::test]
async fn a_login_that_has_ended_ends_the_run_with_a_sentence() {
    let world = World::start(-1, dead).await;
    let (answers, notes) = ask(&world, "Bearer nothing").await;
    assert_eq!(answers[0].0, 401);
    let error: Value = serde_json::from_str(&answers[0].1).unwrap();
    assert_eq!(error["error"]["type"], "authentication_error");
    assert!(answers[0].1.contains("log in again with the CLI on the host"));
    let told = |note: &Note| matches!(note, Note::Refused(401, why) if why.contains("log in again"));
    assert!(notes.iter().any(told), "{notes:?}");
}
