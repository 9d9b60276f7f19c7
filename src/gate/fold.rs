//! Sets of actions as few patterns.
//!
//! A pattern stands for a set only where the set holds every action of the catalogue that the pattern matches, so that
//! the fold of a set expands to the same set again. Fewer patterns keep the baseline short, and make it hold
//! when a catalogue learns new actions of a service that is granted whole.

use std::collections::BTreeMap;

use crate::catalogue::RunCatalogue;
use crate::model::{ActionId, ActionSet, Str};

/// From so many actions on, all that begin with one verb are one pattern: with fewer, each may well be wanted.
const VERB_ACTIONS: u64 = 4;

/// Folds a platform's actions to patterns, sorted: `*`, `s3:*`, `s3:Get*`, or names.
pub fn fold(actions: &ActionSet, platform: &str, catalogue: &RunCatalogue) -> Vec<Str> {
    let is_known = |id: &ActionId| catalogue.entry(*id).is_known;
    let known: ActionSet = catalogue.platform(platform).iter().filter(is_known).collect();
    let mut out: Vec<Str> = Vec::new();
    if !known.is_empty() && known.is_subset(actions) {
        return vec!["*".into()];
    }
    let mut by_service: BTreeMap<u32, ActionSet> = BTreeMap::new();
    for id in actions {
        by_service.entry(catalogue.entry(id).service_number).or_default().insert(id);
    }
    for (number, mine) in by_service {
        let known: ActionSet =
            catalogue.service_by_number(number).iter().filter(is_known).collect();
        service(&mine, &known, catalogue, &mut out);
    }
    out.sort_unstable();
    out.dedup();
    out
}

/// Folds the actions of one service, of which the catalogue knows `known`.
fn service(mine: &ActionSet, known: &ActionSet, catalogue: &RunCatalogue, out: &mut Vec<Str>) {
    let prefix = known.min().map(|id| format!("{}:", catalogue.entry(id).service));
    let is_plain = |prefix: &String| {
        known.iter().all(|id| catalogue.entry(id).name.starts_with(prefix.as_str()))
    };
    let Some(prefix) = prefix.filter(is_plain) else {
        out.extend(mine.iter().map(|id| catalogue.entry(id).name.clone()));
        return;
    };
    if known.is_subset(mine) {
        out.push(format!("{prefix}*").into());
        return;
    }
    let mut verbs: BTreeMap<String, ActionSet> = BTreeMap::new();
    for id in mine {
        let name = &catalogue.entry(id).name;
        let rest = name.strip_prefix(prefix.as_str()).unwrap_or(name);
        verbs.entry(verb(rest).to_string()).or_default().insert(id);
    }
    for (verb, some) in verbs {
        let start = format!("{prefix}{verb}");
        let all: ActionSet = known
            .iter()
            .filter(|id| catalogue.entry(*id).name.starts_with(start.as_str()))
            .collect();
        if !verb.is_empty() && all.len() >= VERB_ACTIONS && all.is_subset(mine) {
            out.push(format!("{start}*").into());
        } else {
            out.extend(some.iter().map(|id| catalogue.entry(id).name.clone()));
        }
    }
}

/// The first word of a name in camel case: `Get` of `GetObject`.
fn verb(name: &str) -> &str {
    let end = name.char_indices().skip(1).find(|(_, c)| !c.is_ascii_lowercase());
    end.map_or("", |(at, _)| &name[..at])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::{Catalogue, Facts};

    fn catalogue() -> RunCatalogue {
        let seen = [("aws".into(), "newsvc:DoIt".into()), ("generic".into(), "crm:*".into())];
        let facts = |_: &str, _: &str, _: Option<&crate::catalogue::Action>| Facts::default();
        RunCatalogue::build(&[("aws".into(), Catalogue::aws())], &seen, &facts)
    }

    fn folded(patterns: &[&str]) -> Vec<String> {
        let catalogue = catalogue();
        let mut set = ActionSet::new();
        for pattern in patterns {
            set |= &*catalogue.expand("aws", pattern);
        }
        let out = fold(&set, "aws", &catalogue);
        let mut again = ActionSet::new();
        for pattern in &out {
            again |= &*catalogue.expand("aws", pattern);
        }
        assert_eq!(again, set, "{patterns:?} folds to {out:?}");
        out.iter().map(|one| one.to_string()).collect()
    }

    #[test]
    fn a_fold_expands_to_the_same_actions() {
        assert_eq!(folded(&["*"]), ["*"]);
        assert_eq!(folded(&["s3:*"]), ["s3:*"]);
        assert_eq!(folded(&["s3:Get*", "sqs:SendMessage"]), ["s3:Get*", "sqs:SendMessage"]);
        assert_eq!(folded(&["newsvc:DoIt"]), ["newsvc:DoIt"]);
        for pattern in ["ec2:Describe*", "iam:*Role*", "dynamodb:*Item", "s3:*Object*"] {
            assert!(!folded(&[pattern]).is_empty());
        }
    }

    #[test]
    fn a_listed_action_is_not_widened_to_its_verb() {
        assert_eq!(folded(&["s3:GetObject"]), ["s3:GetObject"]);
    }
}
