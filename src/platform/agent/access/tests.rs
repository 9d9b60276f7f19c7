use std::collections::BTreeMap;
use std::path::PathBuf;

use super::*;
use crate::platform::agent::tools;

pub(in crate::platform::agent) fn shared(path: &str) -> Option<PathBuf> {
    let root =
        PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/agents")).join(path);
    if root.exists() {
        return Some(root);
    }
    let mut out = std::io::stderr();
    let _ = std::io::Write::write_all(&mut out, format!("skipped: no {path}\n").as_bytes());
    None
}

fn lists_of(server: &str) -> Option<Vec<Tool>> {
    let path = match server {
        "github" => {
            let folder = shared("github-mcp-server/toolsnaps")?;
            let mut paths: Vec<_> =
                std::fs::read_dir(folder).ok()?.map(|entry| entry.unwrap().path()).collect();
            paths.sort();
            let mut all = Vec::new();
            for path in paths {
                let text = std::fs::read_to_string(path).unwrap();
                all.extend(tools::read(&text, 0, None).unwrap().remove(0).tools);
            }
            return Some(all);
        }
        "tau-airline" => shared("transcripts/tau-bench/airline.tools.json")?,
        "agentdojo-banking" => shared("agentdojo/banking.tools.json")?,
        "agentdojo-slack" => shared("agentdojo/slack.tools.json")?,
        other => shared(&format!("mcp-tools/{other}.tools-list.json"))?,
    };
    let text = std::fs::read_to_string(path).unwrap();
    Some(tools::read(&text, 0, None).unwrap().remove(0).tools)
}

#[test]
fn no_tool_that_writes_is_called_read_by_its_name_or_schema() {
    let Some(path) = shared("tool-access.jsonl") else { return };
    let text = std::fs::read_to_string(path).unwrap();
    let mut servers: BTreeMap<String, Vec<Tool>> = BTreeMap::new();
    let (mut cases, mut careful, mut unproven) = (0, Vec::new(), Vec::new());
    for line in text.lines() {
        let case: serde_json::Value = serde_json::from_str(line).unwrap();
        let of = |key: &str| case[key].as_str().unwrap().to_string();
        let (server, name, judged) = (of("server"), of("tool"), of("judged"));
        if !servers.contains_key(&server) {
            servers.insert(server.clone(), lists_of(&server).unwrap());
        }
        let all = &servers[&server];
        let tool = all.iter().find(|tool| *tool.name == *name).unwrap_or_else(|| panic!("{name}"));
        let prefix = shared_prefix(all);
        let found = judge(
            &format!("mcp:{server}/{name}"),
            tool,
            None,
            prefix.as_deref(),
            &Settings::default(),
        );
        cases += 1;
        if judged != "read" {
            assert!(!found.level.is_read(), "{server}/{name} is {judged}, called {found:?}");
        } else if !found.level.is_read() {
            careful.push(format!("{server}/{name} {} {:?}", found.level.as_str(), found.basis));
        }
        if let Some(text) = &found.unproven {
            unproven.push(text.clone());
        }
    }
    let shown = format!(
        "{cases} tools judged, {} read called more: {careful:#?} {unproven:#?}\n",
        careful.len()
    );
    let _ = std::io::Write::write_all(&mut std::io::stderr(), shown.as_bytes());
    assert_eq!(cases, 311);
    assert!(careful.len() <= 20, "{careful:#?}");
    // The one hint that lies is told.
    assert!(unproven.iter().any(|text| text.contains("kubectl_context")), "{unproven:?}");
}

#[test]
fn counts_of_the_lists_are_those_of_the_samples() {
    let Some(folder) = shared("mcp-tools") else { return };
    let known = [
        ("server-filesystem", 14),
        ("server-memory", 9),
        ("server-everything", 13),
        ("mcp-server-git", 12),
        ("mcp-server-fetch", 1),
        ("mcp-server-time", 2),
        ("mcp-server-sqlite", 6),
        ("playwright-mcp", 25),
        ("mcp-server-kubernetes", 23),
        ("notion-mcp-server", 24),
        ("awslabs.iam-mcp-server", 29),
        ("awslabs.dynamodb-mcp-server", 8),
    ];
    for (server, count) in known {
        let text =
            std::fs::read_to_string(folder.join(format!("{server}.tools-list.json"))).unwrap();
        let list = tools::read(&text, 0, None).unwrap().remove(0);
        assert_eq!(
            (list.tools.len(), list.is_cut, list.broken.len()),
            (count, false, 0),
            "{server}"
        );
        assert_eq!(list.owner, tools::Owner::Server);
    }
    let Some(folder) = shared("docker-mcp-registry") else { return };
    let known = [
        ("keboola-mcp", 33),
        ("buildkite", 24),
        ("sonarqube", 25),
        ("kubectl-mcp-server", 26),
        ("stripe-remote", 25),
        ("gmail-mcp", 3),
        ("zerodha-kite", 15),
        ("webflow-remote", 14),
        ("neo4j", 4),
        ("notion-remote", 8),
        ("database-server", 7),
        ("sqlite-mcp-server", 25),
    ];
    for (server, count) in known {
        let path = folder.join(server).join("tools.json");
        let text = std::fs::read_to_string(&path).unwrap();
        let list = tools::read(&text, 0, None).unwrap().remove(0);
        assert_eq!((list.tools.len(), list.broken.len()), (count, 0), "{server}");
        assert_eq!(&*tools::server_of_path(&format!("servers/{server}/tools.json")), server);
    }
}

#[test]
fn github_tools_say_what_the_samples_say() {
    let Some(all) = lists_of("github") else { return };
    assert_eq!(all.len(), 117);
    let count = |fits: &dyn Fn(&Tool) -> bool| all.iter().filter(|tool| fits(tool)).count();
    assert_eq!(count(&|tool| tool.hints.read_only == Some(true)), 58);
    assert_eq!(count(&|tool| tool.hints.read_only == Some(false)), 59);
    assert_eq!(count(&|tool| tool.hints.destructive == Some(true)), 10);
    assert_eq!(count(&|tool| tool.hints.destructive == Some(false)), 24);
    assert_eq!(count(&|tool| tool.hints.destructive.is_none() && tool.hints.is_destructive()), 25);
    assert_eq!(count(&|tool| tool.dispatch.is_some()), 17);
    let label = all.iter().find(|tool| &*tool.name == "label_write").unwrap();
    let level = |method: &str| {
        judge("mcp:github/label_write", label, Some(method), None, &Settings::default()).level
    };
    assert_eq!(level("create"), AccessLevel::Write);
    assert_eq!(level("delete"), AccessLevel::Delete);
}

#[test]
fn an_empty_list_is_not_enumerated_and_a_cursor_makes_it_incomplete() {
    let read = |text: &str| tools::read(text, 0, None).unwrap().remove(0);
    assert!(!read("[]").is_enumerated());
    let page = read(
        r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"a","inputSchema":{}}],"nextCursor":"x"}}"#,
    );
    assert!(page.is_cut && page.is_enumerated());
    let broken = read(r#"{"tools":[{"name":"a"},{"nom":"b"},7]}"#);
    assert_eq!((broken.tools.len(), broken.broken.len()), (1, 2));
    assert!(tools::read("{\"tools\":[", 0, None).is_err());
}

#[test]
fn the_owner_and_trust_decide_before_names() {
    let text =
        r#"{"tools":[{"name":"wipe_cache","annotations":{"readOnlyHint":true},"inputSchema":{}}]}"#;
    let tool = tools::read(text, 0, None).unwrap().remove(0).tools.remove(0);
    let rule = |access, trusted| Settings {
        tools: vec![crate::model::ToolRule {
            matches: crate::model::Glob::new("mcp:s/*"),
            resources: Vec::new(),
            destinations: Vec::new(),
            dispatch: None,
            normalise: None,
            access,
            trusted,
        }],
        ..Settings::default()
    };
    let judged = |settings: &Settings| judge("mcp:s/wipe_cache", &tool, None, None, settings);
    let plain = judged(&Settings::default());
    assert!(plain.level == AccessLevel::Delete && plain.unproven.is_some());
    assert_eq!(judged(&rule(None, true)).level, AccessLevel::Read);
    assert_eq!(judged(&rule(Some(AccessLevel::Write), false)).basis, Basis::Policy);
}

#[test]
fn programs_have_levels() {
    let of = |program: &str| level_of_action(&format!("agent:Bash#{program}"));
    assert_eq!(of("git status"), AccessLevel::Read);
    assert_eq!(of("git push"), AccessLevel::Write);
    assert_eq!(of("kubectl delete"), AccessLevel::Delete);
    assert_eq!(of("python3"), AccessLevel::Execute);
    assert_eq!(level_of_action("agent:Bash"), AccessLevel::Execute);
    assert_eq!(level_of_action("mcp:x/*"), AccessLevel::Unknown);
}
