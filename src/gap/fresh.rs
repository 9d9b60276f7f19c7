//! Grants that are new against an accepted state, as the gate hands them to the passes and findings.
//!
//! What is accepted, and how it is compared, is `gate::atoms`'. A new grant cannot have been observed, so that the
//! passes never call one unused.

use crate::model::{ActionId, ActionSet, Str};

/// A part of one grant row that the accepted state does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FreshGrant {
    /// Number of the grant row.
    pub row: u32,
    /// The actions that are new.
    pub actions: ActionSet,
    /// The resource patterns on which they are new.
    pub resources: Vec<Str>,
    /// Of the actions, those that were used, allowed, where the accepted state does not grant them.
    pub used: ActionSet,
}

/// The new grants of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fresh {
    /// By identity, in the order of identities.
    pub by_identity: Vec<Vec<FreshGrant>>,
    /// Nothing was given to compare with: every grant counts as new for the verdict, and the evidence speaks of each
    /// as it always does.
    pub is_all: bool,
}

impl Fresh {
    /// The new grants of an identity, by its number.
    pub fn of(&self, identity: usize) -> &[FreshGrant] {
        self.by_identity.get(identity).map_or(&[], Vec::as_slice)
    }

    /// Actions of an identity whose non-use says nothing, since the grant is new.
    pub(super) fn unobserved(&self, identity: usize) -> ActionSet {
        let mut all = ActionSet::new();
        if !self.is_all {
            for one in self.of(identity) {
                all |= &one.actions;
            }
        }
        all
    }

    /// Whether an action of an identity is new in any of its grants.
    pub fn holds(&self, identity: usize, action: ActionId) -> bool {
        self.of(identity).iter().any(|one| one.actions.contains(action))
    }
}
