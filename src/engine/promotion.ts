import { RecipeError } from '../core/recipe-error.ts';
import type { RegisteredVersion, Registry } from './registry-port.ts';

/** What an alias pointed to; `pending` if it still does, and waits for an approval. */
export interface Moved {
  readonly before: string | undefined;
  readonly pending?: string;
}

/** Whether the verdict on a version was given against the model that `alias` pointed to. */
export function isAtGate({ tags }: RegisteredVersion, alias: string): boolean {
  return tags['stockpot.compared_alias'] === alias && tags['stockpot.compared_with'] !== undefined;
}

/**
 * Moves the alias to a version that was judged against what it points to: compare-and-set on the digest that
 * the verdict names. What it points to now is `now`.
 *
 * @throws RecipeError CHAMPION_CHANGED, ALIAS_MOVED, REFERENCE_UNREACHABLE
 */
export async function moveThroughGate(
  registry: Registry,
  { name, version, tags }: RegisteredVersion,
  alias: string,
  now: RegisteredVersion | undefined,
): Promise<Moved> {
  const judgedAgainst = tags['stockpot.compared_with'] ?? 'none';
  // Against no model: whatever the alias points to now, it is another.
  const live =
    now === undefined
      ? 'none'
      : (now.modelDigest ?? (judgedAgainst === 'none' ? undefined : await registry.bring?.(now)));
  if (live !== judgedAgainst)
    throw new RecipeError('CHAMPION_CHANGED', {
      model: name,
      version,
      alias,
      judgedAgainst: judgedAgainst === 'none' ? 'no model' : `the model ${judgedAgainst.slice(0, 12)}`,
      now: now === undefined ? 'gone' : `version ${now.version} (${live?.slice(0, 12) ?? 'of others'})`,
    });
  return moveFrom(registry, { name, version }, alias, now);
}

/**
 * Points an alias to a version, as a person asks for it. One that had the alias before may always come back.
 *
 * @throws RecipeError MODEL_REJECTED, CHAMPION_CHANGED, ALIAS_MOVED, REFERENCE_UNREACHABLE, REGISTRY_NAME_INVALID
 */
export async function promote(registry: Registry, version: RegisteredVersion, alias: string): Promise<Moved> {
  const now = await registry.find(version.name, { alias });
  if (now?.version === version.version) return { before: now.version };
  const changes = await registry.changes(version.name);
  const comesBack = changes.some(
    ({ action, after }) => action === `alias ${alias}` && after === version.version,
  );
  if (!comesBack && version.tags['stockpot.verdict'] === 'REJECTED')
    throw new RecipeError('MODEL_REJECTED', { model: version.name, version: version.version, alias });
  return !comesBack && isAtGate(version, alias)
    ? moveThroughGate(registry, version, alias, now)
    : moveFrom(registry, version, alias, now);
}

async function moveFrom(
  registry: Registry,
  { name, version }: Pick<RegisteredVersion, 'name' | 'version'>,
  alias: string,
  now: RegisteredVersion | undefined,
): Promise<Moved> {
  const outcome = await registry.moveAlias({ name, alias, version, expected: now?.version });
  if (outcome.pending !== undefined) return { before: now?.version, pending: outcome.pending };
  // Two who promote the same version want the same.
  if (!outcome.moved && outcome.version !== version)
    throw new RecipeError('ALIAS_MOVED', { model: name, alias, version: outcome.version ?? '(none)' });
  return { before: now?.version };
}
