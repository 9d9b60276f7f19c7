//! Terraform plans: real ones, and small ones of each shape.

use serde_json::{Value, json};

use super::*;
use crate::model::HoleKind;
use crate::platform::aws::tests::shared;

fn sample(name: &str) -> Option<String> {
    let bytes = std::fs::read(shared("aws/terraform")?.join(name)).unwrap();
    if !name.ends_with(".gz") {
        return Some(String::from_utf8(bytes).unwrap());
    }
    let mut text = String::new();
    std::io::Read::read_to_string(&mut flate2::read::MultiGzDecoder::new(&bytes[..]), &mut text)
        .unwrap();
    Some(text)
}

const UNKNOWN: &str = "arn:aws:iam::unknown:";

#[test]
fn the_role_of_a_policy_is_found_through_the_configuration() {
    let Some(text) = sample("plan_with_iam_policies.tfplan.json") else { return };
    let run = run(&[("tfplan.json", &text)]);
    let role = format!("{UNKNOWN}role/aws_iam_role.example");
    let user = format!("{UNKNOWN}user/example");
    assert_eq!(run.ids(), [&role, &user]);
    // The policies are one text each: their statements are on its line.
    assert_eq!(run.lines(&role, "iam:CreateUser", "*"), [(0, 259)]);
    assert_eq!(run.lines(&user, "iam:CreateUser", "*"), [(0, 313)]);
    assert!(run.holes(&role).is_empty() && run.holes(&user).is_empty());
    let answer = run.answer(&role, "iam:CreateUser", "*");
    assert_eq!(&*answer.by[0].policy, "example at aws_iam_role_policy.fail_1 (inline)");
    let notes = run.notes();
    assert!(notes.contains("aws_iam_role.example: known only after apply"), "{notes}");
    assert!(notes.contains("the account of 2 identities in this change is not stated"), "{notes}");
    assert_eq!(run.intakes[0].rejected_count, 0);
    // Nothing was there before.
    let before = run_with(&[("tfplan.json", &text)], Side::Before, &LogSummary::default());
    assert!(before.ids().is_empty(), "{:?}", before.ids());
}

#[test]
fn roles_of_a_module_find_the_trust_of_their_own_instance() {
    let Some(text) = sample("example_GithubActionsOIDCTrustPolicy.tfplan.json") else { return };
    let run = run(&[("tfplan.json", &text)]);
    let ids: Vec<String> =
        ["r2", "r7", "r8", "r9"].iter().map(|name| format!("{UNKNOWN}role/{name}")).collect();
    assert_eq!(run.ids(), ids);
    let links: Vec<String> = run
        .tables
        .links
        .iter()
        .map(|link| format!("{} {}", link.from, link.to.rsplit('/').next().unwrap()))
        .collect();
    // r7 is r1["p1"], whose trust is r3["p1"]; r8 and r9 trust another provider than they test.
    assert!(links.contains(&"system:serviceaccount:p1:default r7".to_string()), "{links:?}");
    assert!(links.contains(&"system:serviceaccount:p2:default r2".to_string()), "{links:?}");
    assert_eq!(links.len(), 4, "{links:?}");
    assert!(run.tables.identities.iter().all(|row| row.holes.is_empty()));
    assert_eq!(run.verdict(&ids[0], "s3:ListBucket", "arn:aws:s3:::"), "conditional");
}

#[test]
fn a_plan_of_terraform_0_12_is_read() {
    let Some(text) = sample("plan.tfplan.json.gz") else { return };
    let run = run(&[("tfplan.json", &text)]);
    // The plan asked for the caller's identity.
    let id = |name: &str| format!("arn:aws:iam::123456789123:{name}");
    assert_eq!(
        run.ids(),
        [
            id("role/123456789123-acme-corp-analysis-lambda"),
            id("role/123456789123-acme-corp-iam-for-eks"),
            id("role/123456789123-acme-corp-role"),
            id("user/123456789123-acme-corp-user"),
        ]
    );
    assert_eq!(
        run.verdict(&id("user/123456789123-acme-corp-user"), "ec2:RunInstances", "*"),
        "allow"
    );
    let role = id("role/123456789123-acme-corp-role");
    assert_eq!(run.verdict(&role, "rds:DeleteDBInstance", "*"), "allow");
    assert_eq!(run.identity(&role).workload.as_deref(), Some("an EC2 instance"));
    assert!(run.tables.links.iter().any(|link| &*link.mechanism == "instance profile"));
    let eks = id("role/123456789123-acme-corp-iam-for-eks");
    let managed = |name: &str| format!("arn:aws:iam::aws:policy/{name}");
    assert_eq!(
        run.holes(&eks),
        [managed("AmazonEKSClusterPolicy"), managed("AmazonEKSServicePolicy")]
    );
}

#[test]
fn a_bucket_policy_is_made_of_its_data_source() {
    let Some(text) = sample("plan_with_iam_data_block.tfplan.json") else { return };
    let run = run(&[("tfplan.json", &text)]);
    assert!(run.ids().is_empty());
    let notes = run.notes();
    assert!(notes.contains("allow_access_from_another_account: known only after apply"), "{notes}");
    assert_eq!((run.intakes[0].rejected_count, run.intakes[0].used), (0, 1));
}

/// A policy that allows some actions on a resource.
fn allow(action: &str, resource: &str) -> String {
    let statement = json!({"Effect": "Allow", "Action": action, "Resource": resource});
    json!({"Version": "2012-10-17", "Statement": [statement]}).to_string()
}

fn change(address: &str, actions: &[&str], before: Value, after: Value, unknown: Value) -> Value {
    let kind = address.split('.').next().unwrap();
    let name = address.split('.').nth(1).unwrap().split('[').next().unwrap();
    json!({"address": address, "mode": "managed", "type": kind, "name": name,
        "change": {"actions": actions, "before": before, "after": after, "after_unknown": unknown}})
}

fn plan(changes: &[Value], resources: &[Value]) -> String {
    json!({"format_version": "1.2", "terraform_version": "1.9.0", "resource_changes": changes,
        "configuration": {"root_module": {"resources": resources}}})
    .to_string()
}

fn config(address: &str, expressions: Value) -> Value {
    json!({"address": address, "provider_config_key": "aws", "expressions": expressions})
}

const ROLE: &str = "arn:aws:iam::111122223333:role/ci";

fn ci() -> Value {
    json!({"name": "ci", "path": "/", "arn": ROLE, "managed_policy_arns": [], "inline_policy": []})
}

#[test]
fn a_plan_has_two_sides() {
    let policy = |action: &str| json!({"name": "p", "role": "ci", "policy": allow(action, "*")});
    let moved = |arn: &str| json!({"role": "ci", "policy_arn": arn});
    let admin = "arn:aws:iam::aws:policy/AdministratorAccess";
    let text = plan(
        &[
            change("aws_iam_role.ci", &["no-op"], ci(), ci(), json!({})),
            change(
                "aws_iam_role.old",
                &["delete"],
                json!({"name": "old", "path": "/", "arn": "arn:aws:iam::111122223333:role/old", "managed_policy_arns": []}),
                Value::Null,
                json!({}),
            ),
            change(
                "aws_iam_role_policy.p",
                &["update"],
                policy("s3:GetObject"),
                policy("s3:*"),
                json!({}),
            ),
            change(
                "aws_iam_role_policy.gone",
                &["delete"],
                json!({"name": "q", "role": "ci", "policy": allow("sqs:*", "*")}),
                Value::Null,
                json!({}),
            ),
            change(
                "aws_iam_role_policy.old",
                &["delete"],
                json!({"name": "q", "role": "old", "policy": allow("sqs:*", "*")}),
                Value::Null,
                json!({}),
            ),
            change(
                "aws_iam_role_policy_attachment.a",
                &["create"],
                Value::Null,
                moved(admin),
                json!({"id": true}),
            ),
        ],
        &[],
    );
    let files = [("plan.json", text.as_str())];
    let after = run(&files);
    let before = run_with(&files, Side::Before, &LogSummary::default());
    assert_eq!(after.ids(), [ROLE], "{}", after.notes());
    assert_eq!(before.ids(), [ROLE, "arn:aws:iam::111122223333:role/old"]);
    assert_eq!(after.verdict(ROLE, "iam:CreateUser", "*"), "allow");
    assert_eq!(before.verdict(ROLE, "iam:CreateUser", "*"), "deny");
    assert_eq!(before.verdict(ROLE, "s3:GetObject", "*"), "allow");
    assert_eq!(before.verdict(ROLE, "s3:PutObject", "*"), "deny");
    assert_eq!(before.verdict(ROLE, "sqs:SendMessage", "*"), "allow");
    let by = after.answer(ROLE, "sqs:SendMessage", "*").by;
    assert!(by.iter().all(|by| by.policy.contains("AdministratorAccess")), "{by:?}");
    assert!(after.holes(ROLE).is_empty() && before.holes(ROLE).is_empty());
}

#[test]
fn a_policy_that_only_moves_to_another_address_stays() {
    let policy = json!({"name": "p", "role": "ci", "policy": allow("s3:GetObject", "*")});
    let text = plan(
        &[
            change("aws_iam_role.ci", &["no-op"], ci(), ci(), json!({})),
            change("aws_iam_role_policy.b", &["create"], Value::Null, policy.clone(), json!({})),
            change("aws_iam_role_policy.a", &["delete"], policy, Value::Null, json!({})),
        ],
        &[],
    );
    let run = run(&[("plan.json", &text)]);
    assert_eq!(run.verdict(ROLE, "s3:GetObject", "*"), "allow");
    assert_eq!(
        &*run.answer(ROLE, "s3:GetObject", "*").by[0].policy,
        "p at aws_iam_role_policy.b (inline)"
    );
}

#[test]
fn what_is_known_only_after_apply_is_an_unknown_grant_and_never_an_empty_one() {
    let text = plan(
        &[
            change(
                "aws_iam_role.ci",
                &["create"],
                Value::Null,
                json!({"name": "ci", "path": "/x/"}),
                json!({"arn": true}),
            ),
            change(
                "aws_iam_role_policy.p",
                &["create"],
                Value::Null,
                json!({"name": "p"}),
                json!({"policy": true, "role": true}),
            ),
            change(
                "aws_iam_role_policy_attachment.local",
                &["create"],
                Value::Null,
                json!({"role": "ci"}),
                json!({"policy_arn": true}),
            ),
            change(
                "aws_iam_policy.own",
                &["create"],
                Value::Null,
                json!({"name": "own", "path": "/", "policy": allow("s3:*", "*")}),
                json!({"arn": true}),
            ),
            change(
                "aws_iam_role_policy_attachment.own",
                &["create"],
                Value::Null,
                json!({"role": "ci"}),
                json!({"policy_arn": true}),
            ),
        ],
        &[
            config(
                "aws_iam_role_policy.p",
                json!({
                "policy": {"references": ["aws_s3_bucket.logs.arn", "aws_s3_bucket.logs"]},
                "role": {"references": ["aws_iam_role.ci.id", "aws_iam_role.ci"]}}),
            ),
            config(
                "aws_iam_role_policy_attachment.local",
                json!({"policy_arn": {"references": ["local.arn"]}}),
            ),
            config(
                "aws_iam_role_policy_attachment.own",
                json!({"policy_arn": {"references": ["aws_iam_policy.own.arn", "aws_iam_policy.own"]}}),
            ),
        ],
    );
    let run = run(&[("plan.json", &text)]);
    let role = "arn:aws:iam::unknown:role/x/ci";
    assert_eq!(run.ids(), [role]);
    assert_eq!(
        run.holes(role),
        [
            "p at aws_iam_role_policy.p (inline)",
            "a policy that is known only after apply (aws_iam_role_policy_attachment.local)",
        ]
    );
    assert!(run.identity(role).holes.iter().all(|hole| hole.kind == HoleKind::Grants));
    assert_eq!(
        &*run.answer(role, "s3:GetObject", "*").by[0].policy,
        "arn:aws:iam::unknown:policy/own at aws_iam_policy.own"
    );
    assert!(run.notes().contains("aws_iam_role_policy_attachment.local: known only after apply"));
}

#[test]
fn statements_of_a_data_source_keep_what_is_known() {
    let data = json!({"address": "data.aws_iam_policy_document.d", "mode": "data",
        "type": "aws_iam_policy_document", "name": "d", "change": {"actions": ["read"], "before": null,
        "after": {"statement": [
            {"actions": ["s3:GetObject"], "effect": null, "resources": [null, "arn:aws:s3:::b/*"]},
            {"actions": ["s3:DeleteObject"], "effect": "Allow", "resources": ["*"]},
            {"actions": ["s3:DeleteObject"], "effect": "Deny", "resources": [null]}]},
        "after_unknown": {"json": true, "statement": [
            {"actions": [false], "resources": [true, false]}, {}, {"resources": [true]}]}}});
    let text = plan(
        &[
            change("aws_iam_role.ci", &["no-op"], ci(), ci(), json!({})),
            change(
                "aws_iam_role_policy.p",
                &["create"],
                Value::Null,
                json!({"name": "p", "role": "ci"}),
                json!({"policy": true}),
            ),
            data,
        ],
        &[config(
            "aws_iam_role_policy.p",
            json!({"policy": {"references":
            ["data.aws_iam_policy_document.d.json", "data.aws_iam_policy_document.d"]}}),
        )],
    );
    let run = run(&[("plan.json", &text)]);
    assert_eq!(run.verdict(ROLE, "s3:GetObject", "arn:aws:s3:::elsewhere/x"), "allow");
    // The deny is only possible.
    assert_eq!(run.verdict(ROLE, "s3:DeleteObject", "arn:aws:s3:::b/x"), "conditional");
    assert!(run.holes(ROLE).is_empty());
}

#[test]
fn a_role_whose_account_is_not_stated_joins_the_one_of_its_name() {
    let text = plan(
        &[
            change(
                "aws_iam_role.ci",
                &["create"],
                Value::Null,
                json!({"name": "ci", "path": "/"}),
                json!({"arn": true}),
            ),
            change(
                "aws_iam_role.new",
                &["create"],
                Value::Null,
                json!({"name": "new", "path": "/"}),
                json!({"arn": true}),
            ),
        ],
        &[],
    );
    let files = [("plan.json", text.as_str())];
    let with = |ids: &[&str]| {
        let run = run_with(&files, Side::After, &used_by(ids));
        run.ids().iter().map(|id| id.to_string()).collect::<Vec<_>>()
    };
    let other = "arn:aws:iam::444455556666:role/other";
    // One account has a role of that name: the provider is that account's.
    assert_eq!(with(&[ROLE, other]), [ROLE, "arn:aws:iam::111122223333:role/new"]);
    // The path in the log is the role's.
    let pathed = "arn:aws:iam::111122223333:role/team/ci";
    assert_eq!(with(&[pathed, other])[1], pathed);
    // Two accounts have one: nobody knows which is meant.
    let twin = "arn:aws:iam::444455556666:role/ci";
    assert_eq!(
        with(&[ROLE, twin]),
        ["arn:aws:iam::unknown:role/ci", "arn:aws:iam::unknown:role/new"]
    );
    // The only account of the evidence.
    assert_eq!(
        with(&[other]),
        ["arn:aws:iam::444455556666:role/ci", "arn:aws:iam::444455556666:role/new"]
    );
}

#[test]
fn a_plan_changes_what_an_export_describes() {
    let export = r#"{"RoleDetailList":[{"RoleName":"ci","Arn":"arn:aws:iam::111122223333:role/ci",
        "RolePolicyList":[{"PolicyName":"p","PolicyDocument":{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}}],
        "AttachedManagedPolicies":[{"PolicyArn":"arn:aws:iam::111122223333:policy/m"}]}],
        "Policies":[{"PolicyName":"m","Arn":"arn:aws:iam::111122223333:policy/m","DefaultVersionId":"v1",
        "PolicyVersionList":[{"VersionId":"v1","IsDefaultVersion":true,"Document":{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sqs:*","Resource":"*"}]}}]}]}"#;
    let arn = "arn:aws:iam::111122223333:policy/m";
    let text = plan(
        &[
            change(
                "aws_iam_role_policy.p",
                &["update"],
                json!({"name": "p", "role": "ci", "policy": allow("s3:*", "*")}),
                json!({"name": "p", "role": "ci", "policy": allow("s3:GetObject", "*")}),
                json!({}),
            ),
            change(
                "aws_iam_role_policy_attachment.m",
                &["delete"],
                json!({"role": "ci", "policy_arn": arn}),
                Value::Null,
                json!({}),
            ),
            change(
                "aws_iam_role_policy.q",
                &["create"],
                Value::Null,
                json!({"name": "q", "role": "stranger", "policy": allow("s3:GetObject", "*")}),
                json!({}),
            ),
        ],
        &[],
    );
    let files = [("iam.json", export), ("plan.json", text.as_str())];
    let after = run(&files);
    assert_eq!(after.verdict(ROLE, "s3:PutObject", "*"), "deny");
    assert_eq!(after.verdict(ROLE, "s3:GetObject", "*"), "allow");
    assert_eq!(after.verdict(ROLE, "sqs:SendMessage", "*"), "deny");
    let stranger = "arn:aws:iam::111122223333:role/stranger";
    assert_eq!(after.holes(stranger), ["other policies of role/stranger"]);
    let before = run_with(&files, Side::Before, &LogSummary::default());
    assert_eq!(before.verdict(ROLE, "s3:PutObject", "*"), "allow");
    assert_eq!(before.verdict(ROLE, "sqs:SendMessage", "*"), "allow");
}

#[test]
fn groups_lists_of_names_and_boundaries_are_read() {
    let text = plan(
        &[
            change(
                "aws_iam_user.u",
                &["create"],
                Value::Null,
                json!({"name": "bot", "path": "/", "permissions_boundary": "arn:aws:iam::111122223333:policy/limit"}),
                json!({}),
            ),
            change(
                "aws_iam_group.g",
                &["create"],
                Value::Null,
                json!({"name": "Bots", "path": "/"}),
                json!({}),
            ),
            change(
                "aws_iam_group_policy.g",
                &["create"],
                Value::Null,
                json!({"name": "g", "group": "Bots", "policy": allow("s3:*", "*")}),
                json!({}),
            ),
            change(
                "aws_iam_group_membership.m",
                &["create"],
                Value::Null,
                json!({"group": "Bots", "users": ["bot"]}),
                json!({}),
            ),
            change(
                "aws_iam_policy.limit",
                &["no-op"],
                json!({"name": "limit", "arn": "arn:aws:iam::111122223333:policy/limit", "policy": allow("s3:Get*", "*")}),
                json!({"name": "limit", "arn": "arn:aws:iam::111122223333:policy/limit", "policy": allow("s3:Get*", "*")}),
                json!({}),
            ),
            change(
                "aws_iam_policy_attachment.many",
                &["create"],
                Value::Null,
                json!({"name": "many", "users": ["bot"], "roles": [], "groups": null, "policy_arn": "arn:aws:iam::111122223333:policy/limit"}),
                json!({}),
            ),
        ],
        &[],
    );
    let run = run(&[("plan.json", &text)]);
    let user = "arn:aws:iam::111122223333:user/bot";
    assert_eq!(run.ids(), [user]);
    assert_eq!(run.verdict(user, "s3:GetObject", "*"), "allow");
    assert_eq!(run.verdict(user, "s3:PutObject", "*"), "deny");
    let by = run.answer(user, "s3:GetObject", "*").by;
    assert!(by.iter().any(|by| by.policy.contains("of group Bots")), "{by:?}");
    assert!(run.holes(user).is_empty());
}

#[test]
fn a_variable_of_a_module_leads_to_what_its_caller_gives() {
    let text = json!({"format_version": "1.2", "resource_changes": [
        {"address": "module.m[\"a.b\"].aws_iam_role_policy.p", "module_address": "module.m[\"a.b\"]", "mode": "managed",
         "type": "aws_iam_role_policy", "name": "p",
         "change": {"actions": ["create"], "before": null, "after": {"name": "p"}, "after_unknown": {"role": true, "policy": true}}},
        change("aws_iam_role.ci", &["no-op"], ci(), ci(), json!({})),
        {"address": "data.aws_iam_policy_document.d", "mode": "data", "type": "aws_iam_policy_document", "name": "d",
         "change": {"actions": ["read"], "before": null, "after": {"statement": [{"actions": ["s3:GetObject"], "resources": [null]}]},
         "after_unknown": {"json": true, "statement": [{"resources": [true]}]}}}],
        "configuration": {"root_module": {
            "resources": [config("aws_iam_role.ci", json!({}))],
            "module_calls": {"m": {"expressions": {
                "role": {"references": ["aws_iam_role.ci.name", "aws_iam_role.ci"]},
                "json": {"references": ["data.aws_iam_policy_document.d.json", "data.aws_iam_policy_document.d"]}},
              "module": {"resources": [config("aws_iam_role_policy.p", json!({
                "role": {"references": ["var.role"]}, "policy": {"references": ["var.json"]}}))]}}}}}})
    .to_string();
    let run = run(&[("plan.json", &text)]);
    assert_eq!(run.ids(), [ROLE], "{}", run.notes());
    assert_eq!(run.verdict(ROLE, "s3:GetObject", "*"), "allow");
    assert!(run.holes(ROLE).is_empty());
}

#[test]
fn a_broken_plan_is_rejected_and_never_read_in_part() {
    let text = plan(&[change("aws_iam_role.ci", &["no-op"], ci(), ci(), json!({}))], &[]);
    let cut = &text[..text.len() - 20];
    let wrong = r#"{"format_version":"1.2","resource_changes":{"a":1}}"#;
    for text in [cut, wrong, r#"{"format_version":"1.2","terraform_version":"1"}"#] {
        let run = run(&[("plan.json", text)]);
        assert_eq!(run.intakes[0].rejected_count, 1, "{text}");
        assert!(run.ids().is_empty());
    }
    // A resource of another shape costs that one, and is told.
    let odd = json!({"format_version": "1.2", "resource_changes": [
        change("aws_iam_role.ci", &["no-op"], ci(), ci(), json!({})),
        {"address": 7}, {"address": "aws_iam_role.x", "type": "aws_iam_role", "name": "x", "change": {"actions": "create"}},
        change("aws_iam_role_policy.bad", &["create"], Value::Null,
            json!({"name": "p", "role": "ci", "policy": "{\"Statement\":[{\"Effect\":\"Permit\"}]}"}), json!({}))]})
    .to_string();
    let run = run(&[("plan.json", &odd)]);
    assert_eq!(run.intakes[0].rejected_count, 3, "{:?}", run.intakes[0].rejected);
    assert_eq!(run.ids(), [ROLE]);
    assert_eq!(run.holes(ROLE), ["p at aws_iam_role_policy.bad (inline)"]);
}

#[test]
fn a_large_plan_keeps_the_place_of_every_statement() {
    let mut changes = Vec::new();
    for number in 0..1_000 {
        let name = format!("r{number}");
        changes.push(change(
            &format!("aws_iam_role.{name}"),
            &["create"],
            Value::Null,
            json!({"name": name, "path": "/"}),
            json!({"arn": true}),
        ));
        changes.push(change(
            &format!("aws_iam_role_policy.{name}"),
            &["create"],
            Value::Null,
            json!({"name": "p", "role": name, "policy": allow("s3:GetObject", "*")}),
            json!({}),
        ));
        changes.push(change(
            &format!("aws_instance.{name}"),
            &["create"],
            Value::Null,
            json!({"user_data": "x".repeat(200)}),
            json!({"arn": true, "id": true}),
        ));
    }
    let whole: Value = serde_json::from_str(&plan(&changes, &[])).unwrap();
    let text = serde_json::to_string_pretty(&whole).unwrap();
    let begin = std::time::Instant::now();
    let run = run(&[("plan.json", &text)]);
    println!("{} resources, {} bytes: {:?}", changes.len(), text.len(), begin.elapsed());
    assert_eq!(run.ids().len(), 1_000);
    let wanted: Vec<u32> = text
        .lines()
        .zip(1..)
        .filter_map(|(line, number)| line.trim_start().starts_with("\"policy\"").then_some(number))
        .collect();
    for (number, line) in wanted.iter().enumerate().step_by(97) {
        let id = format!("arn:aws:iam::unknown:role/r{number}");
        assert_eq!(run.lines(&id, "s3:GetObject", "*"), [(0, *line)]);
    }
}
