#!/usr/bin/env bash
# Installs the Debian packages that a task needs and this machine lacks:
#
#   tools/install-deps.sh GROUP...      groups: demo lint test browser docker
#
# A tool that is there, from wherever it came, is left alone, and when nothing is
# missing nothing is done. Packages come by apt, as root or through a sudo that
# asks no password; where neither is to be had, the script says what to install
# and fails. What it installs is for our own use: no service is started or
# enabled, and no system-wide PostgreSQL cluster is made.
set -euo pipefail
# shellcheck source=tools/lib/help.sh
. "$(dirname "$0")/lib/help.sh"

# Each need is "probe:package"; a probe is a command, or a file when it begins with
# "/". With "?" at the end we can do without, where it cannot be installed.
python=/usr/lib/python3/dist-packages
needs_of() {
  case $1 in
    demo) echo 'initdb:postgresql redis-server:redis-server? node:nodejs? npm:npm?' ;;
    lint) echo 'shellcheck:shellcheck node:nodejs npm:npm' ;;
    test) echo 'initdb:postgresql redis-server:redis-server mosquitto:mosquitto' \
      'cc:gcc /usr/include/stdlib.h:libc6-dev' \
      "$python/django:python3-django? $python/allauth:python3-django-allauth?" \
      "$python/rest_framework:python3-djangorestframework? $python/psycopg2:python3-psycopg2? $python/argon2:python3-argon2?" ;;
    # The headless shell draws the same in half the time.
    browser) echo 'chromium-headless-shell:chromium-headless-shell? chromium:chromium node:nodejs npm:npm' \
      '/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf:fonts-dejavu-core' ;;
    docker) echo 'dockerd:docker.io docker:docker.io mmdebstrap:mmdebstrap iptables:iptables ip:iproute2 restic:restic' ;;
    *)
      echo "install-deps: unknown group '$1'" >&2
      exit 2
      ;;
  esac
}

# Debian keeps servers out of a user's PATH, and PostgreSQL's own tools out of everybody's.
for dir in /usr/sbin /sbin /usr/lib/postgresql/*/bin /usr/pgsql-*/bin \
  /opt/homebrew/opt/postgresql@*/bin /usr/local/opt/postgresql@*/bin; do
  PATH=$PATH:$dir
done

there() {
  case $1 in
    /*) [ -e "$1" ] || [ "$(uname)" != Linux ] ;;
    *) command -v "$1" >/dev/null ;;
  esac
}

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }
can_be_root() { [ "$(id -u)" = 0 ] || { command -v sudo && sudo -n true; } >/dev/null 2>&1; }

[ $# -gt 0 ] || { usage >&2; exit 2; }

missing=() dispensable=()
must=0
for group in "$@"; do
  needs=$(needs_of "$group")
  for need in $needs; do
    package=${need#*:}
    if there "${need%%:*}"; then continue; fi
    if [[ $package == *'?' ]]; then
      package=${package%'?'}
      dispensable+=("$package")
    else
      must=1
    fi
    [[ " ${missing[*]} " == *" $package "* ]] || missing+=("$package")
  done
done
[ ${#missing[@]} -gt 0 ] || exit 0

if ! command -v apt-get >/dev/null || ! can_be_root; then
  [ $must = 1 ] || exit 0
  cat >&2 <<TXT
install-deps: these are missing (names of the Debian packages): ${missing[*]}
Please install them, for example with

  sudo apt-get install --no-install-recommends --no-upgrade ${missing[*]}

and try again.
TXT
  exit 1
fi

# Only while we install: no "main" cluster for a new PostgreSQL, no started services.
cluster_conf=/etc/postgresql-common/createcluster.d/clair-stack.conf
policy=/usr/sbin/policy-rc.d
made=("$cluster_conf")
log=$(mktemp)
# shellcheck disable=SC2317 # called by the trap
cleanup() { as_root rm -f "${made[@]}" "$log"; }
trap cleanup EXIT
as_root mkdir -p "${cluster_conf%/*}"
echo 'create_main_cluster = false' | as_root tee "$cluster_conf" >/dev/null
if [ ! -e "$policy" ]; then
  made+=("$policy")
  printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
  as_root chmod 755 "$policy"
fi

enabled_units() { find /etc/systemd/system -path '*.wants/*' -printf '%f\n' 2>/dev/null | sort -u; }
enabled_before=$(enabled_units)

echo "install-deps: installing ${missing[*]}" >&2
apt_get() {
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 "$@" >>"$log" 2>&1 </dev/null
}
# A broken third-party source must not keep us from what the others have.
apt_get update || echo 'install-deps: apt-get update had problems; trying nevertheless' >&2
# Other releases of Debian lack some that we can do without.
for package in "${dispensable[@]}"; do
  apt-cache show "$package" >/dev/null 2>&1 && continue
  echo "install-deps: going on without $package" >&2
  for i in "${!missing[@]}"; do [ "${missing[i]}" != "$package" ] || unset "missing[$i]"; done
done
[ ${#missing[@]} -gt 0 ] || exit 0
if ! apt_get install -y --no-install-recommends --no-upgrade "${missing[@]}"; then
  cat "$log" >&2
  exit 1
fi

if command -v systemctl >/dev/null; then
  comm -13 <(echo "$enabled_before") <(enabled_units) | while read -r unit; do
    as_root systemctl disable --quiet "$unit" </dev/null >/dev/null 2>&1 || true
  done
fi
