import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { CliRig } from '../rigs/cli-rig.ts';
import { inProcess } from '../rigs/in-process.ts';

test.each([
  [['ftp://h/x', '--accept', 'any'], 'ftp is no way to a shared cache', 'REMOTE_INVALID'],
  [['', '--accept', 'any'], 'REMOTE is empty', 'USAGE'],
  [['/shared', '--accept', 'any', '--remove'], '--remove takes no /shared', 'USAGE'],
])('recipe cache link %j is refused, and nothing is written', async (args, says, code) => {
  await using rig = await CliRig.create({ 'recipe.yaml': 'steps: { a: { run: [x] } }\n' });
  const { exit, err } = await inProcess(rig.dir, 'cache', 'link', ...args);
  expect([exit, err]).toEqual([2, expect.stringContaining(says)]);
  expect(err).toContain(code);
  expect(existsSync(join(rig.dir, '.stockpot'))).toBe(false);
});
