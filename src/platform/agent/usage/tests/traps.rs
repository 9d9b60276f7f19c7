//! Hostile and awkward texts.

use proptest::prelude::*;

use super::{detected, read, read_files};
use crate::model::{Outcome, Settings};
use crate::platform::agent::kinds;
use crate::platform::agent::usage::{format, runs};
use crate::platform::{Document, Intake, Kind};

const SECRET: &str = "hunter2-s3cr3t";

fn claude_call(id: &str, name: &str, input: &str) -> String {
    format!(
        r#"{{"type":"assistant","sessionId":"s","timestamp":"2026-09-01T09:00:02.000Z","cwd":"/srv/app","message":{{"content":[{{"type":"tool_use","id":"{id}","name":"{name}","input":{input}}}]}}}}"#
    )
}

fn claude_answer(id: &str, text: &str, is_error: bool) -> String {
    format!(
        r#"{{"type":"user","sessionId":"s","timestamp":"2026-09-01T09:00:03.000Z","message":{{"content":[{{"type":"tool_result","tool_use_id":"{id}","content":"{text}","is_error":{is_error}}}]}}}}"#
    )
}

fn wire(id: u32, call: &str, answer: &str) -> String {
    format!(
        r#"{{"ts":"2026-09-01T09:00:00Z","direction":"client_to_server","message":{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{call}}}}}
{{"ts":"2026-09-01T09:00:01Z","direction":"server_to_client","message":{{"jsonrpc":"2.0","id":{id},{answer}}}}}
"#
    )
}

/// Everything that a reader gives.
fn all_of(told: &super::Told) -> String {
    let files = &told.result.files;
    format!("{:?} {:?} {:?}", told.out, files, told.result.problems)
}

#[test]
fn no_secret_of_an_argument_gets_out() {
    let input = format!(
        r#"{{"command":"curl -H 'Authorization: {SECRET}' https://example.com/?k={SECRET}","password":"{SECRET}","file_path":"/srv/app/x","token":{{"deep":["{SECRET}"]}}}}"#
    );
    let lines = [
        claude_call("a", "Bash", &input),
        claude_answer("a", SECRET, true),
        claude_call("b", "mcp__db__query", &input),
        claude_answer("b", &format!("Access denied for {SECRET}"), true),
        claude_call("c", "Read", &input),
        format!("{{\"tool_use\": {SECRET}"),
        format!(
            "{{\"type\":\"assistant\",\"message\":{{\"content\":[{{\"type\":\"tool_use\",\"input\":\"{SECRET}"
        ),
    ];
    let claude = read(&kinds::TRANSCRIPT, &[&lines.join("\n")]);
    let call = format!(r#"{{"name":"login","arguments":{input}}}"#);
    let messages = wire(1, &call, &format!(r#""error":{{"code":-32000,"message":"{SECRET}"}}"#));
    let broken = format!("{{\"{SECRET}\n");
    let messages = read(&kinds::MCP_WIRE, &[&(messages + &broken + "{}")]);
    let decision = format!(
        r#"{{"decision_id":"1","path":"a/allow","timestamp":"2026-09-01T09:00:00Z","input":{{"agent":"x","tool":"login","server":"db","arguments":{input}}},"result":true}}"#
    );
    let decisions = read(&kinds::DECISIONS, &[&format!("{decision}\n{{\"{SECRET}\":1}}\n{{}}")]);
    let text = serde_json::to_string(&input).unwrap();
    let span = format!(
        r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{"traceId":"a","spanId":"b","name":"execute_tool login","startTimeUnixNano":"1788253200000000000","attributes":[{{"key":"gen_ai.tool.call.arguments","value":{{"stringValue":{text}}}}}],"status":{{"code":2,"message":"{SECRET}"}}}},{{"{SECRET}":1,"attributes":7}}]}}]}}]}}"#
    );
    let spans = read(&kinds::OTLP, &[&span]);
    for (name, told, calls) in [
        ("claude", claude, 3),
        ("wire", messages, 1),
        ("decisions", decisions, 1),
        ("spans", spans, 1),
    ] {
        let outcomes = told.outcomes();
        assert_eq!(outcomes.0 + outcomes.1 + outcomes.2, calls, "{name}");
        let all = all_of(&told);
        assert!(!all.contains("hunter2") && !all.contains("s3cr3t"), "{name}: {all}");
    }
    let run = format!(
        r#"{{"traj":[{{"role":"assistant","tool_calls":[{{"id":"1","function":{{"name":"login","arguments":{text}}}}}]}},{{"role":"tool","tool_call_id":"1","content":"Error: {SECRET}"}}]}}"#
    );
    let document = Document { file: 0, path: "x", context: "", bytes: run.as_bytes() };
    let mut intake = Intake::default();
    let rows = runs(&document, &mut intake, &Settings::default());
    assert_eq!(rows.len(), 1);
    let all = format!("{rows:?} {intake:?}");
    assert!(!all.contains("hunter2") && !all.contains("s3cr3t"), "{all}");
}

#[test]
fn a_call_in_two_files_counts_once() {
    let id = "toolu_01ABCDEFGHJKMNPQRSTVWXYZ";
    let live = claude_call(id, "Read", r#"{"file_path":"/srv/app/x"}"#);
    let whole = format!("{live}\n{}\n", claude_answer(id, "ok", false));
    // A resumed session copies the lines and gives them its own id.
    let resumed = whole.replace("\"s\"", "\"t\"");
    let told = read(&kinds::TRANSCRIPT, &[&live, &whole, &resumed]);
    assert_eq!(told.outcomes(), (1, 0, 0));
    assert!(told.out.usage.iter().all(|row| row.outcome == Outcome::Allowed));
    assert_eq!(told.result.duplicates, 2);
    // Short ids are unique within their session only.
    let short = whole.replace(id, "a");
    let told = read(&kinds::TRANSCRIPT, &[&short, &short.replace("\"s\"", "\"t\"")]);
    assert_eq!(told.outcomes(), (2, 0, 0));
}

#[test]
fn an_event_and_a_transcript_of_one_call_count_once() {
    let whole = [claude_call("a", "Read", "{}"), claude_answer("a", "ok", false)].join("\n");
    let event = r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":1788253202000000000,"body":{"stringValue":"claude_code.tool_decision"},"attributes":[{"key":"session.id","value":{"stringValue":"s"}},{"key":"tool_name","value":{"stringValue":"Read"}},{"key":"tool_use_id","value":{"stringValue":"a"}},{"key":"decision","value":{"stringValue":"accept"}},{"key":"source","value":{"stringValue":"user_temporary"}}]}]}]}]}"#;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a"), &whole).unwrap();
    std::fs::write(folder.path().join("b"), event).unwrap();
    let settings = std::sync::Arc::new(Settings::default());
    let (one, two) =
        (format(&kinds::TRANSCRIPT, &settings).unwrap(), format(&kinds::OTLP, &settings).unwrap());
    let (a, b) = (folder.path().join("a"), folder.path().join("b"));
    let file = |file, path, format| crate::usage::LogFile {
        file,
        path,
        printed: "x",
        format,
        context: "",
    };
    let files = [file(0, a.as_path(), &*one), file(1, b.as_path(), &*two)];
    let result = crate::usage::read_logs(
        &files,
        &crate::usage::ReadOptions::default(),
        &crate::usage::NoProgress,
    );
    assert_eq!((result.events, result.duplicates), (1, 1));
}

#[test]
fn a_gateway_that_hides_a_tool_refuses_it() {
    let list = r#"{"ts":1,"direction":"c","message":{"jsonrpc":"2.0","id":"l","method":"tools/list"}}
{"ts":1788253200,"direction":"s","message":{"jsonrpc":"2.0","id":"l","result":{"tools":[{"name":"known"}]}}}
"#;
    let error = r#""error":{"code":-32602,"message":"Unknown tool: known"}"#;
    let told =
        read(&kinds::MCP_WIRE, &[&(list.to_string() + &wire(1, r#"{"name":"known"}"#, error))]);
    assert_eq!(told.outcomes(), (0, 1, 0));
    assert_eq!(told.granted(), ["agent:known"]);
    let told = read(&kinds::MCP_WIRE, &[&wire(1, r#"{"name":"known"}"#, error)]);
    assert_eq!(told.outcomes(), (0, 0, 1));
}

#[test]
fn both_sides_may_use_the_same_id() {
    let lines = r#"{"ts":1788253200,"direction":"c","message":{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a"}}}
{"ts":1788253201,"direction":"s","message":{"jsonrpc":"2.0","id":1,"method":"sampling/createMessage","params":{}}}
{"ts":1788253202,"direction":"c","message":{"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":"forbidden"}}}
{"ts":1788253203,"direction":"s","message":{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"ok"}]}}}"#;
    assert_eq!(read(&kinds::MCP_WIRE, &[lines]).outcomes(), (1, 0, 0));
}

#[test]
fn a_request_for_more_input_is_no_use() {
    let first = wire(1, r#"{"name":"a"}"#, r#""result":{"resultType":"input_required"}"#);
    let told = read(&kinds::MCP_WIRE, &[&first]);
    assert!(told.out.usage.is_empty());
    assert_eq!(told.result.skipped.values().sum::<u64>(), 1);
}

#[test]
fn one_call_in_three_spans_counts_once_with_the_most_that_is_known() {
    let span = |id: &str, parent: &str, name: &str, kind: u8, more: &str| {
        format!(
            r#"{{"traceId":"AA","spanId":"{id}","parentSpanId":"{parent}","name":"{name}","kind":{kind},"startTimeUnixNano":1788253200000000000,"attributes":[{more}]}}"#
        )
    };
    let text = |key: &str, value: &str| {
        format!(r#"{{"key":"{key}","value":{{"stringValue":"{value}"}}}}"#)
    };
    let call =
        [text("mcp.method.name", "tools/call"), text("gen_ai.tool.name", "label_write")].join(",");
    let spans = [
        span("c", "B", "tools/call label_write", 3, &format!(
            r#"{call},{},{{"key":"gen_ai.tool.call.arguments","value":{{"stringValue":"{{\"method\":\"delete\"}}"}}}}"#,
            text("mcp.server.name", "github")
        )),
        span("d", "c", "tools/call label_write", 2, &call),
        span("b", "a", "execute_tool label_write", 1, ""),
        span("a", "r", "invoke_agent inner", 1, &text("gen_ai.agent.name", "inner")),
        span("r", "", "invoke_agent outer", 1, &text("gen_ai.agent.name", "outer")),
    ]
    .join(",");
    // One export a line, the parents in the second.
    let text = format!(
        "{{\"resourceSpans\":[{{\"scopeSpans\":[{{\"spans\":[{spans}]}}]}}]}}\n{{\"resourceSpans\":[]}}\n"
    );
    let told = read(&kinds::OTLP, &[&text]);
    assert_eq!(told.outcomes(), (1, 0, 0));
    let row = told.rows("mcp:github/label_write#delete")[0];
    assert_eq!(&*row.identity, "agent://inner");
    assert_eq!(row.on_behalf_of.as_deref(), Some("agent://outer"));
}

#[test]
fn of_a_refused_line_of_several_commands_no_part_is_known_to_be_refused() {
    let line = claude_call("a", "Bash", r#"{"command":"git status && rm -rf build"}"#);
    let answer = claude_answer("a", "Permission to use Bash with command x has been denied.", true);
    let told = read(&kinds::TRANSCRIPT, &[&format!("{line}\n{answer}")]);
    assert_eq!(told.outcomes(), (0, 0, 2));
}

#[test]
fn the_configuration_names_the_agent() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.jsonl");
    std::fs::write(&path, claude_call("a", "Read", "{}")).unwrap();
    let told = read_files(&kinds::TRANSCRIPT, &[path], "support", Settings::default());
    assert_eq!(&*told.out.usage[0].identity, "agent://support");
    assert_eq!(&*told.out.spans[0].account, "support");
}

#[test]
fn a_session_that_is_split_among_agents_shows_no_absence() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.jsonl");
    let calls = [claude_call("a", "Read", "{}"), claude_call("b", "mcp__tickets__get", "{}")];
    std::fs::write(&path, calls.join("\n")).unwrap();
    let settings = Settings {
        agents: vec![("support".into(), vec![], vec!["tickets".into()])],
        ..Settings::default()
    };
    let told = read_files(&kinds::TRANSCRIPT, std::slice::from_ref(&path), "", settings.clone());
    assert_eq!(&*told.rows("agent:Read")[0].identity, "agent://claude-code/app");
    assert_eq!(&*told.rows("mcp:tickets/get")[0].identity, "agent://support");
    assert!(told.out.spans.iter().all(|span| &*span.class == "tool-call:partial"));
    let told = read_files(&kinds::TRANSCRIPT, &[path], "support", settings);
    assert!(told.out.spans.iter().all(|span| &*span.class == "tool-call"));
}

#[test]
fn a_broken_line_costs_that_line() {
    let good = [claude_call("a", "Read", "{}"), claude_answer("a", "ok", false)];
    let text = [&good[0], "{\"tool_use\":", &good[1], "{\"tool_use\": \"x"].join("\n");
    let told = read(&kinds::TRANSCRIPT, &[&text]);
    assert_eq!(told.outcomes(), (1, 0, 0));
    let intake = &told.result.files[0].intake;
    assert_eq!(intake.rejected_count, 1);
    assert_eq!(told.result.skipped.get("cut last lines of open logs"), Some(&1));
}

#[test]
fn a_name_in_a_log_is_no_pattern() {
    let told = read(&kinds::TRANSCRIPT, &[&claude_call("a", "*", "{}")]);
    assert_eq!(&*told.out.usage[0].action, "agent:_");
}

#[test]
fn a_list_of_tools_is_no_log() {
    let list = br#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"a"}]}}"#;
    assert_eq!(detected("x.json", list), None);
    let bare = br#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a"}}
{"jsonrpc":"2.0","id":1,"result":{"content":[]}}
"#;
    assert_eq!(detected("x.jsonl", bare), Some("agent-mcp-wire"));
}

const KINDS: [&Kind; 4] = [&kinds::OTLP, &kinds::MCP_WIRE, &kinds::TRANSCRIPT, &kinds::DECISIONS];

/// Records that a reader hands over for bytes.
fn handed(kind: &Kind, bytes: &[u8]) -> Vec<(u64, Vec<u8>)> {
    let format = format(kind, &std::sync::Arc::new(Settings::default())).unwrap();
    let mut out = Vec::new();
    let _ = format.unwrap("", bytes, &mut |number, record| out.push((number, record.to_vec())));
    out
}

/// Pieces of the real forms, so that random texts get beyond the first check.
fn piece() -> impl Strategy<Value = String> {
    let pieces = [
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\n",
        "\"",
        "\\",
        "\"type\":\"assistant\"",
        "\"type\":\"user\"",
        "\"sessionId\":\"s\"",
        "\"message\":{\"content\":[",
        "{\"type\":\"tool_use\",\"id\":\"a\",\"name\":\"b\"}",
        "{\"type\":\"tool_result\",\"tool_use_id\":\"a\"}",
        "]}",
        "\"jsonrpc\":\"2.0\"",
        "\"id\":1",
        "\"method\":\"tools/call\"",
        "\"params\":{\"name\":\"a\"}",
        "\"result\":{}",
        "\"error\":7",
        "\"resourceSpans\":[",
        "\"scopeSpans\":[",
        "\"spans\":[",
        "{\"name\":\"execute_tool a\"}",
        "\"payload\":{\"type\":\"function_call\",\"name\":\"x\",\"call_id\":\"1\"}",
        "\"timestamp\":1788253200",
        "\"input\":{\"tool\":\"a\"}",
        "\"path\":\"x\"",
        "\"request\":{}",
        "\"response\":{}",
        "é",
        "\u{0}",
        "\"object\":\"trace.span\"",
        "\"span_data\":{\"type\":\"function\",\"name\":\"f\"}",
        "\"toolCalls\":[{\"name\":\"x\"}]",
    ];
    proptest::sample::select(pieces.to_vec()).prop_map(str::to_string)
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        for kind in KINDS {
            for (number, record) in handed(kind, &bytes) {
                prop_assert!(number > 0);
                prop_assert!(serde_json::from_slice::<serde_json::Value>(&record).is_ok());
            }
        }
        let document = Document { file: 0, path: "x", context: "", bytes: &bytes };
        runs(&document, &mut Intake::default(), &Settings::default());
        detected("x", &bytes);
    }

    #[test]
    fn pieces_of_logs_are_read_without_panic(pieces in proptest::collection::vec(piece(), 0..40)) {
        let text = pieces.concat();
        for kind in KINDS {
            for (number, record) in handed(kind, text.as_bytes()) {
                prop_assert!(number > 0);
                prop_assert!(serde_json::from_slice::<serde_json::Value>(&record).is_ok());
            }
        }
        detected("x", text.as_bytes());
    }

    #[test]
    fn a_transcript_cut_anywhere_keeps_its_calls(cut in 0usize..900) {
        let text = [
            claude_call("a", "Read", "{}"),
            claude_answer("a", "ok", false),
            claude_call("b", "Read", "{}"),
        ]
        .join("\n");
        let first = text.find('\n').unwrap();
        let cut = cut.min(text.len());
        let calls = handed(&kinds::TRANSCRIPT, &text.as_bytes()[..cut]);
        let found = calls.iter().filter(|(_, record)| record.starts_with(br#"{"kind":"call""#)).count();
        prop_assert_eq!(found, usize::from(cut >= first) + usize::from(cut >= text.len()));
    }
}
