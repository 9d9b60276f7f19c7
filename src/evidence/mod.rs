//! Evidence files: finding them, telling how they are packed, and reading them without trust in them.
//!
//! Owns: [`discover`] (paths into a sorted list of files), decompression and text encodings by the first
//! bytes (never by names), digests, and the limits that keep a hostile file from filling memory. Does not
//! own: what a file means (platforms say that from the [`Head`]) and the aggregation of logs (`crate::usage`).
//!
//! | input | treatment |
//! |---|---|
//! | gzip | every member; a cut or damaged end gives the text before it, and is told; bytes after the last member are told and ignored |
//! | zstd | every frame; as gzip |
//! | UTF-8 with a byte-order mark | the mark is removed |
//! | UTF-16 with a byte-order mark | turned into UTF-8, and told |
//! | UTF-32 | refused |
//! | expansion without end | documents stop at [`DOCUMENT_CAP`] bytes; logs are read in blocks and have no size |

mod decode;
mod discover;
mod encoding;
pub mod inflate;
pub mod positioned;
mod source;
pub mod tree;

pub(crate) use encoding::Encoding;
pub(crate) use source::open;

pub use decode::{Outcome, TextStream};
pub use discover::{Discovered, Found, discover};
pub use source::{
    Compression, DOCUMENT_CAP, HEAD_BYTES, Head, SourceError, Whole, compression_of, hex,
    open_head, read_whole, read_whole_capped,
};

/// Told how far reading has come. Called from many threads.
pub trait Progress: Sync {
    /// So many bytes in so many files are about to be read.
    fn start(&self, bytes: u64, files: u64) {
        let _ = (bytes, files);
    }

    /// So many more bytes of files (as stored, compressed) were read.
    fn add(&self, bytes: u64);

    /// One more file was finished.
    fn file_done(&self);
}

/// Tells nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoProgress;

impl Progress for NoProgress {
    fn add(&self, _bytes: u64) {}

    fn file_done(&self) {}
}

#[cfg(test)]
mod tests;
