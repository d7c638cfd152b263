// The tables as they were at the end, indexed, and what can be said of them alone.

import { ROOM, KIND_NAMES } from './words.mjs'

export class Database {
  /** stream name → { last, lastTag, rows: Map seq → row } */
  streams = new Map()
  /** id → row of messages */
  messages = new Map()
  /** user|key → row of answers */
  answers = new Map()

  constructor(tables) {
    this.tables = tables
    for (const row of tables.streams) {
      this.streams.set(nameOf(row), { last: row.last_seq, lastTag: row.last_tag, rows: new Map() })
    }
    for (const row of tables.events) this.#addEvent(row)
    for (const row of tables.messages) this.messages.set(row.id, row)
    for (const row of tables.answers) this.answers.set(`${row.user_id}|${row.key}`, row)
  }

  #addEvent(row) {
    const name = nameOf(row)
    if (!this.streams.has(name)) this.streams.set(name, { last: 0, lastTag: 0, rows: new Map() })
    this.streams.get(name).rows.set(row.seq, { ...row, stream: name, at: Date.parse(row.at) })
  }

  event(stream, seq) {
    return this.streams.get(stream)?.rows.get(seq)
  }

  /** All events of one kind of stream and some names. */
  * eventsOf(kind, ...names) {
    for (const [stream, { rows }] of this.streams) {
      if (!stream.startsWith(`${kind}:`)) continue
      for (const row of rows.values()) if (names.length === 0 || names.includes(row.event)) yield row
    }
  }
}

const nameOf = row => `${KIND_NAMES[row.kind]}:${row.id}`

/** Streams are 1 … last_seq, each event names the tag before it, messages are there once. */
export function checkDatabase(db, findings) {
  for (const [stream, { last, lastTag, rows }] of db.streams) {
    checkStream(stream, last, lastTag, rows, findings)
  }
  checkMessages(db, findings)
}

function checkStream(stream, last, lastTag, rows, findings) {
  let tag = 0
  for (let seq = 1; seq <= last; seq++) {
    const row = rows.get(seq)
    if (!row) {
      findings.add('log', `${stream} has no ${seq}, its last is ${last}`)
      return
    }
    if (row.prev_tag !== tag) findings.add('log', `${stream} ${seq}: the tag before it does not fit`, row)
    tag = row.tag
  }
  if (rows.size !== last) findings.add('log', `${stream} has ${rows.size} events, its last is ${last}`)
  if (last > 0 && tag !== lastTag) findings.add('log', `${stream}: its last tag is not the last event's`)
}

function checkMessages(db, findings) {
  const keys = new Map()
  for (const row of db.messages.values()) {
    const key = `${row.author_id}|${row.client_id}`
    if (keys.has(key)) findings.add('duplicate', `clientId ${row.client_id} is in the database twice`, [keys.get(key), row])
    keys.set(key, row)
  }
  const created = new Map()
  for (const row of db.eventsOf(ROOM, 'MESSAGE_CREATED')) {
    const { id } = row.payload.message
    if (created.has(id)) findings.add('duplicate', `message ${id} was created twice`, [created.get(id).seq, row.seq])
    created.set(id, row)
    const message = db.messages.get(id)
    if (!message || message.seq !== row.seq) findings.add('log', `${row.stream} ${row.seq}: its message is not where it says`, row)
  }
  for (const row of db.messages.values()) {
    if (!created.has(row.id)) findings.add('log', `message ${row.id} has no event`, row)
  }
}
