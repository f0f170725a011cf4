import { describe, expect, test } from 'vitest';
import { HOST, ServerRig } from '../rigs/server-rig.ts';

/** What `GET /metrics` counts, without the times that it takes. */
async function counted(rig: ServerRig): Promise<ReadonlyMap<string, number>> {
  const { body } = await rig.app.inject({ method: 'GET', url: '/metrics', headers: HOST });
  const lines = body.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]));
}

const REQUESTS = 'stockpot_http_request_duration_seconds_count';
const TRANSACTIONS = 'stockpot_database_transaction_duration_seconds_count';

describe('GET /metrics', () => {
  test('counts requests by route, method and status, transactions, and bytes of files', async () => {
    await using rig = ServerRig.create();
    const run = await rig.run();
    await rig.get('runs/get', { run_id: run });
    await rig.get('runs/get', { run_id: 'f'.repeat(32) });
    await rig.app.inject({ method: 'GET', url: '/nowhere', headers: HOST });
    const file = { url: `/api/2.0/mlflow-artifacts/artifacts/0/${run}/artifacts/a.txt`, headers: HOST };
    await rig.app.inject({ ...file, method: 'PUT', payload: 'hello' });
    await rig.app.inject({ ...file, method: 'GET' });
    const metrics = await counted(rig);
    const of = (route: string, method: string, status: number): number | undefined =>
      metrics.get(`${REQUESTS}{method="${method}",route="${route}",status="${status}"}`);
    expect([
      of('/api/2.0/mlflow/runs/create', 'POST', 200),
      of('/api/2.0/mlflow/runs/get', 'GET', 200),
      of('/api/2.0/mlflow/runs/get', 'GET', 404),
      of('none', 'GET', 404),
      of('/api/2.0/mlflow-artifacts/artifacts/*', 'PUT', 200),
    ]).toEqual([1, 1, 1, 1, 1]);
    expect(metrics.get('stockpot_artifact_bytes_total{direction="in"}')).toBe(5);
    expect(metrics.get('stockpot_artifact_bytes_total{direction="out"}')).toBe(5);
    expect(metrics.get(`${TRANSACTIONS}{kind="write",outcome="committed"}`)).toBe(1);
    expect(metrics.get(`${TRANSACTIONS}{kind="read",outcome="rolled-back"}`)).toBe(1);
    // This very request.
    expect(metrics.get('stockpot_http_requests_in_flight')).toBe(1);
    expect(metrics.has('stockpot_event_loop_delay_seconds{quantile="0.99"}')).toBe(true);
    // No id of a run, a user or a file is a label.
    expect([...metrics.keys()].join('\n')).not.toMatch(new RegExp(`${run}|a\\.txt`));
  });

  test('counts a request no longer that its client broke off', async () => {
    await using rig = ServerRig.create();
    const port = await rig.listen();
    const over = new AbortController();
    const body = new ReadableStream({
      start: (controller) => controller.enqueue(new TextEncoder().encode('half')),
    });
    const sent = fetch(`http://localhost:${port}/api/2.0/mlflow-artifacts/artifacts/0/x`, {
      method: 'PUT',
      body,
      duplex: 'half',
      signal: over.signal,
    }).catch((error: Error) => error.name);
    const until = async (wanted: number): Promise<void> => {
      while ((await counted(rig)).get('stockpot_http_requests_in_flight') !== wanted)
        await new Promise((resolve) => setImmediate(resolve));
    };
    await until(2);
    over.abort();
    expect(await sent).toBe('AbortError');
    await until(1);
    expect(rig.bugs).toEqual([]);
  });
});
