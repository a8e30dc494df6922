//! What the Rust toolchain may lack: the wasm32 target, the formatter, the linter.
//! rustup's servers cannot be reached everywhere, so Debian's compiler is the second way to wasm32.

use std::{path::Path, process::Command};

use anyhow::{Result, bail};

use super::program;
use crate::run;

const WASM: &str = "wasm32-unknown-unknown";
/// How long rustup may take, in seconds: a network that swallows packets is no reason to wait for ever.
const RUSTUP_LIMIT: &str = "120";
/// Debian's compiler and what it compiles the standard library from: package and a file of it.
const DEBIAN_WASM: [(&str, &str); 4] = [
    ("rustc-web", "/usr/bin/rustc"),
    ("cargo-web", "/usr/bin/cargo"),
    ("rust-web-src", "/usr/lib/rustlib/src/rust/library/Cargo.lock"),
    ("lld", "/usr/bin/wasm-ld"),
];

/// Asks rustup for the wasm32 target if there is no compiler for it yet.
pub(super) fn add_wasm_target() {
    if has_wasm_target() || missing_for_debian().is_empty() {
        return;
    }
    match rustup(&["target", "add", WASM]) {
        Ok(_) => println!("machine: rustup added {WASM}"),
        Err(_) => println!("machine: rustup cannot add {WASM}; Debian's compiler is taken"),
    }
}

/// The packages that are missing to compile for wasm32 and to make the output small.
pub(super) fn missing_for_wasm() -> Vec<&'static str> {
    let mut missing = if has_wasm_target() { Vec::new() } else { missing_for_debian() };
    if program("wasm-opt").is_none() {
        missing.push("binaryen");
    }
    missing
}

fn missing_for_debian() -> Vec<&'static str> {
    DEBIAN_WASM.iter().filter(|(_, file)| !Path::new(file).exists()).map(|(package, _)| *package).collect()
}

fn has_wasm_target() -> bool {
    let folder = run::output(Command::new("rustc").args(["--print", "target-libdir", "--target", WASM]));
    folder.is_ok_and(|folder| Path::new(&folder).is_dir())
}

/// Has rustup install the formatter and the linter if they are missing.
///
/// # Errors
/// When they are missing and rustup cannot install them.
pub(super) fn ensure_lints() -> Result<()> {
    for (tool, component) in [("fmt", "rustfmt"), ("clippy", "clippy")] {
        if run::output(Command::new("cargo").args([tool, "--version"])).is_ok() {
            continue;
        }
        println!("machine: adding {component} with rustup");
        if let Err(error) = rustup(&["component", "add", component]) {
            bail!("`cargo {tool}` is missing, and rustup cannot add {component}: {error:#}");
        }
    }
    Ok(())
}

fn rustup(arguments: &[&str]) -> Result<String> {
    run::output(Command::new("timeout").arg(RUSTUP_LIMIT).arg("rustup").args(arguments))
}
