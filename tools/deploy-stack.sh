#!/usr/bin/env bash
# Deploys a stack, or brings a deployed one to what its files say, and waits until
# it is healthy.
#
#   tools/deploy-stack.sh ENVIRONMENT [-y] [--timeout SECONDS] [--no-migrate]
#
# The schema of the database is migrated first, by a job of its own; the old
# version runs on it meanwhile. Deploying again without a change restarts nothing.
# A version that does not become healthy is rolled back by the swarm.
#
#   --timeout     seconds until it must be healthy (default 600)
#   --no-migrate  leave the schema alone
#
# CLAIR_VERSION says which images (default: the commit of this tree).
# Exit status: 0 healthy, 1 failed, 2 wrong usage, 3 not confirmed, 4 not healthy
# in time, 5 rolled back.
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/lib/stack.sh
options "$@"

timeout=600 migrate=true
while [ ${#ARGS[@]} -gt 0 ]; do
  case ${ARGS[0]} in
    --timeout)
      timeout=${ARGS[1]-}
      number --timeout "$timeout"
      ARGS=("${ARGS[@]:1}")
      ;;
    --no-migrate) migrate=false ;;
    -y | --yes) ASSUME_YES=true ;;
    *) fail -2 "unknown argument '${ARGS[0]}'" ;;
  esac
  ARGS=("${ARGS[@]:1}")
done
tell_unread_variables
before=$(services)
# Of an earlier version that runs, or of one that was rolled back, no task has a name at
# Redis yet. Redis takes such callers until all tasks are new ones, and then no more.
REDIS_OPEN=false
if [[ $'\n'$(deployed_secret_names)$'\n' == *$'\n'redis_acl$'\n'* ]]; then
  for service in $before; do
    case $service in
      *managair_server | *managair_worker | *_ingestair | *_forwarder)
        given=$(on service inspect --format '{{json .Spec.TaskTemplate.ContainerSpec.Secrets}}' "$service") ||
          fail "it cannot be seen what $service knows of Redis; nothing was deployed"
        [[ $given == *redis_* ]] || REDIS_OPEN=true
        ;;
    esac
  done
fi
# Services of an earlier version log in to the database as its owner. The migration makes
# the roles with which those of this version do.
if [[ $'\n'$(deployed_secret_names)$'\n' == *$'\n'db_managair$'\n'* ]] && ! $migrate; then
  for service in $before; do
    case $service in
      *managair_server | *managair_worker | *_ingestair)
        given=$(on service inspect --format '{{json .Spec.TaskTemplate.ContainerSpec.Secrets}}' "$service") ||
          fail "it cannot be seen how $service logs in to the database; nothing was deployed"
        [[ $given == *db_managair* || $given == *db_ingestair* ]] || migrate=true
        ;;
    esac
  done
fi
export_secret_versions
confirm "deploy version $CLAIR_VERSION"

[ "$(on info --format '{{.Swarm.ControlAvailable}}')" = true ] ||
  fail "the engine is no manager of a swarm; 'docker swarm init' makes it one"

[[ $'\n'$before$'\n' != *_db$'\n'* ]] || same_cluster
remember_updates
if [ -n "$before" ] && [[ $'\n'$before$'\n' != *_socket_proxy$'\n'* ]]; then
  fetch_socket_proxy || fail "not every manager has the image of the socket proxy (NGINX_IMAGE); nothing was deployed"
fi
if $migrate && [ -n "$before" ]; then
  JOB_TIMEOUT=$timeout run_managair migrate || fail "the schema could not be migrated; nothing was deployed"
fi

deploy_stack

if [ -z "$before" ] && ! cmp -s "$SECRETS/db_initial_password" "$SECRETS/db_password"; then
  # A new database has been made with the first password of all.
  wait_until_healthy "$timeout" "$(full_name db)"
  set_db_password "$(cat "$SECRETS/db_password")" || fail "the database could not be given its password"
fi
if $migrate && [ -z "$before" ]; then
  wait_until_healthy "$timeout" "$(full_name db)"
  JOB_TIMEOUT=$timeout run_managair migrate || fail "the schema could not be migrated"
fi
wait_until_healthy "$timeout"
if $REDIS_OPEN; then
  REDIS_OPEN=false
  say "all tasks have names at Redis; now it takes no others"
  export_secret_versions
  remember_updates
  deploy_stack
  wait_until_healthy "$timeout"
fi
# New tasks may take a moment to connect, and old ones to end. The broker and the network
# server are not ours: that the one does not answer, or that our key lacks a right at the
# other, is said, but is no reason to call the deployment a failure.
inside=''
for ((i = 0; i < 20; i++)); do
  said=$(services_say) && inside='' && break
  inside=$(grep -Ev ' (broker|rights): ' <<<"$said") || true
  [ -n "$inside" ] || break
  sleep 1
done
[ -z "$said" ] || say "NOT WELL, as the services themselves say:"$'\n'"$said"
[ -z "$inside" ] || exit "$EXIT_NOT_HEALTHY"
say "version $CLAIR_VERSION is healthy"
