import { demo } from '../test/chaos/demo.ts';
import { PostgresRig } from '../test/rigs/postgres-rig.ts';
import { RedisRig } from '../test/rigs/redis-rig.ts';

const DEMO_SECONDS = 35;

/** Tells the story on the terminal; the exit code is 0 only if all was looked at and held. */
export async function showDemo(seconds: string | undefined): Promise<number> {
  if ((await RedisRig.missing()) !== undefined || (await PostgresRig.missing()) !== undefined) return 1;
  const since = performance.now();
  const tell = (line: string): void => {
    const at = ((performance.now() - since) / 1000).toFixed(1);
    console.log(`${at.padStart(6)} s  ${line}`);
  };
  const wrong = await demo(Number(seconds ?? DEMO_SECONDS), tell);
  for (const line of wrong) tell(`WRONG: ${line}`);
  tell(
    wrong.length === 0
      ? 'checked: all as promised, and every byte is that of a run on one machine'
      : `${wrong.length} promises are broken`,
  );
  return wrong.length === 0 ? 0 : 1;
}
