//! Links between identities: rights through another identity are reach, never counted twice.

use super::{Place, Str};

/// One identity can act as another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Link {
    /// The identity that can act, by id (it may be outside the evidence).
    pub from: Str,
    /// The identity that it can act as.
    pub to: Str,
    /// How: `trust policy`, `sts:AssumeRole seen`, `instance profile`.
    pub mechanism: Str,
    /// Where.
    pub place: Option<Place>,
}
