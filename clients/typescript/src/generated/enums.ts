// Made by belfry-gen from proto/events: do not edit.
export {};

export type Action =
  | "CREATE_COMMUNITY"
  | "MANAGE_INSTANCE"
  | "ANNOUNCE"
  | "VIEW_COMMUNITY"
  | "MANAGE_COMMUNITY"
  | "CREATE_INVITE"
  | "MANAGE_INVITES"
  | "KICK_MEMBER"
  | "BAN_MEMBER"
  | "TIMEOUT_MEMBER"
  | "MANAGE_ROLES"
  | "VIEW_AUDIT_LOG"
  | "CREATE_ROOM"
  | "VIEW_ROOM"
  | "MANAGE_ROOM"
  | "MANAGE_ROOM_MEMBERS"
  | "SEND_MESSAGE"
  | "READ_HISTORY"
  | "ADD_REACTION"
  | "MENTION_EVERYONE"
  | "PIN_MESSAGE"
  | "EDIT_OWN_MESSAGE"
  | "DELETE_OWN_MESSAGE"
  | "DELETE_ANY_MESSAGE";

export type ExplainAccessReplyDecision =
  | "OWNER"
  | "NO_MEMBER"
  | "BANNED"
  | "TIMED_OUT"
  | "NOT_IN_ROOM"
  | "USER_OVERRIDE"
  | "ROLE_OVERRIDE"
  | "ROLE"
  | "NO_GRANT";

export type AnnouncementSeverity =
  | "INFO"
  | "WARNING"
  | "CRITICAL";

export type NotificationSettingLevel =
  | "DEFAULT"
  | "ALL"
  | "MENTIONS"
  | "NOTHING";

export type NotificationKind =
  | "MENTION"
  | "ROLE_MENTION"
  | "EVERYONE"
  | "DIRECT_MESSAGE"
  | "THREAD_REPLY";

export type SetPresenceStatus =
  | "ONLINE"
  | "IDLE"
  | "DO_NOT_DISTURB"
  | "INVISIBLE";

export type PresenceStatus =
  | "ONLINE"
  | "IDLE"
  | "DO_NOT_DISTURB"
  | "OFFLINE";
