//! What among the inputs makes a verdict impossible: a file or record that could hold grants or intent and was not
//! read. What is lost of a log is counted, and a warning.

use std::path::{Path, PathBuf};

use crate::audit::{Evidence, KindName, kinds};
use crate::diagnostic::{Diagnostic, Level};
use crate::evidence;
use crate::platform::Role;
use crate::report::model::Input;

/// Kinds of documents that tell of use, coverage and credentials only.
const NO_GRANTS: [&str; 14] = [
    "aws-credential-report",
    "aws-last-accessed",
    "aws-last-accessed-job",
    "aws-access-keys",
    "aws-access-key-last-used",
    "aws-trails",
    "aws-event-selectors",
    "aws-trail-status",
    "aws-unused-access",
    "aws-collection",
    "generic-usage",
    "generic-coverage",
    "generic-credentials",
    "authgap-usage",
];

/// Kinds that grant, and that a version may recognise without reading them.
const UNREAD: [&str; 2] = ["aws-terraform-plan", "aws-cloudformation"];

/// Words of which a file that grants something has at least one, in any of the formats that are read.
const GRANT_WORDS: [&[u8]; 8] = [
    b"\"Effect\"",
    b"RoleDetailList",
    b"resource_changes",
    b"AWS::IAM::",
    b"RoleBinding",
    b"ClusterRole",
    b"AssumeRolePolicyDocument",
    b"PolicyDocument",
];

/// Ends the path of a file that grants nothing and is read.
const CONFIGURATION: &str = "authgap.yaml";

/// A larger file of no known kind is not searched for words.
const SEARCHED_BYTES: u64 = 16 << 20;

/// At most so many files are told one by one.
const TOLD: usize = 10;

/// Path arguments of which nothing was read: an empty or unreadable input must not pass because another one does. A
/// folder of the accepted state may be empty, one of the change may not.
pub(super) fn empty_arguments(evidence: &Evidence, paths: &[PathBuf]) -> Vec<Diagnostic> {
    let clean = |path: &Path| {
        let text = path.to_string_lossy().replace('\\', "/");
        let parts: Vec<&str> = text.split('/').filter(|part| *part != ".").collect();
        parts.join("/").trim_end_matches('/').to_string()
    };
    let is_used = |input: &Input| !input.kind.is_empty() || input.path.ends_with(CONFIGURATION);
    let mut out = Vec::new();
    for path in paths {
        let argument = clean(path);
        // A glob that matches nothing is an error of discovery.
        if !path.exists() || argument == "-" {
            continue;
        }
        let is_under = |input: &&Input| {
            let rest = input.path.strip_prefix(argument.as_str());
            argument.is_empty() || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let mut inputs = evidence.inputs.iter().filter(is_under);
        if inputs.clone().any(is_used) {
            continue;
        }
        let why = inputs.find_map(|input| input.notes.first()).map_or("no file", String::as_str);
        let text = format!("{}: nothing could be read of it: {why}", path.to_string_lossy());
        out.push(
            Diagnostic::error("check", text)
                .help("look whether the step before made it; or leave it out of the paths"),
        );
    }
    out
}

/// The reasons why no verdict is possible, in the order of inputs.
pub(super) fn problems(evidence: &Evidence) -> Vec<Diagnostic> {
    let mut out: Vec<Diagnostic> =
        evidence.warnings.iter().filter(|one| one.level == Level::Error).cloned().collect();
    let all = kinds();
    let is_log = |id: &str| {
        let kind = all.iter().find(|kind| kind.id() == id);
        matches!(kind, Some(KindName::Platform(_, kind)) if kind.role == Role::Events)
    };
    let left_out = |id: &str| {
        let kind = all.iter().find(|kind| kind.id() == id);
        match kind {
            Some(KindName::Platform(_, kind)) if UNREAD.contains(&id) => match kind.role {
                Role::LeftOut(reason) => Some(reason),
                Role::Document | Role::Events => None,
            },
            _ => None,
        }
    };
    let mut more = 0;
    for input in &evidence.inputs {
        let unread = left_out(&input.kind).map(|reason| {
            Diagnostic::error("check", format!("{}: {reason}", input.path))
                .help("this version cannot judge what it grants: leave it out of the paths")
        });
        let problem = unread.or_else(|| problem(input, is_log(&input.kind)));
        let Some(problem) = problem else { continue };
        if out.len() < TOLD {
            out.push(problem);
        } else {
            more += 1;
        }
    }
    if more > 0 {
        let text = format!("… and {more} more files that could hold grants");
        out.push(Diagnostic::error("check", text));
    }
    out
}

fn problem(input: &Input, is_log: bool) -> Option<Diagnostic> {
    let error = |text: String| {
        Diagnostic::error("check", text)
            .help("correct the file: what it grants is not known, so nothing can be passed")
    };
    if is_log || NO_GRANTS.contains(&input.kind.as_str()) {
        return None;
    }
    if input.kind.is_empty() {
        let why = input.notes.first().map_or("no known kind", String::as_str);
        return could_grant(&input.path).then(|| {
            error(format!("{}: {why}, and it speaks of grants", input.path))
                .help("name its kind: --as KIND=PATH; or correct it")
        });
    }
    if input.rejected_count > 0 {
        let first = input.rejected.first();
        let place = first.map_or(input.path.as_str(), |one| one.place.as_str());
        let reason = first.map_or("", |one| one.reason.as_str());
        let text = format!(
            "{place}: {reason}, {} of {} records left out",
            input.rejected_count, input.records
        );
        return Some(error(text));
    }
    if input.sha256.is_empty() {
        let why = input.notes.first().map_or("cannot be read", String::as_str);
        return Some(error(format!("{}: {why}", input.path)));
    }
    None
}

/// Whether a file of no known kind may grant something: it cannot be read, or it uses words of grants and is
/// not source code or prose.
fn could_grant(path: &str) -> bool {
    let path = Path::new(path);
    let extension = path.extension().and_then(|one| one.to_str()).unwrap_or_default();
    let is_evidence = ["json", "jsonl", "ndjson", "yaml", "yml", "template", "gz", "zst"]
        .iter()
        .any(|known| known.eq_ignore_ascii_case(extension));
    if !is_evidence {
        return std::fs::File::open(path).is_err() && path.exists();
    }
    match evidence::read_whole_capped(path, SEARCHED_BYTES) {
        Ok(whole) => {
            GRANT_WORDS.iter().any(|word| memchr::memmem::find(&whole.bytes, word).is_some())
        }
        Err(evidence::SourceError::TooLarge { .. }) => false,
        Err(_) => true,
    }
}
