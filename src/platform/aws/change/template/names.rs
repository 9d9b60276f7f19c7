//! What `Ref` and `Fn::GetAtt` of a resource return, by its type.
//!
//! CloudFormation Template Reference, "Return values" of each type; forms of ARNs from the Service Authorization
//! Reference. A name that the template does not state is made up by CloudFormation: a `*`.

use super::eval::{Eval, text_of};
use crate::platform::aws::change::UNKNOWN;

/// What `Ref` gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gives {
    Name,
    Arn,
    Other,
}

/// Type, property with its name, what `Ref` gives, ARN with `{}` for the name.
const TYPES: &[(&str, &str, Gives, &str)] = &[
    ("AWS::IAM::Role", "RoleName", Gives::Name, "arn:aws:iam::{account}:role{path}{}"),
    ("AWS::IAM::User", "UserName", Gives::Name, "arn:aws:iam::{account}:user{path}{}"),
    ("AWS::IAM::Group", "GroupName", Gives::Name, "arn:aws:iam::{account}:group{path}{}"),
    (
        "AWS::IAM::ManagedPolicy",
        "ManagedPolicyName",
        Gives::Arn,
        "arn:aws:iam::{account}:policy{path}{}",
    ),
    (
        "AWS::IAM::InstanceProfile",
        "InstanceProfileName",
        Gives::Name,
        "arn:aws:iam::{account}:instance-profile{path}{}",
    ),
    ("AWS::S3::Bucket", "BucketName", Gives::Name, "arn:aws:s3:::{}"),
    (
        "AWS::DynamoDB::Table",
        "TableName",
        Gives::Name,
        "arn:aws:dynamodb:{region}:{account}:table/{}",
    ),
    (
        "AWS::Serverless::SimpleTable",
        "TableName",
        Gives::Name,
        "arn:aws:dynamodb:{region}:{account}:table/{}",
    ),
    (
        "AWS::Lambda::Function",
        "FunctionName",
        Gives::Name,
        "arn:aws:lambda:{region}:{account}:function:{}",
    ),
    (
        "AWS::Serverless::Function",
        "FunctionName",
        Gives::Name,
        "arn:aws:lambda:{region}:{account}:function:{}",
    ),
    ("AWS::SQS::Queue", "QueueName", Gives::Other, "arn:aws:sqs:{region}:{account}:{}"),
    ("AWS::SNS::Topic", "TopicName", Gives::Arn, "arn:aws:sns:{region}:{account}:{}"),
    ("AWS::KMS::Key", "", Gives::Other, "arn:aws:kms:{region}:{account}:key/{}"),
    (
        "AWS::SecretsManager::Secret",
        "Name",
        Gives::Arn,
        "arn:aws:secretsmanager:{region}:{account}:secret:{}-??????",
    ),
    (
        "AWS::Logs::LogGroup",
        "LogGroupName",
        Gives::Name,
        "arn:aws:logs:{region}:{account}:log-group:{}:*",
    ),
    (
        "AWS::StepFunctions::StateMachine",
        "StateMachineName",
        Gives::Arn,
        "arn:aws:states:{region}:{account}:stateMachine:{}",
    ),
    ("AWS::Kinesis::Stream", "Name", Gives::Name, "arn:aws:kinesis:{region}:{account}:stream/{}"),
    (
        "AWS::ECR::Repository",
        "RepositoryName",
        Gives::Name,
        "arn:aws:ecr:{region}:{account}:repository/{}",
    ),
    ("AWS::ECS::Cluster", "ClusterName", Gives::Name, "arn:aws:ecs:{region}:{account}:cluster/{}"),
    (
        "AWS::Events::EventBus",
        "Name",
        Gives::Name,
        "arn:aws:events:{region}:{account}:event-bus/{}",
    ),
    ("AWS::SSM::Parameter", "Name", Gives::Name, ""),
];

fn rule(kind: &str) -> Option<&'static (&'static str, &'static str, Gives, &'static str)> {
    TYPES.iter().find(|rule| rule.0 == kind)
}

/// The name of a resource, and whether parts of it are not known.
pub(super) fn name(eval: &Eval<'_>, logical: &str, depth: usize) -> Option<(String, bool)> {
    let (kind, node) = eval.resource(logical)?;
    let (_, property, _, _) = rule(kind)?;
    let key = (logical.to_string(), eval.is_naming.get());
    if let Some(known) = eval.names.borrow().get(&key) {
        return Some(known.clone());
    }
    // A name that is made of itself is anything.
    eval.names.borrow_mut().insert(key.clone(), ("*".to_string(), true));
    let stated = node.at(&["Properties", property]).map(|value| eval.at(value, depth));
    let stated = stated.map(|part| text_of(&part)).filter(|(text, _)| !text.is_empty());
    let name = match stated {
        // A name of which parts are not known could be another resource's too.
        Some((_, true)) if eval.is_naming.get() => (stand_in(eval, logical), false),
        Some(name) => name,
        None if eval.is_naming.get() => (stand_in(eval, logical), false),
        None => ("*".to_string(), true),
    };
    eval.names.borrow_mut().insert(key, name.clone());
    Some(name)
}

/// What a resource is called whose name CloudFormation makes up (`STACK-LOGICALID-RANDOM`).
pub(super) fn stand_in(eval: &Eval<'_>, logical: &str) -> String {
    format!("{}-{logical}", eval.stem)
}

/// The path of an IAM resource.
pub(super) fn path(eval: &Eval<'_>, logical: &str, depth: usize) -> Option<String> {
    let (_, node) = eval.resource(logical)?;
    let part = eval.at(node.at(&["Properties", "Path"])?, depth);
    let text = part.exact()?;
    (text.starts_with('/') && text.ends_with('/')).then(|| text.to_string())
}

/// The ARN of a resource.
pub(super) fn arn(eval: &Eval<'_>, logical: &str, depth: usize) -> Option<(String, bool)> {
    let (kind, _) = eval.resource(logical)?;
    let (_, _, _, template) = rule(kind)?;
    if template.is_empty() {
        return None;
    }
    let (name, mut is_open) = name(eval, logical, depth)?;
    let mut text = template.to_string();
    if template.contains("{path}") {
        let path = path(eval, logical, depth).unwrap_or_else(|| "/".to_string());
        text = text.replace("{path}", &path);
    }
    if template.contains("{region}") {
        is_open = true;
        text = text.replace("{region}", "*");
    }
    if template.contains("{account}") {
        let account = match (eval.account, eval.is_naming.get()) {
            (Some(account), _) => account,
            (None, true) => UNKNOWN,
            (None, false) => {
                is_open = true;
                "*"
            }
        };
        text = text.replace("{account}", account);
    }
    Some((text.replace("{}", &name), is_open))
}

/// What `Ref` returns.
pub(super) fn reference(eval: &Eval<'_>, logical: &str, depth: usize) -> Option<(String, bool)> {
    let (kind, _) = eval.resource(logical)?;
    match rule(kind)?.2 {
        Gives::Name => name(eval, logical, depth),
        Gives::Arn => arn(eval, logical, depth),
        Gives::Other => None,
    }
}

/// What `Fn::GetAtt` returns.
pub(super) fn attribute(
    eval: &Eval<'_>,
    logical: &str,
    attribute: &str,
    depth: usize,
) -> Option<(String, bool)> {
    // A function of the Serverless Application Model makes its role beside it.
    if attribute == "Arn" && super::serverless::role_of(eval, logical).is_some() {
        return super::serverless::role_arn(eval, logical);
    }
    match attribute {
        "Arn" | "TopicArn" | "PolicyArn" => arn(eval, logical, depth),
        "StreamArn" => {
            let (text, _) = arn(eval, logical, depth)?;
            Some((format!("{text}/stream/*"), true))
        }
        "QueueName" | "TopicName" | "RepositoryName" | "Name" => name(eval, logical, depth),
        _ => None,
    }
}
