import { IDBFactory } from "fake-indexeddb";
import { afterEach, describe, expect, it, vi } from "vitest";
import { BelfryError, indexedDbStorage, memoryStorage, type BelfryClient, type OutboxEntry, type OutboxStorage } from "@belfry/client";
import { createMockServer, type MockServer } from "@belfry/client/testing";
import { connected, until } from "./support/wait.js";

const ROOM = "0190c0de-0000-7000-8000-000000000001";
const opened: BelfryClient[] = [];
const open = (server: MockServer, options = {}, name = "alice") => {
  const client = server.client(name, options);
  opened.push(client);
  return client;
};
afterEach(() => opened.splice(0).forEach(client => client.close()));

const say = (client: BelfryClient, content: string) => client.emit("SEND_MESSAGE", { roomId: ROOM, content });
const history = async (client: BelfryClient) =>
  (await client.emit("GET_HISTORY", { roomId: ROOM })).messages.map(({ content }) => content);

describe("the outbox", () => {
  it("keeps what is emitted without a connection, and sends it in order", async () => {
    const server = createMockServer();
    server.offline();
    const client = open(server);
    const answers = Array.from({ length: 100 }, (_, i) => say(client, `${i}`));
    expect(client.pending).toBe(100);
    server.online();
    const seqs = (await Promise.all(answers)).map(({ seq }) => seq);
    expect(seqs).toEqual(Array.from({ length: 100 }, (_, i) => i + 1));
    expect(client.pending).toBe(0);
  });

  it("sends again, with the same clientId, what was under way when the connection was lost", async () => {
    const server = createMockServer();
    const client = open(server);
    await connected(client);
    const [session] = server.sessions;
    const answer = session!.answer.bind(session);
    let count = 0;
    session!.answer = (give, reply) => {
      if (++count <= 5) answer(give, reply);
      if (count === 10) server.cut(); // five were carried out, their answers are lost
    };
    const rooms = Array.from({ length: 20 }, () => server.uuid()); // what goes to one room waits for each other
    await Promise.all(rooms.map(roomId => client.emit("SEND_MESSAGE", { roomId, content: "once" })));
    for (const roomId of rooms) {
      expect((await client.emit("GET_HISTORY", { roomId })).messages.map(({ content }) => content)).toEqual(["once"]);
    }
    const ids = server.calls.map(({ payload }) => payload["clientId"]).filter(Boolean);
    expect(new Set(ids).size).toBe(20);
    expect(ids.length).toBeGreaterThanOrEqual(25);
  });

  it("is bounded", async () => {
    const server = createMockServer();
    server.offline();
    const client = open(server, { outbox: { maxEntries: 2 } });
    const kept = [say(client, "1"), say(client, "2")];
    await expect(say(client, "3")).rejects.toMatchObject({ code: "OUTBOX_FULL", event: "SEND_MESSAGE" });
    server.online();
    await Promise.all(kept);
  });

  it("does not send what the server may have forgotten the answer of", async () => {
    const server = createMockServer();
    const client = open(server, { outbox: { maxAgeMs: -1 } });
    await expect(say(client, "old")).rejects.toMatchObject({ code: "EXPIRED" });
    expect(server.calls).toEqual([]);
    expect(client.pending).toBe(0);
  });

  it("loses nothing and keeps the order when the server lets through one at a time", async () => {
    const server = createMockServer();
    const seen = limited(server, 5);
    server.offline();
    const client = open(server);
    const answers = Array.from({ length: 40 }, (_, i) => say(client, `${i}`));
    server.online();
    await Promise.all(answers);
    expect(seen.heard).toEqual(Array.from({ length: 40 }, (_, i) => `${i}`));
    expect(seen.refused).toBeLessThan(80);
  });

  it("lets no message overtake one that was refused for now", async () => {
    const server = createMockServer();
    const client = open(server);
    await connected(client);
    server.refuse("SEND_MESSAGE", "UNAVAILABLE", { times: 1, retryAfterMs: 1 });
    await Promise.all(["1", "2", "3"].map(content => say(client, content)));
    expect(await history(client)).toEqual(["1", "2", "3"]);
  });

  it("takes no more bytes than it may", async () => {
    const server = createMockServer();
    server.offline();
    const client = open(server, { outbox: { maxBytes: 300 } });
    const kept = say(client, "1".repeat(100));
    await expect(say(client, "2".repeat(100))).rejects.toMatchObject({ code: "OUTBOX_FULL" });
    server.online();
    await kept;
  });

  // an edge closes the connection for these: sent again and again they would end each new one
  it("sends nothing that no server can read", async () => {
    const server = createMockServer();
    const client = open(server);
    await expect(say(client, "x".repeat(70_000))).rejects.toMatchObject({ code: "PAYLOAD_TOO_LARGE" });
    let deep: unknown = "end";
    for (let i = 0; i < 20; i++) deep = [deep];
    await expect(client.emit("SEND_MESSAGE", { roomId: ROOM, content: deep as string })).rejects.toMatchObject({ code: "VALIDATION_ERROR" });
    await expect(client.emit("GET_HISTORY", { roomId: ROOM, before: 1n as never })).rejects.toMatchObject({ code: "VALIDATION_ERROR" });
    for (const content of ["half an emoji \ud83d", "NUL \0", "\\ud83d \u{1f600}"]) await say(client, content);
    expect(await history(client)).toEqual(["half an emoji \ufffd", "NUL \ufffd", "\\ud83d \u{1f600}"]);
  });

  it("asks again when no answer comes", async () => {
    const server = createMockServer();
    const client = open(server, { answerTimeoutMs: 50 });
    await client.emit("JOIN_ROOM", { roomId: ROOM });
    const [session] = server.sessions;
    session!.answer = () => {}; // this connection answers nothing any more
    const { seq } = await say(client, "once");
    expect(seq).toBe(1);
    expect(await history(client)).toEqual(["once"]);
  });
});

describe.each<[string, () => OutboxStorage]>([
  ["memory", () => memoryStorage()],
  ["IndexedDB", () => indexedDbStorage({ factory: new IDBFactory() })],
])("an outbox kept in %s", (_, storage) => {
  it("outlives a reload, in order, before what is new", async () => {
    const kept = storage();
    const server = createMockServer();
    const before = open(server, { outbox: { storage: kept } });
    await connected(before);
    server.offline();
    await until(() => before.status !== "connected");
    const lost = ["1", "2", "3"].map(content => say(before, content));
    await keptEntries(kept, 3);
    before.close();
    for (const answer of lost) await expect(answer).rejects.toMatchObject({ code: "CLOSED" });

    server.online();
    const restored: OutboxEntry[] = [];
    const answers: Promise<unknown>[] = [];
    const onRestored = (entry: OutboxEntry, answer: Promise<unknown>) => {
      restored.push(entry);
      answers.push(answer);
    };
    const after = open(server, { outbox: { storage: kept, onRestored } });
    await say(after, "4");
    expect(await history(after)).toEqual(["1", "2", "3", "4"]);
    expect(restored.map(({ event, payload }) => [event, payload["content"]])).toEqual(
      ["1", "2", "3"].map(content => ["SEND_MESSAGE", content]),
    );
    expect((await Promise.all(answers)).map(reply => (reply as { seq: number }).seq)).toEqual([1, 2, 3]);
    await keptEntries(kept, 0);
  });

  it("comes first also when the connection is lost while it is read", async () => {
    const kept = storage();
    const server = createMockServer();
    const userId = server.user("alice").id;
    for (const content of ["1", "2"]) {
      await kept.put({ clientId: server.uuid(), event: "SEND_MESSAGE", payload: { roomId: ROOM, content }, at: Date.now(), order: 0, userId });
    }
    let release = () => {};
    const held = new Promise<void>(resolve => (release = resolve));
    const slow = { ...kept, load: async () => (await held, kept.load()) };
    const client = open(server, { outbox: { storage: slow } });
    await connected(client);
    const again = new Promise<void>(resolve => void client.once("connect", resolve));
    server.cut();
    await again;
    const new3 = say(client, "3");
    release();
    await new3;
    expect(await history(client)).toEqual(["1", "2", "3"]);
  });

  it("drops what is too old, with an error", async () => {
    const kept = storage();
    const server = createMockServer();
    const userId = server.user("alice").id;
    const old = Date.now() - 7 * 24 * 3_600_000;
    const entry = { event: "SEND_MESSAGE", payload: { roomId: ROOM, content: "old" }, order: 0, userId };
    await kept.put({ ...entry, clientId: server.uuid(), at: old });
    const answers: Promise<unknown>[] = [];
    const client = open(server, { outbox: { storage: kept, onRestored: (_: OutboxEntry, answer: Promise<unknown>) => answers.push(answer) } });
    await connected(client);
    await until(() => answers.length === 1);
    await expect(answers[0]).rejects.toMatchObject({ code: "EXPIRED" });
    expect(await history(client)).toEqual([]);
    await keptEntries(kept, 0);
  });

  it("sends nothing in another user's name", async () => {
    const kept = storage();
    const server = createMockServer();
    const alice = open(server, { outbox: { storage: kept } });
    await connected(alice);
    server.offline();
    await until(() => alice.status !== "connected");
    void say(alice, "alice's");
    await keptEntries(kept, 1);
    alice.close();
    server.online();
    const bob = open(server, { outbox: { storage: kept } }, "bob");
    expect(await history(bob)).toEqual([]);
    const back = open(server, { outbox: { storage: kept } });
    await connected(back);
    await until(() => server.calls.some(({ event, user }) => event === "SEND_MESSAGE" && user.username === "alice"));
    await keptEntries(kept, 0);
  });
});

/** Lets `burst` messages through, then one at a time, as an edge that enforces limits. */
function limited(server: MockServer, burst: number): { refused: number; heard: string[] } {
  let left = burst;
  const seen = { refused: 0, heard: [] as string[] };
  server.handle("SEND_MESSAGE", ({ roomId, content }) => {
    if (left-- <= 0) {
      seen.refused++;
      setTimeout(() => (left = 1), 2);
      throw new BelfryError({ event: "SEND_MESSAGE", code: "RATE_LIMITED", message: "Too many requests", retryAfterMs: 4 });
    }
    const seq = seen.heard.push(content as string);
    return { seq, message: { id: server.uuid(), roomId, content, seq } } as never;
  });
  return seen;
}

async function keptEntries(kept: OutboxStorage, count: number): Promise<void> {
  for (;;) {
    if ((await kept.load()).length === count) return;
    await new Promise(resolve => setImmediate(resolve));
  }
}

it("an IndexedDB that cannot be opened is reported, and nothing else fails", async () => {
  const server = createMockServer();
  const errors: unknown[] = [];
  const broken = { open: () => { throw new Error("no disk"); } } as unknown as IDBFactory;
  const storage = indexedDbStorage({ factory: broken });
  const client = open(server, { outbox: { storage }, onError: (error: unknown) => errors.push(error) });
  expect((await say(client, "x")).seq).toBe(1);
  expect(errors.length).toBeGreaterThan(0);
});

it("a storage that does not answer is reported, and holds up nothing for good", async () => {
  vi.useFakeTimers();
  const server = createMockServer();
  const errors: unknown[] = [];
  const storage = { ...memoryStorage(), load: () => new Promise<never>(() => {}) };
  const client = open(server, { outbox: { storage }, onError: (error: unknown) => errors.push(error) });
  const sent = say(client, "x");
  await vi.advanceTimersByTimeAsync(11_000);
  vi.useRealTimers();
  expect((await sent).seq).toBe(1);
  expect(errors).toHaveLength(1);
});
