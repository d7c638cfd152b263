// Two clients of different framings on two edges: everything a conversation needs.

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { after, before, describe, it } from 'node:test'
import { closeAll, connect, open } from './lib/client.mjs'
import { connect as connectProtobuf } from './lib/protobuf.mjs'
import { system } from './lib/system.mjs'

describe('a conversation over two edges', () => {
  let sys, place, roomId, alice, bob

  before(async () => {
    sys = await system()
    place = await sys.room({ members: 2 })
    roomId = place.roomId
    alice = await connect('socketio', sys.edges[0], sys.token(place.users[0]))
    bob = await connect('json', sys.edges[1], sys.token(place.users[1]))
  })
  after(async () => {
    closeAll()
    await sys?.stop()
  })

  it('greets both with who they are', () => {
    for (const [client, user] of [[alice, place.users[0]], [bob, place.users[1]]]) {
      assert.equal(typeof client.session.message, 'string')
      assert.deepEqual(client.session.user, { id: user.id, username: user.username })
      assert.match(client.session.sessionId, /^[0-9a-f-]{36}$/)
    }
  })

  it('joins a room with an ack, and tells those who are there', async () => {
    const first = await alice.call('JOIN_ROOM', { roomId })
    assert.equal(first.room.id, roomId)
    assert.equal(first.seq, 0)
    assert.equal(typeof first.cursor, 'string')

    const second = await bob.call('JOIN_ROOM', { roomId })
    assert.equal(second.seq, 0)
    const { data } = await alice.next('USER_JOINED_ROOM')
    assert.equal(data.userId, place.users[1].id)
    assert.equal(data.username, place.users[1].username)
    assert.equal(data.roomId, roomId)
  })

  it('stores a message, acks it, and brings it to both edges with its seq', async () => {
    for (const [sender, user, seq] of [[alice, 0, 1], [bob, 1, 2]]) {
      const content = `Grüße \u{1F514} "${seq}"\n`
      const clientId = randomUUID()
      const answer = await sender.call('SEND_MESSAGE', { roomId, content, clientId })
      assert.equal(answer.seq, seq)
      assert.equal(answer.message.content, content)
      assert.equal(answer.message.authorId, place.users[user].id)
      assert.equal(answer.message.roomId, roomId)
      assert.equal(answer.message.clientId, clientId)
      assert.equal(answer.message.seq, seq)
      assert.ok(Math.abs(Date.parse(answer.message.createdAt) - Date.now()) < 60_000)

      for (const receiver of [alice, bob]) {
        const { data } = await receiver.next('MESSAGE_CREATED', event => event.seq === seq)
        assert.deepEqual(data.message, answer.message)
        assert.equal(data.stream, `room:${roomId}`)
        assert.match(data.cursor, new RegExp(`^${seq}\\.`))
        assert.ok(!Number.isNaN(Date.parse(data.timestamp)))
      }
      const [[stored]] = await sys.sql(`SELECT content FROM messages WHERE id = '${answer.message.id}'`)
      assert.ok(stored.startsWith('Grüße'))
    }
  })

  it('gives the history, newest first or from a place on', async () => {
    for (const client of [alice, bob]) {
      const all = await client.call('GET_HISTORY', { roomId, limit: 10 })
      assert.deepEqual(all.messages.map(message => message.seq), [1, 2])
      assert.equal(all.hasMore, false)
      const one = await client.call('GET_HISTORY', { roomId, limit: 1 })
      assert.deepEqual(one.messages.map(message => message.seq), [2])
      assert.equal(one.hasMore, true)
      const before = await client.call('GET_HISTORY', { roomId, before: 2 })
      assert.deepEqual(before.messages.map(message => message.seq), [1])
      const later = await client.call('GET_HISTORY', { roomId, after: 1 })
      assert.deepEqual(later.messages.map(message => message.seq), [2])
    }
  })

  it('tells the others who types, and not the one who does', async () => {
    await alice.call('TYPING_START', { roomId })
    const { data } = await bob.next('USER_TYPING')
    assert.equal(data.roomId, roomId)
    assert.equal(data.userId, place.users[0].id)
    assert.equal(data.username, place.users[0].username)
    assert.equal(data.isTyping, true)
    assert.equal(data.seq, undefined)
    assert.equal(alice.all('USER_TYPING').length, 0)
  })

  it('lets everybody see every message in one order', async () => {
    const count = 60
    const from = (await alice.call('GET_HISTORY', { roomId, limit: 1 })).messages[0].seq
    const answers = await Promise.all(Array.from({ length: count }, (_, i) =>
      (i % 2 ? alice : bob).call('SEND_MESSAGE', { roomId, content: `n ${i}` })))
    const seqs = answers.map(answer => answer.seq).sort((a, b) => a - b)
    assert.deepEqual(seqs, Array.from({ length: count }, (_, i) => from + 1 + i))
    for (const client of [alice, bob]) {
      await client.next('MESSAGE_CREATED', event => event.seq === from + count)
      const seen = client.all('MESSAGE_CREATED').map(event => event.seq)
      assert.deepEqual(seen, Array.from({ length: from + count }, (_, i) => i + 1))
    }
  })

  it("keeps the order in which one client's events were sent", async () => {
    const answers = await Promise.all(Array.from({ length: 40 }, (_, i) =>
      alice.call('SEND_MESSAGE', { roomId, content: `in order ${i}` })))
    const seqs = answers.map(answer => answer.seq)
    assert.deepEqual(seqs, [...seqs].sort((a, b) => a - b))
  })

  it('sends nothing of a room after it was left', async () => {
    await bob.call('LEAVE_ROOM', { roomId })
    const { data } = await alice.next('USER_LEFT_ROOM')
    assert.equal(data.userId, place.users[1].id)
    const before = bob.all('MESSAGE_CREATED').length
    const { seq } = await alice.call('SEND_MESSAGE', { roomId, content: 'just me' })
    await alice.next('MESSAGE_CREATED', event => event.seq === seq)
    // a round trip later anything on the way would have arrived
    await bob.call('GET_HISTORY', { roomId, limit: 1 })
    assert.equal(bob.all('MESSAGE_CREATED').length, before)
    const again = await bob.call('JOIN_ROOM', { roomId })
    assert.equal(again.seq, seq)
  })

  it('announces a disconnect', async () => {
    await alice.next('USER_JOINED_ROOM', event => event.userId === place.users[1].id)
    bob.close()
    const { data } = await alice.next('USER_LEFT_ROOM', event => event.userId === place.users[1].id)
    assert.equal(data.roomId, roomId)
  })

  it('goes on where a client left off, on another edge', async () => {
    const { seq, cursor } = await alice.call('JOIN_ROOM', { roomId })
    for (let i = 0; i < 5; i++) await alice.call('SEND_MESSAGE', { roomId, content: `missed ${i}` })
    const resume = { [`room:${roomId}`]: cursor }
    for (const framing of ['json', 'socketio']) {
      const back = await connect(framing, sys.edges[1], sys.token(place.users[1]), { resume })
      await back.next('MESSAGE_CREATED', event => event.seq === seq + 5)
      assert.deepEqual(back.all('MESSAGE_CREATED').map(event => event.seq),
        [1, 2, 3, 4, 5].map(n => seq + n))
      back.close()
    }
    const headers = { Authorization: `Bearer ${sys.token(place.users[1])}` }
    const back = await connect('json', sys.edges[1], undefined, { resume, headers, query: '?hello' })
    await back.next('MESSAGE_CREATED', event => event.seq === seq + 5)
    back.close()
  })

  it('joins rooms as it connects, where it may', async () => {
    const [[secret]] = await sys.sql(`INSERT INTO rooms (id, community_id, scope_id, private)
      VALUES (gen_random_uuid(), '${place.community}', '${place.community}', true) RETURNING id`)
    await sys.sql(`SELECT new_streams(ARRAY[3], ARRAY['${secret}'::uuid])`)
    const rooms = { [`room:${roomId}`]: null, [`room:${secret}`]: null, 'room:nonsense': null, [`user:${place.users[1].id}`]: null }
    for (const framing of ['json', 'socketio', 'protobuf']) {
      const { seq: before } = await alice.call('SEND_MESSAGE', { roomId, content: 'before' })
      const options = { resume: rooms }
      const comes = framing === 'protobuf'
        ? await connectProtobuf(sys.edges[1], sys.token(place.users[1]), options)
        : await connect(framing, sys.edges[1], sys.token(place.users[1]), options)
      const [{ streams }] = comes.all('CONNECTION_SUCCESS')
      assert.equal(Number.parseInt(streams[`room:${roomId}`]), before, framing)
      assert.deepEqual(Object.keys(streams).sort(),
        [`community:${place.community}`, `room:${roomId}`, `user:${place.users[1].id}`], framing)
      await alice.next('USER_JOINED_ROOM', event => event.userId === place.users[1].id && event.roomId === roomId)
      const { seq } = await alice.call('SEND_MESSAGE', { roomId, content: 'after' })
      await comes.next('MESSAGE_CREATED', event => event.seq === seq)
      assert.equal(comes.all('MESSAGE_CREATED').length, 1, 'nothing of before')
      await comes.call('TYPING_START', { roomId })
      await alice.next('USER_TYPING', event => event.userId === place.users[1].id && event.isTyping)
      comes.close()
      await alice.next('USER_LEFT_ROOM', event => event.userId === place.users[1].id)
    }
  })

  it('opens a room that is named twice once, where its cursor says', async () => {
    const { seq } = await alice.call('SEND_MESSAGE', { roomId, content: 'missed' })
    const [[tag]] = await sys.sql(`SELECT to_hex(prev_tag) FROM events WHERE kind = 3 AND id = '${roomId}' AND seq = ${seq}`)
    const member = value => `"room:${roomId}":${JSON.stringify(value)}`
    const cursor = `${seq - 1}.${tag.padStart(8, '0')}`
    for (const values of [[cursor, null], [null, cursor], [null, null]]) {
      const back = open('json', sys.edges[1], '', { hello: false })
      await once(back.socket, 'open')
      let greeting
      back.socket.on('message', text => { greeting ??= String(text) })
      back.raw(`{"hello":{"token":"${sys.token(place.users[1])}","resume":{${values.map(member)}}}}`)
      await back.next('CONNECTION_SUCCESS')
      const expected = values.includes(cursor) ? cursor : `${seq}.`
      assert.equal(greeting.split(`"room:${roomId}":"`).length, 2, 'named once')
      assert.ok(greeting.includes(`"room:${roomId}":"${expected}`), greeting)
      if (values.includes(cursor)) await back.next('MESSAGE_CREATED', event => event.seq === seq)
      back.close()
    }
  })

  it('names no more streams than a session can listen to', async () => {
    const { users, rooms } = await sys.room({ members: 2, rooms: 1000 })
    const resume = Object.fromEntries(rooms.map(id => [`room:${id}`, null]))
    const full = await connect('json', sys.edges[1], sys.token(users[0]), { resume })
    const names = Object.keys(full.session.streams)
    assert.equal(names.length, 1000)
    assert.equal(full.all('RESYNC').length, 0)
    const writer = await connect('json', sys.edges[0], sys.token(users[1]))
    for (const name of names.filter(name => name.startsWith('room:')).slice(-3)) {
      await writer.call('SEND_MESSAGE', { roomId: name.slice(5), content: 'there?' })
      await full.next('MESSAGE_CREATED', event => event.stream === name)
    }
    full.close()
    writer.close()
  })

  it('misses nothing and gets nothing twice behind the cursor that it joins at', async () => {
    const { users, rooms } = await sys.room({ members: 20, rooms: 2 })
    const resume = Object.fromEntries(rooms.map(id => [`room:${id}`, null]))
    const come = (user, i) => connect(i % 2 ? 'socketio' : 'json', sys.edges[(i >> 1) % 2], sys.token(user), { resume })
    const writers = await Promise.all(users.slice(4).map(come))
    const last = {}
    let talking = writers.length
    const talk = async (writer, i) => {
      const roomId = rooms[i % rooms.length]
      for (let n = 0; n < 28; n++) { // two less than its limit
        const { seq } = await writer.call('SEND_MESSAGE', { roomId, content: 'x' })
        last[roomId] = Math.max(last[roomId] ?? 0, seq)
      }
      talking--
    }
    const all = Promise.all(writers.map(talk))
    const comers = []
    while (talking > 0) comers.push(...await Promise.all(users.slice(0, 4).map(come)))
    await all
    for (const comer of comers) {
      for (const roomId of rooms) {
        const stream = `room:${roomId}`
        const from = Number.parseInt(comer.session.streams[stream])
        if (last[roomId] > from) await comer.next('MESSAGE_CREATED', event => event.stream === stream && event.seq === last[roomId])
        const seqs = comer.all('MESSAGE_CREATED').filter(event => event.stream === stream).map(event => event.seq)
        assert.deepEqual(seqs, Array.from({ length: last[roomId] - from }, (_, i) => from + 1 + i))
      }
    }
    assert.ok(comers.some(comer => comer.session.streams[`room:${rooms[0]}`] !== comers[0].session.streams[`room:${rooms[0]}`]))
    for (const client of [...comers, ...writers]) client.close()
  })
})
