//! The answer to one request, in three values.
//!
//! Owns the order in which policy types decide (IAM User Guide, reference_policies_evaluation-logic and its
//! page on cross-account requests; AWS Organizations User Guide, SCP and RCP evaluation; AWS KMS Developer
//! Guide, key policies). Does not know identities or files: what applies is handed in as [`Layers`].

use std::borrow::Cow;

use super::condition;
use super::document::Test;
use super::matching::{self, NamedBy, Naming, Reading};
use super::scope::{Context, Scope, Truth};
use super::{Bound, Caller, CallerKind, Layers, Limit, OrgLimit, Statement};
use crate::catalogue::Catalogue;
use crate::model::Layer;
use crate::platform::{Answer, By, Verdict};

/// A request.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// Who asks.
    pub caller: &'a Caller,
    /// The action.
    pub action: &'a str,
    /// An ARN, or `*` for actions that take no resource.
    pub resource: &'a str,
    /// The account that owns the resource. Without it the ARN's own account counts, and if it has none the
    /// resource is taken to be in the caller's account.
    pub resource_account: Option<&'a str>,
    /// The request's condition keys.
    pub context: &'a Context,
}

/// Decides a request.
pub fn decide(ask: &Ask<'_>, layers: &Layers) -> Answer {
    let request = Request::of(ask, layers);
    let all = Findings::of(&request, layers);
    let denies = all.denies();
    if denies.iter().any(|hit| hit.truth == Truth::True) {
        return explicit_deny(&denies);
    }
    let paths = Paths::of(&request, layers, &all);
    let allowed = paths.allowed();
    if allowed.best == Truth::False {
        return plain(Verdict::Deny, paths.implicit(&request, layers));
    }
    let mut conditions = Vec::new();
    let verdict = match allowed.worst {
        Truth::True if denies.is_empty() => Verdict::Allow,
        Truth::False => Verdict::Unknown,
        _ => Verdict::Conditional,
    };
    if verdict != Verdict::Allow {
        all.open_allows(&paths, &mut conditions);
        for hit in &denies {
            conditions.push(hit.unless());
        }
    }
    let mut kept: Vec<String> = Vec::new();
    for text in conditions {
        if !kept.contains(&text) {
            kept.push(text);
        }
    }
    let reason = match (verdict, denies.first()) {
        (Verdict::Unknown, _) => paths.implicit(&request, layers),
        (Verdict::Conditional, Some(hit)) if allowed.worst == Truth::True => {
            format!("explicit-{}", hit.bound.layer.as_str())
        }
        _ => paths.granting(&request, layers),
    };
    Answer {
        verdict,
        by: paths.by(&all, &denies),
        reason,
        conditions: kept,
        missing: request.missing(layers),
        resources: Vec::new(),
    }
}

fn plain(verdict: Verdict, reason: String) -> Answer {
    Answer {
        verdict,
        by: Vec::new(),
        reason,
        conditions: Vec::new(),
        missing: Vec::new(),
        resources: Vec::new(),
    }
}

/// All statements that certainly deny; the reason names the first one's layer.
fn explicit_deny(denies: &[&Hit<'_>]) -> Answer {
    let certain = || denies.iter().filter(|hit| hit.truth == Truth::True);
    let layer = certain().next().map_or("identity", |hit| hit.bound.layer.as_str());
    let mut answer = plain(Verdict::Deny, format!("explicit-{layer}"));
    answer.by = certain().map(|hit| hit.by()).collect();
    answer
}

/// Truth if every missing policy refuses, and if every one agrees.
#[derive(Debug, Clone, Copy)]
struct Pair {
    worst: Truth,
    best: Truth,
}

impl Pair {
    const YES: Pair = Pair::sure(Truth::True);
    /// A policy decides that is not in the evidence.
    const MISSING: Pair = Pair { worst: Truth::False, best: Truth::True };

    const fn sure(truth: Truth) -> Pair {
        Pair { worst: truth, best: truth }
    }

    fn and(self, other: Pair) -> Pair {
        Pair { worst: self.worst.and(other.worst), best: self.best.and(other.best) }
    }

    fn or(self, other: Pair) -> Pair {
        Pair { worst: self.worst.or(other.worst), best: self.best.or(other.best) }
    }
}

/// A statement that applies, or may.
struct Hit<'a> {
    bound: &'a Bound,
    statement: &'a Statement,
    naming: Naming,
    truth: Truth,
    open: Vec<&'a Test>,
    /// What else is not known, in words.
    notes: Vec<String>,
}

impl Hit<'_> {
    fn by(&self) -> By {
        By {
            layer: self.bound.layer,
            level: self.bound.level,
            policy: self.bound.name.clone(),
            statement: self.statement.number,
            sid: self.statement.sid.clone(),
            place: self.statement.place,
        }
    }

    fn unless(&self) -> String {
        let mut texts: Vec<String> = self.open.iter().map(|test| condition::text(test)).collect();
        texts.extend(self.notes.iter().cloned());
        format!("unless {}", texts.join(" and "))
    }
}

/// The statements of a set of policies that apply or may.
#[derive(Default)]
struct Found<'a> {
    allows: Vec<Hit<'a>>,
    denies: Vec<Hit<'a>>,
}

impl Found<'_> {
    fn allowed(&self) -> Naming {
        let hits = self.allows.iter().map(|hit| hit.naming.and(hit.truth));
        hits.fold(Naming::NONE, Naming::or)
    }
}

struct Request<'a> {
    ask: Ask<'a>,
    scope: Scope<'a>,
    /// The resource on which policies are compared.
    resource: Cow<'a, str>,
    is_cross_account: bool,
    /// Whether the resource's own policy must take part: KMS keys and roles.
    needs_resource: bool,
    /// Whether the caller has a permissions boundary.
    is_bounded: bool,
    service: &'a str,
}

impl<'a> Request<'a> {
    fn of(ask: &Ask<'a>, layers: &Layers) -> Request<'a> {
        let parts: Vec<&str> = ask.resource.splitn(6, ':').collect();
        let is_account = |text: &&str| text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit());
        let of_arn = parts.get(4).copied().filter(is_account);
        let account = ask.resource_account.filter(|text| !text.is_empty()).or(of_arn);
        let service = ask.action.split(':').next().unwrap_or("");
        let is = |wanted: &str| service.eq_ignore_ascii_case(wanted);
        let named = |kind: &str, start: &str| {
            parts.get(2) == Some(&kind) && parts.get(5).is_some_and(|rest| rest.starts_with(start))
        };
        Request {
            ask: *ask,
            scope: Scope {
                context: ask.context,
                caller: Some(ask.caller),
                resource_account: account,
            },
            resource: matching::decided_on(ask.action, ask.resource, ask.caller.partition()),
            is_cross_account: account.is_some_and(|account| account != &*ask.caller.account),
            needs_resource: (is("kms") && named("kms", "key/"))
                || (is("sts") && named("iam", "role/")),
            is_bounded: layers.boundary != Limit::Absent,
            service,
        }
    }

    fn is_complete(&self) -> bool {
        self.ask.context.complete
    }

    fn judge(&self, bounds: impl IntoIterator<Item = &'a Bound>) -> Found<'a> {
        let mut found = Found::default();
        for bound in bounds {
            for statement in &bound.policy.statements {
                let Some(hit) = self.hit(bound, statement) else {
                    continue;
                };
                if statement.allow {
                    found.allows.push(hit);
                } else {
                    found.denies.push(hit);
                }
            }
        }
        found
    }

    fn hit(&self, bound: &'a Bound, statement: &'a Statement) -> Option<Hit<'a>> {
        if !matching::action_applies(&statement.actions, self.ask.action) {
            return None;
        }
        let naming = self.naming(bound.layer, statement);
        if naming.any() == Truth::False {
            return None;
        }
        let variables = bound.policy.has_variables;
        let reading = Reading { short: is_short(bound.layer), variables, scope: self.scope };
        let on = matching::resources_apply(statement.resources.as_ref(), &self.resource, &reading);
        if on == Truth::False {
            return None;
        }
        let (when, open) = condition::all_hold(&statement.conditions, variables, &self.scope);
        let truth = naming.any().and(on).and(when);
        let mut notes = Vec::new();
        if on == Truth::Unknown {
            notes.push("the value of a policy variable in Resource".to_string());
        }
        if naming.any() == Truth::Unknown {
            notes.push("the name of the session".to_string());
        }
        (truth != Truth::False).then_some(Hit { bound, statement, naming, truth, open, notes })
    }

    fn naming(&self, layer: Layer, statement: &Statement) -> Naming {
        let itself = Naming::only(NamedBy::Itself, Truth::True);
        match (layer, &statement.principals) {
            (Layer::Resource | Layer::Trust | Layer::Rcp, Some(principals)) => {
                let caller = self.ask.caller;
                let naming = matching::principals_apply(
                    principals,
                    statement.allow,
                    caller,
                    self.is_bounded,
                );
                // A complete request by a role has no session that a policy could name.
                match self.is_complete() && naming.any() == Truth::Unknown {
                    true if statement.allow => Naming::NONE,
                    true => itself,
                    false => naming,
                }
            }
            // Resource control policies apply to everybody.
            (Layer::Resource | Layer::Trust, None) => Naming::NONE,
            _ => itself,
        }
    }

    /// Whether organisation policies can limit the request. Service-linked roles are exempt; resource control
    /// policies also spare `kms:RetireGrant` and services that do not support them (AWS Organizations User
    /// Guide, orgs_manage_policies_scps and orgs_manage_policies_rcps).
    fn is_under(&self, layer: Layer) -> bool {
        if is_service_linked(self.ask.caller) {
            return false;
        }
        layer != Layer::Rcp || supports_rcp(self.service, self.ask.action)
    }

    /// What the evidence lacks that could change an answer other than a deny.
    fn missing(&self, layers: &Layers) -> Vec<String> {
        let attached = layers.missing.iter();
        let mut out: Vec<String> =
            attached.map(|name| format!("attached policy {name} is not in the evidence")).collect();
        if let Limit::Missing(name) = &layers.boundary {
            out.push(format!("permissions boundary {name} is not in the evidence"));
        }
        if self.lacks_session(layers) && !self.is_complete() {
            out.push("the policy of the federated session is not in the evidence".to_string());
        }
        for (limit, what) in [(&layers.scps, "service"), (&layers.rcps, "resource")] {
            if matches!(limit, OrgLimit::Partial(_)) {
                out.push(format!("not all {what} control policies are in the evidence"));
            }
        }
        if self.lacks_resource(layers) && !self.is_complete() {
            let resource = self.ask.resource;
            out.push(format!("the policy of {resource} is not in the evidence"));
        }
        out
    }

    fn lacks_resource(&self, layers: &Layers) -> bool {
        layers.resource.is_empty() && (self.is_cross_account || self.needs_resource)
    }

    /// A federated user has no permission without a session policy (reference_policies_evaluation-logic,
    /// "Session policies").
    fn lacks_session(&self, layers: &Layers) -> bool {
        layers.session.is_empty() && self.ask.caller.kind == CallerKind::FederatedUser
    }
}

/// Whether short ARNs are completed in policies of the layer.
pub(super) fn is_short(layer: Layer) -> bool {
    matches!(layer, Layer::Identity | Layer::Boundary | Layer::Session)
}

/// Path and name of service-linked roles are AWS's own (IAM User Guide, using-service-linked-roles).
pub(super) fn is_service_linked(caller: &Caller) -> bool {
    let role = caller.role_arn.as_deref().unwrap_or(&caller.arn);
    role.contains(":role/aws-service-role/") || role.contains(":role/AWSServiceRoleFor")
}

/// Whether resource control policies apply to an action.
pub(super) fn supports_rcp(service: &str, action: &str) -> bool {
    let services = &Catalogue::aws().rcp_services;
    let is_listed = services.iter().any(|name| name.eq_ignore_ascii_case(service));
    (is_listed || services.is_empty()) && !action.eq_ignore_ascii_case("kms:RetireGrant")
}

/// What each layer says.
struct Findings<'a> {
    scps: Vec<Found<'a>>,
    rcps: Found<'a>,
    resource: Found<'a>,
    identity: Found<'a>,
    boundary: Found<'a>,
    session: Found<'a>,
}

impl<'a> Findings<'a> {
    fn of(request: &Request<'a>, layers: &'a Layers) -> Findings<'a> {
        let scps = match &layers.scps {
            _ if !request.is_under(Layer::Scp) => Vec::new(),
            OrgLimit::Absent => Vec::new(),
            // A level without policies is not known to be one: each must have at least one.
            OrgLimit::Levels(levels) => {
                let used = levels.iter().filter(|level| !level.is_empty());
                used.map(|level| request.judge(level)).collect()
            }
            OrgLimit::Partial(known) => vec![request.judge(known)],
        };
        let rcps = match &layers.rcps {
            OrgLimit::Absent => Found::default(),
            _ if !request.is_under(Layer::Rcp) => Found::default(),
            OrgLimit::Levels(levels) => request.judge(levels.iter().flatten()),
            OrgLimit::Partial(known) => request.judge(known),
        };
        let boundary = match &layers.boundary {
            Limit::Known(bound) => request.judge([bound]),
            Limit::Absent | Limit::Missing(_) => Found::default(),
        };
        Findings {
            scps,
            rcps,
            resource: request.judge(&layers.resource),
            identity: request.judge(&layers.identity),
            boundary,
            session: request.judge(&layers.session),
        }
    }

    /// Denies that apply or may, in the order in which the guide lists the policy types.
    fn denies(&self) -> Vec<&Hit<'a>> {
        let rest = [&self.rcps, &self.resource, &self.identity, &self.boundary, &self.session];
        let all = self.scps.iter().chain(rest);
        all.flat_map(|found| &found.denies).collect()
    }

    /// The conditions of the allows that are not certain, of the layers whose answer depends on them.
    fn open_allows(&self, paths: &Paths, out: &mut Vec<String>) {
        let mut list = |found: &Found<'_>, is_needed: bool| {
            let is_open = found.allowed().any() == Truth::Unknown;
            for hit in found.allows.iter().filter(|_| is_needed && is_open) {
                out.extend(hit.open.iter().map(|test| condition::text(test)));
                out.extend(hit.notes.iter().cloned());
            }
        };
        for level in &self.scps {
            list(level, !paths.is_partial);
        }
        list(&self.identity, paths.own.best != Truth::False);
        list(&self.resource, paths.uses_resource());
        let is_limited = paths.own.best != Truth::False || paths.by_role.best != Truth::False;
        list(&self.boundary, is_limited);
        list(&self.session, is_limited);
    }
}

/// The ways in which a request can be allowed.
struct Paths {
    scp: Pair,
    is_partial: bool,
    identity: Pair,
    boundary: Pair,
    session: Pair,
    /// What the resource's policy must say on the identity's way, if anything.
    side: Pair,
    needs_side: bool,
    /// By the identity's policies.
    own: Pair,
    /// By the resource's policy, which names the caller's role.
    by_role: Pair,
    /// By the resource's policy, which names the caller or everybody.
    by_itself: Pair,
    /// Whether the resource's policy names the caller's role in the same account.
    names_role: bool,
}

impl Paths {
    fn of(request: &Request<'_>, layers: &Layers, all: &Findings<'_>) -> Paths {
        let sure = |found: &Found<'_>| Pair::sure(found.allowed().any());
        let is_partial = matches!(layers.scps, OrgLimit::Partial(_));
        let scp = match is_partial {
            true => Pair::YES,
            false => all.scps.iter().map(sure).fold(Pair::YES, Pair::and),
        };
        // The root user may do everything in its account unless something denies it.
        let identity = match request.ask.caller.kind {
            CallerKind::Root => Pair::YES,
            _ if layers.missing.is_empty() => sure(&all.identity),
            _ => sure(&all.identity).or(Pair::MISSING),
        };
        let boundary = match &layers.boundary {
            Limit::Absent => Pair::YES,
            Limit::Known(_) => sure(&all.boundary),
            Limit::Missing(_) => Pair::MISSING,
        };
        let session = match layers.session.is_empty() {
            false => sure(&all.session),
            true if !request.lacks_session(layers) => Pair::YES,
            true if request.is_complete() => Pair::sure(Truth::False),
            true => Pair::MISSING,
        };
        let named = all.resource.allowed();
        let needs_side = request.is_cross_account || request.needs_resource;
        let side = match needs_side {
            false => Pair::YES,
            true if request.lacks_resource(layers) && !request.is_complete() => Pair::MISSING,
            true => Pair::sure(named.any()),
        };
        let limits = boundary.and(session);
        let alone = |by| match request.is_cross_account {
            true => Pair::sure(Truth::False),
            false => Pair::sure(named.by(by)),
        };
        Paths {
            scp,
            is_partial,
            identity,
            boundary,
            session,
            side,
            needs_side,
            own: identity.and(limits).and(side),
            by_role: alone(NamedBy::Role).and(limits),
            by_itself: alone(NamedBy::Itself),
            names_role: alone(NamedBy::Role).best != Truth::False,
        }
    }

    fn allowed(&self) -> Pair {
        self.scp.and(self.own.or(self.by_role).or(self.by_itself))
    }

    fn uses_resource(&self) -> bool {
        let by_policy = self.by_role.or(self.by_itself).best != Truth::False;
        by_policy || (self.needs_side && self.own.best != Truth::False)
    }

    /// The first layer that does not allow, whatever is missing; else the first that may not.
    fn implicit(&self, request: &Request<'_>, layers: &Layers) -> String {
        let is_role = request.service.eq_ignore_ascii_case("sts");
        let resource = match layers.resource.first() {
            Some(bound) => bound.layer,
            None if is_role => Layer::Trust,
            None => Layer::Resource,
        };
        let order = [
            (self.scp, Layer::Scp),
            (self.identity, Layer::Identity),
            (self.boundary, Layer::Boundary),
            (self.session, Layer::Session),
            (self.side, resource),
        ];
        // Where the resource's policy names the role, the identity's policies are not asked.
        let asked = |layer: Layer| !(self.names_role && layer == Layer::Identity);
        let first = |test: fn(Pair) -> bool| {
            let mut layers = order.iter();
            layers.find(|(pair, layer)| test(*pair) && asked(*layer))
        };
        let layer = first(|pair| pair.best == Truth::False)
            .or_else(|| first(|pair| pair.worst == Truth::False));
        format!("implicit-{}", layer.map_or("identity", |(_, layer)| layer.as_str()))
    }

    /// The layer that grants.
    fn granting(&self, request: &Request<'_>, layers: &Layers) -> String {
        let by_policy = self.by_role.or(self.by_itself).worst;
        if by_policy > self.own.worst || self.own.best == Truth::False {
            let layer = layers.resource.first().map_or(Layer::Resource, |b| b.layer);
            return format!("explicit-{}", layer.as_str());
        }
        match request.ask.caller.kind {
            CallerKind::Root => "implicit-identity".to_string(),
            _ => "explicit-identity".to_string(),
        }
    }

    /// The statements that allow, on the best of the ways, and those that may deny.
    fn by(&self, all: &Findings<'_>, denies: &[&Hit<'_>]) -> Vec<By> {
        let best = self.own.or(self.by_role).or(self.by_itself).worst;
        let counts = |pair: Pair| pair.worst == best && pair.best != Truth::False;
        let mut out = Vec::new();
        let mut list = |found: &Found<'_>| {
            let hits = found.allows.iter().filter(|hit| hit.truth >= best);
            out.extend(hits.map(Hit::by));
        };
        if counts(self.own) {
            list(&all.identity);
        }
        if counts(self.by_role) || counts(self.by_itself) || (self.needs_side && counts(self.own)) {
            list(&all.resource);
        }
        out.extend(denies.iter().map(|hit| hit.by()));
        out
    }
}

#[cfg(test)]
#[path = "decide_tests.rs"]
mod tests;
