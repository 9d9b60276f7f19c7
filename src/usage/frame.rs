//! Framing: where records begin in a text that comes in pieces, and how to go on behind a broken one.
//!
//! | form | how it is told | a record is | behind a broken record |
//! |---|---|---|---|
//! | array member | the first object has one of the format's keys with an array | an element | the next place that begins like the first record |
//! | bare array | the text begins with `[` and an object | an element | the same |
//! | lines | the first object ends with its line | each object of a line | the next line |
//! | concatenated | anything else that begins with an object | an object | as in an array |
//!
//! All decisions depend on the text alone and never on how it is cut into pieces, so that every size of
//! block gives the same records. A record that is not complete is read again when more text is there.

use memchr::{memchr, memmem};

use super::form::{Form, blank, decide};
use super::walk::{PAD, Stop, container_end, literal_end, string_end};

/// How far into a record its first key is looked for.
const SIGNATURE: usize = 256;

/// Text that broken records may cost at least before the rest is given up.
const BUDGET: usize = 16 << 20;

/// What became of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Parsed {
    /// It was read (used, left out or rejected for what it says), and is so long.
    Done(usize),
    /// It is not complete.
    More,
    /// It is broken at this byte, for this reason.
    Bad(usize, String),
}

/// Takes the records that are found.
pub(crate) trait Sink {
    /// Reads the record at the beginning of a padded text.
    fn record(&mut self, text: &[u8], ask: Ask) -> Parsed;

    /// Counts and lists a record that cannot be used.
    fn reject(&mut self, at: u64, reason: String);

    /// The text ends before it should.
    fn damaged(&mut self, reason: &str);
}

/// How a record is to be read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ask {
    /// Number of the record or line, from 1.
    pub(crate) at: u64,
    /// Bytes that it may have. No more of them are in the text, but for what fills the padding.
    pub(crate) longest: usize,
    /// By the slow reader.
    pub(crate) strict: bool,
    /// No more text will come.
    pub(crate) last: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before a top-level value; whether one came before.
    Start(bool),
    Array(bool),
    /// In the members behind an array.
    Tail,
    Lines,
    /// In a line that is too long.
    LongLine,
    Concatenated,
    /// Behind a broken record of an array (then: whether an object is around it) or of concatenated ones.
    Lost(Option<bool>),
    Ended,
}

/// What became of one step.
enum Next {
    /// Go on at this offset.
    At(usize),
    /// More text is needed from this offset on.
    More(usize),
}

/// Finds the records of one text.
pub(crate) struct Framer {
    keys: &'static [&'static str],
    state: State,
    /// `{"key"` as the first record of an array has it.
    signature: Vec<u8>,
    /// Records that were met, and lines that were begun.
    pub(crate) records: u64,
    pub(crate) lines: u64,
    /// Whether places are lines. Other forms than lines end that.
    pub(crate) by_line: bool,
    longest: usize,
    /// A record was broken: from there on the strict reader reads, since the fast one may run far.
    careful: bool,
    /// How much text broken records may still cost.
    budget: usize,
    /// The text was found to end inside a record. What begins in that record is tried, but its failing is
    /// not told again.
    cut: bool,
}

/// A view of the piece at hand.
#[derive(Clone, Copy)]
struct Piece<'a> {
    text: &'a [u8],
    end: usize,
    last: bool,
}

impl Framer {
    /// For a text of a format with these array keys. `by_line`: places of lines are line numbers.
    pub(crate) fn new(keys: &'static [&'static str], by_line: bool, longest: usize) -> Framer {
        Framer {
            keys,
            state: State::Start(false),
            signature: Vec::new(),
            records: 0,
            lines: 0,
            by_line,
            longest,
            careful: false,
            budget: longest.saturating_mul(4).max(BUDGET),
            cut: false,
        }
    }

    /// For a piece of a file whose form is known to be lines; it begins at a line.
    pub(crate) fn of_lines(longest: usize) -> Framer {
        let mut framer = Framer::new(&[], true, longest);
        framer.state = State::Lines;
        framer
    }

    /// Reads what is complete in a piece: `end` bytes, padded with zeros. Returns how many bytes are done;
    /// the rest has to stand at the beginning of the next piece. With `last`, everything is done.
    pub(crate) fn run(
        &mut self,
        text: &[u8],
        end: usize,
        last: bool,
        sink: &mut impl Sink,
    ) -> usize {
        let piece = Piece { text, end, last };
        let mut at = 0;
        loop {
            let next = match self.state {
                State::Start(again) => self.start(piece, at, again, sink),
                State::Array(wrapped) => self.array(piece, at, wrapped, sink),
                State::Tail => self.tail(piece, at, sink),
                State::Lines => self.line(piece, at, sink),
                State::LongLine => self.long_line(piece, at),
                State::Concatenated => self.concatenated(piece, at, sink),
                State::Lost(array) => self.lost(piece, at, array, sink),
                State::Ended => return end,
            };
            match next {
                Next::At(next) => at = next,
                Next::More(at) => return at,
            }
        }
    }

    fn start(&mut self, piece: Piece<'_>, at: usize, again: bool, sink: &mut impl Sink) -> Next {
        let from = at;
        let at = blank(piece.text, at);
        let skipped = piece.text.get(from..at).unwrap_or(&[]);
        self.lines += memchr::memchr_iter(b'\n', skipped).count() as u64;
        if at >= piece.end {
            return Next::More(piece.end);
        }
        if again && !matches!(piece.text[at], b'{' | b'[') {
            self.meet(sink, "unexpected text after the last record".to_string());
            return self.end(piece);
        }
        let available = (piece.end - at).min(self.longest);
        let complete = piece.last || available >= self.longest;
        let text = piece.text.get(at..at + available + PAD).unwrap_or(&[]);
        match decide(text, available, complete, self.keys) {
            None => Next::More(at),
            Some(Form::Array(inside, wrapped)) => {
                self.by_line = false;
                self.state = State::Array(wrapped);
                Next::At(at + inside)
            }
            Some(Form::Lines) => {
                self.state = State::Lines;
                Next::At(at)
            }
            Some(Form::Concatenated) => {
                self.by_line = false;
                self.state = State::Concatenated;
                Next::At(at)
            }
        }
    }

    fn array(&mut self, piece: Piece<'_>, at: usize, wrapped: bool, sink: &mut impl Sink) -> Next {
        let mut at = at;
        while matches!(piece.text[at], b' ' | b'\n' | b'\r' | b'\t' | b',') {
            at += 1;
        }
        if at >= piece.end {
            if piece.last {
                sink.damaged("the text ends before its array of records is closed");
                self.state = State::Ended;
            }
            return Next::More(piece.end);
        }
        match piece.text[at] {
            b'{' => self.record(piece, at, Some(wrapped), sink),
            b']' => {
                self.state = if wrapped { State::Tail } else { State::Start(true) };
                Next::At(at + 1)
            }
            _ => self.no_object(piece, at, wrapped, sink),
        }
    }

    /// An element that is no object.
    fn no_object(
        &mut self,
        piece: Piece<'_>,
        at: usize,
        wrapped: bool,
        sink: &mut impl Sink,
    ) -> Next {
        let after = match piece.text[at] {
            b'"' => string_end(piece.text, at + 1),
            b'[' => container_end(piece.text, at + 1, 2),
            _ => match literal_end(piece.text, at) {
                after if after == at => Err(Stop::Slow),
                after if after >= piece.end => Err(Stop::More),
                after => Ok(after),
            },
        };
        let waits = !piece.last && piece.end - at < self.longest;
        match after {
            Err(Stop::More) if waits => return Next::More(at),
            Ok(after) if after - at <= self.longest => {
                self.meet(sink, "not an object".to_string());
                return Next::At(after);
            }
            _ => {}
        }
        self.meet(sink, "not an object".to_string());
        self.state = State::Lost(Some(wrapped));
        self.charge(piece, at + 1, sink)
    }

    /// The members behind the array: they are skipped.
    fn tail(&mut self, piece: Piece<'_>, at: usize, sink: &mut impl Sink) -> Next {
        let available = piece.end - at;
        match container_end(piece.text, at, 1) {
            Ok(after) if after - at <= self.longest => {
                self.state = State::Start(true);
                Next::At(after)
            }
            Err(Stop::More) if !piece.last && available < self.longest => Next::More(at),
            _ => {
                sink.damaged("what follows the records is cut off, or too long");
                self.end(piece)
            }
        }
    }

    fn concatenated(&mut self, piece: Piece<'_>, at: usize, sink: &mut impl Sink) -> Next {
        let at = blank(piece.text, at);
        if at >= piece.end {
            return Next::More(piece.end);
        }
        if piece.text[at] == b'{' {
            return self.record(piece, at, None, sink);
        }
        self.meet(sink, "not an object".to_string());
        self.state = State::Lost(None);
        self.charge(piece, at + 1, sink)
    }

    /// A record of an array or of concatenated ones.
    fn record(
        &mut self,
        piece: Piece<'_>,
        at: usize,
        array: Option<bool>,
        sink: &mut impl Sink,
    ) -> Next {
        if self.signature.is_empty() {
            match signature(&piece.text[at..]) {
                Some(signature) => self.signature = signature,
                None if piece.last || piece.end - at >= SIGNATURE => self.signature.push(b'{'),
                None => return Next::More(at),
            }
        }
        let ask = Ask {
            at: self.records + 1,
            longest: self.longest,
            strict: self.careful,
            last: piece.last,
        };
        // Of what is too long all that is seen is what any size of piece shows.
        let available = (piece.end - at).min(self.longest);
        let text = piece.text.get(at..at + available + PAD).unwrap_or(&[]);
        let (length, reason) = match sink.record(text, ask) {
            Parsed::Done(length) => {
                self.records += 1;
                return Next::At(at + length);
            }
            Parsed::Bad(place, reason) => (place, Some(reason)),
            Parsed::More if available >= self.longest => (0, Some(self.too_long("record"))),
            Parsed::More if !piece.last => return Next::More(at),
            Parsed::More => {
                let reason = "the text ends in the middle of this record";
                sink.damaged(reason);
                let told = std::mem::replace(&mut self.cut, true);
                (0, (!told).then(|| reason.to_string()))
            }
        };
        if let Some(reason) = reason {
            self.meet(sink, reason);
        }
        self.careful = true;
        self.state = State::Lost(array);
        // The reader's place is behind the byte that it did not expect, which may begin the next record.
        let resume = length.saturating_sub(2).max(1);
        let cost = match length {
            0 => available,
            length => length,
        };
        self.budget = self.budget.saturating_sub(cost);
        self.charge(piece, at + resume, sink)
    }

    /// Gives the rest of the text up when broken records have cost too much.
    fn charge(&mut self, piece: Piece<'_>, at: usize, sink: &mut impl Sink) -> Next {
        self.careful = true;
        self.budget = self.budget.saturating_sub(1);
        if self.budget == 0 {
            if !self.cut {
                let reason = "too much is broken here; the rest was not read";
                self.meet(sink, reason.to_string());
            }
            sink.damaged("too much of the text is broken to read on");
            return self.end(piece);
        }
        Next::At(at)
    }

    /// Looks for the next place that begins like a record.
    fn lost(
        &mut self,
        piece: Piece<'_>,
        at: usize,
        array: Option<bool>,
        sink: &mut impl Sink,
    ) -> Next {
        let rest = piece.text.get(at..piece.end).unwrap_or(&[]);
        let found = if self.signature.is_empty() {
            memchr(b'{', rest)
        } else {
            memmem::find(rest, &self.signature)
        };
        if let Some(found) = found {
            self.state = match array {
                Some(wrapped) => State::Array(wrapped),
                None => State::Concatenated,
            };
            return Next::At(at + found);
        }
        if piece.last {
            sink.damaged("nothing after a broken record could be read");
            return self.end(piece);
        }
        let keep = self.signature.len().saturating_sub(1);
        Next::More(piece.end.saturating_sub(keep).max(at).min(piece.end))
    }

    fn line(&mut self, piece: Piece<'_>, at: usize, sink: &mut impl Sink) -> Next {
        if at >= piece.end {
            return Next::More(piece.end);
        }
        let line = piece.text.get(at..piece.end).unwrap_or(&[]);
        let (length, after) = match memchr(b'\n', line) {
            Some(length) => (length, at + length + 1),
            None if piece.last => (line.len(), piece.end),
            None if line.len() > self.longest => (line.len(), piece.end),
            None => return Next::More(at),
        };
        self.lines += 1;
        if length > self.longest {
            let reason = self.too_long("line");
            self.meet(sink, reason);
            if after == at + length {
                self.state = State::LongLine;
            }
            return Next::At(after);
        }
        self.records_of_line(piece, at, at + length, sink);
        Next::At(after)
    }

    /// The objects of one line, which may be none.
    fn records_of_line(&mut self, piece: Piece<'_>, from: usize, to: usize, sink: &mut impl Sink) {
        let mut at = from;
        loop {
            while at < to && matches!(piece.text[at], b' ' | b'\r' | b'\t' | 0x1e) {
                at += 1;
            }
            if at >= to {
                return;
            }
            if piece.text[at] != b'{' {
                self.meet(sink, "not an object".to_string());
                return;
            }
            let ask = Ask { at: self.place(), longest: to - at, strict: false, last: true };
            // What follows the line is no padding; it must not complete the record.
            let text = &piece.text[at..];
            let parsed = match sink.record(text.get(..to - at + PAD).unwrap_or(text), ask) {
                Parsed::Done(length) => {
                    self.records += 1;
                    at += length;
                    continue;
                }
                parsed => parsed,
            };
            let reason = match parsed {
                Parsed::Bad(_, reason) => reason,
                _ => "the line ends in the middle of this record".to_string(),
            };
            self.meet(sink, reason);
            return;
        }
    }

    fn long_line(&mut self, piece: Piece<'_>, at: usize) -> Next {
        match memchr(b'\n', piece.text.get(at..piece.end).unwrap_or(&[])) {
            Some(length) => {
                self.state = State::Lines;
                Next::At(at + length + 1)
            }
            None => Next::More(piece.end),
        }
    }

    /// The place of the record that comes next (in lines: of the line at hand).
    fn place(&self) -> u64 {
        if self.by_line && matches!(self.state, State::Lines | State::LongLine) {
            self.lines
        } else {
            self.records + 1
        }
    }

    fn meet(&mut self, sink: &mut impl Sink, reason: String) {
        sink.reject(self.place(), reason);
        self.records += 1;
    }

    fn too_long(&self, what: &str) -> String {
        format!("{what} longer than {} bytes", self.longest)
    }

    fn end(&mut self, piece: Piece<'_>) -> Next {
        self.state = State::Ended;
        Next::More(piece.end)
    }
}

/// From the brace of a record to the end of its first key.
fn signature(text: &[u8]) -> Option<Vec<u8>> {
    let text = text.get(..SIGNATURE).unwrap_or(text);
    let quote = blank(text, 1);
    if text.get(quote) != Some(&b'"') {
        return None;
    }
    let end = string_end(text, quote + 1).ok()?;
    text.get(..end).map(<[u8]>::to_vec)
}
