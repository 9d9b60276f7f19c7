//! The audit policies that distributions and clouds are known to run, as compact facts.
//!
//! Sources: kubernetes/kubernetes cluster/gce/gci/configure-helper.sh (create-master-audit-policy, Apache-2.0) for
//! kube-up and the published base of GKE's; aws/aws-eks-best-practices content/security/docs/detective.md for EKS;
//! openshift/library-go pkg/operator/apiserver/audit (Apache-2.0) for OpenShift; Google Cloud and Azure documentation for
//! what reaches the customer. They change with versions: a policy in the evidence is better.

use std::sync::OnceLock;

use super::policy::AuditPolicy;

/// A published policy.
#[derive(Debug)]
pub struct Preset {
    /// Its name: `kube-up`, `eks`, `gke`, `gke-data`, `aks`, `aks-admin`, `openshift`.
    pub name: &'static str,
    /// What it is, in a few words.
    pub what: &'static str,
    /// The policy.
    pub policy: AuditPolicy,
}

/// All presets, in the order of their names.
pub fn presets() -> &'static [Preset] {
    static PRESETS: OnceLock<Vec<Preset>> = OnceLock::new();
    PRESETS.get_or_init(|| {
        TEXTS
            .iter()
            .map(|(name, what, parts)| {
                let text = format!("rules:\n{}", parts.concat());
                // A text that does not parse would be a policy that records nothing: nothing is concluded from it.
                let policy = AuditPolicy::parse(&text).unwrap_or_default();
                Preset { name, what, policy }
            })
            .collect()
    })
}

/// The preset of a name.
pub fn preset(name: &str) -> Option<&'static Preset> {
    presets().iter().find(|preset| preset.name == name)
}

const TEXTS: &[(&str, &str, &[&str])] = &[
    ("aks", "AKS, category kube-audit", &[ALL]),
    ("aks-admin", "AKS, category kube-audit-admin: no reads", &[NO_READS, ALL]),
    (
        "eks",
        "EKS, log type audit",
        &[EKS_FIRST, KUBELETS, EKS_REST, KNOWN, SETTINGS_GROUP, KNOWN_END, ALL],
    ),
    (
        "gke",
        "GKE, Admin Activity log alone",
        &[NO_READS, KUBE_UP_FIRST, KUBELETS, KUBE_UP_REST, KNOWN, NODE_GROUP, KNOWN_END, ALL],
    ),
    (
        "gke-data",
        "GKE, Admin Activity and Data Access logs",
        &[KUBE_UP_FIRST, KUBELETS, KUBE_UP_REST, KNOWN, NODE_GROUP, KNOWN_END, ALL],
    ),
    (
        "kube-up",
        "kube-up's policy",
        &[KUBE_UP_FIRST, KUBELETS, KUBE_UP_REST, KNOWN, NODE_GROUP, KNOWN_END, ALL],
    ),
    ("openshift", "OpenShift, profile Default", &[OPENSHIFT, ALL]),
];

/// Everything at Metadata.
const ALL: &str = "
- {level: Metadata, omitStages: [RequestReceived]}
";

/// Reads do not reach the customer: GKE without Data Access logs, AKS's category without get and list. Whether AKS
/// drops watch as well is not documented, so it is taken as dropped.
const NO_READS: &str = "
- {level: None, verbs: [get, list, watch]}
";

const KUBE_UP_FIRST: &str = "
- level: None
  users: ['system:kube-proxy']
  verbs: [watch]
  resources: [{group: '', resources: [endpoints, services, services/status]}]
- level: None
  users: ['system:unsecured']
  namespaces: [kube-system]
  verbs: [get]
  resources: [{group: '', resources: [configmaps]}]
";

const EKS_FIRST: &str = "
- level: RequestResponse
  namespaces: [kube-system]
  verbs: [update, patch, delete]
  resources: [{group: '', resources: [configmaps], resourceNames: [aws-auth]}]
  omitStages: [RequestReceived]
- level: None
  users: ['system:kube-proxy']
  verbs: [watch]
  resources: [{group: '', resources: [endpoints, services, services/status]}]
";

/// Kubelets' reads of nodes.
const KUBELETS: &str = "
- level: None
  users: [kubelet]
  verbs: [get]
  resources: [{group: '', resources: [nodes, nodes/status]}]
- level: None
  userGroups: ['system:nodes']
  verbs: [get]
  resources: [{group: '', resources: [nodes, nodes/status]}]
";

const KUBE_UP_REST: &str = "
- level: None
  users: ['system:kube-controller-manager', 'system:cloud-controller-manager', 'system:kube-scheduler',
    'system:serviceaccount:kube-system:endpoint-controller']
  verbs: [get, update]
  namespaces: [kube-system]
  resources: [{group: '', resources: [endpoints]}]
- level: None
  users: ['system:apiserver']
  verbs: [get]
  resources: [{group: '', resources: [namespaces, namespaces/status, namespaces/finalize]}]
- level: None
  users: [cluster-autoscaler]
  verbs: [get, update]
  namespaces: [kube-system]
  resources: [{group: '', resources: [configmaps, endpoints]}]
- level: None
  users: ['system:kube-controller-manager', 'system:cloud-controller-manager']
  verbs: [get, list]
  resources: [{group: metrics.k8s.io}]
- {level: None, nonResourceURLs: ['/healthz*', /version, '/swagger*']}
- level: None
  resources: [{group: '', resources: [events]}]
- level: Request
  users: [kubelet, 'system:node-problem-detector', 'system:serviceaccount:kube-system:node-problem-detector']
  verbs: [update, patch]
  resources: [{group: '', resources: [nodes/status, pods/status]}]
  omitStages: [RequestReceived]
- level: Request
  userGroups: ['system:nodes']
  verbs: [update, patch]
  resources: [{group: '', resources: [nodes/status, pods/status]}]
  omitStages: [RequestReceived]
- level: Request
  users: ['system:serviceaccount:kube-system:namespace-controller']
  verbs: [deletecollection]
  omitStages: [RequestReceived]
- level: Metadata
  resources:
  - {group: '', resources: [secrets, configmaps, serviceaccounts/token]}
  - {group: authentication.k8s.io, resources: [tokenreviews]}
  omitStages: [RequestReceived]
";

const EKS_REST: &str = "
- level: None
  users: ['system:kube-controller-manager', 'system:kube-scheduler',
    'system:serviceaccount:kube-system:endpoint-controller']
  verbs: [get, update]
  namespaces: [kube-system]
  resources: [{group: '', resources: [endpoints]}]
- level: None
  users: ['system:apiserver']
  verbs: [get]
  resources: [{group: '', resources: [namespaces, namespaces/status, namespaces/finalize]}]
- level: None
  users: ['system:kube-controller-manager']
  verbs: [get, list]
  resources: [{group: metrics.k8s.io}]
- {level: None, nonResourceURLs: ['/healthz*', /version, '/swagger*']}
- level: None
  resources: [{group: '', resources: [events]}]
- level: Request
  users: [kubelet, 'system:node-problem-detector', 'system:serviceaccount:kube-system:node-problem-detector']
  verbs: [update, patch]
  resources: [{group: '', resources: [nodes/status, pods/status]}]
  omitStages: [RequestReceived]
- level: Request
  userGroups: ['system:nodes']
  verbs: [update, patch]
  resources: [{group: '', resources: [nodes/status, pods/status]}]
  omitStages: [RequestReceived]
- level: Request
  users: ['system:serviceaccount:kube-system:namespace-controller']
  verbs: [deletecollection]
  omitStages: [RequestReceived]
- level: Metadata
  resources:
  - {group: '', resources: [secrets, configmaps]}
  - {group: authentication.k8s.io, resources: [tokenreviews]}
  omitStages: [RequestReceived]
- level: Request
  resources: [{group: '', resources: [serviceaccounts/token]}]
";

/// Groups whose bodies are kept; one more group and the end follow. What follows records at Metadata all the same, so that only levels depend on this.
const KNOWN: &str = "
- level: Request
  verbs: [get, list, watch]
  resources: &known
  - {group: ''}
  - {group: admissionregistration.k8s.io}
  - {group: apiextensions.k8s.io}
  - {group: apiregistration.k8s.io}
  - {group: apps}
  - {group: authentication.k8s.io}
  - {group: authorization.k8s.io}
  - {group: autoscaling}
  - {group: batch}
  - {group: certificates.k8s.io}
  - {group: extensions}
  - {group: metrics.k8s.io}
  - {group: networking.k8s.io}
  - {group: policy}
  - {group: rbac.authorization.k8s.io}
  - {group: scheduling.k8s.io}
  - {group: storage.k8s.io}
";

/// The group that only kube-up's list has, and the one that only EKS's has.
const NODE_GROUP: &str = "  - {group: node.k8s.io}\n";
const SETTINGS_GROUP: &str = "  - {group: settings.k8s.io}\n";

const KNOWN_END: &str = "  omitStages: [RequestReceived]
- {level: RequestResponse, resources: *known, omitStages: [RequestReceived]}
";

const OPENSHIFT: &str = "
- level: None
  userGroups: ['system:authenticated', 'system:unauthenticated']
  nonResourceURLs: ['/api*', /version, /healthz, /readyz, /livez]
- level: None
  users: ['system:apiserver']
  namespaces: ['']
  resources: [{group: apiserver.openshift.io, resources: [apirequestcounts, 'apirequestcounts/*']}]
- level: RequestResponse
  verbs: [create, update, patch, delete]
  resources:
  - {group: user.openshift.io, resources: [identities]}
  - {group: oauth.openshift.io, resources: [oauthaccesstokens, oauthauthorizetokens]}
";
