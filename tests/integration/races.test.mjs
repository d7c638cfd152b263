// What a client was promised while the bus lags behind: events of the past that come late
// take nothing away that was given since. A stopped broker is a bus that lags.

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { closeAll, connect } from './lib/client.mjs'
import { start, whileReading } from './lib/system.mjs'

describe('a bus that lags', () => {
  let sys, place, owner, member
  before(async () => {
    sys = await start({ edges: 1, cores: 1, flags: ['--bus', 'nats'] })
    place = await sys.room({ members: 2 })
    await sys.sql(`UPDATE community_members SET owner = true
      WHERE community_id = '${place.community}' AND user_id = '${place.users[0].id}'`)
    owner = await connect('json', sys.url, sys.token(place.users[0]))
    member = await connect('json', sys.url, sys.token(place.users[1]))
  })
  after(async () => {
    closeAll()
    await sys?.stop()
  })

  async function lagging(work) {
    const { BELFRY_AUX_PIDS: broker } = await sys.now()
    process.kill(Number(broker), 'SIGSTOP')
    try {
      return await work()
    } finally {
      process.kill(Number(broker), 'SIGCONT')
    }
  }

  it('a JOIN after being added again outlives the word of the removal before', async () => {
    const user = { userId: place.users[1].id }
    const { room } = await owner.call('CREATE_ROOM', { communityId: place.community, name: 'closed', private: true })
    const roomId = room.id
    await owner.call('ADD_ROOM_MEMBER', { roomId, ...user })
    await member.call('JOIN_ROOM', { roomId })
    await lagging(async () => {
      await owner.call('REMOVE_ROOM_MEMBER', { roomId, ...user })
      await owner.call('ADD_ROOM_MEMBER', { roomId, ...user })
      await member.call('JOIN_ROOM', { roomId })
    })
    await member.next('ACCESS_CHANGED', event => event.roomId === roomId && event.reason === 'removed')
    const { seq } = await owner.call('SEND_MESSAGE', { roomId, content: 'back' })
    await member.next('MESSAGE_CREATED', event => event.stream === `room:${roomId}` && event.seq === seq)
  })
})

describe('an answer older than what was delivered meanwhile', () => {
  let sys, place, owner, host
  before(async () => {
    sys = await start({ edges: 1, cores: 1 })
    place = await sys.room({ members: 2 })
    await sys.sql(`UPDATE community_members SET owner = true
      WHERE community_id = '${place.community}' AND user_id = '${place.users[0].id}'`)
    owner = await connect('json', sys.url, sys.token(place.users[0]))
    const [[role]] = await sys.sql(`SELECT id FROM roles WHERE community_id = '${place.community}' AND given_to_all`)
    await owner.call('SET_ROOM_OVERRIDE', { roomId: place.roomId, roleId: role, allow: ['VIEW_ROOM'], deny: [] })
    host = await owner.call('CREATE_COMMUNITY', { name: 'open house', public: true })
  })
  after(async () => {
    closeAll()
    await sys?.stop()
  })

  it('a session that connects hears the community that another one joined', async () => {
    const first = await connect('json', sys.url, sys.token(place.users[1]))
    const resume = { [`room:${place.roomId}`]: (await first.call('JOIN_ROOM', { roomId: place.roomId })).cursor }
    const stream = `community:${host.community.id}`
    const [late] = await whileReading(sys, 'room_overrides',
      () => connect('json', sys.url, sys.token(place.users[1]), { resume }),
      async () => {
        await first.call('JOIN_COMMUNITY', { communityId: host.community.id })
        await first.next('ACCESS_CHANGED', event => event.communityId === host.community.id)
      })
    const second = await late
    await owner.call('CREATE_ROOM', { communityId: host.community.id, name: 'hall' })
    await first.next('ROOM_CREATED', event => event.stream === stream)
    await second.next('ROOM_CREATED', event => event.stream === stream)
  })

  it('a session that joins rooms as it connects hears nothing of one that is taken away meanwhile', async () => {
    const user = place.users[1]
    const { room } = await owner.call('CREATE_ROOM', { communityId: place.community, name: 'closed', private: true })
    await owner.call('ADD_ROOM_MEMBER', { roomId: room.id, userId: user.id })
    for (const framing of ['json', 'socketio']) {
      const resume = { [`room:${room.id}`]: null, [`room:${place.roomId}`]: null }
      const [late] = await whileReading(sys, 'room_overrides',
        () => connect(framing, sys.url, sys.token(user), { resume }),
        () => owner.call('REMOVE_ROOM_MEMBER', { roomId: room.id, userId: user.id }))
      const comer = await late
      assert.ok(Object.hasOwn(comer.session.streams, `room:${room.id}`), 'the answer is the older one')
      await comer.next('ACCESS_CHANGED', event => event.roomId === room.id && event.reason === 'removed')
      await owner.call('SEND_MESSAGE', { roomId: room.id, content: 'not for who was removed' })
      const { seq } = await owner.call('SEND_MESSAGE', { roomId: place.roomId, content: 'for who is there' })
      await comer.next('MESSAGE_CREATED', event => event.stream === `room:${place.roomId}` && event.seq === seq)
      assert.deepEqual(comer.events.filter(({ data }) => data.stream === `room:${room.id}`), [])
      await owner.call('ADD_ROOM_MEMBER', { roomId: room.id, userId: user.id })
      comer.close()
    }
  })

  it('a session that begins to follow hears a room made meanwhile', async () => {
    const follower = await connect('json', sys.url, sys.token(place.users[1]))
    let room
    const [joined] = await whileReading(sys, 'room_overrides', () => follower.call('JOIN_ALL_ROOMS', {}), async () => {
      ({ room } = await owner.call('CREATE_ROOM', { communityId: place.community, name: 'new' }))
      await follower.next('ROOM_CREATED', event => event.room.id === room.id)
    })
    const { rooms } = await joined
    assert.equal(rooms.some(({ roomId }) => roomId === room.id), false, 'the answer is the older one')
    await follower.next('STREAM_OPENED', event => event.stream === `room:${room.id}`)
  })
})

describe('a session that follows and leaves a room', () => {
  let sys, place, owner, follower
  before(async () => {
    sys = await start({ edges: 1, cores: 1 })
    place = await sys.room({ members: 2 })
    await sys.sql(`UPDATE community_members SET owner = true
      WHERE community_id = '${place.community}' AND user_id = '${place.users[0].id}'`)
    owner = await connect('json', sys.url, sys.token(place.users[0]))
    follower = await connect('json', sys.url, sys.token(place.users[1]))
  })
  after(async () => {
    closeAll()
    await sys?.stop()
  })

  it('does not get it back with what it gains', async () => {
    await follower.call('JOIN_ALL_ROOMS', {})
    await follower.call('LEAVE_ROOM', { roomId: place.roomId })
    const made = await Promise.all(Array.from({ length: 8 }, (_, i) =>
      owner.call('CREATE_ROOM', { communityId: place.community, name: `r${i}` })))
    for (const { room } of made) {
      await follower.next('STREAM_OPENED', event => event.stream === `room:${room.id}`)
    }
    await owner.call('SEND_MESSAGE', { roomId: place.roomId, content: 'not for who left' })
    const last = made.at(-1).room.id
    await owner.call('SEND_MESSAGE', { roomId: last, content: 'for who follows' })
    await follower.next('MESSAGE_CREATED', event => event.stream === `room:${last}`)
    assert.deepEqual(follower.all('STREAM_OPENED').filter(event => event.stream === `room:${place.roomId}`), [])
    assert.deepEqual(follower.all('MESSAGE_CREATED').filter(event => event.stream === `room:${place.roomId}`), [])
  })
})

describe('a catch-up of many large streams', () => {
  let sys, place
  before(async () => {
    sys = await start({ edges: 1, cores: 1 })
    place = await sys.room({ members: 2, rooms: 3 })
  })
  after(async () => {
    closeAll()
    await sys?.stop()
  })

  // Straight into the log, as large as events can get. The last one empties the edge's ring.
  const write = (room, sizes) => sys.sql(`
    WITH made AS (
      INSERT INTO events (kind, id, seq, tag, prev_tag, after, event, payload, control)
      SELECT 3, '${room}', n, n + 1, CASE n WHEN 1 THEN 0 ELSE n END, 0, 'LARGE',
             ('{"x":"' || repeat('x', size - 8) || '"}')::json,
             CASE WHEN n = ${sizes.length} THEN '{"blanked":[1]}'::json END
      FROM unnest(ARRAY[${sizes}]) WITH ORDINALITY AS s(size, n))
    UPDATE streams SET last_seq = ${sizes.length}, last_tag = ${sizes.length + 1}, prev_tag = ${sizes.length}
    WHERE kind = 3 AND id = '${room}'`)

  it('loses none of them where the answer is full', async () => {
    const rooms = place.rooms.toSorted()
    const stays = await connect('json', sys.url, sys.token(place.users[0]))
    const resume = {}
    for (const roomId of rooms) {
      const { cursor } = await stays.call('JOIN_ROOM', { roomId })
      resume[`room:${roomId}`] = cursor
    }
    // the first two leave a little of 2 MiB, the third has nothing that small
    const large = Array.from({ length: 16 }, () => 65_000)
    await write(rooms[0], [...large, 16])
    await write(rooms[1], [...large, 16])
    await write(rooms[2], [65_000, 16])
    await stays.next('LARGE', event => event.stream === `room:${rooms[0]}` && event.seq === 17)
    await stays.next('LARGE', event => event.stream === `room:${rooms[1]}` && event.seq === 17)
    await stays.next('LARGE', event => event.stream === `room:${rooms[2]}` && event.seq === 2)

    const late = await connect('json', sys.url, sys.token(place.users[1]), { resume })
    for (const [room, last] of [[rooms[0], 17], [rooms[1], 17], [rooms[2], 2]]) {
      const heard = () => late.all('LARGE').filter(event => event.stream === `room:${room}`).map(event => event.seq)
      await Promise.race([
        late.next('LARGE', event => event.stream === `room:${room}` && event.seq === last),
        late.next('RESYNC').then(({ data }) => assert.fail(`${data.stream} was given up`)),
      ])
      assert.deepEqual(heard(), Array.from({ length: last }, (_, i) => i + 1))
    }
  })
})
