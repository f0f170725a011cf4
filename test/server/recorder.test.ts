import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { nestedRunId } from '../../src/engine/nested-runs.ts';
import type { RecordedFile, Recorder } from '../../src/engine/recorder-port.ts';
import { startRun } from '../../src/exports/client.ts';
import { openRecorder } from '../../src/server/recorder.ts';

const RUN = 'a'.repeat(32);

/** A recorder in a folder of its own, and requests to it. */
class RecorderRig implements AsyncDisposable {
  readonly dir: string;
  readonly recorder: Recorder;
  readonly bugs: Error[];

  private constructor(dir: string, recorder: Recorder, bugs: Error[]) {
    this.dir = dir;
    this.recorder = recorder;
    this.bugs = bugs;
  }

  static async create(): Promise<RecorderRig> {
    const dir = mkdtempSync(join(tmpdir(), 'stockpot-'));
    const bugs: Error[] = [];
    const recorder = await openRecorder(
      {
        run: RUN,
        name: 'fit',
        experiment: 'prices',
        dir,
        insteadOfRegistering: 'Use `register`.',
        onBug: (error) => bugs.push(error),
      },
      { now: () => 1000, version: '0.0.0' },
    );
    return new RecorderRig(dir, recorder, bugs);
  }

  async ask(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<unknown> {
    const { MLFLOW_TRACKING_URI: url = '' } = this.recorder.env;
    const response = await fetch(`${url}/api/2.0/${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.recorder.token}`,
        ...(typeof body === 'object' ? { 'content-type': 'application/json' } : {}),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    return { status: response.status, ...((await response.json()) as object) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.recorder[Symbol.asyncDispose]();
    rmSync(this.dir, { recursive: true });
    const [bug] = this.bugs;
    if (bug !== undefined) throw bug;
  }
}

function textsOf(files: readonly RecordedFile[]): Record<string, string> {
  return Object.fromEntries(files.map(({ path, file }) => [path, readFileSync(file, 'utf8')]));
}

describe('a recorder', () => {
  test('gives back what was logged to its run', async () => {
    await using rig = await RecorderRig.create();
    const run = await startRun({ env: rig.recorder.env });
    expect(run.id).toBe(RUN);
    await run.logParam('depth', 6);
    await run.logMetric('loss', 0.5, { step: 1, timestamp: 7 });
    await run.logMetric('loss', Number.NaN, { step: 2, timestamp: 8 });
    await run.setTags({ owner: 'ann', 'mlflow.user': 'ann', 'mlflow.source.name': 'x.py' });
    await run.logText('a', 'notes/a.txt');
    await run.logText('a', 'notes/again.txt');
    await run.end();
    const dataset = {
      name: 'rows',
      digest: 'd1',
      source_type: 'local',
      source: '{"uri":"x"}',
      profile: '{"num_rows":3}',
    };
    const tags = [{ key: 'mlflow.data.context', value: 'training' }];
    await rig.ask('POST', 'mlflow/runs/log-inputs', { run_id: RUN, datasets: [{ dataset, tags }] });
    const { own, nested, warnings, ...rest } = await rig.recorder.read();
    expect(own).toMatchObject({
      params: [{ key: 'depth', value: '6' }],
      metrics: [
        { key: 'loss', value: 0.5, step: 1, timestamp: 7 },
        { key: 'loss', value: Number.NaN, step: 2, timestamp: 8 },
      ],
      tags: [{ key: 'owner', value: 'ann' }],
      datasets: [
        {
          name: 'rows',
          digest: 'd1',
          sourceType: 'local',
          source: '{"uri":"x"}',
          profile: '{"num_rows":3}',
          context: 'training',
        },
      ],
    });
    expect(textsOf(own.files)).toEqual({ 'notes/a.txt': 'a', 'notes/again.txt': 'a' });
    expect({ nested, warnings, rest }).toEqual({ nested: [], warnings: [], rest: {} });
  });

  test('keeps the name of its experiment once something was logged, as a run stays where it was begun', async () => {
    await using rig = await RecorderRig.create();
    await rig.ask('POST', 'mlflow/experiments/create', { name: 'wines' });
    await rig.ask('POST', 'mlflow/runs/log-parameter', { run_id: RUN, key: 'a', value: '1' });
    await rig.ask('POST', 'mlflow/experiments/create', { name: 'later' });
    expect(await rig.recorder.read()).toMatchObject({ experiment: 'wines' });
  });

  test('has one experiment, whatever it is called, and keeps the names that a program gives', async () => {
    await using rig = await RecorderRig.create();
    const theOne = {
      status: 200,
      experiment: expect.objectContaining({ experiment_id: '0', name: 'iris' }),
    };
    expect(await rig.ask('GET', 'mlflow/experiments/get-by-name?experiment_name=iris')).toEqual(theOne);
    expect(await rig.ask('GET', 'mlflow/experiments/get?experiment_id=7')).toEqual(theOne);
    expect(await rig.ask('POST', 'mlflow/experiments/create', { name: 'wines' })).toEqual({
      status: 200,
      experiment_id: '0',
    });
    await rig.ask('POST', 'mlflow/runs/update', { run_id: RUN, run_name: 'best' });
    expect(await rig.recorder.read()).toMatchObject({ experiment: 'wines', name: 'best' });
  });

  test('keeps the runs that are begun beside its own, by number, with the run that each is below', async () => {
    await using rig = await RecorderRig.create();
    const begin = async (parent: string, name: string): Promise<string> => {
      const tags = [{ key: 'mlflow.parentRunId', value: parent }];
      const made = await rig.ask('POST', 'mlflow/runs/create', { experiment_id: '0', run_name: name, tags });
      return (made as { run: { info: { run_id: string } } }).run.info.run_id;
    };
    const search = await begin(RUN, 'search');
    const trial = await begin(search, 'trial');
    expect([search, trial]).toEqual([nestedRunId(RUN, '1'), nestedRunId(RUN, '2')]);
    await rig.ask('POST', 'mlflow/runs/log-parameter', { run_id: trial, key: 'C', value: '1' });
    await rig.ask('POST', 'mlflow/runs/update', { run_id: trial, status: 'FAILED', end_time: 9 });
    const gone = await begin(RUN, 'gone');
    await rig.ask('POST', 'mlflow/runs/delete', { run_id: gone });
    const { own, nested } = await rig.recorder.read();
    expect(own.params).toEqual([]);
    const byNumber = nested.toSorted((a, b) => (a.number < b.number ? -1 : 1));
    expect(byNumber).toMatchObject([
      { number: '1', name: 'search', status: 'FINISHED', params: [] },
      {
        number: '2',
        name: 'trial',
        status: 'FAILED',
        parent: '1',
        endTime: 9,
        params: [{ key: 'C', value: '1' }],
      },
    ]);
    expect(byNumber[0]).not.toHaveProperty('parent');
  });

  test('has the models of MLflow 3 as folders of the runs that made them, the newest under its name', async () => {
    await using rig = await RecorderRig.create();
    const log = async (name: string, isWhole: boolean): Promise<void> => {
      const made = (await rig.ask('POST', 'mlflow/logged-models', {
        experiment_id: '0',
        name,
        source_run_id: RUN,
      })) as { model: { info: { model_id: string; artifact_uri: string } } };
      const { model_id: id, artifact_uri: uri } = made.model.info;
      const root = uri.replace('mlflow-artifacts:/', '');
      await rig.ask('PUT', `mlflow-artifacts/artifacts/${root}/MLmodel`, id);
      if (isWhole)
        await rig.ask('PATCH', `mlflow/logged-models/${id}`, { model_id: id, status: 'LOGGED_MODEL_READY' });
    };
    await log('model', true);
    await log('model', true);
    await log('half', false);
    const { own, warnings } = await rig.recorder.read();
    const texts = textsOf(own.files);
    expect(Object.keys(texts).toSorted()).toEqual(['model-1/MLmodel', 'model/MLmodel']);
    expect(new Set(Object.values(texts)).size).toBe(2);
    expect(warnings).toEqual(['the model half was not logged to its end, and is not kept']);
  });

  test('says that traces are not kept', async () => {
    await using rig = await RecorderRig.create();
    await rig.ask('POST', 'mlflow/traces', { experiment_id: '0', timestamp_ms: 1 });
    expect((await rig.recorder.read()).warnings).toEqual([
      '1 traces were logged, which a recorded run does not keep',
    ]);
  });
});

describe('a recorder refuses', () => {
  test('whoever has not its token, and a page that sends requests through a browser', async () => {
    await using rig = await RecorderRig.create();
    const get = `mlflow/runs/get?run_id=${RUN}`;
    const wrong = { status: 401, error_code: 'UNAUTHENTICATED', message: expect.any(String) };
    expect(await rig.ask('GET', get, undefined, { authorization: 'Bearer x' })).toEqual(wrong);
    expect(await rig.ask('GET', get, undefined, { authorization: '' })).toEqual(wrong);
    const body = { run_id: RUN, key: 'a', value: 'b' };
    expect(
      await rig.ask('POST', 'mlflow/runs/set-tag', body, { origin: 'http://evil.example' }),
    ).toMatchObject({
      status: 403,
    });
    expect(await rig.ask('GET', get)).toMatchObject({ status: 200 });
  });

  test.each([
    ['POST', 'registered-models/create', { name: 'm' }],
    ['POST', 'model-versions/create', { name: 'm', source: `runs:/${RUN}/model` }],
    ['POST', 'registered-models/alias', { name: 'm', alias: 'champion', version: '1' }],
  ])('%s %s: a model is registered otherwise', async (method, path, body) => {
    await using rig = await RecorderRig.create();
    expect(await rig.ask(method, `mlflow/${path}`, body)).toEqual({
      status: 403,
      error_code: 'PERMISSION_DENIED',
      message: 'Use `register`.',
    });
  });

  test.each([
    'registered-models/alias?name=m&alias=champion',
    'model-versions/get-download-uri?name=m&version=1',
  ])('GET %s: a model comes in as an input', async (path) => {
    await using rig = await RecorderRig.create();
    expect(await rig.ask('GET', `mlflow/${path}`)).toEqual({
      status: 403,
      error_code: 'PERMISSION_DENIED',
      message: expect.stringContaining('`inputs: { model: models:/NAME@champion }`'),
    });
  });

  test('what is for users: there are none', async () => {
    await using rig = await RecorderRig.create();
    expect(await rig.ask('POST', 'mlflow/users/create', { username: 'a', password: 'b' })).toMatchObject({
      status: 404,
      error_code: 'ENDPOINT_NOT_FOUND',
    });
  });
});

test('a recorder that is closed answers no more', async () => {
  const rig = await RecorderRig.create();
  const { MLFLOW_TRACKING_URI: url = '' } = rig.recorder.env;
  await rig[Symbol.asyncDispose]();
  await expect(fetch(url)).rejects.toThrow('fetch failed');
  expect(existsSync(rig.dir)).toBe(false);
});
