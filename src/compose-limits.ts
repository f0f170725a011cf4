import type { ProjectHome, Surroundings } from './compose-home.ts';
import { ledgerOf } from './compose-ledger.ts';
import { HeldLimits } from './ledger/held-limits.ts';

/** The limits of one run, in the ledger that other runs share with it: opened when one is first asked for. */
export function limitsOf(project: ProjectHome, surroundings: Surroundings): HeldLimits {
  return new HeldLimits({
    open: async () => ledgerOf(project, surroundings),
    clock: surroundings.world.clock,
  });
}
