// Does what docs/hacking.md says, as it is written there: every command of "A whole
// feature" is run, every file that it shows is written, in order, in a scratch copy. So the
// page cannot rot. Prints how long each step took and which files the feature touched.
//
//     node walk.mjs [--keep]

import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { basename, dirname, join } from 'node:path'
import { Scratch, ROOT } from '../support/scratch.mjs'

const PAGE = 'docs/hacking.md', SECTION = 'A whole feature'

/** Steps of the page in order: { line, script } or { line, path, text }. What is only shown has neither path nor sh. */
function stepsOf(text) {
  const steps = []
  let inside = false, block
  text.split('\n').forEach((content, index) => {
    const fence = /^```(\w*)\s*(\S*)/.exec(content)
    if (block && content === '```') {
      if (block.path) steps.push({ line: block.line, path: block.path, text: block.lines.join('\n') + '\n' })
      else if (block.language === 'sh') steps.push({ line: block.line, script: block.lines.join('\n') })
      block = undefined
    } else if (block) block.lines.push(content)
    else if (/^#{1,3} /.test(content)) inside = content === `### ${SECTION}`
    else if (fence && inside) block = { line: index + 1, language: fence[1], path: fence[2], lines: [] }
  })
  return steps
}

/** `*` stands for the number of a migration. */
function place(root, pattern) {
  if (!pattern.includes('*')) return pattern
  const folder = dirname(pattern), [head, tail] = basename(pattern).split('*')
  const found = readdirSync(join(root, folder)).filter(name => name.startsWith(head) && name.endsWith(tail))
  if (found.length !== 1) throw new Error(`${pattern} names ${found.length} files`)
  return join(folder, found[0])
}

/** Three neighbours: a balancer and two edges. */
async function freePorts() {
  for (;;) {
    const port = 10000 + Math.floor(Math.random() * 12000)
    const free = await Promise.all([0, 1, 2].map(i => new Promise(resolve => {
      const server = createServer().once('error', () => resolve(false))
      server.listen(port + i, '127.0.0.1', () => server.close(() => resolve(true)))
    })))
    if (free.every(Boolean)) return port
  }
}

const edge = scratch => {
  const env = join(scratch.root, '.run/env')
  const pids = existsSync(env) ? /^BELFRY_EDGE_PIDS=(.*)$/m.exec(readFileSync(env, 'utf8'))?.[1].replace(/'/g, '') : undefined
  const program = createHash('sha256').update(readFileSync(join(scratch.root, 'build/dev/edge/belfry-edge'))).digest('hex')
  return { pids, program }
}

let passed = 0, failed = 0
function verdict(good, text, output = '') {
  console.log(`${good ? 'ok' : 'FAILED:'} ${text}`)
  if (!good && output) console.log(output.trimEnd().split('\n').slice(-40).map(line => `    ${line}`).join('\n'))
  good ? passed++ : failed++
  return good
}

const seconds = since => ((performance.now() - since) / 1000).toFixed(1)

async function walk(scratch) {
  const steps = stepsOf(readFileSync(join(ROOT, PAGE), 'utf8'))
  if (!verdict(steps.filter(step => step.path).length >= 4 && steps.filter(step => step.script).length >= 5,
    `${PAGE} shows commands and files of '${SECTION}'`)) return
  scratch.borrow('tests/integration')
  const env = { PORT: String(await freePorts()) }
  let began, before
  for (const [index, step] of steps.entries()) {
    const since = performance.now(), at = `${PAGE}:${step.line}`
    if (step.path) {
      const path = place(scratch.root, step.path)
      writeFileSync(join(scratch.root, path), step.text)
      console.log(`   ${at}: ${path}`)
      continue
    }
    const { status, output } = await scratch.bash(step.script, { env })
    const first = step.script.split('\n').find(line => !line.startsWith('set ')) ?? step.script
    if (!verdict(status === 0, `${at}: ${first.slice(0, 70)} (${seconds(since)} s)`, output)) return
    if (index === 0) { // what ran before the feature
      before = edge(scratch)
      began = performance.now()
    }
    if (/BELFRY_CORE_PIDS/.test(step.script)) {
      verdict(edge(scratch).pids === before.pids && before.pids !== undefined, `the edges are the same processes (${before.pids})`)
    }
  }
  verdict(edge(scratch).program === before.program, 'the edges are the same program: nothing of them was built')
  const touched = scratch.touched()
  console.log(`\nfiles touched: ${touched.length}`)
  for (const { state, path } of touched) console.log(`   ${state.padEnd(8)} ${path}`)
  console.log(`from nothing to two clients: ${((performance.now() - began) / 60_000).toFixed(1)} minutes (builds and tests; the writing comes on top)`)
  verdict(touched.every(({ path }) => !/^(edge|lib)\//.test(path)), 'no file of the edge was touched')
}

const keep = process.argv.includes('--keep')
const scratch = new Scratch('walk')
const deadline = setTimeout(() => {
  console.log('FAILED: the walk took longer than 6 minutes')
  finish(1)
}, 360_000)

async function finish(status) {
  clearTimeout(deadline)
  await scratch.bash('[[ ! -e .run/supervisor ]] || ./dev down', { seconds: 60 })
  if (keep) console.log(`kept: ${scratch.root}`)
  else scratch.remove()
  console.log(`\n${passed} passed, ${failed || status} failed`)
  process.exit(failed || status ? 1 : 0)
}

let status = 0
try {
  await walk(scratch)
} catch (error) {
  console.log(`FAILED: ${error.stack}`)
  status = 1
}
await finish(status)
