// The checker: compares what clients wrote down with what the database holds. It knows
// nothing of the run but these files and uses nothing of the code that made them.
//
//   node tests/chaos/check.mjs FOLDER
//
// FOLDER has meta.json, faults.jsonl, samples.jsonl, client-*.jsonl and tables/*.jsonl;
// README.md tells what is in them.

import { closeSync, existsSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Access } from './check/access.mjs'
import { checkDatabase, Database } from './check/database.mjs'
import { Findings, KINDS } from './check/findings.mjs'
import { Follower } from './check/follow.mjs'
import { Requests } from './check/requests.mjs'
import { checkGrowth, checkPresence, Rings } from './check/surroundings.mjs'
import { tableOf } from './check/figures.mjs'

/** run: { meta, tables, faults, samples, clients: Map name → iterable of records } */
export function check(run) {
  const findings = new Findings()
  const db = new Database(run.tables)
  const access = new Access(db, run.meta)
  const deliveries = []
  const rings = new Rings()
  const delivered = (record, row, edge) => {
    deliveries.push(record.t - row.at)
    rings.delivered(record, row, edge)
  }
  const requests = new Requests({ db, access, faults: run.faults, findings })
  const followers = new Map()
  run.presence = []
  checkDatabase(db, findings)
  for (const [name, records] of run.clients) {
    const user = run.meta.clients[name]
    const follower = new Follower(name, user, { db, access, findings, delivered })
    followers.set(name, follower)
    for (const record of records) {
      follower.take(record)
      requests.take(name, user, record)
      if (record.k === 'presence') run.presence.push(record)
    }
  }
  requests.finish()
  checkPresence(run, followers, findings)
  checkGrowth(run.samples, findings)
  rings.check(findings)
  return { findings, requests, deliveries, faults: run.faults, tables: run.tables }
}

// ------------------------------------------------------------- reading

/** Lines of a file, without having all of it in memory. */
function * linesOf(file) {
  const handle = openSync(file, 'r')
  const chunk = Buffer.alloc(1 << 20)
  let rest = Buffer.alloc(0)
  for (let size; (size = readSync(handle, chunk)) > 0;) {
    const data = Buffer.concat([rest, chunk.subarray(0, size)])
    let from = 0
    for (let to; (to = data.indexOf(10, from)) >= 0; from = to + 1) yield data.toString('utf8', from, to)
    rest = data.subarray(from)
  }
  closeSync(handle)
  if (rest.length > 0) yield rest.toString('utf8')
}

function * recordsOf(file) {
  for (const line of linesOf(file)) if (line !== '') yield JSON.parse(line)
}

export function readRun(folder) {
  const all = file => existsSync(join(folder, file)) ? [...recordsOf(join(folder, file))] : []
  const names = ['streams', 'events', 'messages', 'answers', 'sessions', 'room_occupants']
  const clients = readdirSync(folder).filter(file => /^client-.*\.jsonl$/.test(file)).sort()
  return {
    meta: JSON.parse(readFileSync(join(folder, 'meta.json'), 'utf8')),
    faults: all('faults.jsonl'),
    samples: all('samples.jsonl'),
    tables: Object.fromEntries(names.map(name => [name, all(`tables/${name}.jsonl`)])),
    clients: new Map(clients.map(file => [file.replace(/^client-|\.jsonl$/g, ''), recordsOf(join(folder, file))])),
  }
}

export function printFindings(findings) {
  for (const { kind, text, evidence } of findings.examples) {
    console.log(`not ok - ${kind}: ${text}`)
    if (evidence) console.log(`    ${JSON.stringify(evidence).slice(0, 1200)}`)
  }
  for (const [kind, count] of Object.entries(findings.counts)) {
    if (count > 0) console.log(`${String(count).padStart(8)}  ${kind}: ${KINDS[kind]}`)
  }
}

function main(folder) {
  const result = check(readRun(folder))
  printFindings(result.findings)
  console.log(tableOf(result))
  const kinds = Object.values(result.findings.counts)
  const failed = kinds.filter(count => count > 0).length
  console.log(`${kinds.length - failed} passed, ${failed} failed`)
  process.exit(failed ? 1 : 0)
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) main(process.argv[2])
