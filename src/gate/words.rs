//! The verdict as text: what is new, what the change adds, and last why it failed and what to do.
//!
//! Plain lines for a terminal or a build's log. Every value of the evidence is made harmless
//! ([`crate::diagnostic::show`]), and each line begins with a word of this program: a name can neither steer a
//! terminal nor forge a command of a build system, which some look for behind leading spaces.

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::check::{Added, Basis, Checked};
use super::waivers::Waived;
use crate::diagnostic::show;
use crate::findings::Severity;
use crate::gap::Status;
use crate::model::Str;
use crate::report::model::FindingOut;
use crate::report::pipeline::explained;

/// At most so many findings, and so many lines of each kind of remark.
const SHOWN: usize = 20;

/// At most so many holes, and so many remarks on what is known only after apply.
const HOLES: usize = 5;

/// Digits of a fingerprint that are printed.
const DIGITS: usize = 8;

/// Writes the verdict, its last lines last.
///
/// # Errors
/// What the writer says.
pub fn write(checked: &Checked, color: bool, out: &mut dyn Write) -> io::Result<()> {
    findings(checked, color, out)?;
    notes(checked, out)?;
    adds(checked, out)?;
    last(checked, color, out)
}

fn paint(text: &str, is_red: bool, color: bool) -> String {
    if color && is_red { format!("\u{1b}[31m{text}\u{1b}[0m") } else { text.to_string() }
}

/// The identity as people know it.
fn name<'a>(checked: &'a Checked, id: &'a str) -> &'a str {
    let found = checked.report.identities.iter().find(|identity| *identity.id == *id);
    found.map_or(id, |identity| &identity.name)
}

fn findings(checked: &Checked, color: bool, out: &mut dyn Write) -> io::Result<()> {
    let mut listed = checked.failing.clone();
    listed.extend(checked.new.iter().copied().filter(|at| !checked.failing.contains(at)));
    // Where nothing is accepted yet, the report is the place for what does not fail.
    if checked.basis == Basis::None {
        listed.truncate(checked.failing.len());
    }
    for at in listed.iter().take(SHOWN) {
        let finding = &checked.report.findings[*at];
        let severity = finding.severity.as_str();
        let is_red = finding.severity >= Severity::High;
        writeln!(
            out,
            "{}{}  {}  {}  {}",
            paint(severity, is_red, color),
            " ".repeat(8_usize.saturating_sub(severity.len())),
            digits(&finding.fingerprint),
            finding.kind,
            show(name(checked, &finding.identity)),
        )?;
        let mut evidence = finding.evidence.iter().filter(|one| !one.file.is_empty());
        let grant = evidence.clone().find(|one| &*one.side == "grant").or_else(|| evidence.next());
        if let Some(one) = grant {
            writeln!(out, "  at    {}  {}", show(&one.place()), show(&one.text))?;
        }
        writeln!(out, "  what  {}", show(&finding.title))?;
        let intent = finding.evidence.iter().find(|one| &*one.side == "intent");
        if let Some(one) = intent {
            writeln!(out, "  judged by intent ({}): {}", show(&one.place()), show(&one.text))?;
        }
    }
    if listed.len() > SHOWN {
        writeln!(out, "… and {} more", listed.len() - SHOWN)?;
    }
    Ok(())
}

fn digits(fingerprint: &str) -> &str {
    fingerprint.get(..DIGITS).unwrap_or(fingerprint)
}

/// What is told and fails nothing.
fn notes(checked: &Checked, out: &mut dyn Write) -> io::Result<()> {
    for rename in checked.renames.iter().take(SHOWN) {
        let (from, to) = (show(&rename.from), show(&rename.to));
        writeln!(out, "note  {from} is now {to}: same account, kind and grants")?;
    }
    if !checked.aged.is_empty() {
        let mut kinds: BTreeMap<&Str, u64> = BTreeMap::new();
        for at in &checked.aged {
            *kinds.entry(&checked.report.findings[*at].kind).or_default() += 1;
        }
        let kinds: Vec<String> =
            kinds.into_iter().map(|(kind, count)| format!("{count} {}", show(kind))).collect();
        writeln!(
            out,
            "note  {} found since, by time or use and no new grant: {}",
            plural(checked.aged.len(), "finding"),
            kinds.join(", ")
        )?;
    }
    if checked.gone > 0 {
        let count = plural(checked.gone, "finding");
        writeln!(
            out,
            "note  {count} of the baseline no longer found (authgap baseline --update --prune)"
        )?;
    }
    for (name, hole) in checked.holes().take(HOLES) {
        writeln!(out, "hole  {}: {}", show(name), show(hole))?;
    }
    let more = checked.holes().count().saturating_sub(HOLES);
    if more > 0 {
        writeln!(out, "hole  … and {more} more (authgap analyze --table identities -o ids.csv)")?;
    }
    unresolved(checked, out)?;
    let unused = checked.waivers.iter().filter(|one| one.findings.is_empty());
    for waiver in unused.take(SHOWN) {
        let ended = if waiver.ended.is_some() { ", ended" } else { "" };
        let what = waived(waiver);
        writeln!(out, "note  waiver matches nothing{ended}: {what}  {}", show(&waiver.place))?;
    }
    Ok(())
}

/// What of a plan or template is known only after it is applied.
fn unresolved(checked: &Checked, out: &mut dyn Write) -> io::Result<()> {
    let planned = |kind: &str| kind == "aws-terraform-plan" || kind == "aws-cloudformation";
    let inputs = checked.report.inputs.iter().filter(|input| planned(&input.kind));
    let notes: Vec<(&str, &str)> = inputs
        .flat_map(|input| input.notes.iter().map(|note| (input.path.as_str(), note.as_str())))
        .collect();
    for (path, note) in notes.iter().take(HOLES) {
        writeln!(out, "note  {}: {}", show(path), show(note))?;
    }
    if notes.len() > HOLES {
        writeln!(out, "note  … and {} more (--format markdown)", notes.len() - HOLES)?;
    }
    Ok(())
}

fn waived(waiver: &Waived) -> String {
    format!("{} of {}, owner {}", show(&waiver.kind), show(&waiver.identity), show(&waiver.owner))
}

/// What the change adds.
fn adds(checked: &Checked, out: &mut dyn Write) -> io::Result<()> {
    for Added { identity, actions, resources, place } in checked.added.iter().take(SHOWN) {
        let (actions, resources) = (list(actions), list(resources));
        writeln!(out, "adds  {}  {actions} on {resources}  {}", show(identity), show(place))?;
    }
    if checked.added.len() > SHOWN {
        writeln!(out, "adds  … and {} more grants", checked.added.len() - SHOWN)?;
    }
    for (place, words) in checked.added_waivers.iter().take(SHOWN) {
        writeln!(out, "adds  waiver {}  {}; it holds after the merge", show(words), show(place))?;
    }
    for (identity, action, resources) in checked.added_accepted.iter().take(SHOWN) {
        let resources = list(resources);
        writeln!(
            out,
            "adds  accepted grant {} on {resources} of {}; it counts after the merge",
            show(action),
            show(identity)
        )?;
    }
    let more = checked.added_accepted.len().saturating_sub(SHOWN)
        + checked.added_waivers.len().saturating_sub(SHOWN);
    if more > 0 {
        writeln!(out, "adds  … and {more} more waivers and accepted grants")?;
    }
    Ok(())
}

/// The first three of a list, and how many more.
fn list(texts: &[Str]) -> String {
    let mut out: Vec<String> = texts.iter().take(3).map(|text| show(text)).collect();
    if texts.len() > 3 {
        out.push(format!("{} more", texts.len() - 3));
    }
    out.join(", ")
}

fn plural(count: usize, one: &str) -> String {
    crate::findings::shared::plural(count as u64, one)
}

fn last(checked: &Checked, color: bool, out: &mut dyn Write) -> io::Result<()> {
    let status = checked.status();
    let at = checked.fail_on.as_str();
    for waiver in checked.ended() {
        let days = waiver.ended.unwrap_or_default();
        let fail = paint("FAIL", true, color);
        let end = waiver.expires.date();
        writeln!(out, "{fail}  waiver ended {end}, {days} d ago: {}", waived(waiver))?;
        writeln!(
            out,
            "      at {}: renew it with a reason, or remove what it covers ({})",
            show(&waiver.place),
            waiver.findings.iter().map(|one| digits(one)).collect::<Vec<_>>().join(", ")
        )?;
    }
    let scope =
        if checked.new_only || checked.basis == Basis::None { "new finding" } else { "finding" };
    let what = plural(checked.failing.len(), scope);
    if status == 2 {
        let fail = paint("ERROR", true, color);
        let count = plural(checked.problems.len(), "input");
        writeln!(out, "{fail} no verdict: {count} could not be judged (exit status 2)")?;
        return totals(checked, out);
    }
    if !checked.failing.is_empty() {
        let fail = paint("FAIL", true, color);
        let how = basis_words(checked);
        writeln!(out, "{fail}  {what} at or above {at} (fail_on {at}; {how})")?;
    } else if status == 0 {
        let new_only = checked.new_only;
        writeln!(out, "PASS  {what} at or above {at} (fail_on {at}, new_only {new_only})")?;
    }
    totals(checked, out)?;
    if let Some(first) = checked.failing.first().and_then(|at| checked.report.findings.get(*at)) {
        let remedy = show(&first.remedy);
        writeln!(out, "fix   {remedy}, or add a waiver with a reason and an end date")?;
        writeln!(out, "more  {}", more(checked, first))?;
    }
    unknown(checked, out)?;
    if matches!(checked.basis, Basis::None | Basis::Plan | Basis::Against(_, None)) {
        let (file, options) = (word(&checked.baseline_path), options(&checked.baseline_options));
        writeln!(out, "next  authgap baseline{}{options} -o {file}", paths(checked, ""))?;
        writeln!(out, "      accepts the present state: from then on only new grants fail")?;
    }
    Ok(())
}

fn basis_words(checked: &Checked) -> String {
    if !checked.new_only {
        return "new_only false: all findings count".to_string();
    }
    match &checked.basis {
        Basis::None => "no baseline: everything is new".to_string(),
        Basis::File(_) => "new: a grant that the baseline does not hold".to_string(),
        Basis::Against(words, _) => format!("new: a grant that {} does not hold", show(words)),
        Basis::Plan => "new: a grant that the plan adds".to_string(),
    }
}

/// How many findings there are, and why the others do not fail.
fn totals(checked: &Checked, out: &mut dyn Write) -> io::Result<()> {
    let findings = &checked.report.findings;
    let waived: Vec<&FindingOut> = findings.iter().filter(|one| &*one.state == "waived").collect();
    let known = findings.len() - waived.len() - checked.new.len();
    let place = match &checked.basis {
        Basis::None => "known".to_string(),
        Basis::File(path) => format!("in {}", show(path)),
        Basis::Against(words, _) => format!("with grants of {}", show(words)),
        Basis::Plan => "from before the plan".to_string(),
    };
    let known = match checked.aged.len() {
        0 => format!("{known} {place}"),
        aged => format!("{} {place}, {aged} by time or use", known.saturating_sub(aged)),
    };
    let end = checked
        .waivers
        .iter()
        .filter(|one| one.ended.is_none() && !one.findings.is_empty())
        .map(|one| one.expires)
        .min();
    let until = end.map_or_else(String::new, |end| format!(", the first to {}", end.date()));
    let until = if waived.is_empty() { String::new() } else { until };
    writeln!(
        out,
        "      {}: {} new, {known}, {} waived{until}",
        plural(findings.len(), "finding"),
        checked.new.len(),
        waived.len(),
    )
}

fn unknown(checked: &Checked, out: &mut dyn Write) -> io::Result<()> {
    let judged = || checked.report.identities.iter().filter(|identity| identity.judged);
    let unknown: u64 = judged()
        .map(|identity| identity.by_status.get(&Status::Unknown).copied().unwrap_or_default())
        .sum();
    let granted: u64 = judged().map(|identity| identity.counts.granted).sum();
    if unknown == 0 {
        return Ok(());
    }
    let paths = paths(checked, "");
    writeln!(
        out,
        "      not concluded: {unknown} of {granted} permissions (authgap analyze{paths})"
    )
}

/// The command that shows more. A new grant is judged by the gate alone, so that of it the kind is explained.
fn more(checked: &Checked, finding: &FindingOut) -> String {
    let what = explained(finding);
    if *what == *finding.kind {
        return format!("authgap explain {what}");
    }
    format!("authgap explain {}{}", digits(&finding.fingerprint), paths(checked, " --from"))
}

/// The path arguments as words of a command.
fn paths(checked: &Checked, before: &str) -> String {
    checked.paths.iter().map(|path| format!("{before} {}", word(path))).collect()
}

/// Options as words of a command.
fn options(words: &[String]) -> String {
    words.iter().map(|one| format!(" {}", word(one))).collect()
}

/// A word that a shell takes as it is, else in quotes.
fn word(text: &str) -> String {
    let shown = show(text);
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%,=".contains(c);
    if !shown.is_empty() && shown.chars().all(is_plain) {
        return shown;
    }
    format!("'{}'", shown.replace('\'', "'\\''"))
}
