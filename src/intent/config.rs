//! `authgap.yaml`: its types (`docs/configuration.md`).
//!
//! Everything keeps the line and column that findings cite. How the file is read is `sections`', which identity
//! an entry is for `select`'s, what an intent excludes `check`'s and `reach`'s.

use super::hours::Hours;
use super::sections;
use crate::diagnostic::Diagnostic;
use crate::model::{Glob, Settings, Str, Time, ToolRule};

/// A line and column of the configuration, both from 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Spot {
    /// Line.
    pub line: u32,
    /// Column.
    pub column: u32,
}

/// A value and where its key stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Field<T> {
    /// The value.
    pub value: T,
    /// Where.
    pub spot: Spot,
}

/// The observation window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// Everything that the evidence holds.
    All,
    /// This many days before the time of the report.
    Days(u32),
}

impl Window {
    /// Reads `90d` or `all`.
    pub fn parse(text: &str) -> Option<Window> {
        if text == "all" {
            return Some(Window::All);
        }
        parse_days_span(text).map(Window::Days)
    }
}

/// Reads a span of days, `1d` to `36500d`.
pub(super) fn parse_days_span(text: &str) -> Option<u32> {
    let digits = text.strip_suffix('d')?;
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let days: u32 = if plain {
        digits.parse().ok()?
    } else {
        return None;
    };
    (1..=36_500).contains(&days).then_some(days)
}

/// The configuration of a run. [`Config::default`] is that of a run without a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Path of the file as it is printed; empty without a file.
    pub path: Str,
    /// The file's text, which warnings quote.
    pub text: Str,
    /// Observation window.
    pub window: Option<Field<Window>>,
    /// Days without use after which a permission is stale.
    pub stale_after_days: Option<Field<u32>>,
    /// What owners say of identities, in file order.
    pub identities: Vec<IdentityEntry>,
    /// Sensitivity of resources; the last that matches a resource holds.
    pub labels: Vec<LabelRule>,
    /// Sensitivities, from the least to the most sensitive.
    pub sensitivities: Vec<Str>,
    /// Environments of resources and accounts; the last that matches holds.
    pub environments: Vec<EnvironmentRule>,
    /// Names of agents by where their traces lie.
    pub agents: Vec<AgentRule>,
    /// Names of clusters by where their evidence lies.
    pub clusters: Vec<ClusterRule>,
    /// What tools do and touch.
    pub tools: Vec<ToolRule>,
    /// Accepted findings.
    pub waivers: Vec<Waiver>,
    /// The gate of `check`.
    pub gate: Gate,
}

/// The order of sensitivities unless `sensitivities:` names another.
pub const SENSITIVITIES: [&str; 4] = ["public", "internal", "confidential", "restricted"];

impl Default for Config {
    fn default() -> Config {
        Config {
            path: "".into(),
            text: "".into(),
            window: None,
            stale_after_days: None,
            identities: Vec::new(),
            labels: Vec::new(),
            sensitivities: SENSITIVITIES.iter().map(|word| (*word).into()).collect(),
            environments: Vec::new(),
            agents: Vec::new(),
            clusters: Vec::new(),
            tools: Vec::new(),
            waivers: Vec::new(),
            gate: Gate::default(),
        }
    }
}

impl Config {
    /// A place in the file, as findings cite it: `authgap.yaml:27:5`.
    pub fn cite(&self, spot: Spot) -> String {
        format!("{}:{}:{}", self.path, spot.line, spot.column)
    }

    /// A warning about a place in the file, with its source line.
    pub fn warning(&self, spot: Spot, message: impl Into<String>) -> Diagnostic {
        let length =
            self.text.lines().nth(spot.line.saturating_sub(1) as usize).map_or(1, |line| {
                let before = spot.column.saturating_sub(1) as usize;
                line.trim_end().chars().count().saturating_sub(before)
            });
        Diagnostic::warning("config", message).path(&*self.path).at(
            &self.text,
            spot.line,
            spot.column,
            length,
        )
    }

    /// What the platforms' readers need to know of it.
    pub fn settings(&self) -> Settings {
        let agent =
            |rule: &AgentRule| (rule.name.clone(), rule.paths.clone(), rule.servers.clone());
        Settings {
            tools: self.tools.clone(),
            agents: self.agents.iter().map(agent).collect(),
            ..Settings::default()
        }
    }

    /// Rank of a sensitivity, 0 for the least sensitive.
    pub fn rank(&self, sensitivity: &str) -> Option<usize> {
        self.sensitivities.iter().position(|word| &**word == sensitivity)
    }
}

/// What an owner says of the identities that a pattern matches.
#[derive(Debug, Clone, PartialEq)]
pub struct IdentityEntry {
    /// Where the entry begins.
    pub spot: Spot,
    /// `PLATFORM:KIND/NAME`, a canonical id or a display name; `*` and `?` are wildcards.
    pub matches: Field<Glob>,
    /// Who answers for it.
    pub owner: Option<Field<Str>>,
    /// What it is for.
    pub purpose: Option<Field<Str>>,
    /// The environment that it belongs to, and may act in.
    pub environment: Option<Field<Str>>,
    /// Whether it belongs to another organisation.
    pub third_party: Option<Field<bool>>,
    /// When the relationship ends.
    pub expires: Option<Field<Time>>,
    /// What it is meant to do.
    pub intent: Option<Field<IntentEntry>>,
}

/// The `intent:` of an entry. An absent field is no limit.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct IntentEntry {
    /// The only actions that are meant.
    pub allow: Option<Field<Vec<Rule>>>,
    /// Actions that are not meant, whatever `allow` says.
    pub deny: Option<Field<Vec<Rule>>>,
    /// Resources, for the actions of the services that they name.
    pub resources: Option<Field<Vec<Glob>>>,
    /// Hours.
    pub hours: Option<Field<Hours>>,
    /// Regions.
    pub regions: Option<Field<Vec<Glob>>>,
    /// Accounts.
    pub accounts: Option<Field<Vec<Glob>>>,
    /// The most sensitive data that it may touch.
    pub max: Option<Field<Str>>,
    /// Data above this needs a condition on its label.
    pub require_condition_above: Option<Field<Str>>,
}

/// An item of `allow` or `deny`.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Where.
    pub spot: Spot,
    /// Action patterns, compared without case.
    pub actions: Vec<Glob>,
    /// Resource patterns; `None` is every resource.
    pub resources: Option<Vec<Glob>>,
}

/// A sensitivity label.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelRule {
    /// Where.
    pub spot: Spot,
    /// Resources.
    pub matches: Glob,
    /// One of [`Config::sensitivities`].
    pub sensitivity: Str,
}

/// An environment label.
#[derive(Debug, Clone, PartialEq)]
pub struct EnvironmentRule {
    /// Where.
    pub spot: Spot,
    /// Resources or accounts.
    pub matches: Glob,
    /// The environment.
    pub environment: Str,
}

/// The name of an agent.
#[derive(Debug, Clone, PartialEq)]
pub struct AgentRule {
    /// Where.
    pub spot: Spot,
    /// Its name.
    pub name: Str,
    /// Paths of its traces: `*`, `**` and `?`.
    pub paths: Vec<Str>,
    /// Servers that only it uses.
    pub servers: Vec<Str>,
}

/// The name of a cluster.
#[derive(Debug, Clone, PartialEq)]
pub struct ClusterRule {
    /// Where.
    pub spot: Spot,
    /// Its name.
    pub name: Str,
    /// Paths of its evidence: `*`, `**` and `?`.
    pub paths: Vec<Str>,
}

/// A finding that is accepted until a day.
#[derive(Debug, Clone, PartialEq)]
pub struct Waiver {
    /// Where.
    pub spot: Spot,
    /// Kind of finding, with its place, since only the registry of findings knows the kinds.
    pub finding: Field<Str>,
    /// Whose finding; `None` is any.
    pub identity: Option<Field<Glob>>,
    /// Why it is accepted.
    pub reason: Str,
    /// Who accepts it.
    pub owner: Str,
    /// Last second on which it holds; the place is the date's own.
    pub expires: Field<Time>,
}

/// The gate of `check`.
#[derive(Debug, Clone, PartialEq)]
pub struct Gate {
    /// Severity from which a finding fails the check: `info`, `low`, `medium`, `high` or `critical`.
    pub fail_on: Field<&'static str>,
    /// Whether only new findings fail it.
    pub new_only: bool,
}

impl Default for Gate {
    fn default() -> Gate {
        Gate { fail_on: Field { value: "high", spot: Spot::default() }, new_only: true }
    }
}

/// Reads a configuration.
///
/// # Errors
/// Everything that is wrong with the file, in file order, with places.
pub fn parse(text: &str, path: &str) -> Result<Config, Vec<Diagnostic>> {
    sections::read(text, path)
}
