import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { PlanOutput } from '../core/plan.ts';
import type { RecordedFile, Recording } from './recorder-port.ts';

/**
 * Outputs that a program declared and did not write, but logged into its own run at their paths: the model that autologging
 * keeps, say. What was logged there is moved to where the program would have written it.
 */
export function takeLoggedOutputs(
  outDir: string,
  outputs: Readonly<Record<string, PlanOutput>>,
  { own }: Recording,
): void {
  for (const { path } of Object.values(outputs)) {
    const place = path.replace(/\/+$/, '');
    if (existsSync(join(outDir, place))) continue;
    for (const { file, path: logged } of own.files.filter((one) => isAt(one, place))) {
      const to = join(outDir, logged);
      mkdirSync(dirname(to), { recursive: true });
      renameSync(file, to);
    }
  }
}

/** Paths of artifacts are keys: one that as a file's would lead elsewhere is at no place. */
function isAt({ path }: RecordedFile, place: string): boolean {
  const isFile = path.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
  return isFile && (path === place || path.startsWith(`${place}/`));
}
