import type { Reporter, TestModule } from "vitest/node";

/** Names the tests that failed and passed when run again: each is a defect to be mended. */
export default class Unsteady implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    for (const module of modules) {
      for (const test of module.children.allTests("passed")) {
        if (!test.diagnostic()?.flaky) continue;
        console.log(
          `\n=== UNSTEADY: ${module.moduleId} > ${test.fullName}: failed, and passed when run again. To be mended:`,
        );
        for (const error of test.result().errors ?? []) console.log(error.stack ?? error.message);
      }
    }
  }
}
