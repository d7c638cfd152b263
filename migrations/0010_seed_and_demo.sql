-- Data to try things with: many users and rooms for load, two people in a lobby to look at.
-- Nothing of it is called by a core.
-- migrate:up

-- User i (0 to p_users) is 00000000-0000-4000-8000-<i>, room r is …-9000-<r>, both as 12
-- hex digits; user i is a member of room i mod p_rooms. All rooms are private in
-- one community. Every 100th user holds the role Moderator, too. Can be run again with
-- larger numbers.
CREATE FUNCTION seed_user(i bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT ('00000000-0000-4000-8000-' || lpad(to_hex(i), 12, '0'))::uuid
$$;
CREATE FUNCTION seed_room(r bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT ('00000000-0000-4000-9000-' || lpad(to_hex(r), 12, '0'))::uuid
$$;

CREATE FUNCTION seed(p_users int, p_rooms int) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_community constant uuid := '00000000-0000-4000-a000-000000000001';
    v_member bigint;
    v_moderator bigint;
    v_talk constant bigint := mask('VIEW_COMMUNITY', 'VIEW_ROOM', 'READ_HISTORY',
                                   'SEND_MESSAGE', 'ADD_REACTION');
BEGIN
    IF NOT EXISTS (SELECT FROM communities c WHERE c.id = v_community) THEN
        PERFORM make_community(v_community, 'Load test', false, NULL);
        UPDATE roles SET grants = v_talk
        WHERE community_id = v_community AND given_to_all;
    END IF;
    v_member := newcomer_class(v_community);
    v_moderator := class_of_roles(v_community, ARRAY(
        SELECT r.id FROM roles r WHERE r.community_id = v_community
                                   AND (r.given_to_all OR r.name = 'Moderator')));
    INSERT INTO users (id, username)
    SELECT seed_user(i), 'user' || i FROM generate_series(0, p_users) i
    ON CONFLICT DO NOTHING;
    INSERT INTO community_members (community_id, user_id, class_id)
    SELECT v_community, seed_user(i), CASE WHEN i % 100 = 0 THEN v_moderator ELSE v_member END
    FROM generate_series(0, p_users) i
    ON CONFLICT DO NOTHING;
    INSERT INTO rooms (id, community_id, scope_id, name, private, position)
    SELECT seed_room(r), v_community, v_community, 'room' || r, true, r
    FROM generate_series(0, p_rooms - 1) r
    ON CONFLICT DO NOTHING;
    INSERT INTO room_members (room_id, user_id)
    SELECT seed_room(i % p_rooms), seed_user(i) FROM generate_series(0, p_users) i
    ON CONFLICT DO NOTHING;
    INSERT INTO streams (kind, id)
    SELECT 4, seed_user(i) FROM generate_series(0, p_users) i
    UNION ALL SELECT 3, seed_room(r) FROM generate_series(0, p_rooms - 1) r
    ON CONFLICT DO NOTHING;
END $$;

-- Alice, who owns the public community Belfry, Bob, and the room lobby. Can be run again.
CREATE FUNCTION dev_demo() RETURNS void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_community constant uuid := '00000000-0000-4000-a000-00000000be1f';
    v_lobby constant uuid := '00000000-0000-4000-9000-00000000be1f';
    v_alice constant uuid := '00000000-0000-4000-8000-0000000a11ce';
    v_bob constant uuid := '00000000-0000-4000-8000-000000000b0b';
BEGIN
    IF EXISTS (SELECT FROM communities c WHERE c.id = v_community) THEN
        RETURN;
    END IF;
    PERFORM make_user(v_alice, 'alice');
    PERFORM make_user(v_bob, 'bob');
    PERFORM make_community(v_community, 'Belfry', true, v_alice);
    INSERT INTO community_members (community_id, user_id, class_id)
    VALUES (v_community, v_bob, newcomer_class(v_community)) ON CONFLICT DO NOTHING;
    INSERT INTO rooms (id, community_id, scope_id, name, created_by)
    VALUES (v_lobby, v_community, v_community, 'lobby', v_alice);
    PERFORM new_streams(ARRAY[3], ARRAY[v_lobby]);
END $$;

-- migrate:down
DROP FUNCTION dev_demo(), seed(int, int), seed_room(bigint), seed_user(bigint);
