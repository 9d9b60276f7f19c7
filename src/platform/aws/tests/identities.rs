use super::*;
use crate::model::{Label, Link};

fn trust(principal: &str, rest: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{principal},"Action":"sts:AssumeRole"{rest}}}]}}"#
    )
}

fn one(name: &str, trust: &str, rest: &str) -> Identity {
    let run = run(&[("iam.json", &details(&[role(name, trust, rest)]))]);
    run.tables.identities[0].clone()
}

#[test]
fn roles_are_classified_by_stated_rules() {
    let saml = r#"{"Federated":"arn:aws:iam::111122223333:saml-provider/okta"}"#;
    let oidc =
        |host: &str| format!(r#"{{"Federated":"arn:aws:iam::111122223333:oidc-provider/{host}"}}"#);
    let external = r#","Condition":{"StringEquals":{"sts:ExternalId":"x"}}"#;
    let cases: Vec<(&str, String, &str, Vec<Label>)> = vec![
        (
            "aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS",
            trust(r#"{"Service":"ecs.amazonaws.com"}"#, ""),
            "ecs.amazonaws.com",
            vec![Label::ServiceLinked],
        ),
        (
            "aws-reserved/sso.amazonaws.com/eu-west-1/AWSReservedSSO_Admin_0123",
            trust(saml, ""),
            "people, through IAM Identity Center",
            vec![Label::Human],
        ),
        ("fed", trust(saml, ""), "people, through a SAML provider", vec![Label::Human]),
        (
            "both",
            trust(&saml.replace('}', r#","Service":"lambda.amazonaws.com"}"#), ""),
            "people, through a SAML provider; a Lambda function",
            vec![Label::Mixed],
        ),
        ("gh", trust(&oidc("token.actions.githubusercontent.com"), ""), "GitHub Actions", vec![]),
        ("gl", trust(&oidc("gitlab.com"), ""), "GitLab CI", vec![]),
        (
            "eks",
            trust(&oidc("oidc.eks.eu-west-1.amazonaws.com/id/AB"), ""),
            "an EKS service account",
            vec![],
        ),
        (
            "agent",
            trust(r#"{"Service":"bedrock.amazonaws.com"}"#, ""),
            "an AI agent of Amazon Bedrock",
            vec![],
        ),
        (
            "odd",
            trust(r#"{"Service":"newthing.amazonaws.com"}"#, ""),
            "the service newthing.amazonaws.com",
            vec![],
        ),
        (
            "saas",
            trust(r#"{"AWS":"999999999999"}"#, external),
            "a third party",
            vec![Label::ThirdParty, Label::Vendor],
        ),
        (
            "partly",
            trust(
                r#"{"AWS":["arn:aws:iam::999999999999:root","arn:aws:iam::111122223333:root"]}"#,
                external,
            ),
            "a third party",
            vec![Label::ThirdParty],
        ),
        ("cross", trust(r#"{"AWS":"999999999999"}"#, ""), "account 999999999999", vec![]),
        ("own", trust(r#"{"AWS":"arn:aws:iam::111122223333:root"}"#, external), "", vec![]),
        ("open", trust(r#""*""#, ""), "anybody", vec![]),
        (
            "OrganizationAccountAccessRole",
            trust(r#"{"AWS":"999999999999"}"#, ""),
            "administration from the management account",
            vec![],
        ),
    ];
    for (name, trust, workload, labels) in cases {
        let row = one(name, &trust, "");
        assert_eq!(row.workload.as_deref().unwrap_or(""), workload, "{name}");
        assert_eq!(row.labels.into_iter().collect::<Vec<Label>>(), labels, "{name}");
        assert_eq!(*row.name, *format!("aws:role/{}", name.rsplit('/').next().unwrap()));
        assert_eq!(&*row.account, "111122223333");
    }
}

#[test]
fn a_vendor_that_can_change_permissions_is_not_folded() {
    let external = r#","Condition":{"StringEquals":{"sts:ExternalId":"x"}}"#;
    let saas = trust(r#"{"AWS":"999999999999"}"#, external);
    let policy = |action: &str| {
        format!(
            r#","RolePolicyList":[{{"PolicyName":"p","PolicyDocument":{{"Statement":{{"Effect":"Allow",{action},"Resource":"*"}}}}}}]"#
        )
    };
    let reads = one("saas", &saas, &policy(r#""Action":"ec2:Describe*""#));
    assert!(reads.is(Label::Vendor) && reads.is(Label::ThirdParty));
    for action in [r#""Action":"*""#, r#""NotAction":"s3:*""#, r#""Action":"IAM:attach*""#] {
        let row = one("saas", &saas, &policy(action));
        assert!(!row.is(Label::Vendor) && row.is(Label::ThirdParty), "{action}");
    }
}

#[test]
fn tags_give_owner_and_environment() {
    let tags = r#","Tags":[{"Key":"OWNER","Value":"team"},{"Key":"Env","Value":"prod"},{"Key":"x","Value":"y"}]"#;
    let row = one("r", TRUST_EC2, tags);
    assert_eq!(row.owner.as_deref(), Some("team"));
    assert_eq!(row.environment.as_deref(), Some("prod"));
    assert_eq!(row.tags.len(), 3);
}

fn links(trust: &str, rest: &str) -> Vec<Link> {
    run(&[("iam.json", &details(&[role("r", trust, rest)]))]).tables.links
}

#[test]
fn federated_subjects_are_the_callers() {
    let github = |condition: &str| {
        let provider = r#"{"Federated":"arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com"}"#;
        let found = links(&trust(provider, condition), "");
        found.iter().map(|link| link.from.to_string()).collect::<Vec<String>>()
    };
    let sub = r#","Condition":{"StringEquals":{"token.actions.githubusercontent.com:sub":["repo:o/a:ref:refs/heads/main","repo:o/b:environment:prod"]}}"#;
    assert_eq!(github(sub), ["repo:o/a:ref:refs/heads/main", "repo:o/b:environment:prod"]);
    let any = "token.actions.githubusercontent.com:*";
    assert_eq!(github(""), [any]);
    // These do not limit the subject.
    for operator in ["StringNotLike", "StringLikeIfExists", "ForAllValues:StringLike"] {
        assert_eq!(github(&sub.replace("StringEquals", operator)), [any], "{operator}");
    }
}

#[test]
fn accounts_services_and_profiles_are_callers() {
    let trust = trust(
        r#"{"AWS":["999999999999","AROAZZZZZZZZZZZZZZZZZ"],"Service":"ec2.amazonaws.com"}"#,
        "",
    );
    let rest = r#","RoleId":"AROAZZZZZZZZZZZZZZZZZ","InstanceProfileList":[{"Arn":"arn:aws:iam::111122223333:instance-profile/p"}]"#;
    let found = links(&trust, rest);
    let froms: Vec<(&str, &str)> =
        found.iter().map(|link| (&*link.from, &*link.mechanism)).collect();
    assert_eq!(
        froms,
        [
            ("arn:aws:iam::111122223333:instance-profile/p", "instance profile"),
            ("arn:aws:iam::111122223333:role/r", "trust policy"),
            ("arn:aws:iam::999999999999:root", "trust policy"),
            ("ec2.amazonaws.com", "trust policy"),
        ]
    );
}

#[test]
fn sessions_and_plain_names_find_their_role() {
    let policy = r#","RolePolicyList":[{"PolicyName":"p","PolicyDocument":{"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}}]"#;
    let run = run(&[("iam.json", &details(&[role("deep/path/r", TRUST_EC2, policy)]))]);
    for id in [
        "arn:aws:iam::111122223333:role/deep/path/r",
        "arn:aws:iam::111122223333:role/r",
        "arn:aws:sts::111122223333:assumed-role/r/session",
    ] {
        assert_eq!(run.decide(id, "s3:GetObject", Some("*")).verdict.as_str(), "allow", "{id}");
    }
    let answer = run.decide("arn:aws:iam::111122223333:role/other", "s3:GetObject", Some("*"));
    assert_eq!(answer.verdict.as_str(), "unknown");
    let answer = run.decide("arn:aws:iam::111122223333:role/r", "s3:GetObject", None);
    assert_eq!(answer.resources, ["*".into()]);
    assert_eq!(run.evaluator.shared_with("p (inline)"), 0);
    // A trust policy that is not in the evidence matters to those who become the role only.
    let other = Some("arn:aws:iam::111122223333:role/other");
    let of = |action: &str| {
        let missing = run.decide("arn:aws:iam::111122223333:role/r", action, other).missing;
        missing.iter().any(|text| text.starts_with("the policy of"))
    };
    assert!(of("sts:AssumeRole") && !of("iam:GetRole"));
}
