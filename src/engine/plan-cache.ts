import type { Plan, PlanStep } from '../core/plan.ts';
import { type Asked, stillHolds } from '../recipe/file-reader.ts';
import type { Resolved, ResolveRequest } from '../recipe/resolve-recipe.ts';
import { digestOf } from '../store/hash.ts';
import type { PlanningIndex } from '../store/planning-index.ts';
import { staticText } from './task-document.ts';

/** Plans that are kept at once; older ones are dropped. */
const MAX_PLANS = 32;

/** A plan whose steps carry the part of their documents that follows from the plan. */
export type CachedPlan = Plan & { readonly steps: readonly (PlanStep & { readonly staticText: string })[] };

/**
 * The plan of a recipe, worked out only if anything it was made of has changed: every byte, every
 * existence and every glob that it asked about.
 */
export async function planOf(
  request: ResolveRequest,
  {
    store,
    version,
    now,
    resolve,
  }: { store: PlanningIndex; version: string; now: number; resolve: () => Promise<Resolved> },
): Promise<CachedPlan> {
  const { projectDir, file, profile, set, tickAt } = request;
  const key = digestOf(
    JSON.stringify([
      version,
      projectDir,
      file,
      profile ?? null,
      set,
      ...(tickAt === undefined ? [] : [tickAt]),
    ]),
  );
  const row = store.index.prepare('SELECT asked, plan FROM plan WHERE key = ?').get(key);
  if (row !== undefined && stillHolds(JSON.parse(String(row['asked'])) as Asked[], projectDir))
    return JSON.parse(String(row['plan'])) as CachedPlan;
  const { plan, asked } = await resolve();
  const cached: CachedPlan = {
    ...plan,
    steps: plan.steps.map((step) =>
      Object.assign({}, step, { staticText: staticText(step, plan.settings.salt) }),
    ),
  };
  store.index
    .prepare('INSERT OR REPLACE INTO plan VALUES (?, ?, ?, ?)')
    .run(key, JSON.stringify(asked), JSON.stringify(cached), now);
  store.index
    .prepare(
      `DELETE FROM plan WHERE key NOT IN (SELECT key FROM plan ORDER BY used_at DESC LIMIT ${MAX_PLANS})`,
    )
    .run();
  return cached;
}
