// ./dev gen in a copy of the tree: nothing that is generated can drift, and no promise to a
// deployed client is broken by accident.

import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { appendFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, describe, it } from 'node:test'

const root = new URL('../..', import.meta.url).pathname.replace(/\/$/, '')

describe('./dev gen', () => {
  let tree
  const file = name => join(tree, name)
  const read = name => readFileSync(file(name), 'utf8')
  const change = (name, from, to) => {
    const text = read(name)
    assert.ok(text.includes(from), `${name} has no ${from}`)
    writeFileSync(file(name), text.replace(from, to))
  }
  /** Its exit code and all it says. */
  const gen = (...flags) => {
    const env = { ...process.env, BELFRY_RUN_DIR: file('.run'), BELFRY_BUILD_DIR: file('build/dev') }
    const { status, stdout, stderr } = spawnSync(file('dev'), ['gen', ...flags], { env, encoding: 'utf8' })
    return { status, said: stdout + stderr }
  }
  const passes = ({ status, said }) => assert.equal(status, 0, said)
  const fails = ({ status, said }, ...lines) => {
    assert.equal(status, 1, said)
    for (const line of lines) assert.ok(said.includes(line), `${line}\nis not in\n${said}`)
  }

  before(() => {
    tree = mkdtempSync(join(tmpdir(), 'belfry-gen-'))
    const files = execFileSync('git', ['ls-files', '-co', '--exclude-standard'], { cwd: root, encoding: 'utf8', maxBuffer: 1 << 26 })
    for (const name of files.split('\n').filter(name => name && existsSync(join(root, name)))) {
      mkdirSync(dirname(file(name)), { recursive: true })
      cpSync(join(root, name), file(name))
    }
  })
  after(() => rmSync(tree, { recursive: true, force: true }))

  it('--check passes the tree as it is', () => passes(gen('--check')))

  it('--check sees what differs, is missing or left over, and gen mends it', () => {
    const pages = ['docs/events', 'clients/typescript/src/generated'].filter(folder => existsSync(file(folder)))
    const leftOver = pages.map(folder => `${folder}/of_yesterday.md`)
    appendFileSync(file('docs/asyncapi.json'), '\n')
    rmSync(file('proto/deployed.txt'))
    for (const name of leftOver) writeFileSync(file(name), 'old')
    fails(gen('--check'), 'docs/asyncapi.json is not what would be generated', 'proto/deployed.txt is missing',
      ...leftOver.map(name => `${name} is left over`))
    passes(gen())
    passes(gen('--check'))
    for (const name of leftOver) assert.ok(!existsSync(file(name)), name)
    assert.equal(read('docs/asyncapi.json'), readFileSync(join(root, 'docs/asyncapi.json'), 'utf8'))
    assert.equal(read('proto/deployed.txt'), readFileSync(join(root, 'proto/deployed.txt'), 'utf8'))
  })

  it('promises what is new without a word', () => {
    change('proto/events/messages.proto', 'message DeleteMessage {\n',
      'message DeleteMessage {\n  optional string mood = 14 [(field) = {max_length: 10 description: "Of the one who deletes."}];\n')
    fails(gen('--check'), 'proto/deployed.txt is not what would be generated')
    passes(gen())
    assert.ok(read('proto/deployed.txt').includes('\nDELETE_MESSAGE.payload.mood: in type=string number=14 max_length=10\n'))
    passes(gen('--check'))
  })

  it('refuses to break a promise, unless a reason is given', () => {
    const promised = read('proto/deployed.txt')
    const record = read('docs/contract-breaks.md')
    const line = read('proto/events/messages.proto').split('\n').findIndex(text => text.includes('string mood')) + 1
    const broken = `proto/events/messages.proto:${line}: DELETE_MESSAGE.payload.mood: max_length 10 became 5`
    change('proto/events/messages.proto', 'mood = 14 [(field) = {max_length: 10', 'mood = 14 [(field) = {max_length: 5')
    fails(gen('--check'), broken, '--accept-break')
    fails(gen(), broken)
    fails(gen('--accept-break', 'DELETE_MESSAGE.payload.mood'), 'needs "ADDRESS: REASON"')
    fails(gen('--accept-break', 'DELETE_MESSAGE.payload.reason: Nobody gives one.'), broken)
    assert.equal(read('proto/deployed.txt'), promised)
    assert.equal(read('docs/contract-breaks.md'), record)

    passes(gen('--accept-break', 'DELETE_MESSAGE.payload.mood: Moods are short.'))
    assert.ok(read('proto/deployed.txt').includes('DELETE_MESSAGE.payload.mood: in type=string number=14 max_length=5\n'))
    const recorded = read('docs/contract-breaks.md').slice(record.length)
    assert.match(recorded, /^- \d{4}-\d\d-\d\d: `DELETE_MESSAGE\.payload\.mood` max_length 10 became 5\. Reason: Moods are short\.\n$/)
    passes(gen('--check'))
    fails(gen('--accept-break', 'DELETE_MESSAGE.payload.mood: Once more.'), "nothing of 'DELETE_MESSAGE.payload.mood' is broken")
  })
})
