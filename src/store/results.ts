import { randomUUID } from 'node:crypto';
import { renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { OutputRef, Outputs } from '../core/events.ts';
import { failpoint } from '../core/failpoint.ts';
import { type Digest, type Fingerprint, isDigest } from '../core/ids.ts';
import { isJsonObject, type JsonObject } from '../core/json.ts';
import { isOutputKind, isTree } from '../core/kinds.ts';
import { hasCode } from '../core/recipe-error.ts';
import { type Blobs, type ReadableBlobs, syncFolder, writeDurably } from './blobs.ts';
import { hasTree } from './has-tree.ts';
import { textOf } from './if-there.ts';
import { inFolder, makeFolder } from './in-folder.ts';
import { type CacheLayout, shardPath } from './layout.ts';
import { linkExclusively } from './link-exclusively.ts';
import type { Signature } from './remote/signing.ts';
import { removeFile } from './remove-file.ts';
import { readTree } from './trees.ts';

/** The only truth about "done": what an attempt at a fingerprint gave. Written after everything it names. */
export interface Result {
  readonly v: 1;
  readonly fingerprint: Fingerprint;
  readonly outputs: Outputs;
  /** JSON lines that the step reported; absent if it reported nothing. */
  readonly report?: BlobRef;
  /** The step's log; absent if it wrote nothing. */
  readonly log?: BlobRef;
  /** Files and folders that the report names; absent if it names none. */
  readonly artifacts?: readonly OutputRef[];
  readonly producer: Producer;
  /** Of whoever put it into a shared cache; absent in one's own. */
  readonly signature?: Signature;
}

export interface BlobRef {
  readonly digest: Digest;
  readonly size: number;
}

export interface Producer {
  readonly run: string;
  readonly step: string;
  /** Milliseconds since the Unix epoch, when the attempt had ended. */
  readonly at: number;
  readonly durationMs: number;
  readonly stockpot: string;
}

/** Results by fingerprint. A reader sees a result whole or not at all. */
export class Results {
  readonly #layout: CacheLayout;
  readonly #blobs: Blobs;
  readonly #shards = new Set<string>();

  constructor(layout: CacheLayout, blobs: Blobs) {
    this.#layout = layout;
    this.#blobs = blobs;
  }

  path(fingerprint: Fingerprint): string {
    return shardPath(this.#layout.results, fingerprint);
  }

  /** The result as written, whether or not its blobs are there; undefined if it is missing or not ours. */
  read(fingerprint: Fingerprint): Result | undefined {
    const text = textOf(this.path(fingerprint));
    return text === undefined ? undefined : parseResult(text, fingerprint);
  }

  /** A result that can be used: every blob it names is there with its size. */
  find(fingerprint: Fingerprint): Result | undefined {
    const result = this.read(fingerprint);
    return result !== undefined && this.isComplete(result) ? result : undefined;
  }

  isComplete(result: Result): boolean {
    for (const name in result.outputs) {
      const output = result.outputs[name];
      if (output === undefined || !this.#has(output)) return false;
    }
    const { report, log, artifacts } = result;
    return (
      (artifacts === undefined || artifacts.every((artifact) => this.#has(artifact))) &&
      (report === undefined || this.#blobs.has(report.digest, report.size)) &&
      (log === undefined || this.#blobs.has(log.digest, log.size))
    );
  }

  /**
   * Makes `result` the result of its fingerprint, unless a complete one is there: then that one wins.
   * `replace` puts ours in its place all the same. Gives the winner.
   * All blobs stored so far are durable before the result gets its name.
   *
   * @param mayBeLost with the power: it goes to a shared cache next, or through to the disk by `bringToDisk`
   */
  async commit(
    result: Result,
    { replace, mayBeLost = false }: { readonly replace: boolean; readonly mayBeLost?: boolean },
  ): Promise<Result> {
    const path = this.path(result.fingerprint);
    const dir = dirname(path);
    if (!this.#shards.has(dir)) {
      if (makeFolder(dir, this.#layout.base) && !mayBeLost) await syncFolder(dirname(dir));
      this.#shards.add(dir);
    }
    const temporary = join(dir, `.${randomUUID()}`);
    try {
      const text = Buffer.from(JSON.stringify(result));
      if (mayBeLost) writeFileSync(temporary, text, { flag: 'wx', mode: 0o644 });
      await Promise.all([
        this.#blobs.settle(),
        mayBeLost ? undefined : writeDurably(temporary, text, 0o644, () => failpoint('result.before-fsync')),
      ]);
      failpoint('result.before-link');
      const winner = this.#place(temporary, path, result, replace);
      failpoint('result.after-link');
      if (!mayBeLost) await syncFolder(dir);
      failpoint('result.after-fsync');
      return winner;
    } finally {
      removeFile(temporary);
    }
  }

  /** Makes durable what was committed as one that may be lost. Nothing to do if it is gone meanwhile. */
  async bringToDisk(fingerprint: Fingerprint): Promise<void> {
    const path = this.path(fingerprint);
    const dir = dirname(path);
    try {
      // The name of a folder that is new lasts once the one it lies in is on the disk.
      for (const one of [path, dir, dirname(dir)]) await syncFolder(one);
    } catch (error) {
      if (!hasCode(error, 'ENOENT')) throw error;
    }
  }

  /**
   * Keeps a result of a shared cache, whose blobs may not be here: found once they are, and read meanwhile. It
   * may be lost, and is then fetched again.
   */
  adopt(result: Result): void {
    const path = this.path(result.fingerprint);
    const text = JSON.stringify(result);
    // Each run that takes it from there would write it again.
    if (JSON.stringify(this.read(result.fingerprint)) === text) return;
    const temporary = join(dirname(path), `.${randomUUID()}`);
    inFolder(dirname(path), () => writeFileSync(temporary, text), this.#layout.base);
    renameSync(temporary, path);
  }

  #place(temporary: string, path: string, result: Result, replace: boolean): Result {
    if (linkExclusively(temporary, path)) return result;
    const there = replace ? undefined : this.find(result.fingerprint);
    if (there !== undefined && haveSameOutputs(there, result)) return there;
    renameSync(temporary, path);
    return result;
  }

  #has({ digest, size, kind }: OutputRef): boolean {
    return isTree(kind) ? hasTree(this.#blobs, digest) : this.#blobs.has(digest, size);
  }
}

/** Whether outputs have the same names, as those of one fingerprint have unless one of the results is damaged. */
export function haveSameOutputs(a: Result, b: Result): boolean {
  const names = Object.keys(a.outputs);
  return (
    names.length === Object.keys(b.outputs).length && names.every((name) => Object.hasOwn(b.outputs, name))
  );
}

/** All that a result names: outputs, artifacts, report and log. */
export function partsOf({ outputs, artifacts = [], report, log }: Result): OutputRef[] {
  const files = [report, log].flatMap((one) =>
    one === undefined ? [] : [{ ...one, kind: 'file' as const }],
  );
  return [...Object.values(outputs), ...artifacts, ...files];
}

/** Every blob that a result needs, files of its folders included; damaged folders are left out. */
export function blobsOf(result: Result, blobs: ReadableBlobs): Set<Digest> {
  const found = new Set<Digest>();
  for (const { digest, kind } of partsOf(result)) {
    found.add(digest);
    if (isTree(kind) && blobs.size(digest) !== undefined)
      for (const file of readTree(blobs, digest).files) found.add(file.digest);
  }
  return found;
}

/** A torn, damaged or foreign file is no result: the step runs again and replaces it. */
export function parseResult(text: string, fingerprint: Fingerprint): Result | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isResult(value, fingerprint) ? value : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Whether all is there that is read of a result: one flipped bit may have given a key another name. */
function isResult(value: unknown, fingerprint: Fingerprint): value is Result {
  if (!isJsonObject(value) || value['v'] !== 1 || value['fingerprint'] !== fingerprint) return false;
  const { outputs, artifacts, report, log, producer } = value;
  return (
    isJsonObject(outputs) &&
    Object.values(outputs).every(isOutput) &&
    (artifacts === undefined || (Array.isArray(artifacts) && artifacts.every(isOutput))) &&
    (report === undefined || isBlob(report)) &&
    (log === undefined || isBlob(log)) &&
    isJsonObject(producer) &&
    ['run', 'step', 'stockpot'].every((key) => typeof producer[key] === 'string') &&
    ['at', 'durationMs'].every((key) => typeof producer[key] === 'number')
  );
}

function isOutput(value: unknown): boolean {
  return isBlob(value) && isOutputKind(String(value['kind']));
}

function isBlob(value: unknown): value is JsonObject {
  return isJsonObject(value) && isDigest(String(value['digest'])) && Number.isSafeInteger(value['size']);
}
