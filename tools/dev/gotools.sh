#!/usr/bin/env bash
# Builds the named Go tools in their pinned versions, unless that is done, and
# prints the folder that has them:
#
#   PATH="$(tools/dev/gotools.sh buf golangci-lint):$PATH"
#
# The version is read from the binary itself, so another pin means another build.
set -euo pipefail
# shellcheck source=tools/lib/help.sh
. "$(dirname "$0")/../lib/help.sh"

package_of() {
  case $1 in
    golangci-lint) echo github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0 ;;
    buf) echo github.com/bufbuild/buf/cmd/buf@v1.75.0 ;;
    protoc-gen-go) echo google.golang.org/protobuf/cmd/protoc-gen-go@v1.36.12 ;;
    protoc-gen-go-grpc) echo google.golang.org/grpc/cmd/protoc-gen-go-grpc@v1.6.2 ;;
    templ) echo github.com/a-h/templ/cmd/templ@v0.3.977 ;;
    gotestsum) echo gotest.tools/gotestsum@v1.13.0 ;;
    pebble) echo github.com/letsencrypt/pebble/v2/cmd/pebble@v2.10.1 ;;
    *)
      echo "gotools: unknown tool '$1'" >&2
      exit 2
      ;;
  esac
}

bin=${XDG_CACHE_HOME:-$HOME/.cache}/clair-stack/bin
mkdir -p "$bin"
for tool in "$@"; do
  package=$(package_of "$tool")
  built=$({ go version -m "$bin/$tool" 2>/dev/null || true; } | awk '$1 == "mod" { print $3 }')
  if [ "$built" != "${package##*@}" ]; then
    echo "gotools: building $tool ${package##*@} (once, a few minutes for the larger ones)" >&2
    GOBIN=$bin GOWORK=off GOFLAGS='' CGO_ENABLED=0 go install "$package" >&2
  fi
done
echo "$bin"
