//! Where JSON strings and containers end: the inner loops of everything that finds its way through raw JSON.
//!
//! It looks for quotes, backslashes and brackets and knows nothing else of JSON: what lies between them is not
//! checked. On x86-64 it looks at 16 bytes a step (SSE2 is always there, so nothing is chosen at run time); elsewhere,
//! and near the end of a text, at words or bytes. Both ways give the same answers, which a test holds them to.

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

/// The next quote or backslash at or behind `at`. Nearly all strings have less than 64 bytes: those are looked at
/// without a call.
#[inline(always)]
pub(crate) fn string_stop(text: &[u8], at: usize) -> Option<usize> {
    let rest = text.get(at..)?;
    #[cfg(target_arch = "x86_64")]
    if let Some(simd) = sse2::token() {
        let mut behind = rest;
        for from in [at, at + 32] {
            let Some((head, after)) = behind.split_first_chunk::<32>() else { break };
            let marks = sse2::stops(simd, head);
            if marks != 0 {
                return Some(from + marks.trailing_zeros() as usize);
            }
            behind = after;
        }
        let from = at + (rest.len() - behind.len());
        return Some(from + memchr2(b'"', b'\\', behind)?);
    }
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

/// The place behind the string whose opening quote is before `at`.
#[inline(always)]
pub(crate) fn string_end(text: &[u8], at: usize) -> Option<usize> {
    let mut at = at;
    loop {
        at = string_stop(text, at)?;
        if text.get(at) == Some(&b'"') {
            return Some(at + 1);
        }
        at += 2;
    }
}

/// The place behind the object or array whose opening bracket is before `at`, if at most `most` containers within
/// each other are open before it ends, itself counted. Brackets are not told apart: `[1}` ends.
pub(crate) fn container_end(text: &[u8], at: usize, most: u32) -> End {
    #[cfg(target_arch = "x86_64")]
    if let Some(simd) = sse2::token() {
        return sse2::container_end(simd, text, at, most);
    }
    by_bytes(text, at, most, 1)
}

/// [`container_end`] byte by byte, with `open` containers open at a place outside of strings.
fn by_bytes(text: &[u8], at: usize, most: u32, open: u32) -> End {
    let (mut at, mut open) = (at, open);
    loop {
        match text.get(at) {
            Some(b'"') => {
                let Some(after) = string_end(text, at + 1) else { return End::Beyond };
                at = after;
            }
            Some(b'{' | b'[') => {
                open += 1;
                if open > most {
                    return End::Deep;
                }
                at += 1;
            }
            Some(b'}' | b']') => {
                open -= 1;
                at += 1;
                if open == 0 {
                    return End::At(at);
                }
            }
            Some(_) => at += 1,
            None => return End::Beyond,
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod sse2 {
    //! Sixteen bytes a step.

    use fearless_simd::prelude::*;
    use fearless_simd::{Level, Sse2, mask8x16, u8x16};

    use super::{End, by_bytes, string_end};

    /// The proof that SSE2 is there, which the compiler knows; so this costs nothing.
    #[inline(always)]
    pub(super) fn token() -> Option<Sse2> {
        Level::baseline().as_sse2()
    }

    /// Marks the quotes and backslashes: one bit each, the first byte's the lowest.
    #[inline(always)]
    pub(super) fn stops(simd: Sse2, bytes: &[u8; 32]) -> u64 {
        let (quote, slash) = (u8x16::splat(simd, b'"'), u8x16::splat(simd, b'\\'));
        bits(simd, bytes, |bytes| bytes.simd_eq(quote) | bytes.simd_eq(slash))
    }

    #[inline(always)]
    fn bits<const N: usize>(
        simd: Sse2,
        bytes: &[u8; N],
        is: impl Fn(u8x16<Sse2>) -> mask8x16<Sse2>,
    ) -> u64 {
        let (parts, _) = bytes.as_chunks::<16>();
        let mut marks = 0;
        for (part, shift) in parts.iter().zip([0, 16, 32, 48]) {
            marks |= is(u8x16::simd_from(simd, *part)).to_bitmask() << shift;
        }
        marks
    }

    /// Whether each byte lies in a string, given the quotes: each bit becomes whether an odd number of quotes
    /// stands at or before it.
    #[inline(always)]
    fn within(quotes: u64) -> u64 {
        let mut bits = quotes;
        for shift in [1, 2, 4, 8, 16, 32] {
            bits ^= bits << shift;
        }
        bits
    }

    /// [`super::container_end`], 64 bytes a step: of each the quotes and brackets as bits, so that brackets in
    /// strings go out without looking for where each string ends. Where there is a backslash, and near the end of
    /// the text, bytes are looked at one by one.
    #[inline(always)]
    pub(super) fn container_end(simd: Sse2, text: &[u8], at: usize, most: u32) -> End {
        let splat = |byte| u8x16::splat(simd, byte);
        // With this bit set, brackets and braces are the same, and nothing else becomes one of them.
        let (quote, slash, fold) = (splat(b'"'), splat(b'\\'), splat(0x20));
        let (opening, closing) = (splat(b'{'), splat(b'}'));
        let (mut at, mut open, mut in_string) = (at, 1_u32, 0_u64);
        while let Some(block) = text.get(at..).and_then(|text| text.first_chunk::<64>()) {
            if bits(simd, block, |bytes| bytes.simd_eq(slash)) != 0 {
                break;
            }
            let strings = within(bits(simd, block, |bytes| bytes.simd_eq(quote))) ^ in_string;
            let opens = bits(simd, block, |bytes| (bytes | fold).simd_eq(opening)) & !strings;
            let closes = bits(simd, block, |bytes| (bytes | fold).simd_eq(closing)) & !strings;
            let mut brackets = opens | closes;
            while brackets != 0 {
                let bracket = brackets & brackets.wrapping_neg();
                if closes & bracket != 0 {
                    open -= 1;
                    if open == 0 {
                        return End::At(at + bracket.trailing_zeros() as usize + 1);
                    }
                } else {
                    open += 1;
                    if open > most {
                        return End::Deep;
                    }
                }
                brackets ^= bracket;
            }
            in_string = 0_u64.wrapping_sub(strings >> 63);
            at += 64;
        }
        if in_string != 0 {
            let Some(after) = string_end(text, at) else { return End::Beyond };
            at = after;
        }
        by_bytes(text, at, most, open)
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
            prop_assert_eq!(string_stop(&text, at), bytes.map(|found| at + found));
        }

        #[test]
        fn containers_end_where_bytes_say(text in texts(), at in 0_usize..64, most in 1_u32..6) {
            prop_assert_eq!(container_end(&text, at, most), by_bytes(&text, at, most, 1));
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
            prop_assert_eq!(by_bytes(&text, 0, 3, 1), End::At(end));
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
