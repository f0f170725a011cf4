import type { CardBlock } from '../core/card-block.ts';
import type { ReportEntry } from '../core/events.ts';
import type { JsonObject } from '../core/json.ts';
import type { OutputKind } from '../core/kinds.ts';

/** What a card is made from, as it is written down for the process that makes it. */
export interface CardFile {
  readonly step: string;
  readonly config: JsonObject;
  /** Absolute paths of the step's outputs, to be read only. */
  readonly outputs: Readonly<Record<string, string>>;
  readonly kinds: Readonly<Record<string, OutputKind>>;
  /** What the step reported: metrics, parameters, tags, warnings. */
  readonly report: readonly ReportEntry[];
  /** Folder for temporary files; it vanishes afterwards. */
  readonly tmp: string;
}

export interface CardContext extends CardFile {
  /** An output of the kind `value` or `metrics`, parsed. @throws Error if the step has no such output. */
  readonly read: (output: string) => unknown;
}

export type CardDefinition = (context: CardContext) => readonly CardBlock[] | Promise<readonly CardBlock[]>;

/**
 * Gives `definition` its types, and is what is looked for as the export `card` of a component's
 * `card.ts`, or of a step in a single file. It runs when a card is asked for, never during a run, and no
 * result depends on it.
 */
export function defineCard(definition: CardDefinition): CardDefinition {
  return definition;
}
