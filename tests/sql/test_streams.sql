-- Catching up, heads, rechecks, and what CONNECT lists.
CREATE TABLE world AS SELECT test.community(2) AS community;
ALTER TABLE world ADD room uuid, ADD private uuid, ADD stream text;
UPDATE world SET room = test.room(community), private = test.room(community, true);
UPDATE world SET stream = 'room:' || room;
SELECT test.send(test.u(2), room, 'text ' || i) FROM world, generate_series(1, 10) i;

-- catch_up
CREATE FUNCTION behind(p_stream text, p_after bigint, p_tag int, p_limit int DEFAULT 1000)
RETURNS TABLE (stream text, head bigint, head_tag int, first bigint, resync boolean,
               emitted text[], seqs text) LANGUAGE sql AS $$
    SELECT c.*, (SELECT string_agg(c.emitted[9 * i + 2], ',' ORDER BY i)
                 FROM generate_series(0, cardinality(c.emitted) / 9 - 1) i)
    FROM catch_up(ARRAY[p_stream], ARRAY[p_after], ARRAY[p_tag], p_limit) c
$$;
SELECT test.equal(concat_ws(' ', c.head, c.first, c.resync, c.seqs), '10 1 f 1,2,3,4,5,6,7,8,9,10', 'all')
FROM world, behind(stream, 0, 0) c;
SELECT test.equal(c.seqs, '8,9,10', 'the rest') FROM world, events e, behind(world.stream, 7, e.tag) c
WHERE e.kind = 3 AND e.id = room AND e.seq = 7;
SELECT test.equal(c.seqs, '8,9', 'at most two') FROM world, behind(stream, 7, 0, 2) c;
SELECT test.ok(c.resync AND c.emitted IS NULL, 'another tag') FROM world, behind(stream, 7, 12345) c;
SELECT test.ok(c.resync, 'beyond the head') FROM world, behind(stream, 11, 0) c;
SELECT test.ok(NOT c.resync AND c.emitted IS NULL, 'nothing new') FROM world, behind(stream, 10, 0) c;
SELECT test.ok(c.resync, 'another tag at the head') FROM world, behind(stream, 10, 1) c;
SELECT test.ok(c.head = 0 AND NOT c.resync, 'no such stream')
FROM behind('room:' || gen_random_uuid(), 0, 0) c;
SELECT test.equal(string_agg(c.stream, ' ' ORDER BY ordinality),
                  w.stream || ' user:' || test.u(2) || ' ' || w.stream, 'in the order asked')
FROM world w, catch_up(ARRAY[w.stream, 'user:' || test.u(2), w.stream], ARRAY[0, 0, 5],
                       ARRAY[0, 0, 0], 10) WITH ORDINALITY c GROUP BY w.stream;
-- the same bytes as when it was published
CREATE TABLE published AS SELECT o.emitted FROM world,
    test.run(test.u(2), 'SEND_MESSAGE', room, '''bytes "and" more'', NULL') o;
SELECT test.equal(c.emitted::text, p.emitted::text, 'a catch-up brings what was published')
FROM world, published p, behind(stream, 10, 0) c;
-- 1 MiB a stream, at least one event
SELECT test.send(test.u(2), room, repeat('x', 400000)) FROM world, generate_series(1, 5);
SELECT test.equal(c.seqs, '12,13,14', 'up to 1 MiB') FROM world, behind(stream, 11, 0) c;
-- retention
UPDATE events SET at = now() - interval '31 days' WHERE kind = 3 AND seq <= 5;
SELECT test.ok(purge(100000) > 0, 'something was purged');
SELECT test.equal(concat_ws(' ', c.first, c.resync), '6 f', 'first kept, the cursor still fits')
FROM world, behind(stream, 5, 0) c;
SELECT test.ok(c.resync, 'what followed is gone') FROM world, behind(stream, 4, 0) c;

-- heads are exact although transactions overlap
SELECT test.connect('slow');
CREATE TABLE mark AS SELECT next_since, epoch FROM heads_since('0');
SELECT test.equal(epoch::text, (SELECT epoch::text FROM instance), 'the epoch') FROM mark;
SELECT dblink_exec('slow', 'BEGIN');
SELECT * FROM world, dblink('slow', test.statement(test.u(2), 'SEND_MESSAGE', private,
    '''slow'', NULL', gen_random_uuid(), 0, NULL, 1700000000, true, mask('SEND_MESSAGE')))
    AS t(a text, b text, c text, d text, e text, f text[]);
SELECT test.send(test.u(2), room, 'fast') FROM world;
CREATE TABLE heads1 AS SELECT h.* FROM mark, heads_since(mark.next_since) h;
SELECT test.equal(string_agg(h.stream || ' ' || h.seq, ','), world.stream || ' 17', 'only what has committed')
FROM heads1 h, world GROUP BY world.stream;
SELECT test.ok(h.next_since <= pg_snapshot_xmin(pg_current_snapshot()), 'the slow one holds it back') FROM heads1 h;
SELECT dblink_exec('slow', 'COMMIT');
CREATE TABLE heads2 AS SELECT h.* FROM (SELECT DISTINCT next_since FROM heads1) m, heads_since(m.next_since) h;
SELECT test.ok(EXISTS (SELECT FROM heads2 h, world w WHERE h.stream = 'room:' || w.private AND h.seq = 2),
               'the slow one is told next time');
SELECT test.ok(count(*) = 1 AND max(stream) IS NULL, 'then nothing')
FROM (SELECT DISTINCT next_since FROM heads2) m, heads_since(m.next_since) h;

-- recheck, in the order asked
SELECT test.equal(string_agg(r.allowed::text, ',' ORDER BY ordinality), 'true,false,true,true,false,false', 'recheck')
FROM world, recheck(ARRAY[test.u(2), test.u(2), test.u(1), test.u(2), test.u(2), test.u(2)],
    ARRAY[stream, 'room:' || private, 'room:' || private, 'community:' || community,
          'user:' || test.u(1), 'room:' || gen_random_uuid()]) WITH ORDINALITY r;

-- CONNECT
SELECT test.u(9);
CREATE TABLE connected AS SELECT c.* FROM world, events e,
    session_connect(test.u(2), 'user2', gen_random_uuid(), gen_random_uuid(), 'tok', 1, true, 'phone',
        ARRAY[world.stream, 'room:' || private, 'room:' || gen_random_uuid(), 'user:' || test.u(9)],
        ARRAY[12, 0, 0, 0], ARRAY[e.tag, 0, 0, 0]) c
    WHERE e.kind = 3 AND e.id = room AND e.seq = 12;
SELECT test.equal(string_agg(split_part(stream, ':', 1), ',' ORDER BY stream), 'community,room,user',
                  'the user''s, the community''s, and the room to resume') FROM connected;
SELECT test.ok(bool_and(status = 'OK') AND count(*) = 4, 'connected') FROM connected;
SELECT test.equal(string_agg(concat_ws(' ', username, first, stream), ','), 'user2 t', 'one row says who it is')
FROM connected WHERE epoch IS NOT NULL;
SELECT test.ok(resume_seq = 12 AND NOT resync AND seq = 17 AND access = 'access:' || community, 'resumed')
FROM connected, world WHERE connected.stream = world.stream;
SELECT test.ok(access IS NULL AND resume_seq IS NULL, 'a user''s stream has no scope')
FROM connected WHERE stream LIKE 'user:%';
SELECT test.ok(c.resync AND c.resume_seq IS NULL, 'a cursor of another history')
FROM world, session_connect(test.u(2), NULL, gen_random_uuid(), gen_random_uuid(), NULL, 1, true, NULL,
    ARRAY[world.stream], ARRAY[12], ARRAY[1]) c WHERE c.stream = world.stream;
SELECT test.ok(bool_and(NOT c.first), 'no longer the first session')
FROM world, session_connect(test.u(2), NULL, gen_random_uuid(), gen_random_uuid(), NULL, 1, true, NULL,
    '{}', '{}', '{}') c;
-- new users: the name of another gets an end, an unknown may be refused, a tombstone stays
SELECT test.equal(lower(c.username), 'user2-0000', 'a taken name') FROM session_connect(
    '00000000-0000-4000-8000-0000000000ff', 'User2', NULL, NULL, NULL, 1, true, NULL, '{}', '{}', '{}') c;
SELECT test.ok(c.status = 'UNAUTHENTICATED' AND c.stream IS NULL, 'not made') FROM session_connect(
    gen_random_uuid(), 'x', NULL, NULL, NULL, 1, false, NULL, '{}', '{}', '{}') c;
UPDATE users SET deleted_at = now() WHERE id = '00000000-0000-4000-8000-0000000000ff';
SELECT test.equal(c.status, 'UNAUTHENTICATED', 'a tombstone stays one') FROM session_connect(
    '00000000-0000-4000-8000-0000000000ff', 'User2', NULL, NULL, NULL, 1, true, NULL, '{}', '{}', '{}') c;
-- revoking a session
SELECT test.reply(test.u(2), 'REVOKE_SESSION', NULL, quote_literal(session_id)) FROM sessions WHERE label = 'phone';
SELECT test.equal(c.message, 'This session was revoked', 'a revoked token') FROM session_connect(
    test.u(2), NULL, gen_random_uuid(), gen_random_uuid(), 'tok', 1, true, NULL, '{}', '{}', '{}') c;
SELECT test.ok(e.control ->> 'endSessions' IS NOT NULL, 'edges are told') FROM events e
WHERE e.event = 'SESSION_REVOKED';
