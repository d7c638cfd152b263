// Flags of one event into what is to be added. What is not said has a safe default.

import { ERRORS, field, Findings, KINDS, NO_STREAM, ownStream, RATE, SCOPES } from './model.mjs'
import { camel, DOMAIN_NAME, eventNameFault, MEMBER_NAME, Refusal, sentence, snake } from './words.mjs'

export const USAGE = `./dev new-event DOMAIN NAME [flags]: adds a client event; its test then says what to write
./dev new-event --from PAGE.md: the same for every event of a page in the documents' own form

  DOMAIN                 a domain of proto/events, or a new one
  NAME                   such as CREATE_POLL; one that the contract has as planned is built as it
                         is written there, without flags
  --purpose TEXT         one sentence
  --kind KIND            change (default), read or ephemeral

  --right ACTION         what the caller must be allowed to do; again for more
  --resource TYPE        on which community, room, message or instance (room)
  --id-key MEMBER        the payload's member that names it (roomId, communityId, messageId)
  --self                 no right needed: it acts on the caller's own data (default)
  --subscribed           ephemeral: the session must be listening to the room
  --public               anybody may send it

  --rate N/S             so many in S seconds (${RATE.limit}/${RATE.perSeconds})
  --field SPEC           a member of the payload; again for more
  --reply-field SPEC     a member of the reply (default: what it published, and its seq)
  --error CODE:WHEN      a refusal of its own: ${ERRORS.join(', ')}; again for more
  --causes SERVER_EVENT  what others hear; a new one unless the contract has it; again for more
    --scope SCOPE        of the one before: ${SCOPES.join(', ')}
    --ephemeral          of the one before: not numbered, not stored
    --handling TEXT      of the one before: what a client does with it
    --event-field SPEC   of the one before: a member (default: those of the payload, and userId)

SPEC is name:type[:rule…]. Types: string int long double bool uuid time url, A|B|C for one of
some words, and [] behind it for a list. Rules: optional, max=2000 (characters, or the largest
number), min=1, items=2-10, visible (not only white space), default=5; what is left is the
description:
  --field question:string:max=300:"What is asked." --field options:string[]:items=2-10:max=100
`

/** name → how many values follow */
const FLAGS = {
  '--purpose': 1, '--kind': 1, '--right': 1, '--resource': 1, '--id-key': 1, '--self': 0,
  '--subscribed': 0, '--public': 0, '--rate': 1, '--field': 1, '--reply-field': 1, '--error': 1, '--causes': 1,
  '--scope': 1, '--ephemeral': 0, '--handling': 1, '--event-field': 1, '--from': 1,
}

/** Flags in order: [name, value]; words without one come as ['', word]. */
export function readFlags(words) {
  const flags = []
  for (let i = 0; i < words.length; i++) {
    const name = words[i]
    if (!name.startsWith('-')) {
      flags.push(['', name])
    } else if (!(name in FLAGS)) {
      throw new Refusal(`new-event does not know '${name}'; see ./dev new-event --help`)
    } else if (FLAGS[name] === 0) {
      flags.push([name, true])
    } else {
      if (words[i + 1] === undefined || words[i + 1].startsWith('--')) throw new Refusal(`${name} needs a value`)
      flags.push([name, words[++i]])
    }
  }
  return flags
}

export function additionOfFlags(flags, contract) {
  const findings = new Findings()
  const [domain, name, ...rest] = flags.filter(([flag]) => flag === '').map(([, word]) => word)
  if (!domain || !name) throw new Refusal('new-event needs a domain and a name; see ./dev new-event --help')
  if (rest.length > 0) throw new Refusal(`what is '${rest[0]}'? See ./dev new-event --help`)
  if (!DOMAIN_NAME.test(domain)) findings.error('', `'${domain}' is no domain's name: write it like polls`)
  const fault = eventNameFault(name)
  if (fault) findings.error('', fault)
  findings.refuse()
  const event = eventOf(name, flags, findings)
  const serverEvents = causedBy(event, flags, contract, findings)
  findings.refuse()
  return {
    domain: { name: domain, namespace: contract.domains.get(domain)?.namespace ?? '/', overview: `The events of ${domain}.`, flows: [], troubles: [] },
    clientEvents: [event], serverEvents, parts: [], findings,
  }
}

const ID_KEYS = { ROOM: 'roomId', COMMUNITY: 'communityId', MESSAGE: 'messageId', INSTANCE: undefined }

function eventOf(name, flags, findings) {
  const all = flag => flags.filter(([name]) => name === flag).map(([, value]) => value)
  const last = flag => all(flag).at(-1)
  const kind = last('--kind') ?? 'change'
  if (!KINDS.includes(kind)) findings.error('', `--kind takes one of ${KINDS.join(', ')}, not '${kind}'`)
  const payload = { name: camel(name), fields: fieldsOf(all('--field'), '--field', findings), enums: [] }
  const event = {
    name, kind, payload, purpose: last('--purpose') ?? `Say here what ${name} is for.`,
    authentication: all('--public').length > 0 ? 'OPTIONAL' : 'REQUIRED',
    right: rightOf(all, last, kind, findings), rate: rateOf(last('--rate'), findings),
    causes: [...new Set(all('--causes'))], errors: all('--error').map(text => errorOf(text, findings)),
  }
  const key = event.right.resource?.idKey ?? event.right.subscribed
  if (key && !key.includes('.') && !payload.fields.some(field => field.json === key)) {
    payload.fields.unshift(field(key, { name: snake(key), rule: { format: 'UUID' } }))
  }
  const reply = fieldsOf(all('--reply-field'), '--reply-field', findings)
  if (reply.length > 0) event.reply = { name: camel(name) + 'Reply', fields: reply, enums: [] }
  for (const message of [payload, event.reply].filter(Boolean)) nameEnums(message)
  return event
}

function rightOf(all, last, kind, findings) {
  const actions = all('--right')
  const kinds = [actions.length > 0, all('--self').length > 0, all('--subscribed').length > 0, all('--public').length > 0]
  if (kinds.filter(Boolean).length > 1) findings.error('', 'one kind of right is enough: --right, --self, --subscribed or --public')
  if (kinds[2] && kind !== 'ephemeral') findings.error('', '--subscribed is for --kind ephemeral')
  if (kinds[2]) return { actions: [], subscribed: last('--id-key') ?? 'roomId' }
  if (kinds[3]) return { actions: [], public: true }
  if (!kinds[0]) {
    if (last('--resource')) findings.error('', '--resource goes with --right')
    return { actions: [], self: true }
  }
  const type = (last('--resource') ?? 'room').toUpperCase()
  const idKey = type === 'INSTANCE' ? last('--id-key') : last('--id-key') ?? ID_KEYS[type]
  return { actions, resource: { type, idKey } }
}

function errorOf(text, findings) {
  const [, code, when] = /^([A-Z_]+):\s*(.+)$/.exec(text) ?? []
  if (!ERRORS.includes(code)) findings.error('', `--error takes CODE:WHEN with one of ${ERRORS.join(', ')}, not '${text}'`)
  return { code, when: sentence(when ?? '') }
}

function rateOf(text, findings) {
  if (text === undefined) return RATE
  const match = /^(\d{1,6})\/(\d{1,6})$/.exec(text)
  if (!match || match[1] === '0' || match[2] === '0') findings.error('', `--rate takes how many in how many seconds, such as 10/60, not '${text}'`)
  return { limit: Number(match?.[1]), perSeconds: Number(match?.[2]) }
}

/** --scope, --ephemeral, --handling and --event-field speak of the --causes before them. */
function causedBy(event, flags, contract, findings) {
  const caused = new Map()
  let current
  for (const [flag, value] of flags) {
    if (flag === '--causes') {
      const fault = eventNameFault(value)
      if (fault) findings.error('', fault)
      caused.set(value, current = caused.get(value) ?? { name: value, specs: [] })
    }
    if (!['--scope', '--ephemeral', '--handling', '--event-field'].includes(flag)) continue
    if (!current) findings.error('', `${flag} comes behind the --causes that it is about`)
    else if (contract.serverEvents.has(current.name)) findings.error('', `${current.name} is in the contract already: its scope and members are known`)
    else if (flag === '--scope') current.scope = value
    else if (flag === '--ephemeral') current.ephemeral = true
    else if (flag === '--handling') current.handling = sentence(value)
    else current.specs.push(value)
  }
  return [...caused.values()].filter(({ name }) => !contract.serverEvents.has(name))
    .map(server => serverEvent(server, event, findings))
}

function serverEvent({ name, scope, ephemeral, handling, specs }, event, findings) {
  scope ??= event.right.subscribed ? 'room' : ownStream(event.right)
  if (!SCOPES.includes(scope)) findings.error('', `--scope takes one of ${SCOPES.join(', ')}, not '${scope}'`)
  const fields = specs.length > 0 ? fieldsOf(specs, '--event-field', findings) : [
    ...event.payload.fields.filter(({ json }) => json !== 'clientId').map(field => ({ ...field, default: undefined })),
    field('userId', { name: 'user_id', rule: { format: 'UUID' }, description: 'Who did it.' }),
  ]
  const message = { name: camel(name), fields, enums: [] }
  if (specs.length > 0) nameEnums(message)
  else qualifyEnums(message, event.payload)
  return {
    name, scope, durable: event.kind === 'change' && !ephemeral && !NO_STREAM.includes(scope), trigger: 'CLIENT_EVENT',
    purpose: `${event.name} was done.`, handling: handling ?? 'Show what it says.', message,
  }
}

const TYPES = {
  string: {}, int: { kind: 'int', type: 'int32' }, double: { kind: 'double', type: 'double' },
  long: { kind: 'int', type: 'int64', rule: { json_number: true } }, bool: { kind: 'bool', type: 'bool' },
  uuid: { rule: { format: 'UUID' } }, time: { rule: { format: 'TIMESTAMP' } }, url: { rule: { format: 'URL' } },
}

function fieldsOf(specs, flag, findings) {
  return specs.map(spec => {
    const [json, typeText = '', ...rules] = spec.split(':')
    const repeated = typeText.endsWith('[]'), word = repeated ? typeText.slice(0, -2) : typeText
    const values = /^[A-Za-z_]\w*(\|[A-Za-z_]\w*)+$/.test(word) ? word.split('|') : undefined
    if (!MEMBER_NAME.test(json)) findings.error('', `${flag} ${spec}: '${json}' is no member's name: write it like roomId`)
    if (!values && !(word in TYPES)) findings.error('', `${flag} ${spec}: '${word}' is no type; there are ${Object.keys(TYPES).join(' ')} and A|B`)
    const made = field(json, { name: snake(json), repeated, ...(values ? { kind: 'enum', values } : TYPES[word]) })
    made.rule = { ...made.rule }
    for (const rule of rules) addRule(made, rule, `${flag} ${spec}`, findings)
    return made
  })
}

function addRule(field, text, at, findings) {
  const [, name, value] = /^(max|min|items|default)=(.*)$/.exec(text) ?? []
  const suffix = field.kind === 'text' ? '_length' : ''
  const number = () => /^-?\d+(\.\d+)?$/.test(value) ? Number(value) : void findings.error('', `${at}: ${name}= takes a number, not '${value}'`)
  if (text === 'optional') field.required = false
  else if (text === 'visible') field.rule.visible = true
  else if (name === 'max') field.rule['max' + suffix] = number()
  else if (name === 'min') field.rule['min' + suffix] = number()
  else if (name === 'default') Object.assign(field, { default: value, required: false })
  else if (name === 'items') {
    const [, least, most] = /^(?:(\d+)-)?(\d+)$/.exec(value) ?? findings.error('', `${at}: items= takes 10 or 2-10, not '${value}'`) ?? []
    if (least) field.rule.min_items = Number(least)
    field.rule.max_items = Number(most)
  } else field.description = text
}

/** Enums are called after their member, in the message where they stand. */
function nameEnums(message) {
  for (const field of message.fields.filter(({ kind }) => kind === 'enum')) {
    field.type = field.json[0].toUpperCase() + field.json.slice(1)
    message.enums.push({ name: field.type, values: field.values })
  }
}
function qualifyEnums(message, owner) {
  for (const field of message.fields.filter(({ kind }) => kind === 'enum')) field.type = `${owner.name}.${field.json[0].toUpperCase() + field.json.slice(1)}`
}
