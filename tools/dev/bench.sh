#!/usr/bin/env bash
# Measures. Every figure is reported beside its floor, measured in the same run,
# because machines differ and are noisy: compare ratios. Arguments choose the
# packages (default: all that have benchmarks), BENCH the benchmarks by a regular
# expression, BENCHTIME how long each may take.
#
#   BENCH=Decode tools/dev/bench.sh ./pkg/codec/...
#   tools/dev/bench.sh --list       the packages that have benchmarks
set -euo pipefail
cd "$(dirname "$0")/../.."
. tools/lib/help.sh

if [ $# -eq 0 ] || [ "$1" = --list ]; then
  mapfile -t files < <(git grep --files-with-matches --untracked '^func Benchmark' -- '*_test.go')
  wait "$!" # with its exit code, which mapfile does not have
  mapfile -t packages < <(printf './%s\n' "${files[@]%/*}" | sort -u)
  wait "$!"
  if [ "${1-}" = --list ]; then
    printf '%s\n' "${packages[@]}"
    exit
  fi
  set -- "${packages[@]}"
fi
tools/dev/build.sh
# One package at a time: two that measure at once measure each other.
exec env CLAIR_TEST_REQUIRE=1 CLAIR_TEST_BIN="$PWD/bin" bin/devstack servers --postgres --redis --mosquitto --durable -- \
  go test -p 1 -run '^$' -bench "${BENCH:-.}" -benchmem -benchtime "${BENCHTIME:-1s}" -timeout 60m "$@"
