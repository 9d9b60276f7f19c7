//! Tests over case tables, public manifests and bad input.

mod bad;
mod cases;
mod estate;
mod projects;
mod twins;

use std::path::PathBuf;
use std::sync::Arc;

use super::estate::KubernetesEstate;
use super::{ID, Kubernetes, kinds};
use crate::catalogue::RunCatalogue;
use crate::model::{ActionSet, GrantSet, Settings, Str};
use crate::platform::{
    Document, Estate, Evaluator, Intake, LogSummary, Platform, Request, Tables, Verdict,
};

/// The folder of shared test material; none prints a line, and the test ends.
fn shared(what: &str) -> Option<PathBuf> {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared")).join(what);
    if path.exists() {
        return Some(path);
    }
    println!("skipped: {what} is not here");
    None
}

/// What a run over some documents makes.
struct Run {
    tables: Tables,
    intakes: Vec<Intake>,
    catalogue: RunCatalogue,
    evaluator: Box<dyn Evaluator>,
}

impl Run {
    fn grants(&self, identity: &str) -> Arc<GrantSet> {
        let identity = self.tables.identities.iter().find(|one| *one.id == *identity);
        let identity = identity.expect("an identity of this id");
        self.evaluator.grants(identity, &self.catalogue)
    }

    /// Names of the actions of a set.
    fn names(&self, actions: &ActionSet) -> Vec<Str> {
        actions.iter().map(|id| self.catalogue.entry(id).name.clone()).collect()
    }

    fn may(&self, identity: &str, action: &str, resource: &str) -> Verdict {
        let request = Request { identity, action, resource: Some(resource), context: &[] };
        self.evaluator.decide(&request).verdict
    }

    fn notes(&self) -> String {
        let notes: Vec<&str> = self.tables.notes.iter().map(|(_, text)| text.as_str()).collect();
        notes.join("\n")
    }
}

/// Reads documents `(path, text)` of a cluster `c` and finishes the run.
fn run(documents: &[(&str, &str)], logs: &LogSummary) -> Run {
    let mut estate: Box<dyn Estate> = Box::new(KubernetesEstate::default());
    let mut intakes = Vec::new();
    for (number, (path, text)) in documents.iter().enumerate() {
        let document = Document { file: number as u32, path, context: "c", bytes: text.as_bytes() };
        let mut intake = Intake::default();
        let is_refused = path.ends_with("refused.tsv");
        let kind = if is_refused { &kinds::REFUSED } else { &kinds::OBJECTS };
        estate.read(kind, &document, &mut intake);
        intakes.push(intake);
    }
    let mut tables = Tables::default();
    estate.finish(logs, &mut tables);
    let mut actions = tables.actions.clone();
    actions.extend(logs.usage.iter().map(|row| (row.platform.clone(), row.action.clone())));
    let platform: Str = ID.into();
    let facts = |_: &str, name: &str, action: Option<&crate::catalogue::Action>| {
        Kubernetes.facts(name, action)
    };
    let catalogue = RunCatalogue::build(&[(platform, Kubernetes.catalogue())], &actions, &facts);
    let mut evaluator = estate.evaluator();
    evaluator.prepare(&catalogue);
    Run { tables, intakes, catalogue, evaluator }
}

#[test]
fn the_platform_is_registered_between_aws_and_the_others() {
    let ids: Vec<&str> = crate::platform::PLATFORMS.iter().map(|one| one.id()).collect();
    assert_eq!(ids.first(), Some(&"aws"));
    assert_eq!(ids.get(1), Some(&ID));
    assert_eq!(ids.last(), Some(&"generic"));
    let _ = Kubernetes.estate(&Arc::new(Settings::default()));
}
