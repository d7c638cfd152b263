// Socket.IO's connection state recovery, as its official client uses it: off unless asked
// for, on the same edge only, and never more than a resume would give.

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import WebSocket from 'ws'
import { closeAll, connect, open } from './lib/client.mjs'
import { start } from './lib/system.mjs'

describe('connection state recovery', () => {
  let sys, place, roomId, alice

  before(async () => {
    sys = await start({ edges: 2, cores: 1, env: { BELFRY_SOCKETIO_RECOVERY: '2m' } })
    place = await sys.room({ members: 3 })
    roomId = place.roomId
    alice = await connect('json', sys.edges[0], sys.token(place.users[0]))
    await alice.call('JOIN_ROOM', { roomId })
  })
  after(async () => {
    closeAll()
    await sys?.stop()
  })

  /** A member in the room, who has got an event by which he can be found again. */
  async function enter(user = 1) {
    const client = await connect('socketio', sys.edges[0], sys.token(place.users[user]), { reconnection: true })
    await client.call('JOIN_ROOM', { roomId })
    await say('hello', client)
    return client
  }
  async function say(content, ...listeners) {
    const { seq } = await alice.call('SEND_MESSAGE', { roomId, content })
    for (const client of listeners) await client.next('MESSAGE_CREATED', event => event.seq === seq)
    return seq
  }
  /** The connection breaks without a word. */
  async function breakOff(client) {
    const gone = client.next('disconnect')
    client.socket.io.engine.transport.ws.terminate()
    await gone
  }
  function connected(client) {
    return new Promise(resolve => client.socket.once('connect', resolve))
  }
  const seqs = client => client.all('MESSAGE_CREATED').map(event => event.seq)
  /** Another client that says it is this one. */
  function claim({ socket }, edge, user) {
    const client = open('socketio', sys.edges[edge], sys.token(place.users[user]), { reconnection: true })
    Object.assign(client.socket, { _pid: socket._pid, _lastOffset: socket._lastOffset })
    return client
  }

  it('goes on as if nothing had been, more than once', async () => {
    const bob = await enter()
    const { id, _pid: pid } = bob.socket
    const first = seqs(bob)[0]
    assert.equal(bob.socket.recovered, false)
    assert.match(pid, /^[0-9a-f]{32}$/)
    let last
    for (let round = 0; round < 3; round++) {
      const back = connected(bob)
      bob.socket.io.reconnectionDelay(300)
      await breakOff(bob)
      for (let i = 0; i < 5; i++) last = await say(`missed ${round} ${i}`)
      await back
      assert.equal(bob.socket.recovered, true)
      assert.equal(bob.socket.id, id)
      assert.equal(bob.socket._pid, pid)
      await bob.next('MESSAGE_CREATED', event => event.seq === last)
      if (round === 1) last = await say('in between', bob)
    }
    await say('at the end', bob)
    assert.deepEqual(seqs(bob), Array.from({ length: last + 2 - first }, (_, i) => first + i))
    bob.close()
  })

  it('is sent what it missed before the CONNECT that says so', async () => {
    const bob = await enter()
    const { id: sid, _pid: pid, _lastOffset: offset } = bob.socket
    bob.socket.io.reconnection(false)
    await breakOff(bob)
    const seq = await say('missed')
    const socket = new WebSocket(`${sys.edges[0].replace(/^http/, 'ws')}/socket.io/?EIO=4&transport=websocket`)
    const packets = []
    socket.on('message', text => packets.push(String(text)))
    await new Promise(resolve => socket.on('open', resolve))
    socket.send(`40${JSON.stringify({ token: sys.token(place.users[1]), pid, offset })}`)
    while (!packets.some(packet => packet.includes('CONNECTION_SUCCESS'))) {
      await new Promise(resolve => setTimeout(resolve, 10))
    }
    const success = packets.findIndex(packet => packet.includes('CONNECTION_SUCCESS'))
    const kinds = packets.slice(0, success + 1).map(packet => packet.slice(0, 2))
    assert.deepEqual(kinds, ['0{', '42', '40', '42'])
    const [name, data, next] = JSON.parse(packets[1].slice(2))
    assert.deepEqual([name, data.seq, next], ['MESSAGE_CREATED', seq, `${data.cursor}@room:${roomId}`])
    assert.deepEqual(JSON.parse(packets[2].slice(2)), { sid, pid })
    socket.terminate()
  })

  it('moves a client whose old connection only seems to live', async () => {
    const bob = await enter()
    bob.socket.io.reconnection(false)
    const moved = claim(bob, 0, 1)
    await connected(moved)
    assert.equal(moved.socket.recovered, true)
    await bob.next('disconnect')
    await say('to the new one', moved)
    moved.close()
  })

  it('gives nothing to another user, and spends nothing on him', async () => {
    const bob = await enter()
    bob.socket.io.reconnection(false)
    await breakOff(bob)
    const thief = claim(bob, 0, 2)
    await connected(thief)
    assert.equal(thief.socket.recovered, false)
    assert.notEqual(thief.socket._pid, bob.socket._pid)
    const back = claim(bob, 0, 1)
    await connected(back)
    assert.equal(back.socket.recovered, true)
    await say('only to one', back)
    assert.deepEqual(seqs(thief), [])
    thief.close()
    back.close()
  })

  it('begins anew on another edge, with a used id, or after a goodbye', async () => {
    const bob = await enter()
    bob.socket.io.reconnection(false)
    await breakOff(bob)
    const elsewhere = claim(bob, 1, 1)
    await connected(elsewhere)
    assert.equal(elsewhere.socket.recovered, false)
    const used = claim(bob, 0, 1)
    used.socket._lastOffset = '1.00000bad@room:nowhere'
    await connected(used)
    assert.equal(used.socket.recovered, false)
    const late = claim(bob, 0, 1)
    await connected(late)
    assert.equal(late.socket.recovered, false)
    assert.deepEqual(late.all('CONNECTION_ERROR'), [])

    const eve = await enter()
    const { id } = eve.socket
    eve.socket.disconnect()
    await say('nobody listens')
    eve.socket.connect()
    await connected(eve)
    assert.equal(eve.socket.recovered, false)
    assert.notEqual(eve.socket.id, id)
    for (const client of [elsewhere, used, late, eve]) client.close()
  })

  it('asks again what it may hear', async () => {
    const bob = await enter(2)
    const heard = seqs(bob).length
    const back = connected(bob)
    bob.socket.io.reconnectionDelay(500)
    await breakOff(bob)
    await say('before')
    await sys.sql(`
      BEGIN;
      INSERT INTO room_overrides (room_id, user_id, deny)
        VALUES ('${roomId}', '${place.users[2].id}', mask('VIEW_ROOM'));
      UPDATE rooms SET has_overrides = true WHERE id = '${roomId}';
      COMMIT`)
    await back
    await say('after')
    await assert.rejects(bob.call('JOIN_ROOM', { roomId }), { code: 'NOT_FOUND' })
    assert.equal(seqs(bob).length, heard)
    bob.close()
  })
})
