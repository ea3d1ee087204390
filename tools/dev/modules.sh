#!/usr/bin/env bash
# Prints the folders of the workspace's modules, one a line: ./pkg, ./proto, ...
set -euo pipefail
cd "$(dirname "$0")/../.."
. tools/lib/help.sh
go list -m -f '{{.Dir}}' | sed "s|^$PWD|.|"
