import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execaNode } from 'execa';
import { expect, test } from 'vitest';
import { CliRig } from '../rigs/cli-rig.ts';
import { JumpingClock } from '../rigs/jumping-clock.ts';
import { SmallDisk } from '../rigs/small-disk.ts';

const missing = SmallDisk.missing();

test('a process reads a clock that is off as soon as it has jumped', async () => {
  await using rig = await CliRig.create({
    'ask.mjs': `import { writeFileSync } from 'node:fs';
const [, , path] = process.argv;
const read = () => Math.round((Date.now() - performance.timeOrigin - performance.now()) / 60_000);
const off = [read()];
for (const ms of ['1800000', '-1800000', '0']) {
  writeFileSync(path, ms);
  off.push(read());
}
console.log(off.join(' '));
`,
  });
  const path = join(rig.dir, 'clock');
  const clock = new JumpingClock(path);
  const { stdout } = await execaNode(join(rig.dir, 'ask.mjs'), [path], {
    env: { NODE_OPTIONS: clock.option },
  });
  expect(stdout).toBe('0 30 -30 0');
});

test.skipIf(missing !== undefined)(
  `a small disk is full until it grows${missing === undefined ? '' : ` (${missing})`}`,
  async () => {
    await using rig = await CliRig.create();
    mkdirSync(join(rig.dir, 'disk'));
    using disk = SmallDisk.mount(join(rig.dir, 'disk'));
    const path = join(disk.path, 'file');
    writeFileSync(path, 'kept');
    disk.fill(4096);
    expect(() => writeFileSync(join(disk.path, 'more'), Buffer.alloc(10_000))).toThrow(/ENOSPC/);
    expect(readFileSync(path, 'utf8')).toBe('kept');
    disk.grow();
    writeFileSync(join(disk.path, 'more'), Buffer.alloc(10_000));
  },
);
