import { ExitCode } from '../exit-code.ts';
import type { Entry } from './entry.ts';

/** What can go wrong with databases and folders of MLflow. Documented in `docs/errors/import.md`. */
export const IMPORT_ERRORS = {
  IMPORT_SOURCE_INVALID: {
    exit: ExitCode.usage,
    message: (p: { source: string; problem: string }) => `Cannot import ${p.source}: ${p.problem}`,
    hint: () =>
      "Give MLflow's backend store: sqlite:///mlflow.db, postgresql://USER@HOST/NAME or the folder mlruns.",
  },
  IMPORT_SCHEMA_UNKNOWN: {
    exit: ExitCode.usage,
    message: (p: { source: string; revision: string; first: string; last: string }) =>
      `${p.source} has the schema revision ${p.revision}; known are those from ${p.first} (MLflow 2.22) to ${p.last} (MLflow 3.17)`,
    hint: () =>
      'Upgrade a copy of an older database with `mlflow db upgrade` of MLflow 2.22 or later, and import that; for a newer one, update Stockpot.',
  },
  DATABASE_OF_MLFLOW: {
    exit: ExitCode.usage,
    message: (p: { database: string; source: string }) =>
      `${p.database} is a database of MLflow's, which Stockpot never writes to`,
    hint: (p: { source: string }) =>
      `Import it into a database of its own: \`recipe server import ${p.source}\`, with the --database that the server is to have.`,
  },
} as const satisfies Record<string, Entry>;
