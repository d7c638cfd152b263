// A client without a connection: what is emitted goes to a function of the test's, what
// arrives comes from the test.

import { BelfryError } from "../errors.js";
import { Emitter, type AnyHandler, type CatchAll } from "../emitter.js";
import { contract } from "../generated/contract.js";
import type { ServerPayloads } from "../generated/index.js";
import type { BelfryClient, ConnectedSession, ServerEvent, Status } from "../types.js";
import { shape, type Members } from "./shape.js";

/** What the test is told; what it returns is the reply, a BelfryError refuses. */
export type MockEmit = (event: string, payload?: unknown) => unknown;

/** A payload for a test: what the server puts in front may be left out. */
export type MockPayload<E extends ServerEvent> =
  Omit<ServerPayloads[E], "stream" | "seq" | "cursor" | "timestamp"> & Partial<ServerPayloads[E]>;

let ids = 0;
const samples = {
  uuid: () => `018f4e9a-1c2b-7d3e-8f41-${(++ids).toString(16).padStart(12, "0")}`,
  now: () => new Date(),
};

export class MockClient {
  status: Status = "connected";
  readonly session: ConnectedSession = {
    message: "Connected",
    user: { id: "018f4e9a-1c2b-7d3e-8f42-000000000001", username: "alice" },
    sessionId: "018f4e9a-1c2b-7d3e-8f42-000000000002",
  };
  readonly refusal = undefined;
  readonly pending = 0;
  #emitter = new Emitter();
  #seqs = new Map<string, number>();
  #mockEmit: () => MockEmit | undefined;

  constructor(mockEmit: () => MockEmit | undefined) {
    this.#mockEmit = mockEmit;
  }

  get user() {
    return this.session.user;
  }

  emit(...args: [event: string, payload?: unknown]): Promise<unknown> {
    const promise = this.#answer(...args);
    promise.catch(() => {});
    return promise;
  }

  async #answer(...args: [event: string, payload?: unknown]): Promise<unknown> {
    const [event, payload = {}] = args;
    const reply = await this.#mockEmit()?.(...args);
    if (reply instanceof BelfryError) throw reply;
    const rule = contract.client[event];
    if (reply !== undefined || !rule) return reply;
    return shape(contract, rule.reply, { ...(payload as Members), clientId: undefined }, samples);
  }

  /** As if the server had sent it. */
  receive(event: string, members: Members): void {
    const rule = contract.server[event];
    this.#emitter.emit(event, rule && rule.scope !== "SESSION" ? this.#withEnvelope(rule, members) : members);
  }

  #withEnvelope({ scope, durable }: { scope: string; durable?: true }, members: Members): Members {
    const timestamp = samples.now().toISOString();
    if (!durable) return { timestamp, ...members };
    const message = (members["message"] ?? members["room"] ?? {}) as Members;
    const id = members["roomId"] ?? message["roomId"] ?? members["communityId"] ?? this.session.user?.id;
    const stream = `${scope.toLowerCase()}:${String(id)}`;
    const seq = (this.#seqs.get(stream) ?? 0) + 1;
    this.#seqs.set(stream, seq);
    return { stream, seq, cursor: `${seq}.00000001`, timestamp, ...members };
  }

  on(event: string, handler: AnyHandler): this {
    this.#emitter.on(event, handler);
    return this;
  }

  once(event: string, handler: AnyHandler): this {
    this.#emitter.once(event, handler);
    return this;
  }

  off(event?: string, handler?: AnyHandler): this {
    this.#emitter.off(event, handler);
    return this;
  }

  onAny(handler: CatchAll): this {
    this.#emitter.onAny(handler);
    return this;
  }

  offAny(handler?: CatchAll): this {
    this.#emitter.offAny(handler);
    return this;
  }

  connect(): this {
    return this;
  }

  reconnect(): this {
    return this;
  }

  close(): this {
    return this;
  }
}

/** With the types of a real one. */
export function asClient(client: MockClient): BelfryClient {
  return client as unknown as BelfryClient;
}
