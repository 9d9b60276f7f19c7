//! Reads the JSON text of a policy document, strictly, and keeps the place of every statement.
//!
//! Owns the rules of the grammar (IAM User Guide, reference_policies_grammar and reference_policies_elements_*).
//! Does not know files, layers or what a policy is attached to. Nothing is guessed: a document that IAM would
//! not store is an error with the offset of what is wrong, never half a policy. Nesting is bounded by the
//! grammar itself: values of unknown elements are skipped without recursion.

use std::borrow::Cow;

use hashbrown::{HashMap, HashSet};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::condition::Operator;
use super::document::{Match, Named, Policy, PolicyError, Statement, Test};
use super::plain;
use crate::model::{Glob, Place, Str, Texts};

type Result<T> = std::result::Result<T, PolicyError>;

/// Strings and patterns that many documents of one estate share, so that each is stored once.
#[derive(Debug, Default)]
pub struct Interner {
    actions: HashMap<Str, Glob>,
    texts: Texts,
}

impl Interner {
    /// The shared form of an action pattern, compared without case. `*:*` and runs of `*` mean `*`
    /// (reference_policies_elements_action names only `*`; `*:*` is met in the wild).
    fn action(&mut self, text: &str) -> Glob {
        if let Some(known) = self.actions.get(text) {
            return known.clone();
        }
        let all = text == "*:*" || is_stars(text);
        let glob = Glob::fold(if all { "*" } else { text });
        self.actions.insert(text.into(), glob.clone());
        glob
    }
}

fn is_stars(text: &str) -> bool {
    text.len() > 1 && text.bytes().all(|byte| byte == b'*')
}

impl Policy {
    /// Reads a document. `place_of` turns the byte offset of a statement in `text` into its place.
    ///
    /// # Errors
    /// The offset in `text` and what is wrong: no JSON, a duplicate key, an unknown `Version` or `Effect`, a
    /// statement without `Action`, both of a pair such as `Action` and `NotAction`, a value of the wrong type.
    pub fn parse(text: &str, place_of: &dyn Fn(usize) -> Option<Place>) -> Result<Policy> {
        Policy::parse_shared(text, place_of, &mut Interner::default())
    }

    /// As [`Policy::parse`], with strings shared between documents.
    ///
    /// # Errors
    /// As [`Policy::parse`].
    pub fn parse_shared(
        text: &str,
        place_of: &dyn Fn(usize) -> Option<Place>,
        interner: &mut Interner,
    ) -> Result<Policy> {
        let whole: &RawValue =
            serde_json::from_str(text).map_err(|error| syntax(text, 0, &error))?;
        Policy::parse_within(text, whole, place_of, interner)
    }

    /// As [`Policy::parse_shared`], of text that is known to be JSON.
    ///
    /// # Errors
    /// As [`Policy::parse`], but for JSON.
    pub fn parse_json(
        json: &RawValue,
        place_of: &dyn Fn(usize) -> Option<Place>,
        interner: &mut Interner,
    ) -> Result<Policy> {
        Policy::parse_within(json.get(), json, place_of, interner)
    }

    fn parse_within(
        text: &str,
        whole: &RawValue,
        place_of: &dyn Fn(usize) -> Option<Place>,
        interner: &mut Interner,
    ) -> Result<Policy> {
        let is_plain = memchr::memchr(b'\\', whole.get().as_bytes()).is_none();
        let mut reader = Reader { text, is_plain, place_of, interner, warnings: Vec::new() };
        reader.document(whole.get())
    }
}

/// The offset that a line and column of the JSON reader mean.
fn syntax(text: &str, base: usize, error: &serde_json::Error) -> PolicyError {
    let before = text.split_inclusive('\n').take(error.line().saturating_sub(1));
    let line: usize = before.map(str::len).sum();
    let within = (line + error.column().saturating_sub(1)).min(text.len());
    let reason = error.to_string();
    let reason = reason.split(" at line ").next().unwrap_or("").to_string();
    PolicyError { offset: base + within, reason: format!("not valid JSON: {reason}") }
}

/// One member of an object.
struct Member<'a> {
    key: Cow<'a, str>,
    value: &'a str,
}

struct Key<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Key<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Key<'de>;
            fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                out.write_str("a key")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> std::result::Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> std::result::Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(text.to_string())))
            }
        }
        from.deserialize_str(Text)
    }
}

struct Members<'a>(Vec<Member<'a>>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        struct List;
        impl<'de> Visitor<'de> for List {
            type Value = Members<'de>;
            fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                out.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(
                self,
                mut map: A,
            ) -> std::result::Result<Members<'de>, A::Error> {
                let mut list = Vec::new();
                while let Some(Key(key)) = map.next_key()? {
                    let value: &RawValue = map.next_value()?;
                    list.push(Member { key, value: value.get() });
                }
                Ok(Members(list))
            }
        }
        from.deserialize_map(List)
    }
}

/// The elements of a statement, each at most once.
#[derive(Default)]
struct Elements<'a> {
    sid: Option<&'a str>,
    effect: Option<&'a str>,
    action: Option<&'a str>,
    not_action: Option<&'a str>,
    resource: Option<&'a str>,
    not_resource: Option<&'a str>,
    principal: Option<&'a str>,
    not_principal: Option<&'a str>,
    condition: Option<&'a str>,
}

/// Both elements of a pair, with the pair's name.
type Pair<'a> = (&'static str, Option<&'a str>, Option<&'a str>);

struct Reader<'a, 'b> {
    text: &'a str,
    /// Whether there is no backslash in it.
    is_plain: bool,
    place_of: &'b dyn Fn(usize) -> Option<Place>,
    interner: &'b mut Interner,
    warnings: Vec<String>,
}

impl<'a> Reader<'a, '_> {
    /// Offset of a part of the document's text.
    fn offset(&self, part: &str) -> usize {
        let start = self.text.as_ptr().addr();
        let at = part.as_ptr().addr().wrapping_sub(start);
        // A part that was unescaped stands nowhere in the text.
        if at <= self.text.len() { at } else { 0 }
    }

    fn fail<T>(&self, at: &str, reason: impl Into<String>) -> Result<T> {
        Err(PolicyError { offset: self.offset(at), reason: reason.into() })
    }

    fn document(&mut self, whole: &'a str) -> Result<Policy> {
        let (mut version, mut list) = (None, None);
        for member in self.members(whole, "a policy")? {
            match &*member.key {
                "Version" => version = Some(member.value),
                "Statement" => list = Some(member.value),
                "Id" => {}
                other => self.warnings.push(format!("unknown element `{other}`")),
            }
        }
        let has_variables = match version {
            None => false,
            Some(raw) => match &*self.string(raw, "Version")? {
                "2012-10-17" => true,
                "2008-10-17" => false,
                other => return self.fail(raw, format!("unknown policy Version `{other}`")),
            },
        };
        let Some(list) = list else {
            return self.fail(whole, "a policy without Statement");
        };
        let mut statements = Vec::new();
        for (number, raw) in self.items(list)?.into_iter().enumerate() {
            statements.push(self.statement(number, raw)?);
        }
        if statements.is_empty() {
            self.warnings.push("the list of statements is empty".into());
        }
        Ok(Policy { has_variables, statements, warnings: std::mem::take(&mut self.warnings) })
    }

    fn statement(&mut self, number: usize, raw: &'a str) -> Result<Statement> {
        let elements = self.elements(number, raw)?;
        let Some(effect) = elements.effect else {
            return self.fail(raw, format!("statement {number} has no Effect"));
        };
        let allow = match &*self.string(effect, "Effect")? {
            "Allow" => true,
            "Deny" => false,
            other => {
                let reason = format!("Effect is `{other}`, not `Allow` or `Deny`");
                return self.fail(effect, reason);
            }
        };
        let sid = match elements.sid {
            Some(sid) => Some(self.scalar(sid, "Sid")?),
            None => None,
        };
        let pair = ("Action", elements.action, elements.not_action);
        let Some((not, actions)) = self.pair(pair)? else {
            let reason = format!("statement {number} has neither Action nor NotAction");
            return self.fail(raw, reason);
        };
        let actions = self.actions(number, not, actions)?;
        let pair = ("Principal", elements.principal, elements.not_principal);
        let principals = match self.pair(pair)? {
            Some((not, value)) => Some(self.principals(not, value)?),
            None => None,
        };
        let pair = ("Resource", elements.resource, elements.not_resource);
        let resources = match self.pair(pair)? {
            Some((not, value)) => Some(self.resources(number, not, value)?),
            None if principals.is_some() => None,
            None => {
                let reason = format!("statement {number} has neither Resource nor NotResource");
                return self.fail(raw, reason);
            }
        };
        let conditions = match elements.condition {
            Some(condition) => self.conditions(number, condition)?,
            None => Vec::new(),
        };
        Ok(Statement {
            number: number as u32,
            sid: sid.map(|sid| self.interner.texts.share(&sid)),
            allow,
            actions,
            resources,
            principals,
            conditions,
            place: (self.place_of)(self.offset(raw)),
        })
    }

    fn elements(&mut self, number: usize, raw: &'a str) -> Result<Elements<'a>> {
        let mut elements = Elements::default();
        for member in self.members(raw, "a statement")? {
            let slot = match &*member.key {
                "Sid" => &mut elements.sid,
                "Effect" => &mut elements.effect,
                "Action" => &mut elements.action,
                "NotAction" => &mut elements.not_action,
                "Resource" => &mut elements.resource,
                "NotResource" => &mut elements.not_resource,
                "Principal" => &mut elements.principal,
                "NotPrincipal" => &mut elements.not_principal,
                "Condition" => &mut elements.condition,
                other => {
                    let warning = format!("statement {number}: unknown element `{other}`");
                    self.warnings.push(warning);
                    continue;
                }
            };
            *slot = Some(member.value);
        }
        Ok(elements)
    }

    /// The one of a pair that is there, and whether it is the `Not…` one.
    fn pair(&self, (name, plain, not): Pair<'a>) -> Result<Option<(bool, &'a str)>> {
        match (plain, not) {
            (Some(_), Some(not)) => self.fail(not, format!("both {name} and Not{name}")),
            (Some(plain), None) => Ok(Some((false, plain))),
            (None, Some(not)) => Ok(Some((true, not))),
            (None, None) => Ok(None),
        }
    }

    fn actions(&mut self, number: usize, not: bool, value: &'a str) -> Result<Match<Glob>> {
        let mut list = Vec::new();
        for text in self.strings(value, "Action")? {
            let glob = self.interner.action(&text);
            if !glob.is_all() && !text.contains(':') {
                let warning = format!("statement {number}: action `{text}` names no service");
                self.warnings.push(warning);
            }
            list.push(glob);
        }
        list.shrink_to_fit();
        if list.is_empty() {
            self.warn_empty(number, "actions");
        }
        Ok(Match { not, list })
    }

    fn resources(&mut self, number: usize, not: bool, value: &'a str) -> Result<Match<Str>> {
        let texts = self.strings(value, "Resource")?;
        let one = |text: Cow<'a, str>| {
            let text = if is_stars(&text) { "*" } else { &text };
            self.interner.texts.share(text)
        };
        let mut list: Vec<Str> = texts.into_iter().map(one).collect();
        list.shrink_to_fit();
        if list.is_empty() {
            self.warn_empty(number, "resources");
        }
        Ok(Match { not, list })
    }

    fn warn_empty(&mut self, number: usize, what: &str) {
        let warning = format!("statement {number}: the list of {what} is empty");
        self.warnings.push(warning);
    }

    /// `"*"`, or an object from kind to one or several names (reference_policies_elements_principal).
    fn principals(&mut self, not: bool, value: &'a str) -> Result<Match<Named>> {
        if value.starts_with('"') {
            return match &*self.string(value, "Principal")? {
                "*" => Ok(Match { not, list: vec![Named::Anyone] }),
                other => self.fail(value, format!("Principal `{other}` without its kind")),
            };
        }
        let mut list = Vec::new();
        for member in self.members(value, "Principal")? {
            let kind: fn(Str) -> Named = match &*member.key {
                "AWS" => Named::Aws,
                "Service" => Named::Service,
                "Federated" => Named::Federated,
                "CanonicalUser" => Named::Canonical,
                other => {
                    self.warnings.push(format!("unknown kind of principal `{other}`"));
                    continue;
                }
            };
            for text in self.strings(member.value, "Principal")? {
                let is_anyone = &*member.key == "AWS" && &*text == "*";
                list.push(if is_anyone {
                    Named::Anyone
                } else {
                    kind(self.interner.texts.share(&text))
                });
            }
        }
        Ok(Match { not, list })
    }

    /// Operator, then key, then values (reference_policies_elements_condition).
    fn conditions(&mut self, number: usize, value: &'a str) -> Result<Vec<Test>> {
        let mut tests = Vec::new();
        for operator in self.members(value, "Condition")? {
            let meaning = Operator::parse(&operator.key);
            if meaning.is_none() {
                let name = &operator.key;
                let warning = format!("statement {number}: unknown condition operator `{name}`");
                self.warnings.push(warning);
            }
            for key in self.members(operator.value, "a condition operator")? {
                let texts = self.strings(key.value, "a condition value")?;
                tests.push(Test {
                    operator: self.interner.texts.share(&operator.key),
                    meaning,
                    key: self.interner.texts.share(&key.key.to_ascii_lowercase()),
                    key_text: self.interner.texts.share(&key.key),
                    values: texts.iter().map(|text| self.interner.texts.share(text)).collect(),
                });
            }
        }
        Ok(tests)
    }

    /// The members of an object, whose keys must differ: IAM rejects a policy with a repeated key, and readers
    /// disagree on which of the two counts.
    fn members(&self, raw: &'a str, what: &str) -> Result<Vec<Member<'a>>> {
        if !raw.starts_with('{') {
            return self.fail(raw, format!("{what} is not an object"));
        }
        let Members(list) = if self.is_plain {
            let member = |(key, value)| Member { key: Cow::Borrowed(key), value };
            Members(plain::members(raw).map(member).collect())
        } else {
            serde_json::from_str(raw).map_err(|error| syntax(raw, self.offset(raw), &error))?
        };
        let mut seen: HashSet<&str> = HashSet::new();
        // Statements have few members; only long objects pay for a set.
        let is_long = list.len() > 16;
        for (at, member) in list.iter().enumerate() {
            let repeated = if is_long {
                !seen.insert(&*member.key)
            } else {
                list.iter().take(at).any(|other| other.key == member.key)
            };
            if repeated {
                let offset = match &member.key {
                    // The quote before the key.
                    Cow::Borrowed(key) => self.offset(key).saturating_sub(1),
                    Cow::Owned(_) => self.offset(member.value),
                };
                let reason = format!("duplicate key `{}`", member.key);
                return Err(PolicyError { offset, reason });
            }
        }
        drop(seen);
        Ok(list)
    }

    /// An array's items, or the one value itself.
    fn items(&self, raw: &'a str) -> Result<Vec<&'a str>> {
        if !raw.starts_with('[') {
            return Ok(vec![raw]);
        }
        if self.is_plain {
            return Ok(plain::elements(raw).collect());
        }
        let items: Vec<&RawValue> =
            serde_json::from_str(raw).map_err(|error| syntax(raw, self.offset(raw), &error))?;
        Ok(items.into_iter().map(RawValue::get).collect())
    }

    fn strings(&self, raw: &'a str, what: &str) -> Result<Vec<Cow<'a, str>>> {
        if !raw.starts_with('[') {
            return Ok(vec![self.scalar(raw, what)?]);
        }
        if self.is_plain {
            return plain::elements(raw).map(|item| self.scalar(item, what)).collect();
        }
        let items = self.items(raw)?.into_iter();
        items.map(|item| self.scalar(item, what)).collect()
    }

    /// A string; or a number or boolean as it is written (reference_policies_grammar: values may be unquoted).
    fn scalar(&self, raw: &'a str, what: &str) -> Result<Cow<'a, str>> {
        match raw.as_bytes().first() {
            Some(b'"') => self.string(raw, what),
            Some(b'0'..=b'9' | b'-' | b't' | b'f') => Ok(Cow::Borrowed(raw)),
            _ => self.fail(raw, format!("{what} is not text")),
        }
    }

    fn string(&self, raw: &'a str, what: &str) -> Result<Cow<'a, str>> {
        let quoted = raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        match quoted {
            Some(inner) if !inner.contains('\\') => Ok(Cow::Borrowed(inner)),
            Some(_) => serde_json::from_str(raw)
                .map(Cow::Owned)
                .map_err(|error| syntax(raw, self.offset(raw), &error)),
            None => self.fail(raw, format!("{what} is not a string")),
        }
    }
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
