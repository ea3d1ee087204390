#!/usr/bin/env bash
# Builds binaries into a folder (default bin): static, and knowing their commit.
#
#   tools/dev/build.sh [-o FOLDER] [PACKAGE...]     default: all services and tools
set -euo pipefail
cd "$(dirname "$0")/../.."
. tools/lib/help.sh
. tools/lib/goflags.sh

out=bin
if [ "${1-}" = -o ]; then
  out=$2
  shift 2
fi
if [ $# -eq 0 ]; then
  for main in services/*/main.go tools/*/main.go; do
    set -- "$@" "./${main%/main.go}"
  done
fi

# Images are built from trees without .git; they are told.
version=${VERSION:-$(git describe --always --dirty --abbrev=12 2>/dev/null || echo unknown)}
mkdir -p "$out"
go build -o "$out/" \
  -ldflags "-s -w -X github.com/clairberlin/clair-stack/pkg/lifecycle.Version=$version" "$@"
