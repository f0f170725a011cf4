import type { MetricWrite, TrackedRun, TrackedRunDetails, Tracking } from '../../src/engine/tracking-port.ts';
import { openDatabase } from '../../src/tracking/open-database.ts';
import { SqlTracking } from '../../src/tracking/sql-tracking.ts';
import type { CliRig, Outcome } from './cli-rig.ts';
import { inProcess } from './in-process.ts';

/** A tracked run as `recipe runs show --json` prints it. */
export type ShownRun = TrackedRunDetails & {
  readonly history: Readonly<Record<string, readonly Omit<MetricWrite, 'key'>[]>>;
};

/** Runs as `recipe runs list --json` prints them: whole runs, or runs of steps too. */
export async function listRuns(rig: CliRig, ...args: string[]): Promise<TrackedRun[]> {
  return JSON.parse((await said(rig, 'runs', 'list', '--json', ...args)).out) as TrackedRun[];
}

export async function showRun(rig: CliRig, id: string): Promise<ShownRun> {
  return JSON.parse((await said(rig, 'runs', 'show', id, '--json')).out) as ShownRun;
}

/** Reading needs no process of its own, unless the rig has an environment of its own. */
async function said(rig: CliRig, ...args: string[]): Promise<Outcome> {
  return Object.keys(rig.env).length === 0 ? inProcess(rig.dir, ...args) : rig.recipe(...args);
}

/** The newest whole run. */
export async function lastRun(rig: CliRig): Promise<ShownRun> {
  const [newest] = await listRuns(rig);
  if (newest === undefined) throw new Error('no run is tracked');
  return showRun(rig, newest.id);
}

/** All that tracking holds, once a command has closed what was cut off; read from the database itself. */
export async function everythingTracked(rig: CliRig): Promise<ShownRun[]> {
  const runs = await listRuns(rig, '--steps', '--sort', 'run_id');
  await using database = await openDatabase(`${rig.dir}/.stockpot`, undefined);
  const tracking = new SqlTracking(database, () => 0);
  return await Promise.all(runs.map(({ id }) => shown(tracking, id)));
}

async function shown(tracking: Tracking, id: string): Promise<ShownRun> {
  const run = await tracking.read(id);
  if (run === undefined) throw new Error(`there is no run ${id}`);
  const history = await Promise.all(
    Object.keys(run.metrics).map(async (key) => [key, await tracking.history(id, key)] as const),
  );
  return { ...run, history: Object.fromEntries(history) };
}

/** Runs of the steps of a run, by name. */
export async function stepRuns(rig: CliRig, run: ShownRun): Promise<Record<string, ShownRun>> {
  return Object.fromEntries(
    await Promise.all(run.children.map(async ({ name, id }) => [name, await showRun(rig, id)] as const)),
  );
}

/** The file `steps.json` of a run. */
export async function stepsOf(
  rig: CliRig,
  run: ShownRun,
): Promise<Record<string, { state: string; fingerprint?: string }>> {
  const artifact = run.artifacts.find(({ path }) => path === 'steps.json');
  if (artifact === undefined) throw new Error('the run has no steps.json');
  const { digest } = artifact;
  const file = JSON.parse(await rig.read(`.stockpot/cache/cas/${digest.slice(0, 2)}/${digest}`)) as {
    steps: Record<string, { state: string; fingerprint?: string }>;
  };
  return file.steps;
}
