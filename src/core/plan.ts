import type { StepId, StepName } from './ids.ts';
import type { Json, JsonObject } from './json.ts';
import type { OutputKind } from './kinds.ts';
import type { NotifySettings } from './notify-settings.ts';
import type { Priority } from './priority.ts';
import type { QueueSettings } from './queue-settings.ts';
import type { ScheduleSettings } from './schedule-rules.ts';

/**
 * A recipe with template, profile, `--set` and matrix worked in: what a run walks. Plain JSON, so that
 * it can be kept and read back without parsing YAML. Steps stand in a topological order.
 */
export interface Plan {
  readonly v: 1;
  /** `flight-delay`: the name of the folder under `recipes/`, or of the project. */
  readonly recipe: string;
  /** Project-relative, with `/`. */
  readonly file: string;
  readonly template?: string;
  readonly profile?: string;
  readonly seed: number;
  readonly experiment?: string;
  /** Top-level keys that the template declares: `target_col`, `primary_metric` … */
  readonly recipeKeys: JsonObject;
  readonly settings: Settings;
  readonly steps: readonly PlanStep[];
  /** Printed once by `run` and `validate`: unused profile values, ignored keys. */
  readonly warnings: readonly PlanWarning[];
}

export interface PlanWarning {
  readonly message: string;
  readonly at?: { readonly file: string; readonly line: number; readonly column: number };
}

/** A profile's settings that this version knows, with their defaults. */
export interface Settings {
  readonly effects: 'all' | 'submitted' | 'none';
  /** Bytes; absent means a quarter of the free disk. */
  readonly cacheMaxBytes?: number;
  readonly salt?: string;
  /** The cache that machines share, as far as the profile says. */
  readonly remote?: RemoteSettings;
  /** Where steps are run: `local` is this machine. */
  readonly executor?: 'fleet' | undefined;
  /** The queue server of a fleet, as far as the profile says. */
  readonly redis?: RedisSettings;
  /** How early a fleet begins the steps; absent means `normal`, and `low` where a clock or a backfill started the run. */
  readonly priority?: Priority;
  /** How long a step waits in a queue of a fleet before it fails; a queue may say otherwise. */
  readonly queueTimeoutMs?: number;
  /** Of a fleet, by name. */
  readonly queues?: Readonly<Record<string, QueueSettings>>;
  /** Named limits: at most so many steps that name them at once. */
  readonly limits: Readonly<Record<string, number>>;
  /** GPUs of this machine that steps may have: how many, or which; absent means all that are found. */
  readonly gpus?: number | readonly string[];
  readonly secrets: Readonly<Record<string, SecretSource>>;
  readonly addresses?: Addresses;
  /** Whether a registered version keeps its root inputs; absent means where the registry is shared. */
  readonly keepInputs?: boolean;
  /** When `recipe schedules apply` would have it run. */
  readonly schedule?: ScheduleSettings;
  /** Whom its schedule tells what became of its ticks. */
  readonly notify?: NotifySettings;
}

/** A cache that machines share; what is absent may stand in the environment. */
export interface RemoteSettings {
  /** A folder (from the project's), `s3://BUCKET/PREFIX` or `https://SERVER`. */
  readonly address?: string;
  readonly endpoint?: string;
  readonly region?: string;
  readonly readOnly?: boolean;
  /** File that holds the private key. */
  readonly signWith?: string;
  /** Public keys, or `any`. */
  readonly accept?: readonly string[];
}

/** Where a fleet's queues are; what is absent may stand in the environment. */
export interface RedisSettings {
  /** `redis://HOST:PORT/DB`, or `rediss:` over TLS. */
  readonly url?: string;
  /** What its keys begin with. */
  readonly prefix?: string;
}

/** Where runs and models are kept, as far as somebody says so. */
export interface Addresses {
  /** `postgres://…` */
  readonly database?: string;
  /** `http://…` of an MLflow server; before the database. */
  readonly tracking?: string;
  /** Of another MLflow server for models. */
  readonly registry?: string;
}

export type SecretSource =
  | { readonly env: string }
  | { readonly file: string }
  | { readonly command: readonly string[] };

export interface PlanStep {
  readonly id: StepId;
  readonly name: StepName;
  /** The matrix axes of this cell, in the order written; absent without a matrix. */
  readonly cell?: Readonly<Record<string, Json>>;
  /** Where the step is written, for messages. */
  readonly at: { readonly file: string; readonly line: number; readonly column: number };
  readonly action: Action;
  /** Resolved configuration; may hold symbols (see `Text`) as `{ $symbol: … }` only in commands, never here. */
  readonly config: JsonObject;
  /** Keys of `config` whose value is a project file that counts by content: `query: sql/x.sql`. */
  readonly configFiles: readonly string[];
  readonly inputs: Readonly<Record<string, PlanInput>>;
  readonly outputs: Readonly<Record<string, PlanOutput>>;
  /** Ids of all steps that the inputs name, without repeats. */
  readonly needs: readonly StepId[];
  /** Globs and files of the project (without `./`) that count as code and are copied into `work/`. */
  readonly code: readonly string[];
  readonly env: Readonly<Record<string, EnvValue>>;
  readonly passEnv: readonly string[];
  /** Without `gpus` nothing is said of them; 0 is that the step sees none. */
  readonly resources: { readonly cpus?: number; readonly memoryBytes?: number; readonly gpus?: number };
  readonly timeoutMs?: number;
  readonly graceMs: number;
  readonly retry: {
    readonly maxAttempts: number;
    readonly backoffMs: number;
    readonly on: readonly string[];
  };
  readonly limits: readonly string[];
  /** Which kind of worker a fleet gives it to; absent means `default`. */
  readonly queue?: string;
  readonly cache: 'always' | 'never' | { readonly ttlMs: number };
  readonly seed: number;
  readonly isolation: 'attempt' | 'project';
  /** Programs whose `--version` counts. */
  readonly tools: readonly string[];
  readonly probe?: Probe;
  /** The step gets a folder that outlives its attempts until one succeeds; a fleet saves it so often. */
  readonly checkpoint?: { readonly everyMs: number };
  /** Names of folders of the machine that steps keep downloads in. */
  readonly caches?: readonly string[];
  /** The step gets MLflow's API for its own run, and what it logs there stands in its report. */
  readonly mlflow?: true;
  /** False only for `when: false`: the step is shown as skipped, with all that needs it. */
  readonly when: boolean;
}

export type Action =
  /** Argv without a shell; each element is text with symbols in it. */
  | { readonly kind: 'argv'; readonly argv: readonly Text[] }
  /** `bash -euo pipefail -c script`; `variables` are `STOCKPOT_0` … */
  | { readonly kind: 'bash'; readonly script: string; readonly variables: Readonly<Record<string, Text>> }
  /** A shipped component: `version` stands for its code. */
  | {
      readonly kind: 'shipped';
      readonly component: string;
      readonly version: string;
      readonly effect?: string;
    }
  /** One's own component: entry is project-relative, its code counts by content. */
  | {
      readonly kind: 'own';
      readonly entry: string;
      readonly runtime: 'node' | 'python' | 'exec';
      readonly effect?: string;
    };

/** Text with symbols that become paths in an attempt only: `['--out=', { output: 'raw' }]`, or plain text. */
export type Text = string | readonly TextPart[];
export type TextPart =
  | string
  | { readonly input: string }
  | { readonly output: string }
  | { readonly checkpoint: true }
  | { readonly cache: string };

export type PlanInput =
  | { readonly kind: 'output'; readonly step: StepId; readonly output: string }
  /** All cells of a matrix: arrives as the folder `in/<name>/<cell>`. */
  | {
      readonly kind: 'cells';
      readonly output: string;
      readonly cells: readonly { readonly cell: string; readonly step: StepId }[];
    }
  /** A file, folder or glob of the project, without `./`. */
  | { readonly kind: 'path'; readonly path: string; readonly glob: boolean; readonly at: PlanStep['at'] }
  /** Several references under one name: arrives as a folder of numbered entries, `000-flights.csv`. */
  | { readonly kind: 'list'; readonly items: readonly PlanInput[] }
  | { readonly kind: 'uri'; readonly uri: string }
  | {
      readonly kind: 'model';
      readonly reference: string;
      readonly name: string;
      readonly alias?: string;
      readonly version?: string;
    };

export interface PlanOutput {
  /** Relative to `out/`, with `/`. */
  readonly path: string;
  readonly kind: OutputKind;
}

export type EnvValue =
  | string
  | { readonly secret: string; readonly version?: string }
  | { readonly text: Text };

export type Probe =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'http'; readonly url: string }
  | { readonly kind: 'command'; readonly argv: readonly string[] };
