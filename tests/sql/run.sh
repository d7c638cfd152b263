#!/usr/bin/env bash
# Tests the migrations and their functions on a private PostgreSQL.
#
#   run.sh [NAME…]     the tests NAME.sql and NAME.sh; all without a name
#
# First up, down to nothing, and up again; then each test in a fresh copy of the schema.
# BELFRY_CLI: the `belfry` to migrate with; without it psql does, and tests of
# `belfry migrate` are skipped.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
pg="$root/tests/support/pg.sh"

work=$(mktemp -d "${TMPDIR:-/tmp}/belfry-sql.XXXXXX")
chmod 755 "$work"
trap '"$pg" remove "$work/pg" >/dev/null 2>&1 || true; rm -rf "$work"' EXIT
DATABASE_URL=$("$pg" start "$work/pg")
server=${DATABASE_URL%/*}
export BELFRY_MIGRATIONS="$root/migrations" work server
# as the core connects
export PGOPTIONS="-c enable_seqscan=off -c plan_cache_mode=force_generic_plan -c jit=off \
-c client_min_messages=warning"

section() {
    awk -v want="-- migrate:$1" '/^-- migrate:/ { on = ($0 == want); next } on' "$2"
}

migrate() {
    local files file
    files=("$root"/migrations/*.sql)
    if [ -n "${BELFRY_CLI:-}" ]; then
        DATABASE_URL="$1" "$BELFRY_CLI" migrate "$2" ${3:+"$3"} >/dev/null
        return
    fi
    [ "$2" = up ] || mapfile -t files < <(printf '%s\n' "${files[@]}" | sort -r)
    for file in "${files[@]}"; do
        section "$2" "$file" | psql -qX -1 -v ON_ERROR_STOP=1 "$1" >/dev/null
    done
}

objects() {
    psql -qAtX "$1" -c "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace
                          AND relname NOT LIKE 'schema_migrations%'" \
        -c "SELECT count(*) FROM pg_proc WHERE pronamespace = 'public'::regnamespace" \
        -c "SELECT count(*) FROM pg_type WHERE typnamespace = 'public'::regnamespace
              AND typname !~ 'schema_migrations'" | paste -sd' '
}

failed=0
say() {
    printf '%-7s %s\n' "$1" "$2"
}

migrate "$DATABASE_URL" up
there=$(objects "$DATABASE_URL")
all=("$root"/migrations/*.sql)
migrate "$DATABASE_URL" down "${#all[@]}"
if [ "$(objects "$DATABASE_URL")" != "0 0 0" ]; then
    say FAILED "down leaves something behind: $(objects "$DATABASE_URL")"
    failed=1
else
    say ok "down leaves nothing behind"
fi
migrate "$DATABASE_URL" up
if [ "$(objects "$DATABASE_URL")" != "$there" ]; then
    say FAILED "up after down differs"
    failed=1
else
    say ok "up after down gives the same"
fi

names=("$@")
if [ ${#names[@]} -eq 0 ]; then
    for file in "$here"/test_*; do
        name=${file##*/}
        names+=("${name%.*}")
    done
fi
for name in "${names[@]}"; do
    psql -qX "$server/postgres" -c "CREATE DATABASE $name TEMPLATE belfry"
    url="$server/$name"
    if [ -f "$here/$name.sql" ]; then
        run=(psql -qAtX -v ON_ERROR_STOP=1 -o /dev/null -f "$here/helpers.sql"
            -f "$here/$name.sql" "$url")
    else
        psql -qAtX -v ON_ERROR_STOP=1 -o /dev/null -f "$here/helpers.sql" "$url"
        run=("$here/$name.sh" "$url")
    fi
    status=0
    timeout 120 "${run[@]}" >"$work/$name.log" 2>&1 || status=$?
    case $status in
    0) say ok "$name" ;;
    77) say skipped "$name" ;;
    *)
        say FAILED "$name"
        cat "$work/$name.log"
        failed=1
        ;;
    esac
done
exit "$failed"
