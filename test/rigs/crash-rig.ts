import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { FAILPOINTS, type Failpoint } from '../../src/core/failpoint.ts';
import { checkHome, checkStore, completeResults, type Expectations } from './check-home.ts';
import { CliRig, eventsOf, type Outcome, outcomes } from './cli-rig.ts';

const SECRET = 'canary+/="secret-of-the-crash-tests';

/** In the environment of the program, and declared by no step. */
const UNDECLARED = 'canary-that-no-step-declares';

interface Recovery {
  /** What became of each step. */
  readonly steps: Record<string, string>;
  /** What the home then breaks of the promises. */
  readonly violations: readonly string[];
}

/** A small project whose steps publish all that a step can, and leave a mark outside of it when executed. */
export class CrashRig implements AsyncDisposable {
  readonly cli: CliRig;
  readonly home: string;
  readonly #models = new Set<number>();
  #registers = true;

  private constructor(cli: CliRig, home: string) {
    this.cli = cli;
    this.home = join(cli.dir, home);
    Object.assign(cli.env, { TOKEN: SECRET, UNDECLARED, STOCKPOT_HOME: this.home });
  }

  /** @param bin another copy of the program */
  static async create({ bin, home = '.stockpot' }: { bin?: string; home?: string } = {}): Promise<CrashRig> {
    const profile = 'secrets: { TOKEN: { env: TOKEN } }\n';
    const rig = new CrashRig(await CliRig.create({ 'profiles/local.yaml': profile }, bin), home);
    await rig.change(0, { registers: true });
    return rig;
  }

  get cache(): string {
    return join(this.home, 'cache');
  }

  /** Other outputs: every step has to be executed. */
  async change(n: number, { registers }: { registers: boolean }): Promise<void> {
    this.#models.add(n);
    this.#registers = registers;
    await this.cli.write('recipe.yaml', recipe(this.cli.dir, n) + (registers ? REGISTER : ''));
  }

  /** Those that its recipe may come to. */
  get failpoints(): readonly [Failpoint, ...Failpoint[]] {
    return this.#registers ? FAILPOINTS : WITHOUT_EFFECTS;
  }

  /** The command `recipe run`, which comes to the failpoints given. */
  async crash(failpoints: string, ...command: string[]): Promise<Outcome> {
    this.cli.env['STOCKPOT_FAILPOINT'] = failpoints;
    const outcome = await this.cli.recipe(...(command.length === 0 ? ['run'] : command));
    delete this.cli.env['STOCKPOT_FAILPOINT'];
    return outcome;
  }

  /** The same command again, undisturbed, and what does not hold afterwards. */
  async recover(expectations: Expectations & { readonly orphan?: boolean } = {}): Promise<Recovery> {
    const torn = expectations.damaged === true ? [] : checkStore(this.cache);
    const before = this.executions.length;
    const committed = completeResults(this.cache);
    const { out, err, exit } = await this.cli.recipe('run', '--json');
    const events = eventsOf(out);
    const started = events.filter((event) => event.type === 'step.started');
    const executed = this.executions.length - before;
    // A process that nobody could record before the crash may write its line only now.
    const counted = started.filter(({ step }) => step !== 'register').length;
    return {
      steps: outcomes(events),
      violations: [
        ...torn.map((text) => `${text}, right after the crash`),
        ...(exit === 0 ? [] : [`the command exits with ${exit}: ${err}`]),
        ...started
          .filter(({ fingerprint }) => committed.has(fingerprint) && expectations.damaged !== true)
          .map(({ step }) => `I4 ${step} runs again, though its result was there`),
        ...(executed === counted || (executed === counted + 1 && expectations.orphan === true)
          ? []
          : [`I4 ${executed} executions where ${counted} were started`]),
        ...checkHome(this.home, { secrets: [SECRET, UNDECLARED], ...expectations }),
      ],
    };
  }

  /** A line for each execution of a step, from outside of what a crash touches. */
  get executions(): string[] {
    const path = join(this.cli.dir, 'executions');
    return existsSync(path) ? readFileSync(path, 'utf8').trimEnd().split('\n') : [];
  }

  /** How many models the steps may have made so far. */
  get models(): number {
    return this.#models.size;
  }

  /** How many versions of the model there are, and which one the alias points to. */
  get registered(): { versions: number; champion: number | undefined } {
    const path = join(this.home, 'tracking.db');
    if (!existsSync(path)) return { versions: 0, champion: undefined };
    const db = new DatabaseSync(path);
    try {
      const count = db.prepare('SELECT count(*) AS n FROM model_versions').get()?.['n'];
      const champion = db.prepare('SELECT version FROM registered_model_aliases').get()?.['version'];
      return { versions: Number(count), champion: champion === undefined ? undefined : Number(champion) };
    } finally {
      db.close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cli[Symbol.asyncDispose]();
  }
}

const WITHOUT_EFFECTS = FAILPOINTS.filter((name) => !/^(?:registry|alias|effect)\./.test(name)) as [
  Failpoint,
  ...Failpoint[],
];

/** A log, a report, a folder, a file and a secret. */
function recipe(dir: string, n: number): string {
  return `steps:
  make:
    env: { TOKEN: { secret: TOKEN } }
    run: |
      echo make >> ${dir}/executions
      echo "the token is $TOKEN"
      env
      printf '{"type":"metric","key":"n","value":1}\\n' >> "$(dirname "$STOCKPOT_STEP")/report.jsonl"
      mkdir -p "$OUT_model"
      echo "flavors: {}" > "$OUT_model/MLmodel"
      echo ${n} > "$OUT_model/weights"
    outputs: { model: { path: model, kind: model } }
  use:
    run: |
      echo use >> ${dir}/executions
      cat "$IN_m/weights" > "$OUT_y"
    inputs: { m: make.model }
    outputs: { y: y.txt }
`;
}

const REGISTER = `  register:
    uses: register
    with: { model_name: demo, alias: champion, allow_non_validated_model: true }
    inputs: { model: make.model }
`;
