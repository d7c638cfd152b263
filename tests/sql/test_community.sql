-- Communities: founding, joining, leaving, throwing out.
CREATE TABLE founded AS SELECT o.*, o.reply::json -> 'community' AS c
FROM test.run(test.u(1), 'CREATE_COMMUNITY', NULL, '''Tower'', true') o;
CREATE TABLE world AS SELECT (c ->> 'id')::uuid AS community FROM founded;
SELECT test.ok(c ->> 'name' = 'Tower' AND c ->> 'ownerId' = test.u(1)::text AND (c ->> 'public')::boolean, 'reply') FROM founded;
SELECT test.equal(control::json #>> '{open,0,stream}', 'community:' || community, 'its stream is opened') FROM founded, world;
SELECT test.equal(string_agg(name, ',' ORDER BY position), 'Member,Moderator,Admin', 'three roles') FROM roles;
SELECT test.equal(string_agg(s.kind::text, ',' ORDER BY s.kind), '1,2,5', 'three streams') FROM streams s, world WHERE s.id = community;
UPDATE instance SET anyone_may_create = false;
SELECT test.refused(test.run(test.u(2), 'CREATE_COMMUNITY', NULL, '''x'', true'), 'PERMISSION_DENIED', 'not everybody');
UPDATE users SET instance_owner = true WHERE id = test.u(2);
SELECT test.reply(test.u(2), 'CREATE_COMMUNITY', NULL, '''Hidden'', false');

-- joining
SELECT test.refused(test.run(test.u(3), 'JOIN_COMMUNITY', id), 'NOT_FOUND', 'not public') FROM communities WHERE name = 'Hidden';
SELECT test.refused(test.run(test.u(3), 'JOIN_COMMUNITY', gen_random_uuid()), 'NOT_FOUND', 'not there');
CREATE TABLE joined AS SELECT o.* FROM world, test.run(test.u(3), 'JOIN_COMMUNITY', community) o;
SELECT test.equal(emitted[1] || ' ' || emitted[6] || ' ' || emitted[10] || ' ' || emitted[15],
                  'members:' || community || ' MEMBER_JOINED user:' || test.u(3) || ' ACCESS_CHANGED', 'joined') FROM joined, world;
SELECT test.equal((emitted[17]::json ->> 'granted') || (emitted[17]::json ->> 'communityId'), 'true' || community, 'granted') FROM joined, world;
SELECT test.ok(o.status = 'OK' AND o.emitted IS NULL, 'joined already') FROM world, test.run(test.u(3), 'JOIN_COMMUNITY', community) o;
INSERT INTO bans (community_id, user_id) SELECT community, test.u(4) FROM world;
SELECT test.refused(test.run(test.u(4), 'JOIN_COMMUNITY', community), 'PERMISSION_DENIED', 'banned') FROM world;
UPDATE bans SET until = now() - interval '1 s';
SELECT test.reply(test.u(4), 'JOIN_COMMUNITY', community) FROM world;
SELECT test.equal(json_array_length(test.reply(test.u(3), 'LIST_COMMUNITIES') -> 'communities')::text, '1', 'listed');

-- throwing out: who stands where
SELECT test.reply(test.u(i), 'JOIN_COMMUNITY', community) FROM world, generate_series(5, 8) i;
SELECT test.grant_role(community, test.u(5), 'Moderator'), test.grant_role(community, test.u(6), 'Moderator'),
       test.grant_role(community, test.u(7), 'Admin') FROM world;
SELECT test.refused(test.run(test.u(a), 'KICK_MEMBER', community, quote_literal(test.u(b)) || ', NULL'), k.status,
                    format('%s throws %s out', a, b))
FROM world, (VALUES (3, 4, 'PERMISSION_DENIED'), (5, 6, 'PERMISSION_DENIED'), (5, 7, 'PERMISSION_DENIED'), (5, 5, 'PERMISSION_DENIED'),
    (7, 1, 'PERMISSION_DENIED'), (5, 99, 'NOT_FOUND'), (99, 3, 'NOT_FOUND')) k(a, b, status);
ALTER TABLE world ADD private uuid;
UPDATE world SET private = test.room(community, true);
SELECT test.reply(test.u(1), 'ADD_ROOM_MEMBER', private, quote_literal(test.u(3))) FROM world;
CREATE TABLE counts AS SELECT (SELECT count(*) FROM events) AS events, test.head(5, community) AS access FROM world;
CREATE TABLE kicked AS SELECT o.* FROM world, test.run(test.u(5), 'KICK_MEMBER', community, quote_literal(test.u(3)) || ', ''spam''') o;
SELECT test.equal(status || reply, 'OK{}', 'a moderator throws a member out') FROM kicked;
SELECT test.ok((SELECT count(*) FROM events) = events + 3, 'three events, whatever the number of rooms') FROM counts;
SELECT test.ok(emitted[6] = 'MEMBER_KICKED' AND emitted[1] = 'community:' || community
               AND emitted[5]::bigint = access + 1 AND emitted[8]::json ->> 'kickedBy' = test.u(5)::text
               AND emitted[8]::json ->> 'reason' = 'spam', 'the community hears of it, behind its own fence') FROM kicked, world, counts;
SELECT test.ok(emitted[10] = 'access:' || community AND emitted[11]::bigint = access + 1 AND emitted[15] = ''
               AND emitted[18]::json #>> '{who,users,0}' = test.u(3)::text, 'edges hear of it') FROM kicked, world, counts;
SELECT test.ok(emitted[19] = 'user:' || test.u(3) AND emitted[27]::json #>> '{close,0}' = 'community:' || community, 'he hears of it') FROM kicked, world;
SELECT test.equal(room_rights(test.u(3), private)::text, '0', 'the private room, too') FROM world;
SELECT test.refused(test.run(test.u(3), 'LIST_ROOMS', community), 'NOT_FOUND', 'gone') FROM world;

-- leaving
SELECT test.refused(test.run(test.u(1), 'LEAVE_COMMUNITY', community), 'CONFLICT', 'the last owner') FROM world;
UPDATE community_members SET owner = true WHERE user_id = test.u(7);
SELECT test.reply(test.u(1), 'LEAVE_COMMUNITY', community) FROM world;
SELECT test.refused(test.run(test.u(1), 'LEAVE_COMMUNITY', community), 'NOT_FOUND', 'left already') FROM world;
SELECT test.ok(EXISTS (SELECT FROM events WHERE event = 'MEMBER_LEFT' AND payload ->> 'userId' = test.u(1)::text), 'told');
