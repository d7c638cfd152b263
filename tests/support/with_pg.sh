#!/usr/bin/env bash
# Runs a command with DATABASE_URL of a private, migrated PostgreSQL that ends with it.
#
#   with_pg.sh CMD [ARG…]
#
# With DATABASE_URL set already, that database is used as it is. BELFRY_CLI names the
# migration tool; without it, psql applies the up sections in order.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)

[ $# -ge 1 ] || {
    echo "usage: with_pg.sh CMD [ARG…]" >&2
    exit 2
}
[ -z "${DATABASE_URL:-}" ] || exec "$@"

up_section() {
    awk '/^-- migrate:down/ { exit } /^-- migrate:up/ { up = 1; next } up' "$1"
}

dir=$(mktemp -d "${TMPDIR:-/tmp}/belfry-pg.XXXXXX")
chmod 755 "$dir"
trap '"$here/pg.sh" remove "$dir" >/dev/null 2>&1 || true' EXIT
DATABASE_URL=$("$here/pg.sh" start "$dir")
export DATABASE_URL

if [ -n "${BELFRY_CLI:-}" ] && [ -x "$BELFRY_CLI" ]; then
    "$BELFRY_CLI" migrate up >"$dir/migrate.log" 2>&1 || {
        cat "$dir/migrate.log" >&2
        exit 1
    }
else
    psql -qX "$DATABASE_URL" -c \
        "CREATE TABLE schema_migrations (version text PRIMARY KEY)" >/dev/null
    for file in "$root"/migrations/*.sql; do
        up_section "$file" | psql -qX -v ON_ERROR_STOP=1 -1 "$DATABASE_URL" >/dev/null || {
            echo "with_pg.sh: $file does not apply" >&2
            exit 1
        }
        psql -qX "$DATABASE_URL" -c "INSERT INTO schema_migrations VALUES
            ('$(basename "$file" | cut -d_ -f1)')" >/dev/null
    done
fi

status=0
"$@" || status=$?
exit "$status"
