// Which events open and close streams, so that a client can keep their cursors.

import type { Streams } from "./streams.js";

interface RoomPosition {
  roomId: string;
  seq: number;
  cursor: string;
}

const record = (value: unknown): Record<string, unknown> =>
  typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};

export const streamOfRoom = (roomId: unknown) => `room:${String(roomId)}`;

const streamOfMembers = (payload: unknown) => `members:${String(record(payload)["communityId"])}`;

/** The stream that an event leaves; undefined: it leaves none. */
export function leaves(event: string, payload: unknown): string | undefined {
  return event === "LEAVE_ROOM" ? streamOfRoom(record(payload)["roomId"]) : undefined;
}

/** The stream that an event opens, if it names one. */
export function joins(event: string, payload: unknown): string | undefined {
  return event === "JOIN_ROOM" ? streamOfRoom(record(payload)["roomId"]) : undefined;
}

/** JOIN_ALL_ROOMS of everything: the session follows, and a new session has to be told again. */
export function follows(event: string, payload: unknown): boolean {
  return event === "JOIN_ALL_ROOMS" && record(payload)["communityId"] === undefined;
}

/** Takes the positions out of a reply. */
export function readReply(streams: Streams, event: string, payload: unknown, reply: unknown): void {
  const { seq, cursor, rooms } = record(reply);
  const left = leaves(event, payload);
  if (left !== undefined) streams.close(left);
  if (event === "JOIN_ALL_ROOMS" && Array.isArray(rooms)) {
    for (const room of rooms as RoomPosition[]) {
      streams.join(streamOfRoom(room.roomId), room.seq, room.cursor);
    }
  }
  if (event === "LIST_MEMBERS" && record(payload)["follow"] === false) {
    streams.close(streamOfMembers(payload));
  }
  if (typeof seq !== "number" || typeof cursor !== "string") return;
  if (event === "JOIN_ROOM") streams.join(streamOfRoom(record(payload)["roomId"]), seq, cursor);
  if (event === "LIST_MEMBERS") streams.join(streamOfMembers(payload), seq, cursor);
}

/** The streams that an ACCESS_CHANGED closes. A community's rooms are not known here. */
export function lostAccess(payload: unknown): string[] {
  const { communityId, roomId, granted } = record(payload);
  if (granted !== false) return [];
  if (typeof roomId === "string") return [streamOfRoom(roomId)];
  return [`community:${String(communityId)}`, streamOfMembers(payload)];
}
