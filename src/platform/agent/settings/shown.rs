//! A rule's text as reports print it. Clients store whole commands that a person approved, with the passwords and
//! tokens that stood in them, so whatever may be one is left out; the rule's place says where to read it.

/// The most letters of a rule that are printed.
const MAX: usize = 200;

/// Parts of the names of flags, variables and headers whose value is a secret, or may hold one.
const NAMES: &[&str] = &[
    "auth", "cookie", "cred", "data", "header", "key", "pass", "pwd", "secret", "session", "sign",
    "token", "user",
];

/// Words, flags or not, before which no other word than a subcommand stands openly.
const WORDS: &[&str] =
    &["apikey", "authorization", "basic", "bearer", "cookie", "passw", "secret", "token", "_key"];

/// Short flags that take a password, a user with one, a header or a body.
const FLAGS: &[&str] = &["-H", "-P", "-d", "-p", "-u"];

/// A rule's text as it is printed: at most 200 letters, and nothing in it that could be a secret: the user of an
/// address and its query, what is quoted unless it is plain words, the values of variables and of flags that may take
/// one, and what looks like a token.
pub fn shown(text: &str) -> String {
    let text = without_quoted(&without_users(text));
    let takes_glued = text.contains("mysql") || text.contains("mariadb");
    let mut out = String::new();
    let mut follows = Follows::Nothing;
    for word in text.split_inclusive(' ') {
        let core = word.trim_end_matches([' ', ')', '*', ':']);
        let (head, core) = core.rsplit_once('(').map_or(("", core), |(head, core)| (head, core));
        let before = if head.is_empty() { String::new() } else { format!("{head}(") };
        let end = word.get(before.len() + core.len()..).unwrap_or_default();
        out.push_str(&before);
        out.push_str(&match (follows, core) {
            (_, "") => String::new(),
            (Follows::Secret, _) if !core.starts_with('-') => "…".to_string(),
            (Follows::Word, _) if !is_subcommand(core) => "…".to_string(),
            _ => open(core, takes_glued),
        });
        out.push_str(end);
        if !core.is_empty() {
            follows = Follows::after(core);
        }
    }
    let out: String = out.chars().filter(|one| !one.is_control()).take(MAX).collect();
    out.trim_end().to_string()
}

/// What the word before says of the next one.
#[derive(Clone, Copy, PartialEq)]
enum Follows {
    /// Nothing.
    Nothing,
    /// It is a secret unless it is a subcommand.
    Word,
    /// It is a flag's value and may be a secret.
    Secret,
}

impl Follows {
    fn after(core: &str) -> Self {
        // `NAME=VALUE`, `NAME:VALUE` and `-pVALUE` hold the value themselves.
        let is_glued = FLAGS.iter().any(|flag| core.len() > 2 && core.starts_with(flag));
        if core.contains(['=', ':']) || is_glued {
            return Self::Nothing;
        }
        let lower = core.to_ascii_lowercase();
        if core.starts_with('-') {
            let is_named = NAMES.iter().any(|part| lower.contains(part));
            return if is_named || FLAGS.contains(&core) { Self::Secret } else { Self::Nothing };
        }
        match WORDS.iter().any(|part| lower.replace('-', "_").contains(part)) {
            true => Self::Word,
            false => Self::Nothing,
        }
    }
}

fn is_subcommand(word: &str) -> bool {
    word.starts_with('-') || (word.len() <= 8 && word.bytes().all(|one| one.is_ascii_lowercase()))
}

/// A word of which nothing before says that it is a secret.
fn open(core: &str, takes_glued: bool) -> String {
    let mut letters = core.chars();
    let flag: String = letters.by_ref().take(2).collect();
    let glued = letters.as_str();
    let is_plain = glued.bytes().all(|one| one.is_ascii_lowercase() || one == b'-');
    if FLAGS.contains(&flag.as_str()) && !glued.is_empty() && (takes_glued || !is_plain) {
        return format!("{flag}…");
    }
    if let Some((name, value)) = core.split_once('=') {
        let lower = name.to_ascii_lowercase();
        let is_variable = !name.bytes().any(|one| one.is_ascii_lowercase());
        let is_named = NAMES.iter().any(|part| lower.contains(part));
        let is_value = value.bytes().any(|one| one.is_ascii_alphanumeric());
        if is_value && (is_variable || is_named || value.len() >= 8) {
            return format!("{name}=…");
        }
    }
    let is_path = core.contains('/');
    let pieces = core.split_inclusive(['/', ':', '@', ',']);
    pieces.map(|piece| if is_token(piece, is_path) { "…" } else { piece }).collect()
}

/// Long, of letters and digits; shorter, or a part of a path, only if it has large and small letters.
fn is_token(piece: &str, is_path: bool) -> bool {
    let has = |fits: fn(&u8) -> bool| piece.as_bytes().iter().any(fits);
    let is_cased = has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase);
    let least = if is_path || !is_cased { 16 } else { 12 };
    has(u8::is_ascii_digit)
        && has(u8::is_ascii_alphabetic)
        && piece.len() >= least
        && (is_cased || !is_path)
}

/// `scheme://USER:PASSWORD@host/path?QUERY` without user, query and fragment.
fn without_users(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("://") {
        out.push_str(before);
        out.push_str("://");
        let end = after.find([' ', '"', '\'', ')']).unwrap_or(after.len());
        let (address, behind) = after.split_at(end);
        let host = address.find(['/', '?', '#']).unwrap_or(address.len());
        let (host, path) = address.split_at(host);
        match host.rsplit_once('@') {
            Some((_, host)) => out.push_str(&format!("…@{host}")),
            None => out.push_str(host),
        }
        let cut = path.find(['?', '#']).unwrap_or(path.len());
        let (path, query) = path.split_at(cut);
        out.push_str(path);
        if query.bytes().any(|one| one.is_ascii_alphanumeric()) {
            out.push_str("?…");
        } else {
            out.push_str(query);
        }
        rest = behind;
    }
    out.push_str(rest);
    out
}

/// Quoted parts without what they hold, unless that is plain words.
fn without_quoted(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(['"', '\'']) {
        let quote = if rest.as_bytes().get(before.len()) == Some(&b'"') { '"' } else { '\'' };
        let (held, behind) = after.split_once(quote).unwrap_or((after, ""));
        let is_plain = held.bytes().all(|one| one.is_ascii_alphabetic() || b" *._/".contains(&one));
        out.push_str(before);
        match is_plain {
            true => out.push_str(&format!("{quote}{held}{quote}")),
            false => out.push_str(&format!("{quote}…{quote}")),
        }
        rest = behind;
    }
    out.push_str(rest);
    out
}
