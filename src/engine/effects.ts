import { approveCommand } from '../core/approve-command.ts';
import type { EffectEvent, OutputRef, Unstamped } from '../core/events.ts';
import { failpoint } from '../core/failpoint.ts';
import type { Digest } from '../core/ids.ts';
import type { Json } from '../core/json.ts';
import type { Plan, PlanStep } from '../core/plan.ts';
import { RecipeError } from '../core/recipe-error.ts';
import type { EffectRequest } from './ports.ts';
import type { RunOptions } from './run-options.ts';

interface Finished {
  readonly step: PlanStep;
  readonly outputs: Readonly<Record<string, OutputRef>> | undefined;
  readonly published: boolean;
}

/** Brings the outside to what the step asked for, cached or not. Says what happened as an event. */
export async function reconcileEffect(
  { step, outputs, published }: Finished,
  { plan, store, effects, trackedRun, isSubmitted }: RunOptions,
  asked: Pick<EffectRequest, 'made' | 'report'>,
): Promise<Unstamped<EffectEvent>> {
  const name = 'effect' in step.action ? (step.action.effect ?? '') : '';
  const about = { step: step.id, effect: name };
  const { effects: may } = plan.settings;
  if (may === 'none' || (may === 'submitted' && !isSubmitted))
    return { type: 'effect.skipped', ...about, because: `effects: ${may}` };
  if (!published)
    return { type: 'effect.skipped', ...about, because: 'inputs changed while the steps before it ran' };
  try {
    const effect = effects[name];
    if (effect === undefined) throw new Error(`there is no effect ${name}`);
    const request = outputs?.['request'];
    if (request === undefined) throw new Error('the step has no output named request');
    failpoint('effect.before');
    const outcome = await effect.reconcile({
      step: step.id,
      request: JSON.parse(store.blobs.read(request.digest).toString('utf8')) as Json,
      digests: digestsOf(outputs ?? {}),
      trackedRun,
      gate: gateOf(step, plan),
      ...asked,
    });
    failpoint('effect.after');
    switch (outcome.kind) {
      case 'done':
        return { type: 'effect.done', ...about, before: outcome.before, after: outcome.after };
      case 'unchanged':
        return { type: 'effect.unchanged', ...about, state: outcome.state };
      case 'pending': {
        const { state, promotion } = outcome;
        return { type: 'effect.pending', ...about, state, promotion, approve: approveCommand(promotion) };
      }
      case 'skipped':
        return { type: 'effect.skipped', ...about, because: outcome.because };
    }
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const known = error instanceof RecipeError ? error : undefined;
    return {
      type: 'effect.failed',
      ...about,
      error: {
        message,
        ...(known === undefined ? {} : { code: known.code }),
        ...(known?.hint === undefined ? {} : { hint: known.hint }),
      },
    };
  }
}

/** The alias that the step which gave the verdict compared with, if it did. */
function gateOf({ inputs }: PlanStep, plan: Plan): EffectRequest['gate'] {
  const verdict = inputs['verdict'];
  if (verdict?.kind !== 'output') return undefined;
  const judge = plan.steps.find(({ id }) => id === verdict.step);
  for (const input of Object.values(judge?.inputs ?? {}))
    if (input.kind === 'model' && input.alias !== undefined) return { model: input.name, alias: input.alias };
  return undefined;
}

function digestsOf(outputs: Readonly<Record<string, OutputRef>>): Record<string, Digest> {
  return Object.fromEntries(Object.entries(outputs).map(([name, { digest }]) => [name, digest]));
}
