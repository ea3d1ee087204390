#!/usr/bin/env bash
# Watches the code of the Go services and updates those of a deployed development
# stack whose code changes, until Ctrl-C.
#
#   tools/dev-reload.sh ENVIRONMENT
#
# A change in pkg or proto is a change of all services. A version that does not
# build is left out; one that does not become healthy is rolled back.
set -euo pipefail
cd "$(dirname "$0")/.."
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
stamp=$(mktemp)
trap 'rm -f "$stamp"' EXIT
changed() { find "$@" \( -name '*.go' -o -name '*.sql' -o -name '*.html' -o -name '*.css' \) -newer "$stamp" -print -quit; }

say 'watching; Ctrl-C ends it'
while sleep 1; do
  names=()
  for name in "${!SERVICES[@]}"; do
    [ -z "$(changed pkg proto "services/$name")" ] || names+=("$name")
  done
  [ ${#names[@]} -gt 0 ] || continue
  touch "$stamp"
  tag=dev-$(date +%s)
  say "building ${names[*]}"
  CLAIR_VERSION=$tag tools/build-images.sh --load --tag "$tag" --platforms "linux/$(go env GOARCH)" "${names[@]}" >/dev/null || continue
  for name in "${names[@]}"; do
    for service in ${SERVICES[$name]}; do
      NO_RESOLVE_IMAGE=true tools/update-services.sh "$file" "$service" "${CLAIR_REGISTRY:-clairberlin}/$name:$tag" || true
    done
  done
done
