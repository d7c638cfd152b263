// What is measured: Belfry, started by ./dev in a folder of its own, and the stack that it
// is compared with, on the same PostgreSQL.

import { execFile, spawn } from 'node:child_process'
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { get } from 'node:https'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

export const ROOT = new URL('../../..', import.meta.url).pathname.replace(/\/$/, '')
export const BUILD = process.env.BELFRY_BUILD_DIR ?? join(ROOT, 'build', 'release')
const BASELINE = join(ROOT, 'tests/bench/baseline')
const run = promisify(execFile)

/** Of what was started; for the results. */
export const versions = {}

const running = new Set()
const starting = new Set()
let stopping = false

/** Stops whatever runs, and what is just being started; nothing starts any more. */
export async function stopAll() {
  stopping = true
  await Promise.allSettled(starting)
  for (const system of [...running].reverse()) await system.stop()
}

/** Keeps account of a system from before it runs. */
async function begin(start) {
  if (stopping) throw new Error('it is being stopped')
  const promise = start()
  starting.add(promise)
  try {
    const system = await promise
    running.add(system)
    return system
  } finally {
    starting.delete(promise)
  }
}

async function freePorts(count) {
  for (;;) {
    const first = 10_000 + Math.floor(Math.random() * 20_000)
    const free = await Promise.all(Array.from({ length: count }, (_, i) => isFree(first + i)))
    if (free.every(Boolean)) return first
  }
}
function isFree(port) {
  return new Promise(resolve => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}

const WAL_MB = 600 // more than a row writes

export const startBelfry = (shape = {}) => begin(() => upBelfry(shape))

/** A certificate that signed itself, for an edge that ends TLS: the settings for it. */
async function certificate(folder) {
  const [cert, key] = ['cert', 'key'].map(name => join(folder, `tls.${name}`))
  await run('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2',
    '-subj', '/CN=localhost', '-keyout', key, '-out', cert])
  return { BELFRY_TLS_CERT: cert, BELFRY_TLS_KEY: key }
}

/** The text at an address, whatever its certificate. */
async function textOf(url) {
  if (!url.startsWith('https:')) return (await fetch(url)).text()
  return new Promise((resolve, reject) => {
    get(url, { rejectUnauthorized: false, agent: false }, async response => {
      resolve((await response.setEncoding('utf8').toArray()).join(''))
    }).on('error', reject)
  })
}

async function upBelfry({ edges = 1, cores = 1, bus = 'nng', tls = false, env = {} }) {
  const folder = await mkdtemp(join(tmpdir(), 'belfry-bench-'))
  await chmod(folder, 0o711) // PostgreSQL may be another user
  const environment = {
    ...process.env, BELFRY_TLS_CERT: '', BELFRY_TLS_KEY: '', ...(tls ? await certificate(folder) : {}), ...env,
    BELFRY_RUN_DIR: folder, BELFRY_BUILD_DIR: BUILD, BELFRY_TEST_ENV: '',
  }
  const port = await freePorts(edges + 1)
  const flags = ['--release', '--limits', 'off', '--detach', '--no-build', '--bus', bus]
  await run(join(ROOT, 'dev'), ['up', ...flags, '--port', port, '--edges', edges, '--cores', cores].map(String),
    { env: environment })
  const text = await readFile(join(folder, 'env'), 'utf8')
  const variables = Object.fromEntries([...text.matchAll(/^(\w+)='(.*)'$/gm)].map(([, name, value]) => [name, value]))
  const belfry = new Belfry(folder, environment, variables, bus !== 'nng')
  versions.postgresql = (await belfry.sql('SHOW server_version')).split(' ')[0]
  await belfry.useWal()
  return belfry
}

class Belfry {
  dialect = 'json'

  constructor(folder, environment, variables, hasBroker) {
    Object.assign(this, { folder, environment, variables })
    if (hasBroker) this.broker = variables.BELFRY_AUX_PIDS.split(' ')[0]
    this.urls = variables.BELFRY_EDGE_URLS.split(' ')
    this.cores = variables.BELFRY_CORE_URLS.split(' ')
    this.secret = variables.BELFRY_JWT_SECRET
    this.database = variables.DATABASE_URL
    this.postgres = variables.BELFRY_PG_PID
  }

  groups() {
    const { BELFRY_EDGE_PIDS: edges, BELFRY_CORE_PIDS: cores } = this.variables
    const groups = [`edge=${edges.replaceAll(' ', ',')}`, `core=${cores.replaceAll(' ', ',')}`, `postgres=${this.postgres}+`]
    return this.broker ? [...groups, `broker=${this.broker}`] : groups
  }

  /**
   * PostgreSQL writes its log in files that it used before, as one does that has run for a
   * while: a new file is 16 MB of zeros and an fsync, for which everybody waits 20 ms.
   */
  async useWal() {
    await this.sql(`SELECT count(pg_logical_emit_message(false, '', repeat(' ', 1000000)))
      FROM generate_series(1, ${WAL_MB})`, 'postgres')
    await this.sql('CHECKPOINT', 'postgres')
  }

  async sql(query, user = 'belfry') {
    const address = this.database.replace('belfry@', `${user}@`)
    const { stdout } = await run('psql', ['-qAtX', '-v', 'ON_ERROR_STOP=1', address, '-c', query], { maxBuffer: 1 << 24 })
    return stdout.trim()
  }

  /**
   * Users 0 to `users`, each a member of `joins` rooms, as far apart as they can be: those
   * that belfry-load joins. `unseen`: nobody is told when they come and go.
   */
  async seed(users, rooms, { joins = 1, unseen = false } = {}) {
    await this.sql(`SELECT seed(${users}, ${rooms})`)
    if (unseen) await this.sql("UPDATE users SET presence = 'INVISIBLE'")
    if (joins > 1) {
      await this.sql(`INSERT INTO room_members (room_id, user_id)
        SELECT seed_room((i + k * ${Math.floor(rooms / joins)}) % ${rooms}), seed_user(i)
        FROM generate_series(0, ${users}) i, generate_series(1, ${joins - 1}) k ON CONFLICT DO NOTHING`)
    }
    await this.sql('ANALYZE users, rooms, room_members, community_members, streams')
  }

  /** Counters of all edges and cores, summed. */
  async metrics() {
    const sums = {}
    for (const url of [...this.urls, ...this.cores]) {
      for (const line of (await textOf(`${url}/metrics`)).split('\n')) {
        const match = /^(\w+)(?:{[^}]*})? ([\d.e+]+)$/.exec(line)
        if (match) sums[match[1]] = (sums[match[1]] ?? 0) + Number(match[2])
      }
    }
    return sums
  }

  async stop() {
    running.delete(this)
    await run(join(ROOT, 'dev'), ['down'], { env: this.environment }).catch(() => {})
    await rm(this.folder, { recursive: true, force: true })
  }
}

const CONNTRACK = '/proc/sys/net/netfilter/nf_conntrack_max'

/**
 * The kernel's firewall forgets connections beyond a limit, and with them their packets:
 * raises it where we may, says so where we may not. Returns what undoes it.
 */
export async function conntrackFor(connections) {
  const before = await readFile(CONNTRACK, 'utf8').catch(() => '')
  if (!before || Number(before) >= connections) return async () => {}
  try {
    await writeFile(CONNTRACK, String(connections))
  } catch {
    console.error(`net.netfilter.nf_conntrack_max is ${before.trim()} and cannot be set from here: if connections are lost, set it to ${connections}`)
    return async () => {}
  }
  return () => writeFile(CONNTRACK, before.trim())
}

/** Installs and compiles the other stack, once. */
export async function buildBaseline() {
  const options = { cwd: BASELINE, maxBuffer: 1 << 24 }
  await readFile(join(BASELINE, 'node_modules/.package-lock.json')).catch(() => run('npm', ['ci', '--no-audit', '--no-fund'], options))
  await run('npx', ['tsc'], options)
}

/** The other stack in so many processes, on Belfry's PostgreSQL; with several, Redis between. */
export const startBaseline = (belfry, { processes = 1 } = {}) => begin(() => upBaseline(belfry, processes))

async function upBaseline(belfry, processes) {
  const first = await freePorts(processes + 1)
  const children = []
  const env = { ...process.env, NODE_ENV: 'production', DATABASE_URL: belfry.database, BELFRY_JWT_SECRET: belfry.secret }
  if (processes > 1) {
    const port = first + processes
    children.push(spawn('redis-server', ['--bind', '127.0.0.1', '--port', port, '--save', '', '--appendonly', 'no'].map(String), { stdio: 'ignore', cwd: belfry.folder }))
    env.REDIS_URL = `redis://127.0.0.1:${port}`
    await new Promise(resolve => setTimeout(resolve, 300))
  }
  for (let i = 0; i < processes; i++) {
    const child = spawn('node', ['dist/main.js'], { cwd: BASELINE, env: { ...env, PORT: String(first + i) }, stdio: ['ignore', 'pipe', 'inherit'] })
    children.push(child)
    await new Promise((resolve, reject) => {
      child.stdout.once('data', resolve)
      child.once('exit', code => reject(new Error(`the other stack ended with ${code}`)))
    })
  }
  return new Baseline(belfry, children, Array.from({ length: processes }, (_, i) => `127.0.0.1:${first + i}`))
}

class Baseline {
  dialect = 'socketio'

  constructor(belfry, children, urls) {
    Object.assign(this, { belfry, children, urls, secret: belfry.secret })
  }

  groups() {
    return [`stack=${this.children.map(child => child.pid).join(',')}`, `postgres=${this.belfry.postgres}+`]
  }

  async seed(users, rooms) {
    await run('psql', ['-qX', '-v', 'ON_ERROR_STOP=1', '-v', `users=${users}`, '-v', `rooms=${rooms}`,
      this.belfry.database, '-f', join(BASELINE, 'schema.sql')])
  }

  async metrics() {
    return {}
  }

  async stop() {
    running.delete(this)
    await Promise.all(this.children.map(child => new Promise(resolve => {
      if (child.exitCode !== null) return resolve()
      child.once('exit', resolve)
      child.kill('SIGTERM')
      setTimeout(() => child.kill('SIGKILL'), 5000).unref()
    })))
  }
}
