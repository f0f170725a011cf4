import { existsSync, readdirSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type Project, RECORDINGS } from './compose.ts';
import type { Surroundings } from './compose-home.ts';
import { RecipeError } from './core/recipe-error.ts';
import { immediate, isDamaged } from './db/sqlite.ts';
import {
  keepProgramRecording,
  type ProgramRecording,
  readProgramRecording,
} from './engine/program-recording.ts';
import { recorderEnvironment } from './engine/recorder-environment.ts';
import type { Recorder } from './engine/recorder-port.ts';
import { type RecordingTarget, RecordingWriter } from './engine/recording-writer.ts';
import { dirtyTag, gitTags, projectName } from './engine/run-tags.ts';
import { trackedRunId } from './engine/tracked-plan.ts';
import type { KeyValue, TrackedStatus } from './engine/tracking-port.ts';
import { identityOf, isAlive } from './executors/local/process-identity.ts';
import { makePrivateFolder } from './store/private-folder.ts';

export interface TrackRequest {
  /** The program and its arguments. */
  readonly command: readonly [string, ...string[]];
  /** Name of the experiment; else the one that the program asks for, else the project's. */
  readonly experiment: string | undefined;
  readonly name: string | undefined;
  /** Starts the program in an environment that leads to the recorder; resolves with how it ended. */
  readonly launch: (env: Readonly<Record<string, string | undefined>>) => Promise<TrackedStatus>;
  readonly onWarning: (message: string) => void;
}

export interface Tracked {
  readonly run: string;
  readonly name: string;
  readonly experiment: string;
  readonly status: TrackedStatus;
}

/** How often what was logged is written down while the program runs, at most. */
const EVERY_MS = 1000;
/** Writing takes at most this share of the time. */
const SHARE = 20;

/** Runs a program beside a recorder, and writes what it logs as one run of the project's tracking. */
export async function trackProgram(
  project: Project,
  surroundings: Surroundings,
  request: TrackRequest,
): Promise<Tracked> {
  const { clock } = surroundings.world;
  await settleRecordings(project, surroundings, request.onWarning);
  const program = await describeProgram(project, surroundings, request);
  const { run } = program;
  // It makes the folder.
  const target = targetOf(project, program);
  const dir = join(project.home, RECORDINGS, run);
  makePrivateFolder(dir);
  keepProgramRecording(dir, program);
  let isToBeKept = false;
  try {
    await using recorder = await project.openRecorder({
      run,
      name: program.called,
      experiment: program.fallbackExperiment,
      dir,
      insteadOfRegistering:
        'A tracked program registers no model: log it, and register it with the component `register` of a recipe, or log to `recipe server` itself.',
      onBug: (error, what) => request.onWarning(`Internal error in ${what}: ${error.message}`),
    });
    const writer = new RecordingWriter(program, target);
    const status = await launchFollowed(recorder, writer, surroundings, request);
    isToBeKept = true;
    const recording = await recorder.read();
    for (const warning of recording.warnings) request.onWarning(warning);
    const names = await writer.end(recording, status, clock.now());
    isToBeKept = false;
    return { run, ...names, status };
  } finally {
    // The next command that asks for runs tries again.
    if (!isToBeKept) rmSync(dir, { recursive: true, force: true });
  }
}

/**
 * Writes what was left by programs whose `recipe track` died or could not write, and ends their runs. What
 * belongs to a place out of reach is warned of, and left to a later command.
 */
export async function settleRecordings(
  project: Project,
  surroundings: Surroundings,
  onWarning: (message: string) => void,
): Promise<void> {
  const root = join(project.home, RECORDINGS);
  if (!existsSync(root)) return;
  for (const name of readdirSync(root)) {
    const dir = join(root, name);
    const program = takeOver(dir, project, surroundings);
    if (program === undefined) continue;
    try {
      await settle(dir, program, project, surroundings);
    } catch (error) {
      if (program.place === undefined || !(error instanceof RecipeError)) throw error;
      onWarning(`tracking of ${program.called} is not complete: ${error.message}`);
    }
  }
}

/** The recording of a program whose owner is gone, owned by this process now. */
function takeOver(dir: string, { store }: Project, { pid }: Surroundings): ProgramRecording | undefined {
  return immediate(store.index, () => {
    const program = readProgramRecording(dir);
    if (program === undefined || isAlive(program.owner)) return undefined;
    const taken = { ...program, owner: identityOf(pid) };
    keepProgramRecording(dir, taken);
    return taken;
  });
}

async function settle(
  dir: string,
  program: ProgramRecording,
  project: Project,
  { world }: Surroundings,
): Promise<void> {
  const { readLeftRecording } = await import('./server/left-recording.ts');
  const { run, called: name, fallbackExperiment: experiment } = program;
  try {
    const recording = await readLeftRecording(dir, { run, name, experiment });
    if (recording !== undefined)
      await new RecordingWriter(program, targetOf(project, program)).end(
        recording,
        'KILLED',
        world.clock.now(),
      );
  } catch (error) {
    // A power cut may damage it; what was written down until then is all there is.
    if (!isDamaged(error)) throw error;
  }
  rmSync(dir, { recursive: true, force: true });
}

function targetOf(project: Project, { place }: ProgramRecording): RecordingTarget {
  return { store: project.store, home: project.home, tracking: () => project.trackingAt(place) };
}

async function describeProgram(
  project: Project,
  { world, pid }: Surroundings,
  { command: [program, script], experiment, name }: TrackRequest,
): Promise<ProgramRecording> {
  const runId = world.newRunId();
  // What follows may be a secret.
  const source = script === undefined || script.startsWith('-') ? program : script;
  const { user, place } = project;
  const tags: KeyValue[] = [
    { key: 'mlflow.user', value: user },
    { key: 'mlflow.source.type', value: 'LOCAL' },
    { key: 'mlflow.source.name', value: source },
    ...gitTags(project.dir),
    ...(await dirtyTag(project.dir, world.env)),
  ];
  return {
    v: 1,
    owner: identityOf(pid),
    run: trackedRunId(runId),
    called: `${basename(source)} ${runId}`,
    startTime: world.clock.now(),
    tags,
    fallbackExperiment: projectName(project.dir),
    ...(place === undefined ? {} : { place }),
    ...(name === undefined ? {} : { name }),
    ...(experiment === undefined ? {} : { experiment }),
  };
}

/** Runs the program; what it logs is written down while it does. */
async function launchFollowed(
  recorder: Recorder,
  writer: RecordingWriter,
  { world: { clock, env } }: Surroundings,
  { launch, onWarning }: TrackRequest,
): Promise<TrackedStatus> {
  const ended = new AbortController();
  const following = (async (): Promise<void> => {
    const warned = new Set<string>();
    for (let pause = EVERY_MS; ; ) {
      await clock.sleep(pause, ended.signal).catch(() => undefined);
      if (ended.signal.aborted) return;
      const startedAt = clock.monotonic();
      try {
        await writer.follow(await recorder.read());
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        if (!warned.has(message)) onWarning(`tracking could not be written: ${message}`);
        warned.add(message);
      }
      pause = Math.max(EVERY_MS, (clock.monotonic() - startedAt) * SHARE);
    }
  })();
  try {
    return await launch(recorderEnvironment(env, recorder));
  } finally {
    ended.abort();
    await following;
  }
}
