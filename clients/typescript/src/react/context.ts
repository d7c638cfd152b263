// The client that the hooks below a provider use.

import {
  createContext, createElement, useContext, useEffect, useState, useSyncExternalStore,
  type ReactNode,
} from "react";
import { createClient } from "../client.js";
import type { ClientOptions } from "../options.js";
import type { BelfryClient, Status } from "../types.js";

export const WebSocketContext = createContext<BelfryClient | null>(null);

export type WebSocketProviderProps = { children?: ReactNode } & (
  | { /** Yours: you close it. */ client: BelfryClient }
  | ({ client?: undefined } & ClientOptions)
);

/** Gives the components below a client: yours, or one of its own that lives as long as it. */
export function WebSocketProvider({ children, client, ...options }: WebSocketProviderProps): ReactNode {
  // The first render's options hold: another url or user is another `key`.
  const [own] = useState(() =>
    client ? null : createClient({ ...(options as ClientOptions), autoConnect: false }),
  );
  useEffect(() => {
    own?.connect();
    return () => void own?.close();
  }, [own]);
  return createElement(WebSocketContext.Provider, { value: client ?? own }, children);
}

/** The client of the nearest provider. */
export function useWebSocket(): BelfryClient {
  const client = useContext(WebSocketContext);
  if (!client) throw new Error("useWebSocket needs a WebSocketProvider above it");
  return client;
}

/** Whether there is a connection just now. */
export function useWebSocketStatus(): Status {
  const client = useWebSocket();
  const read = () => client.status;
  return useSyncExternalStore(
    changed => {
      client.on("status", changed);
      return () => void client.off("status", changed);
    },
    read,
    read,
  );
}
