import { afterEach, describe, expect, it } from "vitest";
import type { BelfryClient } from "@belfry/client";
import { check, contract, createMockServer, type Contract, type FieldRule } from "@belfry/client/testing";

const ROOM = "0190c0de-0000-7000-8000-000000000001";
const opened: BelfryClient[] = [];
afterEach(() => opened.splice(0).forEach(client => client.close()));

function rules(...fields: FieldRule[]): Contract {
  return { messages: { M: fields, Inner: [{ name: "x", type: "boolean", required: true }] }, client: {}, server: {} };
}
const broken = (field: Partial<FieldRule>, value: unknown) =>
  check(rules({ name: "f", type: "string", ...field }), "M", { f: value }).map(({ path, rule }) => `${path} ${rule}`);

describe("the rules", () => {
  it.each<[string, Partial<FieldRule>, unknown, string[]]>([
    ["required", { required: true }, undefined, ["f required"]],
    ["null is absent", { required: true }, null, ["f required"]],
    ["type", {}, 5, ["f type"]],
    ["min_length in code points", { minLength: 2 }, "🔔", ["f min_length"]],
    ["max_length in code points", { maxLength: 2 }, "🔔🔔", []],
    ["max_length", { maxLength: 2 }, "abc", ["f max_length"]],
    ["visible", { visible: true }, " \u200b\n", ["f visible"]],
    ["uuid", { format: "uuid" }, "x", ["f format"]],
    ["timestamp", { format: "timestamp" }, "2026-02-03T04:05:06Z", []],
    ["url", { format: "url" }, "ftp://x", ["f format"]],
    ["pattern is of the whole text", { pattern: "[a-z]+" }, "abc1", ["f pattern"]],
    ["pattern with a class", { pattern: "[[:alpha:]]+" }, "abc", []],
    ["range", { type: "int32", min: 1, max: 3 }, 0, ["f min"]],
    ["range", { type: "int32", min: 1, max: 3 }, 4, ["f max"]],
    ["whole numbers", { type: "int32" }, 1.5, ["f type"]],
    ["64 bits are text", { type: "int64" }, 5, ["f type"]],
    ["64 bits are text", { type: "int64" }, "5", []],
    ["enum", { type: "enum", values: ["A"] }, "B", ["f enum"]],
    ["list", { repeated: true }, "x", ["f type"]],
    ["items", { repeated: true, minItems: 2 }, ["a"], ["f min_items"]],
    ["items", { repeated: true, maxItems: 1 }, ["a", "b"], ["f max_items"]],
    ["each item", { repeated: true }, ["a", 1], ["f[1] type"]],
    ["inside", { type: "message", message: "Inner" }, { y: 1 }, ["f.y unknown_field", "f.x required"]],
    ["any JSON", { type: "json" }, [1], []],
  ])("%s", (_, field, value, expected) => {
    expect(broken(field, value)).toEqual(expected);
  });

  it("are told all at once, at most twenty", () => {
    expect(check(rules({ name: "f", type: "string", repeated: true }), "M", { f: Array(30).fill(1) })).toHaveLength(20);
    expect(check(rules(), "M", "text")).toEqual([{ path: "", rule: "malformed", message: "must be a JSON object" }]);
  });
});

describe("the mock server", () => {
  it("answers every event that is built in the contract's form", async () => {
    const server = createMockServer();
    const client = server.client();
    opened.push(client);
    const { message } = await client.emit("SEND_MESSAGE", { roomId: ROOM, content: "x" });
    const emit = client.emit.bind(client) as (event: string, payload: unknown) => Promise<unknown>;
    const events = Object.entries(contract.client).filter(([, rule]) => !rule.planned);
    expect(events.length).toBeGreaterThan(20);
    for (const [event, rule] of events) {
      const payload = example(rule.payload, message.id);
      const reply = await emit(event, payload).catch((error: unknown) => error);
      expect([event, reply instanceof Error ? reply.message : check(contract, rule.reply, reply)]).toEqual([event, []]);
    }
  });

  it("refuses what is only planned, and what is too large", async () => {
    const server = createMockServer();
    const client = server.client();
    opened.push(client);
    const emit = client.emit.bind(client) as (event: string, payload?: unknown) => Promise<unknown>;
    for (const [event] of Object.entries(contract.client).filter(([, rule]) => rule.planned)) {
      await expect(emit(event, {})).rejects.toMatchObject({ code: "UNKNOWN_EVENT" });
    }
    await expect(emit("TYPING_START", { roomId: "x".repeat(2000) })).rejects.toMatchObject({ code: "PAYLOAD_TOO_LARGE" });
  });

  it("has one effect for a clientId, and knows a misused one", async () => {
    const server = createMockServer();
    const client = server.client();
    opened.push(client);
    const clientId = server.uuid();
    const first = await client.emit("SEND_MESSAGE", { roomId: ROOM, content: "x", clientId });
    expect(await client.emit("SEND_MESSAGE", { roomId: ROOM, content: "x", clientId })).toEqual(first);
    await expect(client.emit("SEND_MESSAGE", { roomId: ROOM, content: "y", clientId })).rejects.toMatchObject({ code: "CONFLICT" });
    expect((await client.emit("GET_HISTORY", { roomId: ROOM })).messages).toHaveLength(1);
  });

  it("lets a test answer otherwise", async () => {
    const server = createMockServer();
    const client = server.client();
    opened.push(client);
    server.handle("LIST_COMMUNITIES", () => ({ communities: [] }));
    expect(await client.emit("LIST_COMMUNITIES")).toEqual({ communities: [] });
  });
});

/** A payload with all that is required. */
function example(message: string, messageId: string): Record<string, unknown> {
  const payload: Record<string, unknown> = {};
  for (const field of contract.messages[message] ?? []) {
    if (!field.required) continue;
    const value =
      field.name === "messageId" ? messageId
      : field.format === "uuid" ? ROOM
      : field.format === "timestamp" ? new Date().toISOString()
      : field.format === "url" ? "https://example.com/"
      : (field.example ?? (field.values?.[0] || (field.type === "message" ? example(field.message!, messageId) : field.type === "string" ? "text" : 1)));
    payload[field.name] = field.repeated && !Array.isArray(value) ? [value] : value;
  }
  return payload;
}
