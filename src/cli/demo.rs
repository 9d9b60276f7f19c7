//! `authgap demo`.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::{Args as ClapArgs, Parser};
use include_dir::{Dir, include_dir};

use super::{Global, Stop, analyze};
use crate::diagnostic::{Diagnostic, show};

/// The evidence of an invented company, as `scripts/make-demo.py` makes it.
static DEMO: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/fixtures/demo");

/// Arguments of `demo`.
#[derive(ClapArgs)]
pub(super) struct Args {
    /// Where to write the evidence: a new or empty folder, or one of an earlier demo
    #[arg(value_name = "DIR", default_value = "authgap-demo")]
    folder: PathBuf,
}

/// `analyze` with nothing but paths.
#[derive(Parser)]
struct Plain {
    #[command(flatten)]
    args: analyze::Args,
}

pub(super) fn run(args: &Args, global: Global) -> Result<u8, Stop> {
    let folder = &args.folder;
    if let Some(foreign) = foreign(folder, &DEMO) {
        let problem = format!("{} is not of the demo", foreign.display());
        return Err(Diagnostic::error("demo", problem)
            .note("nothing was written: the demo overwrites nothing")
            .help("name a folder that is new or empty: authgap demo DIR")
            .into());
    }
    write(folder, &DEMO).map_err(|error| {
        Diagnostic::error("demo", format!("{} cannot be written: {error}", folder.display()))
    })?;
    if !global.quiet {
        let shown = folder.display().to_string();
        eprintln!(
            "demo: evidence of an invented company in {0}; now: authgap analyze {0}",
            show(&shown)
        );
    }
    let words = ["analyze".into(), folder.as_os_str().to_owned()];
    match Plain::try_parse_from(words) {
        Ok(plain) => analyze::run(&plain.args, global),
        Err(error) => Err(Diagnostic::error("demo", error.to_string()).into()),
    }
}

/// Something in a folder that the demo would not write there, or would write otherwise.
fn foreign(folder: &Path, demo: &Dir<'_>) -> Option<PathBuf> {
    let Ok(metadata) = fs::symlink_metadata(folder) else { return None };
    if !metadata.is_dir() {
        return Some(folder.to_path_buf());
    }
    let mut found: Vec<PathBuf> =
        fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path()).collect();
    found.sort();
    found.into_iter().find_map(|path| {
        let name = path.file_name()?;
        let same = |entry: &&include_dir::DirEntry<'_>| entry.path().file_name() == Some(name);
        match demo.entries().iter().find(same) {
            Some(include_dir::DirEntry::Dir(inner)) => foreign(&path, inner),
            Some(include_dir::DirEntry::File(file)) => {
                let is_file = fs::symlink_metadata(&path).is_ok_and(|one| one.is_file());
                let is_same = is_file && fs::read(&path).is_ok_and(|now| now == file.contents());
                (!is_same).then_some(path)
            }
            None => Some(path),
        }
    })
}

/// Writes what is not there yet.
fn write(folder: &Path, demo: &Dir<'_>) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for entry in demo.entries() {
        let Some(name) = entry.path().file_name() else { continue };
        let path = folder.join(name);
        match entry {
            include_dir::DirEntry::Dir(inner) => write(&path, inner)?,
            include_dir::DirEntry::File(file) => match fs::File::create_new(&path) {
                Ok(mut new) => new.write_all(file.contents())?,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            },
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_is_written_once_and_overwrites_nothing() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("demo");
        assert_eq!(foreign(&folder, &DEMO), None);
        write(&folder, &DEMO).unwrap();
        let config = folder.join("authgap.yaml");
        let embedded = DEMO.get_file("authgap.yaml").unwrap().contents();
        assert_eq!(fs::read(&config).unwrap(), embedded);
        // Again: nothing is in the way, and what is gone comes back.
        fs::remove_file(&config).unwrap();
        assert_eq!(foreign(&folder, &DEMO), None);
        write(&folder, &DEMO).unwrap();
        assert_eq!(fs::read(&config).unwrap(), embedded);
        // A changed file and a foreign one are told.
        fs::write(&config, "identities: []\n").unwrap();
        assert_eq!(foreign(&folder, &DEMO), Some(config.clone()));
        fs::write(&config, embedded).unwrap();
        let mine = folder.join("aws").join("mine.txt");
        fs::write(&mine, "").unwrap();
        assert_eq!(foreign(&folder, &DEMO), Some(mine));
        assert_eq!(foreign(&config, &DEMO), Some(config));
    }
}
