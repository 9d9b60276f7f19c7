//! The platform of AI agents.

pub mod kinds;
pub mod names;
mod normalise;
pub mod resources;
pub mod shell;
pub mod usage;

/// Platform id.
pub const ID: &str = "agent";
