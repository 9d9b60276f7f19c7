//! Making text of the evidence harmless in each format.
//!
//! The evidence is written by others: names and resources in it may hold terminal escapes, formulas or markup.
//! JSON needs nothing here: its writer escapes, and the text is kept.

use std::fmt::Write as _;

use crate::diagnostic::SECOND_HASH;
pub use crate::diagnostic::show as terminal;

/// Text as a CSV cell, before quoting.
///
/// A cell that begins with `=`, `+`, `-`, `@`, tab or carriage return gets a leading `'`, since a spreadsheet
/// would take it for a formula (OWASP, "CSV Injection"). Control characters are shown by their code, so that a
/// row is a line and printing a file cannot steer a terminal. A cell that begins with `::` gets a `'` too, and
/// a second `#` in a row is shown by a code: printed in a pipeline, either may be a command ([`terminal`]).
pub fn csv(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) || text.trim_start().starts_with("::") {
        out.push('\'');
    }
    for character in text.chars() {
        if character.is_control() {
            out.push_str(&terminal(character.encode_utf8(&mut [0; 4])));
        } else if character == '#' && out.ends_with('#') {
            out.push_str(SECOND_HASH);
        } else {
            out.push(character);
        }
    }
    out
}

/// Text in a plain message of SARIF.
///
/// A number in braces would be a placeholder and is doubled; a bracketed text before a parenthesis would be a link
/// and is parted from it (SARIF 2.1.0, 3.11.5 and 3.11.6). Other braces stay single, as in the resources of
/// policies: without arguments nothing reads them, and viewers print a doubled one as it is.
pub fn sarif(text: &str) -> String {
    let shown = terminal(text).replace("](", "] (");
    let mut out = String::with_capacity(shown.len());
    let mut rest = shown.as_str();
    while let Some(at) = rest.find('{') {
        let (before, from) = rest.split_at(at);
        let inside = from.strip_prefix('{').unwrap_or_default();
        let digits = inside.bytes().take_while(u8::is_ascii_digit).count();
        out.push_str(before);
        match inside.split_at_checked(digits) {
            Some((number, after)) if digits > 0 && after.starts_with('}') => {
                let _ = write!(out, "{{{{{number}}}}}");
                rest = after.strip_prefix('}').unwrap_or_default();
            }
            _ => {
                out.push('{');
                rest = inside;
            }
        }
    }
    out.push_str(rest);
    out
}

/// Text in XML, between tags or in an attribute between double quotes.
///
/// What XML 1.0 does not allow at all (2.2, "Char") is shown by its code, as on a terminal; `>` is a reference too,
/// since `]]>` may not stand in text (2.4).
pub fn xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in terminal(text).chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            other => out.push(other),
        }
    }
    out
}

/// Lines in XML, between tags.
pub fn xml_lines<T: AsRef<str>>(lines: &[T]) -> String {
    lines.iter().map(|line| xml(line.as_ref())).collect::<Vec<_>>().join("\n")
}

/// Text after the second `::` of a workflow command (GitHub Docs, "Workflow commands for GitHub Actions": `%`, and
/// line breaks, of which [`terminal`] leaves none).
pub fn workflow_text(text: &str) -> String {
    terminal(text).replace('%', "%25")
}

/// A property of a workflow command, in which `:` and `,` have a meaning too.
pub fn workflow_property(text: &str) -> String {
    workflow_text(text).replace(':', "%3A").replace(',', "%2C")
}

/// A path as a property of a workflow command. It must stay the file's name, so letters of every script are kept.
pub fn workflow_path(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for character in path.chars() {
        let mut bytes = [0; 4];
        let text: &str = character.encode_utf8(&mut bytes);
        match character {
            '%' | ':' | ',' => {
                let _ = write!(out, "%{:02X}", u32::from(character));
            }
            other if other.is_alphanumeric() => out.push(other),
            _ => out.push_str(&terminal(text)),
        }
    }
    out
}

/// Text inside inline HTML (`<code>`, `<summary>`), which Markdown still looks into: signs that can be markup or
/// begin a link as references, which cannot form markup (CommonMark 0.31, 2.5, "Entity and numeric character
/// references"; GitHub Flavored Markdown 0.29, 6.9, "Autolinks").
pub fn html_in_markdown(text: &str) -> String {
    let shown = terminal(text);
    let has_host = shown.to_ascii_lowercase().contains("www.");
    let mut out = String::with_capacity(shown.len());
    let mut characters = shown.chars().peekable();
    while let Some(character) = characters.next() {
        let is_plain = match character {
            ' ' | ',' | '/' => true,
            '-' => characters.peek() != Some(&'-'),
            ':' => characters.peek() != Some(&'/'),
            '.' => !has_host,
            other => other.is_ascii_alphanumeric() || !other.is_ascii(),
        };
        if is_plain {
            out.push(character);
        } else {
            let _ = write!(out, "&#{};", u32::from(character));
        }
    }
    out
}

/// Text as a code span that also stands in a table cell: nothing in it is markup, a link or a mention.
///
/// A backtick would end the span and a pipe the cell (GitHub Flavored Markdown 0.29, 4.10), so with either the
/// span is HTML. Empty text stays empty.
pub fn markdown_code(text: &str) -> String {
    let shown = terminal(text);
    if shown.is_empty() {
        return shown;
    }
    // A renderer strips a space at both ends of a span, and one of nothing but spaces is no use to anybody.
    if shown.contains(['`', '|']) || shown.starts_with(' ') || shown.ends_with(' ') {
        return format!("<code>{}</code>", html_in_markdown(&shown));
    }
    format!("`{shown}`")
}

/// A sentence for Markdown: words of letters and digits as they are, everything that looks like a name, a path,
/// a pattern or markup as a code span.
pub fn markdown(text: &str) -> String {
    let words: Vec<String> = terminal(text).split(' ').map(markdown_word).collect();
    words.join(" ")
}

fn markdown_word(word: &str) -> String {
    let bare = word.strip_prefix('(').unwrap_or(word);
    let core = bare.trim_end_matches([',', ';', ':', '.', ')', '%', '?']);
    let (open, close) = (&word[..word.len() - bare.len()], &bare[core.len()..]);
    // A sign or two after a word is punctuation; more may be anything.
    if close.len() > 3 {
        return markdown_code(word);
    }
    let is_word = core.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let is_number =
        core.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b',' | b':'));
    let is_joined = core.starts_with('-') || core.ends_with('-') || core.contains("--");
    if word == "-" || ((is_word || is_number) && !is_joined) {
        return word.to_string();
    }
    format!("{open}{}{close}", markdown_code(core))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn formulas_are_text() {
        for hostile in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"] {
            assert!(csv(hostile).starts_with('\''), "{hostile:?}");
        }
        assert_eq!(csv("s3:GetObject"), "s3:GetObject");
        assert_eq!(csv("a=b"), "a=b");
        assert_eq!(csv("a\u{1b}[31m\nb"), "a\\u{1b}[31m\\nb");
    }

    #[test]
    fn names_become_code_and_sentences_stay() {
        assert_eq!(markdown("record:update, 3 calls"), "`record:update`, 3 calls");
        assert_eq!(markdown("ecs:*, ecr:* on *"), "`ecs:*`, `ecr:*` on `*`");
        assert_eq!(markdown("5 writes of 8 actions"), "5 writes of 8 actions");
        assert_eq!(markdown("2026-08-27, 5 d"), "2026-08-27, 5 d");
        assert_eq!(markdown("2026-09-01 06:12 UTC (92.0 %)"), "2026-09-01 06:12 UTC (92.0 %)");
        assert_eq!(markdown("ask @all"), "ask `@all`");
        assert_eq!(markdown("[x](http://y)"), "`[x](http://y`)");
        assert_eq!(html_in_markdown("aws:role/a"), "aws:role/a");
        assert_eq!(html_in_markdown("http://www.x"), "http&#58;//www&#46;x");
        assert_eq!(markdown("<b>|`"), "<code>&#60;b&#62;&#124;&#96;</code>");
        assert_eq!(markdown("a\u{202e}b"), "`a\\u{202e}b`");
    }

    /// Text as an attacker would write it: any characters, and more of those that mean something.
    fn hostile() -> impl Strategy<Value = String> {
        let sign = prop::sample::select(
            "|`<>[]()*_~#!@&;\\\"'=+-\t\r\n \u{1b}\u{9b}\u{202e}\u{2066}\u{200b}\u{ad}:/.w0a部"
                .chars()
                .collect::<Vec<char>>(),
        );
        prop::collection::vec(prop_oneof![4 => sign, 1 => any::<char>()], 0..24)
            .prop_map(|characters| characters.into_iter().collect())
    }

    /// An escape, an 8-bit control sequence, an override, an isolate, a zero-width space, a soft hyphen.
    const INVISIBLE: [char; 6] = ['\u{1b}', '\u{9b}', '\u{202e}', '\u{2066}', '\u{200b}', '\u{ad}'];

    /// Removes code spans, so that only what Markdown interprets is left; `None` if one does not end.
    fn outside_code(text: &str) -> Option<String> {
        let mut rest = text;
        let mut out = String::new();
        while let Some(at) = rest.find('`') {
            out.push_str(&rest[..at]);
            let end = rest[at + 1..].find('`')?;
            rest = &rest[at + 1 + end + 1..];
        }
        out.push_str(rest);
        Some(out.replace("<code>", "").replace("</code>", ""))
    }

    proptest! {
        #[test]
        fn no_text_breaks_a_terminal(text in hostile()) {
            let shown = terminal(&text);
            prop_assert!(shown.chars().all(|c| !c.is_control()));
            prop_assert!(!shown.contains(INVISIBLE));
            prop_assert_eq!(terminal(&shown), shown.clone(), "escaping twice changes nothing");
        }

        #[test]
        fn no_text_breaks_csv(text in hostile(), next in hostile()) {
            let mut writer = ::csv::Writer::from_writer(Vec::new());
            let row = [csv(&text), csv(&next)];
            // A file begins with its header; a reader would take a mark at its very start for an encoding's.
            writer.write_record(["one", "two"]).map_err(|error| TestCaseError::fail(error.to_string()))?;
            writer.write_record(&row).map_err(|error| TestCaseError::fail(error.to_string()))?;
            let bytes = writer.into_inner().map_err(|error| TestCaseError::fail(error.to_string()))?;
            prop_assert_eq!(bytes.iter().filter(|byte| **byte == b'\n').count(), 2);
            let mut reader = ::csv::Reader::from_reader(&bytes[..]);
            for record in reader.records() {
                let record = record.map_err(|error| TestCaseError::fail(error.to_string()))?;
                prop_assert_eq!(record.iter().collect::<Vec<_>>(), row.iter().collect::<Vec<_>>());
                for cell in &record {
                    prop_assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']));
                    prop_assert!(!cell.chars().any(char::is_control));
                }
            }
        }

        #[test]
        fn no_text_breaks_markdown(text in hostile()) {
            for written in [markdown(&text), markdown_code(&text)] {
                prop_assert!(!written.contains(INVISIBLE) && !written.contains(['\n', '\r', '|']));
                let Some(outside) = outside_code(&written) else {
                    return Err(TestCaseError::fail(format!("a span does not end: {written}")));
                };
                prop_assert!(
                    !outside.contains(['<', '>', '[', ']', '*', '_', '@', '\\', '~', '!', '=']),
                    "{outside:?}"
                );
                prop_assert!(!outside.contains("--") && !outside.contains("://"), "{outside:?}");
                let is_link = |word: &str| word.strip_prefix("www.").is_some_and(|rest| {
                    rest.starts_with(|c: char| c.is_ascii_alphanumeric())
                });
                prop_assert!(!outside.split(' ').any(is_link), "{outside:?}");
            }
            let inside = html_in_markdown(&text);
            prop_assert!(!inside.contains(['<', '>', '"', '\'', '`', '|', '*', '_', '[', '\n', '@']));
        }
    }
}
