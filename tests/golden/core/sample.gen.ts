==> contract.ts <==
// Made by belfry-gen from proto/events: do not edit.
import type { Contract } from "../contract_types.js";

export const contract: Contract = {
  messages: {
    PostNotePayload: [
      { name: "text", type: "string", required: true, minLength: 1, maxLength: 200, visible: true },
      { name: "code", type: "string", maxLength: 8, pattern: "[A-Z]+\\\"?", example: "AB\"" },
      { name: "target", type: "message", required: true, message: "Target", example: {"roomId":"018f4e9a-1c2b-7d3e-8f40-112233445566"} },
      { name: "marks", type: "int64", repeated: true, min: -1.5, minItems: 1, maxItems: 5, example: ["-1", "9223372036854775807"] },
      { name: "seq", type: "integer", max: 9007199254740991, example: 9007199254740991 },
      { name: "extra", type: "json", maxLength: 100, example: [null, {"a": 1.5}] },
      { name: "link", type: "string", format: "url", example: "https://example.com/a?b#c" },
      { name: "at", type: "string", format: "timestamp", example: "2024-02-29T23:59:60.123456789+01:00" },
      { name: "clientId", type: "string", format: "uuid" },
    ],
    Target: [
      { name: "roomId", type: "string", required: true, format: "uuid" },
    ],
    PostNoteReply: [
      { name: "answer", type: "message", message: "PostNoteReplyHTTPAnswer" },
    ],
    PostNoteReplyHTTPAnswer: [
      { name: "ok", type: "boolean" },
    ],
    WipeNotesPayload: [
      { name: "clientId", type: "string", format: "uuid" },
    ],
    WipeNotesReply: [],
    PingRoomPayload: [
      { name: "roomId", type: "string", required: true, format: "uuid" },
    ],
    PingRoomReply: [],
    AskTimePayload: [],
    AskTimeReply: [],
    ReadNotePayload: [
      { name: "noteId", type: "string", required: true, format: "uuid" },
    ],
    NotePostedPayload: [
      { name: "text", type: "string" },
    ],
    PingedPayload: [],
    WipedPayload: [],
  },
  client: {
    ASK_TIME: {
      kind: "read", payload: "AskTimePayload", reply: "AskTimeReply",
      namespace: "/sample", payloadMax: 16384, rate: { limit: 5, perSeconds: 1 },
      causes: [],
    },
    PING_ROOM: {
      kind: "ephemeral", payload: "PingRoomPayload", reply: "PingRoomReply",
      namespace: "/sample", payloadMax: 16384, rate: { limit: 5, perSeconds: 1 },
      subscribed: "roomId",
      causes: ["PINGED"],
    },
    POST_NOTE: {
      kind: "change", payload: "PostNotePayload", reply: "PostNoteReply",
      namespace: "/sample", payloadMax: 4096, rate: { limit: 30, perSeconds: 10 },
      resource: { type: "ROOM", idKey: "target.roomId" },
      causes: ["NOTE_POSTED", "WIPED"],
    },
    READ_NOTE: {
      kind: "read", payload: "ReadNotePayload", reply: "PostNoteReply",
      namespace: "/sample", payloadMax: 16384, rate: { limit: 5, perSeconds: 1 },
      resource: { type: "MESSAGE", idKey: "noteId" },
      textPayload: "noteId",
      causes: [],
    },
    WIPE_NOTES: {
      kind: "change", payload: "WipeNotesPayload", reply: "WipeNotesReply",
      namespace: "/sample", payloadMax: 16384, rate: { limit: 1, perSeconds: 60 },
      planned: true,
      causes: [],
    },
  },
  server: {
    NOTE_POSTED: { scope: "ROOM", payload: "NotePostedPayload", durable: true },
    PINGED: { scope: "ROOM", payload: "PingedPayload", exceptSender: true },
    WIPED: { scope: "GLOBAL", payload: "WipedPayload", planned: true },
  },
};

==> enums.ts <==
// Made by belfry-gen from proto/events: do not edit.
export {};

==> events.ts <==
// Made by belfry-gen from proto/events: do not edit.
import type * as sample from "./sample.js";

/** What a client can send. */
export const ClientEvents = {
  /** Ask what time it is. */
  ASK_TIME: "ASK_TIME",
  /** Ends a comment: *\/ no. */
  PING_ROOM: "PING_ROOM",
  /**
   * Post a note, with a purpose so long that the comment above the prototype has to be
   * wrapped.
   */
  POST_NOTE: "POST_NOTE",
  /** The payload may be the id alone. */
  READ_NOTE: "READ_NOTE",
  /**
   * Planned: neither handler nor row.
   * @planned not built yet: cannot be sent, is not received
   */
  WIPE_NOTES: "WIPE_NOTES",
} as const;

/** What a server can send. */
export const ServerEvents = {
  /** A note was posted. */
  NOTE_POSTED: "NOTE_POSTED",
  /** Somebody pinged. */
  PINGED: "PINGED",
  /**
   * Not built.
   * @planned not built yet: cannot be sent, is not received
   */
  WIPED: "WIPED",
} as const;

/** Why the server refuses an event. */
export const ErrorCodes = {
  /** Authentication required. */
  UNAUTHENTICATED: "UNAUTHENTICATED",
  /** Token expired. */
  TOKEN_EXPIRED: "TOKEN_EXPIRED",
  /** Insufficient permissions. */
  PERMISSION_DENIED: "PERMISSION_DENIED",
  /** Invalid payload format. */
  VALIDATION_ERROR: "VALIDATION_ERROR",
  /** Resource not found. */
  NOT_FOUND: "NOT_FOUND",
  /** Conflicts with an earlier request. */
  CONFLICT: "CONFLICT",
  /** A limit was reached. */
  LIMIT_REACHED: "LIMIT_REACHED",
  /** Too many requests. */
  RATE_LIMITED: "RATE_LIMITED",
  /** Payload too large. */
  PAYLOAD_TOO_LARGE: "PAYLOAD_TOO_LARGE",
  /** Unknown event. */
  UNKNOWN_EVENT: "UNKNOWN_EVENT",
  /** Temporarily unavailable, try again. */
  UNAVAILABLE: "UNAVAILABLE",
  /** Internal error. */
  INTERNAL: "INTERNAL",
} as const;

/** event to payload */
export interface ClientPayloads {
  ASK_TIME: sample.AskTimePayload;
  PING_ROOM: sample.PingRoomPayload;
  POST_NOTE: sample.PostNotePayload;
  READ_NOTE: sample.ReadNotePayload | string;
}

/** event to reply */
export interface ClientReplies {
  ASK_TIME: sample.AskTimeReply;
  PING_ROOM: sample.PingRoomReply;
  POST_NOTE: sample.PostNoteReply;
  READ_NOTE: sample.PostNoteReply;
}

/** server event to payload */
export interface ServerPayloads {
  NOTE_POSTED: sample.NotePostedPayload;
  PINGED: sample.PingedPayload;
}

/** @planned not built yet; event to payload */
export interface PlannedClientPayloads {
  WIPE_NOTES: sample.WipeNotesPayload;
}

/** @planned not built yet; event to reply */
export interface PlannedClientReplies {
  WIPE_NOTES: sample.WipeNotesReply;
}

/** @planned not built yet; server event to payload */
export interface PlannedServerPayloads {
  WIPED: sample.WipedPayload;
}

/** How an event is treated: only a change takes a clientId, an ephemeral one is never sent late. */
export const clientEventKinds: Record<keyof ClientPayloads, "read" | "change" | "ephemeral"> = {
  ASK_TIME: "read",
  PING_ROOM: "ephemeral",
  POST_NOTE: "change",
  READ_NOTE: "read",
};

==> index.ts <==
// Made by belfry-gen from proto/events: do not edit.
export * from "./enums.js";
export * from "./events.js";
export type * from "./sample.js";

==> sample.ts <==
// Made by belfry-gen from proto/events: do not edit.
import type { JsonValue } from "../wire.js";
import type { DurableEvent } from "../wire.js";
import type { EphemeralEvent } from "../wire.js";

/**
 * The payload of POST_NOTE: Post a note, with a purpose so long that the comment above the
 * prototype has to be wrapped.
 */
export interface PostNotePayload {
  /** What. 1 to 200 characters. */
  text: string;
  /** Quotes and backslashes. 0 to 8 characters. Pattern: [A-Z]+\"? */
  code?: string;
  /** Where. */
  target: Target;
  /** Below -1.5: no. 1 to 5 items. At least -1.5. */
  marks?: string[];
  /** A number in JSON. At most 9007199254740991. */
  seq?: number;
  /** JSON. 0 to 100 characters. */
  extra?: JsonValue;
  /** A link. A URL. */
  link?: string;
  /** When. RFC 3339. */
  at?: string;
  /** A retry's. A UUID. */
  clientId?: string;
}

export interface Target {
  /** The room. A UUID. */
  roomId: string;
}

/**
 * The answer to POST_NOTE: Post a note, with a purpose so long that the comment above the
 * prototype has to be wrapped.
 */
export interface PostNoteReply {
  /** Nested. */
  answer?: PostNoteReplyHTTPAnswer;
}

export interface PostNoteReplyHTTPAnswer {
  /** Names as protobuf-c writes them. */
  ok?: boolean;
}

/**
 * The payload of WIPE_NOTES: Planned: neither handler nor row.
 * @planned not built yet: cannot be sent, is not received
 */
export interface WipeNotesPayload {
  /** A retry's. A UUID. */
  clientId?: string;
}

/**
 * The answer to WIPE_NOTES: Planned: neither handler nor row.
 * @planned not built yet: cannot be sent, is not received
 */
export type WipeNotesReply = Record<string, never>;

/** The payload of PING_ROOM: Ends a comment: *\/ no. */
export interface PingRoomPayload {
  /** The room. A UUID. */
  roomId: string;
}

/** The answer to PING_ROOM: Ends a comment: *\/ no. */
export type PingRoomReply = Record<string, never>;

/** The payload of ASK_TIME: Ask what time it is. */
export type AskTimePayload = Record<string, never>;

/** The answer to ASK_TIME: Ask what time it is. */
export type AskTimeReply = Record<string, never>;

/** The payload of READ_NOTE: The payload may be the id alone. */
export interface ReadNotePayload {
  /** The note. A UUID. */
  noteId: string;
}

/** The payload of NOTE_POSTED: A note was posted. */
export interface NotePostedPayload extends DurableEvent {
  /** What. */
  text?: string;
}

/** The payload of PINGED: Somebody pinged. */
export type PingedPayload = EphemeralEvent;

/**
 * The payload of WIPED: Not built.
 * @planned not built yet: cannot be sent, is not received
 */
export type WipedPayload = EphemeralEvent;
