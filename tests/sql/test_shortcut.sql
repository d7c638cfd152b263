-- SEND_MESSAGE's shortcut answers as the whole path does, whoever asks and whatever for,
-- and takes the same locks.
CREATE TABLE world AS SELECT test.community(2, 3, 4, 5, 6) AS community;
ALTER TABLE world ADD room uuid, ADD private uuid, ADD gone uuid, ADD muted uuid,
    ADD direct uuid DEFAULT gen_random_uuid(), ADD quoted uuid;
UPDATE world SET room = test.room(community), private = test.room(community, true),
                 gone = test.room(community), muted = test.room(community);
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

-- What one form answers and leaves, without what is random, and then undone.
CREATE FUNCTION answer(a asked, p_mode int, p_shortcut boolean) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    o outcome;
    v_key uuid := coalesce(a.key, gen_random_uuid());
    v_left text;
BEGIN
    UPDATE test.events SET shortcut = p_shortcut WHERE name = 'SEND_MESSAGE';
    BEGIN
        o := test.run(a.who, 'SEND_MESSAGE', a.room, a.args, v_key, p_mode, a.session,
                      p_service => a.service, p_service_rights => 0);
        SELECT concat_ws(' ', to_jsonb(t) - 'key' - 'at', to_jsonb(m) - 'id' - 'created_at',
                         to_jsonb(e) - 'tag' - 'xid' - 'at' - 'payload',
                         (SELECT string_agg(concat(l.mode, l.classid, ',', l.objid), ' '
                                            ORDER BY l.mode, l.classid, l.objid)
                          FROM pg_locks l
                          WHERE l.pid = pg_backend_pid() AND l.locktype = 'advisory'
                            AND a.key IS NOT NULL)) -- of a new key the lock differs
        INTO v_left
        FROM (SELECT 1) one
        LEFT JOIN answers t ON t.key = v_key
        LEFT JOIN messages m ON m.room_id = t.id AND m.seq = t.seq
        LEFT JOIN events e ON e.kind = t.kind AND e.id = t.id AND e.seq = t.seq;
        RAISE EXCEPTION SQLSTATE 'U0001';
    EXCEPTION WHEN SQLSTATE 'U0001' THEN
        NULL;
    END;
    RETURN regexp_replace(
        concat_ws(' | ', o.status, o.message, o.details, o.reply, o.control,
                  array_to_string(o.emitted[1:2] || o.emitted[4:], ' '), v_left),
        '"(id|createdAt)":"[^"]*"|\d{4}-\d\d-\d\dT[0-9:.]*Z', '', 'g');
END $$;

DO $$
DECLARE
    a asked;
    v_whole text;
    v_ok int := 0;
BEGIN
    FOR a IN SELECT * FROM asked LOOP
        v_whole := answer(a, 1, false);
        PERFORM test.equal(answer(a, 1, true), v_whole, a.what);
        PERFORM test.equal(answer(a, 0, true), answer(a, 0, false), a.what || ', alone');
        v_ok := v_ok + (v_whole LIKE 'OK |%')::int;
    END LOOP;
    PERFORM test.equal(v_ok::text, '8', 'those who may');
END $$;
