#!/usr/bin/env bash
# Checks that every variable of a binary can be set from an environment file: a compose
# file passes it on, and docs/operations.md tells of it. What is fixed in the stack stands
# in compose/fixed-variables.txt, with the reason.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tools/lib/help.sh

fixed=compose/fixed-variables.txt
bin=$(mktemp -d)
trap 'rm -rf "$bin"' EXIT
tools/dev/build.sh -o "$bin" ./services/ingestair ./services/clairchen-forwarder ./services/ers-forwarder ./services/lorawan-forwarder ./services/managair
names=$({
  for service in ingestair clairchen-forwarder ers-forwarder lorawan-forwarder; do "$bin/$service" --help; done
  "$bin/managair" variables
} | awk '$1 ~ /^[A-Z][A-Z0-9_]+$/ && NF > 1 {print $1}' | sort -u)
[ "$(wc -l <<<"$names")" -gt 30 ] || {
  echo 'variables: the binaries list hardly any; has --help another form?' >&2
  exit 1
}

failed=0
complain() {
  echo "variables: $*" >&2
  failed=1
}
for name in $names; do
  # Lines of compose files whose value comes from the environment file, or from a secret.
  lines=$(grep -hE "^ *${name}(_FILE)?: .*(\\\$\{|/run/secrets/)" compose/*.yml || true)
  reason=$(awk -v name="$name" '$1 == name {$1 = ""; print}' "$fixed")
  case ${lines:+set}/${reason:+fixed} in
    set/fixed) complain "$name is in $fixed, but a compose file passes it on" ;;
    set/)
      grep -oE '\$\{[A-Z0-9_]+' <<<"$lines" | cut -c 3- | while read -r given; do
        grep -qF "\`$given\`" docs/operations.md || echo "$given"
      done | grep . >"$bin/missing" && complain "not in the table of docs/operations.md:" "$(tr '\n' ' ' <"$bin/missing")"
      ;;
    /) complain "$name cannot be set from an environment file: pass it on in compose/docker-compose.yml, or give the reason in $fixed" ;;
  esac
done
while read -r name _; do
  case $name in '' | '#'*) continue ;; esac
  grep -qx "$name" <<<"$names" || complain "$name is in $fixed, but no binary has it"
done <"$fixed"
exit "$failed"
