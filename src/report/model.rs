//! The report as data: the type of the JSON report, and the only input of every format.
//!
//! It serialises to `authgap-report/1`, whose JSON Schema is `docs/report.schema.json`; it reads back, so that
//! `explain`, `diff` and `baseline` need no evidence. Every list is sorted by the key that its field names.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::findings::Severity;
use crate::frameworks::FrameworkId;
use crate::gap::{Advice, Counts, Reason, ScoreTerm, Status};
use crate::intent::Facet;
use crate::model::{Str, Time};

/// Version of the report's shape.
pub const SCHEMA: &str = "authgap-report/1";

/// A time as reports write it: `2026-09-01T06:12:00Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stamp(pub Time);

impl Serialize for Stamp {
    fn serialize<S: serde::Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Stamp {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Stamp, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(from)?;
        Time::parse(&text).map(Stamp).ok_or_else(|| serde::de::Error::custom("not a time"))
    }
}

impl JsonSchema for Stamp {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Stamp".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "format": "date-time" })
    }
}

/// The report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// `authgap-report/1`.
    pub schema: String,
    /// What made it.
    pub tool: Tool,
    /// Catalogues in use, by platform.
    pub catalogue: Vec<CatalogueVersion>,
    /// The time as of which it is made; absent if the evidence has no time.
    pub as_of: Option<Stamp>,
    /// How that time was found: `newest event`, `--as-of`, `none`.
    pub as_of_basis: String,
    /// The observation window.
    pub window: Option<WindowOut>,
    /// Input files, by path.
    pub inputs: Vec<Input>,
    /// What the logs cover, by platform, account, class, Region.
    pub coverage: Vec<Coverage>,
    /// The estate as a whole.
    pub summary: Summary,
    /// Sums by owner, account and platform, by group and key.
    pub rollups: Vec<Rollup>,
    /// Identities, worst first: severity of their worst finding, then gap score, then id.
    pub identities: Vec<IdentityOut>,
    /// Findings, by identity in the order above (estate last), then severity, kind, fingerprint.
    pub findings: Vec<FindingOut>,
    /// Recommendations, in the order of identities.
    pub recommendations: Vec<Recommendation>,
    /// Links, by from and to.
    pub links: Vec<LinkOut>,
}

/// What made the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Tool {
    /// `authgap`.
    pub name: String,
    /// Version.
    pub version: String,
    /// Arguments, without values that could be secrets.
    pub arguments: Vec<String>,
}

/// A catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CatalogueVersion {
    /// Platform.
    pub platform: Str,
    /// Version of the package.
    pub version: Str,
    /// Date of the facts.
    pub date: Str,
}

/// The window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WindowOut {
    /// Length in days.
    pub days: u32,
    /// Start.
    pub from: Stamp,
    /// End.
    pub to: Stamp,
    /// Age in days from which use is stale.
    pub stale_after_days: u32,
}

/// An input file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Input {
    /// Path as given, `/`-separated.
    pub path: String,
    /// SHA-256 of the file's bytes.
    pub sha256: String,
    /// Kind; empty if it is of no known kind.
    pub kind: String,
    /// Records found.
    pub records: u64,
    /// Records used.
    pub used: u64,
    /// Number of rejected records.
    pub rejected_count: u64,
    /// The first of them.
    pub rejected: Vec<Rejected>,
    /// Facts about the file.
    pub notes: Vec<String>,
}

/// A record that could not be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Rejected {
    /// `path:line:column` or `path#record`.
    pub place: String,
    /// Why.
    pub reason: String,
}

/// What a log covers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Coverage {
    /// Platform.
    pub platform: Str,
    /// Account, or the identity that a report is about.
    pub account: Str,
    /// Region; `*` for all.
    pub region: Str,
    /// Class of log, or what a report speaks of.
    pub class: String,
    /// `read`, `write` or `all`.
    pub access: String,
    /// Resources, if it is limited to some.
    pub resources: Option<Str>,
    /// Start.
    pub from: Option<Stamp>,
    /// End.
    pub to: Option<Stamp>,
    /// Days covered, gaps taken out.
    pub observed_days: u32,
    /// Gaps: `2026-04-04/2026-04-06`.
    pub gaps: Vec<String>,
    /// What that rests on.
    pub basis: Str,
}

/// The estate as a whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Summary {
    /// Identities judged, administrators among them.
    pub judged: u64,
    /// Of those, with at least one finding.
    pub with_findings: u64,
    /// Of those, with any excess, stale or drift.
    pub with_excess: u64,
    /// Administrators: judged, and counted apart below.
    pub administrators: u64,
    /// Left out or folded: label and number.
    pub folded: BTreeMap<String, u64>,
    /// Sums over judged identities that are no administrators.
    pub counts: Counts,
    /// Each permission once, over the same identities.
    pub by_status: BTreeMap<Status, u64>,
    /// Median gap score of judged identities.
    pub median_gap: Option<u32>,
    /// Findings by severity.
    pub findings: BTreeMap<Severity, u64>,
    /// Identities with an owner.
    pub with_owner: u64,
    /// Identities all of whose permissions are observable.
    pub fully_observable: u64,
    /// Identities with any usage evidence.
    pub with_usage: u64,
    /// The worst identities: id and one line.
    pub worst: Vec<Worst>,
    /// Unknown permissions by reason.
    pub unknown: Vec<UnknownGroup>,
    /// Number of identities with unknown permissions.
    pub unknown_identities: u64,
    /// What a shorter window would conclude.
    pub shorter: Vec<Shorter>,
    /// Coverage in words, best first.
    pub observed: Vec<String>,
    /// Events: read, used, duplicates.
    pub events: u64,
    /// Duplicate deliveries.
    pub duplicates: u64,
    /// Counted remarks about logs: unmapped events, unknown codes, skipped kinds of records.
    pub remarks: Vec<Remark>,
    /// Facts about the evidence as a whole: contradictions, holes, incomplete exports.
    pub notes: Vec<String>,
}

/// One of the worst identities.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Worst {
    /// Identity id.
    pub identity: Str,
    /// Display name.
    pub name: Str,
    /// What is worst, in a line.
    pub text: String,
    /// Fingerprint of the finding behind it.
    pub finding: Str,
}

/// Unknown permissions with one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UnknownGroup {
    /// Reason.
    pub reason: Reason,
    /// Number of permissions.
    pub permissions: u64,
    /// The switches that would resolve them, most first: what to turn on, and how many it resolves.
    pub resolves: Vec<(String, u64)>,
}

/// What a shorter window would conclude.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Shorter {
    /// Window in days.
    pub days: u32,
    /// Unknown permissions that would be excess.
    pub permissions: u64,
    /// On so many identities.
    pub identities: u64,
}

/// A counted remark.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Remark {
    /// What.
    pub text: String,
    /// How many events.
    pub events: u64,
}

/// Sums over a group of identities.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Rollup {
    /// `owner`, `account` or `platform`.
    pub by: String,
    /// Which; empty for identities without an owner.
    pub key: Str,
    /// Identities.
    pub identities: u64,
    /// Sums, administrators left out.
    pub counts: Counts,
    /// Median gap score.
    pub median_gap: Option<u32>,
    /// Findings at or above high.
    pub high_findings: u64,
}

/// An identity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct IdentityOut {
    /// Canonical id.
    pub id: Str,
    /// Platform.
    pub platform: Str,
    /// Kind.
    pub kind: String,
    /// Display name.
    pub name: Str,
    /// Account.
    pub account: Str,
    /// Owner.
    pub owner: Option<Str>,
    /// Environment.
    pub environment: Option<Str>,
    /// Purpose.
    pub purpose: Option<Str>,
    /// What runs as it.
    pub workload: Option<Str>,
    /// Labels.
    pub labels: Vec<String>,
    /// Whether it is judged; if not, it is folded and has no rows.
    pub judged: bool,
    /// Whether it counts apart as an administrator: how.
    pub administrator: Option<Str>,
    /// Created.
    pub created: Option<Stamp>,
    /// Ends.
    pub expires: Option<Stamp>,
    /// Last sign of use.
    pub last_used: Option<Stamp>,
    /// Policies that are named but absent.
    pub holes: Vec<String>,
    /// Credentials.
    pub credentials: Vec<CredentialOut>,
    /// Set sizes.
    pub counts: Counts,
    /// Each permission once.
    pub by_status: BTreeMap<Status, u64>,
    /// Granted actions by access level.
    pub access_levels: BTreeMap<String, u64>,
    /// Gap score, 0 to 100.
    pub gap_score: Option<u32>,
    /// Its terms.
    pub score_terms: Vec<ScoreTerm>,
    /// Days of the window with an allowed use.
    pub active_days: u32,
    /// Days of the window in which most of what is granted was observable.
    pub observed_days: u32,
    /// Grants, compact.
    pub grants: Vec<GrantOut>,
    /// Identities that it can act as: id and mechanism.
    pub reach: Vec<String>,
    /// Permission rows, by status, service, action.
    pub permissions: Vec<PermissionOut>,
    /// Where the evidence describes it.
    pub place: Option<String>,
}

/// A credential.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CredentialOut {
    /// Id.
    pub id: Str,
    /// Kind.
    pub kind: Str,
    /// Created.
    pub created: Option<Stamp>,
    /// Last used.
    pub last_used: Option<Stamp>,
    /// The evidence says never.
    pub never_used: bool,
    /// Active.
    pub active: Option<bool>,
}

/// A grant, compact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GrantOut {
    /// Where it comes from: `policy/Statement`, several joined by `; `.
    pub origin: Str,
    /// Places of the statements.
    pub places: Vec<Str>,
    /// Through which group.
    pub via: Option<Str>,
    /// `allow`, `conditional` or `ask`.
    pub decision: Str,
    /// How many actions.
    pub actions: u64,
    /// The services, at most ten.
    pub services: Vec<Str>,
    /// Resource patterns.
    pub resources: Vec<Str>,
    /// What a deny takes away.
    pub except: Vec<Str>,
    /// Conditions.
    pub conditions: Vec<Str>,
}

/// A permission row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PermissionOut {
    /// Action, or `service:*` for a folded row.
    pub action: Str,
    /// How many actions the row stands for.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub folded: u32,
    /// Status.
    pub status: Status,
    /// Why, for unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// Facet, for drift and out-of-scope.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub facet: Option<Facet>,
    /// Scopes seen, or patterns granted. At most [`ROW_RESOURCES`], then `… and N more`.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub resources: Arc<[Str]>,
    /// Numbers in the identity's `grants`.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub granted_by: Arc<[u32]>,
    /// Whether every grant behind it is conditional.
    #[serde(default, skip_serializing_if = "is_false")]
    pub conditional: bool,
    /// First allowed use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_used: Option<Stamp>,
    /// Last allowed use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used: Option<Stamp>,
    /// Allowed events.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub uses: u64,
    /// Denied events.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub denied: u64,
    /// Days in which use would have been seen.
    #[serde(default, skip_serializing_if = "is_zero32")]
    pub observed_days: u32,
    /// What that rests on.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub basis: Arc<[Str]>,
    /// Remark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Str>,
}

/// At most this many resources in a permission row.
pub const ROW_RESOURCES: usize = 5;

fn one() -> u32 {
    1
}

fn is_empty<T>(list: &Arc<[T]>) -> bool {
    list.is_empty()
}

fn is_one(number: &u32) -> bool {
    *number == 1
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

fn is_zero32(number: &u32) -> bool {
    *number == 0
}

fn is_false(flag: &bool) -> bool {
    !flag
}

/// A finding.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FindingOut {
    /// 16 hex digits.
    pub fingerprint: Str,
    /// Kind.
    pub kind: Str,
    /// Facet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub facet: Option<Facet>,
    /// Severity.
    pub severity: Severity,
    /// `new`, `baseline` or `waived`.
    pub state: Str,
    /// Until when it is waived, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiver: Option<String>,
    /// Identity, or what else it is about.
    pub identity: Str,
    /// What in it.
    pub subject: Str,
    /// In a line.
    pub title: Str,
    /// Actions.
    pub actions: Vec<Str>,
    /// Resources.
    pub resources: Arc<[Str]>,
    /// The date that matters.
    pub date: Option<Stamp>,
    /// Instead of a date: `not in 181 d`.
    pub age_note: Option<Str>,
    /// Places.
    pub evidence: Vec<Evidence>,
    /// Framework identifiers.
    pub frameworks: Arc<[FrameworkId]>,
    /// What to do.
    pub remedy: Str,
    /// How many other identities share the policy that would change.
    pub shared_with: u64,
}

/// A place of evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Evidence {
    /// `grant`, `use` or `intent`.
    pub side: Str,
    /// Path.
    pub file: Str,
    /// Line, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// Column, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
    /// Record, from 1, of a compressed or one-line file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<u64>,
    /// What stands there, composed from known fields.
    pub text: Str,
}

impl Evidence {
    /// `file:line:column`, `file#record`, or the file.
    pub fn place(&self) -> String {
        match (self.line, self.column, self.record) {
            (Some(line), Some(column), _) => format!("{}:{line}:{column}", self.file),
            (Some(line), None, _) => format!("{}:{line}", self.file),
            (_, _, Some(record)) => format!("{}#{record}", self.file),
            _ => self.file.to_string(),
        }
    }
}

/// What to do with an identity's permissions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Recommendation {
    /// Identity.
    pub identity: Str,
    /// To keep.
    pub keep: Vec<Advised>,
    /// To remove.
    pub remove: Vec<Advised>,
    /// To keep until somebody has decided.
    pub review: Vec<Advised>,
    /// Framework identifiers.
    pub frameworks: Arc<[FrameworkId]>,
}

impl Recommendation {
    /// The rows with their advice.
    pub fn rows(&self) -> impl Iterator<Item = (Advice, &Advised)> {
        let keep = self.keep.iter().map(|row| (Advice::Keep, row));
        let remove = self.remove.iter().map(|row| (Advice::Remove, row));
        keep.chain(remove).chain(self.review.iter().map(|row| (Advice::Review, row)))
    }
}

/// A permission with advice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Advised {
    /// Action, or `service:*`.
    pub action: Str,
    /// How many actions it stands for.
    pub folded: u32,
    /// Status.
    pub status: Status,
    /// Reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// Scopes seen, or patterns granted.
    pub resources: Arc<[Str]>,
    /// How many other identities share the policy.
    pub shared_with: u64,
}

/// A link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LinkOut {
    /// From.
    pub from: Str,
    /// To.
    pub to: Str,
    /// Mechanism.
    pub mechanism: Str,
    /// Place.
    pub evidence: Option<String>,
}
