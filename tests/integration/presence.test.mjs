// Who is there: announced when the first session comes and the last one goes, quiet during
// a blink, and right again after an edge was killed.

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { closeAll, connect } from './lib/client.mjs'
import { start } from './lib/system.mjs'

describe('presence', () => {
  let sys, place, roomId, watcher
  before(async () => {
    sys = await start({ edges: 2, cores: 2 })
    place = await sys.room({ members: 4 })
    roomId = place.roomId
    watcher = await connect('json', sys.edges[0], sys.token(place.users[0]))
    await watcher.call('JOIN_ROOM', { roomId })
  })
  after(async () => {
    closeAll()
    await sys?.stop()
  })
  const about = user => event => event.userId === user.id

  it('tells of the first session and of the end of the last, not of those between', async () => {
    const user = place.users[1]
    const first = await connect('json', sys.edges[1], sys.token(user))
    await watcher.next('USER_CONNECTED', about(user))
    const second = await connect('socketio', sys.edges[0], sys.token(user))
    first.close()
    await first.closed
    second.close()
    const { at } = await watcher.next('USER_DISCONNECTED', about(user), 8_000)
    assert.ok(at > 0)
    assert.equal(watcher.all('USER_CONNECTED').filter(about(user)).length, 1)
    assert.equal(watcher.all('USER_DISCONNECTED').filter(about(user)).length, 1)
  })

  it('shows nothing of a blink', async () => {
    const user = place.users[2]
    const before = await connect('json', sys.edges[1], sys.token(user))
    await watcher.next('USER_CONNECTED', about(user))
    before.close()
    await before.closed
    const again = await connect('json', sys.edges[1], sys.token(user))
    await assert.rejects(watcher.next('USER_DISCONNECTED', about(user), 5_000))
    assert.equal(watcher.all('USER_CONNECTED').filter(about(user)).length, 1)
    again.close()
  })

  it('lets the users of a killed edge go within eight seconds', async () => {
    const user = place.users[3]
    const client = await connect('json', sys.edges[1], sys.token(user))
    await client.call('JOIN_ROOM', { roomId })
    await watcher.next('USER_JOINED_ROOM', about(user))
    const killed = performance.now()
    process.kill(Number((await sys.now()).BELFRY_EDGE_PIDS.split(' ')[1]), 'SIGKILL')
    const left = await watcher.next('USER_LEFT_ROOM', about(user), 8_000)
    const gone = await watcher.next('USER_DISCONNECTED', about(user), 8_000)
    assert.ok(left.at - killed < 8_000)
    assert.ok(gone.at - killed < 8_000, `${gone.at - killed} ms`)
    const [[ghosts]] = await sys.sql(`SELECT count(*) FROM room_occupants WHERE user_id = '${user.id}'`)
    assert.equal(Number(ghosts), 0)
  })
})
