//! An app for tests of what needs all of it. It serves nothing and has no engine.

use std::path::Path;

use clap::Parser;

use super::App;
use crate::{Backend, config::Serve};

#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    serve: Serve,
}

/// An app with its data in this folder.
pub(crate) async fn app(folder: &Path) -> App {
    let folder = format!("--data-dir={}", folder.display());
    let model = concat!("--model=scripted:", env!("CARGO_MANIFEST_DIR"), "/scripts/demo.json");
    let arguments = Arguments::parse_from(["serve", &folder, model, "--listen=127.0.0.1:0"]);
    Backend::open(arguments.serve.validate().unwrap()).await.unwrap().app
}
