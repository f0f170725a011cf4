import { mkdir, readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, test } from 'vitest';
import { ExitCode } from '../src/core/exit-code.ts';
import { CliRig, eventsOf, outcomesOf } from './rigs/cli-rig.ts';

const DOC = await readFile(join(import.meta.dirname, '../docs/airflow.md'), 'utf8');

/** The line of the first task in the document, as Airflow renders it. */
const LINE = (/bash_command="([^"]+)"/.exec(DOC)?.[1] ?? '').replace('{{ ds }}', '2027-01-31');

/** A verdict, then what waits for as long as there is no file `go`. */
const RECIPE = `params: { day: "1970-01-01", dir: none }
steps:
  ingest: { run: [bash, -c, 'echo "$1" > "$2"', x, "{{ params.day }}", "{{ outputs.day }}"], outputs: { day: day } }
  judge: { run: [cp, "{{ inputs.v }}", "{{ outputs.verdict }}"], inputs: { v: ./v.json }, outputs: { verdict: { path: v.json, kind: value } } }
  train:
    run: 'echo $$ > "$DIR/pid"; until [ -e "$DIR/go" ]; do sleep 0.05; done; echo 1 > $OUT_model'
    inputs: { day: ingest.day }
    env: { DIR: "{{ DIR }}" }
    outputs: { model: model }
`;

/** A project, and the command line of the document as Airflow starts it: in bash, in a session of its own. */
class TaskRig implements AsyncDisposable {
  readonly cli: CliRig;

  private constructor(cli: CliRig) {
    this.cli = cli;
  }

  static async create(verdict = 'VALIDATED'): Promise<TaskRig> {
    const cli = await CliRig.create({
      'recipes/flight-delay/recipe.yaml': RECIPE,
      'v.json': JSON.stringify({ verdict }),
    });
    await cli.write('profiles/prod.yaml', `DIR: ${cli.dir}\n`);
    await mkdir(join(cli.dir, 'bin'));
    await symlink(CliRig.bin, join(cli.dir, 'bin/recipe'));
    return new TaskRig(cli);
  }

  async task(onLine: (line: string, kill: () => void) => void = () => undefined): Promise<{
    readonly exit: number | undefined;
    readonly out: string;
  }> {
    const child = execa('bash', ['-c', LINE], {
      cwd: this.cli.dir,
      env: { PATH: `${this.cli.dir}/bin:${process.env['PATH']}`, HOME: this.cli.dir },
      extendEnv: false,
      reject: false,
      detached: true,
    });
    for await (const line of child) onLine(line, () => process.kill(-(child.pid ?? NaN), 'SIGTERM'));
    const { exitCode, stdout } = await child;
    return { exit: exitCode, out: stdout };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cli[Symbol.asyncDispose]();
  }
}

describe('a recipe as a task of Airflow', () => {
  test('gets the logical date as a parameter, and ends with a line for XCom', async () => {
    await using rig = await TaskRig.create();
    await rig.cli.write('go', '');
    const { exit, out } = await rig.task();
    expect(exit).toBe(0);
    expect(await rig.cli.read('.stockpot/latest/flight-delay/ingest/day')).toBe('2027-01-31\n');
    expect(eventsOf(out).at(-1)).toMatchObject({
      type: 'run.finished',
      outcome: 'succeeded',
      counts: { cached: 0, succeeded: 3 },
    });
  });

  test('TERM to its process group ends its steps and closes the run; the next try does the rest', async () => {
    await using rig = await TaskRig.create();
    const first = await rig.task((line, kill) => {
      if (line.includes('"step.started"') && line.includes('"train"')) kill();
    });
    expect([first.exit, outcomesOf(first.out), eventsOf(first.out).at(-1)]).toEqual([
      ExitCode.interrupted,
      { ingest: 'succeeded', judge: 'succeeded', train: 'cancelled' },
      expect.objectContaining({ type: 'run.finished', outcome: 'cancelled' }),
    ]);
    await rig.cli.write('go', '');
    const second = await rig.task();
    expect(second.exit).toBe(0);
    expect(outcomesOf(second.out)).toEqual({ ingest: 'cached', judge: 'cached', train: 'succeeded' });
  });

  test('is skipped by its exit code when the gate says no', async () => {
    await using rig = await TaskRig.create('REJECTED');
    await rig.cli.write('go', '');
    expect((await rig.task()).exit).toBe(ExitCode.gateClosed);
    expect(DOC).toContain(`skip_on_exit_code=${ExitCode.gateClosed},`);
  });

  test('the document has each exit code', () => {
    const documented = Array.from(DOC.matchAll(/^\| (\d+) \|/gm), ([, code]) => Number(code));
    expect(documented).toEqual(Object.values(ExitCode));
    expect(DOC).toContain(`exit_code in (${ExitCode.usage}, ${ExitCode.internal})`);
  });
});
