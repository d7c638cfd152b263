// What a page says, and what is said of a page that cannot be understood: always with the
// line, always all of it at once.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { applyComment } from '../../dev.d/new_event/comments.mjs'
import { readContract } from '../../dev.d/new_event/contract.mjs'
import { complete, field } from '../../dev.d/new_event/model.mjs'
import { additionOfPage } from '../../dev.d/new_event/page.mjs'
import { Refusal } from '../../dev.d/new_event/words.mjs'

const here = dirname(fileURLToPath(import.meta.url))
const contract = readContract(join(here, '../..'))
const page = name => readFileSync(join(here, 'pages', `${name}.md`), 'utf8')

function read(text) {
  const addition = additionOfPage(text, 'page.md', contract)
  return complete(addition, contract, addition.findings)
}

/** The page with one thing changed, and what is said of it; `text` is where the fault is. */
function refused(name, from, to, expected, fault = to) {
  const good = page(name)
  assert.ok(good.includes(from), `the page has no '${from}'`)
  const bad = good.replace(from, to)
  const line = bad.slice(0, bad.indexOf(fault || bad)).split('\n').length
  assert.throws(() => read(bad), error => {
    assert.ok(error instanceof Refusal, error.stack)
    const said = error.lines.find(text => expected.test(text))
    assert.ok(said, `none of these is ${expected}:\n${error.message}`)
    if (fault) assert.equal(Number(/^page\.md:(\d+)/.exec(said)?.[1]), line, said)
    return true
  })
}

describe('a filled-in page', () => {
  it('gives its events with right, resource, limit and what they cause', () => {
    const { clientEvents, serverEvents, domain } = read(page('rooms'))
    const [set, get] = clientEvents
    assert.equal(domain.name, 'rooms')
    assert.deepEqual([set.name, set.kind, set.authentication], ['SET_ROOM_TOPIC', 'change', 'REQUIRED'])
    assert.deepEqual(set.right.actions, ['MANAGE_ROOM'])
    assert.deepEqual(set.right.resource, { type: 'ROOM', idKey: 'roomId', source: 'PAYLOAD' })
    assert.deepEqual([set.rate.limit, set.rate.perSeconds], [5, 60])
    assert.deepEqual(set.causes, ['ROOM_TOPIC_CHANGED'])
    assert.equal(get.kind, 'read')
    assert.deepEqual(serverEvents.map(({ name, scope, durable, trigger }) => [name, scope, durable, trigger]), [
      ['ROOM_TOPIC_CHANGED', 'room', true, 'CLIENT_EVENT'], ['ROOM_TOPIC_EXPIRED', 'room', true, 'TIMER'],
    ])
  })

  it('gives fields with rules: optional, lists, enums, defaults', () => {
    const [set, get] = read(page('rooms')).clientEvents
    const by = event => Object.fromEntries(event.payload.fields.map(field => [field.json, field]))
    const { roomId, topic, tags, expiresAt, clientId } = by(set)
    assert.deepEqual(roomId.rule, { format: 'UUID' })
    assert.deepEqual(topic.rule, { max_length: 300 })
    assert.deepEqual([tags.repeated, tags.required, tags.rule], [true, false, { max_items: 5, max_length: 30 }])
    assert.deepEqual(expiresAt.rule, { format: 'TIMESTAMP' })
    assert.equal(clientId.required, false)
    const { order, limit } = by(get)
    assert.deepEqual([order.kind, order.values], ['enum', ['NEWEST', 'OLDEST']])
    assert.deepEqual([limit.rule, limit.default], [{ min: 1, max: 100 }, '10'])
  })

  it('makes messages of objects and interfaces, and uses those of the contract', () => {
    const { parts, clientEvents } = read(page('auth'))
    assert.deepEqual(parts.map(({ name }) => name).sort(), ['Device', 'RegisterDeviceQuietHours'])
    assert.equal(clientEvents[0].payload.fields.find(({ json }) => json === 'locale').rule.pattern, '[a-z]{2}(-[A-Z]{2})?')
    const bookmark = read(page('messages')).parts.find(({ name }) => name === 'Bookmark')
    assert.equal(bookmark.fields[0].type, 'Message')
  })

  it('says what it decided by itself', () => {
    const { findings } = read(page('presence'))
    assert.ok(findings.notes.some(text => /^page\.md:\d+: SET_CUSTOM_STATUS: taken as a change/.test(text)))
    assert.ok(findings.notes.some(text => /timestamp: every server event carries it/.test(text)))
  })

  it('keeps flows told in steps, and troubles', () => {
    const { domain } = read(page('community'))
    assert.equal(domain.flows[0].title, 'Somebody changes the greeting')
    assert.deepEqual(domain.flows[0].updates, ['Clients update the greeting that they show'])
    assert.equal(domain.troubles[0].symptom, 'A newcomer sees no greeting')
  })
})

describe('a page that cannot be understood is refused by line', () => {
  const faults = [
    ['a heading that is no name', 'rooms', '#### SET_ROOM_TOPIC', '#### setRoomTopic', /is no event's name/],
    ['a placeholder', 'rooms', '#### SET_ROOM_TOPIC', '#### [CLIENT_EVENT_NAME]', /placeholder .* is not filled in/],
    ['another name below', 'rooms', '**Event:** `SET_ROOM_TOPIC`', '**Event:** `SET_TOPIC`', /\*\*Event:\*\* says SET_TOPIC/],
    ['no purpose', 'rooms', '**Purpose:** Sets the topic of a room, or takes it away', '**Purpose:** [What this event accomplishes]', /Purpose:\*\* is not filled in/],
    ['authentication', 'rooms', '**Authentication:** Required', '**Authentication:** Maybe', /one of Required, Optional, None/],
    ['an unknown action', 'rooms', '@RequiredActions(RbacActions.MANAGE_ROOM)', '@RequiredActions(RbacActions.SET_TOPIC)', /says MANAGE_ROOM, @RequiredActions says SET_TOPIC/],
    ['an unknown resource', 'rooms', 'RbacResourceType.ROOM', 'RbacResourceType.CHANNEL', /CHANNEL is no kind of resource; there are INSTANCE, COMMUNITY, ROOM, MESSAGE/, '@RequiredActions(RbacActions.MANAGE_ROOM)'],
    ['an idKey that is no member', 'rooms', "idKey: 'roomId'", "idKey: 'channelId'", /channelId is no member of the payload of SET_ROOM_TOPIC \(roomId, topic/, '@RequiredActions(RbacActions.MANAGE_ROOM)'],
    ['an optional idKey', 'rooms', 'roomId: string;      // the room', 'roomId?: string;      // the room', /a UUID\) that is not optional/],
    ['an unknown source', 'rooms', 'ResourceIdSource.PAYLOAD', 'ResourceIdSource.COOKIE', /COOKIE is no source/, '@RbacResource'],
    ['the decorator of another event', 'rooms', '@SubscribeMessage(ClientEvents.SET_ROOM_TOPIC)\n@Req', '@SubscribeMessage(ClientEvents.SET_TOPIC)\n@Req', /stands at SET_ROOM_TOPIC/, '@SubscribeMessage(ClientEvents.SET_TOPIC)'],
    ['a server event nobody describes', 'rooms', '      ServerEvents.ROOM_TOPIC_CHANGED,', '      ServerEvents.ROOM_TOPIC_CHANGE,', /ROOM_TOPIC_CHANGE, which is described neither .* is it ROOM_TOPIC_CHANGED\?/],
    ['a scope', 'rooms', '**Scope:** Room-specific', '**Scope:** [User-specific | Room-specific | Global broadcast]', /Scope:\*\* is one of/],
    ['a scope that the example contradicts', 'rooms', '**Scope:** Room-specific', '**Scope:** User-specific', /sendToRoom\(\) does not fit its \*\*Scope/, 'this.websocketService.sendToRoom(\n  roomId,'],
    ['a trigger', 'rooms', '**Trigger:** A client sends `SET_ROOM_TOPIC`', '**Trigger:** Something happens', /names no client event, nor a timer/],
    ['a limit for nobody', 'rooms', '@SubscribeMessage(ClientEvents.GET_ROOM_TOPIC)\nasync handleGetRoomTopic(...)', '@SubscribeMessage(ClientEvents.GET_TOPIC)\nasync handleGetRoomTopic(...)', /a limit is given for GET_TOPIC/, '@Throttle(20, 10)'],
    ['a limit', 'rooms', '@Throttle(5, 60)', '@Throttle(often)', /@Throttle\(often\) cannot be understood/],
    ['a domain', 'rooms', '**Domain:** rooms', '**Domain:** [auth | rooms]', /is no domain's name/],
    ['a namespace', 'rooms', '    credentials: true,\n  },', "    credentials: true,\n  },\n  namespace: '/topics',", /the namespace of rooms is '\/', not '\/topics'/, "namespace: '/topics'"],
    ['a name that is taken', 'rooms', /SET_ROOM_TOPIC/g, 'CREATE_ROOM', /CREATE_ROOM is there already, in proto\/events\/rooms\.proto/, '#### CREATE_ROOM'],
    ['a text without a limit', 'rooms', '// the new topic, up to 300 characters; empty: none', '// the new topic; empty: none', /topic: what clients send has a limit/],
    ['a list without a limit', 'rooms', '// words to find it by, max 5 tags, each max 30 characters', '// words to find it by, each max 30 characters', /tags: what clients send has a limit: say how many/],
  ]
  for (const [title, name, from, to, expected, fault] of faults) {
    it(title, () => {
      if (from instanceof RegExp) {
        const bad = page(name).replace(from, to), line = bad.slice(0, bad.indexOf(fault)).split('\n').length
        assert.throws(() => read(bad), error => error.lines.some(text => expected.test(text) && text.startsWith(`page.md:${line}:`)))
      } else refused(name, from, to, expected, fault)
    })
  }

  it('an action that is in neither place is named with all that there are', () => {
    const bad = page('rooms').replaceAll('MANAGE_ROOM', 'SET_TOPIC')
    assert.throws(() => read(bad), /page\.md:\d+: SET_TOPIC is no action; there are CREATE_COMMUNITY, .*VIEW_ROOM.*A new one is/)
  })

  it('everything that is wrong is told at once, in the order of the page', () => {
    const bad = page('rooms').replace('**Scope:** Room-specific', '**Scope:** Somewhere').replace('topic: string; ', 'topic: any; ')
    assert.throws(() => read(bad), error => {
      assert.equal(error.lines.length, 2, error.message)
      const [first, second] = error.lines.map(text => Number(text.split(':')[1]))
      assert.ok(first < second)
      return true
    })
  })
})

describe('types of TypeScript that do not map are named', () => {
  const types = [
    ['any', /topic: 'any' maps to nothing/], ['unknown', /'unknown'/], ['object', /'object'/], ['Date', /'Date' .* ISO 8601/],
    ['bigint', /'bigint'/], ['Buffer', /'Buffer'/], ['Record<string, string>', /Record<…> does not map/], ['Map<string, string>', /Map<…>/],
    ['Partial<Topic>', /Partial<…>/], ['string | null', /'\| null'.*optional/], ['string | number', /a union of types/], ["'A' | number", /words/],
    ["'do-not-disturb' | 'away'", /the value 'do-not-disturb'.*do_not_disturb/], ['1 | 2', /the number 1 as a type/], ['[string, string]', /tuples|placeholder/],
    ['string[][]', /an array of arrays/], ['() => void', /functions/], ['A & B', /intersections/], ['Topic', /'Topic'.*neither on this page nor in the contract/],
    ['Topic.Name', /types of another place/], ["Topic['name']", /indexed types|cannot be understood/],
  ]
  for (const [type, expected] of types) {
    it(type, () => refused('rooms', 'topic: string;       // the new topic', `topic: ${type};       // the new topic`, expected))
  }
  it('a member that JSON would call otherwise', () => refused('rooms', 'emoji?: string; ', 'emoji_name?: string; ', /'emoji_name' is no member's name/))
  it('a block that is no TypeScript', () => refused('rooms', 'interface SetRoomTopicPayload {', 'class SetRoomTopicPayload {', /'class' cannot be understood here/))
  it('an interface within itself is left to the generator, a base that is not there is not', () =>
    refused('rooms', 'interface SetRoomTopicPayload {', 'interface SetRoomTopicPayload extends Base {', /extends Base, which is no interface/))
})

describe('comments become rules', () => {
  const cases = [
    ['text', 'max 2000 characters', { max_length: 2000 }],
    ['text', 'Maximum 2,000 chars', { max_length: 2000 }],
    ['text', 'the name, 1-50 characters, required', { min_length: 1, max_length: 50 }],
    ['text', 'between 3 and 20 letters', { min_length: 3, max_length: 20 }],
    ['text', 'at least 8 characters, at most 64', { min_length: 8, max_length: 64 }],
    ['text', '100 characters max', { max_length: 100 }],
    ['text', 'not empty, up to 10 characters', { min_length: 1, max_length: 10 }],
    ['text', 'a UUID v4', { format: 'UUID' }],
    ['text', 'ISO 8601 date', { format: 'TIMESTAMP' }],
    ['text', 'URL of the picture', { format: 'URL' }],
    ['text', 'pattern: /^#[0-9a-f]{6}$/, max 7 characters', { pattern: '#[0-9a-f]{6}', max_length: 7 }],
    ['int', '1 to 100', { min: 1, max: 100 }],
    ['int', 'positive, max 5', { min: 1, max: 5 }],
    ['int', 'minutes, 0-1439', { min: 0, max: 1439 }],
    ['int', 'ms since epoch, 0-9007199254740991', { min: 0, max: 9007199254740991, json_number: true }],
    ['int', 'temperature, -90 to 60', { min: -90, max: 60 }],
    ['list', '2-10 items, each max 100 characters', { min_items: 2, max_items: 10, max_length: 100 }],
    ['list', 'up to 5 tags, 1 to 30 characters', { max_items: 5, min_length: 1, max_length: 30 }],
  ]
  for (const [kind, comment, expected] of cases) {
    it(comment, () => {
      const made = field('value', { name: 'value', kind: kind === 'list' ? 'text' : kind, repeated: kind === 'list' })
      applyComment(made, comment, () => {}, text => assert.fail(text))
      assert.deepEqual(made.rule, expected)
    })
  }

  it('a decimal is one when it says so', () => {
    for (const comment of ['0.0 to 1.0', 'a ratio, 0-1', 'decimal']) {
      const made = field('value', { name: 'value', kind: 'int', type: 'int32' })
      applyComment(made, comment, () => {}, assert.fail)
      assert.equal(made.type, 'double', comment)
    }
  })

  it('a number that no rule took is told', () => {
    for (const comment of ['max 3 words', 'about 7 of them', 'max 20 per day']) {
      const notes = [], made = field('value', { name: 'value' })
      applyComment(made, comment, text => notes.push(text), assert.fail)
      assert.equal(notes.length, 1, comment)
    }
  })

  it('a pattern that PostgreSQL and C do not know is refused', () => {
    const errors = []
    applyComment(field('value', { name: 'value' }), 'pattern: /^\\d+$/', () => {}, text => errors.push(text))
    assert.match(errors[0], /is no POSIX one/)
  })
})
