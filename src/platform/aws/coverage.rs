//! What the logs of a run would have shown: claims of `not-seen` from trails and from the records themselves.
//!
//! CloudTrail User Guide, cloudtrail-concepts ("Global service events", data events); CloudTrail API
//! Reference, GetEventSelectors. A trail's configuration proves nothing without its records: what was not
//! given to this program was not looked at. Days on which an account has no record at all are gaps.

use std::collections::{BTreeMap, BTreeSet};

use super::classes;
use super::documents::trails::{Recorded, Selectors, Status, Trail, Trails, standard, within};
use crate::model::time::DAY_SECONDS;
use crate::model::{Claim, ClaimScope, Intervals, Place, Rw, Says, Select, Source, Str, Time};
use crate::platform::{LogSpan, LogSummary};

/// Records of one account.
struct Log<'a> {
    account: &'a Str,
    spans: Vec<&'a LogSpan>,
    /// Days on which it has a record.
    days: Intervals,
    damaged: Intervals,
}

/// Builds the claims of the logs.
pub(crate) fn claims(
    trails: &Trails,
    logs: &LogSummary,
    out: &mut Vec<Claim>,
    notes: &mut Vec<(Option<Place>, String)>,
) {
    let mut by_account: BTreeMap<&Str, Vec<&LogSpan>> = BTreeMap::new();
    for span in logs.spans.iter().filter(|span| &*span.platform == "aws") {
        by_account.entry(&span.account).or_default().push(span);
    }
    let known = known_trails(trails, notes);
    for (account, spans) in by_account {
        let days = spans.iter().flat_map(|span| &span.days).map(|day| {
            let start = Time::from_seconds(day.saturating_mul(DAY_SECONDS));
            (start, start.plus_days(1))
        });
        let damaged = logs
            .damaged
            .iter()
            .filter(|(platform, of, _)| &**platform == "aws" && (of.is_empty() || of == account));
        let log = Log {
            account,
            days: Intervals::from_unsorted(days.collect()),
            damaged: damaged.fold(Intervals::none(), |all, (_, _, part)| all.union(part)),
            spans,
        };
        let stated = stated(&log, &known, out);
        inferred(&log, &stated, out);
    }
}

/// A trail with what it records.
struct KnownTrail<'a> {
    trail: &'a Trail,
    recorded: Vec<Recorded>,
    /// From its start to its stop, as far as stated.
    logging: (Option<Time>, Option<Time>),
}

fn known_trails<'a>(
    trails: &'a Trails,
    notes: &mut Vec<(Option<Place>, String)>,
) -> Vec<KnownTrail<'a>> {
    let mut known = Vec::new();
    for trail in &trails.trails {
        let of_trail = |arn: &Str| *arn == trail.arn;
        let selectors: Vec<&Selectors> =
            trails.selectors.iter().filter(|selectors| of_trail(&selectors.trail)).collect();
        let recorded = match selectors.as_slice() {
            [] if trail.has_custom_selectors => {
                let text = format!(
                    "what {} records is not in the evidence: coverage is inferred from its records",
                    trail.arn
                );
                notes.push((Some(trail.place), text));
                continue;
            }
            [] => standard(),
            all => all.iter().flat_map(|one| one.recorded.clone()).collect(),
        };
        let status: Option<&Status> = trails.status.iter().find(|one| of_trail(&one.trail));
        let logging = match status {
            Some(status) if status.is_logging => (status.start, None),
            Some(Status { start, stop: Some(stop), .. }) => (*start, Some(*stop)),
            Some(_) => continue,
            None => (None, None),
        };
        known.push(KnownTrail { trail, recorded, logging });
    }
    known
}

impl KnownTrail<'_> {
    /// Whether records of the account may come from this trail.
    fn is_over(&self, account: &str) -> bool {
        self.trail.is_organisation || *self.trail.account == *account
    }

    /// Whether the trail records what the span shows.
    fn shows(&self, span: &LogSpan) -> bool {
        let in_region = self.trail.is_multi_region || *self.trail.home == *span.region;
        let of_class = |recorded: &Recorded| {
            let is_read = match recorded.rw {
                Rw::All => true,
                Rw::Read => span.read_only != Some(false),
                Rw::Write => span.read_only != Some(true),
            };
            recorded.class == span.class && is_read
        };
        in_region && self.recorded.iter().any(of_class)
    }
}

/// Claims of trails; returns the classes that they cover.
fn stated(log: &Log<'_>, known: &[KnownTrail<'_>], out: &mut Vec<Claim>) -> BTreeSet<Str> {
    let mut covered_classes = BTreeSet::new();
    let over: Vec<&KnownTrail<'_>> =
        known.iter().filter(|trail| trail.is_over(log.account)).collect();
    for trail in &over {
        let own: Vec<&LogSpan> =
            log.spans.iter().copied().filter(|span| trail.shows(span)).collect();
        let Some((first, last)) = extent(&own) else {
            continue;
        };
        // The records given are this trail's only if no other trail could have written them all.
        let is_witnessed = over.len() == 1
            || own.iter().any(|span| {
                over.iter()
                    .filter(|other| other.trail.arn != trail.trail.arn)
                    .all(|other| !other.shows(span))
            });
        let seen: BTreeSet<&Str> = own.iter().map(|span| &span.class).collect();
        let regions: BTreeSet<&Str> = own.iter().map(|span| &span.region).collect();
        let mut covered = log.covered(first, last);
        if let Some(start) = trail.logging.0 {
            covered = covered.minus(&Intervals::span(Time::from_seconds(0), start));
        }
        if let Some(stop) = trail.logging.1 {
            let latest = last.plus_days(1).max(stop);
            covered = covered.minus(&Intervals::span(stop, latest));
        }
        if covered.is_empty() {
            continue;
        }
        for recorded in &trail.recorded {
            let is_management = recorded.class.starts_with(classes::MANAGEMENT);
            let is_shown = seen.contains(&recorded.class) || &*recorded.class == classes::GLOBAL;
            let is_recorded = is_witnessed || (is_management && is_shown);
            if !is_recorded {
                continue;
            }
            let Some(region) = trail.region(&recorded.class, &regions) else {
                continue;
            };
            covered_classes.insert(recorded.class.clone());
            let basis = format!("trail {} and its records", short(&trail.trail.arn));
            let base = log.claim(Source::StatedLog, &recorded.class, basis);
            let patterns = match &recorded.resources {
                None => vec![None],
                Some(list) => list.iter().cloned().map(Some).collect(),
            };
            out.extend(patterns.into_iter().map(|resources| Claim {
                rw: recorded.rw,
                region: region.clone(),
                resources,
                covered: covered.clone(),
                place: Some(trail.trail.place),
                ..base.clone()
            }));
        }
    }
    covered_classes
}

impl KnownTrail<'_> {
    /// The Region of a claim; `Some(None)` is every Region, `None` means that there is no claim.
    fn region(&self, class: &str, seen: &BTreeSet<&Str>) -> Option<Option<Str>> {
        if class == classes::GLOBAL {
            let home = classes::global_region(&self.trail.home);
            let has_home = self.trail.is_multi_region || *self.trail.home == *home;
            let is_given = seen.iter().any(|region| ***region == *home);
            let is_on = self.trail.is_multi_region || self.trail.has_global;
            return (has_home && is_given && is_on).then_some(None);
        }
        if !self.trail.is_multi_region {
            return Some(Some(self.trail.home.clone()));
        }
        // Files of one Region alone are a selection: the other Regions' may exist.
        match seen.iter().next() {
            Some(only) if seen.len() == 1 => Some(Some((*only).clone())),
            _ => Some(None),
        }
    }
}

fn short(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

/// First and last moment of some spans.
fn extent(spans: &[&LogSpan]) -> Option<(Time, Time)> {
    let first = spans.iter().map(|span| span.first).min()?;
    let last = spans.iter().map(|span| span.last).max()?;
    Some((first, last))
}

impl Log<'_> {
    /// From a first to a last record, without gaps.
    fn covered(&self, first: Time, last: Time) -> Intervals {
        Intervals::span(first, last.plus_seconds(1)).intersect(&self.days).minus(&self.damaged)
    }

    fn claim(&self, source: Source, class: &Str, basis: String) -> Claim {
        Claim {
            platform: "aws".into(),
            source,
            says: Says::NotSeen,
            scope: ClaimScope::Account(self.account.clone()),
            actions: Select::Class(class.clone()),
            rw: Rw::All,
            resources: None,
            region: None,
            covered: Intervals::none(),
            own_policies_only: false,
            basis: basis.into(),
            place: None,
        }
    }
}

/// Claims from the records alone: for the class, Region, read-only value and, of data events, resource that
/// occur, from their first to their last record.
fn inferred(log: &Log<'_>, stated: &BTreeSet<Str>, out: &mut Vec<Claim>) {
    // Span, class it proves, whether it holds in every Region.
    let mut proofs: Vec<(&LogSpan, Str, bool)> = Vec::new();
    for span in &log.spans {
        let is_global = &*span.class == classes::GLOBAL;
        let at_home = *span.region == *classes::global_region(&span.region);
        if at_home && (is_global || &*span.class == classes::MANAGEMENT) {
            proofs.push((span, classes::GLOBAL.into(), true));
        }
        if is_global {
            proofs.push((span, classes::MANAGEMENT.into(), false));
        } else if span.class.starts_with(classes::MANAGEMENT) || span.class.starts_with("data:") {
            proofs.push((span, span.class.clone(), false));
        }
    }
    // One claim for each key, however many spans (sources, files) prove it.
    type Key = (Str, bool, Option<Str>, Option<Str>);
    let mut joined: BTreeMap<Key, Vec<&LogSpan>> = BTreeMap::new();
    for (span, class, everywhere) in proofs {
        let Some(is_read) = span.read_only else {
            continue;
        };
        let is_data = class.starts_with("data:");
        if stated.contains(&class) || span.region.is_empty() || (is_data && span.resource.is_none())
        {
            continue;
        }
        let region = (!everywhere).then(|| span.region.clone());
        let resource = span.resource.clone().filter(|_| is_data);
        joined.entry((class, is_read, region, resource)).or_default().push(span);
    }
    for ((class, is_read, region, resource), spans) in joined {
        let Some((first, last)) = extent(&spans) else {
            continue;
        };
        let covered = log.covered(first, last);
        if covered.is_empty() {
            continue;
        }
        let files = spans.iter().map(|span| span.files).max().unwrap_or(0);
        let basis = format!("records in {files} CloudTrail files");
        let base = log.claim(Source::InferredLog, &class, basis);
        let patterns = match &resource {
            None => vec![None],
            Some(scope) => within(scope).into_iter().map(Some).collect(),
        };
        out.extend(patterns.into_iter().map(|resources| Claim {
            rw: if is_read { Rw::Read } else { Rw::Write },
            region: region.clone(),
            resources,
            covered: covered.clone(),
            ..base.clone()
        }));
    }
}
