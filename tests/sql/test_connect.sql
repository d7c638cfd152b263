-- Connecting in a batch: the same rows as alone, or BUSY and nothing left, but never a wait.
SELECT test.u(2), test.u(3);
SELECT test.community(2, 3);
SELECT test.connect('other');
SELECT test.connect('third');
SET statement_timeout = '10s';
CREATE TABLE e AS SELECT gen_random_uuid() AS a, gen_random_uuid() AS s1, gen_random_uuid() AS s2;

CREATE FUNCTION connecting(p_user uuid, p_session uuid, p_edge uuid, p_mode int) RETURNS text
LANGUAGE sql AS $$
    SELECT format('SELECT count(*)::text, min(c.status), bool_or(c.first)::text,'
                  ' string_agg(c.stream, '','') FROM '
                  || CASE p_mode WHEN 0 THEN 'session_connect(%L, ''x'', %L, %L, NULL, 1, true,'
                                             ' NULL, ''{}'', ''{}'', ''{}'') c'
                     ELSE 'connect_many(ARRAY[%L::uuid], ''{x}'', ARRAY[%L::uuid], ARRAY[%L::uuid],'
                          ' ''{NULL}'', ''{1}'', true, ''{NULL}'', ''{"{}"}'', ''{"{}"}'', ''{"{}"}'','
                          ' ''{"{}"}'') c'
                     END, p_user, p_session, p_edge)
$$;
CREATE FUNCTION connect_says(p_user uuid, p_session uuid, p_edge uuid, p_mode int) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    v record;
BEGIN
    EXECUTE connecting(p_user, p_session, p_edge, p_mode) INTO v;
    RETURN concat_ws(' ', v.count, v.min, v.bool_or);
END $$;
CREATE FUNCTION here() RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', (SELECT count(*) FROM sessions), (SELECT count(*) FROM present_users),
                     (SELECT count(*) FROM edges), (SELECT count(*) FROM users))
$$;

-- what must be made first is made alone
SELECT test.equal(connect_says(test.u(2), s1, a, 1), '1 BUSY false', 'an edge never seen') FROM e;
SELECT test.equal(here(), '0 0 0 3', 'it left nothing');
SELECT test.equal(connect_says(test.u(2), s1, a, 0), '2 OK true', 'alone') FROM e;
SELECT test.equal(connect_says(gen_random_uuid(), s2, a, 1), '1 BUSY false', 'a user never seen') FROM e;
SELECT test.equal(connect_says(test.u(3), s2, a, 1), '2 OK true', 'in a batch') FROM e;
SELECT test.equal(connect_says(test.u(3), s2, a, 1), '2 OK false', 'again') FROM e;
SELECT test.equal(here(), '2 2 1 3', 'the same rows');

-- somebody else holds what it needs
CREATE TABLE held AS
SELECT 'the user' AS what, format('SELECT pg_advisory_xact_lock(user_lock(%L))::text', test.u(3)) AS sql UNION ALL
SELECT 'another session of his', format('SELECT pg_advisory_xact_lock(presence_lock(%L))::text', test.u(3)) UNION ALL
SELECT 'a whole lease', 'SELECT sessions_lock()::text';
DO $$
DECLARE
    h held;
BEGIN
    FOR h IN SELECT * FROM held LOOP
        PERFORM dblink_exec('other', 'BEGIN');
        PERFORM * FROM dblink('other', h.sql) AS t(x text);
        PERFORM test.equal(connect_says(test.u(3), gen_random_uuid(), a, 1), '1 BUSY false', h.what) FROM e;
        PERFORM test.equal(here(), '2 2 1 3', 'BUSY leaves nothing: ' || h.what);
        PERFORM dblink_exec('other', 'ROLLBACK');
        COMMIT;
    END LOOP;
END $$;

-- two batches with the same users in opposite order: nobody waits, so nobody in a circle
DO $$
DECLARE
    v text[];
BEGIN
    PERFORM dblink_exec('other', 'BEGIN');
    PERFORM dblink_exec('third', 'BEGIN');
    SELECT array_agg(x.status ORDER BY x.n) INTO v FROM (
        SELECT 1 AS n, t.status FROM e, dblink('other', connecting(test.u(2), gen_random_uuid(), a, 1)) AS t(c text, status text, f text, s text)
        UNION ALL SELECT 2, t.status FROM e, dblink('third', connecting(test.u(3), gen_random_uuid(), a, 1)) AS t(c text, status text, f text, s text)
        UNION ALL SELECT 3, t.status FROM e, dblink('other', connecting(test.u(3), gen_random_uuid(), a, 1)) AS t(c text, status text, f text, s text)
        UNION ALL SELECT 4, t.status FROM e, dblink('third', connecting(test.u(2), gen_random_uuid(), a, 1)) AS t(c text, status text, f text, s text)) x;
    PERFORM test.equal(array_to_string(v, ' '), 'OK OK BUSY BUSY', 'opposite order');
    PERFORM dblink_exec('other', 'COMMIT');
    PERFORM dblink_exec('third', 'COMMIT');
END $$;

-- a lease that ends sessions waits for the batch, and the batch's commit for nobody
SELECT dblink_exec('other', 'BEGIN');
SELECT * FROM e, dblink('other', connecting(test.u(2), gen_random_uuid(), a, 1)) AS t(c text, status text, f text, s text);
SELECT test.ok(NOT pg_try_advisory_xact_lock(5), 'whole leases are kept out');
SELECT dblink_exec('other', 'COMMIT');
SELECT test.ok(pg_try_advisory_xact_lock(5), 'until the commit');

-- a crowd is counted when members change
CREATE TABLE big AS SELECT test.community(2) AS id;
CREATE FUNCTION crowd() RETURNS boolean LANGUAGE sql AS $$
    SELECT c.crowd FROM communities c, big WHERE c.id = big.id $$;
INSERT INTO community_members (community_id, user_id, class_id)
SELECT big.id, gen_random_uuid(), 1 FROM big, generate_series(1, 998);
SELECT test.ok(NOT crowd(), '1,000 are none');
INSERT INTO community_members (community_id, user_id, class_id) SELECT id, test.u(3), 1 FROM big;
SELECT test.ok(crowd(), '1,001 are one');
DELETE FROM community_members m USING big WHERE m.community_id = big.id AND m.user_id = test.u(3);
SELECT test.ok(NOT crowd(), 'and then no longer');

-- many at once: each by itself, in the order asked
SELECT test.u(20), test.u(21), test.u(22), test.u(23), test.u(24);
CREATE TABLE many AS SELECT test.community(20, 21, 22) AS one, test.community(21, 22, 23) AS other,
    gen_random_uuid() AS edge;
INSERT INTO edges (edge_id, expires_at) SELECT edge, now() + interval '1 h' FROM many;
UPDATE community_members SET owner = true WHERE user_id = test.u(20);
UPDATE community_members SET timeout_until = now() + interval '1 h' WHERE user_id = test.u(21);
UPDATE community_members m SET class_id = class_of_roles(m.community_id, '{}')
FROM many WHERE m.community_id = other AND m.user_id = test.u(22); -- may not even look
UPDATE communities c SET deleted_at = now() FROM (SELECT test.community(20, 23) AS id) gone WHERE c.id = gone.id;
UPDATE users SET min_iat = 100 WHERE id = test.u(23);
UPDATE users SET presence = 'INVISIBLE' WHERE id = test.u(24);
CREATE TABLE callers AS
SELECT u.id, row_number() OVER (ORDER BY u.place)::int AS place, gen_random_uuid() AS session
FROM unnest(ARRAY[test.u(24), test.u(20), test.u(21), test.u(23), test.u(22), gen_random_uuid(), test.u(20)])
     WITH ORDINALITY AS u(id, place);
CREATE TABLE said AS SELECT c.* FROM many,
    (SELECT array_agg(id ORDER BY place) AS ids, array_agg(session ORDER BY place) AS sessions FROM callers) a,
    connect_many(a.ids, array_fill('x'::text, '{7}'), a.sessions, array_fill(edge, '{7}'), array_fill('t'::text, '{7}'),
                 array_fill(1::bigint, '{7}'), true, array_fill('l'::text, '{7}'), array_fill('{}'::text, '{7}'),
                 array_fill('{}'::text, '{7}'), array_fill('{}'::text, '{7}'), array_fill('{}'::text, '{7}')) c;
SELECT test.equal((SELECT string_agg(DISTINCT place || status || CASE WHEN first THEN '!' ELSE '' END, ' ') FROM said
                   WHERE epoch IS NOT NULL),
                  '1OK! 2OK! 3OK! 4UNAUTHENTICATED 5OK! 6BUSY 7OK', 'each its own');
SELECT test.equal((SELECT string_agg(place::text, '' ORDER BY place) FROM said WHERE stream LIKE 'user:%'),
                  '12357', 'their own streams');
SELECT test.ok(bool_and(contacts IS NULL), 'the invisible come unseen, and a second session is no news')
FROM said WHERE place IN (1, 7);
SELECT test.equal(string_agg(cardinality(contacts)::text, ','), '2', 'the others are told of, once')
FROM said WHERE place = 3;
SELECT test.equal((SELECT string_agg(DISTINCT s.n::text, ' ') FROM (
                       SELECT (row_number() OVER (PARTITION BY x.place ORDER BY x.at)) AS n, x.epoch, x.username
                       FROM (SELECT c.*, row_number() OVER () AS at FROM said c) x) s
                   WHERE s.epoch IS NOT NULL OR s.username IS NOT NULL), '1', 'the first row says who it is');
SELECT test.equal(string_agg(concat_ws(' ', s.stream, s.seq, s.tag, s.access, s.access_seq), ',' ORDER BY s.stream),
                  (SELECT string_agg(concat_ws(' ', t.stream, t.seq, t.tag, t.access, t.access_seq), ',' ORDER BY t.stream)
                   FROM session_streams(c.id, '{}', '{}', '{}') t), 'as with something to go on with')
FROM said s JOIN callers c USING (place) WHERE s.status = 'OK' GROUP BY c.id, c.place;
SELECT test.equal((SELECT count(*)::text FROM sessions JOIN callers ON session = session_id), '5', 'sessions');
SELECT test.equal((SELECT count(*)::text FROM present_users JOIN callers ON id = user_id), '5', 'and who is there');
SELECT test.equal(string_agg(d.status, ' ' ORDER BY d.place), 'OK OK OK', 'and they end, one twice')
FROM (SELECT array_agg(session) || min(session::text)::uuid AS ids FROM (SELECT session FROM callers WHERE place IN (2, 3)) x) a,
     disconnect_many(a.ids, array_fill(NULL::uuid, ARRAY[3])) d;
SELECT test.equal((SELECT string_agg(place::text, ',' ORDER BY place) FROM callers JOIN present_users ON user_id = id
                   WHERE leaving_at IS NOT NULL), '3', 'who has a session left stays');

-- A Connect that was sent again may travel with its first: one session, and no neighbour fails.
CREATE TABLE again AS SELECT gen_random_uuid() AS session, gen_random_uuid() AS other;
SELECT test.equal(string_agg(c.status || ' ' || c.first, ',' ORDER BY c.place), 'OK true,OK false,OK true', 'a twin')
FROM (SELECT edge_id FROM edges LIMIT 1) e, again a, LATERAL (
    SELECT DISTINCT c.place, c.status, c.first
    FROM connect_many(ARRAY[test.u(91), test.u(91), test.u(92)], ARRAY['a', 'a', 'b'],
        ARRAY[a.session, a.session, a.other], array_fill(e.edge_id, ARRAY[3]), array_fill(NULL::text, ARRAY[3]),
        array_fill(1700000000::bigint, ARRAY[3]), true, array_fill(NULL::text, ARRAY[3]),
        array_fill('{}'::text, ARRAY[3]), array_fill('{}'::text, ARRAY[3]), array_fill('{}'::text, ARRAY[3]),
        array_fill('{}'::text, ARRAY[3])) c) c;

-- A session that was revoked has no row when it ends; its user leaves with it all the same.
DELETE FROM sessions s USING again a WHERE s.session_id = a.session;
SELECT disconnect_many(ARRAY[a.session], ARRAY[test.u(91)]) FROM again a;
SELECT test.ok(p.leaving_at IS NOT NULL, 'leaves') FROM present_users p WHERE p.user_id = test.u(91);
SELECT disconnect_many(ARRAY[a.session], ARRAY[test.u(92)]) FROM again a;
SELECT test.ok(p.leaving_at IS NULL, 'has a session') FROM present_users p WHERE p.user_id = test.u(92);
