// Puts the measured table into docs/performance.md, between two marks; all around it is
// written by people.

import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { number, markdown, spread, summary } from './stats.mjs'
import { ROWS } from './rows.mjs'
import { ROOT } from './system.mjs'

const FILE = join(ROOT, 'docs/performance.md')
const [BEGIN, END] = ['<!-- measured: begin -->', '<!-- measured: end -->']

/** All rows that were ever measured into this folder, in the table's order. */
async function readResults(folder) {
  const files = (await readdir(folder)).filter(name => name.endsWith('.json'))
  const results = await Promise.all(files.map(async name => JSON.parse(await readFile(join(folder, name), 'utf8'))))
  const order = ROWS.map(row => row.name)
  return results.filter(({ name }) => order.includes(name)).sort((a, b) => order.indexOf(a.name) - order.indexOf(b.name))
}

const cores = value => (Number.isFinite(value) ? value.toFixed(2) : '–')

function goals(results) {
  return markdown([
    ['name', 'what', 'goal', 'figure', '', 'foreign / stolen CPU', 'fdatasync before / after'],
    ...results.map(({ name, what, goal, figure, pass, note, foreign, stolen, disturbed, fdatasync_ms: disk }) => [
      `\`${name}\``, what, goal, note ? `${figure}; ${note}` : figure, pass ? 'pass' : '**miss**',
      `${cores(foreign)} / ${cores(stolen)}${disturbed ? `, ${disturbed} runs disturbed` : ''}`,
      `${disk.before.p50.toFixed(2)} / ${disk.after.p50.toFixed(2)} ms`,
    ]),
  ])
}

/** Of each side of each comparison: rate, latency, CPU by process. */
function details(results) {
  const lines = []
  for (const { name, runs = {} } of results) {
    for (const [side, list] of Object.entries(runs)) {
      const of = pick => spread(summary(list, run => pick(run) ?? NaN))
      const cpu = group => number(summary(list, run => run.per_message?.cpu[group]?.us ?? NaN).median)
      if (list[0].per_message) {
        lines.push([`\`${name}\``, side, of(run => run.rate), of(run => run.delivery_rate), of(run => run.ack_ms.p50),
          of(run => run.ack_ms.p99), side === 'stack' ? cpu('stack') : `${cpu('edge')} + ${cpu('core')}`, cpu('postgres'), cpu('broker'), cpu('load')])
      }
    }
  }
  return markdown([['name', 'side', 'events/s', 'deliveries/s', 'ack p50 ms', 'ack p99 ms', 'edge + core µs an event',
    'PostgreSQL µs', 'broker µs', 'load generator µs'], ...lines])
}

export async function writeDocument(folder) {
  const results = await readResults(folder)
  const text = await readFile(FILE, 'utf8')
  const [head, rest] = text.split(BEGIN)
  const tail = rest.split(END)[1]
  const measured = [goals(results), '', 'Medians, least and most in brackets. Behind the goals:', '', details(results)].join('\n')
  await writeFile(FILE, `${head}${BEGIN}\n${measured}\n${END}${tail}`)
}
