import { approveCommand } from '../core/approve-command.ts';
import type { EffectEvent, ReportEntry, RunEvent, RunFinished, StepEvent } from '../core/events.ts';
import { adviceFor, describeFailure, unreachable } from '../core/failure.ts';
import { formatDuration } from '../core/format-duration.ts';
import type { StepId } from '../core/ids.ts';
import type { Json } from '../core/json.ts';
import { isJsonObject } from '../core/json.ts';
import { formatBytes, formatCount, formatNumber } from './text/format.ts';
import { safeText } from './text/safe-text.ts';

/** Cached steps are shown one by one up to this many; beyond, the last line counts them. */
const MAX_CACHED_LINES = 50;

const MAX_LEFT_NAMED = 8;

/** A run as lines of text: for a pipe, a file, a CI log. */
export class PlainRenderer {
  readonly #progress = new Map<StepId, ReportEntry & { type: 'progress' }>();
  readonly #metrics = new Map<StepId, Map<string, number>>();
  /** Steps whose inputs are on their way. */
  readonly #fetching = new Set<StepId>();
  /** Steps that are done: what they report now, their effects do. */
  readonly #ended = new Set<StepId>();
  /** Steps that the run was stopped before. */
  readonly #left: StepId[] = [];
  #recipe = '';
  #width = 0;
  #showCached = true;

  /** The lines that an event adds. */
  render(event: RunEvent): string[] {
    switch (event.type) {
      case 'run.started': {
        this.#recipe = event.recipe;
        this.#width = Math.min(32, Math.max(0, ...event.steps.slice(0, 1000).map((step) => step.length)));
        this.#showCached = event.steps.length <= MAX_CACHED_LINES;
        const profile = event.profile === undefined ? '' : ` · profile ${event.profile}`;
        const expected =
          event.expectedMs === undefined ? '' : ` · ${formatDuration(event.expectedMs)} if nothing is cached`;
        return [
          `${event.recipe} · ${event.steps.length} step${event.steps.length === 1 ? '' : 's'}${profile}${expected}`,
        ];
      }
      case 'reference.resolved':
        return [
          this.#line(
            event.step,
            `${event.reference} is ${event.digest === 'none' ? 'not there yet' : event.digest.slice(0, 12)}`,
          ),
        ];
      case 'run.warning':
        return [`warning: ${safeText(event.message)}`];
      case 'run.finished':
        return this.#finished(event);
      case 'effect.done':
      case 'effect.unchanged':
      case 'effect.pending':
      case 'effect.skipped':
      case 'effect.failed':
        return [this.#line(event.step, describeEffect(event))];
      default:
        return this.#step(event);
    }
  }

  #step(event: StepEvent): string[] {
    const { step } = event;
    switch (event.type) {
      case 'step.waiting':
        return [this.#line(step, `waiting for ${event.holder}`)];
      case 'step.started':
        return [this.#line(step, `started${event.because === undefined ? '' : ` · ${event.because}`}`)];
      case 'step.output':
        return safeText(event.text)
          .replace(/\n$/, '')
          .split('\n')
          .map((line) => this.#line(step, `| ${line}`));
      case 'step.report':
        return this.#report(step, event.entry);
      case 'step.retrying':
        return [
          this.#line(step, `${describeFailure(event.failure)}; again in ${formatDuration(event.delayMs)}`),
        ];
      case 'step.cached':
        this.#ended.add(step);
        return this.#showCached ? [this.#line(step, `cached · saved ${formatDuration(event.savedMs)}`)] : [];
      case 'step.succeeded':
        this.#ended.add(step);
        return [
          this.#line(
            step,
            `succeeded in ${formatDuration(event.durationMs)}${this.#facts(step, event.durationMs)}`,
          ),
        ];
      case 'step.failed': {
        const { failure } = event;
        const { hint } = adviceFor(failure);
        const isBug =
          failure.reason === 'threw' && failure.error.code === undefined && failure.error.stack !== undefined;
        const stack = isBug
          ? safeText(failure.error.stack ?? '')
              .split('\n')
              .slice(1, 6)
              .map((line) => this.#line(step, `|${line}`))
          : [];
        return [
          this.#line(step, `failed: ${safeText(describeFailure(failure))}`),
          ...(hint === undefined ? [] : [this.#line(step, hint)]),
          ...stack,
        ];
      }
      case 'step.skipped':
        return [
          this.#line(
            step,
            event.because === 'when' ? 'skipped: when is false' : `skipped: ${event.because} did not succeed`,
          ),
        ];
      case 'step.cancelled':
        this.#left.push(step);
        return [this.#line(step, `cancelled: ${event.reason}`)];
      case 'step.rewound':
        return [
          this.#line(
            step,
            `runs again: ${event.neededBy} needs a blob that is lost (${event.digest.slice(0, 12)})`,
          ),
        ];
      default:
        return unreachable(event);
    }
  }

  /** An effect that takes long says what it begins to do. */
  #effectProgress(step: StepId, { done, total = 0, note }: ReportEntry & { type: 'progress' }): string[] {
    if (done > 0 || note === undefined) return [];
    return [this.#line(step, `${safeText(note)} · ${formatBytes(total)}`)];
  }

  #report(step: StepId, entry: ReportEntry): string[] {
    if (entry.type === 'progress') {
      if (entry.of === 'inputs') return this.#fetched(step, entry);
      this.#progress.set(step, entry);
      if (this.#ended.has(step)) return this.#effectProgress(step, entry);
    }
    if (entry.type === 'metric' && entry.run === undefined) {
      const metrics = this.#metrics.get(step) ?? new Map<string, number>();
      metrics.set(entry.key, Number(entry.value));
      this.#metrics.set(step, metrics);
    }
    return entry.type === 'warning' ? [this.#line(step, `warning: ${safeText(entry.message)}`)] : [];
  }

  /** Once it is clear that it takes a while, and when all is here. */
  #fetched(step: StepId, { done, total }: ReportEntry & { type: 'progress' }): string[] {
    const isFirst = !this.#fetching.delete(step);
    if (total !== undefined) return [this.#line(step, `fetched ${formatBytes(done)} that it needs`)];
    this.#fetching.add(step);
    return isFirst ? [this.#line(step, 'fetches what it needs from the shared cache')] : [];
  }

  #facts(step: StepId, durationMs: number): string {
    const progress = this.#progress.get(step);
    const rate =
      progress?.unit === undefined || progress.done === 0
        ? ''
        : ` · ${formatCount(progress.done)} ${progress.unit} · ${formatCount((progress.done / Math.max(durationMs, 1)) * 1000)} ${progress.unit}/s`;
    const metrics = [...(this.#metrics.get(step) ?? [])].slice(0, 2);
    return rate + metrics.map(([key, value]) => ` · ${key} ${formatNumber(value)}`).join('');
  }

  #finished({ outcome, durationMs, counts, savedMs }: RunFinished): string[] {
    const parts = [
      counts.failed > 0 ? `${formatCount(counts.failed)} failed` : '',
      counts.cancelled > 0 ? `${formatCount(counts.cancelled)} cancelled` : '',
      counts.skipped > 0 ? `${formatCount(counts.skipped)} skipped` : '',
      counts.succeeded > 0 ? `${formatCount(counts.succeeded)} succeeded` : '',
      counts.cached > 0 ? `${formatCount(counts.cached)} cached` : '',
      formatDuration(durationMs),
      savedMs > 0 ? `saved ${formatDuration(savedMs)}` : '',
    ].filter((part) => part !== '');
    if (outcome !== 'cancelled') return [parts.join(' · ')];
    const named = this.#left.slice(0, MAX_LEFT_NAMED).join(', ');
    const more = this.#left.length > MAX_LEFT_NAMED ? ` and ${this.#left.length - MAX_LEFT_NAMED} more` : '';
    return [
      parts.join(' · '),
      `Stopped; left to do: ${named}${more}. What had finished is kept: \`recipe run ${this.#recipe}\` goes on from there.`,
    ];
  }

  #line(step: StepId, text: string): string {
    return `${step.padEnd(this.#width)}  ${text}`;
  }
}

/** One line about what an effect did outside. */
export function describeEffect(event: EffectEvent): string {
  switch (event.type) {
    case 'effect.done':
      return `${event.effect}: ${brief(event.after)}${event.before === null ? '' : ` (before: ${brief(event.before)})`}`;
    case 'effect.unchanged':
      return `${event.effect}: ${brief(event.state)}, as it was`;
    case 'effect.pending':
      return `${event.effect}: ${brief(event.state)} is pending: somebody else approves it with \`${approveCommand(event.promotion)}\``;
    case 'effect.skipped':
      return `${event.effect}: not done, ${event.because}`;
    case 'effect.failed':
      return `${event.effect} failed: ${safeText(event.error.message)}${event.error.hint === undefined ? '' : ` ${event.error.hint}`}`;
  }
}

function brief(value: Json): string {
  if (!isJsonObject(value)) return String(value);
  return Object.entries(value)
    .map(([key, inner]) => `${key} ${typeof inner === 'object' ? JSON.stringify(inner) : String(inner)}`)
    .join(', ');
}
