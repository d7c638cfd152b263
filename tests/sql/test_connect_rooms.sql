-- A room that is joined as a session begins is opened where JOIN_ROOM would open it, for the
-- same users, at the same place; with all rooms in one connect, and of many users in one batch.
CREATE TABLE world AS SELECT test.community(2, 3, 4, 5) AS community, test.community(5) AS gone,
    gen_random_uuid() AS direct, gen_random_uuid() AS edge;
ALTER TABLE world ADD rooms uuid[];
UPDATE world SET rooms = ARRAY[test.room(community), test.room(community, true), test.room(community),
                               test.room(community), test.room(community, true), test.room(gone),
                               direct, gen_random_uuid()];
SELECT test.send(test.u(2), rooms[1]), test.send(test.u(2), rooms[1]) FROM world;
SELECT test.reply(test.u(1), 'ADD_ROOM_MEMBER', rooms[2], quote_literal(test.u(2))) FROM world;
INSERT INTO room_overrides (room_id, user_id, deny) SELECT rooms[3], test.u(2), mask('VIEW_ROOM') FROM world;
INSERT INTO room_overrides (room_id, user_id, allow) SELECT rooms[5], test.u(4), mask('VIEW_ROOM') FROM world;
UPDATE rooms SET has_overrides = true WHERE id IN (SELECT unnest(rooms[3:3] || rooms[5]) FROM world);
UPDATE rooms SET deleted_at = now() WHERE id = (SELECT rooms[4] FROM world);
UPDATE communities SET deleted_at = now() WHERE id = (SELECT gone FROM world);
INSERT INTO rooms (id, scope_id, private) SELECT direct, direct, true FROM world;
SELECT new_streams(ARRAY[3, 5], ARRAY[direct, direct]) FROM world;
INSERT INTO room_members (room_id, user_id) SELECT direct, test.u(3) FROM world;
UPDATE community_members SET timeout_until = now() + interval '1 h' WHERE user_id = test.u(3);
UPDATE community_members SET class_id = class_of_roles(community_id, '{}') WHERE user_id = test.u(5);
SELECT test.u(6);
INSERT INTO edges (edge_id, expires_at) SELECT edge, now() + interval '1 h' FROM world;

CREATE TABLE callers AS
SELECT test.u(i) AS id, i AS place, gen_random_uuid() AS session FROM generate_series(1, 6) i;
CREATE TABLE opened AS SELECT c.* FROM world,
    (SELECT array_agg(id ORDER BY place) AS ids, array_agg(session ORDER BY place) AS sessions FROM callers) a,
    connect_many(a.ids, array_fill('x'::text, '{6}'), a.sessions, array_fill(edge, '{6}'),
                 array_fill(NULL::text, '{6}'), array_fill(1700000000::bigint, '{6}'), true,
                 array_fill(NULL::text, '{6}'), array_fill('{}'::text, '{6}'), array_fill('{}'::text, '{6}'),
                 array_fill('{}'::text, '{6}'), array_fill(rooms::text, '{6}')) c;
SELECT test.equal((SELECT count(*)::text FROM opened WHERE stream LIKE 'user:%'), '6', 'all are connected');

CREATE TABLE joined AS
SELECT c.place, r.place AS room, (test.run(c.id, 'JOIN_ROOM', r.id, '')).control::json->'open'->0 AS open
FROM callers c, world w, unnest(w.rooms) WITH ORDINALITY AS r(id, place);
SELECT test.equal((SELECT string_agg(place || ':' || stream || concat_ws(' ', seq, tag, access, access_seq), ',' ORDER BY place, stream)
                   FROM opened WHERE stream LIKE 'room:%'),
                  (SELECT string_agg(place || ':' || (open->>'stream')
                                     || concat_ws(' ', open->>'seq', open->>'tag', open->>'access', open->>'accessSeq'),
                                     ',' ORDER BY place, open->>'stream')
                   FROM joined WHERE open IS NOT NULL), 'as JOIN_ROOM');
SELECT test.equal((SELECT string_agg(concat(place, '-', room), ' ' ORDER BY place, room) FROM joined WHERE open IS NOT NULL),
                  '1-1 1-2 1-3 1-5 2-1 2-2 3-1 3-3 3-7 4-1 4-3 4-5', 'by owner, member, override');
SELECT test.ok(bool_and(resume_seq IS NULL AND NOT resync), 'from now on') FROM opened WHERE stream LIKE 'room:%';

-- one alone, beside what it goes on with
SELECT test.equal((SELECT string_agg(split_part(c.stream, ':', 1) || ' ' || coalesce(c.resume_seq, -1), ',' ORDER BY c.stream)
                   FROM world, session_connect(test.u(2), 'x', gen_random_uuid(), edge, NULL, 1700000000, true, NULL,
                                               ARRAY['room:' || rooms[1]], ARRAY[1], ARRAY[0], rooms[2:3]) c
                   WHERE c.stream LIKE 'room:%'),
                  (SELECT string_agg('room ' || CASE WHEN r = rooms[1] THEN 1 ELSE -1 END, ',' ORDER BY 'room:' || r)
                   FROM world, unnest(rooms[1:2]) r), 'both');

-- a room that is named twice is opened once, where its cursor says if it has one
SELECT test.equal((SELECT string_agg(coalesce(c.resume_seq, -1)::text, ',' ORDER BY c.stream = 'room:' || rooms[1])
                   FROM world, session_connect(test.u(2), 'x', gen_random_uuid(), edge, NULL, 1700000000, true, NULL,
                                               ARRAY['room:' || rooms[1]], ARRAY[1], ARRAY[0],
                                               rooms[1:2] || rooms[1:2]) c
                   WHERE c.stream LIKE 'room:%'), '-1,1', 'once');

-- one room alone, as most clients come
SELECT test.equal((SELECT string_agg(c.place::text, ' ' ORDER BY c.place) FROM world,
                   (SELECT array_agg(id ORDER BY place) AS ids FROM callers) a,
                   connect_many(a.ids, array_fill('x'::text, '{6}'), ARRAY(SELECT gen_random_uuid() FROM generate_series(1, 6)), array_fill(edge, '{6}'),
                                array_fill(NULL::text, '{6}'), array_fill(1700000000::bigint, '{6}'), true,
                                array_fill(NULL::text, '{6}'), array_fill('{}'::text, '{6}'), array_fill('{}'::text, '{6}'),
                                array_fill('{}'::text, '{6}'), array_fill(rooms[2:2]::text, '{6}')) c
                   WHERE c.stream LIKE 'room:%'),
                  (SELECT string_agg(place::text, ' ' ORDER BY place) FROM joined WHERE room = 2 AND open IS NOT NULL),
                  'one room each');

-- who goes on with something beside who is new: first what a client can least do without
CREATE TABLE ordered AS
SELECT c.place, row_number() OVER () AS at, c.stream, c.epoch,
       CASE WHEN c.epoch IS NOT NULL THEN 0 WHEN c.stream LIKE 'user:%' THEN 1 WHEN c.stream LIKE 'community:%' THEN 2
            WHEN c.resume_seq IS NOT NULL OR c.resync THEN 3 ELSE 4 END AS class
FROM world, (SELECT array_agg(id ORDER BY place) AS ids FROM callers) a,
     connect_many(a.ids, array_fill('x'::text, '{6}'), ARRAY(SELECT gen_random_uuid() FROM generate_series(1, 6)), array_fill(edge, '{6}'),
                  array_fill(NULL::text, '{6}'), array_fill(1700000000::bigint, '{6}'), true, array_fill(NULL::text, '{6}'),
                  ARRAY(SELECT CASE WHEN i % 2 = 0 THEN ARRAY['room:' || rooms[1]]::text ELSE '{}' END FROM generate_series(1, 6) i),
                  ARRAY(SELECT CASE WHEN i % 2 = 0 THEN '{1}' ELSE '{}' END FROM generate_series(1, 6) i),
                  ARRAY(SELECT CASE WHEN i % 2 = 0 THEN '{0}' ELSE '{}' END FROM generate_series(1, 6) i),
                  array_fill(rooms::text, '{6}')) c;
SELECT test.ok(count(*) > 20 AND count(DISTINCT class) = 5, 'enough to come out of order') FROM ordered;
SELECT test.equal((SELECT string_agg(o.place || ' ' || coalesce(o.stream, '-'), ',' ORDER BY o.at) FROM ordered o),
                  (SELECT string_agg(o.place || ' ' || coalesce(o.stream, '-'), ',' ORDER BY o.place, o.class, o.at) FROM ordered o),
                  'in order');
