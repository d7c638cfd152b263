// One client of a run: keeps its cursors, comes back on another edge when a connection is
// lost, sends again with the same clientId what got no answer, and writes all of it down.

import { randomUUID } from 'node:crypto'
import { Line } from './line.mjs'
import { sleep, until } from './random.mjs'
import { Relay } from './relay.mjs'

const CONNECT_MS = 6000
const GIVE_UP_MS = 60_000

export class Actor {
  cursors = new Map()  // stream → cursor, of what is subscribed to
  absent = new Set()   // communities and rooms that were lost
  own = []             // rooms that nobody else enters
  ownMessages = []     // { id, room } that can be edited or deleted
  stopping = false
  #line = null
  #connecting = null
  #edge
  #c = 0
  #n = 0

  constructor({ name, user, framing, urls, token, world, journal, random, relayed }) {
    Object.assign(this, { name, user, framing, urls, token, world, journal, random })
    this.relay = relayed ? new Relay(() => this.#relayTarget) : null
    this.#edge = random.below(urls.length)
    this.rooms = world.rooms
  }

  // ------------------------------------------------------------- connecting

  get connected() {
    return this.#line?.up === true
  }

  /** The edge that it is connected to, by its name. */
  get at() {
    return this.connected ? `edge${this.#edge + 1}` : null
  }

  /** One connection at a time; whoever needs it waits for the same one. */
  connect() {
    if (this.connected) return Promise.resolve(this.#line)
    this.#connecting ??= this.#connectSomewhere().finally(() => { this.#connecting = null })
    return this.#connecting
  }

  async #connectSomewhere() {
    for (const end = Date.now() + GIVE_UP_MS; Date.now() < end;) {
      if (await this.#tryConnect()) return this.#line
      this.#edge = (this.#edge + 1) % this.urls.length
      await sleep(this.random.between(50, 300))
    }
    throw new Error(`${this.name} found no edge in ${GIVE_UP_MS} ms`)
  }

  async #tryConnect() {
    const resume = Object.fromEntries(this.cursors)
    const url = await this.#urlOf(this.#edge)
    const c = ++this.#c
    this.journal.write('open', { c, edge: this.#edge + 1, resume })
    const line = new Line({ framing: this.framing, url, token: this.token(), resume }, {
      onUp: data => this.#onUp(c, data),
      onEvent: (name, data) => this.#onEvent(c, name, data),
      onDown: why => this.#onDown(c, line, why),
    })
    line.c = c
    this.#line = line
    const over = () => line.up || this.#line !== line
    if (!(await until(over, CONNECT_MS, 5))) line.end('no CONNECTION_SUCCESS')
    return line.up
  }

  async #urlOf(edge) {
    if (!this.relay) return this.urls[edge]
    const { protocol, port } = new URL(this.urls[edge])
    this.#relayTarget = { host: '127.0.0.1', port: Number(port) }
    this.relayPort ??= await this.relay.listen()
    return `${protocol}//127.0.0.1:${this.relayPort}`
  }
  #relayTarget = null

  #onUp(c, { sessionId, streams }) {
    this.session = sessionId
    this.journal.write('up', { c, session: sessionId, streams })
    this.cursors = new Map(Object.entries(streams))
    for (const { id } of this.world.communities) this.#mark(id, `community:${id}` in streams)
  }

  #onDown(c, line, why) {
    this.journal.write('down', { c, why })
    if (this.#line !== line) return
    this.#line = null
    this.#edge = (this.#edge + 1 + this.random.below(this.urls.length - 1 || 1)) % this.urls.length
    if (!this.stopping && !this.paused) this.connect().catch(error => console.log(error.message))
  }

  // ------------------------------------------------------------- hearing

  #onEvent(c, name, data) {
    if (name === 'RESYNC') {
      this.journal.write('resync', { c, s: data.stream, q: data.seq, u: data.cursor })
      this.cursors.set(data.stream, data.cursor)
    } else if (name === 'STREAM_OPENED') {
      this.journal.write('opened', { c, s: data.stream, q: data.seq, u: data.cursor })
      this.cursors.set(data.stream, data.cursor)
    } else if (data?.seq !== undefined && data.stream) {
      this.#durable(c, name, data)
    }
  }

  #durable(c, name, { stream, seq, cursor, message, ...rest }) {
    this.journal.write('ev', { c, s: stream, q: seq, u: cursor, e: name, id: message?.id ?? rest.messageId, key: message?.clientId, x: message?.content })
    if (this.#listensTo(stream)) this.cursors.set(stream, cursor)
    if (name === 'ACCESS_CHANGED') this.#accessChanged(rest)
  }

  /** What was committed before a loss may come after the word of it. */
  #listensTo(stream) {
    const [kind, id] = stream.split(':')
    return this.cursors.has(stream) || kind === 'user' || (kind === 'community' && !this.absent.has(id))
  }

  #accessChanged({ communityId, roomId, granted }) {
    this.#mark(roomId ?? communityId, granted)
    if (granted) return
    if (roomId) return this.cursors.delete(`room:${roomId}`)
    this.cursors.delete(`community:${communityId}`)
    for (const room of this.rooms) if (room.community === communityId) this.cursors.delete(`room:${room.id}`)
  }

  #mark(id, there) {
    if (there) this.absent.delete(id)
    else this.absent.add(id)
  }

  mayEnter(room) {
    return !this.absent.has(room.community) && !this.absent.has(room.id)
  }

  // ------------------------------------------------------------- asking

  /** One attempt on one connection: { ack }, { err } or { none }. */
  #attempt(line, event, data, fields, onAck) {
    const n = ++this.#n
    const key = data.clientId
    this.journal.write('send', { c: line.c, n, edge: this.#edge + 1, event, key, ...fields })
    return new Promise(resolve => line.ask(event, data, outcome => {
      this.#writeOutcome(line.c, n, key, outcome)
      if (outcome.ack) onAck?.(outcome.ack)
      resolve(outcome)
      if (outcome.none === 'timeout') line.end('no answer')
    }))
  }

  #writeOutcome(c, n, key, { ack, err, none }) {
    if (ack) this.journal.write('ack', { c, n, key, seq: ack.seq, id: ack.message?.id })
    else if (err) this.journal.write('err', { c, n, key, code: err.code })
    else this.journal.write('none', { c, n, key, why: none })
  }

  /** Until there is an answer: the ack, or the error. Null when the run is over. */
  async persist(event, data, fields = {}, onAck = null) {
    for (const end = Date.now() + GIVE_UP_MS; Date.now() < end;) {
      const line = await this.connect().catch(() => null)
      if (!line) return null
      const { ack, err } = await this.#attempt(line, event, data, fields, onAck)
      if (ack) return { ack }
      if (err && err.code !== 'UNAVAILABLE') return { err }
      if (err) await sleep(Math.min(err.retryAfterMs ?? 200, 500))
    }
    return null
  }

  // ------------------------------------------------------------- doing

  async say(room, content = `${this.name} ${this.#n}`) {
    const clientId = randomUUID()
    const outcome = await this.persist('SEND_MESSAGE', { roomId: room.id, content, clientId }, { room: room.id, content })
    if (!outcome?.ack) return outcome
    this.lastSaid = { clientId, roomId: room.id, content }
    this.ownMessages.push({ id: outcome.ack.message.id, room: room.id })
    if (this.ownMessages.length > 20) this.ownMessages.shift()
    return outcome
  }

  /** What a change writes is its clientId, so that its effects can be counted. */
  async edit({ id, room }) {
    const clientId = randomUUID()
    return this.persist('EDIT_MESSAGE', { messageId: id, content: clientId, clientId }, { room, message: id, content: clientId })
  }

  async remove({ id, room }) {
    const clientId = randomUUID()
    return this.persist('DELETE_MESSAGE', { messageId: id, reason: clientId, clientId }, { room, message: id })
  }

  async kick(community, user) {
    const clientId = randomUUID()
    return this.persist('KICK_MEMBER', { communityId: community.id, userId: user.id, reason: clientId, clientId }, { target: user.id })
  }

  async roomMember(event, room, user) {
    return this.persist(event, { roomId: room.id, userId: user.id, clientId: randomUUID() }, { room: room.id, target: user.id })
  }

  async joinCommunity(id) {
    return this.persist('JOIN_COMMUNITY', { communityId: id, clientId: randomUUID() }, { target: id })
  }

  async enter(room) {
    const stream = `room:${room.id}`
    const outcome = await this.persist('JOIN_ROOM', { roomId: room.id }, {}, ({ seq, cursor }) => {
      this.journal.write('join', { c: this.#line?.c, stream, seq, cursor })
      if (!this.cursors.has(stream)) this.cursors.set(stream, cursor)
    })
    if (outcome?.err?.code === 'NOT_FOUND') this.#mark(room.id, false)
    return outcome
  }

  async leave(room) {
    const stream = `room:${room.id}`
    return this.persist('LEAVE_ROOM', { roomId: room.id }, {}, () => {
      this.journal.write('leave', { c: this.#line?.c, stream })
      this.cursors.delete(stream)
    })
  }

  /** The last message again, by HTTP, at several edges at once: one effect, one answer. */
  async replay(times) {
    if (!this.lastSaid) return
    await Promise.all(Array.from({ length: times }, () => this.#post(this.random.below(this.urls.length), this.lastSaid)))
  }

  async #post(edge, data) {
    const n = ++this.#n
    this.journal.write('send', { c: 0, n, edge: edge + 1, event: 'SEND_MESSAGE', key: data.clientId, room: data.roomId, content: data.content })
    const outcome = await post(this.urls[edge], this.token(), 'SEND_MESSAGE', data)
    this.#writeOutcome(0, n, data.clientId, outcome)
  }

  // ------------------------------------------------------------- being hurt

  cut() {
    this.#line?.end('cut')
  }

  /** The path dies without a word: the edge has a connection to nobody. */
  halfOpen() {
    if (!this.relay) return this.cut()
    this.relay.abandon()
    this.cut()
  }

  /** Away for so long. */
  async away(ms) {
    this.paused = true
    this.cut()
    await sleep(ms)
    this.paused = false
    await this.connect()
  }

  async finish(connected) {
    this.stopping = true
    if (!connected) this.cut()
    this.journal.write('final', { connected, session: this.session })
  }

  async close() {
    this.stopping = true
    this.#line?.end('cut')
    this.relay?.close()
    await this.journal.close()
  }
}

async function post(url, token, event, data) {
  try {
    const response = await fetch(`${url}/api/v1/events/${event}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify(data),
      signal: AbortSignal.timeout(12_000),
    })
    const body = await response.json()
    if (response.status === 200) return { ack: body }
    return response.status === 504 ? { none: 'http' } : { err: body.error }
  } catch {
    return { none: 'http' }
  }
}
