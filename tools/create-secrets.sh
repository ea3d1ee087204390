#!/usr/bin/env bash
# Makes the secrets that are missing, with good randomness, and leaves the others alone.
#
#   tools/create-secrets.sh ENVIRONMENT
#
# They are files in the folder CLAIR_SECRETS (default: secrets), which git ignores.
# What others give us (API keys of The Things Stack, the password of the mail
# server, the key of a store of pictures) cannot be made up: those are asked for on
# a terminal; otherwise, or with an empty answer, the file says "placeholder", and
# tools/status.sh reminds of it.
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/lib/stack.sh
options "$@"

umask 077
mkdir -p "$SECRETS"
random() { head -c 32 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=\n'; }

for name in version_key backup_password $(secret_names); do
  file=$SECRETS/$name
  [ ! -s "$file" ] || continue
  case $name in
    ingest_tokens)
      # What the server knows; the callers have the first line of it.
      [ -s "$SECRETS/ingest_token" ] || random >"$SECRETS/ingest_token"
      cp "$SECRETS/ingest_token" "$file"
      ;;
    db_initial_password)
      # What a new database is made with; rotating makes it differ.
      [ -s "$SECRETS/db_password" ] || random >"$SECRETS/db_password"
      cp "$SECRETS/db_password" "$file"
      ;;
    # Only with MQTT_PASSWORD_FILE, MQTT_CA_FILE and CHIRPSTACK_API_KEY_FILE; a secret must not be empty.
    mqtt_password | network_ca | chirpstack_api_key) printf unused >"$file" ;;
    *_api_key | smtp_password | media_s3_secret_key)
      value=''
      if [ -t 0 ]; then
        read -r -s -p "$name (empty: later): " value
        echo >&2
      fi
      printf '%s' "${value:-placeholder}" >"$file"
      [ -n "$value" ] || say "$name is a placeholder; write it to $SECRETS_FOLDER/$name and deploy again"
      ;;
    redis_acl) continue ;; # made of the others
    redis_*) redis_access "${name#redis_}" "$(random)" >"$file" ;;
    *) random >"$file" ;;
  esac
  say "made $name"
done
write_redis_acl
