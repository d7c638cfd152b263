// What a client looks like, with the contract's types.

import type { BelfryError } from "./errors.js";
import type {
  ClientPayloads, ClientReplies, ConnectionSuccessPayload, ServerPayloads,
} from "./generated/index.js";
import type { EmitOptions } from "./options.js";
import type { Gap } from "./streams.js";

/** Events that can be sent: those of the contract that are built. */
export type ClientEvent = keyof ClientPayloads;
export type ServerEvent = keyof ServerPayloads;

/**
 * `idle`: not started or closed; `connecting`; `connected`; `waiting`: between two attempts;
 * `refused`: the server does not want this token, `connect()` tries again.
 */
export type Status = "idle" | "connecting" | "connected" | "waiting" | "refused";

/** What the client itself has to say, beside the server's events. */
export interface LocalEvents {
  /** A session has begun, the first or after a lost connection. */
  connect: () => void;
  /** The connection is lost; unless it was closed or refused, the client connects again. */
  disconnect: (reason: string) => void;
  /** An attempt failed. */
  connect_error: (error: Error) => void;
  status: (status: Status) => void;
  /** Events of a stream were missing. */
  gap: (gap: Gap) => void;
  /** A stream was not resumed: the right to it is gone, or the server no longer knows where it was. */
  lost: (stream: string) => void;
}

export type Events = LocalEvents & {
  [E in ServerEvent]: (payload: ServerPayloads[E]) => void;
};

/** The payload may be left out where nothing in it is required. */
export type EmitArguments<E extends ClientEvent> = {} extends ClientPayloads[E]
  ? [payload?: ClientPayloads[E], options?: EmitOptions]
  : [payload: ClientPayloads[E], options?: EmitOptions];

/** As the server announces it. Where its streams begin is the client's business. */
export type ConnectedSession = Omit<ConnectionSuccessPayload, "streams">;

export interface BelfryClient {
  readonly status: Status;
  /** Of the last CONNECTION_SUCCESS. */
  readonly session: ConnectedSession | undefined;
  /** Who is connected. */
  readonly user: ConnectedSession["user"] | undefined;
  /** How many events wait for their answer. */
  readonly pending: number;
  /** Why `status` is `refused`. */
  readonly refusal: BelfryError | undefined;

  /**
   * Sends an event. The promise resolves with the reply, or rejects with a BelfryError; nobody
   * needs to wait for it. Without a connection the event waits for one, unless it is of the
   * moment. A change carries a `clientId`, so that sending it again has no second effect.
   */
  emit<E extends ClientEvent>(event: E, ...args: EmitArguments<E>): Promise<ClientReplies[E]>;

  on<E extends keyof Events>(event: E, handler: Events[E]): this;
  once<E extends keyof Events>(event: E, handler: Events[E]): this;
  off<E extends keyof Events>(event?: E, handler?: Events[E]): this;
  /** All server events. */
  onAny(handler: (event: string, ...args: unknown[]) => void): this;
  offAny(handler?: (event: string, ...args: unknown[]) => void): this;

  connect(): this;
  /** Connects anew at once, with a fresh token, and resumes. */
  reconnect(): this;
  /** Ends it; what waits fails with CLOSED, what the storage keeps goes out at the next start. */
  close(): this;
}
