// Handlers by event name, with the methods that socket.io-client has.

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- handlers of many shapes
export type AnyHandler = (...args: any[]) => void;
export type CatchAll = (event: string, ...args: unknown[]) => void;

export class Emitter {
  #handlers = new Map<string, Set<AnyHandler>>();
  #catchAll = new Set<CatchAll>();
  #once = new WeakMap<AnyHandler, AnyHandler>();

  on(event: string, handler: AnyHandler): void {
    let handlers = this.#handlers.get(event);
    if (!handlers) this.#handlers.set(event, (handlers = new Set()));
    handlers.add(handler);
  }

  once(event: string, handler: AnyHandler): void {
    const first: AnyHandler = (...args) => {
      this.off(event, handler);
      handler(...args);
    };
    this.#once.set(handler, first);
    this.on(event, first);
  }

  /** Without a handler: all of the event; without an event: all. */
  off(event?: string, handler?: AnyHandler): void {
    if (event === undefined) {
      this.#handlers.clear();
    } else if (!handler) {
      this.#handlers.delete(event);
    } else {
      const handlers = this.#handlers.get(event);
      handlers?.delete(handler);
      const first = this.#once.get(handler);
      if (first) handlers?.delete(first);
    }
  }

  onAny(handler: CatchAll): void {
    this.#catchAll.add(handler);
  }

  offAny(handler?: CatchAll): void {
    if (handler) this.#catchAll.delete(handler);
    else this.#catchAll.clear();
  }

  /** What a handler throws is reported as uncaught, and hurts no other handler. */
  emit(event: string, ...args: unknown[]): void {
    this.#call(this.#catchAll, event, ...args);
    this.emitLocal(event, ...args);
  }

  /** The same, but not for those who listen to everything. */
  emitLocal(event: string, ...args: unknown[]): void {
    const handlers = this.#handlers.get(event);
    if (handlers) this.#call(handlers, ...args);
  }

  #call(handlers: Set<AnyHandler>, ...args: unknown[]): void {
    for (const handler of [...handlers]) {
      try {
        handler(...args);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
