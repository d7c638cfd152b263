// The tests against a running system: the one that BELFRY_TEST_ENV names, or one that they
// start with ./dev.

import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  server: { fs: { allow: [here("../..")] } }, // tests/integration/lib
  resolve: {
    alias: [
      { find: "@belfry/client/testing", replacement: here("./src/testing/index.ts") },
      { find: "@belfry/client", replacement: here("./src/index.ts") },
    ],
  },
  test: {
    include: ["tests/system/*.test.ts"],
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 240_000,
    reporters: ["default", "./tests/support/count_reporter.ts"],
  },
});
