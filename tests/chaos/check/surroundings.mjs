// What is left at the end: who is said to be there, what the processes hold, and whether
// the bus carries again.

import { RING, ROOM } from './words.mjs'

export const GROWTH = { rssFactor: 1.5, rssKb: 48 * 1024, fds: 12, threads: 4 }

export const CARRIED_MS = 250 // half of what was sent; by heads it takes half a second and more

/** How long each event that was sent long after all harm took to each edge: over all, and
 *  for each room, as a core may not know of one topic that an edge wants it. */
export class Rings {
  #ofEdge = new Map() // edge → stream → milliseconds

  delivered(record, row, edge) {
    if (record.x !== RING) return
    const streams = this.#ofEdge.get(edge) ?? new Map()
    this.#ofEdge.set(edge, streams.set(record.s, [...streams.get(record.s) ?? [], record.t - row.at]))
  }

  check(findings) {
    for (const [edge, streams] of this.#ofEdge) {
      const took = [...streams.values()].flat().sort((a, b) => a - b)
      const half = took[Math.floor(took.length / 2)]
      if (half > CARRIED_MS) findings.add('bus', `edge${edge} had half of what was sent after the harm only after ${half} ms`, { took })
      const never = [...streams].filter(([, times]) => times.length > 1 && Math.min(...times) > CARRIED_MS)
      if (never.length > 0) findings.add('bus', `edge${edge} had what was sent after the harm by heads only in ${never.length} of ${streams.size} rooms`, { never })
    }
  }
}

const ofItsOwn = ({ fds, clients = 0 }) => fds - clients

/** Sessions, occupants and GET_PRESENCE against the connections that are really open. */
export function checkPresence(run, followers, findings) {
  const connected = [...followers.values()].filter(({ end }) => end?.connected)
  const sessions = new Map(connected.map(({ end, name }) => [end.session, name]))
  const stored = new Set(run.tables.sessions.map(row => row.session_id))
  for (const [session, name] of sessions) {
    if (!stored.has(session)) findings.add('presence', `${name} is connected and has no session ${session}`)
  }
  for (const session of stored) {
    if (!sessions.has(session)) findings.add('presence', `session ${session} is a ghost`)
  }
  checkOccupants(run, connected, findings)
  checkAnswered(run, connected, findings)
}

function checkOccupants(run, connected, findings) {
  const there = new Set(connected.flatMap(follower => follower.roomsAtEnd().map(room => `${room} ${follower.user}`)))
  const said = new Set(run.tables.room_occupants.map(row => `${ROOM}:${row.room_id} ${row.user_id}`))
  for (const pair of there) if (!said.has(pair)) findings.add('presence', `not counted as being in the room: ${pair}`)
  for (const pair of said) if (!there.has(pair)) findings.add('presence', `counted as being in the room: ${pair}`)
}

function checkAnswered(run, connected, findings) {
  const online = new Set(connected.map(({ user }) => user))
  for (const { users } of run.presence) {
    for (const [user, status] of Object.entries(users)) {
      if ((status !== 'OFFLINE') !== online.has(user)) {
        findings.add('presence', `GET_PRESENCE says ${status} of ${user}, who is ${online.has(user) ? 'there' : 'not there'}`)
      }
    }
  }
}

/** Samples are taken when all is quiet and the same clients are there: the last of each
 *  process against its first, or against the first of its kind if it is younger. */
export function checkGrowth(samples, findings) {
  const quiet = samples.filter(({ quiet }) => quiet)
  const firstOf = new Map()
  for (const sample of quiet) {
    const kind = sample.name.replace(/\d+$/, '')
    for (const key of [`${sample.pid}`, kind]) if (!firstOf.has(key)) firstOf.set(key, sample)
  }
  const lastAt = quiet.at(-1)?.t
  for (const sample of quiet.filter(({ t }) => t === lastAt)) {
    const own = firstOf.get(`${sample.pid}`)
    compare(own === sample ? firstOf.get(sample.name.replace(/\d+$/, '')) : own, sample, findings)
  }
}

function compare(first, last, findings) {
  if (first === last) return
  const rssMax = first.rss * GROWTH.rssFactor + GROWTH.rssKb
  if (last.rss > rssMax) findings.add('growth', `${last.name}: ${first.rss} KB became ${last.rss} KB`, { first, last })
  if (ofItsOwn(last) > ofItsOwn(first) + GROWTH.fds) {
    findings.add('growth', `${last.name}: ${ofItsOwn(first)} descriptors beside its clients' became ${ofItsOwn(last)}`, { first, last })
  }
  if (last.threads > first.threads + GROWTH.threads) findings.add('growth', `${last.name}: ${first.threads} threads became ${last.threads}`, { first, last })
}
