# shellcheck shell=bash
# Environment files are read, not run: what stands there never becomes a command. Names
# that begin with _env_ are the reader's own.

# What files have set, and what other variables their values are made of.
_env_set=() _env_used=()

# read_environment FILE exports what a file sets. A line is NAME=VALUE, a comment that
# begins with #, empty, or ". FILE" for what another file sets; one that ends with a \ goes
# on in the next. A value may have blanks; single quotes take it as it is; outside of them
# $NAME, ${NAME}, ${NAME:-DEFAULT} and ${NAME:?WHAT IS MISSING} stand for other variables.
# Byte order mark and carriage returns of other editors are passed over. What is wrong is
# said with the line, and ends the tool.
read_environment() {
  # Bytes: a comment in another character set is no mistake.
  local LC_ALL=C _env_file=$1 _env_line _env_next _env_number=0 _env_name _env_value
  while IFS= read -r _env_line || [ -n "$_env_line" ]; do
    _env_number=$((_env_number + 1))
    [ "$_env_number" -gt 1 ] || _env_line=${_env_line#$'\xef\xbb\xbf'}
    _env_line=${_env_line%$'\r'}
    [[ ! $_env_line =~ ^[[:space:]]*(#.*)?$ ]] || continue
    while [[ $_env_line =~ (^|[^\\])(\\\\)*\\$ ]] && IFS= read -r _env_next; do
      _env_number=$((_env_number + 1))
      _env_line=${_env_line%\\}${_env_next%$'\r'}
    done
    if [[ $_env_line =~ ^[[:space:]]*(\.|source)[[:space:]]+\"?([^[:space:]\"]+)\"?[[:space:]]*(#.*)?$ ]]; then
      [ -f "${BASH_REMATCH[2]}" ] || wrong_line "there is no file '${BASH_REMATCH[2]}'"
      read_environment "${BASH_REMATCH[2]}"
      continue
    fi
    if [[ $_env_line =~ ^[[:space:]]*(export[[:space:]]+)?([A-Za-z_][A-Za-z0-9_]*)=[[:space:]]*(#.*)?$ && $_env_line != *=#* ]]; then
      _env_name=${BASH_REMATCH[2]} _env_value=''
    elif [[ $_env_line =~ ^[[:space:]]*(export[[:space:]]+)?([A-Za-z_][A-Za-z0-9_]*)=([^[:space:]].*)$ ]]; then
      _env_name=${BASH_REMATCH[2]}
      read_value "${BASH_REMATCH[3]}"
    elif [[ $_env_line =~ ^[[:space:]]*(export[[:space:]]+)?[A-Za-z_][A-Za-z0-9_]*[[:space:]]*= ]]; then
      wrong_line "no blanks beside the first '=': write NAME=VALUE"
    else
      wrong_line "'${_env_line:0:60}' is not NAME=VALUE"
    fi
    [[ ! $(declare -p "$_env_name" 2>/dev/null) =~ ^declare\ -[a-zA-Z]*r ]] || wrong_line "$_env_name cannot be set"
    export "$_env_name=$_env_value"
    _env_set+=("$_env_name")
  done <"$_env_file"
}

# wrong_line says what is wrong with the line that read_environment is at.
wrong_line() { fail -2 "$_env_file, line $_env_number: $*"; }

readonly WRITE_PLAIN='what is meant as it is stands in single quotes'

# read_value TEXT sets _env_value to what a value in a file stands for.
read_value() {
  local _env_rest=$1 _env_within=nothing _env_char _env_solid=0
  _env_value=''
  if [[ $_env_rest == '~'/* ]]; then _env_value=$HOME _env_rest=${_env_rest:1}; fi # as shells have it
  [[ $_env_rest != \(* ]] || wrong_line "there are no lists here; $WRITE_PLAIN"
  while [ -n "$_env_rest" ]; do
    _env_char=${_env_rest:0:1} _env_rest=${_env_rest:1}
    case $_env_within$_env_char in
      "single'" | 'double"') _env_within=nothing _env_solid=${#_env_value} ;;
      single*) _env_value+=$_env_char ;;
      "nothing'") _env_within=single ;;
      'nothing"') _env_within=double ;;
      nothing\\) _env_value+=${_env_rest:0:1} _env_rest=${_env_rest:1} _env_solid=${#_env_value} ;;
      double\\)
        if [[ $_env_rest == [\"\\\$\`]* ]]; then _env_char=${_env_rest:0:1} _env_rest=${_env_rest:1}; fi
        _env_value+=$_env_char
        ;;
      'nothing#')
        # A comment, but not within a word.
        if [[ $_env_value == *[[:space:]] && $_env_solid -lt ${#_env_value} ]]; then _env_rest=''; else _env_value+=$_env_char; fi
        ;;
      'nothing;') wrong_line "one line sets one variable; $WRITE_PLAIN" ;;
      nothing[[:space:]])
        [[ ! $_env_rest =~ ^[A-Za-z_][A-Za-z0-9_]*= ]] || wrong_line "one line sets one variable; $WRITE_PLAIN"
        _env_value+=$_env_char
        ;;
      *'$') read_variable ;;
      *'`') wrong_line "nothing is run here; $WRITE_PLAIN" ;;
      *) _env_value+=$_env_char ;;
    esac
  done
  [ "$_env_within" = nothing ] || wrong_line "a $_env_within quote is not closed"
  while [[ ${#_env_value} -gt $_env_solid && $_env_value == *[[:space:]] ]]; do _env_value=${_env_value%?}; done
}

# unread_variables FILE... prints what environment files have set that none of these files
# mentions, nor a value: most likely a slip of the pen. What other programs read, such as
# docker, restic and what it stores with, passes.
unread_variables() {
  local _env_name
  for _env_name in "${_env_set[@]}"; do
    case $_env_name in
      DOCKER_* | RESTIC_* | RCLONE_* | AWS_* | AZURE_* | B2_* | GOOGLE_* | OS_* | ST_* | SSH_* | GIT_* | XDG_* | *_PROXY | *_proxy) continue ;;
      PATH | HOME | TMPDIR | TZ | LANG | LC_*) continue ;;
    esac
    [[ " ${_env_used[*]-} " != *" $_env_name "* ]] || continue
    grep -qE "\\\$\{?$_env_name([^A-Za-z0-9_]|\$)" "$@" || echo "$_env_name"
  done | sort -u
}

# read_variable adds to _env_value what stands for a variable in _env_rest, which follows
# a $. A default is plain text.
read_variable() {
  local _env_of _env_word _env_plain='[^]{}$`"'"'"'\[]*'
  if [[ $_env_rest =~ ^\{([A-Za-z_][A-Za-z0-9_]*)((:?[-?])($_env_plain))?\} ]]; then
    _env_of=${BASH_REMATCH[1]} _env_word=${BASH_REMATCH[4]}
    _env_rest=${_env_rest:${#BASH_REMATCH[0]}}
    case ${BASH_REMATCH[3]} in
      :-) _env_value+=${!_env_of:-$_env_word} && return ;;
      -) _env_value+=${!_env_of-$_env_word} && return ;;
      :*) [ -n "${!_env_of-}" ] || wrong_line "$_env_of is not set: ${_env_word:-it has to be}" ;;
    esac
  elif [[ $_env_rest =~ ^[A-Za-z_][A-Za-z0-9_]* ]]; then
    _env_of=${BASH_REMATCH[0]}
    _env_rest=${_env_rest:${#_env_of}}
  elif [[ $_env_rest == \{* ]]; then
    wrong_line "after the \$ stands {NAME}, or {NAME:-DEFAULT} with a default of plain text; $WRITE_PLAIN"
  elif [[ $_env_rest == [\(]* || ($_env_within = nothing && $_env_rest == [\'\"]*) ]]; then
    wrong_line "nothing is run here; $WRITE_PLAIN"
  else
    _env_value+='$'
    return
  fi
  _env_used+=("$_env_of")
  [ -n "${!_env_of+set}" ] || wrong_line "there is no variable '$_env_of'; $WRITE_PLAIN"
  _env_value+=${!_env_of}
}
