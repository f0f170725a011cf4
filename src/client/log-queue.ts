/** A value to be logged, as MLflow takes it. */
export type Entry =
  | {
      readonly kind: 'metrics';
      readonly key: string;
      readonly value: number;
      readonly step: number;
      readonly timestamp: number;
    }
  | { readonly kind: 'params' | 'tags'; readonly key: string; readonly value: string };

export interface Batch {
  readonly metrics: readonly object[];
  readonly params: readonly object[];
  readonly tags: readonly object[];
}

/** What one request may hold, by MLflow's limits; and so many characters, as servers limit a body to 1 MB. */
const MAX = { metrics: 1000, params: 100, tags: 100, entries: 1000, characters: 500_000 } as const;

interface Waiting {
  readonly entry: Entry;
  readonly characters: number;
  readonly done: PromiseWithResolvers<void>;
}

/**
 * Sends values in the order they came, one request at a time. What comes while a request is on its way goes
 * along with the next.
 */
export class LogQueue {
  readonly #send: (batch: Batch) => Promise<unknown>;
  #waiting: Waiting[] = [];
  #sending: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;

  constructor(send: (batch: Batch) => Promise<unknown>) {
    this.#send = send;
  }

  /** Resolves when the server has them. Whoever does not wait for that learns of a failure from `flush`. */
  add(entries: readonly Entry[]): Promise<void> {
    const added = entries.map((entry) => ({
      entry,
      characters: entry.key.length + (entry.kind === 'metrics' ? 80 : entry.value.length + 30),
      done: Promise.withResolvers<void>(),
    }));
    this.#waiting.push(...added);
    this.#sending ??= this.#drain();
    const all = Promise.all(added.map(({ done }) => done.promise)).then(() => undefined);
    all.catch(() => undefined);
    return all;
  }

  /** Resolves when all is sent; rejects with the first failure since the last call. */
  async flush(): Promise<void> {
    await this.#sending;
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure !== undefined) throw failure.error;
  }

  async #drain(): Promise<void> {
    // What else this turn of the loop logs comes along.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#waiting.length > 0) {
      const count = fitting(this.#waiting);
      const group = this.#waiting.slice(0, count);
      this.#waiting = this.#waiting.slice(count);
      try {
        await this.#send(batchOf(group));
        for (const { done } of group) done.resolve();
      } catch (error) {
        this.#failure ??= { error };
        for (const { done } of group) {
          done.promise.catch(() => undefined);
          done.reject(error);
        }
      }
    }
    this.#sending = undefined;
  }
}

/** How many from the front one request may hold; at least one. */
function fitting(waiting: readonly Waiting[]): number {
  const counts = { metrics: 0, params: 0, tags: 0 };
  let characters = 0;
  for (const [index, { entry, characters: own }] of waiting.entries()) {
    counts[entry.kind] += 1;
    characters += own;
    const isOver =
      counts[entry.kind] > MAX[entry.kind] || characters > MAX.characters || index >= MAX.entries;
    if (isOver && index > 0) return index;
  }
  return waiting.length;
}

function batchOf(group: readonly Waiting[]): Batch {
  const of = (wanted: Entry['kind']): object[] =>
    group.flatMap(({ entry: { kind, ...rest } }) => (kind === wanted ? [rest] : []));
  return { metrics: of('metrics').map(jsonMetric), params: of('params'), tags: of('tags') };
}

/** What JSON has no number for is a text. */
function jsonMetric(metric: object): object {
  const { value } = metric as { value: number };
  return Number.isFinite(value) ? metric : { ...metric, value: String(value) };
}
