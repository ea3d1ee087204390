#!/usr/bin/env bash
# Runs the Go tests of the whole workspace on test servers of their own, which
# are ended afterwards. Arguments go to go test; packages default to all.
#
#   tools/dev/test.sh [-run REGEXP] [./pkg/...]
set -euo pipefail
cd "$(dirname "$0")/../.."
. tools/lib/help.sh

case " $* " in
  *' ./'*) ;;
  *)
    mapfile -t modules < <(tools/dev/modules.sh)
    set -- "$@" "${modules[@]/%//...}"
    ;;
esac
# A machine that says it is for checking must not pass by skipping.
if [ "${CI-}" = true ]; then
  export CLAIR_TEST_REQUIRE=1
fi
# What the story tests run. Not "go run" below: it neither passes on signals nor exit codes.
tools/dev/build.sh
CLAIR_TEST_BIN=$PWD/bin
export CLAIR_TEST_BIN
exec bin/devstack servers -- go test -race "$@"
