// The package as others get it: what package.json exports is there, and loads in Node.

import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));
const { exports } = JSON.parse(readFileSync(`${root}/package.json`, "utf8")) as {
  exports: Record<string, { types: string; default: string }>;
};

it.each(Object.keys(exports))("exports %s", path => {
  const entry = exports[path]!;
  expect(existsSync(`${root}/${entry.types}`), "npm run build makes it").toBe(true);
  const name = `@belfry/client${path.slice(1)}`;
  const script = `console.log(Object.keys(await import("${name}")).sort().join())`;
  const names = execFileSync(process.execPath, ["--input-type=module", "-e", script], { cwd: root, encoding: "utf8" });
  expect(names.trim().split(",")).toEqual(expect.arrayContaining({
    ".": ["createClient", "BelfryError", "ClientEvents", "ServerEvents", "indexedDbStorage"],
    "./react": ["WebSocketProvider", "useWebSocket", "useWebSocketEvent", "useRoom", "usePresence"],
    "./testing": ["MockedWebSocketProvider", "MockedProvider", "createMockServer"],
  }[path]!));
});
