import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { digestOf } from '../src/store/hash.ts';
import { MeasuredFleet } from './measured-fleet.ts';

/**
 * Chains of steps that count: each takes the number of the one before, by way of the shared store, and adds one.
 * `npm run bench:fleet-dag -- [--chains 100] [--length 100]`. It fails unless each chain has counted to its end and
 * each step has ended once; it says what the driver took at most, and what Redis kept meanwhile and keeps.
 */
const { values } = parseArgs({
  options: { chains: { type: 'string', default: '100' }, length: { type: 'string', default: '100' } },
});
const [CHAINS, LENGTH] = [Number(values.chains), Number(values.length)];
const SAMPLE_MS = 5000;

await using fleet = await MeasuredFleet.start({ store: 'folder' });
const axis = `{ i: [${Array.from({ length: CHAINS }, (_, n) => n).join(', ')}] }`;
const steps = Array.from({ length: LENGTH }, (_, n) =>
  n === 0
    ? `  l0: { matrix: ${axis}, run: [sh, -c, 'echo {{ matrix.i }} 0 > "$OUT_x"'], outputs: { x: x } }`
    : `  l${n}: { matrix: ${axis}, run: [sh, -c, 'read i n < "$IN_p"; echo $i $((n + 1)) > "$OUT_x"'], inputs: { p: l${n - 1}.x }, outputs: { x: x } }`,
);

const samples: Awaited<ReturnType<MeasuredFleet['redisState']>>[] = [];
const sampling = setInterval(() => void fleet.redisState().then((state) => samples.push(state)), SAMPLE_MS);
const { seconds, driverMiB, costs, succeeded } = await fleet.runRecipe(
  `steps:\n${steps.join('\n')}\n`,
  CHAINS * LENGTH,
);
clearInterval(sampling);

const last = succeeded.filter(({ step }) => step.startsWith(`l${LENGTH - 1}@`));
for (const { step, outputs } of last) {
  const chain = step.slice(step.indexOf('=') + 1);
  if (outputs['x']?.digest !== digestOf(`${chain} ${LENGTH - 1}\n`)) throw new Error(`${step} counted wrong`);
}
console.log({
  steps: succeeded.length,
  seconds: Math.round(seconds),
  driverMiB,
  driverMs: costs.get('processor ms: driver'),
  load: loadavg().map(Math.round),
});
console.log('Redis: keys and KiB, each tenth of the run, and at its end');
const tenths = Array.from({ length: 10 }, (_, n) => samples[Math.floor((n * samples.length) / 10)]);
console.table([...tenths, await fleet.redisState()]);
