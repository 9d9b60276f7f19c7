//! The gate, as a team meets it: a repository with commits, the scripts of the pipelines, statuses and outputs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::common::{authgap_in, root};

const ACCOUNT: &str = "111122223333";

const CONFIG: &str = "\
identities:
  - match: \"aws:role/report*\"
    owner: data-team
    intent:
      allow:
        - {actions: [\"s3:GetObject\"], resources: [\"arn:aws:s3:::reports/*\"]}
        - {actions: [\"sqs:SendMessage\"], resources: [\"*\"]}
waivers:
  - finding: unjustified-grant
    identity: \"aws:role/ci-deploy\"
    reason: the new cluster is set up by hand until October
    owner: platform-team
    expires: 2026-10-31
gate: {fail_on: low}
";

/// A statement.
pub(crate) fn allow(actions: &[&str], resources: &[&str]) -> Value {
    json!({"Effect": "Allow", "Action": actions, "Resource": resources})
}

/// A role with inline policies.
pub(crate) fn role(name: &str, policies: &[(&str, Vec<Value>)]) -> Value {
    let policies: Vec<Value> = policies
        .iter()
        .map(|(name, statements)| {
            json!({"PolicyName": name,
                   "PolicyDocument": {"Version": "2012-10-17", "Statement": statements}})
        })
        .collect();
    json!({
        "Path": "/",
        "RoleName": name,
        "RoleId": "AROAEXAMPLE",
        "Arn": format!("arn:aws:iam::{ACCOUNT}:role/{name}"),
        "CreateDate": "2025-01-01T00:00:00Z",
        "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}]},
        "InstanceProfileList": [],
        "RolePolicyList": policies,
        "AttachedManagedPolicies": [],
        "Tags": []
    })
}

pub(crate) fn details(roles: &[Value]) -> Value {
    json!({"UserDetailList": [], "GroupDetailList": [], "RoleDetailList": roles, "Policies": []})
}

fn reporter(policies: &[(&str, Vec<Value>)]) -> Value {
    role("reporter", policies)
}

fn deployer(actions: &[&str]) -> Value {
    role("ci-deploy", &[("deploy", vec![allow(actions, &["arn:aws:ecs:*:*:service/staging/*"])])])
}

/// What the repository holds at first.
pub(crate) fn first() -> Value {
    details(&[
        reporter(&[("read", vec![read()]), ("other", vec![])]),
        deployer(&["ecs:UpdateService"]),
    ])
}

pub(crate) fn read() -> Value {
    allow(&["s3:GetObject"], &["arn:aws:s3:::reports/*"])
}

/// A folder with the files of a team.
pub(crate) struct Repo {
    dir: tempfile::TempDir,
}

impl Repo {
    pub(crate) fn new(iam: &Value) -> Repo {
        let repo = Repo { dir: tempfile::tempdir().expect("a folder") };
        fs::create_dir(repo.path().join("infra")).expect("a folder");
        repo.iam(iam);
        repo.write("authgap.yaml", CONFIG);
        repo
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path().join(name), text).expect("a file");
    }

    pub(crate) fn iam(&self, iam: &Value) {
        self.write("infra/iam.json", &serde_json::to_string(iam).expect("JSON"));
    }

    pub(crate) fn baseline(&self, args: &[&str]) {
        let mut all = vec!["baseline", "infra", "--as-of", "2026-09-01"];
        all.extend_from_slice(args);
        let run = authgap_in(self.path(), &all);
        assert_eq!(run.status, 0, "{}", run.stderr);
    }

    pub(crate) fn check(&self, args: &[&str]) -> crate::common::Run {
        let mut all = vec!["check", "infra", "--as-of", "2026-09-01"];
        all.extend_from_slice(args);
        authgap_in(self.path(), &all)
    }

    /// Runs git; `None` if there is none.
    pub(crate) fn git(&self, args: &[&str]) -> Option<Output> {
        Command::new("git")
            .current_dir(self.path())
            .args([
                "-c",
                "user.name=t",
                "-c",
                "user.email=t@example.com",
                "-c",
                "commit.gpgsign=false",
            ])
            .args(args)
            .output()
            .ok()
    }

    pub(crate) fn commit(&self, words: &str) {
        for args in [&["add", "-A"][..], &["commit", "-q", "--allow-empty", "-m", words][..]] {
            let output = self.git(args).expect("git");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
    }

    /// The script of the pipelines on what is there, against `main`.
    fn pipeline(&self, as_of: &str) -> (i32, String, String) {
        let output = Command::new("bash")
            .arg(script("action.sh"))
            .current_dir(self.path())
            .env("AUTHGAP", env!("CARGO_BIN_EXE_authgap"))
            .env("AUTHGAP_BASE", "main")
            .env("AUTHGAP_AS_OF", as_of)
            .env("AUTHGAP_PATHS", "infra\n")
            .env("TZ", "UTC")
            .env_remove("GITHUB_STEP_SUMMARY")
            .output()
            .expect("bash");
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
        (output.status.code().expect("a status"), text(&output.stdout), text(&output.stderr))
    }
}

pub(crate) fn script(name: &str) -> PathBuf {
    root().join("scripts/ci").join(name)
}

/// One change to the repository.
struct Change {
    name: &'static str,
    make: fn(&Repo),
    as_of: &'static str,
    status: i32,
    says: &'static str,
}

const TODAY: &str = "2026-09-01";

/// The ten changes, each made on what was merged before; one that fails is not merged.
const CHANGES: [Change; 10] = [
    Change {
        name: "grant added",
        make: |repo| {
            let more = vec![read(), allow(&["s3:PutObject"], &["arn:aws:s3:::reports/*"])];
            repo.iam(&details(&[reporter(&[("read", more)]), deployer(&["ecs:UpdateService"])]));
        },
        as_of: TODAY,
        status: 1,
        says: "adds s3:PutObject on arn:aws:s3:::reports/*",
    },
    Change {
        name: "grant widened",
        make: |repo| {
            let wide = vec![allow(&["s3:GetObject"], &["*"])];
            repo.iam(&details(&[reporter(&[("read", wide)]), deployer(&["ecs:UpdateService"])]));
        },
        as_of: TODAY,
        status: 1,
        says: "adds s3:GetObject on *",
    },
    Change {
        name: "grant moved between policies",
        make: |repo| {
            let moved = reporter(&[("read", vec![]), ("other", vec![read()])]);
            repo.iam(&details(&[moved, deployer(&["ecs:UpdateService"])]));
        },
        as_of: TODAY,
        status: 0,
        says: "PASS  0 new findings",
    },
    Change {
        name: "policies reformatted",
        make: |repo| {
            let twice = vec![
                allow(
                    &["s3:getobject"],
                    &["arn:aws:s3:::reports/*", "arn:aws:s3:::reports/2026/*"],
                ),
                read(),
            ];
            let iam = details(&[deployer(&["ecs:UpdateService"]), reporter(&[("other", twice)])]);
            repo.write("infra/iam.json", &serde_json::to_string_pretty(&iam).expect("JSON"));
        },
        as_of: TODAY,
        status: 0,
        says: "PASS  0 new findings",
    },
    Change {
        name: "grant removed",
        make: |repo| {
            repo.iam(&details(&[
                reporter(&[("read", vec![read()])]),
                deployer(&["ecs:DescribeServices"]),
            ]));
            // What is meant and used less is a smaller grant only.
            repo.iam(&details(&[reporter(&[("read", vec![read()])]), role("ci-deploy", &[])]));
        },
        as_of: TODAY,
        status: 0,
        says: "PASS  0 new findings",
    },
    Change {
        name: "excess under a waiver",
        make: |repo| {
            let more = deployer(&["ecs:UpdateService", "ecs:DeleteService"]);
            repo.iam(&details(&[reporter(&[("read", vec![read()])]), more]));
        },
        as_of: TODAY,
        status: 0,
        says: "1 waived, the first to 2026-10-31",
    },
    Change {
        name: "waiver ended",
        make: |_| {},
        as_of: "2026-11-01",
        status: 1,
        says: "FAIL  waiver ended 2026-10-31, 1 d ago: unjustified-grant of aws:role/ci-deploy, owner platform-team",
    },
    Change {
        name: "deny added",
        make: |repo| {
            let deny = json!({"Effect": "Deny", "Action": "s3:*", "Resource": "arn:aws:s3:::reports/private/*"});
            let more = deployer(&["ecs:UpdateService", "ecs:DeleteService"]);
            repo.iam(&details(&[reporter(&[("read", vec![read(), deny])]), more]));
        },
        as_of: TODAY,
        status: 0,
        says: "PASS  0 new findings",
    },
    Change {
        name: "baseline updated",
        make: |repo| {
            let before = fs::read_to_string(repo.path().join("infra/iam.json")).expect("a file");
            let more = vec![read(), allow(&["s3:PutObject"], &["arn:aws:s3:::reports/*"])];
            repo.iam(&details(&[reporter(&[("read", more)]), deployer(&["ecs:UpdateService"])]));
            repo.baseline(&["--update"]);
            repo.write("infra/iam.json", &before);
        },
        as_of: TODAY,
        status: 0,
        says: "adds  accepted grant s3:PutObject on arn:aws:s3:::reports/*",
    },
    Change {
        name: "identity renamed",
        make: |repo| {
            let more = vec![read(), allow(&["s3:PutObject"], &["arn:aws:s3:::reports/*"])];
            let all = [role("report-writer", &[("read", more)]), deployer(&["ecs:UpdateService"])];
            repo.iam(&details(&all));
        },
        as_of: TODAY,
        status: 0,
        says: "role/reporter is now arn:aws:iam::111122223333:role/report-writer",
    },
];

#[test]
fn the_gate_fails_on_exactly_the_changes_that_add_excess() {
    let repo = Repo::new(&first());
    if repo.git(&["init", "-q", "-b", "main"]).is_none_or(|output| !output.status.success()) {
        println!("skipped: no git");
        return;
    }
    repo.baseline(&[]);
    repo.commit("first");
    for change in &CHANGES {
        (change.make)(&repo);
        let (status, stdout, stderr) = repo.pipeline(change.as_of);
        assert_eq!(status, change.status, "{}:\n{stdout}\n{stderr}", change.name);
        assert!(stdout.contains(change.says), "{}:\n{stdout}\n{stderr}", change.name);
        let again = repo.pipeline(change.as_of);
        assert_eq!((status, &stdout, &stderr), (again.0, &again.1, &again.2), "{}", change.name);
        if status == 0 {
            repo.commit(change.name);
        } else {
            assert!(
                repo.git(&["checkout", "-q", "--", "."]).is_some_and(|one| one.status.success())
            );
        }
    }
    println!("{} changes", CHANGES.len());
}

#[test]
fn without_an_accepted_state_everything_is_judged_and_a_baseline_is_offered() {
    let repo = Repo::new(&first());
    let run = repo.check(&["--fail-on", "high"]);
    assert_eq!(run.status, 0, "{}{}", run.stdout, run.stderr);
    repo.iam(&details(&[role("lone", &[("all", vec![allow(&["s3:PutObject"], &["*"])])])]));
    let run = repo.check(&["--fail-on", "high"]);
    assert_eq!(run.status, 1, "{}{}", run.stdout, run.stderr);
    assert!(
        run.stdout
            .contains("next  authgap baseline infra --as-of 2026-09-01 -o authgap-baseline.jsonl"),
        "{}",
        run.stdout
    );
    repo.baseline(&[]);
    let run = repo.check(&[]);
    assert_eq!(run.status, 0, "{}{}", run.stdout, run.stderr);
}

#[test]
fn other_evidence_says_what_is_accepted() {
    let repo = Repo::new(&first());
    fs::create_dir(repo.path().join("before")).expect("a folder");
    fs::copy(repo.path().join("infra/iam.json"), repo.path().join("before/iam.json"))
        .expect("a copy");
    assert_eq!(repo.check(&["--against", "before"]).status, 0);
    repo.iam(&details(&[reporter(&[("read", vec![allow(&["s3:*"], &["*"])])])]));
    let run = repo.check(&["--against", "before"]);
    assert_eq!(run.status, 1, "{}{}", run.stdout, run.stderr);
    assert!(run.stdout.contains("a whole service"), "{}", run.stdout);
    // A folder without files accepts nothing.
    fs::remove_file(repo.path().join("before/iam.json")).expect("removed");
    repo.iam(&first());
    assert_eq!(repo.check(&["--against", "before", "--fail-on", "critical"]).status, 0);
    assert_eq!(repo.check(&["--against", "nowhere"]).status, 2);
}

#[test]
fn what_could_not_be_judged_is_never_a_pass() {
    let empty = tempfile::tempdir().expect("a folder");
    assert_eq!(authgap_in(empty.path(), &["check", "."]).status, 2);
    let repo = Repo::new(&first());
    repo.baseline(&[]);
    assert_eq!(repo.check(&[]).status, 0);
    // A file that speaks of grants and is cut.
    repo.write("infra/cut.json", "{\"Version\": \"2012-10-17\", \"Statement\": [{\"Effect\": \"Al");
    let run = repo.check(&[]);
    assert_eq!(run.status, 2, "{}{}", run.stdout, run.stderr);
    fs::remove_file(repo.path().join("infra/cut.json")).expect("removed");
    // A file that speaks of nothing.
    repo.write("infra/README.md", "words\n");
    assert_eq!(repo.check(&[]).status, 0);
    let text = fs::read_to_string(repo.path().join("authgap-baseline.jsonl")).expect("a file");
    for broken in ["", "{\"type\":\"grant\"}\n", "<<<<<<< ours\n", "[]\n"] {
        let whole = if broken.is_empty() { String::new() } else { format!("{text}{broken}") };
        repo.write("authgap-baseline.jsonl", &whole);
        let run = repo.check(&[]);
        assert_eq!(run.status, 2, "{broken}: {}{}", run.stdout, run.stderr);
    }
    repo.write("authgap-baseline.jsonl", &text);
    assert_eq!(repo.check(&["--baseline", "missing.jsonl"]).status, 2);
    repo.write("authgap.yaml", "gaet: {}\n");
    assert_eq!(repo.check(&[]).status, 2);
}

#[test]
fn an_update_keeps_reasons_and_prunes_only_when_asked() {
    let repo = Repo::new(&details(&[role("lone", &[("all", vec![allow(&["s3:*"], &["*"])])])]));
    repo.baseline(&[]);
    let path = repo.path().join("authgap-baseline.jsonl");
    let text = fs::read_to_string(&path).expect("a file");
    assert!(text.contains("wildcard-grant"), "{text}");
    let reasoned = text.replacen("\"reason\":\"\"", "\"reason\":\"until the migration\"", 1);
    assert_ne!(reasoned, text);
    fs::write(&path, &reasoned).expect("written");
    let run = authgap_in(repo.path(), &["baseline", "infra"]);
    assert_eq!(run.status, 2, "an existing file is not overwritten: {}", run.stderr);
    repo.baseline(&["--update"]);
    assert_eq!(fs::read_to_string(&path).expect("a file"), reasoned, "no change without a change");
    // Lines in any order and twice, as a union merge leaves them.
    let mut lines: Vec<&str> = reasoned.lines().rev().collect();
    lines.extend(reasoned.lines());
    fs::write(&path, lines.join("\n")).expect("written");
    repo.baseline(&["--update"]);
    assert_eq!(fs::read_to_string(&path).expect("a file"), reasoned);
    repo.iam(&details(&[role("lone", &[("all", vec![allow(&["s3:GetObject"], &["*"])])])]));
    repo.baseline(&["--update"]);
    let kept = fs::read_to_string(&path).expect("a file");
    assert!(kept.contains("until the migration") && kept.contains("\"s3:*\""), "{kept}");
    repo.baseline(&["--update", "--prune"]);
    let pruned = fs::read_to_string(&path).expect("a file");
    assert!(!pruned.contains("until the migration") && !pruned.contains("\"s3:*\""), "{pruned}");
}

/// Names that terminals, build systems and formats could obey.
pub(crate) const HOSTILE: [&str; 7] = [
    "a\u{1b}[31mred",
    "::error file=x::forged",
    "x\n::error::forged",
    "##[error]forged",
    "]]>end",
    "a|b`c",
    "\u{202e}rtl <b>",
];

#[test]
fn hostile_names_are_shown_and_not_obeyed() {
    let repo = Repo::new(&first());
    repo.baseline(&[]);
    let statement = |sid: &str| {
        json!({"Sid": sid, "Effect": "Allow", "Action": ["s3:PutObject", format!("{sid}:*")],
               "Resource": [format!("arn:aws:s3:::{sid}/*")]})
    };
    let policies: Vec<(&str, Vec<Value>)> =
        HOSTILE.iter().map(|name| (*name, vec![statement(name)])).collect();
    let roles: Vec<Value> = HOSTILE.iter().map(|name| role(name, &policies)).collect();
    repo.iam(&details(&roles));
    fs::rename(repo.path().join("infra/iam.json"), repo.path().join("infra/::error::iam.json"))
        .expect("renamed");
    let run = repo.check(&["-o", "r.json", "-o", "r.md"]);
    assert_eq!(run.status, 1, "{}{}", run.stdout, run.stderr);
    let markdown = fs::read_to_string(repo.path().join("r.md")).expect("a file");
    for text in [&run.stdout, &run.stderr] {
        assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'), "{text}");
        assert!(!text.contains("##["), "{text}");
        for line in text.lines() {
            assert!(!line.trim_start().starts_with("::"), "{line}");
        }
    }
    assert!(!markdown.contains('\u{1b}'), "{markdown}");
    for line in markdown.lines() {
        assert!(!line.trim_start().starts_with("::"), "{line}");
        let outside: String = line.split('`').step_by(2).collect();
        assert!(!outside.contains("<b>"), "{line}");
    }
    let report = fs::read(repo.path().join("r.json")).expect("a file");
    let _: Value = serde_json::from_slice(&report).expect("JSON");
    // The names come back from a baseline as they went in.
    repo.baseline(&["--update", "--prune"]);
    let run = repo.check(&[]);
    assert_eq!(run.status, 0, "{}{}", run.stdout, run.stderr);
    let other = authgap_in(repo.path(), &["diff", "infra", "infra", "--format", "markdown"]);
    assert_eq!(other.status, 0, "{}", other.stderr);
    assert!(!other.stdout.contains('\u{1b}'));
}

#[test]
fn a_closed_output_does_not_turn_a_failure_into_a_success() {
    let repo =
        Repo::new(&details(&[role("lone", &[("all", vec![allow(&["s3:PutObject"], &["*"])])])]));
    let mut child = Command::new(env!("CARGO_BIN_EXE_authgap"))
        .current_dir(repo.path())
        .args(["check", "infra", "--as-of", "2026-09-01"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    drop(child.stdout.take());
    assert_eq!(child.wait().expect("ends").code(), Some(1));
}

#[test]
fn an_earlier_report_gives_the_use_that_justifies_a_grant() {
    let repo = Repo::new(&first());
    fs::remove_file(repo.path().join("authgap.yaml")).expect("removed");
    let demo = root().join("fixtures/demo");
    let demo = demo.to_str().expect("UTF-8");
    let run = authgap_in(repo.path(), &["analyze", demo, "-o", "last.json"]);
    assert_eq!(run.status, 0, "{}", run.stderr);
    let iam: Value = serde_json::from_slice(
        &fs::read(root().join("fixtures/demo/aws/account-authorization-details.json"))
            .expect("a file"),
    )
    .expect("JSON");
    repo.iam(&iam);
    let mut before = iam.clone();
    let roles = before["RoleDetailList"].as_array_mut().expect("roles");
    for role in roles {
        if role["RoleName"] == "report-worker" {
            role["RolePolicyList"] = json!([]);
            role["AttachedManagedPolicies"] = json!([]);
        }
    }
    fs::create_dir(repo.path().join("before")).expect("a folder");
    repo.write("before/iam.json", &before.to_string());
    let actions = |paths: &[&str]| -> Vec<String> {
        let mut args = vec!["check", "--against", "before", "-o", "out.json"];
        args.extend_from_slice(paths);
        let run = authgap_in(repo.path(), &args);
        assert!(run.status < 2, "{}{}", run.stdout, run.stderr);
        let report: Value =
            serde_json::from_slice(&fs::read(repo.path().join("out.json")).expect("a file"))
                .expect("JSON");
        let found = report["findings"].as_array().expect("findings").iter();
        found
            .filter(|one| one["kind"] == "unjustified-grant")
            .flat_map(|one| one["actions"].as_array().cloned().unwrap_or_default())
            .map(|action| action.as_str().unwrap_or_default().to_string())
            .collect()
    };
    let without = actions(&["infra"]);
    let with = actions(&["infra", "last.json"]);
    assert!(without.contains(&"kms:Decrypt".to_string()), "{without:?}");
    assert!(!with.contains(&"kms:Decrypt".to_string()), "{with:?}");
    assert!(with.contains(&"glue:DeleteTable".to_string()), "{with:?}");
}

#[test]
fn a_difference_is_of_grants_and_not_of_words() {
    let repo = Repo::new(&first());
    fs::create_dir(repo.path().join("after")).expect("a folder");
    let moved =
        details(&[reporter(&[("elsewhere", vec![read()])]), deployer(&["ecs:UpdateService"])]);
    repo.write("after/iam.json", &serde_json::to_string_pretty(&moved).expect("JSON"));
    let run = authgap_in(repo.path(), &["diff", "infra", "after"]);
    assert_eq!(run.status, 0, "{}", run.stderr);
    assert!(run.stdout.contains("No identity, permission or finding differs."), "{}", run.stdout);
    let wider = details(&[
        reporter(&[(
            "read",
            vec![allow(&["s3:GetObject", "s3:PutObject"], &["arn:aws:s3:::reports/*"])],
        )]),
        role("newcomer", &[("x", vec![allow(&["sqs:SendMessage"], &["*"])])]),
    ]);
    repo.write("after/iam.json", &wider.to_string());
    let run = authgap_in(repo.path(), &["diff", "infra", "after", "--format", "json"]);
    assert_eq!(run.status, 0, "{}", run.stderr);
    let diff: Value = serde_json::from_str(&run.stdout).expect("JSON");
    assert_eq!(diff["identities_gained"][0]["name"], "aws:role/newcomer");
    assert_eq!(diff["identities_lost"][0]["name"], "aws:role/ci-deploy");
    assert_eq!(diff["permissions_gained"][0]["actions"], json!(["s3:PutObject"]));
    assert_eq!(diff["permissions_lost"], json!([]));
    // The same by two reports.
    for (folder, name) in [("infra", "old.json"), ("after", "new.json")] {
        let run = authgap_in(
            repo.path(),
            &["analyze", folder, "--config", "authgap.yaml", "--expand", "-o", name],
        );
        assert_eq!(run.status, 0, "{}", run.stderr);
    }
    let run = authgap_in(repo.path(), &["diff", "old.json", "new.json", "--format", "json"]);
    let reports: Value = serde_json::from_str(&run.stdout).expect("JSON");
    assert_eq!(reports["permissions_gained"][0]["actions"], json!(["s3:PutObject"]));
    assert_eq!(reports["identities_gained"], diff["identities_gained"]);
}

#[test]
fn the_scripts_of_the_pipelines_parse_and_refuse_bad_input() {
    for name in ["check.sh", "install.sh", "action.sh"] {
        let output = Command::new("bash").arg("-n").arg(script(name)).output().expect("bash");
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    }
    let repo = Repo::new(&first());
    let run = |base: &str, paths: &[&str]| {
        Command::new("bash")
            .arg(script("check.sh"))
            .args(paths)
            .current_dir(repo.path())
            .env("AUTHGAP_BASE", base)
            .env("AUTHGAP", env!("CARGO_BIN_EXE_authgap"))
            .output()
            .expect("bash")
            .status
            .code()
    };
    if repo.git(&["init", "-q", "-b", "main"]).is_none_or(|output| !output.status.success()) {
        println!("skipped: no git");
        return;
    }
    repo.commit("first");
    assert_eq!(run("main", &[]), Some(2));
    assert_eq!(run("no-such-branch", &["infra"]), Some(2));
    assert_eq!(run("--output=x", &["infra"]), Some(2));
    assert_eq!(run("main", &["infra"]), Some(0));
    // action.yml runs these scripts and nothing else; inputs reach them as variables.
    let action = fs::read_to_string(root().join("action.yml")).expect("a file");
    let runs: Vec<&str> =
        action.lines().filter_map(|line| line.trim().strip_prefix("run: ")).collect();
    assert_eq!(
        runs,
        ["'\"$ACTION_PATH/scripts/ci/install.sh\"'", "'\"$ACTION_PATH/scripts/ci/action.sh\"'"]
    );
}
