#!/usr/bin/env bash
# Restarts services of a deployed stack, one task after the other, and waits until
# they are healthy.
#
#   tools/restart-service.sh ENVIRONMENT [-y] SERVICE...
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/lib/stack.sh
options "$@"
[ ${#ARGS[@]} -gt 0 ] || fail -2 "which service? $(services | tr '\n' ' ')"
confirm "restart ${ARGS[*]}"

remember_updates
for name in "${ARGS[@]}"; do
  service=$(full_name "$name")
  on service update --quiet --detach --force "$service" >/dev/null
  wait_until_healthy "${TIMEOUT:-300}" "$service"
  say "$service was restarted"
done
