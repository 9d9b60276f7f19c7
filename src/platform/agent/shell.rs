//! Shell command lines: their simple commands, and the program and subcommand of each.
//!
//! Enough of the shell's grammar to say which programs a line runs, never what it does: substitutions,
//! here-documents and unbalanced quotes make a line uncertain. It runs nothing and expands nothing.

/// Longer lines are not taken apart (Claude Code documentation, "Configure permissions": over 10,000 characters
/// it always asks).
const MAX_LINE: usize = 10_000;

/// A line taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line<'a> {
    /// Simple commands, in order, without surrounding space.
    pub parts: Vec<&'a str>,
    /// Whether these are certainly all commands that it runs.
    pub is_certain: bool,
}

/// Splits a line at `&&`, `||`, `;`, `|`, `|&`, `&` and line ends that stand outside quotes.
pub fn split(line: &str) -> Line<'_> {
    let bytes = line.as_bytes();
    let mut out = Line { parts: Vec::new(), is_certain: line.len() <= MAX_LINE };
    let (mut start, mut at, mut quote) = (0, 0, 0u8);
    let byte = |at: usize| bytes.get(at).copied().unwrap_or(0);
    while at < bytes.len() {
        let (now, next) = (byte(at), byte(at + 1));
        if now == b'\\' && quote != b'\'' {
            at += 2;
            continue;
        }
        let is_substitution = (now == b'$' && next == b'(') || now == b'`';
        if is_substitution && quote != b'\'' {
            out.is_certain = false;
        }
        if quote != 0 {
            quote = if now == quote { 0 } else { quote };
            at += 1;
            continue;
        }
        match now {
            b'\'' | b'"' => quote = now,
            b'<' | b'>' if next == b'(' => out.is_certain = false,
            b'<' if next == b'<' => {
                out.is_certain = false;
                at += 1;
            }
            b'(' | b'{' | b')' | b'}' if is_alone(bytes, at) => out.is_certain = false,
            // `2>&1`, `&>file`, `>|file` are redirections.
            b'>' | b'<' if matches!(next, b'&' | b'|') => at += 1,
            b'&' if next == b'>' => at += 1,
            b';' | b'\n' | b'\r' | b'&' | b'|' => {
                push(&mut out.parts, line.get(start..at));
                start = at + 1;
            }
            _ => {}
        }
        at += 1;
    }
    push(&mut out.parts, line.get(start..));
    out.is_certain &= quote == 0;
    out
}

fn is_alone(bytes: &[u8], at: usize) -> bool {
    let is_space = |byte: Option<&u8>| byte.is_none_or(|byte| b" \t\n;&|".contains(byte));
    matches!(bytes.get(at), Some(b'(' | b')'))
        || (is_space(at.checked_sub(1).and_then(|before| bytes.get(before)))
            && is_space(bytes.get(at + 1)))
}

fn push<'a>(parts: &mut Vec<&'a str>, part: Option<&'a str>) {
    let part = part.unwrap_or_default().trim();
    if !part.is_empty() {
        parts.push(part);
    }
}

/// The command behind `timeout`, `time`, `nice`, `nohup`, `stdbuf` and a bare `xargs`, which Claude Code looks
/// through (its documentation, "Configure permissions", wrappers). Runners such as `npx` and `docker exec` stay.
pub fn unwrapped(part: &str) -> &str {
    let mut rest = part.trim();
    for _ in 0..8 {
        let (word, after) = first_word(rest);
        let inner = match word {
            "time" | "nohup" => after,
            "timeout" => first_word(without_flags(after)).1,
            "nice" => {
                let (flag, behind) = first_word(after);
                if flag == "-n" { first_word(behind).1 } else { without_flags(after) }
            }
            "stdbuf" => without_flags(after),
            "xargs" if !after.starts_with('-') => after,
            _ => return rest,
        };
        if inner.is_empty() {
            return rest;
        }
        rest = inner;
    }
    rest
}

fn first_word(text: &str) -> (&str, &str) {
    match text.find(char::is_whitespace) {
        Some(end) => (text.get(..end).unwrap_or(text), text.get(end..).unwrap_or("").trim_start()),
        None => (text, ""),
    }
}

fn without_flags(text: &str) -> &str {
    let mut rest = text;
    while rest.starts_with('-') {
        rest = first_word(rest).1;
    }
    rest
}

/// Programs whose first words choose among many actions, and how many of them do.
const FAMILIES: &[(&str, usize)] = &[
    ("apt", 1),
    ("apt-get", 1),
    ("aws", 2),
    ("az", 2),
    ("brew", 1),
    ("bun", 1),
    ("cargo", 1),
    ("deno", 1),
    ("docker", 1),
    ("dotnet", 1),
    ("gcloud", 2),
    ("gh", 2),
    ("git", 1),
    ("glab", 2),
    ("go", 1),
    ("helm", 1),
    ("jj", 1),
    ("kubectl", 1),
    ("npm", 1),
    ("oc", 1),
    ("pip", 1),
    ("pip3", 1),
    ("pnpm", 1),
    ("podman", 1),
    ("poetry", 1),
    ("sudo", 1),
    ("systemctl", 1),
    ("terraform", 1),
    ("tofu", 1),
    ("uv", 1),
    ("vault", 1),
    ("yarn", 1),
];

/// Flags before a subcommand that take the next word as their value.
const VALUED: &[&str] = &[
    "-C",
    "-c",
    "-n",
    "--namespace",
    "--context",
    "--kubeconfig",
    "--profile",
    "--region",
    "--output",
    "--project",
    "--subscription",
    "-R",
    "--repo",
    "-H",
    "--git-dir",
    "--work-tree",
    "-u",
    "--user",
    "--directory",
    "--prefix",
    "--cwd",
];

/// The program of a simple command with the words that choose its action: `git push`, `kubectl delete`, `ls`.
/// `None` where the first word is no plain name. Arguments are never part of it.
pub fn program(part: &str) -> Option<String> {
    let mut words = unwrapped(part).split_whitespace().map(unquoted);
    let mut first = words.next()?;
    while is_assignment(first) {
        first = words.next()?;
    }
    let name = first.rsplit(['/', '\\']).next()?;
    if !is_name(name) {
        return None;
    }
    let mut out = name.to_string();
    let Some((_, wanted)) = FAMILIES.iter().find(|(family, _)| *family == name) else {
        return Some(out);
    };
    let mut left = *wanted;
    while left > 0 {
        let Some(word) = words.next() else { break };
        if VALUED.contains(&word) {
            words.next();
        } else if word.starts_with(['-', '+']) {
            continue;
        } else if is_name(word) && word.starts_with(|first: char| first.is_ascii_lowercase()) {
            out.push(' ');
            out.push_str(word);
            left -= 1;
        } else {
            break;
        }
    }
    Some(out)
}

fn unquoted(word: &str) -> &str {
    word.trim_matches(['"', '\''])
}

fn is_assignment(word: &str) -> bool {
    let Some((name, _)) = word.split_once('=') else { return false };
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn is_name(word: &str) -> bool {
    (1..=40).contains(&word.len())
        && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.+-".contains(&byte))
        && word.bytes().any(|byte| byte.is_ascii_alphanumeric())
}

/// The actions of a whole line, sorted, each once; `None` if they are not certain.
pub fn programs(line: &str) -> Option<Vec<String>> {
    let line = split(line);
    if !line.is_certain {
        return None;
    }
    let mut out: Vec<String> =
        line.parts.iter().map(|part| program(part)).collect::<Option<Vec<String>>>()?;
    out.sort_unstable();
    out.dedup();
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_named_by_its_programs() {
        let cases: &[(&str, &[&str])] = &[
            ("git push origin main", &["git push"]),
            ("git -C sub push --force", &["git push"]),
            ("cd x && cargo +nightly test | tee log 2>&1", &["cargo test", "cd", "tee"]),
            ("TOKEN=abc /usr/bin/env", &["env"]),
            ("kubectl -n prod delete pod x; ls", &["kubectl delete", "ls"]),
            ("timeout 30 npm test", &["npm test"]),
            ("aws s3 rm s3://b/k", &["aws s3 rm"]),
            ("echo 'a; rm -rf b'", &["echo"]),
            ("make test &> out.txt", &["make"]),
        ];
        for (line, wanted) in cases {
            assert_eq!(
                programs(line).as_deref(),
                Some(&wanted.iter().map(|one| (*one).to_string()).collect::<Vec<_>>()[..]),
                "{line}"
            );
        }
    }

    #[test]
    fn what_cannot_be_told_is_not_named() {
        for line in ["echo $(cat key)", "`id`", "cat <<EOF", "echo 'open", "$CMD x", "(rm -rf x)"] {
            assert_eq!(programs(line), None, "{line}");
        }
    }
}
