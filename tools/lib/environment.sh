# shellcheck shell=bash
# Environment files are read, not run: what stands there never becomes a command.

# read_environment FILE exports what a file sets. A line is NAME=VALUE, a comment that
# begins with #, empty, or ". FILE" for what another file sets. A value may have blanks;
# single quotes take it as it is; outside of them $NAME, ${NAME}, ${NAME:-DEFAULT} and
# ${NAME:?WHAT IS MISSING} stand for other variables. Byte order mark and carriage returns
# of other editors are passed over. What is wrong is said with the line, and ends the tool.
read_environment() {
  local file=$1 line number=0 name
  while IFS= read -r line || [ -n "$line" ]; do
    number=$((number + 1))
    [ "$number" -gt 1 ] || line=${line#$'\xef\xbb\xbf'}
    line=${line%$'\r'}
    if [[ $line =~ ^[[:space:]]*(#.*)?$ ]]; then
      continue
    elif [[ $line =~ ^[[:space:]]*(\.|source)[[:space:]]+([^[:space:]]+)[[:space:]]*$ ]]; then
      [ -f "${BASH_REMATCH[2]}" ] || wrong_line "there is no file '${BASH_REMATCH[2]}'"
      read_environment "${BASH_REMATCH[2]}"
    elif [[ $line =~ ^[[:space:]]*(export[[:space:]]+)?([A-Za-z_][A-Za-z0-9_]*)=([^[:space:]].*)?$ ]]; then
      name=${BASH_REMATCH[2]}
      read_value "${BASH_REMATCH[3]}"
      export "$name=$VALUE"
    elif [[ $line =~ ^[[:space:]]*[A-Za-z_][A-Za-z0-9_]*[[:space:]]*=[[:space:]]*$ ]]; then
      export "${line//[[:space:]=]/}="
    elif [[ $line =~ ^[[:space:]]*[A-Za-z_][A-Za-z0-9_]*[[:space:]]*=[[:space:]] || $line =~ ^[[:space:]]*[A-Za-z_][A-Za-z0-9_]*[[:space:]]+= ]]; then
      wrong_line "no blanks beside the first '=': write NAME=VALUE"
    else
      wrong_line "'${line:0:60}' is not NAME=VALUE"
    fi
  done <"$file"
}

# wrong_line says what is wrong with the line that read_environment is at.
wrong_line() { fail -2 "$file, line $number: $*"; }

# read_value TEXT sets VALUE to what a value in a file stands for.
read_value() {
  local rest=$1 within=nothing char solid=0
  VALUE=''
  if [[ $rest == '~'/* ]]; then VALUE=$HOME rest=${rest:1}; fi # as shells have it
  while [ -n "$rest" ]; do
    char=${rest:0:1} rest=${rest:1}
    case $within$char in
      "single'" | 'double"') within=nothing solid=${#VALUE} ;;
      single*) VALUE+=$char ;;
      "nothing'") within=single ;;
      'nothing"') within=double ;;
      nothing\\) VALUE+=${rest:0:1} rest=${rest:1} solid=${#VALUE} ;;
      double\\)
        if [[ $rest == [\"\\\$\`]* ]]; then char=${rest:0:1} rest=${rest:1}; fi
        VALUE+=$char
        ;;
      'nothing#')
        # A comment, but not within a word.
        if [ -z "$VALUE" ] || [[ $VALUE == *[[:space:]] && $solid -lt ${#VALUE} ]]; then rest=''; else VALUE+=$char; fi
        ;;
      *'$') read_variable ;;
      *'`') wrong_line "nothing is run here; a \` that is meant stands in single quotes" ;;
      *) VALUE+=$char ;;
    esac
  done
  [ "$within" = nothing ] || wrong_line "a $within quote is not closed"
  while [[ ${#VALUE} -gt $solid && $VALUE == *[[:space:]] ]]; do VALUE=${VALUE%?}; done
}

# read_variable adds to VALUE what stands for a variable in rest, which follows a $.
read_variable() {
  local name word
  if [[ $rest =~ ^\{([A-Za-z_][A-Za-z0-9_]*)(:?[-?])?([^}]*)\} && (-n ${BASH_REMATCH[2]} || -z ${BASH_REMATCH[3]}) ]]; then
    name=${BASH_REMATCH[1]} word=${BASH_REMATCH[3]}
    rest=${rest:${#BASH_REMATCH[0]}}
    case ${BASH_REMATCH[2]} in
      :-) VALUE+=${!name:-$word} && return ;;
      -) VALUE+=${!name-$word} && return ;;
      :*) [ -n "${!name-}" ] || wrong_line "$name is not set: ${word:-it has to be}" ;;
    esac
  elif [[ $rest =~ ^[A-Za-z_][A-Za-z0-9_]* ]]; then
    name=${BASH_REMATCH[0]}
    rest=${rest:${#name}}
  elif [[ $rest == [\(\{]* ]]; then
    wrong_line "nothing is run here; a \$ that is meant stands in single quotes"
  else
    VALUE+='$'
    return
  fi
  [ -n "${!name+set}" ] || wrong_line "there is no variable '$name'; a \$ that is meant stands in single quotes"
  VALUE+=${!name}
}
