//! Resource scopes: from the raw values of a key to the ARNs of containers, once a row.
//!
//! Normal forms, all with partition, Region and account filled in:
//!
//! | resource | scope | what grants write |
//! |---|---|---|
//! | S3 object | the bucket, `arn:aws:s3:::b` | `arn:aws:s3:::b/*` |
//! | DynamoDB index or stream | the table | `…:table/t/index/*` |
//! | log stream | the group, `…:log-group:g` | `…:log-group:g:*` |
//! | Lambda version or alias | the unqualified function | `…:function:f:*` |
//! | secret | the ARN **without** the hyphen and six characters that Secrets Manager adds | `…:secret:NAME-??????` |
//!
//! [`patterns`] says which resources a scope stands for, so that a grant can be compared with it. A scope is
//! given only if it is exact: a name whose ARN needs a path that the log does not show, an alias of a key, or a
//! call that also touched resources which the record does not name, is [`ScopeSet::Unknown`].

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::catalogue::Catalogue;
use crate::model::{Glob, ScopeSet, Str};

use super::key::{Key, Part};
use super::pick::{container, kind};

/// Resource type of an EC2 id by its prefix, as ARNs write it (Service Authorization Reference, "Resource types
/// defined by Amazon EC2"; EC2 User Guide, "Resource IDs").
pub(super) fn ec2_type(prefix: &[u8]) -> Option<&'static str> {
    Some(match prefix {
        b"i" => "instance",
        b"vol" => "volume",
        b"sg" => "security-group",
        b"sgr" => "security-group-rule",
        b"vpc" => "vpc",
        b"subnet" => "subnet",
        b"snap" => "snapshot",
        b"ami" => "image",
        b"rtb" => "route-table",
        b"igw" => "internet-gateway",
        b"eigw" => "egress-only-internet-gateway",
        b"eni" => "network-interface",
        b"nat" => "natgateway",
        b"eipalloc" => "elastic-ip",
        b"acl" => "network-acl",
        b"lt" => "launch-template",
        b"fl" => "vpc-flow-log",
        b"vpce" => "vpc-endpoint",
        b"vpce-svc" => "vpc-endpoint-service",
        b"pcx" => "vpc-peering-connection",
        b"dopt" => "dhcp-options",
        b"tgw" => "transit-gateway",
        b"tgw-attach" => "transit-gateway-attachment",
        b"tgw-rtb" => "transit-gateway-route-table",
        b"vgw" => "vpn-gateway",
        b"cgw" => "customer-gateway",
        b"vpn" => "vpn-connection",
        b"key" => "key-pair",
        b"pl" => "prefix-list",
        b"h" => "dedicated-host",
        b"cr" => "capacity-reservation",
        b"sir" => "spot-instances-request",
        b"sfr" => "spot-fleet-request",
        b"fleet" => "fleet",
        _ => return None,
    })
}

/// What a row says about where its names live.
#[derive(Debug, Clone, Copy)]
pub(super) struct Where<'a> {
    partition: &'a str,
    region: &'a str,
    account: &'a str,
}

impl<'a> Where<'a> {
    /// Of a row: names are the caller's account's.
    pub(super) fn of(key: &Key<'a>) -> Where<'a> {
        Where { partition: key.partition(), region: key.get(Part::Region), account: key.account() }
    }

    fn arn(&self, service: &str, resource: &str) -> String {
        let (region, account) = (self.region, self.account);
        format!("arn:{}:{service}:{region}:{account}:{resource}", self.partition)
    }

    fn iam(&self, resource: &str) -> String {
        format!("arn:{}:iam::{}:{resource}", self.partition, self.account)
    }
}

/// ARNs with path of roles, users, groups and instance profiles, as far as the logs name them for certain.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// By type, account and name in lower case; `None` if there are several.
    known: HashMap<(String, String, String), Option<Str>>,
}

impl Names {
    /// Learns an IAM ARN. Other ARNs are ignored.
    pub(super) fn learn(&mut self, arn: &str) {
        let mut parts = arn.splitn(6, ':');
        let (Some("arn"), Some(_), Some("iam"), Some(""), Some(account), Some(resource)) =
            (parts.next(), parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return;
        };
        let Some((kind, path)) = resource.split_once('/') else {
            return;
        };
        let name = path.rsplit('/').next().unwrap_or(path);
        let key = (kind.into(), account.into(), name.to_ascii_lowercase());
        let entry = self.known.entry(key).or_insert_with(|| Some(arn.into()));
        if entry.as_deref().is_some_and(|known| known != arn) {
            *entry = None;
        }
    }

    /// Learns what other logs name for certain.
    #[allow(clippy::iter_over_hash_type, reason = "a name is known, or not, whatever the order")]
    pub(super) fn join(&mut self, other: Names) {
        for (key, arn) in other.known {
            match self.known.entry(key) {
                Entry::Occupied(mut known) if *known.get() != arn => *known.get_mut() = None,
                Entry::Occupied(_) => {}
                Entry::Vacant(free) => {
                    free.insert(arn);
                }
            }
        }
    }

    /// The ARN of a name, if the logs show exactly one.
    pub(super) fn find(&self, kind: &str, account: &str, name: &str) -> Option<Str> {
        let key = (kind.into(), account.into(), name.to_ascii_lowercase());
        self.known.get(&key).cloned().flatten()
    }
}

/// The resources of a record as ARNs, before they are compared with an action's resource types.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Candidates {
    /// The ARNs.
    pub(super) arns: Vec<Str>,
    /// Whether one or more resources could not be told.
    pub(super) is_open: bool,
    /// Whether there were more than are kept.
    pub(super) is_cut: bool,
}

/// Builds ARNs from the lines of a key's scope part.
pub(super) fn candidates(lines: &str, place: &Where<'_>, names: &Names) -> Candidates {
    let mut out = Candidates::default();
    let all: Vec<(u8, &str)> = lines
        .lines()
        .filter_map(|line| Some((*line.as_bytes().first()?, line.get(1..)?)))
        .collect();
    let first = |wanted: u8| all.iter().find(|(kind, _)| *kind == wanted).map(|(_, v)| *v);
    for (kind, value) in &all {
        match *kind {
            kind::MORE => out.is_cut = true,
            kind::UNKNOWN => out.is_open = true,
            kind::PATH | kind::REGISTRY | kind::BUS if has_main(&all, *kind) => {}
            kind::GLUE_DATABASE => out.arns.extend(glue(place, value, first(kind::GLUE_TABLE))),
            kind::GLUE_TABLE => {}
            _ => match one(*kind, value, place, names, &first) {
                Some(arn) => out.arns.push(arn.into()),
                None => out.is_open = true,
            },
        }
    }
    out.arns.sort();
    out.arns.dedup();
    out
}

/// Whether a line only completes another one.
fn has_main(all: &[(u8, &str)], kind: u8) -> bool {
    kind != kind::BUS || all.iter().any(|(other, _)| *other == kind::RULE)
}

/// Glue decides on the catalog, the database and the table together (Glue Developer Guide, "Specifying AWS Glue
/// resource ARNs").
fn glue(place: &Where<'_>, database: &str, table: Option<&str>) -> Vec<Str> {
    let mut arns = vec![
        place.arn("glue", "catalog").into(),
        place.arn("glue", &format!("database/{database}")).into(),
    ];
    if let Some(table) = table {
        let resource = format!("table/{database}/{table}");
        arns.push(place.arn("glue", &resource).into());
    }
    arns
}

fn one<'a>(
    kind: u8,
    value: &str,
    place: &Where<'_>,
    names: &Names,
    first: &dyn Fn(u8) -> Option<&'a str>,
) -> Option<String> {
    if value.starts_with("arn:") {
        return normal(value, kind == kind::SECRET_ID);
    }
    let arn = |service: &str, resource: String| Some(place.arn(service, &resource));
    match kind {
        kind::BUCKET => Some(format!("arn:{}:s3:::{value}", place.partition)),
        kind::TABLE => arn("dynamodb", format!("table/{value}")),
        kind::QUEUE_URL => queue(value, place),
        kind::QUEUE_NAME => arn("sqs", value.into()),
        kind::TOPIC_NAME => arn("sns", value.into()),
        kind::FUNCTION => function(value, place),
        kind::SECRET_ID | kind::SECRET_NAME => arn("secretsmanager", format!("secret:{value}")),
        kind::PARAMETER => {
            // `name:version` and `name:label` select a version (Systems Manager API, GetParameter).
            let name = value.split(':').next().unwrap_or(value);
            arn("ssm", format!("parameter/{}", name.trim_start_matches('/')))
        }
        // Documents of AWS itself are not the account's, and policies write them in several ways.
        kind::DOCUMENT if value.starts_with("AWS") || value.starts_with("Amazon") => None,
        kind::DOCUMENT => arn("ssm", format!("document/{value}")),
        kind::KEY if value.starts_with("alias/") => arn("kms", value.into()),
        kind::KEY => arn("kms", format!("key/{value}")),
        kind::ROLE | kind::USER | kind::GROUP | kind::PROFILE => {
            let kind = match kind {
                kind::ROLE => "role",
                kind::USER => "user",
                kind::GROUP => "group",
                _ => "instance-profile",
            };
            match first(kind::PATH) {
                Some(path) => Some(place.iam(&format!("{kind}{path}{value}"))),
                None => names.find(kind, place.account, value).map(|arn| arn.to_string()),
            }
        }
        kind::EC2_ID => ec2(value, place),
        kind::ECS_CLUSTER => arn("ecs", format!("cluster/{value}")),
        kind::ECS_SERVICE => {
            let cluster = first(kind::ECS_CLUSTER).unwrap_or("default");
            let cluster = cluster.rsplit('/').next().unwrap_or(cluster);
            arn("ecs", format!("service/{cluster}/{value}"))
        }
        kind::ECS_TASK_DEFINITION if value.contains(':') => {
            arn("ecs", format!("task-definition/{value}"))
        }
        kind::REPOSITORY => {
            let account = first(kind::REGISTRY).unwrap_or(place.account);
            let place = Where { account, ..*place };
            Some(place.arn("ecr", &format!("repository/{value}")))
        }
        kind::LOG_GROUP => arn("logs", format!("log-group:{value}")),
        kind::RULE => match first(kind::BUS).filter(|bus| *bus != "default") {
            None => arn("events", format!("rule/{value}")),
            Some(bus) => {
                let bus = bus.rsplit('/').next().unwrap_or(bus);
                arn("events", format!("rule/{bus}/{value}"))
            }
        },
        kind::BUS => arn("events", format!("event-bus/{value}")),
        kind::STREAM => arn("kinesis", format!("stream/{value}")),
        kind::DELIVERY_STREAM => arn("firehose", format!("deliverystream/{value}")),
        kind::WORKGROUP => arn("athena", format!("workgroup/{value}")),
        // RDS keeps identifiers in lower case (RDS API, CreateDBInstance).
        kind::DB_INSTANCE => arn("rds", format!("db:{}", value.to_ascii_lowercase())),
        kind::DB_CLUSTER => arn("rds", format!("cluster:{}", value.to_ascii_lowercase())),
        kind::DB_SNAPSHOT => arn("rds", format!("snapshot:{}", value.to_ascii_lowercase())),
        _ => None,
    }
}

/// The ARN of a role that a request passes: an ARN, a name, or a path with a name (`passrole-parameters.json`,
/// `how_to_use`). A name alone gets the path that the logs show for it.
pub(super) fn role_arn(value: &str, place: &Where<'_>, names: &Names) -> Option<String> {
    if value.starts_with("arn:") {
        return value.contains(":role/").then(|| value.to_string());
    }
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"+=,.@_-/".contains(&byte);
    if value.is_empty() || !value.bytes().all(is_name) {
        return None;
    }
    let name = value.trim_start_matches('/');
    if !name.contains('/')
        && let Some(known) = names.find("role", place.account, name)
    {
        return Some(known.to_string());
    }
    Some(place.iam(&format!("role/{name}")))
}

/// `https://sqs.REGION.amazonaws.com/ACCOUNT/NAME`, and the older `https://REGION.queue.amazonaws.com/…` and
/// `https://queue.amazonaws.com/…`, whose Region the record says.
fn queue(url: &str, place: &Where<'_>) -> Option<String> {
    let path = url.split_once("://").map_or(url, |(_, rest)| rest);
    let mut parts = path.split('/');
    let (_, account, name) = (parts.next()?, parts.next()?, parts.next()?);
    let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    if !is_account || name.is_empty() || parts.next().is_some() {
        return None;
    }
    Some(Where { account, ..*place }.arn("sqs", name))
}

/// `NAME`, `NAME:QUALIFIER`, `ACCOUNT:function:NAME[:QUALIFIER]` (Lambda API, Invoke, `FunctionName`).
fn function(value: &str, place: &Where<'_>) -> Option<String> {
    let parts: Vec<&str> = value.split(':').collect();
    let (account, name) = match parts.as_slice() {
        [name] | [name, _] => (place.account, *name),
        [account, "function", name] | [account, "function", name, _] => (*account, *name),
        _ => return None,
    };
    Some(Where { account, ..*place }.arn("lambda", &format!("function:{name}")))
}

/// Images and snapshots have no account in their ARN (Service Authorization Reference, Amazon EC2).
fn ec2(id: &str, place: &Where<'_>) -> Option<String> {
    let (prefix, _) = id.rsplit_once('-')?;
    let kind = ec2_type(prefix.as_bytes())?;
    let account = match kind {
        "image" | "snapshot" => "",
        _ => place.account,
    };
    Some(Where { account, ..*place }.arn("ec2", &format!("{kind}/{id}")))
}

/// The normal form of an ARN (module documentation). `may_be_partial` says that a secret's ARN may lack its
/// six characters; then a last word that looks like a name leaves the secret unknown.
fn normal(arn: &str, may_be_partial: bool) -> Option<String> {
    let cut = std::str::from_utf8(container(arn.as_bytes())).unwrap_or(arn);
    let Some((head, name)) = cut.split_once(":secret:") else {
        return Some(cut.to_string());
    };
    if !head.contains(":secretsmanager:") {
        return Some(cut.to_string());
    }
    let suffix = name.rsplit_once('-').filter(|(_, suffix)| {
        suffix.len() == 6 && suffix.bytes().all(|byte| byte.is_ascii_alphanumeric())
    });
    match suffix {
        None => Some(cut.to_string()),
        Some((_, word)) if may_be_partial && is_word(word) => None,
        Some((name, _)) => Some(format!("{head}:secret:{name}")),
    }
}

/// Whether a text looks like a word or a number that somebody chose: digits only, or letters of which at most the
/// first differs in case. One in fifty of the suffixes that Secrets Manager draws looks so too.
fn is_word(text: &str) -> bool {
    let rest = text.get(1..).unwrap_or_default();
    let all = |test: fn(&u8) -> bool| rest.bytes().all(|byte| test(&byte));
    text.bytes().all(|byte| byte.is_ascii_digit())
        || (text.starts_with(|c: char| c.is_ascii_alphabetic())
            && (all(u8::is_ascii_lowercase) || all(u8::is_ascii_uppercase)))
}

/// The scope of a resource that an error message names.
pub(super) fn of_message(resource: &str) -> ScopeSet {
    if !resource.starts_with("arn:") || resource.contains(['*', '?']) {
        return ScopeSet::Unknown;
    }
    normal(resource, true).map_or(ScopeSet::Unknown, |arn| ScopeSet::One(arn.into()))
}

/// The ARN patterns of one resource type, and whether the action requires it.
type TypeForms = (Vec<Glob>, bool);

/// What resources actions take, compiled from the catalogue as they are asked for.
#[derive(Debug, Default)]
pub(super) struct ActionTypes {
    cache: HashMap<Str, Option<Vec<TypeForms>>>,
}

impl ActionTypes {
    /// The scopes of an action among a record's resources: those that have one of its resource types. Unknown if
    /// there is none, if a required type has none, or if not all resources could be told.
    pub(super) fn scopes(&mut self, action: &Str, candidates: &Candidates) -> Vec<ScopeSet> {
        if candidates.is_cut {
            return vec![ScopeSet::Overflow];
        }
        if candidates.is_open || candidates.arns.is_empty() {
            return vec![ScopeSet::Unknown];
        }
        let types = self.cache.entry(action.clone()).or_insert_with(|| compile(action));
        // Without a catalogue entry there is nothing to compare with.
        let Some(types) = types else {
            return candidates.arns.iter().cloned().map(ScopeSet::One).collect();
        };
        let has = |globs: &[Glob]| {
            let fits = |arn: &Str| globs.iter().any(|glob| glob.matches(arn));
            candidates.arns.iter().any(fits)
        };
        if types.iter().any(|(globs, required)| *required && !has(globs)) {
            return vec![ScopeSet::Unknown];
        }
        let found: Vec<ScopeSet> = candidates
            .arns
            .iter()
            .filter(|arn| types.iter().any(|(globs, _)| globs.iter().any(|glob| glob.matches(arn))))
            .cloned()
            .map(ScopeSet::One)
            .collect();
        if found.is_empty() {
            return vec![ScopeSet::Unknown];
        }
        found
    }
}

/// The ARN patterns of an action's resource types, each with that of its container; `None` if the catalogue
/// does not have the action.
fn compile(action: &str) -> Option<Vec<TypeForms>> {
    let catalogue = Catalogue::aws();
    let entry = catalogue.actions.get(catalogue.position(action)?)?;
    let types = entry.resource_types.iter().filter_map(|(number, required)| {
        let kind = catalogue.resource_types.get(*number as usize)?;
        let globs = kind.templates.iter().flat_map(|template| {
            let whole = wild(template);
            let cut = String::from_utf8_lossy(container(whole.as_bytes())).into_owned();
            [Glob::new(&whole), Glob::new(&cut)]
        });
        Some((globs.collect(), *required))
    });
    Some(types.collect())
}

/// A template with `*` for each `${Variable}`.
fn wild(template: &str) -> String {
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(open) = rest.find("${") {
        out.push_str(&rest[..open]);
        out.push('*');
        rest = rest[open..].split_once('}').map_or("", |(_, after)| after);
    }
    out.push_str(rest);
    out
}

/// The resources that a scope stands for when an action uses it, as patterns that a grant's can be compared
/// with: a grant covers the scope if it covers one of them, or overlaps one in part.
///
/// For `s3:GetObject` and the scope `arn:aws:s3:::b` that is `arn:aws:s3:::b/*`; for a secret the ARN with any
/// six characters at its end; for other scopes the scope itself.
pub fn patterns(action: &str, scope: &str) -> Vec<String> {
    let itself = || vec![scope.to_string()];
    let mut parts = scope.splitn(6, ':');
    let service = parts.nth(2).unwrap_or_default();
    let resource = parts.nth(2).unwrap_or_default();
    match service {
        "secretsmanager" if resource.starts_with("secret:") => vec![format!("{scope}-??????")],
        "logs" if resource.starts_with("log-group:") => {
            vec![scope.to_string(), format!("{scope}:*")]
        }
        "lambda" if resource.starts_with("function:") => {
            vec![scope.to_string(), format!("{scope}:*")]
        }
        "dynamodb" if resource.starts_with("table/") => {
            vec![scope.to_string(), format!("{scope}/*")]
        }
        "s3" if !resource.contains('/') => {
            let Some(types) = compile(action) else {
                return vec![scope.to_string(), format!("{scope}/*")];
            };
            let takes = |form: &str| {
                let mut wholes = types.iter().filter_map(|(globs, _)| globs.first());
                wholes.any(|glob| glob.as_str().ends_with(form))
            };
            match (takes(":s3:::*"), takes(":s3:::*/*")) {
                (true, true) => vec![scope.to_string(), format!("{scope}/*")],
                (false, true) => vec![format!("{scope}/*")],
                _ => itself(),
            }
        }
        _ => itself(),
    }
}

/// The class that coverage is counted by: `management`, `management:kms` and `management:rdsdata` (which a
/// trail can leave out), `data:RESOURCE TYPE`, or `network:SOURCE` (CloudTrail User Guide, "Logging management
/// events", "Logging data events", "Logging network activity events").
///
/// `category` is `eventCategory`; empty counts as `Management` unless the event is a data event by its name. An
/// empty resource type is looked up by the event's name.
pub fn class_of(source: &str, category: &str, resource_type: &str, event: &str) -> String {
    let facts = super::facts::facts();
    let by_name = facts.data_event(source.as_bytes(), event.as_bytes());
    let is_data = match category {
        "Data" => true,
        "" => by_name.is_some(),
        _ => false,
    };
    if is_data {
        let known = Some(resource_type).filter(|text| !text.is_empty());
        let kind =
            known.or(by_name).or_else(|| facts.data_source(source.as_bytes())).unwrap_or(source);
        return format!("data:{kind}");
    }
    if category == "NetworkActivity" {
        return format!("network:{source}");
    }
    match source {
        "kms.amazonaws.com" => "management:kms".into(),
        "rdsdata.amazonaws.com" => "management:rdsdata".into(),
        _ => "management".into(),
    }
}
