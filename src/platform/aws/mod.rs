//! The AWS platform.

pub mod policy;
