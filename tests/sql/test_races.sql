-- Two sessions at once: a kick against a send, twins, and numbers under load.
CREATE TABLE world AS SELECT test.community(2, 3) AS community;
ALTER TABLE world ADD room uuid, ADD key uuid DEFAULT gen_random_uuid();
UPDATE world SET room = test.room(community);
SELECT test.connect('a'), test.connect('b');
INSERT INTO test.pids SELECT n, pid FROM unnest(ARRAY['a', 'b']) n,
    dblink(n, 'SELECT pg_backend_pid()') AS t(pid int);
CREATE FUNCTION call(p_user int, p_event text, p_resource uuid, p_args text,
                     p_key uuid DEFAULT gen_random_uuid()) RETURNS text LANGUAGE sql AS $$
    SELECT test.statement(test.u(p_user), p_event, p_resource, p_args, p_key, 0, NULL,
                          1700000000, false, 0)
$$;
CREATE TABLE got (name text, status text, message text, details text, reply text,
                  control text, emitted text[]);
CREATE FUNCTION collect(p_name text) RETURNS void LANGUAGE sql AS $$
    INSERT INTO got SELECT p_name, * FROM dblink_get_result(p_name)
        AS t(a text, b text, c text, d text, e text, f text[])
$$;

-- The kick is under way and not committed: the send waits, and is refused.
SELECT dblink_exec('a', 'BEGIN');
SELECT t.a FROM world, dblink('a', call(1, 'KICK_MEMBER', community,
    quote_literal(test.u(2)) || ', NULL')) AS t(a text, b text, c text, d text, e text, f text[]);
SELECT dblink_send_query('b', call(2, 'SEND_MESSAGE', room, '''too late'', NULL')) FROM world;
SELECT test.ok(test.waits('b'), 'the send waits for the kick');
SELECT dblink_exec('a', 'COMMIT');
SELECT collect('b');
SELECT test.equal(status, 'NOT_FOUND', 'nothing of the kicked is accepted after the kick')
FROM got WHERE name = 'b';
SELECT * FROM dblink_get_result('b') AS t(a text, b text, c text, d text, e text, f text[]);

-- The send is under way: the kick waits, and its access seq is one the message lacks.
SELECT test.reply(test.u(2), 'JOIN_COMMUNITY', community) FROM world;
TRUNCATE got;
SELECT dblink_exec('b', 'BEGIN');
SELECT t.a FROM world, dblink('b', call(2, 'SEND_MESSAGE', room, '''in time'', NULL'))
    AS t(a text, b text, c text, d text, e text, f text[]);
SELECT dblink_send_query('a', call(1, 'KICK_MEMBER', community,
    quote_literal(test.u(2)) || ', ''spam''')) FROM world;
SELECT test.ok(test.waits('a'), 'the kick waits for the send');
SELECT dblink_exec('b', 'COMMIT');
SELECT collect('a');
SELECT test.equal(status, 'OK', 'kicked') FROM got;
SELECT * FROM dblink_get_result('a') AS t(a text, b text, c text, d text, e text, f text[]);
SELECT test.ok(m.after = k.after - 1, 'the message stands before the kick, the kick is its own')
FROM world, events m, events k
WHERE m.kind = 3 AND m.id = room AND k.event = 'MEMBER_KICKED' AND k.payload ->> 'reason' = 'spam';

-- Twins at the same time: the second waits and gets the first's answer.
SELECT test.reply(test.u(2), 'JOIN_COMMUNITY', community) FROM world;
TRUNCATE got;
SELECT dblink_exec('a', 'BEGIN');
SELECT t.a FROM world, dblink('a', call(2, 'SEND_MESSAGE', room, '''twin'', NULL', key))
    AS t(a text, b text, c text, d text, e text, f text[]);
SELECT dblink_send_query('b', call(2, 'SEND_MESSAGE', room, '''twin'', NULL', key)) FROM world;
SELECT test.ok(test.waits('b'), 'the twin waits');
SELECT dblink_exec('a', 'COMMIT');
SELECT collect('b');
SELECT test.ok(g.status = 'OK' AND g.emitted IS NULL, 'the first answer, nothing emitted') FROM got g;
SELECT test.equal(count(*)::text, '1', 'one effect') FROM messages WHERE content = 'twin';
SELECT * FROM dblink_get_result('b') AS t(a text, b text, c text, d text, e text, f text[]);
-- and when the first is rolled back, the second does it
UPDATE world SET key = gen_random_uuid();
TRUNCATE got;
SELECT dblink_exec('a', 'BEGIN');
SELECT t.a FROM world, dblink('a', call(2, 'SEND_MESSAGE', room, '''heir'', NULL', key))
    AS t(a text, b text, c text, d text, e text, f text[]);
SELECT dblink_send_query('b', call(2, 'SEND_MESSAGE', room, '''heir'', NULL', key)) FROM world;
SELECT test.ok(test.waits('b'), 'the heir waits');
SELECT dblink_exec('a', 'ROLLBACK');
SELECT collect('b');
SELECT test.ok(g.status = 'OK' AND g.emitted IS NOT NULL, 'the heir did it') FROM got g;
SELECT test.equal(count(*)::text, '1', 'one effect') FROM messages WHERE content = 'heir';
SELECT test.equal(count(*)::text, max(seq)::text, 'a rollback leaves no gap')
FROM events, world WHERE kind = 3 AND id = room;
