#!/bin/sh
# Collects the Kubernetes evidence that authgap reads: who is bound to which role, what runs as which
# service account, and how old token secrets were last used. Printed by `authgap evidence kubernetes`.
#
#   sh evidence.sh [FOLDER]        default: ./authgap-evidence-kubernetes-CONTEXT
#
# Reads only: each call is a `kubectl get` or `kubectl config view`. Of secrets only names, types,
# labels and annotations leave the cluster's API by way of this script, never their contents. Needs
# kubectl and POSIX tools; the audit log is not collected here, see docs/platforms/kubernetes.md.
#
#   AUTHGAP_CONTEXT=NAME       default: the current context
#
# A refused call does not stop it: refused.tsv lists each with its exit code and error.
# Ends with 0 when it went through (refused calls included), 1 when the cluster cannot be reached, 2
# when the folder or an argument cannot be used.
set -u
umask 077

say() { printf '%s\n' "$*" >&2; }
fail() { code=$1; shift; say "error: $*"; exit "$code"; }

# json_text TEXT: TEXT as the inside of a JSON string.
json_text() { printf '%s' "$1" | LC_ALL=C tr -d '\000-\037' | LC_ALL=C sed 's/[\"]/\\&/g'; }

# file_name TEXT: TEXT as one portable file name.
file_name() { printf '%s\n' "$1" | LC_ALL=C sed 's/[^A-Za-z0-9._=,@+-]/_/g' | cut -c1-160; }

now() { date -u +%Y-%m-%dT%H:%M:%SZ; }

[ $# -le 1 ] || fail 2 "one argument at most: the folder"
command -v kubectl >/dev/null 2>&1 || fail 2 "kubectl is not installed"

context=${AUTHGAP_CONTEXT:-$(kubectl config current-context 2>/dev/null)}
[ -n "$context" ] || fail 2 "no current context: set AUTHGAP_CONTEXT"

out=${1:-./authgap-evidence-kubernetes-$(file_name "$context")}
case $out in
-*) fail 2 "$out looks like an option" ;;
esac
if [ -e "$out" ]; then
    [ -f "$out/collection.json" ] || fail 2 "$out exists and is no earlier collection"
    rm -f "$out"/*.json "$out"/refused.tsv
fi
mkdir -p "$out" || fail 2 "cannot make $out"

# refused CODE ERRORS ARGS...: notes `kubectl ARGS` with the first line of the file ERRORS.
refused() {
    code=$1 errors=$2
    shift 2
    line=$(LC_ALL=C sed -n '/[^[:space:]]/{p;q;}' "$errors" | LC_ALL=C cut -c1-400 |
        LC_ALL=C tr '[:cntrl:]' ' ')
    command=$(printf '%s' "kubectl $*" | LC_ALL=C tr '[:cntrl:]' ' ')
    printf '%s\t%s\t%s\n' "$command" "$code" "$line" >>"$out/refused.tsv"
    say "refused: kubectl $*: $line"
}

# call FILE ARGS...: writes what `kubectl ARGS` prints into FILE; no FILE when it is refused.
call() {
    target=$1
    shift
    if kubectl --context="$context" --request-timeout=120s "$@" >"$target.part" 2>"$target.err" \
        </dev/null; then
        mv -f "$target.part" "$target"
        rm -f "$target.err"
        return 0
    else
        code=$?
    fi
    refused "$code" "$target.err" "$@"
    rm -f "$target.part" "$target.err"
    return 1
}

# collection FINISHED COMPLETE: what this folder is. A later run replaces only a folder that has it.
collection() {
    printf '{"Collector": "authgap evidence kubernetes", "Version": 1, "Context": "%s",\n' \
        "$(json_text "$context")"
    printf ' "Started": "%s", "Finished": %s, "Complete": %s}\n' "$started" "$1" "$2"
}

started=$(now)
collection null false >"$out/collection.json"

kubectl --context="$context" --request-timeout=30s version -o json \
    >"$out/version.part" 2>"$out/version.err" </dev/null || {
    line=$(sed -n '/[^[:space:]]/{p;q;}' "$out/version.err")
    rm -f "$out/version.part" "$out/version.err"
    fail 1 "the cluster of context $context cannot be reached: $line"
}
rm -f "$out/version.part" "$out/version.err"

# A file a kind, so that a refusal costs that kind alone.
for kind in clusterroles clusterrolebindings; do
    call "$out/$kind.json" get "$kind.rbac.authorization.k8s.io" -o json
done
for kind in roles rolebindings; do
    call "$out/$kind.json" get "$kind.rbac.authorization.k8s.io" --all-namespaces -o json
done
call "$out/namespaces.json" get namespaces -o json
call "$out/serviceaccounts.json" get serviceaccounts --all-namespaces -o json

# What runs as which account: names alone, no environment variables and no commands.
# template KIND APIVERSION PATH: one object a line with the account that its Pods run as.
template() {
    printf '%s' "{range .items[*]}{\"{\\\"apiVersion\\\":\\\"$2\\\",\\\"kind\\\":\\\"$1\\\",\\\"metadata\\\":{\\\"name\\\":\\\"\"}"
    printf '%s' '{.metadata.name}{"\",\"namespace\":\""}{.metadata.namespace}{"\"},\"spec\":{\"template\":{\"spec\":{\"serviceAccountName\":\""}'
    printf '%s' "{.spec.$3.spec.serviceAccountName}"
    printf '%s' '{"\"}}}}\n"}{end}'
}
while IFS=' ' read -r plural kind version; do
    call "$out/$plural.json" get "$plural" --all-namespaces \
        -o jsonpath="$(template "$kind" "$version" template)"
done <<'KINDS'
deployments.apps Deployment apps/v1
statefulsets.apps StatefulSet apps/v1
daemonsets.apps DaemonSet apps/v1
jobs.batch Job batch/v1
replicationcontrollers ReplicationController v1
KINDS
cronjob='{range .items[*]}{"{\"apiVersion\":\"batch/v1\",\"kind\":\"CronJob\",\"metadata\":{\"name\":\""}{.metadata.name}{"\",\"namespace\":\""}{.metadata.namespace}{"\"},\"spec\":{\"jobTemplate\":{\"spec\":{\"template\":{\"spec\":{\"serviceAccountName\":\""}{.spec.jobTemplate.spec.template.spec.serviceAccountName}{"\"}}}}}}\n"}{end}'
call "$out/cronjobs.batch.json" get cronjobs.batch --all-namespaces -o jsonpath="$cronjob"
pod='{range .items[*]}{"{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\""}{.metadata.name}{"\",\"namespace\":\""}{.metadata.namespace}{"\",\"ownerReferences\":[{\"controller\":true,\"kind\":\""}{.metadata.ownerReferences[0].kind}{"\",\"name\":\""}{.metadata.ownerReferences[0].name}{"\"}]},\"spec\":{\"serviceAccountName\":\""}{.spec.serviceAccountName}{"\"}}\n"}{end}'
call "$out/pods.json" get pods --all-namespaces -o jsonpath="$pod"

# Token secrets: metadata alone. The template names each field; `.data` is not among them.
token='{range .items[*]}{"{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"type\":\""}{.type}{"\",\"metadata\":{\"name\":\""}{.metadata.name}{"\",\"namespace\":\""}{.metadata.namespace}{"\",\"creationTimestamp\":\""}{.metadata.creationTimestamp}{"\",\"annotations\":{\"kubernetes.io/service-account.name\":\""}{.metadata.annotations.kubernetes\.io/service-account\.name}{"\"},\"labels\":{\"kubernetes.io/legacy-token-last-used\":\""}{.metadata.labels.kubernetes\.io/legacy-token-last-used}{"\",\"kubernetes.io/legacy-token-invalid-since\":\""}{.metadata.labels.kubernetes\.io/legacy-token-invalid-since}{"\"}}}\n"}{end}'
call "$out/token-secrets.json" get secrets --all-namespaces \
    --field-selector=type=kubernetes.io/service-account-token -o jsonpath="$token"

# EKS: which IAM roles and users are who in the cluster. No other cluster has it.
if kubectl --context="$context" get configmap aws-auth -n kube-system -o name >/dev/null 2>&1 </dev/null; then
    call "$out/aws-auth.json" get configmap aws-auth -n kube-system -o json
fi

if [ -f "$out/refused.tsv" ]; then
    complete=false
    say "some calls were refused: $out/refused.tsv"
else
    complete=true
fi
collection "\"$(now)\"" "$complete" >"$out/collection.json"
say "written: $out"
