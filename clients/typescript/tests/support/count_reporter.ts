// Ends a run with the line that `./dev test` counts.

import type { Reporter, TestModule } from "vitest/node";

export default class CountReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const count = { passed: 0, failed: 0, skipped: 0, pending: 0 };
    for (const module of modules) {
      const tests = [...module.children.allTests()];
      for (const test of tests) count[test.result().state]++;
      if (tests.length === 0) count.failed++; // could not even be loaded
    }
    console.log(`\n${count.passed} passed, ${count.failed + count.pending} failed, ${count.skipped} skipped`);
  }
}
