import { describe, expect, test } from 'vitest';
import { CliRig } from '../rigs/cli-rig.ts';
import { realServer } from '../rigs/mlflow-server.ts';
import { PostgresRig } from '../rigs/postgres-rig.ts';
import { type Refusal, refusals } from '../rigs/refused-requests.ts';
import { ServerProcess } from '../rigs/server-process.ts';
import { REFUSED } from './refusals.ts';

/** What is answered otherwise than by either MLflow, and why. */
const OTHERWISE: Readonly<Record<string, string>> = {
  'a fraction as step': 'MLflow answers that there is no run without an id',
  'a run with a long tag': 'MLflow takes a tag here that it refuses anywhere else',
  'an unknown status': 'MLflow changes nothing, and says nothing',
  'runs ordered by nothing': 'messages about filters and orders are our own, with the column',
  'a data set without a name': 'MLflow keeps one without a name',
  'a data set with an empty digest': 'MLflow keeps one without a digest',
  'a deleted experiment renamed': 'MLflow answers 500, which clients try again',
  'an experiment renamed to one that is there': 'MLflow answers with an error of its database',
  'no models of a page': 'MLflow answers nothing, with a token of the same page',
  'a version of a bad source': 'there are other schemes',
  'a tag of no trace': 'MLflow answers with an error of its database',
  'a long key of a tag of a trace': 'whether there is a trace is looked at first',
  'a tag deleted of no trace': 'the trace is missing, not the tag',
  'an inactive stage archived': 'MLflow answers 500, which clients try again',
};

/** As MLflow 3 has it, which 2.22 did not. */
const AS_3: readonly string[] = [
  'an experiment renamed to a long name',
  'a long value of a tag of an experiment',
  'a long value of a tag of a model',
  'a long value of a tag of a version',
  'no model of an alias',
];

/** As 2.22 has it; MLflow 3 answers otherwise. */
const AS_2: readonly string[] = [
  'a run of a bad experiment id',
  'an experiment of a bad id',
  'runs of no experiment',
  'a version of no model',
  'traces deleted by nothing',
];

const VERSIONS = [
  ['MLflow 2.22', process.env['STOCKPOT_TEST_PYTHON'], AS_3],
  ['MLflow 3', process.env['STOCKPOT_TEST_PYTHON_MLFLOW3'], AS_2],
] as const;

const noPostgres = await PostgresRig.missing();

describe.each(VERSIONS)('what the server of %s refuses', (_, python = '', others) => {
  test.skipIf(python === '' || noPostgres !== undefined)(
    'is refused here with the same status, code and message',
    async () => {
      await using rig = await CliRig.create();
      await using real = await realServer(python, rig.dir);
      const wanted = Object.entries(await refusals(real.url, REFUSED));
      await using server = await ServerProcess.start(rig);
      const got = await refusals(server.url, REFUSED);
      const different = wanted
        .filter(([name, refusal]) => !isSame(name, refusal, got[name]))
        .map(([name]) => name);
      expect(different.toSorted()).toEqual([...Object.keys(OTHERWISE), ...others].toSorted());
      await using postgres = await PostgresRig.start();
      await using other = await CliRig.create();
      await using onPostgres = await ServerProcess.start(other, '--database', postgres.url);
      expect(await refusals(onPostgres.url, REFUSED)).toEqual(got);
    },
    480_000,
  );
});

/** Of this one MLflow names the fields in an order that differs each time. */
const IN_ANY_ORDER = 'a model that lacks all';

/** MLflow goes on with what its database said. */
function isSame(name: string, wanted: Refusal, got: Refusal | undefined): boolean {
  const message = typeof wanted.message === 'string' ? wanted.message.split(' Error: (')[0] : wanted.message;
  const said = (text: unknown): unknown =>
    name === IN_ANY_ORDER ? String(text).match(/\w+/g)?.toSorted().join(' ') : text;
  return wanted.status === got?.status && wanted.code === got.code && said(message) === said(got.message);
}
