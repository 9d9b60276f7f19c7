//! CloudTrail of any size: the same bytes for the same arguments.
//!
//! About 1.7 KB an event, in gzip files with the `Records` wrapper: forty identities, each with its own
//! services, actions and resources; one event in a hundred is delivered a second time, in another file.

use std::fmt::Write as _;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

/// One event in so many comes twice.
pub(crate) const COPIES: u64 = 100;

/// Identities.
const IDENTITIES: u64 = 40;

/// Actions that one identity uses, and resources of each.
const ACTIONS: u64 = 24;
const RESOURCES: u64 = 20;

/// 2026-01-01T00:00:00Z.
pub(crate) const START: u64 = 1_767_225_600;

/// Seconds that the logs span: 60 days.
pub(crate) const SPAN: u64 = 60 * 86_400;

/// A small generator of numbers (splitmix64, Steele, Lea and Flood 2014).
pub(crate) struct Numbers(u64);

impl Numbers {
    pub(crate) fn of(seed: u64) -> Numbers {
        let mut numbers = Numbers(seed);
        numbers.next();
        numbers
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }
}

/// Service, action, whether it reads, the request parameter that names the resource, its ARN's beginning.
type Call = (&'static str, &'static str, bool, &'static str, &'static str);

const CALLS: &[Call] = &[
    ("s3", "GetObject", true, "bucketName", "arn:aws:s3:::"),
    ("s3", "PutObject", false, "bucketName", "arn:aws:s3:::"),
    ("s3", "ListObjects", true, "bucketName", "arn:aws:s3:::"),
    ("s3", "HeadObject", true, "bucketName", "arn:aws:s3:::"),
    ("s3", "DeleteObject", false, "bucketName", "arn:aws:s3:::"),
    ("dynamodb", "GetItem", true, "tableName", "arn:aws:dynamodb:eu-west-1:111122223333:table/"),
    ("dynamodb", "PutItem", false, "tableName", "arn:aws:dynamodb:eu-west-1:111122223333:table/"),
    ("dynamodb", "Query", true, "tableName", "arn:aws:dynamodb:eu-west-1:111122223333:table/"),
    (
        "dynamodb",
        "DescribeTable",
        true,
        "tableName",
        "arn:aws:dynamodb:eu-west-1:111122223333:table/",
    ),
    ("sqs", "SendMessage", false, "queueUrl", "https://sqs.eu-west-1.amazonaws.com/111122223333/"),
    (
        "sqs",
        "ReceiveMessage",
        false,
        "queueUrl",
        "https://sqs.eu-west-1.amazonaws.com/111122223333/",
    ),
    (
        "sqs",
        "GetQueueAttributes",
        true,
        "queueUrl",
        "https://sqs.eu-west-1.amazonaws.com/111122223333/",
    ),
    ("lambda", "Invoke", false, "functionName", "arn:aws:lambda:eu-west-1:111122223333:function:"),
    (
        "lambda",
        "GetFunction20150331v2",
        true,
        "functionName",
        "arn:aws:lambda:eu-west-1:111122223333:function:",
    ),
    (
        "lambda",
        "UpdateFunctionCode20150331v2",
        false,
        "functionName",
        "arn:aws:lambda:eu-west-1:111122223333:function:",
    ),
    (
        "secretsmanager",
        "GetSecretValue",
        true,
        "secretId",
        "arn:aws:secretsmanager:eu-west-1:111122223333:secret:",
    ),
    (
        "secretsmanager",
        "DescribeSecret",
        true,
        "secretId",
        "arn:aws:secretsmanager:eu-west-1:111122223333:secret:",
    ),
    ("kms", "Decrypt", true, "keyId", "arn:aws:kms:eu-west-1:111122223333:key/"),
    ("kms", "GenerateDataKey", true, "keyId", "arn:aws:kms:eu-west-1:111122223333:key/"),
    ("sts", "AssumeRole", true, "roleArn", "arn:aws:iam::111122223333:role/"),
    ("sts", "GetCallerIdentity", true, "", ""),
    ("ecs", "UpdateService", false, "cluster", "arn:aws:ecs:eu-west-1:111122223333:cluster/"),
    ("ecs", "DescribeServices", true, "cluster", "arn:aws:ecs:eu-west-1:111122223333:cluster/"),
    (
        "ecs",
        "RegisterTaskDefinition",
        false,
        "family",
        "arn:aws:ecs:eu-west-1:111122223333:task-definition/",
    ),
    ("ec2", "DescribeInstances", true, "", ""),
    ("ec2", "DescribeNetworkInterfaces", true, "", ""),
    ("ec2", "RunInstances", false, "instanceType", ""),
    ("ec2", "TerminateInstances", false, "", ""),
    ("iam", "GetRole", true, "roleName", "arn:aws:iam::111122223333:role/"),
    ("iam", "ListAttachedRolePolicies", true, "roleName", "arn:aws:iam::111122223333:role/"),
    (
        "logs",
        "CreateLogStream",
        false,
        "logGroupName",
        "arn:aws:logs:eu-west-1:111122223333:log-group:",
    ),
    (
        "logs",
        "DescribeLogGroups",
        true,
        "logGroupName",
        "arn:aws:logs:eu-west-1:111122223333:log-group:",
    ),
    ("ssm", "GetParameter", true, "name", "arn:aws:ssm:eu-west-1:111122223333:parameter/"),
    ("ssm", "UpdateInstanceInformation", false, "instanceId", ""),
    (
        "cloudformation",
        "DescribeStacks",
        true,
        "stackName",
        "arn:aws:cloudformation:eu-west-1:111122223333:stack/",
    ),
    ("ecr", "GetAuthorizationToken", true, "", ""),
    (
        "ecr",
        "BatchGetImage",
        true,
        "repositoryName",
        "arn:aws:ecr:eu-west-1:111122223333:repository/",
    ),
    ("sns", "Publish", false, "topicArn", "arn:aws:sns:eu-west-1:111122223333:"),
    (
        "rds",
        "DescribeDBInstances",
        true,
        "dBInstanceIdentifier",
        "arn:aws:rds:eu-west-1:111122223333:db:",
    ),
    ("autoscaling", "DescribeAutoScalingGroups", true, "", ""),
];

const REGIONS: &[&str] = &["eu-west-1", "eu-west-1", "eu-west-1", "us-east-1", "eu-central-1"];

const AGENTS: &[&str] = &[
    "[Boto3/1.34.69 md/Botocore#1.34.69 ua/2.0 os/linux#5.10.210 md/arch#x86_64 lang/python#3.11.6 cfg/retry-mode#legacy]",
    "aws-sdk-java/2.25.13 Linux/5.10.210 OpenJDK_64-Bit_Server_VM/17.0.10+7-LTS Java/17.0.10 io/sync http/Apache",
    "APN/1.0 HashiCorp/1.0 Terraform/1.7.5 (+https://www.terraform.io) terraform-provider-aws/5.42.0 aws-sdk-go-v2/1.26.0",
    "aws-cli/2.15.30 Python/3.11.8 Linux/6.5.0-1016-aws exe/x86_64.ubuntu.22 prompt/off command/s3.cp",
];

/// Writes `events` events into `files` files of a folder. Of them one in [`COPIES`] is a copy.
///
/// # Errors
/// As writing files fails.
pub(crate) fn write(folder: &Path, events: u64, files: u64) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicUsize::new(0);
    let failed = std::sync::Mutex::new(None);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let file = next.fetch_add(1, Ordering::Relaxed) as u64;
                    if file >= files {
                        return;
                    }
                    let path = folder.join(format!("{file:06}_CloudTrail_eu-west-1.json.gz"));
                    let packed = gzip(text(file, events, files).as_bytes());
                    if let Err(error) = packed.and_then(|packed| std::fs::write(path, packed))
                        && let Ok(mut failed) = failed.lock()
                    {
                        *failed = Some(error);
                    }
                }
            });
        }
    });
    match failed.into_inner() {
        Ok(Some(error)) => Err(error),
        _ => Ok(()),
    }
}

pub(crate) fn gzip(text: &[u8]) -> io::Result<Vec<u8>> {
    let level = libdeflater::CompressionLvl::default();
    let mut compressor = libdeflater::Compressor::new(level);
    let mut out = vec![0; compressor.gzip_compress_bound(text.len())];
    let length = compressor
        .gzip_compress(text, &mut out)
        .map_err(|error| io::Error::other(error.to_string()))?;
    out.truncate(length);
    Ok(out)
}

/// The events of one file: a span of time, as trails write them.
fn text(file: u64, events: u64, files: u64) -> String {
    let mut out = String::from("{\"Records\":[");
    let (from, to) = (file * events / files, (file + 1) * events / files);
    for number in from..to {
        if number > from {
            out.push(',');
        }
        // A copy is the event of half the run before, which lies in some other file.
        let is_copy = number % COPIES == COPIES - 1;
        let source = if is_copy { number / 2 } else { number };
        event(&mut out, source - u64::from(source % COPIES == COPIES - 1), events);
    }
    out.push_str("]}");
    out
}

pub(crate) fn guid(numbers: &mut Numbers) -> String {
    let (high, low) = (numbers.next(), numbers.next());
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        high >> 32,
        high >> 16 & 0xffff,
        high & 0xffff,
        low >> 48,
        low & 0xffff_ffff_ffff
    )
}

fn base64(numbers: &mut Numbers, length: usize) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    (0..length).map(|_| char::from(DIGITS[numbers.below(64) as usize])).collect()
}

pub(crate) fn time(seconds: u64) -> String {
    authgap::model::Time::from_seconds(seconds as i64).to_string()
}

fn event(out: &mut String, number: u64, events: u64) {
    let mut numbers = Numbers::of(number);
    let at = START + number * SPAN / events.max(1);
    let who = numbers.below(IDENTITIES);
    // Of an identity's actions and resources the first ones are used most.
    let which = numbers.below(ACTIONS).min(numbers.below(ACTIONS));
    let call = CALLS[((who * 7 + which) % CALLS.len() as u64) as usize];
    let resource = format!("team-{who}-{}", numbers.below(RESOURCES));
    let region = REGIONS[(who % REGIONS.len() as u64) as usize];
    // Half of the roles have a session for each run, the others one for each of a few machines.
    let session = if who.is_multiple_of(2) {
        format!("run-{who}-{}", at / 7_200)
    } else {
        format!("i-{:017x}", Numbers::of(who * 8 + numbers.below(4)).next())
    };
    out.push_str("{\"eventVersion\":\"1.09\",\"userIdentity\":");
    identity(out, who, &session, at, &mut numbers);
    let agent = AGENTS[(who % AGENTS.len() as u64) as usize];
    let _ = write!(
        out,
        ",\"eventTime\":\"{}\",\"eventSource\":\"{}.amazonaws.com\",\"eventName\":\"{}\",\"awsRegion\":\"{region}\",\"sourceIPAddress\":\"10.{}.{}.{}\",\"userAgent\":\"{agent}\"",
        time(at),
        call.0,
        call.1,
        who,
        numbers.below(4),
        numbers.below(250),
    );
    // Each identity tries one thing that it may not do.
    let denied = which == ACTIONS - 1;
    if denied {
        let _ = write!(
            out,
            ",\"errorCode\":\"AccessDenied\",\"errorMessage\":\"User: arn:aws:sts::111122223333:assumed-role/role-{who}/{session} is not authorized to perform: {}:{} because no identity-based policy allows the action\"",
            call.0, call.1
        );
    }
    request(out, call, &resource, at, &mut numbers);
    response(out, call, denied, &mut numbers);
    let _ = write!(
        out,
        ",\"requestID\":\"{}\",\"eventID\":\"{}\",\"readOnly\":{}",
        guid(&mut numbers),
        guid(&mut numbers),
        call.2
    );
    resources(out, call, &resource);
    let is_data = matches!(call.0, "s3" | "dynamodb" | "lambda");
    let _ = write!(
        out,
        ",\"eventType\":\"AwsApiCall\",\"managementEvent\":{},\"recipientAccountId\":\"111122223333\",\"eventCategory\":\"{}\",\"tlsDetails\":{{\"tlsVersion\":\"TLSv1.3\",\"cipherSuite\":\"TLS_AES_128_GCM_SHA256\",\"clientProvidedHostHeader\":\"{}.{region}.amazonaws.com\"}}}}",
        !is_data,
        if is_data { "Data" } else { "Management" },
        call.0,
    );
}

fn identity(out: &mut String, who: u64, session: &str, at: u64, numbers: &mut Numbers) {
    let id = Numbers::of(who + 1_000_000).next();
    let key = numbers.next();
    if who % 8 == 7 {
        let _ = write!(
            out,
            "{{\"type\":\"IAMUser\",\"principalId\":\"AIDA{id:016X}\",\"arn\":\"arn:aws:iam::111122223333:user/service-{who}\",\"accountId\":\"111122223333\",\"accessKeyId\":\"AKIA{id:016X}\",\"userName\":\"service-{who}\"}}"
        );
        return;
    }
    let _ = write!(
        out,
        "{{\"type\":\"AssumedRole\",\"principalId\":\"AROA{id:016X}:{session}\",\"arn\":\"arn:aws:sts::111122223333:assumed-role/role-{who}/{session}\",\"accountId\":\"111122223333\",\"accessKeyId\":\"ASIA{key:016X}\",\"sessionContext\":{{\"sessionIssuer\":{{\"type\":\"Role\",\"principalId\":\"AROA{id:016X}\",\"arn\":\"arn:aws:iam::111122223333:role/service/role-{who}\",\"accountId\":\"111122223333\",\"userName\":\"role-{who}\"}},\"webIdFederationData\":{{}},\"attributes\":{{\"creationDate\":\"{}\",\"mfaAuthenticated\":\"false\"}}}}}}",
        time(at / 3_600 * 3_600)
    );
}

fn request(out: &mut String, call: Call, resource: &str, at: u64, numbers: &mut Numbers) {
    if call.3.is_empty() {
        out.push_str(",\"requestParameters\":null");
        return;
    }
    let value = if call.3.ends_with("Arn") || call.3 == "queueUrl" {
        format!("{}{resource}", call.4)
    } else {
        resource.to_string()
    };
    let _ = write!(out, ",\"requestParameters\":{{\"{}\":\"{value}\"", call.3);
    match call.0 {
        "s3" => {
            let _ = write!(
                out,
                ",\"Host\":\"{resource}.s3.eu-west-1.amazonaws.com\",\"key\":\"year=2026/month=03/part-{:05}-{}.snappy.parquet\",\"x-amz-server-side-encryption\":\"aws:kms\"",
                numbers.below(100_000),
                guid(numbers)
            );
        }
        "dynamodb" => {
            let _ = write!(
                out,
                ",\"key\":{{\"id\":\"{}\"}},\"consistentRead\":false,\"returnConsumedCapacity\":\"TOTAL\"",
                guid(numbers)
            );
        }
        "ecs" => {
            // A new revision every two weeks, always in the same network.
            let network =
                resource.bytes().fold(7, |sum, byte| sum * 31 % 100_003 + u64::from(byte));
            let _ = write!(
                out,
                ",\"service\":\"{resource}\",\"taskDefinition\":\"arn:aws:ecs:eu-west-1:111122223333:task-definition/{resource}:{}\",\"networkConfiguration\":{{\"awsvpcConfiguration\":{{\"subnets\":[\"subnet-{:08x}\",\"subnet-{:08x}\"],\"securityGroups\":[\"sg-{:08x}\"],\"assignPublicIp\":\"DISABLED\"}}}}",
                (at - START) / (14 * 86_400),
                network,
                network + 1,
                network + 2
            );
        }
        "sts" => {
            let _ =
                write!(out, ",\"roleSessionName\":\"{}\",\"durationSeconds\":3600", guid(numbers));
        }
        _ => {
            let _ = write!(
                out,
                ",\"clientToken\":\"{}\",\"maxResults\":{},\"filterSet\":{{\"items\":[{{\"name\":\"tag:team\",\"valueSet\":{{\"items\":[{{\"value\":\"{resource}\"}}]}}}}]}}",
                guid(numbers),
                numbers.below(1_000)
            );
        }
    }
    out.push('}');
}

fn response(out: &mut String, call: Call, denied: bool, numbers: &mut Numbers) {
    if call.2 || denied {
        out.push_str(",\"responseElements\":null");
    } else {
        let _ = write!(
            out,
            ",\"responseElements\":{{\"requestId\":\"{}\",\"status\":\"ACTIVE\",\"policy\":\"{{\\\"Version\\\":\\\"2012-10-17\\\",\\\"Statement\\\":[]}}\",\"createdAt\":\"Mar 2, 2026, 9:15:00 AM\",\"versionId\":\"{}\",\"attributes\":[{{\"name\":\"ecs.capability\",\"value\":\"{:x}\"}}]}}",
            guid(numbers),
            guid(numbers),
            numbers.next()
        );
    }
    let _ = write!(
        out,
        ",\"additionalEventData\":{{\"SignatureVersion\":\"SigV4\",\"CipherSuite\":\"TLS_AES_128_GCM_SHA256\",\"bytesTransferredIn\":{},\"AuthenticationMethod\":\"AuthHeader\",\"x-amz-id-2\":\"{}=\",\"bytesTransferredOut\":{}}}",
        numbers.below(4_000),
        base64(numbers, 75),
        numbers.below(90_000)
    );
}

fn resources(out: &mut String, call: Call, resource: &str) {
    if !call.4.starts_with("arn:") {
        return;
    }
    let _ = write!(
        out,
        ",\"resources\":[{{\"accountId\":\"111122223333\",\"type\":\"AWS::{}::Resource\",\"ARN\":\"{}{resource}\"}}]",
        call.0, call.4
    );
}
