import { APPROVAL_COMMANDS } from './approval-commands.ts';
import { CACHE_COMMANDS } from './cache-commands.ts';
import { type Declaration, JSON_OPTION, type Option, PLACES, PROFILE } from './declaration.ts';
import { FLEET_COMMANDS, UNSAFE_REDIS } from './fleet-commands.ts';
import { SCHEDULES_COMMANDS } from './schedules-commands.ts';
import { SERVER_COMMANDS } from './server-commands.ts';
import { SERVER_DATA_COMMANDS } from './server-data-commands.ts';
import { SUBMITTED_COMMANDS } from './submitted-commands.ts';

const SET: Option = {
  long: '--set',
  short: '-S',
  value: 'PATH=VALUE',
  many: true,
  help: 'set a parameter, a profile value or a key, as in steps.train.learning_rate=0.05',
};
const OFFLINE: Option = { long: '--offline', help: 'use what URLs and probes last gave, without asking' };

/** Where runs and models are kept, for commands that read or write them. */

const SELECTION: readonly Option[] = [
  { long: '--from', value: 'STEP', help: 'this step and what depends on it; what it needs must be cached' },
  { long: '--until', value: 'STEP', help: 'this step and what it needs' },
  { long: '--only', value: 'STEP', help: 'this step alone; what it needs must be cached' },
];

export const COMMANDS: readonly Declaration[] = [
  {
    name: 'run',
    summary: 'run a recipe, executing only what changed',
    args: ['[RECIPE]'],
    options: [
      PROFILE,
      SET,
      ...SELECTION,
      {
        long: '--force',
        short: '-f',
        value: 'STEP',
        optionalValue: true,
        many: true,
        help: 'execute all steps, or STEP, whatever is cached',
      },
      { long: '--dry-run', short: '-n', help: 'say what would run and why, and do nothing' },
      {
        long: '--keep-going',
        short: '-k',
        help: 'after a failure, go on with steps that do not depend on it',
      },
      {
        long: '--jobs',
        short: '-j',
        value: 'N',
        help: 'attempts at once (default: the number of processors)',
      },
      OFFLINE,
      {
        long: '--allow-changing-inputs',
        help: 'use outputs of steps whose inputs changed meanwhile; they are not cached',
      },
      UNSAFE_REDIS,
      {
        long: '--submit',
        help: 'hand the run to a driver (`recipe worker --drive N`), and do not wait for it',
      },
      { long: '--require-validated', help: 'exit 3 if the gate did not say VALIDATED' },
      ...PLACES,
      JSON_OPTION,
    ],
    examples: [
      ['recipe run', 'the recipe of this folder'],
      ['recipe run flight-delay -p full', 'with profiles/full.yaml'],
      ['recipe run flight-delay -S steps.train.learning_rate=0.05', 'with one value changed'],
      ['recipe run --until split', 'only as far as split'],
      ['recipe run --json | jq .type', 'the events of the run, one a line'],
      ['recipe run nightly -p fleet --submit', 'it goes on when this terminal is closed'],
    ],
    load: () => import('./run.ts'),
  },
  ...SUBMITTED_COMMANDS,
  {
    name: 'track',
    summary: 'run any program, and keep what it logs with MLflow as a run',
    args: ['-- PROGRAM…'],
    options: [
      {
        long: '--experiment',
        value: 'NAME',
        help: 'of the run (default: what the program says, else the name of the project)',
      },
      { long: '--name', value: 'NAME', help: 'of the run (default: what the program says)' },
      PROFILE,
      ...PLACES,
      { long: '--json', help: "print the run as JSON; the program's stdout goes to stderr" },
    ],
    examples: [
      ['recipe track -- python train.py --lr 0.1', 'mlflow.autolog() in train.py is all that it needs'],
    ],
    load: () => import('./track.ts'),
  },
  {
    name: 'init',
    summary: 'write a recipe from the columns of a file',
    args: [],
    options: [
      { long: '--data', value: 'FILE', help: 'a CSV, TSV, JSON, NDJSON or Parquet file' },
      { long: '--target', value: 'COLUMN', help: 'the column to predict' },
      {
        long: '--template',
        value: 'NAME',
        help: 'regression/v1, classification/v1 or templates/NAME.yaml, whatever the target looks like',
      },
      JSON_OPTION,
    ],
    examples: [
      ['recipe init --data churn.csv --target churned', 'then: recipe run'],
      ['recipe init --data wine.csv --target stars --template classification/v1', 'numbers as classes'],
    ],
    load: () => import('./init.ts'),
  },
  {
    name: 'status',
    summary: 'say what would run, why, and how long it would take',
    args: ['[RECIPE]'],
    options: [PROFILE, SET, ...SELECTION, OFFLINE, ...PLACES, JSON_OPTION],
    examples: [['recipe status flight-delay', 'nothing is executed, nothing written']],
    load: () => import('./status.ts'),
  },
  {
    name: 'explain',
    summary: 'say why a step ran: the root value, before and after',
    args: ['ADDRESS'],
    options: [PROFILE, SET, JSON_OPTION],
    examples: [
      ['recipe explain flight-delay:train', 'RECIPE:STEP; RECIPE may be left out where there is one'],
    ],
    load: () => import('./explain.ts'),
  },
  {
    name: 'inspect',
    summary: 'show the graph of a recipe',
    args: ['[RECIPE]'],
    options: [
      PROFILE,
      SET,
      { long: '--format', value: 'tree|mermaid|dot|json', help: 'how to print it (default: tree)' },
      { long: '--eject', help: 'print the recipe with its template written out' },
      JSON_OPTION,
    ],
    examples: [
      ['recipe inspect flight-delay', 'a tree of steps'],
      ['recipe inspect flight-delay --format mermaid', 'for a Markdown page'],
    ],
    load: () => import('./inspect.ts'),
  },
  {
    name: 'logs',
    summary: 'print what a step wrote to stdout and stderr',
    args: ['ADDRESS'],
    options: [
      PROFILE,
      SET,
      { long: '--run', value: 'ID', help: 'of this run instead of the newest' },
      {
        long: '--follow',
        short: '-f',
        help: 'print what a run that is going on writes, until the step ends',
      },
      JSON_OPTION,
    ],
    examples: [
      ['recipe logs flight-delay:train', 'of its newest run'],
      ['recipe logs -f flight-delay:train', 'while it runs'],
    ],
    load: () => import('./logs.ts'),
  },
  {
    name: 'card',
    summary: 'write the page of a step: profile, curves, metrics, criteria',
    args: ['ADDRESS'],
    options: [
      PROFILE,
      SET,
      { long: '--output', value: 'FILE', help: 'where to (default: .stockpot/cards/)' },
      JSON_OPTION,
    ],
    examples: [['recipe card flight-delay:evaluate', 'prints the path of a self-contained HTML file']],
    load: () => import('./card.ts'),
  },
  {
    name: 'artifacts list',
    summary: 'list the outputs of a recipe or step',
    args: ['[ADDRESS]'],
    options: [PROFILE, SET, JSON_OPTION],
    examples: [['recipe artifacts list flight-delay:train', 'name, kind, size, digest']],
    load: () => import('./artifacts.ts'),
  },
  {
    name: 'artifacts get',
    summary: 'copy an output to a path',
    args: ['ADDRESS', 'PATH'],
    options: [PROFILE, SET, JSON_OPTION],
    examples: [['recipe artifacts get flight-delay:train.model ./model', 'a copy of the newest model']],
    load: () => import('./artifacts-get.ts'),
  },
  {
    name: 'runs list',
    summary: 'list tracked runs',
    args: [],
    options: [
      {
        long: '--where',
        value: 'FILTER',
        help: "only those that match, as in metrics.test_roc_auc > 0.6 AND status = 'FINISHED'",
      },
      {
        long: '--sort',
        value: 'KEY',
        help: 'order, as in "metrics.test_roc_auc DESC, start_time" (default: newest first)',
      },
      {
        long: '--columns',
        value: 'A,B',
        help: 'columns to show, as in metrics.test_roc_auc,params.train.learning_rate',
      },
      { long: '--limit', value: 'N', help: 'at most so many (default: 50)' },
      { long: '--steps', help: 'runs of steps too' },
      PROFILE,
      ...PLACES,
      JSON_OPTION,
    ],
    examples: [
      [
        'recipe runs list --where "metrics.test_roc_auc > 0.66" --sort "metrics.test_roc_auc DESC"',
        'the best ones',
      ],
    ],
    load: () => import('./runs-list.ts'),
  },
  {
    name: 'runs show',
    summary: 'show the parameters, metrics and tags of a tracked run',
    args: ['ID'],
    options: [PROFILE, ...PLACES, JSON_OPTION],
    examples: [['recipe runs show 1f0c', 'the beginning of an id is enough']],
    load: () => import('./runs-show.ts'),
  },
  {
    name: 'runs compare',
    summary: 'show what differs between two tracked runs',
    args: ['ID', 'ID'],
    options: [PROFILE, ...PLACES, JSON_OPTION],
    examples: [['recipe runs compare 1f0c 77ab', 'parameters that differ, metrics side by side']],
    load: () => import('./runs-compare.ts'),
  },
  {
    name: 'models list',
    summary: 'list registered models',
    args: [],
    options: [PROFILE, ...PLACES, JSON_OPTION],
    examples: [['recipe models list', 'with their newest version and aliases']],
    load: () => import('./models-list.ts'),
  },
  {
    name: 'models show',
    summary: 'show the versions of a registered model and what was done to it',
    args: ['NAME'],
    options: [PROFILE, ...PLACES, JSON_OPTION],
    examples: [['recipe models show flight-delay', 'versions, aliases, verdicts, history']],
    load: () => import('./models-show.ts'),
  },
  {
    name: 'models promote',
    summary: 'point an alias to a model version',
    args: ['MODEL'],
    options: [
      { long: '--to', value: 'ALIAS', help: 'the alias to move (default: champion)' },
      PROFILE,
      ...PLACES,
      JSON_OPTION,
    ],
    examples: [
      ['recipe models promote flight-delay@challenger', 'the challenger becomes the champion'],
      [
        'recipe models promote flight-delay/3 --to staging',
        'by version; docs/tracking.md says when it is refused',
      ],
    ],
    load: () => import('./models-promote.ts'),
  },
  ...APPROVAL_COMMANDS,
  ...FLEET_COMMANDS,
  {
    name: 'models lineage',
    summary: 'show what a model version was made from: data, code, parameters, environment',
    args: ['MODEL'],
    options: [PROFILE, ...PLACES, JSON_OPTION],
    examples: [['recipe models lineage flight-delay@champion', 'each with its digest']],
    load: () => import('./models-lineage.ts'),
  },
  {
    name: 'reproduce',
    summary: 'make a registered model again from what its version keeps, and compare digests',
    args: ['MODEL'],
    options: [
      { long: '--into', value: 'DIR', help: 'where to (default: reproduced/NAME-VERSION)' },
      {
        long: '--input',
        value: 'PATH=FILE',
        many: true,
        help: 'a file that the version does not keep; it must have the digest that it had',
      },
      { long: '--any-version', help: 'with this version of Stockpot, whichever made the model' },
      PROFILE,
      ...PLACES,
      JSON_OPTION,
    ],
    examples: [
      ['recipe reproduce models:/flight-delay@champion', 'exit 1 if a digest is another'],
      [
        'recipe reproduce flight-delay/3 --tracking http://team:5000 --into /tmp/again',
        'on an empty machine, from a server',
      ],
    ],
    load: () => import('./reproduce.ts'),
  },
  ...CACHE_COMMANDS,
  {
    name: 'validate',
    summary: 'check a recipe without running it',
    args: ['[RECIPE]'],
    options: [
      PROFILE,
      SET,
      { long: '--show', help: 'print the resolved recipe, and where each value came from' },
      JSON_OPTION,
    ],
    examples: [['recipe validate --show', 'every value as it will be used']],
    load: () => import('./validate.ts'),
  },
  {
    name: 'schema',
    summary: 'print the JSON Schema of recipe.yaml, or of a profile, for editors',
    args: ['[recipe|profile]'],
    options: [],
    examples: [
      ['recipe schema > recipe.schema.json', 'then: # yaml-language-server: $schema=recipe.schema.json'],
      ['recipe schema profile > profile.schema.json', 'for the files in profiles/'],
    ],
    load: () => import('./schema.ts'),
  },
  ...SCHEDULES_COMMANDS,
  ...SERVER_COMMANDS,
  ...SERVER_DATA_COMMANDS,
  {
    name: 'doctor',
    summary: 'check this machine, this project and what it shares with others',
    args: ['[RECIPE]'],
    options: [
      {
        long: '--fleet',
        help: 'and what a fleet needs: Redis, shared cache, clock, keys, a worker for each queue of the recipe',
      },
      PROFILE,
      JSON_OPTION,
    ],
    examples: [
      ['recipe doctor', 'what Stockpot needs, and whether it is there'],
      [
        'recipe doctor --fleet -p fleet',
        'each finding with what to do about it; exit 69 if one would stop a run',
      ],
    ],
    load: () => import('./doctor.ts'),
  },
];
