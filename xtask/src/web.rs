//! `cargo xtask web`: builds the browser's part and puts what the server embeds into `frontend/dist`.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};

mod compile;
mod pack;

/// Changes when this recipe changes, so that old output is made again.
const RECIPE: &str = "6";

/// Where the fingerprint of the sources is kept; written last, so an interrupted build is done again.
const FINGERPRINT: &str = ".fingerprint";

/// The most that the gzipped wasm may weigh, in bytes: a budget is only one if exceeding it fails.
const BUDGET: usize = 600 * 1024;

/// Builds the UI into `frontend/dist`; does nothing when no source changed.
///
/// # Errors
/// No way to compile for wasm32, a compile error, a broken tool, or a wasm file over its budget.
pub(crate) fn build(root: &Path) -> Result<()> {
    let started = Instant::now();
    let dist = root.join("frontend/dist");
    let fingerprint = fingerprint(root)?;
    if is_current(&dist, &fingerprint) {
        println!("web: nothing changed");
        return Ok(());
    }
    let compiled = compile::compile(root)?;
    let files = pack::pack(&root.join("frontend"), &compiled)?;
    let weight = files.wasm_gzipped;
    println!("web: {} KB of wasm, gzipped (the budget is {} KB)", weight.div_ceil(1024), BUDGET / 1024);
    ensure!(weight <= BUDGET, "the gzipped wasm weighs {weight} bytes, more than the budget of {BUDGET}");
    files.publish(&dist)?;
    fs::write(dist.join(FINGERPRINT), fingerprint).context("cannot store the fingerprint of the sources")?;
    println!("web: {} built in {} s", dist.display(), started.elapsed().as_secs());
    Ok(())
}

fn is_current(dist: &Path, fingerprint: &str) -> bool {
    dist.join("index.html").is_file()
        && fs::read_to_string(dist.join(FINGERPRINT)).is_ok_and(|stored| stored == fingerprint)
}

/// A hash over everything the output is made of: names and contents.
fn fingerprint(root: &Path) -> Result<String> {
    let mut files = vec![root.join("Cargo.lock"), root.join("Cargo.toml")];
    for folder in ["frontend/src", "frontend/style", "backend/api/src"] {
        collect_files(&root.join(folder), &mut files)?;
    }
    for file in
        ["frontend/Cargo.toml", "frontend/index.html", "frontend/favicon.svg", "backend/api/Cargo.toml"]
    {
        files.push(root.join(file));
    }
    files.sort();
    let mut hash = Sha256::new_with_prefix(RECIPE);
    for file in files {
        let content = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let name = file.strip_prefix(root).unwrap_or(&file);
        hash.update(name.to_string_lossy().as_bytes());
        hash.update((content.len() as u64).to_le_bytes());
        hash.update(&content);
    }
    Ok(hex(&hash.finalize()))
}

fn collect_files(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            collect_files(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fingerprint_changes_with_a_source_and_with_nothing_else() {
        let root = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        for name in ["Cargo.lock", "Cargo.toml", "frontend/Cargo.toml", "frontend/index.html"] {
            write(name, name);
        }
        for name in ["frontend/favicon.svg", "backend/api/Cargo.toml", "backend/api/src/lib.rs"] {
            write(name, name);
        }
        write("frontend/src/pages/home.rs", "one");
        write("frontend/style/index.css", "");
        let before = fingerprint(root.path()).unwrap();
        write("frontend/dist/index.html", "output");
        write("backend/src/lib.rs", "not part of the UI");
        assert_eq!(fingerprint(root.path()).unwrap(), before);
        write("frontend/src/pages/home.rs", "two");
        assert_ne!(fingerprint(root.path()).unwrap(), before);
    }
}
