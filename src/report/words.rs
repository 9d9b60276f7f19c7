//! Words and figures as people read them: counts, shares, ages, names.
//!
//! The rules are in `docs/reports.md`: thousands have commas, percentages one decimal, dates are absolute with an
//! age in calendar days (UTC) before the time of the report.

use std::collections::{BTreeMap, BTreeSet};

use super::model::{FindingOut, IdentityOut, PermissionOut, Recommendation, Report, Stamp};
use super::pipeline::is_of_the_gate;
use super::{TableKind, View};
use crate::findings::Severity;
use crate::gap::{Advice, Reason, Status};

/// Statuses in the order in which people read them; the first six add up to what is granted.
pub(super) const READING_ORDER: [Status; 9] = [
    Status::Used,
    Status::OutOfScope,
    Status::Drift,
    Status::Stale,
    Status::Excess,
    Status::Unknown,
    Status::Unexplained,
    Status::Shortfall,
    Status::NotGranted,
];

/// How many of [`READING_ORDER`] are parts of what is granted.
const GRANTED: usize = 6;

/// `48,754`.
pub(super) fn commas(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 call`, `2 calls`, `1,204 identities`.
pub(super) fn count(number: u64, one: &str) -> String {
    format!("{} {}", commas(number), plural(number, one))
}

/// The noun alone, in the plural unless there is one.
pub(super) fn plural(number: u64, one: &str) -> String {
    match (number, one.strip_suffix('y')) {
        (1, _) => one.to_string(),
        (_, Some(stem)) => format!("{stem}ies"),
        (_, None) => format!("{one}s"),
    }
}

/// `92.0 %`. What is not all is never 100 %, and what is not nothing never 0 %.
pub(super) fn percent(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "-".to_string();
    }
    let (part, whole) = (u128::from(part), u128::from(whole));
    let tenths = (part * 2_000 + whole) / (whole * 2);
    match tenths {
        0 if part > 0 => "< 0.1 %".to_string(),
        1_000 if part < whole => "99.9 %".to_string(),
        _ => format!("{}.{} %", tenths / 10, tenths % 10),
    }
}

/// Calendar days before the time of the report: `5 d`, or `in 12 d`.
pub(super) fn age(stamp: Stamp, as_of: Option<Stamp>) -> Option<String> {
    let days = stamp.0.age_days(as_of?.0);
    let figure = commas(days.unsigned_abs());
    Some(if days < 0 { format!("in {figure} d") } else { format!("{figure} d") })
}

/// `2026-08-27, 5 d`.
pub(super) fn dated(stamp: Stamp, as_of: Option<Stamp>) -> String {
    match age(stamp, as_of) {
        Some(age) => format!("{}, {age}", stamp.0.date()),
        None => stamp.0.date(),
    }
}

/// The date of a finding, or what stands instead of it.
pub(super) fn finding_date(finding: &FindingOut, as_of: Option<Stamp>) -> String {
    match (finding.date, &finding.age_note) {
        (Some(date), _) => dated(date, as_of),
        (None, Some(note)) => note.to_string(),
        (None, None) => "-".to_string(),
    }
}

/// What was found, in a line; of a waived finding, first until when.
pub(super) fn finding_what(finding: &FindingOut) -> String {
    let waiver = finding.waiver.as_deref().map(|waiver| {
        // The reason may be long and stands in `explain`.
        waiver.split_once(": ").map_or(waiver, |(until, _)| until)
    });
    match waiver {
        Some(waiver) => format!("{waiver}; {}", finding.title),
        None => finding.title.to_string(),
    }
}

/// A fingerprint as people see it: its first 8 characters.
pub(super) fn short(fingerprint: &str) -> String {
    fingerprint.chars().take(8).collect()
}

/// `out of scope`.
pub(super) fn status_word(status: Status) -> String {
    status.as_str().replace('-', " ")
}

/// `2 used, 1 out of scope, 6 drift`: the parts of what is granted.
pub(super) fn granted_parts(by_status: &BTreeMap<Status, u64>) -> String {
    parts(by_status, &READING_ORDER[..GRANTED])
}

/// `3 unexplained, 1 shortfall`: what is beside what is granted.
pub(super) fn other_parts(by_status: &BTreeMap<Status, u64>) -> String {
    parts(by_status, &READING_ORDER[GRANTED..])
}

fn parts(by_status: &BTreeMap<Status, u64>, order: &[Status]) -> String {
    let part = |status: &Status| {
        let number = by_status.get(status).copied().filter(|number| *number > 0)?;
        Some(format!("{} {}", commas(number), status_word(*status)))
    };
    order.iter().filter_map(part).collect::<Vec<_>>().join(", ")
}

/// `1 critical, 6 high`, worst first.
pub(super) fn severities(
    findings: &BTreeMap<Severity, u64>,
    note: impl Fn(Severity) -> String,
) -> String {
    let part = |severity: &Severity| {
        let number = findings.get(severity).copied().filter(|number| *number > 0)?;
        Some(format!("{} {}{}", commas(number), severity.as_str(), note(*severity)))
    };
    Severity::ALL.iter().rev().filter_map(part).collect::<Vec<_>>().join(", ")
}

/// `gap 92, 9 granted: 2 used, 1 out of scope, 6 drift`; for an administrator, that it is one.
pub(super) fn identity_counts(identity: &IdentityOut) -> String {
    let counts = &identity.counts;
    if identity.administrator.is_some() {
        let (used, granted) = (commas(counts.used), count(counts.granted, "action"));
        return format!("administrator, {used} of {granted} used");
    }
    let gap = identity.gap_score.map_or("-".to_string(), |score| score.to_string());
    let mut text = format!("gap {gap}, {} granted", commas(counts.granted));
    let granted = granted_parts(&identity.by_status);
    if !granted.is_empty() {
        text.push_str(": ");
        text.push_str(&granted);
    }
    let other = other_parts(&identity.by_status);
    if !other.is_empty() {
        text.push_str("; ");
        text.push_str(&other);
    }
    text
}

/// `s3:*, 3 actions`, or the action.
pub(super) fn row_action(action: &str, folded: u32) -> String {
    if folded == 1 {
        return action.to_string();
    }
    format!("{action}, {}", count(u64::from(folded), "action"))
}

/// What is known of a row: uses and the last of them, or where and how long nothing was seen. Resources are
/// named, or only counted.
pub(super) fn row_facts(
    row: &PermissionOut,
    as_of: Option<Stamp>,
    uses_width: usize,
    names_resources: bool,
) -> String {
    let basis = row.basis.iter().map(|one| one.to_string()).collect::<Vec<_>>().join(", ");
    let mut text = match row.status {
        Status::Used | Status::OutOfScope | Status::Unexplained | Status::Stale => {
            let mut text = format!("{:>uses_width$} {}", commas(row.uses), plural(row.uses, "use"));
            if let Some(last) = row.last_used {
                text.push_str(&format!(", last {}", dated(last, as_of)));
            }
            text.push_str(&resources(row, names_resources));
            text
        }
        Status::Unknown => {
            let reason = row.reason.map_or("unknown", Reason::as_str);
            match (row.note.as_deref(), basis.is_empty()) {
                (Some(note), _) => format!("{reason}: {note}"),
                (None, false) => format!("{reason}: {basis}"),
                (None, true) => match row.reason {
                    Some(why) => format!("{reason}: {}", reason_words(why)),
                    None => reason.to_string(),
                },
            }
        }
        Status::Excess | Status::Drift if row.observed_days > 0 => {
            let days = commas(u64::from(row.observed_days));
            if basis.is_empty() {
                format!("not in {days} d")
            } else {
                format!("not in {days} d ({basis})")
            }
        }
        Status::Excess | Status::Drift | Status::Shortfall | Status::NotGranted => basis,
    };
    if let Some(facet) = row.facet {
        push_part(&mut text, &format!("outside the intent: {}", facet.as_str()));
    }
    if row.conditional {
        push_part(&mut text, "conditional");
    }
    if row.denied > 0 {
        push_part(&mut text, &format!("{} denied", commas(row.denied)));
    }
    if let (Some(note), false) = (row.note.as_deref(), row.status == Status::Unknown) {
        push_part(&mut text, note);
    }
    text
}

/// What a reason means.
pub(super) fn reason_words(reason: Reason) -> &'static str {
    match reason {
        Reason::Attempted => "tried, and how that ended is not known",
        Reason::NeverLogged => "no log shows it; ask the owner",
        Reason::MissingPolicy => "a policy that decides about it is not in the evidence",
        Reason::NotLogged => "the class of log was off, or is not in the evidence",
        Reason::ShortWindow => "observed for too short a time",
        Reason::Unmapped => "one of the service's events that map to no action may be it",
    }
}

fn push_part(text: &mut String, part: &str) {
    if !text.is_empty() {
        text.push_str("; ");
    }
    text.push_str(part);
}

/// `; on one`, or `; on one and 3 more`; `; 4 resources` if they are only counted.
fn resources(row: &PermissionOut, by_name: bool) -> String {
    match (row.resources.first(), listed(&row.resources)) {
        (None, _) => String::new(),
        (Some(_), number) if !by_name => format!("; {}", count(number, "resource")),
        (Some(one), 1) => format!("; on {one}"),
        (Some(first), number) => format!("; on {first} and {} more", commas(number - 1)),
    }
}

/// How many a list stands for, whose end may say `… and N more`.
pub(super) fn listed(names: &[crate::model::Str]) -> u64 {
    let number = names.len() as u64;
    match names.last().and_then(|last| more_than_listed(last)) {
        Some(more) => (number - 1).saturating_add(more),
        None => number,
    }
}

/// N of `… and N more`, which ends a list of resources that is longer than the report holds.
fn more_than_listed(last: &str) -> Option<u64> {
    last.strip_prefix("… and ")?.strip_suffix(" more")?.replace(',', "").parse().ok()
}

/// Names by id: the display name where only one identity has it, the id otherwise.
pub(super) struct Names<'a>(BTreeMap<&'a str, &'a str>);

impl<'a> Names<'a> {
    pub(super) fn new(report: &'a Report) -> Names<'a> {
        let mut times: BTreeMap<&str, usize> = BTreeMap::new();
        for identity in &report.identities {
            *times.entry(&*identity.name).or_default() += 1;
        }
        let unique = |name: &str| !name.is_empty() && times.get(name) == Some(&1);
        Names(
            report
                .identities
                .iter()
                .filter(|identity| unique(&identity.name))
                .map(|identity| (&*identity.id, &*identity.name))
                .collect(),
        )
    }

    pub(super) fn of<'b>(&self, id: &'b str) -> &'b str
    where
        'a: 'b,
    {
        self.0.get(id).copied().unwrap_or(id)
    }
}

/// A command's words, each quoted where a shell needs it.
pub(super) fn command<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    words.into_iter().map(quoted).collect::<Vec<_>>().join(" ")
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_./:@%+=,-".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_string();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// The commands that a report ends its summary with, and what each is for.
pub(super) fn next_commands(report: &Report, view: &View) -> Vec<(String, String)> {
    let paths = || view.command_paths.iter().map(String::as_str);
    let mut commands = Vec::new();
    let worst = report.summary.worst.first().map(|worst| short(&worst.finding));
    if let Some(finding) = worst.filter(|finding| !finding.is_empty()) {
        let out = report.findings.iter().find(|one| *short(&one.fingerprint) == *finding);
        if let Some(out) = out.filter(|one| is_of_the_gate(&one.kind)) {
            let words = ["authgap", "explain", &*out.kind];
            commands.push((command(words), "what it means, and what to do".to_string()));
        } else {
            let mut words = vec!["authgap", "explain", &finding];
            words.extend(paths().flat_map(|path| ["--from", path]));
            commands.push((command(words), "why, with file and line".to_string()));
        }
    }
    if view.command_paths.is_empty() || report.summary.judged == 0 {
        return commands;
    }
    let analyze = |rest: &[&'static str]| {
        command(["authgap", "analyze"].into_iter().chain(paths()).chain(rest.iter().copied()))
    };
    let advised = advised(report);
    if !advised.is_empty() {
        commands.push((analyze(&["--table", TableKind::Recommendations.as_str()]), advised));
    }
    commands.push((analyze(&["-o", "report.md"]), "all of it, to keep".to_string()));
    commands
}

/// `keep 20, remove 134, review 20`: actions by what the recommendations do with them. An action that is used on one
/// resource and not on another counts in both.
fn advised(report: &Report) -> String {
    // As everywhere on this page an administrator counts apart.
    let admins: BTreeSet<&str> = report
        .identities
        .iter()
        .filter(|one| one.administrator.is_some())
        .map(|one| &*one.id)
        .collect();
    let counted = report.recommendations.iter().filter(|one| !admins.contains(&*one.identity));
    let mut sums: BTreeMap<Advice, u64> = BTreeMap::new();
    for (advice, row) in counted.flat_map(Recommendation::rows) {
        *sums.entry(advice).or_default() += u64::from(row.folded.max(1));
    }
    let part = |(advice, number): (Advice, u64)| format!("{} {}", advice.as_str(), commas(number));
    sums.into_iter().map(part).collect::<Vec<_>>().join(", ")
}

/// The label of people, who are left out of a report.
pub(super) const HUMAN: &str = "human";

/// Identities of the report without those that are left out as human.
pub(super) fn identities_in(report: &Report) -> u64 {
    let folded = report.summary.folded.iter().filter(|(label, _)| *label != HUMAN);
    report.summary.judged + folded.map(|(_, number)| number).sum::<u64>()
}

/// `2 service-linked, 1 vendor`.
pub(super) fn folded(report: &Report) -> String {
    let folded = report.summary.folded.iter().filter(|(label, _)| *label != HUMAN);
    folded
        .map(|(label, number)| format!("{} {label}", commas(*number)))
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Time;

    fn stamp(text: &str) -> Stamp {
        Stamp(Time::parse(text).unwrap_or_default())
    }

    #[test]
    fn thousands_have_commas() {
        assert_eq!(commas(0), "0");
        assert_eq!(commas(999), "999");
        assert_eq!(commas(1_000), "1,000");
        assert_eq!(commas(20_455), "20,455");
        assert_eq!(commas(u64::MAX), "18,446,744,073,709,551,615");
    }

    #[test]
    fn not_all_is_never_all() {
        assert_eq!(percent(160, 174), "92.0 %");
        assert_eq!(percent(126, 174), "72.4 %");
        assert_eq!(percent(126, 160), "78.8 %");
        assert_eq!(percent(9_999, 10_000), "99.9 %");
        assert_eq!(percent(1, 10_000), "< 0.1 %");
        assert_eq!(percent(0, 5), "0.0 %");
        assert_eq!(percent(5, 5), "100.0 %");
        assert_eq!(percent(0, 0), "-");
        assert_eq!(percent(u64::MAX, u64::MAX), "100.0 %");
    }

    #[test]
    fn ages_are_calendar_days() {
        let as_of = Some(stamp("2026-09-01T06:12:00Z"));
        assert_eq!(dated(stamp("2026-08-31T23:59:00Z"), as_of), "2026-08-31, 1 d");
        assert_eq!(dated(stamp("2026-03-02"), as_of), "2026-03-02, 183 d");
        assert_eq!(dated(stamp("2026-09-11"), as_of), "2026-09-11, in 10 d");
        assert_eq!(dated(stamp("2026-09-11"), None), "2026-09-11");
    }

    #[test]
    fn plurals() {
        assert_eq!(count(1, "identity"), "1 identity");
        assert_eq!(count(1_204, "identity"), "1,204 identities");
        assert_eq!(count(2, "call"), "2 calls");
    }

    #[test]
    fn commands_can_be_pasted() {
        assert_eq!(command(["a", "b c", "it's", ""]), "a 'b c' 'it'\\''s' ''");
    }

    #[test]
    fn a_list_that_was_cut_keeps_its_number() {
        assert_eq!(more_than_listed("… and 1,234 more"), Some(1_234));
        assert_eq!(more_than_listed("arn:aws:s3:::more"), None);
    }
}
