// What the edge says over HTTP: events, handshakes, origins, health, metrics.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { request } from 'node:http'
import { after, before, describe, it } from 'node:test'
import { closeAll, connect } from './lib/client.mjs'
import { finish, system } from './lib/system.mjs'

let sys, place, roomId, token
before(async () => {
  sys = await system()
  place = await sys.room({ members: 2 })
  roomId = place.roomId
  token = sys.token(place.users[0])
})
after(async () => {
  closeAll()
  await sys?.stop()
})

/** An HTTP request as it is: nothing added that was not asked for. */
function ask(url, { method = 'GET', headers = {}, body } = {}) {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers, agent: false }, response => {
      let text = ''
      response.on('data', part => { text += part })
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, text }))
    })
    sent.on('upgrade', (response, socket) => {
      socket.destroy()
      resolve({ status: response.statusCode, headers: response.headers, text: '' })
    })
    sent.on('error', reject)
    sent.end(body)
  })
}
const post = (event, data, headers = {}) => ask(`${sys.edges[0]}/api/v1/events/${event}`, {
  method: 'POST',
  headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
  body: typeof data === 'string' ? data : JSON.stringify(data),
})
const upgrade = (path, headers = {}) => ask(`${sys.edges[0]}${path}`, {
  headers: {
    connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13',
    'sec-websocket-key': Buffer.from(randomUUID().slice(0, 16)).toString('base64'), ...headers,
  },
})
const SOCKETIO = '/socket.io/?EIO=4&transport=websocket'

describe('POST /api/v1/events/{EVENT}', () => {
  it('runs the same event: a subscriber on the other edge hears it', async () => {
    const bob = await connect('socketio', sys.edges[1], sys.token(place.users[1]))
    await bob.call('JOIN_ROOM', { roomId })
    const response = await post('SEND_MESSAGE', { roomId, content: 'by HTTP' })
    assert.equal(response.status, 200)
    assert.match(response.headers['content-type'], /^application\/json/)
    const { message, seq } = JSON.parse(response.text)
    const { data } = await bob.next('MESSAGE_CREATED', event => event.seq === seq)
    assert.deepEqual(data.message, message)
    bob.close()
  })

  for (const [says, send, status, code] of [
    ['unknown event', () => post('SEND_MESAGE', {}), 404, 'UNKNOWN_EVENT'],
    ['broken JSON', () => post('SEND_MESSAGE', '{"roomId"'), 400, 'VALIDATION_ERROR'],
    ['a broken rule', () => post('SEND_MESSAGE', { roomId, content: '' }), 400, 'VALIDATION_ERROR'],
    ['unknown room', () => post('SEND_MESSAGE', { roomId: randomUUID(), content: 'x' }), 404, 'NOT_FOUND'],
    ['no token', () => post('SEND_MESSAGE', { roomId, content: 'x' }, { authorization: '' }), 401, 'UNAUTHENTICATED'],
    ['a bad token', () => post('SEND_MESSAGE', { roomId, content: 'x' }, { authorization: 'Bearer a.b.c' }), 401, 'UNAUTHENTICATED'],
    ['too large', () => post('SEND_MESSAGE', { roomId, content: 'x'.repeat(70_000) }), 413, 'PAYLOAD_TOO_LARGE'],
  ]) {
    it(`${says}: ${status} ${code}`, async () => {
      const response = await send()
      assert.equal(response.status, status)
      const { error } = JSON.parse(response.text)
      assert.equal(error.code, code)
      assert.ok(error.message.length > 0)
    })
  }

  it('GET of an event is 405', async () => {
    assert.equal((await ask(`${sys.edges[0]}/api/v1/events/SEND_MESSAGE`)).status, 405)
  })
})

describe('handshakes', () => {
  it('polling is refused with the words that help', async () => {
    const response = await ask(`${sys.edges[0]}/socket.io/?EIO=4&transport=polling`)
    assert.equal(response.status, 400)
    const { code, message } = JSON.parse(response.text)
    assert.equal(typeof code, 'number')
    assert.ok(message.includes('use transports: ["websocket"]'), message)
  })
  it('another protocol version is 400, before the upgrade', async () => {
    const response = await upgrade('/socket.io/?EIO=3&transport=websocket')
    assert.equal(response.status, 400)
  })
  it('a token in the URL is refused', async () => {
    for (const path of [`/ws?token=${token}`, `${SOCKETIO}&token=${token}`]) {
      const response = await upgrade(path)
      assert.equal(response.status, 400, path)
      assert.ok(!response.text.includes(token))
    }
  })
  it('unknown paths are 404, or 400 for a WebSocket', async () => {
    assert.equal((await ask(`${sys.edges[0]}/nothing`)).status, 404)
    assert.ok([400, 404].includes((await upgrade('/nothing')).status))
  })
})

describe('origins', () => {
  const good = 'http://localhost:5173'
  const bad = 'http://evil.example'
  for (const path of ['/ws', SOCKETIO]) {
    it(`${path}: 403 before the upgrade for one not on the list`, async () => {
      assert.equal((await upgrade(path, { origin: bad })).status, 403)
    })
    it(`${path}: one on the list passes`, async () => {
      assert.equal((await upgrade(path, { origin: good })).status, 101)
    })
    it(`${path}: no Origin passes, unless it sends cookies`, async () => {
      assert.equal((await upgrade(path)).status, 101)
      assert.equal((await upgrade(path, { cookie: 'a=b' })).status, 403)
    })
  }
  it('is echoed on every HTTP answer', async () => {
    const response = await ask(`${sys.edges[0]}/healthz`, { headers: { origin: good } })
    assert.equal(response.headers['access-control-allow-origin'], good)
    assert.equal(response.headers['access-control-allow-credentials'], 'true')
    assert.match(response.headers.vary ?? '', /origin/i)
  })
  it('HTTP events from another origin are 403', async () => {
    const response = await post('SEND_MESSAGE', { roomId, content: 'x' }, { origin: bad })
    assert.equal(response.status, 403)
    assert.notEqual(response.headers['access-control-allow-origin'], bad)
  })
  it('a preflight is answered', async () => {
    const response = await ask(`${sys.edges[0]}/api/v1/events/SEND_MESSAGE`, {
      method: 'OPTIONS',
      headers: { origin: good, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization, content-type' },
    })
    assert.ok([200, 204].includes(response.status))
    assert.equal(response.headers['access-control-allow-origin'], good)
    assert.match(response.headers['access-control-allow-methods'], /POST/)
    assert.match(response.headers['access-control-allow-headers'], /authorization/i)
  })
})

describe('health and metrics', () => {
  it('edges and cores are alive and ready', async () => {
    for (const url of [...sys.edges, ...sys.cores]) {
      for (const path of ['/healthz', '/readyz']) {
        assert.equal((await ask(url + path)).status, 200, url + path)
      }
    }
  })
  it('metrics pass promtool and count', async t => {
    for (const url of [...sys.edges, ...sys.cores]) {
      const { status, text } = await ask(`${url}/metrics`)
      assert.equal(status, 200)
      assert.match(text, /^belfry_\w+/m)
      const check = spawn('promtool', ['check', 'metrics'])
      check.stdin.end(text)
      const result = await finish(check).catch(() => null)
      if (!result) return t.skip('promtool is not installed')
      assert.equal(result.code, 0, result.output)
      assert.equal(result.output.trim(), '', url)
    }
  })
  it('never shows a token or a message in the logs', async t => {
    if (!sys.own) return t.skip('not our own system')
    const secret = `not for logs ${randomUUID()}`
    await post('SEND_MESSAGE', { roomId, content: secret })
    const { stdout } = await (await import('./lib/system.mjs')).run('sh', ['-c', `cat ${sys.own.folder}/log/*.log`])
    assert.ok(!stdout.includes(secret))
    assert.ok(!stdout.includes(token))
  })
})

describe('the demo page', () => {
  it('is one file that needs no other host', async () => {
    const page = await ask(`${sys.url}/?demo`)
    assert.equal(page.status, 200)
    assert.match(page.headers['content-type'], /^text\/html/)
    assert.ok(!/(src|href)\s*=\s*["']?https?:/i.test(page.text))
    assert.ok(!/\bimport\b.*from|@import|\burl\(/.test(page.text))
  })
  it('gets two users on different edges, whose tokens work', async () => {
    const { roomId, users } = JSON.parse((await ask(`${sys.url}/demo.json`)).text)
    assert.equal(users.length, 2)
    assert.notEqual(users[0].url, users[1].url)
    const [alice, bob] = await Promise.all(users.map(user => connect('json', user.url, user.token, { headers: { origin: sys.url } })))
    await Promise.all([alice, bob].map(client => client.call('JOIN_ROOM', { roomId })))
    const { seq } = await alice.call('SEND_MESSAGE', { roomId, content: 'ding' })
    await bob.next('MESSAGE_CREATED', event => event.seq === seq)
    alice.close()
    bob.close()
  })
})
