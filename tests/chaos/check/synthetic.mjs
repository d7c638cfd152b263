// A small run without any fault, made by hand: three clients, a hall for all and a cellar
// for some, messages, an edit, a deletion, a kick and a return, a resume, a refusal. Tests
// plant faults in it.

export const ALICE = 'alice-id'
export const BOB = 'bob-id'
export const CAROL = 'carol-id'
export const COMMUNITY = 'community-id'
export const HALL = 'hall-id'
export const CELLAR = 'cellar-id'

const USERS = { alice: ALICE, bob: BOB, carol: CAROL }
const KINDS = ['', 'community', 'members', 'room', 'user', 'access']
const cursor = (seq, tag) => `${seq}.${tag.toString(16).padStart(8, '0')}`

class Run {
  tables = { streams: [], events: [], messages: [], answers: [], sessions: [], room_occupants: [] }
  faults = []
  samples = []
  clients = new Map(Object.keys(USERS).map(name => [name, []]))
  meta = {
    clients: USERS,
    communities: { [COMMUNITY]: [ALICE, BOB, CAROL] },
    rooms: {
      [HALL]: { community: COMMUNITY, private: false, members: [] },
      [CELLAR]: { community: COMMUNITY, private: true, members: [ALICE, BOB, CAROL] },
    },
  }

  #n = 0
  now = 1000

  constructor() {
    for (const [kind, id] of [[1, COMMUNITY], [2, COMMUNITY], [5, COMMUNITY], [3, HALL], [3, CELLAR]]) {
      this.tables.streams.push({ kind, id, last_seq: 0, last_tag: 0 })
    }
  }

  // ----------------------------------------------------------- the database

  #stream(kind, id) {
    return this.tables.streams.find(row => row.kind === kind && row.id === id)
  }

  get accessSeq() {
    return this.#stream(5, COMMUNITY).last_seq
  }

  append(kind, id, event, payload, control = null, after = this.accessSeq) {
    const stream = this.#stream(kind, id)
    const tag = 1000 + this.tables.events.length
    const row = { kind, id, seq: ++stream.last_seq, tag, prev_tag: stream.last_tag, after, at: new Date(this.now).toISOString(), event, payload, control }
    stream.last_tag = tag
    this.tables.events.push(row)
    return row
  }

  #store(user, key, status) {
    this.tables.answers.push({ user_id: user, key, status })
  }

  message(room, author, content, key = `key-${++this.#n}`) {
    const id = `message-${this.tables.messages.length + 1}`
    const row = this.append(3, room, 'MESSAGE_CREATED', { message: { id, authorId: author, clientId: key, content } })
    this.tables.messages.push({ id, room_id: room, seq: row.seq, author_id: author, client_id: key })
    return row.seq
  }

  removeMember(room, user) {
    const after = this.accessSeq + 1
    this.append(3, room, 'ROOM_MEMBER_REMOVED', { userId: user }, null, after)
    this.append(5, COMMUNITY, '', {}, { who: { users: [user], rooms: [room] } }, after)
  }

  /** As if this user had never come back. */
  dropGain(user) {
    const gain = this.tables.events.find(row => row.event === 'MEMBER_JOINED' && row.payload.userId === user)
    gain.payload.userId = 'somebody else'
  }

  // ----------------------------------------------------------- the clients

  log(client, k, fields) {
    this.clients.get(client).push({ t: this.now, k, ...fields })
  }

  request(client, c, event, fields = {}) {
    const n = ++this.#n
    const key = event === 'JOIN_ROOM' ? undefined : `key-${n}` // reads have none
    this.log(client, 'send', { c, n, edge: 1, event, key, ...fields })
    this.now += 10
    return { n, key }
  }

  acked(client, c, request, fields) {
    this.#store(USERS[client], request.key, 'OK')
    this.log(client, 'ack', { c, n: request.n, key: request.key, ...fields })
  }

  say(client, c, room, content, at = this.now) {
    this.now = at
    const request = this.request(client, c, 'SEND_MESSAGE', { room, content })
    const seq = this.message(room, USERS[client], content, request.key)
    this.acked(client, c, request, { seq, id: this.tables.messages.at(-1).id })
    return seq
  }

  cursor(id, seq, kind = 'room') {
    const row = this.tables.events.find(other => other.id === id && other.seq === seq && KINDS[other.kind] === kind)
    return cursor(seq, row.tag)
  }

  delivery(id, seq, t, kind = 'room') {
    const row = this.tables.events.find(other => other.id === id && other.seq === seq && KINDS[other.kind] === kind)
    const { message, messageId } = row.payload
    return { t, k: 'ev', s: `${kind}:${id}`, q: seq, u: cursor(seq, row.tag), e: row.event, id: message?.id ?? messageId, key: message?.clientId, x: message?.content }
  }

  heard(id, seq, clients, kind = 'room') {
    this.now += 5
    for (const client of clients) this.clients.get(client).push(this.delivery(id, seq, this.now, kind))
  }
}

function connectAll(run) {
  for (const client of Object.keys(USERS)) {
    run.log(client, 'open', { c: 1, edge: 1, resume: null })
    run.log(client, 'up', { c: 1, session: `${client}-1`, streams: { [`community:${COMMUNITY}`]: '0.00000000' } })
    for (const room of [HALL, CELLAR]) {
      const { n } = run.request(client, 1, 'JOIN_ROOM')
      run.log(client, 'ack', { c: 1, n })
      run.log(client, 'join', { c: 1, stream: `room:${room}`, seq: 0, cursor: '0.00000000' })
    }
  }
}

function talk(run) {
  const all = Object.keys(USERS)
  for (const [client, content] of [['alice', 'one'], ['bob', 'two'], ['carol', 'three']]) {
    run.heard(HALL, run.say(client, 1, HALL, content), all)
  }
  run.heard(CELLAR, run.say('alice', 1, CELLAR, 'psst'), all)
  run.log('carol', 'leave', { c: 1, stream: `room:${CELLAR}` })
  run.heard(CELLAR, run.say('alice', 1, CELLAR, 'carol is gone'), ['alice', 'bob'])
}

function blink(run) {
  run.log('bob', 'down', { c: 1, why: 1006 })
  const resume = { [`room:${HALL}`]: run.cursor(HALL, 3), [`room:${CELLAR}`]: run.cursor(CELLAR, 2) }
  run.heard(HALL, run.say('alice', 1, HALL, 'four'), ['alice', 'carol'])
  run.now += 2000
  run.log('bob', 'open', { c: 2, edge: 2, resume })
  run.log('bob', 'up', { c: 2, session: 'bob-2', streams: { [`community:${COMMUNITY}`]: '0.00000000', ...resume } })
  run.heard(HALL, 4, ['bob'])
}

function change(run) {
  const [first, second] = run.tables.messages
  const edit = run.request('alice', 1, 'EDIT_MESSAGE', { room: HALL, message: first.id })
  run.clients.get('alice').at(-1).content = edit.key
  const edited = run.append(3, HALL, 'MESSAGE_UPDATED', { message: { id: first.id, authorId: ALICE, clientId: first.client_id, content: edit.key } })
  run.acked('alice', 1, edit, { seq: edited.seq, id: first.id })
  run.heard(HALL, edited.seq, Object.keys(USERS))
  const deletion = run.request('bob', 2, 'DELETE_MESSAGE', { room: HALL, message: second.id })
  const deleted = run.append(3, HALL, 'MESSAGE_DELETED', { messageId: second.id, deletedBy: BOB, reason: deletion.key })
  const blanked = run.tables.events.find(row => row.event === 'MESSAGE_CREATED' && row.payload.message.id === second.id)
  blanked.payload = { message: { ...blanked.payload.message, content: '', deleted: true } }
  run.acked('bob', 2, deletion, { seq: deleted.seq })
  run.heard(HALL, deleted.seq, Object.keys(USERS))
}

function kickAndReturn(run) {
  run.now += 20_000
  const kick = run.request('alice', 1, 'KICK_MEMBER', { target: CAROL })
  const after = run.accessSeq + 1
  const kicked = run.append(1, COMMUNITY, 'MEMBER_KICKED', { userId: CAROL, reason: kick.key }, null, after)
  run.append(5, COMMUNITY, '', {}, { who: { users: [CAROL] } }, after)
  run.acked('alice', 1, kick)
  run.heard(COMMUNITY, kicked.seq, ['alice', 'bob'], 'community')
  run.afterKick = run.say('alice', 1, HALL, 'carol is out')
  run.heard(HALL, run.afterKick, ['alice', 'bob'])
  const refused = run.request('carol', 1, 'SEND_MESSAGE', { room: HALL, content: 'am I?' })
  run.tables.answers.push({ user_id: CAROL, key: refused.key, status: 'NOT_FOUND' })
  run.log('carol', 'err', { c: 1, n: refused.n, key: refused.key, code: 'NOT_FOUND' })
  run.now += 20_000
  const back = run.request('carol', 1, 'JOIN_COMMUNITY', {})
  run.append(2, COMMUNITY, 'MEMBER_JOINED', { userId: CAROL })
  run.acked('carol', 1, back)
  const { n } = run.request('carol', 1, 'JOIN_ROOM')
  run.log('carol', 'ack', { c: 1, n })
  run.log('carol', 'join', { c: 1, stream: `room:${HALL}`, seq: run.afterKick, cursor: run.cursor(HALL, run.afterKick) })
  run.lastHall = run.say('alice', 1, HALL, 'welcome back')
  run.heard(HALL, run.lastHall, Object.keys(USERS))
}

function finish(run) {
  run.now += 30_000
  const session = { alice: 'alice-1', bob: 'bob-2', carol: 'carol-1' }
  run.log('alice', 'presence', { users: Object.fromEntries(Object.values(USERS).map(user => [user, 'ONLINE'])) })
  for (const client of Object.keys(USERS)) {
    run.log(client, 'final', { connected: true, session: session[client] })
    run.tables.sessions.push({ session_id: session[client], user_id: USERS[client] })
    const rooms = client === 'carol' ? [HALL] : [HALL, CELLAR]
    for (const room of rooms) run.tables.room_occupants.push({ room_id: room, user_id: USERS[client] })
  }
  for (const t of [500, run.now]) run.samples.push({ t, quiet: true, name: 'edge1', pid: 10, rss: 20_000, fds: 30, threads: 4 })
}

export function cleanRun() {
  const run = new Run()
  connectAll(run)
  talk(run)
  blink(run)
  change(run)
  kickAndReturn(run)
  finish(run)
  return run
}
