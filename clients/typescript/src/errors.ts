// Why an event failed: what the server answered, or what happened on the way.

import type { ErrorCodes } from "./generated/index.js";

/** A code of the server's. */
export type ErrorCode = keyof typeof ErrorCodes;

/** What the client itself reports. */
export const LocalErrorCodes = {
  /** The client was closed before there was an answer. */
  CLOSED: "CLOSED",
  /** No connection, and the event is of the moment: it is not sent late. */
  DISCONNECTED: "DISCONNECTED",
  /** Too much waits to be sent. */
  OUTBOX_FULL: "OUTBOX_FULL",
  /** It waited so long that sending it again could have a second effect. */
  EXPIRED: "EXPIRED",
  /** The server ended the session: it was revoked. */
  SESSION_ENDED: "SESSION_ENDED",
} as const;
export type LocalErrorCode = keyof typeof LocalErrorCodes;

/** An event's payload broke these rules. */
export interface Violation {
  path: string;
  rule: string;
  message: string;
}

export interface ErrorBody {
  event?: string | undefined;
  code: ErrorCode | LocalErrorCode;
  message: string;
  details?: unknown;
  retryAfterMs?: number | undefined;
}

/** The answer to an event that was refused, or that could not be sent. */
export class BelfryError extends Error {
  override readonly name = "BelfryError";
  /** The event that failed; "" when it is the connection. */
  readonly event: string;
  readonly code: ErrorCode | LocalErrorCode;
  /** More, depending on the code: of VALIDATION_ERROR a list of `Violation`. */
  readonly details: unknown;
  /** Trying again sooner does not help. */
  readonly retryAfterMs: number | undefined;

  constructor(body: ErrorBody) {
    super(body.message);
    this.event = body.event ?? "";
    this.code = body.code;
    this.details = body.details ?? undefined;
    this.retryAfterMs = body.retryAfterMs;
  }

  /** What the payload broke; empty for other codes. */
  get violations(): readonly Violation[] {
    return this.code === "VALIDATION_ERROR" && Array.isArray(this.details)
      ? (this.details as Violation[])
      : [];
  }
}
