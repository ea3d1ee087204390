#!/bin/sh
# Starts the broker of docker-compose.broker.yml: passwords come from secrets, and the broker
# wants them hashed.
set -eu
umask 077
for account in network forwarder; do
  printf '%s:%s\n' "$account" "$(cat "/run/secrets/broker_$account")"
done >/tmp/passwords
mosquitto_passwd -U /tmp/passwords
{
  cat /mosquitto/config/mosquitto.conf
  echo "max_queued_messages ${QUEUED_MESSAGES:-200000}"
} >/tmp/mosquitto.conf
exec mosquitto -c /tmp/mosquitto.conf
