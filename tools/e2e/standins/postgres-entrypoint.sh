#!/bin/bash
# What the stack needs of the entry point of the postgres image: a new cluster with
# the role and database of POSTGRES_USER, POSTGRES_DB and POSTGRES_PASSWORD_FILE.
set -euo pipefail
if [ "$(id -u)" = 0 ]; then
  install -d -o postgres -g postgres -m 700 "$PGDATA"
  install -d -o postgres -g postgres /var/run/postgresql
  exec gosu postgres "$0" "$@"
fi
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  initdb --username "$POSTGRES_USER" --pwfile <(cat "$POSTGRES_PASSWORD_FILE") --auth-host scram-sha-256 --auth-local trust \
    --encoding UTF8 --locale C.UTF-8 --pgdata "$PGDATA"
  echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
  echo "listen_addresses = '*'" >>"$PGDATA/postgresql.conf"
  pg_ctl --pgdata "$PGDATA" --options "-c listen_addresses=''" --wait start
  createdb --username "$POSTGRES_USER" "$POSTGRES_DB"
  pg_ctl --pgdata "$PGDATA" --mode fast --wait stop
fi
exec "$@"
