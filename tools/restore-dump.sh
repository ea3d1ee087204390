#!/usr/bin/env bash
# Replaces the database of a deployed stack by a dump of tools/dump-db.sh.
#
#   tools/restore-dump.sh ENVIRONMENT [-y] FILE|- [--keep-old]
#
# The dump is loaded beside the running database and migrated to the schema of the
# deployed version; only then the two change places, which takes moments. If
# anything fails before, nothing has changed. It needs room for both.
#
#   --keep-old  keep the replaced database, as clair_before_TIME
#
# It always asks, unless -y says it is meant.
set -euo pipefail
invoked_from=$PWD
cd "$(dirname "$0")/.."
. tools/lib/stack.sh
options "$@"

file='' keep_old=false
for argument in "${ARGS[@]}"; do
  case $argument in
    --keep-old) keep_old=true ;;
    -y | --yes) ASSUME_YES=true ;;
    - | /*) file=$argument ;;
    *) file=$invoked_from/$argument ;;
  esac
done
[ -n "$file" ] || fail -2 "which dump?"
[ "$file" = - ] || [ -r "$file" ] || fail -2 "cannot read $file"
[ "$file" != - ] || $ASSUME_YES || fail -3 "with a dump on standard input nobody can be asked; say -y if it is meant"
confirm_always "replace the database of '$CLAIR_STACK' by $file"

db=$(container db)
export_secret_versions
JOB_IMAGE=$(on service inspect --format '{{.Spec.TaskTemplate.ContainerSpec.Image}}' "$(full_name managair_server)")
sql() { run_in "$db" --interactive -- psql --quiet --username clair --dbname postgres --set ON_ERROR_STOP=1; }
fresh=clair_restored
old=clair_before_$(date -u +%Y%m%dT%H%M%SZ)

sql <<SQL
DROP DATABASE IF EXISTS $fresh;
CREATE DATABASE $fresh TEMPLATE template0;
SQL
drop_fresh() { sql <<<"DROP DATABASE IF EXISTS $fresh" || true; }
if ! { if [ "$file" = - ]; then cat; else cat "$file"; fi; } |
  run_in "$db" --interactive -- pg_restore --username clair --dbname "$fresh" --no-owner --no-privileges --exit-on-error --single-transaction; then
  drop_fresh
  fail "the dump could not be read; the database is as it was"
fi
# The roles of services get there what is due to them, too.
if ! JOB_DATABASE=$fresh JOB_IMAGE=$JOB_IMAGE run_managair migrate; then
  drop_fresh
  fail "the dump could not be migrated to the deployed version; the database is as it was"
fi

# From here to the last line nobody can connect; the services try again by themselves.
sql <<SQL
\connect $fresh
ANALYZE;
\connect postgres
ALTER DATABASE clair ALLOW_CONNECTIONS false;
SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE datname = 'clair' \g /dev/null
ALTER DATABASE clair RENAME TO $old;
ALTER DATABASE $fresh RENAME TO clair;
SQL
if $keep_old; then
  say "the replaced database is kept as $old"
else
  sql <<<"DROP DATABASE $old"
fi
wait_until_healthy 120
say "restored"
