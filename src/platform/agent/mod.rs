//! The platform of AI agents.

pub mod kinds;
pub mod names;

/// Platform id.
pub const ID: &str = "agent";
