//! Makes values of arguments comparable: paths, hosts, tables of SQL, domains of addresses.
//!
//! What is left out matters as much: a URL keeps its host only, an address its domain, a statement its tables.

use std::collections::BTreeSet;

use crate::model::AccessLevel;

/// Longer values name nothing that could be compared.
const MAX_VALUE: usize = 1_024;

/// How a value is made comparable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Normal {
    Path,
    Host,
    Sql,
    EmailDomain,
    Recipient,
    Table,
    Arn,
    None,
}

impl Normal {
    /// By the rule's word, else by the template's prefix.
    pub(super) fn of(word: Option<&str>, prefix: &str) -> Normal {
        match (word, prefix) {
            (Some("path"), _) | (None, "file:") => Normal::Path,
            (Some("host"), _) | (None, "host:") => Normal::Host,
            (Some("sql-tables"), _) => Normal::Sql,
            (Some("email-domain"), _) | (None, "mail:") => Normal::EmailDomain,
            (Some("arn"), _) => Normal::Arn,
            _ => Normal::None,
        }
    }

    /// The prefix of a scope that the template gives none.
    pub(super) fn prefix(self) -> &'static str {
        match self {
            Normal::Path => "file:",
            Normal::Host => "host:",
            Normal::Sql => "sql:",
            Normal::EmailDomain => "mail:",
            Normal::Table => "table:",
            Normal::Recipient | Normal::Arn | Normal::None => "",
        }
    }

    /// The comparable forms of a value, and what it says of the access.
    pub(super) fn apply(self, value: &str) -> (Vec<String>, Option<AccessLevel>) {
        let one = |text: Option<String>| (text.into_iter().collect(), None);
        match self {
            Normal::Path => one(path(value)),
            Normal::Host => one(host(value)),
            Normal::Sql => sql(value),
            Normal::EmailDomain => one(email_domain(value)),
            Normal::Recipient => one(match email_domain(value) {
                Some(domain) => Some(format!("mail:{domain}")),
                None => short(value).map(|value| format!("to:{value}")),
            }),
            Normal::Arn => one(Some(value.to_string()).filter(|value| value.starts_with("arn:"))),
            Normal::Table | Normal::None => one(short(value)),
        }
    }
}

fn short(value: &str) -> Option<String> {
    let is_plain = value.len() <= 256 && !value.contains(['\n', '\r', '\0', '*', '?']);
    is_plain.then(|| value.to_string())
}

/// Whether a value is a hash, redacted or cut, or too long to name anything: its scope is unknown, never `*`.
pub(super) fn is_opaque(value: &str) -> bool {
    let value = value.trim();
    let lower = value.get(..value.len().min(64)).unwrap_or_default().to_ascii_lowercase();
    let is_hash = matches!(value.len(), 32 | 40 | 64 | 128)
        && value.bytes().all(|byte| byte.is_ascii_hexdigit());
    value.is_empty()
        || value.len() > MAX_VALUE
        || is_hash
        || lower.contains("redacted")
        || lower.contains("***")
        || value.ends_with('…')
        || value.ends_with("[truncated]")
        || value.ends_with("...")
}

/// A path with `/` between its parts, without `.` and `..`. A relative one stays relative.
pub(super) fn path(value: &str) -> Option<String> {
    let value = value.strip_prefix("file://").unwrap_or(value);
    if value.contains(['\n', '\r', '\0', '*', '?']) {
        return None;
    }
    let value = value.replace('\\', "/");
    let is_absolute = value.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in value.split('/') {
        match part {
            "" | "." => {}
            ".." => match parts.last() {
                Some(last) if *last != ".." => {
                    parts.pop();
                }
                _ if is_absolute => {}
                _ => parts.push(".."),
            },
            other => parts.push(other),
        }
    }
    let joined = parts.join("/");
    Some(match (is_absolute, joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".to_string(),
        (false, false) => joined,
    })
}

/// The host of a URL or the host itself, in lower case, without port, user and trailing dot.
pub(super) fn host(value: &str) -> Option<String> {
    let rest = match value.find("://") {
        // A prompt may hold the URL somewhere in it.
        Some(at) => value.get(at + 3..)?,
        None => value,
    };
    let authority = rest.split(['/', '?', '#', ' ', '\n', '"', '\'', '>', ')']).next()?;
    let host = authority.rsplit('@').next()?;
    let host = match host.strip_prefix('[') {
        Some(six) => six.split(']').next()?,
        None => host.split(':').next()?,
    };
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let is_host = (1..=253).contains(&host.len())
        && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_:".contains(&byte));
    is_host.then_some(host)
}

/// The domain of an address `name@domain`, also in `Name <name@domain>`.
pub(super) fn email_domain(value: &str) -> Option<String> {
    let (_, domain) = value.trim().trim_end_matches('>').rsplit_once('@')?;
    let domain = domain.trim_end_matches('.').to_ascii_lowercase();
    let is_domain = domain.contains('.')
        && domain.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte));
    is_domain.then_some(domain)
}

/// The tables that a statement names, and what its kind says of the access: SELECT reads, INSERT and UPDATE write,
/// DELETE and DROP delete. Literals are passed over.
fn sql(statement: &str) -> (Vec<String>, Option<AccessLevel>) {
    let words = sql_words(statement);
    let mut tables = BTreeSet::new();
    let mut access: Option<AccessLevel> = None;
    let mut at = 0;
    while let Some(word) = words.get(at) {
        at += 1;
        let level = match word.to_ascii_uppercase().as_str() {
            "SELECT" | "WITH" | "EXPLAIN" | "SHOW" | "DESCRIBE" | "PRAGMA" => AccessLevel::Read,
            "INSERT" | "UPDATE" | "REPLACE" | "MERGE" | "CREATE" | "ALTER" => AccessLevel::Write,
            "DELETE" | "DROP" | "TRUNCATE" => AccessLevel::Delete,
            "GRANT" | "REVOKE" => AccessLevel::PermissionsManagement,
            _ => AccessLevel::Unknown,
        };
        if level != AccessLevel::Unknown {
            access = access.max(Some(level));
        }
        let names_table = ["FROM", "JOIN", "INTO", "UPDATE", "TABLE"]
            .iter()
            .any(|keyword| word.eq_ignore_ascii_case(keyword));
        if !names_table {
            continue;
        }
        let mut next = at;
        while words.get(next).is_some_and(|word| {
            ["IF", "NOT", "EXISTS", "ONLY"].iter().any(|skip| word.eq_ignore_ascii_case(skip))
        }) {
            next += 1;
        }
        if let Some(name) = words.get(next).filter(|name| is_table(name)) {
            tables.insert(name.trim_matches(['"', '`', '[', ']']).to_ascii_lowercase());
        }
    }
    (tables.into_iter().take(16).collect(), access)
}

fn is_table(word: &str) -> bool {
    let name = word.trim_matches(['"', '`', '[', ']']);
    let is_keyword = ["SELECT", "SET", "VALUES"].iter().any(|key| name.eq_ignore_ascii_case(key));
    !name.is_empty()
        && name.len() <= 128
        && !is_keyword
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.$\"`".contains(&byte))
}

/// Words outside of string literals and comments.
fn sql_words(statement: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut chars = statement.chars().peekable();
    while let Some(now) = chars.next() {
        match now {
            '\'' => {
                while let Some(inside) = chars.next() {
                    if inside == '\'' && chars.peek() != Some(&'\'') {
                        break;
                    } else if inside == '\'' {
                        chars.next();
                    }
                }
            }
            '-' if chars.peek() == Some(&'-') => {
                for inside in chars.by_ref() {
                    if inside == '\n' {
                        break;
                    }
                }
            }
            _ if now.is_alphanumeric() || "_.$\"`[]".contains(now) => {
                word.push(now);
                continue;
            }
            _ => {}
        }
        if !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}
