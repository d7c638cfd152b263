// JOIN_ALL_ROOMS without a community follows: what its user gains later is opened by the
// server, on whatever edge it was gained, and told with the cursor to resume from.

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { closeAll, connect } from './lib/client.mjs'
import { system } from './lib/system.mjs'

describe('a session that follows', () => {
  let sys, place, owner, follower, other
  before(async () => {
    sys = await system()
    place = await sys.room({ members: 3 })
    await sys.sql(`UPDATE community_members SET owner = true
      WHERE community_id = '${place.community}' AND user_id = '${place.users[0].id}'`)
    owner = await connect('socketio', sys.edges[0], sys.token(place.users[0]))
    follower = await connect('json', sys.edges[1], sys.token(place.users[1]))
    other = await connect('json', sys.edges[1], sys.token(place.users[2]))
    await follower.call('JOIN_ALL_ROOMS', {})
    await other.call('JOIN_ALL_ROOMS', { communityId: place.community })
  })
  after(async () => {
    closeAll()
    await sys?.stop()
  })

  const opened = (client, id) => client.next('STREAM_OPENED', event => event.stream === id)

  it('hears a public room from its first message on, and can resume from where it was opened', async () => {
    const { room } = await owner.call('CREATE_ROOM', { communityId: place.community, name: 'new' })
    const { data } = await opened(follower, `room:${room.id}`)
    const { seq } = await owner.call('SEND_MESSAGE', { roomId: room.id, content: 'first' })
    await follower.next('MESSAGE_CREATED', event => event.stream === data.stream && event.seq === seq)
    const again = await connect('json', sys.edges[0], sys.token(place.users[1]), { resume: { [data.stream]: data.cursor } })
    await again.next('MESSAGE_CREATED', event => event.stream === data.stream && event.seq === seq)
    again.close()
    assert.equal(other.all('STREAM_OPENED').length, 0, 'who does not follow is left alone')
  })

  it('hears a private room once it is added, or a role may see it', async () => {
    const { room } = await owner.call('CREATE_ROOM', { communityId: place.community, name: 'closed', private: true })
    await owner.call('SEND_MESSAGE', { roomId: room.id, content: 'before' })
    const [[role]] = await sys.sql(`SELECT id FROM roles WHERE community_id = '${place.community}' AND given_to_all`)
    await owner.call('SET_ROOM_OVERRIDE', { roomId: room.id, roleId: role, allow: ['VIEW_ROOM'], deny: [] })
    const { data } = await opened(follower, `room:${room.id}`)
    assert.equal(data.seq > 0, true)
    const { seq } = await owner.call('SEND_MESSAGE', { roomId: room.id, content: 'after' })
    const { data: heard } = await follower.next('MESSAGE_CREATED', event => event.stream === data.stream)
    assert.equal(heard.seq, seq, 'nothing of before')
  })

  it('does not hear a private room that is none of its business', async () => {
    const { room } = await owner.call('CREATE_ROOM', { communityId: place.community, name: 'secret', private: true })
    await owner.call('SET_ROOM_OVERRIDE', { roomId: room.id, userId: place.users[2].id, allow: ['VIEW_ROOM'], deny: [] })
    const { room: last } = await owner.call('CREATE_ROOM', { communityId: place.community, name: 'last' })
    await opened(follower, `room:${last.id}`)
    assert.equal(follower.all('STREAM_OPENED').some(event => event.stream === `room:${room.id}`), false)
  })

  it('hears the rooms of a community that another session of its user joins', async () => {
    const host = await connect('json', sys.edges[0], sys.token(place.users[2]))
    const { community } = await host.call('CREATE_COMMUNITY', { name: 'open house', public: true })
    const { room } = await host.call('CREATE_ROOM', { communityId: community.id, name: 'hall' })
    const second = await connect('socketio', sys.edges[0], sys.token(place.users[1]))
    const { seq, cursor } = await second.call('JOIN_COMMUNITY', { communityId: community.id })
    assert.equal(typeof seq, 'number')
    assert.match(cursor, /^\d+\.[0-9a-f]{8}$/)
    await opened(follower, `community:${community.id}`)
    await opened(follower, `room:${room.id}`)
    await host.call('SEND_MESSAGE', { roomId: room.id, content: 'welcome' })
    await follower.next('MESSAGE_CREATED', event => event.stream === `room:${room.id}`)
  })
})

describe('a crowd that follows', () => {
  let sys
  before(async () => { sys = await system() })
  after(async () => {
    closeAll()
    await sys?.stop()
  })

  it('hears a new room to the last of them, more than ask at once', async () => {
    const place = await sys.room({ members: 301 })
    const [first, ...others] = place.users
    await sys.sql(`UPDATE community_members SET owner = true
      WHERE community_id = '${place.community}' AND user_id = '${first.id}'`)
    const owner = await connect('json', sys.edges[0], sys.token(first))
    const crowd = await Promise.all(others.map(async user => {
      const client = await connect('json', sys.edges[1], sys.token(user))
      await client.call('JOIN_ALL_ROOMS', {})
      return client
    }))
    const { room } = await owner.call('CREATE_ROOM', { communityId: place.community, name: 'square' })
    for (const client of crowd) await client.next('STREAM_OPENED', event => event.stream === `room:${room.id}`)
    await owner.call('SEND_MESSAGE', { roomId: room.id, content: 'hello all' })
    for (const client of crowd) await client.next('MESSAGE_CREATED')
  })
})
