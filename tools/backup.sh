#!/usr/bin/env bash
# Backs up the database and the pictures of a deployed stack, encrypted, to a folder
# or to S3, and brings them back.
#
#   tools/backup.sh ENVIRONMENT [now]               make one, thin out old ones
#   tools/backup.sh ENVIRONMENT list                what there is
#   tools/backup.sh ENVIRONMENT check               is it all readable? (reads a tenth)
#   tools/backup.sh ENVIRONMENT restore [-y] [ID]   default: latest
#   tools/backup.sh ENVIRONMENT schedule            print units for systemd that run it
#
# It needs restic on this machine. The environment file says where to (see
# docs/backup.md): RESTIC_REPOSITORY is a folder or s3:https://HOST/BUCKET, with
# AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY from the environment of the caller.
# The key is the secret backup_password. WITHOUT IT A BACKUP IS WORTH NOTHING: keep
# a copy of it where the backup is not.
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/lib/stack.sh
file=${1-}
options "$@"
command -v restic >/dev/null || fail "restic is missing (Debian package restic)"
[ -n "${RESTIC_REPOSITORY-}" ] || fail -2 "RESTIC_REPOSITORY is not set in the environment file"
export RESTIC_REPOSITORY
export RESTIC_PASSWORD_FILE=$SECRETS/backup_password
[ -s "$RESTIC_PASSWORD_FILE" ] || fail "$SECRETS_FOLDER/backup_password is missing; tools/create-secrets.sh makes it"

archive=$CLAIR_STACK.tar
tag=$CLAIR_STACK@$CLAIR_DOMAIN
case ${ARGS[0]-now} in
  now)
    restic cat config >/dev/null 2>&1 || restic init
    # Through files, because restic 0.14 would keep the first half of a dump that broke.
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    tools/dump-db.sh "$file" "$work/db.dump"
    # After the database, so that no picture is missing that it names, but for those
    # that were deleted meanwhile.
    tools/manage.sh "$file" -y dumpmedia >"$work/media.tar"
    tar --create --directory "$work" --owner 0 --group 0 db.dump media.tar |
      restic backup --quiet --tag "$tag" --host clair --stdin --stdin-filename "$archive"
    # shellcheck disable=SC2086 # they are several words
    restic forget --quiet --tag "$tag" --host clair --prune \
      ${BACKUP_KEEP:---keep-last 3 --keep-daily 14 --keep-weekly 8 --keep-monthly 24}
    say "backed up"
    ;;
  list) restic snapshots --tag "$tag" ;;
  check) restic check --read-data-subset=10% ;;
  restore)
    id=latest
    for argument in "${ARGS[@]:1}"; do
      case $argument in
        -y | --yes) ASSUME_YES=true ;;
        *) id=$argument ;;
      esac
    done
    confirm_always "replace database and pictures of '$CLAIR_STACK' by the backup '$id'"
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    restic dump --tag "$tag" --host clair "$id" "$archive" | tar --extract --directory "$work"
    tools/restore-dump.sh "$file" -y "$work/db.dump"
    tools/manage.sh "$file" -y loadmedia - <"$work/media.tar"
    ;;
  schedule)
    cat <<UNITS
# /etc/systemd/system/clair-backup.service
[Unit]
Description=Backup of the Clair Stack at $CLAIR_DOMAIN

[Service]
Type=oneshot
WorkingDirectory=$PWD
ExecStart=$PWD/tools/backup.sh $file

# /etc/systemd/system/clair-backup.timer
[Unit]
Description=Nightly backup of the Clair Stack at $CLAIR_DOMAIN

[Timer]
OnCalendar=*-*-* 03:17:00
RandomizedDelaySec=20m
Persistent=true

[Install]
WantedBy=timers.target
UNITS
    ;;
  *) fail -2 "unknown command '${ARGS[0]}'" ;;
esac
