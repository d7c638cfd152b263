// @belfry/client/react: hooks for React 18 and later.

export { useWebSocket, useWebSocketStatus, WebSocketProvider } from "./context.js";
export type { WebSocketProviderProps } from "./context.js";
export type { RoomState, RoomUser } from "./room_store.js";
export { useWebSocketEvent } from "./use_event.js";
export { usePresence } from "./use_presence.js";
export { useRoom } from "./use_room.js";
export type { UsedRoom } from "./use_room.js";
