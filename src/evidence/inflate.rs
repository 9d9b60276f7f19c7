//! Whole gzip files in one call: half the time of streaming, for files whose text fits into a buffer.
//!
//! libdeflate reads the first member, reports success and says nothing of what follows it, and the size in a
//! file's last bytes may lie. So a file that could have more members, that is not as large as it says, or
//! that is damaged in any way is left to the streaming reader, which is right about all of them.

use libdeflater::{DecompressionError, Decompressor};
use memchr::memmem::Finder;

/// Least buffer that is tried.
const LEAST: usize = 4 << 10;

/// Unpacks whole gzip files.
pub struct Inflater {
    inner: Decompressor,
    member: Finder<'static>,
}

impl Default for Inflater {
    fn default() -> Inflater {
        Inflater {
            inner: Decompressor::new(),
            // The beginning of a member: RFC 1952, section 2.3.1.
            member: Finder::new(&[0x1f, 0x8b, 0x08]),
        }
    }
}

impl Inflater {
    /// Unpacks a file of one member into `out`, which is grown as needed (with `spare` bytes to spare) and
    /// never shrunk. Returns the length of the text, or `None` if the file is not for this reader: another
    /// member may follow, something follows, it is damaged, or its text is larger than `cap`.
    pub fn inflate(
        &mut self,
        file: &[u8],
        out: &mut Vec<u8>,
        cap: usize,
        spare: usize,
    ) -> Option<usize> {
        let (_, size) = file.split_last_chunk::<4>()?;
        let size = u32::from_le_bytes(*size);
        if self.may_have_members(file) {
            return None;
        }
        let most = file.len().saturating_mul(64).clamp(LEAST, cap.max(LEAST));
        let mut room = (size as usize).clamp(LEAST.min(most), most);
        loop {
            if out.len() < room + spare {
                out.resize(room + spare, 0);
            }
            let buffer = out.get_mut(..room)?;
            match self.inner.gzip_decompress(file, buffer) {
                // What follows the member shifts the size out of place.
                Ok(length) if length as u32 == size && length <= cap => return Some(length),
                Err(DecompressionError::InsufficientSpace) if room < cap => {
                    room = room.saturating_mul(2).min(cap);
                }
                _ => return None,
            }
        }
    }

    fn may_have_members(&self, file: &[u8]) -> bool {
        let rest = file.get(10..).unwrap_or(&[]);
        self.member.find_iter(rest).any(|at| {
            // Reserved flags are zero (RFC 1952, section 2.3.1.2).
            rest.get(at + 3).is_none_or(|flags| flags & 0xe0 == 0)
        })
    }
}
