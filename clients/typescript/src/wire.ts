// What travels: JSON, and what the server puts in front of an event's own members.

export type JsonValue = string | number | boolean | null | JsonValue[] | JsonObject;
export interface JsonObject {
  [name: string]: JsonValue | undefined;
}

/** A numbered event: stored, delivered in order, each once. */
export interface DurableEvent {
  /** The stream, such as `room:<uuid>`. */
  stream: string;
  /** Its place in the stream. */
  seq: number;
  /** Opaque: where the stream goes on after this event. The client keeps it for you. */
  cursor: string;
  /** When it happened, RFC 3339. */
  timestamp: string;
}

/** An event of the moment: not stored, may be dropped. */
export interface EphemeralEvent {
  /** When it happened, RFC 3339. */
  timestamp: string;
}

/** What a connection begins with. */
export interface Auth {
  token: string;
  /** Where streams go on; null: a room is joined. */
  resume?: Record<string, string | null>;
}

/** One life of a connection, as a socket of socket.io-client is one. */
export interface Wire {
  on(event: "connect" | "disconnect" | "connect_error", handler: (reason: unknown) => void): unknown;
  onAny(handler: (event: string, payload: unknown) => void): unknown;
  emit(event: string, payload: unknown, answer: (reply: unknown) => void): unknown;
  disconnect(): unknown;
}

/** Opens a connection; calls `auth` when the other side asks who it is. */
export type Connector = (url: string, auth: (give: (auth: Auth) => void) => void) => Wire;
