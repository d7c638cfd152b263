import { afterEach, describe, expect, it, vi } from "vitest";
import { BelfryError, ClientEvents, createClient, ServerEvents, type BelfryClient, type Connector } from "@belfry/client";
import { createMockServer, type MockServer } from "@belfry/client/testing";
import { collect, connected, until } from "./support/wait.js";

const ROOM = "0190c0de-0000-7000-8000-000000000001";
const opened: BelfryClient[] = [];
const open = (server: MockServer, name = "alice", options = {}) => {
  const client = server.client(name, options);
  opened.push(client);
  return client;
};
afterEach(() => opened.splice(0).forEach(client => client.close()));

describe("emit", () => {
  it("resolves with the reply", async () => {
    const client = open(createMockServer());
    await client.emit(ClientEvents.JOIN_ROOM, { roomId: ROOM });
    const { message, seq } = await client.emit("SEND_MESSAGE", { roomId: ROOM, content: "Hello" });
    expect(message).toMatchObject({ roomId: ROOM, content: "Hello", authorName: "alice", seq: 1 });
    expect(seq).toBe(1);
  });

  it("rejects with a typed error", async () => {
    const server = createMockServer();
    const client = open(server);
    const error = await client.emit("SEND_MESSAGE", { roomId: "no", content: "" }).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(BelfryError);
    expect(error).toMatchObject({ name: "BelfryError", event: "SEND_MESSAGE", code: "VALIDATION_ERROR" });
    expect((error as BelfryError).violations.map(({ path, rule }) => [path, rule])).toEqual([
      ["roomId", "format"],
      ["content", "min_length"],
    ]);
    server.refuse("SEND_MESSAGE", "PERMISSION_DENIED", { details: { missing: ["SEND_MESSAGE"] } });
    await expect(client.emit("SEND_MESSAGE", { roomId: ROOM, content: "x" })).rejects.toMatchObject({
      code: "PERMISSION_DENIED",
      message: "Insufficient permissions",
      details: { missing: ["SEND_MESSAGE"] },
    });
  });

  it("is no unhandled rejection when nobody waits", async () => {
    const unhandled: unknown[] = [];
    const listener = (reason: unknown) => unhandled.push(reason);
    process.on("unhandledRejection", listener);
    const server = createMockServer();
    const client = open(server);
    const errors = collect(client, "ERROR");
    void client.emit("TYPING_START", { roomId: ROOM }); // not connected yet
    void client.emit("SEND_MESSAGE", { roomId: "no", content: "x" });
    await until(() => errors.length === 1);
    void client.emit("GET_HISTORY", { roomId: ROOM });
    client.close();
    await new Promise(resolve => setImmediate(resolve));
    process.off("unhandledRejection", listener);
    expect(unhandled).toEqual([]);
    expect(errors[0]).toMatchObject({ event: "SEND_MESSAGE", code: "VALIDATION_ERROR" });
  });

  it("gives changes a clientId, and nothing else", async () => {
    const server = createMockServer();
    const client = open(server);
    await client.emit("SEND_MESSAGE", { roomId: ROOM, content: "x" });
    await client.emit("GET_HISTORY", { roomId: ROOM });
    const own = "018f4e9a-0000-7000-8000-0000000000ff";
    await client.emit("SEND_MESSAGE", { roomId: ROOM, content: "y", clientId: own });
    const [sent, read, again] = server.calls.map(({ payload }) => payload["clientId"]);
    expect(sent).toMatch(/^[0-9a-f-]{36}$/);
    expect(read).toBeUndefined();
    expect(again).toBe(own);
  });

  it.each<[string, unknown]>([
    ["nothing", undefined],
    ["getRandomValues", { getRandomValues: (bytes: Uint8Array) => bytes.fill(0xff) }],
  ])("makes a clientId where crypto has %s", async (_, crypto) => {
    vi.stubGlobal("crypto", crypto);
    const server = createMockServer();
    const sent = open(server).emit("SEND_MESSAGE", { roomId: ROOM, content: "x" });
    vi.unstubAllGlobals();
    await sent;
    expect(server.calls[0]!.payload["clientId"]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  it("sends what was meant when it was emitted", async () => {
    const server = createMockServer();
    const client = open(server);
    const payload = { roomId: ROOM, content: "before" };
    const answer = client.emit("SEND_MESSAGE", payload);
    payload.content = "after";
    expect((await answer).message.content).toBe("before");
    expect(payload).toEqual({ roomId: ROOM, content: "after" });
  });

  it("sends again what was refused for now, in order", async () => {
    const server = createMockServer();
    const client = open(server);
    await connected(client);
    server.refuse("SEND_MESSAGE", "RATE_LIMITED", { times: 2, retryAfterMs: 10 });
    const sent = ["a", "b", "c"].map(content => client.emit("SEND_MESSAGE", { roomId: ROOM, content }));
    expect((await Promise.all(sent)).length).toBe(3);
    // c was not refused; a and b keep their order behind it
    const { messages } = await client.emit("GET_HISTORY", { roomId: ROOM });
    expect(messages.map(({ content }) => content).filter(content => content !== "c")).toEqual(["a", "b"]);
    server.refuse("SEND_MESSAGE", "UNAVAILABLE", { times: 1, retryAfterMs: 10 });
    await expect(
      client.emit("SEND_MESSAGE", { roomId: ROOM, content: "x" }, { retries: 0 }),
    ).rejects.toMatchObject({ code: "UNAVAILABLE", retryAfterMs: 10 });
  });

  it("tells a server that names are unknown", async () => {
    const client = open(createMockServer());
    const emit = client.emit.bind(client) as (event: string) => Promise<unknown>;
    await expect(emit("NO_SUCH_EVENT")).rejects.toMatchObject({ code: "UNKNOWN_EVENT" });
  });
});

describe("handlers", () => {
  it("are those of socket.io-client: on, once, off, onAny, offAny", async () => {
    const server = createMockServer();
    const client = open(server);
    await client.emit("JOIN_ROOM", { roomId: ROOM });
    const heard: string[] = [];
    const each = () => heard.push("on");
    const any = (event: string) => heard.push(`any ${event}`);
    client.on("MESSAGE_CREATED", each).onAny(any).once("MESSAGE_CREATED", () => heard.push("once"));
    const send = () => client.emit("SEND_MESSAGE", { roomId: ROOM, content: "x" });
    await send();
    expect(heard).toEqual(["any MESSAGE_CREATED", "on", "once"]);
    heard.length = 0;
    await send();
    expect(heard).toEqual(["any MESSAGE_CREATED", "on"]);
    client.off("MESSAGE_CREATED", each).offAny(any);
    heard.length = 0;
    await send();
    expect(heard).toEqual([]);
  });

  it("hurt no other handler by throwing", async () => {
    const server = createMockServer();
    const client = open(server);
    await client.emit("JOIN_ROOM", { roomId: ROOM });
    const reported = new Promise(resolve => process.once("uncaughtException", resolve));
    const listeners = process.listeners("uncaughtException").slice(0, -1);
    listeners.forEach(listener => process.off("uncaughtException", listener));
    client.on("MESSAGE_CREATED", () => {
      throw new Error("mine");
    });
    const heard = collect(client, "MESSAGE_CREATED");
    await client.emit("SEND_MESSAGE", { roomId: ROOM, content: "x" });
    expect(await reported).toMatchObject({ message: "mine" });
    listeners.forEach(listener => process.on("uncaughtException", listener));
    expect(heard).toHaveLength(1);
  });
});

describe("a session", () => {
  it("says who is connected", async () => {
    const server = createMockServer();
    const client = open(server);
    expect(client.status).toBe("connecting");
    await connected(client);
    expect(client.user).toEqual(server.user("alice"));
    client.close();
    expect(client.status).toBe("idle");
    await expect(client.emit("TYPING_START", { roomId: ROOM })).rejects.toMatchObject({ code: "DISCONNECTED" });
  });

  it("asks for another token when one is refused, and stops when there is none", async () => {
    const server = createMockServer({
      authenticate: token => token === "new" ? server.user("alice") : { code: "TOKEN_EXPIRED", message: "Token expired" },
    });
    const reasons: string[] = [];
    const client = open(server, "", {
      token: (reason: string) => {
        reasons.push(reason);
        return reason === "refused" ? "new" : "old";
      },
    });
    await connected(client);
    expect(reasons).toEqual(["connect", "refused"]);

    const other = open(server, "old");
    await until(() => other.status === "refused");
    expect(other.refusal).toMatchObject({ code: "TOKEN_EXPIRED", message: "Token expired" });
  });

  it("that was ended by the server stays ended", async () => {
    const server = createMockServer();
    const client = open(server);
    await connected(client);
    server.kick("alice");
    await until(() => client.status === "refused");
    expect(client.refusal).toMatchObject({ code: "SESSION_ENDED" });
    client.connect();
    await connected(client);
  });

  it("gets a fresh token before the old one expires", async () => {
    const server = createMockServer({ authenticate: () => server.user("alice") });
    let count = 0;
    const client = open(server, "", { token: () => `token ${++count}` });
    await connected(client);
    const first = client.session?.sessionId;
    for (const session of server.sessions) session.send("TOKEN_EXPIRING", { expiresAt: new Date().toISOString() });
    await until(() => client.session?.sessionId !== first || server.calls.some(({ event }) => event === "REFRESH_TOKEN"));
    expect(count).toBeGreaterThan(1);
  });

  it.each(["connect_error", "status", "onError"])("stays closed when it is closed by what hears %s", async event => {
    const server = createMockServer();
    server.offline();
    let attempts = 0;
    const close = () => void client.close();
    const client = open(server, "alice", {
      autoConnect: false,
      connector: ((url, auth) => (attempts++, server.connector(url, auth))) satisfies Connector,
      ...(event === "onError" ? { onError: close, token: () => Promise.reject(new Error("logged out")) } : {}),
    });
    if (event === "onError") server.online();
    else client.on(event as "status", (status: unknown) => status !== "connecting" && status !== "idle" && close());
    client.connect();
    await until(() => client.status === "idle");
    await new Promise(resolve => setTimeout(resolve, 20)); // longer than until the next attempt would be made
    expect([client.status, attempts]).toEqual(["idle", 1]);
  });

  it("waits for a token that comes late, and asks for no second one meanwhile", async () => {
    const server = createMockServer();
    let asked = 0;
    const token = () => new Promise<string>(resolve => (asked++, setTimeout(() => resolve("alice"), 60)));
    const client = open(server, "alice", { token, connectTimeoutMs: 20 });
    await connected(client);
    expect(asked).toBe(1);
  });

  it("is not held up by a clock that is set back", async () => {
    const server = createMockServer();
    const client = open(server);
    server.refuse("LIST_SESSIONS", "RATE_LIMITED", { times: 1, retryAfterMs: 20 });
    const answer = client.emit("LIST_SESSIONS");
    await until(() => server.calls.length === 1);
    const real = Date.now;
    const clock = vi.spyOn(Date, "now").mockImplementation(() => real() - 3_600_000);
    await answer;
    clock.mockRestore();
  });

  it("takes its time between connections that end at once", async () => {
    const server = createMockServer();
    let connections = 0;
    const client = open(server, "alice", { reconnect: { minMs: 1, maxMs: 10_000 } });
    client.on("connect", () => (connections++, server.cut()));
    await until(() => connections >= 3);
    await new Promise(resolve => setTimeout(resolve, 200));
    expect(connections).toBeLessThan(12); // 1, 2, 4 … ms, not 1, 1, 1 …
  });

  it("takes the next edge when one does not answer", async () => {
    const server = createMockServer();
    const urls: string[] = [];
    const client = createClient({
      url: ["http://a", "http://b"],
      token: "alice",
      reconnect: { minMs: 1, maxMs: 2 },
      connector: (url, auth) => {
        urls.push(url);
        if (url === "http://a") server.offline();
        else server.online();
        return server.connector(url, auth);
      },
    });
    opened.push(client);
    await connected(client);
    expect(urls).toEqual(["http://a", "http://b"]);
    expect(ServerEvents.CONNECTION_SUCCESS).toBe("CONNECTION_SUCCESS");
  });
});
