//! Answers one request (`authgap can`): reads the action as authgap or kubectl writes it, and asks the cluster.

use super::catalogue::{groups_of, is_known};
use super::evaluator::{Known, KubernetesEvaluator};
use super::names::{self, Parsed};
use super::rules::Target;
use super::view::{MASTERS, View, Who, asked_namespace, role_key, show_role, who};
use crate::model::{Layer, Str};
use crate::platform::{Answer, By, Request, Verdict};

/// A request with its parts owned.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Wanted {
    verb: String,
    /// Group, resource and subresource; or none for the path.
    resource: Option<(String, String, String)>,
    path: String,
    /// What the reader should know of the request.
    remark: Option<String>,
}

/// Reads `k8s:get:core/pods/log`, `get pods/log`, `get deployments.apps/scale`, `get deployments.v1.apps`,
/// `get /metrics`. A bare resource is core's, or of the first group that has one of this name.
fn wanted(action: &str) -> Option<Wanted> {
    match names::parse(action) {
        Some(Parsed::Resource { verb, group, resource, subresource }) => {
            return Some(Wanted {
                verb: verb.to_string(),
                resource: Some((group.to_string(), resource.to_string(), subresource.to_string())),
                path: String::new(),
                remark: unknown(group, resource, subresource),
            });
        }
        Some(Parsed::Path { verb, path }) => {
            return Some(Wanted {
                verb: verb.to_string(),
                resource: None,
                path: path.to_string(),
                remark: None,
            });
        }
        None => {}
    }
    let mut words = action.split_whitespace();
    let (verb, what) = (words.next()?, words.next()?);
    if words.next().is_some() {
        return None;
    }
    if what.starts_with('/') {
        let path = what.split('?').next().unwrap_or_default().to_string();
        return Some(Wanted { verb: verb.to_string(), resource: None, path, remark: None });
    }
    let (full, subresource) = what.split_once('/').unwrap_or((what, ""));
    let (resource, group) = match full.split_once('.') {
        Some((resource, group)) => (resource, without_version(group)),
        None => (full, groups_of(full).first().copied().unwrap_or("")),
    };
    Some(Wanted {
        verb: verb.to_string(),
        remark: unknown(group, resource, subresource),
        resource: Some((group.to_string(), resource.to_string(), subresource.to_string())),
        path: String::new(),
    })
}

/// The group of `v1.apps`: RBAC has no versions.
fn without_version(group: &str) -> &str {
    match group.split_once('.') {
        Some((version, rest)) if is_version(version) => rest,
        None if is_version(group) => "",
        _ => group,
    }
}

fn is_version(text: &str) -> bool {
    let rest = text.strip_prefix('v').unwrap_or_default();
    rest.starts_with(|c: char| c.is_ascii_digit())
        && rest.chars().all(|c| c.is_ascii_digit() || c.is_ascii_lowercase())
}

fn unknown(group: &str, resource: &str, subresource: &str) -> Option<String> {
    if is_known(group, resource, subresource) || matches!(resource, "*") {
        return None;
    }
    let shown = if subresource.is_empty() {
        resource.to_string()
    } else {
        format!("{resource}/{subresource}")
    };
    let group = if group.is_empty() { "the core group" } else { group };
    Some(format!("whether {group} has {shown}: it is not among Kubernetes' own resources"))
}

/// Namespace and name of `NAMESPACE/NAME`, `/NAME`, `NAMESPACE/*`, `*`; both may be empty for none.
fn place(text: &str, is_cluster_scoped: bool) -> (&str, &str) {
    let (namespace, name) = match text.split_once('/') {
        Some(parts) => parts,
        None if is_cluster_scoped => ("", text),
        None => (text, ""),
    };
    let any = |text| if text == "*" { "" } else { text };
    (any(namespace), any(name))
}

fn answer(verdict: Verdict, reason: &str) -> Answer {
    Answer {
        verdict,
        by: Vec::new(),
        reason: reason.to_string(),
        conditions: Vec::new(),
        missing: Vec::new(),
        resources: Vec::new(),
    }
}

/// Answers a request.
pub(super) fn decide(evaluator: &KubernetesEvaluator, request: &Request<'_>) -> Answer {
    let Some((cluster, view, who)) = asker(evaluator, request.identity) else {
        let mut unknown = answer(Verdict::Unknown, "no-identity");
        unknown.missing.push(format!("the identity {}", request.identity));
        return unknown;
    };
    let Some(wanted) = wanted(request.action) else {
        let mut unknown = answer(Verdict::Unknown, "no-action");
        unknown.missing.push(format!(
            "an action in `{}`: write `get pods/log` or k8s:get:core/pods/log",
            request.action
        ));
        return unknown;
    };
    let mut out = match request.resource {
        Some(resource) => one(evaluator, cluster, view, &who, &wanted, resource),
        None => everywhere(evaluator, cluster, view, &who, &wanted),
    };
    if out.verdict == Verdict::Deny {
        refuse(view, &who, &mut out);
    }
    out.missing.extend(wanted.remark);
    out
}

/// The cluster and user of an identity: an id, or a username where there is one cluster.
fn asker<'a>(evaluator: &'a KubernetesEvaluator, identity: &str) -> Option<(usize, &'a View, Who)> {
    if let Some(Known { cluster, who, .. }) = evaluator.known.get(identity) {
        return Some((*cluster, evaluator.views.get(*cluster)?, who.clone()));
    }
    let by_name = |name: &str| evaluator.views.iter().position(|view| *view.name == *name);
    if let Some((cluster, username)) = names::username(identity) {
        let at = by_name(cluster)?;
        return Some((at, evaluator.views.get(at)?, who(&username)));
    }
    if identity.starts_with("k8s://") {
        return None;
    }
    let [view] = evaluator.views.as_slice() else { return None };
    let id = names::identity(&view.name, identity).id;
    let known = evaluator.known.get(&id).map(|known| known.who.clone());
    Some((0, view, known.unwrap_or_else(|| who(identity))))
}

/// What a refusal rests on.
fn refuse(view: &View, who: &Who, out: &mut Answer) {
    if !view.has_rbac {
        out.verdict = Verdict::Unknown;
        out.missing.push(format!("the RBAC objects of cluster {}", view.name));
        return;
    }
    for (_, text) in &view.refused {
        out.verdict = Verdict::Unknown;
        out.missing.push(format!("what the collection was refused ({text})"));
    }
    for (number, key) in view.dangling(who) {
        let Some(binding) = view.bindings.get(number as usize) else { continue };
        if !view.is_whole {
            out.verdict = Verdict::Unknown;
            out.missing.push(format!("{}, which {} names", show_role(&key), binding.show()));
        }
    }
    let is_account = names::service_account(&who.username).is_some();
    if !is_account && !who.username.is_empty() && !who.username.starts_with("system:") {
        out.missing.push(format!("groups that an authenticator gives {}", who.username));
    }
}

fn masters() -> Answer {
    let mut out = answer(Verdict::Allow, "explicit-identity");
    out.by.push(By {
        layer: Layer::Identity,
        level: None,
        policy: "system:masters (allowed by the API server before RBAC)".into(),
        statement: 0,
        sid: None,
        place: None,
    });
    out
}

fn one(
    evaluator: &KubernetesEvaluator,
    cluster: usize,
    view: &View,
    who: &Who,
    wanted: &Wanted,
    resource: &str,
) -> Answer {
    if who.groups.iter().any(|group| &**group == MASTERS) {
        return masters();
    }
    let found = match &wanted.resource {
        None => view.allowing(who, &wanted.verb, &Target::Path(&wanted.path), ""),
        Some((group, kind, subresource)) => {
            let probe = Target::Resource { group, resource: kind, subresource, name: "x" };
            let is_cluster_scoped = asked_namespace(&wanted.verb, &probe, "y") != "y";
            let (namespace, name) = place(resource, is_cluster_scoped);
            // A Namespace is written `/NAME`; as an object of its own namespace it is the same.
            let is_plain_create = subresource.is_empty()
                && matches!(wanted.verb.as_str(), "create" | "deletecollection");
            let name = if is_plain_create { "" } else { name };
            let target = Target::Resource { group, resource: kind, subresource, name };
            let namespace = asked_namespace(&wanted.verb, &target, namespace);
            view.allowing(who, &wanted.verb, &target, namespace)
        }
    };
    let mut out = if found.is_empty() {
        answer(Verdict::Deny, "implicit-identity")
    } else {
        answer(Verdict::Allow, "explicit-identity")
    };
    for (attached, number) in found {
        out.by.extend(by(evaluator, cluster, view, attached.binding, number));
    }
    out
}

fn by(
    evaluator: &KubernetesEvaluator,
    cluster: usize,
    view: &View,
    binding: u32,
    number: usize,
) -> Option<By> {
    let binding = view.bindings.get(binding as usize)?;
    let key = role_key(binding)?;
    let rule = view.rules(binding).get(number)?;
    let policy = evaluator.policy(cluster, &key);
    Some(By {
        layer: Layer::Identity,
        level: None,
        policy: format!("{policy} by {}", binding.show()).into(),
        statement: u32::try_from(number).unwrap_or(u32::MAX),
        sid: rule.part.as_ref().map(|part| format!("{part}#{}", rule.number).into()),
        place: rule.rule.place.or_else(|| evaluator.place_of(cluster, &key)),
    })
}

/// Where an action is allowed, as patterns.
fn everywhere(
    evaluator: &KubernetesEvaluator,
    cluster: usize,
    view: &View,
    who: &Who,
    wanted: &Wanted,
) -> Answer {
    if who.groups.iter().any(|group| &**group == MASTERS) {
        return Answer { resources: vec!["*".into()], ..masters() };
    }
    let mut out = answer(Verdict::Deny, "implicit-identity");
    let mut resources: std::collections::BTreeSet<Str> = std::collections::BTreeSet::new();
    for attached in view.attached(who) {
        let Some(binding) = view.bindings.get(attached.binding as usize) else { continue };
        let namespace = &*binding.meta.namespace;
        for (number, one) in view.rules(binding).iter().enumerate() {
            let names: Vec<&str> = match one.rule.names.as_slice() {
                [] => vec![""],
                names => names.iter().map(|name| &**name).collect(),
            };
            for name in names {
                let Some(found) = reach(binding.is_cluster, namespace, wanted, &one.rule, name)
                else {
                    continue;
                };
                resources.insert(found.into());
                out.by.extend(by(evaluator, cluster, view, attached.binding, number));
            }
        }
    }
    out.by.dedup();
    if !resources.is_empty() {
        out.verdict = Verdict::Allow;
        out.reason = "explicit-identity".to_string();
        if resources.contains("*") {
            resources = std::iter::once(Str::from("*")).collect();
        }
    }
    out.resources = resources.into_iter().collect();
    out
}

/// The pattern on which one rule of one binding allows the request, by one of its names.
fn reach(
    is_cluster: bool,
    namespace: &str,
    wanted: &Wanted,
    rule: &super::rules::Rule,
    name: &str,
) -> Option<String> {
    let Some((group, resource, subresource)) = &wanted.resource else {
        let is_allowed = is_cluster && rule.allows(&wanted.verb, &Target::Path(&wanted.path));
        return is_allowed.then(|| "*".to_string());
    };
    let target = Target::Resource { group, resource, subresource, name };
    let is_nameless = !name.is_empty() && wanted.verb == "deletecollection";
    if is_nameless || !rule.allows(&wanted.verb, &target) {
        return None;
    }
    if is_cluster {
        return Some(if name.is_empty() { "*".to_string() } else { names::resource("*", name) });
    }
    let own = Target::Resource { group, resource, subresource, name: namespace };
    match asked_namespace(&wanted.verb, &own, "?") {
        // The Namespace object itself.
        asked if asked == namespace && (name.is_empty() || name == namespace) => {
            Some(names::resource(namespace, namespace))
        }
        "?" => Some(names::resource(namespace, name)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_are_read_as_kubectl_writes_them() {
        let parts = |action: &str| {
            let wanted = wanted(action).unwrap();
            let (group, resource, sub) = wanted.resource.unwrap_or_default();
            (wanted.verb, group, resource, sub, wanted.path, wanted.remark.is_some())
        };
        let of = |verb: &str, group: &str, resource: &str, sub: &str, path: &str, odd: bool| {
            let text = |part: &str| part.to_string();
            (text(verb), text(group), text(resource), text(sub), text(path), odd)
        };
        for (action, expected) in [
            ("get pods/log", of("get", "", "pods", "log", "", false)),
            ("k8s:get:core/pods/log", of("get", "", "pods", "log", "", false)),
            ("get deployments", of("get", "apps", "deployments", "", "", false)),
            ("get deployments.apps/scale", of("get", "apps", "deployments", "scale", "", false)),
            ("list deployments.v1.apps", of("list", "apps", "deployments", "", "", false)),
            ("list pods.v1.", of("list", "", "pods", "", "", false)),
            ("get events", of("get", "", "events", "", "", false)),
            ("get /metrics?x=1", of("get", "", "", "", "/metrics", false)),
            ("get widgets.crd.example.com", of("get", "crd.example.com", "widgets", "", "", true)),
            ("get pod", of("get", "", "pod", "", "", true)),
        ] {
            assert_eq!(parts(action), expected, "{action}");
        }
        assert_eq!(wanted("pods"), None);
        assert_eq!(wanted("get pods now"), None);
    }
}
