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

-- Writes a message and its event under the room's next number, which the caller holds the
-- counter of; returns the event's nine texts. Does what next_slot() and append() do without
-- calling them: a call has to pack and unpack rows, and this is the hot path.
CREATE FUNCTION post_message(p_user uuid, p_username text, p_room uuid, p_access_seq bigint,
                             p_content text, p_reply_to uuid, p_client_id uuid)
RETURNS text[] LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_id uuid := uuid_v7();
    v_at text := rfc3339(now());
    v_seq bigint;
    v_tag int;
    v_prev_tag int;
    v_payload text;
BEGIN
    UPDATE streams s
    SET last_seq = last_seq + 1, prev_tag = last_tag, last_tag = new_tag()
    WHERE s.kind = 3 AND s.id = p_room
    RETURNING s.last_seq, s.last_tag, s.prev_tag INTO v_seq, v_tag, v_prev_tag;
    INSERT INTO messages (id, room_id, seq, author_id, author_name, content, reply_to_id,
                          client_id, created_at)
    VALUES (v_id, p_room, v_seq, p_user, p_username, p_content, p_reply_to, p_client_id,
            now());
    v_payload := concat('{"message":{"id":"', v_id, '","roomId":"', p_room,
        '","authorId":"', p_user, '","authorName":', to_json(p_username),
        ',"content":', to_json(p_content), ',"clientId":"' || p_client_id || '"', ',"seq":', v_seq,
        ',"createdAt":"', v_at, '"', ',"replyToId":"' || p_reply_to || '"', '}}');
    INSERT INTO events (kind, id, seq, tag, prev_tag, after, at, event, payload)
    VALUES (3, p_room, v_seq, v_tag, v_prev_tag, p_access_seq, now(), 'MESSAGE_CREATED',
            v_payload::json);
    RETURN ARRAY['room:' || p_room, v_seq::text, v_tag::text, v_prev_tag::text,
                 p_access_seq::text, 'MESSAGE_CREATED', v_at, v_payload, ''];
END $$;

CREATE FUNCTION event_send_message(a admission, p_content text, p_reply_to uuid,
                                   p_client_id uuid DEFAULT NULL)
RETURNS outcome LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    IF a.user_id IS NULL THEN
        RETURN refuse('PERMISSION_DENIED', 'A message needs a user as its author');
    ELSIF p_reply_to IS NOT NULL AND NOT EXISTS (
              SELECT FROM messages m WHERE m.id = p_reply_to AND m.room_id = a.room_id
                                       AND m.deleted_at IS NULL) THEN
        RETURN refuse('NOT_FOUND', 'Message not found');
    END IF;
    RETURN done(NULL, post_message(a.user_id, a.username, a.room_id, a.access_seq, p_content,
                                   p_reply_to, p_client_id));
END $$;

-- The shortcut (docs/decisions/0004-shortcut.md): decides only the plain case, a user in a
-- batch who may and whose key is new; in the order of admit(), with the same locks and the
-- same room_rights(). It says neither no nor what an earlier answer was: for both, and for
-- all that is rare, the whole path runs, which finds the locks its own already.
CREATE FUNCTION run_send_message(p_mode int, p_user uuid, p_session uuid, p_token text,
                                 p_iat bigint, p_service boolean, p_key uuid, p_event text,
                                 p_hash bytea, p_right text, p_actions bigint, p_type int,
                                 p_resource uuid, p_lock int, p_trace text,
                                 p_service_rights bigint, p_content text, p_reply_to uuid,
                                 p_client_id uuid DEFAULT NULL)
RETURNS outcome LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    a admission;
    v_community uuid;
    v_scope uuid;
    v_answered boolean;
    v_username text;
    v_access_seq bigint;
    v_emitted text[];
BEGIN
    -- the contract's words that this relies on, too
    IF p_mode = 1 AND p_user IS NOT NULL AND NOT p_service AND p_reply_to IS NULL
       AND p_right = 'actions' AND p_type = 3 AND p_lock = 0 THEN
        IF NOT pg_try_advisory_xact_lock(key_lock(p_user, p_key)) THEN
            RETURN refuse('BUSY');
        END IF;
        SELECT r.community_id, r.scope_id,
               EXISTS (SELECT FROM answers t WHERE t.user_id = p_user AND t.key = p_key)
        INTO v_community, v_scope, v_answered
        FROM rooms r WHERE r.id = p_resource;
        IF NOT v_answered THEN
            IF NOT (pg_try_advisory_xact_lock_shared(user_lock(p_user))
                    AND pg_try_advisory_xact_lock_shared(scope_lock(v_scope))
                    AND pg_try_advisory_xact_lock(counter_lock(3::smallint, p_resource))) THEN
                RETURN refuse('BUSY');
            END IF;
            SELECT u.username INTO v_username FROM users u
            WHERE u.id = p_user AND u.deleted_at IS NULL AND u.min_iat <= p_iat
              AND NOT u.has_revocations;
            IF FOUND AND room_rights(p_user, v_community, p_resource) & p_actions = p_actions
            THEN
                SELECT s.last_seq INTO v_access_seq
                FROM streams s WHERE s.kind = 5 AND s.id = v_scope;
                v_emitted := post_message(p_user, v_username, p_resource, v_access_seq,
                                          p_content, NULL, p_client_id);
                INSERT INTO answers (user_id, key, event, hash, status, kind, id, seq)
                VALUES (p_user, p_key, p_event, p_hash, 'OK', 3, p_resource,
                        v_emitted[2]::bigint);
                RETURN ROW('OK', NULL, NULL,
                           reply_of_event(v_emitted[8], v_emitted[2]::bigint), NULL,
                           v_emitted)::outcome;
            END IF;
        END IF;
    END IF;
    a := admit(p_mode, p_user, p_session, p_token, p_iat, p_service, p_key, p_event, p_hash,
               p_right, p_actions, p_type, p_resource, p_lock, p_trace, p_service_rights);
    RETURN complete(a, CASE WHEN a.status IS NULL
                            THEN event_send_message(a, p_content, p_reply_to, p_client_id)
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
    run_send_message(int, uuid, uuid, text, bigint, boolean, uuid, text, bytea, text, bigint,
                     int, uuid, int, text, bigint, text, uuid, uuid),
    event_send_message(admission, text, uuid, uuid),
    post_message(uuid, text, uuid, bigint, text, uuid, uuid), message_json(messages);
