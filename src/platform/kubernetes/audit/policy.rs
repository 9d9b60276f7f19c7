//! Audit policies: which requests they record, and how much of them.
//!
//! Rules are matched as `k8s.io/apiserver` pkg/audit/policy/checker.go does: the first rule that matches decides, and
//! without one nothing is recorded. The user is the authenticated one, before impersonation. This module does not say
//! which policy a cluster has, nor which permissions no request carries.

use std::collections::BTreeSet;

use crate::evidence::tree::{self, Node};

pub use super::presets::presets;

/// How much of a request is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Nothing.
    None,
    /// Who, what and how it ended.
    Metadata,
    /// The request's body as well.
    Request,
    /// The answer's body as well.
    RequestResponse,
}

impl Level {
    fn parse(text: &str) -> Option<Level> {
        match text {
            "None" => Some(Level::None),
            "Metadata" => Some(Level::Metadata),
            "Request" => Some(Level::Request),
            "RequestResponse" => Some(Level::RequestResponse),
            _ => None,
        }
    }
}

/// A request, as the policy sees it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Request<'a> {
    /// The authenticated user.
    pub user: &'a str,
    /// Its groups.
    pub groups: &'a [&'a str],
    /// The verb.
    pub verb: &'a str,
    /// API group, empty for the core group.
    pub group: &'a str,
    /// Resource; empty for a request that is for none.
    pub resource: &'a str,
    /// Subresource.
    pub subresource: &'a str,
    /// Namespace, empty for cluster scope and for all namespaces.
    pub namespace: &'a str,
    /// Name, empty where the request has none.
    pub name: &'a str,
    /// Path of a request for no resource.
    pub path: &'a str,
}

/// Whether the use of a permission would be seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Observability {
    /// Every use is recorded with its outcome.
    Logged,
    /// Every use is recorded when it is received, and never how it ended.
    ReceivedOnly,
    /// No use is recorded.
    NotLogged,
    /// Some are and some are not: here they are not (`NAMESPACE/NAME`, `*` for what is not stated).
    Mixed(Vec<String>),
}

/// An audit policy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditPolicy {
    /// Its rules, in order.
    pub rules: Vec<Rule>,
    omits: Stages,
}

/// A rule of an audit policy. Empty lists match everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// What is recorded of a request that matches.
    pub level: Level,
    users: Vec<String>,
    groups: Vec<String>,
    verbs: Vec<String>,
    namespaces: Vec<String>,
    resources: Vec<Resources>,
    paths: Vec<String>,
    omits: Stages,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Resources {
    group: String,
    resources: Vec<String>,
    names: Vec<String>,
}

/// Stages that are not recorded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Stages {
    received: bool,
    started: bool,
    complete: bool,
}

impl Stages {
    fn of(node: Option<&Node>) -> Stages {
        let texts = node.map(Node::texts).unwrap_or_default();
        Stages {
            received: texts.contains(&"RequestReceived"),
            started: texts.contains(&"ResponseStarted"),
            complete: texts.contains(&"ResponseComplete"),
        }
    }

    fn union(self, other: Stages) -> Stages {
        Stages {
            received: self.received || other.received,
            started: self.started || other.started,
            complete: self.complete || other.complete,
        }
    }
}

/// Rules that a policy may have here; more are an attack or a mistake.
const RULES_KEPT: usize = 10_000;

impl AuditPolicy {
    /// Reads a policy, YAML or JSON: its first document.
    ///
    /// # Errors
    /// What keeps it from being a policy that a server would load.
    pub fn parse(text: &str) -> Result<AuditPolicy, String> {
        match tree::documents(text).into_iter().next() {
            Some(Ok(node)) => AuditPolicy::from_node(&node),
            Some(Err(error)) => Err(format!("line {}: {}", error.line, error.reason)),
            None => Err("an empty document".to_string()),
        }
    }

    /// Reads a policy from a document. Unknown keys are left out, as the server's second, lenient reading does: a
    /// misspelt `resource:` leaves a rule for the whole group.
    ///
    /// # Errors
    /// No rules, or a level that does not exist (pkg/audit/policy/reader.go and pkg/apis/audit/validation).
    pub fn from_node(node: &Node) -> Result<AuditPolicy, String> {
        let rules = node.get("rules").map(Node::list).unwrap_or_default();
        if rules.is_empty() {
            return Err("an audit policy without rules".to_string());
        }
        if rules.len() > RULES_KEPT {
            return Err(format!("an audit policy with more than {RULES_KEPT} rules"));
        }
        let rules = rules.iter().map(rule).collect::<Result<Vec<_>, _>>()?;
        Ok(AuditPolicy { rules, omits: Stages::of(node.get("omitStages")) })
    }

    /// The users, groups, namespaces and names of objects that rules name: whatever else differs between two requests
    /// of these kinds, a policy does not tell it.
    pub fn stated(&self) -> BTreeSet<&str> {
        self.rules.iter().flat_map(|rule| rule.stated()).collect()
    }

    /// What is recorded of a request.
    pub fn level(&self, request: &Request<'_>) -> Level {
        self.matching(request).map_or(Level::None, |(_, rule)| rule.level)
    }

    /// The first rule that matches, and its number from 0.
    pub fn matching(&self, request: &Request<'_>) -> Option<(usize, &Rule)> {
        self.rules.iter().enumerate().find(|(_, rule)| rule.matches(request))
    }

    /// Whether uses of a permission on a resource are recorded.
    ///
    /// `namespaces` are those in which it is granted, `""` for cluster scope; none: everywhere. `names` are those
    /// to which the grant is limited; none: any. Where the policy makes exceptions of its own for a namespace or a name
    /// that the grant covers, those are asked for too.
    #[allow(clippy::too_many_arguments, reason = "the parts of a permission")]
    pub fn is_logged(
        &self,
        user: &str,
        groups: &[&str],
        verb: &str,
        group: &str,
        resource: &str,
        subresource: &str,
        namespaces: &[&str],
        names: &[&str],
    ) -> Observability {
        let base =
            Request { user, groups, verb, group, resource, subresource, ..Request::default() };
        let own: BTreeSet<&str> = match namespaces {
            [] => {
                let stated = self.rules.iter().flat_map(|rule| &rule.namespaces);
                stated.map(String::as_str).chain(["", GENERIC]).collect()
            }
            stated => stated.iter().copied().collect(),
        };
        let named: BTreeSet<&str> = match names {
            [] => {
                let lists = self.rules.iter().flat_map(|rule| &rule.resources);
                let stated = lists.flat_map(|list| &list.names).map(String::as_str);
                stated.chain([""]).collect()
            }
            stated => stated.iter().copied().collect(),
        };
        let is_create = verb == "create" && subresource.is_empty();
        let has_name = !is_create && verb != "deletecollection";
        let mut seen = Seen::default();
        for namespace in own {
            for name in &named {
                if !has_name && !name.is_empty() && names.is_empty() {
                    continue;
                }
                let name = if has_name { name } else { "" };
                let place = || {
                    let shown = |text: &str| {
                        if text.is_empty() || text == GENERIC { "*" } else { text }.to_string()
                    };
                    match namespace {
                        "" => format!("/{}", shown(name)),
                        _ => format!("{}/{}", shown(namespace), shown(name)),
                    }
                };
                seen.add(self.observes(&Request { namespace, name, ..base }), place);
            }
        }
        seen.all()
    }

    /// Whether uses of a permission on a path, or on the paths of a pattern that ends in `*`, are recorded.
    pub fn is_path_logged(
        &self,
        user: &str,
        groups: &[&str],
        verb: &str,
        path: &str,
    ) -> Observability {
        let base = Request { user, groups, verb, ..Request::default() };
        let mut paths = BTreeSet::new();
        match path.strip_suffix('*') {
            None => {
                paths.insert(path.to_string());
            }
            Some(start) => {
                let start = start.trim_end_matches('*');
                paths.insert(format!("{start}{GENERIC}"));
                for stated in self.rules.iter().flat_map(|rule| &rule.paths) {
                    let literal = stated.trim_end_matches('*');
                    if literal.starts_with(start) {
                        paths.insert(literal.to_string());
                    }
                }
            }
        }
        let mut seen = Seen::default();
        for path in &paths {
            seen.add(self.observes(&Request { path, ..base }), || path.clone());
        }
        seen.all()
    }

    fn observes(&self, request: &Request<'_>) -> Observability {
        let Some((_, rule)) = self.matching(request).filter(|(_, rule)| rule.level != Level::None)
        else {
            return Observability::NotLogged;
        };
        let omits = self.omits.union(rule.omits);
        let is_ended = !omits.complete || (is_long_running(request) && !omits.started);
        match (is_ended, omits.received) {
            (true, _) => Observability::Logged,
            (false, false) => Observability::ReceivedOnly,
            (false, true) => Observability::NotLogged,
        }
    }
}

impl Rule {
    fn stated(&self) -> impl Iterator<Item = &str> {
        let names = self.resources.iter().flat_map(|list| &list.names);
        let lists = [&self.users, &self.groups, &self.namespaces];
        lists.into_iter().flatten().chain(names).map(String::as_str)
    }
}

/// A namespace or name that no policy states.
const GENERIC: &str = "a-name-like-others";

/// Requests of which a record is made when their answer starts (kube-apiserver, BasicLongRunningRequestCheck: the verb
/// watch, and the subresources attach, exec, proxy, log and portforward).
fn is_long_running(request: &Request<'_>) -> bool {
    request.verb == "watch"
        || matches!(request.subresource, "attach" | "exec" | "proxy" | "log" | "portforward")
}

/// What was found of several requests.
#[derive(Default)]
struct Seen {
    logged: usize,
    received: usize,
    unlogged: Vec<String>,
}

impl Seen {
    fn add(&mut self, found: Observability, place: impl Fn() -> String) {
        match found {
            Observability::Logged => self.logged += 1,
            Observability::ReceivedOnly => self.received += 1,
            _ => {
                let place = place();
                if !self.unlogged.contains(&place) {
                    self.unlogged.push(place);
                }
            }
        }
    }

    fn all(mut self) -> Observability {
        let whole: Vec<String> =
            self.unlogged.iter().filter(|place| place.ends_with("/*")).cloned().collect();
        self.unlogged.retain(|place| {
            let is_within = |all: &String| {
                all != place && all.strip_suffix('*').is_some_and(|start| place.starts_with(start))
            };
            !whole.iter().any(is_within)
        });
        match (self.logged, self.received, self.unlogged.is_empty()) {
            (0, 0, _) => Observability::NotLogged,
            (_, 0, true) => Observability::Logged,
            // The worst of what is recorded everywhere.
            (_, _, true) => Observability::ReceivedOnly,
            _ => Observability::Mixed(self.unlogged),
        }
    }
}

fn rule(node: &Node) -> Result<Rule, String> {
    let level = node.text_of("level").unwrap_or_default();
    let Some(level) = Level::parse(level) else {
        return Err(format!(
            "line {}: a rule without a level, or with one that is none",
            node.line
        ));
    };
    let texts = |node: Option<&Node>| -> Vec<String> {
        let texts = node.map(Node::texts).unwrap_or_default();
        texts.into_iter().map(str::to_string).collect()
    };
    let list = |key: &str| texts(node.get(key));
    let resources = node.get("resources").map(Node::list).unwrap_or_default();
    let resources = resources.iter().map(|one| Resources {
        group: one.text_of("group").unwrap_or_default().to_string(),
        resources: texts(one.get("resources")),
        names: texts(one.get("resourceNames")),
    });
    Ok(Rule {
        level,
        users: list("users"),
        groups: list("userGroups"),
        verbs: list("verbs"),
        namespaces: list("namespaces"),
        resources: resources.collect(),
        paths: list("nonResourceURLs"),
        omits: Stages::of(node.get("omitStages")),
    })
}

impl Rule {
    /// All that the rule states has to match; lists are alternatives, compared letter by letter.
    fn matches(&self, request: &Request<'_>) -> bool {
        let any =
            |list: &[String], text: &str| list.is_empty() || list.iter().any(|one| one == text);
        let groups = self.groups.is_empty()
            || request.groups.iter().any(|group| self.groups.iter().any(|one| one == group));
        any(&self.users, request.user)
            && groups
            && any(&self.verbs, request.verb)
            && self.is_about(request)
    }

    fn is_about(&self, request: &Request<'_>) -> bool {
        // A rule for namespaces or resources is for no path, one for paths for no resource; one for neither is for both.
        if self.namespaces.is_empty() && self.resources.is_empty() && self.paths.is_empty() {
            return true;
        }
        if request.resource.is_empty() {
            return self.paths.iter().any(|path| matches_path(path, request.path));
        }
        if self.namespaces.is_empty() && self.resources.is_empty() {
            return false;
        }
        let in_namespace = self.namespaces.is_empty()
            || self.namespaces.iter().any(|one| one == request.namespace);
        in_namespace
            && (self.resources.is_empty() || self.resources.iter().any(|one| one.matches(request)))
    }
}

impl Resources {
    /// `*` is all, `RES/*` all subresources and the resource itself, `*/SUB` that subresource of all.
    fn matches(&self, request: &Request<'_>) -> bool {
        if self.group != "*" && self.group != request.group {
            return false;
        }
        if !self.names.is_empty() && !self.names.iter().any(|name| name == request.name) {
            return false;
        }
        self.resources.is_empty()
            || self.resources.iter().any(|one| {
                let (resource, sub) = one.split_once('/').unwrap_or((one, ""));
                match (resource, sub) {
                    ("*", "") => true,
                    ("*", sub) => sub == request.subresource && sub != "*",
                    (resource, "*") => resource == request.resource,
                    (resource, sub) => resource == request.resource && sub == request.subresource,
                }
            })
    }
}

/// `*`, the path itself, or a beginning that a `*` ends.
fn matches_path(pattern: &str, path: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => path.starts_with(start.trim_end_matches('*')),
        None => pattern == path,
    }
}
