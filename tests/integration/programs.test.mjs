// The executables themselves: what they link, what they say of their settings.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { BUILD, finish, run } from './lib/system.mjs'

const EDGE = join(BUILD, 'edge/belfry-edge')
const CORE = join(BUILD, 'core/belfry-core')
const CLI = join(BUILD, 'cli/belfry')
const KEY = '0123456789abcdef'.repeat(4)

const start = (program, env, args = []) =>
  finish(spawn(program, args, { env: { PATH: process.env.PATH, ...env }, timeout: 20_000 }))

describe('libraries', () => {
  it('the edge knows no database', async () => {
    const { stdout } = await run('ldd', [EDGE])
    assert.match(stdout, /libwebsockets/)
    assert.doesNotMatch(stdout, /libpq/)
  })
  it('the core knows no WebSocket and no token', async () => {
    const { stdout } = await run('ldd', [CORE])
    assert.match(stdout, /libpq/)
    assert.doesNotMatch(stdout, /libwebsockets|libjwt/)
  })
})

describe('--help', () => {
  for (const [program, settings] of [
    [EDGE, ['--port', '--cores', '--link-key', '--jwt-secret', '--cors-origin']],
    [CORE, ['--database-url', '--listen-port', '--status-port', '--link-key']],
  ]) {
    it(`${program.split('/').pop()} names its settings`, async () => {
      const { code, output } = await start(program, {}, ['--help'])
      assert.equal(code, 0)
      for (const setting of settings) assert.ok(output.includes(setting), setting)
    })
  }
  it('belfry names its commands', async () => {
    const { code, output } = await start(CLI, {}, ['--help'])
    assert.equal(code, 0)
    assert.match(output, /migrate/)
    assert.match(output, /token/)
  })
})

describe('bad settings are told, all at once', () => {
  it('of the edge', async () => {
    const { code, output } = await start(EDGE, {
      BELFRY_PORT: 'eighty', BELFRY_LOG_LEVEL: 'loud', BELFRY_PING_INTERVAL: 'soon', BELFRY_LINK_KEY: 'short',
    })
    assert.notEqual(code, 0)
    for (const name of ['BELFRY_PORT', 'BELFRY_LOG_LEVEL', 'BELFRY_PING_INTERVAL', 'BELFRY_LINK_KEY', 'BELFRY_JWT_SECRET']) {
      assert.ok(output.includes(name), `${name} is not told:\n${output}`)
    }
    assert.ok(!output.includes('short'), 'a secret is never printed')
  })
  it('of the core', async () => {
    const { code, output } = await start(CORE, { BELFRY_LISTEN_PORT: '99999', BELFRY_LOG_FORMAT: 'xml' })
    assert.notEqual(code, 0)
    for (const name of ['BELFRY_LISTEN_PORT', 'BELFRY_LOG_FORMAT', 'BELFRY_LINK_KEY', 'DATABASE_URL']) {
      assert.ok(output.includes(name), `${name} is not told:\n${output}`)
    }
  })
  it('a secret comes from a file, and a missing file is told', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'belfry-'))
    await writeFile(join(folder, 'key'), `${KEY}\n`)
    const bad = { BELFRY_PORT: 'eighty', BELFRY_JWT_SECRET: KEY }
    const there = await start(EDGE, { ...bad, BELFRY_LINK_KEY_FILE: join(folder, 'key') })
    assert.ok(!there.output.includes('BELFRY_LINK_KEY'), there.output)
    const missing = await start(EDGE, { ...bad, BELFRY_LINK_KEY_FILE: join(folder, 'nothing') })
    assert.match(missing.output, /BELFRY_LINK_KEY/)
    await rm(folder, { recursive: true })
  })
})
