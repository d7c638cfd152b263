// One client's records, in order: what each of its subscriptions was owed and got.

import { COMMUNITY, ROOM, seqOf, tagOf } from './words.mjs'

// A transaction's time is its start; it may commit, and reach an edge, this much later.
const COMMIT_MS = 15_000
const QUIET_COMMIT_MS = 3000 // the same at the end, when nothing is wrong any more

/** Checks every delivery; gives what the client had at its end. */
export class Follower {
  #subscriptions = new Map() // stream → { seq, since, other, silent }
  #connection = null
  end = null

  constructor(name, user, { db, access, findings, delivered }) {
    Object.assign(this, { name, user, db, access, findings, delivered })
  }

  take(record) {
    if (this.end) return // what follows is the clean-up
    const handler = { open: 'open', up: 'up', down: 'down', join: 'join', leave: 'leave', ev: 'event', resync: 'resync', opened: 'opened', final: 'final' }[record.k]
    if (handler) this[handler](record)
  }

  open(record) {
    this.#close(record.t)
    this.#connection = record
  }

  up({ t, streams }) {
    const asked = this.#connection.resume ?? {}
    for (const [stream, cursor] of Object.entries(streams)) {
      const seq = seqOf(cursor)
      const subscription = { seq, since: t, silent: null }
      if (asked[stream] && seq !== seqOf(asked[stream])) { // null joins
        subscription.silent = { from: seqOf(asked[stream]), to: seq } // until RESYNC says it
      }
      this.#subscriptions.set(stream, subscription)
    }
    for (const stream of Object.keys(asked)) if (!(stream in streams)) this.#notResumed(stream, t)
  }

  #notResumed(stream, t) {
    if (this.access.steady(this.user, stream, this.#connection.t - COMMIT_MS, t + 1000)) {
      this.findings.add('resume', `${this.name} was not given ${stream} again`, this.#connection)
    }
  }

  down({ t }) {
    this.#close(t)
  }

  #close() {
    for (const [stream, { silent }] of this.#subscriptions) {
      if (silent) this.#skipped(stream, silent)
    }
    this.#subscriptions.clear()
  }

  #skipped(stream, { from, to }) {
    this.findings.add('order', `${this.name} resumed ${stream} at ${from} and was put at ${to} without RESYNC`, this.#connection)
  }

  join({ t, stream, seq }) {
    const old = this.#subscriptions.get(stream)
    // One that is there stays; one that an edge ended without a word is made anew.
    if (old) Object.assign(old, { other: { seq, since: t } })
    else this.#subscriptions.set(stream, { seq, since: t, silent: null })
  }

  /** The server opened it, and says where it begins. */
  opened({ s, q, t }) {
    this.join({ t, stream: s, seq: q })
  }

  leave({ stream }) {
    this.#subscriptions.delete(stream)
  }

  resync({ s, q, t }) {
    this.#subscriptions.set(s, { seq: q, since: t, silent: null })
  }

  event(record) {
    const { s: stream, q: seq, t } = record
    const row = this.db.event(stream, seq)
    if (!row || !sameEvent(row, record)) {
      this.findings.add('phantom', `${this.name} got ${record.e} ${seq} of ${stream}, the database has ${row?.event ?? 'nothing'} there`, { record, row })
    } else {
      this.#checkAccess(record, row)
      this.delivered(record, row, this.#connection.edge)
    }
    this.#advance(stream, seq, t, record)
  }

  #checkAccess(record, row) {
    if (this.access.lost(this.user, record.s, row.after, record.t)) {
      this.findings.add('leak', `${this.name} got ${record.e} ${record.q} of ${record.s}, which was committed after its access was lost`, { record, row })
    }
  }

  #advance(stream, seq, t, record) {
    const subscription = this.#subscriptions.get(stream)
    if (!subscription) {
      this.#unasked(stream, seq, t, record)
      return
    }
    if (subscription.silent) {
      this.#skipped(stream, subscription.silent)
      subscription.silent = null
    }
    if (seq === subscription.seq + 1) {
      subscription.seq = seq
      return
    }
    if (this.#wentOver(subscription, stream, seq) || this.#cameBack(subscription, stream, seq)) return
    const kind = seq <= subscription.seq ? 'duplicate' : 'order'
    this.findings.add(kind, `${this.name} got ${seq} of ${stream} after ${subscription.seq}`, record)
    subscription.seq = Math.max(seq, subscription.seq)
  }

  /** A second JOIN began a new subscription, because the first was ended by a loss. */
  #wentOver(subscription, stream, seq) {
    const { other, since } = subscription
    if (!other || seq !== other.seq + 1) return false
    if (!this.access.lostBetween(this.user, stream, since - COMMIT_MS, other.since)) return false
    Object.assign(subscription, { seq, since: other.since, other: null })
    return true
  }

  /** A community's stream is opened again by the reply to its user's joining again, which is
   *  not written down here: what is left out lies before the regain. */
  #cameBack(subscription, stream, seq) {
    if (!stream.startsWith(`${COMMUNITY}:`) || seq <= subscription.seq) return false
    const skipped = this.db.event(stream, seq - 1)
    if (!skipped || !this.access.endedBetween(this.user, this.db.event(stream, subscription.seq), skipped)) return false
    subscription.seq = seq
    return true
  }

  /** Community streams are opened by joining the community, rooms only by joining them. */
  #unasked(stream, seq, t, record) {
    if (stream.startsWith(`${ROOM}:`)) {
      this.findings.add('order', `${this.name} got ${seq} of ${stream}, which it had not joined or had left`, record)
    } else {
      this.#subscriptions.set(stream, { seq, since: t, silent: null })
    }
  }

  final(record) {
    this.end = { ...record, rooms: [...this.#subscriptions.keys()] }
    if (record.connected) this.#checkComplete(record)
  }

  #checkComplete({ t }) {
    for (const [stream, subscription] of this.#subscriptions) {
      const last = this.db.streams.get(stream)?.last ?? 0
      const { seq, since, other } = subscription
      const owed = this.access.steady(this.user, stream, (other?.since ?? since) - QUIET_COMMIT_MS, t)
      const reached = Math.max(seq, other?.seq ?? 0)
      if (owed && reached < last) {
        this.findings.add('missing', `${this.name} has ${stream} up to ${reached} of ${last}`, { since, t })
      }
    }
  }

  /** Rooms that are open at the end and may be. */
  roomsAtEnd() {
    return this.end.rooms.filter(stream => stream.startsWith(`${ROOM}:`) &&
      this.access.holds(this.user, stream, this.end.t))
  }
}

/** The same place in the same history, and the same words unless they were blanked. */
function sameEvent(row, { u, e, id, key, x }) {
  if (row.tag !== tagOf(u) || row.event !== e) return false
  const message = row.payload.message
  if (!message) return id === undefined || row.payload.messageId === id
  return message.id === id && (message.clientId ?? null) === (key ?? null) &&
    (message.deleted === true || x === undefined || message.content === x)
}
