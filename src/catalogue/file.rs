//! Reads the text form of a catalogue: tab-separated lines, described in `data/README.md`.

use std::io::Read;

use thiserror::Error;

use super::{Action, Catalogue, ResourceType, Service};
use crate::model::{AccessLevel, Str};

/// Why a catalogue could not be read.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum CatalogueError {
    /// Not gzip, or not text.
    #[error("the catalogue is neither text nor gzipped text")]
    NotText,
    /// The first line is not a catalogue header.
    #[error(
        "line 1 is not `#authgap-catalogue/1` with platform, version, date, source and licence"
    )]
    Header,
    /// A line is wrong.
    #[error("line {line}: {reason}")]
    Line {
        /// Line number, from 1.
        line: usize,
        /// What is wrong.
        reason: &'static str,
    },
}

/// A catalogue is some megabytes; a file that unpacks to more than this is not one.
const CAP: u64 = 256 << 20;

pub(super) fn read(bytes: &[u8]) -> Result<Catalogue, CatalogueError> {
    let mut text = String::new();
    if bytes.starts_with(&[0x1f, 0x8b]) {
        flate2::read::MultiGzDecoder::new(bytes)
            .take(CAP)
            .read_to_string(&mut text)
            .map_err(|_| CatalogueError::NotText)?;
    } else {
        text = std::str::from_utf8(bytes).map_err(|_| CatalogueError::NotText)?.to_string();
    }
    let mut lines = text.lines().enumerate();
    let mut catalogue = header(lines.next().map(|(_, line)| line))?;
    // Indices of resource types are written per service.
    let mut first_type = 0;
    for (number, line) in lines {
        let fail = |reason| CatalogueError::Line { line: number + 1, reason };
        let fields: Vec<&str> = line.split('\t').collect();
        match fields.as_slice() {
            ["S", prefix, name] => {
                first_type = catalogue.resource_types.len();
                let at = catalogue.actions.len();
                if catalogue.services.last().is_some_and(|last| *last.prefix >= **prefix) {
                    return Err(fail("services are not sorted"));
                }
                catalogue.services.push(Service {
                    prefix: (*prefix).into(),
                    name: (*name).into(),
                    actions: at..at,
                });
            }
            ["R", _, name, templates, keys] => catalogue.resource_types.push(ResourceType {
                name: (*name).into(),
                templates: list(templates, '|'),
                condition_keys: list(keys, ','),
            }),
            ["A", name, level, types, keys, dependent, rest @ ..] => {
                let types_here = catalogue.resource_types.len() - first_type;
                let service =
                    catalogue.services.last_mut().ok_or_else(|| fail("no service yet"))?;
                let types = resource_types(types, first_type, types_here)
                    .ok_or_else(|| fail("unknown resource type"))?;
                catalogue.actions.push(Action {
                    name: format!("{}:{name}", service.prefix).into(),
                    level: access_level(level).ok_or_else(|| fail("unknown access level"))?,
                    resource_types: types,
                    condition_keys: list(keys, ','),
                    dependent: list(dependent, ','),
                    permission_only: rest.first().is_some_and(|flags| flags.contains('p')),
                });
                service.actions.end = catalogue.actions.len();
            }
            ["X", "rcp", prefix] => catalogue.rcp_services.push((*prefix).into()),
            [""] => {}
            _ => return Err(fail("not a record of a catalogue")),
        }
    }
    for service in &catalogue.services {
        catalogue.actions[service.actions.clone()]
            .sort_by_cached_key(|action| action.name.to_ascii_lowercase());
    }
    Ok(catalogue)
}

fn header(line: Option<&str>) -> Result<Catalogue, CatalogueError> {
    let fields: Vec<&str> = line.unwrap_or_default().split('\t').collect();
    let ["#authgap-catalogue/1", platform, version, date, source, licence] = fields.as_slice()
    else {
        return Err(CatalogueError::Header);
    };
    Ok(Catalogue {
        platform: (*platform).into(),
        version: (*version).into(),
        date: (*date).into(),
        source: (*source).into(),
        licence: (*licence).into(),
        ..Catalogue::default()
    })
}

fn list(text: &str, separator: char) -> Vec<Str> {
    text.split(separator).filter(|item| !item.is_empty()).map(Str::from).collect()
}

fn access_level(letter: &str) -> Option<AccessLevel> {
    Some(match letter {
        "r" => AccessLevel::Read,
        "l" => AccessLevel::List,
        "w" => AccessLevel::Write,
        "p" => AccessLevel::PermissionsManagement,
        "t" => AccessLevel::Tagging,
        "u" => AccessLevel::Unknown,
        _ => return None,
    })
}

fn resource_types(text: &str, first: usize, count: usize) -> Option<Vec<(u32, bool)>> {
    text.split(',')
        .filter(|item| !item.is_empty())
        .map(|item| {
            let number = item.trim_end_matches('*').parse::<usize>().ok()?;
            (number < count).then(|| ((first + number) as u32, item.ends_with('*')))
        })
        .collect()
}
