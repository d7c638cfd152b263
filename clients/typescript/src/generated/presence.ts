// Made by belfry-gen from proto/events: do not edit.
import type { SetPresenceStatus } from "./enums.js";
import type { JsonValue } from "../wire.js";
import type { EphemeralEvent } from "../wire.js";
import type { PresenceStatus } from "./enums.js";

/** The payload of SET_PRESENCE: Say how the caller wants to be seen. */
export interface SetPresencePayload {
  /** INVISIBLE looks offline to others. */
  status: SetPresenceStatus;
  /** A few words beside it; absent or empty: none. 0 to 128 characters. */
  text?: string;
  /** Makes a retry safe: the same id has one effect and one answer. A UUID. */
  clientId?: string;
}

/** The answer to SET_PRESENCE: Say how the caller wants to be seen. */
export type SetPresenceReply = Record<string, never>;

/** The payload of GET_PRESENCE: Ask for the presence of users; strangers look offline. */
export interface GetPresencePayload {
  /** Whom to ask about. 1 to 100 items. A UUID. */
  userIds: string[];
}

/** The answer to GET_PRESENCE: Ask for the presence of users; strangers look offline. */
export interface GetPresenceReply {
  /** One for each user asked about, in that order. */
  users: Presence[];
}

/**
 * The payload of GET_ROOM_PRESENCE: Ask who is in a room just now, and with which state.
 * @planned not built yet: cannot be sent, is not received
 */
export interface GetRoomPresencePayload {
  /** The room. A UUID. */
  roomId: string;
  /** At most so many. Default: 100. At least 1. At most 1000. */
  limit?: number;
}

/**
 * The answer to GET_ROOM_PRESENCE: Ask who is in a room just now, and with which state.
 * @planned not built yet: cannot be sent, is not received
 */
export interface GetRoomPresenceReply {
  /** Those who listen to the room just now, and are not invisible. */
  users: RoomPresence[];
  /** How many there are, more than are listed perhaps. */
  count: number;
}

/**
 * The payload of TYPING_START: Tell the room that the caller is typing; repeat it every few
 * seconds.
 */
export interface TypingStartPayload {
  /** The room. A UUID. */
  roomId: string;
}

/**
 * The answer to TYPING_START: Tell the room that the caller is typing; repeat it every few
 * seconds.
 */
export type TypingStartReply = Record<string, never>;

/** The payload of TYPING_STOP: Tell the room that the caller has stopped typing. */
export interface TypingStopPayload {
  /** The room. A UUID. */
  roomId: string;
}

/** The answer to TYPING_STOP: Tell the room that the caller has stopped typing. */
export type TypingStopReply = Record<string, never>;

/**
 * The payload of SET_ROOM_STATE: Tell the room a small state of the caller, such as muted,
 * deafened, a raised hand or a cursor; it lasts while he is in the room.
 * @planned not built yet: cannot be sent, is not received
 */
export interface SetRoomStatePayload {
  /** The room. A UUID. */
  roomId: string;
  /**
   * An object of at most 16 keys; it replaces the state before, and an empty one ends it. 0 to
   * 1024 characters.
   */
  state: JsonValue;
}

/**
 * The answer to SET_ROOM_STATE: Tell the room a small state of the caller, such as muted,
 * deafened, a raised hand or a cursor; it lasts while he is in the room.
 * @planned not built yet: cannot be sent, is not received
 */
export type SetRoomStateReply = Record<string, never>;

/**
 * The payload of USER_TYPING: Somebody in the room started or stopped typing; false also
 * follows by itself after 8 s.
 */
export interface UserTypingPayload extends EphemeralEvent {
  /** The room. A UUID. */
  roomId: string;
  /** Who. A UUID. */
  userId: string;
  /** The user's name. */
  username: string;
  /** True: started, false: stopped. */
  isTyping: boolean;
}

/** The payload of PRESENCE_CHANGED: Somebody the user knows wants to be seen otherwise. */
export interface PresenceChangedPayload extends EphemeralEvent {
  /** Who. A UUID. */
  userId: string;
  /** How others see the user now. */
  status: PresenceStatus;
  /** A few words beside it. */
  text?: string;
}

/** The payload of USER_CONNECTED: Somebody the user knows came online with a first session. */
export interface UserConnectedPayload extends EphemeralEvent {
  /** Who. A UUID. */
  userId: string;
  /** The user's name. */
  username: string;
}

/**
 * The payload of USER_DISCONNECTED: The last session of somebody the user knows is gone, and
 * did not come back at once.
 */
export interface UserDisconnectedPayload extends EphemeralEvent {
  /** Who. A UUID. */
  userId: string;
}

/**
 * The payload of ROOM_STATE_CHANGED: Somebody in the room has another state; of one user only
 * the newest counts.
 * @planned not built yet: cannot be sent, is not received
 */
export interface RoomStateChangedPayload extends EphemeralEvent {
  /** The room. A UUID. */
  roomId: string;
  /** Who. A UUID. */
  userId: string;
  /** The user's name. */
  username: string;
  /** The whole state as it is now; an empty object: none. */
  state: JsonValue;
}

export interface Presence {
  /** The user. A UUID. */
  userId: string;
  /** How others see the user. */
  status: PresenceStatus;
  /** A few words beside it. */
  text?: string;
}

export interface RoomPresence {
  /** The user. A UUID. */
  userId: string;
  /** The user's name. */
  username: string;
  /** How others see the user. */
  status: PresenceStatus;
  /** A few words beside it. */
  text?: string;
  /** The user's state in this room; absent: none. */
  state?: JsonValue;
}
