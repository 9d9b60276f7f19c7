//! The values of the generic tables: times, outcomes, truth, kinds, access levels guessed from verbs.
//!
//! Everything here turns a cell's text into a value or says that it is none; it never guesses silently.

use crate::model::{AccessLevel, IdentityKind, Intervals, Outcome, Time};

/// A time, and whether its zone was not written and UTC was assumed.
pub(super) fn time(text: &str) -> Option<(Time, bool)> {
    let time = Time::parse(text)?;
    let text = text.trim();
    let is_clock = text.as_bytes().get(13) == Some(&b':');
    let tail = text.get(16..).unwrap_or("");
    let has_zone = tail.contains(['Z', 'z', '+', '-']) || tail.ends_with("UTC");
    Some((time, is_clock && !has_zone))
}

/// `true`, `false`, `yes`, `no`, `1`, `0`.
pub(super) fn truth(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "1" => Some(true),
        "false" | "no" | "0" => Some(false),
        _ => None,
    }
}

/// Words for outcomes. `failure` alone is not a denial: many systems write it for calls that were allowed and
/// failed later.
pub(super) fn outcome(text: &str) -> Option<Outcome> {
    let word = text.trim().to_ascii_lowercase();
    if word.len() == 3 && word.bytes().all(|byte| byte.is_ascii_digit()) {
        return match word.as_str() {
            "401" | "403" => Some(Outcome::Denied),
            "304" => Some(Outcome::Allowed),
            code if code.starts_with('2') => Some(Outcome::Allowed),
            code if code.starts_with(['4', '5']) => Some(Outcome::Undetermined),
            _ => None,
        };
    }
    match word.as_str() {
        "success" | "ok" | "allow" | "allowed" | "permit" | "permitted" | "granted" | "pass" => {
            Some(Outcome::Allowed)
        }
        "deny" | "denied" | "forbidden" | "unauthorized" | "refused" | "blocked" => {
            Some(Outcome::Denied)
        }
        "failure" | "error" | "timeout" | "undetermined" => Some(Outcome::Undetermined),
        _ => None,
    }
}

/// A kind of identity; spaces and `_` count as `-`.
pub(super) fn kind(text: &str) -> Option<IdentityKind> {
    let word = text.trim().to_ascii_lowercase().replace([' ', '_'], "-");
    [
        IdentityKind::ServiceAccount,
        IdentityKind::Role,
        IdentityKind::User,
        IdentityKind::ApiKey,
        IdentityKind::CiJob,
        IdentityKind::Workload,
        IdentityKind::Agent,
        IdentityKind::Bot,
        IdentityKind::Human,
        IdentityKind::Other,
    ]
    .into_iter()
    .find(|kind| kind.as_str() == word)
}

/// Gaps: `A/B;C/D`.
pub(super) fn gaps(text: &str) -> Option<Intervals> {
    let mut parts = Vec::new();
    for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
        let (from, to) = part.split_once('/')?;
        let (from, to) = (Time::parse(from)?, Time::parse(to)?);
        if to < from {
            return None;
        }
        parts.push((from, to));
    }
    Some(Intervals::from_unsorted(parts))
}

/// Verbs of action names and the access that they mean, in the words of `reference`
/// (`docs/platforms/generic.md`, "Access levels guessed from the verb").
const VERBS: [(AccessLevel, &[&str]); 5] = [
    (AccessLevel::List, &["list", "search", "find", "browse", "query", "count", "ls", "index"]),
    (
        AccessLevel::Read,
        &[
            "read", "get", "describe", "show", "fetch", "retrieve", "lookup", "view", "check",
            "explain", "preview", "status", "validate", "compare", "diff", "log", "history", "cat",
            "stat", "select", "display", "download", "export", "consume",
        ],
    ),
    (
        AccessLevel::Write,
        &[
            "write",
            "create",
            "add",
            "update",
            "edit",
            "set",
            "put",
            "post",
            "send",
            "append",
            "modify",
            "move",
            "rename",
            "copy",
            "upload",
            "upsert",
            "patch",
            "apply",
            "assign",
            "attach",
            "enable",
            "disable",
            "install",
            "scale",
            "publish",
            "submit",
            "request",
            "approve",
            "insert",
            "import",
            "produce",
            "change",
            "manage",
            "merge",
            "overwrite",
            "replace",
            "pay",
            "refund",
            "transfer",
        ],
    ),
    (
        AccessLevel::Delete,
        &[
            "delete",
            "remove",
            "destroy",
            "drop",
            "purge",
            "wipe",
            "truncate",
            "terminate",
            "uninstall",
        ],
    ),
    (
        AccessLevel::Execute,
        &["run", "exec", "execute", "eval", "invoke", "trigger", "call", "start", "stop"],
    ),
];

/// Words that make a changing action one on permissions.
const PERMISSIONS: [&str; 9] = [
    "permission",
    "permissions",
    "acl",
    "acls",
    "policy",
    "policies",
    "privilege",
    "privileges",
    "grants",
];

/// The access level that an action's name tells: the last known verb counts, since generic actions are written
/// as `service:entity.verb`.
pub fn level_of(action: &str) -> AccessLevel {
    let name = action.split_once(':').map_or(action, |(_, name)| name);
    let words = words(name);
    if words.iter().any(|word| word == "grant" || word == "revoke") {
        return AccessLevel::PermissionsManagement;
    }
    let verb = |word: &String| {
        let mut levels = VERBS.iter();
        let found = levels.find(|(_, verbs)| verbs.contains(&word.as_str()));
        found.map(|(level, _)| *level)
    };
    let level = words.iter().rev().find_map(verb).unwrap_or(AccessLevel::Unknown);
    let is_on_permissions = words.iter().any(|word| PERMISSIONS.contains(&word.as_str()));
    match level.changes() && is_on_permissions {
        true => AccessLevel::PermissionsManagement,
        false => level,
    }
}

/// Words of a name, in lower case, split at signs and at capital letters.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_lower = false;
    for character in name.chars().take(256) {
        if !character.is_ascii_alphanumeric() || (character.is_ascii_uppercase() && was_lower) {
            words.push(String::new());
        }
        was_lower = character.is_ascii_lowercase();
        if let (true, Some(last)) = (character.is_ascii_alphanumeric(), words.last_mut()) {
            last.push(character.to_ascii_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcome_words_and_codes() {
        for (word, wanted) in [
            ("Success", Some(Outcome::Allowed)),
            ("204", Some(Outcome::Allowed)),
            ("304", Some(Outcome::Allowed)),
            ("403", Some(Outcome::Denied)),
            ("404", Some(Outcome::Undetermined)),
            ("500", Some(Outcome::Undetermined)),
            ("FAILURE", Some(Outcome::Undetermined)),
            ("blocked", Some(Outcome::Denied)),
            ("301", None),
            ("2000", None),
            ("fine", None),
        ] {
            assert_eq!(outcome(word), wanted, "{word}");
        }
    }

    #[test]
    fn a_time_without_zone_is_marked() {
        assert_eq!(time("2026-03-02 09:15:00.5").map(|t| t.1), Some(true));
        for zoned in
            ["2026-03-02T09:15:00Z", "2026-03-02 09:15:00-05:00", "2026-03-02", "1774919400"]
        {
            assert_eq!(time(zoned).map(|t| t.1), Some(false), "{zoned}");
        }
        assert_eq!(time("soon"), None);
    }

    #[test]
    fn levels_from_verbs() {
        for (action, level) in [
            ("jira:issue.read", AccessLevel::Read),
            ("jira:issue.edit", AccessLevel::Write),
            ("record:update", AccessLevel::Write),
            ("crm:deleteContact", AccessLevel::Delete),
            ("crm:leads.list", AccessLevel::List),
            ("jira:project.updatePermissions", AccessLevel::PermissionsManagement),
            ("jira:permission.read", AccessLevel::Read),
            ("sap:F_BKPF_BUK.01", AccessLevel::Unknown),
            ("crm:*", AccessLevel::Unknown),
        ] {
            assert_eq!(level_of(action), level, "{action}");
        }
    }

    #[test]
    fn gaps_are_pairs_of_times() {
        assert_eq!(gaps("2026-02-10/2026-02-12;2026-03-01/2026-03-02").map(|g| g.days()), Some(3));
        assert_eq!(gaps(""), Some(Intervals::none()));
        assert_eq!(gaps("2026-02-12/2026-02-10"), None);
        assert_eq!(gaps("2026-02-12"), None);
    }
}
