// Made by belfry-gen from proto/events: do not edit.
import type { Action } from "./enums.js";
import type { DurableEvent } from "../wire.js";
import type { EphemeralEvent } from "../wire.js";

/**
 * The payload of CREATE_ROOM: Make a room in a community; the caller is the first member of a
 * private one.
 */
export interface CreateRoomPayload {
  /** The community it belongs to. A UUID. */
  communityId: string;
  /** Its name. 1 to 100 characters. */
  name: string;
  /** Only for those who are added to it. Default: false. */
  private?: boolean;
  /** Makes a retry safe: the same id has one effect and one answer. A UUID. */
  clientId?: string;
}

/**
 * The answer to CREATE_ROOM: Make a room in a community; the caller is the first member of a
 * private one.
 */
export interface CreateRoomReply {
  /** The new room. */
  room: Room;
}

/**
 * The payload of UPDATE_ROOM: Change a room's name, topic or slow mode. What is left out
 * stays.
 * @planned not built yet: cannot be sent, is not received
 */
export interface UpdateRoomPayload {
  /** The room. A UUID. */
  roomId: string;
  /** Its new name. 1 to 100 characters. */
  name?: string;
  /** What it is about; empty: nothing. 0 to 1000 characters. */
  topic?: string;
  /**
   * So long a member waits between two messages, unless he manages the room; 0: not at all. At
   * least 0. At most 21600.
   */
  slowModeSeconds?: number;
  /** Makes a retry safe: the same id has one effect and one answer. A UUID. */
  clientId?: string;
}

/**
 * The answer to UPDATE_ROOM: Change a room's name, topic or slow mode. What is left out stays.
 * @planned not built yet: cannot be sent, is not received
 */
export interface UpdateRoomReply {
  /** The room as it is now. */
  room: Room;
}

/**
 * The payload of DELETE_ROOM: Delete a room with all its messages, for good.
 * @planned not built yet: cannot be sent, is not received
 */
export interface DeleteRoomPayload {
  /** The room to delete. A UUID. */
  roomId: string;
  /** Why; the others and the audit log see it. 0 to 500 characters. */
  reason?: string;
  /** Makes a retry safe: the same id has one effect and one answer. A UUID. */
  clientId?: string;
}

/**
 * The answer to DELETE_ROOM: Delete a room with all its messages, for good.
 * @planned not built yet: cannot be sent, is not received
 */
export type DeleteRoomReply = Record<string, never>;

/**
 * The payload of REORDER_ROOMS: Put the public rooms of a community into another order.
 * @planned not built yet: cannot be sent, is not received
 */
export interface ReorderRoomsPayload {
  /** The community. A UUID. */
  communityId: string;
  /**
   * Public rooms in their new order; those not named follow in the order they had. 1 to 500
   * items. A UUID.
   */
  roomIds: string[];
  /** Makes a retry safe: the same id has one effect and one answer. A UUID. */
  clientId?: string;
}

/**
 * The answer to REORDER_ROOMS: Put the public rooms of a community into another order.
 * @planned not built yet: cannot be sent, is not received
 */
export type ReorderRoomsReply = Record<string, never>;

/** The payload of LIST_ROOMS: List the rooms of a community that the caller may see. */
export interface ListRoomsPayload {
  /** The community. A UUID. */
  communityId: string;
}

/** The answer to LIST_ROOMS: List the rooms of a community that the caller may see. */
export interface ListRoomsReply {
  /** In the community's order. */
  rooms: Room[];
}

/**
 * The payload of LIST_ROOM_MEMBERS: List the members of a private or direct room.
 * @planned not built yet: cannot be sent, is not received
 */
export interface ListRoomMembersPayload {
  /** The private or direct room. A UUID. */
  roomId: string;
  /** The last user of the page before; absent: the first page. A UUID. */
  after?: string;
  /** At most so many. Default: 100. At least 1. At most 200. */
  limit?: number;
}

/**
 * The answer to LIST_ROOM_MEMBERS: List the members of a private or direct room.
 * @planned not built yet: cannot be sent, is not received
 */
export interface ListRoomMembersReply {
  /** By the time they were added, the oldest first. */
  members: RoomMember[];
  /** There are more. */
  hasMore: boolean;
}

/**
 * The payload of JOIN_ROOM: Listen to a room from now on; its next event has the seq after the
 * reply's.
 */
export interface JoinRoomPayload {
  /** The room to listen to. A UUID. */
  roomId: string;
}

/**
 * The answer to JOIN_ROOM: Listen to a room from now on; its next event has the seq after the
 * reply's.
 */
export interface JoinRoomReply {
  /** The room. */
  room: Room;
  /** How many belong to it, if it is private. */
  memberCount?: number;
  /** Events arrive from the next seq on. */
  seq: number;
  /** Opaque; give it back to resume here. */
  cursor: string;
}

/**
 * The payload of LEAVE_ROOM: Stop listening to a room; nothing of it arrives after the reply.
 */
export interface LeaveRoomPayload {
  /** The room. A UUID. */
  roomId: string;
}

/**
 * The answer to LEAVE_ROOM: Stop listening to a room; nothing of it arrives after the reply.
 */
export type LeaveRoomReply = Record<string, never>;

/**
 * The payload of JOIN_ALL_ROOMS: Listen to all rooms the caller may read, and with no
 * communityId also to those gained later.
 */
export interface JoinAllRoomsPayload {
  /** Only rooms of this community, and only those of now. A UUID. */
  communityId?: string;
}

/**
 * The answer to JOIN_ALL_ROOMS: Listen to all rooms the caller may read, and with no
 * communityId also to those gained later.
 */
export interface JoinAllRoomsReply {
  /** The rooms this session now listens to. */
  rooms: RoomPosition[];
}

/** The payload of ADD_ROOM_MEMBER: Let a member of the community into a private room. */
export interface AddRoomMemberPayload {
  /** The private room. A UUID. */
  roomId: string;
  /** Whom to let in. A UUID. */
  userId: string;
  /** Makes a retry safe: the same id has one effect and one answer. A UUID. */
  clientId?: string;
}

/** The answer to ADD_ROOM_MEMBER: Let a member of the community into a private room. */
export type AddRoomMemberReply = Record<string, never>;

/**
 * The payload of REMOVE_ROOM_MEMBER: Take a member out of a private room with
 * MANAGE_ROOM_MEMBERS, or leave it for good oneself.
 */
export interface RemoveRoomMemberPayload {
  /** The private room. A UUID. */
  roomId: string;
  /** Whom to take out. A UUID. */
  userId: string;
  /** Makes a retry safe: the same id has one effect and one answer. A UUID. */
  clientId?: string;
}

/**
 * The answer to REMOVE_ROOM_MEMBER: Take a member out of a private room with
 * MANAGE_ROOM_MEMBERS, or leave it for good oneself.
 */
export type RemoveRoomMemberReply = Record<string, never>;

/**
 * The payload of SET_ROOM_OVERRIDE: Say what a role or a user may do in this room in spite of
 * what their roles grant; with both lists empty the override goes away.
 */
export interface SetRoomOverridePayload {
  /** The room. A UUID. */
  roomId: string;
  /** The role it is about; either this or userId. A UUID. */
  roleId?: string;
  /** The user it is about; either this or roleId. A UUID. */
  userId?: string;
  /** Granted here; only actions on a room or a message. 0 to 24 items. */
  allow?: Action[];
  /** Denied here; wins over allow; only actions on a room or a message. 0 to 24 items. */
  deny?: Action[];
  /** Makes a retry safe: the same id has one effect and one answer. A UUID. */
  clientId?: string;
}

/**
 * The answer to SET_ROOM_OVERRIDE: Say what a role or a user may do in this room in spite of
 * what their roles grant; with both lists empty the override goes away.
 */
export type SetRoomOverrideReply = Record<string, never>;

/**
 * The payload of OPEN_DIRECT_ROOM: Open a room with one other user, always the same one, or a
 * new one for a group of 3 to 32.
 * @planned not built yet: cannot be sent, is not received
 */
export interface OpenDirectRoomPayload {
  /** The others; the caller need not be named. 1 to 32 items. A UUID. */
  userIds: string[];
  /** The name of a group; a room of two has none. 0 to 100 characters. */
  name?: string;
  /** Makes a retry safe: the same id has one effect and one answer. A UUID. */
  clientId?: string;
}

/**
 * The answer to OPEN_DIRECT_ROOM: Open a room with one other user, always the same one, or a
 * new one for a group of 3 to 32.
 * @planned not built yet: cannot be sent, is not received
 */
export interface OpenDirectRoomReply {
  /** The room. */
  room: Room;
  /** It is new. */
  created: boolean;
}

/**
 * The payload of BLOCK_USER: Take no direct messages from a user any more, and open no direct
 * room with him.
 * @planned not built yet: cannot be sent, is not received
 */
export interface BlockUserPayload {
  /** Whom to block. A UUID. */
  userId: string;
  /** Makes a retry safe: the same id has one effect and one answer. A UUID. */
  clientId?: string;
}

/**
 * The answer to BLOCK_USER: Take no direct messages from a user any more, and open no direct
 * room with him.
 * @planned not built yet: cannot be sent, is not received
 */
export type BlockUserReply = Record<string, never>;

/**
 * The payload of UNBLOCK_USER: Take direct messages from a user again.
 * @planned not built yet: cannot be sent, is not received
 */
export interface UnblockUserPayload {
  /** Whom to block no longer. A UUID. */
  userId: string;
  /** Makes a retry safe: the same id has one effect and one answer. A UUID. */
  clientId?: string;
}

/**
 * The answer to UNBLOCK_USER: Take direct messages from a user again.
 * @planned not built yet: cannot be sent, is not received
 */
export type UnblockUserReply = Record<string, never>;

/**
 * The payload of LIST_BLOCKS: List whom the caller blocks.
 * @planned not built yet: cannot be sent, is not received
 */
export type ListBlocksPayload = Record<string, never>;

/**
 * The answer to LIST_BLOCKS: List whom the caller blocks.
 * @planned not built yet: cannot be sent, is not received
 */
export interface ListBlocksReply {
  /** The newest first. */
  users: BlockedUser[];
}

/**
 * The payload of ROOM_CREATED: A room was made in the community; a private one is told on its
 * own stream only.
 */
export interface RoomCreatedPayload extends DurableEvent {
  /** The room. */
  room: Room;
}

/**
 * The payload of ROOM_UPDATED: A room was changed. A private room's change is told on the
 * room's own stream.
 */
export interface RoomUpdatedPayload extends DurableEvent {
  /** The room as it is now. */
  room: Room;
  /** All overrides of the room as they are now, when one was set or went away. */
  overrides?: RoomOverride[];
}

/**
 * The payload of ROOM_DELETED: A room was deleted; nothing of it follows. A private or direct
 * room's end is told on the room's own stream.
 * @planned not built yet: cannot be sent, is not received
 */
export interface RoomDeletedPayload extends DurableEvent {
  /** The room that is gone. A UUID. */
  roomId: string;
  /** Its community; absent: a direct room. A UUID. */
  communityId?: string;
  /** Who did it; absent: a service. A UUID. */
  deletedBy?: string;
  /** Why. */
  reason?: string;
}

/**
 * The payload of ROOMS_REORDERED: The public rooms of the community have another order.
 * @planned not built yet: cannot be sent, is not received
 */
export interface RoomsReorderedPayload extends DurableEvent {
  /** The community. A UUID. */
  communityId: string;
  /** All its public rooms in their new order. A UUID. */
  roomIds: string[];
}

/** The payload of ROOM_MEMBER_ADDED: Somebody became a member of the private room. */
export interface RoomMemberAddedPayload extends DurableEvent {
  /** The room. A UUID. */
  roomId: string;
  /** The new member. A UUID. */
  userId: string;
  /** The new member's name. */
  username?: string;
  /** Who did it. A UUID. */
  addedBy: string;
}

/** The payload of ROOM_MEMBER_REMOVED: Somebody is no longer a member of the private room. */
export interface RoomMemberRemovedPayload extends DurableEvent {
  /** The room. A UUID. */
  roomId: string;
  /** Who. A UUID. */
  userId: string;
  /** Who did it; the same user: he left. A UUID. */
  removedBy: string;
}

/** The payload of USER_JOINED_ROOM: A user listens to the room with a first session. */
export interface UserJoinedRoomPayload extends EphemeralEvent {
  /** Who. A UUID. */
  userId: string;
  /** The user's name. */
  username: string;
  /** The room. A UUID. */
  roomId: string;
}

/**
 * The payload of USER_LEFT_ROOM: The last of a user's sessions that listened to the room does
 * so no more.
 */
export interface UserLeftRoomPayload extends EphemeralEvent {
  /** Who. A UUID. */
  userId: string;
  /** The room. A UUID. */
  roomId: string;
}

export interface Room {
  /** The room. A UUID. */
  id: string;
  /** Its community; absent: a direct room. A UUID. */
  communityId?: string;
  /** Its name. */
  name: string;
  /** Only for those who were added to it. */
  private: boolean;
  /** When it was made. RFC 3339. */
  createdAt: string;
  /** What it is about; absent: nothing is said. */
  topic?: string;
  /** So long a member waits between two messages; absent: not at all. */
  slowModeSeconds?: number;
  /** The members of a direct room, at most 32; absent elsewhere. */
  members?: RoomMember[];
}

export interface RoomMember {
  /** The user. A UUID. */
  userId: string;
  /** The user's name. */
  username: string;
  /** The name as it is shown; absent: the username. */
  displayName?: string;
  /** Who let him in; absent: a service. A UUID. */
  addedBy?: string;
  /** When he was added. RFC 3339. */
  addedAt: string;
}

export interface RoomPosition {
  /** The room. A UUID. */
  roomId: string;
  /** Its events arrive from the next seq on. */
  seq: number;
  /** Opaque; give it back to resume here. */
  cursor: string;
}

export interface RoomOverride {
  /** The role it is about. A UUID. */
  roleId?: string;
  /** The user it is about. A UUID. */
  userId?: string;
  /** Granted here. */
  allow?: Action[];
  /** Denied here. */
  deny?: Action[];
}

export interface BlockedUser {
  /** Who is blocked. A UUID. */
  userId: string;
  /** The user's name. */
  username: string;
  /** Since when. RFC 3339. */
  blockedAt: string;
}
