# shellcheck shell=bash
# The users of Redis. Sourced by stack.sh. Each has a secret redis_NAME, which is what
# its service needs to get in; what Redis needs to know of all of them is the secret
# redis_acl, made here of compose/redis.acl and the digests of the passwords.

readonly REDIS_RULES=compose/redis.acl

# redis_access USER PASSWORD prints what the service is given: an address with the
# password in it, or for the exporter its file of passwords. (Older ones look there for
# the address without the user, newer ones for the one with it.)
redis_access() {
  case $1 in
    exporter) printf '{"redis://redis:6379":"%s","redis://exporter@redis:6379":"%s"}' "$2" "$2" ;;
    default) printf '%s' "$2" ;; # for people, who are asked for it alone
    *) printf 'redis://%s:%s@redis:6379/0' "$1" "$2" ;;
  esac
}

# redis_password FILE prints the password in what redis_access has printed.
redis_password() { sed -E 's/^\{"[^"]*":"([^"]*)".*/\1/; s|^redis://[^:]*:([^@]*)@.*|\1|' "$1"; }

# redis_digests USER prints the digests of the passwords that are taken: while one is
# rotated there is a second, in redis_USER.also.
redis_digests() {
  local file
  for file in "$SECRETS/redis_$1" "$SECRETS/redis_$1.also"; do
    [ ! -s "$file" ] || redis_password "$file" | tr -d '\n' | sha256sum | cut -d' ' -f1
  done | sort -u | sed 's/^/#/' | tr '\n' ' '
}

# write_redis_acl brings the secret redis_acl up to date. With REDIS_OPEN=true Redis also
# takes callers without a name, as it did before it had users.
write_redis_acl() {
  local line user acl='' deployed
  deployed=$(deployed_secret_names)
  while read -r line; do
    user=$(cut -d' ' -f2 <<<"$line")
    case $line in
      '' | '#'*) continue ;;
      *' PASSWORD '*)
        if [ ! -s "$SECRETS/redis_$user" ]; then
          # A service that is not deployed is not missed. Whoever asks for the secrets of the others is told.
          [[ $'\n'$deployed$'\n' != *$'\n'redis_$user$'\n'* ]] || return 0
          continue
        fi
        if [ "$user" = default ] && [ "${REDIS_OPEN-}" = true ]; then
          line=${line/PASSWORD /nopass }
        else
          line=${line/PASSWORD /$(redis_digests "$user")}
        fi
        ;;
    esac
    acl+=$line$'\n'
  done <"$REDIS_RULES"
  [ "$(cat "$SECRETS/redis_acl" 2>/dev/null)" != "${acl%$'\n'}" ] || return 0
  (umask 077 && printf '%s' "$acl" >"$SECRETS/redis_acl.new") && mv "$SECRETS/redis_acl.new" "$SECRETS/redis_acl"
}
