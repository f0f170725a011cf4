import type { ReportEntry } from '../../core/events.ts';
import type { TaskHooks } from '../../engine/ports.ts';
import type { LiveEntry } from './live.ts';

/** What a run hears of one of its tasks, whoever executes it: each thing once. */
export class HeardTask {
  readonly #hooks: TaskHooks;
  #isStarted = false;
  #hasExited = false;
  /** Entries of the report, but for what is not kept, that were heard live. */
  #heard = 0;
  #holder: string | undefined;

  constructor(hooks: TaskHooks) {
    this.#hooks = hooks;
  }

  get isStarted(): boolean {
    return this.#isStarted;
  }

  /** What it waited for last, for people. */
  get holder(): string | undefined {
    return this.#holder;
  }

  /** @param worker that has begun it, if that is known */
  start(worker?: string): void {
    if (!this.#isStarted) this.#hooks.started(worker);
    this.#isStarted = true;
  }

  exit(): void {
    if (!this.#hasExited) this.#hooks.exited();
    this.#hasExited = true;
  }

  /** A worker has begun; if another had before, it begins anew. */
  begin({ nth, worker }: LiveEntry & { readonly type: 'started' }): void {
    this.#heard = 0;
    if (nth > 1) this.#warn(`it was started again on ${worker}: the worker that had it is gone`);
  }

  output({ stream, text }: LiveEntry & { readonly type: 'output' }): void {
    this.#hooks.output(stream, text);
  }

  report(entry: ReportEntry): void {
    if (isKept(entry)) this.#heard += 1;
    // A worker fetches what it needs: if that breaks off, what it waited for before is said again.
    if (entry.type === 'progress' && entry.of === 'inputs') this.#holder = undefined;
    this.#hooks.report(entry);
  }

  /** What was said while nobody could hear it. */
  catchUp(report: readonly ReportEntry[]): void {
    for (const entry of report.filter(isKept).slice(this.#heard)) this.#hooks.report(entry);
  }

  waitFor(holder: string): void {
    if (holder === this.#holder) return;
    this.#holder = holder;
    if (!this.#isStarted) this.#hooks.waiting(holder);
    else this.#warn(`waiting for ${holder}`);
  }

  #warn(message: string): void {
    this.#hooks.report({ type: 'warning', message });
  }
}

/** Whether a result's report has it; `progress` is for the moment only. */
function isKept({ type }: ReportEntry): boolean {
  return type !== 'progress' && type !== 'warning';
}
