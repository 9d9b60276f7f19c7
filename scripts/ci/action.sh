#!/usr/bin/env bash
# The check step of action.yml: AUTHGAP_PATHS, one a line, become arguments of check.sh.
set -euo pipefail

paths=()
while IFS= read -r path; do
    if [ -n "$path" ]; then
        paths+=("$path")
    fi
done <<<"${AUTHGAP_PATHS:-}"
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
exec "$here/check.sh" "${paths[@]}"
