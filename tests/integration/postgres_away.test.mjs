// PostgreSQL goes away under load and comes back: connections stay, nothing acked is lost,
// no answer is wrong, and service is back soon after it accepts again.

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { closeAll, connect } from './lib/client.mjs'
import { start } from './lib/system.mjs'

describe('PostgreSQL is killed', () => {
  let sys, place, roomId
  const clients = []
  before(async () => {
    sys = await start({ edges: 2, cores: 2, flags: ['--heal'] })
    place = await sys.room({ members: 4 })
    roomId = place.roomId
    for (const [i, user] of place.users.entries()) {
      const client = await connect(i % 2 ? 'json' : 'socketio', sys.edges[i % 2], sys.token(user))
      await client.call('JOIN_ROOM', { roomId })
      clients.push(client)
    }
  })
  after(async () => {
    closeAll()
    await sys?.stop()
  })

  it('loses nothing that was acked and wakes up again', async () => {
    const before = Number((await sys.now()).BELFRY_PG_PID)
    const acked = new Map()
    const refusals = []
    let killedAt = 0
    let firstAfter = 0
    const until = performance.now() + 9_000

    const talk = async client => {
      while (performance.now() < until) {
        const message = { roomId, content: 'x', clientId: randomUUID() }
        for (let done = false; !done;) {
          const asked = performance.now()
          try {
            const answer = await client.call('SEND_MESSAGE', message)
            acked.set(message.clientId, answer.seq)
            if (killedAt && asked > killedAt && !firstAfter) firstAfter = performance.now()
            done = true
          } catch (error) {
            refusals.push(error)
            assert.equal(error.code, 'UNAVAILABLE', error.message)
            assert.ok(error.retryAfterMs > 0)
            await new Promise(resolve => setTimeout(resolve, Math.min(error.retryAfterMs, 200)))
          }
        }
      }
    }
    const talking = Promise.all(clients.map(talk))
    while (acked.size < 200) await new Promise(setImmediate)
    process.kill(before, 'SIGKILL')
    killedAt = performance.now()
    await talking

    assert.ok(firstAfter > 0, 'no message was acked after the kill')
    const rows = await sys.sql(`SELECT client_id, seq FROM messages WHERE room_id = '${roomId}' ORDER BY seq`)
    const stored = new Map(rows.map(([clientId, seq]) => [clientId, Number(seq)]))
    assert.equal(stored.size, rows.length, 'twice')
    rows.forEach(([, seq], i) => assert.equal(Number(seq), i + 1, 'contiguous'))
    for (const [clientId, seq] of acked) assert.equal(stored.get(clientId), seq, 'acked and not there')
    for (const client of clients) {
      await client.next('MESSAGE_CREATED', event => event.seq === rows.length)
      assert.deepEqual(client.all('MESSAGE_CREATED').map(event => event.seq), rows.map((_, i) => i + 1))
      assert.equal(client.all('disconnect').length, 0, 'disconnected')
    }
  })
})
