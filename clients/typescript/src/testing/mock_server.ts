// A server in memory that answers by the contract: it checks payloads, gives replies of the
// contract's form, numbers durable events, answers a clientId once. Every right is granted.

import { createClient } from "../client.js";
import { BelfryError, type ErrorBody, type ErrorCode } from "../errors.js";
import { contract as wholeContract } from "../generated/contract.js";
import type { ClientReplies } from "../generated/index.js";
import type { ClientOptions } from "../options.js";
import type { BelfryClient, ClientEvent, ServerEvent } from "../types.js";
import type { Auth, Connector } from "../wire.js";
import type { Contract } from "../contract_types.js";
import { handlers, type Handler, type HandlerContext } from "./mock_handlers.js";
import { MockLog } from "./mock_log.js";
import { MockSession, type MockUser } from "./mock_session.js";
import { check } from "./rules.js";
import { shape, type Members, type Samples } from "./shape.js";

export interface MockCall {
  event: string;
  payload: Members;
  user: MockUser;
}

export interface MockServerOptions {
  now?: () => Date;
  /** Who comes with this token, or why not. Default: the token is the user's name. */
  authenticate?: (token: string) => MockUser | ErrorBody;
  /** Default: the generated one. */
  contract?: Contract;
}

interface Refusal {
  body: ErrorBody;
  times: number;
}

const MESSAGES: Partial<Record<ErrorCode, string>> = {
  PERMISSION_DENIED: "Insufficient permissions",
  NOT_FOUND: "Resource not found",
  RATE_LIMITED: "Too many requests",
  UNAVAILABLE: "Temporarily unavailable, try again",
};

export function createMockServer(options: MockServerOptions = {}): MockServer {
  return new MockServer(options);
}

export class MockServer {
  /** All events that were received, in order. */
  readonly calls: MockCall[] = [];
  readonly contract: Contract;
  readonly log = new MockLog();
  readonly sessions = new Set<MockSession>();
  readonly samples: Samples;
  #options: MockServerOptions;
  #offline = false;
  #ids = 0;
  #handlers: Record<string, Handler> = { ...handlers() };
  #refusals = new Map<string, Refusal>();
  #answers = new Map<string, { body: string; answer: unknown }>();
  #users = new Map<string, MockUser>();

  constructor(options: MockServerOptions) {
    this.#options = options;
    this.contract = options.contract ?? wholeContract;
    this.samples = { uuid: () => this.uuid(), now: options.now ?? (() => new Date()) };
  }

  /** For `createClient({ connector })`. */
  readonly connector: Connector = (_url, auth) =>
    new MockSession(
      this.uuid(),
      {
        begin: (session, given) => this.#begin(session, given),
        call: (session, event, payload, answer) => this.#call(session, event, payload, answer),
        ended: session => this.sessions.delete(session),
      },
      auth,
      this.#offline,
    );

  /** A client of this server; the token is the user's name. */
  client(username = "alice", options: Partial<ClientOptions> = {}): BelfryClient {
    return createClient({
      url: "mock:", token: username, connector: this.connector, reconnect: { minMs: 1, maxMs: 5 }, ...options,
    });
  }

  /** The same name is the same user. */
  user(username: string): MockUser {
    let user = this.#users.get(username);
    if (!user) this.#users.set(username, (user = { id: this.uuid(), username }));
    return user;
  }

  /** Answers an event otherwise. */
  handle<E extends ClientEvent>(
    event: E,
    handler: (payload: Members, context: HandlerContext) => ClientReplies[E],
  ): void {
    this.#handlers[event] = handler as unknown as Handler;
  }

  /** Refuses an event, from now on or so many times. */
  refuse(event: ClientEvent, code: ErrorCode, { times = Infinity, ...body }: Partial<ErrorBody & { times: number }> = {}): void {
    this.#refusals.set(event, { body: { event, code, message: MESSAGES[code] ?? code, ...body }, times });
  }

  /** A durable event of a stream, or one of the moment for its listeners or everybody. */
  publish(event: ServerEvent, members: Members, { stream, except }: { stream?: string; except?: string } = {}): Members {
    const rule = this.contract.server[event];
    if (!rule) throw new Error(`${event} is no server event of the contract`);
    const made = shape(this.contract, rule.payload, members, this.samples);
    const durable = rule.durable === true && stream !== undefined;
    const payload = durable
      ? this.log.append(stream, event, made, this.samples.now())
      : { timestamp: this.samples.now().toISOString(), ...made };
    for (const session of this.sessions) {
      const listens = stream === undefined || session.subscriptions.has(stream);
      if (!listens || session.user.id === except) continue;
      if (durable) session.subscriptions.set(stream, payload["seq"] as number);
      session.send(event, payload);
    }
    return payload;
  }

  /** Ends all connections, or a user's, as a dying server does; clients come back. */
  cut(username?: string): void {
    for (const session of [...this.sessions]) {
      if (username === undefined || session.user.username === username) session.cut();
    }
  }

  /** Ends a user's sessions for good. */
  kick(username: string): void {
    for (const session of this.sessions) {
      if (session.user.username === username) session.drop("io server disconnect");
    }
  }

  /** Takes no connections, and ends those that there are. */
  offline(): void {
    this.#offline = true;
    this.cut();
  }

  online(): void {
    this.#offline = false;
  }

  uuid(): string {
    return `018f4e9a-1c2b-7d3e-8f40-${(++this.#ids).toString(16).padStart(12, "0")}`;
  }

  // ------------------------------------------------------------------ connecting

  #begin(session: MockSession, { token, resume = {} }: Auth): void {
    const found = (this.#options.authenticate ?? (name => this.user(name)))(token);
    session.accepted();
    if ("code" in found) {
      session.send("CONNECTION_ERROR", { message: found.message, code: found.code });
      session.drop("io server disconnect");
      return;
    }
    session.user = found;
    this.sessions.add(session);
    this.#resume(session, { [`user:${found.id}`]: this.log.cursor(`user:${found.id}`), ...resume });
  }

  #resume(session: MockSession, resume: Record<string, string | null>): void {
    const streams: Record<string, string> = {};
    const missed = Object.entries(resume).map(([stream, given]) => {
      const cursor = given ?? this.log.cursor(stream);
      const events = this.log.after(stream, cursor);
      streams[stream] = events ? cursor : this.log.cursor(stream);
      session.subscriptions.set(stream, this.log.seq(stream));
      return { stream, events };
    });
    const { user, id: sessionId } = session;
    session.send("CONNECTION_SUCCESS", { message: "Connected", user, sessionId, streams });
    for (const { stream, events } of missed) {
      if (!events) {
        session.send("RESYNC", { stream, seq: this.log.seq(stream), cursor: this.log.cursor(stream) });
      }
      for (const { event, payload } of events ?? []) session.send(event, payload);
    }
  }

  // ------------------------------------------------------------------ events

  #call(session: MockSession, event: string, payload: unknown, give: (reply: unknown) => void): void {
    const members = typeof payload === "object" && payload !== null ? (payload as Members) : {};
    this.calls.push({ event, payload: members, user: session.user });
    const key = `${session.user.id} ${String(members["clientId"])}`;
    const body = JSON.stringify([event, payload]);
    const before = members["clientId"] === undefined ? undefined : this.#answers.get(key);
    const error =
      this.#refusal(event, payload) ??
      (before && before.body !== body ? conflict(event) : undefined);
    if (error) {
      session.answer(give, { error });
      session.send("ERROR", error);
      return;
    }
    if (before) {
      session.answer(give, before.answer);
      return;
    }
    const answer = this.#answerOf(session, event, payload, members);
    // what was refused was not written, and may be sent again
    if (members["clientId"] !== undefined && !isRefusal(answer)) this.#answers.set(key, { body, answer });
    session.answer(give, answer);
    if (isRefusal(answer)) session.send("ERROR", answer.error);
  }

  /** A handler refuses by throwing a BelfryError. */
  #answerOf(session: MockSession, event: string, payload: unknown, members: Members): unknown {
    try {
      return this.#run(session, event, payload, members);
    } catch (error) {
      if (!(error instanceof BelfryError)) throw error;
      const { code, message, details, retryAfterMs } = error;
      return { error: { event, code, message, details, retryAfterMs } };
    }
  }

  #run(session: MockSession, event: string, payload: unknown, members: Members): unknown {
    const rule = this.contract.client[event]!;
    const given = typeof payload === "string" && rule.textPayload ? { [rule.textPayload]: payload } : members;
    const handler = this.#handlers[event];
    const context = { server: this, session, event };
    const known = handler ? handler(given, context) : given;
    const reply = handler ? known : shape(this.contract, rule.reply, this.#known(given), this.samples);
    if (!handler) this.#cause(session, rule.causes, { ...given, ...reply });
    return reply;
  }

  /** The events that an event without a handler of its own causes, where it tells to whom. */
  #cause(session: MockSession, causes: readonly string[], known: Members): void {
    for (const event of causes) {
      const rule = this.contract.server[event];
      const streams: Record<string, unknown> = {
        ROOM: known["roomId"] && `room:${String(known["roomId"])}`,
        COMMUNITY: known["communityId"] && `community:${String(known["communityId"])}`,
        MEMBERS: known["communityId"] && `members:${String(known["communityId"])}`,
        USER: `user:${session.user.id}`,
      };
      const stream = rule && streams[rule.scope];
      if (!rule || rule.planned || typeof stream !== "string") continue;
      const except = rule.exceptSender ? { except: session.user.id } : {};
      this.publish(event as ServerEvent, { userId: session.user.id, username: session.user.username, ...known }, { stream, ...except });
    }
  }

  #known(payload: Members): Members {
    return { ...payload, clientId: undefined };
  }

  #refusal(event: string, payload: unknown): ErrorBody | undefined {
    const rule = this.contract.client[event];
    const planned = this.#refusals.get(event);
    if (!rule || (rule.planned && !this.#handlers[event])) {
      return { event, code: "UNKNOWN_EVENT", message: "Unknown event" };
    }
    if (JSON.stringify(payload).length > rule.payloadMax) {
      return { event, code: "PAYLOAD_TOO_LARGE", message: "Payload too large" };
    }
    if (planned && planned.times-- > 0) return planned.body;
    const value = typeof payload === "string" && rule.textPayload ? { [rule.textPayload]: payload } : payload;
    const details = check(this.contract, rule.payload, value);
    return details.length > 0
      ? { event, code: "VALIDATION_ERROR", message: "Invalid payload format", details }
      : undefined;
  }
}

function isRefusal(answer: unknown): answer is { error: ErrorBody } {
  return typeof answer === "object" && answer !== null && "error" in answer;
}

function conflict(event: string): ErrorBody {
  return { event, code: "CONFLICT", message: "Conflicts with an earlier request" };
}
