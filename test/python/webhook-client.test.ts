import { join } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { CliRig } from '../rigs/cli-rig.ts';
import { realServer } from '../rigs/mlflow-server.ts';
import { Receiver } from '../rigs/receiver.ts';
import { ServerProcess } from '../rigs/server-process.ts';
import { isSigned } from '../rigs/webhook-rig.ts';

const SCRIPT = join(import.meta.dirname, 'webhook-client.py');

/** An interpreter that has MLflow 3, from `npm run test:python`. */
const PYTHON = process.env['STOCKPOT_TEST_PYTHON_MLFLOW3'];

/** As MLflow's server has to be started to call this machine. */
const ALLOW = { MLFLOW_WEBHOOK_ALLOWED_SCHEMES: 'http,https', MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS: 'true' };

interface Seen {
  /** What the client's calls gave. */
  readonly calls: Readonly<Record<string, unknown>>;
  /** What a receiver was told, but for the times; data of trials is each server's own. */
  readonly told: readonly string[];
}

async function seen(url: string, cwd: string): Promise<Seen> {
  await using receiver = await Receiver.start((response) => response.end('thanks'));
  const { stdout } = await execa(PYTHON ?? '', [SCRIPT, receiver.url], {
    cwd,
    env: { MLFLOW_TRACKING_URI: url, MLFLOW_HTTP_REQUEST_MAX_RETRIES: '2', PYTHONDONTWRITEBYTECODE: '1' },
  });
  // Fourteen events, of which a prompt's tag is set twice (its client notes the experiment), and two trials.
  const got = await receiver.received(17);
  expect(got.filter((one) => !isSigned(one, 's'))).toEqual([]);
  const told = got.map(({ body }) => {
    const { entity, action, timestamp, data, ...more } = JSON.parse(body) as Record<string, object>;
    const isTrial = /example/.test(JSON.stringify(data));
    const fields = Object.keys(data ?? {}).toSorted((a, b) => a.localeCompare(b));
    return JSON.stringify([entity, action, typeof timestamp, more, isTrial ? fields : sorted(data ?? {})]);
  });
  return {
    calls: JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Seen['calls'],
    told: told.toSorted((a, b) => a.localeCompare(b)),
  };
}

function sorted(data: object): [string, unknown][] {
  return Object.entries(data).toSorted(([a], [b]) => a.localeCompare(b));
}

test.skipIf(PYTHON === undefined)(
  'MLflow 3’s client makes webhooks here as at MLflow’s own server, and they are told the same',
  async () => {
    await using rig = await CliRig.create();
    await using real = await realServer(PYTHON ?? '', rig.dir, ALLOW);
    await using other = await CliRig.create();
    await using server = await ServerProcess.start(other, '--webhook-allow', '127.0.0.1');
    const wanted = await seen(real.url, rig.dir);
    const got = await seen(server.url, other.dir);
    expect(Object.keys(got.calls).length).toBeGreaterThan(15);
    expect(got).toEqual(wanted);
  },
  180_000,
);
