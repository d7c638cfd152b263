import { afterEach, describe, expect, it } from "vitest";
import type { BelfryClient, Gap, MessageCreatedPayload } from "@belfry/client";
import { createMockServer, type MockServer } from "@belfry/client/testing";
import { Streams } from "../src/streams.js";
import { collect, connected, until } from "./support/wait.js";

const ROOM = "0190c0de-0000-7000-8000-000000000001";
const STREAM = `room:${ROOM}`;
const opened: BelfryClient[] = [];
const open = (server: MockServer, name = "alice") => {
  const client = server.client(name);
  opened.push(client);
  return client;
};
afterEach(() => opened.splice(0).forEach(client => client.close()));

const say = (client: BelfryClient, content: string) => client.emit("SEND_MESSAGE", { roomId: ROOM, content });
const contents = (list: MessageCreatedPayload[]) => list.map(({ message }) => message.content);

describe("a stream", () => {
  it("goes on after a lost connection where it was, without a JOIN", async () => {
    const server = createMockServer();
    const [alice, bob] = [open(server), open(server, "bob")];
    await bob.emit("JOIN_ROOM", { roomId: ROOM });
    const heard = collect<MessageCreatedPayload>(bob, "MESSAGE_CREATED");
    await say(alice, "1");
    await until(() => heard.length === 1);
    server.cut("bob");
    for (const content of ["2", "3"]) await say(alice, content);
    await until(() => heard.length === 3);
    expect(contents(heard)).toEqual(["1", "2", "3"]);
    expect(server.calls.filter(({ event }) => event === "JOIN_ROOM")).toHaveLength(1);
  });

  it("of a room that is named beforehand begins with the connection, and goes on as any other", async () => {
    const server = createMockServer();
    const alice = open(server);
    await say(alice, "before");
    const bob = server.client("bob", { rooms: [ROOM] });
    opened.push(bob);
    const heard = collect<MessageCreatedPayload>(bob, "MESSAGE_CREATED");
    await connected(bob);
    await say(alice, "1");
    await until(() => heard.length === 1);
    server.cut("bob");
    await say(alice, "2");
    await until(() => heard.length === 2);
    expect(contents(heard)).toEqual(["1", "2"]);
    expect(server.calls.some(({ event }) => event === "JOIN_ROOM")).toBe(false);
  });

  it("of such a room is asked for once, and missed where it may not be seen", () => {
    const streams = new Streams([ROOM]);
    expect(streams.resume()).toEqual({ [STREAM]: null });
    expect(streams.begin({ "user:1": "0.0" })).toEqual([STREAM]);
    expect(streams.resume()).toEqual({ "user:1": "0.0" });
    streams.clear();
    expect(streams.resume()).toEqual({ [STREAM]: null });
    streams.leave(STREAM);
    expect(streams.resume()).toEqual({});
  });

  it("hands out no event twice", async () => {
    const server = createMockServer();
    const client = open(server);
    await client.emit("JOIN_ROOM", { roomId: ROOM });
    const heard = collect<MessageCreatedPayload>(client, "MESSAGE_CREATED");
    await say(client, "1");
    const gaps: Gap[] = [];
    client.on("gap", gap => gaps.push(gap));
    const [session] = server.sessions;
    session!.send("MESSAGE_CREATED", heard[0]!);
    await say(client, "2");
    await until(() => heard.length === 2);
    expect(contents(heard)).toEqual(["1", "2"]);
    expect(gaps).toEqual([]);
  });

  it("that has a gap is fetched anew, and the gap reported", async () => {
    const server = createMockServer();
    const client = open(server);
    await client.emit("JOIN_ROOM", { roomId: ROOM });
    const heard = collect<MessageCreatedPayload>(client, "MESSAGE_CREATED");
    const gaps: Gap[] = [];
    client.on("gap", gap => gaps.push(gap));
    await say(client, "1");
    // lost on the way: the log has it, the client does not
    server.log.append(STREAM, "MESSAGE_CREATED", { message: { ...heard[0]!.message, content: "2" } }, new Date());
    await say(client, "3");
    await until(() => heard.length === 3);
    expect(contents(heard)).toEqual(["1", "2", "3"]);
    expect(gaps).toEqual([{ stream: STREAM, expected: 2, got: 3, recovering: true }]);
  });

  it("that a server cannot fill is not asked for for ever", () => {
    const streams = new Streams();
    streams.join(STREAM, 1, "1.a");
    const event = { stream: STREAM, seq: 3, cursor: "3.c", timestamp: "" };
    for (let i = 0; i < 3; i++) expect(streams.accept(event)).toMatchObject({ recovering: true });
    expect(streams.accept(event)).toMatchObject({ expected: 2, got: 3, recovering: false });
    expect(streams.accept({ ...event, seq: 4, cursor: "4.d" })).toBe("next");
  });

  it("that cannot be resumed says so", async () => {
    const server = createMockServer();
    const client = open(server);
    await client.emit("JOIN_ROOM", { roomId: ROOM });
    const [heard, resyncs] = [collect<MessageCreatedPayload>(client, "MESSAGE_CREATED"), collect(client, "RESYNC")];
    await say(client, "1");
    server.log.restart();
    server.cut();
    await until(() => resyncs.some(({ stream }) => stream === STREAM));
    expect(resyncs).toContainEqual({ stream: STREAM, seq: 1, cursor: "1.00000002" });
    await say(client, "2");
    await until(() => heard.length === 2);
    expect(contents(heard)).toEqual(["1", "2"]);
  });

  it("is left for good, with or without a connection", async () => {
    const server = createMockServer();
    const client = open(server);
    await client.emit("JOIN_ROOM", { roomId: ROOM });
    const left = client.emit("LEAVE_ROOM", { roomId: ROOM });
    server.cut(); // before the answer
    await left;
    await connected(client);
    const listens = () => [...server.sessions].some(({ subscriptions }) => subscriptions.has(STREAM));
    expect(listens()).toBe(false);

    server.offline();
    await until(() => client.status !== "connected");
    const joined = client.emit("JOIN_ROOM", { roomId: ROOM });
    await client.emit("LEAVE_ROOM", { roomId: ROOM });
    await expect(joined).rejects.toMatchObject({ code: "DISCONNECTED" });
    server.online();
    await connected(client);
    await client.emit("GET_HISTORY", { roomId: ROOM });
    expect(listens()).toBe(false);
  });

  it("is left for good while a connection is being begun with it", async () => {
    let left: Promise<unknown> | undefined;
    let leaving = true;
    const server: MockServer = createMockServer({
      authenticate: name => {
        if (leaving) left = client.emit("LEAVE_ROOM", { roomId: ROOM });
        return server.user(name);
      },
    });
    const client = server.client("bob", { rooms: [ROOM] });
    opened.push(client);
    const listens = () => [...server.sessions].some(({ subscriptions }) => subscriptions.has(STREAM));
    const isLeft = async () => {
      await until(() => left);
      await left;
      left = undefined;
      await connected(client);
      await client.emit("LIST_SESSIONS");
      expect(listens()).toBe(false);
    };
    await isLeft();
    leaving = false;
    await client.emit("JOIN_ROOM", { roomId: ROOM });
    expect(listens()).toBe(true);
    leaving = true;
    server.cut();
    await isLeft();
  });

  it("of more rooms than fit into one CONNECT is missed", () => {
    const rooms = Array.from({ length: 3000 }, (_, i) => `0190c0de-0000-7000-8000-${String(i).padStart(12, "0")}`);
    const streams = new Streams(rooms);
    const asked = streams.resume();
    expect(JSON.stringify(asked).length).toBeLessThan(64 * 1024 - 4096); // and a token
    const lost = streams.begin(Object.fromEntries(Object.keys(asked).map(stream => [stream, "1.00000001"])));
    expect(lost).toEqual(rooms.slice(Object.keys(asked).length).map(id => `room:${id}`));
  });

  it("is left also when LEAVE has to wait for the rate limit, unless it is joined again", async () => {
    const server = createMockServer();
    const client = open(server);
    const listens = () => [...server.sessions].some(({ subscriptions }) => subscriptions.has(STREAM));
    await client.emit("JOIN_ROOM", { roomId: ROOM });
    server.refuse("LEAVE_ROOM", "RATE_LIMITED", { times: 1, retryAfterMs: 10 });
    await client.emit("LEAVE_ROOM", { roomId: ROOM });
    expect(listens()).toBe(false);

    for (const meanwhile of [0, 1]) {
      await client.emit("JOIN_ROOM", { roomId: ROOM });
      server.refuse("LEAVE_ROOM", "RATE_LIMITED", { times: 1, retryAfterMs: 20 });
      const left = client.emit("LEAVE_ROOM", { roomId: ROOM });
      if (meanwhile) await client.emit("LIST_SESSIONS"); // LEAVE is refused by now
      await client.emit("JOIN_ROOM", { roomId: ROOM });
      await left;
      server.refuse("LEAVE_ROOM", "RATE_LIMITED", { times: 0 });
      expect([listens(), client.pending]).toEqual([true, 0]);
    }
  });

  it("goes on through a second JOIN", () => {
    const streams = new Streams();
    streams.join(STREAM, 5, "5.a");
    streams.join(STREAM, 9, "9.b"); // the answer has overtaken 6 to 9
    for (const seq of [6, 7, 8, 9, 10]) expect(streams.accept({ stream: STREAM, seq, cursor: `${seq}.x`, timestamp: "" })).toBe("next");
    streams.join(STREAM, 20, "20.b"); // or the subscription had ended, and this is a new one
    expect(streams.accept({ stream: STREAM, seq: 21, cursor: "21.x", timestamp: "" })).toBe("next");
  });

  it("is lost with the right to it", async () => {
    const server = createMockServer();
    const client = open(server);
    await client.emit("JOIN_ROOM", { roomId: ROOM });
    const lost: string[] = [];
    client.on("lost", stream => lost.push(stream));
    server.publish("ACCESS_CHANGED", { roomId: ROOM, granted: false, reason: "kicked" }, { stream: `user:${client.user!.id}` });
    await until(() => lost.length === 1);
    expect(lost).toEqual([STREAM]);
  });

  it("of a community is lost with the community", async () => {
    const server = createMockServer();
    const client = open(server);
    await client.emit("LIST_SESSIONS");
    const [session] = server.sessions;
    for (const stream of [`community:${ROOM}`, `members:${ROOM}`]) session!.send("STREAM_OPENED", { stream, seq: 3, cursor: "3.a" });
    const lost: string[] = [];
    client.on("lost", stream => lost.push(stream));
    server.publish("ACCESS_CHANGED", { communityId: ROOM, granted: false, reason: "kicked" }, { stream: `user:${client.user!.id}` });
    await until(() => lost.length > 0);
    expect(lost).toEqual([`community:${ROOM}`, `members:${ROOM}`]);
  });

  it("of a room that is refused is not resumed", async () => {
    const server = createMockServer();
    const client = open(server);
    await client.emit("JOIN_ROOM", { roomId: ROOM });
    server.refuse("JOIN_ROOM", "NOT_FOUND"); // its community is gone
    await expect(client.emit("JOIN_ROOM", { roomId: ROOM })).rejects.toMatchObject({ code: "NOT_FOUND" });
    const again = new Promise<void>(resolve => void client.once("connect", resolve));
    server.cut();
    await again;
    expect([...server.sessions].some(({ subscriptions }) => subscriptions.has(STREAM))).toBe(false);
  });

  it("of all rooms is followed again by a new session", async () => {
    const server = createMockServer();
    const client = open(server);
    await client.emit("JOIN_ALL_ROOMS");
    server.cut();
    await until(() => server.calls.filter(({ event }) => event === "JOIN_ALL_ROOMS").length === 2);
  });
});
