import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Project } from '../compose.ts';
import { cardOf } from '../compose-card.ts';
import { ExitCode } from '../core/exit-code.ts';
import type { PlanInput, PlanStep } from '../core/plan.ts';
import { documentOf } from '../engine/explain.ts';
import { readReport } from '../engine/read-report.ts';
import { cardHtml } from '../report/card/card-html.ts';
import { type CardSubject, cardPage } from '../report/card/card-page.ts';
import type { Result } from '../store/results.ts';
import { type Context, flag, type Parsed, text, warningsTo } from './context.ts';
import { openRecipe } from './open-project.ts';
import { resultOf } from './result-of.ts';
import { stepOf } from './step-of.ts';

const LOG_TAIL = 4096;

/** `recipe card ADDRESS`: writes the step's page and says where it is. */
export async function execute(parsed: Parsed, context: Context): Promise<ExitCode> {
  const { project: opened, plan, address } = await openRecipe(parsed, context);
  await using project = opened;
  const step = stepOf(plan, address.step);
  const result = await resultOf({ project, plan, step, onWarning: warningsTo(context) }, (one) => [
    ...Object.values(one.outputs),
    one.report,
    one.log,
  ]);
  const content = await cardOf({ step, result }, project, context, context.signal);
  const blocks = cardPage(
    {
      recipe: plan.recipe,
      profile: plan.profile,
      run: result.producer.run,
      at: result.producer.at,
      durationMs: result.producer.durationMs,
      stockpot: result.producer.stockpot,
      config: step.config,
      fingerprint: result.fingerprint,
      inputs: inputsOf(project, step, result),
      outputs: result.outputs,
      report: readReport(project.store, result.fingerprint),
      logTail:
        result.log === undefined
          ? ''
          : project.store.blobs.read(result.log.digest).toString('utf8').slice(-LOG_TAIL),
    },
    content,
  );
  const path = resolve(
    context.cwd,
    text(parsed.options, 'output') ?? defaultPath(project, plan.recipe, step),
  );
  writeFileSync(path, cardHtml(`${plan.recipe}: ${step.id}`, blocks));
  context.out(flag(parsed.options, 'json') ? `${JSON.stringify({ path, blocks })}\n` : `${path}\n`);
  return ExitCode.ok;
}

function defaultPath({ home }: Project, recipe: string, { id }: PlanStep): string {
  const dir = join(home, 'cards');
  mkdirSync(dir, { recursive: true });
  return join(dir, `${recipe}-${id.replaceAll(/[^\w.@=,+-]/g, '_')}.html`);
}

/** The task document knows the digests, the plan where they came from. */
function inputsOf({ store }: Project, step: PlanStep, { fingerprint }: Result): CardSubject['inputs'] {
  const document = JSON.parse(documentOf(store, fingerprint) ?? '{}') as {
    dynamic?: { inputs?: Record<string, { digest: string }> };
  };
  return Object.entries(document.dynamic?.inputs ?? {}).map(([name, { digest }]) => {
    const input = step.inputs[name];
    return { name, from: input === undefined ? '' : sourceOf(input), digest };
  });
}

function sourceOf(input: PlanInput): string {
  switch (input.kind) {
    case 'output':
      return `${input.step}.${input.output}`;
    case 'cells':
      return `${input.cells.length} cells of ${input.output}`;
    case 'path':
      return input.path.startsWith('/') ? input.path : `./${input.path}`;
    case 'uri':
      return input.uri;
    case 'model':
      return input.reference;
    case 'list':
      return input.items.map(sourceOf).join(', ');
  }
}
