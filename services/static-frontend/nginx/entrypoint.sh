#!/bin/sh
# Fills in what an operator decides, and becomes nginx.
#
#   TILES_URL          where pictures for the map come from, as in https://tiles.example/{z}/{x}/{y}.png
#   TILES_ATTRIBUTION  whom to thank for them, shown on the map (text)
#
# Without TILES_URL the map stays plain, and nobody is told who looks at it.
set -eu

origin=
tiles=null
if [ -n "${TILES_URL-}" ]; then
  origin=$(printf '%s' "$TILES_URL" | sed -n 's|^\(https://[A-Za-z0-9.{}-]*\(:[0-9]*\)\{0,1\}\)/.*|\1|p' | sed 's|{s}|*|')
  if [ -z "$origin" ]; then
    echo "entrypoint: TILES_URL must begin with https:// and have a path: $TILES_URL" >&2
    exit 1
  fi
  quoted() { printf '"%s"' "$(printf '%s' "$1" | sed 's/[\\"]/\\&/g')"; }
  tiles="{ \"url\": $(quoted "$TILES_URL"), \"attribution\": $(quoted "${TILES_ATTRIBUTION-}") }"
fi
printf '{ "tiles": %s }\n' "$tiles" >/tmp/config.json
sed "s|\${TILE_ORIGIN}|$origin|" /etc/clair/default.conf.template >/tmp/default.conf
exec nginx -c /etc/clair/nginx.conf -g 'daemon off;'
