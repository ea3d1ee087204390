#!/bin/sh
# Asks nginx whether it serves, with what the base image has.
url=http://127.0.0.1:8080/healthz
if command -v curl >/dev/null; then
  exec curl --silent --fail --max-time 3 --output /dev/null "$url"
elif command -v wget >/dev/null; then
  exec wget -q -T 3 -O /dev/null "$url"
fi
exec bash -c 'exec 3<>/dev/tcp/127.0.0.1/8080 && printf "GET /healthz HTTP/1.0\r\n\r\n" >&3 && head -1 <&3 | grep -q " 200 "'
