import type { Digest, Fingerprint } from '../../src/core/ids.ts';
import {
  type Flight,
  type Remote,
  type RemoteResult,
  RemoteUnreachable,
} from '../../src/store/remote/remote.ts';
import { parseResult, partsOf, type Result } from '../../src/store/results.ts';
import type { Service } from './network.ts';
import type { Bytes } from './sim-disk.ts';
import type { SimProcess } from './sim-process.ts';

/** What is seen of the shared store by whoever checks: each in the instant in which it happens. */
export interface SharedWitness {
  readResult(by: SimProcess, fingerprint: Fingerprint): void;
  wroteResult(by: SimProcess, result: Result, before: Result | undefined): void;
  readRecords(by: SimProcess, flight: Flight, records: ReadonlyMap<string, string>): void;
  wroteRecord(by: SimProcess, flight: Flight, name: string, text: string): void;
}

interface Kept {
  readonly bytes: Buffer;
  /** When it was put there, or last damaged. */
  readonly since: number;
  readonly isDamaged: boolean;
}

/** The cache that all machines of a course share: blobs are lost and damaged now and then. */
export class SimShared {
  readonly #service: Service;
  readonly #all: Bytes;
  readonly #blobs = new Map<Digest, Kept>();
  readonly #results = new Map<Fingerprint, { readonly stored: RemoteResult; readonly since: number }>();
  readonly #records = new Map<string, Map<string, string>>();
  readonly #witness: SharedWitness;
  #versions = 0;

  constructor(service: Service, all: Bytes, witness: SharedWitness) {
    this.#service = service;
    this.#all = all;
    this.#witness = witness;
  }

  get blobs(): readonly Digest[] {
    return [...this.#blobs.keys()];
  }

  resultOf(fingerprint: Fingerprint): Result | undefined {
    const text = this.#results.get(fingerprint)?.stored.text;
    return text === undefined ? undefined : parseResult(text, fingerprint);
  }

  /** Since when the result of a fingerprint has been there with all that it names, whole; undefined: it is not. */
  wholeSince(fingerprint: Fingerprint): number | undefined {
    const result = this.resultOf(fingerprint);
    if (result === undefined) return undefined;
    let since = this.#results.get(fingerprint)?.since ?? 0;
    for (const { digest } of partsOf(result)) {
      const kept = this.#blobs.get(digest);
      if (kept === undefined || kept.isDamaged) return undefined;
      since = Math.max(since, kept.since);
    }
    return since;
  }

  lose(digest: Digest): void {
    this.#blobs.delete(digest);
  }

  /** A bit of it is flipped: it is as long as it was. */
  flip(digest: Digest): void {
    const kept = this.#blobs.get(digest);
    if (kept === undefined) return;
    const bytes = Buffer.from(kept.bytes);
    bytes[0] = (bytes[0] ?? 0) ^ 1;
    this.#blobs.set(digest, { bytes, since: this.#service.timeline.now, isDamaged: true });
  }

  /** As a process sees it. */
  of(process: SimProcess): Remote {
    const ask = async <T>(work: () => T): Promise<T> =>
      this.#service.ask(process, work, () => new RemoteUnreachable('the shared store is away'));
    const now = (): number => this.#service.timeline.now;
    const witness = this.#witness;
    return {
      name: 'the shared store',
      sizes: async (digests) =>
        ask(
          () =>
            new Map(
              digests.flatMap((digest) => {
                const kept = this.#blobs.get(digest);
                return kept === undefined ? [] : [[digest, kept.bytes.length] as const];
              }),
            ),
        ),
      get: async (digest) =>
        ask(() => {
          const bytes = this.#blobs.get(digest)?.bytes;
          return bytes === undefined ? undefined : inOnePiece(bytes);
        }),
      put: async (digest, _, { replace }) =>
        ask(() => {
          const bytes = this.#all.get(digest);
          if (bytes === undefined) throw new Error(`nobody has ${digest}`);
          if (replace || !this.#blobs.has(digest))
            this.#blobs.set(digest, { bytes, since: now(), isDamaged: false });
        }),
      readResult: async (fingerprint) =>
        ask(() => {
          witness.readResult(process, fingerprint);
          return this.#results.get(fingerprint)?.stored;
        }),
      writeResult: async (fingerprint, text, over) =>
        ask(() => {
          if (this.#results.get(fingerprint)?.stored.version !== over?.version) return false;
          const result = parseResult(text, fingerprint);
          if (result === undefined) throw new Error('no result is written');
          witness.wroteResult(process, result, this.resultOf(fingerprint));
          this.#versions += 1;
          this.#results.set(fingerprint, { stored: { text, version: `${this.#versions}` }, since: now() });
          return true;
        }),
      writeRecord: async (flight, name, text) =>
        ask(() => {
          const records = this.#recordsOf(flight);
          if (records.has(name)) return false;
          witness.wroteRecord(process, flight, name, text);
          records.set(name, text);
          return true;
        }),
      readRecords: async (flight) =>
        ask(() => {
          const records = new Map(this.#recordsOf(flight));
          witness.readRecords(process, flight, records);
          return records;
        }),
      removeRecords: async () => {
        throw new Error('no step here has a checkpoint');
      },
      [Symbol.asyncDispose]: async () => {},
    };
  }

  #recordsOf({ fingerprint, nonce }: Flight): Map<string, string> {
    const key = `${fingerprint} ${nonce}`;
    const records = this.#records.get(key) ?? new Map<string, string>();
    this.#records.set(key, records);
    return records;
  }
}

async function* inOnePiece(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
}
