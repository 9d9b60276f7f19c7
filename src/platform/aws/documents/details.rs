//! Authorization details as they are written: the parts of a file, and the members of its records.
//!
//! IAM API Reference, GetAccountAuthorizationDetails (UserDetail, RoleDetail, GroupDetail,
//! ManagedPolicyDetail). Users, roles and groups share one type, because their members differ in prefixes only.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::wire::Moment;
use super::{Source, flatten};
use crate::platform::aws::arn::is_account;
use crate::platform::aws::scan::{Members, Value, blank};

/// A user, role or group.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Detail<'a> {
    #[serde(alias = "RoleName", alias = "GroupName")]
    pub(super) user_name: Option<String>,
    #[serde(alias = "RoleId", alias = "GroupId")]
    pub(super) user_id: Option<String>,
    pub(super) arn: Option<String>,
    #[serde(default)]
    pub(super) create_date: Moment,
    #[serde(borrow, alias = "RolePolicyList", alias = "GroupPolicyList")]
    pub(super) user_policy_list: Option<Vec<&'a RawValue>>,
    pub(super) group_list: Option<Vec<String>>,
    pub(super) attached_managed_policies: Option<Vec<Attached>>,
    pub(super) permissions_boundary: Option<Boundary>,
    pub(super) tags: Option<Vec<Tag>>,
    #[serde(borrow)]
    pub(super) assume_role_policy_document: Option<&'a RawValue>,
    pub(super) instance_profile_list: Option<Vec<Profile>>,
    pub(super) role_last_used: Option<LastUsed>,
}

/// An attached managed policy.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Attached {
    pub(super) policy_arn: Option<String>,
    pub(super) policy_name: Option<String>,
}

/// A permissions boundary.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Boundary {
    pub(super) permissions_boundary_arn: Option<String>,
}

/// A tag.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Tag {
    pub(super) key: Option<String>,
    pub(super) value: Option<String>,
}

/// An instance profile.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Profile {
    pub(super) arn: Option<String>,
}

/// `RoleLastUsed`; without a date when the role was never used.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct LastUsed {
    #[serde(default)]
    pub(super) last_used_date: Moment,
}

/// An inline policy.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct InlineText<'a> {
    pub(super) policy_name: Option<String>,
    #[serde(borrow)]
    pub(super) policy_document: Option<&'a RawValue>,
}

/// A managed policy.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ManagedText<'a> {
    pub(super) arn: Option<String>,
    pub(super) policy_name: Option<String>,
    pub(super) default_version_id: Option<String>,
    #[serde(default)]
    pub(super) update_date: Moment,
    #[serde(borrow)]
    pub(super) policy_version_list: Option<Vec<Version<'a>>>,
}

/// A version of a managed policy.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Version<'a> {
    #[serde(borrow)]
    pub(super) document: Option<&'a RawValue>,
    pub(super) version_id: Option<String>,
    #[serde(default)]
    pub(super) is_default_version: Option<bool>,
    #[serde(default)]
    pub(super) create_date: Moment,
}

/// The lists of a file, as parts of its text.
#[derive(Default)]
pub(super) struct Lists<'a> {
    pub(super) users: Vec<Value<'a>>,
    pub(super) roles: Vec<Value<'a>>,
    pub(super) groups: Vec<Value<'a>>,
    pub(super) policies: Vec<Value<'a>>,
    pub(super) has_policies: bool,
    pub(super) is_truncated: bool,
    /// Whether there is no page at all.
    pub(super) is_absent: bool,
    /// Where the text ends early.
    pub(super) cut: Option<usize>,
}

/// Cuts a file into its lists. A page at the top is walked through once, without looking for its end first:
/// exports have some hundred megabytes.
pub(super) fn cut<'a>(source: &Source<'a>) -> Lists<'a> {
    let mut lists = Lists { is_absent: true, ..Lists::default() };
    let mut next = 0;
    loop {
        let at = blank(source.bytes, next);
        let mut members = Value::open(source.bytes, at).members();
        let is_page = members.clone().next().is_some_and(|(name, _)| !is_account(&name));
        if is_page {
            page(&mut lists, &mut members);
            match members.closed() {
                Some(end) => next = end,
                None => {
                    lists.cut = lists.cut.or(Some(source.bytes.len()));
                    return lists;
                }
            }
            continue;
        }
        // An array of pages, or a map from account numbers.
        let Some(value) = Value::after(source.bytes, at) else {
            return lists;
        };
        next = value.end();
        let mut pages = Vec::new();
        flatten(value, 0, &mut pages);
        for value in pages {
            page(&mut lists, &mut value.members());
            if !value.is_whole {
                lists.cut = lists.cut.or(Some(value.end()));
            }
        }
    }
}

fn page<'a>(lists: &mut Lists<'a>, members: &mut Members<'a>) {
    lists.is_absent = false;
    // Of several pages the last one says whether more follows.
    lists.is_truncated = false;
    for (name, value) in members {
        let list = match name.as_ref() {
            "UserDetailList" => &mut lists.users,
            "RoleDetailList" => &mut lists.roles,
            "GroupDetailList" => &mut lists.groups,
            "Policies" => {
                lists.has_policies = true;
                &mut lists.policies
            }
            "IsTruncated" => {
                lists.is_truncated = value.text == b"true";
                continue;
            }
            _ => continue,
        };
        for element in value.elements() {
            if element.is_whole {
                list.push(element);
            } else {
                lists.cut = Some(element.at);
            }
        }
    }
}
