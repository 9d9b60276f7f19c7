//! Which cluster or agent a file is from, where the file itself need not say it.
//!
//! `clusters:` and `agents:` of the configuration decide by path. Without a rule the evidence of each folder
//! argument is one cluster, named by the folder; files that are arguments themselves belong to the only folder,
//! else together to one cluster. Agents have no such fallback: their product and project name them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::read::Classified;
use crate::intent::{Config, PathPatterns};
use crate::model::Str;

/// Name of the cluster of loose files.
const LOOSE: &str = "cluster";

/// The contexts of all files, by number.
pub(super) struct Contexts {
    clusters: Vec<Str>,
    agents: Vec<Str>,
}

impl Contexts {
    pub(super) fn new(config: &Config, files: &[Classified]) -> Contexts {
        let arguments: BTreeSet<&str> =
            files.iter().map(|file| file.found.argument.as_str()).collect();
        // Each argument is looked at once, however many files it led to.
        let folders: BTreeMap<&str, Str> = arguments
            .into_iter()
            .filter(|argument| Path::new(argument).is_dir())
            .map(|argument| (argument, name_of(argument).into()))
            .collect();
        let only = match folders.len() {
            1 => folders.values().next().cloned(),
            _ => None,
        };
        let loose = only.unwrap_or_else(|| LOOSE.into());
        let clusters = Names::new(config.clusters.iter().map(|rule| (&rule.name, &*rule.paths)));
        let agents = Names::new(config.agents.iter().map(|rule| (&rule.name, &*rule.paths)));
        let cluster = |file: &Classified| {
            let folder = || folders.get(file.found.argument.as_str()).unwrap_or(&loose).clone();
            clusters.of(&file.found.printed).unwrap_or_else(folder)
        };
        Contexts {
            clusters: files.iter().map(cluster).collect(),
            agents: files
                .iter()
                .map(|file| agents.of(&file.found.printed).unwrap_or_default())
                .collect(),
        }
    }

    /// The context of a file for a platform.
    pub(super) fn of(&self, platform: &str, file: usize) -> &str {
        let names = match platform {
            "agent" => &self.agents,
            _ => &self.clusters,
        };
        names.get(file).map_or("", |name| &**name)
    }
}

/// Names by path, in the order of the configuration.
struct Names(Vec<(Str, PathPatterns)>);

impl Names {
    fn new<'c>(rules: impl Iterator<Item = (&'c Str, &'c [Str])>) -> Names {
        Names(rules.map(|(name, paths)| (name.clone(), PathPatterns::new(paths))).collect())
    }

    /// The name of the first rule that matches.
    fn of(&self, path: &str) -> Option<Str> {
        self.0.iter().find(|(_, paths)| paths.matches(path)).map(|(name, _)| name.clone())
    }
}

/// The last component of a folder's path; the folder itself is asked where the path ends in dots.
fn name_of(folder: &str) -> String {
    let path = Path::new(folder);
    let real = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    let name = path.file_name().or_else(|| real.file_name());
    name.map_or_else(|| LOOSE.to_string(), |name| name.to_string_lossy().into_owned())
}
