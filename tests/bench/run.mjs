// ./dev bench: measures side by side, prints each goal with its figure, writes all runs.
//
//   node tests/bench/run.mjs [NAME…] [--runs N] [--quick] [--foreign CORES] [--document]

import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Context } from './lib/context.mjs'
import { writeDocument } from './lib/document.mjs'
import { fdatasync, foreignOf, settings, stopPrograms } from './lib/measure.mjs'
import { ROWS } from './lib/rows.mjs'
import { summary, table } from './lib/stats.mjs'
import { ROOT, stopAll } from './lib/system.mjs'

const HELP = `./dev bench [NAME…]: measures; without names, all of it

  --runs N         runs of each side, in turns (5)
  --quick          two seconds a run: to see that it works, not to judge by
  --foreign CORES  CPU of others beyond which a run is repeated (0.15)
  --document       writes the table into docs/performance.md, too

${table([['  NAME', 'what', 'goal', 'takes, five runs'], ...ROWS.map(row => [`  ${row.name}`, row.what, row.goal, `${Math.round(seconds([row], 5))} s`])])}

All of it takes about ${Math.round(seconds(ROWS, 5) / 60)} minutes, and up to 20 more on a machine that has something else to do.

./dev bench instructions [--record] counts the instructions of hot paths.
`

/** What rows take on a quiet machine; those that share runs measure once. */
function seconds(rows, runs) {
  const measured = new Set()
  let sum = 0
  for (const { name, takes: [once, turn], shares = name } of rows) {
    if (!measured.has(shares)) sum += once + turn * runs
    measured.add(shares)
  }
  return sum
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    runs: { type: 'string' }, quick: { type: 'boolean' }, foreign: { type: 'string' },
    document: { type: 'boolean' }, help: { type: 'boolean', short: 'h' },
  },
})

function choose(names) {
  const unknown = names.filter(name => !ROWS.some(row => row.name === name))
  if (unknown.length) {
    console.error(`there is no bench '${unknown[0]}'; see ./dev bench --help`)
    process.exit(2)
  }
  return names.length ? ROWS.filter(row => names.includes(row.name)) : ROWS
}

/** One row: what came of it, also when it could not be measured. */
async function measureRow(row, context, folder) {
  const began = Date.now()
  const before = fdatasync(folder)
  let result
  try {
    result = await row.run(context)
  } catch (error) {
    result = { figure: 'not measured', pass: false, note: error.message.split('\n').slice(0, 3).join(' ').slice(0, 300) }
  }
  const after = fdatasync(folder)
  const runs = Object.values(result.runs ?? {}).flat()
  return {
    name: row.name, what: row.what, goal: row.goal, ...result,
    foreign: most(runs, foreignOf),
    stolen: most(runs, run => run.stolen ?? 0),
    disturbed: runs.filter(run => run.disturbed).length,
    fdatasync_ms: { before, after },
    seconds: (Date.now() - began) / 1000,
  }
}

const most = (runs, pick) => summary(runs, pick).max

function print(results) {
  const head = ['name', 'what', 'goal', 'figure', '', 'foreign/stolen CPU', 'fdatasync']
  const lines = results.map(result => [
    result.name, result.what, result.goal, result.figure, result.pass ? 'pass' : 'MISS',
    `${result.foreign.toFixed(2)}/${result.stolen.toFixed(2)}${result.disturbed ? ` (${result.disturbed} disturbed)` : ''}`,
    `${result.fdatasync_ms.before.p50.toFixed(2)}/${result.fdatasync_ms.after.p50.toFixed(2)} ms`,
  ])
  console.log(`\n${table([head, ...lines])}\n`)
}

async function main() {
  if (values.help) return console.log(HELP)
  const rows = choose(positionals)
  settings.quick = values.quick ?? false
  settings.runs = Number(values.runs ?? (settings.quick ? 2 : 5))
  settings.foreign = Number(values.foreign ?? settings.foreign)
  settings.tries = settings.quick ? 1 : settings.tries
  const folder = join(process.env.BELFRY_RUN_DIR ?? join(ROOT, '.run'), 'bench')
  await mkdir(folder, { recursive: true })
  const context = new Context()
  const results = []
  const began = Date.now()
  if (!settings.quick) console.log(`${rows.length} rows, about ${Math.ceil(seconds(rows, settings.runs) / 60)} minutes`)
  for (const row of rows) {
    const result = await measureRow(row, context, folder)
    if (stopping) return false // what was measured before stays
    results.push(result)
    await writeFile(join(folder, `${row.name}.json`), JSON.stringify(result, null, 1))
    console.log(`${result.pass ? 'pass' : 'MISS'}  ${row.name}: ${result.figure}${result.note ? ` · ${result.note}` : ''} · ${Math.round(result.seconds)} s`)
  }
  print(results)
  const passed = results.filter(({ pass }) => pass).length
  console.log(`${passed} of ${results.length} goals reached, in ${((Date.now() - began) / 60_000).toFixed(1)} minutes`)
  if (values.document) await writeDocument(folder)
  return results.every(result => result.pass)
}

let stopping = false
async function stop() {
  stopping = true
  stopPrograms()
  await stopAll()
}

for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => stop().finally(() => process.exit(130)))
let good = false
try {
  good = await main()
} finally {
  await stop()
}
process.exitCode = good === false ? 1 : 0
