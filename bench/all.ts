import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

/**
 * Every case of `bench/README.md`, one after the other: `npm run bench -- PYTHON`, with a Python that has
 * scikit-learn, pandas and MLflow; peers that are on the PATH take part.
 */
const python = process.argv[2] ?? 'python3';
const cases: readonly (readonly [script: string, ...args: string[]])[] = [
  ['start.ts'],
  ['noop.ts', '100', '1000', '10000'],
  ['peers.ts', '1000'],
  ['cold.ts'],
  ['publish.ts'],
  ['tables.ts', python],
  ['gbdt.ts', python],
  ['score.ts'],
  ['server.ts', python],
  ['search.ts'],
  ['history.ts'],
  ['files.ts'],
  ['s3.ts'],
];
let failed = 0;
for (const [script, ...args] of cases) {
  console.log(`\n== ${script} ${args.join(' ')}`);
  const path = join(import.meta.dirname, script);
  const { status } = spawnSync(process.execPath, ['--conditions=stockpot-source', path, ...args], {
    stdio: 'inherit',
  });
  if (status !== 0) failed += 1;
}
process.exitCode = failed === 0 ? 0 : 1;
