"""What happened in the demo account, day by day."""

import datetime as dt

from .base import (
    ACCOUNT,
    BROWSER,
    FIRST,
    GLOBAL,
    HOME,
    KEY,
    LAST,
    LOST,
    OFFICE,
    PARTNER_KEY,
    RUNNERS,
    SAML,
    TASKS,
    TRAIL,
    UPPER,
    at,
    draw,
    iso,
    session_key,
)
from .estate import ENGINEER, READER, SCALER, own_policy, role_arn, user_arn
from .records import EVENTS, Caller, assumed_by_service, credentials, emit, session, user
from .work import deploy, partitions, partner_writes, report_run, report_session, saturday_release

# The weekly baseline job: what it looks at, and what it changes. Call and request.
BASELINE_READS = [
    ("ec2:DescribeInstances", {"instancesSet": {}, "filterSet": {}}),
    ("ec2:DescribeVpcs", {"vpcSet": {}}),
    ("ec2:DescribeSubnets", {"subnetSet": {}}),
    ("ec2:DescribeSecurityGroups", {"securityGroupSet": {}}),
    ("ec2:DescribeRouteTables", {"routeTableIdSet": {}}),
    ("ec2:DescribeSnapshots", {"snapshotSet": {}}),
    ("ec2:DescribeVolumes", {"volumeSet": {}}),
    ("logs:DescribeLogGroups", {"limit": 50}),
    ("lambda:ListFunctions20150331", {"maxItems": 50}),
    ("kms:ListKeys", {"limit": 100}),
    ("ecs:DescribeClusters", {"clusters": ["staging", "production"]}),
    ("ecr:DescribeRepositories", {}),
    ("elasticloadbalancing:DescribeLoadBalancers", {}),
    ("sqs:ListQueues", {}),
    ("dynamodb:DescribeTable", {"tableName": "orders"}),
    ("events:ListRules", {}),
    ("cloudtrail:DescribeTrails", {}),
    ("cloudtrail:GetTrailStatus", {"name": TRAIL}),
    ("s3:GetBucketPolicy", {"bucketName": "report-output", "policy": ""}),
    ("s3:GetBucketVersioning", {"bucketName": "report-output", "versioning": ""}),
    ("kms:GetKeyRotationStatus", {"keyId": KEY}),
    ("monitoring:DescribeAlarms", {"maxRecords": 100}),
]
BASELINE_WRITES = [
    ("ec2:CreateSnapshot", {"volumeId": "vol-0a1b2c3d4e5f60718"}),
    ("logs:PutRetentionPolicy", {"logGroupName": "/ecs/web", "retentionInDays": 30}),
    ("s3:PutBucketTagging", {"bucketName": "report-output", "tagging": ""}),
    ("ec2:DeleteSnapshot", {"snapshotId": "snap-0f1e2d3c4b5a69788"}),
    ("kms:EnableKeyRotation", {"keyId": KEY}),
]
BASELINE_GLOBAL = [
    ("iam:ListRoles", {"maxItems": 100}, True),
    ("iam:GetRole", {"roleName": "ci-deploy"}, True),
    ("iam:ListUsers", {"maxItems": 100}, True),
    ("iam:ListAttachedRolePolicies", {"roleName": "ci-deploy"}, True),
    (
        "iam:TagRole",
        {"roleName": "report-worker", "tags": [{"key": "team", "value": "data"}]},
        False,
    ),
    ("iam:GetPolicyVersion", {"policyArn": own_policy("shared-data"), "versionId": "v1"}, True),
    ("route53:ListHostedZones", {}, True),
    ("iam:GetAccountPasswordPolicy", None, True),
]


def baseline(day, week):
    start = at(day, 1, 30, 5)
    build = f"AWSCodeBuild-{draw.guid()}"
    key = assumed_by_service(start, "codebuild", "ops-admin", build)
    who = session(
        "ops-admin",
        build,
        start,
        RUNNERS.format(210),
        "Boto3/1.40.21 md/Botocore#1.40.21 exec-env/AWS_CODEBUILD",
        key,
    )
    clock = (start + dt.timedelta(seconds=5 + 3 * step) for step in range(60))
    reads = [row for number, row in enumerate(BASELINE_READS) if (number + week) % 2 == 0]
    for call, request in reads:
        emit(next(clock), call, who, request)
    for number, (call, request) in enumerate(BASELINE_WRITES):
        if number == 0 or number == week % len(BASELINE_WRITES):
            emit(next(clock), call, who, request, write=True)
    for number, (call, request, read) in enumerate(BASELINE_GLOBAL):
        if (number + week) % 3 == 0:
            emit(next(clock), call, who, request, write=not read, region=GLOBAL)


def every_day(day):
    """What happens on every day, so that both Regions have reads and writes in each file."""
    scaler = session(
        SCALER,
        "AutoScaling-UpdateService",
        at(day, 0, 20, 0),
        "ecs.application-autoscaling.amazonaws.com",
        "ecs.application-autoscaling.amazonaws.com",
    )
    del scaler.identity["accessKeyId"]
    scaler.identity["invokedBy"] = scaler.ip
    emit(
        at(day, 0, 20),
        "monitoring:DescribeAlarms",
        scaler,
        {"alarmNamePrefix": "TargetTracking-service/production/web"},
    )
    emit(
        at(day, 0, 21),
        "monitoring:PutMetricAlarm",
        scaler,
        {"alarmName": "TargetTracking-service/production/web-AlarmHigh", "threshold": 70.0},
        write=True,
    )
    start = at(day, 2, 10, 3)
    key = assumed_by_service(start, "lambda", "dns-updater", "dns-updater")
    who = session(
        "dns-updater",
        "dns-updater",
        start,
        TASKS.format(180),
        "Boto3/1.40.4 lang/python#3.13 exec-env/AWS_Lambda_python3.13",
        key,
    )
    change = "C0" + draw.text(17, UPPER)
    zone = {"hostedZoneId": "Z0412345EXAMPLE"}
    emit(at(day, 2, 10, 5), "route53:ListResourceRecordSets", who, zone, region=GLOBAL)
    emit(
        at(day, 2, 10, 6),
        "route53:ChangeResourceRecordSets",
        who,
        {
            **zone,
            "changeBatch": {
                "changes": [
                    {
                        "action": "UPSERT",
                        "resourceRecordSet": {
                            "name": "shop.example.com",
                            "type": "A",
                            "tTL": 60,
                            "resourceRecords": [{"value": TASKS.format(20 + day.toordinal() % 30)}],
                        },
                    }
                ]
            },
        },
        write=True,
        region=GLOBAL,
        response={"changeInfo": {"id": f"/change/{change}", "status": "PENDING"}},
    )
    emit(at(day, 2, 10, 36), "route53:GetChange", who, {"id": change}, region=GLOBAL)
    vendor = session(
        "stackscope-monitor",
        "stackscope",
        at(day, 6, 11, 58),
        "198.51.100.77",
        "stackscope-collector/5.2 Boto3/1.39.9",
    )
    emit(at(day, 6, 11, 59), "ec2:DescribeInstances", vendor, {"instancesSet": {}, "filterSet": {}})
    if day.toordinal() % 3 == 0 or day == LAST:
        emit(at(day, 6, 12, 7), "monitoring:DescribeAlarms", vendor, {"maxRecords": 100})


def people(day):
    """Colleagues at work: single sign-on sessions, and one IAM user in the console."""
    if day.weekday() in (1, 3):
        start = at(day, 8, 2 + draw.number(50))
        name = ("maria.keller", "tom.reid")[day.toordinal() // 2 % 2] + "@example.com"
        who = session(
            ENGINEER,
            name,
            start,
            OFFICE.format(20 + draw.number(9)),
            BROWSER,
            mfa=True,
            console=True,
        )
        outside = Caller(
            {
                "type": "SAMLUser",
                "principalId": f"Qm9ndXM7x1F4=:{name}",
                "userName": name,
                "identityProvider": "Qm9ndXM7x1F4=",
            },
            who.ip,
            BROWSER,
        )
        emit(
            start,
            "sts:AssumeRoleWithSAML",
            outside,
            {
                "roleArn": role_arn(ENGINEER),
                "principalArn": SAML,
                "roleSessionName": name,
                "durationSeconds": 28800,
            },
            version="1.10",
            response=credentials(ENGINEER, name, who.identity["accessKeyId"], start),
            resources=[("AWS::IAM::Role", role_arn(ENGINEER))],
        )
        emit(
            start + dt.timedelta(seconds=5),
            "signin:ConsoleLogin",
            who,
            kind="AwsConsoleSignIn",
            write=True,
            version="1.10",
            response={"ConsoleLogin": "Success"},
            extra={"MobileVersion": "No", "MFAUsed": "No"},
        )
        emit(
            start + dt.timedelta(seconds=70),
            "ecs:DescribeServices",
            who,
            {"cluster": "production", "services": ["web", "api"]},
        )
        emit(
            start + dt.timedelta(seconds=95),
            "logs:DescribeLogGroups",
            who,
            {"logGroupNamePrefix": "/ecs/"},
        )
        if day.isoformat() in ("2026-05-12", "2026-07-30"):
            message = (
                f"User: {who.identity['arn']} is not authorized to perform: iam:CreateUser on "
                f"resource: {user_arn('load-test')} because no identity-based policy allows "
                "the iam:CreateUser action"
            )
            emit(
                start + dt.timedelta(seconds=200),
                "iam:CreateUser",
                who,
                None,
                write=True,
                region=GLOBAL,
                error=("AccessDenied", message),
            )
    if day.weekday() == 2 and day.toordinal() % 2 == 0:
        start, who = at(day, 9, draw.number(30)), user("anna.berg", OFFICE.format(14), BROWSER)
        emit(
            start,
            "signin:ConsoleLogin",
            who,
            kind="AwsConsoleSignIn",
            write=True,
            version="1.10",
            response={"ConsoleLogin": "Success"},
            extra={
                "LoginTo": "https://console.aws.amazon.com/console/home",
                "MobileVersion": "No",
                "MFAUsed": "Yes",
            },
        )
        who = user("anna.berg", OFFICE.format(14), BROWSER, session_key())
        who.identity["sessionContext"] = {
            "attributes": {"creationDate": iso(start), "mfaAuthenticated": "true"}
        }
        who.console = True
        emit(
            start + dt.timedelta(seconds=40), "monitoring:DescribeAlarms", who, {"maxRecords": 100}
        )
        emit(
            start + dt.timedelta(seconds=75), "iam:ListUsers", who, {"maxItems": 100}, region=GLOBAL
        )


COLLECTOR = f"arn:aws:sts::{ACCOUNT}:assumed-role/{READER}/tom.reid@example.com"


def collection_calls():
    """The evidence script's own calls, as far as they were allowed, and one that was not."""
    start = at(LAST, 6, 3, 12)
    agent = "aws-cli/2.28.11 md/awscrt#0.27.6 ua/2.1 os/linux#6.8 lang/python#3.13.4"
    who = session(READER, "tom.reid@example.com", start, OFFICE.format(23), agent, mfa=True)
    emit(at(LAST, 6, 3, 41), "sts:GetCallerIdentity", who, version="1.10")
    for second, name, request in (
        (44, "GetAccountAuthorizationDetails", None),
        (47, "GenerateCredentialReport", None),
        (49, "GetCredentialReport", None),
        (51, "ListUsers", {"maxItems": 100}),
        (53, "ListRoles", {"maxItems": 100}),
        (55, "ListAccessKeys", {"userName": "parcelco-sync"}),
        (57, "GetAccessKeyLastUsed", {"accessKeyId": PARTNER_KEY}),
    ):
        emit(at(LAST, 6, 3, second), f"iam:{name}", who, request, region=GLOBAL)
    for region in (HOME, GLOBAL):
        emit(at(LAST, 6, 4, 2), "cloudtrail:DescribeTrails", who, {}, region=region)
    emit(
        at(LAST, 6, 5, 20),
        "iam:GenerateServiceLastAccessedDetails",
        who,
        None,
        region=GLOBAL,
        error=("AccessDenied", refusal("ci-deploy").split(": ", 1)[1]),
    )
    emit(
        at(LAST, 6, 5, 24),
        "iam:GenerateServiceLastAccessedDetails",
        who,
        {"arn": role_arn("legacy-etl")},
        region=GLOBAL,
    )


def refusal(name, kind="role"):
    return (
        "An error occurred (AccessDenied) when calling the GenerateServiceLastAccessedDetails "
        f"operation: User: {COLLECTOR} is not authorized to perform: "
        f"iam:GenerateServiceLastAccessedDetails on resource: {kind} {name} because no "
        "identity-based policy allows the iam:GenerateServiceLastAccessedDetails action"
    )


def days():
    day = FIRST
    while day <= LAST:
        if day not in LOST:
            yield day
        day += dt.timedelta(days=1)


def is_month_end(day):
    later = [day + dt.timedelta(days=ahead) for ahead in range(1, 4)]
    following = next(other for other in later if other.weekday() < 5)
    return following.month != day.month


def simulate():
    deployments = weeks = 0
    for day in days():
        every_day(day)
        if day < LAST:
            people(day)
        if day.weekday() in (0, 1, 3) and day < LAST:
            deploy(day, deployments)
            deployments += 1
        if day.weekday() < 5 and day < LAST:
            report_run(day, is_month_end(day))
        if day.weekday() == 6:
            baseline(day, weeks)
            weeks += 1
    backfill = at(dt.date(2026, 4, 18), 10, 41)
    partitions(backfill + dt.timedelta(seconds=6), report_session(backfill))
    saturday_release()
    partner_writes()
    collection_calls()
    EVENTS.sort(key=lambda event: (event.time, event.region))
