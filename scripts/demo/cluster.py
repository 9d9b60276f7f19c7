"""The cluster of the demo: RBAC as `kubectl get -o yaml` gives it, its audit policy, and audit logs of one file
a day (audit.k8s.io/v1, Kubernetes documentation, "Auditing")."""

import datetime as dt
import gzip
import io
import json

from .base import ACCOUNT, UTC, Draw

FIRST, LAST = dt.date(2026, 6, 1), dt.date(2026, 9, 1)
ROLE = f"arn:aws:iam::{ACCOUNT}:role/report-worker"

RBAC = f"""# kubectl get serviceaccounts,roles,rolebindings,clusterroles,clusterrolebindings -A -o yaml, without what the
# cluster brings itself.
apiVersion: v1
kind: ServiceAccount
metadata:
  name: report-builder
  namespace: reports
  creationTimestamp: "2026-01-14T09:12:40Z"
  annotations:
    eks.amazonaws.com/role-arn: {ROLE}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: secret-reader
  creationTimestamp: "2026-01-14T09:12:40Z"
rules:
  - apiGroups: [""]
    resources: [secrets]
    verbs: [get, list, watch]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: report-builder-secrets
  creationTimestamp: "2026-01-14T09:12:41Z"
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: secret-reader
subjects:
  - kind: ServiceAccount
    name: report-builder
    namespace: reports
---
apiVersion: batch/v1
kind: CronJob
metadata:
  name: daily-report
  namespace: reports
  creationTimestamp: "2026-01-14T09:12:44Z"
spec:
  schedule: "10 4 * * *"
  jobTemplate:
    spec:
      template:
        spec:
          serviceAccountName: report-builder
          restartPolicy: Never
          containers:
            - name: report
              image: registry.example.com/reports/daily:4.1
---
apiVersion: v1
kind: ServiceAccount
metadata:
  name: deployer
  namespace: shop
  creationTimestamp: "2025-11-03T15:40:02Z"
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: deployer-edit
  namespace: shop
  creationTimestamp: "2025-11-03T15:40:03Z"
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: edit
subjects:
  - kind: ServiceAccount
    name: deployer
    namespace: shop
"""

POLICY = """apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - level: None
    users: ["system:kube-proxy"]
  - level: None
    userGroups: ["system:nodes"]
  # Events are many and say nothing about access.
  - level: None
    resources:
      - group: ""
        resources: [events]
  - level: None
    nonResourceURLs: ["/healthz*", "/readyz*", "/livez*", "/version"]
  - level: Metadata
"""

REPORTS = ("system:serviceaccount:reports:report-builder", "reports", "report-builder")
DEPLOYER = ("system:serviceaccount:shop:deployer", "shop", "deployer")


class Log:
    def __init__(self):
        self.draw, self.days = Draw("cluster"), {}

    def write(self, time, user, verb, path, reference, reason, code=200):
        username, groups = user
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S.") + f"{self.draw.number(10**6):06d}Z"
        event = {
            "kind": "Event",
            "apiVersion": "audit.k8s.io/v1",
            "level": "Metadata",
            "auditID": self.draw.guid(),
            "stage": "ResponseComplete",
            "requestURI": path,
            "verb": verb,
            "user": {
                "username": username,
                "uid": Draw(username).guid(),
                "groups": groups,
            },
            "sourceIPs": [f"203.0.113.{20 + self.draw.number(6)}"],
            "userAgent": "python-client/31.0.0" if "report" in username else "kubectl/v1.33.1",
            "objectRef": reference,
            "responseStatus": {"metadata": {}, "code": code},
            "requestReceivedTimestamp": stamp,
            "stageTimestamp": stamp,
            "annotations": {
                "authorization.k8s.io/decision": "forbid" if code == 403 else "allow",
                "authorization.k8s.io/reason": reason,
            },
        }
        self.days.setdefault(time.date(), []).append((stamp, event))

    def files(self):
        for day, events in sorted(self.days.items()):
            body = "".join(
                json.dumps(event, separators=(",", ":")) + "\n" for _, event in sorted_by(events)
            )
            packed = io.BytesIO()
            with gzip.GzipFile("", "wb", 9, packed, mtime=0) as file:
                file.write(body.encode())
            yield f"audit-{day:%Y-%m-%d}.log.gz", packed.getvalue()


def sorted_by(events):
    return sorted(events, key=lambda event: event[0])


def account(names):
    username, namespace, _ = names
    groups = ["system:serviceaccounts", f"system:serviceaccounts:{namespace}"]
    return username, groups + ["system:authenticated"]


def reference(resource, namespace, name=None, group=None):
    found = {"resource": resource, "namespace": namespace}
    if name:
        found["name"] = name
    if group:
        found["apiGroup"] = group
    return found | {"apiVersion": "v1"}


def reports(log, day):
    time = dt.datetime(day.year, day.month, day.day, 4, 10, log.draw.number(60), tzinfo=UTC)
    reason = (
        'RBAC: allowed by ClusterRoleBinding "report-builder-secrets" of ClusterRole '
        '"secret-reader" to ServiceAccount "report-builder/reports"'
    )
    log.write(
        time,
        account(REPORTS),
        "get",
        "/api/v1/namespaces/reports/secrets/sales-db",
        reference("secrets", "reports", "sales-db"),
        reason,
    )
    if day == dt.date(2026, 7, 21):
        # A new version of the job looks for its configuration.
        log.write(
            time + dt.timedelta(seconds=2),
            account(REPORTS),
            "get",
            "/api/v1/namespaces/reports/configmaps/daily-report",
            reference("configmaps", "reports", "daily-report"),
            "",
            403,
        )


def deployments(log, day):
    if day.weekday() not in (1, 3):
        return
    time = dt.datetime(day.year, day.month, day.day, 13, log.draw.number(50), tzinfo=UTC)
    reason = (
        'RBAC: allowed by RoleBinding "deployer-edit/shop" of ClusterRole "edit" to '
        'ServiceAccount "deployer/shop"'
    )
    path = "/apis/apps/v1/namespaces/shop/deployments"
    for name in ("web", "checkout"):
        for verb in ("get", "patch"):
            log.write(
                time,
                account(DEPLOYER),
                verb,
                f"{path}/{name}" + ("?fieldManager=kubectl" if verb == "patch" else ""),
                reference("deployments", "shop", name, "apps"),
                reason,
            )
        time += dt.timedelta(seconds=8)
    for _ in range(3):
        pods = reference("pods", "shop")
        log.write(time, account(DEPLOYER), "list", "/api/v1/namespaces/shop/pods", pods, reason)
        time += dt.timedelta(seconds=15)


def leases(log, day):
    """What the control plane does all day, four times of it."""
    user = ("system:kube-controller-manager", ["system:authenticated"])
    reason = (
        'RBAC: allowed by RoleBinding "system::leader-locking-kube-controller-manager/kube-system" '
        'of Role "system::leader-locking-kube-controller-manager" to User '
        '"system:kube-controller-manager"'
    )
    path = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/kube-controller-manager"
    for hour in (0, 6, 12, 18):
        time = dt.datetime(day.year, day.month, day.day, hour, log.draw.number(10), tzinfo=UTC)
        if day < LAST or hour == 0:
            lease = reference("leases", "kube-system", "kube-controller-manager")
            lease["apiGroup"] = "coordination.k8s.io"
            log.write(time, user, "update", path, lease, reason)


def logs():
    log, day = Log(), FIRST
    while day <= LAST:
        reports(log, day)
        if day < LAST:
            deployments(log, day)
        leases(log, day)
        day += dt.timedelta(days=1)
    return log
