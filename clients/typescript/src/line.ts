// Everything that was emitted and has no answer yet, in the order emitted: sent while there
// is a connection, sent again after one was lost, kept in the outbox's storage if it is a
// change.

import { BelfryError } from "./errors.js";
import type { EmitOptions, OutboxEntry, OutboxOptions } from "./options.js";
import type { StoredEntry } from "./storage.js";
import type { JsonObject } from "./wire.js";

/** So many are under way at once: an edge reads on while fewer than 64 wait there. */
const WINDOW = 32;
const HOUR_MS = 3_600_000;
const MAX_AGE_MS = 7 * 24 * HOUR_MS - HOUR_MS;
const MAX_ENTRIES = 1000;
const MAX_BYTES = 4 * 1024 * 1024;
/** A storage that does not answer, as browsers' sometimes do not, must not hold up everything. */
const LOAD_TIMEOUT_MS = 10_000;
const RETRIES = 3;
const RETRY_MS = 1000;

export type Kind = "read" | "change" | "ephemeral";

export interface Entry {
  event: string;
  kind: Kind;
  payload: unknown;
  bytes: number;
  /** Of a change. */
  clientId: string | undefined;
  at: number;
  order: number;
  userId: string | undefined;
  sent: boolean;
  sentAt: number;
  refusals: number;
  retries: number;
  stored: boolean;
  resolve: (reply: unknown) => void;
  reject: (error: BelfryError) => void;
}

export interface LineOptions {
  outbox: OutboxOptions;
  retries: number | undefined;
  /** Puts it on the wire. */
  send: (entry: Entry) => void;
  onError: (error: unknown) => void;
}

export class Line {
  #entries: Entry[] = [];
  #options: LineOptions;
  #order = 0;
  #open = false;
  #paused = new Map<string, number>(); // event, or "" for all, to when
  #limited = new Set<string>(); // events that were refused for their rate, while some wait
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: LineOptions) {
    this.#options = options;
  }

  get entries(): readonly Entry[] {
    return this.#entries;
  }

  get size(): number {
    return this.#entries.length;
  }

  /** The promise is settled by an answer, or by what makes one impossible. */
  add(
    fields: Pick<Entry, "event" | "kind" | "payload" | "bytes" | "clientId" | "userId">,
    options: EmitOptions = {},
  ): Promise<unknown> {
    const promise = new Promise<unknown>((resolve, reject) => {
      const entry: Entry = {
        ...fields,
        at: Date.now(),
        order: this.#order++,
        sent: false,
        sentAt: 0,
        refusals: 0,
        retries: options.retries ?? this.#options.retries ?? RETRIES,
        stored: false,
        resolve,
        reject,
      };
      if (this.#isFull(entry.bytes)) {
        reject(failure(entry, "OUTBOX_FULL", "Too many events wait to be sent"));
        return;
      }
      this.#entries.push(entry);
      this.#store(entry);
      this.flush();
    });
    promise.catch(() => {}); // who does not wait for the answer does not hear of it
    return promise;
  }

  #isFull(more: number): boolean {
    const { maxEntries = MAX_ENTRIES, maxBytes = MAX_BYTES } = this.#options.outbox;
    const bytes = this.#entries.reduce((sum, entry) => sum + entry.bytes, more);
    return this.#entries.length >= maxEntries || bytes > maxBytes;
  }

  /** Sends what may be sent. */
  flush(): void {
    if (!this.#open) return;
    const now = ticks();
    const underWay = this.#entries.filter(entry => entry.sent);
    let room = WINDOW - underWay.length;
    const busy = new Set(underWay.map(entry => this.#lane(entry)).filter(lane => lane !== undefined));
    const held = new Set<string>();
    let wake = Infinity;
    for (const entry of [...this.#entries]) {
      if (entry.sent) continue;
      if (this.#isExpired(entry, Date.now())) {
        this.fail(entry, failure(entry, "EXPIRED", "It waited too long to be sent safely"));
        continue;
      }
      const until = Math.max(this.#paused.get("") ?? 0, this.#paused.get(entry.event) ?? 0);
      if (until > now) {
        wake = Math.min(wake, until);
        held.add(entry.event);
      }
      const lane = this.#lane(entry);
      if (held.has(entry.event) || (lane !== undefined && busy.has(lane)) || room <= 0) continue;
      room--;
      if (lane !== undefined) busy.add(lane);
      entry.sent = true;
      entry.sentAt = now;
      this.#options.send(entry);
    }
    clearTimeout(this.#timer);
    if (wake < Infinity) this.#timer = setTimeout(() => this.flush(), wake - now + 1);
  }

  /**
   * Those of one lane go one at a time, so that no change of a room overtakes one like it that
   * is refused for now, and an event that was refused for its rate does not use up the retries
   * of all that wait.
   */
  #lane({ event, kind, payload }: Entry): string | undefined {
    if (this.#limited.has(event)) return event;
    return kind === "change" ? `${event} ${String((payload as { roomId?: unknown }).roomId)}` : undefined;
  }

  /** There is a connection. */
  open(): void {
    this.#open = true;
    this.flush();
  }

  /** There is none any more: nothing is sent. */
  hold(): void {
    this.#open = false;
    clearTimeout(this.#timer);
  }

  /** What has no answer is to be sent again, if it may be sent late. */
  down(): void {
    this.hold();
    for (const entry of [...this.#entries]) {
      const late = entry.kind !== "ephemeral";
      if (!late) this.fail(entry, failure(entry, "DISCONNECTED", "The connection was lost"));
      entry.sent = false;
    }
  }

  answer(entry: Entry, reply: unknown): void {
    if (!this.#remove(entry)) return;
    entry.resolve(reply);
    this.flush();
  }

  /** Refused by the server: perhaps only for now. */
  refuse(entry: Entry, error: BelfryError): void {
    if (!this.#entries.includes(entry)) return;
    const limited = error.code === "RATE_LIMITED";
    const forNow = limited || error.code === "UNAVAILABLE";
    // the first one's turn it was; the others have only come too early
    const first = this.#entries.find(({ event }) => event === entry.event) === entry;
    if (first || !limited || entry.retries === 0) entry.refusals++;
    if (!forNow || (entry.kind === "ephemeral" && entry.event !== "LEAVE_ROOM") || entry.refusals > entry.retries) {
      this.fail(entry, error);
      this.flush();
      return;
    }
    if (limited) this.#limited.add(entry.event);
    const key = limited ? entry.event : "";
    const until = ticks() + (error.retryAfterMs ?? RETRY_MS);
    this.#paused.set(key, Math.max(this.#paused.get(key) ?? 0, until));
    entry.sent = false;
    this.flush();
  }

  fail(entry: Entry, error: BelfryError): void {
    if (this.#remove(entry)) entry.reject(error);
  }

  /** All that `which` says fail; what is stored stays stored, for the next start. */
  abandon(error: (entry: Entry) => BelfryError, which: (entry: Entry) => boolean = () => true): void {
    const gone = this.#entries.filter(which);
    this.#entries = this.#entries.filter(entry => !which(entry));
    for (const entry of gone) entry.reject(error(entry));
  }

  /** The oldest that waits for an answer was sent then; Infinity: none waits. */
  oldestSentAt(): number {
    return Math.min(...this.#entries.filter(entry => entry.sent).map(entry => entry.sentAt));
  }

  // ------------------------------------------------------------------ the outbox

  /** What an earlier run of this user's left, before everything of this run. */
  async restore(userId: string, isWanted: () => boolean): Promise<void> {
    const { storage, onRestored } = this.#options.outbox;
    for (const entry of this.#entries) {
      entry.userId ??= userId;
      this.#store(entry);
    }
    if (!storage) return;
    let stored: StoredEntry[];
    try {
      stored = await inTime(storage.load());
    } catch (error) {
      this.#options.onError(error);
      return;
    }
    if (!isWanted()) return;
    const known = new Set(this.#entries.map(entry => entry.clientId));
    const mine = stored
      .filter(entry => entry.userId === userId && !known.has(entry.clientId))
      .sort((a, b) => a.at - b.at || a.order - b.order);
    const restored = mine.map(entry => {
      let settle!: Pick<Entry, "resolve" | "reject">;
      const answer = new Promise<unknown>((resolve, reject) => (settle = { resolve, reject }));
      answer.catch(() => {});
      onRestored?.(describe(entry), answer);
      const retries = this.#options.retries ?? RETRIES;
      return { ...entry, ...settle, kind: "change" as const, bytes: JSON.stringify(entry.payload).length, sent: false, sentAt: 0, refusals: 0, retries, stored: true };
    });
    this.#entries.unshift(...restored);
  }

  #store(entry: Entry): void {
    const { storage } = this.#options.outbox;
    const { clientId, userId } = entry;
    if (!storage || entry.stored || clientId === undefined || userId === undefined) return;
    entry.stored = true;
    const { event, at, order } = entry;
    storage
      .put({ clientId, event, payload: entry.payload as JsonObject, at, order, userId })
      .catch(this.#options.onError);
  }

  #remove(entry: Entry): boolean {
    const at = this.#entries.indexOf(entry);
    if (at < 0) return false;
    this.#entries.splice(at, 1);
    if (!this.#entries.some(({ event }) => event === entry.event)) this.#limited.delete(entry.event);
    if (entry.stored) {
      this.#options.outbox.storage?.delete(entry.clientId!).catch(this.#options.onError);
    }
    return true;
  }

  #isExpired(entry: Entry, now: number): boolean {
    return entry.kind === "change" && now - entry.at > (this.#options.outbox.maxAgeMs ?? MAX_AGE_MS);
  }
}

function inTime<T>(promise: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("The outbox's storage does not answer")), LOAD_TIMEOUT_MS);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Milliseconds by a clock that nobody sets. */
export const ticks = (): number => performance.now();

export function failure(
  entry: { event: string },
  code: ConstructorParameters<typeof BelfryError>[0]["code"],
  message: string,
): BelfryError {
  return new BelfryError({ event: entry.event, code, message });
}

function describe({ event, payload, clientId, at }: StoredEntry): OutboxEntry {
  return { event, payload, clientId, at: new Date(at) };
}
