# shellcheck shell=bash
# What the tools for a deployed stack have in common; they source it. Each takes
# an environment file as its first argument, speaks to that file's Docker context
# alone (the current context is never changed), and asks before it does something
# in a context that is not the default.

# Exit codes of all of them: 1 failed, 2 wrong usage, 3 not confirmed,
# 4 not healthy in time, 5 rolled back.
readonly EXIT_FAILED=1 EXIT_USAGE=2 EXIT_NOT_HEALTHY=4 EXIT_ROLLED_BACK=5

TOOL=$(basename "$0" .sh)
ASSUME_YES=false

say() { echo "$TOOL: $*" >&2; }

fail() { # [-CODE] MESSAGE
  local code=$EXIT_FAILED
  if [[ $1 =~ ^-[0-9]$ ]]; then
    code=${1#-}
    shift
  fi
  say "$*"
  exit "$code"
}

# set -e ends a tool without a word, and not every program says why it failed. What is
# passed over here has been said, or somebody has ended it; other codes than ours become 1.
ended() { # CODE FILE LINE COMMAND, which stands there with the names of variables
  case $1 in
    "$EXIT_USAGE" | 3 | "$EXIT_NOT_HEALTHY" | "$EXIT_ROLLED_BACK" | 130 | 143) return 0 ;;
  esac
  say "$(realpath --relative-base . "$2"), line $3 ended with $1: $4"
  [ "$1" = "$EXIT_FAILED" ] || exit "$EXIT_FAILED"
}
set -E
trap 'ended $? "${BASH_SOURCE[0]:-$0}" $LINENO "$BASH_COMMAND"' ERR

. tools/lib/help.sh
. tools/lib/environment.sh
. tools/lib/redis.sh

# options TOOL'S ARGUMENTS: handles --help and -y before anything else, and loads
# the environment file. The rest is left in the array ARGS.
ARGS=()
options() {
  local argument environment=''
  while [ $# -gt 0 ]; do
    argument=$1
    shift
    case $argument in
      -h | --help)
        if [ -z "$environment" ] || [ ${#ARGS[@]} -eq 0 ]; then
          usage
          exit 0
        fi
        ARGS+=("$argument")
        ;;
      -y | --yes) if [ ${#ARGS[@]} -eq 0 ]; then ASSUME_YES=true; else ARGS+=("$argument"); fi ;;
      *)
        if [ -z "$environment" ]; then
          environment=$argument
        else
          # From here on the options are not ours.
          ARGS+=("$argument")
        fi
        ;;
    esac
  done
  if [ -z "$environment" ]; then
    usage >&2
    exit "$EXIT_USAGE"
  fi
  load_environment "$environment"
}

# load_environment FILE: also "prod" for environments/prod.env.
load_environment() {
  local file=$1 name
  [ -f "$file" ] || file=environments/$1.env
  [ -f "$file" ] || fail -2 "there is no environment file '$1'"
  read_environment "$file"
  for name in DOCKER_CONTEXT CLAIR_DOMAIN DOCKER_STACK_DEPLOY_ARGS; do
    [ -n "${!name-}" ] || fail -2 "$file: $name is missing"
  done
  # The docker command would take it from the environment too, but not say so.
  CONTEXT=$DOCKER_CONTEXT
  unset DOCKER_CONTEXT
  export CLAIR_STACK=${CLAIR_STACK:-clair}
  # Whoever lets the proxy speak HTTPS has it in links and cookies, and browsers remember
  # for two years that this name does.
  if [[ $DOCKER_STACK_DEPLOY_ARGS == *docker-compose.tls.yml* ]]; then
    PUBLIC_URL=${PUBLIC_URL:-https://$CLAIR_DOMAIN}
    HSTS_SECONDS=${HSTS_SECONDS:-63072000}
  fi
  export PUBLIC_URL=${PUBLIC_URL:-http://$CLAIR_DOMAIN} HSTS_SECONDS=${HSTS_SECONDS:-0}
  # As with secrets, each content has a name of its own.
  VERSION_CONFIGS=$(cat compose/mosquitto.conf compose/socket-proxy.conf compose/broker/* compose/monitoring/* | sha256sum | cut -c1-10)
  LORAWAN_MAPPINGS=$(realpath -m "${LORAWAN_MAPPINGS:-compose/lorawan/mappings.json}")
  VERSION_MAPPINGS=$(sha256sum <"$LORAWAN_MAPPINGS" | cut -c1-10) || fail -2 "LORAWAN_MAPPINGS: there is no file '$LORAWAN_MAPPINGS'"
  export VERSION_CONFIGS LORAWAN_MAPPINGS VERSION_MAPPINGS
  SECRETS_FOLDER=${CLAIR_SECRETS:-secrets}
  # Compose files read paths from their own folder.
  SECRETS=$(realpath -m "$SECRETS_FOLDER")
  export SECRETS
  if [ -z "${CLAIR_VERSION-}" ]; then
    CLAIR_VERSION=$(git describe --always --dirty --abbrev=12 2>/dev/null || echo latest)
    export CLAIR_VERSION
  fi
}

# on runs docker in the environment's context.
on() { docker --context "$CONTEXT" "$@"; }

# confirm WHAT: asks before WHAT happens in a context that is not the default.
confirm() {
  [ "$CONTEXT" != default ] || return 0
  confirm_always "$1 in the Docker context '$CONTEXT' ($CLAIR_DOMAIN)"
}

# confirm_always WHAT: asks wherever it is.
confirm_always() {
  say "about to $1"
  if $ASSUME_YES; then
    return 0
  fi
  [ -t 0 ] || fail -3 "not done: nobody there to ask; say -y if it is meant"
  local answer
  read -r -p "Go on? [y/N] " answer
  [[ $answer =~ ^[yYjJ] ]] || fail -3 "not done"
}

# number NAME VALUE: refuses what is no number of seconds.
number() { [[ $2 =~ ^[0-9]+$ ]] || fail -2 "$1: '$2' is not a number of seconds"; }

secret_names() {
  sed -n '/^secrets:/,/^[^ #]/s/^  \([a-z_0-9]*\):$/\1/p' compose/docker-compose*.yml | sort -u
}

# deployed_files: the compose files that this environment deploys.
deployed_files() {
  local word
  for word in $DOCKER_STACK_DEPLOY_ARGS; do
    [[ $word != *.yml && $word != *.yaml ]] || echo "$word"
  done
}

# tell_unread_variables says what the environment file sets without an effect: a mistyped
# SIGN_UP would leave sign-up open, and nobody would know.
tell_unread_variables() {
  local files unread others name
  mapfile -t files < <(deployed_files)
  wait "$!" # with its exit code, which mapfile does not have
  unread=$(unread_variables "${files[@]}" tools/*.sh tools/lib/*.sh)
  [ -n "$unread" ] || return 0
  others=$(unread_variables compose/*.yml tools/*.sh tools/lib/*.sh)
  for name in $unread; do
    if [[ $'\n'$others$'\n' == *$'\n'$name$'\n'* ]]; then
      say "$name is set, but nothing reads it: is it spelt as in docs/operations.md?"
    else
      say "$name is set, but no file that DOCKER_STACK_DEPLOY_ARGS deploys reads it; one that does:" \
        "$(grep -lE "\\\$\{?$name([^A-Za-z0-9_]|\$)" compose/*.yml | head -n 1)"
    fi
  done
}

# deployed_secret_names: those of the compose files that this environment deploys.
deployed_secret_names() {
  local file
  for file in $(deployed_files); do
    sed -n '/^secrets:/,/^[^ #]/s/^  \([a-z_0-9]*\):$/\1/p' "$file"
  done | sort -u
}

# export_secret_versions sets VERSION_NAME for each secret: a keyed digest of its
# content, because the name that it becomes part of is no secret.
export_secret_versions() {
  local name missing=()
  write_redis_acl
  for name in $(deployed_secret_names); do
    if [ ! -s "$SECRETS/$name" ]; then
      missing+=("$name")
      continue
    fi
    export "VERSION_${name^^}=$(cat "$SECRETS/version_key" "$SECRETS/$name" | sha256sum | cut -c1-10)"
  done
  if [ ${#missing[@]} -gt 0 ]; then
    fail "secrets are missing in $SECRETS_FOLDER: ${missing[*]}; tools/create-secrets.sh makes them"
  fi
}

# full_name SERVICE: with the stack before it, unless it is there.
full_name() {
  case $1 in
    "${CLAIR_STACK}"_*) echo "$1" ;;
    *) echo "${CLAIR_STACK}_$1" ;;
  esac
}

services() { on service ls --filter "label=com.docker.stack.namespace=$CLAIR_STACK" --format '{{.Name}}' | sort; }

require_stack() {
  local names
  names=$(services) || fail "the swarm does not say which services there are"
  [ -n "$names" ] || fail "the stack '$CLAIR_STACK' is not deployed; tools/deploy-stack.sh does that"
}

# container SERVICE: where a running container of it is, as CONTEXT/ID for run_in.
# A swarm does not run commands in the containers of its other nodes, so these are
# reached through a Docker context that has the node's name.
container() {
  local name id node task
  name=$(full_name "$1")
  id=$(on ps --filter "label=com.docker.swarm.service.name=$name" --filter status=running --quiet | head -n 1)
  if [ -n "$id" ]; then
    echo "$CONTEXT/$id"
    return
  fi
  while read -r node task; do
    docker context inspect "$node" >/dev/null 2>&1 || continue
    id=$(on inspect --type task --format '{{.Status.ContainerStatus.ContainerID}}' "$task" 2>/dev/null) || continue
    echo "$node/$id"
    return
  done < <(on service ps --no-trunc --filter desired-state=running --format '{{.Node}} {{.ID}} {{.CurrentState}}' "$name" |
    sed -n 's/ Running .*//p')
  say "no container of $name can be reached; its tasks:"
  on service ps --filter desired-state=running --format '  {{.Name}} on {{.Node}}: {{.CurrentState}} {{.Error}}' "$name" >&2 || true
  say "for one that runs on another node, make a context of that node's name: docker context create NODE --docker host=ssh://..."
  return 1
}

# run_in CONTEXT/ID [OPTION...] -- COMMAND...: docker exec, on whichever node it is. When the
# engine goes away meanwhile, docker ends with 255 and says nothing.
run_in() {
  local where=$1 options=() code=0
  shift
  while [ "$1" != -- ]; do
    options+=("$1")
    shift
  done
  shift
  docker --context "${where%/*}" exec "${options[@]}" "${where##*/}" "$@" || code=$?
  [ "$code" != 255 ] || say "it is not known how a command in the container ${where##*/} ended: $1"
  return "$code"
}

# deploy_stack tells the swarm what the files of the environment say.
deploy_stack() {
  # shellcheck disable=SC2086 # they are several words
  on stack deploy --with-registry-auth --prune $DOCKER_STACK_DEPLOY_ARGS "$CLAIR_STACK" >&2
}

wanted_postgres_image() { echo "${POSTGRES_IMAGE:-$(sed -n 's/.*{POSTGRES_IMAGE:-\(.*\)}.*/\1/p' compose/docker-compose.yml)}"; }

deployed_postgres_image() { on service inspect --format '{{.Spec.TaskTemplate.ContainerSpec.Image}}' "$(full_name db)"; }

# deployed_postgres_data: the folder of the volume in which the running cluster is.
deployed_postgres_data() {
  on service inspect --format '{{range .Spec.TaskTemplate.ContainerSpec.Env}}{{println .}}{{end}}' "$(full_name db)" |
    sed -n 's|^PGDATA=.*/||p'
}

# postgres_version IMAGE: what the server in it says of itself.
postgres_version() {
  local job=${CLAIR_STACK}_job_$$_$RANDOM result=1
  on service create --quiet --detach --name "$job" --mode replicated-job --restart-condition none \
    --no-resolve-image --with-registry-auth --read-only --cap-drop ALL --no-healthcheck --user nobody \
    --constraint "${DATA_NODE:-node.role == manager}" --entrypoint postgres "$1" --version >/dev/null || return 1
  await_job "$job" "asking $1 for its version" && result=0
  on service logs --raw "$job" 2>&1
  on service rm "$job" >/dev/null 2>&1 || true
  return $result
}

# same_cluster refuses to deploy a database that cannot read the files of the running one,
# or would begin empty beside them.
same_cluster() {
  local db image running wanted
  [ "$(deployed_postgres_data)" = "${POSTGRES_DATA:-pgdata}" ] ||
    fail "the running database is in the folder '$(deployed_postgres_data)', and POSTGRES_DATA says '${POSTGRES_DATA:-pgdata}': tools/upgrade-postgres.sh moves it; nothing was deployed"
  image=$(wanted_postgres_image) running=$(deployed_postgres_image)
  # Tags that begin with a number are of one major version; others may mean another image
  # than when they were deployed. Digests say what they are.
  if [[ $image == *@* ]]; then
    [[ $running != *"@${image#*@}" ]] || return 0
  elif [[ $image =~ :[0-9]+[^/]*$ && ${running%%@*} == "$image" ]]; then
    return 0
  fi
  # One that does not run may be what is to be mended.
  db=$(container db) && running=$(run_in "$db" -- postgres --version) || return 0
  wanted=$(postgres_version "$image") ||
    fail "it cannot be seen whether $image reads the files of the running database; nothing was deployed"
  [ "$(postgres_major "$running")" = "$(postgres_major "$wanted")" ] ||
    fail "the running database is $running, and POSTGRES_IMAGE=$image is $wanted, which does not read its files: tools/upgrade-postgres.sh moves them; nothing was deployed"
}

postgres_major() { sed -n 's/^postgres (PostgreSQL) \([0-9]*\).*/\1/p' <<<"$1"; }

# set_db_password VALUE gives the role of the running database another password.
set_db_password() {
  local id
  id=$(container db) || return 1
  # The value goes through standard input, because a command line can be seen.
  printf "ALTER ROLE clair PASSWORD '%s';\n" "$1" |
    run_in "$id" --interactive -- psql --quiet --username clair --dbname clair --set ON_ERROR_STOP=1
}

# update_state SERVICE: "STATE STARTED" of its last update, "- -" without one.
update_state() {
  on service inspect --format \
    '{{with .UpdateStatus}}{{.State}} {{with .StartedAt}}{{.UnixNano}}{{end}}{{else}}- -{{end}}' "$1"
}

# remember_updates notes the services' last updates, for wait_until_healthy to
# tell a roll-back of now from one of yesterday.
declare -A UPDATES=()
remember_updates() {
  local service names
  names=$(services)
  UPDATES=()
  for service in $names; do
    UPDATES[$service]=$(update_state "$service")
  done
}

# What of a specification a task is made of. The whole of a task's differs from that
# of its service in fields that the engine fills in.
readonly SPECIFICATION='{{with .ContainerSpec}}{{json .Image}} {{json .Command}} {{json .Args}} {{json .Env}}
{{json .Labels}} {{json .Secrets}} {{json .Configs}} {{json .Mounts}} {{json .Healthcheck}}{{end}}
{{json .Resources}} {{json .Placement}} {{json .Networks}} {{.ForceUpdate}}'

# problem_of SERVICE prints what keeps it from being as it should, or nothing:
# as many tasks run as are wanted, and all of them by its newest specification. A
# task runs when its container has been healthy once.
problem_of() {
  local service=$1 state want mode spec tasks running=0 id task
  state=$(update_state "$service") || return 0
  case $state in
    rollback_completed* | rollback_paused* | paused*)
      if [ "$state" != "${UPDATES[$service]-}" ]; then
        echo "rolled back"
        return
      fi
      ;;
    updating* | rollback_started*)
      echo "is being updated"
      return
      ;;
  esac
  mode=$(on service inspect --format '{{with .Spec.Mode.Replicated}}{{.Replicas}}{{else}}{{if .Spec.Mode.Global}}global{{else}}job{{end}}{{end}}' "$service")
  [ "$mode" != job ] || return 0
  spec=$(on service inspect --format "{{with .Spec.TaskTemplate}}$SPECIFICATION{{end}}" "$service")
  mapfile -t tasks < <(on service ps --no-trunc --quiet --filter desired-state=running "$service")
  if ! wait "$!"; then # its exit code, which mapfile does not have: no task is not none known
    echo 'cannot be asked for its tasks'
    return
  fi
  for id in "${tasks[@]}"; do
    task=$(on inspect --type task --format "{{.Status.State}} {{with .Spec}}$SPECIFICATION{{end}}" "$id" 2>/dev/null) || continue
    if [ "${task#* }" != "$spec" ]; then
      echo "still has a task of the old version"
      return
    fi
    [ "${task%% *}" != running ] || running=$((running + 1))
  done
  want=$mode
  [ "$mode" != global ] || want=${#tasks[@]}
  [ "$running" -ge "$want" ] || echo "$running of $want tasks run"
}

# wait_until_healthy SECONDS [SERVICE...] (default: all) waits, or says what is
# not well and returns EXIT_NOT_HEALTHY or EXIT_ROLLED_BACK.
wait_until_healthy() {
  local deadline=$((SECONDS + $1)) service problem problems rolled_back names
  shift
  while :; do
    problems='' rolled_back=false
    if ! names=$(if [ $# -gt 0 ]; then printf '%s\n' "$@"; else services; fi); then
      problems=$'  the swarm does not say which services there are\n' names=''
    fi
    for service in $names; do
      problem=$(problem_of "$service")
      [ -z "$problem" ] || problems+="  $service $problem"$'\n'
      [ "$problem" != 'rolled back' ] || rolled_back=true
    done
    if [ -z "$problems" ]; then
      return 0
    fi
    if $rolled_back && [[ $problems != *'is being updated'* ]]; then
      say "the new version did not become healthy, so the old one was brought back:"
      printf '%s' "$problems" >&2
      explain "$@"
      return "$EXIT_ROLLED_BACK"
    fi
    if [ $SECONDS -ge $deadline ]; then
      say "not healthy in time:"
      printf '%s' "$problems" >&2
      explain "$@"
      return "$EXIT_NOT_HEALTHY"
    fi
    sleep 1
  done
}

# explain [SERVICE...] shows why tasks failed.
explain() {
  local service
  for service in $(if [ $# -gt 0 ]; then printf '%s\n' "$@"; else services; fi); do
    on service ps --no-trunc --format '{{.Name}} {{.CurrentState}} {{.Error}}' "$service" 2>/dev/null |
      grep -E 'Failed|Rejected|Pending|starting' | sed 's/^/  /' | head -n 3 >&2 || true
  done
}

# services_say prints what the services say that is not well, a line each: service,
# address, what is asked, what is wrong. Returns 0 when all is well, 1 when not, 2
# when nobody could be asked.
services_say() {
  local id said
  id=$(container managair_server 2>/dev/null) || return 2
  if said=$(run_in "$id" -- /managair status 2>&1); then
    return 0
  fi
  # Versions that do not know the question are no problem of the stack.
  [[ $said != *'unknown command'* ]] || return 2
  said=$(grep -v '^managair: ' <<<"$said") || return 1
  # A forwarder that the environment file wants no task of cannot be found, and is not missed.
  local service replicas
  for service in clairchen_forwarder ers_forwarder lorawan_forwarder; do
    replicas=${service^^}_REPLICAS
    [ "${!replicas-}" != 0 ] || said=$(grep -v "^$service " <<<"$said" || true)
  done
  [ -n "$said" ] || return 0
  printf '%s\n' "$said"
  return 1
}

# await_job SERVICE WHAT: until all tasks of a job have ended well, or one has not, or
# JOB_TIMEOUT seconds are over.
await_job() {
  local states deadline=$((SECONDS + ${JOB_TIMEOUT:-300}))
  while :; do
    states=$(on service ps --format '{{.CurrentState}} {{.Error}}' "$1" 2>/dev/null) || true
    if grep -q '^Failed\|^Rejected' <<<"$states"; then
      return 1
    elif [ -n "$states" ] && ! grep -qv '^Complete' <<<"$states"; then
      return 0
    elif [ $SECONDS -ge $deadline ]; then
      say "$2 did not end in time: ${states:-no task}"
      return 1
    fi
    sleep 0.5
  done
}

# fetch_socket_proxy has every manager fetch the image of the socket proxy, and returns 1
# where one cannot: a reverse proxy without it would know of no service.
fetch_socket_proxy() {
  local job=${CLAIR_STACK}_job_$$_$RANDOM result=1
  local image=${NGINX_IMAGE:-$(sed -n 's/.*{NGINX_IMAGE:-\(.*\)}.*/\1/p' compose/docker-compose.yml)}
  on service create --quiet --detach --name "$job" --mode global-job --constraint node.role==manager \
    --restart-condition none --no-resolve-image --with-registry-auth --read-only --cap-drop ALL --no-healthcheck \
    "$image" nginx -v >/dev/null || return 1
  await_job "$job" "fetching $image" && result=0
  [ $result = 0 ] || on service ps --no-trunc --format '  {{.Node}}: {{.CurrentState}} {{.Error}}' "$job" >&2 || true
  on service rm "$job" >/dev/null 2>&1 || true
  return $result
}

# run_managair ARGUMENT... runs a command of managair as a job of its own, as the owner of
# the stack's database, in the version of the environment (or JOB_IMAGE), on the database
# clair (or JOB_DATABASE); prints what it prints and returns 1 if it fails. The passwords of
# the roles that it is to make go along.
run_managair() {
  local job=${CLAIR_STACK}_job_$$_$RANDOM name variable secret secrets=()
  local result=1
  for name in $(deployed_secret_names); do
    case $name in
      db_password) variable=DB_PASSWORD_FILE ;;
      db_managair | db_ingestair | db_exporter) variable=${name^^}_PASSWORD_FILE ;;
      *) continue ;;
    esac
    secret=VERSION_${name^^}
    secret=${CLAIR_STACK}_${name}_${!secret}
    # The stack adopts it when it is deployed.
    on secret inspect "$secret" >/dev/null 2>&1 ||
      on secret create --label "com.docker.stack.namespace=$CLAIR_STACK" "$secret" "$SECRETS/$name" >/dev/null
    secrets+=(--secret "source=$secret,target=$name" --env "$variable=/run/secrets/$name")
  done
  on service create --quiet --detach --name "$job" --mode replicated-job --restart-condition none \
    --no-resolve-image --with-registry-auth --read-only --cap-drop ALL --no-healthcheck \
    --network "${CLAIR_STACK}_backend" "${secrets[@]}" --env LOG_FORMAT=text \
    --env DB_HOST=db --env "DB_NAME=${JOB_DATABASE:-clair}" --env DB_USER=clair --env DB_SSLMODE=disable \
    "${JOB_IMAGE:-${CLAIR_REGISTRY:-clairberlin}/managair:$CLAIR_VERSION}" "$@" >/dev/null || return 1
  await_job "$job" "'managair $*'" && result=0
  on service logs --raw "$job" 2>&1 | sed "s/^/  managair $1: /" >&2 || true
  on service rm "$job" >/dev/null 2>&1 || true
  return $result
}
