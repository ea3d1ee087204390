#!/usr/bin/env bash
# Finds words in comments and documentation that CONTRIBUTING asks to put otherwise:
# functions "report whether", and people are "they".
set -euo pipefail
cd "$(dirname "$0")/../.."
. tools/lib/help.sh

mapfile -t texts < <(git ls-files -- '*.go' '*.templ' '*.md' '*.ts' '*.svelte' \
  ':!*_templ.go' ':!*/schema.d.ts' ':!CONTRIBUTING.md')
wait "$!" # with its exit code, which mapfile does not have
# Names of fields and letters of other languages are no words of ours: blanks stand around.
if grep -nE '\btells whether\b|(^|[ (])([Hh]e|[Hh]is|[Hh]im|[Hh]imself|[Ss]he|[Hh]erself)([ ,.;:)]|$)' -- "${texts[@]}" >&2; then
  echo 'prose: write "reports whether", and "they" of people (CONTRIBUTING.md, Words)' >&2
  exit 1
fi
