import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CliRig } from '../rigs/cli-rig.ts';

const DATA = join(import.meta.dirname, '../../node_modules/vega-datasets/data');

/** What becomes of a real file: a registered model, one that its criteria reject, or the code of an error of init. */
type End =
  | 'registered'
  | 'REJECTED'
  | 'DATA_COLUMN_UNKNOWN'
  | 'TARGET_CLASSES'
  | 'TARGET_CONSTANT'
  | 'TRANSFORM_NO_FEATURES'
  | 'DATA_FORMAT_UNKNOWN';

/** Short ones, each with something of its own. */
const SOME: readonly [file: string, target: string, end: End][] = [
  // A class of one row, names with spaces and brackets.
  ['penguins.json', 'Sex', 'registered'],
  // Twelve times of many rows, missing numbers.
  ['cars.json', 'Miles_per_Gallon', 'registered'],
  ['github.csv', 'count', 'REJECTED'],
  // Objects and lists in a single object.
  ['earthquakes.json', 'mag', 'DATA_COLUMN_UNKNOWN'],
  ['zipcodes.csv', 'state', 'TARGET_CLASSES'],
];

/** With STOCKPOT_ALL_DATASETS=1. */
const MORE: readonly [file: string, target: string, end: End][] = [
  ['cars.json', 'Origin', 'registered'],
  ['movies.json', 'IMDB Rating', 'registered'],
  ['seattle-weather.csv', 'weather', 'registered'],
  ['birdstrikes.csv', 'Effect Amount of damage', 'registered'],
  ['gapminder.json', 'life_expect', 'registered'],
  ['stocks.csv', 'price', 'registered'],
  ['airports.csv', 'latitude', 'registered'],
  ['flights-2k.json', 'delay', 'registered'],
  ['barley.json', 'yield', 'registered'],
  ['us-employment.csv', 'nonfarm', 'registered'],
  ['weather.csv', 'location', 'registered'],
  ['co2-concentration.csv', 'CO2', 'registered'],
  ['unemployment.tsv', 'rate', 'TRANSFORM_NO_FEATURES'],
  ['us-10m.json', 'type', 'TARGET_CONSTANT'],
  ['football.json', 'home_team', 'TARGET_CLASSES'],
  ['7zip.png', 'x', 'DATA_FORMAT_UNKNOWN'],
];

describe('a file of its own: recipe init, recipe run', () => {
  test.each(process.env['STOCKPOT_ALL_DATASETS'] === '1' ? [...SOME, ...MORE] : SOME)(
    '%s, %s: %s',
    async (file, target, end) => {
      await using rig = await CliRig.create();
      copyFileSync(join(DATA, file), join(rig.dir, file));
      const init = await rig.recipe('init', '--data', file, '--target', target);
      if (init.exit !== 0) {
        expect(init.exit).toBe(1);
        expect(/\[([A-Z_]+)\]/.exec(init.err)?.[1]).toBe(end);
        return;
      }
      const { exit, out, err } = await rig.recipe('run');
      expect(out + err).not.toMatch(/^\s+at |Internal error/m);
      expect(exit).toBe(0);
      expect(
        /register: (?:model \S+, version 1|not done, the verdict is (REJECTED))/.exec(out)?.[1] ??
          'registered',
      ).toBe(end);
      expect(out).toContain('register: ');
    },
    60_000,
  );
});
