// Writes an addition into a contract file: a new one, or at the right places of one that is
// there.

import { camel } from './words.mjs'

const BANNERS = { client: 'client events', server: 'server events', parts: 'parts' }
const banner = name => `// ------------------------------------------------------------------- ${name}\n`

/** The whole text of the domain's contract file. */
export function printContract(addition, contract) {
  const domain = contract.domains.get(addition.domain.name)
  return domain ? extended(domain, addition, contract) : fresh(addition, contract)
}

function fresh({ domain, clientEvents, serverEvents, parts }, contract) {
  const sections = [
    [BANNERS.client, clientEvents.flatMap(event => [event.payload, event.reply]).map(printMessage)],
    [BANNERS.server, serverEvents.map(printServerEvent)],
    [BANNERS.parts, parts.map(printMessage)],
  ]
  return `// ${firstSentence(domain.overview)}
syntax = "proto2";
package belfry;

import "belfry/options.proto";
${imports(domain.name, clientEvents, serverEvents, parts, contract).join('')}
option (domain) = {
  name: ${quote(domain.name)}
${domain.namespace === '/' ? '' : `  namespace: ${quote(domain.namespace)}\n`}  overview: ${quote(domain.overview)}
${domain.flows.map(printFlow).join('')}${domain.troubles.map(printTrouble).join('')}};

service ${camel(domain.name)}Events {
${clientEvents.map(printRpc).join('')}}
${sections.filter(([, messages]) => messages.length > 0).map(([name, messages]) => `\n${banner(name)}\n${messages.join('\n')}`).join('')}`
}

function firstSentence(text) {
  return text.split(/(?<=[.!?])\s/)[0].replace(/\s+/g, ' ')
}

/** Insertions at offsets of the file as it is, done from the last to the first. */
function extended({ text, parsed, name }, addition, contract) {
  const { clientEvents, serverEvents, parts, domain } = addition
  const service = parsed.services.at(-1)
  const insertions = []
  if (service) insertions.push([service.close, clientEvents.map(printRpc).join('')])
  const option = parsed.domain?.value.close
  if (option) insertions.push([option, domain.flows.map(printFlow).join('') + domain.troubles.map(printTrouble).join('')])
  const client = clientEvents.flatMap(event => [event.payload, event.reply]).map(printMessage)
  insertions.push(section(text, [BANNERS.server, BANNERS.parts], client))
  insertions.push(section(text, [BANNERS.parts], serverEvents.map(printServerEvent)))
  insertions.push(section(text, [], parts.map(printMessage)))
  const wanted = imports(name, clientEvents, serverEvents, parts, contract).filter(line => !text.includes(line.trim()))
  if (wanted.length > 0) insertions.push([text.indexOf('\n', text.indexOf('import "belfry/options.proto";')) + 1, wanted.join('')])
  const result = insertions.map((insertion, order) => [...insertion, order]).sort((a, b) => b[0] - a[0] || b[2] - a[2])
    .reduce((all, [at, more]) => all.slice(0, at) + more + all.slice(at), text)
  return service ? result : result.trimEnd() + `\n\nservice ${camel(name)}Events {\n${clientEvents.map(printRpc).join('')}}\n`
}

/** In front of the first of these sections, else at the end. */
function section(text, before, messages) {
  if (messages.length === 0) return [text.length, '']
  for (const name of before) {
    const at = text.search(new RegExp(`^// -+ ${name}$`, 'm'))
    if (at >= 0) return [at, messages.map(message => message + '\n').join('')]
  }
  return [text.length, messages.map(message => '\n' + message).join('')]
}

/** Files of other domains whose messages are used. */
function imports(domain, clientEvents, serverEvents, parts, contract) {
  const messages = [...clientEvents.flatMap(event => [event.payload, event.reply]), ...serverEvents.map(event => event.message), ...parts]
  const own = new Set(messages.map(message => message.name)), files = new Set()
  for (const { type } of messages.flatMap(message => message.fields)) {
    const outer = type.split('.')[0], there = contract.messages.get(outer)
    if (!own.has(outer) && there && there.domain.name !== domain) files.add(there.domain.path.replace(/^proto\//, ''))
  }
  return [...files].sort().map(file => `import ${quote(file)};\n`)
}

function printRpc({ name, purpose, kind, authentication, right, rate, manyStreams, causes, errors, payload, reply }) {
  const lines = [
    `name: ${quote(name)}`,
    `purpose: ${quote(purpose)}`,
    ...(authentication === 'REQUIRED' ? [] : [`authentication: ${authentication}`]),
    `kind: ${kind.toUpperCase()}`,
    `right: ${printRight(right)}`,
    `rate: { limit: ${rate.limit} per_seconds: ${rate.perSeconds}${rate.byConnection ? ' by_connection: true' : ''} }`,
    ...(manyStreams ? ['many_streams: true'] : []),
    ...causes.map(cause => `causes: ${quote(cause)}`),
    ...(errors ?? []).map(({ code, when }) => `errors: { code: ${code} when: ${quote(when)} }`),
  ]
  return `  rpc ${camel(name)}(belfry.${payload.name}) returns (${reply.name}) {
    option (client_event) = {
${lines.map(line => `      ${line}\n`).join('')}    };
  }
`
}

function printRight({ actions, resource, self, subscribed }) {
  if (self) return '{ self: true }'
  if (subscribed) return `{ subscribed: ${quote(subscribed)} }`
  if (actions.length === 0) return '{ public: true }'
  const key = resource.idKey ? ` id_key: ${quote(resource.idKey)}` : ''
  const source = resource.source && resource.source !== 'PAYLOAD' ? ` source: ${resource.source}` : ''
  return `{ ${actions.map(action => `actions: ${action}`).join(' ')}  resource: { type: ${resource.type}${key}${source} } }`
}

function printServerEvent({ name, purpose, scope, durable, trigger, exceptSender, handling, message }) {
  const lines = [
    `name: ${quote(name)}`, `purpose: ${quote(purpose)}`, `scope: ${scope.toUpperCase()}_SCOPE`,
    ...(durable ? ['durable: true'] : []), `trigger: ${trigger}`, ...(exceptSender ? ['except_sender: true'] : []),
    `handling: ${quote(handling)}`,
  ]
  return printMessage(message, `  option (server_event) = {\n${lines.map(line => `    ${line}\n`).join('')}  };\n`)
}

function printMessage(message, option = '') {
  if (typeof option !== 'string') option = '' // called by map()
  if (message.fields.length + message.enums.length === 0 && !option) return `message ${message.name} {}\n`
  return `message ${message.name} {\n${option}${message.enums.map(printEnum).join('')}${numbered(message.fields).map(printField).join('')}}\n`
}

function printEnum({ name, values }) {
  return `  enum ${name} {\n${values.map((value, i) => `    ${value} = ${i + 1};\n`).join('')}  }\n`
}

/** Numbers in order; those that are given are left to their fields. */
function numbered(fields) {
  const given = new Set(fields.map(({ number }) => number).filter(Boolean))
  let next = 0
  return fields.map(field => {
    if (field.number) return field
    do next++
    while (given.has(next))
    return { ...field, number: next }
  }).sort((a, b) => a.number - b.number)
}

const RULES = ['format', 'min_length', 'max_length', 'min', 'max', 'pattern', 'min_items', 'max_items', 'visible', 'as_json', 'json_number']

function printField({ name, type, kind, repeated, required, rule, default: value, description, number }) {
  const words = required ? ['required: true'] : []
  for (const name of RULES.filter(name => rule[name] !== undefined)) {
    words.push(`${name}: ${name === 'pattern' ? quote(rule[name]) : rule[name]}`)
  }
  words.push(`description: ${quote(description)}`)
  const given = value === undefined ? '' : `default = ${kind === 'text' ? quote(value) : value}, `
  return `  ${repeated ? 'repeated' : 'optional'} ${type} ${name} = ${number} [${given}(field) = {${words.join(' ')}}];\n`
}

function printFlow({ title, steps, updates }) {
  return `  flows {\n    title: ${quote(title)}\n${steps.map(step => `    steps: ${quote(step)}\n`).join('')}`
    + `${updates.map(update => `    updates: ${quote(update)}\n`).join('')}  }\n`
}

function printTrouble(trouble) {
  const words = ['symptom', 'cause', 'solution', 'prevention', 'command'].filter(name => trouble[name])
  return `  troubles {\n${words.map(name => `    ${name}: ${quote(trouble[name])}\n`).join('')}  }\n`
}

function quote(text) {
  return `"${text.replace(/[\\"]/g, '\\$&').replace(/\n/g, '\\n')}"`
}

/** The file with `planned: true` gone from an event and from what it causes. */
export function unplanned(domain, event, contract) {
  const texts = new Map([[domain.path, domain.text]])
  const cuts = [{ path: domain.path, list: event.rpc.event.value.planned }]
  for (const cause of event.causes) {
    const server = contract.serverEvents.get(cause)
    if (server?.planned) {
      cuts.push({ path: server.domain.path, list: server.def.planned })
      texts.set(server.domain.path, server.domain.text)
    }
  }
  for (const { path, list } of cuts.sort((a, b) => b.list.start - a.list.start)) {
    const text = texts.get(path)
    texts.set(path, text.slice(0, list.start).replace(/[ \t]*\n?[ \t]*$/, '') + text.slice(list.end))
  }
  return texts
}
