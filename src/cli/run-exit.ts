import type { RunEvent, RunFinished } from '../core/events.ts';
import { ExitCode } from '../core/exit-code.ts';
import { adviceFor } from '../core/failure.ts';
import { CATALOGUE } from '../core/recipe-error.ts';

/** What a command that follows a run exits with. */
export class RunExit {
  /** What each failed step would have ended the command with, had it been all of it. */
  readonly #failures = new Set<ExitCode>();

  readonly take = (event: RunEvent): void => {
    if (event.type !== 'step.failed') return;
    const { code } = adviceFor(event.failure);
    this.#failures.add(code !== undefined && isErrorCode(code) ? CATALOGUE[code].exit : ExitCode.stepFailed);
  };

  /** A run that failed for one kind of reason only, a server out of reach say, ends with the code of that. */
  of({ outcome }: Pick<RunFinished, 'outcome'>): ExitCode {
    if (outcome === 'succeeded') return ExitCode.ok;
    if (outcome !== 'failed') return ExitCode.interrupted;
    const [only = ExitCode.stepFailed] = this.#failures;
    return this.#failures.size === 1 ? only : ExitCode.stepFailed;
  }
}

function isErrorCode(code: string): code is keyof typeof CATALOGUE {
  return Object.hasOwn(CATALOGUE, code);
}
