#!/usr/bin/env bash
# Shows the logs of a service of a deployed stack as they are written.
#
#   tools/follow-logs.sh ENVIRONMENT SERVICE [OPTION OF docker service logs...]
#
#   tools/follow-logs.sh prod ingestair --since 10m
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/lib/stack.sh
options "$@"
[ ${#ARGS[@]} -gt 0 ] || fail -2 "which service? $(services | tr '\n' ' ')"
on service logs --follow --tail "${TAIL:-100}" "${ARGS[@]:1}" "$(full_name "${ARGS[0]}")"
