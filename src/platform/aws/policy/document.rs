//! Policy documents: the parsed form. Parsing itself is in [`super::parse`].
//!
//! IAM User Guide, reference_policies_grammar and reference_policies_elements_*.

use crate::model::{Glob, Place, Str};

use super::condition::Operator;

/// A parsed policy.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Policy {
    /// Whether policy variables are in force: `Version` is `2012-10-17` (reference_policies_elements_version:
    /// without it, `${…}` is literal text).
    pub has_variables: bool,
    /// Statements in document order.
    pub statements: Vec<Statement>,
    /// What was odd but did not prevent reading: unknown elements and operators, empty lists.
    pub warnings: Vec<String>,
}

/// One statement.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    /// Number in the document, from 0.
    pub number: u32,
    /// `Sid`.
    pub sid: Option<Str>,
    /// Whether `Effect` is `Allow`.
    pub allow: bool,
    /// `Action` or `NotAction`.
    pub actions: Match<Glob>,
    /// `Resource` or `NotResource`; `None` where the document has neither (trust policies, ECR).
    pub resources: Option<Match<Str>>,
    /// `Principal` or `NotPrincipal`; `None` in identity policies.
    pub principals: Option<Match<Named>>,
    /// `Condition`.
    pub conditions: Vec<Test>,
    /// Where it is written.
    pub place: Option<Place>,
}

/// A list, or everything but a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Match<T> {
    /// Whether it is the `Not…` element.
    pub not: bool,
    /// The list.
    pub list: Vec<T>,
}

/// A principal as policies name it.
#[derive(Debug, Clone, PartialEq)]
pub enum Named {
    /// `"*"` or `{"AWS": "*"}`.
    Anyone,
    /// `AWS`: an account id, an ARN, or a unique id.
    Aws(Str),
    /// `Service`.
    Service(Str),
    /// `Federated`.
    Federated(Str),
    /// `CanonicalUser`.
    Canonical(Str),
}

/// One condition operator on one key.
#[derive(Debug, Clone, PartialEq)]
pub struct Test {
    /// The operator as written, such as `ForAnyValue:StringLikeIfExists`.
    pub operator: Str,
    /// The operator as understood; `None` for one that is not known.
    pub meaning: Option<Operator>,
    /// The key in lower case.
    pub key: Str,
    /// The key as written.
    pub key_text: Str,
    /// The values as text.
    pub values: Vec<Str>,
}

/// Why a document could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct PolicyError {
    /// Byte offset in the document's text.
    pub offset: usize,
    /// What is wrong, in words.
    pub reason: String,
}
