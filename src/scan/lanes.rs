//! 16 or 32 bytes a step, by the vector instructions of x86-64.

use std::sync::LazyLock;

use fearless_simd::prelude::*;
use fearless_simd::x86::{Avx2, Sse2};
use fearless_simd::{Level, mask8x32, u8x32};
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
        let (quote, slash) = (u8x32::splat(self, b'"'), u8x32::splat(self, b'\\'));
        let mut at = at;
        while let Some(block) = text.get(at..)?.first_chunk::<64>() {
            let marks =
                bits(halves(self, block), |bytes| bytes.simd_eq(quote) | bytes.simd_eq(slash));
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

#[inline(always)]
fn halves<S: Simd>(simd: S, block: &[u8; 64]) -> [u8x32<S>; 2] {
    let (first, second) = (block.first_chunk::<32>(), block.last_chunk::<32>());
    let load = |half: Option<&[u8; 32]>| u8x32::simd_from(simd, *half.unwrap_or(&[0; 32]));
    [load(first), load(second)]
}

/// One bit for each byte that is so, the first byte's the lowest.
#[inline(always)]
fn bits<S: Simd>(halves: [u8x32<S>; 2], is: impl Fn(u8x32<S>) -> mask8x32<S>) -> u64 {
    let [first, second] = halves;
    is(first).to_bitmask() | is(second).to_bitmask() << 32
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
/// where each string ends. Where there is a backslash, and near the end of the text, bytes are looked at one by one.
#[inline(always)]
fn container_end<S: Simd>(simd: S, text: &[u8], at: usize, most: u32) -> End {
    let splat = |byte| u8x32::splat(simd, byte);
    // With this bit set, brackets and braces are the same, and nothing else becomes one of them.
    let (quote, slash, fold) = (splat(b'"'), splat(b'\\'), splat(0x20));
    let (opening, closing) = (splat(b'{'), splat(b'}'));
    let mut inside = Inside { at, open: 1 };
    // All bits if the block begins in a string.
    let mut in_string = 0_u64;
    loop {
        let block = text.get(inside.at..).and_then(|text| text.first_chunk::<64>());
        let block = block.map(|block| halves(simd, block));
        let Some(block) = block.filter(|block| bits(*block, |bytes| bytes.simd_eq(slash)) == 0)
        else {
            let limit = inside.at.saturating_add(64);
            if in_string != 0 {
                let Some(after) = string_end(text, inside.at) else { return End::Beyond };
                (inside.at, in_string) = (after, 0);
            }
            match inside.pass(text, limit, most) {
                Some(end) => return end,
                None => continue,
            }
        };
        let strings = within(bits(block, |bytes| bytes.simd_eq(quote))) ^ in_string;
        let opens = bits(block, |bytes| (bytes | fold).simd_eq(opening)) & !strings;
        let closes = bits(block, |bytes| (bytes | fold).simd_eq(closing)) & !strings;
        if let Some(end) = inside.brackets(opens, closes, most) {
            return end;
        }
        in_string = 0_u64.wrapping_sub(strings >> 63);
        inside.at += 64;
    }
}

impl Inside {
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
