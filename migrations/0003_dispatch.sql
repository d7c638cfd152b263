-- The one path of every event: admit, the event's own function, complete (docs/sql.md).
-- migrate:up

-- ---------------------------------------------------------------------- small helpers

-- UUID version 7 (RFC 9562 5.7): 48 bits of milliseconds, then random bits.
CREATE FUNCTION uuid_v7() RETURNS uuid LANGUAGE sql VOLATILE AS $$
    SELECT encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid()) PLACING
               substring(int8send((date_part('epoch', clock_timestamp()) * 1000)::bigint) FROM 3)
               FROM 1 FOR 6), 52, 1), 53, 1), 'hex')::uuid
$$;

-- RFC 3339 in UTC with milliseconds.
CREATE FUNCTION rfc3339(p_at timestamptz) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT to_char(p_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
$$;

-- The name of a stream, as clients and the bus write it.
CREATE FUNCTION stream_text(p_kind smallint, p_id uuid) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE p_kind WHEN 3 THEN 'room:' WHEN 1 THEN 'community:' WHEN 4 THEN 'user:'
                       WHEN 5 THEN 'access:' WHEN 2 THEN 'members:' END || p_id::text
$$;

-- And back: NULL for what is no such name.
CREATE FUNCTION stream_kind(p_stream text) RETURNS smallint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT array_position(ARRAY['community', 'members', 'room', 'user', 'access'],
                          split_part(p_stream, ':', 1))::smallint
$$;
CREATE FUNCTION stream_uuid(p_stream text) RETURNS uuid
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT split_part(p_stream, ':', 2)::uuid
$$;

-- What a client gives back to resume behind an event.
CREATE FUNCTION cursor_text(p_seq bigint, p_tag int) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT p_seq::text || '.' || lpad(to_hex(p_tag), 8, '0')
$$;

-- A random tag, never 0: two histories that gave the same seq differ in it.
CREATE FUNCTION new_tag() RETURNS int LANGUAGE sql VOLATILE AS $$
    SELECT 1 + (random() * 2147483646)::int
$$;

-- Keys of the advisory locks. The seeds keep the four kinds apart.
CREATE FUNCTION key_lock(p_user uuid, p_key uuid) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT uuid_hash_extended(p_key, uuid_hash_extended(p_user, 1))
$$;
CREATE FUNCTION user_lock(p_user uuid) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT uuid_hash_extended(p_user, 2)
$$;
CREATE FUNCTION scope_lock(p_scope uuid) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT uuid_hash_extended(p_scope, 3)
$$;
CREATE FUNCTION counter_lock(p_kind smallint, p_id uuid) RETURNS bigint
LANGUAGE sql IMMUTABLE AS $$
    SELECT uuid_hash_extended(p_id, 16 + p_kind)
$$;

-- ------------------------------------------------------------------------------ types

-- What admit decided, and what an event's function may rely on.
CREATE TYPE admission AS (
    status      text,        -- NULL: go on; else it is decided: refusal, stored answer, BUSY
    message     text,
    details     text,
    reply       text,
    control     text,
    store       boolean,     -- is this refusal to be stored?
    mode        int,         -- 0 alone, 1 in a batch
    user_id     uuid,
    username    text,
    session_id  uuid,
    key         uuid,
    event       text,
    hash        bytea,
    service     boolean,
    community_id uuid,
    room_id     uuid,
    message_id  uuid,
    scope_id    uuid,        -- access scope: the community, or the direct room itself
    own_kind    smallint,    -- the resource's own stream, whose counter is locked
    own_id      uuid,
    access_seq  bigint,      -- of the scope, read under its lock
    rights      bigint,      -- what the actor may do on the resource
    at          timestamptz,
    at_text     text
);

-- A number taken from a stream's counter.
CREATE TYPE slot AS (kind smallint, id uuid, seq bigint, tag int, prev_tag int);

-- What comes back to the core.
CREATE TYPE outcome AS (
    status   text,
    message  text,
    details  text,
    reply    text,
    control  text,
    emitted  text[]
);

-- ---------------------------------------------------------------- what handlers return

CREATE FUNCTION refuse(p_status text, p_message text DEFAULT NULL, p_details text DEFAULT NULL)
RETURNS outcome LANGUAGE sql IMMUTABLE AS $$
    SELECT ROW(p_status, p_message, p_details, NULL, NULL, NULL)::outcome
$$;

-- Done. p_reply NULL: the payload of the first emitted event (which is on the resource's
-- own stream) and its seq; the stored answer then points at the event.
CREATE FUNCTION done(p_reply text, p_emitted text[] DEFAULT NULL, p_control text DEFAULT NULL)
RETURNS outcome LANGUAGE sql IMMUTABLE AS $$
    SELECT ROW('OK', NULL, NULL, p_reply, p_control, p_emitted)::outcome
$$;

-- ---------------------------------------------------------------------------- counters

-- Waits until no other transaction holds the counter, and holds it then. Everybody who
-- takes numbers of a stream comes through this lock, or through its try in admit.
CREATE FUNCTION lock_stream(p_kind int, p_id uuid) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(counter_lock(p_kind::smallint, p_id));
END $$;

-- The next number of one stream; its `seq` is NULL when there is no such stream.
CREATE FUNCTION next_slot(p_kind int, p_id uuid) RETURNS slot LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_slot slot;
BEGIN
    -- held already if it is the resource's own
    IF NOT pg_try_advisory_xact_lock(counter_lock(p_kind::smallint, p_id)) THEN
        PERFORM pg_advisory_xact_lock(counter_lock(p_kind::smallint, p_id));
    END IF;
    UPDATE streams s
    SET last_seq = last_seq + 1, prev_tag = last_tag, last_tag = new_tag()
    WHERE s.kind = p_kind::smallint AND s.id = p_id
    RETURNING s.kind, s.id, s.last_seq, s.last_tag, s.prev_tag INTO v_slot;
    RETURN v_slot;
END $$;

-- One number of each of several streams, given in the order asked. Locks rooms first,
-- since admission holds a room's counter already, then by kind and id: everybody in the
-- same order, so that nobody waits in a circle.
CREATE FUNCTION next_slots(p_kinds int[], p_ids uuid[]) RETURNS slot[]
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_stream record;
    v_slots slot[];
BEGIN
    FOR v_stream IN SELECT k::smallint AS kind, i AS id FROM unnest(p_kinds, p_ids) AS s(k, i)
                    ORDER BY k <> 3, k, i LOOP
        PERFORM pg_advisory_xact_lock(counter_lock(v_stream.kind, v_stream.id));
    END LOOP;
    WITH asked AS (
        SELECT k::smallint AS kind, i AS id, place
        FROM unnest(p_kinds, p_ids) WITH ORDINALITY AS s(k, i, place)
    ), taken AS (
        UPDATE streams s
        SET last_seq = last_seq + 1, prev_tag = last_tag, last_tag = new_tag()
        FROM asked a WHERE s.kind = a.kind AND s.id = a.id
        RETURNING s.kind, s.id, s.last_seq, s.last_tag, s.prev_tag
    )
    SELECT array_agg((t.kind, t.id, t.last_seq, t.last_tag, t.prev_tag)::slot ORDER BY a.place)
    INTO v_slots
    FROM asked a JOIN taken t ON t.kind = a.kind AND t.id = a.id;
    RETURN v_slots;
END $$;

-- New streams at seq 0.
CREATE FUNCTION new_streams(p_kinds int[], p_ids uuid[]) RETURNS void LANGUAGE sql VOLATILE AS $$
    INSERT INTO streams (kind, id)
    SELECT k, i FROM unnest(p_kinds, p_ids) AS s(k, i)
    ON CONFLICT DO NOTHING
$$;

-- Writes an event under a number; returns its nine texts for `emitted`. p_event '': only
-- control, for edges. An edge delivers what is on a community, members or room stream
-- only when it has applied the access stream up to a.access_seq, so a revoking event sets
-- that to its own before it appends.
CREATE FUNCTION append(a admission, p_slot slot, p_event text, p_payload text,
                       p_control text DEFAULT NULL)
RETURNS text[] LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_after bigint := CASE WHEN p_slot.kind = 5 THEN 0 ELSE coalesce(a.access_seq, 0) END;
BEGIN
    IF a.mode = 1 AND (p_slot.kind <> a.own_kind OR p_slot.id <> a.own_id) THEN
        RAISE EXCEPTION 'event % touches % in a batch: its contract lacks many_streams',
            a.event, stream_text(p_slot.kind, p_slot.id);
    END IF;
    INSERT INTO events (kind, id, seq, tag, prev_tag, after, at, event, payload, control)
    VALUES (p_slot.kind, p_slot.id, p_slot.seq, p_slot.tag, p_slot.prev_tag, v_after, a.at,
            p_event, p_payload::json, p_control::json);
    RETURN ARRAY[stream_text(p_slot.kind, p_slot.id), p_slot.seq::text, p_slot.tag::text,
                 p_slot.prev_tag::text, v_after::text, p_event, a.at_text, p_payload,
                 coalesce(p_control, '')];
END $$;

-- --------------------------------------------------------------------------- admission

-- The actor and his right: the part that changes and reads share. Called after the locks;
-- sees everything that committed before it was called.
CREATE FUNCTION judge(INOUT a admission, p_token text, p_iat bigint, p_right text,
                      p_actions bigint, p_type int, p_service_rights bigint)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_deleted boolean;
    v_min_iat bigint;
    v_revocations boolean;
BEGIN
    a.store := true;
    IF a.user_id IS NOT NULL THEN
        SELECT u.username, u.deleted_at IS NOT NULL, u.min_iat, u.has_revocations
        INTO a.username, v_deleted, v_min_iat, v_revocations
        FROM users u WHERE u.id = a.user_id;
        IF v_deleted IS NULL THEN
            -- Nothing is known of him yet: the core makes him and asks again, so this is
            -- no answer to keep.
            a.status := 'UNAUTHENTICATED';
            a.message := 'Unknown user';
            a.details := '{"reason":"UNKNOWN_USER"}';
            a.store := false;
            RETURN;
        ELSIF v_deleted THEN
            a.status := 'UNAUTHENTICATED';
            a.message := 'This user was deleted';
            RETURN;
        ELSIF p_iat < v_min_iat OR v_revocations AND EXISTS (
                  SELECT FROM revocations r
                  WHERE r.user_id = a.user_id AND r.until > now()
                    AND (r.session_id = a.session_id OR r.token_id = p_token)) THEN
            a.status := 'UNAUTHENTICATED';
            a.message := 'This session was revoked';
            RETURN;
        END IF;
    ELSIF NOT a.service AND p_right <> 'public' THEN
        a.status := 'UNAUTHENTICATED';
        RETURN;
    END IF;

    -- NULL rights: there is nothing that the right could be on
    IF p_type >= 3 THEN
        a.rights := CASE WHEN a.room_id IS NULL THEN NULL
                         WHEN a.service THEN p_service_rights
                         ELSE room_rights(a.user_id, a.community_id, a.room_id) END;
    ELSIF p_type = 2 THEN
        a.rights := community_rights(a.user_id, a.community_id);
        IF a.service AND a.rights IS NOT NULL THEN
            a.rights := p_service_rights;
        END IF;
    ELSE
        a.rights := CASE WHEN a.service THEN p_service_rights
                         WHEN p_type = 1 THEN coalesce(instance_rights(a.user_id), 0)
                         ELSE 0 END;
    END IF;
    IF a.scope_id IS NOT NULL THEN
        SELECT s.last_seq INTO a.access_seq
        FROM streams s WHERE s.kind = 5 AND s.id = a.scope_id;
    END IF;

    -- "Not there" and "not yours to see" are the same answer.
    IF a.rights IS NULL OR p_right = 'actions' AND p_type >= 2 AND a.rights = 0 THEN
        a.status := 'NOT_FOUND';
        a.message := (ARRAY['Instance not found', 'Community not found', 'Room not found',
                            'Message not found'])[p_type];
    ELSIF p_right = 'actions' AND a.rights & p_actions <> p_actions THEN
        a.status := 'PERMISSION_DENIED';
        a.details := json_build_object(
            'missing', actions_of(p_actions & ~a.rights),
            'resource', (ARRAY['instance', 'community:', 'room:', 'room:'])[p_type]
                        || coalesce(a.room_id, a.community_id)::text)::text;
    END IF;
END $$;

-- For changes. Everything up to the stored answer's look-up comes before anything is
-- written, so that BUSY leaves nothing.
CREATE FUNCTION admit(p_mode int, p_user uuid, p_session uuid, p_token text, p_iat bigint,
                      p_service boolean, p_key uuid, p_event text, p_hash bytea,
                      p_right text, p_actions bigint, p_type int, p_resource uuid,
                      p_lock int, p_trace text, p_service_rights bigint)
RETURNS admission LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    a admission;
    v_actor uuid := coalesce(p_user, '00000000-0000-0000-0000-000000000000');
    v_answered uuid;
BEGIN
    a.mode := p_mode;
    a.user_id := p_user;
    a.session_id := p_session;
    a.key := p_key;
    a.event := p_event;
    a.hash := p_hash;
    a.service := p_service;
    a.store := false;

    -- the answer's key: a twin of this call waits here, or finds what this one did
    IF p_mode = 0 THEN
        PERFORM pg_advisory_xact_lock(key_lock(v_actor, p_key));
    ELSIF NOT pg_try_advisory_xact_lock(key_lock(v_actor, p_key)) THEN
        a.status := 'BUSY';
        RETURN a;
    END IF;

    -- an earlier answer
    SELECT t.key INTO v_answered FROM answers t WHERE t.user_id = v_actor AND t.key = p_key;
    IF v_answered IS NOT NULL THEN
        RETURN stored_answer(a, v_actor);
    END IF;

    -- what never changes about the resource
    IF p_type = 4 THEN
        a.message_id := p_resource;
        SELECT g.room_id INTO a.room_id FROM messages g WHERE g.id = p_resource;
    ELSIF p_type = 3 THEN
        a.room_id := p_resource;
    ELSIF p_type = 2 THEN
        a.community_id := p_resource;
        a.scope_id := p_resource;
    END IF;
    IF a.room_id IS NOT NULL THEN
        SELECT r.id, r.community_id, r.scope_id INTO a.room_id, a.community_id, a.scope_id
        FROM rooms r WHERE r.id = a.room_id;
    END IF;
    a.own_kind := CASE WHEN p_type >= 3 THEN 3 WHEN p_type = 2 THEN 1 ELSE 4 END;
    a.own_id := CASE WHEN p_type >= 3 THEN a.room_id WHEN p_type = 2 THEN p_resource
                     ELSE p_user END;

    -- user, scope, counter
    IF p_mode = 0 THEN
        PERFORM CASE WHEN p_lock = 2 THEN pg_advisory_xact_lock(user_lock(v_actor))
                     ELSE pg_advisory_xact_lock_shared(user_lock(v_actor)) END;
        IF a.scope_id IS NOT NULL THEN
            PERFORM CASE WHEN p_lock = 1 THEN pg_advisory_xact_lock(scope_lock(a.scope_id))
                         ELSE pg_advisory_xact_lock_shared(scope_lock(a.scope_id)) END;
            PERFORM pg_advisory_xact_lock(counter_lock(a.own_kind, a.own_id));
        END IF;
    ELSIF NOT (CASE WHEN p_lock = 2 THEN pg_try_advisory_xact_lock(user_lock(v_actor))
                    ELSE pg_try_advisory_xact_lock_shared(user_lock(v_actor)) END
               AND CASE WHEN a.scope_id IS NULL THEN true
                        WHEN p_lock = 1 THEN pg_try_advisory_xact_lock(scope_lock(a.scope_id))
                        ELSE pg_try_advisory_xact_lock_shared(scope_lock(a.scope_id)) END
               AND CASE WHEN a.own_id IS NULL THEN true
                        ELSE pg_try_advisory_xact_lock(counter_lock(a.own_kind, a.own_id))
                   END) THEN
        a.status := 'BUSY';
        RETURN a;
    END IF;

    a := judge(a, p_token, p_iat, p_right, p_actions, p_type, p_service_rights);
    a.at := now();
    a.at_text := rfc3339(now());
    RETURN a;
END $$;

-- The answer that this key got before.
CREATE FUNCTION stored_answer(a admission, p_actor uuid) RETURNS admission
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_answer answers;
BEGIN
    SELECT * INTO v_answer FROM answers t WHERE t.user_id = p_actor AND t.key = a.key;
    IF v_answer.event <> a.event OR v_answer.hash <> a.hash THEN
        a.status := 'CONFLICT';
        a.message := 'This clientId was used for something else';
        RETURN a;
    END IF;
    a.status := v_answer.status;
    a.message := v_answer.message;
    a.details := v_answer.details;
    a.control := v_answer.control;
    a.reply := v_answer.reply;
    IF v_answer.reply IS NULL AND v_answer.seq IS NOT NULL THEN
        SELECT reply_of_event(e.payload::text, e.seq) INTO a.reply FROM events e
        WHERE e.kind = v_answer.kind AND e.id = v_answer.id AND e.seq = v_answer.seq;
    END IF;
    RETURN a;
END $$;

-- An event's payload and its seq, as a reply.
CREATE FUNCTION reply_of_event(p_payload text, p_seq bigint) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT left(p_payload, -1) || ',"seq":' || p_seq::text || '}'
$$;

-- For reads: no lock and nothing stored, the calling statement's snapshot throughout.
CREATE FUNCTION admit_read(p_mode int, p_user uuid, p_session uuid, p_token text,
                           p_iat bigint, p_service boolean, p_key uuid, p_event text,
                           p_hash bytea, p_right text, p_actions bigint, p_type int,
                           p_resource uuid, p_lock int, p_trace text,
                           p_service_rights bigint)
RETURNS admission LANGUAGE plpgsql STABLE AS $$
DECLARE
    a admission;
BEGIN
    a.mode := p_mode;
    a.user_id := p_user;
    a.session_id := p_session;
    a.key := p_key;
    a.event := p_event;
    a.hash := p_hash;
    a.service := p_service;
    a.at := now();
    a.at_text := rfc3339(now());
    IF p_type = 4 THEN
        a.message_id := p_resource;
        SELECT g.room_id INTO a.room_id FROM messages g WHERE g.id = p_resource;
    ELSIF p_type = 3 THEN
        a.room_id := p_resource;
    ELSIF p_type = 2 THEN
        a.community_id := p_resource;
        a.scope_id := p_resource;
    END IF;
    IF a.room_id IS NOT NULL THEN
        SELECT r.id, r.community_id, r.scope_id INTO a.room_id, a.community_id, a.scope_id
        FROM rooms r WHERE r.id = a.room_id;
    END IF;
    RETURN judge(a, p_token, p_iat, p_right, p_actions, p_type, p_service_rights);
END $$;

-- -------------------------------------------------------------------------- completion

-- Stores the answer, refusals too, and gives the core what it needs.
CREATE FUNCTION complete(a admission, o outcome) RETURNS outcome
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_points_at_event boolean;
BEGIN
    IF a.status IS NOT NULL THEN
        o.status := a.status;
        o.message := a.message;
        o.details := a.details;
        o.reply := a.reply;
        o.control := a.control;
        o.emitted := NULL;
        IF NOT a.store THEN
            RETURN o;
        END IF;
    END IF;
    IF o.status = 'BUSY' THEN
        RETURN o;
    END IF;
    v_points_at_event := o.status = 'OK' AND o.reply IS NULL AND o.emitted IS NOT NULL;
    INSERT INTO answers (user_id, key, event, hash, status, message, details, reply, control,
                         kind, id, seq)
    VALUES (coalesce(a.user_id, '00000000-0000-0000-0000-000000000000'), a.key, a.event,
            a.hash, o.status, o.message, o.details, o.reply, o.control,
            CASE WHEN v_points_at_event THEN a.own_kind END,
            CASE WHEN v_points_at_event THEN a.own_id END,
            CASE WHEN v_points_at_event THEN o.emitted[2]::bigint END);
    IF v_points_at_event THEN
        o.reply := reply_of_event(o.emitted[8], o.emitted[2]::bigint);
    END IF;
    RETURN o;
END $$;

CREATE FUNCTION complete_read(a admission, o outcome) RETURNS outcome
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF a.status IS NOT NULL THEN
        RETURN ROW(a.status, a.message, a.details, NULL, NULL, NULL)::outcome;
    END IF;
    RETURN o;
END $$;

-- migrate:down
DROP FUNCTION complete_read(admission, outcome), complete(admission, outcome),
    admit_read(int, uuid, uuid, text, bigint, boolean, uuid, text, bytea, text, bigint, int,
               uuid, int, text, bigint),
    reply_of_event(text, bigint),
    stored_answer(admission, uuid),
    admit(int, uuid, uuid, text, bigint, boolean, uuid, text, bytea, text, bigint, int, uuid,
          int, text, bigint),
    judge(admission, text, bigint, text, bigint, int, bigint),
    append(admission, slot, text, text, text), new_streams(int[], uuid[]),
    next_slots(int[], uuid[]), next_slot(int, uuid), lock_stream(int, uuid),
    done(text, text[], text), refuse(text, text, text);
DROP TYPE outcome, slot, admission;
DROP FUNCTION counter_lock(smallint, uuid), scope_lock(uuid), user_lock(uuid),
    key_lock(uuid, uuid), new_tag(), cursor_text(bigint, int), stream_uuid(text),
    stream_kind(text), stream_text(smallint, uuid), rfc3339(timestamptz), uuid_v7();
