import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { CELL_KINDS, MeasuredFleet } from './measured-fleet.ts';

/**
 * What one task of a fleet costs: Redis, ledger and tracking on PostgreSQL, the shared store, processor time of
 * each. `npm run bench:fleet-costs -- [--cells N] [--store folder|s3] [--kind nothing] [--calls]`; `--calls` follows the workers
 * with strace, to count what they do in the shared folder, and says nothing of time.
 *
 * Each figure is that of a run of N + 100 cells less that of a run of 100, by N.
 */
const { values } = parseArgs({
  options: {
    cells: { type: 'string', default: '1000' },
    store: { type: 'string', default: 'folder' },
    kind: { type: 'string' },
    calls: { type: 'boolean', default: false },
  },
});
const CELLS = Number(values.cells);
const FIRST = 100;

await using fleet = await MeasuredFleet.start({ store: values.store === 's3' ? 's3' : 'folder' });
// Compiled, connected and prepared.
await fleet.run(20, 'nothing');
using _following = values.calls ? await fleet.followCalls() : undefined;

for (const kind of CELL_KINDS.filter((one) => (values.kind ?? one) === one)) {
  const few = await fleet.run(FIRST, kind);
  const many = await fleet.run(FIRST + CELLS, kind);
  const names = [...new Set([...many.costs.keys(), ...few.costs.keys()])].toSorted();
  const perTask = names.map((name): [string, number] => [
    name,
    round(((many.costs.get(name) ?? 0) - (few.costs.get(name) ?? 0)) / CELLS),
  ]);
  console.log(`\n${kind}, ${values.store}: ${FIRST + CELLS} cells in ${round(many.seconds)} s`);
  console.log(`driver at most ${many.driverMiB} MiB; load ${loadavg().map(round).join(', ')}; per task:`);
  console.table(Object.fromEntries(perTask.filter(([, value]) => value !== 0)));
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
