//! Runs what the fuzz targets kept through the same functions: part of each crate's own tests, on the ordinary
//! compiler.

use std::{fs, path::Path};

/// Calls the function with each kept input of this target.
///
/// # Panics
/// When the function does, or there is no input.
pub fn each(target: &str, check: fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let files = fs::read_dir(&corpus).expect("the target keeps inputs");
    let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    assert!(!files.is_empty(), "{} is empty", corpus.display());
    files.sort();
    for file in files {
        // A failure says by this which input it was.
        println!("{}", file.display());
        check(&fs::read(&file).unwrap());
    }
}
