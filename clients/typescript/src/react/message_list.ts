// A room's messages in order, put together from pages of history and what happens meanwhile.
// A page and an event can overtake each other, so the later word about a message counts.

import type { Message } from "../generated/index.js";

type Change = (message: Message) => Message;

export class MessageList {
  messages: readonly Message[] = [];
  #max: number;
  /** Changes of messages that a page under way may bring as they were before. */
  #late = new Map<string, Change>();
  #loading = 0;

  constructor(max: number) {
    this.#max = max;
  }

  get firstSeq(): number | undefined {
    return this.messages[0]?.seq;
  }

  beginPage(): void {
    this.#loading++;
  }

  /** `room`: so many more are kept from now on, for those who page back. */
  endPage(page: readonly Message[], { replace = false, room = 0 } = {}): void {
    const changed = page.map(message => this.#late.get(message.id)?.(message) ?? message);
    const last = page.at(-1)?.seq ?? 0;
    const kept = replace ? this.messages.filter(({ seq }) => seq > last) : this.messages;
    const known = new Map(kept.map(message => [message.id, message]));
    this.#max += room;
    this.#set([...kept, ...changed.filter(({ id }) => !known.has(id))]);
    this.failPage();
  }

  failPage(): void {
    if (--this.#loading === 0) this.#late.clear();
  }

  add(message: Message): void {
    if (this.messages.some(({ id }) => id === message.id)) this.change(message.id, () => message);
    else this.#set([...this.messages, message]);
  }

  change(id: string, change: Change): void {
    if (this.#loading > 0) {
      const before = this.#late.get(id);
      this.#late.set(id, before ? message => change(before(message)) : change);
    }
    this.messages = this.messages.map(message => (message.id === id ? change(message) : message));
  }

  #set(messages: Message[]): void {
    this.messages = messages.sort((a, b) => a.seq - b.seq).slice(-this.#max);
  }
}
