// A retry with the same clientId has no second effect and gets the first answer again.

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { closeAll, connect } from './lib/client.mjs'
import { system } from './lib/system.mjs'

describe('exactly once', () => {
  let sys, place, roomId, one, two
  before(async () => {
    sys = await system()
    place = await sys.room({ members: 2 })
    roomId = place.roomId
    one = await connect('socketio', sys.edges[0], sys.token(place.users[0]))
    two = await connect('json', sys.edges[1], sys.token(place.users[0]))
    await one.call('JOIN_ROOM', { roomId })
  })
  after(async () => {
    closeAll()
    await sys?.stop()
  })
  const stored = async () => Number((await sys.sql(`SELECT count(*) FROM messages WHERE room_id = '${roomId}'`))[0][0])

  it('the same clientId on another edge, in another framing: the same answer', async () => {
    const message = { roomId, content: 'once', clientId: randomUUID() }
    const first = await one.call('SEND_MESSAGE', message)
    const before = await stored()
    assert.deepEqual(await two.call('SEND_MESSAGE', message), first)
    assert.deepEqual(await one.call('SEND_MESSAGE', message), first)
    assert.equal(await stored(), before)
    const next = await one.call('SEND_MESSAGE', { roomId, content: 'next' })
    assert.equal(next.seq, first.seq + 1)
  })

  it('keys in another order are the same payload', async () => {
    const clientId = randomUUID()
    const first = await one.call('SEND_MESSAGE', { roomId, content: 'x', clientId })
    assert.deepEqual(await two.call('SEND_MESSAGE', { clientId, content: 'x', roomId }), first)
  })

  it('all at once: one effect', async () => {
    const before = await stored()
    const message = { roomId, content: 'race', clientId: randomUUID() }
    const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => (i % 2 ? one : two).call('SEND_MESSAGE', message)))
    for (const answer of answers) assert.deepEqual(answer, answers[0])
    assert.equal(await stored(), before + 1)
  })

  it('another payload, or another event, with the same clientId: CONFLICT', async () => {
    const clientId = randomUUID()
    const { message } = await one.call('SEND_MESSAGE', { roomId, content: 'a', clientId })
    const other = await two.ask('SEND_MESSAGE', { roomId, content: 'b', clientId })
    assert.equal(other.error.code, 'CONFLICT')
    const edit = await two.ask('EDIT_MESSAGE', { messageId: message.id, content: 'b', clientId })
    assert.equal(edit.error.code, 'CONFLICT')
  })

  it('of another user it is another message', async () => {
    const bob = await connect('json', sys.edges[1], sys.token(place.users[1]))
    const message = { roomId, content: 'mine', clientId: randomUUID() }
    const first = await one.call('SEND_MESSAGE', message)
    const second = await bob.call('SEND_MESSAGE', message)
    assert.notEqual(second.message.id, first.message.id)
    bob.close()
  })

  it('a refusal is an answer, too', async () => {
    const message = { roomId: randomUUID(), content: 'x', clientId: randomUUID() }
    const first = await one.ask('SEND_MESSAGE', message)
    assert.equal(first.error.code, 'NOT_FOUND')
    const again = await two.ask('SEND_MESSAGE', message)
    assert.equal(again.error.code, 'NOT_FOUND')
  })

  it('over HTTP it is the same event', async () => {
    const message = { roomId, content: 'by post', clientId: randomUUID() }
    const first = await one.call('SEND_MESSAGE', message)
    const response = await fetch(`${sys.edges[1]}/api/v1/events/SEND_MESSAGE`, {
      method: 'POST',
      headers: { authorization: `Bearer ${sys.token(place.users[0])}`, 'content-type': 'application/json' },
      body: JSON.stringify(message),
    })
    assert.equal(response.status, 200)
    assert.deepEqual(await response.json(), first)
  })
})
