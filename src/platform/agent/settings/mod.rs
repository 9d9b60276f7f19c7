//! Permission settings of agents' clients as rules over actions.
//!
//! Each client's file is lowered to the same rules: what they cover of an action, what they decide, which comes first.
//! The evaluator walks them in order. What a rule matches of a single call with all its arguments is told by `claude`
//! for Claude Code, whose documentation says it exactly.

pub mod claude;
pub mod gemini;
mod shown;

use crate::model::{Glob, Place, Str};
use crate::platform::agent::names;

pub use shown::shown;

/// What a rule decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// Runs without asking.
    Allow,
    /// Runs after a person approves.
    Ask,
    /// Does not run.
    Deny,
}

/// What a rule is about.
#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    /// Actions, by pattern: all their calls.
    Actions(Vec<Glob>),
    /// Commands of shell tools: patterns over command lines.
    Commands(Vec<Glob>),
    /// Calls of some tools that touch resources.
    Resources {
        /// Actions of the tools.
        tools: Vec<Str>,
        /// `*`/`?` patterns over scopes: at least what the rule matches.
        patterns: Vec<Str>,
    },
    /// Calls with certain arguments, which the evidence about grants cannot tell.
    Arguments {
        /// Actions.
        tools: Vec<Glob>,
        /// What decides, in words.
        text: Str,
    },
}

/// One rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// What it decides.
    pub effect: Effect,
    /// Rules with a higher number are asked first.
    pub priority: i64,
    /// What it is about.
    pub target: Target,
    /// What else must hold, which the evidence does not decide.
    pub condition: Option<Str>,
    /// As it is written.
    pub text: Str,
    /// The settings that it stands in.
    pub policy: Str,
    /// Its number there.
    pub number: u32,
    /// Where.
    pub place: Place,
}

/// How much of an action's calls a rule covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cover {
    /// None.
    None,
    /// Those on these resources, or those that the words tell.
    Part(Vec<Str>, Option<Str>),
    /// All.
    Full,
}

impl Rule {
    /// What it covers of an action.
    pub fn cover(&self, action: &str) -> Cover {
        let tool = names::tool_of(action);
        match &self.target {
            Target::Actions(globs) => {
                let whole = |glob: &Glob| {
                    glob.matches(action) || (!glob.as_str().contains('#') && glob.matches(tool))
                };
                // A place-holder for tools that no list names is covered by what contains it.
                let all = |glob: &Glob| tool.contains('*') && glob.contains(&Glob::new(tool));
                match globs.iter().any(|glob| whole(glob) || all(glob)) {
                    true => Cover::Full,
                    false => match globs.iter().any(|glob| is_part(glob, action)) {
                        true => Cover::Part(vec!["*".into()], Some(self.text.clone())),
                        false => Cover::None,
                    },
                }
            }
            Target::Commands(globs) => commands(globs, action),
            Target::Resources { tools, patterns } => match tools.iter().any(|one| **one == *tool) {
                true => Cover::Part(patterns.clone(), None),
                false => Cover::None,
            },
            Target::Arguments { tools, text } => {
                match tools.iter().any(|glob| glob.matches(tool)) {
                    true => Cover::Part(vec!["*".into()], Some(text.clone())),
                    false => Cover::None,
                }
            }
        }
    }
}

/// Whether a pattern names some of what an action stands for: one method of a tool, some tools of a server.
fn is_part(glob: &Glob, action: &str) -> bool {
    match (action.contains('*'), action.contains('#')) {
        (true, _) => glob.intersects(&Glob::new(action)),
        (false, false) => glob.as_str().split_once('#').is_some_and(|(tool, _)| tool == action),
        (false, true) => false,
    }
}

/// What command patterns cover of `agent:Bash#git push`: all its lines, or some.
fn commands(globs: &[Glob], action: &str) -> Cover {
    let (tool, program) = action.split_once('#').unwrap_or((action, ""));
    if !crate::platform::agent::resources::is_shell(tool) {
        return Cover::None;
    }
    let all = |glob: &Glob| glob.is_all();
    if globs.iter().any(all) {
        return Cover::Full;
    }
    if program.is_empty() {
        let texts =
            globs.iter().map(|glob| format!("cmd:{}", shown(glob.as_str())).into()).collect();
        return Cover::Part(texts, None);
    }
    let (bare, more) = (Glob::new(program), Glob::new(&format!("{program} *")));
    let covers = |wanted: &Glob| globs.iter().any(|glob| glob.contains(wanted));
    if covers(&bare) && covers(&more) {
        return Cover::Full;
    }
    let some: Vec<Str> = globs
        .iter()
        .filter(|glob| glob.intersects(&bare) || glob.intersects(&more))
        .map(|glob| format!("cmd:{}", shown(glob.as_str())).into())
        .collect();
    if some.is_empty() { Cover::None } else { Cover::Part(some, None) }
}

/// What decides where no rule matches.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// Asks for all but what only reads.
    #[default]
    Default,
    /// As default, and edits of files run.
    AcceptEdits,
    /// Only what reads runs.
    Plan,
    /// A classifier decides.
    Auto,
    /// What no rule allows does not run.
    DontAsk,
    /// Everything runs.
    Bypass,
    /// Everything that is offered runs: programs that ask nobody.
    Open,
}

#[cfg(test)]
mod tests;
