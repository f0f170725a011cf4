import type { Static, TSchema } from 'typebox';
import type { ReportEntry } from '../core/events.ts';
import type { OutputKind } from '../core/kinds.ts';

/** What a step written in TypeScript is: `component.yaml` is written from it. */
export interface StepDefinition<
  C extends TSchema = TSchema,
  I extends Readonly<Record<string, InputSpec>> = Readonly<Record<string, InputSpec>>,
  O extends Readonly<Record<string, OutputSpec>> = Readonly<Record<string, OutputSpec>>,
> {
  /** One line for people. */
  readonly title: string;
  /** Stands for the code of a shipped component; of one's own, the code itself counts. */
  readonly version?: string;
  readonly config: C;
  readonly inputs: I;
  readonly outputs: O;
  /** What the driver reconciles from the output `request`. */
  readonly effect?: string;
  readonly run: (context: StepContext<C, I, O>) => Promise<void> | void;
}

export interface InputSpec {
  readonly kind?: OutputKind | 'any';
  readonly optional?: boolean;
  readonly description?: string;
}

export interface OutputSpec {
  /** File or folder name below `out/`. */
  readonly path: string;
  readonly kind: OutputKind;
  readonly description?: string;
}

/** All that a step is given. Nothing else of the machine is promised. */
export interface StepContext<
  C extends TSchema = TSchema,
  I extends Readonly<Record<string, InputSpec>> = Readonly<Record<string, InputSpec>>,
  O extends Readonly<Record<string, OutputSpec>> = Readonly<Record<string, OutputSpec>>,
> {
  readonly step: string;
  /** Checked against the schema, defaults filled in. */
  readonly config: Static<C>;
  /** Absolute paths; an optional input that is not given is undefined. */
  readonly inputs: { readonly [K in keyof I]: I[K] extends { optional: true } ? string | undefined : string };
  /** SHA-256 of each input, as `explain` shows it. */
  readonly inputDigests: { readonly [K in keyof I]: string | undefined };
  /** What the recipe calls each input, for messages: a file's path in the project, an address. */
  readonly inputNames: { readonly [K in keyof I]: string | undefined };
  /** Absolute paths to write to. */
  readonly outputs: { readonly [K in keyof O]: string };
  readonly seed: number;
  /** Threads to use at most. The result must not depend on it. */
  readonly threads: number;
  /** Bytes to use at most, if the step is limited. */
  readonly memoryBytes: number | undefined;
  /** Folder for temporary files; it vanishes afterwards. */
  readonly tmp: string;
  /** Folder with what earlier attempts at the same task left there; if the step declares `checkpoint: true`. */
  readonly checkpoint: string | undefined;
  /** Folders that are kept on this machine, by name; those that the step declares under `caches:`. */
  readonly caches: Readonly<Record<string, string>>;
  readonly report: (entry: ReportEntry) => void;
}

/** Gives `definition` its types, and is what the runner looks for as the export `step`. */
export function defineStep<
  C extends TSchema,
  const I extends Readonly<Record<string, InputSpec>>,
  const O extends Readonly<Record<string, OutputSpec>>,
>(definition: StepDefinition<C, I, O>): StepDefinition<C, I, O> {
  return definition;
}
