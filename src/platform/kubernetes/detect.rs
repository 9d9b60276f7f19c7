//! Tells files of Kubernetes objects by their content.
//!
//! Every object has `apiVersion` and `kind` (Kubernetes API conventions, "Types (Kinds)"). Client configurations
//! (`kind: Config`) look alike and hold credentials: they are not read.

use super::kinds;
use crate::platform::{Detected, Sample};

/// Kinds that grants are made of.
const WANTED: [&str; 20] = [
    "ClusterRole",
    "ClusterRoleBinding",
    "ClusterRoleBindingList",
    "ClusterRoleList",
    "CronJob",
    "DaemonSet",
    "Deployment",
    "Job",
    "List",
    "Namespace",
    "Pod",
    "ReplicaSet",
    "ReplicationController",
    "Role",
    "RoleBinding",
    "RoleBindingList",
    "RoleList",
    "ServiceAccount",
    "ServiceAccountList",
    "StatefulSet",
];

/// What a file is; none if it is nothing of a cluster.
pub fn detect(sample: &Sample<'_>) -> Option<Detected> {
    let text = String::from_utf8_lossy(sample.head);
    if text.starts_with("{\"Collector\": \"authgap evidence kubernetes\"") {
        return Some(Detected { kind: &kinds::COLLECTION, certainty: 100 });
    }
    let first = text.lines().next().unwrap_or_default();
    if first.starts_with("kubectl get ") && first.split('\t').count() == 3 {
        return Some(Detected { kind: &kinds::REFUSED, certainty: 100 });
    }
    let fields = fields(&text);
    let (mut has_rbac, mut has_policy, mut has_event, mut has_wanted) =
        (false, false, false, false);
    for (key, value) in &fields {
        match (*key, *value) {
            ("apiVersion", version) => {
                has_rbac |= version.starts_with("rbac.authorization.k8s.io/");
            }
            ("kind", "Config") => return None,
            ("kind", "Event" | "EventList") => has_event = true,
            ("kind", "Policy") => has_policy = text.contains("audit.k8s.io/"),
            ("kind", kind) => has_wanted |= WANTED.contains(&kind),
            _ => {}
        }
    }
    let has = |key: &str| fields.iter().any(|(name, _)| *name == key);
    let is_log = has_event && text.contains("audit.k8s.io/") && !has_policy;
    if !has("apiVersion") || is_log {
        return None;
    }
    let certainty = match (has_rbac, has_policy, has_wanted, has("kind")) {
        (true, ..) | (_, true, ..) => 95,
        (_, _, true, _) => 85,
        (_, _, _, true) => 40,
        // A long list in JSON has its kind at the end.
        _ if text.contains("\"items\"") => 40,
        _ => return None,
    };
    Some(Detected { kind: &kinds::OBJECTS, certainty })
}

/// The values of `apiVersion` and `kind` keys, in YAML at the start of a line and in JSON anywhere.
fn fields(text: &str) -> Vec<(&'static str, &str)> {
    const KEYS: [&str; 2] = ["apiVersion", "kind"];
    let mut out = Vec::new();
    let is_json = text.trim_start().starts_with(['{', '[']);
    if is_json {
        for key in KEYS {
            let quoted = format!("\"{key}\"");
            for (at, _) in text.match_indices(&quoted) {
                let rest = text.get(at + quoted.len()..).unwrap_or_default().trim_start();
                let Some(rest) = rest.strip_prefix(':') else { continue };
                let Some(rest) = rest.trim_start().strip_prefix('"') else { continue };
                out.push((key, rest.split('"').next().unwrap_or_default()));
            }
        }
        return out;
    }
    for line in text.lines() {
        let line = line.trim_start().strip_prefix("- ").unwrap_or(line.trim_start());
        let Some((name, value)) = line.split_once(':') else { continue };
        let name = name.trim_matches(['"', '\'']);
        if let Some(key) = KEYS.iter().find(|key| **key == name) {
            out.push((*key, value.trim().trim_matches(['"', '\''])));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certainty(text: &str) -> Option<u8> {
        let sample = Sample { path: "x", head: text.as_bytes(), is_whole: true };
        detect(&sample).map(|detected| detected.certainty)
    }

    #[test]
    fn objects_are_told_from_logs_and_client_configurations() {
        let role = "# x\n---\napiVersion: rbac.authorization.k8s.io/v1\nkind: Role\n";
        assert_eq!(certainty(role), Some(95));
        assert_eq!(certainty("apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: []\n"), Some(95));
        assert_eq!(certainty("{\"apiVersion\": \"v1\",\n \"items\": [ {\"a\": 1}"), Some(40));
        assert_eq!(certainty("apiVersion: v1\nkind: ServiceAccount\n"), Some(85));
        assert_eq!(certainty("apiVersion: v1\nkind: Config\nusers: []\n"), None);
        let event =
            "{\"kind\":\"Event\",\"apiVersion\":\"audit.k8s.io/v1\",\"level\":\"Metadata\"}";
        assert_eq!(certainty(event), None);
        assert_eq!(certainty("{\"Records\": []}"), None);
        assert_eq!(certainty("kubectl get roles -o json\t1\tForbidden\n"), Some(100));
        assert_eq!(certainty("name: x\non: push\n"), None);
    }
}
