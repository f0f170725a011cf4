/** Keys that every step may have and that mean the same in each; no component may use these names. */
export const ENGINE_KEYS = [
  'uses',
  'run',
  'with',
  'inputs',
  'outputs',
  'code',
  'matrix',
  'when',
  'probe',
  'env',
  'pass_env',
  'resources',
  'timeout',
  'grace',
  'retry',
  'queue',
  'limits',
  'cache',
  'seed',
  'checkpoint',
  'caches',
  'isolation',
  'tools',
  'mlflow',
] as const;

/** Keys at the top of a recipe, besides those that its template declares. */
export const TOP_KEYS = [
  'template',
  'recipe',
  'params',
  'steps',
  'seed',
  'matrix_limit',
  'experiment',
  'model_registry',
] as const;

export function isEngineKey(key: string): boolean {
  return (ENGINE_KEYS as readonly string[]).includes(key);
}
