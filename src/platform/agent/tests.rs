//! The platform as a whole: files in, grants out.

use std::collections::BTreeMap;
use std::path::Path;

use super::access::tests::shared;
use super::*;
use crate::catalogue::RunCatalogue;
use crate::model::{Decision, Glob, GrantSet, Outcome, Str, ToolRule};
use crate::platform::{
    Document, Evaluator, Intake, LogSpan, LogSummary, Request, Tables, ToolNoteKind, Verdict,
};

struct Read {
    tables: Tables,
    catalogue: RunCatalogue,
    evaluator: Box<dyn Evaluator>,
    intakes: Vec<Intake>,
}

/// Reads documents of `(path, context, text)` as the kinds that they are detected to be.
fn read_with(files: &[(&str, &str, &str)], settings: Settings, logs: &LogSummary) -> Read {
    let mut estate = Agent.estate(&Arc::new(settings));
    let mut intakes = Vec::new();
    for (number, (path, context, text)) in files.iter().enumerate() {
        let mut intake = Intake::default();
        let sample = Sample { path, head: text.as_bytes(), is_whole: true };
        let kind = Agent.detect(&sample).unwrap_or_else(|| panic!("{path} is nothing")).kind;
        let document = Document { file: number as u32, path, context, bytes: text.as_bytes() };
        estate.read(kind, &document, &mut intake);
        intakes.push(intake);
    }
    let mut tables = Tables::default();
    estate.finish(logs, &mut tables);
    let levels: BTreeMap<&str, AccessLevel> =
        tables.levels.iter().map(|(_, action, level)| (&**action, *level)).collect();
    let mut actions = tables.actions.clone();
    actions.extend(logs.usage.iter().map(|row| (row.platform.clone(), row.action.clone())));
    let catalogue = RunCatalogue::build(&[], &actions, &|_, name, action| {
        let mut facts = Agent.facts(name, action);
        facts.level = levels.get(name).copied().or(facts.level);
        facts
    });
    let mut evaluator = estate.evaluator();
    evaluator.prepare(&catalogue);
    Read { tables, catalogue, evaluator, intakes }
}

fn read(files: &[(&str, &str, &str)]) -> Read {
    read_with(files, Settings::default(), &LogSummary::default())
}

impl Read {
    fn set(&self, agent: &str) -> Arc<GrantSet> {
        let id = names::identity(agent);
        let identity = self.tables.identities.iter().find(|one| one.id == id);
        let identity = identity.unwrap_or_else(|| panic!("no {agent}: {:?}", self.names()));
        self.evaluator.grants(identity, &self.catalogue)
    }

    fn names(&self) -> Vec<&str> {
        self.tables.identities.iter().map(|one| &*one.id).collect()
    }

    /// `action decision [resources] {conditions}` of an agent, sorted.
    fn rows(&self, agent: &str) -> Vec<String> {
        let set = self.set(agent);
        let mut out = Vec::new();
        for row in &set.rows {
            for id in &row.actions {
                let texts: Vec<&str> = row.conditions.iter().map(|one| &*one.text).collect();
                let except: Vec<&str> = row.except.iter().map(|one| &**one).collect();
                let mut text = format!("{} {:?}", self.catalogue.entry(id).name, row.decision);
                if &*row.resources[0] != "*" {
                    text.push_str(&format!(" on {}", row.resources[0]));
                }
                if !except.is_empty() {
                    text.push_str(&format!(" but {}", except[0]));
                }
                if !texts.is_empty() && row.decision != Decision::Ask {
                    text.push_str(&format!(" if {}", texts.join("; ")));
                }
                out.push(text);
            }
        }
        out.sort();
        out
    }

    fn verdict(&self, agent: &str, action: &str, resource: Option<&str>) -> Verdict {
        let identity = names::identity(agent);
        let request = Request { identity: &identity, action, resource, context: &[] };
        self.evaluator.decide(&request).verdict
    }

    fn level(&self, action: &str) -> AccessLevel {
        self.catalogue.entry(self.catalogue.id(ID, action).unwrap()).level
    }
}

const TOOLS: &str = r#"{"tools":[
 {"name":"get_issue","annotations":{"readOnlyHint":true},"inputSchema":{"properties":{"owner":{}}}},
 {"name":"label_write","description":"x","inputSchema":{"properties":{"method":{"enum":["create","delete"]}}}},
 {"name":"wipe","annotations":{"readOnlyHint":true},"inputSchema":{}}]}"#;

#[test]
fn what_a_client_does_not_narrow_is_granted() {
    let client = r#"{"mcpServers":{"github":{"command":"docker","args":["run","ghcr.io/github/github-mcp-server"]},
        "notes":{"command":"npx","args":["-y","@x/notes"]},"off":{"command":"a","disabled":true}}}"#;
    let read = read(&[
        ("shop/.mcp.json", "", client),
        ("lists/github-mcp-server.tools-list.json", "", TOOLS),
    ]);
    let rows = read.rows("claude-code/shop");
    assert_eq!(
        rows,
        [
            "mcp:github/get_issue Ask",
            "mcp:github/label_write#create Ask",
            "mcp:github/label_write#delete Ask",
            "mcp:github/wipe Ask",
            // No list names its tools.
            "mcp:notes/* Ask",
        ]
    );
    assert_eq!(read.level("mcp:github/label_write#delete"), AccessLevel::Delete);
    assert_eq!(read.level("mcp:github/label_write#create"), AccessLevel::Write);
    let notes: Vec<ToolNoteKind> = read.tables.tool_notes.iter().map(|note| note.kind).collect();
    assert_eq!(notes, [ToolNoteKind::HintContradicts]);
    assert!(read.tables.tool_notes[0].text.contains("unproven"));
}

#[test]
fn rules_of_settings_decide_what_runs_asks_and_is_refused() {
    let settings = r#"{"permissions":{
        "allow":["Bash(git push:*)","mcp__github__get_*","Edit(/docs/**)","WebFetch(domain:example.com)"],
        "ask":["mcp__github__label_write"],
        "deny":["mcp__github__wipe","Bash(git push --force*)","Read(./.env)","Write(./x)"]}}"#;
    let client =
        r#"{"mcpServers":{"github":{"type":"http","url":"https://api.githubcopilot.com/mcp/"}}}"#;
    let read = read(&[
        ("shop/.claude/settings.json", "", settings),
        ("shop/.mcp.json", "", client),
        ("github/tools.json", "", TOOLS),
    ]);
    let rows = read.rows("claude-code/shop");
    let of = |action: &str| -> Vec<&str> {
        let exact = format!("{action} ");
        rows.iter().filter(|row| row.starts_with(&exact)).map(String::as_str).collect()
    };
    assert_eq!(of("mcp:github/get_issue"), ["mcp:github/get_issue Allow"]);
    assert_eq!(of("mcp:github/label_write#delete"), ["mcp:github/label_write#delete Ask"]);
    assert!(of("mcp:github/wipe").is_empty());
    assert_eq!(
        rows.iter().find(|row| row.starts_with("agent:Bash#git push")).unwrap(),
        "agent:Bash#git push Conditional if unless the call is as in Bash(git push --force*)"
    );
    assert_eq!(of("agent:Bash"), ["agent:Bash Ask"]);
    assert_eq!(of("agent:Read"), ["agent:Read Allow but file:*/.env"]);
    assert_eq!(of("agent:Edit"), ["agent:Edit Allow on file:*/docs", "agent:Edit Ask"]);
    assert_eq!(
        of("agent:WebFetch"),
        ["agent:WebFetch Allow on host:example.com", "agent:WebFetch Ask"]
    );
    assert!(read.intakes[0].notes.iter().any(|note| note.contains("Write(./x)")));
    let ask = |action: &str, resource| read.verdict("claude-code/shop", action, resource);
    assert_eq!(ask("mcp:github/wipe", None), Verdict::Deny);
    assert_eq!(ask("agent:WebFetch", Some("host:example.com")), Verdict::Allow);
    assert_eq!(ask("agent:WebFetch", Some("host:evil.org")), Verdict::Conditional);
    assert_eq!(ask("mcp:other/x", None), Verdict::Deny);
    assert_eq!(read.verdict("nobody", "agent:Bash", None), Verdict::Unknown);
}

#[test]
fn bypass_is_administrative_and_dont_ask_denies_what_no_rule_allows() {
    let with = |mode: &str, more: &str| {
        let text = format!(r#"{{"permissions":{{"defaultMode":"{mode}"{more}}}}}"#);
        let read = read(&[("a/.claude/settings.json", "", &text)]);
        (read.set("claude-code/a"), read.rows("claude-code/a"))
    };
    assert!(with("bypassPermissions", "").0.administrative.is_some());
    assert!(with("bypassPermissions", r#","deny":["WebFetch"]"#).0.administrative.is_none());
    let (_, rows) = with("dontAsk", r#","allow":["WebSearch"]"#);
    assert!(
        rows.contains(&"agent:WebSearch Allow".to_string())
            && !rows.iter().any(|row| row.starts_with("agent:Bash"))
    );
    let (_, rows) = with("plan", "");
    assert!(
        rows.contains(&"agent:Edit Conditional if outside of plan mode".to_string()),
        "{rows:?}"
    );
}

#[test]
fn servers_narrow_their_tools() {
    let client = r#"{"mcpServers":{"github":{"httpUrl":"https://x/mcp","includeTools":["get_issue","wipe"],
        "excludeTools":["wipe"],"trust":true}}}"#;
    let read = read(&[("a/.gemini/settings.json", "", client), ("github/tools.json", "", TOOLS)]);
    assert_eq!(read.rows("gemini-cli/a"), ["mcp:github/get_issue Allow"]);
    let only_reads = r#"{"mcpServers":{"github":{"url":"https://api.githubcopilot.com/mcp/readonly","type":"http"}}}"#;
    let read = read_with(
        &[("a/.cursor/mcp.json", "", only_reads), ("github/tools.json", "", TOOLS)],
        Settings::default(),
        &LogSummary::default(),
    );
    assert_eq!(read.rows("cursor/a"), ["mcp:github/get_issue Ask"]);
}

#[test]
fn a_gateway_narrows_what_stands_behind_it() {
    let gateway = "mcp:\n  policies:\n    mcpAuthorization:\n      rules:\n      - 'mcp.tool.name == \"get_issue\"'\n      - 'jwt.sub == \"u\" && mcp.tool.name == \"wipe\"'\n  targets:\n  - name: github\n";
    let client = r#"{"mcpServers":{"github":{"url":"https://x/mcp","type":"http"}}}"#;
    let read = read(&[
        ("gw/config.yaml", "", gateway),
        ("bot/client.json", "bot", client),
        ("github/tools.json", "bot", TOOLS),
    ]);
    let rows = read.rows("bot");
    assert!(rows.iter().any(|row| row.starts_with("mcp:github/get_issue")), "{rows:?}");
    assert!(!rows.iter().any(|row| row.contains("label_write")), "{rows:?}");
    let wipe = rows.iter().find(|row| row.starts_with("mcp:github/wipe")).unwrap();
    assert!(wipe.contains("Conditional") && wipe.contains("jwt.sub"), "{wipe}");
}

#[test]
fn manifests_grant_what_they_say() {
    let text = "authgap-agent: ticket-agent\nacts_as: [arn:aws:iam::111122223333:role/tickets]\ntools:\n  - get_ticket\n  - name: mcp:github/label_write\n    methods: [create]\n    resources: [\"github:acme/*\"]\n    access: write\n    asks: true\n";
    let read = read(&[("agent.yaml", "", text)]);
    assert_eq!(
        read.rows("ticket-agent"),
        ["agent:get_ticket Allow", "mcp:github/label_write#create Ask on github:acme/*"]
    );
    assert_eq!(read.tables.links.len(), 1);
    assert_eq!(&*read.tables.links[0].to, "arn:aws:iam::111122223333:role/tickets");
}

#[test]
fn a_tool_that_changed_between_two_lists_is_told_with_both_places() {
    let other =
        TOOLS.replace("\"description\":\"x\"", "\"description\":\"now sends it elsewhere\"");
    let read =
        read(&[("a/github.tools-list.json", "", TOOLS), ("b/github.tools-list.json", "", &other)]);
    let changed: Vec<_> =
        read.tables.tool_notes.iter().filter(|note| note.kind == ToolNoteKind::Changed).collect();
    assert_eq!(changed.len(), 1);
    assert_eq!(&*changed[0].action, "mcp:github/label_write");
    assert_eq!(changed[0].places.iter().map(|place| place.file).collect::<Vec<_>>(), [0, 1]);
}

fn used(agent: &str, action: &str) -> crate::model::UsageRow {
    let row = crate::model::UsageRow::new;
    let row = row(ID.into(), names::identity(agent), action.into(), Outcome::Allowed);
    crate::model::UsageRow { count: 1, ..row }
}

#[test]
fn use_without_its_method_hides_the_methods() {
    let client = r#"{"mcpServers":{"github":{"command":"x"}}}"#;
    let logs = LogSummary {
        usage: vec![
            used("claude-code/a", "agent:Bash"),
            used("claude-code/a", "mcp:github/label_write"),
        ],
        ..LogSummary::default()
    };
    let files = [
        ("a/.mcp.json", "", client),
        ("github/tools.json", "", TOOLS),
        ("a/.claude/settings.json", "", r#"{"permissions":{"allow":["Bash(git push:*)"]}}"#),
    ];
    let read = read_with(&files, Settings::default(), &logs);
    let identity =
        read.tables.identities.iter().find(|one| &*one.id == "agent://claude-code/a").unwrap();
    let hidden = read.evaluator.unlogged(identity, &read.catalogue);
    let names: Vec<&str> = hidden.iter().map(|id| &*read.catalogue.entry(id).name).collect();
    assert_eq!(
        names,
        ["agent:Bash#git push", "mcp:github/label_write#create", "mcp:github/label_write#delete"]
    );
    // And the use itself is covered.
    assert!(read.rows("claude-code/a").contains(&"mcp:github/label_write Ask".to_string()));
}

#[test]
fn logs_of_all_calls_make_claims_and_samples_make_none() {
    let span = |class: &str, days: &[i64]| LogSpan {
        platform: ID.into(),
        account: "a".into(),
        region: "".into(),
        class: class.into(),
        read_only: None,
        resource: None,
        days: days.to_vec(),
        first: crate::model::Time::from_seconds(days[0] * 86_400 + 3_600),
        last: crate::model::Time::from_seconds(days[days.len() - 1] * 86_400 + 7_200),
        files: 1,
    };
    let logs = LogSummary {
        // A weekend is bridged, a month is not.
        spans: vec![
            span("tool-call", &[20_000, 20_003, 20_040]),
            span("tool-call:traced", &[20_000, 20_001]),
            span("tool-call:mcp:gh", &[20_000]),
        ],
        ..LogSummary::default()
    };
    let read = read_with(&[], Settings::default(), &logs);
    let days: Vec<u32> =
        read.tables.claims.iter().map(|claim| claim.covered.seconds() as u32 / 3_600).collect();
    assert_eq!(days, [4 * 24 - 1 + 2, 1]);
}

#[test]
fn real_client_files_are_read_and_those_without_servers_are_no_errors() {
    let Some(folder) = shared("settings/mcp-clients") else { return };
    let known = [
        ("mcp-scan-tests.all_config.json", 2),
        ("mcp-scan-tests.math_config.json", 1),
        ("mcp-scan-tests.multiple_transport.json", 2),
        ("mcp-scan-tests.sbb_config.json", 1),
        ("mcp-scan-tests.vs_code_settings_file_with_empty_mcp.json", 0),
        ("mcp-scan-tests.vs_code_settings_file_without_mcp.json", 0),
        ("mcp-scan-tests.weather_config.json", 1),
        ("prowler-plugin.mcp.json", 1),
    ];
    for (name, servers) in known {
        let text = std::fs::read_to_string(folder.join(name)).unwrap();
        let read = read(&[(name, "x", &text)]);
        assert_eq!(read.intakes[0].rejected_count, 0, "{name}");
        let count = if servers == 0 { 0 } else { read.rows("x").len() };
        assert_eq!(count, servers, "{name}");
        assert!(!format!("{:?}", read.tables).contains("user_config.api_key"), "{name}");
    }
}

/// Every sample is recognised as what it is.
#[test]
fn samples_are_recognised() {
    let Some(root) = shared("INDEX.md") else { return };
    let root = root.parent().unwrap().to_path_buf();
    let mut count = 0;
    let mut check = |folder: &str, ending: &str, wanted: &'static Kind| {
        fn walk(folder: &Path, out: &mut Vec<std::path::PathBuf>) {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() { walk(&path, out) } else { out.push(path) }
            }
        }
        let mut paths = Vec::new();
        walk(&root.join(folder), &mut paths);
        for path in paths.iter().filter(|path| path.to_string_lossy().ends_with(ending)) {
            let bytes = std::fs::read(path).unwrap();
            let shown = path.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
            let head = &bytes[..bytes.len().min(65_536)];
            let sample = Sample { path: &shown, head, is_whole: head.len() == bytes.len() };
            let found = Agent.detect(&sample);
            assert_eq!(found.map(|found| found.kind.id), Some(wanted.id), "{shown}");
            for other in crate::platform::PLATFORMS.iter().filter(|one| one.id() != ID) {
                let theirs = other.detect(&sample).map_or(0, |found| found.certainty);
                assert!(
                    found.is_some_and(|mine| mine.certainty > theirs),
                    "{shown}: {}",
                    other.id()
                );
            }
            count += 1;
        }
    };
    check("mcp-tools", ".json", &kinds::TOOLS);
    check("github-mcp-server", ".snap", &kinds::TOOLS);
    check("docker-mcp-registry", "tools.json", &kinds::TOOLS);
    check("agentdojo", ".tools.json", &kinds::TOOLS);
    check("transcripts/tau-bench", "airline.tools.json", &kinds::TOOLS);
    check("settings/claude-code", ".settings.json", &kinds::SETTINGS);
    check("settings/mcp-clients", ".json", &kinds::CLIENT);
    check("gateway", ".yaml", &kinds::GATEWAY);
    check("mcp-wire", "8.jsonl", &kinds::MCP_WIRE);
    assert_eq!(count, 12 + 117 + 12 + 2 + 1 + 3 + 8 + 4 + 5);
}

/// What belongs to other systems is nothing about agents.
#[test]
fn samples_of_other_systems_are_left_alone() {
    let Some(root) = shared("INDEX.md") else { return };
    let root = root.parent().unwrap().parent().unwrap().to_path_buf();
    let mut wrong = Vec::new();
    let mut folders: Vec<_> = ["aws", "kubernetes", "gcp", "azure", "github", "ocsf", "other"]
        .iter()
        .map(|name| root.join(name))
        .collect();
    let mut count = 0;
    while let Some(folder) = folders.pop() {
        let mut entries: Vec<_> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        entries.sort();
        for path in entries {
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let bytes = std::fs::read(&path).unwrap();
            let shown = path.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
            let head = &bytes[..bytes.len().min(65_536)];
            let sample = Sample { path: &shown, head, is_whole: head.len() == bytes.len() };
            count += 1;
            if let Some(found) = detect::document(&sample) {
                wrong.push(format!("{shown}: {}", found.kind.id));
            }
        }
    }
    assert!(count > 100, "{count}");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn bad_input_costs_itself_only() {
    let bad = [
        ("a.json", "{\"mcpServers\":{\"x\":"),
        ("tools.json", "[{\"name\":\"a\",\"inputSchema\":{}"),
        ("a/.claude/settings.json", "{\"permissions\":{\"allow\":[1,null,\"Bash(\",\"\"]}}"),
        (
            "p.toml",
            "[[rule]]\ndecision = \"maybe\"\n[[rule]]\ndecision = \"allow\"\ntoolName = \"x\"\npriority = \"high\"",
        ),
        ("g.yaml", "mcpAuthorization:\n  rules: [1, 'x == ', {allow: [}"),
        ("m.yaml", "authgap-agent: [1]\ntools: 7"),
    ];
    for (path, text) in bad {
        let read = read(&[(path, "x", text)]);
        for agent in ["x", "claude-code/a"] {
            let id = names::identity(agent);
            if read.tables.identities.iter().any(|one| one.id == id) {
                read.rows(agent);
            }
        }
    }
    let good = read(&[("bad.json", "x", bad[0].1), ("github/tools.json", "x", TOOLS)]);
    assert_eq!(good.intakes[0].rejected_count, 1);
    assert_eq!(good.rows("x").len(), 4);
}

#[test]
fn the_owner_says_what_a_tool_does_and_which_agent_has_a_server() {
    let settings = Settings {
        tools: vec![ToolRule {
            matches: Glob::new("mcp:gh/wipe"),
            resources: Vec::new(),
            destinations: Vec::new(),
            dispatch: None,
            normalise: None,
            access: Some(AccessLevel::Read),
            trusted: false,
        }],
        agents: vec![("bot".into(), Vec::<Str>::new(), vec!["gh".into()])],
        ..Settings::default()
    };
    let read = read_with(&[("x/gh.tools-list.json", "", TOOLS)], settings, &LogSummary::default());
    assert_eq!(read.rows("bot").len(), 4);
    assert_eq!(read.level("mcp:gh/wipe"), AccessLevel::Read);
    assert!(read.tables.tool_notes.is_empty());
}

/// Logs of a hundred days in which one tool was called.
fn a_hundred_days() -> (crate::model::Time, LogSummary) {
    let end = crate::model::Time::parse("2026-06-30T12:00:00Z").unwrap();
    let days: Vec<i64> = (0..100).map(|ago| end.day() - ago).rev().collect();
    let mut row = used("claude-code/a", "mcp:github/get_issue");
    (row.first, row.last) = (Some(end.plus_days(-99)), Some(end));
    let logs = LogSummary {
        usage: vec![row],
        spans: vec![LogSpan {
            platform: ID.into(),
            account: "claude-code/a".into(),
            region: "".into(),
            class: CLASS.into(),
            read_only: None,
            resource: None,
            first: end.plus_days(-99),
            last: end,
            days,
            files: 1,
        }],
        as_of: Some(end),
        ..LogSummary::default()
    };
    (end, logs)
}

/// From files to findings: what is unused is told by server, what runs unasked and destroys is told, and no kind for
/// cloud permissions speaks of tools.
#[test]
fn findings_speak_of_tools() {
    let client = r#"{"mcpServers":{"github":{"command":"x"},"idle":{"command":"y"}}}"#;
    let settings = r#"{"permissions":{"allow":["mcp__github","Bash(uv run:*)"]}}"#;
    let (end, logs) = a_hundred_days();
    let files = [
        ("a/.mcp.json", "", client),
        ("github/tools.json", "", TOOLS),
        ("a/.claude/settings.json", "", settings),
    ];
    let read = read_with(&files, Settings::default(), &logs);
    let escalation = crate::catalogue::risk::EscalationIndex::new(&read.catalogue, &[ID]);
    let evaluators: BTreeMap<Str, Box<dyn Evaluator>> = [(ID.into(), read.evaluator)].into();
    let config = crate::intent::Config::default();
    let input = || crate::gap::Input {
        identities: &read.tables.identities,
        usage: &logs.usage,
        claims: &read.tables.claims,
        catalogue: &read.catalogue,
        evaluators: &evaluators,
        escalation: &escalation,
        intents: &[],
        config: &config,
        as_of: Some(end),
        window: Some(crate::gap::Window { from: end.plus_days(-90), to: end }),
        stale_after_days: 90,
        fresh: None,
    };
    let gaps = crate::gap::run(&input(), &[true]);
    let analysis = crate::gap::Analysis {
        input: input(),
        gaps,
        credentials: &[],
        links: &[],
        tool_notes: &read.tables.tool_notes,
        paths: &[],
    };
    let findings = crate::findings::find(&analysis, &|_| true);
    let shown: Vec<String> = findings
        .iter()
        .map(|one| format!("{} {} {}", one.severity.as_str(), one.kind, one.title))
        .collect();
    let of = |kind: &str| -> Vec<&str> {
        shown.iter().map(String::as_str).filter(|one| one.contains(&format!(" {kind} "))).collect()
    };
    assert_eq!(
        of("unused-agent-tool"),
        [
            "high unused-agent-tool 3 tools of mcp:github",
            "high unused-agent-tool all 12 tools of agent",
            "low unused-agent-tool every tool of mcp:idle",
        ],
        "{shown:#?}"
    );
    assert_eq!(
        of("unapproved-destructive-tool"),
        [
            "high unapproved-destructive-tool agent:Bash#uv run without approval",
            "medium unapproved-destructive-tool mcp:github/label_write#delete and 1 more without approval",
        ],
        "{shown:#?}"
    );
    assert_eq!(of("misleading-hint"), ["low misleading-hint mcp:github/wipe said to only read"]);
    for kind in ["unused-permission", "unused-service", "wildcard-grant"] {
        assert!(of(kind).is_empty(), "{shown:#?}");
    }
    let unexplained = crate::gap::Status::Unexplained;
    assert!(analysis.gaps[0].rows.iter().all(|row| row.status != unexplained));
}
