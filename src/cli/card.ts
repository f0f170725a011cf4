import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ExitCode } from '../core/exit-code.ts';
import type { Json } from '../core/json.ts';
import { documentOf } from '../engine/explain.ts';
import { cardHtml } from '../report/card/card-html.ts';
import { stepCard } from '../report/card/step-card.ts';
import { type Context, flag, type Parsed, text } from './context.ts';
import { openRecipe } from './open-project.ts';
import { resultOf } from './result-of.ts';
import { stepOf } from './step-of.ts';

/** `recipe card ADDRESS`: writes the step's page and says where it is. */
export async function execute(parsed: Parsed, context: Context): Promise<ExitCode> {
  const { project: opened, plan, address } = await openRecipe(parsed, context);
  using project = opened;
  const step = stepOf(plan, address.step);
  const result = resultOf(project, plan, step);
  const outputs: Record<string, Json> = {};
  for (const [name, { kind, digest }] of Object.entries(result.outputs))
    if (kind === 'value' || kind === 'metrics')
      outputs[name] = JSON.parse(readFileSync(project.store.blobs.path(digest), 'utf8')) as Json;
  const document = JSON.parse(documentOf(project.store, result.fingerprint) ?? '{}') as {
    dynamic?: { inputs?: Record<string, { digest: string }> };
  };
  const blocks = stepCard({
    component: step.action.kind === 'shipped' ? step.action.component : undefined,
    config: step.config,
    outputs,
    lineage: [
      ['fingerprint', result.fingerprint],
      ...Object.entries(document.dynamic?.inputs ?? {}).map(
        ([name, { digest }]) => [`input ${name}`, digest] as const,
      ),
      ...Object.entries(result.outputs).map(([name, { digest }]) => [`output ${name}`, digest] as const),
    ],
    durationMs: result.producer.durationMs,
  });
  const dir = join(project.home, 'cards');
  mkdirSync(dir, { recursive: true });
  const path =
    text(parsed.options, 'output') ??
    join(dir, `${plan.recipe}-${step.id.replaceAll(/[^\w.@=,+-]/g, '_')}.html`);
  writeFileSync(path, cardHtml(`${plan.recipe}: ${step.id}`, blocks));
  context.out(flag(parsed.options, 'json') ? `${JSON.stringify({ path, blocks })}\n` : `${path}\n`);
  return ExitCode.ok;
}
