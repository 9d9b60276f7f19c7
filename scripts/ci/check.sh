#!/usr/bin/env bash
# Runs the gate on a change: scripts/ci/check.sh PATH...
#
# Configuration and baseline are those of the protected branch, so that a change cannot accept itself; what the change
# would add to them is printed. Without a baseline there the protected branch's own files say what is accepted.
# Paths are within the current folder; the configuration and the baseline are beside each other in it.
#
#   AUTHGAP_BASE      the protected branch, a git ref (default: origin/main)
#   AUTHGAP_BASE_DIR  where its files are put (default: authgap-base in git's own folder)
#   AUTHGAP_AS_OF     today, a date or a time, for the end of waivers (default: today)
#   AUTHGAP_FAIL_ON   severity (default: the configuration's)
#   AUTHGAP_USAGE     a usage store or a JSON report, if there is one
#   AUTHGAP_OUTPUT    files to write, one a line: comment.md, authgap.json, ...
#   AUTHGAP           the program (default: authgap)
#
# Exit status: the gate's. 0 clean, 1 new findings or an ended waiver, 2 no verdict.
set -euo pipefail

if [ "$#" -eq 0 ]; then
    echo 'usage: scripts/ci/check.sh PATH...' >&2
    exit 2
fi
authgap=${AUTHGAP:-authgap}
base=${AUTHGAP_BASE:-origin/main}
git_dir=$(git rev-parse --git-dir) || exit 2
root=${AUTHGAP_BASE_DIR:-$git_dir/authgap-base}
# The same name as the current folder's: `.` stands for what is called by it.
base_dir=$root/$(basename -- "$PWD")

# A ref that begins with a dash would be an option.
case $base in
-*)
    echo "no such ref: $base" >&2
    exit 2
    ;;
esac
if ! git rev-parse --verify --quiet "$base^{commit}" >/dev/null; then
    echo "the protected branch $base is not here: fetch it (fetch-depth: 0)" >&2
    exit 2
fi

paths=()
for path in "$@"; do
    # Within the protected branch the same path is looked for.
    path=${path#"$PWD"/}
    case $path in
    /* | .. | ../* | */../*)
        echo "not within $PWD: $path" >&2
        exit 2
        ;;
    esac
    paths+=("$path")
done

rm -rf -- "$root"
mkdir -p -- "$base_dir"
git archive --format=tar "$base" | tar -x -f - -C "$base_dir" || exit 2

args=(--as-of "${AUTHGAP_AS_OF:-today}")
if [ ! -f "$base_dir/authgap.yaml" ]; then
    # Nothing is accepted by a configuration that is not there yet.
    : >"$base_dir/authgap.yaml"
fi
args+=(--base-config "$base_dir/authgap.yaml")
if [ -f "$base_dir/authgap-baseline.jsonl" ]; then
    args+=(--base-baseline "$base_dir/authgap-baseline.jsonl")
else
    for path in "${paths[@]}"; do
        # A path may be a glob; what is not there yet granted nothing.
        if [ ! -e "$base_dir/$path" ] && ! compgen -G "$base_dir/$path" >/dev/null; then
            mkdir -p -- "$base_dir/$path"
        fi
        args+=(--against "$base_dir/$path")
    done
fi
if [ -n "${AUTHGAP_FAIL_ON:-}" ]; then
    args+=(--fail-on "$AUTHGAP_FAIL_ON")
fi
summary=
while IFS= read -r output; do
    if [ -n "$output" ]; then
        args+=(-o "$output")
    fi
    case $output in
    comment.md | */comment.md) summary=$output ;;
    esac
done <<<"${AUTHGAP_OUTPUT:-}"

if [ -n "${AUTHGAP_USAGE:-}" ]; then
    paths+=("$AUTHGAP_USAGE")
fi

status=0
"$authgap" check "${args[@]}" -- "${paths[@]}" || status=$?

# The step summary of a GitHub job takes Markdown, which this program has escaped, of at most a mebibyte.
if [ -n "${GITHUB_STEP_SUMMARY:-}" ] && [ -n "$summary" ] && [ -f "$summary" ]; then
    cat -- "$summary" >>"$GITHUB_STEP_SUMMARY"
fi
exit "$status"
