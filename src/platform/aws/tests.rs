//! Tests of the platform over whole documents.

mod access;
mod coverage;
mod documents;
mod identities;
mod organisation;
mod samples;

use std::path::PathBuf;

use super::Aws;
use crate::model::{Claim, ClaimScope, Identity, Says, Select, Source, Time};
use crate::platform::{
    Answer, Document, Estate, Evaluator, Intake, LogSpan, LogSummary, Platform, Request, Role,
    Sample, Tables,
};

/// The folder of shared samples; prints that it is absent if so.
pub(crate) fn shared(folder: &str) -> Option<PathBuf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data").join(folder);
    if path.is_dir() {
        return Some(path);
    }
    println!("skipped: no shared samples beside the crate");
    None
}

/// What a run over documents gave.
struct Run {
    tables: Tables,
    intakes: Vec<Intake>,
    evaluator: Box<dyn Evaluator>,
}

fn read(files: &[(&str, &str)]) -> (Box<dyn Estate>, Vec<Intake>) {
    let mut estate = Aws.estate(&Default::default());
    let mut intakes = Vec::new();
    for (number, (path, text)) in files.iter().enumerate() {
        let sample = Sample {
            path,
            head: text.as_bytes().get(..65_536).unwrap_or(text.as_bytes()),
            is_whole: text.len() <= 65_536,
        };
        let mut intake = Intake::default();
        let detected = Aws.detect(&sample);
        let kind = detected.unwrap_or_else(|| panic!("{path} is of no kind")).kind;
        if kind.role == Role::Document {
            let document =
                Document { file: number as u32, path, context: "", bytes: text.as_bytes() };
            estate.read(kind, &document, &mut intake);
        }
        intakes.push(intake);
    }
    (estate, intakes)
}

fn run_with(files: &[(&str, &str)], logs: &LogSummary) -> Run {
    let (mut estate, intakes) = read(files);
    let mut tables = Tables::default();
    estate.finish(logs, &mut tables);
    Run { tables, intakes, evaluator: estate.evaluator() }
}

fn run(files: &[(&str, &str)]) -> Run {
    run_with(files, &LogSummary::default())
}

impl Run {
    fn identity(&self, id: &str) -> &Identity {
        let found = self.tables.identities.iter().find(|row| &*row.id == id);
        found.unwrap_or_else(|| panic!("no {id}"))
    }

    fn notes(&self) -> String {
        let all = self.tables.notes.iter().map(|(_, text)| text.clone());
        let own = self.intakes.iter().flat_map(|intake| intake.notes.clone());
        all.chain(own).collect::<Vec<String>>().join("\n")
    }

    fn decide(&self, identity: &str, action: &str, resource: Option<&str>) -> Answer {
        self.evaluator.decide(&Request { identity, action, resource, context: &[] })
    }

    fn claims(&self, source: Source) -> Vec<&Claim> {
        let all = self.tables.claims.iter();
        all.filter(|claim| claim.source == source).collect()
    }
}

/// A claim in one line.
fn line(claim: &Claim) -> String {
    let scope = match &claim.scope {
        ClaimScope::Identity(id) => id.rsplit(':').next().unwrap_or(id).to_string(),
        ClaimScope::Account(account) => account.to_string(),
        ClaimScope::Platform => "all".into(),
    };
    let what = match &claim.actions {
        Select::Everything => "everything".to_string(),
        Select::Service(name) => format!("{name}:*"),
        Select::Class(name) | Select::Pattern(name) => name.to_string(),
    };
    let says = match claim.says {
        Says::Seen => "seen",
        Says::Attempted => "attempted",
        Says::NotSeen => "not-seen",
    };
    let spans: Vec<String> =
        claim.covered.parts().iter().map(|(from, to)| format!("{from}/{to}")).collect();
    let region = claim.region.as_deref().unwrap_or("*");
    let resource = claim.resources.as_deref().unwrap_or("*");
    let rw = format!("{:?}", claim.rw).to_lowercase();
    format!("{scope} {what} {says} {rw} {region} {resource} {}", spans.join(" "))
}

fn time(text: &str) -> Time {
    Time::parse(text).unwrap()
}

/// One role's authorization details.
fn role(name: &str, trust: &str, rest: &str) -> String {
    format!(
        r#"{{"RoleName":"{}","Arn":"arn:aws:iam::111122223333:role/{name}","CreateDate":"2024-01-01T00:00:00Z","AssumeRolePolicyDocument":{trust}{rest}}}"#,
        name.rsplit('/').next().unwrap()
    )
}

fn details(roles: &[String]) -> String {
    format!(r#"{{"RoleDetailList":[{}],"Policies":[]}}"#, roles.join(","))
}

const TRUST_EC2: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;

/// A span of a log: an event on each of the days.
fn span(region: &str, class: &str, read: bool, days: &[&str]) -> LogSpan {
    let days: Vec<Time> = days.iter().map(|day| time(day)).collect();
    LogSpan {
        platform: "aws".into(),
        account: "111122223333".into(),
        region: region.into(),
        class: class.into(),
        read_only: Some(read),
        resource: None,
        first: *days.first().unwrap(),
        last: *days.last().unwrap(),
        days: days.iter().map(|day| day.day()).collect(),
        files: 3,
    }
}
