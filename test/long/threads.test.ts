import { describe, expect, test } from 'vitest';
import { CliRig } from '../rigs/cli-rig.ts';
import { CSV, RECIPE } from '../rigs/small-table.ts';

describe('the same bytes on any number of threads', () => {
  test('of every shipped data step', async () => {
    await using rig = await CliRig.create({ 'data.csv': `${CSV}\n` });
    const digests: string[] = [];
    for (const cpus of [1, 2, 4]) {
      const limited = RECIPE.replaceAll(
        /^ {2}(ingest|train|evaluate|register): \{/gm,
        `  $1: { resources: { cpus: ${cpus} },`,
      )
        .replaceAll('{ uses:', `{ resources: { cpus: ${cpus} }, uses:`)
        .replace(
          '  train:',
          `  split: { resources: { cpus: ${cpus} } }\n  transform: { resources: { cpus: ${cpus} } }\n  train:`,
        );
      await rig.write('recipe.yaml', limited);
      const events = await rig.events('-f');
      digests.push(
        JSON.stringify(
          events
            .flatMap((event) =>
              event.type === 'step.succeeded' ? [JSON.stringify([event.step, event.outputs])] : [],
            )
            .toSorted(),
        ),
      );
    }
    expect(digests[0]).toContain('predict');
    expect(new Set(digests).size).toBe(1);
  }, 180_000);
});
