//! Random patterns: what they reach of some actions, against the walk over every form.

use proptest::prelude::*;

use super::compiled::Compiled;
use super::tests::run;
use crate::model::{ActionId, ActionSet, Str};

const SERVICES: &[&str] = &["s3", "ec2", "sqs", "logs", "iam", "dynamodb", "apigateway", "newsvc"];

fn segment() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => prop::sample::select(SERVICES).prop_map(String::from),
        1 => Just(String::new()),
        3 => prop::sample::select(&["*", "?3", "s*", "ec?", "*s", "l*gs"][..]).prop_map(String::from),
    ]
}

fn pattern() -> impl Strategy<Value = String> {
    let rest = prop::sample::select(
        &[
            "",
            "*",
            "data",
            "data*",
            "data/*",
            "*/x",
            "*:table/*",
            "table/t?",
            "function:*",
            "instance/*",
            "role/*x*",
            "log-group:*",
            "log-group:/a/*:*",
            "*app*",
            "/restapis/*",
        ][..],
    );
    let partition = prop::sample::select(&["aws", "aws", "*", "aws-cn", "a*"][..]);
    let middle = prop::sample::select(&["*:*", "*:111111111111", ":", "eu-*-1:*", "*"][..]);
    let whole = prop::sample::select(&["*", "arn", "arn:*", "arn:aws:s3", "x*", "*:x*"][..]);
    prop_oneof![
        12 => (partition, segment(), middle, rest)
            .prop_map(|(partition, service, middle, rest)| {
                format!("arn:{partition}:{service}:{middle}:{rest}")
            }),
        1 => whole.prop_map(String::from),
    ]
}

/// Actions of a few services, some of them or all.
fn about() -> impl Strategy<Value = ActionSet> {
    let chosen = prop::sample::subsequence(SERVICES, 1..4);
    (chosen, 1_u32..40, any::<bool>()).prop_map(|(services, step, is_every)| {
        let (run, compiled) = run();
        let mut set = ActionSet::new();
        for service in services {
            set |= run.service("aws", service);
        }
        if is_every && step > 35 { (*compiled.all).clone() } else { every(&set, step) }
    })
}

fn every(set: &ActionSet, step: u32) -> ActionSet {
    let at = |(at, id): (usize, ActionId)| (at as u32).is_multiple_of(step).then_some(id);
    set.iter().enumerate().filter_map(at).collect()
}

fn slowly(compiled: &Compiled, patterns: &[Str], about: &ActionSet) -> ActionSet {
    let forms = compiled.forms("aws");
    let mut set = ActionSet::new();
    for pattern in patterns {
        match &**pattern {
            "*" => set |= about,
            other => set |= about & &compiled.whole_of(&forms, other),
        }
    }
    set
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn what_patterns_reach_of_some_actions_is_what_they_reach_of_all(
        patterns in prop::collection::vec(pattern(), 0..4),
        about in about(),
    ) {
        let compiled = &run().1;
        let patterns: Vec<Str> = patterns.iter().map(|text| Str::from(text.as_str())).collect();
        let wanted = slowly(compiled, &patterns, &about);
        // The first time, when a pattern is met again, and when it is known.
        let forms = compiled.forms("aws");
        for round in 0..3 {
            prop_assert_eq!(&compiled.reach(&forms, &patterns, &about), &wanted, "{}", round);
        }
    }
}

#[test]
fn a_wildcard_for_the_service_reaches_of_the_actions_those_that_take_a_resource() {
    let (run, compiled) = run();
    let all = run.service("aws", "sqs") | run.service("aws", "s3");
    let patterns: [Str; 1] = ["arn:aws:*:*:111111111111:only-here-*".into()];
    let reached = compiled.reach(&compiled.forms("aws"), &patterns, &all);
    let has = |name: &str| run.id("aws", name).is_some_and(|id| reached.contains(id));
    assert!(has("sqs:SendMessage") && has("s3:GetObject"));
    // They take no resource, or all buckets.
    assert!(!has("sqs:ListQueues") && !has("s3:ListAllMyBuckets"));
    assert!(reached.is_subset(&all));
}
