// The running system, started or found as the integration tests do it.

import { createClient, type BelfryClient, type ClientOptions } from "@belfry/client";

export interface User {
  id: string;
  username: string;
}

export interface RunningSystem {
  edges: string[];
  now(): Promise<Record<string, string>>;
  stop(): Promise<void>;
  sql(query: string): Promise<string[][]>;
  token(user: User, claims?: Record<string, unknown>): string;
  room(options: { members: number }): Promise<{ community: string; roomId: string; users: User[] }>;
}

interface SystemModule {
  system(): Promise<RunningSystem>;
  start(options: { edges: number; cores: number }): Promise<RunningSystem>;
}

const module = new URL("../../../../tests/integration/lib/system.mjs", import.meta.url).href;
const { system, start } = (await import(/* @vite-ignore */ module)) as SystemModule;
export { start, system };

const opened = new Set<BelfryClient>();

export function open(sys: RunningSystem, user: User, options: Partial<ClientOptions> = {}): BelfryClient {
  const client = createClient({
    url: sys.edges[0]!, token: () => sys.token(user), reconnect: { minMs: 20, maxMs: 200 }, ...options,
  });
  opened.add(client);
  return client;
}

export function closeAll(): void {
  for (const client of opened) client.close();
  opened.clear();
}

/** Cuts the transport, as a network does: nobody says goodbye. */
export function cut(client: BelfryClient): void {
  const { socket } = client as unknown as { socket: { io: { engine: { close(): void } } } };
  socket.io.engine.close();
}
