//! The fast record reader: one pass over the bytes of a record, no copies, no allocation.
//!
//! It checks what it stands on: the framing of objects on the way to wanted fields, and the wanted values.
//! What it skips has to have balanced brackets and strings, no more: `{oops}` or bad UTF-8 in a value that
//! nobody wants passes. Anything that it does not understand goes to the slow twin ([`super::twin`]), whose
//! answer stands: an escape in a wanted key or value, a bracket out of place, nesting that is too deep.
//!
//! Writers emit the keys of an object in nearly one order. For each key the keys that last followed it are kept; their
//! bytes, with the quote of a value that is a string, are compared with what stands at the current place, all at once.
//! A hit gives the action and the value's place without finding the key's end. It is a cache and never a rule: a miss
//! takes the ordinary way.
//!
//! Texts end in [`PAD`] zero bytes, so that words can be read near the end; no zero byte completes anything.

use std::hash::BuildHasher as _;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::plan::{Action, MAX_DEPTH, NO_FIELD, NO_LEVEL, Plan, Ranges};
use crate::platform::events::Take;
use crate::scan::{self, End, Step};

/// Zero bytes behind each text.
pub(crate) const PAD: usize = 64;

/// Longest `,"key":"` that is guessed.
const GUESS: usize = 32;

/// Keys that are remembered to have followed one.
const FOLLOWERS: usize = 7;

/// What one record may teach.
const LESSONS: usize = 16;

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

/// What was read, or nothing: why not is then in [`Found::stop`], so that places come back in registers.
type Walked<T> = Option<T>;

/// A key that a level has seen, with a value of one kind: a string or not.
#[derive(Debug, Clone)]
#[repr(align(64))]
struct Known {
    /// `,"key":`, with the next quote before a string.
    head: [u8; GUESS],
    /// How much of the head counts; beyond it, and never equal, for the start and for long keys.
    length: u16,
    /// What last followed it.
    next: [u16; FOLLOWERS],
    action: Action,
}

/// A key that was read.
struct Member {
    key: u16,
    /// The place of its value; of a string, behind its quote.
    value: usize,
    is_string: bool,
    action: Action,
}

/// What a level has seen. Each key has two numbers: an even one, and behind it the one for strings.
struct Seen {
    keys: Vec<Known>,
    names: Vec<Box<[u8]>>,
    index: HashTable<u16>,
    depth: u32,
}

/// What a record teaches about a level: this key came behind that one.
struct Lesson {
    level: u16,
    before: u16,
    /// Its number, or where its name stands if it has none yet.
    key: Result<u16, (usize, usize)>,
}

/// Reads records of one format. Each thread has its own.
pub(crate) struct Walker {
    plan: Plan,
    levels: Vec<Seen>,
    hasher: DefaultHashBuilder,
    lessons: Vec<Lesson>,
}

impl Walker {
    pub(crate) fn new(plan: Plan) -> Walker {
        let hasher = DefaultHashBuilder::default();
        let mut levels = Vec::new();
        for level in &plan.levels {
            let mut seen = Seen {
                keys: known(None, Action::SKIP).into(),
                names: vec![Box::default()],
                index: HashTable::new(),
                depth: level.depth,
            };
            for (key, action) in &level.keys {
                seen.insert(key.as_bytes(), *action, &hasher);
            }
            levels.push(seen);
        }
        Walker { plan, levels, hasher, lessons: Vec::new() }
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
        match scan::wide() {
            Some(step) => self.walk_by(step, text, ranges),
            None => self.walk_by(scan::baseline(), text, ranges),
        }
    }

    fn walk_by(
        &mut self,
        step: impl Step,
        text: &[u8],
        ranges: &mut Ranges,
    ) -> Result<usize, Stop> {
        let walk = Walk {
            step,
            levels: &self.levels,
            plan: &self.plan,
            hasher: &self.hasher,
            text,
            end: text.len().saturating_sub(PAD),
        };
        let mut found = Found { ranges, lessons: &mut self.lessons, stop: Stop::More };
        let read = walk.object(&mut found, 0, 0).ok_or(found.stop);
        if !self.lessons.is_empty() {
            self.learn(text);
        }
        read
    }

    /// Once the record is read, so that nothing changes while it is.
    #[cold]
    fn learn(&mut self, text: &[u8]) {
        for Lesson { level, before, key } in self.lessons.drain(..) {
            let Some(seen) = self.levels.get_mut(usize::from(level)) else { continue };
            let key = match key {
                Ok(key) => key,
                Err((from, to)) => {
                    let name = text.get(from..to).unwrap_or_default();
                    if seen.names.len() >= KEYS_KEPT || seen.find(name, &self.hasher).is_some() {
                        continue;
                    }
                    seen.insert(name, Action::SKIP, &self.hasher)
                }
            };
            if let Some(before) = seen.keys.get_mut(usize::from(before)) {
                remember(&mut before.next, key);
            }
        }
    }
}

impl Seen {
    fn insert(&mut self, key: &[u8], action: Action, hasher: &DefaultHashBuilder) -> u16 {
        let number = self.keys.len() as u16;
        self.keys.extend(known(Some(key), action));
        self.names.push(key.into());
        let names = &self.names;
        self.index.insert_unique(hasher.hash_one(key), number, |number| {
            hasher.hash_one(&*names[usize::from(*number) / 2])
        });
        number
    }

    fn find(&self, key: &[u8], hasher: &DefaultHashBuilder) -> Option<u16> {
        self.index
            .find(hasher.hash_one(key), |number| *self.names[usize::from(*number) / 2] == *key)
            .copied()
    }
}

/// A key before anything else, and before a string. Nothing is like what has no key.
fn known(key: Option<&[u8]>, action: Action) -> [Known; 2] {
    [&b"\":"[..], b"\":\""].map(|tail| {
        let mut head = [0; GUESS];
        let mut length = GUESS + 1;
        if let Some(key) = key
            && let Some(place) = head.get_mut(2..2 + key.len() + tail.len())
        {
            place[..key.len()].copy_from_slice(key);
            place[key.len()..].copy_from_slice(tail);
            length = 2 + key.len() + tail.len();
            head[..2].copy_from_slice(b",\"");
        }
        Known { head, length: length as u16, next: [0; FOLLOWERS], action }
    })
}

/// What is read, and from what. It does not change, so that the loops keep it in registers.
struct Walk<'a, S> {
    step: S,
    levels: &'a [Seen],
    plan: &'a Plan,
    hasher: &'a DefaultHashBuilder,
    text: &'a [u8],
    end: usize,
}

/// What is found.
struct Found<'a> {
    ranges: &'a mut Ranges,
    lessons: &'a mut Vec<Lesson>,
    /// Why the record was not read, once something gave nothing: at first what a text that ends gives.
    stop: Stop,
}

impl Found<'_> {
    /// At what is not for this reader.
    #[cold]
    fn slow<T>(&mut self) -> Walked<T> {
        self.stop = Stop::Slow;
        None
    }

    #[cold]
    fn teach(&mut self, lesson: Lesson) {
        if self.lessons.len() < LESSONS {
            self.lessons.push(lesson);
        }
    }
}

impl<S: Step> Walk<'_, S> {
    /// At a byte that fits nowhere: beyond the end more text may make it right.
    #[cold]
    fn wrong<T>(&self, found: &mut Found<'_>, at: usize) -> Walked<T> {
        found.stop = if at >= self.end { Stop::More } else { Stop::Slow };
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

    /// Members of an object of a wanted level; `at` is its brace. Returns the place behind its end.
    fn object(&self, found: &mut Found<'_>, at: usize, level: u16) -> Walked<usize> {
        self.step.run(
            #[inline(always)]
            || self.members(found, at, level),
        )
    }

    #[inline(always)]
    fn members(&self, found: &mut Found<'_>, at: usize, level: u16) -> Walked<usize> {
        let keys = self.levels[usize::from(level)].keys.as_slice();
        // Where the brace or comma before a member is.
        let mut at = at;
        let mut before = 0;
        loop {
            let member = match self.guess(keys, at, before) {
                Some(member) => member,
                None => {
                    let first = self.blank(at + 1);
                    if before == 0 && self.byte(first) == b'}' {
                        return Some(first + 1);
                    }
                    self.ordinary(found, first, (level, before))?
                }
            };
            before = member.key;
            let after = if member.is_string {
                self.string(found, member.value, member.action)?
            } else if member.action.below == 0 {
                self.skip(found, member.value, level)?
            } else {
                self.value(found, member.value, member.action, level)?
            };
            at = self.blank(after);
            match self.byte(at) {
                b',' => {}
                b'}' => return Some(at + 1),
                _ => return self.wrong(found, at),
            }
        }
    }

    /// What stands behind a brace or comma, if it is what last followed the key before.
    #[inline(always)]
    fn guess(&self, keys: &[Known], at: usize, before: u16) -> Option<Member> {
        let text = self.text.get(at..)?.first_chunk()?;
        for key in keys[usize::from(before)].next {
            let known = &keys[usize::from(key)];
            let length = usize::from(known.length);
            if self.step.is_head(text, &known.head, length) {
                let is_string = key & 1 != 0;
                // Only what is taken for anything but a string may turn out to be one.
                if !is_string && matches!(text.get(length), None | Some(..=b' ' | b'"')) {
                    return None;
                }
                return Some(Member { key, value: at + length, is_string, action: known.action });
            }
        }
        None
    }

    /// Reads a key, its colon, and the quote of a value that is a string.
    #[inline(never)]
    fn ordinary(
        &self,
        found: &mut Found<'_>,
        at: usize,
        (level, before): (u16, u16),
    ) -> Walked<Member> {
        if self.byte(at) != b'"' {
            return self.wrong(found, at);
        }
        let close = self.step.string_stop(self.text, at + 1)?;
        if self.byte(close) == b'\\' {
            return found.slow();
        }
        let colon = self.blank(close + 1);
        if self.byte(colon) != b':' {
            return self.wrong(found, colon);
        }
        let value = self.blank(colon + 1);
        let is_string = self.byte(value) == b'"';
        let value = value + usize::from(is_string);
        let key = &self.text[at + 1..close];
        let seen = &self.levels[usize::from(level)];
        let Some(number) = seen.find(key, self.hasher) else {
            // Wanted keys are known from the start; others are skipped.
            if seen.names.len() < KEYS_KEPT && key.len() <= 256 {
                found.teach(Lesson { level, before, key: Err((at + 1, close)) });
            }
            return Some(Member { key: 1, value, is_string, action: Action::SKIP });
        };
        let key = number + u16::from(is_string);
        found.teach(Lesson { level, before, key: Ok(key) });
        let action = seen.keys[usize::from(key)].action;
        Some(Member { key, value, is_string, action })
    }

    /// A string, wanted or not; `at` is behind its opening quote.
    #[inline(always)]
    fn string(&self, found: &mut Found<'_>, at: usize, action: Action) -> Walked<usize> {
        if found.ranges.set & action.below != 0 {
            found.ranges.drop_below(action.below);
        }
        let close = self.step.string_stop(self.text, at)?;
        let is_taken = action.field() != NO_FIELD;
        let after = if self.byte(close) == b'"' {
            close + 1
        } else if is_taken && action.take() != Take::Raw {
            return found.slow();
        } else {
            self.step.string_end(self.text, close)?
        };
        if is_taken {
            let marks = usize::from(action.take() == Take::Raw);
            found.ranges.put(action.field(), at - marks, after - 1 + marks);
        }
        Some(after)
    }

    /// A value of which something is wanted.
    #[inline]
    fn value(&self, found: &mut Found<'_>, at: usize, action: Action, level: u16) -> Walked<usize> {
        if found.ranges.set & action.below != 0 {
            found.ranges.drop_below(action.below);
        }
        match self.byte(at) {
            b'"' => self.string(found, at + 1, action),
            b'{' | b'[' => {
                let after = self.container(found, at, action, level)?;
                if action.field() != NO_FIELD && action.take() == Take::Raw {
                    found.ranges.put(action.field(), at, after);
                }
                Some(after)
            }
            _ if action.field() == NO_FIELD => self.skip(found, at, level),
            _ => self.literal(found, at, action),
        }
    }

    fn container(
        &self,
        found: &mut Found<'_>,
        at: usize,
        action: Action,
        level: u16,
    ) -> Walked<usize> {
        if action.enter() == NO_LEVEL {
            return self.skip(found, at, level);
        }
        if self.byte(at) == b'{' {
            if self.plan.levels[usize::from(action.enter())].keys.is_empty() {
                return self.skip(found, at, level);
            }
            return self.object(found, at, action.enter());
        }
        match self.plan.element(action.enter()) {
            Some(element) => self.array(found, at + 1, element, action.enter()),
            None => self.skip(found, at, level),
        }
    }

    /// Elements of a wanted array; of each field the first element that has it counts.
    fn array(
        &self,
        found: &mut Found<'_>,
        at: usize,
        element: Action,
        level: u16,
    ) -> Walked<usize> {
        let mut at = self.blank(at);
        if self.byte(at) == b']' {
            return Some(at + 1);
        }
        let before = found.ranges.frozen;
        loop {
            found.ranges.freeze(element.below);
            at = self.value(found, at, element, level)?;
            at = self.blank(at);
            match self.byte(at) {
                b',' => at = self.blank(at + 1),
                b']' => {
                    found.ranges.thaw(before);
                    return Some(at + 1);
                }
                _ => return self.wrong(found, at),
            }
        }
    }

    /// A number, `true`, `false` or `null` of which the text may be wanted.
    fn literal(&self, found: &mut Found<'_>, at: usize, action: Action) -> Walked<usize> {
        let after = literal_end(self.text, at);
        if after == at || after >= self.end {
            return self.wrong(found, after);
        }
        let text = &self.text[at..after];
        if text == b"null" {
            return Some(after);
        }
        if text != b"true" && text != b"false" && !is_number(text) {
            return found.slow();
        }
        if action.take() != Take::Text {
            found.ranges.put(action.field(), at, after);
        }
        Some(after)
    }

    /// Any value of which nothing is wanted.
    #[inline]
    fn skip(&self, found: &mut Found<'_>, at: usize, level: u16) -> Walked<usize> {
        match self.byte(at) {
            b'"' => self.step.string_end(self.text, at + 1),
            b'{' | b'[' => {
                let depth = self.levels[usize::from(level)].depth;
                match container_end_by(self.step, self.text, at + 1, depth + 1) {
                    Ok(after) => Some(after),
                    Err(stop) => {
                        found.stop = stop;
                        None
                    }
                }
            }
            _ => {
                let after = literal_end(self.text, at);
                if after == at || after >= self.end {
                    return self.wrong(found, after);
                }
                Some(after)
            }
        }
    }
}

/// Puts a key before those that followed until now.
#[inline]
fn remember(next: &mut [u16; FOLLOWERS], key: u16) {
    let from = next.iter().position(|known| *known == key).unwrap_or(FOLLOWERS - 1);
    next.copy_within(..from, 1);
    next[0] = key;
}

/// The place behind a string whose opening quote is before `at`.
#[inline(always)]
pub(crate) fn string_end(text: &[u8], at: usize) -> Result<usize, Stop> {
    scan::string_end(text, at).ok_or(Stop::More)
}

/// The place behind an object or array whose opening bracket is before `at`; `depth` counts it.
pub(crate) fn container_end(text: &[u8], at: usize, depth: u32) -> Result<usize, Stop> {
    container_end_by(scan::baseline(), text, at, depth)
}

fn container_end_by(step: impl Step, text: &[u8], at: usize, depth: u32) -> Result<usize, Stop> {
    match step.container_end(text, at, (MAX_DEPTH + 1).saturating_sub(depth)) {
        End::At(after) => Ok(after),
        End::Beyond => Err(Stop::More),
        End::Deep => Err(Stop::Slow),
    }
}

/// The place behind letters, digits and signs.
#[inline(always)]
pub(crate) fn literal_end(text: &[u8], at: usize) -> usize {
    const IN_LITERAL: [bool; 256] = {
        let mut table = [false; 256];
        let bytes = b"abcdefghijklmnopqrstuvwxyz0123456789.-+E";
        let mut at = 0;
        while at < bytes.len() {
            table[bytes[at] as usize] = true;
            at += 1;
        }
        table
    };
    let rest = text.get(at..).unwrap_or_default();
    at + match rest {
        [b'n', b'u', b'l', b'l', b',' | b'}', ..] | [b't', b'r', b'u', b'e', b',' | b'}', ..] => 4,
        [b'f', b'a', b'l', b's', b'e', b',' | b'}', ..] => 5,
        _ => rest.iter().take_while(|byte| IN_LITERAL[usize::from(**byte)]).count(),
    }
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
