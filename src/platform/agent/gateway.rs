//! A gateway's rules about tools: agentgateway's CEL expressions, as far as they can be decided.
//!
//! No rules allow all; a true deny denies; a false require denies; a true allow allows; else all is allowed only where no
//! allow rule exists. An expression that fails counts as false (agentgateway/agentgateway
//! `crates/agentgateway/src/http/authorization.rs`, `examples/mcp-authorization` @75b4e6ce). What an expression asks of the
//! caller's token is not in the evidence of grants: such a rule is a condition.

use crate::evidence::tree::Node;
use crate::model::{Glob, Place, Str};

/// A rule's part in the decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Allows where it is true.
    Allow,
    /// Denies where it is true.
    Deny,
    /// Denies where it is false.
    Require,
}

/// One rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Its part.
    pub kind: Kind,
    /// The expression as it is written, up to 200 characters.
    pub text: Str,
    /// The expression; `None` where it is no CEL that is known here.
    expression: Option<Expr>,
    /// Where.
    pub place: Place,
}

/// The rules of one policy.
#[derive(Debug, Clone, PartialEq)]
pub struct Gateway {
    /// Its name: the policy's, else the file's.
    pub name: Str,
    /// The rules, in file order.
    pub rules: Vec<Rule>,
    /// Names of the servers behind it; empty where the file names none.
    pub targets: Vec<Str>,
    /// Where.
    pub place: Place,
}

/// What a gateway decides of a tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Anyone who reaches it may call it.
    Allow,
    /// What decides, one line a condition; all must hold.
    Conditional(Vec<String>),
    /// Nobody may.
    Deny,
}

/// The gateways that a document describes.
pub fn read(root: &Node, file: u32, path: &str) -> Vec<Gateway> {
    if root.get("output").is_some() && root.get("kind").is_none() {
        return Vec::new();
    }
    let name = root.at(&["metadata", "name"]).and_then(Node::text);
    let name: Str = name.unwrap_or_else(|| path.rsplit('/').next().unwrap_or(path)).into();
    let mut out = Vec::new();
    if let Some(policy) = root.at(&["spec", "backend", "mcp", "authorization"]) {
        let kind = match policy.text_of("action") {
            Some("Deny") => Kind::Deny,
            Some("Require") => Kind::Require,
            _ => Kind::Allow,
        };
        let items = policy.at(&["policy", "matchExpressions"]).map_or(&[][..], Node::list);
        let rules = items.iter().filter_map(|item| rule(kind, item, file)).collect();
        let place = policy.place(file);
        out.push(Gateway { name: name.clone(), rules, targets: Vec::new(), place });
    }
    find(root, file, &name, 0, &mut out);
    out
}

/// Finds `mcpAuthorization` in the standalone form, with the targets that stand beside its `policies`.
fn find(node: &Node, file: u32, name: &Str, depth: usize, out: &mut Vec<Gateway>) {
    if depth > 24 {
        return;
    }
    let policy = node.get("mcpAuthorization").map(|policy| (policy, node));
    let policy =
        policy.or_else(|| node.at(&["policies", "mcpAuthorization"]).map(|one| (one, node)));
    if let Some((policy, holder)) = policy {
        let mut rules = Vec::new();
        for item in policy.get("rules").map_or(&[][..], Node::list) {
            let parts = [("allow", Kind::Allow), ("deny", Kind::Deny), ("require", Kind::Require)];
            match item.text() {
                Some(_) => rules.extend(rule(Kind::Allow, item, file)),
                None => rules.extend(
                    parts.iter().filter_map(|(key, kind)| rule(*kind, item.get(key)?, file)),
                ),
            }
        }
        let place = policy.place(file);
        out.push(Gateway { name: name.clone(), rules, targets: targets(holder), place });
    }
    for (key, value) in node.map() {
        let is_taken = matches!(key.text(), Some("mcpAuthorization"))
            || (key.text() == Some("policies") && value.get("mcpAuthorization").is_some());
        if !is_taken {
            find(value, file, name, depth + 1, out);
        }
    }
    for item in node.list() {
        find(item, file, name, depth + 1, out);
    }
}

/// Names of the targets: beside the policies, or of the backends beside them.
fn targets(holder: &Node) -> Vec<Str> {
    let backends = holder.get("backends").map_or(&[][..], Node::list);
    let lists = backends.iter().filter_map(|backend| backend.at(&["mcp", "targets"]));
    let all = holder.get("targets").into_iter().chain(lists).flat_map(Node::list);
    all.filter_map(|target| target.text_of("name")).map(Str::from).collect()
}

fn rule(kind: Kind, node: &Node, file: u32) -> Option<Rule> {
    let text = node.text()?;
    let expression = parse(text);
    Some(Rule {
        kind,
        text: text.chars().filter(|one| !one.is_control()).take(200).collect::<String>().into(),
        expression,
        place: node.place(file),
    })
}

impl Gateway {
    /// What it decides of a server's tool. `caller` holds what is known of the token: a path such as `jwt.sub`, its
    /// value. If `caller` is whole, what it does not name is absent, and an expression that asks for it fails.
    pub fn decide(
        &self,
        (server, tool): (&str, &str),
        caller: &[(&str, &str)],
        is_whole: bool,
    ) -> Verdict {
        let known = Known { server, tool, caller, is_whole };
        let value =
            |rule: &Rule| rule.expression.as_ref().map_or(Tri::Open, |one| one.eval(&known));
        let of = |kind: Kind| self.rules.iter().filter(move |rule| rule.kind == kind);
        let mut open: Vec<String> = Vec::new();
        for rule in of(Kind::Deny) {
            match value(rule) {
                Tri::True => return Verdict::Deny,
                Tri::Open => open.push(format!("unless {}", rule.text)),
                Tri::False => {}
            }
        }
        for rule in of(Kind::Require) {
            match value(rule) {
                Tri::False => return Verdict::Deny,
                Tri::Open => open.push(rule.text.to_string()),
                Tri::True => {}
            }
        }
        let allows: Vec<(Tri, &Rule)> = of(Kind::Allow).map(|rule| (value(rule), rule)).collect();
        let is_allowed = allows.is_empty() || allows.iter().any(|(value, _)| *value == Tri::True);
        if !is_allowed {
            let some: Vec<&str> = allows
                .iter()
                .filter(|(value, _)| *value == Tri::Open)
                .map(|(_, rule)| &*rule.text)
                .collect();
            if some.is_empty() {
                return Verdict::Deny;
            }
            open.push(some.join(" or "));
        }
        if open.is_empty() { Verdict::Allow } else { Verdict::Conditional(open) }
    }
}

/// What is known when an expression is asked.
struct Known<'a> {
    server: &'a str,
    tool: &'a str,
    caller: &'a [(&'a str, &'a str)],
    is_whole: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tri {
    False,
    Open,
    True,
}

impl From<bool> for Tri {
    fn from(value: bool) -> Tri {
        if value { Tri::True } else { Tri::False }
    }
}

/// The part of CEL that is decided here.
#[derive(Debug, Clone, PartialEq)]
enum Expr {
    Const(bool),
    Not(Box<Expr>),
    All(Vec<Expr>),
    Any(Vec<Expr>),
    /// A field, how it is compared, and with which texts.
    Test(String, Compare, Vec<String>),
    /// Something that this program does not decide.
    Open,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Compare {
    In,
    NotIn,
    Starts,
    Ends,
    Contains,
}

impl Expr {
    fn eval(&self, known: &Known<'_>) -> Tri {
        match self {
            Expr::Const(value) => (*value).into(),
            Expr::Open => Tri::Open,
            Expr::Not(inner) => match inner.eval(known) {
                Tri::True => Tri::False,
                Tri::Open => Tri::Open,
                Tri::False => Tri::True,
            },
            Expr::All(parts) => fold(parts, known, Tri::True, Tri::False),
            Expr::Any(parts) => fold(parts, known, Tri::False, Tri::True),
            Expr::Test(field, compare, texts) => {
                let given = match field.as_str() {
                    // A place-holder for tools that no list names stands for any of them.
                    "mcp.tool.name" if known.tool == "*" => return Tri::Open,
                    "mcp.tool.name" => Some(known.tool),
                    "mcp.tool.target" => Some(known.server),
                    other => known
                        .caller
                        .iter()
                        .find(|(name, _)| *name == other)
                        .map(|(_, value)| *value),
                };
                match given {
                    Some(given) => compare.holds(given, texts).into(),
                    // A field that is not there makes the expression fail, and a failure is false.
                    None if known.is_whole => Tri::False,
                    None => Tri::Open,
                }
            }
        }
    }
}

/// `&&` and `||`: one part that decides is enough.
fn fold(parts: &[Expr], known: &Known<'_>, start: Tri, decides: Tri) -> Tri {
    let mut out = start;
    for part in parts {
        match part.eval(known) {
            value if value == decides => return decides,
            Tri::Open => out = Tri::Open,
            _ => {}
        }
    }
    out
}

impl Compare {
    fn holds(self, given: &str, texts: &[String]) -> bool {
        texts.iter().any(|text| match self {
            Compare::In | Compare::NotIn => given == text,
            Compare::Starts => given.starts_with(text.as_str()),
            Compare::Ends => given.ends_with(text.as_str()),
            Compare::Contains => given.contains(text.as_str()),
        }) != (self == Compare::NotIn)
    }
}

/// Reads an expression; what is not known becomes open, what is no expression at all is `None`.
fn parse(text: &str) -> Option<Expr> {
    if text.len() > 10_000 {
        return None;
    }
    let tokens = tokens(text)?;
    let mut reader = Reader { tokens: &tokens, at: 0 };
    let expression = reader.any(0)?;
    (reader.at == tokens.len()).then_some(expression)
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Name(String),
    Text(String),
    Sign(&'static str),
}

const SIGNS: [&str; 14] =
    ["&&", "||", "==", "!=", ">=", "<=", "!", "(", ")", "[", "]", ",", "<", ">"];

fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut out = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let is_name = |one: char| one.is_alphanumeric() || matches!(one, '_' | '.' | '-');
        if matches!(first, '"' | '\'') {
            let (inside, behind) = rest.get(1..)?.split_once(first)?;
            // Escapes would need CEL's own reading.
            (!inside.contains('\\')).then_some(())?;
            out.push(Token::Text(inside.to_string()));
            rest = behind;
        } else if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            out.push(Token::Sign(sign));
            rest = rest.get(sign.len()..)?;
        } else if is_name(first) {
            let end = rest.find(|one| !is_name(one)).unwrap_or(rest.len());
            out.push(Token::Name(rest.get(..end)?.to_string()));
            rest = rest.get(end..)?;
        } else {
            return None;
        }
        rest = rest.trim_start();
    }
    Some(out)
}

struct Reader<'t> {
    tokens: &'t [Token],
    at: usize,
}

impl<'t> Reader<'t> {
    fn peek(&self) -> Option<&'t Token> {
        self.tokens.get(self.at)
    }

    fn eat(&mut self, sign: &str) -> bool {
        let is_there = matches!(self.peek(), Some(Token::Sign(found)) if *found == sign);
        self.at += usize::from(is_there);
        is_there
    }

    fn any(&mut self, depth: usize) -> Option<Expr> {
        let mut parts = vec![self.all(depth)?];
        while self.eat("||") {
            parts.push(self.all(depth)?);
        }
        Some(if parts.len() == 1 { parts.remove(0) } else { Expr::Any(parts) })
    }

    fn all(&mut self, depth: usize) -> Option<Expr> {
        let mut parts = vec![self.one(depth)?];
        while self.eat("&&") {
            parts.push(self.one(depth)?);
        }
        Some(if parts.len() == 1 { parts.remove(0) } else { Expr::All(parts) })
    }

    fn one(&mut self, depth: usize) -> Option<Expr> {
        (depth < 32).then_some(())?;
        if self.eat("!") {
            return Some(Expr::Not(Box::new(self.one(depth + 1)?)));
        }
        if self.eat("(") {
            let inner = self.any(depth + 1)?;
            return self.eat(")").then_some(inner);
        }
        match self.peek()? {
            Token::Text(text) => {
                self.at += 1;
                // "x" == field and "x" in field.
                if self.eat("==") {
                    return match self.operand()? {
                        Operand::Field(field) => {
                            Some(Expr::Test(field, Compare::In, vec![text.clone()]))
                        }
                        Operand::Texts(texts) => Some(Expr::Const(texts.contains(text))),
                    };
                }
                self.skip_term()
            }
            Token::Name(name) => {
                self.at += 1;
                self.test(name)
            }
            Token::Sign(_) => None,
        }
    }

    fn test(&mut self, name: &str) -> Option<Expr> {
        match name {
            "true" => return Some(Expr::Const(true)),
            "false" => return Some(Expr::Const(false)),
            _ => {}
        }
        if self.eat("==") || self.is_name("in") {
            let operand = self.operand()?;
            return Some(match operand {
                Operand::Texts(texts) => Expr::Test(name.to_string(), Compare::In, texts),
                Operand::Field(_) => Expr::Open,
            });
        }
        if self.eat("!=") {
            return Some(match self.operand()? {
                Operand::Texts(texts) => Expr::Test(name.to_string(), Compare::NotIn, texts),
                Operand::Field(_) => Expr::Open,
            });
        }
        let method = name.rsplit_once('.').and_then(|(field, method)| {
            let compare = match method {
                "startsWith" => Compare::Starts,
                "endsWith" => Compare::Ends,
                "contains" => Compare::Contains,
                _ => return None,
            };
            Some((field, compare))
        });
        let before = self.at;
        if let Some((field, compare)) = method
            && self.eat("(")
            && let Some(Token::Text(text)) = self.peek()
        {
            self.at += 1;
            return self
                .eat(")")
                .then(|| Expr::Test(field.to_string(), compare, vec![text.clone()]));
        }
        self.at = before;
        self.skip_term()
    }

    fn is_name(&mut self, name: &str) -> bool {
        let is_there = matches!(self.peek(), Some(Token::Name(found)) if found == name);
        self.at += usize::from(is_there);
        is_there
    }

    fn operand(&mut self) -> Option<Operand> {
        if self.eat("[") {
            let mut texts = Vec::new();
            while !self.eat("]") {
                match self.peek()? {
                    Token::Text(text) => texts.push(text.clone()),
                    Token::Sign(",") => {}
                    _ => return None,
                }
                self.at += 1;
            }
            return Some(Operand::Texts(texts));
        }
        let operand = match self.peek()? {
            Token::Text(text) => Operand::Texts(vec![text.clone()]),
            Token::Name(name) => Operand::Field(name.clone()),
            Token::Sign(_) => return None,
        };
        self.at += 1;
        Some(operand)
    }

    /// Passes over a term that is not decided here, up to the next `&&`, `||` or closing bracket of its level.
    fn skip_term(&mut self) -> Option<Expr> {
        let mut depth = 0_usize;
        while let Some(token) = self.peek() {
            match token {
                Token::Sign("(" | "[") => depth += 1,
                Token::Sign(")" | "]") if depth == 0 => break,
                Token::Sign(")" | "]") => depth -= 1,
                Token::Sign("&&" | "||") if depth == 0 => break,
                _ => {}
            }
            self.at += 1;
        }
        Some(Expr::Open)
    }
}

enum Operand {
    Texts(Vec<String>),
    Field(String),
}

/// Whether a document holds tool rules of a gateway.
pub fn is_gateway(text: &str) -> bool {
    let has = |part: &str| memchr::memmem::find(text.as_bytes(), part.as_bytes()).is_some();
    has("mcpAuthorization:") || (has("agentgateway.dev/") && has("AgentgatewayPolicy"))
}

/// Whether a server's key is one of a gateway's targets.
pub fn is_behind(gateway: &Gateway, key: &str) -> bool {
    gateway.targets.iter().any(|target| Glob::new(target).matches(key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::tree;
    use crate::platform::agent::access::tests::shared;

    fn gateways(name: &str) -> Option<Vec<Gateway>> {
        let text = std::fs::read_to_string(shared("gateway/agentgateway")?.join(name)).unwrap();
        assert!(is_gateway(&text));
        let roots = tree::documents(&text);
        Some(roots.iter().flat_map(|root| read(root.as_ref().unwrap(), 0, name)).collect())
    }

    #[test]
    fn the_example_decides_as_its_comments_say() {
        let Some(found) = gateways("mcp-authorization.config.yaml") else { return };
        let [gateway] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!(gateway.targets.len(), 1);
        let ask =
            |tool: &str, caller: &[(&str, &str)]| gateway.decide(("mcp2", tool), caller, true);
        let (user, claim) = ([("jwt.sub", "test-user")], [("jwt.nested.key", "value")]);
        assert_eq!(ask("echo", &[]), Verdict::Allow);
        assert_eq!(ask("get-sum", &user), Verdict::Allow);
        assert_eq!(ask("get-sum", &claim), Verdict::Deny);
        assert_eq!(ask("get-env", &claim), Verdict::Allow);
        assert_eq!(ask("get-env", &user), Verdict::Deny);
        assert_eq!(ask("add", &user), Verdict::Deny);
        // Of a caller about whom nothing is known the token decides.
        let open = gateway.decide(("mcp2", "get-sum"), &[], false);
        assert!(matches!(&open, Verdict::Conditional(texts) if texts[0].contains("test-user")));
        assert_eq!(gateway.decide(("mcp2", "add"), &[], false), Verdict::Deny);
    }

    #[test]
    fn the_kubernetes_form_is_read_once_and_require_denies_what_is_false() {
        for name in ["mcp-authz-gateway.yaml", "mcp-authz-route.yaml"] {
            let Some(found) = gateways(name) else { return };
            assert_eq!(found.len(), 1, "{name}");
            assert_eq!(found[0].decide(("s", "echo"), &[], true), Verdict::Allow);
            assert_eq!(
                found[0].decide(("s", "add"), &[("jwt.sub", "test-user")], true),
                Verdict::Allow
            );
            assert_eq!(found[0].decide(("s", "add"), &[], true), Verdict::Deny);
        }
        let Some(found) = gateways("mcp-authz-require.yaml") else { return };
        // Both must hold, and no tool has two names.
        assert_eq!(found[0].decide(("s", "echo"), &[], true), Verdict::Deny);
    }

    #[test]
    fn what_is_not_decided_is_open_and_nonsense_allows_nothing() {
        let expression = |text: &str| parse(text);
        let known = Known { server: "s", tool: "t", caller: &[], is_whole: true };
        let value = |text: &str| expression(text).map(|one| one.eval(&known));
        assert_eq!(
            value("mcp.tool.name in ['a', \"t\"] && !(mcp.tool.target != 's')"),
            Some(Tri::True)
        );
        assert_eq!(value("mcp.tool.name.startsWith('x') || jwt.a == 'b'"), Some(Tri::False));
        assert_eq!(value("size(jwt.groups) > 2"), Some(Tri::Open));
        assert_eq!(
            value("mcp.tool.name == 't' && jwt.groups.exists(g, g == 'x')"),
            Some(Tri::Open)
        );
        for text in ["", "(", "a ==", "a == 'b", "&&", "a == 'b' 'c'"] {
            assert!(!matches!(value(text), Some(Tri::True)), "{text}");
        }
    }
}
