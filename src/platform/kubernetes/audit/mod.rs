//! What Kubernetes audit logs mean: which fields make up the aggregation key, and what a key says.
//!
//! This module does not find records in files and does not count (the log reader does), and knows nothing of roles.
//! [`NATIVE`] reads events as they are, [`GKE`] Cloud Logging entries, [`WRAPPED`] either of them within another
//! product's wrapping, or as YAML; one record is read the same way whichever file it is in.
//!
//! - `fields`, `key`: the wanted fields, and the parts of the key.
//! - `native`, `gke`: the key of a record, made once a record.
//! - [`request`]: what a method and a URI ask for.
//! - `outcome`, `reason`, `scope`: how it ended, the grant that it names, its object.
//! - `translate`: joins them into usage rows, grants and coverage.
//! - `wrapped`, `columns`, `detect`: the wrapped forms, and what a file is.
//! - [`policy`], [`presets`]: what an audit policy leaves out.

mod columns;
mod detect;
mod fields;
mod gke;
mod key;
mod native;
mod outcome;
pub mod policy;
pub mod presets;
mod reason;
pub mod request;
mod scope;
mod translate;
mod wrapped;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::platform::Kind;
use crate::platform::events::{
    EventFormat, Field, Layout, RawEvent, RawRow, Sort, Translated, UnwrapError,
};
use crate::platform::kubernetes::kinds;

use fields::{self as f, Record};

pub use detect::detect;

/// Class of all log coverage: an audit log has one recorder.
pub const CLASS: &str = "audit";

/// The audit log formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditLog {
    form: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Native,
    Gke,
    Wrapped,
}

/// One event a line, an array, or the `items` of an `EventList`.
pub const NATIVE: AuditLog = AuditLog { form: Form::Native };

/// Cloud Logging entries: one a line, an array, or the `entries` of an answer.
pub const GKE: AuditLog = AuditLog { form: Form::Gke };

/// Records within another product's wrapping (`wrapped`).
pub const WRAPPED: AuditLog = AuditLog { form: Form::Wrapped };

/// The reader of a kind of log; `None` for kinds that are no audit log.
pub fn formats(kind: &Kind) -> Option<Arc<dyn EventFormat>> {
    let found = [(&kinds::AUDIT, NATIVE), (&kinds::GKE, GKE), (&kinds::AUDIT_WRAPPED, WRAPPED)]
        .into_iter()
        .find(|(one, _)| one.id == kind.id);
    found.map(|(_, format)| Arc::new(format) as Arc<dyn EventFormat>)
}

impl EventFormat for AuditLog {
    fn id(&self) -> &'static str {
        match self.form {
            Form::Native => kinds::AUDIT.id,
            Form::Gke => kinds::GKE.id,
            Form::Wrapped => kinds::AUDIT_WRAPPED.id,
        }
    }

    fn layout(&self) -> Layout {
        match self.form {
            Form::Native => Layout::Records(&["items"]),
            Form::Gke => Layout::Records(&["entries"]),
            Form::Wrapped => Layout::Unwrap,
        }
    }

    fn fields(&self) -> &'static [Field] {
        f::FIELDS
    }

    fn unwrap(
        &self,
        _: &str,
        text: &[u8],
        each: &mut dyn FnMut(u64, &[u8]),
    ) -> Result<(), UnwrapError> {
        wrapped::unwrap(text, each)
    }

    fn event(&self, context: &str, record: &Record<'_>, event: &mut RawEvent) -> Sort {
        if !record.get(f::ENVELOPE_SKIP).is_empty() {
            return Sort::Skip("entries of other logs in the same export");
        }
        if record.get(f::GKE_SERVICE).is_empty() {
            native::event(context, record, event)
        } else {
            gke::event(context, record, event)
        }
    }

    fn translate(&self, rows: Vec<RawRow>, out: &mut Translated) {
        translate::translate(&rows, out);
    }
}
