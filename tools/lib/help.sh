# shellcheck shell=bash
# Sourced by all tools. "usage" prints the comment at the head of the tool; so does
# --help as first argument, which then ends the tool. The tool may leave the folder
# that it was called from, so neither $0 nor a relative path finds it later.
head_of=$(find "$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)" -maxdepth 2 -name "${0##*/}" -print -quit)
usage() { sed -n '2,/^[^#]/{/^[^#]/d;s/^# \{0,1\}//;p}' "$head_of"; }
case ${1-} in
  -h | --help)
    usage
    exit 0
    ;;
esac
