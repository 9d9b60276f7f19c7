"""What an analysis of the demo evidence must find: `fixtures/demo.expected.json`.

The statuses are stated here by hand, from the configuration's intents; how often and when an action
was used is counted from the records that were written.
"""

import collections
import datetime as dt

from . import agent, cluster, copilot, estate
from .base import ACCOUNT, AS_OF, iso
from .estate import regional, role_arn, user_arn

CATALOGUE = "0.21.202609261"
# Events that need no permission: they show the identity alive.
NO_PERMISSION = {
    "GetCallerIdentity",
    "AssumeRoleWithWebIdentity",
    "AssumeRoleWithSAML",
    "ConsoleLogin",
}
PREFIXES = {"monitoring": "cloudwatch"}


def row(status, facet=None, reason=None, resources=None, inferred=False):
    out = {"status": status}
    if facet:
        out["facet"] = facet
    if reason:
        out["reason"] = reason
    if resources:
        out["resources"] = resources
    if inferred:
        out["inferred"] = True
    return out


def finding(kind, facet=None, severity=None, **more):
    out = {"kind": kind}
    if facet:
        out["facet"] = facet
    if severity:
        out["severity"] = severity
    return out | more


USED, STALE, EXCESS = [row("used")], [row("stale")], [row("excess")]
NOT_LOGGED = [row("unknown", reason="not-logged")]
DRIFT = [row("drift", "action")]
AFTER_HOURS = row("out-of-scope", "hours")
PRODUCTION = [
    regional("ecs", "service/production/web"),
    "arn:aws:ecs:*:*:*/production/*",
    "arn:aws:ecs:*:*:task-definition/*-production:*",
]
BEYOND_STAGING = row("drift", "environment", resources=PRODUCTION[1:])
FINANCE = regional("secretsmanager", "secret:finance/payroll-export")
BEYOND_INTERNAL = row("drift", "data", resources=["arn:aws:secretsmanager:*:*:secret:finance/*"])

CI_DEPLOY = {
    "ecs:UpdateService": [
        row("out-of-scope", "environment", resources=PRODUCTION[:1]),
        row("out-of-scope", "hours", resources=PRODUCTION[:1]),
        BEYOND_STAGING,
        row("used"),
    ],
    "ecs:DescribeServices": [AFTER_HOURS, BEYOND_STAGING],
    "ecs:DescribeTaskDefinition": [AFTER_HOURS],
    "ecr:GetAuthorizationToken": [AFTER_HOURS],
    "ecs:RegisterTaskDefinition": [BEYOND_STAGING, row("used")],
    "iam:PassRole": [row("drift", "resource", resources=["*"]), row("used", inferred=True)],
    "ecr:BatchDeleteImage": STALE,
} | {
    action: USED
    for action in (
        "ecs:ListClusters",
        "ecs:ListServices",
        "ecs:ListTaskDefinitions",
        "ecr:BatchCheckLayerAvailability",
        "ecr:InitiateLayerUpload",
        "ecr:UploadLayerPart",
        "ecr:CompleteLayerUpload",
        "ecr:PutImage",
    )
}
NEVER_LOGGED = [
    "ecr:BatchImportUpstreamImage",
    "ecr:GetImageCopyStatus",
    "ecr:ReplicateImage",
    "ecs:AllowVendedLogDeliveryForResource",
    "ecs:Poll",
    "ecs:PutSystemLogEvents",
    "ecs:StartTelemetrySession",
]
PARCELCO = {
    "ssm:PutParameter": [row("out-of-scope", "after-end")],
    "ssm:DeleteParameter": EXCESS,
    "ssm:GetParameter": EXCESS,
    "ssm:GetParametersByPath": EXCESS,
    "s3:PutObject": NOT_LOGGED,
    "s3:GetObject": NOT_LOGGED,
    "s3:DeleteObject": NOT_LOGGED,
    "sqs:SendMessage": NOT_LOGGED,
}
REPORT_WORKER = {
    "secretsmanager:GetSecretValue": [
        row("out-of-scope", "data", resources=[FINANCE]),
        BEYOND_INTERNAL,
        row(
            "used",
            resources=[
                regional("secretsmanager", f"secret:reports/{name}") for name in ("db", "warehouse")
            ],
        ),
    ],
    "secretsmanager:DescribeSecret": [BEYOND_INTERNAL, row("used")],
    "secretsmanager:ListSecrets": EXCESS,
    "athena:StartQueryExecution": USED,
    "athena:GetQueryExecution": USED,
    "athena:GetQueryResults": USED,
    "glue:GetTable": USED,
    "glue:GetPartitions": STALE,
    "glue:DeleteTable": EXCESS,
    "kms:Decrypt": USED,
    "s3:GetObject": NOT_LOGGED,
    "s3:PutObject": NOT_LOGGED,
    "s3:ListBucket": NOT_LOGGED,
    "dynamodb:GetItem": NOT_LOGGED,
}
TRIAGE = {action: DRIFT for action, _, _ in agent.GRANTED} | {
    "ticket:read": USED,
    "ticket:list": USED,
    "record:update": [row("out-of-scope", "action", resources=["crm-prod/contacts"])],
}
COPILOT = {
    "agent:get_ticket": USED,
    "agent:search_tickets": USED,
    "agent:update_record": [
        row("out-of-scope", "action", resources=["record:prod.customers"])
    ],
    "agent:add_comment": DRIFT,
    "agent:delete_record": DRIFT,
}
BUILDER = {
    "k8s:get:core/secrets": USED + [row("drift", "data")],
    "k8s:list:core/secrets": EXCESS,
    "k8s:watch:core/secrets": EXCESS,
}
LEGACY = {
    action: EXCESS
    for statement in estate.LEGACY_ETL["Statement"]
    for action in statement["Action"]
    if statement["Sid"] != "Pass"
}
DNS = {
    action: USED
    for action in (
        "route53:ChangeResourceRecordSets",
        "route53:ListResourceRecordSets",
        "route53:GetChange",
    )
}

# Identity, name, class, owner, permissions, findings.
JUDGED = [
    (
        agent.BOT,
        "agent://triage-bot",
        "support-team",
        TRIAGE,
        [
            finding(
                "out-of-scope-action", "action", "critical", actions=["record:update"], calls=3
            ),
            finding("intent-drift", "action"),
        ],
    ),
    (
        "agent://support-copilot",
        "agent://support-copilot",
        "support-team",
        COPILOT,
        [
            finding(
                "out-of-scope-action", "action", "critical", actions=["agent:update_record"], calls=2
            ),
            finding("intent-drift", "action"),
        ],
    ),
    (
        "k8s://shop/reports/serviceaccount/report-builder",
        "k8s://shop/reports/serviceaccount/report-builder",
        "data-team",
        BUILDER,
        [finding("sensitive-without-condition"), finding("unused-permission")],
    ),
    (
        user_arn("parcelco-sync"),
        "aws:user/parcelco-sync",
        "integrations-team",
        PARCELCO,
        [
            finding("expired-relationship", None, "high", date="2026-03-02"),
            finding(
                "out-of-scope-action", "after-end", "high", actions=["ssm:PutParameter"], calls=2
            ),
            finding("unused-permission"),
        ],
    ),
    (
        role_arn("ci-deploy"),
        "aws:role/ci-deploy",
        "platform-team",
        CI_DEPLOY,
        [
            finding("escalation-path"),
            finding("wrong-environment", None, "high", actions=["ecs:UpdateService"], calls=1),
            finding(
                "out-of-hours",
                None,
                "medium",
                calls=7,
                actions=[
                    "ecr:GetAuthorizationToken",
                    "ecs:DescribeServices",
                    "ecs:DescribeTaskDefinition",
                    "ecs:UpdateService",
                ],
            ),
            finding("intent-drift", "environment"),
            finding("intent-drift", "resource", actions=["iam:PassRole"]),
            finding("unused-permission", service="ecs"),
            finding("unused-permission", service="ecr"),
            finding("wildcard-grant"),
            finding("stale-permission", actions=["ecr:BatchDeleteImage"]),
        ],
    ),
    (
        role_arn("report-worker"),
        "aws:role/report-worker",
        "data-team",
        REPORT_WORKER,
        [
            finding(
                "sensitive-without-condition",
                None,
                "high",
                actions=["secretsmanager:GetSecretValue"],
            ),
            finding(
                "out-of-scope-action", "data", "high", actions=["secretsmanager:GetSecretValue"]
            ),
            finding("intent-drift", "data"),
            finding("denied-attempts", actions=["glue:BatchDeleteTable"], calls=4),
            finding("stale-permission", actions=["glue:GetPartitions"]),
            finding("unused-permission", actions=["secretsmanager:ListSecrets"]),
            finding("unused-permission", actions=["glue:DeleteTable"]),
        ],
    ),
    (
        role_arn("legacy-etl"),
        "aws:role/legacy-etl",
        "data-team",
        LEGACY,
        [finding("never-used-identity")],
    ),
    (role_arn("dns-updater"), "aws:role/dns-updater", "platform-team", DNS, []),
]
OTHERS = [
    (role_arn("ops-admin"), "administrator"),
    (role_arn(estate.SCALER), "service-linked"),
    (role_arn(estate.SLR_ORG), "service-linked"),
    (role_arn("stackscope-monitor"), "vendor"),
    (user_arn("anna.berg"), "human"),
    (role_arn(estate.ENGINEER), "human"),
    (role_arn(estate.READER), "human"),
    (f"arn:aws:iam::{ACCOUNT}:root", "human"),
]
ORDER = ["unexplained", "out-of-scope", "drift", "stale", "used", "unknown", "excess"]


class Use:
    """Uses of one action by one identity."""

    def __init__(self):
        self.counts, self.times = collections.Counter(), []

    def add(self, outcome, time):
        self.counts[outcome] += 1
        if outcome == "allowed":
            self.times.append(time)

    def text(self):
        out = {
            name: self.counts[name]
            for name in ("allowed", "denied", "undetermined")
            if self.counts[name]
        }
        if self.times:
            out |= {"first": iso(min(self.times)), "last": iso(max(self.times))}
        return out


def action_of(record):
    source = record["eventSource"].split(".")[0]
    return f"{PREFIXES.get(source, source)}:{record['eventName'].removesuffix('20150331')}"


def outcome_of(record):
    code = record.get("errorCode", "")
    if code.startswith("AccessDenied"):
        return "denied"
    return "undetermined" if code == "ThrottlingException" else "allowed"


def uses(events):
    """Uses by identity and action; a role that a request passes is a use of iam:PassRole."""
    found = collections.defaultdict(lambda: collections.defaultdict(Use))
    for event in events:
        record, caller = event.record, event.record["userIdentity"]
        if caller["type"] not in ("AssumedRole", "IAMUser") or record["eventName"] in NO_PERMISSION:
            continue
        issuer = caller.get("sessionContext", {}).get("sessionIssuer", {})
        of = found[issuer.get("arn", caller["arn"])]
        of[action_of(record)].add(outcome_of(record), event.time)
        if "taskRoleArn" in (record["requestParameters"] or {}):
            of["iam:PassRole"].add("allowed", event.time)
    for call in agent.calls():
        if "time" in call:
            outcome = {"timeout": "undetermined"}.get(call["outcome"], call["outcome"])
            time = dt.datetime.fromisoformat(call["time"])
            found[agent.BOT][call["action"]].add(outcome, time)
    cluster_uses(found)
    copilot_uses(found)
    return found


def cluster_uses(found):
    for day in cluster.logs().days.values():
        for stamp, event in day:
            username, reference = event["user"]["username"], event["objectRef"]
            if username != cluster.REPORTS[0]:
                continue
            action = f"k8s:{event['verb']}:core/{reference['resource']}"
            outcome = "denied" if event["responseStatus"]["code"] == 403 else "allowed"
            time = dt.datetime.fromisoformat(stamp[:19] + "+00:00")
            found["k8s://shop/reports/serviceaccount/report-builder"][action].add(outcome, time)


def copilot_uses(found):
    for batch in copilot.traces():
        for span in batch["resourceSpans"][0]["scopeSpans"][0]["spans"]:
            name = span["name"].partition(" ")
            if name[0] == "execute_tool":
                seconds = int(span["startTimeUnixNano"]) // 10**9
                time = dt.datetime.fromtimestamp(seconds, dt.timezone.utc)
                found["agent://support-copilot"]["agent:" + name[2]].add("allowed", time)


def judged(identity, name, owner, statuses, findings, used):
    permissions = []
    for action in sorted(set(statuses) | set(used)):
        rows = statuses.get(action, [row("not-granted")])
        permissions.append({"action": action, "rows": rows} | used[action].text())
    by_status = collections.Counter()
    for rows in statuses.values():
        by_status[min((one["status"] for one in rows), key=ORDER.index)] += 1
    out = {
        "id": identity,
        "name": name,
        "class": "judged",
        "owner": owner,
        "granted": len(statuses),
        "used": sorted(action for action, one in used.items() if one.times),
        "by_status": dict(sorted(by_status.items())),
        "permissions": permissions,
        "findings": findings,
    }
    if name == "aws:role/ci-deploy":
        # The rest of ecs:* and ecr:* depends on the catalogue.
        others = {"granted": 142, "unknown": NEVER_LOGGED, "excess": 120}
        out |= {
            "granted": None,
            "patterns": ["ecr:*", "ecs:*", "iam:PassRole"],
            "with_catalogue": {"aws": CATALOGUE} | others,
        }
    return out


def expected(events, inputs):
    """The whole expectation; `inputs` counts files and records."""
    used = uses(events)
    identities = [judged(*one, used[one[0]]) for one in JUDGED]
    for identity, kind in OTHERS:
        of = used.get(identity, {})
        identities.append(
            {
                "id": identity,
                "class": kind,
                "used": sorted(action for action, one in of.items() if one.times),
                "denied": sorted(action for action, one in of.items() if one.counts["denied"]),
            }
        )
    identities[len(JUDGED)]["findings"] = [
        finding("administrative-grant", None, "high", state="waived")
    ]
    start = AS_OF - dt.timedelta(days=90)
    return {
        "as_of": iso(AS_OF),
        "window": {"days": 90, "from": iso(start), "to": iso(AS_OF)},
        "inputs": inputs,
        "counts": {
            "identities": len(identities),
            "judged": len(JUDGED),
            "administrators": 1,
            "service_linked": 2,
            "vendor": 1,
            "humans": 4,
        },
        "by_status_rule": "each granted action once, by its first status in the order of the table",
        "identities": identities,
        "account_findings": [
            finding(
                "coverage-gap",
                account=ACCOUNT,
                classes={"AWS::S3::Object": 6, "AWS::DynamoDB::Table": 1, "AWS::SQS::Queue": 1},
            )
        ],
    }
