-- Streams as edges follow them: connecting, catching up, heads, rechecks, leases, and
-- the purge of what nobody needs any more.
--
-- `OFFSET 0` in a LATERAL or EXISTS, and names by a subselect, are on purpose: they keep
-- the planner at one index look-up a row, whatever it believes about the sizes of tables.
-- migrate:up

-- ------------------------------------------------------------------------ catching up

-- Does a cursor belong to this history, and is all that followed it kept? The event after
-- it names the tag it must have. Tag 0: the asker knows none.
CREATE FUNCTION cursor_fits(p_kind smallint, p_id uuid, p_seq bigint, p_tag int,
                            p_head bigint, p_head_tag int)
RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF p_head IS NULL OR p_seq > p_head OR p_seq < 0 THEN
        RETURN false;
    ELSIF p_seq = p_head THEN
        RETURN p_tag = 0 OR p_tag = p_head_tag;
    END IF;
    RETURN coalesce((SELECT p_tag = 0 OR e.prev_tag = p_tag FROM events e
                     WHERE e.kind = p_kind AND e.id = p_id AND e.seq = p_seq + 1), false);
END $$;

-- The nine texts of a row of the log, as append() returned them.
CREATE FUNCTION event_texts(e events) RETURNS text[] LANGUAGE sql STABLE AS $$
    SELECT ARRAY[stream_text(e.kind, e.id), e.seq::text, e.tag::text, e.prev_tag::text,
                 e.after::text, e.event, rfc3339(e.at), e.payload::text,
                 coalesce(e.control::text, '')]
$$;

-- What came after each cursor, one row a stream in the order asked, all of one snapshot:
-- at most p_limit events (1,000) and 1 MiB a stream, but at least one if there is any.
-- `first` is the oldest seq kept; resync: the cursor does not fit, `emitted` is NULL.
CREATE FUNCTION catch_up(p_streams text[], p_after bigint[], p_tags int[], p_limit int)
RETURNS TABLE (stream text, head bigint, head_tag int, first bigint, resync boolean,
               emitted text[])
LANGUAGE sql STABLE AS $$
    SELECT asked.stream, coalesce(s.last_seq, 0), coalesce(s.last_tag, 0),
           coalesce((SELECT e.seq FROM events e WHERE e.kind = s.kind AND e.id = s.id
                     ORDER BY e.seq LIMIT 1), s.last_seq + 1, 1),
           NOT fit.fits,
           CASE WHEN fit.fits AND s.last_seq > asked.after THEN
               (SELECT array_agg(x.text ORDER BY x.seq, x.place)
                FROM (SELECT w.seq, t.text, t.place
                      FROM (SELECT e.seq, event_texts(e) AS texts,
                                   sum(octet_length(e.payload::text)
                                       + coalesce(octet_length(e.control::text), 0))
                                       OVER (ORDER BY e.seq)
                                   - octet_length(e.payload::text)
                                   - coalesce(octet_length(e.control::text), 0) AS before
                            FROM (SELECT * FROM events e
                                  WHERE e.kind = s.kind AND e.id = s.id
                                    AND e.seq > asked.after
                                  ORDER BY e.seq LIMIT least(p_limit, 1000)) e) w,
                           unnest(w.texts) WITH ORDINALITY AS t(text, place)
                      WHERE w.before < 1048576) x)
           END
    FROM unnest(p_streams, p_after, p_tags) WITH ORDINALITY AS asked(stream, after, tag, place)
    LEFT JOIN LATERAL (SELECT * FROM streams s
                       WHERE s.kind = stream_kind(asked.stream)
                         AND s.id = stream_uuid(asked.stream) OFFSET 0) s ON true
    CROSS JOIN LATERAL (SELECT CASE
        WHEN s.id IS NULL THEN asked.after = 0
        ELSE cursor_fits(s.kind, s.id, asked.after, asked.tag, s.last_seq, s.last_tag)
        END AS fits) fit
    ORDER BY asked.place
$$;

-- The last seq of every stream with an event since the transaction p_since, and the next
-- p_since. Exact: every transaction below the snapshot's xmin is over, so whatever it wrote
-- was in this answer or in an earlier one. p_since 0: only the next p_since. Always at
-- least one row; its stream is NULL when nothing happened.
CREATE FUNCTION heads_since(p_since xid8)
RETURNS TABLE (next_since xid8, epoch uuid, stream text, seq bigint)
LANGUAGE sql STABLE AS $$
    SELECT pg_snapshot_xmin(pg_current_snapshot()), i.epoch, h.stream, h.seq
    FROM instance i
    LEFT JOIN (SELECT stream_text(e.kind, e.id) AS stream, max(e.seq) AS seq
               FROM events e
               WHERE e.xid >= p_since AND e.xid < pg_snapshot_xmax(pg_current_snapshot())
                 AND p_since <> '0'::xid8
               GROUP BY e.kind, e.id) h ON true
    WHERE i.one
$$;

-- May these users still hear these streams, and at which access seq was that read? In the
-- order asked.
CREATE FUNCTION recheck(p_users uuid[], p_streams text[])
RETURNS TABLE (allowed boolean, access_seq bigint) LANGUAGE sql STABLE AS $$
    SELECT x.allowed, x.access_seq
    FROM unnest(p_users, p_streams) WITH ORDINALITY AS asked(user_id, stream, place),
         LATERAL stream_access(asked.user_id, stream_kind(asked.stream),
                               stream_uuid(asked.stream)) x
    ORDER BY asked.place
$$;

-- ------------------------------------------------------------------------ connections

-- A user with the first free form of a name. Two connections may make him at once: both
-- find the one row.
CREATE FUNCTION make_user(p_user uuid, p_name text) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_name text := coalesce(nullif(btrim(p_name), ''), 'user-' || left(p_user::text, 8));
    v_try text := v_name;
    v_count int := 0;
BEGIN
    LOOP
        INSERT INTO users (id, username) VALUES (p_user, v_try) ON CONFLICT DO NOTHING;
        EXIT WHEN FOUND OR EXISTS (SELECT FROM users WHERE id = p_user);
        v_count := v_count + 1;
        v_try := v_name || '-' || CASE WHEN v_count = 1 THEN left(p_user::text, 4)
                                       ELSE left(gen_random_uuid()::text, 8) END;
    END LOOP;
    PERFORM new_streams(ARRAY[4], ARRAY[p_user]);
END $$;

-- The streams of a session from its first moment, and those it wants to go on with. One
-- statement, so that rights, access seqs and heads belong together.
CREATE FUNCTION session_streams(p_user uuid, p_streams text[], p_seqs bigint[], p_tags int[])
RETURNS TABLE (stream text, seq bigint, tag int, access text, access_seq bigint,
               resume_seq bigint, resume_tag int, resync boolean)
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN QUERY
    WITH wanted AS (
        SELECT w.kind, w.id, bool_or(w.resume) AS resume, max(w.seq) AS seq, max(w.tag) AS tag
        FROM (SELECT 4::smallint AS kind, p_user AS id, false AS resume, NULL::bigint AS seq,
                     NULL::int AS tag
              UNION ALL
              SELECT 1::smallint, m.community_id, false, NULL, NULL
              FROM community_members m WHERE m.user_id = p_user
              UNION ALL
              SELECT stream_kind(c.stream), stream_uuid(c.stream), true, c.seq, c.tag
              FROM unnest(p_streams, p_seqs, p_tags) AS c(stream, seq, tag)) w
        GROUP BY w.kind, w.id
    )
    SELECT stream_text(w.kind, w.id), s.last_seq, s.last_tag,
           CASE WHEN x.scope_id IS NOT NULL THEN 'access:' || x.scope_id END, x.access_seq,
           CASE WHEN fit.fits THEN w.seq END, CASE WHEN fit.fits THEN w.tag END,
           w.resume AND NOT fit.fits
    FROM wanted w
    CROSS JOIN LATERAL (SELECT * FROM streams s
                        WHERE s.kind = w.kind AND s.id = w.id OFFSET 0) s
    CROSS JOIN LATERAL stream_access(p_user, w.kind, w.id) x
    CROSS JOIN LATERAL (SELECT w.resume AND s.last_seq - w.seq <= 1000
                               AND cursor_fits(w.kind, w.id, w.seq, w.tag,
                                               s.last_seq, s.last_tag) AS fits) fit
    WHERE x.allowed
    ORDER BY w.kind = 4 DESC, w.kind, w.id;
END $$;

-- Sessions begin, many at once: the parameters of each in arrays. One row a stream to open.
-- The first alone, with an epoch, says who it is; its stream is the user's own, or none if the
-- session goes on with something. A refusal is only that row, and so is BUSY, with nothing
-- written for that one: somebody holds what it needs, or a row is to be made that could be
-- another's at the same time, of a new user or of an edge's first session. Waits for nobody.
-- `contacts`: whom to tell that the user is there now; NULL: nobody. `place`: in the arrays,
-- from 1. Where there are too many streams the edge leaves out the last ones, so they come in the
-- order of what a client can least do without. p_streams with p_seqs and p_tags: what each goes on with; p_rooms: what each joins.
CREATE FUNCTION connect_many(p_users uuid[], p_names text[], p_sessions uuid[], p_edges uuid[],
                             p_tokens text[], p_iats bigint[], p_create boolean,
                             p_labels text[], p_streams text[], p_seqs text[], p_tags text[],
                             p_rooms text[])
RETURNS TABLE (status text, message text, username text, display_name text, epoch uuid,
               first boolean, contacts text[], stream text, seq bigint, tag int, access text,
               access_seq bigint, resume_seq bigint, resume_tag int, resync boolean, place int)
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_open boolean := pg_try_advisory_xact_lock_shared(5); -- the sessions lock
    v_held boolean[];
    v_edges uuid[]; -- those that have a lease: it ends under the sessions lock only
    v_twins boolean; -- is a user or a session here twice? Mostly there is no need to look for more.
BEGIN
    -- a statement of its own, so that the next sees everything that committed before
    SELECT array_agg(v_open AND pg_try_advisory_xact_lock_shared(user_lock(c.u))
                     AND pg_try_advisory_xact_lock(presence_lock(c.u)) ORDER BY c.place),
           ARRAY(SELECT e.edge_id FROM edges e WHERE e.edge_id = ANY (p_edges)),
           (SELECT count(DISTINCT t.u) < count(t.u) OR count(DISTINCT t.s) < count(t.s)
            FROM unnest(p_users, p_sessions) AS t(u, s))
    INTO v_held, v_edges, v_twins
    FROM unnest(p_users) WITH ORDINALITY AS c(u, place);
    RETURN QUERY
    WITH asked AS MATERIALIZED (
        SELECT c.place::int, c.user_id, c.session_id, c.edge_id, c.token, c.iat, c.label,
               c.streams = '{}' AS fresh, c.streams, c.seqs, c.tags, c.rooms::uuid[] AS rooms,
               u.username, u.display_name, u.presence <> 'INVISIBLE' AS seen,
               p.user_id IS NOT NULL AS there, p.leaving_at IS NOT NULL AS leaving,
               x.busy, x.problem, NOT x.busy AND x.problem IS NULL AS ok
        FROM unnest(p_users, p_sessions, p_edges, p_tokens, p_iats, p_labels, p_streams, p_seqs,
                    p_tags, p_rooms, v_held)
             WITH ORDINALITY AS c(user_id, session_id, edge_id, token, iat, label, streams, seqs,
                                  tags, rooms, held, place)
        LEFT JOIN LATERAL (SELECT * FROM users u WHERE u.id = c.user_id OFFSET 0) u ON true
        LEFT JOIN LATERAL (SELECT * FROM present_users p
                           WHERE p.user_id = c.user_id OFFSET 0) p ON true
        CROSS JOIN LATERAL (SELECT
            NOT (c.held AND u.id IS NOT NULL
                 AND (c.session_id IS NULL OR coalesce(c.edge_id = ANY (v_edges), false)))
                AS busy,
            CASE WHEN u.deleted_at IS NOT NULL THEN 'This user was deleted'
                 WHEN c.iat < u.min_iat OR u.has_revocations AND EXISTS (
                          SELECT FROM revocations r
                          WHERE r.user_id = c.user_id AND r.until > now()
                            AND (r.session_id = c.session_id OR r.token_id = c.token))
                 THEN 'This session was revoked' END AS problem) x
    ), begun AS NOT MATERIALIZED (
        -- `leads`: of the sessions that begin here the first of its user
        SELECT a.*, a.ok AND a.session_id IS NOT NULL AND NOT (v_twins AND EXISTS (
                   SELECT FROM asked o WHERE o.user_id = a.user_id AND o.place < a.place
                                         AND o.ok AND o.session_id IS NOT NULL)) AS leads
        FROM asked a
    ), entered AS (
        -- Nobody else writes rows of these users now, so there is no conflict to expect: what
        -- ON CONFLICT guards against costs half as much again. A request that was sent again
        -- finds its row, or is here twice.
        INSERT INTO sessions (session_id, user_id, edge_id, token_id, issued_at, label)
        SELECT a.session_id, a.user_id, a.edge_id, a.token, coalesce(a.iat, 0), a.label
        FROM asked a
        WHERE a.ok AND a.session_id IS NOT NULL
          AND NOT EXISTS (SELECT FROM sessions s WHERE s.session_id = a.session_id OFFSET 0)
          AND NOT (v_twins AND EXISTS (
                  SELECT FROM asked o WHERE o.session_id = a.session_id AND o.place > a.place
                                        AND o.ok))
    ), came AS (
        INSERT INTO present_users (user_id)
        SELECT b.user_id FROM begun b WHERE b.leads AND NOT b.there
    ), stays AS (
        UPDATE present_users p SET leaving_at = NULL
        WHERE p.user_id = ANY (ARRAY(SELECT b.user_id FROM begun b WHERE b.leads AND b.leaving))
    )
    SELECT x.status, x.message, x.username, x.display_name, x.epoch, x.first, x.contacts,
           x.stream, x.seq, x.tag, x.access, x.access_seq, x.resume_seq, x.resume_tag, x.resync,
           x.place
    FROM (
        SELECT CASE WHEN b.busy THEN 'BUSY' WHEN b.ok THEN 'OK' ELSE 'UNAUTHENTICATED' END,
               b.problem, b.username, b.display_name,
               (SELECT i.epoch FROM instance i WHERE i.one), b.leads AND NOT b.there,
               CASE WHEN b.leads AND NOT b.there AND b.seen THEN contact_streams(b.user_id) END,
               'user:' || s.id, s.last_seq, s.last_tag, NULL::text, 0::bigint, NULL::bigint,
               NULL::int, false, b.place, 1
        FROM begun b
        LEFT JOIN LATERAL (SELECT * FROM streams s
                           WHERE s.kind = 4 AND s.id = b.user_id OFFSET 0) s ON b.ok AND b.fresh
        UNION ALL
        -- as session_streams() without anything to go on with, and as community_rights()
        SELECT 'OK', NULL, NULL, NULL, NULL, NULL, NULL, 'community:' || m.community_id,
               s.last_seq, s.last_tag, 'access:' || m.community_id, x.last_seq, NULL, NULL,
               false, a.place, 3
        FROM asked a
        CROSS JOIN LATERAL (
            SELECT m.community_id FROM community_members m
            WHERE m.user_id = a.user_id
              -- a deleted community's classes grant nothing
              AND CASE WHEN m.owner THEN EXISTS (SELECT FROM communities c
                                                 WHERE c.id = m.community_id
                                                   AND c.deleted_at IS NULL OFFSET 0)
                       ELSE (SELECT k.grants FROM access_classes k WHERE k.id = m.class_id)
                            & mask('VIEW_COMMUNITY') <> 0 END
            OFFSET 0) m
        CROSS JOIN LATERAL (SELECT * FROM streams s
                            WHERE s.kind = 1 AND s.id = m.community_id OFFSET 0) s
        LEFT JOIN LATERAL (SELECT * FROM streams s
                           WHERE s.kind = 5 AND s.id = m.community_id OFFSET 0) x ON true
        WHERE a.ok AND a.fresh
        UNION ALL
        SELECT 'OK', NULL, NULL, NULL, NULL, NULL, NULL, r.*, a.place,
               CASE stream_kind(r.stream) WHEN 4 THEN 2 WHEN 1 THEN 3 ELSE 4 END
        FROM asked a
        CROSS JOIN LATERAL session_streams(a.user_id, a.streams::text[], a.seqs::bigint[],
                                           a.tags::int[]) r
        WHERE a.ok AND NOT a.fresh
        UNION ALL
        -- rooms from now on, as JOIN_ROOM opens them
        SELECT 'OK', NULL, NULL, NULL, NULL, NULL, NULL, 'room:' || r.id, s.last_seq,
               s.last_tag, 'access:' || r.scope_id, x.last_seq, NULL, NULL, false, w.place, 5
        FROM (SELECT a.place, a.user_id,
                     unnest(CASE WHEN a.fresh AND cardinality(a.rooms) = 1 THEN a.rooms
                                 -- without what it goes on with, and what is named twice
                                 ELSE ARRAY(SELECT unnest(a.rooms) EXCEPT
                                            SELECT stream_uuid(c.name)
                                            FROM unnest(a.streams::text[]) AS c(name)
                                            WHERE stream_kind(c.name) = 3) END) AS id
              FROM asked a WHERE a.ok AND a.rooms <> '{}') w
        CROSS JOIN LATERAL (SELECT * FROM rooms r WHERE r.id = w.id OFFSET 0) r
        CROSS JOIN LATERAL (SELECT * FROM streams s
                            WHERE s.kind = 3 AND s.id = w.id OFFSET 0) s
        CROSS JOIN LATERAL (SELECT * FROM streams s
                            WHERE s.kind = 5 AND s.id = r.scope_id OFFSET 0) x
        LEFT JOIN LATERAL plain_rights(w.user_id, r.community_id, r.id, r.private,
                                       r.has_overrides OR r.deleted_at IS NOT NULL) p ON true
        WHERE coalesce(p.rights, room_rights(w.user_id, r.community_id, r.id))
              & mask('VIEW_ROOM') <> 0
        ) x(status, message, username, display_name, epoch, first, contacts, stream, seq, tag,
            access, access_seq, resume_seq, resume_tag, resync, place, rank)
    ORDER BY x.place, x.rank;
END $$;

-- One session, alone: waits for locks, and makes what is missing. p_session NULL: an HTTP
-- request, which only makes sure that the user is there.
CREATE FUNCTION session_connect(p_user uuid, p_name text, p_session uuid, p_edge uuid,
                                p_token text, p_iat bigint, p_create boolean, p_label text,
                                p_streams text[], p_seqs bigint[], p_tags int[],
                                p_rooms uuid[] DEFAULT '{}')
RETURNS TABLE (status text, message text, username text, display_name text, epoch uuid,
               first boolean, contacts text[], stream text, seq bigint, tag int, access text,
               access_seq bigint, resume_seq bigint, resume_tag int, resync boolean)
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(5); -- the sessions lock
    PERFORM pg_advisory_xact_lock_shared(user_lock(p_user));
    PERFORM pg_advisory_xact_lock(presence_lock(p_user));
    IF NOT EXISTS (SELECT FROM users u WHERE u.id = p_user) THEN
        IF NOT p_create THEN
            status := 'UNAUTHENTICATED';
            message := 'Unknown user';
            SELECT i.epoch INTO epoch FROM instance i WHERE i.one;
            first := false;
            RETURN NEXT;
            RETURN;
        END IF;
        PERFORM make_user(p_user, p_name);
    END IF;
    IF p_session IS NOT NULL THEN
        -- a lease for an edge that has not asked for one yet
        INSERT INTO edges (edge_id, expires_at) VALUES (p_edge, now() + interval '4 s')
        ON CONFLICT DO NOTHING;
    END IF;
    RETURN QUERY
    SELECT c.status, c.message, c.username, c.display_name, c.epoch, c.first, c.contacts,
           c.stream, c.seq, c.tag, c.access, c.access_seq, c.resume_seq, c.resume_tag, c.resync
    FROM connect_many(ARRAY[p_user], ARRAY[p_name], ARRAY[p_session], ARRAY[p_edge],
                      ARRAY[p_token], ARRAY[p_iat], p_create, ARRAY[p_label],
                      ARRAY[p_streams::text], ARRAY[p_seqs::text], ARRAY[p_tags::text],
                      ARRAY[p_rooms::text]) c;
END $$;

-- Sessions end: OK, or BUSY. Whether that is news, expire_presence() tells when the grace is
-- over. Waits for nobody. Users are given, too: of a session that was revoked there is no row
-- any more, but its user may have left with it.
CREATE FUNCTION disconnect_many(p_sessions uuid[], p_users uuid[])
RETURNS TABLE (status text, place int)
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_open boolean := pg_try_advisory_xact_lock_shared(5); -- the sessions lock
    v_users uuid[];
    v_held boolean[];
BEGIN
    SELECT array_agg(x.user_id ORDER BY x.place),
           array_agg(x.user_id IS NULL
                     OR v_open AND pg_try_advisory_xact_lock_shared(user_lock(x.user_id))
                     AND pg_try_advisory_xact_lock(presence_lock(x.user_id)) ORDER BY x.place)
    INTO v_users, v_held
    FROM (SELECT c.place, coalesce((SELECT s.user_id FROM sessions s WHERE s.session_id = c.id),
                                   c.user_id) AS user_id
          FROM unnest(p_sessions, p_users) WITH ORDINALITY AS c(id, user_id, place)) x;
    DELETE FROM sessions s
    WHERE s.session_id = ANY (ARRAY(SELECT c.id FROM unnest(p_sessions, v_held) AS c(id, held)
                                    WHERE c.held));
    PERFORM users_left(ARRAY(SELECT DISTINCT c.id FROM unnest(v_users, v_held) AS c(id, held)
                             WHERE c.held AND c.id IS NOT NULL), interval '3 s');
    RETURN QUERY SELECT CASE WHEN h.held THEN 'OK' ELSE 'BUSY' END, h.place::int
                 FROM unnest(v_held) WITH ORDINALITY AS h(held, place);
END $$;

-- One alone, which waits.
CREATE FUNCTION session_disconnect(p_session uuid, p_user uuid DEFAULT NULL) RETURNS text
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_user uuid := coalesce((SELECT s.user_id FROM sessions s WHERE s.session_id = p_session),
                            p_user);
BEGIN
    PERFORM pg_advisory_xact_lock_shared(5); -- the sessions lock
    IF v_user IS NOT NULL THEN
        PERFORM pg_advisory_xact_lock_shared(user_lock(v_user));
        PERFORM pg_advisory_xact_lock(presence_lock(v_user));
    END IF;
    RETURN (SELECT d.status FROM disconnect_many(ARRAY[p_session], ARRAY[p_user]) d);
END $$;

-- ----------------------------------------------------------------------------- leases
-- Who is in a room over all edges. Changes are made under one lock, the occupancy lock:
-- whether somebody came as the first or left as the last depends on what other edges do at
-- the same time.

CREATE FUNCTION name_of(p_user uuid) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT u.username FROM users u WHERE u.id = p_user);
END $$;

CREATE FUNCTION occupancy_lock() RETURNS void LANGUAGE sql VOLATILE AS $$
    SELECT pg_advisory_xact_lock(4)
$$;

-- Who changes sessions or presence of several users holds this one, before the other, and
-- batches of connects share it. What is told about rooms needs it not, so that who comes
-- and joins meets no lease but the whole ones.
CREATE FUNCTION sessions_lock() RETURNS void LANGUAGE sql VOLATILE AS $$
    SELECT pg_advisory_xact_lock(5)
$$;

-- Ends the leases of edges; says who is gone with them from which rooms.
CREATE FUNCTION end_edges(p_edges uuid[])
RETURNS TABLE (what text, room_id uuid, user_id uuid, username text, present boolean)
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_users uuid[];
BEGIN
    RETURN QUERY
    WITH gone AS (
        DELETE FROM room_occupants o WHERE o.edge_id = ANY (p_edges)
        RETURNING o.room_id, o.user_id)
    SELECT 'ROOM', g.room_id, g.user_id, name_of(g.user_id), false
    FROM (SELECT DISTINCT * FROM gone) g
    WHERE NOT EXISTS (SELECT FROM room_occupants o
                      WHERE o.room_id = g.room_id AND o.user_id = g.user_id
                        AND o.edge_id <> ALL (p_edges) OFFSET 0);
    WITH gone AS (
        DELETE FROM sessions s WHERE s.edge_id = ANY (p_edges) RETURNING s.user_id)
    SELECT array_agg(DISTINCT g.user_id) INTO v_users FROM gone g;
    -- the lease was as long as the grace
    PERFORM users_left(v_users, interval '0');
END $$;

-- In which part of a whole lease a session is told, by its id, or a (room, user), by the user's: a
-- room may have more of them than one part holds.
CREATE FUNCTION slice_of(p_id uuid, p_slices int) RETURNS int
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN p_slices = 1 THEN 0 ELSE get_byte(uuid_send(p_id), 15) % p_slices END
$$;

-- Each second from each edge: it lives, and what has changed at it. Rows tell what that
-- changes for everybody: ROOM (a user is now in a room or no longer), USER (a user's first
-- session is there), AGAIN (the edge is not known: send everything). A large edge tells
-- everything in parts, in order, each complete for its slice of the ids.
CREATE FUNCTION edge_lease(p_edge uuid, p_whole boolean, p_leaving boolean,
                           p_rooms uuid[], p_room_users uuid[], p_room_present boolean[],
                           p_sessions uuid[], p_session_users uuid[],
                           p_session_connected boolean[], p_session_idle boolean[],
                           p_lease uuid DEFAULT NULL, p_slice int DEFAULT 0,
                           p_slices int DEFAULT 1)
RETURNS TABLE (what text, room_id uuid, user_id uuid, username text, present boolean)
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_whole boolean;
    v_told int;
    v_sessions boolean := p_whole OR cardinality(p_sessions) > 0;
    v_changes boolean := v_sessions OR cardinality(p_rooms) > 0;
    v_came uuid[];
    v_gone uuid[];
BEGIN
    IF v_sessions THEN
        PERFORM sessions_lock();
    END IF;
    IF v_changes THEN
        PERFORM occupancy_lock();
    END IF;
    -- a core that was stopped may bring an old lease after a newer one
    INSERT INTO edges AS e (edge_id, whole, told, last_lease, expires_at)
    VALUES (p_edge, p_whole AND p_slices = 1, (p_whole AND p_slice = 0)::int, p_lease,
            now() + CASE WHEN p_leaving THEN interval '3 s' ELSE interval '4 s' END)
    ON CONFLICT (edge_id) DO UPDATE
    SET whole = e.whole OR p_whole AND p_slice = p_slices - 1 AND p_slice IN (0, e.told),
        told = CASE WHEN NOT p_whole OR e.last_lease = p_lease THEN e.told WHEN p_slice IN (0, e.told) THEN p_slice + 1
                    ELSE 0 END,
        last_lease = excluded.last_lease,
        expires_at = excluded.expires_at
    WHERE e.last_lease IS NULL OR p_lease IS NULL OR e.last_lease <= p_lease
    RETURNING e.whole, e.told INTO v_whole, v_told;
    IF v_whole IS NULL THEN
        RETURN;
    END IF;
    IF NOT v_whole AND NOT (p_whole AND v_told = p_slice + 1) THEN
        RETURN QUERY SELECT 'AGAIN', NULL::uuid, NULL::uuid, NULL::text, NULL::boolean;
    END IF;
    IF NOT v_changes THEN
        RETURN;
    END IF;

    RETURN QUERY
    WITH said AS (
        SELECT r.room_id, r.user_id, bool_or(r.present) AS present
        FROM unnest(p_rooms, p_room_users, p_room_present) AS r(room_id, user_id, present)
        GROUP BY r.room_id, r.user_id
    ), gone AS (
        DELETE FROM room_occupants o
        WHERE o.ctid = ANY (ARRAY(
            SELECT h.ctid FROM room_occupants h
            WHERE p_whole AND h.edge_id = p_edge
              AND slice_of(h.user_id, p_slices) = p_slice
              AND (h.room_id, h.user_id) NOT IN (SELECT s.room_id, s.user_id FROM said s
                                                 WHERE s.present)
            UNION ALL
            SELECT h.ctid
            FROM said s,
                 LATERAL (SELECT x.ctid FROM room_occupants x
                          WHERE x.room_id = s.room_id AND x.user_id = s.user_id
                            AND x.edge_id = p_edge OFFSET 0) h
            WHERE NOT p_whole AND NOT s.present))
        RETURNING o.room_id, o.user_id
    ), came AS (
        INSERT INTO room_occupants (room_id, user_id, edge_id)
        SELECT s.room_id, s.user_id, p_edge FROM said s WHERE s.present
        ON CONFLICT DO NOTHING
        RETURNING room_occupants.room_id, room_occupants.user_id
    ), changed AS (
        SELECT g.*, false AS present FROM gone g
        UNION ALL SELECT c.*, true FROM came c
    )
    SELECT 'ROOM', c.room_id, c.user_id,
           (SELECT u.username FROM users u WHERE u.id = c.user_id), c.present
    FROM changed c
    WHERE NOT EXISTS (SELECT FROM room_occupants o
                      WHERE o.room_id = c.room_id AND o.user_id = c.user_id
                        AND o.edge_id <> p_edge OFFSET 0);
    IF NOT v_sessions THEN
        RETURN;
    END IF;

    -- Sessions were entered by session_connect; this repairs what was lost, and says who
    -- is idle. One that began while a whole list was under way is not in it yet.
    WITH said AS (
        SELECT s.session_id, s.user_id, s.connected, s.idle
        FROM unnest(p_sessions, p_session_users, p_session_connected, p_session_idle)
             AS s(session_id, user_id, connected, idle)
    ), gone AS (
        DELETE FROM sessions o
        WHERE o.ctid = ANY (ARRAY(
            SELECT h.ctid FROM sessions h
            WHERE p_whole AND h.edge_id = p_edge
              AND slice_of(h.session_id, p_slices) = p_slice
              AND h.connected_at < now() - interval '10 s'
              AND h.session_id NOT IN (SELECT s.session_id FROM said s WHERE s.connected)
            UNION ALL
            SELECT h.ctid
            FROM said s,
                 LATERAL (SELECT x.ctid FROM sessions x
                          WHERE x.session_id = s.session_id AND x.edge_id = p_edge
                          OFFSET 0) h
            WHERE NOT p_whole AND NOT s.connected))
        RETURNING o.user_id
    ), idle AS (
        UPDATE sessions o SET idle = NOT o.idle
        WHERE o.ctid = ANY (ARRAY(
            SELECT h.ctid
            FROM said s,
                 LATERAL (SELECT x.ctid FROM sessions x
                          WHERE x.session_id = s.session_id
                            AND x.idle <> coalesce(s.idle, false) OFFSET 0) h
            WHERE s.connected))
    ), came AS (
        INSERT INTO sessions (session_id, user_id, edge_id, idle)
        SELECT s.session_id, s.user_id, p_edge, coalesce(s.idle, false)
        FROM said s WHERE s.connected AND s.user_id IS NOT NULL
        ON CONFLICT DO NOTHING
        RETURNING sessions.user_id
    )
    SELECT array(SELECT DISTINCT c.user_id FROM came c),
           array(SELECT DISTINCT g.user_id FROM gone g)
    INTO v_came, v_gone;
    PERFORM users_left(v_gone, interval '3 s');
    RETURN QUERY
    SELECT 'USER', NULL::uuid, c.user_id, name_of(c.user_id), true
    FROM unnest(v_came) AS c(user_id)
    WHERE user_came(c.user_id);
END $$;

-- Ends the leases that ran out: ROOM rows of who is gone. One core deletes a row and
-- announces it; another finds nothing. After a start of PostgreSQL, edges get time to
-- announce themselves.
CREATE FUNCTION expire_leases()
RETURNS TABLE (what text, room_id uuid, user_id uuid, username text, present boolean)
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_edges uuid[];
BEGIN
    -- Most of the time there is nothing to do, and nobody should wait to find that out.
    IF pg_postmaster_start_time() > now() - interval '8 s'
       OR NOT EXISTS (SELECT FROM edges e WHERE e.expires_at < now()) THEN
        RETURN;
    END IF;
    PERFORM sessions_lock();
    PERFORM occupancy_lock();
    WITH gone AS (
        DELETE FROM edges e WHERE e.expires_at < now() RETURNING e.edge_id)
    SELECT array_agg(g.edge_id) INTO v_edges FROM gone g;
    IF v_edges IS NOT NULL THEN
        RETURN QUERY SELECT * FROM end_edges(v_edges);
    END IF;
END $$;

-- ------------------------------------------------------------------------------- purge

-- Deletes at most p_limit rows of each kind that are past their time; returns how many.
-- Called often with a small limit: a long transaction would hold heads back.
CREATE FUNCTION purge(p_limit int) RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_instance instance;
    v_total bigint := 0;
    v_count bigint;
BEGIN
    SELECT * INTO v_instance FROM instance WHERE one;
    DELETE FROM answers t WHERE t.ctid = ANY (ARRAY(
        SELECT o.ctid FROM answers o WHERE o.at < now() - v_instance.answers_kept
        ORDER BY o.at LIMIT p_limit FOR UPDATE SKIP LOCKED));
    GET DIAGNOSTICS v_count = ROW_COUNT;
    v_total := v_total + v_count;

    -- the index on xid is in the order of time
    DELETE FROM events e WHERE e.ctid = ANY (ARRAY(
        SELECT o.ctid FROM (SELECT n.ctid, n.at FROM events n ORDER BY n.xid LIMIT p_limit) o
        WHERE o.at < now() - v_instance.events_kept));
    GET DIAGNOSTICS v_count = ROW_COUNT;
    v_total := v_total + v_count;

    DELETE FROM revocations WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM revocations WHERE until < now() ORDER BY until LIMIT p_limit));
    GET DIAGNOSTICS v_count = ROW_COUNT;
    RETURN v_total + v_count;
END $$;

-- migrate:down
DROP FUNCTION purge(int), expire_leases(),
    edge_lease(uuid, boolean, boolean, uuid[], uuid[], boolean[], uuid[], uuid[], boolean[],
               boolean[], uuid, int, int),
    slice_of(uuid, int), end_edges(uuid[]), sessions_lock(), occupancy_lock(), name_of(uuid),
    session_disconnect(uuid, uuid), disconnect_many(uuid[], uuid[]),
    session_connect(uuid, text, uuid, uuid, text, bigint, boolean, text, text[], bigint[],
                    int[], uuid[]),
    connect_many(uuid[], text[], uuid[], uuid[], text[], bigint[], boolean, text[], text[],
                 text[], text[], text[]),
    session_streams(uuid, text[], bigint[], int[]), make_user(uuid, text),
    recheck(uuid[], text[]), heads_since(xid8), catch_up(text[], bigint[], int[], int),
    event_texts(events), cursor_fits(smallint, uuid, bigint, int, bigint, int);
