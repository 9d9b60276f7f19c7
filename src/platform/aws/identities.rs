//! What an IAM identity is: who or what runs as it, by stated rules, and who can become it.
//!
//! | sign | result |
//! |---|---|
//! | role path `/aws-service-role/`, name `AWSServiceRoleFor…` | service-linked (IAM User Guide, using-service-linked-roles) |
//! | role path `/aws-reserved/sso.amazonaws.com/`, name `AWSReservedSSO_…` | people, through Identity Center |
//! | trust in a SAML provider | people |
//! | trust in an OIDC provider | the CI system, cluster or product of its host |
//! | trust in a service | a workload of that service |
//! | trust in an unknown account with `sts:ExternalId` | third party (IAM User Guide, id_roles_common-scenarios_third-party); a vendor's integration if nobody else is trusted and it cannot change permissions |
//! | instance profile | EC2 |
//! | user with a password and no active key | a person |
//! | user with both | mixed |
//!
//! Signs of people beside signs of programs make an identity mixed, so that it stays in the report.

use std::collections::BTreeSet;

use super::arn::{Arn, is_account};
use super::documents::entities::Entity;
use super::documents::pool::PolicyDocument;
use super::policy::document::{Named, Policy, Statement};
use crate::model::{Identity, IdentityKind, Label, Link, Place, Str};

/// What the credential report says of a user.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Signs {
    /// Whether it can sign in with a password, where known.
    pub(crate) has_password: Option<bool>,
    /// Whether it has an active access key.
    pub(crate) has_active_key: bool,
    /// Whether a log shows that it signed in to the console.
    pub(crate) signed_in: bool,
}

/// Who a trust policy lets in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Trusted {
    /// People, through a way of signing in.
    People(String),
    /// A program, in words.
    Workload(String),
    /// An account that is not known, with `sts:ExternalId`.
    ThirdParty,
    /// Another account.
    Account(String),
    /// The role's own account.
    Own,
    /// Anybody.
    Anyone,
}

/// Builds the row of an identity, without its holes.
pub(crate) fn identity(entity: &Entity, signs: Signs, accounts: &BTreeSet<Str>) -> Identity {
    let kind = if entity.is_user { IdentityKind::User } else { IdentityKind::Role };
    let mut row = Identity::new(entity.arn.clone(), "aws", kind);
    row.name = format!("aws:{}/{}", kind.as_str(), entity.name).into();
    row.account = entity.account.clone();
    row.created = entity.created;
    row.place = Some(entity.place);
    for (key, value) in &entity.tags {
        let slot = match key.to_ascii_lowercase().as_str() {
            "environment" | "env" => &mut row.environment,
            "owner" => &mut row.owner,
            _ => continue,
        };
        if !value.is_empty() && slot.is_none() {
            *slot = Some(value.clone());
        }
    }
    row.tags = entity.tags.clone();
    if entity.is_user {
        user(&mut row, signs);
    } else {
        role(&mut row, entity, accounts);
    }
    row
}

fn user(row: &mut Identity, signs: Signs) {
    let has_password = signs.has_password.unwrap_or(signs.signed_in);
    match (has_password, signs.has_active_key) {
        (true, false) if signs.has_password.is_some() => {
            row.labels.insert(Label::Human);
        }
        // Without a credential report it is not known whether there are keys.
        (true, _) => {
            row.labels.insert(Label::Mixed);
        }
        (false, _) => {}
    }
}

fn role(row: &mut Identity, entity: &Entity, accounts: &BTreeSet<Str>) {
    let path = path(&entity.arn);
    if let Some(service) = service_linked(&entity.arn, &entity.name) {
        row.labels.insert(Label::ServiceLinked);
        row.workload = Some(service);
        return;
    }
    if path.starts_with("/aws-reserved/sso.amazonaws.com/")
        || entity.name.starts_with("AWSReservedSSO_")
    {
        row.labels.insert(Label::Human);
        row.workload = Some("people, through IAM Identity Center".into());
        return;
    }
    let mut trusted: BTreeSet<Trusted> = BTreeSet::new();
    let policy = entity.trust.as_ref().and_then(PolicyDocument::policy);
    for statement in policy.iter().flat_map(|policy| &policy.statements) {
        if statement.allow {
            trusted.extend(of_statement(statement, entity, accounts));
        }
    }
    if !entity.profiles.is_empty() {
        trusted.insert(Trusted::Workload("an EC2 instance".into()));
    }
    label(row, &trusted);
    row.workload = words(&trusted, &entity.name);
}

fn label(row: &mut Identity, trusted: &BTreeSet<Trusted>) {
    let has = |test: fn(&Trusted) -> bool| trusted.iter().any(test);
    let people = has(|one| matches!(one, Trusted::People(_)));
    let others = has(|one| !matches!(one, Trusted::People(_)));
    match (people, others) {
        (true, false) => row.labels.insert(Label::Human),
        (true, true) => row.labels.insert(Label::Mixed),
        (false, _) => false,
    };
    if has(|one| *one == Trusted::ThirdParty) {
        row.labels.insert(Label::ThirdParty);
        if trusted.len() == 1 {
            row.labels.insert(Label::Vendor);
        }
    }
}

fn words(trusted: &BTreeSet<Trusted>, name: &str) -> Option<Str> {
    let mut words: Vec<String> = trusted
        .iter()
        .filter_map(|one| match one {
            Trusted::People(how) => Some(format!("people, through {how}")),
            Trusted::Workload(what) => Some(what.clone()),
            Trusted::ThirdParty => Some("a third party".to_string()),
            Trusted::Account(account) => Some(format!("account {account}")),
            Trusted::Anyone => Some("anybody".to_string()),
            Trusted::Own => None,
        })
        .collect();
    // Roles that Organizations and Control Tower make for the management account.
    if matches!(name, "OrganizationAccountAccessRole" | "AWSControlTowerExecution") {
        words = vec!["administration from the management account".to_string()];
    }
    (!words.is_empty()).then(|| words.join("; ").into())
}

/// The path of an IAM ARN, with both slashes.
fn path(arn: &str) -> &str {
    let resource = Arn::parse(arn).map_or("", |arn| arn.resource);
    let begin = resource.find('/').unwrap_or(0);
    let end = resource.rfind('/').map_or(begin, |at| at + 1);
    resource.get(begin..end).unwrap_or_default()
}

/// Of a service-linked role: the service that it belongs to.
pub(crate) fn service_linked(arn: &str, name: &str) -> Option<Str> {
    let rest = path(arn).strip_prefix("/aws-service-role/");
    match rest {
        Some(rest) => Some(rest.trim_end_matches('/').into()),
        None if name.starts_with("AWSServiceRoleFor") => Some("an AWS service".into()),
        None => None,
    }
}

fn of_statement(statement: &Statement, entity: &Entity, accounts: &BTreeSet<Str>) -> Vec<Trusted> {
    let Some(principals) = &statement.principals else {
        return Vec::new();
    };
    if principals.not {
        return vec![Trusted::Anyone];
    }
    let has_external_id = statement.conditions.iter().any(|test| &*test.key == "sts:externalid");
    let one = |named: &Named| match named {
        Named::Anyone => Trusted::Anyone,
        Named::Service(name) => Trusted::Workload(service(name)),
        Named::Federated(provider) => federated(provider),
        Named::Canonical(id) => Trusted::Account(id.to_string()),
        Named::Aws(text) => {
            let account = account_of(text);
            match account {
                // A unique id stands where the identity was deleted.
                None => Trusted::Account(text.to_string()),
                Some(account) if *account == *entity.account => Trusted::Own,
                Some(account) if has_external_id && !accounts.contains(account) => {
                    Trusted::ThirdParty
                }
                Some(account) => Trusted::Account(account.to_string()),
            }
        }
    };
    principals.list.iter().map(one).collect()
}

/// The account of a principal: an account number, or an ARN's.
fn account_of(text: &str) -> Option<&str> {
    if is_account(text) {
        return Some(text);
    }
    Arn::parse(text).map(|arn| arn.account).filter(|text| is_account(text))
}

/// What runs when a service assumes a role (service principals: IAM User Guide,
/// reference_policies_elements_principal).
fn service(name: &str) -> String {
    let short = name.split('.').next().unwrap_or(name);
    let known = match short {
        "ec2" => "an EC2 instance",
        "lambda" => "a Lambda function",
        "ecs-tasks" => "an ECS task",
        "codebuild" => "a CodeBuild project",
        "states" => "a Step Functions state machine",
        "glue" => "a Glue job",
        "sagemaker" => "a SageMaker job",
        "pods" => "an EKS pod",
        "rolesanywhere" => "a workload outside AWS, by certificate",
        "bedrock" => "an AI agent of Amazon Bedrock",
        "bedrock-agentcore" => "an AI agent of Bedrock AgentCore",
        "qbusiness" => "an AI agent of Amazon Q Business",
        _ => return format!("the service {name}"),
    };
    known.to_string()
}

/// Who signs in through an identity provider.
fn federated(provider: &str) -> Trusted {
    if provider.contains(":saml-provider/") {
        return Trusted::People("a SAML provider".into());
    }
    let host = provider.split_once(":oidc-provider/").map_or(provider, |(_, host)| host);
    let what = match host.split('/').next().unwrap_or(host) {
        "token.actions.githubusercontent.com" => "GitHub Actions",
        "gitlab.com" => "GitLab CI",
        "app.terraform.io" => "Terraform Cloud",
        "agent.buildkite.com" => "Buildkite",
        "oidc.circleci.com" => "CircleCI",
        "vstoken.dev.azure.com" => "Azure Pipelines",
        "cognito-identity.amazonaws.com" => "users of an app, through Amazon Cognito",
        "www.amazon.com" | "graph.facebook.com" => "users of an app, through a web identity",
        "accounts.google.com" => "a Google identity",
        host if host.starts_with("oidc.eks.") => "an EKS service account",
        _ => return Trusted::Workload(format!("a workload of {host}")),
    };
    Trusted::Workload(what.to_string())
}

/// Everybody whom a role's trust policy lets in, and the instance profiles that hand it out.
pub(crate) fn links(entity: &Entity, resolve: &dyn Fn(&str) -> Str) -> Vec<Link> {
    let mut links = Vec::new();
    let policy = entity.trust.as_ref().and_then(PolicyDocument::policy);
    if let Some(policy) = policy {
        trust_links(policy, entity, resolve, &mut links);
    }
    let profiles = entity.profiles.iter().map(|profile| Link {
        from: profile.clone(),
        to: entity.arn.clone(),
        mechanism: "instance profile".into(),
        place: Some(entity.place),
    });
    links.extend(profiles);
    links
}

fn trust_links(
    policy: &Policy,
    entity: &Entity,
    resolve: &dyn Fn(&str) -> Str,
    links: &mut Vec<Link>,
) {
    for statement in policy.statements.iter().filter(|one| one.allow) {
        let Some(principals) = &statement.principals else {
            continue;
        };
        let place: Option<Place> = statement.place.or(Some(entity.place));
        let mut add = |from: Str| {
            links.push(Link {
                from,
                to: entity.arn.clone(),
                mechanism: "trust policy".into(),
                place,
            });
        };
        if principals.not {
            add("*".into());
            continue;
        }
        for named in &principals.list {
            match named {
                Named::Anyone => add("*".into()),
                Named::Aws(text) if is_account(text) => {
                    let partition = Arn::parse(&entity.arn).map_or("aws", |arn| arn.partition);
                    add(format!("arn:{partition}:iam::{text}:root").into());
                }
                Named::Aws(text) => add(resolve(text)),
                Named::Service(name) | Named::Canonical(name) => add(name.clone()),
                Named::Federated(provider) => {
                    for subject in subjects(statement, provider) {
                        add(subject);
                    }
                }
            }
        }
    }
}

/// The subjects that an identity provider may name; its own name with `*` where the trust policy does not
/// limit them (IAM User Guide, id_roles_create_for-idp_oidc).
fn subjects(statement: &Statement, provider: &Str) -> Vec<Str> {
    if provider.contains(":saml-provider/") {
        return vec![provider.clone()];
    }
    let host = provider.split_once(":oidc-provider/").map_or(&**provider, |(_, host)| host);
    let wanted = format!("{}:sub", host.to_ascii_lowercase());
    let mut found = Vec::new();
    for test in &statement.conditions {
        let operator = test.operator.to_ascii_lowercase();
        let is_negated = operator.contains("not") || operator == "null";
        let is_loose = operator.ends_with("ifexists") || operator.starts_with("forallvalues");
        if *test.key == *wanted && !is_negated && !is_loose {
            found.extend(test.values.iter().cloned());
        }
    }
    if found.is_empty() {
        found.push(format!("{host}:*").into());
    }
    found
}
