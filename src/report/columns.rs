//! The columns of each table: one definition for the terminal, CSV and Markdown.
//!
//! Names are those of the JSON report. Columns are added at the end and never renamed.

use std::collections::BTreeMap;
use std::io;

use super::TableKind;
use super::model::{
    Advised, Coverage, FindingOut, IdentityOut, Input, PermissionOut, Report, Stamp,
};
use super::words;
use crate::gap::{Advice, Status};
use crate::model::{Str, Time};

/// A value in a table.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// Does not apply, or is not known. Not the same as 0.
    Blank,
    /// Text, as the evidence has it: a format escapes it.
    Text(String),
    /// A number of things.
    Count(u64),
    /// A day.
    Date(Time),
    /// Several texts.
    List(Vec<String>),
    /// Yes or no.
    Flag(bool),
}

impl Cell {
    /// As machines read it: no commas, ISO dates, lists joined by `; `.
    pub fn plain(&self) -> String {
        match self {
            Cell::Blank => String::new(),
            Cell::Text(text) => text.clone(),
            Cell::Count(number) => number.to_string(),
            Cell::Date(time) => time.date(),
            Cell::List(texts) => texts.join("; "),
            Cell::Flag(flag) => flag.to_string(),
        }
    }

    /// As people read it: commas, dates with their age in days before `as_of`.
    pub fn shown(&self, as_of: Option<Stamp>) -> String {
        match self {
            Cell::Count(number) => words::commas(*number),
            Cell::Date(time) => words::dated(Stamp(*time), as_of),
            Cell::Flag(true) => "yes".to_string(),
            Cell::Flag(false) => String::new(),
            Cell::Blank | Cell::Text(_) | Cell::List(_) => self.plain(),
        }
    }
}

/// A row of one of the tables, with what its columns need.
#[derive(Debug, Clone, Copy)]
pub enum Row<'a> {
    /// A finding.
    Finding(&'a FindingOut),
    /// An identity.
    Identity(IdentityLine<'a>),
    /// A permission row.
    Permission(PermissionLine<'a>),
    /// A recommendation.
    Advice(AdviceLine<'a>),
    /// What a log covers.
    Coverage(&'a Coverage),
    /// An input file.
    Input(&'a Input),
}

/// An identity with the number of its findings.
#[derive(Debug, Clone, Copy)]
pub struct IdentityLine<'a> {
    /// The identity.
    pub identity: &'a IdentityOut,
    /// How many findings the report holds about it.
    pub findings: u64,
}

impl IdentityLine<'_> {
    /// A number that only an identity which was judged has.
    fn judged(&self, number: u64) -> Cell {
        if self.identity.judged { Cell::Count(number) } else { Cell::Blank }
    }

    /// Actions whose first status is this one.
    fn status(&self, status: Status) -> Cell {
        self.judged(self.identity.by_status.get(&status).copied().unwrap_or(0))
    }
}

/// A permission row with its identity.
#[derive(Debug, Clone, Copy)]
pub struct PermissionLine<'a> {
    /// The identity.
    pub identity: &'a IdentityOut,
    /// The row.
    pub row: &'a PermissionOut,
}

/// A recommendation's row with its identity.
#[derive(Debug, Clone, Copy)]
pub struct AdviceLine<'a> {
    /// Id of the identity.
    pub identity: &'a Str,
    /// Keep, remove or review.
    pub advice: Advice,
    /// The permission.
    pub row: &'a Advised,
}

/// A column.
pub struct Column {
    /// Name, stable.
    pub name: &'static str,
    /// What it holds, in a sentence.
    pub doc: &'static str,
    /// Whether it is a number of things, which people read right-aligned.
    pub is_number: bool,
    /// Its cell of a row of this column's table; blank for another table's.
    pub get: for<'a> fn(&Row<'a>) -> Cell,
}

macro_rules! columns {
    ($row:pat => $($side:ident $name:literal $doc:literal $cell:expr;)*) => {
        &[$(Column {
            name: $name,
            doc: $doc,
            is_number: stringify!($side).as_bytes()[0] == b'n',
            get: |row| match row {
                $row => $cell,
                _ => Cell::Blank,
            },
        }),*]
    };
}

fn text(text: &str) -> Cell {
    if text.is_empty() { Cell::Blank } else { Cell::Text(text.to_string()) }
}

fn maybe(value: Option<&str>) -> Cell {
    value.map_or(Cell::Blank, text)
}

fn date(stamp: Option<Stamp>) -> Cell {
    stamp.map_or(Cell::Blank, |stamp| Cell::Date(stamp.0))
}

fn list<T: ToString>(texts: &[T]) -> Cell {
    if texts.is_empty() {
        return Cell::Blank;
    }
    Cell::List(texts.iter().map(ToString::to_string).collect())
}

static FINDINGS: &[Column] = columns! { Row::Finding(one) =>
    word "fingerprint" "16 hex digits that stay the same across runs." text(&one.fingerprint);
    word "kind" "Kind of finding." text(&one.kind);
    word "facet" "In which respect it is outside the intent." maybe(one.facet.map(|facet| facet.as_str()));
    word "severity" "info, low, medium, high or critical." text(one.severity.as_str());
    word "state" "new, baseline or waived." text(&one.state);
    word "identity" "Id of the identity, or of what else it is about." text(&one.identity);
    word "subject" "Service, credential or log class that it is about." text(&one.subject);
    word "title" "What was found." text(&one.title);
    word "actions" "Actions." list(&one.actions);
    word "resources" "Resources." list(&one.resources);
    word "date" "The day that matters: last use, end, creation." date(one.date);
    word "evidence" "Places in the evidence." list(&places(one));
    word "frameworks" "Framework identifiers, with the published one where the label differs." frameworks(one);
    word "remedy" "What to do." text(&one.remedy);
    number "shared_with" "How many other identities share the policy that would change." Cell::Count(one.shared_with);
};

fn places(finding: &FindingOut) -> Vec<String> {
    finding.evidence.iter().map(|one| one.place()).collect()
}

fn frameworks(finding: &FindingOut) -> Cell {
    list(&finding.frameworks.iter().map(|id| id.show()).collect::<Vec<_>>())
}

static IDENTITIES: &[Column] = columns! { Row::Identity(line) =>
    word "id" "Canonical id." text(&line.identity.id);
    word "platform" "Platform." text(&line.identity.platform);
    word "kind" "Kind of identity." text(&line.identity.kind);
    word "name" "Display name." text(&line.identity.name);
    word "account" "Account, project, cluster or tenant." text(&line.identity.account);
    word "owner" "Owner." maybe(line.identity.owner.as_deref());
    word "environment" "Environment." maybe(line.identity.environment.as_deref());
    word "labels" "What else is known of it: vendor, service-linked, disabled, …" list(&line.identity.labels);
    word "created" "Day of creation." date(line.identity.created);
    word "expires" "Day on which it, or the relationship behind it, ends." date(line.identity.expires);
    word "last_used" "Day of the last sign of use." date(line.identity.last_used);
    number "holes" "Policies that are named but are not in the evidence." Cell::Count(line.identity.holes.len() as u64);
    number "granted" "Actions granted." line.judged(line.identity.counts.granted);
    number "observable" "Of those, actions whose use the evidence could have shown." line.judged(line.identity.counts.observable);
    number "used" "Used. This and the statuses below hold each action once, by the first status of its rows." line.status(Status::Used);
    number "excess" "Granted, observable, not used." line.status(Status::Excess);
    number "stale" "Used, but long ago." line.status(Status::Stale);
    number "unknown" "Not concluded." line.status(Status::Unknown);
    number "drift" "Granted beyond the intent, not used." line.status(Status::Drift);
    number "out_of_scope" "Used beyond the intent." line.status(Status::OutOfScope);
    number "unexplained" "Used with no known grant." line.status(Status::Unexplained);
    number "shortfall" "Intended, neither granted nor used." line.status(Status::Shortfall);
    number "denied" "Actions with denied attempts; they may have another status too." line.judged(line.identity.counts.denied);
    number "gap_score" "Gap score, 0 to 100; blank if nothing granted could be concluded." line.identity.gap_score.map_or(Cell::Blank, |score| line.judged(u64::from(score)));
    number "observed_days" "Days of the window in which most of what is granted was observable." line.judged(u64::from(line.identity.observed_days));
    number "findings" "Findings about it." Cell::Count(line.findings);
    word "administrator" "How it counts as an administrator; sums over identities leave it out." maybe(line.identity.administrator.as_deref());
    word "judged" "Whether it is judged; if not, it has no counts." Cell::Flag(line.identity.judged);
};

static PERMISSIONS: &[Column] = columns! { Row::Permission(line) =>
    word "identity" "Id of the identity." text(&line.identity.id);
    word "action" "Action, or `service:*` for a folded row." text(&line.row.action);
    number "folded" "How many actions the row stands for." Cell::Count(u64::from(line.row.folded));
    word "status" "Status." text(line.row.status.as_str());
    word "reason" "Why it is unknown." maybe(line.row.reason.map(|reason| reason.as_str()));
    word "facet" "In which respect it is outside the intent." maybe(line.row.facet.map(|facet| facet.as_str()));
    word "resources" "Scopes seen, or patterns granted." list(&line.row.resources);
    word "granted_by" "Policy and statement of each grant behind it." granted_by(line);
    word "conditional" "Whether every grant behind it is conditional." Cell::Flag(line.row.conditional);
    word "first_used" "Day of the first allowed use." date(line.row.first_used);
    word "last_used" "Day of the last allowed use." date(line.row.last_used);
    number "uses" "Allowed events." Cell::Count(line.row.uses);
    number "denied" "Denied events." Cell::Count(line.row.denied);
    word "basis" "What the status rests on." list(&line.row.basis);
    number "observed_days" "Days in which use would have been seen." Cell::Count(u64::from(line.row.observed_days));
    word "note" "Remark." maybe(line.row.note.as_deref());
};

fn granted_by(line: &PermissionLine<'_>) -> Cell {
    let origin = |at: &u32| line.identity.grants.get(*at as usize).map(|grant| &grant.origin);
    list(&line.row.granted_by.iter().filter_map(origin).collect::<Vec<_>>())
}

static RECOMMENDATIONS: &[Column] = columns! { Row::Advice(line) =>
    word "identity" "Id of the identity." text(line.identity);
    word "advice" "keep, remove or review." text(line.advice.as_str());
    word "action" "Action, or `service:*` for a folded row." text(&line.row.action);
    number "folded" "How many actions the row stands for." Cell::Count(u64::from(line.row.folded));
    word "status" "Status." text(line.row.status.as_str());
    word "reason" "Why it is unknown." maybe(line.row.reason.map(|reason| reason.as_str()));
    word "resources" "Scopes seen, or patterns granted." list(&line.row.resources);
    number "shared_with" "How many other identities share the policy." Cell::Count(line.row.shared_with);
};

static COVERAGE: &[Column] = columns! { Row::Coverage(one) =>
    word "platform" "Platform." text(&one.platform);
    word "account" "Account, or the identity that a report is about." text(&one.account);
    word "region" "Region; `*` for all." text(&one.region);
    word "class" "Class of log, or what a report speaks of." text(&one.class);
    word "from" "First day." date(one.from);
    word "to" "Last day." date(one.to);
    number "observed_days" "Days covered, gaps taken out." Cell::Count(u64::from(one.observed_days));
    word "gaps" "Gaps, from/to." list(&one.gaps);
    word "basis" "What that rests on." text(&one.basis);
    word "access" "read, write or all." text(&one.access);
    word "resources" "Resources, if it is limited to some." maybe(one.resources.as_deref());
};

static INPUTS: &[Column] = columns! { Row::Input(one) =>
    word "path" "Path as given." text(&one.path);
    word "sha256" "SHA-256 of the file's bytes." text(&one.sha256);
    word "kind" "Kind of evidence; blank if it is of no known kind." text(&one.kind);
    number "records" "Records found." Cell::Count(one.records);
    number "used" "Records used." Cell::Count(one.used);
    number "rejected" "Records that could not be used." Cell::Count(one.rejected_count);
    word "notes" "The first rejected records, and facts about the file." list(&notes(one));
};

/// Rejected records as `line 212: no time`, then the file's notes.
fn notes(input: &Input) -> Vec<String> {
    let mut notes: Vec<String> = input
        .rejected
        .iter()
        .map(|one| format!("{}: {}", place_in(&input.path, &one.place), one.reason))
        .collect();
    let more = input.rejected_count.saturating_sub(input.rejected.len() as u64);
    if more > 0 && !notes.is_empty() {
        notes.push(format!("and {more} more rejected"));
    }
    notes.extend(input.notes.iter().cloned());
    notes
}

/// `line 212` or `record 5` of a place in a file that is named beside it.
fn place_in(path: &str, place: &str) -> String {
    let Some(rest) = place.strip_prefix(path) else {
        return place.to_string();
    };
    match (rest.strip_prefix(':'), rest.strip_prefix('#')) {
        (Some(line), _) => format!("line {}", line.split(':').next().unwrap_or(line)),
        (_, Some(record)) => format!("record {record}"),
        _ => place.to_string(),
    }
}

/// The columns of a table, in order.
pub fn of(table: TableKind) -> &'static [Column] {
    match table {
        TableKind::Findings => FINDINGS,
        TableKind::Identities => IDENTITIES,
        TableKind::Permissions => PERMISSIONS,
        TableKind::Recommendations => RECOMMENDATIONS,
        TableKind::Coverage => COVERAGE,
        TableKind::Inputs => INPUTS,
    }
}

/// A column of a table by its name.
pub fn named(table: TableKind, name: &str) -> Option<&'static Column> {
    of(table).iter().find(|column| column.name == name)
}

/// A table's name with its columns: name and what each holds.
pub type Documented = (&'static str, Vec<(&'static str, &'static str)>);

/// The columns of all tables, for generated documentation.
pub fn documentation() -> Vec<Documented> {
    let columns = |table| of(table).iter().map(|column| (column.name, column.doc)).collect();
    TableKind::ALL.into_iter().map(|table| (table.as_str(), columns(table))).collect()
}

/// Visits the rows of a table in the report's order, one at a time.
///
/// # Errors
///
/// The first that `visit` returns; later rows are not visited.
pub fn rows(
    report: &Report,
    table: TableKind,
    visit: &mut dyn FnMut(&Row<'_>) -> io::Result<()>,
) -> io::Result<()> {
    match table {
        TableKind::Findings => report.findings.iter().try_for_each(|one| visit(&Row::Finding(one))),
        TableKind::Identities => {
            let findings = findings_by_identity(report);
            report.identities.iter().try_for_each(|identity| {
                let findings = findings.get(&*identity.id).copied().unwrap_or(0);
                visit(&Row::Identity(IdentityLine { identity, findings }))
            })
        }
        TableKind::Permissions => report.identities.iter().try_for_each(|identity| {
            identity
                .permissions
                .iter()
                .try_for_each(|row| visit(&Row::Permission(PermissionLine { identity, row })))
        }),
        TableKind::Recommendations => report.recommendations.iter().try_for_each(|one| {
            one.rows().try_for_each(|(advice, row)| {
                visit(&Row::Advice(AdviceLine { identity: &one.identity, advice, row }))
            })
        }),
        TableKind::Coverage => {
            report.coverage.iter().try_for_each(|one| visit(&Row::Coverage(one)))
        }
        TableKind::Inputs => report.inputs.iter().try_for_each(|one| visit(&Row::Input(one))),
    }
}

/// How many findings each identity has.
pub(super) fn findings_by_identity(report: &Report) -> BTreeMap<&str, u64> {
    let mut numbers = BTreeMap::new();
    for finding in &report.findings {
        *numbers.entry(&*finding.identity).or_default() += 1;
    }
    numbers
}
