-- In a batch nobody waits, BUSY leaves nothing, and twins in one transaction work.
CREATE TABLE world AS SELECT test.community(2, 3) AS community;
ALTER TABLE world ADD room uuid, ADD other uuid, ADD key uuid DEFAULT gen_random_uuid();
UPDATE world SET room = test.room(community), other = test.room(community);
CREATE FUNCTION everything() RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', (SELECT count(*) FROM events), (SELECT count(*) FROM messages),
                     (SELECT count(*) FROM answers), (SELECT sum(last_seq) FROM streams))
$$;

-- somebody else holds, in turn: the counter, the scope, the user, the key
SELECT test.connect('other');
CREATE TABLE held AS
SELECT 'counter' AS what, format('lock_stream(3, %L)', room) AS sql FROM world UNION ALL
SELECT 'scope', format('pg_advisory_xact_lock(scope_lock(%L))', community) FROM world UNION ALL
SELECT 'user', format('pg_advisory_xact_lock(user_lock(%L))', test.u(2)) UNION ALL
SELECT 'key', format('pg_advisory_xact_lock(key_lock(%L, %L))', test.u(2), key) FROM world;
DO $$
DECLARE
    h held;
    w world;
    v_before text;
BEGIN
    SELECT * INTO w FROM world;
    FOR h IN SELECT * FROM held LOOP
        PERFORM dblink_exec('other', 'BEGIN');
        PERFORM * FROM dblink('other', 'SELECT ' || h.sql || '::text') AS t(x text);
        v_before := everything();
        PERFORM test.refused(test.run(test.u(2), 'SEND_MESSAGE', w.room, '''x'', NULL', w.key, 1),
                             'BUSY', h.what || ' is held');
        PERFORM test.equal(everything(), v_before, 'BUSY leaves nothing: ' || h.what);
        PERFORM test.equal((test.run(test.u(3), 'SEND_MESSAGE', w.other, '''x'', NULL',
                                     p_mode => 1)).status,
                           CASE h.what WHEN 'scope' THEN 'BUSY' ELSE 'OK' END,
                           'others go on while ' || h.what || ' is held');
        PERFORM dblink_exec('other', 'ROLLBACK');
        COMMIT; -- gives back what this session locked
    END LOOP;
    PERFORM test.equal((test.run(test.u(2), 'SEND_MESSAGE', w.room, '''x'', NULL', w.key, 1)).status,
                       'OK', 'the same call once all is free');
END $$;

-- shared locks do not disturb each other, a revoking event does
DO $$
DECLARE
    w world;
BEGIN
    SELECT * INTO w FROM world;
    PERFORM dblink_exec('other', 'BEGIN');
    PERFORM * FROM dblink('other', test.statement(test.u(3), 'SEND_MESSAGE', w.other,
        '''x'', NULL', gen_random_uuid(), 1, NULL, 1700000000, false, 0))
        AS t(a text, b text, c text, d text, e text, f text[]);
    PERFORM test.equal((test.run(test.u(2), 'SEND_MESSAGE', w.room, '''x'', NULL',
                                 p_mode => 1)).status, 'OK', 'another room of the same scope');
    PERFORM test.refused(test.run(test.u(2), 'SEND_MESSAGE', w.other, '''x'', NULL',
                                  p_mode => 1), 'BUSY', 'the room being written');
    PERFORM dblink_exec('other', 'COMMIT');
END $$;

-- a call that runs alone holds the counter, too
SET statement_timeout = '10s';
DO $$
DECLARE
    w world;
BEGIN
    SELECT * INTO w FROM world;
    PERFORM dblink_exec('other', 'BEGIN');
    PERFORM * FROM dblink('other', test.statement(test.u(3), 'SEND_MESSAGE', w.other,
        '''x'', NULL', gen_random_uuid(), 0, NULL, 1700000000, false, 0))
        AS t(a text, b text, c text, d text, e text, f text[]);
    PERFORM test.refused(test.run(test.u(2), 'SEND_MESSAGE', w.other, '''x'', NULL',
                                  p_mode => 1), 'BUSY', 'a batch behind a call alone');
    PERFORM dblink_exec('other', 'COMMIT');
END $$;

-- twins in one transaction: the second finds what the first did
UPDATE world SET key = gen_random_uuid();
BEGIN;
CREATE TEMP TABLE one AS SELECT o.* FROM world, test.run(test.u(2), 'SEND_MESSAGE', room, '''t'', NULL', key, 1) o;
CREATE TEMP TABLE two AS SELECT o.* FROM world, test.run(test.u(2), 'SEND_MESSAGE', room, '''t'', NULL', key, 1) o;
SELECT test.equal(two.status || two.reply, 'OK' || one.reply, 'twins') FROM one, two;
SELECT test.ok(two.emitted IS NULL, 'the twin emits nothing') FROM two;
COMMIT;

-- many of one batch, one after another in the room
BEGIN;
SELECT test.equal((test.run(test.u(2), 'SEND_MESSAGE', room, quote_literal(i) || ', NULL',
                            p_mode => 1)).status, 'OK', 'message ' || i)
FROM world, generate_series(1, 32) i;
COMMIT;
SELECT test.equal(count(*)::text, max(seq)::text, 'no gap in the room') FROM messages, world
WHERE room_id = room;

-- what needs several streams says so instead of waiting in a batch
DO $$
DECLARE
    w world;
BEGIN
    SELECT * INTO w FROM world;
    PERFORM test.run(test.u(1), 'ADD_ROOM_MEMBER', test.room(w.community, true),
                     quote_literal(test.u(2)), p_mode => 1);
    RAISE EXCEPTION 'should not come here';
EXCEPTION WHEN raise_exception THEN
    PERFORM test.ok(SQLERRM LIKE '%many_streams%', SQLERRM);
END $$;
