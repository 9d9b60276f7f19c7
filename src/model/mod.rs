//! The tables as plain structs, and the small values that they are made of.
//!
//! Everything else in the crate depends on this module and it depends on nothing above it. It holds no
//! reading, no evaluation and no printing.

pub mod action;
pub mod claim;
pub mod grant;
pub mod identity;
pub mod interval;
pub mod link;
pub mod pattern;
pub mod place;
pub mod settings;
pub mod texts;
pub mod time;
pub mod usage;

pub use action::{AccessLevel, ActionId, ActionSet};
pub use claim::{Claim, ClaimScope, Rw, Says, Select, Source};
pub use grant::{Condition, ConditionClass, Decision, GrantRow, GrantSet, Layer, Origin};
pub use identity::{Credential, Hole, HoleKind, Identity, IdentityKind, Label};
pub use interval::Intervals;
pub use link::Link;
pub use pattern::Glob;
pub use place::{At, FileId, Place};
pub use settings::{Settings, Side, ToolRule};
pub use texts::Texts;
pub use time::{Slot, Time};
pub use usage::{Bounded, Outcome, ScopeSet, UsageRow};

/// A string that many rows share.
pub type Str = std::sync::Arc<str>;
