import type { JsonObject } from './json.ts';
import type { OutputKind } from './kinds.ts';

/**
 * `step.json`, the file named by `STOCKPOT_STEP`: all that a step is told. Paths are absolute. The same
 * in every language; `docs/step-protocol.md` describes it.
 */
export interface StepFile {
  readonly v: 1;
  readonly step: string;
  readonly config: JsonObject;
  /** A file, or a folder: for inputs of kind directory and model, for globs, and for `step.*.output`. */
  readonly inputs: Readonly<
    Record<
      string,
      {
        readonly path: string;
        readonly kind: string;
        readonly digest: string;
        /** What the recipe calls it: a path in the project, an address, `step.output`. For messages only. */
        readonly name?: string;
      }
    >
  >;
  readonly outputs: Readonly<Record<string, { readonly path: string; readonly kind: OutputKind }>>;
  readonly seed: number;
  /** Threads that the step may use: its `resources.cpus`, else those of the machine. Never part of the result. */
  readonly threads: number;
  /** Bytes that the step may use, if it is limited. */
  readonly memoryBytes?: number;
  /** Folder that holds what earlier attempts at the same task left there; if the step declares it. */
  readonly checkpoint?: string;
  /** Folders of the machine, by name, that other steps and runs write to as well; if the step declares them. */
  readonly caches?: Readonly<Record<string, string>>;
  /** File to append JSON lines to: see `ReportEntry`. */
  readonly report: string;
  /** Empty folder that vanishes afterwards. */
  readonly tmp: string;
}
