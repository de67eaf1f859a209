#!/usr/bin/env bash
# MongoDB with a key from the environment instead of a file that somebody has to make, in its image's own way of starting.
set -euo pipefail
: "${MONGO_KEY:?set it in .env}" "${MONGO_INITDB_ROOT_PASSWORD:?set MONGO_ROOT_PASSWORD in .env}" "${MONGO_PASSWORD:?set it in .env}"
umask 077
printf '%s' "$MONGO_KEY" >/tmp/keyfile
chmod 400 /tmp/keyfile
[ "$(id -u)" = 0 ] && chown mongodb:mongodb /tmp/keyfile
exec docker-entrypoint.sh "$@"
