import type { Subscriber } from '../core/events.ts';
import type { World } from '../core/world.ts';
import { callerOf } from './caller.ts';
import { RunSpans } from './run-spans.ts';
import { tracingSettings } from './settings.ts';
import { SpanSender } from './span-sender.ts';

/** Follows one run, and sends it as a trace; disposed of when the run is over. */
export interface Tracing extends AsyncDisposable {
  readonly take: Subscriber;
}

interface Followed {
  readonly world: World;
  readonly version: string;
  /** The name that a submitted run has for who submitted it. */
  readonly submission: string | undefined;
  /** Whether the environment is that of whoever began the run, and not of a service. */
  readonly isOwn: boolean;
  readonly onWarning: (message: string) => void;
}

/** Undefined: whoever began the run wants no trace, or the variables say nothing that can be used. */
export function followRun({ world, version, submission, isOwn, onWarning }: Followed): Tracing | undefined {
  const caller = isOwn ? callerOf(world.env) : undefined;
  if (caller?.isSampled === false) return undefined;
  const settings = tracingSettings(world.env, version);
  if ('problem' in settings) {
    onWarning(`no spans are sent: ${settings.problem}`);
    return undefined;
  }
  const sender = new SpanSender({ settings, version, clock: world.clock, onWarning });
  const spans = new RunSpans({ caller, submission, ended: (span) => sender.add(span) });
  return {
    take: spans.take,
    [Symbol.asyncDispose]: async () => {
      spans.close();
      await sender[Symbol.asyncDispose]();
    },
  };
}
