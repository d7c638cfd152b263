-- Who may do what: one read of the membership and its class, and of the room's overrides
-- where it has any. docs/decisions/0002-rights.md tells why it is decided like this.
-- migrate:up

-- Names of the actions in the order of options.proto: place n is bit n - 1.
CREATE FUNCTION action_list() RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT ARRAY['CREATE_COMMUNITY', 'MANAGE_INSTANCE', 'ANNOUNCE',
        'VIEW_COMMUNITY', 'MANAGE_COMMUNITY', 'CREATE_INVITE', 'MANAGE_INVITES',
        'KICK_MEMBER', 'BAN_MEMBER', 'TIMEOUT_MEMBER', 'MANAGE_ROLES', 'VIEW_AUDIT_LOG',
        'CREATE_ROOM',
        'VIEW_ROOM', 'MANAGE_ROOM', 'MANAGE_ROOM_MEMBERS', 'SEND_MESSAGE', 'READ_HISTORY',
        'ADD_REACTION', 'MENTION_EVERYONE', 'PIN_MESSAGE',
        'EDIT_OWN_MESSAGE', 'DELETE_OWN_MESSAGE', 'DELETE_ANY_MESSAGE']
$$;

-- mask('VIEW_ROOM', 'SEND_MESSAGE'): folded into a constant when a plan is made. A name
-- that is no action gives NULL, so that a misspelt check fails for everybody.
CREATE FUNCTION mask(VARIADIC names text[]) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN count(array_position(action_list(), name)) = count(*)
                THEN coalesce(bit_or(1::bigint << array_position(action_list(), name) - 1), 0)
           END
    FROM unnest(names) name
$$;

-- The opposite, for what people read.
CREATE FUNCTION actions_of(p_mask bigint) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(array_agg(name ORDER BY place), '{}')
    FROM unnest(action_list()) WITH ORDINALITY AS list(name, place)
    WHERE p_mask & (1::bigint << (place::int - 1)) <> 0
$$;

-- What an owner holds in his community: everything but what belongs to the instance.
CREATE FUNCTION owner_rights() RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT mask(VARIADIC action_list())
           & ~mask('CREATE_COMMUNITY', 'MANAGE_INSTANCE', 'ANNOUNCE')
$$;

-- What a timeout leaves.
CREATE FUNCTION timeout_rights() RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT mask('VIEW_COMMUNITY', 'VIEW_AUDIT_LOG', 'VIEW_ROOM', 'READ_HISTORY')
$$;

-- What members of a direct room hold in it.
CREATE FUNCTION direct_rights() RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT mask('VIEW_ROOM', 'SEND_MESSAGE', 'READ_HISTORY', 'ADD_REACTION', 'PIN_MESSAGE',
                'EDIT_OWN_MESSAGE', 'DELETE_OWN_MESSAGE')
$$;

-- Each look-up below is a statement of its own with its whole key given: what it costs and
-- how it is planned depend on nothing else, and what is not needed is not read.

-- Grants after a room's overrides: of the roles, where any deny wins over any allow, then
-- the user's own, where a deny wins over an allow.
CREATE FUNCTION overridden(p_grants bigint, p_room uuid, p_user uuid, p_roles uuid[])
RETURNS bigint LANGUAGE plpgsql STABLE AS $$
DECLARE
    v record;
BEGIN
    SELECT coalesce(bit_or(o.allow) FILTER (WHERE o.role_id IS NOT NULL), 0) AS role_allow,
           coalesce(bit_or(o.deny) FILTER (WHERE o.role_id IS NOT NULL), 0) AS role_deny,
           coalesce(bit_or(o.allow) FILTER (WHERE o.user_id IS NOT NULL), 0) AS user_allow,
           coalesce(bit_or(o.deny) FILTER (WHERE o.user_id IS NOT NULL), 0) AS user_deny
    INTO v
    FROM room_overrides o
    WHERE o.room_id = p_room AND (o.role_id = ANY (p_roles) OR o.user_id = p_user);
    RETURN (((p_grants | v.role_allow) & ~v.role_deny) | v.user_allow) & ~v.user_deny;
END $$;

-- Rights of one user in one room of a community (NULL: a direct room). 0: for him it is
-- not there.
CREATE FUNCTION room_rights(p_user uuid, p_community uuid, p_room uuid) RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_private boolean;
    v_overrides boolean;
    v_class bigint;
    v_owner boolean;
    v_timeout timestamptz;
    v_rights bigint;
    v_roles uuid[];
BEGIN
    SELECT r.private, r.has_overrides INTO v_private, v_overrides
    FROM rooms r WHERE r.id = p_room AND r.deleted_at IS NULL;
    IF NOT FOUND THEN
        RETURN 0;
    END IF;
    IF p_community IS NULL THEN
        PERFORM FROM room_members rm WHERE rm.room_id = p_room AND rm.user_id = p_user;
        RETURN CASE WHEN FOUND THEN direct_rights() ELSE 0 END;
    END IF;

    -- no membership (a ban ends it): nothing; an owner: everything
    SELECT m.class_id, m.owner, m.timeout_until INTO v_class, v_owner, v_timeout
    FROM community_members m WHERE m.community_id = p_community AND m.user_id = p_user;
    IF NOT FOUND THEN
        RETURN 0;
    ELSIF v_owner THEN
        PERFORM FROM communities c WHERE c.id = p_community AND c.deleted_at IS NULL;
        RETURN CASE WHEN FOUND THEN owner_rights() ELSE 0 END;
    END IF;

    -- the roles' grants; VIEW_ROOM of a private room counts for its members and for those
    -- who manage rooms
    SELECT k.grants, k.roles INTO v_rights, v_roles FROM access_classes k WHERE k.id = v_class;
    IF v_private AND v_rights & mask('MANAGE_ROOM') = 0 THEN
        PERFORM FROM room_members rm WHERE rm.room_id = p_room AND rm.user_id = p_user;
        IF NOT FOUND THEN
            v_rights := v_rights & ~mask('VIEW_ROOM');
        END IF;
    END IF;
    IF v_overrides THEN
        v_rights := overridden(v_rights, p_room, p_user, v_roles);
    END IF;
    IF v_timeout > now() THEN
        v_rights := v_rights & timeout_rights();
    END IF;
    RETURN CASE WHEN v_rights & mask('VIEW_ROOM') = 0 THEN 0 ELSE v_rights END;
END $$;

-- What room_rights() says where nothing is special: a room without overrides (p_special: it
-- has some, or is deleted) that is open or has him as a member, who is no owner and has no
-- timeout. NULL or no row: ask room_rights(). For a query about many calls, into whose plan it
-- is folded: each look-up there is by its key, whatever the planner believes of a table that
-- was empty.
CREATE FUNCTION plain_rights(p_user uuid, p_community uuid, p_room uuid, p_private boolean,
                             p_special boolean)
RETURNS TABLE (rights bigint) LANGUAGE sql STABLE ROWS 1 AS $$
    SELECT CASE WHEN NOT p_special AND NOT m.owner AND m.timeout_until IS NULL
                     AND (NOT p_private OR (SELECT true FROM room_members x
                                            WHERE x.room_id = p_room AND x.user_id = p_user))
                THEN (SELECT k.grants FROM access_classes k WHERE k.id = m.class_id) END
    FROM community_members m
    WHERE m.community_id = p_community AND m.user_id = p_user
    OFFSET 0
$$;

-- plain_rights() where the room's row was not read.
CREATE FUNCTION plain_rights(p_user uuid, p_community uuid, p_room uuid)
RETURNS TABLE (rights bigint) LANGUAGE sql STABLE ROWS 1 AS $$
    SELECT p.rights
    FROM rooms r
    CROSS JOIN LATERAL plain_rights(p_user, p_community, p_room, r.private,
                                    r.has_overrides OR r.deleted_at IS NOT NULL) p
    WHERE r.id = p_room
    OFFSET 0
$$;

-- room_rights() where only the room is known.
CREATE FUNCTION room_rights(p_user uuid, p_room uuid) RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_community uuid;
BEGIN
    SELECT r.community_id INTO v_community FROM rooms r WHERE r.id = p_room;
    RETURN room_rights(p_user, v_community, p_room);
END $$;

-- Rights of one user in one community. NULL: there is no such community; 0: for him it is
-- not there.
CREATE FUNCTION community_rights(p_user uuid, p_community uuid) RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_class bigint;
    v_owner boolean;
    v_timeout timestamptz;
    v_rights bigint;
BEGIN
    PERFORM FROM communities c WHERE c.id = p_community AND c.deleted_at IS NULL;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    SELECT m.class_id, m.owner, m.timeout_until INTO v_class, v_owner, v_timeout
    FROM community_members m WHERE m.community_id = p_community AND m.user_id = p_user;
    IF NOT FOUND THEN
        RETURN 0;
    ELSIF v_owner THEN
        RETURN owner_rights();
    END IF;
    SELECT k.grants INTO v_rights FROM access_classes k WHERE k.id = v_class;
    IF v_timeout > now() THEN
        v_rights := v_rights & timeout_rights();
    END IF;
    RETURN CASE WHEN v_rights & mask('VIEW_COMMUNITY') = 0 THEN 0 ELSE v_rights END;
END $$;

-- How high a member stands: his highest role, or above all as an owner. NULL: no member.
CREATE FUNCTION member_position(p_user uuid, p_community uuid) RETURNS int
LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_class bigint;
    v_owner boolean;
    v_position int;
BEGIN
    SELECT m.class_id, m.owner INTO v_class, v_owner
    FROM community_members m WHERE m.community_id = p_community AND m.user_id = p_user;
    IF v_owner THEN
        RETURN 2147483647;
    END IF;
    SELECT k.position INTO v_position FROM access_classes k WHERE k.id = v_class;
    RETURN v_position;
END $$;

-- Rights on the instance.
CREATE FUNCTION instance_rights(p_user uuid) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_owner boolean;
    v_rights bigint;
BEGIN
    SELECT u.instance_owner, u.instance_rights INTO v_owner, v_rights
    FROM users u WHERE u.id = p_user;
    IF v_owner THEN
        RETURN mask('CREATE_COMMUNITY', 'MANAGE_INSTANCE', 'ANNOUNCE');
    END IF;
    PERFORM FROM instance i WHERE i.one AND i.anyone_may_create;
    RETURN CASE WHEN FOUND THEN v_rights | mask('CREATE_COMMUNITY') ELSE v_rights END;
END $$;

-- May this user hear this stream, and at which access seq was that read? NULL scope: a
-- user's stream, which has none.
CREATE FUNCTION stream_access(p_user uuid, p_kind smallint, p_id uuid, OUT allowed boolean,
                              OUT scope_id uuid, OUT access_seq bigint)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_community uuid;
BEGIN
    access_seq := 0;
    IF p_kind = 3 THEN
        SELECT r.scope_id, r.community_id INTO scope_id, v_community
        FROM rooms r WHERE r.id = p_id;
        allowed := room_rights(p_user, v_community, p_id) <> 0;
    ELSIF p_kind IN (1, 2) THEN
        scope_id := p_id;
        allowed := coalesce(community_rights(p_user, p_id), 0) <> 0;
    ELSE
        allowed := p_kind = 4 AND p_id = p_user AND EXISTS (
            SELECT FROM users u WHERE u.id = p_id AND u.deleted_at IS NULL);
    END IF;
    IF scope_id IS NOT NULL THEN
        SELECT s.last_seq INTO access_seq FROM streams s WHERE s.kind = 5 AND s.id = scope_id;
    END IF;
END $$;

-- The class of a set of roles, made when it is new.
CREATE FUNCTION class_of_roles(p_community uuid, p_roles uuid[]) RETURNS bigint
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_roles uuid[] := ARRAY(SELECT DISTINCT r FROM unnest(p_roles) r ORDER BY r);
    v_class bigint;
BEGIN
    SELECT k.id INTO v_class FROM access_classes k
    WHERE k.community_id = p_community AND k.roles = v_roles;
    IF FOUND THEN
        RETURN v_class;
    END IF;
    INSERT INTO access_classes (community_id, roles, grants, position)
    SELECT p_community, v_roles, coalesce(bit_or(r.grants), 0), coalesce(max(r.position), 0)
    FROM roles r WHERE r.community_id = p_community AND r.id = ANY (v_roles)
    ON CONFLICT (community_id, roles) DO NOTHING
    RETURNING id INTO v_class;
    IF v_class IS NULL THEN
        SELECT k.id INTO v_class FROM access_classes k
        WHERE k.community_id = p_community AND k.roles = v_roles;
    END IF;
    RETURN v_class;
END $$;

-- What must follow a change of a role: its classes, not its members.
CREATE FUNCTION roles_change_classes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE access_classes k SET (grants, position) =
        (SELECT coalesce(bit_or(r.grants), 0), coalesce(max(r.position), 0)
         FROM roles r WHERE r.community_id = k.community_id AND r.id = ANY (k.roles))
    WHERE k.community_id = coalesce(NEW.community_id, OLD.community_id)
      AND coalesce(NEW.id, OLD.id) = ANY (k.roles);
    RETURN NULL;
END $$;
CREATE TRIGGER roles_change_classes AFTER UPDATE OF grants, position OR DELETE ON roles
    FOR EACH ROW EXECUTE FUNCTION roles_change_classes();

-- A deleted community: its few classes lose everything, its many members need no visit.
CREATE FUNCTION deleted_community_ends_classes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE access_classes k SET grants = 0 WHERE k.community_id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER deleted_community_ends_classes AFTER UPDATE OF deleted_at ON communities
    FOR EACH ROW WHEN (NEW.deleted_at IS NOT NULL)
    EXECUTE FUNCTION deleted_community_ends_classes();

-- migrate:down
DROP TRIGGER deleted_community_ends_classes ON communities;
DROP TRIGGER roles_change_classes ON roles;
DROP FUNCTION deleted_community_ends_classes(), roles_change_classes(),
    class_of_roles(uuid, uuid[]), stream_access(uuid, smallint, uuid),
    instance_rights(uuid), member_position(uuid, uuid), community_rights(uuid, uuid),
    room_rights(uuid, uuid), plain_rights(uuid, uuid, uuid),
    plain_rights(uuid, uuid, uuid, boolean, boolean), room_rights(uuid, uuid, uuid),
    overridden(bigint, uuid, uuid, uuid[]), direct_rights(), timeout_rights(),
    owner_rights(), actions_of(bigint), mask(text[]), action_list();
