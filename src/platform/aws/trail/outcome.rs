//! What an error code says about authorisation.
//!
//! Sources: exception names of the API models (botocore 1.44.8); IAM User Guide, "Troubleshoot access denied error
//! messages"; EC2 API reference, "Error codes"; CloudTrail User Guide, "CloudTrail record contents" (an absent
//! code is success) and "Network activity events" (`VpceAccessDenied`); codes seen in the records of
//! invictus-ir/aws_dataset. A code that is in no list is undetermined, and listed.

use crate::model::Outcome;

/// `errorCode` of a sign-in that failed: the record has none, only `responseElements.ConsoleLogin = Failure`.
pub(super) const CONSOLE_FAILED: &str = "(console login failed)";

/// `errorCode` where the record has only a message.
pub(super) const MESSAGE_ONLY: &str = "(message only)";

/// What a code means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// No error.
    Succeeded,
    /// Authorised, and failed for another reason.
    Failed,
    /// Authorised, and nothing was done because nothing was meant to be.
    DryRun,
    /// Refused by authorisation.
    Denied,
    /// The call was authorised; another permission that it needs was refused.
    DependentDenied,
    /// Refused, but not by IAM: the account or the service is not switched on.
    NotIam,
    /// The caller could not be authenticated.
    NotAuthenticated,
    /// The error can come before authorisation.
    MayPrecede,
    /// In no list.
    Unlisted,
}

impl Meaning {
    /// The outcome of the call.
    pub fn outcome(self) -> Outcome {
        match self {
            Meaning::Succeeded | Meaning::Failed | Meaning::DryRun | Meaning::DependentDenied => {
                Outcome::Allowed
            }
            Meaning::Denied => Outcome::Denied,
            Meaning::NotIam
            | Meaning::NotAuthenticated
            | Meaning::MayPrecede
            | Meaning::Unlisted => Outcome::Undetermined,
        }
    }
}

/// Exception names for a refusal by authorisation, in lower case.
const DENIED: &[&str] = &[
    "accessdenied",
    "accessdeniedexception",
    "accessdeniedfault",
    "accessforbidden",
    "authorizationerror",
    "authorizationerrorexception",
    "authorizationexception",
    "cloudhsmaccessdeniedexception",
    "forbiddenexception",
    "insufficientprivilegesexception",
    "notauthorizedexception",
    "opsitemaccessdeniedexception",
    "unauthorizedexception",
    "unauthorizedoperation",
    "unauthorizedoperationexception",
    "vpceaccessdenied",
];

/// The call was authorised and a permission that it depends on was not, in lower case.
const DEPENDENT: &[&str] = &[
    "accessdeniedfordependencyexception",
    "dependentserviceaccessdenied",
    "encryptionkeyaccessdeniedexception",
    "iamrolemissingpermissions",
    "insufficientdependencyserviceaccesspermissionexception",
    "insufficientiamaccesspermissionexception",
    "s3accessdeniedfault",
    "snsnoauthorization",
];

/// Refused, but not by a policy.
const NOT_IAM: &[&str] = &[
    "accountsuspended",
    "invalidaccessexception",
    "optinrequired",
    "organizationaccessdenied",
    "regiondisabled",
    "subscriptionrequired",
];

/// The request's credentials were not accepted.
const NOT_AUTHENTICATED: &[&str] = &[
    "authfailure",
    "expiredtoken",
    "expiredtokenexception",
    "idprejectedclaim",
    "incompletesignature",
    "invalidaccesskeyid",
    "invalidclienttokenid",
    "invalididentitytoken",
    "missingauthenticationtoken",
    "requestexpired",
    "signaturedoesnotmatch",
    "unrecognizedclientexception",
];

/// Errors that may come before authorisation: limits, validation, faults, and a bucket without an owner whose
/// policy could decide.
const MAY_PRECEDE: &[&str] = &[
    "internalerror",
    "internalfailure",
    "invalidaction",
    "malformedpolicydocument",
    "malformedpolicydocumentexception",
    "missingparameter",
    "nosuchbucket",
    "requestlimitexceeded",
    "serializationexception",
    "serviceunavailable",
    "slowdown",
    "throttling",
    "throttlingexception",
    "toomanyrequests",
    "toomanyrequestsexception",
    "validationerror",
    "validationexception",
];

/// Errors of the work itself, which begins after authorisation.
const FAILED: &[&str] = &[
    "bucketnotempty",
    "deleteconflict",
    "deleteconflictexception",
    "entitytemporarilyunmodifiable",
    "entitytemporarilyunmodifiableexception",
    "invocationdoesnotexist",
    "notmodified",
    "permanentredirect",
    "preconditionfailed",
];

/// What the message adds to the code, as a word that keys hold: messages are long and name request ids.
///
/// `not-activated` (cost explorer: IAM users have no access yet), `not-assumable` (Lambda refused the passed
/// role's trust policy, after it had checked that the caller may pass it), `bad-profile` (EC2 did not find the
/// instance profile, so that nothing was passed).
pub(super) fn detail(code: &[u8], message: &[u8]) -> &'static str {
    let has = |text: &str| memchr::memmem::find(message, text.as_bytes()).is_some();
    if code == b"AccessDenied" && has("IAM user access not activated") {
        "not-activated"
    } else if has("cannot be assumed by Lambda") {
        "not-assumable"
    } else if has("Invalid IAM Instance Profile") {
        "bad-profile"
    } else {
        ""
    }
}

/// The code without `Client.` and `Server.` (EC2, ELB), a namespace before `#` and an address after `:`
/// (Smithy, "AWS restJson1 protocol: operation error serialization"), in lower case.
fn bare(code: &str) -> String {
    let code = code.strip_prefix("Client.").unwrap_or(code);
    let code = code.strip_prefix("Server.").unwrap_or(code);
    let code = code.rsplit('#').next().unwrap_or(code);
    let code = match code.split_once(':') {
        Some(("aws" | "", after)) => after,
        Some((before, _)) => before,
        None => code,
    };
    code.trim().to_ascii_lowercase()
}

/// What an error code means for a call of a service. `detail` is what [`detail`] found in the message.
pub fn meaning(source: &str, code: &str, detail: &str) -> Meaning {
    if code.is_empty() {
        return Meaning::Succeeded;
    }
    if code == CONSOLE_FAILED || code == MESSAGE_ONLY {
        return Meaning::MayPrecede;
    }
    if detail == "not-activated" {
        return Meaning::NotIam;
    }
    let code = bare(code);
    let code = code.as_str();
    let service = source.split('.').next().unwrap_or(source);
    // A wrong password of an application's end user, not a decision about the caller.
    if code == "notauthorizedexception" && matches!(service, "cognito-idp" | "cognito-identity") {
        return Meaning::MayPrecede;
    }
    let lists = [
        (DENIED, Meaning::Denied),
        (DEPENDENT, Meaning::DependentDenied),
        (NOT_IAM, Meaning::NotIam),
        (NOT_AUTHENTICATED, Meaning::NotAuthenticated),
        (MAY_PRECEDE, Meaning::MayPrecede),
        (FAILED, Meaning::Failed),
    ];
    for (list, meaning) in lists {
        if list.contains(&code) {
            return meaning;
        }
    }
    by_form(service, code)
}

fn by_form(service: &str, code: &str) -> Meaning {
    if code.starts_with("kmsaccessdenied") {
        return Meaning::DependentDenied;
    }
    if code.starts_with("invalidparameter") {
        return Meaning::MayPrecede;
    }
    if code == "dryrunoperation" {
        return Meaning::DryRun;
    }
    // Run Command answers so when the instance is not in a valid state (seen, with that message).
    if service == "ssm" && code == "invalidinstanceid" {
        return Meaning::Failed;
    }
    let is_late = code.contains("notfound")
        || code.starts_with("nosuch")
        || code.contains("alreadyexists")
        || code.contains("inuse")
        || code.starts_with("conflict")
        || code.contains("limitexceeded")
        || code.contains("quotaexceeded")
        || (code.starts_with("invalid") && code.contains("state"));
    if is_late {
        return Meaning::Failed;
    }
    Meaning::Unlisted
}

/// The action and resource that a refusal's message names: `… is not authorized to perform: ACTION on resource:
/// RESOURCE because …` (IAM User Guide, "Troubleshoot access denied error messages"). The action is the IAM
/// action's own name. Either is empty if the message does not say.
pub(super) fn refused(message: &[u8]) -> (&[u8], &[u8]) {
    const PERFORM: &[u8] = b"not authorized to perform: ";
    const RESOURCE: &[u8] = b" on resource: ";
    let Some(at) = memchr::memmem::find(message, PERFORM) else {
        return (&[], &[]);
    };
    let rest = message.get(at + PERFORM.len()..).unwrap_or_default();
    let length = rest
        .iter()
        .position(|byte| {
            !(byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'-' | b'*' | b'_'))
        })
        .unwrap_or(rest.len());
    let (action, after) = rest.split_at(length);
    let has_form = memchr::memchr(b':', action).is_some_and(|colon| {
        colon > 0 && colon + 1 < action.len() && memchr::memrchr(b':', action) == Some(colon)
    });
    if !has_form {
        return (&[], &[]);
    }
    let Some(resource) = after.strip_prefix(RESOURCE) else {
        return (action, &[]);
    };
    let end = [" because ", " with an explicit deny"]
        .iter()
        .filter_map(|mark| memchr::memmem::find(resource, mark.as_bytes()))
        .min()
        .unwrap_or(resource.len());
    let resource = resource.get(..end).unwrap_or_default().trim_ascii();
    let resource = resource.strip_prefix(b"\"").unwrap_or(resource);
    (action, resource.strip_suffix(b"\"").unwrap_or(resource))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(code: &str) -> Meaning {
        meaning("ec2.amazonaws.com", code, "")
    }

    #[test]
    fn trap_07_prefixes_and_namespaces_do_not_hide_a_refusal() {
        for code in [
            "AccessDenied",
            "Client.UnauthorizedOperation",
            "client.unauthorizedoperation".replace("client", "Client").as_str(),
            "com.amazonaws.kms#AccessDeniedException",
            "AccessDeniedException:http://internal.amazon.com/coral/com.amazonaws/",
            "VpceAccessDenied",
        ] {
            assert_eq!(of(code), Meaning::Denied, "{code}");
        }
        assert_eq!(of(""), Meaning::Succeeded);
    }

    #[test]
    fn codes_after_authorisation_count_as_allowed() {
        for code in [
            "NoSuchEntity",
            "Client.InvalidRouteTableID.NotFound",
            "EntityAlreadyExists",
            "Client.VpcLimitExceeded",
            "InvalidDBInstanceStateFault",
            "ObjectLockConfigurationNotFoundError",
            "ConflictException",
            "Client.DryRunOperation",
        ] {
            assert_eq!(of(code).outcome(), Outcome::Allowed, "{code}");
        }
    }

    #[test]
    fn codes_that_may_precede_authorisation_prove_nothing() {
        for code in [
            "ThrottlingException",
            "Client.RequestLimitExceeded",
            "NoSuchBucket",
            "Client.InvalidParameterValue",
            "ExpiredToken",
            "OptInRequired",
            "SomeErrorCode",
        ] {
            assert_eq!(of(code).outcome(), Outcome::Undetermined, "{code}");
        }
        assert_eq!(of("SomeErrorCode"), Meaning::Unlisted);
        let end_user = meaning("cognito-idp.amazonaws.com", "NotAuthorizedException", "");
        assert_eq!(end_user.outcome(), Outcome::Undetermined);
        let denied = detail(b"AccessDenied", b"IAM user access not activated");
        assert_eq!(meaning("ce.amazonaws.com", "AccessDenied", denied), Meaning::NotIam);
    }

    #[test]
    fn a_dependent_refusal_leaves_the_call_allowed() {
        for code in ["KMSAccessDeniedFault", "KmsAccessDenied", "S3AccessDeniedFault"] {
            assert_eq!(of(code), Meaning::DependentDenied, "{code}");
        }
    }

    #[test]
    fn a_message_names_action_and_resource() {
        let cases: [(&str, &str, &str); 5] = [
            (
                "User: arn:aws:iam::1:user/u is not authorized to perform: iam:PassRole on resource: \
                 arn:aws:iam::1:role/r because no identity-based policy allows the iam:PassRole action",
                "iam:PassRole",
                "arn:aws:iam::1:role/r",
            ),
            (
                "User: x is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::1:role/r",
                "sts:AssumeRole",
                "arn:aws:iam::1:role/r",
            ),
            (
                "User: x is not authorized to perform: s3:ListBucket on resource: \"arn:aws:s3:::b\" with \
                 an explicit deny in a service control policy",
                "s3:ListBucket",
                "arn:aws:s3:::b",
            ),
            ("You are not authorized to perform this operation.", "", ""),
            ("not authorized to perform: a:b:c on resource: d", "", ""),
        ];
        for (message, action, resource) in cases {
            let (found, named) = refused(message.as_bytes());
            assert_eq!(String::from_utf8_lossy(found), action, "{message}");
            assert_eq!(String::from_utf8_lossy(named), resource, "{message}");
        }
    }
}
