// The people and places of a run, made in the database before the load begins, and the
// tables as they are at its end.

import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'

const list = ids => `ARRAY[${ids.map(id => `'${id}'`).join(',')}]::uuid[]`

const ROOMS_AT_ONCE = 1000 // in one argument of psql

/** So many communities with rooms, some private, everybody in all of them; the first
 *  users are moderators. own: so many rooms more in each, for the load to hand out. */
export async function makeWorld(system, { users, moderators, communities, rooms, privateRooms, own = 0 }) {
  const world = {
    users: Array.from({ length: users }, (_, i) => ({ id: randomUUID(), username: `chaos${i}-${randomUUID().slice(0, 8)}`, moderator: i < moderators })),
    communities: [],
  }
  for (let i = 0; i < communities; i++) {
    const community = { id: randomUUID(), rooms: [] }
    for (let r = 0; r < rooms + own; r++) community.rooms.push({ id: randomUUID(), community: community.id, private: r < privateRooms, own: r >= rooms })
    world.communities.push(community)
    await makeCommunity(system, world.users, community)
    await makeRooms(system, world.users, community)
  }
  world.rooms = world.communities.flatMap(community => community.rooms)
  world.shared = world.rooms.filter(room => !room.own)
  world.own = world.rooms.filter(room => room.own)
  return world
}

async function makeCommunity(system, users, { id }) {
  await system.sql(`
    BEGIN;
    SELECT make_community('${id}', 'Chaos', true, NULL);
    ${users.map(user => `SELECT make_user('${user.id}', '${user.username}');`).join('\n')}
    INSERT INTO community_members (community_id, user_id, class_id)
      SELECT '${id}', u, newcomer_class('${id}') FROM unnest(${list(users.map(user => user.id))}) u;
    UPDATE community_members SET class_id = class_of_roles('${id}', ARRAY(
        SELECT r.id FROM roles r WHERE r.community_id = '${id}' AND (r.given_to_all OR r.name = 'Moderator')))
      WHERE community_id = '${id}' AND user_id = ANY (${list(users.filter(user => user.moderator).map(user => user.id))});
    COMMIT;`)
}

async function makeRooms(system, users, { id, rooms }) {
  for (let from = 0; from < rooms.length; from += ROOMS_AT_ONCE) {
    const some = rooms.slice(from, from + ROOMS_AT_ONCE)
    const hidden = some.filter(room => room.private)
    await system.sql(`
      BEGIN;
      INSERT INTO rooms (id, community_id, scope_id, name, private)
        SELECT r, '${id}', '${id}', 'room', r = ANY (${list(hidden.map(room => room.id))})
        FROM unnest(${list(some.map(room => room.id))}) r;
      INSERT INTO room_members (room_id, user_id)
        SELECT r, u FROM unnest(${list(hidden.map(room => room.id))}) r, unnest(${list(users.map(user => user.id))}) u;
      SELECT new_streams(array_agg(3), array_agg(r)) FROM unnest(${list(some.map(room => room.id))}) r;
      COMMIT;`)
  }
}

/** What the checker must know of the beginning. */
export function metaOf(world, clients) {
  const everybody = world.users.map(user => user.id)
  return {
    clients,
    communities: Object.fromEntries(world.communities.map(({ id }) => [id, everybody])),
    rooms: Object.fromEntries(world.rooms.map(room =>
      [room.id, { community: room.community, private: room.private, members: room.private ? everybody : [] }])),
  }
}

const TABLES = {
  streams: 'SELECT kind, id, last_seq, last_tag FROM streams',
  events: 'SELECT kind, id, seq, tag, prev_tag, after, at, event, payload, control FROM events',
  messages: 'SELECT id, room_id, seq, author_id, client_id FROM messages',
  answers: 'SELECT user_id, key, event, status FROM answers',
  sessions: 'SELECT session_id, user_id, edge_id FROM sessions',
  room_occupants: 'SELECT DISTINCT room_id, user_id FROM room_occupants',
}

export async function dumpTables(system, folder) {
  await mkdir(join(folder, 'tables'), { recursive: true })
  for (const [name, query] of Object.entries(TABLES)) {
    await dump(system.env.DATABASE_URL, query, join(folder, 'tables', `${name}.jsonl`))
  }
}

function dump(url, query, file) {
  const args = ['-qAtX', '-v', 'ON_ERROR_STOP=1', '-v', 'FETCH_COUNT=10000', url, '-c', `SELECT row_to_json(t) FROM (${query}) t`]
  const child = spawn('psql', args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const out = createWriteStream(file)
  child.stdout.pipe(out)
  return new Promise((resolve, reject) => {
    out.on('finish', resolve)
    child.on('error', reject)
    child.on('exit', code => code && reject(new Error(`psql failed for ${file}`)))
  })
}

/** The last seq of every stream: stream name → seq. */
export async function heads(system) {
  const rows = await system.sql("SELECT stream_text(kind, id), last_seq FROM streams WHERE kind IN (1, 3)")
  return new Map(rows.map(([stream, seq]) => [stream, Number(seq)]))
}
