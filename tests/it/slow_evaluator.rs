//! A second AWS policy evaluator, written to be read against the documentation and not to be fast.
//!
//! Owns: one answer for one self-contained case in the shape of `can --cases`. The tests compare it
//! with the evaluator of the crate, so it shares no code with it: only std and `serde_json::Value`.
//! Does not own: reading evidence, unknown context (a key that is not given is absent), the
//! management account, and the list of services that support resource control policies.
//!
//! Sources are named as in the reference: "IAM-UG x" is page `reference_policies_x` of the IAM User
//! Guide unless the page has another prefix, "ORG-UG" the AWS Organizations User Guide.

use serde_json::{Map, Value};

#[path = "slow_conditions.rs"]
mod conditions;
