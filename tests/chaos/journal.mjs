// What clients and the driver write down: a JSON object a line, each with its time.

import { createWriteStream } from 'node:fs'

export class Journal {
  #stream
  #lines = []

  constructor(file) {
    this.#stream = createWriteStream(file)
  }

  write(k, fields) {
    const record = { t: Date.now(), k, ...fields }
    this.#lines.push(JSON.stringify(record))
    if (this.#lines.length >= 64) this.#flush()
    return record
  }

  #flush() {
    if (this.#lines.length > 0) this.#stream.write(`${this.#lines.join('\n')}\n`)
    this.#lines = []
  }

  close() {
    this.#flush()
    return new Promise(resolve => this.#stream.end(resolve))
  }
}
