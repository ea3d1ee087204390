#!/usr/bin/env bash
# Writes the samples of a deployed stack as CSV to a file, or to standard output.
#
#   tools/dump-samples-csv.sh ENVIRONMENT [FILE|-]     default: samples-TIME.csv.gz
#
# Columns: node_id, dev_eui, measured_at (UTC), co2_ppm, temperature_celsius,
# rel_humidity_percent. A file whose name ends in .gz is compressed.
set -euo pipefail
invoked_from=$PWD
cd "$(dirname "$0")/.."
. tools/lib/stack.sh
options "$@"

file=${ARGS[0]-samples-$(date -u +%Y%m%dT%H%M%SZ).csv.gz}
id=$(container db)
dump() {
  run_in "$id" --interactive --env PGTZ=UTC -- psql --quiet --username clair --dbname clair --set ON_ERROR_STOP=1 <<'SQL'
COPY (
  SELECT n.id AS node_id, n.eui64 AS dev_eui,
         to_char(s.time AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS measured_at,
         s.co2_ppm, s.temperature_decicelsius / 10.0 AS temperature_celsius, s.rel_humidity_percent
    FROM sample s JOIN node n ON n.no = s.node_no
   ORDER BY s.node_no, s.time
) TO STDOUT WITH (FORMAT csv, HEADER)
SQL
}
case $file in
  -)
    dump
    exit
    ;;
  /*) ;;
  *) file=$invoked_from/$file ;;
esac
umask 077
if [[ $file == *.gz ]]; then
  dump | gzip >"$file.part"
else
  dump >"$file.part"
fi || { rm -f "$file.part"; fail "no dump was made"; }
mv "$file.part" "$file"
say "wrote $file ($(du -h "$file" | cut -f1))"
