// An edge that ends TLS itself: the same clients, the same checks at the door.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { copyFile, mkdtemp, readFile, readdir, rm } from 'node:fs/promises'
import { request } from 'node:https'
import { connect as connectPlain } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { connect as connectTls } from 'node:tls'
import { closeAll, connect } from './lib/client.mjs'
import { BUILD, finish, freePorts, run, system } from './lib/system.mjs'

/** A frame as clients send it (RFC 6455, 5.2), short of 64 KB; its mask changes nothing. */
function masked(opcode, text) {
  const payload = Buffer.from(text)
  const size = payload.length < 126 ? [payload.length | 0x80] : [126 | 0x80, payload.length >> 8, payload.length & 0xff]
  return Buffer.concat([Buffer.from([0x80 | opcode, ...size, 0, 0, 0, 0]), payload])
}

describe('an edge with a certificate', () => {
  let sys, place, roomId, folder, port, url, ca, edge, log = ''

  /** A new self-signed certificate at NAME.crt and NAME.key; the text of it. */
  async function certificate(name) {
    await run('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2',
      '-subj', `/CN=${name}`, '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1',
      '-keyout', join(folder, `${name}.key`), '-out', join(folder, `${name}.crt`)])
    return readFile(join(folder, `${name}.crt`))
  }

  async function https(path, headers = {}) {
    return new Promise((resolve, reject) => {
      request(`${url}${path}`, { ca, headers, agent: false }, response => {
        let body = ''
        response.on('data', text => { body += text })
        response.on('end', () => resolve({ status: response.statusCode, body }))
      }).on('error', reject).end()
    })
  }

  async function until(what, true_) {
    for (let i = 0; i < 400; i++) {
      if (await true_()) return
      await new Promise(resolve => setTimeout(resolve, 25))
    }
    throw new Error(`${what} does not come; the edge says:\n${log}`)
  }

  before(async () => {
    sys = await system()
    place = await sys.room({ members: 2 })
    roomId = place.roomId
    folder = await mkdtemp(join(tmpdir(), 'belfry-tls-'))
    ca = await certificate('first')
    await copyFile(join(folder, 'first.crt'), join(folder, 'now.crt'))
    await copyFile(join(folder, 'first.key'), join(folder, 'now.key'))
    port = await freePorts(1)
    url = `https://localhost:${port}`
    const secrets = join(sys.own ? sys.own.folder : dirname(process.env.BELFRY_TEST_ENV), 'secret')
    const cores = sys.cores.map(core => `127.0.0.1:${Number(new URL(core).port) - 2}`).join()
    edge = spawn(join(BUILD, 'edge/belfry-edge'), {
      env: {
        ...process.env, BELFRY_HOST: '127.0.0.1', BELFRY_PORT: String(port), BELFRY_CORES: cores, BELFRY_ENV: 'development',
        BELFRY_LINK_KEY_FILE: join(secrets, 'link'), BELFRY_JWT_SECRET_FILE: join(secrets, 'jwt'), BELFRY_JWT_SECRET: '',
        BELFRY_TLS_CERT: join(folder, 'now.crt'), BELFRY_TLS_KEY: join(folder, 'now.key'), BELFRY_HELLO_TIMEOUT: '1s', BELFRY_DRAIN: '0s', BELFRY_LIMITS: 'dry-run',
      },
    })
    for (const stream of [edge.stdout, edge.stderr]) stream.on('data', text => { log += text })
    await until('readiness', async () => (await https('/readyz').catch(() => ({}))).status === 200)
  })

  after(async () => {
    closeAll()
    if (edge) {
      edge.kill('SIGTERM')
      const { code } = await finish(edge)
      assert.equal(code, 0, log)
    }
    await rm(folder, { recursive: true, force: true })
    await sys?.stop()
  })

  for (const framing of ['socketio', 'json']) {
    it(`carries ${framing}`, async () => {
      const [alice, bob] = await Promise.all(place.users.map(user => connect(framing, url, sys.token(user), { ca })))
      await bob.call('JOIN_ROOM', { roomId })
      const { seq } = await alice.call('SEND_MESSAGE', { roomId, content: 'behind glass' })
      const event = await bob.next('MESSAGE_CREATED', data => data.seq === seq)
      assert.equal(event.data.message.content, 'behind glass')
    })
  }

  it('carries what is longer than a record and a socket buffer, both ways', async () => {
    const writer = await connect('json', url, sys.token(place.users[0]), { ca })
    for (let i = 0; i < 100; i++) await writer.call('SEND_MESSAGE', { roomId, content: 'ä'.repeat(4000) })
    const pages = await Promise.all(Array.from({ length: 4 }, () => writer.call('GET_HISTORY', { roomId, limit: 100 })))
    for (const { messages } of pages) assert.equal(messages.length, 100)
  })

  it('checks requests as strictly as without TLS', async () => {
    assert.equal((await https('/healthz')).status, 200)
    const refused = await https('/socket.io/?EIO=4&transport=websocket', { Origin: 'https://elsewhere.example' })
    assert.equal(refused.status, 403)
    assert.match(refused.body, /Origin|origin/)
  })

  it('does not speak to plain clients', async () => {
    const socket = connectPlain(port, '127.0.0.1')
    socket.on('error', () => {})
    socket.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n')
    let answer = ''
    socket.on('data', text => { answer += text })
    await new Promise(resolve => socket.on('close', resolve))
    assert.doesNotMatch(answer, /HTTP/)
  })

  it('lets nobody wait for ever with half a request, or none', async () => {
    const quiet = connectPlain(port, '127.0.0.1')
    const half = connectTls({ port, host: '127.0.0.1', servername: 'localhost', ca })
    half.on('secureConnect', () => half.write('GET /healthz HTTP/1.1\r\nHo'))
    await Promise.all([quiet, half].map(socket => new Promise(resolve => {
      socket.on('error', () => {})
      socket.on('close', resolve)
      socket.resume()
    })))
  })

  it('lets go at once of a client that is reset with something left to read', async () => {
    const descriptors = async () => (await readdir(`/proc/${edge.pid}/fd`)).length
    const socket = connectPlain(port, '127.0.0.1')
    const client = connectTls({ socket, ca, servername: 'localhost' })
    let heard = ''
    client.on('data', text => { heard += text }).on('error', () => {})
    client.write(`GET /ws HTTP/1.1\r\nHost: localhost:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n`
      + 'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n')
    await until('the upgrade', () => heard.includes('101 '))
    client.write(masked(0x1, JSON.stringify({ hello: { token: sys.token(place.users[0]) } })))
    await until('a welcome', () => heard.includes('CONNECTION_SUCCESS'))
    const during = await descriptors()
    edge.kill('SIGSTOP')
    await new Promise(resolve => client.write(masked(0xa, 'a pong that needs no answer'), resolve))
    socket.resetAndDestroy()
    edge.kill('SIGCONT')
    await until('the end of the tunnel', async () => await descriptors() <= during - 3)
  })

  it('takes a new certificate when asked to reload, and keeps its clients', async () => {
    const stays = await connect('json', url, sys.token(place.users[0]), { ca })
    const next = await certificate('second')
    await copyFile(join(folder, 'second.crt'), join(folder, 'now.crt'))
    await copyFile(join(folder, 'second.key'), join(folder, 'now.key'))
    edge.kill('SIGHUP')
    ca = Buffer.concat([ca, next])
    const subject = () => new Promise((resolve, reject) => {
      const socket = connectTls({ port, host: '127.0.0.1', servername: 'localhost', ca }, () => {
        resolve(socket.getPeerCertificate().subject.CN)
        socket.end()
      }).on('error', reject)
    })
    await until('the second certificate', async () => await subject() === 'second')
    await stays.call('SEND_MESSAGE', { roomId, content: 'still here' })
  })
})
