// One connection of an actor: asks and is told, with every answer and event handed over in
// the order in which it came from the wire.

import { open } from '../integration/lib/client.mjs'

const ANSWER_MS = 12_000 // more than an edge takes until it gives up (10 s)
const FIRST_ID = 1_000_000 // ids below are the helper's own

export class Line {
  up = false
  #answers = new Map()
  #id = FIRST_ID
  #over = false

  /** listener: { onUp(data), onEvent(name, data), onDown(why) } */
  constructor({ framing, url, token, resume }, listener) {
    this.listener = listener
    this.client = open(framing, url, token, { resume })
    this.client.onEvent = ({ name, data }) => this.#got(name, data)
    if (framing === 'json') this.client.socket.on('message', data => this.#frame(data))
  }

  #got(name, data) {
    this.client.events.length = 0
    if (this.#over) return
    if (name === 'CONNECTION_SUCCESS') {
      this.up = true
      this.listener.onUp(data)
    } else if (name === 'CONNECTION_ERROR' || name === 'connect_error' || name === 'disconnect' || name === 'refused') {
      this.end(typeof data === 'object' ? data?.code ?? data?.message ?? name : data)
    } else if (name !== 'error') {
      this.listener.onEvent(name, data)
    }
  }

  #frame(data) {
    if (data.toString('latin1', 0, 9) !== '{"reply":') return
    const { reply, data: answer, error } = JSON.parse(data)
    this.#answers.get(reply)?.(error ? { err: error } : { ack: answer })
  }

  /** Calls back at once when it comes: { ack }, { err } or { none: why }. */
  ask(event, data, done) {
    const id = ++this.#id
    const timer = setTimeout(() => answer({ none: 'timeout' }), ANSWER_MS)
    const answer = outcome => {
      if (!this.#answers.delete(id)) return
      clearTimeout(timer)
      done(outcome)
    }
    this.#answers.set(id, answer)
    if (this.#over) return answer({ none: 'closed' })
    if (this.client.framing === 'json') {
      this.client.raw(JSON.stringify({ event, id, data }))
    } else {
      this.client.socket.emit(event, data, reply => answer(reply?.error ? { err: reply.error } : { ack: reply }))
    }
  }

  /** Nothing more of it is heard. why `cut`: it was our doing. */
  end(why) {
    if (this.#over) return
    this.#over = true
    this.up = false
    for (const answer of [...this.#answers.values()]) answer({ none: why === 'cut' ? 'cut' : 'closed' })
    this.listener.onDown(why)
    this.#destroy()
  }

  #destroy() {
    if (this.client.framing === 'json') {
      this.client.socket.on('error', () => {})
      this.client.socket.terminate()
    } else {
      this.client.socket.io.engine?.transport?.ws?.terminate?.()
      this.client.socket.disconnect()
    }
  }
}
