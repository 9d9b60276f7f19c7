//! One identity, or one finding, in full, on a terminal.
//!
//! A finding has three sides: grant, use, intent. Each is printed with its place, and a side without a place is
//! named as missing.

use std::io;

use super::model::{CredentialOut, Evidence, FindingOut, IdentityOut, PermissionOut, Report};
use super::terminal::page::{Line, Page, Paint};
use super::words::{
    READING_ORDER, commas, count, dated, finding_date, listed, row_action, row_facts, short,
    status_word,
};
use super::{View, escape};
use crate::gap::{Advice, Status};

/// A fingerprint may be shortened to this many characters.
const SHORTEST_PREFIX: usize = 6;

/// How many rows of one status, and how many grants, credentials and reached identities are printed without
/// `--all`.
const SHOWN_ROWS: usize = 50;

/// How many actions or resources a finding lists without `--all`.
const SHOWN_NAMES: usize = 20;

/// How many candidates an ambiguous name lists.
const SHOWN_CANDIDATES: usize = 10;

/// What a word in `explain WORD` means.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Found<'a> {
    /// An identity, by id or display name.
    Identity(&'a IdentityOut),
    /// A finding, by a prefix of its fingerprint.
    Finding(&'a FindingOut),
}

/// Looks an identity up by its id or display name, or a finding by at least 6 characters of its fingerprint.
///
/// # Errors
///
/// The ids or fingerprints that the word could mean, at most 10; none if it means nothing.
pub fn find<'a>(report: &'a Report, word: &str) -> Result<Found<'a>, Vec<String>> {
    if let Some(identity) = report.identities.iter().find(|identity| &*identity.id == word) {
        return Ok(Found::Identity(identity));
    }
    let named: Vec<&IdentityOut> =
        report.identities.iter().filter(|identity| &*identity.name == word).collect();
    match named.as_slice() {
        [] => {}
        [one] => return Ok(Found::Identity(one)),
        many => {
            let ids = many.iter().map(|identity| identity.id.to_string());
            return Err(ids.take(SHOWN_CANDIDATES).collect());
        }
    }
    let prefix = word.to_ascii_lowercase();
    let is_prefix =
        prefix.len() >= SHORTEST_PREFIX && prefix.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_prefix {
        return Err(Vec::new());
    }
    let findings: Vec<&FindingOut> =
        report.findings.iter().filter(|finding| finding.fingerprint.starts_with(&prefix)).collect();
    match findings.as_slice() {
        [one] => Ok(Found::Finding(one)),
        many => {
            let all = many.iter().map(|finding| finding.fingerprint.to_string());
            Err(all.take(SHOWN_CANDIDATES).collect())
        }
    }
}

/// Writes all about an identity: findings, permissions, grants, the gap score's terms, its worst finding, and
/// what to do.
///
/// # Errors
///
/// What the writer says.
pub fn explain_identity(
    report: &Report,
    identity: &IdentityOut,
    view: &View,
    out: &mut dyn io::Write,
) -> io::Result<()> {
    let mut page = Page::new(out, view);
    let findings: Vec<&FindingOut> =
        report.findings.iter().filter(|finding| finding.identity == identity.id).collect();
    describe(report, identity, &mut page)?;
    page.blank()?;
    list_findings(&findings, &mut page)?;
    permissions(report, identity, view, &mut page)?;
    grants(identity, view, &mut page)?;
    credentials(report, identity, view, &mut page)?;
    reach(identity, view, &mut page)?;
    score(identity, &mut page)?;
    let worst = findings.iter().max_by(|left, right| {
        // The first of the worst, as the report sorts them.
        left.severity.cmp(&right.severity).then(std::cmp::Ordering::Greater)
    });
    if let Some(worst) = worst {
        why(report, worst, &mut page)?;
    }
    next(report, identity, worst.copied(), &mut page)?;
    page.flush()
}

fn describe(report: &Report, identity: &IdentityOut, page: &mut Page<'_>) -> io::Result<()> {
    let line = Line::new().paint(Paint::Bold, &identity.name);
    if identity.id == identity.name {
        page.put(&line)?;
    } else {
        page.beside(line, 2, &identity.id)?;
    }
    page.wrapped(Line::new(), 2, &facts(report, identity).join(", "))?;
    page.wrapped(Line::new(), 2, &activity(report, identity).join("; "))?;
    for hole in &identity.holes {
        let line = Line::new().to(2, 0).paint(Paint::Yellow, "?").plain(" ");
        page.wrapped(line, 4, &format!("not in the evidence: {hole}"))?;
    }
    if let Some(purpose) = &identity.purpose {
        page.wrapped(Line::new(), 2, &format!("purpose: {purpose}"))?;
    }
    if let Some(place) = &identity.place {
        page.wrapped(Line::new(), 2, &format!("described in {place}"))?;
    }
    Ok(())
}

/// `role of an ECS task`, `production`, `owner data-team`, `created 2025-01-14, 595 d`.
pub(super) fn facts(report: &Report, identity: &IdentityOut) -> Vec<String> {
    let kind = match &identity.workload {
        Some(workload) => format!("{} of {workload}", identity.kind),
        None => identity.kind.clone(),
    };
    let mut facts = vec![kind];
    facts.extend(identity.environment.as_ref().map(|environment| environment.to_string()));
    facts.push(match &identity.owner {
        Some(owner) => format!("owner {owner}"),
        None => "no owner known".to_string(),
    });
    facts.extend(identity.labels.iter().cloned());
    facts.extend(identity.created.map(|date| format!("created {}", dated(date, report.as_of))));
    facts.extend(identity.expires.map(|date| format!("ends {}", dated(date, report.as_of))));
    facts
}

/// `last used 2026-08-31, 1 d`, `active on 64 of 90 d observed`, `14 granted, 10 observable`, `gap 55`.
pub(super) fn activity(report: &Report, identity: &IdentityOut) -> Vec<String> {
    let mut parts = vec![match identity.last_used {
        Some(last) => format!("last used {}", dated(last, report.as_of)),
        None => "no use in the evidence".to_string(),
    }];
    if !identity.judged {
        parts.push("not judged".to_string());
        return parts;
    }
    if report.window.is_some() {
        let (active, observed) = (identity.active_days, identity.observed_days);
        parts.push(match observed {
            0 => format!("active on {} d, none of them observed as a whole", commas(active.into())),
            // A window of 90 days that begins at noon touches 91.
            _ => format!(
                "active on {} of {} d observed",
                commas(active.min(observed).into()),
                commas(observed.into())
            ),
        });
    }
    let counts = &identity.counts;
    parts.push(format!(
        "{} granted, {} observable",
        commas(counts.granted),
        commas(counts.observable)
    ));
    parts.extend(identity.administrator.as_ref().map(|how| format!("administrator: {how}")));
    parts.extend(identity.gap_score.map(|score| format!("gap {score}")));
    parts
}

/// A heading with a number, and what stands on its line.
fn heading(word: &str, number: Option<u64>) -> Line {
    let line = Line::new().paint(Paint::Bold, word);
    match number {
        Some(number) => line.plain(&format!(" {}", commas(number))),
        None => line,
    }
}

/// `FINDINGS 5     high d95a2c67 sensitive-without-condition; low 6a2d8c3f, f37a05be`.
fn list_findings(findings: &[&FindingOut], page: &mut Page<'_>) -> io::Result<()> {
    let mut parts = Vec::new();
    for same in findings.chunk_by(|left, right| left.severity == right.severity) {
        let Some(first) = same.first() else { continue };
        let names: Vec<String> = match same {
            [one] => vec![format!("{} {}", short(&one.fingerprint), one.kind)],
            many => many.iter().map(|one| short(&one.fingerprint)).collect(),
        };
        parts.push(format!("{} {}", first.severity.as_str(), names.join(", ")));
    }
    let line = heading("FINDINGS", Some(findings.len() as u64));
    let column = (line.width() + 2).max(15);
    page.wrapped(line, column, &parts.join("; "))
}

fn permissions(
    report: &Report,
    identity: &IdentityOut,
    view: &View,
    page: &mut Page<'_>,
) -> io::Result<()> {
    if !identity.judged {
        return Ok(());
    }
    page.put(&heading("PERMISSIONS", Some(identity.counts.granted)))?;
    let of = |status| {
        let rows: Vec<&PermissionOut> =
            identity.permissions.iter().filter(|row| row.status == status).collect();
        (status, rows)
    };
    let groups: Vec<(Status, Vec<&PermissionOut>)> = READING_ORDER.into_iter().map(of).collect();
    let listed = || groups.iter().flat_map(|(_, rows)| rows.iter().take(shown(rows.len(), view)));
    let length = |row: &&PermissionOut| {
        escape::terminal(&row_action(&row.action, row.folded)).chars().count()
    };
    // One very long name must not push all facts off the line.
    let most = (page.width / 2).max(20);
    let action = 4 + listed().map(|row| status_word(row.status).len() + 2).max().unwrap_or(0);
    let names = listed().map(length).filter(|width| *width <= most);
    let facts = action + names.max().unwrap_or(0) + 2;
    let uses = listed().map(|row| commas(row.uses).len()).max().unwrap_or(0);
    for (status, rows) in &groups {
        let shown = shown(rows.len(), view);
        for row in rows.iter().take(shown) {
            let line = Line::new()
                .to(2, 0)
                .paint(Paint::of_mark(*status), &status.mark().to_string())
                .plain(" ")
                .plain(&status_word(*status))
                .to(action, 2)
                .plain(&row_action(&row.action, row.folded))
                .to(facts, 2);
            let fits =
                |text: &str| line.width() + escape::terminal(text).chars().count() <= page.width;
            let mut text = row_facts(row, report.as_of, uses, true);
            if !fits(&text) && !view.wide {
                text = row_facts(row, report.as_of, uses, false);
            }
            // Wrapping would take away the spaces that align the uses.
            if fits(&text) || view.wide {
                page.put(&line.plain(&text))?;
            } else {
                page.wrapped(line, facts, text.trim_start())?;
            }
        }
        more(rows.len() - shown, &format!("{} rows", status_word(*status)), page)?;
    }
    Ok(())
}

fn shown(all: usize, view: &View) -> usize {
    if view.all { all } else { all.min(SHOWN_ROWS) }
}

fn more(number: usize, what: &str, page: &mut Page<'_>) -> io::Result<()> {
    if number == 0 {
        return Ok(());
    }
    let text = format!("and {} more {what} (--all)", commas(number as u64));
    page.put(&Line::new().to(2, 0).plain(&text))
}

fn grants(identity: &IdentityOut, view: &View, page: &mut Page<'_>) -> io::Result<()> {
    if identity.grants.is_empty() {
        return Ok(());
    }
    page.put(&heading("GRANTED BY", None))?;
    let shown = shown(identity.grants.len(), view);
    for grant in identity.grants.iter().take(shown) {
        let place =
            grant.places.first().map_or(String::new(), |place| match grant.places.len() - 1 {
                0 => place.to_string(),
                more => format!("{place} and {}", count(more as u64, "other place")),
            });
        let words = grant_words(grant);
        let origin = Line::new().to(2, 0).plain(&grant.origin);
        let line = origin.clone().plain("  ").plain(&place).plain("  ").plain(&words);
        if line.width() <= page.width || view.wide {
            page.put(&line)?;
            continue;
        }
        page.beside(origin, 4, &words)?;
        if !place.is_empty() {
            page.wrapped(Line::new(), 4, &place)?;
        }
    }
    more(identity.grants.len() - shown, "grants", page)
}

/// `7 actions on 4 resources, no condition`.
pub(super) fn grant_words(grant: &super::model::GrantOut) -> String {
    let resources = match grant.resources.as_slice() {
        [] => String::new(),
        [one] => format!(" on {one}"),
        many => format!(" on {}", count(listed(many), "resource")),
    };
    let mut text = format!("{}{resources}", count(grant.actions, "action"));
    match grant.conditions.as_slice() {
        [] if &*grant.decision == "allow" => text.push_str(", no condition"),
        [] => text.push_str(&format!(", {}", grant.decision)),
        many => {
            let conditions: Vec<&str> = many.iter().map(|one| &**one).collect();
            text.push_str(&format!(", {} if {}", grant.decision, conditions.join(" and ")));
        }
    }
    if !grant.except.is_empty() {
        text.push_str(&format!(", without {}", count(listed(&grant.except), "pattern")));
    }
    if let Some(via) = &grant.via {
        text.push_str(&format!(", via {via}"));
    }
    text
}

fn credentials(
    report: &Report,
    identity: &IdentityOut,
    view: &View,
    page: &mut Page<'_>,
) -> io::Result<()> {
    if identity.credentials.is_empty() {
        return Ok(());
    }
    page.put(&heading("CREDENTIALS", Some(identity.credentials.len() as u64)))?;
    let shown = shown(identity.credentials.len(), view);
    for credential in identity.credentials.iter().take(shown) {
        let line = Line::new().to(2, 0).plain(&credential.id);
        page.beside(line, 4, &credential_words(report, credential))?;
    }
    more(identity.credentials.len() - shown, "credentials", page)
}

/// `access-key, active, created 2025-01-14, 595 d, last used 2026-08-31, 1 d`.
pub(super) fn credential_words(report: &Report, credential: &CredentialOut) -> String {
    let mut parts = vec![credential.kind.to_string()];
    parts.extend(
        credential.active.map(
            |active| {
                if active { "active".to_string() } else { "inactive".to_string() }
            },
        ),
    );
    parts.extend(credential.created.map(|date| format!("created {}", dated(date, report.as_of))));
    parts.push(match (credential.last_used, credential.never_used) {
        (Some(last), _) => format!("last used {}", dated(last, report.as_of)),
        (None, true) => "never used, by its own report".to_string(),
        (None, false) => "last use not known".to_string(),
    });
    parts.join(", ")
}

fn reach(identity: &IdentityOut, view: &View, page: &mut Page<'_>) -> io::Result<()> {
    if identity.reach.is_empty() {
        return Ok(());
    }
    page.put(&heading("CAN ACT AS", Some(identity.reach.len() as u64)))?;
    let shown = shown(identity.reach.len(), view);
    for one in identity.reach.iter().take(shown) {
        page.wrapped(Line::new(), 2, one)?;
    }
    more(identity.reach.len() - shown, "identities", page)
}

/// `GAP 55 = 14.4 of 26.0 weight`, and its terms.
fn score(identity: &IdentityOut, page: &mut Page<'_>) -> io::Result<()> {
    let Some(score) = identity.gap_score else { return Ok(()) };
    let granted: f64 = identity.score_terms.iter().map(|term| term.granted).sum();
    let unsupported: f64 = identity.score_terms.iter().map(|term| term.unsupported).sum();
    let text = format!(
        "{score} = {unsupported:.1} of {granted:.1} weight (unknown permissions are in neither; docs/scoring.md)"
    );
    page.wrapped(Line::new().paint(Paint::Bold, "GAP").plain(" "), 4, &text)?;
    let figure = |number: f64| format!("{number:.1}");
    let width = |of: &dyn Fn(&crate::gap::ScoreTerm) -> f64| {
        identity.score_terms.iter().map(|term| figure(of(term)).len()).max().unwrap_or(0)
    };
    let (left, right) = (width(&|term| term.granted), width(&|term| term.unsupported));
    for term in &identity.score_terms {
        let text = format!(
            "{:>left$} granted, {:>right$} not supported",
            figure(term.granted),
            figure(term.unsupported)
        );
        page.put(&Line::new().to(2, 0).plain(&status_word(term.status)).to(16, 2).plain(&text))?;
    }
    Ok(())
}

/// The three sides of a finding, each with its places.
fn why(report: &Report, finding: &FindingOut, page: &mut Page<'_>) -> io::Result<()> {
    let ids: Vec<String> = finding
        .frameworks
        .iter()
        .filter(|id| id.label != id.published)
        .map(|id| id.show())
        .collect();
    let line =
        Line::new().paint(Paint::Bold, "WHY").plain(&format!(" {}", short(&finding.fingerprint)));
    let text = if ids.is_empty() { finding.kind.to_string() } else { ids.join("; ") };
    let column = line.width() + 2;
    page.wrapped(line, column, &text)?;
    sides(report, finding, page)
}

/// The three sides of a finding, in the order in which they are read.
const SIDES: [&str; 3] = ["grant", "use", "intent"];

fn sides(report: &Report, finding: &FindingOut, page: &mut Page<'_>) -> io::Result<()> {
    let proof = |one: &Evidence, page: &mut Page<'_>| {
        let line = Line::new().to(2, 0).plain(&one.side).to(11, 2).plain(&one.place());
        page.beside(line, 13, &one.text)
    };
    for side in SIDES {
        let mut of_side = finding.evidence.iter().filter(|one| &*one.side == side).peekable();
        if of_side.peek().is_none() {
            let text = missing(side, finding, report);
            page.wrapped(Line::new().to(2, 0).plain(side), 11, &text)?;
        }
        of_side.try_for_each(|one| proof(one, page))?;
    }
    let mut others = finding.evidence.iter().filter(|one| !SIDES.contains(&&*one.side));
    others.try_for_each(|one| proof(one, page))
}

/// What to say of a side without a place.
fn missing(side: &str, finding: &FindingOut, report: &Report) -> String {
    match (side, &finding.age_note) {
        ("use", Some(note)) => note.to_string(),
        ("use", None) if finding.date.is_some() => {
            format!("{}; no place recorded", finding_date(finding, report.as_of))
        }
        _ => "no place recorded".to_string(),
    }
}

/// `keep 7, remove 3, review 4`, and the worst finding's remedy.
fn next(
    report: &Report,
    identity: &IdentityOut,
    worst: Option<&FindingOut>,
    page: &mut Page<'_>,
) -> io::Result<()> {
    let mut parts = Vec::new();
    let recommendation = report.recommendations.iter().find(|one| one.identity == identity.id);
    if let Some(recommendation) = recommendation {
        let words: Vec<String> = [Advice::Keep, Advice::Remove, Advice::Review]
            .into_iter()
            .map(|advice| {
                let rows = recommendation.rows().filter(|(one, _)| *one == advice);
                let number: u64 = rows.map(|(_, row)| u64::from(row.folded)).sum();
                format!("{} {}", advice.as_str(), commas(number))
            })
            .collect();
        parts.push(words.join(", "));
    }
    parts.extend(worst.map(|finding| finding.remedy.to_string()).filter(|text| !text.is_empty()));
    if parts.is_empty() {
        return Ok(());
    }
    page.wrapped(Line::new().paint(Paint::Bold, "NEXT"), 6, &parts.join("; "))
}

/// Writes all about a finding: what, the three sides with their places, remedy, framework identifiers.
///
/// # Errors
///
/// What the writer says.
pub fn explain_finding(
    report: &Report,
    finding: &FindingOut,
    view: &View,
    out: &mut dyn io::Write,
) -> io::Result<()> {
    let mut page = Page::new(out, view);
    let line = Line::new()
        .paint(Paint::of_severity(finding.severity), finding.severity.as_str())
        .plain("  ")
        .plain(&finding.fingerprint)
        .plain("  ")
        .plain(&finding.kind);
    page.beside(line, 2, &finding.identity)?;
    page.wrapped(Line::new(), 2, &finding.title)?;
    if let Some(waiver) = &finding.waiver {
        page.wrapped(Line::new(), 2, waiver)?;
    }
    let mut facts = vec![format!("state {}", finding.state)];
    if !finding.subject.is_empty() {
        facts.push(format!("about {}", finding.subject));
    }
    facts
        .extend(finding.facet.map(|facet| format!("outside the intent in its {}", facet.as_str())));
    let date = finding_date(finding, report.as_of);
    if date != "-" {
        facts.push(date);
    }
    page.wrapped(Line::new(), 2, &facts.join("; "))?;
    names("actions", &finding.actions, view, &mut page)?;
    names("resources", &finding.resources, view, &mut page)?;
    page.put(&Line::new().paint(Paint::Bold, "WHY"))?;
    sides(report, finding, &mut page)?;
    if !finding.remedy.is_empty() {
        let line = Line::new().paint(Paint::Bold, "FIX");
        page.wrapped(line, 5, &finding.remedy)?;
    }
    if finding.shared_with > 0 {
        let others = count(finding.shared_with, "other identity");
        page.wrapped(Line::new(), 5, &format!("the policy is shared with {others}"))?;
    }
    let ids: Vec<String> = finding.frameworks.iter().map(|id| id.show()).collect();
    if !ids.is_empty() {
        page.put(&Line::new().paint(Paint::Bold, "FRAMEWORKS"))?;
        for (id, shown) in finding.frameworks.iter().zip(&ids) {
            let text = match &id.title {
                Some(title) => format!("{shown}: {title}"),
                None => shown.clone(),
            };
            page.wrapped(Line::new(), 2, &text)?;
        }
    }
    page.flush()
}

fn names(
    word: &str,
    names: &[crate::model::Str],
    view: &View,
    page: &mut Page<'_>,
) -> io::Result<()> {
    if names.is_empty() {
        return Ok(());
    }
    let most = if view.all { names.len() } else { names.len().min(SHOWN_NAMES) };
    let mut shown: Vec<String> = names.iter().take(most).map(ToString::to_string).collect();
    if most < names.len() {
        let more = commas((names.len() - most) as u64);
        shown.push(format!("and {more} more (--all)"));
    }
    let text = format!("{word} {}: {}", commas(listed(names)), shown.join(", "));
    page.wrapped(Line::new(), 2, &text)
}
