import { every } from '../../core/every.ts';
import type { World } from '../../core/world.ts';
import { attempt, type Workshop } from '../../engine/attempt.ts';
import type { AttemptOutcome, Task, TaskHooks } from '../../engine/ports.ts';
import { BlobDamaged } from '../../store/blobs.ts';
import { isRemoteProblem } from '../../store/remote/remote.ts';
import type { RemoteCache } from '../../store/remote/remote-cache.ts';
import type { EnvironmentRequest } from './environments.ts';
import { failedBy } from './flight-records.ts';
import type { Start, Voice } from './message-taker.ts';
import type { Parcel } from './parcel.ts';
import { SavedCheckpoint } from './saved-checkpoints.ts';
import { unpackProject } from './unpack-project.ts';

export interface ParcelBench {
  /** The worker. */
  readonly id: string;
  /** For attempts of whatever project. */
  readonly shop: Omit<Workshop, 'projectDir' | 'run' | 'owner' | 'shared' | 'sharesAll'>;
  readonly shared: RemoteCache;
  readonly world: World;
  readonly threads: number;
  /** The folder whose `node_modules` has the packages of the parcel; undefined if it names none. */
  readonly environment: (parcel: Parcel, request: EnvironmentRequest) => Promise<string | undefined>;
}

/**
 * Runs an attempt at what a parcel holds, as the project that it comes from would. BlobDamaged: the store has lost an
 * input.
 *
 * @throws RemoteUnreachable, RemoteRefused
 */
export async function executeParcel(
  { fingerprint, parcel, nth, gpus, live, advanced }: Start,
  signal: AbortSignal,
  bench: ParcelBench,
): Promise<AttemptOutcome | BlobDamaged> {
  const { id, shared, shop, threads } = bench;
  const { store, home } = shop;
  const saved =
    parcel.step.checkpoint === undefined
      ? undefined
      : new SavedCheckpoint(fingerprint, { store, shared, home, warn: (message) => warn(live, message) });
  const task: Task = {
    step: parcel.step,
    fingerprint,
    document: parcel.document,
    inputs: parcel.inputs,
    code: parcel.code,
    attempt: 1,
    threads: Math.max(1, Math.floor(Math.min(parcel.step.resources.cpus ?? threads, threads))),
    gpus: gpus.visible,
    replace: parcel.replace,
    allowChangingInputs: false,
    fresh: parcel.fresh && nth === 1,
  };
  const hooks: TaskHooks = {
    waiting: (holder) => live.push({ type: 'waiting', holder }),
    started: () => {},
    output: (stream, text) => live.push({ type: 'output', stream, text }),
    report: (entry) => live.push({ type: 'report', entry }),
    exited: () => {
      gpus[Symbol.dispose]();
      live.push({ type: 'exited' });
    },
  };
  try {
    const text = `worker ${id} installs the packages of package-lock.json\n`;
    const onMaking = (): void => live.push({ type: 'output', stream: 'stderr', text });
    const environment = await bench.environment(parcel, { signal, onMaking });
    using project = await unpackProject(parcel, { store, home, owner: id, environment });
    await saved?.restore(task.fresh);
    using _saving = savingNowAndThen(saved, parcel, { live, advanced }, bench);
    const outcome = await attempt(task, hooks, signal, {
      ...shop,
      shared,
      sharesAll: true,
      projectDir: project.dir,
      run: parcel.run,
      owner: id,
    });
    if (outcome.ok) await saved?.forget();
    else if (saved !== undefined) await save(saved, live);
    return outcome;
  } catch (error) {
    if (error instanceof BlobDamaged) return error;
    if (isRemoteProblem(error)) throw error;
    if (signal.aborted) return failedBy({ reason: 'cancelled' });
    return failedBy({ reason: 'infra', detail: error instanceof Error ? error.message : String(error) });
  }
}

/** Puts the checkpoint where another worker finds it, now and then. */
function savingNowAndThen(
  saved: SavedCheckpoint | undefined,
  { step }: Parcel,
  { live, advanced }: Pick<Start, 'live' | 'advanced'>,
  { world }: ParcelBench,
): Disposable | undefined {
  if (saved === undefined || step.checkpoint === undefined) return undefined;
  let isSaid = false;
  return every(world.clock, step.checkpoint.everyMs, () =>
    save(saved, live, async () => {
      if (isSaid || !saved.isAdvanced) return;
      await advanced();
      isSaid = true;
    }),
  );
}

/** Whether or not it could be saved, the step goes on, or ends as it did. */
async function save(
  saved: SavedCheckpoint,
  live: Voice,
  onSaved: () => Promise<void> = async () => {},
): Promise<void> {
  try {
    await saved.save();
    await onSaved();
  } catch (error) {
    warn(
      live,
      `the checkpoint could not be saved: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

function warn(live: Voice, message: string): void {
  live.push({ type: 'report', entry: { type: 'warning', message } });
}
