//! Answers what an AWS identity may do: assembles the layers for the evaluator of [`super::policy`], and
//! computes equal attachments once.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock, RwLock};

use hashbrown::HashMap;

use super::arn::{Arn, is_account};
use super::documents::Evidence;
use super::documents::pool::PolicyDocument;
use super::documents::resource::ResourcePolicy;
use super::organisation::Guardrails;
use super::policy::decide::{self, Ask};
use super::policy::document::Named;
use super::policy::effective::{self, Compiled};
use super::policy::{Bound, Caller, CallerKind, Context, Layers, Limit, OrgLimit, Policy};
use crate::catalogue::RunCatalogue;
use crate::model::{Glob, GrantSet, Identity, Layer, Str};
use crate::platform::{Answer, Evaluator, Request, Verdict};

/// An identity as the evaluator needs it.
#[derive(Debug, Clone)]
pub(crate) struct Subject {
    pub(crate) caller: Caller,
    /// Its own policies and its groups'.
    pub(crate) bounds: Vec<Bound>,
    /// Policies that are named and absent.
    pub(crate) missing: Vec<Str>,
    pub(crate) boundary: Limit,
    /// Whether organisation policies do not apply (service-linked roles).
    pub(crate) is_exempt: bool,
}

/// Everything that decides the effective rows of an identity.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Key {
    kind: CallerKind,
    account: Str,
    is_exempt: bool,
    /// Policies by address, with name and group.
    bounds: Vec<(usize, Str, Option<Str>)>,
    missing: Vec<Str>,
    boundary: Option<(usize, Str)>,
    /// Resource policies that name it, and then the identity itself.
    resources: Vec<usize>,
    caller: Option<Str>,
}

/// The evaluator over the policies that were read.
pub(crate) struct AwsEvaluator {
    subjects: HashMap<Str, Subject>,
    guardrails: BTreeMap<Str, Guardrails>,
    /// Whether any evidence is about an organisation.
    has_organisation: bool,
    /// Ids of roles by account and name in lower case.
    by_name: HashMap<(Str, Str), Str>,
    trust: HashMap<Str, Bound>,
    resources: Vec<(Glob, Option<Bound>)>,
    /// Positions of exact ARNs in `resources`.
    exact: HashMap<Str, usize>,
    /// Positions of the resource policies that name an identity, by ARN or unique id.
    naming: HashMap<Str, Vec<usize>>,
    /// Whether a policy, by address, looks at the caller.
    looks_at_caller: HashMap<usize, bool>,
    attached: HashMap<Str, usize>,
    /// Indexes over the catalogue, made when the first identity needs them.
    compiled: OnceLock<Compiled>,
    computed: RwLock<HashMap<Key, Arc<GrantSet>>>,
}

fn address(policy: &Arc<Policy>) -> usize {
    Arc::as_ptr(policy) as usize
}

impl AwsEvaluator {
    pub(crate) fn new(
        subjects: HashMap<Str, Subject>,
        guardrails: BTreeMap<Str, Guardrails>,
        evidence: Evidence,
    ) -> AwsEvaluator {
        let mut evaluator = AwsEvaluator {
            has_organisation: evidence.organisation.is_seen,
            by_name: evidence.by_name,
            trust: HashMap::new(),
            resources: Vec::new(),
            exact: HashMap::new(),
            naming: HashMap::new(),
            looks_at_caller: HashMap::new(),
            attached: HashMap::new(),
            compiled: OnceLock::new(),
            computed: RwLock::new(HashMap::new()),
            subjects,
            guardrails,
        };
        for entity in &evidence.entities {
            if let Some(PolicyDocument::Parsed(policy)) = &entity.trust {
                let name = format!("trust policy of {}", entity.name);
                let bound = resource_bound(policy, name.into(), Layer::Trust);
                evaluator.trust.insert(entity.arn.clone(), bound);
            }
        }
        for resource in evidence.resources {
            evaluator.add_resource(&resource);
        }
        evaluator.count();
        evaluator
    }

    fn add_resource(&mut self, resource: &ResourcePolicy) {
        if self.exact.contains_key(&resource.resource) {
            return;
        }
        let at = self.resources.len();
        let bound = resource
            .document
            .as_ref()
            .and_then(PolicyDocument::policy)
            .map(|policy| resource_bound(policy, resource.resource.clone(), Layer::Resource));
        if let Some(bound) = &bound {
            let statements = bound.policy.statements.iter();
            for principals in statements.filter_map(|one| one.principals.as_ref()) {
                for named in &principals.list {
                    if let Named::Aws(text) = named {
                        let list = self.naming.entry(text.clone()).or_default();
                        if list.last() != Some(&at) {
                            list.push(at);
                        }
                    }
                }
            }
        }
        let glob = Glob::new(&resource.resource);
        if glob.is_exact() {
            self.exact.insert(resource.resource.clone(), at);
        }
        self.resources.push((glob, bound));
    }

    /// Counts attachments, and finds the policies that look at the caller.
    fn count(&mut self) {
        let organisation = self
            .guardrails
            .values()
            .flat_map(|limits| [&limits.scps, &limits.rcps].into_iter().flat_map(org_bounds));
        let own = self.subjects.values().flat_map(|subject| {
            let boundary = match &subject.boundary {
                Limit::Known(bound) => Some(bound),
                Limit::Absent | Limit::Missing(_) => None,
            };
            subject.bounds.iter().chain(boundary)
        });
        let resources = self.resources.iter().filter_map(|(_, bound)| bound.as_ref());
        let mut looks = HashMap::new();
        for bound in organisation.chain(own).chain(resources) {
            looks.entry(address(&bound.policy)).or_insert_with(|| looks_at_caller(&bound.policy));
        }
        let mut attached: HashMap<Str, usize> = HashMap::new();
        let subjects = self.subjects.values();
        for names in subjects.map(|subject| {
            let mut names: Vec<&Str> = subject.bounds.iter().map(|bound| &bound.name).collect();
            names.sort_unstable();
            names.dedup();
            names
        }) {
            for name in names {
                *attached.entry(name.clone()).or_default() += 1;
            }
        }
        self.looks_at_caller = looks;
        self.attached = attached;
    }

    fn is_caller_seen(&self, bound: &Bound) -> bool {
        self.looks_at_caller.get(&address(&bound.policy)).copied().unwrap_or(true)
    }

    fn guardrails(&self, account: &str) -> Option<&Guardrails> {
        self.guardrails.get(account)
    }

    /// Positions of the resource policies that name an identity.
    fn naming(&self, caller: &Caller) -> Vec<usize> {
        let mut found: Vec<usize> = [Some(&caller.arn), caller.unique_id.as_ref()]
            .into_iter()
            .flatten()
            .filter_map(|name| self.naming.get(name))
            .flatten()
            .copied()
            .collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    fn layers(&self, subject: &Subject, resource_account: &str, resource: Vec<Bound>) -> Layers {
        let limits = |account: &str| {
            self.guardrails(account).filter(|_| !subject.is_exempt).cloned().unwrap_or_default()
        };
        Layers {
            identity: subject.bounds.clone(),
            missing: subject.missing.clone(),
            boundary: subject.boundary.clone(),
            session: Vec::new(),
            scps: limits(&subject.caller.account).scps,
            rcps: limits(resource_account).rcps,
            resource,
        }
    }

    fn key(&self, subject: &Subject, resources: &[usize]) -> Key {
        let boundary = match &subject.boundary {
            Limit::Known(bound) => Some((address(&bound.policy), bound.name.clone())),
            Limit::Missing(name) => Some((0, name.clone())),
            Limit::Absent => None,
        };
        let limits = self.guardrails(&subject.caller.account);
        let limits = limits.filter(|_| !subject.is_exempt);
        let organisation = limits.is_some_and(|limits| {
            org_bounds(&limits.scps)
                .chain(org_bounds(&limits.rcps))
                .any(|bound| self.is_caller_seen(bound))
        });
        let bounded = match &subject.boundary {
            Limit::Known(bound) => self.is_caller_seen(bound),
            Limit::Absent | Limit::Missing(_) => false,
        };
        let own = subject.bounds.iter().any(|bound| self.is_caller_seen(bound));
        let is_own_key = organisation || bounded || own || !resources.is_empty();
        Key {
            kind: subject.caller.kind,
            account: subject.caller.account.clone(),
            is_exempt: subject.is_exempt,
            bounds: subject
                .bounds
                .iter()
                .map(|bound| (address(&bound.policy), bound.name.clone(), bound.via.clone()))
                .collect(),
            missing: subject.missing.clone(),
            boundary,
            resources: resources.to_vec(),
            caller: is_own_key.then(|| subject.caller.arn.clone()),
        }
    }

    /// An identity by id, or a session of a role: the subject, and the caller that asks.
    fn asker(&self, id: &str) -> Option<(&Subject, Caller)> {
        if let Some(subject) = self.subjects.get(id) {
            return Some((subject, subject.caller.clone()));
        }
        let arn = Arn::parse(id)?;
        if arn.service != "sts" {
            let (kind, name) = arn.iam()?;
            return self.named(arn.account, kind, name);
        }
        let mut parts = arn.resource.split('/');
        let is_session = parts.next() == Some("assumed-role");
        let name = parts.next().filter(|_| is_session)?;
        let (subject, role) = self.named(arn.account, "role", name)?;
        let session = Caller {
            arn: id.into(),
            role_arn: Some(role.arn.clone()),
            kind: CallerKind::RoleSession,
            ..role
        };
        Some((subject, session))
    }

    fn named(&self, account: &str, kind: &str, name: &str) -> Option<(&Subject, Caller)> {
        let key = format!("{kind}/{}", name.to_ascii_lowercase());
        let id = self.by_name.get(&(account.into(), key.into()))?;
        let subject = self.subjects.get(id)?;
        Some((subject, subject.caller.clone()))
    }

    /// The policy of a resource: `None` if the evidence says nothing about it, an empty list if it has none.
    fn policy_of(&self, action: &str, resource: &str) -> Option<Vec<Bound>> {
        if is_sts(action) {
            return self.trust.get(resource).map(|bound| vec![bound.clone()]);
        }
        let container = match resource.split_once(":s3:::") {
            Some((_, rest)) => {
                let end = resource.len() - rest.len() + rest.find('/').unwrap_or(rest.len());
                resource.get(..end).unwrap_or(resource)
            }
            None => resource,
        };
        if let Some(at) = self.exact.get(container) {
            let (_, bound) = self.resources.get(*at)?;
            return Some(bound.iter().cloned().collect());
        }
        let matched =
            self.resources.iter().find(|(glob, _)| !glob.is_exact() && glob.matches(container));
        matched.map(|(_, bound)| bound.iter().cloned().collect())
    }

    fn ask(
        &self,
        subject: &Subject,
        caller: &Caller,
        request: &Request<'_>,
        resource: &str,
    ) -> Answer {
        let account = Arn::parse(resource).map(|arn| arn.account).filter(|text| is_account(text));
        let known = self.policy_of(request.action, resource);
        let home = account.unwrap_or(&caller.account);
        let is_told = known.is_some();
        let layers = self.layers(subject, home, known.unwrap_or_default());
        let context = Context {
            known: request
                .context
                .iter()
                .map(|(key, values)| {
                    let values = values.iter().map(|value| Str::from(value.as_str()));
                    (key.to_ascii_lowercase(), values.collect())
                })
                .collect(),
            complete: false,
        };
        let mut answer = decide::decide(
            &Ask {
                caller,
                action: request.action,
                resource,
                resource_account: account,
                context: &context,
            },
            &layers,
        );
        if !self.has_organisation && !subject.is_exempt {
            let missing = format!("SCPs of account {}", caller.account);
            answer.missing.push(missing);
        }
        if !is_told && may_have_policy(request.action, resource) {
            answer.missing.push(format!("the policy of {resource}"));
        }
        answer
    }

    /// Where an action is allowed: each pattern of a statement that allows it is asked for.
    fn ask_where(&self, subject: &Subject, caller: &Caller, request: &Request<'_>) -> Answer {
        let mut patterns: Vec<Str> = Vec::new();
        let mut denied: Vec<Str> = Vec::new();
        for bound in &subject.bounds {
            for statement in &bound.policy.statements {
                let matches =
                    statement.actions.list.iter().any(|glob| glob.matches(request.action));
                if matches == statement.actions.not {
                    continue;
                }
                let resources: Vec<Str> = match &statement.resources {
                    Some(list) if !list.not => list.list.clone(),
                    _ => vec!["*".into()],
                };
                if statement.allow {
                    patterns.extend(resources);
                } else if statement.conditions.is_empty() {
                    denied.extend(resources);
                }
            }
        }
        let patterns = crate::model::pattern::reduce_shared(&patterns);
        let mut best: Option<Answer> = None;
        let mut allowed: Vec<Str> = Vec::new();
        for pattern in &patterns {
            let answer = self.ask(subject, caller, request, pattern);
            if answer.verdict == Verdict::Deny {
                best.get_or_insert(answer);
                continue;
            }
            allowed.push(pattern.clone());
            let rank = |verdict: Verdict| match verdict {
                Verdict::Allow => 0,
                Verdict::Conditional => 1,
                Verdict::Unknown => 2,
                Verdict::Deny => 3,
            };
            let is_better =
                best.as_ref().is_none_or(|known| rank(answer.verdict) < rank(known.verdict));
            if is_better {
                best = Some(answer);
            }
        }
        let mut answer = best.unwrap_or_else(|| self.ask(subject, caller, request, "*"));
        for pattern in crate::model::pattern::reduce_shared(&denied) {
            let glob = Glob::new(&pattern);
            if allowed.iter().any(|one| Glob::new(one).intersects(&glob)) {
                answer.conditions.push(format!("not on {pattern}"));
            }
        }
        answer.resources = allowed;
        answer
    }
}

fn resource_bound(policy: &Arc<Policy>, name: Str, layer: Layer) -> Bound {
    Bound {
        policy: policy.clone(),
        name,
        layer,
        level: None,
        via: None,
        since: None,
        shareable: false,
    }
}

fn org_bounds(limit: &OrgLimit) -> impl Iterator<Item = &Bound> {
    let (levels, partial): (&[Vec<Bound>], &[Bound]) = match limit {
        OrgLimit::Absent => (&[], &[]),
        OrgLimit::Levels(levels) => (levels, &[]),
        OrgLimit::Partial(bounds) => (&[], bounds),
    };
    levels.iter().flatten().chain(partial)
}

/// Whether a policy's answer can differ between callers of one account and kind: variables, and condition
/// keys about the caller that its account does not fix (IAM User Guide, reference_policies_condition-keys,
/// "Properties of the principal").
fn looks_at_caller(policy: &Policy) -> bool {
    let is_key = |key: &str| {
        matches!(key, "aws:principalarn" | "aws:userid" | "aws:username")
            || key.starts_with("aws:principaltag/")
            || key == "aws:principalservicename"
    };
    policy.statements.iter().any(|statement| {
        let listed = statement.resources.iter().flat_map(|resources| &resources.list);
        let tested = statement.conditions.iter().flat_map(|test| &test.values);
        let has_variable = listed.chain(tested).any(|text| text.contains("${"));
        has_variable
            || statement.principals.is_some()
            || statement.conditions.iter().any(|test| is_key(&test.key))
    })
}

fn is_sts(action: &str) -> bool {
    action.get(..4).is_some_and(|head| head.eq_ignore_ascii_case("sts:"))
}

/// Whether a resource's own policy could decide and should have been in the evidence.
fn may_have_policy(action: &str, resource: &str) -> bool {
    let Some(arn) = Arn::parse(resource) else {
        return false;
    };
    // A trust policy decides who may become the role, and nothing else.
    let is_role = is_sts(action) && arn.service == "iam" && arn.resource.starts_with("role/");
    let has = ["ecr", "kms", "lambda", "s3", "secretsmanager", "sns", "sqs"];
    (is_role || has.contains(&arn.service)) && !resource.contains(['*', '?'])
}

impl Evaluator for AwsEvaluator {
    fn prepare(&mut self, catalogue: &RunCatalogue) {
        self.compiled = OnceLock::from(Compiled::new(catalogue));
        if let Ok(mut computed) = self.computed.write() {
            computed.clear();
        }
    }

    fn grants(&self, identity: &Identity, catalogue: &RunCatalogue) -> Arc<GrantSet> {
        let Some(subject) = self.subjects.get(&identity.id) else {
            return Arc::default();
        };
        let named = self.naming(&subject.caller);
        let key = self.key(subject, &named);
        if let Ok(computed) = self.computed.read()
            && let Some(set) = computed.get(&key)
        {
            return set.clone();
        }
        let resource = named.iter().filter_map(|at| self.resources.get(*at)?.1.clone()).collect();
        let layers = self.layers(subject, &subject.caller.account, resource);
        // Two threads may compute the same set: both get equal ones.
        let set = Arc::new(effective::effective(
            &subject.caller,
            &layers,
            catalogue,
            self.compiled.get_or_init(|| Compiled::new(catalogue)),
        ));
        match self.computed.write() {
            Ok(mut computed) => computed.entry(key).or_insert(set).clone(),
            Err(_) => set,
        }
    }

    fn decide(&self, request: &Request<'_>) -> Answer {
        let Some((subject, caller)) = self.asker(request.identity) else {
            return Answer {
                verdict: Verdict::Unknown,
                by: Vec::new(),
                reason: "no-identity".into(),
                conditions: Vec::new(),
                missing: vec![format!("the identity {}", request.identity)],
                resources: Vec::new(),
            };
        };
        match request.resource {
            Some(resource) => self.ask(subject, &caller, request, resource),
            None => self.ask_where(subject, &caller, request),
        }
    }

    fn shared_with(&self, policy: &str) -> usize {
        self.attached.get(policy).copied().unwrap_or(0).saturating_sub(1)
    }
}
