"""What the judged identities of the demo account do."""

import datetime as dt

from .base import (
    ACCOUNT,
    GITHUB,
    HOME,
    KEY,
    PARTNER_KEY,
    RUNNERS,
    SECRETS,
    SUBJECT,
    TASKS,
    Draw,
    at,
    draw,
    london,
    session_key,
)
from .estate import regional, role_arn
from .records import Caller, assumed_by_service, credentials, emit, session, user


def github_session(time, run):
    name, key, ip = f"shop-deploy-{run}", session_key(), RUNNERS.format(10 + draw.number(40))
    outside = Caller(
        {
            "type": "WebIdentityUser",
            "principalId": f"{GITHUB}:sts.amazonaws.com:{SUBJECT}",
            "userName": SUBJECT,
            "identityProvider": GITHUB,
        },
        ip,
        "aws-sdk-js/3.864.0 ua/2.1 os/linux lang/js md/nodejs#20.19.4 configure-aws-credentials",
    )
    emit(
        time,
        "sts:AssumeRoleWithWebIdentity",
        outside,
        {"roleArn": role_arn("ci-deploy"), "roleSessionName": name, "durationSeconds": 3600},
        version="1.10",
        response={
            **credentials("ci-deploy", name, key, time),
            "subjectFromWebIdentityToken": SUBJECT,
            "provider": GITHUB,
            "audience": "sts.amazonaws.com",
        },
        resources=[("AWS::IAM::Role", role_arn("ci-deploy"))],
    )
    agent = (
        "aws-cli/2.28.11 md/awscrt#0.27.6 ua/2.1 os/linux#6.11 md/arch#x86_64 lang/python#3.13.4"
    )
    return session("ci-deploy", name, time, ip, agent, key)


def push_image(clock, who, app, number):
    """Pushes an image to the registry."""
    repository = {"repositoryName": app, "registryId": ACCOUNT}
    where = [("AWS::ECR::Repository", regional("ecr", f"repository/{app}"))]
    layer = "sha256:" + draw.hex(64)
    layers, part = {**repository, "layerDigests": [layer]}, {**repository, "partFirstByte": 0}
    emit(next(clock), "ecr:GetAuthorizationToken", who, {})
    emit(next(clock), "ecr:BatchCheckLayerAvailability", who, layers, resources=where)
    emit(next(clock), "ecr:InitiateLayerUpload", who, repository, write=True, resources=where)
    emit(next(clock), "ecr:UploadLayerPart", who, part, write=True, resources=where)
    emit(next(clock), "ecr:CompleteLayerUpload", who, layers, write=True, resources=where)
    failure = {}
    if number in (17, 52):
        # From a run that was started again: authorised, and refused for another reason.
        message = f"Image with digest '{layer}' already exists in the '{app}' repository"
        failure = {"error": ("ImageAlreadyExistsException", message)}
    image = {**repository, "imageTag": f"main-{60 + number}"}
    emit(next(clock), "ecr:PutImage", who, image, write=True, resources=where, **failure)


def roll_out(clock, who, app, number):
    """Registers a task definition and updates the service of staging."""
    family, revision = f"{app}-staging", 60 + number
    image = f"{ACCOUNT}.dkr.ecr.{HOME}.amazonaws.com/{app}:main-{revision}"
    container = {"name": app, "image": image, "memory": 512}
    definition = {"family": family, "containerDefinitions": [container]}
    if app == "reports":
        definition["taskRoleArn"] = role_arn("report-worker")
    arn = regional("ecs", f"task-definition/{family}:{revision}")
    answer = {"taskDefinition": {"taskDefinitionArn": arn}}
    update = {"cluster": "staging", "service": app, "taskDefinition": f"{family}:{revision}"}
    emit(next(clock), "ecs:DescribeTaskDefinition", who, {"taskDefinition": family})
    emit(next(clock), "ecs:RegisterTaskDefinition", who, definition, write=True, response=answer)
    emit(next(clock), "ecs:UpdateService", who, update, write=True)
    for poll in range(2):
        throttled = (number, poll) in ((23, 0), (61, 1))
        failure = {"error": ("ThrottlingException", "Rate exceeded")} if throttled else {}
        request = {"cluster": "staging", "services": [app]}
        emit(next(clock), "ecs:DescribeServices", who, request, **failure)


CLEAN_UPS = ("2026-03-09", "2026-03-23", "2026-04-13", "2026-04-27", "2026-05-11")


def deploy(day, number):
    """One deployment to staging."""
    start = london(day, 9 + number % 7, 5 + draw.number(40))
    clock = (start + dt.timedelta(seconds=20 + 14 * step) for step in range(40))
    who = github_session(start, 4100 + number)
    app = ("web", "api", "reports")[number % 3]
    emit(next(clock), "sts:GetCallerIdentity", who, version="1.10")
    push_image(clock, who, app, number)
    if day.isoformat() in CLEAN_UPS:
        images = [{"imageTag": f"main-{30 + number}"}]
        where = [("AWS::ECR::Repository", regional("ecr", f"repository/{app}"))]
        request = {"repositoryName": app, "registryId": ACCOUNT, "imageIds": images}
        emit(next(clock), "ecr:BatchDeleteImage", who, request, write=True, resources=where)
    if number % 6 == 0:
        emit(next(clock), "ecs:ListClusters", who, {})
        emit(next(clock), "ecs:ListServices", who, {"cluster": "staging"})
        emit(next(clock), "ecs:ListTaskDefinitions", who, {"familyPrefix": f"{app}-staging"})
    roll_out(clock, who, app, number)


def saturday_release():
    """A look at staging, then one update of production: seven calls of four actions."""
    day = dt.date(2026, 8, 29)
    who = github_session(london(day, 20, 8, 31), 4190)
    emit(london(day, 20, 9, 2), "ecr:GetAuthorizationToken", who, {})
    for minute, app in ((10, "web"), (11, "api"), (12, "reports")):
        emit(
            london(day, 20, minute),
            "ecs:DescribeTaskDefinition",
            who,
            {"taskDefinition": f"{app}-staging"},
        )
    emit(
        london(day, 20, 13, 4),
        "ecs:DescribeServices",
        who,
        {"cluster": "staging", "services": ["web"]},
    )
    emit(
        london(day, 20, 14, 37),
        "ecs:UpdateService",
        who,
        {"cluster": "production", "service": "web", "taskDefinition": "web-production:61"},
        write=True,
    )
    emit(
        london(day, 20, 16, 12),
        "ecs:DescribeServices",
        who,
        {"cluster": "staging", "services": ["web"]},
    )


def read_secret(time, who, name):
    arn = regional("secretsmanager", f"secret:{name}-{SECRETS[name]}")
    emit(time, "secretsmanager:GetSecretValue", who, {"secretId": arn})
    emit(
        time,
        "kms:Decrypt",
        who.through("secretsmanager"),
        {
            "encryptionContext": {"SecretARN": arn, "SecretVersionId": Draw(name).guid()},
            "encryptionAlgorithm": "SYMMETRIC_DEFAULT",
        },
        resources=[("AWS::KMS::Key", KEY)],
    )


def report_session(time):
    task = draw.hex(32)
    key = assumed_by_service(time, "ecs-tasks", "report-worker", task)
    agent = "Boto3/1.40.21 md/Botocore#1.40.21 ua/2.1 os/linux#5.10 exec-env/AWS_ECS_EC2"
    return session("report-worker", task, time, TASKS.format(200 + draw.number(8)), agent, key)


def partitions(time, who):
    emit(time, "glue:GetPartitions", who, {"databaseName": "sales", "tableName": "orders"})


def report_run(day, is_month_end):
    """The daily report: secrets, one query, its result."""
    start = at(day, 13, draw.number(50))
    clock = (start + dt.timedelta(seconds=4 + 7 * step) for step in range(40))
    who = report_session(start)
    read_secret(next(clock), who, "reports/db")
    read_secret(next(clock), who, "reports/warehouse")
    if is_month_end:
        read_secret(next(clock), who, "finance/payroll-export")
    if day.weekday() in (0, 3):
        emit(next(clock), "secretsmanager:DescribeSecret", who, {"secretId": "reports/db"})
    query = draw.guid()
    emit(
        next(clock),
        "athena:StartQueryExecution",
        who,
        {
            "queryString": "HIDDEN_DUE_TO_SECURITY_REASONS",
            "clientRequestToken": draw.guid(),
            "queryExecutionContext": {"database": "sales"},
            "workGroup": "reporting",
        },
        write=True,
        version="1.10",
        response={"queryExecutionId": query},
    )
    emit(
        next(clock),
        "glue:GetTable",
        who.through("athena"),
        {"databaseName": "sales", "name": ("orders", "customers")[day.toordinal() % 2]},
    )
    if day.isoformat() in ("2026-06-16", "2026-07-16", "2026-08-12"):
        emit(
            next(clock),
            "athena:GetQueryExecution",
            who,
            {"queryExecutionId": query},
            version="1.10",
            error=("ThrottlingException", "Rate exceeded"),
        )
    emit(next(clock), "athena:GetQueryExecution", who, {"queryExecutionId": query}, version="1.10")
    emit(
        next(clock),
        "athena:GetQueryResults",
        who,
        {"queryExecutionId": query, "maxResults": 1000},
        version="1.10",
    )
    if (day.weekday() == 0 and day <= dt.date(2026, 4, 13)) or day.isoformat() in (
        "2026-03-04",
        "2026-03-18",
        "2026-04-01",
        "2026-04-15",
    ):
        partitions(next(clock), who)
    if day.isoformat() in ("2026-07-02", "2026-07-23", "2026-08-11", "2026-08-20"):
        message = (
            f"User: {who.identity['arn']} is not authorized to perform: glue:BatchDeleteTable "
            f"on resource: {regional('glue', 'catalog')} because no identity-based policy allows "
            "the glue:BatchDeleteTable action"
        )
        emit(
            next(clock),
            "glue:BatchDeleteTable",
            who,
            {"databaseName": "sales", "tablesToDelete": ["tmp_orders", "tmp_customers"]},
            write=True,
            error=("AccessDeniedException", message),
        )


def partner_writes():
    """The partner's key writes twice, four months after the contract's end."""
    for day in (dt.date(2026, 7, 5), dt.date(2026, 7, 19)):
        who = user(
            "parcelco-sync", "203.0.113.45", "aws-sdk-java/2.31.6 parcelco-sync/3.4", PARTNER_KEY
        )
        name = "/partners/parcelco/last-cursor"
        emit(
            at(day, 3, 12),
            "ssm:PutParameter",
            who,
            {
                "name": name,
                "value": "HIDDEN_DUE_TO_SECURITY_REASONS",
                "type": "String",
                "overwrite": True,
            },
            write=True,
            version="1.10",
            response={"version": 410 + day.day, "tier": "Standard"},
            resources=[("AWS::SSM::Parameter", regional("ssm", f"parameter{name}"))],
        )
