// Puts the measured table into docs/performance.md, between two marks; all around it is
// written by people.

import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fixed, number, markdown, spread, summary } from './stats.mjs'
import { ROWS } from './rows.mjs'
import { ROOT } from './system.mjs'

const FILE = join(ROOT, 'docs/performance.md')
const [BEGIN, END] = ['<!-- measured: begin -->', '<!-- measured: end -->']

/** As many runs of each side as the row is judged by, and it is known of what they are. */
function isWhole({ name, runs = {}, measured }) {
  const usual = ROWS.find(row => row.name === name).usual ?? 5
  const lists = Object.values(runs)
  const least = lists.length ? Math.min(...lists.map(list => list.length)) : usual
  return measured && !measured.quick && measured.runs >= 5 && least >= usual
}

/** All rows that were ever measured into this folder, in the table's order. */
async function readResults(folder) {
  const files = (await readdir(folder)).filter(name => name.endsWith('.json'))
  const results = await Promise.all(files.map(async name => JSON.parse(await readFile(join(folder, name), 'utf8'))))
  const order = ROWS.map(row => row.name)
  return results.filter(result => order.includes(result.name) && isWhole(result)).sort((a, b) => order.indexOf(a.name) - order.indexOf(b.name))
}

/** Which code, when, where: one line; what differs between results, side by side. */
function origin(results) {
  const all = pick => [...new Set(results.map(({ measured }) => pick(measured) ?? '–'))].join(', ')
  return `Of commit ${all(({ commit }) => commit)}, ${all(({ date }) => date)}; ${all(({ cpu, processors, memory_gb: memory }) => `${cpu}, ${processors} processors, ${memory} GB`)}, ` +
    `Linux ${all(({ kernel }) => kernel)}, PostgreSQL ${all(({ postgresql }) => postgresql)}, Node ${all(({ node }) => node)}.`
}

function goals(results) {
  return markdown([
    ['name', 'what', 'goal', 'figure', '', 'foreign / stolen CPU', 'fdatasync before / after'],
    ...results.map(({ name, what, goal, figure, pass, note, foreign, stolen, disturbed, fdatasync_ms: disk }) => [
      `\`${name}\``, what, goal, note ? `${figure}; ${note}` : figure, pass ? 'pass' : '**miss**',
      `${fixed(foreign)} / ${fixed(stolen)}${disturbed ? `, ${disturbed} runs disturbed` : ''}`,
      `${disk.before.p50.toFixed(2)} / ${disk.after.p50.toFixed(2)} ms`,
    ]),
  ])
}

/** Rows that look at runs which another one, above, shows. */
function showAgain(results) {
  const shown = new Set()
  return results.map(({ name }) => ROWS.find(row => row.name === name)).filter(({ name, of, shares = name }) => {
    const again = of?.every(other => shown.has(other)) || shown.has(shares)
    shown.add(shares)
    return again
  }).map(({ name }) => name)
}

/** Of each side of each comparison: rate, latency, CPU by process. */
function details(results) {
  const lines = []
  const again = showAgain(results)
  for (const { name, runs = {} } of results.filter(result => !again.includes(result.name))) {
    for (const [side, list] of Object.entries(runs)) {
      const of = pick => spread(summary(list, run => pick(run) ?? NaN))
      const cpu = group => number(summary(list, run => run.per_message?.cpu[group]?.us ?? NaN).median)
      if (list[0].per_message && list.some(run => run.rate > 0)) {
        lines.push([`\`${name}\``, side, of(run => run.rate), of(run => run.delivery_rate), of(run => run.ack_ms.p50),
          of(run => run.ack_ms.p99), list[0].per_message.cpu.stack ? cpu('stack') : `${cpu('edge')} + ${cpu('core')}`, cpu('postgres'), cpu('broker'), cpu('load')])
      }
    }
  }
  return markdown([['name', 'side', 'events/s', 'deliveries/s', 'ack p50 ms', 'ack p99 ms', 'edge + core µs an event',
    'PostgreSQL µs', 'broker µs', 'load generator µs'], ...lines])
}

export async function writeDocument(folder) {
  const results = await readResults(folder)
  if (!results.length) return console.error('nothing was measured with its usual runs: docs/performance.md stays as it is')
  const text = await readFile(FILE, 'utf8')
  const [head, rest] = text.split(BEGIN)
  const tail = rest.split(END)[1]
  const measured = [origin(results), '', goals(results), '', 'Medians, least and most in brackets. Behind the goals:', '', details(results)].join('\n')
  await writeFile(FILE, `${head}${BEGIN}\n${measured}\n${END}${tail}`)
}
