//! OTLP/JSON: traces and logs, whole exports or one export a line (OTLP specification, "JSON Protobuf Encoding").
//!
//! Owns the way down to spans and log records. `spans` knows calls among spans, `logs` the events of clients and
//! gateways, `attributes` how values are written. A span that cannot be read costs that span.

mod attributes;
mod logs;
mod spans;

use serde::Deserialize;
use serde_json::value::RawValue;

use self::attributes::{Attribute, Attributes};
use super::call::{CUT, Out};
use super::lines::{Line, values};
use super::transcript::Source;
use crate::platform::events::UnwrapError;

/// The parts of an export; other signals are passed over.
#[derive(Deserialize)]
struct Export<'a> {
    #[serde(borrow, default, rename = "resourceSpans")]
    traces: Vec<OfResource<'a>>,
    #[serde(borrow, default, rename = "resourceLogs")]
    logs: Vec<OfResource<'a>>,
}

#[derive(Deserialize)]
struct OfResource<'a> {
    #[serde(borrow, default)]
    resource: Option<Resource<'a>>,
    #[serde(borrow, default, rename = "scopeSpans", alias = "instrumentationLibrarySpans")]
    spans: Vec<OfScope<'a>>,
    #[serde(borrow, default, rename = "scopeLogs")]
    logs: Vec<OfScope<'a>>,
}

#[derive(Deserialize)]
struct Resource<'a> {
    #[serde(borrow, default)]
    attributes: Vec<Attribute<'a>>,
}

/// Spans and records stay raw, so that a broken one does not take the others with it.
#[derive(Deserialize)]
struct OfScope<'a> {
    #[serde(borrow, default)]
    spans: Vec<&'a RawValue>,
    #[serde(borrow, default, rename = "logRecords")]
    records: Vec<&'a RawValue>,
}

/// Reads exports.
pub(super) fn read(source: &Source<'_>, text: &[u8], out: &mut Out<'_>) -> Result<(), UnwrapError> {
    let mut spans = spans::Spans::new(source);
    let mut logs = logs::Logs::new(source);
    let mut exports = 0_u64;
    let mut items = 0_u64;
    let end = values(text, &mut |line: Line<'_>| {
        exports += 1;
        let export: Export<'_> = match serde_json::from_slice(line.text) {
            Ok(export) => export,
            Err(error) if line.is_last && error.is_eof() => return out.skip(line.number, CUT),
            Err(_) => return out.reject(line.number, "not JSON"),
        };
        let is_line = !(exports == 1 && line.is_last);
        // In a file of one export the place is the span or record in it.
        let mut number = || {
            items += 1;
            if is_line { line.number } else { items }
        };
        for part in export.traces.iter().chain(&export.logs) {
            let about = part.resource.as_ref().map_or(&[][..], |resource| &resource.attributes);
            let about = Attributes(about);
            let service = about.text(&["service.name"]);
            for raw in part.spans.iter().flat_map(|scope| &scope.spans) {
                spans.add(number(), raw.get(), &service, out);
            }
            for raw in part.logs.iter().flat_map(|scope| &scope.records) {
                logs.add(number(), raw.get(), &service, out);
            }
        }
    });
    spans.finish(out);
    logs.finish(out);
    end
}
