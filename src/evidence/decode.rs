//! Files as a stream of text: decompressed, decoded, hashed, and ending early rather than failing.

use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;
use sha2::{Digest, Sha256};
use zstd::stream::read::Decoder as Zstd;

use super::Progress;
use super::encoding::{Encoding, Utf16};
use super::source::{Compression, compression_of};

/// Bytes read from the file at once.
const RAW_BYTES: usize = 256 << 10;

/// What reading a stream to its end told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// SHA-256 of the file as stored; empty if it was not asked for.
    pub sha256: [u8; 32],
    /// Facts that a reader of the report needs.
    pub notes: Vec<String>,
    /// Why the text ends before the file's own end, if it does.
    pub damaged: Option<String>,
}

/// The bytes as stored, hashed and counted as they pass.
struct Raw<'a> {
    inner: Box<dyn Read + 'a>,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    hash: Option<Sha256>,
    progress: Option<&'a dyn Progress>,
    /// An error that reading met; kept apart from errors of the packing.
    error: Option<String>,
}

impl<'a> Raw<'a> {
    fn new(inner: Box<dyn Read + 'a>, hash: bool, progress: Option<&'a dyn Progress>) -> Raw<'a> {
        Raw {
            inner,
            buffer: Vec::new(),
            start: 0,
            end: 0,
            hash: hash.then(Sha256::new),
            progress,
            error: None,
        }
    }

    /// Tries to have `count` bytes ready, and shows what is ready.
    fn peek(&mut self, count: usize) -> &[u8] {
        while self.end - self.start < count {
            if self.start > 0 {
                self.buffer.copy_within(self.start..self.end, 0);
                self.end -= self.start;
                self.start = 0;
            }
            if self.refill() == 0 {
                break;
            }
        }
        &self.buffer[self.start..self.end]
    }

    /// Reads behind what is ready; an error ends the file here.
    fn refill(&mut self) -> usize {
        if self.error.is_some() {
            return 0;
        }
        self.buffer.resize(RAW_BYTES, 0);
        let room = &mut self.buffer[self.end..];
        let count = loop {
            match self.inner.read(room) {
                Ok(count) => break count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.error = Some(format!("reading failed: {error}"));
                    break 0;
                }
            }
        };
        if let (Some(hash), Some(new)) = (&mut self.hash, room.get(..count)) {
            hash.update(new);
        }
        if let Some(progress) = self.progress {
            progress.add(count as u64);
        }
        self.end += count;
        count
    }

    /// Reads the rest, for the hash, and says how much there was.
    fn drain(&mut self) -> u64 {
        let mut rest = (self.end - self.start) as u64;
        loop {
            (self.start, self.end) = (0, 0);
            match self.refill() {
                0 => return rest,
                count => rest += count as u64,
            }
        }
    }
}

impl BufRead for Raw<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        Ok(self.peek(1))
    }

    fn consume(&mut self, count: usize) {
        self.start = (self.start + count).min(self.end);
    }
}

impl Read for Raw<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let ready = self.peek(1);
        let count = ready.len().min(out.len());
        out[..count].copy_from_slice(&ready[..count]);
        self.consume(count);
        Ok(count)
    }
}

enum Unpack<'a> {
    Plain(Raw<'a>),
    Gzip(Box<GzDecoder<Raw<'a>>>),
    Zstd(Box<Zstd<'static, Raw<'a>>>),
    /// Only while one is exchanged for another, and after the end.
    Ended(Raw<'a>),
    Gone,
}

/// Text of a file, piece by piece. What cannot be read ends it; [`TextStream::finish`] says why.
pub struct TextStream<'a> {
    unpack: Unpack<'a>,
    compression: Compression,
    encoding: Encoding,
    utf16: Option<Utf16>,
    /// Text that was made and not yet taken.
    pending: Vec<u8>,
    taken: usize,
    notes: Vec<String>,
    damaged: Option<String>,
    ended: bool,
}

impl<'a> TextStream<'a> {
    /// Starts reading. `hash` asks for the digest of the stored bytes.
    pub fn new(
        inner: Box<dyn Read + 'a>,
        hash: bool,
        progress: Option<&'a dyn Progress>,
    ) -> TextStream<'a> {
        let mut raw = Raw::new(inner, hash, progress);
        let compression = compression_of(raw.peek(4));
        let mut damaged = None;
        let unpack = match compression {
            Compression::None => Unpack::Plain(raw),
            Compression::Gzip => Unpack::Gzip(Box::new(GzDecoder::new(raw))),
            Compression::Zstd => match Zstd::with_buffer(raw) {
                Ok(decoder) => Unpack::Zstd(Box::new(decoder)),
                Err(error) => {
                    damaged = Some(format!("zstd could not be started: {error}"));
                    Unpack::Gone
                }
            },
        };
        let mut stream = TextStream {
            ended: damaged.is_some(),
            unpack,
            compression,
            encoding: Encoding::Plain,
            utf16: None,
            pending: Vec::new(),
            taken: 0,
            notes: Vec::new(),
            damaged,
        };
        stream.begin();
        stream
    }

    /// How the file is packed.
    pub fn compression(&self) -> Compression {
        self.compression
    }

    /// Whether the text is UTF-16 as stored.
    pub fn is_utf16(&self) -> bool {
        self.encoding.is_utf16()
    }

    /// Takes text, at least one byte unless the text has ended (then 0).
    pub fn read(&mut self, out: &mut [u8]) -> usize {
        if out.is_empty() {
            return 0;
        }
        if self.taken < self.pending.len() {
            let ready = &self.pending[self.taken..];
            let count = ready.len().min(out.len());
            out[..count].copy_from_slice(&ready[..count]);
            self.taken += count;
            return count;
        }
        if self.utf16.is_none() {
            return self.unpacked(out);
        }
        self.transcode();
        if self.pending.is_empty() { 0 } else { self.read(out) }
    }

    /// Takes text until `out` is full or the text ends; the number of bytes.
    pub fn read_full(&mut self, out: &mut [u8]) -> usize {
        let mut filled = 0;
        while filled < out.len() {
            match self.read(&mut out[filled..]) {
                0 => break,
                count => filled += count,
            }
        }
        filled
    }

    /// Reads what is left of the file, for the digest, and tells what was met.
    pub fn finish(mut self) -> Outcome {
        let mut outcome = Outcome {
            notes: std::mem::take(&mut self.notes),
            damaged: self.damaged.take(),
            ..Outcome::default()
        };
        let mut raw = match self.unpack {
            Unpack::Plain(raw) | Unpack::Ended(raw) => raw,
            Unpack::Gzip(decoder) => decoder.into_inner(),
            Unpack::Zstd(decoder) => decoder.finish(),
            Unpack::Gone => return outcome,
        };
        if raw.hash.is_some() {
            raw.drain();
        }
        if let Some(hash) = raw.hash.take() {
            outcome.sha256 = hash.finalize().into();
        }
        if let Some(error) = raw.error.take() {
            outcome.damaged = Some(error);
        }
        outcome
    }

    /// Looks for a byte-order mark.
    fn begin(&mut self) {
        let mut head = [0; 4];
        let mut filled = 0;
        while filled < head.len() {
            match self.unpacked(&mut head[filled..]) {
                0 => break,
                count => filled += count,
            }
        }
        let head = &head[..filled];
        self.encoding = Encoding::of(head);
        let rest = &head[self.encoding.mark().min(filled)..];
        match self.encoding {
            Encoding::Utf32 => {
                self.damaged = Some("UTF-32 text is not read; convert it to UTF-8".to_string());
                self.ended = true;
            }
            Encoding::Utf16Big | Encoding::Utf16Little => {
                self.notes.push("UTF-16 text, read as if converted to UTF-8".to_string());
                let mut utf16 = Utf16::new(self.encoding);
                utf16.push(rest, &mut self.pending);
                self.utf16 = Some(utf16);
            }
            Encoding::Plain | Encoding::Utf8Mark => self.pending.extend_from_slice(rest),
        }
    }

    /// Fills `pending` with the next piece of UTF-16.
    fn transcode(&mut self) {
        let Some(mut utf16) = self.utf16.take() else {
            return;
        };
        self.pending.clear();
        self.taken = 0;
        let mut piece = [0; 16 << 10];
        while self.pending.is_empty() {
            match self.unpacked(&mut piece) {
                0 => {
                    utf16.finish(&mut self.pending);
                    break;
                }
                count => utf16.push(&piece[..count], &mut self.pending),
            }
        }
        self.utf16 = Some(utf16);
    }

    /// Decompressed bytes, 0 at the end.
    fn unpacked(&mut self, out: &mut [u8]) -> usize {
        while !self.ended {
            let result = match &mut self.unpack {
                Unpack::Plain(raw) => raw.read(out),
                Unpack::Gzip(decoder) => decoder.read(out),
                Unpack::Zstd(decoder) => decoder.read(out),
                Unpack::Ended(_) | Unpack::Gone => Ok(0),
            };
            match result {
                Ok(0) => self.next_member(),
                Ok(count) => return count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.damaged = Some(format!(
                        "{} data is cut off or damaged: {error}",
                        self.compression.name()
                    ));
                    self.ended = true;
                }
            }
        }
        0
    }

    /// At the end of a gzip member: goes on to the next one (RFC 1952, section 2.2), or ends.
    fn next_member(&mut self) {
        let decoder = match std::mem::replace(&mut self.unpack, Unpack::Gone) {
            Unpack::Gzip(decoder) => decoder,
            other => {
                self.unpack = other;
                self.ended = true;
                return;
            }
        };
        let mut raw = decoder.into_inner();
        let next = raw.peek(3);
        if matches!(next, [0x1f, 0x8b, 8, ..]) {
            self.unpack = Unpack::Gzip(Box::new(GzDecoder::new(raw)));
            return;
        }
        self.ended = true;
        if !next.is_empty() {
            let padding = next.iter().all(|byte| *byte == 0);
            let count = raw.drain();
            // Tapes and some object stores pad with zeros.
            if !padding {
                self.notes
                    .push(format!("{count} bytes after the end of the gzip data were ignored"));
            }
        }
        self.unpack = Unpack::Ended(raw);
    }
}
