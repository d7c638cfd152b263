// Waiting for what happens, never for a while.

import { vi } from "vitest";
import type { BelfryClient, ServerEvent } from "@belfry/client";

export const until = (condition: () => unknown, timeout = 5000): Promise<void> =>
  vi.waitFor(
    () => {
      if (!condition()) throw new Error(`not yet: ${condition.toString()}`);
    },
    { timeout, interval: 5 },
  );

export const connected = (client: BelfryClient): Promise<void> => until(() => client.status === "connected");

/** Collects the payloads of an event. */
export function collect<T = Record<string, unknown>>(client: BelfryClient, event: ServerEvent): T[] {
  const list: T[] = [];
  client.on(event, ((payload: T) => list.push(payload)) as never);
  return list;
}
