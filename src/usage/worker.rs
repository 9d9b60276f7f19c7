//! One thread's reading of files: whole, as a stream, or block by block.
//!
//! | file | way |
//! |---|---|
//! | gzip of one member, small | unpacked in one call |
//! | other packed files; large files that are not lines | unpacked piece by piece, the cut record kept for the next piece |
//! | plain, small | read whole |
//! | plain, large, lines | blocks by all threads; a block owns the lines that begin in it |

use std::fs::File;
use std::io::Read;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};

use sha2::{Digest, Sha256};

use super::engine::{Engine, FileCount};
use super::frame::{Ask, Framer, Parsed, Sink};
use super::walk::PAD;
use super::{LogFile, ReadOptions};
use crate::evidence::inflate::Inflater;
use crate::evidence::{
    self, Compression, Encoding, Progress, SourceError, TextStream, compression_of, hex, positioned,
};
use crate::platform::events::Layout;

/// Text of a file that is unwrapped as a whole, in bytes.
const UNWRAP_CAP: usize = 512 << 20;

/// Text of a gzip file that is unpacked in one call, in bytes: all threads together hold twice
/// [`WHOLE_TOTAL`].
const WHOLE_CAP: usize = 64 << 20;

/// Text of whole files that all threads together may hold.
const WHOLE_TOTAL: usize = 128 << 20;

/// Read behind a block at first, for the end of its last line.
const BEHIND: usize = 16 << 10;

/// A large file of lines.
#[derive(Debug)]
pub(crate) struct Blocks {
    pub(crate) size: u64,
    /// Length of a byte-order mark.
    pub(crate) mark: usize,
    /// Lines that begin in each block.
    pub(crate) lines: Vec<AtomicU32>,
    digest: Mutex<(u32, Option<Sha256>)>,
    turn: Condvar,
}

impl Blocks {
    pub(crate) fn new(size: u64, mark: usize, block: u64) -> Blocks {
        let count = size.div_ceil(block.max(1)).max(1);
        Blocks {
            size,
            mark,
            lines: (0..count).map(|_| AtomicU32::new(0)).collect(),
            digest: Mutex::new((0, Some(Sha256::new()))),
            turn: Condvar::new(),
        }
    }

    /// Hashes a block when its turn has come; `None` if it could not be read. Blocks are handed out in
    /// order and hashed as soon as they are read, so that the wait is for less than one block.
    fn hash(&self, block: u32, bytes: Option<&[u8]>) {
        let mut digest = self.digest.lock().unwrap_or_else(PoisonError::into_inner);
        while digest.0 != block {
            digest = self.turn.wait(digest).unwrap_or_else(PoisonError::into_inner);
        }
        match (bytes, &mut digest.1) {
            (Some(bytes), Some(hash)) => hash.update(bytes),
            _ => digest.1 = None,
        }
        digest.0 += 1;
        self.turn.notify_all();
    }

    /// The digest of the file, once all blocks are read.
    pub(crate) fn digest(&self) -> Option<String> {
        let digest = self.digest.lock().unwrap_or_else(PoisonError::into_inner);
        let hash = digest.1.clone()?;
        Some(hex(&hash.finalize()))
    }
}

/// How a file is read.
#[derive(Debug)]
pub(crate) enum Way {
    /// By one thread.
    Alone,
    /// In blocks.
    Blocks(Blocks),
    /// Not at all: it has the same bytes as this one.
    SameAs(usize),
}

/// A piece of work.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Task {
    pub(crate) file: u32,
    pub(crate) block: Option<u32>,
}

/// What all threads share.
pub(crate) struct Shared<'a> {
    pub(crate) files: &'a [LogFile<'a>],
    pub(crate) ways: &'a [Way],
    /// The format of each file, by number.
    pub(crate) formats: &'a [u16],
    pub(crate) options: &'a ReadOptions,
    pub(crate) progress: &'a dyn Progress,
}

/// One thread.
pub(crate) struct Worker<'a> {
    shared: &'a Shared<'a>,
    pub(crate) engine: Engine<'a>,
    pub(crate) counts: Vec<(u32, FileCount)>,
    inflater: Inflater,
    input: Vec<u8>,
    text: Vec<u8>,
}

impl<'a> Worker<'a> {
    pub(crate) fn new(shared: &'a Shared<'a>, engine: Engine<'a>) -> Worker<'a> {
        Worker {
            shared,
            engine,
            counts: Vec::new(),
            inflater: Inflater::default(),
            input: Vec::new(),
            text: Vec::new(),
        }
    }

    /// Does one piece of work.
    pub(crate) fn work(&mut self, task: Task) {
        let (Some(log), Some(way), Some(format)) = (
            self.shared.files.get(task.file as usize),
            self.shared.ways.get(task.file as usize),
            self.shared.formats.get(task.file as usize),
        ) else {
            return;
        };
        self.engine.format = *format;
        self.engine.context = log.context;
        self.engine.file = task.file;
        self.engine.base = 0;
        self.engine.count = FileCount::default();
        match (way, task.block) {
            (Way::Blocks(blocks), Some(block)) => {
                if let Err(error) = self.block(log, blocks, block) {
                    self.engine.count.failed = Some(format!("cannot be read: {error}"));
                }
                if block as usize + 1 == blocks.lines.len() {
                    self.shared.progress.file_done();
                }
            }
            (Way::SameAs(_), _) => self.shared.progress.file_done(),
            _ => {
                if let Err(error) = self.alone(log) {
                    self.engine.count.failed = Some(error.to_string());
                }
                self.shared.progress.file_done();
            }
        }
        let count = std::mem::take(&mut self.engine.count);
        match self.counts.last_mut() {
            Some((file, known)) if *file == task.file => known.merge(count),
            _ => self.counts.push((task.file, count)),
        }
    }

    /// Adds what waits. Called once, at the end.
    pub(crate) fn finish(&mut self) {
        self.engine.flush();
        self.input = Vec::new();
        self.text = Vec::new();
    }

    fn whole_cap(&self) -> usize {
        let share = WHOLE_TOTAL / self.shared.options.threads.max(1);
        share.clamp(8 << 20, WHOLE_CAP)
    }

    /// Reads a file from its beginning to its end.
    fn alone(&mut self, log: &LogFile<'_>) -> Result<(), SourceError> {
        let (file, size) = evidence::open(log.path)?;
        let cap = self.whole_cap();
        if size > cap as u64 {
            let stream = TextStream::new(Box::new(file), true, Some(self.shared.progress));
            self.stream(log, stream, true);
            return Ok(());
        }
        let mut input = std::mem::take(&mut self.input);
        let mut text = std::mem::take(&mut self.text);
        let done = self.in_memory(log, file, (&mut input, &mut text), cap);
        (self.input, self.text) = (input, text);
        done
    }

    fn in_memory(
        &mut self,
        log: &LogFile<'_>,
        file: File,
        buffers: (&mut Vec<u8>, &mut Vec<u8>),
        cap: usize,
    ) -> Result<(), SourceError> {
        let (input, text) = buffers;
        input.clear();
        let mut file = file;
        file.read_to_end(input)?;
        self.shared.progress.add(input.len() as u64);
        self.engine.count.sha256 = Some(hex(&Sha256::digest(&*input)));
        let length = match compression_of(input) {
            Compression::None => {
                let length = input.len();
                input.resize(length + PAD, 0);
                std::mem::swap(input, text);
                Some(length)
            }
            Compression::Gzip => {
                self.engine.count.compression = Compression::Gzip;
                self.inflater.inflate(input, text, cap, PAD)
            }
            Compression::Zstd => None,
        };
        let encoding = |length: usize| Encoding::of(text.get(..length.min(4)).unwrap_or(&[]));
        match length.map(|length| (length, encoding(length))) {
            Some((length, encoding @ (Encoding::Plain | Encoding::Utf8Mark))) => {
                self.whole(log, text, encoding.mark(), length);
            }
            other => {
                // What was plain was swapped; what was packed is still where it was.
                let stored = match other {
                    Some((length, _)) if self.engine.count.compression == Compression::None => {
                        text.get(..length).unwrap_or(&[])
                    }
                    _ => input.as_slice(),
                };
                let stored = std::io::Cursor::new(stored);
                self.stream(log, TextStream::new(Box::new(stored), false, None), false);
            }
        }
        Ok(())
    }

    /// Reads a text that is in memory: from the mark to `end`, with room for the padding.
    fn whole(&mut self, log: &LogFile<'_>, text: &mut [u8], mark: usize, end: usize) {
        if let Some(pad) = text.get_mut(end..end + PAD) {
            pad.fill(0);
        }
        let text = text.get(mark..end + PAD).unwrap_or(&[]);
        let end = end - mark;
        match log.format.layout() {
            Layout::Records(keys) => {
                let mut framer = self.framer(keys);
                framer.run(text, end, true, &mut self.engine);
                self.engine.count.by_line = framer.by_line;
            }
            Layout::Unwrap => self.unwrapped(log, text.get(..end).unwrap_or(&[])),
        }
    }

    /// A framer for the file at hand. Only in plain files are lines of use as places.
    fn framer(&self, keys: &'static [&'static str]) -> Framer {
        let by_line = self.engine.count.compression == Compression::None;
        Framer::new(keys, by_line, self.shared.options.max_record)
    }

    /// Reads a text piece by piece. `hash`: the digest comes from the stream.
    fn stream(&mut self, log: &LogFile<'_>, mut stream: TextStream<'_>, hash: bool) {
        self.engine.count.compression = stream.compression();
        match log.format.layout() {
            Layout::Records(keys) => {
                let mut text = std::mem::take(&mut self.text);
                self.pieces(keys, &mut stream, &mut text);
                text.truncate(self.whole_cap());
                text.shrink_to(self.whole_cap());
                self.text = text;
            }
            Layout::Unwrap => {
                let mut text = vec![0; 1 << 20];
                let mut filled = 0;
                loop {
                    let count = stream.read_full(&mut text[filled..]);
                    filled += count;
                    if filled < text.len() || filled > UNWRAP_CAP {
                        break;
                    }
                    text.resize(filled * 2, 0);
                }
                if filled > UNWRAP_CAP {
                    let reason = format!("its text is larger than {UNWRAP_CAP} bytes");
                    self.engine.count.failed = Some(reason);
                } else {
                    text.truncate(filled);
                    self.unwrapped(log, &text);
                }
            }
        }
        let outcome = stream.finish();
        let count = &mut self.engine.count;
        if hash {
            count.sha256 = Some(hex(&outcome.sha256));
        }
        count.notes.extend(outcome.notes);
        if outcome.damaged.is_some() {
            count.damaged = outcome.damaged;
        }
    }

    fn pieces(
        &mut self,
        keys: &'static [&'static str],
        stream: &mut TextStream<'_>,
        text: &mut Vec<u8>,
    ) {
        let block = self.shared.options.block_bytes.max(1);
        let mut framer = self.framer(keys);
        let mut filled = 0;
        let mut room = block;
        loop {
            if text.len() < filled + room + PAD {
                text.resize(filled + room + PAD, 0);
            }
            let count = stream.read_full(&mut text[filled..filled + room]);
            filled += count;
            let last = count < room;
            text[filled..filled + PAD].fill(0);
            let done = framer.run(&text[..filled + PAD], filled, last, &mut self.engine);
            if last {
                break;
            }
            text.copy_within(done..filled, 0);
            filled -= done;
            // A record that does not end here is read again from its beginning: the pieces have to double.
            room = block.max(filled);
        }
        self.engine.count.by_line = framer.by_line;
    }

    /// Reads the records that the format finds in a text.
    fn unwrapped(&mut self, log: &LogFile<'_>, text: &[u8]) {
        let longest = self.shared.options.max_record;
        let engine = &mut self.engine;
        let mut record = Vec::new();
        let mut met = 0;
        let read = log.format.unwrap(log.context, text, &mut |number, bytes| {
            met = number;
            let bytes = bytes.trim_ascii();
            record.clear();
            record.extend_from_slice(bytes);
            record.resize(bytes.len() + PAD, 0);
            let ask =
                Ask { at: number, longest: longest.min(bytes.len()), strict: false, last: true };
            let reason = if bytes.len() > longest {
                format!("record longer than {longest} bytes")
            } else if bytes.first() != Some(&b'{') {
                "not an object".to_string()
            } else {
                match engine.record(&record, ask) {
                    // What follows was not looked at, and the record was taken.
                    Parsed::Done(length) if length == bytes.len() => return,
                    Parsed::Done(_) => "text after the record".to_string(),
                    Parsed::More => "the text ends in the middle of this record".to_string(),
                    Parsed::Bad(_, reason) => reason,
                }
            };
            engine.reject(number, reason);
        });
        if let Err(error) = read {
            let reason = format!("{} at byte {}", error.reason, error.offset + 1);
            engine.damaged(&reason);
            engine.reject(met + 1, reason);
        }
    }

    /// Reads the lines that begin in a block of a plain file.
    fn block(&mut self, log: &LogFile<'_>, blocks: &Blocks, number: u32) -> std::io::Result<()> {
        let mut text = std::mem::take(&mut self.text);
        let read = self.block_text(log, blocks, number, &mut text);
        let owned = match &read {
            Ok((filled, start, _)) => {
                let size = self.shared.options.block_bytes;
                text.get(*start..(*start + size).min(*filled))
            }
            Err(_) => None,
        };
        self.shared.progress.add(owned.map_or(0, <[u8]>::len) as u64);
        blocks.hash(number, owned);
        if let Ok((_, _, Some((from, to)))) = read {
            text[to..to + PAD].fill(0);
            let mut framer = Framer::of_lines(self.shared.options.max_record);
            self.engine.base = u64::from(number) << 32;
            let piece = &text[from..to + PAD];
            framer.run(piece, to - from, true, &mut self.engine);
            if let Some(lines) = blocks.lines.get(number as usize) {
                lines.store(framer.lines as u32, Ordering::Relaxed);
            }
        }
        self.engine.count.by_line = true;
        text.truncate(self.whole_cap());
        text.shrink_to(self.whole_cap());
        self.text = text;
        read.map(|_| ())
    }

    /// Fills `text` with a block from the byte before it to the end of its last line. Returns how much is
    /// there, where the block begins, and from where to where its lines are, if a line begins in it.
    #[allow(clippy::type_complexity, reason = "three offsets, named in the comment")]
    fn block_text(
        &self,
        log: &LogFile<'_>,
        blocks: &Blocks,
        number: u32,
        text: &mut Vec<u8>,
    ) -> std::io::Result<(usize, usize, Option<(usize, usize)>)> {
        let size = self.shared.options.block_bytes.max(1);
        let start = u64::from(number) * size as u64;
        let from = start.saturating_sub(1);
        let lead = (start - from) as usize;
        let file = File::open(log.path)?;
        let mut want = lead + size + BEHIND;
        let mut filled = 0;
        let end = loop {
            if text.len() < want + PAD {
                text.resize(want + PAD, 0);
            }
            filled += positioned::read_at(&file, &mut text[filled..want], from + filled as u64)?;
            // The file may have grown since it was measured; what is new belongs to no block.
            filled = filled.min((blocks.size.saturating_sub(from)) as usize);
            let last_owned = (lead + size - 1).min(filled);
            match memchr::memchr(b'\n', &text[last_owned..filled]) {
                Some(at) => break last_owned + at + 1,
                None if filled < want => break filled,
                None if filled - last_owned > self.shared.options.max_record => break filled,
                None => want += want.min(16 << 20),
            }
        };
        let first = if number == 0 {
            Some(blocks.mark)
        } else {
            memchr::memchr(b'\n', &text[..filled]).map(|at| at + 1)
        };
        let lines =
            first.filter(|first| *first < lead + size && *first < end).map(|first| (first, end));
        Ok((filled, lead, lines))
    }
}
