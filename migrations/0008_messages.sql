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

-- The hot path. Does what next_slot() and append() do without calling them, which saves a
-- seventh of the whole event's cost: each call of a function has to pack and unpack rows.
-- complete() adds the answer, which points at the event.
CREATE FUNCTION event_send_message(a admission, p_content text, p_reply_to uuid,
                                   p_client_id uuid DEFAULT NULL)
RETURNS outcome LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_id uuid;
    v_seq bigint;
    v_tag int;
    v_prev_tag int;
    v_payload text;
BEGIN
    IF a.user_id IS NULL THEN
        RETURN refuse('PERMISSION_DENIED', 'A message needs a user as its author');
    ELSIF p_reply_to IS NOT NULL AND NOT EXISTS (
              SELECT FROM messages m WHERE m.id = p_reply_to AND m.room_id = a.room_id
                                       AND m.deleted_at IS NULL) THEN
        RETURN refuse('NOT_FOUND', 'Message not found');
    END IF;
    v_id := uuid_v7();
    -- admission holds the counter of the room
    UPDATE streams s
    SET last_seq = last_seq + 1, prev_tag = last_tag, last_tag = new_tag()
    WHERE s.kind = 3 AND s.id = a.room_id
    RETURNING s.last_seq, s.last_tag, s.prev_tag INTO v_seq, v_tag, v_prev_tag;
    INSERT INTO messages (id, room_id, seq, author_id, author_name, content, reply_to_id,
                          client_id, created_at)
    VALUES (v_id, a.room_id, v_seq, a.user_id, a.username, p_content, p_reply_to,
            p_client_id, a.at);
    v_payload := concat('{"message":{"id":"', v_id, '","roomId":"', a.room_id,
        '","authorId":"', a.user_id, '","authorName":', to_json(a.username),
        ',"content":', to_json(p_content), ',"clientId":"' || p_client_id || '"', ',"seq":', v_seq,
        ',"createdAt":"', a.at_text, '"', ',"replyToId":"' || p_reply_to || '"', '}}');
    INSERT INTO events (kind, id, seq, tag, prev_tag, after, at, event, payload)
    VALUES (3, a.room_id, v_seq, v_tag, v_prev_tag, a.access_seq, a.at, 'MESSAGE_CREATED',
            v_payload::json);
    RETURN done(NULL, ARRAY['room:' || a.room_id, v_seq::text, v_tag::text, v_prev_tag::text,
                            a.access_seq::text, 'MESSAGE_CREATED', a.at_text, v_payload, '']);
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
    event_send_message(admission, text, uuid, uuid), message_json(messages);
