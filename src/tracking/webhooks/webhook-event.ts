import { invalid } from '../mlflow/mlflow-error.ts';

/** MLflow's entities, each with what may happen to it. */
const MLFLOW_ACTIONS = {
  registered_model: ['created'],
  model_version: ['created'],
  model_version_tag: ['deleted', 'set'],
  model_version_alias: ['created', 'deleted'],
  prompt: ['created'],
  prompt_version: ['created'],
  prompt_tag: ['deleted', 'set'],
  prompt_version_tag: ['deleted', 'set'],
  prompt_alias: ['created', 'deleted'],
  // Taken, and never told of: there are no budgets here.
  budget_policy: ['exceeded'],
} as const;

/** What MLflow has no events for: somebody's wish that a protected alias point to a version. */
const OWN_ACTIONS = { promotion: ['approved', 'rejected', 'requested', 'stale'] } as const;

const ACTIONS = { ...MLFLOW_ACTIONS, ...OWN_ACTIONS };

export type WebhookEntity = keyof typeof ACTIONS;
export type WebhookAction =
  | (typeof MLFLOW_WEBHOOK_ACTIONS)[number]
  | (typeof OWN_ACTIONS)['promotion'][number];

/** What a webhook may be told of, as payloads write it; MLflow's requests write both in capitals. */
export interface WebhookEvent {
  readonly entity: WebhookEntity;
  readonly action: WebhookAction;
}

export const MLFLOW_WEBHOOK_ENTITIES = Object.keys(MLFLOW_ACTIONS) as (keyof typeof MLFLOW_ACTIONS)[];
export const MLFLOW_WEBHOOK_ACTIONS = ['created', 'updated', 'deleted', 'set', 'exceeded'] as const;

/** As `promotion.approved`. */
export const OWN_WEBHOOK_EVENTS: readonly string[] = OWN_ACTIONS.promotion.map(
  (action) => `promotion.${action}`,
);

/** Whether MLflow's clients know it. */
export function isMlflowEvent({ entity }: WebhookEvent): boolean {
  return entity in MLFLOW_ACTIONS;
}

/** @throws MlflowError INVALID_PARAMETER_VALUE for what does not happen to such a thing */
export function checkEvent({ entity, action }: WebhookEvent): void {
  const actions: readonly string[] = ACTIONS[entity];
  if (actions.includes(action)) return;
  throw invalid(
    `Invalid action '${action}' for entity '${entity}'. Valid actions are: [${actions.map((one) => `'${one}'`).join(', ')}]`,
  );
}
