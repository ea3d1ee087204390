#!/usr/bin/env bash
# Runs a management command of managair in a deployed stack.
#
#   tools/manage.sh ENVIRONMENT [-y] COMMAND [ARGUMENT...]
#
#   tools/manage.sh prod createsuperuser
#   tools/manage.sh prod -y loaddata - <fixture.json
#   tools/manage.sh prod help
#
# Standard input and output are passed on, so "-" as a file works. Variables
# SUPERUSER_*, DJANGO_SUPERUSER_* and IMPORT_DSN are passed on too.
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/lib/stack.sh
options "$@"
[ ${#ARGS[@]} -gt 0 ] || ARGS=(help)
case ${ARGS[0]} in
  help | version | variables) ;;
  *) confirm "run 'managair ${ARGS[0]}'" ;;
esac

if [ "${ARGS[0]}" = migrate ]; then
  # The owner's work; the role of the service may not.
  export_secret_versions
  run_managair "${ARGS[@]}" || exit
  exit
fi
id=$(container managair_server)
flags=(--interactive)
if [ -t 0 ] && [ -t 1 ]; then
  flags+=(--tty)
fi
while IFS='=' read -r name _; do
  flags+=(--env "$name")
done < <(env | grep -E '^((DJANGO_)?SUPERUSER_[A-Z_]+|IMPORT_DSN)=' || true)
run_in "$id" "${flags[@]}" -- /managair "${ARGS[@]}" || exit # it has said why
