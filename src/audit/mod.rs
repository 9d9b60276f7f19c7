//! One run from paths to a report: reads the evidence, joins the tables, runs the passes.
//!
//! | step | file |
//! |---|---|
//! | find files, say what each is | `detect` |
//! | documents into estates, logs into usage | `read` |
//! | one set of tables: aliases resolved, identities known only from logs added | `assemble` |
//! | configuration, window, as-of, passes, findings | here |
//!
//! It prints nothing: what went wrong comes back as diagnostics.

mod assemble;
mod context;
mod detect;
mod read;

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::catalogue::RunCatalogue;
use crate::catalogue::risk::EscalationIndex;
use crate::diagnostic::{Diagnostic, Level, nearest};
use crate::evidence::Progress;
use crate::findings::{self, Finding};
use crate::gap::{self, Analysis, IdentityGap, Window};
use crate::intent::{self, Config, Intent};
use crate::model::{
    Claim, Credential, Identity, IdentityKind, Label, Link, Side, Str, Time, UsageRow,
};
use crate::platform::{Evaluator, LogSpan, ToolNote};
use crate::report::model::{Input, Remark};

#[cfg(feature = "tables")]
pub(crate) use assemble::merge;
pub use detect::{KindName, kinds};

/// The observation window unless the configuration or an option says otherwise, in days.
pub const WINDOW_DAYS: u32 = 90;

/// The age from which use is stale, in days.
pub const STALE_AFTER_DAYS: u32 = 90;

/// What the user asked for.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Files, folders, globs, `-`.
    pub paths: Vec<PathBuf>,
    /// `--as KIND=PATH`.
    pub forced: Vec<(String, PathBuf)>,
    /// `--config`.
    pub config: Option<PathBuf>,
    /// `--assume-covered`.
    pub assume_covered: Vec<String>,
    /// `--include-humans`.
    pub include_humans: bool,
    /// `--window`.
    pub window: Option<intent::Window>,
    /// `--as-of`: a date means its end, UTC.
    pub as_of: Option<Time>,
    /// `--threads`; 0 is all cores.
    pub threads: usize,
    /// `--expand`: one row an action.
    pub expand: bool,
    /// Arguments as the report prints them.
    pub arguments: Vec<String>,
    /// Which state of a planned change is read.
    pub side: Side,
    /// Use that is known beside the evidence: of an earlier report.
    pub usage: Vec<UsageRow>,
}

/// Everything that was read, joined.
pub struct Evidence {
    /// Input files, by path.
    pub inputs: Vec<Input>,
    /// Printed paths, by file number.
    pub paths: Vec<String>,
    /// Identities, sorted by id.
    pub identities: Vec<Identity>,
    /// Credentials, sorted.
    pub credentials: Vec<Credential>,
    /// Claims, sorted.
    pub claims: Vec<Claim>,
    /// Links, sorted.
    pub links: Vec<Link>,
    /// Usage, sorted by key.
    pub usage: Vec<UsageRow>,
    /// Coverage as seen.
    pub spans: Vec<LogSpan>,
    /// Actions that the evidence names: `(platform, action)`.
    pub actions: Vec<(Str, Str)>,
    /// Evaluators by platform, prepared.
    pub evaluators: BTreeMap<Str, Box<dyn Evaluator>>,
    /// Escalation sets of the platforms.
    pub escalation: EscalationIndex,
    /// Facts about tools.
    pub tool_notes: Vec<ToolNote>,
    /// Catalogue of the run.
    pub catalogue: RunCatalogue,
    /// The configuration.
    pub config: Config,
    /// Intents, in the order of identities.
    pub intents: Vec<Option<Intent>>,
    /// The time as of which all is judged.
    pub as_of: Option<Time>,
    /// How that was found.
    pub as_of_basis: &'static str,
    /// Events read, duplicates left out.
    pub events: u64,
    /// Duplicate deliveries.
    pub duplicates: u64,
    /// Counted remarks on logs.
    pub remarks: Vec<Remark>,
    /// Facts about the evidence as a whole.
    pub notes: Vec<String>,
    /// Grants that are new against an accepted state, where the gate says so.
    pub fresh: Option<gap::Fresh>,
    /// Warnings.
    pub warnings: Vec<Diagnostic>,
}

impl Evidence {
    /// Whether anything was rejected: a record, a file, or a file of no known kind.
    pub fn has_rejects(&self) -> bool {
        let file = |input: &Input| {
            input.rejected_count > 0 || input.kind.is_empty() || input.sha256.is_empty()
        };
        self.inputs.iter().any(file) || self.warnings.iter().any(|one| one.level == Level::Error)
    }
}

/// Reads all evidence.
///
/// # Errors
/// Every reason why nothing can be concluded: no usable file, a wrong configuration.
pub fn read(options: &Options, progress: &dyn Progress) -> Result<Evidence, Vec<Diagnostic>> {
    let raw = read::read(options, progress)?;
    let mut evidence = assemble::assemble(raw, options)?;
    evidence.warnings.extend(waiver_warnings(&evidence.config, evidence.as_of));
    Ok(evidence)
}

/// Waivers that cannot hold: of no known kind, or past their end.
fn waiver_warnings(config: &Config, as_of: Option<Time>) -> Vec<Diagnostic> {
    let kinds: Vec<&str> = findings::KINDS.iter().map(|kind| kind.id).collect();
    let mut out = Vec::new();
    for waiver in &config.waivers {
        let kind = &waiver.finding.value;
        if !kinds.contains(&&**kind) {
            let mut problem =
                config.warning(waiver.finding.spot, format!("no kind of finding `{kind}`"));
            if let Some(near) = nearest(kind, &kinds) {
                problem = problem.help(format!("did you mean `{near}`?"));
            }
            out.push(problem);
        }
        let end = &waiver.expires;
        if as_of.is_some_and(|as_of| as_of > end.value) {
            let text = format!("this waiver ended {}, owner {}", end.value.date(), waiver.owner);
            out.push(config.warning(end.spot, text));
        }
    }
    out
}

/// Logs reduced to a store.
#[cfg(feature = "tables")]
pub struct Reduced {
    /// The store.
    pub store: crate::usage::store::Store,
    /// Warnings.
    pub warnings: Vec<Diagnostic>,
    /// Whether anything was rejected.
    pub has_rejects: bool,
}

/// Reads logs and earlier stores into one store. Files that an earlier store holds are left out.
///
/// # Errors
/// As [`read`].
#[cfg(feature = "tables")]
pub fn read_usage(options: &Options, progress: &dyn Progress) -> Result<Reduced, Vec<Diagnostic>> {
    let raw = read::read(options, progress)?;
    let has_rejects =
        raw.inputs.iter().any(|input| input.rejected_count > 0 || input.kind.is_empty());
    let mut inputs = raw.store_inputs;
    let logs =
        raw.inputs.iter().zip(&raw.is_log).filter(|(input, is_log)| **is_log && input.used > 0);
    inputs.extend(logs.map(|(input, _)| (input.path.clone(), input.sha256.clone())));
    inputs.sort();
    inputs.dedup();
    let (mut spans, mut grants) = (raw.spans, raw.grants);
    spans.sort();
    grants.sort();
    let days = raw
        .days
        .iter()
        .filter_map(|(day, events)| Some((*day, *raw.last_in_day.get(day)?, *events)))
        .collect();
    Ok(Reduced {
        store: crate::usage::store::Store {
            rows: assemble::merge(raw.usage),
            spans,
            grants,
            inputs,
            remarks: assemble::remarks(raw.remarks),
            events: raw.events,
            duplicates: raw.duplicates,
            days,
            damaged: raw.damaged,
        },
        warnings: raw.warnings,
        has_rejects,
    })
}

/// The outcome of the passes, ready for the report.
pub struct Outcome<'a> {
    /// The analysis.
    pub analysis: Analysis<'a>,
    /// Findings.
    pub findings: Vec<Finding>,
    /// Whether each identity is judged, in their order.
    pub judged: Vec<bool>,
    /// What shorter windows would conclude: days, permissions, identities.
    pub shorter: Vec<(u32, u64, u64)>,
}

impl Outcome<'_> {
    /// Finds what the passes show.
    pub fn find(&mut self) {
        self.findings = findings::find(&self.analysis, &|gap| self.judged[gap.identity]);
    }
}

/// Windows that are tried when the evidence is too short for the one asked for.
const SHORTER_DAYS: [u32; 3] = [60, 30, 7];

/// Runs the passes over the evidence, and finds.
pub fn analyse<'a>(evidence: &'a Evidence, options: &Options) -> Outcome<'a> {
    let mut outcome = passes(evidence, options);
    outcome.find();
    outcome
}

/// Runs the passes over the evidence: the outcome has no findings yet ([`Outcome::find`]).
pub fn passes<'a>(evidence: &'a Evidence, options: &Options) -> Outcome<'a> {
    let window = window(evidence, options);
    let judged = judged(evidence, options);
    let input = |window: Option<Window>| gap::Input {
        identities: &evidence.identities,
        usage: &evidence.usage,
        claims: &evidence.claims,
        catalogue: &evidence.catalogue,
        evaluators: &evidence.evaluators,
        escalation: &evidence.escalation,
        intents: &evidence.intents,
        config: &evidence.config,
        as_of: evidence.as_of,
        window,
        stale_after_days: stale_after(evidence),
        fresh: evidence.fresh.as_ref(),
    };
    let gaps = gap::run(&input(window), &judged);
    let shorter = shorter(&gaps, window, &|window, only| gap::run(&input(Some(window)), only));
    let analysis = Analysis {
        input: input(window),
        gaps,
        credentials: &evidence.credentials,
        links: &evidence.links,
        tool_notes: &evidence.tool_notes,
        paths: &evidence.paths,
    };
    Outcome { analysis, findings: Vec::new(), judged, shorter }
}

/// Whether each identity is judged, in their order.
pub fn judged(evidence: &Evidence, options: &Options) -> Vec<bool> {
    evidence.identities.iter().map(|one| is_judged(one, options.include_humans)).collect()
}

/// Age from which use is stale.
pub fn stale_after(evidence: &Evidence) -> u32 {
    evidence.config.stale_after_days.as_ref().map_or(STALE_AFTER_DAYS, |field| field.value)
}

fn window(evidence: &Evidence, options: &Options) -> Option<Window> {
    let to = evidence.as_of?;
    let asked = options
        .window
        .or_else(|| evidence.config.window.as_ref().map(|field| field.value))
        .unwrap_or(intent::Window::Days(WINDOW_DAYS));
    let from = match asked {
        intent::Window::Days(days) => to.plus_days(-i64::from(days)),
        intent::Window::All => {
            let covered = evidence.claims.iter().filter_map(|claim| claim.covered.bounds());
            let seen = evidence.usage.iter().filter_map(|row| row.first);
            covered.map(|(from, _)| from).chain(seen).min().unwrap_or(to).min(to.plus_days(-1))
        }
    };
    Some(Window { from, to })
}

/// Whether an identity is judged. People, what the platform makes for itself, vendors' integrations and
/// identities of accounts outside the evidence are labelled, folded and counted.
fn is_judged(identity: &Identity, include_humans: bool) -> bool {
    let folded = [Label::ServiceLinked, Label::Vendor, Label::External];
    let is_person = identity.is(Label::Human)
        || matches!(identity.kind, IdentityKind::Root | IdentityKind::Human);
    !folded.iter().any(|label| identity.is(*label)) && (include_humans || !is_person)
}

/// How many unknown permissions would be excess in a shorter window; windows that conclude nothing more are
/// left out.
fn shorter(
    gaps: &[IdentityGap],
    window: Option<Window>,
    run: &dyn Fn(Window, &[bool]) -> Vec<IdentityGap>,
) -> Vec<(u32, u64, u64)> {
    let Some(window) = window else { return Vec::new() };
    let is_short = |row: &gap::PermissionRow| row.reason == Some(gap::Reason::ShortWindow);
    let only: Vec<bool> = gaps.iter().map(|gap| gap.rows.iter().any(is_short)).collect();
    if !only.contains(&true) {
        return Vec::new();
    }
    let mut out: Vec<(u32, u64, u64)> = Vec::new();
    for days in SHORTER_DAYS.into_iter().filter(|days| *days < window.days()) {
        let from = window.to.plus_days(-i64::from(days));
        let again = run(Window { from, to: window.to }, &only);
        let (mut permissions, mut identities) = (0, 0);
        for (before, after) in gaps.iter().zip(&again).filter(|(before, _)| only[before.identity]) {
            let more = after.counts.excess.saturating_sub(before.counts.excess);
            permissions += more;
            identities += u64::from(more > 0);
        }
        if permissions > out.last().map_or(0, |last| last.1) {
            out.push((days, permissions, identities));
        }
    }
    out
}

#[cfg(test)]
mod tests;
