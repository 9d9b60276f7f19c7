//! ARN templates of resource types, and whether a resource pattern can name a resource of a type.
//!
//! Owns what a `${Variable}` of a template can stand for. The Service Authorization Reference gives the
//! templates and does not say it, so the rules err towards more resources, hence towards more grants:
//!
//! - Partition, Region and account hold no `:`; the partition is the caller's.
//! - A variable does not hold the `/` or `:` that follows it in its own template.
//! - A last variable does not hold `/` where another template goes on with `/` after the same text: a bucket's
//!   name has no `/`, because an object is bucket, `/` and key. Variables whose name speaks of a path do.

/// One element of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    /// Fixed text.
    Char(char),
    /// Any text without these characters.
    Any(Vec<char>),
}

/// Reads a template for a partition. `siblings` are the templates of the same service.
pub(super) fn pieces(template: &str, partition: &str, siblings: &[&str]) -> Vec<Piece> {
    let mut out = Vec::new();
    let mut rest = template;
    while let Some(start) = rest.find("${") {
        let Some(length) = rest[start..].find('}') else {
            break;
        };
        out.extend(rest[..start].chars().map(fixed));
        let name = rest[start + 2..start + length].to_ascii_lowercase();
        let after = &rest[start + length + 1..];
        if name == "partition" {
            out.extend(partition.chars().map(Piece::Char));
        } else {
            let before = &template[..template.len() - after.len()];
            out.push(Piece::Any(excluded(&name, before, after, siblings)));
        }
        rest = after;
    }
    out.extend(rest.chars().map(fixed));
    out
}

/// A few templates hold a `*` of their own.
fn fixed(character: char) -> Piece {
    match character {
        '*' => Piece::Any(Vec::new()),
        other => Piece::Char(other),
    }
}

fn excluded(name: &str, before: &str, after: &str, siblings: &[&str]) -> Vec<char> {
    let mut out = Vec::new();
    if matches!(name, "region" | "account" | "accountid") {
        out.push(':');
    }
    let holds_slashes = name.contains("path") || name.contains("objectname");
    match after.chars().next() {
        Some('/') if !holds_slashes => out.push('/'),
        Some(':') if !out.contains(&':') => out.push(':'),
        Some(_) => {}
        None => {
            let goes_on = |other: &&str| {
                let tail = same_form(before, other);
                tail.is_some_and(|tail| tail.starts_with('/'))
            };
            if !holds_slashes && siblings.iter().any(goes_on) {
                out.push('/');
            }
        }
    }
    out
}

/// What follows in `other` after the same text as `before`, whatever the variables are called.
fn same_form<'a>(before: &str, other: &'a str) -> Option<&'a str> {
    let (mut left, mut right) = (before, other);
    loop {
        let (at, theirs) = (left.find("${"), right.find("${"));
        match (at, theirs) {
            (None, _) => return right.strip_prefix(left),
            (Some(_), None) => return None,
            (Some(at), Some(theirs)) => {
                if left[..at] != right[..theirs] {
                    return None;
                }
                left = left[at..].split_once('}')?.1;
                right = right[theirs..].split_once('}')?.1;
            }
        }
    }
}

/// The template as a pattern, which matches everything that the template does.
pub(super) fn as_pattern(pieces: &[Piece]) -> String {
    let text = pieces.iter().map(|piece| match piece {
        Piece::Char(character) => *character,
        Piece::Any(_) => '*',
    });
    text.collect()
}

/// Whether some resource of the template is matched by a pattern with `*` and `?`.
///
/// Walks both from the front; each pair of positions is visited once. Most patterns need no walk: where the texts
/// part the pattern has a `*`, and the template's last variable can hold all that follows it.
pub(super) fn intersects(template: &[Piece], pattern: &[char]) -> bool {
    let equal = template
        .iter()
        .zip(pattern)
        .take_while(|(piece, character)| {
            !matches!(character, '*' | '?') && **piece == Piece::Char(**character)
        })
        .count();
    let (template, pattern) = (&template[equal..], &pattern[equal..]);
    if let (Some(Piece::Any(without)), Some(('*', rest))) = (template.last(), pattern.split_first())
        && !rest.iter().any(|character| without.contains(character))
    {
        return true;
    }
    walk(template, pattern)
}

fn walk(template: &[Piece], pattern: &[char]) -> bool {
    let mut row = vec![false; pattern.len() + 1];
    row[0] = true;
    let mut next = vec![false; pattern.len() + 1];
    for piece in template {
        next.fill(false);
        for at in 0..row.len() {
            if !row[at] {
                continue;
            }
            let symbol = pattern.get(at).copied();
            if symbol == Some('*') {
                row[at + 1] = true;
            }
            match (piece, symbol) {
                (Piece::Char(_), Some('*')) => next[at] = true,
                (Piece::Char(_), Some('?')) => next[at + 1] = true,
                (Piece::Char(own), Some(other)) if *own == other => next[at + 1] = true,
                (Piece::Char(_), _) => {}
                (Piece::Any(without), symbol) => {
                    next[at] = true;
                    match symbol {
                        Some('*') | None => {}
                        Some('?') => row[at + 1] = true,
                        Some(other) if !without.contains(&other) => row[at + 1] = true,
                        Some(_) => {}
                    }
                }
            }
        }
        std::mem::swap(&mut row, &mut next);
        if !row.contains(&true) {
            return false;
        }
    }
    // What is left of the pattern must match nothing.
    let stars = pattern.iter().rev().take_while(|c| **c == '*').count();
    row[pattern.len() - stars..].contains(&true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn piece() -> impl Strategy<Value = Piece> {
        let any = prop::sample::select(&["", "/", ":", ":/"][..]);
        let any = any.prop_map(|text| Piece::Any(text.chars().collect()));
        let fixed = prop::sample::select(&['a', 'b', ':', '/'][..]);
        prop_oneof![2 => fixed.prop_map(Piece::Char), 1 => any]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn what_needs_no_walk_is_what_the_walk_finds(
            template in prop::collection::vec(piece(), 0..6),
            pattern in "[ab:/?*]{0,6}",
        ) {
            let chars: Vec<char> = pattern.chars().collect();
            prop_assert_eq!(intersects(&template, &chars), walk(&template, &chars));
        }
    }

    const S3: [&str; 3] = [
        "arn:${Partition}:s3:::${BucketName}",
        "arn:${Partition}:s3:::${BucketName}/${ObjectName}",
        "arn:${Partition}:s3:${Region}:${Account}:accesspoint/${AccessPointName}",
    ];

    fn meets(template: &str, siblings: &[&str], pattern: &str) -> bool {
        let chars: Vec<char> = pattern.chars().collect();
        intersects(&pieces(template, "aws", siblings), &chars)
    }

    #[test]
    fn a_bucket_is_no_object_and_an_object_no_bucket() {
        for (pattern, bucket, object) in [
            ("arn:aws:s3:::data/*", false, true),
            ("arn:aws:s3:::data", true, false),
            ("arn:aws:s3:::data*", true, true),
            ("arn:aws:s3:::*/x", false, true),
            ("arn:aws-cn:s3:::data*", false, false),
            ("arn:aws:sqs:*", false, false),
            ("*", true, true),
        ] {
            assert_eq!(meets(S3[0], &S3, pattern), bucket, "{pattern}");
            assert_eq!(meets(S3[1], &S3, pattern), object, "{pattern}");
        }
    }

    #[test]
    fn regions_hold_no_colon_and_stars_may_stand_for_several_segments() {
        assert!(meets(S3[2], &S3, "arn:aws:s3:*:accesspoint/a"));
        assert!(!meets(S3[2], &S3, "arn:aws:s3:a:b:c:accesspoint/a"));
        assert!(meets(S3[2], &S3, "arn:aws:s3:eu-west-?:*:access*"));
    }

    #[test]
    fn log_groups_are_named_with_a_trailing_star() {
        let forms = [
            "arn:${Partition}:logs:${Region}:${Account}:log-group:${LogGroupName}",
            "arn:${Partition}:logs:${Region}:${Account}:log-group:${LogGroupName}:log-stream:${LogStreamName}",
        ];
        assert!(meets(forms[0], &forms, "arn:aws:logs:*:*:log-group:/aws/lambda/x:*"));
    }

    #[test]
    fn names_with_paths_hold_slashes() {
        let forms = [
            "arn:${Partition}:iam::${Account}:role/${RoleNameWithPath}",
            "arn:${Partition}:iam::${Account}:role/${Other}/x",
        ];
        assert!(meets(forms[0], &forms, "arn:aws:iam::1:role/service-role/x"));
    }
}
