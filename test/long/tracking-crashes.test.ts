import { readdirSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, test } from 'vitest';
import type { RunEvent } from '../../src/core/events.ts';
import { CliRig } from '../rigs/cli-rig.ts';
import { everythingTracked, listRuns, stepsOf } from '../rigs/tracked-runs.ts';

const STEP = `import json, os
task = json.load(open(os.environ['STOCKPOT_STEP']))
with open(task['report'], 'a') as report:
    for step in range(3):
        report.write(json.dumps({'type': 'metric', 'key': 'loss', 'value': 1 / (step + 1), 'step': step}) + '\\n')
    report.write(json.dumps({'type': 'param', 'key': 'chosen', 'value': task['step']}) + '\\n')
open(os.environ['OUT_y'], 'w').write(task['step'])
`;

const RECIPE = `steps:
  one: { uses: ./fit.py, with: { k: 1 }, outputs: { y: y.txt } }
  two: { uses: ./fit.py, with: { k: 2 }, inputs: { x: one.y }, outputs: { y: y.txt } }
  three: { uses: ./fit.py, with: { k: 3 }, inputs: { x: two.y }, outputs: { y: y.txt } }
`;

/** The journal of a run as the kill left it. */
async function journal(rig: CliRig, run: string): Promise<RunEvent[]> {
  const text = await rig.read(`.stockpot/runs/${run}/events-1.jsonl`);
  return text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .flatMap((line) => (line === '' ? [] : [JSON.parse(line) as RunEvent]));
}

/** Steps with an event of this type. */
function stepsWith(events: readonly RunEvent[], type: RunEvent['type']): string[] {
  return events.flatMap((event) => (event.type === type && 'step' in event ? [String(event.step)] : []));
}

async function killed(rig: CliRig, failpoint: string, ...args: string[]): Promise<void> {
  rig.env['STOCKPOT_FAILPOINT'] = failpoint;
  expect(await rig.recipe(...args)).toMatchObject({ signal: 'SIGKILL' });
  delete rig.env['STOCKPOT_FAILPOINT'];
}

describe('kill -9 of the driver, then any command about runs', () => {
  test.each([
    'journal.before-write@1',
    'journal.before-write@4',
    'journal.after-sync@1',
    'journal.after-sync@2',
    'attempt.after-exit@3',
    'result.after-link@2',
    'tracking.before-write@1',
    'tracking.before-commit@1',
    'tracking.before-commit@2',
    'tracking.after-commit@2',
  ])('at %s: tracking says what the journal says, nothing twice', async (failpoint) => {
    await using rig = await CliRig.create({ 'recipe.yaml': RECIPE, 'fit.py': STEP });
    await killed(rig, failpoint, 'run');
    const [id = ''] = readdirSync(`${rig.dir}/.stockpot/runs`);
    const events = await journal(rig, id);
    const ended = events.find((event) => event.type === 'run.finished');
    const succeeded = stepsWith(events, 'step.succeeded');
    const cutOff = stepsWith(events, 'step.started').filter((step) => !succeeded.includes(step));

    const runs = await everythingTracked(rig);
    const parents = runs.filter(({ tags }) => tags['mlflow.parentRunId'] === undefined);
    expect(parents).toHaveLength(events.length > 0 ? 1 : 0);
    for (const parent of parents) {
      expect(parent.status).toBe(ended === undefined ? 'KILLED' : 'FINISHED');
      expect(parent.name).toMatch(new RegExp(`${id}$`));
      expect(Object.fromEntries(parent.children.map(({ name, status }) => [name, status]))).toEqual({
        ...Object.fromEntries(succeeded.map((step) => [step, 'FINISHED'])),
        ...Object.fromEntries(cutOff.map((step) => [step, 'KILLED'])),
      });
      const states = await stepsOf(rig, parent);
      expect(Object.entries(states).map(([step, { state }]) => [step, state])).toEqual(
        ['one', 'two', 'three'].map((step) => [
          step,
          succeeded.includes(step) ? 'succeeded' : cutOff.includes(step) ? 'killed' : 'waiting',
        ]),
      );
      if (succeeded.length + cutOff.length > 0)
        expect(parent.params).toEqual({ 'one.k': '1', 'two.k': '2', 'three.k': '3' });
    }
    for (const child of runs.filter(({ name }) => succeeded.includes(name)))
      expect(child).toMatchObject({
        params: { chosen: child.name },
        artifacts: [{ path: 'y.txt' }],
        history: {
          loss: [
            { step: 0, value: 1 },
            { step: 1, value: 1 / 2 },
            { step: 2, value: 1 / 3 },
          ],
        },
      });

    // Whatever is repeated, tracking stays as it is.
    expect(await everythingTracked(rig)).toEqual(runs);
    expect(Object.values(await rig.run()).every((kind) => /succeeded|cached/.test(kind))).toBe(true);
    const after = await everythingTracked(rig);
    expect(after.filter(({ id: one }) => runs.some((run) => run.id === one))).toEqual(runs);
    expect(after.filter(({ status }) => status === 'RUNNING')).toEqual([]);
  });

  test.each([
    'close.after-write',
    'tracking.before-write',
    'tracking.before-commit',
    'tracking.after-commit',
    'close.before-unmark',
  ])('and again, at %s, of the command that closes the run', async (failpoint) => {
    await using rig = await CliRig.create({ 'recipe.yaml': RECIPE, 'fit.py': STEP });
    // Before its end is written, however late tracking is.
    await killed(rig, 'attempt.after-exit@2', 'run');
    await killed(rig, failpoint, 'runs', 'list');
    const runs = await everythingTracked(rig);
    expect(runs.find(({ children }) => children.length > 0)).toMatchObject({
      status: expect.stringMatching(/KILLED|FINISHED/),
      children: expect.arrayContaining([expect.objectContaining({ name: 'one', status: 'FINISHED' })]),
    });
    expect(await everythingTracked(rig)).toEqual(runs);
    const [id = ''] = readdirSync(`${rig.dir}/.stockpot/runs`);
    const finished = (await journal(rig, id)).filter(({ type }) => type === 'run.finished');
    expect(finished).toHaveLength(1);
  });

  test('closed by two commands at once, a run ends once', async () => {
    await using rig = await CliRig.create({ 'recipe.yaml': RECIPE, 'fit.py': STEP });
    await killed(rig, 'attempt.after-exit@2', 'run');
    const outcomes = await Promise.all([0, 1, 2].map(() => rig.recipe('runs', 'list', '--json')));
    expect(outcomes.map(({ exit, err }) => [exit, err])).toEqual([0, 1, 2].map(() => [0, '']));
    const [id = ''] = readdirSync(`${rig.dir}/.stockpot/runs`);
    const finished = (await journal(rig, id)).filter(({ type }) => type === 'run.finished');
    expect(finished).toMatchObject([{ outcome: 'interrupted' }]);
    expect(await listRuns(rig)).toMatchObject([{ status: 'KILLED' }]);
  });
});

test('a run that was deleted while it was cut off stays deleted, and is in nobody’s way', async () => {
  await using rig = await CliRig.create({ 'recipe.yaml': RECIPE, 'fit.py': STEP });
  await killed(rig, 'tracking.after-commit@2', 'run');
  const db = new DatabaseSync(`${rig.dir}/.stockpot/tracking.db`);
  db.exec(`UPDATE runs SET lifecycle_stage = 'deleted'`);
  db.close();
  expect(await rig.recipe('runs', 'list')).toMatchObject({ exit: 0, out: 'no runs\n', err: '' });
  expect(Object.values(await rig.run()).every((kind) => /succeeded|cached/.test(kind))).toBe(true);
  expect(await listRuns(rig)).toMatchObject([{ status: 'FINISHED' }]);
});

describe('tracking that cannot be written', () => {
  test('is said once, the run goes on, and the next command that can write brings it up to date', async () => {
    await using rig = await CliRig.create({ 'recipe.yaml': RECIPE, 'fit.py': STEP });
    expect((await rig.recipe('runs', 'list')).exit).toBe(0);
    const alter = (sql: string): void => {
      const db = new DatabaseSync(`${rig.dir}/.stockpot/tracking.db`);
      db.exec(sql);
      db.close();
    };
    alter('ALTER TABLE artifacts RENAME TO elsewhere');
    const run = await rig.recipe('run');
    expect([run.exit, run.err]).toEqual([
      0,
      'warning: tracking could not be written: no such table: artifacts\n',
    ]);
    alter('ALTER TABLE elsewhere RENAME TO artifacts');
    const runs = await everythingTracked(rig);
    expect(runs.map(({ name, status }) => [name.split(' ').length, status])).toEqual(
      runs.map(({ tags }) => [tags['mlflow.parentRunId'] === undefined ? 2 : 1, 'FINISHED']),
    );
    expect(
      runs
        .flatMap(({ artifacts }) => artifacts.map(({ path }) => path))
        .toSorted((a, b) => a.localeCompare(b)),
    ).toEqual(['steps.json', 'y.txt', 'y.txt', 'y.txt']);
  });
});
