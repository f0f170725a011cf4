import type { RecordOptions } from './record-reproduction.ts';
import type { RegisterEffectOptions } from './register-effect.ts';

/** Keeps what models of a run can be made from again. What it needs is loaded when a model is new. */
export function reproductionKeeper(options: RecordOptions): RegisterEffectOptions['reproduction'] {
  return async (model, { made, report }) => {
    const { recordReproduction } = await import('./record-reproduction.ts');
    const { keepReproduction } = await import('./keep-reproduction.ts');
    const recorded = recordReproduction(model, made() ?? [], options);
    return recorded === undefined ? undefined : keepReproduction(recorded, { ...options, report });
  };
}
