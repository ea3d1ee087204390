#!/usr/bin/env bash
# Gives services of a deployed stack other images, one service after the other,
# without a break in service, and waits until each is healthy.
#
#   tools/update-services.sh ENVIRONMENT [-y] SERVICE IMAGE [SERVICE IMAGE...]
#
#   tools/update-services.sh prod ingestair clairberlin/ingestair:3f2a90c1b7de
#
# The first that does not become healthy ends it; the swarm brings its old image
# back. The next tools/deploy-stack.sh deploys CLAIR_VERSION again. Migrations are
# not run; that is what tools/deploy-stack.sh is for. TIMEOUT (default 300) is the
# number of seconds for one service. Exit status: 0 healthy, 1 failed, 2 wrong
# usage, 3 not confirmed, 4 not healthy in time, 5 rolled back.
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/lib/stack.sh
options "$@"
if [ ${#ARGS[@]} -eq 0 ] || [ $((${#ARGS[@]} % 2)) -ne 0 ]; then
  fail -2 "pairs of service and image are needed"
fi
confirm "update ${ARGS[*]}"

for ((i = 0; i < ${#ARGS[@]}; i += 2)); do
  service=$(full_name "${ARGS[i]}")
  remember_updates
  # An image that this machine has needs no registry.
  on service update --quiet --detach --with-registry-auth \
    ${NO_RESOLVE_IMAGE:+--no-resolve-image} --image "${ARGS[i + 1]}" "$service" >/dev/null
  wait_until_healthy "${TIMEOUT:-300}" "$service"
  say "$service runs ${ARGS[i + 1]}"
done
