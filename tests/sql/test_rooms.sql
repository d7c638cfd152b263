-- Rooms: who hears of them, who gets in, overrides.
CREATE TABLE world AS SELECT test.community(2, 3, 4) AS community;
ALTER TABLE world ADD room uuid, ADD private uuid;
SELECT test.grant_role(community, test.u(3), 'Moderator') FROM world;
CREATE TABLE made AS SELECT o.* FROM world, test.run(test.u(1), 'CREATE_ROOM', community, '''open'', false') o;
UPDATE world SET room = (SELECT reply::json #>> '{room,id}' FROM made)::uuid;
SELECT test.ok(emitted[1] = 'community:' || community AND emitted[6] = 'ROOM_CREATED' AND cardinality(emitted) = 9, 'all hear of an open room') FROM made, world;
TRUNCATE made;
INSERT INTO made SELECT o.* FROM world, test.run(test.u(1), 'CREATE_ROOM', community, '''hidden'', true') o;
UPDATE world SET private = (SELECT reply::json #>> '{room,id}' FROM made)::uuid;
SELECT test.ok(emitted[1] = 'room:' || private AND emitted[10] = 'user:' || test.u(1) AND cardinality(emitted) = 18
               AND emitted[18]::json #>> '{open,0,stream}' = 'room:' || private, 'nobody else hears of a private one') FROM made, world;
SELECT test.refused(test.run(test.u(2), 'CREATE_ROOM', community, '''x'', false'), 'PERMISSION_DENIED', 'members may not') FROM world;

-- joining
SELECT test.send(test.u(2), room) FROM world;
CREATE TABLE joined AS SELECT o.*, o.reply::json AS r, o.control::json AS c FROM world, test.run(test.u(2), 'JOIN_ROOM', room) o;
SELECT test.ok(r #>> '{room,name}' = 'open' AND r ->> 'seq' = '1' AND r ->> 'cursor' ~ '^1\.[0-9a-f]{8}$' AND r -> 'memberCount' IS NULL, 'reply') FROM joined;
SELECT test.ok(c #>> '{open,0,stream}' = 'room:' || room AND c #>> '{open,0,seq}' = '1' AND c #>> '{open,0,access}' = 'access:' || community
               AND (c #>> '{open,0,accessSeq}')::bigint = test.head(5, community)
               AND to_hex((c #>> '{open,0,tag}')::int) = ltrim(split_part(r ->> 'cursor', '.', 2), '0'), 'control') FROM joined, world;
SELECT test.refused(test.run(test.u(2), 'JOIN_ROOM', private), 'NOT_FOUND', 'hidden') FROM world;
SELECT test.equal(test.reply(test.u(1), 'JOIN_ROOM', private) ->> 'memberCount', '1', 'members of a private room') FROM world;

-- members
SELECT test.refused(test.run(test.u(1), 'ADD_ROOM_MEMBER', room, quote_literal(test.u(2))), 'CONFLICT', 'of an open room') FROM world;
SELECT test.refused(test.run(test.u(1), 'ADD_ROOM_MEMBER', private, quote_literal(test.u(9))), 'NOT_FOUND', 'a stranger') FROM world;
CREATE TABLE added AS SELECT o.* FROM world, test.run(test.u(1), 'ADD_ROOM_MEMBER', private, quote_literal(test.u(2))) o;
SELECT test.ok(emitted[6] = 'ROOM_MEMBER_ADDED' AND emitted[10] = 'user:' || test.u(2)
               AND emitted[18]::json #>> '{open,0,grant}' = 'user2' AND emitted[17]::json ->> 'granted' = 'true', 'added') FROM added;
SELECT test.ok(o.status = 'OK' AND o.emitted IS NULL, 'added already') FROM world, test.run(test.u(1), 'ADD_ROOM_MEMBER', private, quote_literal(test.u(2))) o;
SELECT test.send(test.u(2), private) FROM world;
SELECT test.reply(test.u(1), 'ADD_ROOM_MEMBER', private, quote_literal(test.u(3))) FROM world;
SELECT test.reply(test.u(1), 'ADD_ROOM_MEMBER', private, quote_literal(test.u(4))) FROM world;
SELECT test.refused(test.run(test.u(2), 'REMOVE_ROOM_MEMBER', private, quote_literal(test.u(3))), 'PERMISSION_DENIED', 'without the right') FROM world;
SELECT test.refused(test.run(test.u(3), 'REMOVE_ROOM_MEMBER', private, quote_literal(test.u(1))), 'PERMISSION_DENIED', 'an owner') FROM world;
CREATE TABLE removed AS SELECT o.*, test.head(5, community) AS access FROM world, test.run(test.u(3), 'REMOVE_ROOM_MEMBER', private, quote_literal(test.u(2))) o;
SELECT test.ok(status = 'OK' AND emitted[6] = 'ROOM_MEMBER_REMOVED' AND emitted[5]::bigint = emitted[11]::bigint
               AND emitted[18]::json #>> '{who,rooms,0}' = private::text AND emitted[27]::json #>> '{close,0}' = 'room:' || private, 'removed') FROM removed, world;
SELECT test.refused(test.run(test.u(2), 'SEND_MESSAGE', private, '''x'', NULL'), 'NOT_FOUND', 'he is out') FROM world;
SELECT test.reply(test.u(4), 'REMOVE_ROOM_MEMBER', private, quote_literal(test.u(4))) FROM world;
SELECT test.refused(test.run(test.u(4), 'JOIN_ROOM', private), 'NOT_FOUND', 'left for good') FROM world;

-- lists
SELECT test.equal((SELECT string_agg(r ->> 'name', ',') FROM json_array_elements(test.reply(test.u(i), 'LIST_ROOMS', community) -> 'rooms') r),
                  wanted, 'rooms of ' || i)
FROM world, (VALUES (1, 'open,hidden'), (2, 'open'), (3, 'open,hidden')) l(i, wanted);
SELECT test.ok(o.control::json ->> 'follow' = 'true' AND json_array_length(o.control::json -> 'open') = 2
               AND json_array_length(o.reply::json -> 'rooms') = 2, 'join all')
FROM test.run(test.u(3), 'JOIN_ALL_ROOMS', NULL, 'NULL') o;
SELECT test.ok(o.control::json -> 'follow' IS NULL AND json_array_length(o.control::json -> 'open') = 1, 'join all of one community')
FROM world, test.run(test.u(2), 'JOIN_ALL_ROOMS', NULL, quote_literal(community)) o;
SELECT test.equal(json_array_length(test.reply(test.u(9), 'JOIN_ALL_ROOMS', NULL, 'NULL') -> 'rooms')::text, '0', 'a stranger');

-- overrides
CREATE FUNCTION override(p_who int, p_role text, p_user int, p_allow bigint, p_deny bigint) RETURNS outcome LANGUAGE sql AS $$
    SELECT test.run(test.u(p_who), 'SET_ROOM_OVERRIDE', room, format('%s, %s, %s, %s',
        coalesce((SELECT quote_literal(r.id) FROM roles r WHERE r.community_id = community AND r.name = p_role), 'NULL'),
        coalesce(quote_literal(CASE WHEN p_user IS NOT NULL THEN test.u(p_user) END), 'NULL'), p_allow, p_deny))
    FROM world
$$;
SELECT test.refused(override(2, 'Member', NULL, 0, mask('SEND_MESSAGE')), 'PERMISSION_DENIED', 'who may not manage rooms');
CREATE TABLE overridden_ AS SELECT o.* FROM override(1, 'Member', NULL, 0, mask('SEND_MESSAGE')) o;
SELECT test.ok(status = 'OK' AND emitted[1] = 'access:' || community AND emitted[9]::json #>> '{who,everyone}' = 'true'
               AND emitted[10] = 'community:' || community AND emitted[15] = 'ROOM_UPDATED' AND emitted[14] = emitted[2]
               AND emitted[17]::json #>> '{overrides,0,deny,0}' = 'SEND_MESSAGE', 'a role''s override') FROM overridden_, world;
SELECT test.refused(test.run(test.u(2), 'SEND_MESSAGE', room, '''x'', NULL'), 'PERMISSION_DENIED', 'it holds') FROM world;
SELECT test.equal((override(1, NULL, 2, mask('SEND_MESSAGE'), 0)).status, 'OK', 'a user''s override');
SELECT test.send(test.u(2), room) FROM world;
CREATE TABLE blinded AS SELECT o.* FROM override(1, NULL, 2, 0, mask('VIEW_ROOM')) o;
SELECT test.ok(emitted[10] = 'room:' || room AND emitted[19] = 'user:' || test.u(2) AND emitted[27]::json #>> '{close,0}' = 'room:' || room,
               'a room that somebody must not see lives on its own stream') FROM blinded, world;
SELECT test.equal((override(1, NULL, 2, 0, 0)).status, 'OK', 'taken back');
SELECT test.equal(count(*)::text, '1', 'one is left') FROM room_overrides;
SELECT test.equal((override(1, 'Member', NULL, 0, 0)).status, 'OK', 'and the other');
SELECT test.ok(NOT has_overrides, 'none') FROM rooms, world WHERE id = room;
SELECT test.grant_role(community, test.u(4), 'Admin') FROM world;
SELECT test.refused(override(4, 'Admin', NULL, mask('SEND_MESSAGE'), 0), 'PERMISSION_DENIED', 'one''s own height');
SELECT test.refused(override(1, 'Member', NULL, mask('KICK_MEMBER'), 0), 'VALIDATION_ERROR', 'no action on a room');
SELECT test.refused(override(1, 'Nobody', NULL, 0, 0), 'VALIDATION_ERROR', 'neither role nor user');

-- JOIN_ROOM's shortcut answers as the whole path does, whoever asks and wherever
CREATE TABLE joiners AS SELECT test.community(12, 13, 14, 15, 16, 17) AS community;
ALTER TABLE joiners ADD room uuid, ADD private uuid, ADD gone uuid, ADD denied uuid,
    ADD direct uuid DEFAULT gen_random_uuid();
UPDATE joiners SET room = test.room(community), private = test.room(community, true),
                   gone = test.room(community), denied = test.room(community);
INSERT INTO room_members (room_id, user_id) SELECT private, test.u(12) FROM joiners;
INSERT INTO room_overrides (room_id, user_id, deny)
SELECT denied, test.u(12), mask('VIEW_ROOM') FROM joiners;
UPDATE rooms SET has_overrides = true WHERE id = (SELECT denied FROM joiners);
UPDATE rooms SET deleted_at = now() WHERE id = (SELECT gone FROM joiners);
INSERT INTO rooms (id, scope_id, private) SELECT direct, direct, true FROM joiners;
SELECT new_streams(ARRAY[3, 5], ARRAY[direct, direct]) FROM joiners;
INSERT INTO room_members (room_id, user_id) SELECT direct, test.u(12) FROM joiners;
UPDATE community_members SET timeout_until = now() + interval '1 h' WHERE user_id = test.u(13);
UPDATE users SET min_iat = 1800000000 WHERE id = test.u(14);
UPDATE users SET deleted_at = now() WHERE id = test.u(15);
UPDATE users SET has_revocations = true WHERE id IN (test.u(16), test.u(17));
INSERT INTO revocations (user_id, session_id, until)
VALUES (test.u(16), '00000000-0000-4000-b000-000000000006', now() + interval '1 h');
SELECT test.u(18);
CREATE TABLE joining AS
SELECT row_number() OVER () AS place, w.who, r.room, s.service
FROM joiners j,
     LATERAL unnest(ARRAY[NULL, test.u(1), test.u(12), test.u(13), test.u(14), test.u(15),
                          test.u(16), test.u(17), test.u(18), gen_random_uuid()]) AS w(who),
     LATERAL unnest(ARRAY[j.room, j.private, j.gone, j.denied, j.direct, gen_random_uuid()]) AS r(room),
     unnest(ARRAY[false, true]) AS s(service);
CREATE TABLE entries AS
SELECT o.* FROM (
    SELECT array_agg(who ORDER BY place) AS who, array_agg(room ORDER BY place) AS room,
           array_agg(service ORDER BY place) AS service, count(*)::int AS n FROM joining) a,
    run_join_room(1, a.who, array_fill('00000000-0000-4000-b000-000000000006'::uuid, ARRAY[a.n]),
                  array_fill(NULL::text, ARRAY[a.n]), array_fill(1700000000::bigint, ARRAY[a.n]),
                  a.service, a.room, 'JOIN_ROOM', array_fill('\x00'::bytea, ARRAY[a.n]), 'actions',
                  mask('VIEW_ROOM'), 3, a.room, 0, array_fill(NULL::text, ARRAY[a.n]),
                  array_fill(mask('VIEW_ROOM'), ARRAY[a.n])) o;
SELECT test.equal(count(*)::text, (SELECT count(*)::text FROM joining), 'each has one answer') FROM entries;
SELECT test.equal((j.status, j.message, j.details, j.reply, j.control, j.emitted)::text, o::text,
                  format('%s in %s', a.who, a.room))
FROM joining a JOIN entries j USING (place),
     LATERAL test.run(a.who, 'JOIN_ROOM', a.room, p_session => '00000000-0000-4000-b000-000000000006',
                      p_service => a.service, p_service_rights => mask('VIEW_ROOM')) o;
SELECT test.ok(count(*) > 15, 'those who may') FROM entries WHERE status = 'OK';
