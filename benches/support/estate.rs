//! Accounts of any number of identities: the same bytes for the same number.
//!
//! Authorization details in pages, as `aws iam get-account-authorization-details` writes them: roles with one inline
//! policy of [`SERVICES`] times [`ACTIONS`] actions out of the catalogue, a pattern among them in one of
//! [`PATTERNED`], a resource with a wildcard for its service in one of [`WILD`], and a managed policy on one of
//! [`ATTACHED`] that they share. Every second role is used: CloudTrail of 100 days holds [`EVENTS`] calls of each.

use std::fmt::Write as _;
use std::io;
use std::path::Path;

use authgap::catalogue::{Catalogue, Service};
use authgap::platform;

use crate::generate::{Numbers, START, guid, gzip, time};

/// Services of a role's own policy, and actions of each.
const SERVICES: u64 = 12;
const ACTIONS: u64 = 5;

/// One role in so many has a pattern for a few actions; one in so many a resource of any service; one in so many the
/// shared policy.
const PATTERNED: u64 = 8;
const WILD: u64 = 16;
const ATTACHED: u64 = 4;

/// Roles of a page, and pages of an account.
const PAGE: u64 = 1_000;
const PAGES: u64 = 5;

/// Calls of a role that is used, the days that they lie in, and the calls of a log file.
const EVENTS: u64 = 8;
const SPAN: u64 = 100 * 86_400;
const FILE: u64 = 20_000;

const SHARED: &str = "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Sid\":\"Watch\",\"Effect\":\"Allow\",\"Action\":[\"cloudwatch:PutMetricData\",\"logs:CreateLogStream\",\"logs:PutLogEvents\",\"xray:Put*\"],\"Resource\":\"*\"}]}";

/// Writes so many roles and their log below a folder: `iam/` and `trail/`.
///
/// # Errors
/// As writing files fails, or if there is no catalogue to choose actions from.
pub(crate) fn write(folder: &Path, roles: u64) -> io::Result<()> {
    let choice = Choice::new()?;
    let (grants, trail) = (folder.join("iam"), folder.join("trail"));
    std::fs::create_dir_all(&grants)?;
    std::fs::create_dir_all(&trail)?;
    let pages = roles.div_ceil(PAGE);
    for page in 0..pages {
        let name = format!("account-authorization-details-{page:04}.json");
        let is_last = page + 1 == pages;
        let text = choice.page(page * PAGE..roles.min((page + 1) * PAGE), is_last);
        std::fs::write(grants.join(name), text)?;
    }
    let events = roles.div_ceil(2) * EVENTS;
    for file in 0..events.div_ceil(FILE) {
        let name = format!("{file:06}_CloudTrail_eu-west-1.json.gz");
        let text = choice.log(file * FILE..events.min((file + 1) * FILE), events, roles);
        std::fs::write(trail.join(name), gzip(text.as_bytes())?)?;
    }
    Ok(())
}

fn account(role: u64) -> u64 {
    200_000_000_000 + role / (PAGE * PAGES)
}

/// What actions are chosen from.
struct Choice {
    catalogue: &'static Catalogue,
    /// Services with enough actions.
    services: Vec<&'static Service>,
}

impl Choice {
    fn new() -> io::Result<Choice> {
        let aws = platform::by_id("aws").ok_or_else(|| io::Error::other("no platform `aws`"))?;
        let catalogue = aws.catalogue();
        let has_enough = |service: &&Service| service.actions.len() as u64 >= 2 * ACTIONS;
        let services = catalogue.services.iter().filter(has_enough).collect();
        Ok(Choice { catalogue, services })
    }

    /// Names of a role's actions, each service's together.
    fn actions(&self, role: u64) -> Vec<(&'static str, &'static str)> {
        let mut numbers = Numbers::of(role);
        let first = numbers.below(self.services.len() as u64);
        let mut names = Vec::new();
        for step in 0..SERVICES {
            // Steps of an odd prime: no service twice, unless there are too few.
            let at = (first + step * 37) % self.services.len().max(1) as u64;
            let Some(service) = self.services.get(at as usize) else { continue };
            let many = service.actions.len() as u64;
            let begin = numbers.below(many);
            let stride = 1 + numbers.below(many / ACTIONS);
            for number in 0..ACTIONS {
                let at = service.actions.start + ((begin + number * stride) % many) as usize;
                let name = self.catalogue.actions.get(at).map(|action| &*action.name);
                names.extend(name.and_then(|name| name.split_once(':')));
            }
        }
        names
    }

    fn page(&self, roles: std::ops::Range<u64>, is_last: bool) -> String {
        let mut out =
            String::from("{\"UserDetailList\":[],\"GroupDetailList\":[],\"RoleDetailList\":[\n");
        let account = account(roles.start);
        for role in roles.clone() {
            out.push_str(if role == roles.start { "" } else { ",\n" });
            self.role(&mut out, role);
        }
        let _ = write!(
            out,
            "],\n\"Policies\":[{{\"PolicyName\":\"watch\",\"PolicyId\":\"ANPA{account:016}\",\"Arn\":\"arn:aws:iam::{account}:policy/watch\",\"Path\":\"/\",\"DefaultVersionId\":\"v1\",\"IsAttachable\":true,\"CreateDate\":\"2024-01-01T00:00:00+00:00\",\"UpdateDate\":\"2024-01-01T00:00:00+00:00\",\"PolicyVersionList\":[{{\"Document\":{SHARED},\"VersionId\":\"v1\",\"IsDefaultVersion\":true,\"CreateDate\":\"2024-01-01T00:00:00+00:00\"}}]}}],\n\"IsTruncated\":{}}}\n",
            !is_last
        );
        out
    }

    fn role(&self, out: &mut String, role: u64) {
        let account = account(role);
        let names = self.actions(role);
        let _ = write!(
            out,
            "{{\"Path\":\"/\",\"RoleName\":\"service-{role}\",\"RoleId\":\"AROA{role:016}\",\"Arn\":\"arn:aws:iam::{account}:role/service-{role}\",\"CreateDate\":\"2025-01-01T00:00:00+00:00\",\"AssumeRolePolicyDocument\":{{\"Version\":\"2012-10-17\",\"Statement\":[{{\"Effect\":\"Allow\",\"Principal\":{{\"Service\":\"lambda.amazonaws.com\"}},\"Action\":\"sts:AssumeRole\"}}]}},\"InstanceProfileList\":[],\"RolePolicyList\":[{{\"PolicyName\":\"own\",\"PolicyDocument\":{{\"Version\":\"2012-10-17\",\"Statement\":[{{\"Sid\":\"Anywhere\",\"Effect\":\"Allow\",\"Action\":["
        );
        let (anywhere, own) = names.split_at(names.len() / 2);
        actions(out, anywhere);
        if role.is_multiple_of(PATTERNED)
            && let Some((service, _)) = anywhere.first()
        {
            let _ = write!(out, ",\"{service}:List*\"");
        }
        out.push_str("],\"Resource\":\"*\"},{\"Sid\":\"Own\",\"Effect\":\"Allow\",\"Action\":[");
        actions(out, own);
        out.push_str("],\"Resource\":[");
        for (at, chunk) in own.chunk_by(|left, right| left.0 == right.0).enumerate() {
            let before = if at == 0 { "" } else { "," };
            let service = chunk.first().map_or("", |(service, _)| service);
            let _ = write!(out, "{before}\"arn:aws:{service}:*service-{role}-*\"");
        }
        if role % WILD == 3 {
            let _ = write!(out, ",\"arn:aws:*:*:{account}:*service-{role}*\"");
        }
        out.push_str("]}]}}],\"AttachedManagedPolicies\":[");
        if role % ATTACHED == 1 {
            let _ = write!(
                out,
                "{{\"PolicyName\":\"watch\",\"PolicyArn\":\"arn:aws:iam::{account}:policy/watch\"}}"
            );
        }
        let _ =
            write!(out, "],\"Tags\":[{{\"Key\":\"owner\",\"Value\":\"team-{}\"}}]}}", role % 97);
    }

    /// Events in the order of their time.
    fn log(&self, events: std::ops::Range<u64>, all: u64, roles: u64) -> String {
        let mut out = String::from("{\"Records\":[");
        for event in events.clone() {
            out.push_str(if event == events.start { "" } else { "," });
            let mut numbers = Numbers::of(event ^ 1 << 40);
            let role = 2 * numbers.below(roles.div_ceil(2));
            let names = self.actions(role);
            // Of a role's actions the first ones are used most.
            let many = names.len() as u64;
            let at = numbers.below(many).min(numbers.below(many)) as usize;
            let Some((service, action)) = names.get(at) else { continue };
            let account = account(role);
            let _ = write!(
                out,
                "{{\"eventVersion\":\"1.09\",\"userIdentity\":{{\"type\":\"AssumedRole\",\"principalId\":\"AROA{role:016}:run\",\"arn\":\"arn:aws:sts::{account}:assumed-role/service-{role}/run\",\"accountId\":\"{account}\",\"accessKeyId\":\"ASIA{role:016}\",\"sessionContext\":{{\"sessionIssuer\":{{\"type\":\"Role\",\"principalId\":\"AROA{role:016}\",\"arn\":\"arn:aws:iam::{account}:role/service-{role}\",\"accountId\":\"{account}\",\"userName\":\"service-{role}\"}}}}}},\"eventTime\":\"{}\",\"eventSource\":\"{service}.amazonaws.com\",\"eventName\":\"{action}\",\"awsRegion\":\"eu-west-1\",\"sourceIPAddress\":\"10.0.{}.{}\",\"userAgent\":\"aws-cli/2.15.30\",\"requestParameters\":null,\"responseElements\":null,\"requestID\":\"{}\",\"eventID\":\"{}\",\"readOnly\":{},\"eventType\":\"AwsApiCall\",\"managementEvent\":true,\"recipientAccountId\":\"{account}\",\"eventCategory\":\"Management\"}}",
                time(START + event * SPAN / all.max(1)),
                numbers.below(4),
                numbers.below(250),
                guid(&mut numbers),
                guid(&mut numbers),
                action.starts_with("Get") || action.starts_with("List"),
            );
        }
        out.push_str("]}");
        out
    }
}

/// Names in quotes, with commas between.
fn actions(out: &mut String, names: &[(&str, &str)]) {
    for (at, (service, action)) in names.iter().enumerate() {
        let before = if at == 0 { "" } else { "," };
        let _ = write!(out, "{before}\"{service}:{action}\"");
    }
}
