#!/usr/bin/env bash
# Runs the Go tests of the whole workspace on test servers of their own, which
# are ended afterwards. Arguments go to go test; packages default to all.
#
#   tools/dev/test.sh [-run REGEXP] [./pkg/...]
#
# Without arguments it also runs each benchmark, once and in a short form: not for
# figures, but so that it still runs when somebody wants some.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tools/lib/help.sh

# A machine that says it is for checking must not pass by skipping.
if [ "${CI-}" = true ]; then
  export CLAIR_TEST_REQUIRE=1
fi
# The race detector waits a second at the end of each of some eighty test binaries, for what
# goes on in goroutines that nobody waited for. What the tests wait for is over by then.
export GORACE="atexit_sleep_ms=50 ${GORACE-}"
# A package compiled in one checkout serves the next.
export GOFLAGS="${GOFLAGS:+$GOFLAGS }-trimpath"
# Which takes from the tests where Go is, whose time zones some of them read.
GOROOT=$(go env GOROOT)
export GOROOT
# What the story tests run. Not "go run" below: it neither passes on signals nor exit codes.
tools/dev/build.sh
CLAIR_TEST_BIN=$PWD/bin
export CLAIR_TEST_BIN
if [ $# -gt 0 ]; then
  case " $* " in
    *' ./'*) ;;
    *)
      mapfile -t modules < <(tools/dev/modules.sh)
      wait "$!" # with its exit code, which mapfile does not have
      set -- "$@" "${modules[@]/%//...}"
      ;;
  esac
  exec bin/devstack servers -- go test -race "$@"
fi

PATH=$(tools/dev/gotools.sh gotestsum):$PATH
unsteady=$PWD/artefacts/unsteady-tests.txt
export PATH unsteady
rm -f "$unsteady" && mkdir -p "${unsteady%/*}"

# A test or two that fail are run once more, alone, so that an unsteady one does not hide
# what the other checks say. It is named at the end, and is a defect to be mended. Data
# races, failed builds and more failures than three are not run again.
run() {
  local packages=$1 report failed=0
  shift
  report=$temporary/report
  gotestsum --format standard-quiet --packages "$packages" \
    --rerun-fails=1 --rerun-fails-max-failures=3 --rerun-fails-run-root-test \
    --rerun-fails-abort-on-data-race --rerun-fails-report "$report" -- -race -timeout 30m "$@" || failed=1
  grep ': 2 runs, 1 failures' "$report" >>"$unsteady" || true
  return $failed
}

# everything is run where the servers are. The last packages begin: the longest tests are
# those of tools and services.
everything() {
  local modules packages measured failed=0
  mapfile -t measured < <(tools/dev/bench.sh --list)
  wait "$!"
  mapfile -t modules < <(tools/dev/modules.sh)
  wait "$!"
  mapfile -t packages < <(go list -f '{{.Dir}}' "${modules[@]/%//...}" | sed "s|^$PWD|.|" | tac)
  wait "$!"
  # What tests and benchmarks both need is compiled once.
  go build -race "${modules[@]/%//...}"
  # Benchmarks run one after the other, and wait more than they compute, so they run beside
  # the tests. Figures of the short form would only mislead.
  temporary=$(mktemp -d)
  set -m # a process group of its own: an interrupt is not for what is in the background
  CLAIR_BENCH=short go test -race -run '^$' -bench . -benchtime 1x "${measured[@]}" >"$temporary/figures" 2>&1 &
  benchmarks=$!
  set +m
  trap 'kill -- "-$benchmarks" 2>/dev/null || true; rm -rf "$temporary"' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  run "${packages[*]}" || failed=1
  wait "$benchmarks" || failed=1
  grep --extended-regexp --invert-match '^(Benchmark|goos:|goarch:|pkg:|cpu:|PASS)' "$temporary/figures" || true
  if [ -s "$unsteady" ]; then
    printf '\n=== UNSTEADY: failed, and passed when run again alone. To be mended:\n'
    cat "$unsteady"
  fi
  return $failed
}
export -f run
export -f everything
exec bin/devstack servers -- bash -euo pipefail -c everything
