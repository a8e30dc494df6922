//! Looks at the commits that are about to go out for what must not: files that forges refuse, credentials,
//! folders of dependencies.

use std::path::Path;

use api::executor::{GitFailure, Objection, ObjectionKind};

use super::{half_done::named, stage::Stage, theirs::path_of, unwanted};

/// How much of a file is looked at for a key, in bytes.
const HEAD: usize = 4096;

/// What must not go out with the commits that `head` has and these lack: lines of ids, each with `^`.
pub(super) fn objection(
    stage: &Stage,
    base: &str,
    head: &str,
    without: &[u8],
) -> Result<Option<Objection>, GitFailure> {
    let tips = [head.as_bytes(), b"\n", without].concat();
    let objects = stage.git.feed(["rev-list", "--objects", "--stdin"], &tips)?;
    let format = "--batch-check=%(objecttype) %(objectsize) %(objectname) %(rest)";
    let listed = stage.git.feed(["cat-file", format], &objects)?;
    let mut found = Vec::new();
    for line in listed.split(|byte| *byte == b'\n') {
        let mut words = line.splitn(4, |byte| *byte == b' ');
        let (Some(b"blob"), Some(size), Some(id), Some(path)) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            continue;
        };
        let size: u64 = String::from_utf8_lossy(size).parse().unwrap_or(0);
        let (id, path) = (String::from_utf8_lossy(id), path_of(path));
        if let Some(why) = why(stage, &path, &id, size)
            && !is_known(stage, base, &path)
        {
            found.push(format!("{} ({why})", path.to_string_lossy()));
        }
    }
    found.sort();
    found.dedup_by_key(|text| text.split(" (").next().map(str::to_owned));
    let text = format!(
        "Your commits hold what must not be pushed: {}. Take it out of the commits, also out of earlier ones (for \
         example `git reset --soft {base}`, `git restore --staged FILE`, `git commit`), and add an ignore rule.",
        named(found.clone())
    );
    Ok((!found.is_empty()).then_some(Objection { kind: ObjectionKind::Unwanted, text }))
}

fn why(stage: &Stage, path: &Path, id: &str, size: u64) -> Option<&'static str> {
    if unwanted::LARGEST < size {
        return Some("larger than 50 MB");
    }
    if unwanted::dependencies(Path::new("/nonexistent"), path).is_some() {
        return Some("made by a package manager");
    }
    let key_like = path.extension().is_some_and(|end| end == "pem" || end == "key")
        || path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"id_"));
    let content = || {
        let mut content = stage.git.read(["cat-file", "blob", id]).unwrap_or_default();
        content.truncate(HEAD);
        unwanted::by_content(&content)
    };
    unwanted::by_name(path).or_else(|| if key_like { content() } else { None })
}

/// Whether the repository had such a file, or its folder of dependencies, before the run.
fn is_known(stage: &Stage, base: &str, path: &Path) -> bool {
    let folder = unwanted::dependencies(Path::new("/nonexistent"), path).unwrap_or(path);
    stage.git.holds(["cat-file", "-e", &format!("{base}:{}", folder.to_string_lossy())], &[])
}
