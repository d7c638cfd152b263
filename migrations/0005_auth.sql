-- Sessions of a user.
-- migrate:up

CREATE FUNCTION event_list_sessions(a admission) RETURNS outcome LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN done((
        SELECT json_build_object('sessions', coalesce(json_agg(json_strip_nulls(
                   json_build_object('id', s.session_id, 'label', s.label,
                                     'createdAt', rfc3339(s.connected_at),
                                     'current', s.session_id IS NOT DISTINCT FROM a.session_id))
                   ORDER BY s.connected_at, s.session_id), '[]'))
        FROM sessions s WHERE s.user_id = a.user_id)::text);
END $$;

-- One of the caller's own sessions ends and does not come back. A token outlives its
-- session, so a token with an id of its own is revoked with it.
CREATE FUNCTION event_revoke_session(a admission, p_session uuid) RETURNS outcome
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_session sessions;
    v_slot slot;
BEGIN
    SELECT * INTO v_session FROM sessions s
    WHERE s.session_id = p_session AND s.user_id = a.user_id;
    IF NOT FOUND THEN
        RETURN refuse('NOT_FOUND', 'Session not found');
    END IF;
    INSERT INTO revocations (user_id, session_id, token_id, until)
    VALUES (a.user_id, p_session,
            -- a token that other sessions use, too, is not taken from them
            CASE WHEN NOT EXISTS (SELECT FROM sessions o
                                  WHERE o.user_id = a.user_id AND o.session_id <> p_session
                                    AND o.token_id = v_session.token_id)
                 THEN v_session.token_id END,
            now() + interval '30 days');
    UPDATE users SET has_revocations = true WHERE id = a.user_id AND NOT has_revocations;
    DELETE FROM sessions s WHERE s.session_id = p_session;
    v_slot := next_slot(4, a.user_id);
    RETURN done('{"sessionId":"' || p_session || '"}',
                append(a, v_slot, 'SESSION_REVOKED',
                       '{"sessionId":"' || p_session || '","reason":"revoked by the user"}',
                       '{"endSessions":["' || p_session || '"]}'));
END $$;

-- migrate:down
DROP FUNCTION event_revoke_session(admission, uuid), event_list_sessions(admission);
