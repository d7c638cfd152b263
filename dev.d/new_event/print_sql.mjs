// Writes the migration: a function for each event that PostgreSQL answers, which refuses
// until somebody says what it does.

import { ownStream, repliesWith } from './model.mjs'
import { lower } from './words.mjs'

const KIND_OF = { room: ['3', 'a.room_id'], community: ['1', 'a.community_id'], members: ['2', 'a.community_id'], user: ['4', 'a.user_id'] }

/** The text of the migration, or nothing when no event needs one. */
export function printMigration(path, title, events) {
  const functions = events.filter(event => event.kind !== 'ephemeral').map(event => printFunction(event, path))
  if (functions.length === 0) return
  return `-- ${title}
-- migrate:up

${functions.map(({ text }) => text).join('\n')}
-- migrate:down
DROP FUNCTION ${functions.map(({ signature }) => signature).reverse().join(',\n    ')};
`
}

function printFunction(event, path) {
  const name = `event_${lower(event.name)}`, parameters = sqlParameters(event)
  const head = wrapped(`CREATE FUNCTION ${name}(`, ['a admission', ...parameters.map(({ name, type }) => `${name} ${type}`)], ')')
  return {
    signature: wrapped(`${name}(`, ['admission', ...parameters.map(({ type }) => type)], ')', 8),
    text: `-- ${event.name}: ${event.purpose}
${known(event)}${head}
RETURNS outcome LANGUAGE plpgsql ${event.kind === 'read' ? 'STABLE' : 'VOLATILE'} AS $$
BEGIN
${hint(event)}    RETURN refuse('INTERNAL', 'not written yet: ${name}() in ${path}');
END $$;
`,
  }
}

/** What admission leaves for the function to use. */
function known({ right }) {
  const there = ['a.user_id, the caller, may be NULL: a service']
  if (right.resource?.type === 'MESSAGE') there.unshift('a.message_id, a.room_id, a.community_id')
  if (right.resource?.type === 'ROOM') there.unshift('a.room_id, a.community_id (NULL: a direct room)')
  if (right.resource?.type === 'COMMUNITY') there.unshift('a.community_id')
  const did = right.actions?.length > 0 ? '-- The right was checked.' : '--'
  return `${did} At hand (docs/sql.md): ${there.join(';\n-- ')}.\n`
}

function hint(event) {
  const slots = event.kind === 'change' ? event.caused.filter(({ durable }) => durable) : []
  if (event.kind === 'read') {
    return `    -- Read what is asked for, and answer in place of this refusal:
    --     RETURN done(json_strip_nulls(json_build_object(
${object(event.reply.fields, event, '    --         ')}))::text);
`
  }
  if (slots.length === 0 && event.reply.fields.length === 0) {
    return `    -- Make the change, and answer in place of this refusal:
    --     RETURN done('{}');
`
  }
  if (slots.length === 0) {
    return `    -- Make the change, and answer in place of this refusal:
    --     RETURN done(json_strip_nulls(json_build_object(
${object(event.reply.fields, event, '    --         ')}))::text);
`
  }
  const own = ownStream(event.right)
  const appends = slots.map(({ name, scope, message }) => {
    const [kind, id] = KIND_OF[scope]
    return `append(a, next_slot(${kind}, ${id}), '${name}',
    --         json_strip_nulls(json_build_object(
${object(message.fields, event, '    --             ')}))::text)`
  })
  const alone = slots.length === 1 && slots[0].scope === own
  const reply = alone && repliesWith(event.reply, slots[0].message) ? 'NULL' : '…'
  const note = reply === 'NULL'
    ? '-- Make the change, and publish it in place of this refusal. With NULL the reply is\n    -- what was published, and its seq:'
    : '-- Make the change, and publish it in place of this refusal:'
  const several = slots.length > 1 ? '    -- (numbers of several streams: take them all at once by next_slots())\n' : ''
  return `    ${note}\n${several}    --     RETURN done(${reply}, ${appends.join('\n    --         || ')});\n`
}

function object(fields, event, indent) {
  const given = new Map(boundFields(event).map(({ json, name }) => [json, 'p_' + name]))
  const values = fields.map(({ json }) => `${indent}'${json}', ${given.get(json) ?? ADMITTED[json] ?? '…'}`)
  return values.length > 0 ? values.join(',\n') : `${indent}…`
}

const ADMITTED = { roomId: 'a.room_id', communityId: 'a.community_id', userId: 'a.user_id', messageId: 'a.message_id', username: 'a.username' }

/** The parameters behind the admission: all of the payload that it does not have already. */
export function sqlParameters(event) {
  return boundFields(event).map(field => ({ name: 'p_' + field.name, type: sqlType(field) }))
}

export function boundFields({ payload, right }) {
  return payload.fields.filter(({ json }) => json !== 'clientId' && json !== right.resource?.idKey)
}

function sqlType({ kind, type, repeated, rule }) {
  const scalar = {
    text: { UUID: 'uuid', TIMESTAMP: 'timestamptz' }[rule.format] ?? (rule.as_json ? 'json' : 'text'),
    int: type.endsWith('64') ? 'bigint' : 'int', double: 'double precision', bool: 'boolean', enum: 'text', message: 'json',
  }[kind]
  if (!repeated) return scalar
  return kind === 'text' ? scalar + '[]' : 'json'
}

function wrapped(open, parts, close, indent = open.length) {
  const lines = [open + parts[0]]
  for (const part of parts.slice(1)) {
    const longer = `${lines.at(-1)}, ${part}`
    if (longer.length + close.length <= 95) lines[lines.length - 1] = longer
    else {
      lines[lines.length - 1] += ','
      lines.push(' '.repeat(Math.min(indent, 40)) + part)
    }
  }
  return lines.join('\n') + close
}
