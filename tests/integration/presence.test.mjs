// Who is there: announced when the first session comes and the last one goes, quiet during
// a blink, and right again after an edge was killed.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { closeAll, connect, open } from './lib/client.mjs'
import { start } from './lib/system.mjs'

/** Holds a transaction after this statement; what comes back ends it. */
async function hold(sys, statement) {
  const psql = spawn('psql', ['-qAtX', sys.env.DATABASE_URL], { stdio: ['pipe', 'pipe', 'inherit'] })
  psql.stdin.write(`BEGIN; ${statement}; SELECT 'held';\n`)
  for await (const text of psql.stdout.iterator({ destroyOnReturn: false })) if (String(text).includes('held')) break
  return () => psql.stdin.end('COMMIT;\n')
}

async function until(fits, timeoutMs = 10_000) {
  const from = performance.now()
  while (!await fits()) {
    assert.ok(performance.now() - from < timeoutMs, `not in time: ${fits}`)
    await sleep(20)
  }
}

/** A sum over all edges. */
async function metric(sys, name) {
  const texts = await Promise.all(sys.edges.map(async url => (await fetch(`${url}/metrics`)).text()))
  return texts.reduce((sum, text) => sum + Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)[1]), 0)
}

describe('presence', () => {
  let sys, place, roomId, watcher
  before(async () => {
    sys = await start({ edges: 2, cores: 2 })
    place = await sys.room({ members: 5 })
    roomId = place.roomId
    watcher = await connect('json', sys.edges[0], sys.token(place.users[0]))
    await watcher.call('JOIN_ROOM', { roomId })
  })
  after(async () => {
    closeAll()
    await sys?.stop()
  })
  const about = user => event => event.userId === user.id

  it('tells of the first session and of the end of the last, not of those between', async () => {
    const user = place.users[1]
    const first = await connect('json', sys.edges[1], sys.token(user))
    await watcher.next('USER_CONNECTED', about(user))
    const second = await connect('socketio', sys.edges[0], sys.token(user))
    first.close()
    await first.closed
    second.close()
    const { at } = await watcher.next('USER_DISCONNECTED', about(user), 8_000)
    assert.ok(at > 0)
    assert.equal(watcher.all('USER_CONNECTED').filter(about(user)).length, 1)
    assert.equal(watcher.all('USER_DISCONNECTED').filter(about(user)).length, 1)
  })

  it('shows nothing of a blink', async () => {
    const user = place.users[2]
    const before = await connect('json', sys.edges[1], sys.token(user))
    await watcher.next('USER_CONNECTED', about(user))
    before.close()
    await before.closed
    const again = await connect('json', sys.edges[1], sys.token(user))
    await assert.rejects(watcher.next('USER_DISCONNECTED', about(user), 5_000))
    assert.equal(watcher.all('USER_CONNECTED').filter(about(user)).length, 1)
    again.close()
  })

  it('tells of the first who comes into a room at once, and of the next together', async () => {
    const { roomId, users } = await sys.room({ members: 4 }) // nothing was told of it yet
    const [host, ...guests] = await Promise.all(users.map((user, i) =>
      connect('json', sys.edges[i === 0 ? 1 : 0], sys.token(user)))) // each edge has its own pace
    await host.call('JOIN_ROOM', { roomId })
    const asked = Date.now()
    await guests[0].call('JOIN_ROOM', { roomId })
    const told = await host.next('USER_JOINED_ROOM', about(users[1]))
    assert.ok(Date.now() - asked < 400, 'at once')
    await guests[1].call('JOIN_ROOM', { roomId })
    await guests[2].call('JOIN_ROOM', { roomId })
    const later = await host.next('USER_JOINED_ROOM', about(users[2]))
    const last = await host.next('USER_JOINED_ROOM', about(users[3]))
    assert.ok(later.at - told.at > 250, `${later.at - told.at} ms`)
    assert.ok(last.at - later.at < 100, `together, not ${last.at - later.at} ms later`)
    for (const client of [host, ...guests]) client.close()
  })

  it('forgets at once who left while he was still connecting', async () => {
    const user = place.users[4]
    const sessions = () => metric(sys, 'belfry_edge_sessions')
    const before = await sessions()
    const release = await hold(sys, `SELECT pg_advisory_xact_lock(presence_lock('${user.id}'))`)
    const client = open('json', sys.edges[1], sys.token(user))
    await until(async () => Number(await sys.sql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")) > 0)
    client.close()
    await until(async () => await sessions() === before)
    release()
    await watcher.next('USER_CONNECTED', about(user))
    await watcher.next('USER_DISCONNECTED', about(user), 8_000) // a whole lease mends it later
  })

  it('lets the users of a killed edge go within eight seconds', async () => {
    const user = place.users[3]
    const client = await connect('json', sys.edges[1], sys.token(user))
    await client.call('JOIN_ROOM', { roomId })
    await watcher.next('USER_JOINED_ROOM', about(user))
    const killed = performance.now()
    process.kill(Number((await sys.now()).BELFRY_EDGE_PIDS.split(' ')[1]), 'SIGKILL')
    const left = await watcher.next('USER_LEFT_ROOM', about(user), 8_000)
    const gone = await watcher.next('USER_DISCONNECTED', about(user), 8_000)
    assert.ok(left.at - killed < 8_000)
    assert.ok(gone.at - killed < 8_000, `${gone.at - killed} ms`)
    const [[ghosts]] = await sys.sql(`SELECT count(*) FROM room_occupants WHERE user_id = '${user.id}'`)
    assert.equal(Number(ghosts), 0)
  })

  it('leaves nobody out when an edge with very many users dies', async () => {
    const edge = `'${randomUUID()}'::uuid`
    const { roomId, users } = await sys.room({ members: 1 })
    const host = await connect('json', sys.edges[0], sys.token(users[0]))
    await host.call('JOIN_ROOM', { roomId })
    await sys.sql(`
      BEGIN;
      INSERT INTO room_occupants
        SELECT overlay(gen_random_uuid()::text placing '0000' from 1)::uuid, gen_random_uuid(), ${edge}
          FROM generate_series(1, 100000)
        UNION ALL SELECT '${roomId}'::uuid, gen_random_uuid(), ${edge} FROM generate_series(1, 200);
      INSERT INTO edges (edge_id, expires_at) VALUES (${edge}, now());
      COMMIT`)
    await until(() => host.all('USER_LEFT_ROOM').length === 200, 20_000)
    host.close()
  })

  it('says of nobody who is back by then that he has left', async () => {
    const { roomId, users: [host, user] } = await sys.room({ members: 2 })
    const [dead, other, gone] = [randomUUID(), randomUUID(), randomUUID()]
    const client = await connect('json', sys.edges[0], sys.token(host))
    await client.call('JOIN_ROOM', { roomId })
    // he is at another edge as soon as the statement is over that ends the dead one
    await sys.sql(`
      CREATE FUNCTION is_back() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN INSERT INTO room_occupants VALUES (OLD.room_id, OLD.user_id, '${other}'); RETURN NULL; END $$;
      CREATE TRIGGER is_back AFTER DELETE ON room_occupants FOR EACH ROW
        WHEN (OLD.user_id = '${user.id}' AND OLD.edge_id = '${dead}') EXECUTE FUNCTION is_back()`)
    try {
      await sys.sql(`
        BEGIN;
        INSERT INTO room_occupants VALUES ('${roomId}', '${user.id}', '${dead}'), ('${roomId}', '${gone}', '${dead}');
        INSERT INTO edges (edge_id, expires_at) VALUES ('${dead}', now());
        COMMIT`)
      await client.next('USER_LEFT_ROOM', event => event.userId === gone)
      assert.deepEqual(client.all('USER_LEFT_ROOM').filter(about(user)), [])
    } finally {
      await sys.sql(`DROP FUNCTION is_back() CASCADE; DELETE FROM room_occupants WHERE edge_id = '${other}'`)
      client.close()
    }
  })
})

describe('presence, where answers come too late', () => {
  let sys
  before(async () => { sys = await start({ env: { BELFRY_REQUEST_TIMEOUT: '1s' } }) })
  after(async () => {
    closeAll()
    await sys?.stop()
  })

  it('forgets who was sent away because no core had answered yet', async () => {
    const { roomId, users } = await sys.room({ members: 2 })
    const watcher = await connect('json', sys.url, sys.token(users[0]))
    await watcher.call('JOIN_ROOM', { roomId })
    const about = event => event.userId === users[1].id
    const release = await hold(sys, `SELECT pg_advisory_xact_lock(presence_lock('${users[1].id}'))`)
    const client = open('json', sys.url, sys.token(users[1]))
    assert.equal(await client.closed, 1013)
    release()
    await watcher.next('USER_CONNECTED', about)
    await watcher.next('USER_DISCONNECTED', about, 8_000) // a whole lease mends it later
  })
})
