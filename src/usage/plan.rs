//! The wanted fields of a format as a tree of levels, compiled once.
//!
//! A level is an object or array on the way to a field. For each key of it there is an [`Action`]: what to
//! take of the value, and which level to enter. Both readers, the fast one and its slow twin, follow the
//! same tree; everything that is not in it is skipped.

use crate::platform::events::{Field, MAX_FIELDS, Record, Take};

/// No field is taken.
pub(crate) const NO_FIELD: u8 = u8::MAX;

/// No level is entered.
pub(crate) const NO_LEVEL: u16 = u16::MAX;

/// Deepest nesting of a record, its own braces included. Deeper records are rejected: nothing that is read
/// nests like that, and other tools that the evidence went through stop much earlier.
pub(crate) const MAX_DEPTH: u32 = 512;

/// What is done with a value. Two words, so that it is handed over in registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Action {
    /// Fields at or below the value, as bits: they are emptied when the key comes again.
    pub(crate) below: u64,
    /// The level to enter (16 bits), the field to take (8), and what is taken (8).
    code: u32,
}

impl Action {
    /// The value is skipped.
    pub(crate) const SKIP: Action = Action::new(0, NO_LEVEL, NO_FIELD, Take::Text);

    const fn new(below: u64, enter: u16, field: u8, take: Take) -> Action {
        let take = match take {
            Take::Text => 0,
            Take::Scalar => 1,
            Take::Raw => 2,
        };
        Action { below, code: enter as u32 | (field as u32) << 16 | take << 24 }
    }

    /// The level to enter, [`NO_LEVEL`] for none.
    #[inline(always)]
    pub(crate) fn enter(self) -> u16 {
        self.code as u16
    }

    /// The field to take, [`NO_FIELD`] for none.
    #[inline(always)]
    pub(crate) fn field(self) -> u8 {
        (self.code >> 16) as u8
    }

    /// What is taken.
    #[inline(always)]
    pub(crate) fn take(self) -> Take {
        match self.code >> 24 {
            0 => Take::Text,
            1 => Take::Scalar,
            _ => Take::Raw,
        }
    }
}

/// An object or array on the way to a field.
#[derive(Debug, Default)]
pub(crate) struct Level {
    /// Wanted keys of an object.
    pub(crate) keys: Vec<(&'static str, Action)>,
    /// What is done with each element of an array.
    pub(crate) element: Option<Action>,
    /// Containers around its members, itself included.
    pub(crate) depth: u32,
}

/// The tree. Level 0 is the record.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) levels: Vec<Level>,
}

impl Plan {
    /// Compiles the fields of a format. No two fields have the same path; fields beyond the 64th are absent.
    pub(crate) fn new(fields: &'static [Field]) -> Plan {
        let mut plan = Plan { levels: vec![Level { depth: 1, ..Level::default() }] };
        for (number, field) in fields.iter().take(MAX_FIELDS).enumerate() {
            plan.add(number as u8, field);
        }
        plan
    }

    /// The action for a key of a level.
    pub(crate) fn key(&self, level: u16, key: &[u8]) -> Action {
        self.levels
            .get(usize::from(level))
            .and_then(|level| level.keys.iter().find(|(name, _)| name.as_bytes() == key))
            .map_or(Action::SKIP, |(_, action)| *action)
    }

    /// The action for each element of a level, if elements are wanted.
    pub(crate) fn element(&self, level: u16) -> Option<Action> {
        self.levels.get(usize::from(level)).and_then(|level| level.element)
    }

    fn add(&mut self, number: u8, field: &Field) {
        let mut level = 0;
        for (step, key) in field.path.iter().enumerate() {
            let is_last = step + 1 == field.path.len();
            let next = self.levels.len() as u16;
            let depth = self.levels[level].depth + 1;
            let action = slot(&mut self.levels[level], key);
            let below = action.below | 1 << number;
            let (enter, taken, take) = (action.enter(), action.field(), action.take());
            let (enter, taken, take) = if is_last {
                debug_assert_eq!(taken, NO_FIELD, "two fields with the path {key}");
                (enter, number, field.take)
            } else if enter == NO_LEVEL {
                (next, taken, take)
            } else {
                (enter, taken, take)
            };
            *action = Action::new(below, enter, taken, take);
            let enter = usize::from(enter);
            if !is_last {
                if enter == self.levels.len() {
                    self.levels.push(Level { depth, ..Level::default() });
                }
                level = enter;
            }
        }
    }
}

/// The action of a key (`[]`: of the elements), made if it is not there.
fn slot<'a>(level: &'a mut Level, key: &'static str) -> &'a mut Action {
    if key == "[]" {
        return level.element.get_or_insert(Action::SKIP);
    }
    let at = level.keys.iter().position(|(name, _)| *name == key);
    let at = at.unwrap_or_else(|| {
        level.keys.push((key, Action::SKIP));
        level.keys.len() - 1
    });
    &mut level.keys[at].1
}

/// Where the fields of a record are: bytes from and to in some text.
#[derive(Debug, Clone)]
pub(crate) struct Ranges {
    at: [(u32, u32); MAX_FIELDS],
    /// Fields that are present, as bits.
    pub(crate) set: u64,
    /// Fields that earlier elements of an array hold: later elements do not change them.
    pub(crate) frozen: u64,
}

impl Ranges {
    pub(crate) fn new() -> Ranges {
        Ranges { at: [(0, 0); MAX_FIELDS], set: 0, frozen: 0 }
    }

    /// Empties all fields.
    pub(crate) fn clear(&mut self) {
        self.set = 0;
        self.frozen = 0;
    }

    /// Sets a field.
    #[inline]
    pub(crate) fn put(&mut self, field: u8, from: usize, to: usize) {
        let bit = 1u64 << (field & 63);
        if self.frozen & bit == 0 {
            self.at[usize::from(field & 63)] = (from as u32, to as u32);
            self.set |= bit;
        }
    }

    /// A key came (again): its fields are emptied.
    #[inline]
    pub(crate) fn drop_below(&mut self, below: u64) {
        self.set &= !(below & !self.frozen);
    }

    /// An element of an array begins: what earlier ones set stays. Returns what [`Ranges::thaw`] takes.
    pub(crate) fn freeze(&mut self, below: u64) -> u64 {
        let before = self.frozen;
        self.frozen |= self.set & below;
        before
    }

    /// The array ended.
    pub(crate) fn thaw(&mut self, before: u64) {
        self.frozen = before;
    }

    /// The fields, which are in this text.
    #[inline]
    pub(crate) fn record<'a>(&'a self, text: &'a [u8]) -> Record<'a> {
        Record::new(text, &self.at, self.set)
    }
}
