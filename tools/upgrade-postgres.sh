#!/usr/bin/env bash
# Moves the database of a deployed stack into a new cluster: for another major version of
# PostgreSQL, whose files are others, or for an image whose system sorts text in another way.
#
#   tools/upgrade-postgres.sh ENVIRONMENT [-y] [--dump FILE]
#
# The environment file names the new image and a folder of its own in the volume:
#
#   POSTGRES_IMAGE=postgres:18-bookworm
#   POSTGRES_DATA=pgdata-18
#
# Pages and API are away meanwhile; uplinks wait at Redis and none is lost. The database is
# dumped, loaded into the new cluster and compared, table by table. If anything fails before
# the end, the old cluster goes on. Afterwards it is still there, in its folder, and so is
# the dump; the tool says how to remove it. It needs room for the database twice, and for
# the dump on this machine.
#
#   --dump   where the dump goes (default: STACK-before-upgrade-TIME.dump)
#
# It always asks, unless -y says it is meant.
set -euo pipefail
invoked_from=$PWD
cd "$(dirname "$0")/.."
. tools/lib/stack.sh
environment=${1-}
options "$@"

dump=''
while [ ${#ARGS[@]} -gt 0 ]; do
  case ${ARGS[0]} in
    --dump)
      dump=${ARGS[1]-}
      [ -n "$dump" ] || fail -2 "--dump: which file?"
      ARGS=("${ARGS[@]:1}")
      ;;
    -y | --yes) ASSUME_YES=true ;;
    *) fail -2 "unknown argument '${ARGS[0]}'" ;;
  esac
  ARGS=("${ARGS[@]:1}")
done
[ -n "$dump" ] || dump=$CLAIR_STACK-before-upgrade-$(date -u +%Y%m%dT%H%M%SZ).dump
[[ $dump == /* ]] || dump=$invoked_from/$dump
[ ! -e "$dump" ] || fail -2 "$dump is there already"
[ -w "$(dirname "$dump")" ] || fail -2 "no file can be made in $(dirname "$dump"); --dump names another"

require_stack
export_secret_versions
old_image=$(deployed_postgres_image) old_data=$(deployed_postgres_data)
new_image=$(wanted_postgres_image) new_data=${POSTGRES_DATA:-pgdata}
[[ $new_data =~ ^[a-zA-Z0-9][a-zA-Z0-9._-]*$ ]] || fail -2 "POSTGRES_DATA is the name of a folder: letters, digits, '.', '_', '-'"
[ "$new_data" != "$old_data" ] ||
  fail -2 "the running cluster is in the folder '$old_data': name a new one in $environment, for example POSTGRES_DATA=pgdata-next"
deployed=$(on service inspect --format '{{.Spec.TaskTemplate.ContainerSpec.Image}}' "$(full_name managair_server)")
wanted=${CLAIR_REGISTRY:-clairberlin}/managair:$CLAIR_VERSION
[ "${deployed%%@*}" = "$wanted" ] ||
  fail "deployed is ${deployed%%@*}, and this would deploy $wanted: one thing at a time, tools/deploy-stack.sh with the old POSTGRES_IMAGE and POSTGRES_DATA first"

db=$(container db)
run_in "$db" -- test ! -e "/var/lib/postgresql/data/$new_data" ||
  fail "there is a folder '$new_data' in the volume already: name another in POSTGRES_DATA"
new_version=$(postgres_version "$new_image") || fail "the image $new_image does not run: $new_version"
old_version=$(run_in "$db" -- postgres --version)
confirm_always "move the database of '$CLAIR_STACK' from $old_version to $new_version; pages and API are away meanwhile"

# content prints each table with the number and a digest of its rows, and each sequence.
content() {
  run_in "$1" --interactive -- psql --quiet --no-align --tuples-only --username clair --dbname clair --set ON_ERROR_STOP=1 <<'SQL'
SET extra_float_digits = 3; SET TimeZone = 'UTC'; SET bytea_output = 'hex'; SET DateStyle = 'ISO'; SET IntervalStyle = 'postgres';
SELECT format('SELECT %L, count(*), coalesce(sum((''x'' || substr(md5(whole_row::text), 1, 8))::bit(32)::bigint), 0) FROM %s whole_row',
              oid::regclass, oid::regclass)
  FROM pg_class
 WHERE relkind = 'r' AND relnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace) AND relpersistence <> 't'
 ORDER BY oid::regclass::text COLLATE "C"
\gexec
SELECT schemaname || '.' || sequencename, last_value FROM pg_sequences ORDER BY schemaname, sequencename;
SQL
}

work=$(mktemp -d)
back() { # brings the old cluster back, on which nobody has written
  trap - EXIT
  rm -rf "$work"
  say "the old cluster is brought back"
  export POSTGRES_IMAGE=$old_image POSTGRES_DATA=$old_data
  remember_updates
  if ! deploy_stack || ! wait_until_healthy 600; then
    fail "the old cluster is not well. Its data is in the folder '$old_data' of the volume, as it was. Set POSTGRES_IMAGE=$old_image and POSTGRES_DATA=$old_data in $environment, and run tools/deploy-stack.sh $environment"
  fi
  run_in "$(container db)" -- rm -rf "/var/lib/postgresql/data/$new_data" || true
  say "nothing was moved; the old cluster goes on"
  exit "$EXIT_FAILED"
}
trap back EXIT

say "pages, API and ingestion stop; uplinks wait"
for service in managair_server managair_worker ingestair; do
  on service scale --detach=false "$(full_name $service)=0" >/dev/null
done
content "$db" >"$work/before"
tools/dump-db.sh "$environment" "$dump"

remember_updates
MANAGAIR_REPLICAS=0 WORKER_REPLICAS=0 INGESTAIR_REPLICAS=0 deploy_stack
wait_until_healthy 600 "$(full_name db)" || back
db=$(container db)
[ "$(run_in "$db" -- printenv PGDATA)" = "/var/lib/postgresql/data/$new_data" ] || fail "the new cluster does not run"
set_db_password "$(cat "$SECRETS/db_password")"
tools/restore-dump.sh "$environment" -y "$dump"
content "$db" >"$work/after"
if ! diff "$work/before" "$work/after" >&2; then
  fail "the new cluster has not what the old one had (see above)"
fi

trap - EXIT
rows=$(awk -F '|' 'NF == 3 {rows += $2} END {print rows + 0}' "$work/after")
rm -rf "$work"
say "$rows rows are the same in both"
tools/deploy-stack.sh "$environment" -y ||
  fail "the database is moved into $new_data, but not all is well; when it is mended: tools/deploy-stack.sh $environment"
db=$(container db)
say "the database is in $new_data, with $new_version"
say "the old cluster is kept in $old_data. When all is well: docker --context ${db%/*} exec ${db##*/} rm -rf /var/lib/postgresql/data/$old_data"
say "the dump is kept as $dump"
