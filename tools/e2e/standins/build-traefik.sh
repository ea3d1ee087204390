#!/usr/bin/env bash
# Builds Traefik from its module, for machines that reach no container registry,
# and prints the path of the binary:
#
#   tools/e2e/standins/build-traefik.sh
#
# It takes some minutes once; the binary is kept in our cache. It has no
# dashboard, whose pages are not in the module, and no DNS challenges, whose 180
# providers are a third of all packages. Later versions (3.7) do not build like
# this: their module leaves out files that they embed.
set -euo pipefail

version=v3.6.12
binary=${XDG_CACHE_HOME:-$HOME/.cache}/clair-stack/bin/traefik-$version
if [ -x "$binary" ]; then
  echo "$binary"
  exit 0
fi

echo "build-traefik: building Traefik $version (once, some minutes)" >&2
mkdir -p "${binary%/*}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
printf 'module fetch\n\ngo 1.26\n' >go.mod
export GOWORK=off GOFLAGS=-mod=mod CGO_ENABLED=0
# Writable copies, in which the module's own replace lines hold; "go install" would refuse them.
fetch() { # MODULE FOLDER
  local folder
  folder=$(go mod download -json "$1" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
  cp -r "$folder" "$2"
  chmod -R u+w "$2"
}
fetch "github.com/traefik/traefik/v3@$version" traefik
fetch "github.com/go-acme/lego/v4@$(cd traefik && go list -m -f '{{.Version}}' github.com/go-acme/lego/v4)" lego
cat >lego/providers/dns/zz_gen_dns_providers.go <<'GO'
package dns

import (
	"fmt"

	"github.com/go-acme/lego/v4/challenge"
)

func NewDNSChallengeProviderByName(name string) (challenge.Provider, error) {
	return nil, fmt.Errorf("DNS provider %q is left out of this build", name)
}
GO
cd traefik
go mod edit -replace github.com/go-acme/lego/v4=../lego
# What the web interface's build would leave for the binary to embed.
mkdir -p webui/static
[ -n "$(ls webui/static)" ] || echo 'not built' >webui/static/index.html
nice go build -trimpath -ldflags '-s -w' -o "$binary.part" ./cmd/traefik >&2
mv "$binary.part" "$binary"
echo "$binary"
