//! The traps of CloudTrail records, each by the number that the project's list of traps gives it, and what a call
//! needs beside its name's action.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::tests::{ROLE, actions, event, read, record, scope, translated};
use super::*;
use crate::model::Outcome;
use crate::platform::events::{EventFormat, Translated};

#[test]
fn trap_01_a_session_is_credited_to_its_role_with_path() {
    let call = json!({"eventSource": "ec2.amazonaws.com", "eventName": "DescribeInstances"});
    let out = translated(&[record(call.clone())]);
    assert_eq!(&*out.usage[0].identity, ROLE);
    assert!(out.usage[0].sessions.contains("build-7"));
    // Without an issuer the session's ARN has no path: the name is enough if the logs show its path.
    let mut bare = record(call);
    bare["userIdentity"]["sessionContext"] = Value::Null;
    let alone = translated(std::slice::from_ref(&bare));
    assert_eq!(&*alone.usage[0].identity, "arn:aws:iam::111122223333:role/deploy");
    let full = record(json!({"eventSource": "ec2.amazonaws.com", "eventName": "DescribeVpcs"}));
    let both = translated(&[bare, full]);
    assert!(both.usage.iter().all(|row| &*row.identity == ROLE));
}

#[test]
fn trap_05_list_objects_is_a_data_event_of_list_bucket() {
    // An old record says neither category nor management event.
    let mut old = record(json!({
        "eventVersion": "1.05", "eventSource": "s3.amazonaws.com", "eventName": "ListObjects",
        "readOnly": true, "requestParameters": {"bucketName": "b", "list-type": "2"}
    }));
    old["eventCategory"] = Value::Null;
    let out = translated(&[old]);
    assert_eq!(actions(&out.usage), [("s3:ListBucket", "arn:aws:s3:::b", "allowed", false)]);
    let span = &out.spans[0];
    assert_eq!(&*span.class, "data:AWS::S3::Object");
    assert_eq!(span.resource.as_deref(), Some("arn:aws:s3:::b"));
    assert_eq!(span.read_only, Some(true));
}

#[test]
fn trap_06_a_passed_role_is_inferred_from_the_call_that_passes_it() {
    let function = |role: &str| {
        json!({
            "eventSource": "lambda.amazonaws.com", "eventName": "CreateFunction20150331",
            "readOnly": false, "requestParameters": {"functionName": "f", "role": role}
        })
    };
    let role = "arn:aws:iam::111122223333:role/service-role/worker";
    let function_arn = "arn:aws:lambda:eu-west-1:111122223333:function:f";
    let out = translated(&[record(function(role))]);
    assert_eq!(
        actions(&out.usage),
        [
            ("iam:PassRole", role, "allowed", true),
            ("lambda:CreateFunction", function_arn, "allowed", false),
        ]
    );
    // A refusal names the action: it is iam:PassRole's, not the outer call's.
    let mut refused = record(function(role));
    refused["errorCode"] = "AccessDeniedException".into();
    refused["errorMessage"] = format!(
        "User: arn:aws:sts::111122223333:assumed-role/deploy/build-7 is not authorized to perform: \
         iam:PassRole on resource: {role} because no identity-based policy allows the iam:PassRole \
         action"
    )
    .into();
    let out = translated(&[refused]);
    assert_eq!(
        actions(&out.usage),
        [
            ("iam:PassRole", role, "denied", false),
            ("lambda:CreateFunction", function_arn, "undetermined", false),
        ]
    );
    // A profile is no role, and a profile that does not exist was not passed.
    let mut run = record(json!({
        "eventSource": "ec2.amazonaws.com", "eventName": "RunInstances", "readOnly": false,
        "requestParameters": {"iamInstanceProfile": {"name": "web"}}
    }));
    let passed = |record: &Value| {
        let out = translated(std::slice::from_ref(record));
        let rows = out.usage.iter().filter(|row| &*row.action == "iam:PassRole");
        rows.map(|row| scope(row).to_string()).collect::<Vec<_>>()
    };
    assert_eq!(passed(&run), ["*"]);
    run["errorCode"] = "Client.InvalidParameterValue".into();
    run["errorMessage"] = "Value (web) is invalid. Invalid IAM Instance Profile name".into();
    assert_eq!(passed(&run), [""; 0]);
}

#[test]
fn trap_07_a_failed_sign_in_without_code_is_no_success() {
    let login = |result: &str| {
        json!({
            "eventSource": "signin.amazonaws.com", "eventName": "ConsoleLogin",
            "eventType": "AwsConsoleSignIn", "responseElements": {"ConsoleLogin": result},
            "userIdentity": {"type": "IAMUser", "accountId": "111122223333",
                "arn": "arn:aws:iam::111122223333:user/ops", "principalId": "AIDAEXAMPLE"}
        })
    };
    let mut failed = record(login("Failure"));
    failed["errorMessage"] = "Failed authentication".into();
    let out = translated(&[failed]);
    assert_eq!(actions(&out.usage), [("no-permission:ConsoleLogin", "*", "undetermined", false)]);
    let mut fine = record(login("Success"));
    fine["errorCode"] = "".into();
    assert_eq!(translated(&[fine]).usage[0].outcome, Outcome::Allowed);
}

#[test]
fn trap_08_an_event_counts_once_in_the_callers_account() {
    let shared = "6e410184-19dd-4d7d-a8f0-c17c584957a0";
    let copy = |account: &str, id: &str| {
        let mut copy = record(json!({
            "eventSource": "s3.amazonaws.com", "eventName": "GetObject", "eventCategory": "Data",
            "sharedEventID": shared, "eventID": id, "recipientAccountId": account,
            "requestParameters": {"bucketName": "b", "key": "k"}
        }));
        if account != "111122223333" {
            copy["userIdentity"] = json!({
                "type": "AWSAccount", "accountId": "111122223333", "principalId": "AROAEXAMPLE:build-7"
            });
        }
        copy
    };
    let mut network = copy("111122223333", "00000000-0000-0000-0000-000000000003");
    network["eventCategory"] = "NetworkActivity".into();
    let records = [
        copy("444455556666", "00000000-0000-0000-0000-000000000001"),
        copy("111122223333", "00000000-0000-0000-0000-000000000002"),
        copy("111122223333", "00000000-0000-0000-0000-000000000002"),
        network.clone(),
    ];
    let read = read(&records);
    assert_eq!(read.skipped.len(), 1);
    let mut out = Translated::default();
    FORMAT.translate(read.rows, &mut out);
    let mut counts: Vec<_> = out.usage.iter().map(|row| (&*row.identity, row.count)).collect();
    counts.sort_unstable();
    assert_eq!(counts, [("AROAEXAMPLE", 0), (ROLE, 1)]);
    network["errorCode"] = "VpceAccessDenied".into();
    let denied = translated(&[network]);
    assert_eq!(denied.usage[0].outcome, Outcome::Denied);
    // Without any id nothing tells two deliveries from two calls.
    let mut bare = copy("111122223333", "");
    bare["sharedEventID"] = Value::Null;
    assert_eq!(event(&bare).1.id, 0);
}

#[test]
fn trap_12_forwarded_calls_are_the_identitys_and_service_calls_nobodys() {
    let decrypt = json!({"eventSource": "kms.amazonaws.com", "eventName": "Decrypt",
        "resources": [{"type": "AWS::KMS::Key", "accountId": "111122223333",
            "ARN": "arn:aws:kms:eu-west-1:111122223333:key/k"}]});
    let mut forwarded = record(decrypt.clone());
    forwarded["userIdentity"]["invokedBy"] = "secretsmanager.amazonaws.com".into();
    let out = translated(&[forwarded]);
    assert_eq!(&*out.usage[0].identity, ROLE);
    assert_eq!(out.usage[0].via.as_deref(), Some("secretsmanager.amazonaws.com"));
    assert_eq!(scope(&out.usage[0]), "arn:aws:kms:eu-west-1:111122223333:key/k");
    let mut service = record(decrypt);
    service["userIdentity"] =
        json!({"type": "AWSService", "invokedBy": "cloudfront.amazonaws.com"});
    let out = translated(&[service]);
    assert!(out.usage.is_empty());
    assert_eq!(out.remarks, [("calls by AWS services, nobody's use".to_string(), 1)]);
    assert_eq!(&*out.spans[0].class, "management:kms");
}

#[test]
fn identity_types_without_a_session_issuer() {
    let credited = |identity: Value| {
        let call = json!({"eventSource": "ec2.amazonaws.com", "eventName": "DescribeVpcs",
            "userIdentity": identity});
        let out = translated(&[record(call)]);
        let found = out.usage.first().map(|row| row.identity.to_string());
        found.unwrap_or_else(|| out.remarks[0].0.clone())
    };
    let cases = [
        (json!({"type": "Root", "accountId": "1"}), "arn:aws:iam::1:root"),
        (
            json!({"type": "IAMUser", "accountId": "1", "userName": "bert-jan"}),
            "arn:aws:iam::1:user/bert-jan",
        ),
        (
            json!({"type": "IAMUser", "accountId": "1", "userName": "HIDDEN_DUE_TO_SECURITY_REASONS"}),
            "not attributed: users whose name is hidden",
        ),
        (
            json!({"type": "IdentityCenterUser", "onBehalfOf": {"userId": "u-1"}}),
            "arn:aws:identitystore:::user/u-1",
        ),
        (
            json!({"type": "AWSAccount", "accountId": "ANONYMOUS_PRINCIPAL"}),
            "not attributed: anonymous callers",
        ),
        (json!({"type": "AWSAccount", "accountId": "2"}), "aws-account:2"),
        (
            json!({"type": "Unknown", "accountId": "2"}),
            "not attributed: callers that CloudTrail calls unknown",
        ),
        (Value::Null, "not attributed: records without a caller"),
        (json!({"arn": "arn:aws:iam::1:user/x"}), "arn:aws:iam::1:user/x"),
        (json!({"type": "Root", "accountId": "1", "arn": "é"}), "arn:aws:iam::1:root"),
    ];
    for (identity, expected) in cases {
        assert_eq!(credited(identity.clone()), expected, "{identity}");
    }
}

#[test]
fn a_call_with_several_permissions_keeps_them_all() {
    let call = |event: &str, parameters: Value| {
        record(json!({"eventSource": "s3.amazonaws.com", "eventName": event,
            "eventCategory": "Data", "readOnly": false, "requestParameters": parameters}))
    };
    let copy = call(
        "CopyObject",
        json!({"bucketName": "to", "x-amz-copy-source": "/from/key", "x-amz-acl": "private"}),
    );
    let out = translated(std::slice::from_ref(&copy));
    assert_eq!(
        actions(&out.usage),
        [
            ("s3:GetObject", "arn:aws:s3:::from", "allowed", true),
            ("s3:GetObjectTagging", "arn:aws:s3:::from", "undetermined", true),
            ("s3:PutObject", "arn:aws:s3:::to", "allowed", false),
            ("s3:PutObjectAcl", "arn:aws:s3:::to", "allowed", true),
        ]
    );
    // Which one was refused is not said.
    let mut refused = copy;
    refused["errorCode"] = "AccessDenied".into();
    refused["errorMessage"] = "Access Denied".into();
    let out = translated(&[refused]);
    assert!(out.usage.iter().all(|row| row.outcome == Outcome::Undetermined));
    let version = call("GetObject", json!({"bucketName": "b", "versionId": "v1"}));
    assert_eq!(&*translated(&[version]).usage[0].action, "s3:GetObjectVersion");
    let statement = record(json!({"eventSource": "dynamodb.amazonaws.com",
        "eventName": "ExecuteStatement"}));
    let out = translated(&[statement]);
    assert_eq!(out.usage.len(), 4);
    assert!(out.usage.iter().all(|row| row.inferred));
    let scaling = record(json!({"eventSource": "autoscaling.amazonaws.com",
        "eventName": "PutScalingPolicy",
        "additionalEventData": {"service": "application-autoscaling"}}));
    let action = translated(&[scaling]).usage[0].action.clone();
    assert_eq!(&*action, "application-autoscaling:PutScalingPolicy");
    let tagged = record(json!({"eventSource": "sqs.amazonaws.com", "eventName": "CreateQueue",
        "readOnly": false, "requestParameters": {"queueName": "q", "tags": {"team": "a"}}}));
    assert_eq!(
        actions(&translated(&[tagged]).usage),
        [
            ("sqs:CreateQueue", "arn:aws:sqs:eu-west-1:111122223333:q", "allowed", false),
            ("sqs:TagQueue", "*", "allowed", true),
        ]
    );
}

#[test]
fn context_of_a_call_is_bounded() {
    let mut call = record(json!({"eventSource": "ec2.amazonaws.com", "eventName": "DescribeVpcs",
        "sourceIPAddress": "2001:db8:1:2::3", "userAgent": "[S3Console/0.4 x]",
        "sessionCredentialFromConsole": "true"}));
    call["userIdentity"]["inScopeOf"] =
        json!({"sourceArn": "arn:aws:ecs:eu-west-1:111122223333:task/prod/0123456789"});
    let (_, raw) = event(&call);
    assert_eq!(raw.network, b"2001:db8:1::/48");
    assert_eq!(raw.agent, b"S3Console");
    let row = &translated(&[call]).usage[0];
    assert_eq!(row.via.as_deref(), Some("console"));
    let workload = "arn:aws:ecs:eu-west-1:111122223333:task/prod";
    assert_eq!(row.on_behalf_of.as_deref(), Some(workload));
    let huge = "x".repeat(100_000);
    let long = record(json!({"eventSource": "ec2.amazonaws.com", "eventName": huge,
        "errorCode": huge, "errorMessage": huge}));
    assert!(event(&long).1.key().len() < 20_000);
}

proptest! {
    #[test]
    fn any_texts_are_read_and_translated_without_panic(
        values in proptest::collection::vec("(arn:aws:[a-z]{2,4}:r:1:|[/:{}%-]|.){0,12}", 12),
        source in prop::sample::select(vec![
            "s3", "ec2", "lambda", "iam", "sts", "secretsmanager", "sqs", "events", "glue", "kms", "x",
        ]),
    ) {
        let mut call = record(json!({"eventSource": format!("{source}.amazonaws.com"),
            "eventName": values[0], "errorCode": values[1], "eventCategory": values[2],
            "requestParameters": {"bucketName": values[3], "functionName": values[4],
                "secretId": values[5], "queueUrl": values[6], "x-amz-copy-source": values[7],
                "roleArn": values[8], "resources": values[9]},
            "resources": [{"ARN": values[10], "type": values[11]}]}));
        call["userIdentity"]["arn"] = values[10].as_str().into();
        call["errorMessage"] =
            format!("x is not authorized to perform: {} on resource: {}", values[3], values[4]).into();
        let out = translated(&[call]);
        prop_assert!(out.usage.iter().all(|row| !row.action.is_empty()));
    }

    #[test]
    fn any_bytes_are_unwrapped_without_panic(
        parts in proptest::collection::vec(
            "([{}\\[\\],:\"]|Events|detail|_raw|2026-01-01T00:00:00Z |eventname,eventsource|\n|.){0,3}",
            0..12,
        ),
    ) {
        let body = parts.concat().into_bytes();
        let _ = needs_unwrap(&body);
        let mut records = 0_u64;
        let _ = FORMAT_WRAPPED.unwrap("", &body, &mut |_, _| records += 1);
        prop_assert!(records <= body.len() as u64);
    }
}
