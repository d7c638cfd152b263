-- Communities and who belongs to them.
-- migrate:up

CREATE FUNCTION community_json(c communities) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT json_strip_nulls(json_build_object(
        'id', c.id, 'name', c.name, 'public', c.public,
        'ownerId', (SELECT m.user_id FROM community_members m
                    WHERE m.community_id = c.id AND m.owner ORDER BY m.joined_at LIMIT 1),
        'createdAt', rfc3339(c.created_at)))::text
$$;

-- For the user's stream: what was gained or lost, and why.
CREATE FUNCTION access_changed(p_community uuid, p_room uuid, p_granted boolean, p_reason text)
RETURNS text LANGUAGE sql STABLE AS $$
    SELECT json_strip_nulls(json_build_object(
        'communityId', p_community, 'roomId', p_room, 'granted', p_granted,
        'reason', p_reason))::text
$$;

-- An item of `open`: a stream with where it stands. p_grant: the name that goes into the
-- subscription's grant, where it is not the actor's own.
CREATE FUNCTION open_json(p_kind int, p_id uuid, p_scope uuid, p_grant text DEFAULT NULL)
RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_strip_nulls(json_build_object(
        'stream', stream_text(s.kind, s.id), 'seq', s.last_seq, 'tag', s.last_tag,
        'access', 'access:' || p_scope,
        'accessSeq', (SELECT x.last_seq FROM streams x WHERE x.kind = 5 AND x.id = p_scope),
        'grant', p_grant))
    FROM streams s WHERE s.kind = p_kind AND s.id = p_id
$$;

-- Of control: members who follow ask whether this room (NULL: any) is theirs to hear.
CREATE FUNCTION gained_json(p_community uuid, p_room uuid DEFAULT NULL) RETURNS json
LANGUAGE sql STABLE AS $$
    SELECT json_build_object('community', p_community,
                             'rooms', array_remove(ARRAY[p_room], NULL))
$$;

-- A reply that opens a community's stream says where it stands, to resume from.
CREATE FUNCTION community_opened(c communities) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT '{"community":' || community_json(c) || ',"seq":' || s.last_seq
        || ',"cursor":"' || cursor_text(s.last_seq, s.last_tag) || '"}'
    FROM streams s WHERE s.kind = 1 AND s.id = c.id
$$;

-- The three roles every community begins with.
CREATE FUNCTION make_default_roles(p_community uuid) RETURNS void LANGUAGE sql VOLATILE AS $$
    INSERT INTO roles (id, community_id, name, position, grants, given_to_all)
    VALUES (uuid_v7(), p_community, 'Member', 0,
            mask('VIEW_COMMUNITY', 'VIEW_ROOM', 'SEND_MESSAGE', 'READ_HISTORY',
                 'ADD_REACTION', 'EDIT_OWN_MESSAGE', 'DELETE_OWN_MESSAGE'), true),
           (uuid_v7(), p_community, 'Moderator', 50,
            mask('VIEW_COMMUNITY', 'CREATE_INVITE', 'KICK_MEMBER', 'BAN_MEMBER',
                 'TIMEOUT_MEMBER', 'VIEW_AUDIT_LOG', 'VIEW_ROOM', 'MANAGE_ROOM_MEMBERS',
                 'SEND_MESSAGE', 'READ_HISTORY', 'ADD_REACTION', 'MENTION_EVERYONE',
                 'PIN_MESSAGE', 'EDIT_OWN_MESSAGE', 'DELETE_OWN_MESSAGE',
                 'DELETE_ANY_MESSAGE'), false),
           (uuid_v7(), p_community, 'Admin', 100, owner_rights(), false)
$$;

-- The class of who has just joined.
CREATE FUNCTION newcomer_class(p_community uuid) RETURNS bigint LANGUAGE sql VOLATILE AS $$
    SELECT class_of_roles(p_community, ARRAY(SELECT r.id FROM roles r
                                             WHERE r.community_id = p_community
                                               AND r.given_to_all))
$$;

CREATE FUNCTION make_community(p_id uuid, p_name text, p_public boolean, p_owner uuid)
RETURNS communities LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_community communities;
BEGIN
    INSERT INTO communities (id, name, public, created_by)
    VALUES (p_id, p_name, p_public, p_owner) RETURNING * INTO v_community;
    PERFORM make_default_roles(p_id);
    PERFORM new_streams(ARRAY[1, 2, 5], ARRAY[p_id, p_id, p_id]);
    IF p_owner IS NOT NULL THEN
        INSERT INTO community_members (community_id, user_id, class_id, owner)
        VALUES (p_id, p_owner, newcomer_class(p_id), true);
    END IF;
    RETURN v_community;
END $$;

CREATE FUNCTION event_create_community(a admission, p_name text, p_public boolean)
RETURNS outcome LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_community communities;
    v_control text;
    v_slot slot;
BEGIN
    IF a.user_id IS NULL THEN
        RETURN refuse('PERMISSION_DENIED', 'A community needs a user as its owner');
    END IF;
    v_community := make_community(uuid_v7(), p_name, coalesce(p_public, false), a.user_id);
    v_control := json_build_object('open', json_build_array(
        open_json(1, v_community.id, v_community.id)));
    v_slot := next_slot(4, a.user_id);
    RETURN done(community_opened(v_community),
                append(a, v_slot, 'ACCESS_CHANGED',
                       access_changed(v_community.id, NULL, true, 'created'), v_control),
                v_control);
END $$;

-- Open to all if it is public. Who belongs to it already is told so, again.
CREATE FUNCTION event_join_community(a admission) RETURNS outcome
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_community communities;
    v_slots slot[];
    v_control text;
    v_open json;
    v_there boolean;
BEGIN
    SELECT * INTO v_community FROM communities c WHERE c.id = a.community_id;
    v_there := EXISTS (SELECT FROM community_members m
                       WHERE m.community_id = a.community_id AND m.user_id = a.user_id);
    IF NOT v_there THEN
        IF a.user_id IS NULL OR NOT v_community.public THEN
            RETURN refuse('NOT_FOUND', 'Community not found');
        ELSIF EXISTS (SELECT FROM bans b
                      WHERE b.community_id = a.community_id AND b.user_id = a.user_id
                        AND (b.until IS NULL OR b.until > now())) THEN
            RETURN refuse('PERMISSION_DENIED', 'You are banned from this community');
        END IF;
        -- private rooms of an earlier membership are not given back by coming back
        DELETE FROM room_members rm
        WHERE rm.user_id = a.user_id AND a.community_id = (
            SELECT r.community_id FROM rooms r WHERE r.id = rm.room_id);
        INSERT INTO community_members (community_id, user_id, class_id)
        VALUES (a.community_id, a.user_id, newcomer_class(a.community_id));
    END IF;
    v_open := json_build_array(open_json(1, a.community_id, a.community_id));
    v_control := json_build_object('open', v_open);
    IF v_there THEN
        RETURN done(community_opened(v_community), NULL, v_control);
    END IF;
    v_slots := next_slots(ARRAY[2, 4], ARRAY[a.community_id, a.user_id]);
    RETURN done(community_opened(v_community),
                append(a, v_slots[1], 'MEMBER_JOINED', json_build_object(
                    'communityId', a.community_id, 'userId', a.user_id,
                    'username', a.username)::text)
                || append(a, v_slots[2], 'ACCESS_CHANGED',
                          access_changed(a.community_id, NULL, true, 'joined'),
                          json_build_object('open', v_open,
                                            'gained', gained_json(a.community_id))::text),
                v_control);
END $$;

-- What leaving and being thrown out have in common: the membership ends, edges look again
-- at this user's subscriptions, the community and the user are told. Few rows, whatever
-- the number of rooms. Rows of room_members say nothing without a membership.
CREATE FUNCTION end_membership(a admission, p_user uuid, p_event text, p_payload text,
                               p_reason text)
RETURNS text[] LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_slots slot[];
BEGIN
    DELETE FROM community_members m
    WHERE m.community_id = a.community_id AND m.user_id = p_user;
    v_slots := next_slots(ARRAY[1, 5, 4], ARRAY[a.community_id, a.community_id, p_user]);
    a.access_seq := v_slots[2].seq;
    RETURN append(a, v_slots[1], p_event, p_payload)
        || append(a, v_slots[2], '', '{}', '{"who":{"users":["' || p_user || '"]}}')
        || append(a, v_slots[3], 'ACCESS_CHANGED',
                  access_changed(a.community_id, NULL, false, p_reason),
                  '{"close":["community:' || a.community_id || '","members:'
                  || a.community_id || '"]}');
END $$;

CREATE FUNCTION event_leave_community(a admission) RETURNS outcome
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_owner boolean;
BEGIN
    SELECT m.owner INTO v_owner FROM community_members m
    WHERE m.community_id = a.community_id AND m.user_id = a.user_id;
    IF NOT FOUND THEN
        RETURN refuse('NOT_FOUND', 'Community not found');
    ELSIF v_owner AND NOT EXISTS (SELECT FROM community_members m
                                  WHERE m.community_id = a.community_id AND m.owner
                                    AND m.user_id <> a.user_id) THEN
        RETURN refuse('CONFLICT', 'The last owner cannot leave');
    END IF;
    RETURN done('{}', end_membership(a, a.user_id, 'MEMBER_LEFT', json_build_object(
        'communityId', a.community_id, 'userId', a.user_id)::text, 'left'),
        '{"close":["community:' || a.community_id || '","members:' || a.community_id || '"]}');
END $$;

-- How high the actor stands. A service stands above every role but below owners.
CREATE FUNCTION actor_position(a admission) RETURNS int LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN CASE WHEN a.service THEN 2147483647
                ELSE member_position(a.user_id, a.community_id) END;
END $$;

-- Somebody at or above one's own position is out of reach, and so is oneself.
CREATE FUNCTION event_kick_member(a admission, p_user uuid, p_reason text) RETURNS outcome
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_position int := member_position(p_user, a.community_id);
BEGIN
    IF v_position IS NULL THEN
        RETURN refuse('NOT_FOUND', 'Member not found');
    ELSIF v_position >= actor_position(a) THEN
        RETURN refuse('PERMISSION_DENIED');
    END IF;
    RETURN done('{}', end_membership(a, p_user, 'MEMBER_KICKED',
        json_strip_nulls(json_build_object('communityId', a.community_id, 'userId', p_user,
                                           'kickedBy', coalesce(a.user_id, p_user),
                                           'reason', p_reason))::text,
        coalesce(p_reason, 'kicked')));
END $$;

CREATE FUNCTION event_list_communities(a admission) RETURNS outcome
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN done('{"communities":['
        || coalesce((SELECT string_agg(community_json(c), ',' ORDER BY c.id)
                     FROM community_members m JOIN communities c ON c.id = m.community_id
                     WHERE m.user_id = a.user_id AND c.deleted_at IS NULL), '') || ']}');
END $$;

-- migrate:down
DROP FUNCTION event_list_communities(admission), event_kick_member(admission, uuid, text),
    actor_position(admission),    event_leave_community(admission), end_membership(admission, uuid, text, text, text),
    event_join_community(admission), event_create_community(admission, text, boolean),
    make_community(uuid, text, boolean, uuid), newcomer_class(uuid),
    make_default_roles(uuid), open_json(int, uuid, uuid, text),
    community_opened(communities), gained_json(uuid, uuid),
    access_changed(uuid, uuid, boolean, text), community_json(communities);
