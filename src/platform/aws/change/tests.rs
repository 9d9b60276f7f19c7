//! Tests of changes over whole documents.

mod places;
mod plans;
mod templates;

use std::sync::Arc;

use super::super::Aws;
use crate::catalogue::{Catalogue, RunCatalogue};
use crate::model::settings::Side;
use crate::model::{At, GrantSet, Identity, Outcome, Place, Settings, UsageRow};
use crate::platform::{
    Answer, Document, Evaluator, Intake, LogSummary, Platform, Request, Role, Sample, Tables,
};

/// What a run over documents gave.
struct Run {
    tables: Tables,
    intakes: Vec<Intake>,
    evaluator: Box<dyn Evaluator>,
}

fn run_with(files: &[(&str, &str)], side: Side, logs: &LogSummary) -> Run {
    let settings = Arc::new(Settings { side, ..Settings::default() });
    let mut estate = Aws.estate(&settings);
    let mut intakes = Vec::new();
    for (number, (path, text)) in files.iter().enumerate() {
        let head = text.as_bytes().get(..65_536).unwrap_or(text.as_bytes());
        let sample = Sample { path, head, is_whole: text.len() <= 65_536 };
        let kind = Aws.detect(&sample).unwrap_or_else(|| panic!("{path} is of no kind")).kind;
        assert_eq!(kind.role, Role::Document, "{path}");
        let mut intake = Intake::default();
        let file = number as u32;
        let document = Document { file, path, context: "", bytes: text.as_bytes() };
        estate.read(kind, &document, &mut intake);
        intakes.push(intake);
    }
    let mut tables = Tables::default();
    estate.finish(logs, &mut tables);
    Run { tables, intakes, evaluator: estate.evaluator() }
}

fn run(files: &[(&str, &str)]) -> Run {
    run_with(files, Side::After, &LogSummary::default())
}

impl Run {
    fn ids(&self) -> Vec<&str> {
        self.tables.identities.iter().map(|row| &*row.id).collect()
    }

    fn identity(&self, id: &str) -> &Identity {
        let found = self.tables.identities.iter().find(|row| &*row.id == id);
        found.unwrap_or_else(|| panic!("no {id} in {:?}", self.ids()))
    }

    fn holes(&self, id: &str) -> Vec<&str> {
        self.identity(id).holes.iter().map(|hole| &*hole.policy).collect()
    }

    fn notes(&self) -> String {
        let all = self.tables.notes.iter().map(|(_, text)| text.clone());
        let own = self.intakes.iter().flat_map(|intake| intake.notes.clone());
        all.chain(own).collect::<Vec<String>>().join("\n")
    }

    fn answer(&self, identity: &str, action: &str, resource: &str) -> Answer {
        let resource = Some(resource);
        self.evaluator.decide(&Request { identity, action, resource, context: &[] })
    }

    fn verdict(&self, identity: &str, action: &str, resource: &str) -> &'static str {
        self.answer(identity, action, resource).verdict.as_str()
    }

    /// Lines of the statements that decide.
    fn lines(&self, identity: &str, action: &str, resource: &str) -> Vec<(u32, u32)> {
        let by = self.answer(identity, action, resource).by;
        by.iter().map(|by| line(by.place.unwrap())).collect()
    }

    fn grants(&mut self, identity: &str) -> Arc<GrantSet> {
        let actions = &self.tables.actions;
        let facts = |_: &str, name: &str, action: Option<&crate::catalogue::Action>| {
            Aws.facts(name, action)
        };
        let run = RunCatalogue::build(&[("aws".into(), Catalogue::aws())], actions, &facts);
        self.evaluator.prepare(&run);
        self.evaluator.grants(self.identity(identity), &run)
    }
}

fn line(place: Place) -> (u32, u32) {
    match place.at {
        At::Line(line, _) => (place.file, line),
        other => panic!("{other:?}"),
    }
}

/// A log with a use by each of some identities.
fn used_by(ids: &[&str]) -> LogSummary {
    let usage = ids.iter().map(|id| UsageRow {
        count: 1,
        ..UsageRow::new("aws".into(), (*id).into(), "s3:GetObject".into(), Outcome::Allowed)
    });
    LogSummary { usage: usage.collect(), ..LogSummary::default() }
}
