#!/usr/bin/env bash
# Healthy when writes are taken. The first time it makes the replica set, of this member alone.
exec mongosh --quiet --host 127.0.0.1 -u root -p "$MONGO_INITDB_ROOT_PASSWORD" --authenticationDatabase admin /deploy/health.js
