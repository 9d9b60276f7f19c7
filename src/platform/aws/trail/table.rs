//! CloudTrail records in CSV: results of Athena and CloudTrail Lake queries, and exports with the record in one
//! column.
//!
//! Athena prints STRUCT columns as `{type=AssumedRole, arn=…}` (Athena User Guide, "Query AWS CloudTrail logs",
//! table definition; the printed form is not documented, so it is read leniently). A row that has no event name,
//! or whose identity cannot be read, is handed over as an empty record, which the format rejects.

use serde_json::{Map, Value};

use crate::platform::events::UnwrapError;

/// Columns that hold a whole record.
const WHOLE: &[&str] = &["_raw", "@message", "cloudtrailevent", "message", "event.original"];

/// Columns of a query's result, in lower case, with the record's own name.
const COLUMNS: &[(&str, &str)] = &[
    ("eventversion", "eventVersion"),
    ("eventtime", "eventTime"),
    ("eventsource", "eventSource"),
    ("eventname", "eventName"),
    ("awsregion", "awsRegion"),
    ("sourceipaddress", "sourceIPAddress"),
    ("useragent", "userAgent"),
    ("errorcode", "errorCode"),
    ("errormessage", "errorMessage"),
    ("requestid", "requestID"),
    ("eventid", "eventID"),
    ("readonly", "readOnly"),
    ("eventtype", "eventType"),
    ("eventcategory", "eventCategory"),
    ("managementevent", "managementEvent"),
    ("recipientaccountid", "recipientAccountId"),
    ("sharedeventid", "sharedEventID"),
    ("sessioncredentialfromconsole", "sessionCredentialFromConsole"),
];

/// Columns that hold an object or a list, as JSON or in Athena's printing.
const NESTED: &[(&str, &str)] = &[
    ("useridentity", "userIdentity"),
    ("requestparameters", "requestParameters"),
    ("responseelements", "responseElements"),
    ("additionaleventdata", "additionalEventData"),
    ("resources", "resources"),
    ("addendum", "addendum"),
];

/// Members whose names Athena prints in lower case.
const MEMBERS: &[&str] = &[
    "type",
    "principalId",
    "arn",
    "accountId",
    "accessKeyId",
    "userName",
    "invokedBy",
    "identityProvider",
    "sessionContext",
    "sessionIssuer",
    "sourceIdentity",
    "attributes",
    "creationDate",
    "mfaAuthenticated",
    "webIdFederationData",
    "onBehalfOf",
    "userId",
    "identityStoreArn",
    "inScopeOf",
    "sourceArn",
    "originalEventID",
    "ConsoleLogin",
];

/// How deep Athena's printing is followed.
const DEPTH: usize = 8;

/// Whether a line is the header of such a table.
pub(super) fn is_header(line: &[u8]) -> bool {
    let text = String::from_utf8_lossy(line.get(..line.len().min(8_192)).unwrap_or_default());
    let names: Vec<String> = text.split(',').map(name).collect();
    let has = |wanted: &str| names.iter().any(|name| name == wanted);
    WHOLE.iter().any(|column| has(column)) || (has("eventname") && has("eventsource"))
}

fn name(cell: &str) -> String {
    cell.trim().trim_matches('"').to_ascii_lowercase()
}

/// Hands over the record of each row.
pub(super) fn rows(text: &[u8], each: &mut dyn FnMut(&[u8])) -> Result<(), UnwrapError> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text);
    let failed = |error: &csv::Error| UnwrapError {
        offset: error.position().map_or(0, |at| usize::try_from(at.byte()).unwrap_or(0)),
        reason: "malformed CSV".into(),
    };
    let header = reader.byte_headers().map_err(|error| failed(&error))?;
    let columns: Vec<String> =
        header.iter().map(|cell| name(&String::from_utf8_lossy(cell))).collect();
    let find = |wanted: &str| columns.iter().position(|column| column == wanted);
    let whole = WHOLE.iter().find_map(|column| find(column));
    if whole.is_none() && (find("eventname").is_none() || find("eventsource").is_none()) {
        return Err(UnwrapError {
            offset: 0,
            reason: "no column that holds CloudTrail records".into(),
        });
    }
    let mut cells = csv::ByteRecord::new();
    while reader.read_byte_record(&mut cells).map_err(|error| failed(&error))? {
        match whole {
            Some(column) => each(cells.get(column).unwrap_or_default()),
            None => {
                let cell = |column: &str| {
                    let cell = cells.get(find(column)?)?;
                    let text = std::str::from_utf8(cell).ok()?.trim();
                    (!matches!(text, "" | "null" | "-")).then_some(text)
                };
                let record = record(&cell).unwrap_or_default();
                each(&serde_json::to_vec(&record).unwrap_or_default());
            }
        }
    }
    Ok(())
}

fn record<'c>(cell: &dyn Fn(&str) -> Option<&'c str>) -> Option<Map<String, Value>> {
    let mut out = Map::new();
    for (column, name) in COLUMNS {
        if let Some(text) = cell(column) {
            out.insert((*name).into(), text.into());
        }
    }
    for (column, name) in NESTED {
        let Some(text) = cell(column) else { continue };
        match nested(text) {
            Some(value) => {
                out.insert((*name).into(), value);
            }
            // Without its identity a record would be counted as nobody's.
            None if *column == "useridentity" => return None,
            None => {}
        }
    }
    Some(out)
}

/// A cell that holds an object or a list.
fn nested(text: &str) -> Option<Value> {
    if let Ok(value) = serde_json::from_str::<Value>(text) {
        return (value.is_object() || value.is_array()).then_some(value);
    }
    let mut printed = Printed { text, at: 0 };
    let value = printed.value(0)?;
    let is_whole = printed.rest().trim().is_empty();
    (is_whole && (value.is_object() || value.is_array())).then_some(value)
}

/// Athena's printing of STRUCT, MAP and ARRAY.
struct Printed<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Printed<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn take(&mut self, mark: char) -> bool {
        let rest = self.rest();
        let trimmed = rest.trim_start();
        if trimmed.starts_with(mark) {
            self.at += rest.len() - trimmed.len() + mark.len_utf8();
            return true;
        }
        false
    }

    fn value(&mut self, depth: usize) -> Option<Value> {
        if depth > DEPTH {
            return None;
        }
        if self.take('{') {
            let mut members = Map::new();
            while !self.take('}') {
                let key = self.key()?;
                let value = self.value(depth + 1)?;
                if !value.is_null() {
                    members.insert(spelled(key), value);
                }
                if !self.take(',') && !self.rest().trim_start().starts_with('}') {
                    return None;
                }
            }
            return Some(Value::Object(members));
        }
        if self.take('[') {
            let mut items = Vec::new();
            while !self.take(']') {
                items.push(self.value(depth + 1)?);
                if !self.take(',') && !self.rest().trim_start().starts_with(']') {
                    return None;
                }
            }
            return Some(Value::Array(items));
        }
        let text = self.scalar();
        Some(match text {
            "null" => Value::Null,
            text => text.into(),
        })
    }

    fn key(&mut self) -> Option<&'a str> {
        let rest = self.rest();
        let length = rest.find('=')?;
        let key = rest[..length].trim();
        let is_name = !key.is_empty()
            && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte));
        self.at += length + 1;
        is_name.then_some(key)
    }

    /// A text up to what ends it. Commas and equals signs also occur in session names, so a comma ends a text
    /// only before another member.
    fn scalar(&mut self) -> &'a str {
        let rest = self.rest();
        let end = rest
            .char_indices()
            .find(|(at, mark)| match mark {
                '}' | ']' => true,
                ',' => begins_member(&rest[at + 1..]),
                _ => false,
            })
            .map_or(rest.len(), |(at, _)| at);
        self.at += end;
        rest[..end].trim()
    }
}

/// Whether the text after a comma is a space and a name with an equals sign, or the next element of a list.
fn begins_member(after: &str) -> bool {
    let Some(after) = after.strip_prefix(' ') else {
        return false;
    };
    let length = after
        .bytes()
        .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        .count();
    after.starts_with('{') || (length > 0 && after.as_bytes().get(length) == Some(&b'='))
}

/// A member's name as CloudTrail writes it.
fn spelled(key: &str) -> String {
    MEMBERS.iter().find(|name| name.eq_ignore_ascii_case(key)).map_or(key, |name| *name).to_string()
}
