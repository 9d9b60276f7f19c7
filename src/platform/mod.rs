//! The trait that every platform implements, and the list of platforms.
//!
//! A platform is one folder: it says which files are its own, reads them into the tables, evaluates its own
//! policies, and turns its logs into usage. It knows nothing of gaps, findings or reports. The flow is:
//!
//! 1. [`Platform::detect`] says what a file is, by its content.
//! 2. Documents (grants, reports, configuration) go to [`Estate::read`], one after the other, in path order.
//! 3. Logs go through [`events::EventFormat`], many at a time, into usage rows and log coverage.
//! 4. [`Estate::finish`] joins what was read, once all of it is there, into identities, claims and links.
//! 5. [`Evaluator::grants`] yields the effective rows of each identity, in parallel.
//!
//! Adding a platform: `CONTRIBUTING.md`, "A platform".

pub mod agent;
pub mod aws;
pub mod events;
pub mod generic;
pub(crate) mod json;
pub mod kubernetes;
mod recorded;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::catalogue::{Action, Catalogue, Facts, RunCatalogue};
use crate::model::{
    AccessLevel, ActionSet, Claim, Credential, GrantSet, Identity, Intervals, Layer, Link, Place,
    Settings, Str, Time, UsageRow,
};

/// The platforms, in the order in which reports list them.
pub static PLATFORMS: &[&dyn Platform] =
    &[&aws::Aws, &kubernetes::Kubernetes, &agent::Agent, &generic::Generic];

/// Looks a platform up by its id.
pub fn by_id(id: &str) -> Option<&'static dyn Platform> {
    PLATFORMS.iter().copied().find(|platform| platform.id() == id)
}

/// What is done with files of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Read whole, by [`Estate::read`].
    Document,
    /// Read as a log, by [`Platform::events`].
    Events,
    /// Recognised and left out, for this reason.
    LeftOut(&'static str),
}

/// A kind of file that a platform knows.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    /// Stable id, which `--as` takes and reports print: `aws-cloudtrail`.
    pub id: &'static str,
    /// What it is, in a few words.
    pub what: &'static str,
    /// What is done with it.
    pub role: Role,
}

/// Declares the kinds of a platform and lists them: `NAME = ("id", "what", role);`.
macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = ($id:literal, $what:literal, $role:expr);)*) => {
        $($(#[$doc])* pub static $name: $crate::platform::Kind = $crate::platform::Kind {
            id: $id,
            what: $what,
            role: $role,
        };)*
        /// All kinds, in the order in which lists print them.
        pub static ALL: &[&$crate::platform::Kind] = &[$(&$name),*];
    };
}
pub(crate) use kinds;

/// The beginning of a file, for detection.
#[derive(Debug, Clone, Copy)]
pub struct Sample<'a> {
    /// Path as it will be printed, `/`-separated. A hint only: names lie.
    pub path: &'a str,
    /// Up to 64 KiB of decompressed text, without a byte-order mark.
    pub head: &'a [u8],
    /// Whether `head` is the whole file.
    pub is_whole: bool,
}

/// A guess at what a file is.
#[derive(Debug, Clone, Copy)]
pub struct Detected {
    /// The kind.
    pub kind: &'static Kind,
    /// From 1 (the columns could mean this) to 100 (nothing else looks like it).
    pub certainty: u8,
}

/// A whole document.
#[derive(Debug, Clone, Copy)]
pub struct Document<'a> {
    /// Its number.
    pub file: u32,
    /// Its path as printed, `/`-separated.
    pub path: &'a str,
    /// The name that the configuration gives the cluster or agent that the file is from (`clusters:`,
    /// `agents:`), else a name made of its path argument; empty where neither says.
    pub context: &'a str,
    /// Its text: decompressed, without a byte-order mark. Valid UTF-8 unless the kind is binary.
    pub bytes: &'a [u8],
}

/// What a reader says about the file that it reads.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Intake {
    /// Records found.
    pub records: u64,
    /// Records used.
    pub used: u64,
    /// Records that could not be used: place and reason. Counted in `rejected_count`, of which this list
    /// holds the first [`REJECTS_KEPT`] in file order.
    pub rejected: Vec<(Place, String)>,
    /// Number of rejected records.
    pub rejected_count: u64,
    /// Facts about the file as a whole that a reader of the report needs.
    pub notes: Vec<String>,
}

/// How many rejected records of a file are listed one by one.
pub const REJECTS_KEPT: usize = 20;

impl Intake {
    /// Counts a record that was used.
    pub fn used(&mut self, count: u64) {
        self.records += count;
        self.used += count;
    }

    /// Counts a record that was left out for a reason that is no fault.
    pub fn skipped(&mut self, count: u64) {
        self.records += count;
    }

    /// Counts and lists a record that could not be used.
    pub fn reject(&mut self, place: Place, reason: impl Into<String>) {
        self.records += 1;
        self.rejected_count += 1;
        if self.rejected.len() < REJECTS_KEPT {
            self.rejected.push((place, reason.into()));
        }
    }

    /// Adds what was said of a later part of the file.
    pub fn append(&mut self, later: Intake) {
        self.records += later.records;
        self.used += later.used;
        self.rejected_count += later.rejected_count;
        let room = REJECTS_KEPT.saturating_sub(self.rejected.len());
        self.rejected.extend(later.rejected.into_iter().take(room));
        later.notes.into_iter().for_each(|note| self.note(note));
    }

    /// Adds a note, once.
    pub fn note(&mut self, note: impl Into<String>) {
        let note = note.into();
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }
}

/// What a log showed about its own recording: one entry for each (account, Region, class, read or write,
/// resource scope) with an event.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LogSpan {
    /// Platform id.
    pub platform: Str,
    /// The account whose log it is.
    pub account: Str,
    /// The Region.
    pub region: Str,
    /// The class that the platform gives its events, such as `management`, `management:kms` or
    /// `data:AWS::S3::Object`.
    pub class: Str,
    /// `Some(true)` for reads, `Some(false)` for changes, `None` if the log does not say.
    pub read_only: Option<bool>,
    /// For classes that are recorded for chosen resources: the scope.
    pub resource: Option<Str>,
    /// Days (since the epoch, UTC) with an event, sorted.
    pub days: Vec<i64>,
    /// First and last event.
    pub first: Time,
    /// Last event.
    pub last: Time,
    /// Files that it was read from.
    pub files: u64,
}

/// A grant that a log names beside its events: the binding that allowed a call, the tools that a model was
/// offered. It is partial evidence: what no event names may be granted too.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LoggedGrant {
    /// Platform id.
    pub platform: Str,
    /// Identity id.
    pub identity: Str,
    /// Action, or a pattern of actions.
    pub action: Str,
    /// Resource pattern, `*` for any.
    pub resource: Str,
    /// What names it: a binding and role, a list of tools.
    pub by: Str,
    /// Facts for the platform's estate, in its own words.
    pub detail: Str,
    /// When it was first named.
    pub first: Option<Time>,
    /// Where it was first named.
    pub place: Option<Place>,
}

/// A fact about an action (a tool) that an analyst should know whatever its use.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ToolNote {
    /// What it is.
    pub kind: ToolNoteKind,
    /// Platform id.
    pub platform: Str,
    /// The action.
    pub action: Str,
    /// The identity, where it is one's.
    pub identity: Option<Str>,
    /// What was found, one sentence.
    pub text: Str,
    /// Where: for a change, the earlier and the later list.
    pub places: Vec<Place>,
}

/// What a [`ToolNote`] tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ToolNoteKind {
    /// Its description or schema differs between two lists.
    Changed,
    /// What its server says of it does not fit its name and arguments.
    HintContradicts,
}

/// What the logs of a run showed, for [`Estate::finish`].
#[derive(Debug, Clone, Default)]
pub struct LogSummary {
    /// The usage table, sorted by key.
    pub usage: Vec<UsageRow>,
    /// Coverage as seen, sorted.
    pub spans: Vec<LogSpan>,
    /// Grants that logs name, sorted.
    pub grants: Vec<LoggedGrant>,
    /// Times for which a log file is known to be damaged: `(platform, account or "", span)`.
    pub damaged: Vec<(Str, Str, Intervals)>,
    /// The time as of which the report is made.
    pub as_of: Option<Time>,
}

/// The tables that a platform fills.
#[derive(Debug, Clone, Default)]
pub struct Tables {
    /// Identities.
    pub identities: Vec<Identity>,
    /// Credentials.
    pub credentials: Vec<Credential>,
    /// Claims.
    pub claims: Vec<Claim>,
    /// Links.
    pub links: Vec<Link>,
    /// Other names of identities in logs (unique ids, ids without path): `(platform, name, identity id)`.
    pub aliases: Vec<(Str, Str, Str)>,
    /// Actions that grants and reports name: `(platform, action)`, patterns included.
    pub actions: Vec<(Str, Str)>,
    /// Usage that documents hold (tables of the generic platform).
    pub usage: Vec<UsageRow>,
    /// Access levels that the evidence states: `(platform, action, level)`.
    pub levels: Vec<(Str, Str, AccessLevel)>,
    /// Facts about tools.
    pub tool_notes: Vec<ToolNote>,
    /// Facts about the evidence as a whole: contradictions, incomplete exports, holes.
    pub notes: Vec<(Option<Place>, String)>,
}

/// A request to the evaluator.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// Identity id.
    pub identity: &'a str,
    /// Action.
    pub action: &'a str,
    /// Resource; `None` asks where.
    pub resource: Option<&'a str>,
    /// Context that the user gives: key and values. What is not given is unknown.
    pub context: &'a [(String, Vec<String>)],
}

/// The evaluator's verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// Allowed.
    Allow,
    /// Denied.
    Deny,
    /// Decided by context that the request does not give.
    Conditional,
    /// A policy that decides is missing from the evidence.
    Unknown,
}

impl Verdict {
    /// The word that `can` prints.
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Allow => "allow",
            Verdict::Deny => "deny",
            Verdict::Conditional => "conditional",
            Verdict::Unknown => "unknown",
        }
    }
}

/// A statement that decided.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct By {
    /// Layer.
    pub layer: Layer,
    /// Level in the organisation, 0 for the root; `None` elsewhere.
    pub level: Option<u32>,
    /// Policy name or ARN.
    pub policy: Str,
    /// Statement number, from 0.
    pub statement: u32,
    /// Statement id.
    pub sid: Option<Str>,
    /// Where it is written.
    pub place: Option<Place>,
}

/// The evaluator's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The verdict.
    pub verdict: Verdict,
    /// Which statements made it; empty for an implicit deny.
    pub by: Vec<By>,
    /// `explicit-LAYER` or `implicit-LAYER`.
    pub reason: String,
    /// What decides a conditional answer, one line a condition.
    pub conditions: Vec<String>,
    /// What the evidence lacks that could change the answer.
    pub missing: Vec<String>,
    /// Without a resource in the request: where the action is allowed, as patterns.
    pub resources: Vec<Str>,
}

/// Reads a platform's documents and joins them.
pub trait Estate: Send {
    /// Reads one document. What cannot be used goes to `intake`; nothing is lost silently.
    fn read(&mut self, kind: &'static Kind, document: &Document<'_>, intake: &mut Intake);

    /// Reads several documents: as [`Estate::read`] does one after the other, with an answer for each. What of a
    /// document does not depend on others may be read in parallel.
    fn read_all(&mut self, documents: &[(&'static Kind, Document<'_>)]) -> Vec<Intake> {
        let one = |(kind, document): &(&'static Kind, Document<'_>)| {
            let mut intake = Intake::default();
            self.read(kind, document, &mut intake);
            intake
        };
        documents.iter().map(one).collect()
    }

    /// Joins all that was read into the tables. Called once, after the logs.
    fn finish(&mut self, logs: &LogSummary, tables: &mut Tables);

    /// The evaluator over the policies that were read.
    fn evaluator(self: Box<Self>) -> Box<dyn Evaluator>;
}

/// Answers what an identity may do.
pub trait Evaluator: Send + Sync {
    /// Called once, when the catalogue of the run is known: expands action patterns.
    fn prepare(&mut self, catalogue: &RunCatalogue);

    /// The effective rows of an identity. Called from many threads.
    fn grants(&self, identity: &Identity, catalogue: &RunCatalogue) -> Arc<GrantSet>;

    /// Whether a request would be allowed, and by which statement.
    fn decide(&self, request: &Request<'_>) -> Answer;

    /// Actions of an identity that its log leaves out by a rule of its own (an audit policy's level None), on
    /// at least one resource that it is granted: no claim of a log speaks of them. Called from many threads.
    fn unlogged(&self, identity: &Identity, catalogue: &RunCatalogue) -> ActionSet {
        let _ = (identity, catalogue);
        ActionSet::new()
    }

    /// How many other identities the policy is attached to: `(attached, of which are in groups)`.
    fn shared_with(&self, policy: &str) -> usize;
}

/// A platform.
pub trait Platform: Sync {
    /// Stable id: `aws`.
    fn id(&self) -> &'static str;

    /// All kinds of files that it knows.
    fn kinds(&self) -> &'static [&'static Kind];

    /// What a file is, by content; `None` if it is nothing of this platform.
    fn detect(&self, sample: &Sample<'_>) -> Option<Detected>;

    /// The platform's actions, empty where there is no catalogue.
    fn catalogue(&self) -> &'static Catalogue;

    /// An empty estate to read documents into.
    fn estate(&self, settings: &Arc<Settings>) -> Box<dyn Estate>;

    /// The reader of a kind of log.
    fn events(&self, kind: &Kind, settings: &Arc<Settings>)
    -> Option<Arc<dyn events::EventFormat>>;

    /// Whether a pattern of an owner's rule can name a resource of the platform: a label that is meant for
    /// another platform's resources says nothing about a grant on `*`.
    fn names_resource(&self, pattern: &str) -> bool {
        let _ = pattern;
        true
    }

    /// Whether a grant on a resource pattern reaches whatever there is: no name limits it. On most platforms that is
    /// `*` alone.
    fn is_unguarded(&self, pattern: &str) -> bool {
        pattern == "*"
    }

    /// A read-only script that collects the evidence.
    fn script(&self) -> Option<&'static str>;

    /// What the platform says of an action beyond its catalogue: log class, data, access level.
    fn facts(&self, name: &str, action: Option<&Action>) -> Facts {
        let _ = (name, action);
        Facts { class: "table".into(), ..Facts::default() }
    }

    /// What would make a log class visible, in a few words: the switch to turn on.
    fn switch(&self, class: &str) -> Option<String>;
}
