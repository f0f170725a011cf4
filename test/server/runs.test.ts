import { describe, expect, test } from 'vitest';
import { ServerRig } from '../rigs/server-rig.ts';

type Refused = [path: string, body: object, status: number, code: string, message: string];

/** Where no experiment may keep its artifacts. */
const BAD_PLACES = [
  'file:///etc',
  'http:///#/../../etc/',
  's3://b/m?x=1',
  's3://b/m#f',
  's3://b/m;x',
  's3://b\\c',
  's3://b/%2e%2e/c',
  's3://b/%252e%252e/c',
  'mlflow-artifacts:/../up',
  'mlflow-artifacts:/a/..;/b',
  's3://b/../c',
  '://etc',
  ':/etc',
  '//etc',
  'C:\\Windows',
  'FILE:///etc',
  '$(touch /tmp/x)',
  '{{ 7 * 7 }}',
];

describe('a run', () => {
  test('is read back as it was logged', async () => {
    await using rig = ServerRig.create();
    const id = await rig.run({ run_name: 'first', user_id: 'ann', tags: [{ key: 'team', value: 'blue' }] });
    expect(
      await rig.post('runs/log-batch', {
        run_id: id,
        metrics: [
          { key: 'auc', value: 0.5, timestamp: 1, step: 0 },
          { key: 'auc', value: 0.7, timestamp: 2, step: 1 },
          { key: 'loss', value: 'NaN', timestamp: 1 },
        ],
        params: [{ key: 'lr', value: '0.1' }],
      }),
    ).toEqual({ status: 200, body: {} });
    await rig.post('runs/log-inputs', {
      run_id: id,
      datasets: [
        {
          tags: [
            { key: 'mlflow.data.context', value: 'training' },
            { key: 'x', value: 'y' },
          ],
          dataset: { name: 'd', digest: 'abc', source_type: 'local', source: '{}' },
        },
      ],
    });
    await rig.post('runs/update', { run_id: id, status: 'FINISHED', end_time: 9 });
    expect(await rig.get('runs/get', { run_id: id })).toEqual({
      status: 200,
      body: {
        run: {
          info: {
            run_id: id,
            run_uuid: id,
            run_name: 'first',
            experiment_id: '0',
            user_id: 'ann',
            status: 'FINISHED',
            start_time: 1000,
            end_time: 9,
            artifact_uri: `mlflow-artifacts:/0/${id}/artifacts`,
            lifecycle_stage: 'active',
          },
          data: {
            metrics: [
              { key: 'auc', value: 0.7, timestamp: 2, step: 1 },
              { key: 'loss', value: 'NaN', timestamp: 1, step: 0 },
            ],
            params: [{ key: 'lr', value: '0.1' }],
            tags: [
              { key: 'mlflow.runName', value: 'first' },
              { key: 'team', value: 'blue' },
            ],
          },
          inputs: {
            dataset_inputs: [
              {
                tags: [
                  { key: 'mlflow.data.context', value: 'training' },
                  { key: 'x', value: 'y' },
                ],
                dataset: { name: 'd', digest: 'abc', source_type: 'local', source: '{}' },
              },
            ],
          },
        },
      },
    });
  });

  test('without a name gets one, and is found by it', async () => {
    await using rig = ServerRig.create();
    await rig.run();
    const { body } = await rig.post('runs/search', {
      experiment_ids: ['0'],
      filter: "attributes.run_name LIKE 'able-ant-%'",
    });
    expect(body['runs']).toHaveLength(1);
  });

  test('has its points of a metric by step, a page at a time', async () => {
    await using rig = ServerRig.create();
    const id = await rig.run();
    const metrics = [3, 1, 2].map((step) => ({ key: 'm', value: step / 10, timestamp: step, step }));
    await rig.post('runs/log-batch', { run_id: id, metrics });
    const first = await rig.get('metrics/get-history', { run_id: id, metric_key: 'm', max_results: '2' });
    expect((first.body['metrics'] as { step: number }[]).map(({ step }) => step)).toEqual([1, 2]);
    const page_token = String(first.body['next_page_token']);
    const second = await rig.get('metrics/get-history', {
      run_id: id,
      metric_key: 'm',
      max_results: '2',
      page_token,
    });
    expect(second.body).toEqual({ metrics: [{ key: 'm', value: 0.3, timestamp: 3, step: 3 }] });
  });
});

describe('a batch', () => {
  test('is written whole or not at all', async () => {
    await using rig = ServerRig.create();
    const id = await rig.run();
    await rig.post('runs/log-parameter', { run_id: id, key: 'lr', value: '1' });
    const refused = await rig.post('runs/log-batch', {
      run_id: id,
      metrics: [{ key: 'm', value: 1, timestamp: 1 }],
      params: [{ key: 'lr', value: '2' }],
      tags: [{ key: 't', value: 'v' }],
    });
    expect(refused).toEqual({
      status: 400,
      body: {
        error_code: 'INVALID_PARAMETER_VALUE',
        message: `Changing param values is not allowed. Params were already logged='[{'key': 'lr', 'old_value': '1', 'new_value': '2'}]' for run ID='${id}'.`,
      },
    });
    const { body } = await rig.get('runs/get', { run_id: id });
    expect(body['run']).toMatchObject({
      data: { metrics: [], params: [{ key: 'lr', value: '1' }], tags: [{}] },
    });
  });

  test.each([
    ['metrics', Array.from({ length: 1001 }, (_, step) => ({ key: 'm', value: 1, timestamp: 1, step }))],
    ['params', Array.from({ length: 101 }, (_, n) => ({ key: `p${n}`, value: '1' }))],
    ['tags', Array.from({ length: 101 }, (_, n) => ({ key: `t${n}`, value: '1' }))],
  ])('takes so many %s and no more', async (what, values) => {
    await using rig = ServerRig.create();
    const run_id = await rig.run();
    expect((await rig.post('runs/log-batch', { run_id, [what]: values.slice(1) })).status).toBe(200);
    expect(await rig.post('runs/log-batch', { run_id, [what]: values })).toMatchObject({
      status: 400,
      body: { message: expect.stringContaining(`at most ${values.length - 1} ${what}`) },
    });
  });
});

describe('many writes at once', () => {
  test('share transactions, and one that is refused takes nothing with it', async () => {
    await using rig = ServerRig.create();
    const id = await rig.run();
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, n) =>
        rig.post('runs/log-metric', {
          run_id: n % 10 === 7 ? 'nobody' : id,
          key: `m${n}`,
          value: n,
          timestamp: 1,
        }),
      ),
    );
    expect(answers.map(({ status }) => status)).toEqual(answers.map((_, n) => (n % 10 === 7 ? 404 : 200)));
    const { body } = await rig.get('runs/get', { run_id: id });
    expect((body['run'] as { data: { metrics: unknown[] } }).data.metrics).toHaveLength(90);
  });
});

describe('what is wrong is refused in MLflow’s words', () => {
  const METRIC = { key: 'm', value: 1, timestamp: 1 };
  const CHARACTERS =
    'Names may only contain alphanumerics, underscores (_), dashes (-), periods (.), spaces ( ), colon(:) and slashes (/).';
  const LONG = 'x'.repeat(300);
  test.each<Refused>([
    [
      'runs/log-metric',
      { key: 'm', value: 1, timestamp: 1 },
      400,
      'INVALID_PARAMETER_VALUE',
      "Missing value for required parameter 'run_id'. See the API docs for more information about request parameters.",
    ],
    [
      'runs/log-metric',
      { run_id: 'RUN', key: 'm', timestamp: 1 },
      400,
      'INVALID_PARAMETER_VALUE',
      "Missing value for required parameter 'value'. See the API docs for more information about request parameters.",
    ],
    [
      'runs/log-metric',
      { run_id: 'RUN', key: 'm', value: 'high', timestamp: 1 },
      400,
      'INVALID_PARAMETER_VALUE',
      `Invalid value "high" for parameter 'value' supplied:  Hint: Value was of type 'str'. See the API docs for more information about request parameters.`,
    ],
    [
      'runs/log-metric',
      { run_id: 'RUN', key: 'm', value: 1, timestamp: 2 ** 60 },
      400,
      'INVALID_PARAMETER_VALUE',
      `Invalid value 1152921504606847000 for parameter 'timestamp' supplied:  Hint: Value was of type 'int'. See the API docs for more information about request parameters.`,
    ],
    [
      'runs/log-metric',
      { run_id: 'RUN', key: '../m', value: 1, timestamp: 1 },
      400,
      'INVALID_PARAMETER_VALUE',
      `Invalid value "../m" for parameter 'name' supplied: Names may be treated as files in certain cases, and must not resolve to other names when treated as such. This name would resolve to '../m'`,
    ],
    [
      'runs/log-parameter',
      { run_id: 'RUN', key: 'a!', value: '1' },
      400,
      'INVALID_PARAMETER_VALUE',
      `Invalid value "a!" for parameter 'key' supplied: ${CHARACTERS}`,
    ],
    [
      'runs/set-tag',
      { run_id: 'RUN', key: 'a!', value: '1' },
      400,
      'INVALID_PARAMETER_VALUE',
      `Invalid value "a!" for parameter 'key' supplied: ${CHARACTERS}`,
    ],
    [
      'runs/log-batch',
      { run_id: 'RUN', metrics: [METRIC, { ...METRIC, key: 'a!' }] },
      400,
      'INVALID_PARAMETER_VALUE',
      `Invalid value "a!" for parameter 'metrics[1].name' supplied: ${CHARACTERS}`,
    ],
    [
      'runs/log-batch',
      { run_id: 'RUN', params: [{ key: 'a!', value: '1' }] },
      400,
      'INVALID_PARAMETER_VALUE',
      `Invalid value "a!" for parameter 'params[0].key' supplied: ${CHARACTERS}`,
    ],
    [
      'runs/log-batch',
      { run_id: 'RUN', tags: [{ key: 'a!', value: '1' }] },
      400,
      'INVALID_PARAMETER_VALUE',
      `Invalid value "a!" for parameter 'tags[0].key' supplied: ${CHARACTERS}`,
    ],
    [
      'runs/log-batch',
      { run_id: 'RUN', metrics: [METRIC, { ...METRIC, key: '' }] },
      400,
      'INVALID_PARAMETER_VALUE',
      "Missing value for required parameter 'metrics[1].key'. See the API docs for more information about request parameters.",
    ],
    [
      'runs/log-parameter',
      { run_id: 'RUN', key: LONG, value: '1' },
      400,
      'INVALID_PARAMETER_VALUE',
      "'Param key' exceeds the maximum length of 250 characters",
    ],
    [
      'runs/set-tag',
      { run_id: 'RUN', key: 'k', value: 'a\0b' },
      400,
      'INVALID_PARAMETER_VALUE',
      "Invalid value for parameter 'value' supplied: it holds a NUL or half a character.",
    ],
    [
      'runs/set-tag',
      { run_id: 'f'.repeat(32), key: 'k', value: 'v' },
      404,
      'RESOURCE_DOES_NOT_EXIST',
      `Run with id=${'f'.repeat(32)} not found`,
    ],
    [
      'runs/delete-tag',
      { run_id: 'RUN', key: 'none' },
      404,
      'RESOURCE_DOES_NOT_EXIST',
      'No tag with name: none in run with id RUN',
    ],
    [
      'runs/create',
      { experiment_id: '77' },
      404,
      'RESOURCE_DOES_NOT_EXIST',
      'No Experiment with id=77 exists',
    ],
    [
      'runs/create',
      { experiment_id: '0', run_name: 'a', tags: [{ key: 'mlflow.runName', value: 'b' }] },
      400,
      'INVALID_PARAMETER_VALUE',
      "Both 'run_name' argument and 'mlflow.runName' tag are specified, but with different values (run_name='a', mlflow.runName='b').",
    ],
    [
      'experiments/create',
      { name: 'Default' },
      400,
      'RESOURCE_ALREADY_EXISTS',
      'Experiment(name=Default) already exists.',
    ],
    ...BAD_PLACES.map(
      (place): Refused => [
        'experiments/create',
        { name: 'x', artifact_location: place },
        400,
        'INVALID_PARAMETER_VALUE',
        `Invalid artifact location: '${place}'. It is one of mlflow-artifacts:/…, s3://…, gs://…, without query, fragment or '..'.`,
      ],
    ),
    [
      'runs/search',
      { experiment_ids: ['0'], filter: 'metrics.m >' },
      400,
      'INVALID_PARAMETER_VALUE',
      'Not understood at column 12 of metrics.m >: a number is expected',
    ],
    [
      'runs/search',
      { experiment_ids: ['0'], page_token: 'xx' },
      400,
      'INVALID_PARAMETER_VALUE',
      'No page begins with the token xx',
    ],
    [
      'runs/search',
      { experiment_ids: ['0'], max_results: 50_001 },
      400,
      'INVALID_PARAMETER_VALUE',
      "Invalid value 50001 for parameter 'max_results' supplied:  Hint: Value was of type 'int'. See the API docs for more information about request parameters.",
    ],
    [
      'runs/log-model',
      { run_id: 'RUN', model_json: '{"flavors":{}}' },
      400,
      'INVALID_PARAMETER_VALUE',
      "Model json is missing mandatory fields: {'artifact_path', 'utc_time_created', 'run_id'}",
    ],
  ])('%s %j', async (path, body, status, error_code, message) => {
    await using rig = ServerRig.create();
    const run = await rig.run();
    const sent = JSON.parse(JSON.stringify(body).replace('RUN', run)) as object;
    expect(await rig.post(path, sent)).toEqual({
      status,
      body: { error_code, message: message.replace('RUN', run) },
    });
    expect(rig.bugs).toEqual([]);
  });

  test('a list of models that a user has spoilt takes no model', async () => {
    await using rig = ServerRig.create();
    const run_id = await rig.run();
    for (const value of ['[', '{}']) {
      await rig.post('runs/set-tag', { run_id, key: 'mlflow.log-model.history', value });
      expect(await rig.post('runs/log-model', { run_id, model_json: modelJson() })).toMatchObject({
        status: 400,
        body: { message: 'The tag mlflow.log-model.history of the run is no list of models.' },
      });
    }
    expect(rig.bugs).toEqual([]);
  });

  test('a deleted run takes nothing, and all again when it is restored', async () => {
    await using rig = ServerRig.create();
    const run_id = await rig.run();
    await rig.post('runs/delete', { run_id });
    expect(await rig.post('runs/set-tag', { run_id, key: 'k', value: 'v' })).toMatchObject({
      status: 400,
      body: { message: `The run ${run_id} must be in the 'active' state. Current state is deleted.` },
    });
    await rig.post('runs/restore', { run_id });
    expect((await rig.post('runs/set-tag', { run_id, key: 'k', value: 'v' })).status).toBe(200);
  });
});

test('models of a run are kept with their numbers as they were written, however many they are', async () => {
  await using rig = ServerRig.create();
  const run_id = await rig.run();
  const flavors = '{"a":{"x":1.0,"y":12345678901234567890,"z":1e-7}}';
  const long = modelJson(`{"a":"${'x'.repeat(9000)}"}`);
  for (const model_json of [modelJson(flavors), long])
    expect(await rig.post('runs/log-model', { run_id, model_json })).toEqual({ status: 200, body: {} });
  const { body } = await rig.get('runs/get', { run_id });
  expect(body).toMatchObject({
    run: {
      data: {
        tags: expect.arrayContaining([
          { key: 'mlflow.log-model.history', value: `[${modelJson(flavors)},${long}]` },
        ]),
      },
    },
  });
});

function modelJson(flavors = '{}'): string {
  return `{"artifact_path":"m","flavors":${flavors},"utc_time_created":"now","run_id":"r"}`;
}
