//! `iam get-role`: trust policy and last use of one role, without its permissions.
//!
//! IAM API Reference, GetRole. Authorization details, which state permissions too, win where both describe a
//! role.

use hashbrown::HashMap;

use super::authorization::frame;
use super::details::Detail;
use super::entities::{Entity, LastUse};
use super::wire::typed;
use super::{Evidence, Source};
use crate::model::Str;
use crate::platform::Intake;
use crate::platform::aws::scan::Value;

/// Reads the answer of `get-role`: trust policy and last use of one role, without its permissions.
pub(super) fn read(
    evidence: &mut Evidence,
    source: &Source<'_>,
    page: &Value<'_>,
    intake: &mut Intake,
) {
    let Some(role) = page.get("Role") else {
        intake.reject(source.place(page.at), "no member `Role`");
        return;
    };
    let Some(detail) = typed::<Detail<'_>>(source, &role, "a role", intake) else {
        return;
    };
    let Some(mut entity) = frame(source, &role, &detail, false, intake) else {
        return;
    };
    if let Some(raw) = detail.assume_role_policy_document {
        let name = format!("trust policy of {}", entity.name);
        entity.trust = Some(evidence.pool.parse_one(source, &name, raw, intake));
    }
    intake.used(1);
    evidence.roles.push(entity);
}

/// Joins the roles of `get-role` with those of authorization details, which win; returns the roles that only
/// `get-role` names.
pub(crate) fn join_roles(evidence: &mut Evidence) -> Vec<Entity> {
    let mut alone: Vec<Entity> = Vec::new();
    let mut seen: HashMap<Str, usize> = HashMap::new();
    for role in std::mem::take(&mut evidence.roles) {
        let at = Some(role.place);
        let arn = evidence.by_arn.get(&role.arn).map(|_| role.arn.clone());
        let arn = arn.or_else(|| evidence.by_name.get(&role.key()).cloned());
        let known = arn
            .and_then(|arn| evidence.by_arn.get(&arn).copied())
            .and_then(|position| evidence.entities.get_mut(position));
        let Some(known) = known else {
            if seen.insert(role.arn.clone(), alone.len()).is_none() {
                alone.push(role);
            }
            continue;
        };
        if known.arn != role.arn {
            let text = format!(
                "get-role calls it {}, the authorization details {}: the latter is used",
                role.arn, known.arn
            );
            evidence.notes.push((at, text));
        }
        let differs = match (&known.trust, &role.trust) {
            (Some(left), Some(right)) => !left.is_same(right),
            _ => false,
        };
        if differs {
            let text = format!(
                "get-role and the authorization details state different trust policies of {}: the latter is used",
                known.arn
            );
            evidence.notes.push((at, text));
        }
        if let LastUse::At(time) = role.last_use {
            let later = match known.last_use {
                LastUse::At(other) => time.max(other),
                LastUse::Unstated | LastUse::Never => time,
            };
            known.last_use = LastUse::At(later);
        }
    }
    alone
}
