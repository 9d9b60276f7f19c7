//! From aggregated keys to usage rows, grants that reasons name, and coverage.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Outcome, Place, ScopeSet, Str, Time, UsageRow};
use crate::platform::events::{RawRow, Translated};
use crate::platform::json;
use crate::platform::kubernetes::{ID, names};
use crate::platform::recorded::Recorded;
use crate::platform::{LogSpan, LoggedGrant};

use super::CLASS;
use super::key::{Key, Part, flag};
use super::outcome::{letter, meaning};
use super::reason::{self, Silent};
use super::scope::{self, Asked, Kinds};

/// Action of a request that needs no permission of one's own: it shows the identity alive, and is never a grant's use.
const NO_PERMISSION: &str = "no-permission";

/// Different refused actions that are kept of an identity: kinds in refused requests are the caller's choice.
const REFUSED_KEPT: usize = 500;

/// Says what aggregated keys mean.
pub(super) fn translate(rows: &[RawRow], out: &mut Translated) {
    let mut work = Work::default();
    for row in rows {
        work.learn(&Key::new(&row.key));
    }
    for row in rows {
        work.row(row);
    }
    work.finish(out);
}

/// Identity, action, resource, what names it and its detail.
type GrantKey = (Str, Str, Str, Str, Str);

#[derive(Default)]
struct Work {
    /// Clusters whose log states decisions.
    stating: BTreeSet<Str>,
    kinds: Kinds,
    usage: Vec<UsageRow>,
    grants: BTreeMap<GrantKey, (Time, Place)>,
    spans: BTreeMap<(Str, bool), Recorded>,
    remarks: BTreeMap<&'static str, u64>,
    refused: BTreeMap<Str, BTreeSet<Str>>,
}

/// The columns of a usage row that a request decides.
struct Use {
    identity: Str,
    action: Str,
    scope: ScopeSet,
    outcome: Outcome,
    on_behalf_of: Option<Str>,
    via: Option<Str>,
    inferred: bool,
}

impl Work {
    fn learn(&mut self, key: &Key<'_>) {
        if key.has(flag::DECISION) {
            self.stating.insert(key.get(Part::Cluster).into());
        }
        if key.is_resource() && key.get(Part::Outcome) == "A" {
            self.kinds.learn(key);
        }
    }

    fn row(&mut self, row: &RawRow) {
        let key = Key::new(&row.key);
        let letter = key.get(Part::Outcome).bytes().next().unwrap_or(letter::UNDETERMINED);
        if letter == letter::RECEIVED {
            // The records of a later stage keep the count of those that were answered.
            if row.count == 0 {
                return;
            }
            self.remark("requests whose answer is not in the log", row.count);
        }
        let cluster = key.get(Part::Cluster);
        let outcome = meaning(letter, self.stating.contains(cluster));
        if letter != letter::RECEIVED {
            self.span(&key, row);
        }
        let user = names::identity(cluster, key.get(Part::User)).id;
        let (identity, on_behalf_of) = match key.get(Part::As) {
            "" => (user.clone(), None),
            other => (names::identity(cluster, other).id, Some(user.clone())),
        };
        let request = self.request(&key, identity.clone(), outcome, on_behalf_of);
        let (action, scope) = (request.action.clone(), request.scope.clone());
        let needs_none = action.starts_with(NO_PERMISSION);
        self.push(request, row);
        if !needs_none {
            if outcome == Outcome::Allowed {
                self.grant(&key, (&identity, &action, &scope), row);
            }
            if key.is_resource() {
                self.inferred(&key, &identity, outcome, row);
            }
        }
        if !key.get(Part::As).is_empty() {
            self.impersonated(&key, &user, row);
        }
        // The second check is of the request's identity, the first of the real user, whoever it would have been.
        self.refused(&key, &identity, row);
        self.review(&key, &user, row);
    }

    /// The request itself.
    fn request(
        &mut self,
        key: &Key<'_>,
        identity: Str,
        outcome: Outcome,
        on_behalf_of: Option<Str>,
    ) -> Use {
        let (action, scope) = if key.is_resource() {
            self.asked_for(&asked(key))
        } else {
            self.path(key.get(Part::Verb), key.get(Part::Path), outcome)
        };
        let action = self.kept(&identity, action, key.get(Part::Verb), outcome);
        Use { identity, action, scope, outcome, on_behalf_of, via: None, inferred: false }
    }

    fn asked_for(&self, asked: &Asked<'_>) -> (String, ScopeSet) {
        if scope::is_about_oneself(asked) {
            return (format!("{NO_PERMISSION}:self-review"), ScopeSet::Unknown);
        }
        (asked.action(), self.kinds.scope(asked))
    }

    fn path(&self, verb: &str, path: &str, outcome: Outcome) -> (String, ScopeSet) {
        let path = path.split('?').next().unwrap_or_default();
        let is_refused = outcome != Outcome::Allowed;
        let kept = if is_refused && scope::everybody(verb, path).is_none() {
            scope::refused_path(path)
        } else {
            path.replace('*', "%2A")
        };
        match scope::everybody(verb, &kept) {
            Some(class) => (format!("{NO_PERMISSION}:{class}"), ScopeSet::One(kept.into())),
            None => (names::path_action(scope::verb_of(verb), &kept), ScopeSet::Unknown),
        }
    }

    /// The action, or one for all that are too many.
    fn kept(&mut self, identity: &Str, action: String, verb: &str, outcome: Outcome) -> Str {
        let action: Str = action.into();
        if outcome == Outcome::Allowed {
            return action;
        }
        let known = self.refused.entry(identity.clone()).or_default();
        if known.len() < REFUSED_KEPT || known.contains(&action) {
            known.insert(action.clone());
            return action;
        }
        names::action(scope::verb_of(verb), "(other)", "(other)", "").into()
    }

    /// The grant that the authorizer's reason names. Logs without decisions have no reasons.
    fn grant(&mut self, key: &Key<'_>, used: (&Str, &Str, &ScopeSet), row: &RawRow) {
        if !key.has(flag::DECISION) {
            return;
        }
        let user = match key.get(Part::As) {
            "" => key.get(Part::User),
            other => other,
        };
        let silent = match user {
            _ if key.has(flag::MASTERS) && key.get(Part::As).is_empty() => Silent::Masters,
            user if user.starts_with("system:node:") => Silent::Node,
            _ => Silent::Unstated,
        };
        let quoted = format!("\"{}\"", key.get(Part::Reason));
        let reason = json::text(quoted.as_bytes()).unwrap_or_default();
        let named = reason::named(&String::from_utf8_lossy(&reason), silent);
        let resource = named.resource.unwrap_or_else(|| match used.2 {
            ScopeSet::One(scope) => scope.to_string(),
            ScopeSet::Unknown | ScopeSet::Overflow => "*".to_string(),
        });
        let found =
            (used.0.clone(), used.1.clone(), resource.into(), named.by.into(), named.detail.into());
        let at = self.grants.entry(found).or_insert(row.first);
        *at = (*at).min(row.first);
    }

    /// Permissions that no path carries, and that the request needed, or may have.
    fn inferred(&mut self, key: &Key<'_>, identity: &Str, outcome: Outcome, row: &RawRow) {
        if outcome != Outcome::Allowed {
            return;
        }
        let request = asked(key);
        let mut add = |asked: Asked<'_>, outcome: Outcome| {
            let (action, scope) = self.asked_for(&asked);
            let one = Use {
                identity: identity.clone(),
                action: action.into(),
                scope,
                outcome,
                on_behalf_of: None,
                via: None,
                inferred: true,
            };
            self.push(one, row);
        };
        // An update or patch that makes its object is checked again, as a create with its name
        // (k8s.io/apiserver pkg/endpoints/handlers/update.go, patch.go).
        let create = Asked { verb: "create", ..request };
        if key.has(flag::CREATED) {
            add(create, Outcome::Allowed);
        } else if key.has(flag::MAY_HAVE_CREATED) && request.subresource.is_empty() {
            add(create, Outcome::Undetermined);
        }
        // A refusal that the message names says more.
        let is_open = key.get(Part::Refused).is_empty();
        let is_write = matches!(request.verb, "create" | "update" | "patch") && is_open;
        match (request.group, request.resource, request.subresource) {
            // By WebSocket: servers from 1.35 on check create too (KEP-4006).
            ("", "pods", "exec" | "attach" | "portforward") if request.verb == "get" => {
                add(create, Outcome::Undetermined);
            }
            // Either the permission, or all that is granted was held (RBAC documentation, "Privilege escalation
            // prevention and bootstrapping").
            ("rbac.authorization.k8s.io", "roles" | "clusterroles", "") if is_write => {
                add(Asked { verb: "escalate", ..request }, Outcome::Undetermined);
            }
            ("rbac.authorization.k8s.io", "rolebindings" | "clusterrolebindings", "")
                if is_write =>
            {
                let bind = Asked { verb: "bind", name: "", ..request };
                add(Asked { resource: "clusterroles", ..bind }, Outcome::Undetermined);
                if request.resource == "rolebindings" {
                    add(Asked { resource: "roles", ..bind }, Outcome::Undetermined);
                }
            }
            // Certificate Signing Requests documentation, "Authorization".
            ("certificates.k8s.io", "certificatesigningrequests", sub) if is_write => {
                let signer = Asked { resource: "signers", subresource: "", name: "", ..request };
                match sub {
                    "approval" => add(Asked { verb: "approve", ..signer }, Outcome::Allowed),
                    "status" => add(Asked { verb: "sign", ..signer }, Outcome::Undetermined),
                    _ => {}
                }
            }
            _ => {}
        }
    }

    /// The real user's use of `impersonate` (Kubernetes documentation, "User impersonation"). Groups that every such
    /// user has come without a check.
    fn impersonated(&mut self, key: &Key<'_>, user: &Str, row: &RawRow) {
        let whom = key.get(Part::As);
        let more: Vec<(&str, &str)> =
            key.get(Part::AsMore).lines().filter_map(|line| line.split_at_checked(1)).collect();
        let constraint = more.iter().find(|(letter, _)| *letter == "c").map(|(_, verb)| *verb);
        let verb = constraint.unwrap_or("impersonate");
        let own = if constraint.is_some() { "authentication.k8s.io" } else { "" };
        let node = whom.strip_prefix("system:node:").filter(|_| verb.contains("node"));
        let base = Asked { verb, group: own, ..Asked::default() };
        let whose = match (names::service_account(whom), node) {
            (Some((namespace, name)), _) => {
                Asked { resource: "serviceaccounts", namespace, name, ..base }
            }
            (None, Some(name)) => Asked { resource: "nodes", name, ..base },
            (None, None) => Asked { resource: "users", name: whom, ..base },
        };
        let service_account = names::service_account(whom).map(|(namespace, _)| namespace);
        let mut all = vec![whose];
        for (letter, text) in more {
            match letter {
                "g" if !is_implicit(text, service_account) => {
                    all.push(Asked { resource: "groups", name: text, ..base });
                }
                "u" => all.push(Asked {
                    group: "authentication.k8s.io",
                    resource: "uids",
                    name: text,
                    ..base
                }),
                "x" => all.push(Asked {
                    group: "authentication.k8s.io",
                    resource: "userextras",
                    subresource: text,
                    ..base
                }),
                _ => {}
            }
        }
        let on = constraint.and_then(|verb| verb.strip_prefix("impersonate:"));
        let second = on.map(|mode| format!("impersonate-on:{mode}:{}", key.get(Part::Verb)));
        if let Some(verb) = second.as_deref().filter(|_| key.is_resource()) {
            all.push(Asked { verb, ..asked(key) });
        }
        for one in all {
            let scope = match one.namespace {
                "" => ScopeSet::One(names::resource("", clean(one.name)).into()),
                namespace => ScopeSet::One(names::resource(namespace, clean(one.name)).into()),
            };
            let one = Use {
                identity: user.clone(),
                action: one.action().into(),
                scope,
                outcome: Outcome::Allowed,
                on_behalf_of: None,
                via: None,
                inferred: true,
            };
            self.push(one, row);
        }
    }

    /// A permission that a message says was refused: a second check, or the one for impersonation.
    fn refused(&mut self, key: &Key<'_>, identity: &Str, row: &RawRow) {
        let parts: Vec<&str> = key.get(Part::Refused).split('\t').collect();
        let [verb, group, resource, subresource, namespace, name] = parts[..] else { return };
        let asked = Asked { verb, group, resource, subresource, namespace, name };
        let (action, scope) = self.asked_for(&asked);
        let action = self.kept(identity, action, verb, Outcome::Denied);
        let one = Use {
            identity: identity.clone(),
            action,
            scope,
            outcome: Outcome::Denied,
            on_behalf_of: None,
            via: None,
            inferred: true,
        };
        self.push(one, row);
    }

    /// A use that an access review stands for, by way of who asked. Callers keep answers for minutes, so that it is a
    /// lower bound.
    fn review(&mut self, key: &Key<'_>, asker: &Str, row: &RawRow) {
        let parts: Vec<&str> = key.get(Part::Review).split('\t').collect();
        let (user, (action, scope)) = match parts[..] {
            [user, verb, "", path] => (user, self.path(verb, path, Outcome::Allowed)),
            [user, verb, group, resource, subresource, namespace, name] => {
                let asked = Asked { verb, group, resource, subresource, namespace, name };
                (user, self.asked_for(&asked))
            }
            _ => return,
        };
        let one = Use {
            identity: names::identity(key.get(Part::Cluster), user).id,
            action: action.into(),
            scope,
            outcome: Outcome::Allowed,
            on_behalf_of: None,
            via: Some(asker.clone()),
            inferred: true,
        };
        self.push(one, row);
    }

    fn push(&mut self, one: Use, row: &RawRow) {
        self.usage.push(UsageRow {
            platform: ID.into(),
            identity: one.identity,
            action: one.action,
            scope: one.scope,
            outcome: one.outcome,
            on_behalf_of: one.on_behalf_of,
            via: one.via,
            inferred: one.inferred,
            unmapped: false,
            count: row.count,
            also: 0,
            first: Some(row.first.0),
            last: Some(row.last.0),
            first_place: Some(row.first.1),
            last_place: Some(row.last.1),
            slots: row.slots.clone(),
            regions: BTreeSet::new(),
            networks: row.networks.clone(),
            agents: row.agents.clone(),
            sessions: row.sessions.clone(),
        });
    }

    /// Notes what the row shows about its own recording: that reads, or changes, were recorded. A log that leaves the
    /// other kind out shows nothing of it, whatever strays into it.
    fn span(&mut self, key: &Key<'_>, row: &RawRow) {
        let is_read = matches!(key.get(Part::Verb), "get" | "list" | "watch" | "head");
        if key.has(if is_read { flag::CHANGES_ONLY } else { flag::READS_ONLY }) {
            return;
        }
        self.spans.entry((key.get(Part::Cluster).into(), is_read)).or_default().see(row);
    }

    fn remark(&mut self, text: &'static str, count: u64) {
        *self.remarks.entry(text).or_default() += count;
    }

    fn finish(self, out: &mut Translated) {
        out.usage.extend(self.usage);
        for ((cluster, is_read), recorded) in self.spans {
            let span = recorded.span(ID, cluster, CLASS.into());
            out.spans.extend(span.map(|span| LogSpan { read_only: Some(is_read), ..span }));
        }
        for ((identity, action, resource, by, detail), (first, place)) in self.grants {
            out.grants.push(LoggedGrant {
                platform: ID.into(),
                identity,
                action,
                resource,
                by,
                detail,
                first: Some(first),
                place: Some(place),
            });
        }
        let remarks = self.remarks.into_iter().map(|(text, count)| (text.to_string(), count));
        out.remarks.extend(remarks);
    }
}

/// What a key's request was for.
fn asked<'a>(key: &Key<'a>) -> Asked<'a> {
    Asked {
        verb: key.get(Part::Verb),
        group: key.get(Part::Group),
        resource: key.get(Part::Resource),
        subresource: key.get(Part::Subresource),
        namespace: key.get(Part::Namespace),
        name: key.get(Part::Name),
    }
}

/// A name as it may stand in a scope; empty, which means any, for what would read as a pattern.
fn clean(name: &str) -> &str {
    if name.contains(['*', '?']) { "" } else { name }
}

/// Groups that the server adds to an impersonated user by itself (k8s.io/apiserver pkg/endpoints/filters,
/// impersonation).
fn is_implicit(group: &str, namespace: Option<&str>) -> bool {
    match group {
        "system:authenticated" | "system:unauthenticated" => true,
        "system:serviceaccounts" => namespace.is_some(),
        _ => group.strip_prefix("system:serviceaccounts:").is_some_and(|of| Some(of) == namespace),
    }
}
