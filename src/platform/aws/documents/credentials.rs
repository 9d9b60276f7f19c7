//! Credential reports and access keys.
//!
//! IAM User Guide, id_credentials_getting-report (columns, and what `N/A`, `no_information` and
//! `not_supported` mean); IAM API Reference, ListAccessKeys and GetAccessKeyLastUsed. The report has no key
//! ids and the key list has no slots: rows are merged by user and date of creation, or by being the only one.

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::Engine as _;
use hashbrown::HashMap;
use serde::Deserialize;

use super::wire::{Moment, typed};
use super::{Evidence, Source};
use crate::model::{Credential, Place, Str, Time};
use crate::platform::Intake;
use crate::platform::aws::arn::Arn;
use crate::platform::aws::scan::Value;

/// One user of a credential report.
#[derive(Debug, Clone)]
pub(crate) struct ReportRow {
    pub(crate) arn: Str,
    pub(crate) account: Str,
    pub(crate) is_root: bool,
    pub(crate) created: Option<Time>,
    /// `None` for the root, whose password the report does not state.
    pub(crate) has_password: Option<bool>,
    /// Credentials, with slots as ids.
    pub(crate) credentials: Vec<Credential>,
    pub(crate) place: Place,
}

/// A key of `list-access-keys`.
#[derive(Debug, Clone)]
pub(crate) struct KeyListed {
    pub(crate) user: Str,
    pub(crate) id: Str,
    pub(crate) active: Option<bool>,
    pub(crate) created: Option<Time>,
    pub(crate) place: Place,
}

/// An answer of `get-access-key-last-used`.
#[derive(Debug, Clone)]
pub(crate) struct KeyUse {
    pub(crate) user: Option<Str>,
    pub(crate) id: Option<Str>,
    pub(crate) last: Option<Time>,
    pub(crate) place: Place,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Wrapped {
    content: String,
}

/// Reads a report: CSV, or the CLI's JSON around plain or base64 text.
pub(super) fn read_report(evidence: &mut Evidence, source: &Source<'_>, intake: &mut Intake) {
    let first = Value::first(source.bytes);
    let Some(value) = first.filter(Value::is_object) else {
        rows(evidence, source, source.bytes, true, intake);
        return;
    };
    let Some(wrapped) = typed::<Wrapped>(source, &value, "a credential report", intake) else {
        return;
    };
    let content = wrapped.content.trim();
    let plain = if content.contains(',') {
        Cow::Borrowed(content.as_bytes())
    } else {
        let joined: String = content.split_whitespace().collect();
        match base64::engine::general_purpose::STANDARD.decode(joined) {
            Ok(bytes) => Cow::Owned(bytes),
            Err(_) => {
                intake.reject(source.whole(), "`Content` is neither CSV nor base64");
                return;
            }
        }
    };
    rows(evidence, source, &plain, false, intake);
}

fn rows(
    evidence: &mut Evidence,
    source: &Source<'_>,
    text: &[u8],
    is_direct: bool,
    intake: &mut Intake,
) {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text);
    let Ok(header) = reader.byte_headers() else {
        intake.reject(source.whole(), "no header row");
        return;
    };
    let columns: HashMap<String, usize> = header
        .iter()
        .enumerate()
        .map(|(at, name)| (String::from_utf8_lossy(name).trim().to_ascii_lowercase(), at))
        .collect();
    if !columns.contains_key("arn") || !columns.contains_key("user") {
        intake.reject(source.whole(), "no columns `user` and `arn`");
        return;
    }
    for (number, record) in reader.byte_records().enumerate() {
        let place = if is_direct {
            let line = record.as_ref().ok().and_then(|record| Some(record.position()?.line()));
            Place::line(source.file, line.unwrap_or(number as u64 + 2) as u32, 1)
        } else {
            Place::record(source.file, number as u64 + 1)
        };
        let Ok(record) = record else {
            intake.reject(place, "not a row of a table");
            continue;
        };
        let get = |name: &str| {
            let field = columns.get(name).and_then(|at| record.get(*at));
            String::from_utf8_lossy(field.unwrap_or_default()).trim().to_string()
        };
        match report_row(&get, place) {
            Some(row) => {
                evidence.credential_rows.push(row);
                intake.used(1);
            }
            None => intake.reject(place, "a row without an ARN"),
        }
    }
}

/// `true` and `false` in any case; anything else is not known.
fn flag(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

fn report_row(get: &dyn Fn(&str) -> String, place: Place) -> Option<ReportRow> {
    let arn = get("arn");
    let account: Str = Arn::parse(&arn)?.account.into();
    let arn: Str = arn.into();
    let is_root = get("user") == "<root_account>";
    let has_password = if is_root { None } else { flag(&get("password_enabled")) };
    let mut credentials = Vec::new();
    let base = Credential {
        identity: arn.clone(),
        id: "".into(),
        kind: "".into(),
        created: None,
        last_used: None,
        never: false,
        active: None,
        expires: None,
        place: Some(place),
    };
    let password_used = get("password_last_used");
    if has_password == Some(true) || (is_root && Time::parse(&password_used).is_some()) {
        credentials.push(Credential {
            id: "password".into(),
            kind: "password".into(),
            created: Time::parse(&get("password_last_changed")),
            last_used: Time::parse(&password_used),
            never: password_used == "no_information",
            active: has_password.or(Some(true)),
            ..base.clone()
        });
    }
    for slot in ["1", "2"] {
        let column = |name: &str| get(&format!("access_key_{slot}_{name}"));
        let active = flag(&column("active"));
        let created = Time::parse(&column("last_rotated"));
        if active == Some(true) || created.is_some() {
            let used = column("last_used_date");
            credentials.push(Credential {
                id: format!("access key {slot}").into(),
                kind: "access-key".into(),
                created,
                last_used: Time::parse(&used),
                never: used == "N/A",
                active,
                ..base.clone()
            });
        }
    }
    for slot in ["1", "2"] {
        let active = flag(&get(&format!("cert_{slot}_active")));
        let created = Time::parse(&get(&format!("cert_{slot}_last_rotated")));
        if active == Some(true) || created.is_some() {
            credentials.push(Credential {
                id: format!("certificate {slot}").into(),
                kind: "certificate".into(),
                created,
                active,
                ..base.clone()
            });
        }
    }
    Some(ReportRow {
        created: Time::parse(&get("user_creation_time")),
        arn,
        account,
        is_root,
        has_password,
        credentials,
        place,
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct KeyText {
    user_name: Option<String>,
    access_key_id: Option<String>,
    status: Option<String>,
    #[serde(default)]
    create_date: Moment,
}

/// Reads the answer of `list-access-keys`.
pub(super) fn read_keys(
    evidence: &mut Evidence,
    source: &Source<'_>,
    page: &Value<'_>,
    intake: &mut Intake,
) {
    let Some(list) = page.get("AccessKeyMetadata") else {
        intake.reject(source.place(page.at), "no member `AccessKeyMetadata`");
        return;
    };
    for value in list.elements() {
        let Some(key) = typed::<KeyText>(source, &value, "an access key", intake) else {
            continue;
        };
        let place = source.place(value.at);
        let (Some(user), Some(id)) = (key.user_name, key.access_key_id) else {
            intake.reject(place, "an access key without user or id");
            continue;
        };
        let active = match key.status.as_deref() {
            Some("Active") => Some(true),
            Some("Inactive") => Some(false),
            _ => None,
        };
        evidence.keys.push(KeyListed {
            user: user.into(),
            id: id.into(),
            active,
            created: key.create_date.0,
            place,
        });
        intake.used(1);
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct UseText {
    user_name: Option<String>,
    access_key_id: Option<String>,
    access_key_last_used: Option<UseDate>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct UseDate {
    #[serde(default)]
    last_used_date: Moment,
}

/// Reads the answer of `get-access-key-last-used`; the key is named by an added member or the file's name.
pub(super) fn read_key_use(
    evidence: &mut Evidence,
    source: &Source<'_>,
    page: &Value<'_>,
    intake: &mut Intake,
) {
    let Some(text) = typed::<UseText>(source, page, "a key's last use", intake) else {
        return;
    };
    let from_name = source
        .stem()
        .split(|c: char| !c.is_ascii_alphanumeric())
        .find(|part| part.starts_with("AKIA") && part.len() >= 16);
    let id = text.access_key_id.as_deref().or(from_name);
    if id.is_none() {
        intake.note("which key it is about is not stated: it is used if its user has one key only");
    }
    evidence.key_uses.push(KeyUse {
        user: text.user_name.as_deref().map(Str::from),
        id: id.map(Str::from),
        last: text.access_key_last_used.and_then(|used| used.last_used_date.0),
        place: source.place(page.at),
    });
    intake.used(1);
}

/// Joins reports, lists and uses into credentials by identity. `users` gives the ARNs of users by their name.
pub(crate) fn join(
    evidence: &Evidence,
    users: &BTreeMap<Str, Vec<Str>>,
    notes: &mut Vec<(Option<Place>, String)>,
) -> Vec<Credential> {
    let mut by_user: BTreeMap<Str, Vec<Credential>> = BTreeMap::new();
    for row in &evidence.credential_rows {
        let known = by_user.entry(row.arn.clone()).or_default();
        for credential in &row.credentials {
            match known.iter_mut().find(|other| other.id == credential.id) {
                Some(other) => later(other, credential),
                None => known.push(credential.clone()),
            }
        }
    }
    let mut listed: BTreeMap<Str, Vec<&KeyListed>> = BTreeMap::new();
    for key in &evidence.keys {
        match users.get(&key.user).map(Vec::as_slice) {
            Some([arn]) => listed.entry(arn.clone()).or_default().push(key),
            Some(_) => notes.push((
                Some(key.place),
                format!("access key of user {}, who is in several accounts", key.user),
            )),
            None => notes.push((
                Some(key.place),
                format!("access key of user {}, who is not in the evidence", key.user),
            )),
        }
    }
    for (arn, keys) in listed {
        merge_keys(by_user.entry(arn.clone()).or_default(), &arn, &keys);
    }
    for used in &evidence.key_uses {
        apply_use(&mut by_user, users, used, notes);
    }
    let mut out: Vec<Credential> = by_user.into_values().flatten().collect();
    out.sort_unstable();
    out
}

/// Takes over what a second report says of a credential: reports are joined to the newest statement.
fn later(known: &mut Credential, other: &Credential) {
    known.last_used = known.last_used.max(other.last_used);
    known.never = known.last_used.is_none() && (known.never || other.never);
    if other.created > known.created {
        known.created = other.created;
        known.active = other.active;
    }
}

/// Gives the slots of a report the ids of a key list.
fn merge_keys(credentials: &mut Vec<Credential>, arn: &Str, keys: &[&KeyListed]) {
    let mut keys: Vec<&KeyListed> = keys.to_vec();
    keys.sort_unstable_by(|left, right| left.id.cmp(&right.id));
    keys.dedup_by(|left, right| left.id == right.id);
    let is_slot =
        |credential: &Credential| &*credential.kind == "access-key" && credential.id.contains(' ');
    let mut rest = Vec::new();
    for key in keys {
        let slot = credentials.iter_mut().find(|credential| {
            is_slot(credential) && key.created.is_some() && credential.created == key.created
        });
        match slot {
            Some(slot) => name_slot(slot, key),
            None => rest.push(key),
        }
    }
    let slots = credentials.iter().filter(|c| is_slot(c)).count();
    for key in &rest {
        let only = (slots == 1 && rest.len() == 1)
            .then(|| credentials.iter_mut().find(|credential| is_slot(credential)))
            .flatten();
        match only {
            Some(slot) => name_slot(slot, key),
            None => credentials.push(Credential {
                identity: arn.clone(),
                id: key.id.clone(),
                kind: "access-key".into(),
                created: key.created,
                last_used: None,
                never: false,
                active: key.active,
                expires: None,
                place: Some(key.place),
            }),
        }
    }
}

fn name_slot(slot: &mut Credential, key: &KeyListed) {
    slot.id = key.id.clone();
    slot.active = key.active.or(slot.active);
    slot.created = slot.created.or(key.created);
}

fn apply_use(
    by_user: &mut BTreeMap<Str, Vec<Credential>>,
    users: &BTreeMap<Str, Vec<Str>>,
    used: &KeyUse,
    notes: &mut Vec<(Option<Place>, String)>,
) {
    let named = used.user.as_ref().and_then(|user| match users.get(user)?.as_slice() {
        [arn] => Some(arn.clone()),
        _ => None,
    });
    let is_key = |credential: &&mut Credential| &*credential.kind == "access-key";
    let found = match &used.id {
        Some(id) => by_user.values_mut().flatten().find(|credential| credential.id == *id),
        None => named.as_ref().and_then(|arn| by_user.get_mut(arn)).and_then(|list| {
            let mut keys = list.iter_mut().filter(is_key);
            let first = keys.next();
            if keys.next().is_some() { None } else { first }
        }),
    };
    if let Some(credential) = found {
        credential.last_used = credential.last_used.max(used.last);
        credential.never = credential.last_used.is_none();
        return;
    }
    match (named, &used.id) {
        (Some(arn), Some(id)) => by_user.entry(arn.clone()).or_default().push(Credential {
            identity: arn,
            id: id.clone(),
            kind: "access-key".into(),
            created: None,
            last_used: used.last,
            never: used.last.is_none(),
            active: None,
            expires: None,
            place: Some(used.place),
        }),
        _ => notes.push((
            Some(used.place),
            "the last use of an access key that cannot be told from others".to_string(),
        )),
    }
}
