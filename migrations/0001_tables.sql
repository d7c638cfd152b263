-- Every table. Hot ones carry no foreign keys: their writers already hold the locks that
-- make the references true, and a key check costs a row lock for each insert.
-- migrate:up

-- One row about this database. A client or an edge that meets another epoch holds
-- positions of another history.
CREATE TABLE instance (
    one                  boolean PRIMARY KEY DEFAULT true CHECK (one),
    epoch                uuid NOT NULL DEFAULT gen_random_uuid(),
    created_at           timestamptz NOT NULL DEFAULT now(),
    -- may every user create communities, or only those who hold CREATE_COMMUNITY?
    anyone_may_create    boolean NOT NULL DEFAULT true,
    -- an answer may point at its event, so events must be kept at least as long
    answers_kept         interval NOT NULL DEFAULT '7 days',
    events_kept          interval NOT NULL DEFAULT '30 days',
    CHECK (events_kept >= answers_kept)
);
INSERT INTO instance DEFAULT VALUES;

-- ------------------------------------------------------------------------- people

CREATE TABLE users (
    id               uuid PRIMARY KEY,
    username         text NOT NULL,
    display_name     text,
    instance_rights  bigint NOT NULL DEFAULT 0,
    instance_owner   boolean NOT NULL DEFAULT false,
    presence         text NOT NULL DEFAULT 'ONLINE',  -- what the user wants to be seen as
    presence_text    text,
    min_iat          bigint NOT NULL DEFAULT 0,       -- older tokens are revoked
    has_revocations  boolean NOT NULL DEFAULT false,  -- is a look into revocations needed?
    created_at       timestamptz NOT NULL DEFAULT now(),
    deleted_at       timestamptz                      -- a tombstone: the id never comes back
) WITH (fillfactor = 80);
CREATE UNIQUE INDEX users_username ON users (lower(username));

-- Single sessions and tokens that ended before their time. Logged: it must outlive a crash.
CREATE TABLE revocations (
    user_id     uuid NOT NULL,
    session_id  uuid,
    token_id    text,
    until       timestamptz NOT NULL,                 -- no token lives longer
    CHECK (num_nonnulls(session_id, token_id) >= 1)
);
CREATE INDEX revocations_user ON revocations (user_id);
CREATE INDEX revocations_until ON revocations (until);

-- ------------------------------------------------------------- communities and rights

CREATE TABLE communities (
    id          uuid PRIMARY KEY,
    name        text NOT NULL,
    public      boolean NOT NULL DEFAULT false,       -- may anybody join?
    crowd       boolean NOT NULL DEFAULT false,       -- more than 1,000 members (trigger)
    created_by  uuid,
    created_at  timestamptz NOT NULL DEFAULT now(),
    deleted_at  timestamptz
);

-- Grants are masks: bit (number of the action in options.proto - 1).
CREATE TABLE roles (
    id            uuid PRIMARY KEY,
    community_id  uuid REFERENCES communities,        -- NULL: a role of the instance
    name          text NOT NULL,
    position      int NOT NULL DEFAULT 0 CHECK (position BETWEEN 0 AND 1000000),
    grants        bigint NOT NULL DEFAULT 0,
    mentionable   boolean NOT NULL DEFAULT false,
    given_to_all  boolean NOT NULL DEFAULT false,     -- who joins gets it
    created_at    timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX roles_community ON roles (community_id, position);

-- A set of roles that some members hold. A changed role changes its few classes and
-- none of the members.
CREATE TABLE access_classes (
    id            bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    community_id  uuid NOT NULL,
    roles         uuid[] NOT NULL,                    -- sorted
    grants        bigint NOT NULL,                    -- of all of them together
    position      int NOT NULL,                       -- of the highest
    UNIQUE (community_id, roles)
);

CREATE TABLE community_members (
    community_id   uuid NOT NULL,
    user_id        uuid NOT NULL,
    class_id       bigint NOT NULL,
    owner          boolean NOT NULL DEFAULT false,
    timeout_until  timestamptz,
    joined_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (community_id, user_id)
) WITH (fillfactor = 90);
CREATE INDEX community_members_user ON community_members (user_id, community_id);
CREATE INDEX community_members_owner ON community_members (community_id) WHERE owner;

-- Who comes and goes is told to the contacts, but not in a crowd; each connect asks which it
-- is, so that is counted when members change, not then.
CREATE FUNCTION members_make_crowd() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    v_community uuid;
    v_crowd boolean;
BEGIN
    FOR v_community IN SELECT DISTINCT x.community_id FROM changed x LOOP
        v_crowd := EXISTS (SELECT FROM community_members m
                           WHERE m.community_id = v_community OFFSET 1000);
        UPDATE communities c SET crowd = v_crowd WHERE c.id = v_community AND c.crowd <> v_crowd;
    END LOOP;
    RETURN NULL;
END $$;
CREATE TRIGGER members_came AFTER INSERT ON community_members REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION members_make_crowd();
CREATE TRIGGER members_went AFTER DELETE ON community_members REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION members_make_crowd();

-- A ban and a membership never stand side by side (trigger below), so that the check of
-- a right needs to look at the membership only.
CREATE TABLE bans (
    community_id  uuid NOT NULL,
    user_id       uuid NOT NULL,
    banned_by     uuid,
    reason        text,
    until         timestamptz,                        -- NULL: for good
    created_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (community_id, user_id)
);

CREATE FUNCTION bans_end_membership() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM community_members m
    WHERE m.community_id = NEW.community_id AND m.user_id = NEW.user_id;
    RETURN NULL;
END $$;
CREATE TRIGGER bans_end_membership AFTER INSERT ON bans
    FOR EACH ROW EXECUTE FUNCTION bans_end_membership();

-- -------------------------------------------------------------------------- rooms

CREATE TABLE rooms (
    id             uuid PRIMARY KEY,
    community_id   uuid,                              -- NULL: a direct room
    scope_id       uuid NOT NULL,                     -- access scope: community, or itself
    name           text NOT NULL DEFAULT '',
    topic          text,
    private        boolean NOT NULL DEFAULT false,    -- direct rooms are private
    has_overrides  boolean NOT NULL DEFAULT false,
    position       int NOT NULL DEFAULT 0,
    created_by     uuid,
    created_at     timestamptz NOT NULL DEFAULT now(),
    deleted_at     timestamptz,
    CHECK (scope_id = coalesce(community_id, id)),
    CHECK (community_id IS NOT NULL OR private)
) WITH (fillfactor = 90);
CREATE INDEX rooms_community ON rooms (community_id, position, id) WHERE deleted_at IS NULL;
-- the rooms that others than room_members may see, few where most rooms are private
CREATE INDEX rooms_open ON rooms (community_id)
    WHERE deleted_at IS NULL AND (NOT private OR has_overrides);

-- Of private and direct rooms. A row of somebody who has left the community says nothing;
-- it is purged later.
CREATE TABLE room_members (
    room_id   uuid NOT NULL,
    user_id   uuid NOT NULL,
    added_by  uuid,
    added_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (room_id, user_id)
);
CREATE INDEX room_members_user ON room_members (user_id, room_id);

CREATE TABLE room_overrides (
    room_id  uuid NOT NULL,
    role_id  uuid,
    user_id  uuid,
    allow    bigint NOT NULL DEFAULT 0,
    deny     bigint NOT NULL DEFAULT 0,
    CHECK (num_nonnulls(role_id, user_id) = 1),
    UNIQUE NULLS NOT DISTINCT (room_id, role_id, user_id)
);

-- ------------------------------------------------------------------ streams and events

-- Kinds as in lib/link/stream_id.h: 1 community, 2 members, 3 room, 4 user, 5 access.
-- Room on the page for HOT updates, and no index on what changes: each event updates one
-- row here.
CREATE TABLE streams (
    kind      smallint NOT NULL,
    id        uuid NOT NULL,
    last_seq  bigint NOT NULL DEFAULT 0,
    last_tag  int NOT NULL DEFAULT 0,
    prev_tag  int NOT NULL DEFAULT 0,
    PRIMARY KEY (kind, id)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02,
        autovacuum_vacuum_threshold = 200, autovacuum_analyze_scale_factor = 0.05);

-- The log: outbox, history and source of every repair.
CREATE TABLE events (
    kind      smallint NOT NULL,
    id        uuid NOT NULL,
    seq       bigint NOT NULL,
    tag       int NOT NULL,
    prev_tag  int NOT NULL,
    after     bigint NOT NULL,                        -- access seq an edge must have applied
    xid       xid8 NOT NULL DEFAULT pg_current_xact_id(),
    at        timestamptz NOT NULL DEFAULT now(),
    event     text NOT NULL,                          -- '': only control, for edges
    payload   json NOT NULL,
    control   json,
    PRIMARY KEY (kind, id, seq)
) WITH (autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.02);
CREATE INDEX events_xid ON events (xid);

-- Current state of what was said. `seqs` are the events that carry its text.
CREATE TABLE messages (
    id           uuid PRIMARY KEY,
    room_id      uuid NOT NULL,
    seq          bigint NOT NULL,
    author_id    uuid NOT NULL,
    author_name  text NOT NULL,
    content      text NOT NULL,
    reply_to_id  uuid,
    client_id    uuid,
    seqs         bigint[],                            -- of later events, NULL: none
    created_at   timestamptz NOT NULL DEFAULT now(),
    edited_at    timestamptz,
    deleted_at   timestamptz
) WITH (autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.02);
CREATE UNIQUE INDEX messages_room_seq ON messages (room_id, seq);

-- Exactly once: what was answered to (user, key). Nobody is the zero UUID.
CREATE TABLE answers (
    user_id  uuid NOT NULL,
    key      uuid NOT NULL,
    event    text NOT NULL,
    hash     bytea NOT NULL,
    status   text NOT NULL,
    message  text,
    details  text,
    reply    text,                                    -- NULL with a seq: made from that event
    control  text,
    kind     smallint,
    id       uuid,
    seq      bigint,
    at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (key, user_id)                        -- keys that grow with time (UUIDv7)
                                                      -- share pages
) WITH (autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.02);
CREATE INDEX answers_at ON answers (at);

-- ------------------------------------- who is here now: lost in a crash, announced again

CREATE UNLOGGED TABLE edges (
    edge_id     uuid PRIMARY KEY,
    whole       boolean NOT NULL DEFAULT false,       -- has it told us everything?
    told        int NOT NULL DEFAULT 0,               -- so many parts of a whole lease
    last_lease  uuid,                                 -- id of the newest: an older one is late
    expires_at  timestamptz NOT NULL
) WITH (fillfactor = 50);

CREATE UNLOGGED TABLE sessions (
    session_id    uuid PRIMARY KEY,
    user_id       uuid NOT NULL,
    edge_id       uuid NOT NULL,
    token_id      text,
    issued_at     bigint NOT NULL DEFAULT 0,
    label         text,
    idle          boolean NOT NULL DEFAULT false,
    connected_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX sessions_edge ON sessions (edge_id);

-- Users who were announced as connected. After the last session ended they stay until
-- leaving_at: a blink is not worth telling.
CREATE UNLOGGED TABLE present_users (
    user_id     uuid PRIMARY KEY,
    leaving_at  timestamptz
) WITH (fillfactor = 70);
CREATE INDEX present_users_leaving ON present_users (leaving_at) WHERE leaving_at IS NOT NULL;

CREATE UNLOGGED TABLE room_occupants (
    room_id  uuid NOT NULL,
    user_id  uuid NOT NULL,
    edge_id  uuid NOT NULL,
    PRIMARY KEY (room_id, user_id, edge_id)
);
CREATE INDEX room_occupants_edge ON room_occupants (edge_id);

-- migrate:down
DROP TABLE room_occupants, present_users, sessions, edges, answers, messages, events, streams,
    room_overrides, room_members, rooms, bans, community_members, access_classes, roles,
    communities, revocations, users, instance;
DROP FUNCTION members_make_crowd(), bans_end_membership();
