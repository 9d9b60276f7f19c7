//! Reads documents into the objects of a cluster: YAML of several documents, JSON, `List`, typed lists, and what
//! `kubectl get -o json|yaml` prints.
//!
//! What concerns no grant is left out and counted. One broken document costs that one alone.

use std::collections::BTreeMap;

use super::kinds;
use super::objects::{
    Account, AwsMapping, Binding, Meta, Role, Token, WORKLOADS, Workload, aws_auth,
};
use crate::evidence::tree::{self, Node};
use crate::model::{Place, Str};
use crate::platform::{Document, Intake, Kind};

/// The objects of one cluster, as read, in file order.
#[derive(Debug, Default)]
pub struct Objects {
    /// Roles and ClusterRoles.
    pub roles: Vec<Role>,
    /// RoleBindings and ClusterRoleBindings.
    pub bindings: Vec<Binding>,
    /// ServiceAccounts.
    pub accounts: Vec<Account>,
    /// Workloads.
    pub workloads: Vec<Workload>,
    /// Token Secrets.
    pub tokens: Vec<Token>,
    /// Entries of `aws-auth`.
    pub aws: Vec<AwsMapping>,
    /// Audit policies, whole, with their places.
    pub policies: Vec<(Place, Node)>,
    /// Names of Namespaces.
    pub namespaces: Vec<Str>,
    /// Folder of each file that has an object of interest.
    pub folders: BTreeMap<u32, Str>,
    /// Namespace that the kustomization of a folder sets (kustomize, `namespace`).
    pub kustomized: BTreeMap<Str, Str>,
    /// Calls that the evidence script was refused.
    pub refused: Vec<(Place, String)>,
    /// Facts that a reader must know.
    pub notes: Vec<(Option<Place>, String)>,
}

/// Levels of lists in lists.
const MAX_LISTS: u32 = 4;

/// Reads one document into the objects of its cluster.
pub fn read(
    objects: &mut Objects,
    kind: &'static Kind,
    document: &Document<'_>,
    intake: &mut Intake,
) {
    let Ok(text) = std::str::from_utf8(document.bytes) else {
        intake.reject(Place::file(document.file), "not UTF-8");
        return;
    };
    if kind == &kinds::COLLECTION {
        return intake.used(1);
    }
    if kind == &kinds::REFUSED {
        return refused(objects, document.file, text, intake);
    }
    let folder = document.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    objects.folders.insert(document.file, folder.into());
    for found in tree::documents(text) {
        match found {
            Ok(node) => Reader { objects, intake, file: document.file, folder }.take(&node, 0),
            Err(error) => {
                let template = if text.contains("{{") {
                    " (a template of a chart? render it first: helm template)"
                } else {
                    ""
                };
                let place = error.place(document.file);
                intake.reject(place, format!("{}{template}", error.reason));
            }
        }
    }
}

/// Reads what was refused: command, exit code and error, one a line.
fn refused(objects: &mut Objects, file: u32, text: &str, intake: &mut Intake) {
    for (number, line) in text.lines().enumerate().take(MAX_REFUSED) {
        let Some((command, rest)) = line.split_once('\t') else { continue };
        let error = rest.split_once('\t').map_or("", |(_, error)| error).trim();
        let line = u32::try_from(number + 1).unwrap_or(u32::MAX);
        let command = command.split(" -o ").next().unwrap_or(command);
        objects.refused.push((Place::line(file, line, 1), format!("{command}: {error}")));
        intake.used(1);
    }
}

/// Refused calls that are told.
const MAX_REFUSED: usize = 1_000;

struct Reader<'a> {
    objects: &'a mut Objects,
    intake: &'a mut Intake,
    file: u32,
    folder: &'a str,
}

impl Reader<'_> {
    fn take(&mut self, node: &Node, depth: u32) {
        let (Some(kind), Some(version)) = (node.text_of("kind"), node.text_of("apiVersion")) else {
            let is_object = !node.map().is_empty();
            if is_object {
                self.intake.skipped(1);
            } else {
                self.intake.reject(node.place(self.file), "no Kubernetes object");
            }
            return;
        };
        let group = version.split_once('/').map_or("", |(group, _)| group);
        if let Some(items) = node.get("items").filter(|_| kind.ends_with("List")) {
            if depth >= MAX_LISTS {
                self.intake.reject(node.place(self.file), "lists in lists");
                return;
            }
            for item in items.list() {
                self.item(item, kind, version, depth);
            }
            return;
        }
        self.object(node, group, kind);
    }

    /// An item of a list: items of typed lists need not repeat the list's kind and version (Kubernetes API
    /// conventions, "Lists and Simple kinds").
    fn item(&mut self, item: &Node, list: &str, version: &str, depth: u32) {
        let kind = list.strip_suffix("List").unwrap_or_default();
        if item.get("kind").is_some() || kind.is_empty() {
            self.take(item, depth + 1);
        } else {
            let group = version.split_once('/').map_or("", |(group, _)| group);
            self.object(item, group, kind);
        }
    }

    fn object(&mut self, node: &Node, group: &str, kind: &str) {
        let file = self.file;
        let read = match (group, kind) {
            ("rbac.authorization.k8s.io", "Role" | "ClusterRole") => {
                let role = Role::read(node, file, kind == "ClusterRole");
                role.map(|role| self.objects.roles.push(role))
            }
            ("rbac.authorization.k8s.io", "RoleBinding" | "ClusterRoleBinding") => {
                let binding = Binding::read(node, file, kind == "ClusterRoleBinding");
                binding.map(|binding| self.objects.bindings.push(binding))
            }
            ("", "ServiceAccount") => {
                Account::read(node, file).map(|one| self.objects.accounts.push(one))
            }
            ("", "Namespace") => {
                Meta::read(node, file).map(|one| self.objects.namespaces.push(one.name))
            }
            ("audit.k8s.io", "Policy") => {
                self.objects.policies.push((node.place(file), node.clone()));
                Some(())
            }
            ("", "Secret") => match Token::read(node, file) {
                Some(token) => {
                    self.objects.tokens.push(token);
                    Some(())
                }
                None => return self.intake.skipped(1),
            },
            ("", "ConfigMap") => return self.config_map(node),
            ("kustomize.config.k8s.io", "Kustomization") => {
                if let Some(namespace) = node.text_of("namespace") {
                    self.objects.kustomized.insert(self.folder.into(), namespace.into());
                }
                return self.intake.skipped(1);
            }
            ("" | "apps" | "batch" | "extensions", kind) => {
                let Some((_, path)) = WORKLOADS.iter().find(|(name, _)| *name == kind) else {
                    return self.intake.skipped(1);
                };
                let workload = Workload::read(node, file, kind, path);
                workload.map(|workload| self.objects.workloads.push(workload))
            }
            _ => return self.intake.skipped(1),
        };
        match read {
            Some(()) => self.intake.used(1),
            None => {
                let reason = format!("a {kind} without its name or what it is for");
                self.intake.reject(node.place(file), reason);
            }
        }
    }

    fn config_map(&mut self, node: &Node) {
        let is = |key: &str, value: &str| {
            node.get("metadata").and_then(|meta| meta.text_of(key)) == Some(value)
        };
        if !is("name", "aws-auth") || !is("namespace", "kube-system") {
            return self.intake.skipped(1);
        }
        match aws_auth(node, self.file) {
            Ok(mappings) => {
                self.objects.aws.extend(mappings);
                self.intake.used(1);
            }
            Err(reason) => self.intake.reject(node.place(self.file), reason),
        }
    }
}
