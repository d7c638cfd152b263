// kill -9 of a core while ten clients send: nobody is disconnected, nothing acked is
// missing, nothing is there twice, and every client sees all of it in order.

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { closeAll, connect } from './lib/client.mjs'
import { start, whileReading } from './lib/system.mjs'

const CLIENTS = 10
const MESSAGES = 60

describe('kill -9 of a core', () => {
  let sys, place, roomId
  const clients = []
  before(async () => {
    sys = await start({ edges: 2, cores: 2 })
    place = await sys.room({ members: CLIENTS })
    roomId = place.roomId
    for (const [i, user] of place.users.entries()) {
      const client = await connect(i % 2 ? 'json' : 'socketio', sys.edges[(i >> 1) % 2], sys.token(user))
      await client.call('JOIN_ROOM', { roomId })
      clients.push(client)
    }
  })
  after(async () => {
    closeAll()
    await sys?.stop()
  })

  it('loses nothing, repeats nothing, disconnects nobody', async () => {
    const [victim] = (await sys.now()).BELFRY_CORE_PIDS.split(' ').map(Number)
    const acked = new Map()
    let slowest = 0

    const talk = async client => {
      for (let i = 0; i < MESSAGES; i++) {
        const message = { roomId, content: `${i}`, clientId: randomUUID() }
        const began = performance.now()
        const answer = await persist(client, message)
        slowest = Math.max(slowest, performance.now() - began)
        acked.set(message.clientId, answer.seq)
        if (acked.size === (CLIENTS * MESSAGES) / 3) process.kill(victim, 'SIGKILL')
      }
    }
    await Promise.all(clients.map(talk))
    assert.equal(acked.size, CLIENTS * MESSAGES)
    assert.ok(slowest < 5_000, `the slowest ack took ${slowest} ms`)

    const rows = await sys.sql(`SELECT client_id, seq FROM messages WHERE room_id = '${roomId}' ORDER BY seq`)
    assert.equal(rows.length, acked.size, 'as many messages as acks')
    rows.forEach(([clientId, seq], i) => {
      assert.equal(Number(seq), i + 1, 'contiguous')
      assert.equal(acked.get(clientId), i + 1, 'where its ack said')
    })

    const whole = Array.from({ length: acked.size }, (_, i) => i + 1)
    for (const client of clients) {
      await client.next('MESSAGE_CREATED', event => event.seq === acked.size, 15_000)
      assert.deepEqual(client.all('MESSAGE_CREATED').map(event => event.seq), whole)
      assert.equal(client.all('disconnect').length, 0, 'disconnected')
    }
  })
})

describe('a core that is asked to end', () => {
  let sys
  before(async () => { sys = await start({ edges: 1, cores: 1 }) })
  after(async () => {
    closeAll()
    await sys?.stop()
  })

  it('does not wait for an edge that died with an answer on its way', async () => {
    const { users: [user], roomId } = await sys.room({ members: 1 })
    const client = await connect('json', sys.url, sys.token(user))
    const { BELFRY_EDGE_PIDS: edge, BELFRY_CORE_PIDS: core } = await sys.now()
    await whileReading(sys, 'messages',
      () => assert.rejects(client.call('SEND_MESSAGE', { roomId, content: 'nobody waits for its ack' })),
      async () => {
        process.kill(Number(edge), 'SIGKILL')
        await client.next('disconnect')
      })
    while ((await sys.sql('SELECT count(*) FROM messages'))[0][0] === '0');
    const began = performance.now()
    process.kill(Number(core), 'SIGTERM')
    while (isThere(Number(core))) await new Promise(setImmediate)
    assert.ok(performance.now() - began < 3_000, 'it may take up to five seconds where somebody waits')
  })
})

function isThere(pid) {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

/** An answer of three: the ack, an error (nothing was written), none (a retry is safe). */
async function persist(client, message) {
  for (let tries = 0; ; tries++) {
    try {
      return await client.call('SEND_MESSAGE', message)
    } catch (error) {
      if (tries === 5 || (error.code && error.code !== 'UNAVAILABLE')) throw error
      await new Promise(resolve => setTimeout(resolve, error.retryAfterMs ?? 200))
    }
  }
}
