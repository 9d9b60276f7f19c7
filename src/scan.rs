//! Where JSON strings and containers end: the inner loops of everything that finds its way through raw JSON.
//!
//! It looks for quotes, backslashes and brackets and knows nothing else of JSON: what lies between them is not
//! checked. How many bytes are looked at in one step depends on the machine ([`Step`]): on x86-64 it is 32 with AVX2,
//! for which a caller asks once ([`wide`]), else 16 with SSE2, which is always there; elsewhere it is a word. Near the
//! end of a text it is a byte. All ways give the same answers, which a test holds them to.

#[cfg(target_arch = "x86_64")]
mod lanes;

use memchr::memchr2;

/// Where a container ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// Behind its last bracket.
    At(usize),
    /// Beyond the end of the text.
    Beyond,
    /// It nests deeper than allowed.
    Deep,
}

/// Instructions by which texts are looked at.
pub(crate) trait Step: Copy {
    /// Calls a function that may use these instructions: what it inlines is compiled for them.
    fn run<R>(self, work: impl FnOnce() -> R) -> R;

    /// Whether two texts agree in their first `length` bytes, the first one left out. Nothing agrees in more than it has.
    fn is_head(self, text: &[u8; 32], head: &[u8; 32], length: usize) -> bool;

    /// The next quote or backslash at or behind `at`.
    fn string_stop(self, text: &[u8], at: usize) -> Option<usize>;

    /// The place behind the string whose opening quote is before `at`.
    #[inline(always)]
    fn string_end(self, text: &[u8], at: usize) -> Option<usize> {
        let mut at = at;
        loop {
            at = self.string_stop(text, at)?;
            if text.get(at) == Some(&b'"') {
                return Some(at + 1);
            }
            at += 2;
        }
    }

    /// The place behind the object or array whose opening bracket is before `at`, if at most `most` containers within
    /// each other are open before it ends, itself counted. Brackets are not told apart: `[1}` ends.
    fn container_end(self, text: &[u8], at: usize, most: u32) -> End;
}

/// A word a step, and one byte at a time where brackets are counted.
#[derive(Debug, Clone, Copy)]
#[cfg_attr(target_arch = "x86_64", allow(dead_code, reason = "the twin of what x86-64 uses"))]
pub(crate) struct Words;

impl Step for Words {
    #[inline(always)]
    fn run<R>(self, work: impl FnOnce() -> R) -> R {
        work()
    }

    #[inline(always)]
    fn is_head(self, text: &[u8; 32], head: &[u8; 32], length: usize) -> bool {
        matches!((text.get(1..length), head.get(1..length)), (Some(text), Some(head)) if text == head)
    }

    #[inline(always)]
    fn string_stop(self, text: &[u8], at: usize) -> Option<usize> {
        let rest = text.get(at..)?;
        let (words, _) = rest.get(..rest.len().min(16))?.as_chunks::<8>();
        for (word, from) in words.iter().zip([at, at + 8]) {
            let marks = stops(u64::from_le_bytes(*word));
            if marks != 0 {
                return Some(from + (marks.trailing_zeros() / 8) as usize);
            }
        }
        let from = at + words.len() * 8;
        Some(from + memchr2(b'"', b'\\', text.get(from..)?)?)
    }

    fn container_end(self, text: &[u8], at: usize, most: u32) -> End {
        by_bytes(text, at, most)
    }
}

/// What is there on every machine that the program runs on.
#[cfg(target_arch = "x86_64")]
pub(crate) use lanes::{baseline, wide};

#[cfg(not(target_arch = "x86_64"))]
mod portable {
    use super::Words;

    pub(crate) fn baseline() -> Words {
        Words
    }

    pub(crate) fn wide() -> Option<Words> {
        None
    }
}
#[cfg(not(target_arch = "x86_64"))]
pub(crate) use portable::{baseline, wide};

const LOW: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// Marks the bytes of a word that are a quote or backslash; the lowest mark is exact.
#[inline(always)]
fn stops(word: u64) -> u64 {
    let quote = word ^ (LOW * b'"' as u64);
    let slash = word ^ (LOW * b'\\' as u64);
    let quote = quote.wrapping_sub(LOW) & !quote;
    let slash = slash.wrapping_sub(LOW) & !slash;
    (quote | slash) & HIGH
}

/// [`Step::string_end`] by what every machine has.
#[inline(always)]
pub(crate) fn string_end(text: &[u8], at: usize) -> Option<usize> {
    baseline().string_end(text, at)
}

/// [`Step::container_end`] by what every machine has.
#[inline]
pub(crate) fn container_end(text: &[u8], at: usize, most: u32) -> End {
    baseline().container_end(text, at, most)
}

/// [`Step::container_end`] byte by byte.
fn by_bytes(text: &[u8], at: usize, most: u32) -> End {
    let mut inside = Inside { at, open: 1 };
    inside.pass(text, usize::MAX, most).unwrap_or(End::Beyond)
}

/// A place in a container, outside of strings.
struct Inside {
    at: usize,
    /// Containers that are open there.
    open: u32,
}

impl Inside {
    /// Goes on byte by byte, to `limit` or the end of the string that reaches beyond it. Returns where the container
    /// ends, if that was told until there.
    fn pass(&mut self, text: &[u8], limit: usize, most: u32) -> Option<End> {
        while self.at < limit {
            let Some(byte) = text.get(self.at) else { return Some(End::Beyond) };
            self.at += 1;
            match byte {
                b'"' => match string_end(text, self.at) {
                    Some(after) => self.at = after,
                    None => return Some(End::Beyond),
                },
                b'{' | b'[' => {
                    self.open += 1;
                    if self.open > most {
                        return Some(End::Deep);
                    }
                }
                b'}' | b']' => {
                    self.open -= 1;
                    if self.open == 0 {
                        return Some(End::At(self.at));
                    }
                }
                _ => {}
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Texts of which most bytes matter, longer than some steps of sixteen and of 64 bytes.
    fn texts() -> impl Strategy<Value = Vec<u8>> {
        let byte = prop_oneof![
            6 => proptest::sample::select(br#"[]{}"\aZ,: "#.to_vec()),
            1 => any::<u8>(),
            3 => proptest::sample::select(b"abcdefgh".to_vec()),
        ];
        proptest::collection::vec(byte, 0..400)
    }

    proptest! {
        #[test]
        fn strings_stop_where_bytes_say(text in texts(), at in 0_usize..420) {
            let bytes = text.iter().skip(at).position(|byte| matches!(byte, b'"' | b'\\'));
            let stop = bytes.map(|found| at + found);
            prop_assert_eq!(Words.string_stop(&text, at), stop);
            prop_assert_eq!(baseline().string_stop(&text, at), stop);
            if let Some(wide) = wide() {
                prop_assert_eq!(wide.run(|| wide.string_stop(&text, at)), stop);
            }
        }

        #[test]
        fn containers_end_where_bytes_say(text in texts(), at in 0_usize..64, most in 1_u32..6) {
            let end = by_bytes(&text, at, most);
            prop_assert_eq!(Words.container_end(&text, at, most), end);
            prop_assert_eq!(baseline().container_end(&text, at, most), end);
            if let Some(wide) = wide() {
                prop_assert_eq!(wide.container_end(&text, at, most), end);
            }
        }

        #[test]
        fn escapes_in_strings_are_passed(
            words in proptest::collection::vec("[a-z{},\\[\\]]{0,70}", 0..20),
            slashes in proptest::collection::vec(0_usize..5, 20),
            tail in 0_usize..100,
        ) {
            let mut text = Vec::new();
            for (word, slashes) in words.iter().zip(&slashes) {
                // An odd number escapes the quote, which the next one ends.
                let slashes = "\\".repeat(*slashes);
                let more = if slashes.len() % 2 == 1 { "}\"" } else { "" };
                text.extend_from_slice(format!("[\"{word}{slashes}\"{more}],").as_bytes());
            }
            let end = text.len() + 1;
            text.push(b'}');
            text.resize(end + tail, b' ');
            prop_assert_eq!(by_bytes(&text, 0, 3), End::At(end));
            prop_assert_eq!(container_end(&text, 0, 3), End::At(end));
            if let Some(wide) = wide() {
                prop_assert_eq!(wide.container_end(&text, 0, 3), End::At(end));
            }
        }

        #[test]
        fn long_containers_without_escapes_end_where_bytes_say(
            words in proptest::collection::vec("[a-z{},\\[\\]]{0,70}", 0..20),
            tail in 0_usize..100,
        ) {
            let mut text = Vec::new();
            for word in &words {
                text.extend_from_slice(format!("{{\"{word}\":[1]}},").as_bytes());
            }
            let end = text.len() + 1;
            text.push(b'}');
            text.resize(end + tail, b' ');
            prop_assert_eq!(container_end(&text, 0, 3), End::At(end));
            prop_assert_eq!(by_bytes(&text, 0, 3), End::At(end));
        }
    }

    #[test]
    fn the_depth_that_is_allowed_is_the_last_that_ends() {
        let text = b"[[[]]]]".to_vec();
        assert_eq!(container_end(&text, 0, 4), End::At(7));
        assert_eq!(container_end(&text, 0, 3), End::Deep);
        assert_eq!(container_end(&text[..6], 0, 4), End::Beyond);
        let mut padded = text;
        padded.resize(100, 0);
        assert_eq!(container_end(&padded, 0, 4), End::At(7));
        assert_eq!(container_end(&padded, 0, 3), End::Deep);
    }
}
