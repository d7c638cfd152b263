-- Messages of rooms.
-- migrate:up

-- A message as clients see it, from its row.
CREATE FUNCTION message_json(m messages) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT '{"id":"' || m.id || '","roomId":"' || m.room_id
        || '","authorId":"' || m.author_id || '","authorName":' || to_json(m.author_name)::text
        || ',"content":' || to_json(m.content)::text
        || CASE WHEN m.client_id IS NULL THEN '' ELSE ',"clientId":"' || m.client_id || '"' END
        || ',"seq":' || m.seq || ',"createdAt":"' || rfc3339(m.created_at) || '"'
        || CASE WHEN m.edited_at IS NULL THEN ''
                ELSE ',"editedAt":"' || rfc3339(m.edited_at) || '"' END
        || CASE WHEN m.deleted_at IS NULL THEN '' ELSE ',"deleted":true' END
        || CASE WHEN m.reply_to_id IS NULL THEN ''
                ELSE ',"replyToId":"' || m.reply_to_id || '"' END
        || '}'
$$;

-- The payload of MESSAGE_CREATED.
CREATE FUNCTION created_json(p_id uuid, p_room uuid, p_user uuid, p_username text,
                             p_content text, p_client_id uuid, p_seq bigint, p_at text,
                             p_reply_to uuid)
RETURNS text LANGUAGE sql STABLE AS $$
    SELECT concat('{"message":{"id":"', p_id, '","roomId":"', p_room, '","authorId":"', p_user,
        '","authorName":', to_json(p_username), ',"content":', to_json(p_content),
        ',"clientId":"' || p_client_id || '"', ',"seq":', p_seq, ',"createdAt":"', p_at, '"',
        ',"replyToId":"' || p_reply_to || '"', '}}')
$$;

CREATE FUNCTION event_send_message(a admission, p_content text, p_reply_to uuid,
                                   p_client_id uuid DEFAULT NULL, p_id uuid DEFAULT NULL)
RETURNS outcome LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_id uuid := coalesce(p_id, uuid_v7());
    v_slot slot;
BEGIN
    IF a.user_id IS NULL THEN
        RETURN refuse('PERMISSION_DENIED', 'A message needs a user as its author');
    ELSIF p_reply_to IS NOT NULL AND NOT EXISTS (
              SELECT FROM messages m WHERE m.id = p_reply_to AND m.room_id = a.room_id
                                       AND m.deleted_at IS NULL) THEN
        RETURN refuse('NOT_FOUND', 'Message not found');
    END IF;
    v_slot := next_slot(3, a.room_id);
    INSERT INTO messages (id, room_id, seq, author_id, author_name, content, reply_to_id,
                          client_id, created_at)
    VALUES (v_id, a.room_id, v_slot.seq, a.user_id, a.username, p_content, p_reply_to,
            p_client_id, a.at);
    RETURN done(NULL, append(a, v_slot, 'MESSAGE_CREATED', created_json(
        v_id, a.room_id, a.user_id, a.username, p_content, p_client_id, v_slot.seq, a.at_text,
        p_reply_to)));
END $$;

-- The shortcut (docs/decisions/0004-shortcut.md): many calls at once, the parameters of each
-- in arrays. Decides only the plain case, a user in a batch who may and whose key is new, with
-- the locks of admit() in its order and the same room_rights(). It says neither no nor what an
-- earlier answer was: for both, and for all that is rare, the whole path runs, which finds the
-- locks its own already.
CREATE FUNCTION run_send_message(p_mode int, p_users uuid[], p_sessions uuid[],
                                 p_tokens text[], p_iats bigint[], p_services boolean[],
                                 p_keys uuid[], p_event text, p_hashes bytea[], p_right text,
                                 p_actions bigint, p_type int, p_rooms uuid[], p_lock int,
                                 p_traces text[], p_service_rights bigint[],
                                 p_contents text[], p_reply_tos uuid[], p_client_ids uuid[],
                                 p_ids uuid[])
RETURNS TABLE (status text, message text, details text, reply text, control text,
               emitted text[], place int)
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    a admission;
    o outcome;
    -- the contract's words that this relies on, too
    v_plain boolean := p_mode = 1 AND p_right = 'actions' AND p_type = 3 AND p_lock = 0;
    v_rights bigint := p_actions | mask('VIEW_ROOM');
    v_communities uuid[];
    v_scopes uuid[];
    v_held boolean[]; -- its locks; NULL: the whole path asks for them
    v_done boolean[] := array_fill(false, ARRAY[cardinality(p_keys)]);
    v_at text := rfc3339(now());
BEGIN
    -- a statement of its own, so that the next sees everything that committed before
    SELECT array_agg(x.community_id), array_agg(x.scope_id), array_agg(x.held)
    INTO v_communities, v_scopes, v_held
    FROM (SELECT r.community_id, r.scope_id,
                 CASE WHEN v_plain AND NOT c.service AND c.reply_to IS NULL
                           AND c.user_id IS NOT NULL AND r.id IS NOT NULL
                           -- of twins the second comes for the answer of the first
                           AND row_number() OVER (PARTITION BY c.user_id, c.key
                                                  ORDER BY c.place) = 1
                      THEN pg_try_advisory_xact_lock(key_lock(c.user_id, c.key))
                           AND pg_try_advisory_xact_lock_shared(user_lock(c.user_id))
                           AND pg_try_advisory_xact_lock_shared(scope_lock(r.scope_id))
                           AND pg_try_advisory_xact_lock(counter_lock(3::smallint, c.room))
                 END AS held
          FROM unnest(p_users, p_services, p_keys, p_rooms, p_reply_tos) WITH ORDINALITY
               AS c(user_id, service, key, room, reply_to, place)
          LEFT JOIN rooms r ON r.id = c.room
          ORDER BY c.place) x;

    FOR status, emitted, place IN
        WITH plain AS (
            SELECT c.*, u.username, s.row, s.last_seq, s.last_tag, new_tag() AS tag,
                   coalesce((SELECT f.last_seq FROM streams f
                             WHERE f.kind = 5 AND f.id = c.scope), 0) AS after
            FROM unnest(p_users, p_iats, p_keys, p_hashes, p_rooms, p_contents, p_client_ids,
                        p_ids, v_communities, v_scopes, v_held) WITH ORDINALITY
                 AS c(user_id, iat, key, hash, room, content, client_id, id, community, scope,
                      held, place)
            -- each by its key, whatever the planner believes of a table that was empty
            CROSS JOIN LATERAL (SELECT x.username FROM users x
                                WHERE x.id = c.user_id AND x.deleted_at IS NULL
                                  AND x.min_iat <= c.iat AND NOT x.has_revocations
                                OFFSET 0) u
            CROSS JOIN LATERAL (SELECT x.ctid AS row, x.last_seq, x.last_tag FROM streams x
                                WHERE x.kind = 3 AND x.id = c.room OFFSET 0) s
            LEFT JOIN LATERAL plain_rights(c.user_id, c.community, c.room) p ON true
            WHERE c.held
              AND (SELECT t.key FROM answers t
                   WHERE t.user_id = c.user_id AND t.key = c.key) IS NULL
              AND (p.rights & v_rights = v_rights
                   OR room_rights(c.user_id, c.community, c.room) & p_actions = p_actions)
        ), numbered AS (
            SELECT p.*, p.last_seq + row_number() OVER w AS seq,
                   lag(p.tag, 1, p.last_tag) OVER w AS prev_tag,
                   lead(p.place) OVER w IS NULL AS newest
            FROM plain p WINDOW w AS (PARTITION BY p.room ORDER BY p.place)
        ), worded AS MATERIALIZED (
            SELECT n.*, created_json(n.id, n.room, n.user_id, n.username, n.content,
                                     n.client_id, n.seq, v_at, NULL) AS payload
            FROM numbered n
        ), counted AS (
            UPDATE streams s SET last_seq = w.seq, last_tag = w.tag, prev_tag = w.prev_tag
            -- the row is where it was: nobody else has the counter's lock
            FROM worded w WHERE w.newest AND s.ctid = w.row
        ), said AS (
            INSERT INTO messages (id, room_id, seq, author_id, author_name, content, client_id,
                                  created_at)
            SELECT w.id, w.room, w.seq, w.user_id, w.username, w.content, w.client_id, now()
            FROM worded w
        ), logged AS (
            INSERT INTO events (kind, id, seq, tag, prev_tag, after, at, event, payload)
            SELECT 3, w.room, w.seq, w.tag, w.prev_tag, w.after, now(), 'MESSAGE_CREATED',
                   w.payload::json
            FROM worded w
        ), answered AS (
            INSERT INTO answers (user_id, key, event, hash, status, kind, id, seq)
            SELECT w.user_id, w.key, p_event, w.hash, 'OK', 3, w.room, w.seq FROM worded w
        )
        SELECT 'OK',
               ARRAY['room:' || w.room, w.seq::text, w.tag::text, w.prev_tag::text,
                     w.after::text, 'MESSAGE_CREATED', v_at, w.payload, ''], w.place
        FROM worded w
    LOOP
        v_done[place] := true;
        RETURN NEXT;
    END LOOP;

    FOR i IN 1 .. cardinality(p_keys) LOOP
        CONTINUE WHEN v_done[i];
        IF NOT v_held[i] THEN
            o := refuse('BUSY');
        ELSE
            a := admit(p_mode, p_users[i], p_sessions[i], p_tokens[i], p_iats[i],
                       p_services[i], p_keys[i], p_event, p_hashes[i], p_right, p_actions,
                       p_type, p_rooms[i], p_lock, p_traces[i], p_service_rights[i]);
            o := complete(a, CASE WHEN a.status IS NULL
                                  THEN event_send_message(a, p_contents[i], p_reply_tos[i],
                                                          p_client_ids[i], p_ids[i])
                             END);
        END IF;
        RETURN QUERY SELECT o.*, i;
    END LOOP;
END $$;

-- The same for one call: few statements, since what a call by itself costs is starting them.
CREATE FUNCTION lone_send_message(p_mode int, p_user uuid, p_session uuid, p_token text,
                                  p_iat bigint, p_service boolean, p_key uuid, p_event text,
                                  p_hash bytea, p_right text, p_actions bigint, p_type int,
                                  p_room uuid, p_lock int, p_trace text,
                                  p_service_rights bigint, p_content text, p_reply_to uuid,
                                  p_client_id uuid, p_id uuid)
RETURNS outcome LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    a admission;
    v_rights bigint;
    v_community uuid;
    v_scope uuid;
    v_held boolean; -- its locks; NULL: the whole path asks for them
    v_username text;
    v_after bigint;
    v_slot slot;
    v_at text;
    v_payload text;
BEGIN
    IF p_mode = 1 AND p_right = 'actions' AND p_type = 3 AND p_lock = 0 AND NOT p_service
       AND p_reply_to IS NULL AND p_user IS NOT NULL THEN
        -- a statement of its own, so that the next sees everything that committed before
        SELECT r.community_id, r.scope_id,
               pg_try_advisory_xact_lock(key_lock(p_user, p_key))
               AND pg_try_advisory_xact_lock_shared(user_lock(p_user))
               AND pg_try_advisory_xact_lock_shared(scope_lock(r.scope_id))
               AND pg_try_advisory_xact_lock(counter_lock(3::smallint, p_room))
        INTO v_community, v_scope, v_held
        FROM rooms r WHERE r.id = p_room;
    END IF;
    IF NOT v_held THEN
        RETURN refuse('BUSY');
    ELSIF v_held THEN
        v_rights := p_actions | mask('VIEW_ROOM');
        -- each row by its whole key, whatever the planner believes of its table
        UPDATE streams s
        SET last_seq = s.last_seq + 1, prev_tag = s.last_tag, last_tag = new_tag()
        FROM users u CROSS JOIN streams f
             LEFT JOIN plain_rights(p_user, v_community, p_room) p ON true
        WHERE s.kind = 3 AND s.id = p_room
          AND u.id = p_user AND u.deleted_at IS NULL AND u.min_iat <= p_iat
          AND NOT u.has_revocations
          AND f.kind = 5 AND f.id = v_scope
          AND (SELECT t.key FROM answers t WHERE t.user_id = p_user AND t.key = p_key) IS NULL
          AND (p.rights & v_rights = v_rights
               OR room_rights(p_user, v_community, p_room) & p_actions = p_actions)
        RETURNING s.kind, s.id, s.last_seq, s.last_tag, s.prev_tag, u.username, f.last_seq,
                  rfc3339(now())
        INTO v_slot.kind, v_slot.id, v_slot.seq, v_slot.tag, v_slot.prev_tag, v_username,
             v_after, v_at;
        IF FOUND THEN
            v_payload := created_json(p_id, p_room, p_user, v_username, p_content,
                                      p_client_id, v_slot.seq, v_at, NULL);
            WITH said AS (
                INSERT INTO messages (id, room_id, seq, author_id, author_name, content,
                                      client_id, created_at)
                VALUES (p_id, p_room, v_slot.seq, p_user, v_username, p_content, p_client_id,
                        now())
            ), logged AS (
                INSERT INTO events (kind, id, seq, tag, prev_tag, after, at, event, payload)
                VALUES (3, p_room, v_slot.seq, v_slot.tag, v_slot.prev_tag, v_after, now(),
                        'MESSAGE_CREATED', v_payload::json)
            )
            INSERT INTO answers (user_id, key, event, hash, status, kind, id, seq)
            VALUES (p_user, p_key, p_event, p_hash, 'OK', 3, p_room, v_slot.seq);
            RETURN done(NULL, ARRAY['room:' || p_room, v_slot.seq::text, v_slot.tag::text,
                                    v_slot.prev_tag::text, v_after::text, 'MESSAGE_CREATED',
                                    v_at, v_payload, '']);
        END IF;
    END IF;
    a := admit(p_mode, p_user, p_session, p_token, p_iat, p_service, p_key, p_event, p_hash,
               p_right, p_actions, p_type, p_room, p_lock, p_trace, p_service_rights);
    RETURN complete(a, CASE WHEN a.status IS NULL
                            THEN event_send_message(a, p_content, p_reply_to, p_client_id, p_id)
                       END);
END $$;

CREATE FUNCTION event_edit_message(a admission, p_content text) RETURNS outcome
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_message messages;
    v_slot slot;
BEGIN
    SELECT * INTO v_message FROM messages m WHERE m.id = a.message_id;
    IF v_message.deleted_at IS NOT NULL THEN
        RETURN refuse('NOT_FOUND', 'Message not found');
    ELSIF v_message.author_id IS DISTINCT FROM a.user_id THEN
        RETURN refuse('PERMISSION_DENIED', 'Only its author may edit a message');
    ELSIF cardinality(v_message.seqs) >= 1000 THEN
        RETURN refuse('LIMIT_REACHED', 'A message can be edited 1,000 times');
    END IF;
    v_slot := next_slot(3, a.room_id);
    UPDATE messages m SET content = p_content, edited_at = a.at, seqs = m.seqs || v_slot.seq
    WHERE m.id = a.message_id RETURNING * INTO v_message;
    RETURN done(NULL, append(a, v_slot, 'MESSAGE_UPDATED',
                             '{"message":' || message_json(v_message) || '}'));
END $$;

-- Deletes one's own, or with DELETE_ANY_MESSAGE anybody's. The text goes from the row, from
-- the log and so from the stored answers; edges are told which numbers to blank.
CREATE FUNCTION event_delete_message(a admission, p_reason text) RETURNS outcome
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_message messages;
    v_seqs bigint[];
    v_slot slot;
BEGIN
    SELECT * INTO v_message FROM messages m WHERE m.id = a.message_id;
    IF v_message.deleted_at IS NOT NULL THEN
        RETURN refuse('NOT_FOUND', 'Message not found');
    ELSIF a.rights & mask('DELETE_ANY_MESSAGE') = 0
          AND (v_message.author_id IS DISTINCT FROM a.user_id
               OR a.rights & mask('DELETE_OWN_MESSAGE') = 0) THEN
        RETURN refuse('PERMISSION_DENIED');
    END IF;
    UPDATE messages m SET content = '', deleted_at = a.at
    WHERE m.id = a.message_id RETURNING * INTO v_message;
    v_seqs := v_message.seq || coalesce(v_message.seqs, '{}');
    UPDATE events e SET payload = ('{"message":' || message_json(v_message) || '}')::json
    WHERE e.kind = 3 AND e.id = a.room_id AND e.seq = ANY (v_seqs);
    v_slot := next_slot(3, a.room_id);
    RETURN done('{"seq":' || v_slot.seq || '}', append(a, v_slot, 'MESSAGE_DELETED',
        json_strip_nulls(json_build_object(
            'messageId', a.message_id, 'roomId', a.room_id,
            'deletedBy', coalesce(a.user_id, v_message.author_id),
            'reason', p_reason))::text,
        json_build_object('blanked', v_seqs)::text));
END $$;

-- A page in the order of seq: behind `after`, or before `before`, or the newest.
CREATE FUNCTION event_get_history(a admission, p_before bigint, p_after bigint, p_limit int)
RETURNS outcome LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_limit int := least(greatest(coalesce(p_limit, 50), 1), 100);
    v_messages text;
    v_count int;
BEGIN
    -- one more than asked tells whether there are more
    IF p_after IS NOT NULL THEN
        SELECT string_agg(p.json, ',' ORDER BY p.seq) FILTER (WHERE p.place <= v_limit),
               count(*)
        INTO v_messages, v_count
        FROM (SELECT message_json(m) AS json, m.seq, row_number() OVER (ORDER BY m.seq) AS place
              FROM (SELECT * FROM messages m
                    WHERE m.room_id = a.room_id AND m.seq > p_after
                    ORDER BY m.seq LIMIT v_limit + 1) m) p;
    ELSE
        SELECT string_agg(p.json, ',' ORDER BY p.seq) FILTER (WHERE p.place <= v_limit),
               count(*)
        INTO v_messages, v_count
        FROM (SELECT message_json(m) AS json, m.seq,
                     row_number() OVER (ORDER BY m.seq DESC) AS place
              FROM (SELECT * FROM messages m
                    WHERE m.room_id = a.room_id
                      AND m.seq < coalesce(p_before, 9223372036854775807)
                    ORDER BY m.seq DESC LIMIT v_limit + 1) m) p;
    END IF;
    RETURN done('{"messages":[' || coalesce(v_messages, '') || '],"hasMore":'
                || CASE WHEN v_count > v_limit THEN 'true' ELSE 'false' END || '}');
END $$;

-- migrate:down
DROP FUNCTION event_get_history(admission, bigint, bigint, int),
    event_delete_message(admission, text), event_edit_message(admission, text),
    lone_send_message(int, uuid, uuid, text, bigint, boolean, uuid, text, bytea, text, bigint,
                      int, uuid, int, text, bigint, text, uuid, uuid, uuid),
    run_send_message(int, uuid[], uuid[], text[], bigint[], boolean[], uuid[], text, bytea[],
                     text, bigint, int, uuid[], int, text[], bigint[], text[], uuid[], uuid[],
                     uuid[]),
    event_send_message(admission, text, uuid, uuid, uuid),
    created_json(uuid, uuid, uuid, text, text, uuid, bigint, text, uuid),
    message_json(messages);
