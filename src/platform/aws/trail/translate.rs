//! From aggregated keys to usage rows and coverage.

use std::collections::{BTreeMap, BTreeSet};

use hashbrown::HashMap;
use rayon::prelude::*;

use crate::model::{Outcome, ScopeSet, Str, Texts, UsageRow};
use crate::platform::LogSpan;
use crate::platform::events::{RawRow, Translated};
use crate::platform::recorded::Recorded;

use super::actions::{Needed, Needs, needs, spell};
use super::identity::{Caller, caller};
use super::key::{Key, Part};
use super::outcome::{Meaning, meaning};
use super::scope::{
    ActionTypes, Candidates, Names, Where, candidates, class_of, of_message, role_arn,
};

/// How many different remarks are listed; names in them come from the log.
const REMARKS_KEPT: usize = 500;

/// How long a remark may be.
const REMARK_CHARS: usize = 300;

/// Action of a call that needs no permission: it shows the identity alive, and is never a grant's use.
const NO_PERMISSION: &str = "no-permission";

const PASS_ROLE: &str = "iam:PassRole";

/// How many rows are translated together. What is said of them does not depend on it.
const ROWS: usize = 8_192;

/// Says what aggregated keys mean. Rows are translated in parallel and joined in their order.
pub(super) fn translate(rows: Vec<RawRow>, out: &mut Translated) {
    let names = learn(&rows);
    let part = |rows: Vec<RawRow>| {
        let mut work = Work::new(&names);
        for row in rows {
            let begin = work.done.usage.len();
            work.row(&row);
            work.hand_over(begin, row);
        }
        work.done
    };
    let parts: Vec<Done> = rows.into_par_iter().chunks(ROWS).map(part).collect();
    let mut all = Joined::default();
    out.usage.reserve(parts.iter().map(|part| part.usage.len()).sum());
    for mut part in parts {
        out.usage.append(&mut part.usage);
        all.add(part);
    }
    all.finish(out);
}

/// Reads the IAM ARNs that are certain: credited identities, and roles and creations in calls without an error.
fn learn(rows: &[RawRow]) -> Names {
    let parts: Vec<Names> = rows.par_chunks(ROWS).map(learn_part).collect();
    parts.into_iter().fold(Names::default(), |mut all, part| {
        all.join(part);
        all
    })
}

fn learn_part(rows: &[RawRow]) -> Names {
    let mut names = Names::default();
    let mut last = "";
    for row in rows {
        let key = Key::new(&row.key);
        // Rows of an identity lie together.
        if last != key.get(Part::Arn) {
            last = key.get(Part::Arn);
            names.learn(last);
        }
        if !key.get(Part::Error).is_empty() {
            continue;
        }
        let is_creation = key.get(Part::Event).starts_with("Create");
        if key.get(Part::Source) == "sts.amazonaws.com"
            || (key.get(Part::Source) == "iam.amazonaws.com" && is_creation)
        {
            // Names of nothing: only what the request itself spells out is taken.
            let place = Where::of(&key);
            let found = candidates(key.get(Part::Scope), &place, &Names::default());
            for arn in &found.arns {
                names.learn(arn);
            }
        }
        for (kind, value) in passed(&key) {
            if kind == "role" {
                names.learn(value);
            }
        }
    }
    names
}

/// The passed roles of a key: kind and value.
fn passed<'a>(key: &Key<'a>) -> impl Iterator<Item = (&'a str, &'a str)> {
    key.get(Part::PassRole).lines().filter_map(|line| line.split_once('\t'))
}

type SpanKey = (Str, Str, Str, Option<bool>, Option<Str>);

/// What some rows say.
#[derive(Default)]
struct Done {
    usage: Vec<UsageRow>,
    spans: BTreeMap<SpanKey, Recorded>,
    /// Remarks in the order in which they were first made.
    remarks: Vec<(String, u64)>,
    /// Unique ids under which each credited ARN was seen.
    unique: BTreeMap<Str, BTreeSet<Str>>,
}

/// Says what some rows mean.
struct Work<'n> {
    names: &'n Names,
    types: ActionTypes,
    /// Position of each remark in those that were made.
    remarked: HashMap<String, usize>,
    platform: Str,
    /// Texts that many rows share.
    texts: Texts,
    done: Done,
}

/// What all rows say, beside their usage.
#[derive(Default)]
struct Joined {
    spans: BTreeMap<SpanKey, Recorded>,
    remarks: BTreeMap<String, u64>,
    unique: BTreeMap<Str, BTreeSet<Str>>,
}

/// The columns of a usage row that a call decides.
struct Use {
    identity: Str,
    action: Str,
    scope: ScopeSet,
    outcome: Outcome,
    on_behalf_of: Option<Str>,
    via: Option<Str>,
    inferred: bool,
    unmapped: bool,
}

impl Work<'_> {
    fn new(names: &Names) -> Work<'_> {
        Work {
            names,
            types: ActionTypes::default(),
            remarked: HashMap::new(),
            platform: "aws".into(),
            texts: Texts::default(),
            done: Done::default(),
        }
    }

    fn row(&mut self, row: &RawRow) {
        let key = Key::new(&row.key);
        let meaning = meaning(key.get(Part::Source), key.get(Part::Error), key.get(Part::Detail));
        if meaning == Meaning::Unlisted {
            let code = key.get(Part::Error);
            self.remark(format!("unknown error code {code}"), row.count);
        }
        if meaning == Meaning::DryRun {
            self.remark("dry runs, counted as allowed".into(), row.count);
        }
        let place = Where::of(&key);
        let found = candidates(key.get(Part::Scope), &place, self.names);
        self.span(&key, meaning.outcome(), &found, row);
        match caller(&key, self.names) {
            Caller::Identity(identity) => {
                let identity = self.texts.share(&identity);
                if let Some(id) = key.some(Part::UniqueId) {
                    let ids = self.done.unique.entry(identity.clone()).or_default();
                    if !ids.contains(id) {
                        ids.insert(id.into());
                    }
                }
                let assumed_by = Some(identity.clone());
                self.call(identity, meaning, &key, &found, row);
                self.assumed(assumed_by, None, meaning, &key, &found, row);
            }
            Caller::Outside { subject, provider } => {
                self.assumed(provider, subject, meaning, &key, &found, row);
                if meaning.outcome() != Outcome::Allowed {
                    let text = "refused or failed sign-ins to roles by callers from outside";
                    self.remark(text.into(), row.count);
                }
            }
            Caller::Service(service) => {
                self.remark("calls by AWS services, nobody's use".into(), row.count);
                self.assumed(Some(service), None, meaning, &key, &found, row);
            }
            Caller::Nobody(why) => self.remark(format!("not attributed: {why}"), row.count),
        }
    }

    /// A call by an identity: a row for each permission that it needed.
    fn call(
        &mut self,
        identity: Str,
        meaning: Meaning,
        key: &Key<'_>,
        found: &Candidates,
        row: &RawRow,
    ) {
        let base = Use {
            identity,
            action: "".into(),
            scope: ScopeSet::Unknown,
            outcome: meaning.outcome(),
            on_behalf_of: on_behalf_of(key),
            via: key
                .some(Part::InvokedBy)
                .or(key.some(Part::Console).map(|_| "console"))
                .map(Str::from),
            inferred: false,
            unmapped: false,
        };
        let needed = match needs(key) {
            Needs::Nothing => {
                let action = format!("{NO_PERMISSION}:{}", key.get(Part::Event));
                self.push(Use { action: action.into(), ..base }, key, row);
                return;
            }
            Needs::Actions(needed) => needed,
        };
        let refused = self.refused(&base, meaning, key, &needed, row);
        let is_alone = needed.len() == 1;
        for one in &needed {
            if refused.as_ref() == Some(&one.action) {
                continue;
            }
            if one.unmapped {
                let text = format!("unmapped event {}", one.action);
                self.remark(text, row.count);
            }
            let outcome = match meaning.outcome() {
                Outcome::Allowed if one.certain => Outcome::Allowed,
                // Which of several permissions was refused is known only if the message names it.
                Outcome::Denied if is_alone && refused.is_none() => Outcome::Denied,
                _ => Outcome::Undetermined,
            };
            for (number, scope) in self.scopes(one, key, found).into_iter().enumerate() {
                let row_of = Use {
                    identity: base.identity.clone(),
                    action: one.action.clone(),
                    scope,
                    outcome,
                    on_behalf_of: base.on_behalf_of.clone(),
                    via: base.via.clone(),
                    inferred: one.inferred,
                    unmapped: one.unmapped,
                };
                self.push_as(row_of, key, row, number == 0);
            }
        }
        self.pass_role(&base, meaning, refused.as_deref(), key, row);
    }

    fn scopes(&mut self, needed: &Needed, key: &Key<'_>, found: &Candidates) -> Vec<ScopeSet> {
        if let Some(resource) = &needed.resource {
            return vec![resource.clone()];
        }
        if needed.on_source {
            let source = candidates(key.get(Part::Second), &Where::of(key), self.names);
            return self.types.scopes(&needed.action, &source);
        }
        // Which of the two keys is the source is not said.
        if key.get(Part::Event) == "ReEncrypt" && found.arns.len() > 1 {
            return vec![ScopeSet::Unknown];
        }
        self.types.scopes(&needed.action, found)
    }

    /// The action that a message names as refused gets the refusal; returns it. It is the IAM action itself, and
    /// beats the mapping of the event's name (IAM User Guide, "Troubleshoot access denied error messages").
    fn refused(
        &mut self,
        base: &Use,
        meaning: Meaning,
        key: &Key<'_>,
        needed: &[Needed],
        row: &RawRow,
    ) -> Option<Str> {
        if !matches!(meaning, Meaning::Denied | Meaning::DependentDenied) {
            return None;
        }
        let (action, known) = spell(key.some(Part::DeniedAction)?);
        if action.contains('*') {
            return None;
        }
        let named = needed.iter().find(|needed| needed.action == action);
        let scope = match of_message(key.get(Part::DeniedResource)) {
            ScopeSet::Unknown => match named {
                Some(named) => {
                    let found = candidates(key.get(Part::Scope), &Where::of(key), self.names);
                    let mut scopes = self.scopes(named, key, &found);
                    match (scopes.pop(), scopes.is_empty()) {
                        (Some(scope), true) => scope,
                        _ => ScopeSet::Unknown,
                    }
                }
                None => ScopeSet::Unknown,
            },
            scope => scope,
        };
        self.push(
            Use {
                identity: base.identity.clone(),
                action: action.clone(),
                scope,
                outcome: Outcome::Denied,
                on_behalf_of: base.on_behalf_of.clone(),
                via: base.via.clone(),
                inferred: false,
                unmapped: !known,
            },
            key,
            row,
        );
        if !known {
            self.remark(format!("unmapped event {action}"), row.count);
        }
        Some(action)
    }

    /// `iam:PassRole` for each role that the request passes: it has no event of its own.
    fn pass_role(
        &mut self,
        base: &Use,
        meaning: Meaning,
        refused: Option<&str>,
        key: &Key<'_>,
        row: &RawRow,
    ) {
        let detail = key.get(Part::Detail);
        if detail == "bad-profile" || refused == Some(PASS_ROLE) {
            return;
        }
        // Lambda tries to assume the role after it has checked that the caller may pass it.
        let outcome = match meaning.outcome() {
            _ if detail == "not-assumable" => Outcome::Allowed,
            Outcome::Allowed => Outcome::Allowed,
            Outcome::Denied | Outcome::Undetermined => Outcome::Undetermined,
        };
        let mut seen = BTreeSet::new();
        for (kind, value) in passed(key) {
            let scope = match kind {
                // The role within a profile is not in the record.
                "instance-profile" => ScopeSet::Unknown,
                _ => role_arn(value, &Where::of(key), self.names)
                    .map_or(ScopeSet::Unknown, |arn| ScopeSet::One(arn.into())),
            };
            if seen.insert(scope.clone()) {
                let row_of = Use {
                    identity: base.identity.clone(),
                    action: PASS_ROLE.into(),
                    scope,
                    outcome,
                    on_behalf_of: base.on_behalf_of.clone(),
                    via: base.via.clone(),
                    inferred: true,
                    unmapped: false,
                };
                self.push(row_of, key, row);
            }
        }
    }

    /// A role that was assumed is alive: a row without an action for it, by way of who assumed it.
    fn assumed(
        &mut self,
        by: Option<Str>,
        subject: Option<Str>,
        meaning: Meaning,
        key: &Key<'_>,
        found: &Candidates,
        row: &RawRow,
    ) {
        let event = key.get(Part::Event);
        let is_assumption = key.get(Part::Source) == "sts.amazonaws.com"
            && matches!(event, "AssumeRole" | "AssumeRoleWithWebIdentity" | "AssumeRoleWithSAML");
        if !is_assumption || !matches!(meaning, Meaning::Succeeded) {
            return;
        }
        let role = found.arns.iter().find(|arn| arn.contains(":role/"));
        if let Some(role) = role {
            self.push(
                Use {
                    identity: role.clone(),
                    action: format!("{NO_PERMISSION}:{event}").into(),
                    scope: ScopeSet::Unknown,
                    outcome: Outcome::Allowed,
                    on_behalf_of: subject.or_else(|| on_behalf_of(key)),
                    via: by.filter(|by| !by.is_empty()),
                    inferred: false,
                    unmapped: false,
                },
                key,
                row,
            );
        }
    }

    fn push(&mut self, call: Use, key: &Key<'_>, row: &RawRow) {
        self.push_as(call, key, row, true);
    }

    /// Adds a usage row, without the row's sets ([`Work::hand_over`]); of the rows of one call that differ in scope only
    /// the first counts its events.
    fn push_as(&mut self, call: Use, key: &Key<'_>, row: &RawRow, counts: bool) {
        let region = key.some(Part::Region).map(|region| self.texts.share(region));
        self.done.usage.push(UsageRow {
            scope: call.scope,
            on_behalf_of: call.on_behalf_of,
            via: call.via,
            inferred: call.inferred,
            unmapped: call.unmapped,
            count: if counts { row.count } else { 0 },
            also: if counts { 0 } else { row.count },
            first: Some(row.first.0),
            last: Some(row.last.0),
            first_place: Some(row.first.1),
            last_place: Some(row.last.1),
            regions: region.into_iter().collect(),
            ..UsageRow::new(self.platform.clone(), call.identity, call.action, call.outcome)
        });
    }

    /// Gives the usage rows that were made of a row its sets. Most rows make one, which takes them as they are.
    fn hand_over(&mut self, begin: usize, row: RawRow) {
        let made = self.done.usage.get_mut(begin..).and_then(<[UsageRow]>::split_last_mut);
        let Some((last, others)) = made else { return };
        for other in others {
            other.slots.clone_from(&row.slots);
            other.networks.clone_from(&row.networks);
            other.agents.clone_from(&row.agents);
            other.sessions.clone_from(&row.sessions);
        }
        (last.slots, last.networks) = (row.slots, row.networks);
        (last.agents, last.sessions) = (row.agents, row.sessions);
    }

    /// Notes what the row shows about its own recording. A selector of data events can name resources, so a data
    /// event is coverage of the resource that it touched, and of none if that is not known. Names in refused calls
    /// are the caller's choice, and no coverage.
    fn span(&mut self, key: &Key<'_>, outcome: Outcome, found: &Candidates, row: &RawRow) {
        let class = class_of(
            key.get(Part::Source),
            key.get(Part::Category),
            key.get(Part::ResourceType),
            key.get(Part::Event),
        );
        let read_only = match key.get(Part::ReadOnly) {
            "t" => Some(true),
            "f" => Some(false),
            _ => None,
        };
        let resources: Vec<Option<Str>> = match class.starts_with("data:") {
            false => vec![None],
            true if outcome == Outcome::Allowed => found.arns.iter().cloned().map(Some).collect(),
            true => Vec::new(),
        };
        for resource in resources {
            let span = (
                key.get(Part::Recipient).into(),
                key.get(Part::Region).into(),
                class.as_str().into(),
                read_only,
                resource,
            );
            self.done.spans.entry(span).or_default().see(row);
        }
    }

    fn remark(&mut self, text: String, count: u64) {
        let text: String = text.chars().take(REMARK_CHARS).collect();
        match self.remarked.get(&text).and_then(|at| self.done.remarks.get_mut(*at)) {
            Some((_, known)) => *known += count,
            None => {
                self.remarked.insert(text.clone(), self.done.remarks.len());
                self.done.remarks.push((text, count));
            }
        }
    }
}

impl Joined {
    /// Adds what later rows say.
    fn add(&mut self, part: Done) {
        for (span, recorded) in part.spans {
            self.spans.entry(span).or_default().join(recorded);
        }
        for (text, count) in part.remarks {
            self.remark(text, count);
        }
        for (arn, mut ids) in part.unique {
            self.unique.entry(arn).or_default().append(&mut ids);
        }
    }

    fn remark(&mut self, text: String, count: u64) {
        let is_new = !self.remarks.contains_key(&text);
        let text = if is_new && self.remarks.len() >= REMARKS_KEPT {
            "further kinds of remarks, not listed".to_string()
        } else {
            text
        };
        *self.remarks.entry(text).or_default() += count;
    }

    fn finish(mut self, out: &mut Translated) {
        let recreated: Vec<(String, u64)> = self
            .unique
            .iter()
            .filter(|(_, ids)| ids.len() > 1)
            .map(|(arn, ids)| {
                let text = format!("{arn} was seen under several unique ids: it was made anew");
                (text.chars().take(REMARK_CHARS).collect(), ids.len() as u64)
            })
            .collect();
        for (text, count) in recreated {
            self.remark(text, count);
        }
        for ((account, region, class, read_only, resource), recorded) in self.spans {
            let span = recorded.span("aws", account, class);
            out.spans.extend(span.map(|span| LogSpan { region, read_only, resource, ..span }));
        }
        out.remarks.extend(self.remarks);
    }
}

fn on_behalf_of(key: &Key<'_>) -> Option<Str> {
    // An Identity Center user acts for itself.
    (key.get(Part::Type) != "IdentityCenterUser")
        .then(|| key.some(Part::OnBehalfOf))
        .flatten()
        .map(Str::from)
}
