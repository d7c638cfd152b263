-- Exactly once: what a key got, it gets again, and nothing happens twice.
CREATE TABLE world AS SELECT test.community(2) AS community;
ALTER TABLE world ADD room uuid, ADD key uuid DEFAULT gen_random_uuid();
UPDATE world SET room = test.room(community);

-- a replay
CREATE TABLE first AS SELECT o.* FROM world, test.run(test.u(2), 'SEND_MESSAGE', room, '''once'', NULL', key) o;
CREATE TABLE second AS SELECT o.* FROM world, test.run(test.u(2), 'SEND_MESSAGE', room, '''once'', NULL', key) o;
SELECT test.equal(s.status || s.reply, 'OK' || f.reply, 'the first answer again')
FROM first f, second s;
SELECT test.ok(f.emitted IS NOT NULL AND s.emitted IS NULL, 'emitted once') FROM first f, second s;
SELECT test.equal(count(*)::text, '1', 'one message') FROM messages;
SELECT test.equal(test.head(3, room)::text, '1', 'one number') FROM world;
SELECT test.ok(reply IS NULL AND seq = 1, 'the stored answer points at the event')
FROM answers, world WHERE answers.key = world.key;

-- the same key for something else
SELECT test.refused(test.run(test.u(2), 'SEND_MESSAGE', room, '''other'', NULL', key),
                    'CONFLICT', 'another payload') FROM world;
SELECT test.refused(test.run(test.u(2), 'LEAVE_COMMUNITY', community, '', key),
                    'CONFLICT', 'another event') FROM world;
SELECT test.equal((test.run(test.u(2), 'SEND_MESSAGE', room, '''once'', NULL', key)).reply,
                  f.reply, 'a conflict changes nothing') FROM world, first f;
SELECT test.equal((test.run(test.u(1), 'SEND_MESSAGE', room, '''mine'', NULL', key)).status,
                  'OK', 'another user''s key is another key') FROM world;

-- a refusal is an answer, too, even after its reason has gone
UPDATE world SET key = gen_random_uuid();
UPDATE roles SET grants = grants & ~mask('SEND_MESSAGE') WHERE name = 'Member';
SELECT test.refused(test.run(test.u(2), 'SEND_MESSAGE', room, '''no'', NULL', key),
                    'PERMISSION_DENIED', 'no right') FROM world;
UPDATE roles SET grants = grants | mask('SEND_MESSAGE') WHERE name = 'Member';
SELECT test.refused(test.run(test.u(2), 'SEND_MESSAGE', room, '''no'', NULL', key),
                    'PERMISSION_DENIED', 'the refusal again') FROM world;
-- and a success stays one after the right has gone
UPDATE world SET key = gen_random_uuid();
SELECT test.equal((test.run(test.u(2), 'SEND_MESSAGE', room, '''yes'', NULL', key)).status,
                  'OK', 'with the right') FROM world;
DELETE FROM community_members WHERE user_id = test.u(2);
SELECT test.equal((test.run(test.u(2), 'SEND_MESSAGE', room, '''yes'', NULL', key)).status,
                  'OK', 'a retry after a kick') FROM world;

-- refusals of the event's own function are stored
UPDATE world SET key = gen_random_uuid();
SELECT test.refused(test.run(test.u(1), 'KICK_MEMBER', community,
                             quote_literal(test.u(2)) || ', NULL', key), 'NOT_FOUND',
                    'no such member') FROM world;
SELECT test.equal(a.status, 'NOT_FOUND', 'stored') FROM answers a, world w WHERE a.key = w.key;

-- control is part of the answer; an event with a reply of its own keeps a copy
UPDATE world SET key = gen_random_uuid();
CREATE TABLE third AS SELECT o.* FROM world, test.run(test.u(2), 'JOIN_COMMUNITY', community, '', key) o;
SELECT test.equal((test.run(test.u(2), 'JOIN_COMMUNITY', community, '', key)).control,
                  t.control, 'the same control') FROM world, third t;

-- an unknown user spends nothing
UPDATE world SET key = gen_random_uuid();
SELECT test.equal((test.run('00000000-0000-4000-8000-0000000000aa', 'SET_PRESENCE', NULL,
                            '''ONLINE'', NULL', key)).details, '{"reason":"UNKNOWN_USER"}',
                  'unknown') FROM world;
SELECT make_user('00000000-0000-4000-8000-0000000000aa', 'late');
SELECT test.equal((test.run('00000000-0000-4000-8000-0000000000aa', 'SET_PRESENCE', NULL,
                            '''ONLINE'', NULL', key)).status, 'OK', 'the same key, now known')
FROM world;

-- a service of its own has keys under the zero user
UPDATE world SET key = gen_random_uuid();
SELECT test.equal((test.run(NULL, 'CREATE_ROOM', community, '''svc'', false', key,
                            p_service => true, p_service_rights => mask('CREATE_ROOM'))).status,
                  'OK', 'a service') FROM world;
SELECT test.equal(a.user_id::text, '00000000-0000-0000-0000-000000000000', 'nobody''s id')
FROM answers a, world w WHERE a.key = w.key;

-- reads store nothing
CREATE TABLE counted AS SELECT count(*) FROM answers;
SELECT test.reply(test.u(1), 'GET_HISTORY', room, 'NULL, NULL, 50') FROM world;
SELECT test.equal(count(*)::text, (SELECT count FROM counted)::text, 'no new answer') FROM answers;
