use super::*;
use crate::model::HoleKind;
use crate::platform::aws::documents::Evidence;
use crate::platform::aws::documents::read as read_document;
use crate::platform::aws::organisation::{Guardrails, guardrails};
use crate::platform::aws::policy::OrgLimit;

const ACCOUNT: &str = "111122223333";

fn evidence(files: &[(&str, &str)]) -> Evidence {
    let mut evidence = Evidence::default();
    for (number, (path, text)) in files.iter().enumerate() {
        let sample = Sample { path, head: text.as_bytes(), is_whole: true };
        let kind = Aws.detect(&sample).unwrap().kind;
        let document = Document { file: number as u32, path, context: "", bytes: text.as_bytes() };
        let mut intake = Intake::default();
        read_document(&mut evidence, kind, &document, &mut intake);
        assert_eq!(intake.rejected_count, 0, "{path}: {:?}", intake.rejected);
    }
    evidence
}

const TREE: [(&str, &str); 4] = [
    ("organization.json", r#"{"Organization":{"Id":"o-1","MasterAccountId":"999999999999"}}"#),
    (
        "roots.json",
        r#"{"Roots":[{"Id":"r-ab12","Arn":"arn:aws:organizations::9:root/o-1/r-ab12","PolicyTypes":[{"Type":"SERVICE_CONTROL_POLICY","Status":"ENABLED"}]}]}"#,
    ),
    (
        "units.json",
        r#"{"ParentId":"r-ab12","OrganizationalUnits":[{"Id":"ou-ab12-11111111","Arn":"x","Name":"work"}]}"#,
    ),
    (
        "accounts.json",
        r#"{"ParentId":"ou-ab12-11111111","Accounts":[{"Id":"111122223333","Arn":"arn:aws:organizations::9:account/o-1/1"}]}"#,
    ),
];

fn attached(target: &str, ids: &[&str]) -> (String, String) {
    let list: Vec<String> = ids
        .iter()
        .map(|id| format!(r#"{{"Id":"{id}","Type":"SERVICE_CONTROL_POLICY"}}"#))
        .collect();
    (
        format!("attached-{target}-SERVICE_CONTROL_POLICY.json"),
        format!(r#"{{"TargetId":"{target}","Policies":[{}]}}"#, list.join(",")),
    )
}

fn policy(id: &str) -> (String, String) {
    let content =
        r#"{\"Statement\":{\"Effect\":\"Deny\",\"Action\":\"iam:*\",\"Resource\":\"*\"}}"#;
    (
        format!("policy-{id}.json"),
        format!(
            r#"{{"Policy":{{"PolicySummary":{{"Id":"{id}","Name":"guard","Type":"SERVICE_CONTROL_POLICY"}},"Content":"{content}"}}}}"#
        ),
    )
}

fn limits(extra: &[(String, String)]) -> Guardrails {
    let mut files: Vec<(&str, &str)> = TREE.to_vec();
    files.extend(extra.iter().map(|(path, text)| (path.as_str(), text.as_str())));
    guardrails(&evidence(&files).organisation, ACCOUNT)
}

fn names(limit: &OrgLimit) -> Vec<Vec<String>> {
    match limit {
        OrgLimit::Levels(levels) => levels
            .iter()
            .map(|level| level.iter().map(|bound| bound.name.to_string()).collect())
            .collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_level_from_the_root_to_the_account_is_known() {
    let files = [
        attached("r-ab12", &["p-FullAWSAccess"]),
        attached("ou-ab12-11111111", &["p-FullAWSAccess", "p-12345678"]),
        attached(ACCOUNT, &["p-FullAWSAccess"]),
        policy("p-12345678"),
    ];
    let limits = limits(&files);
    assert_eq!(
        names(&limits.scps),
        [vec!["FullAWSAccess"], vec!["guard", "FullAWSAccess"], vec!["FullAWSAccess"]]
    );
    // The root has not switched resource control policies on.
    assert_eq!(limits.rcps, OrgLimit::Absent);
    assert!(limits.holes.is_empty());
}

#[test]
fn whole_lists_of_targets_do_as_well() {
    let files = [
        ("policies.json".into(), r#"{"Policies":[{"Id":"p-FullAWSAccess","Type":"SERVICE_CONTROL_POLICY"},{"Id":"p-12345678","Type":"SERVICE_CONTROL_POLICY"}]}"#.into()),
        ("targets-p-FullAWSAccess.json".into(), r#"{"PolicyId":"p-FullAWSAccess","Targets":[{"TargetId":"r-ab12"},{"TargetId":"ou-ab12-11111111"},{"TargetId":"111122223333"}]}"#.into()),
        ("p-12345678.json".into(), r#"{"Targets":[{"TargetId":"ou-ab12-11111111","Type":"ORGANIZATIONAL_UNIT"}]}"#.into()),
        policy("p-12345678"),
    ];
    assert_eq!(names(&limits(&files).scps).len(), 3);
    // Without the list of all policies there may be more of them.
    assert!(matches!(limits(&files[1..]).scps, OrgLimit::Partial(bounds) if bounds.len() == 4));
}

#[test]
fn a_missing_level_or_content_makes_the_limit_partial() {
    let whole = [
        attached("r-ab12", &["p-FullAWSAccess"]),
        attached("ou-ab12-11111111", &["p-FullAWSAccess", "p-12345678"]),
        attached(ACCOUNT, &["p-FullAWSAccess"]),
        policy("p-12345678"),
    ];
    for left_out in 0..whole.len() {
        let mut files = whole.to_vec();
        files.remove(left_out);
        let limits = limits(&files);
        assert!(matches!(limits.scps, OrgLimit::Partial(_)), "without {}", whole[left_out].0);
        assert_eq!(limits.holes[0].kind, HoleKind::Limits);
    }
}

#[test]
fn who_is_exempt_has_no_limit() {
    let tree = evidence(&TREE);
    assert_eq!(guardrails(&tree.organisation, "999999999999").scps, OrgLimit::Absent);
    assert!(matches!(guardrails(&tree.organisation, "444455556666").scps, OrgLimit::Partial(_)));
    let none = Evidence::default();
    assert_eq!(guardrails(&none.organisation, ACCOUNT).scps, OrgLimit::Absent);
    let off = TREE.map(|(path, text)| (path, text.replace("ENABLED", "PENDING_DISABLE")));
    let off: Vec<(&str, &str)> = off.iter().map(|(path, text)| (*path, text.as_str())).collect();
    assert_eq!(guardrails(&evidence(&off).organisation, ACCOUNT).scps, OrgLimit::Absent);
}

#[test]
fn a_cycle_of_units_ends() {
    let files = [
        (
            "a.json",
            r#"{"ParentId":"ou-1","Accounts":[{"Id":"111122223333"}],"OrganizationalUnits":[{"Id":"ou-2"}]}"#,
        ),
        ("b.json", r#"{"ParentId":"ou-2","OrganizationalUnits":[{"Id":"ou-1"}]}"#),
    ];
    let limit = guardrails(&evidence(&files).organisation, ACCOUNT).scps;
    assert_eq!(limit, OrgLimit::Partial(Vec::new()));
}

#[test]
fn service_linked_roles_have_no_hole_for_unknown_guardrails() {
    let roles = [
        role("app", TRUST_EC2, ""),
        role("aws-service-role/x.amazonaws.com/AWSServiceRoleForX", TRUST_EC2, ""),
    ];
    let iam = details(&roles);
    let mut files: Vec<(&str, &str)> = TREE.to_vec();
    files.push(("iam.json", &iam));
    let run = run(&files);
    assert_eq!(
        run.tables.identities[0].holes.len(),
        1 - usize::from(run.tables.identities[0].is(crate::model::Label::ServiceLinked))
    );
    let linked = run
        .tables
        .identities
        .iter()
        .find(|row| row.is(crate::model::Label::ServiceLinked))
        .unwrap();
    assert!(linked.holes.is_empty());
}

#[test]
fn other_policy_types_are_left_out() {
    let text = policy("p-1").1.replace("SERVICE_CONTROL_POLICY", "TAG_POLICY");
    let run = run(&[("p.json", &text)]);
    assert_eq!(run.intakes[0].used, 0);
    assert!(run.notes().contains("do not change what is authorised"));
}
