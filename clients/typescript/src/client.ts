// The client: one session after another over one connection after another, which to its
// user is one.

import { BelfryError, type ErrorBody } from "./errors.js";
import { Emitter, type AnyHandler, type CatchAll } from "./emitter.js";
import { clientEventKinds } from "./generated/index.js";
import { failure, Line, ticks, type Entry, type Kind } from "./line.js";
import type { ClientOptions, EmitOptions, TokenReason } from "./options.js";
import { pack, withClientId, type Packed } from "./payload.js";
import { socketIo } from "./socketio.js";
import { Streams } from "./streams.js";
import { follows, joins, leaves, lostAccess, readReply } from "./subscriptions.js";
import type { BelfryClient, ConnectedSession, Status } from "./types.js";
import type { Auth, Connector, DurableEvent, Wire } from "./wire.js";

const CONNECT_TIMEOUT_MS = 20_000;
const ANSWER_TIMEOUT_MS = 30_000;
const BACKOFF_MIN_MS = 500;
const BACKOFF_MAX_MS = 15_000;
/** A connection that has lived for so long begins the waiting anew. */
const STABLE_MS = 5_000;
/** A JOIN refused so: a subscription that was there before has ended. */
const NO_ACCESS = new Set<ErrorBody["code"]>(["NOT_FOUND", "PERMISSION_DENIED"]);
/** So many tokens in a row may be refused. */
const REFUSALS_MAX = 3;

/** A client; it connects at once unless `autoConnect` is false. */
export function createClient(options: ClientOptions): BelfryClient {
  const client = new Client(options);
  if (options.autoConnect !== false) client.connect();
  return client as unknown as BelfryClient;
}

type ConnectionSuccess = ConnectedSession & { streams?: Record<string, string> };

export class Client {
  status: Status = "idle";
  session: ConnectedSession | undefined;
  refusal: BelfryError | undefined;
  /** The socket of socket.io-client, for looking at: another one after each reconnect. */
  socket: Wire | undefined;

  readonly #options: ClientOptions;
  readonly #connector: Connector;
  readonly #emitter = new Emitter();
  readonly #streams: Streams;
  readonly #line: Line;
  #life = 0; // which connection; what an earlier one still says is not heard
  #attempts = 0;
  #connectedAt = 0;
  #urlAt = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #watch: ReturnType<typeof setInterval> | undefined;
  #follows = false;
  #restored: { userId: string; done: Promise<void> } | undefined;

  #token: string | undefined;
  #tokenReason: TokenReason = "connect";
  #asked: { reason: TokenReason; token: Promise<string> } | undefined;
  #refusals = 0;
  #error: ErrorBody | undefined; // CONNECTION_ERROR since the last success
  #reconnectInMs: number | undefined; // of SERVER_DRAINING

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#streams = new Streams(options.rooms);
    this.#connector = options.connector ?? socketIo(options.socket);
    this.#line = new Line({
      outbox: options.outbox ?? {},
      retries: options.retries,
      send: entry => this.#send(entry),
      onError: error => this.#report(error),
    });
  }

  get user() {
    return this.session?.user;
  }

  get pending(): number {
    return this.#line.size;
  }

  // ------------------------------------------------------------------ events

  emit(event: string, original: unknown = {}, options: EmitOptions = {}): Promise<unknown> {
    const kind: Kind = (clientEventKinds as Record<string, Kind>)[event] ?? "read";
    let packed: Packed;
    try {
      packed = pack(event, kind === "change" ? withClientId(original) : original);
    } catch (error) {
      return quiet(Promise.reject(error));
    }
    const { payload } = packed;
    const clientId = kind === "change" ? (payload as { clientId?: string }).clientId : undefined;
    const fields = { event, kind, ...packed, clientId, userId: this.#userId() };
    const left = leaves(event, payload);
    if (left !== undefined) this.#streams.leave(left);
    this.#forgetLeaving(joins(event, payload), entry => !entry.sent);
    // what a connection is just being begun with is left when it has begun
    const begins = left !== undefined && this.status === "connecting" && this.#streams.isAsked(left);
    if (this.status !== "connected" && kind === "ephemeral" && !begins) {
      if (left !== undefined) {
        this.#hasLeft(left);
        return Promise.resolve({});
      }
      return quiet(Promise.reject(failure(fields, "DISCONNECTED", "There is no connection")));
    }
    return this.#line.add(fields, options);
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

  // ------------------------------------------------------------------ life

  connect(): this {
    if (this.status === "idle" || this.status === "refused") {
      this.#attempts = this.#refusals = 0;
      this.refusal = undefined;
      this.#attempt();
    } else if (this.status === "waiting") {
      this.#attempt();
    }
    return this;
  }

  reconnect(): this {
    if (this.status === "connected" || this.status === "connecting") {
      this.#down("reconnect", 0);
    }
    return this.connect();
  }

  close(): this {
    this.#drop();
    this.#line.down();
    this.#line.abandon(entry => failure(entry, "CLOSED", "The client was closed"));
    this.#streams.clear();
    this.#restored = undefined;
    this.#follows = false;
    const was = this.status;
    this.#setStatus("idle");
    if (was === "connected") this.#emitter.emitLocal("disconnect", "closed");
    return this;
  }

  #setStatus(status: Status): void {
    if (this.status === status) return;
    this.status = status;
    this.#emitter.emitLocal("status", status);
  }

  #report(error: unknown): void {
    if (this.#options.onError) this.#options.onError(error);
    else console.error("belfry:", error);
  }

  #userId(): string | undefined {
    return this.session?.user?.id ?? this.#options.userId;
  }

  /** Ends what there is of a connection; nothing of it is heard any more. */
  #drop(): void {
    this.#life++;
    clearTimeout(this.#timer);
    clearInterval(this.#watch);
    const socket = this.socket;
    this.socket = undefined;
    socket?.disconnect();
  }

  #attempt(): void {
    this.#drop();
    const life = this.#life;
    const current = () => life === this.#life;
    const urls = [this.#options.url].flat();
    const url = urls[this.#urlAt % urls.length] ?? "";
    this.#reconnectInMs = undefined;
    this.#setStatus("connecting");
    if (!current()) return;
    this.#timer = setTimeout(
      () => this.#down("timeout"),
      this.#options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
    );
    const socket = this.#connector(url, give => void this.#authenticate(current, give));
    if (!current()) return;
    this.socket = socket;
    socket.onAny((event, payload) => current() && this.#receive(event, payload));
    socket.on("disconnect", reason => current() && this.#down(String(reason)));
    socket.on("connect_error", error => {
      if (!current()) return;
      this.#emitter.emitLocal("connect_error", error);
      if (current()) this.#down("connect_error");
    });
  }

  async #authenticate(current: () => boolean, give: (auth: Auth) => void): Promise<void> {
    const reason = this.#tokenReason;
    try {
      const token = await this.#getToken(reason);
      if (!current()) return;
      if (reason === "refused" && token === this.#token) {
        this.#refuse();
        return;
      }
      this.#token = token;
      const resume = this.#streams.resume();
      give(Object.keys(resume).length > 0 ? { token, resume } : { token });
    } catch (error) {
      if (!current()) return;
      this.#report(error);
      if (current()) this.#emitter.emitLocal("connect_error", error);
      if (current()) this.#down("no token");
    }
  }

  /** One at a time: what comes too late for one attempt is there for the next. */
  async #getToken(reason: TokenReason): Promise<string> {
    const { token } = this.#options;
    if (typeof token !== "function") return token;
    if (this.#asked?.reason === reason) return this.#asked.token;
    const asked = { reason, token: Promise.resolve(token(reason)) };
    this.#asked = asked;
    const given = () => {
      if (this.#asked === asked) this.#asked = undefined;
    };
    asked.token.then(given, given);
    return asked.token;
  }

  /** The connection is gone, or never came: again after a while, or `delay`. */
  #down(reason: string, delay?: number): void {
    const wasConnected = this.status === "connected";
    this.#drop();
    this.#line.hold();
    this.#settleLeaving();
    this.#line.down();
    if (!wasConnected) this.#urlAt++;
    if (reason === "io server disconnect") {
      delay = this.#mayTryAgain() ? 0 : undefined;
      if (delay === undefined) {
        this.#refuse();
        if (wasConnected) this.#emitter.emitLocal("disconnect", reason);
        return;
      }
    }
    const wait = delay ?? this.#reconnectInMs ?? this.#backoff(wasConnected);
    this.#timer = setTimeout(() => this.#attempt(), wait); // a handler may close the client
    this.#setStatus("waiting");
    if (wasConnected) this.#emitter.emitLocal("disconnect", reason);
  }

  #backoff(wasConnected: boolean): number {
    const { minMs = BACKOFF_MIN_MS, maxMs = BACKOFF_MAX_MS } = this.#options.reconnect ?? {};
    // one that ends at once is no better than none
    if (wasConnected && ticks() - this.#connectedAt >= STABLE_MS) this.#attempts = 0;
    const whole = Math.min(maxMs, minMs * 2 ** this.#attempts++);
    return whole * (0.5 + Math.random() / 2);
  }

  /** The server has sent us away: another token may help, unless it ended the session. */
  #mayTryAgain(): boolean {
    this.#tokenReason = "refused";
    return this.#error !== undefined && ++this.#refusals < REFUSALS_MAX;
  }

  #refuse(): void {
    this.#drop();
    this.#tokenReason = "connect";
    this.#refusals = 0;
    this.refusal = new BelfryError(
      this.#error ?? { code: "SESSION_ENDED", message: "The session was ended" },
    );
    const { code, message } = this.refusal;
    this.#line.abandon(
      entry => failure(entry, code, message),
      entry => entry.kind !== "change",
    );
    this.#setStatus("refused");
    this.#emitter.emitLocal("connect_error", this.refusal);
  }

  // ------------------------------------------------------------------ what comes in

  #receive(event: string, payload: unknown): void {
    switch (event) {
      case "CONNECTION_SUCCESS":
        this.#connected(payload as ConnectionSuccess);
        return;
      case "CONNECTION_ERROR":
        this.#error = payload as ErrorBody;
        break;
      case "RESYNC": {
        const { stream, cursor, seq } = payload as DurableEvent;
        this.#streams.set(stream, cursor, seq);
        break;
      }
      case "STREAM_OPENED": {
        const { stream, cursor, seq } = payload as DurableEvent;
        this.#streams.join(stream, seq, cursor);
        break;
      }
      case "SERVER_DRAINING":
        this.#reconnectInMs = (payload as { reconnectInMs: number }).reconnectInMs;
        break;
      case "TOKEN_EXPIRING":
        void this.#refresh();
        break;
      default:
        if (isDurable(payload) && !this.#inOrder(payload)) return;
        if (event === "ACCESS_CHANGED") this.#accessChanged(payload);
    }
    this.#emitter.emit(event, payload);
  }

  #connected(payload: ConnectionSuccess): void {
    const { streams = {}, ...session } = payload;
    clearTimeout(this.#timer);
    this.#error = undefined;
    this.#refusals = 0;
    this.#tokenReason = "connect";
    this.#changeUser(session);
    this.session = session;
    this.#connectedAt = ticks();
    const lost = this.#streams.begin(streams);
    this.#watch = setInterval(() => this.#watchAnswers(), 1000);
    (this.#watch as { unref?: () => void }).unref?.();
    this.#setStatus("connected");
    this.#emitter.emit("CONNECTION_SUCCESS", payload);
    this.#emitter.emitLocal("connect");
    for (const stream of lost) this.#emitter.emitLocal("lost", stream);
    if (this.status === "connected") void this.#start(this.#life);
  }

  /** Nothing of one user's goes out in the name of another. */
  #changeUser(session: ConnectedSession): void {
    const id = session.user?.id;
    const other = (entry: Entry) => entry.userId !== undefined && entry.userId !== id;
    this.#line.abandon(entry => failure(entry, "CLOSED", "It was another user's"), other);
    if (this.session?.user && this.session.user.id !== id) {
      this.#restored = undefined;
      this.#follows = false;
    }
  }

  /** First what an earlier run left, then what waits, in the order it was emitted. */
  async #start(life: number): Promise<void> {
    const userId = this.#userId();
    if (userId !== undefined && this.#restored?.userId !== userId) {
      const restored = { userId, done: Promise.resolve() };
      this.#restored = restored;
      restored.done = this.#line.restore(userId, () => this.#restored === restored);
    }
    await this.#restored?.done; // perhaps begun by a connection before this one
    if (life !== this.#life) return;
    if (this.#follows && !this.#line.entries.some(({ event, payload }) => follows(event, payload))) {
      void this.emit("JOIN_ALL_ROOMS");
    }
    this.#line.open();
  }

  /** A durable event in its place; one twice is dropped, a missing one fetched. */
  #inOrder(payload: DurableEvent): boolean {
    const found = this.#streams.accept(payload);
    if (found === "next") return true;
    if (found === "duplicate") return false;
    const life = this.#life;
    this.#emitter.emitLocal("gap", found);
    if (life !== this.#life) return false;
    if (found.recovering) this.#down("gap", 0);
    return !found.recovering;
  }

  #accessChanged(payload: unknown): void {
    const lost = lostAccess(payload).filter(stream => this.#streams.has(stream));
    for (const stream of lost) this.#streams.close(stream);
    for (const stream of lost) this.#emitter.emitLocal("lost", stream);
  }

  async #refresh(): Promise<void> {
    const life = this.#life;
    try {
      const token = await this.#getToken("expiring");
      if (life !== this.#life || token === this.#token) return;
      if ("REFRESH_TOKEN" in clientEventKinds) {
        await this.emit("REFRESH_TOKEN", { token });
        this.#token = token;
      } else {
        this.reconnect();
      }
    } catch (error) {
      if (life !== this.#life) return;
      if (error instanceof BelfryError) this.reconnect();
      else this.#report(error);
    }
  }

  // ------------------------------------------------------------------ what goes out

  #send(entry: Entry): void {
    const life = this.#life;
    this.socket?.emit(entry.event, entry.payload, answer => {
      if (life !== this.#life || !entry.sent) return;
      const error = (answer as { error?: ErrorBody } | null)?.error;
      const left = leaves(entry.event, entry.payload);
      if (error) {
        if (left !== undefined) this.#forgetLeaving(left, other => other === entry && this.#joinsAfter(entry, left));
        const refused = joins(entry.event, entry.payload);
        if (refused !== undefined && NO_ACCESS.has(error.code)) this.#streams.close(refused);
        this.#line.refuse(entry, new BelfryError({ ...error, event: entry.event }));
      } else {
        readReply(this.#streams, entry.event, entry.payload, answer);
        this.#follows ||= follows(entry.event, entry.payload);
        this.#line.answer(entry, answer);
        if (left !== undefined) this.#hasLeft(left, entry.order);
      }
    });
  }

  #watchAnswers(): void {
    const limit = this.#options.answerTimeoutMs ?? ANSWER_TIMEOUT_MS;
    if (ticks() - this.#line.oldestSentAt() > limit) this.#down("no answer", 0);
  }

  /** A connection that is gone listens to nothing: a LEAVE on its way is done. */
  #settleLeaving(): void {
    for (const entry of [...this.#line.entries]) {
      const left = leaves(entry.event, entry.payload);
      if (left === undefined) continue;
      this.#line.answer(entry, {});
      this.#hasLeft(left, entry.order);
    }
  }

  /** A LEAVE that is not sent yet would undo the JOIN behind it. */
  #forgetLeaving(stream: string | undefined, which: (entry: Entry) => boolean): void {
    if (stream === undefined) return;
    for (const entry of [...this.#line.entries]) {
      if (leaves(entry.event, entry.payload) === stream && which(entry)) this.#line.answer(entry, {});
    }
  }

  #joinsAfter({ order }: Entry, stream: string): boolean {
    return this.#line.entries.some(
      entry => entry.order > order && joins(entry.event, entry.payload) === stream,
    );
  }

  #hasLeft(stream: string, order = Infinity): void {
    this.#streams.close(stream);
    for (const entry of [...this.#line.entries]) {
      if (entry.order < order && joins(entry.event, entry.payload) === stream) {
        this.#line.fail(entry, failure(entry, "DISCONNECTED", "It was left again"));
      }
    }
  }
}

function isDurable(payload: unknown): payload is DurableEvent {
  const { stream, seq, cursor } = (payload ?? {}) as Partial<DurableEvent>;
  return typeof stream === "string" && typeof seq === "number" && typeof cursor === "string";
}

function quiet<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}
