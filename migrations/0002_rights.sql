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

-- An owner stands above every role.
CREATE FUNCTION owner_position() RETURNS int LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT 2147483647
$$;

-- Grants after a room's overrides: of the roles, where any deny wins over any allow, then
-- the user's own, where a deny wins over an allow.
CREATE FUNCTION overridden(p_grants bigint, p_room uuid, p_user uuid, p_roles uuid[])
RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT (((p_grants | o.role_allow) & ~o.role_deny) | o.user_allow) & ~o.user_deny
    FROM (SELECT coalesce(bit_or(allow) FILTER (WHERE role_id IS NOT NULL), 0) AS role_allow,
                 coalesce(bit_or(deny) FILTER (WHERE role_id IS NOT NULL), 0) AS role_deny,
                 coalesce(bit_or(allow) FILTER (WHERE user_id IS NOT NULL), 0) AS user_allow,
                 coalesce(bit_or(deny) FILTER (WHERE user_id IS NOT NULL), 0) AS user_deny
          FROM room_overrides
          WHERE room_id = p_room AND (role_id = ANY (p_roles) OR user_id = p_user)) o
$$;

-- Rights of one user in one room; 0 for whom it is not there. No row: no such room.
-- A single SELECT without volatile parts, so that the planner puts it in the place of the
-- call: it costs what its four index look-ups cost.
--   1. not a member of the community (a ban ends membership): nothing
--   2. owner: everything
--   3. the roles' grants; in a private room VIEW_ROOM counts only for those who are in
--      room_members or hold MANAGE_ROOM
--   4. the overrides of the room
--   5. a timeout leaves what can be read
--   6. without VIEW_ROOM: nothing
CREATE FUNCTION room_access(p_user uuid, p_room uuid)
RETURNS TABLE (rights bigint, "position" int, owner boolean, community_id uuid,
               scope_id uuid, access_seq bigint)
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN held.rights & mask('VIEW_ROOM') <> 0 THEN held.rights ELSE 0 END,
           CASE WHEN m.owner THEN owner_position() ELSE coalesce(k.position, -1) END,
           coalesce(m.owner, false),
           r.community_id, r.scope_id, coalesce(s.last_seq, 0)
    FROM rooms r
    LEFT JOIN streams s ON s.kind = 5 AND s.id = r.scope_id
    LEFT JOIN community_members m ON m.community_id = r.community_id AND m.user_id = p_user
    LEFT JOIN access_classes k ON k.id = m.class_id
    LEFT JOIN room_members rm ON r.private AND rm.room_id = r.id AND rm.user_id = p_user
    CROSS JOIN LATERAL (SELECT CASE
        WHEN r.deleted_at IS NOT NULL THEN 0
        WHEN r.community_id IS NULL
            THEN CASE WHEN rm.user_id IS NULL THEN 0 ELSE direct_rights() END
        WHEN m.user_id IS NULL THEN 0
        WHEN m.owner THEN owner_rights()
        ELSE CASE WHEN r.has_overrides THEN overridden(
                 k.grants & CASE WHEN r.private AND rm.user_id IS NULL
                                      AND k.grants & mask('MANAGE_ROOM') = 0
                                 THEN ~mask('VIEW_ROOM') ELSE -1 END,
                 r.id, p_user, k.roles)
             ELSE k.grants & CASE WHEN r.private AND rm.user_id IS NULL
                                       AND k.grants & mask('MANAGE_ROOM') = 0
                                  THEN ~mask('VIEW_ROOM') ELSE -1 END
             END
             & CASE WHEN m.timeout_until > now() THEN timeout_rights() ELSE -1 END
        END AS rights) held
    WHERE r.id = p_room
$$;

-- Rights of one user in one community; 0 for whom it is not there. No row: no such
-- community. `member`: belongs to it, whatever the roles grant.
CREATE FUNCTION community_access(p_user uuid, p_community uuid)
RETURNS TABLE (rights bigint, "position" int, owner boolean, member boolean,
               access_seq bigint)
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN m.user_id IS NULL THEN 0
                WHEN m.owner THEN owner_rights()
                WHEN k.grants & mask('VIEW_COMMUNITY') = 0 THEN 0
                WHEN m.timeout_until > now() THEN k.grants & timeout_rights()
                ELSE k.grants END,
           CASE WHEN m.owner THEN owner_position() ELSE coalesce(k.position, -1) END,
           coalesce(m.owner, false), m.user_id IS NOT NULL, coalesce(s.last_seq, 0)
    FROM communities c
    LEFT JOIN streams s ON s.kind = 5 AND s.id = c.id
    LEFT JOIN community_members m ON m.community_id = c.id AND m.user_id = p_user
    LEFT JOIN access_classes k ON k.id = m.class_id
    WHERE c.id = p_community AND c.deleted_at IS NULL
$$;

-- Rights on the instance.
CREATE FUNCTION instance_rights(p_owner boolean, p_granted bigint) RETURNS bigint
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN p_owner THEN mask('CREATE_COMMUNITY', 'MANAGE_INSTANCE', 'ANNOUNCE')
                ELSE p_granted
                     | CASE WHEN (SELECT anyone_may_create FROM instance WHERE one)
                            THEN mask('CREATE_COMMUNITY') ELSE 0 END
           END
$$;

-- May this user hear this stream, and at which access seq was that read? Always one row.
CREATE FUNCTION stream_access(p_user uuid, p_kind smallint, p_id uuid)
RETURNS TABLE (allowed boolean, scope_id uuid, access_seq bigint)
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF p_kind = 3 THEN
        RETURN QUERY SELECT x.rights <> 0, x.scope_id, x.access_seq
                     FROM room_access(p_user, p_id) x;
    ELSIF p_kind IN (1, 2) THEN
        RETURN QUERY SELECT x.rights <> 0, p_id, x.access_seq
                     FROM community_access(p_user, p_id) x;
    ELSIF p_kind = 4 THEN
        RETURN QUERY SELECT u.deleted_at IS NULL, NULL::uuid, 0::bigint
                     FROM users u WHERE u.id = p_id AND p_id = p_user;
    END IF;
    IF NOT FOUND OR p_kind NOT BETWEEN 1 AND 4 THEN
        RETURN QUERY SELECT false, NULL::uuid, 0::bigint;
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

-- migrate:down
DROP TRIGGER roles_change_classes ON roles;
DROP FUNCTION roles_change_classes(), class_of_roles(uuid, uuid[]),
    stream_access(uuid, smallint, uuid), instance_rights(boolean, bigint),
    community_access(uuid, uuid), room_access(uuid, uuid),
    overridden(bigint, uuid, uuid, uuid[]), owner_position(), direct_rights(),
    timeout_rights(), owner_rights(), actions_of(bigint), mask(text[]), action_list();
