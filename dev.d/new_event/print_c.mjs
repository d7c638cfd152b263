// Writes the C of an event: its handler, and its test.

import { boundFields } from './print_sql.mjs'
import { cMember, cType, lower } from './words.mjs'

// --- handlers

export function printHandlers(text, { domain, clientEvents }) {
  const head = text ?? `/* ${oneLine(domain.overview)}: what each event hands to its SQL function. */
#include "core/request.h"
#include "events.gen.h"
`
  return head + clientEvents.map(event => '\n' + printHandler(event, domain.name)).join('')
}

function oneLine(text) {
  return text.split(/(?<=[.!?])\s/)[0].replace(/\s+/g, ' ').replace(/\.$/, '').replace(/\*\//g, '*|')
}

function printHandler(event, domain) {
  const name = lower(event.name), type = `const ${cType(event.payload.name)} *payload`
  const open = `enum err ${name}(`, first = 'struct request *request'
  const oneLine = `${open}${first}, ${type})`
  const head = oneLine.length <= 90 ? oneLine : `${open}${first},\n${' '.repeat(open.length)}${type})`
  return `${head}\n{\n${event.kind === 'ephemeral' ? ephemeralBody(event, domain) : sqlBody(event)}}\n`
}

function sqlBody(event) {
  const bound = boundFields(event).map(bind)
  const uses = bound.some(line => line.includes('payload'))
  const later = event.caused.filter(({ durable }) => !durable).map(({ name }) => name)
  const note = later.length > 0
    ? `    /* ${later.join(', ')}: ephemeral, so sent from C when the change is committed: set\n     * request->after_commit, as presence does (core/presence/contacts.c). */\n`
    : ''
  return `${uses ? '' : '    (void)payload;\n'}${bound.join('')}${note}    return run_sql(request);\n`
}

function bind({ name, json, kind, type, repeated, required, default: value }) {
  const member = `payload->${cMember(name)}`, always = required || value !== undefined
  if (kind === 'text' && repeated) return `    arg_texts(request, payload->n_${name}, ${member});\n`
  if (kind === 'text') return `    arg_text(request, ${member});\n`
  if (kind === 'int' && !repeated && !type.startsWith('uint64')) {
    return always ? `    arg_int(request, ${member});\n` : `    arg_optional_int(request, payload->has_${name}, ${member});\n`
  }
  if (kind === 'bool' && !repeated && always) return `    arg_bool(request, ${member});\n`
  return `    arg_member(request, "${json}");\n`
}

/** Ephemeral events are answered by C alone. */
function ephemeralBody(event, domain) {
  const [server] = event.caused
  const how = server ? ` make a ${cType(server.message.name)} and return ${sender(server)}` : ''
  return `    (void)payload;
    /* Send what it is about in place of this refusal, as typing() of core/presence does:${how} */
    return refuse(request, ERR_INTERNAL,
                  "not written yet: ${lower(event.name)}() in core/${domain}/${domain}_handlers.c",
                  NULL);
`
}

function sender({ name, scope, exceptSender }) {
  const flags = exceptSender ? 'EXCEPT_SENDER' : 'SEND_TO_ALL'
  const rest = `"${name}", &event.base, ${flags})`
  return { room: `send_to_room(request, room, ${rest}`, community: `send_to_community(request, community, ${rest}`, user: `send_to_user(request, request->actor.user_id, ${rest}` }[scope]
    ?? `broadcast(request, ${rest}`
}

// --- tests

const NOWHERE = '00000000-0000-4000-8000-00000000dead'

export function printTests(text, { domain, clientEvents }) {
  const tests = clientEvents.flatMap(event => [goodCase(event), refusals(event)])
  const cases = tests.map(({ name }) => `        event_case(${name}),\n`).join('')
  const bodies = tests.map(({ body }) => body + '\n').join('')
  if (text === undefined) return freshTest(domain, bodies, cases)
  const main = text.search(/^int main\(/m), list = text.indexOf('\n    };', main)
  return text.slice(0, main) + bodies + text.slice(main, list + 1) + cases + text.slice(list + 1)
}

function freshTest(domain, bodies, cases) {
  return `/* What the events of ${domain.name} do, and what they refuse. */
#include "support/event_test.h"

${bodies}int main(void)
{
    if (!event_test_can_run()) {
        return EVENT_TEST_SKIPPED;
    }
    const struct CMUnitTest tests[] = {
${cases}    };
    return cmocka_run_group_tests_name("events: ${domain.name}", tests, NULL, NULL);
}
`
}

/** It is accepted, and whoever should hears of it. */
function goodCase(event) {
  const name = `${lower(event.name)}_does_what_it_says`
  const { setup, payload, call } = world(event, true)
  const published = event.caused.map(({ name, scope }) => `    assert_published(result, "${name}", ${streamOf(event, scope)});\n`)
  return {
    name,
    body: `static void ${name}(void **state)
{
${setup}${payload}    const struct event_result *result =
        event_test(${call('owner')});
    assert_ok(result);
${published.join('')}}
`,
  }
}

const STREAMS = { room: ['room:%s', 'its_room'], community: ['community:%s', 'its_community'], members: ['members:%s', 'its_community'], user: ['user:%s', 'actor_id(owner)'] }
function streamOf(event, scope) {
  if (!STREAMS[scope]) return '"%s", ""'
  const [format, id] = STREAMS[scope]
  const place = placeOf(event)
  // a stream that the event's own resource does not name is for the author to fill in
  const known = scope === 'user' || (scope === 'room' ? ['room', 'message'] : ['room', 'message', 'community']).includes(place)
  return known ? `"${format}", ${id}` : `"${format}", "…"`
}

/** Those who may not, those who are nobody, and what breaks the rules. */
function refusals(event) {
  const name = `${lower(event.name)}_refuses`
  const lines = [], required = event.payload.fields.find(field => field.required)
  const { setup, payload, call } = world(event, false)
  if (event.right.subscribed || event.right.actions?.length > 0) {
    // what one may not see is not there
    const code = event.right.subscribed || placeOf(event) === 'instance' ? 'PERMISSION_DENIED' : 'NOT_FOUND'
    lines.push(`    assert_refused(event_test(${call('outsider')}), "${code}");\n`)
  }
  if (event.authentication === 'REQUIRED') {
    lines.push(`    assert_refused(event_test(${call('&nobody')}), "UNAUTHENTICATED");\n`)
  }
  if (required) lines.push(`    assert_violation(event_test(owner, "${event.name}", "{}"), "${required.json}", "required");\n`)
  lines.push(`    assert_violation(event_test(owner, "${event.name}", "{\\"surprise\\":1}"), "surprise", "unknown_field");\n`)
  const body = lines.join('')
  const actors = (body.includes('outsider') ? '    const struct actor *outsider = event_actor("outsider");\n' : '')
    + (body.includes('&nobody') ? '    const struct actor nobody = {.session_id = uuid_v7()};\n' : '')
  return { name, body: `static void ${name}(void **state)\n{\n${setup}${actors}${body.includes(', payload') ? payload : ''}${body}}\n` }
}

function placeOf({ right }) {
  return right.subscribed ? 'room' : right.resource?.type.toLowerCase()
}

/** An owner, and what the event is about; the arguments of event_test(). */
function world(event, joined) {
  const place = placeOf(event)
  let setup = '    const struct actor *owner = event_actor("owner");\n'
  if (['community', 'room', 'message'].includes(place)) setup += '    const char *its_community = make_community(owner, true);\n'
  if (['room', 'message'].includes(place)) setup += '    const char *its_room = make_room(owner, its_community, false);\n'
  if (place === 'message') setup += '    const char *its_message = send_as(owner, its_room, "Hello");\n'
  if (place === 'instance') setup += '    event_sql("UPDATE users SET instance_owner = true WHERE id = \'%s\'", actor_id(owner));\n'
  if (event.right.subscribed && joined) setup += '    assert_ok(event_test(owner, "JOIN_ROOM", "{\\"roomId\\":\\"%s\\"}", its_room));\n'
  const key = event.right.subscribed ?? event.right.resource?.idKey
  const text = JSON.stringify(example(event.payload, event.message, key)).replace(/%/g, '%%').replace('"\\u0000"', '"%s"')
  const id = key ? `, its_${place}` : ''
  const payload = `    const char *payload = ${cString(text)};\n`
  const call = who => `${who}, "${event.name}", payload${id}`
  return { setup, payload, call }
}

/** In pieces that fit a line. */
function cString(text) {
  const pieces = text.match(/.{1,60}(?=,"|$)|.{1,60}/g) ?? ['{}']
  return pieces.map(piece => `"${piece.replace(/[\\"]/g, '\\$&')}"`).join('\n        ')
}

/** A payload that keeps the rules; the resource's id is a NUL, to be replaced. */
export function example(message, messageOf, key) {
  const fields = message.fields.filter(field => field.required || field.json === key)
  return Object.fromEntries(fields.map(field => {
    if (field.json === key) return [field.json, '\0']
    if (!field.repeated) return [field.json, exampleValue(field, messageOf)]
    return [field.json, Array.from({ length: Math.max(1, field.rule.min_items ?? 1) }, () => exampleValue(field, messageOf))]
  }))
}

function exampleValue(field, messageOf) {
  const { kind, rule, values, type } = field
  switch (kind) {
    case 'bool': return true
    case 'enum': return values[0]
    case 'int': case 'double': {
      const value = rule.min ?? Math.min(1, rule.max ?? 1)
      return type.endsWith('64') && !rule.json_number ? String(value) : value
    }
    case 'message': return messageOf(type) ? example(messageOf(type), messageOf) : {}
  }
  if (rule.as_json) return {}
  return { UUID: NOWHERE, TIMESTAMP: '2030-01-01T00:00:00Z', URL: 'https://example.org/' }[rule.format] ?? exampleText(rule)
}

const TRIES = ['a', 'abc', 'A', '1', '12', '#aabbcc', '12:30', '2030-01-01', 'en', 'en-GB', 'a-b', 'a_b', 'A1', '1.0.0', 'a@example.org', '+15550100']

function exampleText({ min_length: least = 1, max_length: most = Infinity, pattern }) {
  if (pattern) return TRIES.find(text => new RegExp(`^(?:${pattern})$`).test(text)) ?? 'an example that fits the pattern'
  const text = 'Bells ring'.slice(0, Math.min(most, 10))
  return text.padEnd(least, '.')
}

