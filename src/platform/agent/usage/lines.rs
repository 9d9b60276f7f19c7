//! Finding the lines that matter in a long text: those that hold a needle; the others are only counted.

use memchr::memmem::Finder;
use memchr::{memchr, memchr_iter, memrchr};

use crate::platform::events::UnwrapError;
use crate::platform::json::{Items, skip_space, value_end};

/// A line with its number.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line<'a> {
    /// Its number, from 1.
    pub(super) number: u64,
    /// Its bytes, without the line end.
    pub(super) text: &'a [u8],
    /// Whether the text ends with it: an open log's last line may be cut.
    pub(super) is_last: bool,
}

/// The lines of a text that hold a needle, in order.
pub(super) struct Lines<'a, 'n> {
    text: &'a [u8],
    finder: Finder<'n>,
    at: usize,
    number: u64,
}

impl<'a, 'n> Lines<'a, 'n> {
    /// Lines with this needle; with an empty one all lines that are not blank.
    pub(super) fn with(text: &'a [u8], needle: &'n [u8]) -> Lines<'a, 'n> {
        Lines { text, finder: Finder::new(needle), at: 0, number: 1 }
    }
}

impl<'a> Iterator for Lines<'a, '_> {
    type Item = Line<'a>;

    fn next(&mut self) -> Option<Line<'a>> {
        loop {
            let rest = self.text.get(self.at..).filter(|rest| !rest.is_empty())?;
            let hit = self.finder.find(rest)?;
            let before = rest.get(..hit)?;
            let start = memrchr(b'\n', before).map_or(0, |at| at + 1);
            let end = memchr(b'\n', rest.get(hit..)?).map(|at| hit + at);
            let number = self.number + memchr_iter(b'\n', before.get(..start)?).count() as u64;
            let text = rest.get(start..end.unwrap_or(rest.len()))?.trim_ascii();
            self.number = number + 1;
            self.at += end.map_or(rest.len(), |end| end + 1);
            if !text.is_empty() {
                let is_last =
                    self.text.get(self.at..).is_none_or(|rest| rest.trim_ascii().is_empty());
                return Some(Line { number, text, is_last });
            }
        }
    }
}

/// Hands over the JSON values of a text: each line if the first one is a whole value, else the values that follow each
/// other. The number is the line, or the place among the values.
///
/// # Errors
/// Where values that are not lines stop being JSON. Lines are handed over as they are, whatever they hold.
pub(super) fn values(text: &[u8], each: &mut dyn FnMut(Line<'_>)) -> Result<(), UnwrapError> {
    let first = Lines::with(text, b"").next();
    let is_lines = first.is_some_and(|line| value_end(line.text, 0) == Some(line.text.len()));
    if is_lines {
        Lines::with(text, b"").for_each(each);
        return Ok(());
    }
    let mut items = Items::of_text(text);
    let mut number = 0;
    let whole = text;
    while let Some(text) = items.next() {
        number += 1;
        let is_last = skip_space(whole, items.offset()) >= whole.len();
        each(Line { number, text, is_last });
    }
    let offset = skip_space(text, items.offset());
    match offset < text.len() {
        true => Err(UnwrapError {
            offset,
            reason: "the text ends within a value, or is not JSON".into(),
        }),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_lines_are_those_of_a_plain_split(text in "[ab \n]{0,80}") {
            let found: Vec<(u64, Vec<u8>)> = Lines::with(text.as_bytes(), b"ab")
                .map(|line| (line.number, line.text.to_vec()))
                .collect();
            let expected: Vec<(u64, Vec<u8>)> = (1..)
                .zip(text.split('\n'))
                .filter(|(_, line)| line.contains("ab"))
                .map(|(number, line)| (number, line.trim().as_bytes().to_vec()))
                .collect();
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn the_last_line_is_known() {
        let last: Vec<bool> = Lines::with(b"a\n\na\n \n", b"").map(|line| line.is_last).collect();
        assert_eq!(last, [false, true]);
    }
}
