//! Whether one RBAC rule allows one request: exact comparison, no globs.
//!
//! Source of every comparison: kubernetes/kubernetes pkg/apis/rbac/v1/evaluation_helpers.go @03bf11a30 (EH), and
//! pkg/registry/rbac/validation/rule.go @05c351a90 (RULE). Who a rule is for is not decided here.

use crate::model::{Place, Str};

/// One rule of a role, as written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rule {
    /// Verbs; `*` is any.
    pub verbs: Vec<Str>,
    /// API groups without version; `""` is core, `*` any.
    pub groups: Vec<Str>,
    /// Resources: `*`, `RESOURCE`, `RESOURCE/SUB`, `*/SUB`.
    pub resources: Vec<Str>,
    /// Names of objects; empty is any name and no name.
    pub names: Vec<Str>,
    /// Paths that are no resources; a `*` at the end is a wildcard.
    pub urls: Vec<Str>,
    /// Where it is written; none for built-in rules.
    pub place: Option<Place>,
}

/// What a request is for, as the authorizer sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target<'a> {
    /// A resource; the name is empty where the authorizer sees none.
    Resource {
        /// API group; empty is core.
        group: &'a str,
        /// Resource.
        resource: &'a str,
        /// Subresource, or empty.
        subresource: &'a str,
        /// Name, or empty.
        name: &'a str,
    },
    /// A path that is no resource.
    Path(&'a str),
}

impl Rule {
    /// Whether the rule allows the verb on the target, wherever it is bound (EH, `RuleAllows` in RULE).
    pub fn allows(&self, verb: &str, target: &Target<'_>) -> bool {
        if !self.has_verb(verb) {
            return false;
        }
        match *target {
            Target::Resource { group, resource, subresource, name } => {
                self.has_group(group)
                    && self.has_resource(resource, subresource)
                    && self.has_name(name)
            }
            Target::Path(path) => self.has_path(path),
        }
    }

    /// EH, `VerbMatches`.
    pub fn has_verb(&self, verb: &str) -> bool {
        any_or_equal(&self.verbs, verb)
    }

    /// EH, `APIGroupMatches`.
    pub fn has_group(&self, group: &str) -> bool {
        any_or_equal(&self.groups, group)
    }

    /// EH, `ResourceMatches`: `*/SUB` is the only partial wildcard.
    pub fn has_resource(&self, resource: &str, subresource: &str) -> bool {
        self.resources.iter().any(|wanted| {
            if &**wanted == "*" {
                return true;
            }
            match wanted.split_once('/') {
                None => subresource.is_empty() && **wanted == *resource,
                Some(("*", sub)) if !subresource.is_empty() && sub == subresource => true,
                Some((whole, sub)) => {
                    !subresource.is_empty() && whole == resource && sub == subresource
                }
            }
        })
    }

    /// EH, `ResourceNameMatches`.
    pub fn has_name(&self, name: &str) -> bool {
        self.names.is_empty() || self.names.iter().any(|wanted| **wanted == *name)
    }

    /// EH, `NonResourceURLMatches`: all `*` at the end are cut, what is left is a prefix.
    pub fn has_path(&self, path: &str) -> bool {
        self.urls.iter().any(|wanted| {
            &**wanted == "*"
                || **wanted == *path
                || (wanted.ends_with('*') && path.starts_with(wanted.trim_end_matches('*')))
        })
    }

    /// Whether it allows every verb on every resource by every name.
    pub fn is_everything(&self) -> bool {
        let has_star = |list: &[Str]| list.iter().any(|one| &**one == "*");
        has_star(&self.verbs)
            && has_star(&self.groups)
            && has_star(&self.resources)
            && self.names.is_empty()
    }

    /// What of the rule can match no request, in words: people expect a wildcard where there is none.
    pub fn dead_parts(&self) -> Vec<String> {
        let mut dead = Vec::new();
        for verb in &self.verbs {
            if verb.contains('*') && &**verb != "*" {
                dead.push(format!("verb `{verb}`: a verb is `*` or exact"));
            } else if STANDARD_VERBS.contains(&&*verb.to_ascii_lowercase())
                && verb.chars().any(|c| c.is_ascii_uppercase())
            {
                dead.push(format!("verb `{verb}`: verbs are lower case"));
            }
        }
        for group in &self.groups {
            if group.contains('*') && &**group != "*" {
                dead.push(format!("API group `{group}`: a group is `*` or exact"));
            } else if group.contains('/') {
                dead.push(format!("API group `{group}`: a group has no version"));
            } else if &**group == "core" {
                dead.push("API group `core`: the core group is written \"\"".to_string());
            }
        }
        for resource in &self.resources {
            if is_dead_resource(resource) {
                dead.push(format!("resource `{resource}`: only `*` and `*/SUB` are wildcards"));
            }
        }
        for name in self.names.iter().filter(|name| self.is_dead_name(name)) {
            dead.push(format!("resourceNames `{name}`: names are exact"));
        }
        for url in &self.urls {
            if url.trim_end_matches('*').contains('*') {
                dead.push(format!("path `{url}`: only a `*` at the end is a wildcard"));
            }
        }
        dead
    }

    /// Whether no object can have the name. A signer's `DOMAIN/*` is asked for literally (certificates.k8s.io),
    /// and the name of an associated node is always `*`.
    pub fn is_dead_name(&self, name: &str) -> bool {
        let is_literal = self.resources.iter().any(|one| &**one == "signers")
            || self.verbs.iter().any(|verb| verb.starts_with("impersonate"));
        name.contains(['*', '?']) && !is_literal
    }
}

/// The verbs that requests for resources have (kubernetes/apiserver pkg/endpoints/request/requestinfo.go).
pub const STANDARD_VERBS: [&str; 8] =
    ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

/// Whether a resource of a rule can match no request: a `*` that is no wildcard, or upper case, which no API has.
pub fn is_dead_resource(resource: &str) -> bool {
    if resource == "*" {
        return false;
    }
    let rest = resource.strip_prefix("*/").unwrap_or(resource);
    rest.contains(['*', '?']) || rest.is_empty() || rest.chars().any(|c| c.is_ascii_uppercase())
}

fn any_or_equal(list: &[Str], value: &str) -> bool {
    list.iter().any(|one| &**one == "*" || **one == *value)
}
