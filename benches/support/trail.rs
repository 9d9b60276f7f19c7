//! A reader of CloudTrail for the benchmark: the fields that the usage table needs, and nothing of what they
//! mean.

use authgap::model::Time;
use authgap::platform::events::{
    EventFormat, Field, Fields, Layout, RawEvent, RawRow, Sort, Take, Translated,
};

const fn text(path: &'static [&'static str]) -> Field {
    Field { path, take: Take::Text }
}

const FIELDS: &[Field] = &[
    text(&["eventTime"]),
    text(&["eventID"]),
    text(&["userIdentity", "type"]),
    text(&["userIdentity", "arn"]),
    text(&["userIdentity", "accountId"]),
    text(&["userIdentity", "invokedBy"]),
    text(&["userIdentity", "sessionContext", "sessionIssuer", "arn"]),
    text(&["eventSource"]),
    text(&["eventName"]),
    text(&["awsRegion"]),
    text(&["errorCode"]),
    text(&["recipientAccountId"]),
    text(&["sourceIPAddress"]),
    text(&["userAgent"]),
    text(&["eventCategory"]),
    Field { path: &["readOnly"], take: Take::Scalar },
    text(&["resources", "[]", "ARN"]),
    text(&["requestParameters", "bucketName"]),
    text(&["requestParameters", "tableName"]),
    text(&["requestParameters", "queueUrl"]),
    text(&["requestParameters", "functionName"]),
    text(&["requestParameters", "secretId"]),
    text(&["requestParameters", "keyId"]),
    text(&["requestParameters", "roleArn"]),
    text(&["requestParameters", "cluster"]),
    text(&["requestParameters", "family"]),
    text(&["requestParameters", "roleName"]),
    text(&["requestParameters", "userName"]),
    text(&["requestParameters", "policyArn"]),
    text(&["requestParameters", "logGroupName"]),
    text(&["requestParameters", "name"]),
    text(&["requestParameters", "stackName"]),
    text(&["requestParameters", "repositoryName"]),
    text(&["requestParameters", "topicArn"]),
    text(&["requestParameters", "dBInstanceIdentifier"]),
    text(&["requestParameters", "streamName"]),
    text(&["requestParameters", "instanceId"]),
];

/// First of the fields that name a resource.
const RESOURCE: usize = 16;

/// The format; `scan_only` reads the fields and makes nothing of them.
pub(crate) struct Trail {
    pub(crate) scan_only: bool,
}

pub(crate) static TRAIL: Trail = Trail { scan_only: false };
pub(crate) static SCAN: Trail = Trail { scan_only: true };

impl EventFormat for Trail {
    fn id(&self) -> &'static str {
        "trail"
    }

    fn layout(&self) -> Layout {
        Layout::Records(&["Records", "Events"])
    }

    fn fields(&self) -> &'static [Field] {
        FIELDS
    }

    fn event<'a>(&self, fields: &dyn Fields<'a>, event: &mut RawEvent) -> Sort {
        if self.scan_only {
            let length: usize = (0..FIELDS.len()).map(|field| fields.get(field).len()).sum();
            return if length == 0 { Sort::Reject("empty") } else { Sort::Skip("scanned") };
        }
        event.time = time(fields.get(0));
        event.id = guid(fields.get(1));
        let issuer = fields.get(6);
        let arn = fields.get(3);
        event.part(if issuer.is_empty() { arn } else { issuer });
        for field in [2, 5, 7, 8, 9, 10, 11, 14, 15] {
            event.part(fields.get(field));
        }
        let scope =
            (RESOURCE..FIELDS.len()).map(|field| fields.get(field)).find(|value| !value.is_empty());
        event.part(scope.unwrap_or(&[]));
        let network = fields.get(12);
        let network = network.rsplitn(2, |byte| *byte == b'.').last();
        event.network.extend_from_slice(network.unwrap_or(&[]));
        let agent = fields.get(13);
        let agent = agent.split(|byte| *byte == b'/').next();
        event.agent.extend_from_slice(agent.unwrap_or(&[]));
        if !issuer.is_empty() {
            let session = arn.rsplit(|byte| *byte == b'/').next();
            event.session.extend_from_slice(session.unwrap_or(&[]));
        }
        Sort::Use
    }

    fn translate(&self, _rows: Vec<RawRow>, _out: &mut Translated) {}
}

/// `YYYY-MM-DDTHH:MM:SSZ` by its places; anything else the long way.
fn time(text: &[u8]) -> Option<Time> {
    let digit = |at: usize| u32::from(text[at].wrapping_sub(b'0'));
    if text.len() != 20 || text[19] != b'Z' {
        return Time::parse(std::str::from_utf8(text).ok()?);
    }
    let two = |at: usize| digit(at) * 10 + digit(at + 1);
    let date = (i64::from(two(0) * 100 + two(2)), two(5), two(8));
    Time::from_civil(date, (two(11), two(14), two(17)))
}

/// The 32 digits of a GUID; anything else has no id.
fn guid(text: &[u8]) -> u128 {
    if text.len() != 36 {
        return 0;
    }
    let mut id = 0u128;
    for byte in text {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            b'-' => continue,
            _ => return 0,
        };
        id = id << 4 | u128::from(digit);
    }
    id
}
