//! Whole runs from files to the status of each permission, over evidence of clusters and agents whose answer is known.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{Options, analyse, read};
use crate::evidence::NoProgress;
use crate::intent::Window;

/// The folder of shared test material; none prints a line, and the test ends.
fn shared(what: &str) -> Option<PathBuf> {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data")).join(what);
    if path.exists() {
        return Some(path);
    }
    println!("skipped: {what} is not here");
    None
}

/// Status with its reason, allowed and denied events: by action, of one identity.
type Rows = BTreeMap<String, (String, u64, u64)>;

/// What a run over a folder says of each identity, by id.
fn run(dir: &Path) -> BTreeMap<String, Rows> {
    let options = Options {
        paths: vec![dir.to_path_buf()],
        window: Some(Window::All),
        threads: 1,
        expand: true,
        ..Options::default()
    };
    let evidence = read(&options, &NoProgress).unwrap_or_else(|errors| panic!("{errors:?}"));
    let outcome = analyse(&evidence, &options);
    let mut out = BTreeMap::new();
    for gap in &outcome.analysis.gaps {
        let mut rows = Rows::new();
        for row in &gap.rows {
            let reason = row.reason.map(|reason| format!(" {}", reason.as_str()));
            let status = format!("{}{}", row.status.as_str(), reason.unwrap_or_default());
            for id in &row.actions {
                let name = evidence.catalogue.entry(*id).name.to_string();
                rows.insert(name, (status.clone(), row.uses, row.denied));
            }
        }
        out.insert(evidence.identities[gap.identity].id.to_string(), rows);
    }
    out
}

fn write(dir: &Path, name: &str, text: &str) {
    let path = dir.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// Statuses alone, by action.
fn statuses(rows: &Rows) -> BTreeMap<&str, &str> {
    rows.iter().map(|(action, (status, ..))| (action.as_str(), status.as_str())).collect()
}

/// The roles and bindings of the snapshot beside the log, as the objects that kubectl would print.
fn snapshot(folder: &Path) -> String {
    let text = std::fs::read_to_string(folder.join("minimal-risky.json")).unwrap();
    let snapshot: Value = serde_json::from_str(&text).unwrap();
    let mut items = Vec::new();
    for (list, kind) in
        [("cluster_roles", "ClusterRole"), ("cluster_role_bindings", "ClusterRoleBinding")]
    {
        for object in snapshot["resources"][list].as_array().unwrap() {
            let mut object = object.clone();
            object["kind"] = json!(kind);
            object["apiVersion"] = json!("rbac.authorization.k8s.io/v1");
            items.push(object);
        }
    }
    assert_eq!(items.len(), 2);
    json!({ "apiVersion": "v1", "kind": "List", "items": items }).to_string()
}

/// By hand: granted are `get` and `list` of secrets and `create` of pods; `get` was used three times in EKS' export
/// and twice in the native log, `create` was tried once and refused by name; so `list` is what is too much. EKS' export
/// shows reads for a day and says so; the native log shows them for an hour, which proves nothing.
#[test]
fn the_reader_of_the_eks_log_holds_the_list_of_secrets_too_much() {
    let Some(folder) = shared("kubernetes/audit/eks") else { return };
    for (log, uses, list, create) in [
        ("minimal-risky-eks-audit.json", 3, "excess", ("unknown not-logged".to_string(), 0, 1)),
        (
            "minimal-risky-audit.log",
            2,
            "unknown not-logged",
            ("unknown attempted".to_string(), 0, 0),
        ),
    ] {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), "rbac.json", &snapshot(&folder));
        write(dir.path(), log, &std::fs::read_to_string(folder.join(log)).unwrap());
        let told = run(dir.path());
        let (_, reader) = told.iter().find(|(id, _)| id.ends_with("/reader")).unwrap();
        let one = |action: &str| reader[action].clone();
        assert_eq!(reader.len(), 3, "{log}: {reader:?}");
        assert_eq!(one("k8s:get:core/secrets"), ("used".to_string(), uses, 0), "{log}");
        assert_eq!(one("k8s:list:core/secrets"), (list.to_string(), 0, 0), "{log}");
        // Of a decision that the log does not state the code alone is no proof: admission refuses with 403 too.
        assert_eq!(one("k8s:create:core/pods"), create, "{log}");
        println!("{log}: 3 granted, 1 used, list is {list}, 1 refused");
    }
}

/// Without RBAC the grants come from reasons, and nothing is called unused beside them.
#[test]
fn a_log_without_roles_gives_grants_that_are_marked_partial() {
    for log in ["openshift/audit_in.first70.log.gz", "gke/audit_log.json", "audit2rbac/demo.log"] {
        let Some(file) = shared(&format!("kubernetes/audit/{log}")) else { return };
        let dir = tempfile::tempdir().unwrap();
        std::fs::copy(&file, dir.path().join(file.file_name().unwrap())).unwrap();
        let options = Options {
            paths: vec![dir.path().to_path_buf()],
            include_humans: true,
            ..Options::default()
        };
        let evidence = read(&options, &NoProgress).unwrap();
        let mut partial = 0;
        for identity in evidence.identities.iter().filter(|one| one.has_grant_evidence) {
            let is_partial = |hole: &crate::model::Hole| hole.note.starts_with("partial: from");
            partial += usize::from(identity.holes.iter().any(is_partial));
            let evaluator = &evidence.evaluators[&identity.platform];
            let grants = evaluator.grants(identity, &evidence.catalogue);
            let is_named = !grants.rows.is_empty();
            assert!(!is_named || identity.may_hold_more(), "{log}: {}", identity.id);
        }
        assert_eq!(partial > 0, log.starts_with("openshift"), "{log}: {partial}");
        for (id, rows) in run(dir.path()) {
            assert!(statuses(&rows).values().all(|status| *status != "excess"), "{log}: {id}");
        }
        println!("{log}: {} identities, {partial} with partial grants", evidence.identities.len());
    }
}

const OBJECTS: &str = "\
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: r, namespace: a}
rules:
- {apiGroups: [''], resources: [secrets, pods], verbs: [get, list, delete]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: r, namespace: a}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: r}
subjects: [{kind: ServiceAccount, name: app, namespace: a}]
";

/// A log in which the account reads and deletes pods every day of a hundred, and nobody touches a secret.
fn pods_only() -> String {
    let mut text = String::new();
    for day in 0..100_i64 {
        let at = crate::model::Time::parse("2026-01-01T10:00:00Z").unwrap().plus_days(day);
        for verb in ["list", "delete"] {
            let event = json!({
                "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata",
                "auditID": format!("{day}-{verb}"), "stage": "ResponseComplete", "verb": verb,
                "requestURI": "/api/v1/namespaces/a/pods",
                "user": { "username": "system:serviceaccount:a:app",
                          "groups": ["system:serviceaccounts", "system:authenticated"] },
                "objectRef": { "resource": "pods", "namespace": "a", "name": "p", "apiVersion": "v1" },
                "responseStatus": { "code": 200 },
                "requestReceivedTimestamp": at.to_string(), "stageTimestamp": at.to_string(),
                "annotations": { "authorization.k8s.io/decision": "allow" },
            });
            let _ = writeln!(text, "{event}");
        }
    }
    text
}

/// A policy with this rule of secrets before one that records everything.
fn policy(rule: &str, more: &str) -> String {
    format!(
        "apiVersion: audit.k8s.io/v1\nkind: Policy\n{more}rules:\n- {rule}\n- level: Metadata\n"
    )
}

#[test]
fn unknown_and_unused_follow_the_audit_policy_at_each_level() {
    let secrets = "resources: [{group: '', resources: [secrets]}]";
    let level = |level: &str| policy(&format!("{{level: {level}, {secrets}}}"), "");
    let unknown = "unknown not-logged";
    // The policy, the status of list and of delete of secrets, of get of pods.
    let cases: Vec<(&str, Option<String>, [&str; 3])> = vec![
        ("None", Some(level("None")), [unknown, unknown, "excess"]),
        ("Metadata", Some(level("Metadata")), ["excess"; 3]),
        ("Request", Some(level("Request")), ["excess"; 3]),
        ("RequestResponse", Some(level("RequestResponse")), ["excess"; 3]),
        (
            "None for reads",
            Some(policy(&format!("{{level: None, verbs: [get, list], {secrets}}}"), "")),
            [unknown, "excess", "excess"],
        ),
        (
            "None for the account",
            Some(policy("{level: None, users: ['system:serviceaccount:a:app']}", "")),
            [unknown; 3],
        ),
        (
            "None for another account",
            Some(policy("{level: None, users: ['system:serviceaccount:a:other']}", "")),
            ["excess"; 3],
        ),
        (
            "None in its namespace",
            Some(policy(&format!("{{level: None, namespaces: [a], {secrets}}}"), "")),
            [unknown, unknown, "excess"],
        ),
        (
            "None in another namespace",
            Some(policy(&format!("{{level: None, namespaces: [b], {secrets}}}"), "")),
            ["excess"; 3],
        ),
        // No policy: what nobody was seen to do is not known to be recorded.
        ("no policy", None, [unknown, unknown, "excess"]),
    ];
    for (name, policy, wanted) in &cases {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), "rbac.yaml", OBJECTS);
        write(dir.path(), "audit.log", &pods_only());
        if let Some(policy) = policy {
            write(dir.path(), "policy.yaml", policy);
        }
        let told = run(dir.path());
        let (_, app) = told.iter().find(|(id, _)| id.ends_with("/app")).unwrap();
        let found = ["k8s:list:core/secrets", "k8s:delete:core/secrets", "k8s:get:core/pods"]
            .map(|action| app[action].0.as_str());
        assert_eq!(found, *wanted, "{name}");
        // What the log shows is used, whatever the policy says.
        assert_eq!(app["k8s:list:core/pods"].0, "used", "{name}");
        assert_eq!(app["k8s:delete:core/pods"].0, "used", "{name}");
    }
    println!("{} policies", cases.len());
}

fn tool_of(action: &str) -> &str {
    action.rsplit([':', '/']).next().unwrap_or_default()
}

/// Granted tools, and how often each was called.
fn tools(rows: &Rows) -> (BTreeSet<&str>, BTreeMap<&str, u64>) {
    let granted = || rows.iter().filter(|(_, (status, ..))| status != "not-granted");
    let called = granted().filter(|(_, (_, uses, _))| *uses > 0);
    (
        granted().map(|(action, _)| tool_of(action)).collect(),
        called.map(|(action, (_, uses, _))| (tool_of(action), *uses)).collect(),
    )
}

fn texts(value: &Value) -> BTreeSet<&str> {
    value.as_array().unwrap().iter().filter_map(Value::as_str).collect()
}

fn counts(value: &Value) -> BTreeMap<&str, u64> {
    let all = value.as_object().unwrap().iter();
    all.filter_map(|(tool, count)| Some((tool.as_str(), count.as_u64()?))).collect()
}

#[test]
fn honest_runs_of_a_benchmark_use_and_leave_the_tools_that_are_known() {
    let Some(folder) = shared("agents/agentdojo") else { return };
    let text = std::fs::read_to_string(folder.join("expected.json")).unwrap();
    let expected: Value = serde_json::from_str(&text).unwrap();
    for suite in ["banking", "slack"] {
        let wanted = &expected[suite];
        let dir = tempfile::tempdir().unwrap();
        let text = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
        let runs = text(&format!("{suite}.runs.jsonl"));
        let is_honest = |line: &&str| {
            serde_json::from_str::<Value>(line).unwrap()["injection_task_id"].is_null()
        };
        let honest: Vec<&str> = runs.lines().filter(is_honest).collect();
        assert_eq!(honest.len() as u64, wanted["user_tasks"].as_u64().unwrap());
        write(dir.path(), "x/runs.jsonl", &honest.join("\n"));
        write(dir.path(), "x/a.tools.json", &text(&format!("{suite}.tools.json")));
        let config = format!("agents:\n  - {{name: {suite}, paths: [\"**/x/**\"]}}\n");
        write(dir.path(), "authgap.yaml", &config);
        let told = run(dir.path());
        assert_eq!(told.len(), 1, "{:?}", told.keys());
        let (granted, called) = tools(&told[&format!("agent://{suite}")]);
        assert_eq!(granted, texts(&wanted["granted"]), "{suite}");
        assert_eq!(called, counts(&wanted["used_by_user_tasks"]), "{suite}");
        let never: BTreeSet<&str> =
            granted.iter().filter(|tool| !called.contains_key(*tool)).copied().collect();
        assert_eq!(never, texts(&wanted["never_used_by_user_tasks"]), "{suite}");
        println!("{suite}: {} granted, {} called", granted.len(), called.len());
    }
}

#[test]
fn a_customer_service_agent_calls_every_tool_that_it_has() {
    let Some(folder) = shared("agents/transcripts/tau-bench") else { return };
    let text = std::fs::read_to_string(folder.join("expected.json")).unwrap();
    let expected: Value = serde_json::from_str(&text).unwrap();
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("x")).unwrap();
    let config = "agents:\n  - {name: airline, paths: [\"**/x/**\"]}\n";
    write(dir.path(), "authgap.yaml", config);
    for name in ["gpt-4o-airline.json.gz", "airline.tools.json"] {
        std::fs::copy(folder.join(name), dir.path().join("x").join(name)).unwrap();
    }
    let told = run(dir.path());
    assert_eq!(told.len(), 1, "{:?}", told.keys());
    let (granted, called) = tools(&told["agent://airline"]);
    assert_eq!(granted, texts(&expected["granted"]));
    // Refused calls are no use: what is called less what came back as an error.
    let errors = counts(&expected["results_that_begin_with_Error"]);
    let mut wanted = counts(&expected["calls"]);
    for (tool, errors) in errors {
        *wanted.get_mut(tool).unwrap() -= errors;
    }
    assert_eq!(called, wanted);
    println!("{} granted, {} calls allowed", granted.len(), called.values().sum::<u64>());
}

#[test]
fn each_server_of_captured_messages_has_the_tools_that_were_never_called() {
    let Some(folder) = shared("agents/mcp-wire") else { return };
    let text = std::fs::read_to_string(folder.join("expected.json")).unwrap();
    let expected: Value = serde_json::from_str(&text).unwrap();
    let mut files = 0;
    for (name, wanted) in expected.as_object().unwrap() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::copy(folder.join(name), dir.path().join(name)).unwrap();
        let told = run(dir.path());
        assert_eq!(told.len(), 1, "{name}");
        let (granted, called) = tools(told.values().next().unwrap());
        assert_eq!(granted.len() as u64, wanted["granted_tools"].as_u64().unwrap(), "{name}");
        let mut allowed: BTreeMap<&str, u64> = BTreeMap::new();
        let mut tried: BTreeSet<&str> = BTreeSet::new();
        for call in wanted["calls"].as_array().unwrap() {
            let tool = call["tool"].as_str().unwrap();
            tried.insert(tool);
            if call["outcome"] == "allowed" {
                *allowed.entry(tool).or_default() += 1;
            }
        }
        assert_eq!(called, allowed, "{name}");
        let never: BTreeSet<&str> = granted.difference(&tried).copied().collect();
        assert_eq!(never, texts(&wanted["never_called"]), "{name}");
        files += 1;
    }
    println!("{files} files");
    assert_eq!(files, 5);
}

#[test]
fn a_tool_that_a_log_lists_and_nobody_calls_is_known() {
    let called = ["add_comment", "get_ticket", "search_tickets", "update_record"];
    let cases: [(&str, &[&str], u64); 4] = [
        ("otel/pydantic-ai.v5.otlp.json", &called, 5),
        ("otel/pydantic-ai.v5.no-content.otlp.json", &called, 5),
        ("otel/pydantic-ai.v2.otlp.json", &called, 5),
        ("transcripts/openai-agents/traces.jsonl", &["get_ticket", "update_record"], 3),
    ];
    for (file, wanted, calls) in cases {
        let Some(path) = shared(&format!("agents/{file}")) else { return };
        let dir = tempfile::tempdir().unwrap();
        std::fs::copy(&path, dir.path().join(path.file_name().unwrap())).unwrap();
        let told = run(dir.path());
        let rows = &told["agent://ticket-agent"];
        let (granted, called) = tools(rows);
        assert_eq!(called.keys().copied().collect::<Vec<_>>(), wanted, "{file}");
        assert_eq!(called.values().sum::<u64>(), calls, "{file}");
        assert!(granted.contains("delete_record"), "{file}");
        // One run is too short for a finding.
        assert!(rows["agent:delete_record"].0.starts_with("unknown"), "{file}");
    }
}

/// Claude Code writes the key of a server with `_` for most signs, so that what it calls is not what is granted.
#[test]
fn a_tool_that_is_used_under_another_name_of_its_server_is_not_called_unused() {
    let dir = tempfile::tempdir().unwrap();
    let mut text = String::new();
    for day in 0..100_i64 {
        let at = crate::model::Time::parse("2026-01-01T10:00:00Z").unwrap().plus_days(day);
        let turn = |kind: &str, content: Value| {
            json!({ "type": kind, "sessionId": "s", "version": "2.1.0", "cwd": "/srv/app",
                    "uuid": format!("{kind}{day}"), "timestamp": at.to_string(),
                    "message": { "role": kind, "content": [content] } })
        };
        let call = json!({ "type": "tool_use", "id": format!("t{day}"),
                           "name": "mcp__my_server__get_issue", "input": {} });
        let answer =
            json!({ "type": "tool_result", "tool_use_id": format!("t{day}"), "content": "ok" });
        let _ = writeln!(text, "{}\n{}", turn("assistant", call), turn("user", answer));
    }
    write(dir.path(), "x/session.jsonl", &text);
    let servers =
        json!({ "mcpServers": { "my.server": { "command": "a" }, "other": { "command": "b" } } });
    write(dir.path(), "x/.mcp.json", &servers.to_string());
    for server in ["my.server", "other"] {
        let tools = ["get_issue", "delete_issue"]
            .map(|name| json!({ "name": name, "inputSchema": { "type": "object" } }));
        let list = json!({ "tools": tools }).to_string();
        write(dir.path(), &format!("x/{server}.tools-list.json"), &list);
    }
    write(dir.path(), "authgap.yaml", "agents:\n  - {name: app, paths: [\"**/x/**\"]}\n");
    let told = run(dir.path());
    let app = statuses(&told["agent://app"]);
    assert!(app["mcp:my.server/get_issue"].starts_with("unknown"), "{app:?}");
    assert_eq!(app["mcp:my.server/delete_issue"], "excess");
    assert_eq!(app["mcp:other/delete_issue"], "excess");
    assert_eq!(app["mcp:my_server/get_issue"], "unexplained");
}
