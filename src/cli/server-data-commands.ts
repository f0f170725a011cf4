import { type Declaration, JSON_OPTION } from './declaration.ts';
import { CACHE, DATABASE } from './server-commands.ts';

/** What is done to all that a server holds. */
export const SERVER_DATA_COMMANDS: readonly Declaration[] = [
  {
    name: 'server import',
    summary: 'bring the experiments, runs and models of an MLflow server here',
    args: ['SOURCE'],
    options: [
      DATABASE,
      CACHE,
      {
        long: '--artifacts',
        value: 'DIR',
        help: "the folder of MLflow's --artifacts-destination (default: mlartifacts beside SOURCE); none copies no files",
      },
      { long: '--dry-run', short: '-n', help: 'say what would be imported, and write nothing' },
      JSON_OPTION,
    ],
    examples: [
      ['recipe server import sqlite:///mlflow.db', 'a database of MLflow 2.22 to 3.17; it is only read'],
      ['recipe server import mlruns', 'a folder of files'],
      [
        'recipe server import postgresql://localhost/mlflow --database postgres://localhost/stockpot',
        'again does nothing',
      ],
    ],
    load: () => import('./server-import.ts'),
  },
  {
    name: 'server backup',
    summary: 'write the database and the files that it names into a folder, while the server runs',
    args: ['DIR'],
    options: [DATABASE, CACHE, JSON_OPTION],
    examples: [['recipe server backup /backups/2026-11-25', 'the same form from SQLite and PostgreSQL']],
    load: () => import('./server-backup.ts'),
  },
  {
    name: 'server restore',
    summary: 'bring a backup into a database that is empty',
    args: ['DIR'],
    options: [DATABASE, CACHE, JSON_OPTION],
    examples: [
      ['recipe server restore /backups/2026-11-25', 'into the .stockpot of a new folder'],
      [
        'recipe server restore /backups/2026-11-25 --database postgres://localhost/stockpot',
        'also one that was taken from SQLite',
      ],
    ],
    load: () => import('./server-restore.ts'),
  },
];
