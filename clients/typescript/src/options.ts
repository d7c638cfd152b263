// How a client is set up.

import type { ManagerOptions, SocketOptions } from "socket.io-client";
import type { OutboxStorage } from "./storage.js";
import type { Connector, JsonObject } from "./wire.js";

/** Why a token is asked for: `refused` and `expiring` want another than the last one. */
export type TokenReason = "connect" | "expiring" | "refused";

export interface OutboxEntry {
  event: string;
  payload: JsonObject;
  clientId: string;
  at: Date;
}

export interface OutboxOptions {
  /** Keeps changes over a reload. Default: none, they live as long as the client. */
  storage?: OutboxStorage;
  /** At most so many events wait; a further one is refused with OUTBOX_FULL. Default: 1000. */
  maxEntries?: number;
  /** And at most so many bytes of payload. Default: 4 MiB. */
  maxBytes?: number;
  /**
   * A change older than this is not sent again but fails with EXPIRED: the server remembers
   * answers for 7 days, and after that the change could happen twice. Default: 7 days less an
   * hour.
   */
  maxAgeMs?: number;
  /** A change from before a reload goes out: what was it, and how did it end? */
  onRestored?: (entry: OutboxEntry, answer: Promise<unknown>) => void;
}

export interface ClientOptions {
  /** Where to connect; of several edges the next one is taken when one fails. */
  url: string | readonly string[];
  /** A token, or where to get one: asked at each connect and before it expires. */
  token: string | ((reason: TokenReason) => string | Promise<string>);
  /**
   * Ids of rooms that the first connection joins as it begins, without a JOIN_ROOM and its round
   * trip. `lost` names those that the user may not see.
   */
  rooms?: readonly string[];
  /** Default: true. False: `connect()` is called later. */
  autoConnect?: boolean;
  /** Whose changes the outbox keeps before there was a first connection. */
  userId?: string;
  outbox?: OutboxOptions;
  /**
   * How often an event that was refused with RATE_LIMITED or UNAVAILABLE is sent again, after
   * the time that the server asks for. Default: 3; 0: never.
   */
  retries?: number;
  /** Wait before connecting again: doubles from min to max, at random between half and whole. */
  reconnect?: { minMs?: number; maxMs?: number };
  /** Without an answer for so long, the client connects again and asks again. Default: 30 s. */
  answerTimeoutMs?: number;
  /** Without CONNECTION_SUCCESS for so long, the next attempt is made. Default: 20 s. */
  connectTimeoutMs?: number;
  /** Passed to socket.io-client. */
  socket?: Partial<ManagerOptions & SocketOptions>;
  /** Another transport: the mock server's. */
  connector?: Connector;
  /** What is nobody's answer: the storage failed, the token could not be got. */
  onError?: (error: unknown) => void;
}

/** Of one emit. */
export interface EmitOptions {
  /** Instead of the client's `retries`. */
  retries?: number;
}
