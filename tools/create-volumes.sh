#!/usr/bin/env bash
# Makes the volumes of a stack that are missing, and leaves the others alone.
#
#   tools/create-volumes.sh ENVIRONMENT [-y]
#
# They do not belong to the stack, so that removing the stack never removes data.
# With several nodes, run it in the context of the node that DATA_NODE names.
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/lib/stack.sh
options "$@"
confirm 'make volumes'

for word in $DOCKER_STACK_DEPLOY_ARGS; do
  [[ $word == *.yml ]] || continue
  while read -r name; do
    volume=${CLAIR_STACK}_$name
    if ! on volume inspect "$volume" >/dev/null 2>&1; then
      on volume create --label "clair.stack=$CLAIR_STACK" "$volume" >/dev/null </dev/null
      say "made $volume"
    fi
  done < <(sed -n '/^volumes:/,/^[^ #]/s/^  \([a-z_0-9]*\):$/\1/p' "$word")
  wait "$!" # with the exit code of what was read
done
