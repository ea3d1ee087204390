#!/usr/bin/env bash
# Builds and tests the web frontend.
#
#   tools/dev/frontend.sh build     into services/static-frontend/dist, unless that is current
#   tools/dev/frontend.sh check     types, templates, lint, format
#   tools/dev/frontend.sh test      check, unit tests, pages in a real browser
#   tools/dev/frontend.sh bench     what a visitor has to load and to wait for, against its limits
#   tools/dev/frontend.sh generate  the types of the API, from its description
#
# It needs npm, and Node.js 20.19 or later, which it gets by npm where it is older.
# Packages are installed only when the lock file is another one than that of the last
# time. Exit code 3: no Node.js.
set -euo pipefail
# shellcheck source=tools/lib/help.sh
. "$(dirname "$0")/../lib/help.sh"
cd "$(dirname "$0")/../../services/static-frontend"

recent_node() {
  node -e '
    const [major, minor] = process.versions.node.split(".").map(Number);
    process.exit(major > 20 || (major === 20 && minor >= 19) ? 0 : 1)' 2>/dev/null
}

# Debian 12 has an older one; npm has newer ones, and where it is, we can help ourselves.
node_version=22.22.0
if command -v npm >/dev/null && ! recent_node; then
  own=${XDG_CACHE_HOME:-$HOME/.cache}/clair-stack/node-$node_version
  if [ ! -x "$own/node_modules/node/bin/node" ]; then
    echo "frontend: installing Node.js $node_version into $own" >&2
    npm install --prefix "$own" --no-audit --no-fund --loglevel=error "node@$node_version" >&2 || true
  fi
  PATH=$own/node_modules/node/bin:$PATH
fi
if ! command -v npm >/dev/null || ! recent_node; then
  echo 'frontend: Node.js 20.19 or later with npm is needed for the web frontend' >&2
  exit 3
fi

# The hash of what something was made from is kept beside it; dates change with every checkout.
installed() {
  local stamp=node_modules/.clair-lock hash
  hash=$(sha256sum package.json package-lock.json | sha256sum)
  [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$hash" ] && return
  echo 'frontend: installing packages' >&2
  npm ci --no-audit --no-fund --loglevel=error >&2
  echo "$hash" >"$stamp"
}
built() {
  local stamp=dist/.clair-source hash
  hash=$(find src public scripts index.html ./*.config.* package-lock.json ../../pkg/palette/palette.css -type f -print0 |
    sort -z | xargs -0 sha256sum | sha256sum)
  [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$hash" ] && return
  installed
  npm run --silent build >&2
  echo "$hash" >"$stamp"
}

description=../managair/internal/httpapi/openapi/openapi.yaml
# What was checked once is not checked again: "make test" lints before it tests.
checked() {
  local stamp=node_modules/.clair-checked hash
  hash=$(find src tests public scripts index.html ./*.config.* package.json package-lock.json tsconfig.json \
    .prettier* "$description" ../../pkg/palette/palette.css -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum)
  installed
  [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$hash" ] && return
  npx --no-install openapi-typescript "$description" --output src/lib/api/schema.d.ts --check >&2 || {
    echo 'frontend: the description of the API has changed; run "tools/dev/frontend.sh generate"' >&2
    exit 1
  }
  npm run --silent check
  echo "$hash" >"$stamp"
}

case ${1-} in
  build) built ;;
  check) checked ;;
  test)
    checked
    npm run --silent test
    built
    # The stories run on the real services.
    ../../tools/dev/build.sh
    CLAIR_SKIP_BUILD=1 npm run --silent test:browser
    ;;
  bench)
    installed
    built
    CLAIR_BENCH=1 CLAIR_SKIP_BUILD=1 npm run --silent test:browser -- tests/browser/budget.test.ts
    ;;
  generate)
    installed
    npx --no-install openapi-typescript "$description" --output src/lib/api/schema.d.ts >&2
    ;;
  *)
    usage >&2
    exit 2
    ;;
esac
