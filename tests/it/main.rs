//! The one integration binary: each further one would link the program's libraries again.

#![allow(clippy::panic, clippy::print_stdout, reason = "helpers of tests fail and tell why")]

mod bad_input;
mod claims;
mod common;
mod demo;
mod determinism;
mod evaluator;
mod gate;
mod gate_outputs;
mod real_aws;
mod slow_evaluator;
mod structure;
