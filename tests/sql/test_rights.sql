-- The order in which a right is decided, and what each kind of person may do.

-- 1 owner, 2 member, 3 moderator, 4 admin, 5 stranger, 6 banned, 7 timed out, 8 plain
CREATE TABLE world AS
    SELECT test.community(2, 3, 4, 6, 7, 8) AS community, test.u(5) AS stranger;
ALTER TABLE world ADD open uuid, ADD private uuid;
UPDATE world SET open = test.room(community), private = test.room(community, true);
SELECT test.grant_role(community, test.u(3), 'Moderator'),
       test.grant_role(community, test.u(4), 'Admin') FROM world;
INSERT INTO bans (community_id, user_id) SELECT community, test.u(6) FROM world;
UPDATE community_members SET timeout_until = now() + interval '1 hour'
WHERE user_id = test.u(7);

-- names and bits
SELECT test.equal(mask('CREATE_COMMUNITY')::text, '1', 'action 1 is bit 0');
SELECT test.equal(mask('DELETE_ANY_MESSAGE')::text, (1 << 23)::text, 'action 24 is bit 23');
SELECT test.ok(mask('VIEW_ROMO') IS NULL, 'a misspelt action grants nothing');
SELECT test.equal(actions_of(mask('VIEW_ROOM', 'SEND_MESSAGE'))::text,
                  '{VIEW_ROOM,SEND_MESSAGE}', 'masks have names');

-- who may see and write where
CREATE FUNCTION may(i int, p_action text, p_room uuid) RETURNS boolean LANGUAGE sql AS $$
    SELECT room_rights(test.u(i), p_room) & mask(p_action) <> 0
$$;
SELECT test.equal(may(w.i, w.action, CASE w.room WHEN 'open' THEN open ELSE private END)::text,
                  w.wanted::text, format('user %s, %s in the %s room', w.i, w.action, w.room))
FROM world, (VALUES
    (1, 'SEND_MESSAGE', 'open', true),     (1, 'VIEW_ROOM', 'private', true),
    (1, 'DELETE_ANY_MESSAGE', 'open', true),
    (2, 'SEND_MESSAGE', 'open', true),     (2, 'VIEW_ROOM', 'private', false),
    (2, 'SEND_MESSAGE', 'private', false), (2, 'DELETE_ANY_MESSAGE', 'open', false),
    (3, 'DELETE_ANY_MESSAGE', 'open', true), (3, 'VIEW_ROOM', 'private', false),
    (4, 'VIEW_ROOM', 'private', true),     (4, 'MANAGE_ROOM', 'private', true),
    (5, 'VIEW_ROOM', 'open', false),       (6, 'VIEW_ROOM', 'open', false),
    (7, 'VIEW_ROOM', 'open', true),        (7, 'READ_HISTORY', 'open', true),
    (7, 'SEND_MESSAGE', 'open', false),    (7, 'ADD_REACTION', 'open', false),
    (9, 'VIEW_ROOM', 'open', false)) AS w(i, action, room, wanted);
SELECT test.ok(NOT EXISTS (SELECT FROM community_members WHERE user_id = test.u(6)),
               'a ban ends the membership');

-- a member of the private room
INSERT INTO room_members (room_id, user_id) SELECT private, test.u(2) FROM world;
SELECT test.ok(may(2, 'SEND_MESSAGE', private), 'room members hold their grants') FROM world;
DELETE FROM community_members WHERE user_id = test.u(8);
INSERT INTO room_members (room_id, user_id) SELECT private, test.u(8) FROM world;
SELECT test.ok(NOT may(8, 'VIEW_ROOM', private),
               'a room membership without the community says nothing') FROM world;

-- overrides: each row a combination for user 2, who holds SEND_MESSAGE by his role
CREATE FUNCTION with_overrides(p_role_allow text, p_role_deny text, p_user_allow text,
                               p_user_deny text, p_room uuid) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    v_role uuid := (SELECT r.id FROM roles r, world w
                    WHERE r.community_id = w.community AND r.name = 'Member');
    v_rights bigint;
BEGIN
    DELETE FROM room_overrides;
    INSERT INTO room_overrides (room_id, role_id, allow, deny)
    VALUES (p_room, v_role, coalesce(mask(p_role_allow), 0), coalesce(mask(p_role_deny), 0));
    INSERT INTO room_overrides (room_id, user_id, allow, deny)
    VALUES (p_room, test.u(2), coalesce(mask(p_user_allow), 0), coalesce(mask(p_user_deny), 0));
    UPDATE rooms SET has_overrides = true WHERE id = p_room;
    v_rights := room_rights(test.u(2), p_room);
    DELETE FROM room_overrides;
    UPDATE rooms SET has_overrides = false WHERE id = p_room;
    RETURN v_rights;
END $$;
SELECT test.equal((with_overrides(o.ra, o.rd, o.ua, o.ud, open) & mask(o.action) <> 0)::text,
                  o.wanted::text, format('overrides %s', o))
FROM world, (VALUES
    (NULL, NULL, NULL, NULL, 'SEND_MESSAGE', true),
    (NULL, 'SEND_MESSAGE', NULL, NULL, 'SEND_MESSAGE', false),
    ('PIN_MESSAGE', NULL, NULL, NULL, 'PIN_MESSAGE', true),
    ('PIN_MESSAGE', 'PIN_MESSAGE', NULL, NULL, 'PIN_MESSAGE', false),
    (NULL, 'SEND_MESSAGE', 'SEND_MESSAGE', NULL, 'SEND_MESSAGE', true),
    ('PIN_MESSAGE', NULL, NULL, 'PIN_MESSAGE', 'PIN_MESSAGE', false),
    (NULL, NULL, 'PIN_MESSAGE', 'PIN_MESSAGE', 'PIN_MESSAGE', false),
    (NULL, 'VIEW_ROOM', NULL, NULL, 'SEND_MESSAGE', false),
    (NULL, 'VIEW_ROOM', 'VIEW_ROOM', NULL, 'SEND_MESSAGE', true))
    AS o(ra, rd, ua, ud, action, wanted);
-- any role's deny wins over another role's allow
DO $$
DECLARE
    w world;
BEGIN
    SELECT * INTO w FROM world;
    INSERT INTO room_overrides (room_id, role_id, allow, deny)
    SELECT w.open, r.id, CASE r.name WHEN 'Moderator' THEN mask('SEND_MESSAGE') ELSE 0 END,
           CASE r.name WHEN 'Member' THEN mask('SEND_MESSAGE') ELSE 0 END
    FROM roles r WHERE r.community_id = w.community AND r.name <> 'Admin';
    UPDATE rooms SET has_overrides = true WHERE id = w.open;
    PERFORM test.ok(NOT may(3, 'SEND_MESSAGE', w.open), 'any deny wins among roles');
    PERFORM test.ok(may(1, 'SEND_MESSAGE', w.open), 'owners pass all overrides');
    DELETE FROM room_overrides;
    UPDATE rooms SET has_overrides = false WHERE id = w.open;
END $$;
-- an override opens a private room
SELECT test.ok(NOT may(3, 'VIEW_ROOM', private), 'before') FROM world;
INSERT INTO room_overrides (room_id, user_id, allow)
SELECT private, test.u(3), mask('VIEW_ROOM') FROM world;
UPDATE rooms SET has_overrides = true WHERE id = (SELECT private FROM world);
SELECT test.ok(may(3, 'SEND_MESSAGE', private),
               'who may view a private room by an override holds his grants in it') FROM world;

-- a changed role changes its classes at once, and no member
SELECT test.ok(may(2, 'SEND_MESSAGE', open), 'before the change') FROM world;
CREATE TABLE before AS SELECT xmin::text AS x, user_id FROM community_members;
UPDATE roles SET grants = grants & ~mask('SEND_MESSAGE') WHERE name = 'Member';
SELECT test.ok(NOT may(2, 'SEND_MESSAGE', open), 'after it') FROM world;
SELECT test.ok(NOT EXISTS (SELECT xmin::text, user_id FROM community_members
                           EXCEPT SELECT * FROM before), 'no member row was written');
UPDATE roles SET grants = grants | mask('SEND_MESSAGE') WHERE name = 'Member';

-- admission tells these apart: not there, not allowed, not known, and details
SELECT test.refused(test.run(test.u(5), 'SEND_MESSAGE', open, '''x'', NULL'), 'NOT_FOUND',
                    'strangers do not learn that a room exists') FROM world;
SELECT test.refused(test.run(test.u(5), 'SEND_MESSAGE', gen_random_uuid(), '''x'', NULL'),
                    'NOT_FOUND', 'no such room');
SELECT test.equal((test.run(test.u(5), 'SEND_MESSAGE', open, '''x'', NULL')).message,
                  (test.run(test.u(5), 'SEND_MESSAGE', gen_random_uuid(), '''x'', NULL')).message,
                  'both look the same') FROM world;
SELECT test.refused(test.run(test.u(7), 'SEND_MESSAGE', open, '''x'', NULL'),
                    'PERMISSION_DENIED', 'timed out') FROM world;
SELECT test.equal((test.run(test.u(7), 'SEND_MESSAGE', open, '''x'', NULL')).details::json
                  ->> 'missing', '["SEND_MESSAGE"]', 'what was missing') FROM world;
SELECT test.refused(test.run(test.u(5), 'KICK_MEMBER', community,
                             quote_literal(test.u(2)) || ', NULL'), 'NOT_FOUND',
                    'strangers do not learn that a community exists') FROM world;
SELECT test.refused(test.run(gen_random_uuid(), 'SEND_MESSAGE', open, '''x'', NULL'),
                    'UNAUTHENTICATED', 'unknown user') FROM world;
SELECT test.refused(test.run(NULL, 'SEND_MESSAGE', open, '''x'', NULL'), 'UNAUTHENTICATED',
                    'nobody') FROM world;
SELECT test.equal((test.run(NULL, 'GET_PRESENCE', NULL, 'ARRAY[test.u(1)]')).status, 'OK',
                  'public events are open to nobody, too');

-- services hold what they are given
SELECT test.equal((test.run(test.u(2), 'SEND_MESSAGE', private, '''x'', NULL', p_service => true,
                            p_service_rights => mask('SEND_MESSAGE'))).status, 'OK',
                  'a service acts for a user') FROM world;
SELECT test.refused(test.run(NULL, 'KICK_MEMBER', community,
                             quote_literal(test.u(2)) || ', NULL', p_service => true,
                             p_service_rights => mask('SEND_MESSAGE')),
                    'PERMISSION_DENIED', 'a service lacks what it was not given') FROM world;

-- tokens and tombstones
UPDATE users SET min_iat = 1700000001 WHERE id = test.u(2);
SELECT test.refused(test.run(test.u(2), 'SEND_MESSAGE', open, '''x'', NULL'),
                    'UNAUTHENTICATED', 'an older token') FROM world;
SELECT test.equal((test.run(test.u(2), 'SEND_MESSAGE', open, '''x'', NULL',
                            p_iat => 1700000001)).status, 'OK', 'a newer token') FROM world;
UPDATE users SET deleted_at = now() WHERE id = test.u(2);
SELECT test.refused(test.run(test.u(2), 'SEND_MESSAGE', open, '''x'', NULL',
                             p_iat => 1700000001), 'UNAUTHENTICATED', 'deleted') FROM world;

-- a deleted community is gone for all
UPDATE communities SET deleted_at = now() WHERE id = (SELECT community FROM world);
SELECT test.equal(room_rights(test.u(i), open)::text, '0', 'deleted, user ' || i)
FROM world, generate_series(1, 8) i;
SELECT test.refused(test.run(test.u(1), 'LIST_ROOMS', community), 'NOT_FOUND',
                    'the owner of a deleted community') FROM world;
