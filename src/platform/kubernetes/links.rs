//! Ways from one identity to another: workloads to service accounts, service accounts to cloud identities, cloud
//! roles into the cluster.
//!
//! EKS User Guide, "IAM roles for service accounts"; GKE documentation, "Workload Identity Federation"; Azure
//! Workload Identity, "Service account annotations"; aws-iam-authenticator, `aws-auth`.

use std::collections::{BTreeMap, BTreeSet};

use super::documents::Objects;
use super::names;
use super::objects::{Account, Workload};
use crate::model::{Link, Str};

/// The links of one cluster.
pub(super) fn links(cluster: &str, objects: &Objects, out: &mut Vec<Link>) {
    for account in &objects.accounts {
        let meta = &account.meta;
        let from = account_id(cluster, &meta.namespace, &meta.name);
        let mut push = |to: String, mechanism: &str| {
            out.push(Link {
                from: from.clone(),
                to: to.into(),
                mechanism: mechanism.into(),
                place: meta.place,
            });
        };
        let annotation = |key: &str| {
            meta.annotations.get(key).map(|value| value.trim()).filter(|value| !value.is_empty())
        };
        if let Some(arn) = annotation("eks.amazonaws.com/role-arn") {
            push(arn.to_string(), "IAM role for service accounts");
        }
        if let Some(email) = annotation("iam.gke.io/gcp-service-account") {
            push(format!("gcp://serviceAccount:{email}"), "GKE workload identity");
        }
        if let Some(client) = annotation("azure.workload.identity/client-id") {
            push(format!("azure://{client}"), "Azure workload identity");
        }
    }
    let accounts: BTreeMap<(&Str, &Str), &Account> =
        objects.accounts.iter().map(|one| ((&one.meta.namespace, &one.meta.name), one)).collect();
    // What a controller made is told by the controller, where that is in the evidence.
    let made: BTreeSet<(&Str, &Str)> = objects
        .workloads
        .iter()
        .filter(|one| one.meta.owner.is_none())
        .map(|one| (&one.meta.namespace, &one.account))
        .collect();
    let is_told = |one: &&Workload| {
        one.meta.owner.is_none() || !made.contains(&(&one.meta.namespace, &one.account))
    };
    for workload in objects.workloads.iter().filter(is_told) {
        let meta = &workload.meta;
        let kind = workload.kind.to_ascii_lowercase();
        // The Pod's setting wins over the account's (Kubernetes, "Configure Service Accounts for Pods").
        let account = accounts.get(&(&meta.namespace, &workload.account));
        let automount = workload.automount.or_else(|| account.and_then(|one| one.automount));
        let mechanism =
            if automount == Some(false) { "runs as, without its token" } else { "runs as" };
        out.push(Link {
            from: format!("k8s://{cluster}/{}/{kind}/{}", meta.namespace, meta.name).into(),
            to: account_id(cluster, &meta.namespace, &workload.account),
            mechanism: mechanism.into(),
            place: meta.place,
        });
    }
    for mapping in &objects.aws {
        let mechanism = if mapping.groups.is_empty() {
            "aws-auth".to_string()
        } else {
            let groups: Vec<&str> = mapping.groups.iter().map(|group| &**group).collect();
            format!("aws-auth, groups {}", groups.join(", "))
        };
        out.push(Link {
            from: mapping.arn.clone(),
            to: names::identity(cluster, &mapping.username).id,
            mechanism: mechanism.into(),
            place: mapping.place,
        });
    }
}

/// The id of a service account.
pub(super) fn account_id(cluster: &str, namespace: &str, name: &str) -> Str {
    names::identity(cluster, &format!("system:serviceaccount:{namespace}:{name}")).id
}
