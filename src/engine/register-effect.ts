import { failpoint } from '../core/failpoint.ts';
import type { Digest } from '../core/ids.ts';
import { isJsonObject, type Json } from '../core/json.ts';
import type { Effect, EffectOutcome, EffectRequest, RegisteredVersion, Registry } from './ports.ts';

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

/**
 * Brings the registry to what a step asked for: the version exists once, the alias points to it. Going back
 * to an old model moves the alias back.
 */
export class RegisterEffect implements Effect {
  readonly #registry: Registry;
  readonly #sizeOf: (model: Digest) => number;

  constructor(registry: Registry, sizeOf: (model: Digest) => number) {
    this.#registry = registry;
    this.#sizeOf = sizeOf;
  }

  async reconcile({ request: json, trackedRun }: EffectRequest): Promise<EffectOutcome> {
    const request = requestOf(json);
    const refusal = refusalOf(request);
    if (refusal !== undefined) return { kind: 'skipped', because: refusal };
    const { version, created } = await this.#registry.register({
      name: request.model_name,
      modelDigest: request.model,
      modelSize: this.#sizeOf(request.model),
      runId: trackedRun,
      ...(request.description === null ? {} : { description: request.description }),
      tags: {
        ...request.tags,
        ...(request.verdict === null ? {} : { 'stockpot.verdict': request.verdict }),
        ...(request.compared_with === null ? {} : { 'stockpot.compared_with': request.compared_with }),
      },
    });
    failpoint('effect.registered');
    const after: Json = {
      model: request.model_name,
      version: version.version,
      ...(request.alias === null ? {} : { alias: request.alias }),
    };
    const moved = request.alias === null ? undefined : await this.#moveAlias(version, request.alias);
    if (!created && moved === undefined) return { kind: 'unchanged', state: after };
    return { kind: 'done', before: moved?.before === undefined ? null : { version: moved.before }, after };
  }

  /** Moves the alias unless it points to the version already; gives what it pointed to. */
  async #moveAlias(
    { name, version }: RegisteredVersion,
    alias: string,
  ): Promise<{ before: string | undefined } | undefined> {
    for (;;) {
      const now = await this.#registry.find(name, { alias });
      if (now?.version === version) return undefined;
      const { moved } = await this.#registry.moveAlias({ name, alias, version, expected: now?.version });
      // Somebody else moved it in between: look again.
      if (moved) return { before: now?.version };
    }
  }
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
