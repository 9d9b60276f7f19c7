//! What an agent may call: its offers, the rules over them, and the answers made of both.
//!
//! An offer is a tool that the agent has at all; rules decide whether a call of it runs, asks or is refused. Where the
//! configuration narrows nothing, what is offered is granted.

use std::collections::{BTreeMap, BTreeSet};

use super::clients::Server;
use super::gateway::{self, Gateway, Verdict};
use super::product;
use super::settings::{Cover, Effect, Mode, Rule, Target, claude, gemini};
use super::{names, resources};
use crate::model::{Condition, ConditionClass, Decision, Glob, Hole, Layer, Origin, Place, Str};

/// A tool, or a pattern of tools, that an agent has.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Offer {
    pub(super) action: Glob,
    /// Patterns over what it may touch; empty for anything.
    pub(super) resources: Vec<Str>,
    /// Whether a person approves each call; `None` where only the client knows.
    pub(super) asks: Option<bool>,
    pub(super) policy: Str,
    pub(super) place: Option<Place>,
}

/// A server of an agent, and the file that says so.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Served {
    pub(super) server: Server,
    pub(super) policy: Str,
    pub(super) product: &'static str,
    /// Whether a list names its tools.
    pub(super) is_listed: bool,
    /// Tools that only read, by the judgement of their list.
    pub(super) reads: BTreeSet<Str>,
}

/// One agent.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Agent {
    /// The client; `None` where the evidence names none.
    pub(super) product: Option<&'static str>,
    pub(super) servers: BTreeMap<Str, Served>,
    /// Highest priority first, then in file order.
    pub(super) rules: Vec<Rule>,
    pub(super) mode: Option<Mode>,
    pub(super) offers: Vec<Offer>,
    /// Settings, client files, manifests: what describes its grants.
    pub(super) has_settings: bool,
    /// Whether a file that names servers is there.
    pub(super) has_client: bool,
    pub(super) has_grants: bool,
    pub(super) holes: Vec<Hole>,
    /// Identities that it acts as: id, how, where.
    pub(super) acts_as: BTreeSet<(Str, Str, Option<Place>)>,
    pub(super) place: Option<Place>,
    /// Gateways whose rules were given for this agent.
    pub(super) gateways: Vec<usize>,
    /// Actions that its use names.
    pub(super) used: BTreeSet<Str>,
}

/// One permission: an action with what decides about it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Grant {
    pub(super) origin: Source,
    pub(super) decision: Decision,
    pub(super) resources: Vec<Str>,
    pub(super) except: Vec<Str>,
    pub(super) conditions: Vec<Condition>,
}

/// Where a grant comes from, in an order that reports can rely on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Source {
    pub(super) policy: Str,
    pub(super) statement: u32,
    pub(super) text: Option<Str>,
    pub(super) via: Option<Str>,
    pub(super) place: Option<Place>,
    pub(super) is_shared: bool,
}

impl Source {
    pub(super) fn origin(&self) -> Origin {
        Origin {
            layer: Layer::Identity,
            policy: self.policy.clone(),
            statement: self.statement,
            sid: self.text.clone(),
            via: self.via.clone(),
            place: self.place,
            since: None,
            shareable: self.is_shared,
        }
    }
}

/// The key of approval conditions.
const APPROVAL: &str = "approval";

pub(super) fn approval(text: &str) -> Condition {
    Condition { text: text.into(), key: APPROVAL.into(), class: ConditionClass::Approval }
}

fn other(text: String) -> Condition {
    Condition { text: text.into(), key: "arguments".into(), class: ConditionClass::Other }
}

/// How an action is offered.
struct Offered {
    resources: Vec<Str>,
    asks: Option<bool>,
    policy: Str,
    via: Option<Str>,
    place: Option<Place>,
}

impl Agent {
    /// Puts the rules in the order in which they are asked.
    pub(super) fn sort_rules(&mut self) {
        self.rules.sort_by_key(|rule| std::cmp::Reverse(rule.priority));
    }

    /// How an action is offered; `None` if the agent does not have it.
    fn offered(&self, action: &str) -> Option<Offered> {
        let tool = names::tool_of(action);
        let fits = |offer: &&Offer| {
            offer.action.matches(action)
                || (!offer.action.as_str().contains('#') && offer.action.matches(tool))
                || (tool.contains('*') && offer.action.contains(&Glob::new(tool)))
        };
        if let Some((server, name)) =
            tool.strip_prefix("mcp:").and_then(|rest| rest.split_once('/'))
            && let Some(served) = self.servers.get(server)
        {
            return served.has(name).then(|| Offered {
                resources: Vec::new(),
                asks: None,
                policy: served.policy.clone(),
                via: Some(format!("MCP server {server}").into()),
                place: Some(served.server.place),
            });
        }
        if let Some(offer) = self.offers.iter().find(fits) {
            return Some(Offered {
                resources: offer.resources.clone(),
                asks: offer.asks,
                policy: offer.policy.clone(),
                via: None,
                place: offer.place,
            });
        }
        let product = self.product.filter(|_| action.starts_with("agent:"))?;
        Some(Offered {
            resources: Vec::new(),
            asks: None,
            policy: format!("{product} built-in tools").into(),
            via: None,
            place: self.place,
        })
    }

    /// All grants of an action, empty if it is denied or not offered.
    pub(super) fn grants(&self, action: &str, gateways: &[Gateway]) -> Vec<Grant> {
        let Some(offered) = self.offered(action) else { return Vec::new() };
        let mut out = Vec::new();
        let (mut except, mut unless): (Vec<Str>, Vec<Condition>) = (Vec::new(), Vec::new());
        let is_holder = action.contains('*') || is_family(action);
        let mut is_decided = false;
        for rule in &self.rules {
            let cover = rule.cover(action);
            // Parts of what a place-holder stands for are actions of their own.
            let (resources, words) = match cover {
                Cover::None => continue,
                Cover::Full => (vec!["*".into()], None),
                Cover::Part(..) if is_holder => continue,
                Cover::Part(resources, words) => (resources, words),
            };
            let is_full = resources.iter().any(|one| &**one == "*") && words.is_none();
            if rule.effect == Effect::Deny {
                match (&rule.condition, is_full) {
                    (None, true) => return self.behind_gateways(action, out, gateways),
                    (None, false)
                        if words.is_none() && matches!(rule.target, Target::Resources { .. }) =>
                    {
                        except.extend(resources);
                    }
                    (condition, _) => {
                        unless.push(other(refusal(rule, condition.as_deref(), words.as_deref())))
                    }
                }
                continue;
            }
            let mut conditions = unless.clone();
            conditions.extend(rule.condition.iter().map(|text| other(text.to_string())));
            conditions.extend(words.iter().map(|text| other(text.to_string())));
            let origin = Source {
                policy: rule.policy.clone(),
                statement: rule.number,
                text: Some(rule.text.clone()),
                via: offered.via.clone(),
                place: Some(rule.place),
                is_shared: false,
            };
            out.push(grant(origin, rule.effect, resources, &except, conditions));
            if is_full && rule.condition.is_none() {
                is_decided = true;
                break;
            }
        }
        if !is_decided {
            out.extend(self.unmatched(action, &offered, &except, unless));
        }
        self.behind_gateways(action, out, gateways)
    }

    /// The grant of an action that no rule decides as a whole.
    fn unmatched(
        &self,
        action: &str,
        offered: &Offered,
        except: &[Str],
        mut conditions: Vec<Condition>,
    ) -> Option<Grant> {
        let server =
            names::tool_of(action).strip_prefix("mcp:").and_then(|rest| rest.split_once('/'));
        let client = server.and_then(|(server, _)| self.servers.get(server)).map(|one| one.product);
        let effect = match (offered.asks, client.or(self.product)) {
            (Some(asks), None | Some(product::CHAT)) => match asks {
                true => Effect::Ask,
                false => Effect::Allow,
            },
            (_, Some(product::CLAUDE_CODE)) => {
                let (effect, open) = claude::unmatched(action, self.mode.unwrap_or_default());
                match (effect, open) {
                    (Effect::Deny, None) => return None,
                    (_, Some(open)) => {
                        let text = match effect {
                            Effect::Allow => format!("{open}, else a person approves"),
                            _ => open.to_string(),
                        };
                        conditions.push(approval(&text));
                        Effect::Allow
                    }
                    (effect, None) => effect,
                }
            }
            (_, Some(product::GEMINI)) => gemini::unmatched(action),
            (_, Some(product::COPILOT_CLOUD | product::CHAT)) => Effect::Allow,
            (_, Some(product::UNKNOWN) | None) => {
                conditions.push(approval("unless the client asks: no file says whether it does"));
                Effect::Allow
            }
            (_, Some(_)) => Effect::Ask,
        };
        let resources = match offered.resources.is_empty() {
            true => vec!["*".into()],
            false => offered.resources.clone(),
        };
        let origin = Source {
            policy: offered.policy.clone(),
            statement: 0,
            text: Some("no rule".into()).filter(|_| self.has_settings && offered.asks.is_none()),
            via: offered.via.clone(),
            place: offered.place,
            is_shared: false,
        };
        Some(grant(origin, effect, resources, except, conditions))
    }

    /// What the gateways in front of a server leave of its grants.
    fn behind_gateways(
        &self,
        action: &str,
        grants: Vec<Grant>,
        gateways: &[Gateway],
    ) -> Vec<Grant> {
        let tool = names::tool_of(action);
        let Some((server, name)) = tool.strip_prefix("mcp:").and_then(|rest| rest.split_once('/'))
        else {
            return grants;
        };
        let mut out = grants;
        for (number, gateway) in gateways.iter().enumerate() {
            let is_mine = self.gateways.contains(&number)
                && (gateway.targets.is_empty() || gateway::is_behind(gateway, server));
            if !is_mine && !gateway::is_behind(gateway, server) {
                continue;
            }
            match gateway.decide((server, name), &[], false) {
                Verdict::Allow => {}
                Verdict::Deny => return Vec::new(),
                Verdict::Conditional(texts) => {
                    for one in &mut out {
                        one.conditions.extend(texts.iter().map(|text| Condition {
                            text: format!("gateway {}: {text}", gateway.name).into(),
                            key: "gateway".into(),
                            class: ConditionClass::Caller,
                        }));
                        one.conditions.sort();
                        one.conditions.dedup();
                        if one.decision == Decision::Allow {
                            one.decision = Decision::Conditional;
                        }
                    }
                }
            }
        }
        out
    }

    /// The actions that are judged: those that lists, rules, offers and use name, and place-holders for tools that
    /// nothing names.
    pub(super) fn candidates(&self, listed: &BTreeMap<Str, BTreeSet<Str>>) -> BTreeSet<Str> {
        let mut out: BTreeSet<Str> = self.used.clone();
        for (key, served) in &self.servers {
            match listed.get(key).filter(|_| served.is_listed) {
                Some(actions) => out.extend(actions.iter().cloned()),
                None => {
                    let prefix = format!("mcp:{key}/");
                    if !self.used.iter().any(|action| action.starts_with(&prefix)) {
                        out.insert(format!("{prefix}*").into());
                    }
                }
            }
        }
        let by_rules: BTreeSet<Str> =
            self.rules.iter().flat_map(|rule| named_by(rule, self.product)).collect();
        out.extend(by_rules.iter().cloned());
        for offer in &self.offers {
            let is_replaced = !offer.action.is_exact()
                && self.used.iter().any(|action| offer.action.matches(action));
            if !is_replaced {
                out.insert(offer.action.as_str().into());
            }
        }
        if self.has_settings {
            let tools: Vec<&str> = match self.product {
                Some(product::CLAUDE_CODE) => claude::TOOLS.to_vec(),
                Some(product::GEMINI) => gemini::TOOLS.iter().map(|(name, _)| *name).collect(),
                _ => Vec::new(),
            };
            for tool in tools {
                let action = names::own(tool, None);
                let prefix = format!("{action}#");
                let in_family = |one: &&Str| one.starts_with(&prefix);
                // "Any other command" is not unused when a command was used that no rule names.
                if self.used.iter().filter(in_family).all(|one| by_rules.contains(one)) {
                    out.insert(action.into());
                }
            }
        }
        out
    }

    /// Tools whose use is known without the argument that chooses among their actions.
    pub(super) fn blurred(&self) -> Vec<&Str> {
        self.used.iter().filter(|action| !action.contains('#')).collect()
    }
}

impl Served {
    /// Whether a tool is offered; `*` asks whether any may be.
    fn has(&self, tool: &str) -> bool {
        let server = &self.server;
        let among = |list: &[Str]| list.iter().any(|one| Glob::new(one).matches(tool));
        let is_any = tool == "*";
        let is_read = !server.read_only || is_any || !self.is_listed || self.reads.contains(tool);
        !server.disabled
            && is_read
            && (is_any || server.only.as_ref().is_none_or(|only| among(only)))
            && (is_any || !among(&server.without))
    }
}

/// Whether an action stands for others that are named by what follows `#`.
fn is_family(action: &str) -> bool {
    resources::is_shell(action)
        || matches!(action, "agent:Agent" | "agent:Task" | "agent:Skill" | "agent:invoke_agent")
}

fn refusal(rule: &Rule, condition: Option<&str>, words: Option<&str>) -> String {
    match (condition, words) {
        (Some(condition), _) => format!("unless {condition}: {} is refused", rule.text),
        (None, Some(words)) => format!("unless {words}"),
        (None, None) => format!("unless the call is as in {}", rule.text),
    }
}

fn grant(
    origin: Source,
    effect: Effect,
    resources: Vec<Str>,
    except: &[Str],
    mut conditions: Vec<Condition>,
) -> Grant {
    if effect == Effect::Ask {
        conditions.push(approval("a person approves"));
    }
    conditions.sort();
    conditions.dedup();
    let decision = match (effect, conditions.is_empty()) {
        (Effect::Ask, _) => Decision::Ask,
        (_, true) => Decision::Allow,
        (_, false) => Decision::Conditional,
    };
    let mut except = except.to_vec();
    except.sort();
    except.dedup();
    Grant { origin, decision, resources, except, conditions }
}

/// The actions that a rule which lets something run names one by one.
fn named_by(rule: &Rule, product: Option<&'static str>) -> Vec<Str> {
    if rule.effect == Effect::Deny {
        return Vec::new();
    }
    match &rule.target {
        Target::Actions(globs) => {
            globs.iter().filter(|glob| glob.is_exact()).map(|glob| glob.as_str().into()).collect()
        }
        Target::Commands(globs) => {
            let tool = if product == Some(product::GEMINI) { "run_shell_command" } else { "Bash" };
            let first = globs.first().map(Glob::fixed_prefix).unwrap_or_default();
            let program = super::shell::program(first).filter(|_| !first.is_empty());
            program.map(|program| names::own(tool, Some(&program)).into()).into_iter().collect()
        }
        Target::Resources { .. } | Target::Arguments { .. } => Vec::new(),
    }
}
