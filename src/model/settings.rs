//! What the owner's configuration tells a platform's readers: it decides what is kept of a log.

use super::{AccessLevel, Glob, Str};

/// Which side of a change is read: a plan holds both.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// What is granted once the change is made.
    #[default]
    After,
    /// What is granted before it is made.
    Before,
}

/// Settings of a run for the platforms.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Settings {
    /// Rules for tools, in file order; the first that says something holds (`docs/configuration.md`, tools).
    pub tools: Vec<ToolRule>,
    /// Names of agents: name, path globs, servers that only it uses.
    pub agents: Vec<(Str, Vec<Str>, Vec<Str>)>,
    /// Which side of changes (plans) is read.
    pub side: Side,
}

/// What an owner says of some tools.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolRule {
    /// The tools: a glob over action ids such as `mcp:github/*`.
    pub matches: Glob,
    /// Templates of resources, `github:{owner}/{repo}`: one call may touch several.
    pub resources: Vec<Str>,
    /// Templates of destinations: where the call sends something.
    pub destinations: Vec<Str>,
    /// The argument that chooses among several actions of the tool.
    pub dispatch: Option<Str>,
    /// How values are made comparable: `path`, `host`, `sql-tables`, `email-domain`, `arn`, `none`.
    pub normalise: Option<Str>,
    /// Its access level, whatever its name and hints say.
    pub access: Option<AccessLevel>,
    /// Whether what its server says of it is believed.
    pub trusted: bool,
}
