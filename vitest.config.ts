import { defineConfig } from 'vitest/config';
import type { Reporter, TestModule } from 'vitest/node';

/** Prints the one line that CI counts: `vitest: 60 passed, 0 failed, 0 skipped`. */
const tally: Reporter = {
  onTestRunEnd(modules: readonly TestModule[]) {
    const count = { passed: 0, failed: 0, skipped: 0, pending: 0 };
    for (const module of modules)
      for (const test of module.children.allTests()) count[test.result().state] += 1;
    process.stdout.write(
      `vitest: ${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped\n`,
    );
  },
};

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Kills at every failpoint and runs on every number of threads take minutes: `npm run test:long`.
    exclude: process.env['STOCKPOT_LONG_TESTS'] === undefined ? ['test/long/**'] : [],
    isolate: false,
    // Most of the time is that of processes the tests start: one worker would leave a core idle.
    maxWorkers: 2,
    // Tests drive the real command line on two cores, which a machine may share: none waits on purpose.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    reporters: ['default', tally],
    // Node's own loader: a test file that Node could not run fails here too.
    experimental: { viteModuleRunner: false },
    // `stockpot/steps` is the source here, as in the process that runs a step.
    execArgv: ['--conditions=stockpot-source'],
  },
});
