//! The gate: what is new against an accepted state, and what of it fails a build.
//!
//! | file | owns |
//! |---|---|
//! | [`atoms`] | grants as comparable atoms: how they are made, and what an accepted set contains |
//! | [`fold`] | sets of actions as few patterns |
//! | [`baseline`] | the file of accepted findings and atoms |
//! | [`rename`] | an identity that only changed its name |
//! | [`waivers`] | waivers of the configuration: holding, ended, unused, added by the change |
//! | [`usage`] | use that an earlier JSON report knows |
//! | [`inputs`] | what among the inputs makes a verdict impossible |
//! | [`check`] | one run from paths to a verdict |
//! | [`words`] | the verdict as text |
//! | [`diff`] | two states side by side |
//!
//! It compares grants, never policies: a grant that moves, is rewritten or reformatted is no change. It prints
//! nothing, and does not read the clock.

pub mod atoms;
pub mod baseline;
pub mod check;
pub mod diff;
mod diff_words;
pub mod fold;
mod inputs;
mod newness;
pub mod rename;
mod usage;
pub mod waivers;
pub mod words;

#[cfg(test)]
mod tests;
