#!/usr/bin/env bash
# Builds the images of our services: static binaries and nothing else. No
# container engine is needed for that, and the same commit makes the same digest
# on every machine.
#
#   tools/build-images.sh [--load] [--archive FILE] [--push] [--tag TAG] [--platforms P,P] [NAME...]
#
#   --load       hand those for this machine to the Docker engine
#   --archive    write those for this machine to a file, for docker load
#   --push       push them to CLAIR_REGISTRY (default clairberlin, on Docker Hub)
#   --tag        default: the commit, as the binaries tell it with "version"
#   --platforms  default linux/amd64,linux/arm64
#   NAME         default: all services, and clairctl (whose image simulates nodes)
#
# Images (OCI layouts) and their lists of modules (CycloneDX) are written to
# artefacts/images. The image of static-frontend stands on nginx and needs Docker.
set -euo pipefail
cd "$(dirname "$0")/.."

. tools/lib/help.sh
. tools/lib/goflags.sh

platforms=linux/amd64,linux/arm64
version=$(git describe --always --dirty --abbrev=12 2>/dev/null || echo unknown)
tag=$version
flags=()
names=()
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help) usage; exit 0 ;;
    --load | --push) flags+=("$1") ;;
    --archive) flags+=("$1" "${2:?--archive needs a value}"); shift ;;
    --tag) tag=${2:?--tag needs a value}; shift ;;
    --platforms) platforms=${2:?--platforms needs a value}; shift ;;
    -*) usage >&2; exit 2 ;;
    *) names+=("$1") ;;
  esac
  shift
done
if [ ${#names[@]} -eq 0 ]; then
  for main in services/*/main.go; do
    names+=("$(basename "${main%/main.go}")")
  done
  names+=(clairctl)
  if [ -f services/static-frontend/Dockerfile ]; then
    names+=(static-frontend)
  fi
fi

registry=${CLAIR_REGISTRY:-clairberlin}
created=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}
revision=$(git rev-parse HEAD 2>/dev/null || echo unknown)
binaries=$(mktemp -d)
trap 'rm -rf "$binaries"' EXIT

packages=() go_names=() frontend=false
for name in "${names[@]}"; do
  if [ -f "services/$name/main.go" ]; then
    packages+=("./services/$name")
  elif [ -f "tools/$name/main.go" ]; then
    packages+=("./tools/$name")
  elif [ "$name" = static-frontend ]; then
    frontend=true
    continue
  else
    echo "build-images: there is no service '$name'" >&2
    exit 2
  fi
  go_names+=("$name")
done

if [ ${#packages[@]} -gt 0 ]; then
  for platform in ${platforms//,/ }; do
    GOOS=${platform%/*} GOARCH=${platform#*/} VERSION=$version \
      tools/dev/build.sh -o "$binaries/${platform/\//_}" "${packages[@]}"
  done
  mkdir -p artefacts/images
  tools/dev/build.sh ./tools/image
  bin/image --binaries "$binaries" --out artefacts/images --repository "$registry" --tag "$tag" \
    --revision "$revision" --created "$created" "${flags[@]}" "${go_names[@]}"
fi

if $frontend && [[ " ${flags[*]} " =~ ' '--(load|push)' ' ]]; then
  tools/dev/frontend.sh build
  image=$registry/static-frontend:$tag
  label=org.opencontainers.image
  docker build --quiet --tag "$image" \
    --label "$label.title=static-frontend" --label "$label.version=$version" --label "$label.revision=$revision" \
    --label "$label.created=$(date --utc --date "@$created" +%Y-%m-%dT%H:%M:%SZ)" --label "$label.licenses=BSD-3-Clause" \
    --label "$label.vendor=Clair Berlin" --label "$label.source=https://github.com/clairberlin/clair-stack" \
    ${NGINX_IMAGE:+--build-arg "NGINX_IMAGE=$NGINX_IMAGE"} services/static-frontend >/dev/null
  if [[ " ${flags[*]} " == *" --push "* ]]; then
    docker push --quiet "$image"
  fi
  echo "built $image"
fi
