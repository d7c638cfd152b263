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
                  ' string_agg(c.stream, '','') FROM session_connect(%L, ''x'', %L, %L, NULL, 1, true,'
                  ' NULL, ''{}'', ''{}'', ''{}'', %s) c', p_user, p_session, p_edge, p_mode)
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
SELECT test.equal(connect_says(test.u(2), s1, a, 1), '1 BUSY', 'an edge never seen') FROM e;
SELECT test.equal(here(), '0 0 0 3', 'it left nothing');
SELECT test.equal(connect_says(test.u(2), s1, a, 0), '2 OK true', 'alone') FROM e;
SELECT test.equal(connect_says(gen_random_uuid(), s2, a, 1), '1 BUSY', 'a user never seen') FROM e;
SELECT test.equal(connect_says(test.u(3), s2, a, 1), '2 OK true', 'in a batch') FROM e;
SELECT test.equal(connect_says(test.u(3), s2, a, 1), '2 OK false', 'again') FROM e;
SELECT test.equal(here(), '2 2 1 3', 'the same rows');

-- somebody else holds what it needs
CREATE TABLE held AS
SELECT 'the user' AS what, format('SELECT pg_advisory_xact_lock(user_lock(%L))::text', test.u(3)) AS sql UNION ALL
SELECT 'another session of his', format('SELECT pg_advisory_xact_lock(presence_lock(%L))::text', test.u(3)) UNION ALL
SELECT 'a lease', 'SELECT occupancy_lock()::text';
DO $$
DECLARE
    h held;
BEGIN
    FOR h IN SELECT * FROM held LOOP
        PERFORM dblink_exec('other', 'BEGIN');
        PERFORM * FROM dblink('other', h.sql) AS t(x text);
        PERFORM test.equal(connect_says(test.u(3), gen_random_uuid(), a, 1), '1 BUSY', h.what) FROM e;
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
SELECT test.ok(NOT pg_try_advisory_xact_lock(4), 'leases are kept out');
SELECT dblink_exec('other', 'COMMIT');
SELECT test.ok(pg_try_advisory_xact_lock(4), 'until the commit');

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
