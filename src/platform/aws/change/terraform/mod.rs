//! Terraform plans and states (`terraform show -json`) as changes of IAM.
//!
//! Owns which resource types say what (documentation of the AWS provider, one page a type). [`rows`] reads the
//! resources, [`refs`] follows references, [`documents`] makes policies, [`resources`] has resource policies. Does
//! not read `.tf` files.

mod documents;
mod refs;
mod resources;
mod rows;
mod wire;

use serde_json::value::RawValue;

use self::refs::Refs;
use self::rows::{Fields, Known, Row, iam_arn, text, text_of};
use self::wire::PlanText;
use super::{Attached, Change, Declared, Holder, HolderKind, Inline, Managed, Member, Profile};
use crate::model::{Place, Str};
use crate::platform::Intake;
use crate::platform::aws::documents::organization::OrgKind;
use crate::platform::aws::documents::wire::reason;
use crate::platform::aws::documents::{Evidence, Source};

/// Reads a plan or a state. One that is cut or of another shape is rejected whole: half a change is no change.
pub(crate) fn read(evidence: &mut Evidence, source: &Source<'_>, intake: &mut Intake) {
    let plan: PlanText<'_> = match serde_json::from_slice(source.bytes) {
        Ok(plan) => plan,
        Err(error) => {
            let line = u32::try_from(error.line()).unwrap_or(1).max(1);
            let column = u32::try_from(error.column()).unwrap_or(1).max(1);
            let place = Place::line(source.file, line, column);
            intake.reject(place, reason("the Terraform plan", &error));
            return;
        }
    };
    if plan.resource_changes.is_none() && plan.planned_values.is_none() && plan.values.is_none() {
        intake.reject(source.whole(), "no resources in the Terraform plan");
        return;
    }
    let mut rows = rows::rows(source, &plan, evidence.changes.side, intake);
    let scopes = rows::scopes(&mut rows, &plan);
    let refs = Refs::new(&plan, &rows);
    let change = Change { file: source.file, scopes: scopes.accounts, ..Change::default() };
    let mut reader = Reader { evidence, source, rows: &rows, refs: &refs, change };
    reader.all(intake);
    let change = reader.change;
    change.tell(intake);
    evidence.changes.list.push(change);
}

/// What reads the resources of one plan.
struct Reader<'r, 'a> {
    evidence: &'r mut Evidence,
    source: &'r Source<'a>,
    rows: &'r [Row<'a>],
    refs: &'r Refs<'r, 'a>,
    change: Change,
}

impl<'a> Reader<'_, 'a> {
    fn all(&mut self, intake: &mut Intake) {
        let rows = self.rows;
        for row in rows.iter().filter(|row| !row.is_data) {
            match row.kind.as_str() {
                "aws_iam_role" => self.entity(row, HolderKind::Role, intake),
                "aws_iam_user" => self.entity(row, HolderKind::User, intake),
                "aws_iam_group" => self.entity(row, HolderKind::Group, intake),
                "aws_iam_policy" => self.policy(row, intake),
                _ => {}
            }
        }
        // What goes away goes first, so that what only moves to another address stays.
        for row in rows.iter().filter(|row| !row.is_data) {
            self.detach(row);
        }
        for row in rows {
            if row.is_data {
                self.data(row, intake);
            } else if row.fields.is_some() {
                self.attach(row, intake);
            }
            if !row.is_data {
                self.resource(row, intake);
            }
        }
        self.permissions(intake);
        self.organisation(intake);
    }

    fn account(&self, row: &Row<'a>) -> Option<Str> {
        self.change.scopes.get(row.scope).cloned().flatten()
    }

    /// The name of an entity or policy: its own, or its address where that is known only after apply.
    fn name(&self, row: &Row<'a>) -> String {
        match row.text("name") {
            Known::Value(name) => name,
            _ => row.address.replace('/', "|"),
        }
    }

    fn policy_arn(&self, row: &Row<'a>) -> Str {
        let fields = row.fields.as_ref().or(row.before.as_ref());
        if let Some(arn) = fields.and_then(|fields| text_of(fields, "arn")) {
            return arn.into();
        }
        let path = fields.and_then(|fields| text_of(fields, "path")).unwrap_or_default();
        iam_arn(self.account(row).as_ref(), "policy", &path, &self.name(row))
    }

    fn holder(&self, row: &Row<'a>, kind: HolderKind, name: &str) -> Holder {
        Holder { kind, name: name.into(), scope: row.scope }
    }

    /// Who an attribute names; several where it is not known which, `*` where nobody can be found.
    fn holders(&mut self, row: &Row<'a>, attribute: &str, kind: HolderKind) -> Vec<Holder> {
        match row.text(attribute) {
            Known::Value(name) => vec![self.holder(row, kind, &name)],
            Known::Absent => Vec::new(),
            Known::Unknown => self.led_holders(row, attribute, kind),
        }
    }

    fn led_holders(&mut self, row: &Row<'a>, attribute: &str, kind: HolderKind) -> Vec<Holder> {
        let wanted = format!("aws_iam_{}", kind.as_str());
        let led = self.refs.of(self.rows, row, attribute);
        let mut found: Vec<Holder> = Vec::new();
        for other in led.to.iter().filter_map(|(at, _)| self.rows.get(*at)) {
            if other.kind == wanted && other.fields.is_some() {
                let name = self.name(other);
                found.push(self.holder(other, kind, &name));
            }
        }
        if found.len() != 1 || led.is_partial {
            self.change.open(&row.address, attribute, row.place);
        }
        if found.is_empty() || found.len() > MANY {
            found = vec![self.holder(row, kind, "*")];
        }
        found
    }

    /// Everybody in a list of names.
    fn many(&mut self, row: &Row<'a>, attribute: &str, kind: HolderKind) -> Vec<Holder> {
        match row.texts(attribute) {
            Known::Absent => Vec::new(),
            Known::Unknown => self.led_holders(row, attribute, kind),
            Known::Value(list) => {
                let mut found: Vec<Holder> =
                    list.iter().flatten().map(|name| self.holder(row, kind, name)).collect();
                if list.iter().any(Option::is_none) {
                    for holder in self.led_holders(row, attribute, kind) {
                        if !found.contains(&holder) {
                            found.push(holder);
                        }
                    }
                }
                found
            }
        }
    }

    /// The ARNs of the managed policies that an attribute names.
    fn policies(&mut self, row: &Row<'a>, attribute: &str) -> Vec<Str> {
        let (mut found, has_unknown): (Vec<Str>, bool) = match row.raw(attribute) {
            Known::Absent => (Vec::new(), false),
            Known::Unknown => (Vec::new(), true),
            Known::Value(raw) if raw.get().starts_with('[') => match row.texts(attribute) {
                Known::Value(list) => {
                    let has_unknown = list.iter().any(Option::is_none);
                    (list.into_iter().flatten().map(Str::from).collect(), has_unknown)
                }
                _ => (Vec::new(), false),
            },
            Known::Value(raw) => (text(raw).map(Str::from).into_iter().collect(), false),
        };
        if !has_unknown {
            return found;
        }
        let led = self.refs.of(self.rows, row, attribute);
        let mut is_whole = !led.is_partial && !led.to.is_empty();
        is_whole &= led.to.len() <= MANY;
        for other in led.to.iter().take(MANY).filter_map(|(at, _)| self.rows.get(*at)) {
            if other.kind == "aws_iam_policy" {
                let fields = other.fields.as_ref();
                let arn = fields.and_then(|fields| text_of(fields, "arn")).map(Str::from);
                found.push(arn.unwrap_or_else(|| self.policy_arn(other)));
            } else {
                is_whole = false;
            }
        }
        if !is_whole {
            self.change.open(&row.address, attribute, row.place);
        }
        if !is_whole {
            found.push(format!("a policy that is known only after apply ({})", row.address).into());
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// A role, user or group, with what it says of its own policies.
    fn entity(&mut self, row: &Row<'a>, kind: HolderKind, intake: &mut Intake) {
        let before = row.before.as_ref();
        let old = before.and_then(|fields| text_of(fields, "name"));
        let name = match (&row.fields, &old) {
            (None, Some(old)) => old.clone(),
            (None, None) => return,
            (Some(_), _) => self.name(row),
        };
        let holder = self.holder(row, kind, &name);
        let is_gone = row.fields.is_none();
        if let Some(old) = old.filter(|old| *old != name) {
            let holder = self.holder(row, kind, &old);
            self.change.entities.push(gone(holder, row.place));
        }
        if is_gone {
            intake.used(1);
            self.change.entities.push(gone(holder, row.place));
            return;
        }
        let fields = row.fields.as_ref();
        let is_named = matches!(row.text("name"), Known::Value(_));
        if !is_named {
            self.change.open(&row.address, "name", row.place);
        }
        let trust = self
            .documents(row, "assume_role_policy", &format!("trust policy of {name}"), intake)
            .into_iter()
            .next();
        let boundary = self.policies(row, "permissions_boundary").into_iter().next();
        let is_listed = fields.is_some_and(|fields| fields.contains_key("managed_policy_arns"));
        self.change.entities.push(Declared {
            path: fields.and_then(|fields| text_of(fields, "path")).map(Str::from),
            tags: fields.map(tags).unwrap_or_default(),
            boundary,
            trust,
            is_whole: row.is_new || is_listed,
            is_named,
            is_gone: false,
            holder: holder.clone(),
            place: row.place,
        });
        intake.used(1);
        if kind == HolderKind::Role {
            self.own(row, &holder, intake);
        }
    }

    /// The policies that a role's own attributes list: configured there, or found when the plan was made.
    fn own(&mut self, row: &Row<'a>, holder: &Holder, intake: &mut Intake) {
        if let Some(before) = &row.before {
            for (name, _) in inline_blocks(before.get("inline_policy").copied()) {
                self.push_inline(row, holder.clone(), &name, None);
            }
            for arn in list(before.get("managed_policy_arns").copied()) {
                self.push_attached(row, holder.clone(), arn.into(), true);
            }
        }
        let has_inline = !self.refs.is_computed(row, "inline_policy");
        let is_computed = matches!(row.raw("managed_policy_arns"), Known::Unknown)
            && self.refs.is_computed(row, "managed_policy_arns");
        if !is_computed {
            for arn in self.policies(row, "managed_policy_arns") {
                self.push_attached(row, holder.clone(), arn, false);
            }
        }
        match row.raw("inline_policy") {
            Known::Absent => {}
            Known::Unknown if !has_inline => {}
            Known::Unknown => {
                let led = self.refs.of(self.rows, row, "inline_policy");
                let names = ("inline_policy", row.address.as_str());
                for document in self.led_documents(row, led, names, intake) {
                    self.push_inline(row, holder.clone(), "inline_policy", Some(document));
                }
            }
            Known::Value(raw) => {
                let open = row.unknown.get("inline_policy");
                for (at, (name, policy)) in inline_blocks(Some(raw)).into_iter().enumerate() {
                    let open = open.and_then(|open| open.get(at)?.get("policy"));
                    let documents = match policy {
                        _ if open == Some(&serde_json::Value::Bool(true)) => {
                            let led = self.refs.of(self.rows, row, "inline_policy");
                            self.led_documents(row, led, ("inline_policy", &name), intake)
                        }
                        Some(policy) => {
                            self.document_of(policy, &name, intake).into_iter().collect()
                        }
                        None => Vec::new(),
                    };
                    for document in documents {
                        self.push_inline(row, holder.clone(), &name, Some(document));
                    }
                }
            }
        }
    }

    fn push_inline(
        &mut self,
        row: &Row<'a>,
        holder: Holder,
        name: &str,
        document: Option<crate::platform::aws::documents::pool::PolicyDocument>,
    ) {
        self.change.inline.push(Inline {
            holder,
            name: name.into(),
            document,
            address: row.address.as_str().into(),
            place: row.place,
        });
    }

    fn push_attached(&mut self, row: &Row<'a>, holder: Holder, policy: Str, is_gone: bool) {
        self.change.attached.push(Attached { holder, policy, is_gone, place: row.place });
    }

    fn policy(&mut self, row: &Row<'a>, intake: &mut Intake) {
        let mut managed = Managed {
            arn: self.policy_arn(row),
            scope: row.scope,
            documents: Vec::new(),
            address: row.address.as_str().into(),
            is_gone: row.fields.is_none(),
            place: row.place,
        };
        if row.fields.is_some() {
            managed.documents = self.documents(row, "policy", &row.address, intake);
        } else if row.before.is_none() {
            return;
        }
        intake.used(1);
        self.change.policies.push(managed);
    }

    /// What a resource no longer does.
    fn detach(&mut self, row: &Row<'a>) {
        let Some(before) = &row.before else { return };
        let text = |name: &str| text_of(before, name);
        let names = |name: &str| list(before.get(name).copied());
        for (kind, word) in KINDS {
            if row.kind == format!("aws_iam_{word}_policy") {
                if let (Some(holder), Some(name)) = (text(word), text("name")) {
                    let holder = self.holder(row, kind, &holder);
                    self.push_inline(row, holder, &name, None);
                }
            } else if row.kind == format!("aws_iam_{word}_policy_attachment") {
                if let (Some(holder), Some(arn)) = (text(word), text("policy_arn")) {
                    let holder = self.holder(row, kind, &holder);
                    self.push_attached(row, holder, arn.into(), true);
                }
            } else if row.kind == "aws_iam_policy_attachment"
                && let Some(arn) = text("policy_arn")
            {
                for name in names(&format!("{word}s")) {
                    let holder = self.holder(row, kind, &name);
                    self.push_attached(row, holder, arn.as_str().into(), true);
                }
            }
        }
        let (users, groups) = match row.kind.as_str() {
            "aws_iam_group_membership" => (names("users"), text("group").into_iter().collect()),
            "aws_iam_user_group_membership" => {
                (text("user").into_iter().collect(), names("groups"))
            }
            _ => return,
        };
        for user in &users {
            for group in &groups {
                let user = self.holder(row, HolderKind::User, user);
                self.push_member(row, user, group, true);
            }
        }
    }

    fn push_member(&mut self, row: &Row<'a>, user: Holder, group: &str, is_gone: bool) {
        self.change.members.push(Member { user, group: group.into(), is_gone, place: row.place });
    }

    /// What a resource attaches.
    fn attach(&mut self, row: &Row<'a>, intake: &mut Intake) {
        for (kind, word) in KINDS {
            if row.kind == format!("aws_iam_{word}_policy") {
                let name = self.name(row);
                let documents = self.documents(row, "policy", &row.address, intake);
                for holder in self.holders(row, word, kind) {
                    for document in &documents {
                        self.push_inline(row, holder.clone(), &name, Some(document.clone()));
                    }
                }
                intake.used(1);
            } else if row.kind == format!("aws_iam_{word}_policy_attachment") {
                let policies = self.policies(row, "policy_arn");
                for holder in self.holders(row, word, kind) {
                    for arn in &policies {
                        self.push_attached(row, holder.clone(), arn.clone(), false);
                    }
                }
                intake.used(1);
            } else if row.kind == "aws_iam_policy_attachment" {
                let policies = self.policies(row, "policy_arn");
                for holder in self.many(row, &format!("{word}s"), kind) {
                    for arn in &policies {
                        self.push_attached(row, holder.clone(), arn.clone(), false);
                    }
                }
            }
        }
        match row.kind.as_str() {
            "aws_iam_policy_attachment" => intake.used(1),
            "aws_iam_group_membership" => {
                let users = self.many(row, "users", HolderKind::User);
                for group in self.holders(row, "group", HolderKind::Group) {
                    for user in &users {
                        self.push_member(row, user.clone(), &group.name, false);
                    }
                }
                intake.used(1);
            }
            "aws_iam_user_group_membership" => {
                let groups = self.many(row, "groups", HolderKind::Group);
                for user in self.holders(row, "user", HolderKind::User) {
                    for group in &groups {
                        self.push_member(row, user.clone(), &group.name, false);
                    }
                }
                intake.used(1);
            }
            "aws_iam_instance_profile" => {
                let name = self.name(row);
                let account = self.account(row);
                let arn = iam_arn(account.as_ref(), "instance-profile", "/", &name);
                for role in self.holders(row, "role", HolderKind::Role) {
                    let arn = arn.clone();
                    self.change.profiles.push(Profile { arn, role, place: row.place });
                }
                intake.used(1);
            }
            _ => {}
        }
    }

    /// Documents of managed policies that the plan looked up.
    fn data(&mut self, row: &Row<'a>, intake: &mut Intake) {
        if row.kind != "aws_iam_policy" {
            return;
        }
        let (Known::Value(arn), Known::Value(raw)) = (row.text("arn"), row.raw("policy")) else {
            return;
        };
        let documents = self.document_of(raw, &row.address, intake).into_iter().collect();
        self.change.policies.push(Managed {
            arn: arn.into(),
            scope: row.scope,
            documents,
            address: row.address.as_str().into(),
            is_gone: false,
            place: row.place,
        });
        intake.used(1);
    }

    /// Organisation policies and what they are attached to.
    fn organisation(&mut self, intake: &mut Intake) {
        let rows = self.rows;
        for row in rows.iter().filter(|row| row.kind == "aws_organizations_policy" && !row.is_data)
        {
            let kind = match row.text("type").value().as_deref() {
                None | Some("SERVICE_CONTROL_POLICY") => OrgKind::Scp,
                Some("RESOURCE_CONTROL_POLICY") => OrgKind::Rcp,
                Some(_) => continue,
            };
            if row.fields.is_none() {
                continue;
            }
            let name: Str = self.name(row).into();
            for document in self.documents(row, "content", &row.address, intake) {
                let id = self.guardrail(row);
                self.change.guardrails.push((id, name.clone(), kind, document));
            }
            intake.used(1);
        }
        for row in rows.iter().filter(|row| row.kind == "aws_organizations_policy_attachment") {
            if let Some(before) = &row.before
                && let (Some(id), Some(target)) =
                    (text_of(before, "policy_id"), text_of(before, "target_id"))
            {
                self.change.targets.push((id.into(), target.into(), true));
            }
            if row.fields.is_none() {
                continue;
            }
            let ids: Vec<Str> = match row.text("policy_id") {
                Known::Value(id) => vec![id.into()],
                _ => {
                    let led = self.refs.of(rows, row, "policy_id");
                    let found = led.to.iter().filter_map(|(at, _)| rows.get(*at));
                    let found = found.filter(|row| row.kind == "aws_organizations_policy");
                    found.map(|row| self.guardrail(row)).collect()
                }
            };
            let Known::Value(target) = row.text("target_id") else {
                self.change.open(&row.address, "target_id", row.place);
                continue;
            };
            for id in ids {
                self.change.targets.push((id, target.as_str().into(), false));
            }
            intake.used(1);
        }
    }

    fn guardrail(&self, row: &Row<'a>) -> Str {
        let id = row.fields.as_ref().and_then(|fields| text_of(fields, "id"));
        id.unwrap_or_else(|| row.address.clone()).into()
    }
}

/// Roles or policies that one attribute may be any of. Of more nobody can say which: the name is `*`.
const MANY: usize = 50;

/// Who can hold policies, and the word for it in resource types and attributes.
const KINDS: [(HolderKind, &str); 3] =
    [(HolderKind::Role, "role"), (HolderKind::User, "user"), (HolderKind::Group, "group")];

fn gone(holder: Holder, place: Place) -> Declared {
    Declared {
        holder,
        path: None,
        tags: Vec::new(),
        boundary: None,
        trust: None,
        is_whole: false,
        is_named: true,
        is_gone: true,
        place,
    }
}

fn tags(fields: &Fields<'_>) -> Vec<(Str, Str)> {
    let read = |name: &str| {
        let raw = fields.get(name)?;
        let all: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(raw.get()).ok()?;
        let one = |(key, value): (String, serde_json::Value)| {
            Some((Str::from(key), Str::from(value.as_str()?)))
        };
        Some(all.into_iter().filter_map(one).collect::<Vec<_>>())
    };
    read("tags_all").filter(|all| !all.is_empty()).or_else(|| read("tags")).unwrap_or_default()
}

fn list(raw: Option<&RawValue>) -> Vec<String> {
    let list: Option<Vec<Option<String>>> =
        raw.and_then(|raw| serde_json::from_str(raw.get()).ok());
    list.into_iter().flatten().flatten().collect()
}

/// The inline policies of a role's attribute: name and document.
fn inline_blocks<'a>(raw: Option<&'a RawValue>) -> Vec<(String, Option<&'a RawValue>)> {
    let blocks: Option<Vec<Fields<'a>>> = raw.and_then(|raw| serde_json::from_str(raw.get()).ok());
    let one = |block: Fields<'a>| {
        let name = text_of(&block, "name").unwrap_or_else(|| "inline_policy".to_string());
        let policy = block.get("policy").copied().filter(|raw| raw.get() != "null");
        (name, policy)
    };
    blocks.into_iter().flatten().map(one).collect()
}
