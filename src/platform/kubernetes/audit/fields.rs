//! The fields of an audit record that are read, and their positions.
//!
//! Names: `k8s.io/apiserver` pkg/apis/audit/v1/types.go for events; Cloud Logging `LogEntry` with an `AuditLog`
//! payload for GKE. What Go writes with escapes in nearly every record (reasons and messages quote names, request
//! URIs hold `\u0026`) is taken raw, so that the fast reader keeps the record.

use crate::platform::events::fields;
pub(super) use crate::platform::events::{Record, inside};

fields! {
    AUDIT_ID: Text ["auditID"];
    STAGE: Text ["stage"];
    URI: Raw ["requestURI"];
    VERB: Text ["verb"];
    USER: Text ["user", "username"];
    USER_GROUPS: Raw ["user", "groups"];
    POD_NAME: Text ["user", "extra", "authentication.kubernetes.io/pod-name", "[]"];
    SESSION_NAME: Text ["user", "extra", "sessionName", "[]"];
    AS: Text ["impersonatedUser", "username"];
    AS_UID: Text ["impersonatedUser", "uid"];
    AS_GROUPS: Raw ["impersonatedUser", "groups"];
    AS_EXTRA: Raw ["impersonatedUser", "extra"];
    CONSTRAINT: Text ["authenticationMetadata", "impersonationConstraint"];
    SOURCES: Raw ["sourceIPs"];
    AGENT: Raw ["userAgent"];
    RESOURCE: Text ["objectRef", "resource"];
    SUBRESOURCE: Text ["objectRef", "subresource"];
    GROUP: Text ["objectRef", "apiGroup"];
    NAMESPACE: Text ["objectRef", "namespace"];
    NAME: Text ["objectRef", "name"];
    CODE: Scalar ["responseStatus", "code"];
    MESSAGE: Raw ["responseStatus", "message"];
    RECEIVED: Scalar ["requestReceivedTimestamp"];
    STAGED: Scalar ["stageTimestamp"];
    /// The entry's time of GKE, and an event's own before `audit.k8s.io/v1beta1`.
    TIMESTAMP: Scalar ["timestamp"];
    CREATED: Scalar ["metadata", "creationTimestamp"];
    DECISION: Text ["annotations", "authorization.k8s.io/decision"];
    REASON: Raw ["annotations", "authorization.k8s.io/reason"];
    /// Elastic's spelling of the same two.
    DECISION_ELASTIC: Text ["annotations", "authorization_k8s_io/decision"];
    REASON_ELASTIC: Raw ["annotations", "authorization_k8s_io/reason"];
    /// Alibaba's spelling: beside an empty `annotations`.
    DECISION_FLAT: Text ["annotations.authorization.k8s.io/decision"];
    REASON_FLAT: Raw ["annotations.authorization.k8s.io/reason"];
    /// A review's answer is only in the response (`RequestResponse`).
    REVIEW_ALLOWED: Scalar ["responseObject", "status", "allowed"];
    REVIEW: Raw ["responseObject", "spec"];
    /// What `wrapped` adds to a record: the cluster that its envelope names.
    ENVELOPE_CLUSTER: Text ["authgap:cluster"];
    /// The same: the log that the envelope names, where that says what it leaves out.
    ENVELOPE_LOG: Text ["authgap:log"];
    /// The same: why it is no audit record.
    ENVELOPE_SKIP: Text ["authgap:skip"];
    GKE_SERVICE: Text ["protoPayload", "serviceName"];
    GKE_METHOD: Text ["protoPayload", "methodName"];
    GKE_RESOURCE: Text ["protoPayload", "resourceName"];
    GKE_USER: Text ["protoPayload", "authenticationInfo", "principalEmail"];
    GKE_GRANTED: Scalar ["protoPayload", "authorizationInfo", "[]", "granted"];
    GKE_STATUS: Raw ["protoPayload", "status"];
    GKE_CODE: Scalar ["protoPayload", "status", "code"];
    GKE_MESSAGE: Raw ["protoPayload", "status", "message"];
    GKE_CALLER: Text ["protoPayload", "requestMetadata", "callerIp"];
    GKE_AGENT: Raw ["protoPayload", "requestMetadata", "callerSuppliedUserAgent"];
    GKE_DECISION: Text ["labels", "authorization.k8s.io/decision"];
    GKE_REASON: Raw ["labels", "authorization.k8s.io/reason"];
    GKE_INSERT_ID: Text ["insertId"];
    GKE_OPERATION: Text ["operation", "id"];
    GKE_LOG: Text ["logName"];
    GKE_PROJECT: Text ["resource", "labels", "project_id"];
    GKE_LOCATION: Text ["resource", "labels", "location"];
    GKE_CLUSTER: Text ["resource", "labels", "cluster_name"];
}
