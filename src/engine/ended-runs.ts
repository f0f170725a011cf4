import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Outputs, RunEvent } from '../core/events.ts';
import { endOf, journalPath, readJournal, recipeOf } from './read-journal.ts';

/** A run of all steps of a recipe that succeeded. */
export interface EndedRun {
  readonly run: string;
  /** When it ended, milliseconds since the Unix epoch. */
  readonly at: number;
  /** What its steps gave, those that were cached too. */
  readonly outputs: ReadonlyMap<string, Outputs>;
}

/** Finds the ends of runs in the journals of a home. What it has read once it does not read again. */
export class EndedRuns {
  readonly #home: string;
  readonly #recipes = new Map<string, string>();
  /** Null: one that did not succeed, or left steps out. */
  readonly #whole = new Map<string, EndedRun | null>();
  readonly #endedAt = new Map<string, number>();

  constructor(home: string) {
    this.#home = home;
  }

  /**
   * Those of a recipe that have ended, whoever ran them, by hand or on a schedule, and when by the clock of whoever did.
   * Of some it is known only when they are `read` that they did not succeed, or left steps out.
   */
  of(recipe: string): Pick<EndedRun, 'run' | 'at'>[] {
    const dir = join(this.#home, 'runs');
    if (!existsSync(dir)) return [];
    return readdirSync(dir).flatMap((run) => {
      const at = this.#recipeOf(run) === recipe ? this.#endOf(run) : undefined;
      return at === undefined || this.#whole.get(run) === null ? [] : [{ run, at }];
    });
  }

  /** Undefined: it did not succeed, or left steps out. */
  read(run: string): EndedRun | undefined {
    return remembered(this.#whole, run, () => wholeRun(run, readJournal(this.#home, run))) ?? undefined;
  }

  #recipeOf(run: string): string | undefined {
    return remembered(this.#recipes, run, () => recipeOf(journalPath(this.#home, run)));
  }

  /** Undefined: it goes on. */
  #endOf(run: string): number | undefined {
    return remembered(this.#endedAt, run, () => {
      const end = endOf(journalPath(this.#home, run));
      if (end !== undefined && end.outcome !== 'succeeded') this.#whole.set(run, null);
      return end?.at;
    });
  }
}

function wholeRun(run: string, events: readonly RunEvent[]): EndedRun | null {
  if (events.some((event) => event.type === 'run.started' && event.omitted.length > 0)) return null;
  const last = events.at(-1);
  return last?.type === 'run.finished' ? { run, at: last.at, outputs: outputsOf(events) } : null;
}

/** What the steps of a run gave, by step. */
export function outputsOf(events: readonly RunEvent[]): EndedRun['outputs'] {
  const outputs = new Map<string, Outputs>();
  for (const event of events)
    if (event.type === 'step.cached' || event.type === 'step.succeeded')
      outputs.set(event.step, event.outputs);
  return outputs;
}

function remembered<T>(known: Map<string, T>, run: string, find: () => T | undefined): T | undefined {
  const before = known.get(run);
  if (before !== undefined) return before;
  const found = find();
  if (found !== undefined) known.set(run, found);
  return found;
}
