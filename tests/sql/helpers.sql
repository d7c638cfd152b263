-- What the SQL tests share: assertions, people and rooms to act on, and run(), which
-- composes an event's statement as a core does.
CREATE EXTENSION IF NOT EXISTS dblink;
CREATE SCHEMA test;

CREATE FUNCTION test.ok(p_true boolean, p_what text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF p_true IS NOT TRUE THEN
        RAISE EXCEPTION 'not so: %', p_what;
    END IF;
END $$;

CREATE FUNCTION test.equal(p_is text, p_wanted text, p_what text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF p_is IS DISTINCT FROM p_wanted THEN
        RAISE EXCEPTION '%: is "%", should be "%"', p_what, p_is, p_wanted;
    END IF;
END $$;

-- The columns of the contract that SQL sees. Locks: 0 shared, 1 revokes, 2 revokes user.
CREATE TABLE test.events (name text PRIMARY KEY, read boolean, right_kind text,
                          actions bigint, type int, lock int,
                          form text DEFAULT 'whole'); -- in a batch: whole, many, lone
INSERT INTO test.events VALUES
    ('LIST_SESSIONS', true, 'self', 0, 0, 0),
    ('REVOKE_SESSION', false, 'self', 0, 0, 2),
    ('CREATE_COMMUNITY', false, 'actions', mask('CREATE_COMMUNITY'), 1, 0),
    ('JOIN_COMMUNITY', false, 'self', 0, 2, 0),
    ('LEAVE_COMMUNITY', false, 'self', 0, 2, 1),
    ('KICK_MEMBER', false, 'actions', mask('KICK_MEMBER'), 2, 1),
    ('LIST_COMMUNITIES', true, 'self', 0, 0, 0),
    ('CREATE_ROOM', false, 'actions', mask('CREATE_ROOM'), 2, 0),
    ('LIST_ROOMS', true, 'actions', mask('VIEW_COMMUNITY'), 2, 0),
    ('JOIN_ROOM', true, 'actions', mask('VIEW_ROOM'), 3, 0),
    ('JOIN_ALL_ROOMS', true, 'self', 0, 0, 0),
    ('ADD_ROOM_MEMBER', false, 'actions', mask('MANAGE_ROOM_MEMBERS'), 3, 0),
    ('REMOVE_ROOM_MEMBER', false, 'actions', mask('VIEW_ROOM'), 3, 1),
    ('SET_ROOM_OVERRIDE', false, 'actions', mask('MANAGE_ROOM'), 3, 1),
    ('SEND_MESSAGE', false, 'actions', mask('SEND_MESSAGE'), 3, 0),
    ('EDIT_MESSAGE', false, 'actions', mask('EDIT_OWN_MESSAGE'), 4, 0),
    ('DELETE_MESSAGE', false, 'actions', mask('VIEW_ROOM'), 4, 0),
    ('GET_HISTORY', true, 'actions', mask('VIEW_ROOM', 'READ_HISTORY'), 3, 0),
    ('SET_PRESENCE', false, 'self', 0, 0, 0),
    ('GET_PRESENCE', true, 'public', 0, 0, 0);
UPDATE test.events SET form = 'many' WHERE name = 'SEND_MESSAGE';

-- The statement of one call. p_args: SQL of the arguments behind the admission.
CREATE FUNCTION test.statement(p_user uuid, p_event text, p_resource uuid, p_args text,
                               p_key uuid, p_mode int, p_session uuid, p_iat bigint,
                               p_service boolean, p_service_rights bigint)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    e test.events;
BEGIN
    SELECT * INTO STRICT e FROM test.events WHERE name = p_event;
    IF e.form = 'many' AND p_mode = 1 THEN
        RETURN format('SELECT o.status, o.message, o.details, coalesce(o.reply,'
                      ' reply_of_event(o.emitted[8], o.emitted[2]::bigint)), o.control, o.emitted'
                      ' FROM (VALUES (%s)) AS v(content, reply_to), run_%s(1, ARRAY[%L::uuid],'
                      ' ARRAY[%L::uuid], ARRAY[%L], ARRAY[%s::bigint], ARRAY[%L::boolean],'
                      ' ARRAY[%L::uuid], %L, ARRAY[%L::bytea], %L, %s, %s, ARRAY[%L::uuid], %s,'
                      ' ARRAY[NULL], ARRAY[%s::bigint], ARRAY[v.content],'
                      ' ARRAY[v.reply_to::uuid], ARRAY[NULL::uuid], ARRAY[gen_random_uuid()]) o',
            p_args, lower(p_event), p_user, p_session, 'token-' || p_user, p_iat, p_service,
            p_key, p_event,
            decode(md5(p_event || coalesce(p_resource::text, '') || p_args), 'hex'),
            e.right_kind, e.actions, e.type, p_resource, e.lock, p_service_rights);
    ELSIF e.form = 'lone' AND p_mode = 1 THEN
        RETURN format('SELECT o.status, o.message, o.details, coalesce(o.reply,'
                      ' reply_of_event(o.emitted[8], o.emitted[2]::bigint)), o.control, o.emitted'
                      ' FROM (VALUES (%s)) AS v(content, reply_to), lone_%s(1, %L, %L, %L, %s, %L,'
                      ' %L, %L, %L, %L, %s, %s, %L, %s, NULL, %s, v.content, v.reply_to::uuid,'
                      ' NULL, gen_random_uuid()) o',
            p_args, lower(p_event), p_user, p_session, 'token-' || p_user, p_iat, p_service,
            p_key, p_event,
            decode(md5(p_event || coalesce(p_resource::text, '') || p_args), 'hex'),
            e.right_kind, e.actions, e.type, p_resource, e.lock, p_service_rights);
    END IF;
    RETURN format(
        'SELECT o.* FROM %s(%s, %L, %L, %L, %s, %L, %L, %L, %L, %L, %s, %s, %L, %s, NULL, %s) a,'
        ' %s(a, CASE WHEN a.status IS NULL THEN event_%s(a%s) END) o',
        CASE WHEN e.read THEN 'admit_read' ELSE 'admit' END,
        p_mode, p_user, p_session, 'token-' || p_user, p_iat, p_service, p_key, p_event,
        decode(md5(p_event || coalesce(p_resource::text, '') || p_args), 'hex'),
        e.right_kind, e.actions, e.type, p_resource, e.lock, p_service_rights,
        CASE WHEN e.read THEN 'complete_read' ELSE 'complete' END, lower(p_event),
        CASE WHEN p_args = '' THEN '' ELSE ', ' || p_args END);
END $$;

CREATE FUNCTION test.run(p_user uuid, p_event text, p_resource uuid DEFAULT NULL,
                         p_args text DEFAULT '', p_key uuid DEFAULT gen_random_uuid(),
                         p_mode int DEFAULT 0, p_session uuid DEFAULT NULL,
                         p_iat bigint DEFAULT 1700000000, p_service boolean DEFAULT false,
                         p_service_rights bigint DEFAULT 0)
RETURNS outcome LANGUAGE plpgsql AS $$
DECLARE
    o outcome;
BEGIN
    EXECUTE test.statement(p_user, p_event, p_resource, p_args, p_key, p_mode, p_session,
                           p_iat, p_service, p_service_rights) INTO o;
    RETURN o;
END $$;

-- The reply of a call that must succeed.
CREATE FUNCTION test.reply(p_user uuid, p_event text, p_resource uuid DEFAULT NULL,
                           p_args text DEFAULT '')
RETURNS json LANGUAGE plpgsql AS $$
DECLARE
    o outcome := test.run(p_user, p_event, p_resource, p_args);
BEGIN
    PERFORM test.equal(o.status, 'OK', p_event || ' by ' || p_user
                       || coalesce(' (' || o.message || ')', ''));
    RETURN o.reply;
END $$;

CREATE FUNCTION test.refused(o outcome, p_status text, p_what text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM test.equal(o.status, p_status, p_what);
    PERFORM test.ok(o.emitted IS NULL, p_what || ': a refusal emits nothing');
END $$;

-- u(1), u(2) … are users; the first use makes them.
CREATE FUNCTION test.u(i int) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    v_id uuid := ('00000000-0000-4000-8000-' || lpad(to_hex(i), 12, '0'))::uuid;
BEGIN
    IF NOT EXISTS (SELECT FROM users WHERE id = v_id) THEN
        PERFORM make_user(v_id, 'user' || i);
    END IF;
    RETURN v_id;
END $$;

-- A public community of user 1 with the members given.
CREATE FUNCTION test.community(VARIADIC p_members int[]) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    v_id uuid := (test.reply(test.u(1), 'CREATE_COMMUNITY', NULL, '''Test'', true')
                  #>> '{community,id}')::uuid;
    i int;
BEGIN
    FOREACH i IN ARRAY p_members LOOP
        PERFORM test.reply(test.u(i), 'JOIN_COMMUNITY', v_id);
    END LOOP;
    RETURN v_id;
END $$;

CREATE FUNCTION test.room(p_community uuid, p_private boolean DEFAULT false) RETURNS uuid
LANGUAGE sql AS $$
    SELECT (test.reply(test.u(1), 'CREATE_ROOM', p_community, '''room'', ' || p_private)
            #>> '{room,id}')::uuid
$$;

CREATE FUNCTION test.send(p_user uuid, p_room uuid, p_text text DEFAULT 'hello') RETURNS uuid
LANGUAGE sql AS $$
    SELECT (test.reply(p_user, 'SEND_MESSAGE', p_room, quote_literal(p_text) || ', NULL')
            #>> '{message,id}')::uuid
$$;

-- Gives a member one more role, and takes it away.
CREATE FUNCTION test.grant_role(p_community uuid, p_user uuid, p_role text) RETURNS void
LANGUAGE sql AS $$
    UPDATE community_members m
    SET class_id = class_of_roles(p_community, (SELECT k.roles FROM access_classes k
                                                WHERE k.id = m.class_id)
                   || (SELECT r.id FROM roles r WHERE r.community_id = p_community
                                                  AND r.name = p_role))
    WHERE m.community_id = p_community AND m.user_id = p_user
$$;

CREATE FUNCTION test.head(p_kind int, p_id uuid) RETURNS bigint LANGUAGE sql AS $$
    SELECT last_seq FROM streams WHERE kind = p_kind AND id = p_id
$$;

-- A second session with its own transactions.
CREATE FUNCTION test.connect(p_name text) RETURNS void LANGUAGE sql AS $$
    SELECT dblink_connect(p_name, format('dbname=%s port=%s host=127.0.0.1 user=%s',
        current_database(), current_setting('port'), current_user))
$$;

-- Waits until a session that was sent something waits for a lock.
CREATE FUNCTION test.waits(p_name text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    v_pid int;
BEGIN
    SELECT pid INTO v_pid FROM test.pids WHERE name = p_name;
    FOR i IN 1..200 LOOP
        IF EXISTS (SELECT FROM pg_locks WHERE pid = v_pid AND NOT granted) THEN
            RETURN true;
        END IF;
        PERFORM pg_sleep(0.01);
    END LOOP;
    RETURN false;
END $$;
CREATE TABLE test.pids (name text PRIMARY KEY, pid int);
