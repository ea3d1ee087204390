#!/usr/bin/env bash
# Turns a dump of samples of the predecessor's ingestair into a fixture that
# tools/load-fixtures.sh loads.
#
#   tools/sampledump2fixture.sh ARGUMENT...
#
# It is clairctl's sampledump2fixture, which tells its arguments with --help.
set -euo pipefail
invoked_from=$PWD
cd "$(dirname "$0")/.."
go build -o bin/clairctl ./tools/clairctl
clairctl=$PWD/bin/clairctl
cd "$invoked_from"
exec "$clairctl" sampledump2fixture "$@"
