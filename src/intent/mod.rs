//! What an identity is meant to do: `authgap.yaml`, and whether a use or a grant is within it.
//!
//! Owns the configuration's format, the choice of identities by `match:`, and the checks of uses and grants
//! against an intent. Does not read evidence, does not judge gaps and prints nothing; a check answers
//! inside, outside or undecided, and the gap passes make statuses and findings of that.
//!
//! ```text
//! text ─► node (YAML with places) ─► config (checked) ─► select (which identities) ─► check, reach
//! ```

pub mod check;
pub mod config;
mod cover;
pub mod hours;
mod node;
mod paths;
pub mod reach;
mod read;
pub mod schema;
mod sections;
pub mod select;
#[cfg(test)]
mod tests;
mod tools;

pub use check::{Breach, Facet, FacetSet, Intent, Judgement, Within};
pub use config::{Config, Field, Spot, Window, parse};
pub use hours::Hours;
pub use paths::PathPatterns;
pub use reach::{Beyond, Extent, Sensitive};
pub use select::{Applied, apply};
