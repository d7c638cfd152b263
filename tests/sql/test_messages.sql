-- Messages: what is stored, changed, deleted, read back.
CREATE TABLE world AS SELECT test.community(2, 3) AS community;
ALTER TABLE world ADD room uuid, ADD other uuid, ADD id uuid, ADD key uuid DEFAULT gen_random_uuid();
UPDATE world SET room = test.room(community), other = test.room(community);
SELECT test.grant_role(community, test.u(3), 'Moderator') FROM world;

-- the reply, the event and the history agree
CREATE TABLE sent AS SELECT o.*, o.reply::json AS r FROM world, test.run(test.u(2), 'SEND_MESSAGE', room,
    quote_literal(E'tab\t "quoted" \\ ünï \u2603') || ', NULL, ' || quote_literal(key::text), key) o;
UPDATE world SET id = (SELECT r #>> '{message,id}' FROM sent)::uuid;
SELECT test.equal(r #>> '{message,content}', E'tab\t "quoted" \\ ünï \u2603', 'content') FROM sent;
SELECT test.equal(r #>> '{message,clientId}', key::text, 'clientId') FROM sent, world;
SELECT test.equal(r ->> 'seq', '1', 'seq') FROM sent;
SELECT test.equal((emitted[8]::json -> 'message')::text, (r -> 'message')::text, 'event and reply') FROM sent;
SELECT test.equal((test.reply(test.u(2), 'GET_HISTORY', room, 'NULL, NULL, 50') #> '{messages,0}')::text,
                  (r -> 'message')::text, 'history and reply') FROM sent, world;
SELECT test.ok(substring(id::text FROM 15 FOR 1) = '7' AND substring(id::text FROM 20 FOR 1) ~ '[89ab]',
               'a version 7 UUID') FROM world;
SELECT test.ok(abs(extract(epoch FROM now()) * 1000
                   - ('x' || lpad(replace(left(id::text, 13), '-', ''), 16, '0'))::bit(64)::bigint) < 60000,
               'that begins with the time') FROM world;
SELECT test.ok((r #>> '{message,createdAt}') ~ '^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$', 'RFC 3339') FROM sent;

-- replies quote what is in the room and not deleted
SELECT test.equal(test.reply(test.u(2), 'SEND_MESSAGE', room, '''re'', ' || quote_literal(id))
                  #>> '{message,replyToId}', id::text, 'quotes') FROM world;
SELECT test.refused(test.run(test.u(2), 'SEND_MESSAGE', other, '''re'', ' || quote_literal(id)),
                    'NOT_FOUND', 'a message of another room') FROM world;

-- editing: the author only
SELECT test.refused(test.run(test.u(3), 'EDIT_MESSAGE', id, '''hacked'''), 'PERMISSION_DENIED', 'not the author') FROM world;
SELECT test.equal(test.reply(test.u(2), 'EDIT_MESSAGE', id, '''better''') #>> '{message,content}', 'better', 'edited') FROM world;
SELECT test.ok(e.event = 'MESSAGE_UPDATED' AND e.payload #>> '{message,editedAt}' IS NOT NULL
               AND e.payload #>> '{message,seq}' = '1', 'the event of an edit')
FROM events e, world WHERE e.kind = 3 AND e.id = room AND e.seq = 3;
SELECT test.equal(test.reply(test.u(2), 'EDIT_MESSAGE', id, '''best''') ->> 'seq', '4', 'again') FROM world;

-- deleting: its text goes from everywhere
SELECT test.refused(test.run(test.u(1), 'DELETE_MESSAGE', gen_random_uuid(), 'NULL'), 'NOT_FOUND', 'no such message');
CREATE TABLE deleted AS SELECT o.* FROM world, test.run(test.u(3), 'DELETE_MESSAGE', world.id, '''rude''') o;
SELECT test.equal(status || reply, 'OK{"seq":5}', 'a moderator deletes') FROM deleted;
SELECT test.equal(d.emitted[9]::json ->> 'blanked', '[1,3,4]', 'edges are told what to blank') FROM deleted d;
SELECT test.ok(e.payload ->> 'deletedBy' = test.u(3)::text AND e.payload ->> 'reason' = 'rude', 'who and why')
FROM events e WHERE e.event = 'MESSAGE_DELETED';
SELECT test.ok(NOT EXISTS (SELECT FROM events WHERE payload::text ~ 'tab|better|best'), 'gone from the log');
SELECT test.ok(NOT EXISTS (SELECT FROM messages WHERE content ~ 'tab|better|best'), 'gone from the messages');
SELECT test.ok(NOT EXISTS (SELECT FROM answers WHERE reply ~ 'tab|better|best'), 'gone from the answers');
SELECT test.ok(count(*) = 5 AND max(seq) = 5, 'the numbers stay') FROM events, world WHERE kind = 3 AND events.id = room;
SELECT test.ok((o.reply::json #>> '{message,deleted}')::boolean AND o.emitted IS NULL, 'a retry of the send hears that it is deleted')
FROM world, test.run(test.u(2), 'SEND_MESSAGE', room,
    quote_literal(E'tab\t "quoted" \\ ünï \u2603') || ', NULL, ' || quote_literal(key::text), key) o;
SELECT test.refused(test.run(test.u(2), 'DELETE_MESSAGE', id, 'NULL'), 'NOT_FOUND', 'deleted once') FROM world;
SELECT test.refused(test.run(test.u(2), 'EDIT_MESSAGE', id, '''x'''), 'NOT_FOUND', 'edit of a deleted one') FROM world;
SELECT test.refused(test.run(test.u(2), 'SEND_MESSAGE', room, '''re'', ' || quote_literal(id)), 'NOT_FOUND', 'quote of a deleted one') FROM world;
UPDATE world SET id = test.send(test.u(1), room, 'mine');
SELECT test.refused(test.run(test.u(2), 'DELETE_MESSAGE', id, 'NULL'), 'PERMISSION_DENIED', 'another''s message') FROM world;
SELECT test.equal(test.reply(test.u(1), 'DELETE_MESSAGE', id, 'NULL') ->> 'seq', '7', 'one''s own') FROM world;
-- a message is seen through its room only
UPDATE world SET id = test.send(test.u(1), test.room(community, true), 'secret');
SELECT test.refused(test.run(test.u(2), 'EDIT_MESSAGE', id, '''x'''), 'NOT_FOUND', 'of a hidden room') FROM world;
SELECT test.equal((test.run(test.u(2), 'EDIT_MESSAGE', id, '''x''')).message, 'Message not found', 'its words') FROM world;

-- pages
SELECT test.send(test.u(2), other, 'text ' || i) FROM world, generate_series(1, 12) i;
CREATE FUNCTION page(p_before text, p_after text, p_limit int) RETURNS text LANGUAGE sql AS $$
    SELECT (SELECT string_agg(m ->> 'seq', ',') FROM json_array_elements(r -> 'messages') m) || ' ' || (r ->> 'hasMore')
    FROM world, test.reply(test.u(2), 'GET_HISTORY', other, format('%s, %s, %s', p_before, p_after, p_limit)) r
$$;
SELECT test.equal(page('NULL', 'NULL', 5), '8,9,10,11,12 true', 'the newest');
SELECT test.equal(page('8', 'NULL', 5), '3,4,5,6,7 true', 'before');
SELECT test.equal(page('3', 'NULL', 5), '1,2 false', 'the oldest');
SELECT test.equal(page('NULL', '0', 5), '1,2,3,4,5 true', 'from the beginning');
SELECT test.equal(page('NULL', '9', 5), '10,11,12 false', 'after');
SELECT test.equal(page('NULL', 'NULL', 12), '1,2,3,4,5,6,7,8,9,10,11,12 false', 'exactly all');
SELECT test.equal(test.reply(test.u(2), 'GET_HISTORY', other, 'NULL, 99, 5')::text,
                  '{"messages":[],"hasMore":false}', 'nothing') FROM world;
