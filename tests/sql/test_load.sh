#!/usr/bin/env bash
# Numbers under load: four sessions write to three rooms, alone and in batches, while
# members are thrown out and come back; afterwards no stream has a gap or a wrong tag.
set -euo pipefail
url=$1
: "${work:?}"
# not the wrapper of postgresql-common, which looks for a cluster of its own
pgbench=$(find /usr/lib/postgresql/*/bin -name pgbench 2>/dev/null | sort -V | tail -n 1)
pgbench=${pgbench:-$(command -v pgbench)} || exit 77
db() {
    psql -qAtX -v ON_ERROR_STOP=1 "$url" "$@"
}

db <<'SQL' >/dev/null
CREATE TABLE world AS SELECT test.community(2, 3, 4, 5) AS community;
CREATE TABLE rooms3 AS SELECT i, test.room(community) AS id FROM world, generate_series(0, 2) i;
CREATE FUNCTION talk(p_user int, p_room int, p_mode int) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN (test.run(test.u(p_user), 'SEND_MESSAGE', (SELECT id FROM rooms3 WHERE i = p_room),
                     '''load'', NULL', p_mode => p_mode)).status;
END $$;
CREATE FUNCTION churn() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN (test.run(test.u(1), 'KICK_MEMBER', (SELECT community FROM world),
                     quote_literal(test.u(5)) || ', NULL')).status
        || (test.run(test.u(5), 'JOIN_COMMUNITY', (SELECT community FROM world))).status;
END $$;
SQL

cat >"$work/alone.sql" <<'SQL'
\set u random(2, 5)
\set r random(0, 2)
SELECT talk(:u, :r, 0);
SQL
{
    echo 'BEGIN;'
    for i in $(seq 16); do
        printf '\\set u random(2, 5)\n\\set r random(0, 2)\nSELECT talk(:u, :r, 1);\n'
    done
    echo 'COMMIT;'
} >"$work/batch.sql"
echo 'SELECT churn();' >"$work/churn.sql"

"$pgbench" -n -c 4 -j 2 -T 4 -f "$work/alone.sql@6" -f "$work/batch.sql@3" \
    -f "$work/churn.sql@1" "$url" >"$work/pgbench.log" 2>&1 || {
    cat "$work/pgbench.log"
    exit 1
}
! grep -q 'aborted\|deadlock\|ERROR' "$work/pgbench.log" || {
    cat "$work/pgbench.log"
    exit 1
}

db <<'SQL'
SELECT test.ok(count(*) > 200, 'enough was written: ' || count(*)) FROM messages;
SELECT test.ok(NOT EXISTS (
    SELECT FROM (SELECT kind, id, count(*), min(seq), max(seq) FROM events GROUP BY 1, 2) e
    JOIN streams s USING (kind, id)
    WHERE e.min <> 1 OR e.count <> e.max OR s.last_seq <> e.max), 'every stream is without a gap');
SELECT test.ok(NOT EXISTS (
    SELECT FROM (SELECT *, lag(tag, 1, 0) OVER (PARTITION BY kind, id ORDER BY seq) AS wanted
                 FROM events) e WHERE prev_tag <> wanted OR tag = 0), 'tags are a chain');
SELECT test.ok(NOT EXISTS (SELECT FROM messages m LEFT JOIN events e
    ON e.kind = 3 AND e.id = m.room_id AND e.seq = m.seq AND e.event = 'MESSAGE_CREATED'
    WHERE e.seq IS NULL), 'every message has its event');
-- no message of user 5 between a kick and the next time he joined
SELECT test.ok(NOT EXISTS (
    SELECT FROM events e JOIN messages m ON m.room_id = e.id AND m.seq = e.seq
    WHERE e.kind = 3 AND m.author_id = test.u(5) AND e.after < (
        SELECT max(k.after) FROM events k WHERE k.event = 'MEMBER_KICKED' AND k.xid < e.xid
            AND pg_visible_in_snapshot(k.xid, pg_current_snapshot()) AND k.after <= e.after)),
    'the fence is in order');
SELECT test.ok(count(*) > 0, 'somebody was thrown out') FROM events WHERE event = 'MEMBER_KICKED';
SQL
