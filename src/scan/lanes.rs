//! 16 or 32 bytes a step, by the vector instructions of x86-64.

use std::sync::LazyLock;

use fearless_simd::prelude::*;
use fearless_simd::x86::{Avx2, Sse2};
use fearless_simd::{Level, u8x32, u8x64};
use memchr::memchr2;

use super::{End, Inside, Step, string_end};

/// The proof that SSE2 is there, which the compiler knows; so this costs nothing.
#[inline(always)]
pub(crate) fn baseline() -> Sse2 {
    match Level::baseline().as_sse2() {
        Some(sse2) => sse2,
        None => unreachable!("x86-64 has SSE2"),
    }
}

/// The proof that AVX2 is there, if it is; asked for once.
pub(crate) fn wide() -> Option<Avx2> {
    static WIDE: LazyLock<Option<Avx2>> = LazyLock::new(|| Level::new().as_avx2());
    *WIDE
}

impl<S: Simd> Step for S {
    #[inline(always)]
    fn run<R>(self, work: impl FnOnce() -> R) -> R {
        self.vectorize(work)
    }

    #[inline(always)]
    fn is_head(self, text: &[u8; 32], head: &[u8; 32], length: usize) -> bool {
        let (text, head) = (u8x32::simd_from(self, *text), u8x32::simd_from(self, *head));
        let same = text.simd_eq(head).to_bitmask() | 1;
        same.trailing_ones() as usize >= length
    }

    #[inline(always)]
    fn string_stop(self, text: &[u8], at: usize) -> Option<usize> {
        let (quote, slash) = (u8x64::splat(self, b'"'), u8x64::splat(self, b'\\'));
        let mut at = at;
        while let Some(block) = text.get(at..)?.first_chunk::<64>() {
            let block = u8x64::simd_from(self, *block);
            let marks = (block.simd_eq(quote) | block.simd_eq(slash)).to_bitmask();
            if marks != 0 {
                return Some(at + marks.trailing_zeros() as usize);
            }
            at += 64;
        }
        Some(at + memchr2(b'"', b'\\', text.get(at..)?)?)
    }

    fn container_end(self, text: &[u8], at: usize, most: u32) -> End {
        self.vectorize(
            #[inline(always)]
            || container_end(self, text, at, most),
        )
    }
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

/// 64 bytes at once: of each the quotes and brackets as bits, so that brackets in strings go out without looking for
/// where each string ends. Where a backslash is outside of strings, and near the end of the text, bytes are looked at
/// one by one.
#[inline(always)]
fn container_end<S: Simd>(simd: S, text: &[u8], at: usize, most: u32) -> End {
    let splat = |byte| u8x64::splat(simd, byte);
    // With this bit set, brackets and braces are the same, and nothing else becomes one of them.
    let (quote, slash, fold) = (splat(b'"'), splat(b'\\'), splat(0x20));
    let (opening, closing) = (splat(b'{'), splat(b'}'));
    let mut inside = Inside { at, open: 1 };
    // All bits if the block begins in a string, and one if its first byte is escaped.
    let (mut in_string, mut is_escaped) = (0_u64, 0_u64);
    while let Some(block) = text.get(inside.at..).and_then(|text| text.first_chunk::<64>()) {
        let block = u8x64::simd_from(simd, *block);
        let slashes = block.simd_eq(slash).to_bitmask();
        let mut quotes = block.simd_eq(quote).to_bitmask();
        let mut is_next_escaped = 0;
        if slashes | is_escaped != 0 {
            let escaped;
            (escaped, is_next_escaped) = escapes(slashes, is_escaped);
            quotes &= !escaped;
        }
        let strings = within(quotes) ^ in_string;
        if slashes & !strings != 0 {
            let limit = inside.at + 64;
            if let Some(end) = inside.bytes(text, in_string, is_escaped, limit, most) {
                return end;
            }
            (in_string, is_escaped) = (0, 0);
            continue;
        }
        let opens = (block | fold).simd_eq(opening).to_bitmask() & !strings;
        let closes = (block | fold).simd_eq(closing).to_bitmask() & !strings;
        if let Some(end) = inside.brackets(opens, closes, most) {
            return end;
        }
        (in_string, is_escaped) = (0_u64.wrapping_sub(strings >> 63), is_next_escaped);
        inside.at += 64;
    }
    inside.bytes(text, in_string, is_escaped, usize::MAX, most).unwrap_or(End::Beyond)
}

/// Which bytes come behind a backslash that is none of them itself, and whether the first byte behind the block does.
#[inline(always)]
fn escapes(slashes: u64, first: u64) -> (u64, u64) {
    let (mut left, mut escaped, mut is_next) = (slashes & !first, first, 0);
    while left != 0 {
        let slash = left & left.wrapping_neg();
        let next = slash << 1;
        escaped |= next;
        is_next = u64::from(next == 0);
        left &= !(slash | next);
    }
    (escaped, is_next)
}

impl Inside {
    /// [`Inside::pass`] from a place that may be in a string, or behind a backslash in it.
    #[cold]
    fn bytes(
        &mut self,
        text: &[u8],
        in_string: u64,
        is_escaped: u64,
        limit: usize,
        most: u32,
    ) -> Option<End> {
        if in_string != 0 {
            match string_end(text, self.at + is_escaped as usize) {
                Some(after) => self.at = after,
                None => return Some(End::Beyond),
            }
        }
        self.pass(text, limit, most)
    }

    /// Takes the brackets of the block that begins here.
    #[inline(always)]
    fn brackets(&mut self, opens: u64, closes: u64, most: u32) -> Option<End> {
        let (more, fewer) = (opens.count_ones(), closes.count_ones());
        // Only where it may end, or be too deep, is it looked at which comes first.
        if fewer < self.open && self.open + more <= most {
            self.open = self.open + more - fewer;
            return None;
        }
        // Where the container ends if there is none in it from here on.
        let first = closes & closes.wrapping_neg();
        if self.open == 1 && first != 0 && opens & first.wrapping_sub(1) == 0 {
            return Some(End::At(self.at + first.trailing_zeros() as usize + 1));
        }
        let mut brackets = opens | closes;
        while brackets != 0 {
            let bracket = brackets & brackets.wrapping_neg();
            if closes & bracket != 0 {
                self.open -= 1;
                if self.open == 0 {
                    return Some(End::At(self.at + bracket.trailing_zeros() as usize + 1));
                }
            } else {
                self.open += 1;
                if self.open > most {
                    return Some(End::Deep);
                }
            }
            brackets ^= bracket;
        }
        None
    }
}
