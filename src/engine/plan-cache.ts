import type { DatabaseSync } from 'node:sqlite';
import type { Plan, PlanStep } from '../core/plan.ts';
import type { RecipeLocation } from '../recipe/address.ts';
import { type Asked, stillHolds } from '../recipe/file-reader.ts';
import type { Resolved } from '../recipe/resolve-recipe.ts';
import { digestOf } from '../store/hash.ts';
import { staticText } from './task-document.ts';

/** Plans that are kept at once; older ones are dropped. */
const MAX_PLANS = 32;

/** A plan whose steps carry the part of their documents that follows from the plan. */
export type CachedPlan = Plan & { readonly steps: readonly (PlanStep & { readonly staticText: string })[] };

/** What a plan is kept under: all that it was asked for by, but for the files. */
export function planKey(
  version: string,
  { projectDir, file }: RecipeLocation,
  profile: string | undefined,
  set: readonly string[],
): string {
  return digestOf(JSON.stringify([version, projectDir, file, profile ?? null, set]));
}

/** The plan, if every byte, every existence and every glob that it asked about is the same. */
export function recallPlan(index: DatabaseSync, key: string, projectDir: string): CachedPlan | undefined {
  const row = index.prepare('SELECT asked, plan FROM plan WHERE key = ?').get(key);
  return row !== undefined && stillHolds(JSON.parse(String(row['asked'])) as Asked[], projectDir)
    ? (JSON.parse(String(row['plan'])) as CachedPlan)
    : undefined;
}

export function keepPlan(index: DatabaseSync, key: string, resolved: Resolved, now: number): CachedPlan {
  const plan = planOf(resolved);
  index
    .prepare('INSERT OR REPLACE INTO plan VALUES (?, ?, ?, ?)')
    .run(key, JSON.stringify(resolved.asked), JSON.stringify(plan), now);
  index
    .prepare(
      `DELETE FROM plan WHERE key NOT IN (SELECT key FROM plan ORDER BY used_at DESC LIMIT ${MAX_PLANS})`,
    )
    .run();
  return plan;
}

export function planOf({ plan }: Resolved): CachedPlan {
  return {
    ...plan,
    steps: plan.steps.map((step) =>
      Object.assign({}, step, { staticText: staticText(step, plan.settings.salt) }),
    ),
  };
}
