# shellcheck shell=bash
# What tools source that have no other use for --help: it prints the comment at the
# head of the tool, and ends it. The tool may have left the folder that it was called
# from, so $0 alone does not find it.
case ${1-} in
  -h | --help)
    sed -n '2,/^[^#]/{/^[^#]/d;s/^# \{0,1\}//;p}' "$(dirname "${BASH_SOURCE[0]}")/../$(basename "$0")"
    exit 0
    ;;
esac
