// The chaos suite: real processes, load, harm; then the checker has the word.
//
//   node tests/chaos/run.mjs [--kills N | --minutes N] [--seed S] [--bus BUS] [--edges N] [--cores N] [--own N] [--think MS] [--long] [--keep] [--no-figures]

import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { check, printFindings, readRun } from './check.mjs'
import { ackAroundCoreKills, ackWithoutHarm, reaches, rowsToText, tableOf, TARGETS, tooBusy } from './check/figures.mjs'
import { Faults } from './faults.mjs'
import { Journal } from './journal.mjs'
import { Load } from './load.mjs'
import { closeSilent, overBus, resumeThousand, twoSecondDrops, writeRun } from './measures.mjs'
import { Place } from './place.mjs'
import { sleep } from './random.mjs'
import { ROOT } from '../integration/lib/system.mjs'

const HELP = `node tests/chaos/run.mjs [flags]: kills, pauses and losses under load

  --kills N      so many kills (20; with --long 500)
  --minutes N    for so long instead
  --seed S       a whole number that decides the schedule (the time, else)
  --bus BUS      nng | nats | redis | chaos (loses and repeats 10 %, shuffles) | dead | a URL
  --edges N, --cores N    of each (3)
  --own N        rooms that each client has for itself (0); with 60 an edge has fewer topics
                 now than one message to a core tells of (1,023), and more then
  --think MS     what each client waits on average before it does something (700; 1000 in a
                 long run)
  --long         pauses up to 30 s, more of everything
  --no-figures   without the measurements that need a situation of their own
  --keep         keep the logs of a run that passed, too
`

function readFlags(args) {
  const flags = { kills: null, minutes: null, seed: Date.now() % 1_000_000, bus: 'nng', edges: 3, cores: 3, own: 0, think: null, long: false, keep: false, figures: true }
  const number = (name, value) => {
    if (!/^\d{1,9}$/.test(value ?? '')) usage(`${name} takes a number`)
    return Number(value)
  }
  while (args.length > 0) {
    const name = args.shift()
    if (['--kills', '--minutes', '--seed', '--edges', '--cores', '--own', '--think'].includes(name)) flags[name.slice(2)] = number(name, args.shift())
    else if (name === '--bus') flags.bus = args.shift() ?? usage('--bus takes a value')
    else if (name === '--long' || name === '--keep') flags[name.slice(2)] = true
    else if (name === '--no-figures') flags.figures = false
    else if (name === '-h' || name === '--help') usage()
    else usage(`unknown flag ${name}`)
  }
  if (flags.minutes) flags.kills = Infinity
  flags.kills ??= flags.long ? 500 : 20
  flags.many = flags.long || flags.kills > 100
  flags.think ??= flags.many ? 1000 : 700
  return flags
}

function usage(problem) {
  if (problem) console.error(`chaos: ${problem}\n`)
  console.log(HELP)
  process.exit(problem ? 2 : 0)
}

const TOPICS_TOLD_AT_ONCE = 1023 // lib/bus/bus_interest.h

const began = Date.now()
const say = text => console.log(`${((Date.now() - began) / 1000).toFixed(1).padStart(7)} s  ${text}`)

class Chaos {
  failures = 0
  passes = 0
  rows = []
  topics = [] // of an edge, at each look

  constructor(flags) {
    this.flags = flags
    const run = process.env.BELFRY_RUN_DIR || join(ROOT, '.run')
    this.folder = join(run, 'chaos', `seed-${flags.seed}`)
  }

  verdict(ok, text) {
    ok ? this.passes++ : this.failures++
    console.log(`${ok ? 'ok' : 'not ok'} - ${text}`)
  }

  async go() {
    const { seed, bus, edges, cores } = this.flags
    say(`seed ${seed}, bus ${bus}; logs in ${this.folder}`)
    await rm(this.folder, { recursive: true, force: true })
    await mkdir(this.folder, { recursive: true })
    this.place = await Place.start({ edges, cores, bus, seed, relays: true, folder: this.folder })
    say(`${edges} edges and ${cores} cores run in ${this.place.runDir}`)
    await this.#main()
    if (this.flags.figures) await this.#onSamePlace()
    const crashes = await this.place.crashes()
    for (const line of crashes.slice(0, 5)) say(`  ${line}`)
    this.verdict(crashes.length === 0, 'nobody died but by our hand')
    await this.#stopPlace()
    if (this.flags.figures) await this.#overOtherBuses()
    this.#summary()
  }

  // ------------------------------------------------------------- the main run

  async #main() {
    const { seed, kills, minutes, many, own, think } = this.flags
    const load = this.load = await Load.make(this.place, { clients: 60, users: 48, moderators: 4, communities: 2, rooms: 6, privateRooms: 2, own, seed, folder: this.folder, think, relayed: 12 })
    const faults = new Journal(join(this.folder, 'faults.jsonl'))
    this.samples = new Journal(join(this.folder, 'samples.jsonl'))
    await load.begin()
    say(`${load.actors.length} clients are there`)
    await sleep(1500)
    await this.#sample(true)
    load.start()
    await sleep(1000)
    const harm = new Faults({ place: this.place, actors: load.actors, journal: faults, seed, pauseMs: many ? 30_000 : 5000, log: say })
    const sampler = setInterval(() => this.#sample(false), 5000)
    await harm.run(kills, minutes ? Date.now() + minutes * 60_000 : Infinity)
    clearInterval(sampler)
    if (own > 0) this.#sayTopics()
    await this.#quiet(load)
    await Promise.all([faults.close(), this.samples.close(), load.close()])
    this.#check()
  }

  async #quiet(load) {
    say('no more harm; waiting until all is answered and delivered')
    await load.stop()
    const settled = await load.settle(30_000)
    this.verdict(settled, 'everybody has everything in the end')
    for (const { name, stream, has, last } of load.lacking.slice(0, 5)) say(`  ${name} has ${stream} up to ${has} of ${last}`)
    await sleep(9000) // silent peers are gone after 8 s
    if (this.flags.bus !== 'dead') {
      await load.ringThrough()
      this.verdict(await load.settle(30_000), 'and what was said long after the harm, too')
    }
    await this.#sample(true)
    await load.part()
    await writeRun(load, this.folder)
  }

  async #sample(quiet) {
    const t = Date.now()
    for (const sample of await this.place.sample()) {
      const there = this.load.actors.filter(actor => actor.at === sample.name)
      const topics = new Set(there.flatMap(actor => [...actor.cursors.keys()])).size
      this.topics.push(...sample.name.startsWith('edge') ? [topics] : [])
      this.samples.write('sample', { ...sample, clients: there.length, quiet, t })
    }
  }

  #sayTopics() {
    const sorted = this.topics.toSorted((a, b) => a - b)
    const beyond = sorted.filter(topics => topics > TOPICS_TOLD_AT_ONCE).length
    say(`topics of an edge: ${sorted[0]} to ${sorted.at(-1)}, in ${beyond} of ${sorted.length} looks more than ${TOPICS_TOLD_AT_ONCE}`)
  }

  #check() {
    say('checking')
    const result = check(readRun(this.folder))
    printFindings(result.findings)
    console.log(`\n${tableOf(result)}\n`)
    for (const [kind, count] of Object.entries(result.findings.counts)) this.verdict(count === 0, `${kind}: ${count}`)
    this.verdict(result.requests.acked > 0, `${result.requests.acked} changes were acked`)
    const acks = ackAroundCoreKills(result)
    if (this.flags.cores < 2) say('with one core, requests wait until it is back')
    else if (tooBusy(ackWithoutHarm(result))) say('the machine is too busy to judge ack latency')
    else this.verdict(reaches(acks, TARGETS.ackThroughCoreKill), `ack latency through core kills: ${acks.text}`)
  }

  // ------------------------------------------------------------- figures

  async #onSamePlace() {
    const { seed, many } = this.flags
    const resume = await resumeThousand(this.place, seed, join(this.folder, 'resume'), many ? 100 : 20)
    this.#figure('resume after 1,000 missed', resume.text, reaches(resume, TARGETS.resumeThousand))
    const silent = await closeSilent(this.place, seed, join(this.folder, 'silent'), many ? 100 : 20)
    this.#figure('kick until a silent subscription is closed', silent.text, reaches(silent, TARGETS.closeSilent))
    const drops = await twoSecondDrops(this.place, seed, join(this.folder, 'drops'), many ? 10 : 3)
    this.#figure('delivered under two-second drops', `${(drops.share * 100).toFixed(2)} % (${drops.got} of ${drops.owed})`, drops.got === drops.owed)
  }

  async #overOtherBuses() {
    const { seed, many } = this.flags
    const buses = [['dead', 'delivery latency, bus dead', TARGETS.busDead], ['drop', 'delivery latency, bus drops 10 %', TARGETS.busDrops]]
    for (const [bus, label, target] of buses) {
      const { findings, latency } = await overBus(bus, seed, join(this.folder, bus), many ? 30 : 8)
      if (findings.total > 0) printFindings(findings)
      this.#figure(label, latency.text, findings.total === 0 && reaches(latency, target))
    }
  }

  #figure(label, text, ok) {
    say(`${label}: ${text}`)
    this.rows.push([label, text])
    this.verdict(ok, label)
  }

  async #stopPlace() {
    const kept = await this.place.stop(this.failures > 0 || this.flags.keep)
    if (kept) say(`the system's own logs are in ${kept}/log`)
  }

  #extent() {
    const { minutes, kills, edges, cores, own, think, long } = this.flags
    return `${minutes ? `--minutes ${minutes}` : `--kills ${kills}`} --edges ${edges} --cores ${cores} --own ${own} --think ${think}${long ? ' --long' : ''}`
  }

  #summary() {
    if (this.rows.length > 0) console.log(`\n${rowsToText(this.rows)}`)
    if (this.failures > 0) console.log(`\nlogs: ${this.folder}\nagain: ./dev test chaos --seed ${this.flags.seed} --bus ${this.flags.bus} ${this.#extent()}`)
    console.log(`\n${this.passes} passed, ${this.failures} failed`)
  }
}

let interrupted = false
process.on('SIGINT', async () => {
  if (interrupted) process.exit(130)
  interrupted = true
  say('interrupted; stopping the system')
  await chaos.place?.stop(true).catch(() => {})
  process.exit(130)
})

const chaos = new Chaos(readFlags(process.argv.slice(2)))
try {
  await chaos.go()
  if (chaos.failures === 0 && !chaos.flags.keep) await rm(chaos.folder, { recursive: true, force: true })
} catch (error) {
  console.log(`not ok - ${error.stack}`)
  await chaos.place?.stop(true).catch(() => {})
  console.log(`logs: ${chaos.folder}, seed ${chaos.flags.seed}\n\n${chaos.passes} passed, ${chaos.failures + 1} failed`)
  process.exit(1)
}
process.exit(chaos.failures > 0 ? 1 : 0)
