//! The rights of agents by catalogue number, and answers to single requests.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::gateway::Gateway;
use super::names;
use super::rights::{Agent, Grant};
use super::settings::{Effect, Mode};
use crate::catalogue::RunCatalogue;
use crate::model::{ActionSet, Decision, Glob, GrantRow, GrantSet, Identity, Layer, Str};
use crate::platform::{Answer, By, Evaluator, Request, Verdict};

/// The rights of all agents.
#[derive(Debug, Default)]
pub(super) struct Rights {
    agents: BTreeMap<Str, Agent>,
    candidates: BTreeMap<Str, BTreeSet<Str>>,
    gateways: Vec<Gateway>,
    /// How many agents each file speaks of.
    holders: BTreeMap<Str, usize>,
}

impl Rights {
    pub(super) fn fill(
        &mut self,
        agents: BTreeMap<Str, Agent>,
        candidates: BTreeMap<Str, BTreeSet<Str>>,
        gateways: Vec<Gateway>,
    ) {
        for one in agents.values() {
            let policies: BTreeSet<&Str> = one
                .rules
                .iter()
                .map(|rule| &rule.policy)
                .chain(one.servers.values().map(|served| &served.policy))
                .chain(one.offers.iter().map(|offer| &offer.policy))
                .collect();
            for policy in policies {
                *self.holders.entry(policy.clone()).or_default() += 1;
            }
        }
        (self.agents, self.candidates, self.gateways) = (agents, candidates, gateways);
    }

    fn agent(&self, identity: &str) -> Option<(&Str, &Agent)> {
        self.agents.get_key_value(identity.strip_prefix("agent://")?)
    }

    /// All grants of an agent, by what they have in common.
    fn rows(&self, name: &Str, one: &Agent) -> BTreeMap<Grant, BTreeSet<Str>> {
        let mut rows: BTreeMap<Grant, BTreeSet<Str>> = BTreeMap::new();
        for action in self.candidates.get(name).into_iter().flatten() {
            for grant in one.grants(action, &self.gateways) {
                rows.entry(grant).or_default().insert(action.clone());
            }
        }
        rows
    }
}

impl Evaluator for Rights {
    fn prepare(&mut self, _: &RunCatalogue) {}

    fn grants(&self, identity: &Identity, catalogue: &RunCatalogue) -> Arc<GrantSet> {
        let Some((name, one)) = self.agent(&identity.id) else { return Arc::default() };
        let mut set = GrantSet::default();
        for (grant, actions) in self.rows(name, one) {
            let ids: ActionSet =
                actions.iter().filter_map(|action| catalogue.id(super::ID, action)).collect();
            if ids.is_empty() {
                continue;
            }
            let mut origin = grant.origin.origin();
            origin.shareable = self.shared_with(&origin.policy) > 0;
            set.actions |= &ids;
            set.rows.push(GrantRow {
                actions: ids,
                decision: grant.decision,
                resources: grant.resources.into(),
                except: grant.except.into(),
                conditions: grant.conditions.into(),
                origin: Arc::new([origin]),
            });
        }
        let runs_all = one.mode == Some(Mode::Bypass)
            && one.rules.iter().all(|rule| rule.effect == Effect::Allow);
        set.administrative = runs_all.then(|| {
            "every tool without asking (bypassPermissions, no deny and no ask rule)".into()
        });
        Arc::new(set)
    }

    fn decide(&self, request: &Request<'_>) -> Answer {
        let Some((_, one)) = self.agent(request.identity).filter(|(_, one)| one.has_grants) else {
            return Answer {
                verdict: Verdict::Unknown,
                by: Vec::new(),
                reason: "implicit-identity".to_string(),
                conditions: Vec::new(),
                missing: vec![format!(
                    "no settings, tool list or manifest names {}",
                    request.identity
                )],
                resources: Vec::new(),
            };
        };
        let reaches = |grant: &&Grant| match request.resource {
            None => true,
            Some(resource) => {
                let is_in =
                    |patterns: &[Str]| patterns.iter().any(|one| Glob::new(one).matches(resource));
                is_in(&grant.resources) && !is_in(&grant.except)
            }
        };
        let grants = one.grants(request.action, &self.gateways);
        let found: Vec<&Grant> = grants.iter().filter(reaches).collect();
        let open = found.iter().copied().find(|grant| grant.decision == Decision::Allow);
        let chosen: Vec<&Grant> = match open {
            Some(open) => vec![open],
            None => found.clone(),
        };
        let verdict = match (chosen.is_empty(), open.is_some()) {
            (true, _) if one.holes.is_empty() => Verdict::Deny,
            (true, _) => Verdict::Unknown,
            (false, true) => Verdict::Allow,
            (false, false) => Verdict::Conditional,
        };
        let mut conditions: Vec<String> = chosen
            .iter()
            .flat_map(|grant| &grant.conditions)
            .map(|condition| condition.text.to_string())
            .collect();
        conditions.sort();
        conditions.dedup();
        let by = chosen.iter().map(|grant| By {
            layer: Layer::Identity,
            level: None,
            policy: grant.origin.policy.clone(),
            statement: grant.origin.statement,
            sid: grant.origin.text.clone(),
            place: grant.origin.place,
        });
        let mut resources: Vec<Str> = Vec::new();
        if request.resource.is_none() {
            resources = chosen.iter().flat_map(|grant| grant.resources.iter().cloned()).collect();
            resources.sort();
            resources.dedup();
        }
        Answer {
            verdict,
            by: by.collect(),
            reason: if verdict == Verdict::Deny {
                "implicit-identity"
            } else {
                "explicit-identity"
            }
            .to_string(),
            conditions,
            missing: one.holes.iter().map(|hole| hole.note.to_string()).collect(),
            resources,
        }
    }

    /// Where the argument that chooses among a tool's actions is not in the log, none of them can be called unused; nor
    /// can a tool that is used under a name which no grant covers.
    fn unlogged(&self, identity: &Identity, catalogue: &RunCatalogue) -> ActionSet {
        let mut out = ActionSet::new();
        let Some((name, one)) = self.agent(&identity.id) else { return out };
        let blurred: BTreeSet<&Str> = one.blurred().into_iter().collect();
        let is_stray = |action: &&Str| one.grants(action, &self.gateways).is_empty();
        let strays = one.used.iter().filter(is_stray).map(|action| names::flat(action));
        let strays: BTreeSet<String> = strays.collect();
        for action in self.candidates.get(name).into_iter().flatten() {
            let tool = names::tool_of(action);
            let is_blurred = action.contains('#') && blurred.contains(&Str::from(tool));
            if is_blurred || strays.iter().any(|used| names::may_be(used, action)) {
                out.extend(catalogue.id(super::ID, action));
            }
        }
        out
    }

    fn shared_with(&self, policy: &str) -> usize {
        self.holders.get(policy).copied().unwrap_or(0).saturating_sub(1)
    }
}
