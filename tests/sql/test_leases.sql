-- Who is where, over several edges, and what remains of an edge that dies.
SELECT test.community(2);
CREATE TABLE e AS SELECT gen_random_uuid() AS a, gen_random_uuid() AS b, gen_random_uuid() AS room,
    gen_random_uuid() AS s1, gen_random_uuid() AS s2;
CREATE FUNCTION lease(p_edge uuid, p_whole boolean DEFAULT false, p_present boolean DEFAULT NULL, p_user int DEFAULT 2) RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(concat_ws(' ', what, username, present), ',' ORDER BY what, username), '')
    FROM e, edge_lease(p_edge, p_whole, false, CASE WHEN p_present IS NULL THEN '{}'::uuid[] ELSE ARRAY[room] END,
        CASE WHEN p_present IS NULL THEN '{}'::uuid[] ELSE ARRAY[test.u(p_user)] END,
        CASE WHEN p_present IS NULL THEN '{}'::boolean[] ELSE ARRAY[p_present] END, '{}', '{}', '{}', '{}')
$$;
SELECT test.equal(lease(a), 'AGAIN', 'an unknown edge must tell everything') FROM e;
SELECT test.equal(lease(a), 'AGAIN', 'until it does') FROM e;
SELECT test.equal(lease(a, true, true), 'ROOM user2 t', 'the first in the room') FROM e;
SELECT test.equal(lease(a), '', 'nothing new') FROM e;
SELECT test.equal(lease(b, true, true), '', 'also at another edge: nobody is told') FROM e;
SELECT test.equal(lease(a, false, false), '', 'still at the other') FROM e;
SELECT test.equal(lease(b, false, false), 'ROOM user2 f', 'the last one leaves') FROM e;
SELECT test.equal(lease(a, false, true), 'ROOM user2 t', 'back') FROM e;
SELECT test.equal(lease(a, true), 'ROOM user2 f', 'a whole list without him') FROM e;
-- sessions
SELECT session_connect(test.u(2), NULL, s1, a, NULL, 1, true, NULL, '{}', '{}', '{}') FROM e;
SELECT session_connect(test.u(2), NULL, s2, b, NULL, 1, true, NULL, '{}', '{}', '{}') FROM e;
SELECT test.equal(test.reply(test.u(2), 'GET_PRESENCE', NULL, format('ARRAY[%L, %L]::uuid[]', test.u(2), test.u(1)))::text,
    format('{"users" : [{"userId":"%s","status":"ONLINE"}, {"userId":"%s","status":"OFFLINE"}]}', test.u(2), test.u(1)), 'presence');
SELECT edge_lease(a, false, false, '{}', '{}', '{}', ARRAY[s1], ARRAY[test.u(2)], '{t}', '{t}') FROM e;
SELECT test.ok(idle, 'idle') FROM sessions, e WHERE session_id = s1;
SELECT test.equal((test.reply(test.u(2), 'GET_PRESENCE', NULL, format('ARRAY[%L]::uuid[]', test.u(2))) #>> '{users,0,status}'), 'ONLINE', 'not all are idle');
SELECT session_disconnect(s2) FROM e;
SELECT test.ok(leaving_at IS NULL, 'one session is left') FROM present_users WHERE user_id = test.u(2);
SELECT test.equal((test.reply(test.u(2), 'GET_PRESENCE', NULL, format('ARRAY[%L]::uuid[]', test.u(2))) #>> '{users,0,status}'), 'IDLE', 'all are');
SELECT test.equal((test.reply(test.u(9), 'GET_PRESENCE', NULL, format('ARRAY[%L]::uuid[]', test.u(2))) #>> '{users,0,status}'), 'OFFLINE', 'for a stranger');
SELECT test.reply(test.u(2), 'SET_PRESENCE', NULL, '''DO_NOT_DISTURB'', ''busy''');
SELECT test.equal((test.reply(test.u(1), 'GET_PRESENCE', NULL, format('ARRAY[%L]::uuid[]', test.u(2))) #>> '{users,0,text}'), 'busy', 'for a contact');
SELECT test.reply(test.u(2), 'SET_PRESENCE', NULL, '''INVISIBLE'', NULL');
SELECT test.equal((test.reply(test.u(1), 'GET_PRESENCE', NULL, format('ARRAY[%L]::uuid[]', test.u(2))) #>> '{users,0,status}'), 'OFFLINE', 'invisible');
-- a blink is not worth telling: the user is gone after the grace only
SELECT pg_sleep(greatest(0, 8.1 - extract(epoch FROM now() - pg_postmaster_start_time())));
UPDATE edges SET expires_at = now() + interval '1 minute';
SELECT session_connect(test.u(3), NULL, s2, b, NULL, 1, true, NULL, '{}', '{}', '{}') FROM e;
SELECT session_disconnect(s2) FROM e;
SELECT test.ok(NOT EXISTS (SELECT FROM expire_presence()), 'in the grace');
SELECT test.ok(NOT c.first, 'back within the grace: nobody was told that he had left')
FROM e, session_connect(test.u(3), NULL, s2, b, NULL, 1, true, NULL, '{}', '{}', '{}') c;
SELECT session_disconnect(s2) FROM e;
UPDATE present_users SET leaving_at = now() WHERE leaving_at IS NOT NULL;
SELECT test.equal(string_agg(concat_ws(' ', what, username, present), ','), 'USER user3 f', 'gone') FROM expire_presence();
SELECT test.ok(bool_and(c.first), 'back after it')
FROM e, session_connect(test.u(3), NULL, s2, b, NULL, 1, true, NULL, '{}', '{}', '{}') c;
-- an edge dies: told once, to one
SELECT lease(a, false, true) FROM e;
UPDATE edges SET expires_at = now() - interval '1 s' FROM e WHERE edge_id = a;
SELECT test.equal(string_agg(concat_ws(' ', what, username, present), ',' ORDER BY what), 'ROOM user2 f', 'gone') FROM expire_leases();
SELECT test.equal(string_agg(concat_ws(' ', what, username, present), ','), 'USER user2 f', 'gone') FROM expire_presence();
SELECT test.ok(NOT EXISTS (SELECT FROM expire_leases()), 'told once');
SELECT test.equal(lease(a), 'AGAIN', 'it was not dead after all') FROM e;
-- a core that was stopped brings an old lease after a newer one: it changes nothing
SELECT edge_lease(b, true, false, ARRAY[room], ARRAY[test.u(2)], '{t}', '{}', '{}', '{}', '{}', '00000000-0000-7000-8000-000000000002') FROM e;
SELECT edge_lease(b, true, false, '{}', '{}', '{}', '{}', '{}', '{}', '{}', '00000000-0000-7000-8000-000000000001') FROM e;
SELECT test.ok(EXISTS (SELECT FROM room_occupants o WHERE o.edge_id = b AND o.user_id = test.u(2)), 'still there') FROM e;
-- an edge that drains renews its lease each second: one may be late
SELECT edge_lease(b, false, true, '{}', '{}', '{}', '{}', '{}', '{}', '{}') FROM e;
SELECT test.ok(expires_at > now() + interval '2 s', 'outlives a late one') FROM e, edges WHERE edge_id = b;
-- a whole lease in parts: each speaks for its slice of the users alone, and only all of them are
-- everything
CREATE TABLE parts AS SELECT gen_random_uuid() AS c, gen_random_uuid() AS hall;
CREATE FUNCTION part(p_slice int, VARIADIC p_users int[]) RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(concat_ws(' ', what, right(user_id::text, 1), present), ',' ORDER BY what, user_id), '')
    FROM parts, edge_lease(c, true, false, array_fill(hall, ARRAY[cardinality(p_users)]),
        ARRAY(SELECT test.u(n) FROM unnest(p_users) n), array_fill(true, ARRAY[cardinality(p_users)]),
        '{}', '{}', '{}', '{}', NULL, p_slice, 2)
$$;
CREATE FUNCTION changes() RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(what, ','), '') FROM parts, edge_lease(c, false, false, '{}', '{}', '{}', '{}', '{}', '{}', '{}')
$$;
SELECT test.equal(part(1, 1, 3), 'AGAIN,ROOM 1 t,ROOM 3 t', 'the second part alone is nothing whole');
SELECT test.equal(changes(), 'AGAIN', 'not whole yet');
SELECT test.equal(part(0, 2, 4), 'ROOM 2 t,ROOM 4 t', 'the first part leaves the other slice of the same room alone');
SELECT test.equal(changes(), 'AGAIN', 'not whole yet');
SELECT test.equal(part(1, 1, 3), '', 'the second completes it');
SELECT test.equal(changes(), '', 'whole');
SELECT test.equal(part(0, 4), 'ROOM 2 f', 'gone from its slice');
SELECT test.equal(part(1, 1), 'ROOM 3 f', 'and from the other');
