// Ten clients talk in the demo's room while the test scales what serves them. A line "move"
// on standard input makes most of them connect anew, so that new edges get some; "stop" ends
// it. Then the books are compared: what was acked must be in the history once, and every
// client must have seen every message, in order.
//
//   node talk.mjs URL JWT_SECRET < control

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect } from '../integration/lib/client.mjs'
import { sign } from '../integration/lib/system.mjs'

const [url, secret] = process.argv.slice(2)
const CLIENTS = 10
const { roomId, users } = await (await fetch(`${url}/demo.json`)).json()
const ids = users.map(({ token }) => JSON.parse(Buffer.from(token.split('.')[1], 'base64url')))

let stopping = false
process.stdin.on('data', lines => {
  if (/stop/.test(lines)) stopping = true
  else talkers.forEach((talker, i) => i % 4 && talker.client.close())
})

/** A client that comes back by itself and goes on where it was. */
class Talker {
  acked = new Map()
  seen = []
  connections = 0

  constructor(index) {
    this.framing = index % 2 ? 'json' : 'socketio'
    this.user = ids[index % ids.length]
    this.stream = `room:${roomId}`
  }

  token() {
    return sign(secret, { sub: this.user.sub, username: this.user.username })
  }

  async enter() {
    const resume = this.cursor && { [this.stream]: this.cursor }
    for (let tries = 0; ; tries++) {
      try {
        this.client = await connect(this.framing, url, this.token(), { resume, timeoutMs: 5_000 })
        break
      } catch (error) {
        if (tries === 60) throw error
        await sleep(250)
      }
    }
    this.connections++
    const client = this.client
    client.events.forEach(event => this.hear(event))
    client.onEvent = event => client === this.client && this.hear(event)
    client.closed.then(() => { client.gone = true })
    if (!this.cursor) {
      const { seq, cursor } = await client.call('JOIN_ROOM', { roomId })
      this.first = seq
      this.cursor ??= cursor
    }
  }

  hear({ name, data }) {
    assert.notEqual(name, 'RESYNC', 'a position was lost')
    if (name !== 'MESSAGE_CREATED' || data.stream !== this.stream) return
    this.cursor = data.cursor
    this.seen.push(data.seq)
  }

  async say(content) {
    const message = { roomId, content, clientId: randomUUID() }
    for (let tries = 0; ; tries++) {
      try {
        if (this.client.gone) await this.enter()
        const { seq } = await this.client.call('SEND_MESSAGE', message)
        return this.acked.set(message.clientId, seq)
      } catch (error) {
        // UNAVAILABLE or no answer: the same again is safe
        if (tries === 60 || (error.code && !['UNAVAILABLE', 'RATE_LIMITED'].includes(error.code))) throw error
        await sleep(error.retryAfterMs ?? 100)
      }
    }
  }

  async talk(index) {
    for (let i = 0; !stopping; i++) {
      await this.say(`${index}: ${i}`)
      await sleep(150)
    }
  }

  async waitFor(seq) {
    for (let tries = 0; this.seen.at(-1) !== seq; tries++) {
      assert.ok(tries < 300, `a client saw up to ${this.seen.at(-1)} of ${seq}`)
      if (this.client.gone) await this.enter()
      await sleep(50)
    }
  }
}

const talkers = Array.from({ length: CLIENTS }, (_, i) => new Talker(i))
for (const talker of talkers) await talker.enter()
console.log('talking')
await Promise.all(talkers.map((talker, i) => talker.talk(i)))

// one more message tells where the end is
await talkers[0].say('the end')
const last = Math.max(...talkers.flatMap(talker => [...talker.acked.values()]))
for (const talker of talkers) {
  await talker.waitFor(last)
  const whole = Array.from({ length: last - talker.first }, (_, i) => talker.first + 1 + i)
  assert.deepEqual(talker.seen, whole, 'every message, in order, each once')
}

const history = new Map()
for (let after = 0; ;) {
  const { messages, hasMore } = await talkers[0].client.call('GET_HISTORY', { roomId, after, limit: 100 })
  for (const { clientId, seq } of messages) {
    assert.ok(!history.has(clientId), `${clientId} is there twice`)
    history.set(clientId, seq)
  }
  if (!hasMore) break
  after = messages.at(-1).seq
  await sleep(50)
}
let acked = 0
for (const talker of talkers) {
  for (const [clientId, seq] of talker.acked) {
    assert.equal(history.get(clientId), seq, `acked message ${seq} is missing`)
    acked++
  }
  talker.client.close()
}
const reconnects = talkers.reduce((sum, talker) => sum + talker.connections - 1, 0)
console.log(`${acked} messages acked, none missing, none twice, all in order; ${reconnects} reconnects`)
process.exit(0)
