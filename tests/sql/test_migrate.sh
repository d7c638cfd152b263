#!/usr/bin/env bash
# `belfry migrate`: what goes wrong is said, and changes nothing.
set -euo pipefail
[ -n "${BELFRY_CLI:-}" ] || exit 77
: "${work:?}"
unset PGOPTIONS
psql -qAtX "${server:?}/postgres" -c "CREATE DATABASE migrating"
export DATABASE_URL="$server/migrating" BELFRY_MIGRATIONS="$work/migrations"
mkdir "$BELFRY_MIGRATIONS"
cd "$BELFRY_MIGRATIONS"

fail() {
    echo "$*" >&2
    exit 1
}
migration() {
    printf -- '-- migrate:up\n%s\n-- migrate:down\n%s\n' "$2" "$3" >"$1"
}
belfry() {
    "$BELFRY_CLI" migrate "$@" 2>&1
}
# refuses WORDS CMD…: fails, says the words, and leaves the schema as it was
refuses() {
    local words=$1 before after out
    shift
    before=$(state)
    if out=$("$@"); then fail "$* should fail with: $words"; fi
    [[ $out == *"$words"* ]] || fail "$* says '$out', not '$words'"
    after=$(state)
    [ "$before" = "$after" ] || fail "$* changed the schema: $before / $after"
}
state() {
    psql -qAtX "$DATABASE_URL" -c "SELECT relname FROM pg_class WHERE relnamespace =
        'public'::regnamespace AND relkind = 'r' ORDER BY 1" | paste -sd' '
    psql -qAtX "$DATABASE_URL" -c "SELECT version FROM schema_migrations ORDER BY 1" 2>/dev/null |
        paste -sd' '
}
is() {
    [ "$(state)" = "$1" ] || fail "$2: '$(state)' instead of '$1'"
}

migration 0001_one.sql 'CREATE TABLE one (a int);' 'DROP TABLE one;'
migration 0002_two.sql 'CREATE TABLE two (a int); CREATE TABLE deux (a int);' 'DROP TABLE two, deux;'
belfry status | grep -q 'pending *0001_one.sql' || fail "status of an empty database"
belfry up >/dev/null
is $'deux one schema_migrations two\n0001 0002' "up"
belfry up >/dev/null
is $'deux one schema_migrations two\n0001 0002' "up again"
belfry status | grep -q 'applied *0002_two.sql' || fail "status"
belfry down >/dev/null
is $'one schema_migrations\n0001' "down takes one back"
belfry up >/dev/null
belfry down 2 >/dev/null
is 'schema_migrations' "down 2"
belfry up >/dev/null

# a statement that fails: file, line, PostgreSQL's words
migration 0003_three.sql $'CREATE TABLE three (a int);\n\nCREATE TABLE drei (a nonsense);' 'DROP TABLE three;'
refuses '0003_three.sql:4: type "nonsense" does not exist' belfry up
migration 0003_three.sql $'CREATE TABLE three (a int);\nSELECT 1/0;' 'SELECT 1;'
refuses 'division by zero' belfry up
# a later one failing keeps the earlier ones
migration 0003_three.sql 'CREATE TABLE three (a int);' 'DROP TABLE three;'
migration 0004_four.sql 'CREATE TABEL four (a int);' ''
belfry up >/dev/null && fail "0004 should fail"
is $'deux one schema_migrations three two\n0001 0002 0003' "what came before it stays"
rm 0004_four.sql

# a changed old file, a gap, a missing file, two of a number, a missing section
cp 0001_one.sql "$work/one"
echo '-- changed' >>0001_one.sql
refuses '0001_one.sql was changed after it had been applied' belfry up
refuses '0001_one.sql was changed after it had been applied' belfry down
cp "$work/one" 0001_one.sql
migration 0005_five.sql 'SELECT 1;' 'SELECT 1;'
refuses 'migration 0004 is missing before 0005_five.sql' belfry up
rm 0005_five.sql
mv 0002_two.sql "$work/two"
refuses 'migration 0002 is missing before 0003_three.sql' belfry up
mv "$work/two" 0002_two.sql
mv 0003_three.sql "$work/three"
refuses 'the database has migration 0003' belfry up
mv "$work/three" 0003_three.sql
migration 0003_again.sql 'SELECT 1;' 'SELECT 1;'
refuses 'have the same number' belfry up
rm 0003_again.sql
printf -- '-- migrate:up\nSELECT 1;\n' >0004_four.sql
refuses "needs the sections '-- migrate:up' and '-- migrate:down'" belfry up
rm 0004_four.sql

# two at once: one waits for the other, and each migration is applied once
migration 0004_slow.sql 'SELECT pg_sleep(0.3); CREATE TABLE slow (a int);' 'DROP TABLE slow;'
belfry up >/dev/null &
belfry up >/dev/null || fail "the second of two at once"
wait $! || fail "the first of two at once"
psql -qAtX "$DATABASE_URL" -c 'SELECT 1 FROM slow LIMIT 0'

# a table that dbmate made
psql -qAtX "$server/postgres" -c "CREATE DATABASE dbmate"
export DATABASE_URL="$server/dbmate"
psql -qAtX "$DATABASE_URL" -c "CREATE TABLE one (a int);
    CREATE TABLE schema_migrations (version varchar(128) PRIMARY KEY);
    INSERT INTO schema_migrations VALUES ('0001')"
belfry up >/dev/null
is $'deux one schema_migrations slow three two\n0001 0002 0003 0004' "after dbmate"

export DATABASE_URL="postgresql://127.0.0.1:1/nothing"
out=$(belfry up) && fail "no database"
[[ $out == *"cannot connect to PostgreSQL"* ]] || fail "no database: $out"
