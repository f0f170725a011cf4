import { appendFileSync, readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import type { SerializedError } from '../core/failure.ts';
import type { StepFile } from '../core/step-file.ts';
import { resolveOwnExports } from './own-exports.ts';
import { runStep } from './run-step.ts';

/**
 * Main module of the process that runs a step written in TypeScript: waits to be told which, runs it,
 * and exits. What the step throws goes into its report, as data.
 */
interface Order {
  readonly entry: string;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

resolveOwnExports();

process.once('message', (order: Order) => void obey(order));

async function obey({ entry, cwd, env }: Order): Promise<void> {
  process.disconnect();
  for (const name of Object.keys(process.env)) if (!(name in env)) delete process.env[name];
  Object.assign(process.env, env);
  process.chdir(cwd);
  const stepFile = JSON.parse(readFileSync(env['STOCKPOT_STEP'] ?? '', 'utf8')) as StepFile;
  try {
    const module = (await import(pathToFileURL(entry).href)) as Record<string, unknown>;
    await runStep(module['step'], stepFile, entry);
    process.exitCode = 0;
  } catch (error) {
    appendFileSync(stepFile.report, `\n${JSON.stringify({ type: 'error', error: serialize(error) })}\n`);
    process.exitCode = 1;
  }
}

function serialize(error: unknown): SerializedError {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error) };
  const { name, message, stack } = error;
  const hint = 'hint' in error && typeof error.hint === 'string' ? { hint: error.hint } : {};
  const code = 'code' in error && typeof error.code === 'string' ? { code: error.code } : {};
  return { name, message, ...code, ...hint, ...(stack === undefined ? {} : { stack }) };
}
