-- Rooms, their members and overrides, and listening to them.
-- migrate:up

CREATE FUNCTION room_json(r rooms) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT '{"id":"' || r.id
        || CASE WHEN r.community_id IS NULL THEN '"'
                ELSE '","communityId":"' || r.community_id || '"' END
        || ',"name":' || to_json(r.name)::text || ',"private":'
        || CASE WHEN r.private THEN 'true' ELSE 'false' END
        || ',"createdAt":"' || rfc3339(r.created_at) || '"}'
$$;

-- What an override may be about.
CREATE FUNCTION room_actions() RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT mask('VIEW_ROOM', 'MANAGE_ROOM', 'MANAGE_ROOM_MEMBERS', 'SEND_MESSAGE',
                'READ_HISTORY', 'ADD_REACTION', 'MENTION_EVERYONE', 'PIN_MESSAGE',
                'EDIT_OWN_MESSAGE', 'DELETE_OWN_MESSAGE', 'DELETE_ANY_MESSAGE')
$$;

-- The stream that hears of a room's life: the community's if all its members may know of
-- the room, else the room's own.
CREATE FUNCTION room_life_kind(p_room uuid) RETURNS int LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN r.private OR r.has_overrides AND EXISTS (
                         SELECT FROM room_overrides o
                         WHERE o.room_id = r.id AND o.deny & mask('VIEW_ROOM') <> 0)
                THEN 3 ELSE 1 END
    FROM rooms r WHERE r.id = p_room
$$;

-- All rooms that a user may see: of one community, or (NULL) of all, direct rooms too.
-- Candidates come by index, so that thousands of private rooms of others cost nothing.
CREATE FUNCTION visible_rooms(p_user uuid, p_community uuid)
RETURNS TABLE (room_id uuid, scope_id uuid)
LANGUAGE sql STABLE AS $$
    SELECT c.id, c.scope_id
    FROM (SELECT r.id, r.community_id, r.scope_id
          FROM community_members m,
               LATERAL (SELECT * FROM rooms r
                        WHERE r.community_id = m.community_id AND r.deleted_at IS NULL
                          AND (NOT r.private OR r.has_overrides) OFFSET 0) r
          WHERE m.user_id = p_user AND (p_community IS NULL OR m.community_id = p_community)
          UNION
          SELECT r.id, r.community_id, r.scope_id
          FROM room_members rm,
               LATERAL (SELECT * FROM rooms r WHERE r.id = rm.room_id OFFSET 0) r
          WHERE rm.user_id = p_user AND (p_community IS NULL OR r.community_id = p_community)
          UNION
          SELECT r.id, r.community_id, r.scope_id
          FROM community_members m,
               LATERAL (SELECT k.grants FROM access_classes k
                        WHERE k.id = m.class_id OFFSET 0) k,
               LATERAL (SELECT * FROM rooms r
                        WHERE r.community_id = m.community_id AND r.deleted_at IS NULL
                          AND (m.owner OR k.grants & mask('MANAGE_ROOM') <> 0) OFFSET 0) r
          WHERE m.user_id = p_user AND (p_community IS NULL OR m.community_id = p_community)) c
    WHERE room_rights(p_user, c.community_id, c.id) <> 0
$$;

CREATE FUNCTION event_create_room(a admission, p_name text, p_private boolean)
RETURNS outcome LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_room rooms;
    v_payload text;
    v_slots slot[];
BEGIN
    INSERT INTO rooms (id, community_id, scope_id, name, private, created_by)
    VALUES (uuid_v7(), a.community_id, a.community_id, p_name, coalesce(p_private, false),
            a.user_id)
    RETURNING * INTO v_room;
    PERFORM new_streams(ARRAY[3], ARRAY[v_room.id]);
    v_payload := '{"room":' || room_json(v_room) || '}';
    IF NOT v_room.private THEN
        RETURN done(v_payload, append(a, next_slot(1, a.community_id), 'ROOM_CREATED',
                                      v_payload, json_build_object(
                                          'gained', gained_json(a.community_id, v_room.id))::text));
    ELSIF a.user_id IS NULL THEN
        RETURN done(v_payload, append(a, next_slot(3, v_room.id), 'ROOM_CREATED', v_payload));
    END IF;
    INSERT INTO room_members (room_id, user_id, added_by)
    VALUES (v_room.id, a.user_id, a.user_id);
    v_slots := next_slots(ARRAY[3, 4], ARRAY[v_room.id, a.user_id]);
    RETURN done(v_payload,
                append(a, v_slots[1], 'ROOM_CREATED', v_payload)
                || append(a, v_slots[2], 'ACCESS_CHANGED',
                          access_changed(a.community_id, v_room.id, true, 'created'),
                          json_build_object('open', json_build_array(
                              open_json(3, v_room.id, v_room.scope_id, a.username)))::text));
END $$;

CREATE FUNCTION event_list_rooms(a admission) RETURNS outcome LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN done('{"rooms":['
        || coalesce((SELECT string_agg(room_json(r::rooms), ',' ORDER BY r.position, r.id)
                     FROM visible_rooms(a.user_id, a.community_id) v
                     CROSS JOIN LATERAL (SELECT * FROM rooms r
                                         WHERE r.id = v.room_id OFFSET 0) r), '') || ']}');
END $$;

-- What JOIN_ROOM answers, and what the edge opens. p_count NULL: not a private room.
CREATE FUNCTION joined_json(r rooms, p_count bigint, p_seq bigint, p_tag int) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT concat('{"room":', room_json(r), ',"memberCount":' || p_count, ',"seq":', p_seq,
                  ',"cursor":"', cursor_text(p_seq, p_tag), '"}')
$$;
CREATE FUNCTION joined_open(p_room uuid, p_scope uuid, p_seq bigint, p_tag int,
                            p_access_seq bigint) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT '{"open":[{"stream":"room:' || p_room || '","seq":' || p_seq || ',"tag":' || p_tag
        || ',"access":"access:' || p_scope || '","accessSeq":' || p_access_seq || '}]}'
$$;

-- Opens the session's subscription: head, access seq and right are of one snapshot.
CREATE FUNCTION event_join_room(a admission) RETURNS outcome LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_room rooms;
    v_stream streams;
    v_count bigint;
BEGIN
    SELECT * INTO v_room FROM rooms r WHERE r.id = a.room_id;
    SELECT * INTO v_stream FROM streams s WHERE s.kind = 3 AND s.id = a.room_id;
    IF v_room.private THEN
        SELECT count(*) INTO v_count FROM room_members rm WHERE rm.room_id = a.room_id;
    END IF;
    RETURN done(joined_json(v_room, v_count, v_stream.last_seq, v_stream.last_tag), NULL,
                joined_open(a.room_id, a.scope_id, v_stream.last_seq, v_stream.last_tag,
                            a.access_seq));
END $$;

-- The shortcut (docs/decisions/0004-shortcut.md): many calls at once, the parameters of each
-- in arrays. Decides only the plain case: a member who is no owner and may, by his roles
-- alone, where room_rights() would say so, too. All else goes the whole way.
CREATE FUNCTION run_join_room(p_mode int, p_users uuid[], p_sessions uuid[], p_tokens text[],
                              p_iats bigint[], p_services boolean[], p_keys uuid[],
                              p_event text, p_hashes bytea[], p_right text, p_actions bigint,
                              p_type int, p_rooms uuid[], p_lock int, p_traces text[],
                              p_service_rights bigint[])
RETURNS TABLE (status text, message text, details text, reply text, control text,
               emitted text[], place int)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    a admission;
    v_done boolean[] := array_fill(false, ARRAY[cardinality(p_keys)]);
BEGIN
    FOR status, reply, control, place IN
        SELECT 'OK',
               joined_json(r::rooms, CASE WHEN r.private THEN (
                               SELECT count(*) FROM room_members rm WHERE rm.room_id = r.id)
                           END, s.last_seq, s.last_tag),
               joined_open(r.id, r.scope_id, s.last_seq, s.last_tag, x.last_seq), c.place
        FROM unnest(p_users, p_iats, p_services, p_rooms)
             WITH ORDINALITY AS c(user_id, iat, service, room, place)
        CROSS JOIN LATERAL (SELECT FROM users u
                            WHERE u.id = c.user_id AND u.deleted_at IS NULL
                              AND u.min_iat <= c.iat AND NOT u.has_revocations OFFSET 0) u
        CROSS JOIN LATERAL (SELECT * FROM rooms r WHERE r.id = c.room OFFSET 0) r
        CROSS JOIN LATERAL plain_rights(c.user_id, r.community_id, r.id, r.private,
                                        r.has_overrides OR r.deleted_at IS NOT NULL) p
        CROSS JOIN LATERAL (SELECT * FROM streams s
                            WHERE s.kind = 3 AND s.id = r.id OFFSET 0) s
        CROSS JOIN LATERAL (SELECT * FROM streams s
                            WHERE s.kind = 5 AND s.id = r.scope_id OFFSET 0) x
        WHERE p_right = 'actions' AND p_type = 3 AND NOT c.service
          AND p.rights & (p_actions | mask('VIEW_ROOM')) = p_actions | mask('VIEW_ROOM')
    LOOP
        v_done[place] := true;
        RETURN NEXT;
    END LOOP;
    FOR i IN 1 .. cardinality(p_keys) LOOP
        CONTINUE WHEN v_done[i];
        a := admit_read(p_mode, p_users[i], p_sessions[i], p_tokens[i], p_iats[i],
                        p_services[i], p_keys[i], p_event, p_hashes[i], p_right, p_actions,
                        p_type, p_rooms[i], p_lock, p_traces[i], p_service_rights[i]);
        RETURN QUERY
        SELECT o.*, i
        FROM complete_read(a, CASE WHEN a.status IS NULL THEN event_join_room(a) END) o;
    END LOOP;
END $$;

-- The same for all rooms at once. Without a community the session follows from now on.
CREATE FUNCTION event_join_all_rooms(a admission, p_community uuid) RETURNS outcome
LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_count bigint;
    v_rooms json;
    v_open json;
BEGIN
    SELECT count(*),
           coalesce(json_agg(json_build_object(
               'roomId', v.room_id, 'seq', s.last_seq,
               'cursor', cursor_text(s.last_seq, s.last_tag)) ORDER BY v.room_id), '[]'),
           coalesce(json_agg(json_build_object(
               'stream', 'room:' || v.room_id, 'seq', s.last_seq, 'tag', s.last_tag,
               'access', 'access:' || v.scope_id, 'accessSeq', x.last_seq)
               ORDER BY v.room_id), '[]')
    INTO v_count, v_rooms, v_open
    FROM visible_rooms(a.user_id, p_community) v
    CROSS JOIN LATERAL (SELECT * FROM streams s
                        WHERE s.kind = 3 AND s.id = v.room_id OFFSET 0) s
    CROSS JOIN LATERAL (SELECT * FROM streams x
                        WHERE x.kind = 5 AND x.id = v.scope_id OFFSET 0) x;
    IF v_count > 1000 THEN
        RETURN refuse('LIMIT_REACHED', 'More than 1,000 rooms; join them one by one');
    END IF;
    RETURN done('{"rooms":' || v_rooms || '}', NULL,
                '{"open":' || v_open
                || CASE WHEN p_community IS NULL THEN ',"follow":true}' ELSE '}' END);
END $$;

-- What a session that follows may hear of what was gained: of these rooms, of a community,
-- or (both NULL) of everything.
CREATE FUNCTION session_follow(p_user uuid, p_community uuid, p_rooms uuid[])
RETURNS TABLE (username text, control text) LANGUAGE sql STABLE AS $$
    SELECT u.username, json_build_object('open', coalesce((
        SELECT json_agg(open_json(3, v.room_id, v.scope_id))
        FROM (SELECT r.id AS room_id, r.scope_id
              FROM rooms r
              WHERE r.id = ANY (p_rooms) AND room_rights(p_user, r.community_id, r.id) <> 0
              UNION ALL
              SELECT * FROM (SELECT * FROM visible_rooms(p_user, p_community)
                             WHERE p_rooms IS NULL LIMIT 1000) all_rooms) v), '[]'))::text
    FROM users u WHERE u.id = p_user
$$;

CREATE FUNCTION event_add_room_member(a admission, p_user uuid) RETURNS outcome
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_room rooms;
    v_username text;
    v_slots slot[];
    v_emitted text[];
    v_visible boolean;
BEGIN
    SELECT * INTO v_room FROM rooms r WHERE r.id = a.room_id;
    SELECT u.username INTO v_username
    FROM users u JOIN community_members m ON m.user_id = u.id
    WHERE u.id = p_user AND m.community_id = a.community_id;
    IF NOT FOUND THEN
        RETURN refuse('NOT_FOUND', 'Member not found');
    ELSIF NOT v_room.private THEN
        RETURN refuse('CONFLICT', 'A public room has no members of its own');
    ELSIF (SELECT count(*) FROM room_members rm WHERE rm.room_id = a.room_id) >= 10000 THEN
        RETURN refuse('LIMIT_REACHED', 'A room has at most 10,000 members');
    END IF;
    INSERT INTO room_members (room_id, user_id, added_by)
    VALUES (a.room_id, p_user, a.user_id) ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RETURN done('{}');
    END IF;
    v_slots := next_slots(ARRAY[3, 4], ARRAY[a.room_id, p_user]);
    v_emitted := append(a, v_slots[1], 'ROOM_MEMBER_ADDED', json_strip_nulls(
        json_build_object('roomId', a.room_id, 'userId', p_user, 'username', v_username,
                          'addedBy', coalesce(a.user_id, p_user)))::text);
    v_visible := room_rights(p_user, a.community_id, a.room_id) <> 0;
    RETURN done('{}', v_emitted
        || append(a, v_slots[2], 'ACCESS_CHANGED',
                  access_changed(a.community_id, a.room_id, v_visible, 'added'),
                  CASE WHEN v_visible THEN json_build_object('open', json_build_array(
                      open_json(3, a.room_id, a.scope_id, v_username)))::text END));
END $$;

-- Oneself, which is leaving for good, or with MANAGE_ROOM_MEMBERS somebody below.
CREATE FUNCTION event_remove_room_member(a admission, p_user uuid) RETURNS outcome
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_slots slot[];
    v_visible boolean;
BEGIN
    IF p_user IS DISTINCT FROM a.user_id
       AND (a.rights & mask('MANAGE_ROOM_MEMBERS') = 0
            OR member_position(p_user, a.community_id) >= actor_position(a)) THEN
        RETURN refuse('PERMISSION_DENIED');
    END IF;
    DELETE FROM room_members rm WHERE rm.room_id = a.room_id AND rm.user_id = p_user;
    IF NOT FOUND THEN
        RETURN refuse('NOT_FOUND', 'Member not found');
    END IF;
    v_slots := next_slots(ARRAY[3, 5, 4], ARRAY[a.room_id, a.scope_id, p_user]);
    a.access_seq := v_slots[2].seq;
    -- a role or an override may show the room to him all the same
    v_visible := room_rights(p_user, a.community_id, a.room_id) <> 0;
    RETURN done('{}',
        append(a, v_slots[1], 'ROOM_MEMBER_REMOVED', json_build_object(
            'roomId', a.room_id, 'userId', p_user,
            'removedBy', coalesce(a.user_id, p_user))::text)
        || append(a, v_slots[2], '', '{}',
                  '{"who":{"users":["' || p_user || '"],"rooms":["' || a.room_id || '"]}}')
        || append(a, v_slots[3], 'ACCESS_CHANGED',
                  access_changed(a.community_id, a.room_id, v_visible,
                                 CASE WHEN p_user = a.user_id THEN 'left' ELSE 'removed' END),
                  CASE WHEN NOT v_visible THEN '{"close":["room:' || a.room_id || '"]}' END));
END $$;

-- Allows and denies replace what the role or user had in this room; none of both is none.
CREATE FUNCTION event_set_room_override(a admission, p_role uuid, p_user uuid,
                                        p_allow bigint, p_deny bigint)
RETURNS outcome LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_position int;
    v_username text;
    v_seen boolean;
    v_sees boolean;
    v_room rooms;
    v_kinds int[];
    v_ids uuid[];
    v_slots slot[];
    v_emitted text[];
BEGIN
    IF (p_allow | p_deny) & ~room_actions() <> 0 OR num_nonnulls(p_role, p_user) <> 1 THEN
        RETURN refuse('VALIDATION_ERROR', NULL, json_build_array(json_build_object(
            'path', 'allow', 'rule', 'action', 'message', 'only actions on a room'))::text);
    END IF;
    IF p_role IS NOT NULL THEN
        SELECT r.position INTO v_position FROM roles r
        WHERE r.id = p_role AND r.community_id = a.community_id;
        IF NOT FOUND THEN
            RETURN refuse('NOT_FOUND', 'Role not found');
        END IF;
    ELSE
        v_position := member_position(p_user, a.community_id);
        IF v_position IS NULL THEN
            RETURN refuse('NOT_FOUND', 'Member not found');
        END IF;
        SELECT u.username INTO v_username FROM users u WHERE u.id = p_user;
        v_seen := room_rights(p_user, a.community_id, a.room_id) <> 0;
    END IF;
    -- nobody gives what he lacks, or touches who stands as high as he does
    IF p_allow & ~a.rights <> 0 OR v_position >= actor_position(a) THEN
        RETURN refuse('PERMISSION_DENIED');
    END IF;

    IF p_allow | p_deny = 0 THEN
        DELETE FROM room_overrides o WHERE o.room_id = a.room_id
            AND o.role_id IS NOT DISTINCT FROM p_role
            AND o.user_id IS NOT DISTINCT FROM p_user;
    ELSE
        INSERT INTO room_overrides (room_id, role_id, user_id, allow, deny)
        VALUES (a.room_id, p_role, p_user, p_allow, p_deny)
        ON CONFLICT (room_id, role_id, user_id) DO UPDATE SET allow = p_allow, deny = p_deny;
    END IF;
    UPDATE rooms r
    SET has_overrides = EXISTS (SELECT FROM room_overrides o WHERE o.room_id = a.room_id)
    WHERE r.id = a.room_id RETURNING * INTO v_room;

    v_kinds := ARRAY[5, room_life_kind(a.room_id)];
    v_ids := ARRAY[a.scope_id, CASE WHEN v_kinds[2] = 1 THEN a.community_id ELSE a.room_id END];
    IF p_user IS NOT NULL THEN
        v_sees := room_rights(p_user, a.community_id, a.room_id) <> 0;
        IF v_sees <> v_seen THEN
            v_kinds := v_kinds || 4;
            v_ids := v_ids || p_user;
        END IF;
    END IF;
    v_slots := next_slots(v_kinds, v_ids);
    a.access_seq := v_slots[1].seq;
    v_emitted := append(a, v_slots[1], '', '{}', CASE WHEN p_user IS NULL
            THEN json_strip_nulls(json_build_object(
                     'who', json_build_object('everyone', true,
                                              'rooms', json_build_array(a.room_id)),
                     'gained', CASE WHEN p_deny & mask('VIEW_ROOM') = 0
                                    THEN gained_json(a.community_id, a.room_id) END))
            ELSE json_build_object('who', json_build_object(
                     'users', json_build_array(p_user),
                     'rooms', json_build_array(a.room_id))) END::text)
        || append(a, v_slots[2], 'ROOM_UPDATED', '{"room":' || room_json(v_room)
                  || ',"overrides":' || room_overrides_json(a.room_id) || '}');
    IF v_sees <> v_seen THEN
        v_emitted := v_emitted || append(a, v_slots[3], 'ACCESS_CHANGED',
            access_changed(a.community_id, a.room_id, v_sees, 'override'),
            CASE WHEN v_sees THEN json_build_object('open', json_build_array(
                                      open_json(3, a.room_id, a.scope_id, v_username)))
                 ELSE json_build_object('close', json_build_array('room:' || a.room_id))
            END::text);
    END IF;
    RETURN done('{}', v_emitted);
END $$;

CREATE FUNCTION room_overrides_json(p_room uuid) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT coalesce(json_agg(json_strip_nulls(json_build_object(
               'roleId', o.role_id, 'userId', o.user_id,
               'allow', actions_of(o.allow), 'deny', actions_of(o.deny)))), '[]')::text
    FROM room_overrides o WHERE o.room_id = p_room
$$;

-- migrate:down
DROP FUNCTION room_overrides_json(uuid),
    event_set_room_override(admission, uuid, uuid, bigint, bigint),
    event_remove_room_member(admission, uuid), event_add_room_member(admission, uuid),
    session_follow(uuid, uuid, uuid[]), event_join_all_rooms(admission, uuid),
    run_join_room(int, uuid[], uuid[], text[], bigint[], boolean[], uuid[], text, bytea[], text,
                  bigint, int, uuid[], int, text[], bigint[]),
    event_join_room(admission), joined_open(uuid, uuid, bigint, int, bigint),
    joined_json(rooms, bigint, bigint, int),
    event_list_rooms(admission), event_create_room(admission, text, boolean),
    visible_rooms(uuid, uuid), room_life_kind(uuid), room_actions(), room_json(rooms);
