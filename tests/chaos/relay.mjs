// A TCP relay that can be told to misbehave: hold back, cut, refuse, delay.

import { connect, createServer } from 'node:net'

export class Relay {
  /** pass | freeze (nothing moves, nothing closes) | refuse (cut, and cut what comes) */
  mode = 'pass'
  delayMs = 0
  #pairs = new Set()
  #server

  /** target(): { host, port } or { path }, asked for each connection. */
  constructor(target) {
    this.target = target
    this.#server = createServer(socket => this.#accept(socket))
  }

  listen(port = 0) {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(port, '127.0.0.1', () => resolve(this.#server.address().port))
    })
  }

  #accept(client) {
    if (this.mode === 'refuse') return client.destroy()
    const server = connect(this.target())
    const pair = { client, server, frozen: false }
    this.#pairs.add(pair)
    this.#pipe(pair, client, server)
    this.#pipe(pair, server, client)
    if (this.mode === 'freeze') this.#freeze(pair)
  }

  #pipe(pair, from, to) {
    from.setNoDelay(true)
    from.on('data', data => this.#forward(data, from, to))
    from.on('error', () => {})
    from.on('close', () => this.#gone(pair))
  }

  #forward(data, from, to) {
    if (this.delayMs > 0) {
      setTimeout(() => to.write(data), this.delayMs)
    } else if (!to.write(data)) {
      from.pause()
      to.once('drain', () => this.mode !== 'freeze' && from.resume())
    }
  }

  /** A frozen pair is silent in both directions: neither end hears that the other is gone. */
  #gone(pair) {
    if (pair.frozen && !(pair.client.destroyed && pair.server.destroyed)) return
    pair.client.destroy()
    pair.server.destroy()
    this.#pairs.delete(pair)
  }

  #freeze(pair) {
    pair.frozen = true
    pair.client.pause()
    pair.server.pause()
  }

  #thaw(pair) {
    pair.frozen = false
    if (pair.client.destroyed || pair.server.destroyed) return this.#gone(pair)
    pair.client.resume()
    pair.server.resume()
  }

  set(mode) {
    const before = this.mode
    this.mode = mode
    for (const pair of [...this.#pairs]) {
      if (mode === 'freeze') this.#freeze(pair)
      else if (mode === 'refuse') this.cut(pair)
      else if (before === 'freeze') this.#thaw(pair)
    }
  }

  /** What is open now stays silent for ever; what comes later passes. */
  abandon() {
    for (const pair of this.#pairs) this.#freeze(pair)
  }

  cut(pair) {
    pair.frozen = false
    this.#gone(pair)
  }

  close() {
    this.#server.close()
    for (const pair of [...this.#pairs]) this.cut(pair)
  }
}
