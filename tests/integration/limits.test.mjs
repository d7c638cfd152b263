// What is large is not punished, what is too much is refused, and nobody needs an account
// where the operator says so.

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { closeAll, connect } from './lib/client.mjs'
import { start, system } from './lib/system.mjs'

describe('a page of long messages', () => {
  let sys, place, roomId
  before(async () => {
    sys = await system()
    place = await sys.room({ members: 1 })
    roomId = place.roomId
  })
  after(async () => {
    closeAll()
    await sys?.stop()
  })

  it('is answered whole, several at once too', async () => {
    const writer = await connect('json', sys.edges[0], sys.token(place.users[0]))
    for (let i = 0; i < 100; i++) await writer.call('SEND_MESSAGE', { roomId, content: 'ä'.repeat(4000) })
    const pages = await Promise.all(Array.from({ length: 4 }, () => writer.call('GET_HISTORY', { roomId, limit: 100 })))
    for (const { messages } of pages) {
      assert.equal(messages.length, 100)
      assert.ok(messages.every(message => message.content.length === 4000))
    }
  })
})

describe('without an account', () => {
  let sys
  before(async () => {
    sys = await start({ env: { BELFRY_ANONYMOUS: 'on' } })
  })
  after(async () => {
    closeAll()
    await sys?.stop()
  })

  for (const framing of ['json', 'socketio']) {
    it(`connects over ${framing}, and may do nothing that needs one`, async () => {
      const client = await connect(framing, sys.edges[0])
      assert.equal(client.session.user, null)
      await assert.rejects(client.call('LIST_COMMUNITIES', {}), { code: 'UNAUTHENTICATED' })
    })
  }
})
