import { copyFileSync, existsSync, mkdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { ExitCode } from '../core/exit-code.ts';
import { isTree } from '../core/kinds.ts';
import { RecipeError } from '../core/recipe-error.ts';
import { readTree } from '../store/trees.ts';
import { type Context, flag, type Parsed, warningsTo } from './context.ts';
import { openRecipe } from './open-project.ts';
import { resultOf } from './result-of.ts';
import { stepOf } from './step-of.ts';

/** `recipe artifacts get ADDRESS PATH` */
export async function execute(parsed: Parsed, context: Context): Promise<ExitCode> {
  const { project: opened, plan, address } = await openRecipe(parsed, context);
  await using project = opened;
  const step = stepOf(plan, address.step);
  const nameIn = (known: readonly string[]): string | undefined =>
    address.output ?? (known.length === 1 ? known[0] : undefined);
  const { outputs } = await resultOf({ project, plan, step, onWarning: warningsTo(context) }, (result) => [
    result.outputs[nameIn(Object.keys(result.outputs)) ?? ''],
  ]);
  const known = Object.keys(outputs);
  const name = nameIn(known);
  const output = name === undefined ? undefined : outputs[name];
  if (output === undefined)
    throw new RecipeError('OUTPUT_UNKNOWN', { step: step.id, output: name ?? '(none named)', known });
  const path = resolve(context.cwd, parsed.args[1] ?? '');
  if (existsSync(path))
    throw new RecipeError('USAGE', { problem: `${path} exists already`, command: 'artifacts get' });
  const { blobs } = project.store;
  const files = isTree(output.kind)
    ? readTree(blobs, output.digest).files.map((file) => ({ digest: file.digest, to: join(path, file.path) }))
    : [{ digest: output.digest, to: path }];
  for (const { digest, to } of files) {
    mkdirSync(dirname(to), { recursive: true });
    copyFileSync(blobs.path(digest), to);
  }
  context.out(flag(parsed.options, 'json') ? `${JSON.stringify({ path, ...output })}\n` : `${path}\n`);
  return ExitCode.ok;
}
