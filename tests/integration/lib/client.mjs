// One client for tests, over either framing: official socket.io-client, or plain JSON by ws.
//
//   const alice = await connect('socketio', url, token)
//   const { seq } = await alice.call('SEND_MESSAGE', { roomId, content: 'hi' })
//   const event = await alice.next('MESSAGE_CREATED', e => e.seq === seq)

import { io } from 'socket.io-client'
import WebSocket from 'ws'

const ANSWER_MS = 15_000

/** An error answer: event, code, message, details. */
export class Refused extends Error {
  constructor(error) {
    super(`${error.event}: ${error.code}: ${error.message}`)
    Object.assign(this, error)
  }
}

/** Resolves with a client that has its CONNECTION_SUCCESS; rejects with what refused it. */
export async function connect(framing, url, token, options = {}) {
  const client = open(framing, url, token, options)
  const first = await client.next(/^CONNECTION_(SUCCESS|ERROR)$/, () => true, options.timeoutMs)
  if (first.name === 'CONNECTION_ERROR') {
    throw Object.assign(new Error(first.data.message), first.data, { client })
  }
  client.session = first.data
  return client
}

/** The same, without waiting. */
export function open(framing, url, token, options = {}) {
  const client = framing === 'socketio'
    ? new SocketIoClient(url, token, options)
    : new JsonClient(url, token, options)
  opened.add(client)
  client.closed.then(() => opened.delete(client))
  return client
}

/** What a failed test has left open would keep its process alive. */
export function closeAll() {
  for (const client of opened) client.close()
}
const opened = new Set()

export class Client {
  /** All server events in order: { name, data, at }. */
  events = []
  #waiting = new Set()

  constructor() {
    this.closed = new Promise(resolve => { this.isClosed = resolve })
  }

  /** The next event, past ones included, that fits; each is given out once per `next`. */
  next(name, fits = () => true, timeoutMs = 10_000) {
    const wanted = event => !event.taken && fitsName(name, event.name) && fits(event.data)
    const there = this.events.find(wanted)
    if (there) {
      there.taken = true
      return Promise.resolve(there)
    }
    return new Promise((resolve, reject) => {
      const waiter = { wanted, resolve }
      waiter.timer = setTimeout(() => {
        this.#waiting.delete(waiter)
        const seen = this.events.map(event => event.name).slice(-12).join(', ')
        reject(new Error(`no ${name} in ${timeoutMs} ms; last events: ${seen}`))
      }, timeoutMs)
      this.#waiting.add(waiter)
    })
  }

  got(name, data) {
    const event = { name, data, at: performance.now(), taken: false }
    this.events.push(event)
    this.onEvent?.(event)
    for (const waiter of this.#waiting) {
      if (waiter.wanted(event)) {
        event.taken = true
        this.#waiting.delete(waiter)
        clearTimeout(waiter.timer)
        waiter.resolve(event)
        return
      }
    }
  }

  /** Events of one name so far. */
  all(name) {
    return this.events.filter(event => event.name === name).map(event => event.data)
  }

  /** The reply; throws Refused, or an Error when there is no answer. */
  async call(event, data) {
    const answer = await this.ask(event, data)
    if (answer && answer.error !== undefined) throw new Refused(answer.error)
    return answer
  }
}

function fitsName(wanted, name) {
  return wanted instanceof RegExp ? wanted.test(name) : wanted === name
}

class SocketIoClient extends Client {
  framing = 'socketio'

  constructor(url, token, { resume, reconnection = false, headers, auth, ca } = {}) {
    super()
    this.socket = io(url, {
      transports: ['websocket'],
      forceNew: true,
      reconnection,
      reconnectionDelay: 50,
      reconnectionDelayMax: 500,
      extraHeaders: headers,
      ca,
      auth: auth ?? (callback => callback({ token, resume: this.resume ?? resume })),
    })
    this.socket.onAny((name, data) => this.got(name, data))
    this.socket.on('connect_error', error => this.got('connect_error', error))
    this.socket.on('disconnect', reason => {
      this.got('disconnect', reason)
      this.isClosed(reason)
    })
  }

  /** The answer as it came: a reply, or { error }. */
  async ask(event, data, ms = ANSWER_MS) {
    return this.socket.timeout(ms).emitWithAck(event, data)
  }

  close() {
    this.socket.disconnect()
  }
}

class JsonClient extends Client {
  framing = 'json'
  #answers = new Map()
  #id = 0

  constructor(url, token, { resume, headers, hello = true, query = '', ca } = {}) {
    super()
    this.socket = new WebSocket(`${url.replace(/^http/, 'ws')}/ws${query}`, 'belfry.v1.json', { headers, ca })
    this.socket.on('open', () => hello && this.raw(JSON.stringify({ hello: { token, resume } })))
    this.socket.on('message', text => this.#receive(JSON.parse(text)))
    this.socket.on('unexpected-response', (_, response) => {
      this.got('refused', response.statusCode)
      this.isClosed(response.statusCode)
    })
    this.socket.on('error', error => this.got('error', error))
    this.socket.on('close', (code, reason) => {
      this.got('disconnect', code)
      this.isClosed(code)
      for (const { reject } of this.#answers.values()) reject(new Error(`closed: ${code} ${reason}`))
      this.#answers.clear()
    })
  }

  #receive(frame) {
    if (frame.reply === undefined) return this.got(frame.event, frame.data)
    const answer = this.#answers.get(frame.reply)
    this.#answers.delete(frame.reply)
    clearTimeout(answer?.timer)
    answer?.resolve(frame.error ? { error: frame.error } : frame.data)
  }

  raw(text) {
    this.socket.send(text)
  }

  ask(event, data, ms = ANSWER_MS) {
    const id = ++this.#id
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#answers.delete(id)
        reject(new Error(`no answer to ${event} in ${ms} ms`))
      }, ms)
      this.#answers.set(id, { resolve, reject, timer })
      this.raw(JSON.stringify({ event, id, data }))
    })
  }

  close() {
    this.socket.close()
  }
}
