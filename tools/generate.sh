#!/usr/bin/env bash
# Writes the code that is generated from other files. With --check it changes
# nothing, and fails where what is committed is not what would be written.
set -euo pipefail
cd "$(dirname "$0")/.."

PATH=$(tools/gotools.sh buf protoc-gen-go protoc-gen-go-grpc):$PATH
if [ "${1-}" != --check ]; then
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
