//! What many identities share: expanded actions, and which actions a resource pattern can be about.
//!
//! Built once a run ([`Compiled::new`]); the caches fill as patterns are met, from any thread, and hold at most
//! [`CACHE_CAP`] entries each. Knows the catalogue, no identity.

use std::sync::{Arc, RwLock};

use hashbrown::HashMap;

use super::template::{self, Piece};
use crate::catalogue::{Catalogue, RunCatalogue};
use crate::model::{ActionId, ActionSet, Glob, Str};
use crate::platform::aws::policy::Policy;
use crate::platform::aws::policy::decide::supports_rcp;
use crate::platform::aws::policy::document::Match;
use crate::platform::aws::policy::matching::all_buckets;

/// More entries than this are computed anew each time.
const CACHE_CAP: usize = 50_000;

/// The shared part of evaluation.
#[derive(Debug)]
pub struct Compiled {
    pub(super) all: Arc<ActionSet>,
    /// Actions without resource types, which are decided on `*`.
    untyped: ActionSet,
    /// Actions of which no resource type, or no ARN template, is known.
    pub(super) unknown: ActionSet,
    /// Actions to which resource control policies apply.
    pub(super) under_rcp: ActionSet,
    pub(super) iam: ActionSet,
    list_buckets: Option<ActionId>,
    by_name: HashMap<String, ActionId>,
    by_type: Vec<ActionSet>,
    /// For each action its number in the catalogue.
    index: Vec<Option<u32>>,
    patterns: RwLock<HashMap<Str, Arc<ActionSet>>>,
    partitions: RwLock<HashMap<String, Arc<Forms>>>,
    policies: RwLock<HashMap<usize, Shared>>,
    pub(super) star: Arc<[Str]>,
}

/// A policy that stays alive as long as its address is a key, and the actions of its statements.
#[derive(Debug, Clone)]
struct Shared {
    _policy: Arc<Policy>,
    actions: Arc<[Arc<ActionSet>]>,
}

impl Compiled {
    /// Indexes the AWS actions of a run's catalogue.
    pub fn new(run: &RunCatalogue) -> Compiled {
        let catalogue = Catalogue::aws();
        let mut compiled = Compiled {
            all: Arc::new(run.platform("aws")),
            untyped: ActionSet::new(),
            unknown: ActionSet::new(),
            under_rcp: ActionSet::new(),
            iam: run.service("aws", "iam"),
            list_buckets: run.id("aws", "s3:ListAllMyBuckets"),
            by_name: HashMap::new(),
            by_type: vec![ActionSet::new(); catalogue.resource_types.len()],
            index: vec![None; run.len()],
            patterns: RwLock::default(),
            partitions: RwLock::default(),
            policies: RwLock::default(),
            star: Arc::from(["*".into()]),
        };
        let all = compiled.all.clone();
        for id in all.iter() {
            let entry = run.entry(id);
            compiled.by_name.insert(entry.name.to_ascii_lowercase(), id);
            if supports_rcp(&entry.service, &entry.name) {
                compiled.under_rcp.insert(id);
            }
            compiled.index[id as usize] = entry.index;
            let action = entry.index.and_then(|at| catalogue.actions.get(at as usize));
            let Some(action) = action else {
                compiled.unknown.insert(id);
                continue;
            };
            if action.resource_types.is_empty() {
                compiled.untyped.insert(id);
            }
            for (number, _) in &action.resource_types {
                compiled.by_type[*number as usize].insert(id);
                if catalogue.resource_types[*number as usize].templates.is_empty() {
                    compiled.unknown.insert(id);
                }
            }
        }
        compiled
    }

    /// The actions of each statement of a policy. `shared` policies are expanded once.
    pub(super) fn actions(
        &self,
        policy: &Arc<Policy>,
        shared: bool,
        run: &RunCatalogue,
    ) -> Arc<[Arc<ActionSet>]> {
        let key = Arc::as_ptr(policy).addr();
        if shared
            && let Ok(known) = self.policies.read()
            && let Some(entry) = known.get(&key)
        {
            return entry.actions.clone();
        }
        let each = policy.statements.iter();
        let actions: Arc<[Arc<ActionSet>]> = each.map(|s| self.expand(&s.actions, run)).collect();
        if shared
            && let Ok(mut known) = self.policies.write()
            && known.len() < CACHE_CAP
        {
            let entry = Shared { _policy: policy.clone(), actions: actions.clone() };
            known.insert(key, entry);
        }
        actions
    }

    fn expand(&self, actions: &Match<Glob>, run: &RunCatalogue) -> Arc<ActionSet> {
        let mut set = match actions.list.as_slice() {
            [one] if !one.is_exact() && !actions.not => return self.pattern(one, run),
            list => {
                let mut set = ActionSet::new();
                for glob in list {
                    if glob.is_exact() {
                        set.extend(self.by_name.get(glob.as_str()).copied());
                    } else {
                        set |= &*self.pattern(glob, run);
                    }
                }
                set
            }
        };
        if actions.not {
            set = &*self.all - &set;
        }
        Arc::new(set)
    }

    fn pattern(&self, glob: &Glob, run: &RunCatalogue) -> Arc<ActionSet> {
        if glob.is_all() {
            return self.all.clone();
        }
        if let Ok(known) = self.patterns.read()
            && let Some(set) = known.get(glob.as_str())
        {
            return set.clone();
        }
        let set = run.expand("aws", glob.as_str());
        if let Ok(mut known) = self.patterns.write()
            && known.len() < CACHE_CAP
        {
            known.insert(glob.as_str().into(), set.clone());
        }
        set
    }

    /// The ARN forms of a partition.
    pub(super) fn forms(&self, partition: &str) -> Arc<Forms> {
        if let Ok(known) = self.partitions.read()
            && let Some(forms) = known.get(partition)
        {
            return forms.clone();
        }
        let forms = Arc::new(Forms::of(partition));
        if let Ok(mut known) = self.partitions.write() {
            // Names of partitions come from evidence; there are fewer than ten.
            if known.len() < 64 {
                known.insert(partition.to_string(), forms.clone());
            }
        }
        forms
    }

    /// The actions that can be about a resource that one of the patterns matches.
    pub(super) fn reach(&self, forms: &Forms, patterns: &[Str]) -> Arc<ActionSet> {
        let reached = |pattern: &Str| {
            forms.cached(&forms.reached, pattern, || {
                let mut set = self.unknown.clone();
                for number in forms.types(pattern) {
                    set |= &self.by_type[number as usize];
                }
                if Glob::new(pattern).matches(&all_buckets(&forms.partition)) {
                    set.extend(self.list_buckets);
                }
                set
            })
        };
        match patterns {
            _ if patterns.iter().any(|pattern| &**pattern == "*") => self.all.clone(),
            [one] => reached(one),
            many => {
                let mut set = ActionSet::new();
                for pattern in many {
                    set |= &*reached(pattern);
                }
                Arc::new(set)
            }
        }
    }

    /// Of some actions those all of whose resources are matched by the patterns.
    pub(super) fn covered(
        &self,
        forms: &Forms,
        actions: &ActionSet,
        patterns: &[&Str],
    ) -> ActionSet {
        if patterns.iter().any(|pattern| &***pattern == "*") {
            return actions.clone();
        }
        let mut types: Vec<u32> = Vec::new();
        for pattern in patterns {
            types.extend(forms.covered(pattern));
        }
        types.sort_unstable();
        let mut candidates = ActionSet::new();
        for number in &types {
            candidates |= &self.by_type[*number as usize];
        }
        candidates &= actions;
        let is_covered = |id: &ActionId| {
            let at = self.index.get(*id as usize).copied().flatten();
            let action = at.and_then(|at| Catalogue::aws().actions.get(at as usize));
            action.is_some_and(|action| {
                let types_of = &action.resource_types;
                // A single type that is optional: a call may name none and is decided on `*`. Several optional
                // ones are alternatives.
                (types_of.len() > 1 || types_of.iter().any(|(_, is_required)| *is_required))
                    && types_of.iter().all(|(number, _)| types.binary_search(number).is_ok())
            })
        };
        let candidates = candidates - &self.unknown;
        let mut covered: ActionSet = candidates.iter().filter(is_covered).collect();
        let buckets = all_buckets(&forms.partition);
        let lists = self.list_buckets.filter(|id| actions.contains(*id));
        if patterns.iter().any(|pattern| Glob::new(pattern).matches(&buckets)) {
            covered.extend(lists);
        }
        covered
    }

    /// Of some actions those that take no resource, so that no pattern but `*` names what they act on.
    pub(super) fn without_resource(&self, actions: &ActionSet) -> ActionSet {
        let mut set = actions & &self.untyped;
        if let Some(id) = self.list_buckets {
            set.remove(id);
        }
        set
    }
}

/// The ARN forms of all resource types in one partition.
#[derive(Debug, Default)]
pub(super) struct Forms {
    partition: String,
    list: Vec<Form>,
    by_service: HashMap<String, Vec<usize>>,
    /// Forms whose service segment is not fixed.
    elsewhere: Vec<usize>,
    reached: RwLock<HashMap<Str, Arc<ActionSet>>>,
}

#[derive(Debug)]
struct Form {
    number: u32,
    pieces: Vec<Piece>,
    /// Everything that the form matches.
    glob: Glob,
    /// Fixed text at the beginning of the sixth part.
    start: String,
    /// How many forms the resource type has.
    of: usize,
}

impl Forms {
    fn of(partition: &str) -> Forms {
        let catalogue = Catalogue::aws();
        let service = |template: &str| {
            let third = template.split(':').nth(2).unwrap_or("");
            let is_fixed = template.starts_with("arn:") && !third.contains(['$', '*']);
            (is_fixed && !third.is_empty()).then(|| third.to_string())
        };
        let mut siblings: HashMap<Option<String>, Vec<&str>> = HashMap::new();
        for kind in &catalogue.resource_types {
            for template in &kind.templates {
                siblings.entry(service(template)).or_default().push(template);
            }
        }
        let mut forms = Forms { partition: partition.to_string(), ..Forms::default() };
        for (number, kind) in catalogue.resource_types.iter().enumerate() {
            for template in &kind.templates {
                let service = service(template);
                let family = siblings.get(&service).map_or(&[] as &[&str], Vec::as_slice);
                let pieces = template::pieces(template, partition, family);
                let glob = Glob::new(&template::as_pattern(&pieces));
                let sixth = template.splitn(6, ':').nth(5).unwrap_or("");
                let at = forms.list.len();
                forms.list.push(Form {
                    number: number as u32,
                    pieces,
                    glob,
                    start: sixth.split("${").next().unwrap_or("").to_string(),
                    of: kind.templates.len(),
                });
                match service {
                    Some(service) => forms.by_service.entry(service).or_default().push(at),
                    None => forms.elsewhere.push(at),
                }
            }
        }
        forms
    }

    fn cached(
        &self,
        cache: &RwLock<HashMap<Str, Arc<ActionSet>>>,
        pattern: &Str,
        compute: impl FnOnce() -> ActionSet,
    ) -> Arc<ActionSet> {
        if let Ok(known) = cache.read()
            && let Some(set) = known.get(pattern)
        {
            return set.clone();
        }
        let set = Arc::new(compute());
        if let Ok(mut known) = cache.write()
            && known.len() < CACHE_CAP
        {
            known.insert(pattern.clone(), set.clone());
        }
        set
    }

    /// The forms that a pattern can be about, by its service segment.
    fn near(&self, pattern: &str) -> impl Iterator<Item = &Form> {
        let service = pattern.split(':').nth(2).unwrap_or("*");
        let is_fixed = pattern.starts_with("arn:") && !service.contains(['*', '?']);
        // Without wildcards before it, the sixth part begins where it seems to.
        let sixth = match fifth_colon(pattern) {
            Some(at) if !pattern[..at].contains(['*', '?']) => &pattern[at + 1..],
            _ => "*",
        };
        let start = sixth.split(['*', '?']).next().unwrap_or("");
        let is_exact = start.len() == sixth.len();
        let every = 0..self.list.len() * usize::from(!is_fixed);
        let of_service = self
            .by_service
            .get(service)
            .filter(|_| is_fixed)
            .map_or(&[] as &[usize], Vec::as_slice);
        let elsewhere = self.elsewhere.iter().filter(move |_| is_fixed);
        let all = of_service.iter().chain(elsewhere).copied().chain(every);
        all.map(|at| &self.list[at]).filter(move |form| {
            start.starts_with(&*form.start) || (form.start.starts_with(start) && !is_exact)
        })
    }

    fn types(&self, pattern: &str) -> Vec<u32> {
        // Partitions do not meet, so any of them is the caller's.
        let text = match pattern.strip_prefix("arn:*:") {
            Some(rest) => format!("arn:{}:{rest}", self.partition),
            None => pattern.to_string(),
        };
        let chars: Vec<char> = text.chars().collect();
        let near = self.near(&text);
        near.filter(|form| template::intersects(&form.pieces, &chars))
            .map(|form| form.number)
            .collect()
    }

    /// The types all of whose resources the pattern matches.
    fn covered(&self, pattern: &str) -> Vec<u32> {
        let glob = Glob::new(pattern);
        let near = self.near(pattern).filter(|form| glob.contains(&form.glob));
        let mut numbers: Vec<(u32, usize)> = near.map(|form| (form.number, form.of)).collect();
        numbers.sort_unstable();
        let groups = numbers.chunk_by(|left, right| left.0 == right.0);
        groups
            .filter_map(|group| group.first().filter(|(_, of)| group.len() == *of))
            .map(|(number, _)| *number)
            .collect()
    }
}

fn fifth_colon(text: &str) -> Option<usize> {
    memchr::memchr_iter(b':', text.as_bytes()).nth(4)
}
