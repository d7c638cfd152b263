// The checker finds every fault that is planted, and nothing in a clean run.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { check } from './check.mjs'
import { cleanRun, CAROL, ALICE, BOB, COMMUNITY, HALL, CELLAR } from './check/synthetic.mjs'
import { RING } from './check/words.mjs'

/** Runs the checker over a clean run that was changed, and gives what it counted. */
function counts(change = () => {}) {
  const run = cleanRun()
  change(run)
  const { findings } = check(run)
  return { counts: Object.fromEntries(Object.entries(findings.counts).filter(([, n]) => n > 0)), findings }
}

/** The change must be found as one of these kinds. */
function finds(kind, change) {
  const { counts: found } = counts(change)
  assert.ok(found[kind] > 0, `${kind} was not found; found: ${JSON.stringify(found)}`)
}

const records = (run, client) => run.clients.get(client)
const index = (run, client, fits) => {
  const at = records(run, client).findIndex(fits)
  assert.ok(at >= 0, 'the clean run has what is to be changed')
  return at
}
const got = (stream, seq) => record => record.k === 'ev' && record.s === stream && record.q === seq
const dropEvent = (run, stream, seq) => {
  run.tables.events = run.tables.events.filter(row => `room:${row.id}` !== stream || row.seq !== seq)
}

describe('a clean run', () => {
  it('passes', () => {
    const { findings } = counts()
    assert.deepEqual(findings.examples, [])
  })

  it('may join a room by null as a session begins', () => {
    const { counts: found } = counts(run => {
      const stream = `room:${HALL}`
      records(run, 'carol').find(record => record.k === 'open').resume = { [stream]: null }
      records(run, 'carol').find(record => record.k === 'up').streams[stream] = '0.00000000'
      records(run, 'carol').splice(index(run, 'carol', record => record.k === 'join' && record.stream === stream), 1)
    })
    assert.deepEqual(found, {})
  })

  it('has something in it to be wrong about', () => {
    const result = check(cleanRun())
    assert.ok(result.requests.acked >= 8)
    assert.ok(result.deliveries.length >= 15)
  })
})

describe('loss', () => {
  it('an acked message that is not in the database', () => finds('lost', run => {
    run.tables.messages.pop()
    run.tables.events = run.tables.events.filter(row => row.seq !== run.lastHall || row.id !== HALL)
    run.tables.streams.find(row => row.id === HALL).last_seq--
  }))
  it('an acked change whose stored answer is not there', () => finds('lost', run => run.tables.answers.shift()))
  it('an acked edit without its event', () => finds('lost', run => {
    run.tables.events.find(row => row.event === 'MESSAGE_UPDATED').payload.message.content = 'other'
  }))
  it('an acked kick without its event', () => finds('lost', run => {
    run.tables.events.find(row => row.event === 'MEMBER_KICKED').payload.reason = 'other'
  }))
  it('an event that one client did not get, in the middle', () => finds('order', run => {
    records(run, 'bob').splice(index(run, 'bob', got(`room:${HALL}`, 2)), 1)
  }))
  it('the last event that one client did not get', () => finds('missing', run => {
    records(run, 'bob').splice(index(run, 'bob', got(`room:${HALL}`, run.lastHall)), 1)
  }))
  it('a hole in the log', () => finds('log', run => dropEvent(run, `room:${HALL}`, 2)))
  it('events skipped by a resume', () => finds('order', run => {
    const at = index(run, 'bob', record => record.k === 'up' && record.c === 2)
    const hall = records(run, 'bob')[at].streams
    hall[`room:${HALL}`] = run.cursor(HALL, 4)
    const missed = index(run, 'bob', got(`room:${HALL}`, 4))
    records(run, 'bob').splice(missed, 1)
  }))
  it('a subscription that was silently not resumed', () => finds('resume', run => {
    delete records(run, 'bob')[index(run, 'bob', record => record.k === 'up' && record.c === 2)].streams[`room:${HALL}`]
  }))
})

describe('duplicates', () => {
  it('a message that is there twice', () => finds('duplicate', run => {
    run.tables.messages.push({ ...run.tables.messages[0], id: 'another' })
  }))
  it('an event delivered twice', () => finds('duplicate', run => {
    const at = index(run, 'bob', got(`room:${HALL}`, 2))
    records(run, 'bob').splice(at, 0, records(run, 'bob')[at])
  }))
  it('an edit that happened twice', () => finds('duplicate', run => {
    run.append(3, HALL, 'MESSAGE_UPDATED', run.tables.events.find(row => row.event === 'MESSAGE_UPDATED').payload)
  }))
  it('a kick that happened twice', () => finds('duplicate', run => {
    run.append(1, COMMUNITY, 'MEMBER_KICKED', run.tables.events.find(row => row.event === 'MEMBER_KICKED').payload)
  }))
  it('a member that was added twice', () => finds('duplicate', run => {
    const payload = { userId: BOB, roomId: CELLAR, addedBy: ALICE }
    run.append(3, CELLAR, 'ROOM_MEMBER_ADDED', payload)
    run.append(3, CELLAR, 'ROOM_MEMBER_ADDED', payload)
  }))
  it('a member that was removed twice', () => finds('duplicate', run => {
    run.removeMember(CELLAR, BOB)
    run.removeMember(CELLAR, BOB)
  }))
  it('a retry that got another answer', () => finds('answer', run => {
    const ack = records(run, 'alice').find(record => record.k === 'ack' && record.id)
    const send = records(run, 'alice').find(record => record.k === 'send' && record.n === ack.n)
    records(run, 'alice').push({ ...send, n: 900 }, { ...ack, n: 900, seq: ack.seq + 1 })
  }))
})

describe('order', () => {
  it('two events swapped', () => finds('order', run => {
    const list = records(run, 'bob')
    const [a, b] = [2, 3].map(seq => index(run, 'bob', got(`room:${HALL}`, seq)));
    [list[a], list[b]] = [list[b], list[a]]
  }))
  it('an event after LEAVE was answered', () => finds('order', run => {
    const list = records(run, 'carol')
    list.splice(index(run, 'carol', record => record.k === 'leave') + 1, 0, run.delivery(CELLAR, 2, list.at(-1).t))
  }))
})

describe('coming back to a community', () => {
  const later = (run, seq) => {
    for (let i = 0; i < 2; i++) run.append(1, COMMUNITY, 'ROOM_CREATED', {})
    records(run, 'carol').splice(-1, 0, run.delivery(COMMUNITY, seq, run.now - 1, 'community'))
  }
  it('need not bring what happened meanwhile', () => {
    const { counts: found } = counts(run => {
      later(run, 2)
      for (const client of ['alice', 'bob', 'carol']) {
        for (const seq of client === 'carol' ? [3] : [2, 3]) {
          records(run, client).splice(-1, 0, run.delivery(COMMUNITY, seq, run.now, 'community'))
        }
      }
    })
    assert.deepEqual(found, {})
  })
  it('but everything since', () => finds('order', run => later(run, 3)))
})

describe('phantoms', () => {
  it('a delivered event that the database does not have', () => finds('phantom', run => {
    const list = records(run, 'bob')
    list.splice(-1, 0, { ...run.delivery(HALL, run.lastHall, 5000), q: run.lastHall + 1 })
  }))
  it('another history: the tag differs', () => finds('phantom', run => {
    records(run, 'bob')[index(run, 'bob', got(`room:${HALL}`, 2))].u = '2.00000001'
  }))
  it('other words than were sent', () => finds('phantom', run => {
    records(run, 'bob')[index(run, 'bob', got(`room:${HALL}`, 3))].x = 'something else'
  }))
  it('an answer to nothing', () => finds('phantom', run => {
    records(run, 'bob').push({ t: 6000, k: 'ack', c: 2, n: 999, seq: 1 })
  }))
})

describe('access', () => {
  it('an event committed after the kick, to one who never came back', () => finds('leak', run => {
    const seq = run.lastHall
    run.dropGain(CAROL)
    records(run, 'carol').splice(-1, 0, run.delivery(HALL, seq, 9000))
  }))
  it('an event committed after the kick, late but before the regain', () => finds('leak', run => {
    const at = index(run, 'carol', record => record.k === 'send' && record.event === 'JOIN_COMMUNITY')
    records(run, 'carol').splice(at, 0, run.delivery(HALL, run.afterKick, records(run, 'carol')[at].t - 50))
  }))
  it('an event of the community itself', () => finds('leak', run => {
    const at = index(run, 'carol', record => record.k === 'send' && record.event === 'JOIN_COMMUNITY')
    const kick = run.tables.events.find(row => row.event === 'MEMBER_KICKED')
    records(run, 'carol').splice(at, 0, run.delivery(COMMUNITY, kick.seq, records(run, 'carol')[at].t - 50, 'community'))
  }))
  it('an event of a private room after the removal from it', () => finds('leak', run => {
    run.removeMember(CELLAR, BOB)
    const seq = run.message(CELLAR, ALICE, 'not for bob')
    records(run, 'bob').splice(-1, 0, run.delivery(CELLAR, seq, 9000))
  }))
  it('an event of a private room, to one who came back to the community only', () => finds('leak', run => {
    const seq = run.message(CELLAR, ALICE, 'not for carol')
    records(run, 'carol').splice(-1, 0, run.delivery(CELLAR, seq, 90_000))
  }))
  it('an event that was committed before the kick and came later is none', () => {
    const { counts: found } = counts(run => {
      const before = run.afterKick - 1
      const list = records(run, 'carol')
      const at = index(run, 'carol', got(`room:${HALL}`, before))
      const [event] = list.splice(at, 1)
      list.splice(index(run, 'carol', record => record.k === 'send' && record.event === 'JOIN_COMMUNITY'), 0, { ...event, t: event.t + 100 })
    })
    assert.deepEqual(found, {})
  })
  it('a message accepted after the kick', () => finds('accepted', run => {
    run.dropGain(CAROL)
    run.say('carol', 2, HALL, 'still here', 9000)
  }))
})

describe('answers', () => {
  it('an error with an effect', () => finds('effect', run => {
    const ack = records(run, 'alice').find(record => record.k === 'ack' && record.id)
    Object.assign(ack, { k: 'err', code: 'PERMISSION_DENIED' })
  }))
  it('UNAVAILABLE with an effect', () => finds('effect', run => {
    const ack = records(run, 'alice').find(record => record.k === 'ack' && record.id)
    Object.assign(ack, { k: 'err', code: 'UNAVAILABLE' })
  }))
  it('UNAVAILABLE and then an ack is none', () => {
    const { counts: found } = counts(run => {
      const list = records(run, 'alice')
      const at = list.findIndex(record => record.k === 'send' && record.event === 'SEND_MESSAGE')
      list.splice(at, 0, { ...list[at], n: 800 }, { ...list[at], k: 'err', n: 800, code: 'UNAVAILABLE' })
    })
    assert.deepEqual(found, {})
  })
  it('a request without an answer', () => finds('hang', run => {
    records(run, 'bob').push({ t: 5000, k: 'send', c: 2, n: 77, edge: 1, event: 'SEND_MESSAGE', key: 'k', room: HALL, content: 'x' })
  }))
  it('an answer after more than 10 s', () => finds('hang', run => {
    records(run, 'bob').push({ t: 5000, k: 'send', c: 2, n: 77, edge: 1, event: 'LIST_ROOMS' },
      { t: 17_000, k: 'err', c: 2, n: 77, code: 'UNAVAILABLE' })
  }))
  it('a client that stopped waiting', () => finds('hang', run => {
    records(run, 'bob').push({ t: 5000, k: 'send', c: 2, n: 77, edge: 1, event: 'LIST_ROOMS' },
      { t: 15_000, k: 'none', c: 2, n: 77, why: 'timeout' })
  }))
  for (const fault of [{ k: 'stop', what: 'core1' }, { k: 'stop', what: 'broker' }, { k: 'partition', what: 'bus' }]) {
    it(`a wait during ${fault.k} of ${fault.what}`, () => finds('stall', run => {
      run.faults.push({ t: 20_000, end: 25_000, ...fault })
      records(run, 'bob').push({ t: 20_100, k: 'send', c: 2, n: 77, edge: 1, event: 'LIST_ROOMS' },
        { t: 24_000, k: 'ack', c: 2, n: 77 })
    }))
  }
  it('a wait for an edge that we stopped is none', () => {
    const { counts: found } = counts(run => {
      run.faults.push({ t: 20_000, k: 'stop', what: 'edge1', end: 45_000 })
      records(run, 'bob').push({ t: 20_100, k: 'send', c: 2, n: 77, edge: 1, event: 'LIST_ROOMS' },
        { t: 33_000, k: 'none', c: 2, n: 77, why: 'timeout' })
    })
    assert.deepEqual(found, {})
  })
})

describe('surroundings', () => {
  it('a session that nobody has', () => finds('presence', run => run.tables.sessions.push({ session_id: 'ghost', user_id: BOB })))
  it('a connection without a session', () => finds('presence', run => run.tables.sessions.pop()))
  it('an occupant who is not there', () => finds('presence', run => run.tables.room_occupants.push({ room_id: CELLAR, user_id: CAROL })))
  it('an occupant who is not counted', () => finds('presence', run => run.tables.room_occupants.pop()))
  const ring = (run, ms, room = HALL, clients = ['alice', 'bob', 'carol']) => {
    const seq = run.message(room, ALICE, RING)
    for (const client of clients) records(run, client).splice(-1, 0, run.delivery(room, seq, run.now + ms))
  }
  it('a bus that does not carry again', () => finds('bus', run => ring(run, 400)))
  it('one that does is none', () => assert.equal(counts(run => ring(run, 30)).counts.bus, undefined))
  const inCellar = (run, ...times) => {
    for (let i = 0; i < 3; i++) ring(run, 30)
    for (const ms of times) ring(run, ms, CELLAR, ['bob'])
  }
  it('one that carries all rooms but one', () => finds('bus', run => inCellar(run, 400, 400)))
  it('one that was late once carries', () => assert.equal(counts(run => inCellar(run, 400, 30)).counts.bus, undefined))
  it('a wrong answer of GET_PRESENCE', () => finds('presence', run => {
    records(run, 'alice').find(record => record.k === 'presence').users[BOB] = 'OFFLINE'
  }))
  it('memory that grew', () => finds('growth', run => { run.samples.at(-1).rss *= 20 }))
  it('descriptors that were not closed', () => finds('growth', run => { run.samples.at(-1).fds += 50 }))
  it('a new process that holds more than the first of its kind did', () => finds('growth', run => {
    Object.assign(run.samples.at(-1), { pid: 999, fds: run.samples[0].fds + 50 })
  }))
})
