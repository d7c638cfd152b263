// The system under test: the one that is named by BELFRY_TEST_ENV (a file such as
// .run/env), or one that is started here with ./dev and stopped afterwards.

import { execFile, spawn } from 'node:child_process'
import { createHmac, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

export const ROOT = new URL('../../..', import.meta.url).pathname.replace(/\/$/, '')
export const PRESET = process.env.BELFRY_PRESET ?? 'dev'
export const BUILD = process.env.BELFRY_BUILD_DIR ?? join(ROOT, 'build', PRESET)
export const run = promisify(execFile)

/** Variables of a file of shell assignments with quoted values. */
export async function readEnv(file) {
  const text = await readFile(file, 'utf8')
  return Object.fromEntries([...text.matchAll(/^(\w+)='(.*)'$/gm)].map(([, name, value]) => [name, value]))
}

/** The shared system, or one of its own that the test may hurt. */
export async function system() {
  const file = process.env.BELFRY_TEST_ENV
  if (file) return new System(await readEnv(file), null)
  return start({ edges: 2, cores: 2 })
}

/** Runs ./dev up with these flags in a folder of its own. */
export async function start({ edges = 1, cores = 1, flags = [], env = {} } = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'belfry-'))
  const port = await freePorts(edges + 1)
  const running = { ...process.env, ...env, BELFRY_RUN_DIR: folder, BELFRY_TEST_ENV: '' }
  const args = ['up', '--detach', '--no-build', '--port', port, '--edges', edges, '--cores', cores, ...flags]
  const { code, output } = await finish(spawn(join(ROOT, 'dev'), args.map(String), { env: running }))
  if (code !== 0) {
    await rm(folder, { recursive: true, force: true })
    throw new Error(`./dev ${args.join(' ')} failed:\n${output}`)
  }
  return new System(await readEnv(join(folder, 'env')), { folder, running, output })
}

/** Waits for a child: its exit code and all it printed. */
export function finish(child) {
  let output = ''
  child.stdout?.on('data', text => { output += text })
  child.stderr?.on('data', text => { output += text })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', code => resolve({ code, output }))
  })
}

/** A table that a core has to read in the middle of its answer is locked, so that the answer
 * is older than what commits, and is delivered, while it waits. */
export async function whileReading(sys, table, ask, work) {
  const psql = spawn('psql', ['-qAtX', sys.env.DATABASE_URL])
  psql.stdin.write(`BEGIN; LOCK TABLE ${table} IN ACCESS EXCLUSIVE MODE; SELECT 'locked';\n`)
  await once(psql.stdout, 'data')
  try {
    const answer = ask()
    for (let waits = 0; waits === 0;) {
      [[waits]] = await sys.sql(`SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = '${table}'::regclass`)
      waits = Number(waits)
    }
    await work()
    return [answer]
  } finally {
    psql.stdin.end()
  }
}

/** The first of `count` ports in a row that nobody listens to. */
export async function freePorts(count) {
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

class System {
  constructor(env, own) {
    this.env = env
    this.own = own
    this.url = env.BELFRY_URL
    this.edges = env.BELFRY_EDGE_URLS.split(' ')
    this.cores = env.BELFRY_CORE_URLS.split(' ')
  }

  /** The variables as they are now: process ids change. */
  async now() {
    return this.own ? readEnv(join(this.own.folder, 'env')) : readEnv(process.env.BELFRY_TEST_ENV)
  }

  dev(...args) {
    return finish(spawn(join(ROOT, 'dev'), args.map(String), { env: this.own.running }))
  }

  async stop() {
    if (!this.own) return
    await this.dev('down')
    await rm(this.own.folder, { recursive: true, force: true })
  }

  /** Rows of a query, each a list of texts. */
  async sql(query) {
    const { stdout } = await run('psql', ['-qAtX', '-F', '\t', '-v', 'ON_ERROR_STOP=1', this.env.DATABASE_URL, '-c', query])
    return stdout.split('\n').filter(Boolean).map(line => line.split('\t'))
  }

  token(user, claims = {}) {
    return sign(this.env.BELFRY_JWT_SECRET, { sub: user.id, username: user.username, ...claims })
  }

  /** A community of its own with a room, its owner and so many members who may write. */
  async room({ members = 2, rooms = 1 } = {}) {
    return makeRoom(this, members, rooms)
  }
}

/** A token signed with a secret; an hour from now unless it says otherwise. */
export function sign(secret, claims, { alg = 'HS256' } = {}) {
  const seconds = Math.floor(Date.now() / 1000)
  const encode = part => Buffer.from(JSON.stringify(part)).toString('base64url')
  const head = encode({ alg, typ: 'JWT' })
  const body = encode({ iat: seconds, exp: seconds + 3600, ...claims })
  const hash = { HS256: 'sha256', HS384: 'sha384', HS512: 'sha512' }[alg]
  const signature = hash ? createHmac(hash, secret).update(`${head}.${body}`).digest('base64url') : ''
  return `${head}.${body}.${signature}`
}

/** Everything by the schema's own functions, as the events would have made it. */
async function makeRoom(sys, members, rooms) {
  const community = randomUUID()
  const roomIds = Array.from({ length: rooms }, () => randomUUID())
  const users = Array.from({ length: members }, (_, i) => {
    const id = randomUUID()
    return { id, username: `u${i}-${id.slice(0, 8)}` }
  })
  const list = ids => `ARRAY['${ids.join("','")}']::uuid[]`
  await sys.sql(`
    BEGIN;
    SELECT make_community('${community}', 'Test', false, NULL);
    ${users.map(({ id, username }) => `SELECT make_user('${id}', '${username}');`).join('\n')}
    INSERT INTO community_members (community_id, user_id, class_id)
      SELECT '${community}', id, newcomer_class('${community}') FROM unnest(${list(users.map(user => user.id))}) id;
    INSERT INTO rooms (id, community_id, scope_id, name)
      SELECT id, '${community}', '${community}', 'room' FROM unnest(${list(roomIds)}) id;
    SELECT new_streams(array_agg(3), array_agg(id)) FROM unnest(${list(roomIds)}) id;
    COMMIT;`)
  return { community, roomId: roomIds[0], rooms: roomIds, users }
}
