// Listening to one event while a component is there.

import { useEffect, useRef } from "react";
import type { Events } from "../types.js";
import { useWebSocket } from "./context.js";

/** Calls the newest `handler` for each event, from mount to unmount. */
export function useWebSocketEvent<E extends keyof Events>(event: E, handler: Events[E]): void {
  const client = useWebSocket();
  const newest = useRef(handler);
  useEffect(() => {
    newest.current = handler;
  });
  useEffect(() => {
    const call = ((...args: unknown[]) =>
      (newest.current as (...args: unknown[]) => void)(...args)) as unknown as Events[E];
    client.on(event, call);
    return () => void client.off(event, call);
  }, [client, event]);
}
