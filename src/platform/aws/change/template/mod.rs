//! CloudFormation templates, YAML or JSON, as changes of IAM.
//!
//! Owns which resource types say what (CloudFormation Template Reference, one page a type). [`eval`] evaluates
//! values, [`names`] knows what resources are called, [`serverless`] the roles of SAM functions. A resource or
//! branch with a condition is there: the template is read at its widest.

mod eval;
mod names;
mod serverless;

use std::sync::Arc;

use self::eval::{Eval, text_of};
use super::part::{Item, Part};
use super::{
    Attached, Change, Declared, Holder, HolderKind, Inline, Managed, Member, Profile, Resource,
    composed,
};
use crate::evidence::tree::{Node, documents};
use crate::model::{Place, Str};
use crate::platform::Intake;
use crate::platform::aws::documents::organization::OrgKind;
use crate::platform::aws::documents::pool::PolicyDocument;
use crate::platform::aws::documents::{Evidence, Source};

/// Reads a file of templates.
pub(crate) fn read(evidence: &mut Evidence, source: &Source<'_>, intake: &mut Intake) {
    let Ok(text) = std::str::from_utf8(source.bytes) else {
        intake.reject(source.whole(), "the template is not UTF-8");
        return;
    };
    let found = documents(text);
    if found.is_empty() {
        intake.reject(source.whole(), "an empty template");
    }
    for document in found {
        match document {
            Ok(node) if node.get("Resources").is_some_and(|all| !all.map().is_empty()) => {
                let node = Arc::new(node);
                let change = change(evidence, &node, (source.file, source.path), None, intake);
                change.tell(intake);
                evidence.changes.list.push(change);
            }
            Ok(node) => {
                intake.reject(node.place(source.file), "a template without Resources");
            }
            Err(error) => intake.reject(error.place(source.file), error.reason),
        }
    }
}

/// What a template changes in an account, which may not be known.
pub(crate) fn change(
    evidence: &mut Evidence,
    node: &Arc<Node>,
    (file, path): (u32, &str),
    account: Option<&str>,
    intake: &mut Intake,
) -> Change {
    let stem = stem(path);
    let eval = Eval::new(node, file, stem, account);
    let change = Change {
        file,
        scopes: vec![account.map(Str::from)],
        template: Some(node.clone()),
        ..Change::default()
    };
    let mut reader = Reader { evidence, eval, change, is_sure: true };
    for (key, resource) in node.get("Resources").map(Node::map).unwrap_or_default() {
        let Some(logical) = key.scalar() else { continue };
        *reader.eval.current.borrow_mut() = logical.to_string();
        reader.is_sure = resource.get("Condition").is_none();
        reader.resource(logical, resource, intake);
    }
    let Reader { eval, mut change, .. } = reader;
    let defaults: Vec<String> = eval.defaults.into_inner().into_iter().take(20).collect();
    if !defaults.is_empty() {
        intake.note(format!("parameters are taken at their defaults: {}", defaults.join(", ")));
    }
    if node.get("Transform").is_some() {
        intake
            .note("what the template's transform adds is not read, except roles of SAM functions");
    }
    for (logical, what, place) in eval.open.into_inner() {
        change.open(&logical, &what, place);
    }
    change
}

fn stem(path: &str) -> &str {
    let mut name = crate::platform::aws::documents::stem(path);
    for extension in [".yaml", ".yml", ".template"] {
        name = name.strip_suffix(extension).unwrap_or(name);
    }
    name
}

struct Reader<'r, 't> {
    evidence: &'r mut Evidence,
    eval: Eval<'t>,
    change: Change,
    /// Whether the resource that is read is there whatever the parameters are.
    is_sure: bool,
}

impl Reader<'_, '_> {
    fn resource(&mut self, logical: &str, node: &Node, intake: &mut Intake) {
        let place = node.place(self.eval.file);
        if logical.starts_with("Fn::") {
            intake
                .reject(place, format!("`{logical}` is not expanded: what it makes is not known"));
            return;
        }
        let Some(kind) = node.text_of("Type") else {
            intake.reject(place, format!("resource {logical} has no Type"));
            return;
        };
        let empty = Node { value: crate::evidence::tree::Value::Map(Vec::new()), ..node.clone() };
        let properties = node.get("Properties").unwrap_or(&empty);
        match kind {
            "AWS::IAM::Role" => self.entity(logical, properties, HolderKind::Role, intake),
            "AWS::IAM::User" => self.entity(logical, properties, HolderKind::User, intake),
            "AWS::IAM::Group" => self.entity(logical, properties, HolderKind::Group, intake),
            "AWS::IAM::ManagedPolicy" => self.managed(logical, properties, intake),
            "AWS::IAM::Policy"
            | "AWS::IAM::RolePolicy"
            | "AWS::IAM::UserPolicy"
            | "AWS::IAM::GroupPolicy" => self.policy(logical, properties, intake),
            "AWS::IAM::UserToGroupAddition" => self.addition(properties, intake),
            "AWS::IAM::InstanceProfile" => self.profile(logical, properties, intake),
            "AWS::Serverless::Function" => self.serverless(logical, properties, intake),
            "AWS::Lambda::Permission" => self.permission(logical, properties, intake),
            "AWS::Organizations::Policy" => self.guardrail(logical, properties, intake),
            "AWS::CloudFormation::Stack" | "AWS::Serverless::Application" => {
                intake.skipped(1);
                intake.note(format!("{logical} is a stack of its own: give its template too"));
            }
            _ => self.resource_policy(logical, kind, properties, intake),
        }
    }

    fn holder(&self, kind: HolderKind, name: &str) -> Holder {
        Holder { kind, name: name.into(), scope: 0 }
    }

    /// A document. `is_naming`: other resources are named as this program calls them.
    fn document(
        &mut self,
        node: &Node,
        is_sure: bool,
        is_naming: bool,
        name: &str,
        intake: &mut Intake,
    ) -> PolicyDocument {
        let part = if is_naming { self.eval.naming(node) } else { self.eval.value(node) };
        self.composed(&part, is_sure, name, node.place(self.eval.file), intake)
    }

    fn composed(
        &mut self,
        part: &Part,
        is_sure: bool,
        name: &str,
        place: Place,
        intake: &mut Intake,
    ) -> PolicyDocument {
        let is_sure = is_sure && self.is_sure;
        composed(self.evidence, name, part, is_sure, place, intake).0
    }

    fn inline(&mut self, holder: &Holder, name: &str, document: PolicyDocument, place: Place) {
        let address: Str = self.eval.current.borrow().as_str().into();
        self.change.inline.push(Inline {
            holder: holder.clone(),
            name: name.into(),
            document: Some(document),
            address,
            place,
        });
    }

    fn attach(&mut self, holder: &Holder, policy: Str, place: Place) {
        let holder = holder.clone();
        self.change.attached.push(Attached { holder, policy, is_gone: false, place });
    }

    /// The names in a list of references to roles, users or groups.
    fn named(&self, node: Option<&Node>) -> Vec<String> {
        let part = node.map(|node| self.eval.naming(node));
        let items = part.as_ref().map(Part::items).unwrap_or_default();
        items.into_iter().map(|(item, _)| text_of(item).0).collect()
    }

    fn entity(&mut self, logical: &str, node: &Node, kind: HolderKind, intake: &mut Intake) {
        let place = node.place(self.eval.file);
        let property = match kind {
            HolderKind::Role => "RoleName",
            HolderKind::User => "UserName",
            HolderKind::Group => "GroupName",
        };
        let stated = node.get(property).map(|name| text_of(&self.eval.value(name)));
        let stated = stated.filter(|(name, is_open)| !name.is_empty() && !is_open);
        let is_named = stated.is_some();
        let name = match stated {
            Some((name, _)) => name,
            None => {
                self.change.open(logical, "its name", place);
                names::stand_in(&self.eval, logical)
            }
        };
        let holder = self.holder(kind, &name);
        let trust = node.get("AssumeRolePolicyDocument").map(|node| {
            self.document(node, true, true, &format!("trust policy of {name}"), intake)
        });
        let boundary = node.get("PermissionsBoundary").map(|node| self.eval.naming(node));
        let boundary =
            boundary.filter(|part| part.item != Item::Null).map(|part| match &part.item {
                Item::Text { text, .. } => Str::from(text.as_str()),
                _ => format!("the permissions boundary of {logical}").into(),
            });
        self.change.entities.push(Declared {
            holder: holder.clone(),
            path: names::path(&self.eval, logical, 0).map(Str::from),
            tags: self.tags(node),
            boundary,
            trust,
            is_whole: true,
            is_named,
            is_gone: false,
            place,
        });
        intake.used(1);
        self.own(&holder, node, intake);
        if kind == HolderKind::User {
            for group in self.named(node.get("Groups")) {
                let group = group.as_str().into();
                let user = holder.clone();
                self.change.members.push(Member { user, group, is_gone: false, place });
            }
        }
    }

    /// The policies that an entity states itself.
    fn own(&mut self, holder: &Holder, node: &Node, intake: &mut Intake) {
        let arns = node.get("ManagedPolicyArns").map(|node| self.eval.naming(node));
        for (item, _) in arns.as_ref().map(Part::items).unwrap_or_default() {
            let place = item.place.unwrap_or(node.place(self.eval.file));
            let policy = match &item.item {
                Item::Text { text, .. } => Str::from(text.as_str()),
                _ => "a managed policy that is known only when the stack is deployed".into(),
            };
            self.attach(holder, policy, place);
        }
        let policies = node.get("Policies").map(|node| self.eval.value(node));
        for (item, is_sure) in policies.as_ref().map(Part::items).unwrap_or_default() {
            let place = item.place.unwrap_or(node.place(self.eval.file));
            let name = item.get("PolicyName").map(|part| text_of(part).0).unwrap_or_default();
            let document = match item.get("PolicyDocument") {
                Some(part) => {
                    let name = format!("policy {name} of {}", holder.name);
                    self.composed(part, is_sure, &name, place, intake)
                }
                None => {
                    PolicyDocument::Broken("it is known only when the stack is deployed".into())
                }
            };
            self.inline(holder, &name, document, place);
        }
    }

    fn tags(&self, node: &Node) -> Vec<(Str, Str)> {
        let part = node.get("Tags").map(|node| self.eval.value(node));
        let items = part.as_ref().map(Part::items).unwrap_or_default();
        let one = |(item, _): (&Part, bool)| {
            let text = |name: &str| item.get(name).and_then(Part::exact).map(Str::from);
            Some((text("Key")?, text("Value")?))
        };
        items.into_iter().filter_map(one).collect()
    }

    /// Everybody that `Roles`, `Users` and `Groups` name, and `RoleName` and its like.
    fn everybody(&self, node: &Node) -> Vec<Holder> {
        let lists = [
            ("Roles", HolderKind::Role),
            ("RoleName", HolderKind::Role),
            ("Users", HolderKind::User),
            ("UserName", HolderKind::User),
            ("Groups", HolderKind::Group),
            ("GroupName", HolderKind::Group),
        ];
        let names = lists.iter().flat_map(|(property, kind)| {
            let names = self.named(node.get(property)).into_iter();
            names.map(|name| self.holder(*kind, &name))
        });
        names.collect()
    }

    fn policy(&mut self, logical: &str, node: &Node, intake: &mut Intake) {
        let place = node.place(self.eval.file);
        let name = node.get("PolicyName").map(|name| text_of(&self.eval.value(name)).0);
        let name = name.unwrap_or_else(|| logical.to_string());
        let document = match node.get("PolicyDocument") {
            Some(document) => {
                self.document(document, true, false, &format!("policy {name}"), intake)
            }
            None => {
                intake.reject(place, format!("policy {logical} has no PolicyDocument"));
                return;
            }
        };
        intake.used(1);
        for holder in self.everybody(node) {
            self.inline(&holder, &name, document.clone(), place);
        }
    }

    fn managed(&mut self, logical: &str, node: &Node, intake: &mut Intake) {
        let place = node.place(self.eval.file);
        let before = self.eval.is_naming.replace(true);
        let arn = names::arn(&self.eval, logical, 0);
        self.eval.is_naming.set(before);
        let (Some((arn, _)), Some(document)) = (arn, node.get("PolicyDocument")) else {
            intake.reject(place, format!("managed policy {logical} has no PolicyDocument"));
            return;
        };
        let document = self.document(document, true, false, &format!("policy {logical}"), intake);
        intake.used(1);
        self.change.policies.push(Managed {
            arn: arn.as_str().into(),
            scope: 0,
            documents: vec![document],
            address: logical.into(),
            is_gone: false,
            place,
        });
        for holder in self.everybody(node) {
            self.attach(&holder, arn.as_str().into(), place);
        }
    }

    fn addition(&mut self, node: &Node, intake: &mut Intake) {
        let place = node.place(self.eval.file);
        for group in self.named(node.get("GroupName")) {
            for user in self.named(node.get("Users")) {
                let user = self.holder(HolderKind::User, &user);
                let group = group.as_str().into();
                self.change.members.push(Member { user, group, is_gone: false, place });
            }
        }
        intake.used(1);
    }

    fn profile(&mut self, logical: &str, node: &Node, intake: &mut Intake) {
        let before = self.eval.is_naming.replace(true);
        let arn = names::arn(&self.eval, logical, 0).map(|(arn, _)| arn).unwrap_or_default();
        self.eval.is_naming.set(before);
        for role in self.named(node.get("Roles")) {
            let role = self.holder(HolderKind::Role, &role);
            let place = node.place(self.eval.file);
            self.change.profiles.push(Profile { arn: arn.as_str().into(), role, place });
        }
        intake.used(1);
    }

    fn guardrail(&mut self, logical: &str, node: &Node, intake: &mut Intake) {
        let kind = match node.text_of("Type") {
            Some("SERVICE_CONTROL_POLICY") => OrgKind::Scp,
            Some("RESOURCE_CONTROL_POLICY") => OrgKind::Rcp,
            _ => return,
        };
        let Some(content) = node.get("Content") else { return };
        let document = self.document(content, true, false, &format!("policy {logical}"), intake);
        let name = node.get("Name").map(|name| text_of(&self.eval.value(name)).0);
        let name = name.unwrap_or_else(|| logical.to_string());
        self.change.guardrails.push((logical.into(), name.into(), kind, document));
        for target in self.named(node.get("TargetIds")) {
            self.change.targets.push((logical.into(), target.into(), false));
        }
        intake.used(1);
    }

    /// A permission of a function (Lambda API Reference, AddPermission).
    fn permission(&mut self, logical: &str, node: &Node, intake: &mut Intake) {
        let place = node.place(self.eval.file);
        let value = |name: &str| node.get(name).map(|node| self.eval.value(node));
        let map = |members: Vec<(&str, Part)>| {
            let members = members.into_iter().map(|(key, part)| (key.to_string(), part)).collect();
            Part::new(Item::Map(members), Some(place))
        };
        let function = value("FunctionName").map(|part| text_of(&part)).unwrap_or_default();
        let arn = self.resource_arn(logical, function, "arn:aws:lambda:*:{account}:function:{}");
        let principal = value("Principal").unwrap_or_else(|| Part::text("*", Some(place)));
        let principal = match principal.exact() {
            Some("*") => principal,
            Some(text) if text.contains(".amazonaws.com") => map(vec![("Service", principal)]),
            _ => map(vec![("AWS", principal)]),
        };
        let mut tests = Vec::new();
        if let Some(part) = value("SourceArn") {
            tests.push(("ArnLike", map(vec![("AWS:SourceArn", part)])));
        }
        let keys =
            [("SourceAccount", "AWS:SourceAccount"), ("PrincipalOrgID", "aws:PrincipalOrgID")];
        let equal: Vec<(&str, Part)> =
            keys.iter().filter_map(|(name, key)| Some((*key, value(name)?))).collect();
        if !equal.is_empty() {
            tests.push(("StringEquals", map(equal)));
        }
        let action = value("Action").unwrap_or_else(|| Part::new(Item::Unknown, Some(place)));
        let mut members = vec![
            ("Effect", Part::text("Allow", Some(place))),
            ("Action", action),
            ("Resource", Part::text(&arn, Some(place))),
            ("Principal", principal),
        ];
        if !tests.is_empty() {
            members.push(("Condition", map(tests)));
        }
        let statement = map(members);
        let part =
            map(vec![("Version", Part::text("2012-10-17", Some(place))), ("Statement", statement)]);
        let document = self.composed(&part, true, &format!("policy of {arn}"), place, intake);
        intake.used(1);
        self.push_resource(arn, document);
    }

    fn push_resource(&mut self, arn: String, document: PolicyDocument) {
        let document = Some(document);
        self.change.resources.push(Resource { arn: arn.into(), scope: 0, document });
    }

    /// The ARN of a resource by its name or ARN; one that is not wholly known is called by its logical id, so that
    /// a policy of one resource is not taken for another's.
    fn resource_arn(
        &self,
        logical: &str,
        (name, is_open): (String, bool),
        template: &str,
    ) -> String {
        if name.starts_with("arn:") && !(is_open && name.ends_with('*')) {
            return name;
        }
        let name = if is_open || name.is_empty() { logical } else { &name };
        let name = name.rsplit('/').next().filter(|_| name.contains("://")).unwrap_or(name);
        template.replace("{account}", self.eval.account.unwrap_or("*")).replace("{}", name)
    }

    /// Policies of resources: in the resource, or in one that attaches it.
    fn resource_policy(&mut self, logical: &str, kind: &str, node: &Node, intake: &mut Intake) {
        let (property, named, template) = match kind {
            "AWS::S3::BucketPolicy" => ("PolicyDocument", "Bucket", "arn:aws:s3:::{}"),
            "AWS::SQS::QueuePolicy" => ("PolicyDocument", "Queues", "arn:aws:sqs:*:{account}:{}"),
            "AWS::SNS::TopicPolicy" => ("PolicyDocument", "Topics", "arn:aws:sns:*:{account}:{}"),
            "AWS::KMS::Key" => ("KeyPolicy", "", "arn:aws:kms:*:{account}:key/{}"),
            "AWS::SecretsManager::ResourcePolicy" => (
                "ResourcePolicy",
                "SecretId",
                "arn:aws:secretsmanager:*:{account}:secret:{}-??????",
            ),
            "AWS::ECR::Repository" => {
                ("RepositoryPolicyText", "RepositoryName", "arn:aws:ecr:*:{account}:repository/{}")
            }
            "AWS::DynamoDB::Table" => {
                ("ResourcePolicy", "TableName", "arn:aws:dynamodb:*:{account}:table/{}")
            }
            "AWS::Events::EventBusPolicy" => {
                ("Statement", "EventBusName", "arn:aws:events:*:{account}:event-bus/{}")
            }
            _ => {
                intake.skipped(1);
                return;
            }
        };
        let Some(document) = node.get(property) else {
            intake.skipped(1);
            return;
        };
        // A table's policy lies one level deeper.
        let document = document.get("PolicyDocument").unwrap_or(document);
        let place = node.place(self.eval.file);
        let mut part = with_principals(self.eval.value(document), self.eval.naming(document));
        if property == "Statement" {
            let members = vec![
                ("Version".to_string(), Part::text("2012-10-17", Some(place))),
                ("Statement".to_string(), part),
            ];
            part = Part::new(Item::Map(members), Some(place));
        }
        let document = self.composed(&part, true, &format!("policy of {logical}"), place, intake);
        intake.used(1);
        let names = node.get(named).map(|node| self.eval.value(node));
        let items = names.as_ref().map(Part::items).unwrap_or_default();
        let mut arns: Vec<String> = items
            .into_iter()
            .map(|(item, _)| self.resource_arn(logical, text_of(item), template))
            .collect();
        if arns.is_empty() {
            arns.push(self.resource_arn(logical, (String::new(), true), template));
        }
        arns.dedup();
        for arn in arns {
            self.push_resource(arn, document.clone());
        }
    }
}

/// A document whose principals are as another reading of it has them: identities of the template are named there
/// as this program calls them.
fn with_principals(part: Part, named: Part) -> Part {
    let item = match (part.item, named.item) {
        (Item::Map(members), Item::Map(named)) if members.len() == named.len() => {
            let pair = |((key, one), (_, other)): ((String, Part), (String, Part))| {
                let is_named = matches!(key.as_str(), "Principal" | "NotPrincipal");
                let value = if is_named { other } else { with_principals(one, other) };
                (key, value)
            };
            Item::Map(members.into_iter().zip(named).map(pair).collect())
        }
        (Item::List(items), Item::List(named)) if items.len() == named.len() => {
            let pair = |(one, other)| with_principals(one, other);
            Item::List(items.into_iter().zip(named).map(pair).collect())
        }
        (item, _) => item,
    };
    Part { item, place: part.place }
}
