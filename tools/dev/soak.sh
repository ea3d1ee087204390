#!/usr/bin/env bash
# Kills the ingestair and PostgreSQL under load for long, and looks whether anything
# that was acknowledged is lost.
#
#   tools/dev/soak.sh [ROUNDS]       default: 1000
set -euo pipefail
cd "$(dirname "$0")/../.."
. tools/lib/help.sh
SOAK_ROUNDS=${1:-1000} exec go test -timeout 12h -v -run TestKilledUnderLoad ./tools/devstack/internal/soak
