import { failpoint } from '../core/failpoint.ts';
import type { Digest } from '../core/ids.ts';
import { isJsonObject, type Json } from '../core/json.ts';
import type { Effect, EffectOutcome, EffectRequest } from './ports.ts';
import { isAtGate, type Moved, moveThroughGate } from './promotion.ts';
import type { RegisteredVersion, Registry } from './registry-port.ts';
import type { KeptReproduction } from './reproduction.ts';

/** What the component `register` writes. */
interface Request {
  readonly model_name: string;
  readonly alias: string | null;
  readonly model: Digest;
  readonly verdict: string | null;
  readonly compared_with: string | null;
  readonly allow_non_validated_model: boolean;
  readonly tags: Readonly<Record<string, string>>;
  readonly description: string | null;
}

export interface RegisterEffectOptions {
  /** Bytes of the model directory. */
  readonly sizeOf: (model: Digest) => number;
  /** Brings a model that lies in a shared cache only; undefined where there is none. */
  readonly bring: ((model: Digest, report: EffectRequest['report']) => Promise<void>) | undefined;
  /** Makes the tracked run of this run known: a version names it. */
  readonly announce: () => Promise<void>;
  /** Keeps what a model can be made from again; undefined if that is not known. */
  readonly reproduction: (model: Digest, request: EffectRequest) => Promise<KeptReproduction | undefined>;
}

/**
 * Brings the registry to what a step asked for: the version exists once, with its tags, and the alias points
 * to it. Going back to an old model moves the alias back.
 */
export class RegisterEffect implements Effect {
  readonly #open: () => Promise<Registry>;
  readonly #options: RegisterEffectOptions;

  constructor(open: () => Promise<Registry>, options: RegisterEffectOptions) {
    this.#open = open;
    this.#options = options;
  }

  async reconcile(asked: EffectRequest): Promise<EffectOutcome> {
    const { request: json, trackedRun, gate } = asked;
    const request = requestOf(json);
    const judgement = judgementOf(request, gate);
    const refusal = refusalOf(request);
    const registry = await this.#open();
    if (refusal !== undefined) {
      await note(registry, request, judgement);
      return { kind: 'skipped', because: refusal };
    }
    const { bring } = this.#options;
    if (bring !== undefined && (await registry.findByDigest(request.model_name, request.model)) === undefined)
      await bring(request.model, asked.report);
    const { version, created, changed } = await registry.register({
      name: request.model_name,
      modelDigest: request.model,
      modelSize: this.#options.sizeOf(request.model),
      runId: trackedRun,
      announce: this.#options.announce,
      reproduction: () => this.#options.reproduction(request.model, asked),
      ...(request.description === null ? {} : { description: request.description }),
      tags: { ...request.tags, ...judgement },
    });
    failpoint('effect.registered');
    const after: Json = {
      model: request.model_name,
      version: version.version,
      ...(request.alias === null ? {} : { alias: request.alias }),
    };
    const moved = request.alias === null ? undefined : await moveAlias(registry, version, request.alias);
    if (moved?.pending !== undefined) return { kind: 'pending', state: after, promotion: moved.pending };
    if (!created && !changed && moved === undefined) return { kind: 'unchanged', state: after };
    return { kind: 'done', before: moved?.before === undefined ? null : { version: moved.before }, after };
  }
}

/** A version that was registered before learns what it was judged to be since. */
async function note(registry: Registry, request: Request, judgement: Record<string, string>): Promise<void> {
  const known = await registry.findByDigest(request.model_name, request.model);
  if (known !== undefined) await registry.setTags(known.name, known.version, judgement);
}

/** Moves the alias unless it points to the version already; gives what it pointed to. */
async function moveAlias(
  registry: Registry,
  version: RegisteredVersion,
  alias: string,
): Promise<Moved | undefined> {
  for (;;) {
    const now = await registry.find(version.name, { alias });
    if (now?.version === version.version) return undefined;
    if (isAtGate(version, alias)) return moveThroughGate(registry, version, alias, now);
    const { moved, pending } = await registry.moveAlias({
      name: version.name,
      alias,
      version: version.version,
      expected: now?.version,
    });
    if (pending !== undefined) return { before: now?.version, pending };
    // Somebody else moved it in between: look again.
    if (moved) return { before: now?.version };
  }
}

/** What the verdict says, as tags of the version. */
function judgementOf(
  { verdict, compared_with, model_name }: Request,
  gate: EffectRequest['gate'],
): Record<string, string> {
  const tags: Record<string, string> = {};
  if (verdict !== null) tags['stockpot.verdict'] = verdict;
  if (compared_with !== null) tags['stockpot.compared_with'] = compared_with;
  if (gate === undefined || gate.model !== model_name) return tags;
  return {
    ...tags,
    'stockpot.compared_with': compared_with ?? 'none',
    'stockpot.compared_alias': gate.alias,
  };
}

function refusalOf({ verdict, allow_non_validated_model: allowed }: Request): string | undefined {
  if (verdict === 'REJECTED') return 'the verdict is REJECTED';
  if (verdict === 'UNKNOWN' && !allowed)
    return 'the verdict is UNKNOWN: give validation_criteria, or allow_non_validated_model: true';
  return undefined;
}

function requestOf(json: Json): Request {
  if (!isJsonObject(json) || typeof json['model_name'] !== 'string' || typeof json['model'] !== 'string')
    throw new Error('the request names no model');
  return json as unknown as Request;
}
