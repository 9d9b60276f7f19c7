//! What an authorizer's reason says of the grant behind an allowed request.
//!
//! Sources: kubernetes/kubernetes plugin/pkg/auth/authorizer/rbac and pkg/registry/rbac/validation/rule.go for RBAC;
//! Google, Amazon and Azure write reasons of their own. The reason names one binding of those that allow.

use serde_json::json;

/// A grant that a reason names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    /// In a few words, as reports print it.
    pub(super) by: String,
    /// For the platform's estate, as JSON: of a binding `binding`, `kind`, `role`, `rolekind`, `namespace`, `subject`;
    /// of another authorizer `authorizer` and what it says (`text`, or the fields of a binding).
    pub(super) detail: String,
    /// Where it holds; `None` if the reason does not say.
    pub(super) resource: Option<String>,
}

/// The binding of an RBAC reason.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Binding {
    kind: String,
    name: String,
    namespace: String,
    role_kind: String,
    role: String,
    subject: String,
}

/// What an empty reason may stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Silent {
    /// `system:masters` is allowed before any authorizer, without a reason.
    Masters,
    /// The node authorizer gives none.
    Node,
    /// Nothing is known.
    Unstated,
}

/// The grant that an allowed request's reason names.
pub(super) fn named(reason: &str, silent: Silent) -> Named {
    let reason = reason.trim();
    if let Some(text) = reason.strip_prefix("RBAC: ") {
        return match binding(text) {
            Some(found) => of_binding(&found, None),
            None => other("rbac", "RBAC", reason),
        };
    }
    if let Some(text) = reason.strip_prefix("EKS Access Policy: ") {
        return match binding(text) {
            Some(found) => of_binding(&found, Some("eks-access-policy")),
            None => other("eks-access-policy", "EKS access policy", reason),
        };
    }
    if reason.starts_with("access granted by IAM permissions") {
        return other("gke-iam", "Google Cloud IAM", reason);
    }
    if reason.starts_with("Access allowed by Azure RBAC") {
        return other("azure-rbac", "Azure RBAC", reason);
    }
    match (reason, silent) {
        ("", Silent::Masters) => other("system:masters", "group system:masters", ""),
        ("", Silent::Node) => other("node", "node authorizer", ""),
        ("", Silent::Unstated) => other("unstated", "an authorizer that gives no reason", ""),
        _ => other("other", "another authorizer", reason),
    }
}

fn other(authorizer: &str, by: &str, text: &str) -> Named {
    let text: String = text.chars().take(500).collect();
    let detail = json!({ "authorizer": authorizer, "text": text });
    Named { by: by.to_string(), detail: detail.to_string(), resource: None }
}

fn of_binding(found: &Binding, authorizer: Option<&str>) -> Named {
    let mut detail = json!({
        "binding": found.name,
        "kind": found.kind,
        "role": found.role,
        "rolekind": found.role_kind,
        "namespace": found.namespace,
        "subject": found.subject,
    });
    if let (Some(authorizer), Some(map)) = (authorizer, detail.as_object_mut()) {
        map.insert("authorizer".to_string(), authorizer.into());
    }
    let place = match found.namespace.as_str() {
        "" => String::new(),
        namespace => format!("{namespace}/"),
    };
    let by = match authorizer {
        Some(_) => format!("EKS access policy {}", found.role),
        None => {
            format!("{} {place}{} of {} {}", found.kind, found.name, found.role_kind, found.role)
        }
    };
    let resource = match found.namespace.as_str() {
        "" => "*".to_string(),
        namespace => format!("{namespace}/*"),
    };
    Named { by, detail: detail.to_string(), resource: Some(resource) }
}

/// Reads `allowed by RoleBinding "B/NS" of Role "R" to ServiceAccount "NAME/NS"`. Names are Go-quoted.
fn binding(text: &str) -> Option<Binding> {
    let rest = text.strip_prefix("allowed by ")?;
    let (kind, rest) = rest.split_once(' ')?;
    let (name, rest) = quoted(rest)?;
    let (role_kind, rest) = rest.strip_prefix(" of ")?.split_once(' ')?;
    let (role, rest) = quoted(rest)?;
    let (subject_kind, rest) = rest.strip_prefix(" to ")?.split_once(' ')?;
    let (subject, _) = quoted(rest)?;
    let (name, namespace) = match kind {
        "ClusterRoleBinding" => (name, String::new()),
        "RoleBinding" => {
            let (name, namespace) = name.rsplit_once('/')?;
            (name.to_string(), namespace.to_string())
        }
        _ => return None,
    };
    Some(Binding {
        kind: kind.to_string(),
        name,
        namespace,
        role_kind: role_kind.to_string(),
        role,
        subject: format!("{subject_kind} {subject}"),
    })
}

/// A Go-quoted text at the beginning, and what follows it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut out = String::new();
    let mut letters = text.strip_prefix('"')?.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Some((out, text.get(at + 2..)?)),
            '\\' => out.push(letters.next()?.1),
            _ => out.push(letter),
        }
    }
    None
}
