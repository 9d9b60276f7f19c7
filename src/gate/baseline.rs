//! The baseline: accepted findings and grant atoms, one a line (`docs/ci.md`, "The baseline").
//!
//! JSON Lines, sorted, so that version control merges it by lines; lines may come in any order and twice, as a union
//! merge leaves them. Owns the file's form, and what an update keeps, adds and prunes.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::atoms::{Accepted, Atom, Effect, Holder};
use crate::diagnostic::Diagnostic;
use crate::model::Str;
use crate::report::model::Report;

/// Version of the file's form.
pub const SCHEMA: &str = "authgap-baseline/1";

/// Name of the file, beside the configuration.
pub const FILE: &str = "authgap-baseline.jsonl";

/// A longer line is no line of a baseline.
const LINE_BYTES: usize = 4 << 20;

/// An accepted finding.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Fingerprint.
    pub fingerprint: Str,
    /// Kind.
    pub kind: Str,
    /// Identity, or what else it is about.
    pub identity: Str,
    /// What was accepted, for people.
    pub grant: String,
    /// Day since when, `2026-09-01`; empty if the evidence had no time.
    pub since: String,
    /// Why it is accepted; people write it, updates keep it.
    pub reason: String,
}

/// The accepted state.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Baseline {
    /// Findings, by fingerprint.
    pub findings: BTreeMap<Str, Entry>,
    /// Identities and their atoms.
    pub accepted: Accepted,
}

/// A line of the file.
#[derive(Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", deny_unknown_fields)]
enum Line {
    Baseline {
        schema: String,
    },
    Finding {
        fingerprint: Str,
        kind: Str,
        identity: Str,
        grant: String,
        #[serde(default)]
        since: String,
        #[serde(default)]
        reason: String,
    },
    Identity {
        identity: Str,
        platform: Str,
        kind: Str,
        account: Str,
    },
    Grant {
        identity: Str,
        platform: Str,
        action: Str,
        effect: String,
        on: Vec<Str>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        except: Vec<Str>,
        #[serde(rename = "if", default, skip_serializing_if = "Vec::is_empty")]
        conditions: Vec<Str>,
    },
}

/// Reads a baseline.
///
/// # Errors
/// Every line that cannot be used, with its place. A file without the first line's schema is no baseline.
pub fn read(text: &[u8], path: &str) -> Result<Baseline, Vec<Diagnostic>> {
    let mut problems = Vec::new();
    let mut found = Found::default();
    let mut lines = 0;
    for (at, line) in text.split(|byte| *byte == b'\n').enumerate() {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        lines += 1;
        if let Err((reason, help)) = found.take(line) {
            let place = format!("{path}:{}", at + 1);
            let problem = Diagnostic::error("baseline", format!("{place}: {reason}"));
            problems.push(problem.help(help));
        }
        if problems.len() >= 10 {
            break;
        }
    }
    if !found.has_schema && problems.is_empty() {
        let what = if lines == 0 { "is empty" } else { "has no line with its schema" };
        let problem = Diagnostic::error("baseline", format!("{path} {what}"));
        problems.push(problem.help("authgap baseline PATH... writes one"));
    }
    if problems.is_empty() { Ok(found.finish()) } else { Err(problems) }
}

/// What lines held so far.
#[derive(Default)]
struct Found {
    has_schema: bool,
    findings: BTreeMap<Str, Entry>,
    described: BTreeMap<(Str, Str), (Str, Str)>,
    atoms: BTreeMap<(Str, Str), BTreeSet<Atom>>,
}

impl Found {
    fn take(&mut self, line: &[u8]) -> Result<(), (String, &'static str)> {
        const EDIT: &str = "correct the line, or write the file anew: authgap baseline --update";
        if line.starts_with(b"<<<<<<<")
            || line.starts_with(b"=======")
            || line.starts_with(b">>>>>>>")
        {
            let reason = "an unresolved merge".to_string();
            return Err((reason, "keep the lines of both sides, then authgap baseline --update"));
        }
        if line.len() > LINE_BYTES {
            return Err(("a line is too long".to_string(), EDIT));
        }
        let line: Line = serde_json::from_slice(line)
            .map_err(|error| (format!("no line of a baseline: column {}", error.column()), EDIT))?;
        match line {
            Line::Baseline { schema } if schema == SCHEMA => self.has_schema = true,
            Line::Baseline { .. } => {
                return Err((format!("another schema than {SCHEMA}"), EDIT));
            }
            Line::Finding { fingerprint, kind, identity, grant, since, reason } => {
                let entry = Entry {
                    fingerprint: fingerprint.clone(),
                    kind,
                    identity,
                    grant,
                    since,
                    reason,
                };
                // Of two branches' lines the one with a reason stays.
                let known = self.findings.entry(fingerprint).or_insert_with(|| entry.clone());
                if (&entry.reason, &entry.since) > (&known.reason, &known.since) {
                    *known = entry;
                }
            }
            Line::Identity { identity, platform, kind, account } => {
                self.described.insert((platform, identity), (kind, account));
            }
            Line::Grant { identity, platform, action, effect, on, except, conditions } => {
                let effect = Effect::parse(&effect)
                    .ok_or_else(|| ("`effect` is neither allow nor ask".to_string(), EDIT))?;
                let sorted = |texts: Vec<Str>| -> Vec<Str> {
                    texts.into_iter().collect::<BTreeSet<Str>>().into_iter().collect()
                };
                let (resources, except) = (sorted(on), sorted(except));
                let conditions = sorted(conditions);
                let atom = Atom { action, effect, resources, except, conditions };
                self.atoms.entry((platform, identity)).or_default().insert(atom);
            }
        }
        Ok(())
    }

    fn finish(mut self) -> Baseline {
        let keys: BTreeSet<(Str, Str)> =
            self.described.keys().chain(self.atoms.keys()).cloned().collect();
        let holders = keys
            .into_iter()
            .map(|key| {
                let described = self.described.get(&key).cloned();
                let (kind, account) = described.unwrap_or_else(|| ("".into(), "".into()));
                let atoms = self.atoms.remove(&key).unwrap_or_default();
                let atoms = Arc::new(atoms.into_iter().collect());
                Holder { platform: key.0, id: key.1, kind, account, atoms }
            })
            .collect();
        Baseline { findings: self.findings, accepted: Accepted::new(holders) }
    }
}

impl Baseline {
    /// The present state: all findings that no waiver covers, and all atoms.
    pub fn of(report: &Report, holders: Vec<Holder>) -> Baseline {
        let since = report.as_of.map_or_else(String::new, |as_of| as_of.0.date().to_string());
        let findings = report
            .findings
            .iter()
            .filter(|finding| &*finding.state != "waived")
            .map(|finding| {
                let entry = Entry {
                    fingerprint: finding.fingerprint.clone(),
                    kind: finding.kind.clone(),
                    identity: finding.identity.clone(),
                    grant: finding.title.to_string(),
                    since: since.clone(),
                    reason: String::new(),
                };
                (finding.fingerprint.clone(), entry)
            })
            .collect();
        Baseline { findings, accepted: Accepted::new(holders) }
    }

    /// Adds the present state to an earlier one. Since and reason of known findings stay; what no longer matches stays
    /// as well unless `prune` is set.
    pub fn update(earlier: Baseline, mut now: Baseline, prune: bool) -> (Baseline, Update) {
        let mut update = Update::default();
        for (fingerprint, entry) in &mut now.findings {
            match earlier.findings.get(fingerprint) {
                Some(known) => {
                    entry.since.clone_from(&known.since);
                    entry.reason.clone_from(&known.reason);
                    update.kept += 1;
                }
                None => update.added += 1,
            }
        }
        for (fingerprint, entry) in &earlier.findings {
            if !now.findings.contains_key(fingerprint) {
                update.gone.push(entry.clone());
            }
        }
        let (old, new) = (lines_of(&earlier.accepted), lines_of(&now.accepted));
        update.atoms_added = new.difference(&old).count();
        update.atoms_gone = old.difference(&new).count();
        if !prune {
            for entry in &update.gone {
                now.findings.insert(entry.fingerprint.clone(), entry.clone());
            }
            now.accepted.add(earlier.accepted);
        }
        (now, update)
    }

    /// Writes the file: the schema, then findings, identities and grants, each sorted.
    ///
    /// # Errors
    /// What the writer says.
    pub fn write(&self, out: &mut dyn io::Write) -> io::Result<()> {
        let mut put = |line: &Line| -> io::Result<()> {
            serde_json::to_writer(&mut *out, line)?;
            out.write_all(b"\n")
        };
        put(&Line::Baseline { schema: SCHEMA.to_string() })?;
        let mut findings: Vec<&Entry> = self.findings.values().collect();
        findings.sort_by(|left, right| {
            (&left.identity, &left.kind, &left.fingerprint).cmp(&(
                &right.identity,
                &right.kind,
                &right.fingerprint,
            ))
        });
        for entry in findings {
            put(&Line::Finding {
                fingerprint: entry.fingerprint.clone(),
                kind: entry.kind.clone(),
                identity: entry.identity.clone(),
                grant: entry.grant.clone(),
                since: entry.since.clone(),
                reason: entry.reason.clone(),
            })?;
        }
        for holder in self.accepted.holders.values() {
            put(&Line::Identity {
                identity: holder.id.clone(),
                platform: holder.platform.clone(),
                kind: holder.kind.clone(),
                account: holder.account.clone(),
            })?;
        }
        for holder in self.accepted.holders.values() {
            for atom in holder.atoms.iter() {
                put(&Line::Grant {
                    identity: holder.id.clone(),
                    platform: holder.platform.clone(),
                    action: atom.action.clone(),
                    effect: atom.effect.as_str().to_string(),
                    on: atom.resources.clone(),
                    except: atom.except.clone(),
                    conditions: atom.conditions.clone(),
                })?;
            }
        }
        Ok(())
    }
}

/// Atoms with their identities, for comparing files.
fn lines_of(accepted: &Accepted) -> BTreeSet<(&Str, &Str, &Atom)> {
    accepted
        .holders
        .values()
        .flat_map(|holder| {
            holder.atoms.iter().map(move |atom| (&holder.platform, &holder.id, atom))
        })
        .collect()
}

/// Atoms that one accepted state holds and another does not, as (identity, atom), sorted.
pub fn added<'a>(now: &'a Accepted, before: &'a Accepted) -> Vec<(&'a Str, &'a Atom)> {
    let (new, old) = (lines_of(now), lines_of(before));
    new.difference(&old).map(|(_, id, atom)| (*id, *atom)).collect()
}

/// What an update did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Update {
    /// Findings that are new in the file.
    pub added: usize,
    /// Findings that it held before.
    pub kept: usize,
    /// Findings that no longer match.
    pub gone: Vec<Entry>,
    /// Atoms that are new in the file.
    pub atoms_added: usize,
    /// Atoms that no longer match.
    pub atoms_gone: usize,
}
