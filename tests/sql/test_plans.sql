-- The core's connections forbid sequential scans and make one plan for all parameters, on
-- tables that may have been empty: every event must find its rows by an index.
ANALYZE; -- statistics of empty tables, as after a fresh start
CREATE TABLE world AS SELECT test.community(2, 3) AS community;
ALTER TABLE world ADD room uuid, ADD private uuid, ADD id uuid;
UPDATE world SET room = test.room(community), private = test.room(community, true);
INSERT INTO bans (community_id, user_id) SELECT community, gen_random_uuid() FROM world;
SELECT test.ok(current_setting('enable_seqscan') = 'off'
               AND current_setting('plan_cache_mode') = 'force_generic_plan', 'as the core connects');

CREATE FUNCTION everything() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    w world;
    v_session uuid := gen_random_uuid();
BEGIN
    UPDATE world SET id = test.send(test.u(2), room);
    SELECT * INTO w FROM world;
    PERFORM test.reply(test.u(3), 'JOIN_COMMUNITY', w.community);
    PERFORM session_connect(test.u(2), 'x', v_session, gen_random_uuid(), v_session::text, 1, true, NULL,
                            ARRAY['room:' || w.room], ARRAY[0], ARRAY[0]);
    PERFORM test.reply(test.u(2), 'SEND_MESSAGE', w.room, '''x'', ' || quote_literal(w.id));
    PERFORM test.reply(test.u(2), 'EDIT_MESSAGE', w.id, '''y''');
    PERFORM test.reply(test.u(2), 'DELETE_MESSAGE', w.id, 'NULL');
    PERFORM test.reply(test.u(2), 'GET_HISTORY', w.room, 'NULL, NULL, 50');
    PERFORM test.reply(test.u(2), 'GET_HISTORY', w.room, 'NULL, 1, 50');
    PERFORM test.reply(test.u(1), 'ADD_ROOM_MEMBER', w.private, quote_literal(test.u(3)));
    PERFORM test.reply(test.u(1), 'SET_ROOM_OVERRIDE', w.private,
                       'NULL, ' || quote_literal(test.u(3)) || ', 0, ' || mask('SEND_MESSAGE'));
    PERFORM test.reply(test.u(3), 'JOIN_ROOM', w.private);
    PERFORM test.reply(test.u(3), 'LIST_ROOMS', w.community);
    PERFORM test.reply(test.u(3), 'JOIN_ALL_ROOMS', NULL, 'NULL');
    PERFORM test.reply(test.u(3), 'JOIN_ALL_ROOMS', NULL, quote_literal(w.community));
    PERFORM test.reply(test.u(1), 'REMOVE_ROOM_MEMBER', w.private, quote_literal(test.u(3)));
    PERFORM test.reply(test.u(1), 'KICK_MEMBER', w.community, quote_literal(test.u(3)) || ', NULL');
    PERFORM test.reply(test.u(3), 'JOIN_COMMUNITY', w.community);
    PERFORM test.reply(test.u(3), 'LEAVE_COMMUNITY', w.community);
    PERFORM test.reply(test.u(1), 'CREATE_COMMUNITY', NULL, '''c'', true');
    PERFORM test.reply(test.u(1), 'CREATE_ROOM', w.community, '''r'', false');
    PERFORM test.reply(test.u(2), 'LIST_COMMUNITIES');
    PERFORM test.reply(test.u(2), 'LIST_SESSIONS');
    PERFORM test.reply(test.u(2), 'SET_PRESENCE', NULL, '''IDLE'', NULL');
    PERFORM test.reply(test.u(2), 'GET_PRESENCE', NULL, format('ARRAY[%L]::uuid[]', test.u(1)));
    PERFORM test.reply(test.u(2), 'REVOKE_SESSION', NULL, quote_literal(v_session));
    PERFORM test.run(test.u(2), 'SEND_MESSAGE', w.room, '''x'', NULL');
    UPDATE test.events SET form = 'lone' WHERE name = 'SEND_MESSAGE';
    PERFORM test.run(test.u(2), 'SEND_MESSAGE', w.room, '''x'', NULL', p_mode => 1);
    PERFORM count(*) FROM catch_up(ARRAY['room:' || w.room, 'community:' || w.community],
                                   ARRAY[0, 0], ARRAY[0, 0], 1000);
    PERFORM count(*) FROM heads_since(pg_snapshot_xmin(pg_current_snapshot()));
    PERFORM count(*) FROM recheck(ARRAY[test.u(2)], ARRAY['room:' || w.private]);
    PERFORM count(*) FROM edge_lease(gen_random_uuid(), true, false, ARRAY[w.room], ARRAY[test.u(2)],
                                     '{t}', ARRAY[gen_random_uuid()], ARRAY[test.u(2)], '{t}', '{f}');
    PERFORM session_disconnect(v_session);
END $$;
SELECT everything(); -- makes the plans

-- then the tables grow, and the plans stay
SELECT seed(20000, 2000);
INSERT INTO events (kind, id, seq, tag, prev_tag, after, event, payload, xid)
SELECT 3, seed_room(i % 2000), 100000 + i, 1, 1, 0, 'MESSAGE_CREATED', '{}', '1' FROM generate_series(1, 20000) i;
INSERT INTO messages (id, room_id, seq, author_id, author_name, content)
SELECT uuid_v7(), seed_room(i % 2000), 100000 + i, seed_user(i), '', '' FROM generate_series(1, 20000) i;
SELECT pg_stat_force_next_flush();
SELECT pg_stat_reset();
SELECT everything();
SELECT pg_stat_force_next_flush();
SELECT pg_stat_clear_snapshot();
SELECT test.equal(string_agg(relname || ' ' || seq_scan, ', ' ORDER BY relname), NULL, 'sequential scans')
FROM pg_stat_user_tables
WHERE schemaname = 'public' AND relname <> 'world' AND seq_scan > 0;
-- about 40 calls: what is read must not depend on what else is there
SELECT test.ok(sum(idx_tup_read) > 100 AND max(idx_tup_read) < 2000, 'index entries read: '
               || string_agg(indexrelname || ' ' || idx_tup_read, ', ' ORDER BY idx_tup_read DESC))
FROM pg_stat_user_indexes WHERE schemaname = 'public' AND idx_tup_read > 0;
