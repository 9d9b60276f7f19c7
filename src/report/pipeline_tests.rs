//! The formats for pipelines: hostile text in every field, read back, and held against published schemas.

use std::process::Command;

use super::pipeline::{Repository, Verdict};
use super::tests::{estate, finding, written};
use super::*;
use crate::report::model::{Evidence, FindingOut, IdentityOut, Report};

/// What an attacker would name an identity, an action, a resource or a file.
const NASTY: &[&str] = &[
    "\u{1b}[31mred\u{1b}[0m\u{9b}2J",
    "::error file=a.tf,line=1::forged",
    "x\n::error::forged\r\n::set-output name=a::b",
    " ::add-mask::a ##[error]forged ##[add-mask]b",
    "]]><failure/><![CDATA[ &amp; <b a='\"'>",
    "a|b|c `code` ``` | \\| <!-- x --> </details>",
    "[link](http://example.com) ![i](javascript:x) @everyone #12 <script>",
    "{0} {12} {{3}} ${aws:username} [a](1)",
    "\u{202e}bidi\u{2066}\u{200b}\u{ad}",
    "nul\0\u{1}\u{8}\u{b}\u{c}\u{7f}\u{fffe}\u{ffff}\u{feff}",
    "%0A%3A%2C%25 100% a,b:c",
    "\u{1f4a9}部\u{e000}é",
    "::",
    "",
];

/// An estate in which every text of a finding is hostile, one finding for each.
fn hostile() -> Report {
    let mut report = estate();
    for (at, text) in NASTY.iter().enumerate() {
        let severity = crate::findings::Severity::ALL[4 - at % 5];
        let print = format!("{at:016x}");
        let name = format!("{text}{}", if at % 2 == 0 { "" } else { " and more" });
        report.identities.push(IdentityOut {
            id: name.as_str().into(),
            name: text.to_string().as_str().into(),
            ..report.identities[2].clone()
        });
        report.findings.push(FindingOut {
            subject: (*text).into(),
            title: (*text).to_string().into(),
            actions: vec![(*text).into()],
            resources: vec![(*text).into()].into(),
            age_note: Some((*text).to_string().into()),
            date: None,
            state: ["new", "new", "baseline", "waived"][at % 4].into(),
            waiver: Some((*text).to_string()).filter(|_| at % 4 == 3),
            remedy: (*text).to_string().into(),
            evidence: vec![Evidence {
                side: "grant".to_string().into(),
                file: format!("infra/{text}").into(),
                line: Some(at as u32),
                column: Some(3),
                record: None,
                text: (*text).to_string().into(),
            }],
            ..finding(&print, severity, "wildcard-grant", &name)
        });
        // A report may come from a file, with kinds of another version, or of an attacker.
        report.findings.push(finding(&format!("f{print}"), severity, text, &name));
    }
    report
}

fn pipeline_view() -> View {
    View {
        command_paths: vec![NASTY[4].to_string()],
        filters: vec![NASTY[5].to_string()],
        repository: Some(Repository::new("/ci/repo", "/ci/repo")),
        ..View::default()
    }
}

/// A check's verdict with hostile words: the accepted finding fails, the new ones do not.
fn verdict_view(report: &Report) -> View {
    let texts: Vec<String> = NASTY.iter().map(|text| (*text).to_string()).collect();
    let accepted = report.findings.iter().filter(|one| &*one.state == "baseline");
    let verdict = Verdict {
        failing: accepted.map(|one| one.fingerprint.clone()).collect(),
        problems: texts.clone(),
        ended: texts.clone(),
        not_judged: texts,
    };
    View { verdict: Some(verdict), ..pipeline_view() }
}

#[test]
fn a_verdict_decides_what_fails_and_its_words_are_harmless() {
    let report = hostile();
    let view = verdict_view(&report);
    let failing = view.verdict.as_ref().map_or(0, |verdict| verdict.failing.len());
    assert!(failing > 0);
    let junit = written("junit", &report, &view);
    let parts = xml_texts(&junit).expect("well-formed");
    let tags = |tag: &str| parts.iter().filter(|(is, one)| is == "tag" && one == tag).count();
    assert_eq!(tags("failure"), failing + NASTY.len(), "findings, and waivers that ended");
    assert_eq!(tags("error"), NASTY.len());
    let comment = written("comment", &report, &view);
    assert!(
        comment.contains("### authgap: no verdict, 14 inputs could not be judged\n"),
        "{comment}"
    );
    assert!(!comment.contains('\u{1b}') && !comment.contains('\u{202e}'), "{comment}");
    let github = written("github", &report, &view);
    let commands: Vec<&str> = github.lines().filter(|line| line.starts_with("::")).collect();
    assert!(commands[0].starts_with("::error title=authgap no verdict::"), "{github}");
    let errors = commands.iter().filter(|line| line.starts_with("::error ")).count();
    assert_eq!(errors, (5 + failing).min(10), "{github}");
    for line in github.lines() {
        let known = ["::error ", "::warning ", "::notice "];
        let is_ours = known.iter().any(|word| line.starts_with(word));
        assert!(is_ours || !line.trim_start().starts_with("::"), "{line}");
    }
    let sarif: serde_json::Value =
        serde_json::from_str(&written("sarif", &report, &view)).expect("JSON");
    let invocation = &sarif["runs"][0]["invocations"][0];
    assert_eq!(invocation["executionSuccessful"], false);
    let count = invocation["toolExecutionNotifications"].as_array().map_or(0, Vec::len);
    assert_eq!(count, 3 * NASTY.len());
}

/// Command, properties, text.
type Read = (String, Vec<(String, String)>, String);

/// A runner's reading of a line (actions/runner, `ActionCommand.cs`): command, properties as they stand, text.
fn workflow_command(line: &str) -> Option<Read> {
    let rest = line.trim_start().strip_prefix("::")?;
    let (info, text) = rest.split_once("::")?;
    let (name, properties) = info.split_once(' ').unwrap_or((info, ""));
    let properties = properties
        .split(',')
        .filter_map(|one| one.split_once('='))
        .map(|(key, value)| (key.to_string(), value.to_string()))
        .collect();
    Some((name.to_string(), properties, text.to_string()))
}

#[test]
fn no_text_forges_an_annotation_in_any_format() {
    let report = hostile();
    for format in FORMATS {
        for table in TableKind::ALL {
            let view = View { table, all: true, ..pipeline_view() };
            let text = written(format.id(), &report, &view);
            for line in text.lines() {
                assert!(!line.contains("##["), "{}: {line}", format.id());
                let command = workflow_command(line).map(|(name, ..)| name);
                let ours = ["error", "warning", "notice"];
                let is_ours = command.as_deref().is_some_and(|name| ours.contains(&name));
                if format.id() == "github" {
                    assert!(command.is_none() || is_ours, "{line}");
                    assert!(!line.contains("::set-output") || is_ours, "{line}");
                } else {
                    assert_eq!(command, None, "{} {table:?}: {line}", format.id());
                }
            }
        }
    }
}

#[test]
fn annotations_are_one_line_each_and_at_most_ten_of_each() {
    let mut report = hostile();
    for at in 0..45 {
        let severity = crate::findings::Severity::ALL[at % 5];
        report.findings.push(finding(&format!("a{at:015x}"), severity, "wildcard-grant", "a"));
    }
    let text = written("github", &report, &pipeline_view());
    let mut numbers = std::collections::BTreeMap::new();
    let mut told = 0;
    for line in text.lines() {
        match workflow_command(line) {
            Some((name, properties, message)) => {
                *numbers.entry(name).or_insert(0) += 1;
                let keys: Vec<&str> = properties.iter().map(|(key, _)| key.as_str()).collect();
                assert_eq!(keys, ["file", "line", "title"], "{line}");
                for (key, value) in &properties {
                    assert!(!value.contains([':', ',']), "{key}: {value}");
                }
                assert!(properties[2].1.starts_with("authgap "), "{line}");
                assert!(message.contains("%0AWhy%3A") || message.contains("%0AWhy: "), "{line}");
                assert!(!message.chars().any(char::is_control), "{line}");
            }
            None if line.starts_with("and ") => {
                let number = line.split(' ').nth(1).and_then(|word| word.parse::<usize>().ok());
                told += number.expect("how many more");
            }
            None => assert!(line.contains(" new findings fail at high and above; "), "{line}"),
        }
    }
    assert_eq!(numbers.len(), 3, "{numbers:?}");
    assert!(numbers.values().all(|number| *number == 10), "{numbers:?}");
    let new = report.findings.iter().filter(|one| &*one.state == "new").count();
    assert_eq!(30 + told, new, "what is not shown is told");
}

#[test]
fn an_annotation_names_its_file_as_it_is() {
    let mut report = estate();
    report.findings.truncate(1);
    report.findings[0].evidence[0].file = "infra/a,b:c%d é部.tf".to_string().into();
    let text = written("github", &report, &pipeline_view());
    assert!(text.starts_with("::error file=infra/a%2Cb%3Ac%25d é部.tf,line=88,title="), "{text}");
    report.findings[0].evidence[0].file = "../elsewhere.tf".to_string().into();
    let text = written("github", &report, &pipeline_view());
    assert!(
        text.starts_with("::error title="),
        "outside of the repository there is no line: {text}"
    );
    assert!(
        text.ends_with("1 new finding fails at high and above; 0 below, 0 accepted, 0 waived\n")
    );
}

/// A reader of XML 1.0 that knows what JUnit files need, and refuses what a conforming parser must refuse.
fn xml_texts(text: &str) -> Result<Vec<(String, String)>, String> {
    let is_char = |c: char| matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    if let Some(wrong) = text.chars().find(|c| !is_char(*c)) {
        return Err(format!("U+{:04X}", u32::from(wrong)));
    }
    let mut rest =
        text.strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>").ok_or("no head")?;
    let (mut open, mut out) = (Vec::new(), Vec::new());
    while let Some(at) = rest.find('<') {
        let before = &rest[..at];
        if before.contains("]]>") || before.replace("&amp;", "").contains("&&") {
            return Err(format!("text {before:?}"));
        }
        out.push(("text".to_string(), unescaped(before)?));
        let end = rest.find('>').ok_or("a tag does not end")?;
        let tag = &rest[at + 1..end];
        rest = &rest[end + 1..];
        if tag.contains('<') {
            return Err(format!("tag {tag:?}"));
        }
        if let Some(name) = tag.strip_prefix('/') {
            if open.pop().as_deref() != Some(name) {
                return Err(format!("{name} ends"));
            }
            continue;
        }
        let (inside, is_empty) = tag.strip_suffix('/').map_or((tag, false), |tag| (tag, true));
        let (name, mut attributes) = inside.split_once(' ').unwrap_or((inside, ""));
        while !attributes.is_empty() {
            let (key, after) = attributes.split_once("=\"").ok_or(format!("attributes {tag:?}"))?;
            let (value, after) = after.split_once('"').ok_or("a value does not end")?;
            out.push((format!("{name} {}", key.trim_start()), unescaped(value)?));
            attributes = after.trim_start();
        }
        if !is_empty {
            open.push(name.to_string());
        }
        out.push(("tag".to_string(), name.to_string()));
    }
    if open.is_empty() { Ok(out) } else { Err(format!("{open:?} stay open")) }
}

fn unescaped(text: &str) -> Result<String, String> {
    let mut out = String::new();
    let mut parts = text.split('&');
    out.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let (name, rest) = part.split_once(';').ok_or(format!("reference {part:?}"))?;
        let sign = match name {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "apos" => '\'',
            other => return Err(format!("reference {other:?}")),
        };
        out.push(sign);
        out.push_str(rest);
    }
    Ok(out)
}

#[test]
fn junit_reads_back_and_counts_what_it_holds() {
    let report = hostile();
    let text = written("junit", &report, &pipeline_view());
    let parts = xml_texts(&text).expect("well-formed");
    let tags = |name: &str| parts.iter().filter(|(is, tag)| is == "tag" && tag == name).count();
    let sum = |name: &str| {
        let key = format!("testsuite {name}");
        parts.iter().filter(|(is, _)| *is == key).filter_map(|(_, n)| n.parse::<usize>().ok()).sum()
    };
    let failing = report
        .findings
        .iter()
        .filter(|one| &*one.state == "new" && one.severity >= crate::findings::Severity::High)
        .count();
    let waived = report.findings.iter().filter(|one| &*one.state == "waived").count();
    assert_eq!((tags("failure"), sum("failures")), (failing, failing));
    assert_eq!((tags("skipped"), sum("skipped")), (waived, waived));
    assert_eq!(tags("testcase"), sum("tests"));
    let found =
        |name: &str| parts.iter().any(|(is, text)| is == "testcase name" && text.contains(name));
    assert!(found("]]><failure/><![CDATA[") && found("\\u{202e}bidi") && found("nul\\u{0}"));
    let low = View { fail_on: crate::findings::Severity::Info, ..pipeline_view() };
    let parts = xml_texts(&written("junit", &report, &low)).expect("well-formed");
    let new = report.findings.iter().filter(|one| &*one.state == "new").count();
    let failures = parts.iter().filter(|(is, tag)| is == "tag" && tag == "failure").count();
    assert_eq!(failures, new, "the threshold decides");
}

#[test]
fn a_clean_report_is_a_test_for_each_kind() {
    let mut report = estate();
    report.findings.clear();
    report.as_of = None;
    let text = written("junit", &report, &View::default());
    let parts = xml_texts(&text).expect("well-formed");
    let tests = parts.iter().filter(|(is, tag)| is == "tag" && tag == "testcase").count();
    assert_eq!(tests, crate::findings::KINDS.len());
    assert!(text.contains("timestamp=\"1970-01-01T00:00:00\"") && !text.contains("<failure"));
    let comment = written("comment", &report, &View::default());
    assert!(comment.contains("### authgap: nothing new fails (high and above)\n"), "{comment}");
    assert!(!comment.contains("| severity |"));
    let sarif: serde_json::Value =
        serde_json::from_str(&written("sarif", &report, &View::default())).expect("JSON");
    assert_eq!(sarif["runs"][0]["results"], serde_json::json!([]));
}

#[test]
fn sarif_reads_back_without_links_or_placeholders_of_others() {
    let text = written("sarif", &hostile(), &pipeline_view());
    let log: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let results = log["runs"][0]["results"].as_array().expect("results");
    assert_eq!(results.len(), hostile().findings.len());
    for result in results {
        let message = result["message"]["text"].as_str().expect("text");
        assert!(!message.contains("]("), "{message}");
        let plain = message.replace("{{", "").replace("}}", "");
        assert!(!plain.contains("{0}") && !plain.contains("{12}"), "{message}");
        assert!(message.chars().all(|c| !c.is_control() || c == '\n'), "{message:?}");
        assert!(message.chars().count() < 4_000, "{message}");
        let place = &result["locations"][0]["physicalLocation"];
        assert!(place["region"]["startLine"].as_u64() >= Some(1), "{place}");
        let uri = place["artifactLocation"]["uri"].as_str().expect("a URI");
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._~/%:".contains(c);
        assert!(uri.chars().all(is_plain), "{uri}");
    }
}

#[test]
fn a_comment_stays_small_whatever_it_is_about() {
    let report = hostile();
    let view = pipeline_view();
    let text = written("comment", &report, &view);
    assert!(text.starts_with("<!-- authgap -->\n### authgap: "), "{text}");
    assert!(text.len() < 16_000, "{}", text.len());
    let is_steering = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
    assert!(!text.chars().any(is_steering));
    let rows: Vec<&str> = text
        .lines()
        .skip_while(|line| !line.starts_with("| severity"))
        .take_while(|line| line.starts_with('|'))
        .collect();
    assert_eq!(rows.len(), 12, "ten findings");
    for row in rows {
        assert_eq!(row.matches('|').count(), 7, "{row}");
    }
    // What is between backticks is text; no backtick of others is left to end it.
    let outside: String = text.split('`').step_by(2).collect();
    assert_eq!(text.matches('`').count() % 2, 0);
    for markup in ["<b", "<script", "](", "@everyone", " #12", "&amp;", "**"] {
        assert!(!outside.contains(markup), "{markup} in\n{outside}");
    }
    assert_eq!(outside.matches("<!--").count(), 1);
    assert_eq!(outside.matches("</details>").count(), 1);
    assert!(text.contains("\nAnd 1 more: see the report.\n"), "{text}");

    let mut large = report;
    let long = "\u{10ffff}`|<".repeat(5_000);
    for (at, finding) in large.findings.iter_mut().enumerate() {
        finding.severity = crate::findings::Severity::Critical;
        finding.state = "new".into();
        finding.title = long.clone().into();
        finding.identity = long.as_str().into();
        finding.kind = format!("{long}{at}").as_str().into();
        for one in &mut finding.evidence {
            one.file = format!("{long}/{long}/{long}/{long}").into();
        }
    }
    large.as_of_basis = long.clone();
    let paths = vec![long.clone(); 3];
    let view = View { command_paths: paths.clone(), filters: paths, ..view };
    let text = written("comment", &large, &view);
    assert!(text.chars().count() < 65_536, "{}", text.len());
    assert!(text.contains("`authgap explain "), "a command that runs, without its paths");
}

#[test]
fn an_ordinary_comment_is_a_few_kilobytes_and_reads_well() {
    let mut report = estate();
    report.findings.remove(0);
    let view = View { command_paths: vec!["evidence".to_string()], ..View::default() };
    let text = written("comment", &report, &view);
    assert!(text.len() < 3_000, "{text}");
    for part in [
        "### authgap: 1 new finding fails (high and above)\n",
        "| high | `d95a2c67` | sensitive-without-condition | `aws:role/report-worker` |",
        "`demo/calls.jsonl:88` |\n",
        "Beside these: 1 new below, 0 accepted before, 1 waived.\n",
        "| administrative-grant | 0 | 0 | 0 | 1 |\n",
        "Why, with file and line: `authgap explain d95a2c67 --from evidence`\n",
    ] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
}

/// Holds files against published schemas with validators of others: `scripts/validate-outputs.py`, run by the Python
/// that `AUTHGAP_VALIDATORS` names and then must work, else by `python3` where that has what it needs.
#[test]
fn outputs_are_valid_by_the_published_schemas() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut large = hostile();
    let more =
        (0..300).map(|at| finding(&format!("b{at:015x}"), Severity::High, "unused-service", "a"));
    large.findings.extend(more);
    let mut bare = estate();
    (bare.as_of, bare.window) = (None, None);
    (bare.identities, bare.findings) = (Vec::new(), Vec::new());
    let mut files = Vec::new();
    for (name, report) in [("plain", estate()), ("hostile", large), ("bare", bare)] {
        for (format, extension) in [("sarif", "sarif"), ("junit", "xml"), ("json", "json")] {
            let path = folder.path().join(format!("{name}.{extension}"));
            std::fs::write(&path, written(format, &report, &pipeline_view())).expect("written");
            files.push(path);
        }
    }
    for (format, extension) in [("sarif", "sarif"), ("junit", "xml")] {
        let report = hostile();
        let path = folder.path().join(format!("verdict.{extension}"));
        std::fs::write(&path, written(format, &report, &verdict_view(&report))).expect("written");
        files.push(path);
    }
    let required = std::env::var_os("AUTHGAP_VALIDATORS");
    let python = required.clone().unwrap_or_else(|| "python3".into());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/validate-outputs.py");
    let done = match Command::new(&python).arg(script).args(&files).output() {
        Ok(done) => done,
        Err(error) if required.is_some() => panic!("{}: {error}", python.to_string_lossy()),
        Err(_) => {
            println!("skipped: no python3 to validate outputs with");
            return;
        }
    };
    let said = String::from_utf8_lossy(&done.stdout);
    if done.status.code() == Some(3) && required.is_none() {
        println!("skipped: {said}");
        return;
    }
    assert!(done.status.success(), "{said}{}", String::from_utf8_lossy(&done.stderr));
    assert_eq!(said.matches(": valid").count(), files.len(), "{said}");

    // The validators must be able to say no.
    let wrong = folder.path().join("wrong.sarif");
    let text = written("sarif", &estate(), &pipeline_view()).replace("\"startLine\"", "\"line\"");
    std::fs::write(&wrong, text).expect("written");
    let junit = folder.path().join("wrong.xml");
    let text =
        written("junit", &estate(), &pipeline_view()).replace("<properties/>", "<property/>");
    std::fs::write(&junit, text).expect("written");
    for path in [wrong, junit] {
        let done = Command::new(&python).arg(script).arg(&path).output().expect("as before");
        assert_eq!(done.status.code(), Some(1), "{}", path.display());
    }
}
