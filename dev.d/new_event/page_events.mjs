// One event of a page: its `**…:**` lines, its payload, and what its decorators say.

import { ERRORS, NO_STREAM, RATE } from './model.mjs'
import { blocksOf, find, labels, prose } from './markdown.mjs'
import { camel, EVENT_NAME, eventNameFault, nearest, sentence } from './words.mjs'

const READS = /^(GET|LIST|FETCH|READ|SEARCH|FIND|LOAD|QUERY)_/
/** What the system itself sends; a page's handlers mention it, nobody declares it. */
const SYSTEM = new Set(['ERROR', 'CONNECTION_SUCCESS', 'CONNECTION_ERROR'])

export function clientEventOf(section, page) {
  const { at, findings } = page, said = labels(section)
  const name = nameOf(section, said, page)
  const code = handlerCode(section)
  const event = {
    name, at: at(section.line), purpose: purposeOf(section, said, page),
    authentication: authenticationOf(section, said, page), causes: causesOf(name, said, code, page),
  }
  event.kind = kindOf(event, said, section, page)
  checkSubscription(name, code, page)
  event.payload = payloadOf(section, camel(name), /Payload$/, page)
  event.right = rightOf(event, section, said, code, page)
  event.rate = rateOf(event, said, section, code, page)
  event.reply = replyOf(section, name, page)
  event.errors = errorsOf(section)
  return event
}

function nameOf(section, said, { at, findings }) {
  const name = section.title.replace(/`/g, '').trim(), label = said.get('event')
  const fault = eventNameFault(name)
  if (/^\[/.test(name)) findings.error(at(section.line), `the placeholder ${name} is not filled in`)
  else if (fault) findings.error(at(section.line), fault)
  if (!label) findings.error(at(section.line), `${name}: there is no '**Event:**' line`)
  else if (label.value !== name) findings.error(at(label.line), `**Event:** says ${label.value}, the heading ${name}`)
  return EVENT_NAME.test(name) ? name : 'UNNAMED'
}

function purposeOf(section, said, { at, findings }) {
  const purpose = said.get('purpose')
  if (!purpose?.value || /^\[/.test(purpose.value)) findings.error(at(purpose?.line ?? section.line), `${section.title}: **Purpose:** is not filled in`)
  return sentence((purpose?.value ?? '').replace(/`/g, ''))
}

function authenticationOf(section, said, { at, findings }) {
  const label = said.get('authentication')
  const word = /^[`*]?(required|optional|none)\b/i.exec(label?.value ?? '')?.[1]
  if (!word) findings.error(at(label?.line ?? section.line), `${section.title}: **Authentication:** is one of Required, Optional, None`)
  return (word ?? 'required').toUpperCase()
}

/** Code of the handler, each line with its number; comments are gone. */
function handlerCode(section) {
  return blocksOf(find(section, /^handler/i)).flatMap(({ line, lines }) =>
    lines.map((text, i) => ({ line: line + i, text: text.replace(/(^|\s)\/\/.*$/, '') })))
}

function decorator(code, name) {
  const first = code.findIndex(({ text }) => text.includes(`@${name}(`))
  if (first < 0) return
  let text = ''
  for (let i = first; i < code.length; i++) {
    text += code[i].text + '\n'
    const inside = text.slice(text.indexOf(`@${name}(`) + name.length + 2)
    const end = closing(inside)
    if (end >= 0) return { line: code[first].line, inside: inside.slice(0, end) }
  }
  return { line: code[first].line, inside: '' }
}

function closing(text) {
  let depth = 1
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '(') depth++
    if (text[i] === ')' && --depth === 0) return i
  }
  return -1
}

function checkSubscription(name, code, { at, findings }) {
  const found = decorator(code, 'SubscribeMessage')
  const subscribed = /ClientEvents\.(\w+)|['"](\w+)['"]/.exec(found?.inside ?? '')
  if (found && (subscribed?.[1] ?? subscribed?.[2]) !== name) findings.error(at(found.line), `@SubscribeMessage(${found.inside.trim()}) stands at ${name}`)
}

/** What the handler sends, and what a **Causes:** line says. */
function causesOf(name, said, code, { at, findings, contract, serverNames }) {
  const causes = []
  const add = (cause, line) => {
    if (SYSTEM.has(cause) || causes.includes(cause)) return
    if (serverNames.has(cause) || contract.serverEvents.has(cause)) return void causes.push(cause)
    const near = nearest(cause, [...serverNames, ...contract.serverEvents.keys()])
    findings.error(at(line), `${name} sends ${cause}, which is described neither on this page nor in the contract${near ? `; is it ${near}?` : ''}`)
  }
  for (const { line, text } of code) {
    for (const [, cause] of text.matchAll(/\bServerEvents\.(\w+)/g)) add(cause, line)
  }
  const label = said.get('causes')
  for (const [cause] of label?.value.matchAll(/\b[A-Z][A-Z0-9]*(_[A-Z0-9]+)*\b/g) ?? []) add(cause, label.line)
  return causes
}

function kindOf({ name }, said, section, { at, findings }) {
  const label = said.get('kind'), word = /^[`*]?(change|read|ephemeral)\b/i.exec(label?.value ?? '')?.[1]?.toLowerCase()
  if (label && !word) findings.error(at(label.line), `${name}: **Kind:** is one of change, read, ephemeral`)
  if (word) return word
  const kind = READS.test(name) ? 'read' : 'change'
  if (!label) findings.note(at(section.line), `${name}: taken as a ${kind}; a line '**Kind:** change | read | ephemeral' says it`)
  return kind
}

function payloadOf(section, name, ending, page, leaveOut) {
  const { at, findings, types } = page, part = find(section, /^payload/i)
  const declared = part?.declared ?? []
  const chosen = declared.find(declaration => ending.test(declaration)) ?? (declared.length === 1 ? declared[0] : undefined)
  if (chosen) return types.message(name, types.declared.get(chosen), leaveOut)
  if (!part) findings.error(at(section.line), `${section.title}: there is no '##### Payload Structure'`)
  else if (declared.length > 1) findings.error(at(part.line), `${section.title}: which of ${declared.join(', ')} is the payload? Its name ends in Payload`)
  else if (blocksOf(part).length > 0 || !/\b(no payload|none|empty)\b/i.test(part.lines.map(({ text }) => text).join(' '))) {
    findings.error(at(part.line), `${section.title}: no payload could be read; write an interface, or the words 'No payload'`)
  }
  return { name, fields: [], enums: [], at: at(section.line) }
}

function replyOf(section, name, { at, types, findings }) {
  const part = find(section, /^(reply|response)/i)
  if (!part) return
  const chosen = part.declared?.find(declared => /(Reply|Response|Ack|Result)$/.test(declared)) ?? (part.declared?.length === 1 ? part.declared[0] : undefined)
  if (!chosen) return void findings.error(at(part.line), `${name}: no reply could be read; its interface's name ends in Reply`)
  return types.message(camel(name) + 'Reply', types.declared.get(chosen))
}

/** `NOT_FOUND`: when; of those that an event's own function gives. */
function errorsOf(section) {
  const pattern = new RegExp(`^\\s*[-*|]\\s*\`?(${ERRORS.join('|')})\`?\\s*[:|]\\s*(.+?)\\s*\\|?$`)
  return (find(section, /^errors/i)?.lines ?? []).map(({ text }) => pattern.exec(text)).filter(Boolean)
    .map(([, code, when]) => ({ code, when: sentence(when) }))
}

const NONE = /^(none|no|n\/a|-|—|–|not required|\(none\))?\b/i

/** Decorators and the **RBAC Required:** line say the same, or one of them says it. */
function rightOf(event, section, said, code, page) {
  const { at, findings } = page, label = said.get('rbac required') ?? said.get('rbac')
  const required = decorator(code, 'RequiredActions'), resource = decorator(code, 'RbacResource')
  const named = names(label?.value ?? '', EVENT_NAME), decorated = required ? names(required.inside.replace(/RbacActions\./g, '')) : []
  const where = required?.line ?? label?.line ?? section.line
  if (/\[[A-Z_]+\]/.test(`${label?.value} ${required?.inside}`)) findings.error(at(where), `${event.name}: the placeholder of its right is not filled in`)
  if (required && named.length > 0 && String(named) !== String(decorated)) {
    findings.error(at(where), `${event.name}: **RBAC Required:** says ${named.join(', ')}, @RequiredActions says ${decorated.join(', ')}`)
  }
  const actions = decorated.length > 0 ? decorated : named
  if (actions.length === 0) return withoutActions(event, section, label, resource, page)
  return { at: at(where), actions, resource: resourceOf(event, resource ?? labelled(said.get('resource')), where, page) }
}

function names(text) {
  return [...text.matchAll(/\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b|\bANNOUNCE\b/g)].map(([name]) => name)
}

/** **Resource:** type `ROOM`, idKey `roomId`, source `PAYLOAD` */
function labelled(label) {
  const said = name => new RegExp(`\\b${name}\\W+([\\w.]+)`, 'i').exec(label?.value ?? '')?.[1]
  const type = said('type'), idKey = said('idKey'), source = said('source')
  return type && { line: label.line, inside: `type: X.${type}, ${idKey ? `idKey: '${idKey}',` : ''} ${source ? `source: X.${source}` : ''}` }
}

function withoutActions(event, section, label, resource, { at, findings }) {
  if (label && !NONE.test(label.value) && !/self|subscri|public/i.test(label.value)) {
    findings.error(at(label.line), `${event.name}: **RBAC Required:** ${label.value} names no action; write one like SEND_MESSAGE, or None`)
  }
  if (resource) findings.error(at(resource.line), `${event.name}: @RbacResource says on what, but no action is required: name one in @RequiredActions`)
  const line = at(label?.line ?? section.line)
  if (/public/i.test(label?.value ?? '') || event.authentication !== 'REQUIRED') return { actions: [], public: true }
  if (/subscri/i.test(label?.value ?? '') || (event.kind === 'ephemeral' && event.payload.fields.some(({ json }) => json === 'roomId'))) {
    findings.note(line, `${event.name}: the session must be listening to the room of its roomId`)
    return { actions: [], subscribed: 'roomId' }
  }
  if (!/self/i.test(label?.value ?? '')) findings.note(line, `${event.name}: no right is required, so it may act on the caller's own data only (self)`)
  return { actions: [], self: true }
}

function resourceOf(event, resource, where, { at, findings, contract }) {
  if (!resource) {
    findings.error(at(where), `${event.name}: there is no @RbacResource({ type, idKey, source }), which says on what the right is needed`)
    return { type: 'ROOM', idKey: undefined }
  }
  const type = /\btype:\s*(?:\w+\.)?['"]?(\w+)/.exec(resource.inside)?.[1]
  const idKey = /\bidKey:\s*['"]([^'"]*)['"]/.exec(resource.inside)?.[1]
  const source = /\bsource:\s*(?:\w+\.)?['"]?(\w+)/.exec(resource.inside)?.[1] ?? 'PAYLOAD'
  if (!type || /\[/.test(resource.inside)) findings.error(at(resource.line), `${event.name}: @RbacResource is not filled in`)
  if (!contract.sources.includes(source)) findings.error(at(resource.line), `${event.name}: ${source} is no source; there are ${contract.sources.join(', ')}`)
  if (type !== 'INSTANCE' && !idKey) findings.error(at(resource.line), `${event.name}: @RbacResource needs an idKey, the member of the payload that names the ${type?.toLowerCase()}`)
  if (type === 'INSTANCE' && idKey) findings.error(at(resource.line), `${event.name}: there is one INSTANCE, it has no idKey`)
  return { type: type ?? 'ROOM', idKey, source }
}

function rateOf({ name }, said, section, code, { at, findings, rates }) {
  const label = said.get('throttle') ?? said.get('rate limit')
  const found = rates.of(name) ?? rates.decorated(decorator(code, 'Throttle')) ?? (label && rates.worded(label.value))
  if (label && !found) findings.error(at(label.line), `${name}: '${label.value}' is no limit: write it like '5 requests per 60 seconds'`)
  if (!found) findings.note(at(section.line), `${name}: no throttle was given: ${RATE.limit} in ${RATE.perSeconds} seconds`)
  return found ?? RATE
}

// --- server events

/** The narrower ones first; their words may mention the wider ones. */
const SCOPES = [
  ['session', /^\W*session|this session/i], ['contacts', /^\W*contacts?\b|everybody who shares/i], ['members', /^\W*members?\b|member list/i],
  ['global', /^\W*(global|broadcast|everyone|all clients)/i], ['community', /^\W*community/i], ['room', /^\W*rooms?\b/i], ['user', /^\W*users?\b/i],
]
const TRIGGERS = [
  ['TIMER', /\b(timer|timeout|expir\w+|schedule\w*|cron|every \d+|deadline)\b/i],
  ['LIFECYCLE', /\b(connect\w*|disconnect\w*|drain\w*)\b/i],
  ['SERVICE', /\b(service|webhook|external|worker|HTTP API|publish\w*)\b/i],
]

export function serverEventOf(section, page) {
  const { at, findings } = page, said = labels(section), name = nameOf(section, said, page)
  const scope = scopeOf(name, section, said, page)
  const event = {
    name, scope, at: at(section.line), purpose: purposeOf(section, said, page),
    exceptSender: /except|not the sender|other(s| members| clients)? in/i.test(said.get('scope')?.value ?? ''),
    ...triggerOf(name, section, said, page), ...deliveryOf(name, scope, section, said, page),
    handling: handlingOf(name, section, page),
  }
  if (event.exceptSender && event.durable) findings.error(at(said.get('scope').line), `${name}: a durable event goes to everyone; say '**Delivery:** ephemeral' to leave the sender out`)
  const carried = event.durable ? ['timestamp', 'seq', 'stream', 'cursor'] : ['timestamp']
  event.message = payloadOf(section, camel(name), /Payload$/, page, member => {
    if (!carried.includes(member.name)) return false
    findings.note(at(member.line), `${member.name}: every server event carries it by itself, so it is not in the contract's payload`)
    return true
  })
  // limits are for what clients send
  for (const field of event.message.fields) if (field.repeated) field.required = false
  return event
}

function scopeOf(name, section, said, { at, findings }) {
  const label = said.get('scope'), value = label?.value ?? ''
  const scope = SCOPES.find(([, pattern]) => pattern.test(value))?.[0]
  if (!scope || /\|/.test(value)) {
    findings.error(at(label?.line ?? section.line), `${name}: **Scope:** is one of User-specific, Room-specific, Community-specific, Global broadcast (or members, contacts, session)`)
  }
  checkEmission(name, scope, section, { at, findings })
  return scope ?? 'user'
}

/** The words beside the code that shows how it is handled. */
function handlingOf(name, section, { at, findings }) {
  const part = find(section, /^frontend handling/i), words = part ? sentence(prose(part)) : ''
  if (words && !/^\[/.test(words)) return words
  findings.note(at(part?.line ?? section.line), `${name}: 'Frontend Handling' has no words on what a client does with it; the documents will say "Show what it says."`)
  return 'Show what it says.'
}

/** The example of sending it goes where **Scope:** says. */
function checkEmission(name, scope, section, { at, findings }) {
  const calls = { sendToRoom: ['room', 'community', 'members'], sendToUser: ['user', 'session'], broadcast: ['global', 'contacts'] }
  const found = new Map()
  for (const { line, lines } of blocksOf(find(section, /^backend emission/i))) {
    lines.forEach((text, i) => {
      const call = /\.(sendToRoom|sendToUser|broadcast)\(/.exec(text)?.[1]
      if (call) found.set(call, line + i)
    })
  }
  const [[call, line] = []] = found
  if (found.size === 1 && scope && !calls[call].includes(scope)) findings.error(at(line), `${name}: ${call}() does not fit its **Scope:** (${scope})`)
}

function triggerOf(name, section, said, { at, findings }) {
  const label = said.get('trigger'), value = label?.value ?? ''
  const line = at(label?.line ?? section.line)
  const triggers = /^[A-Z][A-Z0-9]*$/.test(value) ? [value] : [...value.matchAll(/\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b|(?<=`)[A-Z][A-Z0-9]*(?=`)/g)].map(([word]) => word)
  if (triggers.length > 0) return { triggers, triggerAt: line, trigger: 'CLIENT_EVENT' }
  const trigger = TRIGGERS.find(([, pattern]) => pattern.test(value))?.[0]
  if (!trigger) findings.error(line, `${name}: **Trigger:** names no client event, nor a timer, a service or the connection's lifecycle`)
  else if (label) findings.note(line, `${name}: taken as ${trigger} for its trigger`)
  return { triggers, triggerAt: line, trigger: trigger ?? 'SERVICE' }
}

function deliveryOf(name, scope, section, said, { at, findings }) {
  const label = said.get('delivery') ?? said.get('durable'), text = `${label?.value ?? ''} ${said.get('scope')?.value ?? ''}`
  const word = /\b(durable|ephemeral)\b/i.exec(text)?.[1].toLowerCase() ?? { yes: 'durable', no: 'ephemeral' }[label?.value.toLowerCase()]
  if (label && !word) findings.error(at(label.line), `${name}: **Delivery:** is durable or ephemeral`)
  if (word === 'durable' && NO_STREAM.includes(scope)) findings.error(at(label?.line ?? section.line), `${name}: the scope ${scope} has no stream to number its events, they are ephemeral`)
  const durable = word ? word === 'durable' : !NO_STREAM.includes(scope)
  if (!word) findings.note(at(section.line), `${name}: taken as ${durable ? 'durable' : 'ephemeral'}; a line '**Delivery:** durable | ephemeral' says it`)
  return { durable, deliverySaid: Boolean(word) }
}
