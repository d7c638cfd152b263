// A room in a component: joined while it is shown.

import { useCallback, useEffect, useSyncExternalStore } from "react";
import type { SendMessagePayload, SendMessageReply } from "../generated/index.js";
import { useWebSocket } from "./context.js";
import { roomStore, type RoomState } from "./room_store.js";

export interface UsedRoom extends RoomState {
  /** Posts a message here. */
  send: (content: string, more?: Omit<SendMessagePayload, "roomId" | "content">) => Promise<SendMessageReply>;
  /** Reads the page of messages before the oldest. */
  loadOlder: () => Promise<void>;
}

/** Joins the room, leaves it at unmount; several components may show the same room. */
export function useRoom(roomId: string): UsedRoom {
  const client = useWebSocket();
  const store = roomStore(client, roomId);
  const state = useSyncExternalStore(store.subscribe, store.getState, store.getState);
  useEffect(() => store.use(), [store]);
  const send = useCallback<UsedRoom["send"]>(
    (content, more) => client.emit("SEND_MESSAGE", { ...more, roomId, content }),
    [client, roomId],
  );
  const loadOlder = useCallback(() => store.loadOlder(), [store]);
  return { ...state, send, loadOlder };
}
