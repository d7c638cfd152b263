// What the mock server knows beyond the contract: rooms, their messages, who types.

import { BelfryError } from "../errors.js";
import type { MockServer } from "./mock_server.js";
import type { MockSession } from "./mock_session.js";
import { shape, type Members } from "./shape.js";

export interface HandlerContext {
  server: MockServer;
  session: MockSession;
  event: string;
}
export type Handler = (payload: Members, context: HandlerContext) => Members;

/** A room's messages by seq; a table of its own for each server. */
type Messages = Map<string, Members[]>;

const HISTORY_LIMIT = 50;

export function handlers(): Record<string, Handler> {
  const messages: Messages = new Map();
  const statuses = new Map<string, Members>();
  return {
    JOIN_ROOM: join,
    LEAVE_ROOM: ({ roomId }, { server, session }) => {
      const stream = `room:${String(roomId)}`;
      if (session.subscriptions.delete(stream)) {
        server.publish("USER_LEFT_ROOM", { roomId, userId: session.user.id }, { stream, except: session.user.id });
      }
      return {};
    },
    JOIN_ALL_ROOMS: (_, { server, session }) => ({
      rooms: [...messages.keys()].map(roomId => ({ roomId, ...subscribe(server, session, `room:${roomId}`) })),
    }),
    SEND_MESSAGE: (payload, context) => send(messages, payload, context),
    EDIT_MESSAGE: ({ messageId, content }, { server }) => {
      const message = find(messages, messageId);
      Object.assign(message, { content, editedAt: server.samples.now().toISOString() });
      return { message, seq: publishIn(server, message["roomId"], "MESSAGE_UPDATED", { message }) };
    },
    DELETE_MESSAGE: ({ messageId, reason }, { server, session }) => {
      const message = find(messages, messageId);
      Object.assign(message, { content: "", deleted: true });
      const { roomId } = message;
      const members = { messageId, roomId, deletedBy: session.user.id, reason };
      return { seq: publishIn(server, roomId, "MESSAGE_DELETED", members) };
    },
    GET_HISTORY: payload => history(messages.get(String(payload["roomId"])) ?? [], payload),
    TYPING_START: (payload, context) => typing(payload, context, true),
    TYPING_STOP: (payload, context) => typing(payload, context, false),
    SET_PRESENCE: ({ status, text }, { server, session }) => {
      const userId = session.user.id;
      const seen = { userId, status: status === "INVISIBLE" ? "OFFLINE" : status, text };
      statuses.set(userId, seen);
      server.publish("PRESENCE_CHANGED", seen);
      return {};
    },
    GET_PRESENCE: ({ userIds }, { server }) => ({
      users: (userIds as string[]).map(userId => statuses.get(userId) ?? { userId, status: online(server, userId) }),
    }),
  };
}

function online(server: MockServer, userId: string): string {
  return [...server.sessions].some(({ user }) => user.id === userId) ? "ONLINE" : "OFFLINE";
}

function subscribe(server: MockServer, session: MockSession, stream: string): { seq: number; cursor: string } {
  const seq = server.log.seq(stream);
  session.subscriptions.set(stream, seq);
  return { seq, cursor: server.log.cursor(stream) };
}

/** Any room is there, and open. */
const join: Handler = ({ roomId }, { server, session }) => {
  const stream = `room:${String(roomId)}`;
  const wasThere = [...server.sessions].some(
    ({ user, subscriptions }) => user.id === session.user.id && subscriptions.has(stream),
  );
  const room = shape(server.contract, "Room", { id: roomId, name: "Room" }, server.samples);
  const position = subscribe(server, session, stream);
  const { id: userId, username } = session.user;
  if (!wasThere) server.publish("USER_JOINED_ROOM", { roomId, userId, username }, { stream, except: userId });
  return { room, ...position };
};

function send(messages: Messages, payload: Members, { server, session }: HandlerContext): Members {
  const roomId = String(payload["roomId"]);
  const seq = server.log.seq(`room:${roomId}`) + 1;
  const written = { ...payload, id: server.uuid(), authorId: session.user.id, authorName: session.user.username, seq };
  const message = shape(server.contract, "Message", written, server.samples);
  messages.set(roomId, [...(messages.get(roomId) ?? []), message]);
  publishIn(server, roomId, "MESSAGE_CREATED", { message });
  return { message, seq };
}

function publishIn(
  server: MockServer,
  roomId: unknown,
  event: "MESSAGE_CREATED" | "MESSAGE_UPDATED" | "MESSAGE_DELETED",
  members: Members,
): number {
  return server.publish(event, structuredClone(members), { stream: `room:${String(roomId)}` })["seq"] as number;
}

function find(messages: Messages, id: unknown): Members {
  for (const list of messages.values()) {
    const message = list.find(one => one["id"] === id);
    if (message) return message;
  }
  throw new BelfryError({ code: "NOT_FOUND", message: "Message not found" });
}

function history(all: Members[], { before, after, limit = HISTORY_LIMIT }: Members): Members {
  const seq = (message: Members) => message["seq"] as number;
  const count = limit as number;
  if (typeof after === "number") {
    const later = all.filter(message => seq(message) > after);
    return { messages: later.slice(0, count), hasMore: later.length > count };
  }
  const earlier = typeof before === "number" ? all.filter(message => seq(message) < before) : all;
  return { messages: earlier.slice(-count), hasMore: earlier.length > count };
}

function typing({ roomId }: Members, { server, session }: HandlerContext, isTyping: boolean): Members {
  const { id: userId, username } = session.user;
  server.publish("USER_TYPING", { roomId, userId, username, isTyping }, { stream: `room:${String(roomId)}`, except: userId });
  return {};
}
