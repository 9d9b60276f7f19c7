//! What is known of the samples is what is read of them.
#![allow(clippy::print_stdout, reason = "says how many cases ran")]

use std::collections::BTreeMap;
use std::io::Read;
use std::path::PathBuf;

use serde_json::Value;

use super::{detected, read, read_files, samples};
use crate::model::{Outcome, Settings};
use crate::platform::agent::kinds;
use crate::platform::agent::usage::runs;
use crate::platform::{Document, Intake};

fn json(path: PathBuf) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn key(identity: &str, action: &str, outcome: &'static str) -> (String, String, &'static str) {
    (identity.to_string(), action.to_string(), outcome)
}

#[test]
fn wire_calls_end_as_expected() {
    let Some(folder) = samples() else { return };
    let expected = json(folder.join("mcp-wire/expected.json"));
    let (mut files, mut cases) = (0, 0);
    for (name, file) in expected.as_object().unwrap() {
        let told = read_files(
            &kinds::MCP_WIRE,
            &[folder.join("mcp-wire").join(name)],
            "ticket-agent",
            Settings::default(),
        );
        let server = file["server"]["name"].as_str().unwrap();
        let mut calls: BTreeMap<(String, String, &'static str), u64> = BTreeMap::new();
        for call in file["calls"].as_array().unwrap() {
            let outcome = match call["outcome"].as_str().unwrap() {
                "allowed" => "allowed",
                "denied" => "denied",
                _ => "undetermined",
            };
            let action = format!("mcp:{server}/{}", call["tool"].as_str().unwrap());
            *calls.entry(key("agent://ticket-agent", &action, outcome)).or_default() += 1;
            cases += 1;
        }
        assert_eq!(told.counts(), calls, "{name}");
        assert_eq!(told.granted().len() as u64, file["granted_tools"].as_u64().unwrap(), "{name}");
        let mut never: Vec<String> = told.granted();
        never.retain(|action| told.rows(action).is_empty());
        let listed: Vec<String> = file["never_called"]
            .as_array()
            .unwrap()
            .iter()
            .map(|tool| format!("mcp:{server}/{}", tool.as_str().unwrap()))
            .collect();
        assert_eq!(never, listed, "{name}");
        files += 1;
    }
    println!("{cases} calls in {files} files");
    assert_eq!((cases, files), (37, 5));
}

fn undated(
    folder: &std::path::Path,
    name: &str,
    keep: &dyn Fn(&Value) -> bool,
) -> (Vec<crate::model::UsageRow>, Intake) {
    let mut bytes = std::fs::read(folder.join(name)).unwrap();
    if name.ends_with(".gz") {
        let mut text = Vec::new();
        flate2::read::MultiGzDecoder::new(bytes.as_slice()).read_to_end(&mut text).unwrap();
        bytes = text;
    }
    if name.ends_with(".jsonl") {
        let text = String::from_utf8(bytes).unwrap();
        let lines = text.lines().filter(|line| keep(&serde_json::from_str(line).unwrap()));
        bytes = lines.collect::<Vec<_>>().join("\n").into_bytes();
    }
    let document = Document { file: 3, path: name, context: "", bytes: &bytes };
    let mut intake = Intake::default();
    let rows = runs(&document, &mut intake, &Settings::default());
    (rows, intake)
}

fn by_tool(rows: &[crate::model::UsageRow]) -> BTreeMap<String, u64> {
    let mut out = BTreeMap::new();
    for row in rows {
        let tool = row.action.trim_start_matches("agent:").split('#').next().unwrap().to_string();
        *out.entry(tool).or_default() += row.count;
    }
    out
}

fn numbers(table: &Value) -> BTreeMap<String, u64> {
    let table = table.as_object().unwrap();
    table.iter().map(|(tool, count)| (tool.clone(), count.as_u64().unwrap())).collect()
}

#[test]
fn customer_service_runs_are_read_without_times() {
    let Some(folder) = samples() else { return };
    let folder = folder.join("transcripts/tau-bench");
    let expected = json(folder.join("expected.json"));
    let (rows, intake) = undated(&folder, "gpt-4o-airline.json.gz", &|_| true);
    assert_eq!(intake.used, expected["runs"].as_u64().unwrap());
    assert_eq!(by_tool(&rows), numbers(&expected["calls"]));
    let errors: Vec<_> =
        rows.iter().filter(|row| row.outcome != Outcome::Allowed).cloned().collect();
    assert_eq!(by_tool(&errors), numbers(&expected["results_that_begin_with_Error"]));
    let granted: Vec<&str> =
        expected["granted"].as_array().unwrap().iter().map(|tool| tool.as_str().unwrap()).collect();
    assert!(granted.iter().all(|tool| by_tool(&rows).contains_key(*tool)));
    for row in &rows {
        assert_eq!((row.first, row.last), (None, None));
        assert!(row.slots.is_empty());
        assert_eq!(&*row.identity, "agent://openai-chat");
    }
    println!("{} calls", by_tool(&rows).values().sum::<u64>());
}

#[test]
fn legitimate_runs_use_the_tools_that_they_are_known_to_use() {
    let Some(folder) = samples() else { return };
    let expected = json(folder.join("agentdojo/expected.json"));
    let mut suites = 0;
    for (suite, told) in expected.as_object().unwrap() {
        let name = format!("{suite}.runs.jsonl");
        let legitimate = |run: &Value| run["injection_task_id"].is_null();
        let (rows, intake) = undated(&folder.join("agentdojo"), &name, &legitimate);
        let used = by_tool(&rows);
        assert_eq!(intake.used, told["user_tasks"].as_u64().unwrap(), "{suite}");
        assert_eq!(used, numbers(&told["used_by_user_tasks"]), "{suite}");
        let list = |key: &str| -> Vec<String> {
            let tools = told[key].as_array().unwrap();
            tools.iter().map(|tool| tool.as_str().unwrap().to_string()).collect()
        };
        let mut unused = list("granted");
        unused.retain(|tool| !used.contains_key(tool));
        unused.sort();
        let mut listed = list("never_used_by_user_tasks");
        listed.sort();
        assert_eq!(unused, listed, "{suite}");
        let (hijacked, _) =
            undated(&folder.join("agentdojo"), &name, &|run| !run["injection_task_id"].is_null());
        let only: Vec<String> =
            by_tool(&hijacked).into_keys().filter(|tool| !used.contains_key(tool)).collect();
        assert_eq!(only, list("used_only_by_injections"), "{suite}");
        assert!(rows.iter().all(|row| *row.identity == *format!("agent://agentdojo/{suite}")));
        suites += 1;
    }
    println!("{suites} suites");
    assert_eq!(suites, 2);
}

#[test]
fn coding_agents_runs_are_paired_by_order_where_ids_differ() {
    let Some(folder) = samples() else { return };
    let folder = folder.join("transcripts/swe-agent");
    let (rows, _) = undated(&folder, "function_calling_simple.traj", &|_| true);
    assert!(rows.iter().all(|row| row.outcome == Outcome::Allowed));
    assert_eq!(by_tool(&rows).values().sum::<u64>(), 5);
    let (rows, _) = undated(&folder, "marshmallow-code__marshmallow-1867.traj", &|_| true);
    let known = [
        ("bash", 4),
        ("create", 1),
        ("edit", 2),
        ("find_file", 1),
        ("insert", 1),
        ("open", 1),
        ("submit", 1),
    ];
    let known: BTreeMap<String, u64> = known.into_iter().map(|(t, n)| (t.to_string(), n)).collect();
    assert_eq!(by_tool(&rows), known);
}

#[test]
fn traces_tell_calls_grants_and_agents() {
    let Some(folder) = samples() else { return };
    let me = "agent://ticket-agent";
    let mut files = 0;
    for name in ["pydantic-ai.v2", "pydantic-ai.v5", "pydantic-ai.v5.no-content"] {
        let path = folder.join(format!("otel/{name}.otlp.json"));
        let told = read_files(&kinds::OTLP, &[path], "", Settings::default());
        let mut calls = BTreeMap::new();
        calls.insert(key(me, "agent:get_ticket", "allowed"), 2);
        for tool in ["search_tickets", "update_record", "add_comment"] {
            calls.insert(key(me, &format!("agent:{tool}"), "allowed"), 1);
        }
        assert_eq!(told.counts(), calls, "{name}");
        let mut granted: Vec<String> =
            ["get_ticket", "search_tickets", "update_record", "add_comment", "delete_record"]
                .iter()
                .map(|tool| format!("agent:{tool}"))
                .collect();
        granted.sort();
        assert_eq!(told.granted(), granted, "{name}");
        assert!(
            told.out.grants.iter().all(|grant| &*grant.identity == me && !grant.detail.is_empty())
        );
        // Traces may be sampled: what is not in them may have happened.
        assert!(told.out.spans.iter().all(|span| &*span.class == "tool-call:traced"));
        assert_eq!(&*told.out.spans[0].account, "ticket-agent");
        files += 1;
    }
    let path = folder.join("otel/openinference.openai-agents.otlp.json");
    let told = read_files(&kinds::OTLP, &[path], "", Settings::default());
    let calls: BTreeMap<_, u64> = [
        (key(me, "agent:get_ticket", "allowed"), 2),
        (key(me, "agent:update_record", "allowed"), 1),
    ]
    .into();
    assert_eq!(told.counts(), calls);
    println!("{} traces", files + 1);
}

#[test]
fn the_agents_sdk_lists_its_tools_and_calls() {
    let Some(folder) = samples() else { return };
    let path = folder.join("transcripts/openai-agents/traces.jsonl");
    let told = read_files(&kinds::TRANSCRIPT, &[path], "", Settings::default());
    let me = "agent://ticket-agent";
    let calls: BTreeMap<_, u64> = [
        (key(me, "agent:get_ticket", "allowed"), 2),
        (key(me, "agent:update_record", "allowed"), 1),
    ]
    .into();
    assert_eq!(told.counts(), calls);
    assert_eq!(told.granted(), ["agent:delete_record", "agent:get_ticket", "agent:update_record"]);
    let first = told.rows("agent:update_record")[0].first_place.unwrap();
    assert_eq!(first.show("t"), "t#4");
}

#[test]
fn claude_code_transcripts_keep_who_refused() {
    let Some(folder) = samples() else { return };
    let path = folder.join("transcripts/constructed/claude-code.jsonl");
    let told = read_files(&kinds::TRANSCRIPT, &[path], "", Settings::default());
    assert_eq!(told.outcomes(), (5, 4, 1));
    let me = "agent://claude-code/app";
    assert!(told.out.usage.iter().all(|row| &*row.identity == me));
    let via = |action: &str, outcome: Outcome| {
        let found = told.rows(action).into_iter().find(|row| row.outcome == outcome);
        found.and_then(|row| row.via.as_deref().map(str::to_string))
    };
    assert_eq!(via("agent:Bash#rm", Outcome::Denied).as_deref(), Some("rule"));
    assert_eq!(via("agent:Bash#curl", Outcome::Denied).as_deref(), Some("user"));
    assert_eq!(via("agent:Read", Outcome::Denied).as_deref(), Some("rule"));
    assert_eq!(via("mcp:db/update_record", Outcome::Denied).as_deref(), Some("classifier"));
    assert_eq!(via("agent:Grep", Outcome::Allowed).as_deref(), Some("sub-agent"));
    assert_eq!(told.rows("agent:Edit")[0].outcome, Outcome::Undetermined);
    // The cut last line does not damage the file.
    assert_eq!(told.result.files[0].damaged, None);
    assert_eq!(told.result.files[0].intake.rejected_count, 0);
    let place = told.rows("mcp:db/update_record")[0].first_place.unwrap();
    assert_eq!(place.show("t"), "t#16");
}

#[test]
fn malformed_transcripts_are_read_to_their_end() {
    let Some(folder) = samples() else { return };
    let cases: [(&str, &[(&str, u64)]); 4] = [
        ("edge_cases", &[("FailingTool", 1), ("MultiEdit", 1), ("TodoWrite", 1)]),
        ("representative_messages", &[("Bash", 1), ("Edit", 1)]),
        ("todowrite_examples", &[("TodoWrite", 3)]),
        ("session_b", &[]),
    ];
    for (name, tools) in cases {
        let path = folder.join(format!("transcripts/claude-code/{name}.jsonl"));
        let told = read_files(&kinds::TRANSCRIPT, &[path], "", Settings::default());
        let known: BTreeMap<String, u64> = tools.iter().map(|(t, n)| (t.to_string(), *n)).collect();
        assert_eq!(by_tool(&told.out.usage), known, "{name}");
    }
    println!("{} transcripts", cases.len());
}

#[test]
fn codex_and_gemini_sessions_are_read() {
    let Some(folder) = samples() else { return };
    let folder = folder.join("transcripts/constructed");
    let codex = "codex.rollout-2026-08-10T20-05-50-0198c1f0-aaaa-7bbb-8ccc-1234567890ab.jsonl";
    let told = read_files(&kinds::TRANSCRIPT, &[folder.join(codex)], "", Settings::default());
    let me = "agent://codex/app";
    let calls: BTreeMap<_, u64> = [
        (key(me, "agent:exec_command#cargo test", "allowed"), 1),
        (key(me, "agent:apply_patch", "allowed"), 1),
        (key(me, "mcp:github/create_issue", "denied"), 1),
        (key(me, "agent:web_search", "allowed"), 1),
    ]
    .into();
    assert_eq!(told.counts(), calls);
    let scopes: Vec<&str> =
        told.rows("agent:apply_patch").iter().map(|row| row.scope.as_str()).collect();
    assert_eq!(scopes, ["file:old.rs", "file:src/lib.rs"]);
    assert_eq!(told.rows("mcp:github/create_issue")[0].via.as_deref(), Some("user"));
    let gemini = "gemini.session-2026-08-10T10-00-8b6d5b3e.jsonl";
    let told = read_files(&kinds::TRANSCRIPT, &[folder.join(gemini)], "", Settings::default());
    let me = "agent://gemini-cli/3f6c";
    let calls: BTreeMap<_, u64> = [
        (key(me, "agent:read_file", "allowed"), 1),
        (key(me, "agent:run_shell_command#rm", "denied"), 1),
        (key(me, "mcp:tickets/get_ticket", "undetermined"), 1),
    ]
    .into();
    assert_eq!(told.counts(), calls);
}

#[test]
fn events_of_clients_tell_rules_from_people() {
    let Some(folder) = samples() else { return };
    let path = folder.join("transcripts/constructed/cli-events.otlp-logs.json");
    let told = read_files(&kinds::OTLP, &[path], "", Settings::default());
    let mut all: Vec<(String, String, &str, String)> = told
        .out
        .usage
        .iter()
        .map(|row| {
            let via = row.via.as_deref().unwrap_or_default().to_string();
            (row.identity.to_string(), row.action.to_string(), row.outcome.as_str(), via)
        })
        .collect();
    all.sort();
    let known = [
        ("agent://claude-code", "agent:Bash", "denied", "user"),
        ("agent://claude-code", "agent:Bash#git status", "allowed", "rule"),
        ("agent://codex", "agent:exec_command", "denied", "rule"),
        ("agent://codex", "agent:exec_command#cargo test", "allowed", "user"),
        ("agent://gemini-cli", "agent:run_shell_command#rm", "denied", "user"),
        ("agent://gemini-cli", "mcp:tickets/get_ticket", "allowed", "rule"),
    ];
    let known: Vec<(String, String, &str, String)> = known
        .iter()
        .map(|(a, b, c, d)| (a.to_string(), b.to_string(), *c, d.to_string()))
        .collect();
    assert_eq!(all, known);
    assert!(told.out.spans.iter().all(|span| &*span.class == "tool-call"));
}

#[test]
fn decisions_are_uses_and_refusals() {
    let Some(folder) = samples() else { return };
    let folder = folder.join("decisions");
    let path = folder.join("constructed/opa-decisions.jsonl");
    let told = read_files(&kinds::DECISIONS, &[path], "", Settings::default());
    let me = "agent://ticket-agent";
    let calls: BTreeMap<_, u64> = [
        (key(me, "mcp:tickets/get_ticket", "allowed"), 1),
        (key(me, "mcp:db/update_record", "denied"), 1),
        (key(me, "agent:delete_record", "denied"), 1),
    ]
    .into();
    assert_eq!(told.counts(), calls);
    let path = folder.join("constructed/authzen-exchanges.jsonl");
    let told = read_files(&kinds::DECISIONS, &[path], "", Settings::default());
    let me = "agent://agents.example.com/ticket-agent";
    let calls: BTreeMap<_, u64> = [
        (key(me, "agent:get_ticket", "allowed"), 1),
        (key(me, "record:update_record", "denied"), 1),
        (key(me, "document:read", "allowed"), 1),
        (key(me, "document:write", "denied"), 1),
    ]
    .into();
    assert_eq!(told.counts(), calls);
    let people: Vec<Option<&str>> =
        told.out.usage.iter().map(|row| row.on_behalf_of.as_deref()).collect();
    assert_eq!(people, [Some("alice@example.com"); 4]);
    // The interoperability cases hold no times: they are wrapped as a log would.
    let cases = json(folder.join("authzen/decisions.json"));
    let lines: Vec<String> = cases["evaluation"]
        .as_array()
        .unwrap()
        .iter()
        .map(|case| {
            serde_json::json!({
                "timestamp": "2026-09-01T09:00:00Z",
                "request": case["request"],
                "response": {"decision": case["expected"]},
            })
            .to_string()
        })
        .collect();
    let told = read(&kinds::DECISIONS, &[&lines.join("\n")]);
    println!("{} decisions", lines.len());
    assert_eq!(told.outcomes(), (19, 6, 0));
}

#[test]
fn every_sample_is_known_for_what_it_is() {
    let Some(folder) = samples() else { return };
    let cases = [
        ("otel/pydantic-ai.v2.otlp.json", Some("agent-otlp")),
        ("otel/openinference.openai-agents.otlp.json", Some("agent-otlp")),
        ("transcripts/constructed/cli-events.otlp-logs.json", Some("agent-otlp")),
        ("mcp-wire/filesystem.2025-06-18.jsonl", Some("agent-mcp-wire")),
        ("mcp-wire/git.2026-07-28.jsonl", Some("agent-mcp-wire")),
        ("transcripts/constructed/claude-code.jsonl", Some("agent-transcript")),
        ("transcripts/claude-code/edge_cases.jsonl", Some("agent-transcript")),
        ("transcripts/claude-code/session_b.jsonl", Some("agent-transcript")),
        (
            "transcripts/constructed/gemini.session-2026-08-10T10-00-8b6d5b3e.jsonl",
            Some("agent-transcript"),
        ),
        ("transcripts/openai-agents/traces.jsonl", Some("agent-transcript")),
        ("decisions/constructed/opa-decisions.jsonl", Some("agent-decisions")),
        ("decisions/constructed/authzen-exchanges.jsonl", Some("agent-decisions")),
        ("agentdojo/banking.runs.jsonl", Some("agent-runs")),
        ("transcripts/swe-agent/function_calling_simple.traj", Some("agent-runs")),
        ("transcripts/swe-agent/marshmallow-code__marshmallow-1867.traj", Some("agent-runs")),
        // What others read.
        ("mcp-tools/mcp-server-git.tools-list.json", None),
        ("mcp-tools/mcp-server-time.tools-list.json", None),
        ("transcripts/tau-bench/airline.tools.json", None),
        ("settings/mcp-clients/mcp-scan-tests.all_config.json", None),
        ("settings/claude-code/nextest.settings.json", None),
        ("github-mcp-server/toolsnaps/label_write.snap", None),
        ("docker-mcp-registry/gmail-mcp/tools.json", None),
        ("agentdojo/banking.tools.json", None),
        ("mcp-wire/expected.json", None),
    ];
    for (name, kind) in cases {
        let text = std::fs::read(folder.join(name)).unwrap();
        assert_eq!(detected(name, &text), kind, "{name}");
    }
    let packed =
        std::fs::read(folder.join("transcripts/tau-bench/gpt-4o-airline.json.gz")).unwrap();
    let mut text = Vec::new();
    flate2::read::MultiGzDecoder::new(packed.as_slice()).read_to_end(&mut text).unwrap();
    assert_eq!(detected("gpt-4o-airline.json", &text), Some("agent-runs"));
    println!("{} files", cases.len() + 1);
}
