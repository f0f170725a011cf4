import { expect, test } from 'vitest';
import { CliRig } from '../rigs/cli-rig.ts';
import { inProcess } from '../rigs/in-process.ts';
import { SaidLines } from '../rigs/said-lines.ts';

test('a backfill that is interrupted leaves no ticks behind that somebody else would run', async () => {
  await using rig = await CliRig.create({
    'recipe.yaml': "steps: { a: { run: [sh, -c, 'exec sleep 600'] } }\n",
    'profiles/local.yaml': 'schedule: { every: 1h }\n',
  });
  const { out } = await inProcess(rig.dir, 'schedules', 'apply', '--json');
  const { name } = JSON.parse(out) as { name: string };
  const range = ['--from', '2026-01-01T00:00Z', '--to', '2026-01-01T03:00Z'];
  const backfill = rig.start('schedules', 'backfill', name, ...range, '--json');
  await new SaidLines(backfill.stdout).until({ state: 'running' });
  backfill.kill('SIGINT');
  const { exitCode, stderr } = await backfill;
  expect([exitCode, stderr]).toEqual([130, '3 ticks that had not begun are taken back\n']);
  const listed = await inProcess(rig.dir, 'schedules', 'list', name, '--json');
  const ticks = JSON.parse(listed.out) as { state: string }[];
  expect(ticks.map(({ state }) => state)).toEqual(['interrupted']);
});
