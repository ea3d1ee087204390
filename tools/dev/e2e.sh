#!/usr/bin/env bash
# Plays the life of a deployed stack on a Docker Swarm of its own, with the tools
# that operators use, and prints what it measured:
#
#   tools/dev/e2e.sh [cluster | dev | upgrade [COMMIT]] [--keep] [--skip STEPS]
#
#   cluster  on a swarm of three nodes: one is drained, one cut off, the leader lost
#   dev      the stack for developing: simulator, viewers, reload on change
#   upgrade  of a stack of an earlier commit to this tree, under load; default: the
#            last release, by its tag, or else the commit in which CHANGELOG got the
#            heading of the newest one
#   --keep   when a step fails, wait, so that one can look around
#   --skip   leave out steps whose names match a regular expression
#
# It needs root (for a Docker engine and for namespaces) and no container registry:
# PostgreSQL, Redis, nginx and Mosquitto are Debian packages, Traefik and
# Prometheus from their Go modules; the first time that takes some minutes. The
# engine lives in namespaces of its own and ends with this script, however that
# ends. Its log stays in artefacts/e2e.
set -euo pipefail
cd "$(dirname "$0")/../.."

. tools/lib/help.sh
. tools/lib/goflags.sh
if [ "$(id -u)" != 0 ] || [ "$(uname)" != Linux ]; then
  # On a developer's machine that is no failure; where everything is to be checked, or
  # this alone is asked for, it is.
  echo 'e2e: a Docker engine of its own needs Linux and root' >&2
  if [ "${CI-}" = true ] || [ $# -gt 0 ]; then exit 1; fi
  echo 'e2e: SKIPPED' >&2
  exit 0
fi

# last_release prints the commit in which CHANGELOG got its newest heading of a release.
last_release() {
  local heading commit
  heading=$(grep --max-count 1 --extended-regexp '^## [0-9]+\.[0-9]+\.[0-9]+' CHANGELOG.md) || return
  commit=$(git log --reverse --format=%H -S "$heading" -- CHANGELOG.md | sed -n 1p)
  [ -n "$commit" ] || return
  echo "e2e: there is no tag; ${heading#"## "} is taken to be $(git log -1 --format='%h (%s)' "$commit")" >&2
  echo "$commit"
}

story='' commit=''
if [[ ${1-} =~ ^[a-z] ]]; then
  story=$1
  shift
fi
if [ "$story" = upgrade ]; then
  if [[ ${1-} =~ ^[^-] ]]; then
    commit=$(git rev-parse --verify --quiet "$1^{commit}") || { echo "e2e: there is no commit '$1'" >&2; exit 2; }
    shift
  elif ! commit=$(git describe --tags --abbrev=0 2>/dev/null); then
    commit=$(last_release) || { echo 'e2e: CHANGELOG has no release whose stack could be updated; name a commit' >&2; exit 1; }
  fi
fi

case $story in
  '' | cluster | dev | upgrade) ;;
  *)
    echo "e2e: there is no story '$story'; see tools/dev/e2e.sh --help" >&2
    exit 2
    ;;
esac

images=(managair ingestair clairchen-forwarder ers-forwarder e2e)
work=$(mktemp -d /var/tmp/clair-e2e.XXXXXX)
mode=() cgroup=''
case $story in
  dev)
    mode=(dev)
    images+=(clairctl)
    ;;
  cluster)
    cgroup=$(basename "$work")
    mode=(cluster --cgroup "$cgroup")
    ;;
  upgrade)
    mode=(upgrade --old "$work/old" --old-images "$work/old.tar" --old-version "$(git describe --always --abbrev=12 "$commit")")
    ;;
esac
# shellcheck disable=SC2317 # called by the trap
cleanup() {
  trap '' INT TERM # a second one must not end this
  mkdir -p artefacts/e2e
  cp "$work"/*.log artefacts/e2e/ 2>/dev/null || true
  rm -rf "$work"
  # What engines that were killed have left there; those that ended have cleaned up.
  if [ -n "$cgroup" ]; then
    find /sys/fs/cgroup -depth -type d -path "*/$cgroup*" -exec rmdir {} + 2>/dev/null || true
  fi
}
trap cleanup EXIT
tools/install-deps.sh docker
begun=$SECONDS
debian=$(tools/e2e/standins/build-debian.sh)
traefik=$(tools/e2e/standins/build-traefik.sh)
pebble=$(tools/dev/gotools.sh pebble)/pebble
if [ "$story" = '' ] || [ "$story" = upgrade ]; then
  mode+=(--monitoring "$(tools/e2e/standins/build-monitoring.sh)")
fi
# Inside there is no network: what is to be built is in the caches from here on.
CLAIR_REGISTRY=clair-e2e tools/build-images.sh --platforms "linux/$(go env GOARCH)" --tag one --archive "$work/images.tar" "${images[@]}"
if [ -n "$commit" ]; then
  git clone --quiet --shared --no-checkout . "$work/old"
  git -C "$work/old" checkout --quiet "$commit"
  CLAIR_REGISTRY=clair-e2e "$work/old/tools/build-images.sh" --platforms "linux/$(go env GOARCH)" --tag old --archive "$work/old.tar" \
    managair ingestair clairchen-forwarder ers-forwarder
fi
tools/dev/build.sh ./tools/e2e
# Without a Node.js that can build them, a stand-in answers for the pages.
tools/dev/frontend.sh build || echo 'e2e: the pages are left out' >&2
echo "e2e: prepared in $((SECONDS - begun)) s"

# When the last process in there ends, so does everything else.
unshare --net --uts --mount --ipc --pid --fork --mount-proc --kill-child \
  bin/e2e "${mode[@]}" --work "$work" --debian "$debian" --traefik "$traefik" --pebble "$pebble" --images "$work/images.tar" "$@"
