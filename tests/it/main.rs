//! The one integration binary: each further one would link the program's libraries again.

mod bad_input;
mod common;
mod demo;
mod determinism;
mod evaluator;
mod real_aws;
mod slow_evaluator;
mod structure;
