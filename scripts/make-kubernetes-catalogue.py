#!/usr/bin/env python3
"""Writes the Kubernetes facts that are embedded in the program.

    make-kubernetes-catalogue.py API_RESOURCES BOOTSTRAP ESCALATION

API_RESOURCES: rows (group, version, resource, subresource, namespaced, verbs), derived from
  kubernetes-client/python kubernetes/swagger.json.unprocessed @024658493 (Apache-2.0).
BOOTSTRAP: the built-in ClusterRoles, from kubernetes/kubernetes
  plugin/pkg/auth/authorizer/rbac/bootstrappolicy/testdata/cluster-roles.yaml @025f2834a (Apache-2.0).
ESCALATION: sets of RBAC rules, from the RBAC good practices of kubernetes.io (facts) and
  PaloAltoNetworks/rbac-police @1ec5d029f (MIT).

Writes src/platform/kubernetes/data/{api-resources.tsv,bootstrap-cluster-roles.json} and
src/catalogue/data/escalation-kubernetes.json. The same input gives the same bytes.
"""

import json
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
DATA = ROOT / "src/platform/kubernetes/data"

# Checks that no request path carries, by (verb, group, resource, subresource, namespaced). The patterns of the
# source (userextras/KEY, impersonate-on:MODE:VERB, */finalizers) have no end and are not listed.
KUBELET = ["configz", "healthz", "log", "metrics", "pods", "stats"]
NAMESPACED_CHECKS = {("impersonate", "serviceaccounts"), ("bind", "roles"), ("bind", "clusterroles"),
                     ("escalate", "roles"), ("impersonate:serviceaccount", "serviceaccounts")}


def catalogue(source):
    rows = {}
    for row in source["resources"]:
        key = (row["group"], row["resource"], row["subresource"])
        known = rows.setdefault(key, (row["namespaced"], set(), set()))
        known[1].update(row["verbs"])
    for row in source["aggregated_known"]:
        key = (row["group"], row["resource"], "")
        rows.setdefault(key, (row["namespaced"], set(), set()))[1].update(row["verbs"])
    for check in source["authorization_only"]:
        if check["group"] in ("*", "policy") or ":MODE:" in check["verb"]:
            continue
        for resource in check["resources"]:
            if "*" in resource:
                continue
            namespaced = (check["verb"], resource) in NAMESPACED_CHECKS
            known = rows.setdefault((check["group"], resource, ""), (namespaced, set(), set()))
            # A check of another scope than the resource's own is marked by a `+` or `-`.
            mark = "" if known[0] == namespaced else ("+" if namespaced else "-")
            known[2].add(mark + check["verb"])
    for sub in KUBELET:
        known = rows.setdefault(("", "nodes", sub), (False, set(), set()))
        known[2].add("get")
    lines = ["#authgap-kubernetes/1\t1.36\t2026-07-23\t"
             "kubernetes-client/python kubernetes/swagger.json.unprocessed @024658493\tApache-2.0"]
    for (group, resource, sub), (namespaced, verbs, checks) in sorted(rows.items()):
        lines.append("\t".join([group, resource, sub, "n" if namespaced else "c",
                                ",".join(sorted(verbs)), ",".join(sorted(checks - verbs))]))
    return "\n".join(lines) + "\n"


def bootstrap(source):
    keep = {key: source[key] for key in ("source", "bindings_source", "clusterRoles", "clusterRoleBindings")}
    keep["licence"] = "Apache-2.0"
    for role in keep["clusterRoles"]:
        role.pop("note", None)
    return json.dumps(keep, indent=1, sort_keys=True) + "\n"


# Pairs of a rule that say nothing: creating pods moves none.
NO_STEP = {"k8s:create:core/pods", "k8s:delete:core/pods/eviction"}


def escalation(source, resources):
    known = {(row["group"], row["resource"] + ("/" + row["subresource"] if row["subresource"] else ""))
             for row in resources["resources"]}
    known |= {(check["group"], resource) for check in resources["authorization_only"]
              for resource in check["resources"]}
    methods = []
    for method in source["methods"]:
        # Everything is `administrative-grant`; an annotation is no permission; writing configmaps matters in one
        # place only (kube-system/aws-auth), which a set cannot say.
        if method["id"] in ("k8s.cluster-admin", "k8s.eks-aws-auth") or not method["rules"]:
            continue
        permissions = []
        for rule in method["rules"]:
            names = []
            for verb in rule["verbs"]:
                for group in rule["apiGroups"]:
                    for resource in rule["resources"]:
                        name = f"k8s:{verb}:{group or 'core'}/{resource}"
                        is_step = method["id"] != "k8s.steal-pods" or name not in NO_STEP
                        if (group, resource) in known and is_step:
                            names.append(name)
            permissions.append("|".join(names))
        # Alone enough, whatever else is there: the critical ones without a condition on the namespace.
        category = "self-escalation" if method["severity_source"] == "critical" else "existing-access"
        methods.append({"id": method["id"], "name": method["name"], "category": category,
                        "permissions": permissions, "source": method["source"]})
    return json.dumps({"source": source["sources"], "methods": methods}, indent=1) + "\n"


def main(arguments):
    if len(arguments) != 3:
        sys.exit(__doc__)
    resources, roles, sets = (json.loads(pathlib.Path(path).read_text()) for path in arguments)
    DATA.mkdir(parents=True, exist_ok=True)
    (DATA / "api-resources.tsv").write_text(catalogue(resources))
    (DATA / "bootstrap-cluster-roles.json").write_text(bootstrap(roles))
    (ROOT / "src/catalogue/data/escalation-kubernetes.json").write_text(escalation(sets, resources))


main(sys.argv[1:])
