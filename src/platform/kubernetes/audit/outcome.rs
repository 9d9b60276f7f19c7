//! How a request ended, as far as authorization goes.
//!
//! The server's order decides: authentication, audit, impersonation, priority and fairness, authorization, handler
//! with admission (`k8s.io/apiserver` pkg/server/config.go, DefaultBuildHandlerChain). So a stated decision beats any
//! code, and an error of the handler comes after an allowed request. What a single record leaves open is kept as a
//! letter until the whole log is known ([`meaning`]).

use crate::model::Outcome;

/// Letters of [`super::key::Part::Outcome`].
pub(super) mod letter {
    /// Allowed.
    pub(crate) const ALLOWED: u8 = b'A';
    /// Refused by the authorizer.
    pub(crate) const DENIED: u8 = b'D';
    /// Not known.
    pub(crate) const UNDETERMINED: u8 = b'U';
    /// Refused by admission, as the message has it; only a log that never states decisions leaves room for that.
    pub(crate) const BY_ADMISSION: u8 = b'Q';
    /// The request was received: no answer in this record.
    pub(crate) const RECEIVED: u8 = b'R';
}

/// What a record says of its request's end.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Stated<'a> {
    /// Annotation `authorization.k8s.io/decision`.
    pub(super) decision: &'a [u8],
    /// Annotation `authorization.k8s.io/reason`, as JSON has it.
    pub(super) reason: &'a [u8],
    /// `responseStatus.code`.
    pub(super) code: u16,
    /// `responseStatus.message`, as JSON has it between its quotes.
    pub(super) message: &'a [u8],
    /// The request's verb.
    pub(super) verb: &'a [u8],
}

/// The letter of a record that has an answer.
pub(super) fn letter(stated: &Stated<'_>) -> u8 {
    match stated.decision {
        b"allow" => return letter::ALLOWED,
        b"forbid" => return letter::DENIED,
        _ => {}
    }
    match stated.code {
        // The audit filter makes up this answer for a client that went away.
        200 if has(stated.message, b"Connection closed early") => letter::UNDETERMINED,
        // Whatever the handler says comes after authorization.
        100..=399 | 404 | 409 | 410 | 413 | 415 | 422 => letter::ALLOWED,
        403 => forbidden(stated),
        // 401: nobody; 429: before authorization; 5xx with reason "internal error": the authorizer failed.
        _ => letter::UNDETERMINED,
    }
}

/// A 403 without a stated decision.
fn forbidden(stated: &Stated<'_>) -> u8 {
    match refused_verb(stated.message) {
        Some(verb) if verb == stated.verb => letter::DENIED,
        // Impersonation is judged before the request, which then is not judged at all.
        Some(b"impersonate") => letter::UNDETERMINED,
        // The second check of an update that would create.
        Some(b"create") if matches!(stated.verb, b"update" | b"patch") => letter::ALLOWED,
        Some(_) => letter::UNDETERMINED,
        None if ADMISSION.iter().any(|text| has(stated.message, text)) => letter::BY_ADMISSION,
        None => letter::UNDETERMINED,
    }
}

/// What messages of admission say, and of the checks within handlers (kubernetes/kubernetes plugin/pkg/admission,
/// pkg/registry/rbac/escalation_check.go; k8s.io/apiserver pkg/admission).
const ADMISSION: &[&[u8]] = &[
    b"exceeded quota",
    b"violates PodSecurity",
    b"admission webhook",
    b"denied the request",
    b"ValidatingAdmissionPolicy",
    b"unable to validate against any security context constraint",
    b"unable to validate against any pod security policy",
    b"because it is being terminated",
    ESCALATION,
];

/// The message of the check that nobody grants more than they hold.
pub(super) const ESCALATION: &[u8] = b"permissions not currently held";

/// What letter and log together mean. `states_decisions`: some record of the cluster's log states one.
pub(super) fn meaning(letter: u8, states_decisions: bool) -> Outcome {
    match letter {
        letter::ALLOWED => Outcome::Allowed,
        letter::DENIED => Outcome::Denied,
        letter::BY_ADMISSION if !states_decisions => Outcome::Allowed,
        _ => Outcome::Undetermined,
    }
}

/// The verb of `User "X" cannot VERB …`, the authorizer's words for a refusal (k8s.io/apiserver
/// pkg/endpoints/handlers/responsewriters/errors.go).
fn refused_verb(message: &[u8]) -> Option<&[u8]> {
    const NEEDLE: &[u8] = b"\" cannot ";
    let at = memchr::memmem::find(message, NEEDLE)? + NEEDLE.len();
    message.get(at..)?.split(|byte| *byte == b' ').next().filter(|verb| !verb.is_empty())
}

/// A permission that a message names as refused.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Refused {
    pub(super) verb: String,
    pub(super) group: String,
    pub(super) resource: String,
    pub(super) subresource: String,
    pub(super) namespace: String,
    pub(super) name: String,
}

/// Reads `RESOURCE "NAME" is forbidden: User "U" cannot VERB resource "RESOURCE/SUB" in API group "G" in the namespace
/// "NS"`, unescaped.
pub(super) fn refused(message: &str) -> Option<Refused> {
    let (before, after) = message.split_once("\" cannot ")?;
    let verb = after.split(' ').next()?;
    let quoted = |key: &str| {
        let (_, rest) = after.split_once(key)?;
        rest.split('"').next()
    };
    let whole = quoted(" resource \"")?;
    let (resource, subresource) = whole.split_once('/').unwrap_or((whole, ""));
    let name = before.split_once(" is forbidden").and_then(|(about, _)| {
        let (_, name) = about.split_once(" \"")?;
        name.strip_suffix('"')
    });
    Some(Refused {
        verb: verb.to_string(),
        group: quoted(" in API group \"").unwrap_or_default().to_string(),
        resource: resource.to_string(),
        subresource: subresource.to_string(),
        namespace: quoted(" in the namespace \"").unwrap_or_default().to_string(),
        name: name.unwrap_or_default().to_string(),
    })
}

fn has(text: &[u8], needle: &[u8]) -> bool {
    !text.is_empty() && memchr::memmem::find(text, needle).is_some()
}
