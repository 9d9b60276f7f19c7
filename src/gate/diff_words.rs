//! A difference as text: lines for a terminal, and Markdown.

use std::io::{self, Write};

use super::diff::{Diff, FindingRef, IdentityRef, Permission, Score, Totals};
use crate::diagnostic::show;
use crate::model::Str;
use crate::report::escape;

/// Lines for a terminal: `+` gained or new, `-` lost or resolved, `~` changed.
///
/// # Errors
/// What the writer says.
pub fn table(diff: &Diff, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{} -> {}, compared by {}", show(&diff.old), show(&diff.new), diff.compared_by)?;
    for note in &diff.notes {
        writeln!(out, "note  {}", show(note))?;
    }
    let (then, now) = (&diff.then, &diff.now);
    for (name, values) in rows(then, now) {
        writeln!(out, "  {name:<26} {values}")?;
    }
    heading(out, "IDENTITIES", [diff.identities_gained.len(), diff.identities_lost.len()])?;
    for (mark, list) in [('+', &diff.identities_gained), ('-', &diff.identities_lost)] {
        for IdentityRef { name, id, granted } in list {
            writeln!(out, "  {mark} {}  {}  {granted} granted", show(name), show(id))?;
        }
    }
    for one in &diff.renamed {
        writeln!(out, "  ~ {} is now {}", show(&one.from), show(&one.to))?;
    }
    heading(out, "PERMISSIONS", [diff.permissions_gained.len(), diff.permissions_lost.len()])?;
    for (mark, list) in [('+', &diff.permissions_gained), ('-', &diff.permissions_lost)] {
        for one in list {
            let (what, on) = (list_of(&one.actions), list_of(&one.resources));
            let on = if on.is_empty() { String::new() } else { format!(" on {on}") };
            let tail = tail(one);
            writeln!(
                out,
                "  {mark} {}  {}{}{}",
                show(&one.identity),
                show(&what),
                show(&on),
                show(&tail)
            )?;
        }
    }
    writeln!(out, "GAP SCORES {} changed", diff.scores.len())?;
    for Score { identity, then, now } in &diff.scores {
        writeln!(out, "  ~ {}  {}", show(identity), change(*then, *now))?;
    }
    let found = (diff.findings_new.len(), diff.findings_resolved.len(), diff.findings_unchanged);
    writeln!(out, "FINDINGS {} new, {} resolved, {} unchanged", found.0, found.1, found.2)?;
    for (mark, list) in [('+', &diff.findings_new), ('-', &diff.findings_resolved)] {
        for one in list {
            writeln!(
                out,
                "  {mark} {:<8}  {}  {}  {}  {}",
                one.severity.as_str(),
                one.fingerprint.get(..8).unwrap_or(&one.fingerprint),
                show(&one.kind),
                show(&one.identity),
                show(&one.title)
            )?;
        }
    }
    if diff.is_same() {
        writeln!(out, "No identity, permission or finding differs.")?;
    }
    Ok(())
}

fn heading(out: &mut dyn Write, name: &str, [gained, lost]: [usize; 2]) -> io::Result<()> {
    writeln!(out, "{name} {gained} gained, {lost} lost")
}

fn change(then: Option<u32>, now: Option<u32>) -> String {
    let word = |score: Option<u32>| score.map_or_else(|| "-".to_string(), |one| one.to_string());
    format!("{} -> {}", word(then), word(now))
}

/// Limit and place of a permission, with what stands before them.
fn tail(one: &Permission) -> String {
    let mut out = String::new();
    for part in [&*one.limit, one.place.as_str()] {
        if !part.is_empty() {
            out.push_str("  ");
            out.push_str(part);
        }
    }
    out
}

fn list_of(texts: &[Str]) -> String {
    let mut out: Vec<String> = texts.iter().take(5).map(|text| text.to_string()).collect();
    if texts.len() > 5 {
        out.push(format!("{} more", texts.len() - 5));
    }
    out.join(", ")
}

fn rows(then: &Totals, now: &Totals) -> Vec<(&'static str, String)> {
    let pair = |then: u64, now: u64| format!("{then} -> {now}");
    vec![
        ("identities judged", pair(then.judged, now.judged)),
        ("median gap score", change(then.median_gap, now.median_gap)),
        ("granted", pair(then.granted, now.granted)),
        ("observable", pair(then.observable, now.observable)),
        ("excess", pair(then.excess, now.excess)),
        ("unknown", pair(then.unknown, now.unknown)),
        ("with an owner", pair(then.with_owner, now.with_owner)),
        ("fully observable", pair(then.fully_observable, now.fully_observable)),
        ("with usage evidence", pair(then.with_usage, now.with_usage)),
        ("findings", pair(then.findings, now.findings)),
    ]
}

/// Markdown, the same blocks in the same order.
///
/// # Errors
/// What the writer says.
pub fn markdown(diff: &Diff, out: &mut dyn Write) -> io::Result<()> {
    let code = escape::markdown_code;
    writeln!(out, "# Difference: {} to {}\n", code(&diff.old), code(&diff.new))?;
    writeln!(out, "Compared by {}.", diff.compared_by)?;
    for note in &diff.notes {
        writeln!(out, "- {}", escape::markdown(note))?;
    }
    writeln!(out, "\n| measure | then -> now |\n|---|---|")?;
    for (name, values) in rows(&diff.then, &diff.now) {
        writeln!(out, "| {name} | {values} |")?;
    }
    writeln!(out, "\n## Identities\n\n| change | identity | id | granted |\n|---|---|---|---|")?;
    for (word, list) in [("gained", &diff.identities_gained), ("lost", &diff.identities_lost)] {
        for one in list {
            writeln!(
                out,
                "| {word} | {} | {} | {} |",
                code(&one.name),
                code(&one.id),
                one.granted
            )?;
        }
    }
    for one in &diff.renamed {
        writeln!(out, "| renamed | {} | {} |  |", code(&one.from), code(&one.to))?;
    }
    writeln!(out, "\n## Permissions\n\n| change | identity | actions | resources | where |")?;
    writeln!(out, "|---|---|---|---|---|")?;
    for (word, list) in [("gained", &diff.permissions_gained), ("lost", &diff.permissions_lost)] {
        for one in list {
            let limit =
                if one.limit.is_empty() { String::new() } else { format!(", {}", one.limit) };
            writeln!(
                out,
                "| {word}{limit} | {} | {} | {} | {} |",
                code(&one.identity),
                code(&list_of(&one.actions)),
                code(&list_of(&one.resources)),
                code(&one.place)
            )?;
        }
    }
    writeln!(out, "\n## Gap scores\n\n| identity | then -> now |\n|---|---|")?;
    for Score { identity, then, now } in &diff.scores {
        writeln!(out, "| {} | {} |", code(identity), change(*then, *now))?;
    }
    let counts = (diff.findings_new.len(), diff.findings_resolved.len(), diff.findings_unchanged);
    writeln!(
        out,
        "\n## Findings\n\n{} new, {} resolved, {} unchanged.\n",
        counts.0, counts.1, counts.2
    )?;
    writeln!(
        out,
        "| change | severity | finding | kind | identity | what |\n|---|---|---|---|---|---|"
    )?;
    for (word, list) in [("new", &diff.findings_new), ("resolved", &diff.findings_resolved)] {
        for one in list {
            finding(word, one, out)?;
        }
    }
    Ok(())
}

fn finding(word: &str, one: &FindingRef, out: &mut dyn Write) -> io::Result<()> {
    let code = escape::markdown_code;
    writeln!(
        out,
        "| {word} | {} | {} | {} | {} | {} |",
        one.severity.as_str(),
        code(one.fingerprint.get(..8).unwrap_or(&one.fingerprint)),
        escape::markdown(&one.kind),
        code(&one.identity),
        escape::markdown(&one.title)
    )
}
