// The relays between the system's own processes, in a process of their own, so that the
// load of the clients does not slow them: requests and bus from edges to each core, one
// core's way to PostgreSQL, and to the broker. Started by fork; told by messages
// { mode, names }.
//
//   node relays.mjs FOLDER PORT CORES    core i at PORT+2i (requests) and PORT+2i+1 (bus),
//                                        then PostgreSQL, then the broker
//
// FOLDER/cores, FOLDER/database and FOLDER/broker have the real addresses; the start
// scripts of the processes write them there (place.mjs).

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Relay } from './relay.mjs'

const [folder, port, cores] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])]

function coreTarget(index, offset) {
  const [host, base] = readFileSync(join(folder, 'cores'), 'utf8').trim().split(',')[index].split(':')
  return { host, port: Number(base) + offset }
}

function databaseTarget() {
  // a URL without a host, which URL does not take
  const query = new URLSearchParams(readFileSync(join(folder, 'database'), 'utf8').trim().split('?')[1])
  return { path: `${query.get('host')}/.s.PGSQL.${query.get('port')}` }
}

function brokerTarget() {
  const { hostname: host, port } = new URL(readFileSync(join(folder, 'broker'), 'utf8').trim())
  return { host, port: Number(port) }
}

const relays = new Map()
const add = (name, at, target) => relays.set(name, { relay: new Relay(target), at })
for (let i = 0; i < cores; i++) {
  add(`link${i + 1}`, port + 2 * i, () => coreTarget(i, 0))
  add(`bus${i + 1}`, port + 2 * i + 1, () => coreTarget(i, 1))
}
add('database', port + 2 * cores, databaseTarget)
add('bus', port + 2 * cores + 1, brokerTarget)

process.on('message', ({ mode, names }) => {
  for (const [name, { relay }] of relays) if (names.some(prefix => name.startsWith(prefix))) relay.set(mode)
})
process.on('disconnect', () => process.exit(0))
await Promise.all([...relays.values()].map(({ relay, at }) => relay.listen(at)))
process.send('ready')
