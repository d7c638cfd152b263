-- Who is there, and as what he wants to be seen.
-- migrate:up

-- A session of the user began: true if nobody knew that the user is there. The row decides
-- when several sessions begin and end at once.
CREATE FUNCTION user_came(p_user uuid) RETURNS boolean LANGUAGE sql VOLATILE AS $$
    INSERT INTO present_users AS p (user_id) VALUES (p_user)
    ON CONFLICT (user_id) DO UPDATE SET leaving_at = NULL
    RETURNING p.xmax = 0
$$;

-- Sessions of these users ended: who has none left is gone after the grace.
CREATE FUNCTION users_left(p_users uuid[], p_grace interval) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    UPDATE present_users p SET leaving_at = now() + p_grace
    WHERE p.user_id = ANY (p_users) AND (p.leaving_at IS NULL OR p.leaving_at <= now())
      AND NOT EXISTS (SELECT FROM sessions s WHERE s.user_id = p.user_id OFFSET 0);
END $$;

-- The streams on which it is told that somebody comes or goes: those of his communities and
-- direct rooms. In a community of more than 1,000 members presence is asked for, not told:
-- n people who come would be n * n events.
CREATE FUNCTION contact_streams(p_user uuid) RETURNS text[] LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN ARRAY(
        SELECT 'community:' || m.community_id FROM community_members m
        WHERE m.user_id = p_user
          AND NOT EXISTS (SELECT FROM communities c WHERE c.id = m.community_id AND c.crowd
                          OFFSET 0)
        UNION ALL
        SELECT 'room:' || r.id
        FROM room_members rm,
             LATERAL (SELECT * FROM rooms r WHERE r.id = rm.room_id OFFSET 0) r
        WHERE rm.user_id = p_user AND r.community_id IS NULL AND r.deleted_at IS NULL
        LIMIT 1000);
END $$;

-- Sessions of one user begin and end one after the other. Who holds it holds rows of this
-- user alone, so nobody waits in a circle; leases, which touch many users, are kept out of
-- batches by the sessions lock.
CREATE FUNCTION presence_lock(p_user uuid) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT uuid_hash_extended(p_user, 4)
$$;

-- Ends the graces that are over: USER rows of who is gone.
CREATE FUNCTION expire_presence()
RETURNS TABLE (what text, room_id uuid, user_id uuid, username text, present boolean)
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM present_users p WHERE p.leaving_at <= now()) THEN
        RETURN;
    END IF;
    PERFORM sessions_lock();
    RETURN QUERY
    WITH gone AS (
        DELETE FROM present_users p
        WHERE p.leaving_at <= now()
          AND NOT EXISTS (SELECT FROM sessions s WHERE s.user_id = p.user_id OFFSET 0)
        RETURNING p.user_id)
    SELECT 'USER', NULL::uuid, g.user_id, name_of(g.user_id), false
    FROM gone g;
END $$;

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
    are_contacts(uuid, uuid), event_set_presence(admission, text, text),
    expire_presence(), presence_lock(uuid), contact_streams(uuid),
    users_left(uuid[], interval), user_came(uuid);
