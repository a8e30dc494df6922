//! Makes of one wasm file what a browser loads: glue, small wasm, style, names that change with the content.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use flate2::{Compression, write::GzEncoder};
use sha2::{Digest, Sha256};
use wasm_bindgen_cli_support::Bindgen;

/// What browsers have understood for years. Not `--all-features`: an old wasm-opt then writes its own drafts of
/// newer ones, which no browser loads.
const WASM_FEATURES: [&str; 5] = [
    "--enable-bulk-memory",
    "--enable-multivalue",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-sign-ext",
];

/// The files of the UI by name, not yet written.
pub(super) struct Files {
    files: BTreeMap<String, Vec<u8>>,
    /// What the browser downloads of the wasm file, in bytes.
    pub(super) wasm_gzipped: usize,
}

/// Makes the files of the UI out of the compiled wasm and the frontend's `style`, `index.html` and icon.
pub(super) fn pack(frontend: &Path, compiled: &Path) -> Result<Files> {
    let work = tempfile::tempdir()?;
    let glue = bind(compiled, work.path())?;
    let wasm = fs::read(optimize(&work.path().join("app_bg.wasm"))?)?;
    let wasm_gzipped = gzip(&wasm)?.len();

    let mut files = Files { files: BTreeMap::new(), wasm_gzipped };
    let app = files.add("app", ".js", glue);
    // The glue and the wasm belong together, so they share the glue's name and their own hash.
    let wasm = files.add("app", "_bg.wasm", wasm);
    let boot = format!("import init from \"/{app}\";\ninit({{ module_or_path: \"/{wasm}\" }});\n");
    let boot = files.add("boot", ".js", boot.into_bytes());
    let style = files.add("style", ".css", style(&frontend.join("style/index.css"))?.into_bytes());
    let icon = files.add("favicon", ".svg", fs::read(frontend.join("favicon.svg"))?);
    let mut index = fs::read_to_string(frontend.join("index.html"))?;
    for (place, name) in [("app", app), ("wasm", wasm), ("boot", boot), ("style", style), ("icon", icon)] {
        let place = format!("{{{{{place}}}}}");
        ensure!(index.contains(&place), "frontend/index.html does not mention {place}");
        index = index.replace(&place, &format!("/{name}"));
    }
    files.files.insert("index.html".to_owned(), index.into_bytes());
    Ok(files)
}

impl Files {
    /// Adds a file under a name with its hash and returns that name.
    fn add(&mut self, stem: &str, ending: &str, content: Vec<u8>) -> String {
        let hash = super::hex(&Sha256::digest(&content)[..6]);
        let name = format!("{stem}-{hash}{ending}");
        self.files.insert(name.clone(), content);
        name
    }

    /// Writes every file and its gzipped twin, `index.html` last, then removes what is no longer used.
    pub(super) fn publish(&self, dist: &Path) -> Result<()> {
        fs::create_dir_all(dist)?;
        let mut wanted = BTreeSet::new();
        let index_last = |(name, _): &(&String, &Vec<u8>)| name.as_str() == "index.html";
        let mut files: Vec<_> = self.files.iter().collect();
        files.sort_by_key(index_last);
        for (name, content) in files {
            let gzipped = format!("{name}.gz");
            replace(dist, &gzipped, &gzip(content)?)?;
            replace(dist, name, content)?;
            wanted.extend([gzipped, name.clone()]);
        }
        for entry in fs::read_dir(dist)? {
            let entry = entry?;
            if !wanted.contains(entry.file_name().to_string_lossy().as_ref()) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }
}

/// Puts a whole file in the place of an old one; a reader sees either.
fn replace(dist: &Path, name: &str, content: &[u8]) -> Result<()> {
    let mut file = tempfile::Builder::new().permissions(world_readable()).tempfile_in(dist)?;
    file.write_all(content)?;
    file.persist(dist.join(name)).with_context(|| format!("cannot write {name}"))?;
    Ok(())
}

fn world_readable() -> fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(0o644)
}

/// Runs wasm-bindgen in its library form, whose version is the lock file's; returns the glue.
fn bind(compiled: &Path, work: &Path) -> Result<Vec<u8>> {
    let mut bindgen = Bindgen::new();
    bindgen
        .input_path(compiled)
        .out_name("app")
        .web(true)?
        .typescript(false)
        .remove_name_section(true)
        .remove_producers_section(true)
        .omit_default_module_path(true)
        .generate(work)
        .context("wasm-bindgen failed")?;
    ensure!(!work.join("snippets").exists(), "a dependency wants a script of its own to be served");
    Ok(fs::read(work.join("app.js"))?)
}

/// Shrinks the wasm with `wasm-opt` where that is installed; returns the file to use.
fn optimize(wasm: &Path) -> Result<PathBuf> {
    if Command::new("wasm-opt").arg("--version").stdout(Stdio::null()).status().is_err() {
        println!("web: wasm-opt is not installed; the wasm stays larger than it could be");
        return Ok(wasm.to_owned());
    }
    let small = wasm.with_file_name("small.wasm");
    let status = Command::new("wasm-opt")
        .arg("-Oz")
        .args(WASM_FEATURES)
        .arg("-o")
        .args([small.as_path(), wasm])
        .status()?;
    ensure!(status.success(), "wasm-opt failed");
    Ok(small)
}

/// The style sheet with its `@import "file";` lines replaced by the files.
fn style(index: &Path) -> Result<String> {
    let text = fs::read_to_string(index).with_context(|| format!("cannot read {}", index.display()))?;
    let mut style = String::new();
    for line in text.lines() {
        match line.strip_prefix("@import \"").and_then(|rest| rest.strip_suffix("\";")) {
            Some(name) => style
                .push_str(&fs::read_to_string(index.with_file_name(name)).with_context(|| name.to_owned())?),
            None => style.push_str(line),
        }
        style.push('\n');
    }
    Ok(style)
}

fn gzip(content: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content)?;
    Ok(encoder.finish()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn publishing_replaces_what_is_stale_and_keeps_each_file_with_its_gzipped_twin() {
        let dist = tempfile::tempdir().unwrap();
        fs::write(dist.path().join("app-old.js"), "old").unwrap();
        let mut files = Files { files: BTreeMap::new(), wasm_gzipped: 0 };
        let name = files.add("app", ".js", b"new".to_vec());
        files.publish(dist.path()).unwrap();
        let mut found: Vec<_> = fs::read_dir(dist.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        found.sort();
        assert_eq!(found, [name.clone(), format!("{name}.gz")]);
        assert_eq!(fs::read(dist.path().join(name)).unwrap(), b"new");
    }

    #[test]
    fn a_name_changes_with_the_content() {
        let mut files = Files { files: BTreeMap::new(), wasm_gzipped: 0 };
        assert_ne!(files.add("a", ".css", b"1".to_vec()), files.add("a", ".css", b"2".to_vec()));
    }

    #[test]
    fn imports_become_part_of_the_style_sheet() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("index.css"), "@import \"tokens.css\";\np { margin: 0 }").unwrap();
        fs::write(folder.path().join("tokens.css"), ":root {}").unwrap();
        assert_eq!(style(&folder.path().join("index.css")).unwrap(), ":root {}\np { margin: 0 }\n");
    }
}
