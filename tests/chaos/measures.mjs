// Figures that need a situation of their own: a bus that is dead or loses much, a client
// that missed a thousand messages, connections that break every two seconds.

import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { check, readRun } from './check.mjs'
import { spread } from './check/figures.mjs'
import { Load } from './load.mjs'
import { Place } from './place.mjs'
import { sleep, until } from './random.mjs'
import { dumpTables, metaOf } from './world.mjs'

export async function writeRun(load, folder) {
  await dumpTables(load.place.system, folder)
  await writeFile(join(folder, 'meta.json'), JSON.stringify(metaOf(load.world, load.users)))
}

/** A quiet load over a bus like this, checked as everything is: delivery latency. */
export async function overBus(bus, seed, folder, seconds) {
  await mkdir(folder, { recursive: true })
  const place = await Place.start({ edges: 2, cores: 2, bus, seed, folder })
  try {
    const load = await Load.make(place, { clients: 16, users: 16, moderators: 2, communities: 1, rooms: 4, privateRooms: 1, seed, folder, think: 400 })
    await load.begin()
    load.start({ disturb: false })
    await sleep(seconds * 1000)
    await load.stop()
    await load.settle(15_000)
    await load.part()
    await writeRun(load, folder)
    await load.close()
    const { findings, deliveries } = check(readRun(folder))
    return { findings, latency: spread(deliveries) }
  } finally {
    await place.stop()
  }
}

/** Clients come back after a thousand messages, while others go on talking. */
export async function resumeThousand(place, seed, folder, times) {
  await mkdir(folder, { recursive: true })
  const load = await Load.make(place, { clients: 5, users: 5, moderators: 1, communities: 1, rooms: 1, privateRooms: 0, seed: seed + 1, folder, think: 200 })
  const [room] = load.world.rooms
  const [reader, ...writers] = load.actors
  await load.begin()
  const cursor = reader.cursors.get(`room:${room.id}`)
  const first = Number(cursor.split('.')[0])
  await fill(writers, room, 990)
  let talking = true
  const talk = (async () => { while (talking) { await writers[0].say(room); await sleep(100) } })()
  const took = []
  for (let i = 0; i < times; i++) took.push(await resumeOnce(reader, room, cursor, first + 990, i))
  talking = false
  await talk
  await load.close()
  return spread(took)
}

async function fill(writers, room, count) {
  let left = count
  await Promise.all(writers.flatMap(writer => Array.from({ length: 8 }, async () => {
    while (left-- > 0) await writer.say(room)
  })))
}

async function resumeOnce(reader, room, cursor, wanted, i) {
  const stream = `room:${room.id}`
  reader.paused = true
  reader.cut()
  reader.cursors.set(stream, cursor)
  reader.framing = i % 2 ? 'json' : 'socketio'
  reader.paused = false
  const began = performance.now()
  await reader.connect()
  const there = await until(() => Number(reader.cursors.get(stream)?.split('.')[0]) >= wanted, 10_000, 2)
  return there ? performance.now() - began : NaN
}

/** A member who is only listening is kicked: from the kick's sending until it is told, when
 *  its subscriptions are closed. */
export async function closeSilent(place, seed, folder, times) {
  await mkdir(folder, { recursive: true })
  const load = await Load.make(place, { clients: 2, users: 2, moderators: 1, communities: 1, rooms: 2, privateRooms: 0, seed: seed + 3, folder, think: 200 })
  const [moderator, member] = load.actors
  const [community] = load.world.communities
  await load.begin()
  const took = []
  for (let i = 0; i < times; i++) {
    const began = performance.now()
    const kicked = await moderator.kick(community, member.user)
    const told = kicked?.ack && await until(() => member.absent.has(community.id), 10_000, 1)
    took.push(told ? performance.now() - began : NaN)
    await member.joinCommunity(community.id)
    await until(() => !member.absent.has(community.id), 10_000, 1)
    for (const room of load.world.rooms) await member.enter(room)
  }
  await load.close()
  return spread(took)
}

/** Receivers that are cut for two seconds again and again: the share of what they got. */
export async function twoSecondDrops(place, seed, folder, rounds) {
  await mkdir(folder, { recursive: true })
  const load = await Load.make(place, { clients: 10, users: 10, moderators: 1, communities: 1, rooms: 2, privateRooms: 0, seed: seed + 2, folder, think: 150 })
  await load.begin()
  const [sender, ...receivers] = load.actors
  let talking = true
  const talk = (async () => { while (talking) { await sender.say(load.world.rooms[0]); await sleep(40) } })()
  await Promise.all(receivers.map(async receiver => {
    for (let i = 0; i < rounds; i++) {
      await receiver.away(2000)
      await sleep(2000)
    }
  }))
  talking = false
  await talk
  await load.settle(10_000)
  for (const actor of load.actors) await actor.finish(true)
  await writeRun(load, folder)
  await load.close()
  return shareDelivered(folder, load.world.rooms[0])
}

/** Of what each receiver was owed since it joined. */
function shareDelivered(folder, room) {
  const run = readRun(folder)
  const stream = `room:${room.id}`
  let owed = 0
  let got = 0
  const last = run.tables.streams.find(row => row.kind === 3 && row.id === room.id).last_seq
  for (const records of run.clients.values()) {
    const all = [...records]
    const join = all.find(record => record.k === 'join' && record.stream === stream)
    if (!join) continue
    owed += last - join.seq
    got += new Set(all.filter(record => record.k === 'ev' && record.s === stream).map(record => record.q)).size
  }
  return { owed, got, share: owed ? got / owed : NaN }
}

