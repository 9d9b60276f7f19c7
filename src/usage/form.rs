//! The form of a text: how its records lie in it, told from its beginning.

use memchr::memchr;

use super::walk::{Stop, container_end, literal_end, string_end};

/// The form of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// Elements of an array that begins before this offset; whether an object is around it.
    Array(usize, bool),
    Lines,
    Concatenated,
}

/// The next place that is not blank. Records of JSON text sequences begin with 0x1e (RFC 7464).
pub(crate) fn blank(text: &[u8], at: usize) -> usize {
    let mut at = at;
    while matches!(text.get(at), Some(b' ' | b'\n' | b'\r' | b'\t' | 0x1e)) {
        at += 1;
    }
    at
}

/// Tells the form of a text that begins without blanks, from its first `end` bytes; `None` if more is
/// needed. `complete`: no more will come, or so much is there that it has to do.
pub(crate) fn decide(
    text: &[u8],
    end: usize,
    complete: bool,
    keys: &'static [&'static str],
) -> Option<Form> {
    match text.first()? {
        b'[' => {
            let inside = blank(text, 1);
            match text.get(inside) {
                Some(b'{' | b']') if inside < end => Some(Form::Array(1, false)),
                _ if inside >= end && !complete => None,
                _ => Some(Form::Lines),
            }
        }
        b'{' => match first_object(text, end, keys) {
            Ok(First::Wrapper(at) | First::Ends(at)) if at > end && !complete => None,
            Ok(First::Wrapper(at) | First::Ends(at)) if at > end => {
                lines_or_not(text, end, None, complete)
            }
            Ok(First::Wrapper(inside)) => Some(Form::Array(inside, true)),
            Ok(First::Ends(after)) => lines_or_not(text, end, Some(after), complete),
            Err(Stop::More) if !complete => None,
            Err(_) => lines_or_not(text, end, None, complete),
        },
        _ => Some(Form::Lines),
    }
}

/// Whether a text whose first object ends there (or nowhere) consists of lines.
fn lines_or_not(text: &[u8], end: usize, after: Option<usize>, complete: bool) -> Option<Form> {
    let Some(newline) = memchr(b'\n', text.get(..end)?) else {
        return if complete { Some(Form::Concatenated) } else { None };
    };
    match after {
        Some(after) if after <= newline => {
            let rest = text.get(after..newline)?;
            let only_blanks = rest.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\r'));
            Some(if only_blanks { Form::Lines } else { Form::Concatenated })
        }
        Some(_) => Some(Form::Concatenated),
        // No object: a first line that breaks off, if the next one begins like a record.
        None if newline + 1 >= end && !complete => None,
        None if text.get(newline + 1) == Some(&b'{') && newline + 1 < end => Some(Form::Lines),
        None => Some(Form::Concatenated),
    }
}

enum First {
    /// It holds the array of records, whose elements begin here.
    Wrapper(usize),
    /// It is a record that ends here.
    Ends(usize),
}

/// Goes over the members of the first object.
fn first_object(text: &[u8], end: usize, keys: &[&str]) -> Result<First, Stop> {
    let wrong = |at: usize| Err(if at >= end { Stop::More } else { Stop::Slow });
    let mut at = blank(text, 1);
    if text.get(at) == Some(&b'}') {
        return Ok(First::Ends(at + 1));
    }
    loop {
        if text.get(at) != Some(&b'"') {
            return wrong(at);
        }
        let close = string_end(text, at + 1)?;
        let key = text.get(at + 1..close - 1).unwrap_or(&[]);
        let colon = blank(text, close);
        if text.get(colon) != Some(&b':') {
            return wrong(colon);
        }
        at = blank(text, colon + 1);
        let is_wanted = keys.iter().any(|wanted| wanted.as_bytes() == key);
        at = match text.get(at) {
            Some(b'[') if is_wanted => return Ok(First::Wrapper(at + 1)),
            Some(b'"') => string_end(text, at + 1)?,
            Some(b'{' | b'[') => container_end(text, at + 1, 2)?,
            _ => match literal_end(text, at) {
                after if after == at || after >= end => return wrong(after),
                after => after,
            },
        };
        at = blank(text, at);
        match text.get(at) {
            Some(b',') => at = blank(text, at + 1),
            Some(b'}') => return Ok(First::Ends(at + 1)),
            _ => return wrong(at),
        }
    }
}
