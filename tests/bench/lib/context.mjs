// What rows of the table share: systems that are started once, and runs that several rows
// look at.

import { buildBaseline, startBaseline, startBelfry } from './system.mjs'
import { inTurns, load, settings } from './measure.mjs'

export const USERS = 10_000
/** Where it is compared with the stack, Belfry's clients are the stack's: Socket.IO. */
export const SAME_CLIENTS = { dialect: 'socketio' }
const ROOM_COUNTS = [1, 10, 99, 100]

export class Context {
  #shared = new Map()

  /** Made at the first call, the same from then on. */
  once(name, make) {
    if (!this.#shared.has(name)) this.#shared.set(name, make())
    return this.#shared.get(name)
  }

  /** What `once` made, if it did. */
  known(name) {
    return this.#shared.get(name)
  }

  /** One edge and one core, filled. */
  belfry() {
    return this.once('belfry', async () => {
      const system = await startBelfry()
      for (const rooms of ROOM_COUNTS) await system.seed(USERS, rooms, { unseen: true })
      // plans and pages are warm from here on
      await load(system, { scenario: 'messages', clients: 1000, rooms: 100, 'in-flight': 100, warm: 1, seconds: 2 })
      return system
    })
  }

  /** The other stack on the same PostgreSQL: one process, or two with Redis between. */
  baseline(processes = 1) {
    return this.once(`baseline ${processes}`, async () => {
      const belfry = await this.belfry()
      await this.once('build', buildBaseline)
      const system = await startBaseline(belfry, { processes })
      for (const rooms of ROOM_COUNTS) await system.seed(USERS, rooms)
      await load(system, { scenario: 'messages', clients: 1000, rooms: 100, 'in-flight': 100, warm: 2, seconds: 2 })
      return system
    })
  }

  /** Persisted messages in rooms of 10 on both, in turns. */
  messages(inFlight) {
    return this.once(`messages ${inFlight}`, async () => {
      const [belfry, baseline, pair] = [await this.belfry(), await this.baseline(), await this.baseline(2)]
      const flags = { scenario: 'messages', clients: 1000, rooms: 100, 'in-flight': inFlight, warm: 1, seconds: seconds(5) }
      return inTurns({ belfry: () => load(belfry, { ...flags, ...SAME_CLIENTS }), stack: () => load(baseline, flags), pair: () => load(pair, flags) })
    })
  }
}

export const seconds = long => (settings.quick ? Math.min(long, 2) : long)
