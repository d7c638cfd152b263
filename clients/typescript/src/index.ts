// @belfry/client: a typed client of Belfry over socket.io-client.

export { createClient } from "./client.js";
export { BelfryError, LocalErrorCodes } from "./errors.js";
export type { ErrorCode, LocalErrorCode, Violation } from "./errors.js";
export * from "./generated/index.js";
export type {
  ClientOptions, EmitOptions, OutboxEntry, OutboxOptions, TokenReason,
} from "./options.js";
export { indexedDbStorage, memoryStorage } from "./storage.js";
export type { OutboxStorage, StoredEntry } from "./storage.js";
export type { Gap } from "./streams.js";
export type {
  BelfryClient, ClientEvent, ConnectedSession, EmitArguments, Events, LocalEvents, ServerEvent, Status,
} from "./types.js";
export type { Auth, Connector, DurableEvent, EphemeralEvent, JsonObject, JsonValue, Wire } from "./wire.js";
