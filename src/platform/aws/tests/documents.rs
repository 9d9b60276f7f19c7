use proptest::prelude::*;

use super::*;
use crate::model::{HoleKind, Place};
use crate::platform::Kind;
use crate::platform::aws::estate::AwsEstate;
use crate::platform::aws::kinds;

const POLICY: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::a+b/*"}]}"#;

fn id(name: &str) -> String {
    format!("arn:aws:iam::111122223333:role/{name}")
}

fn with_inline(name: &str, document: &str) -> String {
    let list = format!(r#","RolePolicyList":[{{"PolicyName":"p","PolicyDocument":{document}}}]"#);
    role(name, TRUST_EC2, &list)
}

fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'+' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect()
}

#[test]
fn documents_are_objects_strings_or_url_encoded() {
    let roles = [
        with_inline("object", POLICY),
        with_inline("string", &serde_json::to_string(POLICY).unwrap()),
        with_inline("encoded", &format!("\"{}\"", encoded(POLICY))),
    ];
    let run = run(&[("iam.json", &details(&roles))]);
    for name in ["object", "string", "encoded"] {
        let answer = run.decide(&id(name), "s3:GetObject", Some("arn:aws:s3:::a+b/c"));
        assert_eq!(answer.verdict.as_str(), "allow", "{name}");
        assert!(run.identity(&id(name)).holes.is_empty());
    }
}

#[test]
fn equal_attachments_share_one_grant_set() {
    let roles = [
        with_inline("one", POLICY),
        with_inline("two", POLICY),
        with_inline("three", &POLICY.replace("a+b", "${aws:username}")),
        with_inline("four", &POLICY.replace("a+b", "${aws:username}")),
    ];
    let mut run = run(&[("iam.json", &details(&roles))]);
    let catalogue = crate::catalogue::RunCatalogue::default();
    run.evaluator.prepare(&catalogue);
    let grants = |name: &str| run.evaluator.grants(run.identity(&id(name)), &catalogue);
    assert!(std::sync::Arc::ptr_eq(&grants("one"), &grants("two")));
    // Variables look at the caller.
    assert!(!std::sync::Arc::ptr_eq(&grants("three"), &grants("four")));
}

#[test]
fn a_broken_policy_is_rejected_alone_and_leaves_a_hole() {
    let text = format!(
        "{{\"RoleDetailList\":[\n{},\n{},\n{}],\"Policies\":[]}}",
        with_inline("good", POLICY),
        with_inline("bad", r#"{"Version":"2012-10-17","Statement":[{"Effect":"Permit"}]}"#),
        r#"{"RoleName":17,"Arn":"arn:aws:iam::111122223333:role/odd"}"#,
    );
    let run = run(&[("iam.json", &text)]);
    let places: Vec<u32> = run.intakes[0]
        .rejected
        .iter()
        .map(|(place, _)| match place.at {
            crate::model::At::Line(line, _) => line,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(places, [4, 3], "{:?}", run.intakes[0].rejected);
    assert_eq!(run.intakes[0].used, 2);
    let bad = run.identity(&id("bad"));
    assert_eq!(bad.holes.len(), 1);
    assert_eq!(bad.holes[0].kind, HoleKind::Grants);
    assert_eq!(&*bad.holes[0].policy, "p (inline)");
    assert!(run.identity(&id("good")).holes.is_empty());
}

#[test]
fn a_cut_export_keeps_what_comes_before_the_cut() {
    let whole = details(&[with_inline("one", POLICY), with_inline("two", POLICY)]);
    let cut = &whole[..whole.len() - 60];
    let run = run(&[("iam.json", cut)]);
    assert_eq!(run.tables.identities.len(), 1);
    assert_eq!(run.intakes[0].rejected_count, 1);
    assert!(run.notes().contains("this export is not whole"));
}

#[test]
fn absent_policies_are_holes_and_never_empty() {
    let attached = r#","AttachedManagedPolicies":[{"PolicyName":"AdministratorAccess","PolicyArn":"arn:aws:iam::aws:policy/AdministratorAccess"},{"PolicyName":"own","PolicyArn":"arn:aws:iam::111122223333:policy/own"}],"PermissionsBoundary":{"PermissionsBoundaryArn":"arn:aws:iam::111122223333:policy/b"}"#;
    let text = format!(r#"{{"RoleDetailList":[{}]}}"#, role("r", TRUST_EC2, attached));
    let run = run(&[("iam.json", &text)]);
    let holes: Vec<(HoleKind, &str)> = run
        .identity(&id("r"))
        .holes
        .iter()
        .map(|hole| (hole.kind, hole.note.split(',').next().unwrap()))
        .collect();
    assert_eq!(
        holes,
        [
            (HoleKind::Grants, "an AWS managed policy whose document is not in the evidence"),
            (HoleKind::Grants, "attached"),
            (HoleKind::Limits, "permissions boundary"),
        ]
    );
    assert!(run.notes().contains("no `Policies` list"));
}

fn managed(versions: &str) -> String {
    format!(
        r#"{{"RoleDetailList":[{}],"Policies":[{{"Arn":"arn:aws:iam::111122223333:policy/m","PolicyName":"m","DefaultVersionId":"v2","PolicyVersionList":[{versions}]}}]}}"#,
        role(
            "r",
            TRUST_EC2,
            r#","AttachedManagedPolicies":[{"PolicyArn":"arn:aws:iam::111122223333:policy/m"}]"#
        )
    )
}

fn version(id: &str, action: &str, rest: &str) -> String {
    format!(
        r#"{{"VersionId":"{id}","CreateDate":"2025-05-05 10:00:00+00:00","Document":{{"Statement":{{"Effect":"Allow","Action":"{action}","Resource":"*"}}}}{rest}}}"#
    )
}

#[test]
fn trap_03_only_the_default_version_is_in_force() {
    let flagged = [
        version("v1", "s3:GetObject", r#","IsDefaultVersion":true"#),
        version("v2", "s3:PutObject", r#","IsDefaultVersion":false"#),
    ];
    let by_id = [version("v1", "s3:GetObject", ""), version("v2", "s3:PutObject", "")];
    for (versions, allowed, not) in [
        (flagged.join(","), "s3:GetObject", "s3:PutObject"),
        (by_id.join(","), "s3:PutObject", "s3:GetObject"),
    ] {
        let run = run(&[("iam.json", &managed(&versions))]);
        assert_eq!(run.decide(&id("r"), allowed, Some("*")).verdict.as_str(), "allow");
        assert_eq!(run.decide(&id("r"), not, Some("*")).verdict.as_str(), "deny");
    }
    let run = run(&[("iam.json", &managed(&version("v1", "s3:GetObject", "")))]);
    assert!(run.identity(&id("r")).may_hold_more(), "v2 is in force and absent");
}

#[test]
fn pages_wrappers_and_account_maps_are_read() {
    let page = details(&[with_inline("one", POLICY)]);
    let other = details(&[with_inline("two", POLICY)]);
    for text in [
        format!("[{page},{other}]"),
        format!("{page}\n{other}"),
        format!(r#"{{"111122223333":{page},"444455556666":[{other}]}}"#),
    ] {
        let run = run(&[("iam.json", &text)]);
        assert_eq!(run.tables.identities.len(), 2, "{text}");
    }
}

#[test]
fn a_page_without_a_successor_is_incomplete() {
    let page = details(&[with_inline("one", POLICY)]).replacen('{', r#"{"IsTruncated":true,"#, 1);
    let last = details(&[with_inline("two", POLICY)]).replacen('{', r#"{"IsTruncated":false,"#, 1);
    let note = "this export is not whole";
    assert!(run(&[("a/1.json", &page)]).notes().contains(note));
    assert!(run(&[("a/1.json", &page), ("b/2.json", &last)]).notes().contains(note));
    assert!(!run(&[("a/1.json", &page), ("a/2.json", &last)]).notes().contains(note));
}

#[test]
fn repeated_definitions_are_fine_and_contradicting_ones_are_told() {
    let one = details(&[with_inline("one", POLICY)]);
    let same = run(&[("a.json", &one), ("b.json", &one.replace(',', ", "))]);
    assert_eq!(same.notes(), "");
    let other = details(&[with_inline("one", &POLICY.replace("Get", "Put"))]);
    let differs = run(&[("a.json", &one), ("b.json", &other)]);
    assert!(differs.notes().contains("described twice, and differently"));
    assert_eq!(differs.tables.identities.len(), 1);
}

#[test]
fn groups_are_joined_by_name_and_account() {
    let text = format!(
        r#"{{"UserDetailList":[{{"UserName":"u","UserId":"AIDAZZZZZZZZZZZZZZZZZ","Arn":"arn:aws:iam::111122223333:user/u","GroupList":["Dev","Gone"]}}],
        "GroupDetailList":[{{"GroupName":"dev","Arn":"arn:aws:iam::aws:group/dev","GroupPolicyList":[{{"PolicyName":"p","PolicyDocument":{POLICY}}}]}}],"Policies":[]}}"#
    );
    let run = run(&[("iam.json", &text)]);
    let user = "arn:aws:iam::111122223333:user/u";
    let answer = run.decide(user, "s3:GetObject", Some("arn:aws:s3:::a+b/c"));
    assert_eq!(answer.verdict.as_str(), "allow");
    let holes: Vec<&str> = run.identity(user).holes.iter().map(|hole| &*hole.policy).collect();
    assert_eq!(holes, ["group Gone"]);
    assert!(run.notes().contains("group Gone of 111122223333 is named and not described"));
    let alias = ("aws".into(), "AIDAZZZZZZZZZZZZZZZZZ".into(), user.into());
    assert!(run.tables.aliases.contains(&alias));
}

#[test]
fn documents_read_together_say_what_they_say_one_by_one() {
    let broken = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Permit"}]}"#;
    let odd = POLICY.replace("Effect", "Sid\":\"a\\u0041\",\"Odd\":1,\"Effect");
    let bad = [with_inline("bad", broken), with_inline("one", &odd)];
    let good = [with_inline("one", POLICY), with_inline("two", POLICY)];
    let group = format!(
        r#"{{"GroupDetailList":[{{"GroupName":"g","GroupPolicyList":[{{"PolicyDocument":{odd}}}]}}],"UserDetailList":[{{"Arn":"arn:aws:iam::111122223333:user/u","GroupList":["g"]}}]}}"#
    );
    let last = &with_inline("three", POLICY);
    let files =
        [details(&good), details(&bad), "[]".into(), group, details(std::slice::from_ref(last))];
    let documents: Vec<(&'static Kind, Document<'_>)> = files
        .iter()
        .enumerate()
        .map(|(number, text)| {
            let document = Document {
                file: number as u32,
                path: "iam.json",
                context: "",
                bytes: text.as_bytes(),
            };
            (&kinds::AUTHORIZATION_DETAILS, document)
        })
        .collect();
    let joined = |mut estate: AwsEstate| {
        let mut tables = Tables::default();
        estate.finish(&LogSummary::default(), &mut tables);
        format!("{tables:#?}")
    };
    let (mut one, mut all) = (AwsEstate::default(), AwsEstate::default());
    let mut said = Vec::new();
    for (kind, document) in &documents {
        let mut intake = Intake::default();
        one.read(kind, document, &mut intake);
        said.push(intake);
    }
    assert_eq!(all.read_all(&documents), said);
    assert!(said.iter().any(|intake| intake.rejected_count > 0 && !intake.notes.is_empty()));
    assert_eq!(joined(all), joined(one));
}

#[test]
fn places_are_lines_of_the_file() {
    let trust = "{\"Version\":\"2012-10-17\",\"Statement\":[\n\n  {\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"sts:AssumeRole\"}]}";
    let text = format!("{{\"RoleDetailList\":[\n{}]}}", role("r", trust, ""));
    let run = run(&[("iam.json", &text)]);
    let place = run.tables.links[0].place.unwrap();
    assert_eq!(place, Place::line(0, 4, 3));
}

#[test]
fn a_role_of_get_role_alone_has_no_known_grants() {
    let text = format!(r#"{{"Role":{}}}"#, role("solo", TRUST_EC2, ""));
    let run = run(&[("role.json", &text)]);
    let row = run.identity(&id("solo"));
    assert!(!row.has_grant_evidence && row.may_hold_more());
    assert_eq!(row.workload.as_deref(), Some("an EC2 instance"));
}

#[test]
fn resource_policies_are_found_in_every_wrapper() {
    let allow = r#"{"Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:role/r"},"Action":"*:*","Resource":"*"}]}"#;
    let quoted = serde_json::to_string(allow).unwrap();
    let files = [
        (
            format!(r#"{{"ResourceArn":"arn:aws:s3:::b","Policy":{{"Policy":{quoted}}}}}"#),
            "arn:aws:s3:::b/x",
        ),
        (
            format!(
                r#"{{"ResourceArn":"arn:aws:kms:eu-west-1:1:key/k","Policy":{{"Policy":{quoted},"PolicyName":"default"}}}}"#
            ),
            "arn:aws:kms:eu-west-1:1:key/k",
        ),
        (
            format!(
                r#"{{"ResourceArn":"arn:aws:sqs:eu-west-1:1:q","Policy":{{"Attributes":{{"Policy":{quoted}}}}}}}"#
            ),
            "arn:aws:sqs:eu-west-1:1:q",
        ),
        (
            format!(
                r#"{{"Attributes":{{"TopicArn":"arn:aws:sns:eu-west-1:1:t","Policy":{quoted}}}}}"#
            ),
            "arn:aws:sns:eu-west-1:1:t",
        ),
        (format!(r#"{{"ResourceArn":"arn:aws:s3:::c","Policy":{allow}}}"#), "arn:aws:s3:::c/x"),
        (
            format!(
                r#"{{"ARN":"arn:aws:secretsmanager:eu-west-1:1:secret:s-a","Name":"s","ResourcePolicy":{quoted}}}"#
            ),
            "arn:aws:secretsmanager:eu-west-1:1:secret:s-a",
        ),
        (
            format!(r#"{{"policyText":{quoted},"registryId":"1","repositoryName":"n"}}"#),
            "arn:aws:ecr:eu-west-1:1:repository/n",
        ),
        (r#"{"ResourceArn":"arn:aws:s3:::none","Policy":null}"#.to_string(), "arn:aws:s3:::none/x"),
        (
            format!(
                r#"{{"Policy":{}}}"#,
                serde_json::to_string(
                    &allow.replace("\"Resource\":\"*\"", "\"Resource\":\"arn:aws:s3:::d/*\"")
                )
                .unwrap()
            ),
            "arn:aws:s3:::d/x",
        ),
    ];
    for (text, resource) in &files {
        let iam = details(&[with_inline("r", POLICY)]);
        let run = run(&[("iam.json", &iam), ("policy.json", text)]);
        let answer = run.decide(&id("r"), "s3:PutObject", Some(resource));
        assert!(
            !answer.missing.iter().any(|one| one.starts_with("the policy of")),
            "{text}: {answer:?}"
        );
        let is_null = text.contains("null");
        assert_eq!(answer.verdict.as_str() == "allow", !is_null, "{text}");
    }
}

#[test]
fn a_policy_that_nothing_attaches_says_so() {
    let run = run(&[("policy.json", POLICY)]);
    assert_eq!(run.intakes[0].used, 1);
    assert!(run.notes().contains("no evidence attaches this policy"));
}

#[test]
fn actions_that_policies_name_are_listed() {
    let run = run(&[("iam.json", &details(&[with_inline("r", POLICY)]))]);
    let named: Vec<&str> = run.tables.actions.iter().map(|(_, name)| &**name).collect();
    assert_eq!(named, ["s3:getobject", "sts:assumerole"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_change_of_a_document_is_read_without_panic(at in 0usize..2_000, byte in 0u8..128) {
        let mut bytes = details(&[with_inline("one", POLICY), with_inline("two", POLICY)]).into_bytes();
        let at = at % bytes.len();
        bytes[at] = byte;
        for kind in crate::platform::aws::kinds::ALL {
            let mut estate = Aws.estate(&Default::default());
            let document = Document { file: 0, path: "x", context: "", bytes: &bytes };
            estate.read(kind, &document, &mut Intake::default());
            estate.finish(&LogSummary::default(), &mut Tables::default());
        }
    }
}
