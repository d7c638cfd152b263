// What becomes of a tree: pages of all five domains and events by flags, in a scratch copy
// that is built and tested; and that a refusal leaves everything as it was.

import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { ROOT, Scratch } from '../support/scratch.mjs'
import { readContract } from '../../dev.d/new_event/contract.mjs'
import { additionOfPage } from '../../dev.d/new_event/page.mjs'

const DOMAINS = ['auth', 'community', 'rooms', 'messages', 'presence']
const pages = join(dirname(fileURLToPath(import.meta.url)), 'pages')
let scratch

before(async () => {
  scratch = new Scratch('new-event')
  assert.ok((await newEvent('--help')).output.includes('--field'))
  const { status, output } = await scratch.bash('source dev.d/common.sh; ROOT=$PWD RUN=$PWD/.run PRESET=dev; source dev.d/build.sh; build belfry-gen')
  assert.equal(status, 0, output)
})
after(() => scratch?.remove())

function newEvent(words) {
  return scratch.bash(`./dev new-event ${words}`)
}

async function succeeds(words) {
  const { status, output } = await newEvent(words)
  assert.equal(status, 0, output)
  return output
}

describe('a refusal says why, and leaves the tree as it was', () => {
  const cases = [
    ['polls', /needs a domain and a name/],
    ['polls create-poll', /'create-poll' is no event's name/],
    ['Polls CREATE_POLL', /'Polls' is no domain's name/],
    ['polls CREATE_POLL now', /what is 'now'/],
    ['polls CREATE_POLL --colour red', /does not know '--colour'/],
    ['polls CREATE_POLL --purpose', /--purpose needs a value/],
    ['polls CREATE_POLL --kind slow', /--kind takes one of change, read, ephemeral/],
    ['rooms CREATE_ROOM', /CREATE_ROOM is there already, in proto\/events\/rooms\.proto/],
    ['rooms ROOM_CREATED', /ROOM_CREATED is there already/],
    ['polls CREATE_POLL --right VOTE', /VOTE is no action; there are CREATE_COMMUNITY/],
    ['polls CREATE_POLL --right VIEW_ROOM --resource poll', /POLL is no kind of resource; there are INSTANCE, COMMUNITY, ROOM, MESSAGE/],
    ['polls CREATE_POLL --right VIEW_ROOM --self', /one kind of right is enough/],
    ['polls CREATE_POLL --subscribed', /--subscribed is for --kind ephemeral/],
    ['polls CREATE_POLL --rate often', /--rate takes how many in how many seconds/],
    ['polls CREATE_POLL --field question', /'' is no type/],
    ['polls CREATE_POLL --field Question:string', /'Question' is no member's name/],
    ['polls CREATE_POLL --field question:string', /question: what clients send has a limit/],
    ['polls CREATE_POLL --field a:int --field a:int', /a is there twice/],
    ['polls CREATE_POLL --scope room', /--scope comes behind the --causes/],
    ['polls CREATE_POLL --causes ROOM_UPDATED --scope room', /ROOM_UPDATED is in the contract already/],
    ['polls CREATE_POLL --causes POLL_CREATED --event-field seq:int', /seq: every server event carries it/],
    ['rooms CREATE_ROOM_REPLY', /a message CreateRoomReply is there already/],
    ['polls CREATE_POLL --error GONE:never', /--error takes CODE:WHEN/],
    ['--from nowhere.md', /nowhere\.md cannot be read/],
    ['polls CREATE_POLL --from page.md', /--from takes everything from the page/],
    // what only the generator sees
    ['polls CREATE_POLL --right MANAGE_COMMUNITY', /MANAGE_COMMUNITY is no action on a resource ROOM/],
    ['polls CREATE_POLL --field a:int:min=5:max=1', /proto\/events\/polls\.proto:\d+: a: min is more than max/],
  ]
  for (const [words, expected] of cases) {
    it(words, async () => {
      const { status, output } = await newEvent(words)
      assert.match(output, expected)
      assert.match(output, /changed nothing/)
      assert.equal(status, 1)
      assert.deepEqual(scratch.touched(), [])
    })
  }
})

describe('what the contract has as planned', () => {
  it('is built as it is written there', async t => {
    const contract = readContract(scratch.root)
    const [name, { domain }] = [...contract.clientEvents].find(([, event]) => event.planned) ?? []
    if (!name) return t.skip('nothing is planned any more')
    await succeeds(`${domain.name} ${name}`)
    const after = readContract(scratch.root).clientEvents.get(name)
    assert.equal(after.planned, false)
    assert.ok(scratch.touched().some(({ path }) => path === `core/${domain.name}/${domain.name}_handlers.c`))
    const { status, output } = await scratch.bash('cmake --build --preset dev --target core_lib')
    assert.equal(status, 0, output)
    scratch.restore()
  })
})

describe('every way of saying it, in a tree that is built and tested', () => {
  for (const domain of DOMAINS) {
    it(`the page of ${domain}`, async () => {
      const output = await succeeds(`--from '${pages}/${domain}.md'`)
      assert.ok(output.includes(`proto/events/${domain}.proto`), output)
    })
  }

  it('flags: a read, an ephemeral event, the instance, a message, every type', async () => {
    await succeeds(`extras GET_EXTRA --kind read --right VIEW_COMMUNITY --resource community
      --field order:UP\\|DOWN:default=UP --field limit:int:min=1:max=50:default=10 --reply-field names:string[]`.replace(/\n/g, ' '))
    await succeeds(`extras BLINK --kind ephemeral --subscribed --causes BLINKED --scope room`)
    await succeeds(`extras SET_MOTTO --right MANAGE_INSTANCE --resource instance --field motto:string:max=99:visible
      --field private:bool:optional --field since:time:optional --field link:url:optional --causes MOTTO_SET --scope global`.replace(/\n/g, ' '))
    await succeeds(`extras RATE_MESSAGE --right ADD_REACTION --resource message --field stars:double:min=0:max=5
      --field weights:long[]:max=9:items=3:optional --field for:uuid:optional --field kind:GOOD\\|BAD --causes MESSAGE_RATED
      --error CONFLICT:'It was rated before.'`.replace(/\n/g, ' '))
    // what others hear is in the contract already
    await succeeds(`extras SHOUT --right SEND_MESSAGE --resource room --causes MESSAGE_CREATED`)
  })

  it('compiles at once', { timeout: 300_000 }, async () => {
    const targets = ['belfry-core', ...[...DOMAINS, 'extras'].map(domain => `test_events_${domain}`)]
    const { status, output } = await scratch.bash(`cmake --build --preset dev --target ${targets.join(' ')}`, { seconds: 300 })
    assert.equal(status, 0, output.slice(-6000))
  })

  it('and the tests say what to write, and nothing else', { timeout: 120_000 }, async () => {
    const tests = [...DOMAINS, 'extras'].map(domain => `build/dev/tests/events/test_events_${domain}`)
    const { output } = await scratch.bash(`tests/support/with_pg.sh bash -c 'for test in ${tests.join(' ')}; do $test 2>&1 || true; done'`)
    const failed = [...output.matchAll(/^\[  FAILED  \] (\w+)$/gm)].map(([, name]) => name)
    const added = scratch.touched().filter(({ path }) => path.endsWith('.sql'))
      .flatMap(({ path }) => [...readFileSync(join(scratch.root, path), 'utf8').matchAll(/^CREATE FUNCTION event_(\w+)\(/gm)].map(([, name]) => name))
    const written = [...added, 'wave', 'blink'].map(name => `${name}_does_what_it_says`)
    assert.deepEqual([...new Set(failed)].sort(), written.sort(), output)
    for (const name of added) assert.match(output, new RegExp(`not written yet: event_${name}\\(\\) in migrations/\\d+_\\w+\\.sql`))
    for (const name of ['wave', 'blink']) assert.match(output, new RegExp(`not written yet: ${name}\\(\\) in core/\\w+/\\w+_handlers\\.c`))
  })

  it('is formatted, and its migrations come down again', async () => {
    const files = scratch.touched().map(({ path }) => path).filter(path => path.endsWith('.c'))
    const { status, output } = await scratch.bash(`command -v clang-format >/dev/null || exit 0; clang-format --dry-run --Werror ${files.join(' ')}`)
    assert.equal(status, 0, output)
    const down = await scratch.bash(`cmake --build --preset dev --target belfry
      BELFRY_CLI=$PWD/build/dev/cli/belfry tests/support/with_pg.sh bash -euc \
        'for i in 1 2 3 4 5 6 7 8 9; do build/dev/cli/belfry migrate down; done; build/dev/cli/belfry migrate up'`)
    assert.equal(down.status, 0, down.output)
  })

  for (const domain of DOMAINS) {
    it(`the page made of ${domain} has the headings again`, t => {
      const made = join(scratch.root, `docs/events/${domain}.md`)
      if (!existsSync(made)) return t.skip('the generator makes no pages yet')
      const wanted = headings(readFileSync(join(pages, `${domain}.md`), 'utf8')), there = headings(readFileSync(made, 'utf8'))
      assert.deepEqual(wanted.filter(heading => !there.includes(heading)), [])
    })

    it(`and read again it means the same`, t => {
      const made = join(scratch.root, `docs/events/${domain}.md`)
      if (!existsSync(made)) return t.skip('the generator makes no pages yet')
      const contract = readContract(ROOT), page = readFileSync(join(pages, `${domain}.md`), 'utf8')
      const names = [...page.matchAll(/^#### (\w+)$/gm)].map(([, name]) => name)
      assert.deepEqual(meaning(only(readFileSync(made, 'utf8'), names), contract), meaning(page, contract))
    })
  }
})

/** A page without the events of others, as it would be read from nothing. */
function only(text, names) {
  const sections = text.split(/^(?=#{2,4} )/m)
  return sections.filter(section => !/^#### /.test(section) || names.includes(/^#### (\w+)/.exec(section)[1])).join('')
}

/** What a page means, without where it says so and in which order. */
function meaning(text, contract) {
  const { domain, clientEvents, serverEvents } = additionOfPage(text, 'page.md', contract)
  const fields = ({ fields }) => Object.fromEntries(fields.filter(({ json }) => json !== 'clientId')
    .map(({ json, kind, repeated, required, rule, values, default: value }) => [json, { kind, repeated, required: required && !repeated, rule, values, value }]))
  return {
    domain: domain.name,
    client: Object.fromEntries(clientEvents.map(({ name, purpose, kind, authentication, right, rate, causes, payload }) => {
      const { actions, self, subscribed, public: anybody, resource } = right
      return [name, { purpose, kind, authentication, right: { actions, self, subscribed, anybody, resource }, rate: [rate.limit, rate.perSeconds], causes, payload: fields(payload) }]
    })),
    server: Object.fromEntries(serverEvents.map(({ name, purpose, scope, durable, exceptSender, trigger, handling, message }) =>
      [name, { purpose, scope, durable, exceptSender, trigger, handling, message: fields(message) }])),
  }
}

/** All but the title, and the names of examples. */
function headings(text) {
  return [...new Set(text.replace(/^(```|~~~)[\s\S]*?^\1/gm, '').split('\n').filter(line => /^#{2,6} /.test(line)))]
    .map(line => line.replace(/^(### Example) \d+: .*/, '$1').trim())
}
