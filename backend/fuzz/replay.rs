//! Runs what the fuzz targets kept through the same functions: part of each crate's own tests, on the ordinary
//! compiler.

use std::{fs, path::PathBuf};

/// Calls the function with each kept input of this target. There must be some.
pub(crate) fn each(target: &str, check: fn(&[u8])) {
    let manifest = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    // Every crate lies in the repository, one or two folders deep.
    let corpus = manifest.ancestors().map(|folder| folder.join("backend/fuzz/corpus").join(target));
    let corpus = corpus.take(3).find(|folder| folder.is_dir()).expect("the target keeps no inputs");
    let mut files: Vec<PathBuf> = fs::read_dir(&corpus).unwrap().map(|file| file.unwrap().path()).collect();
    assert!(!files.is_empty(), "{} is empty", corpus.display());
    files.sort();
    for file in files {
        // A failure says by this which input it was.
        println!("{}", file.display());
        check(&fs::read(&file).unwrap());
    }
}
