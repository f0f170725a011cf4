import { copyFileSync, cpSync, existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { OutputRef, ReportEntry } from '../core/events.ts';
import { every } from '../core/every.ts';
import { failpoint } from '../core/failpoint.ts';
import type { Failure } from '../core/failure.ts';
import type { Plan, PlanInput, PlanStep } from '../core/plan.ts';
import type { StepFile } from '../core/step-file.ts';
import type { World } from '../core/world.ts';
import { BlobDamaged } from '../store/blobs.ts';
import { makePrivateFolder } from '../store/private-folder.ts';
import type { RemoteCache } from '../store/remote/remote-cache.ts';
import type { Result } from '../store/results.ts';
import type { Store } from '../store/store.ts';
import { attemptName } from './active-runs.ts';
import { attemptEnvironment } from './attempt-environment.ts';
import { AttemptLog } from './attempt-log.ts';
import { bringInputs } from './bring-inputs.ts';
import { changedInputs } from './changed-inputs.ts';
import { checkOutputs, storeOutputs, undeclared } from './collect-outputs.ts';
import { commandLine } from './command-line.ts';
import { checkpointOf, layOutKept, removeCheckpoint } from './kept-folders.ts';
import type { Exit, Launcher, Program } from './launcher.ts';
import { takeLoggedOutputs } from './logged-outputs.ts';
import { materialise, storedInputs } from './materialise.ts';
import { hasEndedSince } from './old-checkpoints.ts';
import type { AttemptOutcome, Task, TaskHooks } from './ports.ts';
import { differing, publishResult } from './publish-result.ts';
import { artifactEntries, recordedReport } from './recorded-report.ts';
import { recorderEnvironment } from './recorder-environment.ts';
import type { OpenRecorder, Recorder } from './recorder-port.ts';
import { ReportTail } from './report-tail.ts';
import { resolveSecrets } from './secrets.ts';
import { storeRecorded } from './store-recorded.ts';
import { trackedRunId } from './tracked-plan.ts';

/** Where attempts happen and what they share. */
export interface Workshop {
  readonly store: Store;
  /** The cache that machines share, behind the store. */
  readonly shared: RemoteCache | undefined;
  /** Whether results that nobody else may use go there too: somebody waits for them elsewhere. */
  readonly sharesAll: boolean;
  readonly launcher: Launcher;
  /** `.stockpot`: each attempt gets a folder of its own below `attempts/`, and shares others with later ones. */
  readonly home: string;
  readonly projectDir: string;
  readonly settings: Plan['settings'];
  readonly world: World;
  readonly run: string;
  /** What the names of attempts' folders begin with: the run, or the worker that runs it for one. */
  readonly owner: string;
  /** Stockpot's own version, for the record. */
  readonly version: string;
  readonly openRecorder: OpenRecorder;
  /** Of the machine: what a step wants of it is fitted to that. */
  readonly memoryBytes: number;
  /** Absolute path of a shipped component's module. */
  readonly shippedEntry: (component: string) => string;
  /** Removes the folder of an attempt that nobody is to look at; at once if it is left out. */
  readonly removeFolder?: (dir: string) => void;
}

const MAX_LOG_BYTES = 32 << 20;
const POLL_MS = 100;

/**
 * Runs one attempt: lays out its folder, starts its process, and publishes what it wrote in the order
 * that `docs/guarantees.md` gives. The folder of an attempt that failed stays for a look.
 *
 * @throws BlobDamaged if the store has lost an input.
 */
export async function attempt(
  task: Task,
  hooks: TaskHooks,
  signal: AbortSignal,
  shop: Workshop,
): Promise<AttemptOutcome> {
  const { clock } = shop.world;
  const startedAt = clock.monotonic();
  const dir = join(shop.home, 'attempts', attemptName(shop.owner));
  const failed = (failure: Failure, logTail = ''): AttemptOutcome => ({
    ok: false,
    failure,
    logTail,
    durationMs: clock.monotonic() - startedAt,
  });
  let keep = true;
  try {
    const room = await layOut(task, dir, shop, { report: hooks.report, signal });
    failpoint('attempt.laid-out');
    const secrets = await resolveSecrets(task.step, shop.settings.secrets, shop.world.env);
    await using recorder = await recorderOf(task, dir, hooks, shop);
    const env = { ...attemptEnvironment(task, room.stepFile, dir, shop), ...secrets };
    const masked = [...Object.values(secrets), ...(recorder === undefined ? [] : [recorder.token])];
    const log = new AttemptLog(join(dir, 'log'), masked, MAX_LOG_BYTES, hooks.output);
    const report = new ReportTail(room.stepFile.report, hooks.report);
    // New lines of the report are looked for ten times a second.
    const following = every(clock, POLL_MS, () => report.poll());
    let exit: Exit;
    const limit = timeLimit(task, signal);
    try {
      exit = await shop.launcher.launch({
        program: programOf(task, room.stepFile, dir, shop),
        cwd: task.step.isolation === 'project' ? shop.projectDir : join(dir, 'work'),
        env: recorder === undefined ? env : recorderEnvironment(env, recorder),
        signal: limit.signal,
        graceMs: task.step.graceMs,
        onOutput: (stream, chunk) => log.write(stream, chunk),
        onStart: (group) => {
          failpoint('attempt.before-record');
          writeFileSync(join(dir, 'process.json'), JSON.stringify(group));
        },
      });
    } finally {
      following[Symbol.dispose]();
      log.close();
      report.finish();
    }
    hooks.exited();
    const recording = await recorder?.read();
    if (recording !== undefined) for (const entry of recordedReport(recording)) report.add(entry);
    for (const problem of report.problems) hooks.report({ type: 'warning', message: problem });
    failpoint('attempt.after-exit');
    const failure = signal.aborted ? CANCELLED : limit.isOver ? limit.failure : failureOf(exit, report);
    if (failure !== undefined) return failed(failure, log.tail);
    if (log.failure !== undefined) throw log.failure;
    const outDir = join(dir, 'out');
    if (recording !== undefined) takeLoggedOutputs(outDir, task.step.outputs, recording);
    const breach = checkOutputs(outDir, task.step.outputs);
    if (breach !== undefined) return failed(breach, log.tail);
    for (const name of undeclared(outDir, task.step.outputs))
      hooks.report({ type: 'warning', message: `out/${name} is no declared output and was dropped` });
    const changed = await changedInputs(task, shop);
    if (changed.length > 0 && !task.allowChangingInputs)
      return failed({ reason: 'inputs-changed', inputs: changed }, log.tail);
    const outputs = await storeOutputs(shop.store, outDir, task.step.outputs);
    const artifacts = recording === undefined ? [] : await storeRecorded(shop.store, recording);
    for (const entry of artifactEntries(artifacts)) report.add(entry);
    failpoint('attempt.outputs-stored');
    const durationMs = clock.monotonic() - startedAt;
    const result = await describe(task, { outputs, artifacts }, report.entries, log, durationMs, shop);
    failpoint('attempt.all-stored');
    keep = false;
    if (changed.length > 0) {
      await shop.store.blobs.settle();
      return { ok: true, outputs, durationMs, published: false, report: report.entries };
    }
    const winner = await publishResult(result, task, shop);
    if (task.step.checkpoint !== undefined) removeCheckpoint(shop.home, task.fingerprint);
    const others = differing(outputs, winner.outputs);
    return {
      ok: true,
      outputs: winner.outputs,
      durationMs,
      published: true,
      report: report.entries,
      ...(others.length > 0 ? { nonDeterministic: others } : {}),
    };
  } catch (error) {
    if (error instanceof BlobDamaged) throw error;
    if (signal.aborted) return failed(CANCELLED);
    return failed({ reason: 'infra', detail: error instanceof Error ? error.message : String(error) });
  } finally {
    if (!keep) (shop.removeFolder ?? removeNow)(dir);
  }
}

function removeNow(dir: string): void {
  rmSync(dir, { recursive: true, force: true });
}

const CANCELLED: Failure = { reason: 'cancelled' };

interface Room {
  readonly stepFile: StepFile;
}

async function layOut(
  task: Task,
  dir: string,
  shop: Workshop,
  bringing: Parameters<typeof bringInputs>[2],
): Promise<Room> {
  makePrivateFolder(dir);
  const inputFolder = task.inputs.length > 0 ? ['in'] : [];
  const outputFolder = Object.keys(task.step.outputs).length > 0 ? ['out'] : [];
  for (const name of ['work', ...inputFolder, ...outputFolder, 'tmp']) mkdirSync(join(dir, name));
  if (shop.shared !== undefined) await bringInputs(storedInputs(task.inputs), shop.shared, bringing);
  const inputs: Record<string, StepFile['inputs'][string]> = {};
  for (const input of task.inputs) {
    const path = await materialise(input, join(dir, 'in'), shop);
    const name = nameOf(task.step.inputs[input.name]);
    if (path !== undefined)
      inputs[input.name] = {
        path,
        kind: input.kind,
        digest: input.digest,
        ...(name === undefined ? {} : { name }),
      };
  }
  copyCode(task, dir, shop);
  const outputs: Record<string, { path: string; kind: StepFile['outputs'][string]['kind'] }> = {};
  for (const [name, { path, kind }] of Object.entries(task.step.outputs)) {
    const absolute = join(dir, 'out', path);
    if (path.includes('/')) mkdirSync(dirname(absolute), { recursive: true });
    outputs[name] = { path: absolute, kind };
  }
  const stepFile: StepFile = {
    v: 1,
    step: task.step.id,
    config: task.step.config,
    inputs,
    outputs,
    seed: task.step.seed,
    threads: task.threads,
    ...fittedMemory(task.step, shop.memoryBytes, bringing.report),
    ...layOutKept({ ...task, fresh: task.fresh || isLeftOver(task, shop) }, dir, shop.home),
    report: join(dir, 'report.jsonl'),
    tmp: join(dir, 'tmp'),
  };
  writeFileSync(join(dir, 'step.json'), JSON.stringify(stepFile));
  return { stepFile };
}

function fittedMemory(
  { resources: { memoryBytes: wanted } }: PlanStep,
  there: number,
  report: TaskHooks['report'],
): Pick<StepFile, 'memoryBytes'> {
  if (wanted === undefined) return {};
  if (wanted > there)
    report({
      type: 'warning',
      message: `resources.memory is ${gigabytes(wanted)}, and this machine has ${gigabytes(there)}: the step is given that`,
    });
  return { memoryBytes: Math.min(wanted, there) };
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`;
}

function isLeftOver({ step, fingerprint }: Task, { home, store }: Workshop): boolean {
  return (
    step.checkpoint !== undefined &&
    hasEndedSince(fingerprint, checkpointOf(home, fingerprint), store.results)
  );
}

/** The declared code at its project-relative paths, with the packages it may import beside it. */
function copyCode(task: Task, dir: string, { projectDir }: Workshop): void {
  if (task.code.length === 0) return;
  const work = join(dir, 'work');
  for (const { path } of task.code) {
    mkdirSync(dirname(join(work, path)), { recursive: true });
    cpSync(join(projectDir, path), join(work, path), { dereference: true });
  }
  if (existsSync(join(projectDir, 'package.json')) && !existsSync(join(work, 'package.json')))
    copyFileSync(join(projectDir, 'package.json'), join(work, 'package.json'));
  if (existsSync(join(projectDir, 'node_modules')) && !existsSync(join(work, 'node_modules')))
    symlinkSync(join(projectDir, 'node_modules'), join(work, 'node_modules'));
}

/** What a person calls an input. An address is cut: what follows `?`, or stands before `@`, may be a secret. */
function nameOf(input: PlanInput | undefined): string | undefined {
  switch (input?.kind) {
    case 'path':
      return input.glob ? undefined : input.path;
    case 'uri': {
      const { protocol, host, pathname } = new URL(input.uri);
      return protocol === 'file:' ? pathname : `${protocol}//${host}${pathname}`;
    }
    case 'output':
      return `${input.step}.${input.output}`;
    default:
      return undefined;
  }
}

function programOf(task: Task, stepFile: StepFile, dir: string, shop: Workshop): Program {
  const { action, env, passEnv } = task.step;
  const stepPath = join(dir, 'step.json');
  const mayUseSpare = Object.keys(env).length === 0 && passEnv.length === 0;
  switch (action.kind) {
    case 'shipped':
      return {
        kind: 'node-step',
        entry: shop.shippedEntry(action.component),
        stepFile: stepPath,
        mayUseSpare,
      };
    case 'own': {
      const base = task.step.isolation === 'project' ? shop.projectDir : join(dir, 'work');
      const entry = join(base, action.entry);
      if (action.runtime === 'node') return { kind: 'node-step', entry, stepFile: stepPath, mayUseSpare };
      return { kind: 'argv', argv: action.runtime === 'python' ? ['python3', entry] : [entry] };
    }
    case 'argv':
    case 'bash':
      return { kind: 'argv', argv: commandLine(action, stepFile).argv };
  }
}

function failureOf(exit: Exit, report: ReportTail): Failure | undefined {
  switch (exit.kind) {
    case 'exited':
      if (report.thrown !== undefined) return { reason: 'threw', error: report.thrown };
      return exit.code === 0 ? undefined : { reason: 'exited', exitCode: exit.code };
    case 'signalled':
      // V8 ends a process that is out of heap with SIGABRT.
      return exit.signal === 'SIGABRT'
        ? { reason: 'out-of-memory' }
        : { reason: 'killed', signal: exit.signal };
    case 'not-started':
      return { reason: 'infra', detail: exit.message };
  }
}

async function describe(
  task: Task,
  { outputs, artifacts }: { outputs: Record<string, OutputRef>; artifacts: readonly OutputRef[] },
  entries: readonly ReportEntry[],
  log: AttemptLog,
  durationMs: number,
  shop: Workshop,
): Promise<Result> {
  const { blobs } = shop.store;
  // The document is what `explain` reads: losing it costs a sentence, so it is not synced.
  blobs.putBytes(task.document);
  const report =
    entries.length === 0
      ? undefined
      : await blobs.putDurably(entries.map((entry) => JSON.stringify(entry)).join('\n'));
  return {
    v: 1,
    fingerprint: task.fingerprint,
    outputs,
    ...(report === undefined ? {} : { report }),
    ...(log.isEmpty ? {} : { log: await blobs.putDurably(log.read()) }),
    ...(artifacts.length === 0
      ? {}
      : { artifacts: artifacts.map(({ digest, size, kind }) => ({ digest, size, kind })) }),
    producer: {
      run: shop.run,
      step: task.step.id,
      at: shop.world.clock.now(),
      durationMs,
      stockpot: shop.version,
    },
  };
}

/** Ready before the step starts; nothing for steps that do not ask for it. */
async function recorderOf(
  { step }: Task,
  dir: string,
  hooks: TaskHooks,
  { openRecorder, run }: Workshop,
): Promise<Recorder | undefined> {
  if (step.mlflow !== true) return undefined;
  const recordings = join(dir, 'recorder');
  mkdirSync(recordings);
  return openRecorder({
    run: trackedRunId(run, step.id),
    name: step.id,
    experiment: step.id,
    dir: recordings,
    insteadOfRegistering:
      'A step registers no model: let it give the model as an output of the kind `model`, and use `register`.',
    onBug: (error, request) =>
      hooks.report({ type: 'warning', message: `Internal error in ${request}: ${error.message}` }),
  });
}

/** The step's time limit as a signal of its own, so that running out of time and being cancelled differ. */
function timeLimit(
  { step }: Task,
  cancelled: AbortSignal,
): { signal: AbortSignal; isOver: boolean; failure: Failure } {
  if (step.timeoutMs === undefined) return { signal: cancelled, isOver: false, failure: CANCELLED };
  const timeout = AbortSignal.timeout(step.timeoutMs);
  return {
    signal: AbortSignal.any([cancelled, timeout]),
    get isOver() {
      return timeout.aborted;
    },
    failure: { reason: 'timed-out', limitMs: step.timeoutMs },
  };
}
