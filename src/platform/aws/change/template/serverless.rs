//! Roles of functions of the Serverless Application Model.
//!
//! AWS SAM Developer Guide, AWS::Serverless::Function: without `Role` the transform makes a role `LOGICALIDRole`,
//! attaches AWSLambdaBasicExecutionRole, and takes `Policies`: names or ARNs of managed policies, documents, and
//! policy templates. What a policy template grants is not in the template: a hole says so.

use super::eval::{Eval, text_of};
use super::{Reader, names};
use crate::evidence::tree::Node;
use crate::platform::Intake;
use crate::platform::aws::change::part::{Item, Part};
use crate::platform::aws::change::{Declared, HolderKind};
use crate::platform::aws::documents::pool::PolicyDocument;
use crate::platform::aws::managed;

/// Of the logical id of a role that a function makes: the function's.
pub(super) fn role_of<'l>(eval: &Eval<'_>, logical: &'l str) -> Option<&'l str> {
    let function = logical.strip_suffix("Role")?;
    if eval.resource(logical).is_some() {
        return None;
    }
    let (kind, node) = eval.resource(function)?;
    let has_role = node.at(&["Properties", "Role"]).is_some();
    (kind == "AWS::Serverless::Function" && !has_role).then_some(function)
}

/// The ARN of such a role.
pub(super) fn role_arn(eval: &Eval<'_>, logical: &str) -> Option<(String, bool)> {
    let account = eval.account.unwrap_or(if eval.is_naming.get() { "unknown" } else { "*" });
    match eval.is_naming.get() {
        true => {
            let name = names::stand_in(eval, logical);
            Some((format!("arn:aws:iam::{account}:role/{name}"), false))
        }
        false => Some((format!("arn:aws:iam::{account}:role/*"), true)),
    }
}

impl Reader<'_, '_> {
    /// Reads the role that a function makes.
    pub(super) fn serverless(&mut self, logical: &str, properties: &Node, intake: &mut Intake) {
        let global = self.eval.root.at(&["Globals", "Function"]);
        let own = |name: &str| {
            properties.get(name).or_else(|| global.and_then(|global| global.get(name)))
        };
        if own("Role").is_some() {
            return;
        }
        let place = properties.place(self.eval.file);
        let role = format!("{logical}Role");
        let holder = self.holder(HolderKind::Role, &names::stand_in(&self.eval, &role));
        let trust = own("AssumeRolePolicyDocument").map(|node| {
            self.document(node, true, true, &format!("trust policy of {role}"), intake)
        });
        let trust = match trust {
            Some(trust) => trust,
            None => self.lambda_trust(place, intake),
        };
        let boundary = own("PermissionsBoundary").map(|node| text_of(&self.eval.naming(node)).0);
        self.change.entities.push(Declared {
            holder: holder.clone(),
            path: None,
            tags: Vec::new(),
            boundary: boundary.map(Into::into),
            trust: Some(trust),
            is_whole: true,
            is_named: false,
            is_gone: false,
            place,
        });
        intake.used(1);
        let basic = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole";
        self.attach(&holder, basic.into(), place);
        let policies = own("Policies").map(|node| self.eval.naming(node));
        let items = policies.as_ref().map(Part::items).unwrap_or_default();
        for (number, (item, is_sure)) in items.into_iter().enumerate() {
            let place = item.place.unwrap_or(place);
            match &item.item {
                Item::Text { text, is_open: false } => {
                    let arn = managed::arn_of(text).unwrap_or(text);
                    self.attach(&holder, arn.into(), place);
                }
                Item::Map(_) if item.get("Statement").is_some() => {
                    let name = format!("{role}Policy{number}");
                    let document = self.composed(item, is_sure, &name, place, intake);
                    self.inline(&holder, &name, document, place);
                }
                Item::Map(members) => {
                    let name = members.first().map_or("a policy template", |(name, _)| name);
                    self.change.open(logical, &format!("policy template {name}"), place);
                    let reason = "what a policy template of SAM grants is not in the template";
                    self.inline(&holder, name, PolicyDocument::Broken(reason.into()), place);
                }
                _ => {
                    let reason = "it is known only when the stack is deployed";
                    self.inline(&holder, "a policy", PolicyDocument::Broken(reason.into()), place);
                }
            }
        }
    }

    fn lambda_trust(&mut self, place: crate::model::Place, intake: &mut Intake) -> PolicyDocument {
        let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
        self.composed(&Part::text(trust, Some(place)), true, "trust policy", place, intake)
    }
}
