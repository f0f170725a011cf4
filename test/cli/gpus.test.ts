import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, test } from 'vitest';
import { CliRig, outcomes } from '../rigs/cli-rig.ts';

/** Writes what it may see into its output, `none` for nothing said. */
const SEEN = 'printf "%s\\n" "${CUDA_VISIBLE_DEVICES-none}" > "$OUT_seen"';

async function seen(rig: CliRig, ...steps: string[]): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const step of steps) {
    await rm(join(rig.dir, 'copy'), { force: true });
    await rig.recipe('artifacts', 'get', `:${step}.seen`, 'copy');
    found[step] = (await rig.read('copy')).trim();
  }
  return found;
}

function recipe(steps: Readonly<Record<string, string>>): string {
  const lines = Object.entries(steps).map(
    ([name, more]) => `  ${name}: { run: ${JSON.stringify(SEEN)}, outputs: { seen: seen }, ${more} }`,
  );
  return `steps:\n${lines.join('\n')}\n`;
}

describe('a step with `resources: { gpus }`', () => {
  test('sees so many devices of its own; one without sees none where the profile says which there are', async () => {
    await using rig = await CliRig.create({
      'recipe.yaml': recipe({
        two: 'seed: 2, resources: { gpus: 2 }',
        zero: 'seed: 3, resources: { gpus: 0 }',
        silent: 'seed: 1',
        passed: 'pass_env: CUDA_VISIBLE_DEVICES',
      }),
      'profiles/said.yaml': 'gpus: [4, GPU-8932f937, 7]\n',
    });
    rig.env['CUDA_VISIBLE_DEVICES'] = '2,3';
    await rig.run('--jobs', '1');
    expect(await seen(rig, 'two', 'zero', 'silent', 'passed')).toEqual({
      two: '2,3',
      zero: '',
      silent: 'none',
      passed: '2,3',
    });
    expect(await rig.run('-p', 'said')).toEqual({
      two: 'cached',
      zero: 'cached',
      silent: 'cached',
      passed: 'cached',
    });
    await rig.run('-p', 'said', '--force', '--jobs', '1');
    expect(await seen(rig, 'two', 'zero', 'silent', 'passed')).toEqual({
      two: '4,GPU-8932f937',
      zero: '',
      silent: '',
      passed: '2,3',
    });
  });

  test('shares none with another that runs at the same time; a third waits until one ends, though it fails', async () => {
    await using rig = await CliRig.create({
      'profiles/local.yaml': 'gpus: 2\n',
      'recipe.yaml': `steps:
  a: { run: 'echo "$CUDA_VISIBLE_DEVICES" > "$P/a"; read other < "$P/b"; echo "a sees $CUDA_VISIBLE_DEVICES, b sees $other"; exit 1', resources: { gpus: 1 }, pass_env: P }
  b: { run: 'read other < "$P/a"; echo "$CUDA_VISIBLE_DEVICES" > "$P/b"; read go < "$P/go"', resources: { gpus: 1 }, pass_env: P }
  c: { run: 'echo "c sees $CUDA_VISIBLE_DEVICES"; echo go > "$P/go"', resources: { gpus: 1 }, pass_env: P }
`,
    });
    rig.env['P'] = rig.dir;
    for (const name of ['a', 'b', 'go']) await execa('mkfifo', [join(rig.dir, name)]);
    const events = await rig.events('--jobs', '3', '--keep-going');
    expect(outcomes(events)).toEqual({ a: 'failed', b: 'succeeded', c: 'succeeded' });
    const text = events.flatMap((event) => (event.type === 'step.output' ? [event.text] : [])).join('');
    const [, a, b] = /a sees ([01]), b sees ([01])\n/.exec(text) ?? [];
    expect(new Set([a, b])).toEqual(new Set(['0', '1']));
    // While b has the other one.
    expect(text).toContain(`c sees ${a}\n`);
    expect(events).toContainEqual(
      expect.objectContaining({ type: 'step.waiting', step: 'c', reason: 'resources', holder: 'gpus' }),
    );
  });

  test('that wants more than there are is refused with its place before anything is written', async () => {
    await using rig = await CliRig.create({ 'recipe.yaml': recipe({ a: 'resources: { gpus: 3 }' }) });
    rig.env['CUDA_VISIBLE_DEVICES'] = '0,1';
    const { exit, err } = await rig.recipe('run', '--json');
    expect({ exit, ...(JSON.parse(err) as object) }).toMatchObject({
      exit: 2,
      code: 'GPUS_LACKING',
      message: 'The step a needs 3 GPUs, and steps on this machine may have 2',
      at: { file: 'recipe.yaml', line: 2, column: 3 },
    });
    expect(existsSync(join(rig.dir, '.stockpot'))).toBe(false);
  });

  test('needs none while it is cached, and is refused in its turn when it is not', async () => {
    await using rig = await CliRig.create({
      'recipe.yaml': `steps:
  before: { run: [cp, ./x, "{{ outputs.o }}"], inputs: { x: ./x }, outputs: { o: o } }
  a: { run: [cp, "{{ inputs.o }}", "{{ outputs.p }}"], inputs: { o: before.o }, outputs: { p: p }, resources: { gpus: 1 } }
  after: { run: [cp, "{{ inputs.p }}", "{{ outputs.q }}"], inputs: { p: a.p }, outputs: { q: q } }
`.replace('cp, ./x', 'cp, "{{ inputs.x }}"'),
      x: '1',
    });
    rig.env['CUDA_VISIBLE_DEVICES'] = '0';
    expect(await rig.run()).toEqual({ before: 'succeeded', a: 'succeeded', after: 'succeeded' });
    rig.env['CUDA_VISIBLE_DEVICES'] = '';
    expect(await rig.run()).toEqual({ before: 'cached', a: 'cached', after: 'cached' });
    expect((await rig.recipe('run', '--force=a')).err).toContain('The step a needs 1 GPUs');
    await rig.write('x', '2');
    const events = await rig.events();
    expect(outcomes(events)).toEqual({ before: 'succeeded', a: 'failed', after: 'skipped' });
    expect(events).toContainEqual(
      expect.objectContaining({
        type: 'step.failed',
        step: 'a',
        failure: { reason: 'threw', error: expect.objectContaining({ code: 'GPUS_LACKING' }) },
      }),
    );
  });
});
