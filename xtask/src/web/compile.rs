//! Compiles the frontend for wasm32: with rustup's target, or where that cannot be had, with Debian's compiler.

use std::{
    env, fs,
    io::Read,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};

const TARGET: &str = "wasm32-unknown-unknown";

/// How long the download of the target may take before the other way is tried.
const DOWNLOAD_LIMIT: Duration = Duration::from_secs(120);

/// Debian's tools, by path: the names may be rustup's shims.
const DEBIAN_CARGO: &str = "/usr/bin/cargo";
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
/// The source of the standard library, from the package `rust-web-src`.
const DEBIAN_STD: &str = "/usr/lib/rustlib/src/rust/library/Cargo.lock";

/// Compiles the frontend and returns the path of the wasm file.
pub(super) fn compile(root: &Path) -> Result<PathBuf> {
    // A folder of its own: other flags than the host's build, and no waiting for its lock.
    let target =
        env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |dir| root.join(dir)).join("web");
    let (way, mut cargo) = cargo(root)?;
    println!("web: compiling with {way}");
    cargo
        .args([
            "build",
            "--package",
            "frontend",
            "--bin",
            "frontend",
            "--profile",
            "wasm",
            "--target",
            TARGET,
        ])
        .arg("--target-dir")
        .arg(&target)
        .env("CARGO_ENCODED_RUSTFLAGS", rust_flags(root))
        .current_dir(root);
    let status = cargo.status().with_context(|| format!("cannot start {way}"))?;
    ensure!(status.success(), "the frontend does not compile");
    Ok(target.join(TARGET).join("wasm/frontend.wasm"))
}

/// The compiler's flags, as cargo wants them: in place of all others, with a separator that no path contains.
fn rust_flags(root: &Path) -> String {
    // Without reference types there is one table: of two, Debian's wasm-opt 108 exports the wrong one.
    // With erased components Leptos compiles each kind of view once rather than once for each place.
    let mut flags = vec!["-Ctarget-feature=-reference-types".to_owned(), "--cfg=erase_components".to_owned()];
    // Panics name source files: what is served must not show how the builder's machine is laid out.
    let mut remap =
        |from: &Path, to: &str| flags.push(format!("--remap-path-prefix={}={to}", from.display()));
    remap(root, "");
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| env::home_dir().map(|home| home.join(".cargo")));
    let sources = home.and_then(|home| fs::read_dir(home.join("registry/src")).ok());
    let mut folders: Vec<_> = sources.into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    folders.sort();
    for folder in folders {
        remap(&folder, "dependencies");
    }
    flags.join("\x1f")
}

/// The cargo to call, and its name for people.
fn cargo(root: &Path) -> Result<(&'static str, Command)> {
    if has_target(root) {
        return Ok(("the toolchain's own wasm32 target", Command::new("cargo")));
    }
    if add_target(root) && has_target(root) {
        return Ok(("the wasm32 target that rustup just added", Command::new("cargo")));
    }
    if [DEBIAN_CARGO, DEBIAN_RUSTC, DEBIAN_STD].iter().all(|path| Path::new(path).exists()) {
        return Ok(("Debian's rustc and -Zbuild-std", debian_cargo()));
    }
    bail!(
        "no way to compile for {TARGET}: `rustup target add {TARGET}` failed, and Debian's packages \
         rustc-web, cargo-web, rust-web-src and lld are not installed"
    )
}

/// Whether the compiler that cargo would use has the target's standard library.
fn has_target(root: &Path) -> bool {
    let libdir = Command::new("rustc")
        .args(["--print", "target-libdir", "--target", TARGET])
        .current_dir(root)
        .stderr(Stdio::null())
        .output();
    libdir.is_ok_and(|output| {
        output.status.success() && Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_dir()
    })
}

/// Asks rustup for the target, within a time limit; where there is no rustup or no way out, `false`.
fn add_target(root: &Path) -> bool {
    let rustup = Command::new("rustup")
        .args(["target", "add", TARGET])
        .current_dir(root)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut rustup) = rustup else { return false };
    let Some(mut stdout) = rustup.stdout.take() else { return false };
    let (ended, wait) = mpsc::channel();
    // Its end of output is its end; the thread goes with it.
    thread::spawn(move || {
        let _ = stdout.read_to_end(&mut Vec::new());
        let _ = ended.send(());
    });
    if wait.recv_timeout(DOWNLOAD_LIMIT).is_err() {
        println!("web: rustup gave no answer within {} s", DOWNLOAD_LIMIT.as_secs());
        let _ = rustup.kill();
    }
    rustup.wait().is_ok_and(|status| status.success())
}

fn debian_cargo() -> Command {
    let mut cargo = Command::new(DEBIAN_CARGO);
    cargo
        // What rustup's cargo left to its children would lead back to rustup's compiler.
        .env_remove("RUSTUP_TOOLCHAIN")
        .env_remove("CARGO")
        .env_remove("RUSTDOC")
        .env("RUSTC", DEBIAN_RUSTC)
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", "wasm-ld")
        .arg("-Zbuild-std=std,panic_abort");
    cargo
}
