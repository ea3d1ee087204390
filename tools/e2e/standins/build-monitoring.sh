#!/usr/bin/env bash
# Builds Prometheus and what tells it of PostgreSQL from their modules, in the
# versions of compose/docker-compose.monitoring.yml, for machines that reach no
# container registry, and prints the folder of the binaries:
#
#   tools/e2e/standins/build-monitoring.sh
#
# It takes some minutes once; the binaries are kept in our cache. Of the ways to find
# targets there is only DNS, which is the one we use: the others would bring the
# libraries of twenty clouds along.
set -euo pipefail

version() { sed -n "s/.*$1:v\([0-9.]*\)}.*/\1/p" "$(dirname "$0")/../../../compose/docker-compose.monitoring.yml"; }
prometheus=$(version prom\\/prometheus)
postgres_exporter=$(version postgres-exporter)

bin=${XDG_CACHE_HOME:-$HOME/.cache}/clair-stack/bin/monitoring-$prometheus-$postgres_exporter
if [ -d "$bin" ]; then
  echo "$bin"
  exit 0
fi

echo "build-monitoring: building Prometheus $prometheus and an exporter (once, some minutes)" >&2
work=$(mktemp -d)
trap 'rm -rf "$work" "$bin.part"' EXIT
rm -rf "$bin.part"
mkdir -p "$bin.part"
cd "$work"
printf 'module fetch\n\ngo 1.26\n' >go.mod
export GOWORK=off GOFLAGS=-mod=mod CGO_ENABLED=0
build() { # MODULE@VERSION PACKAGE...
  local folder=${1//[^a-zA-Z0-9]/_}
  cp -r "$(go mod download -json "$1" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')" "$folder"
  chmod -R u+w "$folder"
  shift
  (
    cd "$folder"
    if [ -d plugins ]; then
      rm plugins/*.go
      printf 'package plugins\n\nimport _ "github.com/prometheus/prometheus/discovery/dns"\n' >plugins/plugins.go
    fi
    nice go build -trimpath -ldflags '-s -w' -o "$bin.part/" "$@" >&2
  )
}
build "github.com/prometheus-community/postgres_exporter@v$postgres_exporter" ./cmd/postgres_exporter
# Their 3.x.y is 0.30x.y of the module.
minor=$(cut -d. -f2 <<<"$prometheus")
build "github.com/prometheus/prometheus@v0.3$(printf %02d "$minor").$(cut -d. -f3 <<<"$prometheus")" ./cmd/prometheus ./cmd/promtool
mv "$bin.part" "$bin"
echo "$bin"
