#!/usr/bin/env bash
# Every query that a page of docs/events tells people to run is one that PostgreSQL takes.
# DATABASE_URL is a migrated database (tests/support/with_pg.sh).
set -uo pipefail
cd "$(dirname "$0")/../../docs/events" || exit

nobody=00000000-0000-4000-8000-00000000dead
failed=0 checked=0
while IFS= read -r query; do
    # … and names in capitals stand for an id
    sql=$(sed -E "s/'(…|[A-Z]+-UUID)'/'$nobody'/g" <<<"$query")
    if psql -qX -v ON_ERROR_STOP=1 -o /dev/null "$DATABASE_URL" -c "$sql"; then
        checked=$((checked + 1))
    else
        echo "not ok - $query"
        failed=$((failed + 1))
    fi
done < <(sed -nE 's/.*\.\/dev psql -c "([^"]*)".*/\1/p' ./*.md | sort -u)

echo "$checked queries run, $failed failed"
((failed == 0 && checked > 0))
