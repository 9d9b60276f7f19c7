//! `expired-relationship`: the end date has passed and grants are left.

use super::shared::{changes, grant_proofs, intent_proof, plural, use_proof};
use super::{Draft, Kind, Proof, Severity, Sink};
use crate::gap::{Analysis, IdentityGap};
use crate::model::{Label, Str};

pub(super) static KIND: Kind = Kind {
    id: "expired-relationship",
    summary: "The relationship has ended and the identity still holds permissions",
    since: "0.1.0",
    page: include_str!("../../docs/findings/expired-relationship.md"),
    find,
    find_all: None,
};

fn find(analysis: &Analysis<'_>, gap: &IdentityGap, sink: &mut Sink<'_>) {
    let identity = analysis.identity(gap);
    let (Some(as_of), Some(expires)) = (analysis.input.as_of, identity.expires) else {
        return;
    };
    if as_of <= expires || gap.grants.actions.is_empty() || identity.is(Label::Disabled) {
        return;
    }
    let writes: Vec<Str> = gap
        .grants
        .actions
        .iter()
        .filter(|id| changes(analysis, *id))
        .map(|id| analysis.action(id).clone())
        .collect();
    let credential =
        analysis.credentials_of(&identity.id).iter().find(|one| one.active == Some(true));
    let rows: Vec<u32> = (0..gap.grants.rows.len() as u32).collect();
    let end = analysis.intent(gap).and_then(|intent| intent.expires.as_ref());
    let mut evidence: Vec<Proof> = end
        .map(|end| intent_proof(analysis, end.spot, &format!("ended {}", expires.date())))
        .into_iter()
        .collect();
    evidence.extend(grant_proofs(gap, &rows, 2));
    evidence.extend(
        super::shared::allowed(analysis, gap).filter(|row| row.last > Some(expires)).map(use_proof),
    );
    let subject: Str =
        credential.map_or_else(|| "identity".into(), |credential| credential.id.clone());
    let remedy = match credential {
        Some(one) => format!("deactivate {}, then remove the grants", one.id),
        None => "remove the grants, or move the end date".to_string(),
    };
    let title = if writes.is_empty() {
        format!("{} granted after the end", plural(gap.counts.granted, "action"))
    } else {
        format!(
            "{} of {} granted after the end",
            plural(writes.len() as u64, "changing action"),
            gap.counts.granted
        )
    };
    sink.push(
        analysis,
        gap,
        if writes.is_empty() { Severity::Medium } else { Severity::High },
        Draft {
            subject: subject.into(),
            title,
            actions: writes,
            date: Some(expires),
            evidence,
            remedy,
            ..Draft::default()
        },
    );
}
