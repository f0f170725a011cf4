import { createHmac } from 'node:crypto';
import { globSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { SCHEDULE_FAILPOINTS } from '../../src/core/failpoint.ts';
import { CliRig } from '../rigs/cli-rig.ts';
import { inProcess, inProcessWith } from '../rigs/in-process.ts';
import { Receiver } from '../rigs/receiver.ts';
import { ScheduleRig } from '../rigs/schedule-rig.ts';

/** Fails, succeeds or is rejected as its input says. */
const JUDGE = `steps:
  judge: { run: [cp, "{{ inputs.v }}", "{{ outputs.verdict }}"], inputs: { v: ./v.json }, outputs: { verdict: { path: v.json, kind: value } } }
  use: { run: [grep, fine, "{{ inputs.v }}"], inputs: { v: judge.verdict } }
`;
const FAILS = '{"verdict":"VALIDATED"}';
const REJECTED = '{"verdict":"REJECTED","fine":1}';
const FINE = '{"verdict":"VALIDATED","fine":1}';

interface Message {
  readonly id: string;
  readonly event: string;
  readonly run?: string;
  readonly failure?: { readonly reason: string; readonly message: string };
}

function messageOf(text: string): Message {
  return JSON.parse(text) as Message;
}

interface Shown {
  readonly state: string;
  readonly notifications: readonly { channel: string; event: string; state: string; problem?: string }[];
}

async function listed(rig: ScheduleRig, hours: number): Promise<Shown[]> {
  return JSON.parse((await rig.at(hours, 'list', 'daily', '--json')).out) as Shown[];
}

describe('notify: of a profile', () => {
  test('tells a webhook that a run failed, was rejected, is well again, and nothing else', async () => {
    await using receiver = await Receiver.start();
    await using rig = await ScheduleRig.create(
      'overlap: skip',
      JUDGE,
      { 'v.json': FINE },
      {
        settings: `notify: { webhook: { url: "${receiver.url}", secret: HOOK } }\n`,
        env: { STOCKPOT_SECRET_HOOK: 'shh' },
      },
    );
    for (const [hours, verdict] of [FINE, FAILS, FAILS, REJECTED, FINE, FINE].entries()) {
      await rig.cli.write('v.json', verdict);
      expect(await rig.serve(hours + 1)).toHaveLength(1);
    }
    const told = receiver.got.map(({ body }) => messageOf(body));
    expect(told.map(({ event }) => event)).toEqual(['failed', 'failed', 'rejected', 'recovered']);
    const [first, , third, last] = told;
    const common = {
      recipe: 'daily',
      profile: 'prod',
      schedule: 'daily@prod',
      run: expect.any(String) as string,
    };
    expect(first).toEqual({
      ...common,
      id: expect.any(String) as string,
      event: 'failed',
      tick: '2027-01-01T02:00:00.000Z',
      step: 'use',
      failure: { reason: 'exited', message: 'exited with code 1' },
    });
    expect(third).toMatchObject({ ...common, step: 'judge', verdict: 'REJECTED' });
    expect(Object.keys(last ?? {}).toSorted()).toEqual(
      ['event', 'id', 'profile', 'recipe', 'run', 'schedule', 'tick'].toSorted(),
    );
    const [call] = receiver.got;
    if (call === undefined) throw new Error('nothing was called');
    const { method, headers, body } = call;
    const signed = `${String(headers['x-stockpot-delivery-id'])}.${String(headers['x-stockpot-timestamp'])}.${body}`;
    expect([method, headers['x-stockpot-delivery-id'], headers['x-stockpot-signature']]).toEqual([
      'POST',
      first?.id,
      `v1,${createHmac('sha256', 'shh').update(signed).digest('base64')}`,
    ]);
    expect(
      (await listed(rig, 7)).map(({ state, notifications }) => [state, notifications[0]?.state]),
    ).toEqual([
      ['succeeded', undefined],
      ['succeeded', 'sent'],
      ['rejected', 'sent'],
      ['failed', 'sent'],
      ['failed', 'sent'],
      ['succeeded', undefined],
    ]);
  });

  test('gives a command the message on its standard input, in the folder of the project, with a clean environment', async () => {
    await using rig = await ScheduleRig.create(
      'overlap: skip',
      JUDGE,
      { 'v.json': FAILS },
      {
        settings: `notify: { on: [failed], command: [bash, -c, 'cat > "$1"; env >> "$1"', "x; touch y", told.txt] }\n`,
        env: { SOME_TOKEN: 'shh' },
      },
    );
    await rig.serve(1);
    const [line = '', ...environment] = (await rig.cli.read('told.txt')).split('\n');
    expect(messageOf(line)).toMatchObject({ event: 'failed', step: 'use' });
    expect(environment.join('\n')).not.toContain('shh');
    await rig.cli.write('v.json', FINE);
    await rig.serve(2);
    expect(messageOf((await rig.cli.read('told.txt')).split('\n')[0] ?? '')).toEqual(messageOf(line));
    expect((await rig.at(2, 'list', 'daily')).out).toMatch(/01:00:00 +failed +command +sent/);
  });

  test('tells that a scheduler was told to end in the middle of a run, then that it is well again', async () => {
    await using receiver = await Receiver.start();
    await using rig = await CliRig.create({
      'recipe.yaml':
        'steps:\n  a: { run: [bash, -c, "grep -q fine \\"$1\\" || sleep 600", x, "{{ inputs.v }}"], inputs: { v: ./v.txt } }\n',
      'v.txt': 'slow\n',
      'profiles/local.yaml': `schedule: { every: 1000d }\nnotify: { webhook: { url: "${receiver.url}" } }\n`,
    });
    expect((await rig.recipe('schedules', 'apply')).exit).toBe(0);
    const [{ name = '' } = {}] = JSON.parse(
      (await inProcess(rig.dir, 'schedules', 'list', '--json')).out,
    ) as { name?: string }[];
    const child = rig.start('schedules', 'run', name, '--json');
    // Once the run has its journal.
    while (globSync(join(rig.dir, '.stockpot/runs/*/events-1.jsonl')).length === 0) await setImmediate();
    child.kill('SIGTERM');
    expect((await child).exitCode).toBe(130);
    await rig.write('v.txt', 'fine\n');
    expect((await inProcess(rig.dir, 'schedules', 'run', name)).exit).toBe(0);
    const told = receiver.got.map(({ body }) => messageOf(body));
    expect(told.map(({ event }) => event)).toEqual(['failed', 'recovered']);
    expect(told[0]).toMatchObject({
      run: expect.any(String) as string,
      failure: { reason: 'interrupted', message: 'its scheduler was told to end' },
    });
    expect(told[0]).not.toHaveProperty('step');
  }, 60_000);

  test('says why a tick failed that never came to a run', async () => {
    await using receiver = await Receiver.start();
    await using rig = await ScheduleRig.create(
      'overlap: skip',
      JUDGE,
      { 'v.json': FINE },
      { settings: `notify: { webhook: { url: "${receiver.url}" } }\n` },
    );
    await rm(join(rig.cli.dir, 'v.json'));
    await rig.serve(1);
    expect(messageOf(receiver.got[0]?.body ?? '{}')).toMatchObject({
      event: 'failed',
      failure: { reason: 'refused', message: expect.stringContaining('INPUT_NOT_FOUND') as string },
    });
    expect(receiver.got[0]?.headers).not.toHaveProperty('x-stockpot-signature');
  });

  test('tells it again, later and with the same id, until it is taken; after a day no more', async () => {
    await using receiver = await Receiver.start((response, nth) =>
      response.writeHead(nth < 3 ? 503 : 200).end(),
    );
    await using rig = await ScheduleRig.create(
      'overlap: skip',
      JUDGE,
      { 'v.json': FAILS },
      { settings: `notify: { webhook: { url: "${receiver.url}" }, command: ["false"] }\n` },
    );
    expect((await rig.at(0, 'run', 'daily')).err).toContain(
      'warning: the webhook of daily@prod was not told of failed: It was answered 503.',
    );
    await rig.at(0, 'pause', 'daily');
    // It is not due again at the same moment.
    await rig.serve(0);
    expect(receiver.got).toHaveLength(1);
    await rig.serve(1);
    await rig.serve(2);
    await rig.serve(3);
    expect(receiver.got).toHaveLength(3);
    expect(new Set(receiver.got.map(({ body }) => messageOf(body).id)).size).toBe(1);
    const { err } = await rig.at(24, 'serve', '--once');
    expect(err).toContain(
      'the command of daily@prod was not told of failed, and is told no more: It exited with 1.',
    );
    const [tick] = await listed(rig, 25);
    expect(tick?.notifications).toMatchObject([
      { channel: 'command', state: 'given-up', problem: 'It exited with 1.' },
      { channel: 'webhook', state: 'sent' },
    ]);
    expect((await rig.at(48, 'serve', '--once')).err).toBe('');
  });

  test('goes where the schedule as it was applied last says', async () => {
    await using receiver = await Receiver.start();
    await using rig = await ScheduleRig.create(
      'overlap: skip',
      JUDGE,
      { 'v.json': FAILS },
      { settings: 'notify: { webhook: { url: "http://127.0.0.1:1/" } }\n' },
    );
    expect((await rig.at(0, 'run', 'daily')).err).toContain('ECONNREFUSED');
    await rig.at(0, 'pause', 'daily');
    await rig.cli.write(
      'profiles/prod.yaml',
      `schedule: { every: 1h }\nnotify: { webhook: { url: "${receiver.url}" } }\n`,
    );
    await rig.at(0, 'apply', 'daily', '-p', 'prod');
    await rig.serve(1);
    expect(receiver.got).toHaveLength(1);
  });

  test('of a run from a terminal tells nobody', async () => {
    await using receiver = await Receiver.start();
    await using rig = await ScheduleRig.create(
      'overlap: skip',
      JUDGE,
      { 'v.json': FAILS },
      { settings: `notify: { webhook: { url: "${receiver.url}" } }\n` },
    );
    expect((await inProcess(rig.cli.dir, 'run', 'daily', '-p', 'prod')).exit).toBe(1);
    await rig.serve(0);
    expect(receiver.got).toEqual([]);
  });

  test('never calls unsigned where a secret is named', async () => {
    await using receiver = await Receiver.start();
    await using rig = await ScheduleRig.create(
      'overlap: skip',
      JUDGE,
      { 'v.json': FAILS, 'key.txt': 'shh\n' },
      {
        settings: `notify: { webhook: { url: "${receiver.url}", secret: HOOK } }\nsecrets: { HOOK: { file: key.txt } }\n`,
      },
    );
    await rig.cli.write('key.txt', '');
    expect((await rig.at(0, 'run', 'daily')).err).toContain('The secret HOOK has no value.');
    expect(receiver.got).toEqual([]);
    await rig.cli.write('key.txt', 'shh\n');
    await rig.serve(1);
    expect(receiver.got.every(({ headers }) => headers['x-stockpot-signature'] !== undefined)).toBe(true);
    expect(receiver.got).toHaveLength(2);
  });
});

describe('kill -9 of a scheduler', () => {
  const ALL = [
    ['tick.before-commit', 1],
    ['tick.after-commit', 1],
    ['notification.before-send', 1],
    ['notification.after-send', 2],
  ] as const;

  test('is tried wherever a scheduler writes', () => {
    expect(ALL.map(([name]) => name)).toEqual(SCHEDULE_FAILPOINTS);
  });

  test.each(ALL)(
    'at %s: in the end the same was told %i times',
    async (name, times) => {
      await using receiver = await Receiver.start();
      await using rig = await CliRig.create({
        'recipe.yaml': 'steps:\n  a: { run: ["false"] }\n',
        'profiles/local.yaml': `schedule: { every: 1000d }\nnotify: { webhook: { url: "${receiver.url}" } }\n`,
      });
      expect((await rig.recipe('schedules', 'apply')).exit).toBe(0);
      const [{ name: schedule = '' } = {}] = JSON.parse(
        (await inProcess(rig.dir, 'schedules', 'list', '--json')).out,
      ) as { name?: string }[];
      rig.env['STOCKPOT_FAILPOINT'] = name;
      expect((await rig.recipe('schedules', 'run', schedule)).signal).toBe('SIGKILL');
      const later = { dir: rig.dir, env: {}, now: Date.now() + 2 * 60_000 };
      for (let count = 0; count < 2; count += 1) await inProcessWith(later, 'schedules', 'serve', '--once');
      const told = receiver.got.map(({ body }) => messageOf(body));
      expect(told.map(({ event }) => event)).toEqual(Array.from({ length: times }, () => 'failed'));
      expect(new Set(told.map(({ id }) => id)).size).toBe(1);
      // How its run ended that scheduler never wrote down.
      const reason = name === 'tick.before-commit' ? 'interrupted' : 'exited';
      expect(new Set(told.map(({ failure }) => failure?.reason))).toEqual(new Set([reason]));
    },
    60_000,
  );
});

describe('a notify: that is wrong is refused at its place', () => {
  test.each([
    ['notify: 1', 'VALUE_INVALID', 9],
    ['notify: {}', 'VALUE_INVALID', 9],
    ['notify: { on: [failed] }', 'VALUE_INVALID', 9],
    ['notify: { hook: x }', 'KEY_UNKNOWN', 11],
    ['notify: { command: "rm -rf x" }', 'VALUE_INVALID', 20],
    ['notify: { command: [] }', 'VALUE_INVALID', 20],
    ['notify: { command: [1] }', 'VALUE_INVALID', 20],
    ['notify: { command: [x], on: [] }', 'VALUE_INVALID', 29],
    ['notify: { command: [x], on: [broken] }', 'VALUE_INVALID', 29],
    ['notify: { webhook: https://a.example }', 'VALUE_INVALID', 20],
    ['notify: { webhook: {} }', 'VALUE_INVALID', 20],
    ['notify: { webhook: { url: nowhere } }', 'VALUE_INVALID', 27],
    ['notify: { webhook: { url: "file:///etc/passwd" } }', 'VALUE_INVALID', 27],
    ['notify: { webhook: { url: "https://me@a.example" } }', 'VALUE_INVALID', 27],
    ['notify: { webhook: { url: "https://me:pw@a.example" } }', 'PASSWORD_IN_PROFILE', 9],
    ['notify: { webhook: { url: "https://a.example", secret: "../x" } }', 'VALUE_INVALID', 56],
    ['notify: { webhook: { url: "https://a.example", token: x } }', 'KEY_UNKNOWN', 48],
  ])('%s', async (text, expected, column) => {
    await using rig = await CliRig.create({
      'recipe.yaml': 'steps:\n  a: { run: [x] }\n',
      'profiles/local.yaml': `# told\n${text}\n`,
    });
    const { exit, err } = await inProcess(rig.dir, 'validate', '--json');
    const { code, at } = JSON.parse(err) as {
      code: string;
      at: { file: string; line: number; column: number };
    };
    expect([exit, code, at]).toMatchObject([2, expected, { file: 'profiles/local.yaml', line: 2, column }]);
  });

  test('a secret without a value, when it is applied', async () => {
    await using rig = await CliRig.create({
      'recipe.yaml': 'steps:\n  a: { run: [x] }\n',
      'profiles/local.yaml':
        'schedule: { every: 1h }\nnotify: { webhook: { url: "https://a.example", secret: HOOK } }\n',
    });
    expect(await inProcess(rig.dir, 'schedules', 'apply')).toMatchObject({
      exit: 2,
      err: expect.stringContaining('NOTIFY_SECRET_NOT_FOUND') as string,
    });
  });
});
