//! The HTTP interface: one short handler per path, every one but `/health` behind the token.

mod body;
mod link;

use std::sync::Arc;

use api::executor::{
    Ack, Checks, ChecksResult, Commit, CommitResult, Diff, DiffResult, EgressReport, Execute,
    ExecutionStatus, GitClone, Health, InitGit, InitGitResult, Input, Kept, Push, PushResult, SetEgress,
};
use axum::{
    Json, Router,
    body::Body,
    extract::{DefaultBodyLimit, Path, State},
    http::{StatusCode, header},
    middleware,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use bytes::Bytes;

use crate::{
    State as Shared, auth,
    checks::{self, Judge},
    identity,
    refusal::Refusal,
};
use body::{After, Fields};

/// The largest request; a prompt can hold a whole specification.
const LARGEST_BODY: usize = 16 << 20;

type Answer<T> = Result<Json<T>, Refusal>;
type Parts = State<Arc<Shared>>;

/// All paths.
pub(crate) fn router(state: Arc<Shared>) -> Router {
    Router::new()
        .route("/init-git", post(init_git))
        .route("/git-clone", post(git_clone))
        .route("/execute", post(execute))
        .route("/executions/{id}", get(status))
        .route("/executions/{id}/events", get(events))
        .route("/executions/{id}/ack", post(ack))
        .route("/executions/{id}/input", post(input))
        .route("/executions/{id}/cancel", post(cancel))
        .route("/checks", post(run_checks))
        .route("/commit", post(commit))
        .route("/kept", get(kept))
        .route("/kept/{name}", get(download))
        .route("/diff", post(diff))
        .route("/push", post(push))
        .route("/egress", get(egress).put(set_egress))
        .route("/link", get(link::attach))
        .route_layer(middleware::from_fn_with_state(state.clone(), auth::admit))
        .route("/health", get(health))
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .with_state(state)
}

async fn health(State(state): Parts) -> Json<Health> {
    Json(Health {
        status: "ok".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        firewall: state.config.firewall.as_str().to_owned(),
    })
}

async fn init_git(State(state): Parts, Fields(request): Fields<InitGit>) -> Response {
    let refused = |message: String| {
        let result = InitGitResult { success: false, message };
        (StatusCode::BAD_REQUEST, Json(result)).into_response()
    };
    let (author, keys) = match identity::check(&request) {
        Ok(checked) => checked,
        Err(why) => return refused(why.to_owned()),
    };
    if let Err(failure) = state.git.identify(author.clone()).await {
        return refused(failure.message);
    }
    // The author's name is part of the home that checks have; what an agent has put there since is not.
    if state.executions.is_empty()
        && let Err(error) = state.fresh.note().await
    {
        return refused(format!("what the home holds could not be noted: {error}"));
    }
    let message = format!("commits are made as {} <{}>; {keys}", author.name, author.email);
    state.identity.set(author);
    Json(InitGitResult { success: true, message }).into_response()
}

async fn git_clone(State(state): Parts, Fields(request): Fields<GitClone>) -> Response {
    let mut lines = state.git.clone_repository(request);
    ndjson(Body::from_stream(async_stream::stream! {
        while let Some(line) = lines.recv().await {
            let bytes = serde_json::to_vec(&line).map(|mut bytes| {
                bytes.push(b'\n');
                Bytes::from(bytes)
            });
            yield bytes;
        }
    }))
}

async fn execute(State(state): Parts, Fields(request): Fields<Execute>) -> Result<Response, Refusal> {
    // While checks run, or what was set aside for them is put back, the agent's home is not there.
    let _judging = state.git.judge().await;
    let execution = state.executions.start(request, state.identity.author().as_ref())?;
    Ok(ndjson(execution.follow()))
}

async fn events(State(state): Parts, Path(id): Path<String>, after: After) -> Result<Response, Refusal> {
    Ok(ndjson(state.executions.get(&id)?.events(after.0.unwrap_or_default())?))
}

async fn status(State(state): Parts, Path(id): Path<String>) -> Answer<ExecutionStatus> {
    Ok(Json(state.executions.get(&id)?.status(&id, &state.account)))
}

async fn ack(
    State(state): Parts,
    Path(id): Path<String>,
    Fields(Ack { n }): Fields<Ack>,
) -> Result<StatusCode, Refusal> {
    state.executions.get(&id)?.acknowledge(n);
    Ok(StatusCode::NO_CONTENT)
}

async fn input(
    State(state): Parts,
    Path(id): Path<String>,
    Fields(input): Fields<Input>,
) -> Result<StatusCode, Refusal> {
    state.executions.get(&id)?.give(&input)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn cancel(State(state): Parts, Path(id): Path<String>) -> Result<StatusCode, Refusal> {
    state.executions.get(&id)?.cancel();
    Ok(StatusCode::NO_CONTENT)
}

/// Who goes away does not want the answer: the check that runs is then killed.
async fn run_checks(State(state): Parts, Fields(request): Fields<Checks>) -> Answer<ChecksResult> {
    let expectations = checks::expectations(&request)?;
    let commit = checks::Commit::of(&state.config, request.commit.as_deref())?;
    let judging = state.git.judge().await;
    state.executions.check_idle()?;
    let stop = state.tasks.stop().child_token();
    let _gone = stop.clone().drop_guard();
    let (account, disk) = (state.account.clone(), state.disk.clone());
    let (fresh, git) = (state.fresh.clone(), state.git.clone());
    let judge = Judge { account, disk, fresh, git, commit, request, expectations, stop };
    let work = state.tasks.spawn("checks", async move {
        let _judging = judging;
        judge.run().await
    });
    let results =
        work.await.map_err(|error| Refusal::system("running the checks")(std::io::Error::other(error)))?;
    Ok(Json(ChecksResult { results }))
}

async fn commit(State(state): Parts, Fields(request): Fields<Commit>) -> Answer<CommitResult> {
    state.executions.check_idle()?;
    let author = state.identity.author();
    let author = author.ok_or_else(|| Refusal::Conflict("whose commit? call /init-git first".to_owned()))?;
    Ok(Json(state.git.commit(request, author).await?))
}

/// Also while the agent works: it reads only.
async fn diff(State(state): Parts, Fields(request): Fields<Diff>) -> Answer<DiffResult> {
    Ok(Json(state.git.diff(request).await?))
}

async fn push(State(state): Parts, Fields(request): Fields<Push>) -> Answer<PushResult> {
    Ok(Json(state.git.push(request).await?))
}

async fn kept(State(state): Parts) -> Answer<Kept> {
    Ok(Json(state.git.kept().await))
}

async fn download(State(state): Parts, Path(name): Path<String>) -> Result<Body, Refusal> {
    let file = state.git.open_kept(&name).await;
    let file = file.ok_or(Refusal::NotKept(name))?;
    Ok(Body::from_stream(tokio_util::io::ReaderStream::new(file)))
}

async fn set_egress(State(state): Parts, Fields(request): Fields<SetEgress>) -> Answer<EgressReport> {
    Ok(Json(state.egress.set(request).await?))
}

async fn egress(State(state): Parts, after: After) -> Answer<EgressReport> {
    Ok(Json(state.egress.report(after.0).await?))
}

fn ndjson(body: Body) -> Response {
    ([(header::CONTENT_TYPE, "application/x-ndjson")], body).into_response()
}
