//! Whom a record credits.
//!
//! Source: CloudTrail User Guide, "CloudTrail userIdentity element". A role session is credited to its role by
//! `sessionContext.sessionIssuer.arn`, which has the role's path; the session's own ARN has not. A call that a
//! service made with an identity's session (`invokedBy` beside a user or role, a forward access session) is that
//! identity's use; a call of type `AWSService` is nobody's.

use crate::model::Str;

use super::key::{Key, Part};
use super::scope::Names;

/// Who made a call.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Caller {
    /// An identity, by canonical id: an ARN with path, else the best name that the log has.
    Identity(Str),
    /// Somebody who has no AWS identity yet: the subject of a web identity or SAML provider. The role that it
    /// assumes is credited.
    Outside {
        /// The subject, where it names a workload rather than an application's end user.
        subject: Option<Str>,
        /// The provider.
        provider: Option<Str>,
    },
    /// An AWS service, for itself.
    Service(Str),
    /// Nobody that can be named, with the reason.
    Nobody(&'static str),
}

/// Identity providers of application end users: their subjects are people without number (IAM User Guide,
/// "AWS: Available global condition context keys", web identity federation).
pub(super) const END_USER_PROVIDERS: &[&str] = &[
    "cognito-identity.amazonaws.com",
    "www.amazon.com",
    "graph.facebook.com",
    "accounts.google.com",
];

/// The caller of a row.
pub(super) fn caller(key: &Key<'_>, names: &Names) -> Caller {
    let arn = key.get(Part::Arn);
    match kind(key) {
        "IAMUser" => user(key, names),
        "AssumedRole" => role(key, names),
        "FederatedUser" | "Role" => by_arn(arn, "federated users and roles without an ARN"),
        "Root" => root(key),
        "SAMLUser" | "WebIdentityUser" => outside(key),
        "AWSService" => Caller::Service(key.get(Part::InvokedBy).into()),
        "AWSAccount" => account(key),
        "IdentityCenterUser" => match key.some(Part::OnBehalfOf) {
            Some(user) => Caller::Identity(
                format!("arn:{}:identitystore:::user/{user}", key.partition()).into(),
            ),
            None => Caller::Nobody("Identity Center users without an id"),
        },
        "Directory" => Caller::Nobody("directory users"),
        "Unknown" => Caller::Nobody("callers that CloudTrail calls unknown"),
        "" => Caller::Nobody("records without a caller"),
        _ => Caller::Nobody("callers of a type that is not known"),
    }
}

/// `userIdentity.type`; without one (tools that drop it) what the ARN says.
pub(super) fn kind<'a>(key: &Key<'a>) -> &'a str {
    let stated = key.get(Part::Type);
    if !stated.is_empty() {
        return stated;
    }
    let resource = key.get(Part::Arn).splitn(6, ':').nth(5).unwrap_or_default();
    match resource.split('/').next() {
        Some("user") => "IAMUser",
        Some("assumed-role" | "role") => "AssumedRole",
        Some("federated-user") => "FederatedUser",
        Some("root") => "Root",
        _ => "",
    }
}

fn by_arn(arn: &str, or: &'static str) -> Caller {
    if arn.starts_with("arn:") { Caller::Identity(arn.into()) } else { Caller::Nobody(or) }
}

fn user(key: &Key<'_>, names: &Names) -> Caller {
    let arn = key.get(Part::Arn);
    if arn.starts_with("arn:") {
        return Caller::Identity(arn.into());
    }
    let name = key.get(Part::UserName);
    // A failed sign-in with an unknown name hides the name: it may be a password.
    if name.is_empty() || name == "HIDDEN_DUE_TO_SECURITY_REASONS" {
        return match unique(key, "AIDA") {
            Some(id) => Caller::Identity(id.into()),
            None => Caller::Nobody("users whose name is hidden"),
        };
    }
    let account = key.account();
    if account.is_empty() {
        return Caller::Nobody("users without an account");
    }
    let known = names.find("user", account, name);
    Caller::Identity(
        known.unwrap_or_else(|| {
            format!("arn:{}:iam::{account}:user/{name}", key.partition()).into()
        }),
    )
}

/// The key holds the session issuer's ARN, or the session's without the session name.
fn role(key: &Key<'_>, names: &Names) -> Caller {
    let arn = key.get(Part::Arn);
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    if let ["arn", partition, "sts", _, account, resource] = parts.as_slice()
        && let Some(name) = resource.strip_prefix("assumed-role/")
    {
        let name = name.split('/').next().unwrap_or(name);
        // The session's ARN has no path: the role is matched by name, which is unique in its account.
        return Caller::Identity(match names.find("role", account, name) {
            Some(known) => known,
            None => format!("arn:{partition}:iam::{account}:role/{name}").into(),
        });
    }
    match (arn.starts_with("arn:"), unique(key, "AROA")) {
        (true, _) => Caller::Identity(arn.into()),
        (false, Some(id)) => Caller::Identity(id.into()),
        (false, None) => Caller::Nobody("role sessions without a role"),
    }
}

fn root(key: &Key<'_>) -> Caller {
    let arn = key.get(Part::Arn);
    if arn.starts_with("arn:") {
        return Caller::Identity(arn.into());
    }
    match key.account() {
        "" => Caller::Nobody("root of an account that is not named"),
        account => Caller::Identity(format!("arn:{}:iam::{account}:root", key.partition()).into()),
    }
}

/// A caller of another account: the record gives its account and unique id only.
fn account(key: &Key<'_>) -> Caller {
    let account = key.get(Part::Account);
    if account == "ANONYMOUS_PRINCIPAL" || key.get(Part::UniqueId) == "ANONYMOUS_PRINCIPAL" {
        return Caller::Nobody("anonymous callers");
    }
    if let Some(id) = unique(key, "AROA").or_else(|| unique(key, "AIDA")) {
        return Caller::Identity(id.into());
    }
    match account {
        "" => Caller::Nobody("other accounts that are not named"),
        account => Caller::Identity(format!("aws-account:{account}").into()),
    }
}

/// The unique id, if it begins so (IAM User Guide, "IAM identifiers", unique ID prefixes).
fn unique<'a>(key: &Key<'a>, prefix: &str) -> Option<&'a str> {
    key.some(Part::UniqueId)
        .filter(|id| id.starts_with(prefix) && id.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

fn outside(key: &Key<'_>) -> Caller {
    let provider = key.get(Part::Provider);
    // The key holds no subject for the providers of end users.
    Caller::Outside {
        subject: key.some(Part::UserName).map(Str::from),
        provider: (!provider.is_empty()).then(|| provider.into()),
    }
}
