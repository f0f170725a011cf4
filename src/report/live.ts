import { styleText } from 'node:util';
import type { ReportEntry, RunEvent } from '../core/events.ts';
import { describeFailure } from '../core/failure.ts';
import { formatDuration } from '../core/format-duration.ts';
import type { StepId } from '../core/ids.ts';
import { emptyRun, foldRun, isStepEvent, type RunState } from '../core/run-state.ts';
import type { StepState } from '../core/step-state.ts';
import { LOOKS } from './looks.ts';
import { formatBytes, formatCount } from './text/format.ts';
import { safeText } from './text/safe-text.ts';

/** What a frame of the live view is drawn from. */
export interface LiveState {
  readonly run: RunState;
  readonly progress: Map<StepId, ReportEntry & { type: 'progress' }>;
}

export function emptyLive(): LiveState {
  return { run: emptyRun(), progress: new Map() };
}

export function foldLive(state: LiveState, event: RunEvent): void {
  foldRun(state.run, event);
  if (isStepEvent(event) && event.type === 'step.report' && event.entry.type === 'progress')
    noteProgress(state, event.step, event.entry);
  // What follows is progress of the step's effect.
  if (ENDS_PROGRESS.has(event.type) && isStepEvent(event)) state.progress.delete(event.step);
}

const ENDS_PROGRESS = new Set<RunEvent['type']>([
  'step.waiting',
  'step.started',
  'step.succeeded',
  'step.cached',
]);

function noteProgress(
  { progress }: LiveState,
  step: StepId,
  entry: ReportEntry & { type: 'progress' },
): void {
  // What has come says nothing of what the step does with it.
  if (entry.of === 'inputs' && entry.total !== undefined) progress.delete(step);
  else progress.set(step, entry);
}

export interface FrameOptions {
  readonly columns: number;
  readonly rows: number;
  /** Milliseconds since the Unix epoch. */
  readonly now: number;
  readonly colour: boolean;
}

const BAR = 20;

/** The graph as it stands: a line a step, what runs first if not all fit. */
export function renderFrame(
  { run, progress }: LiveState,
  { columns, rows, now, colour }: FrameOptions,
): string {
  const steps = [...run.steps];
  const room = Math.max(3, rows - 4);
  const shown =
    steps.length <= room
      ? steps
      : steps.filter(([step, { kind }]) => URGENT.has(kind) || isFetch(progress.get(step))).slice(0, room);
  const width = Math.min(32, Math.max(0, ...shown.map(([step]) => step.length)));
  const lines = shown.map(([step, state]) => {
    const { icon, style } = LOOKS[state.kind];
    const text = `${icon} ${step.padEnd(width)}  ${about(state, progress.get(step), now)}`.slice(
      0,
      columns - 1,
    );
    return colour ? styleText(style, text, { validateStream: false }) : text;
  });
  const hidden = steps.length - shown.length;
  const settled = steps.filter(([, { kind }]) => kind === 'cached' || kind === 'succeeded').length;
  const elapsed = formatDuration(now - (run.started?.at ?? now));
  const title = `${run.started?.recipe ?? ''} · ${settled} of ${steps.length} steps · ${elapsed}`;
  return [title, ...lines, ...(hidden > 0 ? [`  … and ${formatCount(hidden)} more`] : [])].join('\n');
}

const URGENT = new Set<StepState['kind']>(['running', 'retrying', 'failed', 'waiting']);

function about(
  state: StepState,
  progress: (ReportEntry & { type: 'progress' }) | undefined,
  now: number,
): string {
  switch (state.kind) {
    // A worker of a fleet fetches what a step needs before it begins it.
    case 'pending':
      return isFetch(progress) ? fetching(progress) : '';
    case 'waiting':
      return isFetch(progress) ? fetching(progress) : `waiting for ${state.holder}`;
    case 'running':
      return running(now - state.since, progress);
    case 'retrying':
      return `${describeFailure(state.failure)}; again soon`;
    case 'cached':
      return `cached, saved ${formatDuration(state.savedMs)}${effect(progress)}`;
    case 'succeeded':
      return `${formatDuration(state.durationMs)}${effect(progress)}`;
    case 'failed':
      return describeFailure(state.failure);
    case 'skipped':
      return 'skipped';
    case 'cancelled':
      return 'cancelled';
  }
}

/** How far the effect of a step is that has ended. */
function effect(progress: (ReportEntry & { type: 'progress' }) | undefined): string {
  if (progress === undefined) return '';
  if (isFetch(progress)) return ` · ${fetching(progress)}`;
  const { done, total = 0, note = '' } = progress;
  const share = total > 0 ? ` · ${Math.floor((done / total) * 100)} %` : '';
  return done < total ? ` · ${safeText(note)}${share}` : '';
}

function isFetch(
  progress: (ReportEntry & { type: 'progress' }) | undefined,
): progress is ReportEntry & { type: 'progress'; of: 'inputs' } {
  return progress?.of === 'inputs';
}

function fetching({ done }: ReportEntry & { type: 'progress' }): string {
  return `fetches what it needs · ${formatBytes(done)}`;
}

/** Elapsed; and, where the step says how far it is, a bar, the rate and what is left. */
function running(elapsedMs: number, progress: (ReportEntry & { type: 'progress' }) | undefined): string {
  const elapsed = formatDuration(elapsedMs);
  if (progress === undefined || progress.done === 0 || elapsedMs <= 0) return elapsed;
  const rate = (progress.done / elapsedMs) * 1000;
  if (isFetch(progress)) return `${elapsed} · ${fetching(progress)} · ${formatBytes(rate)}/s`;
  const facts = `${elapsed} · ${formatCount(progress.done)} ${progress.unit ?? ''} · ${formatCount(rate)}/s`;
  if (progress.total === undefined || progress.total <= 0) return facts;
  const share = Math.min(1, progress.done / progress.total);
  const filled = Math.round(share * BAR);
  const left = rate > 0 ? ` · ${formatDuration(((progress.total - progress.done) / rate) * 1000)} left` : '';
  return `${'█'.repeat(filled)}${'░'.repeat(BAR - filled)} ${Math.floor(share * 100)} % · ${facts}${left}`;
}
