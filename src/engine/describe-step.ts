import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { resolve } from 'node:path';
import { canonicalJson } from '../core/canonical-json.ts';
import type { Json } from '../core/json.ts';
import type { Described } from '../recipe/component-book.ts';
import { digestOf } from '../store/hash.ts';
import type { PlanningIndex } from '../store/planning-index.ts';
import { cleanEnvironment } from './attempt-environment.ts';
import { CodeBook } from './step-code.ts';

export interface DescribeShop {
  readonly store: PlanningIndex;
  readonly projectDir: string;
  /** Node's executable, and `step/describe-child`, absolute. */
  readonly child: readonly [node: string, module: string];
  readonly version: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

const LIMIT_MS = 20_000;
const MAX_BYTES = 1 << 20;

/**
 * What a step in TypeScript says of itself: its module is loaded in a process of its own, as it is
 * somebody's code, and the answer is kept in `index.db` under the bytes of all that it imports.
 *
 * @param entry project-relative
 */
export function describeStep(
  entry: string,
  { store, projectDir, child, version, env }: DescribeShop,
): Described {
  const code = new CodeBook(projectDir, store.files).closure(entry);
  const files = code.files.map(({ path }) => path);
  const key = digestOf(canonicalJson([version, entry, code as unknown as Json]));
  const row = store.index.prepare('SELECT manifest FROM described WHERE key = ?').get(key);
  if (row !== undefined) return { files, manifest: JSON.parse(String(row['manifest'])) as Json };
  const [node, module] = child;
  const { error, signal, status, output } = spawnSync(node, [module, resolve(projectDir, entry)], {
    cwd: tmpdir(),
    env: cleanEnvironment(env),
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    timeout: LIMIT_MS,
    killSignal: 'SIGKILL',
    maxBuffer: MAX_BYTES,
    encoding: 'utf8',
  });
  if (error !== undefined && 'code' in error && error.code === 'ETIMEDOUT')
    return { files, problem: `loading it took longer than ${LIMIT_MS / 1000} s` };
  if (error !== undefined) return { files, problem: error.message };
  const said = output[2] ?? '';
  if (status !== 0)
    return { files, problem: errorLine(said) ?? `its process ended with ${signal ?? `exit code ${status}`}` };
  const text = output[3] ?? '';
  store.index.prepare('INSERT OR REPLACE INTO described VALUES (?, ?)').run(key, text);
  return { files, manifest: JSON.parse(text) as Json };
}

/** The line of a stack trace that says what is wrong. */
function errorLine(said: string): string | undefined {
  return said.split('\n').find((line) => /^(?:\w*Error\b|Uncaught )/.test(line));
}
