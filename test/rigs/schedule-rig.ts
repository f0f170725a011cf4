import { CliRig, type Outcome } from './cli-rig.ts';
import { inProcessWith } from './in-process.ts';

const HOUR = 3_600_000;
const T0 = Date.UTC(2027, 0, 1, 0, 30);

const RECIPE = `steps:
  ingest: { run: [cp, "{{ inputs.data }}", "{{ outputs.rows }}"], inputs: { data: ./data.csv }, outputs: { rows: rows.csv } }
  train: { run: [cp, "{{ inputs.rows }}", "{{ outputs.model }}"], inputs: { rows: ingest.rows }, outputs: { model: m } }
`;

/** Commands at an hour of a clock that nobody but the test moves. */
export class ScheduleRig implements AsyncDisposable {
  readonly cli: CliRig;

  private constructor(cli: CliRig) {
    this.cli = cli;
  }

  static async create(
    schedule: string,
    recipe = RECIPE,
    more: Readonly<Record<string, string>> = {},
    {
      settings = '',
      env = {},
    }: { readonly settings?: string; readonly env?: Readonly<Record<string, string>> } = {},
  ): Promise<ScheduleRig> {
    const cli = await CliRig.create({
      'recipes/daily/recipe.yaml': recipe,
      'profiles/prod.yaml': `schedule: { every: 1h, ${schedule} }\n${settings}`,
      'data.csv': 'a\n1\n',
      ...more,
    });
    Object.assign(cli.env, env);
    const rig = new ScheduleRig(cli);
    const { exit, err } = await rig.at(0, 'apply', 'daily', '-p', 'prod');
    if (exit !== 0) throw new Error(err);
    return rig;
  }

  async at(hours: number, ...args: string[]): Promise<Outcome> {
    const now = T0 + hours * HOUR;
    return inProcessWith({ dir: this.cli.dir, env: this.cli.env, now }, 'schedules', ...args);
  }

  /** What became of the ticks that a scheduler finds at this hour. */
  async serve(hours: number): Promise<string[]> {
    const { out } = await this.at(hours, 'serve', '--once', '--json');
    return endsIn(out);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cli[Symbol.asyncDispose]();
  }
}

/** `01:00 caught-up succeeded` for each tick that ended, from what a scheduler printed with --json. */
export function endsIn(out: string): string[] {
  return out
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as { tick: string; state: string; cause: string })
    .filter(({ state }) => state !== 'running')
    .map(({ tick, state, cause }) => `${tick.slice(11, 16)} ${cause} ${state}`);
}
