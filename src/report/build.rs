//! Builds the report from what the passes found.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rayon::prelude::*;

use super::model::{
    Advised, CatalogueVersion, Coverage, CredentialOut, Evidence as EvidenceOut, FindingOut,
    GrantOut, IdentityOut, LinkOut, PermissionOut, ROW_RESOURCES, Recommendation, Report, SCHEMA,
    Stamp, Tool, WindowOut,
};
use super::summary;
use crate::audit::{Evidence, Options, Outcome};
use crate::findings::{Finding, Proof, Severity};
use crate::frameworks;
use crate::gap::{Advice, Analysis, IdentityGap, PermissionRow, Status};
use crate::intent::select;
use crate::model::{
    At, Claim, ClaimScope, Decision, Identity, Intervals, Place, Rw, Says, Select, Str, Texts,
};
use crate::platform::PLATFORMS;

/// Builds the report.
pub fn build(evidence: &Evidence, outcome: &Outcome<'_>, options: &Options) -> Report {
    let analysis = &outcome.analysis;
    let order = order(analysis, &outcome.findings, &outcome.judged);
    let findings = findings_out(evidence, &outcome.findings, &order);
    let reach = reach(evidence);
    let told = |number: &usize| {
        let gap = &analysis.gaps[*number];
        let is_judged = outcome.judged[gap.identity];
        let mut cut = Cut::default();
        let one = identity(analysis, gap, is_judged, options.expand, &reach, &mut cut);
        let advised = is_judged.then(|| recommend(analysis, gap, options.expand, &mut cut));
        (one, advised.flatten())
    };
    let (identities, recommendations): (Vec<IdentityOut>, Vec<_>) =
        order.par_iter().map(told).unzip();
    let coverage = coverage(evidence, analysis);
    let window = analysis.input.window.map(|window| WindowOut {
        days: window.days(),
        from: Stamp(window.from),
        to: Stamp(window.to),
        stale_after_days: analysis.input.stale_after_days,
    });
    let mut report = Report {
        schema: SCHEMA.to_string(),
        tool: Tool {
            name: "authgap".to_string(),
            version: env!("CARGO_PKG_VERSION").to_string(),
            arguments: options.arguments.clone(),
        },
        catalogue: catalogues(),
        as_of: evidence.as_of.map(Stamp),
        as_of_basis: evidence.as_of_basis.to_string(),
        window,
        inputs: evidence.inputs.clone(),
        coverage,
        summary: summary::empty(),
        rollups: Vec::new(),
        identities,
        findings,
        recommendations: recommendations.into_iter().flatten().collect(),
        links: links(evidence),
    };
    report.rollups = summary::rollups(&report);
    report.summary = summary::summary(evidence, outcome, &report);
    report
}

fn catalogues() -> Vec<CatalogueVersion> {
    PLATFORMS
        .iter()
        .map(|platform| (platform.id(), platform.catalogue()))
        .filter(|(_, catalogue)| !catalogue.actions.is_empty())
        .map(|(id, catalogue)| CatalogueVersion {
            platform: id.into(),
            version: catalogue.version.clone(),
            date: catalogue.date.clone(),
        })
        .collect()
}

/// Judged identities by worst severity, then gap score, then id; then the others by id.
fn order(analysis: &Analysis<'_>, findings: &[Finding], judged: &[bool]) -> Vec<usize> {
    let mut worst: Vec<Option<Severity>> = vec![None; analysis.gaps.len()];
    for finding in findings {
        if let Some(number) = finding.identity {
            worst[number] = worst[number].max(Some(finding.severity));
        }
    }
    let mut order: Vec<usize> = (0..analysis.gaps.len()).collect();
    order.sort_by_key(|number| {
        let worst = std::cmp::Reverse(worst[*number]);
        (!judged[*number], worst, std::cmp::Reverse(analysis.gaps[*number].score), *number)
    });
    order
}

fn reach(evidence: &Evidence) -> BTreeMap<Str, Vec<String>> {
    let known: BTreeSet<&Str> = evidence.identities.iter().map(|one| &one.id).collect();
    let mut reach: BTreeMap<Str, Vec<String>> = BTreeMap::new();
    for link in evidence.links.iter().filter(|link| known.contains(&link.from)) {
        reach
            .entry(link.from.clone())
            .or_default()
            .push(format!("{} ({})", link.to, link.mechanism));
    }
    reach
}

fn links(evidence: &Evidence) -> Vec<LinkOut> {
    evidence
        .links
        .iter()
        .map(|link| LinkOut {
            from: link.from.clone(),
            to: link.to.clone(),
            mechanism: link.mechanism.clone(),
            evidence: link.place.map(|place| show(&place, &evidence.paths)),
        })
        .collect()
}

fn show(place: &Place, paths: &[String]) -> String {
    place.show(paths.get(place.file as usize).map_or("?", String::as_str))
}

fn identity(
    analysis: &Analysis<'_>,
    gap: &IdentityGap,
    judged: bool,
    expand: bool,
    reach: &BTreeMap<Str, Vec<String>>,
    cut: &mut Cut,
) -> IdentityOut {
    let one: &Identity = analysis.identity(gap);
    let labels = one.labels.iter().map(|label| label.as_str().to_string()).collect();
    let credentials = analysis
        .credentials_of(&one.id)
        .iter()
        .map(|credential| CredentialOut {
            id: credential.id.clone(),
            kind: credential.kind.clone(),
            created: credential.created.map(Stamp),
            last_used: credential.last_used.map(Stamp),
            never_used: credential.never,
            active: credential.active,
        })
        .collect();
    let permissions = if judged { permissions(analysis, gap, expand, cut) } else { Vec::new() };
    IdentityOut {
        id: one.id.clone(),
        platform: one.platform.clone(),
        kind: one.kind.as_str().to_string(),
        name: one.name.clone(),
        account: one.account.clone(),
        owner: one.owner.clone(),
        environment: one.environment.clone(),
        purpose: one.purpose.clone(),
        workload: one.workload.clone(),
        labels,
        judged,
        administrator: gap.grants.administrative.clone(),
        created: one.created.map(Stamp),
        expires: one.expires.map(Stamp),
        last_used: gap.last_used.map(Stamp),
        holes: one.holes.iter().map(|hole| format!("{}: {}", hole.policy, hole.note)).collect(),
        credentials,
        counts: gap.counts,
        by_status: gap.by_status.clone(),
        access_levels: gap
            .levels
            .iter()
            .map(|(level, count)| (level.as_str().to_string(), *count))
            .collect(),
        gap_score: gap.score,
        score_terms: gap.terms.clone(),
        active_days: gap.active_days,
        observed_days: gap.observed_days,
        grants: grants(analysis, gap),
        reach: reach.get(&one.id).cloned().unwrap_or_default(),
        permissions,
        place: one.place.map(|place| show(&place, analysis.paths)),
    }
}

fn grants(analysis: &Analysis<'_>, gap: &IdentityGap) -> Vec<GrantOut> {
    gap.grants
        .rows
        .iter()
        .map(|row| {
            let mut services: Vec<Str> = Vec::new();
            for id in &row.actions {
                let service = &analysis.input.catalogue.entry(id).service;
                if services.last() != Some(service) {
                    services.push(service.clone());
                    if services.len() == 10 {
                        break;
                    }
                }
            }
            let mut origin: Vec<String> = row.origin.iter().map(|one| one.short()).collect();
            origin.dedup();
            GrantOut {
                origin: origin.join("; ").into(),
                places: row
                    .origin
                    .iter()
                    .filter_map(|one| one.place)
                    .take(3)
                    .map(|place| show(&place, analysis.paths).into())
                    .collect(),
                via: row.origin.iter().find_map(|one| one.via.clone()),
                decision: match row.decision {
                    Decision::Allow => "allow",
                    Decision::Conditional => "conditional",
                    Decision::Ask => "ask",
                }
                .into(),
                actions: row.actions.len(),
                services,
                resources: some(&row.resources),
                except: some(&row.except),
                conditions: row.conditions.iter().map(|one| one.text.clone()).collect(),
            }
        })
        .collect()
}

type List = Arc<[Str]>;

/// Lists of resources cut to what the report shows. A list that many rows share is cut once, and shared again.
#[derive(Default)]
struct Cut {
    known: Vec<(List, List)>,
}

/// Rows of an identity share few lists; what is further back is cut again.
const CUTS: usize = 16;

impl Cut {
    fn of(&mut self, resources: &Arc<[Str]>) -> Arc<[Str]> {
        if resources.len() <= ROW_RESOURCES {
            return resources.clone();
        }
        let known = self.known.iter().rev().take(CUTS);
        if let Some((_, cut)) = known.into_iter().find(|(whole, _)| Arc::ptr_eq(whole, resources)) {
            return cut.clone();
        }
        let cut: Arc<[Str]> = some(resources).into();
        self.known.push((resources.clone(), cut.clone()));
        cut
    }
}

/// The first resources, and how many more there are.
fn some(resources: &[Str]) -> Vec<Str> {
    let mut out: Vec<Str> = resources.iter().take(ROW_RESOURCES).cloned().collect();
    if resources.len() > ROW_RESOURCES {
        out.push(format!("… and {} more", resources.len() - ROW_RESOURCES).into());
    }
    out
}

/// Names of a row: folded to `service:*` unless it is one action or `expand` is set.
fn row_names(analysis: &Analysis<'_>, row: &PermissionRow, expand: bool) -> Vec<(Str, u32)> {
    if let (Status::Shortfall, Some(pattern)) = (row.status, &row.note) {
        return vec![(pattern.clone(), 1)];
    }
    if expand || row.actions.len() == 1 {
        return row.actions.iter().map(|id| (analysis.action(*id).clone(), 1)).collect();
    }
    vec![(format!("{}:*", row.service).into(), row.actions.len() as u32)]
}

fn permissions(
    analysis: &Analysis<'_>,
    gap: &IdentityGap,
    expand: bool,
    cut: &mut Cut,
) -> Vec<PermissionOut> {
    let mut out = Vec::with_capacity(gap.rows.len());
    for row in &gap.rows {
        for (action, folded) in row_names(analysis, row, expand) {
            out.push(PermissionOut {
                action,
                folded,
                status: row.status,
                reason: row.reason,
                facet: row.facets.iter().next(),
                resources: cut.of(&row.resources),
                granted_by: row.granted_by.clone(),
                conditional: row.is_conditional,
                first_used: row.first_used.map(Stamp),
                last_used: row.last_used.map(Stamp),
                uses: row.uses,
                denied: row.denied,
                observed_days: row.observed_days,
                basis: row.basis.clone(),
                note: note(row),
            });
        }
    }
    out
}

/// The remark on a row; a shortfall's is its name.
fn note(row: &PermissionRow) -> Option<Str> {
    let remark = row.note.clone().filter(|_| row.status != Status::Shortfall);
    if row.undecided.is_empty() {
        return remark;
    }
    let words: Vec<&str> = row.undecided.iter().map(|facet| facet.as_str()).collect();
    let open = format!("intent not decided: {}", words.join(", "));
    Some(remark.map_or(open.clone(), |remark| format!("{remark}; {open}")).into())
}

fn recommend(
    analysis: &Analysis<'_>,
    gap: &IdentityGap,
    expand: bool,
    cut: &mut Cut,
) -> Option<Recommendation> {
    let (mut keep, mut remove, mut review) = (Vec::new(), Vec::new(), Vec::new());
    for row in &gap.rows {
        let Some(advice) = row.advice() else { continue };
        let shared = analysis.shared_with(gap, &row.granted_by);
        for (action, folded) in row_names(analysis, row, expand) {
            let list = match advice {
                Advice::Keep => &mut keep,
                Advice::Remove => &mut remove,
                Advice::Review => &mut review,
            };
            list.push(Advised {
                action,
                folded,
                status: row.status,
                reason: row.reason,
                resources: cut.of(&row.resources),
                shared_with: shared as u64,
            });
        }
    }
    if keep.is_empty() && remove.is_empty() && review.is_empty() {
        return None;
    }
    for list in [&mut keep, &mut remove, &mut review] {
        list.shrink_to_fit();
    }
    Some(Recommendation {
        identity: analysis.identity(gap).id.clone(),
        keep,
        remove,
        review,
        frameworks: frameworks::of_recommendation(),
    })
}

/// Findings in the report's order.
fn findings_out(evidence: &Evidence, findings: &[Finding], order: &[usize]) -> Vec<FindingOut> {
    let mut place_of: Vec<usize> = vec![usize::MAX; order.len()];
    for (place, number) in order.iter().enumerate() {
        place_of[*number] = place;
    }
    let mut sorted: Vec<&Finding> = findings.iter().collect();
    sorted.sort_by_key(|finding| finding.identity.map_or(usize::MAX, |number| place_of[number]));
    let mut teller = Teller {
        evidence,
        paths: evidence.paths.iter().map(|path| path.as_str().into()).collect(),
        texts: Texts::default(),
        cut: Cut::default(),
    };
    sorted.into_iter().map(|finding| teller.finding(finding)).collect()
}

/// Tells findings, with what they share.
struct Teller<'a> {
    evidence: &'a Evidence,
    paths: Vec<Str>,
    texts: Texts,
    cut: Cut,
}

impl Teller<'_> {
    fn finding(&mut self, finding: &Finding) -> FindingOut {
        let waiver = waiver(self.evidence, finding);
        let state = if waiver.is_some() { "waived" } else { "new" };
        FindingOut {
            fingerprint: finding.fingerprint.clone(),
            kind: self.texts.share(finding.kind),
            facet: finding.facet,
            severity: finding.severity,
            state: self.texts.share(state),
            waiver,
            identity: finding.about.clone(),
            subject: finding.subject.clone(),
            title: finding.title.clone(),
            actions: finding.actions.clone(),
            resources: self.cut.of(&finding.resources),
            date: finding.date.map(Stamp),
            age_note: finding.age_note.clone(),
            evidence: finding.evidence.iter().map(|proof| self.proof(proof)).collect(),
            frameworks: frameworks::shared_of_kind(finding.kind),
            remedy: finding.remedy.clone(),
            shared_with: finding.shared_with as u64,
        }
    }

    fn proof(&mut self, proof: &Proof) -> EvidenceOut {
        let (mut line, mut column, mut record) = (None, None, None);
        let mut file = None;
        if let Some((path, at, col)) = &proof.config {
            (file, line, column) = (Some(path.clone()), Some(*at), Some(*col));
        } else if let Some(place) = proof.place {
            file = self.paths.get(place.file as usize).cloned();
            match place.at {
                At::File => {}
                At::Line(at, col) => (line, column) = (Some(at), Some(col)),
                At::Record(number) => record = Some(number),
            }
        }
        EvidenceOut {
            side: self.texts.share(proof.side),
            file: file.unwrap_or_else(|| self.texts.share("")),
            line,
            column,
            record,
            text: proof.text.clone(),
        }
    }
}

/// The waiver that holds for a finding as of the report.
fn waiver(evidence: &Evidence, finding: &Finding) -> Option<String> {
    let identity = finding.identity.map(|number| &evidence.identities[number]);
    let waiver = evidence.config.waivers.iter().find(|waiver| {
        let holds = evidence.as_of.is_none_or(|as_of| as_of <= waiver.expires.value);
        let is_about = match (&waiver.identity, identity) {
            (None, _) => true,
            (Some(pattern), Some(identity)) => select::matches(&pattern.value, identity),
            (Some(_), None) => false,
        };
        holds && *waiver.finding.value == *finding.kind && is_about
    })?;
    Some(format!("waived to {}: {}", waiver.expires.value.date(), waiver.reason))
}

/// What the claims of non-use cover, one row a claim's account, Region, class and access.
fn coverage(evidence: &Evidence, analysis: &Analysis<'_>) -> Vec<Coverage> {
    type Key = (Str, Str, Str, String, &'static str, Option<Str>, Str);
    let mut rows: BTreeMap<Key, Intervals> = BTreeMap::new();
    for claim in evidence.claims.iter().filter(|claim| claim.says == Says::NotSeen) {
        // Reports about single identities and services would fill the table; one row an identity stands for them.
        let (account, class) = match &claim.scope {
            ClaimScope::Identity(id) if claim.source.is_report() => {
                (id.clone(), "last-accessed report".to_string())
            }
            ClaimScope::Identity(id) => (id.clone(), class_of(claim)),
            ClaimScope::Account(account) => (account.clone(), class_of(claim)),
            ClaimScope::Platform => ("*".into(), class_of(claim)),
        };
        let access = match claim.rw {
            Rw::All => "all",
            Rw::Read => "read",
            Rw::Write => "write",
        };
        let basis: Str = match &claim.scope {
            ClaimScope::Identity(_) if claim.source.is_report() => claim.source_words().into(),
            _ => claim.basis.clone(),
        };
        let region = claim.region.clone().unwrap_or_else(|| "*".into());
        let key = (
            claim.platform.clone(),
            account,
            region,
            class,
            access,
            claim.resources.clone(),
            basis,
        );
        let all = rows.entry(key).or_default();
        *all = all.union(&claim.covered);
    }
    let window = analysis.input.window;
    rows.into_iter()
        .map(|((platform, account, region, class, access, resources, basis), covered)| {
            let bounds = covered.bounds();
            let gaps = bounds
                .map(|(from, to)| Intervals::span(from, to).minus(&covered))
                .unwrap_or_default();
            let in_window = window.map_or_else(Intervals::none, |window| {
                covered.intersect(&Intervals::span(window.from, window.to))
            });
            Coverage {
                platform,
                account,
                region,
                class,
                access: access.to_string(),
                resources,
                from: bounds.map(|(from, _)| Stamp(from)),
                to: bounds.map(|(_, to)| Stamp(to)),
                observed_days: in_window.days(),
                gaps: gaps
                    .parts()
                    .iter()
                    .take(20)
                    .map(|(from, to)| format!("{}/{}", from.date(), to.date()))
                    .collect(),
                basis,
            }
        })
        .collect()
}

fn class_of(claim: &Claim) -> String {
    match &claim.actions {
        Select::Everything => "everything".to_string(),
        Select::Service(service) => format!("{service}:*"),
        Select::Class(class) => class.to_string(),
        Select::Pattern(pattern) => pattern.to_string(),
    }
}

impl Claim {
    /// The kind of source, in words.
    pub fn source_words(&self) -> &'static str {
        use crate::model::Source;
        match self.source {
            Source::StatedLog => "log, recording stated by configuration",
            Source::InferredLog => "log, recording inferred from its events",
            Source::LastAccessedAction => "last-accessed report, action level",
            Source::LastAccessedService => "last-accessed report, service level",
            Source::LastUsed => "last use of the identity or its keys",
            Source::Recommender => "the platform's own recommender",
            Source::Table => "coverage table",
        }
    }
}
