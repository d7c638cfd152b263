// Two clients on two edges of a running system.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { BelfryClient, BelfryError, Gap, MessageCreatedPayload, ResyncPayload } from "@belfry/client";
import { check, contract } from "@belfry/client/testing";
import { collect, connected, until } from "../support/wait.js";
import { closeAll, cut, open, system, type RunningSystem, type User } from "./system.js";

let sys: RunningSystem;
let roomId: string;
let community: string;
let users: [User, User];
let alice: BelfryClient;
let bob: BelfryClient;

beforeAll(async () => {
  sys = await system();
});
afterAll(() => sys?.stop());
beforeEach(async () => {
  const place = await sys.room({ members: 2 });
  ({ roomId, community } = place);
  users = place.users as [User, User];
  alice = open(sys, users[0]);
  bob = open(sys, users[1], { url: sys.edges[1]! });
});
afterEach(closeAll);

const say = (content: string) => alice.emit("SEND_MESSAGE", { roomId, content });
const seqs = (events: MessageCreatedPayload[]) => events.map(({ seq }) => seq);
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

describe("two clients on two edges", () => {
  it("talk: replies, events in order, typing", async () => {
    const { room, seq } = await bob.emit("JOIN_ROOM", { roomId });
    expect([room.id, seq]).toEqual([roomId, 0]);
    expect(bob.user).toEqual(users[1]);
    await alice.emit("JOIN_ROOM", { roomId });
    const [heard, own, typing] = [
      collect<MessageCreatedPayload>(bob, "MESSAGE_CREATED"),
      collect<MessageCreatedPayload>(alice, "MESSAGE_CREATED"),
      collect(bob, "USER_TYPING"),
    ];
    await alice.emit("TYPING_START", { roomId });
    const replies = await Promise.all(range(1, 50).map(i => say(`${i}`)));
    expect(replies.map(reply => reply.seq)).toEqual(range(1, 50));
    await until(() => heard.length === 50 && own.length === 50 && typing.length > 0);
    expect(seqs(heard)).toEqual(range(1, 50));
    expect(seqs(own)).toEqual(range(1, 50));
    expect(heard[0]!.message).toEqual(replies[0]!.message);
    expect(typing[0]).toMatchObject({ roomId, userId: users[0].id, isTyping: true });
  });

  it("send whatever a user can type or paste", async () => {
    let lost = 0;
    alice.on("disconnect", () => lost++);
    const typed = ["half an emoji \ud83d", "NUL \0", "\\ud83d \\u0000 \u{1f600}"];
    for (const content of typed) {
      expect((await say(content)).message.content).toBe(content.replace(/\ud83d$|\0/u, "\ufffd"));
    }
    await expect(say("x".repeat(70_000))).rejects.toMatchObject({ code: "PAYLOAD_TOO_LARGE" });
    expect(lost).toBe(0);
  });

  it("hear why something is refused, as the mock server says it", async () => {
    const emit = alice.emit.bind(alice) as (event: string, payload: unknown) => Promise<unknown>;
    const errors = collect(alice, "ERROR");
    const bad: [string, unknown][] = [
      ["SEND_MESSAGE", {}],
      ["SEND_MESSAGE", { roomId: "no", content: "" }],
      ["SEND_MESSAGE", { roomId, content: " \u200b" }],
      ["SEND_MESSAGE", { roomId, content: 5, extra: 1 }],
      ["SEND_MESSAGE", { roomId, content: "x".repeat(4001) }],
      ["GET_HISTORY", { roomId, limit: 0 }],
      ["GET_HISTORY", { roomId, limit: "x" }],
      ["GET_PRESENCE", { userIds: [] }],
      ["GET_PRESENCE", { userIds: [roomId, "x"] }],
      ["SET_PRESENCE", { status: "ASLEEP" }],
    ];
    for (const [event, payload] of bad) {
      const error = (await emit(event, payload).catch((e: unknown) => e)) as BelfryError;
      const told = error.violations.map(({ path, rule }) => `${path} ${rule}`).sort();
      const mock = check(contract, contract.client[event]!.payload, payload).map(({ path, rule }) => `${path} ${rule}`);
      expect([event, error.code, told]).toEqual([event, "VALIDATION_ERROR", mock.sort()]);
    }
    await until(() => errors.length === bad.length);
    await expect(emit("NO_SUCH_EVENT", {})).rejects.toMatchObject({ code: "UNKNOWN_EVENT" });
    await expect(alice.emit("JOIN_ROOM", { roomId: community })).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  it("get replies of the contract's form", async () => {
    const replies = {
      JOIN_ROOM: await alice.emit("JOIN_ROOM", { roomId }),
      SEND_MESSAGE: await say("x"),
      GET_HISTORY: await alice.emit("GET_HISTORY", { roomId }),
      LIST_ROOMS: await alice.emit("LIST_ROOMS", { communityId: community }),
      LIST_SESSIONS: await alice.emit("LIST_SESSIONS"),
      GET_PRESENCE: await alice.emit("GET_PRESENCE", { userIds: [users[1].id] }),
      JOIN_ALL_ROOMS: await alice.emit("JOIN_ALL_ROOMS"),
    };
    for (const [event, reply] of Object.entries(replies)) {
      expect([event, check(contract, contract.client[event]!.reply, reply)]).toEqual([event, []]);
    }
  });
});

describe("a lost connection", () => {
  it("is resumed: nothing is missing, nothing twice, nobody joins again", async () => {
    await bob.emit("JOIN_ROOM", { roomId });
    const heard = collect<MessageCreatedPayload>(bob, "MESSAGE_CREATED");
    const gaps: Gap[] = [];
    bob.on("gap", gap => gaps.push(gap));
    await say("1");
    await until(() => heard.length === 1);
    for (let i = 0; i < 3; i++) {
      const before = bob.session?.sessionId;
      cut(bob);
      await Promise.all(range(1, 20).map(n => say(`${i} ${n}`)));
      await until(() => bob.status === "connected" && bob.session?.sessionId !== before);
    }
    await until(() => heard.length === 61);
    expect(seqs(heard)).toEqual(range(1, 61));
    expect(gaps).toEqual([]);
  });

  it("loses nothing that was under way: it is sent again, and happens once", async () => {
    await alice.emit("JOIN_ROOM", { roomId });
    const answers = range(1, 60).map(i => say(`${i}`));
    await answers[5];
    cut(alice);
    const replies = await Promise.all(answers);
    const rows = await sys.sql(`SELECT content, seq FROM messages WHERE room_id = '${roomId}' ORDER BY seq`);
    expect(rows.map(([content]) => content)).toEqual(range(1, 60).map(String));
    expect(replies.map(({ seq }) => seq)).toEqual(range(1, 60));
  });

  it("for too long is told by RESYNC, and the stream goes on", async () => {
    await bob.emit("JOIN_ROOM", { roomId });
    const heard = collect<MessageCreatedPayload>(bob, "MESSAGE_CREATED");
    const resyncs = collect<ResyncPayload>(bob, "RESYNC");
    await say("1");
    await until(() => heard.length === 1);
    let release = (): void => {};
    const held = new Promise<void>(resolve => (release = resolve));
    const late = open(sys, users[1], {
      token: async reason => {
        if (reason === "connect" && late.session) await held;
        return sys.token(users[1]);
      },
    });
    await late.emit("JOIN_ROOM", { roomId });
    const [lateHeard, lateResyncs] = [
      collect<MessageCreatedPayload>(late, "MESSAGE_CREATED"),
      collect<ResyncPayload>(late, "RESYNC"),
    ];
    cut(late);
    for (let i = 0; i < 11; i++) await Promise.all(range(1, 100).map(n => say(`${i} ${n}`)));
    release();
    await until(() => lateResyncs.length > 0, 30_000);
    const last = await say("last");
    await until(() => seqs(lateHeard).includes(last.seq) && seqs(heard).includes(last.seq), 30_000);
    expect(lateResyncs[0]).toMatchObject({ stream: `room:${roomId}`, seq: last.seq - 1 });
    expect(seqs(lateHeard)).toEqual([last.seq]);
    expect(resyncs).toEqual([]);
    expect(seqs(heard)).toEqual(range(1, last.seq));
  });
});

describe("a session", () => {
  it("goes on with a fresh token when the old one expires", async () => {
    const reasons: string[] = [];
    const client = open(sys, users[0], {
      token: reason => {
        reasons.push(reason);
        const soon = Math.floor(Date.now() / 1000) + 30;
        return sys.token(users[0], reasons.length === 1 ? { exp: soon } : {});
      },
    });
    await client.emit("JOIN_ROOM", { roomId });
    const heard = collect<MessageCreatedPayload>(client, "MESSAGE_CREATED");
    await until(() => reasons.includes("expiring"), 10_000);
    await Promise.all(range(1, 10).map(i => say(`${i}`)));
    await until(() => heard.length === 10);
    expect(seqs(heard)).toEqual(range(1, 10));
  });

  it("that is revoked ends, and says so", async () => {
    const other = open(sys, users[0]);
    await connected(other);
    const { sessionId } = other.session!;
    await alice.emit("REVOKE_SESSION", { sessionId });
    await until(() => other.status === "refused", 15_000);
    expect(other.refusal).toMatchObject({ code: "SESSION_ENDED" });
    expect(alice.status).toBe("connected");
  });

  it("with a bad token is refused", async () => {
    const client = open(sys, users[0], { token: "no token at all" });
    await until(() => client.status === "refused");
    expect(client.refusal).toMatchObject({ code: "UNAUTHENTICATED", message: "Authentication failed" });
  });
});
