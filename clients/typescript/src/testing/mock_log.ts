// The mock server's streams: numbered events, and who is behind.

import type { Members } from "./shape.js";

interface Stored {
  event: string;
  payload: Members;
}

export class MockLog {
  #streams = new Map<string, Stored[]>();
  #tag = "00000001";

  seq(stream: string): number {
    return this.#streams.get(stream)?.length ?? 0;
  }

  cursor(stream: string, seq = this.seq(stream)): string {
    return `${seq}.${this.#tag}`;
  }

  /** The next event of a stream; `seq` and the rest are put in front of its members. */
  append(stream: string, event: string, members: Members, at: Date): Members {
    let events = this.#streams.get(stream);
    if (!events) this.#streams.set(stream, (events = []));
    const seq = events.length + 1;
    const payload = { stream, seq, cursor: this.cursor(stream, seq), timestamp: at.toISOString(), ...members };
    events.push({ event, payload });
    return payload;
  }

  /** What follows a cursor; undefined: it does not fit, the client has to read anew. */
  after(stream: string, cursor: string): Stored[] | undefined {
    const [seq, tag] = cursor.split(".");
    const events = this.#streams.get(stream) ?? [];
    const fits = tag === this.#tag && Number(seq) <= events.length;
    return fits ? events.slice(Number(seq)) : undefined;
  }

  /** As after a restored database: no cursor of before fits. */
  restart(): void {
    this.#tag = (Number.parseInt(this.#tag, 16) + 1).toString(16).padStart(8, "0");
  }
}
