// /asyncapi.json: every edge serves the document that the cores carry, and goes on when
// they are away.

import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, before, describe, it } from 'node:test'
import { ROOT, start } from './lib/system.mjs'

describe('/asyncapi.json', () => {
  let sys, etag
  const inTree = readFile(`${ROOT}/docs/asyncapi.json`, 'utf8')
  const ask = (edge, options) => fetch(`${sys.edges[edge]}/asyncapi.json`, options)
  before(async () => { sys = await start({ edges: 2, cores: 2 }) })
  after(async () => { await sys?.stop() })

  it('is docs/asyncapi.json, byte for byte, on every edge', async () => {
    for (const edge of [0, 1]) {
      const response = await ask(edge)
      assert.equal(response.status, 200)
      assert.equal(response.headers.get('content-type'), 'application/vnd.aai.asyncapi+json; version=3.1.0')
      assert.equal(response.headers.get('cache-control'), 'no-cache')
      const text = await response.text()
      assert.ok(text === await inTree, `${text.length} bytes are not the ${(await inTree).length} of the tree`)
      assert.equal(JSON.parse(text).asyncapi, '3.1.0')
      etag ??= response.headers.get('etag')
      assert.match(etag, /^"[0-9a-f]{32}"$/)
      assert.equal(response.headers.get('etag'), etag)
    }
  })

  it('is not sent again to who has it', async () => {
    for (const known of [etag, `"other", W/${etag}`, '*']) {
      const response = await ask(0, { headers: { 'if-none-match': known } })
      assert.equal(response.status, 304)
      assert.equal(response.headers.get('etag'), etag)
      assert.equal(await response.text(), '')
    }
    const response = await ask(0, { headers: { 'if-none-match': '"other"' } })
    assert.equal(response.status, 200)
    assert.ok(await response.text() === await inTree)
  })

  it('answers HEAD with the size', async () => {
    const response = await ask(0, { method: 'HEAD' })
    assert.equal(response.status, 200)
    assert.equal(Number(response.headers.get('content-length')), Buffer.byteLength(await inTree))
  })

  it('has one answer for many at once', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask(1).then(response => response.text())))
    for (const text of answers) assert.ok(text === await inTree)
  })

  it('outlives the cores', async () => {
    const { BELFRY_CORE_PIDS } = await sys.now()
    for (const pid of BELFRY_CORE_PIDS.split(' ')) process.kill(Number(pid), 'SIGKILL')
    while ((await fetch(`${sys.edges[0]}/readyz`)).ok);
    const response = await ask(0)
    assert.equal(response.status, 200)
    assert.ok(await response.text() === await inTree)
  })
})

describe('/asyncapi.json of an edge that lost its cores before anybody asked', () => {
  it('says that it is unavailable', async () => {
    const sys = await start({ edges: 1, cores: 1, env: { BELFRY_REQUEST_TIMEOUT: '1s' } })
    try {
      const { BELFRY_CORE_PIDS } = await sys.now()
      process.kill(Number(BELFRY_CORE_PIDS), 'SIGKILL')
      const response = await fetch(`${sys.edges[0]}/asyncapi.json`)
      assert.equal(response.status, 503)
      assert.equal((await response.json()).error.code, 'UNAVAILABLE')
      assert.ok(Number(response.headers.get('retry-after')) > 0)
    } finally {
      await sys.stop()
    }
  })
})
