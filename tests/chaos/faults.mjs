// What is done to the system, by a seed: kills of cores, edges, the bus and PostgreSQL, at
// random moments and at named points; pauses, of the broker and PostgreSQL, too; partitions;
// connections cut or left half open.

import { Random, sleep, until } from './random.mjs'

const SHARES = { core: 0.6, edge: 0.2, bus: 0.12, postgres: 0.08 }
const POINTS = ['after-receive', 'before-commit', 'after-commit', 'mid-publish', 'after-reply']
const EXTRAS = { pauseCore: 3, pauseEdge: 2, pauseDatabase: 1, askToEnd: 2, cutClients: 3, halfOpen: 2, silentLinks: 2, cutLinks: 1, silentDatabase: 1, silentBus: 1 }
const WITH_BROKER = { ...EXTRAS, pauseBroker: 3, silentBus: 2, cutBus: 2 }
const DATABASE_PAUSE_MS = 12_000 // beyond the 10 s after which an edge gives up
const GAP_MS = 1700
const ARMED_SHARE = 0.35
const TOGETHER_SHARE = 0.12
const EXTRA_SHARE = 0.35

export class Faults {
  kills = 0

  constructor({ place, actors, journal, seed, pauseMs, log }) {
    Object.assign(this, { place, actors, journal, pauseMs, log, random: new Random(seed + 7) })
    this.watched = new Set() // processes whose death was counted, or is none by a point
  }

  /** The order of kills: first some cores alone, for clean figures, then everything mixed. */
  plan(count) {
    const quota = Object.fromEntries(Object.entries(SHARES).map(([kind, share]) => [kind, Math.round(count * share)]))
    quota.core += count - Object.values(quota).reduce((sum, n) => sum + n, 0)
    const first = Math.floor(quota.core * 0.4)
    const rest = Object.entries({ ...quota, core: quota.core - first })
      .flatMap(([kind, n]) => Array.from({ length: n }, () => kind))
    return [...Array.from({ length: first }, () => 'core'), ...this.random.shuffled(rest)].map((kind, i) => ({ kind, alone: i < first }))
  }

  /** count kills, or as many as fit before `until` (a time). */
  async run(count, deadline = Infinity) {
    const watcher = this.#watchArmed()
    const rounds = Number.isFinite(count) ? count : 100
    for (this.left = this.plan(rounds); this.kills < count && Date.now() < deadline;) {
      if (this.left.length === 0) this.left = this.plan(rounds)
      const [{ kind, alone }] = this.left
      await sleep(300 + this.random.waiting(GAP_MS))
      if (!alone && this.random.chance(EXTRA_SHARE)) await this.#extra()
      await this.#kill(kind, alone)
    }
    this.over = true
    await watcher
    await this.#restore()
  }

  // ------------------------------------------------------------- kills

  async #kill(kind, alone) {
    if (kind === 'core') return this.#killCore(alone)
    if (kind === 'edge') return this.#killOne(`edge${1 + this.random.below(this.place.edges)}`)
    if (kind === 'bus') return this.#killBus()
    await this.#killOne('postgres')
    this.#watchDatabase()
    return sleep(this.random.between(1000, 4000))
  }

  /** Writes down when PostgreSQL accepts again. */
  async #watchDatabase() {
    const back = await until(() => this.place.system.sql('SELECT 1').then(() => true, () => false), 30_000, 50)
    if (back) this.journal.write('back', { what: 'database', calm: true })
  }

  async #killCore(alone) {
    const name = `core${1 + this.random.below(this.place.cores)}`
    if (!alone && this.random.chance(ARMED_SHARE)) {
      const count = 1 + this.random.below(this.random.of([3, 30, 150]))
      await this.place.armNextCore(`${this.random.of(POINTS)}:${count}`)
    }
    const others = Array.from({ length: this.place.cores }, (_, i) => `core${i + 1}`).filter(other => other !== name)
    const together = !alone && this.random.chance(TOGETHER_SHARE)
    await this.#killOne(name)
    if (together) await this.#killOne(this.random.chance(0.5) ? this.random.of(others) : 'edge1')
  }

  async #killOne(name) {
    const pid = await this.place.pidOf(name)
    if (!pid || !signal(pid, 'SIGKILL')) return
    this.watched.add(pid) // its point was not reached
    this.#killed(name)
  }

  /** Counts it, and takes one of its kind from the plan. */
  #killed(what, fields = {}) {
    this.kills++
    const kind = what === 'broker' ? 'bus' : what.replace(/\d+$/, '')
    const planned = this.left.findIndex(other => other.kind === kind)
    if (planned >= 0) this.left.splice(planned, 1)
    this.journal.write('kill', { what, ...fields })
    this.log(`kill ${this.kills}: ${what}${fields.point ? ` at ${fields.point}` : ''}`)
  }

  /** A broker is killed; without one, all connections of the bus that pass the relays are cut. */
  async #killBus() {
    if (this.place.hasBroker) {
      const together = this.random.chance(TOGETHER_SHARE * 2)
      await this.#killOne('broker')
      return together ? this.#killOne(this.#coreOrEdge()) : undefined
    }
    this.place.relay('refuse', 'bus')
    this.#killed('bus')
    await sleep(this.random.between(500, 3000))
    this.place.relay('pass', 'bus')
  }

  #coreOrEdge() {
    return this.random.chance(0.5) ? `core${1 + this.random.below(this.place.cores)}` : `edge${1 + this.random.below(this.place.edges)}`
  }

  /** Cores that were started with a named point die by themselves. */
  async #watchArmed() {
    while (!this.over) {
      const running = new Set((await this.place.processes()).map(({ pid }) => pid))
      for (const { pid, point } of await this.place.armed()) {
        if (this.watched.has(pid) || running.has(pid) || alive(pid)) continue
        this.watched.add(pid)
        this.#killed('core', { point: point.trim().split(':')[0] })
      }
      await sleep(50)
    }
  }

  // ------------------------------------------------------------- other harm

  async #extra() {
    const what = this.random.weighted(this.place.hasBroker ? WITH_BROKER : EXTRAS)
    this.log(`  ${what}`)
    await this[what]()
  }

  async pauseCore() {
    await sleep(3200) // so that what is seen is the pause alone
    await this.#pause(`core${1 + this.random.below(this.place.cores)}`)
    await sleep(1500)
  }

  async pauseEdge() {
    await this.#pause(`edge${1 + this.random.below(this.place.edges)}`)
  }

  /** Sometimes others die and come again meanwhile. */
  async pauseBroker() {
    await sleep(3200)
    await this.#pause('broker', this.random.chance(0.3) ? this.#coreOrEdge() : null)
    await sleep(1500)
  }

  pauseDatabase() {
    return this.#pause('postgres', null, DATABASE_PAUSE_MS)
  }

  /** Most are short; some are as long as it gets. */
  #pauseMs(max) {
    return 1000 + (Math.min(max, this.pauseMs) - 1000) * this.random.next() ** 2
  }

  async #pause(what, victim = null, max = this.pauseMs) {
    const pids = await this.place.familyOf(what)
    if (!signal(pids[0], 'SIGSTOP')) return
    for (const pid of pids.slice(1)) signal(pid, 'SIGSTOP')
    const began = Date.now()
    const ms = this.#pauseMs(max)
    await sleep(ms / 2)
    if (victim) await this.#killOne(victim)
    await sleep(ms / 2)
    for (const pid of pids) signal(pid, 'SIGCONT')
    this.journal.write('stop', { what, t: began, end: Date.now() })
  }

  /** As when it is renewed: it ends by itself, in order. */
  async askToEnd() {
    const what = this.#coreOrEdge()
    const pid = await this.place.pidOf(what)
    if (!pid || !signal(pid, 'SIGTERM')) return
    this.watched.add(pid)
    this.journal.write('end', { what })
  }

  async cutClients() {
    this.journal.write('cut', { what: 'clients', calm: true })
    for (const actor of this.actors) if (this.random.chance(0.2)) actor.cut()
  }

  async halfOpen() {
    const relayed = this.actors.filter(actor => actor.relay)
    this.journal.write('half-open', { what: 'clients', calm: true })
    for (const actor of relayed) if (this.random.chance(0.3)) actor.halfOpen()
  }

  silentLinks() {
    return this.#partition('freeze', this.random.chance(0.5) ? 'link' : `link${1 + this.random.below(this.place.cores)}`)
  }

  cutLinks() {
    return this.#partition('refuse', 'link')
  }

  silentDatabase() {
    return this.#partition('freeze', 'database')
  }

  silentBus() {
    return this.#partition('freeze', 'bus', this.#pauseMs(this.pauseMs))
  }

  cutBus() {
    return this.#partition('refuse', 'bus', this.#pauseMs(this.pauseMs))
  }

  async #partition(mode, what, ms = this.random.between(500, 3000)) {
    const t = Date.now()
    this.place.relay(mode, what)
    await sleep(ms)
    this.place.relay('pass', what)
    this.journal.write('partition', { what, mode, t, end: Date.now() })
  }

  async #restore() {
    this.place.relay('pass', 'link', 'bus', 'database')
    if (!(await this.place.waitReady(30_000))) this.log('the system does not get ready again')
  }
}

function signal(pid, name) {
  try {
    return process.kill(pid, name)
  } catch {
    return false
  }
}

const alive = pid => signal(pid, 0)

