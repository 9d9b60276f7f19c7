"""The identities of the demo account and their policies, in the form that
`aws iam get-account-authorization-details` prints.

The counts in `expected.py` follow from these documents.
"""

from .base import ACCOUNT, GITHUB, GITHUB_HOST, HOME, KEY, SAML, SUBJECT, iso, unique_id

PATHS = {
    "AWSServiceRoleForApplicationAutoScaling_ECSService": (
        "/aws-service-role/ecs.application-autoscaling.amazonaws.com/"
    ),
    "AWSServiceRoleForOrganizations": "/aws-service-role/organizations.amazonaws.com/",
    "AWSReservedSSO_PlatformEngineer_0c7d1e94ab35f268": f"/aws-reserved/sso.amazonaws.com/{HOME}/",
    "AWSReservedSSO_EvidenceReader_9b20d4f7613ae58c": f"/aws-reserved/sso.amazonaws.com/{HOME}/",
}
SCALER, SLR_ORG, ENGINEER, READER = PATHS


def role_arn(name):
    return f"arn:aws:iam::{ACCOUNT}:role{PATHS.get(name, '/')}{name}"


def user_arn(name):
    return f"arn:aws:iam::{ACCOUNT}:user/{name}"


def own_policy(name):
    return f"arn:aws:iam::{ACCOUNT}:policy/{name}"


def allow(sid, actions, resources, condition=None):
    row = {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resources}
    if condition:
        row["Condition"] = condition
    return row


def document(*statements):
    return {"Version": "2012-10-17", "Statement": list(statements)}


def trust(kind, who, action="sts:AssumeRole", condition=None):
    row = {"Effect": "Allow", "Principal": {kind: who}, "Action": action}
    if condition:
        row["Condition"] = condition
    return document(row)


def service_trust(service):
    return trust("Service", f"{service}.amazonaws.com")


def regional(service, resource):
    return f"arn:aws:{service}:{HOME}:{ACCOUNT}:{resource}"


READER_POLICY = document(
    allow(
        "Iam",
        [
            "iam:GetAccountAuthorizationDetails",
            "iam:GenerateCredentialReport",
            "iam:GetCredentialReport",
            "iam:ListUsers",
            "iam:ListRoles",
            "iam:ListAccessKeys",
            "iam:GetAccessKeyLastUsed",
            "iam:GetServiceLastAccessedDetails",
        ],
        "*",
    ),
    allow(
        "LastAccessed",
        "iam:GenerateServiceLastAccessedDetails",
        f"arn:aws:iam::{ACCOUNT}:role/legacy-*",
    ),
    allow(
        "Trails",
        [
            "cloudtrail:DescribeTrails",
            "cloudtrail:GetEventSelectors",
            "cloudtrail:GetTrailStatus",
            "ec2:DescribeRegions",
        ],
        "*",
    ),
)
REPORT_POLICY = document(
    allow(
        "Secrets",
        [
            "secretsmanager:GetSecretValue",
            "secretsmanager:DescribeSecret",
            "secretsmanager:ListSecrets",
        ],
        "*",
    ),
    allow(
        "Queries",
        [
            "athena:StartQueryExecution",
            "athena:GetQueryExecution",
            "athena:GetQueryResults",
            "glue:GetTable",
            "glue:GetPartitions",
            "glue:DeleteTable",
            "kms:Decrypt",
        ],
        [
            regional("athena", "workgroup/reporting"),
            regional("glue", "catalog"),
            regional("glue", "database/sales"),
            regional("glue", "table/sales/*"),
            KEY,
        ],
    ),
)
SHARED_DATA = document(
    allow(
        "Data",
        ["s3:GetObject", "s3:PutObject", "s3:ListBucket"],
        ["arn:aws:s3:::report-output", "arn:aws:s3:::report-output/*"],
    ),
    allow("Cache", "dynamodb:GetItem", regional("dynamodb", "table/report-cache")),
)
LEGACY_ETL = document(
    allow(
        "Objects",
        ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:ListBucket"],
        ["arn:aws:s3:::order-history", "arn:aws:s3:::order-history/*"],
    ),
    allow(
        "Jobs",
        ["glue:GetJob", "glue:GetJobRun", "glue:StartJobRun"],
        regional("glue", "job/order-history-*"),
    ),
    allow(
        "Items",
        ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:BatchWriteItem"],
        regional("dynamodb", "table/orders"),
    ),
    allow("Queue", ["sqs:ReceiveMessage", "sqs:DeleteMessage"], regional("sqs", "order-history")),
    allow("Pass", "iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/etl-*"),
)
BOUNDARY = document(
    allow("Data", ["s3:*", "glue:*", "dynamodb:*", "sqs:*", "kms:Decrypt", "logs:*"], "*")
)
PARTNER = document(
    allow(
        "Upload",
        ["s3:PutObject", "s3:GetObject", "s3:DeleteObject"],
        "arn:aws:s3:::orders-exchange/*",
        {"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}},
    ),
    allow("Notify", "sqs:SendMessage", regional("sqs", "orders-inbound")),
    allow(
        "Cursor",
        ["ssm:PutParameter", "ssm:DeleteParameter"],
        regional("ssm", "parameter/partners/parcelco/*"),
    ),
)
PARTNERS = document(
    allow(
        "Parameters",
        ["ssm:GetParameter", "ssm:GetParametersByPath"],
        regional("ssm", "parameter/partners/*"),
    )
)
DNS = document(
    allow(
        "Records",
        ["route53:ChangeResourceRecordSets", "route53:ListResourceRecordSets"],
        "arn:aws:route53:::hostedzone/Z0412345EXAMPLE",
    ),
    allow("Changes", "route53:GetChange", "arn:aws:route53:::change/*"),
)
ENGINEER_POLICY = document(
    allow(
        "Look",
        [
            "ecs:Describe*",
            "ecs:List*",
            "ec2:Describe*",
            "cloudwatch:Describe*",
            "logs:Describe*",
            "logs:FilterLogEvents",
            "ecr:Describe*",
            "iam:ListRoles",
        ],
        "*",
    ),
    allow("Repair", ["ecs:UpdateService", "ecs:StopTask", "logs:PutRetentionPolicy"], "*"),
)

# AWS managed policies: ARN, version in force, created, updated, document.
MANAGED = [
    (
        "arn:aws:iam::aws:policy/AdministratorAccess",
        "v1",
        "2015-02-06T18:39:46",
        "2015-02-06T18:39:46",
        document({"Effect": "Allow", "Action": "*", "Resource": "*"}),
    ),
    (
        "arn:aws:iam::aws:policy/IAMUserChangePassword",
        "v5",
        "2016-11-15T00:25:16",
        "2026-02-12T17:58:57",
        document(
            {
                "Effect": "Allow",
                "Action": ["iam:ChangePassword"],
                "Resource": [
                    "arn:aws:iam::*:user/${aws:username}",
                    "arn:aws:iam::*:user/*/${aws:username}",
                ],
            },
            {"Effect": "Allow", "Action": ["iam:GetAccountPasswordPolicy"], "Resource": "*"},
        ),
    ),
    (
        "arn:aws:iam::aws:policy/aws-service-role/AWSApplicationAutoscalingECSServicePolicy",
        "v3",
        "2017-10-25T23:53:08",
        "2026-05-20T21:27:13",
        document(
            {
                "Effect": "Allow",
                "Action": [
                    "ecs:DescribeServices",
                    "ecs:DescribeServiceRevisions",
                    "ecs:UpdateService",
                    "cloudwatch:PutMetricAlarm",
                    "cloudwatch:DescribeAlarms",
                    "cloudwatch:GetMetricData",
                    "cloudwatch:DeleteAlarms",
                ],
                "Resource": ["*"],
            }
        ),
    ),
    (
        "arn:aws:iam::aws:policy/aws-service-role/AWSOrganizationsServiceTrustPolicy",
        "v3",
        "2017-10-10T23:04:07",
        "2026-03-05T19:12:09",
        document(
            {
                "Sid": "AllowDeletionOfServiceLinkedRoleForOrganizations",
                "Effect": "Allow",
                "Action": ["iam:DeleteRole"],
                "Resource": ["arn:aws:iam::*:role/aws-service-role/organizations.amazonaws.com/*"],
            },
            {
                "Sid": "AllowCreationOfServiceLinkedRoles",
                "Effect": "Allow",
                "Action": ["iam:CreateServiceLinkedRole"],
                "Resource": "*",
            },
            {
                "Sid": "ListRolesSLR",
                "Effect": "Allow",
                "Action": "iam:ListRoles",
                "Resource": "arn:aws:iam::*:role/aws-service-role/*",
            },
        ),
    ),
    (own_policy("parcelco-sync"), "v2", "2024-05-21T10:02:18", "2025-01-30T13:44:09", PARTNER),
    (own_policy("shared-data"), "v1", "2025-01-14T09:20:31", "2025-01-14T09:20:31", SHARED_DATA),
    (own_policy("legacy-etl"), "v1", "2025-09-23T08:11:52", "2025-09-23T08:11:52", LEGACY_ETL),
    (own_policy("data-boundary"), "v3", "2024-11-04T15:38:27", "2025-06-17T09:05:40", BOUNDARY),
]
ADMIN, CHANGE_PASSWORD, SCALING, ORG_TRUST = [row[0] for row in MANAGED[:4]]

# Roles: name, created, trust, inline policies, attached policies, boundary, tags.
ROLES = [
    (
        ENGINEER,
        "2024-11-06T08:14:03",
        trust(
            "Federated",
            SAML,
            ["sts:AssumeRoleWithSAML", "sts:TagSession"],
            {"StringEquals": {"SAML:aud": "https://signin.aws.amazon.com/saml"}},
        ),
        {"AwsSSOInlinePolicy": ENGINEER_POLICY},
        [],
        None,
        {},
    ),
    (
        READER,
        "2026-07-20T12:30:55",
        trust(
            "Federated",
            SAML,
            ["sts:AssumeRoleWithSAML", "sts:TagSession"],
            {"StringEquals": {"SAML:aud": "https://signin.aws.amazon.com/saml"}},
        ),
        {"AwsSSOInlinePolicy": READER_POLICY},
        [],
        None,
        {},
    ),
    (
        SCALER,
        "2024-11-11T10:40:12",
        service_trust("ecs.application-autoscaling"),
        {},
        [SCALING],
        None,
        {},
    ),
    (SLR_ORG, "2024-10-28T16:21:37", service_trust("organizations"), {}, [ORG_TRUST], None, {}),
    (
        "ci-deploy",
        "2024-11-05T11:02:44",
        trust(
            "Federated",
            GITHUB,
            "sts:AssumeRoleWithWebIdentity",
            {
                "StringEquals": {
                    f"{GITHUB_HOST}:aud": "sts.amazonaws.com",
                    f"{GITHUB_HOST}:sub": SUBJECT,
                }
            },
        ),
        {
            "ci-deploy": document(
                allow("Deploy", ["ecs:*", "ecr:*"], "*"), allow("Pass", "iam:PassRole", "*")
            )
        },
        [],
        None,
        {"team": "platform"},
    ),
    (
        "dns-updater",
        "2025-03-18T14:26:09",
        service_trust("lambda"),
        {"dns-updater": DNS},
        [],
        None,
        {},
    ),
    (
        "legacy-etl",
        "2025-09-23T08:14:20",
        service_trust("glue"),
        {},
        [own_policy("legacy-etl")],
        own_policy("data-boundary"),
        {},
    ),
    ("ops-admin", "2024-10-29T09:55:10", service_trust("codebuild"), {}, [ADMIN], None, {}),
    (
        "report-worker",
        "2025-01-14T09:12:44",
        service_trust("ecs-tasks"),
        {"report-worker": REPORT_POLICY},
        [own_policy("shared-data")],
        None,
        {"team": "data"},
    ),
    (
        "stackscope-monitor",
        "2025-02-12T10:31:48",
        trust(
            "AWS",
            "arn:aws:iam::444455556666:root",
            "sts:AssumeRole",
            {"StringEquals": {"sts:ExternalId": "stackscope-7f3a19c2"}},
        ),
        {},
        [own_policy("stackscope")],
        None,
        {},
    ),
]
USERS = [
    ("anna.berg", "2024-10-28T15:10:31", ["operators"], []),
    ("parcelco-sync", "2024-05-21T10:05:02", ["integrations"], [own_policy("parcelco-sync")]),
]
GROUPS = [
    ("integrations", "2024-05-21T09:58:47", {"partner-parameters": PARTNERS}, []),
    (
        "operators",
        "2024-10-28T15:02:16",
        {
            "look": document(
                allow(
                    "Look",
                    ["cloudwatch:DescribeAlarms", "ecs:DescribeServices", "iam:ListUsers"],
                    "*",
                )
            )
        },
        [CHANGE_PASSWORD],
    ),
]


def attached(arns):
    return [{"PolicyName": arn.rsplit("/", 1)[1], "PolicyArn": arn} for arn in arns]


def inline(policies):
    return [{"PolicyName": name, "PolicyDocument": text} for name, text in policies.items()]


def role_detail(row, last_used):
    name, created, trusted, policies, arns, boundary, tags = row
    detail = {
        "Path": PATHS.get(name, "/"),
        "RoleName": name,
        "RoleId": unique_id("AROA", name),
        "Arn": role_arn(name),
        "CreateDate": created + "+00:00",
        "AssumeRolePolicyDocument": trusted,
        "InstanceProfileList": [],
        "RolePolicyList": inline(policies),
        "AttachedManagedPolicies": attached(arns),
    }
    if boundary:
        detail["PermissionsBoundary"] = {
            "PermissionsBoundaryType": "Policy",
            "PermissionsBoundaryArn": boundary,
        }
    detail["Tags"] = [{"Key": key, "Value": value} for key, value in tags.items()]
    time, region = last_used.get(role_arn(name), (None, None))
    detail["RoleLastUsed"] = {"LastUsedDate": iso(time, "+00:00"), "Region": region} if time else {}
    return detail


def policy_detail(arn, version, created, updated, text):
    holders = [arns for _, _, _, _, arns, _, _ in ROLES] + [row[3] for row in USERS + GROUPS]
    return {
        "PolicyName": arn.rsplit("/", 1)[1],
        "PolicyId": unique_id("ANPA", arn),
        "Arn": arn,
        "Path": arn.split(":policy", 1)[1].rsplit("/", 1)[0] + "/",
        "DefaultVersionId": version,
        "AttachmentCount": sum(arn in arns for arns in holders),
        "PermissionsBoundaryUsageCount": sum(row[5] == arn for row in ROLES),
        "IsAttachable": True,
        "CreateDate": created + "+00:00",
        "UpdateDate": updated + "+00:00",
        "PolicyVersionList": [
            {
                "Document": text,
                "VersionId": version,
                "IsDefaultVersion": True,
                "CreateDate": updated + "+00:00",
            }
        ],
    }


def authorization_details(last_used):
    users = [
        {
            "Path": "/",
            "UserName": name,
            "UserId": unique_id("AIDA", name),
            "Arn": user_arn(name),
            "CreateDate": created + "+00:00",
            "GroupList": groups,
            "AttachedManagedPolicies": attached(arns),
            "Tags": [],
        }
        for name, created, groups, arns in USERS
    ]
    groups = [
        {
            "Path": "/",
            "GroupName": name,
            "GroupId": unique_id("AGPA", name),
            "Arn": f"arn:aws:iam::{ACCOUNT}:group/{name}",
            "CreateDate": created + "+00:00",
            "GroupPolicyList": inline(policies),
            "AttachedManagedPolicies": attached(arns),
        }
        for name, created, policies, arns in GROUPS
    ]
    return {
        "UserDetailList": users,
        "GroupDetailList": groups,
        "RoleDetailList": [role_detail(row, last_used) for row in ROLES],
        "Policies": [policy_detail(*row) for row in MANAGED],
    }
