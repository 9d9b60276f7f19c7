//! The kinds of AWS files. What tells them apart is in [`super::detect`].

use crate::platform::{Role, kinds};

kinds! {
    /// `iam get-account-authorization-details`.
    AUTHORIZATION_DETAILS = ("aws-authorization-details", "IAM users, groups, roles and policies", Role::Document);
    /// `iam get-credential-report`.
    CREDENTIAL_REPORT = ("aws-credential-report", "IAM credential report", Role::Document);
    /// `iam get-service-last-accessed-details`.
    LAST_ACCESSED = ("aws-last-accessed", "IAM last-accessed report of one identity", Role::Document);
    /// `iam generate-service-last-accessed-details`.
    LAST_ACCESSED_JOB = ("aws-last-accessed-job", "job id of a last-accessed report", Role::Document);
    /// `iam list-access-keys`.
    ACCESS_KEYS = ("aws-access-keys", "access keys of a user", Role::Document);
    /// `iam get-access-key-last-used`.
    ACCESS_KEY_LAST_USED = ("aws-access-key-last-used", "last use of an access key", Role::Document);
    /// `iam get-role`.
    ROLE = ("aws-role", "one IAM role", Role::Document);
    /// `organizations describe-policy`.
    ORGANIZATION_POLICY = ("aws-organization-policy", "an organisation policy", Role::Document);
    /// `organizations list-targets-for-policy`, `list-policies-for-target`, `list-policies`.
    ORGANIZATION_TARGETS = ("aws-organization-targets", "where organisation policies are attached", Role::Document);
    /// `organizations describe-organization`, `list-roots`, `list-organizational-units-for-parent`, …
    ORGANIZATION_TREE = ("aws-organization-tree", "accounts and units of an organisation", Role::Document);
    /// `cloudtrail describe-trails`.
    TRAILS = ("aws-trails", "CloudTrail trails", Role::Document);
    /// `cloudtrail get-event-selectors`.
    EVENT_SELECTORS = ("aws-event-selectors", "what a trail records", Role::Document);
    /// `cloudtrail get-trail-status`.
    TRAIL_STATUS = ("aws-trail-status", "since when a trail records", Role::Document);
    /// A resource's policy as its service returns it.
    RESOURCE_POLICY = ("aws-resource-policy", "policy of a resource", Role::Document);
    /// One policy document.
    POLICY = ("aws-policy", "a policy document", Role::Document);
    /// `accessanalyzer get-finding-v2`, `list-findings-v2`, `list-analyzers`.
    UNUSED_ACCESS = ("aws-unused-access", "Access Analyzer findings", Role::Document);
    /// What the evidence script says about its run.
    COLLECTION = ("aws-collection", "what the evidence script collected", Role::Document);
    /// CloudTrail events in any layout.
    CLOUDTRAIL = ("aws-cloudtrail", "CloudTrail events", Role::Events);
    /// CloudTrail events that another product wrapped in its own records.
    CLOUDTRAIL_WRAPPED = ("aws-cloudtrail-wrapped", "CloudTrail events inside another product's records",
        Role::Events);
    /// CloudTrail digest files.
    CLOUDTRAIL_DIGEST = ("aws-cloudtrail-digest", "CloudTrail digest",
        Role::LeftOut("a digest lists log files and holds no events"));
    /// CloudTrail Insights records.
    CLOUDTRAIL_INSIGHT = ("aws-cloudtrail-insight", "CloudTrail Insights records",
        Role::LeftOut("an insight is a statement about calls, not a call"));
    /// `iam get-account-summary`.
    ACCOUNT_SUMMARY = ("aws-account-summary", "counts of IAM entities",
        Role::LeftOut("counts name no identity"));
    /// The calls that the evidence script was refused.
    REFUSED = ("aws-refused", "calls that the evidence script was refused",
        Role::LeftOut("it names what is missing and holds no evidence"));
    /// `terraform show -json`.
    TERRAFORM_PLAN = ("aws-terraform-plan", "Terraform plan", Role::Document);
    /// A CloudFormation template.
    CLOUDFORMATION = ("aws-cloudformation", "CloudFormation template", Role::Document);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_and_carry_the_platform() {
        let mut ids: Vec<&str> = ALL.iter().map(|kind| kind.id).collect();
        assert!(ids.iter().all(|id| id.starts_with("aws-")));
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), ALL.len());
    }
}
