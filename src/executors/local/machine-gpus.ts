import { readdirSync } from 'node:fs';
import { visibleGpus } from '../../core/gpu-ids.ts';
import { hasCode } from '../../core/recipe-error.ts';
import type { MachineGpus } from '../../engine/gpus.ts';

/**
 * The GPUs of this machine that steps may have: those that `said` lists, or as many as it says. Where nothing
 * is said, all that this process may see: what its own `CUDA_VISIBLE_DEVICES` names, else all that are there.
 *
 * @param devices folder of the machine's devices
 */
export function machineGpus(
  said: number | readonly string[] | undefined,
  env: Readonly<Record<string, string | undefined>>,
  devices = '/dev',
): MachineGpus {
  if (typeof said === 'object') return { ids: said, areSaid: true };
  const visible = env['CUDA_VISIBLE_DEVICES'];
  const own = visible === undefined ? undefined : visibleGpus(visible);
  if (said === undefined) return { ids: own ?? numbered(countGpus(devices)), areSaid: false };
  return { ids: own?.slice(0, said) ?? numbered(said), areSaid: true };
}

function numbered(count: number): string[] {
  return Array.from({ length: count }, (_, index) => String(index));
}

/** NVIDIA's driver makes a file for each. A program numbers those that it sees from 0, whatever their names. */
function countGpus(devices: string): number {
  try {
    return readdirSync(devices).filter((name) => /^nvidia\d+$/.test(name)).length;
  } catch (error) {
    if (hasCode(error, 'ENOENT') || hasCode(error, 'EACCES')) return 0;
    throw error;
  }
}
