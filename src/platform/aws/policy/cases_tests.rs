use std::path::PathBuf;

use super::*;

/// A file that comes with the project's shared evidence, which a plain checkout lacks.
fn shared(path: &str) -> Option<String> {
    let root = std::env::var_os("AUTHGAP_SHARED")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    std::fs::read_to_string(root.join(path)).ok()
}

#[test]
fn documented_cases_are_answered_as_documented() {
    let Some(text) = shared("data/aws/evaluation-cases.jsonl") else {
        // The harness shows what a test prints.
        #[allow(clippy::print_stderr, reason = "a skipped test says so")]
        {
            eprintln!("skipped: no shared evidence beside the crate");
        }
        return;
    };
    let mut count = 0;
    let mut wrong = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        count += 1;
        let case: Value = serde_json::from_str(line).unwrap();
        let answer: Value = serde_json::from_str(&answer_line(line)).unwrap();
        assert_eq!(answer["id"], case["id"]);
        let why = case["why"].as_str().map(|why| why.replace(' ', "-"));
        let reason = answer["reason"].as_str().unwrap();
        let agrees = answer["decision"] == case["expect"]
            && why
                .is_none_or(|why| reason == why || (why == "implicit" && reason.starts_with(&why)));
        if !agrees {
            wrong.push(format!("{} {answer}", case["id"]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(count, 93);
}

fn with(extra: &str) -> Value {
    let line = format!(
        r#"{{"id":7,"principal":"arn:aws:iam::111111111111:user/a","action":"s3:GetObject",
            "resource":"arn:aws:s3:::b/k","context":{{}}{extra}}}"#
    );
    serde_json::from_str(&answer_line(&line)).unwrap()
}

#[test]
fn answers_name_the_statement() {
    let answer = with(
        r#","identity":[{"name":"p","policy":{"Statement":[
            {"Effect":"Allow","Action":"ec2:*","Resource":"*"},
            {"Sid":"Read","Effect":"Allow","Action":"s3:Get*","Resource":"*"}]}}],
            "boundary":null,"scps":[],"rcps":null"#,
    );
    let expected = json!({"id": 7, "decision": "allow", "reason": "explicit-identity", "by": [
        {"layer": "identity", "level": null, "policy": "p", "statement": 1, "sid": "Read"}]});
    assert_eq!(answer, expected);
}

#[test]
fn levels_are_numbered_from_the_root() {
    let answer = with(
        r#","scps":[[{"name":"a","policy":{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}}],
            [{"name":"b","policy":{"Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}}]]"#,
    );
    assert_eq!(answer["reason"], "explicit-scp");
    assert_eq!(answer["by"][0]["level"], 1);
}

#[test]
fn what_cannot_be_decided_is_an_error_with_its_reason() {
    let answer = with(
        r#","identity":[{"name":"p","policy":{"Statement":{"Effect":"Allow","Action":"*","Resource":"*",
            "Condition":{"StringSame":{"a:b":"c"}}}}}]"#,
    );
    assert_eq!(answer["decision"], "error");
    assert!(answer["reason"].as_str().unwrap().contains("StringSame"));
    let answer = with(r#","identity":[{"name":"p","policy":{"Statement":{"Effect":"allow"}}}]"#);
    assert_eq!(answer["decision"], "error");
    for line in ["", "{", "[]", "null", r#"{"id":"x"}"#, r#"{"id":"x","principal":"me"}"#] {
        let answer: Value = serde_json::from_str(&answer_line(line)).unwrap();
        assert_eq!(answer["decision"], "error", "{line}");
    }
    let answer: Value = serde_json::from_str(&answer_line(r#"{"id":"x"}"#)).unwrap();
    assert_eq!(answer["id"], "x");
}
