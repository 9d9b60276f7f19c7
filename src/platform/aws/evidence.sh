#!/bin/sh
# Collects the AWS evidence that authgap reads: who may do what, who last did what, and which
# calls the trails record. Printed by `authgap evidence aws`.
#
#   sh evidence.sh [FOLDER]        default: ./authgap-evidence-aws-ACCOUNT
#
# Reads only: each call is a List, Get, Describe, or starts a report of IAM's own. No secret value
# and no object is read, no function's configuration is kept. Needs the AWS CLI and POSIX tools.
#
#   AUTHGAP_REGIONS="eu-west-1 us-east-1"   default: every Region enabled for the account
#   AUTHGAP_JOBS=4                          calls at a time
#   AUTHGAP_RESUME=1                        keep the files that an interrupted run has written
#
# A refused call does not stop it: refused.tsv lists each with its exit code and error.
# Ends with 0 when it went through (refused calls included), 1 when the credentials are missing or
# ended on the way, 2 when the folder or an argument cannot be used.
set -u
umask 077
export AWS_PAGER='' AWS_CLI_AUTO_PROMPT=off PYTHONIOENCODING=utf-8
export AWS_RETRY_MODE="${AWS_RETRY_MODE:-standard}" AWS_MAX_ATTEMPTS="${AWS_MAX_ATTEMPTS:-8}"

say() { printf '%s\n' "$*" >&2; }
fail() { code=$1; shift; say "error: $*"; exit "$code"; }

# json_text TEXT: TEXT as the inside of a JSON string. IAM paths may hold quotes and backslashes.
json_text() { printf '%s' "$1" | LC_ALL=C tr -d '\000-\037' | LC_ALL=C sed 's/[\"]/\\&/g'; }

# file_name TEXT: TEXT as one portable file name; a long one is cut and ends in its checksum.
file_name() (
    name=$(printf '%s\n' "$1" |
        LC_ALL=C sed 's/%/%25/g; s,/,%2f,g; s/:/_/g; s/[^A-Za-z0-9._=,@+%-]/_/g')
    if [ "${#name}" -gt 180 ]; then
        sum=$(printf '%s' "$1" | cksum | cut -d' ' -f1)
        name=$(printf '%s\n' "$name" | cut -c1-160)-$sum
    fi
    printf '%s\n' "$name"
)

# field NAME FILE: each string member NAME of the CLI's JSON, which has one member a line.
field() { LC_ALL=C sed -n "s/^ *\"$1\": \"\\(.*\\)\",*\$/\\1/p" "$2"; }

# ids FILE: the members Id, those that can be a file name.
ids() { field Id "$1" | grep -E '^[a-z0-9-]+$'; }

# have FILE: a run that is resumed has it already.
have() { [ -n "${AUTHGAP_RESUME:-}" ] && [ -s "$1" ]; }

# refused CODE ERRORS ARGS...: notes `aws ARGS` with the first line of the file ERRORS.
refused() (
    code=$1 errors=$2
    shift 2
    line=$(LC_ALL=C sed -n '/[^[:space:]]/{p;q;}' "$errors" | LC_ALL=C cut -c1-400 |
        LC_ALL=C tr '[:cntrl:]' ' ')
    command=$(printf '%s' "aws $*" | LC_ALL=C tr '[:cntrl:]' ' ')
    printf '%s\t%s\t%s\n' "$command" "$code" "$line" >>"$out/refused.tsv"
    case $line in
    *ExpiredToken* | *'oken has expired'* | *'Unable to locate credentials'*)
        mkdir -p "$work/stop"
        ;;
    esac
)

# call FILE ARGS...: writes what `aws ARGS` prints into FILE. When the call is refused there is no
# FILE afterwards, and the status is 1; 2 when the error is $none, which means that there is none.
none=''
call() (
    target=$1
    shift
    [ ! -d "$work/stop" ] || exit 1
    if aws "$@" --output json >"$target.part" 2>"$target.err" </dev/null; then
        [ -s "$target.part" ] || printf '{}\n' >"$target.part"
        rm -f "$target.err"
        mv -f "$target.part" "$target"
        exit 0
    else
        code=$?
    fi
    status=1
    if [ -n "$none" ] && grep -q "($none)" "$target.err"; then
        status=2
    else
        refused "$code" "$target.err" "$@"
    fi
    rm -f "$target" "$target.part" "$target.err"
    exit "$status"
)

# named MEMBER VALUE FILE TARGET: FILE with a first member that says whose it is, as TARGET.
named() {
    {
        printf '{"%s": "%s"' "$1" "$(json_text "$2")"
        LC_ALL=C sed -e '1s/^{}$/}/' -e '1s/^{/,/' "$3"
    } >"$4.part" && mv -f "$4.part" "$4"
    rm -f "$3"
}

# call_for MEMBER VALUE FILE ARGS...: `call`, for a response that does not say whose it is.
call_for() (
    member=$1 value=$2 target=$3
    shift 3
    call "$target.raw" "$@" || { code=$?; rm -f "$target"; exit "$code"; }
    named "$member" "$value" "$target.raw" "$target"
)

# list ARGS...: what a --query selects, one a line. Pages that came before a refusal are kept.
list() (
    [ ! -d "$work/stop" ] || exit 1
    aws "$@" --output text 2>"$work/list.err" </dev/null || refused "$?" "$work/list.err" "$@"
)

# each COMMAND...: runs COMMAND LINE for every line of the input, AUTHGAP_JOBS at a time.
each() {
    running=0
    while IFS= read -r item; do
        [ -n "$item" ] || continue
        "$@" "$item" </dev/null &
        running=$((running + 1))
        [ "$running" -lt "$jobs" ] || { wait; running=0; }
    done
    wait
}

# collection FINISHED COMPLETE: what this folder is. A later run replaces only a folder that has it.
collection() {
    printf '{"Collector": "authgap evidence aws", "Version": 1, "Account": "%s",\n' "$account"
    printf ' "Partition": "%s", "CallerArn": "%s",\n "Regions": [%s],\n' \
        "$partition" "$(json_text "$caller")" "$region_list"
    printf ' "Started": "%s", "Finished": %s, "Complete": %s}\n' "$started" "$1" "$2"
}

now() { date -u +%Y-%m-%dT%H:%M:%SZ; }

credential_report() {
    tries=0
    while [ "$tries" -lt 30 ]; do
        call "$work/report.json" iam generate-credential-report || return 0
        [ "$(field State "$work/report.json")" != COMPLETE ] || break
        tries=$((tries + 1))
        sleep 2
    done
    call "$out/credential-report.json" iam get-credential-report
}

access_keys() (
    user=${1##*/}
    keys=$out/access-keys/$(file_name "$user").json
    have "$keys" || call "$keys" iam list-access-keys --user-name="$user" || exit 0
    field AccessKeyId "$keys" | while IFS= read -r key; do
        used=$out/access-key-last-used/$(file_name "$key").json
        have "$used" || call_for AccessKeyId "$key" "$used" \
            iam get-access-key-last-used --access-key-id="$key"
    done
)

# report_name ARN: role-NAME or user-NAME; names are unique in an account, paths are left out.
report_name() (
    rest=${1#arn:*:iam::*:}
    file_name "${rest%%/*}-${1##*/}"
)

start_report() (
    name=$(report_name "$1")
    have "$out/last-accessed/$name.json" || call "$work/job-$name" \
        iam generate-service-last-accessed-details --arn="$1" --granularity=ACTION_LEVEL
)

# IAM makes the reports in the background, and the CLI does not page this one.
fetch_report() (
    arn=$1 name=$(report_name "$1") page=1 marker='' tries=0
    job=$work/job-$name
    answer=$work/answer-$name
    target=$out/last-accessed/$name.json
    [ -s "$job" ] || exit 0
    job=$(field JobId "$job")
    while :; do
        call "$answer" iam get-service-last-accessed-details --job-id="$job" --max-items=1000 \
            ${marker:+"--marker=$marker"} || exit 0
        state=$(field JobStatus "$answer")
        case $state in
        IN_PROGRESS) [ "$tries" -ge 60 ] || { tries=$((tries + 1)); sleep 2; continue; } ;;
        COMPLETED)
            marker=$(field Marker "$answer")
            grep -q '^ *"IsTruncated": true' "$answer" || marker=''
            named Arn "$arn" "$answer" "$target"
            [ -n "$marker" ] || exit 0
            page=$((page + 1))
            target=$out/last-accessed/$name.page-$page.json
            continue
            ;;
        esac
        printf 'the report of %s is %s\n' "$arn" "$state" >"$answer.err"
        refused 0 "$answer.err" iam get-service-last-accessed-details --job-id="$job"
        exit 0
    done
)

trails() {
    call_for Region "$1" "$out/cloudtrail/trails-$1.json" cloudtrail describe-trails --region="$1"
}

# A trail lives in its home Region, the fourth part of its ARN.
trail() (
    home=${1#arn:*:cloudtrail:}
    home=${home%%:*}
    name=$(file_name "${1#arn:*:cloudtrail:}")
    call "$out/cloudtrail/selectors-$name.json" \
        cloudtrail get-event-selectors --trail-name="$1" --region="$home"
    call_for TrailARN "$1" "$out/cloudtrail/status-$name.json" \
        cloudtrail get-trail-status --name="$1" --region="$home"
)

unit() {
    call_for ParentId "$1" "$org/units-$1.json" \
        organizations list-organizational-units-for-parent --parent-id="$1" &&
        ids "$org/units-$1.json" >>"$work/units"
    # The owners' e-mail addresses are left out.
    call_for ParentId "$1" "$org/accounts-$1.json" \
        organizations list-accounts-for-parent --parent-id="$1" --query \
        '{Accounts: Accounts[].{Arn: Arn, Id: Id, Name: Name, State: State, Status: Status}}' &&
        ids "$org/accounts-$1.json" >>"$work/accounts"
}

organization_policy() {
    call "$org/policy-$1.json" organizations describe-policy --policy-id="$1"
    call_for PolicyId "$1" "$org/targets-$1.json" \
        organizations list-targets-for-policy --policy-id="$1"
}

attached() {
    for type in SERVICE_CONTROL_POLICY RESOURCE_CONTROL_POLICY; do
        call_for TargetId "$1" "$org/attached-$1-$type.json" \
            organizations list-policies-for-target --target-id="$1" --filter="$type"
    done
}

organization() {
    call "$org/organization.json" organizations describe-organization || return 0
    call "$org/roots.json" organizations list-roots || return 0
    ids "$org/roots.json" >"$work/units"
    : >"$work/accounts"
    # The list grows while it is read: each unit adds its children.
    while IFS= read -r parent; do
        unit "$parent"
    done <"$work/units"
    for type in SERVICE_CONTROL_POLICY RESOURCE_CONTROL_POLICY; do
        call "$org/policies-$type.json" organizations list-policies --filter="$type" &&
            ids "$org/policies-$type.json" | each organization_policy
    done
    cat "$work/units" "$work/accounts" | each attached
}

# policy SERVICE ARN NONE ARGS...: the policy of one resource; null when the error is NONE.
policy() (
    service=$1 arn=$2 none=$3
    shift 3
    name=$(file_name "${arn#arn:*:"$service":}")
    # Names that differ only in case would be one file where the file system ignores it.
    case $name in
    *[A-Z]*) name=$name-$(printf '%s' "$arn" | cksum | cut -d' ' -f1) ;;
    esac
    target=$out/resource-policies/$service/${name#__}.json
    ! have "$target" || exit 0
    call "$target.raw" "$@"
    case $? in
    0) ;;
    2) printf 'null\n' >"$target.raw" ;;
    *) rm -f "$target"; exit 0 ;;
    esac
    {
        printf '{"ResourceArn": "%s", "Policy": ' "$(json_text "$arn")"
        cat "$target.raw"
        printf '}\n'
    } >"$target.part" && mv -f "$target.part" "$target"
    rm -f "$target.raw"
)

bucket_policy() {
    policy s3 "arn:$partition:s3:::$1" NoSuchBucketPolicy s3api get-bucket-policy --bucket="$1"
}
key_policy() {
    policy kms "$1" '' kms get-key-policy --key-id="$1" --policy-name=default --region="$region"
}
queue_policy() {
    policy sqs "arn:$partition:sqs:$region:$account:${1##*/}" '' sqs get-queue-attributes \
        --queue-url="$1" --attribute-names Policy QueueArn --region="$region"
}
topic_policy() {
    policy sns "$1" '' sns get-topic-attributes --topic-arn="$1" --region="$region"
}
function_policy() {
    policy lambda "$1" ResourceNotFoundException \
        lambda get-policy --function-name="$1" --region="$region"
}
secret_policy() {
    policy secretsmanager "$1" '' \
        secretsmanager get-resource-policy --secret-id="$1" --region="$region"
}
repository_policy() {
    policy ecr "$1" RepositoryPolicyNotFoundException \
        ecr get-repository-policy --repository-name="${1#arn:*:repository/}" --region="$region"
}

regional_policies() {
    region=$1
    say "resource policies: $region"
    list kms list-keys --query 'Keys[].[KeyArn]' --region="$region" | grep '^arn:' | each key_policy
    list sqs list-queues --query 'QueueUrls[].[@]' --region="$region" |
        grep '^http' | each queue_policy
    list sns list-topics --query 'Topics[].[TopicArn]' --region="$region" |
        grep '^arn:' | each topic_policy
    list lambda list-functions --query 'Functions[].[FunctionArn]' --region="$region" |
        grep '^arn:' | each function_policy
    list secretsmanager list-secrets --query 'SecretList[].[ARN]' --region="$region" |
        grep '^arn:' | each secret_policy
    list ecr describe-repositories --query 'repositories[].[repositoryArn]' --region="$region" |
        grep '^arn:' | each repository_policy
}

case ${1:-} in
-*) fail 2 'usage: sh evidence.sh [FOLDER]; AUTHGAP_REGIONS, AUTHGAP_JOBS, AUTHGAP_RESUME' ;;
esac
command -v aws >/dev/null 2>&1 || fail 2 'the AWS CLI (aws) is not installed'
jobs=${AUTHGAP_JOBS:-4}
case $jobs in
'' | 0* | *[!0-9]* | ????*) fail 2 'AUTHGAP_JOBS is a number from 1 to 999' ;;
esac
AWS_DEFAULT_REGION=${AWS_DEFAULT_REGION:-${AWS_REGION:-$(aws configure get region 2>/dev/null)}}
export AWS_DEFAULT_REGION="${AWS_DEFAULT_REGION:-us-east-1}"

caller_line=$(aws sts get-caller-identity --query '[Account,Arn]' --output text) ||
    fail 1 'aws sts get-caller-identity failed; log in first'
account=$(printf '%s\n' "$caller_line" | cut -f1)
caller=$(printf '%s\n' "$caller_line" | cut -f2)
partition=$(printf '%s\n' "$caller" | cut -d: -f2)
case $account in
'' | *[!0-9]*) fail 1 'aws sts get-caller-identity did not name an account' ;;
esac

out=${1:-authgap-evidence-aws-$account}
work=$out/.work
org=$out/organization
if [ -n "$(ls -A "$out" 2>/dev/null)" ]; then
    grep -q "\"authgap evidence aws\".*\"Account\": \"$account\"" "$out/collection.json" \
        2>/dev/null || fail 2 "$out is not empty and not an earlier run's folder of $account"
fi
rm -rf "$work"
if [ -z "${AUTHGAP_RESUME:-}" ]; then
    rm -rf "$out/access-keys" "$out/access-key-last-used" "$out/last-accessed" "$out/cloudtrail" \
        "$org" "$out/resource-policies" "$out/account-authorization-details.json" \
        "$out/credential-report.json"
fi
mkdir -p "$work" "$out/access-keys" "$out/access-key-last-used" "$out/last-accessed" \
    "$out/cloudtrail" "$org" || fail 2 "$out cannot be written"
for service in s3 kms sqs sns lambda secretsmanager ecr; do
    mkdir -p "$out/resource-policies/$service"
done
started=$(now)
region_list=''
collection null false >"$out/collection.json" || fail 2 "$out cannot be written"
printf 'command\texit_code\terror\n' >"$out/refused.tsv"
say "account $account, into $out"

if [ -n "${AUTHGAP_REGIONS:-}" ]; then
    printf '%s\n' "$AUTHGAP_REGIONS" | tr ', ' '[\n*]'
else
    list ec2 describe-regions --query 'Regions[].[RegionName]'
fi | grep -E '^[a-z]+(-[a-z0-9]+)+$' | sort -u >"$work/regions"
[ -s "$work/regions" ] || printf '%s\n' "$AWS_DEFAULT_REGION" >"$work/regions"
region_list=$(sed 's/.*/"&"/' "$work/regions" | tr '\n' ',' | sed 's/,$//')

say 'users, roles and policies'
call "$out/account-authorization-details.json" iam get-account-authorization-details
credential_report
list iam list-users --query 'Users[].[Arn]' | grep '^arn:' >"$work/users"
list iam list-roles --query 'Roles[].[Arn]' | grep '^arn:' >"$work/roles"
each access_keys <"$work/users"

say 'trails'
each trails <"$work/regions"
find "$out/cloudtrail" -name 'trails-*.json' -exec cat {} + >"$work/trails"
field TrailARN "$work/trails" | sort -u | each trail

say 'organisation policies'
organization

say 'bucket policies'
list s3api list-buckets --query 'Buckets[].[Name]' | each bucket_policy
while IFS= read -r name; do
    regional_policies "$name"
done <"$work/regions"

say "last accessed: $(cat "$work/users" "$work/roles" | wc -l | tr -d ' ') users and roles"
cat "$work/users" "$work/roles" | each start_report
cat "$work/users" "$work/roles" | each fetch_report

complete=true
[ ! -d "$work/stop" ] || complete=false
collection "\"$(now)\"" "$complete" >"$out/collection.json"
{ sed 1q "$out/refused.tsv"; sed 1d "$out/refused.tsv" | LC_ALL=C sort -u; } >"$work/refused"
mv -f "$work/refused" "$out/refused.tsv"
rm -rf "$work"
count=$(sed 1d "$out/refused.tsv" | wc -l | tr -d ' ')
[ "$count" = 0 ] || say "$count calls were refused: $out/refused.tsv"
[ "$complete" = true ] ||
    fail 1 'the credentials ended before the work did; log in and run again with AUTHGAP_RESUME=1'
say "done: authgap analyze \"$out\""
