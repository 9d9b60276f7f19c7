//! One run of the gate, from paths to a verdict.
//!
//! What is accepted comes from a baseline file, from other evidence (`against`), or from a plan's state before the
//! change, in this order; without any of them everything is judged. Owns the order of these steps, and the
//! verdict; how it reads is [`super::words`]'.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::atoms::{self, Accepted, Atom, Holder};
use super::baseline::{self, Baseline};
use super::rename::{Rename, renames};
use super::waivers::{self, Waived};
use super::{inputs, newness, usage};
use crate::audit::{self, Evidence, Options, Outcome};
use crate::diagnostic::Diagnostic;
use crate::evidence::Progress;
use crate::findings::Severity;
use crate::gap::{Analysis, Fresh, IdentityGap};
use crate::intent::{self, Config};
use crate::model::{HoleKind, Side, Str, Time};
use crate::report::model::Report;
use crate::report::pipeline::Verdict;
use crate::report::{build, json};

/// What is asked of the gate.
#[derive(Debug, Clone, Default)]
pub struct Ask {
    /// How evidence is read. A JSON report among the paths gives its use.
    pub options: Options,
    /// The baseline; without it the file beside the configuration, if there is one.
    pub baseline: Option<PathBuf>,
    /// Evidence of the accepted state.
    pub against: Vec<PathBuf>,
    /// The protected branch's configuration, which then judges; what the change's own adds is told.
    pub base_config: Option<PathBuf>,
    /// The protected branch's baseline, which then judges; what the change's own adds is told.
    pub base_baseline: Option<PathBuf>,
    /// Severity from which a new finding fails; of the configuration if absent.
    pub fail_on: Option<Severity>,
}

/// What new grants are compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Basis {
    /// Nothing.
    None,
    /// A baseline file, as printed.
    File(String),
    /// Other evidence, as printed; with the baseline file if there is one too.
    Against(String, Option<String>),
    /// The plan's state before the change.
    Plan,
}

/// An accepted grant: identity, action pattern, resource patterns.
pub type AcceptedGrant = (Str, Str, Vec<Str>);

/// A grant that the change adds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Added {
    /// Identity, by display name.
    pub identity: Str,
    /// Action patterns.
    pub actions: Vec<Str>,
    /// Resource patterns.
    pub resources: Vec<Str>,
    /// Where it is written.
    pub place: String,
}

/// What the gate concluded.
#[derive(Debug)]
pub struct Checked {
    /// The report, with the state of each finding.
    pub report: Report,
    /// What was compared with.
    pub basis: Basis,
    /// Threshold.
    pub fail_on: Severity,
    /// Whether only new findings fail.
    pub new_only: bool,
    /// Numbers of the report's findings that are new, worst first.
    pub new: Vec<usize>,
    /// Of `new`, or of all where everything counts: those that fail.
    pub failing: Vec<usize>,
    /// Numbers of findings that the accepted state does not list, though it holds all their grants.
    pub aged: Vec<usize>,
    /// How many findings of the baseline are no longer found.
    pub gone: usize,
    /// Waivers.
    pub waivers: Vec<Waived>,
    /// Renamed identities.
    pub renames: Vec<Rename>,
    /// New grants, justified or not.
    pub added: Vec<Added>,
    /// Waivers that the change adds: place and words.
    pub added_waivers: Vec<(String, String)>,
    /// Baseline lines that the change adds: identity, action, resources.
    pub added_accepted: Vec<AcceptedGrant>,
    /// Why there is no verdict.
    pub problems: Vec<Diagnostic>,
    /// Warnings.
    pub warnings: Vec<Diagnostic>,
    /// Path arguments, as printed in commands.
    pub paths: Vec<String>,
    /// The baseline file that a command would write.
    pub baseline_path: String,
    /// The options with which that command would read the paths as this run did.
    pub baseline_options: Vec<String>,
}

impl Checked {
    /// Exit status: 2 if there is no verdict, 1 if the gate fails, else 0.
    pub fn status(&self) -> u8 {
        if !self.problems.is_empty() {
            2
        } else {
            u8::from(!self.failing.is_empty() || self.ended().next().is_some())
        }
    }

    /// The verdict for outputs: what fails, an ended waiver's findings among it, and what could not be judged.
    pub fn verdict(&self) -> Verdict {
        let failing = self.failing.iter().filter_map(|at| self.report.findings.get(*at));
        let failing = failing.map(|finding| finding.fingerprint.clone());
        let ended = self.ended().flat_map(|waiver| waiver.findings.iter().cloned());
        let problem = |one: &Diagnostic| match &one.path {
            Some(path) => format!("{path}: {}", one.message),
            None => one.message.clone(),
        };
        Verdict {
            failing: failing.chain(ended).collect(),
            problems: self.problems.iter().map(problem).collect(),
            ended: self.ended().map(Waived::sentence).collect(),
            not_judged: self.not_judged().into_iter().collect(),
        }
    }

    /// Policies of judged identities that are not in the evidence: identity, and what is absent and why.
    pub fn holes(&self) -> impl Iterator<Item = (&str, &str)> {
        let judged = self.report.identities.iter().filter(|identity| identity.judged);
        judged.flat_map(|identity| identity.holes.iter().map(|hole| (&*identity.name, &**hole)))
    }

    /// The holes in a sentence.
    pub fn not_judged(&self) -> Option<String> {
        let (name, hole) = self.holes().next()?;
        let more = match self.holes().count() - 1 {
            0 => String::new(),
            more => format!("; and {more} more"),
        };
        Some(format!("policies that are not in the evidence: {name}: {hole}{more}"))
    }

    /// Waivers that ended and whose finding is still there.
    pub fn ended(&self) -> impl Iterator<Item = &Waived> {
        self.waivers.iter().filter(|one| one.ended.is_some() && !one.findings.is_empty())
    }
}

/// Runs the gate.
///
/// # Errors
/// Why nothing could be analysed, or what of configuration and baseline cannot be read.
pub fn check(ask: &Ask, progress: &dyn Progress) -> Result<Checked, Vec<Diagnostic>> {
    let (mut options, mut problems) = with_reports(&ask.options);
    if options.paths.is_empty() {
        problems.push(only_reports());
        return Err(problems);
    }
    if let Some(path) = &ask.base_config {
        options.config = Some(path.clone());
    }
    let mut evidence = audit::read(&options, progress)?;
    if !evidence.config.path.is_empty() {
        options.config = Some(PathBuf::from(&*evidence.config.path));
    }
    let own = own_config(ask, &evidence)?;
    let judged = audit::judged(&evidence, &options);
    problems.extend(inputs::problems(&evidence));
    problems.extend(inputs::empty_arguments(&evidence, &options.paths));
    problems.extend(nothing_judged(&evidence, &judged));
    let holders = atoms::holders(&evidence);
    problems.extend(nothing_known(&evidence, &judged, &holders));
    let file = baseline_file(ask, own.as_ref().unwrap_or(&evidence.config));
    let accepted = accepted(ask, &options, (&evidence, file.as_deref()), progress)?;
    let renames = accepted.atoms.as_ref().map(|atoms| renames(atoms, &holders)).unwrap_or_default();
    evidence.fresh = Some(match &accepted.atoms {
        None => atoms::everything(&evidence, &judged),
        Some(atoms) => {
            let of = |platform: &str, id: &str| of(atoms, &renames, platform, id);
            Fresh { by_identity: atoms::fresh(&evidence, &judged, &of), is_all: false }
        }
    });
    let added_accepted = match (&accepted.judging, &ask.base_baseline) {
        (Some(judging), Some(_)) => added_accepted(file.as_deref(), judging)?,
        _ => Vec::new(),
    };
    let outcome = audit::analyse(&evidence, &options);
    let mut report = build::build(&evidence, &outcome, &options);
    let news = states(&evidence, &outcome, &mut report, &accepted);
    let gate = &evidence.config.gate;
    let fail_on = ask.fail_on.or_else(|| Severity::parse(gate.fail_on.value));
    let fail_on = fail_on.unwrap_or(Severity::High);
    let failing = failing(&report, &news.new, fail_on, gate.new_only);
    let waivers = waivers::judge(&evidence.config, &report, &evidence.identities, evidence.as_of);
    let added_waivers =
        own.as_ref().map(|own| waivers::added(own, &evidence.config)).unwrap_or_default();
    let paths = ask.options.paths.iter().map(|path| path.to_string_lossy().into_owned()).collect();
    let default =
        file.as_deref().map_or_else(|| baseline::FILE.into(), |path| path.to_string_lossy());
    Ok(Checked {
        added: if accepted.atoms.is_some() { added(&outcome.analysis) } else { Vec::new() },
        baseline_path: default.into_owned(),
        baseline_options: baseline_options(&ask.options, evidence.as_of),
        warnings: warnings(&evidence, problems.is_empty()),
        basis: accepted.basis,
        report,
        fail_on,
        new_only: gate.new_only,
        failing,
        new: news.new,
        aged: news.aged,
        gone: news.gone,
        waivers,
        renames,
        added_waivers,
        added_accepted,
        problems,
        paths,
    })
}

/// Options of `authgap baseline` by which it judges the same; a baseline says since when, so that there is a time.
fn baseline_options(options: &Options, as_of: Option<Time>) -> Vec<String> {
    let mut out = Vec::new();
    for (kind, path) in &options.forced {
        out.extend(["--as".to_string(), format!("{kind}={}", path.to_string_lossy())]);
    }
    if let Some(config) = &options.config {
        out.extend(["--config".to_string(), config.to_string_lossy().into_owned()]);
    }
    if options.include_humans {
        out.push("--include-humans".to_string());
    }
    match options.as_of {
        Some(time) => out.extend(["--as-of".to_string(), time.date()]),
        None if as_of.is_none() => out.extend(["--as-of", "today"].map(str::to_string)),
        None => {}
    }
    out
}

/// Takes JSON reports out of the paths and gives their use to the run.
fn with_reports(options: &Options) -> (Options, Vec<Diagnostic>) {
    let mut options = options.clone();
    let mut problems = Vec::new();
    let is_report = |path: &PathBuf| {
        let head = crate::evidence::open_head(path).map(|head| head.text).unwrap_or_default();
        let start = &head[..head.len().min(256)];
        path.is_file() && memchr::memmem::find(start, b"\"authgap-report/").is_some()
    };
    let (reports, paths): (Vec<PathBuf>, Vec<PathBuf>) =
        std::mem::take(&mut options.paths).into_iter().partition(is_report);
    options.paths = paths;
    for path in reports {
        let read = crate::evidence::read_whole(&path)
            .map_err(|error| error.to_string())
            .and_then(|whole| json::read(&whole.bytes));
        match read {
            Ok(report) => options.usage.extend(usage::rows(&report)),
            Err(reason) => {
                let text = format!("{}: {reason}", path.display());
                problems.push(Diagnostic::error("check", text));
            }
        }
    }
    (options, problems)
}

/// The configuration of the change, where the protected branch's judges.
fn own_config(ask: &Ask, evidence: &Evidence) -> Result<Option<Config>, Vec<Diagnostic>> {
    if ask.base_config.is_none() {
        return Ok(None);
    }
    let first = ask.options.paths.first().map(|path| path.join("authgap.yaml"));
    let candidates = [ask.options.config.clone(), first, Some(PathBuf::from("authgap.yaml"))];
    let Some(path) = candidates.into_iter().flatten().find(|path| path.is_file()) else {
        return Ok(None);
    };
    if path == Path::new(&*evidence.config.path) {
        return Ok(None);
    }
    let bytes = std::fs::read(&path).map_err(|error| {
        vec![Diagnostic::error("config", format!("{}: {error}", path.display()))]
    })?;
    let text = String::from_utf8(bytes).map_err(|_| {
        vec![Diagnostic::error("config", format!("{} is not UTF-8", path.display()))]
    })?;
    intent::parse(&text, &path.to_string_lossy()).map(Some)
}

/// The change's baseline: named, else beside the configuration.
fn baseline_file(ask: &Ask, config: &Config) -> Option<PathBuf> {
    if let Some(path) = &ask.baseline {
        return Some(path.clone());
    }
    let beside = Path::new(&*config.path).with_file_name(baseline::FILE);
    let beside = if config.path.is_empty() { PathBuf::from(baseline::FILE) } else { beside };
    beside.is_file().then_some(beside)
}

/// The accepted state.
struct Acceptance {
    basis: Basis,
    /// All accepted atoms; `None` if nothing says what is accepted.
    atoms: Option<Accepted>,
    /// The baseline that judges.
    judging: Option<Baseline>,
}

fn accepted(
    ask: &Ask,
    options: &Options,
    (evidence, file): (&Evidence, Option<&Path>),
    progress: &dyn Progress,
) -> Result<Acceptance, Vec<Diagnostic>> {
    let path = ask.base_baseline.as_deref().or(file);
    let judging = path.map(load).transpose()?;
    let printed = path.map(|path| path.to_string_lossy().into_owned());
    let mut atoms = judging.as_ref().map(|baseline| baseline.accepted.clone());
    let mut other = Options { usage: Vec::new(), ..options.clone() };
    let mut basis = printed.clone().map_or(Basis::None, Basis::File);
    if !ask.against.is_empty() {
        other.paths = ask.against.clone();
        let before = before(&other, progress)?;
        let words: Vec<String> =
            ask.against.iter().map(|path| path.to_string_lossy().into_owned()).collect();
        atoms.get_or_insert_default().add(Accepted::new(before));
        basis = Basis::Against(words.join(" "), printed);
    } else if atoms.is_none() && evidence.inputs.iter().any(|one| one.kind == PLAN && one.used > 0)
    {
        other.side = Side::Before;
        // A plan that creates everything has nothing before it.
        let before = audit::read(&other, progress).map(|before| atoms::holders(&before));
        atoms = Some(Accepted::new(before.unwrap_or_default()));
        basis = Basis::Plan;
    }
    Ok(Acceptance { basis, atoms, judging })
}

/// The grants of the accepted evidence. Folders without any file grant nothing: the change adds the first.
fn before(options: &Options, progress: &dyn Progress) -> Result<Vec<Holder>, Vec<Diagnostic>> {
    let found = crate::evidence::discover(&options.paths);
    if found.files.is_empty() && options.paths.iter().all(|path| path.is_dir()) {
        return Ok(Vec::new());
    }
    let before = audit::read(options, progress)?;
    let problems = inputs::problems(&before);
    if problems.is_empty() { Ok(atoms::holders(&before)) } else { Err(problems) }
}

/// The kind of file that holds the states before and after a change.
const PLAN: &str = "aws-terraform-plan";

/// Reads a baseline file.
///
/// # Errors
/// What is wrong with it.
pub fn load(path: &Path) -> Result<Baseline, Vec<Diagnostic>> {
    let bytes = crate::evidence::read_whole(path).map_err(|error| {
        let text = format!("{}: {error}", path.display());
        vec![Diagnostic::error("baseline", text).help("authgap baseline PATH... writes one")]
    })?;
    baseline::read(&bytes.bytes, &path.to_string_lossy())
}

/// An identity's accepted atoms, and those of its earlier name.
fn of(atoms: &Accepted, renames: &[Rename], platform: &str, id: &str) -> Vec<Atom> {
    let mut out = atoms.of(platform, id).to_vec();
    let earlier = renames.iter().filter(|one| &*one.platform == platform && &*one.to == id);
    for one in earlier {
        out.extend(atoms.of(platform, &one.from).iter().cloned());
    }
    out
}

fn added_accepted(
    own: Option<&Path>,
    judging: &Baseline,
) -> Result<Vec<AcceptedGrant>, Vec<Diagnostic>> {
    let Some(own) = own else { return Ok(Vec::new()) };
    let own = load(own)?;
    let added = baseline::added(&own.accepted, &judging.accepted).into_iter();
    Ok(added.map(|(id, atom)| (id.clone(), atom.action.clone(), atom.resources.clone())).collect())
}

/// A report tells of use; what is granted now stands elsewhere.
fn only_reports() -> Diagnostic {
    Diagnostic::error("check", "only earlier reports among the paths: nothing to judge")
        .help("name the files that grant beside the report")
}

/// An estate without a judged identity: nothing was analysed.
fn nothing_judged(evidence: &Evidence, judged: &[bool]) -> Option<Diagnostic> {
    let has_grants = |(identity, judged): (&crate::model::Identity, &bool)| {
        *judged && identity.has_grant_evidence
    };
    if evidence.identities.iter().zip(judged).any(has_grants) {
        return None;
    }
    let left_out = evidence.identities.len();
    let problem =
        Diagnostic::error("check", "no identity with grants among the paths: nothing was judged")
            .note(format!(
                "{} files read, {left_out} identities left out or without grants",
                evidence.inputs.len()
            ))
            .help(
                "name files that grant: authorization details, policies, plans, tables of grants",
            );
    Some(problem)
}

/// Identities whose grants all stand in policies that are not in the evidence: nothing was analysed either.
fn nothing_known(evidence: &Evidence, judged: &[bool], holders: &[Holder]) -> Option<Diagnostic> {
    let grants = |hole: &crate::model::Hole| hole.kind == HoleKind::Grants;
    let judged = || {
        let each = evidence.identities.iter().zip(judged);
        each.filter(|(_, judged)| **judged).map(|(identity, _)| identity)
    };
    let is_known = |holder: &Holder| {
        !holder.atoms.is_empty()
            && judged().any(|one| one.id == holder.id && one.platform == holder.platform)
    };
    let hole = judged().find_map(|one| one.holes.iter().find(|hole| grants(hole)))?;
    if holders.iter().any(is_known) {
        return None;
    }
    let text = "no grant is known: each is by a policy that is not in the evidence";
    Some(
        Diagnostic::error("check", text)
            .note(format!("{}: {}", hole.policy, hole.note))
            .help("name a file that holds the policy's document, such as authorization details"),
    )
}

fn warnings(evidence: &Evidence, is_judged: bool) -> Vec<Diagnostic> {
    let mut out = evidence.warnings.clone();
    if evidence.as_of.is_none() && !evidence.config.waivers.is_empty() && is_judged {
        let count = evidence.config.waivers.len();
        let text = format!(
            "the end of {count} waivers was not judged: nothing in the evidence has a time"
        );
        out.push(Diagnostic::warning("check", text).help("say --as-of today"));
    }
    out
}

/// Numbers of findings that are new, and of those that only the passing of time or their use made.
struct News {
    new: Vec<usize>,
    aged: Vec<usize>,
    gone: usize,
}

/// Sets the state of each finding that no waiver covers.
fn states(
    evidence: &Evidence,
    outcome: &Outcome<'_>,
    report: &mut Report,
    accepted: &Acceptance,
) -> News {
    let empty = Fresh::default();
    let fresh = evidence.fresh.as_ref().unwrap_or(&empty);
    let new: BTreeSet<&Str> = outcome
        .findings
        .iter()
        .filter(|finding| newness::is_new(evidence, fresh, finding))
        .map(|finding| &finding.fingerprint)
        .collect();
    let mut news = News { new: Vec::new(), aged: Vec::new(), gone: 0 };
    for (at, finding) in report.findings.iter_mut().enumerate() {
        if &*finding.state == "waived" {
            continue;
        }
        if new.contains(&finding.fingerprint) {
            news.new.push(at);
            continue;
        }
        finding.state = "baseline".into();
        let known = accepted.judging.as_ref();
        if known.is_some_and(|known| !known.findings.contains_key(&finding.fingerprint)) {
            news.aged.push(at);
        }
    }
    if let Some(known) = &accepted.judging {
        let here: BTreeSet<&Str> = report.findings.iter().map(|one| &one.fingerprint).collect();
        news.gone = known.findings.keys().filter(|one| !here.contains(one)).count();
    }
    news.new.sort_by_key(|at| (std::cmp::Reverse(report.findings[*at].severity), *at));
    news
}

fn failing(report: &Report, new: &[usize], fail_on: Severity, new_only: bool) -> Vec<usize> {
    let is_bad = |at: &usize| report.findings[*at].severity >= fail_on;
    if new_only {
        return new.iter().copied().filter(is_bad).collect();
    }
    let all = 0..report.findings.len();
    let mut out: Vec<usize> =
        all.filter(|at| &*report.findings[*at].state != "waived").filter(is_bad).collect();
    out.sort_by_key(|at| (std::cmp::Reverse(report.findings[*at].severity), *at));
    out
}

/// The new grants, by identity and row.
fn added(analysis: &Analysis<'_>) -> Vec<Added> {
    let Some(fresh) = analysis.input.fresh else { return Vec::new() };
    let of = |gap: &IdentityGap| -> Vec<Added> {
        let identity = analysis.identity(gap);
        let each = fresh.of(gap.identity).iter();
        each.map(|one| {
            let row = gap.grants.rows.get(one.row as usize);
            let place = row.and_then(|row| row.origin.iter().find_map(|origin| origin.place));
            Added {
                identity: identity.name.clone(),
                actions: super::fold::fold(
                    &one.actions,
                    &identity.platform,
                    analysis.input.catalogue,
                ),
                resources: one.resources.clone(),
                place: place.map_or_else(String::new, |place| {
                    let path = analysis.paths.get(place.file as usize).map_or("?", String::as_str);
                    place.show(path)
                }),
            }
        })
        .collect()
    };
    let mut out: Vec<Added> = analysis.gaps.iter().flat_map(of).collect();
    out.sort();
    out.dedup();
    out
}

/// The present state as a baseline, and what went wrong with the inputs.
///
/// # Errors
/// As [`check`].
pub fn present(
    options: &Options,
    progress: &dyn Progress,
) -> Result<(Baseline, Evidence), Vec<Diagnostic>> {
    let (options, mut problems) = with_reports(options);
    if options.paths.is_empty() {
        problems.push(only_reports());
        return Err(problems);
    }
    let evidence = audit::read(&options, progress)?;
    problems.extend(inputs::problems(&evidence));
    problems.extend(inputs::empty_arguments(&evidence, &options.paths));
    let judged = audit::judged(&evidence, &options);
    problems.extend(nothing_judged(&evidence, &judged));
    if !problems.is_empty() {
        return Err(problems);
    }
    let holders: Vec<Holder> = atoms::holders(&evidence);
    let report = {
        let outcome = audit::analyse(&evidence, &options);
        build::build(&evidence, &outcome, &options)
    };
    Ok((Baseline::of(&report, holders), evidence))
}
