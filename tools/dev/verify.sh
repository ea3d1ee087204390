#!/usr/bin/env bash
# Checks that what is derived is current: generated code, and each module's
# go.mod and go.sum, with which it must build also outside the workspace.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tools/lib/help.sh
. tools/lib/goflags.sh

tools/dev/generate.sh --check
tools/dev/variables.sh
export GOWORK=off
for module in $(GOWORK='' tools/dev/modules.sh); do
  echo "verify: $module"
  (cd "$module" && go mod tidy -diff && go build -o /dev/null ./...) || {
    echo "verify: $module does not stand alone; run 'go mod tidy' in it with GOWORK=off" >&2
    exit 1
  }
done
