import type { DatabaseSync } from 'node:sqlite';
import { failpoint } from '../core/failpoint.ts';
import type { Fingerprint, StepId } from '../core/ids.ts';
import { immediate } from '../db/sqlite.ts';

/** What is remembered about a step between runs, for `explain`, estimates and the order of work. */
export interface StepMemory {
  readonly fingerprint: Fingerprint;
  /** The one before it: what `explain` compares with. */
  readonly previous: Fingerprint | undefined;
  /** The run that first saw this fingerprint after the previous one. */
  readonly run: string;
  readonly at: number;
  /** How long it took when it was executed. */
  readonly durationMs: number | undefined;
}

/** How many results of a step gc keeps whatever their age. */
const KEPT_RESULTS = 5;

/** Remembers, for each step of a recipe, what it last was. In `index.db`: losing it costs explanations. */
export class History {
  readonly #db: DatabaseSync;
  readonly #recipe: string;
  #steps: Map<StepId, StepMemory> | undefined;
  readonly #fresh = new Map<StepId, StepMemory>();

  constructor(db: DatabaseSync, recipe: string) {
    this.#db = db;
    this.#recipe = recipe;
  }

  get(step: StepId): StepMemory | undefined {
    return this.#fresh.get(step) ?? this.#all().get(step);
  }

  /** Takes note of what a step is in this run; nothing to do if it is what it was. */
  note(
    step: StepId,
    fingerprint: Fingerprint,
    run: string,
    at: number,
    durationMs: number | undefined,
  ): void {
    const last = this.#all().get(step);
    if (last !== undefined && last.fingerprint === fingerprint && durationMs === undefined) return;
    const previous = last?.fingerprint === fingerprint ? last.previous : last?.fingerprint;
    const since = last?.fingerprint === fingerprint ? last : { run, at };
    this.#fresh.set(step, {
      fingerprint,
      previous,
      run: since.run,
      at: since.at,
      durationMs: durationMs ?? last?.durationMs,
    });
  }

  /** Writes down what was noted. */
  save(): void {
    if (this.#fresh.size === 0) return;
    immediate(this.#db, () => {
      const upsert = this.#db.prepare('INSERT OR REPLACE INTO step VALUES (?, ?, ?, ?, ?, ?, ?)');
      const keep = this.#db.prepare('INSERT OR REPLACE INTO kept VALUES (?, ?, ?, ?)');
      const prune = this.#db.prepare(
        `DELETE FROM kept WHERE recipe = ?1 AND step = ?2 AND fingerprint NOT IN
           (SELECT fingerprint FROM kept WHERE recipe = ?1 AND step = ?2 ORDER BY at DESC LIMIT ${KEPT_RESULTS})`,
      );
      for (const [step, memory] of this.#fresh) {
        const { fingerprint, previous, run, at, durationMs } = memory;
        upsert.run(this.#recipe, step, fingerprint, previous ?? null, run, at, durationMs ?? null);
        keep.run(this.#recipe, step, fingerprint, at);
        prune.run(this.#recipe, step);
      }
      failpoint('history.before-commit');
    });
    for (const [step, memory] of this.#fresh) this.#all().set(step, memory);
    this.#fresh.clear();
  }

  #all(): Map<StepId, StepMemory> {
    if (this.#steps !== undefined) return this.#steps;
    const steps = new Map<StepId, StepMemory>();
    const rows = this.#db
      .prepare('SELECT step, fingerprint, previous, run, at, duration_ms FROM step WHERE recipe = ?')
      .all(this.#recipe);
    for (const row of rows)
      steps.set(row['step'] as StepId, {
        fingerprint: row['fingerprint'] as Fingerprint,
        previous: (row['previous'] as Fingerprint | null) ?? undefined,
        run: String(row['run']),
        at: Number(row['at']),
        durationMs: row['duration_ms'] === null ? undefined : Number(row['duration_ms']),
      });
    this.#steps = steps;
    return steps;
  }
}

/** Results that gc keeps: the last few of each step of each recipe. */
export function keptFingerprints(db: DatabaseSync): Set<Fingerprint> {
  const rows = db.prepare('SELECT fingerprint FROM kept').all();
  return new Set(rows.map((row) => row['fingerprint'] as Fingerprint));
}
