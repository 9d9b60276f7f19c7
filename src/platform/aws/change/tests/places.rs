//! Statements have the place at which they are written, in every form in which policies are.

use super::*;

#[test]
fn a_policy_file_alone_is_judged_with_the_line_of_each_statement() {
    let text = "{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [\n    {\"Effect\": \"Allow\", \"Action\": \"s3:GetObject\", \"Resource\": \"*\"},\n    {\"Effect\": \"Allow\", \"Action\": \"sqs:*\",\n     \"Resource\": \"*\"}\n  ]\n}\n";
    let files = [("a/deploy.json", text), ("b/deploy.json", text), ("b/read.json", text)];
    let mut run = run(&files);
    let id = |name: &str| format!("arn:aws:iam::unknown:policy/{name}");
    assert_eq!(run.ids(), [id("a/deploy"), id("b/deploy"), id("read")]);
    let read = id("read");
    assert_eq!(&*run.identity(&read).name, "aws:policy/read");
    let grants = run.grants(&read);
    let mut lines: Vec<(u32, u32)> = grants
        .rows
        .iter()
        .flat_map(|row| row.origin.iter())
        .map(|origin| line(origin.place.unwrap()))
        .collect();
    lines.sort_unstable();
    lines.dedup();
    // Equal texts share a policy, whose places are those of the first file.
    assert_eq!(lines, [(0, 4), (0, 5)]);
}

#[test]
fn a_policy_file_beside_an_export_grants_nothing() {
    let policy = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}"#;
    let export = r#"{"RoleDetailList":[{"RoleName":"ci","Arn":"arn:aws:iam::111122223333:role/ci"}],"Policies":[]}"#;
    let run = run(&[("deploy.json", policy), ("iam.json", export)]);
    assert_eq!(run.ids(), ["arn:aws:iam::111122223333:role/ci"]);
}

#[test]
fn a_statement_within_a_text_has_its_line_and_column() {
    let second = r#"{"Effect":"Allow","Action":"sqs:*","Resource":"*"}"#;
    let policy = format!(
        "{{\n\"Version\":\"2012-10-17\",\"Id\":\"\u{e9}\u{1F600}\",\"Statement\":[{{\"Effect\":\"Allow\",\"Action\":\"s3:*\",\"Resource\":\"*\"}},{second}]}}"
    );
    let quoted = serde_json::to_string(&policy).unwrap();
    let escaped = quoted.replace('\u{e9}', "\\u00e9").replace('\u{1F600}', "\\ud83d\\ude00");
    let encoded: String = policy.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let encoded = format!("\"{encoded}\"");
    for (form, needle) in [
        (policy.as_str(), second.to_string()),
        (&quoted, second.replace('"', "\\\"")),
        (&escaped, second.replace('"', "\\\"")),
        (&encoded, second.bytes().map(|byte| format!("%{byte:02X}")).collect()),
    ] {
        let text = format!(
            "{{\"RoleDetailList\":[{{\"RoleName\":\"ci\",\"Arn\":\"arn:aws:iam::111122223333:role/ci\",\n\"RolePolicyList\":[{{\"PolicyName\":\"p\",\"PolicyDocument\":{form}}}]}}],\"Policies\":[]}}"
        );
        let run = run(&[("iam.json", &text)]);
        let by = run.answer("arn:aws:iam::111122223333:role/ci", "sqs:SendMessage", "*").by;
        let offset = text.find(&needle).unwrap();
        let (line, column) =
            crate::model::place::LineIndex::new(text.as_bytes()).line_column(offset);
        assert_eq!(by[0].place, Some(Place::line(0, line, column)), "{form}");
    }
}
