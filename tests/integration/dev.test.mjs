// ./dev itself: up, down, twice, healing, and what it says when it cannot.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { closeAll, connect } from './lib/client.mjs'
import { finish, freePorts, readEnv, ROOT, start } from './lib/system.mjs'

const alive = pid => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
const pidsOf = env => ['EDGE_PIDS', 'CORE_PIDS', 'PG_PID', 'AUX_PIDS']
  .flatMap(name => env[`BELFRY_${name}`].split(' ')).filter(Boolean).map(Number)

/** Until it holds: what is waited for is a condition, not a time. */
async function until(what, holds, ms = 10_000) {
  const end = performance.now() + ms
  while (!(await holds())) {
    assert.ok(performance.now() < end, `${what} did not happen in ${ms} ms`)
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}

describe('./dev up', () => {
  it('starts, heals what dies, and leaves nothing behind', async () => {
    const sys = await start({ edges: 2, cores: 2, flags: ['--heal'] })
    let pids
    try {
      assert.match(sys.own.output, /^ready in [\d.]+ s$/m)
      assert.match(sys.own.output, /\?demo$/m)
      for (const [name, index] of [['BELFRY_CORE_PIDS', 1], ['BELFRY_EDGE_PIDS', 0], ['BELFRY_AUX_PIDS', 0], ['BELFRY_PG_PID', 0]]) {
        const before = (await sys.now())[name].split(' ').map(Number)
        process.kill(before[index], 'SIGKILL')
        let now
        await until(`healing ${name}`, async () => {
          now = (await sys.now())[name].split(' ').map(Number)
          return now.length === before.length && now[index] !== before[index] && alive(now[index])
        })
        now.forEach((pid, i) => i !== index && assert.equal(pid, before[i], 'the others live on'))
      }
      await until('readiness', async () => {
        const answers = await Promise.all([sys.url, ...sys.edges, ...sys.cores].map(url =>
          fetch(`${url}/readyz`).then(response => response.ok, () => false)))
        return answers.every(Boolean)
      }, 30_000)
      const { code, output } = await sys.dev('token', 'alice')
      assert.equal(code, 0, output)
      const client = await connect('socketio', sys.url, output.trim())
      client.close()
      pids = pidsOf(await sys.now())
      assert.equal(pids.length, 6)
    } finally {
      closeAll()
      await sys.dev('down')
    }
    assert.deepEqual(pids.filter(alive), [])
    assert.ok(!(await readdir(sys.own.folder)).includes('env'))
    await rm(sys.own.folder, { recursive: true })
  })

  it('starts again in less than three seconds, with its data', async t => {
    const first = await start()
    const place = await first.room()
    await first.dev('down')
    const again = await first.dev('up', '--detach', '--no-build', '--port', await freePorts(1))
    const rows = again.code === 0 && await first.now().then(env => {
      first.env = env
      return first.sql(`SELECT count(*) FROM rooms WHERE id = '${place.roomId}'`)
    })
    await first.stop()
    assert.equal(again.code, 0, again.output)
    assert.deepEqual(rows, [['1']])
    const [, seconds] = again.output.match(/ready in ([\d.]+) s/)
    t.diagnostic(`ready in ${seconds} s`)
    // twice the figure that an idle machine keeps: tests share the machine
    assert.ok(Number(seconds) < 6, `${seconds} s`)
  })

  it('says so when the port is taken', async () => {
    const server = createServer()
    await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))
    const folder = await mkdtemp(join(tmpdir(), 'belfry-'))
    const { port } = server.address()
    const { code, output } = await finish(spawn(join(ROOT, 'dev'), ['up', '--no-build', '--port', port],
      { env: { ...process.env, BELFRY_RUN_DIR: folder } }))
    server.close()
    await rm(folder, { recursive: true })
    assert.equal(code, 1)
    assert.match(output, new RegExp(`port ${port} is taken`))
  })

  it('says so when there is no build', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'belfry-'))
    const { code, output } = await finish(spawn(join(ROOT, 'dev'), ['up', '--no-build', '--port', await freePorts(1)],
      { env: { ...process.env, BELFRY_RUN_DIR: folder, BELFRY_BUILD_DIR: join(folder, 'none') } }))
    await rm(folder, { recursive: true })
    assert.equal(code, 1)
    assert.match(output, /there is no build/)
  })

  it('says why when a process does not get ready, and stops the rest', async () => {
    await assert.rejects(start({ env: { BELFRY_LOG_LEVEL: 'loud' } }), /BELFRY_LOG_LEVEL/)
  })

  it('stops everything on Ctrl-C', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'belfry-'))
    const child = spawn(join(ROOT, 'dev'), ['up', '--no-build', '--port', await freePorts(1)],
      { env: { ...process.env, BELFRY_RUN_DIR: folder }, detached: true })
    const ended = finish(child)
    await until('start', async () => (await readdir(folder)).includes('ready'), 60_000)
    const pids = pidsOf(await readEnv(join(folder, 'env')))
    process.kill(-child.pid, 'SIGINT')
    const { output } = await ended
    assert.match(output, /ready in/)
    assert.deepEqual(pids.filter(alive), [])
    await rm(folder, { recursive: true })
  })

  it('refuses flags that it does not know, and helps', async () => {
    for (const args of [['up', '--edgse', '2'], ['up', '--edges', 'many'], ['up', '--bus', 'rabbit'], ['fly']]) {
      const { code } = await finish(spawn(join(ROOT, 'dev'), args))
      assert.equal(code, 1, args.join(' '))
    }
    for (const command of ['up', 'down', 'test', 'seed', 'gen', 'token', 'psql', 'fmt']) {
      const { code, output } = await finish(spawn(join(ROOT, 'dev'), [command, '--help']))
      assert.equal(code, 0, command)
      assert.match(output, new RegExp(`dev ${command}`))
    }
  })
})
