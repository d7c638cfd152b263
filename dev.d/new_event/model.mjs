// What is to be added, however it was told: by flags, by a page, or by the contract itself
// (planned events). `complete` fills in what follows from the rest and refuses what does
// not fit the tree.
//
//   addition  { domain, clientEvents, serverEvents, parts }
//   domain    { name, namespace, overview, flows, troubles }
//   client    { at, name, purpose, kind, authentication, right, rate, causes, errors, payload,
//               reply }
//   server    { at, name, purpose, scope, durable, trigger, exceptSender, handling, message }
//   message   { name, fields, enums: [{ name, values }] }
//   field     { at, name, json, kind, type, repeated, required, rule, default, description }
//
// `kind` of a field is text, int, double, bool, enum or message; `type` is what the
// contract calls it. `at` says where the person wrote it, for refusals.

import { camel, eventNameFault, jsonName, nearest, Refusal, sentence, TYPE_NAME } from './words.mjs'
import { unknownAction } from './contract.mjs'

export const KINDS = ['change', 'read', 'ephemeral']
export const SCOPES = ['room', 'community', 'members', 'user', 'session', 'contacts', 'global']
export const NO_STREAM = ['session', 'contacts', 'global']
/** What an event's own function may refuse with (EventError of options.proto). */
export const ERRORS = ['PERMISSION_DENIED', 'NOT_FOUND', 'CONFLICT', 'LIMIT_REACHED']
export const RATE = { limit: 20, perSeconds: 10 }
const CLIENT_ID = 15

/** What was found wrong, and what was decided without being told. */
export class Findings {
  errors = []
  notes = []

  error(at, text) { this.errors.push(at ? `${at}: ${text}` : text) }
  note(at, text) { this.notes.push(at ? `${at}: ${text}` : text) }
  refuse() {
    if (this.errors.length > 0) throw new Refusal(...new Set(byLine(this.errors)))
  }
}

/** page.md:7 before page.md:12 */
export function byLine(texts) {
  const line = text => Number(/^[^\s:]+:(\d+): /.exec(text)?.[1] ?? 0)
  return [...texts].sort((a, b) => line(a) - line(b))
}

export function field(json, rest) {
  return { json, name: rest.name, kind: 'text', type: 'string', repeated: false, required: true, rule: {}, description: '', ...rest }
}

export const clientId = () => field('clientId', {
  name: 'client_id', number: CLIENT_ID, required: false, rule: { format: 'UUID' },
  description: 'Makes a retry safe: the same id has one effect and one answer.',
})

const seq = () => field('seq', {
  name: 'seq', kind: 'int', type: 'int64', rule: { json_number: true },
  description: 'The place of the change in its stream.',
})

/** The stream whose numbers an event on this resource may take in a batch. */
export function ownStream(right) {
  switch (right.resource?.type) {
    case 'ROOM': case 'MESSAGE': return 'room'
    case 'COMMUNITY': return 'community'
    default: return 'user'
  }
}

export function complete(addition, contract, findings) {
  const added = new Map(addition.serverEvents.map(event => [event.name, event]))
  checkNames(addition, contract, findings)
  for (const event of addition.clientEvents) {
    checkActions(event, contract, findings)
    checkCauses(event, [...added.keys(), ...contract.serverEvents.keys()], findings)
    bindResource(event, findings)
    if (event.kind === 'change' && !event.payload.fields.some(field => field.json === 'clientId')) {
      event.payload.fields.push(clientId())
    }
    event.caused = event.causes.map(name => added.get(name) ?? serverEventOf(contract, name)).filter(Boolean)
    const streams = event.caused.filter(event => event.durable).map(event => event.scope)
    event.manyStreams = event.kind === 'change' && streams.some(scope => scope !== ownStream(event.right))
    event.reply ??= defaultReply(event)
    for (const field of event.reply.fields) if (field.repeated) field.required = false // [] is there, too
  }
  checkFields(addition, findings)
  findings.refuse()
  return addition
}

function checkNames(addition, contract, findings) {
  const taken = new Set()
  for (const event of [...addition.clientEvents, ...addition.serverEvents]) {
    const fault = eventNameFault(event.name)
    if (fault) findings.error(event.at, fault)
    const other = contract.clientEvents.get(event.name) ?? contract.serverEvents.get(event.name)
    if (other) findings.error(event.at, `${event.name} is there already, in ${other.domain.path}`)
    if (taken.has(event.name)) findings.error(event.at, `${event.name} is described twice`)
    taken.add(event.name)
  }
  const messages = new Map()
  for (const [message, at] of allMessages(addition)) {
    if (!TYPE_NAME.test(message.name)) findings.error(at, `'${message.name}' is no name of a type: write it like PollOption`)
    const other = contract.messages.get(message.name)
    if (other) findings.error(at, `a message ${message.name} is there already, in ${other.domain.path}: choose another name`)
    if (messages.has(message.name)) findings.error(at, `two messages would be called ${message.name}`)
    messages.set(message.name, message)
  }
}

function allMessages({ clientEvents, serverEvents, parts }) {
  return [
    ...clientEvents.flatMap(event => [[event.payload, event.at], ...(event.reply ? [[event.reply, event.at]] : [])]),
    ...serverEvents.map(event => [event.message, event.at]),
    ...parts.map(part => [part, part.at]),
  ]
}

function checkActions(event, contract, findings) {
  for (const action of event.right.actions ?? []) {
    if (!contract.actions.includes(action)) findings.error(event.right.at ?? event.at, unknownAction(contract, action))
  }
  const type = event.right.resource?.type
  if (type && !contract.resources.includes(type)) {
    findings.error(event.right.at ?? event.at, `${type} is no kind of resource; there are ${contract.resources.join(', ')}`)
  }
}

function checkCauses(event, known, findings) {
  for (const name of event.causes) {
    if (known.includes(name)) continue
    const near = nearest(name, known)
    findings.error(event.at, `${event.name} causes ${name}, which is no server event${near ? `; is it ${near}?` : ''}`)
  }
}

/** The member that names the resource is a required UUID. */
function bindResource(event, findings) {
  const key = event.right.resource?.idKey ?? event.right.subscribed
  if (!key || key.includes('.')) return
  const named = event.payload.fields.find(field => field.json === key)
  if (!named) {
    const members = event.payload.fields.map(field => field.json).join(', ')
    findings.error(event.right.at ?? event.at, `${key} is no member of the payload of ${event.name}${members ? ` (${members})` : ''}`)
  } else if (named.kind !== 'text' || named.repeated || !named.required) {
    findings.error(named.at, `${key} names the resource: it has to be a string (a UUID) that is not optional`)
  } else {
    named.rule = { format: 'UUID' }
  }
}

/** A change that is written to its own stream answers with what it wrote, and its seq. */
function defaultReply(event) {
  const name = camel(event.name) + 'Reply'
  const first = event.caused[0]
  if (event.kind !== 'change' || !first?.durable || first.scope !== ownStream(event.right)) {
    return { name, fields: [], enums: [] }
  }
  const { message } = first
  const fields = message.fields.map(field => ({ ...field, type: qualified(field, message), number: undefined }))
  return { name, fields: [...fields, seq()], enums: [] }
}

function qualified(field, message) {
  return message.enums?.some(({ name }) => name === field.type) ? `${message.name}.${field.type}` : field.type
}

const RESERVED = ['timestamp']
const RESERVED_DURABLE = ['timestamp', 'stream', 'seq', 'cursor']

function checkFields(addition, findings) {
  for (const event of addition.serverEvents) {
    for (const field of event.message.fields) {
      if ((event.durable ? RESERVED_DURABLE : RESERVED).includes(field.json)) {
        findings.error(field.at ?? event.at, `${field.json}: every server event carries it by itself, the payload must not`)
      }
    }
  }
  for (const [message, at] of allMessages(addition)) {
    const seen = new Set()
    for (const field of message.fields) {
      if (seen.has(field.json)) findings.error(field.at ?? at, `${field.json} is there twice`)
      seen.add(field.json)
      field.description = sentence(field.description || describe(field))
    }
    const values = new Set()
    for (const value of message.enums.flatMap(({ values }) => values)) {
      if (values.has(value)) findings.error(at, `${message.name}: two of its enums have the value ${value}`)
      values.add(value)
    }
  }
  for (const event of addition.clientEvents) checkBounds(event.payload, addition, findings, new Set())
}

/** What clients send is bounded in each part. */
function checkBounds(message, addition, findings, done) {
  if (done.has(message)) return
  done.add(message)
  for (const field of message.fields) {
    const { rule } = field, at = field.at
    if (field.kind === 'text' && !rule.max_length && !rule.format) {
      findings.error(at, `${field.json}: what clients send has a limit: say how long it may be ("max 2000 characters"), or that it is a UUID, a URL or a time`)
    }
    if (field.repeated && !rule.max_items) {
      findings.error(at, `${field.json}: what clients send has a limit: say how many there may be ("max 10 items")`)
    }
    const part = addition.parts.find(part => part.name === field.type)
    if (part) checkBounds(part, addition, findings, done)
  }
}

/** Plain words for a member that has none. */
function describe({ json }) {
  return json.replace(/[A-Z]/g, letter => ' ' + letter.toLowerCase()).replace(/ id$/, '').replace(/^./, letter => 'The ' + letter)
}

/** Does the reply hold what the event does, and its seq? */
export function repliesWith(reply, message) {
  const names = message.fields.map(({ json }) => json)
  return reply.fields.length === names.length + 1 && reply.fields.every(({ json }) => json === 'seq' || names.includes(json))
}

/** A planned event of the contract, as it stands there. */
export function plannedEvent(contract, name) {
  const { domain, rpc, def } = contract.clientEvents.get(name)
  const right = def.right?.[0] ?? {}
  const resource = right.resource?.[0]
  const event = {
    name, rpc, purpose: def.purpose[0], kind: def.kind[0].toLowerCase(),
    authentication: def.authentication?.[0] ?? 'REQUIRED',
    right: {
      actions: right.actions ?? [], self: right.self?.[0] === 'true', public: right.public?.[0] === 'true',
      subscribed: right.subscribed?.[0],
      resource: resource && { type: resource.type[0], idKey: resource.id_key?.[0] },
    },
    causes: def.causes ?? [],
    payload: messageOf(contract, rpc.payload), reply: messageOf(contract, rpc.reply),
  }
  event.caused = event.causes.map(name => serverEventOf(contract, name)).filter(Boolean)
  return { domain, event }
}

const SCALARS = { string: 'text', int32: 'int', int64: 'int', uint32: 'int', uint64: 'int', double: 'double', float: 'double', bool: 'bool' }

/** A server event of the contract. */
function serverEventOf(contract, name) {
  const event = contract.serverEvents.get(name)
  return event && { name, scope: event.scope, durable: event.durable, exceptSender: event.exceptSender, message: messageOf(contract, event.message.name) }
}

/** A message of the contract; nothing when there is none of this name. */
export function messageOf(contract, name) {
  const message = contract.messages.get(name)?.message
  if (!message) return
  return {
    name,
    enums: message.enums,
    fields: message.fields.map(({ name: fieldName, type, repeated, rule, default: value }) => field(jsonName(fieldName), {
      name: fieldName, type, repeated, required: rule.required === 'true', default: value, rule: numbers(rule),
      kind: SCALARS[type] ?? (enumValues(contract, message, type) ? 'enum' : 'message'),
      values: enumValues(contract, message, type),
    })),
  }
}

function numbers(rule) {
  return Object.fromEntries(Object.entries(rule).map(([name, value]) =>
    [name, /^-?[\d.]+$/.test(value) && name !== 'pattern' ? Number(value) : value === 'true' ? true : value]))
}

function enumValues(contract, message, type) {
  const [outer, inner] = type.includes('.') ? type.split('.') : [message.name, type]
  return contract.messages.get(outer)?.message.enums.find(({ name }) => name === inner)?.values
}
