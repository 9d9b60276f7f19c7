//! The fast record reader: one pass over the bytes of a record, no copies, no allocation.
//!
//! It checks what it stands on: the framing of objects on the way to wanted fields, and the wanted values.
//! What it skips has to have balanced brackets and strings, no more: `{oops}` or bad UTF-8 in a value that
//! nobody wants passes. Anything that it does not understand goes to the slow twin ([`super::twin`]), whose
//! answer stands: an escape in a wanted key or value, a bracket out of place, nesting that is too deep.
//!
//! Writers emit the keys of an object in nearly one order. For each key the two keys that last followed it
//! are kept; their bytes are compared with what stands at the current place, in three words. A hit gives the
//! action without finding the key's end. It is a cache and never a rule: a miss takes the ordinary way.
//!
//! Texts end in [`PAD`] zero bytes, so that words can be read near the end; no zero byte completes anything.

use std::hash::BuildHasher as _;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::plan::{Action, MAX_DEPTH, NO_FIELD, NO_LEVEL, Plan, Ranges};
use crate::platform::events::Take;
use crate::scan::{self, End};

/// Zero bytes behind each text.
pub(crate) const PAD: usize = 64;

/// Longest `"key":` that is guessed.
const GUESS: usize = 24;

/// Keys that are remembered for a level. Keys are chosen by whoever writes the log.
const KEYS_KEPT: usize = 1_024;

/// Why a record was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The text ended inside the record.
    More,
    /// The record is broken, or not for this reader.
    Slow,
}

/// What was read, or nothing: why not is then in [`Walk::stop`], so that places come back in registers.
type Walked<T> = Option<T>;

/// A key that a level has seen.
#[derive(Debug, Clone)]
struct Known {
    /// `"key":` and zeros behind it.
    words: [u64; 3],
    /// Which bits of the words count; all zero and never equal for the start and for long keys.
    mask: [u64; 3],
    action: Action,
    /// The keys that last followed it.
    next: [u16; 2],
    length: u16,
}

/// A key that was read.
struct Member {
    key: u16,
    /// The place behind its colon.
    after: usize,
    action: Action,
}

/// What a level has seen.
struct Seen {
    keys: Vec<Known>,
    names: Vec<Box<[u8]>>,
    index: HashTable<u16>,
    depth: u32,
}

/// Reads records of one format. Each thread has its own.
pub(crate) struct Walker {
    plan: Plan,
    levels: Vec<Seen>,
    hasher: DefaultHashBuilder,
}

impl Walker {
    pub(crate) fn new(plan: Plan) -> Walker {
        let hasher = DefaultHashBuilder::default();
        let mut levels = Vec::new();
        for level in &plan.levels {
            let mut seen = Seen {
                keys: vec![known(None, Action::SKIP)],
                names: vec![Box::default()],
                index: HashTable::new(),
                depth: level.depth,
            };
            for (key, action) in &level.keys {
                seen.insert(key.as_bytes(), *action, &hasher);
            }
            levels.push(seen);
        }
        Walker { plan, levels, hasher }
    }

    /// The tree that it follows.
    pub(crate) fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Reads the record at the beginning of a padded text and returns its length.
    pub(crate) fn walk(&mut self, text: &[u8], ranges: &mut Ranges) -> Result<usize, Stop> {
        ranges.clear();
        if text.first() != Some(&b'{') {
            return Err(Stop::Slow);
        }
        let mut walk = Walk {
            levels: &mut self.levels,
            plan: &self.plan,
            hasher: &self.hasher,
            text,
            end: text.len().saturating_sub(PAD),
            ranges,
            stop: Stop::More,
        };
        walk.object(1, 0).ok_or(walk.stop)
    }
}

impl Seen {
    fn insert(&mut self, key: &[u8], action: Action, hasher: &DefaultHashBuilder) -> u16 {
        let number = self.keys.len() as u16;
        self.keys.push(known(Some(key), action));
        self.names.push(key.into());
        let names = &self.names;
        self.index.insert_unique(hasher.hash_one(key), number, |number| {
            hasher.hash_one(&*names[usize::from(*number)])
        });
        number
    }

    fn find(&self, key: &[u8], hasher: &DefaultHashBuilder) -> Option<u16> {
        self.index
            .find(hasher.hash_one(key), |number| *self.names[usize::from(*number)] == *key)
            .copied()
    }
}

fn known(key: Option<&[u8]>, action: Action) -> Known {
    let mut needle = [0; GUESS];
    let mut mask = [0; GUESS];
    let mut length = 0;
    match key {
        Some(key) if key.len() + 3 <= GUESS => {
            length = key.len() + 3;
            needle[0] = b'"';
            needle[1..=key.len()].copy_from_slice(key);
            needle[key.len() + 1] = b'"';
            needle[key.len() + 2] = b':';
            mask[..length].fill(0xff);
        }
        // No text holds these words under this mask: the padding is zero, and so is no quote.
        _ => {
            needle[0] = 0xff;
            mask[0] = 0xff;
        }
    }
    Known { words: words(&needle), mask: words(&mask), action, next: [0, 0], length: length as u16 }
}

fn words(bytes: &[u8; GUESS]) -> [u64; 3] {
    let mut out = [0; 3];
    let (chunks, _) = bytes.as_chunks::<8>();
    for (word, chunk) in out.iter_mut().zip(chunks) {
        *word = u64::from_le_bytes(*chunk);
    }
    out
}

impl Known {
    #[inline(always)]
    fn is(&self, text: &[u64; 3]) -> bool {
        let a = (self.words[0] ^ text[0]) & self.mask[0];
        let b = (self.words[1] ^ text[1]) & self.mask[1];
        let c = (self.words[2] ^ text[2]) & self.mask[2];
        a | b | c == 0
    }
}

struct Walk<'a, 'r> {
    levels: &'a mut [Seen],
    plan: &'a Plan,
    hasher: &'a DefaultHashBuilder,
    text: &'a [u8],
    end: usize,
    ranges: &'r mut Ranges,
    /// Why the record was not read, once something gave nothing: at first what a text that ends gives.
    stop: Stop,
}

impl Walk<'_, '_> {
    /// At a byte that fits nowhere: beyond the end more text may make it right.
    #[cold]
    fn wrong<T>(&mut self, at: usize) -> Walked<T> {
        self.stop = if at >= self.end { Stop::More } else { Stop::Slow };
        None
    }

    /// At what is not for this reader.
    #[cold]
    fn slow<T>(&mut self) -> Walked<T> {
        self.stop = Stop::Slow;
        None
    }

    #[inline(always)]
    fn byte(&self, at: usize) -> u8 {
        self.text.get(at).copied().unwrap_or(0)
    }

    #[inline(always)]
    fn blank(&self, at: usize) -> usize {
        if self.byte(at) > b' ' { at } else { self.blanks(at) }
    }

    /// Logs are written without blanks, mostly.
    #[cold]
    #[inline(never)]
    fn blanks(&self, mut at: usize) -> usize {
        while matches!(self.byte(at), b' ' | b'\n' | b'\r' | b'\t') {
            at += 1;
        }
        at
    }

    /// Members of an object of a wanted level; `at` is behind its brace. Returns the place behind its end.
    fn object(&mut self, at: usize, level: u16) -> Walked<usize> {
        let mut at = self.blank(at);
        if self.byte(at) == b'}' {
            return Some(at + 1);
        }
        let mut before = 0u16;
        loop {
            let member = self.key(at, level, before)?;
            before = member.key;
            let value = self.blank(member.after);
            at = if self.byte(value) == b'"' {
                self.string(value, member.action)?
            } else if member.action.below == 0 {
                self.skip(value, level)?
            } else {
                self.value(value, member.action, level)?
            };
            at = self.blank(at);
            match self.byte(at) {
                b',' => at = self.blank(at + 1),
                b'}' => return Some(at + 1),
                _ => return self.wrong(at),
            }
        }
    }

    /// Reads a key and its colon.
    #[inline(always)]
    fn key(&mut self, at: usize, level: u16, before: u16) -> Walked<Member> {
        let keys = self.levels[usize::from(level)].keys.as_slice();
        if let Some(chunk) = self.text.get(at..).and_then(|text| text.first_chunk()) {
            let chunk = words(chunk);
            for guess in keys[usize::from(before)].next {
                let known = &keys[usize::from(guess)];
                if known.is(&chunk) {
                    let after = at + usize::from(known.length);
                    return Some(Member { key: guess, after, action: known.action });
                }
            }
        }
        self.key_the_ordinary_way(at, level, before)
    }

    #[inline(never)]
    fn key_the_ordinary_way(&mut self, at: usize, level: u16, before: u16) -> Walked<Member> {
        if self.byte(at) != b'"' {
            return self.wrong(at);
        }
        let close = scan::string_stop(self.text, at + 1)?;
        if self.byte(close) == b'\\' {
            return self.slow();
        }
        let colon = self.blank(close + 1);
        if self.byte(colon) != b':' {
            return self.wrong(colon);
        }
        let key = &self.text[at + 1..close];
        let seen = &mut self.levels[usize::from(level)];
        let number = match seen.find(key, self.hasher) {
            Some(number) => number,
            // Wanted keys are known from the start; number 0 is skipped.
            None if seen.keys.len() >= KEYS_KEPT || key.len() > 256 => {
                return Some(Member { key: 0, after: colon + 1, action: Action::SKIP });
            }
            None => seen.insert(key, Action::SKIP, self.hasher),
        };
        let next = &mut seen.keys[usize::from(before)].next;
        *next = [number, next[0]];
        let action = seen.keys[usize::from(number)].action;
        Some(Member { key: number, after: colon + 1, action })
    }

    /// A string, wanted or not; `at` is its opening quote.
    #[inline(always)]
    fn string(&mut self, at: usize, action: Action) -> Walked<usize> {
        if self.ranges.set & action.below != 0 {
            self.ranges.drop_below(action.below);
        }
        let close = scan::string_stop(self.text, at + 1)?;
        let is_taken = action.field() != NO_FIELD;
        let after = if self.byte(close) == b'"' {
            close + 1
        } else if is_taken && action.take() != Take::Raw {
            return self.slow();
        } else {
            scan::string_end(self.text, close)?
        };
        if is_taken {
            let marks = usize::from(action.take() != Take::Raw);
            self.ranges.put(action.field(), at + marks, after - marks);
        }
        Some(after)
    }

    /// A value of which something is wanted.
    #[inline]
    fn value(&mut self, at: usize, action: Action, level: u16) -> Walked<usize> {
        if self.ranges.set & action.below != 0 {
            self.ranges.drop_below(action.below);
        }
        match self.byte(at) {
            b'"' => self.string(at, action),
            b'{' | b'[' => {
                let after = self.container(at, action, level)?;
                if action.field() != NO_FIELD && action.take() == Take::Raw {
                    self.ranges.put(action.field(), at, after);
                }
                Some(after)
            }
            _ if action.field() == NO_FIELD => self.skip(at, level),
            _ => self.literal(at, action),
        }
    }

    fn container(&mut self, at: usize, action: Action, level: u16) -> Walked<usize> {
        if action.enter() == NO_LEVEL {
            return self.skip(at, level);
        }
        if self.byte(at) == b'{' {
            if self.plan.levels[usize::from(action.enter())].keys.is_empty() {
                return self.skip(at, level);
            }
            return self.object(at + 1, action.enter());
        }
        match self.plan.element(action.enter()) {
            Some(element) => self.array(at + 1, element, action.enter()),
            None => self.skip(at, level),
        }
    }

    /// Elements of a wanted array; of each field the first element that has it counts.
    fn array(&mut self, at: usize, element: Action, level: u16) -> Walked<usize> {
        let mut at = self.blank(at);
        if self.byte(at) == b']' {
            return Some(at + 1);
        }
        let before = self.ranges.frozen;
        loop {
            self.ranges.freeze(element.below);
            at = self.value(at, element, level)?;
            at = self.blank(at);
            match self.byte(at) {
                b',' => at = self.blank(at + 1),
                b']' => {
                    self.ranges.thaw(before);
                    return Some(at + 1);
                }
                _ => return self.wrong(at),
            }
        }
    }

    /// A number, `true`, `false` or `null` of which the text may be wanted.
    fn literal(&mut self, at: usize, action: Action) -> Walked<usize> {
        let after = literal_end(self.text, at);
        if after == at || after >= self.end {
            return self.wrong(after);
        }
        let text = &self.text[at..after];
        if text == b"null" {
            return Some(after);
        }
        if text != b"true" && text != b"false" && !is_number(text) {
            return self.slow();
        }
        if action.take() != Take::Text {
            self.ranges.put(action.field(), at, after);
        }
        Some(after)
    }

    /// Any value of which nothing is wanted.
    #[inline]
    fn skip(&mut self, at: usize, level: u16) -> Walked<usize> {
        match self.byte(at) {
            b'"' => scan::string_end(self.text, at + 1),
            b'{' | b'[' => {
                let depth = self.levels[usize::from(level)].depth;
                match container_end(self.text, at + 1, depth + 1) {
                    Ok(after) => Some(after),
                    Err(stop) => {
                        self.stop = stop;
                        None
                    }
                }
            }
            _ => {
                let after = literal_end(self.text, at);
                if after == at || after >= self.end {
                    return self.wrong(after);
                }
                Some(after)
            }
        }
    }
}

/// The place behind a string whose opening quote is before `at`.
#[inline(always)]
pub(crate) fn string_end(text: &[u8], at: usize) -> Result<usize, Stop> {
    scan::string_end(text, at).ok_or(Stop::More)
}

/// The place behind an object or array whose opening bracket is before `at`; `depth` counts it.
pub(crate) fn container_end(text: &[u8], at: usize, depth: u32) -> Result<usize, Stop> {
    match scan::container_end(text, at, (MAX_DEPTH + 1).saturating_sub(depth)) {
        End::At(after) => Ok(after),
        End::Beyond => Err(Stop::More),
        End::Deep => Err(Stop::Slow),
    }
}

/// The place behind letters, digits and signs.
#[inline(always)]
pub(crate) fn literal_end(text: &[u8], at: usize) -> usize {
    let head = text.get(at..).and_then(|text| text.first_chunk::<5>());
    if let Some([b'n', b'u', b'l', b'l', b',' | b'}'] | [b't', b'r', b'u', b'e', b',' | b'}']) =
        head
    {
        return at + 4;
    }
    let mut at = at;
    while matches!(text.get(at), Some(b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'+' | b'E')) {
        at += 1;
    }
    at
}

/// Whether a text is a JSON number (RFC 8259, section 6).
fn is_number(text: &[u8]) -> bool {
    let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let text = text.strip_prefix(b"-").unwrap_or(text);
    let whole = digits(text);
    if whole == 0 || (whole > 1 && text[0] == b'0') {
        return false;
    }
    let mut rest = &text[whole..];
    if let Some(after) = rest.strip_prefix(b".") {
        let fraction = digits(after);
        if fraction == 0 {
            return false;
        }
        rest = &after[fraction..];
    }
    if let Some(after) = rest.strip_prefix(b"e").or_else(|| rest.strip_prefix(b"E")) {
        let after = after.strip_prefix(b"+").or_else(|| after.strip_prefix(b"-")).unwrap_or(after);
        let exponent = digits(after);
        return exponent > 0 && exponent == after.len();
    }
    rest.is_empty()
}
