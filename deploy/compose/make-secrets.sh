#!/bin/sh
# Make the secrets that compose.yaml names, once. What is there stays as it is.
set -eu
cd "$(dirname "$0")"
umask 077
mkdir -p secrets

random() { head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n'; }
# The container's user is not this one: the folder keeps others out, the files are only mounted.
make() { [ -e "secrets/$1" ] || { printf '%s' "$2" > "secrets/$1"; chmod 0444 "secrets/$1"; }; }

make secret_key "$(random)"
make metrics_token "$(random)"
make postgres_password "$(random)"
make database_url "postgresql://assay:$(cat secrets/postgres_password)@postgres:5432/assay"
