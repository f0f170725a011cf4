import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { FLEET_PLANTS } from './chaos/fleet-plants.ts';
import { PLANTS } from './chaos/plants.ts';
import { SIM_PLANTS } from './sim/plants.ts';

const ROOT = join(import.meta.dirname, '..');

test.each([...PLANTS, ...FLEET_PLANTS, ...SIM_PLANTS])(
  'the source has the place where “$name” is planted, once',
  ({ changes }) => {
    const texts = new Map<string, string>();
    for (const { file, from, to } of changes) {
      const [before = '', after, ...more] = (texts.get(file) ?? readFileSync(join(ROOT, file), 'utf8')).split(
        from,
      );
      expect([file, after === undefined ? 'gone' : 'there', more.length]).toEqual([file, 'there', 0]);
      texts.set(file, before + to + (after ?? ''));
    }
  },
);
