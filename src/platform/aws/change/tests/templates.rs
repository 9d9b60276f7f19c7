//! CloudFormation templates in all shapes.

use super::*;
use crate::model::HoleKind;

const TEMPLATE: &str = r#"# A service and its role.
Description: it
Parameters:
  Stage: {Type: String, Default: dev}
  Secret: {Type: String}
  Names: {Type: CommaDelimitedList, Default: "a, b"}
Mappings:
  Buckets:
    eu: {Name: data-eu}
    us: {Name: data-us}
Conditions:
  IsProd: !Equals [!Ref Stage, prod]
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      RoleName: !Sub "${Stage}-service"
      AssumeRolePolicyDocument:
        Version: 2012-10-17
        Statement:
          - Effect: Allow
            Principal: {Service: [ecs-tasks.amazonaws.com]}
            Action: sts:AssumeRole
          - Effect: Allow
            Principal: {AWS: !Sub "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"}
            Action: sts:AssumeRole
      ManagedPolicyArns:
        - !Ref Managed
        - !If [IsProd, !Sub "arn:${AWS::Partition}:iam::aws:policy/ReadOnlyAccess", !Ref AWS::NoValue]
      Policies:
        - PolicyName: own
          PolicyDocument:
            Version: "2012-10-17"
            Statement:
              - Effect: Allow
                Action: [s3:GetObject]
                Resource: !Join ["", ["arn:aws:s3:::", !Ref Bucket, "/*"]]
              - Effect: Allow
                Action: s3:PutObject
                Resource: !Sub
                  - "arn:aws:s3:::${Name}/${Stage}/*"
                  - Name: !FindInMap [Buckets, eu, Name]
              - Effect: Allow
                Action: sqs:SendMessage
                Resource: !GetAtt Queue.Arn
              - Effect: Allow
                Action: secretsmanager:GetSecretValue
                Resource: !Ref Secret
              - Effect: Allow
                Action: kms:Decrypt
                Resource: "*"
                Condition:
                  StringEquals: {aws:PrincipalAccount: !Ref AWS::AccountId}
              - Effect: Allow
                Action: dynamodb:*
                Resource: "*"
              - Effect: Deny
                Action: dynamodb:DeleteTable
                Resource: !Sub "arn:aws:dynamodb:${AWS::Region}:*:table/t"
  Managed:
    Type: AWS::IAM::ManagedPolicy
    Properties:
      PolicyDocument:
        Version: "2012-10-17"
        Statement: {Effect: Allow, Action: "logs:*", Resource: "*"}
  More:
    Type: AWS::IAM::Policy
    Condition: IsProd
    Properties:
      PolicyName: more
      Roles: [!Ref Role]
      PolicyDocument:
        Version: "2012-10-17"
        Statement:
          - {Effect: Allow, Action: "sns:*", Resource: "*"}
          - {Effect: Deny, Action: "logs:DeleteLogGroup", Resource: "*"}
  Bucket:
    Type: AWS::S3::Bucket
    Properties: {BucketName: !Select [1, !Ref Names]}
  Queue: {Type: AWS::SQS::Queue, Properties: {QueueName: jobs}}
"#;

const ROLE: &str = "arn:aws:iam::unknown:role/dev-service";

fn line_of(needle: &str) -> u32 {
    TEMPLATE.lines().position(|line| line.contains(needle)).unwrap() as u32 + 1
}

#[test]
fn intrinsics_are_resolved_as_far_as_the_template_decides() {
    let run = run(&[("service.yaml", TEMPLATE)]);
    assert_eq!(run.ids(), [ROLE], "{:?}", run.intakes);
    assert_eq!(run.intakes[0].rejected_count, 0, "{:?}", run.intakes[0].rejected);
    // Elsewhere the managed policy whose document is absent decides.
    let bucket = "arn:aws:s3:::b/x";
    assert_eq!(run.verdict(ROLE, "s3:GetObject", bucket), "allow");
    assert_eq!(run.verdict(ROLE, "s3:GetObject", "arn:aws:s3:::other/x"), "unknown");
    assert_eq!(
        run.lines(ROLE, "s3:GetObject", bucket),
        [(0, line_of("Action: [s3:GetObject]") - 1)]
    );
    assert_eq!(run.verdict(ROLE, "s3:PutObject", "arn:aws:s3:::data-eu/dev/x"), "allow");
    assert_eq!(run.verdict(ROLE, "s3:PutObject", "arn:aws:s3:::data-us/dev/x"), "unknown");
    // A parameter without default is anything.
    assert_eq!(
        run.verdict(
            ROLE,
            "secretsmanager:GetSecretValue",
            "arn:aws:secretsmanager:eu-west-1:unknown:secret:a-123456"
        ),
        "allow"
    );
    assert_eq!(run.verdict(ROLE, "kms:Decrypt", "*"), "allow");
    // The deny is in a Region that is not known, and there only possible.
    let table = "arn:aws:dynamodb:eu-west-1:unknown:table/t";
    assert_eq!(run.verdict(ROLE, "dynamodb:DeleteTable", table), "conditional");
    let notes = run.notes();
    assert!(notes.contains("parameters are taken at their defaults: Names, Stage"), "{notes}");
    assert!(notes.contains("parameter Secret") && notes.contains("AWS::Region"), "{notes}");
}

#[test]
fn what_a_condition_guards_is_read_at_its_widest() {
    let run = run(&[("service.yaml", TEMPLATE)]);
    assert_eq!(run.verdict(ROLE, "sns:Publish", "*"), "allow");
    // It surely has the managed policy, and only perhaps the deny of the other.
    assert_eq!(run.verdict(ROLE, "logs:DeleteLogGroup", "*"), "conditional");
    assert_eq!(run.verdict(ROLE, "logs:CreateLogGroup", "*"), "allow");
    assert_eq!(run.holes(ROLE), ["arn:aws:iam::aws:policy/ReadOnlyAccess"]);
}

#[test]
fn a_template_is_read_again_in_the_account_of_its_role() {
    let known = "arn:aws:iam::111122223333:role/dev-service";
    let other = "arn:aws:iam::444455556666:role/other";
    let run = run_with(&[("service.yaml", TEMPLATE)], Side::After, &used_by(&[known, other]));
    assert_eq!(run.ids(), [known]);
    let mut from: Vec<&str> = run.tables.links.iter().map(|link| &*link.from).collect();
    from.sort_unstable();
    assert_eq!(from, ["arn:aws:iam::111122223333:root", "ecs-tasks.amazonaws.com"]);
    assert_eq!(run.identity(known).workload.as_deref(), Some("an ECS task"));
    assert_eq!(run.verdict(known, "kms:Decrypt", "*"), "allow");
    let queue = "arn:aws:sqs:eu-west-1:111122223333:jobs";
    assert_eq!(run.verdict(known, "sqs:SendMessage", queue), "allow");
    assert_eq!(run.verdict(known, "sqs:SendMessage", &format!("{queue}2")), "unknown");
    assert_eq!(
        run.verdict(known, "sqs:SendMessage", "arn:aws:sqs:eu-west-1:444455556666:jobs"),
        "unknown"
    );
}

#[test]
fn json_templates_say_the_same() {
    let text = r#"{
      "Resources": {
        "Custom": {"Type": "Custom::Thing"},
        "User": {"Type": "AWS::IAM::User", "Properties": {"UserName": "bot", "Groups": [{"Ref": "Group"}]}}, "Other": {"Type": "AWS::IAM::User"},
        "Group": {"Type": "AWS::IAM::Group", "Properties": {"ManagedPolicyArns": [{"Fn::Sub": "arn:${AWS::Partition}:iam::aws:policy/AdministratorAccess"}]}},
        "Key": {"Type": "AWS::KMS::Key", "Properties": {"KeyPolicy": {"Version": "2012-10-17", "Statement": [
          {"Effect": "Allow", "Principal": {"AWS": {"Fn::GetAtt": ["Other", "Arn"]}}, "Action": "kms:*", "Resource": "*"}]}}},
        "Inline": {"Type": "AWS::IAM::UserPolicy", "Properties": {"UserName": {"Ref": "User"}, "PolicyName": "p",
          "PolicyDocument": {"Statement": [{"Effect": "Allow", "Action": "s3:*",
            "Resource": {"Fn::Sub": ["${B}/*", {"B": {"Fn::ImportValue": "bucket"}}]}}]}}}
      }
    }"#;
    let mut run = run(&[("t.json", text)]);
    let user = "arn:aws:iam::unknown:user/bot";
    let other = "arn:aws:iam::unknown:user/t-Other";
    assert_eq!(run.ids(), [user, other], "{:?}", run.intakes);
    assert_eq!(run.verdict(user, "iam:CreateUser", "*"), "allow");
    let lines = |set: &GrantSet| -> Vec<(u32, u32)> {
        let origins = set.rows.iter().flat_map(|row| row.origin.iter());
        origins.map(|origin| line(origin.place.unwrap())).collect()
    };
    // The user's own policy and the group's; the key's policy names the other one.
    let own = lines(&run.grants(user));
    assert!([5, 9].iter().all(|at| own.contains(&(0, *at))), "{own:?}");
    assert_eq!(lines(&run.grants(other)), [(0, 7)]);
    assert!(run.notes().contains("Fn::ImportValue"), "{}", run.notes());
}

#[test]
fn functions_of_sam_make_roles() {
    let text = r#"
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Resources:
  Hello:
    Type: AWS::Serverless::Function
    Properties:
      Handler: a.b
      Policies:
        - AmazonS3ReadOnlyAccess
        - S3CrudPolicy: {BucketName: x}
        - Version: "2012-10-17"
          Statement:
            - {Effect: Allow, Action: "ses:SendEmail", Resource: "*"}
  Other:
    Type: AWS::Serverless::Function
    Properties: {Role: "arn:aws:iam::111122223333:role/own"}
"#;
    let run = run(&[("app/template.yaml", text)]);
    let role = "arn:aws:iam::unknown:role/template-HelloRole";
    assert_eq!(run.ids(), [role]);
    assert_eq!(run.lines(role, "ses:SendEmail", "*"), [(0, 14)]);
    assert_eq!(run.identity(role).workload.as_deref(), Some("a Lambda function"));
    let holes = run.holes(role);
    assert!(holes.contains(&"arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"), "{holes:?}");
    assert!(holes.contains(&"S3CrudPolicy at Hello (inline)"), "{holes:?}");
    assert!(run.identity(role).holes.iter().all(|hole| hole.kind == HoleKind::Grants));
}

#[test]
fn two_templates_that_call_their_roles_the_same_keep_both() {
    let text = |action: &str| {
        format!(
            "Resources:\n  Role:\n    Type: AWS::IAM::Role\n    Properties:\n      Policies:\n        - PolicyName: p\n          PolicyDocument:\n            Statement: {{Effect: Allow, Action: '{action}', Resource: '*'}}\n"
        )
    };
    let (one, two) = (text("s3:*"), text("sqs:*"));
    let run = run(&[("a/t.yaml", &one), ("b/t.yaml", &two)]);
    let id = "arn:aws:iam::unknown:role/t-Role";
    assert_eq!(run.ids(), [id.to_string(), format!("{id}~2")]);
    assert_eq!(run.verdict(id, "s3:GetObject", "*"), "allow");
    assert_eq!(run.verdict(&format!("{id}~2"), "sqs:SendMessage", "*"), "allow");
}

#[test]
fn a_broken_template_is_rejected_with_its_place() {
    for (text, count) in [
        ("AWSTemplateFormatVersion: '2010-09-09'\nResources:\n  A: [\n", 1),
        ("AWSTemplateFormatVersion: '2010-09-09'\n", 1),
        (
            "Resources:\n  'Fn::ForEach::X': [a]\n  R:\n    Type: AWS::IAM::Role\n  S: {Properties: 1}\n",
            2,
        ),
        (
            "Resources:\n  R:\n    Type: AWS::IAM::Role\n    Properties: [1]\n  P:\n    Type: AWS::IAM::Policy\n",
            1,
        ),
    ] {
        let run = run(&[("t.yaml", text)]);
        assert_eq!(run.intakes[0].rejected_count, count, "{text}: {:?}", run.intakes[0].rejected);
    }
}

#[test]
fn references_in_a_circle_come_to_an_end() {
    let mut text = String::from("Resources:\n");
    for at in 0..60 {
        text.push_str(&format!(
            "  R{at}:\n    Type: AWS::IAM::Role\n    Properties:\n      RoleName: !Sub '${{R{}}}${{R{}}}'\n",
            (at + 1) % 60,
            (at + 1) % 60
        ));
    }
    let run = run(&[("t.yaml", &text)]);
    let ids: Vec<&str> = run.ids();
    assert_eq!(ids.len(), 60);
    assert!(ids.iter().all(|id| id.starts_with("arn:aws:iam::unknown:role/t-R")), "{ids:?}");
}

#[test]
fn a_template_says_nothing_of_what_was_before() {
    let run = run_with(&[("service.yaml", TEMPLATE)], Side::Before, &LogSummary::default());
    assert!(run.ids().is_empty());
    assert!(run.notes().contains("does not say what was before"));
}

#[test]
fn no_cut_of_a_template_or_plan_is_a_panic_and_a_cut_plan_is_rejected() {
    for cut in (0..TEMPLATE.len()).step_by(61) {
        let head = format!("AWSTemplateFormatVersion: x\n{}", &TEMPLATE[..cut]);
        let run = run(&[("t.yaml", &head)]);
        let intake = &run.intakes[0];
        assert!(intake.records > 0, "{cut}: nothing was read and nothing was told");
    }
    let plan = r#"{"format_version":"1.2","resource_changes":[{"address":"aws_iam_role.a","type":"aws_iam_role","name":"a","mode":"managed","change":{"actions":["create"],"before":null,"after":{"name":"a\u00e9"},"after_unknown":{"arn":true}}}]}"#;
    for cut in plan.find(':').unwrap() + 30..plan.len() {
        let run = run(&[("p.json", &plan[..cut])]);
        assert_eq!(run.intakes[0].rejected_count, 1, "{cut}");
    }
}
