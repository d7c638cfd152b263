// Made by belfry-gen from proto/events: do not edit.
import type { JsonValue } from "../wire.js";
import type { DurableEvent } from "../wire.js";
import type { EphemeralEvent } from "../wire.js";

/**
 * The payload of REFRESH_TOKEN: Hand in a newer token of the same user before the old one
 * expires; the connection and its subscriptions go on.
 * @planned not built yet: cannot be sent, is not received
 */
export interface RefreshTokenPayload {
  /** The newer token, without the word Bearer. 1 to 8192 characters. */
  token: string;
  /** Makes a retry safe: the same id has one effect and one answer. A UUID. */
  clientId?: string;
}

/**
 * The answer to REFRESH_TOKEN: Hand in a newer token of the same user before the old one
 * expires; the connection and its subscriptions go on.
 * @planned not built yet: cannot be sent, is not received
 */
export interface RefreshTokenReply {
  /** When the newer token expires. RFC 3339. */
  expiresAt: string;
}

/** The payload of LIST_SESSIONS: List the caller's sessions, the current one included. */
export type ListSessionsPayload = Record<string, never>;

/** The answer to LIST_SESSIONS: List the caller's sessions, the current one included. */
export interface ListSessionsReply {
  /** The oldest first. */
  sessions: Session[];
}

/**
 * The payload of REVOKE_SESSION: End one of the caller's sessions, on whatever device it is;
 * its token is refused from then on.
 */
export interface RevokeSessionPayload {
  /** The session to end. A UUID. */
  sessionId: string;
  /** Makes a retry safe: the same id has one effect and one answer. A UUID. */
  clientId?: string;
}

/**
 * The answer to REVOKE_SESSION: End one of the caller's sessions, on whatever device it is;
 * its token is refused from then on.
 */
export interface RevokeSessionReply {
  /** The session that was ended. A UUID. */
  sessionId: string;
}

/**
 * The payload of LOGOUT: End this session, or all of the caller's; their tokens are refused
 * from then on.
 * @planned not built yet: cannot be sent, is not received
 */
export interface LogoutPayload {
  /** All sessions of the caller, on every device. Default: only this one. */
  everywhere?: boolean;
  /** Makes a retry safe: the same id has one effect and one answer. A UUID. */
  clientId?: string;
}

/**
 * The answer to LOGOUT: End this session, or all of the caller's; their tokens are refused
 * from then on.
 * @planned not built yet: cannot be sent, is not received
 */
export type LogoutReply = Record<string, never>;

/**
 * The payload of UPDATE_PROFILE: Change how others see the caller: the name and the picture.
 * What is left out stays.
 * @planned not built yet: cannot be sent, is not received
 */
export interface UpdateProfilePayload {
  /** The unique name, by which others mention the user. 1 to 64 characters. */
  username?: string;
  /** The name as it is shown; empty: the username. 0 to 100 characters. */
  displayName?: string;
  /**
   * Where the picture is; empty: none. 0 to 2048 characters. Pattern:
   * (https?://[^[:space:]]+)?
   */
  avatarUrl?: string;
  /** Makes a retry safe: the same id has one effect and one answer. A UUID. */
  clientId?: string;
}

/**
 * The answer to UPDATE_PROFILE: Change how others see the caller: the name and the picture.
 * What is left out stays.
 * @planned not built yet: cannot be sent, is not received
 */
export interface UpdateProfileReply {
  /** The profile as it is now. */
  profile: Profile;
}

/** The payload of CONNECTION_SUCCESS: The connection is accepted and its session has begun. */
export interface ConnectionSuccessPayload {
  /** A greeting for people. */
  message: string;
  /** Who is connected; absent on an anonymous session. */
  user?: ConnectedUser;
  /** This session. A UUID. */
  sessionId: string;
  /**
   * The streams that this session listens to from the start: an object from each stream's name
   * to the cursor from which it goes on.
   */
  streams?: JsonValue;
}

/**
 * The payload of CONNECTION_ERROR: The connection is refused or ended; trying again with the
 * same token does not help.
 */
export interface ConnectionErrorPayload {
  /** What went wrong, for people. */
  message: string;
  /** What went wrong, for programs. */
  code: string;
}

/**
 * The payload of TOKEN_EXPIRING: The session's token is about to expire, and the connection
 * with it.
 */
export interface TokenExpiringPayload {
  /** When it expires. RFC 3339. */
  expiresAt: string;
}

/**
 * The payload of TOKEN_REFRESHED: The session goes on with a newer token.
 * @planned not built yet: cannot be sent, is not received
 */
export interface TokenRefreshedPayload {
  /** When the newer token expires. RFC 3339. */
  expiresAt: string;
}

/**
 * The payload of SESSION_REVOKED: One of the user's sessions was ended from elsewhere; the
 * session itself is closed.
 */
export interface SessionRevokedPayload extends DurableEvent {
  /** The session that was ended. A UUID. */
  sessionId: string;
  /** Why. */
  reason: string;
}

/**
 * The payload of SERVER_DRAINING: This server goes away soon; reconnect and resume, nothing is
 * lost.
 */
export interface ServerDrainingPayload {
  /** Wait this long before connecting again. */
  reconnectInMs: number;
}

/**
 * The payload of RESYNC: A stream could not be resumed where the client stood: read its
 * history, then go on from seq.
 */
export interface ResyncPayload {
  /** The stream. */
  stream: string;
  /** The next event that arrives has a higher seq. */
  seq: number;
  /** Opaque; give it back to resume behind seq. */
  cursor: string;
}

/**
 * The payload of STREAM_OPENED: The session hears a stream from now on that it did not ask for
 * itself: a community joined by another session of the user, or a room that a session that
 * follows has gained.
 */
export interface StreamOpenedPayload {
  /** The stream. */
  stream: string;
  /** The next event that arrives has a higher seq. */
  seq: number;
  /** Opaque; give it back to resume behind seq. */
  cursor: string;
}

/**
 * The payload of ERROR: A client event was refused; the same as its acknowledgement says, for
 * those who did not ask for one.
 */
export interface ErrorPayload {
  /** The client event that was refused. */
  event?: string;
  /** What went wrong, for programs. */
  code: string;
  /** What went wrong, for people. */
  message: string;
  /** More, depending on the code; for VALIDATION_ERROR a list of {path, rule, message}. */
  details?: JsonValue;
  /** Trying again sooner does not help. */
  retryAfterMs?: number;
}

/**
 * The payload of PROFILE_UPDATED: Somebody the user knows has another name or picture.
 * @planned not built yet: cannot be sent, is not received
 */
export interface ProfileUpdatedPayload extends EphemeralEvent {
  /** The profile as it is now. */
  profile: Profile;
}

export interface ConnectedUser {
  /** The user. A UUID. */
  id: string;
  /** The user's name. */
  username: string;
}

export interface Session {
  /** The session. A UUID. */
  id: string;
  /** The device, as it named itself. */
  label?: string;
  /** When it began. RFC 3339. */
  createdAt: string;
  /** When it was last connected; absent while it is. RFC 3339. */
  lastSeenAt?: string;
  /** It is the session that asks. */
  current: boolean;
}

export interface Profile {
  /** The user. A UUID. */
  userId: string;
  /** The unique name. */
  username: string;
  /** The name as it is shown; absent: the username. */
  displayName?: string;
  /** Where the picture is; absent: none. */
  avatarUrl?: string;
}
