// A client that speaks protobuf frames, made from proto/ alone: what it knows of the
// protocol is proto/belfry/client.proto, and of events the contract's own options.

import protobuf from 'protobufjs'
import { createRequire } from 'node:module'
import { readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import WebSocket from 'ws'
import { Client } from './client.mjs'
import { ROOT } from './system.mjs'

const PROTO = join(ROOT, 'proto')
const GOOGLE = dirname(createRequire(import.meta.url).resolve('protobufjs/package.json'))

const root = new protobuf.Root()
root.resolvePath = (_, target) => join(target.startsWith('google/') ? GOOGLE : PROTO, target)
root.loadSync([
  'google/protobuf/descriptor.proto',
  'belfry/client.proto',
  ...readdirSync(join(PROTO, 'events')).map(name => `events/${name}`),
])
root.resolveAll()

export const ClientFrame = root.lookupType('belfry.client.ClientFrame')
export const ServerFrame = root.lookupType('belfry.client.ServerFrame')

/** Event name → { payload, reply } of client events, and → type of server events. */
const calls = new Map()
const serverEvents = new Map()
function option(object, name) {
  return object.parsedOptions?.find(option => option[name])?.[name]
}
for (const object of root.lookup('belfry').nestedArray) {
  if (object instanceof protobuf.Type) {
    const event = option(object, '(server_event)')
    if (event) serverEvents.set(event.name, object)
  } else if (object instanceof protobuf.Service) {
    for (const method of object.methodsArray) {
      const event = option(method, '(client_event)')
      calls.set(event.name, { payload: method.resolvedRequestType, reply: method.resolvedResponseType })
    }
  }
}

/** As the JSON framings would have it, but that empty lists are not there. */
function plain(type, packed) {
  return type.toObject(type.decode(packed), { longs: Number, enums: String, arrays: false })
}

/** Connects and waits for CONNECTION_SUCCESS; rejects with what refused it. */
export async function connect(url, token, options = {}) {
  const client = new ProtobufClient(url, token, options)
  const first = await client.next(/^CONNECTION_(SUCCESS|ERROR)$/)
  if (first.name === 'CONNECTION_ERROR') {
    throw Object.assign(new Error(first.data.message), first.data, { client })
  }
  client.session = first.data
  return client
}

export class ProtobufClient extends Client {
  framing = 'protobuf'
  #answers = new Map()
  #id = 0

  constructor(url, token, { resume = {}, hello = true, headers } = {}) {
    super()
    this.socket = new WebSocket(`${url.replace(/^http/, 'ws')}/ws`, 'belfry.v1.proto', { headers })
    const list = Object.entries(resume).map(([stream, cursor]) => ({ stream, cursor }))
    this.socket.on('open', () => hello && this.frame({ hello: { token, resume: list } }))
    this.socket.on('message', (bytes, binary) => {
      if (binary) this.#receive(ServerFrame.decode(bytes))
      else this.got('text', bytes)
    })
    this.socket.on('error', error => this.got('error', error))
    this.socket.on('close', code => {
      this.got('disconnect', code)
      this.isClosed(code)
      for (const { reject } of this.#answers.values()) reject(new Error(`closed: ${code}`))
      this.#answers.clear()
    })
  }

  frame(frame) {
    this.raw(ClientFrame.encode(ClientFrame.fromObject(frame)).finish())
  }

  raw(bytes) {
    this.socket.send(bytes)
  }

  #receive(frame) {
    if (frame.body === 'event') return this.#event(frame.event)
    if (frame.body === 'pong') return this.got('pong', frame.pong.data)
    const { id } = frame[frame.body]
    const answer = this.#answers.get(Number(id))
    this.#answers.delete(Number(id))
    clearTimeout(answer.timer)
    answer.resolve(frame.body === 'reply'
      ? plain(calls.get(answer.event).reply, frame.reply.payload)
      : { error: this.#error(frame.error) })
  }

  #error({ event, code, message, details, retryAfterMs }) {
    return { event, code, message, details: details ? JSON.parse(details) : undefined, retryAfterMs }
  }

  /** `packed` tells in which of the two forms the payload came. */
  #event(event) {
    const packed = Object.hasOwn(event, 'payload')
    if (packed === Object.hasOwn(event, 'json')) throw new Error(`${event.name} needs payload or json`)
    const envelope = {}
    for (const name of ['stream', 'seq', 'cursor', 'timestamp']) {
      if (Object.hasOwn(event, name)) envelope[name] = name === 'seq' ? Number(event[name]) : event[name]
    }
    const data = packed ? plain(serverEvents.get(event.name), event.payload) : JSON.parse(event.json)
    this.got(event.name, { ...data, ...envelope })
    Object.assign(this.events.at(-1), { packed, envelope })
  }

  ask(event, data = {}, ms = 15_000) {
    const type = calls.get(event).payload
    return this.askPacked(event, type.encode(type.fromObject(data)).finish(), ms)
  }

  askPacked(event, payload, ms = 15_000) {
    const id = ++this.#id
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#answers.delete(id)
        reject(new Error(`no answer to ${event} in ${ms} ms`))
      }, ms)
      this.#answers.set(id, { event, resolve, reject, timer })
      this.frame({ call: { event, id, payload } })
    })
  }

  close() {
    this.socket.close()
  }
}
