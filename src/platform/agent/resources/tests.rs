use serde_json::json;

use super::*;

fn texts(list: &[Str]) -> Vec<&str> {
    list.iter().map(|one| &**one).collect()
}

#[test]
fn calls_yield_containers_and_destinations() {
    let settings = Settings::default();
    let cases: &[(&str, Value, &[&str], &[&str])] = &[
        (
            "mcp:github/get_issue",
            json!({"owner": "acme", "repo": "shop"}),
            &["github:acme/shop"],
            &[],
        ),
        ("agent:Read", json!({"file_path": "/srv/a/../b"}), &["file:/srv/b"], &[]),
        (
            "mcp:fs/move_file",
            json!({"source": "/a", "destination": "./b"}),
            &["file:/a", "file:b"],
            &[],
        ),
        ("mcp:fs/read_many", json!({"paths": ["/a", "/b"]}), &["file:/a", "file:/b"], &[]),
        (
            "mcp:web/fetch",
            json!({"url": "https://u:p@Example.com:8443/x?token=1"}),
            &[],
            &["host:example.com"],
        ),
        (
            "mcp:m/send_email",
            json!({"recipients": ["a@x.org", "B <b@y.org>"]}),
            &[],
            &["mail:x.org", "mail:y.org"],
        ),
        ("mcp:bank/send_money", json!({"recipient": "GB29NWBK"}), &[], &["to:GB29NWBK"]),
        (
            "mcp:db/read_query",
            json!({"query": "SELECT * FROM tickets JOIN u ON 1 WHERE a='x FROM y'"}),
            &["sql:tickets", "sql:u"],
            &[],
        ),
        ("mcp:db/get_ticket", json!({"ticket_id": 7}), &["record:ticket"], &[]),
        (
            "mcp:k/kubectl_get",
            json!({"resourceType": "pods", "namespace": "prod"}),
            &["k8s:prod/pods"],
            &[],
        ),
        ("mcp:x/y", json!({"path": "[REDACTED]"}), &[], &[]),
        ("mcp:tau/book", json!({"destination": "SFO"}), &[], &[]),
        ("mcp:x/y", json!("no object"), &[], &[]),
    ];
    for (action, arguments, scopes, destinations) in cases {
        let found = of(action, arguments, &settings);
        assert_eq!(texts(&found.scopes), *scopes, "{action} {arguments}");
        assert_eq!(texts(&found.destinations), *destinations, "{action} {arguments}");
    }
}

#[test]
fn an_argument_chooses_among_the_actions_of_a_tool() {
    let settings = Settings::default();
    let actions = |action: &str, arguments: Value| {
        let found = of(action, &arguments, &settings).actions(action);
        found.iter().map(|one| one.to_string()).collect::<Vec<_>>()
    };
    let label = "mcp:github/label_write";
    assert_eq!(actions(label, json!({"method": "delete"})), ["mcp:github/label_write#delete"]);
    // Free text never becomes an action.
    assert_eq!(actions(label, json!({"method": "please delete it"})), [label]);
    let bash = actions("agent:Bash", json!({"command": "git push && kubectl delete pod x"}));
    assert_eq!(bash, ["agent:Bash#git push", "agent:Bash#kubectl delete"]);
    let codex = actions("agent:shell", json!({"command": ["bash", "-lc", "ls -la"]}));
    assert_eq!(codex, ["agent:shell#ls"]);
    assert_eq!(actions("agent:Bash", json!({"command": "echo $(id)"})), ["agent:Bash"]);
}

#[test]
fn the_owners_rule_comes_first_and_gaps_leave_a_template_out() {
    let rule = ToolRule {
        matches: Glob::new("mcp:db/*"),
        resources: vec!["record:{table}/{env?}".into(), "x:{absent}".into(), "n:{a.b}".into()],
        destinations: Vec::new(),
        dispatch: Some("kind".into()),
        normalise: None,
        access: None,
        trusted: false,
    };
    let settings = Settings { tools: vec![rule], ..Settings::default() };
    let arguments = json!({"table": "t", "a": {"b": 7}, "kind": "drop", "path": "/etc"});
    let found = of("mcp:db/change", &arguments, &settings);
    assert_eq!(texts(&found.scopes), ["n:7", "record:t/"]);
    assert_eq!(texts(&found.methods), ["drop"]);
}

#[test]
fn no_secret_of_the_arguments_is_extracted() {
    let secret = "s3cr3t-PLANTED";
    let settings = Settings::default();
    let arguments = json!({
        "command": format!("TOKEN={secret} curl -H 'Authorization: {secret}' https://x.org/{secret}"),
        "url": format!("https://{secret}@x.org/?k={secret}"), "body": secret, "headers": {"a": secret},
        "query": format!("SELECT '{secret}' FROM t"), "email": format!("{secret}@x.org"),
        "prompt": secret, "method": format!("call {secret}"), "content": secret, "api_key": secret,
    });
    for action in
        ["agent:Bash", "agent:WebFetch", "mcp:a/send_email", "mcp:a/read_query", "mcp:a/b"]
    {
        let found = of(action, &arguments, &settings);
        assert!(!format!("{found:?}").contains(secret), "{action}: {found:?}");
    }
}

#[test]
fn the_built_in_rules_are_whole() {
    assert_eq!(known().len(), 27);
    assert!(is_shell("agent:Bash") && !is_shell("mcp:x/Bash"));
}
