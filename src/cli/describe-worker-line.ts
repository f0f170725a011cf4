import type { WorkerLine } from '../executors/fleet/fleet-worker.ts';
import { describeSkew } from '../executors/fleet/redis-clock.ts';
import { formatBytes } from '../report/text/format.ts';

/** What a worker does, as a line for a person. */
export function describeWorkerLine(line: WorkerLine): string {
  switch (line.type) {
    case 'fetching':
      return `${line.step} of run ${line.run}: fetches what it needs from the shared cache`;
    case 'fetched':
      return `${line.step} of run ${line.run}: fetched ${formatBytes(line.bytes)} that it needs`;
    case 'began':
      return `${line.step} of run ${line.run} began`;
    case 'ended':
      return `${line.step} of run ${line.run} ${line.outcome}`;
    case 'redis':
      return line.isThere
        ? 'Redis is back: nothing new is begun for a moment'
        : 'Redis does not answer: what runs goes on, nothing new is taken';
    case 'clock':
      return line.isRight
        ? 'the clock of this machine is right again: steps are taken'
        : `the clock of this machine is ${describeSkew(line.skewMs)} that of Redis: nothing is taken until it is set right`;
    case 'problem':
      return `a task was not done, and is begun again: ${line.message}`;
    case 'draining':
      return line.running === 0
        ? 'nothing is taken any more'
        : `nothing is taken any more; ${line.running} running. Again: they end at once`;
  }
}
