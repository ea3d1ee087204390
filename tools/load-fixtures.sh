#!/usr/bin/env bash
# Loads fixtures into the database of a deployed stack, in the given order.
#
#   tools/load-fixtures.sh ENVIRONMENT [-y] FILE...
#
# The files are JSON as managair's dumpdata and the predecessor's write it, or that
# compressed (.gz). Loading the same again changes nothing. A file may refer to what
# is in those before it.
set -euo pipefail
invoked_from=$PWD
cd "$(dirname "$0")/.."
. tools/lib/stack.sh
options "$@"

files=()
for file in "${ARGS[@]}"; do
  case $file in
    -y | --yes) ASSUME_YES=true; continue ;;
    /*) ;;
    *) file=$invoked_from/$file ;;
  esac
  [ -r "$file" ] || fail -2 "cannot read $file"
  files+=("$file")
done
[ ${#files[@]} -gt 0 ] || fail -2 "which files?"
confirm "load ${#files[@]} fixtures"

id=$(container managair_server)
for file in "${files[@]}"; do
  say "loading $file"
  case $file in
    *.gz) gzip -dc "$file" ;;
    *) cat "$file" ;;
  esac | run_in "$id" --interactive -- /managair loaddata -
done
