// Plans what becomes of the tree, has the contract judged before anything is touched, and
// writes all files or none.

import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { printHandlers, printTests } from './print_c.mjs'
import { printContract } from './print_proto.mjs'
import { printMigration } from './print_sql.mjs'
import { lower, Refusal } from './words.mjs'

const SCHEMA_VERSION = 'core/db/schema_version.h'

/** path → its new text */
export function planFiles(root, addition, contract, protos) {
  const files = new Map(protos ?? [[`proto/events/${addition.domain.name}.proto`, printContract(addition, contract)]])
  const { name } = addition.domain
  addMigration(root, addition, files)
  if (addition.clientEvents.length > 0) {
    const handlers = `core/${name}/${name}_handlers.c`
    files.set(handlers, printHandlers(read(root, handlers), addition))
  }
  const tests = `tests/events/test_${name}.c`
  if (addition.clientEvents.length > 0 || !existsSync(join(root, tests))) {
    files.set(tests, printTests(read(root, tests), addition))
  }
  return files
}

function read(root, path) {
  return existsSync(join(root, path)) ? readFileSync(join(root, path), 'utf8') : undefined
}

function addMigration(root, { domain, clientEvents }, files) {
  const version = 1 + Math.max(0, ...readdirSync(join(root, 'migrations')).map(name => parseInt(name, 10) || 0))
  const subject = clientEvents.length === 1 ? lower(clientEvents[0].name) : `${domain.name}_events`
  const path = `migrations/${String(version).padStart(4, '0')}_${subject}.sql`
  const title = clientEvents.length === 1 ? `${clientEvents[0].name}.` : `Events of ${domain.name}.`
  const text = printMigration(path, title, clientEvents)
  if (!text) return
  files.set(path, text)
  const header = read(root, SCHEMA_VERSION)
  const raised = header.replace(/(#define SCHEMA_VERSION_MAX )\d+/, `$1${version}`)
  if (raised === header) throw new Refusal(`${SCHEMA_VERSION}: the last migration is ${version - 1}, but SCHEMA_VERSION_MAX says something else`)
  files.set(SCHEMA_VERSION, raised)
}

/** protoc and belfry-gen read the contract as it would be, in another place. */
export function judge(root, generator, files) {
  const place = mkdtempSync(join(tmpdir(), 'belfry-contract-'))
  try {
    cpSync(join(root, 'proto/events'), join(place, 'proto/events'), { recursive: true })
    cpSync(join(root, 'proto/belfry'), join(place, 'proto/belfry'), { recursive: true })
    write(place, [...files].filter(([path]) => path.startsWith('proto/')))
    const events = readdirSync(join(place, 'proto/events')).filter(name => name.endsWith('.proto')).map(name => `events/${name}`)
    const set = join(place, 'events.ds'), cwd = join(place, 'proto')
    run('protoc', ['-I.', '-I/usr/include', '--include_imports', '--include_source_info', `--descriptor_set_out=${set}`, ...events], cwd)
    mkdirSync(join(place, 'out'))
    run(generator, ['--core', join(place, 'out'), set], cwd)
  } finally {
    rmSync(place, { recursive: true })
  }
}

function run(program, words, cwd) {
  try {
    execFileSync(program, words, { cwd, stdio: ['ignore', 'ignore', 'pipe'] })
  } catch (error) {
    if (error.stderr === undefined || error.status === null) throw new Refusal(`${program} cannot be run: ${error.message}`)
    const lines = error.stderr.toString().trim().split('\n').filter(line => !/warning: Import .* unused/.test(line))
    throw new Refusal('the contract would be refused (proto/…: line of the file as it would be):', ...lines.map(line => `  proto/${line}`))
  }
}

/** All of them, or none: what was there before comes back when one cannot be written. */
export function write(root, files) {
  const done = []
  try {
    for (const [path, text] of files) {
      const before = read(root, path)
      done.push([path, before])
      mkdirSync(dirname(join(root, path)), { recursive: true })
      writeFileSync(join(root, path), text)
    }
  } catch (error) {
    for (const [path, before] of done.reverse()) {
      if (before === undefined) rmSync(join(root, path), { force: true })
      else writeFileSync(join(root, path), before)
    }
    throw new Refusal(`nothing was changed: ${error.message}`)
  }
}
