//! `*` and `?` patterns: matching, containment and intersection.
//!
//! `*` stands for any run of characters, also none, and crosses `/` and `:`; `?` stands for one character.
//! There are no classes and no escapes. Containment and intersection are exact over an alphabet that has a
//! character which neither pattern names (`tests::twin` compares both with brute force).

use std::collections::HashSet;
use std::fmt;

use super::Str;

/// A compiled pattern.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Glob {
    text: Str,
    fold: bool,
    shape: Shape,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Shape {
    All,
    Exact,
    Prefix,
    General,
}

impl fmt::Debug for Glob {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Glob({:?})", self.text)
    }
}

impl Glob {
    /// A pattern that is compared with case.
    pub fn new(text: &str) -> Glob {
        Glob::build(text.into(), false)
    }

    /// A pattern that is compared without ASCII case, as action names are.
    pub fn fold(text: &str) -> Glob {
        Glob::build(text.to_ascii_lowercase().into(), true)
    }

    fn build(text: Str, fold: bool) -> Glob {
        let bytes = text.as_bytes();
        let first_wild = bytes.iter().position(|byte| matches!(byte, b'*' | b'?'));
        let shape = match first_wild {
            None => Shape::Exact,
            Some(at) if at + 1 == bytes.len() && bytes.last() == Some(&b'*') => {
                if at == 0 {
                    Shape::All
                } else {
                    Shape::Prefix
                }
            }
            Some(_) => Shape::General,
        };
        Glob { text, fold, shape }
    }

    /// The pattern's text; in lower case if it is compared without case.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it has no wildcard.
    pub fn is_exact(&self) -> bool {
        self.shape == Shape::Exact
    }

    /// Whether it is `*`.
    pub fn is_all(&self) -> bool {
        self.shape == Shape::All
    }

    /// The part before the first wildcard.
    pub fn fixed_prefix(&self) -> &str {
        let end = self.text.find(['*', '?']).unwrap_or(self.text.len());
        &self.text[..end]
    }

    /// Whether the text is in the pattern's language.
    pub fn matches(&self, text: &str) -> bool {
        let pattern = self.text.as_bytes();
        let text = text.as_bytes();
        match self.shape {
            Shape::All => true,
            Shape::Exact => same(pattern, text, self.fold),
            Shape::Prefix => {
                let prefix = &pattern[..pattern.len() - 1];
                text.len() >= prefix.len() && same(prefix, &text[..prefix.len()], self.fold)
            }
            Shape::General => general(pattern, text, self.fold),
        }
    }

    /// Whether every text that `inner` matches is matched by this pattern.
    pub fn contains(&self, inner: &Glob) -> bool {
        if self.shape == Shape::All || self.text == inner.text {
            return true;
        }
        if inner.shape == Shape::Exact {
            return self.matches(&inner.text);
        }
        let (outer, inner) = (tokens(self), tokens(inner));
        // Symbolic matching is exact unless a `?` of the outer pattern could take a character of a run.
        contains(&outer, &inner) || (outer.contains(&Token::One) && subset(&outer, &inner))
    }

    /// Whether some text is matched by both patterns.
    pub fn intersects(&self, other: &Glob) -> bool {
        match (self.shape, other.shape) {
            (Shape::All, _) | (_, Shape::All) => true,
            (Shape::Exact, _) => other.matches(&self.text),
            (_, Shape::Exact) => self.matches(&other.text),
            _ => intersects(&tokens(self), &tokens(other)),
        }
    }

    /// The texts that both match, as a union of patterns, none of which contains another; empty if there are
    /// none, `None` if the union would have more than [`INTERSECTION_CAP`] patterns.
    pub fn intersection(&self, other: &Glob) -> Option<Vec<Str>> {
        if self.contains(other) {
            return Some(vec![other.text.clone()]);
        }
        if other.contains(self) {
            return Some(vec![self.text.clone()]);
        }
        if !self.intersects(other) {
            return Some(Vec::new());
        }
        let mut out = Vec::new();
        let mut steps = 0;
        meet(&tokens(self), &tokens(other), &mut String::new(), &mut out, &mut steps)?;
        Some(reduce(out))
    }
}

/// More patterns than this in an intersection are not listed.
pub const INTERSECTION_CAP: usize = 32;

const MEET_STEPS: usize = 20_000;

/// Removes patterns that another one contains; sorts the rest.
pub fn reduce(mut patterns: Vec<String>) -> Vec<Str> {
    patterns.sort_unstable();
    patterns.dedup();
    let globs: Vec<Glob> = patterns.iter().map(|text| Glob::new(text)).collect();
    let kept = |index: usize| {
        globs.iter().enumerate().all(|(other, glob)| {
            other == index
                || !glob.contains(&globs[index])
                // Of two that contain each other the first stays.
                || (globs[index].contains(glob) && index < other)
        })
    };
    (0..globs.len()).filter(|index| kept(*index)).map(|index| globs[index].text.clone()).collect()
}

/// As [`reduce`], for shared strings.
pub fn reduce_shared(patterns: &[Str]) -> Vec<Str> {
    match patterns {
        [] => Vec::new(),
        [one] => vec![one.clone()],
        many if many.iter().any(|pattern| &**pattern == "*") => vec!["*".into()],
        many => reduce(many.iter().map(|pattern| pattern.to_string()).collect()),
    }
}

fn same(left: &[u8], right: &[u8], fold: bool) -> bool {
    if fold { left.eq_ignore_ascii_case(right) } else { left == right }
}

/// Length in bytes of the UTF-8 character that begins here, so that `?` takes a whole one.
fn character(text: &[u8]) -> usize {
    match text.first() {
        Some(byte) if *byte >= 0xf0 => 4.min(text.len()),
        Some(byte) if *byte >= 0xe0 => 3.min(text.len()),
        Some(byte) if *byte >= 0xc0 => 2.min(text.len()),
        _ => 1,
    }
}

/// Greedy matching with one backtrack point: a later `*` makes an earlier one final, so one is enough.
fn general(pattern: &[u8], text: &[u8], fold: bool) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        let step = match pattern.get(p) {
            Some(b'*') => {
                star = Some((p + 1, t));
                p += 1;
                continue;
            }
            Some(b'?') => Some(character(&text[t..])),
            Some(byte) if *byte == text[t] || (fold && byte.eq_ignore_ascii_case(&text[t])) => {
                Some(1)
            }
            _ => None,
        };
        match (step, star) {
            (Some(length), _) => {
                p += 1;
                t += length;
            }
            (None, Some((after, from))) => {
                let next = from + character(&text[from..]);
                star = Some((after, next));
                (p, t) = (after, next);
            }
            (None, None) => return false,
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    Char(char),
    One,
    Star,
}

/// Tokens with each run of wildcards in the order `?…?*`, which makes equal languages equal texts.
fn tokens(glob: &Glob) -> Vec<Token> {
    let mut out: Vec<Token> = Vec::with_capacity(glob.text.len());
    let mut star = false;
    for character in glob.text.chars() {
        match character {
            '*' => star = true,
            '?' => out.push(Token::One),
            other => {
                if std::mem::take(&mut star) {
                    out.push(Token::Star);
                }
                out.push(Token::Char(other));
            }
        }
    }
    if star {
        out.push(Token::Star);
    }
    out
}

/// Symbolic matching: `inner`'s wildcards are characters that only `outer`'s wildcards can take.
fn contains(outer: &[Token], inner: &[Token]) -> bool {
    let (mut o, mut i) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while i < inner.len() {
        let taken = match (outer.get(o), inner[i]) {
            (Some(Token::Star), _) => {
                star = Some((o + 1, i));
                o += 1;
                continue;
            }
            (Some(Token::One), Token::Star) => false,
            (Some(Token::One), _) => true,
            (Some(token), symbol) => *token == symbol,
            (None, _) => false,
        };
        match (taken, star) {
            (true, _) => {
                o += 1;
                i += 1;
            }
            (false, Some((after, from))) => {
                star = Some((after, from + 1));
                (o, i) = (after, from + 1);
            }
            (false, None) => return false,
        }
    }
    outer[o..].iter().all(|token| *token == Token::Star)
}

const SUBSET_STATES: usize = 20_000;

/// Exact containment: walks the inner pattern beside the set of positions where the outer one can be. Gives up
/// with `false` (not known to be contained) above [`SUBSET_STATES`] states.
fn subset(outer: &[Token], inner: &[Token]) -> bool {
    let mut symbols: Vec<Option<char>> = vec![None];
    symbols.extend(outer.iter().filter_map(|token| match token {
        Token::Char(character) => Some(Some(*character)),
        _ => None,
    }));
    symbols.sort_unstable();
    symbols.dedup();
    let close = |mut set: Vec<bool>| {
        for at in 0..outer.len() {
            if set[at] && outer[at] == Token::Star {
                set[at + 1] = true;
            }
        }
        set
    };
    let step = |set: &[bool], symbol: Option<char>| {
        let mut next = vec![false; set.len()];
        for (at, token) in outer.iter().enumerate().filter(|(at, _)| set[*at]) {
            match token {
                Token::Star => next[at] = true,
                Token::One => next[at + 1] = true,
                Token::Char(character) if Some(*character) == symbol => next[at + 1] = true,
                Token::Char(_) => {}
            }
        }
        close(next)
    };
    let mut start = vec![false; outer.len() + 1];
    start[0] = true;
    let mut open = vec![(0, close(start))];
    let mut seen: HashSet<(usize, Vec<bool>)> = open.iter().cloned().collect();
    while let Some((at, set)) = open.pop() {
        let next: Vec<(usize, Vec<bool>)> = match inner.get(at) {
            None if set[outer.len()] => Vec::new(),
            None => return false,
            Some(Token::Char(character)) => vec![(at + 1, step(&set, Some(*character)))],
            Some(Token::One) => symbols.iter().map(|s| (at + 1, step(&set, *s))).collect(),
            Some(Token::Star) => {
                let stay = symbols.iter().map(|s| (at, step(&set, *s)));
                stay.chain([(at + 1, set.clone())]).collect()
            }
        };
        for state in next {
            if seen.len() > SUBSET_STATES {
                return false;
            }
            if seen.insert(state.clone()) {
                open.push(state);
            }
        }
    }
    true
}

/// Row by row over the product of the two patterns.
fn intersects(left: &[Token], right: &[Token]) -> bool {
    let width = right.len() + 1;
    let mut row = vec![false; width];
    row[0] = true;
    for (at, token) in right.iter().enumerate() {
        row[at + 1] = row[at] && *token == Token::Star;
    }
    for token in left {
        let mut next = vec![false; width];
        next[0] = row[0] && *token == Token::Star;
        for (at, other) in right.iter().enumerate() {
            next[at + 1] = match (token, other) {
                (Token::Star, Token::Star) => row[at] || row[at + 1] || next[at],
                (Token::Star, _) => row[at + 1] || next[at],
                (_, Token::Star) => row[at + 1] || next[at],
                (Token::One, _) | (_, Token::One) => row[at],
                (mine, theirs) => row[at] && mine == theirs,
            };
        }
        row = next;
    }
    row[width - 1]
}

/// Lists the intersection. When both begin with `*`, one of the two ends first; both cases are followed.
fn meet(
    left: &[Token],
    right: &[Token],
    prefix: &mut String,
    out: &mut Vec<String>,
    steps: &mut usize,
) -> Option<()> {
    *steps += 1;
    if *steps > MEET_STEPS {
        return None;
    }
    let (Some((mine, left_rest)), Some((theirs, right_rest))) =
        (left.split_first(), right.split_first())
    else {
        let rest = if left.is_empty() { right } else { left };
        if rest.iter().all(|token| *token == Token::Star) {
            if out.len() >= INTERSECTION_CAP * 8 {
                return None;
            }
            out.push(prefix.clone());
        }
        return Some(());
    };
    if !intersects(left, right) {
        return Some(());
    }
    let length = prefix.len();
    match (mine, theirs) {
        (Token::Star, Token::Star) => {
            if !prefix.ends_with('*') {
                prefix.push('*');
            }
            meet(left_rest, right, prefix, out, steps)?;
            meet(left, right_rest, prefix, out, steps)?;
        }
        (Token::Star, _) => {
            meet(left_rest, right, prefix, out, steps)?;
            push(prefix, *theirs);
            meet(left, right_rest, prefix, out, steps)?;
        }
        (_, Token::Star) => {
            meet(left, right_rest, prefix, out, steps)?;
            push(prefix, *mine);
            meet(left_rest, right, prefix, out, steps)?;
        }
        (Token::One, token) | (token, Token::One) => {
            push(prefix, *token);
            meet(left_rest, right_rest, prefix, out, steps)?;
        }
        (token, _) => {
            push(prefix, *token);
            meet(left_rest, right_rest, prefix, out, steps)?;
        }
    }
    prefix.truncate(length);
    Some(())
}

fn push(prefix: &mut String, token: Token) {
    prefix.push(match token {
        Token::Char(character) => character,
        Token::One => '?',
        Token::Star => '*',
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn star_crosses_colons_and_slashes() {
        assert!(Glob::new("arn:*:table/*").matches("arn:aws:x:y:table/a/b"));
        assert!(!Glob::new("arn:*:table/*").matches("arn:aws:x:y:tables"));
    }

    #[test]
    fn question_mark_takes_one_character_of_any_length() {
        assert!(Glob::new("a?c*").matches("aéc"));
        assert!(!Glob::new("a??c").matches("aéc"));
    }

    #[test]
    fn folded_patterns_ignore_case() {
        assert!(Glob::fold("S3:Get*").matches("s3:getobject"));
        assert!(Glob::fold("s3:*Acl").matches("s3:GetBucketACL"));
        assert!(!Glob::new("s3:Get*").matches("s3:getobject"));
    }

    #[test]
    fn equal_languages_contain_each_other() {
        let (left, right) = (Glob::new("*?"), Glob::new("?*"));
        assert!(left.contains(&right) && right.contains(&left));
        assert!(!left.contains(&Glob::new("*")));
    }

    #[test]
    fn intersection_of_prefix_and_suffix() {
        let meet = Glob::new("a*").intersection(&Glob::new("*b")).unwrap();
        assert_eq!(meet, vec![Str::from("a*b")]);
        let meet = Glob::new("ab*").intersection(&Glob::new("*bc")).unwrap();
        assert_eq!(meet.iter().map(|s| &**s).collect::<Vec<_>>(), ["ab*bc", "abc"]);
    }

    fn words() -> Vec<String> {
        let mut all = vec![String::new()];
        let mut last = all.clone();
        for _ in 0..6 {
            last = last
                .iter()
                .flat_map(|word| ["a", "b", "z"].map(|next| format!("{word}{next}")))
                .collect();
            all.extend(last.clone());
        }
        all
    }

    fn naive(pattern: &[u8], text: &[u8]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some((b'*', rest)) => (0..=text.len()).any(|skip| naive(rest, &text[skip..])),
            Some((b'?', rest)) => !text.is_empty() && naive(rest, &text[1..]),
            Some((byte, rest)) => text.first() == Some(byte) && naive(rest, &text[1..]),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        // `z` is the character that no pattern names; words of up to 6 decide patterns of up to 4.
        #[test]
        fn twin(left in "[ab*?]{0,4}", right in "[ab*?]{0,4}") {
            let (l, r) = (Glob::new(&left), Glob::new(&right));
            let words = words();
            let in_left = |word: &String| naive(left.as_bytes(), word.as_bytes());
            let in_right = |word: &String| naive(right.as_bytes(), word.as_bytes());
            for word in &words {
                prop_assert_eq!(l.matches(word), in_left(word));
            }
            prop_assert_eq!(l.contains(&r), words.iter().all(|w| !in_right(w) || in_left(w)));
            prop_assert_eq!(l.intersects(&r), words.iter().any(|w| in_right(w) && in_left(w)));
            let meet = l.intersection(&r).unwrap();
            let meet: Vec<Glob> = meet.iter().map(|text| Glob::new(text)).collect();
            for word in &words {
                let listed = meet.iter().any(|glob| glob.matches(word));
                prop_assert_eq!(listed, in_left(word) && in_right(word), "{}", word);
            }
        }
    }
}
