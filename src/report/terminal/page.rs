//! Lines on a terminal: colour, wrapping, cutting.

use std::io;

use super::super::{View, escape};
use crate::findings::Severity;
use crate::gap::Status;

/// The narrowest terminal that lines are made for.
const NARROWEST: usize = 40;

/// What ends a cell that was cut.
const CUT: char = '…';

/// How a piece of a line is painted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Paint {
    /// Not at all.
    Plain,
    /// Act on it.
    Red,
    /// Not concluded, or not read.
    Yellow,
    /// A heading, an identity.
    Bold,
    /// A comment beside a command.
    Dim,
}

impl Paint {
    /// The code that starts it (ECMA-48, 8.3.117, "Select Graphic Rendition").
    fn code(self) -> Option<&'static str> {
        match self {
            Paint::Plain => None,
            Paint::Red => Some("\u{1b}[31m"),
            Paint::Yellow => Some("\u{1b}[33m"),
            Paint::Bold => Some("\u{1b}[1m"),
            Paint::Dim => Some("\u{1b}[2m"),
        }
    }

    /// Of a severity's word.
    pub(crate) fn of_severity(severity: Severity) -> Paint {
        match severity {
            Severity::Critical | Severity::High => Paint::Red,
            Severity::Medium | Severity::Low | Severity::Info => Paint::Plain,
        }
    }

    /// Of a status's mark.
    pub(crate) fn of_mark(status: Status) -> Paint {
        match status {
            Status::OutOfScope | Status::Unexplained => Paint::Red,
            Status::Unknown => Paint::Yellow,
            Status::Used
            | Status::Drift
            | Status::Stale
            | Status::Excess
            | Status::Shortfall
            | Status::NotGranted => Paint::Plain,
        }
    }
}

/// Ends any paint.
const RESET: &str = "\u{1b}[0m";

/// A line in the making. All text is escaped on its way in.
#[derive(Debug, Clone, Default)]
pub(crate) struct Line {
    pieces: Vec<(Paint, String)>,
    width: usize,
}

impl Line {
    /// An empty line.
    pub(crate) fn new() -> Line {
        Line::default()
    }

    /// Adds text.
    #[must_use]
    pub(crate) fn plain(self, text: &str) -> Line {
        self.paint(Paint::Plain, text)
    }

    /// Adds painted text.
    #[must_use]
    pub(crate) fn paint(mut self, paint: Paint, text: &str) -> Line {
        let text = escape::terminal(text);
        self.width += text.chars().count();
        self.pieces.push((paint, text));
        self
    }

    /// Adds spaces up to a column, at least `gap` of them if there is anything before.
    #[must_use]
    pub(crate) fn to(self, column: usize, gap: usize) -> Line {
        let gap = if self.width == 0 { 0 } else { gap };
        let spaces = column.saturating_sub(self.width).max(gap);
        self.plain(&" ".repeat(spaces))
    }

    /// How many columns it takes.
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    fn text(&self, color: bool) -> String {
        let mut out = String::new();
        let last = self.pieces.iter().rposition(|(_, text)| !text.trim_end().is_empty());
        for (at, (paint, text)) in self.pieces.iter().enumerate() {
            let text = match last {
                Some(last) if at < last => text.as_str(),
                Some(last) if at == last => text.trim_end(),
                _ => break,
            };
            match paint.code().filter(|_| color && !text.is_empty()) {
                Some(code) => {
                    out.push_str(code);
                    out.push_str(text);
                    out.push_str(RESET);
                }
                None => out.push_str(text),
            }
        }
        out
    }
}

/// A terminal that is written to.
pub(crate) struct Page<'a> {
    out: &'a mut dyn io::Write,
    color: bool,
    /// Columns.
    pub(crate) width: usize,
}

impl<'a> Page<'a> {
    pub(crate) fn new(out: &'a mut dyn io::Write, view: &View) -> Page<'a> {
        Page { out, color: view.color, width: view.width.max(NARROWEST) }
    }

    /// Writes a line.
    pub(crate) fn put(&mut self, line: &Line) -> io::Result<()> {
        writeln!(self.out, "{}", line.text(self.color))
    }

    /// Writes an empty line.
    pub(crate) fn blank(&mut self) -> io::Result<()> {
        writeln!(self.out)
    }

    /// Writes text after `first`, wrapped between words under the column at which it begins; two columns after
    /// `first` if that is already past the column.
    pub(crate) fn wrapped(&mut self, first: Line, column: usize, text: &str) -> io::Result<()> {
        let gap = if first.width() > column { 2 } else { 0 };
        let mut line = first.to(column, gap);
        let room = self.width.saturating_sub(line.width()).max(1);
        for part in wrap(text, room) {
            self.put(&line.plain(&part))?;
            line = Line::new().to(column, 0);
        }
        Ok(())
    }

    /// Writes two pieces beside each other if the line has room, else the second on a line of its own.
    pub(crate) fn beside(&mut self, first: Line, indent: usize, text: &str) -> io::Result<()> {
        if first.width() + 2 + escape::terminal(text).chars().count() <= self.width {
            return self.put(&first.plain("  ").plain(text));
        }
        self.put(&first)?;
        self.wrapped(Line::new(), indent, text)
    }

    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Lines of at most `width` columns, broken between words; a longer word stays whole. At least one line.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let text = escape::terminal(text);
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut columns = 0;
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let length = word.chars().count();
        if columns > 0 && columns + 1 + length > width {
            lines.push(std::mem::take(&mut line));
            columns = 0;
        }
        if columns > 0 {
            line.push(' ');
            columns += 1;
        }
        line.push_str(word);
        columns += length;
    }
    if !line.is_empty() || lines.is_empty() {
        lines.push(line);
    }
    lines
}

/// Text cut to `width` columns, and whether it was.
pub(crate) fn cut(text: &str, width: usize) -> (String, bool) {
    let text = escape::terminal(text);
    if text.chars().count() <= width {
        return (text, false);
    }
    let mut short: String = text.chars().take(width.saturating_sub(1)).collect();
    short.truncate(short.trim_end().len());
    short.push(CUT);
    (short, true)
}

/// Lines of a cell: wrapped between words, longer words cut, at most `most` lines; and whether any was cut.
pub(crate) fn cell(text: &str, width: usize, most: usize) -> (Vec<String>, bool) {
    let mut lines = wrap(text, width);
    let mut is_cut = false;
    if lines.len() > most {
        let rest = lines.split_off(most.max(1) - 1).join(" ");
        let (mut last, _) = cut(&rest, width);
        if !last.ends_with(CUT) {
            last.push(CUT);
        }
        lines.push(last);
        is_cut = true;
    }
    let lines = lines
        .iter()
        .map(|line| {
            let (line, was_cut) = cut(line, width);
            is_cut |= was_cut;
            line
        })
        .collect();
    (lines, is_cut)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrapping_breaks_between_words_only() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("a arn:aws:iam::1:role/long b", 6), ["a", "arn:aws:iam::1:role/long", "b"]);
        assert_eq!(wrap("", 6), [""]);
        assert_eq!(wrap("a\nb", 6), ["a\\nb"]);
    }

    #[test]
    fn cutting_is_marked() {
        assert_eq!(cut("secretsmanager", 8), ("secrets…".to_string(), true));
        assert_eq!(cut("secrets", 8), ("secrets".to_string(), false));
        let (lines, is_cut) = cell("one two three four", 5, 2);
        assert_eq!(
            (lines.as_slice(), is_cut),
            (&["one".to_string(), "two…".to_string()][..], true)
        );
        let (lines, is_cut) = cell("secretsmanager:Get on x", 8, 3);
        assert_eq!(lines, ["secrets…", "on x"]);
        assert!(is_cut);
    }

    #[test]
    fn paint_is_only_there_when_asked_for() {
        let line = Line::new().paint(Paint::Red, "high").to(6, 2).plain("x").to(20, 2);
        assert_eq!(line.text(false), "high  x");
        assert_eq!(line.text(true), "\u{1b}[31mhigh\u{1b}[0m  x");
    }
}
