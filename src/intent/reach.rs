//! What part of a grant lies beyond an intent.
//!
//! A part is named only if some resource in it is certainly outside: containment and intersection of patterns
//! are exact, and what a union of patterns may cover together counts as covered. Uses are `check`'s.

use super::check::{Breach, Facet, Intent, denied, not_allowed, on_facet};
use super::config::{Rule, Spot};
use super::cover::{Cover, account_of, arn_part, concerns, cover_action, cover_scope};
use crate::model::{Glob, Str, pattern::reduce_shared};

/// How much of a grant is beyond.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Extent {
    /// All of it: the intent names no part.
    Whole,
    /// Some of it.
    Part,
}

/// A part of a grant that the intent excludes, for one reason.
#[derive(Debug, Clone, PartialEq)]
pub struct Beyond {
    /// Why, and where that is written.
    pub breach: Breach,
    /// How much.
    pub extent: Extent,
    /// The resource patterns that reach beyond.
    pub patterns: Vec<Str>,
    /// What of these patterns is meant all the same: what remains after narrowing. Empty if nothing is.
    pub within: Vec<Str>,
}

/// Labelled data above a limit that a grant reaches.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sensitive {
    /// The sensitivity.
    pub sensitivity: Str,
    /// The label's own pattern, or the part of it that the grant reaches.
    pub pattern: Str,
    /// Where the label is written.
    pub label: Spot,
    /// Where the limit is written.
    pub limit: Spot,
}

/// The resources that an intent means for one action: `None` is every one.
type Meant = Option<Vec<Glob>>;

struct Grant {
    patterns: Vec<Glob>,
    except: Vec<Glob>,
}

impl Grant {
    fn new(patterns: &[Str], except: &[Str]) -> Grant {
        let except: Vec<Glob> = except.iter().map(|text| Glob::new(text)).collect();
        let patterns = reduce_shared(patterns);
        let patterns = patterns
            .iter()
            .map(|text| Glob::new(text))
            .filter(|glob| !except.iter().any(|gone| gone.contains(glob)))
            .collect();
        Grant { patterns, except }
    }

    /// What the grant and a pattern share, without what an exception takes away whole.
    fn shared(&self, pattern: &Glob) -> Vec<Str> {
        let mut out = Vec::new();
        for mine in &self.patterns {
            match mine.intersection(pattern) {
                Some(parts) => out.extend(parts),
                // Too many to list; the narrower of the two is close enough to name.
                None if pattern.fixed_prefix().len() > mine.fixed_prefix().len() => {
                    out.push(pattern.as_str().into());
                }
                None => out.push(mine.as_str().into()),
            }
        }
        out.retain(|part| {
            let part = Glob::new(part);
            !self.except.iter().any(|gone| gone.contains(&part))
                && is_beyond(&part, &self.except).is_some()
        });
        reduce_shared(&out)
    }
}

impl Intent {
    /// The parts of a grant of an action that the intent excludes, one entry a reason; the action's own
    /// exclusion stands alone. Callers leave out resources for actions that take none: their patterns say
    /// nothing.
    ///
    /// Empty means that nothing is certainly excluded. The end date is never a reason: it judges use.
    pub fn grant_beyond(&self, action: &str, patterns: &[Str], except: &[Str]) -> Vec<Beyond> {
        let grant = Grant::new(patterns, except);
        if grant.patterns.is_empty() {
            return Vec::new();
        }
        let whole = |breach: Breach| {
            vec![Beyond {
                breach,
                extent: Extent::Whole,
                patterns: texts(&grant.patterns),
                within: Vec::new(),
            }]
        };
        let denies = self.deny.iter().flat_map(|deny| &deny.value);
        let (everywhere, partly): (Vec<&Rule>, Vec<&Rule>) = denies
            .filter(|rule| cover_action(&rule.actions, action) == Cover::Full)
            .partition(|rule| rule.resources.is_none());
        if let Some(rule) = everywhere.first() {
            return whole(denied(rule, Facet::Action));
        }
        let (meant, limit) = match self.meant(action) {
            Ok(meant) => meant,
            Err(None) => return Vec::new(),
            Err(Some(breach)) => return whole(breach),
        };
        let mut out = Vec::new();
        if let Some(meant) = &meant
            && let Some(beyond) = beyond_meant(&grant, meant, limit)
        {
            if beyond.extent == Extent::Whole {
                return vec![beyond];
            }
            out.push(beyond);
        }
        for rule in partly {
            let list = rule.resources.iter().flatten();
            let list = list.filter(|glob| concerns(glob, action));
            let parts: Vec<Str> = list.flat_map(|glob| grant.shared(glob)).collect();
            let breach = denied(rule, on_facet(rule));
            push_part(&mut out, &grant, &meant, breach, parts);
        }
        self.beyond_environment(&grant, &meant, action, &mut out);
        self.beyond_destination(&grant, &mut out);
        self.beyond_data(&grant, &meant, action, &mut out);
        out
    }

    /// Labelled data that a grant reaches above `require_condition_above`, or above `max` where that is not
    /// given.
    pub fn sensitive_reach(
        &self,
        action: &str,
        patterns: &[Str],
        except: &[Str],
    ) -> Vec<Sensitive> {
        let Some(limit) = self.require_condition_above.as_ref().or(self.max.as_ref()) else {
            return Vec::new();
        };
        let grant = Grant::new(patterns, except);
        let mut out = Vec::new();
        for (part, sensitivity, label) in self.labelled_above(&grant, &limit.value, action) {
            out.push(Sensitive { sensitivity, pattern: part, label, limit: limit.spot });
        }
        out.sort();
        out.dedup();
        out
    }

    /// The resources that are meant for an action, and the place that limits them. `Err(None)` if that is not
    /// decided, `Err(Some)` if the action itself is not meant.
    fn meant(&self, action: &str) -> Result<(Meant, Breach), Option<Breach>> {
        let limit = Breach::new(Facet::Resource, Spot::default(), String::new());
        let mut meant: Meant = None;
        let mut limit = limit;
        if let Some(allow) = &self.allow {
            let covers = |rule: &&Rule| cover_action(&rule.actions, action) > Cover::None;
            let rules: Vec<&Rule> = allow.value.iter().filter(covers).collect();
            let is_full = |rule: &&Rule| cover_action(&rule.actions, action) == Cover::Full;
            match rules.iter().find(|rule| is_full(rule)) {
                None if rules.is_empty() => {
                    return Err(Some(not_allowed(allow.spot, None, action)));
                }
                None => return Err(None),
                Some(first) => limit = not_allowed(allow.spot, Some(*first), action),
            }
            meant = join(rules.iter().map(|rule| listed(rule.resources.as_deref(), action)));
        }
        if let Some(resources) = &self.resources
            && let Some(list) = listed(Some(&resources.value), action)
        {
            let why = "beyond `resources`".to_string();
            meant = match meant {
                None => {
                    limit = Breach::new(Facet::Resource, resources.spot, why);
                    Some(list)
                }
                Some(allowed) => Some(both(&allowed, &list).ok_or(None)?),
            };
        }
        Ok((meant, limit))
    }

    fn beyond_environment(
        &self,
        grant: &Grant,
        meant: &Meant,
        action: &str,
        out: &mut Vec<Beyond>,
    ) {
        let Some(mine) = &self.environment else {
            return;
        };
        let rules = &self.labels.environments;
        for (at, rule) in rules.iter().enumerate() {
            if rule.environment == mine.value || !concerns(&rule.matches, action) {
                continue;
            }
            let later: Vec<Glob> =
                rules[at + 1..].iter().map(|rule| rule.matches.clone()).collect();
            let parts = grant.shared(&rule.matches);
            let parts = parts
                .into_iter()
                .filter(|part| is_beyond(&Glob::new(part), &later).is_some())
                .collect();
            let why = format!("environment {}, reaches {}", mine.value, rule.environment);
            let breach = Breach::new(Facet::Environment, mine.spot, why);
            push_part(out, grant, meant, breach, parts);
        }
    }

    /// Only a Region or account that the grant writes out is beyond: a wildcard there is how most grants are
    /// written, and says nothing about where they are meant for.
    fn beyond_destination(&self, grant: &Grant, out: &mut Vec<Beyond>) {
        let named = |part: Option<&str>, allowed: &[Glob]| {
            let part = part.filter(|part| !part.contains(['*', '?']));
            part.is_some_and(|part| !allowed.iter().any(|glob| glob.matches(part)))
        };
        let limits = [(&self.regions, "another Region"), (&self.accounts, "another account")];
        for (at, (limit, why)) in limits.into_iter().enumerate() {
            let Some(limit) = limit else { continue };
            let beyond = |glob: &&Glob| match at {
                0 => named(arn_part(glob.as_str(), 3), &limit.value),
                _ => named(account_of(glob.as_str()), &limit.value),
            };
            let parts: Vec<Glob> = grant.patterns.iter().filter(beyond).cloned().collect();
            let breach = Breach::new(Facet::Destination, limit.spot, why.to_string());
            push_part(out, grant, &None, breach, texts(&parts));
        }
    }

    fn beyond_data(&self, grant: &Grant, meant: &Meant, action: &str, out: &mut Vec<Beyond>) {
        let Some(max) = &self.max else {
            return;
        };
        let reached = self.labelled_above(grant, &max.value, action);
        let highest = reached.iter().map(|(_, word, _)| self.labels.rank(word)).max();
        let parts: Vec<Str> = reached.into_iter().map(|(part, _, _)| part).collect();
        let word = highest.and_then(|rank| self.labels.order.get(rank));
        if let Some(word) = word {
            let why = format!("max {}, reaches {word}", max.value);
            let breach = Breach::new(Facet::Data, max.spot, why);
            push_part(out, grant, meant, breach, reduce_shared(&parts));
        }
    }

    /// Parts of the grant with a label above a limit: the part, its sensitivity, the label's place.
    fn labelled_above(&self, grant: &Grant, limit: &str, action: &str) -> Vec<(Str, Str, Spot)> {
        let limit = self.labels.rank(limit);
        let rules = &self.labels.sensitivities;
        let mut out = Vec::new();
        for (at, rule) in rules.iter().enumerate() {
            let is_above = self.labels.rank(&rule.sensitivity) > limit;
            if !is_above || !concerns(&rule.matches, action) {
                continue;
            }
            let lower: Vec<Glob> = rules[at + 1..]
                .iter()
                .filter(|rule| self.labels.rank(&rule.sensitivity) <= limit)
                .map(|rule| rule.matches.clone())
                .collect();
            for part in grant.shared(&rule.matches) {
                if is_beyond(&Glob::new(&part), &lower).is_some() {
                    out.push((part, rule.sensitivity.clone(), rule.spot));
                }
            }
        }
        out
    }
}

/// Adds parts that are meant but for this reason; a part that is beyond the meant resources anyway has been
/// named.
fn push_part(
    out: &mut Vec<Beyond>,
    grant: &Grant,
    meant: &Meant,
    breach: Breach,
    mut parts: Vec<Str>,
) {
    if let Some(meant) = meant {
        parts.retain(|part| {
            let part = Glob::new(part);
            meant.iter().any(|glob| glob.intersects(&part))
        });
    }
    let parts = reduce_shared(&parts);
    if parts.is_empty() {
        return;
    }
    let globs: Vec<Glob> = parts.iter().map(|part| Glob::new(part)).collect();
    let covered = |glob: &Glob| globs.iter().any(|part| part.contains(glob));
    let extent = match grant.patterns.iter().all(covered) {
        true => Extent::Whole,
        false => Extent::Part,
    };
    out.push(Beyond { breach, extent, patterns: parts, within: Vec::new() });
}

fn beyond_meant(grant: &Grant, meant: &[Glob], mut breach: Breach) -> Option<Beyond> {
    let covered: Vec<Glob> = meant.iter().chain(&grant.except).cloned().collect();
    let mut beyond: Vec<Glob> = Vec::new();
    let mut within: Vec<Str> = Vec::new();
    for pattern in &grant.patterns {
        if is_beyond(pattern, &covered).is_none() {
            continue;
        }
        for glob in meant {
            match glob.intersection(pattern) {
                Some(parts) => within.extend(parts),
                None => within.push(glob.as_str().into()),
            }
        }
        beyond.push(pattern.clone());
    }
    if beyond.is_empty() {
        return None;
    }
    let within = reduce_shared(&within);
    let is_whole = within.is_empty() && beyond.len() == grant.patterns.len();
    if breach.why.is_empty() {
        breach.why = "beyond the resources that are meant".to_string();
    }
    Some(Beyond {
        breach,
        extent: if is_whole { Extent::Whole } else { Extent::Part },
        patterns: texts(&beyond),
        within,
    })
}

/// A resource of the pattern that none of the others covers, if there certainly is one.
///
/// The wildcards are filled with a character that no pattern names, once with more of them than any pattern
/// has `?`, once with the fewest. A pattern that covers neither text nor all of the pattern leaves it beyond.
fn is_beyond(pattern: &Glob, covered: &[Glob]) -> Option<String> {
    if pattern.is_exact() {
        let name = pattern.as_str();
        let inside = covered.iter().any(|glob| cover_scope(glob, name) == Cover::Full);
        return (!inside).then(|| name.to_string());
    }
    if covered.iter().any(|glob| glob.contains(pattern)) {
        return None;
    }
    let ones = |glob: &Glob| glob.as_str().bytes().filter(|byte| *byte == b'?').count();
    let most = covered.iter().map(ones).max().unwrap_or(0) + 1;
    let fill = |count: usize| {
        let run = "\u{1}".repeat(count);
        pattern.as_str().replace('?', "\u{1}").replace('*', &run)
    };
    let outside = |text: &String| !covered.iter().any(|glob| glob.matches(text));
    [fill(most), fill(0)].into_iter().find(outside)
}

/// The resources of a list that concern the action; `None` if the list does not limit it.
fn listed(list: Option<&[Glob]>, action: &str) -> Meant {
    let list = list?;
    let concerned: Vec<Glob> = list.iter().filter(|glob| concerns(glob, action)).cloned().collect();
    (!concerned.is_empty() || list.is_empty()).then_some(concerned)
}

/// The union of what rules mean.
fn join(parts: impl Iterator<Item = Meant>) -> Meant {
    let mut all = Vec::new();
    for part in parts {
        all.extend(part?);
    }
    Some(all)
}

/// What two lists both mean; `None` if that has too many parts.
fn both(left: &[Glob], right: &[Glob]) -> Option<Vec<Glob>> {
    let mut out = Vec::new();
    for glob in left {
        for other in right {
            out.extend(glob.intersection(other)?);
        }
    }
    Some(reduce_shared(&out).iter().map(|text| Glob::new(text)).collect())
}

fn texts(globs: &[Glob]) -> Vec<Str> {
    globs.iter().map(|glob| glob.as_str().into()).collect()
}
