import type { Sql } from '../../db/sql.ts';
import type { Tag } from './messages.ts';

/** By which clients know a prompt among the registered models. */
export const PROMPT_TAG = 'mlflow.prompt.is_prompt';

/** Tags by which clients keep what a prompt is: they are no user's. */
export const PROMPT_TEXT_TAG = 'mlflow.prompt.text';
export const PROMPT_TYPE_TAG = '_mlflow_prompt_type';

export function isPrompt(tags: readonly Tag[]): boolean {
  return tags.some(({ key, value }) => key === PROMPT_TAG && value.toLowerCase() === 'true');
}

/** Whether the registered model of a name is a prompt. */
export async function isPromptName(sql: Sql, name: string): Promise<boolean> {
  const row = await sql.get(
    'SELECT value FROM registered_model_tags WHERE name = ? AND key = ?',
    name,
    PROMPT_TAG,
  );
  return row !== undefined && isPrompt([{ key: PROMPT_TAG, value: String(row['value']) }]);
}
