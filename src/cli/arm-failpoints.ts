import { writeSync } from 'node:fs';
import {
  DRIVER_FAILPOINTS,
  FAILPOINTS,
  type Failpoint,
  FETCH_FAILPOINTS,
  installFailpoint,
  SCHEDULE_FAILPOINTS,
  UPLOAD_FAILPOINTS,
} from '../core/failpoint.ts';

type Mode = { readonly kind: 'kill' | 'error' } | { readonly kind: 'delay'; readonly ms: number };

const ALL = [
  ...FAILPOINTS,
  ...SCHEDULE_FAILPOINTS,
  ...DRIVER_FAILPOINTS,
  ...FETCH_FAILPOINTS,
  ...UPLOAD_FAILPOINTS,
];

interface Trigger {
  readonly name: Failpoint;
  readonly mode: Mode;
  /** How often the process still comes there before it happens. */
  left: number;
}

/**
 * For tests of crashes, from the environment: `result.before-link@2` kills this process when it comes there
 * the second time; `=error` throws instead, `=delay:200` holds it up for so many milliseconds. Several are
 * separated by commas. Standard error says when it happens.
 */
export function armFailpoints(spec: string | undefined): void {
  if (spec === undefined || spec === '') return;
  const triggers = spec.split(',').map(parse);
  installFailpoint((name) => {
    for (const trigger of triggers) {
      if (trigger.name !== name) continue;
      trigger.left -= 1;
      if (trigger.left === 0) happen(trigger);
    }
  });
}

function parse(text: string): Trigger {
  const [, wanted = '', count = '1', mode = 'kill', ms = '0'] =
    /^([^@=]+)(?:@(\d+))?(?:=(kill|error|delay)(?::(\d+))?)?$/.exec(text) ?? [];
  const name = ALL.find((one) => one === wanted);
  if (name === undefined) throw new Error(`STOCKPOT_FAILPOINT names none: ${text}`);
  return {
    name,
    left: Number(count),
    mode: mode === 'delay' ? { kind: mode, ms: Number(ms) } : { kind: mode === 'error' ? 'error' : 'kill' },
  };
}

function happen({ name, mode }: Trigger): void {
  writeSync(2, `failpoint ${name}: ${mode.kind}\n`);
  switch (mode.kind) {
    case 'kill':
      process.kill(process.pid, 'SIGKILL');
      return;
    case 'error':
      throw Object.assign(new Error(`EIO: failpoint ${name}`), { code: 'EIO' });
    case 'delay':
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, mode.ms);
  }
}
