//! Reading of AWS documents: each kind of file into [`Evidence`], which [`super::estate`] joins afterwards.
//!
//! A broken record or policy is rejected alone, with place and reason; everything else of its file stays.
//! Nothing here decides what a fact means for another file: what files say is added one after the other, in their
//! order, however many are looked at together.

pub(crate) mod access;
pub(crate) mod authorization;
pub(crate) mod credentials;
mod details;
pub(crate) mod entities;
pub(crate) mod organization;
pub(crate) mod pool;
pub(crate) mod resource;
pub(crate) mod roles;
pub(crate) mod trails;
pub(crate) mod wire;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use hashbrown::HashMap;
use rayon::prelude::*;

use self::access::{Finding, Job, Report};
use self::credentials::{KeyListed, KeyUse, ReportRow};
use self::entities::{Entity, Export, Group, Managed};
use self::organization::Organisation;
use self::pool::Pool;
use self::resource::ResourcePolicy;
use self::trails::Trails;
use super::change::{self, Changes};
use super::kinds;
use super::scan::Value;
use crate::model::place::LineIndex;
use crate::model::settings::Side;
use crate::model::{FileId, Place, Str, Time};
use crate::platform::{Document, Intake, Kind};

/// Everything that the documents said, before it is joined.
#[derive(Debug, Default)]
pub(crate) struct Evidence {
    /// Parsed policies, each text once.
    pub(crate) pool: Pool,
    /// Users and roles of authorization details, in reading order, each ARN once.
    pub(crate) entities: Vec<Entity>,
    /// Position in `entities` by ARN.
    pub(crate) by_arn: HashMap<Str, usize>,
    /// ARN by account, kind and name in lower case: IAM names are unique without path and case.
    pub(crate) by_name: HashMap<(Str, Str), Str>,
    /// Groups by account and name in lower case.
    pub(crate) groups: HashMap<(Str, Str), Group>,
    /// Managed policies by ARN.
    pub(crate) managed: HashMap<Str, Managed>,
    /// Authorization-details files.
    pub(crate) exports: Vec<Export>,
    /// Roles of `get-role`.
    pub(crate) roles: Vec<Entity>,
    /// Rows of credential reports.
    pub(crate) credential_rows: Vec<ReportRow>,
    /// Keys of `list-access-keys`.
    pub(crate) keys: Vec<KeyListed>,
    /// Answers of `get-access-key-last-used`.
    pub(crate) key_uses: Vec<KeyUse>,
    /// Last-accessed reports.
    pub(crate) reports: Vec<Report>,
    /// Jobs of last-accessed reports.
    pub(crate) jobs: Vec<Job>,
    /// Findings of Access Analyzer.
    pub(crate) findings: Vec<Finding>,
    /// Ages in days of the unused-access analyzers.
    pub(crate) analyzer_ages: Vec<i64>,
    /// The organisation.
    pub(crate) organisation: Organisation,
    /// Trails, their selectors and status.
    pub(crate) trails: Trails,
    /// Policies of resources.
    pub(crate) resources: Vec<ResourcePolicy>,
    /// Position in `resources` by ARN.
    pub(crate) by_resource: HashMap<Str, usize>,
    /// Runs of the evidence script: folder, start, end.
    pub(crate) collections: Vec<(String, Option<Time>, Option<Time>)>,
    /// Paths of the files read, for messages and for names that say whose a file is.
    pub(crate) paths: BTreeMap<FileId, String>,
    /// Changes that are not made yet.
    pub(crate) changes: Changes,
    /// Facts that concern several files.
    pub(crate) notes: Vec<(Option<Place>, String)>,
}

/// A document with its line index, which is only built when a place is asked for.
pub(crate) struct Source<'a> {
    /// File number.
    pub(crate) file: FileId,
    /// Path as printed.
    pub(crate) path: &'a str,
    /// Text.
    pub(crate) bytes: &'a [u8],
    lines: OnceLock<LineIndex>,
}

impl<'a> Source<'a> {
    pub(crate) fn new(document: &Document<'a>) -> Source<'a> {
        Source {
            file: document.file,
            path: document.path,
            bytes: document.bytes,
            lines: OnceLock::new(),
        }
    }

    /// Builds and returns the line index.
    pub(crate) fn lines(&self) -> &LineIndex {
        self.lines.get_or_init(|| LineIndex::new(self.bytes))
    }

    /// The place of a byte offset.
    pub(crate) fn place(&self, offset: usize) -> Place {
        let (line, column) = self.lines().line_column(offset);
        Place::line(self.file, line, column)
    }

    /// The file as a whole.
    pub(crate) fn whole(&self) -> Place {
        Place::file(self.file)
    }

    /// The name of the file without folder and extensions `.json`, `.csv`, `.gz`, `.zst`.
    pub(crate) fn stem(&self) -> &'a str {
        stem(self.path)
    }

    /// The pages of a document: its top-level objects, the elements of top-level arrays, and the values of a
    /// map from account numbers.
    pub(crate) fn pages(&self) -> Vec<Value<'a>> {
        let mut pages = Vec::new();
        let mut next = 0;
        while let Some(value) = Value::after(self.bytes, next) {
            next = value.end();
            flatten(value, 0, &mut pages);
        }
        pages
    }
}

/// The name of a file without folder and known extensions.
pub(crate) fn stem(path: &str) -> &str {
    let mut name = path.rsplit('/').next().unwrap_or(path);
    for extension in [".gz", ".zst", ".json", ".csv", ".txt"] {
        name = name.strip_suffix(extension).unwrap_or(name);
    }
    name
}

fn flatten<'a>(value: Value<'a>, depth: usize, pages: &mut Vec<Value<'a>>) {
    if depth > 3 {
        return;
    }
    if value.is_array() {
        for element in value.elements() {
            flatten(element, depth + 1, pages);
        }
        return;
    }
    if !value.is_object() {
        return;
    }
    let first = value.members().next();
    if first.is_some_and(|(name, _)| super::arn::is_account(&name)) {
        for (_, page) in value.members() {
            flatten(page, depth + 1, pages);
        }
    } else {
        pages.push(value);
    }
}

/// Reads documents in their order. Exports are looked at in parallel first: they are most of the bytes.
pub(crate) fn read_all(
    evidence: &mut Evidence,
    documents: &[(&'static Kind, Document<'_>)],
) -> Vec<Intake> {
    let pool = &evidence.pool;
    let looked: Vec<_> = documents.par_iter().map(|document| look(pool, document)).collect();
    let mut intakes = Vec::with_capacity(documents.len());
    for ((kind, document), export) in documents.iter().zip(looked) {
        let mut intake = Intake::default();
        match export {
            Some(export) => {
                evidence.paths.insert(document.file, document.path.to_string());
                authorization::add(evidence, export, &mut intake);
            }
            None => read(evidence, kind, document, &mut intake),
        }
        intakes.push(intake);
    }
    intakes
}

/// Looks at a document that is an export.
fn look<'a>(
    pool: &Pool,
    (kind, document): &(&'static Kind, Document<'a>),
) -> Option<authorization::Looked<'a>> {
    let is_export = *kind == &kinds::AUTHORIZATION_DETAILS;
    is_export.then(|| authorization::look(pool, Source::new(document)))
}

/// Reads one document. Of a change the wanted side.
pub(crate) fn read(
    evidence: &mut Evidence,
    kind: &'static Kind,
    document: &Document<'_>,
    intake: &mut Intake,
) {
    let source = Source::new(document);
    evidence.paths.insert(document.file, document.path.to_string());
    if kind == &kinds::AUTHORIZATION_DETAILS {
        let export = authorization::look(&evidence.pool, source);
        authorization::add(evidence, export, intake);
        return;
    }
    if kind == &kinds::CREDENTIAL_REPORT {
        credentials::read_report(evidence, &source, intake);
        return;
    }
    if kind == &kinds::TERRAFORM_PLAN {
        change::terraform::read(evidence, &source, intake);
        return;
    }
    if kind == &kinds::CLOUDFORMATION {
        if evidence.changes.side == Side::Before {
            intake.skipped(1);
            intake.note("a template does not say what was before it");
            return;
        }
        change::template::read(evidence, &source, intake);
        return;
    }
    let pages = source.pages();
    if pages.is_empty() {
        intake.reject(source.whole(), "no JSON object in it");
    }
    for page in pages {
        if !page.is_whole {
            intake.reject(source.place(page.at), "the JSON ends early");
            continue;
        }
        read_page(evidence, kind, &source, &page, intake);
    }
}

fn read_page(
    evidence: &mut Evidence,
    kind: &'static Kind,
    source: &Source<'_>,
    page: &Value<'_>,
    intake: &mut Intake,
) {
    match kind {
        kind if kind == &kinds::ROLE => roles::read(evidence, source, page, intake),
        kind if kind == &kinds::LAST_ACCESSED => access::read(evidence, source, page, intake),
        kind if kind == &kinds::LAST_ACCESSED_JOB => {
            access::read_job(evidence, source, page, intake);
        }
        kind if kind == &kinds::UNUSED_ACCESS => {
            access::read_findings(evidence, source, page, intake);
        }
        kind if kind == &kinds::ACCESS_KEYS => {
            credentials::read_keys(evidence, source, page, intake);
        }
        kind if kind == &kinds::ACCESS_KEY_LAST_USED => {
            credentials::read_key_use(evidence, source, page, intake);
        }
        kind if kind == &kinds::ORGANIZATION_POLICY
            || kind == &kinds::ORGANIZATION_TARGETS
            || kind == &kinds::ORGANIZATION_TREE =>
        {
            organization::read(evidence, kind, source, page, intake);
        }
        kind if kind == &kinds::TRAILS
            || kind == &kinds::EVENT_SELECTORS
            || kind == &kinds::TRAIL_STATUS =>
        {
            trails::read(evidence, kind, source, page, intake);
        }
        kind if kind == &kinds::RESOURCE_POLICY || kind == &kinds::POLICY => {
            resource::read(evidence, source, page, intake);
        }
        kind if kind == &kinds::COLLECTION => read_collection(evidence, source, page, intake),
        _ => intake.note("this kind is not read as a document"),
    }
}

fn read_collection(
    evidence: &mut Evidence,
    source: &Source<'_>,
    page: &Value<'_>,
    intake: &mut Intake,
) {
    let time = |name: &str| page.get(name)?.string().and_then(|text| Time::parse(&text));
    let folder = source.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    evidence.collections.push((folder.to_string(), time("Started"), time("Finished")));
    if page.get("Complete").is_some_and(|value| value.text == b"false") {
        intake.note("the evidence script did not finish: what is absent here may exist");
    }
    intake.used(1);
}
