//! Resources of a plan that have policies of their own, and the ARNs of those that policies name.
//!
//! Attributes: documentation of the AWS provider, one page a resource type. ARNs: Service Authorization Reference,
//! "Resource types" of each service.

use super::Reader;
use super::rows::{Fields, Known, Row, iam_arn, text_of};
use crate::model::Place;
use crate::platform::Intake;
use crate::platform::aws::change::part::{Item, Part};
use crate::platform::aws::change::{Resource, composed};

/// A type with a policy: the attribute that holds it, the one that names the resource, and the resource's ARN with
/// `{}` for that name, `{account}` and `{region}`.
type Rule = (&'static str, &'static str, &'static str, &'static str);

/// The policy of the resource itself, or a resource that attaches one to another.
const RULES: &[Rule] = &[
    ("aws_s3_bucket", "policy", "bucket", "arn:aws:s3:::{}"),
    ("aws_s3_bucket_policy", "policy", "bucket", "arn:aws:s3:::{}"),
    ("aws_kms_key", "policy", "arn", "arn:aws:kms:{region}:{account}:key/{}"),
    ("aws_kms_key_policy", "policy", "key_id", "arn:aws:kms:{region}:{account}:key/{}"),
    ("aws_sqs_queue", "policy", "name", "arn:aws:sqs:{region}:{account}:{}"),
    ("aws_sqs_queue_policy", "policy", "queue_url", "arn:aws:sqs:{region}:{account}:{}"),
    ("aws_sns_topic", "policy", "name", "arn:aws:sns:{region}:{account}:{}"),
    ("aws_sns_topic_policy", "policy", "arn", "arn:aws:sns:{region}:{account}:{}"),
    (
        "aws_secretsmanager_secret",
        "policy",
        "arn",
        "arn:aws:secretsmanager:{region}:{account}:secret:{}",
    ),
    (
        "aws_secretsmanager_secret_policy",
        "policy",
        "secret_arn",
        "arn:aws:secretsmanager:{region}:{account}:secret:{}",
    ),
    (
        "aws_ecr_repository_policy",
        "policy",
        "repository",
        "arn:aws:ecr:{region}:{account}:repository/{}",
    ),
    (
        "aws_dynamodb_resource_policy",
        "policy",
        "resource_arn",
        "arn:aws:dynamodb:{region}:{account}:table/{}",
    ),
    (
        "aws_efs_file_system_policy",
        "policy",
        "file_system_id",
        "arn:aws:elasticfilesystem:{region}:{account}:file-system/{}",
    ),
    ("aws_glacier_vault", "access_policy", "name", "arn:aws:glacier:{region}:{account}:vaults/{}"),
    (
        "aws_backup_vault_policy",
        "policy",
        "backup_vault_name",
        "arn:aws:backup:{region}:{account}:backup-vault:{}",
    ),
    (
        "aws_cloudwatch_event_bus_policy",
        "policy",
        "event_bus_name",
        "arn:aws:events:{region}:{account}:event-bus/{}",
    ),
    (
        "aws_kinesis_resource_policy",
        "policy",
        "resource_arn",
        "arn:aws:kinesis:{region}:{account}:stream/{}",
    ),
    (
        "aws_opensearch_domain_policy",
        "access_policies",
        "domain_name",
        "arn:aws:es:{region}:{account}:domain/{}",
    ),
];

/// Types whose ARN policies name, without a policy of their own here.
const NAMED: &[(&str, &str, &str)] = &[
    ("aws_lambda_function", "function_name", "arn:aws:lambda:{region}:{account}:function:{}"),
    ("aws_dynamodb_table", "name", "arn:aws:dynamodb:{region}:{account}:table/{}"),
];

/// Whether a type has a rule.
pub(super) fn is_named(kind: &str) -> bool {
    kind == "aws_lambda_permission"
        || RULES.iter().any(|rule| rule.0 == kind)
        || NAMED.iter().any(|rule| rule.0 == kind)
}

impl<'a> Reader<'_, 'a> {
    /// The ARN of a resource, where its attribute says so: `arn` of most, `id` of some.
    pub(super) fn arn(&self, at: usize, attribute: &str) -> Option<String> {
        let row = self.rows.get(at)?;
        let fields = row.fields.as_ref()?;
        if attribute != "arn" {
            return None;
        }
        if let Some(arn) = text_of(fields, "arn") {
            return Some(arn);
        }
        let account = self.account(row);
        match row.kind.as_str() {
            "aws_iam_role" | "aws_iam_user" | "aws_iam_group" => {
                let kind = row.kind.trim_start_matches("aws_iam_");
                let path = text_of(fields, "path").unwrap_or_default();
                Some(iam_arn(account.as_ref(), kind, &path, &self.name(row)).to_string())
            }
            "aws_iam_policy" => Some(self.policy_arn(row).to_string()),
            "aws_iam_openid_connect_provider" => {
                let host = text_of(fields, "url")?;
                let host = host.trim_start_matches("https://");
                Some(iam_arn(account.as_ref(), "oidc-provider", "/", host).to_string())
            }
            "aws_iam_saml_provider" => {
                let name = text_of(fields, "name")?;
                Some(iam_arn(account.as_ref(), "saml-provider", "/", &name).to_string())
            }
            kind => {
                let own = RULES.iter().find(|rule| rule.0 == kind && !rule.0.ends_with("_policy"));
                let (name, template) = match own {
                    Some((_, _, name, template)) => (*name, *template),
                    None => {
                        NAMED.iter().find(|rule| rule.0 == kind).map(|rule| (rule.1, rule.2))?
                    }
                };
                Some(self.filled(row, template, &text_of(fields, name)?))
            }
        }
    }

    /// A template with the name of a resource in it; a name may be an ARN or an URL itself.
    fn filled(&self, row: &Row<'a>, template: &str, name: &str) -> String {
        if name.starts_with("arn:") {
            return name.to_string();
        }
        let name = name.rsplit('/').next().filter(|_| name.contains("://")).unwrap_or(name);
        let account = self.account(row);
        template
            .replace("{region}", "*")
            .replace("{account}", account.as_deref().unwrap_or("*"))
            .replace("{}", name)
    }

    /// Reads the policy of a resource.
    pub(super) fn resource(&mut self, row: &Row<'a>, intake: &mut Intake) {
        let Some(rule) = RULES.iter().find(|rule| rule.0 == row.kind) else {
            return;
        };
        let (_, attribute, named, template) = *rule;
        let before = row.before.as_ref().and_then(|fields| text_of(fields, named));
        let before = before.map(|name| self.filled(row, template, &name));
        if row.fields.is_none() {
            if let Some(arn) = before {
                self.push_resource(row, arn, None);
            }
            return;
        }
        let name = format!("policy of {}", row.address);
        let documents = self.documents(row, attribute, &name, intake);
        let arn = match row.text(named) {
            Known::Value(name) => Some(self.filled(row, template, &name)),
            Known::Absent => before,
            Known::Unknown => {
                let led = self.refs.of(self.rows, row, named);
                let mut arns: Vec<String> =
                    led.to.iter().filter_map(|(at, _)| self.arn(*at, "arn")).collect();
                arns.dedup();
                (arns.len() == 1).then(|| arns.pop()).flatten()
            }
        };
        let arn = arn.unwrap_or_else(|| {
            // The address in the place of the name keeps policies apart.
            if !documents.is_empty() {
                self.change.open(&row.address, named, row.place);
            }
            self.filled(row, template, &row.address)
        });
        for document in documents {
            self.push_resource(row, arn.clone(), Some(document));
            intake.used(1);
        }
    }

    fn push_resource(
        &mut self,
        row: &Row<'a>,
        arn: String,
        document: Option<crate::platform::aws::documents::pool::PolicyDocument>,
    ) {
        self.change.resources.push(Resource { arn: arn.into(), scope: row.scope, document });
    }

    /// Reads the permissions of functions: each adds a statement to its function's policy (Lambda API Reference,
    /// AddPermission).
    pub(super) fn permissions(&mut self, intake: &mut Intake) {
        let mut functions: std::collections::BTreeMap<String, (usize, Place, Vec<Part>)> =
            std::collections::BTreeMap::new();
        let rows = self.rows;
        for row in rows.iter().filter(|row| row.kind == "aws_lambda_permission") {
            let Some(fields) = &row.fields else { continue };
            let function = match row.text("function_name") {
                Known::Value(name) => Some(name),
                _ => {
                    let led = self.refs.of(rows, row, "function_name");
                    let mut arns: Vec<String> =
                        led.to.iter().filter_map(|(at, _)| self.arn(*at, "arn")).collect();
                    (arns.len() == 1).then(|| arns.pop()).flatten()
                }
            };
            let template = "arn:aws:lambda:{region}:{account}:function:{}";
            let arn = function.map(|name| self.filled(row, template, &name));
            let arn = arn.unwrap_or_else(|| {
                self.change.open(&row.address, "function_name", row.place);
                self.filled(row, template, &row.address)
            });
            intake.used(1);
            let statement = permission(row, fields, &arn);
            let slot = functions.entry(arn).or_insert_with(|| (row.scope, row.place, Vec::new()));
            slot.2.push(statement);
        }
        for (arn, (scope, place, statements)) in functions {
            let members = vec![
                ("Version".to_string(), Part::text("2012-10-17", Some(place))),
                ("Statement".to_string(), Part::new(Item::List(statements), Some(place))),
            ];
            let part = Part::new(Item::Map(members), Some(place));
            let name = format!("policy of {arn}");
            let (document, is_open) = composed(self.evidence, &name, &part, true, place, intake);
            if is_open {
                self.change.open(&arn, "parts of its permissions", place);
            }
            self.change.resources.push(Resource {
                arn: arn.into(),
                scope,
                document: Some(document),
            });
        }
    }
}

fn permission(row: &Row<'_>, fields: &Fields<'_>, arn: &str) -> Part {
    let place = Some(row.place);
    let value = |name: &str| match row.text(name) {
        Known::Value(text) => Some(Part::text(&text, place)),
        Known::Absent => None,
        Known::Unknown => Some(Part::new(Item::Unknown, place)),
    };
    let map = |members: Vec<(&str, Part)>| {
        let members = members.into_iter().map(|(key, part)| (key.to_string(), part)).collect();
        Part::new(Item::Map(members), place)
    };
    let principal = match text_of(fields, "principal") {
        Some(text) if text.contains(".amazonaws.com") => {
            map(vec![("Service", Part::text(&text, place))])
        }
        Some(text) if text != "*" => map(vec![("AWS", Part::text(&text, place))]),
        _ => Part::text("*", place),
    };
    let mut tests = Vec::new();
    let mut equal = Vec::new();
    if let Some(part) = value("source_arn") {
        tests.push(("ArnLike", map(vec![("AWS:SourceArn", part)])));
    }
    for (name, key) in
        [("source_account", "AWS:SourceAccount"), ("principal_org_id", "aws:PrincipalOrgID")]
    {
        equal.extend(value(name).map(|part| (key, part)));
    }
    if !equal.is_empty() {
        tests.push(("StringEquals", map(equal)));
    }
    let mut members = vec![
        ("Effect", Part::text("Allow", place)),
        ("Action", value("action").unwrap_or_else(|| Part::new(Item::Unknown, place))),
        ("Resource", Part::text(arn, place)),
        ("Principal", principal),
    ];
    if let Some(sid) = value("statement_id") {
        members.push(("Sid", sid));
    }
    if !tests.is_empty() {
        members.push(("Condition", map(tests)));
    }
    map(members)
}
