use serde_json::Value;

use super::claude::{self, Call, Context};
use super::*;
use crate::platform::agent::access::tests::shared;
use crate::platform::agent::jsonc;

fn effect(word: &str) -> Effect {
    match word {
        "allow" => Effect::Allow,
        "ask" => Effect::Ask,
        "deny" => Effect::Deny,
        other => panic!("{other}"),
    }
}

fn context(case: &Value) -> Context<'_> {
    let of = |key: &str, other: &'static str| match case["context"][key].as_str() {
        Some(text) => text,
        None => other,
    };
    Context {
        cwd: of("cwd", "/home/alice/app"),
        project_root: of("project_root", "/home/alice/app"),
        home: of("home", "/home/alice"),
    }
}

fn say(text: String) {
    let _ = std::io::Write::write_all(&mut std::io::stderr(), text.as_bytes());
}

#[test]
fn rules_match_the_calls_that_the_documentation_says() {
    let Some(path) = shared("settings/claude-code/rule-cases.json") else { return };
    let cases: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let mut wrong = Vec::new();
    let rules = cases["rules"].as_array().unwrap();
    for case in rules {
        let call =
            Call { tool: case["call"]["tool"].as_str().unwrap(), input: &case["call"]["input"] };
        let rule = case["rule"].as_str().unwrap();
        let found =
            claude::matches(rule, effect(case["list"].as_str().unwrap()), &call, &context(case));
        if found != case["matches"].as_bool().unwrap() {
            wrong.push(format!("{} {rule} on {}: {}", case["list"], case["call"], case["why"]));
        }
    }
    let decisions = cases["decisions"].as_array().unwrap();
    for case in decisions {
        let permissions = &case["permissions"];
        let mut lists = Vec::new();
        for key in ["allow", "ask", "deny"] {
            for rule in permissions[key].as_array().into_iter().flatten() {
                lists.push((effect(key), rule.as_str().unwrap()));
            }
        }
        let mode = permissions["defaultMode"].as_str().and_then(claude::mode).unwrap_or_default();
        let call =
            Call { tool: case["call"]["tool"].as_str().unwrap(), input: &case["call"]["input"] };
        let found = claude::decide(&lists, mode, &call, &context(case));
        if found != effect(case["decision"].as_str().unwrap()) {
            wrong.push(format!("{}: {found:?}", case["name"]));
        }
    }
    say(format!("{} rules and {} decisions\n", rules.len(), decisions.len()));
    assert_eq!((rules.len(), decisions.len()), (56, 10));
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn real_settings_hold_what_the_samples_say() {
    let Some(folder) = shared("settings/claude-code") else { return };
    let read = |name: &str| {
        let text = std::fs::read_to_string(folder.join(format!("{name}.settings.json"))).unwrap();
        claude::read(&jsonc::json(&text).unwrap(), 0, &name.into())
    };
    let docker = read("docker-mcp-gateway");
    assert_eq!(docker.counts, [23, 9, 7]);
    let ignored: Vec<&str> = docker.ignored.iter().map(|(text, _)| &**text).collect();
    assert_eq!(ignored, ["Write(./.env*)"]);
    assert_eq!(read("nextest").counts, [17, 0, 0]);
    let broad = read("cloudsplaining");
    assert_eq!(broad.counts, [67, 0, 17]);
    let api = broad.rules.iter().find(|rule| &*rule.text == "Bash(gh api:*)").unwrap();
    assert_eq!(api.cover("agent:Bash#gh api"), Cover::Full);
    assert_eq!(api.cover("agent:Bash#gh pr view"), Cover::None);
}

#[test]
fn rules_cover_actions_whole_or_in_part() {
    let text = r#"{"permissions":{"allow":["Bash(git:*)","mcp__gh__get_*","Edit(/docs/**)","Skill(x)","mcp__*"],
        "deny":["Bash(git push --force*)","WebFetch(domain:evil.org)","Bash(run_in_background:true)","mcp__*"]}}"#;
    let read = claude::read(&jsonc::json(text).unwrap(), 0, &"s".into());
    let cover = |number: usize, action: &str| read.rules[number].cover(action);
    assert_eq!(cover(0, "agent:Bash#git push"), Cover::Full);
    assert_eq!(
        cover(0, "agent:Bash"),
        Cover::Part(vec!["cmd:git".into(), "cmd:git *".into()], None)
    );
    assert_eq!(cover(1, "mcp:gh/get_issue"), Cover::Full);
    assert_eq!(cover(1, "mcp:gh/list"), Cover::None);
    assert!(matches!(cover(1, "mcp:gh/*"), Cover::Part(..)));
    assert!(
        matches!(cover(2, "agent:Write"), Cover::Part(patterns, None) if patterns.contains(&"file:docs/*".into()))
    );
    assert_eq!(cover(3, "agent:Skill#x"), Cover::Full);
    // The allow rule without a literal server is never consulted.
    assert_eq!(read.ignored.len(), 1);
    assert!(matches!(cover(4, "agent:Bash#git push"), Cover::Part(..)));
    assert_eq!(cover(4, "agent:Bash#git status"), Cover::None);
    assert!(matches!(cover(6, "agent:Bash#ls"), Cover::Part(_, Some(_))));
    assert_eq!(cover(7, "mcp:gh/label#delete"), Cover::Full);
}

#[test]
fn the_vendors_policies_are_read_with_their_priorities() {
    let Some(folder) = shared("settings/gemini-policies") else { return };
    let read = |name: &str| {
        let text = std::fs::read_to_string(folder.join(format!("{name}.toml"))).unwrap();
        let root = jsonc::toml(&text).unwrap_or_else(|error| panic!("{name}: {error:?}"));
        (gemini::is_policies(&root), gemini::read(&root, 0, &format!("policies/{name}.toml")))
    };
    let (is_policy, reads) = read("read-only");
    assert!(is_policy);
    let rule =
        reads.rules.iter().find(|rule| rule.cover("agent:read_file") == Cover::Full).unwrap();
    assert_eq!((rule.effect, rule.priority), (Effect::Allow, 1_050));
    let (_, writes) = read("write");
    let rule = writes
        .rules
        .iter()
        .find(|rule| rule.cover("agent:run_shell_command#ls") == Cover::Full)
        .unwrap();
    assert_eq!((rule.effect, rule.priority, &rule.condition), (Effect::Ask, 1_010, &None));
    let (_, yolo) = read("yolo");
    let all = yolo.rules.iter().find(|rule| rule.cover("mcp:any/thing") == Cover::Full).unwrap();
    assert_eq!((all.effect, all.priority), (Effect::Allow, 1_998));
    assert_eq!(all.condition.as_deref(), Some("in mode yolo"));
    let files = ["agents", "conseca", "discovered", "non-interactive", "plan", "sandbox-default"];
    let with_rules = files.iter().filter(|name| read(name).0).count();
    assert_eq!(with_rules, 4);
}

/// Rules as clients store them, with a secret at `@`, and how they are shown.
const APPROVED: &[(&str, &str)] = &[
    ("Bash(curl -H \"Authorization: Bearer @\" https://x.org)", "Bash(curl -H … https://x.org)"),
    ("Bash(curl -H Authorization:@ https://x.org)", "Bash(curl -H … https://x.org)"),
    ("Bash(curl -H Authorization: Bearer @ *)", "Bash(curl -H …: … … *)"),
    ("Bash(curl -u me:@ https://x.org/*)", "Bash(curl -u … https://x.org/*)"),
    ("Bash(curl -ume:@ https://x.org/*)", "Bash(curl -u… https://x.org/*)"),
    ("Bash(curl https://x.org/a?token=@)", "Bash(curl https://x.org/a?…)"),
    ("Bash(TOKEN=@ make deploy)", "Bash(TOKEN=… make deploy)"),
    ("Bash(export GH_PAT=@)", "Bash(export GH_PAT=…)"),
    ("Bash(git clone https://u:@@github.com/a/b)", "Bash(git clone https://…@github.com/a/b)"),
    ("Bash(mysql -p@ -e 'SELECT * FROM t')", "Bash(mysql -p… -e 'SELECT * FROM t')"),
    ("Bash(mysql --password @ -e x:*)", "Bash(mysql --password … -e x:*)"),
    ("Bash(x login --password=@)", "Bash(x login --password=…)"),
    (
        "Bash(docker login -u me -p @ registry.example:*)",
        "Bash(docker login -u … -p … registry.example:*)",
    ),
    (
        "Bash(aws configure set aws_secret_access_key @)",
        "Bash(aws configure set aws_secret_access_key …)",
    ),
    ("Bash(echo '@' | x)", "Bash(echo '…' | x)"),
    ("Bash(echo '@", "Bash(echo '…'"),
];

#[test]
fn secrets_in_rules_are_not_printed() {
    for secret in ["ghp_a1B2c3D4e5F6g7H8i9J0", "hunter2!", "S3cretPass", "Ünicode9"] {
        for (rule, wanted) in APPROVED {
            let rule = match rule.split_once("@@") {
                Some((before, after)) => format!("{before}{secret}@{after}"),
                None => rule.replace('@', secret),
            };
            assert_eq!(shown(&rule), *wanted, "{rule}");
            let text = format!(r#"{{"permissions":{{"allow":[{}]}}}}"#, Value::from(rule.as_str()));
            let read = claude::read(&jsonc::json(&text).unwrap(), 0, &"s".into());
            assert!(read.rules.len() + read.ignored.len() == 1);
            assert!(!format!("{:?}", read.ignored).contains(secret));
            for rule in &read.rules {
                let cover = rule.cover("agent:Bash");
                assert!(!rule.text.contains(secret), "{}", rule.text);
                assert!(!format!("{cover:?}").contains(secret), "{cover:?}");
            }
        }
    }
}

#[test]
fn rules_without_secrets_are_printed_as_they_are() {
    for rule in [
        "Bash(gh issue view:*)",
        "Bash(gh auth status:*)",
        "Bash(gh secret list)",
        "Bash(git push --force*)",
        "Bash(find . -path ./target -prune)",
        "Bash(cargo build --features=a)",
        "Bash(npm run test:*)",
        "Bash(python3.11 -m venv *)",
        "Edit(//srv/app/src/**/*.rs)",
        "WebFetch(domain:docs.example.com)",
        "mcp__github__get_issue",
    ] {
        assert_eq!(shown(rule), rule);
    }
}
