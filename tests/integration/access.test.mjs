// Permissions are live: what commits after a kick is neither accepted from the kicked nor
// delivered to them, on whatever edge they are, and they are told.

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { closeAll, connect } from './lib/client.mjs'
import { system } from './lib/system.mjs'

describe('a member who is kicked', () => {
  let sys, place, roomId, owner, writer, kicked
  before(async () => {
    sys = await system()
    place = await sys.room({ members: 3 })
    roomId = place.roomId
    await sys.sql(`UPDATE community_members SET owner = true
      WHERE community_id = '${place.community}' AND user_id = '${place.users[0].id}'`)
    owner = await connect('socketio', sys.edges[0], sys.token(place.users[0]))
    writer = await connect('json', sys.edges[0], sys.token(place.users[1]))
    kicked = await connect('json', sys.edges[1], sys.token(place.users[2]))
    for (const client of [owner, writer, kicked]) await client.call('JOIN_ROOM', { roomId })
  })
  after(async () => {
    closeAll()
    await sys?.stop()
  })

  it('gets nothing that commits later, while others get everything', async () => {
    let sending = true
    const sent = []
    const write = (async () => {
      while (sending) sent.push(await writer.call('SEND_MESSAGE', { roomId, content: 'x', clientId: randomUUID() }))
    })()
    await kicked.next('MESSAGE_CREATED', event => event.seq >= 20)
    await owner.call('KICK_MEMBER', { communityId: place.community, userId: place.users[2].id, reason: 'noise' })
    const enough = sent.length + 40
    while (sent.length < enough) await new Promise(setImmediate)
    sending = false
    await write

    await owner.next('MESSAGE_CREATED', event => event.seq === sent.at(-1).seq)
    assert.equal(owner.all('MESSAGE_CREATED').length, sent.at(-1).seq)
    const [[at]] = await sys.sql(`SELECT e.seq FROM events e WHERE e.kind = 5 AND e.id = '${place.community}'
      ORDER BY e.seq DESC LIMIT 1`)
    const [[allowed]] = await sys.sql(`SELECT max(seq) FROM events
      WHERE kind = 3 AND id = '${roomId}' AND after < ${at}`)
    const last = Math.max(...kicked.all('MESSAGE_CREATED').map(event => event.seq))
    assert.ok(last <= Number(allowed), `event ${last} was delivered, ${allowed} was the last before the kick`)
  })

  it('is told on its own stream, and the others on the community\'s', async () => {
    const { data } = await kicked.next('ACCESS_CHANGED', event => event.granted === false)
    assert.equal(data.communityId, place.community)
    const { data: seen } = await owner.next('MEMBER_KICKED')
    assert.equal(seen.userId, place.users[2].id)
    assert.equal(seen.reason, 'noise')
  })

  it('is refused: it cannot send, join or read', async () => {
    for (const [event, payload] of [
      ['SEND_MESSAGE', { roomId, content: 'me again' }],
      ['JOIN_ROOM', { roomId }],
      ['GET_HISTORY', { roomId }],
    ]) {
      await assert.rejects(kicked.call(event, payload), { code: 'NOT_FOUND' })
    }
  })

  it('does not get it by resuming, on either edge', async () => {
    const { cursor, stream } = kicked.all('MESSAGE_CREATED').at(-1)
    for (const edge of sys.edges) {
      const again = await connect('json', edge, sys.token(place.users[2]), { resume: { [stream]: cursor } })
      await writer.call('SEND_MESSAGE', { roomId, content: 'secret' })
      await assert.rejects(again.call('GET_HISTORY', { roomId }), { code: 'NOT_FOUND' })
      assert.equal(again.all('MESSAGE_CREATED').length, 0)
      again.close()
    }
  })

  it('is let in again by being given the right again', async () => {
    await sys.sql(`UPDATE communities SET public = true WHERE id = '${place.community}'`)
    await kicked.call('JOIN_COMMUNITY', { communityId: place.community })
    await kicked.call('JOIN_ROOM', { roomId })
    const { seq } = await kicked.call('SEND_MESSAGE', { roomId, content: 'back' })
    await owner.next('MESSAGE_CREATED', event => event.seq === seq)
    await kicked.next('MESSAGE_CREATED', event => event.seq === seq)
  })
})

describe('a session that is revoked', () => {
  let sys, place
  before(async () => {
    sys = await system()
    place = await sys.room({ members: 1 })
  })
  after(async () => {
    closeAll()
    await sys?.stop()
  })

  it('is closed on its edge within a second, and the others of the user stay', async () => {
    const [user] = place.users
    const stays = await connect('json', sys.edges[0], sys.token(user, { sid: 'stays' }))
    const goes = await connect('json', sys.edges[1], sys.token(user, { sid: 'goes' }))
    const began = performance.now()
    await stays.call('REVOKE_SESSION', { sessionId: goes.session.sessionId })
    assert.equal(await goes.closed, 4403)
    assert.ok(performance.now() - began < 1_000)
    await stays.call('LIST_SESSIONS', {})
  })
})
