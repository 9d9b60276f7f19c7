//! `misleading-hint`: a server says that a tool only reads, and nothing else does.

use super::shared::tool_notes;
use super::{Kind, Severity, Sink};
use crate::gap::{Analysis, IdentityGap};
use crate::platform::ToolNoteKind;

pub(super) static KIND: Kind = Kind {
    id: "misleading-hint",
    summary: "A tool whose server says that it only reads, which neither its name nor its parameters bear out",
    since: "0.1.0",
    page: include_str!("../../docs/findings/misleading-hint.md"),
    find,
    find_all: Some(find_all),
};

fn find(analysis: &Analysis<'_>, gap: &IdentityGap, sink: &mut Sink<'_>) {
    let id = &analysis.identity(gap).id;
    for (note, draft) in tool_notes(analysis, ToolNoteKind::HintContradicts) {
        if note.identity.as_ref() == Some(id) {
            sink.push(analysis, gap, SEVERITY, worded(draft));
        }
    }
}

fn find_all(analysis: &Analysis<'_>, sink: &mut Sink<'_>) {
    for (note, draft) in tool_notes(analysis, ToolNoteKind::HintContradicts) {
        if note.identity.is_none() {
            sink.push_about(note.action.clone(), SEVERITY, worded(draft));
        }
    }
}

const SEVERITY: Severity = Severity::Low;

fn worded(draft: super::Draft) -> super::Draft {
    super::Draft {
        title: format!("{} said to only read", draft.title),
        remedy: "state what the tool does under tools: in authgap.yaml, or trust its server there"
            .to_string(),
        ..draft
    }
}
