//! Which cluster or agent a file is from, where the file itself need not say it.
//!
//! `clusters:` and `agents:` of the configuration decide by path. Without a rule the evidence of each folder
//! argument is one cluster, named by the folder; files that are arguments themselves belong to the only folder,
//! else together to one cluster. Agents have no such fallback: their product and project name them.

use std::collections::BTreeSet;
use std::path::Path;

use super::read::Classified;
use crate::intent::{Config, path_matches};
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
        let is_folder = |argument: &str| Path::new(argument).is_dir();
        let folders: BTreeSet<&str> = files
            .iter()
            .map(|file| file.found.argument.as_str())
            .filter(|argument| is_folder(argument))
            .collect();
        let only = match folders.len() {
            1 => folders.first().copied(),
            _ => None,
        };
        let fallback = |argument: &str| -> Str {
            let folder = if folders.contains(argument) { Some(argument) } else { only };
            folder.map_or_else(|| LOOSE.into(), |folder| name_of(folder).into())
        };
        let cluster = |file: &Classified| {
            let named = config
                .clusters
                .iter()
                .find(|rule| rule.paths.iter().any(|glob| path_matches(glob, &file.found.printed)));
            named.map_or_else(|| fallback(&file.found.argument), |rule| rule.name.clone())
        };
        let agent = |file: &Classified| {
            let named = config
                .agents
                .iter()
                .find(|rule| rule.paths.iter().any(|glob| path_matches(glob, &file.found.printed)));
            named.map_or_else(|| "".into(), |rule| rule.name.clone())
        };
        Contexts {
            clusters: files.iter().map(cluster).collect(),
            agents: files.iter().map(agent).collect(),
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

/// The last component of a folder's path; the folder itself is asked where the path ends in dots.
fn name_of(folder: &str) -> String {
    let path = Path::new(folder);
    let real = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    let name = path.file_name().or_else(|| real.file_name());
    name.map_or_else(|| LOOSE.to_string(), |name| name.to_string_lossy().into_owned())
}
