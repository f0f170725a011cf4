import { RecipeError } from '../core/recipe-error.ts';
import { MlflowError } from '../tracking/mlflow/mlflow-error.ts';

/**
 * What the operations of the server refuse, as a command says it.
 *
 * @throws RecipeError ACCESS_REFUSED
 */
export async function refusing<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (!(cause instanceof MlflowError)) throw cause;
    throw new RecipeError('ACCESS_REFUSED', { problem: cause.message }, { cause });
  }
}
