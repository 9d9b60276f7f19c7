//! Actions: catalogue numbers, sets of them, and access levels.

use serde::{Deserialize, Serialize};

/// Number of an action in the catalogue of one run (`catalogue::RunCatalogue`).
///
/// Platform catalogues come first in a fixed order, actions seen only in the evidence follow in sorted
/// order, so that a number does not depend on threads or on the order of files.
pub type ActionId = u32;

/// A set of actions. Compressed, because 100,000 identities times 22,000 actions must not be dense.
pub type ActionSet = roaring::RoaringBitmap;

/// What kind of access an action gives, in the words of the AWS Service Authorization Reference
/// ("Access level"), extended by `delete` and `execute` for platforms that tell them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AccessLevel {
    /// Reads content or attributes of a resource.
    Read,
    /// Lists resources without reading their content.
    List,
    /// Creates or changes resources.
    Write,
    /// Deletes resources.
    Delete,
    /// Runs code or starts work.
    Execute,
    /// Grants or changes permissions.
    PermissionsManagement,
    /// Only changes tags.
    Tagging,
    /// Not stated by any catalogue.
    Unknown,
}

impl AccessLevel {
    /// All levels, in the order in which reports print them.
    pub const ALL: [AccessLevel; 8] = [
        AccessLevel::Read,
        AccessLevel::List,
        AccessLevel::Write,
        AccessLevel::Delete,
        AccessLevel::Execute,
        AccessLevel::PermissionsManagement,
        AccessLevel::Tagging,
        AccessLevel::Unknown,
    ];

    /// The word that reports print.
    pub fn as_str(self) -> &'static str {
        match self {
            AccessLevel::Read => "read",
            AccessLevel::List => "list",
            AccessLevel::Write => "write",
            AccessLevel::Delete => "delete",
            AccessLevel::Execute => "execute",
            AccessLevel::PermissionsManagement => "permissions-management",
            AccessLevel::Tagging => "tagging",
            AccessLevel::Unknown => "unknown",
        }
    }

    /// Reads the word that reports print, or the one that the Service Authorization Reference uses.
    pub fn parse(text: &str) -> Option<AccessLevel> {
        let word = text.trim().to_ascii_lowercase().replace([' ', '_'], "-");
        match word.as_str() {
            "permission-management" => Some(AccessLevel::PermissionsManagement),
            _ => AccessLevel::ALL.into_iter().find(|level| level.as_str() == word),
        }
    }

    /// Whether the action changes something: content, permissions or what runs. Tagging does not count.
    pub fn changes(self) -> bool {
        matches!(
            self,
            AccessLevel::Write
                | AccessLevel::Delete
                | AccessLevel::Execute
                | AccessLevel::PermissionsManagement
        )
    }

    /// Whether a log's read/write flag would call it a read: read and list.
    pub fn is_read(self) -> bool {
        matches!(self, AccessLevel::Read | AccessLevel::List)
    }
}
