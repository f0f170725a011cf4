import type { RegisteredVersion, RegistryChange } from '../../src/engine/registry-port.ts';
import { CliRig } from './cli-rig.ts';
import { inProcessWith } from './in-process.ts';

const TRAIN = `import json, os
task = json.load(open(os.environ['STOCKPOT_STEP']))
os.makedirs(os.environ['OUT_model'])
open(os.path.join(os.environ['OUT_model'], 'MLmodel'), 'w').write('n: %s\\n' % task['config']['n'])
`;

const JUDGE = `import json, os
task = json.load(open(os.environ['STOCKPOT_STEP']))
verdict = {'verdict': task['config']['verdict'], 'criteria': []}
if 'champion' in task['inputs']:
    verdict['champion'] = task['inputs']['champion']['digest']
json.dump(verdict, open(os.environ['OUT_verdict'], 'w'))
`;

const recipe = (register: string): string => `steps:
  train: { uses: ./train.py, with: { n: 1 }, outputs: { model: { path: model, kind: model } } }
  judge:
    uses: ./judge.py
    with: { verdict: VALIDATED }
    inputs: { model: train.model, champion: "models:/m@champion" }
    outputs: { verdict: { path: verdict.json, kind: value } }
  register: { uses: register, with: { model_name: m${register} }, inputs: { model: train.model, verdict: judge.verdict } }
`;

/** A project whose models are cheap to make: each `n` is another one, judged against the champion as told. */
export class RegistryRig implements AsyncDisposable {
  readonly cli: CliRig;

  private constructor(cli: CliRig) {
    this.cli = cli;
  }

  /** @param register more of the configuration of the step `register`: `, alias: champion` */
  static async create(register = ''): Promise<RegistryRig> {
    return new RegistryRig(
      await CliRig.create({
        'recipe.yaml': recipe(register),
        'train.py': TRAIN,
        'judge.py': JUDGE,
        'profiles/dry.yaml': 'effects: none\n',
      }),
    );
  }

  /** Registers model `n`; gives what became of each step, and of the effect. */
  async train(n: number, verdict = 'VALIDATED'): Promise<Record<string, string>> {
    const events = await this.cli.events(
      '-S',
      `steps.train.with.n=${n}`,
      '-S',
      `steps.judge.with.verdict=${verdict}`,
    );
    return Object.fromEntries(
      events.flatMap((event) => {
        if (event.type.startsWith('effect.')) return [['effect', event.type.slice('effect.'.length)]];
        const ended = /^step\.(cached|succeeded|failed|skipped)$/.exec(event.type)?.[1];
        return ended === undefined || !('step' in event) ? [] : [[event.step, ended]];
      }),
    ) as Record<string, string>;
  }

  /** `promote m/2`: exit code, and the code of the error or `{ before, after }`. */
  async promote(model: string, ...args: string[]): Promise<Record<string, unknown>> {
    const { exit, out, err } = await inProcessWith(this.cli, 'models', 'promote', model, '--json', ...args);
    if (exit !== 0) {
      const { code, message, hint } = JSON.parse(err) as Record<string, unknown>;
      return { exit, code, message, hint };
    }
    const { before, after } = JSON.parse(out) as Record<string, unknown>;
    return { exit, before, after };
  }

  async show(): Promise<{ versions: RegisteredVersion[]; history: RegistryChange[] }> {
    return JSON.parse((await inProcessWith(this.cli, 'models', 'show', 'm', '--json')).out) as never;
  }

  /** The version that an alias points to. */
  async at(alias: string): Promise<string | undefined> {
    return (await this.show()).versions.find(({ aliases }) => aliases.includes(alias))?.version;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cli[Symbol.asyncDispose]();
  }
}
