use super::*;

fn kind(path: &str, head: &str, is_whole: bool) -> Option<&'static str> {
    let sample = Sample { path, head: head.as_bytes(), is_whole };
    detect(&sample).map(|detected| detected.kind.id)
}

const RECORD_TEXT: &str = r#"{"eventVersion":"1.08","userIdentity":{"type":"IAMUser"},"eventTime":"2026-01-01T00:00:00Z","eventSource":"s3.amazonaws.com","eventName":"ListBuckets","awsRegion":"us-east-1"}"#;

#[test]
fn every_layout_of_cloudtrail_is_recognised() {
    let quoted = serde_json::to_string(RECORD_TEXT).unwrap();
    let layouts = [
        format!(r#"{{"Records":[{RECORD_TEXT}]}}"#),
        format!("{RECORD_TEXT}\n{RECORD_TEXT}\n"),
        format!("[{RECORD_TEXT}]"),
        format!("\n  {RECORD_TEXT}"),
        format!(r#"{{"Events":[{{"EventId":"1","CloudTrailEvent":{quoted}}}]}}"#),
        format!(r#"{{"version":"0","detail-type":"AWS API Call via CloudTrail","detail":{RECORD_TEXT}}}"#),
        format!(r#"{{"messageType":"DATA_MESSAGE","logEvents":[{{"id":"1","message":{quoted}}}]}}"#),
        format!(r#"{{"events":[{{"message":{quoted}}}]}}"#),
        format!("2026-01-01T00:00:00.000Z {RECORD_TEXT}"),
        format!("@timestamp,@message\n2026-01-01,\"{}\"", RECORD_TEXT.replace('"', "\"\"")),
        format!(r#"{{"@timestamp":"x","event":{{"original":{quoted}}}}}"#),
        r#"{"_source":{"@timestamp":"x","event":{"action":"a"},"aws":{"cloudtrail":{"event_type":"x"}}}}"#.into(),
        format!(r#"{{"hits":{{"hits":[{{"_source":{RECORD_TEXT}}}]}}}}"#),
        format!(r#"{{"preview":false,"result":{{"_raw":{quoted}}}}}"#),
        format!(r#"{{"results":[{{"_raw":{quoted}}}]}}"#),
        format!(r#"{{"sourcetype":"aws:cloudtrail","event":{RECORD_TEXT}}}"#),
        "\"eventversion\",\"useridentity\",\"eventtime\",\"eventsource\",\"eventname\"\n".into(),
        r#"{"@timestamp":"x","@version":"1","eventSource":"s3.amazonaws.com","eventName":"A","awsRegion":"x","userIdentity":{}}"#.into(),
    ];
    for layout in &layouts {
        assert_eq!(kind("x.json", layout, true), Some("aws-cloudtrail"), "{layout}");
    }
}

#[test]
fn a_cut_head_is_enough() {
    let long = format!(r#"{{"Records":[{},{{"eventVersion":"1.08","userId"#, RECORD_TEXT);
    assert_eq!(kind("x", &long, false), Some("aws-cloudtrail"));
    let pages = r#"{"UserDetailList": [{"UserName": "a", "UserPolicyList": [{"PolicyDoc"#;
    assert_eq!(kind("x", pages, false), Some("aws-authorization-details"));
    let big = r#"{"eventVersion":"1.08","userIdentity":{"type":"AssumedRole","arn":"arn"#;
    assert_eq!(kind("x", big, false), Some("aws-cloudtrail"));
}

#[test]
fn documents_are_told_by_their_members() {
    let documents = [
        (
            r#"{"Policies":[{"PolicyName":"x","PolicyVersionList":[]}]}"#,
            "aws-authorization-details",
        ),
        (r#"{"111122223333":{"RoleDetailList":[]}}"#, "aws-authorization-details"),
        (r#"[{"RoleDetailList":[]},{"RoleDetailList":[]}]"#, "aws-authorization-details"),
        (
            r#"{"Content":"eA==","GeneratedTime":"x","ReportFormat":"text/csv"}"#,
            "aws-credential-report",
        ),
        ("user,arn,user_creation_time,password_enabled\n", "aws-credential-report"),
        (r#"{"Arn":"x","JobStatus":"COMPLETED","ServicesLastAccessed":[]}"#, "aws-last-accessed"),
        (r#"{"JobId":"x"}"#, "aws-last-accessed-job"),
        (r#"{"AccessKeyMetadata":[]}"#, "aws-access-keys"),
        (
            r#"{"AccessKeyId":"x","UserName":"x","AccessKeyLastUsed":{}}"#,
            "aws-access-key-last-used",
        ),
        (r#"{"Role":{"RoleName":"x"}}"#, "aws-role"),
        (r#"{"Policy":{"PolicySummary":{"Id":"p-1"},"Content":"{}"}}"#, "aws-organization-policy"),
        (r#"{"PolicyId":"p-1","Targets":[]}"#, "aws-organization-targets"),
        (r#"{"Targets":[{"TargetId":"ou-1","Type":"ROOT"}]}"#, "aws-organization-targets"),
        (r#"{"TargetId":"r-1","Policies":[]}"#, "aws-organization-targets"),
        (
            r#"{"Policies":[{"Id":"p-1","Type":"SERVICE_CONTROL_POLICY"}]}"#,
            "aws-organization-targets",
        ),
        (r#"{"ParentId":"r-1","OrganizationalUnits":[]}"#, "aws-organization-tree"),
        (r#"{"ParentId":"r-1","Accounts":[]}"#, "aws-organization-tree"),
        (
            r#"{"Roots":[{"Id":"r-1","Arn":"arn:aws:organizations::1:root/o/r"}]}"#,
            "aws-organization-tree",
        ),
        (r#"{"Organization":{"Id":"o-1"}}"#, "aws-organization-tree"),
        (r#"{"Region":"x","trailList":[]}"#, "aws-trails"),
        (r#"{"TrailARN":"x","EventSelectors":[]}"#, "aws-event-selectors"),
        (r#"{"TrailARN":"x","AdvancedEventSelectors":[]}"#, "aws-event-selectors"),
        (r#"{"TrailARN":"x","IsLogging":true}"#, "aws-trail-status"),
        (r#"{"ResourceArn":"arn:aws:s3:::x","Policy":null}"#, "aws-resource-policy"),
        (r#"{"Policy":"{\"Version\":\"2012-10-17\"}","RevisionId":"x"}"#, "aws-resource-policy"),
        (r#"{"Attributes":{"QueueArn":"x"}}"#, "aws-resource-policy"),
        (r#"{"policyText":"{}","registryId":"1"}"#, "aws-resource-policy"),
        (r#"{"ARN":"arn:aws:secretsmanager:a:1:secret:x","Name":"x"}"#, "aws-resource-policy"),
        (r#"{"Version":"2012-10-17","Statement":[]}"#, "aws-policy"),
        (r#"{"Statement":{"Effect":"Allow"}}"#, "aws-policy"),
        (r#"{"findings":[{"findingType":"UnusedIAMRole"}]}"#, "aws-unused-access"),
        (r#"{"digestStartTime":"x","digestS3Object":"y"}"#, "aws-cloudtrail-digest"),
        (
            r#"{"Records":[{"eventVersion":"1","eventTime":"x","eventCategory":"Insight"}]}"#,
            "aws-cloudtrail-insight",
        ),
        (r#"{"SummaryMap":{}}"#, "aws-account-summary"),
        ("command\texit_code\terror\n", "aws-refused"),
        (r#"{"Collector": "authgap evidence aws", "Complete": true}"#, "aws-collection"),
        (r#"{"format_version":"1.2","planned_values":{}}"#, "aws-terraform-plan"),
        (r#"{"Resources":{"R":{"Type":"AWS::IAM::Role"}}}"#, "aws-cloudformation"),
        ("AWSTemplateFormatVersion: '2010-09-09'\nResources:\n", "aws-cloudformation"),
    ];
    for (text, expected) in documents {
        assert_eq!(kind("x", text, true), Some(expected), "{text}");
    }
}

#[test]
fn other_files_are_not_claimed() {
    for text in [
        "",
        "{}",
        "[]",
        "hello",
        r#"{"Records":[{"eventSource":"aws:s3","eventName":"ObjectCreated:Put","eventTime":"x","awsRegion":"y","eventVersion":"2.1"}]}"#,
        r#"{"kind":"RoleList","items":[]}"#,
        r#"{"Events":[{"Message":"x"}]}"#,
        r#"{"Policies":[{"PolicyName":"x"}]}"#,
        r#"{"a":{"a":{"a":{"a":{"a":1}}}}}"#,
    ] {
        assert_eq!(kind("x", text, true), None, "{text}");
    }
}

#[test]
fn only_the_name_tells_an_empty_log() {
    let path = "AWSLogs/1/CloudTrail/eu-west-1/x.json";
    assert_eq!(kind(path, r#"{"Records":[]}"#, true), Some("aws-cloudtrail"));
    assert_eq!(kind("x.json", r#"{"Records":[]}"#, true), None);
}

#[test]
fn shipped_samples_are_recognised() {
    let Some(root) = crate::platform::aws::tests::shared("aws") else {
        return;
    };
    let samples = [
        ("grants/cloudsplaining/example-authz-details.json", "aws-authorization-details"),
        (
            "grants/cloudmapper-demo/iam-get-account-authorization-details.json",
            "aws-authorization-details",
        ),
        ("grants/cloudmapper-demo/iam-get-credential-report.json", "aws-credential-report"),
        ("grants/cloudmapper-demo/iam-get-account-summary.json", "aws-account-summary"),
        ("grants/cloudmapper-demo/cloudtrail-describe-trails.json", "aws-trails"),
        ("grants/cloudmapper-demo/iam-get-role/level1.json", "aws-role"),
        (
            "grants/cloudmapper-demo/iam-generate-service-last-accessed-details/level1.json",
            "aws-last-accessed-job",
        ),
        (
            "grants/cloudmapper-demo/iam-get-service-last-accessed-details/a2b53fd9-88bc-d0b5-1b9a-af9c4af22371.json",
            "aws-last-accessed",
        ),
        (
            "grants/cloudmapper-demo/resource-policies/ecr-get-repository-policy-cloudmapper.json",
            "aws-resource-policy",
        ),
        (
            "grants/cloudmapper-demo/resource-policies/lambda-get-policy-invpclambda.json",
            "aws-resource-policy",
        ),
        (
            "grants/cloudmapper-demo/resource-policies/s3-get-bucket-policy-cloudmapper_demo.json",
            "aws-resource-policy",
        ),
        (
            "grants/cloudmapper-demo/resource-policies/secretsmanager-get-resource-policy-demo-secret.json",
            "aws-resource-policy",
        ),
        ("terraform/plan_with_iam_policies.tfplan.json", "aws-terraform-plan"),
        ("cloudtrail/cloud-snitch/test-records.json", "aws-cloudtrail"),
    ];
    for (path, expected) in samples {
        let Ok(text) = std::fs::read_to_string(root.join(path)) else {
            println!("no {path}");
            continue;
        };
        let end = text.len().min(65_536);
        let head = String::from_utf8_lossy(&text.as_bytes()[..end]).into_owned();
        assert_eq!(kind("x", &head, end == text.len()), Some(expected), "{path}");
    }
}
