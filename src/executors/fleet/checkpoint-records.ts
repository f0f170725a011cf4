import { type Digest, type Fingerprint, isDigest } from '../../core/ids.ts';
import { digestOf } from '../../store/hash.ts';
import { OF_ALL } from '../../store/remote/flight-path.ts';
import { type Flight, isRemoteProblem, type Remote } from '../../store/remote/remote.ts';

/** Where a checkpoint stands among those of its task. */
export interface CheckpointPlace {
  /**
   * Number of the record that its attempt began with. Of two attempts that run at once, as one is taken for dead, what
   * the later one saves counts more.
   */
  readonly start: number;
  readonly number: number;
  /** Digest of the result that the task had when the attempt began; undefined: none. */
  readonly result: Digest | undefined;
}

export interface CheckpointRecord extends CheckpointPlace {
  /** List of the folder's files; undefined: what is before it counts no more. */
  readonly tree: Digest | undefined;
}

/** Of what was saved so much stays, for when the newest is not whole. */
const KEPT = 5;
/** More are there only where records cannot be taken away. */
const MOST_READ = 16;

/**
 * The records of a task's checkpoints in the store that workers share. Each has a number that no other has; only the
 * last few are kept.
 */
export class CheckpointRecords {
  readonly #remote: Remote;
  readonly #flight: Flight;
  /** Newest first, as far as they are known. */
  #all: readonly CheckpointRecord[] = [];
  #highest = 0;
  #start = 0;
  #result: Digest | undefined;

  constructor(remote: Remote, fingerprint: Fingerprint) {
    this.#remote = remote;
    this.#flight = { fingerprint, nonce: OF_ALL };
  }

  /**
   * The checkpoints that count, newest first.
   *
   * @throws RemoteUnreachable, RemoteRefused
   */
  async read(): Promise<readonly CheckpointRecord[]> {
    const records = await this.#remote.readRecords(this.#flight, MOST_READ);
    const result = await this.#remote.readResult(this.#flight.fingerprint);
    this.#result = result === undefined ? undefined : digestOf(result.text);
    this.#all = [...records].flatMap(([name, text]) => recordOf(name, text) ?? []).toSorted(newestFirst);
    this.#highest = this.#all.reduce((most, { number }) => Math.max(most, number), 0);
    return this.#all.filter((one) => one.tree !== undefined && this.counts(one));
  }

  /** Whether nothing has ended the task since: a record that says so, or a result that came. */
  counts(place: CheckpointPlace): boolean {
    const over = this.#all.find(({ tree }) => tree === undefined);
    return place.result === this.#result && (over === undefined || newestFirst(place, over) < 0);
  }

  /**
   * An attempt begins, with what is in `tree`; undefined: with nothing, and nobody goes on from what there was.
   *
   * @throws RemoteUnreachable, RemoteRefused
   */
  async begin(tree: Digest | undefined): Promise<CheckpointPlace> {
    const place = await this.#write(tree, undefined);
    this.#start = place.start;
    return place;
  }

  /**
   * The task has ended: what is saved by whoever began before counts no more.
   *
   * @throws RemoteUnreachable, RemoteRefused
   */
  async end(): Promise<void> {
    await this.#write(undefined, undefined);
  }

  /** @throws RemoteUnreachable, RemoteRefused */
  async add(tree: Digest): Promise<CheckpointPlace> {
    return this.#write(tree, this.#start);
  }

  async #write(tree: Digest | undefined, start: number | undefined): Promise<CheckpointPlace> {
    for (;;) {
      const number = this.#highest + 1;
      const record = { start: start ?? number, number, tree, result: this.#result };
      const isMine = await this.#remote.writeRecord(this.#flight, nameOf(number), textOf(record));
      this.#highest = Math.max(this.#highest, number);
      if (!isMine) continue;
      this.#all = [record, ...this.#all];
      await this.#removeNeedless();
      return record;
    }
  }

  /** Where that is not allowed, they stay. */
  async #removeNeedless(): Promise<void> {
    const trees = new Set<Digest>();
    let isOver = false;
    const needed = this.#all.filter(({ tree }) => {
      if (isOver) return false;
      isOver = tree === undefined;
      if (tree === undefined) return true;
      if (trees.has(tree) || trees.size === KEPT) return false;
      trees.add(tree);
      return true;
    });
    const needless = this.#all.filter((one) => !needed.includes(one));
    this.#all = needed;
    try {
      const names = needless.map(({ number }) => nameOf(number));
      if (names.length > 0) await this.#remote.removeRecords(this.#flight, names);
    } catch (error) {
      if (!isRemoteProblem(error)) throw error;
    }
  }
}

function newestFirst(one: CheckpointPlace, other: CheckpointPlace): number {
  return other.start - one.start || other.number - one.number;
}

function nameOf(number: number): string {
  return `checkpoint-${number}`;
}

function textOf({ start, tree, result }: CheckpointRecord): string {
  return JSON.stringify({ start, tree, result });
}

/** Undefined for what is none, or what a loss of power left of one. */
function recordOf(name: string, text: string): CheckpointRecord | undefined {
  const number = Number(/^checkpoint-(\d+)$/.exec(name)?.[1] ?? 0);
  const place = number === 0 ? undefined : placeIn(text);
  if (place === undefined) return undefined;
  return { ...place, number };
}

/** What a text says of a place that was written as JSON; undefined if it says none. */
export function placeIn(text: string): CheckpointRecord | undefined {
  let said: Partial<Record<keyof CheckpointRecord, unknown>> | null;
  try {
    said = JSON.parse(text) as typeof said;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
  if (typeof said?.start !== 'number') return undefined;
  const digestIn = (value: unknown): Digest | undefined =>
    typeof value === 'string' && isDigest(value) ? (value as Digest) : undefined;
  const number = typeof said.number === 'number' ? said.number : 0;
  return { start: said.start, number, tree: digestIn(said.tree), result: digestIn(said.result) };
}
