//! Policy documents in the forms in which they lie in exports, parsed once for each distinct text.
//!
//! AWS CLI and boto3 write JSON objects; other SDKs leave the URL-encoded string of the API (RFC 3986, so
//! that `+` stands for itself: IAM API Reference, PolicyDetail); some tools store a JSON string.

use std::borrow::Cow;
use std::cell::Cell;
use std::sync::{Arc, Mutex};

use hashbrown::HashMap;
use rayon::prelude::*;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::Source;
use super::wire::offset;
use crate::model::Str;
use crate::platform::Intake;
use crate::platform::aws::policy::parse::Interner;
use crate::platform::aws::policy::{Policy, PolicyError};

/// A policy document of the evidence.
#[derive(Debug, Clone)]
pub(crate) enum PolicyDocument {
    /// Parsed. Equal texts share one policy, whose places are those of the first.
    Parsed(Arc<Policy>),
    /// It could not be parsed: what it says is not known. Holds the reason.
    Broken(Str),
}

impl PolicyDocument {
    /// The policy, if it could be parsed.
    pub(crate) fn policy(&self) -> Option<&Arc<Policy>> {
        match self {
            PolicyDocument::Parsed(policy) => Some(policy),
            PolicyDocument::Broken(_) => None,
        }
    }

    /// Whether both say the same, wherever they are written. Two broken ones do not.
    pub(crate) fn is_same(&self, other: &PolicyDocument) -> bool {
        let (Some(left), Some(right)) = (self.policy(), other.policy()) else {
            return false;
        };
        Arc::ptr_eq(left, right) || stripped(left) == stripped(right)
    }
}

fn stripped(policy: &Policy) -> Policy {
    let mut policy = policy.clone();
    for statement in &mut policy.statements {
        statement.place = None;
    }
    policy.warnings.clear();
    policy
}

type Parsed = Result<Arc<Policy>, PolicyError>;

/// Parsed policies by the digest of their text. The digest is a strong one, because texts are chosen by
/// whoever may write policies.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    known: HashMap<[u8; 32], Parsed>,
    texts: Lent,
}

/// Interners that no thread has at the moment. A thread takes one and gives it back, so that there are as many as
/// threads, and policies of all files share their texts.
#[derive(Debug, Default)]
struct Lent(Mutex<Vec<Interner>>);

/// An interner that a thread has.
struct Taken<'a> {
    from: &'a Lent,
    interner: Interner,
}

impl Lent {
    fn take(&self) -> Taken<'_> {
        let interner = self.0.lock().ok().and_then(|mut all| all.pop()).unwrap_or_default();
        Taken { from: self, interner }
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        if let Ok(mut all) = self.from.0.lock() {
            all.push(std::mem::take(&mut self.interner));
        }
    }
}

/// Documents of one file that were parsed and are not kept yet.
pub(crate) struct Looked<'a> {
    /// Names for messages, and texts.
    documents: Vec<(String, &'a RawValue)>,
    /// Number in `fresh` of each document.
    slots: Vec<usize>,
    fresh: Vec<([u8; 32], Parsed)>,
}

/// How many warnings of policies a file's notes repeat.
const WARNINGS: usize = 10;

impl Pool {
    /// Parses documents and keeps them, as [`Pool::look`] and [`Pool::keep`].
    pub(crate) fn parse(
        &mut self,
        source: &Source<'_>,
        documents: Vec<(String, &RawValue)>,
        intake: &mut Intake,
    ) -> Vec<PolicyDocument> {
        let looked = self.look(source, documents);
        self.keep(source, looked, intake)
    }

    /// Parses documents in parallel, each text once.
    pub(crate) fn look<'a>(
        &self,
        source: &Source<'a>,
        documents: Vec<(String, &'a RawValue)>,
    ) -> Looked<'a> {
        let mut numbers: HashMap<&str, usize> = HashMap::new();
        let mut distinct: Vec<&RawValue> = Vec::new();
        let slots: Vec<usize> = documents
            .iter()
            .map(|(_, raw)| {
                *numbers.entry(raw.get()).or_insert_with(|| {
                    distinct.push(raw);
                    distinct.len() - 1
                })
            })
            .collect();
        let fresh = self.fresh(source, &distinct);
        Looked { documents, slots, fresh }
    }

    /// Keeps parsed documents, of equal texts the first. Broken ones are rejected with the place of the fault. The
    /// answer has the order of the question.
    pub(crate) fn keep(
        &mut self,
        source: &Source<'_>,
        looked: Looked<'_>,
        intake: &mut Intake,
    ) -> Vec<PolicyDocument> {
        let Looked { documents, slots, fresh } = looked;
        let mut warnings = 0;
        let known: Vec<&Parsed> = {
            for (digest, parsed) in &fresh {
                self.known.entry(*digest).or_insert_with(|| parsed.clone());
            }
            fresh.iter().map(|(digest, parsed)| self.known.get(digest).unwrap_or(parsed)).collect()
        };
        for policy in known.iter().filter_map(|parsed| parsed.as_ref().ok()) {
            warnings += policy.warnings.len();
        }
        let mut told = 0;
        let documents: Vec<PolicyDocument> = documents
            .iter()
            .zip(&slots)
            .map(|((name, raw), slot)| match known.get(*slot) {
                Some(Ok(policy)) => {
                    for warning in policy.warnings.iter().take(WARNINGS - told) {
                        told += 1;
                        intake.note(format!("{name}: {warning}"));
                    }
                    PolicyDocument::Parsed(policy.clone())
                }
                Some(Err(error)) => {
                    let at = offset(source, raw) + error.offset;
                    intake.reject(source.place(at), format!("{name}: {}", error.reason));
                    PolicyDocument::Broken(error.reason.as_str().into())
                }
                None => PolicyDocument::Broken("not parsed".into()),
            })
            .collect();
        if warnings > told {
            intake.note(format!("{} more warnings about policies", warnings - told));
        }
        documents
    }

    /// Parses distinct texts in parallel; those that are known already are not parsed again.
    fn fresh(&self, source: &Source<'_>, distinct: &[&RawValue]) -> Vec<([u8; 32], Parsed)> {
        // Line starts are indexed before many threads ask for places.
        source.lines();
        let one = |taken: &mut Taken<'_>, raw: &&RawValue| {
            let at = offset(source, raw);
            let text = match text(raw) {
                Ok(text) => text,
                Err(error) => return (digest(raw.get()), Err(error)),
            };
            let digest = digest(&text.text);
            if let Some(parsed) = self.known.get(&digest) {
                return (digest, parsed.clone());
            }
            let written = Written::new(raw.get(), text.form);
            let place_of = |inner: usize| Some(source.place(at + written.offset(inner)));
            let parsed = match text.form {
                // The file's reader has checked that it is JSON.
                Form::Plain => Policy::parse_json(raw, &place_of, &mut taken.interner),
                _ => Policy::parse_shared(&text.text, &place_of, &mut taken.interner),
            };
            let parsed = parsed
                .map(Arc::new)
                .map_err(|error| PolicyError { offset: written.offset(error.offset), ..error });
            (digest, parsed)
        };
        distinct.par_iter().map_init(|| self.texts.take(), one).collect()
    }

    /// Adds a policy that was parsed elsewhere, for [`Pool::policies`]. Of equal texts the first stays.
    pub(crate) fn add(&mut self, text: &str, policy: &Arc<Policy>) {
        self.known.entry(digest(text)).or_insert_with(|| Ok(policy.clone()));
    }

    /// All policies that could be parsed, in no order.
    pub(crate) fn policies(&self) -> impl Iterator<Item = &Arc<Policy>> {
        self.known.values().filter_map(|parsed| parsed.as_ref().ok())
    }

    /// Parses one document.
    pub(crate) fn parse_one(
        &mut self,
        source: &Source<'_>,
        name: &str,
        raw: &RawValue,
        intake: &mut Intake,
    ) -> PolicyDocument {
        let mut documents = self.parse(source, vec![(name.to_string(), raw)], intake);
        documents.pop().unwrap_or_else(|| PolicyDocument::Broken("not parsed".into()))
    }
}

fn digest(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

/// A document's JSON text.
struct Text<'a> {
    text: Cow<'a, str>,
    form: Form,
}

/// How a document lies in its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// As it is.
    Plain,
    /// In a JSON string.
    Quoted,
    /// Percent-encoded, in a JSON string.
    Encoded,
}

/// Finds offsets of a document's text in what is written in the file.
///
/// It walks on from the last offset that was asked for, since readers ask in ascending order.
struct Written<'a> {
    raw: &'a [u8],
    form: Form,
    /// An offset in the text, and where it is in the file.
    last: Cell<(usize, usize)>,
}

impl<'a> Written<'a> {
    fn new(raw: &'a str, form: Form) -> Written<'a> {
        Written { raw: raw.as_bytes(), form, last: Cell::new((0, 1)) }
    }

    fn offset(&self, wanted: usize) -> usize {
        if self.form == Form::Plain {
            return wanted;
        }
        let (mut inner, mut outer) = self.last.get();
        if inner > wanted {
            (inner, outer) = (0, 1);
        }
        while inner < wanted && outer < self.raw.len() {
            let (read, made) = self.step(outer);
            if inner + made > wanted {
                break;
            }
            (inner, outer) = (inner + made, outer + read);
        }
        self.last.set((inner, outer));
        outer
    }

    /// Bytes that one character takes in the file, and in the text.
    fn step(&self, at: usize) -> (usize, usize) {
        let byte = |at: usize| self.raw.get(at).copied().unwrap_or_default();
        match (byte(at), self.form) {
            (b'%', Form::Encoded) => (3, 1),
            (b'\\', _) if byte(at + 1) != b'u' => (2, 1),
            (b'\\', _) => {
                let digits = self.raw.get(at + 2..at + 6).unwrap_or_default();
                let digits = std::str::from_utf8(digits).unwrap_or_default();
                match u32::from_str_radix(digits, 16).unwrap_or_default() {
                    // Two surrogates are one character of four bytes.
                    0xD800..=0xDBFF => (12, 4),
                    code => (6, char::from_u32(code).map_or(3, char::len_utf8)),
                }
            }
            _ => (1, 1),
        }
    }
}

/// Parses one document where it lies, with the places of its statements, though an equal text is known.
///
/// # Errors
/// The offset from the beginning of `raw`, and what is wrong.
pub(crate) fn parse_here(source: &Source<'_>, raw: &RawValue) -> Result<Policy, (usize, String)> {
    let at = offset(source, raw);
    let text = text(raw).map_err(|error| (error.offset, error.reason))?;
    let written = Written::new(raw.get(), text.form);
    let place_of = |inner: usize| Some(source.place(at + written.offset(inner)));
    Policy::parse(&text.text, &place_of)
        .map_err(|error| (written.offset(error.offset), error.reason))
}

fn text(raw: &RawValue) -> Result<Text<'_>, PolicyError> {
    let json = raw.get();
    if json.starts_with('{') {
        return Ok(Text { text: Cow::Borrowed(json), form: Form::Plain });
    }
    let refuse = |reason: &str| PolicyError { offset: 0, reason: reason.to_string() };
    let inner: String = serde_json::from_str(json)
        .map_err(|_| refuse("a policy document is an object or a string"))?;
    let is_json = inner.trim_start().starts_with('{');
    if is_json {
        return Ok(Text { text: Cow::Owned(inner), form: Form::Quoted });
    }
    let text = percent_decoded(&inner)
        .ok_or_else(|| refuse("the policy is neither JSON nor URL-encoded"))?;
    Ok(Text { text: Cow::Owned(text), form: Form::Encoded })
}

/// Decodes `%XX`; `None` if an escape is broken, or the bytes are no UTF-8.
pub(crate) fn percent_decoded(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let mut digit = || (bytes.next()? as char).to_digit(16);
        let (high, low) = (digit()?, digit()?);
        out.push((high * 16 + low) as u8);
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plus_stands_for_itself() {
        assert_eq!(percent_decoded("a+b%20c%2B").as_deref(), Some("a+b c+"));
        assert_eq!(percent_decoded("%4"), None);
        assert_eq!(percent_decoded("%zz"), None);
        assert_eq!(percent_decoded("%ff"), None);
    }
}
