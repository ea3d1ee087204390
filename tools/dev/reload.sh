#!/usr/bin/env bash
# Watches the code of the Go services and updates those of a deployed development
# stack whose code changes, until Ctrl-C.
#
#   tools/dev/reload.sh ENVIRONMENT
#
# A change in pkg or proto is a change of all services. A version that does not
# build is left out; one that does not become healthy is rolled back. New migrations
# and grants are applied first.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tools/lib/stack.sh
file=${1-}
options "$@"
[ "$CONTEXT" = default ] || fail -3 "only for a stack on this machine"
require_stack

declare -A SERVICES=(
  [managair]='managair_server managair_worker'
  [ingestair]=ingestair
  [clairchen-forwarder]=clairchen_forwarder
  [ers-forwarder]=ers_forwarder
)
! services | grep -qx "${CLAIR_STACK}_lorawan_forwarder" || SERVICES[lorawan-forwarder]=lorawan_forwarder
export_secret_versions
# What is newer than "done" has not been looked at.
stamps=$(mktemp -d)
trap 'rm -rf "$stamps"' EXIT
touch "$stamps/done"
changed() {
  find "$@" -type f -newer "$stamps/done" ! -name '.*' ! -name '*~' ! -name '*_test.go' ! -path '*/testdata/*' -print -quit
}

say 'watching; Ctrl-C ends it'
while sleep 1; do
  touch "$stamps/next"
  names=()
  for name in "${!SERVICES[@]}"; do
    [ -z "$(changed pkg proto "services/$name")" ] || names+=("$name")
  done
  [ ${#names[@]} -gt 0 ] || continue
  migrate=false
  [ -z "$(changed pkg/schema)" ] || migrate=true
  mv "$stamps/next" "$stamps/done"
  tag=dev-$(date +%s)
  say "building ${names[*]}"
  tools/build-images.sh --load --tag "$tag" --platforms "linux/$(go env GOARCH)" "${names[@]}" >/dev/null || continue
  if $migrate; then
    CLAIR_VERSION=$tag run_managair migrate || continue
  fi
  for name in "${names[@]}"; do
    for service in ${SERVICES[$name]}; do
      NO_RESOLVE_IMAGE=true tools/update-services.sh "$file" "$service" "${CLAIR_REGISTRY:-clairberlin}/$name:$tag" || true
    done
  done
done
