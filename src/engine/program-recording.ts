import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hasCode } from '../core/recipe-error.ts';
import type { ProcessIdentity } from './single-flight.ts';
import type { KeyValue } from './tracking-port.ts';

/** A program that is being tracked, as its folder tells whoever finds it after a crash. */
export interface ProgramRecording {
  readonly v: 1;
  /** Who sees it to its end. */
  readonly owner: ProcessIdentity;
  /** Id of the tracked run. */
  readonly run: string;
  /** Name that the run has if nobody gives it another. */
  readonly called: string;
  readonly startTime: number;
  /** Name of the place that tracks the run; absent for the home. */
  readonly place?: string;
  readonly tags: readonly KeyValue[];
  /** What the command line says, which is more than what the program says. */
  readonly name?: string;
  readonly experiment?: string;
  /** Used if neither says one. */
  readonly fallbackExperiment: string;
}

const FILE = 'program.json';

export function keepProgramRecording(dir: string, recording: ProgramRecording): void {
  writeFileSync(join(dir, FILE), JSON.stringify(recording));
}

/** Undefined if it is not whole: it had not begun. */
export function readProgramRecording(dir: string): ProgramRecording | undefined {
  try {
    return JSON.parse(readFileSync(join(dir, FILE), 'utf8')) as ProgramRecording;
  } catch (error) {
    if (error instanceof SyntaxError || hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}
