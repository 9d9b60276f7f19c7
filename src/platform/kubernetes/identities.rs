//! The identities of one cluster: service accounts, and the users and groups that bindings and logs name.

use std::collections::{BTreeMap, BTreeSet};

use hashbrown::HashMap;

use super::documents::Objects;
use super::evaluator::Known;
use super::logged::Logged;
use super::objects::{Account, Token};
use super::rules::Target;
use super::view::{View, Who, show_role, who};
use super::{ID, names};
use crate::model::{
    Credential, Hole, HoleKind, Identity, IdentityKind, Label, Outcome, Str, Time, UsageRow,
};
use crate::platform::Tables;

/// What identities are made of.
pub(super) struct Maker<'a> {
    /// Number of the cluster.
    pub cluster: usize,
    /// Its bindings.
    pub view: &'a View,
    /// Its other objects.
    pub objects: &'a Objects,
    /// What its log's reasons add.
    pub logged: &'a Logged,
    /// Usage of its identities.
    pub usage: &'a [&'a UsageRow],
}

impl Maker<'_> {
    /// Fills the tables, and what the evaluator knows of each identity.
    pub(super) fn make(&self, tables: &mut Tables, known: &mut HashMap<Str, Known>) {
        let (named, groups) = self.view.named();
        let mut usernames: BTreeSet<Str> = named;
        for account in &self.objects.accounts {
            usernames.insert(username(&account.meta.namespace, &account.meta.name));
        }
        for workload in &self.objects.workloads {
            usernames.insert(username(&workload.meta.namespace, &workload.account));
        }
        let mapped = self.mapped();
        usernames.extend(mapped.keys().cloned());
        let documented = usernames.clone();
        let seen = self.usage.iter().filter_map(|row| names::username(&row.identity));
        usernames.extend(seen.map(|(_, name)| Str::from(name)));
        let logged = self.logged.holes.keys().filter_map(|id| names::username(id));
        usernames.extend(logged.map(|(_, name)| Str::from(name)));
        let public = self.public_use();
        let accounts: BTreeMap<Str, &Account> = self
            .objects
            .accounts
            .iter()
            .map(|one| (username(&one.meta.namespace, &one.meta.name), one))
            .collect();
        let workloads = self.workloads();
        let tokens = self.tokens();
        for name in usernames {
            let mut who = who(&name);
            for group in mapped.get(&name).into_iter().flatten() {
                if !who.groups.contains(group) {
                    who.groups.push(group.clone());
                }
            }
            let mut identity = self.identity(&name, accounts.get(&name).copied(), &who);
            if !documented.contains(&name) {
                identity.labels.insert(Label::LogOnly);
            }
            identity.has_grant_evidence =
                self.has_grants(&name, documented.contains(&name), &identity.id);
            self.holes(&who, mapped.contains_key(&name), &mut identity);
            identity.workload = workloads.get(&name).map(several);
            for token in tokens.get(&name).into_iter().flatten() {
                let credential = credential(&identity.id, token);
                identity.last_used = identity.last_used.max(credential.last_used);
                tables.credentials.push(credential);
            }
            let entry = Known {
                cluster: self.cluster,
                who,
                public: public.get(&identity.id).cloned().unwrap_or_default(),
            };
            let alias = (ID.into(), name.clone(), identity.id.clone());
            tables.aliases.push(alias);
            known.insert(identity.id.clone(), entry);
            tables.identities.push(identity);
        }
        for group in groups {
            let identity = self.group(&group);
            let who = Who { username: "".into(), groups: vec![group] };
            let entry = Known { cluster: self.cluster, who, public: BTreeSet::new() };
            known.insert(identity.id.clone(), entry);
            tables.identities.push(identity);
        }
    }

    fn identity(&self, username: &str, account: Option<&Account>, who: &Who) -> Identity {
        let named = names::identity(&self.view.name, username);
        let mut identity = Identity::new(named.id, ID, named.kind);
        identity.name = names::display(&identity.id);
        identity.account = self.view.name.clone();
        if named.kind == IdentityKind::Human {
            identity.labels.insert(Label::Human);
        }
        if named.is_system || self.is_bootstrap(username, who) {
            identity.labels.insert(Label::ServiceLinked);
        }
        let bound = self.view.attached(who).into_iter().filter(|one| one.group.is_none());
        let places = bound.filter_map(|one| {
            self.view.bindings.get(one.binding as usize).and_then(|binding| binding.meta.place)
        });
        identity.place = places.min();
        if let Some(account) = account {
            identity.created = account.meta.created;
            identity.place = account.meta.place;
            let labels = account.meta.labels.iter();
            identity.tags = labels.map(|(key, value)| (key.clone(), value.clone())).collect();
        }
        identity
    }

    /// Whether a service account of `kube-system` is bound only by what the API server itself keeps up to date.
    fn is_bootstrap(&self, username: &str, who: &Who) -> bool {
        let in_system = names::service_account(username).is_some_and(|(at, _)| at == "kube-system");
        let mut own = self.view.attached(who).into_iter().filter(|one| one.group.is_none());
        let is_own = |number: u32| {
            let binding = self.view.bindings.get(number as usize);
            binding.is_some_and(|binding| binding.meta.is_bootstrap())
        };
        let first = own.next();
        in_system
            && first.is_some_and(|one| is_own(one.binding))
            && own.all(|one| is_own(one.binding))
    }

    /// Whether the evidence says what an identity is granted. That an account is only in the log says nothing,
    /// unless the documents are an export of the whole cluster, or the log's reasons name a grant.
    fn has_grants(&self, username: &str, is_documented: bool, id: &Str) -> bool {
        if username.starts_with("system:node:") {
            // The Node authorizer decides for kubelets, not RBAC.
            return false;
        }
        if self.logged.holes.contains_key(id) {
            return true;
        }
        self.view.has_rbac
            && (is_documented || (self.view.is_whole && names::service_account(username).is_some()))
    }

    fn holes(&self, who: &Who, is_mapped: bool, identity: &mut Identity) {
        identity.holes.extend(self.logged.holes.get(&identity.id).cloned());
        for (place, text) in &self.view.refused {
            identity.holes.push(Hole {
                kind: HoleKind::Grants,
                policy: text.split(": ").next().unwrap_or(text).into(),
                note: "refused when the evidence was collected: what it grants is not known".into(),
                place: Some(*place),
            });
        }
        for (number, key) in self.view.dangling(who) {
            let Some(binding) = self.view.bindings.get(number as usize) else { continue };
            if self.view.is_whole {
                continue;
            }
            identity.holes.push(Hole {
                kind: HoleKind::Grants,
                policy: show_role(&key).into(),
                note: format!("{} names it: what it grants is not known", binding.show()).into(),
                place: binding.meta.place,
            });
        }
        let is_account = names::service_account(&who.username).is_some();
        if !is_account && !is_mapped && identity.has_grant_evidence {
            identity.holes.push(Hole {
                kind: HoleKind::Grants,
                policy: "groups".into(),
                note: "its groups come from an authenticator: what they are granted is not known"
                    .into(),
                place: None,
            });
        }
    }

    fn group(&self, name: &str) -> Identity {
        let id = names::group(&self.view.name, name);
        let mut identity = Identity::new(id, ID, IdentityKind::Other);
        identity.name = names::display(&identity.id);
        identity.account = self.view.name.clone();
        let is_system = name.starts_with("system:");
        identity.labels.insert(if is_system { Label::ServiceLinked } else { Label::Human });
        identity.has_grant_evidence = self.view.has_rbac;
        identity
    }

    /// Users that `aws-auth` maps, with their groups.
    fn mapped(&self) -> BTreeMap<Str, BTreeSet<Str>> {
        let mut mapped: BTreeMap<Str, BTreeSet<Str>> = BTreeMap::new();
        for one in self.objects.aws.iter().filter(|one| !one.username.is_empty()) {
            mapped.entry(one.username.clone()).or_default().extend(one.groups.iter().cloned());
        }
        mapped
    }

    /// What runs as each service account: what nobody else made, and for want of that who made it.
    fn workloads(&self) -> BTreeMap<Str, BTreeSet<String>> {
        let mut by_account: BTreeMap<Str, (bool, BTreeSet<String>)> = BTreeMap::new();
        for workload in &self.objects.workloads {
            let meta = &workload.meta;
            let (is_owned, shown) = match &meta.owner {
                Some((kind, name)) => (true, format!("{kind} {}/{name}", meta.namespace)),
                None => (false, format!("{} {}/{}", workload.kind, meta.namespace, meta.name)),
            };
            let account = username(&meta.namespace, &workload.account);
            let known = by_account.entry(account).or_insert((true, BTreeSet::new()));
            if known.0 && !is_owned {
                *known = (false, BTreeSet::new());
            }
            if known.0 == is_owned {
                known.1.insert(shown);
            }
        }
        by_account.into_iter().map(|(account, (_, shown))| (account, shown)).collect()
    }

    fn tokens(&self) -> BTreeMap<Str, Vec<&Token>> {
        let mut by_account: BTreeMap<Str, Vec<&Token>> = BTreeMap::new();
        for token in &self.objects.tokens {
            let account = username(&token.meta.namespace, &token.account);
            by_account.entry(account).or_default().push(token);
        }
        by_account
    }

    /// Allowed use of what everybody may do, by identity.
    fn public_use(&self) -> BTreeMap<Str, BTreeSet<Str>> {
        let mut used: BTreeMap<Str, BTreeSet<Str>> = BTreeMap::new();
        let mut answers: HashMap<Str, bool> = HashMap::new();
        for row in self.usage.iter().filter(|row| row.outcome == Outcome::Allowed) {
            let is_public =
                *answers.entry(row.action.clone()).or_insert_with(|| {
                    match names::parse(&row.action) {
                        Some(names::Parsed::Resource { verb, group, resource, subresource }) => {
                            let target =
                                Target::Resource { group, resource, subresource, name: "" };
                            self.view.is_public(verb, &target)
                        }
                        Some(names::Parsed::Path { verb, path }) => {
                            self.view.is_public(verb, &Target::Path(path))
                        }
                        None => false,
                    }
                });
            if is_public {
                used.entry(row.identity.clone()).or_default().insert(row.action.clone());
            }
        }
        used
    }
}

fn username(namespace: &str, name: &str) -> Str {
    format!("system:serviceaccount:{namespace}:{name}").into()
}

fn several(list: &BTreeSet<String>) -> Str {
    let first = list.first().map_or("", String::as_str);
    match list.len() {
        0 | 1 => first.into(),
        more => format!("{first} and {} more", more - 1).into(),
    }
}

/// A token Secret as a credential. Kubernetes writes the day of its last use into a label (Kubernetes, "Managing
/// Service Accounts", legacy service account token tracking).
fn credential(identity: &Str, token: &Token) -> Credential {
    let date = |label: &str| token.meta.labels.get(label).and_then(|text| Time::parse(text));
    let invalid = date("kubernetes.io/legacy-token-invalid-since");
    Credential {
        identity: identity.clone(),
        id: format!("secret {}/{}", token.meta.namespace, token.meta.name).into(),
        kind: "service-account-token".into(),
        created: token.meta.created,
        last_used: date("kubernetes.io/legacy-token-last-used"),
        never: false,
        active: Some(invalid.is_none()),
        expires: None,
        place: token.meta.place,
    }
}
