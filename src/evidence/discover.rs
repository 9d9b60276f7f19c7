//! Paths as the user gives them into a sorted list of files.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use globset::{GlobBuilder, GlobMatcher};
use tempfile::TempPath;
use walkdir::WalkDir;

use crate::diagnostic::Diagnostic;

/// One evidence file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Where to open it.
    pub path: PathBuf,
    /// Its path as printed: `/`-separated, without a leading `./`, `-` for standard input.
    pub printed: String,
    /// The path argument that led to it, as given.
    pub argument: String,
    /// Its size as stored, in bytes.
    pub size: u64,
}

/// The evidence files of a run.
#[derive(Debug, Default)]
pub struct Discovered {
    /// The files, sorted by printed path: a file's number in this list is its [`crate::model::FileId`].
    pub files: Vec<Found>,
    /// What could not be looked at, in the order met; an argument that led to nothing is an error, the rest
    /// are warnings.
    pub problems: Vec<Diagnostic>,
    /// Copies of standard input and of pipes; they are removed when this is dropped.
    pub spooled: Vec<TempPath>,
}

/// Finds the files that paths name: files, folders (with hidden files, links followed, without `.git`), globs (`*`, `?`,
/// `[…]`, `{…}`, `**`) and `-` for standard input. A file that several paths lead to is listed once, by its
/// smallest printed path, so that the order of the paths does not matter.
pub fn discover(paths: &[PathBuf]) -> Discovered {
    let mut search = Search::default();
    for path in paths {
        search.argument(path);
    }
    let mut found: Vec<Found> = search.files.into_values().collect();
    found.sort_by(|left, right| (&left.printed, &left.path).cmp(&(&right.printed, &right.path)));
    Discovered { files: found, problems: search.problems, spooled: search.spooled }
}

#[derive(Default)]
struct Search {
    /// By real path.
    files: BTreeMap<PathBuf, Found>,
    problems: Vec<Diagnostic>,
    spooled: Vec<TempPath>,
}

impl Search {
    fn argument(&mut self, path: &Path) {
        if path.as_os_str() == "-" {
            self.spool(Box::new(io::stdin()), "-", path);
            return;
        }
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => {
                self.folder(path, path, None);
            }
            Ok(metadata) if metadata.is_file() => self.file(path, path, metadata.len()),
            // A pipe, as the shell makes for `<(command)`: it can be read only once.
            Ok(_) => match fs::File::open(path) {
                Ok(pipe) => self.spool(Box::new(pipe), &printed(path), path),
                Err(error) => self.missing(path, &error.to_string()),
            },
            Err(_) if is_glob(path) => self.glob(path),
            Err(error) => self.missing(path, &error.to_string()),
        }
    }

    fn missing(&mut self, path: &Path, why: &str) {
        self.problems.push(
            Diagnostic::error("evidence", format!("cannot be read: {why}"))
                .path(printed(path))
                .help("give a file, a folder, a glob, or - for standard input"),
        );
    }

    fn warn(&mut self, path: &Path, what: &str) {
        self.problems.push(Diagnostic::warning("evidence", what).path(printed(path)));
    }

    fn file(&mut self, path: &Path, argument: &Path, size: u64) {
        let real = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
        let found = Found {
            path: path.to_path_buf(),
            printed: printed(path),
            argument: argument.to_string_lossy().into_owned(),
            size,
        };
        let old = self.files.entry(real).or_insert_with(|| found.clone());
        if (&found.printed, &found.argument) < (&old.printed, &old.argument) {
            *old = found;
        }
    }

    /// Everything below a folder, or what of it a glob matches.
    fn folder(&mut self, folder: &Path, argument: &Path, matcher: Option<&GlobMatcher>) -> usize {
        let mut count = 0;
        let mut walk = WalkDir::new(folder).follow_links(true).sort_by_file_name().into_iter();
        while let Some(entry) = walk.next() {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    self.walk_error(folder, &error);
                    continue;
                }
            };
            let kind = entry.file_type();
            // What version control keeps is other states, not this one.
            if entry.depth() > 0 && entry.file_name() == ".git" {
                if kind.is_dir() {
                    walk.skip_current_dir();
                }
                continue;
            }
            let wanted = matcher.is_none_or(|matcher| matcher.is_match(clean(entry.path())));
            if kind.is_dir() {
                if matcher.is_some() && wanted {
                    count += self.folder(entry.path(), argument, None);
                    walk.skip_current_dir();
                }
            } else if !wanted {
                continue;
            } else if kind.is_file() {
                let size = entry.metadata().map_or(0, |metadata| metadata.len());
                self.file(entry.path(), argument, size);
                count += 1;
            } else {
                self.warn(entry.path(), "is neither a file nor a folder and was left out");
            }
        }
        count
    }

    fn walk_error(&mut self, folder: &Path, error: &walkdir::Error) {
        let path = error.path().unwrap_or(folder);
        if let Some(ancestor) = error.loop_ancestor() {
            let what = format!(
                "symbolic link loop: it leads back to {} and was not followed",
                printed(ancestor)
            );
            self.warn(path, &what);
            return;
        }
        let is_link =
            fs::symlink_metadata(path).is_ok_and(|metadata| metadata.file_type().is_symlink());
        let why = error.io_error().map_or_else(|| "unknown error".to_string(), ToString::to_string);
        if is_link {
            self.warn(path, &format!("symbolic link that leads nowhere: {why}"));
        } else {
            self.warn(path, &format!("cannot be read: {why}"));
        }
    }

    fn glob(&mut self, path: &Path) {
        let pattern = clean(path).to_string_lossy().replace('\\', "/");
        let glob =
            GlobBuilder::new(&pattern).literal_separator(true).backslash_escape(false).build();
        let matcher = match glob {
            Ok(glob) => glob.compile_matcher(),
            Err(error) => {
                self.missing(path, &format!("not a valid glob: {}", error.kind()));
                return;
            }
        };
        let base: PathBuf =
            path.components().take_while(|part| !is_glob(part.as_os_str().as_ref())).collect();
        let base = if base.as_os_str().is_empty() { PathBuf::from(".") } else { base };
        if !base.is_dir() || self.folder(&base, path, Some(&matcher)) == 0 {
            self.missing(path, "no file matches");
        }
    }

    /// Copies what can be read only once into a temporary file.
    fn spool(&mut self, mut from: Box<dyn io::Read>, name: &str, argument: &Path) {
        if self.files.values().any(|found| found.printed == name && name == "-") {
            return;
        }
        let copy = tempfile::NamedTempFile::new().and_then(|mut file| {
            let size = io::copy(&mut from, &mut file)?;
            Ok((file.into_temp_path(), size))
        });
        match copy {
            Ok((path, size)) => {
                let found = Found {
                    path: path.to_path_buf(),
                    printed: name.to_string(),
                    argument: argument.to_string_lossy().into_owned(),
                    size,
                };
                self.files.insert(path.to_path_buf(), found);
                self.spooled.push(path);
            }
            Err(error) => self.missing(argument, &error.to_string()),
        }
    }
}

fn is_glob(path: &Path) -> bool {
    path.to_string_lossy().contains(['*', '?', '[', '{'])
}

/// Without `.` components, as patterns and printed paths are.
fn clean(path: &Path) -> PathBuf {
    path.components().filter(|part| !matches!(part, Component::CurDir)).collect()
}

fn printed(path: &Path) -> String {
    let text = clean(path).to_string_lossy().into_owned();
    let text = if std::path::MAIN_SEPARATOR == '/' {
        text
    } else {
        text.replace(std::path::MAIN_SEPARATOR, "/")
    };
    if text.is_empty() { ".".to_string() } else { text }
}
