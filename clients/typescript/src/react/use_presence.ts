// Who of some users is online, and how they want to be seen.

import { useEffect, useState } from "react";
import type { Presence } from "../generated/index.js";
import type { Events } from "../types.js";
import { useWebSocket } from "./context.js";

const ASK_MAX = 100;

/** By user id; a user is missing until the answer is there. */
export function usePresence(userIds: readonly string[]): ReadonlyMap<string, Presence> {
  const client = useWebSocket();
  const [presence, setPresence] = useState<ReadonlyMap<string, Presence>>(new Map());
  const key = [...new Set(userIds)].sort().join(" ");

  useEffect(() => {
    const wanted = new Set(key === "" ? [] : key.split(" "));
    let over = false;
    const put = (...list: Presence[]) => {
      const mine = list.filter(({ userId }) => wanted.has(userId));
      if (over || mine.length === 0) return;
      setPresence(before => {
        const known = [...before].filter(([userId]) => wanted.has(userId));
        return new Map([...known, ...mine.map(one => [one.userId, one] as const)]);
      });
    };
    const ask = (ids: readonly string[]) => {
      for (let i = 0; i < ids.length; i += ASK_MAX) {
        const answer = client.emit("GET_PRESENCE", { userIds: ids.slice(i, i + ASK_MAX) });
        answer.then(({ users }) => put(...users)).catch(() => {});
      }
    };
    const handlers: { [E in keyof Events]?: Events[E] } = {
      PRESENCE_CHANGED: ({ userId, status, text }) =>
        put(text === undefined ? { userId, status } : { userId, status, text }),
      // how one wants to be seen outlives a connection
      USER_CONNECTED: ({ userId }) => wanted.has(userId) && ask([userId]),
      USER_DISCONNECTED: ({ userId }) => put({ userId, status: "OFFLINE" }),
      // what happened meanwhile was missed
      connect: () => ask([...wanted]),
    };
    const each = (action: "on" | "off") => {
      for (const [event, handler] of Object.entries(handlers)) {
        client[action](event as keyof Events, handler as Events[keyof Events]);
      }
    };
    each("on");
    if (client.status === "connected") ask([...wanted]);
    return () => {
      over = true;
      each("off");
    };
  }, [client, key]);
  return presence;
}
