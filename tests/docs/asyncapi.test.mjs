// docs/asyncapi.json is an AsyncAPI document to the official parser, its examples keep its
// own schemas, and it says all that the contract says.

import assert from 'node:assert/strict'
import { readFileSync, readdirSync } from 'node:fs'
import { before, describe, it } from 'node:test'
import { Parser } from '@asyncapi/parser'
import Ajv from 'ajv'
import formats from 'ajv-formats'

const root = new URL('../../', import.meta.url)
const text = readFileSync(new URL('docs/asyncapi.json', root), 'utf8')
const plain = JSON.parse(text)
const contract = readdirSync(new URL('proto/events/', root)).filter(name => name.endsWith('.proto'))
  .map(name => readFileSync(new URL(`proto/events/${name}`, root), 'utf8')).join('\n')
const written = pattern => contract.match(pattern)?.length ?? 0

/** What the parser has to say of a document. */
async function parse(source) {
  const { document, diagnostics } = await new Parser().parse(source)
  return { document, problems: diagnostics.map(found => `${found.path.join('/')}: ${found.message}`) }
}

/** The examples of messages and schemas that break a schema, which the parser does not look at. */
function brokenExamples(source) {
  const ajv = new Ajv({ allErrors: true, strict: false })
  formats(ajv)
  ajv.addSchema(source, 'document')
  const pointer = parts => `document#/${parts.map(part => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1'))).join('/')}`
  const broken = []
  let count = 0
  const hold = (parts, value) => {
    count++
    const holds = ajv.getSchema(pointer(parts))
    if (!holds(value)) broken.push(`${parts.join('/')}: ${ajv.errorsText(holds.errors)}`)
  }
  for (const [name, message] of Object.entries(source.components.messages)) {
    for (const { payload } of message.examples) hold(['components', 'messages', name, 'payload'], payload)
  }
  const look = (schema, parts) => {
    for (const example of schema.examples ?? []) hold(parts, example)
    for (const [name, inner] of Object.entries(schema.properties ?? {})) look(inner, [...parts, 'properties', name])
    if (schema.items) look(schema.items, [...parts, 'items'])
  }
  for (const [name, schema] of Object.entries(source.components.schemas)) look(schema, ['components', 'schemas', name])
  return { broken, count }
}

describe('docs/asyncapi.json', () => {
  let document
  before(async () => {
    document = (await parse(text)).document
  })

  it('passes the official parser without an error or a warning', async () => {
    assert.deepEqual((await parse(text)).problems, [])
  })

  it('has each event of the contract', t => {
    const operations = document.operations().all()
    const received = operations.filter(operation => operation.isReceive())
    const sent = operations.filter(operation => operation.isSend())
    assert.equal(received.length, written(/^ +option \(client_event\)/gm))
    assert.equal(sent.length, written(/^ +option \(server_event\)/gm))
    const planned = operations.filter(operation => operation.json()['x-planned'])
    assert.equal(planned.length, written(/^ +planned: true/gm))
    t.diagnostic(`AsyncAPI ${document.version()}: ${document.servers().all().length} servers, ` +
      `${document.channels().all().length} channels, ${received.length} client events, ${sent.length} server events, ` +
      `${planned.length} of them planned`)
  })

  it('answers each client event with its reply or a refusal', () => {
    for (const operation of document.operations().filterByReceive()) {
      const answers = operation.reply().messages().all().map(message => message.id())
      assert.deepEqual(answers, [`${operation.id()}.reply`, 'refusal'])
    }
  })

  it('says right, limit and refusals of each client event', () => {
    for (const operation of document.operations().filterByReceive()) {
      const said = operation.json()
      assert.match(said['x-right'].kind, /^(actions|self|subscribed|public)$/, operation.id())
      assert.equal(said['x-right'].kind === 'actions', said['x-right'].actions?.length > 0, operation.id())
      assert.ok(said['x-rate-limit'].limit > 0, operation.id())
      const codes = plain.components.schemas['error.code'].enum
      for (const { code, when } of said['x-errors']) assert.ok(codes.includes(code) && when.length > 0, operation.id())
      assert.equal(operation.security().length > 0, said['x-authentication'] === 'REQUIRED', operation.id())
    }
  })

  it('says scope and delivery of each server event', () => {
    for (const operation of document.operations().filterBySend()) {
      const said = operation.json()
      assert.match(said['x-scope'], /^(ROOM|COMMUNITY|MEMBERS|USER|SESSION|CONTACTS|GLOBAL)$/)
      assert.equal(typeof said['x-durable'], 'boolean')
      if (said['x-trigger'] === 'CLIENT_EVENT') assert.ok(said['x-caused-by'].length > 0, operation.id())
    }
  })

  it('has an example of each message, and each example keeps its schema', t => {
    const messages = Object.entries(plain.components.messages)
    for (const [name, message] of messages) assert.equal(message.examples.length, 1, name)
    const { broken, count } = brokenExamples(plain)
    assert.deepEqual(broken, [])
    t.diagnostic(`${messages.length} messages, ${Object.keys(plain.components.schemas).length} schemas, ${count} examples`)
  })

  it('lets nothing unknown into the payload of a client event', () => {
    const schema = reference => plain.components.schemas[reference.split('/').pop()]
    const seen = new Set()
    const check = reference => {
      if (seen.has(reference)) return
      seen.add(reference)
      const found = schema(reference)
      assert.equal(found.additionalProperties, false, reference)
      for (const [, inner] of JSON.stringify(found).matchAll(/"\$ref":"([^"]+)"/g)) check(inner)
    }
    for (const operation of document.operations().filterByReceive()) {
      for (const [, found] of JSON.stringify(plain.components.messages[operation.id()].payload).matchAll(/"\$ref":"([^"]+)"/g)) check(found)
    }
  })
})

// Judges that find nothing would pass everything above.
describe('a fault is found:', () => {
  const copyWith = change => {
    const copy = structuredClone(plain)
    change(copy)
    return copy
  }
  for (const [what, change] of [
    ['an example that breaks a rule', ({ components }) => { components.messages.SEND_MESSAGE.examples[0].payload.content = '' }],
    ['an example with an unknown member', ({ components }) => { components.messages.SEND_MESSAGE.examples[0].payload.more = 1 }],
    ['an example of a server event without its seq', ({ components }) => { delete components.messages.MESSAGE_CREATED.examples[0].payload.seq }],
    ['an example of a field', ({ components }) => { components.schemas.SendMessage.properties.content.examples = [1] }],
  ]) {
    it(what, () => assert.equal(brokenExamples(copyWith(change)).broken.length, 1))
  }
  for (const [what, change, found] of [
    ['a reply that is not there', copy => { delete copy.components.messages['SEND_MESSAGE.reply'] }, /reply/],
    ['an action that is none', copy => { copy.operations.SEND_MESSAGE.action = 'emit' }, /action/],
    ['a channel without its server', copy => { delete copy.servers.json }, /server/],
  ]) {
    it(what, async () => {
      const { problems } = await parse(JSON.stringify(copyWith(change)))
      assert.ok(problems.some(line => found.test(line)), problems.join('\n'))
    })
  }
})
