import { describe, expect, test } from 'vitest';
import { CliRig } from '../rigs/cli-rig.ts';
import { inProcess } from '../rigs/in-process.ts';

const RECIPE = 'steps:\n  a: { run: [x] }\n';

async function problemOf(schedule: string): Promise<string> {
  await using rig = await CliRig.create({
    'recipe.yaml': RECIPE,
    'recipes/ingest/recipe.yaml': RECIPE,
    'profiles/local.yaml': `schedule: ${schedule}\n`,
  });
  const { exit, err } = await inProcess(rig.dir, 'validate', '--json');
  if (exit === 0) return 'valid';
  const { message, hint, code, at } = JSON.parse(err) as Record<'message' | 'hint' | 'code', string> & {
    at: { file: string; column: number };
  };
  expect([exit, at.file]).toEqual([2, 'profiles/local.yaml']);
  return `${at.column}: ${message}${code === 'SCHEDULE_AFTER_UNKNOWN' ? `; ${hint}` : ''}`;
}

describe('the schedule of a profile is checked where it is written', () => {
  test.each([
    ['{ cron: "0 2 * * *", timezone: Europe/Berlin }', 'valid'],
    [
      '{ every: 6h, start: 2027-01-01T00:00:00+01:00, end: 2028-01-01T00:00Z, jitter: 5m, overlap: queue-one, catch_up: all, window: 7d, pause_on_failure: true, only_if_changed: [a] }',
      'valid',
    ],
    ['{ timezone: UTC }', '11: schedule has not one of cron, every and after'],
    ['{ cron: "0 2 * * *", every: 1h, timezone: UTC }', '11: schedule has not one of cron, every and after'],
    ['{ cron: "0 2 * * *" }', '11: schedule has a cron but no timezone, as in timezone: Europe/Berlin'],
    [
      '{ cron: "0 25 * * *", timezone: UTC }',
      '19: schedule.cron has "25" as its hour, which is no number from 0 to 23',
    ],
    ['{ cron: "@daily", timezone: Mars/Olympus }', '39: schedule.timezone is no IANA time zone'],
    ['{ cron: "@daily", timezone: "+02:00" }', '39: schedule.timezone is no IANA time zone'],
    ['{ every: 1h, timezone: UTC }', '24: schedule.timezone belongs to cron'],
    ['{ every: 10ms }', '20: schedule.every is less than a second'],
    ['{ every: 1h, start: 2027-01-01 }', '31: schedule.start is no instant such as 2027-01-31T02:00:00Z'],
    ['{ every: 1h, start: 2027-01-02T00:00Z, end: 2027-01-01T00:00Z }', '11: schedule ends before it starts'],
    ['{ every: 1h, overlap: run }', '33: schedule.overlap is none of skip, queue-one, allow'],
    ['{ every: 1h, overlap: allow, concurrency: 8 }', 'valid'],
    [
      '{ every: 1h, overlap: allow, concurrency: 0 }',
      '53: schedule.concurrency is not a whole number from 1',
    ],
    ['{ every: 1h, concurrency: 8 }', '24: schedule.concurrency belongs to overlap: allow'],
    ['{ every: 1h, catch_up: two }', '34: schedule.catch_up is none of none, one, all'],
    ['{ after: ingest, jitter: 5m, catch_up: all }', 'valid'],
    ['{ after: { recipe: ingest } }', 'valid'],
    ['{ after: { recipe: ingest, output: a.v.key, equals: [1, x] } }', 'valid'],
    ['{ after: ingest, every: 1h }', '11: schedule has not one of cron, every and after'],
    ['{ after: ingest, timezone: UTC }', '28: schedule.timezone belongs to cron'],
    ['{ after: { output: a.v } }', '20: schedule.after lacks the key recipe'],
    ['{ after: { recipe: ingest, equal: 1 } }', '38: schedule.after has no key equal'],
    ['{ after: { recipe: ingest, equals: 1 } }', '38: schedule.after.equals belongs to output'],
    [
      '{ after: { recipe: ingest, output: v } }',
      '46: schedule.after.output is not STEP.OUTPUT, as in evaluate.verdict',
    ],
    [
      '{ after: ingets }',
      '20: schedule.after names the recipe ingets, which this project does not have; Did you mean ingest?',
    ],
    [
      '{ after: { recipe: other } }',
      '30: schedule.after names the recipe other, which this project does not have; Choose one of ingest.',
    ],
    [
      '{ after: .. }',
      '20: schedule.after names the recipe .., which this project does not have; Choose one of ingest.',
    ],
    ['{ every: 1h, catchup: one }', '24: schedule has no key catchup'],
  ])('%s', async (schedule, problem) => {
    expect(await problemOf(schedule)).toBe(problem);
  });
});

test('`tick.at` needs a default where no schedule runs it', async () => {
  await using rig = await CliRig.create({
    'recipe.yaml': 'steps:\n  a: { run: [echo, "{{ tick.at }}"] }\n',
  });
  expect((await inProcess(rig.dir, 'validate')).err).toContain('TICK_MISSING');
  await rig.write('recipe.yaml', `steps:\n  a: { run: [echo, '{{ tick.at | default("never") }}'] }\n`);
  expect((await inProcess(rig.dir, 'validate')).exit).toBe(0);
});
