// Every refusal says why: event, code, message and details, on the ack and as ERROR.

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { closeAll, connect, open } from './lib/client.mjs'
import { sign, system } from './lib/system.mjs'

let sys, place, roomId

before(async () => {
  sys = await system()
  place = await sys.room({ members: 3 })
  roomId = place.roomId
  // the third member may listen and read, but not write
  await sys.sql(`
    BEGIN;
    INSERT INTO room_overrides (room_id, user_id, deny)
      VALUES ('${roomId}', '${place.users[2].id}', mask('SEND_MESSAGE'));
    UPDATE rooms SET has_overrides = true WHERE id = '${roomId}';
    COMMIT`)
})
after(async () => {
  closeAll()
  await sys?.stop()
})

const stranger = { id: randomUUID(), username: `stranger-${randomUUID().slice(0, 8)}` }

// user 0 is a member, 2 may only read, 's' belongs to nothing
const cases = [
  { says: 'no right', user: 2, event: 'SEND_MESSAGE', data: () => ({ roomId, content: 'x' }),
    code: 'PERMISSION_DENIED', message: 'Insufficient permissions' },
  { says: 'unknown room', user: 0, event: 'SEND_MESSAGE', data: () => ({ roomId: randomUUID(), content: 'x' }),
    code: 'NOT_FOUND', message: 'Room not found' },
  { says: "somebody else's room looks like an unknown one", user: 's', event: 'JOIN_ROOM', data: () => ({ roomId }),
    code: 'NOT_FOUND', message: 'Room not found' },
  { says: 'history of an unknown room', user: 0, event: 'GET_HISTORY', data: () => ({ roomId: randomUUID() }),
    code: 'NOT_FOUND', message: 'Room not found' },
  { says: 'empty content', user: 0, event: 'SEND_MESSAGE', data: () => ({ roomId, content: '' }),
    code: 'VALIDATION_ERROR', message: 'Invalid payload format', paths: ['content'] },
  { says: 'only white space', user: 0, event: 'SEND_MESSAGE', data: () => ({ roomId, content: ' \n\t' }),
    code: 'VALIDATION_ERROR', paths: ['content'] },
  { says: 'over-long content', user: 0, event: 'SEND_MESSAGE', data: () => ({ roomId, content: 'ä'.repeat(4001) }),
    code: 'VALIDATION_ERROR', paths: ['content'] },
  { says: 'missing field', user: 0, event: 'SEND_MESSAGE', data: () => ({ roomId }),
    code: 'VALIDATION_ERROR', paths: ['content'] },
  { says: 'unknown field', user: 0, event: 'SEND_MESSAGE', data: () => ({ roomId, content: 'x', colour: 'red' }),
    code: 'VALIDATION_ERROR', paths: ['colour'] },
  { says: 'wrong type', user: 0, event: 'SEND_MESSAGE', data: () => ({ roomId, content: 7 }),
    code: 'VALIDATION_ERROR', paths: ['content'] },
  { says: 'not a UUID', user: 0, event: 'JOIN_ROOM', data: () => ({ roomId: 'lobby' }),
    code: 'VALIDATION_ERROR', paths: ['roomId'] },
  { says: 'all broken rules at once', user: 0, event: 'SEND_MESSAGE', data: () => ({ roomId: 'x', content: '', clientId: 'y' }),
    code: 'VALIDATION_ERROR', paths: ['clientId', 'content', 'roomId'] },
  { says: 'out of range', user: 0, event: 'GET_HISTORY', data: () => ({ roomId, limit: 1000 }),
    code: 'VALIDATION_ERROR', paths: ['limit'] },
  { says: 'not an object', user: 0, event: 'SEND_MESSAGE', data: () => [1, 2],
    code: 'VALIDATION_ERROR' },
  { says: 'unknown event', user: 0, event: 'SEND_MESAGE', data: () => ({}),
    code: 'UNKNOWN_EVENT' },
  { says: 'a server event sent by a client', user: 0, event: 'MESSAGE_CREATED', data: () => ({}),
    code: 'UNKNOWN_EVENT' },
  { says: 'typing in a room that is not open', user: 0, event: 'TYPING_START', data: () => ({ roomId }),
    code: /NOT_FOUND|PERMISSION_DENIED/ },
]

for (const framing of ['socketio', 'json']) {
  describe(`refusals over ${framing}`, () => {
    const clients = {}
    before(async () => {
      const users = { 0: place.users[0], 2: place.users[2], s: stranger }
      for (const [key, user] of Object.entries(users)) {
        clients[key] = await connect(framing, sys.edges[0], sys.token(user))
      }
    })

    for (const { says, user, event, data, code, message, paths } of cases) {
      it(`${says}: ${code}`, async () => {
        const client = clients[user]
        const [{ count }] = [await counts()]
        const { error } = await client.ask(event, data())
        assert.ok(error, 'it was accepted')
        const { data: told } = await client.next('ERROR', told => told.event === event)
        for (const refusal of [error, told]) {
          assert.equal(refusal.event, event)
          assert.match(refusal.code, code instanceof RegExp ? code : new RegExp(`^${code}$`))
          assert.ok(refusal.message.length > 0)
          if (message) assert.equal(refusal.message, message)
          if (paths) {
            assert.deepEqual(refusal.details.map(detail => detail.path).sort(), paths)
            for (const detail of refusal.details) assert.ok(detail.rule && detail.message)
          }
        }
        assert.equal((await counts()).count, count, 'something was written')
      })
    }

    it('no ack asked: the error still comes as ERROR', async () => {
      const client = clients[0]
      if (framing === 'socketio') client.socket.emit('SEND_MESSAGE', { roomId, content: '' })
      else client.raw(JSON.stringify({ event: 'SEND_MESSAGE', data: { roomId, content: '' } }))
      const { data } = await client.next('ERROR', told => told.event === 'SEND_MESSAGE')
      assert.equal(data.code, 'VALIDATION_ERROR')
    })

    it('and the connection lives on', async () => {
      const { seq } = await clients[0].call('SEND_MESSAGE', { roomId, content: 'still here' })
      assert.ok(seq > 0)
    })
  })
}

async function counts() {
  const [[count]] = await sys.sql(`SELECT count(*) FROM messages WHERE room_id = '${roomId}'`)
  return { count }
}

describe('malformed frames of plain JSON', () => {
  for (const [says, text] of [
    ['broken JSON', '{"event":"SEND_MESSAGE","id":1,"data":{'],
    ['trailing characters', '{"event":"LIST_SESSIONS","id":1,"data":{}} x'],
    ['a duplicate key', '{"event":"LIST_SESSIONS","event":"LIST_SESSIONS","id":1,"data":{}}'],
    ['an array', '[1,2,3]'],
    ['a lone surrogate', '{"event":"SEND_MESSAGE","id":1,"data":{"content":"\\ud800"}}'],
    ['depth', `{"event":"SEND_MESSAGE","id":1,"data":${'['.repeat(5000)}${']'.repeat(5000)}}`],
  ]) {
    it(`${says} gets ERROR or a close, and hurts nobody else`, async () => {
      const user = place.users[0]
      const bystander = await connect('json', sys.edges[0], sys.token(user))
      const client = await connect('json', sys.edges[0], sys.token(user))
      client.raw(text)
      const { name, data } = await client.next(/^(ERROR|disconnect)$/)
      if (name === 'ERROR') assert.equal(data.code, 'VALIDATION_ERROR')
      else assert.ok([1002, 1003, 1007, 1008].includes(data), `close code ${data}`)
      assert.ok(await bystander.call('LIST_SESSIONS', {}))
      client.close()
      bystander.close()
    })
  }

  it('a message over 64 KB is refused or closes with 1009', async () => {
    const client = await connect('json', sys.edges[0], sys.token(place.users[0]))
    client.raw(JSON.stringify({ event: 'SEND_MESSAGE', id: 1, data: { roomId, content: 'x'.repeat(70_000) } }))
    const { name, data } = await client.next(/^(ERROR|disconnect)$/)
    if (name === 'ERROR') assert.equal(data.code, 'PAYLOAD_TOO_LARGE')
    else assert.equal(data, 1009)
    client.close()
  })
})

describe('bad tokens', () => {
  const secret = () => sys.env.BELFRY_JWT_SECRET
  const user = () => ({ sub: place.users[0].id, username: place.users[0].username })
  const past = Math.floor(Date.now() / 1000) - 3600
  const tokens = [
    ['none', () => undefined, 'UNAUTHENTICATED'],
    ['empty', () => '', 'UNAUTHENTICATED'],
    ['garbage', () => 'a.b.c', 'UNAUTHENTICATED'],
    ['another secret', () => sign('x'.repeat(64), user()), 'UNAUTHENTICATED'],
    ['expired', () => sign(secret(), { ...user(), iat: past - 10, exp: past }), 'TOKEN_EXPIRED'],
    ['not yet', () => sign(secret(), { ...user(), nbf: past + 7200 }), 'UNAUTHENTICATED'],
    ['no sub', () => sign(secret(), { username: 'x' }), 'UNAUTHENTICATED'],
    ['no exp', () => sign(secret(), { ...user(), exp: undefined }), 'UNAUTHENTICATED'],
    ['exp as text', () => sign(secret(), { ...user(), exp: '9999999999' }), 'UNAUTHENTICATED'],
    ['alg none', () => sign('', user(), { alg: 'none' }), 'UNAUTHENTICATED'],
    ['another algorithm', () => sign(secret(), user(), { alg: 'HS512' }), 'UNAUTHENTICATED'],
    ['tampered', () => `${sys.token(place.users[0]).slice(0, -2)}xx`, 'UNAUTHENTICATED'],
  ]
  for (const framing of ['socketio', 'json']) {
    for (const [says, token, code] of tokens) {
      it(`${framing}, ${says}: CONNECTION_ERROR ${code} and a disconnect`, async () => {
        const client = open(framing, sys.edges[0], token())
        const { data } = await client.next('CONNECTION_ERROR')
        assert.equal(data.code, code)
        assert.ok(data.message.length > 0)
        const reason = await client.closed
        // so that the official client does not try again
        if (framing === 'socketio') assert.equal(reason, 'io server disconnect')
      })
    }
  }

  for (const framing of ['socketio', 'json']) {
    it(`${framing}: the word Bearer before the token is fine`, async () => {
      const client = await connect(framing, sys.edges[0], `Bearer ${sys.token(place.users[0])}`)
      client.close()
    })
  }

  it('a sub that is no UUID stands for the same user each time', async () => {
    const sub = `auth0|${randomUUID()}`
    const ids = []
    for (const framing of ['socketio', 'json']) {
      const client = await connect(framing, sys.edges[0], sign(secret(), { sub, username: 'x' }))
      ids.push(client.session.user.id)
      client.close()
    }
    assert.match(ids[0], /^[0-9a-f-]{36}$/)
    assert.equal(ids[0], ids[1])
  })

  it('plain JSON: the Authorization header does as well', async () => {
    const headers = { Authorization: `Bearer ${sys.token(place.users[0])}` }
    const client = open('json', sys.edges[0], undefined, { headers, hello: false })
    await client.next('CONNECTION_SUCCESS')
    client.close()
  })
})
