// kill -9 of an edge under its clients: the outbox and the streams go on at the other one.

import { afterAll, beforeAll, expect, it } from "vitest";
import type { Gap, MessageCreatedPayload } from "@belfry/client";
import { collect, until } from "../support/wait.js";
import { closeAll, open, start, type RunningSystem } from "./system.js";

const MESSAGES = 300;

let sys: RunningSystem;
beforeAll(async () => {
  sys = await start({ edges: 2, cores: 2 });
});
afterAll(async () => {
  closeAll();
  await sys?.stop();
});

it("an edge that is killed loses no message, repeats none, and changes no order", async () => {
  const { roomId, users } = await sys.room({ members: 2 });
  const alice = open(sys, users[0]!, { url: sys.edges });
  const bob = open(sys, users[1]!, { url: [...sys.edges].reverse() });
  await Promise.all([alice, bob].map(client => client.emit("JOIN_ROOM", { roomId })));
  const heard = [alice, bob].map(client => collect<MessageCreatedPayload>(client, "MESSAGE_CREATED"));
  const gaps: Gap[] = [];
  const lost: string[] = [];
  alice.on("gap", gap => gaps.push(gap)).on("disconnect", reason => lost.push(reason));

  const answers = Array.from({ length: MESSAGES }, (_, i) => alice.emit("SEND_MESSAGE", { roomId, content: `${i}` }));
  await answers[MESSAGES / 3];
  const [victim] = (await sys.now())["BELFRY_EDGE_PIDS"]!.split(" ").map(Number);
  process.kill(victim!, "SIGKILL");

  const replies = await Promise.all(answers);
  const whole = Array.from({ length: MESSAGES }, (_, i) => i + 1);
  expect(replies.map(({ seq }) => seq)).toEqual(whole);
  expect(lost.length).toBeGreaterThan(0);
  for (const list of heard) {
    await until(() => list.length >= MESSAGES, 30_000);
    expect(list.map(({ seq }) => seq)).toEqual(whole);
    expect(list.map(({ message }) => message.content)).toEqual(whole.map(seq => `${seq - 1}`));
  }
  const rows = await sys.sql(`SELECT count(*), count(DISTINCT client_id) FROM messages WHERE room_id = '${roomId}'`);
  expect(rows).toEqual([[`${MESSAGES}`, `${MESSAGES}`]]);
  expect(gaps).toEqual([]);
});
