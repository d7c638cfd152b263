// The table of goals: one row a name. `run` measures and tells the figure, whether it
// passes, and what lies behind it.

import { SAME_CLIENTS, seconds, USERS } from './context.mjs'
import { floor, inTurns, load, pgloop, repeated, settings, undisturbed } from './measure.mjs'
import { interquartile, median, number, spread, summary } from './stats.mjs'
import { makeVariants, traces } from './variants.mjs'
import { conntrackFor, startBelfry } from './system.mjs'

const perDelivery = run => run.per_delivery.cpu.edge.us
const serverCpu = run => run.per_message.cpu.servers.us

/** A figure that is the ratio of two medians. */
function ratio(above, below, { most, least, unit }) {
  const value = above.median / below.median
  const pass = most !== undefined ? value <= most : value >= least
  return { figure: `${number(value)} × (${spread(above)} to ${spread(below)} ${unit})`, pass, value }
}

/** How many get an event must not differ: it would be that which is compared. */
function sameDeliveries(...sides) {
  const [one, other] = sides.map(runs => median(runs.map(run => run.delivery_rate / run.rate)))
  if (!(Math.abs(one / other - 1) <= 0.05)) throw new Error(`an event is delivered ${number(one)} times on one side and ${number(other)} on the other`)
}

/** Typing, with as good as one frame a write, and the floor in turns with it. */
const FANOUT = { 'fanout-1000': [1000, 1, 1], 'fanout-100': [1000, 10, 4], 'fanout-10': [1000, 100, 30], 'fanout-9900': [9900, 99, 30] }

function fannedOut(context, name) {
  return context.once(name, async () => {
    const [clients, rooms, inFlight] = FANOUT[name]
    const system = await context.belfry()
    const flags = { scenario: 'typing', clients, rooms, 'in-flight': inFlight, warm: 1, seconds: seconds(4), connecting: 256 }
    const bytes = (await load(system, { ...flags, seconds: 1 })).frame_bytes
    return inTurns({
      belfry: () => load(system, flags),
      floor: () => floor({ clients, rooms, bytes, inFlight, seconds: seconds(3) }),
    })
  })
}

/** Edge CPU for each delivery of ephemeral events, next to a write and nothing else. */
const toFloor = (runs, most) => ratio(summary(runs.belfry, perDelivery), summary(runs.floor, run => run.us), { most, unit: 'µs' })

function fanout(name, most) {
  return async context => {
    const runs = await fannedOut(context, name)
    const written = summary(runs.belfry, run => run.frames_per_write)
    return { ...toFloor(runs, most), note: `${number(written.median)} frames a write`, runs }
  }
}

/**
 * Ten times as many connections in rooms of the same size: what the edge's deliveries cost
 * more, next to what the floor's writes do; colder sockets are dearer for both.
 */
async function growthConnections(context) {
  const [few, many] = [await fannedOut(context, 'fanout-100'), await fannedOut(context, 'fanout-9900')]
  sameDeliveries(few.belfry, many.belfry)
  const grown = (side, pick) => summary(many[side], pick).median / summary(few[side], pick).median
  const [edge, alone] = [grown('belfry', perDelivery), grown('floor', run => run.us)]
  const value = edge / alone
  return {
    figure: `${number(value)} × (edge ${number(edge)} ×, floor ${number(alone)} ×)`, pass: value <= 1.1, value,
    runs: { 'belfry 1,000': few.belfry, 'belfry 9,900': many.belfry, 'floor 1,000': few.floor, 'floor 9,900': many.floor },
  }
}

function saturation(context) {
  return context.once('saturation', async () => {
    const system = await context.belfry()
    const flags = { scenario: 'typing', clients: 1000, rooms: 10, 'in-flight': 80, warm: 1, seconds: seconds(4) }
    const bytes = (await load(system, { ...flags, seconds: 1 })).frame_bytes
    return inTurns({
      belfry: () => load(system, flags),
      floor: () => floor({ clients: 1000, rooms: 10, bytes, inFlight: 80, seconds: seconds(3) }),
    })
  })
}

async function saturated(context) {
  const runs = await saturation(context)
  const p99 = summary(runs.belfry, run => run.delivery_ms.p99)
  const result = ratio(summary(runs.belfry, run => run.delivery_rate), summary(runs.floor, run => run.delivery_rate),
    { least: 1.7, unit: 'deliveries/s' })
  return { ...result, figure: `${result.figure}, p99 ${spread(p99)} ms`, pass: result.pass && p99.median < 30, runs }
}

/** Statements that are not for an event: leases, heads, retention. */
const SQL_A_SECOND_MAX = 20

async function typing(context) {
  const runs = await saturation(context)
  const result = toFloor(runs, 1.15)
  const alone = await context.known('fanout-100')?.catch(() => {})
  const sql = summary(runs.belfry, run => run.sql_calls / run.seconds)
  const rate = summary(runs.belfry, run => run.rate)
  return {
    ...result, pass: result.pass && sql.max <= SQL_A_SECOND_MAX,
    note: `${number(sql.median)} statements a second beside ${number(rate.median)} events a second${alone ? `; with one frame a write (\`fanout-100\`) ${number(toFloor(alone).value)} ×` : ''}`, runs,
  }
}

function throughput(inFlight, least, beyond) {
  return async context => {
    const runs = await context.messages(inFlight)
    const rate = run => run.rate
    const pair = summary(runs.pair, rate)
    return {
      ...ratio(summary(runs.belfry, rate), summary(runs.stack, rate), { least, unit: 'messages/s' }),
      note: `beyond: ${beyond} ×; ack p50 ${number(summary(runs.belfry, run => run.ack_ms.p50).median)} ms; the stack in two processes with Redis: ${spread(pair)}`, runs,
    }
  }
}

function cpu(inFlight, most, beyond) {
  return async context => {
    const runs = await context.messages(inFlight)
    const parts = ['edge', 'core', 'postgres'].map(part =>
      `${part} ${number(summary(runs.belfry, run => run.per_message.cpu[part].us).median)}`)
    parts[0] = `beyond: ${beyond} ×; ${parts[0]}`
    parts.push(`the stack in two processes with Redis ${spread(summary(runs.pair, serverCpu))}`)
    return { ...ratio(summary(runs.belfry, serverCpu), summary(runs.stack, serverCpu), { most, unit: 'µs' }), note: parts.join(', '), runs }
  }
}

async function latency(context) {
  const [belfry, baseline] = [await context.belfry(), await context.baseline()]
  const flags = { scenario: 'messages', clients: 1000, rooms: 100, rate: 500, warm: 1, seconds: seconds(6) }
  // a pause or two decides a run's p99: the median of few runs is one of luck
  const runs = await inTurns({ belfry: () => load(belfry, { ...flags, ...SAME_CLIENTS }), stack: () => load(baseline, flags) }, 2 * settings.runs - 1)
  const at = name => ['belfry', 'stack'].map(side => summary(runs[side], run => run.ack_ms[name]))
  const p50 = ratio(...at('p50'), { most: 0.85, unit: 'ms' })
  const p99 = ratio(...at('p99'), { most: 0.5, unit: 'ms' })
  return { figure: `p50 ${p50.figure}; p99 ${p99.figure}`, pass: p50.pass && p99.pass, runs }
}

async function postgres(context) {
  const system = await context.belfry()
  const flags = { scenario: 'messages', clients: 1000, rooms: 100, 'in-flight': 100, warm: 1, seconds: seconds(5) }
  const runs = await inTurns({
    belfry: () => load(system, flags),
    loop: () => pgloop(system, { users: 1000, rooms: 100, seconds: seconds(5) }),
  })
  return {
    ...ratio(summary(runs.belfry, run => run.per_message.cpu.postgres.us), summary(runs.loop, run => run.postgres_us),
      { most: 1.25, unit: 'µs' }), runs,
  }
}

/** The same statement, as it is and without one of the promises. */
function promises(context) {
  return context.once('promises', async () => {
    const system = await context.belfry()
    const variants = await makeVariants(system)
    const shape = { users: 1000, rooms: 100, seconds: seconds(3) }
    const side = env => () => pgloop(system, { ...shape, env })
    await checkVariants(system, variants, shape)
    return inTurns({ whole: side({}), answers: side(variants.answers), locks: side(variants.locks), fence: side(variants.fence) })
  })
}

/**
 * That a variant is what it is called: else it would cost nothing, and prove nothing. The
 * fence shows as one look less at a stream for each message, and nothing else missing.
 */
async function checkVariants(system, variants, shape) {
  const of = env => traces(system, () => pgloop(system, { ...shape, seconds: 1, env }))
  const seen = { whole: await of({}) }
  for (const name of ['answers', 'locks', 'fence']) seen[name] = await of(variants[name])
  const { whole, answers, locks, fence } = seen
  const unfenced = fence.answers && fence.locks && Math.abs(whole.looks - fence.looks - 1) < 0.1
  if (!whole.answers || !whole.locks || answers.answers || locks.locks || !unfenced) {
    throw new Error(`a variant is not what it is called: ${JSON.stringify(seen)}`)
  }
}

/**
 * How much more could be done without a promise, as a part of that: the median over the
 * turns, so that what changes slowly counts for both. Without `most` it must not be more
 * than that differs from turn to turn, between its quartiles (reckoned as a fiftieth at
 * least, and no more than a tenth).
 */
function cost(name, most) {
  return async context => {
    const { whole, [name]: without } = await promises(context)
    const [with_, without_] = [summary(whole, run => run.rate), summary(without, run => run.rate)]
    const parts = whole.map((run, i) => 1 - run.rate / without[i].rate)
    const [part, noise] = [median(parts), Math.min(0.1, Math.max(0.02, interquartile(parts)))]
    const us = [whole, without].map(runs => number(summary(runs, run => run.postgres_us).median))
    return {
      figure: `${(part * 100).toFixed(1)} % (${spread(with_)} to ${spread(without_)} messages/s)`, pass: part <= (most ?? noise),
      note: `PostgreSQL ${us[0]} µs each, without ${us[1]}${most ? '' : `; turns differ by ${(interquartile(parts) * 100).toFixed(1)} % between quartiles`}`, runs: { whole, without },
    }
  }
}

function hotRoom(cores, least) {
  return async () => {
    const system = await startBelfry({ cores })
    try {
      await system.seed(1000, 1)
      const flags = { scenario: 'messages', clients: 100, rooms: 1, 'in-flight': 100, warm: 2, seconds: seconds(5) }
      const { belfry } = await inTurns({ belfry: () => load(system, flags) })
      const rate = summary(belfry, run => run.rate)
      const p99 = summary(belfry, run => run.ack_ms.p99)
      return { figure: `${spread(rate)} messages/s, p99 ${spread(p99)} ms`, pass: rate.median >= least && p99.median < 15, runs: { belfry } }
    } finally {
      await system.stop()
    }
  }
}

/**
 * Memory and way in: an edge of its own each time, since memory is kept for reuse. All are
 * in one community; unless they are unseen, each that comes is announced to all others.
 */
function fresh(clients, rooms, joins, flags, shape) {
  return async () => {
    const system = await startBelfry(shape)
    try {
      await system.seed(clients, rooms, { joins, unseen: true })
      return await load(system, { scenario: 'connect', clients, rooms, joins, ...flags })
    } finally {
      await system.stop()
    }
  }
}

/** What an edge holds more once they are all in, for each. */
function idle(clients, most, shape) {
  return async () => {
    const measure = fresh(clients, clients / 10, 5, { scenario: 'idle', seconds: seconds(3), connecting: 512 }, shape)
    const belfry = await repeated(measure, Math.min(3, settings.runs))
    const kb = summary(belfry, run => (run.connect.memory.edge.after_kb - run.connect.memory.edge.before_kb) / clients)
    return { figure: `${spread(kb)} KB`, pass: kb.median <= most, note: `${belfry[0].connect.clients} clients in 5 rooms each, coming and going not announced`, runs: { belfry } }
  }
}

async function connect() {
  const measure = fresh(10_000, 1000, 1, { connecting: 1024, 'at-once': 1 })
  const belfry = await repeated(measure)
  const rate = summary(belfry, run => run.connect.rate)
  const parts = ['edge', 'core', 'postgres'].map(part => `${part} ${number(summary(belfry, run => run.connect.cpu[part].us).median)}`)
  return { figure: `${spread(rate)} a second`, pass: rate.median >= 12_000, note: `the room in the first frame; not announced to contacts; µs of CPU each: ${parts.join(', ')}`, runs: { belfry } }
}

/**
 * All that this machine holds: so many on each edge, one durable event to all of them, one
 * after the other. Each connection takes a descriptor at both ends, so both are spread over
 * processes; the way there is tracked by the kernel where its firewall is loaded.
 */
async function reach() {
  const edges = 8
  const clients = settings.quick ? 16_000 : 150_000
  const measure = fresh(clients, clients / 10, 0, { scenario: 'broadcast', processes: edges, connecting: 512, broadcasts: 5 }, { edges })
  const restore = await conntrackFor(2 * clients)
  try {
    const run = await undisturbed(measure, 2) // a run takes long
    const ms = summary(run.broadcasts, ({ last_ms }) => last_ms)
    const kb = group => run.connect.memory[group].after_kb
    const edgeKb = (kb('edge') - run.connect.memory.edge.before_kb) / clients
    return {
      figure: `${spread(ms)} ms to all of ${number(run.connect.clients)}, worst counts`, pass: ms.max < 2000 && run.connect.clients === clients && !settings.quick,
      note: `${number(run.connect.rate)} came in a second; ${number(edgeKb)} KB of an edge each; in all ${['edge', 'core', 'postgres'].map(group => `${group} ${number(kb(group) / 1024)} MB`).join(', ')}, kernel ${number(run.connect.kernel_kb / 1024)} MB`,
      runs: { belfry: [run] },
    }
  } finally {
    await restore()
  }
}

/**
 * CPU of two shapes side by side: the second may cost at most a tenth more. A shape may have
 * flags of its own.
 */
function growth(small, large, clients, { pick = serverCpu, note, lasting = 5, ...more } = {}) {
  return async () => {
    const sides = {}
    const systems = []
    try {
      for (const [name, shape] of Object.entries({ small, large })) {
        const system = await startBelfry(shape)
        systems.push(system)
        await system.seed(USERS, shape.rooms, { joins: shape.flags?.joins, unseen: true })
        if (shape.history) await fillHistory(system, shape.rooms, shape.history)
        const flags = { scenario: 'messages', clients, rooms: shape.rooms, 'in-flight': 100, warm: 2, seconds: seconds(lasting), connecting: 256, ...more, ...shape.flags }
        sides[name] = () => load(system, flags)
      }
      const runs = await inTurns(sides)
      sameDeliveries(runs.small, runs.large)
      return { ...ratio(summary(runs.large, pick), summary(runs.small, pick), { most: 1.1, unit: 'µs' }), note: note?.(runs), runs }
    } finally {
      for (const system of systems) await system.stop()
    }
  }
}

/** What of a message's CPU is whose, on both sides. */
function partsNote({ small, large }) {
  return ['edge', 'core', 'postgres'].map(part => {
    const [one, other] = [small, large].map(runs => number(summary(runs, run => run.per_message.cpu[part].us).median))
    return `${part} ${other} instead of ${one}`
  }).join(', ')
}

/**
 * Typing through a bus that knows topics. Members of a room are on all edges, so each of
 * them receives each publication, and delivers it to a quarter of the room; or they are
 * together at one of them.
 */
function growthEdges(rooms, bus, more) {
  const note = ({ small, large }) => {
    const [one, four] = [small, large].map(runs => pick => summary(runs, pick).median)
    const both = (pick, unit = '') => `${number(four(pick))}${unit} instead of ${number(one(pick))}${unit}`
    const edges = run => run.per_message.cpu.edge.us
    const receipts = run => run.receipts
    const further = four(receipts) - one(receipts)
    const each = further > 0.5 ? `: ${number((four(edges) - one(edges)) / further)} µs for each further receipt` : ''
    return `an event is received ${both(receipts)} times, by ${both(run => run.bus_messages)} bus messages; ${both(run => run.frames_per_write)} frames a write; edges ${both(edges, ' µs')} an event${each}`
  }
  return growth({ rooms, bus }, { rooms, bus, edges: 4 }, 1000, { pick: perDelivery, scenario: 'typing', note, ...more })
}

/** The floor in so many processes side by side, each with its part of the clients: µs a write. */
async function floors(processes, { rooms, bytes, inFlight, lasting }) {
  const each = { clients: 1000 / processes, rooms, bytes, inFlight: Math.ceil(inFlight / processes), seconds: seconds(lasting) }
  const runs = await Promise.all(Array.from({ length: processes }, () => floor(each)))
  return { us: runs.reduce((sum, run) => sum + run.us, 0) / processes, foreign: NaN } // each takes the others for foreign
}

/**
 * As good as one frame a write, as in the `fanout` rows, so that no edge gains by putting
 * frames together. Beside it the floor's own growth: programs that only write, one or four.
 */
function growthAlone(rooms, inFlight) {
  const lasting = 3
  const measure = growthEdges(rooms, 'nng', { 'in-flight': inFlight, warm: 1, lasting })
  return async () => {
    const result = await measure()
    const shape = { rooms, bytes: result.runs.small[0].frame_bytes, inFlight, lasting }
    const floorRuns = await inTurns({ one: () => floors(1, shape), four: () => floors(4, shape) })
    const [one, four] = [floorRuns.one, floorRuns.four].map(runs => summary(runs, run => run.us))
    const note = `${result.note}; the floor in four processes ${number(four.median / one.median)} × (${spread(four)} to ${spread(one)} µs)`
    return { ...result, note, runs: { ...result.runs, 'floor 1': floorRuns.one, 'floor 4': floorRuns.four } }
  }
}

/**
 * Messages as SEND_MESSAGE leaves them: rows of messages, events and answers, in the order
 * of time, so that indexes grow at one end as they do in life; the tables side by side.
 */
async function fillHistory(system, rooms, messages) {
  const each = Math.ceil(messages / rooms)
  const id = "(lpad(to_hex(s), 12, '0') || r.tail)::uuid"
  const text = `repeat('x', 120)`
  const fill = (table, columns, values) => system.sql(`
    WITH rooms AS MATERIALIZED (
      SELECT seed_room(r) AS room, seed_user(r) AS author, 'user' || r AS name, '70008000' || lpad(to_hex(r), 12, '0') AS tail
      FROM generate_series(0, ${rooms - 1}) r)
    INSERT INTO ${table} (${columns}) SELECT ${values} FROM generate_series(1, ${each}) s, rooms r;
    ANALYZE ${table}`)
  await Promise.all([
    fill('messages', 'id, room_id, seq, author_id, author_name, content, client_id',
      `${id}, r.room, s, r.author, r.name, ${text}, ${id}`),
    fill('events', 'kind, id, seq, tag, prev_tag, after, event, payload',
      `3, r.room, s, 1, 1, 0, 'MESSAGE_CREATED', concat('{"message":{"roomId":"', r.room, '","authorId":"', r.author,
        '","authorName":"', r.name, '","content":"', ${text}, '","seq":', s, ',"createdAt":"2000-01-01T00:00:00.000Z"}}')::json`),
    fill('answers', 'user_id, key, event, hash, status, kind, id, seq',
      `r.author, ${id}, 'SEND_MESSAGE', '\\x00112233445566778899aabbccddeeff', 'OK', 3, r.room, s`),
  ])
  await system.sql(`UPDATE streams SET last_seq = ${each}, last_tag = 1, prev_tag = 1 WHERE kind = 3`)
  await system.sql('CHECKPOINT', 'postgres') // or it comes while we measure
}

/**
 * `takes`: seconds before the runs, and for a turn of all sides; rows with the same `shares`
 * look at the same runs, and one that is `of` others at theirs. `usual`: runs of a side, if
 * they are not five.
 */
export const ROWS = [
  { name: 'fanout-1000', what: 'edge CPU per delivery, rooms of 1,000', goal: '≤ 1.10 × floor', takes: [14, 12], run: fanout('fanout-1000', 1.10) },
  { name: 'fanout-100', what: 'edge CPU per delivery, rooms of 100', goal: '≤ 1.15 × floor', takes: [0, 11], run: fanout('fanout-100', 1.15) },
  { name: 'fanout-10', what: 'edge CPU per delivery, rooms of 10', goal: '≤ 1.45 × floor', takes: [0, 11], run: fanout('fanout-10', 1.45) },
  { name: 'fanout-9900', what: 'edge CPU per delivery, rooms of 100, 9,900 connections', goal: '≤ 1.25 × floor', takes: [10, 16], run: fanout('fanout-9900', 1.25) },
  { name: 'saturation', what: 'deliveries/s, rooms of 100, coalesced', goal: '≥ 1.7 × floor, p99 < 30 ms', takes: [0, 11], shares: 'saturation', run: saturated },
  { name: 'typing', what: 'typing, rooms of 100: edge CPU per delivery', goal: '≤ 1.15 × floor, no SQL for events (≤ 20 statements a second in all)', takes: [0, 11], shares: 'saturation', run: typing },
  { name: 'messages-100', what: 'SEND_MESSAGE, rooms of 10, 100 in flight', goal: '≥ 3.5 × the stack', takes: [30, 24], shares: 'messages 100', run: throughput(100, 3.5, 4) },
  { name: 'messages-400', what: 'SEND_MESSAGE, rooms of 10, 400 in flight', goal: '≥ 4.5 × the stack', takes: [0, 24], shares: 'messages 400', run: throughput(400, 4.5, 5.5) },
  { name: 'cpu-100', what: 'server CPU per message, 100 in flight', goal: '≤ 0.25 × the stack', takes: [30, 24], shares: 'messages 100', run: cpu(100, 0.25, '1/5') },
  { name: 'cpu-400', what: 'server CPU per message, 400 in flight', goal: '≤ 0.20 × the stack', takes: [0, 24], shares: 'messages 400', run: cpu(400, 0.2, '1/6') },
  { name: 'latency', what: 'ack latency at 500/s, open loop', goal: 'p50 ≤ 0.85 ×, p99 ≤ 0.5 × the stack', takes: [0, 32], usual: 9, run: latency },
  { name: 'postgres', what: "PostgreSQL's CPU per request", goal: '≤ 1.25 × the bare loop', takes: [0, 15], run: postgres },
  { name: 'cost-answers', what: 'what stored answers cost of persisted throughput', goal: '≤ 20 %', takes: [15, 17], shares: 'promises', run: cost('answers', 0.2) },
  { name: 'cost-locks', what: 'what locks cost of it', goal: 'within noise', takes: [15, 17], shares: 'promises', run: cost('locks') },
  { name: 'cost-fence', what: 'what the fence costs of it', goal: 'within noise', takes: [15, 17], shares: 'promises', run: cost('fence') },
  { name: 'hot-room', what: 'one room, 100 writers, one core', goal: '≥ 12,000/s, p99 < 15 ms', takes: [6, 8.5], run: hotRoom(1, 12_000) },
  { name: 'hot-room-4', what: 'one room, 100 writers, four cores', goal: '≥ 10,000/s, p99 < 15 ms', takes: [8, 8.5], run: hotRoom(4, 10_000) },
  { name: 'idle', what: 'memory of an idle connection, 19,000 on one edge', goal: '≤ 2.3 KB', takes: [0, 30], usual: 3, run: idle(19_000, 2.3) },
  { name: 'idle-tls', what: 'the same with TLS at the edge, 6,000 (three descriptors each)', goal: '≤ 20 KB', takes: [0, 14], usual: 3, run: idle(6_000, 20, { tls: true }) },
  { name: 'connect', what: 'connect, authenticate, join', goal: '≥ 12,000/s', takes: [0, 11], run: connect },
  { name: 'reach', what: 'a durable event to 150,000 connections on 8 edges', goal: '< 2 s', takes: [115, 0], usual: 1, run: reach },
  { name: 'growth-streams', what: 'CPU per message, 10,000 streams to 100', goal: '≤ 1.10 ×', takes: [25, 27], run: growth({ rooms: 100 }, { rooms: 10_000, flags: { joins: 100 } }, 1000, { note: partsNote }) },
  { name: 'growth-connections', what: 'edge CPU per delivery, rooms of 100, 9,900 connections to 1,000', goal: "≤ 1.10 × the floor's growth", of: ['fanout-100', 'fanout-9900'], run: growthConnections },
  { name: 'growth-cores', what: 'CPU per message, 4 cores to 1', goal: '≤ 1.10 ×', takes: [15, 19], run: growth({ rooms: 100 }, { rooms: 100, cores: 4 }, 1000) },
  { name: 'growth-edges-messages', what: 'CPU per message, 4 edges to 1, by the embedded bus, rooms of 10', goal: '≤ 1.10 ×', takes: [15, 19], run: growth({ rooms: 100, bus: 'nng' }, { rooms: 100, bus: 'nng', edges: 4 }, 1000, { note: partsNote }) },
  { name: 'growth-edges', what: 'edge CPU per delivery, 4 edges to 1, over NATS, rooms of 10', goal: '≤ 1.10 ×', takes: [15, 19], run: growthEdges(100, 'nats') },
  { name: 'growth-edges-100', what: 'the same, rooms of 100', goal: '≤ 1.10 ×', takes: [15, 19], run: growthEdges(10, 'nats') },
  { name: 'growth-edges-nng', what: 'as `growth-edges`, by the embedded bus', goal: '≤ 1.10 ×', takes: [12, 11], run: growthEdges(100, 'nng', { warm: 1, lasting: 3 }) },
  { name: 'growth-edges-together', what: 'the same, members of a room at one edge', goal: '≤ 1.10 ×', takes: [12, 11], run: growthEdges(100, 'nng', { warm: 1, lasting: 3, members: 'together' }) },
  { name: 'growth-alone-1000', what: 'edge CPU per delivery, 4 edges to 1, as good as one frame a write, by the embedded bus, rooms of 1,000', goal: '≤ 1.10 ×', takes: [14, 19], run: growthAlone(1, 1) },
  { name: 'growth-alone-100', what: 'the same, rooms of 100', goal: '≤ 1.10 ×', takes: [14, 19], run: growthAlone(10, 4) },
  { name: 'growth-alone-10', what: 'the same, rooms of 10', goal: '≤ 1.10 ×', takes: [14, 19], run: growthAlone(100, 30) },
  { name: 'growth-history', what: 'CPU per message, 5 M messages of history to 10 k', goal: '≤ 1.10 ×', takes: [75, 19], run: growth({ rooms: 100, history: 10_000 }, { rooms: 100, history: 5_000_000 }, 1000) },
]

