//! Sees to it that the folder of the web UI exists, so that the crate compiles before the UI is built.

use std::{env, fs, io, path::Path};

fn main() -> io::Result<()> {
    let manifest = env::var_os("CARGO_MANIFEST_DIR").ok_or_else(|| io::Error::other("not run by cargo"))?;
    let dist = Path::new(&manifest).join("../frontend/dist");
    fs::create_dir_all(&dist)?;
    println!("cargo:rerun-if-changed={}", dist.display());
    Ok(())
}
