import { defaultJobs } from '../compose.ts';
import { ExitCode } from '../core/exit-code.ts';
import { formatDuration } from '../core/format-duration.ts';
import type { Plan, PlanStep } from '../core/plan.ts';
import { type Forecast, forecast } from '../engine/forecast.ts';
import { makespanMs, type TimedWork } from '../engine/makespan.ts';
import { preflight } from '../engine/preflight.ts';
import { select } from '../engine/selection.ts';
import { textTable } from '../report/text/table.ts';
import { type Context, flag, type Parsed, text, warningsTo } from './context.ts';
import { openRecipe } from './open-project.ts';

/** `recipe status`, and `recipe run --dry-run` */
export async function execute(parsed: Parsed, context: Context): Promise<ExitCode> {
  const { options } = parsed;
  const { project: opened, plan } = await openRecipe(parsed, context);
  await using project = opened;
  const roles = select(plan, {
    from: text(options, 'from'),
    until: text(options, 'until'),
    only: text(options, 'only'),
  });
  preflight(plan, roles, project.dir, context.env);
  await using shared = await project.shared(plan, warningsTo(context));
  const steps = await forecast({
    plan,
    roles,
    projectDir: project.dir,
    store: project.store,
    shared,
    references: project.references(flag(options, 'offline')),
  });
  context.out(
    flag(options, 'json') ? `${JSON.stringify({ recipe: plan.recipe, steps })}\n` : render(plan, steps),
  );
  return ExitCode.ok;
}

const WORDS = { cached: 'cached', run: 'would run', maybe: 'may run', skip: 'skipped' } as const;

function render({ recipe, steps: planned }: Plan, steps: readonly Forecast[]): string {
  const changed = steps.filter(({ would }) => would !== 'cached');
  const shown = steps.length > 50 ? changed : steps;
  const table = textTable(
    ['step', 'would', 'took', 'why'],
    shown.map(({ step, would, reason, durationMs }) => [
      step,
      WORDS[would],
      durationMs === undefined ? '?' : formatDuration(durationMs),
      reason,
    ]),
  );
  if (changed.length === 0)
    return `${shown.length === 0 ? '' : table}${recipe}: nothing to do, all ${steps.length} steps are cached\n`;
  const expectedMs = expectedOf(planned, changed);
  const estimate =
    expectedMs === undefined ? 'a step was never timed' : `up to ${formatDuration(expectedMs)}`;
  return `${table}${recipe}: ${changed.length} of ${steps.length} steps to do · ${estimate}\n`;
}

/** How long all that would or may run takes, one after and beside the other; undefined if one was never timed. */
function expectedOf(planned: readonly PlanStep[], changed: readonly Forecast[]): number | undefined {
  const indexOf = new Map(planned.map(({ id }, index) => [id, index]));
  const timed = new Map(
    changed.map(({ step, would, durationMs }) => [step, would === 'skip' ? 0 : durationMs]),
  );
  const work: TimedWork[] = [];
  for (const { id, needs } of planned) {
    const durationMs = timed.has(id) ? timed.get(id) : 0;
    if (durationMs === undefined) return undefined;
    work.push({ durationMs, needs: needs.map((need) => indexOf.get(need) ?? 0) });
  }
  return makespanMs(work, defaultJobs());
}
