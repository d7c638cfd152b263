// What the components that show a room share: one subscription, its messages, who is there.
// The first of them joins the room, the last one leaves it.

import type { BelfryError } from "../errors.js";
import { clientEventKinds } from "../generated/index.js";
import type {
  GetRoomPresenceReply, ListRoomMembersReply, Message, Room, RoomMember,
} from "../generated/index.js";
import type { BelfryClient } from "../types.js";
import type { AnyHandler } from "../emitter.js";
import { MessageList } from "./message_list.js";

const PAGE = 50;
const KEEP = 500;
const PEOPLE_MAX = 1000;

export interface RoomUser {
  userId: string;
  username: string;
}

export interface RoomState {
  /** `joining`; `joined`: events arrive; `error`: see `error`. */
  status: "joining" | "joined" | "error";
  error: BelfryError | undefined;
  room: Room | undefined;
  /** By seq, the oldest first; deleted ones are there, empty and marked. */
  messages: readonly Message[];
  /** There are older ones: `loadOlder()`. */
  hasMore: boolean;
  /** The newest messages are read. */
  loaded: boolean;
  /** Who belongs to a private or direct room, in the order they were added. */
  members: readonly RoomMember[];
  /** Who listens just now, in the order they came. */
  present: readonly RoomUser[];
  /** Who is typing. */
  typing: readonly RoomUser[];
}

const NOTHING: RoomState = {
  status: "joining", error: undefined, room: undefined, messages: [], hasMore: false,
  loaded: false, members: [], present: [], typing: [],
};

export class RoomStore {
  state: RoomState = NOTHING;
  #client: BelfryClient;
  #roomId: string;
  #list = new MessageList(KEEP);
  #users = 0;
  #running = false;
  #run = 0; // what an earlier run still hears does not count
  #joining: number | undefined; // the run whose JOIN is under way
  #listeners = new Set<() => void>();
  #handlers: [string, AnyHandler][];

  constructor(client: BelfryClient, roomId: string) {
    this.#client = client;
    this.#roomId = roomId;
    this.#handlers = this.#makeHandlers();
  }

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  };

  getState = (): RoomState => this.state;

  /** A component shows the room, until it calls what it gets back. */
  use(): () => void {
    if (++this.#users === 1) this.#start();
    return () => {
      this.#users--;
      // a component that is only moved comes back at once
      queueMicrotask(() => this.#users === 0 && this.#stop());
    };
  }

  /** The page before the oldest message. */
  async loadOlder(): Promise<void> {
    await this.#load(this.#list.firstSeq);
  }

  #start(): void {
    if (this.#running) return;
    this.#running = true;
    this.#run++;
    storesOf(this.#client).set(this.#roomId, this);
    this.#list = new MessageList(KEEP);
    this.#set(NOTHING);
    for (const [event, handler] of this.#handlers) on(this.#client, event, handler);
    void this.#join();
  }

  #stop(): void {
    if (!this.#running) return;
    this.#running = false;
    this.#run++;
    storesOf(this.#client).delete(this.#roomId);
    for (const [event, handler] of this.#handlers) off(this.#client, event, handler);
    void this.#client.emit("LEAVE_ROOM", { roomId: this.#roomId });
  }

  #set(change: Partial<RoomState>): void {
    this.state = { ...this.state, ...change };
    for (const listener of this.#listeners) listener();
  }

  // ------------------------------------------------------------------ reading

  async #join(): Promise<void> {
    const run = this.#run;
    if (this.#joining === run) return;
    this.#joining = run;
    try {
      const { room } = await this.#client.emit("JOIN_ROOM", { roomId: this.#roomId });
      if (run !== this.#run) return;
      this.#set({ status: "joined", error: undefined, room });
    } catch (error) {
      if (run === this.#run) this.#set({ status: "error", error: error as BelfryError });
      return;
    } finally {
      if (this.#joining === run) this.#joining = undefined;
    }
    await Promise.all([this.#load(), this.#loadPeople()]);
  }

  /** The newest page, in place of what is there, or the one before a seq. */
  async #load(before?: number): Promise<void> {
    const list = this.#list;
    const replace = before === undefined;
    list.beginPage();
    let change: Partial<RoomState>;
    try {
      const { messages, hasMore } = await this.#client.emit("GET_HISTORY", {
        roomId: this.#roomId, limit: PAGE, ...(replace ? {} : { before }),
      });
      list.endPage(messages, replace ? { replace } : { room: messages.length });
      change = { messages: list.messages, hasMore, loaded: true };
      if (this.state.status === "joined") change.error = undefined;
    } catch (error) {
      list.failPage();
      // who may listen need not be allowed to read what was
      change = { loaded: true, error: error as BelfryError };
    }
    if (list === this.#list) this.#set(change);
  }

  /** What is not built, or not of this kind of room, stays empty. */
  async #loadPeople(): Promise<void> {
    const run = this.#run;
    const roomId = this.#roomId;
    const [members, present] = await Promise.all([
      ask<ListRoomMembersReply>(this.#client, "LIST_ROOM_MEMBERS", { roomId }),
      ask<GetRoomPresenceReply>(this.#client, "GET_ROOM_PRESENCE", { roomId }),
    ]);
    if (run !== this.#run) return;
    this.#set({
      ...(members ? { members: members.members } : {}),
      ...(present ? { present: present.users.map(({ userId, username }) => ({ userId, username })) } : {}),
    });
  }

  // ------------------------------------------------------------------ events

  #makeHandlers(): [string, AnyHandler][] {
    const mine = <P extends { roomId: string }>(handle: (payload: P) => void): AnyHandler =>
      payload => (payload as P).roomId === this.#roomId && handle(payload as P);
    const changes = <P extends { roomId: string; messageId: string }>(change: (message: Message, payload: P) => Message) =>
      mine<P>(payload => this.#change(payload.messageId, message => change(message, payload)));
    const stream = `room:${this.#roomId}`;
    return [
      ["MESSAGE_CREATED", ({ message }: { message: Message }) => this.#created(message)],
      ["MESSAGE_UPDATED", ({ message }: { message: Message }) => {
        if (message.roomId === this.#roomId) this.#change(message.id, () => message);
      }],
      ["MESSAGE_DELETED", changes(message => ({ ...message, content: "", deleted: true }))],
      ["REACTION_ADDED", changes(withReaction)],
      ["REACTION_REMOVED", changes(withReaction)],
      ["MESSAGE_PINNED", changes(message => ({ ...message, pinned: true }))],
      ["MESSAGE_UNPINNED", changes(message => ({ ...message, pinned: false }))],
      ["THREAD_UPDATED", mine<{ roomId: string; threadId: string; replyCount: number; lastReplyAt?: string }>(
        ({ threadId, replyCount, lastReplyAt }) => this.#change(threadId, message => ({
          ...message, replyCount, ...(lastReplyAt === undefined ? {} : { lastReplyAt }),
        })),
      )],
      ["ROOM_UPDATED", ({ room }: { room: Room }) => {
        if (room.id === this.#roomId) this.#set({ room });
      }],
      ["ROOM_MEMBER_ADDED", mine<{ roomId: string; userId: string; username?: string; addedBy?: string; timestamp: string }>(
        ({ userId, username = "", addedBy, timestamp }) => this.#set({
          members: withPerson<RoomMember>(this.state.members, {
            userId, username, addedAt: timestamp, ...(addedBy === undefined ? {} : { addedBy }),
          }),
        }),
      )],
      ["ROOM_MEMBER_REMOVED", mine<{ roomId: string; userId: string }>(({ userId }) =>
        this.#set({ members: without(this.state.members, userId) }))],
      ["USER_JOINED_ROOM", mine<RoomUser & { roomId: string }>(({ userId, username }) =>
        this.#set({ present: withPerson(this.state.present, { userId, username }) }))],
      ["USER_LEFT_ROOM", mine<{ roomId: string; userId: string }>(({ userId }) =>
        this.#set({ present: without(this.state.present, userId), typing: without(this.state.typing, userId) }))],
      ["USER_TYPING", mine<RoomUser & { roomId: string; isTyping: boolean }>(({ userId, username, isTyping }) =>
        this.#set({
          typing: isTyping ? withPerson(this.state.typing, { userId, username }) : without(this.state.typing, userId),
        }))],
      ["RESYNC", (resync: { stream: string }) => resync.stream === stream && void this.#load()],
      ["gap", (gap: { stream: string; recovering: boolean }) => {
        if (gap.stream === stream && !gap.recovering) void this.#load();
      }],
      // also a client that was closed, or refused, has a new session without this room
      ["CONNECTION_SUCCESS", ({ streams }: { streams?: Record<string, string> }) => {
        if (streams && !Object.hasOwn(streams, stream)) void this.#join();
      }],
      // of a community all rooms are gained or lost at once
      ["ACCESS_CHANGED", ({ communityId, roomId, granted }: { communityId?: string; roomId?: string; granted: boolean }) => {
        const { status, room } = this.state;
        const concerned = roomId === undefined ? !room || communityId === room.communityId : roomId === this.#roomId;
        if (concerned && (granted ? status === "error" : roomId === undefined)) void this.#join();
      }],
      ["lost", (lost: string) => lost === stream && void this.#join()],
      // what is of the moment was missed meanwhile
      ["connect", () => {
        this.#set({ typing: [] });
        if (this.state.status === "joined") void this.#loadPeople();
      }],
    ];
  }

  #created(message: Message): void {
    if (message.roomId !== this.#roomId) return;
    this.#list.add(message);
    this.#set({
      messages: this.#list.messages,
      typing: without(this.state.typing, message.authorId),
    });
  }

  #change(id: string, change: (message: Message) => Message): void {
    this.#list.change(id, change);
    this.#set({ messages: this.#list.messages });
  }
}

/** The store of a client's room, made when it is first asked for. */
export function roomStore(client: BelfryClient, roomId: string): RoomStore {
  const stores = storesOf(client);
  let store = stores.get(roomId);
  if (!store) stores.set(roomId, (store = new RoomStore(client, roomId)));
  return store;
}

const allStores = new WeakMap<BelfryClient, Map<string, RoomStore>>();
function storesOf(client: BelfryClient): Map<string, RoomStore> {
  let stores = allStores.get(client);
  if (!stores) allStores.set(client, (stores = new Map()));
  return stores;
}

/** An event that a later version of the contract may have built; undefined: no answer. */
async function ask<R>(client: BelfryClient, event: string, payload: unknown): Promise<R | undefined> {
  if (!(event in clientEventKinds)) return undefined;
  try {
    return (await (client.emit as (event: string, payload: unknown) => Promise<unknown>)(event, payload)) as R;
  } catch {
    return undefined;
  }
}

function on(client: BelfryClient, event: string, handler: AnyHandler): void {
  (client.on as (event: string, handler: AnyHandler) => unknown).call(client, event, handler);
}

function off(client: BelfryClient, event: string, handler: AnyHandler): void {
  (client.off as (event: string, handler: AnyHandler) => unknown).call(client, event, handler);
}

function without<T extends { userId: string }>(people: readonly T[], userId: string): readonly T[] {
  return people.some(person => person.userId === userId)
    ? people.filter(person => person.userId !== userId)
    : people;
}

/** At the end, unless there is one of this user; that one is replaced in its place. */
function withPerson<T extends { userId: string }>(people: readonly T[], person: T): readonly T[] {
  if (people.some(({ userId }) => userId === person.userId)) {
    return people.map(other => (other.userId === person.userId ? person : other));
  }
  return [...people, person].slice(-PEOPLE_MAX);
}

function withReaction(
  message: Message,
  { emoji, count }: { roomId: string; messageId: string; emoji: string; count: number },
): Message {
  const reactions = message.reactions ?? [];
  const known = reactions.some(reaction => reaction.emoji === emoji);
  const all = known
    ? reactions.map(reaction => (reaction.emoji === emoji ? { ...reaction, count } : reaction))
    : [...reactions, { emoji, count }];
  return { ...message, reactions: all.filter(reaction => reaction.count > 0) };
}
