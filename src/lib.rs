//! Finds the authorization gap of non-human identities: what they may do, what they are seen to do, and what
//! they are meant to do.
//!
//! The flow has one direction, and no module uses one that stands above it:
//!
//! | module | owns | uses |
//! |---|---|---|
//! | `scan` | where JSON strings and containers end | nothing |
//! | [`model`] | the tables as plain structs, patterns, time, places | nothing |
//! | [`diagnostic`] | errors and warnings, and how they print | model |
//! | [`catalogue`] | actions, access levels, resource types, escalation sets | model |
//! | [`platform`] | one folder a platform: what a file is, grants, events, evaluation | model, catalogue |
//! | [`evidence`] | discovery, detection, decompression, blocks, quarantine | platform (traits) |
//! | [`usage`] | logs into the usage table, in parallel; the Parquet store | platform (traits), evidence |
//! | [`intent`] | `authgap.yaml`, and whether a use or grant is within the intent | model, diagnostic |
//! | [`gap`] | the passes that compare the three sets; measures | all above |
//! | [`frameworks`] | identifiers of published frameworks | model |
//! | [`findings`] | one file a kind of finding, behind one registry | gap, frameworks |
//! | [`report`] | the report, and one file a format | all above |
//! | [`gate`] | what is new against an accepted state: check, baseline, diff | all above |
//! | `cli` | arguments and printing | everything |

pub mod audit;
pub mod catalogue;
#[cfg(feature = "tables")]
pub mod cli;
pub mod diagnostic;
pub mod evidence;
pub mod findings;
pub mod frameworks;
pub mod gap;
pub mod gate;
pub mod intent;
pub mod model;
pub mod platform;
pub mod report;
mod scan;
pub mod usage;
