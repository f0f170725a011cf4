import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { writeCredential } from '../../src/client/kept-credentials.ts';
import { RequestFailed, type StartRunOptions, startRun } from '../../src/exports/client.ts';
import { AccessRig } from '../rigs/access-rig.ts';
import { LosingProxy } from '../rigs/losing-proxy.ts';
import { ServerRig } from '../rigs/server-rig.ts';

interface Shown {
  readonly info: Readonly<Record<string, string>>;
  readonly data: {
    readonly metrics: readonly { readonly key: string; readonly value: number | string }[];
    readonly params: readonly { readonly key: string; readonly value: string }[];
    readonly tags: readonly { readonly key: string; readonly value: string }[];
  };
}

async function shown(rig: ServerRig, id: string): Promise<Shown> {
  return (await rig.get('runs/get', { run_id: id })).body['run'] as Shown;
}

function pairs(list: readonly { readonly key: string; readonly value: unknown }[]): Record<string, unknown> {
  return Object.fromEntries(list.map(({ key, value }) => [key, value]));
}

async function listening(): Promise<{ rig: ServerRig; options: StartRunOptions } & AsyncDisposable> {
  const rig = ServerRig.create();
  const trackingUri = `http://localhost:${await rig.listen()}`;
  return {
    rig,
    options: { trackingUri, env: {} },
    [Symbol.asyncDispose]: () => rig[Symbol.asyncDispose](),
  };
}

describe('a run that is logged from Node', () => {
  test('is that of whom `recipe login` keeps a token for, unless something else says who', async () => {
    await using rig = AccessRig.create();
    const [ann, bob] = [await rig.user('ann'), await rig.user('bob')];
    const port = await rig.server.listen();
    const env = { HOME: rig.server.dir };
    writeCredential(env, `http://localhost:${port}`, { token: ann, username: 'ann' });
    await rig.post(ann, 'experiments/create', { name: 'anns' });
    const begin = async (options: StartRunOptions): Promise<void> => {
      const asked = { trackingUri: `http://localhost:${port}/`, experiment: 'anns', ...options };
      await (await startRun(asked)).end();
    };
    await begin({ env });
    await expect(begin({ env: { ...env, STOCKPOT_TOKEN: bob } })).rejects.toThrow('bob lacks READ');
    await expect(begin({ env, token: bob })).rejects.toThrow('bob lacks READ');
    // The same machine by another name is another origin.
    const elsewhere = begin({ env, trackingUri: `http://127.0.0.1:${port}` });
    await expect(elsewhere).rejects.toThrow('You are not authenticated');
  });

  test('has its experiment, name, values with their history, and its end', async () => {
    await using server = await listening();
    const { rig, options } = server;
    const run = await startRun({ ...options, experiment: 'prices', name: 'first', tags: { team: 'blue' } });
    await run.logParams({ depth: 6, greedy: true, note: null });
    await run.logParam('depth', 6);
    for (const step of [0, 1, 2])
      await run.logMetric('loss', 1 / (step + 1), { step, timestamp: 100 + step });
    await run.logMetrics({ odd: Number.NaN, big: Number.POSITIVE_INFINITY });
    await run.setTags({ team: 'red', owner: 'ann' });
    await run.end();
    const { info, data } = await shown(rig, run.id);
    expect(info).toMatchObject({ run_name: 'first', status: 'FINISHED', end_time: expect.any(Number) });
    expect(pairs(data.params)).toEqual({ depth: '6', greedy: 'true', note: 'null' });
    expect(pairs(data.metrics)).toEqual({ loss: 1 / 3, odd: 'NaN', big: Number.MAX_VALUE });
    expect(pairs(data.tags)).toMatchObject({ team: 'red', owner: 'ann' });
    const history = await rig.get('metrics/get-history', { run_id: run.id, metric_key: 'loss' });
    expect(history.body['metrics']).toEqual(
      [0, 1, 2].map((step) => ({ key: 'loss', value: 1 / (step + 1), step, timestamp: 100 + step })),
    );
    const experiment = await rig.get('experiments/get-by-name', { experiment_name: 'prices' });
    expect(experiment.body).toMatchObject({ experiment: { experiment_id: run.experimentId } });
  });

  test('takes values by the thousand without waiting for any, in requests that MLflow takes', async () => {
    await using server = await listening();
    const run = await startRun(server.options);
    for (let step = 0; step < 2500; step += 1) void run.logMetric('loss', step, { step });
    void run.logParams(Object.fromEntries(Array.from({ length: 250 }, (_, n) => [`p${n}`, n])));
    void run.logParam('long', 'x'.repeat(6000));
    await run.end();
    const { data } = await shown(server.rig, run.id);
    expect(pairs(data.metrics)).toEqual({ loss: 2499 });
    expect(data.params).toHaveLength(251);
  });

  test('keeps files, folders and texts', async () => {
    await using server = await listening();
    const { rig, options } = server;
    mkdirSync(join(rig.dir, 'plots/deep'), { recursive: true });
    writeFileSync(join(rig.dir, 'plots/a b.txt'), 'a');
    writeFileSync(join(rig.dir, 'plots/deep/c.txt'), 'c');
    const run = await startRun(options);
    await run.logArtifact(join(rig.dir, 'plots'));
    await run.logArtifact(join(rig.dir, 'plots/a b.txt'), 'single');
    await run.logText('hello', 'notes/hello.txt');
    const list = async (path: string): Promise<unknown> => {
      const { body } = await rig.get('artifacts/list', { run_id: run.id, path });
      return (body['files'] as { path: string }[]).map((file) => file.path);
    };
    expect(await list('')).toEqual(['notes', 'plots', 'single']);
    expect(await list('plots')).toEqual(['plots/a b.txt', 'plots/deep']);
    const response = await fetch(
      `${options.trackingUri}/get-artifact?run_id=${run.id}&path=notes%2Fhello.txt`,
    );
    expect(await response.text()).toBe('hello');
    await run.end();
  });

  test('that is left before its end has failed', async () => {
    await using server = await listening();
    let id = '';
    const work = async (): Promise<void> => {
      await using run = await startRun(server.options);
      id = run.id;
      await run.logMetric('loss', 1);
      throw new Error('out of data');
    };
    await expect(work()).rejects.toThrow('out of data');
    expect((await shown(server.rig, id)).info).toMatchObject({ status: 'FAILED' });
  });

  test('that is ended within its scope stays as it ended', async () => {
    await using server = await listening();
    let id = '';
    {
      await using run = await startRun(server.options);
      id = run.id;
      await run.end();
    }
    expect((await shown(server.rig, id)).info).toMatchObject({ status: 'FINISHED' });
  });

  test('goes on where MLFLOW_RUN_ID says', async () => {
    await using server = await listening();
    const first = await startRun(server.options);
    await first.end('FAILED');
    const env = { MLFLOW_TRACKING_URI: server.options.trackingUri, MLFLOW_RUN_ID: first.id };
    const again = await startRun({ env, name: 'again' });
    await again.logMetric('loss', 2);
    await again.end();
    expect(again.id).toBe(first.id);
    const { info, data } = await shown(server.rig, first.id);
    expect(info).toMatchObject({ status: 'FINISHED', run_name: 'again' });
    expect(pairs(data.metrics)).toEqual({ loss: 2 });
  });
});

describe('what the server refuses', () => {
  test('rejects what was logged, in the server’s words', async () => {
    await using server = await listening();
    const run = await startRun(server.options);
    await run.logParam('depth', 6);
    const refused = run.logParam('depth', 7);
    await expect(refused).rejects.toBeInstanceOf(RequestFailed);
    await expect(refused).rejects.toMatchObject({ code: 'INVALID_PARAMETER_VALUE', status: 400 });
    await expect(run.flush()).rejects.toThrow(/Changing param values is not allowed/);
    await run.end();
    await expect(run.logMetric('loss', 1)).rejects.toThrow(`The run ${run.id} has ended`);
  });

  test('and nobody waited for, rejects the end, which is written all the same', async () => {
    await using server = await listening();
    const run = await startRun(server.options);
    await run.logParam('depth', 6);
    void run.logParam('depth', 7);
    await expect(run.end()).rejects.toThrow(/Changing param values is not allowed/);
    expect((await shown(server.rig, run.id)).info).toMatchObject({ status: 'FINISHED' });
  });

  test('an address that is none is refused before anything is sent', async () => {
    await expect(startRun({ env: {} })).rejects.toThrow('Set MLFLOW_TRACKING_URI, or pass trackingUri');
    await expect(startRun({ env: { MLFLOW_TRACKING_URI: 'file:///mlruns' } })).rejects.toThrow(
      'The tracking URI file:///mlruns is no address of a server, as http://localhost:5000',
    );
  });
});

test('an answer that is lost leaves no second run, and no value twice', async () => {
  await using server = await listening();
  const port = Number(new URL(server.options.trackingUri ?? '').port);
  await using proxy = await LosingProxy.start(port, {
    'experiments/create': 1,
    'runs/create': 1,
    'runs/log-batch': 1,
    'notes.txt': 1,
  });
  const run = await startRun({ trackingUri: proxy.url, env: {}, experiment: 'lossy' });
  await run.logMetric('loss', 1, { timestamp: 5 });
  await run.logText('hello', 'notes.txt');
  await run.end();
  const found = await server.rig.post('runs/search', { experiment_ids: [run.experimentId] });
  expect((found.body['runs'] as Shown[]).map(({ info }) => [info['run_id'], info['status']])).toEqual([
    [run.id, 'FINISHED'],
  ]);
  const history = await server.rig.get('metrics/get-history', { run_id: run.id, metric_key: 'loss' });
  expect(history.body['metrics']).toEqual([{ key: 'loss', value: 1, step: 0, timestamp: 5 }]);
});

test('the example in docs/tracking-from-code.md runs', async () => {
  await using server = await listening();
  const page = readFileSync(join(import.meta.dirname, '../../docs/tracking-from-code.md'), 'utf8');
  const [, code = ''] = /```ts train\.ts\n([\s\S]*?)```/.exec(page) ?? [];
  const module = join(server.rig.dir, 'train.ts');
  const client = join(import.meta.dirname, '../../src/exports/client.ts');
  writeFileSync(module, code.replace("'stockpot/client'", JSON.stringify(client)));
  const { train } = (await import(module)) as { train: (options: StartRunOptions) => Promise<string> };
  const { info, data } = await shown(server.rig, await train(server.options));
  expect(info).toMatchObject({ status: 'FINISHED', run_name: 'by hand' });
  expect(pairs(data.params)).toEqual({ learning_rate: '0.1' });
  expect(pairs(data.metrics)).toEqual({ loss: expect.any(Number) });
});
