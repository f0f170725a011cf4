import { execFile, execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { extname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { Digest, StepId } from '../core/ids.ts';
import type { PlanInput, PlanStep, Probe } from '../core/plan.ts';
import { hasCode, RecipeError } from '../core/recipe-error.ts';
import type { Clock } from '../core/world.ts';
import { type HttpAnswer, httpRequest } from '../net/http-client.ts';
import { hasTree } from '../store/has-tree.ts';
import type { Store } from '../store/store.ts';
import { writeStream } from '../store/write-stream.ts';
import { cleanEnvironment } from './attempt-environment.ts';
import type { RegisteredVersion, Registry } from './registry-port.ts';
import type { ReferencedBlob } from './resolve-inputs.ts';

const run = promisify(execFile);
const TIMEOUT_MS = 600_000;
const PROBE_TIMEOUT_MS = 30_000;

export interface ReferencesOptions {
  readonly store: Store;
  readonly registry: () => Promise<Registry>;
  readonly projectDir: string;
  readonly clock: Clock;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Use what was seen last instead of asking. */
  readonly offline: boolean;
  /** What references and probes stand for, where that is known already: nothing else is asked. */
  readonly fixed?: FixedReferences | undefined;
}

export interface FixedReferences {
  readonly references: ReadonlyMap<string, ReferencedBlob>;
  /** Answers of steps' probes. */
  readonly probes: ReadonlyMap<StepId, string>;
}

/** Turns what is mutable outside into digests, once a run: URLs, registered models, probes, tools. */
export class References {
  readonly #options: ReferencesOptions;
  readonly #blobs = new Map<string, ReferencedBlob>();
  readonly #probes = new Map<string, string>();
  /** Questions on their way: several steps may ask the same at once. */
  readonly #asking = new Map<string, Promise<void>>();
  readonly #tools = new Map<string, string>();

  constructor(options: ReferencesOptions) {
    this.#options = options;
  }

  /** Whether `resolve` has something to ask for this step. */
  concerns(step: PlanStep): boolean {
    return step.probe !== undefined || Object.values(step.inputs).some((input) => mutable(input).length > 0);
  }

  /** Asks for all that the step refers to. Gives what was asked for the first time in this run. */
  async resolve(step: PlanStep): Promise<{ input: string; reference: string; digest: Digest | 'none' }[]> {
    const asked: { input: string; reference: string; digest: Digest | 'none' }[] = [];
    const { fixed } = this.#options;
    if (fixed !== undefined) return asked;
    const { probe } = step;
    if (probe !== undefined) await this.#once(JSON.stringify(probe), () => this.#probe(step, probe));
    for (const [input, source] of Object.entries(step.inputs))
      for (const one of mutable(source)) {
        const reference = one.kind === 'uri' ? one.uri : one.reference;
        await this.#once(reference, async () => {
          const found =
            one.kind === 'uri' ? await this.#fetch(one.uri, step.timeoutMs) : await this.#model(one);
          this.#blobs.set(reference, found);
          asked.push({ input, reference, digest: found === 'none' ? 'none' : found.digest });
        });
      }
    return asked;
  }

  #once(question: string, ask: () => Promise<void>): Promise<void> {
    let answer = this.#asking.get(question);
    if (answer === undefined) {
      answer = ask();
      this.#asking.set(question, answer);
    }
    return answer;
  }

  referenced(reference: string): ReferencedBlob {
    const found = (this.#options.fixed?.references ?? this.#blobs).get(reference);
    if (found === undefined) throw new Error(`Internal error: ${reference} was not asked for`);
    return found;
  }

  probeOf(step: PlanStep): string | undefined {
    if (step.probe === undefined) return undefined;
    const { fixed } = this.#options;
    return fixed === undefined ? this.#probes.get(JSON.stringify(step.probe)) : fixed.probes.get(step.id);
  }

  /** First line of `<tool> --version`. */
  toolVersion(tool: string): string {
    let version = this.#tools.get(tool);
    if (version === undefined) {
      try {
        const text = execFileSync(tool, ['--version'], {
          env: cleanEnvironment(this.#options.env),
          encoding: 'utf8',
          stdio: ['ignore', 'pipe', 'ignore'],
        });
        version = text.split('\n')[0] ?? '';
      } catch (cause) {
        throw new RecipeError('TOOL_NOT_FOUND', { step: '', tool }, { cause });
      }
      this.#tools.set(tool, version);
    }
    return version;
  }

  async #model({ name, alias, version, reference }: PlanInput & { kind: 'model' }): Promise<ReferencedBlob> {
    const registry = await this.#options.registry();
    const found = await registry.find(name, alias === undefined ? { version: version ?? '' } : { alias });
    if (found !== undefined) {
      const digest = await this.#brought(registry, found);
      if (digest === undefined)
        throw new RecipeError('REFERENCE_UNREACHABLE', {
          reference,
          problem: `the files of version ${found.version} are not in this registry`,
        });
      const compared = found.tags['stockpot.compared_with'] as Digest | 'none' | undefined;
      const comparedWith = compared === 'none' ? undefined : compared;
      if (comparedWith !== undefined && !hasTree(this.#options.store.blobs, comparedWith)) {
        const other = await registry.findByDigest(name, comparedWith);
        if (other !== undefined) await registry.bring?.(other);
      }
      return { digest, kind: 'model', extension: '', comparedWith };
    }
    if (alias === undefined) throw new RecipeError('REFERENCE_NOT_FOUND', { reference });
    return 'none';
  }

  /** The digest of a version's model, its files in the store if the registry keeps them. */
  async #brought(registry: Registry, found: RegisteredVersion): Promise<Digest | undefined> {
    const { modelDigest } = found;
    if (modelDigest !== undefined && hasTree(this.#options.store.blobs, modelDigest)) return modelDigest;
    return (await registry.bring?.(found)) ?? modelDigest;
  }

  async #fetch(uri: string, limitMs = TIMEOUT_MS): Promise<ReferencedBlob> {
    const { store, offline, clock } = this.#options;
    const extension =
      /(?:\.\w+)?\.(?:gz|zst)$/i.exec(new URL(uri).pathname)?.[0] ?? extname(new URL(uri).pathname);
    const row = store.index
      .prepare('SELECT etag, modified, digest, size FROM fetched WHERE uri = ?')
      .get(uri);
    const copy =
      row === undefined || !store.blobs.has(row['digest'] as Digest, Number(row['size']))
        ? undefined
        : { digest: row['digest'] as Digest, etag: row['etag'], modified: row['modified'] };
    if (offline) {
      if (copy === undefined)
        throw new RecipeError('REFERENCE_UNREACHABLE', { reference: uri, problem: 'it was never fetched' });
      return { digest: copy.digest, kind: 'file', extension };
    }
    const headers: Record<string, string> = {};
    if (typeof copy?.etag === 'string') headers['If-None-Match'] = copy.etag;
    if (typeof copy?.modified === 'string') headers['If-Modified-Since'] = copy.modified;
    const answer = await this.#ask({ url: uri, method: 'GET', headers }, Math.min(limitMs, TIMEOUT_MS));
    if (answer.status === 304 && copy !== undefined) return { digest: copy.digest, kind: 'file', extension };
    const { digest, size } = await this.#download(uri, answer);
    store.index
      .prepare('INSERT OR REPLACE INTO fetched VALUES (?, ?, ?, ?, ?, ?)')
      .run(uri, answer.etag ?? null, answer.modified ?? null, digest, size, clock.now());
    return { digest, kind: 'file', extension };
  }

  async #download(uri: string, answer: HttpAnswer): Promise<{ digest: Digest; size: number }> {
    const { store } = this.#options;
    await mkdir(store.layout.tmp, { recursive: true });
    const path = join(store.layout.tmp, randomUUID());
    try {
      await writeStream(path, answer.body, { flags: 'wx' });
    } catch (cause) {
      await rm(path, { force: true });
      // What the disk refuses is no fault of the server.
      if (hasCode(cause, 'ENOSPC')) throw cause;
      throw new RecipeError(
        'REFERENCE_UNREACHABLE',
        { reference: uri, problem: problemOf(cause) },
        { cause },
      );
    }
    const stored = await store.blobs.putFile(path);
    await store.blobs.settle();
    return stored;
  }

  async #ask(
    request: { url: string; method: 'GET' | 'HEAD'; headers?: Record<string, string> },
    timeoutMs = PROBE_TIMEOUT_MS,
  ): Promise<HttpAnswer> {
    let answer: HttpAnswer;
    try {
      answer = await httpRequest({ ...request, timeoutMs });
    } catch (cause) {
      throw new RecipeError(
        'REFERENCE_UNREACHABLE',
        { reference: request.url, problem: problemOf(cause) },
        { cause },
      );
    }
    if (answer.status >= 200 && answer.status < 300) return answer;
    if (answer.status === 304) return answer;
    if (answer.status === 404 || answer.status === 410)
      throw new RecipeError('REFERENCE_NOT_FOUND', { reference: request.url });
    throw new RecipeError('REFERENCE_UNREACHABLE', {
      reference: request.url,
      problem: `the server answered ${answer.status}`,
    });
  }

  async #probe(step: PlanStep, probe: Probe): Promise<void> {
    const key = JSON.stringify(probe);
    const { store, offline, clock } = this.#options;
    if (offline && probe.kind !== 'file') {
      const row = store.index.prepare('SELECT value FROM probe WHERE key = ?').get(key);
      if (row === undefined)
        throw new RecipeError('PROBE_FAILED', {
          step: step.id,
          what: describe(probe),
          problem: 'it was never asked before',
        });
      this.#probes.set(key, String(row['value']));
      return;
    }
    const value = await this.#answer(step, probe);
    this.#probes.set(key, value);
    store.index.prepare('INSERT OR REPLACE INTO probe VALUES (?, ?, ?)').run(key, value, clock.now());
  }

  async #answer(step: PlanStep, probe: Probe): Promise<string> {
    const fail = (problem: string, cause?: unknown): RecipeError =>
      new RecipeError('PROBE_FAILED', { step: step.id, what: describe(probe), problem }, { cause });
    switch (probe.kind) {
      case 'file': {
        const file = await this.#options.store.files.of(resolve(this.#options.projectDir, probe.path));
        if (file === undefined) throw fail('there is no such file');
        return file.digest;
      }
      case 'http': {
        const { etag, modified } = await this.#ask({ url: probe.url, method: 'HEAD' }).catch(
          (error: unknown) => {
            throw fail(problemOf(error), error);
          },
        );
        if (etag === undefined && modified === undefined)
          throw fail('it gives neither ETag nor Last-Modified');
        return `${etag ?? ''} ${modified ?? ''}`;
      }
      case 'command': {
        const [program = '', ...args] = probe.argv;
        try {
          const { stdout } = await run(program, args, {
            cwd: this.#options.projectDir,
            env: cleanEnvironment(this.#options.env),
            timeout: PROBE_TIMEOUT_MS,
          });
          return stdout.trimEnd();
        } catch (cause) {
          throw fail(problemOf(cause), cause);
        }
      }
    }
  }
}

function mutable(input: PlanInput): (PlanInput & { kind: 'uri' | 'model' })[] {
  if (input.kind === 'list') return input.items.flatMap(mutable);
  if (input.kind === 'model') return [input];
  return input.kind === 'uri' && !input.uri.startsWith('file:') ? [input] : [];
}

function describe(probe: Probe): string {
  return probe.kind === 'file' ? probe.path : probe.kind === 'http' ? probe.url : probe.argv.join(' ');
}

function problemOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message} (${error.cause.message})` : error.message;
}
