import { IDBFactory } from "fake-indexeddb";
import { afterEach, describe, expect, it } from "vitest";
import { indexedDbStorage, memoryStorage, type BelfryClient, type OutboxEntry, type OutboxStorage } from "@belfry/client";
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
    const answers = Array.from({ length: 20 }, (_, i) => say(client, `${i}`));
    await Promise.all(answers);
    expect(await history(client)).toEqual(Array.from({ length: 20 }, (_, i) => `${i}`));
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
