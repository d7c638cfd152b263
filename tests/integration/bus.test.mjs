// What edges tell a core on the embedded bus, many at once.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { BUILD, freePorts } from './lib/system.mjs'

const WORDS = 1000 // more messages than a core hears in one turn of its loop
const WANTED = 0x8000_0000
const NO_BUCKET = 0x00ff_ffff

/** A message of one word, behind its size. */
function telling(word) {
  const message = Buffer.alloc(8)
  message.writeUInt32BE(4, 0)
  message.writeUInt32BE(word, 4)
  return message
}

describe('a core that many messages wait for', () => {
  let core, port
  before(async () => {
    port = await freePorts(4)
    core = spawn(join(BUILD, 'core/belfry-core'), [], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        PATH: process.env.PATH, BELFRY_BUS: 'nng:', BELFRY_LINK_KEY: '0123456789abcdef'.repeat(4),
        BELFRY_LISTEN_HOST: '127.0.0.1', BELFRY_LISTEN_PORT: port, BELFRY_STATUS_PORT: port + 2,
        DATABASE_URL: `postgresql://127.0.0.1:${port + 3}/none`, // nobody is there: the bus needs none
      },
    })
    await once(core.stderr, 'data')
    core.stderr.resume()
  })
  after(() => core?.kill('SIGKILL'))

  it('hears them all', async () => {
    const edge = connect(port + 1, '127.0.0.1')
    const cutOff = once(edge, 'close', { signal: AbortSignal.timeout(10_000) })
    edge.resume()
    await once(edge, 'connect')
    const words = Array.from({ length: WORDS }, (_, bucket) => telling(WANTED + bucket))
    edge.write(Buffer.concat([...words, telling(NO_BUCKET)]))
    await assert.doesNotReject(cutOff, 'the last of them is nonsense, and ends the connection')
  })
})
