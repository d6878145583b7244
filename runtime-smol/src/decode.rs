//! What a captured file says.
use crate::cli::Exit;
use std::path::PathBuf;

/// Decodes `files`.
pub(crate) fn run(files: &[PathBuf], json: bool) -> Exit {
    eprintln!("not yet: {files:?} {json}");
    Exit::Failed
}
