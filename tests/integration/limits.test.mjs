// What is large is not punished, what is too much is refused, and nobody needs an account
// where the operator says so.

import assert from 'node:assert/strict'
import { connect as dial } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
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

describe('an edge with as many clients as it takes', () => {
  let sys, slow
  before(async () => {
    sys = await start({ env: { BELFRY_MAX_CONNECTIONS: '10' } })
  })
  after(async () => {
    closeAll()
    slow?.forEach(({ socket }) => socket.destroy())
    await sys?.stop()
  })

  /** A request whose body does not come; whether it was let in. */
  function slowRequest() {
    const { hostname, port } = new URL(sys.edges[0])
    const socket = dial(port, hostname)
    socket.write('POST /api/v1/events/SEND_MESSAGE HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n'
      + 'Content-Length: 100\r\nExpect: 100-continue\r\n\r\n')
    return new Promise(resolve => {
      socket.on('data', text => resolve({ socket, letIn: String(text).startsWith('HTTP/1.1 100') }))
      socket.on('error', () => resolve({ socket, letIn: false }))
      socket.on('close', () => resolve({ socket, letIn: false }))
    })
  }

  it('counts those that only send a request, until they are gone', async () => {
    const user = (await sys.room({ members: 1 })).users[0]
    slow = await Promise.all(Array.from({ length: 15 }, slowRequest))
    const count = slow.filter(({ letIn }) => letIn).length
    // some places may be taken by who asks for the edge's health
    assert.ok(count >= 5 && count <= 10, `let in: ${count}`)
    slow.forEach(({ socket }) => socket.destroy())
    let client
    for (const from = performance.now(); !client && performance.now() - from < 10_000; await sleep(20)) {
      client = await connect('json', sys.edges[0], sys.token(user), { timeoutMs: 1_000 }).catch(() => null)
    }
    assert.ok(client)
  })
})
