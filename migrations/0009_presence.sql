-- Who is there, and as what he wants to be seen.
-- migrate:up

CREATE FUNCTION event_set_presence(a admission, p_status text, p_text text) RETURNS outcome
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    UPDATE users u SET presence = p_status, presence_text = p_text
    WHERE u.id = a.user_id
      AND (u.presence, u.presence_text) IS DISTINCT FROM (p_status, p_text);
    RETURN done('{}');
END $$;

-- Who shares a community or a room's membership with whom.
CREATE FUNCTION are_contacts(p_user uuid, p_other uuid) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT p_user = p_other
        OR EXISTS (SELECT FROM community_members x
                   JOIN community_members y ON y.community_id = x.community_id
                   WHERE x.user_id = p_user AND y.user_id = p_other)
        OR EXISTS (SELECT FROM room_members x JOIN room_members y ON y.room_id = x.room_id
                   WHERE x.user_id = p_user AND y.user_id = p_other)
$$;

-- Strangers, the invisible and those who do not exist look the same: offline. A user is
-- idle when all his sessions are.
CREATE FUNCTION presence_of(p_asker uuid, p_user uuid)
RETURNS TABLE (status text, "text" text) LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN seen.sessions = 0 THEN 'OFFLINE'
                WHEN u.presence = 'ONLINE' AND seen.idle THEN 'IDLE'
                ELSE u.presence END,
           u.presence_text
    FROM users u,
         LATERAL (SELECT count(*) AS sessions, bool_and(s.idle) AS idle
                  FROM sessions s WHERE s.user_id = u.id) seen
    WHERE u.id = p_user AND u.deleted_at IS NULL AND u.presence <> 'INVISIBLE'
      AND are_contacts(p_asker, p_user)
$$;

CREATE FUNCTION event_get_presence(a admission, p_users uuid[]) RETURNS outcome
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN done((
        SELECT json_build_object('users', json_agg(json_strip_nulls(json_build_object(
                   'userId', asked.id, 'status', coalesce(p.status, 'OFFLINE'),
                   'text', p.text)) ORDER BY asked.place))
        FROM unnest(p_users) WITH ORDINALITY AS asked(id, place)
        LEFT JOIN LATERAL (SELECT * FROM presence_of(a.user_id, asked.id) OFFSET 0) p
               ON true)::text);
END $$;

-- migrate:down
DROP FUNCTION event_get_presence(admission, uuid[]), presence_of(uuid, uuid),
    are_contacts(uuid, uuid), event_set_presence(admission, text, text);
