use super::*;

fn report(head: &str, services: &str) -> String {
    format!(
        r#"{{{head}"JobStatus":"COMPLETED","JobType":"ACTION_LEVEL","JobCreationDate":"2026-08-31T10:00:00Z","JobCompletionDate":"2026-08-31T12:00:00+00:00","ServicesLastAccessed":[{services}]}}"#
    )
}

const ARN: &str = r#""Arn":"arn:aws:iam::111122223333:role/path/app","#;
const NEVER: &str =
    r#"{"ServiceName":"x","ServiceNamespace":"sqs","TotalAuthenticatedEntities":0}"#;

fn lines(run: &Run, source: Source) -> Vec<String> {
    run.claims(source).into_iter().map(line).collect()
}

fn iam() -> String {
    details(&[role("path/app", TRUST_EC2, ""), role("app-prod", TRUST_EC2, "")])
}

#[test]
fn a_service_that_was_never_accessed_is_not_seen_for_400_days() {
    let run = run(&[("x.json", &report(ARN, NEVER))]);
    assert_eq!(
        lines(&run, Source::LastAccessedService),
        ["role/path/app sqs:* not-seen all * * 2025-07-27T12:00:00Z/2026-08-31T08:00:00Z"]
    );
    assert!(run.tables.claims[0].own_policies_only);
}

#[test]
fn actions_are_claimed_one_by_one_and_only_those_that_are_tracked() {
    let service = r#"{"ServiceNamespace":"lambda","LastAuthenticated":"2026-08-01T00:00:00Z","LastAuthenticatedEntity":"arn:aws:iam::111122223333:role/other","TrackedActionsLastAccessed":[
        {"ActionName":"GetFunction","LastAccessedTime":"2026-08-01T00:00:00Z"},{"ActionName":"DeleteFunction"},{"ActionName":"AddPermission","LastAccessedTime":"??"}]}"#;
    let run = run(&[("x.json", &report(ARN, service))]);
    assert_eq!(
        lines(&run, Source::LastAccessedService),
        ["role/path/app lambda:* attempted all * * 2026-08-01T00:00:00Z/2026-08-01T00:00:01Z"]
    );
    assert_eq!(
        lines(&run, Source::LastAccessedAction),
        [
            "role/path/app lambda:GetFunction attempted all * * 2026-08-01T00:00:00Z/2026-08-01T00:00:01Z",
            "role/path/app lambda:DeleteFunction not-seen all * * 2025-07-27T12:00:00Z/2026-08-31T08:00:00Z",
        ]
    );
    // A time that cannot be read is no absence.
    assert_eq!(run.intakes[0].rejected_count, 1);
}

#[test]
fn action_tracking_begins_when_the_service_does() {
    let old = |service: &str| {
        let entry = format!(
            r#"{{"ServiceNamespace":"{service}","LastAuthenticated":"2023-01-01T00:00:00Z","TrackedActionsLastAccessed":[{{"ActionName":"X"}}]}}"#
        );
        let text = report(ARN, &entry).replace("2026-08-31", "2023-06-01");
        let run = run(&[("x.json", &text)]);
        lines(&run, Source::LastAccessedAction).join("")
    };
    assert!(old("sqs").ends_with("2023-05-23T00:00:00Z/2023-06-01T08:00:00Z"));
    assert!(old("ec2").ends_with("2022-04-27T12:00:00Z/2023-06-01T08:00:00Z"));
}

#[test]
fn trap_02_a_report_names_no_owner_who_is_told_by_arn_name_or_job() {
    let text = report("", NEVER);
    let iam = iam();
    let job = r#"{"JobId":"0f1e2d3c-0000-1111-2222-333344445555"}"#;
    let cases: [(&[(&str, &str)], &str); 8] = [
        (&[("role-app.json", &text)], "path/app"),
        (&[("app.json", &text)], "path/app"),
        (&[("last-accessed/app-prod.json", &text)], "app-prod"),
        (&[("report of app-prod 2026.json", &text)], "app-prod"),
        (&[("arn_aws_iam__111122223333_role_path_app.json", &text)], "path/app"),
        (&[("arn%3Aaws%3Aiam%3A%3A111122223333%3Arole%2Fpath%2Fapp.json", &text)], "path/app"),
        (
            &[("job/app.json", job), ("0f1e2d3c-0000-1111-2222-333344445555.json", &text)],
            "path/app",
        ),
        (&[("nothing.json", &text)], ""),
    ];
    for (files, owner) in cases {
        let mut all = vec![("iam.json", iam.as_str())];
        all.extend(files);
        let run = run(&all);
        let lines = lines(&run, Source::LastAccessedService);
        if owner.is_empty() {
            assert!(lines.is_empty());
            assert!(run.notes().contains("owner not stated, 1 services not used"));
        } else {
            assert!(lines[0].starts_with(&format!("role/{owner} ")), "{files:?}: {lines:?}");
        }
    }
}

#[test]
fn two_names_in_a_files_name_tell_nobody() {
    let iam = details(&[role("alpha", TRUST_EC2, ""), role("bravo", TRUST_EC2, "")]);
    let run = run(&[("iam.json", &iam), ("alpha and bravo.json", &report("", NEVER))]);
    assert!(run.claims(Source::LastAccessedService).is_empty());
}

#[test]
fn groups_policies_and_other_partitions_prove_nothing() {
    for arn in [
        "arn:aws:iam::111122223333:group/g",
        "arn:aws:iam::111122223333:policy/p",
        "arn:aws-cn:iam::111122223333:role/r",
    ] {
        let head = format!(r#""Arn":"{arn}","#);
        let run = run(&[("x.json", &report(&head, NEVER))]);
        assert!(run.tables.claims.is_empty(), "{arn}");
        assert_ne!(run.notes(), "");
    }
}

#[test]
fn a_report_that_is_not_complete_is_rejected() {
    let text = report(ARN, NEVER).replace("COMPLETED", "IN_PROGRESS");
    let run = run(&[("x.json", &text)]);
    assert!(run.tables.claims.is_empty());
    assert_eq!(run.intakes[0].rejected_count, 1);
}

fn export(last_used: [&str; 2]) -> String {
    details(&[role("one", TRUST_EC2, last_used[0]), role("two", TRUST_EC2, last_used[1])])
}

fn last_used(text: &str, collection: Option<&str>) -> Vec<String> {
    let logs = LogSummary { as_of: Some(time("2026-09-01")), ..LogSummary::default() };
    let mut files = vec![("e/iam.json", text)];
    files.extend(collection.map(|text| ("e/collection.json", text)));
    lines(&run_with(&files, &logs), Source::LastUsed)
}

#[test]
fn a_role_that_was_never_used_is_not_seen_up_to_the_newest_date_of_the_export() {
    let used = r#","RoleLastUsed":{"LastUsedDate":"2026-08-20T00:00:00Z","Region":"eu-west-1"}"#;
    let text = export([used, r#","RoleLastUsed":{}"#]);
    let expected = "role/two everything not-seen all * * 2025-07-28T00:00:00Z/2026-08-19T20:00:00Z";
    assert_eq!(last_used(&text, None), [expected]);
    // The evidence script says when it looked.
    let collection = r#"{"Collector": "authgap evidence aws", "Started": "2026-08-31T06:00:00Z", "Finished": "2026-08-31T07:00:00Z", "Complete": true}"#;
    let expected = "role/two everything not-seen all * * 2025-07-27T07:00:00Z/2026-08-31T02:00:00Z";
    assert_eq!(last_used(&text, Some(collection)), [expected]);
}

#[test]
fn exports_without_last_use_prove_nothing() {
    let text = export(["", ""]);
    assert_eq!(last_used(&text, None), Vec::<String>::new());
    let run = run_with(
        &[("iam.json", &text)],
        &LogSummary { as_of: Some(time("2026-09-01")), ..LogSummary::default() },
    );
    assert!(run.notes().contains("no `RoleLastUsed` in this export"));
}

#[test]
fn access_analyzer_findings_are_claims_of_a_recommender() {
    let finding = |kind: &str, details: &str, status: &str| {
        format!(
            r#"{{"id":"1","findingType":"{kind}","resource":"arn:aws:iam::111122223333:role/r","status":"{status}","analyzedAt":"2026-08-31T04:00:00Z","findingDetails":[{details}]}}"#
        )
    };
    let permission = r#"{"unusedPermissionDetails":{"serviceNamespace":"s3","lastAccessed":"2026-06-01T00:00:00Z","actions":[{"action":"PutObject"},{"action":"s3:GetObject","lastAccessed":"2026-06-01T00:00:00Z"}]}}"#;
    let text = finding("UnusedPermission", permission, "ACTIVE");
    let analyzers = r#"{"analyzers":[{"type":"ACCOUNT_UNUSED_ACCESS","configuration":{"unusedAccess":{"unusedAccessAge":90}}}]}"#;
    let with_age = run(&[("a.json", analyzers), ("f.json", &text)]);
    assert_eq!(
        lines(&with_age, Source::Recommender),
        [
            "role/r s3:PutObject not-seen all * * 2026-06-02T04:00:00Z/2026-08-31T00:00:00Z",
            "role/r s3:GetObject attempted all * * 2026-06-01T00:00:00Z/2026-06-01T00:00:01Z",
            "role/r s3:GetObject not-seen all * * 2026-06-01T00:00:01Z/2026-08-31T00:00:00Z",
        ]
    );
    let without = run(&[("f.json", &text)]);
    assert_eq!(lines(&without, Source::Recommender).len(), 2);
    assert!(without.notes().contains("1 unused-access findings do not say since when"));
    for other in [
        finding("UnusedPermission", permission, "ARCHIVED"),
        finding("ExternalAccess", "{}", "ACTIVE"),
        finding("UnusedIAMUserPassword", "{}", "ACTIVE"),
    ] {
        assert!(run(&[("f.json", &other)]).tables.claims.is_empty(), "{other}");
    }
}

const REPORT_HEAD: &str = "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date,access_key_2_active,access_key_2_last_rotated,access_key_2_last_used_date,cert_1_active,cert_1_last_rotated\n";

#[test]
fn credentials_are_merged_by_user_and_date() {
    let csv = format!(
        "{REPORT_HEAD}bot,arn:aws:iam::111122223333:user/bot,2024-01-01T00:00:00+00:00,FALSE,N/A,N/A,TRUE,2024-02-01T00:00:00+00:00,2026-08-01T00:00:00+00:00,true,2025-02-01T00:00:00+00:00,N/A,false,N/A\n"
    );
    let keys = r#"{"AccessKeyMetadata":[{"UserName":"bot","AccessKeyId":"AKIAAAAAAAAAAAAAAAA1","Status":"Active","CreateDate":"2024-02-01T00:00:00Z"},{"UserName":"bot","AccessKeyId":"AKIAAAAAAAAAAAAAAAA2","Status":"Inactive","CreateDate":"2025-02-01T00:00:00Z"},{"UserName":"gone","AccessKeyId":"AKIAAAAAAAAAAAAAAAA3"}]}"#;
    let used = r#"{"UserName":"bot","AccessKeyLastUsed":{"Region":"N/A","ServiceName":"N/A"}}"#;
    let run =
        run(&[("report.csv", &csv), ("keys.json", keys), ("AKIAAAAAAAAAAAAAAAA2.json", used)]);
    let rows: Vec<(&str, Option<bool>, bool, Option<Time>)> = run
        .tables
        .credentials
        .iter()
        .map(|one| (&*one.id, one.active, one.never, one.last_used))
        .collect();
    assert_eq!(
        rows,
        [
            ("AKIAAAAAAAAAAAAAAAA1", Some(true), false, Some(time("2026-08-01"))),
            ("AKIAAAAAAAAAAAAAAAA2", Some(false), true, None),
        ]
    );
    assert!(run.notes().contains("access key of user gone, who is not in the evidence"));
    let bot = run.identity("arn:aws:iam::111122223333:user/bot");
    assert_eq!(bot.last_used, Some(time("2026-08-01")));
    assert!(bot.labels.is_empty() && !bot.has_grant_evidence);
}

#[test]
fn a_report_may_be_csv_plain_json_or_base64() {
    use base64::Engine as _;
    let csv = format!(
        "{REPORT_HEAD}a,arn:aws:iam::111122223333:user/a,,true,no_information,N/A,false,N/A,N/A,false,N/A,N/A,false,N/A\n"
    );
    let plain = serde_json::to_string(&csv).unwrap();
    let base64 = base64::engine::general_purpose::STANDARD.encode(&csv);
    for text in [
        csv.clone(),
        format!(
            r#"{{"Content":{plain},"GeneratedTime":"2026-01-01T00:00:00Z","ReportFormat":"text/csv"}}"#
        ),
        format!(r#"{{"Content":"{base64}","ReportFormat":"text/csv"}}"#),
    ] {
        let run = run(&[("r", &text)]);
        assert_eq!(run.tables.credentials.len(), 1, "{text}");
        assert!(run.tables.credentials[0].never);
        assert!(run.tables.identities[0].is(crate::model::Label::Human));
    }
}
