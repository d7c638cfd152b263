// Figures of a run, from the checker's result.

import { feltUntil } from './words.mjs'

export function percentile(sorted, share) {
  return sorted.length ? sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] : NaN
}

/** p50, p99 and max of milliseconds. */
export function spread(values) {
  const sorted = Float64Array.from(values).sort()
  const text = ms => Number.isNaN(ms) || ms === undefined ? '-' : `${Math.round(ms)} ms`
  return { count: sorted.length, p50: percentile(sorted, 0.5), p99: percentile(sorted, 0.99), max: sorted.at(-1), text: `p50 ${text(percentile(sorted, 0.5))}, p99 ${text(percentile(sorted, 0.99))}, max ${text(sorted.at(-1))} (${sorted.length})` }
}

/** What a run must reach, in milliseconds. */
export const TARGETS = {
  ackThroughCoreKill: { p99: 250, max: 1000 },
  busDead: { p99: 2500 },
  busDrops: { p99: 400 },
  resumeThousand: { p99: 300 },
  closeSilent: { p99: 500 },
}

/** Too few samples prove nothing, and fail nothing. */
export function reaches({ count, p99, max }, target) {
  return count === 0 || (p99 <= target.p99 && max <= (target.max ?? Infinity))
}

const BUSY_MS = 50 // a machine on which acks take so long without any harm measures itself
export const tooBusy = calm => calm.p99 > BUSY_MS

const WINDOW_MS = 1000

/** Acks of changes that were under way when a core was killed, or were sent in the second
 *  after it, while nothing else was wrong. */
export function ackAroundCoreKills({ requests, faults }) {
  const kills = faults.filter(({ k, what }) => k === 'kill' && what.startsWith('core'))
  const other = faults.filter(fault => !kills.includes(fault) && !fault.calm)
  const windows = kills.map(({ t }) => ({ from: t, to: t + WINDOW_MS }))
    .filter(({ from, to }) => !other.some(fault => fault.t < to && feltUntil(fault) > from))
  const among = requests.latencies.filter(({ sent, answered }) =>
    windows.some(({ from, to }) => answered >= from && sent <= to))
  return spread(among.map(({ sent, answered }) => answered - sent))
}

/** Acks of changes near which nothing was wrong: what the machine takes by itself. */
export function ackWithoutHarm({ requests, faults }) {
  const harm = faults.filter(({ calm }) => !calm)
  const among = requests.latencies.filter(({ sent, answered }) =>
    !harm.some(fault => fault.t < answered && feltUntil(fault) > sent))
  return spread(among.map(({ sent, answered }) => answered - sent))
}

/** From PostgreSQL accepting again to the next ack, the longest of them. */
export function backAfterDatabase({ requests, faults }) {
  const times = Float64Array.from(requests.latencies.map(({ answered }) => answered)).sort()
  const gaps = faults.filter(({ k }) => k === 'back').map(({ t }) => times.find(time => time >= t) - t)
  return gaps.length ? `max ${Math.max(...gaps)} ms (${gaps.length} times)` : '-'
}

export function killsByKind(faults) {
  const counts = {}
  for (const { k, what, point } of faults) {
    if (k !== 'kill') continue
    const kind = what.replace(/\d+$/, '') + (point ? ` at ${point}` : '')
    counts[kind] = (counts[kind] ?? 0) + 1
  }
  return counts
}

/** A table of words and figures, aligned. */
export function rowsToText(rows) {
  const width = Math.max(...rows.map(([label]) => label.length))
  return rows.map(([label, value]) => `  ${label.padEnd(width)}  ${value}`).join('\n')
}

export function tableOf(result) {
  const { findings: { counts }, requests, deliveries, faults, tables } = result
  const kinds = Object.entries(killsByKind(faults)).map(([kind, count]) => `${count} ${kind}`)
  const others = faults.filter(({ k }) => k !== 'kill' && k !== 'back').length
  const count = event => tables.events.filter(row => row.event === event).length
  const took = requests.latencies.map(({ sent, answered }) => answered - sent)
  return rowsToText([
    ['kills', `${faults.filter(({ k }) => k === 'kill').length} (${kinds.join(', ') || 'none'})`],
    ['pauses, cuts, partitions', others],
    ['kicks, removals, returns', `${count('MEMBER_KICKED')}, ${count('ROOM_MEMBER_REMOVED')}, ${count('MEMBER_JOINED') + count('ROOM_MEMBER_ADDED')}`],
    ['changes acked', requests.acked],
    ['events stored, delivered', `${tables.events.length}, ${deliveries.length}`],
    ['acked and lost', counts.lost],
    ['duplicates', counts.duplicate],
    ['out of order or gaps', counts.order],
    ['phantoms', counts.phantom],
    ['delivered after a loss of access', counts.leak],
    ['accepted after a loss of access', counts.accepted],
    ['errors with an effect', counts.effect + counts.answer],
    ['no answer after 10 s', counts.hang],
    ['ack latency, whole run', spread(took).text],
    ['ack latency, nothing wrong', ackWithoutHarm(result).text],
    ['ack latency through core kills', ackAroundCoreKills(result).text],
    ['longest wait, one core or the bus silent', requests.stalls.length ? `${Math.max(...requests.stalls)} ms (${requests.stalls.length} requests)` : '-'],
    ['PostgreSQL back to next ack', backAfterDatabase(result)],
    ['delivery latency, whole run', spread(deliveries).text],
  ])
}
