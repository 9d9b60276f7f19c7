//! The patterns of the slow evaluator: wildcards and policy variables. Not which rule uses which.

use super::{Context, texts};

/// One step of a pattern. A wildcard says whether it may cross a colon.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Token {
    Char(char),
    One(bool),
    Run(bool),
}

/// Wildcards stay in their segment, but a run at the end of a segment, and every wildcard after the
/// fifth colon, may cross colons (IAM-UG elements_resource, "Using wildcards in resource ARNs").
pub(super) fn by_segment(mut tokens: Vec<Token>) -> Vec<Token> {
    let mut colons = 0;
    for at in 0..tokens.len() {
        let ends_segment = matches!(tokens.get(at + 1), None | Some(Token::Char(':')));
        match tokens.get_mut(at) {
            Some(Token::Char(':')) => colons += 1,
            Some(Token::One(crosses)) => *crosses = colons >= 5,
            Some(Token::Run(crosses)) => *crosses = colons >= 5 || ends_segment,
            Some(Token::Char(_)) | None => {}
        }
    }
    tokens
}

/// Turns text into tokens and replaces `${…}` after `first` colons by the request's value, in which
/// a wildcard is literal. `None` when a variable has neither value nor default (IAM-UG variables).
pub(super) fn expand(text: &str, variables: Option<&Context>, first: usize) -> Option<Vec<Token>> {
    let (mut tokens, mut rest, mut colons) = (Vec::new(), text, 0);
    while let Some(next) = rest.chars().next() {
        let variable = rest.strip_prefix("${").and_then(|after| after.split_once('}'));
        if let (Some((inner, after)), Some(context)) = (variable, variables)
            && colons >= first
        {
            tokens.extend(variable_value(inner, context)?.chars().map(Token::Char));
            rest = after;
            continue;
        }
        colons += usize::from(next == ':');
        tokens.push(match next {
            '*' => Token::Run(true),
            '?' => Token::One(true),
            other => Token::Char(other),
        });
        rest = rest.strip_prefix(next).unwrap_or("");
    }
    Some(tokens)
}

fn variable_value(inner: &str, context: &Context) -> Option<String> {
    if matches!(inner, "*" | "?" | "$") {
        return Some(inner.to_string());
    }
    let (key, default) = match inner.split_once(',') {
        Some((key, default)) => (key, Some(default.trim())),
        None => (inner, None),
    };
    match context_values(key.trim(), context).as_deref() {
        Some([single]) => Some(single.clone()),
        Some(_) => None,
        None => Some(default?.strip_prefix('\'')?.strip_suffix('\'')?.to_string()),
    }
}

/// The values of a key of the request, its name compared without case; `None` when absent.
pub(super) fn context_values(key: &str, context: &Context) -> Option<Vec<String>> {
    let (_, value) = context.iter().find(|(name, _)| name.to_lowercase() == key.to_lowercase())?;
    texts(value).ok().filter(|values| !values.is_empty())
}

/// Whether the pattern matches the whole text: the set of places in the text that the tokens read
/// so far can end at.
pub(super) fn glob(pattern: &[Token], text: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    let mut ends = vec![false; text.len() + 1];
    ends[0] = true;
    for token in pattern {
        let mut next = vec![false; text.len() + 1];
        if let Token::Run(_) = token {
            next[0] = ends[0];
        }
        for (at, c) in text.iter().enumerate() {
            next[at + 1] = match token {
                Token::Char(wanted) => ends[at] && c == wanted,
                Token::One(crosses) => ends[at] && (*crosses || *c != ':'),
                Token::Run(crosses) => ends[at + 1] || (next[at] && (*crosses || *c != ':')),
            };
        }
        ends = next;
    }
    ends[text.len()]
}
