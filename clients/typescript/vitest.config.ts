// The tests that need no running system; those of components run with React 19 and React 18.

import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** As a user of the package, and of the documents' examples, imports it. */
const own = [
  { find: "@belfry/client/react", replacement: here("./src/react/index.ts") },
  { find: "@belfry/client/testing", replacement: here("./src/testing/index.ts") },
  { find: "@belfry/client", replacement: here("./src/index.ts") },
  { find: "@/hooks/useWebSocketEvent", replacement: here("./src/react/index.ts") },
  { find: "@/hooks/useWebSocket", replacement: here("./src/react/index.ts") },
  { find: "@/types/websocket/events", replacement: here("./src/index.ts") },
  { find: "@/test-utils/MockedWebSocketProvider", replacement: here("./src/testing/index.ts") },
];

/** React 18 lives in a workspace of its own; what imports React has to find that one. */
const react18 = [
  { find: /^react(\/.*)?$/, replacement: here("./tests/react18/node_modules/react$1") },
  { find: /^react-dom(\/.*)?$/, replacement: here("./tests/react18/node_modules/react-dom$1") },
  {
    find: "@testing-library/react",
    replacement: here("./node_modules/@testing-library/react/dist/@testing-library/react.esm.js"),
  },
];

const react = {
  environment: "jsdom",
  include: ["tests/react/**/*.test.tsx"],
  setupFiles: ["tests/support/react.ts"],
};

export default defineConfig({
  test: {
    reporters: ["default", "./tests/support/count_reporter.ts"],
    projects: [
      {
        resolve: { alias: own },
        test: { name: "client", include: ["tests/*.test.ts"] },
      },
      {
        resolve: { alias: own },
        test: { name: "react 19", ...react, env: { REACT_MAJOR: "19" } },
      },
      {
        resolve: { alias: [...own, ...react18] },
        test: {
          name: "react 18",
          ...react,
          env: { REACT_MAJOR: "18" },
          server: { deps: { inline: [/@testing-library\/react/] } },
        },
      },
    ],
  },
});
