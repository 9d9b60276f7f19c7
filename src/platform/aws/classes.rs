//! Log classes: in which part of CloudTrail a call of an action is recorded, and what turns it on.
//!
//! | class | events |
//! |---|---|
//! | `management` | management events |
//! | `management:global` | management events of services that record in one Region of the partition only |
//! | `management:kms`, `management:rdsdata` | management events that a trail may exclude by source |
//! | `data:TYPE` | data events of a resource type, off unless a selector names it |
//! | `never-logged` | no call carries the action, or no log is known to show it |
//!
//! Sources: CloudTrail User Guide, "Understanding CloudTrail events" (data event table; management events;
//! ExcludeManagementEventSources) and cloudtrail-concepts, "Global service events" (since 2021-11-22 IAM and
//! CloudFront record in us-east-1 only); the files in `data/`.

use std::sync::OnceLock;

use hashbrown::{HashMap, HashSet};
use serde::Deserialize;

use crate::catalogue::risk::{Risk, has_risk};
use crate::model::{AccessLevel, Str};

/// Management events.
pub const MANAGEMENT: &str = "management";
/// Management events of global services.
pub const GLOBAL: &str = "management:global";
/// Management events of KMS.
pub const KMS: &str = "management:kms";
/// Management events of the RDS Data API.
pub const RDSDATA: &str = "management:rdsdata";
/// Actions that no log shows.
pub const NEVER_LOGGED: &str = "never-logged";

/// Services whose management events are recorded in one Region of the partition whatever the caller's.
const GLOBAL_SERVICES: [&str; 4] = ["cloudfront", "iam", "organizations", "route53"];

const DATA_EVENTS: &str = include_str!("data/data-events.json");
const WITHOUT_OPERATION: &str = include_str!("data/actions-without-operation.json");

#[derive(Deserialize)]
struct DataFile {
    data_events: Vec<DataClass>,
    always_management: AlwaysManagement,
}

#[derive(Deserialize)]
struct AlwaysManagement {
    events: Vec<String>,
}

#[derive(Deserialize)]
struct DataClass {
    resource_type: String,
    actions: Vec<String>,
}

#[derive(Deserialize)]
struct WithoutOperation {
    actions: std::collections::BTreeMap<String, Vec<String>>,
    prefixes_without_sdk: Vec<String>,
}

#[derive(Default)]
struct Classes {
    data: HashMap<String, Str>,
    never: HashSet<String>,
    without_sdk: HashSet<String>,
}

fn classes() -> &'static Classes {
    static CLASSES: OnceLock<Classes> = OnceLock::new();
    CLASSES.get_or_init(|| {
        let mut classes = Classes::default();
        if let Ok(file) = serde_json::from_str::<DataFile>(DATA_EVENTS) {
            let management: HashSet<String> = lower(file.always_management.events);
            for class in file.data_events {
                let name: Str = format!("data:{}", class.resource_type).into();
                for action in lower(class.actions) {
                    if !management.contains(&action) {
                        // Of two resource types the first one in the file is the usual one.
                        classes.data.entry(action).or_insert_with(|| name.clone());
                    }
                }
            }
        }
        if let Ok(file) = serde_json::from_str::<WithoutOperation>(WITHOUT_OPERATION) {
            for (prefix, names) in file.actions {
                let full = names.into_iter().map(|name| format!("{prefix}:{name}"));
                classes.never.extend(lower(full));
            }
            classes.without_sdk = lower(file.prefixes_without_sdk);
        }
        classes
    })
}

fn lower(names: impl IntoIterator<Item = String>) -> HashSet<String> {
    names.into_iter().map(|name| name.to_ascii_lowercase()).collect()
}

/// The log class of an action, and whether it reads or changes data rather than the configuration around it.
///
/// An action that a call does not carry (`data/actions-without-operation.json`), or of a service whose calls
/// are not known at all, is [`NEVER_LOGGED`]: its absence from a log says nothing.
pub fn log_class(action: &str, level: AccessLevel) -> (Str, bool) {
    let known = classes();
    let name = action.to_ascii_lowercase();
    let prefix = name.split(':').next().unwrap_or_default();
    let tagged = has_risk("aws", &name, Risk::DataAccess)
        || has_risk("aws", &name, Risk::CredentialExposure);
    if let Some(class) = known.data.get(&name) {
        // Listing the containers of data is not reading it.
        return (class.clone(), tagged || level != AccessLevel::List);
    }
    let class = if known.never.contains(&name) || known.without_sdk.contains(prefix) {
        NEVER_LOGGED
    } else {
        match prefix {
            "kms" => KMS,
            "rds-data" => RDSDATA,
            _ if GLOBAL_SERVICES.contains(&prefix) => GLOBAL,
            _ => MANAGEMENT,
        }
    };
    (class.into(), tagged)
}

/// The Region in which the global services of a Region's partition record their events.
pub fn global_region(region: &str) -> &'static str {
    match region.split('-').next() {
        Some("cn") => "cn-northwest-1",
        _ if region.starts_with("us-gov-") => "us-gov-west-1",
        _ => "us-east-1",
    }
}

/// What makes a class visible, in a few words; `None` where no switch does.
pub fn switch(class: &str) -> Option<String> {
    let data = |what: &str| Some(format!("data events for {what}"));
    match class {
        MANAGEMENT => {
            Some("a trail for management events, reads and writes, in all Regions".into())
        }
        GLOBAL => {
            Some("a trail that includes global services: multi-Region, or in us-east-1".into())
        }
        KMS => Some("KMS events, which a trail can exclude".into()),
        RDSDATA => Some("RDS Data API events, which a trail can exclude".into()),
        "data:AWS::S3::Object" => data("S3 objects"),
        "data:AWS::Lambda::Function" => data("Lambda functions"),
        "data:AWS::DynamoDB::Table" => data("DynamoDB tables"),
        "data:AWS::SQS::Queue" => data("SQS queues"),
        "data:AWS::SNS::Topic" => data("SNS topics"),
        "data:AWS::Kinesis::Stream" => data("Kinesis streams"),
        _ => data(class.strip_prefix("data:")?),
    }
}

/// Verbs of calls that CloudTrail marks `readOnly: true` when the catalogue calls the action a read.
const READ_VERBS: [&str; 4] = ["Describe", "Get", "Head", "List"];

/// Verbs of calls that CloudTrail marks `readOnly: false` when the catalogue calls the action a change.
const WRITE_VERBS: [&str; 22] = [
    "Add",
    "Associate",
    "Attach",
    "Authorize",
    "Cancel",
    "Create",
    "Delete",
    "Deregister",
    "Detach",
    "Disassociate",
    "Modify",
    "Put",
    "Register",
    "Remove",
    "Run",
    "Set",
    "Start",
    "Stop",
    "Tag",
    "Terminate",
    "Untag",
    "Update",
];

/// Whether CloudTrail marks the call as a read. The catalogue's access level and `readOnly` do not always agree:
/// in real records `kms:Decrypt` and `sts:AssumeRole` are reads and changes by the catalogue. So only where the
/// level and the verb agree it is certain.
pub fn log_reads(action: &str, level: AccessLevel) -> Option<bool> {
    let name = action.split_once(':').map_or(action, |(_, name)| name);
    let begins = |verbs: &[&str]| verbs.iter().any(|verb| name.starts_with(verb));
    if level.is_read() && begins(&READ_VERBS) {
        Some(true)
    } else if !level.is_read() && begins(&WRITE_VERBS) {
        Some(false)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Catalogue;

    fn class(action: &str) -> String {
        log_class(action, AccessLevel::Unknown).0.to_string()
    }

    #[test]
    fn classes_of_well_known_actions() {
        assert_eq!(class("s3:GetObject"), "data:AWS::S3::Object");
        assert_eq!(class("S3:listbucket"), "data:AWS::S3::Object");
        assert_eq!(class("s3:ListAllMyBuckets"), "management");
        assert_eq!(class("kms:Decrypt"), "management:kms");
        assert_eq!(class("rds-data:ExecuteSql"), "management:rdsdata");
        assert_eq!(class("iam:PassRole"), "never-logged");
        assert_eq!(class("rds-db:connect"), "never-logged");
        assert_eq!(class("iam:CreateUser"), "management:global");
        assert_eq!(class("lambda:InvokeFunction"), "data:AWS::Lambda::Function");
        assert_eq!(class("bedrock:InvokeModel"), "management");
        assert_eq!(class("secretsmanager:GetSecretValue"), "management");
    }

    #[test]
    fn data_is_told_from_configuration() {
        assert!(log_class("secretsmanager:GetSecretValue", AccessLevel::Read).1);
        assert!(log_class("dynamodb:PutItem", AccessLevel::Write).1);
        assert!(!log_class("ec2:DescribeInstances", AccessLevel::List).1);
    }

    #[test]
    fn every_action_of_the_files_is_in_the_catalogue() {
        let catalogue = Catalogue::aws();
        let unknown = |name: &&String| catalogue.position(name).is_none();
        assert_eq!(classes().data.keys().find(unknown), None);
        assert_eq!(classes().never.len(), 1_991);
        assert_eq!(classes().never.iter().find(unknown), None);
    }

    #[test]
    fn every_class_but_never_logged_has_a_switch() {
        for action in &Catalogue::aws().actions {
            let (class, _) = log_class(&action.name, action.level);
            assert_eq!(switch(&class).is_none(), &*class == NEVER_LOGGED, "{class}");
        }
    }
}
