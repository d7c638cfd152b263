// Made by belfry-gen from proto/events: do not edit.
import type { NotificationSettingLevel } from "./enums.js";
import type { DurableEvent } from "../wire.js";
import type { EphemeralEvent } from "../wire.js";
import type { NotificationKind } from "./enums.js";

/** The payload of SEND_MESSAGE: Post a message to a room. */
export interface SendMessagePayload {
  /** The room to post to. A UUID. */
  roomId: string;
  /** What is said. 1 to 4000 characters. */
  content: string;
  /** A message of the same room that this one quotes. A UUID. */
  replyToId?: string;
  /** Makes a retry safe: the same id has one effect and one answer. A UUID. */
  clientId?: string;
}

/** The answer to SEND_MESSAGE: Post a message to a room. */
export interface SendMessageReply {
  /** The message as it was posted. */
  message: Message;
  /** Its place in the room. */
  seq: number;
}

/** The payload of EDIT_MESSAGE: Change the words of the caller's own message. */
export interface EditMessagePayload {
  /** The message to change. A UUID. */
  messageId: string;
  /** The new words. 1 to 4000 characters. */
  content: string;
  /** Makes a retry safe: the same id has one effect and one answer. A UUID. */
  clientId?: string;
}

/** The answer to EDIT_MESSAGE: Change the words of the caller's own message. */
export interface EditMessageReply {
  /** The message as it is now. */
  message: Message;
  /** The place of the change in the room. */
  seq: number;
}

/**
 * The payload of DELETE_MESSAGE: Delete a message: one's own with DELETE_OWN_MESSAGE,
 * another's with DELETE_ANY_MESSAGE.
 */
export interface DeleteMessagePayload {
  /** The message to delete. A UUID. */
  messageId: string;
  /** Why; the others and the audit log see it. 0 to 500 characters. */
  reason?: string;
  /** Makes a retry safe: the same id has one effect and one answer. A UUID. */
  clientId?: string;
}

/**
 * The answer to DELETE_MESSAGE: Delete a message: one's own with DELETE_OWN_MESSAGE, another's
 * with DELETE_ANY_MESSAGE.
 */
export interface DeleteMessageReply {
  /** The place of the deletion in the room. */
  seq: number;
}

/**
 * The payload of GET_HISTORY: Read the messages of a room, the newest or those around a seq.
 */
export interface GetHistoryPayload {
  /** The room to read. A UUID. */
  roomId: string;
  /**
   * Only messages with a lower seq, the newest of them. Not with after. At least 1. At most
   * 9007199254740991.
   */
  before?: number;
  /**
   * Only messages with a higher seq, the oldest of them. Not with before. At least 0. At most
   * 9007199254740991.
   */
  after?: number;
  /** At most so many. Default: 50. At least 1. At most 100. */
  limit?: number;
}

/** The answer to GET_HISTORY: Read the messages of a room, the newest or those around a seq. */
export interface GetHistoryReply {
  /** By seq, the oldest first. */
  messages: Message[];
  /** There are more in the direction asked. */
  hasMore: boolean;
}

/**
 * The payload of GET_THREAD: Read a thread: the message that began it and the answers to it.
 * @planned not built yet: cannot be sent, is not received
 */
export interface GetThreadPayload {
  /** The message that began the thread. A UUID. */
  threadId: string;
  /**
   * Only answers with a lower seq, the newest of them. Not with after. At least 1. At most
   * 9007199254740991.
   */
  before?: number;
  /**
   * Only answers with a higher seq, the oldest of them. Not with before. At least 0. At most
   * 9007199254740991.
   */
  after?: number;
  /** At most so many. Default: 50. At least 1. At most 100. */
  limit?: number;
}

/**
 * The answer to GET_THREAD: Read a thread: the message that began it and the answers to it.
 * @planned not built yet: cannot be sent, is not received
 */
export interface GetThreadReply {
  /** The message that began it. */
  root: Message;
  /** The answers by seq, the oldest first. */
  messages: Message[];
  /** There are more in the direction asked. */
  hasMore: boolean;
  /** The caller is notified of answers. */
  following: boolean;
}

/**
 * The payload of FOLLOW_THREAD: Be notified of answers in a thread; who writes in it follows
 * it already.
 * @planned not built yet: cannot be sent, is not received
 */
export interface FollowThreadPayload {
  /** The message that began the thread. A UUID. */
  threadId: string;
  /** Makes a retry safe: the same id has one effect and one answer. A UUID. */
  clientId?: string;
}

/**
 * The answer to FOLLOW_THREAD: Be notified of answers in a thread; who writes in it follows it
 * already.
 * @planned not built yet: cannot be sent, is not received
 */
export type FollowThreadReply = Record<string, never>;

/**
 * The payload of UNFOLLOW_THREAD: Be notified of a thread no more.
 * @planned not built yet: cannot be sent, is not received
 */
export interface UnfollowThreadPayload {
  /** The message that began the thread. A UUID. */
  threadId: string;
  /** Makes a retry safe: the same id has one effect and one answer. A UUID. */
  clientId?: string;
}

/**
 * The answer to UNFOLLOW_THREAD: Be notified of a thread no more.
 * @planned not built yet: cannot be sent, is not received
 */
export type UnfollowThreadReply = Record<string, never>;

/**
 * The payload of ADD_REACTION: React to a message with an emoji. The same reaction twice is
 * one.
 * @planned not built yet: cannot be sent, is not received
 */
export interface AddReactionPayload {
  /** The message. A UUID. */
  messageId: string;
  /** The emoji, or the name of one's own. 1 to 32 characters. */
  emoji: string;
  /** Makes a retry safe: the same id has one effect and one answer. A UUID. */
  clientId?: string;
}

/**
 * The answer to ADD_REACTION: React to a message with an emoji. The same reaction twice is
 * one.
 * @planned not built yet: cannot be sent, is not received
 */
export interface AddReactionReply {
  /** So many have reacted so. */
  count: number;
}

/**
 * The payload of REMOVE_REACTION: Take back one's own reaction.
 * @planned not built yet: cannot be sent, is not received
 */
export interface RemoveReactionPayload {
  /** The message. A UUID. */
  messageId: string;
  /** The reaction to take back. 1 to 32 characters. */
  emoji: string;
  /** Makes a retry safe: the same id has one effect and one answer. A UUID. */
  clientId?: string;
}

/**
 * The answer to REMOVE_REACTION: Take back one's own reaction.
 * @planned not built yet: cannot be sent, is not received
 */
export interface RemoveReactionReply {
  /** So many still react so. */
  count: number;
}

/**
 * The payload of PIN_MESSAGE: Pin a message to its room. To pin it twice changes nothing.
 * @planned not built yet: cannot be sent, is not received
 */
export interface PinMessagePayload {
  /** The message to pin. A UUID. */
  messageId: string;
  /** Makes a retry safe: the same id has one effect and one answer. A UUID. */
  clientId?: string;
}

/**
 * The answer to PIN_MESSAGE: Pin a message to its room. To pin it twice changes nothing.
 * @planned not built yet: cannot be sent, is not received
 */
export type PinMessageReply = Record<string, never>;

/**
 * The payload of UNPIN_MESSAGE: Take a pinned message down.
 * @planned not built yet: cannot be sent, is not received
 */
export interface UnpinMessagePayload {
  /** The message to take down. A UUID. */
  messageId: string;
  /** Makes a retry safe: the same id has one effect and one answer. A UUID. */
  clientId?: string;
}

/**
 * The answer to UNPIN_MESSAGE: Take a pinned message down.
 * @planned not built yet: cannot be sent, is not received
 */
export type UnpinMessageReply = Record<string, never>;

/**
 * The payload of LIST_PINS: Read the pinned messages of a room.
 * @planned not built yet: cannot be sent, is not received
 */
export interface ListPinsPayload {
  /** The room. A UUID. */
  roomId: string;
}

/**
 * The answer to LIST_PINS: Read the pinned messages of a room.
 * @planned not built yet: cannot be sent, is not received
 */
export interface ListPinsReply {
  /** The newest pin first, at most 50. */
  pins: Pin[];
}

/**
 * The payload of MARK_READ: Say how far the caller has read a room. It never goes back.
 * @planned not built yet: cannot be sent, is not received
 */
export interface MarkReadPayload {
  /** The room. A UUID. */
  roomId: string;
  /** All with this seq or a lower one is read. At least 0. At most 9007199254740991. */
  upTo: number;
  /** Makes a retry safe: the same id has one effect and one answer. A UUID. */
  clientId?: string;
}

/**
 * The answer to MARK_READ: Say how far the caller has read a room. It never goes back.
 * @planned not built yet: cannot be sent, is not received
 */
export interface MarkReadReply {
  /** How far it is read now. */
  state: ReadState;
}

/**
 * The payload of GET_UNREAD: Ask how much is unread, room by room.
 * @planned not built yet: cannot be sent, is not received
 */
export interface GetUnreadPayload {
  /** Only rooms of this community. A UUID. */
  communityId?: string;
}

/**
 * The answer to GET_UNREAD: Ask how much is unread, room by room.
 * @planned not built yet: cannot be sent, is not received
 */
export interface GetUnreadReply {
  /** Every room with something unread, at most 1,000, the newest first. */
  rooms: ReadState[];
}

/**
 * The payload of GET_READERS: Ask who has read a message.
 * @planned not built yet: cannot be sent, is not received
 */
export interface GetReadersPayload {
  /** The message. A UUID. */
  messageId: string;
  /** At most so many. Default: 100. At least 1. At most 200. */
  limit?: number;
}

/**
 * The answer to GET_READERS: Ask who has read a message.
 * @planned not built yet: cannot be sent, is not received
 */
export interface GetReadersReply {
  /** Who has read it, the newest first; the author is not among them. */
  readers: Reader[];
  /** How many there are, more than are listed perhaps. */
  count: number;
}

/**
 * The payload of LIST_NOTIFICATIONS: Read the caller's notifications, the newest first.
 * @planned not built yet: cannot be sent, is not received
 */
export interface ListNotificationsPayload {
  /** The last notification of the page before; absent: the newest. A UUID. */
  before?: string;
  /** At most so many. Default: 50. At least 1. At most 100. */
  limit?: number;
  /** Only those that are unread. Default: false. */
  unreadOnly?: boolean;
}

/**
 * The answer to LIST_NOTIFICATIONS: Read the caller's notifications, the newest first.
 * @planned not built yet: cannot be sent, is not received
 */
export interface ListNotificationsReply {
  /** The newest first. */
  notifications: Notification[];
  /** There are older ones. */
  hasMore: boolean;
  /** So many are unread. */
  unreadCount: number;
}

/**
 * The payload of MARK_NOTIFICATIONS_READ: Mark some or all notifications as read.
 * @planned not built yet: cannot be sent, is not received
 */
export interface MarkNotificationsReadPayload {
  /** Which; none: all. 0 to 100 items. A UUID. */
  notificationIds?: string[];
  /** Makes a retry safe: the same id has one effect and one answer. A UUID. */
  clientId?: string;
}

/**
 * The answer to MARK_NOTIFICATIONS_READ: Mark some or all notifications as read.
 * @planned not built yet: cannot be sent, is not received
 */
export interface MarkNotificationsReadReply {
  /** So many are still unread. */
  unreadCount: number;
}

/**
 * The payload of SET_NOTIFICATION_LEVEL: Choose what the caller is notified of in a room or a
 * community.
 * @planned not built yet: cannot be sent, is not received
 */
export interface SetNotificationLevelPayload {
  /** The room it is about; either this or communityId. A UUID. */
  roomId?: string;
  /** The community it is about; either this or roomId. A UUID. */
  communityId?: string;
  /**
   * DEFAULT: as the community or else the system has it; ALL: every message; MENTIONS: only
   * what names the caller; NOTHING.
   */
  level: NotificationSettingLevel;
  /** Be silent until then. RFC 3339. */
  mutedUntil?: string;
  /** Makes a retry safe: the same id has one effect and one answer. A UUID. */
  clientId?: string;
}

/**
 * The answer to SET_NOTIFICATION_LEVEL: Choose what the caller is notified of in a room or a
 * community.
 * @planned not built yet: cannot be sent, is not received
 */
export interface SetNotificationLevelReply {
  /** The setting as it is now. */
  setting: NotificationSetting;
}

/** The payload of MESSAGE_CREATED: A message was posted. */
export interface MessageCreatedPayload extends DurableEvent {
  /** The message. */
  message: Message;
}

/** The payload of MESSAGE_UPDATED: The words of a message were changed. */
export interface MessageUpdatedPayload extends DurableEvent {
  /** The message as it is now; its seq is still that of its posting. */
  message: Message;
}

/**
 * The payload of MESSAGE_DELETED: A message was deleted; its words are gone from the history
 * too.
 */
export interface MessageDeletedPayload extends DurableEvent {
  /** The message. A UUID. */
  messageId: string;
  /** Its room. A UUID. */
  roomId: string;
  /** Who did it. A UUID. */
  deletedBy: string;
  /** Why. */
  reason?: string;
}

/**
 * The payload of REACTION_ADDED: Somebody reacted to a message.
 * @planned not built yet: cannot be sent, is not received
 */
export interface ReactionAddedPayload extends DurableEvent {
  /** The message. A UUID. */
  messageId: string;
  /** Its room. A UUID. */
  roomId: string;
  /** Who reacted. A UUID. */
  userId: string;
  /** How. */
  emoji: string;
  /** So many have reacted so. */
  count: number;
}

/**
 * The payload of REACTION_REMOVED: Somebody took a reaction back.
 * @planned not built yet: cannot be sent, is not received
 */
export interface ReactionRemovedPayload extends DurableEvent {
  /** The message. A UUID. */
  messageId: string;
  /** Its room. A UUID. */
  roomId: string;
  /** Who took it back. A UUID. */
  userId: string;
  /** Which. */
  emoji: string;
  /** So many still react so. */
  count: number;
}

/**
 * The payload of MESSAGE_PINNED: A message was pinned to the room.
 * @planned not built yet: cannot be sent, is not received
 */
export interface MessagePinnedPayload extends DurableEvent {
  /** The message. A UUID. */
  messageId: string;
  /** Its room. A UUID. */
  roomId: string;
  /** Who did it; absent: a service. A UUID. */
  pinnedBy?: string;
}

/**
 * The payload of MESSAGE_UNPINNED: A pinned message was taken down.
 * @planned not built yet: cannot be sent, is not received
 */
export interface MessageUnpinnedPayload extends DurableEvent {
  /** The message. A UUID. */
  messageId: string;
  /** Its room. A UUID. */
  roomId: string;
  /** Who did it; absent: a service. A UUID. */
  unpinnedBy?: string;
}

/**
 * The payload of THREAD_UPDATED: A thread has an answer more or less.
 * @planned not built yet: cannot be sent, is not received
 */
export interface ThreadUpdatedPayload extends DurableEvent {
  /** The message that began it. A UUID. */
  threadId: string;
  /** Its room. A UUID. */
  roomId: string;
  /** So many answers it has. */
  replyCount: number;
  /** When the newest was posted; absent: there is none. RFC 3339. */
  lastReplyAt?: string;
}

/**
 * The payload of READ_BY_UPDATED: Somebody has read on in a direct room; of one user only the
 * newest counts.
 * @planned not built yet: cannot be sent, is not received
 */
export interface ReadByUpdatedPayload extends EphemeralEvent {
  /** The direct room. A UUID. */
  roomId: string;
  /** Who. A UUID. */
  userId: string;
  /** He has read all with this seq or a lower one. */
  readSeq: number;
}

/**
 * The payload of NOTIFIED: The user was mentioned, written to directly, or answered in a
 * thread that he follows.
 * @planned not built yet: cannot be sent, is not received
 */
export interface NotifiedPayload extends DurableEvent {
  /** The notification. */
  notification: Notification;
}

/**
 * The payload of NOTIFICATIONS_READ: The user has read notifications, on whatever device.
 * @planned not built yet: cannot be sent, is not received
 */
export interface NotificationsReadPayload extends DurableEvent {
  /** Which; none: all. A UUID. */
  notificationIds?: string[];
  /** So many are still unread. */
  unreadCount: number;
}

/**
 * The payload of READ_STATE_UPDATED: The user has read on in a room, on whatever device.
 * @planned not built yet: cannot be sent, is not received
 */
export interface ReadStateUpdatedPayload extends DurableEvent {
  /** How far the room is read now. */
  state: ReadState;
}

export interface Message {
  /** The message. A UUID. */
  id: string;
  /** Its room. A UUID. */
  roomId: string;
  /** Who wrote it. A UUID. */
  authorId: string;
  /** The writer's name. */
  authorName: string;
  /** What is said; empty when deleted. */
  content: string;
  /** The clientId it was sent with. A UUID. */
  clientId?: string;
  /** Its place in the room. */
  seq: number;
  /** When it was posted. RFC 3339. */
  createdAt: string;
  /** When it was last changed. RFC 3339. */
  editedAt?: string;
  /** It was deleted. */
  deleted?: boolean;
  /** The message it quotes. A UUID. */
  replyToId?: string;
  /** The message that began the thread it answers in; absent: it is in no thread. A UUID. */
  threadId?: string;
  /** So many answers a thread has that began here; absent: none. */
  replyCount?: number;
  /** When the newest of them was posted. RFC 3339. */
  lastReplyAt?: string;
  /** Whom it mentions; absent: nobody. */
  mentions?: Mentions;
  /** What hangs on it. */
  attachments?: Attachment[];
  /** How others reacted, in the order of the first of each. */
  reactions?: Reaction[];
  /** It is pinned to the room. */
  pinned?: boolean;
}

export interface Mentions {
  /** Users. 0 to 20 items. A UUID. */
  userIds?: string[];
  /** Roles that may be mentioned: all who hold them. 0 to 10 items. A UUID. */
  roleIds?: string[];
  /** All members who are online. */
  here?: boolean;
  /** All members. */
  everyone?: boolean;
}

export interface Attachment {
  /** Where it is. A URL. */
  url: string;
  /** Its name. 1 to 255 characters. */
  name: string;
  /** What it is. 0 to 127 characters. Pattern: [-A-Za-z0-9!#$&^_.+]+/[-A-Za-z0-9!#$&^_.+]+ */
  mimeType: string;
  /** How large it is. At least 0. */
  sizeBytes: number;
}

export interface Reaction {
  /** How. */
  emoji: string;
  /** So many reacted so. */
  count: number;
  /** The caller is one of them; only in replies. */
  mine?: boolean;
}

export interface Pin {
  /** The message. */
  message: Message;
  /** Who pinned it; absent: a service. A UUID. */
  pinnedBy?: string;
  /** When. RFC 3339. */
  pinnedAt: string;
}

export interface ReadState {
  /** The room. A UUID. */
  roomId: string;
  /** All with this seq or a lower one is read. */
  readSeq: number;
  /** The seq of the newest message. */
  lastSeq: number;
  /** So many messages are unread. */
  unread: number;
  /** So many of them mention the user. */
  mentions: number;
}

export interface Reader {
  /** Who. A UUID. */
  userId: string;
  /** The user's name. */
  username: string;
  /** When he read so far. RFC 3339. */
  readAt: string;
}

export interface Notification {
  /** The notification. A UUID. */
  id: string;
  /** Why: named, named by a role, everyone named, a direct message, an answer in a thread. */
  kind: NotificationKind;
  /** The room. A UUID. */
  roomId: string;
  /** The message. A UUID. */
  messageId: string;
  /** Who wrote it. A UUID. */
  authorId: string;
  /** The writer's name. */
  authorName: string;
  /** When. RFC 3339. */
  at: string;
  /** It was read. */
  read: boolean;
}

export interface NotificationSetting {
  /** The room it is about. A UUID. */
  roomId?: string;
  /** The community it is about. A UUID. */
  communityId?: string;
  /** What the user is notified of. */
  level: NotificationSettingLevel;
  /** Silent until then. RFC 3339. */
  mutedUntil?: string;
}
