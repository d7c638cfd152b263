// One client's connection to the mock server, with the face of a socket of socket.io-client.

import type { Auth, Wire } from "../wire.js";

export interface MockUser {
  id: string;
  username: string;
}

/** What a session asks of its server. */
export interface SessionOwner {
  begin(session: MockSession, auth: Auth): void;
  call(session: MockSession, event: string, payload: unknown, answer: (reply: unknown) => void): void;
  ended(session: MockSession): void;
}

export class MockSession implements Wire {
  readonly id: string;
  user: MockUser = { id: "", username: "" };
  /** Stream to the last seq handed out. */
  readonly subscriptions = new Map<string, number>();
  connected = false;
  #owner: SessionOwner;
  #handlers = new Map<string, ((reason: unknown) => void)[]>();
  #catchAll: ((event: string, payload: unknown) => void)[] = [];
  #closed = false;
  #outgoing: (() => void)[] = [];

  constructor(id: string, owner: SessionOwner, auth: (give: (auth: Auth) => void) => void, refused: boolean) {
    this.id = id;
    this.#owner = owner;
    this.#later(() => {
      if (refused) this.#call("connect_error", new Error("the mock server is offline"));
      else auth(given => this.#later(() => owner.begin(this, structuredClone(given))));
    });
  }

  // ---- the client's side

  on(event: string, handler: (reason: unknown) => void): void {
    this.#handlers.set(event, [...(this.#handlers.get(event) ?? []), handler]);
  }

  onAny(handler: (event: string, payload: unknown) => void): void {
    this.#catchAll.push(handler);
  }

  emit(event: string, payload: unknown, answer: (reply: unknown) => void): void {
    const copy = structuredClone(payload);
    this.#later(() => this.#owner.call(this, event, copy, answer));
  }

  disconnect(): void {
    this.#end();
  }

  // ---- the server's side

  accepted(): void {
    this.connected = true;
    this.#later(() => this.#call("connect", undefined));
  }

  /** Everything arrives later, and in the order sent. */
  send(event: string, payload: object): void {
    const copy = structuredClone(payload);
    this.#later(() => this.#catchAll.forEach(handler => handler(event, copy)));
  }

  answer(give: (reply: unknown) => void, reply: unknown): void {
    const copy = structuredClone(reply);
    this.#later(() => give(copy));
  }

  /** `io server disconnect` says that the server does not want this client. */
  drop(reason: "transport close" | "io server disconnect"): void {
    this.#later(() => {
      this.#end();
      this.#call("disconnect", reason);
    });
  }

  /** What was sent just now is lost with the connection. */
  cut(): void {
    if (this.#closed) return;
    this.#end();
    queueMicrotask(() => this.#call("disconnect", "transport close"));
  }

  #end(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#owner.ended(this);
  }

  #later(step: () => void): void {
    this.#outgoing.push(step);
    queueMicrotask(() => {
      const next = this.#outgoing.shift();
      if (!this.#closed) next?.();
    });
  }

  #call(event: string, reason: unknown): void {
    for (const handler of this.#handlers.get(event) ?? []) handler(reason);
  }
}
