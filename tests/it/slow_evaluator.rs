//! A second AWS policy evaluator, written to be read against the documentation, not to be fast.
//!
//! Owns: one answer for one self-contained case in the shape of `can --cases`. The tests compare it
//! with the evaluator of the crate, so it shares no code with it: only std and `serde_json::Value`.
//! Does not own: reading evidence, unknown context (a key that is not given is absent), the
//! management account, and the list of services that support resource control policies.
//!
//! Sources: "IAM-UG x" is the IAM User Guide, page `reference_policies_x` unless another prefix is
//! given; "ORG-UG" is the AWS Organizations User Guide.

use serde_json::{Map, Value};

#[path = "slow_evaluator/conditions.rs"]
mod conditions;
#[path = "slow_evaluator/patterns.rs"]
mod patterns;

use conditions::conditions_hold;
use patterns::{by_segment, expand, glob};

type Context = Map<String, Value>;

/// The decision on one case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Answer {
    /// Whether the request is allowed.
    pub(crate) allow: bool,
    /// Whether a Deny statement decided.
    pub(crate) explicit: bool,
    /// What denied: identity, boundary, session, resource, scp or rcp. `None` for an allow, and
    /// for the plain implicit deny, where nothing grants. With several explicit denies the first
    /// of scp, rcp, resource, identity, boundary, session.
    pub(crate) layer: Option<&'static str>,
}

impl Answer {
    const ALLOW: Self = Self { allow: true, explicit: false, layer: None };

    const fn explicit(layer: &'static str) -> Self {
        Self { allow: false, explicit: true, layer: Some(layer) }
    }

    const fn implicit(layer: Option<&'static str>) -> Self {
        Self { allow: false, explicit: false, layer }
    }

    /// The answer in the words of the `why` field of a case: `None` for an allow, else "implicit",
    /// "implicit LAYER" or "explicit LAYER".
    pub(crate) fn why(&self) -> Option<String> {
        let word = if self.explicit { "explicit" } else { "implicit" };
        match (self.allow, self.layer) {
            (true, _) => None,
            (false, None) => Some(word.to_string()),
            (false, Some(layer)) => Some(format!("{word} {layer}")),
        }
    }
}

/// Decides one case; its fields are those of `can --cases`.
///
/// Order: IAM-UG evaluation-logic; across accounts IAM-UG evaluation-logic-cross-account.
///
/// # Errors
/// A case or a policy that is not well formed, with the reason.
pub(crate) fn decide(case: &Value) -> Result<Answer, String> {
    let request = Request::of(case)?;
    let identity = named_policies(case.get("identity"), Kind::Identity, &request)?;
    let boundary = present(case, "boundary").map(|p| judge(p, Kind::Identity, &request));
    let boundary = boundary.transpose()?;
    let session = present(case, "session").map(|p| judge(p, Kind::Identity, &request));
    let session = session.transpose()?;
    let resource = match present(case, "resource_policy") {
        Some(policy) => judge(policy, Kind::Resource, &request)?,
        None => Verdict::default(),
    };
    let scps = levels(case, "scps", Kind::Organization, &request)?;
    let rcps = levels(case, "rcps", Kind::Resource, &request)?;

    let explicit = [
        ("scp", scps.iter().any(|level| level.denies)),
        ("rcp", rcps.iter().any(|level| level.denies)),
        ("resource", resource.denies),
        ("identity", identity.denies),
        ("boundary", boundary.is_some_and(|b| b.denies)),
        ("session", session.is_some_and(|s| s.denies)),
    ];
    if let Some((layer, _)) = explicit.into_iter().find(|(_, denies)| *denies) {
        return Ok(Answer::explicit(layer));
    }
    // RCPs need no allow: RCPFullAWSAccess is always attached (ORG-UG, RCP).
    if scps.iter().any(|level| level.allows == Named::No) {
        return Ok(Answer::implicit(Some("scp")));
    }

    let caller = CallerSide { request: &request, identity, boundary, session };
    if request.caller.account != request.resource_account {
        let own = caller.answer(true);
        let theirs = resource.allows != Named::No;
        return Ok(if own.allow && !theirs { Answer::implicit(None) } else { own });
    }
    Ok(match resource.allows {
        Named::Itself => Answer::ALLOW,
        Named::Role => caller.answer(false),
        Named::Account => caller.answer(true),
        Named::No if request.resource_must_allow() => Answer::implicit(None),
        Named::No => caller.answer(true),
    })
}

/// What limits the caller in its own account: identity policies, then boundary, then session policy
/// (IAM-UG evaluation-logic, steps 4 to 6 of the flow).
struct CallerSide<'a> {
    request: &'a Request<'a>,
    identity: Verdict,
    boundary: Option<Verdict>,
    session: Option<Verdict>,
}

impl CallerSide<'_> {
    fn answer(&self, identity_needed: bool) -> Answer {
        let form = self.request.caller.form;
        let lacks = |verdict: Verdict| verdict.allows == Named::No;
        if identity_needed && form != Form::Root && lacks(self.identity) {
            return Answer::implicit(None);
        }
        if self.boundary.is_some_and(lacks) {
            return Answer::implicit(Some("boundary"));
        }
        // A federated user without a session policy has no permission of its own
        // (IAM-UG evaluation-logic, "Session policies").
        if self.session.map_or(form == Form::Federated, lacks) {
            return Answer::implicit(Some("session"));
        }
        Answer::ALLOW
    }
}

/// The request, without its policies.
struct Request<'a> {
    caller: Caller<'a>,
    action: &'a str,
    resource: &'a str,
    resource_account: &'a str,
    context: &'a Context,
    has_boundary: bool,
}

impl<'a> Request<'a> {
    fn of(case: &'a Value) -> Result<Self, String> {
        let text = |field: &str| {
            case.get(field).and_then(Value::as_str).ok_or_else(|| format!("{field} is not text"))
        };
        let caller = Caller::of(text("principal")?)?;
        let context = case.get("context").and_then(Value::as_object);
        Ok(Self {
            resource_account: text("resource_account").unwrap_or(caller.account),
            caller,
            action: text("action")?,
            resource: text("resource")?,
            context: context.ok_or("context is not an object")?,
            has_boundary: present(case, "boundary").is_some(),
        })
    }

    fn is_action(&self, name: &str) -> bool {
        self.action.eq_ignore_ascii_case(name)
    }

    /// KMS keys and roles: identity policies alone never suffice (IAM-UG evaluation-logic, step 3).
    fn resource_must_allow(&self) -> bool {
        let mut parts = self.resource.splitn(6, ':').skip(2);
        let (service, last) = (parts.next().unwrap_or(""), parts.nth(2).unwrap_or(""));
        let action_of = self.action.split(':').next().unwrap_or("").to_ascii_lowercase();
        (action_of == "kms" && service == "kms" && last.starts_with("key/"))
            || (action_of == "sts" && service == "iam" && last.starts_with("role/"))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Root,
    User,
    Role,
    Session,
    Federated,
}

/// Who calls, taken apart from its ARN.
struct Caller<'a> {
    arn: &'a str,
    account: &'a str,
    form: Form,
    /// The name of the role without its path, for a role and its sessions.
    role: &'a str,
    service_linked: bool,
}

impl<'a> Caller<'a> {
    fn of(arn: &'a str) -> Result<Self, String> {
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        let [_, _, service, _, account, rest] = parts.as_slice() else {
            return Err(format!("principal is not an ARN: {arn}"));
        };
        let (word, name) = rest.split_once('/').unwrap_or((rest, ""));
        let (form, role) = match (*service, word) {
            ("iam", "root") => (Form::Root, ""),
            ("iam", "user") => (Form::User, ""),
            ("iam", "role") => (Form::Role, name.rsplit('/').next().unwrap_or(name)),
            ("sts", "assumed-role") => (Form::Session, name.split('/').next().unwrap_or(name)),
            ("sts", "federated-user") => (Form::Federated, ""),
            _ => return Err(format!("principal is no user, role or session: {arn}")),
        };
        // Path and name of service-linked roles are AWS's own (IAM-UG using-service-linked-roles).
        let service_linked =
            name.starts_with("aws-service-role/") || role.starts_with("AWSServiceRoleFor");
        Ok(Self { arn, account, form, role, service_linked })
    }

    /// How one entry of a Principal element names this caller (IAM-UG elements_principal). No
    /// wildcard within a name; an id such as `AROA…` is a deleted identity and names nobody.
    fn named_by(&self, entry: &str) -> Named {
        if entry == "*" {
            return Named::Itself;
        }
        if entry == self.arn {
            return match self.form {
                Form::Root => Named::Account,
                Form::Role => Named::Role,
                Form::User | Form::Session | Form::Federated => Named::Itself,
            };
        }
        let parts: Vec<&str> = entry.splitn(6, ':').collect();
        match parts.as_slice() {
            [account] if *account == self.account => Named::Account,
            [_, _, "iam", _, account, "root"] if *account == self.account => Named::Account,
            // A session ARN has lost the path of its role; names are unique without it.
            [_, _, "iam", _, account, rest] if *account == self.account => {
                let name = rest.strip_prefix("role/").and_then(|path| path.rsplit('/').next());
                let session_of = self.form == Form::Session && name == Some(self.role);
                if session_of { Named::Role } else { Named::No }
            }
            _ => Named::No,
        }
    }
}

/// How a statement names the caller, weakest first. The order is that of the table on resource
/// policies and implicit denies (IAM-UG evaluation-logic, step 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
enum Named {
    #[default]
    No,
    /// By its account: the decision is delegated to the identity policies.
    Account,
    /// By its role: boundary and session policy still limit.
    Role,
    /// Itself or everybody: no implicit deny limits.
    Itself,
}

/// What policies say about the request.
#[derive(Debug, Clone, Copy, Default)]
struct Verdict {
    denies: bool,
    allows: Named,
}

impl Verdict {
    fn and(self, other: Self) -> Self {
        Self { denies: self.denies || other.denies, allows: self.allows.max(other.allows) }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Identity policy, boundary, session policy: no Principal; short ARNs are completed.
    Identity,
    /// Service control policy: no Principal.
    Organization,
    /// Resource policy, trust policy, resource control policy: Principal needed, Resource optional.
    Resource,
}

fn present<'a>(case: &'a Value, field: &str) -> Option<&'a Value> {
    case.get(field).filter(|value| !value.is_null())
}

fn named_policies(list: Option<&Value>, kind: Kind, req: &Request) -> Result<Verdict, String> {
    let mut all = Verdict::default();
    for entry in list.and_then(Value::as_array).into_iter().flatten() {
        let policy = entry.get("policy").ok_or("an entry without a policy")?;
        all = all.and(judge(policy, kind, req)?);
    }
    Ok(all)
}

/// One verdict for each level that has policies (ORG-UG, SCP evaluation). Service-linked roles are
/// exempt from both kinds, `kms:RetireGrant` from RCPs (ORG-UG, SCP and RCP).
fn levels(case: &Value, field: &str, kind: Kind, req: &Request) -> Result<Vec<Verdict>, String> {
    let retire = kind == Kind::Resource && req.is_action("kms:RetireGrant");
    if req.caller.service_linked || retire {
        return Ok(Vec::new());
    }
    let all = case.get(field).and_then(Value::as_array).into_iter().flatten();
    let used = all.filter(|level| level.as_array().is_some_and(|l| !l.is_empty()));
    used.map(|level| named_policies(Some(level), kind, req)).collect()
}

fn judge(policy: &Value, kind: Kind, request: &Request) -> Result<Verdict, String> {
    // Under 2008-10-17, which is also the default, `${` is plain text (IAM-UG elements_version).
    let variables = match policy.get("Version").map(Value::as_str) {
        None | Some(Some("2008-10-17")) => None,
        Some(Some("2012-10-17")) => Some(request.context),
        Some(other) => return Err(format!("unknown Version {other:?}")),
    };
    let statements = match policy.get("Statement") {
        Some(Value::Array(list)) => list.iter().collect(),
        Some(one @ Value::Object(_)) => vec![one],
        _ => return Err("a policy without Statement".to_string()),
    };
    let mut verdict = Verdict::default();
    for statement in statements {
        let deny = match statement.get("Effect").and_then(Value::as_str) {
            Some("Allow") => false,
            Some("Deny") => true,
            other => return Err(format!("Effect is {other:?}")),
        };
        let named = match kind {
            Kind::Resource => principal_names(statement, deny, request)?,
            Kind::Identity | Kind::Organization => Named::Itself,
        };
        let applies = named != Named::No
            && action_applies(statement, request)?
            && resource_applies(statement, kind, request, variables)?
            && conditions_hold(statement, request, variables)?;
        if applies && deny {
            verdict.denies = true;
        } else if applies {
            verdict.allows = verdict.allows.max(named);
        }
    }
    Ok(verdict)
}

/// A string, number or boolean, or an array of them, as text (IAM-UG grammar).
fn texts(value: &Value) -> Result<Vec<String>, String> {
    match value {
        Value::String(text) => Ok(vec![text.clone()]),
        Value::Number(_) | Value::Bool(_) => Ok(vec![value.to_string()]),
        Value::Array(list) => Ok(list.iter().map(texts).collect::<Result<Vec<_>, _>>()?.concat()),
        Value::Null | Value::Object(_) => Err(format!("not a text: {value}")),
    }
}

fn principal_names(statement: &Value, deny: bool, request: &Request) -> Result<Named, String> {
    let entries = |value: &Value| match value {
        Value::String(text) if text == "*" => Ok(vec!["*".to_string()]),
        // Service, Federated and CanonicalUser never name a user, role or session.
        Value::Object(by_type) => by_type.get("AWS").map_or(Ok(Vec::new()), texts),
        other => Err(format!("Principal is {other}")),
    };
    match (statement.get("Principal"), statement.get("NotPrincipal")) {
        (Some(principal), None) => {
            let names = entries(principal)?;
            let names = names.iter().map(|entry| request.caller.named_by(entry));
            Ok(names.max().unwrap_or_default())
        }
        (None, Some(exempt)) => {
            let exempt = not_principal_exempts(&entries(exempt)?, deny, request);
            Ok(if exempt { Named::No } else { Named::Itself })
        }
        _ => Err("a statement needs one of Principal and NotPrincipal".to_string()),
    }
}

/// With Deny, the account, the role and the caller must all be listed (IAM-UG
/// elements_notprincipal); a caller with a boundary is never exempt (IAM-UG
/// access_policies_boundaries).
fn not_principal_exempts(entries: &[String], deny: bool, request: &Request) -> bool {
    let names: Vec<Named> = entries.iter().map(|entry| request.caller.named_by(entry)).collect();
    if !deny {
        return names.iter().any(|named| *named != Named::No);
    }
    let needed: &[Named] = match request.caller.form {
        Form::Root => &[Named::Account],
        Form::Role => &[Named::Account, Named::Role],
        Form::User | Form::Federated => &[Named::Account, Named::Itself],
        Form::Session => &[Named::Account, Named::Role, Named::Itself],
    };
    let everybody = entries.iter().any(|entry| entry == "*");
    !request.has_boundary && (everybody || needed.iter().all(|name| names.contains(name)))
}

/// IAM-UG elements_action, elements_notaction.
fn action_applies(statement: &Value, request: &Request) -> Result<bool, String> {
    let listed = |value: &Value| -> Result<bool, String> {
        Ok(texts(value)?.iter().any(|pattern| action_matches(pattern, request.action)))
    };
    match (statement.get("Action"), statement.get("NotAction")) {
        (Some(actions), None) => listed(actions),
        (None, Some(actions)) => Ok(!listed(actions)?),
        _ => Err("a statement needs one of Action and NotAction".to_string()),
    }
}

/// Without case; wildcards in the name only, the service prefix is compared whole.
fn action_matches(pattern: &str, action: &str) -> bool {
    if pattern == "*" || pattern == "*:*" {
        return true;
    }
    let (pattern, action) = (pattern.to_ascii_lowercase(), action.to_ascii_lowercase());
    match (pattern.split_once(':'), action.split_once(':')) {
        (Some((service, name)), Some((service_of, name_of))) => {
            service == service_of && glob(&expand(name, None, 0).unwrap_or_default(), name_of)
        }
        _ => false,
    }
}

/// IAM-UG elements_resource, elements_notresource. Trust policies and repository policies have no
/// Resource: it is what they are attached to.
fn resource_applies(
    statement: &Value,
    kind: Kind,
    request: &Request,
    variables: Option<&Context>,
) -> Result<bool, String> {
    let listed = |value: &Value| -> Result<bool, String> {
        let patterns = texts(value)?;
        Ok(patterns.iter().any(|p| resource_matches(p, kind, request.resource, variables)))
    };
    // The guide relies on this pair in two examples, though the action takes no bucket
    // (IAM-UG evaluation-logic and elements_condition_operators against elements_notaction).
    let lists_buckets = request.is_action("s3:ListAllMyBuckets") && request.resource == "*";
    match (statement.get("Resource"), statement.get("NotResource")) {
        (Some(resources), None) => {
            let all_buckets = texts(resources)?.iter().any(|text| text == "arn:aws:s3:::*");
            Ok((lists_buckets && all_buckets) || listed(resources)?)
        }
        (None, Some(resources)) => Ok(!listed(resources)?),
        (None, None) if kind == Kind::Resource => Ok(true),
        _ => Err("a statement needs one of Resource and NotResource".to_string()),
    }
}

/// With case. A short ARN in an identity policy is completed with `*`: not in the guide, observed
/// by the authors of cloud-copilot/iam-simulate.
fn resource_matches(
    pattern: &str,
    kind: Kind,
    resource: &str,
    variables: Option<&Context>,
) -> bool {
    let one = |pattern: &str| {
        expand(pattern, variables, 5).is_some_and(|tokens| glob(&by_segment(tokens), resource))
    };
    let missing = 5usize.saturating_sub(pattern.matches(':').count());
    let short = kind == Kind::Identity && missing > 0 && pattern.starts_with("arn:");
    one(pattern) || (short && one(&format!("{pattern}{}", ":*".repeat(missing))))
}

#[cfg(test)]
mod tests {
    use super::conditions::instant;
    use super::*;

    /// The cases of a JSON Lines file below the crate, or nothing when it is absent.
    fn cases(path: &str) -> Option<Vec<Value>> {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
        let text = std::fs::read_to_string(path).ok()?;
        let parsed: Result<Vec<Value>, _> = text.lines().map(serde_json::from_str).collect();
        Some(parsed.expect("each line is one case"))
    }

    /// Each case whose answer or reason is not the expected one.
    fn wrong(cases: &[Value]) -> Vec<String> {
        let text =
            |case: &Value, field: &str| case.get(field).and_then(Value::as_str).map(String::from);
        let mut wrong = Vec::new();
        for case in cases {
            let expected = (text(case, "expect"), text(case, "why"));
            let answer = decide(case)
                .map(|a| (Some(if a.allow { "allow" } else { "deny" }.to_string()), a.why()));
            if answer.as_ref() != Ok(&expected) {
                wrong.push(format!("{:?}: {answer:?}, not {expected:?}", text(case, "id")));
            }
        }
        wrong
    }

    #[test]
    fn every_documented_case_has_its_documented_outcome() {
        let cases = cases("fixtures/rules/aws-evaluation.jsonl").expect("the table is there");
        assert!(cases.len() >= 170, "{} cases", cases.len());
        assert_eq!(wrong(&cases), Vec::<String>::new());
    }

    #[test]
    #[allow(clippy::print_stderr, reason = "says that the shared cases are not there")]
    fn every_shared_case_has_its_documented_outcome() {
        let Some(cases) = cases("../shared/data/aws/evaluation-cases.jsonl") else {
            eprintln!("skipped: the shared cases are absent");
            return;
        };
        assert_eq!(cases.len(), 93);
        assert_eq!(wrong(&cases), Vec::<String>::new());
    }

    #[test]
    fn a_date_is_the_same_instant_in_every_form() {
        let same = ["2026-01-01", "2026-01", "2026", "1767225600", "2026-01-01T01:30+01:30"];
        for text in same {
            assert_eq!(instant(text), instant("2026-01-01T00:00:00.000Z"), "{text}");
        }
        assert_eq!(instant("2024-03-01"), Some(1_709_251_200 * 1_000_000_000_000_000_000));
        assert_eq!(instant("1969-12-31"), Some(-86_400 * 1_000_000_000_000_000_000));
        for text in ["", "2026-13-01", "2026-02-29", "2026-01-01T00:00:00", "soon", "é-1"] {
            assert_eq!(instant(text), None, "{text}");
        }
    }

    #[test]
    fn a_run_crosses_a_colon_only_at_the_end_of_its_segment() {
        let matches = |pattern, arn| resource_matches(pattern, Kind::Resource, arn, None);
        let table = "arn:aws:dynamodb:eu-west-1:1:table/x";
        assert!(matches("arn:aws:dynamodb:*:table/x", table));
        assert!(matches("arn:aws:dynamodb:eu-*:table/x", table));
        assert!(!matches("arn:aws:dynamodb:*1:table/x", table));
        assert!(!matches("arn:aws:dynamodb:eu-west-1?1:table/x", table));
    }
}
