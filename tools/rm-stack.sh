#!/usr/bin/env bash
# Removes a stack and waits until it is gone. Volumes and secret files stay.
#
#   tools/rm-stack.sh ENVIRONMENT [-y] [--volumes]
#
#   --volumes  remove the volumes too, and with them ALL DATA; always asks
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/lib/stack.sh
options "$@"

volumes=false
for argument in "${ARGS[@]}"; do
  case $argument in
    --volumes) volumes=true ;;
    -y | --yes) ASSUME_YES=true ;;
    *) fail -2 "unknown argument '$argument'" ;;
  esac
done
if $volumes; then
  confirm_always "remove the stack '$CLAIR_STACK' AND ALL ITS DATA"
else
  confirm "remove the stack '$CLAIR_STACK'"
fi

on stack rm "$CLAIR_STACK" >/dev/null

# The command returns at once; what is deployed too early would get the old networks.
left() {
  on ps --all --quiet --filter "label=com.docker.stack.namespace=$CLAIR_STACK"
  on network ls --quiet --filter "label=com.docker.stack.namespace=$CLAIR_STACK"
  services
}
deadline=$((SECONDS + 180))
while [ -n "$(left)" ]; do
  [ $SECONDS -lt $deadline ] || fail "not all of it is gone: $(left | tr '\n' ' ')"
  sleep 1
done

if $volumes; then
  for volume in $(on volume ls --quiet --filter "label=clair.stack=$CLAIR_STACK"); do
    on volume rm "$volume" >/dev/null
    say "removed $volume"
  done
fi
say "the stack '$CLAIR_STACK' is gone"
