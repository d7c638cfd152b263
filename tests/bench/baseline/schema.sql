-- Tables of the stack that is compared with, in a schema of their own beside ours. Users,
-- rooms and memberships have the same ids as those that ./dev seed makes.
-- psql variables: users, rooms
BEGIN;
CREATE SCHEMA IF NOT EXISTS baseline;
SET LOCAL search_path = baseline;

CREATE TABLE IF NOT EXISTS users (id uuid PRIMARY KEY, username text NOT NULL);
CREATE TABLE IF NOT EXISTS communities (id uuid PRIMARY KEY, name text NOT NULL);
CREATE TABLE IF NOT EXISTS rooms (
    id uuid PRIMARY KEY,
    community_id uuid NOT NULL REFERENCES communities (id),
    name text NOT NULL
);
CREATE TABLE IF NOT EXISTS roles (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    community_id uuid NOT NULL REFERENCES communities (id),
    name text NOT NULL
);
CREATE TABLE IF NOT EXISTS role_permissions (
    role_id bigint NOT NULL REFERENCES roles (id),
    action text NOT NULL,
    PRIMARY KEY (role_id, action)
);
CREATE TABLE IF NOT EXISTS user_roles (
    user_id uuid NOT NULL REFERENCES users (id),
    role_id bigint NOT NULL REFERENCES roles (id),
    PRIMARY KEY (user_id, role_id)
);
CREATE TABLE IF NOT EXISTS room_members (
    room_id uuid NOT NULL REFERENCES rooms (id),
    user_id uuid NOT NULL REFERENCES users (id),
    PRIMARY KEY (room_id, user_id)
);
CREATE TABLE IF NOT EXISTS messages (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    room_id uuid NOT NULL REFERENCES rooms (id),
    author_id uuid NOT NULL REFERENCES users (id),
    content text NOT NULL,
    client_id uuid,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX IF NOT EXISTS messages_of_room ON messages (room_id, id);

INSERT INTO communities VALUES ('00000000-0000-4000-a000-000000000001', 'Load test')
ON CONFLICT DO NOTHING;
INSERT INTO roles (community_id, name)
SELECT '00000000-0000-4000-a000-000000000001', name
FROM unnest(ARRAY['Admin', 'Moderator', 'Member']) name
WHERE NOT EXISTS (SELECT FROM roles);
INSERT INTO role_permissions
SELECT r.id, action FROM roles r,
       unnest(ARRAY['VIEW_ROOM', 'READ_HISTORY', 'SEND_MESSAGE', 'ADD_REACTION']) action
ON CONFLICT DO NOTHING;
INSERT INTO users
SELECT public.seed_user(i), 'user' || i FROM generate_series(0, :users) i
ON CONFLICT DO NOTHING;
INSERT INTO user_roles
SELECT public.seed_user(i), r.id FROM generate_series(0, :users) i, roles r
WHERE r.name = 'Member' OR (r.name = 'Moderator' AND i % 100 = 0)
ON CONFLICT DO NOTHING;
INSERT INTO rooms
SELECT public.seed_room(r), '00000000-0000-4000-a000-000000000001', 'room' || r
FROM generate_series(0, :rooms - 1) r
ON CONFLICT DO NOTHING;
INSERT INTO room_members
SELECT public.seed_room(i % :rooms), public.seed_user(i) FROM generate_series(0, :users) i
ON CONFLICT DO NOTHING;
COMMIT;
ANALYZE baseline.users, baseline.rooms, baseline.roles, baseline.role_permissions,
    baseline.user_roles, baseline.room_members, baseline.messages;
