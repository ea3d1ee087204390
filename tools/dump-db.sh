#!/usr/bin/env bash
# Writes the database of a deployed stack to a file, or to standard output.
#
#   tools/dump-db.sh ENVIRONMENT [FILE|-]     default: clair-ENVIRONMENT-TIME.dump
#
# The dump is PostgreSQL's compressed format: consistent, taken while everything
# runs on. tools/restore-dump.sh reads it.
set -euo pipefail
invoked_from=$PWD
cd "$(dirname "$0")/.."
. tools/lib/stack.sh
options "$@"

file=${ARGS[0]-$CLAIR_STACK-$(date -u +%Y%m%dT%H%M%SZ).dump}
id=$(container db)
dump() { run_in "$id" -- pg_dump --username clair --dbname clair --format custom --compress 6 --no-owner --no-privileges; }
if [ "$file" = - ]; then
  dump
  exit
fi
case $file in
  /*) ;;
  *) file=$invoked_from/$file ;;
esac
umask 077
# Half a dump must not look like one.
dump >"$file.part" || { rm -f "$file.part" || true; fail "no dump was made"; }
mv "$file.part" "$file"
say "wrote $file ($(du -h "$file" | cut -f1))"
