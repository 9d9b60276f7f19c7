//! `changed-tool`: a tool is not what it was when somebody approved it.

use super::shared::tool_notes;
use super::{Kind, Severity, Sink};
use crate::gap::{Analysis, IdentityGap};
use crate::platform::ToolNoteKind;

pub(super) static KIND: Kind = Kind {
    id: "changed-tool",
    summary: "A tool whose description or schema is not the same in two lists of its server",
    since: "0.1.0",
    page: include_str!("../../docs/findings/changed-tool.md"),
    find,
    find_all: Some(find_all),
};

fn find(analysis: &Analysis<'_>, gap: &IdentityGap, sink: &mut Sink<'_>) {
    let id = &analysis.identity(gap).id;
    for (note, draft) in tool_notes(analysis, ToolNoteKind::Changed) {
        if note.identity.as_ref() == Some(id) {
            sink.push(analysis, gap, SEVERITY, worded(draft));
        }
    }
}

fn find_all(analysis: &Analysis<'_>, sink: &mut Sink<'_>) {
    for (note, draft) in tool_notes(analysis, ToolNoteKind::Changed) {
        if note.identity.is_none() {
            sink.push_about(note.action.clone(), SEVERITY, worded(draft));
        }
    }
}

const SEVERITY: Severity = Severity::Medium;

fn worded(draft: super::Draft) -> super::Draft {
    super::Draft {
        title: format!("{} changed between two lists", draft.title),
        remedy: "compare the two descriptions, and approve the tool anew".to_string(),
        ..draft
    }
}
