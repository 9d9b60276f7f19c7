//! A small estate, made by hand, in every format: an administrator, holes, hostile names, an identity of which
//! nothing could be concluded, folded ones; and reports without time and without anybody judged.

use std::collections::BTreeMap;

use super::filter::{Filter, SplitBy, split};
use super::model::*;
use super::*;
use crate::findings::Severity;
use crate::gap::{Counts, Reason, ScoreTerm, Status};
use crate::intent::Facet;
use crate::model::{Str, Time};

/// What a hostile name holds: an escape, an override, a break, Markdown, HTML, a formula, a wide letter.
pub(super) const HOSTILE: &str = "=agent\u{1b}[31m\u{202e}\n|`</code>[x](http://y)<b>部";

pub(super) fn stamp(text: &str) -> Stamp {
    Stamp(Time::parse(text).unwrap_or_default())
}

pub(super) fn strs(texts: &[&str]) -> Vec<Str> {
    texts.iter().map(|text| (*text).into()).collect()
}

pub(super) fn identity(id: &str, name: &str, statuses: &[(Status, u64)]) -> IdentityOut {
    let by_status: BTreeMap<Status, u64> = statuses.iter().copied().collect();
    let of = |status: Status| by_status.get(&status).copied().unwrap_or(0);
    let granted = [Status::Used, Status::OutOfScope, Status::Drift, Status::Stale, Status::Excess];
    let observable = granted.into_iter().map(of).sum::<u64>();
    IdentityOut {
        id: id.into(),
        platform: "aws".into(),
        kind: "role".to_string(),
        name: name.into(),
        account: "111122223333".into(),
        owner: Some("data-team".into()),
        environment: Some("production".into()),
        purpose: None,
        workload: Some("an ECS task".into()),
        labels: Vec::new(),
        judged: true,
        administrator: None,
        created: Some(stamp("2025-01-14")),
        expires: None,
        last_used: Some(stamp("2026-08-31T10:00:00Z")),
        holes: Vec::new(),
        credentials: Vec::new(),
        counts: Counts {
            granted: observable + of(Status::Unknown),
            observable,
            used: of(Status::Used),
            excess: of(Status::Excess),
            stale: of(Status::Stale),
            unknown: of(Status::Unknown),
            drift: of(Status::Drift),
            out_of_scope: of(Status::OutOfScope),
            unexplained: of(Status::Unexplained),
            shortfall: of(Status::Shortfall),
            denied: 0,
        },
        by_status,
        access_levels: BTreeMap::new(),
        gap_score: Some(55),
        score_terms: Vec::new(),
        active_days: 64,
        observed_days: 90,
        grants: Vec::new(),
        reach: Vec::new(),
        permissions: Vec::new(),
        place: None,
    }
}

fn row(action: &str, status: Status) -> PermissionOut {
    PermissionOut {
        action: action.into(),
        folded: 1,
        status,
        reason: None,
        facet: None,
        resources: Vec::new().into(),
        granted_by: vec![0].into(),
        conditional: false,
        first_used: None,
        last_used: None,
        uses: 0,
        denied: 0,
        observed_days: 0,
        basis: Vec::new().into(),
        note: None,
    }
}

fn worker() -> IdentityOut {
    let statuses =
        [(Status::Used, 7), (Status::Stale, 1), (Status::Excess, 2), (Status::Unknown, 4)];
    let id = "arn:aws:iam::111122223333:role/report-worker";
    let mut one = identity(id, "aws:role/report-worker", &statuses);
    one.holes =
        vec!["arn:aws:iam::111122223333:policy/gone: what it grants is not known".to_string()];
    one.score_terms = vec![
        ScoreTerm { status: Status::Used, granted: 19.0, unsupported: 7.4 },
        ScoreTerm { status: Status::Excess, granted: 7.0, unsupported: 7.0 },
    ];
    one.grants = vec![GrantOut {
        origin: "report-worker/Secrets".to_string().into(),
        places: vec!["demo/aws/iam.json:412:20".to_string().into()],
        via: None,
        decision: "allow".to_string().into(),
        actions: 3,
        services: strs(&["secretsmanager"]),
        resources: strs(&["*"]),
        except: Vec::new(),
        conditions: Vec::new(),
    }];
    one.credentials = vec![CredentialOut {
        id: "AKIAIOSFODNN7EXAMPLE".into(),
        kind: "access-key".into(),
        created: Some(stamp("2024-01-01")),
        last_used: None,
        never_used: false,
        active: Some(true),
    }];
    one.permissions = vec![
        PermissionOut {
            uses: 12,
            last_used: Some(stamp("2026-04-18")),
            ..row("glue:GetPartitions", Status::Stale)
        },
        PermissionOut {
            uses: 1_204,
            last_used: Some(stamp("2026-08-31")),
            resources: strs(&["a", "b", "c", "d", "e", "… and 36 more"]).into(),
            ..row("secretsmanager:GetSecretValue", Status::Used)
        },
        PermissionOut {
            uses: 90,
            last_used: Some(stamp("2026-08-31")),
            ..row("secretsmanager:DescribeSecret", Status::Used)
        },
        PermissionOut {
            folded: 4,
            reason: Some(Reason::NotLogged),
            basis: strs(&["S3 object data events are off"]).into(),
            ..row("s3:*", Status::Unknown)
        },
        PermissionOut {
            observed_days: 181,
            basis: strs(&["management events"]).into(),
            ..row("glue:DeleteTable", Status::Excess)
        },
    ];
    one
}

fn agent() -> IdentityOut {
    let statuses = [(Status::Used, 2), (Status::OutOfScope, 1), (Status::Drift, 6)];
    IdentityOut {
        kind: "agent".to_string(),
        platform: "generic".into(),
        account: "helpdesk".into(),
        owner: None,
        gap_score: Some(92),
        permissions: vec![PermissionOut {
            uses: 3,
            facet: Some(Facet::Action),
            ..row("record:update", Status::OutOfScope)
        }],
        ..identity(HOSTILE, HOSTILE, &statuses)
    }
}

fn admin() -> IdentityOut {
    let id = "arn:aws:iam::111122223333:role/ops-admin";
    let mut one =
        identity(id, "aws:role/ops-admin", &[(Status::Used, 37), (Status::Excess, 20_418)]);
    one.administrator = Some("AdministratorAccess".into());
    one
}

fn blind() -> IdentityOut {
    let id = "arn:aws:iam::111122223333:role/blind";
    let mut one = identity(id, "aws:role/blind", &[(Status::Unknown, 10)]);
    (one.gap_score, one.last_used) = (None, None);
    one
}

fn folded(name: &str, label: &str) -> IdentityOut {
    let mut one = identity(name, name, &[(Status::Excess, 5)]);
    (one.judged, one.labels) = (false, vec![label.to_string()]);
    one
}

pub(super) fn finding(
    fingerprint: &str,
    severity: Severity,
    kind: &str,
    identity: &str,
) -> FindingOut {
    FindingOut {
        fingerprint: fingerprint.into(),
        kind: kind.into(),
        facet: None,
        severity,
        state: "new".into(),
        waiver: None,
        identity: identity.into(),
        subject: "record".into(),
        title: "record:update, 3 calls".to_string().into(),
        actions: strs(&["record:update"]),
        resources: strs(&["crm-prod/contacts"]).into(),
        date: Some(stamp("2026-08-27")),
        age_note: None,
        evidence: vec![Evidence {
            side: "use".to_string().into(),
            file: "demo/calls.jsonl".to_string().into(),
            line: Some(88),
            column: Some(1),
            record: None,
            text: "record:update crm-prod, allowed".to_string().into(),
        }],
        frameworks: crate::frameworks::of_kind("unused-permission").to_vec().into(),
        remedy: "remove the tool or widen the intent".to_string().into(),
        shared_with: 2,
    }
}

fn summary() -> Summary {
    let by_status = BTreeMap::from([
        (Status::Used, 9),
        (Status::OutOfScope, 1),
        (Status::Drift, 6),
        (Status::Stale, 1),
        (Status::Excess, 2),
        (Status::Unknown, 14),
    ]);
    Summary {
        judged: 4,
        with_findings: 3,
        with_excess: 3,
        administrators: 1,
        folded: BTreeMap::from([("human".to_string(), 4), ("service-linked".to_string(), 2)]),
        counts: Counts { granted: 33, observable: 19, ..Counts::default() },
        by_status,
        median_gap: Some(55),
        findings: BTreeMap::from([
            (Severity::Critical, 1),
            (Severity::High, 2),
            (Severity::Medium, 1),
        ]),
        with_owner: 3,
        fully_observable: 2,
        with_usage: 3,
        worst: vec![Worst {
            identity: HOSTILE.into(),
            name: HOSTILE.into(),
            text: "out-of-scope-action: record:update, 3 calls, 2026-08-27, 5 d".to_string(),
            finding: "5e0c91b7d2a4f306".into(),
        }],
        unknown: vec![UnknownGroup {
            reason: Reason::NotLogged,
            permissions: 14,
            resolves: vec![("S3 object data events".to_string(), 10)],
        }],
        unknown_identities: 2,
        shorter: vec![Shorter { days: 30, permissions: 0, identities: 0 }],
        observed: vec!["aws management events 90 of 90 d".to_string()],
        events: 1_000,
        duplicates: 3,
        remarks: vec![Remark { text: "error codes not known: `x`".to_string(), events: 1_234 }],
        notes: vec![format!("contradiction in {HOSTILE}")],
    }
}

pub(super) fn estate() -> Report {
    let worker = worker();
    let findings = vec![
        finding("5e0c91b7d2a4f306", Severity::Critical, "out-of-scope-action", HOSTILE),
        FindingOut {
            state: "waived".into(),
            waiver: Some("waived to 2027-01-31: break-glass".to_string()),
            ..finding("b70e4d92b70e4d92", Severity::High, "administrative-grant", &admin().id)
        },
        FindingOut {
            date: None,
            age_note: Some("not in 181 d".to_string().into()),
            title: format!(
                "{} secretsmanager:{} on {HOSTILE}",
                "many words ".repeat(20),
                "x".repeat(99)
            )
            .into(),
            ..finding("d95a2c67d95a2c67", Severity::High, "sensitive-without-condition", &worker.id)
        },
        finding("25e7b0c425e7b0c4", Severity::Medium, "coverage-gap", "aws:account/111122223333"),
    ];
    let recommendations = vec![Recommendation {
        identity: worker.id.clone(),
        keep: vec![advised("secretsmanager:GetSecretValue", 1, Status::Used)],
        remove: vec![advised("glue:DeleteTable", 2, Status::Excess)],
        review: vec![advised("s3:*", 4, Status::Unknown)],
        frameworks: crate::frameworks::of_recommendation(),
    }];
    Report {
        schema: SCHEMA.to_string(),
        tool: Tool {
            name: "authgap".to_string(),
            version: "0.1.0".to_string(),
            arguments: vec!["analyze".to_string()],
        },
        catalogue: Vec::new(),
        as_of: Some(stamp("2026-09-01T06:12:00Z")),
        as_of_basis: "newest event".to_string(),
        window: Some(WindowOut {
            days: 90,
            from: stamp("2026-06-03T06:12:00Z"),
            to: stamp("2026-09-01T06:12:00Z"),
            stale_after_days: 90,
        }),
        inputs: vec![
            input("demo/calls.jsonl", "generic usage", 412, 1),
            input(&format!("demo/{HOSTILE}"), "", 0, 0),
        ],
        coverage: vec![Coverage {
            platform: "aws".into(),
            account: "111122223333".into(),
            region: "eu-west-1".into(),
            class: "management events".to_string(),
            access: "all".to_string(),
            resources: None,
            from: Some(stamp("2026-03-02")),
            to: Some(stamp("2026-09-01")),
            observed_days: 90,
            gaps: vec!["2026-04-04/2026-04-06".to_string()],
            basis: "records in 182 CloudTrail files".into(),
        }],
        summary: summary(),
        rollups: Vec::new(),
        identities: vec![
            agent(),
            admin(),
            worker,
            blind(),
            folded("aws:role/linked-1", "service-linked"),
            folded("aws:role/linked-2", "service-linked"),
        ],
        findings,
        recommendations,
        links: Vec::new(),
    }
}

fn advised(action: &str, folded: u32, status: Status) -> Advised {
    Advised {
        action: action.into(),
        folded,
        status,
        reason: None,
        resources: strs(&["*"]).into(),
        shared_with: 0,
    }
}

fn input(path: &str, kind: &str, records: u64, rejected: u64) -> Input {
    let place = format!("{path}:212:1");
    let rejects =
        (0..rejected).map(|_| Rejected { place: place.clone(), reason: "no time".to_string() });
    Input {
        path: path.to_string(),
        sha256: "9f2c".to_string(),
        kind: kind.to_string(),
        records,
        used: records.saturating_sub(rejected),
        rejected_count: rejected,
        rejected: rejects.collect(),
        notes: Vec::new(),
    }
}

fn view(table: TableKind, width: usize) -> View {
    View { table, width, command_paths: vec!["demo".to_string()], ..View::default() }
}

pub(super) fn written(format: &str, report: &Report, view: &View) -> String {
    let mut out = Vec::new();
    by_id(format).expect("known").write(report, view, &mut out).expect("a vector takes all");
    String::from_utf8(out).expect("UTF-8")
}

fn terminal(report: &Report, table: TableKind, width: usize) -> String {
    written("table", report, &view(table, width))
}

/// Removes the codes of the two colours, bold and dim, which are all that may be there.
fn without_color(text: &str) -> String {
    let mut text = text.to_string();
    for code in ["\u{1b}[31m", "\u{1b}[33m", "\u{1b}[1m", "\u{1b}[2m", "\u{1b}[0m"] {
        text = text.replace(code, "");
    }
    text
}

#[test]
fn formats_have_unique_ids_and_extensions() {
    let ids: Vec<&str> = FORMATS.iter().map(|format| format.id()).collect();
    assert_eq!(ids, ["table", "csv", "markdown", "json", "sarif", "junit", "github", "comment"]);
    let mut extensions: Vec<&str> =
        FORMATS.iter().flat_map(|format| format.extensions()).copied().collect();
    let number = extensions.len();
    extensions.sort_unstable();
    extensions.dedup();
    assert_eq!(extensions.len(), number);
    assert_eq!(by_extension("MD").map(|format| format.id()), Some("markdown"));
    assert!(by_extension("").is_none() && by_id("html").is_none());
}

#[test]
fn every_column_that_a_terminal_shows_is_defined() {
    for table in TableKind::ALL {
        let names: Vec<&str> = columns::of(table).iter().map(|column| column.name).collect();
        let mut unique = names.clone();
        unique.sort_unstable();
        unique.dedup();
        assert_eq!(unique.len(), names.len(), "{table:?}");
        for column in columns::of(table) {
            assert!(column.doc.ends_with(['.', '…']), "{}", column.name);
        }
        assert_eq!(TableKind::parse(table.as_str()), Some(table));
        // A column that is missing would be left out without a word.
        let header = terminal(&estate(), table, 1_000).lines().next().map(str::len);
        assert!(header > Some(20), "{table:?}");
    }
    terminal::all_are_defined();
}

#[test]
fn the_summary_stands_in_its_order_with_its_figures() {
    let text = terminal(&estate(), TableKind::Findings, 100);
    let at = |what: &str| text.find(what).unwrap_or_else(|| panic!("{what} in\n{text}"));
    let order = ["authgap 0.1.0", "WORST", "SURE", "UNKNOWN", "NEXT", "FINDINGS 4", "Read 2 files"];
    assert!(order.windows(2).all(|pair| at(pair[0]) < at(pair[1])));
    for line in [
        "authgap 0.1.0  demo  as of 2026-09-01 06:12 UTC (newest event)  window 90 d from 2026-06-03\n",
        "  6 identities   3 of 4 judged have findings, median gap 55; folded: 2 service-linked\n",
        " 33 permissions  9 used, 1 out of scope, 6 drift, 1 stale, 2 excess, 14 unknown; 1 admin apart\n",
        "  4 findings     1 critical, 2 high (1 waived), 1 medium\n",
        "SURE     19 of 33 permissions observable (57.6 %): aws management events 90 of 90 d\n",
        "UNKNOWN  14 permissions of 2 identities, none of them called unused; --window 30d concludes 0 more\n",
        "? 14 not-logged  the class of log was off, or is not in the evidence; resolved by S3 object\n",
        "NEXT     authgap explain 5e0c91b7 --from demo",
        "         authgap analyze demo --table recommendations   keep 1, remove 2, review 4\n",
        "FINDINGS 4, worst identity first; age in days before 2026-09-01; … = cut (--wide)\n",
        "aws:role/ops-admin  administrator, 37 of 20,455 actions used\n",
        "aws:role/report-worker  gap 55, 14 granted: 7 used, 1 stale, 2 excess, 4 unknown\n",
        "aws:account/111122223333\n",
        "No findings: aws:role/blind (10 granted, 0 used). Left out: 4 humans (--include-humans).\n",
        "Read 2 files, 412 records; 1 record rejected, 1 file of no known kind (--table inputs).\n",
        "Note: 1,234 events: error codes not known: `x`\n",
        "NHI-03 (published as NHI5:2025)",
    ] {
        at(line);
    }
    assert!(
        text.contains("  high      b70e4d92  administrative-grant         waived to 2027-01-31;")
    );
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    let mut report = estate();
    // Ids are printed whole past the edge; this is about everything else.
    report.identities.retain(|one| &*one.id != HOSTILE);
    report.findings.retain(|one| &*one.identity != HOSTILE);
    (report.summary.worst, report.summary.notes) = (Vec::new(), Vec::new());
    for width in [40, 60, 71, 72, 80, 99, 100, 140] {
        for line in terminal(&report, TableKind::Findings, width).lines() {
            let is_command = line.contains("authgap ");
            assert!(line.chars().count() <= width || is_command, "{width}: {line}");
        }
    }
}

#[test]
fn narrow_terminals_lose_the_date_and_then_move_what() {
    let report = estate();
    let wide = terminal(&report, TableKind::Findings, 100);
    assert!(wide.contains("  date, age\n") && wide.contains("not in 181 d\n"));
    let narrow = terminal(&report, TableKind::Findings, 80);
    assert!(narrow.contains("not shown at 80 columns: date (--wide)"));
    assert!(!narrow.contains("2026-08-27, 5 d\n  high"));
    let below = terminal(&report, TableKind::Findings, 71);
    assert!(below.contains(
        "  critical  5e0c91b7  out-of-scope-action\n            record:update, 3 calls\n"
    ));
    let mut all = view(TableKind::Findings, 60);
    all.wide = true;
    let text = written("table", &report, &all);
    assert!(
        !text.contains("(--wide)") && text.contains(&"x".repeat(99)),
        "wide cuts and drops nothing"
    );
}

#[test]
fn color_adds_nothing_but_codes() {
    let report = estate();
    for table in TableKind::ALL {
        let plain = view(table, 100);
        let colored = View { color: true, ..plain.clone() };
        let (plain, colored) =
            (written("table", &report, &plain), written("table", &report, &colored));
        assert!(!plain.contains('\u{1b}'), "{table:?}");
        assert!(colored.contains('\u{1b}'), "{table:?}");
        assert_eq!(without_color(&colored), plain, "{table:?}");
    }
    let colored = View { color: true, ..view(TableKind::Findings, 100) };
    let text = written("table", &report, &colored);
    for painted in [
        "\u{1b}[31mcritical\u{1b}[0m",
        "\u{1b}[31mhigh\u{1b}[0m",
        "\u{1b}[33mUNKNOWN\u{1b}[0m",
        "\u{1b}[33m? 14 not-logged\u{1b}[0m",
        "\u{1b}[33m1 record rejected\u{1b}[0m",
        "\u{1b}[1maws:role/ops-admin\u{1b}[0m",
    ] {
        assert!(text.contains(painted), "{painted:?}");
    }
    assert!(!text.contains("\u{1b}[31mmedium") && !text.contains("\u{1b}[32m"));
}

#[test]
fn hostile_names_are_shown_not_obeyed() {
    let report = estate();
    for table in TableKind::ALL {
        for format in ["table", "csv", "markdown"] {
            let text = written(format, &report, &view(table, 100));
            let is_steering = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
            assert!(!text.chars().any(|c| is_steering(c) && format != "csv"), "{format} {table:?}");
            assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{format} {table:?}");
        }
    }
    let markdown = written("markdown", &report, &view(TableKind::Findings, 100));
    assert!(!markdown.contains("<b>") && !markdown.contains("](http"));
    let opened = markdown.matches("<details>").count();
    assert_eq!(opened, markdown.matches("</details>").count());
    assert_eq!(markdown.matches("<code>").count(), markdown.matches("</code>").count());
    let table: Vec<&str> = markdown
        .lines()
        .skip_while(|line| !line.starts_with("| severity"))
        .take_while(|line| line.starts_with('|'))
        .collect();
    assert_eq!(table.len(), 2 + report.findings.len());
    for line in table {
        assert_eq!(line.matches('|').count(), 7, "{line}");
    }
}

#[test]
fn csv_has_one_row_a_line_and_no_formula() {
    let report = estate();
    for table in TableKind::ALL {
        let text = written("csv", &report, &view(table, 100));
        let mut reader = ::csv::Reader::from_reader(text.as_bytes());
        let names: Vec<String> =
            reader.headers().expect("headers").iter().map(ToString::to_string).collect();
        let expected: Vec<&str> = columns::of(table).iter().map(|column| column.name).collect();
        assert_eq!(names, expected);
        let records: Vec<::csv::StringRecord> =
            reader.records().map(|one| one.expect("row")).collect();
        assert_eq!(text.lines().count(), records.len() + 1, "{table:?}");
        for record in &records {
            assert!(
                !record.iter().any(|cell| cell.starts_with(['=', '+', '-', '@'])),
                "{record:?}"
            );
        }
    }
    let findings = written("csv", &report, &view(TableKind::Findings, 100));
    assert!(findings.starts_with(
        "fingerprint,kind,facet,severity,state,identity,subject,title,actions,resources,date,evidence,\
         frameworks,remedy,shared_with\n"
    ));
    assert!(
        findings.contains("2026-08-27,demo/calls.jsonl:88:1,NHI-03 (published as NHI5:2025); ")
    );
    let identities = written("csv", &report, &view(TableKind::Identities, 100));
    assert!(
        identities.contains(",2026-08-31,1,14,10,7,2,1,4,0,0,0,0,0,55,90,1,,true\n"),
        "{identities}"
    );
    assert!(identities.contains(",37,20418,0,0,"), "no commas in numbers");
    assert!(
        identities.contains(",0,,,,,,,,,,,,,,0,,false\n"),
        "not judged is blank, not 0\n{identities}"
    );
    let inputs = written("csv", &report, &view(TableKind::Inputs, 100));
    assert!(inputs.contains("demo/calls.jsonl,9f2c,generic usage,412,411,1,line 212: no time\n"));
}

#[test]
fn identities_add_up_and_administrators_stand_apart() {
    let mut report = estate();
    report.identities.retain(|one| &*one.id != HOSTILE);
    let text = terminal(&report, TableKind::Identities, 100);
    let lines: Vec<Vec<&str>> = text
        .lines()
        .map(|line| line.split("  ").filter(|cell| !cell.is_empty()).collect())
        .collect();
    let cells = |at: usize| lines[at].iter().map(|cell| cell.trim()).collect::<Vec<_>>();
    assert_eq!(
        cells(0),
        [
            "identity",
            "granted",
            "observable",
            "used",
            "out of scope",
            "drift",
            "stale",
            "excess",
            "unknown",
            "gap"
        ]
    );
    assert_eq!(
        cells(1),
        ["aws:role/report-worker", "14", "10", "7", "0", "0", "1", "2", "4", "55"]
    );
    assert_eq!(cells(2), ["aws:role/blind", "10", "0", "0", "0", "0", "0", "0", "10", "-"]);
    assert_eq!(cells(3), ["2 identities", "24", "10", "7", "0", "0", "1", "2", "14", "-"]);
    let apart =
        ["aws:role/ops-admin", "20,455", "20,455", "37", "0", "0", "0", "20,418", "0", "55"];
    assert_eq!(cells(4), apart);
    let footer = text.replace('\n', " ");
    assert!(footer.contains("aws:role/ops-admin is counted apart. 2 identities not judged."));
    let narrow = terminal(&report, TableKind::Identities, 80);
    assert!(narrow.starts_with("not shown at 80 columns: observable, stale"), "{narrow}");
    assert!(narrow.lines().all(|line| line.chars().count() <= 80), "{narrow}");
}

#[test]
fn cells_are_cut_with_a_mark_unless_wide() {
    let mut report = estate();
    report.identities.remove(0);
    report.identities[1].permissions[4].basis = strs(&[&"evidence ".repeat(30)]).into();
    let mut view = view(TableKind::Permissions, 140);
    let text = written("table", &report, &view);
    assert!(
        text.contains("… = cut (--wide)") && text.contains("  evidence evidence ev…\n"),
        "{text}"
    );
    view.wide = true;
    let text = written("table", &report, &view);
    assert!(!text.contains("(--wide)") && text.contains("evidence evidence evidence"));
}

#[test]
fn the_terminal_shows_twenty_identities_and_says_how_many_more() {
    let mut report = estate();
    (report.identities, report.findings) = (Vec::new(), Vec::new());
    for number in 0..1_025 {
        let id = format!("aws:role/r{number:04}");
        let mut one = identity(&id, &id, &[(Status::Excess, 1)]);
        one.permissions = vec![row("s3:GetObject", Status::Excess)];
        report.identities.push(one);
        report.findings.push(finding(
            &format!("{number:016x}"),
            Severity::Low,
            "unused-permission",
            &id,
        ));
    }
    let mut view = view(TableKind::Findings, 100);
    let text = written("table", &report, &view);
    assert!(text.contains("aws:role/r0019") && !text.contains("aws:role/r0020  gap"));
    assert!(text.contains("\nand 1,005 more identities with 1,005 findings (--all)\n"), "{text}");
    for table in [TableKind::Identities, TableKind::Permissions] {
        view.table = table;
        let text = written("table", &report, &view);
        assert!(text.contains("and 1,005 more identities (--all)\n"), "{text}");
        assert_eq!(text.matches("aws:role/r").count(), 20);
    }
    view.all = true;
    let text = written("table", &report, &view);
    assert_eq!(text.matches("aws:role/r").count(), 1_025, "pieces hold every row");
    let widths: std::collections::BTreeSet<usize> =
        text.lines().filter_map(|line| line.find("s3:GetObject")).collect();
    assert_eq!(widths.len(), 1, "pieces are aligned with each other");
    assert_eq!(text.matches("identity").count(), 1, "one header");
}

#[test]
fn json_reads_back_and_begins_each_element_on_a_line() {
    let report = estate();
    let text = written("json", &report, &view(TableKind::Findings, 100));
    assert_eq!(json::read(text.as_bytes()), Ok(report.clone()));
    let whole: serde_json::Value = serde_json::to_value(&report).expect("serialises");
    assert_eq!(serde_json::from_str::<serde_json::Value>(&text).expect("JSON"), whole);
    let begins = text.lines().filter(|line| line.starts_with("{\"id\":")).count();
    assert_eq!(begins, report.identities.len());
    assert!(text.ends_with("]\n}\n"));
    let longest = serde_json::to_string(&report.identities[2].permissions[1]).expect("serialises");
    assert!(longest.len() <= 300, "{longest}");
}

#[test]
fn json_of_something_else_says_what_is_wrong() {
    let says = |bytes: &[u8], what: &str| {
        let error = json::read(bytes).expect_err("not a report");
        assert!(error.contains(what), "{error}");
        assert!(!error.chars().any(char::is_control), "{error}");
    };
    says(b"", "ends early");
    says(b"{\"schema\": \"authgap-report/1\"", "ends early");
    says(b"{nonsense", "not JSON");
    says(b"{}", "no `schema`");
    says(
        "{\"schema\": \"authgap-report/2\u{202e}\"}".as_bytes(),
        "this version reads `authgap-report/1`",
    );
    says(b"{\"schema\": \"authgap-report/1\"}", "missing field");
    let text = written("json", &estate(), &View::default());
    for cut in (0..text.len()).step_by(97).filter(|cut| text.is_char_boundary(*cut)) {
        assert!(json::read(&text.as_bytes()[..cut]).is_err(), "{cut}");
    }
}

#[test]
fn the_schema_describes_the_report() {
    let schema: serde_json::Value = serde_json::from_str(&schema::schema()).expect("JSON");
    let report = serde_json::to_value(estate()).expect("serialises");
    let described = schema["properties"].as_object().expect("properties");
    for field in report.as_object().expect("object").keys() {
        assert!(described.contains_key(field), "{field}");
    }
    assert_eq!(schema["additionalProperties"], serde_json::json!(false));
}

#[test]
fn markdown_holds_everything_in_order() {
    let report = estate();
    let text = written("markdown", &report, &view(TableKind::Findings, 100));
    let at = |what: &str| text.find(what).unwrap_or_else(|| panic!("{what} in\n{text}"));
    let order = [
        "# Authorization gap: demo\n",
        "As of 2026-09-01",
        "**Worst**",
        "**Sure**",
        "**Unknown**",
        "**Next**",
        "## Findings (4)",
        "## Identities (3 counted, 1 administrator apart)",
        "## Coverage (1)",
        "## Inputs (2)",
    ];
    assert!(order.windows(2).all(|pair| at(pair[0]) < at(pair[1])), "{text}");
    at(
        "<summary><code>aws:role/report-worker</code>: gap 55, 14 granted: 7 used, 1 stale, 2 excess, 4 unknown",
    );
    at("| critical | `5e0c91b7` | out-of-scope-action |");
    at("| `record:update`, 3 calls | 2026-08-27, 5 d |");
    at("| excess | `glue:DeleteTable` | not in 181 d (management events) |");
    let table = written("markdown", &report, &view(TableKind::Coverage, 100));
    assert!(table.starts_with("# Coverage\n\n| platform | account |"), "{table}");
}

#[test]
fn explaining_an_identity_shows_all_sides() {
    let report = estate();
    let mut out = Vec::new();
    let found = explain::find(&report, "aws:role/report-worker");
    let Ok(explain::Found::Identity(identity)) = found else { panic!("{found:?}") };
    let view = view(TableKind::Findings, 100);
    explain::explain_identity(&report, identity, &view, &mut out).expect("a vector takes all");
    let text = String::from_utf8(out).expect("UTF-8");
    for line in [
        "aws:role/report-worker  arn:aws:iam::111122223333:role/report-worker\n",
        "  role of an ECS task, production, owner data-team, created 2025-01-14, 595 d\n",
        "  last used 2026-08-31, 1 d; active on 64 of 90 d observed; 14 granted, 10 observable; gap 55\n",
        "  ? not in the evidence: arn:aws:iam::111122223333:policy/gone: what it grants is not known\n",
        "FINDINGS 1     high d95a2c67 sensitive-without-condition\n",
        "PERMISSIONS 14\n",
        "  + used     secretsmanager:GetSecretValue  1,204 uses, last 2026-08-31, 1 d; on a and 40 more\n",
        "  + used     secretsmanager:DescribeSecret     90 uses, last 2026-08-31, 1 d\n",
        "  ~ stale    glue:GetPartitions                12 uses, last 2026-04-18, 136 d\n",
        "  - excess   glue:DeleteTable               not in 181 d (management events)\n",
        "  ? unknown  s3:*, 4 actions                not-logged: S3 object data events are off\n",
        "  report-worker/Secrets  demo/aws/iam.json:412:20  3 actions on *, no condition\n",
        "  AKIAIOSFODNN7EXAMPLE  access-key, active, created 2024-01-01, 974 d, last use not known\n",
        "GAP 55 = 14.4 of 26.0 weight (unknown permissions are in neither; docs/scoring.md)\n",
        "  used          19.0 granted, 7.4 not supported\n",
        "WHY d95a2c67  NHI-03 (published as NHI5:2025); PR.AC-4 (CSF 1.1; in CSF 2.0: PR.AA-05); SP 800-207\n",
        "  grant    no place recorded\n  use      demo/calls.jsonl:88:1  record:update crm-prod, allowed\n",
        "  intent   no place recorded\n",
        "NEXT  keep 1, remove 2, review 4; remove the tool or widen the intent\n",
    ] {
        assert!(text.contains(line), "{line}\nin\n{text}");
    }
}

#[test]
fn explaining_a_finding_shows_places_remedy_and_frameworks() {
    let report = estate();
    let found = explain::find(&report, "b70e4d");
    let Ok(explain::Found::Finding(finding)) = found else { panic!("{found:?}") };
    let mut out = Vec::new();
    explain::explain_finding(&report, finding, &view(TableKind::Findings, 100), &mut out)
        .expect("written");
    let text = String::from_utf8(out).expect("UTF-8");
    for line in [
        "high  b70e4d92b70e4d92  administrative-grant  arn:aws:iam::111122223333:role/ops-admin\n",
        "  waived to 2027-01-31: break-glass\n",
        "  state waived; about record; 2026-08-27, 5 d\n",
        "  actions 1: record:update\n",
        "FIX  remove the tool or widen the intent\n     the policy is shared with 2 other identities\n",
        "FRAMEWORKS\n  NHI-03 (published as NHI5:2025): Overprivileged NHI\n",
    ] {
        assert!(text.contains(line), "{line}\nin\n{text}");
    }
}

#[test]
fn what_a_word_means_is_unambiguous() {
    let mut report = estate();
    assert_eq!(explain::find(&report, "5e0c9"), Err(Vec::new()), "five digits are too few");
    assert_eq!(explain::find(&report, "nobody"), Err(Vec::new()));
    report.findings[1].fingerprint = "5e0c91b7ffffffff".into();
    let both = vec!["5e0c91b7d2a4f306".to_string(), "5e0c91b7ffffffff".to_string()];
    assert_eq!(explain::find(&report, "5E0C91B7"), Err(both));
    report.identities[3].name = "aws:role/report-worker".into();
    assert_eq!(explain::find(&report, "aws:role/report-worker").map_err(|ids| ids.len()), Err(2));
    let text = terminal(&report, TableKind::Findings, 100);
    assert!(
        text.contains("\narn:aws:iam::111122223333:role/report-worker"),
        "an ambiguous name is an id"
    );
}

#[test]
fn a_report_without_time_or_judgement_says_so() {
    let mut report = estate();
    (report.as_of, report.window) = (None, None);
    (report.identities, report.findings) = (Vec::new(), Vec::new());
    report.summary = Summary {
        judged: 0,
        administrators: 0,
        counts: Counts::default(),
        by_status: BTreeMap::new(),
        median_gap: None,
        findings: BTreeMap::new(),
        worst: Vec::new(),
        unknown: Vec::new(),
        observed: Vec::new(),
        ..summary()
    };
    let text = terminal(&report, TableKind::Findings, 100);
    assert!(
        text.contains("authgap 0.1.0  demo  no time in the evidence: staleness is not judged\n"),
        "{text}"
    );
    assert!(text.contains("none judged; folded: 2 service-linked\n"));
    assert!(text.contains(" none granted\n") && text.contains("\nFINDINGS 0\n"));
    assert!(!text.contains("WORST") && !text.contains("UNKNOWN") && !text.contains("NaN"));
    for table in TableKind::ALL {
        for format in FORMATS {
            assert!(!written(format.id(), &report, &view(table, 80)).is_empty());
        }
    }
}

#[test]
fn a_filter_narrows_the_lists_and_keeps_the_summary() {
    let whole = estate();
    let kept = |filter: &Filter| {
        let part = filter.apply(whole.clone());
        assert_eq!((&part.summary, &part.inputs), (&whole.summary, &whole.inputs));
        let fingerprints = part.findings.iter().map(|one| one.fingerprint[..4].to_string());
        (part.identities.len(), fingerprints.collect::<Vec<_>>())
    };
    let none = Filter::default();
    assert_eq!(none.apply(whole.clone()), whole);
    let name = Filter { identity: vec!["aws:role/*".to_string()], ..none.clone() };
    assert_eq!(kept(&name), (5, vec!["b70e".to_string(), "d95a".to_string()]));
    let account = Filter { account: Some("111122223333".to_string()), ..none.clone() };
    assert_eq!(kept(&account).1, ["b70e", "d95a", "25e7"], "the account's own finding stays");
    let owner = Filter { owner: Some(String::new()), ..none.clone() };
    assert_eq!(kept(&owner), (1, vec!["5e0c".to_string()]));
    let severe = Filter {
        min_severity: Some(Severity::High),
        kind: vec!["coverage-gap".to_string()],
        ..none
    };
    assert_eq!(kept(&severe), (6, Vec::new()));
    assert_eq!(severe.words(), ["--kind coverage-gap", "--min-severity high"]);
    let part = name.apply(whole.clone());
    let view = View { filters: name.words(), ..view(TableKind::Findings, 100) };
    let text = written("table", &part, &view);
    let line = "filters  --identity 'aws:role/*': 3 of 4 judged identities, 2 of 4 findings; the summary is of the\n";
    assert!(text.contains(line), "{text}");
}

#[test]
fn a_split_loses_nothing() {
    let whole = estate();
    for (by, keys) in [
        (SplitBy::Owner, vec!["", "data-team"]),
        (SplitBy::Account, vec!["111122223333", "helpdesk"]),
    ] {
        let parts = split(&whole, by);
        assert_eq!(parts.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>(), keys);
        let identities: usize = parts.iter().map(|(_, part)| part.identities.len()).sum();
        let findings: usize = parts.iter().map(|(_, part)| part.findings.len()).sum();
        assert_eq!(
            (identities, findings),
            (whole.identities.len(), whole.findings.len()),
            "{by:?}"
        );
        let advice: usize = parts.iter().map(|(_, part)| part.recommendations.len()).sum();
        assert_eq!(advice, whole.recommendations.len());
    }
}
