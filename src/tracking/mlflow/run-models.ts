import type { Row, Sql } from '../../db/sql.ts';
import { checkActive } from './check-active.ts';
import type { ModelOutput } from './messages.ts';
import { invalid } from './mlflow-error.ts';
import { requireLoggedModels } from './require-logged-models.ts';

/** Notes which logged models a run reads; again is no change. */
export async function logModelInputs(sql: Sql, run: string, ids: readonly string[]): Promise<void> {
  await link(
    sql,
    run,
    'input',
    ids.map((id) => ({ model_id: id, step: 0 })),
  );
}

/** Notes which logged models a run made, and at which step of its training; the last step told stays. */
export async function logModelOutputs(sql: Sql, run: string, outputs: readonly ModelOutput[]): Promise<void> {
  await link(sql, run, 'output', outputs);
}

/** Rows of `run_models` of one run. */
export function modelsOfRun(rows: readonly Row[]): {
  inputs: readonly { readonly model_id: string }[];
  outputs: readonly ModelOutput[];
} {
  const of = (role: Role): ModelOutput[] =>
    rows
      .filter((row) => row['role'] === role)
      .map((row) => ({ model_id: String(row['model_id']), step: Number(row['step']) }));
  return { inputs: of('input').map(({ model_id }) => ({ model_id })), outputs: of('output') };
}

type Role = 'input' | 'output';

async function link(sql: Sql, run: string, role: Role, models: readonly ModelOutput[]): Promise<void> {
  await checkActive(sql, run);
  const steps = new Map(models.map(({ model_id, step }) => [model_id, step]));
  for (const step of steps.values())
    if (step < 0) throw invalid(`Invalid value ${step} for parameter 'step' supplied: it is below 0.`);
  await requireLoggedModels(sql, [...steps.keys()]);
  await sql.runMany(
    `INSERT INTO run_models (run_uuid, role, model_id, step) VALUES (?, ?, ?, ?)
     ON CONFLICT (run_uuid, role, model_id) DO UPDATE SET step = excluded.step`,
    Array.from(steps, ([id, step]) => [run, role, id, step]),
  );
}
