// Who could hear which stream when, from the database alone.
//
// A loss is an event of the community's access stream, and every event of a room or a
// community says in `after` which access event was the last before it: that orders events
// and losses exactly. A gain has no access event of its own; it lies between two losses,
// and when it was committed is bounded from below by its transaction's start. So "lost"
// here means surely lost: what came in the moment of a regain is not held against anyone.

import { COMMUNITY, ROOM } from './words.mjs'

const CLOCK_MS = 2 // the database writes microseconds, clients read milliseconds
const REGAIN_MS = 1000 // a transaction's time is its start; it may wait so long for locks

/** One right of one user: losses by access seq, gains between them. */
class Track {
  losses = []
  gains = []

  constructor(initially) {
    this.initially = initially
  }

  sort() {
    this.losses.sort((a, b) => a.after - b.after)
    this.gains.sort((a, b) => a.after - b.after || a.at - b.at)
  }

  /** Was the right missing for what was committed under access seq `after`, for one who
   *  got it, or was answered, at `at`? */
  lost(after, at) {
    const index = this.losses.findLastIndex(loss => loss.after <= after)
    const loss = this.losses[index]
    if (!loss && this.initially) return false
    const next = this.losses[index + 1]?.after ?? Infinity
    const gain = this.gains.find(({ after: a }) => a >= (loss?.after ?? 0) && a < next)
    return !gain || at < gain.at - CLOCK_MS
  }

  /** Was there a loss after `before`, the last event that was delivered, whose regain is
   *  not older than `row`? Then one who came back need not have got what is between. */
  endedBetween(before, row) {
    return this.losses.some((loss, i) => {
      if (loss.after <= (before?.after ?? -1)) return false
      const next = this.losses[i + 1]?.after ?? Infinity
      const gain = this.gains.find(({ after }) => after >= loss.after && after < next)
      return !gain || row.at <= gain.at + REGAIN_MS
    })
  }

  /** Surely there from `from` to `to`, and not lost anywhere near. */
  steady(from, to) {
    const near = this.losses.some(loss => loss.at >= from && loss.at <= to)
    return !near && this.holds(to)
  }

  holds(at) {
    const loss = this.losses.findLast(other => other.at <= at)
    if (!loss) return this.initially || this.gains.some(gain => gain.at <= at)
    return this.gains.some(gain => gain.after >= loss.after && gain.at <= at)
  }

  lostBetween(from, to) {
    return this.losses.some(loss => loss.at >= from && loss.at <= to)
  }
}

export class Access {
  #tracks = new Map()

  /** meta: { communities: { id: [user] }, rooms: { id: { community, private, members } } } */
  constructor(db, meta) {
    this.meta = meta
    for (const row of db.eventsOf('access')) this.#addLoss(row)
    for (const row of db.eventsOf('members', 'MEMBER_JOINED')) {
      this.#track(row.payload.userId, `${COMMUNITY}:${row.id}`).gains.push(row)
    }
    for (const row of db.eventsOf(ROOM, 'ROOM_MEMBER_ADDED')) {
      this.#track(row.payload.userId, `${ROOM}:${row.id}`).gains.push(row)
    }
    for (const track of this.#tracks.values()) track.sort()
  }

  #addLoss(row) {
    const { users = [], rooms } = row.control?.who ?? {}
    const names = rooms ? rooms.map(room => `${ROOM}:${room}`) : [`${COMMUNITY}:${row.id}`, ...this.#privateRooms(row.id)]
    for (const user of users) {
      for (const name of names) this.#track(user, name).losses.push({ after: row.seq, at: row.at })
    }
  }

  /** Who leaves a community has left its private rooms, and is not back in them with it. */
  #privateRooms(community) {
    return Object.entries(this.meta.rooms)
      .filter(([, room]) => room.community === community && room.private)
      .map(([id]) => `${ROOM}:${id}`)
  }

  #track(user, name) {
    const key = `${user} ${name}`
    if (!this.#tracks.has(key)) this.#tracks.set(key, new Track(this.#initially(user, name)))
    return this.#tracks.get(key)
  }

  #initially(user, name) {
    const [kind, id] = name.split(':')
    if (kind === COMMUNITY) return this.meta.communities[id]?.includes(user) ?? false
    return this.meta.rooms[id]?.members.includes(user) ?? false
  }

  /** The rights that a stream needs; none for streams of other kinds. */
  #needed(user, stream) {
    const [kind, id] = stream.split(':')
    if (kind === COMMUNITY) return [this.#track(user, stream)]
    const room = kind === ROOM ? this.meta.rooms[id] : null
    if (!room) return []
    const tracks = [this.#track(user, `${COMMUNITY}:${room.community}`)]
    if (room.private) tracks.push(this.#track(user, stream))
    return tracks
  }

  /** Was the user out of this private room at some time between two events of it? */
  outBetween(user, room, first, second) {
    return this.#track(user, room).losses.some(({ after }) => after > first.after && after <= second.after)
  }

  lost(user, stream, after, at) {
    return this.#needed(user, stream).some(track => track.lost(after, at))
  }

  endedBetween(user, before, row) {
    return this.#needed(user, row.stream).some(track => track.endedBetween(before, row))
  }

  steady(user, stream, from, to) {
    return this.#needed(user, stream).every(track => track.steady(from, to))
  }

  lostBetween(user, stream, from, to) {
    return this.#needed(user, stream).some(track => track.lostBetween(from, to))
  }

  holds(user, stream, at) {
    return this.#needed(user, stream).every(track => track.holds(at))
  }
}
