//! SARIF: limits, rules, places, messages.

use super::super::tests::{estate, finding};
use super::*;
use crate::findings::KINDS;

fn log(report: &Report, view: &View) -> Value {
    log_within(report, view, CODE_SCANNING)
}

fn log_within(report: &Report, view: &View, limits: Limits) -> Value {
    let mut out = Vec::new();
    Run::new(report, view, limits).write(&mut out).expect("a vector takes all");
    serde_json::from_slice(&out).expect("JSON")
}

/// An estate with so many findings, each with `title`; every third one low, the rest medium.
fn many(number: usize, title: &dyn Fn(usize) -> String) -> Report {
    let mut report = estate();
    report.findings = (0..number)
        .map(|at| {
            let severity = if at % 3 == 0 { Severity::Low } else { Severity::Medium };
            let print = format!("{at:016x}");
            FindingOut {
                title: title(at).into(),
                ..finding(&print, severity, "unused-permission", "a")
            }
        })
        .collect();
    report
}

#[test]
fn every_kind_is_a_rule_with_help_level_and_at_most_ten_tags() {
    let log = log(&estate(), &View::default());
    let rules = log["runs"][0]["tool"]["driver"]["rules"].as_array().expect("rules");
    let ids: Vec<&str> = rules.iter().filter_map(|rule| rule["id"].as_str()).collect();
    assert_eq!(ids, KINDS.iter().map(|kind| kind.id).collect::<Vec<_>>());
    for (rule, kind) in rules.iter().zip(KINDS) {
        assert_eq!(rule["help"]["markdown"], kind.page, "{}", kind.id);
        assert!(rule["help"]["text"].as_str().is_some_and(|text| text.contains(kind.id)));
        assert!(rule["fullDescription"]["text"].as_str().is_some_and(|text| text.len() > 20));
        let tags: Vec<&str> = rule["properties"]["tags"]
            .as_array()
            .expect("tags")
            .iter()
            .filter_map(Value::as_str)
            .collect();
        assert!(tags.len() <= TAGS && tags.first() == Some(&"security"), "{}: {tags:?}", kind.id);
        for id in kind.frameworks().iter().filter(|id| &*id.framework == "cwe") {
            let tag = format!("external/cwe/{}", id.published.to_lowercase());
            assert!(tags.contains(&tag.as_str()), "{}: {tags:?}", kind.id);
        }
        let mut unique = tags.clone();
        unique.sort_unstable();
        unique.dedup();
        assert_eq!(unique.len(), tags.len(), "SARIF wants them unique: {tags:?}");
        assert!(!tags.contains(&"NHI-03") || tags.contains(&"NHI5:2025"), "{tags:?}");
        assert!(!tags.contains(&"PR.AC-4") || tags.contains(&"PR.AA-05"), "{tags:?}");
    }
}

#[test]
fn a_rule_has_the_severity_of_its_worst_finding_else_the_worst_of_its_page() {
    let severity = |report: &Report, id: &str| {
        let log = log(report, &View::default());
        let rules = log["runs"][0]["tool"]["driver"]["rules"].as_array().expect("rules");
        let rule = rules.iter().find(|rule| rule["id"] == id).expect("the rule");
        let number = rule["properties"]["security-severity"].as_str().expect("a number");
        (number.to_string(), rule["defaultConfiguration"]["level"].as_str().map(str::to_string))
    };
    let report = estate();
    assert_eq!(severity(&report, "coverage-gap"), ("5.5".to_string(), Some("warning".to_string())));
    assert_eq!(
        severity(&report, "unused-permission"),
        ("8.0".to_string(), Some("error".to_string()))
    );
    let mut report = report;
    report.findings[1].kind = "coverage-gap".into();
    assert_eq!(&*report.findings[1].state, "waived");
    assert_eq!(severity(&report, "coverage-gap").0, "5.5", "a waived finding has no say");
    for kind in KINDS {
        assert!(worst_on(kind.page).is_some(), "{}: a page names its severities", kind.id);
    }
}

#[test]
fn results_say_level_place_fingerprint_and_state() {
    let mut report = estate();
    report.findings[2].state = "baseline".into();
    report.findings[3].evidence[0].side = "use".into();
    let mut grant = report.findings[3].evidence[0].clone();
    (grant.side, grant.file) = ("grant".into(), "infra/a b:c%.tf".into());
    grant.line = Some(7);
    report.findings[3].evidence.push(grant);
    report.findings[0].evidence[0].line = None;
    let log = log(&report, &View::default());
    let results = log["runs"][0]["results"].as_array().expect("results");
    let by = |print: &str| {
        let is_it = |one: &&Value| one["partialFingerprints"]["authgapFingerprint/v1"] == print;
        results.iter().find(is_it).expect("the result")
    };
    let critical = by("5e0c91b7d2a4f306");
    assert_eq!((&critical["level"], &critical["baselineState"]), (&json!("error"), &json!("new")));
    assert_eq!(critical["partialFingerprints"]["primaryLocationLineHash"], "5e0c91b7d2a4f306:1");
    let region = &critical["locations"][0]["physicalLocation"]["region"];
    assert_eq!(region, &json!({"startLine": 1}), "without a line, the first");
    assert_eq!(critical["suppressions"], json!([]), "one is waived, so all say it");
    assert_eq!(critical["locations"][0]["logicalLocations"][0]["kind"], "identity");

    let waived = by("b70e4d92b70e4d92");
    assert!(waived.get("baselineState").is_none());
    let suppression = &waived["suppressions"][0];
    assert_eq!(
        (&suppression["kind"], &suppression["status"]),
        (&json!("external"), &json!("accepted"))
    );
    assert_eq!(suppression["justification"], "waived to 2027-01-31: break-glass");
    assert_eq!(by("d95a2c67d95a2c67")["baselineState"], "unchanged");

    let gap = by("25e7b0c425e7b0c4");
    let place = &gap["locations"][0]["physicalLocation"];
    assert_eq!(
        place["artifactLocation"],
        json!({"uri": "infra/a%20b%3Ac%25.tf", "uriBaseId": "%SRCROOT%"}),
        "a grant comes before a use"
    );
    assert_eq!(place["region"]["startLine"], 7);
    assert_eq!(gap["locations"][0]["logicalLocations"][0]["kind"], "scope");
    assert_eq!(gap["relatedLocations"].as_array().map(Vec::len), Some(2));
    let rules = &log["runs"][0]["tool"]["driver"]["rules"];
    for result in results {
        let index = result["ruleIndex"].as_u64().expect("a number") as usize;
        assert_eq!(rules[index]["id"], result["ruleId"]);
    }
    let states: Vec<bool> = results.iter().map(|one| one.get("baselineState").is_some()).collect();
    assert_eq!(states, [true, true, true, false], "waived last");
}

#[test]
fn a_finding_without_a_place_stands_at_the_configuration() {
    let mut report = estate();
    report.findings[0].evidence.clear();
    report.inputs[1].path = "conf/authgap.yaml".to_string();
    let log = log(&report, &View::default());
    let place = &log["runs"][0]["results"][0]["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "conf/authgap.yaml");
    report.inputs.clear();
    let places = View::default();
    assert_eq!(
        Places::new(&report, &places).anchor().spot,
        Spot::Inside("authgap.yaml".to_string())
    );
}

#[test]
fn files_outside_of_the_repository_are_absolute() {
    let mut report = estate();
    report.findings[0].evidence[0].file = "../logs/a.json".to_string().into();
    let repository = Some(super::super::pipeline::Repository::new("/ci/repo", "/ci/repo"));
    let view = View { repository, ..View::default() };
    let place = &log(&report, &view)["runs"][0]["results"][0]["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"], json!({"uri": "file:///ci/logs/a.json"}));
}

#[test]
fn more_results_than_code_scanning_takes_are_cut_least_severe_first_and_said() {
    let report = many(260, &|at| format!("title {at}"));
    let view = View::default();
    let limits = Limits { results: 200, shown: 50, ..CODE_SCANNING };
    let log = log_within(&report, &view, limits);
    let run = &log["runs"][0];
    let results = run["results"].as_array().expect("results");
    assert_eq!(results.len(), 200);
    let first_low = results.iter().position(|one| one["level"] == "note").expect("some are low");
    assert_eq!(first_low, 260 - 87, "a third is low, the last ones");
    assert!(results[first_low..].iter().all(|one| one["level"] == "note"));
    let notes = run["invocations"][0]["toolExecutionNotifications"].as_array().expect("notes");
    let texts: Vec<String> = notes
        .iter()
        .filter_map(|note| note["message"]["text"].as_str())
        .map(|text| text.trim_end_matches('.').to_string())
        .collect();
    assert_eq!(texts, Run::new(&report, &view, limits).cuts(200));
    assert!(texts[0].starts_with("SARIF holds 200 of 260 findings"), "{texts:?}");
    assert!(texts[1].contains("GitHub shows 50,"), "{texts:?}");
    assert!(Sarif.left_out(&report, &view).is_empty());
    let exactly = Limits { results: 260, ..CODE_SCANNING };
    assert!(Run::new(&report, &view, exactly).cuts(260).is_empty());
}

#[test]
fn a_file_stays_within_its_bytes_after_gzip() {
    // Text that does not compress, as an attacker would choose it.
    let noise = |at: usize| {
        use sha2::{Digest, Sha256};
        let hex = |n: usize| {
            Sha256::digest((at * 10 + n).to_le_bytes()).iter().map(|b| format!("{b:02x}")).collect()
        };
        (0..8).map(hex).collect::<Vec<String>>().join(" ")
    };
    let report = many(1_000, &noise);
    let view = View::default();
    let limits = Limits { bytes: 200_000, ..CODE_SCANNING };
    let run = Run::new(&report, &view, limits);
    let kept = run.fitting().expect("a counter takes all");
    assert!(kept > 100 && kept < 1_000, "{kept}");
    let cuts = run.cuts(kept);
    assert!(cuts[0].ends_with("code scanning takes 10 MB after gzip"), "{cuts:?}");
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(run.head().to_string().as_bytes()).expect("a vector takes all");
    for at in run.order.iter().take(kept) {
        gzip.write_all(run.result(*at).to_string().as_bytes()).expect("a vector takes all");
    }
    let length = gzip.finish().expect("a vector takes all").len() as u64;
    assert!(length <= limits.bytes + 100_000, "{length}: the compressor holds back less than that");
    let all = Run::new(&report, &view, CODE_SCANNING);
    assert_eq!(all.fitting().expect("a counter takes all"), 1_000);
}

#[test]
fn uris_hold_no_sign_with_a_meaning() {
    assert_eq!(uri_path("a/b-c_d.~e"), "a/b-c_d.~e");
    assert_eq!(uri_path("a?b#c[d]\u{1b}\n\\"), "a%3Fb%23c%5Bd%5D%1B%0A%5C");
    assert_eq!(uri_path("部"), "%E9%83%A8");
}
