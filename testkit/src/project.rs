//! Files of the project, and models that are not part of it.

use std::path::{Path, PathBuf};

/// Folder of the models that the project ships.
pub const MODELS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../models");

/// Environment variable with a folder of models that are too large or not free enough to be
/// shipped.
pub const OUTSIDE: &str = "LEMMA_MODELS";

/// A file of the project, by its path from the root.
pub fn file(path: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .join(path)
        .to_str()
        .expect("the project lies at a path of text")
        .to_owned()
}

/// A file of [`MODELS`] or of the folder that [`OUTSIDE`] names; where it is in neither, a printed
/// line says what is skipped.
pub fn model_file(path: &str) -> Option<PathBuf> {
    let outside = std::env::var_os(OUTSIDE).map(PathBuf::from);
    let found = [PathBuf::from(MODELS)]
        .into_iter()
        .chain(outside)
        .map(|folder| folder.join(path))
        .find(|path| path.exists());
    if found.is_none() {
        println!("skipped: {path} is not in the folder that {OUTSIDE} names");
    }
    found
}
