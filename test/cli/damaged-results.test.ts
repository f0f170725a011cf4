import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Fingerprint } from '../../src/core/ids.ts';
import { OUTPUT_KINDS } from '../../src/core/kinds.ts';
import { parseResult, partsOf } from '../../src/store/results.ts';
import { CliRig } from '../rigs/cli-rig.ts';

const RECIPE = `steps:
  make: { run: 'echo 1 > "$OUT_x"', outputs: { x: x } }
  use: { run: 'cat "$IN_x" > "$OUT_y"', inputs: { x: make.x }, outputs: { y: y } }
`;

/** The path and the text of what `make` gave. */
function resultOf(rig: CliRig): { path: string; text: string } {
  const found = globSync('.stockpot/cache/results/*/*', { cwd: rig.dir })
    .map((name) => join(rig.dir, name))
    .map((path) => ({ path, text: readFileSync(path, 'utf8') }))
    .find(({ text }) => text.includes('"step":"make"'));
  if (found === undefined) throw new Error('make left no result');
  return found;
}

describe('a result whose file is damaged is made again, and the new one takes its place', () => {
  test.each(['outputs', 'x', 'digest', 'size', 'kind', 'producer', 'step', 'durationMs'])(
    'the key %s has another name',
    async (key) => {
      await using rig = await CliRig.create({ 'recipe.yaml': RECIPE });
      await rig.run();
      const { path, text } = resultOf(rig);
      const damaged = text.replace(`"${key}"`, `"#${key.slice(1)}"`);
      expect(damaged).not.toBe(text);
      writeFileSync(path, damaged);
      expect(await rig.run()).toEqual({ make: 'succeeded', use: 'cached' });
      expect(await rig.run()).toEqual({ make: 'cached', use: 'cached' });
    },
  );

  test('whatever bit is flipped: what is read of it is there, or it is no result', async () => {
    await using rig = await CliRig.create({ 'recipe.yaml': RECIPE });
    await rig.run();
    const bytes = Buffer.from(resultOf(rig).text);
    const { fingerprint } = JSON.parse(bytes.toString()) as { fingerprint: Fingerprint };
    const known: readonly string[] = OUTPUT_KINDS;
    fc.assert(
      fc.property(fc.nat(bytes.length * 8 - 1), (bit) => {
        const damaged = Buffer.from(bytes);
        damaged.writeUInt8(damaged.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
        const result = parseResult(damaged.toString(), fingerprint);
        if (result === undefined) return;
        for (const { digest, size, kind } of partsOf(result)) {
          expect(digest).toMatch(/^[0-9a-f]{64}$/);
          expect(size).toBeTypeOf('number');
          expect(known).toContain(kind);
        }
        expect(result.producer.durationMs).toBeTypeOf('number');
      }),
      { numRuns: 1000 },
    );
  });
});
