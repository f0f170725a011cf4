import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { machineGpus } from '../../src/executors/local/machine-gpus.ts';

describe('the GPUs that steps may have', () => {
  let dev: string;
  beforeAll(() => {
    dev = mkdtempSync(join(tmpdir(), 'stockpot-'));
    for (const name of ['nvidia0', 'nvidia3', 'nvidiactl', 'nvidia-uvm', 'tty1'])
      writeFileSync(join(dev, name), '');
  });
  afterAll(() => rmSync(dev, { recursive: true }));

  test.each<
    readonly [
      what: string,
      said: number | readonly string[] | undefined,
      visible: string | undefined,
      ids: readonly string[],
    ]
  >([
    ['those of the machine, from 0', undefined, undefined, ['0', '1']],
    ['those that the driver may see', undefined, 'GPU-a1,5', ['GPU-a1', '5']],
    ['none if the driver may see none', undefined, '', []],
    ['as many as are said', 3, undefined, ['0', '1', '2']],
    ['as many of those that the driver may see', 1, '4,5', ['4']],
    ['no more than the driver may see', 3, '4,5', ['4', '5']],
    ['none if none are said', 0, '4,5', []],
    ['those that are listed, whatever the driver may see', ['7'], '4,5', ['7']],
  ])('%s', (_, said, visible, ids) => {
    expect(machineGpus(said, { CUDA_VISIBLE_DEVICES: visible }, dev)).toEqual({
      ids,
      areSaid: said !== undefined,
    });
  });

  test('none where there are no devices', () => {
    expect(machineGpus(undefined, {}, join(dev, 'none'))).toEqual({ ids: [], areSaid: false });
  });
});
