import { openAsBlob } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { type Entry, LogQueue } from './log-queue.ts';
import type { MlflowApi } from './mlflow-api.ts';
import { RequestFailed } from './request-failed.ts';

export type EndStatus = 'FINISHED' | 'FAILED' | 'KILLED';

export interface MetricOptions {
  /** Where the value stands in its history; default 0. */
  readonly step?: number;
  /** Milliseconds since the Unix epoch; default now. */
  readonly timestamp?: number;
}

/** What an MLflow parameter may be given as; it is kept as text. */
export type ParamValue = string | number | boolean | bigint | null;

const PROXY = 'mlflow-artifacts:/';

/**
 * A run that is being logged to. Values are gathered and sent in the order they came; each method resolves
 * when the server has what it was given, and need not be waited for: `flush` and `end` reject with what
 * could not be sent. A run whose scope is left before `end` has failed.
 */
export class TrackedRun implements AsyncDisposable {
  /** 32 lower-case hex digits. */
  readonly id: string;
  readonly experimentId: string;
  /** Where its artifacts lie. */
  readonly artifactUri: string;
  readonly #api: MlflowApi;
  readonly #queue: LogQueue;
  #hasEnded = false;

  constructor(
    api: MlflowApi,
    { id, experimentId, artifactUri }: Pick<TrackedRun, 'id' | 'experimentId' | 'artifactUri'>,
  ) {
    this.#api = api;
    this.id = id;
    this.experimentId = experimentId;
    this.artifactUri = artifactUri;
    // Logged again, the same values change nothing.
    this.#queue = new LogQueue((batch) => api.post('runs/log-batch', { run_id: id, ...batch }));
  }

  logMetric(key: string, value: number, options: MetricOptions = {}): Promise<void> {
    return this.logMetrics({ [key]: value }, options);
  }

  logMetrics(
    metrics: Readonly<Record<string, number>>,
    { step = 0, timestamp = Date.now() }: MetricOptions = {},
  ): Promise<void> {
    return this.#add(
      Object.entries(metrics).map(([key, value]) => ({ kind: 'metrics', key, value, step, timestamp })),
    );
  }

  /** A parameter keeps its first value: another is refused. */
  logParam(key: string, value: ParamValue): Promise<void> {
    return this.logParams({ [key]: value });
  }

  logParams(params: Readonly<Record<string, ParamValue>>): Promise<void> {
    return this.#add(
      Object.entries(params).map(([key, value]) => ({ kind: 'params', key, value: String(value) })),
    );
  }

  /** The last value stays. */
  setTag(key: string, value: string): Promise<void> {
    return this.setTags({ [key]: value });
  }

  setTags(tags: Readonly<Record<string, string>>): Promise<void> {
    return this.#add(Object.entries(tags).map(([key, value]) => ({ kind: 'tags', key, value })));
  }

  /**
   * Uploads a file, or all files of a folder, under its own name.
   *
   * @param folder of the run's artifacts, to put it in
   */
  async logArtifact(path: string, folder = ''): Promise<void> {
    const target = joined(folder, basename(path));
    const found = await stat(path);
    if (found.isFile()) {
      await this.#upload(target, await openAsBlob(path));
      return;
    }
    const entries = await readdir(path, { recursive: true, withFileTypes: true });
    for (const entry of entries) {
      const file = join(entry.parentPath, entry.name);
      if (!(await stat(file)).isFile()) continue;
      const below = file.slice(path.length).replaceAll('\\', '/').replace(/^\/+/, '');
      await this.#upload(joined(target, below), await openAsBlob(file));
    }
  }

  /** Keeps a text as a file. */
  async logText(text: string, path: string): Promise<void> {
    await this.#upload(path, new Blob([text]));
  }

  /** Resolves when the server has all values; rejects with the first that it could not be given. */
  async flush(): Promise<void> {
    await this.#queue.flush();
  }

  /** Sends what is left, and ends the run whether that succeeds or not. Once is enough. */
  async end(status: EndStatus = 'FINISHED'): Promise<void> {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    let failure: { readonly error: unknown } | undefined;
    try {
      await this.flush();
    } catch (error) {
      failure = { error };
    }
    await this.#api.post('runs/update', { run_id: this.id, status, end_time: Date.now() });
    if (failure !== undefined) throw failure.error;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end('FAILED');
  }

  /** The queue's own promise: one around it would be a rejection that nobody sees. */
  #add(entries: readonly Entry[]): Promise<void> {
    if (this.#hasEnded) return Promise.reject(new RequestFailed(`The run ${this.id} has ended`));
    return this.#queue.add(entries);
  }

  async #upload(path: string, bytes: Blob): Promise<void> {
    if (!this.artifactUri.startsWith(PROXY))
      throw new RequestFailed(
        `The artifacts of the run ${this.id} are at ${this.artifactUri}: this client writes to those that the server keeps`,
      );
    const root = this.artifactUri.slice(PROXY.length).replace(/^\/+/, '');
    await this.#api.upload(joined(root, path), bytes);
  }
}

function joined(folder: string, path: string): string {
  return folder === '' ? path : `${folder.replace(/\/+$/, '')}/${path}`;
}
