// Every request of every client: what was answered, and what it did.

import { feltUntil, ROOM, UNDECIDED } from './words.mjs'

export const ANSWER_MS = 11_000 // an edge gives up after 10 s, then its word must travel
export const STALL_MS = 3_500   // 3 s for an edge to go elsewhere, and what tests add

const SILENT = /^stop core|^stop broker|^partition bus/
const mayBeSilent = new Set(['cut', 'http'])

/** All attempts with one clientId. */
class Change {
  acks = []
  refusals = []
  unanswered = 0
  attempts = 0
  firstSent = Infinity
  answered = null

  constructor(user, send) {
    Object.assign(this, { user, event: send.event, key: send.key, send })
  }
}

export class Requests {
  #changes = new Map() // user|key → Change
  #open = new Map()    // client|n → send record
  /** { sent, answered, ms } of each change that was acked, over all its attempts */
  latencies = []
  /** how long requests took while one core or the bus was silent, and nothing else wrong */
  stalls = []

  constructor({ db, access, faults, findings }) {
    Object.assign(this, { db, access, faults, findings })
  }

  take(client, user, record) {
    if (record.k === 'send') this.#sent(client, user, record)
    else if (record.k === 'ack' || record.k === 'err' || record.k === 'none') this.#answered(client, user, record)
  }

  #sent(client, user, record) {
    this.#open.set(`${client}|${record.n}`, record)
    if (!record.key) return
    const id = `${user}|${record.key}`
    if (!this.#changes.has(id)) this.#changes.set(id, new Change(user, record))
    const change = this.#changes.get(id)
    change.attempts++
    change.firstSent = Math.min(change.firstSent, record.t)
  }

  #answered(client, user, record) {
    const id = `${client}|${record.n}`
    const send = this.#open.get(id)
    if (!send) return this.findings.add('phantom', `${client} got an answer to nothing`, record)
    this.#open.delete(id)
    this.#checkTime(client, send, record)
    const change = send.key && this.#changes.get(`${user}|${send.key}`)
    if (!change) return
    if (record.k === 'none') {
      change.unanswered++
      return
    }
    if (record.k === 'ack') change.acks.push(record)
    else change.refusals.push(record)
    change.answered = Math.min(change.answered ?? Infinity, record.t)
  }

  // ------------------------------------------------------------- time

  #checkTime(client, send, answer) {
    const took = answer.t - send.t
    const excused = this.#edgeStopped(send, answer.t) || mayBeSilent.has(answer.why)
    const late = took > ANSWER_MS || answer.why === 'timeout'
    if (late && !excused) this.findings.add('hang', `${client}: ${send.event} had no answer after ${took} ms`, { send, answer })
    const stop = this.#stoppedAlone(send.t, answer.t)
    if (stop && !excused) this.stalls.push(took)
    if (stop && took > STALL_MS && !excused) {
      this.findings.add('stall', `${client}: ${send.event} took ${took} ms while ${stop.what} was silent`, { send, answer, stop })
    }
  }

  #edgeStopped(send, until) {
    return this.faults.some(({ k, what, t, end }) => k === 'stop' && what === `edge${send.edge}` && t < until && (end ?? Infinity) > send.t)
  }

  /** A core, the broker or the bus was silent, and nothing else happened that would excuse
   *  a wait. */
  #stoppedAlone(from, to) {
    const near = this.faults.filter(fault => !fault.calm && fault.t < to && feltUntil(fault) > from)
    const [stop] = near
    return near.length === 1 && SILENT.test(`${stop.k} ${stop.what}`) ? stop : null
  }

  // ------------------------------------------------------------- at the end

  finish() {
    for (const [id, send] of this.#open) {
      this.findings.add('hang', `${id.split('|')[0]}: ${send.event} was never answered`, send)
    }
    const effects = this.#effects()
    for (const change of this.#changes.values()) this.#checkChange(change, effects)
    this.#checkAlternation()
    this.#checkActors()
  }

  /** Effects that can be told apart by what the client wrote into them: key → rows. */
  #effects() {
    const byKey = new Map()
    const add = (key, row) => key && byKey.set(key, [...byKey.get(key) ?? [], row])
    for (const row of this.db.eventsOf(ROOM)) add(markOf(row), row)
    for (const row of this.db.eventsOf('community', 'MEMBER_KICKED')) add(markOf(row), row)
    return byKey
  }

  #checkChange(change, effects) {
    const rows = effects.get(change.key) ?? []
    const { event, key, acks, refusals } = change
    if (acks.length > 0) {
      this.latencies.push({ sent: change.firstSent, answered: change.answered, event })
      this.#checkAcked(change, rows)
    }
    if (rows.length > 1) this.findings.add('duplicate', `${event} ${key} had ${rows.length} effects`, rows)
    const decided = refusals.find(({ code }) => !UNDECIDED.has(code))
    if (decided && acks.length > 0) {
      this.findings.add('answer', `${event} ${key} was acked and refused`, { acks, refusals })
    } else if (rows.length > 0 && (decided || this.#refusedForSure(change))) {
      this.findings.add('effect', `${event} ${key} was refused with ${refusals[0].code} and took effect`, { refusals, rows })
    }
    if (refusals.some(({ code }) => code === 'CONFLICT' && change.send.conflict !== true)) {
      this.findings.add('answer', `${event} ${key}: a retry was told CONFLICT`, { send: change.send, refusals })
    }
    this.#checkStoredAnswer(change, decided)
  }

  /** UNAVAILABLE means that nothing was written, if every attempt was told so. */
  #refusedForSure({ acks, refusals, unanswered, attempts }) {
    return acks.length === 0 && unanswered === 0 && refusals.length === attempts && attempts > 0
  }

  #checkAcked(change, rows) {
    const { event, key, acks } = change
    const [first] = acks
    for (const ack of acks) {
      if (ack.seq !== first.seq || ack.id !== first.id) this.findings.add('answer', `${event} ${key} was answered in two ways`, acks)
    }
    const expected = { SEND_MESSAGE: 'MESSAGE_CREATED', EDIT_MESSAGE: 'MESSAGE_UPDATED', DELETE_MESSAGE: 'MESSAGE_DELETED', KICK_MEMBER: 'MEMBER_KICKED' }[event]
    if (!expected) return
    const row = this.#rowOf(change, rows, first, expected)
    if (!row) this.findings.add('lost', `${event} ${key} was acked and is not in the database`, { send: change.send, ack: first })
  }

  /** By what was written into it; a blanked edit only by its place. */
  #rowOf({ send, event }, rows, ack, expected) {
    if (event === 'KICK_MEMBER') return rows[0]
    const row = this.db.event(`${ROOM}:${send.room}`, ack.seq)
    if (row?.event !== expected) return null
    if (event === 'DELETE_MESSAGE') return row.payload.messageId === send.message ? row : null
    const { message } = row.payload
    const same = message.id === (ack.id ?? send.message) && (message.deleted || message.content === send.content)
    return same ? row : null
  }

  #checkStoredAnswer({ user, key, event, acks }, decided) {
    const stored = this.db.answers.get(`${user}|${key}`)
    if (acks.length > 0 && stored?.status !== 'OK') {
      this.findings.add('lost', `${event} ${key} was acked, its stored answer is ${stored?.status ?? 'not there'}`, acks)
    }
    if (decided && stored && stored.status !== decided.code) {
      this.findings.add('effect', `${event} ${key} was refused with ${decided.code}, its stored answer is ${stored.status}`, decided)
    }
  }

  /** Adding twice, or removing twice, without the other between: one was done twice. */
  #checkAlternation() {
    const state = new Map()
    const rows = [...this.db.eventsOf(ROOM, 'ROOM_MEMBER_ADDED', 'ROOM_MEMBER_REMOVED')]
    rows.sort((a, b) => a.seq - b.seq)
    for (const row of rows) {
      const { userId } = row.payload
      const id = `${row.stream} ${userId}`
      const before = state.get(id)
      // leaving the community in between ends a membership, too
      const ended = row.event === 'ROOM_MEMBER_ADDED' && before && this.access.outBetween(userId, row.stream, before, row)
      const twice = before?.event === row.event && !ended
      if (twice) this.findings.add('duplicate', `${row.event} happened twice in a row`, [before, row])
      state.set(id, row)
    }
  }

  /** Nobody wrote into a room that he had lost. */
  #checkActors() {
    for (const row of this.db.eventsOf(ROOM, 'MESSAGE_CREATED', 'MESSAGE_UPDATED', 'MESSAGE_DELETED')) {
      const actor = row.payload.deletedBy ?? row.payload.message.authorId
      const change = this.#changes.get(`${actor}|${markOf(row)}`)
      const at = change?.answered ?? Infinity
      if (change && this.access.lost(actor, row.stream, row.after, at)) {
        this.findings.add('accepted', `${row.event} ${row.seq} of ${row.stream} was accepted from one who had lost access`, { row, send: change.send })
      }
    }
  }

  get acked() {
    return this.latencies.length
  }
}

/** The key that a client wrote into what it did: clientId, content or reason. */
function markOf({ event, payload }) {
  if (event === 'MESSAGE_CREATED') return payload.message.clientId
  if (event === 'MESSAGE_UPDATED') return payload.message.deleted ? null : payload.message.content
  return payload.reason
}
