//! The Kubernetes platform.

pub mod audit;
pub mod kinds;
pub mod names;

/// Platform id.
pub const ID: &str = "kubernetes";
