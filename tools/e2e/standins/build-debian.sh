#!/usr/bin/env bash
# Makes a root file system with PostgreSQL, Redis and its exporter, nginx
# and Mosquitto from Debian packages, for machines that reach no container
# registry, and prints the path of the archive:
#
#   tools/e2e/standins/build-debian.sh
#
# It takes a minute or two once; the archive is kept in our cache.
set -euo pipefail

packages=postgresql-15,postgresql-client-15,redis-server,nginx-light,mosquitto,prometheus-redis-exporter,gosu,ca-certificates
cache=${XDG_CACHE_HOME:-$HOME/.cache}/clair-stack
# Another content of this script means another archive.
archive=$cache/standins-$(sha256sum "$0" | cut -c1-12).tar
if [ -e "$archive" ]; then
  echo "$archive"
  exit 0
fi

echo 'build-debian: installing servers into a root file system (once, a minute or two)' >&2
mkdir -p "$cache"
log=$(mktemp)
trap 'rm -f "$log" "$archive.part"' EXIT
# shellcheck disable=SC2016 # "$1" is for the hooks
# No "main" cluster: the entry point makes one in the volume.
if ! mmdebstrap --mode=root --variant=minbase --format=tar --include="$packages" \
  --aptopt='Acquire::Retries "3"' --aptopt='APT::Install-Recommends "false"' \
  --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
  --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/lib/*/perl/*/unicore/*' \
  --essential-hook='mkdir -p "$1/etc/postgresql-common" "$1/etc/dpkg"' \
  --essential-hook='echo "create_main_cluster = false" >"$1/etc/postgresql-common/createcluster.conf"' \
  --dpkgopt='force-confold' \
  --customize-hook='rm -rf "$1/var/lib/apt/lists" "$1/var/cache/apt"' \
  bookworm "$archive.part" >"$log" 2>&1; then
  cat "$log" >&2
  exit 1
fi
mv "$archive.part" "$archive"
echo "$archive"
