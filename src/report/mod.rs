//! The report.

pub mod build;
pub mod model;
mod summary;
