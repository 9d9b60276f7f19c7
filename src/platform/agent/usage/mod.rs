//! What agents did: traces, messages, transcripts and decisions into usage.
//!
//! Calls and their answers lie apart in all of these, so each format unwraps its files: a reader finds calls, joins
//! them with their answers, and hands over one small record for each (`call`). From there on all formats are one:
//! the record's fields are the key, and `translate` says what a key means.
//!
//! | file | owns |
//! |---|---|
//! | `detect` | what a file is |
//! | `lines` | lines that matter in a long text, values in a text |
//! | `call` | the record of a call, event ids, what of the arguments is kept |
//! | `tool` | names of tools, servers, and agents that nothing names |
//! | `outcome` | whether an answer means allowed or denied |
//! | `otlp` | OTLP/JSON: spans and logs |
//! | `wire` | MCP messages |
//! | `transcript` | Claude Code, Codex, Gemini CLI, OpenAI Agents SDK |
//! | `decisions` | AuthZEN, OPA |
//! | `runs` | what has no times |
//! | `translate` | keys into rows |
//!
//! Not owned: what tools are granted by settings and lists, what a tool does, what arguments name
//! ([`super::resources`]). Arguments, answers and messages never leave the readers.

mod call;
mod decisions;
mod detect;
mod lines;
mod otlp;
mod outcome;
mod runs;
mod tool;
mod transcript;
mod translate;
mod wire;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::model::{Settings, Time};
use crate::platform::Kind;
use crate::platform::events::{
    EventFormat, Field, Layout, RawEvent, RawRow, Record, Sort, Translated, UnwrapError,
};

use self::call::{FIELDS, Out, at};
use self::transcript::Source;
use super::kinds;

pub use detect::detect;
pub use runs::runs;

/// The format of a kind of log; `None` for kinds that are no logs.
pub fn format(kind: &Kind, settings: &Arc<Settings>) -> Option<Arc<dyn EventFormat>> {
    let logs = [&kinds::OTLP, &kinds::MCP_WIRE, &kinds::TRANSCRIPT, &kinds::DECISIONS];
    let kind = logs.into_iter().find(|log| log.id == kind.id)?;
    Some(Arc::new(Log { kind, settings: Arc::clone(settings) }))
}

/// One of the formats.
#[derive(Debug)]
struct Log {
    kind: &'static Kind,
    settings: Arc<Settings>,
}

impl EventFormat for Log {
    fn id(&self) -> &'static str {
        self.kind.id
    }

    fn layout(&self) -> Layout {
        Layout::Unwrap
    }

    fn fields(&self) -> &'static [Field] {
        FIELDS
    }

    fn unwrap(
        &self,
        context: &str,
        text: &[u8],
        each: &mut dyn FnMut(u64, &[u8]),
    ) -> Result<(), UnwrapError> {
        let source = Source { context, settings: &self.settings };
        let mut out = Out::new(each, context, &self.settings);
        match self.kind.id {
            id if id == kinds::OTLP.id => return otlp::read(&source, text, &mut out),
            id if id == kinds::DECISIONS.id => return decisions::read(&source, text, &mut out),
            id if id == kinds::MCP_WIRE.id => wire::read(&source, text, &mut out),
            _ => transcript::read(&source, text, &mut out),
        }
        Ok(())
    }

    fn event(&self, _: &str, record: &Record<'_>, event: &mut RawEvent) -> Sort {
        let get = |field: usize| record.get(field);
        match get(at::KIND) {
            b"call" | b"grant" => {}
            b"skip" => return Sort::Skip(known(call::SKIPS, get(at::DETAIL))),
            _ => return Sort::Reject(known(call::REJECTS, get(at::DETAIL))),
        }
        let number = |field: usize| std::str::from_utf8(get(field)).ok()?.parse::<i64>().ok();
        event.time = number(at::TIME).map(Time::from_seconds);
        if event.time.is_none() {
            return Sort::Reject("no readable time");
        }
        let id = std::str::from_utf8(get(at::ID)).ok();
        event.id = id.and_then(|id| u128::from_str_radix(id, 16).ok()).unwrap_or(0);
        event.rank = number(at::RANK).and_then(|rank| u8::try_from(rank).ok()).unwrap_or(u8::MAX);
        event.agent.extend_from_slice(get(at::PRODUCT));
        event.session.extend_from_slice(get(at::SESSION));
        event.network.extend_from_slice(get(at::NETWORK));
        for field in at::KIND..=at::DETAIL {
            event.part(get(field));
        }
        Sort::Use
    }

    fn translate(&self, rows: Vec<RawRow>, out: &mut Translated) {
        translate::translate(rows, out);
    }
}

/// The reason itself, out of those that a reader may give.
fn known(reasons: &[&'static str], given: &[u8]) -> &'static str {
    let found = reasons.iter().find(|reason| reason.as_bytes() == given);
    found.or(reasons.first()).copied().unwrap_or("unreadable")
}
