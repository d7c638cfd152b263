// Protobuf frames: the same events, answers, errors and resume as in JSON, from a client
// that was made of the contract alone.

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import WebSocket from 'ws'
import { closeAll, connect as connectJson } from './lib/client.mjs'
import { connect, ProtobufClient } from './lib/protobuf.mjs'
import { system } from './lib/system.mjs'

describe('protobuf frames', () => {
  let sys, place, roomId, alice, bob
  const opened = []

  before(async () => {
    sys = await system()
    place = await sys.room({ members: 3 })
    roomId = place.roomId
    alice = await connectJson('json', sys.edges[1], sys.token(place.users[0]))
    await alice.call('JOIN_ROOM', { roomId })
  })
  after(async () => {
    for (const client of opened) client.close()
    closeAll()
    await sys?.stop()
  })

  async function enter(edge, user, options) {
    const client = await connect(sys.edges[edge], sys.token(place.users[user]), options)
    opened.push(client)
    return client
  }
  function stranger(options) {
    const client = new ProtobufClient(sys.edges[0], sys.token(place.users[1]), options)
    opened.push(client)
    return client
  }
  const created = (client, seq) => client.next('MESSAGE_CREATED', event => event.seq === seq)
  const seqs = client => client.all('MESSAGE_CREATED').map(event => event.seq)

  it('greets, on the subprotocol that was asked for', async () => {
    bob = await enter(0, 1)
    assert.equal(bob.socket.protocol, 'belfry.v1.proto')
    assert.deepEqual(bob.session.user, { id: place.users[1].id, username: place.users[1].username })
    assert.match(bob.session.sessionId, /^[0-9a-f-]{36}$/)
  })

  it('takes the first that it knows of several subprotocols', async () => {
    for (const [offered, taken] of [
      [['x', 'belfry.v1.proto', 'belfry.v1.json'], 'belfry.v1.proto'],
      [['belfry.v1.json', 'belfry.v1.proto'], 'belfry.v1.json'],
    ]) {
      const socket = new WebSocket(`${sys.edges[0].replace(/^http/, 'ws')}/ws`, offered)
      await new Promise((resolve, reject) => socket.on('open', resolve).on('error', reject))
      assert.equal(socket.protocol, taken)
      socket.close()
    }
  })

  it('joins, sends and receives', async () => {
    const joined = await bob.call('JOIN_ROOM', { roomId })
    assert.equal(joined.room.id, roomId)
    assert.equal(joined.seq, 0)
    assert.equal((await alice.next('USER_JOINED_ROOM')).data.userId, place.users[1].id)
    for (const [sender, seq] of [[bob, 1], [alice, 2]]) {
      const content = `Grüße \u{1F514} "${seq}"\n`
      const answer = await sender.call('SEND_MESSAGE', { roomId, content, clientId: randomUUID() })
      assert.equal(answer.seq, seq)
      assert.equal(answer.message.content, content)
      const asJson = (await created(alice, seq)).data
      const asProtobuf = await created(bob, seq)
      assert.deepEqual(asProtobuf.data, asJson)
      assert.equal(asProtobuf.envelope.stream, `room:${roomId}`)
      assert.match(asProtobuf.envelope.cursor, new RegExp(`^${seq}\\.[0-9a-f]{8}$`))
    }
  })

  it('gets packed payloads from every core as soon as they have heard of it', async () => {
    const until = Date.now() + 10_000
    let last
    for (let row = 0; row < 20;) {
      assert.ok(Date.now() < until, 'payloads stay JSON')
      const { seq } = await alice.call('SEND_MESSAGE', { roomId, content: 'packed?' })
      last = await created(bob, seq)
      row = last.packed ? row + 1 : 0
      await new Promise(resolve => setTimeout(resolve, 50))
    }
    assert.deepEqual(last.data, (await created(alice, last.data.seq)).data)
  })

  it('does so for ephemeral events', async () => {
    await alice.call('TYPING_START', { roomId })
    const typing = await bob.next('USER_TYPING')
    assert.equal(typing.packed, true)
    assert.equal(typing.data.userId, place.users[0].id)
    assert.equal(typing.data.isTyping, true)
    assert.deepEqual(Object.keys(typing.envelope), ['timestamp'])
    assert.ok(Math.abs(Date.parse(typing.data.timestamp) - Date.now()) < 60_000)
    await bob.call('TYPING_START', { roomId })
    assert.equal((await alice.next('USER_TYPING')).data.userId, place.users[1].id)
  })

  it('is the same call in either framing', async () => {
    const payload = { roomId, content: 'once', clientId: randomUUID() }
    const first = await bob.call('SEND_MESSAGE', payload)
    const retried = await connectJson('json', sys.edges[1], sys.token(place.users[1]))
    assert.deepEqual(await retried.call('SEND_MESSAGE', payload), first)
    retried.close()
  })

  it('says why it refuses', async () => {
    await assert.rejects(bob.call('JOIN_ROOM', { roomId: randomUUID() }),
      { event: 'JOIN_ROOM', code: 'NOT_FOUND', message: 'Room not found' })
    assert.equal((await bob.next('ERROR')).data.code, 'NOT_FOUND')
    await assert.rejects(bob.call('SEND_MESSAGE', { roomId, content: '' }), error => {
      assert.equal(error.code, 'VALIDATION_ERROR')
      assert.deepEqual(error.details.map(({ path, rule }) => [path, rule]), [['content', 'min_length']])
      return true
    })
    const { error } = await bob.askPacked('SEND_MESSAGE', Buffer.from('0a80', 'hex'))
    assert.equal(error.code, 'VALIDATION_ERROR')
    assert.equal(error.details[0].rule, 'malformed')
  })

  it('answers what makes no sense by the event, and goes on', async () => {
    const before = bob.all('ERROR').length
    bob.raw(Buffer.from('1280', 'hex'))
    bob.raw(Buffer.from('2200', 'hex'))
    const { data } = await bob.next('ERROR', event => event.details?.[0].rule === 'unknown')
    assert.equal(data.code, 'VALIDATION_ERROR')
    await bob.call('GET_HISTORY', { roomId, limit: 1 })
    assert.ok(bob.all('ERROR').length >= before + 2)
    bob.frame({ ping: { data: Buffer.from([1, 0, 255]) } })
    assert.deepEqual([...(await bob.next('pong')).data], [1, 0, 255])
  })

  it('closes with the codes of the protocol', async () => {
    const text = stranger()
    await text.next('CONNECTION_SUCCESS')
    text.raw('{"event":"GET_HISTORY"}')
    assert.equal(await text.closed, 1003)

    const early = stranger({ hello: false })
    await new Promise(resolve => early.socket.on('open', resolve))
    early.frame({ call: { event: 'GET_HISTORY' } })
    assert.equal(await early.closed, 4003)

    const twice = stranger()
    await twice.next('CONNECTION_SUCCESS')
    twice.frame({ hello: {} })
    assert.equal(await twice.closed, 4005)

    const forged = new ProtobufClient(sys.edges[0], 'x.y.z')
    const { data } = await forged.next('CONNECTION_ERROR')
    assert.equal(data.code, 'UNAUTHENTICATED')
    assert.equal(await forged.closed, 4401)
  })

  it('begins with a header', async () => {
    const client = stranger({ hello: false, headers: { authorization: `Bearer ${sys.token(place.users[1])}` } })
    await client.next('CONNECTION_SUCCESS')
    client.close()
  })

  it('goes on where it left off, on another edge', async () => {
    const { seq, cursor } = await bob.call('JOIN_ROOM', { roomId })
    bob.close()
    await bob.closed
    const contents = Array.from({ length: 30 }, (_, i) => `missed ${i}`)
    for (const content of contents) await alice.call('SEND_MESSAGE', { roomId, content })
    bob = await enter(1, 1, { resume: { [`room:${roomId}`]: cursor } })
    await created(bob, seq + contents.length)
    assert.deepEqual(seqs(bob), contents.map((_, i) => seq + 1 + i))
    assert.deepEqual(bob.all('MESSAGE_CREATED').map(event => event.message.content), contents)
    const { seq: next } = await alice.call('SEND_MESSAGE', { roomId, content: 'and goes on' })
    assert.deepEqual((await created(bob, next)).data, (await created(alice, next)).data)
  })

  it('catches up on more than edges keep, packed', async () => {
    const last = bob.all('MESSAGE_CREATED').at(-1)
    bob.close()
    await bob.closed
    const count = 150
    await Promise.all(Array.from({ length: count }, (_, i) =>
      alice.call('SEND_MESSAGE', { roomId, content: `many ${i}` })))
    bob = await enter(0, 1, { resume: { [`room:${roomId}`]: last.cursor } })
    await created(bob, last.seq + count)
    assert.deepEqual(seqs(bob), Array.from({ length: count }, (_, i) => last.seq + 1 + i))
    const packed = bob.events.filter(event => event.name === 'MESSAGE_CREATED' && event.packed)
    assert.equal(packed.length, count)
    assert.deepEqual(packed[0].data, (await created(alice, last.seq + 1)).data)
  })

  it('shows where a deleted message was', async () => {
    const { cursor } = await bob.call('JOIN_ROOM', { roomId })
    const { seq, message } = await bob.call('SEND_MESSAGE', { roomId, content: 'a secret' })
    await created(bob, seq)
    await bob.call('DELETE_MESSAGE', { messageId: message.id })
    await bob.next('MESSAGE_DELETED')
    const back = await enter(1, 1, { resume: { [`room:${roomId}`]: cursor } })
    const blank = await created(back, seq)
    assert.ok(!JSON.stringify(blank.data).includes('a secret'))
    assert.equal(blank.data.stream, `room:${roomId}`)
    assert.deepEqual((await back.next('MESSAGE_DELETED')).data, bob.all('MESSAGE_DELETED')[0])
  })

  it('says openly what cannot be resumed', async () => {
    const back = await enter(1, 1, { resume: { [`room:${roomId}`]: '1.00000bad' } })
    const { data } = await back.next('RESYNC')
    assert.equal(data.stream, `room:${roomId}`)
  })
})
