import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { CELL_KINDS, MeasuredFleet, type MeasuredRun, WORKERS } from './measured-fleet.ts';

/**
 * What one task of a fleet costs: Redis, ledger and tracking on PostgreSQL, the shared store, processor time of
 * each. `npm run bench:fleet-costs -- [--cells N] [--store folder|s3] [--kind nothing|waiting] [--calls]`; `--calls` follows the workers
 * with strace, to count what they do in the shared folder, and says nothing of time.
 *
 * Each figure is that of a run of N + 100 cells less that of a run of 100, by N; so too for what a step costs while
 * it runs, of steps that sleep.
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
const SLEPT_S = { short: 5, long: 45 };
const IDLE_S = 30;
const QUEUED = 100;

await using fleet = await MeasuredFleet.start({ store: values.store === 's3' ? 's3' : 'folder' });
// Compiled, connected and prepared.
await fleet.run(20, 'nothing');
using _following = values.calls ? await fleet.followCalls() : undefined;

for (const kind of CELL_KINDS.filter((one) => (values.kind ?? one) === one)) {
  const few = await fleet.run(FIRST, kind);
  const many = await fleet.run(FIRST + CELLS, kind);
  console.log(`\n${kind}, ${values.store}: ${FIRST + CELLS} cells in ${round(many.seconds)} s`);
  console.log(`driver at most ${many.driverMiB} MiB; load ${loadavg().map(round).join(', ')}; per task:`);
  show(many.costs, few.costs, CELLS);
}

if ((values.kind ?? 'waiting') === 'waiting') {
  const seconds = SLEPT_S.long - SLEPT_S.short;
  const [short, long] = [await sleepers(SLEPT_S.short, 0), await sleepers(SLEPT_S.long, 0)];
  console.log('\nfor each second that a step runs, of worker, driver and what they ask:');
  show(long.costs, short.costs, WORKERS * seconds);
  const [shortly, longer] = [await sleepers(SLEPT_S.short, QUEUED), await sleepers(SLEPT_S.long, QUEUED)];
  console.log('\nfor each second that a task is in a queue, or runs while a hundred others are:');
  show(longer.costs, shortly.costs, (WORKERS + QUEUED) * seconds);
  console.log('\nfor each second that a worker waits for work:');
  const idle = await fleet.idle(IDLE_S);
  show(idle, new Map(), WORKERS * IDLE_S);
}

/** As many steps as there are workers, which run for so long, and behind them others that do nothing. */
async function sleepers(seconds: number, behind: number): Promise<MeasuredRun> {
  const axis = (length: number): string => Array.from({ length }, (_, n) => n).join(', ');
  const idlers = `  b: { matrix: { i: [${axis(behind)}] }, run: ["true", "${seconds}", "{{ matrix.i }}"] }\n`;
  return fleet.runRecipe(
    `steps:
  a: { matrix: { i: [${axis(WORKERS)}] }, run: [sleep, "${seconds}", "0.00${behind}{{ matrix.i }}"] }
${behind === 0 ? '' : idlers}`,
    WORKERS + behind,
    ...(behind === 0 ? [] : ['--jobs', String(WORKERS + behind)]),
  );
}

function show(more: ReadonlyMap<string, number>, less: ReadonlyMap<string, number>, by: number): void {
  const names = [...new Set([...more.keys(), ...less.keys()])].toSorted();
  const rows = names.map((name): [string, number] => [
    name,
    round(((more.get(name) ?? 0) - (less.get(name) ?? 0)) / by),
  ]);
  console.table(Object.fromEntries(rows.filter(([, value]) => value !== 0)));
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
