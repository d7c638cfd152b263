// What the actors of a run do: talk, change their minds, come and go; and what moderators
// do to them. Everything by a seed, except when answers come.

import { join } from 'node:path'
import { Actor } from './actor.mjs'
import { RING } from './check/words.mjs'
import { Journal } from './journal.mjs'
import { Random, sleep, until } from './random.mjs'
import { heads, makeWorld } from './world.mjs'

const WEIGHTS = { say: 70, burst: 5, edit: 7, remove: 3, comeAndGo: 8, replay: 4 }
const ROOMS_EACH = 4
const OWN_SHARE = 0.4 // of what is said by one who has rooms of its own
const RINGS = 3 // in each room
const OWN_RINGS = 2 // in each of these
const RING_GAP_MS = 60

export class Load {
  actors = []
  moderators = []
  #running = []
  #stopped = false

  static async make(place, { clients, users, moderators, communities, rooms, privateRooms, own = 0, seed, folder, think, relayed = 0 }) {
    const load = new Load()
    Object.assign(load, { place, folder, think, random: new Random(seed) })
    load.world = await makeWorld(place.system, { users, moderators, communities, rooms, privateRooms, own: Math.ceil(clients * own / communities) })
    for (let i = 0; i < clients; i++) load.actors.push(load.#actor(i, seed, i >= clients - relayed))
    for (const [i, room] of load.world.own.entries()) load.actors[i % clients].own.push(room)
    load.moderators = load.actors.slice(0, moderators)
    return load
  }

  #actor(i, seed, relayed) {
    const name = `c${String(i).padStart(2, '0')}`
    const user = this.world.users[i % this.world.users.length]
    return new Actor({
      name, user, relayed,
      framing: i % 2 ? 'json' : 'socketio',
      urls: this.place.urls,
      token: () => this.place.system.token(user),
      world: this.world,
      journal: new Journal(join(this.folder, `client-${name}.jsonl`)),
      random: new Random(seed * 1000 + i),
    })
  }

  get users() {
    return Object.fromEntries(this.actors.map(({ name, user }) => [name, user.id]))
  }

  /** Everybody connects, with its own rooms, and enters others: moderators all, others a few. */
  async begin() {
    const { shared } = this.world
    await Promise.all(this.actors.map(async actor => {
      for (const room of actor.own) actor.cursors.set(`room:${room.id}`, null) // joins it
      await actor.connect()
      const count = actor.user.moderator ? shared.length : ROOMS_EACH
      actor.wanted = actor.random.shuffled(shared).slice(0, count)
      for (const room of actor.wanted) await actor.enter(room)
    }))
  }

  start({ disturb = true } = {}) {
    for (const actor of this.actors) this.#running.push(this.#act(actor), this.#keepPlace(actor))
    if (disturb) for (const moderator of this.moderators) this.#running.push(this.#moderate(moderator))
  }

  async #loop(mean, random, step) {
    while (!this.#stopped) {
      await sleep(random.waiting(mean))
      if (!this.#stopped) await step().catch(error => console.log(`  ${error.stack}`))
    }
  }

  #act(actor) {
    return this.#loop(this.think, actor.random, () => this.#one(actor, actor.random.weighted(WEIGHTS)))
  }

  #one(actor, what) {
    const rooms = actor.own.length > 0 && actor.random.chance(OWN_SHARE) ? actor.own : actor.wanted
    const open = rooms.filter(room => actor.mayEnter(room))
    const room = actor.random.of(open.length > 0 ? open : rooms)
    const own = actor.ownMessages.length > 0 ? actor.random.of(actor.ownMessages) : null
    switch (what) {
      case 'burst': return Promise.all([0, 1, 2].map(() => actor.say(room)))
      case 'edit': return own ? actor.edit(own) : actor.say(room)
      case 'remove': return own ? this.#remove(actor, own) : actor.say(room)
      case 'comeAndGo': return this.#comeAndGo(actor, room)
      case 'replay': return actor.replay(1 + actor.random.below(5))
      default: return actor.say(room)
    }
  }

  async #remove(actor, own) {
    actor.ownMessages = actor.ownMessages.filter(message => message !== own)
    return actor.remove(own)
  }

  async #comeAndGo(actor, room) {
    if (actor.cursors.has(`room:${room.id}`)) await actor.leave(room)
    else await actor.enter(room)
  }

  /** Who was thrown out comes back; who may enter a room he wants to hear does. */
  #keepPlace(actor) {
    return this.#loop(600, actor.random, async () => {
      for (const { id } of this.world.communities) if (actor.absent.has(id)) await actor.joinCommunity(id)
      await this.enterWanted(actor)
    })
  }

  async enterWanted(actor) {
    for (const room of [...actor.wanted, ...actor.own]) {
      const tryAnyway = actor.absent.has(room.id) && actor.random.chance(0.1)
      const there = actor.cursors.has(`room:${room.id}`)
      if (!there && (actor.mayEnter(room) || tryAnyway)) await actor.enter(room)
    }
  }

  /** Kicks and removals, sometimes taken back at once, so that they race with joins. */
  #moderate(moderator) {
    const { random } = moderator
    const victims = this.world.users.filter(user => !user.moderator)
    const rooms = this.world.rooms.filter(room => room.private)
    return this.#loop(1500, random, async () => {
      const victim = random.of(victims)
      if (random.chance(0.5) || rooms.length === 0) return moderator.kick(random.of(this.world.communities), victim)
      const room = random.of(rooms)
      await moderator.roomMember('REMOVE_ROOM_MEMBER', room, victim)
      await sleep(random.chance(0.5) ? 0 : random.between(100, 1500))
      return moderator.roomMember('ADD_ROOM_MEMBER', room, victim)
    })
  }

  /** Waits until what was begun is answered. */
  async stop() {
    this.#stopped = true
    await Promise.all(this.#running)
  }

  // ------------------------------------------------------------- the quiet end

  /** Everybody is where he wants to be, and has everything. */
  async settle(ms) {
    await Promise.all(this.actors.map(actor => actor.connect()))
    await Promise.all(this.actors.map(actor => this.#resettle(actor)))
    for (const room of this.world.shared) await this.moderators[0].say(room, 'is everybody there?')
    return until(() => this.#allHaveAll(), ms, 250)
  }

  /** Subscriptions that lived through it all stay as they are. */
  async #resettle(actor) {
    for (const { id } of this.world.communities) if (actor.absent.has(id)) await actor.joinCommunity(id)
    for (const room of [...actor.wanted, ...actor.own]) {
      if (!actor.cursors.has(`room:${room.id}`) && !actor.absent.has(room.community)) await actor.enter(room)
    }
  }

  async #allHaveAll() {
    // a loss that was heard only now
    await Promise.all(this.actors.map(actor => this.#resettle(actor)))
    const last = await heads(this.place.system).catch(() => new Map())
    this.lacking = this.actors.flatMap(({ name, cursors }) => [...cursors]
      .map(([stream, cursor]) => ({ name, stream, has: Number(cursor.split('.')[0]), last: last.get(stream) }))
      .filter(({ has, last: head }) => head !== undefined && has < head))
    return last.size > 0 && this.lacking.length === 0
  }

  /** Said long after all harm, one at a time: it must come at once, so by the bus. */
  async ringThrough() {
    for (let i = 0; i < RINGS; i++) {
      for (const room of this.world.shared) {
        await this.moderators[0].say(room, RING)
        await sleep(RING_GAP_MS)
      }
    }
    for (let i = 0; i < OWN_RINGS; i++) {
      for (const actor of this.actors) for (const room of actor.own) await actor.say(room, RING)
    }
  }

  /** A third goes away for good; somebody asks who is there. */
  async part() {
    for (const [i, actor] of this.actors.entries()) await actor.finish(i % 3 !== 2)
    const online = new Set(this.actors.filter(actor => actor.connected).map(actor => actor.session))
    await until(async () => {
      const rows = await this.place.system.sql('SELECT session_id FROM sessions')
      return rows.length === online.size && rows.every(([id]) => online.has(id))
    }, 20_000, 300)
    await sleep(2500) // occupants follow with the next lease
    await this.#askPresence()
  }

  async #askPresence() {
    const [asker] = this.actors
    const userIds = this.world.users.map(user => user.id)
    const outcome = await asker.persist('GET_PRESENCE', { userIds })
    const users = Object.fromEntries((outcome?.ack?.users ?? []).map(({ userId, status }) => [userId, status]))
    asker.journal.write('presence', { users })
  }

  async close() {
    await Promise.all(this.actors.map(actor => actor.close()))
  }
}
