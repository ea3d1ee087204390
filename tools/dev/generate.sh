#!/usr/bin/env bash
# Writes the code that is generated from other files. With --check it changes
# nothing, and fails where what is committed is not what would be written.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tools/lib/help.sh

PATH=$(tools/dev/gotools.sh buf protoc-gen-go protoc-gen-go-grpc templ):$PATH
# pages are the files of HTML, without their suffixes.
pages() { find services -name '*.templ' -o -name '*_templ.go' | sed 's/\(_templ.go\|.templ\)$//' | sort -u; }
# Where it is called from becomes part of what it writes.
write_page() { (cd "$(dirname "$1")" && templ generate -log-level error -stdout -f "$(basename "$1").templ"); }
# What forms of the web frontend may hold, as the inventory's rules have it.
limits=services/static-frontend/src/lib/limits.ts
# The description of the API, as managair carries it.
description=services/managair/internal/httpapi/openapi/openapi.yaml
write_limits() { go run ./services/managair/internal/inventory/limits; }

if [ "${1-}" != --check ]; then
  write_limits >$limits
  gzip -9n <$description >$description.gz
  pages | while read -r page; do write_page "$page" >"${page}_templ.go"; done
  cd proto
  exec buf generate
fi

fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
(cd proto && buf generate --output "$fresh")
# Both ways round: also a committed file whose source is gone is a difference.
committed=$(cd proto && find . -name '*.pb.go' | sort)
written=$(cd "$fresh" && find . -name '*.pb.go' | sort)
for file in $(printf '%s\n' "$committed" "$written" | sort -u); do
  if ! diff -u "proto/$file" "$fresh/$file" >&2; then
    echo "generate: proto/${file#./} is not what its source says; run 'make generate'" >&2
    exit 1
  fi
done
pages | while read -r page; do
  if ! write_page "$page" | diff -u "${page}_templ.go" - >&2; then
    echo "generate: ${page}_templ.go is not what its source says; run 'make generate'" >&2
    exit 1
  fi
done
if ! gunzip <$description.gz | diff -u $description - >&2; then
  echo "generate: $description.gz is not $description; run 'make generate'" >&2
  exit 1
fi
if ! write_limits | diff -u $limits - >&2; then
  echo "generate: $limits is not what the inventory says; run 'make generate'" >&2
  exit 1
fi
