# shellcheck shell=bash
# Sourced by what compiles or loads our code: with the same flags everywhere, a machine compiles it, and what it
# depends on, once. (The tests with the race detector need cgo and compile it once more.)
export CGO_ENABLED=0
case " ${GOFLAGS-} " in
  *' -trimpath '*) ;;
  *) export GOFLAGS="${GOFLAGS:+$GOFLAGS }-trimpath" ;;
esac
