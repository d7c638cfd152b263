// Runs the programs that measure, and repeats what was disturbed.

import { spawn } from 'node:child_process'
import { fdatasyncSync, closeSync, openSync, readFileSync, unlinkSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { BUILD } from './system.mjs'
import { median } from './stats.mjs'

const PROGRAMS = join(BUILD, 'tests/bench')

/**
 * How much CPU (in cores) of others a run may see before it is repeated, and how much the
 * host may take from a virtual machine: it does so for milliseconds at a time, which is
 * all that can be seen in a p99.
 */
export const settings = { foreign: 0.15, stolen: 0.03, tries: 3, runs: 5, quick: false, repeating_s: 0, until: Infinity }

const programs = new Set()
/** Ends what still measures. */
export function stopPrograms() {
  for (const child of programs) child.kill('SIGTERM')
}

/** Runs a program to its end: the JSON it printed. `onLine` hears what it says meanwhile. */
function program(name, args, env = {}, onLine = () => {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(join(PROGRAMS, name), args.map(String), { env: { ...process.env, ...env } })
    programs.add(child)
    let output = '', errors = ''
    child.stdout.on('data', text => { output += text })
    child.stderr.on('data', text => {
      errors += text
      for (const line of String(text).split('\n')) if (line) onLine(line)
    })
    child.on('error', reject)
    child.on('close', code => {
      programs.delete(child)
      try {
        if (code !== 0) throw new Error(`status ${code}`)
        resolve({ ...JSON.parse(output), said: errors.split('\n').filter(line => line.startsWith(`${name}: `)).join(' ') || undefined })
      } catch (error) {
        reject(new Error(`${name} ${args.join(' ')}: ${error.message}\n${errors}`))
      }
    })
  })
}

/** Clients against a system; `flags` as of belfry-load. Fails on loss, doubles, disorder. */
export async function load(system, flags) {
  const args = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, value])
  for (const url of system.urls) args.push('--url', url)
  for (const group of system.groups()) args.push('--group', group)
  const counters = []
  const result = await program('belfry-load', ['--dialect', system.dialect, ...args],
    { BELFRY_JWT_SECRET: system.secret },
    line => { if (line.startsWith('measur')) counters.push(system.metrics()) })
  const [before, after] = await Promise.all(counters)
  if (after) {
    const grown = name => (after[name] ?? NaN) - (before[name] ?? NaN)
    result.sql_calls = grown('belfry_core_db_calls_total')
    result.receipts = grown('belfry_edge_publications_total') / grown('belfry_core_publications_total')
    if (['messages', 'typing'].includes(flags.scenario) && result.receipts < 0.9) throw new Error(`of an event only ${result.receipts} came by the bus, the rest was repaired`)
    result.bus_messages = grown('belfry_bus_received_total') / grown('belfry_core_publications_total')
    result.frames_per_write = grown('belfry_edge_frames_sent_total') / grown('belfry_edge_write_calls_total')
  }
  checkRight(result)
  return result
}

function checkRight({ scenario, connect, check, said, first_error: error }) {
  if (connect.failed > 0) throw new Error(`${connect.failed} clients failed: ${error}`)
  if (!check || scenario === 'idle') return
  if (scenario === 'broadcast') {
    const { expected, delivered, gaps, duplicates } = check
    if (expected !== delivered || gaps || duplicates) throw new Error(`broadcast: ${JSON.stringify(check)} ${said ?? ''}`)
    return
  }
  const { refused, gaps, duplicates, missing, expected, delivered, drained } = check
  const wrong = { refused, gaps, duplicates, missing, difference: expected - delivered }
  if (!drained || Object.values(wrong).some(count => count !== 0)) {
    throw new Error(`${scenario}: ${JSON.stringify({ ...wrong, drained })} ${error}`)
  }
}

export const floor = ({ clients, rooms, bytes, inFlight, seconds }) =>
  program('belfry-floor', [clients, rooms, bytes, inFlight, seconds])

export const pgloop = (system, { users, rooms, batch = 32, connections = 2, warm = 1, seconds = 5, env = {} }) =>
  program('belfry-pgloop', [users, rooms, batch, connections, warm, seconds, system.postgres],
    { DATABASE_URL: system.database, ...env })

/** NaN where it is not known. */
export function foreignOf(result) {
  return result.foreign ?? result.per_message?.cpu.foreign.cores ?? result.connect?.cpu.foreign.cores ?? NaN
}

/** CPU seconds that the host gave to others while this machine wanted them; proc(5). */
const stolenSeconds = () => Number(readFileSync('/proc/stat', 'utf8').split('\n')[0].split(/ +/)[8] ?? 0) / 100

/** As a part of what is allowed. */
const disturbance = result => Math.max((foreignOf(result) || 0) / (settings.foreign || 1e-9), result.stolen / settings.stolen)

/**
 * Repeats what ran beside something else; the least disturbed counts, marked if need be.
 * All rows together repeat for no longer than `repeating_s`, and none does so beyond `until`.
 */
export async function undisturbed(measure, most = Infinity) {
  let best
  for (let i = 0; i < Math.min(settings.tries, most); i++) {
    const [began, stolen] = [Date.now(), stolenSeconds()]
    const result = await measure()
    const took = (Date.now() - began) / 1000
    result.stolen = (stolenSeconds() - stolen) / took
    if (i > 0) settings.repeating_s -= took + 1
    if (!best || disturbance(result) < disturbance(best)) best = result
    if (disturbance(best) <= 1 || took > settings.repeating_s || Date.now() + took * 1000 > settings.until) break
    await sleep(1000)
  }
  best.disturbed = disturbance(best) > 1
  return best
}

/** One side alone, so many times. */
export const repeated = async (measure, runs) => (await inTurns({ belfry: measure }, runs)).belfry

/** A B A B …: each side so many times, in turns. */
export async function inTurns(sides, runs = settings.runs) {
  const results = Object.fromEntries(Object.keys(sides).map(name => [name, []]))
  for (let i = 0; i < runs; i++) {
    for (const [name, measure] of Object.entries(sides)) results[name].push(await undisturbed(measure))
  }
  return results
}

/** How long PostgreSQL's commits wait for the disk: median and 99th of 200, in ms. */
export function fdatasync(folder) {
  const file = join(folder, 'fdatasync')
  const descriptor = openSync(file, 'w')
  const block = Buffer.alloc(8192)
  const times = []
  for (let i = 0; i < 200; i++) {
    writeSync(descriptor, block, 0, block.length, (i % 64) * block.length)
    const before = process.hrtime.bigint()
    fdatasyncSync(descriptor)
    times.push(Number(process.hrtime.bigint() - before) / 1e6)
  }
  closeSync(descriptor)
  unlinkSync(file)
  times.sort((a, b) => a - b)
  return { p50: median(times), p99: times[197] }
}
