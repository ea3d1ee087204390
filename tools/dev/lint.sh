#!/usr/bin/env bash
# Everything that can be said about the code without running it.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tools/lib/help.sh
. tools/lib/goflags.sh

mapfile -t modules < <(tools/dev/modules.sh)
wait "$!" # with its exit code, which mapfile does not have
mapfile -t scripts < <(git ls-files --cached --others --exclude-standard -- '*.sh' .ci/run)
wait "$!"
PATH=$(tools/dev/gotools.sh golangci-lint buf):$PATH

(cd proto && buf lint)
shellcheck "${scripts[@]}"
tools/dev/prose.sh
# One run over the whole workspace loads what the modules share only once.
golangci-lint run "${modules[@]/%//...}"
tools/dev/frontend.sh check
