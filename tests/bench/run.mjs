// ./dev bench: measures side by side, prints each goal with its figure, writes all runs.
//
//   node tests/bench/run.mjs [NAME…] [--runs N] [--quick] [--foreign CORES] [--document]

import { execFileSync } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { cpus, release, totalmem } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Context } from './lib/context.mjs'
import { writeDocument } from './lib/document.mjs'
import { fdatasync, foreignOf, settings, stopPrograms } from './lib/measure.mjs'
import { ROWS } from './lib/rows.mjs'
import { fixed, summary, table } from './lib/stats.mjs'
import { ROOT, stopAll, versions } from './lib/system.mjs'

/** Beyond so many seconds nothing is repeated any more: all of it is to stay below an hour. */
const REPEATING_ENDS_S = 55 * 60

const HELP = `./dev bench [NAME…]: measures; without names, all of it

  --runs N         runs of each side, in turns (5)
  --quick          two seconds a run: to see that it works, not to judge by
  --foreign CORES  CPU of others beyond which a run is repeated (0.15)
  --document       writes the table into docs/performance.md, too: of all rows that were
                   measured with their usual runs, now or before

${table([['  NAME', 'what', 'goal', 'takes, five runs'], ...ROWS.map(row => [`  ${row.name}`, row.what, row.goal, `${Math.round(seconds([row], 5))} s`])])}

All of it takes about ${Math.round(seconds(ROWS, 5) / 60)} minutes, and up to ${Math.round((REPEATING_ENDS_S - seconds(ROWS, 5)) / 60)} more on a machine that has something else to do.

./dev bench instructions [--record] counts the instructions of hot paths.
`

/** What rows take on a quiet machine; those that share runs measure once. */
function seconds(rows, runs) {
  const measured = new Set()
  let sum = 0
  const parts = rows.flatMap(row => (row.of ? ROWS.filter(({ name }) => row.of.includes(name)) : row))
  for (const { name, takes: [once, turn], shares = name } of parts) {
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

/** The commit; with +, and more than that. What is written about it does not count. */
function commit() {
  const git = (...args) => execFileSync('git', ['-C', ROOT, ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  try {
    return git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain', '--', '.', ':!docs') ? '+' : '')
  } catch {
    return undefined // not in a repository
  }
}

/** What a result is of; no names and no paths, for it is published. */
const measured = () => ({
  commit: commit(), date: new Date().toISOString().slice(0, 10),
  cpu: cpus()[0]?.model.trim(), processors: cpus().length, memory_gb: Number((totalmem() / 2 ** 30).toFixed(1)), kernel: release(),
  postgresql: versions.postgresql, node: process.versions.node, runs: settings.runs, quick: settings.quick,
})

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
    stolen: most(runs, run => run.stolen ?? NaN),
    disturbed: runs.filter(run => run.disturbed).length,
    fdatasync_ms: { before, after },
    measured: measured(),
    seconds: (Date.now() - began) / 1000,
  }
}

/** NaN where no run knows it. */
const most = (runs, pick) => {
  const { max, runs: known } = summary(runs, pick)
  return known ? max : NaN
}

function print(results) {
  const head = ['name', 'what', 'goal', 'figure', '', 'foreign/stolen CPU', 'fdatasync']
  const lines = results.map(result => [
    result.name, result.what, result.goal, result.figure, result.pass ? 'pass' : 'MISS',
    `${fixed(result.foreign)}/${fixed(result.stolen)}${result.disturbed ? ` (${result.disturbed} disturbed)` : ''}`,
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
  settings.until = began + REPEATING_ENDS_S * 1000
  settings.repeating_s = REPEATING_ENDS_S - seconds(rows, settings.runs)
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
