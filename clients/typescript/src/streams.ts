// Where each stream stands: every durable event once, in order, and what to give a server
// to go on from here.

import type { DurableEvent } from "./wire.js";

/** Events of a stream that should be there are not. */
export interface Gap {
  stream: string;
  /** The seq that should have come. */
  expected: number;
  /** The one that came. */
  got: number;
  /** True: the client connects again and fetches them; false: it gave up and went on. */
  recovering: boolean;
}

interface Position {
  /** Undefined: any event begins it. */
  seq: number | undefined;
  cursor: string;
  /** A second JOIN's answer: if the subscription was new, it begins here. */
  other: number | undefined;
}

const RECOVERIES_MAX = 3;
/** A CONNECT with more is larger than a server takes (64 KB). */
const RESUME_BYTES_MAX = 48 * 1024;

/** "12.0a1b2c3d" to 12. */
export function cursorSeq(cursor: string): number | undefined {
  const seq = Number.parseInt(cursor, 10);
  return Number.isSafeInteger(seq) && seq >= 0 ? seq : undefined;
}

export class Streams {
  #positions = new Map<string, Position>();
  #leaving = new Set<string>();
  #recoveries = new Map<string, { seq: number; count: number }>();
  readonly #rooms: readonly string[];
  /** The streams of #rooms, until a connection has begun with them. */
  #wanted = new Set<string>();
  /** What the connection that is being made was asked to begin with. */
  #asked = new Set<string>();

  constructor(rooms: readonly string[] = []) {
    this.#rooms = rooms;
    this.clear();
  }

  /** A server said where a stream begins on this connection. */
  set(stream: string, cursor: string, seq = cursorSeq(cursor)): void {
    this.#positions.set(stream, { seq, cursor, other: undefined });
  }

  /** The answer to a JOIN. A subscription that was open goes on where it is. */
  join(stream: string, seq: number, cursor: string): void {
    const position = this.#positions.get(stream);
    this.#leaving.delete(stream);
    if (!position) this.set(stream, cursor, seq);
    else if (position.seq !== undefined && seq > position.seq) position.other = seq;
  }

  /** Being left: not resumed any more. */
  leave(stream: string): void {
    this.#wanted.delete(stream);
    this.#leaving.add(stream);
  }

  close(stream: string): void {
    this.#positions.delete(stream);
    this.#leaving.delete(stream);
    this.#recoveries.delete(stream);
  }

  clear(): void {
    this.#positions.clear();
    this.#leaving.clear();
    this.#recoveries.clear();
    this.#asked.clear();
    this.#wanted = new Set(this.#rooms.map(id => `room:${id}`));
  }

  has(stream: string): boolean {
    return this.#positions.has(stream) && !this.#leaving.has(stream);
  }

  /** A connection has begun with these streams: the names of those that it has not resumed. */
  begin(streams: Record<string, string>): string[] {
    const asked = [...this.#positions.keys(), ...this.#wanted];
    const gone = asked.filter(stream => !Object.hasOwn(streams, stream));
    this.#wanted.clear();
    this.#asked.clear();
    const lost = gone.filter(stream => !this.#leaving.has(stream));
    for (const stream of gone) this.close(stream);
    for (const [stream, cursor] of Object.entries(streams)) this.set(stream, cursor);
    return lost;
  }

  /** To be handed out, seen before, or behind a gap. */
  accept({ stream, seq, cursor }: DurableEvent): "next" | "duplicate" | Gap {
    const position = this.#positions.get(stream);
    const last = position?.seq;
    if (position && last !== undefined) {
      if (seq <= last) return "duplicate";
      const follows = seq === last + 1 || (position.other !== undefined && seq === position.other + 1);
      if (!follows && this.#mayRecover(stream, last + 1)) {
        return { stream, expected: last + 1, got: seq, recovering: true };
      }
      if (!follows) {
        this.set(stream, cursor, seq);
        return { stream, expected: last + 1, got: seq, recovering: false };
      }
    }
    this.set(stream, cursor, seq);
    return "next";
  }

  /** So that a server that cannot fill a gap is not asked for ever. */
  #mayRecover(stream: string, seq: number): boolean {
    const before = this.#recoveries.get(stream);
    const count = before?.seq === seq ? before.count + 1 : 1;
    this.#recoveries.set(stream, { seq, count });
    return count <= RECOVERIES_MAX;
  }

  /** The cursors to connect with. */
  resume(): Record<string, string | null> {
    const resume: Record<string, string | null> = {};
    let size = 0;
    for (const stream of this.#wanted) {
      size += stream.length + 8;
      if (size > RESUME_BYTES_MAX) break;
      resume[stream] = null;
    }
    for (const [stream, { cursor }] of this.#positions) {
      size += stream.length + cursor.length + 6;
      if (size > RESUME_BYTES_MAX) break;
      if (!this.#leaving.has(stream)) resume[stream] = cursor;
    }
    this.#asked = new Set(Object.keys(resume));
    return resume;
  }

  /** Will the connection that is being made begin with it? */
  isAsked(stream: string): boolean {
    return this.#asked.has(stream);
  }
}
