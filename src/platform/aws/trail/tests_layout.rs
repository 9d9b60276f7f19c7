//! Each wrapped form, read to the same record; and scopes, one case a form of name.

use serde_json::{Value, json};

use super::scope::patterns;
use super::tests::{ROLE, event, record, shared, text, translated};
use super::*;
use crate::platform::events::{EventFormat, Sort};

fn call() -> Value {
    record(json!({"eventSource": "s3.amazonaws.com", "eventName": "GetBucketAcl",
        "eventID": "e4ca758e-8abd-4be9-aeb1-04e7c92ed72e",
        "requestParameters": {"bucketName": "b"}}))
}

fn unwrapped(body: &[u8]) -> Vec<Value> {
    assert!(needs_unwrap(&body[..body.len().min(300)]), "{}", String::from_utf8_lossy(body));
    let mut out = Vec::new();
    FORMAT_WRAPPED
        .unwrap("", body, &mut |number, bytes| {
            assert_eq!(number, out.len() as u64 + 1);
            out.push(serde_json::from_slice(bytes).unwrap_or(Value::Null));
        })
        .unwrap();
    out
}

/// The body holds the call twice.
fn twice(body: &str) {
    assert_eq!(unwrapped(body.as_bytes()), [call(), call()]);
}

fn quoted() -> String {
    Value::String(call().to_string()).to_string()
}

#[test]
fn lookup_events() {
    let one = format!(
        r#"{{"EventId":"e","EventName":"GetBucketAcl","ReadOnly":"true","EventTime":1688989338.0,
        "Username":"x","Resources":[],"CloudTrailEvent":{}}}"#,
        quoted()
    );
    twice(&format!(r#"{{"Events":[{one},{one}],"NextToken":"t"}}"#));
}

#[test]
fn event_bridge() {
    let one = format!(
        r#"{{"version":"0","id":"x","detail-type":"AWS API Call via CloudTrail","source":"aws.s3",
        "account":"1","time":"2026-03-02T09:15:00Z","region":"r","resources":[],"detail":{}}}"#,
        call()
    );
    twice(&format!("{one}\n{one}\n"));
    twice(&format!("[{one},{one}]"));
}

#[test]
fn cloudwatch_logs() {
    let message = quoted();
    let subscription = format!(
        r#"{{"messageType":"DATA_MESSAGE","owner":"1","logGroup":"g","logStream":"s",
        "subscriptionFilters":["f"],"logEvents":[{{"id":"1","timestamp":1,"message":{message}}},
        {{"id":"2","timestamp":1,"message":{message}}}]}}"#
    );
    twice(&subscription);
    let control = r#"{"messageType":"CONTROL_MESSAGE","logEvents":[{"message":"hello"}]}"#;
    twice(&format!("{control}{subscription}"));
    twice(&format!(
        r#"{{"events":[{{"logStreamName":"s","message":{message}}},{{"message":{message}}}],
        "searchedLogStreams":[]}}"#
    ));
    let row = format!(
        r#"[{{"field":"@timestamp","value":"x"}},{{"field":"@message","value":{message}}}]"#
    );
    twice(&format!(r#"{{"results":[{row},{row}],"status":"Complete"}}"#));
    let line = format!("2026-01-01T00:00:00.000Z {}", call());
    twice(&format!("{line}\n{line}\n"));
}

#[test]
fn splunk() {
    let raw = quoted();
    let result = format!(r#"{{"preview":false,"result":{{"_raw":{raw}}}}}"#);
    twice(&format!("{result}\n{result}"));
    twice(&format!(r#"{{"preview":false,"results":[{{"_raw":{raw}}},{{"_raw":{raw}}}]}}"#));
    let collector = format!(r#"{{"sourcetype":"aws:cloudtrail","event":{}}}"#, call());
    twice(&format!("{collector}\n{collector}"));
    let cell = call().to_string().replace('"', "\"\"");
    twice(&format!("_time,_raw\n1,\"{cell}\"\n2,\"{cell}\"\n"));
    twice(&format!("\"@timestamp\",\"@message\"\n1,\"{cell}\"\n2,\"{cell}\"\n"));
}

#[test]
fn elastic_with_the_original() {
    let one = format!(
        r#"{{"@timestamp":"2026-03-02T09:15:00Z","event":{{"original":{},"action":"x"}}}}"#,
        quoted()
    );
    twice(&format!("{one}\n{one}"));
    let hit = format!(r#"{{"_index":"i","_source":{one}}}"#);
    twice(&format!("{hit}\n{hit}"));
    twice(&format!(r#"{{"took":1,"hits":{{"total":2,"hits":[{hit},{hit}]}}}}"#));
}

#[test]
fn elastic_without_the_original() {
    let document = json!({
        "@timestamp": "2026-03-02T09:15:00.000Z",
        "event": {"action": "GetBucketAcl", "provider": "s3.amazonaws.com", "id": "x",
            "outcome": "success"},
        "cloud": {"account": {"id": "111122223333"}, "region": "eu-west-1"},
        "source": {"address": "192.0.2.7"},
        "aws": {"cloudtrail": {
            "event_type": "AwsApiCall", "event_category": "Management",
            "flattened": {"request_parameters": {"bucketName": "b"}},
            "user_identity": {"type": "AssumedRole",
                "arn": "arn:aws:sts::111122223333:assumed-role/deploy/build-7",
                "session_context": {"session_issuer": {"type": "Role", "arn": ROLE,
                    "principal_id": "AROAEXAMPLE", "account_id": "111122223333"}}}}}
    });
    let rows = translated(&unwrapped(document.to_string().as_bytes())).usage;
    assert_eq!((&*rows[0].identity, &*rows[0].action), (ROLE, "s3:GetBucketAcl"));
    assert_eq!(rows[0].scope.as_str(), "arn:aws:s3:::b");
}

#[test]
fn athena_rows() {
    let header = "eventversion,useridentity,eventtime,eventsource,eventname,awsregion,errorcode,\
                  requestparameters,recipientaccountid,eventid,readonly,resources";
    let identity = format!(
        "{{type=AssumedRole, principalid=AROAEXAMPLE:a,b=c, arn=arn:aws:sts::111122223333:\
         assumed-role/deploy/a,b=c, accountid=111122223333, invokedby=null, sessioncontext=\
         {{attributes={{mfaauthenticated=false, creationdate=x}}, sessionissuer={{type=Role, \
         principalid=AROAEXAMPLE, arn={ROLE}, accountid=111122223333, username=deploy}}}}}}"
    );
    let row = |identity: &str| {
        format!(
            "1.08,\"{identity}\",2026-03-02 09:15:00.000,s3.amazonaws.com,GetBucketAcl,eu-west-1,,\
             \"{{\"\"bucketName\"\":\"\"b\"\"}}\",111122223333,x,true,\"[{{arn=arn:aws:s3:::b, \
             accountid=1, type=AWS::S3::Bucket}}]\""
        )
    };
    let body = format!("{header}\n{}\n{}\n", row(&identity), row("User ID: {'x'}"));
    let records = unwrapped(body.as_bytes());
    let rows = translated(&records[..1]).usage;
    assert_eq!((&*rows[0].identity, &*rows[0].action), (ROLE, "s3:GetBucketAcl"));
    assert_eq!(rows[0].scope.as_str(), "arn:aws:s3:::b");
    assert!(rows[0].sessions.contains("a,b=c"));
    assert!(matches!(event(&records[1]).0, Sort::Reject(_)));
}

#[test]
fn plain_forms_need_no_unwrapping() {
    let one = call().to_string();
    let pretty = serde_json::to_string_pretty(&call()).unwrap();
    for body in [
        format!(r#"{{"Records":[{one}]}}"#),
        format!("{one}\n{one}"),
        format!("[{one}]"),
        pretty,
        String::new(),
    ] {
        assert!(!needs_unwrap(body.as_bytes()), "{body}");
    }
    if let Some(trail) = shared() {
        let head = text(&trail.join("cloud-snitch/test-records.json"));
        assert!(!needs_unwrap(&head));
    }
}

#[test]
fn logstash_records_have_another_time() {
    let mut old = call();
    old["@timestamp"] = "2017-05-01T10:00:00.000Z".into();
    old["eventTime"] = Value::Null;
    assert!(!needs_unwrap(old.to_string().as_bytes()));
    let (sort, event) = event(&old);
    assert_eq!(sort, Sort::Use);
    assert_eq!(event.time.unwrap().to_string(), "2017-05-01T10:00:00Z");
}

#[test]
fn broken_wrappings_say_where() {
    let body = format!(r#"{{"detail":{}}}{{"detail":{{"a"#, call());
    let mut found = 0;
    let error = FORMAT_WRAPPED.unwrap("", body.as_bytes(), &mut |_, _| found += 1).unwrap_err();
    assert_eq!(found, 1);
    assert_eq!(&body[error.offset..], r#"{"detail":{"a"#);
    let table = "User ID,Event\n\"{'type': 'IAMUser'}\",x\n";
    assert!(FORMAT_WRAPPED.unwrap("", table.as_bytes(), &mut |_, _| {}).is_err());
}

fn scopes(source: &str, event: &str, parameters: Value, resources: Value) -> Vec<String> {
    let call = record(json!({"eventSource": format!("{source}.amazonaws.com"), "eventName": event,
        "requestParameters": parameters, "resources": resources}));
    let out = translated(&[call]);
    let first = out.usage[0].action.clone();
    let rows = out.usage.iter().filter(|row| row.action == first);
    rows.map(|row| row.scope.as_str().to_string()).collect()
}

/// Service, event, `requestParameters`, resource ARN or `-`, expected scope. `HERE:SERVICE:` stands for an ARN of the
/// caller's account and Region.
const NAMES: &str = r#"
s3 GetObject {"bucketName":"b","key":"k"} - arn:aws:s3:::b
s3 PutObject null arn:aws:s3:::b/x/y arn:aws:s3:::b
dynamodb Query {"tableName":"t"} - HERE:dynamodb:table/t
dynamodb Query {"tableName":"HERE:dynamodb:table/t/index/i"} - HERE:dynamodb:table/t
sqs SendMessage {"queueUrl":"https://sqs.eu-west-1.amazonaws.com/444455556666/q"} - arn:aws:sqs:eu-west-1:444455556666:q
sqs SendMessage {"queueUrl":"https://evil.example/q"} - *
sns Publish {"topicArn":"HERE:sns:t"} - HERE:sns:t
lambda Invoke {"functionName":"f:live"} - HERE:lambda:function:f
lambda Invoke {"functionName":"HERE:lambda:function:f:7"} - HERE:lambda:function:f
lambda Invoke {"functionName":"444455556666:function:f"} - arn:aws:lambda:eu-west-1:444455556666:function:f
secretsmanager GetSecretValue {"secretId":"db"} - HERE:secretsmanager:secret:db
secretsmanager GetSecretValue {"secretId":"HERE:secretsmanager:secret:db-aB3dEf"} - HERE:secretsmanager:secret:db
secretsmanager GetSecretValue {"secretId":"HERE:secretsmanager:secret:my-secret"} - *
ssm GetParameter {"name":"/app/db"} - HERE:ssm:parameter/app/db
ssm GetParameter {"name":"/app/db:3"} - HERE:ssm:parameter/app/db
ssm GetDocument {"name":"AWS-RunShellScript"} - *
ssm GetDocument {"name":"own"} - HERE:ssm:document/own
kms Decrypt {"keyId":"alias/x"} - *
kms Decrypt {"keyId":"alias/x"} HERE:kms:key/k-1 HERE:kms:key/k-1
kms Decrypt {"keyId":"k-1"} - HERE:kms:key/k-1
iam GetRole {"roleName":"deploy"} - arn:aws:iam::111122223333:role/ci/deploy
iam GetRole {"roleName":"other"} - *
iam CreateRole {"roleName":"r","path":"/x/"} - arn:aws:iam::111122223333:role/x/r
ec2 TerminateInstances {"instancesSet":{"items":[{"instanceId":"i-0dbc91f429e48eeed"}]}} - HERE:ec2:instance/i-0dbc91f429e48eeed
ec2 DescribeInstances {"instancesSet":{"items":[{"instanceId":"i-0dbc91f429e48eeed"}]}} - *
ec2 RunInstances {"subnetId":"subnet-01ed430875cff578d"} - *
ecs UpdateService {"cluster":"c","service":"s"} - HERE:ecs:service/c/s
ecr BatchGetImage {"repositoryName":"r","registryId":"444455556666"} - arn:aws:ecr:eu-west-1:444455556666:repository/r
logs PutLogEvents {"logGroupName":"g","logStreamName":"s"} - HERE:logs:log-group:g
states StartExecution {"stateMachineArn":"HERE:states:stateMachine:m"} - HERE:states:stateMachine:m
kinesis PutRecord {"streamName":"s"} - HERE:kinesis:stream/s
events PutRule {"name":"r","eventBusName":"bus"} - HERE:events:rule/bus/r
events PutEvents {"entries":[{"eventBusName":"bus"}]} - HERE:events:event-bus/bus
rds DeleteDBInstance {"dBInstanceIdentifier":"DB1"} - HERE:rds:db:db1
athena GetWorkGroup {"workGroup":"w"} - HERE:athena:workgroup/w
apigateway GetRestApis null - arn:aws:apigateway:eu-west-1::/restapis
apigateway GetResources null - *
sts AssumeRole {"roleArn":"arn:aws:iam::1:role/x/y"} - arn:aws:iam::1:role/x/y
"#;

#[test]
fn names_become_arns_of_containers() {
    let spelled = |text: &str| {
        let Some((before, after)) = text.split_once("HERE:") else {
            return text.to_string();
        };
        let (service, rest) = after.split_once(':').unwrap();
        format!("{before}arn:aws:{service}:eu-west-1:111122223333:{rest}")
    };
    for line in NAMES.lines().filter(|line| !line.is_empty()) {
        let cells: Vec<&str> = line.split(' ').collect();
        let [source, event, parameters, resource, expected] = cells[..] else {
            panic!("five cells: {line}");
        };
        let parameters = serde_json::from_str(&spelled(parameters)).unwrap();
        let resources = match resource {
            "-" => Value::Null,
            arn => json!([{"ARN": spelled(arn)}]),
        };
        let found = scopes(source, event, parameters, resources);
        assert_eq!(found, [spelled(expected)], "{line}");
    }
}

#[test]
fn several_resources_are_several_rows_and_too_many_overflow() {
    let names = |count: usize| (0..count).map(|n| format!("/p{n}")).collect::<Vec<_>>();
    let two = scopes("ssm", "GetParameters", json!({"names": names(2)}), Value::Null);
    assert_eq!(two.len(), 2);
    assert!(two[0].ends_with(":parameter/p0"));
    let many = scopes("ssm", "GetParameters", json!({"names": names(17)}), Value::Null);
    assert_eq!(many, ["…"]);
    let glue = scopes("glue", "GetTable", json!({"databaseName": "d", "name": "t"}), Value::Null);
    assert_eq!(glue.len(), 3, "{glue:?}");
}

#[test]
fn a_scope_stands_for_what_a_grant_writes() {
    let bucket = "arn:aws:s3:::b";
    assert_eq!(patterns("s3:GetObject", bucket), ["arn:aws:s3:::b/*"]);
    assert_eq!(patterns("s3:ListBucket", bucket), [bucket]);
    let secret = "arn:aws:secretsmanager:r:1:secret:db";
    assert_eq!(
        patterns("secretsmanager:GetSecretValue", secret),
        ["arn:aws:secretsmanager:r:1:secret:db-??????"]
    );
}

#[test]
fn classes_of_events() {
    let cases = [
        ("kms.amazonaws.com", "Management", "", "Decrypt", "management:kms"),
        ("rdsdata.amazonaws.com", "Management", "", "ExecuteStatement", "management:rdsdata"),
        ("iam.amazonaws.com", "", "", "GetRole", "management"),
        ("s3.amazonaws.com", "", "", "HeadBucket", "data:AWS::S3::Object"),
        ("lambda.amazonaws.com", "Data", "", "Invoke", "data:AWS::Lambda::Function"),
        ("x.amazonaws.com", "Data", "AWS::X::Y", "Z", "data:AWS::X::Y"),
        ("s3.amazonaws.com", "NetworkActivity", "", "GetObject", "network:s3.amazonaws.com"),
    ];
    for (source, category, kind, event, expected) in cases {
        assert_eq!(class_of(source, category, kind, event), expected);
    }
}
