-- SEND_MESSAGE's shortcuts, for many and for one, answer as the whole path does, whoever
-- asks and whatever for, and take the same locks.
CREATE TABLE world AS SELECT test.community(2, 3, 4, 5, 6) AS community;
ALTER TABLE world ADD room uuid, ADD private uuid, ADD gone uuid, ADD muted uuid,
    ADD direct uuid DEFAULT gen_random_uuid(), ADD quoted uuid, ADD ended uuid;
UPDATE world SET room = test.room(community), private = test.room(community, true),
                 gone = test.room(community), muted = test.room(community);
UPDATE world SET ended = test.room(test.community(2));
UPDATE communities SET deleted_at = now()
WHERE id = (SELECT r.community_id FROM world w JOIN rooms r ON r.id = w.ended);
UPDATE world SET quoted = test.send(test.u(2), room);
SELECT test.reply(test.u(1), 'ADD_ROOM_MEMBER', private, quote_literal(test.u(2))) FROM world;
INSERT INTO room_overrides (room_id, user_id, deny)
SELECT muted, test.u(2), mask('SEND_MESSAGE') FROM world;
UPDATE rooms SET has_overrides = true WHERE id = (SELECT muted FROM world);
UPDATE rooms SET deleted_at = now() WHERE id = (SELECT gone FROM world);
INSERT INTO rooms (id, scope_id, private) SELECT direct, direct, true FROM world;
SELECT new_streams(ARRAY[3, 5], ARRAY[direct, direct]) FROM world;
INSERT INTO room_members (room_id, user_id) SELECT direct, test.u(2) FROM world;
UPDATE community_members SET timeout_until = now() + interval '1 h' WHERE user_id = test.u(3);
UPDATE users SET min_iat = 1800000000 WHERE id = test.u(4);
UPDATE users SET deleted_at = now() WHERE id = test.u(5);
UPDATE users SET has_revocations = true WHERE id = test.u(6);
SELECT test.u(7);
INSERT INTO revocations (user_id, session_id, until)
VALUES (test.u(6), '00000000-0000-4000-b000-000000000006', now() + interval '1 h');
CREATE TABLE known AS SELECT gen_random_uuid() AS key, gen_random_uuid() AS other;
SELECT test.equal((test.run(test.u(2), 'SEND_MESSAGE', room, '''again'', NULL', key, 1)).status,
                  'OK', 'an answer to come back to') FROM world, known;
SELECT test.equal((test.run(test.u(2), 'SEND_MESSAGE', muted, '''again'', NULL', other, 1)).status,
                  'PERMISSION_DENIED', 'a refusal to come back to') FROM world, known;

CREATE TABLE asked (what text, who uuid, room uuid, args text, key uuid, session uuid,
                    service boolean);
INSERT INTO asked
SELECT x.* FROM world w, known k, LATERAL (VALUES
    ('a member', test.u(2), w.room, '''hello "you"'', NULL', NULL::uuid, NULL::uuid, false),
    ('a quote', test.u(2), w.room, '''x'', ' || quote_literal(w.quoted), NULL, NULL, false),
    ('a quote of nothing', test.u(2), w.room, '''x'', ' || quote_literal(w.room), NULL, NULL, false),
    ('the owner', test.u(1), w.room, '''x'', NULL', NULL, NULL, false),
    ('the owner, private', test.u(1), w.private, '''x'', NULL', NULL, NULL, false),
    ('a room member', test.u(2), w.private, '''x'', NULL', NULL, NULL, false),
    ('no room member', test.u(6), w.private, '''x'', NULL', NULL, NULL, false),
    ('denied by an override', test.u(2), w.muted, '''x'', NULL', NULL, NULL, false),
    ('a deleted room', test.u(2), w.gone, '''x'', NULL', NULL, NULL, false),
    ('a deleted community', test.u(2), w.ended, '''x'', NULL', NULL, NULL, false),
    ('its owner', test.u(1), w.ended, '''x'', NULL', NULL, NULL, false),
    ('no room', test.u(2), gen_random_uuid(), '''x'', NULL', NULL, NULL, false),
    ('a direct room', test.u(2), w.direct, '''x'', NULL', NULL, NULL, false),
    ('another''s direct room', test.u(1), w.direct, '''x'', NULL', NULL, NULL, false),
    ('a timeout', test.u(3), w.room, '''x'', NULL', NULL, NULL, false),
    ('an old token', test.u(4), w.room, '''x'', NULL', NULL, NULL, false),
    ('a deleted user', test.u(5), w.room, '''x'', NULL', NULL, NULL, false),
    ('a revoked session', test.u(6), w.room, '''x'', NULL', NULL,
     '00000000-0000-4000-b000-000000000006', false),
    ('another session of his', test.u(6), w.room, '''x'', NULL', NULL,
     '00000000-0000-4000-b000-000000000007', false),
    ('no member', test.u(7), w.room, '''x'', NULL', NULL, NULL, false),
    ('nobody ever seen', gen_random_uuid(), w.room, '''x'', NULL', NULL, NULL, false),
    ('nobody', NULL, w.room, '''x'', NULL', NULL, NULL, false),
    ('a known key', test.u(2), w.room, '''again'', NULL', k.key, NULL, false),
    ('a known key, other words', test.u(2), w.room, '''b'', NULL', k.key, NULL, false),
    ('a known key, another room', test.u(2), w.private, '''again'', NULL', k.key, NULL, false),
    ('a known refusal', test.u(2), w.muted, '''again'', NULL', k.other, NULL, false),
    ('a service for a user', test.u(2), w.room, '''x'', NULL', NULL, NULL, true)) x;

-- What one form answers and leaves, without what is random, and then undone; and the locks.
CREATE FUNCTION answer(a asked, p_form text, OUT said text, OUT locks text[])
LANGUAGE plpgsql AS $$
DECLARE
    o outcome;
    v_key uuid := coalesce(a.key, '00000000-0000-4000-a000-000000000001');
    v_left text;
BEGIN
    UPDATE test.events SET form = p_form WHERE name = 'SEND_MESSAGE';
    BEGIN
        o := test.run(a.who, 'SEND_MESSAGE', a.room, a.args, v_key, 1, a.session,
                      p_service => a.service, p_service_rights => 0);
        SELECT concat_ws(' ', to_jsonb(t) - 'at', to_jsonb(m) - 'id' - 'created_at',
                         to_jsonb(e) - 'tag' - 'xid' - 'at' - 'payload')
        INTO v_left
        FROM (SELECT 1) one
        LEFT JOIN answers t ON t.key = v_key
        LEFT JOIN messages m ON m.room_id = t.id AND m.seq = t.seq
        LEFT JOIN events e ON e.kind = t.kind AND e.id = t.id AND e.seq = t.seq;
        locks := ARRAY(SELECT concat(l.mode, l.classid, ',', l.objid) FROM pg_locks l
                       WHERE l.pid = pg_backend_pid() AND l.locktype = 'advisory');
        RAISE EXCEPTION SQLSTATE 'U0001';
    EXCEPTION WHEN SQLSTATE 'U0001' THEN
        NULL;
    END;
    said := regexp_replace(
        concat_ws(' | ', o.status, o.message, o.details, o.reply, o.control,
                  array_to_string(o.emitted[1:2] || o.emitted[4:], ' '), v_left),
        '"(id|createdAt)":"[^"]*"|\d{4}-\d\d-\d\dT[0-9:.]*Z', '', 'g');
END $$;

DO $$
DECLARE
    a asked;
    v_whole record;
    v_short record;
    v_form text;
    v_ok int := 0;
BEGIN
    FOR a IN SELECT * FROM asked LOOP
        v_whole := answer(a, 'whole');
        v_ok := v_ok + (v_whole.said LIKE 'OK |%')::int;
        FOREACH v_form IN ARRAY ARRAY['many', 'lone'] LOOP
            v_short := answer(a, v_form);
            PERFORM test.equal(v_short.said, v_whole.said, v_form || ': ' || a.what);
            -- for an answer that is there already it may hold more
            PERFORM test.ok(v_short.locks @> v_whole.locks
                            AND (a.key IS NOT NULL OR v_short.locks <@ v_whole.locks),
                            v_form || ': ' || a.what);
        END LOOP;
    END LOOP;
    PERFORM test.equal(v_ok::text, '8', 'those who may');
END $$;

-- Many at once: each gets what it would get alone, numbers have no gap, tags are a chain.
CREATE FUNCTION together(p_users int[], p_rooms uuid[], p_keys uuid[], p_texts text[],
                         p_reply_tos uuid[])
RETURNS SETOF record LANGUAGE sql AS $$
    SELECT o.place, o.status,
           coalesce(o.reply, reply_of_event(o.emitted[8], o.emitted[2]::bigint))::json, o.emitted
    FROM run_send_message(1, (SELECT array_agg(test.u(u) ORDER BY n)
                              FROM unnest(p_users) WITH ORDINALITY x(u, n)),
        array_fill(NULL::uuid, ARRAY[cardinality(p_users)]),
        array_fill('t'::text, ARRAY[cardinality(p_users)]),
        array_fill(1700000000::bigint, ARRAY[cardinality(p_users)]),
        array_fill(false, ARRAY[cardinality(p_users)]), p_keys, 'SEND_MESSAGE',
        array_fill('\x00'::bytea, ARRAY[cardinality(p_users)]), 'actions',
        mask('SEND_MESSAGE'), 3, p_rooms, 0,
        array_fill(NULL::text, ARRAY[cardinality(p_users)]),
        array_fill(0::bigint, ARRAY[cardinality(p_users)]), p_texts, p_reply_tos, p_keys,
        ARRAY(SELECT gen_random_uuid() FROM unnest(p_keys))) o
$$;
CREATE TABLE heads AS SELECT s.* FROM world w JOIN streams s ON s.id IN (w.room, w.private);
CREATE TABLE twins AS SELECT gen_random_uuid() AS key;
CREATE TABLE many AS
SELECT o.* FROM world w, twins t, together(
    ARRAY[2, 3, 1, 7, 2, 2, 2, 1],
    ARRAY[w.room, w.room, w.private, w.room, w.room, w.room, w.room, w.room],
    ARRAY[t.key, gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), t.key,
          gen_random_uuid(), gen_random_uuid(), gen_random_uuid()],
    ARRAY['one', 'timeout', 'private', 'stranger', 'one', E'a "quote", \\ and {braces}', 'reply',
          'owner'],
    ARRAY[NULL, NULL, NULL, NULL, NULL, NULL, w.quoted, NULL])
    AS o(place int, status text, reply json, emitted text[]);
SELECT test.equal(string_agg(m.status, ' ' ORDER BY m.place),
                  'OK PERMISSION_DENIED OK NOT_FOUND OK OK OK OK', 'each its own answer') FROM many m;
SELECT test.equal(a.reply::text, b.reply::text, 'twins hear the same')
FROM many a, many b WHERE a.place = 1 AND b.place = 5;
SELECT test.ok(b.emitted IS NULL, 'and one message is said') FROM many b WHERE b.place = 5;
SELECT test.equal(m.reply #>> '{message,content}', E'a "quote", \\ and {braces}', 'text')
FROM many m WHERE m.place = 6;
SELECT test.equal(s.last_seq::text, (h.last_seq + CASE WHEN s.id = w.room THEN 4 ELSE 1 END)::text,
                  'numbers') FROM world w, heads h JOIN streams s USING (kind, id) WHERE s.kind = 3;
SELECT test.ok(bool_and(e.prev_tag = e.before), 'tags are a chain')
FROM (SELECT e.prev_tag, lag(e.tag, 1, 0) OVER (PARTITION BY e.id ORDER BY e.seq) AS before
      FROM world w JOIN events e ON e.kind = 3 AND e.id IN (w.room, w.private)) e;
SELECT test.ok(s.last_tag = e.tag AND s.prev_tag = e.prev_tag, 'the head is the last event')
FROM world w JOIN streams s ON s.kind = 3 AND s.id IN (w.room, w.private)
JOIN events e ON e.kind = s.kind AND e.id = s.id AND e.seq = s.last_seq;

-- A counter that another transaction holds: BUSY for its room alone, with nothing written.
SELECT test.connect('other');
SELECT * FROM dblink('other', 'BEGIN') AS x(y text);
SELECT * FROM world w, dblink('other', format('SELECT lock_stream(3, %L)::text', w.private)) AS x(y text);
CREATE TABLE busy AS
SELECT o.* FROM world w, together(ARRAY[1, 1], ARRAY[w.private, w.room],
    ARRAY[gen_random_uuid(), gen_random_uuid()], ARRAY['a', 'b'], ARRAY[NULL, NULL]::uuid[])
    AS o(place int, status text, reply json, emitted text[]);
SELECT test.equal(string_agg(b.status, ' ' ORDER BY b.place), 'BUSY OK', 'busy') FROM busy b;
UPDATE test.events SET form = 'lone' WHERE name = 'SEND_MESSAGE';
SELECT test.equal((test.run(test.u(1), 'SEND_MESSAGE', w.private, '''a'', NULL', p_mode => 1)).status,
                  'BUSY', 'busy, alone') FROM world w;
SELECT test.ok(NOT EXISTS (SELECT FROM messages m WHERE m.room_id = w.private AND m.content = 'a'),
               'and nothing written') FROM world w;

-- One by one: a number each, tags a chain, and the payload says what the message is.
CREATE TABLE lone AS
SELECT n, o.*
FROM world w, generate_series(1, 2) n,
     LATERAL (SELECT * FROM test.run(test.u(2), 'SEND_MESSAGE', w.room, '''lone ' || n || ''', NULL',
                                     p_mode => 1)) o;
SELECT test.equal(a.emitted[2], (b.emitted[2]::bigint - 1)::text, 'the next number'),
       test.equal(b.emitted[4], a.emitted[3], 'behind the tag of the one before')
FROM lone a, lone b WHERE a.n = 1 AND b.n = 2;
SELECT test.equal(l.emitted[8], e.payload::text, 'the log has what is told'),
       test.equal(l.emitted[8]::json #>> '{message,id}', m.id::text, 'the message has its id'),
       test.equal(l.emitted[8]::json #>> '{message,content}', m.content, 'and its text')
FROM world w, lone l
JOIN events e ON e.kind = 3 AND e.seq = l.emitted[2]::bigint
JOIN messages m ON m.seq = e.seq AND m.room_id = e.id
WHERE e.id = w.room;
SELECT test.ok(s.last_tag = e.tag AND s.prev_tag = e.prev_tag, 'the head is the last event')
FROM world w JOIN streams s ON s.kind = 3 AND s.id = w.room
JOIN events e ON e.kind = s.kind AND e.id = s.id AND e.seq = s.last_seq;
SELECT dblink_disconnect('other');
