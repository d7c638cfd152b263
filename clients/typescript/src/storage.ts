// Where an outbox can keep what has no answer yet: nowhere, in memory, in IndexedDB.

import type { JsonObject } from "./wire.js";

export interface StoredEntry {
  clientId: string;
  event: string;
  payload: JsonObject;
  /** When it was emitted, milliseconds since 1970. */
  at: number;
  /** Among those of the same millisecond. */
  order: number;
  /** Whose it is. */
  userId: string;
}

/** Calls take effect in the order made. */
export interface OutboxStorage {
  load(): Promise<StoredEntry[]>;
  put(entry: StoredEntry): Promise<void>;
  delete(clientId: string): Promise<void>;
}

/** Outlives a client, not a page: for tests and servers. */
export function memoryStorage(): OutboxStorage {
  const entries = new Map<string, StoredEntry>();
  return {
    load: async () => [...entries.values()],
    put: async entry => void entries.set(entry.clientId, entry),
    delete: async clientId => void entries.delete(clientId),
  };
}

const STORE = "entries";

/** Outlives the page. Tabs may share it: an entry that two of them send happens once. */
export function indexedDbStorage({
  name = "belfry-outbox",
  factory = globalThis.indexedDB,
}: { name?: string; factory?: IDBFactory } = {}): OutboxStorage {
  let opening: Promise<IDBDatabase> | undefined;

  const open = () => {
    opening ??= new Promise<IDBDatabase>((resolve, reject) => {
      const request = factory.open(name, 1);
      request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: "clientId" });
      request.onsuccess = () => {
        request.result.onclose = () => (opening = undefined); // the browser took it away
        resolve(request.result);
      };
      request.onerror = () => reject(request.error);
    });
    opening.catch(() => (opening = undefined)); // the next call tries again
    return opening;
  };

  const run = async <T>(
    mode: IDBTransactionMode,
    ask: (store: IDBObjectStore) => IDBRequest<T>,
  ): Promise<T> => {
    const transaction = (await open()).transaction(STORE, mode);
    const request = ask(transaction.objectStore(STORE));
    return new Promise<T>((resolve, reject) => {
      transaction.oncomplete = () => resolve(request.result);
      transaction.onabort = transaction.onerror = () => reject(transaction.error ?? request.error);
    });
  };

  return {
    load: () => run("readonly", store => store.getAll() as IDBRequest<StoredEntry[]>),
    put: entry => run("readwrite", store => store.put(entry)).then(() => undefined),
    delete: clientId => run("readwrite", store => store.delete(clientId)).then(() => undefined),
  };
}
