//! The columns of the generic tables, their other names, and which table a header is of.
//!
//! Names are compared without case; spaces and `-` count as `_` (`docs/platforms/generic.md`, "Columns"). A
//! column that a table does not know is never fatal.

/// A column of a table.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) name: &'static str,
    pub(super) aliases: &'static [&'static str],
}

const fn column(name: &'static str, aliases: &'static [&'static str]) -> Column {
    Column { name, aliases }
}

/// A table: its columns in the order of the constants below.
#[derive(Debug)]
pub(super) struct Table {
    /// What a record of it is called in messages.
    pub(super) name: &'static str,
    pub(super) columns: &'static [Column],
    /// Numbers of the columns without which no record can be used.
    pub(super) required: &'static [usize],
}

/// Columns of identities.
pub(super) mod identity {
    pub(in super::super) const ID: usize = 0;
    pub(in super::super) const PLATFORM: usize = 1;
    pub(in super::super) const KIND: usize = 2;
    pub(in super::super) const NAME: usize = 3;
    pub(in super::super) const ACCOUNT: usize = 4;
    pub(in super::super) const OWNER: usize = 5;
    pub(in super::super) const PURPOSE: usize = 6;
    pub(in super::super) const ENVIRONMENT: usize = 7;
    pub(in super::super) const THIRD_PARTY: usize = 8;
    pub(in super::super) const CREATED: usize = 9;
    pub(in super::super) const EXPIRES: usize = 10;
    pub(in super::super) const LAST_USED: usize = 11;
    pub(in super::super) const DISABLED: usize = 12;
    pub(in super::super) const ACTIVE: usize = 13;
}

pub(super) static IDENTITIES: Table = Table {
    name: "identity",
    columns: &[
        column("id", &["identity", "principal", "user", "arn"]),
        column("platform", &[]),
        column("kind", &["type"]),
        column("name", &["display_name"]),
        column("account", &["tenant", "project", "cluster", "system"]),
        column("owner", &["team"]),
        column("purpose", &[]),
        column("environment", &["env"]),
        column("third_party", &["external"]),
        column("created", &["created_at"]),
        column("expires", &["expires_at", "valid_until"]),
        column("last_used", &["last_login", "last_seen"]),
        column("disabled", &["suspended"]),
        column("active", &[]),
    ],
    required: &[identity::ID],
};

/// Columns of grants.
pub(super) mod grant {
    pub(in super::super) const IDENTITY: usize = 0;
    pub(in super::super) const ACTION: usize = 1;
    pub(in super::super) const RESOURCE: usize = 2;
    pub(in super::super) const EFFECT: usize = 3;
    pub(in super::super) const ACCESS: usize = 4;
    pub(in super::super) const CONDITION: usize = 5;
    pub(in super::super) const ORIGIN: usize = 6;
    pub(in super::super) const VIA: usize = 7;
    pub(in super::super) const GRANTED_AT: usize = 8;
    pub(in super::super) const EXPIRES: usize = 9;
}

pub(super) static GRANTS: Table = Table {
    name: "grant",
    columns: &[
        column("identity", &["grantee", "principal", "role", "user"]),
        column("action", &["permission", "privilege", "scope", "operation"]),
        column("resource", &["object", "target"]),
        column("effect", &[]),
        column("access", &["access_level"]),
        column("condition", &[]),
        column("origin", &["source", "policy"]),
        column("via", &[]),
        column("granted_at", &[]),
        column("expires", &[]),
    ],
    required: &[grant::IDENTITY, grant::ACTION],
};

/// Columns of usage.
pub(super) mod usage {
    pub(in super::super) const IDENTITY: usize = 0;
    pub(in super::super) const ACTION: usize = 1;
    pub(in super::super) const TIME: usize = 2;
    pub(in super::super) const FIRST: usize = 3;
    pub(in super::super) const LAST: usize = 4;
    pub(in super::super) const COUNT: usize = 5;
    pub(in super::super) const RESOURCE: usize = 6;
    pub(in super::super) const OUTCOME: usize = 7;
    pub(in super::super) const SOURCE_IP: usize = 8;
    pub(in super::super) const REGION: usize = 9;
    pub(in super::super) const USER_AGENT: usize = 10;
    pub(in super::super) const SESSION: usize = 11;
    pub(in super::super) const ON_BEHALF_OF: usize = 12;
    pub(in super::super) const ERROR: usize = 13;
    pub(in super::super) const SLOTS: usize = 14;
}

pub(super) static USAGE: Table = Table {
    name: "use",
    columns: &[
        column("identity", &["user", "actor", "principal"]),
        column("action", &["operation", "event", "permission"]),
        column("time", &["timestamp", "created_at"]),
        column("first", &[]),
        column("last", &[]),
        column("count", &[]),
        column("resource", &["object", "target"]),
        column("outcome", &["result", "status"]),
        column("source_ip", &[]),
        column("region", &[]),
        column("user_agent", &[]),
        column("session", &[]),
        column("on_behalf_of", &[]),
        column("error", &[]),
        column("slots", &[]),
    ],
    required: &[usage::IDENTITY, usage::ACTION],
};

/// Columns of coverage.
pub(super) mod coverage {
    pub(in super::super) const PLATFORM: usize = 0;
    pub(in super::super) const ACCOUNT: usize = 1;
    pub(in super::super) const ACTIONS: usize = 2;
    pub(in super::super) const FROM: usize = 3;
    pub(in super::super) const TO: usize = 4;
    pub(in super::super) const GAPS: usize = 5;
    pub(in super::super) const SOURCE: usize = 6;
}

pub(super) static COVERAGE: Table = Table {
    name: "coverage",
    columns: &[
        column("platform", &[]),
        column("account", &[]),
        column("actions", &[]),
        column("from", &[]),
        column("to", &[]),
        column("gaps", &[]),
        column("source", &[]),
    ],
    required: &[coverage::ACTIONS, coverage::FROM, coverage::TO],
};

/// Columns of credentials.
pub(super) mod credential {
    pub(in super::super) const IDENTITY: usize = 0;
    pub(in super::super) const ID: usize = 1;
    pub(in super::super) const KIND: usize = 2;
    pub(in super::super) const CREATED: usize = 3;
    pub(in super::super) const LAST_USED: usize = 4;
    pub(in super::super) const ACTIVE: usize = 5;
    pub(in super::super) const EXPIRES: usize = 6;
}

pub(super) static CREDENTIALS: Table = Table {
    name: "credential",
    columns: &[
        column("identity", &["principal", "user"]),
        column("id", &[]),
        column("kind", &["type"]),
        column("created", &["created_at"]),
        column("last_used", &[]),
        column("active", &[]),
        column("expires", &["expires_at", "valid_until"]),
    ],
    required: &[credential::IDENTITY, credential::ID],
};

/// A name as it is compared.
pub(super) fn normal(name: &str) -> String {
    name.trim().to_ascii_lowercase().replace([' ', '-'], "_")
}

/// Which input column each column of a table is read from, and which input columns stay unread.
///
/// The column's own name comes first, then its other names in their stated order; of two input columns with
/// the same name the first is read.
pub(super) fn map(table: &Table, names: &[String]) -> (Vec<Option<usize>>, Vec<usize>) {
    let names: Vec<String> = names.iter().map(|name| normal(name)).collect();
    let at = |wanted: &str| names.iter().position(|name| name == wanted);
    let find = |column: &Column| {
        at(column.name).or_else(|| column.aliases.iter().find_map(|alias| at(alias)))
    };
    let mapped: Vec<Option<usize>> = table.columns.iter().map(find).collect();
    let unread = (0..names.len()).filter(|number| !mapped.contains(&Some(*number))).collect();
    (mapped, unread)
}

/// Which table a header is of, and how certain that is from 1 to 100.
///
/// The columns that tell it must carry their own names: `actor` and `created_at` alone are in half of all
/// audit logs.
pub(super) fn recognise(names: &[String]) -> Option<(&'static Table, u8)> {
    let names: Vec<String> = names.iter().map(|name| normal(name)).collect();
    let has = |wanted: &str| names.iter().any(|name| name == wanted);
    let any = |wanted: &[&str]| wanted.iter().any(|name| has(name));
    if has("identity") && has("action") {
        let grants = any(&["effect", "condition", "granted_at", "origin"]);
        let usage =
            any(&["time", "first", "last", "count", "outcome", "timestamp", "result", "status"]);
        return match (grants, usage) {
            (true, false) => Some((&GRANTS, 70)),
            (false, true) => Some((&USAGE, 70)),
            (true, true) if any(&["effect", "granted_at"]) => Some((&GRANTS, 40)),
            (true, true) => Some((&USAGE, 40)),
            (false, false) => None,
        };
    }
    if has("actions") && has("from") && has("to") {
        return Some((&COVERAGE, 60));
    }
    if has("identity") && has("id") && any(&["kind", "type", "last_used", "active", "created"]) {
        return Some((&CREDENTIALS, 50));
    }
    (has("id") && has("kind")).then_some((&IDENTITIES, 40))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(text: &str) -> Option<&'static str> {
        let names: Vec<String> = text.split(',').map(str::to_string).collect();
        recognise(&names).map(|(table, _)| table.name)
    }

    #[test]
    fn headers_tell_their_table() {
        assert_eq!(header("Identity,ACTION,Effect"), Some("grant"));
        assert_eq!(header("identity,action,time"), Some("use"));
        assert_eq!(header("identity,action,origin,outcome"), Some("use"));
        assert_eq!(header("identity,action,granted at,count"), Some("grant"));
        assert_eq!(header("identity,id,kind,last-used"), Some("credential"));
        assert_eq!(header("id,kind,owner"), Some("identity"));
        assert_eq!(header("account,actions,from,to"), Some("coverage"));
        for other in ["identity,action", "actor,action,created_at", "id,name", "", "user,arn,kind"]
        {
            assert_eq!(header(other), None, "{other}");
        }
    }

    #[test]
    fn the_own_name_comes_before_other_names() {
        let names = ["User", "identity", "Permission", "colour"].map(str::to_string);
        let (mapped, unread) = map(&USAGE, &names);
        assert_eq!(mapped[usage::IDENTITY], Some(1));
        assert_eq!(mapped[usage::ACTION], Some(2));
        assert_eq!(unread, [0, 3]);
    }
}
