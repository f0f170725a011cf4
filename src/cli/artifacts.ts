import { ExitCode } from '../core/exit-code.ts';
import { History } from '../engine/history.ts';
import { formatBytes } from '../report/text/format.ts';
import { textTable } from '../report/text/table.ts';
import { type Context, flag, type Parsed } from './context.ts';
import { openRecipe } from './open-project.ts';
import { stepOf } from './step-of.ts';

/** `recipe artifacts list` */
export async function execute(parsed: Parsed, context: Context): Promise<ExitCode> {
  const { project: opened, plan, address } = await openRecipe(parsed, context);
  await using project = opened;
  const history = new History(project.store.index, plan.recipe);
  const steps = address.step === undefined ? plan.steps : [stepOf(plan, address.step)];
  const outputs = steps.flatMap((step) => {
    const memory = history.get(step.id);
    const result = memory === undefined ? undefined : project.store.results.find(memory.fingerprint);
    return Object.entries(result?.outputs ?? {}).map(([name, output]) => ({
      step: step.id,
      name,
      ...output,
    }));
  });
  if (flag(parsed.options, 'json')) context.out(`${JSON.stringify(outputs)}\n`);
  else {
    const rows = outputs.map(({ step, name, kind, size, digest }) => [
      `${step}.${name}`,
      kind,
      formatBytes(size),
      digest.slice(0, 12),
    ]);
    context.out(
      rows.length === 0 ? 'no outputs yet\n' : textTable(['output', 'kind', 'size', 'digest'], rows),
    );
  }
  return ExitCode.ok;
}
