//! Where reports go: standard output and files.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use super::Stop;
use crate::diagnostic::Diagnostic;
use crate::report::pipeline::Repository;

/// Writes to standard output; status 0.
pub(super) fn to_stdout(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<u8, Stop> {
    let mut out = BufWriter::new(io::stdout().lock());
    write(&mut out)?;
    out.flush()?;
    Ok(0)
}

/// Creates a file, so that a bad path fails before the work.
pub(super) fn create(path: &Path) -> Result<File, Stop> {
    File::create(path).map_err(|error| {
        Diagnostic::error("output", format!("cannot write {}: {error}", path.display()))
            .help("name a file in a folder that exists and that you may write")
            .into()
    })
}

/// Writes to a file that was created.
pub(super) fn to_file(
    path: &Path,
    file: File,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), Stop> {
    let mut out = BufWriter::new(file);
    write(&mut out).and_then(|()| out.flush()).map_err(|error| {
        Diagnostic::error("output", format!("cannot write {}: {error}", path.display())).into()
    })
}

/// The repository that the current folder is in: the nearest folder with a `.git`.
pub(super) fn repository() -> Option<Repository> {
    let here = std::env::current_dir().ok()?;
    let root = here.ancestors().find(|folder| folder.join(".git").exists())?;
    Some(Repository::new(root.to_str()?, here.to_str()?))
}

/// Width of the terminal, or of `COLUMNS`, or 100.
pub(super) fn width() -> usize {
    let columns = std::env::var("COLUMNS").ok().and_then(|text| text.parse().ok());
    columns.filter(|width| (40..=1_000).contains(width)).unwrap_or(100)
}
