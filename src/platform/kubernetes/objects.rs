//! Kubernetes objects as far as grants need them, and how each is read from a tree.
//!
//! Reading is lenient: a field of a wrong type counts as absent, and a rule that allows nothing is kept so that it
//! can be told. Of Secrets only the metadata is looked at.

use std::collections::BTreeMap;

use super::rules::Rule;
use crate::evidence::tree::{Node, Value};
use crate::model::{Place, Str, Time};

/// Labels and annotations.
pub type Labels = BTreeMap<Str, Str>;

/// What every object has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Meta {
    /// Namespace; empty at cluster scope, and where the manifest does not say.
    pub namespace: Str,
    /// Name.
    pub name: Str,
    /// Labels.
    pub labels: Labels,
    /// Annotations.
    pub annotations: Labels,
    /// When the API server made it, in live exports.
    pub created: Option<Time>,
    /// Kind and name of the controller that made it.
    pub owner: Option<(Str, Str)>,
    /// Where it is.
    pub place: Option<Place>,
}

/// A Role or ClusterRole.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Role {
    /// Metadata; no namespace for a ClusterRole.
    pub meta: Meta,
    /// Whether it is a ClusterRole.
    pub is_cluster: bool,
    /// Rules, in file order.
    pub rules: Vec<Rule>,
    /// Label selectors of an aggregated ClusterRole: any of them, each with all its labels.
    pub aggregates: Option<Vec<Labels>>,
}

/// A RoleBinding or ClusterRoleBinding.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Binding {
    /// Metadata; no namespace for a ClusterRoleBinding.
    pub meta: Meta,
    /// Whether it is a ClusterRoleBinding.
    pub is_cluster: bool,
    /// `roleRef.kind`.
    pub role_kind: Str,
    /// `roleRef.name`.
    pub role: Str,
    /// Who is bound.
    pub subjects: Vec<Bound>,
    /// Whether only a log names it.
    pub is_logged: bool,
}

/// One entry of a binding's `subjects`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bound {
    /// `User`, `Group` or `ServiceAccount`.
    pub kind: Str,
    /// Name.
    pub name: Str,
    /// Namespace of a ServiceAccount.
    pub namespace: Str,
}

/// A ServiceAccount.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Account {
    /// Metadata.
    pub meta: Meta,
    /// `automountServiceAccountToken`.
    pub automount: Option<bool>,
}

/// A Pod, or what makes Pods of a template.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Workload {
    /// Metadata.
    pub meta: Meta,
    /// Kind: `Deployment`.
    pub kind: Str,
    /// Name of the service account that its Pods run as.
    pub account: Str,
    /// `automountServiceAccountToken` of the Pod.
    pub automount: Option<bool>,
}

/// The metadata of a Secret that holds a service account's token.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Token {
    /// Metadata.
    pub meta: Meta,
    /// Name of the service account.
    pub account: Str,
}

/// An entry of the ConfigMap `kube-system/aws-auth`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AwsMapping {
    /// ARN of the role or user.
    pub arn: Str,
    /// Username in the cluster; may hold `{{…}}`.
    pub username: Str,
    /// Groups in the cluster.
    pub groups: Vec<Str>,
    /// Where it is.
    pub place: Option<Place>,
}

/// Kinds that make Pods of a template, with the path to the Pod's `spec` (Kubernetes API reference, Workloads).
pub const WORKLOADS: [(&str, &[&str]); 8] = [
    ("CronJob", &["spec", "jobTemplate", "spec", "template", "spec"]),
    ("DaemonSet", &["spec", "template", "spec"]),
    ("Deployment", &["spec", "template", "spec"]),
    ("Job", &["spec", "template", "spec"]),
    ("Pod", &["spec"]),
    ("ReplicaSet", &["spec", "template", "spec"]),
    ("ReplicationController", &["spec", "template", "spec"]),
    ("StatefulSet", &["spec", "template", "spec"]),
];

fn text(node: Option<&Node>) -> Str {
    node.and_then(Node::scalar).unwrap_or_default().into()
}

/// A list that may be left out or be nothing; `None` if something else stands in its place.
fn list<'n>(node: &'n Node, key: &str) -> Option<&'n [Node]> {
    match node.get(key) {
        None => Some(&[]),
        Some(found) if found.is_null() || matches!(found.value, Value::List(_)) => {
            Some(found.list())
        }
        Some(_) => None,
    }
}

fn texts(node: Option<&Node>) -> Vec<Str> {
    node.map(Node::list)
        .unwrap_or_default()
        .iter()
        .filter_map(Node::scalar)
        .map(Str::from)
        .collect()
}

fn labels(node: Option<&Node>) -> Labels {
    let entries = node.map(Node::map).unwrap_or_default();
    let pair = |(key, value): &(Node, Node)| {
        Some((Str::from(key.scalar()?), Str::from(value.scalar().unwrap_or_default())))
    };
    entries.iter().filter_map(pair).collect()
}

fn flag(node: Option<&Node>) -> Option<bool> {
    match node?.scalar()? {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

impl Meta {
    /// Reads `metadata`; none without a name.
    pub fn read(node: &Node, file: u32) -> Option<Meta> {
        let meta = node.get("metadata")?;
        let name = text(meta.get("name"));
        if name.is_empty() {
            return None;
        }
        let owner = meta.get("ownerReferences").map(Node::list).unwrap_or_default();
        let owner = owner.iter().find(|one| one.get("controller").is_some_and(Node::is_true));
        Some(Meta {
            namespace: text(meta.get("namespace")),
            name,
            labels: labels(meta.get("labels")),
            annotations: labels(meta.get("annotations")),
            created: meta.text_of("creationTimestamp").and_then(Time::parse),
            owner: owner
                .map(|one| (text(one.get("kind")), text(one.get("name"))))
                .filter(|(kind, _)| !kind.is_empty()),
            place: Some(node.place(file)),
        })
    }

    /// Whether the API server itself keeps the object up to date (Kubernetes, "Using RBAC Authorization",
    /// Auto-reconciliation).
    pub fn is_bootstrap(&self) -> bool {
        self.labels.get("kubernetes.io/bootstrapping").is_some_and(|one| &**one == "rbac-defaults")
    }
}

impl Role {
    /// Reads a Role or ClusterRole; a name is all that it must have. `None` without one, and if its rules are no list.
    pub fn read(node: &Node, file: u32, is_cluster: bool) -> Option<Role> {
        let mut meta = Meta::read(node, file)?;
        if is_cluster {
            meta.namespace = "".into();
        }
        let rules = list(node, "rules")?;
        let selectors =
            node.at(&["aggregationRule", "clusterRoleSelectors"]).filter(|_| is_cluster);
        Some(Role {
            meta,
            is_cluster,
            rules: rules.iter().map(|rule| read_rule(rule, file)).collect(),
            aggregates: selectors
                .map(|list| list.list().iter().map(|one| labels(one.get("matchLabels"))).collect()),
        })
    }
}

fn read_rule(node: &Node, file: u32) -> Rule {
    Rule {
        verbs: texts(node.get("verbs")),
        groups: texts(node.get("apiGroups")),
        resources: texts(node.get("resources")),
        names: texts(node.get("resourceNames")),
        urls: texts(node.get("nonResourceURLs")),
        place: Some(node.place(file)),
    }
}

impl Binding {
    /// Reads a RoleBinding or ClusterRoleBinding. `None` without a name, if it names no role, and if its subjects are
    /// no list.
    pub fn read(node: &Node, file: u32, is_cluster: bool) -> Option<Binding> {
        let mut meta = Meta::read(node, file)?;
        if is_cluster {
            meta.namespace = "".into();
        }
        let role = node.get("roleRef").filter(|role| !text(role.get("name")).is_empty())?;
        let subjects = list(node, "subjects")?;
        Some(Binding {
            meta,
            is_cluster,
            role_kind: text(role.get("kind")),
            role: text(role.get("name")),
            subjects: subjects
                .iter()
                .map(|one| Bound {
                    kind: text(one.get("kind")),
                    name: text(one.get("name")),
                    namespace: text(one.get("namespace")),
                })
                .collect(),
            is_logged: false,
        })
    }

    /// `ClusterRoleBinding NAME`, `RoleBinding NAMESPACE/NAME`.
    pub fn show(&self) -> String {
        if self.is_cluster {
            format!("ClusterRoleBinding {}", self.meta.name)
        } else {
            format!("RoleBinding {}/{}", self.meta.namespace, self.meta.name)
        }
    }
}

impl Account {
    /// Reads a ServiceAccount.
    pub fn read(node: &Node, file: u32) -> Option<Account> {
        let automount = flag(node.get("automountServiceAccountToken"));
        Some(Account { meta: Meta::read(node, file)?, automount })
    }
}

impl Workload {
    /// Reads a Pod or a kind with a template. The account is `default` where none is named; `serviceAccount` is
    /// the old name of the field (Kubernetes API reference, PodSpec).
    pub fn read(node: &Node, file: u32, kind: &str, path: &[&str]) -> Option<Workload> {
        let spec = node.at(path)?;
        let named = spec.text_of("serviceAccountName").or_else(|| spec.text_of("serviceAccount"));
        Some(Workload {
            meta: Meta::read(node, file)?,
            kind: kind.into(),
            account: named.filter(|name| !name.is_empty()).unwrap_or("default").into(),
            automount: flag(spec.get("automountServiceAccountToken")),
        })
    }
}

impl Token {
    /// Reads the metadata of a Secret of type `kubernetes.io/service-account-token`; none for any other.
    pub fn read(node: &Node, file: u32) -> Option<Token> {
        if node.text_of("type") != Some("kubernetes.io/service-account-token") {
            return None;
        }
        let meta = Meta::read(node, file)?;
        let account = meta.annotations.get("kubernetes.io/service-account.name")?.clone();
        Some(Token { meta, account })
    }
}

/// Reads the ConfigMap `kube-system/aws-auth`: `mapRoles` and `mapUsers` are texts of YAML or JSON lists
/// (kubernetes-sigs/aws-iam-authenticator, "Full configuration format").
///
/// # Errors
/// Which of the texts is no list.
pub fn aws_auth(node: &Node, file: u32) -> Result<Vec<AwsMapping>, String> {
    let mut out = Vec::new();
    for (key, arn) in [("mapRoles", "rolearn"), ("mapUsers", "userarn")] {
        let Some(value) = node.at(&["data", key]) else { continue };
        let Some(text) = value.text() else { continue };
        for inner in crate::evidence::tree::documents(text) {
            let inner = inner.map_err(|error| format!("{key}: {}", error.reason))?;
            out.extend(inner.list().iter().filter_map(|one| {
                Some(AwsMapping {
                    arn: one.text_of(arn)?.into(),
                    username: one.text_of("username").unwrap_or_default().into(),
                    groups: texts(one.get("groups")),
                    place: Some(value.place(file)),
                })
            }));
        }
    }
    Ok(out)
}
