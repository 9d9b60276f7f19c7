//! The catalogue of one run: every platform's actions and those that only the evidence names, numbered.

use std::collections::BTreeMap;
use std::sync::{Arc, RwLock};

use hashbrown::HashMap;

use super::Catalogue;
use crate::model::{AccessLevel, ActionId, ActionSet, Glob, Str};

/// One action, or one pattern that stays a row of its own because its service has no catalogue.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Platform id.
    pub platform: Str,
    /// Name in the catalogue's spelling.
    pub name: Str,
    /// The service that it belongs to: the prefix before the first `:` (the whole name if there is none) unless
    /// the platform says otherwise.
    pub service: Str,
    /// Number of the service, for comparing without text.
    pub service_number: u32,
    /// Access level.
    pub level: AccessLevel,
    /// Whether it reads or changes data rather than the configuration around it (risk tags `data_access` and
    /// `credential_exposure`, and the data-event classes).
    pub touches_data: bool,
    /// Whether the platform's log marks the call as a read; `None` if that is not certain, so that only a log of
    /// reads and changes both covers it.
    pub log_reads: Option<bool>,
    /// What it can lead to.
    pub risks: Vec<super::risk::Risk>,
    /// Log class that the platform gives it, as an index into [`RunCatalogue::classes`].
    pub class: u16,
    /// Whether a catalogue lists it, rather than only the evidence.
    pub is_known: bool,
    /// Whether the name is a pattern.
    pub is_pattern: bool,
    /// Whether it can be limited to resources. Assumed where no catalogue says otherwise.
    pub takes_resource: bool,
    /// Whether it takes resources of one kind only, so that each call names the one it needs.
    pub has_one_resource: bool,
    /// Index in the platform's catalogue.
    pub index: Option<u32>,
}

/// All actions of a run.
#[derive(Debug, Default)]
pub struct RunCatalogue {
    entries: Vec<Entry>,
    classes: Vec<Str>,
    by_name: HashMap<(Str, Str), ActionId>,
    by_class: Vec<ActionSet>,
    services: BTreeMap<(Str, Str), u32>,
    by_service: Vec<ActionSet>,
    by_platform: BTreeMap<Str, ActionSet>,
    data: ActionSet,
    catalogued: std::collections::BTreeSet<(Str, Str)>,
    /// Pattern text (platform, lower case) to the actions that it matches; filled as patterns are met.
    expanded: RwLock<HashMap<(Str, Str), Arc<ActionSet>>>,
}

/// What a platform says of an action beyond its catalogue.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// The service that the action belongs to, where it is not the prefix before the first `:`.
    pub service: Option<Str>,
    /// What it can lead to.
    pub risks: Vec<super::risk::Risk>,
    /// Log class, such as `management` or `data:AWS::S3::Object`.
    pub class: Str,
    /// Whether it touches data.
    pub touches_data: bool,
    /// Access level, where the platform knows better than the catalogue (or has none).
    pub level: Option<AccessLevel>,
    /// Whether the platform's log marks the call as a read; `None` if that is not certain.
    pub log_reads: Option<bool>,
}

impl RunCatalogue {
    /// Joins catalogues and evidence actions.
    ///
    /// `seen` holds `(platform, action)` of usage, grants and reports; patterns among them are kept only where
    /// their service has no catalogue. `facts` is asked once an action.
    pub fn build(
        catalogues: &[(Str, &Catalogue)],
        seen: &[(Str, Str)],
        facts: &dyn Fn(&str, &str, Option<&super::Action>) -> Facts,
    ) -> RunCatalogue {
        let mut run = RunCatalogue::default();
        let mut classes: BTreeMap<Str, u16> = BTreeMap::new();
        for (platform, catalogue) in catalogues {
            for service in &catalogue.services {
                run.catalogued.insert((platform.clone(), service.prefix.clone()));
                for at in service.actions.clone() {
                    let action = &catalogue.actions[at];
                    let fact = facts(platform, &action.name, Some(action));
                    let entry = (platform, &action.name, action.level, Some(at as u32));
                    run.push(entry, &service.prefix, fact, &mut classes);
                    if let Some(last) = run.entries.last_mut() {
                        last.takes_resource = !action.resource_types.is_empty();
                        last.has_one_resource = action.resource_types.len() == 1;
                    }
                }
            }
        }
        let has_catalogue =
            |id: &Str| catalogues.iter().any(|(one, list)| one == id && !list.actions.is_empty());
        let mut extra: Vec<&(Str, Str)> = seen.iter().collect();
        extra.sort_unstable();
        extra.dedup();
        for (platform, name) in extra {
            let fact = facts(platform, name, None);
            let service: Str = fact.service.clone().unwrap_or_else(|| {
                name.split_once(':').map_or(&**name, |(prefix, _)| prefix).into()
            });
            let is_pattern = name.contains(['*', '?']);
            let lower: Str = service.to_ascii_lowercase().into();
            let catalogued = run.catalogued.contains(&(platform.clone(), lower));
            if run.id(platform, name).is_some() || (is_pattern && (catalogued || &**name == "*")) {
                continue;
            }
            let level = AccessLevel::Unknown;
            run.push((platform, name, level, None), &service, fact, &mut classes);
            // Where nobody lists what there is, a row's resource is all that the call touched.
            if let Some(last) = run.entries.last_mut() {
                last.has_one_resource = !has_catalogue(platform);
            }
        }
        run
    }

    fn push(
        &mut self,
        (platform, name, level, index): (&Str, &Str, AccessLevel, Option<u32>),
        service: &Str,
        facts: Facts,
        classes: &mut BTreeMap<Str, u16>,
    ) {
        let id = self.entries.len() as ActionId;
        let class = *classes.entry(facts.class.clone()).or_insert_with(|| {
            self.classes.push(facts.class.clone());
            self.by_class.push(ActionSet::new());
            (self.classes.len() - 1) as u16
        });
        let level = facts.level.unwrap_or(level);
        self.by_name.insert((platform.clone(), name.to_ascii_lowercase().into()), id);
        self.by_class[usize::from(class)].insert(id);
        let lower: Str = service.to_ascii_lowercase().into();
        let fresh = self.by_service.len() as u32;
        let service_number = *self.services.entry((platform.clone(), lower)).or_insert(fresh);
        if service_number == fresh {
            self.by_service.push(ActionSet::new());
        }
        self.by_service[service_number as usize].insert(id);
        self.by_platform.entry(platform.clone()).or_default().insert(id);
        if facts.touches_data {
            self.data.insert(id);
        }
        self.entries.push(Entry {
            platform: platform.clone(),
            name: name.clone(),
            service: service.clone(),
            service_number,
            level,
            touches_data: facts.touches_data,
            log_reads: facts.log_reads,
            risks: facts.risks,
            class,
            is_known: index.is_some(),
            is_pattern: name.contains(['*', '?']),
            takes_resource: true,
            has_one_resource: false,
            index,
        });
    }

    /// Number of actions.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// An action by number.
    ///
    /// # Panics
    /// Never for a number that this catalogue gave out.
    pub fn entry(&self, id: ActionId) -> &Entry {
        &self.entries[id as usize]
    }

    /// An action's number by name, without case.
    pub fn id(&self, platform: &str, name: &str) -> Option<ActionId> {
        self.by_name.get(&(platform.into(), name.to_ascii_lowercase().into())).copied()
    }

    /// The log class of an action.
    pub fn class_of(&self, id: ActionId) -> &Str {
        &self.classes[usize::from(self.entry(id).class)]
    }

    /// The actions of a class.
    pub fn class(&self, class: &str) -> ActionSet {
        let at = self.classes.iter().position(|name| &**name == class);
        at.map(|at| self.by_class[at].clone()).unwrap_or_default()
    }

    /// The actions of a service.
    pub fn service(&self, platform: &str, prefix: &str) -> ActionSet {
        let key = (platform.into(), prefix.to_ascii_lowercase().into());
        let number = self.services.get(&key);
        number.map(|number| self.by_service[*number as usize].clone()).unwrap_or_default()
    }

    /// The actions of a service by its number.
    ///
    /// # Panics
    /// Never for a number that an entry of this catalogue holds.
    pub fn service_by_number(&self, number: u32) -> &ActionSet {
        &self.by_service[number as usize]
    }

    /// The actions of a platform.
    pub fn platform(&self, platform: &str) -> ActionSet {
        self.by_platform.get(platform).cloned().unwrap_or_default()
    }

    /// The actions that touch data.
    pub fn data(&self) -> &ActionSet {
        &self.data
    }

    /// The actions that a pattern matches, compared without case. Pattern entries of services without a
    /// catalogue are matched when the pattern contains them.
    pub fn expand(&self, platform: &str, pattern: &str) -> Arc<ActionSet> {
        let key: (Str, Str) = (platform.into(), pattern.to_ascii_lowercase().into());
        if let Ok(known) = self.expanded.read()
            && let Some(set) = known.get(&key)
        {
            return set.clone();
        }
        let set = Arc::new(self.expand_slowly(platform, &key.1));
        if let Ok(mut known) = self.expanded.write() {
            known.insert(key, set.clone());
        }
        set
    }

    fn expand_slowly(&self, platform: &str, pattern: &str) -> ActionSet {
        let glob = Glob::fold(pattern);
        if glob.is_all() || pattern == "*:*" {
            return self.platform(platform);
        }
        let matches = |id: &ActionId| {
            let entry = self.entry(*id);
            if entry.is_pattern {
                glob.contains(&Glob::fold(&entry.name))
            } else {
                glob.matches(&entry.name)
            }
        };
        let prefix = pattern.split_once(':').map(|(prefix, _)| prefix);
        match prefix {
            // A service prefix without wildcard confines the search.
            Some(prefix)
                if !prefix.contains(['*', '?'])
                    && self.services.contains_key(&(platform.into(), prefix.into())) =>
            {
                self.service(platform, prefix).iter().filter(matches).collect()
            }
            _ => self.platform(platform).iter().filter(matches).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(seen: &[(&str, &str)]) -> RunCatalogue {
        let seen: Vec<(Str, Str)> = seen.iter().map(|(p, a)| ((*p).into(), (*a).into())).collect();
        let facts = |_: &str, _: &str, _: Option<&super::super::Action>| Facts {
            class: "management".into(),
            ..Facts::default()
        };
        RunCatalogue::build(&[("aws".into(), Catalogue::aws())], &seen, &facts)
    }

    #[test]
    fn expansion_equals_matching_one_by_one() {
        let run = run(&[("aws", "newsvc:DoIt"), ("generic", "crm:*")]);
        for pattern in [
            "*",
            "s3:*",
            "S3:Get*",
            "*:List*",
            "iam:*AccessKey*",
            "ec?:Describe*",
            "n*:do?t",
            "s3:GetObject",
            "nothing:*",
            "*Tags",
            "*:*",
        ] {
            let set = run.expand("aws", pattern);
            let text = if pattern == "*:*" { "*" } else { pattern };
            let glob = Glob::fold(text);
            let naive: ActionSet = (0..run.len() as u32)
                .filter(|id| {
                    let entry = run.entry(*id);
                    &*entry.platform == "aws" && glob.matches(&entry.name)
                })
                .collect();
            assert_eq!(*set, naive, "{pattern}");
        }
    }

    #[test]
    fn patterns_stay_rows_only_without_a_catalogue() {
        let run = run(&[("aws", "s3:Get*"), ("generic", "crm:*"), ("aws", "*")]);
        assert_eq!(run.id("aws", "s3:Get*"), None);
        assert!(run.id("generic", "crm:*").is_some());
        assert_eq!(run.id("aws", "*"), None);
    }
}
