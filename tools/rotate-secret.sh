#!/usr/bin/env bash
# Gives a secret of a deployed stack a new value by a rolling update.
#
#   tools/rotate-secret.sh ENVIRONMENT [-y] NAME
#
# On a terminal API keys, the mail password and the key of the store of pictures are
# asked for; otherwise their new value is one line of standard input. All others
# get a random value. The old value is kept beside it as NAME.old until the next
# rotation.
#
#   ingest_token  the servers first learn to take both tokens, then the callers get
#                 the new one, then the old one is forgotten
#   db_SERVICE    the service first learns to try both passwords, then its role of the
#                 running database gets the new one, then the old one is forgotten
#   db_password   the owner of the database, who is the tools' alone, gets another one
#   redis_USER    Redis first learns to take both passwords, then the service gets the
#                 new one, then the old one is forgotten; Redis restarts twice, and once
#                 more for redis_default. One that ended half way is ended first
#
# Exit status as of tools/deploy-stack.sh, which does the work.
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/lib/stack.sh
file=${1-}
options "$@"
[ ${#ARGS[@]} -eq 1 ] || fail -2 "which secret? $(deployed_secret_names | tr '\n' ' ')"
name=${ARGS[0]}
[ -s "$SECRETS/$name" ] || fail -2 "there is no secret '$name' in $SECRETS_FOLDER"
require_stack
confirm "rotate $name"

umask 077
random() { head -c 32 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=\n'; }
deploy() { tools/deploy-stack.sh "$file" -y --no-migrate; }
replace() { # NAME VALUE
  cp "$SECRETS/$1" "$SECRETS/$1.old"
  printf '%s' "$2" >"$SECRETS/$1.new"
  mv "$SECRETS/$1.new" "$SECRETS/$1"
}

case $name in
  ingest_tokens) fail -2 "rotate ingest_token; this follows" ;;
  db_initial_password) fail -2 "only a new database is asked for it; rotate db_password" ;;
  redis_acl) fail -2 "it is made of the others; rotate redis_USER" ;;
  version_key) fail -2 "it is not given to any service" ;;
  ingest_token)
    old=$(cat "$SECRETS/ingest_token") new=$(random)
    replace ingest_tokens "$new"$'\n'"$old"
    deploy
    replace ingest_token "$new"
    deploy
    replace ingest_tokens "$new"
    deploy
    ;;
  db_password)
    deploy # services of an earlier version log in with it
    new=$(random)
    set_db_password "$new" || fail "the database did not take the new password; everything goes on with the old one"
    replace db_password "$new"
    deploy
    ;;
  db_managair | db_ingestair | db_exporter)
    # The first line is the one in force; where an earlier rotation ended half way, it is
    # made so. The schema stays that of the deployed version.
    JOB_IMAGE=$(on service inspect --format '{{.Spec.TaskTemplate.ContainerSpec.Image}}' "$(full_name managair_server)")
    enforce() {
      export_secret_versions
      run_managair migrate || fail "the database did not take the password; run this again"
    }
    enforce
    old=$(head -n 1 "$SECRETS/$name") new=$(random)
    # The exporter takes what it is given for one password; its figures have a gap.
    if [ "$name" != db_exporter ]; then
      replace "$name" "$old"$'\n'"$new"
      deploy
      replace "$name" "$new"$'\n'"$old"
      enforce
      replace "$name" "$new"
    else
      replace "$name" "$new"
      enforce
    fi
    deploy
    ;;
  redis_*)
    grep -qx "$name" <<<"$(deployed_secret_names)" || fail -2 "there is no user '${name#redis_}' of Redis"
    user=${name#redis_}
    if [ -e "$SECRETS/$name.also" ]; then
      # An earlier rotation ended half way. Redis takes both, so the service gets the one
      # that it is to have, and then the other is forgotten.
      deploy
      rm "$SECRETS/$name.also"
    fi
    redis_access "$user" "$(random)" >"$SECRETS/$name.also"
    deploy
    new=$(cat "$SECRETS/$name.also")
    cp "$SECRETS/$name" "$SECRETS/$name.also"
    replace "$name" "$new"
    deploy
    rm "$SECRETS/$name.also"
    deploy
    ;;
  *_api_key | smtp_password | mqtt_password | network_ca | media_s3_secret_key)
    new=''
    if [ -t 0 ]; then
      read -r -s -p "new $name: " new
      echo >&2
    else
      read -r new || true
    fi
    [ -n "$new" ] || fail -2 "no new value"
    replace "$name" "$new"
    deploy
    ;;
  *)
    replace "$name" "$(random)"
    deploy
    ;;
esac
say "$name is rotated"
