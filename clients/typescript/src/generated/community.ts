// Made by belfry-gen from proto/events: do not edit.
import type { Action } from "./enums.js";
import type { ExplainAccessReplyDecision } from "./enums.js";
import type { AnnouncementSeverity } from "./enums.js";
import type { DurableEvent } from "../wire.js";
import type { EphemeralEvent } from "../wire.js";
import type { JsonValue } from "../wire.js";

/**
 * The payload of CREATE_COMMUNITY: Found a community with the roles Admin, Moderator and
 * Member; the caller becomes its owner.
 */
export interface CreateCommunityPayload {
  /** Its name. 1 to 100 characters. */
  name: string;
  /** Anybody may join; else by invitation. Default: false. */
  public?: boolean;
  /** Makes a retry safe: the same id has one effect and one answer. A UUID. */
  clientId?: string;
}

/**
 * The answer to CREATE_COMMUNITY: Found a community with the roles Admin, Moderator and
 * Member; the caller becomes its owner.
 */
export interface CreateCommunityReply {
  /** The new community. */
  community: Community;
  /** Where the community's stream stands: what comes next is higher. */
  seq: number;
  /** To resume from there. */
  cursor: string;
}

/**
 * The payload of UPDATE_COMMUNITY: Change a community's name, description, picture, or whether
 * anybody may join. What is left out stays.
 * @planned not built yet: cannot be sent, is not received
 */
export interface UpdateCommunityPayload {
  /** The community. A UUID. */
  communityId: string;
  /** Its new name. 1 to 100 characters. */
  name?: string;
  /** What it is about; empty: nothing. 0 to 1000 characters. */
  description?: string;
  /**
   * Where its picture is; empty: none. 0 to 2048 characters. Pattern:
   * (https?://[^[:space:]]+)?
   */
  iconUrl?: string;
  /** Anybody may join. */
  public?: boolean;
  /** Makes a retry safe: the same id has one effect and one answer. A UUID. */
  clientId?: string;
}

/**
 * The answer to UPDATE_COMMUNITY: Change a community's name, description, picture, or whether
 * anybody may join. What is left out stays.
 * @planned not built yet: cannot be sent, is not received
 */
export interface UpdateCommunityReply {
  /** The community as it is now. */
  community: Community;
}

/**
 * The payload of DELETE_COMMUNITY: Delete a community with all its rooms and messages, for
 * good; only an owner can.
 * @planned not built yet: cannot be sent, is not received
 */
export interface DeleteCommunityPayload {
  /** The community to delete. A UUID. */
  communityId: string;
  /** Makes a retry safe: the same id has one effect and one answer. A UUID. */
  clientId?: string;
}

/**
 * The answer to DELETE_COMMUNITY: Delete a community with all its rooms and messages, for
 * good; only an owner can.
 * @planned not built yet: cannot be sent, is not received
 */
export type DeleteCommunityReply = Record<string, never>;

/** The payload of LIST_COMMUNITIES: List the communities the caller belongs to. */
export type ListCommunitiesPayload = Record<string, never>;

/** The answer to LIST_COMMUNITIES: List the communities the caller belongs to. */
export interface ListCommunitiesReply {
  /** The oldest first. */
  communities: Community[];
}

/** The payload of JOIN_COMMUNITY: Become a member of a public community. */
export interface JoinCommunityPayload {
  /** The community to join. A UUID. */
  communityId: string;
  /** Makes a retry safe: the same id has one effect and one answer. A UUID. */
  clientId?: string;
}

/** The answer to JOIN_COMMUNITY: Become a member of a public community. */
export interface JoinCommunityReply {
  /** The community the caller is now a member of. */
  community: Community;
  /** Where the community's stream stands: what comes next is higher. */
  seq: number;
  /** To resume from there. */
  cursor: string;
}

/**
 * The payload of LEAVE_COMMUNITY: Stop being a member of a community; its last owner cannot.
 */
export interface LeaveCommunityPayload {
  /** The community to leave. A UUID. */
  communityId: string;
  /** Makes a retry safe: the same id has one effect and one answer. A UUID. */
  clientId?: string;
}

/** The answer to LEAVE_COMMUNITY: Stop being a member of a community; its last owner cannot. */
export type LeaveCommunityReply = Record<string, never>;

/**
 * The payload of CREATE_INVITE: Make a code with which others join a community.
 * @planned not built yet: cannot be sent, is not received
 */
export interface CreateInvitePayload {
  /** The community to invite to. A UUID. */
  communityId: string;
  /** So many may join with it; absent: any number. At least 1. At most 10000. */
  maxUses?: number;
  /** How long it is good. Default: 7 days. At least 60. At most 31536000. */
  expiresInSeconds?: number;
  /** Makes a retry safe: the same id has one effect and one answer. A UUID. */
  clientId?: string;
}

/**
 * The answer to CREATE_INVITE: Make a code with which others join a community.
 * @planned not built yet: cannot be sent, is not received
 */
export interface CreateInviteReply {
  /** The new invite. */
  invite: Invite;
}

/**
 * The payload of REVOKE_INVITE: Make an invite worthless: one's own, or with MANAGE_INVITES
 * anybody's.
 * @planned not built yet: cannot be sent, is not received
 */
export interface RevokeInvitePayload {
  /** The community. A UUID. */
  communityId: string;
  /** The invite's code. 1 to 64 characters. */
  code: string;
  /** Makes a retry safe: the same id has one effect and one answer. A UUID. */
  clientId?: string;
}

/**
 * The answer to REVOKE_INVITE: Make an invite worthless: one's own, or with MANAGE_INVITES
 * anybody's.
 * @planned not built yet: cannot be sent, is not received
 */
export type RevokeInviteReply = Record<string, never>;

/**
 * The payload of LIST_INVITES: List the invites of a community that are good.
 * @planned not built yet: cannot be sent, is not received
 */
export interface ListInvitesPayload {
  /** The community. A UUID. */
  communityId: string;
  /** The last code of the page before; absent: the first page. 1 to 64 characters. */
  after?: string;
  /** At most so many. Default: 50. At least 1. At most 100. */
  limit?: number;
}

/**
 * The answer to LIST_INVITES: List the invites of a community that are good.
 * @planned not built yet: cannot be sent, is not received
 */
export interface ListInvitesReply {
  /** The oldest first. */
  invites: Invite[];
  /** There are more. */
  hasMore: boolean;
}

/**
 * The payload of LIST_MEMBERS: List the members of a community, and hear who joins and who
 * gets which role while the list is open.
 * @planned not built yet: cannot be sent, is not received
 */
export interface ListMembersPayload {
  /** The community. A UUID. */
  communityId: string;
  /** The last user of the page before; absent: the first page. A UUID. */
  after?: string;
  /** At most so many. Default: 100. At least 1. At most 200. */
  limit?: number;
  /** Only those whose name begins with this. 1 to 64 characters. */
  search?: string;
  /** Only those who hold this role. A UUID. */
  roleId?: string;
  /**
   * True: from now on hear MEMBER_JOINED and ROLE_ASSIGNED of this community; false: no
   * longer; absent: as before.
   */
  follow?: boolean;
}

/**
 * The answer to LIST_MEMBERS: List the members of a community, and hear who joins and who gets
 * which role while the list is open.
 * @planned not built yet: cannot be sent, is not received
 */
export interface ListMembersReply {
  /** By the time they joined, the oldest first. */
  members: Member[];
  /** There are more. */
  hasMore: boolean;
  /** With follow: events of the members stream arrive from the next seq on. */
  seq?: number;
  /** With follow: opaque; give it back to resume there. */
  cursor?: string;
}

/**
 * The payload of KICK_MEMBER: Take a member with a lower position out of the community; he may
 * join again.
 */
export interface KickMemberPayload {
  /** The community. A UUID. */
  communityId: string;
  /** Whom to kick. A UUID. */
  userId: string;
  /** Why; the others and the audit log see it. 0 to 500 characters. */
  reason?: string;
  /** Makes a retry safe: the same id has one effect and one answer. A UUID. */
  clientId?: string;
}

/**
 * The answer to KICK_MEMBER: Take a member with a lower position out of the community; he may
 * join again.
 */
export type KickMemberReply = Record<string, never>;

/**
 * The payload of BAN_MEMBER: Take a user out of the community and keep him out, for good or
 * until a time. A second ban replaces the first.
 * @planned not built yet: cannot be sent, is not received
 */
export interface BanMemberPayload {
  /** The community. A UUID. */
  communityId: string;
  /** Whom to ban; he need not be a member. A UUID. */
  userId: string;
  /** Why; the others and the audit log see it. 0 to 500 characters. */
  reason?: string;
  /** When the ban ends; absent: never. RFC 3339. */
  until?: string;
  /** Makes a retry safe: the same id has one effect and one answer. A UUID. */
  clientId?: string;
}

/**
 * The answer to BAN_MEMBER: Take a user out of the community and keep him out, for good or
 * until a time. A second ban replaces the first.
 * @planned not built yet: cannot be sent, is not received
 */
export type BanMemberReply = Record<string, never>;

/**
 * The payload of UNBAN_MEMBER: End a ban; the user may join again.
 * @planned not built yet: cannot be sent, is not received
 */
export interface UnbanMemberPayload {
  /** The community. A UUID. */
  communityId: string;
  /** Whose ban ends. A UUID. */
  userId: string;
  /** Makes a retry safe: the same id has one effect and one answer. A UUID. */
  clientId?: string;
}

/**
 * The answer to UNBAN_MEMBER: End a ban; the user may join again.
 * @planned not built yet: cannot be sent, is not received
 */
export type UnbanMemberReply = Record<string, never>;

/**
 * The payload of LIST_BANS: List who is banned from a community, by whom and why.
 * @planned not built yet: cannot be sent, is not received
 */
export interface ListBansPayload {
  /** The community. A UUID. */
  communityId: string;
  /** The last user of the page before; absent: the first page. A UUID. */
  after?: string;
  /** At most so many. Default: 50. At least 1. At most 100. */
  limit?: number;
}

/**
 * The answer to LIST_BANS: List who is banned from a community, by whom and why.
 * @planned not built yet: cannot be sent, is not received
 */
export interface ListBansReply {
  /** By time, the oldest first. */
  bans: Ban[];
  /** There are more. */
  hasMore: boolean;
}

/**
 * The payload of TIMEOUT_MEMBER: Let a member only look and read until a time. A second
 * timeout replaces the first.
 * @planned not built yet: cannot be sent, is not received
 */
export interface TimeoutMemberPayload {
  /** The community. A UUID. */
  communityId: string;
  /** Whom to time out. A UUID. */
  userId: string;
  /** When the timeout ends. RFC 3339. */
  until: string;
  /** Why; the others and the audit log see it. 0 to 500 characters. */
  reason?: string;
  /** Makes a retry safe: the same id has one effect and one answer. A UUID. */
  clientId?: string;
}

/**
 * The answer to TIMEOUT_MEMBER: Let a member only look and read until a time. A second timeout
 * replaces the first.
 * @planned not built yet: cannot be sent, is not received
 */
export type TimeoutMemberReply = Record<string, never>;

/**
 * The payload of END_TIMEOUT: End a member's timeout before its time.
 * @planned not built yet: cannot be sent, is not received
 */
export interface EndTimeoutPayload {
  /** The community. A UUID. */
  communityId: string;
  /** Whose timeout ends. A UUID. */
  userId: string;
  /** Makes a retry safe: the same id has one effect and one answer. A UUID. */
  clientId?: string;
}

/**
 * The answer to END_TIMEOUT: End a member's timeout before its time.
 * @planned not built yet: cannot be sent, is not received
 */
export type EndTimeoutReply = Record<string, never>;

/**
 * The payload of CREATE_ROLE: Make a role below one's own position, with actions that one
 * holds oneself.
 * @planned not built yet: cannot be sent, is not received
 */
export interface CreateRolePayload {
  /** The community. A UUID. */
  communityId: string;
  /** Its name. 1 to 100 characters. */
  name: string;
  /**
   * How high it stands; higher roles command lower ones. Default: 1. At least 0. At most
   * 1000000.
   */
  position?: number;
  /** What it grants; actions of the instance are none of a community's. 0 to 24 items. */
  grants?: Action[];
  /** Messages may mention all who hold it. Default: false. */
  mentionable?: boolean;
  /** Whoever joins gets it. Default: false. */
  givenToAll?: boolean;
  /** Makes a retry safe: the same id has one effect and one answer. A UUID. */
  clientId?: string;
}

/**
 * The answer to CREATE_ROLE: Make a role below one's own position, with actions that one holds
 * oneself.
 * @planned not built yet: cannot be sent, is not received
 */
export interface CreateRoleReply {
  /** The new role. */
  role: Role;
}

/**
 * The payload of UPDATE_ROLE: Change a role's name, position or grants; all who hold it gain
 * or lose at once. What is left out stays.
 * @planned not built yet: cannot be sent, is not received
 */
export interface UpdateRolePayload {
  /** The community. A UUID. */
  communityId: string;
  /** The role. A UUID. */
  roleId: string;
  /** Its new name. 1 to 100 characters. */
  name?: string;
  /** Its new position. At least 0. At most 1000000. */
  position?: number;
  /** Actions that it grants from now on. 0 to 24 items. */
  grant?: Action[];
  /** Actions that it grants no longer; wins over grant. 0 to 24 items. */
  revoke?: Action[];
  /** Messages may mention all who hold it. */
  mentionable?: boolean;
  /** Whoever joins from now on gets it. */
  givenToAll?: boolean;
  /** Makes a retry safe: the same id has one effect and one answer. A UUID. */
  clientId?: string;
}

/**
 * The answer to UPDATE_ROLE: Change a role's name, position or grants; all who hold it gain or
 * lose at once. What is left out stays.
 * @planned not built yet: cannot be sent, is not received
 */
export interface UpdateRoleReply {
  /** The role as it is now. */
  role: Role;
}

/**
 * The payload of DELETE_ROLE: Delete a role; all who hold it lose it.
 * @planned not built yet: cannot be sent, is not received
 */
export interface DeleteRolePayload {
  /** The community. A UUID. */
  communityId: string;
  /** The role to delete. A UUID. */
  roleId: string;
  /** Makes a retry safe: the same id has one effect and one answer. A UUID. */
  clientId?: string;
}

/**
 * The answer to DELETE_ROLE: Delete a role; all who hold it lose it.
 * @planned not built yet: cannot be sent, is not received
 */
export type DeleteRoleReply = Record<string, never>;

/**
 * The payload of ASSIGN_ROLE: Give a member a role.
 * @planned not built yet: cannot be sent, is not received
 */
export interface AssignRolePayload {
  /** The community. A UUID. */
  communityId: string;
  /** The member. A UUID. */
  userId: string;
  /** The role he gets. A UUID. */
  roleId: string;
  /** Makes a retry safe: the same id has one effect and one answer. A UUID. */
  clientId?: string;
}

/**
 * The answer to ASSIGN_ROLE: Give a member a role.
 * @planned not built yet: cannot be sent, is not received
 */
export type AssignRoleReply = Record<string, never>;

/**
 * The payload of UNASSIGN_ROLE: Take a role from a member.
 * @planned not built yet: cannot be sent, is not received
 */
export interface UnassignRolePayload {
  /** The community. A UUID. */
  communityId: string;
  /** The member. A UUID. */
  userId: string;
  /** The role he loses. A UUID. */
  roleId: string;
  /** Makes a retry safe: the same id has one effect and one answer. A UUID. */
  clientId?: string;
}

/**
 * The answer to UNASSIGN_ROLE: Take a role from a member.
 * @planned not built yet: cannot be sent, is not received
 */
export type UnassignRoleReply = Record<string, never>;

/**
 * The payload of LIST_ROLES: List the roles of a community and what each grants.
 * @planned not built yet: cannot be sent, is not received
 */
export interface ListRolesPayload {
  /** The community. A UUID. */
  communityId: string;
}

/**
 * The answer to LIST_ROLES: List the roles of a community and what each grants.
 * @planned not built yet: cannot be sent, is not received
 */
export interface ListRolesReply {
  /** By position, the highest first. */
  roles: Role[];
}

/**
 * The payload of GET_AUDIT_LOG: Read who changed what in a community, the newest first.
 * @planned not built yet: cannot be sent, is not received
 */
export interface GetAuditLogPayload {
  /** The community. A UUID. */
  communityId: string;
  /** The last entry of the page before; absent: the newest. A UUID. */
  before?: string;
  /** At most so many. Default: 50. At least 1. At most 100. */
  limit?: number;
  /** Only what this user did. A UUID. */
  actorId?: string;
  /** Only what this client event did. 0 to 48 characters. Pattern: [A-Z][A-Z0-9_]* */
  event?: string;
}

/**
 * The answer to GET_AUDIT_LOG: Read who changed what in a community, the newest first.
 * @planned not built yet: cannot be sent, is not received
 */
export interface GetAuditLogReply {
  /** The newest first. */
  entries: AuditEntry[];
  /** There are older ones. */
  hasMore: boolean;
}

/**
 * The payload of EXPLAIN_ACCESS: Ask which grant or override decides whether somebody may do
 * something: oneself, or with MANAGE_ROLES another member.
 * @planned not built yet: cannot be sent, is not received
 */
export interface ExplainAccessPayload {
  /** The community. A UUID. */
  communityId: string;
  /** A room of it; absent: the community itself. A UUID. */
  roomId?: string;
  /** About whom; absent: the caller. A UUID. */
  userId?: string;
  /** What he wants to do. */
  action: Action;
}

/**
 * The answer to EXPLAIN_ACCESS: Ask which grant or override decides whether somebody may do
 * something: oneself, or with MANAGE_ROLES another member.
 * @planned not built yet: cannot be sent, is not received
 */
export interface ExplainAccessReply {
  /** He may. */
  allowed: boolean;
  /**
   * What decides: being an owner, no member, banned, timed out or not in the private room; his
   * own override, a role's override, a role's grant; or that nothing grants it.
   */
  decision: ExplainAccessReplyDecision;
  /** The roles that decide, where roles do. */
  roles: Role[];
  /** The same as a sentence for people. */
  explanation: string;
}

/**
 * The payload of ANNOUNCE: Tell something to everybody who is connected.
 * @planned not built yet: cannot be sent, is not received
 */
export interface AnnouncePayload {
  /** What is said. 1 to 2000 characters. */
  text: string;
  /** How it is to be shown. Default: INFO. */
  severity?: AnnouncementSeverity;
  /** Where there is more. A URL. */
  link?: string;
  /** Makes a retry safe: the same id has one effect and one answer. A UUID. */
  clientId?: string;
}

/**
 * The answer to ANNOUNCE: Tell something to everybody who is connected.
 * @planned not built yet: cannot be sent, is not received
 */
export interface AnnounceReply {
  /** The announcement. A UUID. */
  id: string;
}

/**
 * The payload of COMMUNITY_UPDATED: A community has another name, description or picture, or
 * was opened or closed.
 * @planned not built yet: cannot be sent, is not received
 */
export interface CommunityUpdatedPayload extends DurableEvent {
  /** The community as it is now. */
  community: Community;
}

/**
 * The payload of COMMUNITY_DELETED: A community was deleted; nothing of it or its rooms
 * follows.
 * @planned not built yet: cannot be sent, is not received
 */
export interface CommunityDeletedPayload extends DurableEvent {
  /** The community that is gone. A UUID. */
  communityId: string;
  /** Who did it; absent: a service. A UUID. */
  deletedBy?: string;
}

/** The payload of MEMBER_JOINED: Somebody became a member of the community. */
export interface MemberJoinedPayload extends DurableEvent {
  /** The community. A UUID. */
  communityId: string;
  /** The new member. A UUID. */
  userId: string;
  /** The new member's name. */
  username: string;
}

/** The payload of MEMBER_LEFT: A member left the community of his own accord. */
export interface MemberLeftPayload extends DurableEvent {
  /** The community. A UUID. */
  communityId: string;
  /** Who left. A UUID. */
  userId: string;
}

/** The payload of MEMBER_KICKED: A member was taken out of the community. */
export interface MemberKickedPayload extends DurableEvent {
  /** The community. A UUID. */
  communityId: string;
  /** Who was kicked. A UUID. */
  userId: string;
  /** Who did it. A UUID. */
  kickedBy: string;
  /** Why. */
  reason?: string;
}

/**
 * The payload of MEMBER_BANNED: A user was taken out of the community and is kept out.
 * @planned not built yet: cannot be sent, is not received
 */
export interface MemberBannedPayload extends DurableEvent {
  /** The community. A UUID. */
  communityId: string;
  /** Who was banned. A UUID. */
  userId: string;
  /** Who did it; absent: a service. A UUID. */
  bannedBy?: string;
  /** Why. */
  reason?: string;
  /** When the ban ends; absent: never. RFC 3339. */
  until?: string;
}

/**
 * The payload of MEMBER_UNBANNED: A ban was ended; the user may join again.
 * @planned not built yet: cannot be sent, is not received
 */
export interface MemberUnbannedPayload extends DurableEvent {
  /** The community. A UUID. */
  communityId: string;
  /** Whose ban ended. A UUID. */
  userId: string;
  /** Who did it; absent: a service. A UUID. */
  unbannedBy?: string;
}

/**
 * The payload of MEMBER_TIMED_OUT: A member may only look and read until a time.
 * @planned not built yet: cannot be sent, is not received
 */
export interface MemberTimedOutPayload extends DurableEvent {
  /** The community. A UUID. */
  communityId: string;
  /** Who was timed out. A UUID. */
  userId: string;
  /** Who did it; absent: a service. A UUID. */
  timedOutBy?: string;
  /** Why. */
  reason?: string;
  /** When it ends; it then ends by itself, without an event. RFC 3339. */
  until: string;
}

/**
 * The payload of MEMBER_TIMEOUT_ENDED: A member's timeout was ended before its time.
 * @planned not built yet: cannot be sent, is not received
 */
export interface MemberTimeoutEndedPayload extends DurableEvent {
  /** The community. A UUID. */
  communityId: string;
  /** Whose timeout ended. A UUID. */
  userId: string;
  /** Who did it; absent: a service. A UUID. */
  endedBy?: string;
}

/**
 * The payload of ROLE_CREATED: A role was made.
 * @planned not built yet: cannot be sent, is not received
 */
export interface RoleCreatedPayload extends DurableEvent {
  /** The role. */
  role: Role;
}

/**
 * The payload of ROLE_UPDATED: A role was changed; all who hold it gained or lost at once.
 * @planned not built yet: cannot be sent, is not received
 */
export interface RoleUpdatedPayload extends DurableEvent {
  /** The role as it is now. */
  role: Role;
}

/**
 * The payload of ROLE_DELETED: A role was deleted; all who held it have lost it.
 * @planned not built yet: cannot be sent, is not received
 */
export interface RoleDeletedPayload extends DurableEvent {
  /** The community. A UUID. */
  communityId: string;
  /** The role that is gone. A UUID. */
  roleId: string;
  /** Who did it; absent: a service. A UUID. */
  deletedBy?: string;
}

/**
 * The payload of ROLE_ASSIGNED: A member got a role.
 * @planned not built yet: cannot be sent, is not received
 */
export interface RoleAssignedPayload extends DurableEvent {
  /** The community. A UUID. */
  communityId: string;
  /** The member. A UUID. */
  userId: string;
  /** The role. A UUID. */
  roleId: string;
  /** Who did it; absent: a service. A UUID. */
  assignedBy?: string;
}

/**
 * The payload of ROLE_UNASSIGNED: A role was taken from a member.
 * @planned not built yet: cannot be sent, is not received
 */
export interface RoleUnassignedPayload extends DurableEvent {
  /** The community. A UUID. */
  communityId: string;
  /** The member. A UUID. */
  userId: string;
  /** The role. A UUID. */
  roleId: string;
  /** Who did it; absent: a service. A UUID. */
  unassignedBy?: string;
}

/** The payload of ACCESS_CHANGED: The user gained or lost a community or a room. */
export interface AccessChangedPayload extends DurableEvent {
  /** The community; with roomId: the room's. A UUID. */
  communityId?: string;
  /** The room; absent: the whole community. A UUID. */
  roomId?: string;
  /** True: gained, false: lost. */
  granted: boolean;
  /** What happened. */
  reason: string;
}

/**
 * The payload of ANNOUNCEMENT: The operators tell everybody something.
 * @planned not built yet: cannot be sent, is not received
 */
export interface AnnouncementPayload extends EphemeralEvent {
  /** The announcement. A UUID. */
  id: string;
  /** What is said. */
  text: string;
  /** How it is to be shown. */
  severity: AnnouncementSeverity;
  /** Where there is more. A URL. */
  link?: string;
  /** Who said it; absent: a service. A UUID. */
  announcedBy?: string;
}

export interface Community {
  /** The community. A UUID. */
  id: string;
  /** Its name. */
  name: string;
  /** Anybody may join. */
  public: boolean;
  /** Its first owner. A UUID. */
  ownerId?: string;
  /** How many belong to it. */
  memberCount?: number;
  /** When it was founded. RFC 3339. */
  createdAt: string;
  /** What it is about; absent: nothing is said. */
  description?: string;
  /** Where its picture is; absent: none. */
  iconUrl?: string;
}

export interface Member {
  /** The user. A UUID. */
  userId: string;
  /** The user's name. */
  username: string;
  /** The name as it is shown; absent: the username. */
  displayName?: string;
  /** The roles he holds. A UUID. */
  roleIds?: string[];
  /** He is an owner. */
  owner: boolean;
  /** When he joined. RFC 3339. */
  joinedAt: string;
  /** He may only look and read until then. RFC 3339. */
  timeoutUntil?: string;
}

export interface Role {
  /** The role. A UUID. */
  id: string;
  /** Its community. A UUID. */
  communityId: string;
  /** Its name. */
  name: string;
  /** How high it stands. */
  position: number;
  /** What it grants. */
  grants?: Action[];
  /** Messages may mention all who hold it. */
  mentionable: boolean;
  /** Whoever joins gets it. */
  givenToAll: boolean;
  /** When it was made. RFC 3339. */
  createdAt: string;
}

export interface Invite {
  /** What joins with it; whoever has it may. */
  code: string;
  /** The community it leads to. A UUID. */
  communityId: string;
  /** Who made it; absent: a service. A UUID. */
  createdBy?: string;
  /** So many have joined with it. */
  uses: number;
  /** So many may; absent: any number. */
  maxUses?: number;
  /** It is good until then. RFC 3339. */
  expiresAt: string;
  /** When it was made. RFC 3339. */
  createdAt: string;
}

export interface Ban {
  /** Who is banned. A UUID. */
  userId: string;
  /** The user's name. */
  username: string;
  /** Who did it; absent: a service. A UUID. */
  bannedBy?: string;
  /** Why. */
  reason?: string;
  /** When it ends; absent: never. RFC 3339. */
  until?: string;
  /** When it began. RFC 3339. */
  createdAt: string;
}

export interface AuditEntry {
  /** The entry. A UUID. */
  id: string;
  /** When it happened. RFC 3339. */
  at: string;
  /** The client event that did it. */
  event: string;
  /** Who did it; absent: a service. A UUID. */
  actorId?: string;
  /** The user, role or room it was done to. A UUID. */
  targetId?: string;
  /** Why. */
  reason?: string;
  /** What was changed, by name: the old and the new value. */
  changes?: JsonValue;
}
