//! One file: how it is packed, its beginning, and its whole text.

use std::fs::File;
use std::io;
use std::path::Path;

use super::decode::TextStream;

/// Text of a file that detection looks at, in bytes.
pub const HEAD_BYTES: usize = 64 << 10;

/// Largest text of a document, in bytes. A larger one is refused: it is not worth the memory, and a
/// compressed one may be a bomb.
pub const DOCUMENT_CAP: u64 = 2 << 30;

/// How a file is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip (RFC 1952).
    Gzip,
    /// Zstandard (RFC 8878).
    Zstd,
}

impl Compression {
    /// The word that notes print; empty for files that are not packed.
    pub fn name(self) -> &'static str {
        match self {
            Compression::None => "",
            Compression::Gzip => "gzip",
            Compression::Zstd => "zstd",
        }
    }
}

/// Tells the packing from a file's first four bytes: the magic numbers of RFC 1952, section 2.3.1, and RFC
/// 8878, section 3.1.1 (a skippable frame, section 3.1.2, may come first).
pub fn compression_of(head: &[u8]) -> Compression {
    match head {
        [0x1f, 0x8b, 8, ..] => Compression::Gzip,
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Compression::Zstd,
        _ => Compression::None,
    }
}

/// Why a file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The system refused.
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
    /// It is a folder, a pipe or a device.
    #[error("is not a regular file")]
    NotAFile,
    /// Its text is larger than the cap.
    #[error("its text is larger than the limit of {limit} bytes")]
    TooLarge {
        /// The cap, in bytes.
        limit: u64,
    },
    /// Nothing of its text can be read.
    #[error("{0}")]
    Undecodable(String),
}

/// The beginning of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Up to [`HEAD_BYTES`] of text: decompressed, UTF-8 where it was UTF-16, without a byte-order mark.
    pub text: Vec<u8>,
    /// Whether that is the whole text.
    pub is_whole: bool,
    /// How the file is packed.
    pub compression: Compression,
    /// Whether its text is UTF-16 as stored.
    pub is_utf16: bool,
    /// Size of the file as stored, in bytes.
    pub size: u64,
    /// Why the text ends early, if it does within the head.
    pub damaged: Option<String>,
}

/// A whole document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whole {
    /// Its text: decompressed, UTF-8 where it was UTF-16, without a byte-order mark.
    pub bytes: Vec<u8>,
    /// SHA-256 of the file as stored, in hexadecimal.
    pub sha256: String,
    /// Facts that a reader of the report needs.
    pub notes: Vec<String>,
    /// Why the text ends before the file's own end, if it does. `bytes` is what comes before.
    pub damaged: Option<String>,
}

/// Opens a regular file; anything else (a pipe would block) is refused.
pub(crate) fn open(path: &Path) -> Result<(File, u64), SourceError> {
    // Asked before opening, since opening a pipe waits for its writer.
    let metadata = std::fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(SourceError::NotAFile);
    }
    let file = File::open(path)?;
    Ok((file, metadata.len()))
}

/// Reads a file's beginning, for detection.
///
/// # Errors
/// If the file cannot be opened. Damaged packing is no error: the text before the damage is shown.
pub fn open_head(path: &Path) -> Result<Head, SourceError> {
    let (file, size) = open(path)?;
    let mut stream = TextStream::new(Box::new(file), false, None);
    let mut text = vec![0; HEAD_BYTES];
    let filled = stream.read_full(&mut text);
    text.truncate(filled);
    let more = stream.read(&mut [0; 1]) > 0;
    let (compression, is_utf16) = (stream.compression(), stream.is_utf16());
    let outcome = stream.finish();
    Ok(Head {
        text,
        is_whole: !more && outcome.damaged.is_none(),
        compression,
        is_utf16,
        size,
        damaged: if more { None } else { outcome.damaged },
    })
}

/// Reads a document whole, up to [`DOCUMENT_CAP`] bytes of text.
///
/// # Errors
/// If the file cannot be opened or read, or is too large.
pub fn read_whole(path: &Path) -> Result<Whole, SourceError> {
    read_whole_capped(path, DOCUMENT_CAP)
}

/// Reads a document whole, up to `limit` bytes of text.
///
/// # Errors
/// If the file cannot be opened or read, or is too large.
pub fn read_whole_capped(path: &Path, limit: u64) -> Result<Whole, SourceError> {
    let (file, _) = open(path)?;
    let mut stream = TextStream::new(Box::new(file), true, None);
    let limit_bytes = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut bytes = Vec::new();
    let mut filled = 0;
    loop {
        if filled == bytes.len() {
            if filled > limit_bytes {
                return Err(SourceError::TooLarge { limit });
            }
            let room = (filled * 2).clamp(64 << 10, 256 << 20);
            let room = room.min(limit_bytes.saturating_add(1) - filled.min(limit_bytes));
            bytes.resize(filled + room.max(1), 0);
        }
        match stream.read(&mut bytes[filled..]) {
            0 => break,
            count => filled += count,
        }
    }
    if filled > limit_bytes {
        return Err(SourceError::TooLarge { limit });
    }
    bytes.truncate(filled);
    let mut outcome = stream.finish();
    if let (true, Some(reason)) = (bytes.is_empty(), &outcome.damaged) {
        return Err(SourceError::Undecodable(reason.clone()));
    }
    if let Some(reason) = &outcome.damaged {
        outcome.notes.push(format!("{reason}; the text before that was used"));
    }
    Ok(Whole {
        bytes,
        sha256: hex(&outcome.sha256),
        notes: outcome.notes,
        damaged: outcome.damaged,
    })
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        for digit in [byte >> 4, byte & 15] {
            out.push(char::from_digit(u32::from(digit), 16).unwrap_or('0'));
        }
    }
    out
}
