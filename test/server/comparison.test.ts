import { describe, expect, test } from 'vitest';
import { ServerRig } from '../rigs/server-rig.ts';

const INVALID = { status: 400, body: { error_code: 'INVALID_PARAMETER_VALUE' } };

/** Two runs with a metric at the steps 0 to 9, and 5 to 14. */
async function twoRuns(rig: ServerRig): Promise<readonly [string, string]> {
  const ids = [await rig.run({}), await rig.run({})] as const;
  for (const [n, run_id] of ids.entries())
    await rig.post('runs/log-batch', {
      run_id,
      metrics: Array.from({ length: 10 }, (_, step) => ({
        key: 'loss',
        value: n === 0 && step === 3 ? 'NaN' : step,
        timestamp: 100 - step,
        step: n * 5 + step,
      })),
    });
  return ids;
}

/** Steps of each run that an answer has, in its order. */
function stepsOf({ body }: { body: Readonly<Record<string, unknown>> }): Record<string, number[]> {
  const steps: Record<string, number[]> = {};
  for (const { run_id, step } of body['metrics'] as { run_id: string; step: number }[])
    (steps[run_id] ??= []).push(step);
  return steps;
}

describe('the histories of several runs', () => {
  test('come in one answer, in the order of time', async () => {
    await using rig = ServerRig.create();
    const [a, b] = await twoRuns(rig);
    const answer = await rig.get(`metrics/get-history-bulk?run_id=${a}&run_id=${b}&metric_key=loss`);
    expect(stepsOf(answer)).toEqual({
      [a]: [9, 8, 7, 6, 5, 4, 3, 2, 1, 0],
      [b]: [14, 13, 12, 11, 10, 9, 8, 7, 6, 5],
    });
    expect((answer.body['metrics'] as object[])[6]).toEqual({
      key: 'loss',
      value: 'NaN',
      timestamp: 97,
      step: 3,
      run_id: a,
    });
    expect(
      stepsOf(await rig.get(`metrics/get-history-bulk?run_id=${a}&metric_key=loss&max_results=2`)),
    ).toEqual({ [a]: [9, 8] });
    expect(await rig.get(`metrics/get-history-bulk?run_id=${a}&metric_key=none`)).toEqual({
      status: 200,
      body: { metrics: [] },
    });
  });

  test.each([
    ['', [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], [5, 6, 7, 8, 9, 10, 11, 12, 13, 14]],
    // Every third step of fifteen, the last one, and the ends of each run.
    ['&max_results=5', [0, 3, 5, 6, 9], [5, 6, 9, 12, 14]],
    ['&max_results=1', [0, 5, 9], [5, 9, 14]],
    ['&start_step=4&end_step=6', [4, 5, 6], [5, 6]],
    ['&start_step=4&end_step=4', [4], undefined],
  ])('are sampled at the same steps: %s', async (query, ofA, ofB) => {
    await using rig = ServerRig.create();
    const [a, b] = await twoRuns(rig);
    const answer = await rig.get(
      `metrics/get-history-bulk-interval?run_ids=${a}&run_ids=${b}&metric_key=loss${query}`,
    );
    expect(stepsOf(answer)).toEqual({ [a]: ofA, ...(ofB === undefined ? {} : { [b]: ofB }) });
  });

  test.each([
    'get-history-bulk?metric_key=loss',
    'get-history-bulk?run_id=a',
    'get-history-bulk?run_id=a&metric_key=loss&max_results=-1',
    'get-history-bulk?metric_key=loss&' + 'run_id=a&'.repeat(101),
    'get-history-bulk-interval?metric_key=loss',
    'get-history-bulk-interval?run_ids=a&metric_key=loss&start_step=1',
    'get-history-bulk-interval?run_ids=a&metric_key=loss&start_step=2&end_step=1',
    'get-history-bulk-interval?run_ids=a&metric_key=loss&max_results=0',
    'get-history-bulk-interval?run_ids=a&metric_key=loss&max_results=2501',
  ])('are refused: %s', async (path) => {
    await using rig = ServerRig.create();
    expect(await rig.get(`metrics/${path}`)).toMatchObject(INVALID);
  });
});

test('the data sets of experiments are listed once for each use', async () => {
  await using rig = ServerRig.create();
  const dataset = { name: 'd', digest: 'abc', source_type: 'local', source: '{}' };
  const context = (value: string): object => ({
    dataset,
    tags: [{ key: 'mlflow.data.context', value }],
  });
  for (const datasets of [
    [context('training'), context('eval')],
    [context('eval'), { dataset, tags: [] }],
  ])
    await rig.post('runs/log-inputs', { run_id: await rig.run({}), datasets });
  const summary = { experiment_id: '0', name: 'd', digest: 'abc' };
  expect(await rig.post('experiments/search-datasets', { experiment_ids: ['0', '77'] })).toEqual({
    status: 200,
    body: {
      dataset_summaries: [summary, { ...summary, context: 'eval' }, { ...summary, context: 'training' }],
    },
  });
  expect(await rig.post('experiments/search-datasets', { experiment_ids: [] })).toMatchObject(INVALID);
  expect(
    await rig.post('experiments/search-datasets', { experiment_ids: Array.from({ length: 21 }, () => '0') }),
  ).toMatchObject(INVALID);
});

test('clients of 3.x learn what the server is', async () => {
  await using rig = ServerRig.create();
  const { statusCode, body } = await rig.app.inject({
    url: '/api/3.0/mlflow/server-info',
    headers: { host: 'localhost' },
  });
  expect([statusCode, JSON.parse(body)]).toEqual([
    200,
    { store_type: 'SqlStore', workspaces_enabled: false },
  ]);
});
