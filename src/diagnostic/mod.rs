//! Errors and warnings: plain data, and one text renderer.
//!
//! A diagnostic says what, where, why and what to try. It never holds values of rejected records, which may be
//! secrets.

use std::cell::Cell;
use std::fmt::Write as _;

use crate::model::Place;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// The run went on without something.
    Warning,
    /// The run stopped.
    Error,
}

/// One error or warning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Level.
    pub level: Level,
    /// Area: `config`, `evidence`, `usage`.
    pub area: &'static str,
    /// What, in one line.
    pub message: String,
    /// Path of the file that it is about.
    pub path: Option<String>,
    /// Line and column in it, from 1.
    pub at: Option<(u32, u32)>,
    /// The source line, and the length of what to mark in it.
    pub source: Option<(String, usize)>,
    /// What stands under the mark.
    pub label: Option<String>,
    /// Facts.
    pub notes: Vec<String>,
    /// What to try.
    pub help: Option<String>,
}

impl Diagnostic {
    /// An error.
    pub fn error(area: &'static str, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(Level::Error, area, message.into())
    }

    /// A warning.
    pub fn warning(area: &'static str, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(Level::Warning, area, message.into())
    }

    fn new(level: Level, area: &'static str, message: String) -> Diagnostic {
        Diagnostic {
            level,
            area,
            message,
            path: None,
            at: None,
            source: None,
            label: None,
            notes: Vec::new(),
            help: None,
        }
    }

    /// Names the file.
    #[must_use]
    pub fn path(mut self, path: impl Into<String>) -> Diagnostic {
        self.path = Some(path.into());
        self
    }

    /// Names line and column, and shows the line out of the file's text with `length` bytes marked.
    #[must_use]
    pub fn at(mut self, text: &str, line: u32, column: u32, length: usize) -> Diagnostic {
        self.at = Some((line, column));
        self.source = text
            .lines()
            .nth(line.saturating_sub(1) as usize)
            .map(|source| (source.to_string(), length.max(1)));
        self
    }

    /// Says what is under the mark.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Diagnostic {
        self.label = Some(label.into());
        self
    }

    /// Adds a fact.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Diagnostic {
        self.notes.push(note.into());
        self
    }

    /// Says what to try.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Diagnostic {
        self.help = Some(help.into());
        self
    }

    /// The text for a terminal, with every value made harmless.
    pub fn render(&self) -> String {
        let word = match self.level {
            Level::Warning => "warning",
            Level::Error => "error",
        };
        let mut out = format!("{word}[{}]: {}\n", self.area, show(&self.message));
        let gutter = self.at.map_or(1, |(line, _)| line.to_string().len());
        let pad = " ".repeat(gutter);
        if let Some(path) = &self.path {
            let _ = match self.at {
                Some((line, column)) => writeln!(out, "{pad}--> {}:{line}:{column}", show(path)),
                None => writeln!(out, "{pad}--> {}", show(path)),
            };
        }
        if let (Some((line, column)), Some((source, length))) = (self.at, &self.source) {
            let before: String = source.chars().take(column.saturating_sub(1) as usize).collect();
            let label = self.label.as_deref().map(|label| format!(" {}", show(label)));
            let _ = writeln!(out, "{pad} |");
            let _ = writeln!(out, "{line} | {}", show(source));
            let _ = writeln!(
                out,
                "{pad} | {}{}{}",
                " ".repeat(show(&before).chars().count()),
                "^".repeat(*length),
                label.unwrap_or_default()
            );
        }
        for note in &self.notes {
            let _ = writeln!(out, "{pad} = note: {}", show(note));
        }
        if let Some(help) = &self.help {
            let _ = writeln!(out, "{pad} = help: {}", show(help));
        }
        out
    }
}

thread_local! {
    /// Whether a panic of this thread is caught and told as the fault of a file.
    static IS_CAUGHT: Cell<bool> = const { Cell::new(false) };
}

/// Runs a library's reader that panics on some damaged files; `None` if it did. A file must cost itself only.
pub fn caught<T>(work: impl FnOnce() -> T) -> Option<T> {
    IS_CAUGHT.set(true);
    let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).ok();
    IS_CAUGHT.set(false);
    done
}

/// Says of a panic that nobody catches what to do with it, and keeps quiet about those that [`caught`] catches.
pub fn tell_panics() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !IS_CAUGHT.get() {
            usual(panic);
        }
    }));
}

/// What stands in the place of a `#` behind another: `##[` and `##vso[` are commands of build systems, anywhere in a
/// line of a log.
pub const SECOND_HASH: &str = "\\u{23}";

/// Makes text harmless for a terminal: outside of one-column printable characters it is shown by its code, a
/// newline as `\n` (`docs/reports.md`, "Escaping").
///
/// A pipeline takes a line that begins with `::`, and `##[` anywhere in one, for a command (actions/runner,
/// `ActionCommand.cs`). Text may come to stand at the beginning of a line, so its first `::`, and one after a
/// space, loses its form, and so does a second `#`.
pub fn show(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            ':' if characters.peek() == Some(&':') && (out.is_empty() || out.ends_with(' ')) => {
                out.push_str("\\u{3a}");
            }
            '#' if out.ends_with('#') => out.push_str(SECOND_HASH),
            ' '..='~' => out.push(character),
            // Latin letters and signs of one column; the soft hyphen has none.
            '\u{a1}'..='\u{ac}' | '\u{ae}'..='\u{24f}' | '…' | '–' | '’' => {
                out.push(character)
            }
            other => {
                let _ = write!(out, "\\u{{{:x}}}", u32::from(other));
            }
        }
    }
    out
}

/// Shows a place with its file's path.
pub fn show_place(place: &Place, paths: &[String]) -> String {
    let path = paths.get(place.file as usize).map_or("?", String::as_str);
    show(&place.show(path))
}

/// The nearest of some words to a wrong one, if it is near enough to be meant.
pub fn nearest<'a>(wrong: &str, words: &[&'a str]) -> Option<&'a str> {
    let limit = 1 + wrong.chars().count() / 3;
    words
        .iter()
        .map(|word| (distance(&wrong.to_lowercase(), &word.to_lowercase()), *word))
        .min()
        .filter(|(steps, _)| *steps <= limit)
        .map(|(_, word)| word)
}

/// Edits (insert, delete, replace, swap of neighbours) between two words.
fn distance(left: &str, right: &str) -> usize {
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    let mut rows = vec![(0..=right.len()).collect::<Vec<usize>>()];
    for i in 1..=left.len() {
        let mut row = vec![i];
        for j in 1..=right.len() {
            let replace = rows[i - 1][j - 1] + usize::from(left[i - 1] != right[j - 1]);
            let mut best = replace.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[left.len()][right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_is_shown_not_obeyed() {
        assert_eq!(show("x ##[error]y"), "x #\\u{23}[error]y");
        assert_eq!(show("a\u{1b}[31mb\u{202e}\n部"), "a\\u{1b}[31mb\\u{202e}\\n\\u{90e8}");
    }

    #[test]
    fn no_text_begins_with_a_pipeline_command() {
        assert_eq!(show("::error::x"), "\\u{3a}:error::x");
        assert_eq!(show("  ::error file=a::x"), "  \\u{3a}:error file=a::x");
        assert_eq!(show("a ::warning::x"), "a \\u{3a}:warning::x");
        assert_eq!(show("a ##[error]x"), "a #\\u{23}[error]x");
        assert_eq!(show(":::"), "\\u{3a}::");
        assert_eq!(show("arn:aws:iam::1:role/a"), "arn:aws:iam::1:role/a");
    }

    #[test]
    fn nearest_word() {
        assert_eq!(nearest("timezome", &["days", "from", "timezone", "to"]), Some("timezone"));
        assert_eq!(nearest("actoins", &["actions", "resources"]), Some("actions"));
        assert_eq!(nearest("xyzzy", &["days", "from"]), None);
    }
}
