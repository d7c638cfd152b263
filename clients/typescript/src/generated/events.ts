// Made by belfry-gen from proto/events: do not edit.
import type * as auth from "./auth.js";
import type * as community from "./community.js";
import type * as messages from "./messages.js";
import type * as presence from "./presence.js";
import type * as rooms from "./rooms.js";

/** What a client can send. */
export const ClientEvents = {
  /**
   * React to a message with an emoji. The same reaction twice is one.
   * @planned not built yet: cannot be sent, is not received
   */
  ADD_REACTION: "ADD_REACTION",
  /** Let a member of the community into a private room. */
  ADD_ROOM_MEMBER: "ADD_ROOM_MEMBER",
  /**
   * Tell something to everybody who is connected.
   * @planned not built yet: cannot be sent, is not received
   */
  ANNOUNCE: "ANNOUNCE",
  /**
   * Give a member a role.
   * @planned not built yet: cannot be sent, is not received
   */
  ASSIGN_ROLE: "ASSIGN_ROLE",
  /**
   * Take a user out of the community and keep him out, for good or until a time. A second ban
   * replaces the first.
   * @planned not built yet: cannot be sent, is not received
   */
  BAN_MEMBER: "BAN_MEMBER",
  /**
   * Take no direct messages from a user any more, and open no direct room with him.
   * @planned not built yet: cannot be sent, is not received
   */
  BLOCK_USER: "BLOCK_USER",
  /**
   * Found a community with the roles Admin, Moderator and Member; the caller becomes its
   * owner.
   */
  CREATE_COMMUNITY: "CREATE_COMMUNITY",
  /**
   * Make a code with which others join a community.
   * @planned not built yet: cannot be sent, is not received
   */
  CREATE_INVITE: "CREATE_INVITE",
  /**
   * Make a role below one's own position, with actions that one holds oneself.
   * @planned not built yet: cannot be sent, is not received
   */
  CREATE_ROLE: "CREATE_ROLE",
  /** Make a room in a community; the caller is the first member of a private one. */
  CREATE_ROOM: "CREATE_ROOM",
  /**
   * Delete a community with all its rooms and messages, for good; only an owner can.
   * @planned not built yet: cannot be sent, is not received
   */
  DELETE_COMMUNITY: "DELETE_COMMUNITY",
  /** Delete a message: one's own with DELETE_OWN_MESSAGE, another's with DELETE_ANY_MESSAGE. */
  DELETE_MESSAGE: "DELETE_MESSAGE",
  /**
   * Delete a role; all who hold it lose it.
   * @planned not built yet: cannot be sent, is not received
   */
  DELETE_ROLE: "DELETE_ROLE",
  /**
   * Delete a room with all its messages, for good.
   * @planned not built yet: cannot be sent, is not received
   */
  DELETE_ROOM: "DELETE_ROOM",
  /** Change the words of the caller's own message. */
  EDIT_MESSAGE: "EDIT_MESSAGE",
  /**
   * End a member's timeout before its time.
   * @planned not built yet: cannot be sent, is not received
   */
  END_TIMEOUT: "END_TIMEOUT",
  /**
   * Ask which grant or override decides whether somebody may do something: oneself, or with
   * MANAGE_ROLES another member.
   * @planned not built yet: cannot be sent, is not received
   */
  EXPLAIN_ACCESS: "EXPLAIN_ACCESS",
  /**
   * Be notified of answers in a thread; who writes in it follows it already.
   * @planned not built yet: cannot be sent, is not received
   */
  FOLLOW_THREAD: "FOLLOW_THREAD",
  /**
   * Read who changed what in a community, the newest first.
   * @planned not built yet: cannot be sent, is not received
   */
  GET_AUDIT_LOG: "GET_AUDIT_LOG",
  /** Read the messages of a room, the newest or those around a seq. */
  GET_HISTORY: "GET_HISTORY",
  /** Ask for the presence of users; strangers look offline. */
  GET_PRESENCE: "GET_PRESENCE",
  /**
   * Ask who has read a message.
   * @planned not built yet: cannot be sent, is not received
   */
  GET_READERS: "GET_READERS",
  /**
   * Ask who is in a room just now, and with which state.
   * @planned not built yet: cannot be sent, is not received
   */
  GET_ROOM_PRESENCE: "GET_ROOM_PRESENCE",
  /**
   * Read a thread: the message that began it and the answers to it.
   * @planned not built yet: cannot be sent, is not received
   */
  GET_THREAD: "GET_THREAD",
  /**
   * Ask how much is unread, room by room.
   * @planned not built yet: cannot be sent, is not received
   */
  GET_UNREAD: "GET_UNREAD",
  /**
   * Listen to all rooms the caller may read, and with no communityId also to those gained
   * later.
   */
  JOIN_ALL_ROOMS: "JOIN_ALL_ROOMS",
  /** Become a member of a public community. */
  JOIN_COMMUNITY: "JOIN_COMMUNITY",
  /** Listen to a room from now on; its next event has the seq after the reply's. */
  JOIN_ROOM: "JOIN_ROOM",
  /** Take a member with a lower position out of the community; he may join again. */
  KICK_MEMBER: "KICK_MEMBER",
  /** Stop being a member of a community; its last owner cannot. */
  LEAVE_COMMUNITY: "LEAVE_COMMUNITY",
  /** Stop listening to a room; nothing of it arrives after the reply. */
  LEAVE_ROOM: "LEAVE_ROOM",
  /**
   * List who is banned from a community, by whom and why.
   * @planned not built yet: cannot be sent, is not received
   */
  LIST_BANS: "LIST_BANS",
  /**
   * List whom the caller blocks.
   * @planned not built yet: cannot be sent, is not received
   */
  LIST_BLOCKS: "LIST_BLOCKS",
  /** List the communities the caller belongs to. */
  LIST_COMMUNITIES: "LIST_COMMUNITIES",
  /**
   * List the invites of a community that are good.
   * @planned not built yet: cannot be sent, is not received
   */
  LIST_INVITES: "LIST_INVITES",
  /**
   * List the members of a community, and hear who joins and who gets which role while the list
   * is open.
   * @planned not built yet: cannot be sent, is not received
   */
  LIST_MEMBERS: "LIST_MEMBERS",
  /**
   * Read the caller's notifications, the newest first.
   * @planned not built yet: cannot be sent, is not received
   */
  LIST_NOTIFICATIONS: "LIST_NOTIFICATIONS",
  /**
   * Read the pinned messages of a room.
   * @planned not built yet: cannot be sent, is not received
   */
  LIST_PINS: "LIST_PINS",
  /**
   * List the roles of a community and what each grants.
   * @planned not built yet: cannot be sent, is not received
   */
  LIST_ROLES: "LIST_ROLES",
  /** List the rooms of a community that the caller may see. */
  LIST_ROOMS: "LIST_ROOMS",
  /**
   * List the members of a private or direct room.
   * @planned not built yet: cannot be sent, is not received
   */
  LIST_ROOM_MEMBERS: "LIST_ROOM_MEMBERS",
  /** List the caller's sessions, the current one included. */
  LIST_SESSIONS: "LIST_SESSIONS",
  /**
   * End this session, or all of the caller's; their tokens are refused from then on.
   * @planned not built yet: cannot be sent, is not received
   */
  LOGOUT: "LOGOUT",
  /**
   * Mark some or all notifications as read.
   * @planned not built yet: cannot be sent, is not received
   */
  MARK_NOTIFICATIONS_READ: "MARK_NOTIFICATIONS_READ",
  /**
   * Say how far the caller has read a room. It never goes back.
   * @planned not built yet: cannot be sent, is not received
   */
  MARK_READ: "MARK_READ",
  /**
   * Open a room with one other user, always the same one, or a new one for a group of 3 to 32.
   * @planned not built yet: cannot be sent, is not received
   */
  OPEN_DIRECT_ROOM: "OPEN_DIRECT_ROOM",
  /**
   * Pin a message to its room. To pin it twice changes nothing.
   * @planned not built yet: cannot be sent, is not received
   */
  PIN_MESSAGE: "PIN_MESSAGE",
  /**
   * Hand in a newer token of the same user before the old one expires; the connection and its
   * subscriptions go on.
   * @planned not built yet: cannot be sent, is not received
   */
  REFRESH_TOKEN: "REFRESH_TOKEN",
  /**
   * Take back one's own reaction.
   * @planned not built yet: cannot be sent, is not received
   */
  REMOVE_REACTION: "REMOVE_REACTION",
  /**
   * Take a member out of a private room with MANAGE_ROOM_MEMBERS, or leave it for good
   * oneself.
   */
  REMOVE_ROOM_MEMBER: "REMOVE_ROOM_MEMBER",
  /**
   * Put the public rooms of a community into another order.
   * @planned not built yet: cannot be sent, is not received
   */
  REORDER_ROOMS: "REORDER_ROOMS",
  /**
   * Make an invite worthless: one's own, or with MANAGE_INVITES anybody's.
   * @planned not built yet: cannot be sent, is not received
   */
  REVOKE_INVITE: "REVOKE_INVITE",
  /**
   * End one of the caller's sessions, on whatever device it is; its token is refused from then
   * on.
   */
  REVOKE_SESSION: "REVOKE_SESSION",
  /** Post a message to a room. */
  SEND_MESSAGE: "SEND_MESSAGE",
  /**
   * Choose what the caller is notified of in a room or a community.
   * @planned not built yet: cannot be sent, is not received
   */
  SET_NOTIFICATION_LEVEL: "SET_NOTIFICATION_LEVEL",
  /** Say how the caller wants to be seen. */
  SET_PRESENCE: "SET_PRESENCE",
  /**
   * Say what a role or a user may do in this room in spite of what their roles grant; with
   * both lists empty the override goes away.
   */
  SET_ROOM_OVERRIDE: "SET_ROOM_OVERRIDE",
  /**
   * Tell the room a small state of the caller, such as muted, deafened, a raised hand or a
   * cursor; it lasts while he is in the room.
   * @planned not built yet: cannot be sent, is not received
   */
  SET_ROOM_STATE: "SET_ROOM_STATE",
  /**
   * Let a member only look and read until a time. A second timeout replaces the first.
   * @planned not built yet: cannot be sent, is not received
   */
  TIMEOUT_MEMBER: "TIMEOUT_MEMBER",
  /** Tell the room that the caller is typing; repeat it every few seconds. */
  TYPING_START: "TYPING_START",
  /** Tell the room that the caller has stopped typing. */
  TYPING_STOP: "TYPING_STOP",
  /**
   * Take a role from a member.
   * @planned not built yet: cannot be sent, is not received
   */
  UNASSIGN_ROLE: "UNASSIGN_ROLE",
  /**
   * End a ban; the user may join again.
   * @planned not built yet: cannot be sent, is not received
   */
  UNBAN_MEMBER: "UNBAN_MEMBER",
  /**
   * Take direct messages from a user again.
   * @planned not built yet: cannot be sent, is not received
   */
  UNBLOCK_USER: "UNBLOCK_USER",
  /**
   * Be notified of a thread no more.
   * @planned not built yet: cannot be sent, is not received
   */
  UNFOLLOW_THREAD: "UNFOLLOW_THREAD",
  /**
   * Take a pinned message down.
   * @planned not built yet: cannot be sent, is not received
   */
  UNPIN_MESSAGE: "UNPIN_MESSAGE",
  /**
   * Change a community's name, description, picture, or whether anybody may join. What is left
   * out stays.
   * @planned not built yet: cannot be sent, is not received
   */
  UPDATE_COMMUNITY: "UPDATE_COMMUNITY",
  /**
   * Change how others see the caller: the name and the picture. What is left out stays.
   * @planned not built yet: cannot be sent, is not received
   */
  UPDATE_PROFILE: "UPDATE_PROFILE",
  /**
   * Change a role's name, position or grants; all who hold it gain or lose at once. What is
   * left out stays.
   * @planned not built yet: cannot be sent, is not received
   */
  UPDATE_ROLE: "UPDATE_ROLE",
  /**
   * Change a room's name, topic or slow mode. What is left out stays.
   * @planned not built yet: cannot be sent, is not received
   */
  UPDATE_ROOM: "UPDATE_ROOM",
} as const;

/** What a server can send. */
export const ServerEvents = {
  /** The user gained or lost a community or a room. */
  ACCESS_CHANGED: "ACCESS_CHANGED",
  /**
   * The operators tell everybody something.
   * @planned not built yet: cannot be sent, is not received
   */
  ANNOUNCEMENT: "ANNOUNCEMENT",
  /**
   * A community was deleted; nothing of it or its rooms follows.
   * @planned not built yet: cannot be sent, is not received
   */
  COMMUNITY_DELETED: "COMMUNITY_DELETED",
  /**
   * A community has another name, description or picture, or was opened or closed.
   * @planned not built yet: cannot be sent, is not received
   */
  COMMUNITY_UPDATED: "COMMUNITY_UPDATED",
  /** The connection is refused or ended; trying again with the same token does not help. */
  CONNECTION_ERROR: "CONNECTION_ERROR",
  /** The connection is accepted and its session has begun. */
  CONNECTION_SUCCESS: "CONNECTION_SUCCESS",
  /**
   * A client event was refused; the same as its acknowledgement says, for those who did not
   * ask for one.
   */
  ERROR: "ERROR",
  /**
   * A user was taken out of the community and is kept out.
   * @planned not built yet: cannot be sent, is not received
   */
  MEMBER_BANNED: "MEMBER_BANNED",
  /** Somebody became a member of the community. */
  MEMBER_JOINED: "MEMBER_JOINED",
  /** A member was taken out of the community. */
  MEMBER_KICKED: "MEMBER_KICKED",
  /** A member left the community of his own accord. */
  MEMBER_LEFT: "MEMBER_LEFT",
  /**
   * A member may only look and read until a time.
   * @planned not built yet: cannot be sent, is not received
   */
  MEMBER_TIMED_OUT: "MEMBER_TIMED_OUT",
  /**
   * A member's timeout was ended before its time.
   * @planned not built yet: cannot be sent, is not received
   */
  MEMBER_TIMEOUT_ENDED: "MEMBER_TIMEOUT_ENDED",
  /**
   * A ban was ended; the user may join again.
   * @planned not built yet: cannot be sent, is not received
   */
  MEMBER_UNBANNED: "MEMBER_UNBANNED",
  /** A message was posted. */
  MESSAGE_CREATED: "MESSAGE_CREATED",
  /** A message was deleted; its words are gone from the history too. */
  MESSAGE_DELETED: "MESSAGE_DELETED",
  /**
   * A message was pinned to the room.
   * @planned not built yet: cannot be sent, is not received
   */
  MESSAGE_PINNED: "MESSAGE_PINNED",
  /**
   * A pinned message was taken down.
   * @planned not built yet: cannot be sent, is not received
   */
  MESSAGE_UNPINNED: "MESSAGE_UNPINNED",
  /** The words of a message were changed. */
  MESSAGE_UPDATED: "MESSAGE_UPDATED",
  /**
   * The user has read notifications, on whatever device.
   * @planned not built yet: cannot be sent, is not received
   */
  NOTIFICATIONS_READ: "NOTIFICATIONS_READ",
  /**
   * The user was mentioned, written to directly, or answered in a thread that he follows.
   * @planned not built yet: cannot be sent, is not received
   */
  NOTIFIED: "NOTIFIED",
  /** Somebody the user knows wants to be seen otherwise. */
  PRESENCE_CHANGED: "PRESENCE_CHANGED",
  /**
   * Somebody the user knows has another name or picture.
   * @planned not built yet: cannot be sent, is not received
   */
  PROFILE_UPDATED: "PROFILE_UPDATED",
  /**
   * Somebody reacted to a message.
   * @planned not built yet: cannot be sent, is not received
   */
  REACTION_ADDED: "REACTION_ADDED",
  /**
   * Somebody took a reaction back.
   * @planned not built yet: cannot be sent, is not received
   */
  REACTION_REMOVED: "REACTION_REMOVED",
  /**
   * Somebody has read on in a direct room; of one user only the newest counts.
   * @planned not built yet: cannot be sent, is not received
   */
  READ_BY_UPDATED: "READ_BY_UPDATED",
  /**
   * The user has read on in a room, on whatever device.
   * @planned not built yet: cannot be sent, is not received
   */
  READ_STATE_UPDATED: "READ_STATE_UPDATED",
  /**
   * A stream could not be resumed where the client stood: read its history, then go on from
   * seq.
   */
  RESYNC: "RESYNC",
  /**
   * A member got a role.
   * @planned not built yet: cannot be sent, is not received
   */
  ROLE_ASSIGNED: "ROLE_ASSIGNED",
  /**
   * A role was made.
   * @planned not built yet: cannot be sent, is not received
   */
  ROLE_CREATED: "ROLE_CREATED",
  /**
   * A role was deleted; all who held it have lost it.
   * @planned not built yet: cannot be sent, is not received
   */
  ROLE_DELETED: "ROLE_DELETED",
  /**
   * A role was taken from a member.
   * @planned not built yet: cannot be sent, is not received
   */
  ROLE_UNASSIGNED: "ROLE_UNASSIGNED",
  /**
   * A role was changed; all who hold it gained or lost at once.
   * @planned not built yet: cannot be sent, is not received
   */
  ROLE_UPDATED: "ROLE_UPDATED",
  /**
   * The public rooms of the community have another order.
   * @planned not built yet: cannot be sent, is not received
   */
  ROOMS_REORDERED: "ROOMS_REORDERED",
  /** A room was made in the community; a private one is told on its own stream only. */
  ROOM_CREATED: "ROOM_CREATED",
  /**
   * A room was deleted; nothing of it follows. A private or direct room's end is told on the
   * room's own stream.
   * @planned not built yet: cannot be sent, is not received
   */
  ROOM_DELETED: "ROOM_DELETED",
  /** Somebody became a member of the private room. */
  ROOM_MEMBER_ADDED: "ROOM_MEMBER_ADDED",
  /** Somebody is no longer a member of the private room. */
  ROOM_MEMBER_REMOVED: "ROOM_MEMBER_REMOVED",
  /**
   * Somebody in the room has another state; of one user only the newest counts.
   * @planned not built yet: cannot be sent, is not received
   */
  ROOM_STATE_CHANGED: "ROOM_STATE_CHANGED",
  /** A room was changed. A private room's change is told on the room's own stream. */
  ROOM_UPDATED: "ROOM_UPDATED",
  /** This server goes away soon; reconnect and resume, nothing is lost. */
  SERVER_DRAINING: "SERVER_DRAINING",
  /** One of the user's sessions was ended from elsewhere; the session itself is closed. */
  SESSION_REVOKED: "SESSION_REVOKED",
  /**
   * The session hears a stream from now on that it did not ask for itself: a community joined
   * by another session of the user, or a room that a session that follows has gained.
   */
  STREAM_OPENED: "STREAM_OPENED",
  /**
   * A thread has an answer more or less.
   * @planned not built yet: cannot be sent, is not received
   */
  THREAD_UPDATED: "THREAD_UPDATED",
  /** The session's token is about to expire, and the connection with it. */
  TOKEN_EXPIRING: "TOKEN_EXPIRING",
  /**
   * The session goes on with a newer token.
   * @planned not built yet: cannot be sent, is not received
   */
  TOKEN_REFRESHED: "TOKEN_REFRESHED",
  /** Somebody the user knows came online with a first session. */
  USER_CONNECTED: "USER_CONNECTED",
  /** The last session of somebody the user knows is gone, and did not come back at once. */
  USER_DISCONNECTED: "USER_DISCONNECTED",
  /** A user listens to the room with a first session. */
  USER_JOINED_ROOM: "USER_JOINED_ROOM",
  /** The last of a user's sessions that listened to the room does so no more. */
  USER_LEFT_ROOM: "USER_LEFT_ROOM",
  /** Somebody in the room started or stopped typing; false also follows by itself after 8 s. */
  USER_TYPING: "USER_TYPING",
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
  ADD_ROOM_MEMBER: rooms.AddRoomMemberPayload;
  CREATE_COMMUNITY: community.CreateCommunityPayload;
  CREATE_ROOM: rooms.CreateRoomPayload;
  DELETE_MESSAGE: messages.DeleteMessagePayload;
  EDIT_MESSAGE: messages.EditMessagePayload;
  GET_HISTORY: messages.GetHistoryPayload;
  GET_PRESENCE: presence.GetPresencePayload;
  JOIN_ALL_ROOMS: rooms.JoinAllRoomsPayload;
  JOIN_COMMUNITY: community.JoinCommunityPayload;
  JOIN_ROOM: rooms.JoinRoomPayload;
  KICK_MEMBER: community.KickMemberPayload;
  LEAVE_COMMUNITY: community.LeaveCommunityPayload;
  LEAVE_ROOM: rooms.LeaveRoomPayload;
  LIST_COMMUNITIES: community.ListCommunitiesPayload;
  LIST_ROOMS: rooms.ListRoomsPayload;
  LIST_SESSIONS: auth.ListSessionsPayload;
  REMOVE_ROOM_MEMBER: rooms.RemoveRoomMemberPayload;
  REVOKE_SESSION: auth.RevokeSessionPayload;
  SEND_MESSAGE: messages.SendMessagePayload;
  SET_PRESENCE: presence.SetPresencePayload;
  SET_ROOM_OVERRIDE: rooms.SetRoomOverridePayload;
  TYPING_START: presence.TypingStartPayload;
  TYPING_STOP: presence.TypingStopPayload;
}

/** event to reply */
export interface ClientReplies {
  ADD_ROOM_MEMBER: rooms.AddRoomMemberReply;
  CREATE_COMMUNITY: community.CreateCommunityReply;
  CREATE_ROOM: rooms.CreateRoomReply;
  DELETE_MESSAGE: messages.DeleteMessageReply;
  EDIT_MESSAGE: messages.EditMessageReply;
  GET_HISTORY: messages.GetHistoryReply;
  GET_PRESENCE: presence.GetPresenceReply;
  JOIN_ALL_ROOMS: rooms.JoinAllRoomsReply;
  JOIN_COMMUNITY: community.JoinCommunityReply;
  JOIN_ROOM: rooms.JoinRoomReply;
  KICK_MEMBER: community.KickMemberReply;
  LEAVE_COMMUNITY: community.LeaveCommunityReply;
  LEAVE_ROOM: rooms.LeaveRoomReply;
  LIST_COMMUNITIES: community.ListCommunitiesReply;
  LIST_ROOMS: rooms.ListRoomsReply;
  LIST_SESSIONS: auth.ListSessionsReply;
  REMOVE_ROOM_MEMBER: rooms.RemoveRoomMemberReply;
  REVOKE_SESSION: auth.RevokeSessionReply;
  SEND_MESSAGE: messages.SendMessageReply;
  SET_PRESENCE: presence.SetPresenceReply;
  SET_ROOM_OVERRIDE: rooms.SetRoomOverrideReply;
  TYPING_START: presence.TypingStartReply;
  TYPING_STOP: presence.TypingStopReply;
}

/** server event to payload */
export interface ServerPayloads {
  ACCESS_CHANGED: community.AccessChangedPayload;
  CONNECTION_ERROR: auth.ConnectionErrorPayload;
  CONNECTION_SUCCESS: auth.ConnectionSuccessPayload;
  ERROR: auth.ErrorPayload;
  MEMBER_JOINED: community.MemberJoinedPayload;
  MEMBER_KICKED: community.MemberKickedPayload;
  MEMBER_LEFT: community.MemberLeftPayload;
  MESSAGE_CREATED: messages.MessageCreatedPayload;
  MESSAGE_DELETED: messages.MessageDeletedPayload;
  MESSAGE_UPDATED: messages.MessageUpdatedPayload;
  PRESENCE_CHANGED: presence.PresenceChangedPayload;
  RESYNC: auth.ResyncPayload;
  ROOM_CREATED: rooms.RoomCreatedPayload;
  ROOM_MEMBER_ADDED: rooms.RoomMemberAddedPayload;
  ROOM_MEMBER_REMOVED: rooms.RoomMemberRemovedPayload;
  ROOM_UPDATED: rooms.RoomUpdatedPayload;
  SERVER_DRAINING: auth.ServerDrainingPayload;
  SESSION_REVOKED: auth.SessionRevokedPayload;
  STREAM_OPENED: auth.StreamOpenedPayload;
  TOKEN_EXPIRING: auth.TokenExpiringPayload;
  USER_CONNECTED: presence.UserConnectedPayload;
  USER_DISCONNECTED: presence.UserDisconnectedPayload;
  USER_JOINED_ROOM: rooms.UserJoinedRoomPayload;
  USER_LEFT_ROOM: rooms.UserLeftRoomPayload;
  USER_TYPING: presence.UserTypingPayload;
}

/** @planned not built yet; event to payload */
export interface PlannedClientPayloads {
  ADD_REACTION: messages.AddReactionPayload;
  ANNOUNCE: community.AnnouncePayload;
  ASSIGN_ROLE: community.AssignRolePayload;
  BAN_MEMBER: community.BanMemberPayload;
  BLOCK_USER: rooms.BlockUserPayload;
  CREATE_INVITE: community.CreateInvitePayload;
  CREATE_ROLE: community.CreateRolePayload;
  DELETE_COMMUNITY: community.DeleteCommunityPayload;
  DELETE_ROLE: community.DeleteRolePayload;
  DELETE_ROOM: rooms.DeleteRoomPayload;
  END_TIMEOUT: community.EndTimeoutPayload;
  EXPLAIN_ACCESS: community.ExplainAccessPayload;
  FOLLOW_THREAD: messages.FollowThreadPayload;
  GET_AUDIT_LOG: community.GetAuditLogPayload;
  GET_READERS: messages.GetReadersPayload;
  GET_ROOM_PRESENCE: presence.GetRoomPresencePayload;
  GET_THREAD: messages.GetThreadPayload;
  GET_UNREAD: messages.GetUnreadPayload;
  LIST_BANS: community.ListBansPayload;
  LIST_BLOCKS: rooms.ListBlocksPayload;
  LIST_INVITES: community.ListInvitesPayload;
  LIST_MEMBERS: community.ListMembersPayload;
  LIST_NOTIFICATIONS: messages.ListNotificationsPayload;
  LIST_PINS: messages.ListPinsPayload;
  LIST_ROLES: community.ListRolesPayload;
  LIST_ROOM_MEMBERS: rooms.ListRoomMembersPayload;
  LOGOUT: auth.LogoutPayload;
  MARK_NOTIFICATIONS_READ: messages.MarkNotificationsReadPayload;
  MARK_READ: messages.MarkReadPayload;
  OPEN_DIRECT_ROOM: rooms.OpenDirectRoomPayload;
  PIN_MESSAGE: messages.PinMessagePayload;
  REFRESH_TOKEN: auth.RefreshTokenPayload;
  REMOVE_REACTION: messages.RemoveReactionPayload;
  REORDER_ROOMS: rooms.ReorderRoomsPayload;
  REVOKE_INVITE: community.RevokeInvitePayload;
  SET_NOTIFICATION_LEVEL: messages.SetNotificationLevelPayload;
  SET_ROOM_STATE: presence.SetRoomStatePayload;
  TIMEOUT_MEMBER: community.TimeoutMemberPayload;
  UNASSIGN_ROLE: community.UnassignRolePayload;
  UNBAN_MEMBER: community.UnbanMemberPayload;
  UNBLOCK_USER: rooms.UnblockUserPayload;
  UNFOLLOW_THREAD: messages.UnfollowThreadPayload;
  UNPIN_MESSAGE: messages.UnpinMessagePayload;
  UPDATE_COMMUNITY: community.UpdateCommunityPayload;
  UPDATE_PROFILE: auth.UpdateProfilePayload;
  UPDATE_ROLE: community.UpdateRolePayload;
  UPDATE_ROOM: rooms.UpdateRoomPayload;
}

/** @planned not built yet; event to reply */
export interface PlannedClientReplies {
  ADD_REACTION: messages.AddReactionReply;
  ANNOUNCE: community.AnnounceReply;
  ASSIGN_ROLE: community.AssignRoleReply;
  BAN_MEMBER: community.BanMemberReply;
  BLOCK_USER: rooms.BlockUserReply;
  CREATE_INVITE: community.CreateInviteReply;
  CREATE_ROLE: community.CreateRoleReply;
  DELETE_COMMUNITY: community.DeleteCommunityReply;
  DELETE_ROLE: community.DeleteRoleReply;
  DELETE_ROOM: rooms.DeleteRoomReply;
  END_TIMEOUT: community.EndTimeoutReply;
  EXPLAIN_ACCESS: community.ExplainAccessReply;
  FOLLOW_THREAD: messages.FollowThreadReply;
  GET_AUDIT_LOG: community.GetAuditLogReply;
  GET_READERS: messages.GetReadersReply;
  GET_ROOM_PRESENCE: presence.GetRoomPresenceReply;
  GET_THREAD: messages.GetThreadReply;
  GET_UNREAD: messages.GetUnreadReply;
  LIST_BANS: community.ListBansReply;
  LIST_BLOCKS: rooms.ListBlocksReply;
  LIST_INVITES: community.ListInvitesReply;
  LIST_MEMBERS: community.ListMembersReply;
  LIST_NOTIFICATIONS: messages.ListNotificationsReply;
  LIST_PINS: messages.ListPinsReply;
  LIST_ROLES: community.ListRolesReply;
  LIST_ROOM_MEMBERS: rooms.ListRoomMembersReply;
  LOGOUT: auth.LogoutReply;
  MARK_NOTIFICATIONS_READ: messages.MarkNotificationsReadReply;
  MARK_READ: messages.MarkReadReply;
  OPEN_DIRECT_ROOM: rooms.OpenDirectRoomReply;
  PIN_MESSAGE: messages.PinMessageReply;
  REFRESH_TOKEN: auth.RefreshTokenReply;
  REMOVE_REACTION: messages.RemoveReactionReply;
  REORDER_ROOMS: rooms.ReorderRoomsReply;
  REVOKE_INVITE: community.RevokeInviteReply;
  SET_NOTIFICATION_LEVEL: messages.SetNotificationLevelReply;
  SET_ROOM_STATE: presence.SetRoomStateReply;
  TIMEOUT_MEMBER: community.TimeoutMemberReply;
  UNASSIGN_ROLE: community.UnassignRoleReply;
  UNBAN_MEMBER: community.UnbanMemberReply;
  UNBLOCK_USER: rooms.UnblockUserReply;
  UNFOLLOW_THREAD: messages.UnfollowThreadReply;
  UNPIN_MESSAGE: messages.UnpinMessageReply;
  UPDATE_COMMUNITY: community.UpdateCommunityReply;
  UPDATE_PROFILE: auth.UpdateProfileReply;
  UPDATE_ROLE: community.UpdateRoleReply;
  UPDATE_ROOM: rooms.UpdateRoomReply;
}

/** @planned not built yet; server event to payload */
export interface PlannedServerPayloads {
  ANNOUNCEMENT: community.AnnouncementPayload;
  COMMUNITY_DELETED: community.CommunityDeletedPayload;
  COMMUNITY_UPDATED: community.CommunityUpdatedPayload;
  MEMBER_BANNED: community.MemberBannedPayload;
  MEMBER_TIMED_OUT: community.MemberTimedOutPayload;
  MEMBER_TIMEOUT_ENDED: community.MemberTimeoutEndedPayload;
  MEMBER_UNBANNED: community.MemberUnbannedPayload;
  MESSAGE_PINNED: messages.MessagePinnedPayload;
  MESSAGE_UNPINNED: messages.MessageUnpinnedPayload;
  NOTIFICATIONS_READ: messages.NotificationsReadPayload;
  NOTIFIED: messages.NotifiedPayload;
  PROFILE_UPDATED: auth.ProfileUpdatedPayload;
  REACTION_ADDED: messages.ReactionAddedPayload;
  REACTION_REMOVED: messages.ReactionRemovedPayload;
  READ_BY_UPDATED: messages.ReadByUpdatedPayload;
  READ_STATE_UPDATED: messages.ReadStateUpdatedPayload;
  ROLE_ASSIGNED: community.RoleAssignedPayload;
  ROLE_CREATED: community.RoleCreatedPayload;
  ROLE_DELETED: community.RoleDeletedPayload;
  ROLE_UNASSIGNED: community.RoleUnassignedPayload;
  ROLE_UPDATED: community.RoleUpdatedPayload;
  ROOMS_REORDERED: rooms.RoomsReorderedPayload;
  ROOM_DELETED: rooms.RoomDeletedPayload;
  ROOM_STATE_CHANGED: presence.RoomStateChangedPayload;
  THREAD_UPDATED: messages.ThreadUpdatedPayload;
  TOKEN_REFRESHED: auth.TokenRefreshedPayload;
}

/** How an event is treated: only a change takes a clientId, an ephemeral one is never sent late. */
export const clientEventKinds: Record<keyof ClientPayloads, "read" | "change" | "ephemeral"> = {
  ADD_ROOM_MEMBER: "change",
  CREATE_COMMUNITY: "change",
  CREATE_ROOM: "change",
  DELETE_MESSAGE: "change",
  EDIT_MESSAGE: "change",
  GET_HISTORY: "read",
  GET_PRESENCE: "read",
  JOIN_ALL_ROOMS: "read",
  JOIN_COMMUNITY: "change",
  JOIN_ROOM: "read",
  KICK_MEMBER: "change",
  LEAVE_COMMUNITY: "change",
  LEAVE_ROOM: "ephemeral",
  LIST_COMMUNITIES: "read",
  LIST_ROOMS: "read",
  LIST_SESSIONS: "read",
  REMOVE_ROOM_MEMBER: "change",
  REVOKE_SESSION: "change",
  SEND_MESSAGE: "change",
  SET_PRESENCE: "change",
  SET_ROOM_OVERRIDE: "change",
  TYPING_START: "ephemeral",
  TYPING_STOP: "ephemeral",
};
