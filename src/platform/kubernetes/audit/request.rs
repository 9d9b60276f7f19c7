//! From an HTTP request to what the authorizer is asked (`k8s.io/apiserver` pkg/endpoints/request/requestinfo.go).
//!
//! The API prefixes are `api`, whose group has no name, and `apis`.

/// What a path is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target<'a> {
    /// A resource.
    Resource(Resource<'a>),
    /// No resource: the path without its query.
    Path(&'a str),
}

/// The resource of a request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Resource<'a> {
    /// API group, empty for the core group.
    pub group: &'a str,
    /// Version, which no permission depends on.
    pub version: &'a str,
    /// Namespace, empty for cluster scope and for all namespaces.
    pub namespace: &'a str,
    /// Resource.
    pub resource: &'a str,
    /// Subresource.
    pub subresource: &'a str,
    /// Name, empty where the path has none.
    pub name: &'a str,
    /// Whether the path has the old `/watch/`.
    pub is_watch: bool,
}

/// A request as the authorizer sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attributes<'a> {
    /// The verb; empty for methods that have none.
    pub verb: String,
    /// What it is about.
    pub target: Target<'a>,
    /// The name that the authorizer sees: the path's, or the one that a field selector `metadata.name=` demands.
    pub name: String,
}

/// What a request asks for, from its method and URI.
pub fn attributes<'a>(method: &str, uri: &'a str) -> Attributes<'a> {
    let query = uri.split_once('?').map_or("", |(_, query)| query);
    let target = target(uri);
    let Target::Resource(resource) = target else {
        return Attributes { verb: method.to_ascii_lowercase(), target, name: String::new() };
    };
    let mut verb = match method.to_ascii_uppercase().as_str() {
        "POST" => "create",
        "GET" | "HEAD" => "get",
        "PUT" => "update",
        "PATCH" => "patch",
        "DELETE" => "delete",
        _ => "",
    };
    let mut name = resource.name.to_string();
    if resource.is_watch {
        verb = "watch";
    } else if name.is_empty() && verb == "get" {
        verb = if is_true(parameter(query, "watch").as_deref()) { "watch" } else { "list" };
    } else if name.is_empty() && verb == "delete" {
        verb = "deletecollection";
    }
    if matches!(verb, "list" | "watch")
        && name.is_empty()
        && let Some(selected) = parameter(query, "fieldSelector").as_deref().and_then(named)
    {
        name = selected.to_string();
    }
    Attributes { verb: verb.to_string(), target, name }
}

/// What the path of a URI is about.
pub fn target(uri: &str) -> Target<'_> {
    let path = uri.split('?').next().unwrap_or_default();
    let mut parts = path.split('/').filter(|part| !part.is_empty());
    let count = parts.clone().count();
    let group = match parts.next() {
        Some("api") if count >= 3 => "",
        Some("apis") if count >= 4 => parts.next().unwrap_or_default(),
        _ => return Target::Path(path),
    };
    let version = parts.next().unwrap_or_default();
    let mut resource = of_parts(group, parts);
    resource.version = version;
    if resource.resource.is_empty() { Target::Path(path) } else { Target::Resource(resource) }
}

/// Subresources of a Namespace object: what else follows its name is a resource in it.
const NAMESPACE_SUBRESOURCES: &[&str] = &["status", "finalize"];

/// Reads what follows the version: `namespaces/NS/RESOURCE/NAME/SUB`, `RESOURCE/NAME/SUB`. Whatever follows a
/// subresource is not the authorizer's.
pub(super) fn of_parts<'a>(
    group: &'a str,
    mut parts: impl Iterator<Item = &'a str>,
) -> Resource<'a> {
    let mut out = Resource { group, ..Resource::default() };
    let mut first = parts.next().unwrap_or_default();
    if first == "watch" {
        out.is_watch = true;
        first = parts.next().unwrap_or_default();
    } else if first == "proxy" {
        // An old prefix with the verb `proxy` (Kubernetes before 1.10).
        first = parts.next().unwrap_or_default();
    }
    if first != "namespaces" {
        out.resource = first;
        out.name = parts.next().unwrap_or_default();
        out.subresource = parts.next().unwrap_or_default();
        return out;
    }
    let Some(namespace) = parts.next() else {
        out.resource = first;
        return out;
    };
    out.namespace = namespace;
    match parts.next() {
        None => (out.resource, out.name) = (first, namespace),
        Some(next) if NAMESPACE_SUBRESOURCES.contains(&next) => {
            (out.resource, out.name, out.subresource) = (first, namespace, next);
        }
        Some(next) => {
            out.resource = next;
            out.name = parts.next().unwrap_or_default();
            out.subresource = parts.next().unwrap_or_default();
        }
    }
    out
}

fn is_true(value: Option<&str>) -> bool {
    // A parameter without a value counts (`?watch`), `false` and `0` do not (conversion of a Go bool pointer).
    value.is_some_and(|value| !matches!(value.to_ascii_lowercase().as_str(), "false" | "0"))
}

/// The first value of a query parameter, decoded.
fn parameter(query: &str, name: &str) -> Option<String> {
    query.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (key == name).then(|| decoded(value))
    })
}

/// Undoes percent encoding; what is none stays.
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let digits = text.get(at + 1..at + 3).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match (byte, digits) {
            (b'%', Some(value)) => {
                out.push(value);
                at += 3;
                continue;
            }
            (b'+', _) => out.push(b' '),
            _ => out.push(*byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The name that a field selector demands.
fn named(selector: &str) -> Option<&str> {
    selector.split(',').find_map(|term| {
        let (key, value) = term.split_once('=')?;
        let value = value.strip_prefix('=').unwrap_or(value);
        (key.trim() == "metadata.name" && !value.is_empty()).then_some(value)
    })
}
