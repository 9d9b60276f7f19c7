use super::*;
use crate::model::{IdentityKind, Label};

fn load(root: &std::path::Path, folder: &str) -> Vec<(String, String)> {
    let mut files = Vec::new();
    let mut open = vec![root.join(folder)];
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else {
            let name = path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/");
            files.push((name, std::fs::read_to_string(&path).unwrap()));
        }
    }
    files.sort_unstable();
    files
}

fn sample(folder: &str) -> Option<Run> {
    let files = load(&shared("aws/grants")?, folder);
    let files: Vec<(&str, &str)> = files.iter().map(|(p, t)| (p.as_str(), t.as_str())).collect();
    let logs = LogSummary { as_of: Some(time("2021-06-01")), ..LogSummary::default() };
    Some(run_with(&files, &logs))
}

const ACCOUNT: &str = "arn:aws:iam::123456789012:";

#[test]
fn cloudmapper_identities_and_links() {
    let Some(run) = sample("cloudmapper-demo") else {
        return;
    };
    let described: Vec<&Identity> =
        run.tables.identities.iter().filter(|row| row.has_grant_evidence).collect();
    let users = described.iter().filter(|row| row.kind == IdentityKind::User).count();
    let roles = described.iter().filter(|row| row.kind == IdentityKind::Role).count();
    assert_eq!((users, roles), (2, 4));
    // The malformed ARN of the group does not break the join by name.
    assert!(described.iter().all(|row| row.holes.is_empty()), "{described:?}");
    let links = &run.tables.links;
    let bad_role = format!("{ACCOUNT}role/bad_role");
    assert!(links.iter().any(|link| &*link.from == "*" && *link.to == *bad_role));
    let level1 = run.identity(&format!("{ACCOUNT}role/service-role/level1"));
    assert_eq!(&*level1.name, "aws:role/level1");
    let alias = ("aws".into(), format!("{ACCOUNT}role/level1").into(), level1.id.clone());
    assert!(run.tables.aliases.contains(&alias));
    assert!(run.notes().contains("get-role calls it arn:aws:iam::123456789012:role/level1"));
    // `AROA...` is a placeholder that four roles share.
    assert!(!run.tables.aliases.iter().any(|(_, name, _)| &**name == "AROA..."));
}

#[test]
fn cloudmapper_reports_belong_to_the_roles_of_their_jobs() {
    let Some(run) = sample("cloudmapper-demo") else {
        return;
    };
    let mut lines: Vec<String> =
        run.claims(Source::LastAccessedService).into_iter().map(line).collect();
    lines.sort();
    let at = "2019-04-15T04:19:00Z/2019-04-15T04:19:01Z";
    let expected: Vec<String> = ["bad_role", "exfiller", "level3", "service-role/level1"]
        .iter()
        .map(|name| format!("role/{name} logs:* attempted all * * {at}"))
        .collect();
    assert_eq!(lines, expected);
}

#[test]
fn cloudmapper_credentials() {
    let Some(run) = sample("cloudmapper-demo") else {
        return;
    };
    let find = |user: &str, id: &str| {
        let all = &run.tables.credentials;
        all.iter()
            .find(|one| *one.identity == *format!("{ACCOUNT}{user}") && &*one.id == id)
            .unwrap()
    };
    let key = find("user/auditor_tmp", "access key 1");
    assert!(key.never && key.active == Some(true) && key.last_used.is_none());
    let key = find("root", "access key 1");
    assert_eq!(key.last_used, Some(time("2018-11-27T00:02:00Z")));
    assert_eq!(find("root", "password").last_used, Some(time("2019-03-03T16:58:16Z")));
    let root = run.identity(&format!("{ACCOUNT}root"));
    assert_eq!(root.kind, IdentityKind::Root);
    assert!(run.identity(&format!("{ACCOUNT}user/user")).is(Label::Mixed));
    assert!(run.identity(&format!("{ACCOUNT}user/auditor_tmp")).labels.is_empty());
}

#[test]
fn cloudmapper_resource_policies_find_their_resources() {
    let Some(run) = sample("cloudmapper-demo") else {
        return;
    };
    let reader = format!("{ACCOUNT}role/exfiller");
    let answer = run.decide(&reader, "s3:GetObject", Some("arn:aws:s3:::cloudmapper_demo/x"));
    assert!(!answer.missing.iter().any(|text| text.starts_with("the policy of")), "{answer:?}");
    let answer = run.decide(&reader, "s3:GetObject", Some("arn:aws:s3:::elsewhere/x"));
    assert!(answer.missing.iter().any(|text| text.starts_with("the policy of")), "{answer:?}");
}

#[test]
fn cloudsplaining_facts() {
    let Some(run) = sample("cloudsplaining") else {
        return;
    };
    assert_eq!(run.tables.identities.len(), 6);
    assert!(run.tables.identities.iter().all(|row| row.holes.is_empty()));
    let arn = |rest: &str| format!("arn:aws:iam::012345678901:{rest}");
    let answer = run.decide(&arn("user/obama"), "iam:CreateUser", Some("*"));
    assert_eq!(answer.verdict.as_str(), "allow");
    let role = run.identity(&arn("role/OverprivilegedEC2"));
    assert_eq!(role.workload.as_deref(), Some("an EC2 instance"));
    assert_eq!(role.last_used, Some(time("2019-01-20T18:48:00Z")));
    assert!(run.tables.links.iter().any(|link| &*link.mechanism == "instance profile"));
    // Of the other two roles the export says that they were never used.
    assert!(run.claims(Source::LastUsed).is_empty(), "the export is older than the period");
}

#[test]
fn no_cut_of_a_sample_is_a_panic() {
    let Some(root) = shared("aws/grants") else {
        return;
    };
    for (path, text) in load(&root, ".") {
        let sample = Sample {
            path: &path,
            head: text.as_bytes().get(..65_536).unwrap_or(text.as_bytes()),
            is_whole: text.len() <= 65_536,
        };
        let Some(kind) = Aws.detect(&sample).map(|detected| detected.kind) else {
            continue;
        };
        for cut in (0..64).map(|part| text.len() * part / 64) {
            let head = String::from_utf8_lossy(&text.as_bytes()[..cut]).into_owned();
            let mut estate = Aws.estate(&Default::default());
            let document = Document { file: 0, path: &path, context: "", bytes: head.as_bytes() };
            let mut intake = Intake::default();
            estate.read(kind, &document, &mut intake);
            estate.finish(&LogSummary::default(), &mut Tables::default());
            let whole = cut + 1 >= text.trim_end().len();
            let told = intake.rejected_count > 0 || kind.role != Role::Document;
            assert!(whole || told || kind.id == "aws-credential-report", "{path} at {cut}");
        }
    }
}
