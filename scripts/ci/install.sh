#!/usr/bin/env bash
# Makes the program available: what is on the path, else a build of a stated version.
#
#   AUTHGAP_VERSION   version to build if there is none (default: 0.1.0)
set -euo pipefail

if command -v "${AUTHGAP:-authgap}" >/dev/null 2>&1; then
    "${AUTHGAP:-authgap}" --version
    exit 0
fi
cargo install authgap --locked --version "${AUTHGAP_VERSION:-0.1.0}"
