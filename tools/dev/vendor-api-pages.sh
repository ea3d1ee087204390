#!/usr/bin/env bash
# Fetches the scripts and styles of the API's description pages (Swagger UI and
# ReDoc) from npm, at pinned versions, and keeps them compressed, as they are
# embedded and served. They are committed, because building the services needs
# nothing but Go. Run it after changing a version here.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tools/lib/help.sh

readonly swagger=swagger-ui-dist@5.35.0 redoc=redoc@3.0.1
target=$PWD/services/managair/internal/httpapi/openapi/vendor
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cd "$work"
npm pack --silent "$swagger" "$redoc" >/dev/null
mkdir swagger redoc
tar -xzf swagger-ui-dist-*.tgz -C swagger --strip-components 1
tar -xzf redoc-*.tgz -C redoc --strip-components 1

mkdir -p "$target"
# -n leaves name and time out, so that the same version gives the same bytes.
pack() { gzip -9nc "$1" >"$target/$2.gz"; }
pack swagger/swagger-ui-bundle.js swagger-ui.js
pack swagger/swagger-ui.css swagger-ui.css
pack redoc/bundles/redoc.standalone.js redoc.js
cat swagger/LICENSE >"$target/LICENSE.swagger-ui"
cat redoc/LICENSE >"$target/LICENSE.redoc"
ls -l "$target"
