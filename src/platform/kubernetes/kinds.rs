//! The kinds of Kubernetes files.

use crate::platform::{Role, kinds};

kinds! {
    /// Objects as YAML documents or JSON: RBAC, service accounts, workloads, audit policies, `aws-auth`.
    OBJECTS = ("kubernetes-objects", "Kubernetes objects", Role::Document);
    /// What the evidence script collected, and when.
    COLLECTION = ("kubernetes-collection", "what the evidence script collected", Role::Document);
    /// The calls that the evidence script was refused.
    REFUSED = ("kubernetes-refused", "calls that the evidence script was refused", Role::Document);
    /// One `audit.k8s.io` event a line, an array, or an `EventList`.
    AUDIT = ("kubernetes-audit", "Kubernetes audit events", Role::Events);
    /// Audit events within another product's wrapping: EKS, AKS, OpenShift logging, OTLP, collectors.
    AUDIT_WRAPPED = ("kubernetes-audit-wrapped", "Kubernetes audit events in a wrapping", Role::Events);
    /// Cloud Logging entries of GKE's `k8s.io` service.
    GKE = ("kubernetes-gke", "GKE audit log entries", Role::Events);
}
