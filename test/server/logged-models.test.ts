import { describe, expect, test } from 'vitest';
import { type Answer, HOST, ServerRig } from '../rigs/server-rig.ts';

interface Model {
  readonly info: { readonly model_id: string; readonly name: string; readonly status: string };
  readonly data: { readonly metrics: readonly object[] };
}

/** Id of a new model in the experiment `Default`. */
async function create(rig: ServerRig, body: object = {}): Promise<string> {
  return modelOf(await rig.post('logged-models', { experiment_id: '0', ...body })).info.model_id;
}

function modelOf({ body }: Answer): Model {
  return body['model'] as Model;
}

async function search(rig: ServerRig, body: object = {}): Promise<string[]> {
  const answer = await rig.post('logged-models/search', { experiment_ids: ['0'], ...body });
  expect(answer).toMatchObject({ status: 200 });
  return (answer.body['models'] as Model[]).map(({ info }) => info.name);
}

const NOT_FOUND = { status: 404, body: { error_code: 'RESOURCE_DOES_NOT_EXIST' } };
const INVALID = { status: 400, body: { error_code: 'INVALID_PARAMETER_VALUE' } };

describe('a logged model', () => {
  test('is pending until its files are there, and is read back as it was logged', async () => {
    await using rig = ServerRig.create();
    const run = await rig.run();
    const answer = await rig.post('logged-models', {
      experiment_id: '0',
      name: 'forest',
      model_type: 'agent',
      source_run_id: run,
      params: [{ key: 'depth', value: '3' }],
      tags: [{ key: 'team', value: 'blue' }],
    });
    const id = `m-${'2'.padStart(32, '0')}`;
    const model = {
      info: {
        model_id: id,
        experiment_id: '0',
        name: 'forest',
        creation_timestamp_ms: 1000,
        last_updated_timestamp_ms: 1000,
        artifact_uri: `mlflow-artifacts:/0/models/${id}/artifacts`,
        status: 'LOGGED_MODEL_PENDING',
        model_type: 'agent',
        source_run_id: run,
        tags: [{ key: 'team', value: 'blue' }],
      },
      data: { params: [{ key: 'depth', value: '3' }], metrics: [] },
    };
    expect(answer).toEqual({ status: 200, body: { model } });
    rig.now = 2000;
    const ready = {
      ...model,
      info: { ...model.info, status: 'LOGGED_MODEL_READY', last_updated_timestamp_ms: 2000 },
    };
    expect(await rig.send('PATCH', `logged-models/${id}`, { status: 'LOGGED_MODEL_READY' })).toEqual({
      status: 200,
      body: { model: ready },
    });
    expect(await rig.get(`logged-models/${id}`)).toEqual({ status: 200, body: { model: ready } });
  });

  test('lies below the place of its experiment, and has a name of its own', async () => {
    await using rig = ServerRig.create();
    const { body } = await rig.post('experiments/create', { name: 'x', artifact_location: 's3://bucket/x' });
    const answer = await rig.post('logged-models', { experiment_id: body['experiment_id'] });
    expect(modelOf(answer).info).toMatchObject({
      name: expect.stringMatching(/^[a-z]+-[a-z]+-\d+$/),
      artifact_uri: expect.stringMatching(/^s3:\/\/bucket\/x\/models\/m-\d{32}\/artifacts$/),
    });
  });

  test('is not made of what is not there or may not stand in a URI', async () => {
    await using rig = ServerRig.create();
    for (const name of ['', 'a/b', 'a:b', 'a.b', 'a%b'])
      expect([name, await rig.post('logged-models', { experiment_id: '0', name })]).toMatchObject([
        name,
        INVALID,
      ]);
    expect(await rig.post('logged-models', { experiment_id: '9' })).toMatchObject(NOT_FOUND);
    expect(await rig.post('logged-models', { experiment_id: '0', source_run_id: 'none' })).toMatchObject(
      NOT_FOUND,
    );
    expect(await rig.post('logged-models', {})).toMatchObject(INVALID);
    expect(await search(rig)).toEqual([]);
  });

  test('that is deleted is found no more', async () => {
    await using rig = ServerRig.create();
    const id = await create(rig);
    expect(await rig.send('DELETE', `logged-models/${id}`, { model_id: id })).toEqual({
      status: 200,
      body: {},
    });
    expect(await rig.get(`logged-models/${id}`)).toMatchObject(NOT_FOUND);
    expect(await rig.send('PATCH', `logged-models/${id}/tags`, { tags: [] })).toMatchObject(NOT_FOUND);
    expect(await search(rig)).toEqual([]);
  });

  test('is the one of the path, whatever the body says', async () => {
    await using rig = ServerRig.create();
    const [first, second] = [await create(rig, { name: 'first' }), await create(rig, { name: 'second' })];
    await rig.send('DELETE', `logged-models/${first}`, { model_id: second });
    expect(await search(rig)).toEqual(['second']);
  });

  test('lists the files that were written below it', async () => {
    await using rig = ServerRig.create();
    const id = await create(rig);
    for (const path of ['MLmodel', 'data/weights.bin'])
      await rig.app.inject({
        method: 'PUT',
        url: `/api/2.0/mlflow-artifacts/artifacts/0/models/${id}/artifacts/${path}`,
        headers: HOST,
        payload: 'four',
      });
    const root_uri = `mlflow-artifacts:/0/models/${id}/artifacts`;
    expect(await rig.get(`logged-models/${id}/artifacts/directories`)).toEqual({
      status: 200,
      body: {
        root_uri,
        files: [
          { path: 'MLmodel', is_dir: false, file_size: 4 },
          { path: 'data', is_dir: true },
        ],
      },
    });
    expect(
      await rig.get(`logged-models/${id}/artifacts/directories`, { artifact_directory_path: 'data' }),
    ).toMatchObject({ body: { files: [{ path: 'data/weights.bin', is_dir: false, file_size: 4 }] } });
    expect(
      await rig.get(`logged-models/${id}/artifacts/directories`, { artifact_directory_path: '../..' }),
    ).toMatchObject(INVALID);
  });

  test('is registered by its id', async () => {
    await using rig = ServerRig.create();
    const id = await create(rig);
    await rig.post('registered-models/create', { name: 'house' });
    expect(await rig.post('model-versions/create', { name: 'house', source: `models:/${id}` })).toMatchObject(
      {
        status: 200,
        body: { model_version: { version: '1', source: `mlflow-artifacts:/0/models/${id}/artifacts` } },
      },
    );
    expect(
      await rig.post('model-versions/create', { name: 'house', source: `models:/m-${'f'.repeat(32)}` }),
    ).toMatchObject(NOT_FOUND);
  });
});

describe('what is said of a logged model', () => {
  test('tags change, and go one by one', async () => {
    await using rig = ServerRig.create();
    const id = await create(rig, { tags: [{ key: 'a', value: '1' }] });
    expect(
      await rig.send('PATCH', `logged-models/${id}/tags`, {
        tags: [
          { key: 'a', value: '2' },
          { key: 'b c', value: '' },
        ],
      }),
    ).toMatchObject({
      status: 200,
      body: {
        model: {
          info: {
            tags: [
              { key: 'a', value: '2' },
              { key: 'b c', value: '' },
            ],
          },
        },
      },
    });
    expect(await rig.send('DELETE', `logged-models/${id}/tags/b%20c`, {})).toEqual({ status: 200, body: {} });
    expect(await rig.send('DELETE', `logged-models/${id}/tags/b%20c`, {})).toMatchObject(NOT_FOUND);
    expect(await rig.get(`logged-models/${id}`)).toMatchObject({
      body: { model: { info: { tags: [{ key: 'a', value: '2' }] } } },
    });
  });

  test('parameters keep their first value', async () => {
    await using rig = ServerRig.create();
    const id = await create(rig, { params: [{ key: 'a', value: '1' }] });
    const log = (params: object[]): Promise<Answer> => rig.post(`logged-models/${id}/params`, { params });
    expect(await log([{ key: 'b', value: '2' }])).toEqual({ status: 200, body: {} });
    expect(await log([{ key: 'a', value: '1' }])).toEqual({ status: 200, body: {} });
    expect(
      await log([
        { key: 'c', value: '3' },
        { key: 'a', value: '2' },
      ]),
    ).toMatchObject(INVALID);
    expect(await rig.get(`logged-models/${id}`)).toMatchObject({
      body: {
        model: {
          data: {
            params: [
              { key: 'a', value: '1' },
              { key: 'b', value: '2' },
            ],
          },
        },
      },
    });
  });

  test('metrics that a run logs with its id are those of both', async () => {
    await using rig = ServerRig.create();
    const [run, id] = [await rig.run(), await create(rig)];
    const point = { key: 'auc', value: 0.5, timestamp: 1, step: 2 };
    const on = { model_id: id, dataset_name: 'test', dataset_digest: 'abc' };
    expect(await rig.post('runs/log-metric', { run_id: run, ...point, ...on })).toEqual({
      status: 200,
      body: {},
    });
    await rig.post('runs/log-batch', {
      run_id: run,
      metrics: [
        { ...point, ...on },
        { key: 'loss', value: 'NaN', timestamp: 1, model_id: id },
        { key: 'other', value: 1, timestamp: 1 },
      ],
    });
    expect(modelOf(await rig.get(`logged-models/${id}`)).data.metrics).toEqual([
      { ...point, ...on, run_id: run },
      { key: 'loss', value: 'NaN', timestamp: 1, step: 0, model_id: id, run_id: run },
    ]);
    expect(await rig.get('metrics/get-history', { run_id: run, metric_key: 'auc' })).toEqual({
      status: 200,
      body: { metrics: [point] },
    });
  });

  test('a batch with a metric of an unknown model leaves nothing behind', async () => {
    await using rig = ServerRig.create();
    const run = await rig.run();
    expect(
      await rig.post('runs/log-batch', {
        run_id: run,
        metrics: [{ key: 'auc', value: 1, timestamp: 1, model_id: 'm-none' }],
      }),
    ).toMatchObject(NOT_FOUND);
    expect(await rig.get('runs/get', { run_id: run })).toMatchObject({
      body: { run: { data: { metrics: [] } } },
    });
  });
});

describe('a run', () => {
  test('knows the models that it read and made', async () => {
    await using rig = ServerRig.create();
    const [run, read, made] = [await rig.run(), await create(rig), await create(rig)];
    expect(await rig.post('runs/log-inputs', { run_id: run, models: [{ model_id: read }] })).toEqual({
      status: 200,
      body: {},
    });
    for (const step of [1, 5])
      expect(await rig.post('runs/outputs', { run_id: run, models: [{ model_id: made, step }] })).toEqual({
        status: 200,
        body: {},
      });
    expect(await rig.get('runs/get', { run_id: run })).toMatchObject({
      body: {
        run: {
          inputs: { dataset_inputs: [], model_inputs: [{ model_id: read }] },
          outputs: { model_outputs: [{ model_id: made, step: 5 }] },
        },
      },
    });
  });

  test('is linked to no model that is not there', async () => {
    await using rig = ServerRig.create();
    const run = await rig.run();
    for (const call of ['runs/outputs', 'runs/log-inputs'])
      expect(await rig.post(call, { run_id: run, models: [{ model_id: 'm-none' }] })).toMatchObject(
        NOT_FOUND,
      );
  });
});

describe('logged models are found', () => {
  async function three(): Promise<ServerRig> {
    const rig = ServerRig.create();
    const run = await rig.run();
    const models = [
      ['first', 0.7, 'train'],
      ['second', 0.9, 'train'],
      ['third', 0.1, 'test'],
    ] as const;
    for (const [name, value, dataset_name] of models) {
      rig.now += 1;
      const id = await create(rig, {
        name,
        params: [{ key: 'of', value: name }],
        tags: [{ key: 'k', value: name }],
      });
      await rig.post('runs/log-metric', {
        run_id: run,
        key: 'auc',
        value,
        timestamp: 1,
        model_id: id,
        dataset_name,
        dataset_digest: 'abc',
      });
      if (name === 'second') await rig.send('PATCH', `logged-models/${id}`, { status: 'LOGGED_MODEL_READY' });
    }
    rig.now += 1;
    await create(rig, { name: 'fourth' });
    return rig;
  }

  test.each([
    ['', ['fourth', 'third', 'second', 'first']],
    ["status = 'READY'", ['second']],
    ["name LIKE 'f%'", ['fourth', 'first']],
    ['metrics.auc > 0.5', ['second', 'first']],
    ["params.of = 'first'", ['first']],
    ["tags.k != 'first' AND creation_timestamp < 1003", ['second']],
    ["name IN ('first', 'third')", ['third', 'first']],
  ])('by %s', async (filter, names) => {
    await using rig = await three();
    expect(await search(rig, { filter })).toEqual(names);
  });

  test('by the data that they were measured on', async () => {
    await using rig = await three();
    const datasets = [{ dataset_name: 'train' }];
    expect(await search(rig, { datasets })).toEqual(['second', 'first']);
    expect(await search(rig, { datasets, filter: 'metrics.auc < 0.8' })).toEqual(['first']);
    expect(await search(rig, { datasets, filter: "experiment_id = '0' AND metrics.auc < 0.8" })).toEqual([
      'first',
    ]);
    expect(await search(rig, { datasets, filter: "experiment_id NOT IN ('0')" })).toEqual([]);
    expect(await search(rig, { datasets: [{ dataset_name: 'train', dataset_digest: 'x' }] })).toEqual([]);
    expect(
      await rig.post('logged-models/search', { experiment_ids: ['0'], datasets: [{ dataset_digest: 'x' }] }),
    ).toMatchObject(INVALID);
  });

  test('in an order, and what lacks the metric comes last', async () => {
    await using rig = await three();
    const by = (order: object): Promise<string[]> => search(rig, { order_by: [order] });
    expect(await by({ field_name: 'metrics.auc' })).toEqual(['third', 'first', 'second', 'fourth']);
    expect(await by({ field_name: 'metrics.auc', ascending: false })).toEqual([
      'second',
      'first',
      'third',
      'fourth',
    ]);
    expect(await by({ field_name: 'metrics.auc', ascending: false, dataset_name: 'test' })).toEqual([
      'third',
      'fourth',
      'second',
      'first',
    ]);
    expect(await by({ field_name: 'creation_time' })).toEqual(['first', 'second', 'third', 'fourth']);
    expect(
      await rig.post('logged-models/search', { experiment_ids: ['0'], order_by: [{ field_name: 'size' }] }),
    ).toMatchObject(INVALID);
  });

  test('a page at a time', async () => {
    await using rig = await three();
    const first = await rig.post('logged-models/search', { experiment_ids: ['0'], max_results: 3 });
    expect(first.body['models']).toHaveLength(3);
    const second = await rig.post('logged-models/search', {
      experiment_ids: ['0'],
      max_results: 3,
      page_token: first.body['next_page_token'],
    });
    expect(second.body).toMatchObject({ models: [{ info: { name: 'first' } }] });
    expect(second.body).not.toHaveProperty('next_page_token');
  });

  test('only in the experiments that are asked for', async () => {
    await using rig = await three();
    expect(await search(rig, { experiment_ids: ['7'] })).toEqual([]);
  });
});
