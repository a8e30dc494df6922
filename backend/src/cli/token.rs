//! `caisson token` and `caisson migrate`: work on the database itself, on the server's own machine.

use std::{process::ExitCode, time::Duration};

use api::{Timestamp, role::Role};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{
    failure::Failure,
    output::Output,
    render::line::{Line, Tone},
    table::{Cell, table},
};
use crate::{
    app::tokens,
    auth,
    caller::Caller,
    config::Serve,
    store::{Store, StoredToken},
    tasks::Tasks,
};

/// How long the store may take to close.
const GRACE: Duration = Duration::from_secs(10);
/// The longest time for which a token can be made, in days; without a time it is for ever.
const MAX_DAYS: i64 = 36_500;

/// What to do with tokens.
#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Makes a token and shows it, this once.
    New(Box<New>),
    /// Lists the tokens: never they themselves, for only their hashes are known.
    List(Box<List>),
    /// Ends a token and every session that was begun with it, at once.
    Revoke(Box<Revoke>),
}

/// A new token.
#[derive(Debug, Args)]
pub(super) struct New {
    /// What it is for.
    #[arg(long)]
    name: String,
    /// What its holder may do: `viewer` reads, `member` works, `admin` manages secrets as well.
    #[arg(long, default_value_t = Role::Admin)]
    role: Role,
    /// In how many days it ends (1 to 36500); never if not given.
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(i64).range(1..=MAX_DAYS))]
    expires_days: Option<i64>,
    /// The server's settings; those of the data folder and the database matter.
    #[command(flatten)]
    serve: Serve,
}

/// All tokens.
#[derive(Debug, Args)]
pub(super) struct List {
    /// The server's settings; those of the data folder and the database matter.
    #[command(flatten)]
    serve: Serve,
}

/// A token that ends.
#[derive(Debug, Args)]
pub(super) struct Revoke {
    /// Its id, as `caisson token list` shows it.
    id: String,
    /// The server's settings; those of the data folder and the database matter.
    #[command(flatten)]
    serve: Serve,
}

/// The database to bring up to date.
#[derive(Debug, Args)]
pub(super) struct Migrate {
    /// The server's settings; those of the data folder and the database matter.
    #[command(flatten)]
    serve: Serve,
}

/// Does it.
pub(super) async fn run(verb: Verb, output: &Output) -> Result<ExitCode, Failure> {
    match verb {
        Verb::New(wanted) => new(*wanted, output).await,
        Verb::List(wanted) => list(*wanted, output).await,
        Verb::Revoke(wanted) => revoke(*wanted, output).await,
    }
}

async fn new(wanted: New, output: &Output) -> Result<ExitCode, Failure> {
    let New { name, role, expires_days, serve } = wanted;
    if name.trim().is_empty() {
        return Err(Failure::Usage("--name is blank: say what the token is for".to_owned()));
    }
    if name == tokens::ADMIN {
        let why = "--name: `admin` is the token of the server's settings; choose another name";
        return Err(Failure::Usage(why.to_owned()));
    }
    let day = jiff::SignedDuration::from_hours(24);
    let expires_at = expires_days.and_then(|days| i32::try_from(days).ok());
    let expires_at = expires_at.map(|days| Timestamp::now() + day * days);
    let token = on_store(serve, async |store| {
        tokens::create(store, &Caller::server(), &name, role, expires_at).await
    })
    .await?;
    output.note("Shown only this once:");
    output.answer(
        &json!({ "name": name, "role": role, "token": token.expose(), "expiresAt": expires_at }),
        |_| vec![Line::flush().span(Tone::Plain, token.expose())],
    )?;
    Ok(ExitCode::SUCCESS)
}

async fn list(wanted: List, output: &Output) -> Result<ExitCode, Failure> {
    let tokens = on_store(wanted.serve, async |store| tokens::list(store, &Caller::server()).await).await?;
    let shown: Vec<Value> = tokens.iter().map(described).collect();
    output.answer(&shown, |_| rows(&tokens))?;
    Ok(ExitCode::SUCCESS)
}

async fn revoke(wanted: Revoke, output: &Output) -> Result<ExitCode, Failure> {
    let Revoke { id, serve } = wanted;
    let revoked = on_store(serve, async |store| {
        let server = Caller::server();
        let token =
            tokens::list(store, &server).await?.into_iter().find(|token| auth::token_id(&token.hash) == id);
        if let Some(token) = &token {
            tokens::revoke(store, &server, token).await?;
        }
        Ok(token)
    });
    let Some(token) = revoked.await? else {
        let why = format!("there is no token {id}: `caisson token list` shows the ids");
        return Err(Failure::Usage(why));
    };
    if token.name == tokens::ADMIN {
        output.note("Where the settings give this token it comes back at the next start: change it there.");
    }
    output.answer(&described(&token), |_| {
        vec![Line::flush().span(Tone::Good, "✓ ").span(Tone::Plain, format!("{} is revoked", token.name))]
    })?;
    Ok(ExitCode::SUCCESS)
}

fn described(token: &StoredToken) -> Value {
    json!({
        "id": auth::token_id(&token.hash),
        "name": token.name,
        "role": token.role,
        "createdAt": token.created_at,
        "expiresAt": token.expires_at,
    })
}

fn rows(tokens: &[StoredToken]) -> Vec<Line> {
    let day = |at: Timestamp| at.strftime("%Y-%m-%d %H:%M").to_string();
    let row = |token: &StoredToken| {
        let end = match token.expires_at {
            None => "never".into(),
            Some(end) if end <= Timestamp::now() => Cell::toned(Tone::Bad, format!("{}, over", day(end))),
            Some(end) => day(end).into(),
        };
        let (id, role) = (auth::token_id(&token.hash), token.role.as_str());
        [id.into(), token.name.as_str().into(), role.into(), day(token.created_at).into(), end]
    };
    let heads = ["ID", "NAME", "ROLE", "MADE (UTC)", "ENDS (UTC)"];
    table(heads, tokens.iter().map(row).collect(), "there is no token yet")
}

/// Opening the store brings its schema up to date.
pub(super) async fn migrate(wanted: Migrate, output: &Output) -> Result<ExitCode, Failure> {
    on_store(wanted.serve, async |_| Ok(())).await?;
    output.answer(&json!({ "status": "migrated" }), |_| {
        vec![Line::flush().span(Tone::Good, "✓ ").span(Tone::Plain, "the database has this version's schema")]
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Opens the store, does this with it, and closes it.
async fn on_store<T>(
    serve: Serve,
    verb: impl AsyncFnOnce(&Store) -> Result<T, tokens::Error>,
) -> Result<T, Failure> {
    let config = serve.validate().map_err(|error| Failure::Usage(error.to_string()))?;
    let tasks = Tasks::default();
    let done = match Store::open(config.storage.database_url.expose(), &tasks).await {
        Ok(store) => verb(&store).await,
        Err(error) => Err(error.into()),
    };
    tasks.drain(GRACE).await;
    done.map_err(|error| Failure::Local(error.to_string()))
}
