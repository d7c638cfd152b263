// One whole system for a run: ./dev up with cores and edges that are started as the run
// wants them. ./dev takes executables from BELFRY_BUILD_DIR, so that folder holds scripts
// of ours that set what ./dev has no flag for, and become the real executables.

import { fork } from 'node:child_process'
import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { BUILD, freePorts, start } from '../integration/lib/system.mjs'
import { until } from './random.mjs'

// The first to come claims a role and keeps it over restarts: its port is its name.
const CLAIM = `claim() { # ROLE PORT: is it ours?
    mkdir "$CHAOS_DIR/$1" 2>/dev/null && echo "$2" >"$CHAOS_DIR/$1/port"
    [ "$(cat "$CHAOS_DIR/$1/port" 2>/dev/null)" = "$2" ]
}
write() { printf '%s\\n' "$2" >"$CHAOS_DIR/$1.$$" && mv "$CHAOS_DIR/$1.$$" "$CHAOS_DIR/$1"; }
over_relay() { [ -z "$CHAOS_BROKER" ] || export BELFRY_BUS="$CHAOS_BROKER"; }
write broker "$BELFRY_BUS"
[ -z "$CHAOS_BUS" ] || export BELFRY_BUS="$CHAOS_BUS"`

const START_CORE = `#!/bin/sh
${CLAIM}
write database "$DATABASE_URL"
if [ -n "$CHAOS_DATABASE" ] && claim relayed-core "$BELFRY_LISTEN_PORT"; then
    export DATABASE_URL="$CHAOS_DATABASE"
    over_relay
fi
# a named point is for one core, and one life of it
if mv "$CHAOS_DIR/point" "$CHAOS_DIR/armed.$$" 2>/dev/null; then
    BELFRY_CHAOS_POINT=$(cat "$CHAOS_DIR/armed.$$") && export BELFRY_CHAOS_POINT
fi
exec "$CHAOS_BUILD/core/belfry-core" "$@"
`

const START_EDGE = `#!/bin/sh
${CLAIM}
write cores "$BELFRY_CORES"
if [ -n "$CHAOS_LINKS" ] && ! claim direct-edge "$BELFRY_PORT"; then
    export BELFRY_CORES="$CHAOS_LINKS"
    over_relay
fi
exec "$CHAOS_BUILD/edge/belfry-edge" "$@"
`

async function makeStarters(folder) {
  for (const [name, text] of [['core', START_CORE], ['edge', START_EDGE]]) {
    await mkdir(join(folder, 'build', name), { recursive: true })
    await writeFile(join(folder, 'build', name, `belfry-${name}`), text, { mode: 0o755 })
  }
  await symlink(join(BUILD, 'cli'), join(folder, 'build', 'cli'))
}

async function startRelays(folder, cores) {
  const port = await freePorts(2 * cores + 2)
  const child = fork(new URL('relays.mjs', import.meta.url), [folder, port, cores].map(String))
  await new Promise((resolve, reject) => {
    child.once('message', resolve)
    child.once('exit', code => reject(new Error(`relays ended with ${code}`)))
  })
  const links = Array.from({ length: cores }, (_, i) => `127.0.0.1:${port + 2 * i}`)
  return {
    child,
    links: links.join(','),
    database: `postgresql://belfry@127.0.0.1:${port + 2 * cores}/belfry`,
    broker: `127.0.0.1:${port + 2 * cores + 1}`,
  }
}

/** bus: nng | nats | redis | dead | chaos | any URL that a process takes. */
function busOf(bus, seed) {
  const urls = { dead: `chaos:${seed}:100:0:0:nng:`, chaos: `chaos:${seed}:10:10:32:nng:`, drop: `chaos:${seed}:10:0:0:nng:` }
  if (bus.includes(':')) return { flag: bus.match(/(nats|redis):\/\//)?.[1] ?? 'nng', url: bus }
  return urls[bus] ? { flag: 'nng', url: urls[bus] } : { flag: bus, url: '' }
}

export class Place {
  /** folder: for the scripts and what they tell each other */
  static async start({ edges, cores, bus, seed, relays = false, folder }) {
    const place = new Place()
    await mkdir(folder, { recursive: true })
    place.folder = await mkdtemp(join(folder, 'place-'))
    await chmod(place.folder, 0o755)
    await makeStarters(place.folder)
    place.relays = relays ? await startRelays(place.folder, cores) : null
    const { flag, url } = busOf(bus, seed)
    Object.assign(place, { bus, flag, edges, cores })
    place.system = await start({ edges, cores, flags: ['--heal', '--bus', flag], env: place.#environment(url) })
    return place
  }

  #environment(bus) {
    return {
      BELFRY_BUILD_DIR: join(this.folder, 'build'),
      CHAOS_BUILD: BUILD,
      CHAOS_DIR: this.folder,
      CHAOS_BUS: bus,
      CHAOS_LINKS: this.relays?.links ?? '',
      CHAOS_DATABASE: this.relays?.database ?? '',
      CHAOS_BROKER: this.relays && this.hasBroker && !bus ? `${this.flag}://${this.relays.broker}` : '',
      // a peer that is silent is gone after 8 s, so that a run sees it happen
      BELFRY_PING_INTERVAL: '4s',
      BELFRY_PING_TIMEOUT: '4s',
    }
  }

  get urls() {
    return this.system.edges
  }

  get runDir() {
    return this.system.own.folder
  }

  get hasBroker() {
    return this.flag !== 'nng'
  }

  /** What runs now: [{ name, pid }] as the supervisor wrote it last. */
  async processes() {
    const text = await readFile(join(this.runDir, 'pids'), 'utf8').catch(() => '')
    return [...text.matchAll(/^(\d+) (\d+) (\S+)$/gm)].map(([, pid, , name]) => ({ name, pid: Number(pid) }))
  }

  async pidOf(name) {
    return (await this.processes()).find(process => process.name === name)?.pid
  }

  /** A process and those that it has started, such as PostgreSQL's. */
  async familyOf(name) {
    const pid = await this.pidOf(name)
    const children = pid ? await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '') : ''
    return [pid, ...children.trim().split(' ').map(Number)].filter(Boolean)
  }

  /** The next core that starts dies at this point. */
  async armNextCore(point) {
    await writeFile(join(this.folder, 'point.new'), point)
    await rename(join(this.folder, 'point.new'), join(this.folder, 'point'))
  }

  /** Process ids that were started with a named point: [{ pid, point }]. */
  async armed() {
    const files = (await readdir(this.folder)).filter(file => file.startsWith('armed.'))
    return Promise.all(files.map(async file => ({ pid: Number(file.slice(6)), point: await readFile(join(this.folder, file), 'utf8') })))
  }

  relay(mode, ...names) {
    this.relays?.child.send({ mode, names })
  }

  async ready() {
    const answers = await Promise.all([...this.urls, ...this.system.cores].map(url =>
      fetch(`${url}/readyz`, { signal: AbortSignal.timeout(1000) }).then(({ status }) => status === 200, () => false)))
    return answers.every(Boolean)
  }

  waitReady(ms) {
    return until(() => this.ready(), ms, 200)
  }

  /** Memory, descriptors and threads of what runs. */
  async sample() {
    const all = await Promise.all((await this.processes()).map(async ({ name, pid }) => {
      if (!/^(core|edge)/.test(name)) return null
      try {
        const status = await readFile(`/proc/${pid}/status`, 'utf8')
        const number = label => Number(status.match(new RegExp(`^${label}:\\s+(\\d+)`, 'm'))[1])
        return { name, pid, rss: number('VmRSS'), threads: number('Threads'), fds: (await readdir(`/proc/${pid}/fd`)).length }
      } catch {
        return null // gone meanwhile
      }
    }))
    return all.filter(Boolean)
  }

  /** Cores, edges and brokers that ended otherwise than by SIGKILL, or in order: [text]. */
  async crashes() {
    const text = await readFile(join(this.runDir, 'log', 'dev.log'), 'utf8')
    return [...text.matchAll(/(?:core|edge|broker)\d* \(process \d+\) died with status (\d+)/g)]
      .filter(([, status]) => !['0', '137'].includes(status)).map(([line]) => line)
  }

  /** keep: leave data and logs where they are, and say where. */
  async stop(keep = false) {
    this.relays?.child.disconnect()
    if (keep) {
      await this.system.dev('down')
      return this.runDir
    }
    await this.system.stop()
    await rm(this.folder, { recursive: true, force: true })
    return null
  }
}
