//! `authgap can`.

use std::io::{BufRead, Write};
use std::path::PathBuf;

use clap::Args as ClapArgs;
use rayon::prelude::*;

use super::analyze::{Source, pool};
use super::output::to_stdout;
use super::progress::Bar;
use super::{Global, Stop};
use crate::audit::{self, Evidence};
use crate::diagnostic::{Diagnostic, show, show_place};
use crate::intent::Within;
use crate::model::{Glob, Identity, ScopeSet};
use crate::platform::aws::policy::cases;
use crate::platform::kubernetes;
use crate::platform::{Answer, Request, Verdict};

/// Arguments of `can`.
#[derive(ClapArgs)]
pub(super) struct Args {
    /// The identity: id or display name
    #[arg(required_unless_present = "cases")]
    identity: Option<String>,
    /// The action
    #[arg(required_unless_present = "cases")]
    action: Option<String>,
    /// The resource; without it: where the action is allowed
    resource: Option<String>,
    /// Evidence
    #[arg(long, value_name = "PATH", default_value = ".")]
    from: Vec<PathBuf>,
    /// What is known of the request; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    context: Vec<String>,
    /// Answer self-contained cases, one JSON object a line
    #[arg(long, value_name = "FILE.jsonl", conflicts_with_all = ["identity", "from"])]
    cases: Option<PathBuf>,
    #[command(flatten)]
    source: Source,
}

pub(super) fn run(args: &Args, global: Global) -> Result<u8, Stop> {
    if let Some(path) = &args.cases {
        return answer_cases(path);
    }
    args.source.load_catalogue()?;
    let context = context(&args.context)?;
    let options = args.source.options(&args.from);
    let bar = Bar::new(global);
    let evidence = pool(options.threads, || audit::read(&options, &bar))?;
    bar.done();
    let wanted = args.identity.as_deref().unwrap_or_default();
    let identity = find(&evidence, wanted)?;
    let evaluator = evidence.evaluators.get(&identity.platform).ok_or_else(|| {
        Diagnostic::error("can", format!("platform {} has no evaluator", identity.platform))
    })?;
    let request = Request {
        identity: &identity.id,
        action: args.action.as_deref().unwrap_or_default(),
        resource: args.resource.as_deref(),
        context: &context,
    };
    let answer = evaluator.decide(&request);
    let outside = outside(&evidence, identity, args);
    to_stdout(|out| {
        print(&evidence, &answer, args, out)?;
        for line in outside {
            writeln!(out, "{}outside its intent: {}", " ".repeat(13), show(&line))?;
        }
        Ok(())
    })
}

fn context(pairs: &[String]) -> Result<Vec<(String, Vec<String>)>, Stop> {
    let mut out: Vec<(String, Vec<String>)> = Vec::new();
    for pair in pairs {
        let (key, value) = pair.split_once('=').ok_or_else(|| {
            Diagnostic::error("can", format!("`{pair}` is no context"))
                .help("write --context KEY=VALUE")
        })?;
        match out.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(key)) {
            Some((_, values)) => values.push(value.to_string()),
            None => out.push((key.to_string(), vec![value.to_string()])),
        }
    }
    Ok(out)
}

fn find<'a>(evidence: &'a Evidence, wanted: &str) -> Result<&'a Identity, Stop> {
    // A service account's username, as a cluster writes it.
    if let Some((namespace, name)) = kubernetes::names::service_account(wanted) {
        return find(evidence, &format!("kubernetes:serviceaccount/{namespace}/{name}"));
    }
    let glob = Glob::new(wanted);
    let exact = evidence.identities.iter().find(|one| *one.id == *wanted || *one.name == *wanted);
    let matching: Vec<&Identity> = evidence
        .identities
        .iter()
        .filter(|one| glob.matches(&one.id) || glob.matches(&one.name))
        .collect();
    match (exact, matching.as_slice()) {
        (Some(one), _) => Ok(one),
        (None, [one]) => Ok(one),
        (None, []) => {
            Err(Diagnostic::error("can", format!("no identity `{wanted}` in the evidence"))
                .help("authgap analyze PATH --table identities lists them")
                .into())
        }
        (None, many) => {
            Err(Diagnostic::error("can", format!("{} identities match `{wanted}`", many.len()))
                .help("give the whole id")
                .into())
        }
    }
}

/// What the identity's intent says against the request, with the places in the configuration.
fn outside(evidence: &Evidence, identity: &Identity, args: &Args) -> Vec<String> {
    let number = evidence.identities.iter().position(|one| std::ptr::eq(one, identity));
    let intent = number.and_then(|number| evidence.intents.get(number)).and_then(Option::as_ref);
    let Some(intent) = intent else { return Vec::new() };
    let scope = args
        .resource
        .as_deref()
        .map_or(ScopeSet::Unknown, |resource| ScopeSet::One(resource.into()));
    let action = args.action.as_deref().unwrap_or_default();
    let answers = [
        intent.action_resource(action, &scope),
        intent.environment_on(&scope),
        intent.destination(action, &[], &scope),
        intent.data_on(&scope),
    ];
    answers
        .into_iter()
        .filter_map(|answer| match answer {
            Within::Outside(breach) => {
                Some(format!("{} ({})", breach.why, evidence.config.cite(breach.spot)))
            }
            Within::Inside | Within::Undecided => None,
        })
        .collect()
}

fn print(
    evidence: &Evidence,
    answer: &Answer,
    args: &Args,
    out: &mut dyn Write,
) -> std::io::Result<()> {
    let word = format!("{:<11}", answer.verdict.as_str());
    let pad = " ".repeat(13);
    let by: Vec<String> = answer
        .by
        .iter()
        .map(|by| {
            let statement = match &by.sid {
                Some(sid) => sid.to_string(),
                None => format!("#{}", by.statement),
            };
            let level = by.level.map(|level| format!(" level {level}")).unwrap_or_default();
            let place = by
                .place
                .map(|place| format!(", {}", show_place(&place, &evidence.paths)))
                .unwrap_or_default();
            format!(
                "statement {} of {} ({}{level}){place}",
                show(&statement),
                show(&by.policy),
                by.layer.as_str()
            )
        })
        .collect();
    match (answer.verdict, by.first()) {
        (Verdict::Unknown, _) => writeln!(out, "{word}  {}", show(&answer.missing.join("; ")))?,
        (_, Some(first)) => writeln!(out, "{word}  by {first}")?,
        (_, None) => writeln!(out, "{word}  {}", show(&answer.reason))?,
    }
    for more in by.iter().skip(1) {
        writeln!(out, "{pad}and {more}")?;
    }
    for condition in &answer.conditions {
        writeln!(out, "{pad}if {}", show(condition))?;
    }
    if !answer.conditions.is_empty() {
        writeln!(out, "{pad}decide it: --context KEY=VALUE")?;
    }
    if args.resource.is_none() && !answer.resources.is_empty() {
        let list: Vec<String> = answer.resources.iter().map(|one| show(one)).collect();
        writeln!(out, "{pad}on {}", list.join(", "))?;
    }
    if answer.verdict != Verdict::Unknown {
        for missing in &answer.missing {
            writeln!(out, "{pad}not in the evidence: {}", show(missing))?;
        }
    }
    Ok(())
}

/// Cases in blocks: a block is answered in parallel and printed in order.
const BLOCK: usize = 4_096;

fn answer_cases(path: &std::path::Path) -> Result<u8, Stop> {
    let problem =
        |error: std::io::Error| Diagnostic::error("can", format!("{}: {error}", path.display()));
    let input: Box<dyn BufRead> = if path.as_os_str() == "-" {
        Box::new(std::io::stdin().lock())
    } else {
        Box::new(std::io::BufReader::new(std::fs::File::open(path).map_err(problem)?))
    };
    let mut is_wrong = false;
    let mut lines = input.split(b'\n');
    let status = to_stdout(|out| {
        loop {
            let block: Vec<Vec<u8>> = lines.by_ref().take(BLOCK).collect::<Result<_, _>>()?;
            if block.is_empty() {
                return Ok(());
            }
            let answers: Vec<String> = block
                .par_iter()
                .filter(|line| !line.iter().all(u8::is_ascii_whitespace))
                .map(|line| cases::answer_line(&String::from_utf8_lossy(line)))
                .collect();
            for answer in answers {
                is_wrong |= answer.contains("\"decision\":\"error\"");
                writeln!(out, "{answer}")?;
            }
        }
    })?;
    Ok(if is_wrong { 2 } else { status })
}
