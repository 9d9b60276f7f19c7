//! What many identities share: expanded actions, and which actions a resource pattern can be about.
//!
//! Built once a run ([`Compiled::new`]); the caches fill as patterns are met, from any thread, and hold at most
//! [`CACHE_CAP`] entries each, the one of addresses about [`ADDRESSES_CAP`]. Knows the catalogue, no identity.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::{Arc, PoisonError, RwLock};

use hashbrown::HashMap;
use rustc_hash::FxHashMap;

use super::template::{self, Piece};
use crate::catalogue::{Catalogue, RunCatalogue};
use crate::model::{ActionId, ActionSet, Glob, Str};
use crate::platform::aws::policy::Policy;
use crate::platform::aws::policy::decide::supports_rcp;
use crate::platform::aws::policy::document::Match;
use crate::platform::aws::policy::matching::all_buckets;

/// More entries than this are computed anew each time.
const CACHE_CAP: usize = 50_000;

/// No more addresses of names are remembered once there are so many.
const ADDRESSES_CAP: usize = 200_000;

/// Of so many actions it is cheaper to find what a pattern of one service reaches than to look it up.
const FEW: u64 = 64;

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
    /// Of all actions those of which the resource types are known, and of these IAM's.
    pub(super) known: ActionSet,
    pub(super) known_iam: ActionSet,
    list_buckets: Option<ActionId>,
    by_name: HashMap<String, ActionId>,
    /// Actions by the address of a name that was met; the name stays alive as long as its address is a key.
    addresses: RwLock<FxHashMap<usize, (Glob, Option<ActionId>)>>,
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
            known: ActionSet::new(),
            known_iam: ActionSet::new(),
            list_buckets: run.id("aws", "s3:ListAllMyBuckets"),
            by_name: HashMap::new(),
            addresses: RwLock::default(),
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
        compiled.known = &*compiled.all - &compiled.unknown;
        compiled.known_iam = run.service("aws", "iam") & &compiled.known;
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
                set.extend(self.named(list));
                for glob in list.iter().filter(|glob| !glob.is_exact()) {
                    set |= &*self.pattern(glob, run);
                }
                set
            }
        };
        if actions.not {
            set = &*self.all - &set;
        }
        Arc::new(set)
    }

    /// The actions that a list names, ascending. Documents of an estate share their texts, so that a name is mostly
    /// found by its address, without reading it.
    fn named(&self, list: &[Glob]) -> Vec<ActionId> {
        let address = |glob: &Glob| glob.as_str().as_ptr().addr();
        let mut ids = Vec::with_capacity(list.len());
        let mut fresh: Vec<(&Glob, Option<ActionId>)> = Vec::new();
        // What a thread left behind that failed is a cache still: without it actions would be missing.
        let known = self.addresses.read().unwrap_or_else(PoisonError::into_inner);
        let has_room = known.len() < ADDRESSES_CAP;
        for glob in list.iter().filter(|glob| glob.is_exact()) {
            if let Some((_, id)) = known.get(&address(glob)) {
                ids.extend(*id);
                continue;
            }
            let id = self.by_name.get(glob.as_str()).copied();
            ids.extend(id);
            fresh.extend(has_room.then_some((glob, id)));
        }
        drop(known);
        if !fresh.is_empty()
            && let Ok(mut known) = self.addresses.write()
        {
            known.extend(fresh.into_iter().map(|(glob, id)| (address(glob), (glob.clone(), id))));
        }
        ids.sort_unstable();
        ids.dedup();
        ids
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

    /// Of some actions those that can be about a resource that one of the patterns matches. Costs as much as the
    /// actions have resource types, whatever the patterns leave open.
    pub(super) fn reach(&self, forms: &Forms, patterns: &[Str], about: &ActionSet) -> ActionSet {
        if patterns.iter().any(|pattern| &**pattern == "*") {
            return about.clone();
        }
        if patterns.is_empty() {
            return ActionSet::new();
        }
        let mut set = about & &self.unknown;
        let buckets = self.list_buckets.filter(|id| about.contains(*id));
        let mut kinds: Vec<(u32, bool)> = Vec::new();
        for pattern in patterns {
            if (about.len() > FEW || !has_service(pattern))
                && let Some(whole) = self.whole(forms, pattern)
            {
                set |= about & &*whole;
                continue;
            }
            if kinds.is_empty() {
                kinds = self.kinds(about);
            }
            forms.reached_of(pattern, &mut kinds);
            if buckets.is_some() && Glob::new(pattern).matches(&forms.buckets) {
                set.extend(buckets);
            }
        }
        if kinds.iter().any(|(_, is_reached)| *is_reached) {
            let is_reached = |number: &u32| {
                let at = kinds.binary_search_by_key(number, |(kind, _)| *kind);
                at.is_ok_and(|at| kinds.get(at).is_some_and(|(_, is_reached)| *is_reached))
            };
            let reached = |id: &ActionId| {
                self.resource_types(*id).iter().any(|(number, _)| is_reached(number))
            };
            set.extend(about.iter().filter(reached));
        }
        set
    }

    /// The resource types of some actions, ascending, none of them reached.
    fn kinds(&self, about: &ActionSet) -> Vec<(u32, bool)> {
        let types = about.iter().flat_map(|id| self.resource_types(id));
        let mut kinds: Vec<(u32, bool)> = types.map(|(number, _)| (*number, false)).collect();
        kinds.sort_unstable();
        kinds.dedup();
        kinds
    }

    fn resource_types(&self, id: ActionId) -> &'static [(u32, bool)] {
        let at = self.index.get(id as usize).copied().flatten();
        let action = at.and_then(|at| Catalogue::aws().actions.get(at as usize));
        action.map_or(&[], |action| &action.resource_types)
    }

    /// All actions that a pattern can be about. `None` when it is met for the first time: most texts name one thing
    /// and are met once, and all that a wildcard for the service reaches is worth finding only for those that return.
    fn whole(&self, forms: &Forms, pattern: &Str) -> Option<Arc<ActionSet>> {
        if let Ok(known) = forms.reached.read() {
            match known.get(pattern) {
                Some(Some(set)) => return Some(set.clone()),
                Some(None) => {}
                None => {
                    drop(known);
                    forms.remember(pattern, None);
                    return None;
                }
            }
        }
        let set = Arc::new(self.whole_of(forms, pattern));
        forms.remember(pattern, Some(set.clone()));
        Some(set)
    }

    /// As [`Compiled::whole`], walking every form.
    pub(super) fn whole_of(&self, forms: &Forms, pattern: &str) -> ActionSet {
        let mut set = self.unknown.clone();
        for number in forms.types(pattern) {
            set |= &self.by_type[number as usize];
        }
        if Glob::new(pattern).matches(&forms.buckets) {
            set.extend(self.list_buckets);
        }
        set
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
            let types_of = self.resource_types(*id);
            // A single type that is optional: a call may name none and is decided on `*`. Several optional ones are
            // alternatives.
            (types_of.len() > 1 || types_of.iter().any(|(_, is_required)| *is_required))
                && types_of.iter().all(|(number, _)| types.binary_search(number).is_ok())
        };
        let candidates = candidates - &self.unknown;
        let mut covered: ActionSet = candidates.iter().filter(is_covered).collect();
        let buckets = &forms.buckets;
        let lists = self.list_buckets.filter(|id| actions.contains(*id));
        if patterns.iter().any(|pattern| Glob::new(pattern).matches(buckets)) {
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
    /// The ARN of all buckets.
    buckets: String,
    list: Vec<Form>,
    /// By resource type its forms in `list`.
    by_type: Vec<Range<usize>>,
    by_service: HashMap<String, Vec<usize>>,
    /// Forms whose service segment is not fixed.
    elsewhere: Vec<usize>,
    /// Patterns that were met, with what they reach if they were met again.
    reached: RwLock<HashMap<Str, Option<Arc<ActionSet>>>>,
}

#[derive(Debug)]
struct Form {
    number: u32,
    /// The service segment, if it is fixed.
    service: Option<String>,
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
        let mut forms = Forms {
            partition: partition.to_string(),
            buckets: all_buckets(partition),
            ..Forms::default()
        };
        for (number, kind) in catalogue.resource_types.iter().enumerate() {
            forms.by_type.push(forms.list.len()..forms.list.len() + kind.templates.len());
            for template in &kind.templates {
                let service = service(template);
                let family = siblings.get(&service).map_or(&[] as &[&str], Vec::as_slice);
                let pieces = template::pieces(template, partition, family);
                let glob = Glob::new(&template::as_pattern(&pieces));
                let sixth = template.splitn(6, ':').nth(5).unwrap_or("");
                let at = forms.list.len();
                forms.list.push(Form {
                    number: number as u32,
                    service: service.clone(),
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

    fn remember(&self, pattern: &Str, set: Option<Arc<ActionSet>>) {
        if let Ok(mut known) = self.reached.write()
            && (known.len() < CACHE_CAP || known.contains_key(pattern))
        {
            known.insert(pattern.clone(), set);
        }
    }

    /// The forms that a pattern can be about, by its service segment.
    fn near(&self, pattern: &str) -> impl Iterator<Item = &Form> {
        let sought = Sought::of(pattern);
        let every = 0..self.list.len() * usize::from(sought.service.is_none());
        let of_service = sought.service.and_then(|service| self.by_service.get(service));
        let of_service = of_service.map_or(&[] as &[usize], Vec::as_slice);
        let elsewhere = self.elsewhere.iter().filter(move |_| sought.service.is_some());
        let all = of_service.iter().chain(elsewhere).copied().chain(every);
        all.map(|at| &self.list[at]).filter(move |form| sought.may_start(form))
    }

    /// The pattern in this partition. Partitions do not meet, so any of them is the caller's.
    fn here<'p>(&self, pattern: &'p str) -> Cow<'p, str> {
        match pattern.strip_prefix("arn:*:") {
            Some(rest) => format!("arn:{}:{rest}", self.partition).into(),
            None => pattern.into(),
        }
    }

    fn types(&self, pattern: &str) -> Vec<u32> {
        let text = self.here(pattern);
        let chars: Vec<char> = text.chars().collect();
        let near = self.near(&text);
        near.filter(|form| template::intersects(&form.pieces, &chars))
            .map(|form| form.number)
            .collect()
    }

    /// Marks those of some types that a pattern can be about: as [`Forms::types`], of their forms alone.
    fn reached_of(&self, pattern: &str, kinds: &mut [(u32, bool)]) {
        let text = self.here(pattern);
        let sought = Sought::of(&text);
        let mut chars: Vec<char> = Vec::new();
        for (number, is_reached) in kinds.iter_mut().filter(|(_, is_reached)| !is_reached) {
            let range = self.by_type.get(*number as usize).cloned().unwrap_or_default();
            let forms = self.list.get(range).unwrap_or_default().iter();
            for form in forms.filter(|form| sought.is_near(form)) {
                if chars.is_empty() {
                    chars.extend(text.chars());
                }
                if template::intersects(&form.pieces, &chars) {
                    *is_reached = true;
                    break;
                }
            }
        }
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

/// What a pattern says of the forms that it can be about.
#[derive(Clone, Copy)]
struct Sought<'p> {
    /// The service segment, if it is fixed.
    service: Option<&'p str>,
    /// Fixed text at the beginning of the sixth part, and whether that is all of it.
    start: &'p str,
    is_exact: bool,
}

impl<'p> Sought<'p> {
    fn of(pattern: &'p str) -> Sought<'p> {
        // Without wildcards before it, the sixth part begins where it seems to.
        let sixth = match fifth_colon(pattern) {
            Some(at) if !pattern[..at].contains(['*', '?']) => &pattern[at + 1..],
            _ => "*",
        };
        let start = sixth.split(['*', '?']).next().unwrap_or("");
        Sought { service: service(pattern), start, is_exact: start.len() == sixth.len() }
    }

    fn is_near(&self, form: &Form) -> bool {
        let is_elsewhere =
            |service: &str| form.service.as_deref().is_some_and(|own| own != service);
        !self.service.is_some_and(is_elsewhere) && self.may_start(form)
    }

    fn may_start(&self, form: &Form) -> bool {
        self.start.starts_with(&*form.start)
            || (form.start.starts_with(self.start) && !self.is_exact)
    }
}

/// The service segment of a pattern, if it is fixed.
fn service(pattern: &str) -> Option<&str> {
    let service = pattern.split(':').nth(2)?;
    (pattern.starts_with("arn:") && !service.contains(['*', '?'])).then_some(service)
}

fn has_service(pattern: &str) -> bool {
    service(pattern).is_some()
}

fn fifth_colon(text: &str) -> Option<usize> {
    memchr::memchr_iter(b':', text.as_bytes()).nth(4)
}
