#!/usr/bin/env bash
# Says how a deployed stack is: services, versions, tasks that failed, and what each
# task of its services says itself: do PostgreSQL, Redis, the broker and ingestair
# answer it? Exit status 0: all is well, 4: it is not.
#
#   tools/status.sh ENVIRONMENT
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/lib/stack.sh
options "$@"
require_stack

code=0
printf '%-28s %-10s %-44s %s\n' SERVICE TASKS IMAGE STATE
remember_updates
names=$(services)
for service in $names; do
  problem=$(problem_of "$service")
  [ -z "$problem" ] || code=$EXIT_NOT_HEALTHY
  state=${UPDATES[$service]%% *}
  case $state in
    rollback_* | paused) problem+=${problem:+, }"last update: $state" ;;
  esac
  IFS='|' read -r replicas image < <(on service ls --filter "name=$service" --format '{{.Name}}|{{.Replicas}}|{{.Image}}' |
    sed -n "s/^$service|//p") || replicas='?' image='?'
  printf '%-28s %-10s %-44s %s\n' "$service" "$replicas" "$image" "${problem:-well}"
done

if said=$(services_say); then
  printf '\nAll services say that they are well.\n'
elif [ -n "$said" ]; then
  code=$EXIT_NOT_HEALTHY
  printf '\nNOT WELL, as the services themselves say:\n%s\n' "$said"
else
  printf '\nNo task of managair_server can be reached from here, to ask how the services are.\n'
fi

failures=$(for service in $names; do
  on service ps --no-trunc --filter desired-state=shutdown \
    --format '{{.Name}} on {{.Node}}: {{.CurrentState}} {{.Error}}' "$service" | grep -E 'Failed|Rejected' | head -n 2
done || true)
if [ -n "$failures" ]; then
  printf '\nTasks that failed lately:\n%s\n' "$failures"
fi

for name in $(deployed_secret_names); do
  if [ "$(cat "$SECRETS/$name" 2>/dev/null)" = placeholder ]; then
    printf '\nThe secret %s is a placeholder.\n' "$name"
  fi
done
exit "$code"
